"""Ladders: one mechanism for certificates, the listing pipeline, green and smart factories.

A level is held until it expires, is left for another one, or the firm goes. Who may enter a level is data: alternative
sets of conditions on the filed accounts, a level that must be held, a share of the eligible that applies, the odds of
passing by market regime, windows (quarters of the year), a quota, validity and the odds of renewal.
Not modelled: the applicant's cost of applying; the reviewer's memory of an earlier rejection.
"""

from enum import IntEnum

import numpy as np

from sim.model.draws import Purpose, exp, purpose_of, uniforms, uniforms_at
from sim.model.jit import inlined, kernel, note_flags, smallest_first, summing
from sim.model.programmes.effects import raise_odds
from sim.model.rounds.kernel import open_capital
from sim.model.world import MAX_LEVELS, NEVER, TILE, Cash, Count, Source


class Quantity(IntEnum):
    """What conditions can speak of."""

    AGE = 0  # years since founding
    REVENUE = 1  # last filed
    GROWTH = 2  # of the last filed year over the one before
    RD_SHARE = 3  # R&D over revenue
    RD_SPENDING = 4
    PROFIT = 5
    VALUE = 6  # latent value at the present multiple for ventures, else filed revenue at the sector's multiple
    STANDING = 7  # percentile in its niche
    RD_SPENDING_TWO_YEARS = 8
    PROFIT_TWO_YEARS = 9  # years before the last one at the last one's margin; the third year at the same growth
    PROFIT_THREE_YEARS = 10
    REVENUE_THREE_YEARS = 11


QUANTITIES = 12
SELDOM = 0.2  # odds of applying below which a firm's draw is looked at before its accounts
FEW = 4  # a tile of which less than one firm in so many may meet a level's conditions is gone through firm by firm


@inlined
def bit(level):
    return np.int64(1) << np.int64(level)


@inlined
def value_of(firms, ventures, slot, listed_log_multiple):
    """Value of the whole firm at present listed multiples, yuan."""
    v = firms.venture[slot]
    if v >= 0:
        return exp(ventures.log_value[v] + listed_log_multiple)
    return firms.value_last[slot]


@inlined
def measure(firms, ventures, slot, what, quarter, listed_log_multiple):
    """One quantity of one firm, in the units of Quantity."""
    if what == Quantity.AGE:
        return 0.25 * (quarter - firms.born[slot])
    if what == Quantity.REVENUE:
        return firms.revenue_last[slot]
    if what == Quantity.GROWTH:
        before = firms.revenue_before[slot]
        return firms.revenue_last[slot] / before - 1.0 if before > 0.0 else 0.0
    if what == Quantity.RD_SHARE:
        return firms.rd_share[slot]
    if what == Quantity.RD_SPENDING:
        return firms.rd_share[slot] * firms.revenue_last[slot]
    if what == Quantity.PROFIT:
        return firms.profit_last[slot]
    if what == Quantity.VALUE:
        return value_of(firms, ventures, slot, listed_log_multiple)
    if what == Quantity.STANDING:
        return firms.standing[slot]
    last, before = firms.revenue_last[slot], firms.revenue_before[slot]
    if what == Quantity.RD_SPENDING_TWO_YEARS:
        return firms.rd_share[slot] * (last + before)
    ratio = before / last if last > 0.0 else 0.0
    if what == Quantity.PROFIT_TWO_YEARS:
        return firms.profit_last[slot] * (1.0 + ratio)
    three = 1.0 + ratio + ratio * ratio
    if what == Quantity.PROFIT_THREE_YEARS:
        return firms.profit_last[slot] * three
    return last * three


@inlined
def meets(rules, firms, ventures, slot, level, quarter, listed_log_multiple, awarded_before):
    """Whether the firm meets one of the level's alternative sets of conditions that are in force (where the level has
    no set at all, everybody does). awarded_before: it qualified in an earlier year, if at all, so that what it grew by
    in the year of its accounts says nothing."""
    if rules.set_first[level] == rules.set_last[level]:
        return True
    for s in range(rules.set_first[level], rules.set_last[level]):
        if quarter < rules.set_from[s] or quarter > rules.set_until[s]:
            continue
        good = True
        for c in range(rules.condition_first[s], rules.condition_last[s]):
            if awarded_before and rules.condition_what[c] == Quantity.GROWTH:
                continue
            x = measure(firms, ventures, slot, rules.condition_what[c], quarter, listed_log_multiple)
            if x < rules.condition_low[c] or x > rules.condition_high[c]:
                good = False
                break
        if good:
            return True
    return False


