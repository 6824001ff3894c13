"""Claims about the audit: a world that closes passes every identity, and one that is off in one place is told by the
identity it breaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from sim import accounts
from sim.accounts import IDENTITIES, TOLERANCE, audit_policies, audit_world, note
from sim.model.world import OTHERS, TREASURY, Cash, Count, Room, World, build_world
from tests.audited import fresh


def audit(rules: Any, w: Any) -> tuple[float, int]:
    """(largest relative residual, number of its identity)"""
    audit_world(rules, w.firms, w.ventures, w.holdings, w.funds, w.commitments, w.ladder, w.tally)
    audit_policies(rules, w.firms, w.programmes, w.incubators, w.tally)
    return float(w.tally.money[Cash.WORST]), int(w.tally.counts[Count.BROKEN])


def funds_of(w: Any) -> range:
    return range(int(w.tally.counts[Count.FUNDS]))


def called_on(w: Any) -> int:
    """A fund that has called and holds cash, and has no fund above it."""
    own = [
        f
        for f in funds_of(w)
        if w.funds.called[f] > 1e6
        and all(w.commitments.lp[e] < 0 for e in range(w.funds.first_edge[f], w.funds.first_edge[f] + w.funds.edges[f]))
    ]
    return own[0]


def edge_to_treasury(w: Any) -> int:
    return next(e for e in range(int(w.tally.counts[Count.COMMITMENTS])) if w.commitments.lp[e] == TREASURY)


def edge_to_fund(w: Any) -> int:
    """A commitment of a fund to a fund that has been called."""
    count = int(w.tally.counts[Count.COMMITMENTS])
    return next(e for e in range(count) if w.commitments.lp[e] >= 0 and w.commitments.called[e] > 0)


def venture_with_rounds(w: Any) -> int:
    rows = range(int(w.tally.counts[Count.VENTURE_SLOTS]))
    return next(v for v in rows if w.ventures.alive[v] and not w.ventures.listed[v] and w.ventures.classes[v] > 0)


def holding_of_live_firm(w: Any) -> int:
    rows = range(int(w.tally.counts[Count.VENTURE_SLOTS]))
    v = next(v for v in rows if w.ventures.alive[v] and not w.ventures.listed[v] and w.ventures.first_holding[v] >= 0)
    return int(w.ventures.first_holding[v])


def level_with_holders(w: Any) -> int:
    return int(np.argmax(w.ladder.stock))


def add(room: str, column: str, place: Callable[[Any], int] | int, amount: float) -> Callable[[Any], None]:
    def change(w: Any) -> None:
        where = place if isinstance(place, int) else place(w)
        getattr(getattr(w, room), column)[where] += amount

    return change


def unpaid_call(w: Any) -> None:
    f = called_on(w)
    amount = 0.1 * (w.funds.commitment[f] - w.funds.called[f])
    w.funds.called[f] += amount
    w.funds.cash[f] += amount


def call_never_made(w: Any) -> None:
    e = edge_to_fund(w)
    w.commitments.called[e] += 1e7
    w.funds.fees[w.commitments.lp[e]] -= 1e7  # the partner's own account still closes


def distribution_never_paid(w: Any) -> None:
    w.commitments.distributed[edge_to_treasury(w)] += 1e7
    w.tally.money[Cash.RECOVERED] += 1e7  # the treasury's account still closes


def overdraw(w: Any) -> None:
    """A fund called beyond its commitment, with every other account in step."""
    f = called_on(w)
    e = int(w.funds.first_edge[f])
    for column in (w.funds.called, w.funds.cash):
        column[f] += w.funds.commitment[f]
    w.commitments.called[e] += w.funds.commitment[f]
    if w.commitments.lp[e] == TREASURY:
        w.tally.money[Cash.OUTLAY] += w.funds.commitment[f]


def negative_cash(w: Any) -> None:
    f = called_on(w)
    w.funds.fees[f] += w.funds.cash[f] + 0.5 * w.funds.commitment[f]
    w.funds.cash[f] = -0.5 * w.funds.commitment[f]


def negative_carry(w: Any) -> None:
    f = called_on(w)
    w.funds.carry[f] -= 0.5 * w.funds.commitment[f]
    w.funds.cash[f] += 0.5 * w.funds.commitment[f]


def lost_certificate(w: Any) -> None:
    level = level_with_holders(w)
    held = [s for s in range(int(w.tally.counts[Count.FIRM_SLOTS])) if w.firms.held[s] >> level & 1]
    w.firms.held[held[0]] &= ~(1 << level)


def dead_holder(w: Any) -> None:
    """A firm that is counted as gone but was not taken off its level."""
    level = level_with_holders(w)
    slot = next(s for s in range(int(w.tally.counts[Count.FIRM_SLOTS])) if w.firms.held[s] >> level & 1)
    w.firms.alive[slot] = 0
    w.tally.counts[Count.DIED] += 1


def tenants_uncounted(w: Any) -> None:
    """Tenants who left since the incubator last looked are still counted, so that one more would not show."""
    slots = int(w.tally.counts[Count.FIRM_SLOTS])
    w.firms.tenancy[:slots] = np.where(w.firms.alive[:slots] == 1, 0, w.firms.tenancy[:slots])


def spend_unseen(w: Any) -> None:
    w.programmes.spent[0] += 1e8


BREAKS = {
    "a fee that nobody paid": (1, add("funds", "fees", called_on, 1e8)),
    "an expense that nobody paid": (1, add("funds", "expenses", called_on, 1e8)),
    "an investment outside that left no cash": (1, add("funds", "invested_outside", called_on, 1e8)),
    "carry out of nothing": (1, add("funds", "carry", called_on, 1e8)),
    "cash out of nothing": (1, add("funds", "cash", called_on, 1e8)),
    "a call that no partner paid": (2, unpaid_call),
    "a call of one partner that the fund never made": (2, call_never_made),
    "a distribution that no fund paid": (2, distribution_never_paid),
    "more called than committed": (3, overdraw),
    "cash below zero": (3, negative_cash),
    "carry below zero": (3, negative_carry),
    "money in a firm from nowhere": (4, add("tally", "money", int(Cash.INTO_FIRMS), 1e9)),
    "money of others that reached no firm": (4, add("tally", "money", int(Cash.FROM_OTHERS), 1e9)),
    "money of funds that no fund invested": (4, add("tally", "money", int(Cash.FROM_FUNDS), 1e9)),
    "proceeds that nobody got": (5, add("tally", "money", int(Cash.EXIT_PROCEEDS), 1e9)),
    "proceeds of the rest out of nothing": (5, add("tally", "money", int(Cash.EXIT_TO_REST), 1e9)),
    "an outside portfolio that paid no fund": (5, add("tally", "money", int(Cash.OUTSIDE_PAID), 1e9)),
    "founders' shares out of nothing": (6, add("ventures", "founders", venture_with_rounds, 0.5)),
    "a pool out of nothing": (6, add("ventures", "pool", venture_with_rounds, 0.5)),
    "fewer shares in all than in the parts": (6, add("ventures", "shares", venture_with_rounds, -0.5)),
    "a fund with more of a class than was issued": (7, add("holdings", "shares", holding_of_live_firm, 50.0)),
    "a death that took nobody away": (8, add("tally", "counts", int(Count.DIED), 1)),
    "a move that took nobody away": (8, add("tally", "counts", int(Count.MOVED), 1)),
    "an entry of nobody": (8, add("tally", "counts", int(Count.ENTERED), 1)),
    "one more at the start": (8, add("tally", "counts", int(Count.INITIAL), 1)),
    "a stock that no firm makes up": (9, add("ladder", "stock", level_with_holders, 1)),
    "an entry to a level without a firm": (9, add("ladder", "entered", level_with_holders, 1)),
    "a firm that left no level": (9, add("ladder", "left", level_with_holders, 1)),
    "one more on a level at the start": (9, add("ladder", "seeded", level_with_holders, 1)),
    "a certificate that vanished": (9, lost_certificate),
    "a dead firm that still counts on its level": (9, dead_holder),
    "outlay that went nowhere": (10, add("tally", "money", int(Cash.OUTLAY), 1e9)),
    "recovery from nowhere": (10, add("tally", "money", int(Cash.RECOVERED), 1e9)),
    "rent forgone that is no outlay": (10, add("tally", "money", int(Cash.RENT_FORGONE), 1e9)),
    "a grant that is no subsidy": (10, spend_unseen),
    "a repayment that is no recovery": (10, add("programmes", "repaid", 0, 1e9)),
    "a budget overdrawn": (11, add("programmes", "budget_left", 0, -1e9)),
    "tenants that are not counted": (12, tenants_uncounted),
    "more tenants than places": (12, add("incubators", "tenants", 0, 100)),
}


def test_a_world_that_closes_passes_every_identity():
    rules, w = fresh()
    worst, _ = audit(rules, w)
    assert worst < TOLERANCE


def test_the_world_of_these_tests_has_all_that_the_identities_speak_of():
    _, w = fresh()
    money, counts = w.tally.money, w.tally.counts
    for what in (Cash.INTO_FIRMS, Cash.FROM_FUNDS, Cash.FROM_OTHERS, Cash.OUTLAY, Cash.RENT_FORGONE, Cash.SUBSIDIES):
        assert money[what] > 0.0
    assert counts[Count.DIED] > 0 and counts[Count.ENTERED] > 0 and w.incubators.tenants[0] > 0


@pytest.mark.parametrize("name", BREAKS)
def test_what_breaks_one_identity_is_told_by_its_number(name):
    identity, change = BREAKS[name]
    rules, w = fresh()
    change(w)
    worst, broken = audit(rules, w)
    assert worst > TOLERANCE
    assert broken == identity, f"{IDENTITIES[broken]}, not {IDENTITIES[identity]}"


def test_every_identity_is_broken_somewhere_in_these_tests():
    assert {identity for identity, _ in BREAKS.values()} == set(IDENTITIES)


def test_a_difference_counts_relative_to_its_amount_and_the_largest_stays():
    _, w = fresh()
    note(w.tally, 3, -5.0, 100.0)
    assert (w.tally.money[Cash.WORST], w.tally.counts[Count.BROKEN]) == (0.05, 3)
    note(w.tally, 4, 1.0, -100.0)
    assert (w.tally.money[Cash.WORST], w.tally.counts[Count.BROKEN]) == (0.05, 3)
    note(w.tally, 5, 0.5, 0.25)  # small amounts are taken as one yuan
    assert (w.tally.money[Cash.WORST], w.tally.counts[Count.BROKEN]) == (0.5, 5)


def test_a_difference_that_is_no_number_is_the_worst_of_all():
    _, w = fresh()
    note(w.tally, 6, np.nan, 1.0)
    assert np.isnan(w.tally.money[Cash.WORST]) and w.tally.counts[Count.BROKEN] == 6


def test_the_audit_changes_nothing_but_its_record():
    rules, w = fresh()
    before = {name: getattr(w.funds, name).copy() for name in w.funds._fields if name != "passed_down"}
    audit(rules, w)
    assert all(np.array_equal(getattr(w.funds, name), x, equal_nan=True) for name, x in before.items())


def test_the_tolerance_is_far_below_a_yuan_in_a_million():
    assert accounts.TOLERANCE == 1e-9


# ------------------------------------------------------------------------------- a world of a few yuan, worked by hand


BY_HAND: dict[str, dict[str, list[float]]] = {
    "commitments": {"lp": [TREASURY, 0, OTHERS], "called": [48, 16, 16], "distributed": [8, 4, 4]},
    "funds": {
        "first_edge": [0, 1],
        "edges": [1, 2],
        "commitment": [64, 64],
        "called": [48, 32],
        "received": [4 + 6, 12 + 2],  # from fund 1, from exits, from outside portfolios
        "invested": [20, 24],
        "invested_outside": [5, 4],
        "passed_down": [np.nan, np.nan],
        "fees": [3, 2],
        "expenses": [1, 1],
        "distributed": [8, 8],
        "carry": [0, 3],
        "cash": [5, 4],
    },
    "ventures": {
        "alive": [1, 0, 1],
        "listed": [0, 0, 1],
        "founders": [4, 9, 9],
        "pool": [1, 1, 1],
        "classes": [1, 0, 0],
        "shares": [8, 0, 0],
        "first_holding": [1, -1, -1],
    },
    "holdings": {"share_class": [0, 0], "shares": [1, 0.5], "next": [-1, 0]},
    "firms": {"alive": [1, 1, 0], "held": [0b11, 0b10, 0b11], "tenancy": [0, -1, 0]},
    "ladder": {"stock": [1, 2], "seeded": [1, 0], "entered": [1, 3], "left": [1, 1]},
    "programmes": {"spent": [9, 100], "repaid": [2, 1], "budget_left": [1, -50]},
    "incubators": {"tenants": [1]},
}
MONEY = {
    Cash.SUBSIDIES: 7, Cash.RENT_FORGONE: 2, Cash.BOOKED_OUT: 10, Cash.OUTLAY: 48 + 7 + 2 - 10,
    Cash.REPAID: 3, Cash.BOOKED_BACK: 1, Cash.RECOVERED: 8 + 3 - 1,
    Cash.INTO_FIRMS: 74, Cash.FROM_FUNDS: 44, Cash.FROM_OTHERS: 30,
    Cash.EXIT_PROCEEDS: 27, Cash.EXIT_TO_FUNDS: 18, Cash.EXIT_TO_REST: 9, Cash.OUTSIDE_PAID: 2,
}  # fmt: skip
COUNTS = {
    Count.FUNDS: 2, Count.COMMITMENTS: 3, Count.VENTURE_SLOTS: 3, Count.FIRM_SLOTS: 3,
    Count.INITIAL: 1, Count.ENTERED: 3, Count.DIED: 1, Count.MOVED: 1,
}  # fmt: skip


def worked_by_hand() -> tuple[Any, World]:
    """(rules, world). The treasury has put 48 into fund 0, which put 16 into fund 1 beside another's 16; three firms,
    one of them closed; three ventures, one of them closed and one listed; two programmes, one of which draws on the
    other's purse and forgoes tax; an incubator with one place. All but what is closed and listed is in order."""
    rules = np.zeros(1, fresh()[0].dtype).view(np.recarray)[0]
    rules.ladders.levels = 2
    rules.programmes.count = 2
    for column, values in {"spent_before": [2, 0], "tax": [0, 1], "purse": [0, 0], "budget": [10, 10]}.items():
        rules.programmes[column][:2] = values
    rules.incubators.kinds = rules.incubators.places[0] = 1
    w = build_world(Room(firms=3, ventures=3, holdings=2, funds=2, quarters=1, metrics=1, levels=2, programmes=2))
    for room, columns in BY_HAND.items():
        for column, values in columns.items():
            getattr(getattr(w, room), column)[: len(values)] = values
    w.ventures.class_shares[:, 0] = 2.0
    w.ventures.class_conversion[:, 0] = 1.5
    for what, amount in MONEY.items():
        w.tally.money[what] = amount
    for what, number in COUNTS.items():
        w.tally.counts[what] = number
    return rules, w


