const STEP: u32 = 16u;
