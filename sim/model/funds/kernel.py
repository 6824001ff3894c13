"""Funds: how they come about, call, charge, distribute and end. One acyclic graph of commitments.

The guidance fund commits to sub-funds; each proposal asks it for a share of its target, under the contribution cap, and
raises the rest elsewhere with a success that depends on the market and on luck (nationally 60 % of targets are
subscribed): leverage is an outcome. A share of the other limited partners' money is new to the zone
(additionality); the
rest would have come as market-fund money and is taken from the market funds' allocations, so that a world without the
guidance fund holds it. Local share: the reinvestment rule (返投) asks a sub-fund for ratio x guidance money in the
zone.
Order of the graph: a fund stands after the funds that commit to it, so one sweep from the last to the first passes
calls and distributions up to the treasury.
"""

import numpy as np

from sim.finance.waterfall import whole_fund_step
from sim.model.draws import Purpose, exp, normal, poisson, uniform, uniforms
from sim.model.jit import kernel
from sim.model.market.kernel import mean_regime
from sim.model.world import OTHERS, TREASURY, Cash, Count, FundKind, Status


@kernel
def take_fund(rules, funds, tally, group, opened):
    """A fresh row with the terms of its class; commitment still zero. Returns the row or -1."""
    f = tally.counts[Count.FUNDS]
    if f >= funds.kind.shape[0]:
        tally.counts[Count.STATUS] = Status.FUNDS_FULL
        return np.int64(-1)
    tally.counts[Count.FUNDS] = f + 1
    funds.kind[f] = rules.kind[group]
    funds.group[f] = group
    funds.commitment[f] = 0.0
    funds.opened[f] = opened
    funds.invests_until[f] = opened + rules.invests[group]
    funds.ends[f] = opened + rules.life[group]
    funds.local_share[f] = rules.local_share[group]
    funds.called[f] = 0.0
    funds.distributed[f] = 0.0
    funds.recalled[f] = 0.0
    funds.cash[f] = 0.0
    funds.need[f] = 0.0
    funds.proceeds[f] = 0.0
    funds.received[f] = 0.0
    funds.invested[f] = 0.0
    funds.invested_outside[f] = 0.0
    funds.outside_value[f] = 0.0
    funds.held_cost[f] = 0.0
    funds.fees[f] = 0.0
    funds.carry[f] = 0.0
    funds.hurdle_balance[f] = 0.0
    funds.lp_profit[f] = 0.0
    funds.nav[f] = 0.0
    funds.follow_reserve[f] = rules.follow_on[group]
    funds.parent[f] = -1
    funds.local_required[f] = 0.0
    funds.mandate[f] = rules.mandate[group]
    funds.ended[f] = 0
    funds.first_edge[f] = 0
    funds.edges[f] = 0
    return f


@kernel
def commit(funds, commitments, tally, lp, f, amount):
    """A limited partner commits to fund f: one edge of the graph. Edges of a fund are written one after another."""
    e = tally.counts[Count.COMMITMENTS]
    commitments.lp[e] = lp
    commitments.fund[e] = f
    commitments.amount[e] = amount
    commitments.called[e] = 0.0
    commitments.distributed[e] = 0.0
    tally.counts[Count.COMMITMENTS] = e + 1
    if funds.edges[f] == 0:
        funds.first_edge[f] = e
    funds.edges[f] += 1
    funds.commitment[f] += amount


@kernel
def open_closed_fund(rules, funds, commitments, tally, g):
    """A sub-fund that closed before the start: its size and the guidance money in it are known."""
    f = take_fund(rules, funds, tally, g, rules.opens_from[g])
    if f < 0:
        return
    for other in range(f):
        if funds.group[other] == rules.parent[g]:
            funds.parent[f] = other
    share = rules.committed[g]
    others = rules.commitment[g] - share
    commit(funds, commitments, tally, funds.parent[f], f, share)
    commit(funds, commitments, tally, OTHERS, f, others)
    funds.local_required[f] = rules.reinvestment[g] * share
    funds.local_share[f] = min(1.0, max(rules.local_share[g], funds.local_required[f] / rules.commitment[g]))
    tally.money[Cash.SUBFUND_OTHERS] += others
    tally.counts[Count.SUB_FUNDS] += 1


