// What a lane weighs of a tile: 16 keys. Named members, as arrays that are indexed may land in memory.
struct LaneWeights {
    x0: vec4<f32>,
    x1: vec4<f32>,
    x2: vec4<f32>,
    x3: vec4<f32>,
}

fn lane_weights(row: Row, place: Place, t0: u32, special: bool, masked: bool) -> LaneWeights {
    let at = row.local * SCORES_ROW + row.part * KEYS_A_LANE;
    let t = t0 + row.part * KEYS_A_LANE;
    return LaneWeights(
        weight4(get_scores(at), row, place, t, special, masked),
        weight4(get_scores(at + 4u), row, place, t + 4u, special, masked),
        weight4(get_scores(at + 8u), row, place, t + 8u, special, masked),
        weight4(get_scores(at + 12u), row, place, t + 12u, special, masked),
    );
}

fn lane_total(w: LaneWeights) -> f32 {
    let x = w.x0 + w.x1 + w.x2 + w.x3;
    return (x.x + x.y) + (x.z + x.w);
}

fn put_lane_weights(w: LaneWeights, at: u32) {
    put_weights(at, vec4<f16>(w.x0));
    put_weights(at + 4u, vec4<f16>(w.x1));
    put_weights(at + 8u, vec4<f16>(w.x2));
    put_weights(at + 12u, vec4<f16>(w.x3));
}
