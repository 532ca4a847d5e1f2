// A tile of N blocks of keys.
struct TileScores {
    //% for k in range(N)
    k${k}: SumBlocks,
    //% endfor
}

fn tile_scores(q: Queries) -> TileScores {
    return TileScores(
        //% for k in range(N)
        block_scores(q, ${k}u),
        //% endfor
    );
}

fn put_tile_scores(s: TileScores, place: Place) {
    //% for k in range(N)
    put_sums(s.k${k}, place, ${k}u);
    //% endfor
}

struct TileWeights {
    //% for k in range(N)
    k${k}: LeftBlocks,
    //% endfor
}

fn load_weights(place: Place) -> TileWeights {
    return TileWeights(
        //% for k in range(N)
        left_blocks(place, ${k}u),
        //% endfor
    );
}

fn add_values(before: Outputs, w: TileWeights) -> Outputs {
    var o = before;
    //% for k in range(N)
    o = add_block(o, w.k${k}, ${k}u);
    //% endfor
    return o;
}
