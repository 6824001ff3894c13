"""Firms: entry, growth, yearly accounts, exit. The passes over all firms are the hot part of the program.

Growth of log revenue = mean by age and funding + loading x market + a Laplace shock (growth rates are tent-shaped:
Stanley et al. 1996, Bottazzi and Secchi 2006) whose scale falls with size. The exit hazard falls with age as a
power and
with size. Size effects, headcount and profit are those of the accounts filed once a year.
"""

from enum import IntEnum

import numpy as np

from sim.model.draws import (
    Purpose,
    address_words,
    draw_laplace,
    draw_normals,
    exp,
    exp_short,
    log_inlined,
    number_words,
    poisson,
    uniform,
    unit,
)
from sim.model.jit import fast_kernel, inlined, kernel, note_flags, summing
from sim.model.world import TILE, Count, Source, Status

SQRT_HALF = 0.7071067811865476


@kernel
def shock_words(key, index, cohort, block, word0, word1, word2, word3):
    """One Philox block a firm and pair of quarters: words 0 and 1 are growth and exit of the even quarter, 2 and 3 of
    the odd one. block: quarter // 2. All arrays of one length."""
    address_words(key, index, cohort, block, np.int64(Purpose.FIRM_QUARTER), word0, word1, word2, word3)


@fast_kernel
def grow(shock, drift, spread, common, log_revenue):
    """log_revenue += drift + common + spread x Laplace shock, floored at a yearly revenue of one yuan."""
    for i in range(shock.shape[0]):
        log_revenue[i] = min(max(log_revenue[i] + drift[i] + common + spread[i] * np.float64(shock[i]), 0.0), 34.0)


@fast_kernel
def earn(log_revenue, year_revenue, revenue):
    """A quarter's revenue, added to the year's."""
    for i in range(log_revenue.shape[0]):
        r = 0.25 * exp_short(log_revenue[i])
        revenue[i] = r
        year_revenue[i] += r


@summing
def sum_alive(alive, revenue):
    """Sum over live firms."""
    total = 0.0
    for i in range(alive.shape[0]):
        total += revenue[i] if alive[i] else 0.0
    return total


@kernel
def flag_leavers(alive, hazard, word, flags):
    """1 where the exit draw of a live firm falls below its hazard."""
    for i in range(flags.shape[0]):
        flags[i] = 1 if (unit(word[i]) < hazard[i]) & (alive[i] != 0) else 0


@kernel
def note_leavers(alive, hazard, word, first, flags, leavers, n):
    """Append the slots of live firms whose exit draw falls below their hazard; returns the new count. flags: room."""
    flag_leavers(alive, hazard, word, flags)
    return note_flags(flags, first, leavers, n)


@kernel
def grow_firms(key, rules, firms, market, tally, scratch, quarter):
    """Every live firm grows and earns; returns the quarter's output and the number of slots listed in scratch.list
    whose exit draw says that they leave."""
    slots = tally.counts[Count.FIRM_SLOTS]
    change = market.private[quarter] - market.private[quarter - 1] if quarter > 0 else 0.0
    common = rules.market_loading * change
    output = 0.0
    leavers = 0
    odd = quarter % 2 == 1
    for first in range(0, slots, TILE):
        last = min(first + TILE, slots)
        growth, leaving = firms.later_growth[first:last], firms.later_exit[first:last]
        if not odd:
            growth, leaving = scratch.word0[: last - first], scratch.word1[: last - first]
            shock_words(
                key,
                firms.index[first:last],
                firms.cohort[first:last],
                quarter // 2,
                growth,
                leaving,
                firms.later_growth[first:last],
                firms.later_exit[first:last],
            )
        log_revenue, shock = firms.log_revenue[first:last], scratch.shock[: last - first]
        draw_laplace(growth, shock)
        grow(shock, firms.drift[first:last], firms.spread[first:last], common, log_revenue)
        revenue = scratch.revenue[: last - first]
        earn(log_revenue, firms.year_revenue[first:last], revenue)
        alive = firms.alive[first:last]
        output += sum_alive(alive, revenue)
        hazard = firms.hazard[first:last]
        leavers = note_leavers(alive, hazard, leaving, first, scratch.good[: last - first], scratch.list, leavers)
    return output, leavers


