// o plus the values of a turn's blocks at `at` and `at_b`, weighted: of each of M parts of columns, K keys over N rows are summed from
// zero and then added. A sum over thousands of keys is then a chain of one Kth as many additions into O, and its error, which grows
// with about the root of their number, smaller.
fn add_turn(o: Outputs, w: RowVectors, w_b: RowVectors, at: vec4<u32>, at_b: vec4<u32>) -> Outputs {
    var x = o;
    //% for first in range(0, 8, K)
    //% for c in range(M)
    {
        //% for key in range(first, first + K)
        let v${key} = tile_value(${"at" if key < 4 else "at_b"}.${"xyzw"[key % 4]}${plus(c, "LANES")});
        //% endfor
        //% for key in range(first, first + K)
        //% for r in range(N)
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
