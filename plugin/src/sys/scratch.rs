//! [`Scratch`]: tensors that live as long as a run, for inner kernels to read and write.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use arrayvec::ArrayVec;
use ort::sys as ort_sys;

use super::api::Api;
use super::failure::{Code, Failure};
use super::tensor::Element;

/// How many tensors that nobody uses an arena keeps, more than one call needs, and bytes of one at the most: the memory stays
/// small, and to make a tensor anew is dear beside short calls only.
const KEPT: usize = 16;
const KEPT_BYTES: usize = 512 << 10;

/// A shape with as many dimensions as tensors that are kept may have.
type Dims = ArrayVec<i64, 5>;

/// The allocator of a session's CPU provider: what it hands out was mostly used before, so that no page of it is new to the
/// process. Small tensors are kept for the next run, and for other nodes of the session.
pub(crate) struct Arena {
    api: Api,
    allocator: *mut ort_sys::OrtAllocator,
    /// Tensors that nobody uses, the one last used last.
    kept: Mutex<ArrayVec<(Dims, *mut ort_sys::OrtValue), KEPT>>,
}

// SAFETY: ONNX Runtime itself allocates from several threads at once, and a tensor that is kept is nobody's.
unsafe impl Send for Arena {}
// SAFETY: as above; the list of tensors is behind a lock.
unsafe impl Sync for Arena {}

impl Arena {
    /// # Safety
    /// `info` is the kernel info of the call under way.
    pub(super) unsafe fn new(api: Api, info: *const ort_sys::OrtKernelInfo) -> Result<Arena, Failure> {
        let mut allocator = std::ptr::null_mut();
        call!(api, KernelInfoGetAllocator(info, ort_sys::OrtMemType::OrtMemTypeDefault, &mut allocator))?;
        Ok(Arena { api, allocator, kept: Mutex::default() })
    }

    /// A float32 tensor for an inner kernel to write; until then its content is whatever was there.
    pub(crate) fn tensor(&self, shape: &[i64]) -> Result<Scratch<'_>, Failure> {
        let dims = Dims::try_from(shape).ok().filter(|_| bytes(shape).is_some_and(|bytes| bytes <= KEPT_BYTES));
        let kept = dims.as_ref().and_then(|dims| self.take(dims));
        let value = match kept {
            Some(value) => value,
            None => self.new_tensor(shape)?,
        };
        Ok(Scratch { api: self.api, value, home: Home::Arena(self, dims) })
    }

    fn new_tensor(&self, shape: &[i64]) -> Result<*mut ort_sys::OrtValue, Failure> {
        let mut value = std::ptr::null_mut();
        let element = Element::Float32.to_raw();
        call!(self.api, CreateTensorAsOrtValue(self.allocator, shape.as_ptr(), shape.len(), element, &mut value))
            .map_err(|failure| {
                let rule = format!("temporary tensors must fit in memory; received one of shape {shape:?}");
                Failure::new(Code::Fail, format!("{rule} ({failure})"))
            })?;
        Ok(value)
    }

    fn take(&self, dims: &Dims) -> Option<*mut ort_sys::OrtValue> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let index = kept.iter().rposition(|(known, _)| known == dims)?;
        Some(kept.remove(index).1)
    }

    /// Takes back a tensor of this shape, in place of the one longest unused where there is no room.
    fn keep(&self, dims: Dims, value: *mut ort_sys::OrtValue) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let longest_unused = if kept.is_full() { kept.pop_at(0) } else { None };
        kept.push((dims, value));
        drop(kept);
        if let Some((_, value)) = longest_unused {
            // SAFETY: made by `new_tensor`, released once: it is on no list now.
            unsafe { (self.api.table().ReleaseValue)(value) };
        }
    }
}

impl fmt::Debug for Arena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arena").finish_non_exhaustive()
    }
}

/// Bytes of a float32 tensor.
fn bytes(shape: &[i64]) -> Option<usize> {
    shape.iter().try_fold(size_of::<f32>(), |len, &dim| len.checked_mul(usize::try_from(dim).ok()?))
}

impl Drop for Arena {
    fn drop(&mut self) {
        let kept = self.kept.get_mut().unwrap_or_else(PoisonError::into_inner);
        for (_, value) in kept.drain(..) {
            // SAFETY: made by `new_tensor`, released once: those in use borrow the arena.
            unsafe { (self.api.table().ReleaseValue)(value) };
        }
        // SAFETY: given by KernelInfoGetAllocator, released once, after every tensor of it.
        unsafe { (self.api.table().ReleaseAllocator)(self.allocator) };
    }
}

/// A float32 tensor in memory of our own, or of an arena.
pub(crate) struct Scratch<'a> {
    api: Api,
    pub(super) value: *mut ort_sys::OrtValue,
    home: Home<'a>,
}

/// Where a tensor's memory is from.
enum Home<'a> {
    /// What the tensor lies over.
    Own { _data: Vec<f32> },
    /// With its shape, if it may go back.
    Arena(&'a Arena, Option<Dims>),
}

