// o plus the values of a turn's blocks at `at` and `at_b`, weighted: of each of M parts of columns, all keys over N rows, so that
// fewer columns of values are held at a time.
fn add_turn(o: Outputs, w: RowVectors, w_b: RowVectors, at: vec4<u32>, at_b: vec4<u32>) -> Outputs {
    var x = o;
    //% for c in range(M)
    {
        //% for key in range(8)
        let v${key} = tile_value(${"at" if key < 4 else "at_b"}.${"xyzw"[key % 4]}${plus(c, "LANES")});
        //% endfor
        //% for key in range(8)
        //% for r in range(N)
        x.r${r}.c${c} = fma(vec4<f32>(${"w" if key < 4 else "w_b"}.r${r}.${"xyzw"[key % 4]}), v${key}, x.r${r}.c${c});
        //% endfor
        //% endfor
    }
    //% endfor
    return x;
}
