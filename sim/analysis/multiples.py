"""What investors pay for a yuan of sales: post-money over a firm's sales at the time of each logged round.

Sales are the yearly rate of the quarter in which the round closed, not the last filed year. Reads a result; decides
nothing. Not told: multiples of profit, which most firms that raise money do not have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.model.stages import STAGE_LABELS

if TYPE_CHECKING:
    from sim.result import Result

NEEDED = ("replication", "stage", "post_money", "revenue")
QUANTILES = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class SalesMultiple:
    """Rounds of a stage. post_money, revenue: medians, in yuan; multiple: p25, p50, p75 of post-money over a year's
    sales over its rounds."""

    stage: str
    count: int
    post_money: float
    revenue: float
    multiple: tuple[float, float, float]


def sales_multiples(result: Result) -> list[SalesMultiple]:
    """By stage, over the rounds of all logged worlds; empty where the result has no log of rounds, or an earlier
    version wrote it without sales."""
    table: Any = result.samples.get("rounds", {})
    if any(name not in table for name in NEEDED) or len(table["post_money"]) == 0:
        return []
    stage, post, revenue = (np.asarray(table[name]) for name in NEEDED[1:])
    out = []
    for name, _, _ in STAGE_LABELS:
        mine = (stage == name) & (revenue > 0.0)
        if mine.any():
            low, middle, high = (float(x) for x in np.quantile(post[mine] / revenue[mine], QUANTILES))
            medians = float(np.median(post[mine])), float(np.median(revenue[mine]))
            out.append(SalesMultiple(name, int(mine.sum()), *medians, (low, middle, high)))
    return out
