// Where the splits of a block of rows exchange results: a counter, then maximum and sum of each split and row, then columns, of which
// those of one number modulo 4 lie next to each other, as neighbouring lanes have neighbouring vec4.
struct ExchangePlace {
    counter: u32,
    stats: u32,
    columns: u32,
    columns4: u32,
}

// The host begins parts of a place at multiples of so many words, the 128 bytes of a cache line.
const EXCHANGE_LINE: u32 = 32u;

fn whole_lines(words: u32) -> u32 {
    return (words + EXCHANGE_LINE - 1u) / EXCHANGE_LINE * EXCHANGE_LINE;
}

fn exchange_place(b: u32, n: u32, block: u32) -> ExchangePlace {
    let heads = params.end.y - params.origin.y;
    let blocks = (params.end.z - params.origin.z + ROWS - 1u) / ROWS;
    let columns4 = (params.v_head_size + 3u) / 4u;
    let head = whole_lines(1u + 2u * params.splits * ROWS);
    let words = head + whole_lines(params.splits * ROWS * columns4 * 4u);
    let at = (((b - params.origin.x) * heads + (n - params.origin.y)) * blocks + block) * words;
    return ExchangePlace(at, at + 1u, at + head, columns4);
}

fn stats_at(place: ExchangePlace, split: u32, row: u32) -> u32 {
    return place.stats + 2u * (split * ROWS + row);
}

// The first word of a vec4, whose others follow by steps of `columns4`.
fn column_at(place: ExchangePlace, split: u32, row: u32, column: u32) -> u32 {
    return place.columns + (split * ROWS + row) * place.columns4 * 4u + column;
}

fn give_merged(place: ExchangePlace, split: u32, row: u32, column: u32, x: Merged) {
    if column == 0u {
        let at = stats_at(place, split, row);
        give(at, x.stats.x);
        give(at + 1u, x.stats.y);
    }
    give4(column_at(place, split, row, column), place.columns4, x.values);
}

const_assert ROWS <= LANES;

// Puts what all splits gave of `rows` rows where groups had theirs. There are no more of a row's splits than of its groups, nor of a
// group's rows than of its lanes, so that each lane takes maximum and sum of one row of a split at the most.
fn take_splits(place: ExchangePlace, rows: u32, local_index: u32) {
    let has_stats = local_index / ROWS < params.splits && local_index % ROWS < rows;
    let stats = stats_at(place, local_index / ROWS, local_index % ROWS);
    var seen = vec2<u32>();
    if has_stats {
        seen = vec2<u32>(look(stats), look(stats + 1u));
    }
    for (var i = local_index; i < params.splits * ROWS * COLUMNS4; i += WORKGROUP_SIZE) {
        let column = i % COLUMNS4;
        let row = i / COLUMNS4 % ROWS;
        let split = i / COLUMNS4 / ROWS;
        if row < rows && column < place.columns4 {
            let at = column_at(place, split, row, column);
            group_values[group_row(row, split) * COLUMNS4 + column] = take4(at, place.columns4, look4(at, place.columns4));
        }
    }
    if has_stats {
        let x = vec2<f32>(take(stats, seen.x), take(stats + 1u, seen.y));
        group_stats[group_row(local_index % ROWS, local_index / ROWS)] = x;
    }
}
