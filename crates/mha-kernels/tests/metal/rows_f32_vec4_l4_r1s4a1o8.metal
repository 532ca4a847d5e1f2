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
};

typedef float Elem;
typedef metal::float4 Elem4_;
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
typedef metal::float4 type_9[1];
typedef metal::float2 type_11[1];
struct TilePlace {
    uint row_tile;
    uint head;
    uint batch_row;
    uint split;
};
typedef metal::float4 Tile4_;
struct RowVectors {
    metal::float4 r0_;
};
typedef float Owned;
struct OwnedRows {
    Owned r0_;
};
struct RowNumbers {
    float r0_;
};
struct type_13 {
    Tile4_ inner[256];
};
struct KeyNumbers {
    RowNumbers k0_;
    RowNumbers k1_;
    RowNumbers k2_;
    RowNumbers k3_;
};
struct Slice {
    metal::float4 c0_;
    metal::float4 c1_;
    metal::float4 c2_;
    metal::float4 c3_;
};
struct Outputs {
    Slice r0_;
};
struct Queries {
    RowVectors c0_;
    RowVectors c1_;
    RowVectors c2_;
    RowVectors c3_;
};
struct Ahead {
    Elem4_ k0_;
    Elem4_ v0_;
};
constant float LOWEST = -340282350000000000000000000000000000000.0;
constant float LOG2_E = 1.442695;
constant uint LANES = 4u;
constant uint SLICE4_ = 4u;
constant uint COLUMNS4_ = 16u;
constant float SLACK = 5.5;
constant uint ROWS = 1u;
constant bool PAST = false;
constant bool KV_BIAS = false;
constant bool QUERY_BIAS = false;
constant bool CAUSAL = false;
constant uint PADDING_MASK = 0u;
constant bool ATTENTION_BIAS = false;
constant bool LOG2_SCORES = true;
constant bool LONGEST_FIRST = false;
constant bool PARTIAL = false;
constant uint KEY_TILE = 16u;
constant uint TILE_LENGTH = 256u;
constant uint LANE_STEP = 1u;
constant uint WORKGROUP_SIZE = 128u;
constant bool CAUSAL_SKIP = false;

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

Elem4_ value4_(
    uint index_2,
    uint columns_2,
    device type_3 const& value,
    constant _mslBufferSizes& _buffer_sizes
) {
    Elem4_ _e6 = value[naga_div(index_2, 4u)];
    return _e6;
}

metal::float4 bias4_(
    uint index_3,
    uint columns_3,
    device type_3 const& bias,
    constant _mslBufferSizes& _buffer_sizes
) {
    Elem4_ _e6 = bias[naga_div(index_3, 4u)];
    return static_cast<metal::float4>(_e6);
}

Elem4_ past_key4_(
    uint index_4,
    uint columns_4,
    device type_3 const& past_key,
    constant _mslBufferSizes& _buffer_sizes
) {
    Elem4_ _e6 = past_key[naga_div(index_4, 4u)];
    return _e6;
}

Elem4_ past_value4_(
    uint index_5,
    uint columns_5,
    device type_3 const& past_value,
    constant _mslBufferSizes& _buffer_sizes
) {
    Elem4_ _e6 = past_value[naga_div(index_5, 4u)];
    return _e6;
}

void store_output4_(
    uint index_6,
    uint columns_6,
    metal::float4 x,
    device type_3& output,
    constant _mslBufferSizes& _buffer_sizes
) {
    output[naga_div(index_6, 4u)] = static_cast<metal::float4>(x);
    return;
}

uint past_batch(
    uint b_2,
    uint t
) {
    return b_2;
}

Elem4_ stored_key4_(
    uint b_3,
    uint n_2,
    uint t_1,
    uint h,
    constant AttentionParams& params,
    device type_3 const& key,
    device type_3 const& past_key,
    constant _mslBufferSizes& _buffer_sizes
) {
    bool local = {};
    uint _e6 = params.head_size;
    uint columns_7 = _e6 - h;
    if (PAST) {
        uint _e13 = params.past_len;
        local = t_1 < _e13;
    } else {
        local = false;
    }
    bool _e16 = local;
    if (_e16) {
        Strides _e19 = params.past_key;
        uint _e20 = past_batch(b_3, t_1);
        uint _e21 = element(_e19, _e20, n_2, t_1);
        Elem4_ _e23 = past_key4_(_e21 + h, columns_7, past_key, _buffer_sizes);
        return _e23;
    }
    Strides _e26 = params.key;
    uint _e29 = params.past_len;
    uint _e31 = element(_e26, b_3, n_2, t_1 - _e29);
    Elem4_ _e33 = key4_(_e31 + h, columns_7, key, _buffer_sizes);
    return _e33;
}

Elem4_ stored_value4_(
    uint b_4,
    uint n_3,
    uint t_2,
    uint h_1,
    constant AttentionParams& params,
    device type_3 const& value,
    device type_3 const& past_value,
    constant _mslBufferSizes& _buffer_sizes
) {
    bool local_1 = {};
    uint _e6 = params.v_head_size;
    uint columns_8 = _e6 - h_1;
    if (PAST) {
        uint _e13 = params.past_len;
        local_1 = t_2 < _e13;
    } else {
        local_1 = false;
    }
    bool _e16 = local_1;
    if (_e16) {
        Strides _e19 = params.past_value;
        uint _e20 = past_batch(b_4, t_2);
        uint _e21 = element(_e19, _e20, n_3, t_2);
        Elem4_ _e23 = past_value4_(_e21 + h_1, columns_8, past_value, _buffer_sizes);
        return _e23;
    }
    Strides _e26 = params.value;
    uint _e29 = params.past_len;
    uint _e31 = element(_e26, b_4, n_3, t_2 - _e29);
    Elem4_ _e33 = value4_(_e31 + h_1, columns_8, value, _buffer_sizes);
    return _e33;
}

metal::float4 with_key_bias(
    metal::float4 x_1,
    uint n_4,
    uint t_3,
    uint h_2,
    constant AttentionParams& params,
    device type_3 const& bias,
    constant _mslBufferSizes& _buffer_sizes
) {
    bool local_2 = {};
    if (KV_BIAS) {
        uint _e9 = params.past_len;
        local_2 = t_3 >= _e9;
    } else {
        local_2 = false;
    }
    bool _e12 = local_2;
    if (_e12) {
        uint _e15 = params.key_bias_offset;
        uint _e18 = params.head_size;
        uint _e24 = params.head_size;
        metal::float4 _e26 = bias4_((_e15 + (n_4 * _e18)) + h_2, _e24 - h_2, bias, _buffer_sizes);
        return x_1 + _e26;
    }
    return x_1;
}

