//! Kernels on cooperative matrices without the matrices, for a compiler that has none: each matrix is what one lane of 32
//! holds of it (`stand_in.wgsl`). From them it is to be learned what holding it all takes, and nothing of how matrix
//! instructions are scheduled or how long they take.

use mha_kernels::KernelInfo;
use mha_testkit::with_stand_ins;

/// Before the name of the kernel that one stands in for.
pub const PREFIX: &str = "stand-in:";

/// Elements are of the lane and, as far as a compiler knows, of the tile: `stand_in.wgsl` has why.
const MOVED: [(&str, &str); 3] = [
    ("    var place = place_of_lane(", "    take_place(lane);\n    var place = place_of_lane("),
    ("next.rows = with_totals(", "place = moved(place, t_begin + i * KEY_TILE);\n            next.rows = with_totals("),
    (
        "    var turn: Turn;\n    workgroupBarrier();\n",
        "    var turn: Turn;\n    workgroupBarrier();\n    move_matrices(t0);\n",
    ),
];

/// The WGSL that stands in for a kernel of lane matrix.
pub fn source(kernel: &KernelInfo) -> Result<String, String> {
    with_stand_ins(kernel.source, &MOVED, include_str!("stand_in.wgsl"))
        .map_err(|error| format!("{}: {error}", kernel.name))
}
