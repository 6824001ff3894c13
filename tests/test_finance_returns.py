"""Claims about returns by quarter: the compiled ones are those of sim.measures, on any path."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim import measures
from sim.finance.returns import returns_of_paths


def by_quarter(calls, back, nav, log_index=None):
    """(irr, pme, alpha) [quarter] of one path of flows."""
    n = len(calls)
    index = np.zeros(n) if log_index is None else np.asarray(log_index, float)
    out = [np.empty((1, n)) for _ in range(3)]
    paid, got = np.cumsum([calls], axis=1, dtype=float), np.cumsum([back], axis=1, dtype=float)
    returns_of_paths(paid, got, np.asarray([nav], float), index, np.empty((2, n)), *out)
    return tuple(x[0] for x in out)


@st.composite
def lives(draw):
    """A fund's life: calls early, distributions late, a net asset value between; now and then nothing comes back."""
    n = draw(st.integers(2, 40))
    called = draw(st.integers(1, n))
    money = st.floats(0.0, 1e9)
    calls = draw(st.lists(money, min_size=called, max_size=called)) + [0.0] * (n - called)
    start = draw(st.integers(0, n))
    lucky = draw(st.sampled_from([0.0, 0.3, 1.0, 5.0]))
    back = [0.0] * start + [lucky * x for x in draw(st.lists(money, min_size=n - start, max_size=n - start))]
    nav = [lucky * x for x in draw(st.lists(money, min_size=n, max_size=n))]
    return calls, back, nav


@given(lives())
def test_rates_by_quarter_are_those_of_the_measures(life):
    calls, back, nav = life
    ours, _, _ = by_quarter(calls, back, nav)
    for t in range(len(calls)):
        flows = np.array(back[: t + 1]) - np.array(calls[: t + 1])
        theirs = measures.irr(flows, 0.25 * np.arange(t + 1), nav=nav[t])
        if sum(calls[: t + 1]) > 0.0 and sum(back[: t + 1]) + nav[t] <= 0.0:
            assert ours[t] == -1.0
        elif theirs.others or np.sum(np.abs(flows)) == 0.0 or not 1e-4 < abs(1.0 + theirs.value) < 1e5:
            continue  # several rates, or one at the edge of what is looked for
        elif theirs:
            assert ours[t] == pytest.approx(theirs.value, rel=1e-7, abs=1e-8)


def test_odd_flows_have_the_rate_of_the_measures():
    """Several rates: the one on the side of the gain; what came back first: none."""
    calls, back = [1.0, 0, 0, 0, 0, 0, 0, 0, 8.0], [0, 0, 0, 0, 10.0, 0, 0, 0, 0]
    ours, _, _ = by_quarter(calls, back, np.zeros(9))
    assert ours[8] == pytest.approx(measures.irr([-1, 10, -8]).value) and ours[8] > 8.0
    loss, _, _ = by_quarter([100.0, 0, 0, 0, 0, 0, 0, 0, 132.0], [0, 0, 0, 0, 230.0, 0, 0, 0, 0], np.zeros(9))
    assert loss[8] == pytest.approx(0.1), "none on the side of the loss: the nearest"
    first, _, _ = by_quarter([0, 50.0], [100.0, 0], np.zeros(2))
    assert math.isnan(first[1])


def test_market_equivalents_agree_with_the_measures():
    calls, back, nav = [25, 0, 0], [0, 15, 0], [0, 0, 20]
    index = np.log([100.0, 115.0, 130.0])
    _, pme, alpha = by_quarter(calls, back, nav, index)
    assert pme[2] == pytest.approx(1.1371237458, rel=1e-9)
    flows = np.array(back) - np.array(calls)
    yearly = measures.direct_alpha(flows, np.exp(index), 20, 0.25 * np.arange(3)).value
    assert alpha[2] == pytest.approx(yearly, rel=1e-9)


def test_calls_and_distributions_of_one_quarter_count_gross_in_the_market_equivalent():
    _, pme, _ = by_quarter([100, 50], [0, 50], [100, 100])
    assert pme[1] == pytest.approx(150 / 150)


def test_before_the_first_flow_nothing_is_defined():
    irr, pme, alpha = by_quarter([0, 0, 10, 0], [0, 0, 0, 11], [0, 0, 10, 0])
    assert all(math.isnan(x[0]) and math.isnan(x[1]) for x in (irr, pme, alpha))
    assert irr[3] == pytest.approx(1.1**4 - 1.0)


def test_total_loss_is_minus_one_hundred_percent():
    irr, pme, alpha = by_quarter([100, 0], [0, 0], [100, 0])
    assert (irr[1], pme[1], alpha[1]) == (-1.0, 0.0, -1.0)


@pytest.mark.parametrize("scale", [1.0, 1e8, 1e12])
def test_rates_do_not_know_the_unit_of_money(scale):
    calls, back, nav = np.array([50, 50, 0, 0.0]), np.array([0, 0, 10, 130.0]), np.zeros(4)
    assert by_quarter(calls * scale, back * scale, nav)[0][3] == pytest.approx(by_quarter(calls, back, nav)[0][3])
