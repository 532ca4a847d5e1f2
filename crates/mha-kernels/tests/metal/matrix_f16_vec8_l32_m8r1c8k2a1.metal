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
typedef metal::uint4 Piece;
typedef metal::uint4 type_5[1];
typedef Elem4_ type_8[1];
typedef int type_10[1];
typedef Elem type_11[1];
typedef metal::float4 type_12[1];
typedef metal::float2 type_14[1];
struct TilePlace {
    uint row_tile;
    uint head;
    uint batch_row;
    uint split;
};
typedef float Score;
typedef half Half;
struct type_16 {
    Score inner[576];
};
struct type_17 {
    Half inner[1152];
};
struct type_18 {
    Half inner[576];
};
typedef metal::simdgroup_half8x8 LeftMatrix;
typedef metal::simdgroup_half8x8 RightMatrix;
typedef metal::simdgroup_float8x8 SumMatrix;
struct Row {
    uint s;
    float reference;
    float sum;
    float total;
    float shrink;
};
struct Rows {
    Row r0_;
};
struct Place {
    uint b;
    uint n;
    uint rows_begin;
    uint rows_end;
    uint t_begin;
    uint t_end;
    uint last;
    uint split;
    uint piece_row;
    uint piece_at;
    uint key_column;
    uint value_column;
    bool key_is_inside;
    char _pad13[3];
    uint key_at;
    uint value_at;
    uint row;
    uint area;
    uint row_area;
    uint lane;
    uint part;
    uint key_block;
};
struct Ahead {
    Piece x0_;
};
struct SumBlocks {
    SumMatrix r0_;
};
struct Outputs {
    SumBlocks inner[8];
};
struct LeftBlocks {
    LeftMatrix r0_;
};
struct TileWeights {
    LeftBlocks k0_;
    LeftBlocks k1_;
};
struct LaneKeys {
    metal::float4 low;
};
struct Queries {
    LeftBlocks inner[8];
};
struct TileScores {
    SumBlocks k0_;
    SumBlocks k1_;
};
struct type_20 {
    metal::atomic_uint inner[4];
};
struct Turn {
    TileScores scores;
    Rows rows;
    char _pad2[12];
    TileWeights weights;
    bool is_lost;
    char _pad4[31];
};
constant float LOWEST = -340282350000000000000000000000000000000.0;
constant float LOG2_E = 1.442695;
constant uint PIECE = 8u;
constant uint UNIT = 1u;
constant uint SIDE = 8u;
constant uint LANES = 32u;
constant uint ROW_BLOCKS = 1u;
constant uint LANES_A_ROW = 4u;
constant uint KEY_TILE = 16u;
constant uint PARTS = 1u;
constant uint COLUMN_BLOCKS = 8u;
constant uint COLUMNS = 64u;
constant uint TILE_ROW = 72u;
constant uint TILE_AREA = 1152u;
constant float PRODUCT_FACTOR = 1.0;
constant float OUTPUT_FACTOR = 1.0;
constant float HEADROOM = 0.0;
constant uint PIECES = 8u;
constant float LARGEST_SUM = 32768.0;
constant uint KEY_GROUPS = 1u;
constant uint HELD_KEYS = 16u;
constant uint LOST = 0u;
constant uint BEYOND = 1u;
constant bool PAST = false;
constant bool KV_BIAS = false;
constant bool QUERY_BIAS = false;
constant bool CAUSAL = false;
constant uint PADDING_MASK = 0u;
constant bool ATTENTION_BIAS = false;
constant bool LOG2_SCORES = true;
constant bool LONGEST_FIRST = false;
constant uint WORKGROUP_SIZE = 128u;
constant uint SUBGROUPS = 4u;
constant uint SCORES_ROW = 72u;
constant uint SCORES_LENGTH = 576u;
constant uint WEIGHTS_LENGTH = 576u;
constant uint ROUND = 16u;
constant bool PARTIAL = false;
constant bool CAUSAL_SKIP = false;
constant uint ROWS = 32u;

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
    uint rows_15 = _e15 - _e19;
    uint _e24 = params.origin.x;
    uint _e30 = params.origin.y;
    uint _e37 = params.origin.z;
    return ((((b_1 - _e24) * heads) + (n_1 - _e30)) * rows_15) + (s - _e37);
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

metal::half4 halves(
    metal::uint2 words
) {
    return metal::half4(static_cast<metal::half2>(float2(as_type<half2>(words.x))), static_cast<metal::half2>(float2(as_type<half2>(words.y))));
}

metal::uint2 half_piece(
    metal::uint4 piece,
    uint index
) {
    return ((index & 4u) != 0u) ? piece.zw : piece.xy;
}

metal::float4 unpacked(
    metal::uint2 words_1
) {
    return metal::float4(float2(as_type<half2>(words_1.x)), float2(as_type<half2>(words_1.y)));
}

uint naga_div(uint lhs, uint rhs) {
    return lhs / metal::select(rhs, 1u, rhs == 0u);
}

metal::float4 query4_(
    uint index_1,
    uint columns,
    device type_5 const& query,
    constant _mslBufferSizes& _buffer_sizes
) {
    metal::uint4 _e6 = query[naga_div(index_1, 8u)];
    metal::uint2 _e7 = half_piece(_e6, index_1);
    metal::float4 _e8 = unpacked(_e7);
    return _e8;
}

metal::float4 bias4_(
    uint index_2,
    uint columns_1,
    device type_5 const& bias,
    constant _mslBufferSizes& _buffer_sizes
) {
    metal::uint4 _e6 = bias[naga_div(index_2, 8u)];
    metal::uint2 _e7 = half_piece(_e6, index_2);
    metal::float4 _e8 = unpacked(_e7);
    return _e8;
}

Piece key_piece(
    uint index_3,
    uint columns_2,
    device type_5 const& key,
    constant _mslBufferSizes& _buffer_sizes
) {
    metal::uint4 _e6 = key[naga_div(index_3, 8u)];
    return _e6;
}

Piece value_piece(
    uint index_4,
    uint columns_3,
    device type_5 const& value,
    constant _mslBufferSizes& _buffer_sizes
) {
    metal::uint4 _e6 = value[naga_div(index_4, 8u)];
    return _e6;
}

uint past_batch(
    uint b_2,
    uint t
) {
    return b_2;
}

Piece source_key_piece(
    uint b_3,
    uint n_2,
    uint t_1,
    uint h,
    constant AttentionParams& params,
    device type_5 const& key,
    device type_5 const& past_key,
    constant _mslBufferSizes& _buffer_sizes
) {
    bool local = {};
    if (PAST) {
        uint _e9 = params.past_len;
        local = t_1 < _e9;
    } else {
        local = false;
    }
    bool _e12 = local;
    if (_e12) {
        Strides _e16 = params.past_key;
        uint _e17 = past_batch(b_3, t_1);
        uint _e18 = element(_e16, _e17, n_2, t_1);
        metal::uint4 _e23 = past_key[naga_div(_e18 + h, 8u)];
        return _e23;
    }
    Strides _e27 = params.key;
    uint _e30 = params.past_len;
    uint _e32 = element(_e27, b_3, n_2, t_1 - _e30);
    metal::uint4 _e37 = key[naga_div(_e32 + h, 8u)];
    return _e37;
}

Piece source_value_piece(
    uint b_4,
    uint n_3,
    uint t_2,
    uint h_1,
    constant AttentionParams& params,
    device type_5 const& value,
    device type_5 const& past_value,
    constant _mslBufferSizes& _buffer_sizes
) {
    bool local_1 = {};
    if (PAST) {
        uint _e9 = params.past_len;
        local_1 = t_2 < _e9;
    } else {
        local_1 = false;
    }
    bool _e12 = local_1;
    if (_e12) {
        Strides _e16 = params.past_value;
        uint _e17 = past_batch(b_4, t_2);
        uint _e18 = element(_e16, _e17, n_3, t_2);
        metal::uint4 _e23 = past_value[naga_div(_e18 + h_1, 8u)];
        return _e23;
    }
    Strides _e27 = params.value;
    uint _e30 = params.past_len;
    uint _e32 = element(_e27, b_4, n_3, t_2 - _e30);
    metal::uint4 _e37 = value[naga_div(_e32 + h_1, 8u)];
    return _e37;
}

