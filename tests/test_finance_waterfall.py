"""Claims about the waterfall: tiers worked out by hand, streaming, identities over random funds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.finance.waterfall import accrue_hurdle, clawback_due, due_to_protected, waterfall, whole_fund_step

MONEY = st.floats(0.0, 1e9)


@st.composite
def funds(draw):
    n = draw(st.integers(1, 10))
    times = np.cumsum(draw(st.lists(st.floats(0.0, 3.0), min_size=n, max_size=n)))
    calls = draw(st.lists(MONEY, min_size=n, max_size=n))
    proceeds = draw(st.lists(MONEY, min_size=n, max_size=n))
    terms = {
        "hurdle": draw(st.sampled_from([0.0, 0.06, 0.08])),
        "carry": draw(st.sampled_from([0.0, 0.1, 0.2, 0.3])),
        "catch_up": draw(st.sampled_from([0.0, 0.1, 0.2, 0.5, 0.8, 1.0])),
    }
    return times, calls, proceeds, terms


def test_tiers_of_eight_percent_twenty_percent_full_catch_up():
    pref = 100.0 * 1.08**5 - 100.0
    catch_up = pref * 0.2 / 0.8
    rest = 200.0 - 100.0 - pref - catch_up
    assert (pref, catch_up, rest) == pytest.approx((46.932808, 11.733202, 41.333990), abs=1e-6)
    paid = waterfall([0, 5], [100, 0], [0, 200], None, 0.08, 0.2, 1.0)
    assert paid.gp[1] == pytest.approx(catch_up + 0.2 * rest)
    assert (paid.lp[1], paid.gp[1]) == pytest.approx((180.0, 20.0))


def test_catch_up_is_measured_by_profit_not_by_remaining_cash():
    """Bug 4: a catch-up compared with the cash that remains pays too much or too little near the end of the tier."""
    pref = 100.0 * 1.08**5
    for beyond in (5.0, 11.733202, 12.0, 20.0):
        gp = waterfall([0, 5], [100, 0], [0, pref + beyond], None, 0.08, 0.2, 1.0).gp[1]
        assert gp == pytest.approx(min(beyond, 0.2 * (pref + beyond - 100.0)), abs=1e-6)


@pytest.mark.parametrize("catch_up", [0.5, 1.0])
def test_a_catch_up_paid_in_two_parts_is_that_of_one_payment(catch_up):
    """The first ends within the tier; what the general partner has by then counts."""
    profit = 100.0 * 1.08**5 + 25.0 - 100.0
    parts = waterfall([0, 5, 5], [100, 0, 0], [0, 100.0 * 1.08**5 + 5.0, 20.0], None, 0.08, 0.2, catch_up)
    assert parts.gp[1] == pytest.approx(5.0 * catch_up)
    assert parts.gp.sum() == pytest.approx(min(0.2 * profit, 25.0 * catch_up))


def test_years_of_the_calendar_serve_as_times_at_any_hurdle():
    def paid(*times):
        return waterfall(times, [100, 100, 0, 0], [0, 0, 900, 40], list("ABAB"), 0.5, 0.2, 1.0, True)

    assert paid(2024, 2025, 2026, 2028).gp == pytest.approx(paid(0, 1, 2, 4).gp)
    assert paid(0, 1, 2, 4).gp[2] > 0.0


@pytest.mark.parametrize("catch_up", [0.05, 0.1, 0.2])
def test_catch_up_not_above_the_carry_never_completes(catch_up):
    gp = waterfall([0, 5], [100, 0], [0, 1e6], None, 0.08, 0.2, catch_up).gp[1]
    assert gp == pytest.approx(catch_up * (1e6 - 100.0 * 1.08**5))


def test_no_catch_up_is_carry_above_the_hurdle_only():
    gp = waterfall([0, 5], [100, 0], [0, 200], None, 0.08, 0.2, 0.0).gp[1]
    assert gp == pytest.approx(0.2 * (200.0 - 100.0 * 1.08**5))


def test_deal_by_deal_with_clawback_ends_at_the_whole_fund_carry():
    paid = waterfall([0, 0, 2, 4], [100, 100, 0, 0], [0, 0, 220, 40], list("ABAB"), 0.08, 0.2, 1.0, True)
    assert paid.gp == pytest.approx([0, 0, 24, -12])
    assert paid.lp == pytest.approx([0, 0, 196, 52])
    assert paid.clawback == pytest.approx(12.0)


def test_nothing_is_clawed_back_where_no_clause_says_so():
    deals = waterfall([0, 0, 2, 4], [100, 100, 0, 0], [0, 0, 220, 40], list("ABAB"), 0.08, 0.2, 1.0)
    whole = waterfall([0, 0, 2, 4], [100, 100, 0, 0], [0, 0, 220, 40], None, 0.08, 0.2, 1.0, True)
    assert deals.clawback == whole.clawback == 0.0


def test_write_off_does_not_hold_back_the_carry_of_another_deal():
    paid = waterfall([0, 0, 1, 2], [100, 100, 0, 0], [0, 0, 0, 220], list("ABAB"), 0.0, 0.2, 1.0)
    assert paid.gp == pytest.approx([0, 0, 0, 24])


def test_flows_may_be_listed_by_deal():
    by_deal = waterfall([0, 2, 0, 4], [100, 0, 100, 0], [0, 220, 0, 40], list("AABB"), 0.08, 0.2, 1.0, True)
    assert by_deal.gp == pytest.approx([0, 24, 0, -12])


@given(funds())
def test_what_is_distributed_is_what_came_in(fund):
    times, calls, proceeds, terms = fund
    paid = waterfall(times, calls, proceeds, None, **terms)
    assert paid.lp + paid.gp == pytest.approx(proceeds, rel=1e-12, abs=1e-6)
    assert np.all(paid.lp >= 0.0) and np.all(paid.gp >= 0.0)


@given(funds())
def test_carry_is_at_most_its_share_of_the_profit_when_calls_come_first(fund):
    times, calls, proceeds, terms = fund
    called = np.zeros(len(calls))
    called[0] = sum(calls)
    paid = waterfall(times, called, proceeds, None, **terms)
    assert paid.gp.sum() <= terms["carry"] * max(0.0, sum(proceeds) - sum(calls)) + 1e-6 * (1.0 + sum(proceeds) * 1e-6)


@given(funds())
def test_limited_partners_get_capital_and_hurdle_before_any_carry(fund):
    times, calls, proceeds, terms = fund
    paid = waterfall(times, calls, proceeds, None, **terms)
    balance, since = 0.0, times[0]
    for k, t in enumerate(times):
        balance = balance * (1.0 + terms["hurdle"]) ** (t - since) + calls[k]
        since = t
        if proceeds[k] < balance:
            assert paid.gp[k] == 0.0
        balance = max(0.0, balance - proceeds[k])


@given(funds(), st.integers(2, 7))
def test_streaming_in_parts_equals_one_payment(fund, parts):
    times, calls, proceeds, terms = fund
    whole = waterfall(times, calls, proceeds, None, **terms)
    many_times = np.repeat(times, parts)
    first = np.arange(many_times.size) % parts == 0
    streamed = waterfall(
        many_times, np.where(first, np.repeat(calls, parts), 0.0), np.repeat(proceeds, parts) / parts, None, **terms
    )
    assert streamed.gp.reshape(-1, parts).sum(axis=1) == pytest.approx(whole.gp, rel=1e-9, abs=1e-4)


@given(st.floats(0.0, 0.2), st.integers(1, 40))
def test_hurdle_by_quarters_equals_the_hurdle_by_years(hurdle, quarters):
    balance = 100.0
    for _ in range(quarters):
        balance = accrue_hurdle(balance, hurdle, 0.25)
    assert balance == pytest.approx(100.0 * (1.0 + hurdle) ** (quarters / 4.0))


def test_the_step_of_the_kernel_is_the_step_of_the_table():
    lp, gp, balance = whole_fund_step(100.0 * 1.08**5, 100.0, 0.0, 0.0, 200.0, 0.2, 1.0)
    assert (lp, gp, balance) == pytest.approx((180.0, 20.0, 0.0))


@given(funds(), st.lists(st.sampled_from("ABC"), min_size=10, max_size=10))
def test_clawback_leaves_the_general_partner_at_most_the_whole_fund_carry(fund, names):
    times, calls, proceeds, terms = fund
    deals = names[: len(calls)]
    kept = waterfall(times, calls, proceeds, deals, **terms)
    back = waterfall(times, calls, proceeds, deals, **terms, clawback=True)
    whole = waterfall(times, calls, proceeds, None, **terms)
    size = 1.0 + sum(proceeds)
    assert back.gp.sum() == pytest.approx(min(kept.gp.sum(), whole.gp.sum()), abs=1e-9 * size)
    assert back.lp.sum() + back.gp.sum() == pytest.approx(sum(proceeds), abs=1e-9 * size)


def test_tiers_know_no_least_amount():
    lp, gp, _ = whole_fund_step(0.0, 1.0, 1.0, 0.0, 0.5, 0.2, 0.0)
    assert (lp, gp) == pytest.approx((0.4, 0.1))


def test_a_general_partner_paid_too_little_owes_nothing():
    assert clawback_due(5.0, 8.0) == 0.0
    assert clawback_due(8.0, 5.0) == 3.0


def test_who_bears_losses_first_is_paid_back_last():
    """60 from those protected, 40 from the bearer, 20 of which stands behind the others."""

    def due(total):
        return due_to_protected(total, 60.0, 40.0, 20.0)

    assert [due(x) for x in (0.0, 40.0, 80.0, 100.0, 150.0)] == pytest.approx([0.0, 30.0, 60.0, 60.0, 90.0])
    assert due_to_protected(50.0, 60.0, 40.0, 0.0) == pytest.approx(30.0)  # nothing borne: as it was called


def test_first_loss_of_all_that_was_called_leaves_everything_to_the_others():
    assert due_to_protected(7.0, 0.5, 0.5, 1.0) == 7.0
    assert due_to_protected(7.0, 0.0, 0.0, 0.0) == 0.0


def test_who_bears_losses_is_told_by_shares_not_by_amounts():
    assert due_to_protected(0.4, 0.6, 0.4, 0.2) == pytest.approx(0.3)
