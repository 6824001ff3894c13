"""Funds: how they come about, call, charge, distribute and end. One acyclic graph of commitments.

The guidance fund commits to sub-funds; each proposal asks it for a share of its target, under the contribution cap, and
raises the rest elsewhere with a success that depends on the market and on luck (nationally 60 % of targets are
subscribed): leverage is an outcome. Of the other limited partners' money that a sub-fund means for the zone a share is
new to it (additionality); the rest would have come as market-fund money and is taken from the market funds'
allocations, so that a world without the guidance fund holds it. Local share: the reinvestment rule (返投) asks a
sub-fund for ratio x guidance money in the zone.
Order of the graph: a fund stands after the funds that commit to it, so one sweep from the last to the first passes
calls and distributions up to the treasury.
"""

import numpy as np

from sim.finance.pacing import distribution_rate, pace_year
from sim.finance.waterfall import accrue_hurdle, clawback_due, due_to_protected, whole_fund_step
from sim.model.draws import Purpose, exp, normal, poisson, uniform, uniforms
from sim.model.jit import inlined, kernel
from sim.model.limits import MOST_FEES
from sim.model.market.kernel import mean_regime
from sim.model.world import MAX_CLASSES, OTHERS, STATE, TREASURY, Cash, Count, FundKind, Status

PAID_IN, INVESTED = 1, 2  # places in rules.FEE_BASES
WITH_CLAWBACK = 2  # of Funds.by_deal
MISS_CONCESSION, MISS_FEE, MISS_BOTH = 1, 2, 3  # places in rules.MISSES
GENERATION = 4096  # institutions of a class: funds of one institution are told apart by the quarter they opened in
LAST_YEAR = 4  # quarters
CENTURY = 400  # quarters: so far ahead a fund plans for fees


@inlined
def fee_by_terms(rules, g, quarters):
    """Yearly rate of the management fee and its base, so many quarters after the first close: by period, stepping down
    after the investment period. Extensions have a rate of their own."""
    if quarters < rules.invests[g]:
        return rules.fee[g], rules.fee_base[g]
    years = (quarters - rules.invests[g]) // 4
    return rules.fee_after[g] * (1.0 - rules.fee_step[g]) ** years, rules.fee_base_after[g]


@kernel
def fees_to_come(rules, g, age):
    """Part of a fund's commitments that fees and expenses take from an age (quarters) to the end of its life by its
    terms, extensions apart. Of what is paid in or held half is there on average while it grows or shrinks."""
    part = 0.0
    for q in range(age, min(rules.life[g], CENTURY)):
        rate, base = fee_by_terms(rules, g, q)
        rising = base == INVESTED or (base == PAID_IN and q < rules.invests[g])
        part += 0.25 * (rate * (0.5 if rising else 1.0) + rules.expenses[g])
    return min(part, MOST_FEES)


@kernel
def take_fund(rules, funds, tally, group, number, opened):
    """A fresh row with the terms of its class; commitment still zero. Returns the row or -1."""
    f = tally.counts[Count.FUNDS]
    if f >= funds.kind.shape[0]:
        tally.counts[Count.STATUS] = Status.FUNDS_FULL
        return np.int64(-1)
    tally.counts[Count.FUNDS] = f + 1
    funds.kind[f] = rules.kind[group]
    funds.group[f] = group
    funds.number[f] = number
    funds.commitment[f] = 0.0
    funds.opened[f] = opened
    funds.places_from[f] = opened
    funds.invests_until[f] = opened + rules.invests[group]
    funds.ends[f] = opened + rules.life[group]
    funds.local_share[f] = rules.local_share[group]
    funds.called[f] = 0.0
    funds.distributed[f] = 0.0
    funds.recycled[f] = 0.0
    funds.cash[f] = 0.0
    funds.need[f] = 0.0
    funds.proceeds[f] = 0.0
    funds.received[f] = 0.0
    funds.invested[f] = 0.0
    funds.invested_outside[f] = 0.0
    funds.outside_value[f] = 0.0
    funds.held_cost[f] = 0.0
    funds.held_age[f] = 0.0
    funds.fees[f] = 0.0
    funds.withheld[f] = 0.0
    funds.expenses[f] = 0.0
    funds.carry[f] = 0.0
    funds.accrued[f] = 0.0
    funds.gp_part[f] = 0.0
    funds.clawed[f] = 0.0
    funds.hurdle_balance[f] = 0.0
    funds.whole_distributed[f] = 0.0
    funds.whole_carry[f] = 0.0
    funds.nav[f] = 0.0
    funds.nav_fair[f] = 0.0
    funds.followed[f] = 0.0
    funds.kept[f] = 0.0
    funds.counted[f] = 0.0
    funds.counts_as[f] = rules.counts_as[group]
    funds.conceded[f] = 0.0
    funds.local_required[f] = 0.0
    funds.outside_called[f] = 0.0
    funds.outside_balance[f] = 0.0
    funds.outside_returned[f] = 0.0
    funds.outside_carried[f] = 0.0
    funds.outside_since[f] = 0
    follows = rules.follow_policy[group] > 0 or rules.kind[group] == FundKind.DIRECT  # that one follows in every round
    funds.follow_reserve[f] = rules.follow_on[group] if follows else 0.0
    funds.policy[f] = rules.follow_policy[group] if rules.follow_on[group] > 0.0 else 0
    funds.by_deal[f] = rules.by_deal[group] * (1 + rules.clawback[group])
    funds.paid_ahead[f] = 1 if rules.tranches[group] > 0 else 0
    funds.hurdle[f] = rules.hurdle[group]
    funds.carry_rate[f] = rules.carry[group]
    funds.catch_up[f] = rules.catch_up[group]
    # Market funds of the start have the rest of their commitments; all others have them whole.
    rest = rules.kind[group] == FundKind.MARKET and rules.booked[group] == 0 and rules.paced[group] == 0
    age = max(np.int64(0), -np.int64(opened)) if rest else np.int64(0)
    funds.load[f] = 1.0 / (1.0 - fees_to_come(rules, group, age))
    funds.concentration[f] = rules.concentration[group]
    funds.extension[f] = rules.extension[group]
    funds.harvest[f] = rules.harvest[group]
    funds.recycles_until[f] = opened + rules.recycling_for[group]
    funds.parent[f] = -1
    funds.mandate[f] = rules.mandate[group]
    funds.ended[f] = 0
    funds.first_edge[f] = 0
    funds.edges[f] = 0
    funds.booked[f] = 0
    funds.booked_paid[f] = 0.0
    funds.booked_back[f] = 0.0
    funds.booked_nav[f] = 0.0
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
    commitments.mark[e] = 0.0
    tally.counts[Count.COMMITMENTS] = e + 1
    if funds.edges[f] == 0:
        funds.first_edge[f] = e
    funds.edges[f] += 1
    funds.commitment[f] += amount


