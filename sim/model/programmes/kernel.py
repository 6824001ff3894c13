"""Programmes: who may take part, who asks, whom the year's budget reaches, what it costs and what comes back.

Uptake is Bass's law (sim.finance.bass): of those who may take part, each asks in a quarter with the exact odds of the
law at outreach p and peers q, both multiplied by 1 + response x subsidy; peers are the live adopters among all who may.
Who asked waits; in each window the queue (one for all programmes that share a budget) is served in the order of asking
while the calendar year's budget, a hard limit, and its places last; what is left lapses at the year's end. What costs
by the year is paid for every quarter in which it works; whom the budget cannot pay takes part no more, and may ask
again. Not modelled: the cost of applying, a choice between programmes, firms that come for a programme.
"""

import numpy as np

from sim.finance.bass import adoption_odds
from sim.model.draws import Purpose, exp, normal, purpose_of, uniforms, uniforms_at
from sim.model.jit import inlined, kernel, order_by
from sim.model.ladders.kernel import below, bit, holders_of, meets
from sim.model.programmes.effects import begin_effects, end_effects, renew_effects
from sim.model.world import Cash, Count

UNPRICED = -1
SOLD = -2


@kernel
def open_to(alive, adopted, asked, left, source, sector, mine, sources, sectors, n, out):
    """Slots below n of live firms of these sources and sectors (masks) that do not take part, wait or have had their
    turn."""
    found = 0
    for slot in range(n):
        taken = (adopted[slot] | asked[slot] | left[slot]) & mine
        fits = (sources >> source[slot]) & (sectors >> sector[slot]) & 1
        out[found] = slot
        found += 1 if (alive[slot] != 0) & (taken == 0) & (fits != 0) else 0
    return found


@inlined
def traits(key, rules, firms, slot, p):
    """An adopter's own draws: (quality, cost, use, place in the queue)."""
    index, cohort = np.int64(firms.index[slot]), np.int64(firms.cohort[slot])
    return uniforms(key, index, cohort, 0, purpose_of(Purpose.PROGRAMME_ADOPTER, rules.address[p]))


@inlined
def cost_of(key, rules, firms, slot, p):
    """Public cost of one adoption: lognormal with the scenario's mean."""
    if rules.cost_sd[p] == 0.0:
        return rules.cost[p]
    _, u, _, _ = traits(key, rules, firms, slot, p)
    sd = rules.cost_sd[p]
    return rules.cost[p] * exp(sd * normal(u) - 0.5 * sd * sd)


@inlined
def due_of(rules, firms, slot, p):
    """Public cost of one more quarter of an adoption."""
    return 0.25 * (rules.yearly[p] + rules.research_part[p] * firms.rd_share[slot] * firms.revenue_last[slot])


@inlined
def sources_of(rules, p, quarter):
    """Mask of the ways in whose firms may take part in a quarter, after the restrictions in force."""
    mask = rules.sources[p]
    for source in range(4):
        if quarter >= rules.barred_from[p, source]:
            mask &= ~(np.int64(1) << np.int64(source))
    return mask


@kernel
def may_take_part(key, rules, firms, ventures, scratch, p, quarter, slots, log_multiple):
    """The firms that may ask now, in scratch.list; returns how many."""
    mine = bit(p)
    n = open_to(
        firms.alive,
        firms.adopted,
        firms.asked,
        firms.left,
        firms.source,
        firms.sector,
        mine,
        sources_of(rules, p, quarter),
        rules.sectors[p],
        slots,
        scratch.list,
    )
    level, reach = rules.level[p], rules.reach[p]
    found = 0
    for k in range(n):
        slot = scratch.list[k]
        if level >= 0 and firms.held[slot] & bit(level) == 0:
            continue
        if reach < 1.0:
            _, _, use, _ = traits(key, rules, firms, slot, p)
            if use >= reach:
                continue
        if meets(rules, firms, ventures, slot, p, quarter, log_multiple, False):
            scratch.list[found] = slot
            found += 1
    return found


@kernel
def pay(rules, programmes, tally, p, amount):
    """Money of the year's budget: paid out, or tax that is not collected."""
    programmes.budget_left[rules.purse[p]] -= amount
    programmes.spent[p] += amount
    if rules.tax[p]:
        tally.money[Cash.TAX_FORGONE] += amount
        tally.money[Cash.TAX_RECEIVED] -= amount
    else:
        tally.money[Cash.OUTLAY] += amount
        tally.money[Cash.SUBSIDIES] += amount


