//! [`Contest`]: which of several ways to compute a class of problems is the fastest, found out by using them.

use std::fmt;
use std::time::Duration;

/// Times kept of a candidate: as many as outlast a stretch in which something else slows it down. Of short calls one in sixteen is
/// timed.
const KEPT: usize = 16;
/// Times that a candidate needs for a comparison.
const NEEDED: u32 = 3;
/// Calls of a burst that do not count: the first after another candidate's, as it may compile, wake threads or find caches cold.
const SETTLING: u32 = 1;
/// A loser is tried again, by a burst, as load and clocks change: first so late that the burst costs a twentieth of the calls
/// before it, and each time that it loses after twice as many calls. The closer it was, the sooner: there were
/// stretches of a third of a second on a machine of 16 cores in which ONNX Runtime's CPU kernel took two to four times as long.
const LEAST_CALLS_BETWEEN: f64 = 16.0;
const MOST_CALLS_BETWEEN: f64 = 65_536.0;
const COST_OF_TRYING: f64 = 0.05;
/// One that lost by no more than this is tried again after few calls, once, whatever that costs: a burst may have met a device that
/// was busy with something else, and thousands of calls go by what it told. On that machine the CPU kernel took more than twice as long
/// in the trial calls of two sizes of 52 as it did later.
const CLOSE: f64 = 4.0;
const CALLS_BEFORE_CONFIRMING: u32 = 8;
/// How long, and for how many calls at the most, such a one settles before its times count, as they are to tell what its thousandth
/// call would take: by what it lost at the most. On that machine ONNX Runtime's threads, once asleep, wake on cores that some of them
/// have to share: until the scheduler has spread them, calls of 0.3 ms (self-attention over 128 tokens) take two to three times as
/// long, and calls of 1.3 ms 4 ms longer, which is one slice of its time.
const SETTLES: [(f64, Duration, u32); 2] =
    [(2.0, Duration::from_millis(30), 100), (CLOSE, Duration::from_millis(5), 16)];

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
    /// The latest that count, oldest first.
    recent: Vec<Duration>,
    /// Their lower quartile: what disturbs a call only ever makes it longer, and the least of many would be luck.
    typical: Option<Duration>,
    /// Calls to come that do not count.
    settling: u32,
}

impl Times {
    fn add(&mut self, time: Duration) {
        if self.settling > 0 {
            self.settling -= 1;
            return;
        }
        if self.recent.len() == KEPT {
            self.recent.remove(0);
        }
        self.recent.push(time);
        let mut ordered = self.recent.clone();
        ordered.sort_unstable();
        self.typical = Some(ordered[(ordered.len() - 1) / 4]);
    }

    /// A burst begins: of the calls long before it no more count than of its own.
    fn begin_again(&mut self, settling: u32) {
        self.settling = settling;
        self.recent.drain(..self.recent.len().saturating_sub(NEEDED as usize));
    }

    fn is_known(&self) -> bool {
        self.recent.len() >= NEEDED as usize
    }
}

/// A loser's next tries.
#[derive(Clone, Copy, Debug)]
struct Retry {
    candidate: usize,
    /// Calls of the burst that are left; 0 before it begins.
    left: u32,
    /// At which call it begins.
    at: u32,
    /// Whether it confirms the first comparison.
    confirms: bool,
}

/// The times of all candidates for one class of problems.
#[derive(Clone, Debug)]
pub struct Contest {
    times: Vec<Times>,
    /// The least that each candidate could take: below it no measurement is possible.
    at_best: Vec<Duration>,
    calls: u32,
    /// Whether a choice was made by what is known.
    is_decided: bool,
    /// Whether times among those known are of disturbed calls.
    is_doubtful: bool,
    /// Bursts that lost so far, but for the one that confirms.
    lost: i32,
    is_confirmed: bool,
    retry: Option<Retry>,
}

impl Contest {
    /// A contest of candidates by the least time that each could take on this class: with generous assumptions, as a
    /// candidate that could not win even so is never tried.
    ///
    /// # Panics
    /// Without candidates.
    pub fn new(at_best: Vec<Duration>) -> Contest {
        assert!(!at_best.is_empty(), "a contest needs candidates");
        let untried = Times { settling: SETTLING, ..Times::default() };
        Contest {
            times: vec![untried; at_best.len()],
            at_best,
            calls: 0,
            is_decided: false,
            is_doubtful: false,
            lost: 0,
            is_confirmed: false,
            retry: None,
        }
    }

