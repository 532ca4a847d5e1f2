//! [`Race`]: a bounded comparison of candidates on a problem of the measurer's own.

use std::time::Duration;

/// Rounds whose times are thrown away: clocks rise, caches fill.
const WARM_UP_ROUNDS: usize = 1;
/// Rounds that count, for those that stay.
const ROUNDS: usize = 7;
/// Rounds that must count before a race that runs out of time may decide.
const LEAST_ROUNDS: usize = 3;
/// Who is this much slower than the fastest of a round falls behind; twice in a row, and it is out.
const BEHIND: f64 = 1.3;
/// Another candidate replaces the usual one only where it takes less than this share of its time: what is closer is noise.
const CLEARLY: f64 = 0.98;

/// Candidates that take turns, so that a drift of clocks or load meets all of them alike, until the fastest is known.
#[derive(Clone, Debug)]
pub struct Race {
    runners: Vec<Runner>,
    usual: usize,
    budget: Duration,
    spent: Duration,
    /// Complete rounds.
    rounds: usize,
}

#[derive(Clone, Debug, Default)]
struct Runner {
    /// One for each round that it was in.
    times: Vec<Duration>,
    /// Rounds in a row in which it fell behind.
    behind: u32,
    out: bool,
}

/// How a race ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The fastest, or the usual candidate where none is clearly faster.
    pub winner: usize,
    /// For each candidate the median of its times in the rounds that count. None for one that failed or left before any.
    pub times: Vec<Option<Duration>>,
}

impl Race {
    /// A race of `count` candidates for `budget` of measured time. `usual` is the one that stays unless another is clearly faster.
    ///
    /// # Panics
    /// Unless `usual` is one of them.
    pub fn new(count: usize, usual: usize, budget: Duration) -> Race {
        assert!(usual < count, "the usual candidate is one of {count}, got {usual}");
        Race { runners: vec![Runner::default(); count], usual, budget, spent: Duration::ZERO, rounds: 0 }
    }

    /// The candidate to time next. None where the race is over.
    pub fn next(&self) -> Option<usize> {
        let left = self.left().count();
        let alone = left <= 1 && self.rounds > WARM_UP_ROUNDS;
        if left == 0 || alone || self.rounds == WARM_UP_ROUNDS + ROUNDS || self.spent >= self.budget {
            return None;
        }
        self.left().find(|&runner| self.runners[runner].times.len() == self.rounds)
    }

    /// Tells the time of a launch of a candidate, and what measuring it cost in all.
    pub fn record(&mut self, candidate: usize, time: Duration, cost: Duration) {
        // A first launch may hold what happens once, such as a driver's compiling.
        if self.rounds >= WARM_UP_ROUNDS {
            self.spent += cost;
        }
        if let Some(runner) = self.runners.get_mut(candidate) {
            runner.times.push(time);
        }
        self.end_round();
    }

    /// Takes a candidate out that can't be measured.
    pub fn fail(&mut self, candidate: usize) {
        if let Some(runner) = self.runners.get_mut(candidate) {
            runner.out = true;
            runner.times.clear();
        }
        self.end_round();
    }

    /// The result, once [`next`](Self::next) has none. None where time ran out before anything was known, or all failed.
    pub fn outcome(&self) -> Option<Outcome> {
        if self.rounds < WARM_UP_ROUNDS + LEAST_ROUNDS && self.left().count() > 1 {
            return None;
        }
        let times: Vec<_> =
            self.runners.iter().map(|runner| median(runner.times.iter().skip(WARM_UP_ROUNDS))).collect();
        let (time, fastest) = self.left().filter_map(|runner| Some((times[runner]?, runner))).min()?;
        let stays = match times[self.usual] {
            Some(usual) => {
                time.as_secs_f64() >= usual.as_secs_f64() * CLEARLY || !self.mostly_beats(fastest, self.usual)
            }
            // It can't run here.
            None => false,
        };
        Some(Outcome { winner: if stays { self.usual } else { fastest }, times })
    }

    /// Whether one was faster in three quarters of the rounds that both were in: a disturbance of a few rounds decides nothing.
    fn mostly_beats(&self, one: usize, other: usize) -> bool {
        let rounds = |runner: usize| self.runners[runner].times.iter().skip(WARM_UP_ROUNDS);
        let (mut won, mut all) = (0, 0);
        for (one, other) in rounds(one).zip(rounds(other)) {
            all += 1;
            won += usize::from(one < other);
        }
        4 * won >= 3 * all
    }

    fn left(&self) -> impl Iterator<Item = usize> {
        self.runners.iter().enumerate().filter(|(_, runner)| !runner.out).map(|(index, _)| index)
    }

