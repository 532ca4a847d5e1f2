//! [`Posed`]: what a call asks for, and [`LastPosed`]: what the call before asked for, as the next one mostly asks for the same.

use std::sync::{Arc, Mutex, PoisonError};

use arrayvec::ArrayVec;
use mha_spec::{AttentionProblem, OutputShapes, output_shapes};

use super::input;
use super::route::ClassRoute;

/// What a call asks for.
pub(super) struct Posed {
    pub(super) problem: AttentionProblem,
    /// Shapes of its outputs.
    pub(super) shapes: OutputShapes,
    /// Who answers it, where `route=auto` chooses.
    pub(super) route: Option<Arc<ClassRoute>>,
}

impl Posed {
    pub(super) fn new(problem: AttentionProblem, route: Option<Arc<ClassRoute>>) -> Posed {
        Posed { shapes: output_shapes(&problem), problem, route }
    }
}

/// Dimensions at the most of inputs that are told apart: more than those of any call that is valid.
const MOST_DIMS: usize = 6;

/// The shapes of all inputs, one after the other: rank, then dimensions; -1 for an input that is absent.
struct ShapeKey(ArrayVec<i64, { input::COUNT * (1 + MOST_DIMS) }>);

impl ShapeKey {
    /// None where an input has too many dimensions.
    fn of<'a>(shapes: impl Iterator<Item = Option<&'a [i64]>>) -> Option<ShapeKey> {
        let mut key = ArrayVec::new();
        for shape in shapes {
            key.try_push(rank(shape)).ok()?;
            key.try_extend_from_slice(shape.unwrap_or_default()).ok()?;
        }
        Some(ShapeKey(key))
    }

    /// Whether it is the key of these.
    fn matches<'a>(&self, shapes: impl Iterator<Item = Option<&'a [i64]>>) -> bool {
        let mut rest = self.0.as_slice();
        for shape in shapes {
            let dims = shape.unwrap_or_default();
            let Some((&known_rank, after)) = rest.split_first() else { return false };
            if known_rank != rank(shape) || after.len() < dims.len() {
                return false;
            }
            let (known, after) = after.split_at(dims.len());
            // Number by number: comparing slices calls a function, which takes longer than two to four dimensions do.
            if known.iter().zip(dims).any(|(a, b)| a != b) {
                return false;
            }
            rest = after;
        }
        rest.is_empty()
    }
}

fn rank(shape: Option<&[i64]>) -> i64 {
    shape.map_or(-1, |shape| shape.len() as i64)
}

/// What the latest call of a node asked for whose shapes say it all.
#[derive(Default)]
pub(super) struct LastPosed {
    last: Mutex<Option<(ShapeKey, Arc<Posed>)>>,
}

impl LastPosed {
    /// What a call with these input shapes asks for, where the latest had the same.
    pub(super) fn get<'a>(&self, shapes: impl Iterator<Item = Option<&'a [i64]>>) -> Option<Arc<Posed>> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().filter(|(key, _)| key.matches(shapes)).map(|(_, posed)| Arc::clone(posed))
    }

    pub(super) fn set<'a>(&self, shapes: impl Iterator<Item = Option<&'a [i64]>>, posed: &Arc<Posed>) {
        let Some(key) = ShapeKey::of(shapes) else { return };
        let before = self.last.lock().unwrap_or_else(PoisonError::into_inner).replace((key, Arc::clone(posed)));
        drop(before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_tell_shapes_apart() {
        let shapes: [&[Option<&[i64]>]; 7] = [
            &[],
            &[None],
            &[Some(&[])],
            &[Some(&[2, 3]), None],
            &[None, Some(&[2, 3])],
            &[Some(&[2]), Some(&[3])],
            &[Some(&[2, 3, 1]), Some(&[])],
        ];
        let same = |a: &[Option<&[i64]>], b: &[Option<&[i64]>]| {
            ShapeKey::of(a.iter().copied()).unwrap().matches(b.iter().copied())
        };
        for (i, a) in shapes.iter().enumerate() {
            for (j, b) in shapes.iter().enumerate() {
                assert_eq!(same(a, b), i == j, "{a:?} {b:?}");
            }
        }
        assert!(ShapeKey::of([Some(&[1; 500][..])].into_iter()).is_none());
    }
}
