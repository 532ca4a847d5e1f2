const ROWS: u32 = 2u;
const SLICE4: u32 = 5u;
const BLOCKS: u32 = 1u;
