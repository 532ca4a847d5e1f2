// Pieces of eight columns where tensors are reached one element at a time; columns past the row's end are 0.
fn query_piece(index: u32, columns: u32) -> Piece {
    var high = vec4<f32>();
    if columns > 4u {
        high = query4(index + 4u, columns - 4u);
    }
    return piece_of(query4(index, columns), high);
}

fn key_piece(index: u32, columns: u32) -> Piece {
    var high = vec4<f32>();
    if columns > 4u {
        high = vec4<f32>(key4(index + 4u, columns - 4u));
    }
    return piece_of(vec4<f32>(key4(index, columns)), high);
}

fn value_piece(index: u32, columns: u32) -> Piece {
    var high = vec4<f32>();
    if columns > 4u {
        high = vec4<f32>(value4(index + 4u, columns - 4u));
    }
    return piece_of(vec4<f32>(value4(index, columns)), high);
}
