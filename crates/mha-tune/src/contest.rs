//! [`Contest`]: which of several ways to compute a class of problems is the fastest, found out by using them.

use std::fmt;
use std::time::Duration;

/// Times kept of a candidate.
const KEPT: usize = 5;
/// Times that a candidate needs for a comparison: the first may hold one-time costs, such as compiling.
const NEEDED: usize = 3;
/// A loser within this factor of the winner is tried again now and then, as load and clocks change.
const CLOSE: f64 = 1.5;
/// Calls between two such tries: at [`CLOSE`], an extra cost of 0.2 %.
const CALLS_BETWEEN: u32 = 256;

/// What a contest says is next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// The candidate.
    pub candidate: usize,
    /// Why it.
    pub reason: Reason,
}

/// Why a candidate is next. Times are of one call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reason {
    /// It is the only one that can win: the others would take as long as this at the best.
    NoRival {
        /// Its own time, where there is one yet.
        own: Option<Duration>,
        /// The least that the nearest rival could take.
        rival_at_best: Duration,
    },
    /// Its times are still being gathered.
    Measuring,
    /// It was the fastest.
    Fastest {
        /// Its time.
        own: Duration,
        /// The time of the next fastest.
        next: Duration,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::NoRival { own: Some(own), rival_at_best } => {
                write!(f, "{own:.1?}, the other {rival_at_best:.1?} at the best")
            }
            Reason::NoRival { own: None, rival_at_best } => {
                write!(f, "the other takes {rival_at_best:.1?} at the best")
            }
            Reason::Measuring => write!(f, "being measured"),
            Reason::Fastest { own, next } => write!(f, "{own:.1?}, the other {next:.1?}"),
        }
    }
}

/// The times of one candidate.
#[derive(Clone, Debug, Default)]
struct Times {
    /// The latest, oldest first.
    recent: Vec<Duration>,
    /// All that there ever were.
    count: u32,
}

impl Times {
    fn add(&mut self, time: Duration) {
        if self.recent.len() == KEPT {
            self.recent.remove(0);
        }
        self.recent.push(time);
        self.count += 1;
    }

    /// The least of the latest: what disturbs a call only ever makes it longer.
    fn best(&self) -> Option<Duration> {
        self.recent.iter().min().copied()
    }

    fn is_known(&self) -> bool {
        self.recent.len() >= NEEDED
    }
}

/// The times of all candidates for one class of problems.
#[derive(Clone, Debug)]
pub struct Contest {
    times: Vec<Times>,
    /// The least that each candidate could take: below it no measurement is possible.
    at_best: Vec<Duration>,
    calls: u32,
}

impl Contest {
    /// A contest of candidates by the least time that each could take on this class: with generous assumptions, as a
    /// candidate that could not win even so is never tried.
    ///
    /// # Panics
    /// Without candidates.
    pub fn new(at_best: Vec<Duration>) -> Contest {
        assert!(!at_best.is_empty(), "a contest needs candidates");
        Contest { times: vec![Times::default(); at_best.len()], at_best, calls: 0 }
    }

    /// What a candidate takes, where enough calls have told.
    pub fn known(&self, candidate: usize) -> Option<Duration> {
        self.times.get(candidate).filter(|times| times.is_known()).and_then(Times::best)
    }

    /// Tells the time of a call that a candidate computed.
    pub fn record(&mut self, candidate: usize, time: Duration) {
        if let Some(times) = self.times.get_mut(candidate) {
            times.add(time);
        }
    }

