"""Every metric of a quarter, written into metrics [metric, quarter].

Fixed metrics come first in the order of M; then blocks by stage, ladder level, kind of fund and named firm, laid out by
sim.model.metrics.layout with the same constants. A metric that is undefined is NaN, never 0.
"""

from enum import IntEnum

import numpy as np

from sim.finance.returns import rates_by_quarter, returns_by_quarter
from sim.model.jit import fast_kernel, kernel, note_flags, summing
from sim.model.ladders.kernel import bit, holders_of
from sim.model.programmes.effects import case_of, energy_factor, factor_of
from sim.model.projects.kernel import ramped
from sim.model.rounds.kernel import next_of
from sim.model.world import KINDS, OTHERS, STAGES, STATE, TILE, TREASURY, Cash, Count, FundKind, Next, Source


class M(IntEnum):
    """Rows of the fixed metrics; their names stand in sim.model.metrics.FIXED in the same order."""

    FIRMS_ALIVE = 0
    FIRMS_EVER = 1
    FIRMS_ENTERED = 2
    FIRMS_DIED = 3
    FIRMS_MOVED = 4
    FIRMS_SOLD = 5
    FIRMS_VENTURE = 6
    FIRMS_BACKED = 7
    FIRMS_ORGANIC = 8
    FIRMS_INCUBATOR = 9
    FIRMS_ATTRACTED = 10
    FIRMS_LANDED = 11
    JOBS = 12
    JOBS_ATTRACTED = 13
    OUTPUT = 14
    OUTPUT_YEAR = 15
    VALUE_ATTRACTED = 16
    POST_TOTAL = 17
    POST_MAX = 18
    POST_MEAN = 19
    UNICORNS = 20
    LISTED_VALUE = 21
    VALUE_TOTAL = 22
    MULTIPLE_MAX = 23
    MULTIPLE_SHARE = 24
    MULTIPLE_MEAN = 25
    ROUNDS_COUNT = 26
    ROUNDS_RAISED = 27
    ROUNDS_FAILED = 28
    ROUNDS_DOWN = 29
    LISTED_BACKED = 30
    LEVERAGE = 31
    SUBFUNDS_COUNT = 32
    SUBFUNDS_LAPSED = 33
    SUBFUNDS_OTHERS = 34
    SUBFUNDS_ADDITIONAL = 35
    PARK_SIZE = 36
    PARK_COUNT = 37
    OUTLAY = 38
    RECOVERED = 39
    NET_COST_PV = 40
    TAX_RECEIVED = 41
    TAX_FORGONE = 42
    REGIME = 43
    MULTIPLE = 44
    PRIVATE = 45
    WINDOW = 46
    REDEEMED = 47
    EXIT_PROCEEDS = 48
    BACKED_MAX = 49
    LISTING_AGE_LAST = 50
    LISTING_AGE_MEAN = 51
    FAIR_TOTAL = 52
    FAIR_RATIO = 53
    SECONDARY = 54
    REDEMPTION = 55
    ATTRACTED_LISTED = 56
    FIRMS_LISTED = 57
    NET_COST_HELD_PV = 58
    SIZE = 59


class G(IntEnum):
    """Rows of a kind of fund's block."""

    SIZE_ = 0
    PAID_IN = 1
    DISTRIBUTED = 2
    NAV = 3
    TVPI = 4
    DPI = 5
    LOCAL = 6
    OUTSIDE = 7
    FEES = 8
    CARRY = 9
    NET_CASH = 10
    COUNT = 11
    RVPI = 12
    PIC = 13
    EXPENSES = 14
    ACCRUED = 15
    CLAWED = 16
    RECYCLED = 17
    CASH_ = 18
    NAV_FAIR = 19
    IRR = 20
    PME = 21
    ALPHA = 22
    SIZE = 23


class LP(IntEnum):
    """Rows of a kind of partner's block."""

    COMMITTED = 0
    PAID_IN = 1
    DISTRIBUTED = 2
    NAV = 3
    TVPI = 4
    IRR = 5
    SIZE = 6


class Q(IntEnum):
    """Rows of the guidance fund under its rules."""

    CONCEDED = 0
    FIRST_LOSS = 1
    WITHHELD = 2
    LOSS = 3
    BREACH = 4
    SCORE = 5
    EARLY = 6
    HOLDING_YEARS = 7
    SIZE = 8


class R(IntEnum):
    """Rows of a class of sub-funds under the guidance fund's rules."""

    COUNTED = 0
    REQUIRED = 1
    MISSED = 2
    LOSS = 3
    BREACH = 4
    SIZE = 5


class N(IntEnum):
    """Rows of a named firm."""

    VALUE = 0
    MULTIPLE = 1
    SIZE = 2


class Z(IntEnum):
    """Rows of what the zone's own fund gets from a named firm; for those that rules.named.told_row places."""

    PAID_IN = 0
    DISTRIBUTED = 1
    NAV = 2
    TVPI = 3
    IRR = 4
    SIZE = 5


