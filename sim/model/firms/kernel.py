"""Firms: entry, growth, yearly accounts, exit. The passes over all firms are the hot part of the program.

Growth of log revenue = mean by age and funding + loading x market + a Laplace shock (growth rates are tent-shaped:
Stanley et al. 1996, Bottazzi and Secchi 2006) whose scale falls with size. The exit hazard falls with age as a
power and
with size. Size effects, headcount and profit are those of the accounts filed once a year.
"""

import numpy as np

from sim.model.draws import Purpose, exp, exp_inlined, laplace, normal, philox, poisson, uniform, uniforms, unit
from sim.model.jit import fast_inlined, fast_kernel, inlined, kernel
from sim.model.world import TILE, Count, Source, Status


@kernel
def shock_words(key, index, cohort, quarter, word0, word1, word2, word3):
    """One Philox block a firm: word 0 growth, 1 exit, 2 way out, 3 R&D drift. All arrays of one length."""
    k0 = np.uint64(key[0])
    k1 = np.uint64(key[1])
    q = np.uint64(quarter)
    purpose = np.uint64(Purpose.FIRM_QUARTER)
    for i in range(index.shape[0]):
        a, b, c, d = philox(np.uint64(index[i]), np.uint64(cohort[i]), q, purpose, k0, k1)
        word0[i] = np.uint32(a)
        word1[i] = np.uint32(b)
        word2[i] = np.uint32(c)
        word3[i] = np.uint32(d)


@fast_kernel
def grow(word, drift, spread, common, shock, log_revenue):
    """log_revenue += drift + common + spread x Laplace, floored at a yearly revenue of one yuan."""
    for i in range(word.shape[0]):
        e = laplace(unit(word[i]))
        shock[i] = e
        log_revenue[i] = min(max(log_revenue[i] + drift[i] + common + spread[i] * e, 0.0), 34.0)


@fast_kernel
def earn(log_revenue, year_revenue, revenue):
    """A quarter's revenue, added to the year's."""
    for i in range(log_revenue.shape[0]):
        r = 0.25 * exp_inlined(log_revenue[i])
        revenue[i] = r
        year_revenue[i] += r


@kernel
def sum_alive(alive, revenue):
    """Sum over live firms, in slot order."""
    total = 0.0
    for i in range(alive.shape[0]):
        if alive[i]:
            total += revenue[i]
    return total


@kernel
def note_leavers(alive, hazard, word, first, leavers, n):
    """Append the slots of live firms whose exit draw falls below their hazard; returns the new count."""
    for i in range(alive.shape[0]):
        if (np.float64(word[i]) + 0.5) * 2.3283064365386963e-10 < hazard[i] and alive[i]:
            leavers[n] = first + i
            n += 1
    return n


@kernel
def grow_firms(key, rules, firms, market, tally, scratch, quarter):
    """Every live firm grows and earns; returns the quarter's output and the number of slots listed in scratch.list
    whose exit draw says that they leave."""
    slots = tally.counts[Count.FIRM_SLOTS]
    change = market.private[quarter] - market.private[quarter - 1] if quarter > 0 else 0.0
    common = rules.market_loading * change
    output = 0.0
    leavers = 0
    for first in range(0, slots, TILE):
        last = min(first + TILE, slots)
        n = last - first
        w0, w1 = scratch.word0[:n], scratch.word1[:n]
        shock_words(
            key,
            firms.index[first:last],
            firms.cohort[first:last],
            quarter,
            w0,
            w1,
            scratch.word2[:n],
            scratch.word3[:n],
        )
        log_revenue = firms.log_revenue[first:last]
        grow(w0, firms.drift[first:last], firms.spread[first:last], common, firms.shock[first:last], log_revenue)
        revenue = scratch.revenue[:n]
        earn(log_revenue, firms.year_revenue[first:last], revenue)
        alive = firms.alive[first:last]
        output += sum_alive(alive, revenue)
        leavers = note_leavers(alive, firms.hazard[first:last], w1, first, scratch.list, leavers)
    return output, leavers


@fast_inlined
def spread_of(size, rules):
    """Laplace scale by log size relative to the reference revenue: s0 x size^-0.18 in the first full form, clipped."""
    return min(max(rules.spread * exp_inlined(-rules.spread_size * size), rules.spread_floor), rules.spread_ceiling)