    /// What a candidate takes, where enough calls have told.
    pub fn known(&self, candidate: usize) -> Option<Duration> {
        self.times.get(candidate).filter(|times| times.is_known()).and_then(|times| times.typical)
    }

    /// Tells the time of a call that a candidate computed. One that something else disturbed decides only until one comes that
    /// nothing did: then all begins again. Where all is decided it says nothing.
    pub fn record(&mut self, candidate: usize, time: Duration, is_disturbed: bool) {
        if is_disturbed && self.is_decided && !self.is_doubtful {
            return;
        }
        if !is_disturbed && self.is_doubtful {
            *self = Contest { calls: self.calls, ..Contest::new(std::mem::take(&mut self.at_best)) };
        }
        self.is_doubtful |= is_disturbed;
        if let Some(times) = self.times.get_mut(candidate) {
            times.add(time);
        }
    }

    /// The candidate for the next call.
    pub fn choose(&mut self) -> Choice {
        let choice = self.next();
        self.is_decided |= matches!(choice.reason, Reason::Fastest { .. } | Reason::NoRival { own: Some(_), .. });
        choice
    }

    fn next(&mut self) -> Choice {
        self.calls = self.calls.wrapping_add(1);
        let all = 0..self.times.len();
        // By what is known of each, else by what it could do at the best.
        let expected = |c: usize| self.times[c].typical.unwrap_or(self.at_best[c]);
        // What is measured comes before what may be as fast at the best.
        let leader = all.clone().min_by_key(|&c| (self.times[c].typical.is_none(), expected(c))).unwrap_or_default();
        let measured = all.clone().filter_map(|c| self.times[c].typical).min();
        // Could it still win? Nothing is known before the first call.
        let can_win = |c: usize| measured.is_none_or(|best| self.at_best[c] < best);
        let is_open = |c: &usize| !self.times[*c].is_known() && can_win(*c);
        // One after the other: whose turn has begun comes first.
        let has_begun = |c: usize| self.times[c].settling < SETTLING;
        if all.clone().filter(|&c| can_win(c)).count() > 1
            && let Some(candidate) = all.clone().filter(is_open).min_by_key(|&c| (!has_begun(c), expected(c)))
        {
            return Choice { candidate, reason: Reason::Measuring };
        }
        let next = all.clone().filter(|&c| c != leader && self.times[c].is_known()).min_by_key(|&c| expected(c));
        let Some(next) = next else {
            let rival_at_best = all.filter(|&c| c != leader).map(|c| self.at_best[c]).min().unwrap_or(Duration::MAX);
            return Choice {
                candidate: leader,
                reason: Reason::NoRival { own: self.times[leader].typical, rival_at_best },
            };
        };
        let (own, other) = (expected(leader), expected(next));
        match self.tries_again(next, own, other) {
            Some(candidate) => Choice { candidate, reason: Reason::Measuring },
            None => Choice { candidate: leader, reason: Reason::Fastest { own, next: other } },
        }
    }

    /// Counts calls that are to go where `choice`, the latest, sent one, and are not told of: as many as come before anything else
    /// can be chosen, `most` at the most. None while times are being gathered.
    pub fn skip(&mut self, choice: &Choice, most: u32) -> u32 {
        let calls = match (choice.reason, self.retry) {
            (Reason::Fastest { .. }, Some(retry)) if retry.left == 0 => {
                retry.at.saturating_sub(self.calls).saturating_sub(1)
            }
            (Reason::NoRival { .. }, None) if self.times[choice.candidate].is_known() => most,
            _ => 0,
        };
        let calls = calls.min(most);
        self.calls = self.calls.wrapping_add(calls);
        calls
    }