class P(IntEnum):
    """Rows of a programme's block."""

    ADOPTERS = 0
    ADOPTED = 1
    WAITING = 2
    SPENT = 3
    BUDGET = 4
    REPAID = 5
    PRODUCTIVITY = 6
    ENERGY = 7
    OPERATING_COST = 8
    JOBS = 9
    PROFIT = 10
    ENERGY_SAVED = 11
    SIZE = 12


class I(IntEnum):  # noqa: E742
    """Rows of an incubator's block."""

    TENANTS = 0
    PLACES = 1
    VACANCY = 2
    WAITING = 3
    GRADUATED = 4
    TURNED_AWAY = 5
    RENT = 6
    AREA = 7
    KINDS = 8
    SERVICES = 9
    ANCHORS = 10
    SIZE = 11


PROJECT_ROWS = 2  # output, energy; then the capacity of each product
LEVEL_ROWS = 3  # stock, entered, left
PARTNERS = 3  # treasury, state firms, private partners
STAGE_ROWS = 2  # count, raised


@summing
def headcount(alive, source):
    """Live firms in all, of incubators and attracted ones."""
    none = np.int32(0)
    firms = incubated = attracted = none
    for i in range(alive.shape[0]):
        there = np.int32(alive[i])  # 0 or 1
        firms = np.int32(firms + there)
        incubated = np.int32(incubated + (there if source[i] == Source.INCUBATOR else none))
        attracted = np.int32(attracted + (there if source[i] == Source.ATTRACTED else none))
    return firms, incubated, attracted


@summing
def sum_jobs(alive, source, jobs):
    """Jobs in live firms, in all and in attracted ones."""
    total = 0.0
    attracted = 0.0
    for i in range(alive.shape[0]):
        here = jobs[i] if alive[i] != 0 else 0.0
        total += here
        attracted += here if source[i] == Source.ATTRACTED else 0.0
    return total, attracted


@kernel
def report_population(firms, tally, output, out):
    n = tally.counts[Count.FIRM_SLOTS]
    alive, incubated, attracted = headcount(firms.alive[:n], firms.source[:n])
    jobs, jobs_attracted = sum_jobs(firms.alive[:n], firms.source[:n], firms.jobs[:n])
    c = tally.counts
    out[M.FIRMS_ALIVE] = alive
    out[M.FIRMS_EVER] = c[Count.EVER]
    out[M.FIRMS_ENTERED] = c[Count.ENTERED]
    out[M.FIRMS_DIED] = c[Count.DIED]
    out[M.FIRMS_MOVED] = c[Count.MOVED]
    out[M.FIRMS_SOLD] = c[Count.SOLD]
    out[M.FIRMS_ORGANIC] = alive - incubated - attracted
    out[M.FIRMS_INCUBATOR] = incubated
    out[M.FIRMS_ATTRACTED] = attracted
    out[M.FIRMS_LANDED] = c[Count.ENTERED_ATTRACTED]
    out[M.JOBS] = jobs
    out[M.JOBS_ATTRACTED] = jobs_attracted
    out[M.OUTPUT] = output


@kernel
def zone_stake(ventures, holdings, funds, v, value):
    """What the zone's own funds hold of venture v, at the value of the whole."""
    total = 0.0
    h = ventures.first_holding[v]
    while h >= 0:
        f = holdings.fund[h]
        if f >= 0 and funds.kind[f] == FundKind.DIRECT:
            c = holdings.share_class[h]
            total += holdings.shares[h] * ventures.class_conversion[v, c] / ventures.shares[v] * value
        h = holdings.next[h]
    return total


@kernel
def report_named(rules, tally, out, named):
    """What the zone's own funds put into each named firm and got back; its stake is added where the firm is alive."""
    for k in range(rules.named.count):
        place = rules.named.told_row[k]
        if place < 0:
            continue
        row = named + np.int64(N.SIZE) * rules.named.count + np.int64(Z.SIZE) * place
        paid = tally.money[next_of(np.int64(k)) + Next.ZONE_PAID]
        back = tally.money[next_of(np.int64(k)) + Next.ZONE_BACK]
        out[row + Z.PAID_IN] = paid
        out[row + Z.DISTRIBUTED] = back
        out[row + Z.NAV] = 0.0
        out[row + Z.TVPI] = back / paid if paid > 0.0 else np.nan