@kernel
def commit_others(rules, funds, commitments, tally, f, amount):
    """The other partners of a fund: firms and funds of the state, and private ones."""
    state = amount * rules.state[funds.group[f]]
    if state > 0.0:
        commit(funds, commitments, tally, STATE, f, state)
    commit(funds, commitments, tally, OTHERS, f, amount - state)


@inlined
def investable(funds, f):
    """What is left of a fund's commitments for investing after the fees and expenses of its terms."""
    return funds.commitment[f] / funds.load[f]


@inlined
def part_of_zone(rules, funds, f, g):
    """Part of what a sub-fund invests that goes into firms of the zone: of its own accord, and at least what the
    reinvestment rule asks, which counts what firms get and not what is paid for fees."""
    asked = funds.local_required[f] / funds.counts_as[f]
    return min(1.0, max(rules.local_share[g], asked / max(investable(funds, f), 1.0)))


@kernel
def open_closed_fund(rules, funds, commitments, tally, g):
    """A sub-fund that closed before the start: its size and the guidance money in it are known."""
    f = take_fund(rules, funds, tally, g, 0, rules.opens_from[g])
    if f < 0:
        return
    for other in range(f):
        if funds.group[other] == rules.parent[g]:
            funds.parent[f] = other
    share = rules.committed[g]
    others = rules.commitment[g] - share
    commit(funds, commitments, tally, funds.parent[f], f, share)
    commit_others(rules, funds, commitments, tally, f, others)
    funds.local_required[f] = rules.reinvestment[g] * share
    funds.local_share[f] = part_of_zone(rules, funds, f, g)
    if rules.paced[g]:
        funds.local_share[f] = 0.0
    tally.money[Cash.SUBFUND_OTHERS] += others
    tally.counts[Count.SUB_FUNDS] += 1


@kernel
def plan_funds(key, rules, funds, commitments, market, tally):
    """At the start: the zone's own funds, the slots of sub-fund proposals, and what market institutions have left of
    the funds that they raised before the start; a fund in the last year of its investment period has placed its
    money. Where the guidance fund opens after the first proposals were to come, all of them come so much later."""
    for g in range(rules.groups):
        kind = rules.kind[g]
        if kind == FundKind.GUIDANCE or kind == FundKind.DIRECT or kind == FundKind.ATTRACTION:
            f = take_fund(rules, funds, tally, g, 0, rules.opens_from[g])
            if f < 0:
                return
            if rules.public[g]:
                commit(funds, commitments, tally, TREASURY, f, rules.commitment[g])
            else:
                commit_others(rules, funds, commitments, tally, f, rules.commitment[g])
        elif kind == FundKind.SUB_FUND and rules.committed[g] > 0.0:
            open_closed_fund(rules, funds, commitments, tally, g)
        elif kind == FundKind.SUB_FUND:
            span = max(1, rules.opens_until[g] - rules.opens_from[g])
            for k in range(rules.count[g]):
                u = uniform(key, k, rules.address[g], 0, Purpose.FUND_PROPOSAL)
                f = take_fund(rules, funds, tally, g, k, rules.opens_from[g] + np.int64(u * span))
                if f < 0:
                    return
                funds.ended[f] = 2
                for other in range(f):
                    if funds.group[other] == rules.parent[g]:
                        funds.parent[f] = other
                        funds.opened[f] += max(np.int64(0), np.int64(funds.opened[other]) - rules.opens_from[g])
        elif rules.booked[g]:
            f = take_fund(rules, funds, tally, g, 0, rules.opens_from[g])
            if f < 0:
                return
            commit_others(rules, funds, commitments, tally, f, rules.commitment[g])
        else:
            for k in range(rules.count[g]):
                u = uniform(key, k, rules.address[g], 0, Purpose.FUND_PROPOSAL)
                opened = -np.int64(u * rules.interval[g])
                if opened < rules.opens_from[g]:
                    continue
                if rules.paced[g]:  # its history is that of its pacing: see take_over_books
                    open_market_fund(key, rules, funds, commitments, market, tally, g, k, opened, 0, 1.0)
                elif opened + rules.invests[g] >= LAST_YEAR:
                    left = 1.0 + opened / rules.invests[g]
                    open_market_fund(key, rules, funds, commitments, market, tally, g, k, opened, 0, left)


