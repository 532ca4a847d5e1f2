// Q and O in float16 by way of where keys are, two blocks of columns at once: neighbouring lanes then load pieces that are beside each
// other in storage, each of them once, and store whole rows of PAIR columns.
const PAIR: u32 = 2u * SIDE;
// Neighbouring rows are on different banks.
const STAGED_ROW: u32 = PAIR + 8u;
const ROW_PIECES: u32 = PAIR / PIECE;
const ROW_QUADS: u32 = PAIR / 4u;

// What a lane loads of a pair: two pieces, LANES apart.
struct PairPieces {
    near: Piece,
    far: Piece,
}
const_assert SIDE * ROW_PIECES == 2u * LANES;

struct PairLeft {
    first: Left,
    second: Left,
}

fn pair_area(place: Place) -> u32 {
    return place.area / SIDE * STAGED_ROW;
}

// Loaded on every path, so that no load waits for a branch. As it is: no float16 problem with a bias on queries comes here.
fn query_piece_or_zero(place: Place, s0: u32, h0: u32, i: u32) -> Piece {
    let s = s0 + i / ROW_PIECES;
    let h = h0 + i % ROW_PIECES * PIECE;
    let column = min(h, (params.head_size - 1u) / PIECE * PIECE);
    let row = element(params.query, place.b, place.n, min(s, place.rows_end - 1u));
    let x = query_piece(row + column, params.head_size - column);
    return select(Piece(), x, s < place.rows_end && h < params.head_size);
}

// Of rows from s0 on, columns from h0 on.
fn load_pair(place: Place, s0: u32, h0: u32) -> PairPieces {
    return PairPieces(
        query_piece_or_zero(place, s0, h0, place.lane),
        query_piece_or_zero(place, s0, h0, place.lane + LANES),
    );
}

fn put_piece(place: Place, i: u32, piece: Piece) {
    let at = pair_area(place) + i / ROW_PIECES * STAGED_ROW + i % ROW_PIECES * PIECE;
    put_keys(at, halves(piece.xy));
    put_keys(at + 4u, halves(piece.zw));
}

fn staged_pair(pieces: PairPieces, place: Place) -> PairLeft {
    order_lanes();
    put_piece(place, place.lane, pieces.near);
    put_piece(place, place.lane + LANES, pieces.far);
    order_lanes();
    let at = pair_area(place);
    return PairLeft(
        coopLoadT<LeftMatrix>(&keys[at / UNIT], STAGED_ROW / UNIT),
        coopLoadT<LeftMatrix>(&keys[(at + SIDE) / UNIT], STAGED_ROW / UNIT),
    );
}

fn store_quad(place: Place, s0: u32, h0: u32, i: u32) {
    let s = s0 + i / ROW_QUADS;
    let column = i % ROW_QUADS * 4u;
    let x = get_keys(pair_area(place) + i / ROW_QUADS * STAGED_ROW + column);
    if s < place.rows_end && h0 + column < params.v_head_size {
        let at = element(params.output, place.b, place.n, s) + h0 + column;
        store_output4(at, params.v_head_size - h0 - column, vec4<f32>(x));
    }
}

// Stores columns of O, of rows from s0 on, columns from h0 on.
fn store_pair(first: SumMatrix, second: SumMatrix, place: Place, s0: u32, h0: u32) {
    let near = left_of(first);
    let far = left_of(second);
    let at = pair_area(place);
    order_lanes();
    coopStoreT(near, &keys[at / UNIT], STAGED_ROW / UNIT);
    coopStoreT(far, &keys[(at + SIDE) / UNIT], STAGED_ROW / UNIT);
    order_lanes();
    store_quad(place, s0, h0, place.lane);
    store_quad(place, s0, h0, place.lane + LANES);
    store_quad(place, s0, h0, place.lane + 2u * LANES);
    store_quad(place, s0, h0, place.lane + 3u * LANES);
}