@inlined
def least_asked(rules, level, what, quarter):
    """The least of a quantity that each of the level's sets in force asks for; -inf where one of them asks for none."""
    least = -np.inf if rules.set_first[level] == rules.set_last[level] else np.inf
    for s in range(rules.set_first[level], rules.set_last[level]):
        if rules.set_from[s] <= quarter <= rules.set_until[s]:
            asked = -np.inf
            for c in range(rules.condition_first[s], rules.condition_last[s]):
                if rules.condition_what[c] == what:
                    asked = rules.condition_low[c]
            least = min(least, asked)
    return least


@inlined
def log_level(events, tally, key, firms, slot, level, quarter, what):
    """Note an entry (1), exit (-1), renewal (2) or rejection (-2) where this replication keeps a log."""
    n = tally.counts[Count.LEVEL_EVENTS]
    if n < events.levels.shape[0]:
        events.levels[n, 0] = quarter
        events.levels[n, 1] = firms.cohort[slot]
        events.levels[n, 2] = firms.index[slot]
        events.levels[n, 3] = level
        events.levels[n, 4] = what
        tally.counts[Count.LEVEL_EVENTS] = n + 1


@inlined
def leave_level(key, firms, ladder, events, tally, slot, level, quarter):
    firms.held[slot] &= ~bit(level)
    ladder.stock[level] -= 1
    ladder.left[level] += 1
    log_level(events, tally, key, firms, slot, level, quarter, -1)


@inlined
def enter_level(key, rules, firms, ladder, events, tally, slot, level, quarter):
    """Put a firm on a level; levels that the new one replaces are left."""
    replaced = firms.held[slot] & rules.replaces[level]
    if replaced != 0:
        for other in range(rules.levels):
            if replaced & bit(other):
                leave_level(key, firms, ladder, events, tally, slot, other, quarter)
    firms.held[slot] |= bit(level)
    firms.since[level, slot] = quarter
    firms.renewals[level, slot] = 0
    ladder.stock[level] += 1
    ladder.entered[level] += 1
    log_level(events, tally, key, firms, slot, level, quarter, 1)


@inlined
def eligible(rules, firms, ventures, slot, level, quarter, listed_log_multiple):
    """Whether a live firm may apply now for a level that requires another one."""
    needed = rules.requires[level]
    if firms.held[slot] & rules.barred[level] or firms.held[slot] & bit(needed) == 0:
        return False
    if quarter - firms.since[needed, slot] < rules.wait[level]:
        return False
    return meets(rules, firms, ventures, slot, level, quarter, listed_log_multiple, False)


@kernel
def flag_holders(held, mask, flags):
    for i in range(flags.shape[0]):
        flags[i] = 1 if held[i] & mask else 0


@kernel
def flag_expired(held, mask, since, oldest, flags):
    for i in range(flags.shape[0]):
        flags[i] = 1 if (held[i] & mask != 0) & (since[i] <= oldest) else 0


@kernel
def holders_of(held, mask, n, flags, out):
    """Write into out the slots below n that hold a level of mask, in order; returns how many. flags: room for a
    tile."""
    found = np.int64(0)
    for a in range(0, n, TILE):
        b = min(a + TILE, n)
        flag_holders(held[a:b], mask, flags[: b - a])
        found = note_flags(flags[: b - a], a, out, found)
    return found


@kernel
def expired(held, mask, since, oldest, n, flags, out):
    """Write into out the slots below n that hold a level of mask, dated from quarter `oldest` or before; returns how
    many. flags: room for a tile."""
    found = np.int64(0)
    for a in range(0, n, TILE):
        b = min(a + TILE, n)
        flag_expired(held[a:b], mask, since[a:b], oldest, flags[: b - a])
        found = note_flags(flags[: b - a], a, out, found)
    return found


