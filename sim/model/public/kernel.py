"""The public purse: what the zone pays out, what comes back, and the tax that certificates forgo.

An investment that comes back is no subsidy: net cost is outlay less recovery, at a stated discount rate; taxes are
reported beside it. Not modelled: value-added and income taxes, land, the cost of running the zone.
"""

import numpy as np

from sim.model.jit import kernel
from sim.model.world import Cash, Count


@kernel
def assess_tax(rules, firms, tally):
    """Corporate tax on the filed profits; firms with the reduced-rate certificate pay the lower rate."""
    received = 0.0
    forgone = 0.0
    reduced = np.int64(1) << np.int64(rules.reduced_level) if rules.reduced_level >= 0 else np.int64(0)
    for i in range(tally.counts[Count.FIRM_SLOTS]):
        if firms.alive[i] and firms.profit_last[i] > 0.0:
            if firms.held[i] & reduced:
                received += rules.reduced_rate * firms.profit_last[i]
                forgone += (rules.standard_rate - rules.reduced_rate) * firms.profit_last[i]
            else:
                received += rules.standard_rate * firms.profit_last[i]
    tally.money[Cash.TAX_RECEIVED] += received
    tally.money[Cash.TAX_FORGONE] += forgone


@kernel
def discount_cost(rules, tally, outlay_before, recovered_before, quarter):
    """Add this quarter's outlay less recovery to the net cost, at its present value at the start."""
    net = (tally.money[Cash.OUTLAY] - outlay_before) - (tally.money[Cash.RECOVERED] - recovered_before)
    tally.money[Cash.NET_COST_PV] += net * (1.0 + rules.discount) ** (-0.25 * quarter)