void store_output4_(
    uint index_5,
    uint columns_4,
    metal::float4 x,
    device type_8& output,
    constant _mslBufferSizes& _buffer_sizes
) {
    output[naga_div(index_5, 4u)] = static_cast<metal::half4>(x);
    return;
}

metal::float4 source_query4_(
    uint b_5,
    uint n_4,
    uint s_1,
    uint h_2,
    constant AttentionParams& params,
    device type_5 const& query,
    device type_5 const& bias,
    constant _mslBufferSizes& _buffer_sizes
) {
    metal::float4 x_1 = {};
    uint _e6 = params.head_size;
    uint columns_5 = _e6 - h_2;
    Strides _e10 = params.query;
    uint _e11 = element(_e10, b_5, n_4, s_1);
    metal::float4 _e13 = query4_(_e11 + h_2, columns_5, query, _buffer_sizes);
    x_1 = _e13;
    if (QUERY_BIAS) {
        metal::float4 _e16 = x_1;
        uint _e19 = params.query_bias_offset;
        uint _e22 = params.head_size;
        metal::float4 _e26 = bias4_((_e19 + (n_4 * _e22)) + h_2, columns_5, bias, _buffer_sizes);
        x_1 = _e16 + _e26;
    }
    metal::float4 _e28 = x_1;
    return _e28;
}

bool is_padding(
    uint b_6,
    uint s_2,
    uint t_3,
    constant AttentionParams& params,
    device type_10 const& padding_mask,
    constant _mslBufferSizes& _buffer_sizes
) {
    Strides _e5 = params.padding_mask;
    uint _e7 = element(_e5, b_6, 0u, s_2);
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
    uint s_3,
    uint t_4,
    constant AttentionParams& params
) {
    bool local_2 = {};
    uint _e4 = params.past_len;
    if (t_4 > (s_3 + _e4)) {
        uint _e13 = params.q_len;
        local_2 = (s_3 + 1u) < _e13;
    } else {
        local_2 = false;
    }
    bool _e16 = local_2;
    return _e16;
}

float masked_score(
    float scaled_1,
    uint b_7,
    uint n_5,
    uint s_4,
    uint t_5,
    constant AttentionParams& params,
    device type_10 const& padding_mask,
    device type_11 const& attention_bias,
    constant _mslBufferSizes& _buffer_sizes
) {
    float x_2 = {};
    bool local_3 = {};
    float term = 0.0;
    x_2 = scaled_1;
    if (ATTENTION_BIAS) {
        float _e7 = x_2;
        Strides _e11 = params.attention_bias;
        uint _e14 = params.bias_batch_divisor;
        uint _e16 = element(_e11, naga_div(b_7, _e14), n_5, s_4);
        Elem _e19 = attention_bias[_e16 + t_5];
        x_2 = _e7 + static_cast<float>(_e19);
    }
    if (true) {
        local_3 = CAUSAL;
    } else {
        local_3 = true;
    }
    bool _e31 = local_3;
    if (_e31) {
        if (false) {
            float _e40 = params.mask_filter_value;
            bool _e41 = is_padding(b_7, s_4, t_5, params, padding_mask, _buffer_sizes);
            term = _e41 ? _e40 : 0.0;
        }
        if (CAUSAL) {
            float _e45 = term;
            bool _e47 = is_causally_hidden(s_4, t_5, params);
            term = _e47 ? LOWEST : _e45;
        }
        float _e49 = x_2;
        float _e50 = term;
        x_2 = _e49 + _e50;
    }
    float _e52 = x_2;
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
    uint n_6,
    uint s_5,
    constant AttentionParams& params
) {
    uint _e4 = partial_rows(params);
    uint _e6 = partial_row(b_8, n_6, s_5, params);
    return (split * _e4) + _e6;
}

void store_partial4_(
    uint index_6,
    uint h_3,
    metal::float4 x_3,
    constant AttentionParams& params,
    device type_12& partial_values,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint _e6 = params.v_head_size;
    partial_values[(index_6 * naga_div(_e6 + 3u, 4u)) + naga_div(h_3, 4u)] = x_3;
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
    uint i_2 = (((workgroup_1.z * heads_1) + workgroup_1.y) * tiles) + workgroup_1.x;
    TilePlace _e47 = tile_place((tiles - 1u) - naga_div(i_2, others), naga_mod(naga_mod(i_2, others), heads_1), naga_div(naga_mod(i_2, others), heads_1), batch_rows_1, params);
    return _e47;
}

metal::float4 get_scores(
    uint at,
    threadgroup type_16& scores
) {
    Score _e3 = scores.inner[at];
    Score _e8 = scores.inner[at + 1u];
    Score _e13 = scores.inner[at + 2u];
    Score _e18 = scores.inner[at + 3u];
    return metal::float4(_e3, _e8, _e13, _e18);
}

void put_scores(
    uint at_1,
    metal::float4 x_4,
    threadgroup type_16& scores
) {
    scores.inner[at_1] = x_4.x;
    scores.inner[at_1 + 1u] = x_4.y;
    scores.inner[at_1 + 2u] = x_4.z;
    scores.inner[at_1 + 3u] = x_4.w;
    return;
}

void put_keys(
    uint at_2,
    metal::half4 x_5,
    threadgroup type_17& keys
) {
    keys.inner[at_2] = x_5.x;
    keys.inner[at_2 + 1u] = x_5.y;
    keys.inner[at_2 + 2u] = x_5.z;
    keys.inner[at_2 + 3u] = x_5.w;
    return;
}

void put_values(
    uint at_3,
    metal::half4 x_6,
    threadgroup type_17& values_1
) {
    values_1.inner[at_3] = x_6.x;
    values_1.inner[at_3 + 1u] = x_6.y;
    values_1.inner[at_3 + 2u] = x_6.z;
    values_1.inner[at_3 + 3u] = x_6.w;
    return;
}

void put_weights(
    uint at_4,
    metal::half4 x_7,
    threadgroup type_18& weights
) {
    weights.inner[at_4] = x_7.x;
    weights.inner[at_4 + 1u] = x_7.y;
    weights.inner[at_4 + 2u] = x_7.z;
    weights.inner[at_4 + 3u] = x_7.w;
    return;
}

metal::simdgroup_float8x8 NagaCooperativeMultiplyAdd(const thread metal::simdgroup_half8x8& a, const thread metal::simdgroup_half8x8& b, const thread metal::simdgroup_float8x8& c) {
    metal::simdgroup_float8x8 d;
    simdgroup_multiply_accumulate(d,a,b,c);
    return d;
}

SumMatrix product(
    LeftMatrix a,
    RightMatrix b_9,
    SumMatrix sum
) {
    return NagaCooperativeMultiplyAdd(a, b_9, sum);
}

metal::simdgroup_half8x8 NagaCooperativeLoad(const threadgroup half* ptr, int stride, bool is_row_major) {
    metal::simdgroup_half8x8 m;
    simdgroup_load(m, ptr, stride, 0, is_row_major);
    return m;
}

RightMatrix key_matrix(
    uint key_block,
    uint column_block,
    threadgroup type_17& keys
) {
    return NagaCooperativeLoad(&keys.inner[naga_div(((key_block * SIDE) * TILE_ROW) + (column_block * SIDE), UNIT)], 72u, true);
}

RightMatrix value_matrix(
    uint key_block_1,
    uint column_block_1,
    threadgroup type_17& values_1
) {
    return NagaCooperativeLoad(&values_1.inner[naga_div(((key_block_1 * SIDE) * TILE_ROW) + (column_block_1 * SIDE), UNIT)], 72u, false);
}

void put_key_piece(
    uint at_5,
    Piece piece_1,
    threadgroup type_17& keys
) {
    metal::half4 _e3 = halves(piece_1.xy);
    put_keys(at_5, _e3, keys);
    metal::half4 _e7 = halves(piece_1.zw);
    put_keys(at_5 + 4u, _e7, keys);
    return;
}