@summing
def last_posts(alive, listed, rounds, last_post, first_post, fair_part, unicorn, marked):
    """Over live unlisted ventures: how many, how many with a round; over these the sum and the largest of last
    post-money, the sum at fair value, how many reach `unicorn`; of the multiples of the first post-money the sum, the
    largest, how many reach `marked`."""
    seekers = 0
    backed = 0
    post = 0.0
    largest = 0.0
    fair = 0.0
    unicorns = 0
    steps = 0.0
    best = 0.0
    above = 0
    for v in range(alive.shape[0]):
        seeks = (alive[v] != 0) & (listed[v] == 0)
        priced = seeks & (rounds[v] > 0)
        value = last_post[v] if priced else 0.0
        step = value / max(first_post[v], 1.0)
        seekers += 1 if seeks else 0
        backed += 1 if priced else 0
        post += value
        largest = max(largest, value)
        fair += value * fair_part[v] if priced else 0.0
        unicorns += 1 if value >= unicorn else 0
        steps += step
        best = max(best, step)
        above += 1 if step >= marked else 0
    return seekers, backed, post, largest, fair, unicorns, steps, best, above


@kernel
def flag_apart(alive, listed, named, attracted, flags):
    """1 for ventures of which more is told than the sums: listed, named and attracted ones."""
    for v in range(flags.shape[0]):
        flags[v] = 1 if (alive[v] != 0) & ((listed[v] != 0) | (named[v] >= 0) | (attracted[v] != 0)) else 0


@kernel
def report_valuations(rules, ventures, holdings, funds, market, tally, scratch, out, named, quarter):
    """Valuations of ventures. A unicorn is a live, unlisted firm whose last post-money reaches the threshold."""
    multiple = np.exp(market.multiple[quarter])
    n = tally.counts[Count.VENTURE_SLOTS]
    seekers, backed, post, largest, fair, unicorns, steps, best, above = last_posts(
        ventures.alive[:n],
        ventures.listed[:n],
        ventures.rounds[:n],
        ventures.last_post[:n],
        ventures.first_post[:n],
        ventures.fair_part[:n],
        rules.report.unicorn,
        rules.report.multiple,
    )
    largest_backed = largest
    listed = 0.0
    attracted = 0.0
    attracted_listed = 0
    report_named(rules, tally, out, named)
    apart = np.int64(0)
    for a in range(0, n, TILE):
        b = min(a + TILE, n)
        flags = scratch.good[: b - a]
        flag_apart(ventures.alive[a:b], ventures.listed[a:b], ventures.named[a:b], ventures.attracted[a:b], flags)
        apart = note_flags(flags, a, scratch.list, apart)
    for place in range(apart):
        v = scratch.list[place]
        k = ventures.named[v]
        value = ventures.last_post[v] if ventures.rounds[v] > 0 else 0.0
        if ventures.listed[v]:
            value = np.exp(ventures.log_value[v]) * multiple
            listed += value
        if ventures.rounds[v] > 0:
            largest_backed = max(largest_backed, value)
        if ventures.attracted[v]:
            attracted += value
            attracted_listed += 1 if ventures.listed[v] else 0
        if k >= 0:
            row = named + np.int64(N.SIZE) * k
            out[row + N.VALUE] = value
            out[row + N.MULTIPLE] = value / ventures.first_post[v] if ventures.first_post[v] > 0.0 else np.nan
            if rules.named.told_row[k] >= 0:
                row = named + np.int64(N.SIZE) * rules.named.count + np.int64(Z.SIZE) * rules.named.told_row[k]
                stake = zone_stake(ventures, holdings, funds, v, value)
                out[row + Z.NAV] = stake
                if out[row + Z.PAID_IN] > 0.0:
                    out[row + Z.TVPI] += stake / out[row + Z.PAID_IN]
    out[M.FIRMS_VENTURE] = seekers
    out[M.FIRMS_BACKED] = backed
    out[M.POST_TOTAL] = post
    out[M.FAIR_TOTAL] = fair
    out[M.FAIR_RATIO] = post / fair if fair > 0.0 else np.nan
    out[M.POST_MAX] = largest
    out[M.BACKED_MAX] = largest_backed
    out[M.POST_MEAN] = post / backed if backed > 0 else np.nan
    out[M.UNICORNS] = unicorns
    out[M.LISTED_VALUE] = listed
    out[M.VALUE_TOTAL] = post + listed
    out[M.VALUE_ATTRACTED] = attracted
    out[M.ATTRACTED_LISTED] = attracted_listed
    out[M.MULTIPLE_MAX] = best if best > 0.0 else np.nan
    out[M.MULTIPLE_SHARE] = above / backed if backed > 0 else np.nan
    out[M.MULTIPLE_MEAN] = steps / backed if backed > 0 else np.nan
    out[M.LISTED_BACKED] = tally.counts[Count.LISTED_VENTURES]


