// Exchange of scores in a group of lanes. Of each block of four keys, lane i of every quad owns the score of key i.

// Sums the lanes' shares of four scores; each lane gets the one it owns. Three shuffled values in place of the eight that
// four full sums over a quad take.
fn own_score(s: vec4<f32>, lane: u32) -> f32 {
    let upper = (lane & 2u) != 0u;
    let pair = select(s.xy, s.zw, upper) + subgroupShuffleXor(select(s.zw, s.xy, upper), 2u);
    let odd = (lane & 1u) != 0u;
    return sum_over_quads(select(pair.x, pair.y, odd) + subgroupShuffleXor(select(pair.y, pair.x, odd), 1u));
}

// What the four lanes of this quad own.
fn all_four(p: f32) -> vec4<f32> {
    return vec4<f32>(quadBroadcast(p, 0u), quadBroadcast(p, 1u), quadBroadcast(p, 2u), quadBroadcast(p, 3u));
}

// Every quad holds the same scores, so one quad's maximum and sum are the group's.
fn quad_max(x: f32) -> f32 {
    let y = max(x, quadSwapX(x));
    return max(y, quadSwapY(y));
}

fn quad_sum(x: f32) -> f32 {
    let y = x + quadSwapX(x);
    return y + quadSwapY(y);
}
