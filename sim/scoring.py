"""The scoreboard: what was published beside what was simulated."""

from typing import TYPE_CHECKING, Any

import numpy as np

from sim.measures import Score, score_fact
from sim.terms import term

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sim.result import Result
    from sim.scenario.document import Scenario


def surely(scored: "Iterable[tuple[str, float | None]]", lang: str) -> str:
    """How many of the facts are bounds that 99.5 % of the replications and more meet, and could hardly have failed;
    nothing where none is. scored: of each its bound and the share of replications that meet it."""
    count = 0
    for bound, reached in scored:
        count += bound in ("at_least", "at_most") and reached is not None and reached >= 0.995
    return term("scored.sure", lang).format(count=count) if count else ""


def too_early(fact: Any, start: int) -> bool:
    """Whether a fact is of a time, or counts from one, before anything is simulated: it cannot be scored."""
    return int(fact.date if fact.since is None else fact.since) < start


def unscored(scenario: "Scenario") -> tuple[dict[str, str], dict[str, str]]:
    """Id -> quarter of the facts, inputs aside, that nothing scores: those that lie or count from before the start, and
    those that lie after the end."""
    from sim.quantities import quarter_name

    start, end = int(scenario.zone.start), int(scenario.zone.end)
    scored = [fact for fact in scenario.facts if fact.use != "input"]
    early = {
        fact.id: quarter_name(int(fact.date if fact.since is None else fact.since))
        for fact in scored
        if too_early(fact, start)
    }
    late = {fact.id: quarter_name(int(fact.date)) for fact in scored if int(fact.date) > end and fact.id not in early}
    return early, late


def simulated(fact: Any, result: "Result", start: int) -> np.ndarray:
    """Draws [replication] of what a fact speaks of; sums of metrics, differences since a quarter."""
    at = int(fact.date) - start
    last = result.values.shape[2] - 1
    if not 0 <= at <= last or too_early(fact, start):
        return np.full(result.values.shape[1], np.nan)
    total = np.zeros(result.values.shape[1])
    for part in fact.metric.split("+"):
        series = result[part.strip()]
        total = total + series[:, at]
        if fact.since is not None:
            total = total - series[:, int(fact.since) - start]
    return total


def score_facts(scenario: "Scenario", result: "Result") -> list[Any]:
    """A ScoredFact for every fact of the scenario. Inputs carry no band: a fact used as an input is no evidence."""
    from sim.quantities import quarter_name
    from sim.result import ScoredFact

    units = {m.name: m.unit for m in scenario.metrics}
    out = []
    for fact in scenario.facts:
        draws = simulated(fact, result, int(scenario.zone.start))
        score = score_fact(fact.value, draws, fact.bound) if fact.use != "input" else Score()
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
                p05=score.p05,
                p50=score.p50,
                p95=score.p95,
                inside=score.inside,
                probability=score.probability,
                source=fact.source or "",
                note=fact.note or "",
                name=name.en if name else "",
                name_zh=name.zh if name else "",
                since=quarter_name(int(fact.since)) if fact.since is not None else "",
            )
        )
    return out