@kernel
def add_fund(funds, f, out, k):
    """A fund's sums, added to the block at row k."""
    out[k + G.SIZE_] += funds.commitment[f]
    out[k + G.PAID_IN] += funds.called[f]
    out[k + G.DISTRIBUTED] += funds.distributed[f]
    out[k + G.NAV] += funds.nav[f]
    out[k + G.LOCAL] += funds.invested[f]
    out[k + G.OUTSIDE] += funds.invested_outside[f]
    out[k + G.FEES] += funds.fees[f]
    out[k + G.CARRY] += funds.carry[f]
    out[k + G.COUNT] += 1.0
    out[k + G.EXPENSES] += funds.expenses[f]
    out[k + G.ACCRUED] += funds.accrued[f]
    out[k + G.CLAWED] += funds.clawed[f]
    out[k + G.RECYCLED] += funds.recycled[f]
    out[k + G.CASH_] += funds.cash[f]
    out[k + G.NAV_FAIR] += funds.nav_fair[f]


@kernel
def report_funds(rules, funds, tally, out, base, quarter):
    """Sums and ratios by kind of fund, then by class, of the funds that have opened; the guidance fund's leverage =
    sub-fund size over the guidance money in them."""
    rows = np.int64(G.SIZE)
    blocks = np.int64(KINDS) + rules.report.blocks
    for row in range(blocks * rows):
        out[base + row] = 0.0
    for f in range(tally.counts[Count.FUNDS]):
        if funds.ended[f] == 2 or funds.commitment[f] <= 0.0 or funds.opened[f] > quarter:
            continue
        add_fund(funds, f, out, base + rows * np.int64(funds.kind[f]))
        own = rules.funds.block[funds.group[f]]
        if own >= 0:
            add_fund(funds, f, out, base + rows * (np.int64(KINDS) + own))
    for block in range(blocks):
        k = base + rows * block
        paid = out[k + G.PAID_IN]
        out[k + G.TVPI] = (out[k + G.DISTRIBUTED] + out[k + G.NAV]) / paid if paid > 0.0 else np.nan
        out[k + G.DPI] = out[k + G.DISTRIBUTED] / paid if paid > 0.0 else np.nan
        out[k + G.RVPI] = out[k + G.NAV] / paid if paid > 0.0 else np.nan
        out[k + G.PIC] = paid / out[k + G.SIZE_] if out[k + G.SIZE_] > 0.0 else np.nan
        out[k + G.NET_CASH] = out[k + G.DISTRIBUTED] - paid
    size = out[base + rows * np.int64(FundKind.SUB_FUND) + G.SIZE_]
    from_guidance = size - tally.money[Cash.SUBFUND_OTHERS]
    out[M.LEVERAGE] = size / from_guidance if from_guidance > 1.0 else np.nan


@kernel
def report_partners(funds, commitments, tally, out, base, quarter):
    """What each kind of partner has committed to funds that have opened, paid, got and still has: treasury, state
    firms, private partners. Their part of a net asset value is by commitment; what a guidance fund may yet bear or give
    up is not in it."""
    rows = np.int64(LP.SIZE)
    for row in range(PARTNERS * rows):
        out[base + row] = 0.0
    for e in range(tally.counts[Count.COMMITMENTS]):
        lp = commitments.lp[e]
        f = commitments.fund[e]
        if lp >= 0 or funds.commitment[f] <= 0.0 or funds.opened[f] > quarter:
            continue
        k = base + rows * place_of(lp)
        out[k + LP.COMMITTED] += commitments.amount[e]
        out[k + LP.PAID_IN] += commitments.called[e]
        out[k + LP.DISTRIBUTED] += commitments.distributed[e]
        out[k + LP.NAV] += commitments.amount[e] / funds.commitment[f] * funds.nav[f]
    for place in range(PARTNERS):
        k = base + rows * place
        paid = out[k + LP.PAID_IN]
        out[k + LP.TVPI] = (out[k + LP.DISTRIBUTED] + out[k + LP.NAV]) / paid if paid > 0.0 else np.nan


@kernel
def gained_stakes(funds, commitments, tally, quarter):
    """Present value at the start of the treasury's part of its funds' net assets at fair value, beyond that of funds
    that stood in books then."""
    worth = 0.0
    for e in range(tally.counts[Count.COMMITMENTS]):
        f = commitments.fund[e]
        if commitments.lp[e] == TREASURY and funds.commitment[f] > 0.0:
            held = commitments.amount[e] / funds.commitment[f] * funds.nav_fair[f]
            worth += held * tally.money[Cash.DISCOUNT]
            if quarter == 0 and funds.booked[f]:
                tally.money[Cash.HELD_AT_START] += held
    return worth - tally.money[Cash.HELD_AT_START]


@kernel
def loss_of(paid, got):
    """Part of what was paid in that is lost, realised or not."""
    return max(0.0, 1.0 - got / paid) if paid > 0.0 else np.nan


