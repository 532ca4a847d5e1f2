//! Runs the model each way in turn, so that whatever drifts meanwhile, clocks and heat among it, hits all alike.

use std::path::Path;
use std::thread;
use std::time::Duration;

use mha_bench::Progress;
use mha_spec::PathChoice;
use ort_webgpu_attention::host::{
    Feeds, HostError, Library, LibraryUse, NodeTimes, Outputs, Port, Runtime, Session, Tensor,
};

use super::statistics::{Difference, Spread};

/// What is measured, on what, and how often.
pub(super) struct Trial<'a> {
    pub(super) runtime: &'a Runtime,
    pub(super) model: &'a Path,
    pub(super) plugin: &'a Library,
    pub(super) adapter: &'a str,
    pub(super) paths: &'a [PathChoice],
    /// Runs that count.
    pub(super) runs: usize,
    /// Runs of each session before those that count, one or more.
    pub(super) warm_up: usize,
}

/// A way to run the model: stock CPU kernels, or the library's on a path.
pub(super) type Way = Option<PathChoice>;

/// What messages and tables call it.
pub(super) fn name(way: Way) -> &'static str {
    way.map_or("stock CPU", PathChoice::name)
}

/// What came of one way.
pub(super) struct Row {
    pub(super) way: Way,
    /// The reason, where the library refused the model on this path.
    pub(super) outcome: Result<Numbers, String>,
}

/// The numbers of one way. Times are in milliseconds.
pub(super) struct Numbers {
    /// Nodes that the library took over.
    pub(super) taken_over: usize,
    /// Whether it had float16 nodes.
    pub(super) float16: bool,
    /// The whole model.
    pub(super) model: Spread,
    /// Its MultiHeadAttention nodes together.
    pub(super) attention: Spread,
    /// Each of them.
    pub(super) nodes: Vec<(String, Spread)>,
    /// Of the outputs from those of stock CPU kernels.
    pub(super) differences: Vec<Difference>,
    pub(super) warnings: Vec<String>,
}

/// A first look at the model, on stock CPU kernels.
pub(super) struct Look {
    session: Session,
}

impl Look {
    pub(super) fn at(runtime: &Runtime, model: &Path, scratch: &Path) -> Result<Look, HostError> {
        Ok(Look { session: runtime.session(model, None, Some(&scratch.join("look")))? })
    }

    pub(super) fn inputs(&self) -> Vec<Port> {
        self.session.inputs()
    }

    pub(super) fn outputs(&self) -> Vec<Port> {
        self.session.outputs()
    }

    /// The outputs, and which MultiHeadAttention nodes ran.
    pub(super) fn run(mut self, feeds: &Feeds) -> Result<(Outputs, Ran), HostError> {
        let outputs = self.session.run(feeds)?;
        Ok((outputs, Ran::of(&self.session.end_profile()?)))
    }
}

/// What a profile of one run tells of MultiHeadAttention nodes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ran {
    /// Nodes by name and index, which those of different subgraphs may share.
    pub(super) names: usize,
    /// How often any of them ran, which a loop does several times.
    pub(super) times: usize,
    /// Whether none had anything to compute.
    pub(super) empty: bool,
}

impl Ran {
    fn of(nodes: &[NodeTimes]) -> Ran {
        Ran {
            names: nodes.len(),
            times: nodes.iter().map(|node| node.ms.len()).sum(),
            empty: nodes.iter().all(|node| node.empty),
        }
    }
}

/// A way with its session; the reason where there is none any more.
struct Attempt<T> {
    way: Way,
    state: Result<T, String>,
}

impl<T> Attempt<T> {
    /// Goes on if nothing stopped it before.
    fn step(&mut self, work: impl FnOnce(&mut T) -> Result<(), HostError>) {
        if let Ok(state) = &mut self.state
            && let Err(error) = work(state)
        {
            self.state = Err(error.to_string());
        }
    }
}

