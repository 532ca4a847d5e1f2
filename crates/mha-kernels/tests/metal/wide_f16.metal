// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size1;
    uint size2;
    uint size3;
    uint size4;
    uint size5;
    uint size6;
    uint size7;
    uint size8;
    uint size9;
    uint size10;
    uint size11;
    uint size12;
};

typedef half Elem;
typedef metal::half4 Elem4_;
struct Strides {
    uint batch;
    uint head;
    uint row;
    uint offset;
};
struct AttentionParams {
    Strides query;
    Strides key;
    Strides value;
    Strides past_key;
    Strides past_value;
    Strides output;
    Strides attention_bias;
    Strides padding_mask;
    Strides cache_indirection;
    metal::uint4 origin;
    metal::uint4 end;
    uint q_len;
    uint past_len;
    uint head_size;
    uint v_head_size;
    uint num_heads;
    uint beam_width;
    uint source_beam;
    uint bias_batch_divisor;
    uint query_bias_offset;
    uint key_bias_offset;
    uint value_bias_offset;
    uint first_split;
    uint keys_per_split;
    uint splits;
    float scale;
    float mask_filter_value;
};
typedef Elem type_3[1];
typedef int type_7[1];
typedef metal::float4 type_8[1];
typedef metal::float2 type_10[1];
struct type_11 {
    float inner[128];
};
constant float LOWEST = -340282350000000000000000000000000000000.0;
constant float LOG2_E = 1.442695;
constant bool BEAMS = false;
constant bool ONE_BEAM = false;
constant bool PAST = false;
constant bool KV_BIAS = false;
constant bool QUERY_BIAS = false;
constant bool CAUSAL = false;
constant uint PADDING_MASK = 0u;
constant bool ATTENTION_BIAS = false;
constant bool LOG2_SCORES = true;
constant uint WORKGROUP_SIZE = 128u;
constant bool CAUSAL_SKIP = false;
constant bool PARTIAL = false;

uint element(
    Strides strides,
    uint b,
    uint n,
    uint row
) {
    return ((strides.offset + (b * strides.batch)) + (n * strides.head)) + (row * strides.row);
}

uint partial_row(
    uint b_1,
    uint n_1,
    uint s,
    constant AttentionParams& params
) {
    uint _e6 = params.end.y;
    uint _e10 = params.origin.y;
    uint heads = _e6 - _e10;
    uint _e15 = params.end.z;
    uint _e19 = params.origin.z;
    uint rows = _e15 - _e19;
    uint _e24 = params.origin.x;
    uint _e30 = params.origin.y;
    uint _e37 = params.origin.z;
    return ((((b_1 - _e24) * heads) + (n_1 - _e30)) * rows) + (s - _e37);
}

uint partial_rows(
    constant AttentionParams& params
) {
    uint _e3 = params.end.x;
    uint _e7 = params.origin.x;
    uint _e12 = params.end.y;
    uint _e16 = params.origin.y;
    uint _e22 = params.end.z;
    uint _e26 = params.origin.z;
    return ((_e3 - _e7) * (_e12 - _e16)) * (_e22 - _e26);
}

metal::float4 query4_(
    uint index,
    uint columns,
    device type_3 const& query,
    constant _mslBufferSizes& _buffer_sizes
) {
    metal::float4 x_1 = {};
    Elem _e4 = query[index];
    x_1 = metal::float4(static_cast<float>(_e4), 0.0, 0.0, 0.0);
    if (columns > 1u) {
        Elem _e18 = query[index + 1u];
        x_1.y = static_cast<float>(_e18);
    }
    if (columns > 2u) {
        Elem _e27 = query[index + 2u];
        x_1.z = static_cast<float>(_e27);
    }
    if (columns > 3u) {
        Elem _e36 = query[index + 3u];
        x_1.w = static_cast<float>(_e36);
    }
    metal::float4 _e38 = x_1;
    return _e38;
}

