"""Incubators: places by kind of tenant, a queue of applicants, tenure and graduation, services as effects.

Applicants come by source (Poisson); who finds no free place of its kind waits, and gives up after the scenario's
patience. A tenant is a firm of the zone from the day it moves in; services raise its growth and its appeal to investors
and lower its exit hazard while it stays. It leaves as a graduate when its tenure ends or its filed revenue reaches what
the kind sets, and lives on as a firm of the zone. The place of a tenant that closes is free in the next quarter.
Not modelled: rent arrears, a second stay, selection by quality among applicants.
"""

import numpy as np

from sim.model.draws import Purpose, poisson, uniform
from sim.model.firms.kernel import cohort_of, put_firm
from sim.model.jit import inlined, kernel
from sim.model.rounds.kernel import first_value, put_venture
from sim.model.world import QUEUE, Cash, Count, Source

BLOCK = (
    1 << 20
)  # numbers of an incubator's firms within a cohort: block 1 + source of applicants, 64 + kind at the start


@kernel
def begin_services(rules, firms, slot, kind):
    i = rules.incubator[kind]
    firms.drift[slot] += rules.growth[i]
    firms.hazard[slot] *= rules.hazard[i]
    firms.appeal[slot] += rules.raising[i]


@kernel
def graduate(rules, firms, incubators, slot, kind):
    """A tenant leaves for the zone; its services end, what they did to this year's growth and hazard is undone."""
    i = rules.incubator[kind]
    firms.tenancy[slot] = -1
    firms.drift[slot] -= rules.growth[i]
    if rules.hazard[i] > 0.0:
        firms.hazard[slot] /= rules.hazard[i]
    firms.appeal[slot] -= rules.raising[i]
    incubators.graduated[i] += 1


@kernel
def move_in(key, rules, firms, ventures, incubators, market, tally, scratch, index, cohort, kind, quarter, stayed):
    """An applicant gets a place; `stayed`: quarters it has been there at the start. Returns False when a table is
    full."""
    r = rules.incubators
    i = r.incubator[kind]
    slot = put_firm(
        key,
        rules.firms,
        firms,
        market,
        tally,
        scratch,
        index,
        cohort,
        np.int64(Source.INCUBATOR),
        quarter,
        stayed,
        r.log_revenue[i],
        r.log_revenue_sd[i],
    )
    if slot < 0:
        return False
    firms.tenancy[slot] = kind
    firms.leaves[slot] = quarter - stayed + r.tenure[kind]
    begin_services(r, firms, slot, kind)
    incubators.tenants[kind] += 1
    if uniform(key, index, cohort, 0, np.int64(Purpose.TENANT)) < r.venture_share[i]:
        value = first_value(key, rules.rounds, firms, slot, np.int64(Source.INCUBATOR))
        if put_venture(key, rules.rounds, firms, ventures, tally, slot, quarter, value, -1) < 0:
            return False
    if quarter == 0:
        tally.counts[Count.INITIAL] += 1
    else:
        tally.counts[Count.ENTERED] += 1
        tally.counts[Count.ENTERED_INCUBATOR] += 1
    return True


@kernel
def tenants_of_the_start(key, rules, firms, ventures, incubators, market, tally, scratch):
    r = rules.incubators
    cohort = cohort_of(-1, np.int64(Source.INCUBATOR))
    for row in range(r.kinds):
        kind = np.int64(row)
        for a in range(r.initial[kind]):
            index = np.int64((64 + kind) * BLOCK + a)
            u = uniform(key, index, cohort, 0, np.int64(Purpose.INCUBATOR_INITIAL) + kind)
            stayed = np.int64(u * r.tenure[kind])
            if not move_in(
                key,
                rules,
                firms,
                ventures,
                incubators,
                market,
                tally,
                scratch,
                index,
                cohort,
                kind,
                np.int64(0),
                stayed,
            ):
                return


