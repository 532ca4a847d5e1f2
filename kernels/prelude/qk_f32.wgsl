alias QkElem = f32;
