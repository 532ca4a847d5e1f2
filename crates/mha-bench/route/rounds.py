"""Times several ways to make one call, in turn, and says how sure the figures are."""

import math
import statistics
import time

# Warm-up: kernels are compiled, memory is allocated, threads wake up, and `route=auto` compares both sides by a few calls. It tries the
# slower one again as that gets affordable, for which it has this long: a burst of 60 ms, after shorter ones, for a twentieth of the time.
FIRST_CALLS = {"stock": 3, "control": 3, "gpu": 3, "auto": 8}
FIRST_SECONDS = 0.06
LEARNING = {"auto": 2.5}
# A side whose shortest call of these takes so many times as long as the other's is given one turn, so that its time can be shown: it is
# not what `auto` is compared with.
FAR = 2.0
# Turns that the others have at least.
LEAST_TURNS = 3
# Threads and memory make one session slower than another of its kind for as long as it lives: of 312 pairs without this library
# (results/route-mesa-22.3.json) half were more than 2 % apart, a tenth more than 9. So each size is measured by several sets of
# sessions, made anew, and what they differ by says how sure the mean of them is. So many sets at least, and so many at most.
LEAST_SETS, MOST_SETS = 3, 16
# Student's t, two-sided 95 %, for 2 degrees of freedom and more; beyond these by the first terms of its series (Abramowitz and Stegun,
# 26.7.5).
STUDENT = [4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228]
NORMAL = 1.96
# A turn begins with calls that don't count, one at least, until this has passed: they find caches as another session left them, and the
# session's own threads asleep. On 16 cores those wake on cores that they have to share, where a call may wait for a slice of the
# scheduler's time, 4 ms, for as much as 50 ms. A turn is far longer than that, as `route=auto` decides by all calls that it sees: what
# counts is what a program sees that uses one session.
SETTLING_SECONDS = 0.1
# Then so long, and so many calls at least.
TURN_SECONDS, LEAST_CALLS = 0.1, 2
# Calls at least that the slowest of them still has to come when it is known how slow it is: the trial calls, and those of a circuit and of
# the turn before it.
CALLS_TO_COME = 8 + (1 + LEAST_CALLS) * (1 + LEAST_TURNS)
# Without the library.
CPU = ("stock", "control")


class OutOfTime(Exception):
    """A call takes too long for the time that is left."""


def as_many(count, one, least):
    """What `one` gives for 0, 1 and so on: `count` of them or, where time runs out, as many as there is time for, if `least` are."""
    found = []
    try:
        for index in range(count):
            found.append(one(index))
    except OutOfTime:
        if len(found) < max(least, 1):
            raise
    return found


def timed(call, clock=time.perf_counter):
    begin = clock()
    call()
    return clock() - begin


def circuit(names):
    """Names in an order in which, going round, each follows each other one once. What a session leaves behind, as threads that spin, caches
    that are full and clocks that have sunk, so falls to all alike: on 16 cores calls took up to 40 % longer after those of another session
    on the CPU than after calls of a GPU. By Hierholzer's way round a graph whose edges are all pairs."""
    left = {name: [other for other in names if other != name] for name in names}
    way, ready = [names[0]], []
    while way:
        if left[way[-1]]:
            way.append(left[way[-1]].pop())
        else:
            ready.append(way.pop())
    return ready[1:]


def far_side(shortest):
    """The sessions of the side that is far behind, by the shortest call of each."""
    cpu = min(shortest[name] for name in CPU)
    if cpu > FAR * shortest["gpu"]:
        return CPU
    return ("gpu",) if shortest["gpu"] > FAR * cpu else ()


def measure(calls, seconds_left, settle=lambda: None, clock=time.perf_counter):
    """What each of `calls` takes, by name, as a list of its turns, each as `turn` gives it: in whole circuits of those that are not far
    behind. `settle` waits for what the first calls of one began.

    Raises OutOfTime where that would take more than `seconds_left`."""
    begin = clock()
    shortest = {}
    for name, call in calls.items():
        starts, done = clock(), 0
        while done < FIRST_CALLS[name] or clock() - starts < FIRST_SECONDS:
            shortest[name] = min(shortest.get(name, math.inf), timed(call, clock))
            done += 1
            # The first call may compile; the second says what all that is to come would take.
            if done == 2 and clock() - begin + shortest[name] * CALLS_TO_COME > seconds_left:
                left = max(seconds_left, 0)
                raise OutOfTime(f"a call of {name} takes {shortest[name]:.3g} s, of {left:.0f} s left for all")
        settle()
    for name, learning in LEARNING.items():
        learns = clock()
        while clock() - learns < learning:
            calls[name]()
    far = far_side(shortest)
    times = {name: [turn(calls[name], clock)] if name in far else [] for name in calls}
    way = circuit([name for name in calls if name not in far])
    # Whom the first one follows.
    turn(calls[way[-1]], clock)
    while min(len(times[name]) for name in way) < LEAST_TURNS:
        for name in way:
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


def summary(sets):
    """What calls of each session take, by the mean of its turns of all sets, and beside the faster of stock and `gpu`: what `auto` takes
    of it, and what the second session without the library takes of the first, as nobody's fault. Each with the ends of its interval; the
    latter is none where they had a turn each."""
    turns = [{name: [seconds * 1e3 for seconds, _ in of_name] for name, of_name in times.items()} for times in sets]
    pooled = {name: [ms for times in turns for ms in times[name]] for name in turns[0]}
    calls = {name: sum(calls for times in sets for _, calls in times[name]) for name in pooled}
    mean_ms = means(pooled)
    faster = min(("stock", "gpu"), key=mean_ms.get)
    each = [means(times) for times in turns]
    ratios = [one["auto"] / one[faster] for one in each]
    control = [statistics.mean(times["control"]) / statistics.mean(times["stock"]) for times in turns
               if min(len(times["control"]), len(times["stock"])) >= LEAST_TURNS]
    return {"sets": sets, "calls": calls, "mean_ms": mean_ms, "faster": faster, "set_ratios": ratios, "set_controls": control,
            "ratio": interval(ratios), "control": interval(control) if len(control) >= LEAST_SETS else None}


def means(turns):
    """Each session's time, the mean of its turns, in which all that happens counts: tries of the slower side, and what disturbs them. Of
    both sessions without the library the mean."""
    found = {name: statistics.mean(values) for name, values in turns.items()}
    found["stock"] = (found["stock"] + found.pop("control")) / 2
    return found


def interval(ratios):
    """Where the true mean of ratios lies with 95 % confidence, as low end, geometric mean, high end; by Student's t of logarithms, as
    ratios of times are as often a tenth above as a tenth below."""
    logs = [math.log(ratio) for ratio in ratios]
    freedom = len(logs) - 1
    t = STUDENT[freedom - 2] if freedom - 2 < len(STUDENT) else NORMAL + (NORMAL**3 + NORMAL) / (4 * freedom)
    middle, half = statistics.mean(logs), t * statistics.stdev(logs) / math.sqrt(len(logs))
    return [math.exp(middle - half), math.exp(middle), math.exp(middle + half)]


def is_open(row, promised):
    """Whether more sets could tell if this size keeps what is promised."""
    low, _, high = row["ratio"]
    return low <= promised < high and len(row["sets"]) < MOST_SETS