@inlined
def last_placed(rules, funds, f, g, u):
    """A fund of the start has placed a first cheque at some time before it, and waits until what is left, spread evenly
    over what is left of its period, comes to that cheque: the part of the wait (quarters) that is not over yet. Without
    it all of them would be met in the first quarter."""
    room = investable(funds, f) * funds.local_share[f] * (1.0 - funds.follow_reserve[f])
    left = rules.deploys_over * (np.int64(funds.invests_until[f]) - 1)  # without a plan nobody waits
    wait = min(1.0, rules.first_cheque[g] / max(room, 1.0)) * left
    return np.int64(u * (wait + 1.0)) if wait > 0.0 else np.int64(0)


@kernel
def open_market_fund(key, rules, funds, commitments, market, tally, g, k, opened, quarter, left):
    """An institution's next fund: what it allots to the zone, lognormal, with the trend of fundraising and more in hot
    markets, less what sub-funds have already drawn from the same purses (the part of their other money that is not
    additional)."""
    a, b, _, _ = uniforms(key, k, rules.address[g], opened + 400, Purpose.FUND_PROPOSAL_MORE)
    log_size = rules.size_sd[g] * normal(a) + rules.size_mood[g] * market.private[quarter]
    size = left * rules.commitment[g] * exp(log_size + rules.fundraising_growth * quarter)
    displaced = 0.0 if rules.paced[g] else min(tally.money[Cash.DISPLACED], 0.5 * size)
    tally.money[Cash.DISPLACED] -= displaced
    f = take_fund(rules, funds, tally, g, k + GENERATION * (opened + 400), opened)
    if f >= 0:
        commit_others(rules, funds, commitments, tally, f, size - displaced)
        if quarter == 0 and not rules.paced[g]:
            funds.places_from[f] = 1 + last_placed(rules, funds, f, g, b)


@kernel
def close_sub_fund(key, rules, funds, commitments, market, tally, f, quarter):
    """A proposal goes to its first and only close, or lapses and is replaced by another half a year later."""
    g = funds.group[f]
    parent = funds.parent[f]
    kept = max(rules.guidance_reserve, 1.0 - 1.0 / funds.load[parent])  # for its own fees
    to_commit = funds.commitment[parent] * (1.0 - kept)
    plan = rules.plan_share[g] * to_commit / rules.count[g]
    if plan < 1.0:
        return
    a, b, _, _ = uniforms(key, funds.number[f], rules.address[g], quarter, Purpose.FUND_PROPOSAL_MORE)
    committed = 0.0
    for e in range(tally.counts[Count.COMMITMENTS]):
        if commitments.lp[e] == parent:
            committed += commitments.amount[e]
    room = to_commit - committed
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
    funds.load[f] = 1.0 / (1.0 - fees_to_come(rules, g, np.int64(0)))
    funds.places_from[f] = quarter
    funds.invests_until[f] = quarter + rules.invests[g]
    funds.ends[f] = quarter + rules.life[g]
    funds.recycles_until[f] = quarter + rules.recycling_for[g]
    commit(funds, commitments, tally, parent, f, share)
    commit_others(rules, funds, commitments, tally, f, others)
    funds.local_required[f] = rules.reinvestment[g] * share
    funds.local_share[f] = part_of_zone(rules, funds, f, g)
    if rules.paced[g]:
        funds.local_share[f] = 0.0
    tally.money[Cash.SUBFUND_OTHERS] += others
    to_zone = others * funds.local_share[f]
    tally.money[Cash.SUBFUND_NEW] += rules.additionality * to_zone
    tally.money[Cash.DISPLACED] += (1.0 - rules.additionality) * to_zone
    tally.counts[Count.SUB_FUNDS] += 1


@kernel
def open_funds(key, rules, funds, commitments, market, tally, quarter):
    """Proposals that fall due go to their close; market institutions raise their next fund when its time has come."""
    n = tally.counts[Count.FUNDS]
    for f in range(n):
        if funds.ended[f] == 2 and funds.opened[f] == quarter:
            close_sub_fund(key, rules, funds, commitments, market, tally, f, quarter)
    for g in range(rules.groups):
        if rules.kind[g] == FundKind.MARKET and rules.booked[g] == 0 and quarter >= rules.opens_from[g]:
            for k in range(rules.count[g]):
                u = uniform(key, k, rules.address[g], 0, Purpose.FUND_PROPOSAL)
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


@inlined
def callable_money(funds, f):
    """What a fund has and may still call, beyond what it needs this quarter already."""
    return max(0.0, funds.commitment[f] - funds.called[f] - funds.need[f] + funds.cash[f])


@kernel
def owed_below(funds, commitments, tally, f):
    """What a fund of funds has committed and the funds below it may still call."""
    owed = 0.0
    if funds.kind[f] == FundKind.GUIDANCE:
        for e in range(tally.counts[Count.COMMITMENTS]):
            if commitments.lp[e] == f and funds.ended[commitments.fund[e]] == 0:
                owed += commitments.amount[e] - commitments.called[e]
    return owed


@inlined
def missed_reinvestment(funds, f, quarter):
    """Whether a sub-fund is past its investment period and has put less into the zone than its rule asks."""
    return quarter >= funds.invests_until[f] and funds.counted[f] < funds.local_required[f] * (1.0 - 1e-9)


@inlined
def fee_of_quarter(rules, funds, f, g, quarter):
    """Management fee of a quarter, on the base the terms name."""
    rate, base = fee_by_terms(rules, g, quarter - funds.opened[f])
    if quarter >= funds.ends[f]:
        rate = rules.fee_extension[g]
    on = funds.commitment[f]
    if base == PAID_IN:
        on = funds.called[f]
    elif base == INVESTED:
        on = funds.held_cost[f]
    return 0.25 * rate * on


