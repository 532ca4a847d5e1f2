// As turn_fresh, for lane apple: each value is loaded where it is used, so that few are held at a time, and sums begin with a zero that
// compilers cannot know. What begins with a product they may add to O first where their rules allow it, as Metal's do unless told
// otherwise, and so undo the fresh sum.
fn add_turn(o: Outputs, w: RowVectors, w_b: RowVectors, at: vec4<u32>, at_b: vec4<u32>) -> Outputs {
    // Lengths below 2^31 give 0, longer ones the smallest number there is.
    let zero = vec4<f32>(bitcast<f32>(params.end.z >> 31u));
    var x = o;
    //% for first in range(0, 8, K)
    //% for c in range(M)
    {
        //% for r in range(N)
        var t${r} = zero;
        //% endfor
        //% for key in range(first, first + K)
        let v${key} = tile_value(${"at" if key < 4 else "at_b"}.${"xyzw"[key % 4]}${plus(c, "LANES")});
        //% for r in range(N)
        t${r} = fma(vec4<f32>(${"w" if key < 4 else "w_b"}.r${r}.${"xyzw"[key % 4]}), v${key}, t${r});
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
