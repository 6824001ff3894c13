"""How worlds fill: the starting population, entrants, firms that moved in with an investment, named firms.

These compose rooms (a firm, its venture, its first round); no mechanism of their own.
"""

import numpy as np

from sim.model.draws import Purpose, exp, log, logistic, normal, number_words, poisson, uniform, uniforms, unit
from sim.model.exits.kernel import release_venture
from sim.model.firms.kernel import cohort_of, draw_births, entrants_of, file_as_stated, put_firm, put_firms
from sim.model.jit import inlined, kernel
from sim.model.ladders.kernel import bit, holders_of
from sim.model.rounds.kernel import (
    add_holding,
    close_round,
    dry_powder,
    first_value,
    gives_redemption,
    grow_into_value,
    issue_class,
    next_of,
    next_stage,
    open_capital,
    put_venture,
)
from sim.model.world import MAX_CLASSES, STAGES, TILE, Cash, Count, FundKind, Next, Source, Stage, Status


@inlined
def stage_reached(rules, log_value):
    """The stage whose price a value has reached, from A on; the angel stage below that."""
    stage = np.int64(Stage.ANGEL)
    for s in range(Stage.A, STAGES):
        if log_value > rules.stage_floor_log[s]:
            stage = np.int64(s)
    return stage


@kernel
def age_value(key, rules, ventures, v, index, cohort, years):
    """Let a venture's latent value live `years` before the start, a year at a time, by the drift and spread of the
    stage whose price it has reached (as `step_values` does after the start). The firm is there, so that it has not lost
    more than 1 of its log: the walk is thrown back from there."""
    x = ventures.log_value[v]
    least = x - 1.0
    a = b = c = d = 0.0
    year = 0
    while years > 0.0:
        if year % 4 == 0:
            a, b, c, d = uniforms(key, index, cohort, year // 4, Purpose.VALUE_BEFORE)
        u = a if year % 4 == 0 else b if year % 4 == 1 else c if year % 4 == 2 else d
        part = min(years, 1.0)
        stage = stage_reached(rules, x)
        x += 4.0 * rules.value_drift[stage] * part + 2.0 * rules.value_volatility[stage] * np.sqrt(part) * normal(u)
        x = min(max(x, 2.0 * least - x), 30.0)
        years -= 1.0
        year += 1
    ventures.log_value[v] = x


@inlined
def stage_behind(rules, value):
    """The stage of the last round that a venture's value at the start speaks for."""
    stage = np.int64(0)
    while stage < Stage.PRE_IPO and value > rules.stage_floor[stage + 1] * rules.history_factor:
        stage += 1
    return stage


@kernel
def tried_before(key, rules, ventures, v, index, cohort, founded, age):
    """How a venture of the start has fared with investors in the quarters since it was founded: its money burns, short
    of runway it goes raising, a typical candidate's first attempt closes with odds `closes`; promise, distrust and the
    bite of failure are those of `seek_round`. founded: log of its value then, which its first round is judged by.

    Returns (rounds closed, failed attempts since, quarters since the last round or founding, money left in quarters of
    its burn before any cut, burn over that). Rounds are -1 where the money ran out: such a firm is no venture any more.
    Not modelled: moods of the past, step-ups, bridges; every attempt but the first is judged by the value of today.
    """
    stage = stage_behind(rules, exp(ventures.log_value[v]))
    runway = rules.runway[max(np.int64(1), stage)]
    further = stage
    if stage < Stage.PRE_IPO and exp(ventures.log_value[v]) > rules.stage_floor[stage + 1]:
        further += 1
    early = founded - rules.centre[Stage.ANGEL]
    late = ventures.log_value[v] - rules.centre[max(np.int64(1), further)]
    _, _, moment, _ = uniforms(key, index, cohort, 1, Purpose.ROUND_TERMS_MORE)  # when in a quarter: no knife edges
    money, burn = ventures.cash[v] / ventures.burn[v] + moment - 0.5, 1.0
    typical = log(rules.closes / (1.0 - rules.closes))
    rounds, fails, last, tries = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    a = b = c = d = 0.0
    for t in range(1, age + 1):
        money -= burn
        if (
            fails < rules.patience
            and money < rules.short_runway * burn
            and (fails == 0 or (t - last) % rules.retry == 0)
        ):
            if tries % 4 == 0:
                a, b, c, d = uniforms(key, index, cohort, 2 + tries // 4, Purpose.ROUND_TERMS_MORE)
            u = a if tries % 4 == 0 else b if tries % 4 == 1 else c if tries % 4 == 2 else d
            tries += 1
            promise = (early if rounds == 0 else late) - rules.distrust * fails
            odds = typical + rules.selective[FundKind.MARKET] * promise
            if u * (1.0 + exp(-odds)) < 1.0:
                rounds, fails, last = rounds + 1, np.int64(0), np.int64(t)
                money, burn = runway + moment - 0.5, 1.0
            else:
                fails += 1
                if fails <= rules.burn_cuts:
                    burn *= rules.burn_cut
        if money < 0.0:
            return np.int64(-1), fails, age - last, money, burn
    return rounds, fails, age - last, money, burn


@kernel
def gain_since_round(key, rules, ventures, v, index, cohort, founded, since, age):
    """What the latent log value of a venture of the start has gained since its last round, `since` quarters ago: a walk
    that is known at both ends, its founding (founded: log of its value then) `age` quarters ago and now, has a mean on
    the line between them and a spread of its own. A firm that would have come farther than the step-up it waits for
    has raised on the way: it stands anywhere on the way to the next."""
    _, u, _, w = uniforms(key, index, cohort, 1, Purpose.ROUND_TERMS_MORE)
    part = min(1.0, since / max(np.int64(1), age))
    spread = rules.value_volatility[ventures.stage[v]] * np.sqrt(since * (1.0 - part))
    gain = part * (ventures.log_value[v] - founded) + spread * normal(u)
    return ventures.goal[v] * w if gain > ventures.goal[v] else gain


@kernel
def give_history(key, rules, ventures, v, index, cohort, first, since, age, private):
    """A venture of the starting population has the rounds behind it that its value at the last one speaks for, held by
    others; the last one was `since` quarters ago.

    first: log of its latent value when it was founded, `age` quarters ago, at which its first round is taken to have
    been. private: log index of private pricing at the start, which its rounds are taken to have been priced at too."""
    ventures.stage[v] = max(np.int64(Stage.ANGEL), stage_behind(rules, exp(ventures.log_value[v])))
    ventures.goal[v] = rules.step_up[ventures.stage[v]]
    gain = gain_since_round(key, rules, ventures, v, index, cohort, first, since, age)
    stage = max(np.int64(Stage.ANGEL), stage_behind(rules, exp(ventures.log_value[v] - gain)))
    ventures.stage[v] = stage
    ventures.goal[v] = rules.step_up[stage]
    value = exp(ventures.log_value[v] - gain + private)
    sold = 1.0
    for s in range(1, stage + 1):
        sold *= 1.0 - rules.dilution[s]
    share = 1.0 - sold
    issue_class(key, rules, ventures, v, index, cohort, stage, share * value, (1.0 - share) * value, -since)
    ventures.rounds[v] = stage
    ventures.last_post[v] = value
    ventures.first_post[v] = min(value, exp(first + private) / (1.0 - rules.dilution[1]))
    ventures.raised[v] = share * value
    amount = rules.dilution[stage] * value
    ventures.burn[v] = amount / rules.runway[stage]


@kernel
def spread_cash(key, rules, ventures, v, index, cohort):
    """Firms that moved in before the start stand anywhere between two rounds."""
    _, _, u, w = uniforms(key, index, cohort, 0, Purpose.ROUND_TERMS_MORE)
    if ventures.stage[v] > 0:
        ventures.cash[v] = ventures.burn[v] * rules.runway[ventures.stage[v]] * u
        ventures.last_round[v] = -np.int64(8.0 * w)


@kernel
def open_at_start(key, rules, firms, ventures, market, tally, scratch):
    """Firms that stand at the start beyond a level whose entrants may take investors in have had the choice too. The
    first attempt of those that chose so went as a typical candidate's does, by promise: a round behind them, at the
    stage and price of today, held by others. Where it failed they will try again."""
    r = rules.rounds
    slots = tally.counts[Count.FIRM_SLOTS]
    m = market.multiple[0]
    for level in range(rules.ladders.levels):
        if rules.ladders.opened[level] <= 0.0:
            continue
        n = holders_of(firms.held, bit(level), slots, scratch.good, scratch.list)
        opened = open_capital(key, r, firms, ventures, tally, scratch.list, n, rules.ladders.opened[level], m, 0)
        for k in range(opened):
            slot = np.int64(scratch.list[k])
            v = np.int64(firms.venture[slot])
            index, cohort = np.int64(firms.index[slot]), np.int64(firms.cohort[slot])
            value = exp(ventures.log_value[v] + market.private[0])
            stage = next_stage(r, ventures, v, exp(ventures.log_value[v]), np.int64(Stage.PRE_IPO))
            promise = ventures.log_value[v] - r.centre[stage]
            odds = log(r.closes / (1.0 - r.closes)) + r.selective[FundKind.MARKET] * promise
            _, u, _, _ = uniforms(key, index, cohort, 0, Purpose.OPENS_CAPITAL)
            if u >= logistic(odds):
                ventures.fails[v] = 1
                continue
            amount = r.dilution[stage] * value
            ventures.stage[v] = stage
            ventures.rounds[v] = 1
            ventures.first_post[v] = value
            ventures.last_post[v] = value
            ventures.raised[v] = amount
            ventures.burn[v] = amount / r.runway[stage]
            ventures.goal[v] = r.step_up[stage]
            spread_cash(key, r, ventures, v, index, cohort)
            closed = np.int64(ventures.last_round[v])
            issue_class(key, r, ventures, v, index, cohort, stage, amount, value - amount, closed)


@inlined
def is_venture(rules, word, source):
    """Whether a firm is of the kind that seeks equity finance; word: scratch.word1 after put_firms."""
    return unit(np.uint64(word)) < rules.venture_share[source]


@kernel
def grow_before(rules, firms, slot, log_value, age):
    """Sales of a backed firm of the start have grown into its value since its first money; the value came to be on the
    way, so half of that time counts. Its filed accounts are scaled with them."""
    quarters = 0.5 * max(0.0, age - rules.founder_runway)
    factor = exp(grow_into_value(rules, firms, slot, log_value, 1.0 - (1.0 - rules.grows_into) ** quarters))
    firms.revenue_last[slot] *= factor
    firms.revenue_before[slot] *= factor
    firms.profit_last[slot] *= factor
    firms.value_last[slot] *= factor


@kernel
def fill_at_start(key, rules, firms, ventures, market, tally, scratch):
    """The starting population: firms of many ages, some of them ventures with rounds behind them."""
    source = np.int64(Source.ORGANIC)
    cohort = cohort_of(-1, source)
    for first in range(0, rules.firms.initial, TILE):
        n = min(TILE, rules.firms.initial - first)
        number_words(
            key,
            first,
            cohort,
            0,
            np.int64(Purpose.INITIAL),
            scratch.word0[:n],
            scratch.word1[:n],
            scratch.word2[:n],
            scratch.word3[:n],
        )
        draw_births(scratch.word0[:n], rules.firms.initial_age, scratch.born[:n])
        for k in range(n):
            grown = rules.firms.initial_growth * min(-0.25 * scratch.born[k], 20.0)
            scratch.size[k] = rules.firms.entry_log_median[source] + grown
        # a tile is placed in a millisecond: whoever wishes this world to stop is heard here, not after the last firm
        if tally.counts[Count.STATUS] != Status.OK or not put_firms(
            key,
            rules.firms,
            firms,
            market,
            tally,
            scratch,
            first,
            n,
            cohort,
            source,
            0,
            rules.firms.initial_log_sd,
        ):
            return
        for k in range(n):
            age = -scratch.born[k]
            if age <= rules.rounds.oldest_venture and is_venture(rules.firms, scratch.word1[k], source):
                slot = scratch.slot[k]
                value = first_value(key, rules.rounds, firms, slot, source)
                v = put_venture(key, rules.rounds, firms, ventures, tally, slot, 0, value, -1)
                if v < 0:
                    return
                age_value(key, rules.rounds, ventures, v, first + k, cohort, 0.25 * age)
                rounds, fails, since, money, burn = tried_before(
                    key, rules.rounds, ventures, v, first + k, cohort, value, np.int64(age)
                )
                if rounds < 0:
                    firms.venture[slot] = -1
                    release_venture(ventures, tally, v)
                    continue
                if rounds > 0:
                    give_history(
                        key,
                        rules.rounds,
                        ventures,
                        v,
                        first + k,
                        cohort,
                        value,
                        since,
                        np.int64(age),
                        market.private[0],
                    )
                    grow_before(rules.rounds, firms, slot, ventures.log_value[v], np.int64(age))
                ventures.cash[v] = ventures.burn[v] * money
                ventures.burn[v] *= burn
                ventures.fails[v] = fails
                ventures.last_round[v] = -since
    tally.counts[Count.INITIAL] = tally.counts[Count.EVER]


@kernel
def admit_entrants(key, rules, firms, ventures, market, tally, scratch, quarter):
    """Founders of the quarter, in the open and in incubators. Entrant k of quarter q is the same firm in every
    scenario."""
    for source in range(2):
        n = entrants_of(key, rules.firms, source, quarter)
        cohort = cohort_of(quarter, source)
        for first in range(0, n, TILE):
            m = min(TILE, n - first)
            scratch.born[:m] = quarter
            scratch.size[:m] = rules.firms.entry_log_median[source]
            if not put_firms(
                key,
                rules.firms,
                firms,
                market,
                tally,
                scratch,
                first,
                m,
                cohort,
                source,
                quarter,
                rules.firms.entry_log_sd[source],
            ):
                return
            for k in range(m):
                if is_venture(rules.firms, scratch.word1[k], source):
                    slot = scratch.slot[k]
                    value = first_value(key, rules.rounds, firms, slot, source)
                    if put_venture(key, rules.rounds, firms, ventures, tally, slot, quarter, value, -1) < 0:
                        return
        tally.counts[Count.ENTERED] += n
        tally.counts[Count.ENTERED_ORGANIC + source] += n


@kernel
def land_firm(key, rules, firms, ventures, holdings, funds, market, tally, events, scratch, fund, index, quarter, age):
    """One firm moves in with an investment of the attraction fund (资本招商): firm, venture, a first round at its
    value and the market's price. age: how many quarters before the start it came; 0: it comes now. The value of one
    that came before has moved since, and its last round is taken to have been a later one, of the same investors, at
    the value of then."""
    cohort = cohort_of(quarter if age == 0 else -1, np.int64(Source.ATTRACTED))
    _, b, c, _ = uniforms(key, index, cohort, 0, Purpose.ATTRACTION)
    ticket = min(
        rules.attraction.ticket * exp(rules.attraction.ticket_sd * normal(b)),
        dry_powder(funds, fund, True),
    )
    if ticket < 0.2 * rules.attraction.ticket:
        return
    slot = put_firm(
        key,
        rules.firms,
        firms,
        market,
        tally,
        scratch,
        index,
        cohort,
        np.int64(Source.ATTRACTED),
        quarter,
        age + np.int64(4.0 * rules.attraction.age * c),
        rules.firms.entry_log_median[Source.ATTRACTED],
        rules.firms.entry_log_sd[Source.ATTRACTED],
    )
    if slot < 0:
        return
    value = first_value(key, rules.rounds, firms, slot, np.int64(Source.ATTRACTED))
    v = put_venture(key, rules.rounds, firms, ventures, tally, slot, quarter, value, -1)
    if v < 0:
        return
    pre = max(exp(value + market.private[quarter]), 3.0 * ticket)
    scratch.list[0] = fund
    scratch.cheque[0] = ticket
    total = max(ticket, rules.rounds.dilution[Stage.A] * pre / (1.0 - rules.rounds.dilution[Stage.A]))
    close_round(
        key,
        rules.rounds,
        firms,
        ventures,
        holdings,
        funds,
        tally,
        events,
        scratch,
        v,
        np.int64(Stage.A),
        pre,
        total,
        np.int64(1),
        np.int64(quarter),
    )
    tally.counts[Count.ATTRACTED_ALIVE] += 1
    tally.counts[Count.ENTERED_ATTRACTED] += 1
    tally.money[Cash.ATTRACTION_SPENT] += ticket
    if age > 0:
        before = ventures.log_value[v]
        age_value(key, rules.rounds, ventures, v, index, cohort, 0.25 * age)
        spread_cash(key, rules.rounds, ventures, v, index, cohort)
        closed = np.int64(ventures.last_round[v])
        date_right(ventures, v, closed, quarter)
        date_positions(ventures, holdings, v, closed)
        since = -closed
        gain = gain_since_round(key, rules.rounds, ventures, v, index, cohort, before, since, np.int64(age))
        grown = exp(max(0.0, ventures.log_value[v] - before - gain))
        ventures.last_post[v] *= grown
        ventures.cash[v] *= grown
        ventures.burn[v] *= grown
    else:
        tally.counts[Count.ENTERED] += 1
        tally.rounds[Stage.A] += 1
        tally.raised[Stage.A] += total


@kernel
def attraction_fund(funds, tally):
    for f in range(tally.counts[Count.FUNDS]):
        if funds.kind[f] == FundKind.ATTRACTION:
            return f
    return -1


@kernel
def attract_firms(key, rules, firms, ventures, holdings, funds, market, tally, events, scratch, quarter):
    """Offers of investment to firms elsewhere: they arrive, some accept, and each that does costs a ticket of the
    fund."""
    r = rules.attraction
    fund = attraction_fund(funds, tally)
    if fund < 0:
        return
    if quarter == 0:
        for k in range(r.initial):
            u = uniform(key, k, 0, 0, Purpose.ATTRACTION)
            land_firm(
                key,
                rules,
                firms,
                ventures,
                holdings,
                funds,
                market,
                tally,
                events,
                scratch,
                fund,
                np.int64(k),
                np.int64(0),
                1 + np.int64(4.0 * r.initial_years * u),
            )
        tally.counts[Count.INITIAL] = tally.counts[Count.EVER]
    if quarter < r.first or quarter >= r.until:
        return
    offers = poisson(uniform(key, 0, 1, quarter, Purpose.ATTRACTION), 0.25 * r.offers)
    for k in range(offers):
        if uniform(key, k + 1, 2, quarter, Purpose.ATTRACTION) < r.accepts:
            land_firm(
                key,
                rules,
                firms,
                ventures,
                holdings,
                funds,
                market,
                tally,
                events,
                scratch,
                fund,
                np.int64(k),
                np.int64(quarter),
                np.int64(0),
            )


@kernel
def direct_fund(funds, tally):
    for f in range(tally.counts[Count.FUNDS]):
        if funds.kind[f] == FundKind.DIRECT:
            return f
    return -1


@kernel
def fund_of_class(funds, tally, group):
    """The first fund of a class, or -1."""
    for f in range(tally.counts[Count.FUNDS]):
        if funds.group[f] == group:
            return np.int64(f)
    return np.int64(-1)


@kernel
def known_cheques(r, funds, tally, scratch, i, n):
    """What funds of the scenario are known to have paid in round i of a named firm, as far as their commitments reach;
    written behind the n cheques there are. Returns how many there are then. A fund with tranches too paid from its
    commitment: what it had paid in by then is in its books, which are taken over later."""
    for j in range(r.first_investor[i], r.first_investor[i + 1]):
        f = fund_of_class(funds, tally, r.investor[j])
        if f >= 0 and n < scratch.cheque.shape[0] - 1:
            left = funds.cash[f] - funds.need[f] + funds.commitment[f] - funds.called[f]
            cheque = min(r.invested[j], left)
            if cheque > 0.0:
                scratch.list[n] = f
                scratch.cheque[n] = cheque
                n += 1
    return n


@inlined
def date_right(ventures, v, closed, quarter):
    """The redemption right of the class just issued is as old as a round of the quarter `closed`."""
    c = np.int64(ventures.classes[v] - 1)
    if ventures.class_redemption[v, c] >= 0:
        due = np.int64(ventures.class_redemption[v, c])
        gives_redemption(ventures, v, c, max(np.int64(quarter), due - quarter + closed))


@kernel
def date_round(ventures, v, closed, following, quarter):
    """A round that closed before the quarter in which the firm enters: its money has been burning until the round that
    follows (or until now), and its redemption right is that much older. A firm that is known to live has a year's
    money left, wherever that came from."""
    ventures.last_round[v] = closed
    burnt = ventures.burn[v] * max(np.int64(0), np.int64(following) - closed)
    ventures.cash[v] = max(min(ventures.cash[v], 4.0 * ventures.burn[v]), ventures.cash[v] - burnt)
    date_right(ventures, v, closed, quarter)


@kernel
def date_positions(ventures, holdings, v, closed):
    """Positions bought in the round just written are as old as it."""
    c = ventures.classes[v] - 1
    h = ventures.first_holding[v]
    while h >= 0:
        if holdings.share_class[h] == c:
            holdings.bought[h] = closed
            holdings.since[h] = closed
        h = holdings.next[h]


@kernel
def issue_ordinary(ventures, v, shares):
    """Founders, then the pool, part with shares that have no preference, as a class of its own. Returns the class and
    how many there are; fewer than asked where both have less, none where the firm has no room for another class."""
    given = min(shares, 0.999 * (ventures.founders[v] + ventures.pool[v]))
    c = np.int64(ventures.classes[v])
    if c >= MAX_CLASSES - 1 or given <= 0.0:
        return c, 0.0
    from_founders = min(given, 0.999 * ventures.founders[v])
    ventures.founders[v] -= from_founders
    ventures.pool[v] -= given - from_founders
    ventures.class_shares[v, c] = given
    ventures.class_price[v, c] = ventures.last_post[v] / ventures.shares[v]
    ventures.class_conversion[v, c] = 1.0
    ventures.class_preference[v, c] = 0.0
    ventures.class_seniority[v, c] = ventures.class_seniority[v, c - 1] if c > 0 else 0.0
    ventures.class_participating[v, c] = 0
    ventures.class_cap[v, c] = np.inf
    ventures.class_antidilution[v, c] = 0
    ventures.class_redemption[v, c] = -1
    ventures.class_rate[v, c] = 0.0
    ventures.class_last[v, c] = 0
    ventures.classes[v] = c + 1
    return c, given


@kernel
def shares_of_fund(ventures, holdings, v, f):
    """(shares of the venture as converted, cost) of a fund's positions."""
    shares = 0.0
    cost = 0.0
    h = ventures.first_holding[v]
    while h >= 0:
        if holdings.fund[h] == f:
            shares += holdings.shares[h] * ventures.class_conversion[v, holdings.share_class[h]]
            cost += holdings.cost[h]
        h = holdings.next[h]
    return shares, cost


@kernel
def held_by_funds(ventures, holdings, v, c):
    """Shares of a class that funds hold."""
    held = 0.0
    h = ventures.first_holding[v]
    while h >= 0:
        if holdings.fund[h] >= 0 and holdings.share_class[h] == c:
            held += holdings.shares[h]
        h = holdings.next[h]
    return held


@kernel
def fit_oldest(ventures, holdings, v, f, more):
    """A fund's positions in a venture come to hold `more` shares as converted (fewer where it is negative), the oldest
    class first: what the last round sold is known, what later rounds left of older classes is not. The shares come
    from other holders of the class, or go to them."""
    for c in range(ventures.classes[v]):
        h = ventures.first_holding[v]
        while h >= 0:
            if holdings.fund[h] == f and holdings.share_class[h] == c:
                free = max(0.0, ventures.class_shares[v, c] - held_by_funds(ventures, holdings, v, c))
                change = min(max(more / ventures.class_conversion[v, c], -holdings.shares[h]), free)
                holdings.shares[h] += change
                more -= change * ventures.class_conversion[v, c]
            h = holdings.next[h]


@kernel
def hold_as_booked(r, funds, ventures, holdings, tally, k, v):
    """Funds hold of a named firm what their own books say: so much of the whole firm, at such a cost and value.

    More than their rounds left them comes from other holders of the same classes, as far as there are any; shares for
    which they paid beside the rounds, and what other holders do not have, are ordinary shares of the founders. Fewer:
    they have sold to others. What they paid beside the rounds went to other holders, so that others have put
    that much less into the firm."""
    for j in range(r.first_holder[k], r.first_holder[k + 1]):
        f = fund_of_class(funds, tally, r.holder[j])
        if f < 0:
            continue
        have, paid = shares_of_fund(ventures, holdings, v, f)
        want = r.held_share[j] * ventures.shares[v]
        beside = r.held_cost[j] - paid
        bought = beside > 1e-6 * r.held_cost[j]
        if have > 0.0 and (want < have or not bought):
            fit_oldest(ventures, holdings, v, f, want - have)
            have, paid = shares_of_fund(ventures, holdings, v, f)
        ordinary = np.int64(-1)
        if want - have > 1e-9 * ventures.shares[v]:
            c, shares = issue_ordinary(ventures, v, want - have)
            if shares > 0.0:
                ordinary = tally.counts[Count.HOLDINGS]
                add_holding(holdings, ventures, tally, f, v, c, shares, 0.0, 1, 0, funds.load[f])
                if tally.counts[Count.STATUS] != Status.OK:
                    return
                holdings.bought[ordinary] = ventures.last_round[v]
                holdings.since[ordinary] = ventures.last_round[v]
        have, paid = shares_of_fund(ventures, holdings, v, f)
        if have <= 0.0:
            continue
        h = ventures.first_holding[v]
        while h >= 0:
            if holdings.fund[h] == f:
                if ordinary >= 0 and bought:
                    more = beside if h == ordinary else 0.0
                else:
                    part = holdings.cost[h] / paid if paid > 0.0 else 1.0 / have * holdings.shares[h]
                    more = part * beside
                holdings.cost[h] += more
                if not holdings.first[h]:
                    funds.followed[f] += more
                holdings.called[h] = holdings.cost[h] * funds.load[f]
                holdings.balance[h] = holdings.called[h]
                if r.held_value[j] >= 0.0:
                    worth = have / ventures.shares[v] * ventures.last_post[v]
                    holdings.mark[h] = max(1e-12, r.held_value[j] / worth)
            h = holdings.next[h]
        funds.need[f] += beside
        funds.invested[f] += beside
        tally.money[Cash.FROM_FUNDS] += beside
        tally.money[Cash.FROM_OTHERS] -= beside
        if funds.kind[f] == FundKind.DIRECT:
            tally.money[next_of(np.int64(k)) + Next.ZONE_PAID] += beside


@kernel
def certify_named(r, firms, ventures, ladder, tally):
    """Named firms of the start hold the certificates that they are known to hold, since their dates."""
    for v in range(tally.counts[Count.VENTURE_SLOTS]):
        k = ventures.named[v]
        if ventures.alive[v] == 0 or k < 0:
            continue
        slot = ventures.firm[v]
        for j in range(r.first_certificate[k], r.first_certificate[k + 1]):
            mark = np.int64(1) << r.level[j]
            if firms.held[slot] & mark == 0:
                firms.held[slot] |= mark
                firms.since[r.level[j], slot] = r.since[j]
                firms.renewals[r.level[j], slot] = 0
                ladder.stock[r.level[j]] += 1


@kernel
def place_named(key, rules, firms, ventures, holdings, funds, market, tally, events, scratch, quarter):
    """Named firms enter with what is published of their rounds up to the start; what is not published is drawn."""
    r = rules.named
    backer = direct_fund(funds, tally)
    for k in range(r.count):
        if r.enters[k] != quarter:
            continue
        cohort = cohort_of(-1, np.int64(Source.NAMED))
        slot = put_firm(
            key,
            rules.firms,
            firms,
            market,
            tally,
            scratch,
            k,
            cohort,
            np.int64(Source.NAMED),
            quarter,
            r.age[k],
            r.log_revenue[k],
            0.0,
        )
        if slot < 0:
            return
        firms.sector[slot] = r.sector[k]
        firms.log_revenue[slot] = r.log_revenue[k]
        file_as_stated(rules.firms, firms, market, slot, quarter, (rules.phase + quarter) % 4 if quarter > 0 else 0)
        first = r.first_round[k]
        v = put_venture(key, rules.rounds, firms, ventures, tally, slot, quarter, log(r.post[first]), k)
        if v < 0:
            return
        if quarter > 0:
            tally.counts[Count.ENTERED] += 1
        else:
            tally.counts[Count.INITIAL] += 1
        ventures.given[v] = 1 if r.first_holder[k + 1] > r.first_holder[k] else 0
        for i in range(first, r.first_round[k + 1]):
            n = 0
            if backer >= 0 and r.direct_share[i] > 0.0:
                cheque = min(r.direct_share[i] * r.amount[i], dry_powder(funds, backer, True))
                if cheque > 0.0:
                    scratch.list[0] = backer
                    scratch.cheque[0] = cheque
                    n = 1
            n = known_cheques(r, funds, tally, scratch, i, n)
            close_round(
                key,
                rules.rounds,
                firms,
                ventures,
                holdings,
                funds,
                tally,
                events,
                scratch,
                v,
                r.stage[i],
                r.post[i] - r.amount[i],
                r.amount[i],
                np.int64(n),
                np.int64(quarter),
            )
            following = r.closed[i + 1] if i + 1 < r.first_round[k + 1] else np.int64(quarter)
            date_round(ventures, v, r.closed[i], following, quarter)
            date_positions(ventures, holdings, v, r.closed[i])
        ventures.given[v] = 0
        tally.money[next_of(np.int64(k)) + Next.SHARES] = 0.0  # its known rounds are none of the next
        tally.money[next_of(np.int64(k)) + Next.PAID] = 0.0
        hold_as_booked(r, funds, ventures, holdings, tally, k, v)
        ventures.log_value[v] = log(ventures.last_post[v]) - market.private[quarter]
        if tally.counts[Count.STATUS] != Status.OK:
            return
