"""What can be moved on the page: the scenario's [levers], or where it declares none a few that zones usually have.

A lever that is not moved leaves its parameter as the scenario has it, distribution and all; one that is moved fixes it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sim.errors import UserError, in_both
from sim.quantities import LEAST_BARE, number_of
from sim.terms import sourced

if TYPE_CHECKING:
    from sim.scenario.document import Scenario
    from sim.scenario.fields import Quantity

MOST = 40  # levers on a page, and in a request
STEPS = 100  # about as many positions as a slider has
WHOLE = ("count",)  # units without a fraction
FUNDS = re.compile(r"funds\.[^.]+\.count")  # the counts of which the scenario language refuses a part
LONGEST_TEXT = 40  # of a typed value

# (path, zh, en, low and high as multiples of the scenario's own value, or None for the ends given)
USUAL: tuple[tuple[str, str, str, float | None, float | None, tuple[float, float] | None], ...] = (
    ("funds.guidance.size", "引导基金规模", "Guidance fund", 0.0, 2.0, None),
    ("guidance.reinvestment", "返投比例", "Reinvestment ratio", None, None, (0.0, 2.0)),
    ("guidance.cap.angel", "天使子基金出资上限", "Contribution cap, angel", None, None, (0.1, 0.6)),
    ("guidance.cap.venture", "创投子基金出资上限", "Contribution cap, venture", None, None, (0.1, 0.6)),
    ("guidance.cap.industry", "产业子基金出资上限", "Contribution cap, industry", None, None, (0.1, 0.6)),
    ("guidance.additionality", "社会资本新增占比", "Share of partners' money that is new", None, None, (0.0, 1.0)),
    ("firms.entry.organic.per_year", "每年新办企业", "Firms founded a year", 0.5, 1.5, None),
    ("firms.entry.incubator.per_year", "每年孵化企业", "Firms from incubators a year", 0.0, 3.0, None),
    ("attraction.offers_per_year", "每年招商项目", "Attraction offers a year", 0.0, 3.0, None),
)
NAMES = {path: {"zh": zh, "en": en} for path, zh, en, *_ in USUAL}


@dataclass(frozen=True)
class Control:
    """One lever as the page shows it. value: where the scenario stands (its centre where it is uncertain); a switch
    has the two positions `value` (off) and `other` (on)."""

    path: str
    label: dict[str, str]
    unit: str
    low: float
    high: float
    step: float
    value: float
    switch: bool
    other: float | None
    spread: tuple[float, float] | None  # 5 and 95 % of the scenario's distribution
    grade: str
    source: dict[str, str]  # in both languages

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Wrong:
    """A message beside a field: a key of `words` with what it is filled with, or the model's own sentence."""

    path: str
    word: str
    fill: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The model's sentence in both languages: the page knows which one is read."""
        fill = {
            key: in_both(held) if key == "message" and isinstance(held, str) else held
            for key, held in self.fill.items()
        }
        return asdict(self) | {"fill": fill}


def controls_of(scenario: Scenario) -> tuple[list[Control], list[str]]:
    """Levers in the order of the file, and the paths of those that no number of the scenario answers to."""
    from sim.scenario.fields import iter_quantities

    known = dict(iter_quantities(scenario))
    found: list[Control] = []
    lost: list[str] = []
    for path, lever in list(scenario.levers.items())[:MOST]:
        if path not in known or not _can_be_saved(scenario, path):
            lost.append(path)
            continue
        label = {"zh": lever.name.zh, "en": lever.name.en} if lever.name else NAMES.get(path, {"zh": path, "en": path})
        step = None if lever.step is None else lever.step.value
        found.append(_control(path, label, known[path], lever.low.value, lever.high.value, step, lever.switch))
    if not scenario.levers:
        for path, zh, en, less, more, ends in USUAL:
            if path in known and (ends or known[path].value > 0):
                value = known[path].value
                low, high = ends or ((less or 0.0) * value, (more or 1.0) * value)
                found.append(_control(path, {"zh": zh, "en": en}, known[path], low, high, None, False))
    return found, lost