@kernel
def report_rules(rules, funds, commitments, tally, out, base, class_base, quarter):
    """The guidance fund under its rules: by class of sub-funds reinvestment and loss on guidance money; in all the
    gains given up, losses borne first, fees withheld. Loss is judged on what was paid in, with what is held at its net
    asset value (容错 is judged over a fund's whole life: the last quarter tells)."""
    rows = np.int64(R.SIZE)
    paid_all = 0.0
    got_all = 0.0
    withheld = 0.0
    cost = 0.0
    age = 0.0
    place = 0
    for g in range(rules.funds.groups):
        if rules.funds.kind[g] != FundKind.SUB_FUND:
            continue
        k = class_base + rows * place
        place += 1
        counted = 0.0
        required = 0.0
        paid = 0.0
        got = 0.0
        over = 0
        missed = 0
        for f in range(tally.counts[Count.FUNDS]):
            if funds.group[f] != g or funds.ended[f] == 2 or funds.commitment[f] <= 0.0:
                continue
            counted += funds.counted[f]
            required += funds.local_required[f]
            withheld += funds.withheld[f]
            cost += funds.held_cost[f]
            age += funds.held_age[f]
            if quarter >= funds.invests_until[f]:
                over += 1
                if funds.counted[f] < funds.local_required[f] * (1.0 - 1e-9):
                    missed += 1
            for e in range(funds.first_edge[f], funds.first_edge[f] + funds.edges[f]):
                if commitments.lp[e] >= 0:
                    paid += commitments.called[e]
                    got += commitments.distributed[e]
                    got += commitments.amount[e] / funds.commitment[f] * funds.nav[f]
        loss = loss_of(paid, got)
        out[k + R.COUNTED] = counted
        out[k + R.REQUIRED] = required
        out[k + R.MISSED] = missed / over if over > 0 else np.nan
        out[k + R.LOSS] = loss
        out[k + R.BREACH] = np.nan
        if paid > 0.0:
            out[k + R.BREACH] = 1.0 if loss > rules.funds.tolerance[g] else 0.0
        paid_all += paid
        got_all += got
    money = tally.money
    loss = loss_of(paid_all, got_all)
    out[base + Q.CONCEDED] = money[Cash.CONCEDED]
    out[base + Q.FIRST_LOSS] = money[Cash.FIRST_LOSS]
    out[base + Q.WITHHELD] = withheld
    out[base + Q.LOSS] = loss
    out[base + Q.BREACH] = np.nan
    if paid_all > 0.0:
        out[base + Q.BREACH] = 1.0 if loss > rules.funds.tolerance_fund else 0.0
    invested = money[Cash.BY_SUB_FUNDS]
    out[base + Q.EARLY] = money[Cash.INTO_EARLY] / invested if invested > 0.0 else np.nan
    out[base + Q.HOLDING_YEARS] = 0.25 * age / cost if cost > 0.0 else np.nan


@kernel
def points_for(rules, line, way, value):
    """Points of one line of the evaluation table for a measured value; none where it is undefined."""
    points = 0.0
    if value == value:
        for k in range(rules.steps[line, way]):
            if value >= rules.least[line, way, k]:
                points = rules.points[line, way, k]
    return points


@kernel
def measured(rules, metrics, kind_base, base, measure, quarter):
    """What a line of the evaluation table measures, in the order of sim.model.funds.parameters.MEASURES."""
    rows = np.int64(G.SIZE)
    k = kind_base + rows * np.int64(FundKind.GUIDANCE)
    if measure == 0:
        return rules.reinvestment
    if measure == 1:
        return rules.no_relocation
    if measure == 2:
        size = metrics[kind_base + rows * np.int64(FundKind.SUB_FUND) + G.SIZE_, quarter]
        return metrics[M.SUBFUNDS_OTHERS, quarter] / size if size > 0.0 else np.nan
    if measure == 3:
        return metrics[base + Q.EARLY, quarter]
    if measure == 4:
        return metrics[base + Q.HOLDING_YEARS, quarter]
    if measure == 5:
        return rules.private_firms
    if measure == 6:
        return metrics[k + G.PIC, quarter]
    if measure == 7:
        paid = metrics[k + G.PAID_IN, quarter]
        return 1.0 - metrics[k + G.CASH_, quarter] / paid if paid > 0.0 else np.nan
    if measure == 8:
        return metrics[k + G.IRR, quarter]
    if quarter < 4:
        return np.nan
    before = metrics[k + G.NAV, quarter - 4]
    if before <= 0.0:
        return np.nan
    gain = metrics[k + G.NAV, quarter] - before
    gain += metrics[k + G.NET_CASH, quarter] - metrics[k + G.NET_CASH, quarter - 4]
    return gain / before


@kernel
def blocks_of(rules):
    """Rows at which the blocks begin: stages, levels, kinds and classes of funds, partners, the guidance fund, classes
    of sub-funds, lines of the evaluation, named firms. The order is that of sim.model.layout."""
    stages = np.int64(M.SIZE)
    levels = stages + STAGE_ROWS * (STAGES - 1)
    kinds = levels + LEVEL_ROWS * rules.ladders.levels
    partners = kinds + np.int64(G.SIZE) * (KINDS + rules.report.blocks)
    guidance = partners + np.int64(LP.SIZE) * PARTNERS
    classes = guidance + np.int64(Q.SIZE)
    subs = 0
    for g in range(rules.funds.groups):
        if rules.funds.kind[g] == FundKind.SUB_FUND:
            subs += 1
    lines = classes + np.int64(R.SIZE) * subs
    named = lines + rules.evaluation.lines
    return stages, levels, kinds, partners, guidance, classes, lines, named


