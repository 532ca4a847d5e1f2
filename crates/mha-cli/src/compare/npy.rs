//! NumPy's `.npy` files. The format is a magic number, a version, a header and the elements. NumPy writes the header as the
//! text of a dictionary with three known keys, so it takes no parser of Python, which is what crates for the format bring.

use std::path::Path;

use half::f16;
use ort_webgpu_attention::host::{Data, ElementType, Tensor};

const MAGIC: &[u8] = b"\x93NUMPY";

/// Reads a file whose elements are of type `element`.
///
/// # Errors
/// What the file must be, and what it is.
pub(super) fn read(file: &Path, element: ElementType) -> Result<Tensor, String> {
    let bytes = std::fs::read(file).map_err(|error| format!("'{}' can't be read ({error})", file.display()))?;
    parse(&bytes, element).map_err(|why| format!("{why} in '{}'", file.display()))
}

fn parse(bytes: &[u8], element: ElementType) -> Result<Tensor, String> {
    let (header, elements) = split(bytes).ok_or("an .npy file begins as numpy.save writes it, got something else")?;
    let value = |key: &str| Some(header.split_once(&format!("'{key}':"))?.1.trim_start());
    let quoted = |text: &str| text.strip_prefix('\'')?.split_once('\'').map(|(descr, _)| descr.to_owned());
    let descr = value("descr").and_then(quoted).unwrap_or_else(|| "fields".to_owned());
    if descr != code(element) {
        return Err(format!("its elements are {element} ({}), got {descr}", code(element)));
    }
    let order = value("fortran_order").ok_or("an .npy header has a fortran_order, got none")?;
    let shape = value("shape").and_then(sizes).ok_or("an .npy header has a shape of numbers, got none")?;
    if !order.starts_with("False") && shape.len() > 1 {
        return Err(
            "an .npy file has elements in C order (numpy.ascontiguousarray makes it so), got Fortran order".into()
        );
    }
    let count = shape.iter().try_fold(1_usize, |count, &size| count.checked_mul(size));
    let (size, got) = (size(element), elements.len());
    if count.and_then(|count| count.checked_mul(size)) != Some(got) {
        return Err(format!("a shape of {shape:?} takes {size} bytes for each element, got {got} bytes in all"));
    }
    Ok(Tensor { shape, data: data(element, elements) })
}

/// Header and elements.
fn split(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let ([major, _minor], rest) = rest.split_first_chunk()?;
    // Version 1 has 16 bits for the header's length.
    let (len, rest) = match major {
        1 => rest.split_first_chunk().map(|(len, rest)| (usize::from(u16::from_le_bytes(*len)), rest))?,
        2 | 3 => rest.split_first_chunk().map(|(len, rest)| (u32::from_le_bytes(*len) as usize, rest))?,
        _ => return None,
    };
    let (header, elements) = rest.split_at_checked(len)?;
    Some((std::str::from_utf8(header).ok()?, elements))
}

/// The sizes of a shape: `()`, `(3,)`, `(3, 4)`.
fn sizes(text: &str) -> Option<Vec<usize>> {
    let (inside, _) = text.strip_prefix('(')?.split_once(')')?;
    inside.split(',').map(str::trim).filter(|size| !size.is_empty()).map(|size| size.parse().ok()).collect()
}

/// NumPy's code of a type, little-endian.
fn code(element: ElementType) -> &'static str {
    match element {
        ElementType::F32 => "<f4",
        ElementType::F16 => "<f2",
        ElementType::I32 => "<i4",
        ElementType::I64 => "<i8",
        ElementType::U8 => "|u1",
        ElementType::Bool => "|b1",
    }
}

/// Bytes of an element.
fn size(element: ElementType) -> usize {
    match element {
        ElementType::I64 => 8,
        ElementType::F32 | ElementType::I32 => 4,
        ElementType::F16 => 2,
        ElementType::U8 | ElementType::Bool => 1,
    }
}

