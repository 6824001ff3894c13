"""Identities that must hold in every quarter of every replication; `run --audit` checks them.

Each is stated where it is checked. The largest residual, relative to the amount it concerns, is kept in
Tally.money[WORST] with the number of its identity in Tally.counts[BROKEN]; counts must agree exactly.
"""

import numpy as np

from sim.model.jit import kernel
from sim.model.world import TREASURY, Cash, Count

IDENTITIES = {
    1: "fund: called + received = invested + funds' calls + fees + expenses + distributed + carry + cash",
    2: "fund: calls and distributions of its limited partners sum to its own",
    3: "fund: called <= commitment; cash, carry and what is kept of proceeds are not below zero",
    4: "firms: money in = money from funds + money from others; funds' investments = money from funds",
    5: "exits: proceeds = to funds + to the rest; funds received = exits + outside portfolios + their own funds",
    6: "cap table: founders + pool + classes as converted = fully diluted shares",
    7: "cap table: funds hold no more of a class than was issued",
    8: "population: present = initial + entered - died - moved away",
    9: "ladder: stock = recount; stock = initial + entered - left",
    10: "public: outlay and recovery = calls and distributions, since the start, of the treasury's commitments,"
    " subsidies, rent forgone",
    11: "programmes: no calendar year's budget is overdrawn; spending = what was paid out",
    12: "incubators: tenants = recount <= places",
}
TOLERANCE = 1e-9


@kernel
def note(tally, identity, difference, scale):
    """Keep the worst relative residual."""
    residual = abs(difference) / max(1.0, abs(scale))
    if not residual <= tally.money[Cash.WORST]:
        tally.money[Cash.WORST] = residual
        tally.counts[Count.BROKEN] = identity


@kernel
def audit_funds(funds, commitments, tally):
    n = tally.counts[Count.FUNDS]
    for f in range(n):
        funds.passed_down[f] = 0.0
    outlay = 0.0
    recovered = 0.0
    invested = 0.0
    received = 0.0
    passed_up = 0.0
    for f in range(n):
        called = 0.0
        distributed = 0.0
        for e in range(funds.first_edge[f], funds.first_edge[f] + funds.edges[f]):
            called += commitments.called[e]
            distributed += commitments.distributed[e]
            lp = commitments.lp[e]
            if lp >= 0:
                funds.passed_down[lp] += commitments.called[e]
                passed_up += commitments.distributed[e]
            elif lp == TREASURY:
                outlay += commitments.called[e]
                recovered += commitments.distributed[e]
        note(tally, 2, called - funds.called[f], funds.commitment[f])
        note(tally, 2, distributed - funds.distributed[f], funds.distributed[f] + 1e6)
        over = max(0.0, funds.called[f] - funds.commitment[f])
        under = max(0.0, -min(min(funds.cash[f], funds.carry[f]), funds.gp_part[f]))
        note(tally, 3, max(over, under), funds.commitment[f] + 1.0)
        invested += funds.invested[f]
        received += funds.received[f]
    for f in range(n):
        out = funds.invested[f] + funds.invested_outside[f] + funds.passed_down[f] + funds.fees[f] + funds.expenses[f]
        out += funds.distributed[f] + funds.carry[f] + funds.cash[f]
        note(tally, 1, funds.called[f] + funds.received[f] - out, out + 1e6)
    outlay += tally.money[Cash.SUBSIDIES] + tally.money[Cash.RENT_FORGONE] - tally.money[Cash.BOOKED_OUT]
    recovered += tally.money[Cash.REPAID] - tally.money[Cash.BOOKED_BACK]
    note(tally, 10, outlay - tally.money[Cash.OUTLAY], outlay + 1e6)
    note(tally, 10, recovered - tally.money[Cash.RECOVERED], recovered + 1e6)
    into = tally.money[Cash.INTO_FIRMS]
    note(tally, 4, into - tally.money[Cash.FROM_FUNDS] - tally.money[Cash.FROM_OTHERS], into + 1e6)
    note(tally, 4, invested - tally.money[Cash.FROM_FUNDS], into + 1e6)
    out = tally.money[Cash.EXIT_PROCEEDS]
    note(tally, 5, out - tally.money[Cash.EXIT_TO_FUNDS] - tally.money[Cash.EXIT_TO_REST], out + 1e6)
    whole = tally.money[Cash.EXIT_TO_FUNDS] + tally.money[Cash.OUTSIDE_PAID] + passed_up
    note(tally, 5, received - whole, whole + 1e6)


@kernel
def audit_cap_tables(ventures, holdings, tally):
    for v in range(tally.counts[Count.VENTURE_SLOTS]):
        if ventures.alive[v] == 0 or ventures.listed[v]:
            continue
        total = ventures.founders[v] + ventures.pool[v]
        for c in range(ventures.classes[v]):
            total += ventures.class_shares[v, c] * ventures.class_conversion[v, c]
            held = 0.0
            h = ventures.first_holding[v]
            while h >= 0:
                if holdings.share_class[h] == c:
                    held += holdings.shares[h]
                h = holdings.next[h]
            note(tally, 7, max(0.0, held - ventures.class_shares[v, c]), ventures.class_shares[v, c] + 1e-3)
        note(tally, 6, total - ventures.shares[v], total)


@kernel
def audit_population(rules, firms, ladder, tally):
    slots = tally.counts[Count.FIRM_SLOTS]
    alive = 0
    for i in range(slots):
        alive += np.int64(firms.alive[i])
    c = tally.counts
    expected = c[Count.INITIAL] + c[Count.ENTERED] - c[Count.DIED] - c[Count.MOVED]
    note(tally, 8, 1.0 * (alive - expected), 1.0)
    for level in range(rules.levels):
        stock = 0
        for i in range(slots):
            if firms.alive[i] and firms.held[i] & (np.int64(1) << np.int64(level)):
                stock += 1
        note(tally, 9, 1.0 * (stock - ladder.stock[level]), 1.0)
        flows = ladder.seeded[level] + ladder.entered[level] - ladder.left[level]
        note(tally, 9, 1.0 * (stock - flows), 1.0)


@kernel
def audit_world(rules, firms, ventures, holdings, funds, commitments, ladder, tally):
    """Check every identity at the end of a quarter. Nothing of the world changes but the record of the worst
    residual."""
    audit_funds(funds, commitments, tally)
    audit_cap_tables(ventures, holdings, tally)
    audit_population(rules.ladders, firms, ladder, tally)


@kernel
def audit_policies(rules, firms, programmes, incubators, tally):
    """Programmes and incubators keep to their budgets and places, and money spent is money accounted for."""
    r = rules.programmes
    spent = 0.0
    repaid = 0.0
    for p in range(r.count):
        spent += programmes.spent[p] - r.spent_before[p] if r.tax[p] == 0 else 0.0
        repaid += programmes.repaid[p]
        if r.purse[p] == p and np.isfinite(r.budget[p]):
            note(tally, 11, max(0.0, -programmes.budget_left[p]), r.budget[p] + 1.0)
    note(tally, 10, spent - tally.money[Cash.SUBSIDIES], spent + 1e6)
    note(tally, 10, repaid - tally.money[Cash.REPAID], repaid + 1e6)
    k = rules.incubators
    for kind in range(k.kinds):
        there = 0
        for slot in range(tally.counts[Count.FIRM_SLOTS]):
            there += 1 if firms.alive[slot] != 0 and firms.tenancy[slot] == kind else 0
        note(tally, 12, 1.0 * max(0, there - incubators.tenants[kind]), 1.0)
        note(tally, 12, 1.0 * max(0, incubators.tenants[kind] - k.places[kind]), 1.0)
