"""Times several ways to make one call, in turn, and says how sure the figures are."""

import itertools
import math
import time

# Warm-up: kernels are compiled, memory is allocated, and `route=auto` gives four calls to each side before it decides. Four more,
# by which it confirms a close decision later, are among those that count: lower quartiles don't see them.
FIRST_CALLS = {"stock": 3, "gpu": 3, "auto": 8}
LEAST_ROUNDS, MOST_ROUNDS = 3, 42
# Calls at most that the slowest of them still has to come when it is known how slow it is: the trial calls, and two a round.
CALLS_TO_COME = 8 + 2 * LEAST_ROUNDS
# A turn of short calls has many, and its first, which finds caches and threads as another session left them, does not count.
TURN_SECONDS, MOST_CALLS = 3e-3, 16


class OutOfTime(Exception):
    """A call takes too long for the time that is left."""


def timed(call, clock=time.perf_counter):
    begin = clock()
    call()
    return clock() - begin


def quantile(times, share):
    """The value below which a share of them lie, between two neighbours by distance."""
    ordered = sorted(times)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def lower_quartile(times):
    """What disturbs a call only ever makes it longer, so this is steadier than the median on a machine that does other things."""
    return quantile(times, 0.25)


def orders(names):
    """Orders of rounds, in which each name is at every place equally often, and of up to three names also right after each other
    one: what a session leaves behind, as threads that spin and caches that are full, falls to all alike. Of more names each follows
    its neighbours alone."""
    turned = [names[first:] + names[:first] for first in range(len(names))]
    return turned + [order[::-1] for order in turned]


def measure(calls, seconds, seconds_left, clock=time.perf_counter):
    """Times of each of `calls`, by name, as lists of the rounds' times: for about `seconds`, in rounds that begin with each
    call in turn.

    Raises OutOfTime where the fewest rounds would take more than `seconds_left`."""
    begin = clock()
    once = {}
    for name, call in calls.items():
        for done in range(FIRST_CALLS[name]):
            once[name] = min(once.get(name, math.inf), timed(call, clock))
            # The first call may compile; the second says what all that is to come would take.
            if done == 1 and clock() - begin + once[name] * CALLS_TO_COME > seconds_left:
                raise OutOfTime(f"a call of {name} takes {once[name]:.1f} s")
    repeats = {name: max(1, min(MOST_CALLS, int(TURN_SECONDS / once[name]))) for name in calls}
    times = {name: [] for name in calls}
    for number, order in zip(range(MOST_ROUNDS), itertools.cycle(orders(list(calls)))):
        if number >= LEAST_ROUNDS and clock() - begin > seconds:
            break
        for name in order:
            discarded = 1 if repeats[name] > 1 else 0
            turn = [timed(calls[name], clock) for _ in range(discarded + repeats[name])]
            times[name].append(turn[discarded:])
    return times


def summary(times):
    """Medians, lower quartiles, and how far figures of the same thing lie apart."""
    flat = {name: [t for turn in turns for t in turn] for name, turns in times.items()}
    quartiles = {name: lower_quartile(values) for name, values in flat.items()}
    return {
        "calls": {name: len(values) for name, values in flat.items()},
        "median_ms": {name: quantile(values, 0.5) * 1e3 for name, values in flat.items()},
        "lower_quartile_ms": {name: value * 1e3 for name, value in quartiles.items()},
        "ratio": quartiles["auto"] / min(quartiles["stock"], quartiles["gpu"]),
        "noise": max(noise(turns) for turns in times.values()),
    }


def noise(turns):
    """How much the lower quartiles of every other turn differ."""
    halves = [[t for turn in turns[first::2] for t in turn] for first in (0, 1)]
    low, high = sorted(lower_quartile(half) for half in halves)
    return high / low - 1