@kernel
def may_ask(alive, held, revenue, born, barred, least, latest, asking):
    """1 where a live firm with the least revenue, born in quarter `latest` or before, holds no level of barred."""
    for i in range(asking.shape[0]):
        there = (alive[i] != 0) & (held[i] & barred == 0)
        asking[i] = 1 if there & (revenue[i] >= least) & (born[i] <= latest) else 0


@summing
def how_many(flags):
    n = np.int64(0)
    for i in range(flags.shape[0]):
        n += flags[i]
    return n


@kernel
def within(x, low, high, good):
    for i in range(good.shape[0]):
        good[i] &= 1 if (x[i] >= low) & (x[i] <= high) else 0


@kernel
def within_both(x, low, high, y, least, most, good):
    for i in range(good.shape[0]):
        good[i] &= 1 if (x[i] >= low) & (x[i] <= high) & (y[i] >= least) & (y[i] <= most) else 0


@kernel
def within_age(born, quarter, low, high, good):
    for i in range(good.shape[0]):
        age = 0.25 * (quarter - born[i])
        good[i] &= 1 if (age >= low) & (age <= high) else 0


@kernel
def within_value(venture, value_last, low, high, good):
    """Value of the firms that are no ventures; a venture's is its own, looked up one by one."""
    for i in range(good.shape[0]):
        good[i] &= 1 if (venture[i] >= 0) | ((value_last[i] >= low) & (value_last[i] <= high)) else 0


@kernel
def copy_flags(flags, out):
    for i in range(out.shape[0]):
        out[i] = flags[i]


@kernel
def join_flags(flags, out):
    for i in range(out.shape[0]):
        out[i] |= flags[i]


@inlined
def is_column(what):
    """Whether the quantity is kept as a column of firms, as a number."""
    return what == Quantity.REVENUE or what == Quantity.RD_SHARE or what == Quantity.PROFIT or what == Quantity.STANDING


@inlined
def column_of(what, revenue, rd_share, profit, standing):
    if what == Quantity.REVENUE:
        return revenue
    if what == Quantity.RD_SHARE:
        return rd_share
    if what == Quantity.PROFIT:
        return profit
    return standing


@kernel
def keep_good(rules, firms, ventures, c, a, b, quarter, log_multiple, good, room):
    """Clear good[i] where firm a + i does not meet condition c. room: for a list of them."""
    what, low, high = rules.condition_what[c], rules.condition_low[c], rules.condition_high[c]
    if what == Quantity.AGE:
        within_age(firms.born[a:b], quarter, low, high, good)
    elif is_column(what):
        x = column_of(what, firms.revenue_last, firms.rd_share, firms.profit_last, firms.standing)
        within(x[a:b], low, high, good)
    else:
        if what == Quantity.VALUE:
            within_value(firms.venture[a:b], firms.value_last[a:b], low, high, good)
        left = note_flags(good, np.int64(0), room, np.int64(0))
        for k in range(left):
            i = room[k]
            x = measure(firms, ventures, a + i, what, quarter, log_multiple)
            good[i] = 1 if (x >= low) & (x <= high) else 0


@kernel
def keep_both(rules, firms, c, d, a, b, good):
    """`keep_good` for two conditions on columns at once."""
    revenue, rd_share, profit, standing = firms.revenue_last, firms.rd_share, firms.profit_last, firms.standing
    x = column_of(rules.condition_what[c], revenue, rd_share, profit, standing)
    y = column_of(rules.condition_what[d], revenue, rd_share, profit, standing)
    low, high = rules.condition_low[c], rules.condition_high[c]
    within_both(x[a:b], low, high, y[a:b], rules.condition_low[d], rules.condition_high[d], good)


