"""Contract: any valid node gives the reference's result, whatever mix of layout, bias, mask, state and outputs it has.

Reproduce a failing seed alone with `--first-seed SEED --problems 1`; `--problems N` runs more.
"""

import pytest

from harness import differences, run_case
from mha_cases import for_cpu_kernel
from random_problems import describe, problem


def test_cpu_kernel_agrees(problem_seed):
    """The generator makes valid nodes, and the reference is right on them; needs no library."""
    case, feeds = problem(problem_seed)
    assert not differences(case, feeds, run_case(*for_cpu_kernel(case, feeds))), describe(case)


@pytest.mark.plugin_only
def test_problem(problem_seed, library, path):
    case, feeds = problem(problem_seed)
    wrong = differences(case, feeds, run_case(case, feeds, library=library, path=path))
    assert not wrong, f"{wrong}\n{describe(case)}\nrun again with: --first-seed {problem_seed} --problems 1"
