//! [`Scratch`]: tensors that live as long as a run, for inner kernels to read and write.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use arrayvec::ArrayVec;
use ort::sys as ort_sys;

use super::api::Api;
use super::failure::{Code, Failure};
use super::tensor::Element;

/// How many tensors that nobody uses an arena keeps: more than one call needs.
const KEPT: usize = 16;
/// Tensors of more bytes than this are kept only until one is missing, as their memory may be what that is made of, and up to so
/// many bytes of them, which other nodes then can't use. To make four of a megabyte anew in each call took 3 % of its 120 us.
const LARGE: usize = 512 << 10;
const KEPT_LARGE: usize = 16 << 20;

/// A shape with as many dimensions as tensors that are kept may have.
type Dims = ArrayVec<i64, 5>;

/// The allocator of a session's CPU provider: what it hands out was mostly used before, so that no page of it is new to the
/// process. Small tensors are kept for the next run, and for other nodes of the session.
pub(crate) struct Arena {
    api: Api,
    allocator: *mut ort_sys::OrtAllocator,
    /// Tensors that nobody uses, the one last used last.
    kept: Mutex<ArrayVec<Kept, KEPT>>,
}

/// A tensor that nobody uses.
struct Kept {
    dims: Dims,
    bytes: usize,
    value: *mut ort_sys::OrtValue,
}

impl Kept {
    fn is_large(&self) -> bool {
        self.bytes > LARGE
    }
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
        let sized = Dims::try_from(shape).ok().zip(bytes(shape));
        let value = match sized.as_ref().and_then(|(dims, _)| self.take(dims)) {
            Some(value) => value,
            None => {
                if sized.as_ref().is_none_or(|(_, bytes)| *bytes > LARGE) {
                    self.release_large();
                }
                self.new_tensor(shape)?
            }
        };
        Ok(Scratch { api: self.api, value, home: Home::Arena(self, sized) })
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
        let index = kept.iter().rposition(|known| known.dims == *dims)?;
        Some(kept.remove(index).value)
    }

    /// Takes back a tensor, in place of the one longest unused where there is no room.
    fn keep(&self, tensor: Kept) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let large: usize = kept.iter().filter(|known| known.is_large()).map(|known| known.bytes).sum();
        if tensor.is_large() && large.saturating_add(tensor.bytes) > KEPT_LARGE {
            drop(kept);
            return self.release(tensor);
        }
        let longest_unused = if kept.is_full() { kept.pop_at(0) } else { None };
        kept.push(tensor);
        drop(kept);
        longest_unused.into_iter().for_each(|tensor| self.release(tensor));
    }

    fn release_large(&self) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (large, small) = kept.take().into_iter().partition::<ArrayVec<_, KEPT>, _>(Kept::is_large);
        *kept = small;
        drop(kept);
        large.into_iter().for_each(|tensor| self.release(tensor));
    }

    fn release(&self, tensor: Kept) {
        // SAFETY: made by `new_tensor`, released once: it is on no list now.
        unsafe { (self.api.table().ReleaseValue)(tensor.value) };
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
        for Kept { value, .. } in kept.drain(..) {
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
    /// With its shape and bytes, if it may go back.
    Arena(&'a Arena, Option<(Dims, usize)>),
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
        if let Home::Arena(arena, sized) = &mut self.home
            && let Some((dims, bytes)) = sized.take()
        {
            return arena.keep(Kept { dims, bytes, value: self.value });
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
    fn large_tensors_are_kept_until_one_is_missing() {
        let large = |length: i64| [1 + length, LARGE as i64 / 4];
        let counts = counted(|arena| {
            drop(arena.tensor(&[5]).unwrap());
            for _ in 0..3 {
                let both = [1, 2].map(|length| arena.tensor(&large(length)).unwrap());
                drop(both);
            }
        });
        assert_eq!(counts, [(3, 0), (3, 3)]);
        // A cache that grows finds one of the last call's, and makes the other of the memory of what is left.
        let counts = counted(|arena| {
            for length in 1..5 {
                let both = [length, length + 1].map(|length| arena.tensor(&large(length)).unwrap());
                drop(both);
            }
        });
        assert_eq!(counts, [(5, 3), (5, 5)]);
    }

    #[test]
    fn what_is_too_large_or_has_too_many_dimensions_is_not_kept() {
        let counts = counted(|arena| {
            for shape in [&[1, 1 + KEPT_LARGE as i64 / 4][..], &[1 << 40, 1 << 40], &[1; 6]] {
                (0..3).for_each(|_| drop(arena.tensor(shape).unwrap()));
            }
        });
        assert_eq!(counts, [(9, 9), (9, 9)]);
        // All of them together may have as much.
        let half = [KEPT_LARGE as i64 / 8];
        let counts = counted(|arena| drop([(); 3].map(|()| arena.tensor(&half).unwrap())));
        assert_eq!(counts, [(3, 1), (3, 3)]);
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