metal::float4 with_value_bias(
    metal::float4 x_2,
    uint n_5,
    uint t_4,
    uint h_3,
    constant AttentionParams& params,
    device type_3 const& bias,
    constant _mslBufferSizes& _buffer_sizes
) {
    bool local_3 = {};
    if (KV_BIAS) {
        uint _e9 = params.past_len;
        local_3 = t_4 >= _e9;
    } else {
        local_3 = false;
    }
    bool _e12 = local_3;
    if (_e12) {
        uint _e15 = params.value_bias_offset;
        uint _e18 = params.v_head_size;
        uint _e24 = params.v_head_size;
        metal::float4 _e26 = bias4_((_e15 + (n_5 * _e18)) + h_3, _e24 - h_3, bias, _buffer_sizes);
        return x_2 + _e26;
    }
    return x_2;
}

metal::float4 source_query4_(
    uint b_5,
    uint n_6,
    uint s_1,
    uint h_4,
    constant AttentionParams& params,
    device type_3 const& query,
    device type_3 const& bias,
    constant _mslBufferSizes& _buffer_sizes
) {
    metal::float4 x_3 = {};
    uint _e6 = params.head_size;
    uint columns_9 = _e6 - h_4;
    Strides _e10 = params.query;
    uint _e11 = element(_e10, b_5, n_6, s_1);
    metal::float4 _e13 = query4_(_e11 + h_4, columns_9, query, _buffer_sizes);
    x_3 = _e13;
    if (QUERY_BIAS) {
        metal::float4 _e16 = x_3;
        uint _e19 = params.query_bias_offset;
        uint _e22 = params.head_size;
        metal::float4 _e26 = bias4_((_e19 + (n_6 * _e22)) + h_4, columns_9, bias, _buffer_sizes);
        x_3 = _e16 + _e26;
    }
    metal::float4 _e28 = x_3;
    return _e28;
}

bool is_padding(
    uint b_6,
    uint s_2,
    uint t_5,
    constant AttentionParams& params,
    device type_7 const& padding_mask,
    constant _mslBufferSizes& _buffer_sizes
) {
    Strides _e5 = params.padding_mask;
    uint _e7 = element(_e5, b_6, 0u, s_2);
    switch(PADDING_MASK) {
        case 1u: {
            int _e12 = padding_mask[_e7];
            return static_cast<int>(t_5) >= _e12;
        }
        case 2u: {
            int _e17 = padding_mask[_e7 + t_5];
            return _e17 <= 0;
        }
        case 3u: {
            int _e23 = padding_mask[_e7 + t_5];
            return _e23 == 0;
        }
        default: {
            return false;
        }
    }
}

bool is_causally_hidden(
    uint s_3,
    uint t_6,
    constant AttentionParams& params
) {
    bool local_4 = {};
    uint _e4 = params.past_len;
    if (t_6 > (s_3 + _e4)) {
        uint _e13 = params.q_len;
        local_4 = (s_3 + 1u) < _e13;
    } else {
        local_4 = false;
    }
    bool _e16 = local_4;
    return _e16;
}

float masked_score(
    float scaled,
    uint b_7,
    uint n_7,
    uint s_4,
    uint t_7,
    constant AttentionParams& params,
    device type_7 const& padding_mask,
    device type_8 const& attention_bias,
    constant _mslBufferSizes& _buffer_sizes
) {
    float x_4 = {};
    bool local_5 = {};
    float term = 0.0;
    x_4 = scaled;
    if (ATTENTION_BIAS) {
        float _e7 = x_4;
        Strides _e11 = params.attention_bias;
        uint _e14 = params.bias_batch_divisor;
        uint _e16 = element(_e11, naga_div(b_7, _e14), n_7, s_4);
        Elem _e19 = attention_bias[_e16 + t_7];
        x_4 = _e7 + static_cast<float>(_e19);
    }
    if (true) {
        local_5 = CAUSAL;
    } else {
        local_5 = true;
    }
    bool _e31 = local_5;
    if (_e31) {
        if (false) {
            float _e40 = params.mask_filter_value;
            bool _e41 = is_padding(b_7, s_4, t_7, params, padding_mask, _buffer_sizes);
            term = _e41 ? _e40 : 0.0;
        }
        if (CAUSAL) {
            float _e45 = term;
            bool _e47 = is_causally_hidden(s_4, t_7, params);
            term = _e47 ? LOWEST : _e45;
        }
        float _e49 = x_4;
        float _e50 = term;
        x_4 = _e49 + _e50;
    }
    float _e52 = x_4;
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
    uint b_8,
    uint n_8,
    uint s_5,
    constant AttentionParams& params
) {
    uint _e4 = partial_rows(params);
    uint _e6 = partial_row(b_8, n_8, s_5, params);
    return (split * _e4) + _e6;
}

void store_partial4_(
    uint index_7,
    uint h_5,
    metal::float4 x_5,
    constant AttentionParams& params,
    device type_9& partial_values,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e6 = params.v_head_size;
    partial_values[(index_7 * naga_div(_e6 + 3u, 4u)) + naga_div(h_5, 4u)] = x_5;
    return;
}

uint naga_mod(uint lhs, uint rhs) {
    return lhs % metal::select(rhs, 1u, rhs == 0u);
}

TilePlace tile_place(
    uint row_tile,
    uint head,
    uint slice,
    uint batch_rows,
    constant AttentionParams& params
) {
    uint _e7 = params.origin.y;
    uint _e12 = params.origin.x;
    return TilePlace {row_tile, _e7 + head, _e12 + naga_mod(slice, batch_rows), naga_div(slice, batch_rows)};
}

TilePlace place_of(
    metal::uint3 workgroup_1,
    uint tiles,
    constant AttentionParams& params
) {
    uint _e5 = params.end.x;
    uint _e9 = params.origin.x;
    uint batch_rows_1 = _e5 - _e9;
    if (true) {
        TilePlace _e17 = tile_place(workgroup_1.x, workgroup_1.y, workgroup_1.z, batch_rows_1, params);
        return _e17;
    }
    uint _e21 = params.end.y;
    uint _e25 = params.origin.y;
    uint heads_1 = _e21 - _e25;
    uint _e30 = params.splits;
    uint others = (heads_1 * batch_rows_1) * _e30;
    uint i_5 = (((workgroup_1.z * heads_1) + workgroup_1.y) * tiles) + workgroup_1.x;
    TilePlace _e47 = tile_place((tiles - 1u) - naga_div(i_5, others), naga_mod(naga_mod(i_5, others), heads_1), naga_div(naga_mod(i_5, others), heads_1), batch_rows_1, params);
    return _e47;
}

