// As turn_fresh_rows, but of each part of columns one half after the other: the values of K keys and the sums of N rows then take half the
// registers, of which tiles of wide slices have none to spare.
fn add_turn(o: Outputs, w: RowVectors, w_b: RowVectors, at: vec4<u32>, at_b: vec4<u32>) -> Outputs {
    var x = o;
    //% for first in range(0, 8, K)
    //% for c in range(M)
    //% for half in ["xy", "zw"]
    {
        //% for key in range(first, first + K)
        let v${key} = tile_value_${half}(${"at" if key < 4 else "at_b"}.${"xyzw"[key % 4]}${plus(c, "LANES")});
        //% endfor
        //% for r in range(N)
        //% for key in range(first, first + K)
        //% if key == first
        var t${r} = ${"w" if key < 4 else "w_b"}.r${r}.${"xyzw"[key % 4]} * v${key};
        //% else
        t${r} = fma(vec2<f32>(${"w" if key < 4 else "w_b"}.r${r}.${"xyzw"[key % 4]}), v${key}, t${r});
        //% endif
        //% endfor
        //% endfor
        //% for r in range(N)
        x.r${r}.c${c}.${half[0]} += t${r}.x;
        x.r${r}.c${c}.${half[1]} += t${r}.y;
        //% endfor
    }
    //% endfor
    //% endfor
    //% endfor
    return x;
}