@fast_inlined
def hazard_of(size, age_part, rules):
    """Quarterly exit probability: floor + c (age + 1)^-delta x size^-eta, clipped at the ceiling."""
    return min(rules.exit_floor + age_part * exp_inlined(-rules.exit_size * size), rules.exit_ceiling)


@fast_inlined
def jobs_of(log_revenue, base, rules):
    """Headcount: revenue over productivity, with large firms more productive."""
    return exp_inlined(base + rules.jobs_elasticity * log_revenue)


# Yearly accounts, one pass a column: with one output and few inputs LLVM can prove that columns do not overlap.


@fast_kernel
def keep_last(last, before):
    """The accounts filed a year ago."""
    for i in range(last.shape[0]):
        before[i] = last[i]


@fast_kernel
def file_revenue(quarter, born, log_revenue, year_revenue, last):
    """Revenue of the year; a firm's first accounts stand for a whole year at its present rate."""
    for i in range(last.shape[0]):
        rate = exp_inlined(log_revenue[i])
        last[i] = year_revenue[i] if quarter - born[i] >= 3 else rate


@fast_kernel
def set_spread(rules, log_revenue, spread):
    for i in range(spread.shape[0]):
        spread[i] = spread_of(log_revenue[i] - rules.reference_size, rules)


@fast_kernel
def set_hazard(rules, quarter, born, log_revenue, by_age, hazard):
    """by_age: table by age in quarters, its last entry for all older."""
    oldest = by_age.shape[0] - 1
    for i in range(hazard.shape[0]):
        age_part = by_age[min(quarter - born[i] + 1, oldest)]
        hazard[i] = hazard_of(log_revenue[i] - rules.reference_size, age_part, rules)


@fast_kernel
def set_drift(quarter, born, by_age, drift):
    oldest = by_age.shape[0] - 1
    for i in range(drift.shape[0]):
        drift[i] = by_age[min(quarter - born[i] + 1, oldest)]


@fast_kernel
def file_profit(rules, sector, log_revenue, margin, last, profit):
    """Margin by sector, rising with the log of revenue, times revenue."""
    for i in range(profit.shape[0]):
        m = margin[sector[i]] + rules.margin_slope * (log_revenue[i] - rules.reference_size)
        profit[i] = min(max(m, rules.margin_floor), rules.margin_ceiling) * last[i]


@fast_kernel
def count_jobs(rules, sector, log_revenue, jobs_base, productivity, jobs):
    for i in range(jobs.shape[0]):
        jobs[i] = max(jobs_of(log_revenue[i], jobs_base[sector[i]] - productivity, rules), 1.0)


@fast_kernel
def file_value(sector, last, price_to_sales, listed_multiple, value):
    """What the firm would be worth listed: filed revenue at the sector's multiple."""
    for i in range(value.shape[0]):
        value[i] = last[i] * price_to_sales[sector[i]] * listed_multiple


@kernel
def close_accounts(rules, firms, market, tally, quarter):
    """File the yearly accounts of all firms, a tile at a time, and what follows from size and age next year."""
    slots = tally.counts[Count.FIRM_SLOTS]
    productivity = rules.productivity_growth * 0.25 * quarter
    multiple = np.exp(market.multiple[quarter])
    for a in range(0, slots, TILE):
        b = min(a + TILE, slots)
        born, sector, log_revenue = firms.born[a:b], firms.sector[a:b], firms.log_revenue[a:b]
        last = firms.revenue_last[a:b]
        keep_last(last, firms.revenue_before[a:b])
        file_revenue(quarter, born, log_revenue, firms.year_revenue[a:b], last)
        firms.year_revenue[a:b] = 0.0
        set_spread(rules, log_revenue, firms.spread[a:b])
        set_hazard(rules, quarter, born, log_revenue, rules.hazard_by_age, firms.hazard[a:b])
        set_drift(quarter, born, rules.drift_by_age, firms.drift[a:b])
        file_profit(rules, sector, log_revenue, rules.margin, last, firms.profit_last[a:b])
        count_jobs(rules, sector, log_revenue, rules.jobs_base, productivity, firms.jobs[a:b])
        file_value(sector, last, rules.price_to_sales, multiple, firms.value_last[a:b])