@kernel
def plan_funds(key, rules, funds, commitments, market, tally):
    """At the start: the zone's own funds, the slots of sub-fund proposals, and what market institutions have left
    of the
    funds that they raised before the start."""
    for g in range(rules.groups):
        kind = rules.kind[g]
        if kind == FundKind.GUIDANCE or kind == FundKind.DIRECT or kind == FundKind.ATTRACTION:
            f = take_fund(rules, funds, tally, g, rules.opens_from[g])
            if f < 0:
                return
            commit(funds, commitments, tally, TREASURY if rules.public[g] else OTHERS, f, rules.commitment[g])
        elif kind == FundKind.SUB_FUND and rules.committed[g] > 0.0:
            open_closed_fund(rules, funds, commitments, tally, g)
        elif kind == FundKind.SUB_FUND:
            span = max(1, rules.opens_until[g] - rules.opens_from[g])
            for k in range(rules.count[g]):
                u = uniform(key, k, g, 0, Purpose.FUND_PROPOSAL)
                f = take_fund(rules, funds, tally, g, rules.opens_from[g] + np.int64(u * span))
                if f < 0:
                    return
                funds.ended[f] = 2
                for other in range(f):
                    if funds.group[other] == rules.parent[g]:
                        funds.parent[f] = other
        else:
            for k in range(rules.count[g]):
                u = uniform(key, k, g, 0, Purpose.FUND_PROPOSAL)
                opened = -np.int64(u * rules.interval[g])
                if opened + rules.invests[g] > 0:
                    left = 1.0 + opened / rules.invests[g]
                    open_market_fund(key, rules, funds, commitments, market, tally, g, k, opened, 0, left)


@kernel
def open_market_fund(key, rules, funds, commitments, market, tally, g, k, opened, quarter, left):
    """An institution's next fund: what it allots to the zone, lognormal, more in hot markets, less what sub-funds have
    already drawn from the same purses (the part of their other money that is not additional)."""
    a, _, _, _ = uniforms(key, k, g, opened + 400, Purpose.FUND_PROPOSAL_MORE)
    size = left * rules.commitment[g] * exp(rules.size_sd[g] * normal(a) + rules.size_mood[g] * market.private[quarter])
    displaced = min(tally.money[Cash.DISPLACED], 0.5 * size)
    tally.money[Cash.DISPLACED] -= displaced
    f = take_fund(rules, funds, tally, g, opened)
    if f >= 0:
        commit(funds, commitments, tally, OTHERS, f, size - displaced)


@kernel
def close_sub_fund(key, rules, funds, commitments, market, tally, f, quarter):
    """A proposal goes to its first and only close, or lapses and is replaced by another half a year later."""
    g = funds.group[f]
    parent = funds.parent[f]
    plan = rules.plan_share[g] * funds.commitment[parent] * (1.0 - rules.guidance_reserve) / rules.count[g]
    if plan < 1.0:
        return
    a, b, _, _ = uniforms(key, f, g, quarter, Purpose.FUND_PROPOSAL_MORE)
    committed = 0.0
    for e in range(tally.counts[Count.COMMITMENTS]):
        if commitments.lp[e] == parent:
            committed += commitments.amount[e]
    room = funds.commitment[parent] * (1.0 - rules.guidance_reserve) - committed
    wanted = min(plan * exp(rules.plan_sd * normal(a)), room)
    if wanted < 0.25 * plan:
        funds.opened[f] = -1
        return
    target = wanted / min(rules.ask_share[g], rules.cap[g])
    drag = max(0.0, 1.0 - rules.reinvestment_drag * max(0.0, rules.reinvestment[g] - rules.reinvestment_free))
    mood = rules.raise_mood * mean_regime(market.regime[quarter])
    success = min(1.0, rules.raised_share[g] * drag * exp(rules.raised_sd * normal(b) + mood))
    others = success * (target - wanted)
    share = min(wanted, rules.cap[g] / (1.0 - rules.cap[g]) * others) if rules.cap[g] < 1.0 else wanted
    size = share + others
    if size < rules.least_close * target:
        funds.opened[f] = quarter + 2
        tally.counts[Count.PROPOSALS_LAPSED] += 1
        return
    funds.ended[f] = 0
    funds.opened[f] = quarter
    funds.invests_until[f] = quarter + rules.invests[g]
    funds.ends[f] = quarter + rules.life[g]
    commit(funds, commitments, tally, parent, f, share)
    commit(funds, commitments, tally, OTHERS, f, others)
    funds.local_required[f] = rules.reinvestment[g] * share
    funds.local_share[f] = min(1.0, max(rules.local_share[g], funds.local_required[f] / size))
    tally.money[Cash.SUBFUND_OTHERS] += others
    tally.money[Cash.SUBFUND_NEW] += rules.additionality * others
    tally.money[Cash.DISPLACED] += (1.0 - rules.additionality) * others * funds.local_share[f]
    tally.counts[Count.SUB_FUNDS] += 1