void put_value_piece(
    uint at_6,
    Piece piece_2,
    threadgroup type_17& values_1
) {
    metal::half4 _e3 = halves(piece_2.xy);
    put_values(at_6, _e3, values_1);
    metal::half4 _e7 = halves(piece_2.zw);
    put_values(at_6 + 4u, _e7, values_1);
    return;
}

void answer_beyond(
    Rows rows_1,
    Place place_1,
    uint t_begin
) {
    return;
}

LeftMatrix left_matrix(
    Place place_2,
    uint row_block,
    uint key_block_2,
    threadgroup type_18& weights
) {
    uint at_13 = (place_2.area + (row_block * KEY_TILE)) + (key_block_2 * SIDE);
    return NagaCooperativeLoad(&weights.inner[naga_div(at_13, UNIT)], 72u, false);
}

void put_query4_(
    uint at_7,
    metal::float4 x_8,
    threadgroup type_18& weights
) {
    put_weights(at_7, static_cast<metal::half4>(x_8), weights);
    return;
}

void put_weights4_(
    uint at_8,
    metal::float4 x_9,
    threadgroup type_18& weights
) {
    put_weights(at_8, static_cast<metal::half4>(x_9), weights);
    return;
}

bool has_piece(
    Place place_3,
    uint n_7
) {
    bool local_4 = {};
    if (place_3.piece_row < ROUND) {
        local_4 = (place_3.piece_row + (n_7 * ROUND)) < KEY_TILE;
    } else {
        local_4 = false;
    }
    bool _e14 = local_4;
    return _e14;
}

void store_value(
    Place place_4,
    uint n_8,
    Piece piece_3,
    uint at_9,
    threadgroup type_17& values_1
) {
    bool _e4 = has_piece(place_4, n_8);
    if (_e4) {
        put_value_piece((at_9 + place_4.piece_at) + ((n_8 * ROUND) * TILE_ROW), piece_3, values_1);
        return;
    } else {
        return;
    }
}

void store_values(
    Place place_5,
    Ahead ahead,
    uint at_10,
    threadgroup type_17& values_1
) {
    store_value(place_5, 0u, ahead.x0_, at_10, values_1);
    return;
}

void store_first_values(
    Place place_6,
    Ahead first,
    threadgroup type_17& values_1
) {
    store_values(place_6, first, 0u, values_1);
    return;
}

Outputs add_first_rest(
    Outputs o_1,
    TileWeights w,
    Place place_7,
    bool is_first
) {
    return o_1;
}

Piece next_key(
    Place place_8,
    uint t0_,
    uint n_9,
    constant AttentionParams& params,
    device type_5 const& key,
    device type_5 const& past_key,
    constant _mslBufferSizes& _buffer_sizes
) {
    bool local_5 = {};
    uint t_8 = metal::min((t0_ + place_8.piece_row) + (n_9 * ROUND), place_8.last);
    if (true) {
        local_5 = KV_BIAS;
    } else {
        local_5 = true;
    }
    bool _e17 = local_5;
    if (_e17) {
        Piece _e21 = source_key_piece(place_8.b, place_8.n, t_8, place_8.key_column, params, key, past_key, _buffer_sizes);
        return _e21;
    }
    uint _e26 = params.key.row;
    uint _e31 = params.head_size;
    Piece _e34 = key_piece(place_8.key_at + (t_8 * _e26), _e31 - place_8.key_column, key, _buffer_sizes);
    return _e34;
}

Ahead load_keys(
    Place place_9,
    uint t0_1,
    constant AttentionParams& params,
    device type_5 const& key,
    device type_5 const& past_key,
    constant _mslBufferSizes& _buffer_sizes
) {
    Piece _e3 = next_key(place_9, t0_1, 0u, params, key, past_key, _buffer_sizes);
    return Ahead {_e3};
}

void store_key(
    Place place_10,
    uint n_10,
    Piece piece_4,
    uint at_11,
    threadgroup type_17& keys
) {
    bool _e4 = has_piece(place_10, n_10);
    if (_e4) {
        put_key_piece((at_11 + place_10.piece_at) + ((n_10 * ROUND) * TILE_ROW), place_10.key_is_inside ? piece_4 : Piece {}, keys);
        return;
    } else {
        return;
    }
}

void store_keys(
    Place place_11,
    Ahead ahead_1,
    uint at_12,
    threadgroup type_17& keys
) {
    store_key(place_11, 0u, ahead_1.x0_, at_12, keys);
    return;
}

Piece next_value(
    Place place_12,
    uint t0_2,
    uint n_11,
    constant AttentionParams& params,
    device type_5 const& value,
    device type_5 const& past_value,
    constant _mslBufferSizes& _buffer_sizes
) {
    bool local_6 = {};
    uint t_9 = metal::min((t0_2 + place_12.piece_row) + (n_11 * ROUND), place_12.last);
    if (true) {
        local_6 = KV_BIAS;
    } else {
        local_6 = true;
    }
    bool _e17 = local_6;
    if (_e17) {
        Piece _e21 = source_value_piece(place_12.b, place_12.n, t_9, place_12.value_column, params, value, past_value, _buffer_sizes);
        return _e21;
    }
    uint _e26 = params.value.row;
    uint _e31 = params.v_head_size;
    Piece _e34 = value_piece(place_12.value_at + (t_9 * _e26), _e31 - place_12.value_column, value, _buffer_sizes);
    return _e34;
}

Ahead load_values(
    Place place_13,
    uint t0_3,
    constant AttentionParams& params,
    device type_5 const& value,
    device type_5 const& past_value,
    constant _mslBufferSizes& _buffer_sizes
) {
    Piece _e3 = next_value(place_13, t0_3, 0u, params, value, past_value, _buffer_sizes);
    return Ahead {_e3};
}

Rows first_rows(
    uint s_6
) {
    return Rows {Row {s_6, LOWEST, 0.0, 0.0, 1.0}};
}

SumBlocks multiply(
    LeftBlocks a_1,
    RightMatrix b_10,
    SumBlocks sums
) {
    SumMatrix _e5 = product(a_1.r0_, b_10, sums.r0_);
    return SumBlocks {_e5};
}

SumMatrix weighted_sum(
    LeftMatrix a_2,
    RightMatrix b_11,
    SumMatrix sum_1
) {
    SumMatrix _e3 = product(a_2, b_11, sum_1);
    return _e3;
}

SumBlocks add_weighted(
    LeftBlocks a_3,
    RightMatrix b_12,
    SumBlocks sums_1
) {
    SumMatrix _e5 = weighted_sum(a_3.r0_, b_12, sums_1.r0_);
    return SumBlocks {_e5};
}

LeftBlocks left_blocks(
    Place place_14,
    uint key_block_3,
    threadgroup type_18& weights
) {
    LeftMatrix _e3 = left_matrix(place_14, 0u, key_block_3, weights);
    return LeftBlocks {_e3};
}

void put_sum(
    SumMatrix sum_2,
    Place place_15,
    uint row_block_1,
    uint key_block_4,
    threadgroup type_16& scores
) {
    uint at_14 = (place_15.area + (row_block_1 * KEY_TILE)) + (key_block_4 * SIDE);
    simdgroup_store(sum_2, &scores.inner[naga_div(at_14, UNIT)], 72u);
    return;
}

void put_sums(
    SumBlocks sums_2,
    Place place_16,
    uint key_block_5,
    threadgroup type_16& scores
) {
    put_sum(sums_2.r0_, place_16, 0u, key_block_5, scores);
    return;
}

LaneKeys lane_scores(
    Place place_17,
    uint row_block_2,
    threadgroup type_16& scores
) {
    uint at_15 = (place_17.row_area + (row_block_2 * KEY_TILE)) + (place_17.part * 4u);
    metal::float4 _e10 = get_scores(at_15, scores);
    return LaneKeys {_e10};
}

LaneKeys plain_weights(
    LaneKeys x_10,
    float reference,
    constant AttentionParams& params
) {
    float _e2 = score_factor(params);
    metal::float4 factor = metal::float4(_e2 * PRODUCT_FACTOR);
    metal::float4 low = metal::fma(x_10.low, factor, metal::float4(-(reference)));
    if (LOG2_SCORES) {
        return LaneKeys {metal::exp2(low)};
    }
    return LaneKeys {metal::exp2(low * LOG2_E)};
}

