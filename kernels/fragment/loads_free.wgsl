// A compiler may move loads before the stores that come first.
fn hold_loads() {
}