@kernel
def open_funds(key, rules, funds, commitments, market, tally, quarter):
    """Proposals that fall due go to their close; market institutions raise their next fund when its time has come."""
    n = tally.counts[Count.FUNDS]
    for f in range(n):
        if funds.ended[f] == 2 and funds.opened[f] == quarter:
            close_sub_fund(key, rules, funds, commitments, market, tally, f, quarter)
    for g in range(rules.groups):
        if rules.kind[g] == FundKind.MARKET:
            for k in range(rules.count[g]):
                u = uniform(key, k, g, 0, Purpose.FUND_PROPOSAL)
                phase = np.int64(u * rules.interval[g])
                if quarter > 0 and (quarter + phase) % rules.interval[g] == 0:
                    open_market_fund(key, rules, funds, commitments, market, tally, g, k, quarter, quarter, 1.0)


@kernel
def register_in_park(key, rules, tally, quarter):
    """The fund park: funds register (Poisson, slowing as its places fill) with lognormal registered sizes. Registered
    size is not money paid in; the park's funds are not the funds of this model."""
    if quarter < rules.park_from or rules.park_places <= 0.0:
        return
    free = max(0.0, 1.0 - tally.counts[Count.PARK_FUNDS] / rules.park_places)
    n = poisson(uniform(key, 0, 0, quarter, Purpose.FUND_PARK), 0.25 * rules.park_rate * free)
    for k in range(n):
        u = uniform(key, 1 + k, 0, quarter, Purpose.FUND_PARK)
        tally.money[Cash.PARK_SIZE] += rules.park_size * exp(rules.park_sd * normal(u))
        tally.counts[Count.PARK_FUNDS] += 1


@kernel
def charge_and_invest_outside(key, rules, funds, market, tally, quarter):
    """Fees (on commitment while investing, on cost held afterwards), and the part of a sub-fund's money that goes into
    firms outside the zone: one pooled asset a fund, growing like a portfolio and paid back along (t/life)^bow."""
    change = market.private[quarter] - market.private[quarter - 1] if quarter > 0 else 0.0
    for f in range(tally.counts[Count.FUNDS]):
        if funds.ended[f] or quarter < funds.opened[f]:
            continue
        g = funds.group[f]
        investing = quarter < funds.invests_until[f]
        base = funds.commitment[f] if investing else funds.held_cost[f]
        rate = rules.fee[g] if investing else rules.fee_after[g]
        left = funds.commitment[f] - funds.called[f] - funds.need[f] + funds.cash[f]
        fee = max(0.0, min(0.25 * rate * base, left))
        funds.need[f] += fee
        funds.fees[f] += fee
        if funds.local_share[f] < 1.0 and rules.kind[g] == FundKind.SUB_FUND:
            if investing:
                part = (1.0 - funds.local_share[f]) * funds.commitment[f] * (1.0 - rules.fee_reserve) / rules.invests[g]
                part = max(0.0, min(part, funds.commitment[f] - funds.called[f] - funds.need[f] + funds.cash[f]))
                funds.need[f] += part
                funds.invested_outside[f] += part
                funds.outside_value[f] += part
            u = uniform(key, f, g, quarter, Purpose.FUND_OUTSIDE)
            growth = rules.outside_drift + rules.outside_load * change + rules.outside_sd * normal(u)
            funds.outside_value[f] *= exp(growth)
            age = (quarter - funds.opened[f]) / max(1.0, 1.0 * rules.life[g])
            rate = min(1.0, age**rules.outside_bow)
            if quarter >= funds.ends[f]:
                rate = 1.0
            if age > 0.25:
                paid = 0.25 * rate * funds.outside_value[f] if rate < 1.0 else funds.outside_value[f]
                funds.outside_value[f] -= paid
                funds.proceeds[f] += paid
                tally.money[Cash.OUTSIDE_PAID] += paid


