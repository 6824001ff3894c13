"""Levels of ladders whose stock at the start and whose rules do not fit each other.

A stock that is stated and odds that are stated are two statements about one thing: where a level takes in far more, or
far fewer, than leave it, its stock runs off from what was stated within a few quarters.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sim.result import Result
    from sim.scenario.document import Scenario

FOLD = 1.5  # change from which a level is told
QUARTERS = 8  # after the start in which it is looked for
LEAST = 10.0  # firms: less is told of no level


@dataclass(frozen=True)
class Unfit:
    """A level that runs off: firms on it at the start and in the quarter of its largest change, medians of the worlds.

    key: what to change; factor: by which `apply` times about as many come as go, None where that cannot be told or the
    scenario states no stock (initial) but that of its named firms. most: whether that is more than all the eligible.
    """

    level: str
    start: float
    then: float
    quarter: str
    key: str
    factor: float | None
    most: bool = False


def unfit(result: Result, scenario: Scenario) -> list[Unfit]:
    """The levels of which the scenario states firms at the start and that change FOLD-fold within QUARTERS; not those
    of which it states a later published figure, against which they are scored."""
    asked = scenario.asked_on_ladders()
    named = _named_on_ladders(scenario)
    scored = [
        part.strip()
        for fact in scenario.facts
        if fact.use in ("calibrate", "check") and fact.date > scenario.zone.start
        for part in fact.metric.split("+")
    ]
    found = []
    for a, ladder in scenario.ladders.items():
        for b, level in ladder.levels.items():
            name = f"ladder.{a}.{b}"
            stated = asked.get(f"{a}.{b}", 0.0) > 0.0
            if any(part == name or part.startswith(f"{name}.") for part in scored):
                continue
            if not (stated or named[f"{a}.{b}"]) or f"{name}.entered" not in result or f"{name}.left" not in result:
                continue
            stock, entered, left = (
                np.median(result[metric][:, : QUARTERS + 1], axis=0)
                for metric in (name, f"{name}.entered", f"{name}.left")
            )
            start = float(np.median((result[name] - result[f"{name}.entered"] + result[f"{name}.left"])[:, 0]))
            folds = np.abs(np.log(np.maximum(stock, 1.0) / max(start, 1.0)))
            at = int(np.argmax(folds))
            if folds[at] < np.log(FOLD) or abs(stock[at] - start) < LEAST:
                continue
            key, factor = f"ladders.{a}.levels.{b}.{'apply' if stated else 'initial'}", None
            if stated and entered[at] > 0.0:
                factor = float(left[at] * start / max(float(stock[: at + 1].mean()), 1.0) / entered[at])
            most = factor is not None and factor * level.apply.value > 1.0
            found.append(Unfit(f"{a}.{b}", start, float(stock[at]), result.quarters[at], key, factor or None, most))
    return found


def _named_on_ladders(scenario: Scenario) -> Counter[str]:
    """ladder.level -> named firms that hold it at the start."""
    whole = {b: f"{a}.{b}" for a, ladder in scenario.ladders.items() for b in ladder.levels}
    out: Counter[str] = Counter()
    for firm in scenario.named:
        if firm.enters is None or firm.enters <= scenario.zone.start:
            out.update(whole.get(c.level, c.level) for c in firm.certificates)
    return out
