const ROWS: u32 = 1u;
const SLICE4: u32 = 8u;
const BLOCKS: u32 = 2u;