fn data(element: ElementType, bytes: &[u8]) -> Data {
    fn each<const N: usize, T>(bytes: &[u8], value: impl Fn([u8; N]) -> T) -> Vec<T> {
        bytes.as_chunks().0.iter().map(|chunk| value(*chunk)).collect()
    }
    match element {
        ElementType::F32 => Data::F32(each(bytes, f32::from_le_bytes)),
        ElementType::F16 => Data::F16(each(bytes, f16::from_le_bytes)),
        ElementType::I32 => Data::I32(each(bytes, i32::from_le_bytes)),
        ElementType::I64 => Data::I64(each(bytes, i64::from_le_bytes)),
        ElementType::U8 => Data::U8(bytes.to_vec()),
        ElementType::Bool => Data::Bool(each(bytes, |[byte]| byte != 0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file as NumPy writes it.
    fn file(version: u8, descr: &str, fortran: &str, shape: &str, elements: &[u8]) -> Vec<u8> {
        let header = format!("{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
        let mut bytes = [MAGIC, &[version, 0]].concat();
        match version {
            1 => bytes.extend((header.len() as u16).to_le_bytes()),
            _ => bytes.extend((header.len() as u32).to_le_bytes()),
        }
        [&bytes, header.as_bytes(), elements].concat()
    }

    #[test]
    fn every_type_is_read() {
        let half = [f16::from_f32(-1.5), f16::from_f32(2.0)];
        let cases: [(&str, Vec<u8>, Data); 6] = [
            ("'<f4'", [1.5_f32, -2.0].map(f32::to_le_bytes).concat(), Data::F32(vec![1.5, -2.0])),
            ("'<f2'", half.map(f16::to_le_bytes).concat(), Data::F16(half.to_vec())),
            ("'<i4'", [7_i32, -8].map(i32::to_le_bytes).concat(), Data::I32(vec![7, -8])),
            ("'<i8'", [7_i64, -8].map(i64::to_le_bytes).concat(), Data::I64(vec![7, -8])),
            ("'|u1'", vec![0, 255], Data::U8(vec![0, 255])),
            ("'|b1'", vec![0, 1], Data::Bool(vec![false, true])),
        ];
        for (descr, bytes, data) in cases {
            for version in [1, 2, 3] {
                let got = parse(&file(version, descr, "False", "(1, 2)", &bytes), data.element());
                assert_eq!(got, Ok(Tensor { shape: vec![1, 2], data: data.clone() }), "{descr}");
            }
        }
    }

    #[test]
    fn shapes_have_any_rank() {
        for (shape, sizes) in [("()", vec![]), ("(1,)", vec![1]), ("(1, 1, 1)", vec![1, 1, 1])] {
            assert_eq!(parse(&file(1, "'|u1'", "False", shape, &[9]), ElementType::U8).unwrap().shape, sizes);
        }
        assert_eq!(parse(&file(1, "'|u1'", "False", "(2, 0)", &[]), ElementType::U8).unwrap().data, Data::U8(vec![]));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let cases = [
            (file(1, "'<f8'", "False", "(1,)", &[0; 8]), "float32 (<f4), got <f8"),
            (file(1, "'>f4'", "False", "(1,)", &[0; 4]), "float32 (<f4), got >f4"),
            (file(1, "[('a', '<f4')]", "False", "(1,)", &[0; 4]), "float32 (<f4), got fields"),
            (file(1, "'<f4'", "True", "(1, 1)", &[0; 4]), "got Fortran order"),
            (file(1, "'<f4'", "False", "(2,)", &[0; 4]), "got 4 bytes in all"),
            (file(1, "'<f4'", "False", "(4294967296, 4294967296)", &[0; 4]), "got 4 bytes in all"),
            (file(1, "'<f4'", "False", "(x,)", &[0; 4]), "a shape of numbers"),
            (file(9, "'<f4'", "False", "(1,)", &[0; 4]), "got something else"),
            (b"\x93NUMPY\x01\x00\xff\xff{}".to_vec(), "got something else"),
            (b"PK".to_vec(), "got something else"),
            (Vec::new(), "got something else"),
        ];
        for (bytes, message) in cases {
            let error = parse(&bytes, ElementType::F32).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
    }
}
