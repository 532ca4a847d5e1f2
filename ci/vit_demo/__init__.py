"""The demo behind `ci/demo`: a real vision transformer, its attention run by ORT's own kernel and by this library."""