@kernel
def count_tenants(rules, firms, incubators, tally, quarter):
    """Tenants that are there; those whose time has come graduate."""
    for kind in range(rules.kinds):
        incubators.tenants[kind] = 0
    for slot in range(tally.counts[Count.FIRM_SLOTS]):
        kind = np.int64(firms.tenancy[slot])
        if kind < 0 or firms.alive[slot] == 0:
            continue
        if quarter >= firms.leaves[slot] or firms.revenue_last[slot] >= rules.graduates_at[kind]:
            graduate(rules, firms, incubators, slot, kind)
        else:
            incubators.tenants[kind] += 1


@kernel
def take_applications(key, rules, incubators, quarter):
    for source in range(rules.sources):
        if quarter < rules.source_opens[source]:
            continue
        kind = rules.source_kind[source]
        u = uniform(key, np.int64(source), 0, quarter, np.int64(Purpose.INCUBATOR))
        for a in range(poisson(u, rules.source_rate[source])):
            n = incubators.waiting[kind]
            if n >= QUEUE:
                incubators.turned_away[rules.incubator[kind]] += 1
                continue
            incubators.queue_index[kind, n] = (1 + source) * BLOCK + a
            incubators.queue_cohort[kind, n] = cohort_of(quarter, np.int64(Source.INCUBATOR))
            incubators.queue_since[kind, n] = quarter
            incubators.waiting[kind] = n + 1


@inlined
def shift_queue(incubators, kind, by):
    """The first `by` of a queue are gone."""
    n = incubators.waiting[kind] - by
    for a in range(n):
        incubators.queue_index[kind, a] = incubators.queue_index[kind, a + by]
        incubators.queue_cohort[kind, a] = incubators.queue_cohort[kind, a + by]
        incubators.queue_since[kind, a] = incubators.queue_since[kind, a + by]
    incubators.waiting[kind] = n


@kernel
def fill_places(key, rules, firms, ventures, incubators, market, tally, scratch, kind, quarter):
    """Who has waited longest moves in first; who has waited too long has gone elsewhere."""
    r = rules.incubators
    i = r.incubator[kind]
    gone = 0
    for a in range(incubators.waiting[kind]):
        if quarter - incubators.queue_since[kind, a] > r.patience[i]:
            gone += 1
    if gone > 0:
        incubators.turned_away[i] += gone
        shift_queue(incubators, kind, gone)
    free = r.places[kind] - incubators.tenants[kind] if quarter >= r.opens[i] else np.int64(0)
    taken = min(free, incubators.waiting[kind])
    for a in range(taken):
        index, cohort = np.int64(incubators.queue_index[kind, a]), np.int64(incubators.queue_cohort[kind, a])
        if not move_in(
            key,
            rules,
            firms,
            ventures,
            incubators,
            market,
            tally,
            scratch,
            index,
            cohort,
            kind,
            np.int64(quarter),
            np.int64(0),
        ):
            return
    if taken > 0:
        shift_queue(incubators, kind, taken)


@kernel
def run_incubators(key, rules, firms, ventures, incubators, market, tally, scratch, quarter):
    """One quarter of every incubator; the market rent that tenants do not pay is public outlay."""
    r = rules.incubators
    if r.count == 0:
        return
    if quarter == 0:
        tenants_of_the_start(key, rules, firms, ventures, incubators, market, tally, scratch)
        return
    count_tenants(r, firms, incubators, tally, quarter)
    take_applications(key, r, incubators, quarter)
    for row in range(r.kinds):
        kind = np.int64(row)
        fill_places(key, rules, firms, ventures, incubators, market, tally, scratch, kind, quarter)
        forgone = incubators.tenants[kind] * r.area[kind] * r.rent[r.incubator[kind]]
        incubators.rent[r.incubator[kind]] += forgone
        tally.money[Cash.RENT_FORGONE] += forgone
        tally.money[Cash.OUTLAY] += forgone


@kernel
def incubator_effects(rules, firms, tally):
    """Services' effects on what the accounts have just set; the appeal to investors stays as it is."""
    if rules.count == 0:
        return
    for slot in range(tally.counts[Count.FIRM_SLOTS]):
        kind = np.int64(firms.tenancy[slot])
        if kind >= 0 and firms.alive[slot]:
            i = rules.incubator[kind]
            firms.drift[slot] += rules.growth[i]
            firms.hazard[slot] *= rules.hazard[i]
