// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size1;
    uint size2;
    uint size3;
    uint size4;
};

typedef half Elem;
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
typedef Elem type_4[1];
constant float LOWEST = -340282350000000000000000000000000000000.0;
constant float LOG2_E = 1.442695;
constant uint WORKGROUP_SIZE = 128u;
constant bool PAST = false;
constant bool KV_BIAS = false;

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

uint naga_mod(uint lhs, uint rhs) {
    return lhs % metal::select(rhs, 1u, rhs == 0u);
}


struct main_Input {
};
[[max_total_threads_per_threadgroup(128)]] kernel void main_(
  metal::uint3 workgroup [[threadgroup_position_in_grid]]
, uint lane [[thread_index_in_threadgroup]]
, constant AttentionParams& params [[user(fake0)]]
, device type_4 const& key [[user(fake0)]]
, device type_4 const& bias [[user(fake0)]]
, device type_4 const& past_key [[user(fake0)]]
, device type_4& output [[user(fake0)]]
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    bool local = {};
    Elem x = {};
    bool local_1 = {};
    uint item = (workgroup.x * WORKGROUP_SIZE) + lane;
    uint _e9 = params.origin.w;
    uint _e12 = params.head_size;
    uint t = _e9 + naga_div(item, _e12);
    uint _e17 = params.head_size;
    uint h = naga_mod(item, _e17);
    uint _e22 = params.origin.y;
    uint n_1 = _e22 + workgroup.y;
    uint _e28 = params.origin.x;
    uint b_1 = _e28 + workgroup.z;
    uint _e34 = params.end.w;
    if (t >= _e34) {
        return;
    }
    uint _e39 = params.origin.z;
    if (t >= _e39) {
        uint _e46 = params.end.z;
        local = t < _e46;
    } else {
        local = false;
    }
    bool is_new = local;
    if (PAST) {
        local_1 = !(is_new);
    } else {
        local_1 = false;
    }
    bool _e56 = local_1;
    if (_e56) {
        Strides _e60 = params.past_key;
        uint _e61 = element(_e60, b_1, n_1, t);
        Elem _e64 = past_key[_e61 + h];
        x = _e64;
    } else {
        Strides _e68 = params.key;
        uint _e71 = params.past_len;
        uint _e73 = element(_e68, b_1, n_1, t - _e71);
        Elem entry = key[_e73 + h];
        x = entry;
        if (KV_BIAS) {
            uint _e82 = params.key_bias_offset;
            uint _e85 = params.head_size;
            Elem _e90 = bias[(_e82 + (n_1 * _e85)) + h];
            x = static_cast<half>(static_cast<float>(entry) + static_cast<float>(_e90));
        }
    }
    Strides _e97 = params.output;
    uint _e98 = element(_e97, b_1, n_1, t);
    Elem _e101 = x;
    output[_e98 + h] = _e101;
    return;
}
