"""National totals of ladders from simulated worlds: awards, stocks, what re-reviews leave, what a review lets through.

Everything is read from the metrics and the event log of a run; a sample of one in n stands for n times as many.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sim.analysis.lived import Need
    from sim.scenario.document import Scenario

ENTERED, LEFT, RENEWED, REJECTED = 1, -1, 2, -2  # sim/model/ladders/kernel.py, log_level


@dataclass(frozen=True)
class Totals:
    """By year: awards (mean over worlds), stock at the year's end, share of the due that a re-review renewed, share of
    the reviewed that passed, share of the listed that had raised a round. NaN where nothing was due, reviewed or
    listed. of_listings: awards of the level over all listings, of the years together."""

    entered: np.ndarray
    stock: np.ndarray
    renewed: np.ndarray
    passed: np.ndarray
    backed: np.ndarray
    of_listings: float


def ladder_totals(
    scenario: "Scenario", level: str, years: Sequence[int], scale: float, need: "Need", seed: int
) -> Totals:
    """level: as ladder.level. Lapses are told from firms that closed by falling in the level's windows; a firm that
    closes in such a quarter loses its certificates without an event. need: worlds, to the last of the years at least;
    without a log renewed and passed are NaN."""
    from sim.analysis.lived import lived
    from sim.quantities import parse_quarter

    result = lived(scenario, need, seed)
    start = int(scenario.zone.start)
    ends = [4 * year + 3 - start for year in years]
    entered, stock = result[f"ladder.{level}.entered"], result[f"ladder.{level}"]
    before = [max(0, end - 4) for end in ends]
    log = result.log("levels") if need.logged else {"level": np.zeros(0), "quarter": np.zeros(0), "what": np.zeros(0)}
    mine = log["level"] == level
    year = np.array([parse_quarter(q) // 4 for q in log["quarter"]], dtype=int) if len(log["quarter"]) else np.zeros(0)

    def count(what: int, at: int) -> int:
        return int((mine & (year == at) & (log["what"] == what)).sum())

    def share(good: float, bad: float) -> float:
        return good / (good + bad) if good + bad else float("nan")

    levels = [(f"{a}.{b}", level) for a, x in scenario.ladders.items() for b, level in x.levels.items()]
    listed = sum((result[f"ladder.{name}.entered"] for name, x in levels if x.is_listing), np.zeros_like(entered))
    backed = result["firms.listed_backed"]
    awards, listings = ((x[:, ends] - x[:, before]).sum() for x in (entered, listed))
    of_year = [(x[:, ends] - x[:, before]).sum(axis=0) for x in (backed, listed - backed)]
    return Totals(
        entered=scale * (entered[:, ends] - entered[:, before]).mean(axis=0),
        stock=scale * stock[:, ends].mean(axis=0),
        renewed=np.array([share(count(RENEWED, at), count(LEFT, at)) for at in years]),
        passed=np.array([share(count(ENTERED, at), count(REJECTED, at)) for at in years]),
        backed=np.array([share(good, bad) for good, bad in zip(*of_year, strict=True)]),
        of_listings=float(awards / listings) if listings else float("nan"),
    )