uint existing_column(
    uint h_6,
    uint size
) {
    return metal::min(h_6, naga_div(size - 1u, 4u) * 4u);
}

metal::float4 query_part(
    uint b_9,
    uint n_9,
    uint s_6,
    uint part,
    uint lane,
    constant AttentionParams& params,
    device type_3 const& query,
    device type_3 const& bias,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint h_7 = ((part * LANES) + lane) * 4u;
    uint _e12 = params.head_size;
    uint _e13 = existing_column(h_7, _e12);
    metal::float4 _e14 = source_query4_(b_9, n_9, s_6, _e13, params, query, bias, _buffer_sizes);
    uint _e18 = params.head_size;
    return (h_7 < _e18) ? _e14 : metal::float4 {};
}

RowNumbers same_numbers(
    float x_6
) {
    return RowNumbers {x_6};
}

RowVectors load_part(
    uint b_10,
    uint n_10,
    uint first,
    uint end,
    uint part_1,
    uint lane_1,
    float factor,
    constant AttentionParams& params,
    device type_3 const& query,
    device type_3 const& bias,
    constant _mslBufferSizes& _buffer_sizes
) {
    metal::float4 _e10 = query_part(b_10, n_10, metal::min(first, end - 1u), part_1, lane_1, params, query, bias, _buffer_sizes);
    return RowVectors {_e10 * factor};
}

RowNumbers key_scores(
    RowNumbers s_7,
    RowVectors q,
    metal::float4 k
) {
    RowNumbers x_7 = {};
    x_7 = s_7;
    float _e9 = x_7.r0_;
    x_7.r0_ = metal::fma(q.r0_.x, k.x, _e9);
    float _e16 = x_7.r0_;
    x_7.r0_ = metal::fma(q.r0_.y, k.y, _e16);
    float _e23 = x_7.r0_;
    x_7.r0_ = metal::fma(q.r0_.z, k.z, _e23);
    float _e30 = x_7.r0_;
    x_7.r0_ = metal::fma(q.r0_.w, k.w, _e30);
    RowNumbers _e32 = x_7;
    return _e32;
}

metal::float4 tile_key(
    uint at,
    threadgroup type_13& key_tile
) {
    Tile4_ _e3 = key_tile.inner[at];
    return static_cast<metal::float4>(_e3);
}

KeyNumbers by_key(
    RowVectors x_8
) {
    return KeyNumbers {RowNumbers {x_8.r0_.x}, RowNumbers {x_8.r0_.y}, RowNumbers {x_8.r0_.z}, RowNumbers {x_8.r0_.w}};
}

RowVectors part_scores(
    RowVectors s_8,
    RowVectors q_1,
    metal::uint4 at_1,
    threadgroup type_13& key_tile
) {
    metal::float4 _e4 = tile_key(at_1.x, key_tile);
    metal::float4 _e6 = tile_key(at_1.y, key_tile);
    metal::float4 _e8 = tile_key(at_1.z, key_tile);
    metal::float4 _e10 = tile_key(at_1.w, key_tile);
    KeyNumbers _e11 = by_key(s_8);
    RowNumbers _e13 = key_scores(_e11.k0_, q_1, _e4);
    RowNumbers _e15 = key_scores(_e11.k1_, q_1, _e6);
    RowNumbers _e17 = key_scores(_e11.k2_, q_1, _e8);
    RowNumbers _e19 = key_scores(_e11.k3_, q_1, _e10);
    return RowVectors {metal::float4(_e13.r0_, _e15.r0_, _e17.r0_, _e19.r0_)};
}

metal::float4 tile_value(
    uint at_2,
    threadgroup type_13& value_tile
) {
    Tile4_ _e3 = value_tile.inner[at_2];
    return static_cast<metal::float4>(_e3);
}

Slice scaled_1(
    Slice o,
    float factor_1
) {
    Slice x_9 = {};
    x_9.c0_ = o.c0_ * factor_1;
    x_9.c1_ = o.c1_ * factor_1;
    x_9.c2_ = o.c2_ * factor_1;
    x_9.c3_ = o.c3_ * factor_1;
    Slice _e15 = x_9;
    return _e15;
}

Outputs scale_outputs(
    Outputs o_1,
    RowNumbers factor_2
) {
    Slice _e4 = scaled_1(o_1.r0_, factor_2.r0_);
    return Outputs {_e4};
}

Owned scatter_rotated(
    metal::float4 s_9
) {
    metal::float2 unnamed = metal::simd_shuffle_xor(s_9.zw, 2u);
    metal::float2 pair = s_9.xy + unnamed;
    float unnamed_1 = metal::simd_shuffle_xor(pair.y, LANE_STEP);
    return pair.x + unnamed_1;
}

OwnedRows scatter_rows(
    RowVectors s_10
) {
    Owned _e2 = scatter_rotated(s_10.r0_);
    return OwnedRows {_e2};
}

float swap1_(
    float x_10
) {
    if (true) {
        float unnamed_2 = metal::quad_shuffle_xor(x_10, 1u);
        return unnamed_2;
    }
    float unnamed_3 = metal::simd_shuffle_xor(x_10, LANE_STEP);
    return unnamed_3;
}

float swap2_(
    float x_11
) {
    if (true) {
        float unnamed_4 = metal::quad_shuffle_xor(x_11, 2u);
        return unnamed_4;
    }
    float unnamed_5 = metal::simd_shuffle_xor(x_11, 2u);
    return unnamed_5;
}

float swap3_(
    float x_12
) {
    if (true) {
        float unnamed_6 = metal::quad_shuffle_xor(x_12, 3u);
        return unnamed_6;
    }
    float unnamed_7 = metal::simd_shuffle_xor(x_12, 3u);
    return unnamed_7;
}

metal::float4 gather_rotated(
    Owned p
) {
    float _e1 = swap1_(p);
    float _e2 = swap2_(p);
    float _e3 = swap3_(p);
    return metal::float4(p, _e1, _e2, _e3);
}

RowVectors gather_rows(
    OwnedRows p_1
) {
    metal::float4 _e2 = gather_rotated(p_1.r0_);
    return RowVectors {_e2};
}

Owned owned_masked(
    Owned x_13,
    uint b_11,
    uint n_11,
    uint s_11,
    uint t_8,
    uint lane_2,
    uint last,
    constant AttentionParams& params,
    device type_7 const& padding_mask,
    device type_8 const& attention_bias,
    constant _mslBufferSizes& _buffer_sizes
) {
    float _e9 = masked_score(x_13, b_11, n_11, s_11, metal::min(t_8 + lane_2, last), params, padding_mask, attention_bias, _buffer_sizes);
    return _e9;
}

