//! Packed queries, keys and values in the form that ONNX Runtime's CPU kernel takes: float32, and apart.

use half::f16;
use half::slice::{HalfBitsSliceExt, HalfFloatSliceExt};
use mha_spec::DType;

use crate::sys::{Code, Failure};

/// Elements converted at a time.
const BLOCK: usize = 512;

/// The elements of a floating-point tensor as float32.
pub(super) fn to_f32(bytes: &[u8], dtype: DType) -> Result<Vec<f32>, Failure> {
    let mut values = zeros(bytes.len() / dtype.size() as usize)?;
    match dtype {
        DType::F32 => {
            for (value, &bytes) in values.iter_mut().zip(bytes.as_chunks().0) {
                *value = f32::from_ne_bytes(bytes);
            }
        }
        // By way of a block, as the tensor's bytes need not be aligned.
        DType::F16 => {
            for (values, bytes) in values.chunks_mut(BLOCK).zip(bytes.chunks(2 * BLOCK)) {
                let mut block = [0u16; BLOCK];
                for (bits, &bytes) in block.iter_mut().zip(bytes.as_chunks().0) {
                    *bits = u16::from_ne_bytes(bytes);
                }
                block[..values.len()].reinterpret_cast::<f16>().convert_to_f32_slice(values);
            }
        }
    }
    Ok(values)
}

/// Splits a packed tensor (…, N, P, H) into its P parts, each (…, N·H).
pub(super) fn unpack<const P: usize>(packed: &[f32], head_size: usize) -> Result<[Vec<f32>; P], Failure> {
    let mut parts = [const { Vec::new() }; P];
    for part in &mut parts {
        *part = reserved(packed.len() / P)?;
    }
    for heads in packed.chunks_exact(P * head_size) {
        for (part, head) in parts.iter_mut().zip(heads.chunks_exact(head_size)) {
            part.extend_from_slice(head);
        }
    }
    Ok(parts)
}

/// `len` zeros.
fn zeros(len: usize) -> Result<Vec<f32>, Failure> {
    let mut values = reserved(len)?;
    values.resize(len, 0.0);
    Ok(values)
}

/// An empty vector with room for `len` values; too large a one is an error, not the end of the process.
fn reserved(len: usize) -> Result<Vec<f32>, Failure> {
    let mut values = Vec::new();
    values.try_reserve_exact(len).map_err(|_| {
        Failure::new(Code::Fail, format!("temporary tensors must fit in memory; received one of {len} float32 values"))
    })?;
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_at_odd_addresses() {
        let values: Vec<f32> = (0..1500).map(|i| i as f32 * 0.25 - 100.0).collect();
        let halves = values.iter().flat_map(|&value| f16::from_f32(value).to_ne_bytes());
        let words = values.iter().flat_map(|value| value.to_ne_bytes());
        for (dtype, bytes) in [(DType::F16, halves.collect::<Vec<u8>>()), (DType::F32, words.collect())] {
            let bytes: Vec<u8> = std::iter::once(0).chain(bytes).collect();
            assert_eq!(to_f32(&bytes[1..], dtype).unwrap(), values, "{dtype:?}");
        }
    }

    #[test]
    fn unpack_follows_the_layout() {
        // (1 token, N = 2, P = 3, H = 2)
        let packed: Vec<f32> = (0..12).map(|i| i as f32).collect();
        let [q, k, v] = unpack(&packed, 2).unwrap();
        assert_eq!(q, [0.0, 1.0, 6.0, 7.0]);
        assert_eq!(k, [2.0, 3.0, 8.0, 9.0]);
        assert_eq!(v, [4.0, 5.0, 10.0, 11.0]);
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let failure = zeros(usize::MAX / 8).unwrap_err();
        assert_eq!(failure.code, Code::Fail);
    }
}