Elem4_ key4_(
    uint index_1,
    uint columns_1,
    device type_3 const& key,
    constant _mslBufferSizes& _buffer_sizes
) {
    Elem4_ x_2 = {};
    Elem _e4 = key[index_1];
    x_2 = Elem4_(_e4, 0.0h, 0.0h, 0.0h);
    if (columns_1 > 1u) {
        Elem _e17 = key[index_1 + 1u];
        x_2.y = _e17;
    }
    if (columns_1 > 2u) {
        Elem _e25 = key[index_1 + 2u];
        x_2.z = _e25;
    }
    if (columns_1 > 3u) {
        Elem _e33 = key[index_1 + 3u];
        x_2.w = _e33;
    }
    Elem4_ _e34 = x_2;
    return _e34;
}

Elem4_ value4_(
    uint index_2,
    uint columns_2,
    device type_3 const& value,
    constant _mslBufferSizes& _buffer_sizes
) {
    Elem4_ x_3 = {};
    Elem _e4 = value[index_2];
    x_3 = Elem4_(_e4, 0.0h, 0.0h, 0.0h);
    if (columns_2 > 1u) {
        Elem _e17 = value[index_2 + 1u];
        x_3.y = _e17;
    }
    if (columns_2 > 2u) {
        Elem _e25 = value[index_2 + 2u];
        x_3.z = _e25;
    }
    if (columns_2 > 3u) {
        Elem _e33 = value[index_2 + 3u];
        x_3.w = _e33;
    }
    Elem4_ _e34 = x_3;
    return _e34;
}

metal::float4 bias4_(
    uint index_3,
    uint columns_3,
    device type_3 const& bias,
    constant _mslBufferSizes& _buffer_sizes
) {
    metal::float4 x_4 = {};
    Elem _e4 = bias[index_3];
    x_4 = metal::float4(static_cast<float>(_e4), 0.0, 0.0, 0.0);
    if (columns_3 > 1u) {
        Elem _e18 = bias[index_3 + 1u];
        x_4.y = static_cast<float>(_e18);
    }
    if (columns_3 > 2u) {
        Elem _e27 = bias[index_3 + 2u];
        x_4.z = static_cast<float>(_e27);
    }
    if (columns_3 > 3u) {
        Elem _e36 = bias[index_3 + 3u];
        x_4.w = static_cast<float>(_e36);
    }
    metal::float4 _e38 = x_4;
    return _e38;
}

Elem4_ past_key4_(
    uint index_4,
    uint columns_4,
    device type_3 const& past_key,
    constant _mslBufferSizes& _buffer_sizes
) {
    Elem4_ x_5 = {};
    Elem _e4 = past_key[index_4];
    x_5 = Elem4_(_e4, 0.0h, 0.0h, 0.0h);
    if (columns_4 > 1u) {
        Elem _e17 = past_key[index_4 + 1u];
        x_5.y = _e17;
    }
    if (columns_4 > 2u) {
        Elem _e25 = past_key[index_4 + 2u];
        x_5.z = _e25;
    }
    if (columns_4 > 3u) {
        Elem _e33 = past_key[index_4 + 3u];
        x_5.w = _e33;
    }
    Elem4_ _e34 = x_5;
    return _e34;
}

Elem4_ past_value4_(
    uint index_5,
    uint columns_5,
    device type_3 const& past_value,
    constant _mslBufferSizes& _buffer_sizes
) {
    Elem4_ x_6 = {};
    Elem _e4 = past_value[index_5];
    x_6 = Elem4_(_e4, 0.0h, 0.0h, 0.0h);
    if (columns_5 > 1u) {
        Elem _e17 = past_value[index_5 + 1u];
        x_6.y = _e17;
    }
    if (columns_5 > 2u) {
        Elem _e25 = past_value[index_5 + 2u];
        x_6.z = _e25;
    }
    if (columns_5 > 3u) {
        Elem _e33 = past_value[index_5 + 3u];
        x_6.w = _e33;
    }
    Elem4_ _e34 = x_6;
    return _e34;
}

