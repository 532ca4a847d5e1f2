// language: metal2.4
#include <metal_stdlib>
#include <simd/simd.h>

using metal::uint;

struct _mslBufferSizes {
    uint size1;
    uint size2;
    uint size3;
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
typedef metal::float4 type_6[1];
typedef metal::float2 type_8[1];
struct type_9 {
    metal::float2 inner[128];
};
struct type_10 {
    metal::float4 inner[128];
};
constant float LOWEST = -340282350000000000000000000000000000000.0;
constant float LOG2_E = 1.442695;
constant uint WORKGROUP_SIZE = 128u;
constant uint PARTS = 4u;
constant bool LOG2_SCORES = false;

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

float weight(
    float difference
) {
    if (LOG2_SCORES) {
        return metal::exp2(difference);
    }
    return metal::exp2(difference * LOG2_E);
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
, device type_4& output [[user(fake0)]]
, device type_6 const& partial_values [[user(fake0)]]
, device type_8 const& partial_stats [[user(fake0)]]
, threadgroup type_9& part_stats
, threadgroup type_10& part_values
, constant _mslBufferSizes& _buffer_sizes [[user(fake0)]]
) {
    float row_max = LOWEST;
    float sum = 0.0;
    metal::float4 o = metal::float4 {};
    uint split = {};
    uint part = 1u;
    uint part_1 = 0u;
    uint _e9 = params.v_head_size;
    uint columns4_ = naga_div(_e9 + 3u, 4u);
    uint item = (workgroup.x * 32u) + naga_mod(lane, 32u);
    uint _e21 = params.origin.z;
    uint s_1 = _e21 + naga_div(item, columns4_);
    uint column = naga_mod(item, columns4_);
    uint _e28 = params.origin.y;
    uint n_2 = _e28 + workgroup.y;
    uint _e34 = params.origin.x;
    uint b_2 = _e34 + workgroup.z;
    uint _e40 = params.end.z;
    bool exists = s_1 < _e40;
    if (exists) {
        uint _e48 = partial_rows(params);
        uint _e49 = partial_row(b_2, n_2, s_1, params);
        split = naga_div(lane, 32u);
        bool loop_init = true;
        while(true) {
            if (!loop_init) {
                uint _e89 = split;
                split = _e89 + PARTS;
            }
            loop_init = false;
            uint _e52 = split;
            uint _e55 = params.splits;
            if (_e52 < _e55) {
            } else {
                break;
            }
            {
                uint _e58 = split;
                metal::float2 stats = partial_stats[(_e58 * _e48) + _e49];
                uint _e64 = split;
                metal::float4 values = partial_values[(((_e64 * _e48) + _e49) * columns4_) + column];
                float _e71 = row_max;
                float after = metal::max(_e71, stats.x);
                float _e74 = row_max;
                float _e76 = weight(_e74 - after);
                float _e79 = weight(stats.x - after);
                float _e80 = sum;
                sum = (_e80 * _e76) + (stats.y * _e79);
                metal::float4 _e85 = o;
                o = (_e85 * _e76) + (values * _e79);
                row_max = after;
            }
        }
    }
    if (true) {
        float _e98 = row_max;
        float _e99 = sum;
        part_stats.inner[lane] = metal::float2(_e98, _e99);
        metal::float4 _e103 = o;
        part_values.inner[lane] = _e103;
        metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
        if (lane >= 32u) {
            return;
        }
        bool loop_init_1 = true;
        while(true) {
            if (!loop_init_1) {
                uint _e120 = part;
                part = _e120 + 1u;
            }
            loop_init_1 = false;
            uint _e107 = part;
            if (_e107 < PARTS) {
            } else {
                break;
            }
            {
                float _e110 = row_max;
                uint _e112 = part;
                float _e117 = part_stats.inner[(_e112 * 32u) + lane].x;
                row_max = metal::max(_e110, _e117);
            }
        }
        sum = 0.0;
        o = metal::float4 {};
        bool loop_init_2 = true;
        while(true) {
            if (!loop_init_2) {
                uint _e153 = part_1;
                part_1 = _e153 + 1u;
            }
            loop_init_2 = false;
            uint _e126 = part_1;
            if (_e126 < PARTS) {
            } else {
                break;
            }
            {
                uint _e130 = part_1;
                metal::float2 stats_1 = part_stats.inner[(_e130 * 32u) + lane];
                float _e136 = row_max;
                float _e138 = weight(stats_1.x - _e136);
                float _e139 = sum;
                sum = _e139 + (stats_1.y * _e138);
                metal::float4 _e143 = o;
                uint _e145 = part_1;
                metal::float4 _e149 = part_values.inner[(_e145 * 32u) + lane];
                o = _e143 + (_e149 * _e138);
            }
        }
    }
    if (!(exists)) {
        return;
    }
    uint h = column * 4u;
    Strides _e160 = params.output;
    uint _e161 = element(_e160, b_2, n_2, s_1);
    uint at = _e161 + h;
    uint _e165 = params.v_head_size;
    uint columns = _e165 - h;
    metal::float4 _e167 = o;
    float _e168 = sum;
    metal::float4 x = _e167 / metal::float4(_e168);
    output[at] = static_cast<half>(x.x);
    if (columns > 1u) {
        output[at + 1u] = static_cast<half>(x.y);
    }
    if (columns > 2u) {
        output[at + 2u] = static_cast<half>(x.z);
    }
    if (columns > 3u) {
        output[at + 3u] = static_cast<half>(x.w);
        return;
    } else {
        return;
    }
}