@kernel
def take_outside_proceeds(funds, f, paid, quarter):
    """The pooled outside portfolio pays; where carry is paid deal by deal it is one deal."""
    funds.proceeds[f] += paid
    if funds.by_deal[f] and paid > 0.0:
        years = 0.25 * (quarter - funds.outside_since[f])
        balance = accrue_hurdle(funds.outside_balance[f], funds.hurdle[f], years)
        to_lp, to_gp, balance = whole_fund_step(
            balance,
            funds.outside_called[f],
            funds.outside_returned[f],
            funds.outside_carried[f],
            paid,
            funds.carry_rate[f],
            funds.catch_up[f],
        )
        funds.outside_balance[f] = balance
        funds.outside_since[f] = quarter
        funds.outside_returned[f] += to_lp
        funds.outside_carried[f] += to_gp
        funds.gp_part[f] += to_gp


@kernel
def pace_outside(rules, funds, tally, f, g, quarter):
    """A fund whose money works outside the zone and follows a pacing (Takahashi and Alexander 2002): a year's call and
    distribution come on each anniversary of its first close; in between its value grows."""
    since = quarter - funds.opened[f]
    if since > 0:
        funds.outside_value[f] *= (1.0 + rules.pace_growth[g]) ** 0.25
    if since % 4 != 0:
        return
    year = since // 4 + 1
    rate = rules.pace_rate[g, min(year, rules.pace_rates[g]) - 1]
    part = distribution_rate(1.0 * year, 0.25 * rules.life[g], rules.pace_bow[g], rules.pace_yield[g])
    uncalled = max(0.0, funds.commitment[f] - funds.called[f] - funds.need[f])
    call, paid, left = pace_year(funds.outside_value[f], uncalled, rate, 0.0, min(1.0, part))
    funds.need[f] += call
    funds.invested_outside[f] += call
    funds.outside_value[f] = left
    take_outside_proceeds(funds, f, paid, quarter)
    tally.money[Cash.OUTSIDE_PAID] += paid


@kernel
def charge_and_invest_outside(key, rules, funds, commitments, market, tally, quarter):
    """Fees and expenses, which a fund of funds pays out of what the funds below it may not call; and the part of a
    sub-fund's money that goes into firms outside the zone: one pooled asset a fund, growing like a portfolio and paid
    back along (t/life)^bow."""
    change = market.private[quarter] - market.private[quarter - 1] if quarter > 0 else 0.0
    for f in range(tally.counts[Count.FUNDS]):
        if funds.ended[f] or quarter < funds.opened[f]:
            continue
        g = funds.group[f]
        if quarter == 0 and funds.booked[f]:  # the first quarter is in its books
            continue
        if rules.paced[g]:
            pace_outside(rules, funds, tally, f, g, quarter)
            continue
        investing = quarter < funds.invests_until[f]
        fee = fee_of_quarter(rules, funds, f, g, quarter)
        cuts = rules.fee_cut > 0.0 and rules.miss >= MISS_FEE and rules.kind[g] == FundKind.SUB_FUND
        if cuts and missed_reinvestment(funds, f, quarter):
            funds.withheld[f] += rules.fee_cut * fee
            fee *= 1.0 - rules.fee_cut
        owed = owed_below(funds, commitments, tally, f)
        fee = min(fee, max(0.0, callable_money(funds, f) - owed))
        funds.need[f] += fee
        funds.fees[f] += fee
        expenses = 0.25 * rules.expenses[g] * funds.commitment[f]
        expenses = min(expenses, max(0.0, callable_money(funds, f) - owed))
        funds.need[f] += expenses
        funds.expenses[f] += expenses
        goes_out = funds.local_share[f] < 1.0 and rules.kind[g] == FundKind.SUB_FUND
        if goes_out or funds.outside_value[f] > 0.0:
            if goes_out and investing:
                outside = (1.0 - funds.local_share[f]) * investable(funds, f)
                part = min(outside / rules.invests[g], max(0.0, outside - funds.invested_outside[f]))
                room = callable_money(funds, f)
                if funds.paid_ahead[f]:
                    room = max(0.0, funds.cash[f] - funds.need[f])
                part = min(part, room)
                funds.need[f] += part
                funds.invested_outside[f] += part
                funds.outside_value[f] += part
                if funds.by_deal[f]:
                    years = 0.25 * (quarter - funds.outside_since[f])
                    balance = accrue_hurdle(funds.outside_balance[f], funds.hurdle[f], years)
                    funds.outside_balance[f] = balance + funds.load[f] * part
                    funds.outside_since[f] = quarter
                    funds.outside_called[f] += funds.load[f] * part
            u = uniform(key, funds.number[f], rules.address[g], quarter, Purpose.FUND_OUTSIDE)
            growth = rules.outside_drift + rules.outside_load * change + rules.outside_sd * normal(u)
            funds.outside_value[f] *= exp(growth)
            age = (quarter - funds.opened[f]) / max(1.0, 1.0 * rules.life[g])
            rate = min(1.0, age**rules.outside_bow)
            if quarter >= funds.ends[f]:
                rate = 1.0
            if age > 0.25:
                paid = 0.25 * rate * funds.outside_value[f] if rate < 1.0 else funds.outside_value[f]
                funds.outside_value[f] -= paid
                take_outside_proceeds(funds, f, paid, quarter)
                tally.money[Cash.OUTSIDE_PAID] += paid
    # what outside portfolios of funds that end this quarter are still worth is sold with them
    for f in range(tally.counts[Count.FUNDS]):
        if funds.ended[f] == 1 and funds.outside_value[f] > 0.0:
            paid = funds.outside_value[f]
            if rules.paced[funds.group[f]]:
                paid *= (1.0 + rules.pace_growth[funds.group[f]]) ** 0.25
            funds.outside_value[f] = 0.0
            take_outside_proceeds(funds, f, paid, quarter)
            tally.money[Cash.OUTSIDE_PAID] += paid