void store_output4_(
    uint index_6,
    uint columns_6,
    metal::float4 x_7,
    device type_3& output,
    constant _mslBufferSizes& _buffer_sizes
) {
    output[index_6] = static_cast<half>(x_7.x);
    if (columns_6 > 1u) {
        output[index_6 + 1u] = static_cast<half>(x_7.y);
    }
    if (columns_6 > 2u) {
        output[index_6 + 2u] = static_cast<half>(x_7.z);
    }
    if (columns_6 > 3u) {
        output[index_6 + 3u] = static_cast<half>(x_7.w);
        return;
    } else {
        return;
    }
}

uint holding_beam(
    uint b_2,
    uint t,
    constant AttentionParams& params,
    device type_7 const& cache_indirection,
    constant _mslBufferSizes& _buffer_sizes
) {
    Strides _e5 = params.cache_indirection;
    uint _e7 = element(_e5, b_2, 0u, t);
    int _e9 = cache_indirection[_e7];
    return static_cast<uint>(_e9);
}

uint naga_div(uint lhs, uint rhs) {
    return lhs / metal::select(rhs, 1u, rhs == 0u);
}

uint past_batch(
    uint b_3,
    uint t_1,
    constant AttentionParams& params,
    device type_7 const& cache_indirection,
    constant _mslBufferSizes& _buffer_sizes
) {
    if (true) {
        return b_3;
    }
    uint _e7 = params.beam_width;
    uint _e11 = params.beam_width;
    uint first = naga_div(b_3, _e7) * _e11;
    if (ONE_BEAM) {
        uint _e16 = params.source_beam;
        return first + _e16;
    }
    uint _e18 = holding_beam(b_3, t_1, params, cache_indirection, _buffer_sizes);
    return first + _e18;
}

bool is_held(
    uint b_4,
    uint t_2,
    constant AttentionParams& params,
    device type_7 const& cache_indirection,
    constant _mslBufferSizes& _buffer_sizes
) {
    if (true) {
        return true;
    }
    uint _e8 = params.past_len;
    if (t_2 >= _e8) {
        uint _e12 = params.source_beam;
        return _e12 == 0u;
    }
    uint _e15 = holding_beam(b_4, t_2, params, cache_indirection, _buffer_sizes);
    uint _e18 = params.source_beam;
    return _e15 == _e18;
}

Elem4_ stored_key4_(
    uint b_5,
    uint n_2,
    uint t_3,
    uint h_1,
    constant AttentionParams& params,
    device type_3 const& key,
    device type_3 const& past_key,
    device type_7 const& cache_indirection,
    constant _mslBufferSizes& _buffer_sizes
) {
    bool local_3 = {};
    uint _e6 = params.head_size;
    uint columns_7 = _e6 - h_1;
    if (PAST) {
        uint _e13 = params.past_len;
        local_3 = t_3 < _e13;
    } else {
        local_3 = false;
    }
    bool _e16 = local_3;
    if (_e16) {
        Strides _e19 = params.past_key;
        uint _e20 = past_batch(b_5, t_3, params, cache_indirection, _buffer_sizes);
        uint _e21 = element(_e19, _e20, n_2, t_3);
        Elem4_ _e23 = past_key4_(_e21 + h_1, columns_7, past_key, _buffer_sizes);
        return _e23;
    }
    Strides _e26 = params.key;
    uint _e29 = params.past_len;
    uint _e31 = element(_e26, b_5, n_2, t_3 - _e29);
    Elem4_ _e33 = key4_(_e31 + h_1, columns_7, key, _buffer_sizes);
    return _e33;
}

Elem4_ stored_value4_(
    uint b_6,
    uint n_3,
    uint t_4,
    uint h_2,
    constant AttentionParams& params,
    device type_3 const& value,
    device type_3 const& past_value,
    device type_7 const& cache_indirection,
    constant _mslBufferSizes& _buffer_sizes
) {
    bool local_4 = {};
    uint _e6 = params.v_head_size;
    uint columns_8 = _e6 - h_2;
    if (PAST) {
        uint _e13 = params.past_len;
        local_4 = t_4 < _e13;
    } else {
        local_4 = false;
    }
    bool _e16 = local_4;
    if (_e16) {
        Strides _e19 = params.past_value;
        uint _e20 = past_batch(b_6, t_4, params, cache_indirection, _buffer_sizes);
        uint _e21 = element(_e19, _e20, n_3, t_4);
        Elem4_ _e23 = past_value4_(_e21 + h_2, columns_8, past_value, _buffer_sizes);
        return _e23;
    }
    Strides _e26 = params.value;
    uint _e29 = params.past_len;
    uint _e31 = element(_e26, b_6, n_3, t_4 - _e29);
    Elem4_ _e33 = value4_(_e31 + h_2, columns_8, value, _buffer_sizes);
    return _e33;
}

