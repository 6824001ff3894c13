"""Claims about the split of exit proceeds and the clauses of a term sheet, over random cap tables."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.finance import term_sheet
from sim.finance.payoff import pay_by_seniority, split, split_given_conversion, split_proceeds


@st.composite
def cap_tables(draw):
    n = draw(st.integers(1, 4))
    several = lambda values: draw(st.lists(values, min_size=n, max_size=n))  # noqa: E731
    shares = several(st.floats(0.01, 10.0))
    preference = [i * m for i, m in zip(several(st.floats(0.1, 200.0)), several(st.sampled_from([0.0, 1.0, 1.5, 3.0])))]  # noqa: B905
    return {
        "shares": shares,
        "preference": preference,
        "seniority": several(st.integers(0, 3)),
        "participating": several(st.booleans()),
        "cap": [
            None if c is None else c * p
            for c, p in zip(several(st.sampled_from([None, 1.0, 2.0, 3.0])), preference, strict=True)
        ],
        "common": draw(st.sampled_from([0.0, 0.5, 5.0, 40.0])),
    }


PROCEEDS = st.floats(0.0, 2000.0)


@given(cap_tables(), PROCEEDS)
def test_payouts_are_not_negative_and_add_up_to_the_proceeds(table, proceeds):
    paid, common, _ = split(proceeds, **table)
    assert np.all(paid >= 0.0) and common >= 0.0
    assert paid.sum() + common == pytest.approx(proceeds, rel=1e-9, abs=1e-9)


@given(cap_tables(), PROCEEDS, st.floats(0.0, 500.0))
def test_more_proceeds_leave_nobody_with_less(table, proceeds, more):
    paid, common, _ = split(proceeds, **table)
    richer, rich_common, _ = split(proceeds + more, **table)
    assert np.all(richer >= paid - 1e-9 * (1.0 + proceeds)) and rich_common >= common - 1e-9 * (1.0 + proceeds)


@given(cap_tables(), PROCEEDS)
def test_no_class_is_better_off_by_switching_its_conversion(table, proceeds):
    paid, _, converts = split(proceeds, **table)
    n = len(paid)
    caps = np.array([np.inf if c is None else c for c in table["cap"]])
    columns = [np.array(table[k], float) for k in ("shares", "preference", "seniority", "participating")]
    for c in range(n):
        flags = converts.astype(float)
        flags[c] = 1.0 - flags[c]
        out = np.empty(n)
        split_given_conversion(proceeds, n, *columns, caps, table["common"], flags, out)
        assert out[c] <= paid[c] + 1e-9 * (1.0 + proceeds)


@given(cap_tables(), PROCEEDS)
def test_order_of_the_classes_does_not_matter(table, proceeds):
    paid, common, _ = split(proceeds, **table)
    turned = {k: v[::-1] if isinstance(v, list) else v for k, v in table.items()}
    again, common_again, _ = split(proceeds, **turned)
    assert again[::-1] == pytest.approx(paid, rel=1e-9, abs=1e-9)
    assert common_again == pytest.approx(common, rel=1e-9, abs=1e-9)


def test_senior_is_paid_before_junior_and_equals_share():
    terms = {"shares": [1, 1], "preference": [50, 100], "participating": [False] * 2, "cap": [None] * 2, "common": 8}
    assert split(60, seniority=[1, 0], **terms)[0] == pytest.approx([50, 10])
    assert split(60, seniority=[0, 0], **terms)[0] == pytest.approx([20, 40])


def test_capped_participation_stops_at_the_cap_and_then_converts():
    def paid(proceeds):
        (preferred,), common, _ = split(proceeds, [20], [100], [0], [True], [300], 80)
        return preferred, common

    assert paid(600) == pytest.approx((100 + 0.2 * 500, 0.8 * 500))
    assert paid(1300) == pytest.approx((300, 1000))
    assert paid(1600) == pytest.approx((320, 1280))


def test_a_cap_of_the_preference_itself_leaves_nothing_to_participate_in():
    (preferred,), common, converts = split(400, [20], [100], [0], [True], [100], 80)
    assert (preferred, common) == pytest.approx((100, 300)) and not converts[0]


def test_what_a_capped_class_leaves_brings_others_to_their_caps():
    """Beyond the preferences a share fetches 180 / 50, which is above what the first may still get, 30 / 10. What it
    leaves makes 150 / 40 for the others: below a second cap that leaves 45 to get, above one that leaves 37."""
    terms = {"shares": [10, 10], "preference": [10, 10], "seniority": [0, 0], "participating": [True] * 2, "common": 30}
    for second, paid in ((55.0, (40.0, 47.5, 112.5)), (47.0, (40.0, 47.0, 113.0))):
        classes, common, converts = split(200, cap=[40, second], **terms)
        assert (*classes, common) == pytest.approx(paid) and not converts.any()


def test_where_converting_pays_a_class_the_same_it_keeps_its_preference():
    for proceeds, converts in ((1000.0, 0.0), (1001.0, 1.0)):
        out, flags = np.empty(1), np.empty(1)
        terms = [np.array([x]) for x in (1.0, 100.0, 0.0, 0.0, np.inf)]
        common = split_proceeds(proceeds, 1, *terms, 9.0, out, flags)
        assert out[0] + common == pytest.approx(proceeds)
        assert flags[0] == converts


def test_where_no_share_may_take_the_rest_a_share_fetches_nothing():
    out, terms = np.empty(1), [np.array([x]) for x in (1.0, 100.0, 0.0, 0.0, np.inf)]
    assert split_given_conversion(150.0, 1, *terms, 0.0, np.zeros(1), out) == 0.0
    assert out[0] == 100.0


def test_conversion_is_sequential_not_all_at_once():
    paid, common, converts = split(800, [0.1, 0.1], [50, 100], [0, 0], [False] * 2, [None] * 2, 0.8)
    assert list(converts) == [True, False]
    assert (*paid, common) == pytest.approx((700 / 9, 100, 700 * 8 / 9))


# ---------------------------------------------------------------------------------------------------- term sheet


def test_weighted_average_of_the_nvca_charter():
    # 1 000 000 shares before, old price 2, 500 000 raised at 1: 2 x (1 000 000 + 250 000) / (1 000 000 + 500 000)
    assert term_sheet.weighted_average_price(2.0, 1e6, 5e5, 1.0) == pytest.approx(5.0 / 3.0)


@given(st.floats(0.01, 100.0), st.floats(1.0, 1e9), st.floats(1.0, 1e9), st.floats(0.01, 100.0))
def test_weighted_average_lies_between_none_and_full_ratchet(old, shares, amount, new):
    price = term_sheet.weighted_average_price(old, shares, amount, new)
    assert term_sheet.ratchet_price(old, new) * (1 - 1e-12) <= price <= old
    conversion = term_sheet.weighted_average_conversion(1.0, old, shares, amount, new)
    assert 1.0 <= conversion <= term_sheet.ratchet_conversion(1.0, old, new) * (1 + 1e-12)


@given(st.floats(0.1, 1e9), st.floats(0.0, 1e9), st.floats(0.0, 0.4), st.floats(0.0, 0.3))
def test_pool_top_up_makes_the_pool_its_share_of_the_post_money(others, pool, sold, target):
    issued = term_sheet.pool_top_up(others, pool, sold, target)
    total = (others + pool + issued) / (1.0 - sold)
    assert issued >= 0.0
    if issued > 0.0:
        assert pool + issued == pytest.approx(target * total)
    else:
        assert pool >= target * total * (1 - 1e-9)


def test_redemption_bears_simple_interest():
    assert term_sheet.redemption_claim(100.0, 0.08, 5.0) == pytest.approx(140.0)


def test_every_conversion_profile_of_three_classes_agrees_with_the_sequential_one():
    """Among all profiles of conversion from which no class wants to move, the payouts are those of the sequence."""
    shares, preference, senior = [1.0, 2.0, 1.5], [10.0, 30.0, 60.0], [0, 2, 1]
    columns = [np.array(x, float) for x in (shares, preference, senior, [0, 0, 0])]
    caps = np.full(3, np.inf)

    def paid(proceeds, profile):
        out = np.empty(3)
        split_given_conversion(proceeds, 3, *columns, caps, 5.0, np.array(profile, float), out)
        return out

    for proceeds in (20.0, 105.0, 140.0, 180.0, 250.0, 400.0):
        ours, _, _ = split(proceeds, shares, preference, senior, [False] * 3, [None] * 3, 5.0)
        stable = [
            profile
            for profile in itertools.product([0, 1], repeat=3)
            if all(
                paid(proceeds, [1 - x if k == c else x for k, x in enumerate(profile)])[c]
                <= paid(proceeds, profile)[c] + 1e-9
                for c in range(3)
            )
        ]
        assert stable
        for profile in stable:
            assert paid(proceeds, profile) == pytest.approx(ours)


@given(
    st.floats(0.0, 1e9),
    st.lists(st.tuples(st.floats(0.0, 1e8), st.integers(0, 3)), min_size=1, max_size=8),
)
def test_what_obligors_can_pay_goes_to_senior_claims_first_and_pro_rata_within_a_rank(money, claims):
    claim, rank = (np.array(x, float) for x in zip(*claims, strict=True))
    out = np.empty(len(claim))
    left = pay_by_seniority(money, len(claim), claim, rank, out)
    assert np.all(out <= claim * (1.0 + 1e-12)) and np.all(out >= 0.0)
    assert out.sum() + left == pytest.approx(money, rel=1e-12, abs=1e-6)
    assert out.sum() == pytest.approx(min(money, claim.sum()), rel=1e-12, abs=1e-6)
    for a in range(len(claim)):
        for b in range(len(claim)):
            if rank[a] > rank[b] and out[b] > 0.0:
                assert out[a] == pytest.approx(claim[a], rel=1e-12)
            if rank[a] == rank[b] and claim[a] > 0.0 and claim[b] > 0.0:
                assert out[a] * claim[b] == pytest.approx(out[b] * claim[a], rel=1e-9)
