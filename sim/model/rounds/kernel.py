"""Valuation rounds: who goes raising, who answers, at what price, and what the round writes into the cap table.

A venture-type firm carries cash, burn and a latent log value that drifts and spreads by stage, correlated with the
firm's growth shock (scale: Cochrane 2005). It goes raising when its runway runs short or its value has risen by the
step-up it waits for. It meets a few funds, drawn by mandate and dry powder; each judges it and offers a cheque within
its ticket, its concentration limit, its share limit and its dry powder. The round closes, closes small, or fails, and
failure bites: burn is cut, the price asked falls, and in the end the firm lives on its own revenue, is sold or closes.
Not modelled: bargaining over control, staged tranches within a round, convertible notes.
"""

from enum import IntEnum

import numpy as np

from sim.finance.term_sheet import pool_top_up, ratchet_conversion, weighted_average_conversion
from sim.model.draws import (
    Purpose,
    address_words,
    draw_laplace,
    draw_normals,
    exp,
    exp_inlined,
    log,
    log_inlined,
    logistic,
    normal,
    philox,
    pick_words,
    to_units,
    uniform,
    uniforms,
    unit,
)
from sim.model.firms.kernel import shock_words
from sim.model.funds.kernel import investable, kept_for, paid_for
from sim.model.jit import fast_kernel, inlined, kernel, note_flags, order_by
from sim.model.market.kernel import mean_regime
from sim.model.world import (
    MAX_CLASSES,
    NEVER,
    OTHERS,
    STAGES,
    TILE,
    Cash,
    Count,
    FundKind,
    Next,
    Source,
    Stage,
    Status,
)

SQRT_HALF = 0.7071067811865476
MOST_STEPS = 60
NO_MULTIPLE = 700.0  # beyond the log of every number: a sector without a multiple has minus infinity


@kernel
def take_venture(ventures, tally):
    """A free row for a venture, or -1 when the table is full."""
    if tally.counts[Count.FREE_VENTURES] > 0:
        tally.counts[Count.FREE_VENTURES] -= 1
        return np.int64(tally.free_ventures[tally.counts[Count.FREE_VENTURES]])
    row = tally.counts[Count.VENTURE_SLOTS]
    if row >= ventures.alive.shape[0]:
        tally.counts[Count.STATUS] = Status.VENTURES_FULL
        return np.int64(-1)
    tally.counts[Count.VENTURE_SLOTS] += 1
    return row


@kernel
def put_venture(key, rules, firms, ventures, tally, slot, quarter, log_value, named):
    """Make a firm a venture: founders' shares, founders' cash, a latent value. Returns the row or -1."""
    v = take_venture(ventures, tally)
    if v < 0:
        return v
    index, cohort = np.int64(firms.index[slot]), np.int64(firms.cohort[slot])
    _, _, a, b = uniforms(key, index, cohort, 1, Purpose.TRAITS_MORE)
    firms.venture[slot] = v
    ventures.firm[v] = slot
    ventures.index[v] = firms.index[slot]
    ventures.cohort[v] = firms.cohort[slot]
    ventures.alive[v] = 1
    ventures.listed[v] = 0
    ventures.backed[v] = 0
    ventures.attracted[v] = 1 if firms.source[slot] == Source.ATTRACTED else 0
    ventures.log_value[v] = log_value
    ventures.burn[v] = rules.founder_burn * exp(0.5 * normal(a))
    ventures.cash[v] = ventures.burn[v] * rules.founder_runway * (0.3 + 1.4 * b)
    ventures.stage[v] = Stage.NONE
    ventures.rounds[v] = 0
    ventures.first_post[v] = 0.0
    ventures.last_post[v] = 0.0
    ventures.last_round[v] = quarter
    ventures.goal[v] = rules.goal_log
    ventures.fails[v] = 0
    ventures.listed_at[v] = -1
    ventures.shares[v] = 1.0
    ventures.founders[v] = 1.0
    ventures.pool[v] = 0.0
    ventures.raised[v] = 0.0
    ventures.named[v] = named
    ventures.first_holding[v] = -1
    ventures.classes[v] = 0
    ventures.redeems_from[v] = NEVER
    ventures.claimed_next[v] = NEVER
    ventures.fair_part[v] = 1.0
    ventures.given[v] = 0
    return v


@kernel
def first_value(key, rules, firms, slot, source):
    """Log of the latent value of a new venture: lognormal by source, at its own address."""
    u, _, _, _ = uniforms(key, np.int64(firms.index[slot]), np.int64(firms.cohort[slot]), 0, Purpose.ROUND_TERMS_MORE)
    return rules.value_log_median[source] + rules.value_log_sd * normal(u)


@kernel
def open_capital(key, rules, firms, ventures, tally, slots, n, odds, listed_log_multiple, quarter):
    """Profitable firms without investors among slots[:n], which are on their way to a listing, begin to seek some, with
    these odds: worth the multiple of what they have filed, they go raising at once, and live on if nobody answers.

    Returns how many do; they stand first in slots."""
    opened = 0
    for k in range(n):
        slot = np.int64(slots[k])
        if firms.venture[slot] >= 0 or firms.profit_last[slot] <= 0.0:
            continue
        index, cohort = np.int64(firms.index[slot]), np.int64(firms.cohort[slot])
        if uniform(key, index, cohort, quarter, Purpose.OPENS_CAPITAL) >= odds:
            continue
        value = log(max(firms.value_last[slot], 1.0)) - listed_log_multiple
        v = put_venture(key, rules, firms, ventures, tally, slot, quarter, value, -1)
        if v < 0:
            return opened
        ventures.cash[v] = 0.99 * rules.short_runway * ventures.burn[v]
        slots[opened] = slot
        opened += 1
    return opened