impl Scratch<'_> {
    pub(super) fn over(api: Api, shape: &[i64], mut data: Vec<f32>) -> Result<Self, Failure> {
        if bytes(shape) != Some(size_of_val(data.as_slice())) {
            let rule = "a tensor has as many elements as its shape says";
            return Err(Failure::new(Code::Fail, format!("{rule}; received {} for shape {shape:?}", data.len())));
        }
        let mut memory_info = std::ptr::null_mut();
        call!(
            api,
            CreateCpuMemoryInfo(
                ort_sys::OrtAllocatorType::OrtDeviceAllocator,
                ort_sys::OrtMemType::OrtMemTypeDefault,
                &mut memory_info,
            )
        )?;
        let mut value = std::ptr::null_mut();
        let outcome = call!(
            api,
            CreateTensorWithDataAsOrtValue(
                memory_info,
                data.as_mut_ptr().cast(),
                size_of_val(data.as_slice()),
                shape.as_ptr(),
                shape.len(),
                Element::Float32.to_raw(),
                &mut value,
            )
        );
        // SAFETY: made above, released once; the tensor has its own copy.
        unsafe { (api.table().ReleaseMemoryInfo)(memory_info) };
        outcome?;
        Ok(Scratch { api, value, home: Home::Own { _data: data } })
    }
}

impl Drop for Scratch<'_> {
    fn drop(&mut self) {
        if let Home::Arena(arena, dims) = &mut self.home
            && let Some(dims) = dims.take()
        {
            return arena.keep(dims, self.value);
        }
        // SAFETY: made by one of the functions above, released once, before the memory under it.
        unsafe { (self.api.table().ReleaseValue)(self.value) };
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        static MADE: Cell<usize> = const { Cell::new(0) };
        static RELEASED: Cell<usize> = const { Cell::new(0) };
    }

    unsafe extern "system" fn make(
        _allocator: *mut ort_sys::OrtAllocator,
        _shape: *const i64,
        _rank: usize,
        _element: ort_sys::ONNXTensorElementDataType,
        out: *mut *mut ort_sys::OrtValue,
    ) -> ort_sys::OrtStatusPtr {
        MADE.set(MADE.get() + 1);
        // SAFETY: `new_tensor` passes a place for the tensor.
        unsafe { out.write(std::ptr::without_provenance_mut(MADE.get())) };
        ort_sys::OrtStatusPtr::default()
    }

    unsafe extern "system" fn release(_value: *mut ort_sys::OrtValue) {
        RELEASED.set(RELEASED.get() + 1);
    }

    unsafe extern "system" fn release_allocator(_allocator: *mut ort_sys::OrtAllocator) {}

    /// Tensors made and released while `body` has an arena, and after that.
    fn counted(body: impl FnOnce(&Arena)) -> [(usize, usize); 2] {
        static TABLE: ort_sys::OrtApi = ort_sys::OrtApi {
            CreateTensorAsOrtValue: make,
            ReleaseValue: release,
            ReleaseAllocator: release_allocator,
            ..ort_sys::stub::api()
        };
        MADE.set(0);
        RELEASED.set(0);
        // SAFETY: the table is static and complete.
        let api = unsafe { Api::from_table(&TABLE) };
        let arena = Arena { api, allocator: std::ptr::null_mut(), kept: Mutex::default() };
        body(&arena);
        let during = (MADE.get(), RELEASED.get());
        drop(arena);
        [during, (MADE.get(), RELEASED.get())]
    }

    #[test]
    fn a_tensor_is_made_once_for_each_shape_in_use() {
        let counts = counted(|arena| {
            for _ in 0..10 {
                let first = arena.tensor(&[2, 3]).unwrap();
                let second = arena.tensor(&[2, 3]).unwrap();
                let other = arena.tensor(&[3, 2]).unwrap();
                assert!(first.value != second.value && first.value != other.value && second.value != other.value);
            }
        });
        assert_eq!(counts, [(3, 0), (3, 3)]);
    }

    #[test]
    fn large_tensors_are_not_kept() {
        let counts = counted(|arena| {
            for shape in [&[1, 1 + KEPT_BYTES as i64 / 4][..], &[1 << 40, 1 << 40], &[1; 6]] {
                (0..3).for_each(|_| drop(arena.tensor(shape).unwrap()));
            }
        });
        assert_eq!(counts, [(9, 9), (9, 9)]);
    }

    #[test]
    fn the_one_longest_unused_makes_room() {
        let counts = counted(|arena| {
            let lengths = || 0..=KEPT as i64;
            lengths().for_each(|length| drop(arena.tensor(&[length]).unwrap()));
            // The last one made the first go, and no other.
            lengths().rev().for_each(|length| drop(arena.tensor(&[length]).unwrap()));
        });
        assert_eq!(counts, [(KEPT + 2, 2), (KEPT + 2, KEPT + 2)]);
    }
}
