const HEAD_SIZE: u32 = 128u;