class Term(IntEnum):
    """Rows of scratch.terms: what is drawn for a firm that goes raising, before it meets anybody."""

    ASK = 0  # pre-money asked for
    DILUTION = 1  # factor on its stage's median dilution
    JOINS = 2  # uniform: how much holders outside the model add to a round that has a lead


@kernel
def asked_for(ventures, seekers, private, concession, ask):
    """Log of the pre-money asked for, before bargaining: value at the market's price, less for each failed attempt."""
    for i in range(ask.shape[0]):
        v = seekers[i]
        ask[i] = ventures.log_value[v] + private - concession * ventures.fails[v]


@fast_kernel
def bargain(normal, noise, ask):
    """Pre-money asked for; its log comes in."""
    for i in range(ask.shape[0]):
        ask[i] = exp_inlined(ask[i] + noise * np.float64(normal[i]))


@fast_kernel
def draw_factors(normal, sd, factor):
    """Lognormal factors with median one."""
    for i in range(factor.shape[0]):
        factor[i] = exp_inlined(sd * np.float64(normal[i]))


@fast_kernel
def join_shocks(shared, shock, rest, normal, own):
    for i in range(own.shape[0]):
        own[i] = shared * np.float64(shock[i]) + rest * np.float64(normal[i])


@fast_kernel
def step_values(rules, listed, stage, shock, log_value):
    """Latent values drift and spread: as a listed firm's, or by the stage that the firm has closed or, if later, whose
    price its value has reached (from A on): a firm of the size of a B round moves as those do, with one or not."""
    drift, volatility = rules.value_drift, rules.value_volatility
    drift_listed, volatility_listed = rules.listed_drift, rules.listed_volatility
    floor = rules.stage_floor_log
    a, b, c, d, last = floor[Stage.A], floor[Stage.B], floor[Stage.C], floor[Stage.D], floor[Stage.PRE_IPO]
    for i in range(log_value.shape[0]):
        x = log_value[i]
        reached = (x > a) * Stage.A + (x > b) + (x > c) + (x > d) + (x > last)
        s = max(np.int64(stage[i]), np.int64(reached))
        mean = drift_listed if listed[i] else drift[s]
        spread = volatility_listed if listed[i] else volatility[s]
        log_value[i] = min(max(log_value[i] + mean + spread * shock[i], 9.0), 30.0)


@kernel
def burn_cash(listed, burn, cash):
    for i in range(cash.shape[0]):
        cash[i] -= 0.0 if listed[i] else burn[i]


@kernel
def flag_funded(alive, stage, last_round, oldest, flags):
    """1 where a round is young enough to speed growth."""
    for i in range(flags.shape[0]):
        flags[i] = 1 if (alive[i] != 0) & (stage[i] > 0) & (last_round[i] >= oldest) else 0


@kernel
def flag_priced(alive, listed, stage, flags):
    """1 where investors or the public have put a price on a firm."""
    for i in range(flags.shape[0]):
        flags[i] = 1 if (alive[i] != 0) & ((stage[i] > 0) | (listed[i] != 0)) else 0


@inlined
def gap_of(rules, firms, slot, log_value):
    """By how much a value runs ahead of what the firm's sales are worth at listed multiples, in logs."""
    multiple = rules.price_to_sales_log[firms.sector[slot]]
    return log_value - multiple - firms.log_revenue[slot] if multiple > -NO_MULTIPLE else 0.0


@inlined
def grow_into_value(rules, firms, slot, log_value, part):
    """Sales of a firm whose price runs ahead of them make good part of the log gap: investors pay for growth that is to
    come, and their money buys it. A firm that sells more than its price implies is left as it is. Returns what they
    grow by, in logs."""
    grown = part * max(gap_of(rules, firms, slot, log_value), 0.0)
    firms.log_revenue[slot] = min(firms.log_revenue[slot] + grown, 34.0)
    return grown


