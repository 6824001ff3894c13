"""Uptake of something new: Bass (1969), "A new product growth for model consumer durables", Management Science 15(5).

dF/dt = (p + q F)(1 - F), F(0) = 0: p the hazard by outreach, q by peers, both per year. The closed form is exact; an
agent that looks once a quarter must not use p + q F as its quarterly odds (an Euler step, biased), but `adoption_odds`,
which carries the peers' adoption within the quarter. Not modelled: repeat purchases, networks, prices.
"""

import math

import numpy as np

from sim.model.draws import Purpose, uniform
from sim.model.jit import kernel


@kernel
def adopted_share(p, q, years):
    """Share that has adopted after `years`: (1 - e^-(p+q)t) / (1 + q/p e^-(p+q)t)."""
    if p <= 0.0:
        return 0.0
    return -p * math.expm1(-(p + q) * years) / (p + q * math.exp(-(p + q) * years))


@kernel
def adoption_odds(p, q, adopted, years):
    """Probability that one who has not adopted does so within `years`, when the share `adopted` has: the exact
    solution of the law from that share on, so any number of steps gives the closed form."""
    rate = p + q
    if rate <= 0.0:
        return 0.0
    reach = p + q * adopted
    return -reach * math.expm1(-rate * years) / (reach + q * (1.0 - adopted) * math.exp(-rate * years))


def peak(p: float, q: float) -> float:
    """Years to the greatest rate of adoption: ln(q/p) / (p+q); 0 where q does not exceed p."""
    return math.log(q / p) / (p + q) if q > p > 0.0 else 0.0


@kernel
def adopt_by_quarter(key, p, q, agents, adopted, quarters, share):
    """Agents that decide once a quarter on addressed draws. share [quarters + 1] receives who has adopted.

    key: of draws, one a replication; adopted: room for [agents] flags.
    """
    count = 0
    for i in range(agents):
        adopted[i] = False
    share[0] = 0.0
    for quarter in range(quarters):
        odds = adoption_odds(p, q, count / agents, 0.25)
        for i in range(agents):
            if not adopted[i] and uniform(key, i, 0, quarter, Purpose.NOVELTY) < odds:
                adopted[i] = True
                count += 1
        share[quarter + 1] = count / agents


def simulate_uptake(p: float, q: float, quarters: int, agents: int, replications: int, seed: int) -> np.ndarray:
    """Shares [replication, quarter 0 … quarters] of the agent form."""
    from sim.model.draws import key_of

    out = np.empty((replications, quarters + 1))
    adopted = np.empty(agents, np.bool_)
    for k in range(replications):
        adopt_by_quarter(key_of(seed, k), p, q, agents, adopted, quarters, out[k])
    return out
