"""Contract: `crates/mha-bench/rounding.py` rounds the steps that it is asked to, and no others."""

import importlib.util
import pathlib

import pytest

FILE = pathlib.Path(__file__).parents[2] / "crates" / "mha-bench" / "rounding.py"
spec = importlib.util.spec_from_file_location("rounding", FILE)
rounding = importlib.util.module_from_spec(spec)
spec.loader.exec_module(rounding)
PROBLEM = rounding.Problem("small", 700, 64, 4, 8)


def test_what_is_exact_has_the_last_rounding_alone():
    assert 0 < rounding.error(PROBLEM, set(), 2) < 3e-9


@pytest.mark.parametrize("step", rounding.STEPS)
def test_each_step_adds_an_error_of_its_own(step):
    alone = rounding.error(PROBLEM, {step}, 2)
    assert 1.5 * rounding.error(PROBLEM, set(), 2) < alone < rounding.error(PROBLEM, set(rounding.STEPS), 2)


def test_longer_sums_from_zero_are_more_exact():
    found = [rounding.error(PROBLEM, {"o"}, 4, fresh) for fresh in (1, 4, 16)]
    assert found == sorted(found, reverse=True) and found[0] > 2 * found[2]