metal::float4 with_key_bias(
    metal::float4 x_8,
    uint n_4,
    uint t_5,
    uint h_3,
    constant AttentionParams& params,
    device type_3 const& bias,
    constant _mslBufferSizes& _buffer_sizes
) {
    bool local_5 = {};
    if (KV_BIAS) {
        uint _e9 = params.past_len;
        local_5 = t_5 >= _e9;
    } else {
        local_5 = false;
    }
    bool _e12 = local_5;
    if (_e12) {
        uint _e15 = params.key_bias_offset;
        uint _e18 = params.head_size;
        uint _e24 = params.head_size;
        metal::float4 _e26 = bias4_((_e15 + (n_4 * _e18)) + h_3, _e24 - h_3, bias, _buffer_sizes);
        return x_8 + _e26;
    }
    return x_8;
}

metal::float4 with_value_bias(
    metal::float4 x_9,
    uint n_5,
    uint t_6,
    uint h_4,
    constant AttentionParams& params,
    device type_3 const& bias,
    constant _mslBufferSizes& _buffer_sizes
) {
    bool local_6 = {};
    if (KV_BIAS) {
        uint _e9 = params.past_len;
        local_6 = t_6 >= _e9;
    } else {
        local_6 = false;
    }
    bool _e12 = local_6;
    if (_e12) {
        uint _e15 = params.value_bias_offset;
        uint _e18 = params.v_head_size;
        uint _e24 = params.v_head_size;
        metal::float4 _e26 = bias4_((_e15 + (n_5 * _e18)) + h_4, _e24 - h_4, bias, _buffer_sizes);
        return x_9 + _e26;
    }
    return x_9;
}

metal::float4 source_key4_(
    uint b_7,
    uint n_6,
    uint t_7,
    uint h_5,
    constant AttentionParams& params,
    device type_3 const& key,
    device type_3 const& bias,
    device type_3 const& past_key,
    device type_7 const& cache_indirection,
    constant _mslBufferSizes& _buffer_sizes
) {
    Elem4_ _e4 = stored_key4_(b_7, n_6, t_7, h_5, params, key, past_key, cache_indirection, _buffer_sizes);
    metal::float4 _e6 = with_key_bias(static_cast<metal::float4>(_e4), n_6, t_7, h_5, params, bias, _buffer_sizes);
    return _e6;
}

metal::float4 source_value4_(
    uint b_8,
    uint n_7,
    uint t_8,
    uint h_6,
    constant AttentionParams& params,
    device type_3 const& value,
    device type_3 const& bias,
    device type_3 const& past_value,
    device type_7 const& cache_indirection,
    constant _mslBufferSizes& _buffer_sizes
) {
    Elem4_ _e4 = stored_value4_(b_8, n_7, t_8, h_6, params, value, past_value, cache_indirection, _buffer_sizes);
    metal::float4 _e6 = with_value_bias(static_cast<metal::float4>(_e4), n_7, t_8, h_6, params, bias, _buffer_sizes);
    return _e6;
}

metal::float4 source_query4_(
    uint b_9,
    uint n_8,
    uint s_1,
    uint h_7,
    constant AttentionParams& params,
    device type_3 const& query,
    device type_3 const& bias,
    constant _mslBufferSizes& _buffer_sizes
) {
    metal::float4 x_10 = {};
    uint _e6 = params.head_size;
    uint columns_9 = _e6 - h_7;
    Strides _e10 = params.query;
    uint _e11 = element(_e10, b_9, n_8, s_1);
    metal::float4 _e13 = query4_(_e11 + h_7, columns_9, query, _buffer_sizes);
    x_10 = _e13;
    if (QUERY_BIAS) {
        metal::float4 _e16 = x_10;
        uint _e19 = params.query_bias_offset;
        uint _e22 = params.head_size;
        metal::float4 _e26 = bias4_((_e19 + (n_8 * _e22)) + h_7, columns_9, bias, _buffer_sizes);
        x_10 = _e16 + _e26;
    }
    metal::float4 _e28 = x_10;
    return _e28;
}

