"""By how much headline valuations exceed fair value: rounds by stage, and net asset values of funds.

Excess = headline / fair value - 1. Of a round the headline is its post-money and the fair value that of Gornall and
Strebulaev (2020), at which the class just sold is worth what was paid for it, from the firm's own classes up to then.
Of a fund the headline is the net asset value at last prices; at fair value each unlisted holding stands at the part of
its last price that a typical cap table of that stage and those terms is worth (sim.model.worth), while cash, listed
holdings and the portfolio outside the model stand the same in both. Reads a result; decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.analysis.returns import band, fair_rounds
from sim.model.stages import STAGE_LABELS

if TYPE_CHECKING:
    from sim.result import Result
    from sim.scenario.document import Scenario

    Floats = Any  # float64 arrays

MOST_VALUED = 4000  # rounds; a third of a millisecond each
STAGES = tuple(name for name, _, _ in STAGE_LABELS)
NEEDED = (
    "replication", "firm", "quarter", "stage", "amount", "post_money", "previous_post_money", "preference", "seniority",
    "participating", "raised_before", "fair_value",
)  # fmt: skip
QUANTILES = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class RoundsOfKind:
    """kind: a stage, "all" or "unicorns"; post_money, fair_value: medians over its rounds, in yuan; excess: p05, p50,
    p95 over its rounds; above: share of them whose post-money exceeds fair value; typical: median excess by the typical
    path to their stage, which is what net asset values of funds at fair value are made of."""

    kind: str
    count: int
    post_money: float
    fair_value: float
    excess: tuple[float, float, float]
    above: float
    typical: float


@dataclass(frozen=True)
class RoundsAboveFair:
    """rows: all rounds, those of each stage there is, those at a unicorn's price. valued, worlds: rounds and worlds
    they are of, the first ones of the log; logged, logged_worlds: what the log holds; replications: of the run."""

    rows: list[RoundsOfKind]
    valued: int
    worlds: int
    logged: int
    logged_worlds: int
    replications: int


def rounds_above_fair(scenario: Scenario, result: Result, most: int = MOST_VALUED) -> RoundsAboveFair | None:
    """Rounds of the first logged worlds, whole worlds of at most `most` rounds together (the first in any case); None
    where the result has no log of rounds, none happened, or an earlier version wrote it with other columns."""
    table: Any = result.samples.get("rounds", {})
    if any(name not in table for name in NEEDED) or len(table["quarter"]) == 0:
        return None
    worlds, counts = np.unique(table["replication"], return_counts=True)
    taken = max(1, int(np.searchsorted(np.cumsum(counts), most, side="right")))
    every = int(counts.max())
    found = [
        row for r in worlds[:taken] for row in fair_rounds(scenario, result.samples, int(r), most=every, quick=True)
    ]
    post, fair, excess, typical = (
        np.array([row[key] for row in found]) for key in ("post_money", "fair_value", "overvaluation", "typical")
    )
    stage = np.array([row["stage"] for row in found])
    kinds = {"all": np.ones(len(found), bool)} | {name: stage == name for name in STAGES}
    kinds["unicorns"] = post >= scenario.report.unicorn_usd.value * scenario.report.usd_cny.value
    rows = []
    for kind, mine in kinds.items():
        if mine.any():
            low, middle, high = (float(x) for x in np.quantile(excess[mine], QUANTILES))
            rows.append(
                RoundsOfKind(
                    kind,
                    int(mine.sum()),
                    float(np.median(post[mine])),
                    float(np.median(fair[mine])),
                    (low, middle, high),
                    float(np.mean(excess[mine] > 0.0)),
                    float(np.median(typical[mine])),
                )
            )
    return RoundsAboveFair(rows, len(found), taken, len(table["quarter"]), len(worlds), result.replications)


@dataclass(frozen=True)
class AboveFair:
    """A headline beside fair value in one quarter: p05, p50, p95 over replications of each, in yuan, and of the excess
    over the `defined` replications in which there is anything to value (NaN where there is none)."""

    quarter: str
    headline: tuple[float, float, float]
    fair_value: tuple[float, float, float]
    excess: tuple[float, float, float]
    defined: int


def above_fair(result: Result, headline: str, fair_value: str, quarters: Sequence[str]) -> list[AboveFair]:
    """Two metrics of a run beside each other, such as funds.guidance.nav and funds.guidance.nav_fair; empty where the
    result has not both. The excess is taken in each replication and then ranked: medians of the two do not divide."""
    if headline not in result or fair_value not in result:
        return []
    out = []
    for name in quarters:
        at = result.quarter(name)
        values = result[headline][:, at], result[fair_value][:, at]
        with np.errstate(divide="ignore", invalid="ignore"):
            excess = np.where(values[1] > 0.0, values[0] / values[1] - 1.0, np.nan)
        defined = int(np.sum(~np.isnan(excess)))
        out.append(AboveFair(name, band(values[0]), band(values[1]), band(excess), defined))
    return out
