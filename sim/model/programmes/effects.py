"""What a programme changes for one adopter.

The published case is a best case. An adopter gets `case_of` it: the scenario's shrinking factor times 1 + spread x a
normal draw of its own, one draw for all the effects of one programme (who upgrades well saves on everything). Growth,
hazard, jobs and profit are set anew by each year's accounts and given their effects again; the R&D share and the
appeal to investors are moved once, and back when the adoption ends.
Not modelled: effects on firms that do not take part; learning between programmes.
"""

import numpy as np

from sim.model.draws import Purpose, normal, purpose_of, uniforms
from sim.model.jit import inlined, kernel

LEAST = 0.05  # of what an effect may leave of a quantity


@inlined
def case_of(key, rules, firms, slot, p):
    """How much of the published case an adopter gets; 1 is all of it, a negative number the opposite."""
    if rules.effect_sd[p] == 0.0:
        return rules.shrink[p]
    index, cohort = np.int64(firms.index[slot]), np.int64(firms.cohort[slot])
    u, _, _, _ = uniforms(key, index, cohort, 0, purpose_of(Purpose.PROGRAMME_ADOPTER, rules.address[p]))
    return rules.shrink[p] * (1.0 + rules.effect_sd[p] * normal(u))


@inlined
def factor_of(change, case):
    """The factor that a relative change means, in this adopter's case."""
    return max(LEAST, 1.0 + change * case)


@kernel
def begin_effects(key, rules, firms, slot, p):
    """From the quarter of adoption; jobs and profit follow with the next accounts."""
    if rules.effective[p] == 0:
        return
    case = case_of(key, rules, firms, slot, p)
    firms.drift[slot] += 0.25 * rules.growth[p] * case
    firms.hazard[slot] *= factor_of(rules.hazard[p], case)
    firms.rd_share[slot] = min(firms.rd_share[slot] * factor_of(rules.research[p], case), 0.9)
    firms.appeal[slot] += rules.raising[p] * case


@kernel
def end_effects(key, rules, firms, slot, p):
    """The adoption is over: what begin_effects did is undone; jobs and profit follow with the next accounts."""
    if rules.effective[p] == 0:
        return
    case = case_of(key, rules, firms, slot, p)
    firms.drift[slot] -= 0.25 * rules.growth[p] * case
    firms.hazard[slot] /= factor_of(rules.hazard[p], case)
    firms.rd_share[slot] = max(firms.rd_share[slot] / factor_of(rules.research[p], case), 0.001)
    firms.appeal[slot] -= rules.raising[p] * case


@kernel
def renew_effects(key, rules, firms, slot, p):
    """After the accounts were filed: what they set is given its effects again."""
    case = case_of(key, rules, firms, slot, p)
    firms.drift[slot] += 0.25 * rules.growth[p] * case
    firms.hazard[slot] *= factor_of(rules.hazard[p], case)
    firms.jobs[slot] = max(firms.jobs[slot] / factor_of(rules.productivity[p], case), 1.0)
    saved = -rules.operating_cost[p] * case * rules.operating_share[p]
    firms.profit_last[slot] += saved * firms.revenue_last[slot]


@inlined
def energy_factor(key, rules, firms, slot):
    """Energy per output of a firm relative to its sector's, after all that it takes part in."""
    factor = 1.0
    taken = firms.adopted[slot]
    if taken != 0:
        for p in range(rules.count):
            if (taken >> p) & 1 and rules.energy[p] != 0.0:
                factor *= factor_of(rules.energy[p], case_of(key, rules, firms, slot, p))
    return factor


@kernel
def raise_odds(key, rules, firms, slots, n, level, score):
    """Adopters' draws for a level are divided by the factor on their odds: u / f < odds where u < f x odds."""
    mask = rules.boosting[level]
    for k in range(n):
        slot = slots[k]
        taken = firms.adopted[slot] & mask
        if taken == 0:
            continue
        factor = 1.0
        for p in range(rules.count):
            if (taken >> p) & 1:
                factor *= factor_of(rules.boost[p, level], case_of(key, rules, firms, slot, p))
        score[k] /= factor
