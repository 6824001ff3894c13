"""One varied parameter: its path and how it spreads.

A spread is written `LO..HI` (uniform), or as the scenario writes distributions: `normal(0.2, 0.05)`,
`lognormal(1900, 2600)` (median and 95th percentile), `triangular(lo, mode, hi)`, `beta(mean, sd)`, `uniform(lo, hi)`,
`choices(1, 2, 4)`. Money, shares and rates are written as everywhere: `20亿..100亿`, `20%..50%`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.analysis.model import refuse
from sim.errors import Problem, UserError
from sim.quantities import BareMoney, number_of
from sim.scenario.fields import Distribution
from sim.scenario.reading import COMMAND_LINE

if TYPE_CHECKING:
    from sim.scenario.document import Scenario

# A kind of distribution and the numbers it takes, in the order in which they are written.
KINDS: dict[str, tuple[str, ...]] = {
    "uniform": ("low", "high"),
    "normal": ("mean", "sd"),
    "lognormal": ("median", "p95"),
    "triangular": ("low", "mode", "high"),
    "beta": ("mean", "sd"),
    "choices": (),
}
SETTINGS = ("targets", "method", "samples", "replications")  # entries of [sweep] that are no paths
Z95 = 1.6448536269514722  # the standard normal's 95th percentile
OUTER = 0.01  # Morris and grids reach into an unbounded spread as far as its 1st and 99th percentile

Number = Callable[[str], float]


@dataclass(frozen=True)
class Varied:
    """A path and how its number spreads, in base units (yuan, years, shares)."""

    path: str
    distribution: Distribution

    @classmethod
    def uniform(cls, path: str, low: float, high: float) -> Varied:
        return cls(path, Distribution(kind="uniform", low=low, high=high))

    @classmethod
    def choices(cls, path: str, *numbers: float) -> Varied:
        return cls(path, Distribution(kind="choices", choices=tuple(numbers)))

    @property
    def kind(self) -> str:
        return self.distribution.kind

    @property
    def options(self) -> tuple[float, ...]:
        """The numbers of `choices`; empty for every other kind."""
        return self.distribution.choices

    def at(self, u: np.ndarray) -> np.ndarray:
        """The quantile function: values at levels `u` in [0, 1]."""
        from sim.model.rows import quantile_of

        return quantile_of(self.distribution, np.asarray(u, dtype=np.float64))

    def within(self, level: np.ndarray) -> np.ndarray:
        """Values at levels in [0, 1] of the whole spread where it is bounded, of its middle 98 % where it is not."""
        if self.kind in ("normal", "lognormal"):
            return self.at(OUTER + (1.0 - 2.0 * OUTER) * np.asarray(level))
        return self.at(level)

    @property
    def mean(self) -> float:
        d = self.distribution
        if self.kind == "lognormal":
            return d.median * math.exp(self._log_sd**2 / 2.0)
        return float(np.mean(d.choices)) if self.kind == "choices" else d.centre

    @property
    def variance(self) -> float:
        d = self.distribution
        if self.kind == "uniform":
            return (d.high - d.low) ** 2 / 12.0
        if self.kind == "triangular":
            a, c, b = d.low, d.mode, d.high
            return (a * a + b * b + c * c - a * b - a * c - b * c) / 18.0
        if self.kind == "lognormal":
            return math.expm1(self._log_sd**2) * self.mean**2
        return float(np.var(d.choices)) if self.kind == "choices" else d.sd**2

    @property
    def _log_sd(self) -> float:
        return math.log(self.distribution.p95 / self.distribution.median) / Z95

    @property
    def ends(self) -> tuple[float, float]:
        """What a tornado compares: the ends of a range, the 5th and 95th percentile of any other spread."""
        if self.kind == "uniform":
            return self.distribution.low, self.distribution.high
        if self.kind == "choices":
            return min(self.options), max(self.options)
        low, high = self.at(np.array([0.05, 0.95]))
        return float(low), float(high)

    @property
    def text(self) -> str:
        return str(self.distribution)


def checked(path: str, kind: str, numbers: Sequence[float], found: str) -> Varied:
    """Refuses what is no spread: ends reversed or equal, a standard deviation of nothing."""
    if kind not in KINDS:
        raise refuse("no such distribution", key=path, found=kind, expected=" | ".join(KINDS))
    a = tuple(float(number) for number in numbers)
    names = KINDS[kind]
    if names and len(a) != len(names):
        raise refuse("a number is missing or over", key=path, found=found, expected=f"{kind}({', '.join(names)})")

    def need(holds: bool, message: str, expected: str) -> None:
        if not holds:
            raise refuse(message, key=path, found=found, expected=expected)

    need(all(math.isfinite(number) for number in a), "not a finite number", "finite numbers")
    if kind == "uniform":
        need(a[0] != a[1], "an empty range: nothing would vary", "LO below HI")
        need(a[0] < a[1], "a reversed range", f"{a[1]:g}..{a[0]:g}")
    elif kind == "triangular":
        need(a[0] <= a[1] <= a[2] and a[0] < a[2], "a triangle's numbers rise", "low ≤ mode ≤ high, low < high")
    elif kind == "normal":
        need(a[1] > 0, "a spread of nothing", "sd above 0")
    elif kind == "lognormal":
        need(0 < a[0] < a[1], "a lognormal lies above 0 and spreads", "0 < median < p95")
    elif kind == "beta":
        holds = 0 < a[0] < 1 and a[1] > 0 and a[1] ** 2 < a[0] * (1 - a[0])
        need(holds, "no beta distribution has these", "0 < mean < 1, 0 < sd² < mean × (1 − mean)")
    else:
        need(len(set(a)) > 1, "nothing would vary", "two different numbers or more")
        return Varied(path, Distribution(kind=kind, choices=a))
    return Varied(path, Distribution(kind=kind, **dict(zip(names, a, strict=True))))  # type: ignore[arg-type]


def parse_vary(text: str, number: Number) -> Varied:
    """`PATH=SPREAD` -> Varied; `number` reads one number as the path's unit wants it."""
    path, equals, spread = (part.strip() for part in text.partition("="))
    if not equals or not path or not spread:
        raise refuse("not a parameter and its range", found=text, expected="PATH=LO..HI or PATH=normal(mean, sd) …")
    return parse_spread(path, spread, number)


