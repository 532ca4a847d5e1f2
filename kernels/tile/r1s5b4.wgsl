const ROWS: u32 = 1u;
const SLICE4: u32 = 5u;
const BLOCKS: u32 = 4u;