OwnedRows mask_rows(
    OwnedRows p_2,
    uint b_12,
    uint n_12,
    uint first_1,
    uint end_1,
    uint t_9,
    uint last_1,
    uint lane_3,
    constant AttentionParams& params,
    device type_7 const& padding_mask,
    device type_8 const& attention_bias,
    constant _mslBufferSizes& _buffer_sizes
) {
    Owned _e12 = owned_masked(p_2.r0_, b_12, n_12, metal::min(first_1, end_1 - 1u), t_9, lane_3, last_1, params, padding_mask, attention_bias, _buffer_sizes);
    return OwnedRows {_e12};
}

Owned owned_below(
    uint end_2,
    uint t_10,
    uint lane_4,
    Owned inside,
    float outside
) {
    return ((t_10 + lane_4) < end_2) ? inside : outside;
}

OwnedRows rows_below(
    OwnedRows p_3,
    uint end_3,
    uint t_11,
    uint lane_5,
    float outside_1
) {
    Owned _e6 = owned_below(end_3, t_11, lane_5, p_3.r0_, outside_1);
    return OwnedRows {_e6};
}

float owned_max(
    Owned x_14
) {
    return x_14;
}

bool rows_grew(
    OwnedRows p_4,
    RowNumbers reference
) {
    float _e3 = owned_max(p_4.r0_);
    return _e3 > (reference.r0_ + SLACK);
}

float group_max(
    float x_15
) {
    float _e1 = swap1_(x_15);
    float y = metal::max(x_15, _e1);
    float _e3 = swap2_(y);
    return metal::max(y, _e3);
}

RowNumbers rows_max(
    OwnedRows p_5,
    RowNumbers reference_1
) {
    float _e4 = owned_max(p_5.r0_);
    float _e5 = group_max(_e4);
    return RowNumbers {metal::max(reference_1.r0_, _e5)};
}

Owned owned_weight(
    Owned x_16,
    float row_max
) {
    float _e3 = weight(x_16 - row_max);
    return _e3;
}

OwnedRows weigh_rows(
    OwnedRows p_6,
    RowNumbers reference_2
) {
    Owned _e4 = owned_weight(p_6.r0_, reference_2.r0_);
    return OwnedRows {_e4};
}

RowNumbers shrink_factors(
    RowNumbers before,
    RowNumbers after
) {
    float _e5 = weight(before.r0_ - after.r0_);
    return RowNumbers {_e5};
}

RowNumbers scale_numbers(
    RowNumbers x_17,
    RowNumbers factor_3
) {
    return RowNumbers {x_17.r0_ * factor_3.r0_};
}

float owned_sum(
    Owned x_18
) {
    return x_18;
}

RowNumbers add_block_weights(
    RowNumbers sum,
    OwnedRows p_7,
    OwnedRows p_b
) {
    float _e5 = owned_sum(p_7.r0_);
    float _e7 = owned_sum(p_b.r0_);
    return RowNumbers {sum.r0_ + (_e5 + _e7)};
}

float group_sum(
    float x_19
) {
    float _e1 = swap1_(x_19);
    float y_1 = x_19 + _e1;
    float _e3 = swap2_(y_1);
    return y_1 + _e3;
}

RowNumbers group_sums(
    RowNumbers sum_1
) {
    float _e2 = group_sum(sum_1.r0_);
    return RowNumbers {_e2};
}

void store_row_stats(
    uint b_13,
    uint n_13,
    uint s_12,
    uint end_4,
    uint split_1,
    uint lane_6,
    float reference_3,
    float sum_2,
    constant AttentionParams& params,
    device type_11& partial_stats,
    constant _mslBufferSizes& _buffer_sizes
) {
    bool local_6 = {};
    bool local_7 = {};
    if (PARTIAL) {
        local_6 = s_12 < end_4;
    } else {
        local_6 = false;
    }
    bool _e13 = local_6;
    if (_e13) {
        local_7 = lane_6 == 0u;
    } else {
        local_7 = false;
    }
    bool _e19 = local_7;
    if (_e19) {
        uint _e21 = partial_index(split_1, b_13, n_13, s_12, params);
        partial_stats[_e21] = metal::float2(reference_3, sum_2);
        return;
    } else {
        return;
    }
}

void store_row_part(
    uint b_14,
    uint n_14,
    uint s_13,
    uint end_5,
    uint split_2,
    uint part_2,
    uint lane_7,
    metal::float4 x_20,
    float sum_3,
    constant AttentionParams& params,
    device type_3& output,
    device type_9& partial_values,
    constant _mslBufferSizes& _buffer_sizes
) {
    bool local_8 = {};
    uint h_8 = ((part_2 * LANES) + lane_7) * 4u;
    if (s_13 < end_5) {
        uint _e19 = params.v_head_size;
        local_8 = h_8 < _e19;
    } else {
        local_8 = false;
    }
    bool _e22 = local_8;
    if (_e22) {
        if (PARTIAL) {
            uint _e24 = partial_index(split_2, b_14, n_14, s_13, params);
            store_partial4_(_e24, h_8, x_20, params, partial_values, _buffer_sizes);
            return;
        } else {
            Strides _e27 = params.output;
            uint _e28 = element(_e27, b_14, n_14, s_13);
            uint _e32 = params.v_head_size;
            store_output4_(_e28 + h_8, _e32 - h_8, x_20 / metal::float4(sum_3), output, _buffer_sizes);
            return;
        }
    } else {
        return;
    }
}

void store_slice(
    uint b_15,
    uint n_15,
    uint s_14,
    uint end_6,
    uint split_3,
    uint lane_8,
    Slice o_2,
    float sum_4,
    constant AttentionParams& params,
    device type_3& output,
    device type_9& partial_values,
    constant _mslBufferSizes& _buffer_sizes
) {
    store_row_part(b_15, n_15, s_14, end_6, split_3, 0u, lane_8, o_2.c0_, sum_4, params, output, partial_values, _buffer_sizes);
    store_row_part(b_15, n_15, s_14, end_6, split_3, 1u, lane_8, o_2.c1_, sum_4, params, output, partial_values, _buffer_sizes);
    store_row_part(b_15, n_15, s_14, end_6, split_3, 2u, lane_8, o_2.c2_, sum_4, params, output, partial_values, _buffer_sizes);
    store_row_part(b_15, n_15, s_14, end_6, split_3, 3u, lane_8, o_2.c3_, sum_4, params, output, partial_values, _buffer_sizes);
    return;
}

