//! Copies between host memory and mapped buffers, shared out among threads where there is much to copy: one core moves
//! a fraction of what the bus to a discrete GPU does.

use std::sync::LazyLock;

use rayon::prelude::*;

use crate::LOG;

/// Fewer bytes than this are copied by the calling thread alone: waking others would take as long.
const SHARED_FROM: usize = 2 << 20;
/// Bytes of a thread's turn.
const PIECE: usize = 256 << 10;
/// Threads that copy. More do not add to the speed of the bus, and the host has other work.
const MOST_THREADS: usize = 8;

/// The threads of this process that copy, asleep while there is nothing to do. None where they could not be started.
static THREADS: LazyLock<Option<rayon::ThreadPool>> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(cores.min(MOST_THREADS))
        .thread_name(|index| format!("attention-copy-{index}"))
        .build();
    pool.inspect_err(|error| tracing::warn!(target: LOG, "copies stay on the calling thread: {error}")).ok()
});

/// Copies each source to its target, which is as long.
pub(crate) fn to_mapped(copies: Vec<(wgpu::WriteOnly<'_, [u8]>, &[u8])>) {
    let mut pieces = Vec::new();
    for (mut target, mut source) in copies {
        while source.len() > PIECE {
            let (first, rest) = source.split_at(PIECE);
            let (first_target, rest_target) = target.split_at(PIECE);
            pieces.push((Target(first_target), first));
            (target, source) = (rest_target, rest);
        }
        pieces.push((Target(target), source));
    }
    let bytes = pieces.iter().map(|(_, source)| source.len()).sum();
    share_out(bytes, pieces, |(target, source): (Target<'_>, &[u8])| target.fill_from(source));
}

/// Mapped memory that is written and never read.
struct Target<'a>(wgpu::WriteOnly<'a, [u8]>);

// SAFETY: it is the only way to its bytes while it lives, as a `&mut [u8]` is. wgpu says the same of sized targets only.
unsafe impl Send for Target<'_> {}

impl Target<'_> {
    fn fill_from(mut self, source: &[u8]) {
        self.0.copy_from_slice(source);
    }
}

/// Copies each source to its target, which is as long.
pub(crate) fn from_mapped(copies: Vec<(&mut [u8], &[u8])>) {
    let pieces: Vec<_> =
        copies.into_iter().flat_map(|(target, source)| target.chunks_mut(PIECE).zip(source.chunks(PIECE))).collect();
    let bytes = pieces.iter().map(|(_, source)| source.len()).sum();
    share_out(bytes, pieces, |(target, source)| target.copy_from_slice(source));
}

fn share_out<T: Send>(bytes: usize, pieces: Vec<T>, copy: impl Fn(T) + Send + Sync) {
    match &*THREADS {
        Some(threads) if bytes >= SHARED_FROM && threads.current_num_threads() > 1 => {
            threads.install(|| pieces.into_par_iter().for_each(copy));
        }
        _ => pieces.into_iter().for_each(copy),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_copied_by_one_thread_and_by_several() {
        for lengths in [vec![0, 1, 5], vec![PIECE, PIECE + 1, 3], vec![SHARED_FROM + 7, PIECE - 1, 0]] {
            let sources: Vec<Vec<u8>> =
                lengths.iter().map(|&length| (0..length).map(|i| (i * 31 + length) as u8).collect()).collect();
            let mut targets: Vec<Vec<u8>> = lengths.iter().map(|&length| vec![0xAA; length]).collect();
            from_mapped(targets.iter_mut().map(Vec::as_mut_slice).zip(sources.iter().map(Vec::as_slice)).collect());
            assert!(targets == sources, "from mapped memory, {lengths:?}");
            targets.iter_mut().for_each(|target| target.fill(0xAA));
            let copies = targets.iter_mut().zip(&sources);
            to_mapped(copies.map(|(target, source)| (wgpu::WriteOnly::from_mut(&mut **target), &**source)).collect());
            assert!(targets == sources, "to mapped memory, {lengths:?}");
        }
    }
}