# One pass a column. A pass has one output and few inputs, reads its rules before the loop, and looks tables up in a
# pass of its own: so LLVM can prove that nothing overlaps, and handles eight firms at a time.


@kernel
def by_age(quarter, born, table, out):
    """Look up a table by age in quarters; its last entry is for all older firms."""
    oldest = table.shape[0] - 1
    for i in range(out.shape[0]):
        out[i] = table[min(quarter - born[i], oldest)]


@kernel
def by_sector(sector, table, out):
    for i in range(out.shape[0]):
        out[i] = table[sector[i]]


@fast_kernel
def set_spread(rules, log_revenue, spread):
    """Laplace scale by log size relative to the reference revenue: s0 x size^-0.18 in the first full form, clipped."""
    scale, power, middle = rules.spread, rules.spread_size, rules.reference_size
    low, high = rules.spread_floor, rules.spread_ceiling
    for i in range(spread.shape[0]):
        spread[i] = min(max(scale * exp_short(-power * (log_revenue[i] - middle)), low), high)


@fast_kernel
def set_hazard(rules, log_revenue, hazard):
    """Quarterly exit probability: floor + c (age + 1)^-delta x size^-eta, clipped at the ceiling. hazard comes in as
    its part by age."""
    floor, power, high, middle = rules.exit_floor, rules.exit_size, rules.exit_ceiling, rules.reference_size
    for i in range(hazard.shape[0]):
        hazard[i] = min(floor + hazard[i] * exp_short(-power * (log_revenue[i] - middle)), high)


@fast_kernel
def set_margin(rules, log_revenue, margin):
    """Profit margin: the sector's (as it comes in), rising with the log of revenue, clipped."""
    slope, middle, low, high = rules.margin_slope, rules.reference_size, rules.margin_floor, rules.margin_ceiling
    for i in range(margin.shape[0]):
        margin[i] = min(max(margin[i] + slope * (log_revenue[i] - middle), low), high)


@fast_kernel
def set_jobs(rules, log_revenue, productivity, jobs):
    """Headcount, at least one: revenue over productivity, with large firms more productive. jobs comes in as the
    sector's log level."""
    elasticity = rules.jobs_elasticity
    for i in range(jobs.shape[0]):
        jobs[i] = max(exp_short(jobs[i] - productivity + elasticity * log_revenue[i]), 1.0)


@kernel
def file_revenue(first_late, latest, cohort, born, year_revenue, last, young):
    """Revenue of the year; 1 in young where a firm came too late to have been here for all of it: its cohort is
    first_late or a later one, or it was born after quarter `latest` (a tenant that waited for its place, a plant)."""
    for i in range(last.shape[0]):
        last[i] = year_revenue[i]
        young[i] = 1 if (cohort[i] >= first_late) | (born[i] > latest) else 0


@kernel
def begin_year(firms, tally):
    """Nothing of the year has been earned yet: in the last quarter of a year that a run begins with, whose accounts
    are those of the start."""
    for i in range(tally.counts[Count.FIRM_SLOTS]):
        firms.year_revenue[i] = 0.0


@fast_kernel
def times(factor, scale, out):
    for i in range(out.shape[0]):
        out[i] *= factor[i] * scale