@inlined
def tranche_due(rules, funds, f, g, quarter):
    """What tranches ask to have been paid in by now, in money."""
    last = min(rules.tranches[g], 1 + (quarter - funds.opened[f]) // rules.tranche_every[g])
    part = 0.0
    for k in range(last):
        part += rules.tranche[g, k]
    return min(part, 1.0) * funds.commitment[f]


@kernel
def call_capital(rules, funds, commitments, tally, f, g, quarter):
    """Call what cash does not cover, or what a tranche asks; every partner pays by its commitment."""
    need = funds.need[f]
    call = max(0.0, need - funds.cash[f])
    booked = quarter == 0 and funds.booked[f]  # the first quarter's tranche is in its books
    if (
        funds.paid_ahead[f]
        and not booked
        and funds.ended[f] == 0
        and funds.opened[f] <= quarter < funds.invests_until[f]
    ):
        room = funds.commitment[f] - funds.called[f]
        call = max(call, min(tranche_due(rules, funds, f, g, quarter) - funds.called[f], room))
    funds.cash[f] = max(0.0, funds.cash[f] + call - need)
    funds.need[f] = 0.0
    if call <= 0.0:
        return
    funds.called[f] += call
    funds.hurdle_balance[f] += call
    for e in range(funds.first_edge[f], funds.first_edge[f] + funds.edges[f]):
        part = call * commitments.amount[e] / funds.commitment[f]
        commitments.called[e] += part
        if commitments.lp[e] >= 0:
            funds.need[commitments.lp[e]] += part
        elif commitments.lp[e] == TREASURY:
            tally.money[Cash.OUTLAY] += part


@kernel
def idle_cash(funds, commitments, tally, f, quarter):
    """Cash that a fund has no more use for: after the investment period what goes beyond its reserves for following,
    fees and expenses, at its end all, but for what funds below it may still call. A guidance fund to which proposals
    may still come keeps all."""
    owed = owed_below(funds, commitments, tally, f)
    if funds.ended[f] == 1:
        return max(0.0, funds.cash[f] - owed)
    if quarter < funds.invests_until[f]:
        return 0.0
    if funds.kind[f] == FundKind.GUIDANCE:
        for other in range(tally.counts[Count.FUNDS]):
            if funds.parent[other] == f and funds.ended[other] == 2 and funds.opened[other] >= quarter:
                return 0.0
    fees = funds.commitment[f] - investable(funds, f) - funds.fees[f] - funds.expenses[f]
    return max(0.0, funds.cash[f] - funds.kept[f] - max(0.0, fees) - owed)


@kernel
def pay_partners(rules, funds, commitments, tally, f, to_lp, above, quarter):
    """Share a distribution among the partners by commitment, but for what the guidance fund bears first for the others
    and the gains that it gives up to them. above: the part of to_lp beyond capital and hurdle."""
    first = funds.first_edge[f]
    last = first + funds.edges[f]
    own = -1
    if funds.kind[f] == FundKind.SUB_FUND and (rules.first_loss > 0.0 or rules.concession > 0.0):
        for e in range(first, last):
            if commitments.lp[e] >= 0:
                own = e
    moved = 0.0  # from the guidance fund to its partners
    if own >= 0 and commitments.amount[own] < funds.commitment[f]:
        share = commitments.amount[own] / funds.commitment[f]
        if rules.first_loss > 0.0:
            mine = commitments.called[own]
            theirs = funds.called[f] - mine
            due = due_to_protected(funds.distributed[f] + to_lp, theirs, mine, rules.first_loss * mine)
            had = funds.distributed[f] - commitments.distributed[own] - funds.conceded[f]
            part = min(max(due - had, 0.0), to_lp)
            moved = part - (1.0 - share) * to_lp
            tally.money[Cash.FIRST_LOSS] += moved
        if rules.concession > 0.0 and above > 0.0:
            counts = rules.miss == MISS_CONCESSION or rules.miss == MISS_BOTH
            if not counts or funds.counted[f] >= rules.concession_from * funds.local_required[f] * (1.0 - 1e-9):
                given = min(rules.concession * share * above, share * to_lp - moved)
                moved += given
                funds.conceded[f] += given
                tally.money[Cash.CONCEDED] += given
    for e in range(first, last):
        part = to_lp * commitments.amount[e] / funds.commitment[f]
        if e == own:
            part -= moved
        elif moved != 0.0:
            part += moved * commitments.amount[e] / (funds.commitment[f] - commitments.amount[own])
        commitments.distributed[e] += part
        if commitments.lp[e] >= 0:
            funds.proceeds[commitments.lp[e]] += part
        elif commitments.lp[e] == TREASURY:
            tally.money[Cash.RECOVERED] += part


@kernel
def distribute(rules, funds, commitments, tally, f, g, quarter):
    """What came in goes out: kept to be invested again inside the window, else through the waterfall; at the end the
    general partner gives back what it got above the whole-fund waterfall."""
    paid = funds.proceeds[f]
    funds.proceeds[f] = 0.0
    funds.received[f] += paid
    gp = min(funds.gp_part[f], paid)
    funds.gp_part[f] = 0.0
    spare = paid - gp
    if spare > 0.0 and quarter < funds.recycles_until[f] and funds.ended[f] == 0:
        kept = min(spare, max(0.0, rules.recycling[g] * funds.commitment[f] - funds.recycled[f]))
        funds.recycled[f] += kept
        funds.cash[f] += kept
        spare -= kept
    idle = idle_cash(funds, commitments, tally, f, quarter)
    funds.cash[f] -= idle
    spare += idle
    before = funds.hurdle_balance[f]
    to_lp = spare
    to_gp = gp
    if funds.by_deal[f]:
        lp, whole, balance = whole_fund_step(
            before,
            funds.called[f],
            funds.whole_distributed[f],
            funds.whole_carry[f],
            spare + gp,
            funds.carry_rate[f],
            funds.catch_up[f],
        )
        funds.whole_distributed[f] += lp
        funds.whole_carry[f] += whole
        if funds.ended[f] == 1 and funds.by_deal[f] == WITH_CLAWBACK:
            back = clawback_due(funds.carry[f] + to_gp, funds.whole_carry[f])
            to_gp -= back
            to_lp += back
            funds.clawed[f] += back
    elif spare > 0.0:
        to_lp, to_gp, balance = whole_fund_step(
            before, funds.called[f], funds.distributed[f], funds.carry[f], spare, funds.carry_rate[f], funds.catch_up[f]
        )
    else:
        balance = before
    funds.hurdle_balance[f] = balance
    funds.carry[f] += to_gp
    if to_lp > 0.0:
        pay_partners(rules, funds, commitments, tally, f, to_lp, max(0.0, to_lp - before), quarter)
        funds.distributed[f] += to_lp


@kernel
def settle(rules, funds, commitments, tally, quarter):
    """From the last fund to the first: call what is needed, distribute what came in, pass both to the partners."""
    for f in range(tally.counts[Count.FUNDS] - 1, -1, -1):
        if funds.ended[f] == 2 or funds.commitment[f] <= 0.0:
            continue
        g = funds.group[f]
        funds.hurdle_balance[f] *= rules.hurdle_quarter[g]
        call_capital(rules, funds, commitments, tally, f, g, quarter)
        if funds.proceeds[f] > 0.0 or funds.cash[f] > 0.0 or funds.carry[f] > 0.0:
            distribute(rules, funds, commitments, tally, f, g, quarter)


@inlined
def accrued_carry(funds, f, worth):
    """Carry that the general partner would get if what the fund holds were paid out at `worth` today, less what it
    would owe back."""
    distributed = funds.distributed[f]
    carried = funds.carry[f]
    if funds.by_deal[f]:
        distributed = funds.whole_distributed[f]
        carried = funds.whole_carry[f]
    _, to_gp, _ = whole_fund_step(
        funds.hurdle_balance[f],
        funds.called[f],
        distributed,
        carried,
        worth,
        funds.carry_rate[f],
        funds.catch_up[f],
    )
    owed = to_gp + carried - funds.carry[f]
    return owed if funds.by_deal[f] == WITH_CLAWBACK else max(0.0, owed)


@inlined
def paid_for(holdings, ventures, v, f):
    """What fund f first invested of what it holds of venture v, and all that it paid for it."""
    first = 0.0
    cost = 0.0
    h = ventures.first_holding[v]
    while h >= 0:
        if holdings.fund[h] == f:
            cost += holdings.cost[h]
            if holdings.first[h]:
                first += holdings.cost[h]
        h = holdings.next[h]
    return first, cost


@inlined
def kept_for(funds, f, first, cost):
    """Money that a fund keeps for following in a firm: for a yuan first invested as much as its plan has for following,
    less what it has followed with, as far as the limit on one firm leaves room (the zone's direct fund has none)."""
    planned = funds.follow_reserve[f] / max(1.0 - funds.follow_reserve[f], 1e-9) * first - (cost - first)
    most = funds.commitment[f]
    if funds.kind[f] != FundKind.DIRECT:
        most *= funds.concentration[f]
    return max(0.0, min(planned, most - cost)) if first > 0.0 else 0.0


@kernel
def keep_for_following(funds, ventures, holdings, tally, patience):
    """Funds.kept: what each fund keeps for following in the unlisted firms that it holds and that will raise again: not
    in one that has given up after so many failed attempts (rounds.patience), nor in one with all the classes there can
    be."""
    for f in range(tally.counts[Count.FUNDS]):
        funds.kept[f] = 0.0
    for h in range(tally.counts[Count.HOLDINGS]):
        f = holdings.fund[h]
        v = holdings.venture[h]
        if f < 0 or funds.follow_reserve[f] <= 0.0 or ventures.listed[v]:
            continue
        if ventures.fails[v] >= patience or ventures.classes[v] >= MAX_CLASSES:
            continue
        other = holdings.next[h]  # a firm counts once: at the fund's position that its list has last
        while other >= 0 and holdings.fund[other] != f:
            other = holdings.next[other]
        if other < 0:
            first, cost = paid_for(holdings, ventures, v, f)
            funds.kept[f] += kept_for(funds, f, first, cost)


@kernel
def value_funds(funds, commitments, ventures, holdings, market, tally, quarter):
    """Net asset value of the partners: unlisted holdings at the last round's price, listed ones at the market, the
    outside portfolio at its value, cash, less the carry that would be owed; a fund of funds by its share of each
    fund's. Where a fund's own books said otherwise at the start, positions stand at that part of it until the firm's
    next round, stakes in funds for good. Beside it the same at fair value: what the last round's terms make the price
    worth (sim.model.worth)."""
    multiple = np.exp(market.multiple[quarter])
    for f in range(tally.counts[Count.FUNDS]):
        funds.nav[f] = funds.outside_value[f] + funds.cash[f]
        funds.nav_fair[f] = funds.nav[f]
        funds.held_cost[f] = min(funds.outside_value[f], funds.invested_outside[f])
        funds.held_age[f] = 0.0
    for h in range(tally.counts[Count.HOLDINGS]):
        f = holdings.fund[h]
        if f < 0:
            continue
        v = holdings.venture[h]
        c = holdings.share_class[h]
        part = holdings.shares[h] * ventures.class_conversion[v, c] / ventures.shares[v]
        if ventures.listed[v]:
            worth = part * exp(ventures.log_value[v]) * multiple
            funds.nav_fair[f] += worth
        else:
            worth = part * ventures.last_post[v]
            funds.nav_fair[f] += worth * ventures.fair_part[v]
            if holdings.mark[h] > 0.0:
                worth *= holdings.mark[h]
        funds.nav[f] += worth
        funds.held_cost[f] += holdings.cost[h]
        funds.held_age[f] += holdings.cost[h] * (quarter - holdings.bought[h])
    for f in range(tally.counts[Count.FUNDS] - 1, -1, -1):
        if funds.ended[f] == 2 or funds.commitment[f] <= 0.0:
            continue
        funds.accrued[f] = 0.0
        if funds.carry_rate[f] > 0.0:
            funds.accrued[f] = accrued_carry(funds, f, funds.nav[f])
            funds.nav[f] -= funds.accrued[f]
            funds.nav_fair[f] -= accrued_carry(funds, f, funds.nav_fair[f])
        for e in range(funds.first_edge[f], funds.first_edge[f] + funds.edges[f]):
            lp = commitments.lp[e]
            if lp >= 0:
                share = commitments.amount[e] / funds.commitment[f]
                funds.nav[lp] += share * funds.nav[f] * (commitments.mark[e] if commitments.mark[e] > 0.0 else 1.0)
                funds.nav_fair[lp] += share * funds.nav_fair[f]
                funds.held_cost[lp] += share * funds.held_cost[f]


LEAST_MARK = 1e-12  # of what a fund's books have written off; 0 means no mark
HALVINGS = 200


@kernel
def gross_of_carry(funds, f, net):
    """What a fund must be worth for its partners to have `net` after the carry that would be owed: by halving, since
    what is left after carry never falls with the worth. The least such worth where a full catch-up leaves several."""
    low = net
    high = (net + funds.carry_rate[f] * funds.distributed[f]) / (1.0 - funds.carry_rate[f])
    if funds.carry_rate[f] <= 0.0 or high - accrued_carry(funds, f, high) < net:
        return net if funds.carry_rate[f] <= 0.0 else high
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        if middle - accrued_carry(funds, f, middle) < net:
            low = middle
        else:
            high = middle
    return high


@inlined
def called_evenly(hurdle, years):
    """Capital and hurdle due at the end of `years` for a yuan called evenly over them."""
    if hurdle <= 0.0 or years <= 0.0:
        return 1.0
    return ((1.0 + hurdle) ** years - 1.0) / (np.log(1.0 + hurdle) * years)


@kernel
def fees_so_far(rules, funds, f, g, quarters, invested, paid):
    """Fees and expenses that the terms give for the fund's first quarters; the books do not tell them apart. invested,
    paid: what it had put into firms and what had been paid in by their end."""
    total = 0.0
    for q in range(quarters):
        rate, base = fee_by_terms(rules, g, q)
        on = funds.commitment[f]
        if base == PAID_IN:
            on = paid * (q + 1.0) / quarters
        elif base == INVESTED:
            on = invested * min(1.0, (q + 1.0) / min(quarters, rules.invests[g]))
        total += 0.25 * (rate * on + rules.expenses[g] * funds.commitment[f])
    return total


@kernel
def paced_so_far(rules, funds, f, g):
    """Paid in, distributed and value at the start of a paced fund that opened before it, by its pacing."""
    called = 0.0
    paid_back = 0.0
    value = 0.0
    year = 1
    last = np.int64(funds.opened[f])
    while last + 4 * (year - 1) <= 0:
        rate = rules.pace_rate[g, min(year, rules.pace_rates[g]) - 1]
        part = distribution_rate(1.0 * year, 0.25 * rules.life[g], rules.pace_bow[g], rules.pace_yield[g])
        growth = rules.pace_growth[g] if year > 1 else 0.0
        call, paid, value = pace_year(value, funds.commitment[f] - called, rate, growth, min(1.0, part))
        called += call
        paid_back += paid
        year += 1
    since = -last - 4 * (year - 2)
    return called, paid_back, value * (1.0 + rules.pace_growth[g]) ** (0.25 * since)


@kernel
def mark_to_book(funds, commitments, ventures, holdings, tally, f, worth, unmarked, stated):
    """The fund's books are below what it holds: positions that state no value of their own, and stakes in funds, are
    written down to meet them; where that is not enough, the stated ones too. What is listed stays at the market.
    worth: for all that is not listed; unmarked, stated: what both kinds come to."""
    part = max(LEAST_MARK, (worth - stated) / unmarked) if unmarked > 0.0 else 1.0
    of_stated = 1.0
    if worth < stated:
        of_stated = max(LEAST_MARK, worth / stated)
        part = LEAST_MARK
    for h in range(tally.counts[Count.HOLDINGS]):
        if holdings.fund[h] == f and ventures.listed[holdings.venture[h]] == 0:
            if holdings.mark[h] > 0.0:
                holdings.mark[h] *= of_stated
            else:
                holdings.mark[h] = part
    for e in range(tally.counts[Count.COMMITMENTS]):
        if commitments.lp[e] == f and funds.booked[commitments.fund[e]]:
            commitments.mark[e] = part


@kernel
def take_over_books(rules, funds, commitments, ventures, holdings, market, tally):
    """The state of funds at the start from their own books: paid in, distributed, net asset value. A guidance fund
    without books of its own has those of the sub-funds that have; a paced fund that opened before the start has its
    pacing's; the fund of attracted investment has what the firms that had landed cost and are worth, so that its rates
    of return do not count their gains of before.

    What the books do not tell is set so that the accounts close. Known positions cost what is known; fees and expenses
    are those of the terms, as far as money is left for them; the rest of what was paid in is held as cash by funds of
    funds and where tranches are paid ahead, as far as the net asset value holds it, and else went into positions
    outside the model, which are worth what the net asset value has beyond the known ones. What was distributed had come
    in from such positions or from sub-funds. No carry has been paid. For the hurdle, capital was called evenly from the
    first close on and distributed at the date of the books. The date of the books is taken as the first quarter's."""
    multiple = np.exp(market.multiple[0])
    n = tally.counts[Count.FUNDS]
    for f in range(n):
        funds.nav[f] = 0.0  # listed positions, until value_funds
        funds.nav_fair[f] = 0.0  # positions that state their own value
        funds.accrued[f] = 0.0  # all others
    for h in range(tally.counts[Count.HOLDINGS]):
        f = holdings.fund[h]
        if f < 0:
            continue
        v = holdings.venture[h]
        part = holdings.shares[h] * ventures.class_conversion[v, holdings.share_class[h]] / ventures.shares[v]
        if ventures.listed[v]:
            funds.nav[f] += part * exp(ventures.log_value[v]) * multiple
        elif holdings.mark[h] > 0.0:
            funds.nav_fair[f] += part * ventures.last_post[v] * holdings.mark[h]
        else:
            funds.accrued[f] += part * ventures.last_post[v]
    for f in range(n - 1, -1, -1):
        if funds.ended[f] == 2 or funds.commitment[f] <= 0.0:
            continue
        g = funds.group[f]
        quarters = rules.book_age[g] if rules.booked[g] else max(np.int64(0), -np.int64(funds.opened[f]))
        charged = quarters
        listed, stated, unmarked = funds.nav[f], funds.nav_fair[f], funds.accrued[f]
        down = 0.0
        up = 0.0
        stakes = 0.0
        for e in range(tally.counts[Count.COMMITMENTS]):
            below = commitments.fund[e]
            if commitments.lp[e] == f and funds.booked[below]:
                down += commitments.called[e]
                up += commitments.distributed[e]
                stakes += commitments.amount[e] / funds.commitment[below] * funds.booked_nav[below]
        if rules.booked[g]:
            paid, back, net = rules.book_paid[g], rules.book_back[g], rules.book_nav[g]
        elif rules.paced[g] and funds.opened[f] < 0:
            paid, back, net = paced_so_far(rules, funds, f, g)
        elif down > 0.0:
            paid, back, net = down, up, stakes + listed + stated + unmarked
        elif funds.kind[f] == FundKind.ATTRACTION and funds.invested[f] > 0.0:
            charged += 1  # the first quarter's fee, which nothing else charges
            fees = fees_so_far(rules, funds, f, g, charged, funds.invested[f], funds.invested[f])
            paid, back, net = min(funds.invested[f] + fees, funds.commitment[f]), 0.0, 0.0
        else:
            continue
        invested = funds.invested[f]
        earned = max(0.0, back - up)  # what came in from positions that are gone or outside the model
        spent = paid + up + earned - back - invested - down
        if spent < 0.0:
            earned -= spent
            spent = 0.0
        fees = 0.0 if rules.paced[g] else min(spent, fees_so_far(rules, funds, f, g, charged, invested, paid))
        spent -= fees
        funds.booked[f] = 1
        funds.booked_paid[f] = paid
        funds.booked_back[f] = back
        funds.called[f] = paid
        funds.distributed[f] = back
        funds.received[f] = up + earned
        funds.fees[f] = fees
        funds.need[f] = 0.0
        due = called_evenly(funds.hurdle[f], 0.25 * quarters)
        funds.hurdle_balance[f] = max(0.0, paid * due - back)
        funds.whole_distributed[f] = back
        tally.money[Cash.OUTSIDE_PAID] += earned
        if funds.kind[f] == FundKind.ATTRACTION and not rules.booked[g]:
            worth = listed + stated + unmarked
            net = worth - accrued_carry(funds, f, worth)
        else:
            worth = gross_of_carry(funds, f, net)
        funds.booked_nav[f] = net
        rest = worth - listed - stated - unmarked - stakes
        if rest < 0.0:
            mark_to_book(
                funds, commitments, ventures, holdings, tally, f, max(0.0, worth - listed), unmarked + stakes, stated
            )
            rest = 0.0
        if funds.kind[f] == FundKind.GUIDANCE or funds.paid_ahead[f]:
            funds.cash[f] = min(rest, spent)
        funds.outside_value[f] = rest - funds.cash[f]
        funds.invested_outside[f] = spent - funds.cash[f]
        funds.outside_called[f] = funds.load[f] * funds.invested_outside[f]
        funds.outside_balance[f] = max(0.0, funds.outside_called[f] * due - earned)
        funds.outside_returned[f] = earned
        for e in range(funds.first_edge[f], funds.first_edge[f] + funds.edges[f]):
            part = commitments.amount[e] / funds.commitment[f]
            commitments.called[e] = part * paid
            commitments.distributed[e] = part * back
            if commitments.lp[e] == TREASURY:
                tally.money[Cash.BOOKED_OUT] += part * paid
                tally.money[Cash.BOOKED_BACK] += part * back


@kernel
def log_flows(rules, funds, tally, events, quarter):
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
        row[10] = funds.opened[f]
        row[11] = funds.nav_fair[f]
        row[12] = funds.expenses[f]
        row[13] = funds.booked_paid[f] - funds.booked_nav[f]
        row[14] = funds.booked_back[f]
        tally.counts[Count.FLOW_EVENTS] = n + 1
