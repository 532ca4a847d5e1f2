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
};

typedef half Elem;
typedef metal::half4 Elem4_;
typedef half QkElem;
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
typedef Elem4_ type_3[1];
typedef int type_7[1];
typedef Elem type_8[1];
typedef QkElem type_9[1];
struct type_10 {
    metal::float4 inner[80];
};
constant float LOWEST = -340282350000000000000000000000000000000.0;
constant float LOG2_E = 1.442695;
constant uint SIDE = 16u;
constant uint SIDE4_ = 4u;
constant uint PITCH4_ = 5u;
constant bool BEAMS = false;
constant bool ONE_BEAM = false;
constant bool PAST = false;
constant bool KV_BIAS = false;
constant bool QUERY_BIAS = false;
constant bool CAUSAL = false;
constant uint PADDING_MASK = 0u;
constant bool ATTENTION_BIAS = false;

uint element(
    Strides strides,
    uint b,
    uint n,
    uint row
) {
    return ((strides.offset + (b * strides.batch)) + (n * strides.head)) + (row * strides.row);
}

uint naga_div(uint lhs, uint rhs) {
    return lhs / metal::select(rhs, 1u, rhs == 0u);
}

metal::float4 query4_(
    uint index,
    uint columns,
    device type_3 const& query,
    constant _mslBufferSizes& _buffer_sizes
) {
    Elem4_ _e6 = query[naga_div(index, 4u)];
    return static_cast<metal::float4>(_e6);
}

Elem4_ key4_(
    uint index_1,
    uint columns_1,
    device type_3 const& key,
    constant _mslBufferSizes& _buffer_sizes
) {
    Elem4_ _e6 = key[naga_div(index_1, 4u)];
    return _e6;
}

metal::float4 bias4_(
    uint index_2,
    uint columns_2,
    device type_3 const& bias,
    constant _mslBufferSizes& _buffer_sizes
) {
    Elem4_ _e6 = bias[naga_div(index_2, 4u)];
    return static_cast<metal::float4>(_e6);
}

Elem4_ past_key4_(
    uint index_3,
    uint columns_3,
    device type_3 const& past_key,
    constant _mslBufferSizes& _buffer_sizes
) {
    Elem4_ _e6 = past_key[naga_div(index_3, 4u)];
    return _e6;
}

uint holding_beam(
    uint b_1,
    uint t,
    constant AttentionParams& params,
    device type_7 const& cache_indirection,
    constant _mslBufferSizes& _buffer_sizes
) {
    Strides _e5 = params.cache_indirection;
    uint _e7 = element(_e5, b_1, 0u, t);
    int _e9 = cache_indirection[_e7];
    return static_cast<uint>(_e9);
}

uint past_batch(
    uint b_2,
    uint t_1,
    constant AttentionParams& params,
    device type_7 const& cache_indirection,
    constant _mslBufferSizes& _buffer_sizes
) {
    if (true) {
        return b_2;
    }
    uint _e7 = params.beam_width;
    uint _e11 = params.beam_width;
    uint first = naga_div(b_2, _e7) * _e11;
    if (ONE_BEAM) {
        uint _e16 = params.source_beam;
        return first + _e16;
    }
    uint _e18 = holding_beam(b_2, t_1, params, cache_indirection, _buffer_sizes);
    return first + _e18;
}

bool is_held(
    uint b_3,
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
    uint _e15 = holding_beam(b_3, t_2, params, cache_indirection, _buffer_sizes);
    uint _e18 = params.source_beam;
    return _e15 == _e18;
}

