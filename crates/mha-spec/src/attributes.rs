//! [`Attributes`]: the node's attributes, checked once when the kernel is created.

use crate::error::SpecError;

/// Attributes as the node holds them; `None` where the node leaves one out.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RawAttributes {
    /// `num_heads`, required.
    pub num_heads: Option<i64>,
    /// `scale`.
    pub scale: Option<f32>,
    /// `mask_filter_value`.
    pub mask_filter_value: Option<f32>,
    /// `unidirectional`.
    pub unidirectional: Option<i64>,
}

/// Attributes that passed the rules, defaults filled in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attributes {
    /// N, from 1 to 2^31 - 1.
    pub num_heads: u32,
    /// Factor on q·k; 0 stands for 1/sqrt(head_size). Any other value is used as given.
    pub scale: f32,
    /// Added to the scores of padded keys. Any value, infinities included.
    pub mask_filter_value: f32,
    /// Causality. Only the attribute's value 1 turns it on.
    pub unidirectional: bool,
}

impl Attributes {
    /// Default of `mask_filter_value`.
    pub const MASK_FILTER_VALUE: f32 = -10_000.0;

    /// Checks `num_heads` and fills in defaults.
    ///
    /// # Errors
    /// [`SpecError::NumHeadsMissing`], [`SpecError::NumHeadsNotPositive`], [`SpecError::NumHeadsTooLarge`].
    pub fn new(raw: RawAttributes) -> Result<Attributes, SpecError> {
        Ok(Attributes {
            num_heads: num_heads(raw.num_heads)?,
            scale: raw.scale.unwrap_or(0.0),
            mask_filter_value: raw.mask_filter_value.unwrap_or(Self::MASK_FILTER_VALUE),
            unidirectional: raw.unidirectional == Some(1),
        })
    }

    /// The factor on q·k for `head_size` H: `scale`, or 1/sqrt(H) where it is 0.
    pub fn scale_for(&self, head_size: u32) -> f32 {
        if self.scale == 0.0 { 1.0 / (head_size as f32).sqrt() } else { self.scale }
    }
}

/// `num_heads` is required, positive and within int32.
fn num_heads(value: Option<i64>) -> Result<u32, SpecError> {
    let got = value.ok_or(SpecError::NumHeadsMissing)?;
    if got <= 0 {
        return Err(SpecError::NumHeadsNotPositive { got });
    }
    match i32::try_from(got) {
        Ok(n) => Ok(n.unsigned_abs()),
        Err(_) => Err(SpecError::NumHeadsTooLarge { got }),
    }
}