@kernel
def who_qualifies(
    key, rules, firms, ventures, scratch, level, barred, quarter, log_multiple, slots, most, out, awarded_before
):
    """Slots of the live firms that hold no level of barred and meet a set of the level's conditions that is in force
    (where the level has no set at all, everybody does): condition by condition over a tile, or, where few firms have
    the revenue and the value that each of the sets asks for, firm by firm. Returns how many.

    most: odds of applying that no firm exceeds. Where they are small, firms that are gone through one by one are
    judged after their draw of the window (the one that `admit` looks at), and only those that may apply by it."""
    n = 0
    purpose = purpose_of(Purpose.LADDER, rules.address[level])
    first, last = rules.set_first[level], rules.set_last[level]
    revenue = least_asked(rules, level, np.int64(Quantity.REVENUE), quarter)
    value = least_asked(rules, level, np.int64(Quantity.VALUE), quarter)
    age = least_asked(rules, level, np.int64(Quantity.AGE), quarter)
    latest = np.int64(np.floor(quarter - 4.0 * age)) if age > -np.inf else np.int64(NEVER)
    for a in range(0, slots, TILE):
        b = min(a + TILE, slots)
        asking, one, good = scratch.asking[: b - a], scratch.one[: b - a], scratch.good[: b - a]
        held, filed, born = firms.held[a:b], firms.revenue_last[a:b], firms.born[a:b]
        may_ask(firms.alive[a:b], held, filed, born, barred, revenue, latest, asking)
        if value > -np.inf:
            within_value(firms.venture[a:b], firms.value_last[a:b], value, np.inf, asking)
        if FEW * how_many(asking) < b - a:
            left = note_flags(asking, a, scratch.order, np.int64(0))
            if most < SELDOM:
                uniforms_at(key, firms, scratch.order, left, quarter, purpose, 0, scratch, scratch.score)
                left = below(scratch.score, most, scratch.order, left, scratch.order, scratch.score)
            for k in range(left):
                slot = np.int64(scratch.order[k])
                out[n] = slot
                n += 1 if meets(rules, firms, ventures, slot, level, quarter, log_multiple, awarded_before) else 0
            continue
        if first == last:
            copy_flags(asking, good)
        else:
            good[:] = 0
        for s in range(first, last):
            if quarter < rules.set_from[s] or quarter > rules.set_until[s]:
                continue
            copy_flags(asking, one)
            waits = np.int64(-1)  # a condition on a column, for the next one to be gone through with
            for c in range(rules.condition_first[s], rules.condition_last[s]):
                what = rules.condition_what[c]
                if awarded_before and what == Quantity.GROWTH:
                    continue
                asked = age if what == Quantity.AGE else revenue if what == Quantity.REVENUE else -np.inf
                if rules.condition_low[c] <= asked and rules.condition_high[c] == np.inf:
                    continue  # nobody who asks lacks it
                if not is_column(what):
                    keep_good(rules, firms, ventures, c, a, b, quarter, log_multiple, one, scratch.order)
                elif waits < 0:
                    waits = np.int64(c)
                else:
                    keep_both(rules, firms, waits, c, a, b, one)
                    waits = np.int64(-1)
            if waits >= 0:
                keep_good(rules, firms, ventures, waits, a, b, quarter, log_multiple, one, scratch.order)
            join_flags(one, good)
        n = note_flags(good, a, out, n)
    return n


@kernel
def below(uniform_numbers, odds, slots, n, out, score):
    """Those of slots[:n] whose draw is below the odds, with their draws in score."""
    found = 0
    for k in range(n):
        u = uniform_numbers[k]
        out[found] = slots[k]
        score[found] = u
        found += 1 if u < odds else 0
    return found


@kernel
def fall_back(key, rules, firms, ladder, events, tally, slot, level, quarter):
    """Withdrawal or rejection: the firm leaves the level, back to the one the rules name (or to none)."""
    leave_level(key, firms, ladder, events, tally, slot, level, quarter)
    lower = rules.falls_to[level]
    if lower >= 0 and firms.held[slot] & bit(lower) == 0:
        enter_level(key, rules, firms, ladder, events, tally, slot, lower, quarter)


@inlined
def quota_of(rules, level, quarter):
    """Most awards of a window; -1 where there is no limit."""
    quota = rules.quota[level]
    for d in range(rules.quota_from.shape[1]):
        if quarter >= rules.quota_from[level, d]:
            quota = rules.quota_most[level, d]
    return quota


@kernel
def hurry_promised(rules, firms, ventures, candidates, n, level, score):
    """A firm that has given investors a right to be bought out if it is not listed applies with odds of its own: its
    draw in score[:n] is scaled so that those of the others fit it."""
    scale = rules.apply[level] / max(rules.promised[level], 1e-12)
    for k in range(n):
        v = np.int64(firms.venture[candidates[k]])
        if v >= 0 and ventures.redeems_from[v] < NEVER:
            score[k] *= scale