@kernel
def place_of(lp):
    """Place of a partner beyond the funds among the blocks of partners."""
    if lp == STATE:
        return 1
    return 2 if lp == OTHERS else 0


@kernel
def booked_of_block(rules, funds, tally, block):
    """(paid in less net asset value, distributed) in the books at the start of the funds of a kind's or class's
    block."""
    paid = 0.0
    back = 0.0
    for f in range(tally.counts[Count.FUNDS]):
        own = rules.funds.block[funds.group[f]]
        if funds.booked[f] and (funds.kind[f] == block or (own >= 0 and KINDS + own == block)):
            paid += funds.booked_paid[f] - funds.booked_nav[f]
            back += funds.booked_back[f]
    return paid, back


@kernel
def booked_of_partners(funds, commitments, tally, place):
    """The same of a kind of partner, by commitment."""
    paid = 0.0
    back = 0.0
    for e in range(tally.counts[Count.COMMITMENTS]):
        f = commitments.fund[e]
        if commitments.lp[e] < 0 and funds.booked[f] and place_of(commitments.lp[e]) == place:
            part = commitments.amount[e] / funds.commitment[f]
            paid += part * (funds.booked_paid[f] - funds.booked_nav[f])
            back += part * funds.booked_back[f]
    return paid, back


@kernel
def report_returns(rules, funds, commitments, market, tally, scratch, metrics):
    """At the end of a world: rates of return by quarter of every kind and class of fund, of every kind of partner and
    of the zone's stakes in named firms; then the evaluation score. Rates of funds with books count from the start: what
    was paid in before it stands there as the net asset value of then."""
    _, _, kinds, partners, guidance, _, lines, named = blocks_of(rules)
    n = metrics.shape[1]
    flows = scratch.revenue[:n]
    deflated = scratch.size[:n]
    index = scratch.score[:n]
    for t in range(n):
        index[t] = market.multiple[t] + rules.report.index_growth * t
    for block in range(KINDS + rules.report.blocks):
        k = kinds + np.int64(G.SIZE) * block
        before, back = booked_of_block(rules, funds, tally, block)
        returns_by_quarter(
            metrics[k + G.PAID_IN],
            metrics[k + G.DISTRIBUTED],
            metrics[k + G.NAV],
            index,
            flows,
            deflated,
            metrics[k + G.IRR],
            metrics[k + G.PME],
            metrics[k + G.ALPHA],
            before,
            back,
        )
    for place in range(PARTNERS):
        k = partners + np.int64(LP.SIZE) * place
        before, back = booked_of_partners(funds, commitments, tally, place)
        rates_by_quarter(
            metrics[k + LP.PAID_IN],
            metrics[k + LP.DISTRIBUTED],
            metrics[k + LP.NAV],
            flows,
            metrics[k + LP.IRR],
            before,
            back,
        )
    for firm in range(rules.named.told):
        k = named + np.int64(N.SIZE) * rules.named.count + np.int64(Z.SIZE) * firm
        rates_by_quarter(
            metrics[k + Z.PAID_IN], metrics[k + Z.DISTRIBUTED], metrics[k + Z.NAV], flows, metrics[k + Z.IRR], 0.0, 0.0
        )
    for t in range(max(0, rules.evaluation.begins), n):
        if metrics[kinds + np.int64(G.SIZE) * np.int64(FundKind.GUIDANCE) + G.SIZE_, t] <= 0.0:
            continue
        total = 0.0
        for line in range(rules.evaluation.lines):
            points = 0.0
            for way in range(2):
                measure = rules.evaluation.measure[line, way]
                if measure >= 0:
                    value = measured(rules.evaluation, metrics, kinds, guidance, measure, t)
                    points = max(points, points_for(rules.evaluation, line, way, value))
            metrics[lines + line, t] = points
            total += points
        metrics[guidance + Q.SCORE, t] = total


