//! [`Call`]: one call of the operator to take a single aspect of and break it.
#![allow(dead_code)] // each test file uses a part

use mha_spec::{AttentionProblem, Attributes, DType, InputShapes, RawAttributes, RequestedOutputs, SpecError};

/// Owned shapes and attributes of a call. Letters as in `AttentionProblem`.
#[derive(Clone, Debug)]
pub struct Call {
    pub attributes: RawAttributes,
    pub dtype: DType,
    pub query: Vec<i64>,
    pub key: Option<Vec<i64>>,
    pub value: Option<Vec<i64>>,
    pub bias: Option<Vec<i64>>,
    pub mask: Option<Vec<i64>>,
    pub attention_bias: Option<Vec<i64>>,
    pub past_key: Option<Vec<i64>>,
    pub past_value: Option<Vec<i64>>,
    pub past_sequence_length: Option<(Vec<i64>, Vec<i32>)>,
    pub cache_indirection: Option<Vec<i64>>,
    pub requested: RequestedOutputs,
}

impl Call {
    pub fn new(num_heads: i64, query: &[i64]) -> Call {
        Call {
            attributes: RawAttributes { num_heads: Some(num_heads), ..Default::default() },
            dtype: DType::F32,
            query: query.to_vec(),
            key: None,
            value: None,
            bias: None,
            mask: None,
            attention_bias: None,
            past_key: None,
            past_value: None,
            past_sequence_length: None,
            cache_indirection: None,
            requested: RequestedOutputs::default(),
        }
    }

    pub fn key(mut self, shape: &[i64]) -> Call {
        self.key = Some(shape.to_vec());
        self
    }

    pub fn value(mut self, shape: &[i64]) -> Call {
        self.value = Some(shape.to_vec());
        self
    }

    pub fn bias(mut self, shape: &[i64]) -> Call {
        self.bias = Some(shape.to_vec());
        self
    }

    pub fn mask(mut self, shape: &[i64]) -> Call {
        self.mask = Some(shape.to_vec());
        self
    }

    pub fn attention_bias(mut self, shape: &[i64]) -> Call {
        self.attention_bias = Some(shape.to_vec());
        self
    }

    /// past_key and past_value of one shape.
    pub fn past(mut self, shape: &[i64]) -> Call {
        self.past_key = Some(shape.to_vec());
        self.past_value = Some(shape.to_vec());
        self
    }

    /// past_sequence_length of shape (1), and both presents.
    pub fn shared(mut self, past_len: i32) -> Call {
        self.past_sequence_length = Some((vec![1], vec![past_len]));
        self.presents(true, true)
    }

    pub fn cache_indirection(mut self, shape: &[i64]) -> Call {
        self.cache_indirection = Some(shape.to_vec());
        self
    }

    pub fn presents(mut self, key: bool, value: bool) -> Call {
        self.requested.present_key = key;
        self.requested.present_value = value;
        self
    }

    pub fn qk(mut self, dtype: DType) -> Call {
        self.requested.qk = Some(dtype);
        self
    }

    pub fn with(mut self, change: impl FnOnce(&mut Call)) -> Call {
        change(&mut self);
        self
    }

    pub fn problem(&self) -> Result<AttentionProblem, SpecError> {
        let shapes = InputShapes {
            query: &self.query,
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            bias: self.bias.as_deref(),
            key_padding_mask: self.mask.as_deref(),
            attention_bias: self.attention_bias.as_deref(),
            past_key: self.past_key.as_deref(),
            past_value: self.past_value.as_deref(),
            past_sequence_length: self.past_sequence_length.as_ref().map(|(shape, _)| &shape[..]),
            cache_indirection: self.cache_indirection.as_deref(),
        };
        let content = self.past_sequence_length.as_ref().map(|(_, data)| &data[..]);
        mha_spec::problem(&Attributes::new(self.attributes)?, self.dtype, &shapes, content, self.requested)
    }
}

/// B = 2, S = 3, L = 5, N = 2, H = Hv = 8, plain layout.
pub fn plain() -> Call {
    Call::new(2, &[2, 3, 16]).key(&[2, 5, 16]).value(&[2, 5, 16])
}

/// The same, keys and values split in heads.
pub fn pre_split() -> Call {
    Call::new(2, &[2, 3, 16]).key(&[2, 2, 5, 8]).value(&[2, 2, 5, 8])
}

/// The same, keys and values packed.
pub fn packed_kv() -> Call {
    Call::new(2, &[2, 3, 16]).key(&[2, 5, 2, 2, 8])
}

/// The same with L = S = 3, all packed.
pub fn packed_qkv() -> Call {
    Call::new(2, &[2, 3, 2, 3, 8])
}

/// A beam search step: B = 4, W = 2, S = L = 1, P = 3, M = 6.
pub fn beams() -> Call {
    Call::new(2, &[4, 1, 16])
        .key(&[4, 1, 16])
        .value(&[4, 1, 16])
        .past(&[4, 2, 6, 8])
        .shared(3)
        .cache_indirection(&[2, 2, 6])
}
