"""Major projects: plants known by name that enter at a known date and ramp up to their capacity.

Output rises in equal steps over the ramp to capacity x price x utilisation, summed over products; from then on the firm
grows as any other of its size. A plant does not close of the population's hazard.
Not modelled: its construction, its own suppliers, a change of products.
"""

import numpy as np

from sim.model.draws import log
from sim.model.firms.kernel import cohort_of, file_as_stated, put_firm
from sim.model.jit import inlined, kernel
from sim.model.world import Count, Source

FIRST = 1 << 24  # number of the first project within the cohort of named firms


@inlined
def ramped(rules, k, quarter):
    """Share of the capacity there is in a quarter: 0 before the project enters, 1 after its ramp."""
    if quarter < rules.enters[k]:
        return 0.0
    return min(1.0, (quarter - rules.enters[k] + 1.0) / rules.ramp[k])


@kernel
def run_projects(key, rules, firms, projects, market, tally, scratch, quarter):
    """Projects enter when their time has come, and ramp up."""
    r = rules.projects
    for row in range(r.count):
        k = np.int64(row)
        if quarter == r.enters[k]:
            cohort = cohort_of(-1, np.int64(Source.NAMED))
            size = r.log_full[k] + log(ramped(r, k, quarter))
            slot = put_firm(
                key,
                rules.firms,
                firms,
                market,
                tally,
                scratch,
                FIRST + k,
                cohort,
                np.int64(Source.NAMED),
                quarter,
                r.age[k],
                size,
                0.0,
            )
            if slot < 0:
                return
            firms.sector[slot] = r.sector[k]
            firms.log_revenue[slot] = size
            file_as_stated(rules.firms, firms, market, slot, quarter, (rules.phase + quarter) % 4 if quarter > 0 else 0)
            projects.slot[k] = slot
            if quarter > 0:
                tally.counts[Count.ENTERED] += 1
            else:
                tally.counts[Count.INITIAL] += 1
        slot = projects.slot[k]
        if slot >= 0:
            firms.hazard[slot] = 0.0
            if quarter < r.enters[k] + r.ramp[k]:
                firms.log_revenue[slot] = r.log_full[k] + log(ramped(r, k, quarter))