@kernel
def close_accounts(rules, firms, market, tally, scratch, quarter):
    """File the yearly accounts of all firms, a tile at a time, and what follows from size and age next year. The first
    accounts of a firm that came in the course of the year stand for a whole one at its present rate; so do all of a
    year of which the run has not lived every quarter."""
    first_late = np.uint32(max(np.int64(0), cohort_of(quarter - 2, np.int64(0)))) if quarter >= 3 else np.uint32(0)
    slots = tally.counts[Count.FIRM_SLOTS]
    productivity = rules.productivity_growth * 0.25 * quarter
    multiple = np.exp(market.multiple[quarter])
    for a in range(0, slots, TILE):
        b = min(a + TILE, slots)
        born, sector, log_revenue = firms.born[a:b], firms.sector[a:b], firms.log_revenue[a:b]
        last, before, year = firms.revenue_last[a:b], firms.revenue_before[a:b], firms.year_revenue[a:b]
        for i in range(b - a):
            before[i] = last[i]
        file_revenue(first_late, quarter - 3, firms.cohort[a:b], born, year, last, scratch.good[: b - a])
        for k in range(note_flags(scratch.good[: b - a], np.int64(0), scratch.list, np.int64(0))):
            last[scratch.list[k]] = exp(log_revenue[scratch.list[k]])
        for i in range(b - a):
            year[i] = 0.0
        set_spread(rules, log_revenue, firms.spread[a:b])
        hazard, profit, jobs, value = firms.hazard[a:b], firms.profit_last[a:b], firms.jobs[a:b], firms.value_last[a:b]
        by_age(quarter + 1, born, rules.hazard_by_age, hazard)
        set_hazard(rules, log_revenue, hazard)
        by_age(quarter + 1, born, rules.drift_by_age, firms.drift[a:b])
        by_sector(sector, rules.margin, profit)
        set_margin(rules, log_revenue, profit)
        times(last, 1.0, profit)
        by_sector(sector, rules.jobs_base, jobs)
        set_jobs(rules, log_revenue, productivity, jobs)
        by_sector(sector, rules.price_to_sales, value)
        times(last, multiple, value)


@fast_kernel
def grow_certified(held, mask, growth, drift):
    for i in range(drift.shape[0]):
        drift[i] += growth if held[i] & mask else 0.0


@fast_kernel
def guard_certified(held, mask, factor, hazard):
    for i in range(hazard.shape[0]):
        hazard[i] *= factor if held[i] & mask else 1.0


@kernel
def certificate_effects(rules, firms, tally):
    """A certified firm grows faster and exits less (effects of the scenario); applied after the accounts are filed."""
    if rules.certificate < 0:
        return
    n = tally.counts[Count.FIRM_SLOTS]
    mask = np.int64(1) << np.int64(rules.certificate)
    grow_certified(firms.held[:n], mask, rules.certified_growth, firms.drift[:n])
    guard_certified(firms.held[:n], mask, rules.certified_hazard, firms.hazard[:n])


@inlined
def take_slot(firms, tally):
    """A free slot for an entrant, or -1 when the table is full."""
    if tally.counts[Count.FREE_FIRMS] > 0:
        tally.counts[Count.FREE_FIRMS] -= 1
        return np.int64(tally.free_firms[tally.counts[Count.FREE_FIRMS]])
    slot = tally.counts[Count.FIRM_SLOTS]
    if slot >= firms.alive.shape[0]:
        tally.counts[Count.STATUS] = Status.FIRMS_FULL
        return np.int64(-1)
    tally.counts[Count.FIRM_SLOTS] += 1
    return slot


class Trait(IntEnum):
    """Rows of scratch.trait: what is drawn for new firms before it is written into their slots."""

    LOG_REVENUE = 0
    REVENUE = 1  # of a year at its present rate
    SPREAD = 2
    HAZARD = 3
    DRIFT = 4
    RD_SHARE = 5
    BEFORE = 6  # revenue a year earlier
    JOBS = 7
    STANDING = 8
    MARGIN = 9
    FILED = 10  # in the last accounts
    PROFIT = 11
    VALUE = 12