@kernel
def adopt(key, rules, firms, programmes, slot, p, quarter):
    mine = bit(p)
    firms.adopted[slot] |= mine
    firms.asked[slot] &= ~mine
    firms.joined[p, slot] = quarter
    firms.priced[p, slot] = UNPRICED
    firms.basis[p, slot] = 0.0
    programmes.adopted[p] += 1
    begin_effects(key, rules, firms, slot, p)


@kernel
def refill(rules, programmes):
    """A calendar year begins: budgets and places anew; what was left has lapsed."""
    for p in range(rules.count):
        programmes.budget_left[p] = rules.budget[p]
        programmes.places_left[p] = rules.most[p]


@kernel
def keep_up(key, rules, firms, ventures, programmes, tally, scratch, p, quarter, slots, log_multiple):
    """Adoptions that are over, or that the budget cannot pay, end; the others cost what they cost a year; a grant that
    turned into equity is sold when its time has come. Returns the number of adopters."""
    mine = bit(p)
    n = holders_of(firms.adopted, mine, slots, scratch.good, scratch.list)
    kept = 0
    for k in range(n):
        slot = scratch.list[k]
        over = quarter - firms.joined[p, slot] >= rules.lasts[p]
        due = due_of(rules, firms, slot, p)
        if over or due > programmes.budget_left[rules.purse[p]]:
            end_effects(key, rules, firms, slot, p)
            firms.adopted[slot] &= ~mine
            if over and rules.again[p] == 0:
                firms.left[slot] |= mine
            continue
        kept += 1
        if due > 0.0:
            pay(rules, programmes, tally, p, due)
        if rules.repaid[p] > 0.0:
            hold_equity(key, rules, firms, ventures, programmes, tally, slot, p, quarter, log_multiple)
    return kept


@kernel
def hold_equity(key, rules, firms, ventures, programmes, tally, slot, p, quarter, log_multiple):
    """Grant to equity (拨投结合): at the first round after the grant a part of it turns into shares at that round's
    price; after the holding time they are sold at the last price. A firm that closes or is sold before returns
    nothing."""
    v = np.int64(firms.venture[slot])
    if v < 0 or firms.priced[p, slot] == SOLD:
        return
    price = ventures.last_post[v] / ventures.shares[v]
    if ventures.listed[v]:
        price = exp(ventures.log_value[v] + log_multiple) / ventures.shares[v]
    if firms.priced[p, slot] == UNPRICED:
        if ventures.rounds[v] > 0 and ventures.last_round[v] > firms.joined[p, slot]:
            firms.priced[p, slot] = quarter
            firms.basis[p, slot] = price
    elif quarter - firms.priced[p, slot] >= rules.holds[p]:
        back = rules.repaid[p] * cost_of(key, rules, firms, slot, p) * price / firms.basis[p, slot]
        firms.priced[p, slot] = SOLD
        programmes.repaid[p] += back
        tally.money[Cash.RECOVERED] += back
        tally.money[Cash.REPAID] += back


@kernel
def start_adopters(key, rules, firms, ventures, programmes, scratch, p, slots, log_multiple):
    """The adopters of the start, by their draws among those who may take part; nothing is paid for them."""
    programmes.spent[p] = rules.spent_before[p]
    wanted = rules.initial[p]
    if wanted <= 0:
        return
    n = may_take_part(key, rules, firms, ventures, scratch, p, 0, slots, log_multiple)
    for k in range(n):
        _, _, _, u = traits(key, rules, firms, scratch.list[k], p)
        scratch.score[k] = u
    order_by(scratch.score, n, scratch.chosen, scratch.order)
    for k in range(min(wanted, n)):
        adopt(key, rules, firms, programmes, scratch.list[scratch.order[k]], p, 0)