float lane_total(
    LaneKeys w_1
) {
    metal::float4 x_17 = w_1.low;
    return (w_1.low.x + w_1.low.y) + (w_1.low.z + w_1.low.w);
}

void put_lane_weights(
    LaneKeys w_2,
    Place place_18,
    uint row_block_3,
    threadgroup type_18& weights
) {
    uint at_16 = (place_18.row_area + (row_block_3 * KEY_TILE)) + (place_18.part * 4u);
    put_weights4_(at_16, w_2.low, weights);
    return;
}

Rows weigh(
    Rows before,
    Place place_19,
    constant AttentionParams& params,
    threadgroup type_16& scores,
    threadgroup type_18& weights
) {
    Rows rows_2 = {};
    rows_2 = before;
    LaneKeys _e4 = lane_scores(place_19, 0u, scores);
    float _e7 = rows_2.r0_.reference;
    LaneKeys _e8 = plain_weights(_e4, _e7, params);
    float _e11 = lane_total(_e8);
    rows_2.r0_.total = _e11;
    put_lane_weights(_e8, place_19, 0u, weights);
    Rows _e13 = rows_2;
    return _e13;
}

metal::float4 score4_(
    metal::float4 x_11,
    Row row_1,
    Place place_20,
    uint t_6,
    constant AttentionParams& params,
    device type_10 const& padding_mask,
    device type_11 const& attention_bias,
    constant _mslBufferSizes& _buffer_sizes
) {
    metal::float4 s_7 = {};
    bool local_7 = {};
    bool local_8 = {};
    float _e4 = score_factor(params);
    s_7 = x_11 * (_e4 * PRODUCT_FACTOR);
    if (true) {
        local_7 = false;
    } else {
        local_7 = true;
    }
    bool _e19 = local_7;
    if (!(_e19)) {
        local_8 = CAUSAL;
    } else {
        local_8 = true;
    }
    bool _e25 = local_8;
    if (_e25) {
        uint row_s = metal::min(row_1.s, place_20.rows_end - 1u);
        float _e32 = s_7.x;
        float _e37 = masked_score(_e32, place_20.b, place_20.n, row_s, metal::min(t_6, place_20.last), params, padding_mask, attention_bias, _buffer_sizes);
        float _e39 = s_7.y;
        float _e46 = masked_score(_e39, place_20.b, place_20.n, row_s, metal::min(t_6 + 1u, place_20.last), params, padding_mask, attention_bias, _buffer_sizes);
        float _e48 = s_7.z;
        float _e55 = masked_score(_e48, place_20.b, place_20.n, row_s, metal::min(t_6 + 2u, place_20.last), params, padding_mask, attention_bias, _buffer_sizes);
        float _e57 = s_7.w;
        float _e64 = masked_score(_e57, place_20.b, place_20.n, row_s, metal::min(t_6 + 3u, place_20.last), params, padding_mask, attention_bias, _buffer_sizes);
        s_7 = metal::float4(_e37, _e46, _e55, _e64);
    }
    metal::float4 _e68 = s_7;
    return metal::select(metal::float4(-340282350000000000000000000000000000000.0), _e68, metal::uint4(t_6, t_6 + 1u, t_6 + 2u, t_6 + 3u) < metal::uint4(place_20.t_end));
}

metal::float4 weight4_(
    metal::float4 x_12,
    Row row_2,
    Place place_21,
    uint t_7,
    constant AttentionParams& params,
    device type_10 const& padding_mask,
    device type_11 const& attention_bias,
    constant _mslBufferSizes& _buffer_sizes
) {
    metal::float4 _e4 = score4_(x_12, row_2, place_21, t_7, params, padding_mask, attention_bias, _buffer_sizes);
    metal::float4 s_10 = _e4 - metal::float4(row_2.reference);
    metal::float4 w_5 = metal::exp2(LOG2_SCORES ? s_10 : (s_10 * LOG2_E));
    return metal::select(metal::float4 {}, w_5, metal::uint4(t_7, t_7 + 1u, t_7 + 2u, t_7 + 3u) < metal::uint4(place_21.t_end));
}

LaneKeys masked_weights(
    LaneKeys x_13,
    Row row_3,
    Place place_22,
    uint t0_4,
    constant AttentionParams& params,
    device type_10 const& padding_mask,
    device type_11 const& attention_bias,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint t_10 = t0_4 + (place_22.part * 4u);
    metal::float4 _e9 = weight4_(x_13.low, row_3, place_22, t_10, params, padding_mask, attention_bias, _buffer_sizes);
    return LaneKeys {_e9};
}

Rows weigh_masked(
    Rows before_1,
    Place place_23,
    uint t0_5,
    constant AttentionParams& params,
    device type_10 const& padding_mask,
    device type_11 const& attention_bias,
    threadgroup type_16& scores,
    threadgroup type_18& weights,
    constant _mslBufferSizes& _buffer_sizes
) {
    Rows rows_3 = {};
    rows_3 = before_1;
    LaneKeys _e5 = lane_scores(place_23, 0u, scores);
    Row _e7 = rows_3.r0_;
    LaneKeys _e8 = masked_weights(_e5, _e7, place_23, t0_5, params, padding_mask, attention_bias, _buffer_sizes);
    float _e11 = lane_total(_e8);
    rows_3.r0_.total = _e11;
    put_lane_weights(_e8, place_23, 0u, weights);
    Rows _e13 = rows_3;
    return _e13;
}

Row weigh_again(
    Row row_before,
    Place place_24,
    uint t0_6,
    uint row_block_4,
    constant AttentionParams& params,
    device type_10 const& padding_mask,
    device type_11 const& attention_bias,
    threadgroup type_16& scores,
    threadgroup type_18& weights,
    constant _mslBufferSizes& _buffer_sizes
) {
    Row row_4 = {};
    uint k = 0u;
    row_4 = row_before;
    bool loop_init = true;
    while(true) {
        if (!loop_init) {
            uint _e34 = k;
            k = _e34 + 4u;
        }
        loop_init = false;
        uint _e7 = k;
        if (_e7 < KEY_TILE) {
        } else {
            break;
        }
        {
            uint _e14 = k;
            metal::float4 _e16 = get_scores((place_24.row_area + (row_block_4 * KEY_TILE)) + _e14, scores);
            Row _e17 = row_4;
            uint _e18 = k;
            metal::float4 _e20 = score4_(_e16, _e17, place_24, t0_6 + _e18, params, padding_mask, attention_bias, _buffer_sizes);
            float _e23 = row_4.reference;
            row_4.reference = metal::max(_e23, metal::max(metal::max(_e20.x, _e20.y), metal::max(_e20.z, _e20.w)) - HEADROOM);
        }
    }
    float _e40 = row_4.reference;
    float _e42 = weight(row_before.reference - _e40);
    row_4.shrink = _e42;
    float _e44 = row_4.sum;
    float _e46 = row_4.shrink;
    row_4.sum = _e44 * _e46;
    LaneKeys _e48 = lane_scores(place_24, row_block_4, scores);
    Row _e49 = row_4;
    LaneKeys _e50 = masked_weights(_e48, _e49, place_24, t0_6, params, padding_mask, attention_bias, _buffer_sizes);
    float _e52 = lane_total(_e50);
    row_4.total = _e52;
    put_lane_weights(_e50, place_24, row_block_4, weights);
    Row _e53 = row_4;
    return _e53;
}

Rows weigh_rows_again(
    Rows rows_4,
    Place place_25,
    uint t0_7,
    constant AttentionParams& params,
    device type_10 const& padding_mask,
    device type_11 const& attention_bias,
    threadgroup type_16& scores,
    threadgroup type_18& weights,
    constant _mslBufferSizes& _buffer_sizes
) {
    Row _e5 = weigh_again(rows_4.r0_, place_25, t0_7, 0u, params, padding_mask, attention_bias, scores, weights, _buffer_sizes);
    return Rows {_e5};
}