    /// The loser whose turn it is again, if it is, by the leader's time and its own.
    fn tries_again(&mut self, loser: usize, leaders: Duration, losers: Duration) -> Option<usize> {
        let ratio = losers.as_secs_f64() / leaders.as_secs_f64().max(f64::MIN_POSITIVE);
        let settling = settling_calls(losers, ratio);
        let calls = self.calls;
        let due = self.retry.filter(|retry| retry.candidate == loser && retry.left == 0 && calls >= retry.at);
        if let Some(retry) = due {
            self.times[loser].begin_again(settling);
            self.retry = Some(Retry { left: settling + NEEDED, ..retry });
        }
        if let Some(retry) = self.retry.as_mut().filter(|retry| retry.left > 0) {
            retry.left -= 1;
            let candidate = retry.candidate;
            if retry.left == 0 {
                self.lost += i32::from(!retry.confirms);
                self.retry = None;
            }
            return Some(candidate);
        }
        if self.retry.is_none_or(|retry| retry.candidate != loser) {
            let affordable = f64::from(settling + NEEDED) * (ratio - 1.0).max(0.0) / COST_OF_TRYING;
            let between = affordable.max(LEAST_CALLS_BETWEEN) * 2f64.powi(self.lost.min(16));
            let confirms = !self.is_confirmed && ratio <= CLOSE;
            let calls_between = if confirms { CALLS_BEFORE_CONFIRMING } else { between.min(MOST_CALLS_BETWEEN) as u32 };
            self.is_confirmed = true;
            self.retry = Some(Retry { candidate: loser, left: 0, at: calls.saturating_add(calls_between), confirms });
        }
        None
    }
}

