"""The public purse: what the zone pays out, what comes back, and the tax that certificates forgo.

An investment that comes back is no subsidy: net cost is outlay less recovery, at a stated discount rate; taxes are
reported beside it. Not modelled: value-added and income taxes, land, the cost of running the zone.
"""

import numpy as np

from sim.model.jit import kernel, summing
from sim.model.world import Cash, Count


@summing
def taxable_profit(alive, profit, held, reduced):
    """Profits above zero of live firms: all of them, and those that hold the level in the mask `reduced`."""
    whole = 0.0
    part = 0.0
    for i in range(alive.shape[0]):
        taxed = max(profit[i], 0.0) if alive[i] else 0.0
        whole += taxed
        part += taxed if held[i] & reduced else 0.0
    return whole, part


@kernel
def assess_tax(rules, firms, tally):
    """Corporate tax on the filed profits; firms with the reduced-rate certificate pay the lower rate."""
    n = tally.counts[Count.FIRM_SLOTS]
    mask = np.int64(1) << np.int64(rules.reduced_level) if rules.reduced_level >= 0 else np.int64(0)
    whole, part = taxable_profit(firms.alive[:n], firms.profit_last[:n], firms.held[:n], mask)
    tally.money[Cash.TAX_RECEIVED] += rules.standard_rate * (whole - part) + rules.reduced_rate * part
    tally.money[Cash.TAX_FORGONE] += (rules.standard_rate - rules.reduced_rate) * part


@kernel
def discount_cost(rules, tally, outlay_before, recovered_before, quarter):
    """Add this quarter's outlay less recovery to the net cost, at its present value at the start."""
    net = (tally.money[Cash.OUTLAY] - outlay_before) - (tally.money[Cash.RECOVERED] - recovered_before)
    tally.money[Cash.NET_COST_PV] += net * (1.0 + rules.discount) ** (-0.25 * quarter)