@kernel
def admit(
    key,
    rules,
    programmes,
    firms,
    ventures,
    ladder,
    events,
    tally,
    scratch,
    candidates,
    n,
    level,
    quarter,
    asks,
    odds,
    m,
):
    """Applications of one level in one window by candidates[:n], who meet its conditions or hold the level it requires.
    Those who are drawn (and in the second case meet the conditions) are admitted, within the quota in the order of
    their draws. asks: odds of applying, odds: of applying and passing; where the level rejects, those in between fall
    back from the level they came from."""
    purpose = purpose_of(Purpose.LADDER, rules.address[level])
    uniforms_at(key, firms, candidates, n, quarter, purpose, 0, scratch, scratch.score)
    if programmes.boosting[level] != 0:
        raise_odds(key, programmes, firms, candidates, n, level, scratch.score)
    if rules.promised[level] >= 0.0:
        hurry_promised(rules, firms, ventures, candidates, n, level, scratch.score)
    drawn = below(scratch.score, asks if rules.rejects[level] else odds, candidates, n, scratch.list2, scratch.score)
    passed = drawn if rules.requires[level] < 0 else 0
    for k in range(drawn if rules.requires[level] >= 0 else 0):
        slot = scratch.list2[k]
        if eligible(rules, firms, ventures, slot, level, quarter, m):
            if scratch.score[k] >= odds:
                log_level(events, tally, key, firms, slot, level, quarter, -2)
                fall_back(key, rules, firms, ladder, events, tally, slot, rules.requires[level], quarter)
                continue
            scratch.list2[passed] = slot
            scratch.score[passed] = scratch.score[k]
            passed += 1
    quota = quota_of(rules, level, quarter)
    if quota >= 0 and passed > quota:
        smallest_first(scratch.score, passed, quota, scratch.order)
        passed = quota
    else:
        for k in range(passed):
            scratch.order[k] = k
    for k in range(passed):
        slot = scratch.list2[scratch.order[k]]
        scratch.chosen[k] = slot
        enter_level(key, rules, firms, ladder, events, tally, slot, level, quarter)
    return passed


@inlined
def dated_odds(rules, level, quarter):
    """Odds of a re-review by the last date on that has begun; -1 where none has, and a firm's number of renewals
    decides."""
    odds = -1.0
    for d in range(rules.renewal_from.shape[1]):
        if quarter >= rules.renewal_from[level, d]:
            odds = rules.renewal_odds[level, d]
    return odds


@inlined
def passing_odds(rules, level, regime, quarter):
    """Odds of an applicant: those published for the time, else those of the market's regime."""
    for d in range(rules.passes_from.shape[1]):
        if rules.passes_from[level, d] <= quarter < rules.passes_until[level, d]:
            return rules.passes_odds[level, d]
    return rules.passes[level, regime]


@kernel
def review(odds, dated, renewals, uniform_numbers, slots, n, passed, failed):
    """Part slots[:n] into those whose re-review succeeds and those whose does not; returns how many succeed. odds: by
    the number of earlier renewals, where no date decides."""
    last = odds.shape[0] - 1
    good = 0
    for k in range(n):
        slot = slots[k]
        passed[good] = slot
        failed[k - good] = slot
        mark = dated if dated >= 0.0 else odds[min(np.int64(renewals[slot]), last)]
        good += 1 if uniform_numbers[k] < mark else 0
    return good


@kernel
def renew_or_expire(key, rules, firms, ladder, events, tally, scratch, slots, level, quarter):
    """Certificates at the end of their validity are renewed with the odds of the re-review (first, second ...), else
    they lapse. Whether the holder still meets the conditions is part of those odds."""
    oldest = quarter - rules.validity[level]
    due = expired(firms.held, bit(level), firms.since[level], oldest, slots, scratch.good, scratch.chosen)
    purpose = purpose_of(Purpose.LADDER, rules.address[level])
    uniforms_at(key, firms, scratch.chosen, due, quarter, purpose, 1, scratch, scratch.score)
    passed, failed = scratch.list2, scratch.order
    renewals, since = firms.renewals[level], firms.since[level]
    dated = dated_odds(rules, level, quarter)
    good = review(rules.renewal[level], dated, renewals, scratch.score, scratch.chosen, due, passed, failed)
    for k in range(good):
        slot = passed[k]
        since[slot] = quarter
        renewals[slot] += 1
    for k in range(due - good):
        firms.held[failed[k]] &= ~bit(level)
    ladder.stock[level] -= due - good
    ladder.left[level] += due - good
    if events.levels.shape[0] > 0:
        for k in range(good):
            log_level(events, tally, key, firms, passed[k], level, quarter, 2)
        for k in range(due - good):
            log_level(events, tally, key, firms, failed[k], level, quarter, -1)