Elem4_ stored_key4_(
    uint b_4,
    uint n_1,
    uint t_3,
    uint h,
    constant AttentionParams& params,
    device type_3 const& key,
    device type_3 const& past_key,
    device type_7 const& cache_indirection,
    constant _mslBufferSizes& _buffer_sizes
) {
    bool local_6 = {};
    uint _e6 = params.head_size;
    uint columns_4 = _e6 - h;
    if (PAST) {
        uint _e13 = params.past_len;
        local_6 = t_3 < _e13;
    } else {
        local_6 = false;
    }
    bool _e16 = local_6;
    if (_e16) {
        Strides _e19 = params.past_key;
        uint _e20 = past_batch(b_4, t_3, params, cache_indirection, _buffer_sizes);
        uint _e21 = element(_e19, _e20, n_1, t_3);
        Elem4_ _e23 = past_key4_(_e21 + h, columns_4, past_key, _buffer_sizes);
        return _e23;
    }
    Strides _e26 = params.key;
    uint _e29 = params.past_len;
    uint _e31 = element(_e26, b_4, n_1, t_3 - _e29);
    Elem4_ _e33 = key4_(_e31 + h, columns_4, key, _buffer_sizes);
    return _e33;
}

metal::float4 with_key_bias(
    metal::float4 x_1,
    uint n_2,
    uint t_4,
    uint h_1,
    constant AttentionParams& params,
    device type_3 const& bias,
    constant _mslBufferSizes& _buffer_sizes
) {
    bool local_7 = {};
    if (KV_BIAS) {
        uint _e9 = params.past_len;
        local_7 = t_4 >= _e9;
    } else {
        local_7 = false;
    }
    bool _e12 = local_7;
    if (_e12) {
        uint _e15 = params.key_bias_offset;
        uint _e18 = params.head_size;
        uint _e24 = params.head_size;
        metal::float4 _e26 = bias4_((_e15 + (n_2 * _e18)) + h_1, _e24 - h_1, bias, _buffer_sizes);
        return x_1 + _e26;
    }
    return x_1;
}

metal::float4 source_key4_(
    uint b_5,
    uint n_3,
    uint t_5,
    uint h_2,
    constant AttentionParams& params,
    device type_3 const& key,
    device type_3 const& bias,
    device type_3 const& past_key,
    device type_7 const& cache_indirection,
    constant _mslBufferSizes& _buffer_sizes
) {
    Elem4_ _e4 = stored_key4_(b_5, n_3, t_5, h_2, params, key, past_key, cache_indirection, _buffer_sizes);
    metal::float4 _e6 = with_key_bias(static_cast<metal::float4>(_e4), n_3, t_5, h_2, params, bias, _buffer_sizes);
    return _e6;
}

metal::float4 source_query4_(
    uint b_6,
    uint n_4,
    uint s,
    uint h_3,
    constant AttentionParams& params,
    device type_3 const& query,
    device type_3 const& bias,
    constant _mslBufferSizes& _buffer_sizes
) {
    metal::float4 x_2 = {};
    uint _e6 = params.head_size;
    uint columns_5 = _e6 - h_3;
    Strides _e10 = params.query;
    uint _e11 = element(_e10, b_6, n_4, s);
    metal::float4 _e13 = query4_(_e11 + h_3, columns_5, query, _buffer_sizes);
    x_2 = _e13;
    if (QUERY_BIAS) {
        metal::float4 _e16 = x_2;
        uint _e19 = params.query_bias_offset;
        uint _e22 = params.head_size;
        metal::float4 _e26 = bias4_((_e19 + (n_4 * _e22)) + h_3, columns_5, bias, _buffer_sizes);
        x_2 = _e16 + _e26;
    }
    metal::float4 _e28 = x_2;
    return _e28;
}

bool is_padding(
    uint b_7,
    uint s_1,
    uint t_6,
    constant AttentionParams& params,
    device type_7 const& padding_mask,
    constant _mslBufferSizes& _buffer_sizes
) {
    Strides _e5 = params.padding_mask;
    uint _e7 = element(_e5, b_7, 0u, s_1);
    switch(PADDING_MASK) {
        case 1u: {
            int _e12 = padding_mask[_e7];
            return static_cast<int>(t_6) >= _e12;
        }
        case 2u: {
            int _e17 = padding_mask[_e7 + t_6];
            return _e17 <= 0;
        }
        case 3u: {
            int _e23 = padding_mask[_e7 + t_6];
            return _e23 == 0;
        }
        default: {
            return false;
        }
    }
}

