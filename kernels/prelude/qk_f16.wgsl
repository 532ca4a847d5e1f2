alias QkElem = f16;
