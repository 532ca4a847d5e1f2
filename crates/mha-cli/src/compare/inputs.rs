//! The model's inputs: read from files, or made from the shapes that the model declares.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use half::f16;
use ort_webgpu_attention::host::{Data, Dim, ElementType, Port, Tensor, element_names};

use super::memory::{self, Need};
use super::npy::{self, Npy};

/// `name=size`, as `--dim` takes it.
///
/// # Errors
/// What it takes, and what it got.
pub(super) fn parse_dim(text: &str) -> Result<(String, usize), String> {
    let parts = text.rsplit_once('=').filter(|(name, _)| !name.is_empty());
    parts
        .and_then(|(name, size)| Some((name.to_owned(), size.parse().ok()?)))
        .ok_or_else(|| "it is name=size, as in batch=1".to_owned())
}

/// What the user said of the inputs.
#[derive(Debug, Default)]
pub(super) struct Given<'a> {
    /// Sizes of symbolic dimensions.
    pub(super) dims: &'a [(String, usize)],
    /// Files, each with or without `name=` in front.
    pub(super) files: &'a [String],
    /// What random values grow from.
    pub(super) seed: u64,
}

/// An input that can be fed.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) name: String,
    pub(super) tensor: Tensor,
    /// Where its values come from; none where they are random.
    pub(super) file: Option<PathBuf>,
}

/// The inputs of a model that declares `ports`.
///
/// # Errors
/// A dimension or file that does not fit the model, a dimension without a size, a type that can't be made, or more than the
/// memory holds.
pub(super) fn prepare(ports: &[Port], given: &Given<'_>) -> Result<Vec<Input>, String> {
    if let Some((port, received)) = ports.iter().find_map(|port| Some((port, port.element.as_ref().err()?))) {
        return Err(format!("inputs are {}, got '{}' of type {received}", element_names(), port.name));
    }
    let mut files = open_files(ports, given.files)?;
    let mut sizes = Sizes::default();
    sizes.declare(ports, given.dims)?;
    for (name, file) in &files {
        let port = ports.iter().find(|port| port.name == *name);
        port.map_or(Ok(()), |port| sizes.observe(port, &file.shape, &file.path))?;
    }
    sizes.complete(ports, |port| files.contains_key(&port.name))?;
    let needs = ports.iter().map(|port| {
        let Port { name, element, .. } = port;
        let shape = files.get(name).map_or_else(|| sizes.shape(port), |file| file.shape.clone());
        Ok(Need { name, shape, size: npy::size(element.clone()?) })
    });
    memory::check(&needs.collect::<Result<Vec<_>, String>>()?)?;
    let make = |(index, port): (usize, &Port)| {
        let name = port.name.clone();
        match files.remove(&port.name) {
            Some(file) => {
                let path = file.path.clone();
                Ok(Input { tensor: file.load().map_err(|why| about(port, &why))?, name, file: Some(path) })
            }
            None => {
                let tensor = random(port, sizes.shape(port), given.seed.wrapping_add(index as u64))?;
                Ok(Input { name, tensor, file: None })
            }
        }
    };
    ports.iter().enumerate().map(make).collect()
}

/// What is wrong with the file of an input.
fn about(port: &Port, why: &str) -> String {
    format!("--input of '{}': {why}", port.name)
}

/// Files, by the name of the input that each is for.
fn open_files(ports: &[Port], files: &[String]) -> Result<BTreeMap<String, Npy>, String> {
    let mut opened = BTreeMap::new();
    for text in files {
        let (port, file) = input_for(ports, text)?;
        let element = port.element.clone()?;
        let file = Npy::open(&file, element).map_err(|why| about(port, &why))?;
        if opened.insert(port.name.clone(), file).is_some() {
            return Err(format!("an input has one --input, got a second one for '{}': '{text}'", port.name));
        }
    }
    Ok(opened)
}

/// Which input a value of `--input` is for, and its file.
fn input_for<'a>(ports: &'a [Port], text: &str) -> Result<(&'a Port, PathBuf), String> {
    let named = |name: &str| ports.iter().find(|port| port.name == name);
    if let Some((port, file)) = text.split_once('=').and_then(|(name, file)| Some((named(name)?, file))) {
        return Ok((port, file.into()));
    }
    let file = Path::new(text);
    let same_stem = file.file_stem().and_then(|stem| named(stem.to_str()?));
    let only = ports.first().filter(|_| ports.len() == 1 && !text.contains('='));
    same_stem.or(only).map(|port| (port, file.to_owned())).ok_or_else(|| {
        let names: Vec<&str> = ports.iter().map(|port| port.name.as_str()).collect();
        format!("--input is name=file.npy with the name of an input, got '{text}'; there are: {}", names.join(", "))
    })
}

