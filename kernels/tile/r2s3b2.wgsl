const ROWS: u32 = 2u;
const SLICE4: u32 = 3u;
const BLOCKS: u32 = 2u;
