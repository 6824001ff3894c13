"""The road from seed on: which firms of a founding cohort reach a second, third … round, and how large rounds are.

Read from the event log of simulated worlds as one reads a database of deals: a firm counts from its first round on, if
that is an angel or seed round; its rounds are counted up to a date. Bridges by holders outside are no rounds.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sim.scenario.document import Scenario

FIRST = ("angel", "seed")
SIZED = ("seed", "a", "b", "c")


@dataclass(frozen=True)
class Funnel:
    """reach[k]: share of the seed-funded with at least k + 2 rounds; quartiles of round sizes in yuan, by stage."""

    firms: int
    reach: np.ndarray
    quartiles: dict[str, np.ndarray]
    spread: dict[str, float]  # standard deviation of log size


def funding_funnel(scenario: "Scenario", founded: tuple[int, int], until: int, replications: int, seed: int) -> Funnel:
    """founded, until: quarters (year x 4 + 0 … 3), all inclusive. Firms of the start are in no cohort."""
    from sim.ensemble import simulate
    from sim.quantities import parse_quarter

    log = simulate(scenario, replications=replications, seed=seed, events=replications).samples["rounds"]
    quarter = np.array([parse_quarter(q) for q in log["quarter"]], dtype=int)
    entry = np.array([0 if f.startswith("start") else _entry(f) for f in log["firm"]], dtype=int)
    mine = (entry >= founded[0]) & (entry <= founded[1]) & (quarter <= until)
    identity = np.array([f"{r}/{f}" for r, f in zip(log["replication"], log["firm"], strict=True)])
    begun = set(identity[mine & (log["round"] == 1) & np.isin(log["stage"], FIRST)].tolist())
    counted = mine & np.isin(identity, list(begun))
    _, rounds = np.unique(identity[counted], return_counts=True)
    quartiles, spread = {}, {}
    for stage in SIZED:
        named = np.isin(log["stage"], FIRST) if stage == "seed" else log["stage"] == stage
        sizes = log["amount"][counted & named]
        known = sizes.size > 1
        quartiles[stage] = np.quantile(sizes, [0.25, 0.5, 0.75]) if known else np.full(3, np.nan)
        spread[stage] = float(np.log(sizes).std()) if known else float("nan")
    reach = np.array([np.mean(rounds >= k) if rounds.size else np.nan for k in range(2, 6)])
    return Funnel(len(begun), reach, quartiles, spread)


def _entry(firm: str) -> int:
    from sim.quantities import parse_quarter

    try:
        return parse_quarter(firm.partition("-")[0])
    except ValueError:
        return 0  # a firm known by name
