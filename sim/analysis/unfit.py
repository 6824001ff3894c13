"""Levels of ladders whose stock at the start and whose rules do not fit each other.

A stock that is stated and odds that are stated are two statements about one thing: where a level takes in far more, or
far fewer, than leave it, its stock runs off from what was stated within a few quarters.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from sim.result import Result
    from sim.scenario.document import Scenario
    from sim.scenario.facts import Fact
    from sim.scenario.fields import Quantity

FOLD = 1.5  # change from which a level is told
QUARTERS = 8  # after the start in which it is looked for
LEAST = 10.0  # firms: less is told of no level
FITTED = ("calibrat", "fitted", "校准", "拟合")  # in the source of a number that was set so that facts are met


@dataclass(frozen=True)
class Unfit:
    """A level that runs off: firms on it at the start and in the quarter of its largest change, medians of the worlds.

    key: what to change: `initial` where the odds are to stay, for facts stand behind them (odds = "fitted"), for the
    start was moved by an import (odds = "imported"), or for no stock is stated but that of named firms; else `apply`.
    factor: by which `apply` times roughly as many come as go; None where that cannot be told or a level below runs off
    too, which this one may follow (odds = "follows"). most: whether that is more than all the eligible.
    """

    level: str
    start: float
    then: float
    quarter: str
    key: str
    factor: float | None
    most: bool = False
    odds: Literal["fitted", "imported", "follows"] | None = None


def unfit(result: Result, scenario: Scenario) -> list[Unfit]:
    """The levels of which the scenario states firms at the start and that change FOLD-fold within QUARTERS; not those
    of which it states a later published figure, against which they are scored."""
    asked = scenario.asked_on_ladders()
    named = _named_on_ladders(scenario)
    told = [(part.strip(), fact.date) for fact in _of_levels(scenario) for part in fact.metric.split("+")]
    imported = _imported(scenario)
    found = []
    for a, ladder in scenario.ladders.items():
        below = False  # whether a lower level of the ladder runs off
        for b, level in ladder.levels.items():
            name = f"ladder.{a}.{b}"
            stated = asked.get(f"{a}.{b}", 0.0) > 0.0
            dates = [date for part, date in told if part == name or part.startswith(f"{name}.")]
            if any(date > scenario.zone.start for date in dates):
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
            fitted = bool(dates) or is_fitted(level.apply, scenario)
            odds = None
            if stated:
                odds = "imported" if imported else "fitted" if fitted else "follows" if below else None
            keep = not stated or odds in ("imported", "fitted")
            key, factor = f"ladders.{a}.levels.{b}.{'initial' if keep else 'apply'}", None
            if stated and odds is None and entered[at] > 0.0:
                factor = float(left[at] * start / max(float(stock[: at + 1].mean()), 1.0) / entered[at])
            most = factor is not None and factor * level.apply.value > 1.0
            then, quarter = float(stock[at]), result.quarters[at]
            found.append(Unfit(f"{a}.{b}", start, then, quarter, key, factor or None, most, odds))
            below = True
    return found


def is_fitted(number: Quantity, scenario: Scenario) -> bool:
    """Whether a number was set so that facts are met: `calibrate` has a prior of it, or its source says so."""
    from sim.scenario.doubt import has_prior

    source = number.source.lower()
    return has_prior(scenario, number.path) or any(word in source for word in FITTED)


def _of_levels(scenario: Scenario) -> list[Fact]:
    """Facts that stand behind the odds of ladders, those before the start too."""
    return [fact for fact in scenario.facts if fact.use in ("calibrate", "check")]


def _imported(scenario: Scenario) -> bool:
    """Whether the start is that of funds with books, as `import` moves it: what is on ladders then was not stated with
    the odds of the base."""
    zone = scenario.zone
    return zone.today == zone.start and any(c.books is not None for c in scenario.funds)


def _named_on_ladders(scenario: Scenario) -> Counter[str]:
    """ladder.level -> named firms that hold it at the start."""
    whole = {b: f"{a}.{b}" for a, ladder in scenario.ladders.items() for b in ladder.levels}
    out: Counter[str] = Counter()
    for firm in scenario.named:
        if firm.enters is None or firm.enters <= scenario.zone.start:
            out.update(whole.get(c.level, c.level) for c in firm.certificates)
    return out