@kernel
def draw_sectors(word, mix, sectors, sector):
    """Sector by its share (mix sums to one)."""
    for i in range(sector.shape[0]):
        sector[i] = 0
    total = 0.0
    for s in range(sectors - 1):
        total += mix[s]
        for i in range(sector.shape[0]):
            sector[i] += 0 if unit(word[i]) < total else 1


@fast_kernel
def draw_revenues(normal, mean, sd, log_revenue):
    """Log revenue; it comes in as the sector's own factor."""
    for i in range(log_revenue.shape[0]):
        log_revenue[i] += mean[i] + sd * np.float64(normal[i])


@fast_kernel
def draw_rd_shares(normal, sd, rd_share):
    """R&D over revenue, lognormal; it comes in as the sector's log median."""
    for i in range(rd_share.shape[0]):
        rd_share[i] = min(exp_short(rd_share[i] + sd * np.float64(normal[i])), 0.9)


@fast_kernel
def yearly_revenue(log_revenue, revenue):
    for i in range(revenue.shape[0]):
        revenue[i] = exp_short(log_revenue[i])


@fast_kernel
def earlier_revenue(shock, drift, spread, revenue, before):
    """Revenue of the year before, from one year's growth."""
    for i in range(before.shape[0]):
        before[i] = revenue[i] * exp_short(-4.0 * drift[i] - 2.0 * spread[i] * np.float64(shock[i]))


@fast_kernel
def to_unit(word, out):
    for i in range(out.shape[0]):
        out[i] = unit(word[i])


# Entrants fall into slots here and there: a column at a time, so that its pages stay at hand.


@kernel
def place(slots, values, column):
    for k in range(slots.shape[0]):
        column[slots[k]] = values[k]


@kernel
def fill(slots, value, column):
    for k in range(slots.shape[0]):
        column[slots[k]] = value


@kernel
def number(slots, first, column):
    for k in range(slots.shape[0]):
        column[slots[k]] = np.uint32(first + k)