@kernel
def report_quarter(rules, world, output, quarter):
    """Fill scratch.row with the metrics of a quarter, but for those of `report_policies`."""
    firms, ventures, holdings, funds = world.firms, world.ventures, world.holdings, world.funds
    commitments, market, ladder, tally = world.commitments, world.market, world.ladder, world.tally
    scratch, metrics, out = world.scratch, world.metrics, world.scratch.row
    out[:] = np.nan
    stage_base, level_base, kind_base, partner_base, guidance_base, class_base, _, named_base = blocks_of(rules)
    report_population(firms, tally, output, out)
    report_valuations(rules, ventures, holdings, funds, market, tally, scratch, out, named_base, quarter)
    report_funds(rules, funds, tally, out, kind_base, quarter)
    report_partners(funds, commitments, tally, out, partner_base, quarter)
    report_rules(rules, funds, commitments, tally, out, guidance_base, class_base, quarter)
    total = 0.0
    for q in range(max(0, quarter - 3), quarter):
        total += metrics[M.OUTPUT, q]
    total += output
    out[M.OUTPUT_YEAR] = total * 4.0 / min(4, quarter + 1)
    count_sum = 0
    raised_sum = 0.0
    for s in range(1, STAGES):
        out[stage_base + 2 * (s - 1)] = tally.rounds[s]
        out[stage_base + 2 * (s - 1) + 1] = tally.raised[s]
        count_sum += tally.rounds[s]
        raised_sum += tally.raised[s]
    out[M.ROUNDS_COUNT] = count_sum
    out[M.ROUNDS_RAISED] = raised_sum
    out[M.ROUNDS_FAILED] = tally.counts[Count.FAILED_ROUNDS]
    out[M.ROUNDS_DOWN] = tally.counts[Count.DOWN_ROUNDS]
    firms_listed = np.int64(0)
    for level in range(rules.ladders.levels):
        firms_listed += ladder.stock[level] if rules.ladders.listing & bit(level) else 0
        out[level_base + LEVEL_ROWS * level] = ladder.stock[level]
        out[level_base + LEVEL_ROWS * level + 1] = ladder.entered[level]
        out[level_base + LEVEL_ROWS * level + 2] = ladder.left[level]
    out[M.FIRMS_LISTED] = firms_listed
    money = tally.money
    out[M.SUBFUNDS_COUNT] = tally.counts[Count.SUB_FUNDS]
    out[M.SUBFUNDS_LAPSED] = tally.counts[Count.PROPOSALS_LAPSED]
    out[M.SUBFUNDS_OTHERS] = money[Cash.SUBFUND_OTHERS]
    out[M.SUBFUNDS_ADDITIONAL] = money[Cash.SUBFUND_NEW]
    out[M.PARK_SIZE] = money[Cash.PARK_SIZE]
    out[M.PARK_COUNT] = tally.counts[Count.PARK_FUNDS]
    out[M.OUTLAY] = money[Cash.OUTLAY]
    out[M.RECOVERED] = money[Cash.RECOVERED]
    out[M.NET_COST_PV] = money[Cash.NET_COST_PV]
    out[M.NET_COST_HELD_PV] = money[Cash.NET_COST_PV] - gained_stakes(funds, commitments, tally, quarter)
    out[M.TAX_RECEIVED] = money[Cash.TAX_RECEIVED]
    out[M.TAX_FORGONE] = money[Cash.TAX_FORGONE]
    out[M.REGIME] = market.regime[quarter]
    out[M.MULTIPLE] = np.exp(market.multiple[quarter])
    out[M.PRIVATE] = np.exp(market.private[quarter])
    out[M.WINDOW] = market.window[quarter]
    out[M.REDEEMED] = tally.counts[Count.REDEEMED]
    out[M.EXIT_PROCEEDS] = money[Cash.EXIT_PROCEEDS]
    aged = tally.counts[Count.LISTED_AGED]
    out[M.LISTING_AGE_LAST] = money[Cash.LISTING_AGE_LAST] if aged > 0 else np.nan
    out[M.LISTING_AGE_MEAN] = money[Cash.LISTING_AGE] / aged if aged > 0 else np.nan
    out[M.SECONDARY] = money[Cash.SECONDARY]
    out[M.REDEMPTION] = money[Cash.REDEMPTION]


@kernel
def report_programme(key, rules, firms, programmes, tally, scratch, out, base, p):
    """One programme: its adopters and what it means for them."""
    r = rules.programmes
    slots = tally.counts[Count.FIRM_SLOTS]
    n = holders_of(firms.adopted, bit(p), slots, scratch.good, scratch.list)
    cases = 0.0
    jobs = 0.0
    profit = 0.0
    saved = 0.0
    for k in range(n):
        slot = scratch.list[k]
        case = case_of(key, r, firms, slot, p)
        cases += case
        if r.productivity[p] != 0.0:
            jobs += firms.jobs[slot] * (1.0 - factor_of(r.productivity[p], case))
        profit -= r.operating_cost[p] * case * r.operating_share[p] * firms.revenue_last[slot]
        if r.energy[p] != 0.0:
            used = rules.report.energy[firms.sector[slot]] * firms.revenue_last[slot]
            saved += used * (1.0 - factor_of(r.energy[p], case))
    mean = cases / n if n > 0 else np.nan
    out[base + P.ADOPTERS] = n
    out[base + P.ADOPTED] = programmes.adopted[p]
    out[base + P.WAITING] = holders_of(firms.asked, bit(p), slots, scratch.good, scratch.list)
    out[base + P.SPENT] = programmes.spent[p]
    budget = r.budget[r.purse[p]]
    out[base + P.BUDGET] = budget if np.isfinite(budget) else np.nan
    out[base + P.REPAID] = programmes.repaid[p]
    out[base + P.PRODUCTIVITY] = r.productivity[p] * mean
    out[base + P.ENERGY] = r.energy[p] * mean
    out[base + P.OPERATING_COST] = r.operating_cost[p] * mean
    out[base + P.JOBS] = jobs
    out[base + P.PROFIT] = profit
    out[base + P.ENERGY_SAVED] = saved


