//! What a plan promises where the host writes presents: their every byte comes from an input, inside it, or the device writes them;
//! the answer is planned as ever. Which bytes, the GPU tests compare.

use mha_plan::{Copied, PlanOptions, Presents, Tensor, devices, plan};
use mha_spec::{AttentionProblem, DType, Layout, Past, PresentOutputs, ProjectionBias};

mod problems;
use problems::{Shape, problem};

const WRITERS: [Presents; 2] = [Presents::Device, Presents::Host];

fn base() -> AttentionProblem {
    let present = PresentOutputs { key: true, value: true };
    let shape = Shape { batch: 2, num_heads: 3, q_len: 20, kv_len: 20, head_size: 16, v_head_size: 24 };
    AttentionProblem { present, ..problem(shape) }
}

/// Its parts are all of its rows, and end inside their inputs.
fn check(copied: &Copied) {
    let rows: u64 = copied.parts.iter().map(|part| u64::from(part.count)).sum();
    assert_eq!(u64::from(copied.batch) * u64::from(copied.heads) * rows * copied.row_bytes, copied.bytes);
    for part in &copied.parts {
        let last = [(copied.batch, part.batch), (copied.heads, part.head), (part.count, part.row)];
        let begin: u64 = part.first + last.iter().map(|&(count, stride)| u64::from(count - 1) * stride).sum::<u64>();
        assert!(part.count > 0 && begin + copied.row_bytes <= part.tensor_bytes, "{part:?}");
    }
}

#[test]
fn the_host_copies_what_is_as_it_was() {
    let pasts = [
        (Past::None, vec![Tensor::Key]),
        (Past::Growing { len: 0 }, vec![Tensor::Key]),
        (Past::Growing { len: 7 }, vec![Tensor::PastKey, Tensor::Key]),
        (Past::Shared { len: 3, capacity: 30 }, vec![Tensor::PastKey, Tensor::Key, Tensor::PastKey]),
        (Past::Shared { len: 0, capacity: 20 }, vec![Tensor::Key]),
    ];
    for dtype in [DType::F32, DType::F16] {
        for (past, from) in &pasts {
            let problem = AttentionProblem { dtype, past: *past, ..base() };
            let [device, host] = WRITERS.map(|presents| {
                plan(&problem, &devices::h100(), &PlanOptions { presents, ..PlanOptions::default() }).unwrap()
            });
            assert!(device.copied.is_empty());
            let outputs: Vec<_> = host.copied.iter().map(|copied| copied.tensor).collect();
            assert_eq!(outputs, [Tensor::PresentKey, Tensor::PresentValue]);
            host.copied.iter().for_each(check);
            assert_eq!(host.copied[0].parts.iter().map(|part| part.tensor).collect::<Vec<_>>(), *from);
            // What is left is the answer, by the same steps.
            assert!(device.steps.ends_with(&host.steps) && device.steps.len() > host.steps.len());
            assert!(host.tensors.iter().all(|(tensor, _)| !outputs.contains(tensor)));
            assert!(host.decision.ends_with("; the host copies presents"), "{}", host.decision);
        }
    }
}

#[test]
fn runs_follow_each_other_in_the_output() {
    let past = Past::Shared { len: 3, capacity: 8 };
    let problem = AttentionProblem { past, kv_len: 2, q_len: 2, v_head_size: 16, ..base() };
    let options = PlanOptions { presents: Presents::Host, ..PlanOptions::default() };
    let plan = plan(&problem, &devices::h100(), &options).unwrap();
    let row = plan.copied[0].row_bytes as usize;
    let told = plan.copied[0].runs().map(|run| (run.part.tensor, run.index, run.begin / row, run.first / row));
    // A buffer's rows are in order of heads, new ones in order of tokens.
    let expected = (0..2).flat_map(|b| (0..3).map(move |n| (b, n))).flat_map(|(b, n)| {
        let head = (b * 3 + n) * 8;
        let (kept, new) = (Tensor::PastKey, Tensor::Key);
        [(kept, 0, head, head), (new, 1, head + 3, b * 2 * 3 + n), (kept, 2, head + 5, head + 5)]
    });
    assert_eq!(told.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
}

#[test]
fn packed_and_split_keys_are_copied_from_where_they_are() {
    let base = AttentionProblem { v_head_size: 16, ..base() };
    for (layout, from) in [
        (Layout::PreSplit, [Tensor::Key, Tensor::Value]),
        (Layout::PackedKv, [Tensor::Key, Tensor::Key]),
        (Layout::PackedQkv, [Tensor::Query, Tensor::Query]),
    ] {
        let problem = AttentionProblem { layout, ..base.clone() };
        let options = PlanOptions { presents: Presents::Host, ..PlanOptions::default() };
        let plan = plan(&problem, &devices::h100(), &options).unwrap();
        plan.copied.iter().for_each(check);
        assert_eq!(plan.copied.iter().map(|copied| copied.parts[0].tensor).collect::<Vec<_>>(), from);
    }
}

#[test]
fn what_is_new_or_not_wanted_or_empty_is_not_copied() {
    let options = PlanOptions { presents: Presents::Host, ..PlanOptions::default() };
    let of = |problem: &AttentionProblem| plan(problem, &devices::h100(), &options).unwrap();
    let biased = of(&AttentionProblem { projection_bias: ProjectionBias::QueryKeyValue, ..base() });
    assert!(biased.copied.is_empty() && biased.tensors.iter().any(|(tensor, _)| *tensor == Tensor::PresentKey));
    // A bias of the queries alone changes neither.
    let query = AttentionProblem {
        projection_bias: ProjectionBias::Query,
        layout: Layout::PreSplit,
        v_head_size: 16,
        ..base()
    };
    assert_eq!(of(&query).copied.len(), 2);
    let one = AttentionProblem { present: PresentOutputs { key: false, value: true }, ..base() };
    assert_eq!(of(&one).copied.iter().map(|copied| copied.tensor).collect::<Vec<_>>(), [Tensor::PresentValue]);
    assert!(of(&AttentionProblem { kv_len: 0, ..base() }).copied.is_empty());
    // No rows ask, and there is something to keep all the same.
    let keeps = of(&AttentionProblem { q_len: 0, ..base() });
    assert_eq!((keeps.steps.len(), keeps.copied.len()), (0, 2));
}
