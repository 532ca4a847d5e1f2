// o plus the values of a turn's blocks at `at` and `at_b`, weighted: of each of M parts of columns, K keys over N rows are summed from
// zero and then added. A sum over thousands of keys is then a chain of one Kth as many additions into O, and its error, which grows
// with about the root of their number, smaller. For L of 0 key by key, of 1 row by row: which of the two a compiler makes more of differs from
// tile to tile. For L of 2 row by row and each part's halves in turn: values and sums then take half the registers, of which tiles of
// wide slices have none to spare.
fn add_turn(o: Outputs, w: RowVectors, w_b: RowVectors, at: vec4<u32>, at_b: vec4<u32>) -> Outputs {
    var x = o;
    //% for first in range(0, 8, K)
    //% for c in range(M)
    //% for half in (["xy", "zw"] if L == 2 else [""])
    {
        //% for key in range(first, first + K)
        let v${key} = tile_value${"_" ~ half if half else ""}(${"at" if key < 4 else "at_b"}.${"xyzw"[key % 4]}${plus(c, "LANES")});
        //% endfor
        //% for i in range(N * K)
        //% set r = i // K if L else i % N
        //% set key = first + (i % K if L else i // N)
        //% if key == first
        var t${r} = ${"w" if key < 4 else "w_b"}.r${r}.${"xyzw"[key % 4]} * v${key};
        //% else
        t${r} = fma(vec${2 if L == 2 else 4}<f32>(${"w" if key < 4 else "w_b"}.r${r}.${"xyzw"[key % 4]}), v${key}, t${r});
        //% endif
        //% endfor
        //% for r in range(N)
        //% if half
        x.r${r}.c${c}.${half[0]} += t${r}.x;
        x.r${r}.c${c}.${half[1]} += t${r}.y;
        //% else
        x.r${r}.c${c} += t${r};
        //% endif
        //% endfor
    }
    //% endfor
    //% endfor
    //% endfor
    return x;
}
