"""Claims about returns, quantiles and the scoreboard."""

import math
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim import measures
from sim.measures import irr, mean_and_band, quantile, score_fact


def test_published_measures_of_three_years():
    flows, index = [-25, 15, 0], [100, 115, 130]
    assert measures.ks_pme(flows, index, 20) == pytest.approx(1.1371237458, rel=1e-9)
    assert measures.direct_alpha(flows, index, 20).value == pytest.approx(0.0875723809, rel=1e-8)
    assert measures.pme_plus(flows, index, 20).value == pytest.approx(0.1425164369, rel=1e-8)
    assert irr(flows, nav=20).value == pytest.approx(0.2433981133, rel=1e-8)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e8, 1e12])
def test_irr_does_not_know_the_unit_of_money(scale):
    """Bug 7: an IRR that fails at the scale of 亿."""
    days = [date(2015, 6, 11), date(2015, 7, 21), date(2015, 10, 17), date(2018, 6, 10)]
    flows = np.array([-1000, -9000, -3000, 20000]) * scale
    assert irr(flows, dates=days).value == pytest.approx(0.16353715844, rel=1e-8)


def test_total_loss_is_minus_one_hundred_percent_and_counts():
    """Bug 1: a mean taken over what is left when undefined rates, and with them total losses, are dropped."""
    rates = np.array([irr(flows).value for flows in ([-100, 0, 0], [-100, 0, 121], [0, 0, 0])])
    assert rates[0] == -1.0 and np.isnan(rates[2])
    assert mean_and_band(rates)[0] == pytest.approx((-1.0 + 0.1) / 2.0)


@pytest.mark.parametrize(
    "flows, reason",
    [([0, 0], "no flows"), ([100, 20], "nothing was paid in"), ([-1, 3, -3], "no rate"), ([], "no flows")],
)
def test_undefined_rate_says_why(flows, reason):
    word, why = irr(flows).answer()
    assert word == "undefined" and reason in why


def test_several_rates_are_noticed():
    rate = irr([-100, 230, -132])
    assert rate.value == pytest.approx(0.1) and rate.others == pytest.approx((0.2,))
    assert "2 rates" in rate.reason


def test_of_several_rates_the_one_on_the_side_of_the_gain_is_taken():
    """A fund that gave 2.25 times its money must not have a rate of -12 %, only because that is nearer to zero."""
    rate = irr([-1, 10, -8])
    assert rate.value == pytest.approx(4.0 + 17.0**0.5) and rate.others == pytest.approx((4.0 - 17.0**0.5,))


def test_there_is_no_rate_where_money_came_back_before_it_was_paid_in():
    assert "came before" in irr([100, -50]).answer()[1]


@given(
    st.floats(-0.9, 3.0),
    st.lists(st.floats(0.0, 100.0), min_size=1, max_size=12),
    st.sampled_from([1.0, 0.25, 1.0 / 12.0, 0.37]),
)
def test_irr_recovers_the_rate_that_made_the_flows(rate, later, step):
    periods = np.arange(len(later) + 1) * step
    flows = np.array([0.0, *later])
    if not flows.max() > 1e-3:
        return
    flows[0] = -np.sum(flows * (1.0 + rate) ** -periods)
    assert irr(flows, periods).value == pytest.approx(rate, rel=1e-7, abs=1e-8)


def test_irr_agrees_with_pyxirr_on_dates():
    import pyxirr

    days = [date(2019, 3, 1), date(2019, 9, 14), date(2021, 1, 5), date(2024, 2, 29)]
    flows = [-120.0, -40.0, 35.0, 300.0]
    assert irr(flows, dates=days).value == pytest.approx(pyxirr.xirr(days, flows), abs=1e-9)


def test_multiples_without_calls_are_undefined():
    assert math.isnan(measures.tvpi([0, 5])) and math.isnan(measures.dpi([0, 5]))


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40), st.floats(0.0, 1.0))
def test_unweighted_quantile_is_that_of_numpy(draws, level):
    assert quantile(draws, level).value == pytest.approx(np.quantile(draws, level), rel=1e-9, abs=1e-6)


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=20), st.floats(0.1, 9.0))
def test_scale_of_weights_does_not_matter(draws, weight):
    weighted = quantile(draws, 0.3, [weight] * len(draws))
    assert weighted.value == pytest.approx(quantile(draws, 0.3).value, abs=1e-6)


def test_standard_errors_are_those_of_repeated_sampling():
    rng = np.random.default_rng(5)
    samples = rng.standard_normal((400, 400))
    for level in (0.5, 0.9):
        estimates = [quantile(row, level) for row in samples]
        spread = np.std([e.value for e in estimates])
        assert np.mean([e.error for e in estimates]) == pytest.approx(spread, rel=0.15)
    assert measures.mean(samples[0]).error == pytest.approx(samples[0].std(ddof=1) / 20.0)


def test_undefined_draws_are_counted_and_left_out():
    score = score_fact(50.0, [*range(101), math.nan, math.nan])
    assert (score.p05, score.p50, score.p95, score.undefined) == (5.0, 50.0, 95.0, 2)
    assert score.inside and score.probability == pytest.approx(51 / 101)


@pytest.mark.parametrize(
    "observed, bound, inside",
    [
        (5, None, True),
        (4.9, None, False),
        (95, None, True),
        (95.1, None, False),
        (95, "at_least", True),
        (96, "at_least", False),
        (1, "at_least", True),
        (5, "at_most", True),
        (4, "at_most", False),
        (1000, "at_most", True),
    ],
)
def test_bounds_of_facts(observed, bound, inside):
    assert score_fact(observed, np.arange(101.0), bound).inside is inside


def test_no_draws_give_no_band():
    assert score_fact(1.0, [math.nan]).inside is None


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=20), st.floats(0.0, 1e9))
def test_a_multiple_is_never_negative(flows, nav):
    """Bug 2, as far as measures go: multiples drawn from a normal, hence negative. Ours follow from flows."""
    for multiple in (measures.tvpi(flows, nav), measures.dpi(flows), measures.rvpi(flows, nav)):
        assert math.isnan(multiple) or multiple >= 0.0