/// Sizes of the model's dimensions without a number of their own.
#[derive(Debug, Default)]
struct Sizes {
    /// By name, with where the size comes from.
    known: BTreeMap<String, (usize, String)>,
}

/// What `--dim` calls a dimension without a number: its name, or where it is.
fn dim_name(port: &Port, axis: usize) -> Option<String> {
    match &port.dims[axis] {
        Dim::Fixed(_) => None,
        Dim::Symbol(name) => Some(name.clone()),
        Dim::Unnamed => Some(format!("{}.{axis}", port.name)),
    }
}

fn dim_names(port: &Port) -> impl Iterator<Item = String> {
    (0..port.dims.len()).filter_map(|axis| dim_name(port, axis))
}

impl Sizes {
    /// Takes sizes that the user typed.
    fn declare(&mut self, ports: &[Port], dims: &[(String, usize)]) -> Result<(), String> {
        let mut names: Vec<String> = Vec::new();
        for name in ports.iter().flat_map(dim_names) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        for (name, size) in dims {
            if !names.contains(name) {
                let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                return Err(format!("--dim names a symbolic dimension of an input, got '{name}'; there are: {names}"));
            }
            self.know(name, *size, "--dim")?;
        }
        Ok(())
    }

    /// Takes the sizes of a file's tensor, if it fits what the model declares.
    fn observe(&mut self, port: &Port, shape: &[usize], file: &Path) -> Result<(), String> {
        // Nothing is declared of a scalar, and of an input of any rank, which ONNX Runtime tells apart when it runs.
        if port.dims.is_empty() {
            return Ok(());
        }
        let fits = |(dim, size): (&Dim, &usize)| !matches!(dim, Dim::Fixed(fixed) if fixed != size);
        if port.dims.len() != shape.len() || !port.dims.iter().zip(shape).all(fits) {
            let (name, file) = (&port.name, file.display());
            return Err(format!("input '{name}' has shape {}, got {shape:?} in '{file}'", declared(port)));
        }
        for (axis, size) in shape.iter().enumerate() {
            if let Some(name) = dim_name(port, axis) {
                self.know(&name, *size, &format!("'{}'", file.display()))?;
            }
        }
        Ok(())
    }

    fn know(&mut self, name: &str, size: usize, source: &str) -> Result<(), String> {
        match self.known.get(name) {
            Some((other, first)) if *other != size => {
                Err(format!("dimension '{name}' has one size, got {other} from {first} and {size} from {source}"))
            }
            Some(_) => Ok(()),
            None => {
                self.known.insert(name.to_owned(), (size, source.to_owned()));
                Ok(())
            }
        }
    }