void store_rows(
    uint b_16,
    uint n_16,
    uint first_2,
    uint end_7,
    uint split_4,
    uint lane_9,
    Outputs o_3,
    RowNumbers reference_4,
    RowNumbers sum_5,
    constant AttentionParams& params,
    device type_3& output,
    device type_9& partial_values,
    device type_11& partial_stats,
    constant _mslBufferSizes& _buffer_sizes
) {
    store_row_stats(b_16, n_16, first_2, end_7, split_4, lane_9, reference_4.r0_, sum_5.r0_, params, partial_stats, _buffer_sizes);
    store_slice(b_16, n_16, first_2, end_7, split_4, lane_9, o_3.r0_, sum_5.r0_, params, output, partial_values, _buffer_sizes);
    return;
}

Queries load_queries(
    uint b_17,
    uint n_17,
    uint first_3,
    uint end_8,
    uint lane_10,
    float factor_4,
    constant AttentionParams& params,
    device type_3 const& query,
    device type_3 const& bias,
    constant _mslBufferSizes& _buffer_sizes
) {
    Queries q_2 = {};
    RowVectors _e9 = load_part(b_17, n_17, first_3, end_8, 0u, lane_10, factor_4, params, query, bias, _buffer_sizes);
    q_2.c0_ = _e9;
    RowVectors _e12 = load_part(b_17, n_17, first_3, end_8, 1u, lane_10, factor_4, params, query, bias, _buffer_sizes);
    q_2.c1_ = _e12;
    RowVectors _e15 = load_part(b_17, n_17, first_3, end_8, 2u, lane_10, factor_4, params, query, bias, _buffer_sizes);
    q_2.c2_ = _e15;
    RowVectors _e18 = load_part(b_17, n_17, first_3, end_8, 3u, lane_10, factor_4, params, query, bias, _buffer_sizes);
    q_2.c3_ = _e18;
    Queries _e19 = q_2;
    return _e19;
}

RowVectors block_scores(
    Queries q_3,
    metal::uint4 at_3,
    threadgroup type_13& key_tile
) {
    RowVectors s_15 = RowVectors {};
    RowVectors _e4 = s_15;
    RowVectors _e6 = part_scores(_e4, q_3.c0_, at_3, key_tile);
    s_15 = _e6;
    RowVectors _e7 = s_15;
    RowVectors _e12 = part_scores(_e7, q_3.c1_, at_3 + metal::uint4(4u), key_tile);
    s_15 = _e12;
    RowVectors _e13 = s_15;
    RowVectors _e18 = part_scores(_e13, q_3.c2_, at_3 + metal::uint4(8u), key_tile);
    s_15 = _e18;
    RowVectors _e19 = s_15;
    RowVectors _e24 = part_scores(_e19, q_3.c3_, at_3 + metal::uint4(12u), key_tile);
    s_15 = _e24;
    RowVectors _e25 = s_15;
    return _e25;
}