def _control(
    path: str, label: dict[str, str], q: Quantity, low: float, high: float, step: float | None, switch: bool
) -> Control:
    if FUNDS.fullmatch(path):
        low, high, step = math.ceil(low), math.floor(high), step and max(1.0, round(step))
    low, high = min(low, high, q.value), max(low, high, q.value)  # where the scenario stands is within reach
    other = (low if abs(q.value - low) > abs(q.value - high) else high) if switch else None
    spread = None
    if q.distribution is not None:
        import numpy as np

        from sim.model.rows import quantile_of

        p05, p95 = quantile_of(q.distribution, np.array([0.05, 0.95]))
        spread = (float(p05), float(p95))
    step = step or step_of(low, high, q.unit in WHOLE)
    grade, source = q.grade or "assumed", {lang: sourced(q.source, lang) for lang in ("zh", "en")}
    return Control(path, label, q.unit, low, high, step, q.value, switch, other, spread, grade, source)


def step_of(low: float, high: float, whole: bool) -> float:
    """1, 2 or 5 times a power of ten, about a hundredth of the range."""
    width = (high - low) / STEPS
    if not width > 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(width))
    step = next(m for m in (1.0, 2.0, 5.0, 10.0) if m * power >= width * 0.999) * power
    return max(1.0, step) if whole else step


def _can_be_saved(scenario: Scenario, path: str) -> bool:
    """Whether a file can say this number alone: no item of an unnamed list stands on its way."""
    node: Any = scenario
    for part in path.split("."):
        if isinstance(node, list):
            if part.isdigit() and not any(getattr(item, "id", None) == part for item in node):
                return False
            node = next((item for item in node if getattr(item, "id", None) == part), None)
        elif isinstance(node, dict):
            node = node.get(part)
        else:
            node = getattr(node, part, None)
    return node is not None


def read_settings(controls: list[Control], given: object) -> tuple[dict[str, float], list[Wrong]]:
    """What the page sent, {path: number or text}, as numbers in base units, and a message for every one that is not."""
    if not isinstance(given, Mapping):
        return {}, [Wrong("", "wrong.request", {})]
    by_path = {control.path: control for control in controls}
    settings: dict[str, float] = {}
    wrong: list[Wrong] = []
    for path, written in list(given.items())[: MOST + 1]:
        control = by_path.get(path)
        if control is None:
            wrong.append(Wrong(str(path)[:80], "wrong.lever", {"path": str(path)[:80]}))
            continue
        value = _number(written, control.unit)
        if value is None:
            wrong.append(Wrong(path, f"wrong.number.{_kind(control.unit)}", {"found": str(written)[:LONGEST_TEXT]}))
        elif _lacks_unit(written, value, control):
            wrong.append(Wrong(path, "wrong.unit", {"found": str(written).strip()}))
        elif not control.low - 1e-9 * abs(control.low) <= value <= control.high + 1e-9 * abs(control.high):
            ends = {"low": control.low, "high": control.high, "unit": control.unit}
            wrong.append(Wrong(path, "wrong.outside", ends))
        elif FUNDS.fullmatch(path) and not value.is_integer():
            wrong.append(Wrong(path, "wrong.model", {"message": "a whole number is needed here"}))
        else:
            settings[path] = value
    return settings, wrong


def _kind(unit: str) -> str:
    return "money" if unit == "CNY" else "share" if unit in ("share", "probability", "per year") else "plain"


def _lacks_unit(written: object, value: float, control: Control) -> bool:
    """Whether somebody typed 50 and can hardly have meant 50 yuan: a rent is a few yuan, a fund is not."""
    bare = isinstance(written, str) and not any(c.isalpha() for c in written)
    small = 0 < control.value < LEAST_BARE
    return bare and control.unit == "CNY" and not small and 0 < value < LEAST_BARE


def _number(written: object, unit: str) -> float | None:
    if isinstance(written, bool) or not isinstance(written, int | float | str):
        return None
    if isinstance(written, str) and len(written) > LONGEST_TEXT:
        return None
    try:
        value = float(number_of(unit, 1.0)(written))  # type: ignore[arg-type]  # its readers take numbers too
    except (ValueError, OverflowError):
        return None
    return value if math.isfinite(value) else None


def refused_by_model(scenario: Scenario, settings: Mapping[str, float]) -> list[Wrong]:
    """The whole scenario with these numbers, validated again: bounds and references between tables speak."""
    from sim.scenario.loading import with_overrides

    try:
        with_overrides(scenario, settings)
    except UserError as error:
        first = next(iter(settings), "")
        paths = [next((path for path in settings if (p.key or "").startswith(path)), first) for p in error.problems]
        return [
            Wrong(path, "wrong.model", {"message": p.message}) for path, p in zip(paths, error.problems, strict=True)
        ]
    return []
