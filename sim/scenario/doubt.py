"""Doubt by grade: what a number that states no distribution carries because of where it comes from.

`[uncertainty]` says how far a number graded assumed or estimated may be off. Each quantity of a kind that can be off
gets a `Doubt` here, once a scenario is loaded; `sim.model.rows` draws it at the number's own address. Which numbers
carry one is decided by what they are, not by what they do to results:

- **carry it**: how much and how likely things of the world are: money, shares, odds, yearly rates, ratios, signed
  coefficients; of the counts those that say how many there are at the start or how many come a year.
- **carry none**: numbers graded published; numbers with a distribution of their own; what `[calibrate]` fits; what is
  stated as `exact`; what was set on the command line, by a sweep or by a lever. By kind: dates, durations, switches,
  floor areas, whole numbers that are limits. By table (`Table.settled`): rules and thresholds, what a policy fixes,
  terms of contracts, what is known of named firms, definitions of what is reported; and exponents: standard deviations
  of logs, elasticities, correlations. An exponent off by a fifth changes a tail by a multiple, and no grade says how
  much it is off.
"""

from __future__ import annotations

import math
import types
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin

from pydantic import BaseModel

from sim.scenario.fields import Z95, Bounds, Doubt, Kind, Quantity, Table, iter_quantities

if TYPE_CHECKING:
    from sim.scenario.document import Scenario
    from sim.scenario.reading import Tree

LIKE = frozenset(("cold", "normal", "hot"))  # one number by regime ...
STAGED = frozenset(("angel", "seed", "a", "b", "c", "d", "pre_ipo"))  # ... or by stage: their order is meant
LEFT_OUT = ("facts.", "levers.", "uncertainty.", "sweep.", "calibrate.")


def address(path: str) -> str:
    """Where a number's doubt is drawn: its path, with regimes and stages taken together, so that numbers whose order is
    part of their meaning move together and keep it.

    >>> address("market.window.cold"), address("rounds.stages.pre_ipo.floor")
    ('market.window.*', 'rounds.stages.*.floor')
    """
    parts = path.split(".")
    if parts[-1] in LIKE:
        parts[-1] = "*"
    if parts[:2] == ["rounds", "stages"] and parts[2] in STAGED:
        parts[2] = "*"
    return ".".join(parts)


def give(scenario: Scenario, tree: Tree) -> None:
    """Writes the doubt of every number of a scenario that has just been loaded; free where `[uncertainty]` is 0."""
    widths = {"assumed": scenario.uncertainty.assumed.value, "estimated": scenario.uncertainty.estimated.value}
    if not any(widths.values()):
        return
    fitted = set(_flat(scenario.calibrate))
    for name in type(scenario).model_fields:
        _walk(getattr(scenario, name), type(scenario), name, widths, fitted, tree)


def _flat(table: dict[str, Any], above: str = "") -> list[str]:
    """Paths of a table of priors, however its keys are nested: every prefix, as a spread is a table too."""
    out = []
    for key, value in table.items():
        out.append(f"{above}{key}")
        if isinstance(value, dict):
            out += _flat(value, f"{above}{key}.")
    return out


def has_prior(scenario: Scenario, path: str) -> bool:
    """Whether `[calibrate]` fits the number of that path."""
    return path in _flat(scenario.calibrate)


def _walk(value: Any, owner: type[BaseModel], name: str, widths: dict[str, float], fitted: set, tree: Tree) -> None:
    if isinstance(value, Quantity):
        _doubt(value, owner, name, widths, fitted, tree)
    elif isinstance(value, BaseModel):
        for field in type(value).model_fields:
            _walk(getattr(value, field), type(value), field, widths, fitted, tree)
    elif isinstance(value, dict):
        for item in value.values():
            _walk(item, owner, name, widths, fitted, tree)
    elif isinstance(value, list | tuple):
        for item in value:
            _walk(item, owner, name, widths, fitted, tree)


def _doubt(q: Quantity, owner: type[BaseModel], name: str, widths: dict[str, float], fitted: set, tree: Tree) -> None:
    width = widths.get(q.grade or "", 0.0)
    if not width or q.distribution is not None or q.path in fitted or q.path.startswith(LEFT_OUT):
        return
    if q.exact or tree.is_set(q.path):
        return
    allowed = carries(owner, name)
    if allowed is None:
        return
    origin = owner.origins.get(name, 0.0) if issubclass(owner, Table) else 0.0
    low, high = allowed
    origin = min(max(origin, low), high)
    if q.value in (origin, low, high):  # nothing, all: what is said so is meant so
        return
    q.doubt = Doubt(math.log1p(width) / Z95, origin, high if q.value > origin else low, address(q.path))


@cache
def carries(owner: type[BaseModel], name: str) -> tuple[float, float] | None:
    """The bounds of a field whose numbers carry doubt by grade, or None."""
    if not issubclass(owner, Table) or owner.settled == "all" or name in owner.settled:
        return None
    kind: Kind | None = None
    low, high = -math.inf, math.inf
    field = owner.model_fields[name]
    for part in (*field.metadata, *_parts(field.annotation)):
        if isinstance(part, Kind):
            kind = part
        bounds = part.bounds if isinstance(part, Kind) else part if isinstance(part, Bounds) else None
        if bounds is not None:
            low, high = max(low, bounds.ge, bounds.gt), min(high, bounds.le, bounds.lt)
    if kind is None or not (kind.magnitude or name in owner.doubted):
        return None
    return low, high


def _parts(annotation: Any) -> list[Any]:
    """What the annotations of a type say, those of its items and alternatives included."""
    out: list[Any] = list(getattr(annotation, "__metadata__", ()))
    if out:
        out += _parts(annotation.__origin__)
    elif get_origin(annotation) in (Union, types.UnionType, list, dict, tuple):
        for inner in get_args(annotation):
            out += _parts(inner)
    return out


def counts(scenario: Scenario) -> dict[str, dict[str, float]]:
    """By grade: how many numbers carry doubt, of how many of that grade, and within what part nine in ten lie."""
    carrying: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    for path, q in iter_quantities(scenario):
        if q.grade is not None and not path.startswith(LEFT_OUT):
            whole[q.grade] += 1
            carrying[q.grade] += q.doubt is not None
    widths = {"assumed": scenario.uncertainty.assumed.value, "estimated": scenario.uncertainty.estimated.value}
    return {
        grade: {"carry": carrying[grade], "of": whole[grade], "within": width}
        for grade, width in widths.items()
        if width > 0.0
    }
