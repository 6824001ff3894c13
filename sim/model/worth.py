"""By how much a headline valuation exceeds what the firm is worth, by stage and terms, once for a scenario.

A world values its unlisted firms at last post-money and, beside it, at fair value. The quadrature of
sim.finance.fair_value is exact but too slow for every round of every world, so its answer is tabulated before the run:
the typical path of a firm up to a stage (median dilution, the stage's centre as pre-money, preferences of the
scenario), with the last class junior or senior, with or without participation. Rounds that are logged get their own
exact value from their own cap table (sim.analysis.returns.fair_rounds). Taken at the scenario's central values.
"""

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from sim.model.stages import STAGE_LABELS

if TYPE_CHECKING:
    from sim.scenario.document import Scenario

Path = tuple[tuple[float, float, float], ...]  # (dilution, post-money, preference) of each stage, rising


@lru_cache(maxsize=32)
def _parts(
    path: Path,
    cap: float,
    volatility: float,
    exit_rate: float,
    rate: float,
    unissued: float,
    ipo: tuple[tuple[float, float], ...],
) -> np.ndarray:
    from sim.finance.fair_grid import quick_fair_value
    from sim.finance.fair_value import Round

    out = np.ones((len(path) + 1, 4))
    for k in range(1, len(path) + 1):
        for senior in (0, 1):
            for joins in (0, 1):
                rounds = [Round(d * post, post, preference) for d, post, preference in path[:k]]
                d, post, preference = path[k - 1]
                limit = cap if joins and np.isfinite(cap) else None
                rounds[-1] = Round(d * post, post, preference, float(senior), bool(joins), limit)
                worth = quick_fair_value(rounds, volatility, exit_rate, rate, unissued, ipo)
                out[k, 2 * senior + joins] = min(1.0, worth / post)
    return out


def fair_parts(s: "Scenario") -> np.ndarray:
    """Fair value over post-money, float64[stage, 2 x senior + participating]; stage 0 has no round and is 1."""
    path: list[tuple[float, float, float]] = []
    for name, _, _ in STAGE_LABELS:
        stage = getattr(s.rounds.stages, name)
        d = min(max(stage.dilution.value, 0.01), 0.6)
        post = max(stage.centre.value, s.report.fair.least_value.value) / (1.0 - d)
        path.append((d, max(post, path[-1][1] if path else 0.0), stage.preference.value))
    f = s.report.fair
    return _parts(
        tuple(path),
        s.rounds.terms.participation_cap.value,
        f.volatility.value,
        f.exit_rate.value,
        f.rate.value,
        f.unissued.value,
        tuple((x.value.value, x.odds.value) for x in f.ipo),
    )