MILLION = 1e6  # yuan beyond the amount itself: what sums of large amounts may be off by
# what is put wrong by how much: the identity that tells it, and the residual: difference / amount it concerns
RESIDUALS = {
    "a fee": (1, "funds.fees", 0, 1.0, 1 / (59 + MILLION)),
    "a call": (2, "commitments.called", 2, 1.0, 1 / 64),
    "a distribution": (2, "commitments.distributed", 2, 1.0, 1 / (8 + MILLION)),
    "commitment": (3, "funds.commitment", 1, -33.0, 1 / (31 + 1)),
    "cash": (3, "funds.cash", 1, -5.0, 1 / (64 + 1)),
    "carry": (3, "funds.carry", 1, -4.0, 1 / (64 + 1)),
    "what is kept of proceeds": (3, "funds.gp_part", 1, -1.0, 1 / (64 + 1)),
    "money of others": (4, "tally.money", int(Cash.FROM_OTHERS), 1.0, 1 / (74 + MILLION)),
    "an investment": (4, "funds.invested", 1, 2.0, 2 / (74 + MILLION)),
    "proceeds of the rest": (5, "tally.money", int(Cash.EXIT_TO_REST), 1.0, 1 / (27 + MILLION)),
    "an outside portfolio": (5, "tally.money", int(Cash.OUTSIDE_PAID), 1.0, 1 / (25 + MILLION)),
    "a pool": (6, "ventures.pool", 0, 1.0, 1 / 9),
    "the oldest position": (7, "holdings.shares", 0, 3.0, 2.5 / 2.001),
    "a death": (8, "tally.counts", int(Count.DIED), 1, 1.0),
    "a stock": (9, "ladder.stock", 0, 1, 1.0),
    "an entry to a level": (9, "ladder.entered", 1, 1, 1.0),
    "outlay": (10, "tally.money", int(Cash.OUTLAY), 1.0, 1 / (47 + MILLION)),
    "recovery": (10, "tally.money", int(Cash.RECOVERED), 1.0, 1 / (10 + MILLION)),
    "a grant": (10, "programmes.spent", 0, 1.0, 1 / (8 + MILLION)),
    "a repayment": (10, "programmes.repaid", 0, 1.0, 1 / (4 + MILLION)),
    "a budget": (11, "programmes.budget_left", 0, -2.0, 1 / (10 + 1)),
    "a tenant too few": (12, "incubators.tenants", 0, -1, 1.0),
    "a tenant too many": (12, "incubators.tenants", 0, 1, 1.0),
}


def test_a_world_worked_by_hand_closes_to_the_last_bit():
    rules, w = worked_by_hand()
    assert audit(rules, w) == (0.0, 0)  # and no identity is named


@pytest.mark.parametrize("name", RESIDUALS)
def test_a_yuan_is_told_relative_to_the_amount_it_concerns(name):
    identity, column, place, amount, residual = RESIDUALS[name]
    rules, w = worked_by_hand()
    room, field = column.split(".")
    getattr(getattr(w, room), field)[place] += amount
    if name == "an investment":
        w.funds.cash[1] -= amount  # the fund's own account still closes
    assert audit(rules, w) == (residual, identity)


def test_of_two_equal_differences_the_first_is_told():
    _, w = worked_by_hand()
    note(w.tally, 3, 1.0, 4.0)
    note(w.tally, 4, 1.0, 4.0)
    assert w.tally.counts[Count.BROKEN] == 3
