"""Claims about pacing, options, fair value and uptake: closed forms against independent integration and sampling."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from sim.finance import bass, options, pacing
from sim.finance.fair_value import Claims, Round, fair_value, ownership

WORKED_EXAMPLE = {
    "rounds": [Round(50, 450), Round(100, 1000)],
    "volatility": 0.9,
    "exit_rate": 0.25,
    "rate": 0.025,
    "unissued": 0.05,
    "ipo": [(32, 0), (1000, 0.65), (100000, 0.85)],
}

# ------------------------------------------------------------------------------------------------------- options


@given(st.floats(1, 500), st.floats(1, 500), st.floats(-0.02, 0.1), st.floats(0.05, 1.5), st.floats(0.05, 10))
def test_put_call_parity_at_a_date(underlying, strike, rate, volatility, expiry):
    call = options.call_at(underlying, strike, rate, volatility, expiry)
    put = options.put_at(underlying, strike, rate, volatility, expiry)
    assert call - put == pytest.approx(underlying - strike * math.exp(-rate * expiry), abs=1e-9 * (underlying + strike))


@pytest.mark.parametrize(
    "underlying, strike, rate", [(100, 100, 0.05), (60, 100, 0.0), (150, 100, -0.02), (90, 120, 0.1)]
)
@pytest.mark.parametrize("volatility", [0.2, 0.9])
def test_exponential_exit_is_the_average_of_dated_options(underlying, strike, rate, volatility):
    def at(u):  # u: probability that the exit is later
        return options.call_at(float(underlying), float(strike), rate, volatility, -math.log(u) / 0.2)

    averaged, error = quad(at, 0.0, 1.0, epsabs=1e-9, epsrel=1e-9, limit=400)
    ours = options.call_at_exit(float(underlying), float(strike), rate, volatility, 0.2)
    assert ours == pytest.approx(averaged, rel=1e-6, abs=10 * error)


@given(st.floats(1, 500), st.floats(1, 500), st.sampled_from([-0.02, 0.0, 0.03]))
def test_vanishing_volatility_is_no_volatility(underlying, strike, rate):
    still = options.call_at_exit(underlying, strike, rate, 0.0, 0.2)
    assert options.call_at_exit(underlying, strike, rate, 1e-4, 0.2) == pytest.approx(still, abs=1e-3 * strike)


@pytest.mark.parametrize("volatility, expiry", [(0.0, 2.0), (0.5, 0.0)])
def test_without_volatility_or_time_an_option_is_worth_what_the_forward_pays(volatility, expiry):
    paid = math.exp(-0.05 * expiry)
    for underlying, strike in ((100.0, 80.0), (80.0, 100.0)):
        gain = underlying - strike * paid
        assert options.call_at(underlying, strike, 0.05, volatility, expiry) == pytest.approx(max(gain, 0.0))
        assert options.put_at(underlying, strike, 0.05, volatility, expiry) == pytest.approx(max(-gain, 0.0))


def test_an_option_on_nothing_and_one_to_pay_nothing():
    assert options.call_at(0.0, 80.0, 0.05, 0.5, 2.0) == options.call_at_exit(0.0, 80.0, 0.05, 0.5, 0.2) == 0.0
    assert options.put_at(0.0, 80.0, 0.05, 0.5, 2.0) == pytest.approx(80.0 * math.exp(-0.1))
    assert options.put_at_exit(0.0, 80.0, 0.05, 0.5, 0.2) == pytest.approx(80.0 * 0.2 / 0.25)
    assert options.call_at(70.0, 0.0, 0.05, 0.5, 2.0) == options.call_at_exit(70.0, 0.0, 0.05, 0.5, 0.2) == 70.0
    assert options.put_at(70.0, 0.0, 0.05, 0.5, 2.0) == options.put_at_exit(70.0, 0.0, 0.05, 0.5, 0.2) == 0.0


@pytest.mark.parametrize("underlying", [60.0, 100.0, 150.0])
def test_a_put_at_an_exponential_exit_is_the_average_of_dated_puts(underlying):
    averaged, error = quad(
        lambda u: options.put_at(underlying, 100.0, 0.05, 0.6, -math.log(u) / 0.2), 0.0, 1.0, epsabs=1e-9, limit=400
    )
    ours = options.put_at_exit(underlying, 100.0, 0.05, 0.6, 0.2)
    assert ours == pytest.approx(averaged, rel=1e-6, abs=10 * error)


# -------------------------------------------------------------------------------------------------------- pacing


@given(
    st.lists(st.floats(0.0, 1.0), min_size=1, max_size=5), st.integers(1, 20), st.floats(0.0, 5.0), st.floats(-0.5, 0.5)
)
def test_a_paced_fund_pays_all_it_holds_in_its_last_year_but_the_last_call(rates, life, bow, growth):
    paced = pacing.takahashi_alexander(100.0, rates, life, bow, growth, 0.0)
    assert paced.nav[-1] == pytest.approx(paced.contributions[-1], abs=1e-9)
    assert paced.contributions.sum() <= 100.0 + 1e-9
    assert np.all(paced.distributions >= 0.0)


# ---------------------------------------------------------------------------------------------------------- bass


@given(st.floats(0.001, 0.2), st.floats(0.0, 1.0), st.integers(1, 100))
def test_quarterly_odds_compose_to_the_closed_form(p, q, quarters):
    """Bug 6: p + q F a quarter is an Euler step; the odds here give the closed form after any number of steps."""
    share = 0.0
    for _ in range(quarters):
        share += (1.0 - share) * bass.adoption_odds(p, q, share, 0.25)
    assert share == pytest.approx(bass.adopted_share(p, q, quarters / 4.0), rel=1e-9)


def test_an_euler_step_is_told_from_the_closed_form():
    share = 0.0
    for _ in range(20):
        share += (1.0 - share) * (0.03 + 0.38 * share) * 0.25
    assert abs(share / bass.adopted_share(0.03, 0.38, 5.0) - 1.0) > 0.01


def test_agents_who_look_once_a_quarter_follow_the_closed_form():
    """The mean of 12 draws of 200 agents after five years, within four standard errors; nobody turns back."""
    shares = bass.simulate_uptake(0.03, 0.38, 20, 200, 12, 1)
    assert np.all(np.diff(shares, axis=1) >= 0.0) and np.all(shares[:, 0] == 0.0)
    end = shares[:, -1]
    error = end.std(ddof=1) / math.sqrt(len(end))
    assert abs(end.mean() - bass.adopted_share(0.03, 0.38, 5.0)) < 4 * error < 0.1


def test_nobody_adopts_what_nobody_is_told_of():
    assert bass.adopted_share(0.0, 0.5, 10.0) == 0.0
    assert bass.adoption_odds(0.0, 0.0, 0.5, 1.0) == 0.0


def test_bass_peak_is_where_adoption_is_fastest():
    at = bass.peak(0.03, 0.38)
    around = [
        bass.adopted_share(0.03, 0.38, at + d + 1e-4) - bass.adopted_share(0.03, 0.38, at + d) for d in (-0.1, 0.0, 0.1)
    ]
    assert max(around) == around[1]


# ---------------------------------------------------------------------------------------------------- fair value


def test_gornall_strebulaev_2020_worked_example():
    got = fair_value(**WORKED_EXAMPLE)
    assert got.value == pytest.approx(771.236284, rel=1e-8)
    assert got.overvaluation == pytest.approx(0.296619, abs=1e-6)
    assert got.classes[-1] == pytest.approx(100.0)
    assert got.classes.sum() + got.common == pytest.approx(got.value)


def test_the_value_of_earlier_classes_agrees_with_an_independent_integral():
    """Payouts written out by hand, both conventions, integrated by scipy."""
    up, down = options.exit_powers(0.025, 0.9, 0.25)
    ipo = WORKED_EXAMPLE["ipo"]
    value = fair_value(**WORKED_EXAMPLE).value

    def exact(x):
        return 0.1 / 0.95 * x if x > 950 else max(50.0, (x - 100.0) / 8.5) if x > 150 else x / 3.0

    def published(x):
        return max(min(50.0, x / 3.0), 0.1 / 0.95 * x)

    def worth(payout):
        def integrand(y):
            x = math.exp(y)
            odds = np.interp(y, [math.log(v) for v, _ in ipo], [p for _, p in ipo], 0.0, 1.0)
            away = y - math.log(value)
            density = math.exp(-(up if away > 0 else down) * away) * up * -down / (up - down)
            return density * ((1 - odds) * payout(x) + odds * 0.1 / 0.95 * x)

        edges = [-20.0, *(math.log(v) for v in (32, 150, 475, 525, value, 950, 1000, 100000)), 60.0]
        parts = [quad(integrand, a, b, epsabs=1e-11, limit=400)[0] for a, b in itertools.pairwise(edges)]
        return 0.25 / 0.275 * sum(parts)

    assert fair_value(**WORKED_EXAMPLE).classes[0] == pytest.approx(worth(exact), rel=1e-7)
    assert fair_value(**WORKED_EXAMPLE, convention="published").classes[0] == pytest.approx(worth(published), rel=1e-7)


def test_a_round_of_common_stock_is_worth_its_post_money():
    got = fair_value([Round(50, 450, preference=0.0), Round(100, 1000, preference=0.0)], 0.9, 0.25, 0.025)
    assert got.value == pytest.approx(1000.0)
    assert got.per_share == pytest.approx([1.0, 1.0])


def test_one_preferred_class_is_a_share_and_two_options():
    """Sale of one plain class: X - call(X, 100) + share x call(X, 1000), each at the exit time."""
    got = fair_value([Round(100, 1000)], 0.9, 0.25, 0.025)
    call = [options.call_at_exit(got.value, k, 0.025, 0.9, 0.25) for k in (100.0, 1000.0)]
    assert got.value - call[0] + 0.1 * call[1] == pytest.approx(100.0)


@pytest.mark.parametrize(
    "terms",
    [{"seniority": 1}, {"ipo_ratchet": True}, {"preference": 2.0}, {"participating": True}, {"converts_at_ipo": False}],
    ids=str,
)
def test_a_better_term_of_the_last_round_lowers_the_fair_value(terms):
    plain = fair_value(**WORKED_EXAMPLE).value
    better = WORKED_EXAMPLE | {"rounds": [Round(50, 450), Round(100, 1000, **terms)]}
    assert fair_value(**better).value < plain * 0.999


def test_a_cap_lies_between_plain_and_full_participation():
    def worth(**terms):
        return fair_value(**(WORKED_EXAMPLE | {"rounds": [Round(50, 450), Round(100, 1000, **terms)]})).value

    assert worth(participating=True) < worth(participating=True, cap=2.0) < worth()


def test_an_ipo_pays_a_ratchet_the_better_of_its_share_and_what_it_invested():
    claims = Claims([Round(50, 450), Round(100, 1000, preference=3.0, ipo_ratchet=True)], 0.05, "exact")
    for value in (40.0, 100.0, 500.0, 949.0, 951.0, 5000.0):
        assert claims.ipo(value)[1] == pytest.approx(max(0.1 / 0.95 * value, min(value, 100.0)))
        assert claims.ipo(value).sum() == pytest.approx(value)


def test_an_ipo_that_converts_ignores_the_preference_multiple():
    claims = Claims([Round(50, 450, preference=3.0), Round(100, 1000, preference=2.0)], 0.0, "exact")
    assert claims.ipo(200.0) == pytest.approx([20.0, 20.0, 160.0])


def test_unissued_options_count_in_the_post_money_and_lapse_at_exit():
    shares, common = ownership([Round(50, 450), Round(100, 1000)], 0.05)
    assert shares == pytest.approx([0.1, 0.1]) and common == pytest.approx(0.75)


def test_quadrature_agrees_with_sampling():
    rounds = [Round(50, 450, 2.0, 0, True, 3.0), Round(30, 300, 1.5, 1), Round(100, 900, 1.0, 1, ipo_ratchet=True)]
    terms = WORKED_EXAMPLE | {"rounds": rounds}
    got = fair_value(**terms)
    claims = Claims(rounds, 0.05, "exact")
    rng = np.random.default_rng(1)
    n = 40_000
    time = rng.exponential(4.0, n)
    exit_value = got.value * np.exp((0.025 - 0.405) * time + 0.9 * np.sqrt(time) * rng.standard_normal(n))
    odds = np.interp(np.log(exit_value), np.log([v for v, _ in terms["ipo"]]), [p for _, p in terms["ipo"]], 0.0, 1.0)
    paid = np.array([(1 - p) * claims.sale(x) + p * claims.ipo(x) for x, p in zip(exit_value, odds, strict=True)])
    paid *= np.exp(-0.025 * time)[:, None]
    error = paid.std(axis=0) / math.sqrt(n)
    assert np.all(np.abs(paid.mean(axis=0) - np.append(got.classes, got.common)) < 4.0 * error)


def test_a_class_that_an_ipo_does_not_convert_keeps_its_preference_there_and_only_there():
    """Bug 5, as far as claims go: a test at the IPO that is true whatever the terms say."""
    terms = [Round(50, 450), Round(100, 1000, converts_at_ipo=False)]
    bound, free = Claims(WORKED_EXAMPLE["rounds"], 0.0, "exact"), Claims(terms, 0.0, "exact")
    assert bound.ipo(200.0)[1] == pytest.approx(20.0) and free.ipo(200.0)[1] == pytest.approx(100.0)
    assert bound.ipo(2000.0)[1] == pytest.approx(200.0) and free.ipo(2000.0)[1] == pytest.approx(200.0)
    assert bound.sale(200.0) == pytest.approx(free.sale(200.0))


def test_the_grid_of_fair_values_is_near_the_exact_quadrature():
    from sim.finance.fair_grid import quick_fair_value
    from sim.finance.fair_value import Round, fair_value

    ipo = [(32.0, 0.0), (1000.0, 0.65), (1e5, 0.85)]
    tables = [
        [Round(50, 450), Round(100, 1000)],
        [Round(10, 50), Round(30, 200, 1.0, 1.0), Round(60, 500, 1.5, 2.0, True, 3.0)],
        [Round(10, 60, participating=True)],
    ]
    for rounds in tables:
        for listing in (ipo, []):
            exact = fair_value(rounds, 0.9, 0.25, 0.025, 0.05, listing).value
            assert quick_fair_value(rounds, 0.9, 0.25, 0.025, 0.05, listing) == pytest.approx(exact, rel=5e-4)