@kernel
def put_firms(key, rules, firms, market, tally, scratch, first, n, cohort, source, quarter, sd):
    """Write firms first, first + 1 ... first + n - 1 of a cohort into free slots, n at most TILE, with their traits
    drawn at their own addresses.

    Given: scratch.born[:n] (quarters since the start) and scratch.size[:n] (mean log yearly revenue before the sector's
    own factor); sd is the spread of log revenue. Left behind: their slots in scratch.slot[:n], and in scratch.word1[:n]
    the word that decides whether a firm is a venture. Returns False when the table is full.
    """
    for k in range(n):
        slot = take_slot(firms, tally)
        if slot < 0:
            return False
        scratch.slot[k] = slot
    w0, w1, w2, w3 = scratch.word0[:n], scratch.word1[:n], scratch.word2[:n], scratch.word3[:n]
    born, sector, shock = scratch.born[:n], scratch.sector[:n], scratch.shock[:n]
    t = scratch.trait
    log_revenue, revenue, before = t[Trait.LOG_REVENUE][:n], t[Trait.REVENUE][:n], t[Trait.BEFORE][:n]
    spread, hazard, drift, jobs = t[Trait.SPREAD][:n], t[Trait.HAZARD][:n], t[Trait.DRIFT][:n], t[Trait.JOBS][:n]
    rd_share, standing, margin = t[Trait.RD_SHARE][:n], t[Trait.STANDING][:n], t[Trait.MARGIN][:n]
    number_words(key, first, cohort, 0, np.int64(Purpose.TRAITS), w0, w1, w2, w3)
    draw_sectors(w0, rules.sector_mix[source], rules.sectors, sector)
    by_sector(sector, rules.sector_size, log_revenue)
    draw_normals(w1, shock)
    draw_revenues(shock, scratch.size[:n], sd, log_revenue)
    by_sector(sector, rules.rd_log_median, rd_share)
    draw_normals(w2, shock)
    draw_rd_shares(shock, rules.rd_log_sd, rd_share)
    to_unit(w3, standing)
    yearly_revenue(log_revenue, revenue)
    set_spread(rules, log_revenue, spread)
    by_age(quarter, born, rules.hazard_by_age, hazard)
    set_hazard(rules, log_revenue, hazard)
    by_age(quarter, born, rules.drift_by_age, drift)
    by_sector(sector, rules.margin, margin)
    set_margin(rules, log_revenue, margin)
    by_sector(sector, rules.jobs_base, jobs)
    set_jobs(rules, log_revenue, 0.0, jobs)
    number_words(key, first, cohort, 0, np.int64(Purpose.TRAITS_MORE), w0, w1, w2, w3)
    draw_laplace(w0, shock)
    earlier_revenue(shock, drift, spread, revenue, before)
    multiple = np.exp(market.multiple[quarter])
    filed, value, profit = t[Trait.FILED][:n], t[Trait.VALUE][:n], t[Trait.PROFIT][:n]
    for k in range(n):
        age = quarter - born[k]
        filed[k] = revenue[k] if age >= 4 else 0.0
        before[k] = before[k] if age >= 8 else 0.0
        profit[k] = margin[k] * filed[k]
        value[k] = filed[k] * rules.price_to_sales[sector[k]] * multiple
    slots = scratch.slot[:n]
    number(slots, np.uint32(first), firms.index)
    fill(slots, np.uint32(cohort), firms.cohort)
    fill(slots, np.uint8(1), firms.alive)
    place(slots, sector, firms.sector)
    fill(slots, np.int32(source), firms.source)
    place(slots, born, firms.born)
    place(slots, log_revenue, firms.log_revenue)
    place(slots, drift, firms.drift)
    place(slots, spread, firms.spread)
    place(slots, hazard, firms.hazard)
    place(slots, rd_share, firms.rd_share)
    place(slots, standing, firms.standing)
    fill(slots, 0.0, firms.year_revenue)
    place(slots, filed, firms.revenue_last)
    place(slots, before, firms.revenue_before)
    place(slots, profit, firms.profit_last)
    place(slots, value, firms.value_last)
    place(slots, jobs, firms.jobs)
    fill(slots, np.int64(0), firms.held)
    fill(slots, np.int32(-1), firms.venture)
    fill(slots, np.int64(0), firms.adopted)
    fill(slots, np.int64(0), firms.asked)
    fill(slots, np.int64(0), firms.left)
    fill(slots, 0.0, firms.appeal)
    fill(slots, np.int32(-1), firms.tenancy)
    if quarter % 2 == 1:  # their first quarter is the second of a block; word1 is the caller's, so w0 serves twice
        number_words(key, first, cohort, quarter // 2, np.int64(Purpose.FIRM_QUARTER), w0, w0, w2, w3)
        place(slots, w2, firms.later_growth)
        place(slots, w3, firms.later_exit)
    tally.counts[Count.EVER] += n
    return True


@kernel
def put_firm(key, rules, firms, market, tally, scratch, index, cohort, source, quarter, age, start_log, start_sd):
    """Write one firm into a free slot; returns the slot or -1.

    start_log, start_sd: mean and sd of log yearly revenue before the sector's own factor.
    """
    scratch.born[0] = quarter - age
    scratch.size[0] = start_log
    if put_firms(key, rules, firms, market, tally, scratch, index, 1, cohort, source, quarter, start_sd):
        return scratch.slot[0]
    return np.int64(-1)


@kernel
def file_as_stated(rules, firms, market, slot, quarter, gone):
    """What follows from the sector and revenue that are stated of a firm known by name, in place of what `put_firms`
    drew: spread, hazard, filed accounts, jobs. gone: quarters of the year in which it has been at work elsewhere."""
    end = slot + 1
    log_revenue, sector = firms.log_revenue[slot:end], firms.sector[slot:end]
    hazard, profit, value, jobs = (
        firms.hazard[slot:end],
        firms.profit_last[slot:end],
        firms.value_last[slot:end],
        firms.jobs[slot:end],
    )
    set_spread(rules, log_revenue, firms.spread[slot:end])
    by_age(quarter, firms.born[slot:end], rules.hazard_by_age, hazard)
    set_hazard(rules, log_revenue, hazard)
    revenue = exp(firms.log_revenue[slot])
    filed = firms.revenue_last[slot]
    if filed > 0.0:  # it is old enough to have filed
        firms.revenue_before[slot] *= revenue / filed
        firms.revenue_last[slot] = revenue
        filed = revenue
    by_sector(sector, rules.margin, profit)
    set_margin(rules, log_revenue, profit)
    profit[0] *= filed
    by_sector(sector, rules.price_to_sales, value)
    value[0] *= filed * np.exp(market.multiple[quarter])
    by_sector(sector, rules.jobs_base, jobs)
    set_jobs(rules, log_revenue, 0.0, jobs)
    firms.year_revenue[slot] = 0.25 * gone * revenue


@kernel
def entrants_of(key, rules, source, quarter):
    """How many firms of a source enter this quarter: Poisson, its rate growing at the scenario's yearly rate until the
    scenario's plateau year, and scaled by the quarter of the year only through chance."""
    rate = (
        0.25 * rules.entry[source] * np.exp(rules.entry_growth[source] * min(0.25 * quarter, rules.entry_years[source]))
    )
    return poisson(uniform(key, np.int64(source), 0, quarter, Purpose.ENTRY_COUNT), rate)


@kernel
def cohort_of(quarter, source):
    """The cohort word of an address: entry quarter + 1 and source; the firms of the start have entry quarter -1."""
    return (quarter + 1) * 4 + np.int64(source)


@fast_kernel
def draw_births(word, mean, born):
    """When the firms of the starting population were born, in quarters before the start: ages are exponential with the
    scenario's mean (years), counted in whole quarters, so the youngest were born in the quarter of the start."""
    for i in range(born.shape[0]):
        born[i] = -np.int64(-4.0 * mean * log_inlined(1.0 - unit(word[i])))


@inlined
def remove_firm(firms, ladder, tally, slot, levels):
    """Take a firm out of the population and off every level it held."""
    firms.alive[slot] = 0
    held = firms.held[slot]
    if held != 0:
        for level in range(levels):
            if held & (np.int64(1) << np.int64(level)):
                ladder.stock[level] -= 1
                ladder.left[level] += 1
        firms.held[slot] = 0
    firms.adopted[slot] = 0
    firms.asked[slot] = 0
    firms.tenancy[slot] = -1
    tally.free_firms[tally.counts[Count.FREE_FIRMS]] = slot
    tally.counts[Count.FREE_FIRMS] += 1
    if firms.source[slot] == Source.ATTRACTED:
        tally.counts[Count.ATTRACTED_ALIVE] -= 1


@fast_kernel
def step_rd(shock, drift, rd_share):
    scale = SQRT_HALF * drift
    for i in range(rd_share.shape[0]):
        rd_share[i] = min(max(rd_share[i] * exp_short(scale * np.float64(shock[i])), 0.001), 0.9)


@kernel
def drift_rd(key, rules, firms, tally, scratch, quarter):
    """R&D share drifts slowly, once a year, between its bounds: a walk of its log whose steps have the scenario's
    standard deviation and are tent-shaped, as those of revenue."""
    slots = tally.counts[Count.FIRM_SLOTS]
    for a in range(0, slots, TILE):
        b = min(a + TILE, slots)
        w, shock = scratch.word0[: b - a], scratch.shock[: b - a]
        address_words(
            key,
            firms.index[a:b],
            firms.cohort[a:b],
            quarter,
            np.int64(Purpose.RD_DRIFT),
            w,
            scratch.word1[: b - a],
            scratch.word2[: b - a],
            scratch.word3[: b - a],
        )
        draw_laplace(w, shock)
        step_rd(shock, rules.rd_drift, firms.rd_share[a:b])