@kernel
def move_values(key, rules, firms, ventures, market, tally, scratch, quarter):
    """Latent values drift and spread; firms with young money grow faster and into their price, of others the value
    comes to what their sales are worth; cash burns."""
    rest = np.sqrt(1.0 - rules.correlation * rules.correlation)
    rows = tally.counts[Count.VENTURE_SLOTS]
    oldest = quarter - rules.funded_quarters
    for first in range(0, rows, TILE):
        last = min(first + TILE, rows)
        index, cohort, word = ventures.index[first:last], ventures.cohort[first:last], ventures.word_value[first:last]
        address_words(
            key,
            index,
            cohort,
            quarter,
            np.int64(Purpose.VENTURE_QUARTER),
            word,
            ventures.word_order[first:last],
            ventures.word_exit[first:last],
            ventures.word_lead[first:last],
        )
        shock, own = scratch.shock[: last - first], scratch.revenue[: last - first]
        w0, w1, w2, w3 = scratch.word0, scratch.word1, scratch.word2, scratch.word3
        n = last - first
        shock_words(key, index, cohort, quarter // 2, w0[:n], w1[:n], w2[:n], w3[:n])
        draw_laplace(w2[:n] if quarter % 2 == 1 else w0[:n], shock)  # what its firm has grown by this quarter
        draw_normals(word, scratch.normal[: last - first])
        join_shocks(rules.correlation * SQRT_HALF, shock, rest, scratch.normal[: last - first], own)
        listed, stage = ventures.listed[first:last], ventures.stage[first:last]
        step_values(rules, listed, stage, own, ventures.log_value[first:last])
        burn_cash(listed, ventures.burn[first:last], ventures.cash[first:last])
        flags = scratch.good[: last - first]
        flag_funded(ventures.alive[first:last], stage, ventures.last_round[first:last], oldest, flags)
        found = note_flags(flags, first, scratch.list, np.int64(0))
        for k in range(found):
            v = scratch.list[k]
            slot = ventures.firm[v]
            grown = firms.log_revenue[slot] + rules.funded_growth[ventures.stage[v]]
            firms.log_revenue[slot] = min(grown, 34.0)
        if rules.grows_into > 0.0:
            flag_priced(ventures.alive[first:last], listed, stage, flags)
            found = note_flags(flags, first, scratch.list, np.int64(0))
            for k in range(found):
                v = scratch.list[k]
                slot = np.int64(ventures.firm[v])
                if ventures.listed[v] or (ventures.burn[v] > 0.0 and ventures.last_round[v] >= oldest):
                    grow_into_value(rules, firms, slot, ventures.log_value[v], rules.grows_into)
                else:
                    ventures.log_value[v] -= rules.grows_into * gap_of(rules, firms, slot, ventures.log_value[v])


@kernel
def flag_seekers(alive, listed, fails, cash, burn, last_round, patience, short_runway, latest, flags):
    """1 where a live venture may go raising as far as its patience, runway and the least gap between rounds tell
    (latest: the last quarter a round may date from)."""
    for v in range(flags.shape[0]):
        there = (alive[v] != 0) & (listed[v] == 0) & (fails[v] < patience)
        flags[v] = 1 if there & ((cash[v] < short_runway * burn[v]) | (last_round[v] <= latest)) else 0


@inlined
def carries_itself(firms, ventures, v):
    """Whether a firm that has raised before earns in a year more than it burns."""
    return ventures.rounds[v] > 0 and firms.profit_last[ventures.firm[v]] > 4.0 * ventures.burn[v]


@inlined
def wants_round(rules, firms, ventures, v, private, quarter):
    """Whether the firm goes raising: short of runway, or, not within the least gap, as far as the step-up it waits for.
    How far is a matter of the firm and not of the market: its latent value over what the price of its last round
    says at the market of that quarter. So a hot market does not only bring the same step-up sooner but dearer rounds.
    private: the market's path. After a failed attempt it tries again every rules.retry quarters, and gives up after
    rules.patience of them. A firm that carries itself is short of nothing, and after a pre-IPO round it waits for its
    listing. One whose listing is under review issues no shares meanwhile."""
    if firms.held[ventures.firm[v]] & rules.closed_levels:
        return False
    if ventures.listed[v] or ventures.classes[v] >= MAX_CLASSES or ventures.fails[v] >= rules.patience:
        return False
    since = quarter - ventures.last_round[v]
    if ventures.fails[v] > 0 and since % rules.retry != 0:
        return False
    carried = carries_itself(firms, ventures, v)
    if ventures.cash[v] < rules.short_runway * ventures.burn[v] and not carried:
        return True
    if ventures.rounds[v] == 0 or since < rules.least_gap or (carried and ventures.stage[v] == Stage.PRE_IPO):
        return False
    then = private[max(np.int64(0), np.int64(ventures.last_round[v]))]
    return ventures.log_value[v] - log_inlined(max(ventures.last_post[v], 1.0)) + then > ventures.goal[v]


@inlined
def skips_to(rules, firms, slot):
    """The stage up to which a first round may skip by what it asks for: B; a profitable firm on its way to a listing is
    past that."""
    mature = firms.held[slot] & rules.listing_levels != 0 and firms.profit_last[slot] > 0.0
    return np.int64(Stage.PRE_IPO) if mature else np.int64(Stage.B)


@inlined
def next_stage(rules, ventures, v, normal_pre, latest):
    """The stage of the round a firm goes for: one on from its last, if what it asks for is in reach of that stage;
    else another round of the same stage (A+, B+). normal_pre: the pre-money it asks for at a normal market's prices: a
    stage says how far a firm has come, and in a hot market the rounds of every stage are dearer. latest: the stage up
    to which a first round may skip."""
    last = ventures.stage[v]
    if last == Stage.NONE:
        stage = np.int64(Stage.ANGEL)
        while stage < latest and normal_pre > rules.stage_floor[stage + 1] * rules.skip_factor:
            stage += 1
        return stage
    if last == Stage.PRE_IPO:
        return np.int64(last)
    stage = np.int64(last) + 1
    if normal_pre < rules.stage_floor[stage]:
        return np.int64(last)
    return stage


@inlined
def unplaced(funds, f):
    """What a fund has not put into firms of the zone yet: of its local share, after the reserve for fees, as far as
    what it has placed elsewhere leaves it (its books of the start may tell of more than the share of other places)."""
    room = investable(funds, f) * funds.local_share[f] + funds.recycled[f]
    left = investable(funds, f) + funds.recycled[f] - funds.invested[f] - funds.invested_outside[f]
    return max(0.0, min(room - funds.invested[f], left))


@inlined
def still_asked(funds, f):
    """What a sub-fund has to put into firms yet for what the reinvestment rule asks beyond what counts already."""
    return max(0.0, funds.local_required[f] - funds.counted[f]) / funds.counts_as[f]


@inlined
def for_first(funds, f):
    """What a fund can still put into firms that it does not hold: what it has not placed, less what it keeps for
    following in those it holds and would keep for the new ones. What the reinvestment rule still asks comes before
    following. A firm that takes all that the concentration limit allows is not followed: nothing is kept for it."""
    left = unplaced(funds, f)
    free = max(0.0, left - funds.kept[f])
    if free < funds.concentration[f] * funds.commitment[f]:
        free *= 1.0 - funds.follow_reserve[f]
    return max(free, min(left, still_asked(funds, f)))


@inlined
def dry_powder(funds, f, follows):
    """What a fund can put into a firm of the zone now. Money paid in by tranches must be there; else it is called."""
    room = unplaced(funds, f) if follows else for_first(funds, f)
    left = funds.cash[f] - funds.need[f]
    if not funds.paid_ahead[f]:
        left += funds.commitment[f] - funds.called[f]
    return max(0.0, min(room, left))


@inlined
def ahead_of_plan(rules, funds, market, f, quarter):
    """Whether a fund's first investments have used up what it plans to place by the end of this quarter: its money for
    them, spread evenly over part `deploys_over` of its investment period, if every quarter of it is normal. A hot
    quarter counts for more, a cold one for less (`market.pace`); quarters before the start count as normal ones.
    The plan goes by what following has come to so far: what is kept for firms that have died, have listed or have had
    all that the limit allows is placed anew, and what the reinvestment rule still asks is placed in full."""
    begins = np.int64(funds.places_from[f])
    if begins > quarter:  # it waits; where it begins may lie beyond the run
        return True
    span = rules.deploys_over * (funds.invests_until[f] - begins)
    elapsed = market.placing[quarter] - (market.placing[begins - 1] if begins > 0 else begins)
    if elapsed >= span:
        return False
    first = funds.invested[f] - funds.followed[f]
    part = first / (first + funds.kept[f] + funds.followed[f]) if first > 0.0 else 1.0 - funds.follow_reserve[f]
    left = unplaced(funds, f)
    more = max(part * max(0.0, left - funds.kept[f]), min(left, still_asked(funds, f)))
    return first >= (first + more) * elapsed / span


@kernel
def open_books(rules, funds, market, tally, scratch, quarter):
    """For each stage the funds that may lead or join a round now, with the cumulative weight by which they are met:
    dry powder over the root of the commitment, by mandate. A fund that has placed what it planned to waits."""
    for s in range(STAGES):
        scratch.eligible_count[s] = 0
    for f in range(tally.counts[Count.FUNDS]):
        if funds.ended[f] or quarter < funds.opened[f] or quarter >= funds.invests_until[f]:
            continue
        kind = funds.kind[f]
        if kind != FundKind.SUB_FUND and kind != FundKind.MARKET:
            continue
        powder = dry_powder(funds, f, False)
        if powder < rules.least_cheque or ahead_of_plan(rules, funds, market, f, quarter):
            continue
        weight = powder / np.sqrt(funds.commitment[f] + 1.0)
        for s in range(1, STAGES):
            if funds.mandate[f] & (1 << s):
                n = scratch.eligible_count[s]
                scratch.eligible[s, n] = f
                scratch.weight[s, n] = weight + (scratch.weight[s, n - 1] if n > 0 else 0.0)
                scratch.eligible_count[s] = n + 1
    for s in range(1, STAGES):
        if scratch.eligible_count[s] > 0:
            write_guide(scratch.weight[s], scratch.eligible_count[s], scratch.guide[s])


@kernel
def write_guide(cumulative, n, guide):
    """For each of equal parts of the total weight the first index whose cumulative weight is above its beginning: a
    search that begins there ends after a step or two, where halving goes astray at every one."""
    part = cumulative[n - 1] / guide.shape[0]
    i = 0
    for b in range(guide.shape[0]):
        while i < n - 1 and cumulative[i] <= b * part:
            i += 1
        guide[b] = i


@inlined
def pick(cumulative, n, guide, u):
    """Index of the first cumulative weight above u times the total."""
    target = u * cumulative[n - 1]
    i = np.int64(guide[np.int64(u * guide.shape[0])])
    while i < n - 1 and cumulative[i] <= target:
        i += 1
    return i


@kernel
def note_holders(holdings, ventures, v, scratch):
    """The funds that hold venture v, in the order of its positions, with all their shares in it and what they paid:
    scratch.holder, holder_shares, holder_cost. Returns how many."""
    n = 0
    h = ventures.first_holding[v]
    while h >= 0:
        f = np.int64(holdings.fund[h])
        if f >= 0:
            k = 0
            while k < n and scratch.holder[k] != f:
                k += 1
            if k == n:
                scratch.holder[k] = f
                scratch.holder_shares[k] = 0.0
                scratch.holder_cost[k] = 0.0
                n += 1
            scratch.holder_shares[k] += holdings.shares[h]
            scratch.holder_cost[k] += holdings.cost[h]
        h = holdings.next[h]
    return n


@inlined
def paid_before(scratch, holders, f):
    """What fund f has paid for its part of the firm whose holders are noted."""
    for k in range(holders):
        if scratch.holder[k] == f:
            return scratch.holder_cost[k]
    return 0.0


@kernel
def add_holding(holdings, ventures, tally, f, v, share_class, shares, cost, first, quarter, load):
    """Write a position (first: as in Holdings). A venture's positions are a list that begins at
    ventures.first_holding."""
    h = tally.counts[Count.HOLDINGS]
    if h >= holdings.fund.shape[0]:
        tally.counts[Count.STATUS] = Status.HOLDINGS_FULL
        return
    holdings.fund[h] = f
    holdings.venture[h] = v
    holdings.share_class[h] = share_class
    holdings.shares[h] = shares
    holdings.cost[h] = cost
    holdings.first[h] = first
    holdings.bought[h] = quarter
    holdings.called[h] = cost * load
    holdings.balance[h] = cost * load
    holdings.since[h] = quarter
    holdings.returned[h] = 0.0
    holdings.carried[h] = 0.0
    holdings.mark[h] = 0.0
    holdings.next[h] = ventures.first_holding[v]
    ventures.first_holding[v] = h
    tally.counts[Count.HOLDINGS] = h + 1


@inlined
def protected(ventures, v, k, before, amount, limit, price):
    """Conversion of class k after a round of `amount` at `price`, with `before` fully diluted shares ahead of it."""
    old = ventures.class_conversion[v, k]
    issued_at = ventures.class_price[v, k]
    if ventures.class_antidilution[v, k] == 2:
        return min(ratchet_conversion(old, issued_at, price), max(limit, old))
    if ventures.class_antidilution[v, k] == 1 and price < issued_at / old:
        return weighted_average_conversion(old, issued_at, before, amount, price)
    return old


@inlined
def shares_at(ventures, v, c, before, amount, limit, price, others):
    """Fully diluted shares when the first c classes are protected against `price`; others: founders and pool."""
    total = others
    for k in range(c):
        total += ventures.class_shares[v, k] * protected(ventures, v, k, before, amount, limit, price)
    return total


@kernel
def settle_protection(ventures, v, c, pre, amount, limit):
    """Older classes are protected against the price of the new round, which they lower by the shares they get: the
    price at which price x shares = pre-money, found by false position (what it makes the shares worth rises with it).
    limit: most shares for one of a full ratchet. The weighted average counts the shares there were before any of them
    converts."""
    before = ventures.shares[v]
    price = pre / before
    others = before
    bound = False
    for k in range(c):
        others -= ventures.class_shares[v, k] * ventures.class_conversion[v, k]
        bound = bound or (
            ventures.class_antidilution[v, k] > 0
            and ventures.class_price[v, k] > ventures.class_conversion[v, k] * price
        )
    if not bound:
        return
    low, at_low, side = 0.0, -pre, 0
    high = price
    at_high = price * shares_at(ventures, v, c, before, amount, limit, price, others) - pre
    for _ in range(MOST_STEPS):
        last = price
        price = (low * at_high - high * at_low) / (at_high - at_low)
        value = price * shares_at(ventures, v, c, before, amount, limit, price, others) - pre
        if abs(price - last) <= 1e-15 * price or value == 0.0:
            break
        if value < 0.0:
            low, at_low = price, value
            at_high *= 0.5 if side < 0 else 1.0  # the same end twice: Illinois' step
            side = -1
        else:
            high, at_high = price, value
            at_low *= 0.5 if side > 0 else 1.0
            side = 1
    ventures.shares[v] = shares_at(ventures, v, c, before, amount, limit, price, others)
    for k in range(c):
        ventures.class_conversion[v, k] = protected(ventures, v, k, before, amount, limit, price)


@kernel
def issue_class(key, rules, ventures, v, index, cohort, stage, amount, pre, quarter):
    """Issue a preferred class for `amount` at pre-money `pre`: the option pool is topped up before the money, older
    classes are protected against a lower price, shares x price = post-money. Returns the class and its price.

    Each term has its own word, addressed by the firm and the number of the class. Weighted averages and ratchets settle
    together at the price that is paid (each gives shares, which lowers the price)."""
    c = np.int64(ventures.classes[v])
    a, b, d, e = uniforms(key, index, cohort, c, Purpose.CLASS_TERMS)
    last, _, _, _ = uniforms(key, index, cohort, c, Purpose.CLASS_TERMS_MORE)
    post = pre + amount
    new_share = amount / post
    pool_wanted = rules.pool_share[stage]
    pool, shares = ventures.pool[v], ventures.shares[v]
    leaves_room = ventures.given[v] == 0 and pool_wanted > 0.0 and 1.0 - new_share - pool_wanted > 0.05
    if leaves_room and pool * (1.0 - new_share) < 0.999 * pool_wanted * shares:
        options = pool_top_up(shares - pool, pool, new_share, pool_wanted)
        ventures.pool[v] += options
        ventures.shares[v] += options
    settle_protection(ventures, v, c, pre, amount, rules.ratchet_limit)
    price = pre / ventures.shares[v]
    issued = amount / price
    ventures.class_shares[v, c] = issued
    ventures.class_price[v, c] = price
    ventures.class_conversion[v, c] = 1.0
    ventures.class_preference[v, c] = rules.preference[stage]
    senior = a < rules.senior_share[stage]
    ventures.class_seniority[v, c] = c if senior or c == 0 else ventures.class_seniority[v, c - 1]
    joins = b < rules.participating_share[stage]
    ventures.class_participating[v, c] = 1 if joins else 0
    ventures.class_cap[v, c] = rules.participation_cap
    if d < rules.ratchet_share:
        ventures.class_antidilution[v, c] = 2
    elif d < rules.ratchet_share + rules.weighted_share:
        ventures.class_antidilution[v, c] = 1
    else:
        ventures.class_antidilution[v, c] = 0
    ventures.class_redemption[v, c] = -1
    if e < rules.redemption_share:
        gives_redemption(ventures, v, c, max(np.int64(0), quarter + np.int64(4.0 * rules.redemption_years)))
    ventures.class_rate[v, c] = rules.redemption_rate
    ventures.class_last[v, c] = 1 if last < rules.redemption_last else 0
    ventures.fair_part[v] = rules.fair_part[stage, (2 if senior else 0) + (1 if joins else 0)]
    ventures.classes[v] = c + 1
    ventures.shares[v] += issued
    return c, price


@inlined
def gives_redemption(ventures, v, c, due):
    """Class c can ask for its money back from quarter `due` on."""
    ventures.class_redemption[v, c] = due
    ventures.redeems_from[v] = min(np.int64(ventures.redeems_from[v]), due)
    ventures.claimed_next[v] = min(np.int64(ventures.claimed_next[v]), due)


@inlined
def next_of(named):
    """Place in Tally.money of what is kept of a named firm and its next round."""
    return np.int64(Cash.SIZE) + np.int64(Next.SIZE) * named


@kernel
def price_anew(ventures, holdings, tally, v, c, price, quarter):
    """A named firm has a new price: book values of before it are over, and a yuan more in its first round after the
    start buys so many shares of class c."""
    h = ventures.first_holding[v]
    while h >= 0:
        holdings.mark[h] = 0.0
        h = holdings.next[h]
    k = next_of(np.int64(ventures.named[v]))
    if tally.money[k + Next.PAID] == 0.0:
        tally.money[k + Next.CLASS] = c
        tally.money[k + Next.SHARES] = 1.0 / price
        tally.money[k + Next.PAID] = tally.money[Cash.DISCOUNT]
        tally.money[k + Next.QUARTER] = quarter


@kernel
def close_round(
    key, rules, firms, ventures, holdings, funds, tally, events, scratch, v, stage, pre, amount, n, quarter
):
    """The round closes with the cheques in scratch.cheque for the funds in scratch.list[:n]; what they do not cover
    (1e-9 of it is rounding) comes from holders outside the model, at the place n of scratch.cheque.
    Its lead is the fund with the largest cheque, where that is a lead's share of the round."""
    slot = ventures.firm[v]
    index, cohort = np.int64(firms.index[slot]), np.int64(firms.cohort[slot])
    counts = rules.count_early if stage <= Stage.A else rules.count_plain
    if rules.certificate >= 0 and firms.held[slot] >> rules.certificate & 1:
        counts *= rules.count_certified
    if firms.source[slot] == Source.ATTRACTED:
        counts *= rules.count_attracted
    c, price = issue_class(key, rules, ventures, v, index, cohort, stage, amount, pre, quarter)
    _, thrift, aim, _ = uniforms(key, index, cohort, c, Purpose.CLASS_TERMS_MORE)
    paid = 0.0
    lead, largest = np.int64(OTHERS), rules.lead_share * amount
    for k in range(n):
        f = scratch.list[k]
        cheque = scratch.cheque[k]
        if cheque >= largest:
            lead, largest = np.int64(f), cheque
        before, held = paid_for(holdings, ventures, v, f)
        first = 0 if held > 0.0 else 1
        if not first:
            funds.followed[f] += cheque
        kept = kept_for(funds, f, before + first * cheque, held + cheque) - kept_for(funds, f, before, held)
        funds.kept[f] = max(0.0, funds.kept[f] + kept)
        add_holding(holdings, ventures, tally, f, v, c, cheque / price, cheque, first, quarter, funds.load[f])
        if funds.kind[f] == FundKind.SUB_FUND:
            funds.counted[f] += counts * cheque
            tally.money[Cash.BY_SUB_FUNDS] += cheque
            if stage <= Stage.A:
                tally.money[Cash.INTO_EARLY] += cheque
        elif funds.kind[f] == FundKind.DIRECT and ventures.named[v] >= 0:
            tally.money[next_of(np.int64(ventures.named[v])) + Next.ZONE_PAID] += cheque
        funds.need[f] += cheque
        funds.invested[f] += cheque
        funds.held_cost[f] += cheque
        paid += cheque
        if funds.kind[f] == FundKind.DIRECT:
            ventures.backed[v] = 1
    rest = amount - paid
    tally.money[Cash.FROM_OTHERS] += rest
    tally.money[Cash.FROM_FUNDS] += paid
    tally.money[Cash.INTO_FIRMS] += amount
    ventures.cash[v] += amount
    ventures.raised[v] += amount
    post = pre + amount
    if ventures.rounds[v] == 0:
        ventures.first_post[v] = post
    elif post < ventures.last_post[v]:
        tally.counts[Count.DOWN_ROUNDS] += 1
    previous = ventures.last_post[v]
    ventures.last_post[v] = post
    ventures.rounds[v] += 1
    ventures.stage[v] = stage
    ventures.last_round[v] = quarter
    ventures.fails[v] = 0
    ventures.burn[v] = ventures.cash[v] / (rules.runway[stage] * exp(0.25 * normal(thrift)))
    ventures.goal[v] = rules.step_up[stage] * exp(rules.step_up_sd * normal(aim))
    if ventures.named[v] >= 0:
        price_anew(ventures, holdings, tally, v, c, price, quarter)
    e = tally.counts[Count.ROUND_EVENTS]
    if e < events.rounds.shape[0]:
        row = events.rounds[e]
        row[0] = quarter
        row[1] = cohort
        row[2] = index
        row[3] = stage
        row[4] = pre
        row[5] = post
        row[6] = amount
        row[7] = price
        row[8] = n
        row[9] = lead
        row[10] = previous
        row[11] = ventures.rounds[v]
        row[12] = rest
        row[13] = ventures.named[v]
        row[14] = ventures.class_preference[v, c]
        row[15] = ventures.class_seniority[v, c]
        row[16] = ventures.class_participating[v, c]
        row[17] = ventures.class_antidilution[v, c]
        row[18] = 1 if ventures.class_redemption[v, c] >= 0 else 0
        row[19] = ventures.raised[v] - amount
        row[20] = post * ventures.fair_part[v]
        row[21] = exp(firms.log_revenue[slot])
        tally.counts[Count.ROUND_EVENTS] = e + 1


@inlined
def regular_backer(funds, scratch, holders, kind):
    """The fund of a kind that follows in every round (the zone's own direct fund), where it holds the firm; or -1."""
    for k in range(holders):
        f = scratch.holder[k]
        if funds.kind[f] == kind and funds.ended[f] == 0:
            return f
    return np.int64(-1)


@inlined
def offer(rules, funds, f, held, stage, amount, post, follows):
    """The cheque a fund can write: within ticket, concentration limit (less what it has paid for the firm already:
    held), share of the firm and dry powder."""
    limit = funds.commitment[f] * funds.concentration[f] - held
    powder = dry_powder(funds, f, follows)
    return max(0.0, min(min(rules.ticket[stage], amount), min(min(limit, rules.firm_share * post), powder)))


@kernel
def meeting_words(key, index, cohort, quarter, word0, word1, word2, word3):
    """What decides a firm's meetings with funds: word 0 which fund, 1 its mind, 2 the size of a lead's cheque."""
    for k in range(word0.shape[0]):
        a, b, c, d = philox(
            np.uint64(index),
            np.uint64(cohort),
            np.uint64(quarter),
            np.uint64(np.int64(Purpose.ROUND_MEETING) + k),
            np.uint64(key[0]),
            np.uint64(key[1]),
        )
        word0[k] = np.uint32(a)
        word1[k] = np.uint32(b)
        word2[k] = np.uint32(c)
        word3[k] = np.uint32(d)


@inlined
def seek_round(key, rules, firms, ventures, holdings, funds, market, tally, events, scratch, v, seeker, quarter):
    """One firm's attempt in one quarter; seeker: its place in scratch.terms. Returns the stage of the round that
    closed, or 0."""
    index, cohort = np.int64(ventures.index[v]), np.int64(ventures.cohort[v])
    private = market.private[quarter]
    pre = scratch.terms[Term.ASK, seeker]
    latest = skips_to(rules, firms, ventures.firm[v])
    stage = np.int64(next_stage(rules, ventures, v, pre * exp(-private), latest))
    dilution = min(max(rules.dilution[stage] * scratch.terms[Term.DILUTION, seeker], 0.02), 0.45)
    amount = pre * dilution / (1.0 - dilution)
    post = pre + amount
    if amount < rules.least_cheque:
        return np.int64(0)
    got = 0.0
    n = 0
    backer = np.int64(-1)
    holders = note_holders(holdings, ventures, v, scratch)
    if ventures.backed[v]:
        backer = regular_backer(funds, scratch, holders, np.int64(FundKind.DIRECT))
    if backer >= 0:
        cheque = min(rules.backer_share * amount, dry_powder(funds, backer, True))
        if cheque > 0.0:
            scratch.list[0] = backer
            scratch.cheque[0] = cheque
            got = cheque
            n = 1
    # insiders first: pro rata by the follow-on policy of each
    for j in range(holders if ventures.fails[v] <= 1 else 0):
        f = scratch.holder[j]
        local = funds.kind[f] == FundKind.SUB_FUND or funds.kind[f] == FundKind.MARKET
        if n < 24 and local and funds.ended[f] == 0 and funds.policy[f] > 0:
            most = offer(rules, funds, f, scratch.holder_cost[j], stage, amount, post, True)
            cheque = min(min(scratch.holder_shares[j] / ventures.shares[v] * amount, most), amount - got)
            if cheque > rules.least_cheque * 0.2:
                scratch.list[n] = f
                scratch.cheque[n] = cheque
                got += cheque
                n += 1
    count = scratch.eligible_count[stage]
    mood = rules.mood * mean_regime(market.regime[quarter]) + rules.mood_multiple * private
    mood += firms.appeal[ventures.firm[v]]
    promise = ventures.log_value[v] - rules.centre[stage] - rules.distrust * ventures.fails[v]
    led = ventures.rounds[v] > 0 and got >= rules.lead_share * amount
    if count > 0:
        says_yes = scratch.says_yes
        likeliest = 0.0
        for kind in (FundKind.SUB_FUND, FundKind.MARKET):
            drawn_to = rules.eager[kind] + mood + rules.selective[kind] * promise
            says_yes[0, kind] = logistic(drawn_to - rules.lead_caution)
            says_yes[1, kind] = logistic(drawn_to)
            likeliest = max(likeliest, says_yes[1, kind])
        fours = (rules.meetings + 3) // 4 * 4  # whole vectors
        x, y, z = scratch.word0[:fours], scratch.word1[:fours], scratch.word2[:fours]
        meeting_words(key, index, cohort, quarter, x, y, z, scratch.word3[:fours])
        met = 0  # funds of a kind of which some would say yes
        for k in range(rules.meetings):
            scratch.slot[met] = k
            met += 1 if unit(y[k]) <= likeliest else 0
        for i in range(met):
            if got >= 0.999 * amount or n >= 24:
                break
            k = scratch.slot[i]
            mind = unit(y[k])
            f = np.int64(scratch.eligible[stage, pick(scratch.weight[stage], count, scratch.guide[stage], unit(x[k]))])
            if mind > says_yes[1 if led else 0, funds.kind[f]]:
                continue
            known = False
            for j in range(n):
                if scratch.list[j] == f:
                    known = True
            if known:
                continue
            if ahead_of_plan(rules, funds, market, f, quarter):  # since the books were opened
                continue
            held = paid_before(scratch, holders, f)
            cheque = min(offer(rules, funds, f, held, stage, amount, post, False), amount - got)
            if not led:
                if cheque < rules.lead_share * amount:
                    continue
                cheque = min(cheque, amount * (rules.lead_share + (1.0 - rules.lead_share) * unit(z[k])))
                led = True
            if cheque < min(0.02 * amount, rules.least_cheque):
                continue
            scratch.list[n] = f
            scratch.cheque[n] = cheque
            got += cheque
            n += 1
    if got < 0.999 * amount:
        # holders with a policy to top up fill what is lacking, within their limits
        for k in range(n):
            f = np.int64(scratch.list[k])
            held = paid_before(scratch, holders, f)
            if funds.policy[f] == 2 and held > 0.0:
                most = offer(rules, funds, f, held, stage, amount, post, True)
                more = min(most - scratch.cheque[k], amount - got)
                if more > 0.0:
                    scratch.cheque[k] += more
                    got += more
        led = led or (ventures.rounds[v] > 0 and got >= rules.lead_share * amount)
    if not led and rules.outside_lead[stage] > 0.0:
        # investors from beyond the zone (national funds, corporates) lead too, above all the large late rounds
        odds = 2.0 * rules.outside_lead[stage] * logistic(mood + rules.selective[FundKind.MARKET] * promise)
        if unit(ventures.word_lead[v]) < odds:
            led = True
            got = max(got, min(amount, got + rules.lead_share * amount))
    if led and got < amount:
        # once there is a lead, holders outside the model (corporates, funds from elsewhere, founders' friends) join
        joins = min(rules.outside_share[stage] * amount * 2.0 * scratch.terms[Term.JOINS, seeker], amount - got)
        got += joins
    if not led or got < rules.least_part * amount:
        ventures.fails[v] += 1
        tally.counts[Count.FAILED_ROUNDS] += 1
        if ventures.fails[v] <= rules.burn_cuts:
            ventures.burn[v] *= rules.burn_cut
        return np.int64(0)
    got = min(got, amount)
    close_round(
        key,
        rules,
        firms,
        ventures,
        holdings,
        funds,
        tally,
        events,
        scratch,
        v,
        stage,
        pre,
        got,
        np.int64(n),
        np.int64(quarter),
    )
    return stage


@kernel
def draw_terms(key, rules, ventures, seekers, private, terms, scratch, quarter):
    """What the firms that go raising ask for, at their own addresses: terms [term, seeker], a tile at a time."""
    for a in range(0, seekers.shape[0], TILE):
        b = min(a + TILE, seekers.shape[0])
        w0, w1, w2, w3 = scratch.word0[: b - a], scratch.word1[: b - a], scratch.word2[: b - a], scratch.word3[: b - a]
        index, cohort = scratch.index[: b - a], scratch.cohort[: b - a]
        pick_words(ventures.index, seekers[a:b], index)
        pick_words(ventures.cohort, seekers[a:b], cohort)
        address_words(key, index, cohort, quarter, np.int64(Purpose.ROUND_TERMS), w0, w1, w2, w3)
        asked_for(ventures, seekers[a:b], private, rules.concession, terms[Term.ASK][a:b])
        drawn = scratch.normal[: b - a]
        draw_normals(w0, drawn)
        bargain(drawn, rules.bargaining, terms[Term.ASK][a:b])
        draw_normals(w1, drawn)
        draw_factors(drawn, rules.dilution_sd, terms[Term.DILUTION][a:b])
        to_units(w2, terms[Term.JOINS][a:b])


@kernel
def raise_rounds(key, rules, firms, ventures, holdings, funds, market, tally, events, scratch, quarter):
    """All firms that go raising this quarter, in an order drawn afresh; tally.rounds and tally.raised [stage] are
    filled."""
    private = market.private[quarter]
    rows = tally.counts[Count.VENTURE_SLOTS]
    may = np.int64(0)
    for first in range(0, rows, TILE):
        last = min(first + TILE, rows)
        flags = scratch.good[: last - first]
        flag_seekers(
            ventures.alive[first:last],
            ventures.listed[first:last],
            ventures.fails[first:last],
            ventures.cash[first:last],
            ventures.burn[first:last],
            ventures.last_round[first:last],
            rules.patience,
            rules.short_runway,
            quarter - rules.least_gap,
            flags,
        )
        may = note_flags(flags, first, scratch.list, may)
    n = 0
    for k in range(may):
        v = scratch.list[k]
        if wants_round(rules, firms, ventures, v, market.private, quarter):
            scratch.list2[n] = v
            scratch.score[n] = unit(ventures.word_order[v])
            n += 1
    open_books(rules, funds, market, tally, scratch, quarter)
    draw_terms(key, rules, ventures, scratch.list2[:n], private, scratch.terms, scratch, quarter)
    order_by(scratch.score, n, scratch.chosen, scratch.order)
    for k in range(n):
        seeker = scratch.order[k]
        v = scratch.list2[seeker]
        before = ventures.raised[v]
        stage = seek_round(
            key, rules, firms, ventures, holdings, funds, market, tally, events, scratch, v, seeker, np.int64(quarter)
        )
        if stage > 0:
            tally.rounds[stage] += 1
            tally.raised[stage] += ventures.raised[v] - before
    return n
