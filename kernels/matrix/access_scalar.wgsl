// Pieces of eight columns where tensors are reached one element at a time; columns past the row's end are 0.
// Packed by way of float32, as WGSL has it: little beside a load for each element.
fn piece_of(low: vec4<f32>, high: vec4<f32>) -> Piece {
    return Piece(pack2x16float(low.xy), pack2x16float(low.zw), pack2x16float(high.xy), pack2x16float(high.zw));
}

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

fn source_key_piece(b: u32, n: u32, t: u32, h: u32) -> Piece {
    var high = vec4<f32>();
    if h + 4u < params.head_size {
        high = source_key4(b, n, t, h + 4u);
    }
    return piece_of(source_key4(b, n, t, h), high);
}

fn source_value_piece(b: u32, n: u32, t: u32, h: u32) -> Piece {
    var high = vec4<f32>();
    if h + 4u < params.v_head_size {
        high = source_value4(b, n, t, h + 4u);
    }
    return piece_of(source_value4(b, n, t, h), high);
}
