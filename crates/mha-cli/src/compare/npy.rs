//! NumPy's `.npy` files. The format is a magic number, a version, a header and the elements. NumPy writes the header as the
//! text of a dictionary with three known keys, so it takes no parser of Python, which is what crates for the format bring.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use half::f16;
use ort_webgpu_attention::host::{Data, ElementType, Tensor};

const MAGIC: &[u8] = b"\x93NUMPY";

/// No header of a type without fields comes near it.
const LONGEST_HEADER: u64 = 1 << 20;

/// A file whose header is read.
pub(super) struct Npy {
    pub(super) shape: Vec<usize>,
    pub(super) path: PathBuf,
    element: ElementType,
    rest: BufReader<File>,
}

impl Npy {
    /// Opens a file whose elements are of type `element`.
    ///
    /// # Errors
    /// What the file must be, and what it is.
    pub(super) fn open(path: &Path, element: ElementType) -> Result<Npy, String> {
        let file = File::open(path).map_err(|error| format!("'{}' can't be read ({error})", path.display()))?;
        let mut rest = BufReader::new(file);
        let shape = shape(&mut rest, element).map_err(|why| why.about(path))?;
        Ok(Npy { shape, path: path.to_owned(), element, rest })
    }

    /// Reads its elements.
    ///
    /// # Errors
    /// As [`Npy::open`].
    pub(super) fn load(mut self) -> Result<Tensor, String> {
        let data = elements(&mut self.rest, &self.shape, self.element).map_err(|why| why.about(&self.path))?;
        Ok(Tensor { shape: self.shape, data })
    }
}

/// What is wrong with a file.
#[derive(Debug)]
enum Fault {
    Unread(io::Error),
    Unlike(String),
}

impl Fault {
    fn about(self, path: &Path) -> String {
        match self {
            Fault::Unread(error) => format!("'{}' can't be read ({error})", path.display()),
            Fault::Unlike(why) => format!("{why} in '{}'", path.display()),
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Fault::Unread(error)
    }
}

impl From<String> for Fault {
    fn from(why: String) -> Self {
        Fault::Unlike(why)
    }
}

impl From<&str> for Fault {
    fn from(why: &str) -> Self {
        Fault::Unlike(why.to_owned())
    }
}

/// Reads a header, and gives the shape in it.
fn shape(file: &mut impl Read, element: ElementType) -> Result<Vec<usize>, Fault> {
    let header = header(file)?.ok_or("an .npy file begins as numpy.save writes it, got something else")?;
    let value = |key: &str| Some(header.split_once(&format!("'{key}':"))?.1.trim_start());
    let quoted = |text: &str| text.strip_prefix('\'')?.split_once('\'').map(|(descr, _)| descr.to_owned());
    let descr = value("descr").and_then(quoted).unwrap_or_else(|| "fields".to_owned());
    if descr != code(element) {
        return Err(format!("its elements are {element} ({}), got {descr}", code(element)).into());
    }
    let order = value("fortran_order").ok_or("an .npy header has a fortran_order, got none")?;
    let shape = value("shape").and_then(sizes).ok_or("an .npy header has a shape of numbers, got none")?;
    if !order.starts_with("False") && shape.len() > 1 {
        return Err(
            "an .npy file has elements in C order (numpy.ascontiguousarray makes it so), got Fortran order".into()
        );
    }
    Ok(shape)
}

/// Reads the elements behind a header.
fn elements(file: &mut impl Read, shape: &[usize], element: ElementType) -> Result<Data, Fault> {
    let size = size(element);
    let length = shape.iter().fold(size as u64, |length, &size| length.saturating_mul(size as u64));
    // One more tells whether there are more.
    let bytes = up_to(file, length.saturating_add(1))?;
    let got = bytes.len() as u64;
    if got != length {
        let got = if got > length { "more".to_owned() } else { format!("{got} bytes in all") };
        return Err(format!("a shape of {shape:?} takes {size} bytes for each element, got {got}").into());
    }
    Ok(data(element, &bytes))
}

/// The text of the header; none where there is something else.
fn header(file: &mut impl Read) -> io::Result<Option<String>> {
    let start = up_to(file, 8)?;
    // Version 1 has 16 bits for the header's length.
    let width = match start.strip_prefix(MAGIC) {
        Some([1, _minor]) => 2,
        Some([2 | 3, _minor]) => 4,
        _ => return Ok(None),
    };
    let mut length = up_to(file, width)?;
    length.resize(8, 0);
    let length = length.try_into().map_or(0, u64::from_le_bytes);
    let text = up_to(file, length.min(LONGEST_HEADER))?;
    Ok(String::from_utf8(text).ok().filter(|text| text.len() as u64 == length))
}

/// The next so many bytes, fewer where the file ends.
fn up_to(file: &mut impl Read, count: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(count).read_to_end(&mut bytes)?;
    Ok(bytes)
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
pub(super) fn size(element: ElementType) -> usize {
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

    fn parse(mut bytes: &[u8], element: ElementType) -> Result<Tensor, String> {
        let read = |bytes: &mut &[u8]| {
            let shape = shape(bytes, element)?;
            Ok(Tensor { data: elements(bytes, &shape, element)?, shape })
        };
        read(&mut bytes).map_err(|why: Fault| why.about(Path::new("x.npy")))
    }

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
            (file(1, "'<f4'", "False", "(2,)", &[0; 9]), "4 bytes for each element, got more in 'x.npy'"),
            (file(1, "'<f4'", "False", "(4294967296, 4294967296)", &[0; 4]), "got 4 bytes in all"),
            (file(1, "'<f4'", "False", "(x,)", &[0; 4]), "a shape of numbers"),
            (file(9, "'<f4'", "False", "(1,)", &[0; 4]), "got something else"),
            (b"\x93NUMPY\x01\x00\xff\xff{}".to_vec(), "got something else"),
            (b"\x93NUMPY\x01\x00\x02".to_vec(), "got something else"),
            ([b"\x93NUMPY\x02\x00\xff\xff\xff\xff".to_vec(), vec![b' '; 2 << 20]].concat(), "got something else"),
            (b"PK".to_vec(), "got something else"),
            (Vec::new(), "got something else"),
        ];
        for (bytes, message) in cases {
            let error = parse(&bytes, ElementType::F32).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
    }
}