@kernel
def ask(key, rules, firms, ventures, scratch, p, quarter, slots, log_multiple, adopters):
    """Those who may take part ask with the odds of Bass's law and join the queue."""
    mine = bit(p)
    waiting = holders_of(firms.asked, mine, slots, scratch.good, scratch.list)
    n = may_take_part(key, rules, firms, ventures, scratch, p, quarter, slots, log_multiple)
    if n == 0:
        return
    share = adopters / (adopters + waiting + n)
    odds = adoption_odds(rules.outreach[p], rules.peers[p], share, 0.25)
    if odds <= 0.0:
        return
    purpose = purpose_of(Purpose.PROGRAMME, rules.address[p])
    uniforms_at(key, firms, scratch.list, n, quarter, purpose, 0, scratch, scratch.score)
    asking = below(scratch.score, odds, scratch.list, n, scratch.list2, scratch.score)
    for k in range(asking):
        slot = scratch.list2[k]
        firms.asked[slot] |= mine
        firms.joined[p, slot] = quarter


@kernel
def serve(key, rules, firms, programmes, tally, scratch, purse, quarter, slots, now):
    """The queue of all programmes that draw on a purse and are open (mask now), in the order of asking, as far as the
    year's budget and each programme's places go."""
    n = 0
    for row in range(rules.count):
        p = np.int64(row)
        if rules.purse[p] != purse or (now >> p) & 1 == 0:
            continue
        waiting = holders_of(firms.asked, bit(p), slots, scratch.good, scratch.listed)
        for k in range(waiting):
            slot = scratch.listed[k]
            _, _, _, u = traits(key, rules, firms, slot, p)
            scratch.list[n] = slot
            scratch.list2[n] = p
            scratch.score[n] = firms.joined[p, slot] + u
            n += 1
    order_by(scratch.score, n, scratch.chosen, scratch.order)
    for k in range(n):
        slot = scratch.list[scratch.order[k]]
        p = scratch.list2[scratch.order[k]]
        if programmes.places_left[p] <= 0:
            continue
        cost = cost_of(key, rules, firms, slot, p) + due_of(rules, firms, slot, p)
        if cost > programmes.budget_left[purse]:
            return
        programmes.places_left[p] -= 1
        if cost > 0.0:
            pay(rules, programmes, tally, p, cost)
        adopt(key, rules, firms, programmes, slot, p, quarter)


@kernel
def send_away(rules, firms, scratch, p, quarter, slots):
    """Who waits for a programme that has ended, or that no longer takes such firms, waits no more."""
    mine = bit(p)
    sources = np.int64(0) if quarter >= rules.until[p] else sources_of(rules, p, quarter)
    n = holders_of(firms.asked, mine, slots, scratch.good, scratch.list)
    for k in range(n):
        slot = scratch.list[k]
        if (sources >> firms.source[slot]) & 1 == 0:
            firms.asked[slot] &= ~mine


@kernel
def run_programmes(key, rules, firms, ventures, programmes, market, tally, scratch, quarter, phase):
    """One quarter of every programme."""
    if rules.count == 0:
        return
    slots = tally.counts[Count.FIRM_SLOTS]
    log_multiple = market.multiple[quarter]
    if quarter == 0 or (phase + quarter) % 4 == 0:
        refill(rules, programmes)
    now = np.int64(1) << np.int64((phase + quarter) % 4)
    open_now = np.int64(0)
    for row in range(rules.count):
        p = np.int64(row)
        if quarter == 0:
            start_adopters(key, rules, firms, ventures, programmes, scratch, p, slots, log_multiple)
            continue
        adopters = keep_up(key, rules, firms, ventures, programmes, tally, scratch, p, quarter, slots, log_multiple)
        send_away(rules, firms, scratch, p, quarter, slots)
        if rules.windows[p] & now and rules.begins[p] <= quarter < rules.until[p]:
            ask(key, rules, firms, ventures, scratch, p, quarter, slots, log_multiple, adopters)
            open_now |= bit(p)
    for row in range(rules.count):
        purse = np.int64(row)
        if rules.purse[purse] == purse:
            serve(key, rules, firms, programmes, tally, scratch, purse, quarter, slots, open_now)


@kernel
def programme_effects(key, rules, firms, tally, scratch):
    """Adopters' effects on what the accounts have just set."""
    mask = np.int64(0)
    for p in range(rules.count):
        if rules.effective[p]:
            mask |= bit(p)
    if mask == 0:
        return
    n = holders_of(firms.adopted, mask, tally.counts[Count.FIRM_SLOTS], scratch.good, scratch.list)
    for k in range(n):
        slot = scratch.list[k]
        for row in range(rules.count):
            p = np.int64(row)
            if firms.adopted[slot] & mask & bit(p):
                renew_effects(key, rules, firms, slot, p)
