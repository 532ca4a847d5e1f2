//! Random shapes: what choices are checked on that were tuned on others.

use fastrand::Rng;
use mha_spec::DType;

use crate::shape::Shape;

/// How many there are where nobody says.
pub const COUNT: usize = 50;
/// What they are drawn from where nobody says.
pub const SEED: u64 = 1;

/// Work of one launch at most.
const MAX_FLOPS: f64 = 40e9;
/// Bytes of a tensor at most, in float32.
const MAX_BYTES: u64 = 64 << 20;
/// Head sizes of models.
const HEAD_SIZES: [u32; 12] = [16, 32, 40, 48, 64, 72, 80, 96, 128, 160, 192, 256];

/// `count` plain shapes drawn from a seed, the same on every machine; fewer are the first of more.
pub fn shapes(count: usize, seed: u64) -> Vec<Shape> {
    let mut rng = Rng::with_seed(seed);
    (1..=count)
        .map(|index| {
            let name = if seed == SEED { format!("random-{index:02}") } else { format!("random-s{seed}-{index:02}") };
            let small =
                |shape: &Shape| shape.flops() <= MAX_FLOPS && shape.largest_tensor() * DType::F32.size() <= MAX_BYTES;
            loop {
                let shape = draw(&mut rng, name.clone(), seed);
                if small(&shape) {
                    break shape;
                }
            }
        })
        .collect()
}

fn draw(rng: &mut Rng, name: String, seed: u64) -> Shape {
    let q_len = length(rng);
    let kv_len = if rng.u32(..10) < 7 { q_len } else { length(rng) };
    let head_size = match rng.u32(..8) {
        0 => rng.u32(1..=256),
        _ => HEAD_SIZES[rng.usize(..HEAD_SIZES.len())],
    };
    Shape {
        name,
        batch: rng.u32(1..=4),
        q_len,
        kv_len,
        heads: rng.u32(1..=32),
        head_size,
        causal: rng.u32(..4) == 0,
        origin: format!("drawn from seed {seed}"),
    }
}

/// From 1 to 4096, every doubling as likely as the next. In integers, which are the same on every machine.
fn length(rng: &mut Rng) -> u32 {
    let least = 1 << rng.u32(..12);
    rng.u32(least..=2 * least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_the_same_every_time() {
        let fifty = shapes(COUNT, SEED);
        assert_eq!(fifty[..7], shapes(7, SEED));
        assert_ne!(shapes(7, 2)[..], fifty[..7]);
        // Recorded: figures of a random shape are of use only while its name means the same.
        let shown = |index: usize| format!("{}: {}", fifty[index].name, fifty[index].sizes());
        assert_eq!(
            [0, 1, 2, 49].map(shown),
            [
                "random-01: batch 2, 26 heads of 160, 427 × 9",
                "random-02: batch 2, 28 heads of 32, 14 × 14",
                "random-03: batch 2, 27 heads of 192, 30 × 30, causal",
                "random-50: batch 2, 26 heads of 128, 6 × 219, causal",
            ]
        );
    }

    #[test]
    fn they_are_small_and_varied() {
        let shapes = shapes(COUNT, SEED);
        for shape in &shapes {
            assert_eq!(shape.check(), Ok(()));
            assert!(shape.flops() <= 40e9 && shape.largest_tensor() <= 1 << 24, "{}", shape.sizes());
            assert!(
                shape.batch <= 4
                    && shape.heads <= 32
                    && shape.head_size <= 256
                    && shape.q_len.max(shape.kv_len) <= 4096
            );
        }
        let share = |holds: &dyn Fn(&Shape) -> bool| shapes.iter().filter(|shape| holds(shape)).count();
        for (what, count) in [
            ("causal", share(&|shape| shape.causal)),
            ("cross", share(&|shape| shape.q_len != shape.kv_len)),
            ("few rows", share(&|shape| shape.q_len <= 16)),
            ("many rows", share(&|shape| shape.q_len > 512)),
            ("odd heads", share(&|shape| !HEAD_SIZES.contains(&shape.head_size))),
            ("large heads", share(&|shape| shape.head_size > 128)),
        ] {
            assert!((2..=40).contains(&count), "{count} of 50 are {what}");
        }
    }
}
