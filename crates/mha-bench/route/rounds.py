"""Times several ways to make one call, in turn, and says how sure the figures are."""

import itertools
import math
import time

# Warm-up: kernels are compiled, memory is allocated, and `route=auto` compares both sides by a few calls. It tries the slower one again
# as that gets affordable, for which it has this long.
FIRST_CALLS = {"stock": 3, "control": 3, "gpu": 3, "auto": 8}
LEARNING = {"auto": 1.5}
LEAST_ROUNDS, MOST_ROUNDS = 4, 8
# Threads and memory make one session up to a tenth faster or slower than another of its kind, for as long as it lives: each size is
# measured so many times, with sessions made anew.
SETS = 2
# A turn begins with calls that don't count, one at least, until this has passed: they find caches as another session left them, and the
# session's own threads asleep. On 16 cores those wake on cores that they have to share, where a call may wait for a slice of the
# scheduler's time, 4 ms, for as much as 50 ms. A turn is far longer than that, as `route=auto` decides by all calls that it sees: what
# counts is what a program sees that uses one session.
SETTLING_SECONDS = 0.1
# Then so long, and so many calls at least.
TURN_SECONDS, LEAST_CALLS = 0.1, 2
# Calls at least that the slowest of them still has to come when it is known how slow it is: the trial calls, and those of the rounds.
CALLS_TO_COME = 8 + (1 + LEAST_CALLS) * LEAST_ROUNDS


class OutOfTime(Exception):
    """A call takes too long for the time that is left."""


def timed(call, clock=time.perf_counter):
    begin = clock()
    call()
    return clock() - begin


def orders(names):
    """Orders of rounds, in which each name is at every place equally often, and right after each other one equally often: what a session
    leaves behind, as threads that spin and caches that are full, falls to all alike. E. J. Williams' design of 1949 for carry-over:
    neighbours are apart by every distance around a circle once; an odd count needs the same backwards as well."""
    count = len(names)
    zigzag = [(place + 1) // 2 if place % 2 else -place // 2 % count for place in range(count)]
    turned = [[names[(first + step) % count] for step in zigzag] for first in range(count)]
    return turned + [order[::-1] for order in turned] if count % 2 else turned


def measure(calls, seconds, seconds_left, settle=lambda: None, clock=time.perf_counter):
    """What each of `calls` takes, by name, as a list of its turns, each as `turn` gives it: for about `seconds`, in rounds that begin
    with each call in turn. `settle` waits for what the first calls of one began.

    Raises OutOfTime where the fewest rounds would take more than `seconds_left`."""
    begin = clock()
    once = {}
    for name, call in calls.items():
        for done in range(FIRST_CALLS[name]):
            once[name] = min(once.get(name, math.inf), timed(call, clock))
            # The first call may compile; the second says what all that is to come would take.
            if done == 1 and clock() - begin + once[name] * CALLS_TO_COME > seconds_left:
                left = max(seconds_left, 0)
                raise OutOfTime(f"a call of {name} takes {once[name]:.3g} s, of {left:.0f} s left for all")
        settle()
    for name, learning in LEARNING.items():
        begin = clock()
        while clock() - begin < learning:
            calls[name]()
    begin = clock()
    times = {name: [] for name in calls}
    cycle = orders(list(calls))
    for number, order in zip(range(MOST_ROUNDS), itertools.cycle(cycle)):
        # Whole cycles, if only one, so that all follow all equally often within rounds.
        if number > 0 and number % len(cycle) == 0 and clock() - begin > seconds:
            break
        for name in order:
            times[name].append(turn(calls[name], clock))
    return times


def turn(call, clock):
    """Seconds of one call of a turn, and how many counted: all that happens to them is part of it."""
    begin = clock()
    call()
    while clock() - begin < SETTLING_SECONDS:
        call()
    begin, calls = clock(), 0
    while calls < LEAST_CALLS or clock() - begin < TURN_SECONDS:
        call()
        calls += 1
    return (clock() - begin) / calls, calls


def summary(times):
    """What calls of each session take, and how sure that is, by `compared` of its turns."""
    turns = {name: [seconds * 1e3 for seconds, _ in of_name] for name, of_name in times.items()}
    calls = {name: sum(calls for _, calls in of_name) for name, of_name in times.items()}
    return {"calls": calls, "turns_ms": turns} | compared(turns)


def compared(turns):
    """Each session's time, and `auto` beside the faster of the others, by the turns of the same round: a machine that is slow for a
    while is slow for all.

    Of times and ratios it takes the mean without the least and the greatest: something may disturb a turn, or `auto` try the slower side
    again, which it may for a fiftieth of the time. What is slow in more of its turns is slower."""
    ways = {"stock": [(a + b) / 2 for a, b in zip(turns["stock"], turns["control"])], "gpu": turns["gpu"], "auto": turns["auto"]}
    means = {name: trimmed_mean(values) for name, values in ways.items()}
    faster = min(("stock", "gpu"), key=means.get)
    # Two of a kind tell how sure a ratio is; where there is but one, every other turn of it does. What `auto` does is no part of this.
    if faster == "stock":
        noise = apart(1, trimmed_mean([a / b for a, b in zip(turns["stock"], turns["control"])]))
    else:
        noise = apart(trimmed_mean(turns[faster][::2]), trimmed_mean(turns[faster][1::2]))
    ratio = trimmed_mean([own / other for own, other in zip(turns["auto"], ways[faster])])
    return {"mean_ms": means, "faster": faster, "ratio": ratio, "noise": noise}


def trimmed_mean(values):
    ordered = sorted(values)
    middle = ordered[1:-1] if len(ordered) > 3 else ordered
    return sum(middle) / len(middle)


def apart(a, b):
    return max(a, b) / min(a, b) - 1
