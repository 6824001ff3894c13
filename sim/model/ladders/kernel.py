"""Ladders: one mechanism for certificates, the listing pipeline, green and smart factories.

A level is held until it expires, is left for another one, or the firm goes. Who may enter a level is data: alternative
sets of conditions on the filed accounts, a level that must be held, a share of the eligible that applies, the odds of
passing by market regime, windows (quarters of the year), a quota, validity and the odds of renewal.
Not modelled: the applicant's cost of applying; the reviewer's memory of an earlier rejection.
"""

from enum import IntEnum

import numpy as np

from sim.model.draws import Purpose, exp, uniform, uniforms
from sim.model.jit import inlined, kernel, smallest_first
from sim.model.world import MAX_LEVELS, Count


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


QUANTITIES = 8


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
    return firms.standing[slot]


@inlined
def meets(rules, firms, ventures, slot, level, quarter, listed_log_multiple):
    """Whether the firm meets one of the level's alternative sets of conditions (no set: everybody does)."""
    if rules.set_first[level] == rules.set_last[level]:
        return True
    for s in range(rules.set_first[level], rules.set_last[level]):
        good = True
        for c in range(rules.condition_first[s], rules.condition_last[s]):
            x = measure(firms, ventures, slot, rules.condition_what[c], quarter, listed_log_multiple)
            if x < rules.condition_low[c] or x > rules.condition_high[c]:
                good = False
                break
        if good:
            return True
    return False


@inlined
def log_level(events, tally, key, firms, slot, level, quarter, what):
    """Note an entry (1), exit (-1) or renewal (2) where this replication keeps a log."""
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
    """Whether a live firm may apply for a level now."""
    if firms.held[slot] & rules.barred[level]:
        return False
    needed = rules.requires[level]
    if needed >= 0:
        if firms.held[slot] & bit(needed) == 0:
            return False
        if quarter - firms.since[needed, slot] < rules.wait[level]:
            return False
    elif firms.revenue_last[slot] < rules.least_revenue[level]:
        return False
    return meets(rules, firms, ventures, slot, level, quarter, listed_log_multiple)


@kernel
def admit(
    key, rules, firms, ventures, ladder, events, tally, scratch, candidates, n, level, quarter, regime, window, m
):
    """Applications of one level in one window. Those who pass are admitted, within the quota by their draw."""
    odds = rules.apply[level] * rules.passes[level, regime]
    if rules.scaled[level]:
        odds *= window
    quota = rules.quota[level]
    passed = 0
    full_scan = candidates.shape[0] == 0
    barred = rules.barred[level]
    needed = bit(rules.requires[level]) if rules.requires[level] >= 0 else np.int64(0)
    least = rules.least_revenue[level] if rules.requires[level] < 0 else 0.0
    for k in range(n):
        slot = np.int64(k) if full_scan else candidates[k]
        # the cheap refusals stand here: a call would first copy the columns' descriptors
        held = firms.held[slot]
        if firms.alive[slot] == 0 or held & barred or held & needed != needed or firms.revenue_last[slot] < least:
            continue
        if not eligible(rules, firms, ventures, slot, level, quarter, m):
            continue
        u = uniform(
            key, np.int64(firms.index[slot]), np.int64(firms.cohort[slot]), quarter, np.int64(Purpose.LADDER) + level
        )
        if u < odds:
            scratch.list2[passed] = slot
            scratch.score[passed] = u
            passed += 1
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
def renew_or_expire(key, rules, firms, ladder, events, tally, slot, level, quarter):
    """A certificate at the end of its validity is renewed with the odds of its re-review (first, second ...), else it
    lapses. Whether the holder still meets the conditions is part of those odds."""
    times = min(np.int64(firms.renewals[level, slot]), rules.renewal.shape[1] - 1)
    _, u, _, _ = uniforms(
        key, np.int64(firms.index[slot]), np.int64(firms.cohort[slot]), quarter, np.int64(Purpose.LADDER) + level
    )
    if u < rules.renewal[level, times]:
        firms.since[level, slot] = quarter
        firms.renewals[level, slot] += 1
        log_level(events, tally, key, firms, slot, level, quarter, 2)
    else:
        leave_level(key, firms, ladder, events, tally, slot, level, quarter)


