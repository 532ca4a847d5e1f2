use super::*;

const US: Duration = Duration::from_micros(1);

/// Makes calls as a session does: most go where the latest choice sent one, untimed.
struct Caller {
    contest: Contest,
    choice: Option<Choice>,
    untimed: u32,
}

impl Caller {
    fn new() -> Caller {
        Caller { contest: Contest::new(vec![Duration::from_nanos(1); 2]), choice: None, untimed: 0 }
    }

    /// One call, which takes so many seconds by candidate; gives both.
    fn call(&mut self, seconds: impl FnOnce(usize) -> f64) -> (usize, f64) {
        let choice = match self.choice.filter(|_| self.untimed > 0) {
            Some(choice) => choice,
            None => self.contest.choose(),
        };
        let time = seconds(choice.candidate);
        if self.untimed > 0 {
            self.untimed -= 1;
        } else {
            self.contest.record(choice.candidate, Duration::from_secs_f64(time), false);
            let most = self.contest.untimed(&choice);
            self.untimed = self.contest.skip(&choice, most);
        }
        self.choice = Some(choice);
        (choice.candidate, time)
    }
}

/// A device that takes some times as long for a while after it had nothing to do.
#[derive(Clone, Copy, Debug)]
struct Machine {
    /// Microseconds of a call of each candidate in a row of them.
    us: [f64; 2],
    /// How often as long the second takes at first, and for how many seconds.
    cold: (f64, f64),
}

impl Machine {
    /// One call, of a machine whose second candidate was in use for so many seconds before.
    fn call(&self, caller: &mut Caller, awake: &mut f64) -> f64 {
        let (candidate, time) = caller.call(|candidate| {
            let is_cold = candidate == 1 && *awake < self.cold.1;
            self.us[candidate] * 1e-6 * if is_cold { self.cold.0 } else { 1.0 }
        });
        *awake = if candidate == 1 { *awake + time } else { 0.0 };
        time
    }

    /// Seconds of a call of the faster one, in a row of them.
    fn best(&self) -> f64 {
        self.us[0].min(self.us[1]) * 1e-6
    }

    /// Seconds that calls take, of those that the faster one would for all of them.
    fn ratio(self, calls: usize) -> f64 {
        let (mut caller, mut awake) = (Caller::new(), 0.0);
        let spent: f64 = (0..calls).map(|_| self.call(&mut caller, &mut awake)).sum();
        spent / (self.best() * calls as f64)
    }
}

/// Seconds of a call in the second half of each turn of 200 ms, in units of the faster one's time, the least and the greatest left out;
/// before each the machine rests, so that the second candidate is cold. They follow on a second and a half without a rest.
fn with_rests(machine: Machine, turns: usize) -> f64 {
    let mut caller = Caller::new();
    let mut ratios = Vec::new();
    for turn in 0..=turns {
        let (mut now, mut awake) = (0.0, 0.0);
        let (mut counted, mut spent) = (0.0, 0.0);
        let long = if turn == 0 { 1.5 } else { 0.2 };
        while now < long {
            let time = machine.call(&mut caller, &mut awake);
            now += time;
            if now > long / 2.0 {
                (counted, spent) = (counted + 1.0, spent + time);
            }
        }
        ratios.push(spent / counted / machine.best());
    }
    ratios.remove(0);
    ratios.sort_by(f64::total_cmp);
    ratios[1..turns - 1].iter().sum::<f64>() / (turns - 2) as f64
}

#[test]
fn what_rests_do_decides_nothing() {
    for us in [[240.0, 120.0], [160.0, 100.0], [800.0, 500.0], [330.0, 450.0], [500.0, 1500.0], [150.0, 40.0]] {
        for cold in [(1.0, 0.0), (2.0, 0.05), (3.0, 0.05)] {
            let ratio = with_rests(Machine { us, cold }, 8);
            assert!(ratio < 1.03, "{us:?} {cold:?}: {ratio}");
        }
    }
}

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
    // Nine times as slow: tried again after 640 calls, by four.
    assert_eq!(play([US, US], [900 * US, 100 * US], 640), [4, 636]);
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
        contest.record(choice.candidate, if settles { 900 * US } else { [50 * US, 40 * US][choice.candidate] }, false);
    }
    assert_eq!(order, [0, 0, 0, 0, 1, 1, 1, 1, 1]);
    assert_eq!([0, 1].map(|candidate| contest.known(candidate)), [Some(50 * US), Some(40 * US)]);
}