    /// Where everyone has run, counts the round and sends out who is hopeless.
    fn end_round(&mut self) {
        if self.left().any(|runner| self.runners[runner].times.len() == self.rounds) {
            return;
        }
        let fastest = self.left().filter_map(|runner| self.runners[runner].times.last()).min().copied();
        let (Some(fastest), true) = (fastest, self.rounds >= WARM_UP_ROUNDS) else {
            self.rounds += 1;
            return;
        };
        for runner in self.runners.iter_mut().filter(|runner| !runner.out) {
            let slow = runner.times.last().is_some_and(|time| time.as_secs_f64() > fastest.as_secs_f64() * BEHIND);
            runner.behind = if slow { runner.behind + 1 } else { 0 };
            runner.out = runner.behind == 2;
        }
        self.rounds += 1;
    }
}

fn median<'a>(times: impl Iterator<Item = &'a Duration>) -> Option<Duration> {
    let mut times: Vec<Duration> = times.copied().collect();
    times.sort();
    times.get(times.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: Duration = Duration::from_micros(1);

    /// Runs a race with times of candidate and round; gives the outcome and how often each ran.
    fn run(
        count: usize,
        budget: Duration,
        time: impl Fn(usize, usize) -> Option<Duration>,
    ) -> (Option<Outcome>, Vec<usize>) {
        let mut race = Race::new(count, 0, budget);
        let mut runs = vec![0; count];
        while let Some(candidate) = race.next() {
            match time(candidate, runs[candidate]) {
                Some(time) => race.record(candidate, time, time),
                None => race.fail(candidate),
            }
            runs[candidate] += 1;
            assert!(runs[candidate] < 100, "a race ends");
        }
        (race.outcome(), runs)
    }

    const LONG: Duration = Duration::from_secs(10);

    #[test]
    fn the_fastest_wins_and_the_hopeless_leave_early() {
        let times = [100, 90, 500, 110];
        let (outcome, runs) = run(4, LONG, |candidate, _| Some(times[candidate] * US));
        assert_eq!(outcome.unwrap().winner, 1);
        assert_eq!(runs, [8, 8, 3, 8]);
    }

    #[test]
    fn the_usual_one_stays_where_none_is_clearly_faster() {
        let (outcome, _) = run(2, LONG, |candidate, _| Some([100, 99][candidate] * US));
        assert_eq!(outcome.unwrap().winner, 0);
    }

    #[test]
    fn rising_clocks_and_disturbances_decide_nothing() {
        // Six times slow at first; and whoever runs in round 4 is disturbed.
        let (outcome, _) = run(3, LONG, |candidate, round| {
            let clock = if round == 0 { 6 } else { 1 };
            let disturbed = if round == 4 && candidate == 2 { 10 } else { 1 };
            Some([100, 110, 80][candidate] * clock * disturbed * US)
        });
        assert_eq!(outcome.unwrap(), Outcome { winner: 2, times: vec![Some(100 * US), Some(110 * US), Some(80 * US)] });
    }

    #[test]
    fn a_load_that_comes_and_goes_decides_nothing() {
        // The usual one is disturbed in four of seven rounds, so that its median is.
        let (outcome, _) = run(2, LONG, |candidate, round| {
            Some(if candidate == 0 && round > 3 { 125 } else { 100 + candidate as u32 } * US)
        });
        assert_eq!(outcome.unwrap().winner, 0);
    }

    #[test]
    fn time_runs_out() {
        // Enough for three rounds of two that count, which is enough to tell.
        let (outcome, runs) = run(2, 1000 * US, |candidate, _| Some([200, 160][candidate] * US));
        assert_eq!((outcome.unwrap().winner, runs), (1, vec![4, 4]));
        let (outcome, runs) = run(2, 400 * US, |candidate, _| Some([200, 160][candidate] * US));
        assert_eq!((outcome, runs), (None, vec![3, 2]));
        // A first launch that takes as long as all the budget costs none of it.
        let (outcome, _) =
            run(2, 1000 * US, |candidate, round| Some(if round == 0 { 1000 } else { [100, 80][candidate] } * US));
        assert_eq!(outcome.unwrap().winner, 1);
    }

    #[test]
    fn one_that_fails_is_out() {
        let (outcome, runs) = run(3, LONG, |candidate, round| (candidate != 1 || round < 2).then_some(100 * US));
        assert_eq!(outcome.unwrap(), Outcome { winner: 0, times: vec![Some(100 * US), None, Some(100 * US)] });
        assert_eq!(runs, [8, 3, 8]);
        let (outcome, _) = run(2, LONG, |candidate, _| (candidate == 1).then_some(100 * US));
        assert_eq!(outcome.unwrap().winner, 1, "the usual one can't run here");
        assert_eq!(run(2, LONG, |_, _| None).0, None);
        let (outcome, _) = run(2, LONG, |candidate, _| (candidate == 0).then_some(100 * US));
        assert_eq!(outcome.unwrap().winner, 0);
    }
}