Outputs add_turn(
    Outputs o_4,
    RowVectors w,
    RowVectors w_b,
    metal::uint4 at_4,
    metal::uint4 at_b,
    constant AttentionParams& params,
    threadgroup type_13& value_tile
) {
    Outputs x_21 = {};
    metal::float4 t0_ = {};
    metal::float4 t0_1 = {};
    metal::float4 t0_2 = {};
    metal::float4 t0_3 = {};
    uint _e8 = params.end.z;
    metal::float4 zero = metal::float4(as_type<float>(_e8 >> 31u));
    x_21 = o_4;
    {
        t0_ = zero;
        metal::float4 _e16 = tile_value(at_4.x, value_tile);
        metal::float4 _e20 = t0_;
        t0_ = metal::fma(metal::float4(w.r0_.x), _e16, _e20);
        metal::float4 _e23 = tile_value(at_4.y, value_tile);
        metal::float4 _e27 = t0_;
        t0_ = metal::fma(metal::float4(w.r0_.y), _e23, _e27);
        metal::float4 _e30 = tile_value(at_4.z, value_tile);
        metal::float4 _e34 = t0_;
        t0_ = metal::fma(metal::float4(w.r0_.z), _e30, _e34);
        metal::float4 _e37 = tile_value(at_4.w, value_tile);
        metal::float4 _e41 = t0_;
        t0_ = metal::fma(metal::float4(w.r0_.w), _e37, _e41);
        metal::float4 _e44 = tile_value(at_b.x, value_tile);
        metal::float4 _e48 = t0_;
        t0_ = metal::fma(metal::float4(w_b.r0_.x), _e44, _e48);
        metal::float4 _e51 = tile_value(at_b.y, value_tile);
        metal::float4 _e55 = t0_;
        t0_ = metal::fma(metal::float4(w_b.r0_.y), _e51, _e55);
        metal::float4 _e58 = tile_value(at_b.z, value_tile);
        metal::float4 _e62 = t0_;
        t0_ = metal::fma(metal::float4(w_b.r0_.z), _e58, _e62);
        metal::float4 _e65 = tile_value(at_b.w, value_tile);
        metal::float4 _e69 = t0_;
        t0_ = metal::fma(metal::float4(w_b.r0_.w), _e65, _e69);
        metal::float4 _e73 = x_21.r0_.c0_;
        metal::float4 _e74 = t0_;
        x_21.r0_.c0_ = _e73 + _e74;
    }
    {
        t0_1 = zero;
        metal::float4 _e80 = tile_value(at_4.x + LANES, value_tile);
        metal::float4 _e84 = t0_1;
        t0_1 = metal::fma(metal::float4(w.r0_.x), _e80, _e84);
        metal::float4 _e89 = tile_value(at_4.y + LANES, value_tile);
        metal::float4 _e93 = t0_1;
        t0_1 = metal::fma(metal::float4(w.r0_.y), _e89, _e93);
        metal::float4 _e98 = tile_value(at_4.z + LANES, value_tile);
        metal::float4 _e102 = t0_1;
        t0_1 = metal::fma(metal::float4(w.r0_.z), _e98, _e102);
        metal::float4 _e107 = tile_value(at_4.w + LANES, value_tile);
        metal::float4 _e111 = t0_1;
        t0_1 = metal::fma(metal::float4(w.r0_.w), _e107, _e111);
        metal::float4 _e116 = tile_value(at_b.x + LANES, value_tile);
        metal::float4 _e120 = t0_1;
        t0_1 = metal::fma(metal::float4(w_b.r0_.x), _e116, _e120);
        metal::float4 _e125 = tile_value(at_b.y + LANES, value_tile);
        metal::float4 _e129 = t0_1;
        t0_1 = metal::fma(metal::float4(w_b.r0_.y), _e125, _e129);
        metal::float4 _e134 = tile_value(at_b.z + LANES, value_tile);
        metal::float4 _e138 = t0_1;
        t0_1 = metal::fma(metal::float4(w_b.r0_.z), _e134, _e138);
        metal::float4 _e143 = tile_value(at_b.w + LANES, value_tile);
        metal::float4 _e147 = t0_1;
        t0_1 = metal::fma(metal::float4(w_b.r0_.w), _e143, _e147);
        metal::float4 _e151 = x_21.r0_.c1_;
        metal::float4 _e152 = t0_1;
        x_21.r0_.c1_ = _e151 + _e152;
    }
    {
        t0_2 = zero;
        metal::float4 _e158 = tile_value(at_4.x + 8u, value_tile);
        metal::float4 _e162 = t0_2;
        t0_2 = metal::fma(metal::float4(w.r0_.x), _e158, _e162);
        metal::float4 _e167 = tile_value(at_4.y + 8u, value_tile);
        metal::float4 _e171 = t0_2;
        t0_2 = metal::fma(metal::float4(w.r0_.y), _e167, _e171);
        metal::float4 _e176 = tile_value(at_4.z + 8u, value_tile);
        metal::float4 _e180 = t0_2;
        t0_2 = metal::fma(metal::float4(w.r0_.z), _e176, _e180);
        metal::float4 _e185 = tile_value(at_4.w + 8u, value_tile);
        metal::float4 _e189 = t0_2;
        t0_2 = metal::fma(metal::float4(w.r0_.w), _e185, _e189);
        metal::float4 _e194 = tile_value(at_b.x + 8u, value_tile);
        metal::float4 _e198 = t0_2;
        t0_2 = metal::fma(metal::float4(w_b.r0_.x), _e194, _e198);
        metal::float4 _e203 = tile_value(at_b.y + 8u, value_tile);
        metal::float4 _e207 = t0_2;
        t0_2 = metal::fma(metal::float4(w_b.r0_.y), _e203, _e207);
        metal::float4 _e212 = tile_value(at_b.z + 8u, value_tile);
        metal::float4 _e216 = t0_2;
        t0_2 = metal::fma(metal::float4(w_b.r0_.z), _e212, _e216);
        metal::float4 _e221 = tile_value(at_b.w + 8u, value_tile);
        metal::float4 _e225 = t0_2;
        t0_2 = metal::fma(metal::float4(w_b.r0_.w), _e221, _e225);
        metal::float4 _e229 = x_21.r0_.c2_;
        metal::float4 _e230 = t0_2;
        x_21.r0_.c2_ = _e229 + _e230;
    }
    {
        t0_3 = zero;
        metal::float4 _e236 = tile_value(at_4.x + 12u, value_tile);
        metal::float4 _e240 = t0_3;
        t0_3 = metal::fma(metal::float4(w.r0_.x), _e236, _e240);
        metal::float4 _e245 = tile_value(at_4.y + 12u, value_tile);
        metal::float4 _e249 = t0_3;
        t0_3 = metal::fma(metal::float4(w.r0_.y), _e245, _e249);
        metal::float4 _e254 = tile_value(at_4.z + 12u, value_tile);
        metal::float4 _e258 = t0_3;
        t0_3 = metal::fma(metal::float4(w.r0_.z), _e254, _e258);
        metal::float4 _e263 = tile_value(at_4.w + 12u, value_tile);
        metal::float4 _e267 = t0_3;
        t0_3 = metal::fma(metal::float4(w.r0_.w), _e263, _e267);
        metal::float4 _e272 = tile_value(at_b.x + 12u, value_tile);
        metal::float4 _e276 = t0_3;
        t0_3 = metal::fma(metal::float4(w_b.r0_.x), _e272, _e276);
        metal::float4 _e281 = tile_value(at_b.y + 12u, value_tile);
        metal::float4 _e285 = t0_3;
        t0_3 = metal::fma(metal::float4(w_b.r0_.y), _e281, _e285);
        metal::float4 _e290 = tile_value(at_b.z + 12u, value_tile);
        metal::float4 _e294 = t0_3;
        t0_3 = metal::fma(metal::float4(w_b.r0_.z), _e290, _e294);
        metal::float4 _e299 = tile_value(at_b.w + 12u, value_tile);
        metal::float4 _e303 = t0_3;
        t0_3 = metal::fma(metal::float4(w_b.r0_.w), _e299, _e303);
        metal::float4 _e307 = x_21.r0_.c3_;
        metal::float4 _e308 = t0_3;
        x_21.r0_.c3_ = _e307 + _e308;
    }
    Outputs _e310 = x_21;
    return _e310;
}

uint group_at(
    uint i
) {
    return (naga_div(i, 4u) * LANE_STEP) + naga_mod(i, LANE_STEP);
}

uint lane_at(
    uint i_1
) {
    return naga_mod(naga_div(i_1, LANE_STEP), LANES);
}

Elem4_ entry_key(
    uint b_18,
    uint n_18,
    uint t0_4,
    uint last_2,
    uint i_2,
    constant AttentionParams& params,
    device type_3 const& key,
    device type_3 const& past_key,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e15 = params.head_size;
    uint _e16 = existing_column(naga_mod(i_2, COLUMNS4_) * 4u, _e15);
    Elem4_ _e17 = stored_key4_(b_18, n_18, metal::min(t0_4 + naga_div(i_2, COLUMNS4_), last_2), _e16, params, key, past_key, _buffer_sizes);
    return _e17;
}

Elem4_ entry_value(
    uint b_19,
    uint n_19,
    uint t0_5,
    uint last_3,
    uint i_3,
    constant AttentionParams& params,
    device type_3 const& value,
    device type_3 const& past_value,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e15 = params.v_head_size;
    uint _e16 = existing_column(naga_mod(i_3, COLUMNS4_) * 4u, _e15);
    Elem4_ _e17 = stored_value4_(b_19, n_19, metal::min(t0_5 + naga_div(i_3, COLUMNS4_), last_3), _e16, params, value, past_value, _buffer_sizes);
    return _e17;
}

void store_entry(
    Elem4_ k_1,
    Elem4_ v,
    uint n_20,
    uint t0_6,
    uint last_4,
    uint i_4,
    constant AttentionParams& params,
    device type_3 const& bias,
    threadgroup type_13& key_tile,
    threadgroup type_13& value_tile,
    constant _mslBufferSizes& _buffer_sizes
) {
    if (i_4 < TILE_LENGTH) {
        uint t_12 = metal::min(t0_6 + naga_div(i_4, COLUMNS4_), last_4);
        uint h_9 = naga_mod(i_4, COLUMNS4_) * 4u;
        uint _e19 = params.head_size;
        uint _e20 = existing_column(h_9, _e19);
        metal::float4 _e21 = with_key_bias(static_cast<metal::float4>(k_1), n_20, t_12, _e20, params, bias, _buffer_sizes);
        uint _e27 = params.head_size;
        key_tile.inner[i_4] = static_cast<metal::float4>((h_9 < _e27) ? _e21 : metal::float4 {});
        uint _e36 = params.v_head_size;
        uint _e37 = existing_column(h_9, _e36);
        metal::float4 _e38 = with_value_bias(static_cast<metal::float4>(v), n_20, t_12, _e37, params, bias, _buffer_sizes);
        value_tile.inner[i_4] = static_cast<metal::float4>(_e38);
        return;
    } else {
        return;
    }
}