#[test]
fn bursts_settle_ever_longer() {
    assert_eq!([0, 1, 2, 3, 4, 7, 40].map(settling_calls), [1, 8, 64, 512, 4096, 1 << 20, 1 << 20]);
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
fn a_leader_that_becomes_slower_is_found_out_in_time() {
    for (us, factor) in [(100.0, 5.0), (100.0, 100.0), (30.0, 100.0), (2000.0, 3.0)] {
        let mut caller = Caller::new();
        let (mut now, mut late) = (0.0, 0.0);
        // Two seconds of calls, and from then on it takes so many times as long.
        while now < 8.0 {
            let slower = if now > 2.0 { factor } else { 1.0 };
            let (candidate, time) = caller.call(|candidate| us * 1e-6 * if candidate == 0 { slower } else { 1.5 });
            late += if candidate == 0 && now > 2.0 { time } else { 0.0 };
            now += time;
        }
        // The calls that go untimed when it happens, a quarter of a second, and bursts.
        let most = us * 1e-6 * factor * 1024.0_f64.min(16e3 / us) + 0.5;
        assert!(late < most, "{us} {factor}: {late} of {most}");
    }
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
    // Tried again after 160 calls.
    assert!(counts[0] > 790, "{counts:?}");
}

#[test]
fn trying_costs_a_twentieth_at_first_and_a_fiftieth_later() {
    for times in [1.02, 1.1, 1.5, 1.9, 2.5, 4.0, 9.0, 30.0] {
        for us in [[300.0, 300.0 * times], [300.0 * times, 300.0], [20.0 * times, 20.0], [5e3, 5e3 * times]] {
            for calls in [20, 68, 288, 576, 3000, 20_000] {
                let ratio = Machine { us, cold: (1.0, 0.0) }.ratio(calls);
                let first = f64::from(SETTLING + NEEDED) * (times - 1.0) / calls as f64;
                assert!(ratio <= 1.0 + first + 1.1 * COST_AT_FIRST, "{us:?}, {calls} calls: {ratio}");
            }
        }
    }
    assert!(Machine { us: [400.0, 10.0], cold: (1.0, 0.0) }.ratio(1_000_000) < 1.0 + 1.1 * COST_OF_TRYING);
    // Soon less, as bursts become rare: after two seconds of calls.
    for us in [20.0, 200.0] {
        for times in [1.1, 1.5, 2.0, 3.0, 9.0] {
            let machine = Machine { us: [us * times, us], cold: (1.0, 0.0) };
            let calls = |seconds: f64| (seconds * 1e6 / us) as usize;
            let total = |seconds| machine.ratio(calls(seconds)) * calls(seconds) as f64;
            let later = (total(8.0) - total(2.0)) / calls(6.0) as f64;
            assert!(later < 1.006, "{us} {times}: {later}");
        }
    }
    assert!(Machine { us: [400.0, 10.0], cold: (1.0, 0.0) }.ratio(300_000) < 1.01);
    assert!(Machine { us: [300.0, 390.0], cold: (1.0, 0.0) }.ratio(100_000) < 1.02);
}

#[test]
fn who_is_slow_after_a_rest_gets_its_due() {
    for us in [[300.0, 150.0], [300.0, 250.0], [300.0, 280.0], [3200.0, 2000.0], [300.0, 400.0], [100.0, 60.0]] {
        for cold in [(1.5, 0.01), (1.9, 0.05), (2.5, 0.025), (2.9, 0.05)] {
            let total = |calls: usize| Machine { us, cold }.ratio(calls) * calls as f64;
            let later = (total(150_000) - total(100_000)) / 50_000.0;
            assert!(later < 1.08, "{us:?} {cold:?}: {later}");
        }
    }
}

#[test]
fn a_disturbed_comparison_decides_for_few_calls() {
    let mut contest = Contest::new(vec![US, US]);
    let mut late = 0;
    for call in 0..3000 {
        let choice = contest.choose();
        let disturbed = if call < 8 { 3 } else { 1 };
        contest.record(choice.candidate, [150 * US, 90 * US * disturbed][choice.candidate], false);
        late += usize::from(call >= 100 && choice.candidate == 0);
    }
    assert!(late < 200, "{late}");
}

/// What each candidate computed of some calls, of which some are disturbed.
fn disturbed(contest: &mut Contest, us: [u32; 2], calls: usize, is_disturbed: impl Fn(usize) -> bool) -> [usize; 2] {
    let mut counts = [0; 2];
    for call in 0..calls {
        let choice = contest.choose();
        contest.record(choice.candidate, us[choice.candidate] * US, is_disturbed(call));
        counts[choice.candidate] += 1;
    }
    counts
}

#[test]
fn disturbed_calls_decide_for_as_long_as_there_are_no_others() {
    let mut contest = Contest::new(vec![US, US]);
    // The first is the faster one, but for a disturbance.
    assert_eq!(disturbed(&mut contest, [900, 300], 16, |_| true), [4, 12]);
    let [first, second] = disturbed(&mut contest, [100, 300], 400, |_| false);
    assert!(first > 370 && second >= 4, "{first} {second}");
    // Once all is decided, a disturbance decides nothing, and a burst that it meets is put off.
    let [first, second] = disturbed(&mut contest, [900, 300], 2000, |_| true);
    assert!(first > 1900 && second >= 1, "{first} {second}");
    let [first, _] = disturbed(&mut contest, [100, 300], 1000, |_| false);
    assert!(first > 950, "{first}");
}

#[test]
fn disturbances_that_come_and_go_keep_nothing_open() {
    for every in [2, 3, 8] {
        let mut contest = Contest::new(vec![US, US]);
        let [first, second] = disturbed(&mut contest, [900, 100], 1000, |call| call % every == 0);
        assert!(second > 900, "{every}: {first} {second}");
    }
}

#[test]
fn a_burst_whose_calls_fail_ends() {
    let mut contest = Contest::new(vec![US, US]);
    let mut failed = 0;
    for _ in 0..100_000 {
        let choice = contest.choose();
        // The slower one fails once its time is known.
        match (choice.candidate, contest.known(0).is_some()) {
            (0, true) => failed += 1,
            (candidate, _) => contest.record(candidate, [101, 100][candidate] * US, false),
        }
    }
    assert!(failed < 1000, "{failed}");
}

#[test]
fn threads_that_call_at_once_settle_for_as_long() {
    // 300 µs against 200 that are 600 for the first 50 ms, in eight threads that choose before any of them tells.
    let mut contest = Contest::new(vec![US / 1000; 2]);
    let (mut now, mut awake_since) = (0.0, None);
    let mut late = 0;
    for round in 0..20_000 {
        let choices = [(); 8].map(|()| contest.choose());
        let mut longest = 0.0_f64;
        for choice in choices {
            let time = match (choice.candidate, awake_since) {
                (0, _) => 300e-6,
                (_, Some(since)) if now - since > 0.05 => 200e-6,
                _ => 600e-6,
            };
            longest = longest.max(time);
            contest.record(choice.candidate, Duration::from_secs_f64(time), false);
            late += usize::from(round >= 15_000 && choice.candidate == 0);
        }
        let is_awake = choices.iter().any(|choice| choice.candidate == 1);
        awake_since = if is_awake { awake_since.or(Some(now)) } else { None };
        now += longest;
    }
    assert!(late < 8000, "{late}");
}

#[test]
fn a_lone_candidate_is_chosen() {
    let mut contest = Contest::new(vec![US]);
    for _ in 0..10 {
        assert_eq!(contest.choose().candidate, 0);
        contest.record(0, 5 * US, false);
    }
}
