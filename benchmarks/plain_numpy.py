"""The population rules in plain vectorised NumPy: entry, tent-shaped growth, exit by age and size, yearly accounts, the
certificate for high-tech enterprises. No ventures, funds, listing or market, so it does less than the kernel."""

import numpy as np

from sim.model.world import Source


def live(rules: np.record, seed: int, quarters: int) -> float:
    """One replication; returns firm-quarters lived."""
    r = rules.firms
    rng = np.random.default_rng(seed)
    n = int(r.initial)
    log_revenue = r.entry_log_median[0] + r.initial_growth * 5 + r.initial_log_sd * rng.standard_normal(n)
    born = -rng.exponential(4 * r.initial_age, n).astype(int)
    rd = np.exp(r.rd_log_median[0] + r.rd_log_sd * rng.standard_normal(n))
    certified = rng.random(n) < 0.25
    size = log_revenue - r.reference_size
    spread, hazard, drift = np.full(n, r.spread), np.full(n, 0.01), np.full(n, 0.02)
    lived = 0.0
    for quarter in range(quarters):
        k = rng.poisson(0.25 * (r.entry[Source.ORGANIC] + r.entry[Source.INCUBATOR]))
        log_revenue = np.concatenate([log_revenue, r.entry_log_median[0] + r.entry_log_sd[0] * rng.standard_normal(k)])
        born = np.concatenate([born, np.full(k, quarter)])
        rd = np.concatenate([rd, np.exp(r.rd_log_median[0] + r.rd_log_sd * rng.standard_normal(k))])
        certified = np.concatenate([certified, np.zeros(k, bool)])
        spread = np.concatenate([spread, np.full(k, r.spread)])
        hazard = np.concatenate([hazard, np.full(k, 0.02)])
        drift = np.concatenate([drift, np.full(k, 0.05)])
        log_revenue += drift + rng.laplace(0.0, 1.0, len(drift)) * spread
        np.exp(log_revenue).sum()
        stays = rng.random(len(born)) >= hazard
        log_revenue, born, rd, certified = log_revenue[stays], born[stays], rd[stays], certified[stays]
        spread, hazard, drift = spread[stays], hazard[stays], drift[stays]
        lived += len(born)
        if quarter % 4 == 3:
            age = np.clip(quarter - born + 1, 0, len(r.drift_by_age) - 1)
            size = log_revenue - r.reference_size
            spread = np.clip(r.spread * np.exp(-r.spread_size * size), r.spread_floor, r.spread_ceiling)
            hazard = np.minimum(r.exit_floor + r.hazard_by_age[age] * np.exp(-r.exit_size * size), r.exit_ceiling)
            drift = r.drift_by_age[age]
            np.exp(r.jobs_base[0] + r.jobs_elasticity * log_revenue).sum()
            apply = (~certified) & (np.exp(log_revenue) > 1.4e6) & (rd > 0.05) & (rng.random(len(rd)) < 0.7)
            certified |= apply
    return lived
