// High parts of N pieces that were loaded, and what is left of them, which two parts hold whole: high_part leaves 12 bits of 24.
fn high_pieces(x: Ahead) -> Ahead {
    return Ahead(
        //% for i in range(N)
        high_part(x.x${i}),
        //% endfor
    );
}

fn rest_pieces(x: Ahead) -> Ahead {
    return Ahead(
        //% for i in range(N)
        x.x${i} - high_part(x.x${i}),
        //% endfor
    );
}
