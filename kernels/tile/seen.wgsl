// The end of the keys that row s may see, which only causality ends, and not for the last row.
fn seen_end(s: u32) -> u32 {
    return select(~0u, s + params.past_len + 1u, CAUSAL && s + 1u < params.q_len);
}

// p for the keys of the block at t that the row may see and that are below `key_end`, else LOWEST. Rows from `end` on see what the last
// does.
fn seen_rows(p: OwnedRows, first: u32, end: u32, t: u32, key_end: u32, lane: u32) -> OwnedRows {
    return OwnedRows(
        //% for r in range(N)
        owned_below(min(seen_end(min(first${plus(r)}, end - 1u)), key_end), t, lane, p.r${r}, LOWEST),
        //% endfor
    );
}