@kernel
def holders_among(held, mask, barred, slots, n, out):
    """Those of slots[:n] that hold a level of mask and none of barred; returns how many."""
    found = 0
    for k in range(n):
        slot = slots[k]
        out[found] = slot
        found += 1 if (held[slot] & mask != 0) & (held[slot] & barred == 0) else 0
    return found


@kernel
def withdraw(key, rules, firms, ladder, events, tally, scratch, watched, level, quarter, odds):
    """Holders of a level, who are among scratch.list[:watched], withdraw or are rejected with the odds of a quarter."""
    holders = scratch.chosen
    n = holders_among(firms.held, bit(level), np.int64(0), scratch.list, watched, holders)
    purpose = purpose_of(Purpose.LADDER, rules.address[level])
    uniforms_at(key, firms, holders, n, quarter, purpose, 2, scratch, scratch.score)
    for k in range(n):
        if scratch.score[k] < odds:
            fall_back(key, rules, firms, ladder, events, tally, holders[k], level, quarter)


@kernel
def climb_ladders(
    key, rules, programmes, rounds, firms, ventures, market, ladder, events, tally, scratch, quarter, phase
):
    """One quarter of every ladder, from the highest level down (so nobody climbs two steps of one ladder at once).
    programmes: the rules of programmes, whose adopters may have better odds. rounds: the rules of rounds, for
    firms that take investors in on the way.

    Returns how many firms entered a level of rules.listing; their slots stand first in scratch.listed.
    """
    regime = market.regime[quarter]
    m = market.multiple[quarter]
    slots = tally.counts[Count.FIRM_SLOTS]
    now = np.int64(1) << np.int64((phase + quarter) % 4)
    concerned = np.int64(0)  # levels whose holders may withdraw or climb this quarter: few firms hold one
    for level in range(rules.levels):
        if rules.withdraws[level, regime] > 0.0:
            concerned |= bit(level)
        if rules.requires[level] >= 0 and rules.windows[level] & now:
            concerned |= bit(rules.requires[level])
    watched = holders_of(firms.held, concerned, slots, scratch.good, scratch.list)
    for level in range(rules.levels - 1, -1, -1):
        if rules.validity[level] > 0 and rules.windows[level] & now:
            renew_or_expire(key, rules, firms, ladder, events, tally, scratch, slots, level, quarter)
        odds = rules.withdraws[level, regime]
        if odds > 0.0:
            withdraw(key, rules, firms, ladder, events, tally, scratch, watched, level, quarter, odds)
    listed = 0
    for level in range(rules.levels - 1, -1, -1):
        if rules.windows[level] & now == 0:
            continue
        asks = rules.apply[level]
        if rules.scaled[level]:
            asks *= market.window[quarter]
        if rules.requires[level] >= 0:
            needed, barred = bit(rules.requires[level]), rules.barred[level]
            n = holders_among(firms.held, needed, barred, scratch.list, watched, scratch.chosen)
        else:
            barred, chosen = rules.barred[level], scratch.chosen
            hurried = max(1.0, rules.promised[level] / max(rules.apply[level], 1e-12))
            most = 1.0 if programmes.boosting[level] != 0 else asks * hurried * (1.0 + 1e-9)  # room for rounding
            n = who_qualifies(
                key, rules, firms, ventures, scratch, level, barred, quarter, m, slots, most, chosen, False
            )
        odds = asks * passing_odds(rules, level, regime, quarter)
        passed = admit(
            key,
            rules,
            programmes,
            firms,
            ventures,
            ladder,
            events,
            tally,
            scratch,
            scratch.chosen,
            n,
            level,
            quarter,
            asks,
            odds,
            m,
        )
        if rules.listing & bit(level):
            for k in range(passed):
                scratch.listed[listed + k] = scratch.chosen[k]
            listed += passed
        if rules.opens_capital[level] > 0.0:
            chosen, likely = scratch.chosen, rules.opens_capital[level]
            open_capital(key, rounds, firms, ventures, tally, chosen, passed, likely, m, quarter)
    return listed