@kernel
def report_incubator(rules, incubators, out, base, i, quarter):
    """One incubator, over its kinds of tenants."""
    r = rules.incubators
    tenants = 0
    places = 0
    waiting = 0
    kinds = 0
    for kind in range(r.kinds):
        if r.incubator[kind] == i:
            tenants += incubators.tenants[kind]
            places += r.places[kind]
            waiting += incubators.waiting[kind]
            kinds += 1
    anchors = 0
    for source in range(r.sources):
        if r.source_anchor[source] and r.incubator[r.source_kind[source]] == i and quarter >= r.source_opens[source]:
            anchors += 1
    there = quarter >= r.opens[i]
    out[base + I.TENANTS] = tenants
    out[base + I.PLACES] = places if there else 0
    out[base + I.VACANCY] = 1.0 - tenants / places if places > 0 and there else np.nan
    out[base + I.WAITING] = waiting
    out[base + I.GRADUATED] = incubators.graduated[i]
    out[base + I.TURNED_AWAY] = incubators.turned_away[i]
    out[base + I.RENT] = incubators.rent[i]
    out[base + I.AREA] = r.floor[i] if there else 0.0
    out[base + I.KINDS] = kinds
    out[base + I.SERVICES] = r.services[i]
    out[base + I.ANCHORS] = anchors


@fast_kernel
def yearly_output_of(alive, sector, log_revenue, wanted):
    """Output of the live firms of a sector at their present yearly rate."""
    total = 0.0
    for i in range(alive.shape[0]):
        if alive[i] != 0 and sector[i] == wanted:
            total += np.exp(log_revenue[i])
    return total


@kernel
def report_energy(key, rules, firms, tally, out, base):
    """Energy of the sectors that state theirs: sector intensity x output x what adopters save."""
    r = rules.report
    used = 0.0
    output = 0.0
    for slot in range(tally.counts[Count.FIRM_SLOTS]):
        intensity = r.energy[firms.sector[slot]]
        if firms.alive[slot] != 0 and intensity > 0.0:
            revenue = 0.25 * np.exp(firms.log_revenue[slot])
            output += revenue
            used += revenue * intensity * energy_factor(key, rules.programmes, firms, slot)
    out[base] = 1e4 * used / output if output > 0.0 else np.nan
    out[base + 1] = used


@kernel
def report_policies(key, rules, world, quarter):
    """The blocks of programmes, incubators, projects, sectors and energy, in scratch.row; nothing where a scenario has
    none. Then the row is filed as column `quarter` of metrics [metric, quarter]."""
    firms, programmes, incubators, projects = world.firms, world.programmes, world.incubators, world.projects
    tally, scratch = world.tally, world.scratch
    out, metrics = scratch.row, world.metrics
    _, _, _, _, _, _, _, named = blocks_of(rules)
    base = named + np.int64(N.SIZE) * rules.named.count + np.int64(Z.SIZE) * rules.named.told
    for p in range(rules.programmes.count):
        report_programme(key, rules, firms, programmes, tally, scratch, out, base, np.int64(p))
        base += np.int64(P.SIZE)
    for i in range(rules.incubators.count):
        report_incubator(rules, incubators, out, base, np.int64(i), quarter)
        base += np.int64(I.SIZE)
    r = rules.projects
    for k in range(r.count):
        slot = projects.slot[k]
        there = slot >= 0
        out[base] = np.exp(firms.log_revenue[slot]) if there else 0.0
        intensity = rules.report.energy[r.sector[k]]
        factor = energy_factor(key, rules.programmes, firms, slot) if there else 1.0
        out[base + 1] = 1e4 * intensity * factor if there and intensity > 0.0 else np.nan
        base += PROJECT_ROWS
        for j in range(r.first_product[k], r.first_product[k + 1]):
            out[base] = r.capacity[j] * ramped(r, k, quarter)
            base += 1
    n = tally.counts[Count.FIRM_SLOTS]
    for sector in range(rules.firms.sectors):
        if (rules.report.sectors >> sector) & 1:
            out[base] = yearly_output_of(firms.alive[:n], firms.sector[:n], firms.log_revenue[:n], sector)
            base += 1
    if rules.report.has_energy:
        report_energy(key, rules, firms, tally, out, base)
    for row in range(out.shape[0]):
        metrics[row, quarter] = out[row]