bool is_causally_hidden(
    uint s_2,
    uint t_7,
    constant AttentionParams& params
) {
    bool local_8 = {};
    uint _e4 = params.past_len;
    if (t_7 > (s_2 + _e4)) {
        uint _e13 = params.q_len;
        local_8 = (s_2 + 1u) < _e13;
    } else {
        local_8 = false;
    }
    bool _e16 = local_8;
    return _e16;
}

float masked_score(
    float scaled,
    uint b_8,
    uint n_5,
    uint s_3,
    uint t_8,
    constant AttentionParams& params,
    device type_7 const& padding_mask,
    device type_8 const& attention_bias,
    constant _mslBufferSizes& _buffer_sizes
) {
    float x_3 = {};
    bool local_9 = {};
    float term = 0.0;
    x_3 = scaled;
    if (ATTENTION_BIAS) {
        float _e7 = x_3;
        Strides _e11 = params.attention_bias;
        uint _e14 = params.bias_batch_divisor;
        uint _e16 = element(_e11, naga_div(b_8, _e14), n_5, s_3);
        Elem _e19 = attention_bias[_e16 + t_8];
        x_3 = _e7 + static_cast<float>(_e19);
    }
    if (true) {
        local_9 = CAUSAL;
    } else {
        local_9 = true;
    }
    bool _e31 = local_9;
    if (_e31) {
        if (false) {
            float _e40 = params.mask_filter_value;
            bool _e41 = is_padding(b_8, s_3, t_8, params, padding_mask, _buffer_sizes);
            term = _e41 ? _e40 : 0.0;
        }
        if (CAUSAL) {
            float _e45 = term;
            bool _e47 = is_causally_hidden(s_3, t_8, params);
            term = _e47 ? LOWEST : _e45;
        }
        float _e49 = x_3;
        float _e50 = term;
        x_3 = _e49 + _e50;
    }
    float _e52 = x_3;
    return _e52;
}
uint naga_mod(uint lhs, uint rhs) {
    return lhs % metal::select(rhs, 1u, rhs == 0u);
}