@kernel
def certificate_effects(rules, firms, tally):
    """A certified firm grows faster and exits less (effects of the scenario); applied after the accounts are filed."""
    if rules.certificate < 0:
        return
    bit = np.int64(1) << np.int64(rules.certificate)
    for i in range(tally.counts[Count.FIRM_SLOTS]):
        if firms.alive[i] and firms.held[i] & bit:
            firms.drift[i] += rules.certified_growth
            firms.hazard[i] *= rules.certified_hazard


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


@inlined
def put_firm(key, rules, firms, market, tally, index, cohort, source, quarter, age, start_log, start_sd):
    """Write one firm into a free slot, with its traits drawn at its own address; returns the slot or -1.

    start_log, start_sd: mean and sd of log yearly revenue before the sector's own factor.
    """
    slot = take_slot(firms, tally)
    if slot < 0:
        return slot
    u, v, w, x = uniforms(key, index, cohort, 0, Purpose.TRAITS)
    sector = 0
    total = 0.0
    for s in range(rules.sectors):
        total += rules.sector_mix[source, s]
        sector = s
        if u < total:
            break
    log_revenue = start_log + start_sd * normal(v) + rules.sector_size[sector]
    size = log_revenue - rules.reference_size
    oldest = rules.drift_by_age.shape[0] - 1
    a = min(age, oldest)
    firms.index[slot] = np.uint32(index)
    firms.cohort[slot] = np.uint32(cohort)
    firms.alive[slot] = 1
    firms.sector[slot] = sector
    firms.source[slot] = source
    firms.born[slot] = quarter - age
    firms.log_revenue[slot] = log_revenue
    firms.drift[slot] = rules.drift_by_age[a]
    firms.spread[slot] = spread_of(size, rules)
    firms.hazard[slot] = hazard_of(size, rules.hazard_by_age[a], rules)
    firms.shock[slot] = 0.0
    firms.rd_share[slot] = min(exp(rules.rd_log_median[sector] + rules.rd_log_sd * normal(w)), 0.9)
    firms.standing[slot] = x
    yearly = exp(log_revenue)
    firms.year_revenue[slot] = 0.0
    firms.revenue_last[slot] = yearly if age >= 4 else 0.0
    u2, _, _, _ = uniforms(key, index, cohort, 0, Purpose.TRAITS_MORE)
    growth = 4.0 * firms.drift[slot] + 2.0 * firms.spread[slot] * laplace(u2)
    firms.revenue_before[slot] = yearly * exp(-growth) if age >= 8 else 0.0
    m = min(max(rules.margin[sector] + rules.margin_slope * size, rules.margin_floor), rules.margin_ceiling)
    firms.profit_last[slot] = m * firms.revenue_last[slot]
    firms.value_last[slot] = firms.revenue_last[slot] * rules.price_to_sales[sector] * np.exp(market.multiple[quarter])
    firms.jobs[slot] = max(jobs_of(log_revenue, rules.jobs_base[sector], rules), 1.0)
    firms.held[slot] = 0
    firms.venture[slot] = -1
    tally.counts[Count.EVER] += 1
    return slot


@kernel
def is_venture(key, rules, index, cohort, source):
    """Whether a firm is of the kind that seeks equity finance."""
    return uniform(key, index, cohort, 1, Purpose.TRAITS_MORE) < rules.venture_share[source]


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


@kernel
def initial_age(key, rules, index, cohort):
    """Age in quarters of a firm of the starting population: exponential with the scenario's mean, at least one
    quarter."""
    u = uniform(key, index, cohort, 0, Purpose.INITIAL)
    return max(1, np.int64(-rules.initial_age * 4.0 * np.log(1.0 - u)))


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
    tally.free_firms[tally.counts[Count.FREE_FIRMS]] = slot
    tally.counts[Count.FREE_FIRMS] += 1
    if firms.source[slot] == Source.ATTRACTED:
        tally.counts[Count.ATTRACTED_ALIVE] -= 1


@kernel
def drift_rd(key, rules, firms, tally, quarter):
    """R&D share drifts slowly, once a year (log random walk), between its bounds. Only firms large enough to be asked
    for it are worth a draw."""
    for i in range(tally.counts[Count.FIRM_SLOTS]):
        if firms.alive[i] and firms.revenue_last[i] > rules.rd_asked_from:
            u = uniform(key, np.int64(firms.index[i]), np.int64(firms.cohort[i]), quarter, Purpose.INITIAL_ORDER)
            firms.rd_share[i] = min(max(firms.rd_share[i] * np.exp(rules.rd_drift * normal(u)), 0.001), 0.9)