bool has_lost(
    Rows rows_5
) {
    float largest = {};
    largest = rows_5.r0_.total;
    float _e4 = largest;
    return _e4 > LARGEST_SUM;
}

Rows with_totals(
    Rows before_2
) {
    Rows rows_6 = {};
    rows_6 = before_2;
    float _e4 = rows_6.r0_.sum;
    float _e7 = rows_6.r0_.total;
    rows_6.r0_.sum = _e4 + _e7;
    Rows _e9 = rows_6;
    return _e9;
}

float row_sum(
    float x_14
) {
    float sum_3 = {};
    uint i_1 = 1u;
    sum_3 = x_14;
    bool loop_init_1 = true;
    while(true) {
        if (!loop_init_1) {
            uint _e12 = i_1;
            i_1 = _e12 * 2u;
        }
        loop_init_1 = false;
        uint _e4 = i_1;
        if (_e4 < LANES_A_ROW) {
        } else {
            break;
        }
        {
            float _e7 = sum_3;
            float _e8 = sum_3;
            uint _e9 = i_1;
            float unnamed = metal::simd_shuffle_xor(_e8, _e9);
            sum_3 = _e7 + unnamed;
        }
    }
    float _e15 = sum_3;
    return _e15;
}

void store_stats(
    Row row_5,
    Place place_26,
    constant AttentionParams& params,
    device type_14& partial_stats,
    constant _mslBufferSizes& _buffer_sizes
) {
    bool local_9 = {};
    bool local_10 = {};
    if (PARTIAL) {
        local_9 = place_26.part == 0u;
    } else {
        local_9 = false;
    }
    bool _e9 = local_9;
    if (_e9) {
        local_10 = row_5.s < place_26.rows_end;
    } else {
        local_10 = false;
    }
    bool _e16 = local_10;
    if (_e16) {
        uint _e22 = partial_index(place_26.split, place_26.b, place_26.n, row_5.s, params);
        partial_stats[_e22] = metal::float2(row_5.reference, row_5.sum);
        return;
    } else {
        return;
    }
}

Rows with_row_sums(
    Rows before_3,
    Place place_27,
    constant AttentionParams& params,
    device type_14& partial_stats,
    constant _mslBufferSizes& _buffer_sizes
) {
    Rows rows_7 = {};
    rows_7 = before_3;
    float _e7 = rows_7.r0_.sum;
    float _e8 = row_sum(_e7);
    rows_7.r0_.sum = _e8;
    Row _e10 = rows_7.r0_;
    store_stats(_e10, place_27, params, partial_stats, _buffer_sizes);
    Rows _e11 = rows_7;
    return _e11;
}

void stage_query(
    Row row_6,
    Place place_28,
    uint row_block_5,
    uint column_block_2,
    constant AttentionParams& params,
    device type_5 const& query,
    device type_5 const& bias,
    threadgroup type_18& weights,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint c = {};
    metal::float4 x_15 = {};
    bool local_11 = {};
    c = place_28.part * 4u;
    bool loop_init_2 = true;
    while(true) {
        if (!loop_init_2) {
            uint _e39 = c;
            c = _e39 + 16u;
        }
        loop_init_2 = false;
        uint _e8 = c;
        if (_e8 < SIDE) {
        } else {
            break;
        }
        {
            uint _e13 = c;
            uint h_5 = (column_block_2 * SIDE) + _e13;
            x_15 = metal::float4 {};
            if (row_6.s < place_28.rows_end) {
                uint _e24 = params.head_size;
                local_11 = h_5 < _e24;
            } else {
                local_11 = false;
            }
            bool _e27 = local_11;
            if (_e27) {
                metal::float4 _e31 = source_query4_(place_28.b, place_28.n, row_6.s, h_5, params, query, bias, _buffer_sizes);
                x_15 = _e31;
            }
            uint _e36 = c;
            metal::float4 _e38 = x_15;
            put_query4_((place_28.row_area + (row_block_5 * KEY_TILE)) + _e36, _e38, weights);
        }
    }
    return;
}

LeftBlocks staged_query(
    Rows rows_8,
    Place place_29,
    uint column_block_3,
    constant AttentionParams& params,
    device type_5 const& query,
    device type_5 const& bias,
    threadgroup type_18& weights,
    constant _mslBufferSizes& _buffer_sizes
) {
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    stage_query(rows_8.r0_, place_29, 0u, column_block_3, params, query, bias, weights, _buffer_sizes);
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    LeftBlocks _e6 = left_blocks(place_29, 0u, weights);
    return _e6;
}

void scale_staged(
    Row row_7,
    Place place_30,
    uint row_block_6,
    threadgroup type_16& scores
) {
    uint c_1 = {};
    c_1 = place_30.part * 4u;
    bool loop_init_3 = true;
    while(true) {
        if (!loop_init_3) {
            uint _e19 = c_1;
            c_1 = _e19 + 16u;
        }
        loop_init_3 = false;
        uint _e7 = c_1;
        if (_e7 < SIDE) {
        } else {
            break;
        }
        {
            uint _e14 = c_1;
            uint at_17 = (place_30.row_area + (row_block_6 * KEY_TILE)) + _e14;
            metal::float4 _e16 = get_scores(at_17, scores);
            put_scores(at_17, _e16 * row_7.shrink, scores);
        }
    }
    return;
}

metal::simdgroup_float8x8 NagaCooperativeLoad(const threadgroup float* ptr, int stride, bool is_row_major) {
    metal::simdgroup_float8x8 m;
    simdgroup_load(m, ptr, stride, 0, is_row_major);
    return m;
}

SumMatrix get_sum(
    Place place_31,
    uint row_block_7,
    threadgroup type_16& scores
) {
    return NagaCooperativeLoad(&scores.inner[naga_div(place_31.area + (row_block_7 * KEY_TILE), UNIT)], 72u, false);
}

SumBlocks scaled_2(
    SumBlocks sums_3,
    Rows rows_9,
    Place place_32,
    threadgroup type_16& scores
) {
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    put_sums(sums_3, place_32, 0u, scores);
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    scale_staged(rows_9.r0_, place_32, 0u, scores);
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    SumMatrix _e7 = get_sum(place_32, 0u, scores);
    return SumBlocks {_e7};
}

void store_row4_(
    Row row_8,
    Place place_33,
    uint h_4,
    metal::float4 x_16,
    constant AttentionParams& params,
    device type_8& output,
    device type_12& partial_values,
    constant _mslBufferSizes& _buffer_sizes
) {
    if (PARTIAL) {
        uint _e9 = partial_index(place_33.split, place_33.b, place_33.n, row_8.s, params);
        store_partial4_(_e9, h_4, x_16, params, partial_values, _buffer_sizes);
        return;
    } else {
        Strides _e12 = params.output;
        uint _e16 = element(_e12, place_33.b, place_33.n, row_8.s);
        uint at_18 = _e16 + h_4;
        uint _e20 = params.v_head_size;
        store_output4_(at_18, _e20 - h_4, x_16 / metal::float4(row_8.sum), output, _buffer_sizes);
        return;
    }
}

void store_staged(
    Row row_9,
    Place place_34,
    uint row_block_8,
    uint column_block_4,
    constant AttentionParams& params,
    device type_8& output,
    device type_12& partial_values,
    threadgroup type_16& scores,
    constant _mslBufferSizes& _buffer_sizes
) {
    uint c_2 = {};
    bool local_12 = {};
    c_2 = place_34.part * 4u;
    bool loop_init_4 = true;
    while(true) {
        if (!loop_init_4) {
            uint _e35 = c_2;
            c_2 = _e35 + 16u;
        }
        loop_init_4 = false;
        uint _e8 = c_2;
        if (_e8 < SIDE) {
        } else {
            break;
        }
        {
            uint _e13 = c_2;
            uint h_6 = (column_block_4 * SIDE) + _e13;
            if (row_9.s < place_34.rows_end) {
                uint _e22 = params.v_head_size;
                local_12 = h_6 < _e22;
            } else {
                local_12 = false;
            }
            bool _e25 = local_12;
            if (_e25) {
                uint _e30 = c_2;
                metal::float4 _e32 = get_scores((place_34.row_area + (row_block_8 * KEY_TILE)) + _e30, scores);
                store_row4_(row_9, place_34, h_6, _e32 * OUTPUT_FACTOR, params, output, partial_values, _buffer_sizes);
            }
        }
    }
    return;
}