uint rotated(
    uint j,
    uint lane_11
) {
    return j ^ (lane_11 & 3u);
}

Ahead load_ahead(
    uint b_20,
    uint n_21,
    uint t0_7,
    uint last_5,
    uint local_index_1,
    constant AttentionParams& params,
    device type_3 const& key,
    device type_3 const& value,
    device type_3 const& past_key,
    device type_3 const& past_value,
    constant _mslBufferSizes& _buffer_sizes
) {
    Elem4_ _e5 = entry_key(b_20, n_21, t0_7, last_5, local_index_1, params, key, past_key, _buffer_sizes);
    Elem4_ _e6 = entry_value(b_20, n_21, t0_7, last_5, local_index_1, params, value, past_value, _buffer_sizes);
    return Ahead {_e5, _e6};
}

void store_ahead(
    Ahead x_22,
    uint n_22,
    uint t0_8,
    uint last_6,
    uint local_index_2,
    constant AttentionParams& params,
    device type_3 const& bias,
    threadgroup type_13& key_tile,
    threadgroup type_13& value_tile,
    constant _mslBufferSizes& _buffer_sizes
) {
    store_entry(x_22.k0_, x_22.v0_, n_22, t0_8, last_6, local_index_2, params, bias, key_tile, value_tile, _buffer_sizes);
    return;
}

bool any_lane(
    bool x_23
) {
    bool unnamed_8 = metal::simd_any(x_23);
    return unnamed_8;
}

