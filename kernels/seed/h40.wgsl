const HEAD_SIZE: u32 = 40u;