void store_block(
    SumBlocks sums_4,
    Rows rows_10,
    Place place_35,
    uint column_block_5,
    constant AttentionParams& params,
    device type_8& output,
    device type_12& partial_values,
    threadgroup type_16& scores,
    constant _mslBufferSizes& _buffer_sizes
) {
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    put_sums(sums_4, place_35, 0u, scores);
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    store_staged(rows_10.r0_, place_35, 0u, column_block_5, params, output, partial_values, scores, _buffer_sizes);
    return;
}

Outputs add_block(
    Outputs before_4,
    LeftBlocks w_3,
    uint key_block_6,
    threadgroup type_17& values_1
) {
    Outputs o_2 = {};
    o_2 = before_4;
    RightMatrix _e6 = value_matrix(key_block_6, 0u, values_1);
    SumBlocks _e8 = o_2.inner[0];
    SumBlocks _e9 = add_weighted(w_3, _e6, _e8);
    o_2.inner[0] = _e9;
    RightMatrix _e12 = value_matrix(key_block_6, 1u, values_1);
    SumBlocks _e14 = o_2.inner[1];
    SumBlocks _e15 = add_weighted(w_3, _e12, _e14);
    o_2.inner[1] = _e15;
    RightMatrix _e18 = value_matrix(key_block_6, 2u, values_1);
    SumBlocks _e20 = o_2.inner[2];
    SumBlocks _e21 = add_weighted(w_3, _e18, _e20);
    o_2.inner[2] = _e21;
    RightMatrix _e24 = value_matrix(key_block_6, 3u, values_1);
    SumBlocks _e26 = o_2.inner[3];
    SumBlocks _e27 = add_weighted(w_3, _e24, _e26);
    o_2.inner[3] = _e27;
    RightMatrix _e30 = value_matrix(key_block_6, 4u, values_1);
    SumBlocks _e32 = o_2.inner[4];
    SumBlocks _e33 = add_weighted(w_3, _e30, _e32);
    o_2.inner[4] = _e33;
    RightMatrix _e36 = value_matrix(key_block_6, 5u, values_1);
    SumBlocks _e38 = o_2.inner[5];
    SumBlocks _e39 = add_weighted(w_3, _e36, _e38);
    o_2.inner[5] = _e39;
    RightMatrix _e42 = value_matrix(key_block_6, 6u, values_1);
    SumBlocks _e44 = o_2.inner[6];
    SumBlocks _e45 = add_weighted(w_3, _e42, _e44);
    o_2.inner[6] = _e45;
    RightMatrix _e48 = value_matrix(key_block_6, 7u, values_1);
    SumBlocks _e50 = o_2.inner[7];
    SumBlocks _e51 = add_weighted(w_3, _e48, _e50);
    o_2.inner[7] = _e51;
    Outputs _e52 = o_2;
    return _e52;
}

void store_outputs(
    Outputs o_3,
    Rows rows_11,
    Place place_36,
    constant AttentionParams& params,
    device type_8& output,
    device type_12& partial_values,
    threadgroup type_16& scores,
    constant _mslBufferSizes& _buffer_sizes
) {
    store_block(o_3.inner[0], rows_11, place_36, 0u, params, output, partial_values, scores, _buffer_sizes);
    store_block(o_3.inner[1], rows_11, place_36, 1u, params, output, partial_values, scores, _buffer_sizes);
    store_block(o_3.inner[2], rows_11, place_36, 2u, params, output, partial_values, scores, _buffer_sizes);
    store_block(o_3.inner[3], rows_11, place_36, 3u, params, output, partial_values, scores, _buffer_sizes);
    store_block(o_3.inner[4], rows_11, place_36, 4u, params, output, partial_values, scores, _buffer_sizes);
    store_block(o_3.inner[5], rows_11, place_36, 5u, params, output, partial_values, scores, _buffer_sizes);
    store_block(o_3.inner[6], rows_11, place_36, 6u, params, output, partial_values, scores, _buffer_sizes);
    store_block(o_3.inner[7], rows_11, place_36, 7u, params, output, partial_values, scores, _buffer_sizes);
    return;
}

Queries load_queries(
    Rows rows_12,
    Place place_37,
    constant AttentionParams& params,
    device type_5 const& query,
    device type_5 const& bias,
    threadgroup type_18& weights,
    constant _mslBufferSizes& _buffer_sizes
) {
    Queries q = {};
    LeftBlocks _e5 = staged_query(rows_12, place_37, 0u, params, query, bias, weights, _buffer_sizes);
    q.inner[0] = _e5;
    LeftBlocks _e8 = staged_query(rows_12, place_37, 1u, params, query, bias, weights, _buffer_sizes);
    q.inner[1] = _e8;
    LeftBlocks _e11 = staged_query(rows_12, place_37, 2u, params, query, bias, weights, _buffer_sizes);
    q.inner[2] = _e11;
    LeftBlocks _e14 = staged_query(rows_12, place_37, 3u, params, query, bias, weights, _buffer_sizes);
    q.inner[3] = _e14;
    LeftBlocks _e17 = staged_query(rows_12, place_37, 4u, params, query, bias, weights, _buffer_sizes);
    q.inner[4] = _e17;
    LeftBlocks _e20 = staged_query(rows_12, place_37, 5u, params, query, bias, weights, _buffer_sizes);
    q.inner[5] = _e20;
    LeftBlocks _e23 = staged_query(rows_12, place_37, 6u, params, query, bias, weights, _buffer_sizes);
    q.inner[6] = _e23;
    LeftBlocks _e26 = staged_query(rows_12, place_37, 7u, params, query, bias, weights, _buffer_sizes);
    q.inner[7] = _e26;
    Queries _e27 = q;
    return _e27;
}

Outputs scale_outputs(
    Outputs before_5,
    Rows rows_13,
    Place place_38,
    threadgroup type_16& scores
) {
    Outputs o_4 = {};
    o_4 = before_5;
    SumBlocks _e6 = o_4.inner[0];
    SumBlocks _e7 = scaled_2(_e6, rows_13, place_38, scores);
    o_4.inner[0] = _e7;
    SumBlocks _e10 = o_4.inner[1];
    SumBlocks _e11 = scaled_2(_e10, rows_13, place_38, scores);
    o_4.inner[1] = _e11;
    SumBlocks _e14 = o_4.inner[2];
    SumBlocks _e15 = scaled_2(_e14, rows_13, place_38, scores);
    o_4.inner[2] = _e15;
    SumBlocks _e18 = o_4.inner[3];
    SumBlocks _e19 = scaled_2(_e18, rows_13, place_38, scores);
    o_4.inner[3] = _e19;
    SumBlocks _e22 = o_4.inner[4];
    SumBlocks _e23 = scaled_2(_e22, rows_13, place_38, scores);
    o_4.inner[4] = _e23;
    SumBlocks _e26 = o_4.inner[5];
    SumBlocks _e27 = scaled_2(_e26, rows_13, place_38, scores);
    o_4.inner[5] = _e27;
    SumBlocks _e30 = o_4.inner[6];
    SumBlocks _e31 = scaled_2(_e30, rows_13, place_38, scores);
    o_4.inner[6] = _e31;
    SumBlocks _e34 = o_4.inner[7];
    SumBlocks _e35 = scaled_2(_e34, rows_13, place_38, scores);
    o_4.inner[7] = _e35;
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    Outputs _e36 = o_4;
    return _e36;
}

