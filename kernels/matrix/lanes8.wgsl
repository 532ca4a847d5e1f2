// Lanes of a subgroup.
const LANES: u32 = 8u;
