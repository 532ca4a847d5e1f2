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
    uint size9;
    uint size10;
    uint size11;
    uint size12;
    uint size13;
    uint size18;
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
typedef Elem4_ type_3[1];
typedef metal::uint4 type_5[1];
typedef metal::uint4 Packed;
struct Piece {
    metal::float4 low;
    metal::float4 high;
};
struct type_6 {
    metal::float4 inner[256];
};
typedef int type_9[1];
typedef Elem type_10[1];
typedef metal::float4 type_11[1];
typedef metal::float2 type_13[1];
struct Slice {
    Piece c0_;
};
struct RowSlices {
    Slice r0_;
};
struct RowScores {
    metal::float4 r0_;
};
struct RowNumbers {
    float r0_;
};
struct PackedSlice {
    Packed c0_;
};
struct Block {
    PackedSlice k0_;
    PackedSlice k1_;
    PackedSlice k2_;
    PackedSlice k3_;
    metal::uint4 t;
};
struct type_14 {
    metal::float2 inner[8];
};
struct NextKeys {
    bool k0_;
    bool k1_;
    bool k2_;
    bool k3_;
};
typedef metal::atomic_uint type_16[1];
struct ExchangePlace {
    uint counter;
    uint stats;
    uint columns;
    uint columns4_;
};
struct Merged {
    metal::float2 stats;
    char _pad1[8];
    metal::float4 values;
};
constant float LOWEST = -340282350000000000000000000000000000000.0;
constant float LOG2_E = 1.442695;
constant uint PIECE4_ = 2u;
constant uint LANES = 16u;
constant uint ROWS = 1u;
constant uint PIECES = 1u;
constant uint COLUMNS4_ = 32u;
constant float SLACK = 5.5;
constant uint LOOKS = 8192u;
constant uint EXCHANGE_LINE = 32u;
constant uint WORKGROUP_SIZE = 128u;
constant uint GROUPS = 8u;
constant uint GROUP_ROWS = 8u;
constant uint GROUP_VALUES = 256u;
constant bool BEAMS = false;
constant bool ONE_BEAM = false;
constant bool CAUSAL = false;
constant uint PADDING_MASK = 0u;
constant bool ATTENTION_BIAS = false;
constant bool LOG2_SCORES = true;
constant bool QUERY_BIAS = false;
constant bool KV_BIAS = false;
constant bool PAST = false;
constant bool CAUSAL_SKIP = false;
constant bool PARTIAL = false;
constant bool MERGES = false;

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
    uint rows_1 = _e15 - _e19;
    uint _e24 = params.origin.x;
    uint _e30 = params.origin.y;
    uint _e37 = params.origin.z;
    return ((((b_1 - _e24) * heads) + (n_1 - _e30)) * rows_1) + (s - _e37);
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

void store_output4_(
    uint index,
    uint columns,
    metal::float4 x,
    device type_3& output,
    constant _mslBufferSizes& _buffer_sizes
) {
    output[naga_div(index, 4u)] = static_cast<metal::half4>(x);
    return;
}

Packed query_packed(
    uint index_1,
    uint columns_1,
    device type_5 const& query,
    constant _mslBufferSizes& _buffer_sizes
) {
    metal::uint4 _e6 = query[naga_div(index_1, 8u)];
    return _e6;
}

Packed key_packed(
    uint index_2,
    uint columns_2,
    device type_5 const& key,
    constant _mslBufferSizes& _buffer_sizes
) {
    metal::uint4 _e6 = key[naga_div(index_2, 8u)];
    return _e6;
}

Packed value_packed(
    uint index_3,
    uint columns_3,
    device type_5 const& value,
    constant _mslBufferSizes& _buffer_sizes
) {
    metal::uint4 _e6 = value[naga_div(index_3, 8u)];
    return _e6;
}

Packed bias_packed(
    uint index_4,
    uint columns_4,
    device type_5 const& bias,
    constant _mslBufferSizes& _buffer_sizes
) {
    metal::uint4 _e6 = bias[naga_div(index_4, 8u)];
    return _e6;
}

Packed past_key_packed(
    uint index_5,
    uint columns_5,
    device type_5 const& past_key,
    constant _mslBufferSizes& _buffer_sizes
) {
    metal::uint4 _e6 = past_key[naga_div(index_5, 8u)];
    return _e6;
}

Packed past_value_packed(
    uint index_6,
    uint columns_6,
    device type_5 const& past_value,
    constant _mslBufferSizes& _buffer_sizes
) {
    metal::uint4 _e6 = past_value[naga_div(index_6, 8u)];
    return _e6;
}

Piece unpacked(
    Packed x_1
) {
    return Piece {metal::float4(float2(as_type<half2>(x_1.x)), float2(as_type<half2>(x_1.y))), metal::float4(float2(as_type<half2>(x_1.z)), float2(as_type<half2>(x_1.w)))};
}

Piece sum_pieces(
    Piece a,
    Piece b_2
) {
    return Piece {a.low + b_2.low, a.high + b_2.high};
}

Piece scaled_piece(
    Piece x_2,
    float factor
) {
    return Piece {x_2.low * factor, x_2.high * factor};
}

float add_dot(
    float sum,
    metal::float4 a_1,
    metal::float4 b_3
) {
    return metal::fma(a_1.w, b_3.w, metal::fma(a_1.z, b_3.z, metal::fma(a_1.y, b_3.y, metal::fma(a_1.x, b_3.x, sum))));
}

float add_piece_dot(
    float sum_1,
    Piece a_2,
    Piece b_4
) {
    float _e5 = add_dot(sum_1, a_2.low, b_4.low);
    float _e8 = add_dot(_e5, a_2.high, b_4.high);
    return _e8;
}

Piece add_weighted_piece(
    Piece o,
    float w,
    Piece v
) {
    return Piece {metal::fma(metal::float4(w), v.low, o.low), metal::fma(metal::float4(w), v.high, o.high)};
}

void store_piece(
    uint at,
    Piece x_3,
    threadgroup type_6& group_values
) {
    group_values.inner[at] = x_3.low;
    group_values.inner[at + 1u] = x_3.high;
    return;
}

uint holding_beam(
    uint b_5,
    uint t,
    constant AttentionParams& params,
    device type_9 const& cache_indirection,
    constant _mslBufferSizes& _buffer_sizes
) {
    Strides _e5 = params.cache_indirection;
    uint _e7 = element(_e5, b_5, 0u, t);
    int _e9 = cache_indirection[_e7];
    return static_cast<uint>(_e9);
}

uint past_batch(
    uint b_6,
    uint t_1,
    constant AttentionParams& params,
    device type_9 const& cache_indirection,
    constant _mslBufferSizes& _buffer_sizes
) {
    if (true) {
        return b_6;
    }
    uint _e7 = params.beam_width;
    uint _e11 = params.beam_width;
    uint first_2 = naga_div(b_6, _e7) * _e11;
    if (ONE_BEAM) {
        uint _e16 = params.source_beam;
        return first_2 + _e16;
    }
    uint _e18 = holding_beam(b_6, t_1, params, cache_indirection, _buffer_sizes);
    return first_2 + _e18;
}

bool is_held(
    uint b_7,
    uint t_2,
    constant AttentionParams& params,
    device type_9 const& cache_indirection,
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
    uint _e15 = holding_beam(b_7, t_2, params, cache_indirection, _buffer_sizes);
    uint _e18 = params.source_beam;
    return _e15 == _e18;
}

