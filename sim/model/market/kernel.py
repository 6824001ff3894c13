"""The market every firm of a replication shares: regime, listed multiples, private pricing, the IPO window."""

import numpy as np

from sim.model.draws import Purpose, normal, uniforms
from sim.model.jit import kernel
from sim.model.world import Regime


@kernel
def draw_market(key, rules, market, quarters):
    """Fill the paths of the whole run (they depend on nothing else).

    Regimes are a Markov chain by quarter; quarters before rules.history_until are history and given. The log index of
    listed multiples reverts to its regime's mean, m += k (mean_r - m) + s e; private pricing follows, p += l (m - p).
    Not modelled: feedback of the zone on the market.
    """
    regime = np.int64(rules.regime_start)
    multiple = rules.multiple_start
    private = rules.private_start
    placing = 0.0
    for q in range(quarters):
        u, v, _, _ = uniforms(key, 0, 0, q, Purpose.MARKET)
        if q < rules.history.shape[0] and rules.history[q] >= 0:
            regime = np.int64(rules.history[q])
        elif q > 0:
            total = 0.0
            chosen = np.int64(0)
            for r in range(3):
                total += rules.transition[regime, r]
                if u < total:
                    chosen = np.int64(r)
                    break
                chosen = np.int64(r)
            regime = chosen
        multiple += rules.reversion * (rules.regime_mean[regime] - multiple) + rules.volatility * normal(v)
        private += rules.lag * (multiple - private)
        market.regime[q] = regime
        market.multiple[q] = multiple
        market.private[q] = private
        placing += rules.pace[regime]
        market.placing[q] = placing
        window = rules.window[regime]
        if rules.shut_from <= q < rules.shut_until:
            window *= rules.shut_share
        market.window[q] = window


@kernel
def mean_regime(regime):
    """1 in hot quarters, -1 in cold ones, 0 otherwise."""
    if regime == Regime.HOT:
        return 1.0
    if regime == Regime.COLD:
        return -1.0
    return 0.0
