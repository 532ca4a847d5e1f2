const ROWS: u32 = 2u;
const SLICE4: u32 = 8u;
const BLOCKS: u32 = 1u;
