const ROWS: u32 = 3u;
const SLICE4: u32 = 5u;
const BLOCKS: u32 = 4u;
