// The end of the keys that causality shows to row s, of which the last is unrestricted.
fn seen_end(s: u32) -> u32 {
    return select(~0u, s + params.past_len + 1u, s + 1u < params.q_len);
}

// p for the keys of the block at t that causality shows to the row, else LOWEST. Rows from `end` on see what the last does.
fn seen_rows(p: OwnedRows, first: u32, end: u32, t: u32, lane: u32) -> OwnedRows {
    return OwnedRows(
        //% for r in range(N)
        owned_below(seen_end(min(first${plus(r)}, end - 1u)), t, lane, p.r${r}, LOWEST),
        //% endfor
    );
}