    /// Checks that nothing is missing for the inputs that are not `fed` already.
    fn complete(&self, ports: &[Port], fed: impl Fn(&Port) -> bool) -> Result<(), String> {
        let mut missing: Vec<String> = Vec::new();
        for name in ports.iter().filter(|port| !fed(port)).flat_map(dim_names) {
            let option = format!("--dim {name}=N");
            if !self.known.contains_key(&name) && !missing.contains(&option) {
                missing.push(option);
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        Err(format!("the model's symbolic dimensions need sizes, got none for some of them: add {}", missing.join(" ")))
    }

    fn shape(&self, port: &Port) -> Vec<usize> {
        let size = |(axis, dim): (usize, &Dim)| match dim {
            Dim::Fixed(size) => *size,
            _ => dim_name(port, axis).and_then(|name| self.known.get(&name)).map_or(0, |(size, _)| *size),
        };
        port.dims.iter().enumerate().map(size).collect()
    }
}

/// A declared shape, as in `[batch, 3, any]`.
fn declared(port: &Port) -> String {
    let dims = port.dims.iter().map(|dim| match dim {
        Dim::Fixed(size) => size.to_string(),
        Dim::Symbol(name) => name.clone(),
        Dim::Unnamed => "any".to_owned(),
    });
    format!("[{}]", dims.collect::<Vec<_>>().join(", "))
}

/// Random values: normal ones, and 0 or 1 where whatever an index or a mask means must be valid.
fn random(port: &Port, shape: Vec<usize>, seed: u64) -> Result<Tensor, String> {
    let element = port.element.clone()?;
    // Too many are refused by now, so it only saturates on the way to 0.
    let count = shape.iter().fold(1_usize, |count, &size| count.saturating_mul(size));
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut bit = || rng.bool();
    let data = match element {
        ElementType::F32 => Data::F32(normals(count, seed).collect()),
        ElementType::F16 => Data::F16(normals(count, seed).map(f16::from_f32).collect()),
        ElementType::I32 => Data::I32((0..count).map(|_| bit().into()).collect()),
        ElementType::I64 => Data::I64((0..count).map(|_| bit().into()).collect()),
        ElementType::U8 => Data::U8((0..count).map(|_| u8::from(bit())).collect()),
        ElementType::Bool => Data::Bool((0..count).map(|_| bit()).collect()),
    };
    Ok(Tensor { shape, data })
}

/// Standard normal values by the polar form that Box and Muller gave.
fn normals(count: usize, seed: u64) -> impl Iterator<Item = f32> {
    let mut rng = fastrand::Rng::with_seed(seed);
    (0..count).map(move |_| {
        // 1 minus it is never 0.
        let radius = (-2.0 * (1.0 - rng.f32()).ln()).sqrt();
        radius * (std::f32::consts::TAU * rng.f32()).cos()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(name: &str, element: ElementType, dims: &[Dim]) -> Port {
        Port { name: name.into(), element: Ok(element), dims: dims.into() }
    }

    fn symbol(name: &str) -> Dim {
        Dim::Symbol(name.into())
    }

    /// A model with an image, tokens over the same batch, and a mask of one dimension without a name.
    fn model() -> Vec<Port> {
        vec![
            port("image", ElementType::F32, &[symbol("batch"), Dim::Fixed(3)]),
            port("tokens", ElementType::I64, &[symbol("batch"), symbol("seq")]),
            port("mask", ElementType::Bool, &[Dim::Unnamed]),
        ]
    }

    fn dims(sizes: &[(&str, usize)]) -> Vec<(String, usize)> {
        sizes.iter().map(|(name, size)| ((*name).to_owned(), *size)).collect()
    }

    fn npy(folder: &Path, name: &str, descr: &str, shape: &str, bytes: &[u8]) -> String {
        let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
        let length = (header.len() as u16).to_le_bytes();
        let file = folder.join(name);
        std::fs::write(&file, [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), bytes].concat()).unwrap();
        file.to_str().unwrap().to_owned()
    }

    #[test]
    fn random_inputs_have_the_declared_shapes_and_valid_values() {
        let dims = dims(&[("seq", 1000), ("batch", 2), ("mask.0", 7)]);
        let given = Given { dims: &dims, files: &[], seed: 5 };
        let inputs = prepare(&model(), &given).unwrap();
        let shapes: Vec<&[usize]> = inputs.iter().map(|input| &input.tensor.shape[..]).collect();
        assert_eq!(shapes, [&[2, 3][..], &[2, 1000], &[7]]);
        let Data::I64(tokens) = &inputs[1].tensor.data else { panic!("{:?}", inputs[1]) };
        assert!(tokens.iter().all(|token| [0, 1].contains(token)) && tokens.contains(&0) && tokens.contains(&1));
        let again = prepare(&model(), &given).unwrap();
        assert_eq!(inputs[0].tensor, again[0].tensor);
        let other = prepare(&model(), &Given { seed: 6, ..given }).unwrap();
        assert_ne!(inputs[0].tensor, other[0].tensor);
    }

    #[test]
    fn floats_are_standard_normal() {
        let values: Vec<f32> = normals(20_000, 1).collect();
        let mean = values.iter().sum::<f32>() / 20_000.0;
        let deviation = (values.iter().map(|value| value * value).sum::<f32>() / 20_000.0).sqrt();
        assert!(mean.abs() < 0.03 && (deviation - 1.0).abs() < 0.03, "{mean} {deviation}");
    }

    #[test]
    fn files_give_values_and_sizes() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = [7_i64, 8].map(i64::to_le_bytes).concat();
        let files = [npy(folder.path(), "tokens.npy", "<i8", "(1, 2)", &tokens)];
        let dims = dims(&[("mask.0", 1)]);
        let inputs = prepare(&model(), &Given { dims: &dims, files: &files, seed: 1 }).unwrap();
        assert_eq!(inputs[0].tensor.shape, [1, 3], "batch comes from the file");
        assert_eq!(inputs[1].tensor.data, Data::I64(vec![7, 8]));
        assert!(inputs[1].file.is_some() && inputs[0].file.is_none());
    }

    /// Dimensions, files, and part of the message.
    type Misfit<'a> = (&'a [(&'a str, usize)], Vec<String>, &'a str);

    #[test]
    fn what_does_not_fit_the_model_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, descr, shape, bytes: &[u8]| npy(folder.path(), name, descr, shape, bytes);
        let tokens = file("tokens.npy", "<i8", "(1, 1)", &[0; 8]);
        let wide = file("wide.npy", "<f4", "(1, 4)", &[0; 16]);
        let floats = file("floats.npy", "<f4", "(1, 1)", &[0; 4]);
        // The header's word is enough: such a file is not read.
        let vast = file("vast.npy", "<f4", "(4294967296, 3)", &[0; 4]);
        let all = [("batch", 2), ("seq", 3), ("mask.0", 4)];
        let cases: [Misfit<'_>; 10] = [
            (&[], vec![], "add --dim batch=N --dim seq=N --dim mask.0=N"),
            (&[("batch", 1), ("mask.0", 1)], vec![], "add --dim seq=N"),
            (&[("Batch", 1)], vec![], "got 'Batch'; there are: batch, seq, mask.0"),
            (&[("batch", 1), ("batch", 2)], vec![], "'batch' has one size, got 1 from --dim and 2 from --dim"),
            (
                &[("batch", 1 << 40), ("seq", 1), ("mask.0", 1)],
                vec![],
                "in all, most of it 'image' of shape [1099511627776, 3]",
            ),
            (&all, vec![tokens.clone()], "'batch' has one size, got 2 from --dim and 1 from '"),
            (&[], vec![format!("image={wide}")], "input 'image' has shape [batch, 3], got [1, 4] in '"),
            (&[], vec![format!("tokens={floats}")], "--input of 'tokens': its elements are int64 (<i8), got <f4 in '"),
            (&[], vec![floats.clone()], "there are: image, tokens, mask"),
            (
                &[("seq", 1), ("mask.0", 1)],
                vec![format!("image={vast}")],
                "most of it 'image' of shape [4294967296, 3]",
            ),
        ];
        for (sizes, files, message) in cases {
            let error = prepare(&model(), &Given { dims: &dims(sizes), files: &files, seed: 1 }).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
        let twice = [tokens.clone(), format!("tokens={tokens}")];
        let error = prepare(&model(), &Given { files: &twice, ..Given::default() }).unwrap_err();
        assert!(error.contains("got a second one for 'tokens'"), "{error}");
        let missing = ["tokens=/nonexistent.npy".to_owned()];
        let error = prepare(&model(), &Given { files: &missing, ..Given::default() }).unwrap_err();
        assert!(error.contains("'/nonexistent.npy' can't be read"), "{error}");
    }

    #[test]
    fn other_types_are_refused_by_name() {
        let ports = [Port { name: "words".into(), element: Err("string".into()), dims: vec![Dim::Fixed(1)] }];
        let error = prepare(&ports, &Given::default()).unwrap_err();
        assert!(error.contains("got 'words' of type string") && error.contains("float16"), "{error}");
    }

    #[test]
    fn an_only_input_needs_no_name_nor_a_rank() {
        let folder = tempfile::tempdir().unwrap();
        let ports = [port("x", ElementType::U8, &[Dim::Unnamed])];
        let files = [npy(folder.path(), "any.npy", "|u1", "(2,)", &[3, 4])];
        let inputs = prepare(&ports, &Given { files: &files, ..Given::default() }).unwrap();
        assert_eq!(inputs[0].tensor.data, Data::U8(vec![3, 4]));
        let any_rank = [port("x", ElementType::U8, &[])];
        let inputs = prepare(&any_rank, &Given { files: &files, ..Given::default() }).unwrap();
        assert_eq!(inputs[0].tensor.shape, [2]);
    }

    #[test]
    fn dims_are_names_with_sizes() {
        assert_eq!(parse_dim("batch=2"), Ok(("batch".into(), 2)));
        assert_eq!(parse_dim("a=b=0"), Ok(("a=b".into(), 0)));
        for text in ["batch", "=2", "batch=", "batch=x", "batch=-1", "batch=1.5"] {
            assert!(parse_dim(text).unwrap_err().contains("name=size"), "{text}");
        }
    }
}