@kernel
def settle(rules, funds, commitments, tally):
    """From the last fund to the first: call what is needed, distribute what came in, pass both to the limited
    partners."""
    for f in range(tally.counts[Count.FUNDS] - 1, -1, -1):
        if funds.ended[f] == 2:
            continue
        g = funds.group[f]
        if funds.need[f] == 0.0 and funds.proceeds[f] == 0.0 and funds.hurdle_balance[f] == 0.0:
            continue
        funds.hurdle_balance[f] *= rules.hurdle_quarter[g]
        first = funds.first_edge[f]
        last = first + funds.edges[f]
        need = funds.need[f]
        from_cash = min(need, funds.cash[f])
        call = need - from_cash
        funds.cash[f] -= from_cash
        if call > 0.0:
            funds.called[f] += call
            funds.hurdle_balance[f] += call
            for e in range(first, last):
                part = call * commitments.amount[e] / funds.commitment[f]
                commitments.called[e] += part
                if commitments.lp[e] >= 0:
                    funds.need[commitments.lp[e]] += part
                elif commitments.lp[e] == TREASURY:
                    tally.money[Cash.OUTLAY] += part
        funds.need[f] = 0.0
        paid = funds.proceeds[f]
        if paid > 0.0:
            funds.proceeds[f] = 0.0
            funds.received[f] += paid
            to_lp, to_gp, balance = whole_fund_step(
                funds.hurdle_balance[f],
                funds.called[f],
                funds.distributed[f],
                funds.carry[f],
                paid,
                rules.carry[g],
                rules.catch_up[g],
            )
            funds.hurdle_balance[f] = balance
            funds.carry[f] += to_gp
            funds.distributed[f] += to_lp
            for e in range(first, last):
                part = to_lp * commitments.amount[e] / funds.commitment[f]
                commitments.distributed[e] += part
                if commitments.lp[e] >= 0:
                    funds.proceeds[commitments.lp[e]] += part
                elif commitments.lp[e] == TREASURY:
                    tally.money[Cash.RECOVERED] += part


@kernel
def value_funds(funds, commitments, ventures, holdings, market, tally, quarter):
    """Net asset value: unlisted holdings at the last round's price, listed ones at the market, the outside portfolio at
    its value, cash; a fund of funds by its share of each fund's. Carry accrued but not paid is not deducted."""
    multiple = np.exp(market.multiple[quarter])
    for f in range(tally.counts[Count.FUNDS]):
        funds.nav[f] = funds.outside_value[f] + funds.cash[f]
        funds.held_cost[f] = min(funds.outside_value[f], funds.invested_outside[f])
    for h in range(tally.counts[Count.HOLDINGS]):
        f = holdings.fund[h]
        if f < 0:
            continue
        v = holdings.venture[h]
        whole = exp(ventures.log_value[v]) * multiple if ventures.listed[v] else ventures.last_post[v]
        c = holdings.share_class[h]
        funds.nav[f] += holdings.shares[h] * ventures.class_conversion[v, c] / ventures.shares[v] * whole
        funds.held_cost[f] += holdings.cost[h]
    for f in range(tally.counts[Count.FUNDS] - 1, -1, -1):
        if funds.ended[f] == 2 or funds.commitment[f] <= 0.0:
            continue
        for e in range(funds.first_edge[f], funds.first_edge[f] + funds.edges[f]):
            if commitments.lp[e] >= 0:
                funds.nav[commitments.lp[e]] += commitments.amount[e] / funds.commitment[f] * funds.nav[f]


@kernel
def log_flows(funds, tally, events, quarter):
    """A row a live fund and quarter, where this replication keeps a log: cumulated sums, so that a reader can
    difference."""
    for f in range(tally.counts[Count.FUNDS]):
        if funds.ended[f] == 2 or funds.called[f] == 0.0:
            continue
        n = tally.counts[Count.FLOW_EVENTS]
        if n >= events.flows.shape[0]:
            return
        row = events.flows[n]
        row[0] = quarter
        row[1] = f
        row[2] = funds.group[f]
        row[3] = funds.commitment[f]
        row[4] = funds.called[f]
        row[5] = funds.distributed[f]
        row[6] = funds.nav[f]
        row[7] = funds.fees[f]
        row[8] = funds.carry[f]
        row[9] = funds.invested[f] + funds.invested_outside[f]
        tally.counts[Count.FLOW_EVENTS] = n + 1
