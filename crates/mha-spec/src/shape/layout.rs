//! Rules on query, key and value: which layout they have, and the sizes they agree on.

use super::InputShapes;
use crate::error::SpecError;
use crate::problem::Layout;

/// What query, key and value determine together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub layout: Layout,
    pub batch: u32,
    pub num_heads: u32,
    pub q_len: u32,
    pub kv_len: u32,
    pub head_size: u32,
    pub v_head_size: u32,
}

/// The layout and its sizes. Dimensions are known to be within int32.
pub(super) fn sizes(num_heads: u32, shapes: &InputShapes<'_>) -> Result<Sizes, SpecError> {
    match (shapes.query.len(), shapes.key, shapes.value) {
        (5, key, value) => packed_qkv(num_heads, shapes.query, key, value),
        (3, Some(key), None) => packed_kv(num_heads, shapes.query, key),
        (3, Some(key), Some(value)) => separate(num_heads, shapes.query, key, value),
        (3, None, Some(value)) => Err(SpecError::ValueWithoutKey { got: value.into() }),
        (3, None, None) => Err(SpecError::KeyMissing { query: shapes.query.into() }),
        _ => Err(SpecError::QueryRank { got: shapes.query.into() }),
    }
}

/// query (B,S,N,3,H) alone.
fn packed_qkv(num_heads: u32, query: &[i64], key: Option<&[i64]>, value: Option<&[i64]>) -> Result<Sizes, SpecError> {
    for (input, shape) in [("key", key), ("value", value)] {
        if let Some(got) = shape {
            return Err(SpecError::PackedQueryWithInput { input, got: got.into() });
        }
    }
    if query[2] != i64::from(num_heads) || query[3] != 3 {
        return Err(SpecError::PackedQueryShape { num_heads, got: query.into() });
    }
    let head_size = nonzero_head("query", query, query[4] as u32)?;
    Ok(Sizes {
        layout: Layout::PackedQkv,
        batch: query[0] as u32,
        num_heads,
        q_len: query[1] as u32,
        kv_len: query[1] as u32,
        head_size,
        v_head_size: head_size,
    })
}

/// query (B,S,D) and key (B,L,N,2,H).
fn packed_kv(num_heads: u32, query: &[i64], key: &[i64]) -> Result<Sizes, SpecError> {
    if key.len() != 5 {
        return Err(SpecError::KeyWithoutValue { got: key.into() });
    }
    let head_size = split(num_heads, "query", query)?;
    same_batch(query, "key", key)?;
    if key[2] != i64::from(num_heads) || key[3] != 2 || key[4] != i64::from(head_size) {
        return Err(SpecError::PackedKeyShape { num_heads, head_size, got: key.into() });
    }
    Ok(Sizes {
        layout: Layout::PackedKv,
        batch: query[0] as u32,
        num_heads,
        q_len: query[1] as u32,
        kv_len: key[1] as u32,
        head_size,
        v_head_size: head_size,
    })
}

/// query (B,S,D) with key and value that are both 3-D or both 4-D.
fn separate(num_heads: u32, query: &[i64], key: &[i64], value: &[i64]) -> Result<Sizes, SpecError> {
    if key.len() == 5 {
        return Err(SpecError::PackedKeyWithValue { got: value.into() });
    }
    if key.len() != value.len() || !matches!(key.len(), 3 | 4) {
        return Err(SpecError::KeyValueRanks { key: key.into(), value: value.into() });
    }
    same_batch(query, "key", key)?;
    same_batch(query, "value", value)?;
    if key.len() == 3 { plain(num_heads, query, key, value) } else { pre_split(num_heads, query, key, value) }
}

/// key (B,L,D) and value (B,L,Dv).
fn plain(num_heads: u32, query: &[i64], key: &[i64], value: &[i64]) -> Result<Sizes, SpecError> {
    if key[2] != query[2] {
        return Err(SpecError::KeyHiddenSize { hidden_size: query[2] as u32, got: key.into() });
    }
    if key[1] != value[1] {
        return Err(SpecError::KeyValueLengths { key: key.into(), value: value.into() });
    }
    Ok(Sizes {
        layout: Layout::Plain,
        batch: query[0] as u32,
        num_heads,
        q_len: query[1] as u32,
        kv_len: key[1] as u32,
        head_size: split(num_heads, "query", query)?,
        v_head_size: split(num_heads, "value", value)?,
    })
}

/// key and value (B,N,L,H).
fn pre_split(num_heads: u32, query: &[i64], key: &[i64], value: &[i64]) -> Result<Sizes, SpecError> {
    let head_size = split(num_heads, "query", query)?;
    if key[1] != i64::from(num_heads) || key[3] != i64::from(head_size) {
        return Err(SpecError::SplitKeyShape { num_heads, head_size, got: key.into() });
    }
    if key != value {
        return Err(SpecError::SplitValueShape { key: key.into(), got: value.into() });
    }
    Ok(Sizes {
        layout: Layout::PreSplit,
        batch: query[0] as u32,
        num_heads,
        q_len: query[1] as u32,
        kv_len: key[2] as u32,
        head_size,
        v_head_size: head_size,
    })
}

/// The batch sizes of query and `input` are equal.
fn same_batch(query: &[i64], input: &'static str, got: &[i64]) -> Result<(), SpecError> {
    if got[0] == query[0] {
        Ok(())
    } else {
        Err(SpecError::BatchDiffers { batch: query[0] as u32, input, got: got.into() })
    }
}

/// num_heads divides the hidden size, dimension 2 of a 3-D input, into heads of at least one element.
fn split(num_heads: u32, input: &'static str, got: &[i64]) -> Result<u32, SpecError> {
    let hidden_size = got[2] as u32;
    if !hidden_size.is_multiple_of(num_heads) {
        return Err(SpecError::NumHeadsDoesNotDivide { num_heads, input, got: got.into() });
    }
    nonzero_head(input, got, hidden_size / num_heads)
}

/// A head has at least one element.
fn nonzero_head(input: &'static str, got: &[i64], head_size: u32) -> Result<u32, SpecError> {
    if head_size == 0 { Err(SpecError::ZeroHeadSize { input, got: got.into() }) } else { Ok(head_size) }
}