struct main_Input {
};
[[max_total_threads_per_threadgroup(256)]] kernel void main_(
  metal::uint3 workgroup [[threadgroup_position_in_grid]]
, metal::uint3 local [[thread_position_in_threadgroup]]
, uint local_index [[thread_index_in_threadgroup]]
, constant AttentionParams& params [[user(fake0)]]
, device type_3 const& query [[user(fake0)]]
, device type_3 const& key [[user(fake0)]]
, device type_3 const& bias [[user(fake0)]]
, device type_3 const& past_key [[user(fake0)]]
, device type_7 const& cache_indirection [[user(fake0)]]
, device type_7 const& padding_mask [[user(fake0)]]
, device type_8 const& attention_bias [[user(fake0)]]
, device type_9& output [[user(fake0)]]
, threadgroup type_10& queries
, threadgroup type_10& keys
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    float sum = 0.0;
    uint h0_ = 0u;
    metal::float4 x = {};
    bool local_1 = {};
    bool local_2 = {};
    bool local_3 = {};
    uint i = {};
    bool local_4 = {};
    bool local_5 = {};
    uint _e6 = params.end.w;
    uint _e10 = params.origin.w;
    uint key_tiles = naga_div(((_e6 - _e10) + SIDE) - 1u, SIDE);
    uint _e21 = params.origin.z;
    uint s0_ = _e21 + (naga_div(workgroup.x, key_tiles) * SIDE);
    uint _e30 = params.origin.w;
    uint t0_ = _e30 + (naga_mod(workgroup.x, key_tiles) * SIDE);
    uint _e39 = params.origin.y;
    uint n_6 = _e39 + workgroup.y;
    uint _e45 = params.origin.x;
    uint b_9 = _e45 + workgroup.z;
    uint s_4 = s0_ + local.y;
    uint t_9 = t0_ + local.x;
    uint load = naga_mod(local_index, 64u);
    uint load_row = naga_div(load, SIDE4_);
    uint load_column = naga_mod(load, SIDE4_);
    bool loop_init = true;
    while(true) {
        if (!loop_init) {
            uint _e154 = h0_;
            h0_ = _e154 + SIDE;
        }
        loop_init = false;
        uint _e62 = h0_;
        uint _e65 = params.head_size;
        if (_e62 < _e65) {
        } else {
            break;
        }
        {
            uint _e67 = h0_;
            uint h_4 = _e67 + (load_column * 4u);
            x = metal::float4 {};
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
            if (local_index < 64u) {
                uint _e79 = params.end.z;
                if ((s0_ + load_row) < _e79) {
                    uint _e85 = params.head_size;
                    local_1 = h_4 < _e85;
                } else {
                    local_1 = false;
                }
                bool _e88 = local_1;
                if (_e88) {
                    metal::float4 _e90 = source_query4_(b_9, n_6, s0_ + load_row, h_4, params, query, bias, _buffer_sizes);
                    x = _e90;
                }
                metal::float4 _e96 = x;
                queries.inner[(load_row * PITCH4_) + load_column] = _e96;
            } else {
                if (local_index < 128u) {
                    uint _e103 = params.end.w;
                    if ((t0_ + load_row) < _e103) {
                        uint _e109 = params.head_size;
                        local_2 = h_4 < _e109;
                    } else {
                        local_2 = false;
                    }
                    bool _e112 = local_2;
                    if (_e112) {
                        bool _e116 = is_held(b_9, t0_ + load_row, params, cache_indirection, _buffer_sizes);
                        local_3 = _e116;
                    } else {
                        local_3 = false;
                    }
                    bool _e118 = local_3;
                    if (_e118) {
                        metal::float4 _e120 = source_key4_(b_9, n_6, t0_ + load_row, h_4, params, key, bias, past_key, cache_indirection, _buffer_sizes);
                        x = _e120;
                    }
                    metal::float4 _e126 = x;
                    keys.inner[(load_row * PITCH4_) + load_column] = _e126;
                }
            }
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
            i = 0u;
            bool loop_init_1 = true;
            while(true) {
                if (!loop_init_1) {
                    uint _e152 = i;
                    i = _e152 + 1u;
                }
                loop_init_1 = false;
                uint _e129 = i;
                if (_e129 < SIDE4_) {
                } else {
                    break;
                }
                {
                    float _e132 = sum;
                    uint _e137 = i;
                    metal::float4 _e140 = queries.inner[(local.y * PITCH4_) + _e137];
                    uint _e145 = i;
                    metal::float4 _e148 = keys.inner[(local.x * PITCH4_) + _e145];
                    sum = _e132 + metal::dot(_e140, _e148);
                }
            }
        }
    }
    uint _e160 = params.end.z;
    if (s_4 < _e160) {
        uint _e167 = params.end.w;
        local_4 = t_9 < _e167;
    } else {
        local_4 = false;
    }
    bool _e170 = local_4;
    if (_e170) {
        bool _e173 = is_held(b_9, t_9, params, cache_indirection, _buffer_sizes);
        local_5 = _e173;
    } else {
        local_5 = false;
    }
    bool _e175 = local_5;
    if (_e175) {
        Strides _e179 = params.output;
        uint _e180 = element(_e179, b_9, n_6, s_4);
        float _e183 = sum;
        float _e186 = params.scale;
        float _e188 = masked_score(_e183 * _e186, b_9, n_6, s_4, t_9, params, padding_mask, attention_bias, _buffer_sizes);
        output[_e180 + t_9] = static_cast<half>(_e188);
        return;
    } else {
        return;
    }
}
