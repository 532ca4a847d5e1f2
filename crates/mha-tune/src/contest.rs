//! [`Contest`]: which of several ways to compute a class of problems is the fastest, found out by using them.

use std::fmt;
use std::time::Duration;

/// Times kept of a candidate: as many as outlast a stretch in which something else slows it down. A leader that itself becomes
/// slower is found out after thirteen such times.
const KEPT: usize = 16;
/// How long it takes to gather as many, and how many calls may go untimed between two.
const SPREAD: Duration = Duration::from_millis(256);
const MOST_UNTIMED: f64 = 1024.0;
const UNTIMED_WHILE_SETTLING: u32 = 15;
/// Times that a candidate needs for a comparison.
const NEEDED: u32 = 3;
/// Calls that do not count before those of the first comparison: the first after another candidate's may compile, wake threads or
/// find caches cold.
const SETTLING: u32 = 1;
/// A loser is tried again, by a burst, as load and clocks change, and as the first comparison may have met a device that was busy.
/// What a burst takes beyond the leader's time is this part of what calls took since the last one, or less; of the first few bursts,
/// which lead to one that settles for as long as any, more. Each lost one that did so makes the part for the next a quarter. When it was
/// half, one of 25 ms came in the fourth second of calls that took 0.155 ms on the CPU and 0.264 on an H200.
const COST_OF_TRYING: f64 = 0.02;
const COST_AT_FIRST: f64 = 0.05;
const FIRST_BURSTS: u32 = 5;
const RARER: f64 = 4.0;
const LEAST_CALLS_BETWEEN: f64 = 16.0;
const MOST_CALLS_BETWEEN: f64 = 16_777_216.0;
/// Longer than this a loser waits only for what its burst would cost.
const LONGEST_BETWEEN: Duration = Duration::from_secs(60);
/// Each burst that is lost, unless by far, makes the next one settle for eight times as many calls, up to this many or this long, as
/// its times are to tell what the thousandth call in a row would take. ONNX Runtime's threads, once asleep, wake on cores that some
/// of them have to share: on a machine of 16, calls of 0.3 ms took up to three times as long for 50 ms, until the scheduler had
/// spread them.
const MORE_SETTLING: u32 = 8;
const MOST_SETTLING: u32 = 1 << 20;
const LONGEST_SETTLING: Duration = Duration::from_millis(60);
/// One that is so many times as slow has no more to settle than at first: nothing that passes explains more. On an H200, when it was 4,
/// longer bursts of one that took 3.7 times as long were a tenth of what a session's third and fourth second took.
const FAR: f64 = 3.0;
/// A burst ends that costs so many times what was planned, and more than if it took twice the leader's time.
const OVERRUN: f64 = 4.0;
/// A burst waits for the times of so many calls; more of them fail.
const MOST_THREADS: u32 = 64;
/// How often a contest begins again after calls that something disturbed.
const MOST_BEGINNINGS: u32 = 2;

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
    fn begin_again(&mut self) {
        self.recent.drain(..self.recent.len().saturating_sub(NEEDED as usize));
    }

    fn is_known(&self) -> bool {
        self.recent.len() >= NEEDED as usize
    }
}

/// A loser's next burst.
#[derive(Clone, Copy, Debug)]
struct Retry {
    candidate: usize,
    /// At which call it begins.
    at: u64,
    /// What goes on, once it has begun.
    burst: Option<Burst>,
}

/// A burst under way.
#[derive(Clone, Copy, Debug)]
struct Burst {
    /// Calls to come that do not count.
    settling: u32,
    /// Calls to come that do.
    needed: u32,
    /// The latest in a row that were faster than the leader's.
    faster: u32,
    /// Calls that were sent to it: some may fail, or be disturbed.
    sent: u32,
    /// Calls that told their time.
    told: u32,
    /// Their time.
    time: Duration,
    /// How long they took together, where threads make some at once, and how many at the most.
    lasted: Duration,
    at_once: u32,
    /// The leader's, for one.
    leaders: Duration,
    /// What it may cost beyond the leader's time.
    most: Duration,
}