bool is_padding(
    uint b_10,
    uint s_2,
    uint t_9,
    constant AttentionParams& params,
    device type_7 const& padding_mask,
    constant _mslBufferSizes& _buffer_sizes
) {
    Strides _e5 = params.padding_mask;
    uint _e7 = element(_e5, b_10, 0u, s_2);
    switch(PADDING_MASK) {
        case 1u: {
            int _e12 = padding_mask[_e7];
            return static_cast<int>(t_9) >= _e12;
        }
        case 2u: {
            int _e17 = padding_mask[_e7 + t_9];
            return _e17 <= 0;
        }
        case 3u: {
            int _e23 = padding_mask[_e7 + t_9];
            return _e23 == 0;
        }
        default: {
            return false;
        }
    }
}

bool is_causally_hidden(
    uint s_3,
    uint t_10,
    constant AttentionParams& params
) {
    bool local_7 = {};
    uint _e4 = params.past_len;
    if (t_10 > (s_3 + _e4)) {
        uint _e13 = params.q_len;
        local_7 = (s_3 + 1u) < _e13;
    } else {
        local_7 = false;
    }
    bool _e16 = local_7;
    return _e16;
}

float masked_score(
    float scaled,
    uint b_11,
    uint n_9,
    uint s_4,
    uint t_11,
    constant AttentionParams& params,
    device type_7 const& padding_mask,
    device type_3 const& attention_bias,
    constant _mslBufferSizes& _buffer_sizes
) {
    float x_11 = {};
    bool local_8 = {};
    float term = 0.0;
    x_11 = scaled;
    if (ATTENTION_BIAS) {
        float _e7 = x_11;
        Strides _e11 = params.attention_bias;
        uint _e14 = params.bias_batch_divisor;
        uint _e16 = element(_e11, naga_div(b_11, _e14), n_9, s_4);
        Elem _e19 = attention_bias[_e16 + t_11];
        x_11 = _e7 + static_cast<float>(_e19);
    }
    if (true) {
        local_8 = CAUSAL;
    } else {
        local_8 = true;
    }
    bool _e31 = local_8;
    if (_e31) {
        if (false) {
            float _e40 = params.mask_filter_value;
            bool _e41 = is_padding(b_11, s_4, t_11, params, padding_mask, _buffer_sizes);
            term = _e41 ? _e40 : 0.0;
        }
        if (CAUSAL) {
            float _e45 = term;
            bool _e47 = is_causally_hidden(s_4, t_11, params);
            term = _e47 ? LOWEST : _e45;
        }
        float _e49 = x_11;
        float _e50 = term;
        x_11 = _e49 + _e50;
    }
    float _e52 = x_11;
    return _e52;
}

float score_factor(
    constant AttentionParams& params
) {
    if (LOG2_SCORES) {
        float _e3 = params.scale;
        return _e3 * LOG2_E;
    }
    float _e8 = params.scale;
    return _e8;
}

float weight(
    float difference
) {
    if (LOG2_SCORES) {
        return metal::exp2(difference);
    }
    return metal::exp2(difference * LOG2_E);
}

uint partial_index(
    uint split,
    uint b_12,
    uint n_10,
    uint s_5,
    constant AttentionParams& params
) {
    uint _e4 = partial_rows(params);
    uint _e6 = partial_row(b_12, n_10, s_5, params);
    return (split * _e4) + _e6;
}

void store_partial4_(
    uint index_7,
    uint h_8,
    metal::float4 x_12,
    constant AttentionParams& params,
    device type_8& partial_values,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e6 = params.v_head_size;
    partial_values[(index_7 * naga_div(_e6 + 3u, 4u)) + naga_div(h_8, 4u)] = x_12;
    return;
}
uint naga_mod(uint lhs, uint rhs) {
    return lhs % metal::select(rhs, 1u, rhs == 0u);
}


