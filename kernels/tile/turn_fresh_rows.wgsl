// As turn_fresh, but row by row instead of key by key: which of the two a compiler makes more of differs from tile to tile.
fn add_turn(o: Outputs, w: RowVectors, w_b: RowVectors, at: vec4<u32>, at_b: vec4<u32>) -> Outputs {
    var x = o;
    //% for first in range(0, 8, K)
    //% for c in range(M)
    {
        //% for key in range(first, first + K)
        let v${key} = tile_value(${"at" if key < 4 else "at_b"}.${"xyzw"[key % 4]}${plus(c, "LANES")});
        //% endfor
        //% for r in range(N)
        //% for key in range(first, first + K)
        //% if key == first
        var t${r} = ${"w" if key < 4 else "w_b"}.r${r}.${"xyzw"[key % 4]} * v${key};
        //% else
        t${r} = fma(vec4<f32>(${"w" if key < 4 else "w_b"}.r${r}.${"xyzw"[key % 4]}), v${key}, t${r});
        //% endif
        //% endfor
        //% endfor
        //% for r in range(N)
        x.r${r}.c${c} += t${r};
        //% endfor
    }
    //% endfor
    //% endfor
    return x;
}
