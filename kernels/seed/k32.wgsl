const STEP: u32 = 32u;