SumBlocks block_scores(
    Queries q_1,
    uint key_block_7,
    threadgroup type_17& keys
) {
    SumBlocks s_8 = SumBlocks {};
    RightMatrix _e6 = key_matrix(key_block_7, 0u, keys);
    SumBlocks _e7 = s_8;
    SumBlocks _e8 = multiply(q_1.inner[0], _e6, _e7);
    s_8 = _e8;
    RightMatrix _e11 = key_matrix(key_block_7, 1u, keys);
    SumBlocks _e12 = s_8;
    SumBlocks _e13 = multiply(q_1.inner[1], _e11, _e12);
    s_8 = _e13;
    RightMatrix _e16 = key_matrix(key_block_7, 2u, keys);
    SumBlocks _e17 = s_8;
    SumBlocks _e18 = multiply(q_1.inner[2], _e16, _e17);
    s_8 = _e18;
    RightMatrix _e21 = key_matrix(key_block_7, 3u, keys);
    SumBlocks _e22 = s_8;
    SumBlocks _e23 = multiply(q_1.inner[3], _e21, _e22);
    s_8 = _e23;
    RightMatrix _e26 = key_matrix(key_block_7, 4u, keys);
    SumBlocks _e27 = s_8;
    SumBlocks _e28 = multiply(q_1.inner[4], _e26, _e27);
    s_8 = _e28;
    RightMatrix _e31 = key_matrix(key_block_7, 5u, keys);
    SumBlocks _e32 = s_8;
    SumBlocks _e33 = multiply(q_1.inner[5], _e31, _e32);
    s_8 = _e33;
    RightMatrix _e36 = key_matrix(key_block_7, 6u, keys);
    SumBlocks _e37 = s_8;
    SumBlocks _e38 = multiply(q_1.inner[6], _e36, _e37);
    s_8 = _e38;
    RightMatrix _e41 = key_matrix(key_block_7, 7u, keys);
    SumBlocks _e42 = s_8;
    SumBlocks _e43 = multiply(q_1.inner[7], _e41, _e42);
    s_8 = _e43;
    SumBlocks _e44 = s_8;
    return _e44;
}

TileScores tile_scores(
    Queries q_2,
    threadgroup type_17& keys
) {
    SumBlocks _e2 = block_scores(q_2, 0u, keys);
    SumBlocks _e4 = block_scores(q_2, 1u, keys);
    return TileScores {_e2, _e4};
}

void put_tile_scores(
    TileScores s_9,
    Place place_39,
    threadgroup type_16& scores
) {
    put_sums(s_9.k0_, place_39, 0u, scores);
    put_sums(s_9.k1_, place_39, 1u, scores);
    return;
}

TileWeights load_weights(
    Place place_40,
    threadgroup type_18& weights
) {
    LeftBlocks _e2 = left_blocks(place_40, 0u, weights);
    LeftBlocks _e4 = left_blocks(place_40, 1u, weights);
    return TileWeights {_e2, _e4};
}

Outputs add_values(
    Outputs before_6,
    TileWeights w_4,
    threadgroup type_17& values_1
) {
    Outputs o_5 = {};
    o_5 = before_6;
    Outputs _e3 = o_5;
    Outputs _e6 = add_block(_e3, w_4.k0_, 0u, values_1);
    o_5 = _e6;
    Outputs _e7 = o_5;
    Outputs _e10 = add_block(_e7, w_4.k1_, 1u, values_1);
    o_5 = _e10;
    Outputs _e11 = o_5;
    return _e11;
}

Place place_of_lane(
    metal::uint3 workgroup_2,
    uint local_index_1,
    uint subgroup_1,
    uint lane_1,
    constant AttentionParams& params
) {
    Place place_41 = Place {};
    bool local_13 = {};
    uint _e7 = params.end.z;
    uint _e11 = params.origin.z;
    uint tiles_of_rows = naga_div(((_e7 - _e11) + ROWS) - 1u, ROWS);
    TilePlace _e19 = place_of(workgroup_2, tiles_of_rows, params);
    uint _e23 = params.origin.w;
    uint _e27 = params.keys_per_split;
    uint t_begin_1 = _e23 + (_e19.split * _e27);
    place_41.b = _e19.batch_row;
    place_41.n = _e19.head;
    uint _e40 = params.origin.z;
    place_41.rows_begin = _e40 + (_e19.row_tile * ROWS);
    uint _e47 = place_41.rows_begin;
    uint _e53 = params.end.z;
    place_41.rows_end = metal::min(_e47 + ROWS, _e53);
    place_41.t_begin = t_begin_1;
    uint _e59 = params.keys_per_split;
    uint _e64 = params.end.w;
    place_41.t_end = metal::min(t_begin_1 + _e59, _e64);
    if (CAUSAL_SKIP) {
        uint _e70 = place_41.rows_end;
        uint _e73 = params.q_len;
        local_13 = _e70 < _e73;
    } else {
        local_13 = false;
    }
    bool _e76 = local_13;
    if (_e76) {
        uint _e79 = place_41.t_end;
        uint _e81 = place_41.rows_end;
        uint _e84 = params.past_len;
        place_41.t_end = metal::min(_e79, _e81 + _e84);
    }
    uint _e89 = place_41.t_end;
    place_41.last = metal::max(_e89, t_begin_1 + 1u) - 1u;
    uint _e98 = params.first_split;
    place_41.split = _e98 + _e19.split;
    place_41.piece_row = naga_div(local_index_1, PIECES);
    uint column = naga_mod(local_index_1, PIECES) * PIECE;
    uint _e110 = place_41.piece_row;
    place_41.piece_at = (_e110 * TILE_ROW) + column;
    uint _e117 = params.head_size;
    place_41.key_column = metal::min(column, naga_div(_e117 - 1u, PIECE) * PIECE);
    uint _e128 = params.v_head_size;
    place_41.value_column = metal::min(column, naga_div(_e128 - 1u, PIECE) * PIECE);
    uint _e139 = params.head_size;
    place_41.key_is_inside = column < _e139;
    Strides _e144 = params.key;
    uint _e146 = place_41.b;
    uint _e148 = place_41.n;
    uint _e150 = element(_e144, _e146, _e148, 0u);
    uint _e152 = place_41.key_column;
    place_41.key_at = _e150 + _e152;
    Strides _e157 = params.value;
    uint _e159 = place_41.b;
    uint _e161 = place_41.n;
    uint _e163 = element(_e157, _e159, _e161, 0u);
    uint _e165 = place_41.value_column;
    place_41.value_at = _e163 + _e165;
    place_41.lane = lane_1;
    place_41.part = naga_mod(lane_1, LANES_A_ROW);
    Place _e171 = place_41;
    return _e171;
}

bool is_masked(
    Place place_42,
    uint t0_8,
    constant AttentionParams& params
) {
    bool local_14 = {};
    bool local_15 = {};
    bool local_16 = {};
    if (true) {
        local_14 = false;
    } else {
        local_14 = true;
    }
    bool _e12 = local_14;
    if (!(_e12)) {
        local_15 = (t0_8 + KEY_TILE) > place_42.t_end;
    } else {
        local_15 = true;
    }
    bool _e21 = local_15;
    if (_e21) {
        return true;
    }
    if (CAUSAL) {
        uint _e31 = params.past_len;
        local_16 = (t0_8 + KEY_TILE) > ((place_42.rows_begin + _e31) + 1u);
    } else {
        local_16 = false;
    }
    bool _e37 = local_16;
    return _e37;
}

Turn first_turn(
    Queries q_3,
    Rows rows_14,
    Ahead values,
    Place place_43,
    uint t0_9,
    constant AttentionParams& params,
    device type_10 const& padding_mask,
    device type_11 const& attention_bias,
    threadgroup type_16& scores,
    threadgroup type_17& keys,
    threadgroup type_17& values_1,
    threadgroup type_18& weights,
    threadgroup type_20& flags,
    constant _mslBufferSizes& _buffer_sizes
) {
    Turn turn = {};
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    TileScores _e7 = tile_scores(q_3, keys);
    turn.scores = _e7;
    bool _e8 = is_masked(place_43, t0_9, params);
    if (_e8) {
        Rows _e10 = weigh_masked(rows_14, place_43, t0_9, params, padding_mask, attention_bias, scores, weights, _buffer_sizes);
        turn.rows = _e10;
    } else {
        Rows _e12 = weigh(rows_14, place_43, params, scores, weights);
        turn.rows = _e12;
    }
    Rows _e14 = turn.rows;
    bool _e15 = has_lost(_e14);
    if (_e15) {
        metal::atomic_store_explicit(&flags.inner[0], 1u, metal::memory_order_relaxed);
    }
    store_values(place_43, values, 0u, values_1);
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    uint _e23 = metal::atomic_load_explicit(&flags.inner[0], metal::memory_order_relaxed);
    turn.is_lost = _e23 != 0u;
    TileWeights _e27 = load_weights(place_43, weights);
    turn.weights = _e27;
    Turn _e28 = turn;
    return _e28;
}

