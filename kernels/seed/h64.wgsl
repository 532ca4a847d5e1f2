const HEAD_SIZE: u32 = 64u;