impl Burst {
    fn cost(&self) -> Duration {
        self.time.saturating_sub(self.leaders * self.told)
    }
}

/// The times of all candidates for one class of problems.
#[derive(Clone, Debug)]
pub struct Contest {
    times: Vec<Times>,
    /// The least that each candidate could take: below it no measurement is possible.
    at_best: Vec<Duration>,
    calls: u64,
    /// Whether a choice was made by what is known.
    is_decided: bool,
    /// Whether times among those known are of disturbed calls.
    is_doubtful: bool,
    /// How often it began again.
    beginnings: u32,
    /// Bursts that have ended, and those in a row that the present loser lost.
    bursts: u32,
    lost: u32,
    /// Of the latter, those that no longer settling could have changed.
    in_vain: u32,
    /// What a burst cost that its candidate won.
    unpaid: Duration,
    /// Up to which call the leader settles, after a burst in which it had nothing to do.
    settles_until: u64,
    /// At which call the latest time was told.
    told_at: u64,
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
            beginnings: 0,
            bursts: 0,
            lost: 0,
            in_vain: 0,
            unpaid: Duration::ZERO,
            settles_until: 0,
            told_at: 0,
            retry: None,
        }
    }

    /// What a candidate takes, where enough calls have told.
    pub fn known(&self, candidate: usize) -> Option<Duration> {
        self.times.get(candidate).filter(|times| times.is_known()).and_then(|times| times.typical)
    }

    /// Tells the time of a call that a candidate computed. One that something else disturbed decides only until one comes that
    /// nothing did: then all begins again, twice at the most. Where all is decided it says nothing.
    pub fn record(&mut self, candidate: usize, time: Duration, is_disturbed: bool) {
        let is_disturbed = is_disturbed && self.beginnings < MOST_BEGINNINGS;
        if is_disturbed && self.is_decided && !self.is_doubtful {
            // A burst waits for better times.
            if let Some(Retry { candidate: loser, burst: Some(burst), .. }) = self.retry
                && loser == candidate
            {
                self.schedule(loser, burst.leaders, burst.cost() + time);
            }
            return;
        }
        if !is_disturbed && self.is_doubtful {
            let (calls, beginnings) = (self.calls, self.beginnings + 1);
            *self = Contest { calls, beginnings, ..Contest::new(std::mem::take(&mut self.at_best)) };
        }
        self.is_doubtful |= is_disturbed;
        let counts = self.tell_burst(candidate, time).unwrap_or(self.calls >= self.settles_until);
        if let (false, Some(own), Some(Retry { candidate: loser, at, burst: None })) =
            (counts, self.times.get(candidate).and_then(|times| times.typical), &mut self.retry)
            && *loser != candidate
        {
            // What it takes the leader to settle again is paid for like the burst; calls since the latest that was timed took as long.
            let calls = self.calls.saturating_sub(self.told_at) as f64;
            let owed = calls * time.saturating_sub(own).as_secs_f64() / (COST_OF_TRYING * own.as_secs_f64());
            *at = at.saturating_add(owed.clamp(0.0, MOST_CALLS_BETWEEN) as u64);
        }
        self.told_at = self.calls;
        if let Some(times) = self.times.get_mut(candidate).filter(|_| counts) {
            times.add(time);
        }
        self.end_burst(candidate);
    }

    /// Tells a burst, if one of this candidate is under way, of a call; gives whether its time counts there.
    fn tell_burst(&mut self, candidate: usize, time: Duration) -> Option<bool> {
        let burst = self.retry.as_mut().filter(|retry| retry.candidate == candidate)?.burst.as_mut()?;
        burst.at_once = burst.sent.saturating_sub(burst.told).max(burst.at_once);
        burst.told += 1;
        burst.time += time;
        burst.lasted += time / burst.at_once;
        burst.faster = if time < burst.leaders { burst.faster + 1 } else { 0 };
        if burst.settling > 0 {
            burst.settling -= 1;
            // Nothing is left to wait for where it leads.
            if burst.lasted >= LONGEST_SETTLING || burst.faster >= NEEDED {
                burst.settling = 0;
            }
            return Some(false);
        }
        burst.needed = burst.needed.saturating_sub(1);
        Some(true)
    }

    /// Ends a burst of this candidate that has told all, or costs too much.
    fn end_burst(&mut self, candidate: usize) {
        let retry = self.retry.filter(|retry| retry.candidate == candidate);
        let Some(burst) = retry.and_then(|retry| retry.burst) else { return };
        // Threads pay at the same time.
        if burst.needed > 0 && burst.cost() <= burst.most * burst.at_once {
            return;
        }
        self.retry = None;
        self.bursts = self.bursts.saturating_add(1);
        let rivals = (0..self.times.len()).filter(|&other| other != candidate);
        let rivals_best = rivals.filter_map(|other| self.times[other].typical).min();
        let won = burst.needed == 0 && rivals_best.zip(self.times[candidate].typical).is_some_and(|(r, own)| own < r);
        if won {
            (self.lost, self.in_vain) = (0, 0);
            self.unpaid = burst.cost();
        } else {
            let is_longest = burst.lasted >= LONGEST_SETTLING || burst.told >= MOST_SETTLING;
            self.in_vain += u32::from(is_longest || self.is_far(candidate, burst.leaders));
            self.lost = self.lost.saturating_add(1);
            self.settles_until = self.calls.saturating_add(longest_settling(burst.leaders).into());
            self.schedule(candidate, burst.leaders, burst.cost());
        }
    }

    /// Sets the loser's next burst, for when it and a cost that is still to be paid are affordable.
    fn schedule(&mut self, loser: usize, leaders: Duration, unpaid: Duration) {
        let planned = self.planned_cost(loser, leaders).max(unpaid);
        let part = if self.in_vain == 0 && self.bursts < FIRST_BURSTS { COST_AT_FIRST } else { COST_OF_TRYING };
        let affordable = planned.as_secs_f64() / (part * leaders.as_secs_f64()).max(f64::MIN_POSITIVE);
        let rarely = RARER.powi(self.in_vain.min(16) as i32);
        let longest = LONGEST_BETWEEN.as_secs_f64() / leaders.as_secs_f64().max(f64::MIN_POSITIVE);
        let most = longest.clamp(LEAST_CALLS_BETWEEN, MOST_CALLS_BETWEEN).max(affordable);
        let between = (affordable.max(LEAST_CALLS_BETWEEN) * rarely).min(most);
        self.retry = Some(Retry { candidate: loser, at: self.calls.saturating_add(between as u64), burst: None });
    }

    /// What the loser's next burst takes beyond the leader's time, if it is as slow as it was.
    fn planned_cost(&self, loser: usize, leaders: Duration) -> Duration {
        let losers = self.times[loser].typical.unwrap_or(leaders);
        let settling = self.settling(loser, leaders).min(longest_settling(losers));
        losers.saturating_sub(leaders) * (settling + NEEDED)
    }

    fn is_far(&self, loser: usize, leaders: Duration) -> bool {
        self.times[loser].typical.is_some_and(|losers| losers > leaders.mul_f64(FAR))
    }

    /// The loser's next burst, before its first call.
    fn burst(&self, loser: usize, leaders: Duration) -> Burst {
        let settling = self.settling(loser, leaders);
        let most = self.planned_cost(loser, leaders).mul_f64(OVERRUN).max(leaders * (settling + NEEDED));
        let (time, lasted) = (Duration::ZERO, Duration::ZERO);
        Burst { settling, needed: NEEDED, faster: 0, sent: 0, told: 0, time, lasted, at_once: 1, leaders, most }
    }

    /// Calls that the loser's next burst settles for.
    fn settling(&self, loser: usize, leaders: Duration) -> u32 {
        if self.is_far(loser, leaders) { SETTLING } else { settling_calls(self.lost) }
    }

    /// The candidate for the next call.
    pub fn choose(&mut self) -> Choice {
        let choice = self.next();
        self.is_decided |= matches!(choice.reason, Reason::Fastest { .. } | Reason::NoRival { own: Some(_), .. });
        choice
    }

    fn next(&mut self) -> Choice {
        self.calls += 1;
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
        match self.tries_again(next, own) {
            Some(candidate) => Choice { candidate, reason: Reason::Measuring },
            None => Choice { candidate: leader, reason: Reason::Fastest { own, next: other } },
        }
    }

    /// Counts calls that are to go where `choice`, the latest, sent one, and are not told of: as many as come before anything else
    /// can be chosen, `most` at the most. None while times are being gathered.
    pub fn skip(&mut self, choice: &Choice, most: u32) -> u32 {
        let calls = match (choice.reason, self.retry) {
            (Reason::Fastest { .. }, Some(retry)) if retry.burst.is_none() => {
                let left = retry.at.saturating_sub(self.calls).saturating_sub(1);
                // Of what settles more is watched.
                let most = if self.calls < self.settles_until { UNTIMED_WHILE_SETTLING } else { most };
                u32::try_from(left).unwrap_or(u32::MAX).min(most)
            }
            (Reason::NoRival { .. }, None) if self.times[choice.candidate].is_known() => most,
            _ => 0,
        };
        let calls = calls.min(most);
        self.calls += u64::from(calls);
        calls
    }

    /// Calls that may go untimed after the one that `choice`, the latest, sent: so many that [`KEPT`] times are spread over a quarter of
    /// a second, by its latest time too, as it may just have become slower. What a rest does to the calls after it is over by then, and
    /// clocks and locks cost short calls nothing that shows.
    pub fn untimed(&self, choice: &Choice) -> u32 {
        let (Reason::Fastest { own, .. } | Reason::NoRival { own: Some(own), .. }) = choice.reason else { return 0 };
        let latest = self.times[choice.candidate].recent.last().copied().unwrap_or_default();
        let one = own.max(latest).as_secs_f64().max(f64::MIN_POSITIVE);
        (SPREAD.as_secs_f64() / KEPT as f64 / one).min(MOST_UNTIMED) as u32
    }

    /// The candidate of a burst that is under way, or due: the loser's.
    fn tries_again(&mut self, loser: usize, leaders: Duration) -> Option<usize> {
        // A burst may make its candidate the leader before it ends.
        if self.retry.is_none_or(|retry| retry.candidate != loser && retry.burst.is_none()) {
            (self.lost, self.in_vain) = (0, 0);
            let unpaid = std::mem::take(&mut self.unpaid);
            self.schedule(loser, leaders, unpaid);
        }
        let is_due = self.retry.is_some_and(|retry| retry.burst.is_none() && self.calls >= retry.at);
        let new = is_due.then(|| self.burst(loser, leaders));
        let retry = self.retry.as_mut()?;
        if new.is_some() {
            retry.burst = new;
            self.times[loser].begin_again();
        }
        let burst = retry.burst.as_mut()?;
        burst.sent += 1;
        let candidate = retry.candidate;
        if burst.sent.saturating_sub(burst.told) > MOST_THREADS {
            // Its calls fail, and tell nothing.
            let (leaders, cost) = (burst.leaders, burst.cost());
            (self.bursts, self.in_vain) = (self.bursts.saturating_add(1), self.in_vain.saturating_add(1));
            self.lost = self.lost.saturating_add(1);
            self.schedule(candidate, leaders, cost);
            return None;
        }
        Some(candidate)
    }
}

/// Calls of so long each after which a candidate has settled for long enough.
fn longest_settling(one: Duration) -> u32 {
    let calls = LONGEST_SETTLING.as_secs_f64() / one.as_secs_f64().max(f64::MIN_POSITIVE);
    (calls.ceil() as u32).clamp(SETTLING, MOST_SETTLING)
}

/// Calls that a burst settles for, by how many were lost before it.
fn settling_calls(lost: u32) -> u32 {
    MORE_SETTLING.checked_pow(lost).map_or(MOST_SETTLING, |calls| calls.min(MOST_SETTLING))
}

#[cfg(test)]
mod tests;