/// Calls that pass before a loser has settled, where one takes as long as this, and so many times as long as the leader's.
fn settling_calls(one: Duration, ratio: f64) -> u32 {
    let (time, most) = SETTLES.into_iter().find(|(close, ..)| ratio <= *close).map_or((one, SETTLING), |s| (s.1, s.2));
    let calls = time.as_secs_f64() / one.as_secs_f64().max(f64::MIN_POSITIVE);
    (calls.ceil() as u32).clamp(SETTLING, most)
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
            contest.record(choice.candidate, times[choice.candidate], false);
        }
        counts
    }

    #[test]
    fn the_faster_one_gets_all_calls_but_a_few() {
        // Nine times as slow: tried again after 640 calls, and after twice as many.
        assert_eq!(play([US, US], [900 * US, 100 * US], 600), [4, 596]);
        assert_eq!(play([US, US], [100 * US, 900 * US], 1000), [992, 8]);
    }

    #[test]
    fn one_that_cannot_win_is_never_tried() {
        assert_eq!(play([10_000 * US, US], [10_000 * US, 100 * US], 1000), [0, 1000]);
        let mut contest = Contest::new(vec![500 * US, US]);
        contest.record(1, 900 * US, false);
        contest.record(1, 100 * US, false);
        assert_eq!(contest.known(1), None);
        let reason = Reason::NoRival { own: Some(100 * US), rival_at_best: 500 * US };
        assert_eq!(contest.choose(), Choice { candidate: 1, reason });
    }

    #[test]
    fn a_first_call_that_compiles_does_not_decide() {
        let mut contest = Contest::new(vec![US, US]);
        for call in 0..64 {
            let choice = contest.choose();
            let time = match choice.candidate {
                0 if call == 0 => 80_000 * US,
                0 => 50 * US,
                _ => 200 * US,
            };
            contest.record(choice.candidate, time, false);
        }
        assert_eq!([0, 1, 2].map(|candidate| contest.known(candidate)), [Some(50 * US), Some(200 * US), None]);
        let reason = Reason::Fastest { own: 50 * US, next: 200 * US };
        assert_eq!(contest.choose(), Choice { candidate: 0, reason });
    }

    #[test]
    fn candidates_take_their_turns_one_after_the_other() {
        let mut contest = Contest::new(vec![US, 2 * US]);
        let mut order = Vec::new();
        for _ in 0..9 {
            let choice = contest.choose();
            // The first call after the other candidate's is slow, whoever makes it.
            let settles = order.last() != Some(&choice.candidate);
            order.push(choice.candidate);
            contest.record(
                choice.candidate,
                if settles { 900 * US } else { [50 * US, 40 * US][choice.candidate] },
                false,
            );
        }
        assert_eq!(order, [0, 0, 0, 0, 1, 1, 1, 1, 1]);
        assert_eq!([0, 1].map(|candidate| contest.known(candidate)), [Some(50 * US), Some(40 * US)]);
    }

    #[test]
    fn a_loser_is_tried_again_ever_more_rarely() {
        // After 8 calls, 618 (by cost), 1236, ...
        assert_eq!(play([US, US], [130 * US, 100 * US], 5000)[0], 4 + 103 * 4);
        // What costs more, later: the first time at a twentieth of the cost.
        let [slow, fast] = play([US, US], [1100 * US, 100 * US], 100_000);
        assert!(slow <= 4 * 8 && slow * 10 <= fast / 20, "{slow} {fast}");
    }

    #[test]
    fn a_disturbed_burst_decides_for_few_calls() {
        let mut contest = Contest::new(vec![US, US]);
        let mut late = 0;
        for call in 0..100 {
            let choice = contest.choose();
            let disturbed = if call < 8 { 3 } else { 1 };
            contest.record(choice.candidate, [150 * US, 90 * US * disturbed][choice.candidate], false);
            late += usize::from(call >= 20 && choice.candidate == 0);
        }
        // The one that seemed the faster at first is tried once more, after 190 calls.
        assert_eq!(late, 0);
    }

    #[test]
    fn a_close_loser_is_judged_by_what_it_takes_once_settled() {
        // The faster one takes 20 ms, or 50 calls, after each rest before it is: longer than the first comparison lasts.
        for fast in [90 * US, 4000 * US] {
            let mut contest = Contest::new(vec![US, US]);
            let (mut counts, mut since) = ([0; 2], 0);
            for _ in 0..400 {
                let choice = contest.choose();
                since = if choice.candidate == 1 { since + 1 } else { 0 };
                let rests = since <= 50 && fast * 3 * since <= 20_000 * US;
                let time = if choice.candidate == 1 && !rests { fast } else { fast * 3 };
                contest.record(choice.candidate, if choice.candidate == 0 { fast * 2 } else { time }, false);
                counts[choice.candidate] += 1;
            }
            assert!(counts[1] > 200, "{fast:?} {counts:?}");
        }
    }

    #[test]
    fn what_is_closer_settles_longer() {
        let of = |us: u32| [1.2, 3.0, 9.0].map(|ratio| settling_calls(us * US, ratio));
        assert_eq!([0, 20, 400].map(of), [[100, 16, 1], [100, 16, 1], [75, 13, 1]]);
        assert_eq!([1200, 5000, 90_000].map(of), [[25, 5, 1], [6, 1, 1], [1, 1, 1]]);
    }

    #[test]
    fn calls_that_are_skipped_change_no_choice() {
        // What each of the first calls computes, where up to `most` are skipped after each choice.
        let order = |at_best: [Duration; 2], most: u32| {
            let mut contest = Contest::new(at_best.to_vec());
            let (mut order, mut asked) = (Vec::new(), 0);
            while order.len() < 1000 {
                let choice = contest.choose();
                contest.record(choice.candidate, [130, 100][choice.candidate] * US, false);
                let skipped = contest.skip(&choice, most);
                assert!(skipped <= most && (skipped == 0 || choice.candidate == 1));
                order.extend(std::iter::repeat_n(choice.candidate, 1 + skipped as usize));
                asked += 1;
            }
            order.truncate(1000);
            (order, asked)
        };
        for at_best in [[US, US], [500 * US, US]] {
            let (each, asked) = order(at_best, 0);
            assert_eq!(asked, 1000);
            let (some, asked) = order(at_best, 15);
            assert_eq!(some, each);
            assert!(asked < 300, "{asked}");
        }
    }

    #[test]
    fn who_becomes_the_faster_one_wins_in_time() {
        let mut contest = Contest::new(vec![US, US]);
        let mut late = 0;
        for call in 0..5000 {
            let choice = contest.choose();
            let slow = if call < 1000 { 0 } else { 1 };
            contest.record(choice.candidate, if choice.candidate == slow { 140 * US } else { 100 * US }, false);
            late += usize::from(call >= 4000 && choice.candidate == 0);
        }
        assert!(late > 900, "{late}");
    }

    #[test]
    fn a_wrong_start_is_mended() {
        // The better one was disturbed in all its first calls.
        let mut contest = Contest::new(vec![US, US]);
        let mut counts = [0; 2];
        for call in 0..1000 {
            let choice = contest.choose();
            let disturbed = call < 10 && choice.candidate == 0;
            contest.record(choice.candidate, if disturbed { 900 } else { [100, 300][choice.candidate] } * US, false);
            counts[choice.candidate] += 1;
        }
        assert!(counts[0] > 750, "{counts:?}");
    }

    #[test]
    fn a_device_that_is_slow_after_every_rest_gets_its_due() {
        // As traced on a machine of 16 cores with a discrete GPU: after a rest the CPU takes up to three times as long for 50 ms, now
        // and then by a slice of 4 ms; the GPU takes twice as long for four calls. Other sessions work after every 300 ms.
        const US: f64 = 1e-6;
        for (cpu, gpu, faster) in [(300.0, 480.0, 1), (300.0, 400.0, 1), (480.0, 300.0, 0), (2000.0, 3200.0, 1)] {
            for seed in 0..20 {
                let mut rng = fastrand::Rng::with_seed(seed);
                let mut contest = Contest::new(vec![Duration::from_nanos(1); 2]);
                let (mut counts, mut in_a_row, mut awake) = ([0, 0], [0, 0], 0.0);
                let (mut turn, mut skipped) = (0.0, (0, 0));
                for call in 0..6000 {
                    let is_timed = skipped.1 == 0;
                    let choice = is_timed.then(|| contest.choose());
                    let candidate = choice.map_or(skipped.0, |choice| choice.candidate);
                    in_a_row[candidate] += 1;
                    in_a_row[1 - candidate] = 0;
                    let time = match candidate {
                        0 => gpu * if in_a_row[0] <= 4 { 2.0 } else { 1.0 + 0.1 * rng.f64() },
                        _ if awake > 0.05 => cpu * (1.0 + 0.2 * rng.f64()),
                        _ => cpu * (1.0 + 2.0 * rng.f64()) + if rng.u32(..100) < 15 { 4000.0 } else { 0.0 },
                    } * US;
                    awake = if candidate == 1 { awake + time } else { 0.0 };
                    turn += time;
                    if turn > 0.3 {
                        (turn, awake, in_a_row) = (0.0, 0.0, [0, 0]);
                    }
                    if let Some(choice) = choice {
                        contest.record(candidate, Duration::from_secs_f64(time), false);
                        skipped = (candidate, contest.skip(&choice, 15));
                    } else {
                        skipped.1 -= 1;
                    }
                    counts[candidate] += usize::from(call >= 1000);
                }
                assert!(counts[faster] > 3500, "{cpu} {gpu} {seed}: {counts:?}");
            }
        }
    }

    #[test]
    fn disturbed_calls_decide_for_as_long_as_there_are_no_others() {
        let mut contest = Contest::new(vec![US, US]);
        let mut play = |calls: usize, times: [u32; 2], is_disturbed: bool| {
            let mut counts = [0; 2];
            for _ in 0..calls {
                let choice = contest.choose();
                contest.record(choice.candidate, times[choice.candidate] * US, is_disturbed);
                counts[choice.candidate] += 1;
            }
            counts
        };
        // The first is the faster one, but for a disturbance.
        assert_eq!(play(16, [900, 300], true), [4, 12]);
        let [first, second] = play(400, [100, 300], false);
        assert!(first > 370 && second >= 4, "{first} {second}");
        // Once all is decided, a disturbance decides nothing, and nothing begins again after it.
        let [first, second] = play(200, [900, 300], true);
        assert!(first > 170, "{first} {second}");
        assert_eq!(play(100, [100, 300], false), [100, 0]);
    }

    #[test]
    fn a_lone_candidate_is_chosen() {
        let mut contest = Contest::new(vec![US]);
        for _ in 0..10 {
            assert_eq!(contest.choose().candidate, 0);
            contest.record(0, 5 * US, false);
        }
    }
}
