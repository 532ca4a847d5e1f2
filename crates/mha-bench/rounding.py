"""Where errors of float32 come from in lane rows: the kernels' arithmetic step by step in numpy, each step alone rounded to float32 while all
others are exact, and all together. Prints the root mean square of the differences from float64, in 1e-9, as a table.

    python3 crates/mha-bench/rounding.py
"""

import dataclasses

import numpy as np

LOG2_E = 1.4426950408889634
# Keys of a block. A group of two lanes owns two keys of each in a lane, which adds them first; of four and more, one.
BLOCK = 4
ROWS = 8
STEPS = ("scores", "exp2", "sum", "o")


@dataclasses.dataclass(frozen=True)
class Problem:
    name: str
    keys: int
    head_size: int
    # Lanes that share a row's columns, and keys whose weighted values are summed from zero.
    lanes: int
    fresh: int
    score_deviation: float = 1.0
    # Chains of a lane's part of a score, and whether weights of two blocks are added to each other first.
    chains: int = 1
    joined: bool = False
    # Keys whose weights are summed from zero, if not all.
    tile: int | None = None


PROBLEMS = (
    Problem("heads of 64, 1,500 keys (eight from zero)", 1500, 64, 4, 8),
    Problem("1,370 keys", 1370, 64, 4, 8),
    Problem("4,096 keys", 4096, 64, 4, 8),
    Problem("heads of 128, 293 keys (four from zero)", 293, 128, 8, 4),
    Problem("2,048 keys", 2048, 128, 8, 4),
    Problem("heads of 40, 77 keys (eight from zero, scores in two chains)", 77, 40, 2, 8, 1.0, 2, True),
    Problem("scores of deviation 9", 77, 40, 2, 8, 9.0, 2, True),
    Problem("4,096 keys (eight from zero, weights of 24)", 4096, 40, 2, 8, 1.0, 1, True, 24),
    Problem("scores of deviation 9", 4096, 40, 2, 8, 9.0, 1, True, 24),
)


def single(x):
    return np.asarray(x, np.float32).astype(np.float64)


def fma(a, b, c):
    return single(a * b + c)


def scores(problem, q, k, rounded, chains):
    """In units of log2. A lane sums its columns in so many chains, each of the same number of vec4 but for the last."""
    factor = LOG2_E / np.sqrt(problem.head_size)
    if not rounded:
        return q @ k.T * factor
    q = single(q * single(factor))
    # Each lane has every lanes-th vec4 of columns; theirs are added in pairs.
    parts = []
    for lane in range(problem.lanes):
        firsts = range(4 * lane, problem.head_size, 4 * problem.lanes)
        of_chain = -(-len(firsts) // chains)
        own = np.zeros((len(q), problem.keys))
        for begin in range(0, len(firsts), of_chain):
            part = np.zeros_like(own)
            for first in firsts[begin : begin + of_chain]:
                for column in range(first, first + 4):
                    part = fma(q[:, column, None], k[None, :, column], part)
            own = single(own + part)
        parts.append(own)
    while len(parts) > 1:
        parts = [single(a + b) for a, b in zip(parts[::2], parts[1::2])]
    return parts[0]


def weighted_values(weights, v, fresh):
    o = np.zeros((len(weights), v.shape[1]))
    for first in range(0, len(v), fresh):
        part = np.zeros_like(o)
        for key in range(first, min(first + fresh, len(v))):
            part = fma(weights[:, key, None], v[None, key], part)
        o = single(o + part)
    return o


def sum_of(weights, problem):
    def owned(first):
        block = weights[:, first : first + BLOCK]
        return single(block[:, :2] + block[:, 2:]) if problem.lanes == 2 else block

    turn = 2 * BLOCK if problem.joined else BLOCK
    whole = weights.shape[1] // turn * turn
    own = np.zeros_like(owned(0))
    tile = problem.tile or whole
    for tile_first in range(0, whole, tile):
        of_tile = np.zeros_like(own)
        for first in range(tile_first, min(tile_first + tile, whole), turn):
            of_tile = single(of_tile + (single(owned(first) + owned(first + BLOCK)) if problem.joined else owned(first)))
        own = single(own + of_tile)
    while own.shape[1] > 1:
        own = single(own[:, ::2] + own[:, 1::2])
    return own[:, 0] + weights[:, whole:].sum(1)


def error(problem, steps, seeds, fresh=None, chains=None):
    """Root mean square over `seeds` sets of inputs of the output's differences from float64, the steps in `steps` rounded."""
    squares = []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        draw = lambda rows: rng.standard_normal((rows, problem.head_size)).astype(np.float32).astype(np.float64)
        q, k, v = draw(ROWS), draw(problem.keys), draw(problem.keys)
        q = single(q * problem.score_deviation)
        exact = np.exp2(scores(problem, q, k, False, 1))
        want = exact @ v / exact.sum(1, keepdims=True)
        x = scores(problem, q, k, "scores" in steps, chains or problem.chains)
        x = x - np.floor(x[:, :8].max(1, keepdims=True))
        weights = np.exp2(single(x) if "scores" in steps else x)
        if "exp2" in steps:
            weights = single(weights * (1 + rng.uniform(-1, 1, weights.shape) * 2**-22.5))
        given = single(weights)
        o = weighted_values(given, v, fresh or problem.fresh) if "o" in steps else weights @ v
        total = sum_of(given, problem) if "sum" in steps else weights.sum(1)
        squares.append(np.mean((single(o / total[:, None]) - want) ** 2))
    return float(np.sqrt(np.mean(squares)))


def table(seeds=12):
    heads = ["`baseline`", "scores", "exp2 to 2^-22.5", "sum of weights", "O", "all", "O over 16 keys from zero", "over 32",
             "scores in two chains", "all so"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for problem in PROBLEMS:
        found = [error(problem, {step}, seeds) for step in STEPS] + [error(problem, set(STEPS), seeds)]
        found += [error(problem, {"o"}, seeds, fresh) for fresh in (16, 32)]
        found += [error(problem, steps, seeds, chains=2) for steps in ({"scores"}, set(STEPS))]
        lines.append("| " + " | ".join([problem.name, *(f"{1e9 * x:.1f}" for x in found)]) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
