//! [`Tensor`]: a tensor in host memory, apart from any runtime, and what a model declares of one.

use std::fmt;

use half::f16;
use ort::value::{DynValue, Tensor as OrtTensor, TensorElementType, ValueType};

use super::HostError;

/// Defines the element types once: variant, Rust type, ONNX Runtime's name for it, and the name that messages use.
macro_rules! elements {
    ($(($variant:ident, $type:ty, $ort:ident, $name:literal)),* $(,)?) => {
        /// Type of a tensor's elements.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ElementType {
            $(#[doc = $name] $variant,)*
        }

        /// The elements of a tensor in row-major order.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Data {
            $(#[doc = $name] $variant(Vec<$type>),)*
        }

        impl ElementType {
            /// All types.
            pub const ALL: &[ElementType] = &[$(ElementType::$variant),*];

            /// Its name in ONNX and NumPy.
            pub const fn name(self) -> &'static str {
                match self {
                    $(ElementType::$variant => $name,)*
                }
            }

            fn of(element: TensorElementType) -> Option<ElementType> {
                match element {
                    $(TensorElementType::$ort => Some(ElementType::$variant),)*
                    _ => None,
                }
            }
        }

        impl Data {
            /// Type of the elements.
            pub fn element(&self) -> ElementType {
                match self {
                    $(Data::$variant(_) => ElementType::$variant,)*
                }
            }

            /// How many there are.
            pub fn len(&self) -> usize {
                match self {
                    $(Data::$variant(values) => values.len(),)*
                }
            }
        }

        impl Tensor {
            pub(super) fn into_value(self) -> Result<DynValue, HostError> {
                let Tensor { shape, data } = self;
                Ok(match data {
                    $(Data::$variant(values) => OrtTensor::from_array((shape, values))?.into_dyn(),)*
                })
            }

            /// A copy of `value`, which the output `name` of a run holds.
            pub(super) fn from_value(name: &str, value: &DynValue) -> Result<Tensor, HostError> {
                let element = match value.dtype() {
                    ValueType::Tensor { ty, .. } => ElementType::of(*ty),
                    _ => None,
                };
                match element {
                    $(Some(ElementType::$variant) => {
                        let (shape, values) = value.try_extract_tensor::<$type>()?;
                        let shape = shape.iter().map(|&size| usize::try_from(size).unwrap_or_default()).collect();
                        Ok(Tensor { shape, data: Data::$variant(values.to_vec()) })
                    })*
                    None => Err(HostError::OutputType {
                        name: name.to_owned(),
                        accepted: element_names(),
                        received: type_name(value.dtype()),
                    }),
                }
            }
        }
    };
}

elements![
    (F32, f32, Float32, "float32"),
    (F16, f16, Float16, "float16"),
    (I32, i32, Int32, "int32"),
    (I64, i64, Int64, "int64"),
    (U8, u8, Uint8, "uint8"),
    (Bool, bool, Bool, "bool"),
];

impl Data {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The names of all element types, for messages.
pub fn element_names() -> String {
    ElementType::ALL.iter().map(|element| element.name()).collect::<Vec<_>>().join(", ")
}

/// A tensor in host memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Size of each dimension.
    pub shape: Vec<usize>,
    /// As many elements as the shape says.
    pub data: Data,
}

/// An input or output as a model declares it.
#[derive(Clone, Debug, PartialEq)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// Its type; what it is called where it is none that a [`Tensor`] has.
    pub element: Result<ElementType, String>,
    /// Its dimensions.
    pub dims: Vec<Dim>,
}

/// A dimension as a model declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dim {
    /// A number.
    Fixed(usize),
    /// A name that stands for the same number wherever it occurs.
    Symbol(String),
    /// Any number.
    Unnamed,
}

impl Port {
    pub(super) fn of(name: &str, declared: &ValueType) -> Port {
        let name = name.to_owned();
        let ValueType::Tensor { ty, shape, dimension_symbols } = declared else {
            return Port { name, element: Err(type_name(declared)), dims: Vec::new() };
        };
        let dim = |(&size, symbol): (&i64, &String)| match (usize::try_from(size), symbol.as_str()) {
            (Ok(size), _) => Dim::Fixed(size),
            (Err(_), "") => Dim::Unnamed,
            (Err(_), symbol) => Dim::Symbol(symbol.to_owned()),
        };
        let dims = shape.iter().zip(dimension_symbols.iter()).map(dim).collect();
        Port { name, element: ElementType::of(*ty).ok_or_else(|| type_name(declared)), dims }
    }
}

/// What messages call a type.
fn type_name(declared: &ValueType) -> String {
    match declared {
        ValueType::Tensor { ty, .. } => match ElementType::of(*ty) {
            Some(element) => element.name().to_owned(),
            None => format!("{ty:?}").to_lowercase(),
        },
        ValueType::Sequence(of) => format!("sequence of {}", type_name(of)),
        ValueType::Optional(of) => format!("optional {}", type_name(of)),
        ValueType::Map { .. } => "map".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use ort::value::{Shape, SymbolicDimensions};

    use super::*;

    fn tensor(ty: TensorElementType, shape: &[i64], symbols: &[&str]) -> ValueType {
        let dimension_symbols = SymbolicDimensions::new(symbols.iter().map(|&symbol| symbol.to_owned()));
        ValueType::Tensor { ty, shape: Shape::new(shape.iter().copied()), dimension_symbols }
    }

    #[test]
    fn declared_dimensions_are_numbers_names_or_anything() {
        let port = Port::of("x", &tensor(TensorElementType::Float16, &[2, -1, -1, 0], &["", "seq", "", ""]));
        assert_eq!(port.element, Ok(ElementType::F16));
        assert_eq!(port.dims, [Dim::Fixed(2), Dim::Symbol("seq".into()), Dim::Unnamed, Dim::Fixed(0)]);
    }

    #[test]
    fn types_that_no_tensor_here_has_are_named() {
        let text = tensor(TensorElementType::String, &[1], &[""]);
        let cases = [
            (text.clone(), "string"),
            (tensor(TensorElementType::Float64, &[1], &[""]), "float64"),
            (ValueType::Sequence(Box::new(tensor(TensorElementType::Int64, &[], &[]))), "sequence of int64"),
            (ValueType::Optional(Box::new(text)), "optional string"),
            (ValueType::Map { key: TensorElementType::Int64, value: TensorElementType::Float32 }, "map"),
        ];
        for (declared, name) in cases {
            assert_eq!(Port::of("x", &declared).element, Err(name.to_owned()));
        }
    }
}
