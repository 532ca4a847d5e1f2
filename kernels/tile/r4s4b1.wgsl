const ROWS: u32 = 4u;
const SLICE4: u32 = 4u;
const BLOCKS: u32 = 1u;
