"""Claims about the audit: a world that closes passes every identity, and one that is off in one place is told by the
identity it breaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from sim import accounts
from sim.accounts import IDENTITIES, TOLERANCE, audit_policies, audit_world, note
from sim.model.world import TREASURY, Cash, Count
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