def parse_spread(path: str, spread: str, number: Number) -> Varied:
    called = re.fullmatch(r"([a-z]+)\s*\((.*)\)", spread)
    if called:
        kind, written = called.group(1), [part.strip() for part in called.group(2).split(",") if part.strip()]
    elif spread.count("..") == 1:
        kind, written = "uniform", [part.strip() for part in spread.split("..")]
        if not all(written):
            raise refuse("a range without an end", key=path, found=spread, expected="LO..HI")
    else:
        raise refuse("not a range", key=path, found=spread, expected="LO..HI or normal(mean, sd) …")
    return checked(path, kind, [_read(path, part, number) for part in written], spread)


def _read(path: str, written: object, number: Number) -> float:
    try:
        return number(written)  # type: ignore[arg-type]
    except BareMoney as error:
        raise refuse(str(error), key=path) from None
    except ValueError as error:
        raise refuse(
            "not a number of this parameter's unit", key=path, found=str(written), expected=str(error)
        ) from None


def varied_of(scenario: Scenario, vary: Sequence[str]) -> list[Varied]:
    """`--vary` texts, or where there are none the scenario's `[sweep]` table, or its `[levers]`: all errors at once."""
    from sim.scenario.loading import find_quantity

    problems: list[Problem] = []
    found: list[Varied] = []

    def take(path: str, spread: object) -> None:
        try:
            quantity = find_quantity(
                scenario, path
            )  # refuses an unknown path with the nearest, and what is not a number
            number = number_of(quantity.unit, quantity.value)
            if spread is None:
                found.append(_own_spread(path, quantity.distribution, quantity.value))
            elif isinstance(spread, str):
                found.append(parse_spread(path, spread.strip(), number))
            else:
                found.append(_from_table(path, spread, number))
            _refuse_outside(scenario, found[-1])
        except UserError as error:
            problems.extend(replace(problem, **stated_at(path)) for problem in error.problems)

    def stated_at(path: str) -> dict[str, Any]:
        """File and line of a spread that stands in the scenario."""
        if vary:
            return {}
        keys = [key for key in (f"sweep.vary.{path}", f"sweep.{path}", f"levers.{path}") if key in scenario._tree.index]
        return dict(zip(("file", "line"), scenario._tree.place(keys[0]), strict=True)) if keys else {}

    for text in vary:
        path, equals, spread = text.partition("=")
        if not path.strip() or (equals and not spread.strip()):
            problems.append(Problem("not a parameter and its range", found=text, expected="PATH=LO..HI"))
        else:
            take(path.strip(), spread if equals else None)
    if not vary:
        for path, spread in table_of(scenario).items():
            take(path, spread)
    paths = [varied.path for varied in found]
    problems.extend(Problem("varied twice", key=path) for path in sorted({p for p in paths if paths.count(p) > 1}))
    if problems:
        raise UserError(problems)
    if not found:
        raise refuse("nothing to vary", expected="--vary PATH=LO..HI, or a [sweep] table in the scenario")
    return found