struct main_Input {
};
[[max_total_threads_per_threadgroup(128)]] kernel void main_(
  metal::uint3 workgroup [[threadgroup_position_in_grid]]
, uint local_index [[thread_index_in_threadgroup]]
, uint subgroup [[simdgroup_index_in_threadgroup]]
, uint lane [[thread_index_in_simdgroup]]
, constant AttentionParams& params [[user(fake0)]]
, device type_5 const& query [[user(fake0)]]
, device type_5 const& key [[user(fake0)]]
, device type_5 const& value [[user(fake0)]]
, device type_5 const& bias [[user(fake0)]]
, device type_5 const& past_key [[user(fake0)]]
, device type_5 const& past_value [[user(fake0)]]
, device type_8& output [[user(fake0)]]
, device type_10 const& padding_mask [[user(fake0)]]
, device type_11 const& attention_bias [[user(fake0)]]
, device type_12& partial_values [[user(fake0)]]
, device type_14& partial_stats [[user(fake0)]]
, threadgroup type_16& scores
, threadgroup type_17& keys
, threadgroup type_17& values_1
, threadgroup type_18& weights
, threadgroup type_20& flags
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    Place place = {};
    Rows rows = {};
    Ahead first_keys = {};
    Ahead first_values = {};
    Turn next = Turn {};
    Outputs o = Outputs {};
    uint i = 0u;
    uint scaled = {};
    Place _e4 = place_of_lane(workgroup, local_index, subgroup, lane, params);
    place = _e4;
    uint t_begin_2 = place.t_begin;
    place.area = (subgroup * ROW_BLOCKS) * KEY_TILE;
    uint _e15 = place.area;
    place.row_area = _e15 + (naga_div(lane, LANES_A_ROW) * SCORES_ROW);
    uint _e22 = place.t_end;
    uint tiles_1 = naga_div(((metal::max(_e22, t_begin_2) - t_begin_2) + KEY_TILE) - 1u, KEY_TILE);
    if (local_index < 2u) {
        metal::atomic_store_explicit(&flags.inner[local_index], 0u, metal::memory_order_relaxed);
    }
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    uint _e37 = place.rows_begin;
    Rows _e46 = first_rows((_e37 + ((subgroup * ROW_BLOCKS) * SIDE)) + naga_div(lane, LANES_A_ROW));
    rows = _e46;
    Rows _e48 = rows;
    Place _e49 = place;
    Queries _e50 = load_queries(_e48, _e49, params, query, bias, weights, _buffer_sizes);
    Place _e51 = place;
    Place _e52 = place;
    Ahead _e53 = load_keys(_e52, t_begin_2, params, key, past_key, _buffer_sizes);
    store_keys(_e51, _e53, 0u, keys);
    Place _e55 = place;
    Place _e56 = place;
    Ahead _e57 = load_values(_e56, t_begin_2, params, value, past_value, _buffer_sizes);
    store_first_values(_e55, _e57, values_1);
    Place _e58 = place;
    Ahead _e61 = load_keys(_e58, t_begin_2 + KEY_TILE, params, key, past_key, _buffer_sizes);
    first_keys = _e61;
    Place _e63 = place;
    Ahead _e66 = load_values(_e63, t_begin_2 + KEY_TILE, params, value, past_value, _buffer_sizes);
    first_values = _e66;
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    TileScores _e71 = tile_scores(_e50, keys);
    next.scores = _e71;
    Rows _e73 = rows;
    next.rows = _e73;
    TileScores _e75 = next.scores;
    Place _e76 = place;
    put_tile_scores(_e75, _e76, scores);
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    Place _e77 = place;
    Ahead _e78 = first_keys;
    store_keys(_e77, _e78, 0u, keys);
    Place _e80 = place;
    Ahead _e83 = load_keys(_e80, t_begin_2 + 32u, params, key, past_key, _buffer_sizes);
    first_keys = _e83;
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    TileScores _e85 = tile_scores(_e50, keys);
    next.scores = _e85;
    while(true) {
        uint _e90 = i;
        if (_e90 < tiles_1) {
        } else {
            break;
        }
        {
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
            Rows _e94 = next.rows;
            Place _e95 = place;
            uint _e96 = i;
            Rows _e100 = weigh_rows_again(_e94, _e95, t_begin_2 + (_e96 * KEY_TILE), params, padding_mask, attention_bias, scores, weights, _buffer_sizes);
            next.rows = _e100;
            metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
            if (local_index == 0u) {
                metal::atomic_store_explicit(&flags.inner[0], 0u, metal::memory_order_relaxed);
            }
            uint _e106 = i;
            scaled = _e106;
            bool loop_init_5 = true;
            while(true) {
                if (!loop_init_5) {
                    scaled = 0u;
                }
                loop_init_5 = false;
                uint _e108 = scaled;
                if (_e108 != 0u) {
                } else {
                    break;
                }
                {
                    Outputs _e111 = o;
                    Rows _e113 = next.rows;
                    Place _e114 = place;
                    Outputs _e115 = scale_outputs(_e111, _e113, _e114, scores);
                    o = _e115;
                }
            }
            Place _e118 = place;
            TileWeights _e119 = load_weights(_e118, weights);
            next.weights = _e119;
            Outputs _e120 = o;
            TileWeights _e122 = next.weights;
            Place _e123 = place;
            uint _e124 = i;
            Outputs _e127 = add_first_rest(_e120, _e122, _e123, _e124 == 0u);
            o = _e127;
            while(true) {
                Rows _e130 = next.rows;
                Rows _e131 = with_totals(_e130);
                next.rows = _e131;
                Outputs _e132 = o;
                TileWeights _e134 = next.weights;
                Outputs _e135 = add_values(_e132, _e134, values_1);
                o = _e135;
                TileScores _e137 = next.scores;
                Place _e138 = place;
                put_tile_scores(_e137, _e138, scores);
                Place _e139 = place;
                Ahead _e140 = first_keys;
                store_keys(_e139, _e140, 0u, keys);
                Place _e142 = place;
                uint _e143 = i;
                Ahead _e149 = load_keys(_e142, t_begin_2 + ((_e143 + 3u) * KEY_TILE), params, key, past_key, _buffer_sizes);
                first_keys = _e149;
                uint _e151 = i;
                i = _e151 + 1u;
                uint _e153 = i;
                if (_e153 >= tiles_1) {
                    break;
                }
                Rows _e156 = next.rows;
                Ahead _e157 = first_values;
                Place _e158 = place;
                uint _e159 = i;
                Turn _e163 = first_turn(_e50, _e156, _e157, _e158, t_begin_2 + (_e159 * KEY_TILE), params, padding_mask, attention_bias, scores, keys, values_1, weights, flags, _buffer_sizes);
                next = _e163;
                Place _e164 = place;
                uint _e165 = i;
                Ahead _e171 = load_values(_e164, t_begin_2 + ((_e165 + 1u) * KEY_TILE), params, value, past_value, _buffer_sizes);
                first_values = _e171;
                bool _e173 = next.is_lost;
                if (_e173) {
                    break;
                }
            }
        }
    }
    Rows _e175 = next.rows;
    rows = _e175;
    Rows _e176 = rows;
    Place _e177 = place;
    Rows _e178 = with_row_sums(_e176, _e177, params, partial_stats, _buffer_sizes);
    rows = _e178;
    Outputs _e179 = o;
    Rows _e180 = rows;
    Place _e181 = place;
    store_outputs(_e179, _e180, _e181, params, output, partial_values, scores, _buffer_sizes);
    Rows _e182 = rows;
    Place _e183 = place;
    answer_beyond(_e182, _e183, t_begin_2);
    return;
}
