// A tile of N blocks of keys for each group of subgroups.
const KEY_BLOCKS: u32 = ${N}u;

struct TileSums {
    //% for k in range(N)
    k${k}: SumBlocks,
    //% endfor
}

struct TileWeights {
    //% for k in range(N)
    k${k}: LeftBlocks,
    //% endfor
}

struct Weighed {
    weights: TileWeights,
    sums: SumBlocks,
}

// Q times the keys of a half.
fn tile_products(q: Queries, place: Place, half: u32) -> TileSums {
    let first = half * KEY_GROUPS * KEY_BLOCKS + place.key_block;
    return TileSums(
        //% for k in range(N)
        block_scores(q, first${plus(k)}),
        //% endfor
    );
}

// O plus weights times the values of a half.
fn add_tile(before: Outputs, weights: TileWeights, place: Place, half: u32) -> Outputs {
    let first = half * KEY_GROUPS * KEY_BLOCKS + place.key_block;
    var o = before;
    //% for k in range(N)
    o = add_block(o, weights.k${k}, first${plus(k)});
    //% endfor
    return o;
}

// The weights of scores as operands, and sums with them.
fn weigh(scores: TileSums, sums: SumBlocks) -> Weighed {
    var weighed: Weighed;
    weighed.sums = sums;
    //% for k in range(N)
    let w${k} = weight_block(scores.k${k});
    weighed.sums = add_blocks(weighed.sums, w${k});
    weighed.weights.k${k} = left_blocks(w${k});
    //% endfor
    return weighed;
}

// Scores of the tile at key t0 relative to references. Where something is masked all subgroups make positions, as a software driver was
// seen to take barriers of a subgroup for those of the workgroup.
fn relative_scores(products: TileSums, references: SumBlocks, place: Place, t0: u32) -> TileSums {
    if t0 >= place.t_end {
        return hidden_scores(products);
    }
    if is_masked(place, t0) {
        let position = positions(place);
        if is_hidden(place, t0) {
            return hidden_scores(products);
        }
        if !is_seen(place, t0) {
            let t = t0 + place.key_block * SIDE;
            return TileSums(
                //% for k in range(N)
                masked_relative_block(products.k${k}, position, references, place, t${plus(k, "SIDE")}),
                //% endfor
            );
        }
    }
    return plain_scores(products, references);
}

fn plain_scores(products: TileSums, references: SumBlocks) -> TileSums {
    return TileSums(
        //% for k in range(N)
        relative_block(products.k${k}, references),
        //% endfor
    );
}

fn hidden_scores(products: TileSums) -> TileSums {
    return TileSums(
        //% for k in range(N)
        hidden_block(products.k${k}),
        //% endfor
    );
}

// Scores of the tile at key t0 as they are.
fn absolute_scores(products: TileSums, place: Place, t0: u32) -> TileSums {
    if is_masked(place, t0) {
        let position = positions(place);
        let t = t0 + place.key_block * SIDE;
        return TileSums(
            //% for k in range(N)
            masked_block(products.k${k}, position, place, t${plus(k, "SIDE")}),
            //% endfor
        );
    }
    return TileSums(
        //% for k in range(N)
        score_block(products.k${k}),
        //% endfor
    );
}

// Whether a score exceeds its reference by more than weights can hold.
fn exceeds(x: TileSums) -> bool {
    let largest = fold_larger(largest_of_blocks(largest_scores(x)), 0.0);
    return largest > select(LARGEST_NATURAL, LARGEST_LOG2, LOG2_SCORES);
}

// Of each place in a block of scores, the largest of all blocks.
fn largest_scores(scores: TileSums) -> SumBlocks {
    var most = scores.k0;
    //% for k in range(1, N)
    most = larger_blocks(most, scores.k${k});
    //% endfor
    return most;
}

// The first references, from the tile at key t0.
fn raise_first(before: State, q: Queries, place: Place, half: u32, t0: u32) -> State {
    let products = tile_products(q, place, half);
    let most = largest_scores(absolute_scores(products, place, t0));
    return raised(before, products, most, place, t0);
}

// Where scores of the tile at key t0 have outgrown references.
fn raise_again(before: State, q: Queries, place: Place, half: u32, t0: u32) -> State {
    let products = tile_products(q, place, half);
    let most = largest_scores(absolute_scores(products, place, t0));
    return raised(before, products, with_next(most, q, place, half, t0), place, t0);
}

// References raised so that none of these scores exceeds its row's by more than HEADROOM, and what is relative to them.
fn raised(before: State, products: TileSums, most: SumBlocks, place: Place, t0: u32) -> State {
    var state = before;
    let references = raised_references(before.references, most, place);
    let shrink = shrink_blocks(before.references, references);
    state.references = references;
    state.scores = relative_scores(products, references, place, t0);
    state.sums = times_blocks(before.sums, shrink);
    state.o = shrunk_outputs(before.o, shrink);
    return state;
}