bool is_padding(
    uint b_8,
    uint s_1,
    uint t_3,
    constant AttentionParams& params,
    device type_9 const& padding_mask,
    constant _mslBufferSizes& _buffer_sizes
) {
    Strides _e5 = params.padding_mask;
    uint _e7 = element(_e5, b_8, 0u, s_1);
    switch(PADDING_MASK) {
        case 1u: {
            int _e12 = padding_mask[_e7];
            return static_cast<int>(t_3) >= _e12;
        }
        case 2u: {
            int _e17 = padding_mask[_e7 + t_3];
            return _e17 <= 0;
        }
        case 3u: {
            int _e23 = padding_mask[_e7 + t_3];
            return _e23 == 0;
        }
        default: {
            return false;
        }
    }
}

bool is_causally_hidden(
    uint s_2,
    uint t_4,
    constant AttentionParams& params
) {
    bool local = {};
    uint _e4 = params.past_len;
    if (t_4 > (s_2 + _e4)) {
        uint _e13 = params.q_len;
        local = (s_2 + 1u) < _e13;
    } else {
        local = false;
    }
    bool _e16 = local;
    return _e16;
}

float masked_score(
    float scaled,
    uint b_9,
    uint n_2,
    uint s_3,
    uint t_5,
    constant AttentionParams& params,
    device type_9 const& padding_mask,
    device type_10 const& attention_bias,
    constant _mslBufferSizes& _buffer_sizes
) {
    float x_4 = {};
    bool local_1 = {};
    float term = 0.0;
    x_4 = scaled;
    if (ATTENTION_BIAS) {
        float _e7 = x_4;
        Strides _e11 = params.attention_bias;
        uint _e14 = params.bias_batch_divisor;
        uint _e16 = element(_e11, naga_div(b_9, _e14), n_2, s_3);
        Elem _e19 = attention_bias[_e16 + t_5];
        x_4 = _e7 + static_cast<float>(_e19);
    }
    if (true) {
        local_1 = CAUSAL;
    } else {
        local_1 = true;
    }
    bool _e31 = local_1;
    if (_e31) {
        if (false) {
            float _e40 = params.mask_filter_value;
            bool _e41 = is_padding(b_9, s_3, t_5, params, padding_mask, _buffer_sizes);
            term = _e41 ? _e40 : 0.0;
        }
        if (CAUSAL) {
            float _e45 = term;
            bool _e47 = is_causally_hidden(s_3, t_5, params);
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
    uint b_10,
    uint n_3,
    uint s_4,
    constant AttentionParams& params
) {
    uint _e4 = partial_rows(params);
    uint _e6 = partial_row(b_10, n_3, s_4, params);
    return (split * _e4) + _e6;
}

void store_partial4_(
    uint index_7,
    uint h,
    metal::float4 x_5,
    constant AttentionParams& params,
    device type_11& partial_values,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e6 = params.v_head_size;
    partial_values[(index_7 * naga_div(_e6 + 3u, 4u)) + naga_div(h, 4u)] = x_5;
    return;
}

float sum_over_quads(
    float x_6
) {
    float unnamed = metal::simd_shuffle_xor(x_6, 4u);
    float y_1 = x_6 + unnamed;
    float unnamed_1 = metal::simd_shuffle_xor(y_1, 8u);
    return y_1 + unnamed_1;
}

float own_score(
    metal::float4 s_5,
    uint lane
) {
    bool upper = (lane & 2u) != 0u;
    metal::float2 unnamed_2 = metal::simd_shuffle_xor(upper ? s_5.xy : s_5.zw, 2u);
    metal::float2 pair = (upper ? s_5.zw : s_5.xy) + unnamed_2;
    bool odd = (lane & 1u) != 0u;
    float unnamed_3 = metal::simd_shuffle_xor(odd ? pair.x : pair.y, 1u);
    float _e28 = sum_over_quads((odd ? pair.y : pair.x) + unnamed_3);
    return _e28;
}

metal::float4 all_four(
    float p
) {
    float unnamed_4 = metal::quad_broadcast(p, 0u);
    float unnamed_5 = metal::quad_broadcast(p, 1u);
    float unnamed_6 = metal::quad_broadcast(p, 2u);
    float unnamed_7 = metal::quad_broadcast(p, 3u);
    return metal::float4(unnamed_4, unnamed_5, unnamed_6, unnamed_7);
}

float quad_max(
    float x_7
) {
    float unnamed_8 = metal::quad_shuffle_xor(x_7, 1u);
    float y_2 = metal::max(x_7, unnamed_8);
    float unnamed_9 = metal::quad_shuffle_xor(y_2, 2u);
    return metal::max(y_2, unnamed_9);
}

float quad_sum(
    float x_8
) {
    float unnamed_10 = metal::quad_shuffle_xor(x_8, 1u);
    float y_3 = x_8 + unnamed_10;
    float unnamed_11 = metal::quad_shuffle_xor(y_3, 2u);
    return y_3 + unnamed_11;
}

RowNumbers same_numbers(
    float x_9
) {
    return RowNumbers {x_9};
}

Slice scaled_slice(
    Slice o_1,
    float factor_1
) {
    Slice x_10 = {};
    Piece _e5 = scaled_piece(o_1.c0_, factor_1);
    x_10.c0_ = _e5;
    Slice _e6 = x_10;
    return _e6;
}

uint piece_column4_(
    uint part,
    thread uint& lane_of_group
) {
    uint _e4 = lane_of_group;
    return ((part * LANES) + _e4) * PIECE4_;
}

Piece query_piece(
    uint s_6,
    uint part_1,
    constant AttentionParams& params,
    device type_5 const& query,
    device type_5 const& bias,
    thread uint& lane_of_group,
    thread uint& batch_row,
    thread uint& head,
    constant _mslBufferSizes& _buffer_sizes
) {
    Piece x_11 = {};
    uint _e2 = piece_column4_(part_1, lane_of_group);
    uint h_1 = _e2 * 4u;
    uint _e7 = params.head_size;
    uint columns_7 = _e7 - h_1;
    uint _e12 = params.head_size;
    if (h_1 < _e12) {
        Strides _e16 = params.query;
        uint _e18 = batch_row;
        uint _e20 = head;
        uint _e21 = element(_e16, _e18, _e20, s_6);
        Packed _e23 = query_packed(_e21 + h_1, columns_7, query, _buffer_sizes);
        Piece _e24 = unpacked(_e23);
        x_11 = _e24;
        if (QUERY_BIAS) {
            uint _e28 = params.query_bias_offset;
            uint _e30 = head;
            uint _e33 = params.head_size;
            uint at_8 = (_e28 + (_e30 * _e33)) + h_1;
            Piece _e37 = x_11;
            Packed _e38 = bias_packed(at_8, columns_7, bias, _buffer_sizes);
            Piece _e39 = unpacked(_e38);
            Piece _e40 = sum_pieces(_e37, _e39);
            x_11 = _e40;
        }
    }
    Piece _e41 = x_11;
    return _e41;
}

Slice query_slice(
    uint s_7,
    constant AttentionParams& params,
    device type_5 const& query,
    device type_5 const& bias,
    thread uint& lane_of_group,
    thread uint& batch_row,
    thread uint& head,
    constant _mslBufferSizes& _buffer_sizes
) {
    Slice x_12 = {};
    Piece _e4 = query_piece(s_7, 0u, params, query, bias, lane_of_group, batch_row, head, _buffer_sizes);
    x_12.c0_ = _e4;
    Slice _e5 = x_12;
    return _e5;
}

RowSlices load_queries(
    uint first,
    uint end,
    float factor_2,
    constant AttentionParams& params,
    device type_5 const& query,
    device type_5 const& bias,
    thread uint& lane_of_group,
    thread uint& batch_row,
    thread uint& head,
    constant _mslBufferSizes& _buffer_sizes
) {
    RowSlices x_13 = {};
    Slice _e8 = query_slice(metal::min(first, end - 1u), params, query, bias, lane_of_group, batch_row, head, _buffer_sizes);
    Slice _e9 = scaled_slice(_e8, factor_2);
    x_13.r0_ = _e9;
    RowSlices _e10 = x_13;
    return _e10;
}

Piece with_key_bias(
    Piece x_14,
    uint t_6,
    uint part_2,
    constant AttentionParams& params,
    device type_5 const& bias,
    thread uint& lane_of_group,
    thread uint& head,
    constant _mslBufferSizes& _buffer_sizes
) {
    bool local_2 = {};
    bool local_3 = {};
    uint _e3 = piece_column4_(part_2, lane_of_group);
    uint h_2 = _e3 * 4u;
    if (KV_BIAS) {
        uint _e11 = params.past_len;
        local_2 = t_6 >= _e11;
    } else {
        local_2 = false;
    }
    bool _e14 = local_2;
    if (_e14) {
        uint _e19 = params.head_size;
        local_3 = h_2 < _e19;
    } else {
        local_3 = false;
    }
    bool _e22 = local_3;
    if (_e22) {
        uint _e25 = params.key_bias_offset;
        uint _e27 = head;
        uint _e30 = params.head_size;
        uint at_9 = (_e25 + (_e27 * _e30)) + h_2;
        uint _e36 = params.head_size;
        Packed _e38 = bias_packed(at_9, _e36 - h_2, bias, _buffer_sizes);
        Piece _e39 = unpacked(_e38);
        Piece _e40 = sum_pieces(x_14, _e39);
        return _e40;
    }
    return x_14;
}

Slice unpacked_key(
    PackedSlice k,
    uint t_7,
    constant AttentionParams& params,
    device type_5 const& bias,
    thread uint& lane_of_group,
    thread uint& head,
    constant _mslBufferSizes& _buffer_sizes
) {
    Slice x_15 = {};
    Piece _e5 = unpacked(k.c0_);
    Piece _e7 = with_key_bias(_e5, t_7, 0u, params, bias, lane_of_group, head, _buffer_sizes);
    x_15.c0_ = _e7;
    Slice _e8 = x_15;
    return _e8;
}

float slice_dot(
    Slice q,
    Slice k_1
) {
    float sum_2 = 0.0;
    float _e4 = sum_2;
    float _e7 = add_piece_dot(_e4, q.c0_, k_1.c0_);
    sum_2 = _e7;
    float _e8 = sum_2;
    return _e8;
}

RowScores block_scores(
    RowSlices q_1,
    Block k_2,
    constant AttentionParams& params,
    device type_5 const& bias,
    thread uint& lane_of_group,
    thread uint& head,
    constant _mslBufferSizes& _buffer_sizes
) {
    RowScores x_16 = {};
    Slice _e5 = unpacked_key(k_2.k0_, k_2.t.x, params, bias, lane_of_group, head, _buffer_sizes);
    Slice _e9 = unpacked_key(k_2.k1_, k_2.t.y, params, bias, lane_of_group, head, _buffer_sizes);
    Slice _e13 = unpacked_key(k_2.k2_, k_2.t.z, params, bias, lane_of_group, head, _buffer_sizes);
    Slice _e17 = unpacked_key(k_2.k3_, k_2.t.w, params, bias, lane_of_group, head, _buffer_sizes);
    float _e21 = slice_dot(q_1.r0_, _e5);
    float _e23 = slice_dot(q_1.r0_, _e9);
    float _e25 = slice_dot(q_1.r0_, _e13);
    float _e27 = slice_dot(q_1.r0_, _e17);
    x_16.r0_ = metal::float4(_e21, _e23, _e25, _e27);
    RowScores _e29 = x_16;
    return _e29;
}

Piece with_value_bias(
    Piece x_17,
    uint t_8,
    uint part_3,
    constant AttentionParams& params,
    device type_5 const& bias,
    thread uint& lane_of_group,
    thread uint& head,
    constant _mslBufferSizes& _buffer_sizes
) {
    bool local_4 = {};
    bool local_5 = {};
    uint _e3 = piece_column4_(part_3, lane_of_group);
    uint h_3 = _e3 * 4u;
    if (KV_BIAS) {
        uint _e11 = params.past_len;
        local_4 = t_8 >= _e11;
    } else {
        local_4 = false;
    }
    bool _e14 = local_4;
    if (_e14) {
        uint _e19 = params.v_head_size;
        local_5 = h_3 < _e19;
    } else {
        local_5 = false;
    }
    bool _e22 = local_5;
    if (_e22) {
        uint _e25 = params.value_bias_offset;
        uint _e27 = head;
        uint _e30 = params.v_head_size;
        uint at_10 = (_e25 + (_e27 * _e30)) + h_3;
        uint _e36 = params.v_head_size;
        Packed _e38 = bias_packed(at_10, _e36 - h_3, bias, _buffer_sizes);
        Piece _e39 = unpacked(_e38);
        Piece _e40 = sum_pieces(x_17, _e39);
        return _e40;
    }
    return x_17;
}

Slice unpacked_value(
    PackedSlice v_1,
    uint t_9,
    constant AttentionParams& params,
    device type_5 const& bias,
    thread uint& lane_of_group,
    thread uint& head,
    constant _mslBufferSizes& _buffer_sizes
) {
    Slice x_18 = {};
    Piece _e5 = unpacked(v_1.c0_);
    Piece _e7 = with_value_bias(_e5, t_9, 0u, params, bias, lane_of_group, head, _buffer_sizes);
    x_18.c0_ = _e7;
    Slice _e8 = x_18;
    return _e8;
}

Slice add_weighted_slice(
    Slice o_2,
    float w_1,
    Slice v_2
) {
    Slice x_19 = {};
    Piece _e7 = add_weighted_piece(o_2.c0_, w_1, v_2.c0_);
    x_19.c0_ = _e7;
    Slice _e8 = x_19;
    return _e8;
}

Slice add_weighted_block(
    Slice o_3,
    metal::float4 w_2,
    Slice v0_,
    Slice v1_,
    Slice v2_,
    Slice v3_
) {
    Slice _e7 = add_weighted_slice(o_3, w_2.x, v0_);
    Slice _e9 = add_weighted_slice(_e7, w_2.y, v1_);
    Slice _e11 = add_weighted_slice(_e9, w_2.z, v2_);
    Slice _e13 = add_weighted_slice(_e11, w_2.w, v3_);
    return _e13;
}

RowSlices add_values(
    RowSlices o_4,
    RowScores w_3,
    Block v_3,
    constant AttentionParams& params,
    device type_5 const& bias,
    thread uint& lane_of_group,
    thread uint& head,
    constant _mslBufferSizes& _buffer_sizes
) {
    RowSlices x_20 = {};
    Slice _e6 = unpacked_value(v_3.k0_, v_3.t.x, params, bias, lane_of_group, head, _buffer_sizes);
    Slice _e10 = unpacked_value(v_3.k1_, v_3.t.y, params, bias, lane_of_group, head, _buffer_sizes);
    Slice _e14 = unpacked_value(v_3.k2_, v_3.t.z, params, bias, lane_of_group, head, _buffer_sizes);
    Slice _e18 = unpacked_value(v_3.k3_, v_3.t.w, params, bias, lane_of_group, head, _buffer_sizes);
    Slice _e23 = add_weighted_block(o_4.r0_, w_3.r0_, _e6, _e10, _e14, _e18);
    x_20.r0_ = _e23;
    RowSlices _e24 = x_20;
    return _e24;
}

RowSlices scale_rows(
    RowSlices o_5,
    RowNumbers factor_3
) {
    RowSlices x_21 = {};
    Slice _e6 = scaled_slice(o_5.r0_, factor_3.r0_);
    x_21.r0_ = _e6;
    RowSlices _e7 = x_21;
    return _e7;
}

RowNumbers own_scores(
    RowScores s_8,
    uint lane_1
) {
    RowNumbers x_22 = {};
    float _e5 = own_score(s_8.r0_, lane_1);
    x_22.r0_ = _e5;
    RowNumbers _e6 = x_22;
    return _e6;
}

RowScores all_weights(
    RowNumbers p_1
) {
    RowScores x_23 = {};
    metal::float4 _e4 = all_four(p_1.r0_);
    x_23.r0_ = _e4;
    RowScores _e5 = x_23;
    return _e5;
}

RowNumbers mask_rows(
    RowNumbers p_2,
    uint b_11,
    uint n_4,
    uint first_1,
    uint end_1,
    uint t_10,
    constant AttentionParams& params,
    device type_9 const& padding_mask,
    device type_10 const& attention_bias,
    constant _mslBufferSizes& _buffer_sizes
) {
    RowNumbers x_24 = {};
    float _e12 = masked_score(p_2.r0_, b_11, n_4, metal::min(first_1, end_1 - 1u), t_10, params, padding_mask, attention_bias, _buffer_sizes);
    x_24.r0_ = _e12;
    RowNumbers _e13 = x_24;
    return _e13;
}

RowNumbers select_rows(
    float outside,
    RowNumbers p_3,
    bool inside
) {
    RowNumbers x_25 = {};
    x_25.r0_ = inside ? p_3.r0_ : outside;
    RowNumbers _e7 = x_25;
    return _e7;
}

bool rows_grew(
    RowNumbers p_4,
    RowNumbers reference
) {
    return p_4.r0_ > (reference.r0_ + SLACK);
}

RowNumbers rows_max(
    RowNumbers p_5,
    RowNumbers reference_1
) {
    RowNumbers x_26 = {};
    float _e6 = quad_max(p_5.r0_);
    x_26.r0_ = metal::max(reference_1.r0_, _e6);
    RowNumbers _e8 = x_26;
    return _e8;
}

RowNumbers weigh_rows(
    RowNumbers p_6,
    RowNumbers reference_2
) {
    RowNumbers x_27 = {};
    float _e7 = weight(p_6.r0_ - reference_2.r0_);
    x_27.r0_ = _e7;
    RowNumbers _e8 = x_27;
    return _e8;
}

RowNumbers shrink_factors(
    RowNumbers before,
    RowNumbers after
) {
    RowNumbers x_28 = {};
    float _e7 = weight(before.r0_ - after.r0_);
    x_28.r0_ = _e7;
    RowNumbers _e8 = x_28;
    return _e8;
}

RowNumbers scale_numbers(
    RowNumbers numbers,
    RowNumbers factor_4
) {
    RowNumbers x_29 = {};
    x_29.r0_ = numbers.r0_ * factor_4.r0_;
    RowNumbers _e7 = x_29;
    return _e7;
}

RowNumbers add_numbers(
    RowNumbers numbers_1,
    RowNumbers y
) {
    RowNumbers x_30 = {};
    x_30.r0_ = numbers_1.r0_ + y.r0_;
    RowNumbers _e7 = x_30;
    return _e7;
}

void store_slice(
    uint row_1,
    Slice o_6,
    threadgroup type_6& group_values,
    thread uint& lane_of_group
) {
    uint _e3 = piece_column4_(0u, lane_of_group);
    store_piece(row_1 + _e3, o_6.c0_, group_values);
    return;
}

uint group_row(
    uint row_2,
    uint group
) {
    return (row_2 * GROUPS) + group;
}

void store_rows(
    uint group_1,
    uint lane_2,
    RowSlices o_7,
    RowNumbers reference_3,
    RowNumbers sum_3,
    threadgroup type_6& group_values,
    thread uint& lane_of_group,
    threadgroup type_14& group_stats
) {
    uint _e6 = group_row(0u, group_1);
    store_slice(_e6 * COLUMNS4_, o_7.r0_, group_values, lane_of_group);
    float _e11 = quad_sum(sum_3.r0_);
    if (lane_2 == 0u) {
        uint _e16 = group_row(0u, group_1);
        group_stats.inner[_e16] = metal::float2(reference_3.r0_, _e11);
        return;
    } else {
        return;
    }
}

Packed key_piece(
    uint t_11,
    uint part_4,
    constant AttentionParams& params,
    device type_5 const& key,
    device type_5 const& past_key,
    device type_9 const& cache_indirection,
    thread uint& lane_of_group,
    thread uint& batch_row,
    thread uint& head,
    constant _mslBufferSizes& _buffer_sizes
) {
    Packed x_31 = {};
    bool local_6 = {};
    bool local_7 = {};
    uint _e2 = piece_column4_(part_4, lane_of_group);
    uint h_4 = _e2 * 4u;
    uint _e7 = params.head_size;
    uint columns_8 = _e7 - h_4;
    uint _e12 = params.head_size;
    if (h_4 < _e12) {
        uint _e17 = batch_row;
        bool _e18 = is_held(_e17, t_11, params, cache_indirection, _buffer_sizes);
        local_6 = _e18;
    } else {
        local_6 = false;
    }
    bool _e20 = local_6;
    if (_e20) {
        if (PAST) {
            uint _e26 = params.past_len;
            local_7 = t_11 < _e26;
        } else {
            local_7 = false;
        }
        bool _e29 = local_7;
        if (_e29) {
            Strides _e32 = params.past_key;
            uint _e34 = batch_row;
            uint _e35 = past_batch(_e34, t_11, params, cache_indirection, _buffer_sizes);
            uint _e37 = head;
            uint _e38 = element(_e32, _e35, _e37, t_11);
            Packed _e40 = past_key_packed(_e38 + h_4, columns_8, past_key, _buffer_sizes);
            x_31 = _e40;
        } else {
            Strides _e43 = params.key;
            uint _e45 = batch_row;
            uint _e47 = head;
            uint _e50 = params.past_len;
            uint _e52 = element(_e43, _e45, _e47, t_11 - _e50);
            Packed _e54 = key_packed(_e52 + h_4, columns_8, key, _buffer_sizes);
            x_31 = _e54;
        }
    }
    Packed _e55 = x_31;
    return _e55;
}

PackedSlice key_slice(
    uint t_12,
    constant AttentionParams& params,
    device type_5 const& key,
    device type_5 const& past_key,
    device type_9 const& cache_indirection,
    thread uint& lane_of_group,
    thread uint& batch_row,
    thread uint& head,
    constant _mslBufferSizes& _buffer_sizes
) {
    PackedSlice x_32 = {};
    Packed _e4 = key_piece(t_12, 0u, params, key, past_key, cache_indirection, lane_of_group, batch_row, head, _buffer_sizes);
    x_32.c0_ = _e4;
    PackedSlice _e5 = x_32;
    return _e5;
}

Packed value_piece(
    uint t_13,
    uint part_5,
    constant AttentionParams& params,
    device type_5 const& value,
    device type_5 const& past_value,
    device type_9 const& cache_indirection,
    thread uint& lane_of_group,
    thread uint& batch_row,
    thread uint& head,
    constant _mslBufferSizes& _buffer_sizes
) {
    Packed x_33 = {};
    bool local_8 = {};
    bool local_9 = {};
    uint _e2 = piece_column4_(part_5, lane_of_group);
    uint h_5 = _e2 * 4u;
    uint _e7 = params.v_head_size;
    uint columns_9 = _e7 - h_5;
    uint _e12 = params.v_head_size;
    if (h_5 < _e12) {
        uint _e17 = batch_row;
        bool _e18 = is_held(_e17, t_13, params, cache_indirection, _buffer_sizes);
        local_8 = _e18;
    } else {
        local_8 = false;
    }
    bool _e20 = local_8;
    if (_e20) {
        if (PAST) {
            uint _e26 = params.past_len;
            local_9 = t_13 < _e26;
        } else {
            local_9 = false;
        }
        bool _e29 = local_9;
        if (_e29) {
            Strides _e32 = params.past_value;
            uint _e34 = batch_row;
            uint _e35 = past_batch(_e34, t_13, params, cache_indirection, _buffer_sizes);
            uint _e37 = head;
            uint _e38 = element(_e32, _e35, _e37, t_13);
            Packed _e40 = past_value_packed(_e38 + h_5, columns_9, past_value, _buffer_sizes);
            x_33 = _e40;
        } else {
            Strides _e43 = params.value;
            uint _e45 = batch_row;
            uint _e47 = head;
            uint _e50 = params.past_len;
            uint _e52 = element(_e43, _e45, _e47, t_13 - _e50);
            Packed _e54 = value_packed(_e52 + h_5, columns_9, value, _buffer_sizes);
            x_33 = _e54;
        }
    }
    Packed _e55 = x_33;
    return _e55;
}

PackedSlice value_slice(
    uint t_14,
    constant AttentionParams& params,
    device type_5 const& value,
    device type_5 const& past_value,
    device type_9 const& cache_indirection,
    thread uint& lane_of_group,
    thread uint& batch_row,
    thread uint& head,
    constant _mslBufferSizes& _buffer_sizes
) {
    PackedSlice x_34 = {};
    Packed _e4 = value_piece(t_14, 0u, params, value, past_value, cache_indirection, lane_of_group, batch_row, head, _buffer_sizes);
    x_34.c0_ = _e4;
    PackedSlice _e5 = x_34;
    return _e5;
}

NextKeys first_keys(
    uint t_begin,
    uint t_end,
    uint group_2
) {
    return NextKeys {};
}

PackedSlice turn_key(
    bool next,
    uint t_15,
    constant AttentionParams& params,
    device type_5 const& key,
    device type_5 const& past_key,
    device type_9 const& cache_indirection,
    thread uint& lane_of_group,
    thread uint& batch_row,
    thread uint& head,
    constant _mslBufferSizes& _buffer_sizes
) {
    PackedSlice _e2 = key_slice(t_15, params, key, past_key, cache_indirection, lane_of_group, batch_row, head, _buffer_sizes);
    return _e2;
}

NextKeys later_keys(
    NextKeys next_1,
    metal::uint4 t_16,
    uint t_end_1
) {
    return next_1;
}

void give(
    uint at_1,
    float x_35,
    device type_16& exchange,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint bits = as_type<uint>(x_35);
    metal::atomic_store_explicit(&exchange[at_1], ~(((bits == 4294967295u) ? 2143289344u : bits)), metal::memory_order_relaxed);
    return;
}

void give4_(
    uint at_2,
    uint step,
    metal::float4 x_36,
    device type_16& exchange,
    constant _mslBufferSizes& _buffer_sizes
) {
    give(at_2, x_36.x, exchange, _buffer_sizes);
    give(at_2 + step, x_36.y, exchange, _buffer_sizes);
    give(at_2 + (2u * step), x_36.z, exchange, _buffer_sizes);
    give(at_2 + (3u * step), x_36.w, exchange, _buffer_sizes);
    return;
}

uint look(
    uint at_3,
    device type_16 const& exchange,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e3 = metal::atomic_load_explicit(&exchange[at_3], metal::memory_order_relaxed);
    return _e3;
}

metal::uint4 look4_(
    uint at_4,
    uint step_1,
    device type_16 const& exchange,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e2 = look(at_4, exchange, _buffer_sizes);
    uint _e4 = look(at_4 + step_1, exchange, _buffer_sizes);
    uint _e8 = look(at_4 + (2u * step_1), exchange, _buffer_sizes);
    uint _e12 = look(at_4 + (3u * step_1), exchange, _buffer_sizes);
    return metal::uint4(_e2, _e4, _e8, _e12);
}

float take(
    uint at_5,
    uint seen,
    device type_16& exchange,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint x_37 = {};
    uint i = 0u;
    bool local_10 = {};
    x_37 = seen;
    bool loop_init = true;
    while(true) {
        if (!loop_init) {
            uint _e17 = i;
            i = _e17 + 1u;
        }
        loop_init = false;
        uint _e5 = i;
        if (_e5 < LOOKS) {
            uint _e10 = x_37;
            local_10 = _e10 == 0u;
        } else {
            local_10 = false;
        }
        bool _e14 = local_10;
        if (_e14) {
        } else {
            break;
        }
        {
            uint _e15 = look(at_5, exchange, _buffer_sizes);
            x_37 = _e15;
        }
    }
    metal::atomic_store_explicit(&exchange[at_5], 0u, metal::memory_order_relaxed);
    uint _e22 = x_37;
    return as_type<float>(~(_e22));
}

metal::float4 take4_(
    uint at_6,
    uint step_2,
    metal::uint4 seen_1,
    device type_16& exchange,
    constant _mslBufferSizes& _buffer_sizes
) {
    float _e4 = take(at_6, seen_1.x, exchange, _buffer_sizes);
    float _e7 = take(at_6 + step_2, seen_1.y, exchange, _buffer_sizes);
    float _e12 = take(at_6 + (2u * step_2), seen_1.z, exchange, _buffer_sizes);
    float _e17 = take(at_6 + (3u * step_2), seen_1.w, exchange, _buffer_sizes);
    return metal::float4(_e4, _e7, _e12, _e17);
}

bool arrives_last(
    uint at_7,
    uint all,
    uint local_index_1,
    device type_16& exchange,
    threadgroup uint& arrivals,
    constant _mslBufferSizes& _buffer_sizes
) {
    bool local_11 = {};
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    if (local_index_1 == 0u) {
        uint _e9 = metal::atomic_fetch_add_explicit(&exchange[at_7], 1u, metal::memory_order_relaxed);
        arrivals = _e9 + 1u;
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    uint unnamed_12 = arrivals;
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    bool is_last = unnamed_12 == all;
    if (is_last) {
        local_11 = local_index_1 == 0u;
    } else {
        local_11 = false;
    }
    bool _e20 = local_11;
    if (_e20) {
        metal::atomic_store_explicit(&exchange[at_7], 0u, metal::memory_order_relaxed);
    }
    return is_last;
}

uint whole_lines(
    uint words
) {
    return naga_div((words + EXCHANGE_LINE) - 1u, EXCHANGE_LINE) * EXCHANGE_LINE;
}

ExchangePlace exchange_place(
    uint b_12,
    uint n_5,
    uint block,
    constant AttentionParams& params
) {
    uint _e6 = params.end.y;
    uint _e10 = params.origin.y;
    uint heads_1 = _e6 - _e10;
    uint _e15 = params.end.z;
    uint _e19 = params.origin.z;
    uint blocks = naga_div(((_e15 - _e19) + ROWS) - 1u, ROWS);
    uint _e29 = params.v_head_size;
    uint columns4_ = naga_div(_e29 + 3u, 4u);
    uint _e38 = params.splits;
    uint _e43 = whole_lines(1u + ((2u * _e38) * ROWS));
    uint _e46 = params.splits;
    uint _e52 = whole_lines(((_e46 * ROWS) * columns4_) * 4u);
    uint words_1 = _e43 + _e52;
    uint _e57 = params.origin.x;
    uint _e63 = params.origin.y;
    uint at_11 = (((((b_12 - _e57) * heads_1) + (n_5 - _e63)) * blocks) + block) * words_1;
    return ExchangePlace {at_11, at_11 + 1u, at_11 + _e43, columns4_};
}

uint stats_at(
    ExchangePlace place,
    uint split_1,
    uint row_3
) {
    return place.stats + (2u * ((split_1 * ROWS) + row_3));
}

uint column_at(
    ExchangePlace place_1,
    uint split_2,
    uint row_4,
    uint column
) {
    return (place_1.columns + ((((split_2 * ROWS) + row_4) * place_1.columns4_) * 4u)) + column;
}

void give_merged(
    ExchangePlace place_2,
    uint split_3,
    uint row_5,
    uint column_1,
    Merged x_38,
    device type_16& exchange,
    constant _mslBufferSizes& _buffer_sizes
) {
    if (column_1 == 0u) {
        uint _e7 = stats_at(place_2, split_3, row_5);
        give(_e7, x_38.stats.x, exchange, _buffer_sizes);
        give(_e7 + 1u, x_38.stats.y, exchange, _buffer_sizes);
    }
    uint _e14 = column_at(place_2, split_3, row_5, column_1);
    give4_(_e14, place_2.columns4_, x_38.values, exchange, _buffer_sizes);
    return;
}

uint naga_mod(uint lhs, uint rhs) {
    return lhs % metal::select(rhs, 1u, rhs == 0u);
}

void take_splits(
    ExchangePlace place_3,
    uint rows,
    uint local_index_2,
    constant AttentionParams& params,
    threadgroup type_6& group_values,
    threadgroup type_14& group_stats,
    device type_16& exchange,
    constant _mslBufferSizes& _buffer_sizes
) {
    bool local_12 = {};
    metal::uint2 seen_2 = metal::uint2 {};
    uint i_1 = {};
    bool local_13 = {};
    uint _e7 = params.splits;
    if (naga_div(local_index_2, ROWS) < _e7) {
        local_12 = naga_mod(local_index_2, ROWS) < rows;
    } else {
        local_12 = false;
    }
    bool has_stats = local_12;
    uint _e20 = stats_at(place_3, naga_div(local_index_2, ROWS), naga_mod(local_index_2, ROWS));
    if (has_stats) {
        uint _e23 = look(_e20, exchange, _buffer_sizes);
        uint _e26 = look(_e20 + 1u, exchange, _buffer_sizes);
        seen_2 = metal::uint2(_e23, _e26);
    }
    i_1 = local_index_2;
    bool loop_init_1 = true;
    while(true) {
        if (!loop_init_1) {
            uint _e69 = i_1;
            i_1 = _e69 + WORKGROUP_SIZE;
        }
        loop_init_1 = false;
        uint _e29 = i_1;
        uint _e32 = params.splits;
        if (_e29 < ((_e32 * ROWS) * COLUMNS4_)) {
        } else {
            break;
        }
        {
            uint _e38 = i_1;
            uint column_4 = naga_mod(_e38, COLUMNS4_);
            uint _e41 = i_1;
            uint row_7 = naga_mod(naga_div(_e41, COLUMNS4_), ROWS);
            uint _e46 = i_1;
            uint split_4 = naga_div(naga_div(_e46, COLUMNS4_), ROWS);
            if (row_7 < rows) {
                local_13 = column_4 < place_3.columns4_;
            } else {
                local_13 = false;
            }
            bool _e57 = local_13;
            if (_e57) {
                uint _e58 = column_at(place_3, split_4, row_7, column_4);
                uint _e60 = group_row(row_7, split_4);
                metal::uint4 _e67 = look4_(_e58, place_3.columns4_, exchange, _buffer_sizes);
                metal::float4 _e68 = take4_(_e58, place_3.columns4_, _e67, exchange, _buffer_sizes);
                group_values.inner[(_e60 * COLUMNS4_) + column_4] = _e68;
            }
        }
    }
    if (has_stats) {
        uint _e73 = seen_2.x;
        float _e74 = take(_e20, _e73, exchange, _buffer_sizes);
        uint _e78 = seen_2.y;
        float _e79 = take(_e20 + 1u, _e78, exchange, _buffer_sizes);
        metal::float2 x_41 = metal::float2(_e74, _e79);
        uint _e86 = group_row(naga_mod(local_index_2, ROWS), naga_div(local_index_2, ROWS));
        group_stats.inner[_e86] = x_41;
        return;
    } else {
        return;
    }
}

metal::uint4 own_block(
    uint t0_,
    uint group_3
) {
    return metal::uint4(t0_ + (group_3 * 4u)) + metal::uint4(0u, 1u, 2u, 3u);
}

Merged merged_column(
    uint row_6,
    uint column_2,
    uint parts,
    threadgroup type_6& group_values,
    threadgroup type_14& group_stats
) {
    float row_max = LOWEST;
    uint g = 0u;
    float sum_4 = 0.0;
    metal::float4 x_39 = metal::float4 {};
    uint g_1 = 0u;
    bool loop_init_2 = true;
    while(true) {
        if (!loop_init_2) {
            uint _e18 = g;
            g = _e18 + 1u;
        }
        loop_init_2 = false;
        uint _e7 = g;
        if (_e7 < parts) {
        } else {
            break;
        }
        {
            float _e9 = row_max;
            uint _e11 = g;
            uint _e12 = group_row(row_6, _e11);
            float _e15 = group_stats.inner[_e12].x;
            row_max = metal::max(_e9, _e15);
        }
    }
    bool loop_init_3 = true;
    while(true) {
        if (!loop_init_3) {
            uint _e53 = g_1;
            g_1 = _e53 + 1u;
        }
        loop_init_3 = false;
        uint _e26 = g_1;
        if (_e26 < parts) {
        } else {
            break;
        }
        {
            uint _e29 = g_1;
            uint _e30 = group_row(row_6, _e29);
            metal::float2 stats = group_stats.inner[_e30];
            float _e34 = row_max;
            float _e36 = weight(stats.x - _e34);
            float _e37 = sum_4;
            sum_4 = _e37 + (stats.y * _e36);
            metal::float4 _e41 = x_39;
            uint _e43 = g_1;
            uint _e44 = group_row(row_6, _e43);
            metal::float4 _e49 = group_values.inner[(_e44 * COLUMNS4_) + column_2];
            x_39 = _e41 + (_e49 * _e36);
        }
    }
    float _e55 = row_max;
    float _e56 = sum_4;
    metal::float4 _e58 = x_39;
    return Merged {metal::float2(_e55, _e56), {}, _e58};
}

void store_merged(
    uint b_13,
    uint n_6,
    uint s_9,
    uint column_3,
    Merged x_40,
    constant AttentionParams& params,
    device type_3& output,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint h_6 = column_3 * 4u;
    Strides _e9 = params.output;
    uint _e10 = element(_e9, b_13, n_6, s_9);
    uint _e14 = params.v_head_size;
    store_output4_(_e10 + h_6, _e14 - h_6, x_40.values / metal::float4(x_40.stats.y), output, _buffer_sizes);
    return;
}

void attend(
    metal::uint3 workgroup_1,
    uint local_index_3,
    uint group_4,
    uint lane_3,
    constant AttentionParams& params,
    device type_3& output,
    device type_5 const& query,
    device type_5 const& key,
    device type_5 const& value,
    device type_5 const& bias,
    device type_5 const& past_key,
    device type_5 const& past_value,
    threadgroup type_6& group_values,
    device type_9 const& cache_indirection,
    device type_9 const& padding_mask,
    device type_10 const& attention_bias,
    device type_11& partial_values,
    device type_13& partial_stats,
    thread uint& lane_of_group,
    thread uint& batch_row,
    thread uint& head,
    threadgroup type_14& group_stats,
    device type_16& exchange,
    threadgroup uint& arrivals,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint t_end_2 = {};
    bool local_14 = {};
    RowSlices o_8 = RowSlices {};
    RowNumbers reference_4 = {};
    RowNumbers sum_5 = {};
    NextKeys next_2 = {};
    uint t0_1 = {};
    bool local_15 = {};
    RowNumbers p_7 = {};
    bool local_16 = {};
    bool local_17 = {};
    uint i_2 = {};
    bool local_18 = {};
    uint i_3 = {};
    bool local_19 = {};
    uint _e7 = params.origin.y;
    uint n_7 = _e7 + workgroup_1.y;
    uint _e13 = params.origin.x;
    uint _e17 = params.splits;
    uint b_14 = _e13 + naga_div(workgroup_1.z, _e17);
    uint _e23 = params.splits;
    uint split_5 = naga_mod(workgroup_1.z, _e23);
    uint _e28 = params.origin.z;
    uint first_3 = _e28 + (workgroup_1.x * ROWS);
    uint _e38 = params.end.z;
    uint rows_end = metal::min(first_3 + ROWS, _e38);
    uint _e43 = params.origin.w;
    uint _e46 = params.keys_per_split;
    uint t_begin_1 = _e43 + (split_5 * _e46);
    uint _e51 = params.keys_per_split;
    uint _e56 = params.end.w;
    t_end_2 = metal::min(t_begin_1 + _e51, _e56);
    if (CAUSAL_SKIP) {
        uint _e64 = params.q_len;
        local_14 = rows_end < _e64;
    } else {
        local_14 = false;
    }
    bool _e67 = local_14;
    if (_e67) {
        uint _e68 = t_end_2;
        uint _e71 = params.past_len;
        t_end_2 = metal::min(_e68, rows_end + _e71);
    }
    batch_row = b_14;
    head = n_7;
    lane_of_group = lane_3;
    uint _e77 = t_end_2;
    NextKeys _e78 = first_keys(t_begin_1, _e77, group_4);
    float _e79 = score_factor(params);
    RowSlices _e80 = load_queries(first_3, rows_end, _e79, params, query, bias, lane_of_group, batch_row, head, _buffer_sizes);
    RowNumbers _e84 = same_numbers(LOWEST);
    reference_4 = _e84;
    RowNumbers _e87 = same_numbers(0.0);
    sum_5 = _e87;
    next_2 = _e78;
    t0_1 = t_begin_1;
    bool loop_init_4 = true;
    while(true) {
        if (!loop_init_4) {
            uint _e199 = t0_1;
            t0_1 = _e199 + 32u;
        }
        loop_init_4 = false;
        uint _e91 = t0_1;
        uint _e92 = t_end_2;
        if (_e91 < _e92) {
        } else {
            break;
        }
        {
            uint _e94 = t0_1;
            metal::uint4 _e95 = own_block(_e94, group_4);
            uint _e96 = t_end_2;
            metal::uint4 at_12 = metal::min(_e95, metal::uint4(_e96 - 1u));
            bool _e102 = next_2.k0_;
            PackedSlice _e104 = turn_key(_e102, at_12.x, params, key, past_key, cache_indirection, lane_of_group, batch_row, head, _buffer_sizes);
            bool _e106 = next_2.k1_;
            PackedSlice _e108 = turn_key(_e106, at_12.y, params, key, past_key, cache_indirection, lane_of_group, batch_row, head, _buffer_sizes);
            bool _e110 = next_2.k2_;
            PackedSlice _e112 = turn_key(_e110, at_12.z, params, key, past_key, cache_indirection, lane_of_group, batch_row, head, _buffer_sizes);
            bool _e114 = next_2.k3_;
            PackedSlice _e116 = turn_key(_e114, at_12.w, params, key, past_key, cache_indirection, lane_of_group, batch_row, head, _buffer_sizes);
            Block k_3 = Block {_e104, _e108, _e112, _e116, at_12};
            PackedSlice _e119 = value_slice(at_12.x, params, value, past_value, cache_indirection, lane_of_group, batch_row, head, _buffer_sizes);
            PackedSlice _e121 = value_slice(at_12.y, params, value, past_value, cache_indirection, lane_of_group, batch_row, head, _buffer_sizes);
            PackedSlice _e123 = value_slice(at_12.z, params, value, past_value, cache_indirection, lane_of_group, batch_row, head, _buffer_sizes);
            PackedSlice _e125 = value_slice(at_12.w, params, value, past_value, cache_indirection, lane_of_group, batch_row, head, _buffer_sizes);
            Block v_4 = Block {_e119, _e121, _e123, _e125, at_12};
            NextKeys _e127 = next_2;
            uint _e128 = t_end_2;
            NextKeys _e129 = later_keys(_e127, _e95, _e128);
            next_2 = _e129;
            uint own = _e95.x + (lane_3 & 3u);
            uint _e134 = t_end_2;
            if (own < _e134) {
                uint _e138 = t_end_2;
                bool _e142 = is_held(b_14, metal::min(own, _e138 - 1u), params, cache_indirection, _buffer_sizes);
                local_15 = _e142;
            } else {
                local_15 = false;
            }
            bool counts = local_15;
            RowScores _e145 = block_scores(_e80, k_3, params, bias, lane_of_group, head, _buffer_sizes);
            RowNumbers _e146 = own_scores(_e145, lane_3);
            p_7 = _e146;
            if (true) {
                local_16 = ATTENTION_BIAS;
            } else {
                local_16 = true;
            }
            bool _e155 = local_16;
            if (!(_e155)) {
                local_17 = false;
            } else {
                local_17 = true;
            }
            bool _e164 = local_17;
            if (_e164) {
                RowNumbers _e165 = p_7;
                uint _e166 = t_end_2;
                RowNumbers _e170 = mask_rows(_e165, b_14, n_7, first_3, rows_end, metal::min(own, _e166 - 1u), params, padding_mask, attention_bias, _buffer_sizes);
                p_7 = _e170;
            }
            RowNumbers _e172 = p_7;
            RowNumbers _e173 = select_rows(LOWEST, _e172, counts);
            p_7 = _e173;
            RowNumbers _e174 = p_7;
            RowNumbers _e175 = reference_4;
            bool _e176 = rows_grew(_e174, _e175);
            bool unnamed_13 = metal::simd_any(_e176);
            if (unnamed_13) {
                RowNumbers _e178 = p_7;
                RowNumbers _e179 = reference_4;
                RowNumbers _e180 = rows_max(_e178, _e179);
                RowNumbers _e181 = reference_4;
                RowNumbers _e182 = shrink_factors(_e181, _e180);
                reference_4 = _e180;
                RowNumbers _e183 = sum_5;
                RowNumbers _e184 = scale_numbers(_e183, _e182);
                sum_5 = _e184;
                RowSlices _e185 = o_8;
                RowSlices _e186 = scale_rows(_e185, _e182);
                o_8 = _e186;
            }
            RowNumbers _e188 = p_7;
            RowNumbers _e189 = reference_4;
            RowNumbers _e190 = weigh_rows(_e188, _e189);
            RowNumbers _e191 = select_rows(0.0, _e190, counts);
            p_7 = _e191;
            RowNumbers _e192 = sum_5;
            RowNumbers _e193 = p_7;
            RowNumbers _e194 = add_numbers(_e192, _e193);
            sum_5 = _e194;
            RowSlices _e195 = o_8;
            RowNumbers _e196 = p_7;
            RowScores _e197 = all_weights(_e196);
            RowSlices _e198 = add_values(_e195, _e197, v_4, params, bias, lane_of_group, head, _buffer_sizes);
            o_8 = _e198;
        }
    }
    RowSlices _e205 = o_8;
    RowNumbers _e206 = reference_4;
    RowNumbers _e207 = sum_5;
    store_rows(group_4, lane_3, _e205, _e206, _e207, group_values, lane_of_group, group_stats);
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    uint rows_2 = rows_end - first_3;
    ExchangePlace _e210 = exchange_place(b_14, n_7, workgroup_1.x, params);
    i_2 = local_index_3;
    bool loop_init_5 = true;
    while(true) {
        if (!loop_init_5) {
            uint _e252 = i_2;
            i_2 = _e252 + WORKGROUP_SIZE;
        }
        loop_init_5 = false;
        uint _e212 = i_2;
        if (_e212 < 32u) {
        } else {
            break;
        }
        {
            uint _e215 = i_2;
            uint row_8 = naga_div(_e215, COLUMNS4_);
            uint _e218 = i_2;
            uint column_5 = naga_mod(_e218, COLUMNS4_);
            if (!((row_8 >= rows_2))) {
                uint _e229 = params.v_head_size;
                local_18 = (column_5 * 4u) >= _e229;
            } else {
                local_18 = true;
            }
            bool _e232 = local_18;
            if (_e232) {
                continue;
            }
            Merged _e234 = merged_column(row_8, column_5, GROUPS, group_values, group_stats);
            if (MERGES) {
                give_merged(_e210, split_5, row_8, column_5, _e234, exchange, _buffer_sizes);
            } else {
                if (PARTIAL) {
                    uint _e239 = params.first_split;
                    uint _e242 = partial_index(_e239 + split_5, b_14, n_7, first_3 + row_8, params);
                    if (column_5 == 0u) {
                        partial_stats[_e242] = _e234.stats;
                    }
                    store_partial4_(_e242, column_5 * 4u, _e234.values, params, partial_values, _buffer_sizes);
                } else {
                    store_merged(b_14, n_7, first_3 + row_8, column_5, _e234, params, output, _buffer_sizes);
                }
            }
        }
    }
    if (MERGES) {
        uint _e259 = params.splits;
        bool _e260 = arrives_last(_e210.counter, _e259, local_index_3, exchange, arrivals, _buffer_sizes);
        if (!(_e260)) {
            return;
        }
        take_splits(_e210, rows_2, local_index_3, params, group_values, group_stats, exchange, _buffer_sizes);
        metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
        i_3 = local_index_3;
        bool loop_init_6 = true;
        while(true) {
            if (!loop_init_6) {
                uint _e288 = i_3;
                i_3 = _e288 + WORKGROUP_SIZE;
            }
            loop_init_6 = false;
            uint _e263 = i_3;
            if (_e263 < 32u) {
            } else {
                break;
            }
            {
                uint _e266 = i_3;
                uint row_9 = naga_div(_e266, COLUMNS4_);
                uint _e269 = i_3;
                uint column_6 = naga_mod(_e269, COLUMNS4_);
                if (row_9 < rows_2) {
                    uint _e279 = params.v_head_size;
                    local_19 = (column_6 * 4u) < _e279;
                } else {
                    local_19 = false;
                }
                bool _e282 = local_19;
                if (_e282) {
                    uint _e286 = params.splits;
                    Merged _e287 = merged_column(row_9, column_6, _e286, group_values, group_stats);
                    store_merged(b_14, n_7, first_3 + row_9, column_6, _e287, params, output, _buffer_sizes);
                }
            }
        }
        return;
    } else {
        return;
    }
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
, device type_3& output [[user(fake0)]]
, device type_5 const& query [[user(fake0)]]
, device type_5 const& key [[user(fake0)]]
, device type_5 const& value [[user(fake0)]]
, device type_5 const& bias [[user(fake0)]]
, device type_5 const& past_key [[user(fake0)]]
, device type_5 const& past_value [[user(fake0)]]
, threadgroup type_6& group_values
, device type_9 const& cache_indirection [[user(fake0)]]
, device type_9 const& padding_mask [[user(fake0)]]
, device type_10 const& attention_bias [[user(fake0)]]
, device type_11& partial_values [[user(fake0)]]
, device type_13& partial_stats [[user(fake0)]]
, threadgroup type_14& group_stats
, device type_16& exchange [[user(fake0)]]
, threadgroup uint& arrivals
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    uint lane_of_group = {};
    uint batch_row = {};
    uint head = {};
    attend(workgroup, local_index, naga_div((subgroup * subgroup_size) + subgroup_lane, LANES), naga_mod(subgroup_lane, LANES), params, output, query, key, value, bias, past_key, past_value, group_values, cache_indirection, padding_mask, attention_bias, partial_values, partial_stats, lane_of_group, batch_row, head, group_stats, exchange, arrivals, _buffer_sizes);
    return;
}