struct main_Input {
};
[[max_total_threads_per_threadgroup(128)]] kernel void main_(
  metal::uint3 workgroup [[threadgroup_position_in_grid]]
, uint lane [[thread_index_in_threadgroup]]
, constant AttentionParams& params [[user(fake0)]]
, device type_3 const& query [[user(fake0)]]
, device type_3 const& key [[user(fake0)]]
, device type_3 const& value [[user(fake0)]]
, device type_3 const& bias [[user(fake0)]]
, device type_3 const& past_key [[user(fake0)]]
, device type_3 const& past_value [[user(fake0)]]
, device type_3& output [[user(fake0)]]
, device type_7 const& cache_indirection [[user(fake0)]]
, device type_7 const& padding_mask [[user(fake0)]]
, device type_3 const& attention_bias [[user(fake0)]]
, device type_8& partial_values [[user(fake0)]]
, device type_10& partial_stats [[user(fake0)]]
, threadgroup type_11& scores
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    uint t_end = {};
    bool local = {};
    metal::float4 o = metal::float4 {};
    float row_max = LOWEST;
    float row_sum = 0.0;
    uint t0_ = {};
    float score = {};
    bool local_1 = {};
    float x = {};
    uint h = {};
    float tile_max = {};
    uint i = {};
    uint i_1 = {};
    bool local_2 = {};
    uint _e4 = params.v_head_size;
    uint column_tiles = naga_div((_e4 + 512u) - 1u, 512u);
    uint _e20 = params.origin.z;
    uint s_6 = _e20 + naga_div(workgroup.x, column_tiles);
    uint _e27 = params.origin.y;
    uint n_11 = _e27 + workgroup.y;
    uint _e33 = params.origin.x;
    uint _e37 = params.splits;
    uint b_13 = _e33 + naga_div(workgroup.z, _e37);
    uint _e43 = params.splits;
    uint split_1 = naga_mod(workgroup.z, _e43);
    uint h_out = ((naga_mod(workgroup.x, column_tiles) * WORKGROUP_SIZE) + lane) * 4u;
    uint _e55 = params.origin.w;
    uint _e58 = params.keys_per_split;
    uint t_begin = _e55 + (split_1 * _e58);
    uint _e63 = params.keys_per_split;
    uint _e68 = params.end.w;
    t_end = metal::min(t_begin + _e63, _e68);
    if (CAUSAL_SKIP) {
        uint _e78 = params.q_len;
        local = (s_6 + 1u) < _e78;
    } else {
        local = false;
    }
    bool _e81 = local;
    if (_e81) {
        uint _e82 = t_end;
        uint _e87 = params.past_len;
        t_end = metal::min(_e82, (s_6 + 1u) + _e87);
    }
    float _e90 = score_factor(params);
    t0_ = t_begin;
    bool loop_init = true;
    while(true) {
        if (!loop_init) {
            uint _e201 = t0_;
            t0_ = _e201 + WORKGROUP_SIZE;
        }
        loop_init = false;
        uint _e98 = t0_;
        uint _e99 = t_end;
        if (_e98 < _e99) {
        } else {
            break;
        }
        {
            uint _e102 = t_end;
            uint _e103 = t0_;
            uint keys = metal::min(WORKGROUP_SIZE, _e102 - _e103);
            score = LOWEST;
            if (lane < keys) {
                uint _e111 = t0_;
                bool _e113 = is_held(b_13, _e111 + lane, params, cache_indirection, _buffer_sizes);
                local_1 = _e113;
            } else {
                local_1 = false;
            }
            bool _e115 = local_1;
            if (_e115) {
                x = 0.0;
                h = 0u;
                bool loop_init_1 = true;
                while(true) {
                    if (!loop_init_1) {
                        uint _e134 = h;
                        h = _e134 + 4u;
                    }
                    loop_init_1 = false;
                    uint _e120 = h;
                    uint _e123 = params.head_size;
                    if (_e120 < _e123) {
                    } else {
                        break;
                    }
                    {
                        float _e125 = x;
                        uint _e126 = h;
                        metal::float4 _e127 = source_query4_(b_13, n_11, s_6, _e126, params, query, bias, _buffer_sizes);
                        uint _e128 = t0_;
                        uint _e130 = h;
                        metal::float4 _e131 = source_key4_(b_13, n_11, _e128 + lane, _e130, params, key, bias, past_key, cache_indirection, _buffer_sizes);
                        x = _e125 + metal::dot(_e127, _e131);
                    }
                }
                float _e137 = x;
                uint _e139 = t0_;
                float _e141 = masked_score(_e137 * _e90, b_13, n_11, s_6, _e139 + lane, params, padding_mask, attention_bias, _buffer_sizes);
                score = _e141;
            }
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
            float _e144 = score;
            scores.inner[lane] = _e144;
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
            float _e145 = row_max;
            tile_max = _e145;
            i = 0u;
            bool loop_init_2 = true;
            while(true) {
                if (!loop_init_2) {
                    uint _e158 = i;
                    i = _e158 + 1u;
                }
                loop_init_2 = false;
                uint _e149 = i;
                if (_e149 < keys) {
                } else {
                    break;
                }
                {
                    float _e151 = tile_max;
                    uint _e153 = i;
                    float _e155 = scores.inner[_e153];
                    tile_max = metal::max(_e151, _e155);
                }
            }
            float _e160 = row_max;
            float _e161 = tile_max;
            float _e163 = weight(_e160 - _e161);
            float _e164 = tile_max;
            row_max = _e164;
            float _e165 = row_sum;
            row_sum = _e165 * _e163;
            metal::float4 _e167 = o;
            o = _e167 * _e163;
            i_1 = 0u;
            bool loop_init_3 = true;
            while(true) {
                if (!loop_init_3) {
                    uint _e199 = i_1;
                    i_1 = _e199 + 1u;
                }
                loop_init_3 = false;
                uint _e171 = i_1;
                if (_e171 < keys) {
                } else {
                    break;
                }
                {
                    uint _e173 = t0_;
                    uint _e174 = i_1;
                    bool _e176 = is_held(b_13, _e173 + _e174, params, cache_indirection, _buffer_sizes);
                    if (!(_e176)) {
                        continue;
                    }
                    uint _e179 = i_1;
                    float _e181 = scores.inner[_e179];
                    float _e182 = tile_max;
                    float _e184 = weight(_e181 - _e182);
                    float _e185 = row_sum;
                    row_sum = _e185 + _e184;
                    uint _e189 = params.v_head_size;
                    if (h_out < _e189) {
                        uint _e192 = t0_;
                        uint _e193 = i_1;
                        metal::float4 _e195 = source_value4_(b_13, n_11, _e192 + _e193, h_out, params, value, bias, past_value, cache_indirection, _buffer_sizes);
                        metal::float4 _e196 = o;
                        o = metal::fma(metal::float4(_e184), _e195, _e196);
                    }
                }
            }
        }
    }
    uint _e206 = params.first_split;
    uint _e208 = partial_index(_e206 + split_1, b_13, n_11, s_6, params);
    if (PARTIAL) {
        local_2 = h_out == 0u;
    } else {
        local_2 = false;
    }
    bool _e215 = local_2;
    if (_e215) {
        float _e218 = row_max;
        float _e219 = row_sum;
        partial_stats[_e208] = metal::float2(_e218, _e219);
    }
    uint _e223 = params.v_head_size;
    if (h_out < _e223) {
        if (PARTIAL) {
            metal::float4 _e226 = o;
            store_partial4_(_e208, h_out, _e226, params, partial_values, _buffer_sizes);
            return;
        } else {
            Strides _e229 = params.output;
            uint _e230 = element(_e229, b_13, n_11, s_6);
            uint _e234 = params.v_head_size;
            metal::float4 _e236 = o;
            float _e237 = row_sum;
            store_output4_(_e230 + h_out, _e234 - h_out, _e236 / metal::float4(_e237), output, _buffer_sizes);
            return;
        }
    } else {
        return;
    }
}
