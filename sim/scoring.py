"""The scoreboard: what was published beside what was simulated."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from sim.result import Result
    from sim.scenario.document import Scenario


def simulated(fact: Any, result: "Result", start: int) -> np.ndarray:
    """Draws [replication] of what a fact speaks of; sums of metrics, differences since a quarter."""
    at = int(fact.date) - start
    last = result.values.shape[2] - 1
    if not 0 <= at <= last:
        return np.full(result.values.shape[1], np.nan)
    total = np.zeros(result.values.shape[1])
    for part in fact.metric.split("+"):
        series = result[part.strip()]
        total = total + series[:, at]
        if fact.since is not None:
            total = total - series[:, max(0, int(fact.since) - start)]
    return total


def score_facts(scenario: "Scenario", result: "Result") -> list[Any]:
    """A ScoredFact for every fact of the scenario. Inputs carry no band: a fact used as an input is no evidence.

    inside: p05 <= observed <= p95; a floor is met when p95 reaches it, a ceiling when p05 stays below it.
    """
    from sim.quantities import quarter_name
    from sim.result import ScoredFact

    units = {m.name: m.unit for m in scenario.metrics}
    out = []
    for fact in scenario.facts:
        draws = simulated(fact, result, int(scenario.zone.start))
        draws = draws[~np.isnan(draws)]
        p05 = p50 = p95 = None
        inside: bool | None = None
        probability = None
        if fact.use != "input" and draws.size:
            p05, p50, p95 = (float(x) for x in np.quantile(draws, [0.05, 0.5, 0.95]))
            if fact.bound == "at_least":
                inside, probability = p95 >= fact.value, float(np.mean(draws >= fact.value))
            elif fact.bound == "at_most":
                inside, probability = p05 <= fact.value, float(np.mean(draws <= fact.value))
            else:
                inside, probability = p05 <= fact.value <= p95, float(np.mean(draws >= fact.value))
        name = fact.name
        out.append(
            ScoredFact(
                id=fact.id,
                use=fact.use,
                metric=fact.metric,
                date=quarter_name(int(fact.date)),
                observed=fact.value,
                unit=units.get(fact.metric.split("+")[0].strip(), ""),
                bound=fact.bound or "exact",
                statistic=fact.statistic or "",
                p05=p05,
                p50=p50,
                p95=p95,
                inside=inside,
                probability=probability,
                source=fact.source or "",
                note=fact.note or "",
                name=name.en if name else "",
                since=quarter_name(int(fact.since)) if fact.since is not None else "",
            )
        )
    return out
