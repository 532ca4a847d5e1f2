const ROWS: u32 = 2u;
const SLICE4: u32 = 6u;
const BLOCKS: u32 = 4u;