@kernel
def fall_back(key, rules, firms, ladder, events, tally, slot, level, quarter):
    """Withdrawal or rejection: the firm leaves the level, back to the one the rules name (or to none)."""
    leave_level(key, firms, ladder, events, tally, slot, level, quarter)
    lower = rules.falls_to[level]
    if lower >= 0 and firms.held[slot] & bit(lower) == 0:
        enter_level(key, rules, firms, ladder, events, tally, slot, lower, quarter)


@kernel
def climb_ladders(key, rules, firms, ventures, market, ladder, events, tally, scratch, quarter, phase):
    """One quarter of every ladder, from the highest level down (so nobody climbs two steps of one ladder at once).

    Returns how many firms entered the level that rules.listed names; their slots stand first in scratch.listed.
    """
    regime = market.regime[quarter]
    m = market.multiple[quarter]
    slots = tally.counts[Count.FIRM_SLOTS]
    watched = 0
    for slot in range(slots):
        if firms.held[slot] & rules.watched:
            scratch.list[watched] = slot
            watched += 1
    now = np.int64(1) << np.int64((phase + quarter) % 4)
    for level in range(rules.levels - 1, -1, -1):
        if rules.validity[level] > 0 and rules.windows[level] & now:
            for slot in range(slots):
                if firms.held[slot] & bit(level) and quarter - firms.since[level, slot] >= rules.validity[level]:
                    renew_or_expire(key, rules, firms, ladder, events, tally, slot, level, quarter)
        if rules.withdraws[level, 0] + rules.withdraws[level, 1] + rules.withdraws[level, 2] > 0.0:
            odds = rules.withdraws[level, regime]
            for k in range(watched):
                slot = scratch.list[k]
                if firms.held[slot] & bit(level):
                    index, cohort = np.int64(firms.index[slot]), np.int64(firms.cohort[slot])
                    _, _, u, _ = uniforms(key, index, cohort, quarter, np.int64(Purpose.LADDER) + level)
                    if u < odds:
                        fall_back(key, rules, firms, ladder, events, tally, slot, level, quarter)
    listed = 0
    window = market.window[quarter]
    for level in range(rules.levels - 1, -1, -1):
        if rules.windows[level] & now == 0:
            continue
        if rules.requires[level] >= 0:
            candidates, n = scratch.list, watched
        else:
            candidates, n = scratch.list[:0], slots
        passed = admit(
            key,
            rules,
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
            regime,
            window,
            m,
        )
        if level == rules.listed and passed > 0:
            listed = passed
            for k in range(passed):
                scratch.listed[k] = scratch.chosen[k]
    return listed


@kernel
def seed_levels(key, rules, firms, ventures, market, ladder, events, tally, scratch):
    """Put the known stock of the start on each level: firms that meet its conditions first, in the order of their
    draws; where too few do, the largest of the rest. Dates of award are spread over the validity."""
    slots = tally.counts[Count.FIRM_SLOTS]
    m = market.multiple[0]
    for level in range(rules.levels):
        wanted = np.int64(rules.initial[level])
        if wanted <= 0:
            continue
        n = 0
        needed = rules.requires[level]
        for slot in range(slots):
            if firms.alive[slot] == 0 or firms.held[slot] & (rules.exclusive[level] | bit(level)):
                continue
            u = uniform(
                key,
                np.int64(firms.index[slot]),
                np.int64(firms.cohort[slot]),
                0,
                np.int64(Purpose.LADDER_INITIAL) + level,
            )
            score = u
            if not meets(rules, firms, ventures, slot, level, 0, m):
                score = 2.0 + 40.0 - firms.log_revenue[slot]
            elif needed >= 0 and rules.exclusive[level] == 0 and firms.held[slot] & bit(needed) == 0:
                score = 1.0 + u
            scratch.list2[n] = slot
            scratch.score[n] = score
            n += 1
        smallest_first(scratch.score, n, min(wanted, n), scratch.order)
        for k in range(min(wanted, n)):
            slot = scratch.list2[scratch.order[k]]
            firms.held[slot] |= bit(level)
            validity = max(np.int64(1), rules.validity[level])
            _, v, _, _ = uniforms(
                key,
                np.int64(firms.index[slot]),
                np.int64(firms.cohort[slot]),
                0,
                np.int64(Purpose.LADDER_INITIAL) + level,
            )
            back = np.int64(v * validity)
            firms.since[level, slot] = -back
            firms.renewals[level, slot] = 0
            ladder.stock[level] += 1
    for level in range(MAX_LEVELS):
        ladder.seeded[level] = ladder.stock[level]
        ladder.entered[level] = 0
        ladder.left[level] = 0