/// A session of whole-model times.
struct Timed {
    session: Session,
    outputs: Outputs,
    ms: Vec<f64>,
}

impl Trial<'_> {
    /// How many steps [`Trial::measure`] tells to its progress bar.
    pub(super) fn steps(&self) -> u64 {
        let rounds = 1 + self.warm_up + self.runs;
        (2 * rounds * (1 + self.paths.len()) + 1) as u64
    }

    /// How many MultiHeadAttention nodes the model has, whether they run or not.
    ///
    /// # Errors
    /// The library refuses the model.
    pub(super) fn count_nodes(&self, scratch: &Path) -> Result<usize, HostError> {
        Ok(self.session(self.paths.first().copied(), Some(&scratch.join("count")))?.taken_over())
    }

    /// Measures every way: whole-model times first, then those of nodes in sessions of their own, as writing a profile
    /// takes time. `expected` are the outputs of stock CPU kernels.
    ///
    /// # Errors
    /// Stock CPU kernels failed; where the library does, the row says so.
    pub(super) fn measure(
        &self,
        feeds: &Feeds,
        expected: &[(String, Tensor)],
        scratch: &Path,
        progress: &Progress,
    ) -> Result<Vec<Row>, String> {
        let timed = self.whole_model(feeds, progress);
        let profiled = self.nodes(feeds, scratch, progress);
        let mut rows = Vec::new();
        for (timed, profiled) in timed.into_iter().zip(profiled) {
            let way = timed.way;
            let outcome = timed.state.and_then(|timed| Ok(numbers(timed, profiled.state?, expected)));
            match (way, outcome) {
                (None, Err(why)) => return Err(format!("stock CPU kernels must run the model, got: {why}")),
                (_, outcome) => rows.push(Row { way, outcome }),
            }
        }
        Ok(rows)
    }

    fn ways(&self) -> impl Iterator<Item = Way> {
        std::iter::once(None).chain(self.paths.iter().copied().map(Some))
    }

    fn session(&self, way: Way, profile: Option<&Path>) -> Result<Session, HostError> {
        let library = way.map(|path| LibraryUse { library: self.plugin, path, adapter: self.adapter });
        self.runtime.session(self.model, library.as_ref(), profile)
    }

    fn whole_model(&self, feeds: &Feeds, progress: &Progress) -> Vec<Attempt<Timed>> {
        let load = |way| {
            progress.step(&format!("{}: loading", name(way)));
            let state = self.session(way, None).and_then(|mut session| {
                let outputs = session.run(feeds)?;
                Ok(Timed { session, outputs, ms: Vec::new() })
            });
            Attempt { way, state: state.map_err(|error| error.to_string()) }
        };
        let mut attempts: Vec<Attempt<Timed>> = self.ways().map(load).collect();
        self.settle(&mut attempts, feeds, progress);
        self.rounds(&mut attempts, "model", progress, |timed| {
            timed.ms.push(timed.session.time(feeds)?.as_secs_f64() * 1e3);
            Ok(())
        });
        for attempt in &mut attempts {
            attempt.step(|timed| {
                timed.ms.drain(..self.warm_up);
                Ok(())
            });
        }
        attempts
    }

    /// Has path `auto` measure what it wants to, which begins with the second call of a class of problems and would take its time
    /// from whoever runs meanwhile.
    fn settle(&self, attempts: &mut [Attempt<Timed>], feeds: &Feeds, progress: &Progress) {
        progress.step("auto: measuring kernels");
        for attempt in attempts.iter_mut().filter(|attempt| attempt.way == Some(PathChoice::Auto)) {
            attempt.step(|timed| timed.session.time(feeds).map(drop));
        }
        while self.plugin.is_measuring() {
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn nodes(&self, feeds: &Feeds, scratch: &Path, progress: &Progress) -> Vec<Attempt<(usize, Vec<NodeTimes>)>> {
        let load = |way| {
            progress.step(&format!("{}: loading with a profile", name(way)));
            let session = self.session(way, Some(&scratch.join(name(way).replace(' ', "-"))));
            Attempt { way, state: session.map_err(|error| error.to_string()) }
        };
        let mut attempts: Vec<Attempt<Session>> = self.ways().map(load).collect();
        self.rounds(&mut attempts, "nodes", progress, |session| session.time(feeds).map(drop));
        let end = |attempt: Attempt<Session>| {
            let state = attempt.state.and_then(|mut session| {
                let nodes = session.end_profile().map_err(|error| error.to_string())?;
                let rounds = self.warm_up + self.runs;
                Ok((session.taken_over(), nodes.into_iter().map(|node| by_round(node, rounds, self.runs)).collect()))
            });
            Attempt { way: attempt.way, state }
        };
        attempts.into_iter().map(end).collect()
    }

    /// Gives each attempt its turn in each round. Who begins changes, so that nobody always follows the same other.
    fn rounds<T>(
        &self,
        attempts: &mut [Attempt<T>],
        what: &str,
        progress: &Progress,
        turn: impl Fn(&mut T) -> Result<(), HostError>,
    ) {
        for round in 0..self.warm_up + self.runs {
            for index in 0..attempts.len() {
                let count = attempts.len();
                let attempt = &mut attempts[(round + index) % count];
                progress.step(&format!("{}: {what}", name(attempt.way)));
                attempt.step(&turn);
            }
        }
    }
}

/// A node's time in each of the last `runs` of `rounds` runs of the model, each of which may have run it several times.
fn by_round(node: NodeTimes, rounds: usize, runs: usize) -> NodeTimes {
    let each = (node.ms.len() / rounds).max(1);
    let sums: Vec<f64> = node.ms.chunks(each).map(|times| times.iter().sum()).collect();
    let ms = sums[sums.len().saturating_sub(runs)..].to_vec();
    NodeTimes { ms, ..node }
}

fn numbers(timed: Timed, (taken_over, nodes): (usize, Vec<NodeTimes>), expected: &[(String, Tensor)]) -> Numbers {
    let runs = nodes.iter().map(|node| node.ms.len()).min().unwrap_or_default();
    let together: Vec<f64> = (0..runs).map(|run| nodes.iter().map(|node| node.ms[run]).sum()).collect();
    let none = Spread { median: 0.0, low: 0.0, high: 0.0 };
    let differences = expected.iter().map(|(name, want)| {
        let got = timed.outputs.iter().find(|(other, _)| other == name);
        let empty = Tensor { shape: Vec::new(), data: want.data.clone() };
        Difference::between(name, want, got.map_or(&empty, |(_, got)| got))
    });
    Numbers {
        taken_over,
        float16: nodes.iter().any(|node| node.float16),
        model: Spread::of(&timed.ms).unwrap_or(none),
        attention: Spread::of(&together).unwrap_or(none),
        differences: differences.collect(),
        warnings: timed.session.warnings(),
        nodes: nodes.into_iter().filter_map(|node| Some((node.name, Spread::of(&node.ms)?))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runs_that_count_are_the_last() {
        let node = |ms: &[f64]| NodeTimes { name: "n".into(), float16: false, ms: ms.into(), empty: false };
        assert_eq!(by_round(node(&[9.0, 1.0, 2.0]), 3, 2).ms, [1.0, 2.0]);
        assert_eq!(by_round(node(&[9.0, 9.0, 1.0, 2.0, 3.0, 4.0]), 3, 2).ms, [3.0, 7.0], "a loop ran it twice a run");
    }

    #[test]
    fn an_attempt_stops_where_it_fails() {
        let mut attempt = Attempt { way: None, state: Ok(0) };
        attempt.step(|count| {
            *count += 1;
            Ok(())
        });
        assert_eq!(attempt.state, Ok(1));
        attempt.step(|_| Err(HostError::Runtime("out of memory".into())));
        attempt.step(|_| panic!("it goes on"));
        assert_eq!(attempt.state, Err("out of memory".into()));
    }
}
