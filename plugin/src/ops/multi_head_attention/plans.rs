//! [`PlanCache`]: the plans of a node's recent problems.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use mha_plan::{Plan, Refusal};
use mha_spec::AttentionProblem;

/// Plans that a node keeps. A decoder meets a new length at every step, so old plans make room.
const CAPACITY: usize = 16;

/// What planning said of a problem.
pub(super) type Planned = Result<Arc<Plan>, Refusal>;

/// The most recently used plans of a node, latest first.
#[derive(Default)]
pub(super) struct PlanCache {
    recent: Mutex<Recent>,
}

#[derive(Default)]
struct Recent {
    plans: VecDeque<(AttentionProblem, Planned)>,
    /// What planning knew when these were made.
    generation: u64,
}

impl PlanCache {
    /// The plan for `problem`, made by `plan` where it is not at hand. Plans of another `generation` are forgotten.
    pub(super) fn get(
        &self,
        problem: &AttentionProblem,
        generation: u64,
        plan: impl FnOnce(&AttentionProblem) -> Result<Plan, Refusal>,
    ) -> Planned {
        let key = key(problem);
        if let Some(planned) = self.find(&key, generation) {
            return planned;
        }
        // Made outside the lock; two threads that miss at once both plan, to the same end.
        let planned = plan(problem).map(Arc::new);
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        // More may be known by now than when this plan was made.
        if recent.generation == generation {
            recent.plans.truncate(CAPACITY - 1);
            recent.plans.push_front((key, planned.clone()));
        }
        planned
    }

    fn find(&self, key: &AttentionProblem, generation: u64) -> Option<Planned> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.generation != generation {
            *recent = Recent { plans: VecDeque::new(), generation };
        }
        let recent = &mut recent.plans;
        let position = recent.iter().position(|(known, _)| known == key)?;
        let entry = recent.remove(position)?;
        let planned = entry.1.clone();
        recent.push_front(entry);
        Some(planned)
    }
}

/// `problem` without its scalars: they are the node's attributes, the same in every run, and may be NaN, which equals
/// nothing.
fn key(problem: &AttentionProblem) -> AttentionProblem {
    AttentionProblem { scale: 0.0, mask_filter_value: 0.0, ..problem.clone() }
}

#[cfg(test)]
mod tests {
    use mha_plan::{PlanOptions, devices};
    use mha_spec::{Attributes, DType, InputShapes, RawAttributes, RequestedOutputs};

    use super::*;

    fn problem(q_len: i64, scale: f32) -> AttentionProblem {
        let raw = RawAttributes { num_heads: Some(2), scale: Some(scale), ..RawAttributes::default() };
        let attributes = Attributes::new(raw).unwrap();
        let (query, key) = ([1, q_len, 16], [1, 5, 16]);
        let shapes = InputShapes { query: &query, key: Some(&key), value: Some(&key), ..InputShapes::default() };
        mha_spec::problem(&attributes, DType::F32, &shapes, None, RequestedOutputs::default()).unwrap()
    }

    /// How often `cache` plans when it is asked for `problem`.
    fn misses(cache: &PlanCache, problem: &AttentionProblem) -> usize {
        misses_at(cache, problem, 0)
    }

    fn misses_at(cache: &PlanCache, problem: &AttentionProblem, generation: u64) -> usize {
        let mut count = 0;
        let planned = cache.get(problem, generation, |problem| {
            count += 1;
            mha_plan::plan(problem, &devices::lavapipe(), &PlanOptions::default())
        });
        assert!(planned.is_ok());
        count
    }

    #[test]
    fn a_problem_is_planned_once() {
        let cache = PlanCache::default();
        assert_eq!(misses(&cache, &problem(3, 1.0)), 1);
        assert_eq!(misses(&cache, &problem(3, 1.0)), 0);
        assert_eq!(misses(&cache, &problem(4, 1.0)), 1);
    }

    #[test]
    fn a_nan_scale_is_still_found() {
        let cache = PlanCache::default();
        assert_eq!(misses(&cache, &problem(3, f32::NAN)), 1);
        assert_eq!(misses(&cache, &problem(3, f32::NAN)), 0);
    }

    #[test]
    fn the_least_recently_used_plan_makes_room() {
        let cache = PlanCache::default();
        for q_len in 1..=CAPACITY as i64 {
            misses(&cache, &problem(q_len, 1.0));
        }
        assert_eq!(misses(&cache, &problem(1, 1.0)), 0);
        assert_eq!(misses(&cache, &problem(99, 1.0)), 1);
        assert_eq!(misses(&cache, &problem(1, 1.0)), 0, "used last before 99");
        assert_eq!(misses(&cache, &problem(2, 1.0)), 1, "the oldest");
        assert_eq!(cache.recent.lock().unwrap().plans.len(), CAPACITY);
    }

    #[test]
    fn plans_made_with_less_knowledge_are_made_again() {
        let cache = PlanCache::default();
        assert_eq!(misses_at(&cache, &problem(3, 1.0), 0), 1);
        assert_eq!(misses_at(&cache, &problem(3, 1.0), 1), 1);
        assert_eq!(misses_at(&cache, &problem(3, 1.0), 1), 0);
    }
}