    /// The candidate for the next call.
    pub fn choose(&mut self) -> Choice {
        self.calls = self.calls.wrapping_add(1);
        let all = 0..self.times.len();
        // By what is known of each, else by what it could do at the best.
        let expected = |c: usize| self.times[c].best().unwrap_or(self.at_best[c]);
        let leader = all.clone().min_by_key(|&c| expected(c)).unwrap_or_default();
        let measured = all.clone().filter_map(|c| self.times[c].best()).min();
        // Could it still win? Nothing is known before the first call.
        let can_win = |c: usize| measured.is_none_or(|best| self.at_best[c] < best);
        let is_open = |c: &usize| !self.times[*c].is_known() && can_win(*c);
        if all.clone().filter(|&c| can_win(c)).count() > 1
            && let Some(candidate) = all.clone().filter(is_open).min_by_key(|&c| (self.times[c].count, expected(c)))
        {
            return Choice { candidate, reason: Reason::Measuring };
        }
        let next = all.clone().filter(|&c| c != leader && self.times[c].is_known()).min_by_key(|&c| expected(c));
        let Some(next) = next else {
            let rival_at_best = all.filter(|&c| c != leader).map(|c| self.at_best[c]).min().unwrap_or(Duration::MAX);
            return Choice {
                candidate: leader,
                reason: Reason::NoRival { own: self.times[leader].best(), rival_at_best },
            };
        };
        let (own, other) = (expected(leader), expected(next));
        if self.calls.is_multiple_of(CALLS_BETWEEN) && other.as_secs_f64() <= own.as_secs_f64() * CLOSE {
            return Choice { candidate: next, reason: Reason::Measuring };
        }
        Choice { candidate: leader, reason: Reason::Fastest { own, next: other } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: Duration = Duration::from_micros(1);

    /// Plays calls against fixed times; gives what each candidate computed.
    fn play(at_best: [Duration; 2], times: [Duration; 2], calls: usize) -> [usize; 2] {
        let mut contest = Contest::new(at_best.to_vec());
        let mut counts = [0; 2];
        for _ in 0..calls {
            let choice = contest.choose();
            counts[choice.candidate] += 1;
            contest.record(choice.candidate, times[choice.candidate]);
        }
        counts
    }

    #[test]
    fn the_faster_one_gets_all_calls_but_a_few() {
        assert_eq!(play([US, US], [900 * US, 100 * US], 1000), [NEEDED, 1000 - NEEDED]);
        assert_eq!(play([US, US], [100 * US, 900 * US], 1000), [1000 - NEEDED, NEEDED]);
    }

    #[test]
    fn one_that_cannot_win_is_never_tried() {
        assert_eq!(play([10_000 * US, US], [10_000 * US, 100 * US], 1000), [0, 1000]);
        let mut contest = Contest::new(vec![500 * US, US]);
        contest.record(1, 100 * US);
        assert_eq!(contest.known(1), None);
        let reason = Reason::NoRival { own: Some(100 * US), rival_at_best: 500 * US };
        assert_eq!(contest.choose(), Choice { candidate: 1, reason });
    }

    #[test]
    fn a_first_call_that_compiles_does_not_decide() {
        let mut contest = Contest::new(vec![US, US]);
        for call in 0..20 {
            let choice = contest.choose();
            let time = match choice.candidate {
                0 if call == 0 => 80_000 * US,
                0 => 50 * US,
                _ => 200 * US,
            };
            contest.record(choice.candidate, time);
        }
        assert_eq!([0, 1, 2].map(|candidate| contest.known(candidate)), [Some(50 * US), Some(200 * US), None]);
        let reason = Reason::Fastest { own: 50 * US, next: 200 * US };
        assert_eq!(contest.choose(), Choice { candidate: 0, reason });
    }

    #[test]
    fn a_close_loser_is_tried_again_and_may_win() {
        let counts = play([US, US], [130 * US, 100 * US], 2570);
        assert_eq!(counts[0], NEEDED + 10);
        let mut contest = Contest::new(vec![US, US]);
        let mut late = 0;
        for call in 0..5000 {
            let choice = contest.choose();
            // The one that was slower becomes the faster one.
            let slow = if call < 1000 { 0 } else { 1 };
            contest.record(choice.candidate, if choice.candidate == slow { 140 * US } else { 100 * US });
            late += usize::from(call >= 4000 && choice.candidate == 0);
        }
        assert!(late > 900, "{late}");
    }

    #[test]
    fn a_lone_candidate_is_chosen() {
        let mut contest = Contest::new(vec![US]);
        contest.record(0, 5 * US);
        for _ in 0..10 {
            assert_eq!(contest.choose().candidate, 0);
            contest.record(0, 5 * US);
        }
    }
}