def _refuse_outside(scenario: Scenario, varied: Varied) -> None:
    """Both ends of a spread must make a valid scenario: the model's own bounds and references speak."""
    from sim.scenario.loading import with_overrides

    for end in varied.within(np.array([0.0, 1.0])) if not varied.options else varied.ends:
        try:
            with_overrides(scenario, {varied.path: float(end)})
        except UserError as error:  # the loader takes an end of the range for a --set
            at = f"{varied.path}={varied.text}"
            raise UserError(
                [replace(p, file=None, found=f"{end:g} in {at}") if _is_set(p) else p for p in error.problems]
            ) from None


def _is_set(problem: Problem) -> bool:
    return (problem.file or "").startswith(COMMAND_LINE)


def table_of(scenario: Scenario) -> dict[str, Any]:
    """The scenario's `[sweep]` (`[sweep.vary]` where it has one), or its `[levers]`: path -> spread as written."""
    sweep = {path: spread for path, spread in scenario.sweep.items() if path not in SETTINGS}
    table = sweep.pop("vary", None) or sweep or scenario.levers
    return dict(_flat(table))


def _flat(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted paths, whether they were written in quotes or as nested tables."""
    for key, spread in table.items():
        if isinstance(spread, Mapping) and not ({"low", "high"} <= set(spread) or set(spread) & set(KINDS)):
            yield from _flat(spread, f"{above}{key}.")
        else:
            yield f"{above}{key}", spread


def _own_spread(path: str, distribution: Distribution | None, value: float) -> Varied:
    """The distribution that the scenario itself gives the parameter."""
    if distribution is None:
        raise refuse("has no distribution of its own", key=path, found=f"{value:g}", expected="PATH=LO..HI")
    return Varied(path, distribution)


def _from_table(path: str, spread: Any, number: Number) -> Varied:
    """One entry of a table: `{ low, high }` (a lever too), or a distribution as the scenario writes them."""
    wanted = "LO..HI, { low, high } or one of " + ", ".join(KINDS)
    if isinstance(spread, int | float | list | bool):
        raise refuse("not a spread", key=path, found=str(spread), expected=wanted)
    if not isinstance(spread, Mapping):  # a validated Lever
        low, high = spread.low.value, spread.high.value
        return checked(path, "uniform", [low, high], f"{low:g}..{high:g}")
    if {"low", "high"} <= set(spread):
        ends = [_read(path, spread[end], number) for end in ("low", "high")]
        return checked(path, "uniform", ends, f"{spread['low']}..{spread['high']}")
    kinds = [kind for kind in KINDS if kind in spread]
    if len(kinds) != 1:
        raise refuse("not a spread", key=path, found=str(dict(spread)), expected=wanted)
    numbers = spread[kinds[0]]
    if not isinstance(numbers, Mapping | list):
        raise refuse("not a spread", key=path, found=str(dict(spread)), expected=f"{kinds[0]} = {{ … }} or [ … ]")
    listed = [numbers.get(name) for name in KINDS[kinds[0]]] if isinstance(numbers, Mapping) else numbers
    return checked(path, kinds[0], [_read(path, value, number) for value in listed], str(dict(spread)))