@kernel
def note_listings(firms, tally, listed, n, quarter):
    """Ages at listing of the firms that are listed this quarter."""
    for k in range(n):
        age = 0.25 * (quarter - firms.born[listed[k]])
        tally.counts[Count.LISTED_AGED] += 1
        tally.money[Cash.LISTING_AGE] += age
        tally.money[Cash.LISTING_AGE_LAST] = age


@inlined
def known_unlisted(rules, firms, slot, level):
    return firms.source[slot] == Source.NAMED and rules.listing & bit(level) != 0


@inlined
def met_below(rules, firms, ventures, slot, level, log_multiple):
    """Whether a firm meets, at the start, the conditions of the levels that lead to this one: on an exclusive ladder it
    holds none of them any more, but it came by them. A firm whose rounds are known is not listed unless that is."""
    if known_unlisted(rules, firms, slot, level):
        return False
    if rules.exclusive[level] == 0:
        return True
    lower = rules.requires[level]
    while lower >= 0:
        if not meets(rules, firms, ventures, slot, lower, 0, log_multiple, True):
            return False
        lower = rules.requires[lower]
    return True


@kernel
def seed_levels(key, rules, firms, ventures, market, ladder, events, tally, scratch):
    """Put the known stock of the start on each level: firms that meet its conditions first, but for growth, which was
    that of the year before their award (on an exclusive ladder also those of the levels below), in the order of their
    draws; where too few do, the largest of the rest. Dates of award are spread over the validity."""
    slots = tally.counts[Count.FIRM_SLOTS]
    m = market.multiple[0]
    for level in range(rules.levels):
        wanted = np.int64(rules.initial[level]) - ladder.stock[level]  # less what named firms hold already
        if wanted <= 0:
            continue
        needed = rules.requires[level]
        out = rules.exclusive[level] | bit(level)
        found = who_qualifies(key, rules, firms, ventures, scratch, level, out, 0, m, slots, 1.0, scratch.list2, True)
        n = 0
        for k in range(found):
            slot = scratch.list2[k]
            scratch.list2[n] = slot
            n += 1 if met_below(rules, firms, ventures, slot, level, m) else 0
        purpose = purpose_of(Purpose.LADDER_INITIAL, rules.address[level])
        uniforms_at(key, firms, scratch.list2, n, 0, purpose, 0, scratch, scratch.score)
        if rules.promised[level] >= 0.0:  # who would have applied before the start
            hurry_promised(rules, firms, ventures, scratch.list2, n, level, scratch.score)
        if needed >= 0 and rules.exclusive[level] == 0:
            for k in range(n):
                scratch.score[k] += 1.0 if firms.held[scratch.list2[k]] & bit(needed) == 0 else 0.0
        if n < wanted:  # too few meet the conditions: the largest of the rest
            for slot in range(slots):
                if firms.alive[slot] == 0 or firms.held[slot] & out or firms.revenue_last[slot] <= 0.0:
                    continue
                if known_unlisted(rules, firms, slot, level):
                    continue
                on_the_list = meets(rules, firms, ventures, slot, level, 0, m, True)
                if on_the_list and met_below(rules, firms, ventures, slot, level, m):
                    continue
                scratch.list2[n] = slot
                scratch.score[n] = 42.0 - firms.log_revenue[slot]
                n += 1
        smallest_first(scratch.score, n, min(wanted, n), scratch.order)
        for k in range(min(wanted, n)):
            slot = scratch.list2[scratch.order[k]]
            firms.held[slot] |= bit(level)
            validity = max(np.int64(1), rules.validity[level])
            _, v, _, _ = uniforms(key, np.int64(firms.index[slot]), np.int64(firms.cohort[slot]), 0, purpose)
            back = np.int64(v * validity)
            firms.since[level, slot] = -back
            firms.renewals[level, slot] = 0
            ladder.stock[level] += 1
    for level in range(MAX_LEVELS):
        ladder.seeded[level] = ladder.stock[level]
        ladder.entered[level] = 0
        ladder.left[level] = 0