void attend(
    metal::uint3 workgroup_2,
    uint local_index_3,
    uint group,
    uint lane_12,
    constant AttentionParams& params,
    device type_3 const& query,
    device type_3 const& key,
    device type_3 const& value,
    device type_3 const& bias,
    device type_3 const& past_key,
    device type_3 const& past_value,
    device type_3& output,
    device type_7 const& padding_mask,
    device type_8 const& attention_bias,
    device type_9& partial_values,
    device type_11& partial_stats,
    threadgroup type_13& key_tile,
    threadgroup type_13& value_tile,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint t_end = {};
    bool local_9 = {};
    Outputs o_5 = Outputs {};
    RowNumbers reference_5 = {};
    RowNumbers sum_6 = {};
    Ahead ahead = {};
    uint t0_9 = {};
    uint step = {};
    OwnedRows p_8 = {};
    OwnedRows p_b_1 = {};
    bool local_10 = {};
    bool local_11 = {};
    bool local_12 = {};
    uint _e15 = params.end.z;
    uint _e19 = params.origin.z;
    uint tiles_1 = naga_div(((_e15 - _e19) + 32u) - 1u, 32u);
    TilePlace _e25 = place_of(workgroup_2, tiles_1, params);
    uint row_tile_1 = _e25.row_tile;
    uint n_23 = _e25.head;
    uint b_21 = _e25.batch_row;
    uint split_5 = _e25.split;
    uint _e33 = params.origin.z;
    uint rows_begin = _e33 + (row_tile_1 * 32u);
    uint _e40 = params.end.z;
    uint rows_end = metal::min(rows_begin + 32u, _e40);
    uint _e45 = params.origin.w;
    uint _e48 = params.keys_per_split;
    uint t_begin = _e45 + (split_5 * _e48);
    uint _e53 = params.keys_per_split;
    uint _e58 = params.end.w;
    t_end = metal::min(t_begin + _e53, _e58);
    if (CAUSAL_SKIP) {
        uint _e66 = params.q_len;
        local_9 = rows_end < _e66;
    } else {
        local_9 = false;
    }
    bool _e69 = local_9;
    if (_e69) {
        uint _e70 = t_end;
        uint _e73 = params.past_len;
        t_end = metal::min(_e70, rows_end + _e73);
    }
    uint first_4 = rows_begin + (group * ROWS);
    float _e79 = score_factor(params);
    Queries _e80 = load_queries(b_21, n_23, first_4, rows_end, lane_12, _e79, params, query, bias, _buffer_sizes);
    RowNumbers _e84 = same_numbers(LOWEST);
    reference_5 = _e84;
    RowNumbers _e87 = same_numbers(0.0);
    sum_6 = _e87;
    uint _e90 = rotated(0u, lane_12);
    uint _e92 = rotated(1u, lane_12);
    uint _e94 = rotated(2u, lane_12);
    uint _e96 = rotated(3u, lane_12);
    metal::uint4 block_at = (metal::uint4(_e90, _e92, _e94, _e96) * COLUMNS4_) + metal::uint4(lane_12);
    uint _e102 = t_end;
    uint last_7 = metal::max(_e102, t_begin + 1u) - 1u;
    Ahead _e108 = load_ahead(b_21, n_23, t_begin, last_7, local_index_3, params, key, value, past_key, past_value, _buffer_sizes);
    ahead = _e108;
    t0_9 = t_begin;
    bool loop_init = true;
    while(true) {
        if (!loop_init) {
            uint _e235 = t0_9;
            t0_9 = _e235 + KEY_TILE;
        }
        loop_init = false;
        uint _e111 = t0_9;
        uint _e112 = t_end;
        if (_e111 < _e112) {
        } else {
            break;
        }
        {
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
            Ahead _e114 = ahead;
            uint _e115 = t0_9;
            store_ahead(_e114, n_23, _e115, last_7, local_index_3, params, bias, key_tile, value_tile, _buffer_sizes);
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
            uint _e116 = t0_9;
            Ahead _e119 = load_ahead(b_21, n_23, _e116 + KEY_TILE, last_7, local_index_3, params, key, value, past_key, past_value, _buffer_sizes);
            ahead = _e119;
            uint _e121 = t_end;
            uint _e122 = t0_9;
            uint step_end = metal::min(KEY_TILE, _e121 - _e122);
            step = 0u;
            bool loop_init_1 = true;
            while(true) {
                if (!loop_init_1) {
                    uint _e232 = step;
                    step = _e232 + 8u;
                }
                loop_init_1 = false;
                uint _e127 = step;
                if (_e127 < step_end) {
                } else {
                    break;
                }
                {
                    uint _e129 = t0_9;
                    uint _e130 = step;
                    uint t_13 = _e129 + _e130;
                    uint _e132 = step;
                    metal::uint4 at_5 = block_at + metal::uint4(_e132 * COLUMNS4_);
                    RowVectors _e137 = block_scores(_e80, at_5, key_tile);
                    OwnedRows _e138 = scatter_rows(_e137);
                    p_8 = _e138;
                    metal::uint4 at_b_1 = at_5 + metal::uint4(64u);
                    RowVectors _e143 = block_scores(_e80, at_b_1, key_tile);
                    OwnedRows _e144 = scatter_rows(_e143);
                    p_b_1 = _e144;
                    if (true) {
                        local_10 = ATTENTION_BIAS;
                    } else {
                        local_10 = true;
                    }
                    bool _e153 = local_10;
                    if (!(_e153)) {
                        local_11 = false;
                    } else {
                        local_11 = true;
                    }
                    bool _e162 = local_11;
                    if (_e162) {
                        OwnedRows _e163 = p_8;
                        OwnedRows _e164 = mask_rows(_e163, b_21, n_23, first_4, rows_end, t_13, last_7, lane_12, params, padding_mask, attention_bias, _buffer_sizes);
                        p_8 = _e164;
                        OwnedRows _e165 = p_b_1;
                        OwnedRows _e168 = mask_rows(_e165, b_21, n_23, first_4, rows_end, t_13 + 4u, last_7, lane_12, params, padding_mask, attention_bias, _buffer_sizes);
                        p_b_1 = _e168;
                    }
                    uint _e171 = t_end;
                    bool is_tail = (t_13 + 8u) > _e171;
                    if (is_tail) {
                        OwnedRows _e173 = p_8;
                        uint _e174 = t_end;
                        OwnedRows _e176 = rows_below(_e173, _e174, t_13, lane_12, LOWEST);
                        p_8 = _e176;
                        OwnedRows _e177 = p_b_1;
                        uint _e178 = t_end;
                        OwnedRows _e182 = rows_below(_e177, _e178, t_13 + 4u, lane_12, LOWEST);
                        p_b_1 = _e182;
                    }
                    OwnedRows _e183 = p_8;
                    RowNumbers _e184 = reference_5;
                    bool _e185 = rows_grew(_e183, _e184);
                    if (!(_e185)) {
                        OwnedRows _e189 = p_b_1;
                        RowNumbers _e190 = reference_5;
                        bool _e191 = rows_grew(_e189, _e190);
                        local_12 = _e191;
                    } else {
                        local_12 = true;
                    }
                    bool _e193 = local_12;
                    bool _e194 = any_lane(_e193);
                    if (_e194) {
                        OwnedRows _e195 = p_b_1;
                        OwnedRows _e196 = p_8;
                        RowNumbers _e197 = reference_5;
                        RowNumbers _e198 = rows_max(_e196, _e197);
                        RowNumbers _e199 = rows_max(_e195, _e198);
                        RowNumbers _e200 = reference_5;
                        RowNumbers _e201 = shrink_factors(_e200, _e199);
                        reference_5 = _e199;
                        RowNumbers _e202 = sum_6;
                        RowNumbers _e203 = scale_numbers(_e202, _e201);
                        sum_6 = _e203;
                        Outputs _e204 = o_5;
                        Outputs _e205 = scale_outputs(_e204, _e201);
                        o_5 = _e205;
                    }
                    OwnedRows _e206 = p_8;
                    RowNumbers _e207 = reference_5;
                    OwnedRows _e208 = weigh_rows(_e206, _e207);
                    p_8 = _e208;
                    OwnedRows _e209 = p_b_1;
                    RowNumbers _e210 = reference_5;
                    OwnedRows _e211 = weigh_rows(_e209, _e210);
                    p_b_1 = _e211;
                    if (is_tail) {
                        OwnedRows _e212 = p_8;
                        uint _e213 = t_end;
                        OwnedRows _e215 = rows_below(_e212, _e213, t_13, lane_12, 0.0);
                        p_8 = _e215;
                        OwnedRows _e216 = p_b_1;
                        uint _e217 = t_end;
                        OwnedRows _e221 = rows_below(_e216, _e217, t_13 + 4u, lane_12, 0.0);
                        p_b_1 = _e221;
                    }
                    RowNumbers _e222 = sum_6;
                    OwnedRows _e223 = p_8;
                    OwnedRows _e224 = p_b_1;
                    RowNumbers _e225 = add_block_weights(_e222, _e223, _e224);
                    sum_6 = _e225;
                    Outputs _e226 = o_5;
                    OwnedRows _e227 = p_8;
                    RowVectors _e228 = gather_rows(_e227);
                    OwnedRows _e229 = p_b_1;
                    RowVectors _e230 = gather_rows(_e229);
                    Outputs _e231 = add_turn(_e226, _e228, _e230, at_5, at_b_1, params, value_tile);
                    o_5 = _e231;
                }
            }
        }
    }
    uint _e240 = params.first_split;
    Outputs _e242 = o_5;
    RowNumbers _e243 = reference_5;
    RowNumbers _e244 = sum_6;
    RowNumbers _e245 = group_sums(_e244);
    store_rows(b_21, n_23, first_4, rows_end, _e240 + split_5, lane_12, _e242, _e243, _e245, params, output, partial_values, partial_stats, _buffer_sizes);
    return;
}

struct main_Input {
};
[[max_total_threads_per_threadgroup(128)]] kernel void main_(
  metal::uint3 workgroup [[threadgroup_position_in_grid]]
, uint local_index [[thread_index_in_threadgroup]]
, uint subgroup [[simdgroup_index_in_threadgroup]]
, uint subgroup_size [[threads_per_simdgroup]]
, uint subgroup_lane [[thread_index_in_simdgroup]]
, constant AttentionParams& params [[user(fake0)]]
, device type_3 const& query [[user(fake0)]]
, device type_3 const& key [[user(fake0)]]
, device type_3 const& value [[user(fake0)]]
, device type_3 const& bias [[user(fake0)]]
, device type_3 const& past_key [[user(fake0)]]
, device type_3 const& past_value [[user(fake0)]]
, device type_3& output [[user(fake0)]]
, device type_7 const& padding_mask [[user(fake0)]]
, device type_8 const& attention_bias [[user(fake0)]]
, device type_9& partial_values [[user(fake0)]]
, device type_11& partial_stats [[user(fake0)]]
, threadgroup type_13& key_tile
, threadgroup type_13& value_tile
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    uint _e7 = group_at((subgroup * subgroup_size) + subgroup_lane);
    uint _e8 = lane_at(subgroup_lane);
    attend(workgroup, local_index, _e7, _e8, params, query, key, value, bias, past_key, past_value, output, padding_mask, attention_bias, partial_values, partial_stats, key_tile, value_tile, _buffer_sizes);
    return;
}
