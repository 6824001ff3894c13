"""What it would take: the least change of a lever that reaches a target with a stated probability.

`METRIC@QUARTER >= X` is reached in a replication or not; at a setting of the lever the probability is the share of
replications that reach it. The search starts at the lever's present value and goes outward on both sides: the answer is
the setting nearest to it that reaches the target. Replications live in the same random world at every setting, so where
an outcome moves one way with the lever, each replication has one threshold, the probability is a step function of the
setting without sampling jitter, and bisection finds its quantile exactly (to the tolerance). The same thresholds give
the interval of the answer: order statistics of the replications that bound the quantile with 95 % confidence.

Before anything is bisected the settings of the first look are held against each other over the same replications
(`contrast`): by the share of worlds that reach the target, by worlds that only ever gain it, and by the outcome itself.
Where none of these can be told from chance, no setting is an answer.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import combinations, pairwise, product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.analysis.model import Model, ZoneModel, all_at_once, known_metrics, refuse, split_output
from sim.analysis.text import between, csv_text, key_to, layout, say, show, tell, word
from sim.analysis.vary import Varied, varied_of
from sim.analysis.work import origin, words_of
from sim.measures import mean_and_band, quantile
from sim.quantities import BareAmount, parse_figure, parse_of

if TYPE_CHECKING:
    from sim.analysis.earliest import Timing
    from sim.scenario.document import Scenario

Progress = Callable[[int, int], None]

CURVE_POINTS = 9  # settings of the first look over the whole range
POINTS = 6  # settings of every further lever
TOLERANCE = 1 / 256  # of the range
CONFIDENCE = 0.95
DRAWS = 4000  # of the largest difference that chance alone makes between settings
ALARM = 0.01  # of the outcome's own two paired tests: chance alone passes one of them at most as often as this
LEAST_WORLDS = 5  # of such a test: fewer agree by luck too often where outcomes take few values
GAINED = 3  # worlds that come to reach the target with none that ever loses it again
GAINED_AT_ENDS = 5  # the same between the two ends alone
SIDE = 0.1  # of the sign test of worlds gained against lost, once the outcome is known to move that way
LEAST_FREEDOM = 9  # below ten replications Student's quantile would call every difference chance
CURVES = ("x", "p", "mean", "p05", "p95", "median")
TARGET = re.compile(
    r"\s*(?P<metric>[^@<>=≥≤\s]+)\s*(?:@\s*(?P<quarter>\w+)\s*)?(?P<sign>>=|<=|≥|≤)\s*(?P<bound>.+?)\s*"
)


@dataclass(frozen=True)
class Target:
    """`metric@quarter` at least (or at most) `bound`; `output` is the bare metric where no quarter is named."""

    output: str
    at_least: bool
    bound: float

    @classmethod
    def parse(cls, text: str, metrics: Mapping[str, Any] | None = None) -> Target:
        """Reads `firms.alive@2030Q4 >= 1.2万`. metrics: by name, for the bound is written in the metric's own unit."""
        found = TARGET.fullmatch(text)
        if not found:
            raise refuse("not a target", key="target", found=text, expected='"METRIC[@2030Q4] >= X" or "… <= X"')
        try:
            bound = amount_of((metrics or {}).get(found["metric"]), found["bound"])
        except BareAmount as error:
            raise refuse(str(error), key=found["metric"]) from None
        except ValueError as error:
            if found["metric"] in (metrics or {}):
                raise refuse(str(error), key=found["metric"], found=found["bound"]) from None
            expected = "100, 2.5万, 500亿, 30%"
            raise refuse("not a number", key="target", found=found["bound"], expected=expected) from None
        output = f"{found['metric']}@{found['quarter']}" if found["quarter"] else found["metric"]
        return cls(output, found["sign"] in (">=", "≥"), bound)

    def reached(self, y: np.ndarray) -> np.ndarray:
        """Replications that reach it; an undefined outcome does not."""
        with np.errstate(invalid="ignore"):
            return y >= self.bound if self.at_least else y <= self.bound

    @property
    def text(self) -> str:
        return f"{self.output} {'>=' if self.at_least else '<='} {self.bound:g}"


def nearest_to(target: Target, p: np.ndarray, p05: np.ndarray, p95: np.ndarray) -> int:
    """Where outcomes come nearest to the target: by probability where there is any, then by the tail towards it."""
    tail = np.nan_to_num(p95 if target.at_least else -p05, nan=-math.inf)
    return max(range(len(p)), key=lambda k: (p[k], tail[k]))


def came_to(target: Target, median: float, p05: float, p95: float, unit: str, lang: str) -> str:
    """How near that is: `median 1.8, 95 % quantile 2.6`; of a target from above the 5 % quantile."""
    tail, share = (p95, 95) if target.at_least else (p05, 5)
    middle, end = tell(median, unit, lang), tell(tail, unit, lang)
    return say(lang, f"中位数 {middle}，{share}% 分位 {end}", f"median {middle}, {share} % quantile {end}")


def amount_of(metric: Any, text: str) -> float:
    """An amount of a metric (None: it is unknown, or is no metric's) as people write it.

    Money says its unit, and so does what is told as a percentage: 6 of a rate of return would be 600 %. Raises
    BareAmount where they do not, ValueError where it is no number.
    """
    return parse_figure(text) if metric is None else parse_of(metric.unit, text)


@dataclass(frozen=True)
class Contrast:
    """The largest difference of the probability between two settings, over the same replications.

    `first`, `second`: the settings, rising; `difference`: probability at the second less that at the first; `low`,
    `high`: its interval, which holds for all pairs of settings at once with 95 %. `moves`: whether the lever can be
    told to move anything, and `by` by what: `probability` (a pair of settings, or the trend over all of them, differs
    by more than chance), `worlds` (worlds come to reach the target in one direction and none loses it), `outcome`
    (only the outcome itself moves, world by world), or nothing. `drift`: 1 where the outcome rises with the lever
    beyond chance, -1 where it falls.
    """

    first: float
    second: float
    difference: float
    low: float
    high: float
    moves: bool
    by: str = ""
    drift: int = 0

    @property
    def told(self) -> bool:
        """Whether the probability itself differs between settings, not only the outcome."""
        return self.by in ("probability", "worlds")


@dataclass
class Answer:
    """`status`: `found`; `already` (where the search starts reaches it: the lever's present value, or the end of the
    range next to it); `unmoved` (some settings reach it, and that they do so more often than others cannot be told from
    chance); `out of reach`."""

    lever: Varied
    target: Target
    probability: float
    status: str
    setting: float  # NaN where there is none: out of reach, unmoved
    low: float  # interval of the setting from the replications' sampling error; NaN where it leaves the range
    high: float
    present: float  # the lever's value in the scenario
    start: float  # where the search started: the present value, or the end of the range next to it
    contrast: Contrast  # how far the probability differs between the settings of the first look
    reached: float  # probability at the setting, or the best within the range
    best: float  # the setting of the best probability; NaN where all settings have the same
    rising: bool  # the answer lies above the present value; where there is none: the best setting does
    monotone: bool  # no replication that reached the target loses it further away from the present value
    replications: int
    x: np.ndarray  # every setting evaluated, rising
    p: np.ndarray  # probability at each
    mean: np.ndarray  # the outcome's mean and 5–95 % band at each
    p05: np.ndarray
    p95: np.ndarray
    median: np.ndarray
    others: dict[str, float] = field(default_factory=dict)

    @property
    def nearest(self) -> int:
        """Which setting came nearest to the target: that of the best probability, else of the furthest tail."""
        return nearest_to(self.target, self.p, self.p05, self.p95)

    @property
    def flat(self) -> bool:
        """Whether every setting reaches the target equally often: none of them is the best."""
        return bool(np.all(self.p == self.p[0]))

    @property
    def perhaps(self) -> bool:
        """Whether the interval of the answer goes down to the present value: it may already do."""
        near = self.low if self.rising else self.high
        return self.status == "found" and near == self.present

    @property
    def lost(self) -> float:
        """The nearest setting beyond the answer at which the probability is too low again; NaN where there is none."""
        beyond = self.x > self.setting if self.rising else self.x < self.setting
        lost = self.x[beyond & (self.p < self.probability)]
        return float(lost[0 if self.rising else -1]) if len(lost) else math.nan


def span(low: float, high: float, unit: str, lang: str) -> str:
    """The interval of a setting: `4.2 … 5.1`; an end beyond the range is open."""
    open_end = say(lang, "开口", "open")
    ends = (show(x, unit, lang) if math.isfinite(x) else open_end for x in (low, high))
    return " … ".join(ends)


@dataclass
class Solution:
    """One answer, or with several levers one for each setting of the others: a frontier."""

    model: Model
    answers: list[Answer]
    about: dict[str, Any] = field(default_factory=dict)
    origin: dict[str, Any] = field(default_factory=dict)  # how to make it again

    @property
    def answer(self) -> Answer:
        return self.answers[0]

    def table(self, lang: str = "zh") -> str:
        if len(self.answers) == 1:
            return self._one(self.answer, lang)
        a = self.answer
        header = [*a.others, a.lever.path, word("interval", lang), word("probability", lang), ""]
        rows = []
        for b in self.answers:
            unit = self.model.unit(b.lever.path)
            near = f"[{span(b.low, b.high, unit, lang)}]" if b.status == "found" else ""
            others = (show(value, self.model.unit(path), lang) for path, value in b.others.items())
            rows.append([*others, show(b.setting, unit, lang), near, f"{b.reached:.0%}", self._status(b, lang)])
        lines = [
            self.title(lang),
            layout(header, rows, left=0),
            *key_to([*a.others, a.lever.path], self.model.label, lang),
        ]
        return "\n".join(lines)

    def title(self, lang: str) -> str:
        """The question: `Listed firms 2030Q4 ≥ 100, P ≥ 0.8`."""
        target, model = self.answer.target, self.model
        sign, bound = "≥" if target.at_least else "≤", tell(target.bound, model.unit(target.output), lang)
        return f"{model.label(target.output, lang)} {sign} {bound}, P ≥ {self.answer.probability:g}"

    def _one(self, a: Answer, lang: str) -> str:
        title = self.title(lang)
        unit = self.model.unit(a.lever.path)
        lines = [title, self._sentence(a, lang), *self._notes(a, lang)]
        of_outcome = self.model.unit(a.target.output)
        rows = [
            [
                show(x, unit, lang),
                f"{p:.0%}",
                tell(mean, of_outcome, lang),
                f"[{tell(p05, of_outcome, lang)} … {tell(p95, of_outcome, lang)}]",
            ]
            for x, p, mean, p05, p95 in zip(a.x, a.p, a.mean, a.p05, a.p95, strict=True)
        ]
        header = [a.lever.path, word("probability", lang), say(lang, "均值", "mean"), "5–95 %"]
        lines += ["", layout(header, rows, left=0), *key_to([a.lever.path], self.model.label, lang)]
        return "\n".join(lines)

    def _sentence(self, a: Answer, lang: str) -> str:
        """The answer in one line."""
        path, unit, of_outcome = a.lever.path, self.model.unit(a.lever.path), self.model.unit(a.target.output)
        ends, start = between(*a.lever.ends, unit, lang), show(a.start, unit, lang)
        if a.status == "already":
            if a.start == a.present:
                return say(
                    lang,
                    f"{path} 现为 {start}，已经达到：概率 {a.reached:.0%}",
                    f"{path} = {start}, as it stands, already reaches it: {a.reached:.0%}",
                )
            present = show(a.present, unit, lang)
            return say(
                lang,
                f"{path} = {start}（范围内离现值 {present} 最近的一端）已经达到：概率 {a.reached:.0%}",
                f"{path} = {start}, the end of the range next to the present {present}, already reaches it:"
                f" {a.reached:.0%}",
            )
        if a.status == "out of reach" and not a.p.any():
            k = a.nearest
            near = came_to(a.target, a.median[k], a.p05[k], a.p95[k], of_outcome, lang)
            at = show(a.x[k], unit, lang)
            return say(
                lang,
                f"{path} 在 {ends} 内无法达到：各设定的概率均为 0%；最接近的是取 {at} 时：{near}",
                f"not reachable within {path} = {ends}: 0% at every setting; nearest at {at}: {near}",
            )
        if a.status == "unmoved":
            return self._unmoved(a, lang)
        if a.status == "out of reach" and a.flat:
            return say(
                lang,
                f"{path} 在 {ends} 内无法达到：各设定的概率均为 {a.reached:.0%}",
                f"out of reach within {path} = {ends}: {a.reached:.0%} at every setting",
            )
        if a.status == "out of reach":
            return say(
                lang,
                f"{path} 在 {ends} 内无法达到：最高概率 {a.reached:.0%}（取 {show(a.best, unit, lang)}）",
                f"out of reach within {path} = {ends}: at best {a.reached:.0%} (at {show(a.best, unit, lang)})",
            )
        interval, setting = span(a.low, a.high, unit, lang), show(a.setting, unit, lang)
        present = show(a.present, unit, lang)
        which = say(lang, "至少" if a.rising else "至多", "at least" if a.rising else "at most")
        perhaps = say(lang, f"；{self._perhaps(lang)}", f"; {self._perhaps(lang)}") if a.perhaps else ""
        return say(
            lang,
            f"{path} {which} {setting}（现为 {present}；95% 区间 {interval}{perhaps}）：概率 {a.reached:.0%}",
            f"{path} {which} {setting} (now {present}; 95 % interval {interval}{perhaps}): {a.reached:.0%}",
        )

    @staticmethod
    def _perhaps(lang: str) -> str:
        return say(lang, "现值或已足够", "perhaps the present value already does")

    def _unmoved(self, a: Answer, lang: str) -> str:
        """That settings cannot be told from chance, with the largest difference; and whether the outcome moves."""
        path, unit, of_outcome = a.lever.path, self.model.unit(a.lever.path), self.model.unit(a.target.output)
        means = " → ".join(tell(a.mean[k], of_outcome, lang) for k in (0, -1))
        ends, c = between(*a.lever.ends, unit, lang), a.contrast
        if a.flat:
            told = say(
                lang,
                f"{path} 在 {ends} 内对达标没有影响：各设定的概率均为 {a.p[0]:.0%}",
                f"{path} = {ends} makes no difference to the target: {a.p[0]:.0%} at every setting",
            )
            if not np.isclose(a.mean[0], a.mean[-1], equal_nan=True):
                told += say(lang, f"（均值随之变动：{means}）", f" (its mean does move: {means})")
        else:
            points = f"{100 * c.difference:+.0f}"
            low, high = f"{100 * c.low:+.0f}", f"{100 * c.high:+.0f}"
            first, second = show(c.first, unit, lang), show(c.second, unit, lang)
            told = say(
                lang,
                f"{path} 在 {ends} 内对达标概率的影响，{a.replications} 个世界中无法与偶然区分："
                f"概率 {a.p.min():.0%} … {a.p.max():.0%}，"
                f"相差最大的是 {second} 比 {first}：{points} 个百分点（95% 区间 {low} … {high}）",
                f"what {path} = {ends} does to the probability cannot be told from chance in {a.replications} worlds: "
                f"{a.p.min():.0%} … {a.p.max():.0%}, the largest difference {points} points at {second} over {first} "
                f"(95 % interval {low} … {high})",
            )
            if c.drift:
                told += say(lang, f"；均值则确有变动：{means}", f"; its mean does move: {means}")
        return told

    def _notes(self, a: Answer, lang: str) -> list[str]:
        if a.status == "already" and not a.contrast.told:
            return [self._unmoved(a, lang)]
        if a.status == "out of reach" and not a.contrast.told and not a.flat:
            return [self._unmoved(a, lang)]
        if a.status == "unmoved":
            return [
                say(
                    lang,
                    "因此不给出设定值；加大 --replications 可看清更小的影响",
                    "so no setting is given; more --replications show smaller effects",
                )
            ]
        if a.status != "found":
            return []
        return [*self._further(a, lang), *self._caveat(a, lang)]

    def _caveat(self, a: Answer, lang: str) -> list[str]:
        """What an answer rests on where the probability alone would not give it."""
        if a.contrast.told:
            return []
        return [
            say(
                lang,
                f"注意：{self._unmoved(a, lang)}。设定值依据后者，宜加大 --replications 复核",
                f"note: {self._unmoved(a, lang)}. The setting rests on the latter: check it with more --replications",
            )
        ]

    def _further(self, a: Answer, lang: str) -> list[str]:
        """What happens further away than the answer."""
        if math.isfinite(a.lost):
            at = show(a.lost, self.model.unit(a.lever.path), lang)
            return [
                say(
                    lang,
                    f"注意：再往远处，概率又低于 {a.probability:.0%}（如取 {at} 时）；答案是离现值最近的达标设定",
                    f"note: further away the probability falls below {a.probability:.0%} again (at {at}); the answer is"
                    " the setting nearest to the present value that reaches the target",
                )
            ]
        if not a.monotone:
            return [
                say(
                    lang,
                    "注意：个别世界达标后在更远的设定下又不达标，区间略偏窄",
                    "note: a few worlds lose the target again further on, so the interval is a little too narrow",
                )
            ]
        return []

    def _status(self, a: Answer, lang: str) -> str:
        if a.status == "found":
            return self._perhaps(lang) if a.perhaps else ""
        if a.status == "already":
            if a.start == a.present:
                return say(lang, "现值已达标", "already, as it stands")
            return say(lang, "离现值最近的一端已达标", "already at the end next to the present value")
        if a.status == "unmoved":
            return say(lang, "各设定之差无法与偶然区分", "settings cannot be told from chance")
        k, of_outcome = a.nearest, self.model.unit(a.target.output)
        at = show(a.x[k], self.model.unit(a.lever.path), lang)
        near = came_to(a.target, a.median[k], a.p05[k], a.p95[k], of_outcome, lang)
        return say(lang, f"无法达到；最接近的是取 {at} 时：{near}", f"out of reach; nearest at {at}: {near}")

    def save(self, folder: Path, lang: str = "zh", figures: bool = True) -> None:
        """answers.csv, curve.csv, figures/ and a manifest: a folder, whole or not at all."""
        from sim import store

        others = list(self.answer.others)
        with store.write_folder(folder) as place:
            header = [
                *others,
                "lever",
                "setting",
                "low",
                "high",
                "present",
                "probability",
                "status",
                "best",
                "monotone",
                *(f"contrast_{name}" for name in asdict(self.answer.contrast)),
            ]
            rows = [
                [
                    *a.others.values(),
                    a.lever.path,
                    a.setting,
                    a.low,
                    a.high,
                    a.present,
                    a.reached,
                    a.status,
                    a.best,
                    str(a.monotone),
                    *(str(v) if isinstance(v, bool) else v for v in asdict(a.contrast).values()),
                ]
                for a in self.answers
            ]
            store.write_text(place / "answers.csv", csv_text(header, rows))
            points = (
                [*a.others.values(), *point]
                for a in self.answers
                for point in zip(a.x, a.p, a.mean, a.p05, a.p95, a.median, strict=True)
            )
            header = [*others, "setting", "probability", "mean", "p05", "p95", "median"]
            store.write_text(place / "curve.csv", csv_text(header, points))
            if figures:
                from sim.figures.analysis import save_figures

                save_figures(self.figures(lang), place / "figures")
            store.write_json(place / store.MANIFEST, {"kind": "solve", **self.origin, **self.about})

    def to_xarray(self) -> Any:
        """The curve of each answer, by answer and setting (one dimension, `point`)."""
        import xarray

        a = self.answers
        which = np.concatenate([np.full(len(b.x), k) for k, b in enumerate(a)])
        data = {name: ("point", np.concatenate([getattr(b, name) for b in a])) for name in CURVES}
        return xarray.Dataset(data | {"answer": ("point", which)}, attrs={"target": a[0].target.text})

    def to_json(self) -> dict[str, Any]:
        names = ("status", "setting", "low", "high", "present", "reached", "best", "rising", "monotone", "others")
        return self.about | {
            "answers": [
                {"lever": a.lever.path}
                | {name: getattr(a, name) for name in names}
                | {"contrast": asdict(a.contrast)}
                | {"curve": {name: getattr(a, name).tolist() for name in CURVES}}
                for a in self.answers
            ]
        }

    def figures(self, lang: str = "zh") -> dict[str, Any]:
        from sim.figures.analysis import figures_of_solution

        return figures_of_solution(self, lang)


def solve(
    model: Model,
    lever: Varied,
    target: Target,
    probability: float = 0.5,
    replications: int = 100,
    seed: int = 1,
    *,
    others: dict[str, float] | None = None,
    tolerance: float = TOLERANCE,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Answer:
    """The setting nearest to the lever's present value at which the target is reached with `probability`."""
    if not 0 < probability <= 1:
        raise refuse("not a probability", key="probability", found=str(probability), expected="above 0, at most 1")
    if target.output not in model.outputs:
        raise refuse("the model does not report this", key="target", found=target.output)
    low, high = lever.ends
    column = model.outputs.index(target.output)
    known: dict[float, np.ndarray] = {}
    rounds = math.ceil(math.log2(1 / (tolerance * (CURVE_POINTS - 1)))) if tolerance * (CURVE_POINTS - 1) < 1 else 0
    planned = CURVE_POINTS + 3 * rounds

    def look(settings: Sequence[float]) -> None:
        """Outcomes float64[replications] at settings not yet known, all in one call so that every core is busy."""
        new = sorted({float(x) for x in settings} - set(known))
        if not new:
            return
        samples = {lever.path: np.array(new)} | {path: np.full(len(new), x) for path, x in (others or {}).items()}
        values = model.evaluate(samples, replications, seed, threads)[:, :, column]
        known.update(zip(new, values, strict=True))
        if progress is not None:
            progress(min(len(known), planned), planned)

    def chance(x: float) -> float:
        return float(target.reached(known[x]).mean())

    grid = [float(x) for x in lever.within(np.linspace(0.0, 1.0, CURVE_POINTS))]
    present = float(model.central(lever.path))
    start = min(max(present, grid[0]), grid[-1])
    look([*grid, start])
    looked = np.array(sorted(known))
    values = np.array([known[s] for s in looked])
    first = contrast(looked, np.array([target.reached(y) for y in values]), values)

    def outward(up: bool) -> list[float]:
        """Known settings from where the search starts to one end of the range."""
        return sorted((s for s in known if (s >= start if up else s <= start)), reverse=not up)

    def crossing(share: float, up: bool) -> tuple[float, float] | None:
        """Neighbouring known settings between which the probability first reaches `share` on that side."""
        along = outward(up)
        if chance(start) >= share:
            return start, start
        for near, far in pairwise(along):
            if chance(far) >= share:
                return near, far
        return None

    def nearest_side() -> bool | None:
        """The side on which the setting nearest to the start reaches the target; None where none does."""
        gaps = {up: gap for up in (True, False) if (gap := crossing(probability, up)) is not None}
        return min(gaps, key=lambda up: abs(gaps[up][1] - start)) if gaps else None

    def answerable() -> bool:
        """Whether the target is reached beyond chance. Where only the outcome moves: on the side that it moves to, at
        the end of the range too, and with worlds gained on the way but none lost, or far fewer."""
        side = nearest_side()
        if side is None or first.by != "outcome":
            return first.told
        end = grid[-1] if side else grid[0]
        agrees = (first.drift > 0) == (side == target.at_least)
        return agrees and chance(end) >= probability and gains(target.reached(known[start]), target.reached(known[end]))

    least, most = quantile_ranks(probability, replications)
    told = answerable()
    searched = told and chance(start) < probability
    for _ in range(2 * rounds + 60 if searched else 0):
        side = nearest_side()
        if side is None:
            break
        edges = [gap for share in (probability, least, most) if (gap := crossing(share, side)) is not None]
        other = crossing(probability, not side)
        if other is not None and abs(other[0] - start) < abs(edges[0][1] - start):  # it may yet be the nearer one
            edges.append(other)
        wide = {(near + far) / 2 for near, far in edges if abs(far - near) > tolerance * (high - low)}
        if not wide:
            break
        look(sorted(wide))
    x = np.array(sorted(known))
    p = np.array([chance(s) for s in x])
    side = nearest_side()
    average = np.array([np.nanmean(known[s]) if np.isfinite(known[s]).any() else math.nan for s in x])
    towards = average if target.at_least else -average
    best = float(x[max(range(len(x)), key=lambda k: (p[k], np.nan_to_num(towards[k], nan=-math.inf)))])
    setting, bounds, reached = math.nan, [math.nan, math.nan], float(p.max())
    rising = best >= start
    if side is None:
        status = "out of reach"
    elif chance(start) >= probability:
        status, setting, reached = "already", start, chance(start)
    elif not told:
        status = "unmoved"
    else:
        gap = crossing(probability, side)
        assert gap is not None
        status, rising, setting, reached = "found", side, gap[1], chance(gap[1])
        near, far = (edge[1] if (edge := crossing(share, side)) else math.nan for share in (least, most))
        bounds = [near, far] if rising else [far, near]
    if progress is not None:
        progress(planned, planned)
    met = np.array([target.reached(known[s]) for s in outward(rising)])
    outcomes = np.array([known[s] for s in x])
    bands = [mean_and_band(y) for y in outcomes]
    mean, p05, p95 = (np.array(part) for part in zip(*bands, strict=True))
    return Answer(
        lever=lever,
        target=target,
        probability=probability,
        status=status,
        setting=setting,
        low=bounds[0],
        high=bounds[1],
        present=present,
        start=start,
        contrast=first,
        reached=reached,
        best=best if p.min() < p.max() else math.nan,
        rising=rising,
        monotone=bool((np.diff(met.astype(int), axis=0) >= 0).all()),
        replications=replications,
        x=x,
        p=p,
        mean=mean,
        p05=p05,
        p95=p95,
        median=np.array([quantile(y, 0.5).value for y in outcomes]),
        others=dict(others or {}),
    )


def gains(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether worlds come to reach the target and none loses it, or so few that it is not chance (sign test)."""
    from scipy.stats import binom

    gained, lost = int((after & ~before).sum()), int((before & ~after).sum())
    return gained > 0 and (lost == 0 or float(binom.cdf(lost, gained + lost, 0.5)) <= SIDE)


def one_way(met: np.ndarray) -> bool:
    """Whether worlds gain the target in one direction and none loses it: met is bool[setting, replication].

    Three do where no world loses it between any two settings; five where only the ends are held against each other.
    """
    for along in (met, met[::-1]):
        gained, lost = (along[-1] & ~along[0]).sum(), (along[0] & ~along[-1]).sum()
        steadily = bool((along[1:] >= along[:-1]).all())
        if lost == 0 and gained >= (GAINED if steadily else GAINED_AT_ENDS):
            return True
    return False


def drift(x: np.ndarray, y: np.ndarray) -> int:
    """Whether outcomes y [setting, replication] rise (1) or fall (-1) with x beyond chance, else 0: Student's test over
    worlds of the difference between the ends, then of the trend. Worlds with an undefined outcome are left out."""
    from scipy.stats import t

    y = y[:, np.isfinite(y).all(axis=0)]
    replications = y.shape[1]
    if replications < LEAST_WORLDS or len(x) < 2:
        return 0
    level = float(t.ppf(1 - ALARM / 4, replications - 1)) / math.sqrt(replications)
    for change in (y[-1] - y[0], ((x - x.mean()) / np.ptp(x)) @ (y - y[:1])):
        shift, spread = float(change.mean()), float(change.std(ddof=1))
        if abs(shift) > level * spread + 1e-12 * float(np.abs(y).max()):
            return 1 if shift > 0 else -1
    return 0


def contrast(x: np.ndarray, met: np.ndarray, y: np.ndarray | None = None) -> Contrast:
    """How settings x [setting] differ, of met: bool[setting, replication] and the outcomes y that it was told from."""
    largest = largest_difference(x, met)
    moved = 0 if y is None else drift(x, y)
    by = "probability" if largest.moves else "worlds" if one_way(met) else "outcome" if moved else ""
    return replace(largest, moves=bool(by), by=by, drift=moved)


def largest_difference(x: np.ndarray, met: np.ndarray) -> Contrast:
    """The largest difference of the probability between settings x [setting], of met: bool[setting, replication].

    Intervals of paired differences of shares after Agresti and Min (2005, half a replication added to each cell of the
    table), with a half-width that all pairs and the trend keep together: the 95 % quantile of the largest of their
    normal deviates, whose correlations are those of the replications (drawn with a seed of its own), widened as
    Student's quantile is over the normal's where replications are few.
    """
    from scipy.stats import t

    settings, replications = met.shape
    hits = met.astype(np.float64)
    pairs = np.array(list(combinations(range(settings), 2)))
    if not len(pairs) or (hits == hits[:1]).all():
        end = float(x[-1])
        return Contrast(float(x[0]), end, 0.0, 0.0, 0.0, False)
    weights = np.zeros((len(pairs) + 1, settings))
    weights[np.arange(len(pairs)), pairs[:, 1]] = 1.0
    weights[np.arange(len(pairs)), pairs[:, 0]] = -1.0
    weights[-1] = (x - x.mean()) / np.ptp(x)
    scores = weights @ hits  # of each contrast in each replication
    total = replications + 2.0
    shift = scores.sum(axis=1) / total
    spread = np.sqrt(((scores**2).sum(axis=1) + (weights**2).sum(axis=1) / 2.0) / total - shift**2) / math.sqrt(total)
    centred = scores - scores.mean(axis=1, keepdims=True)
    own = np.sqrt((centred**2).mean(axis=1))
    varying = own > 0
    level = 1.959963984540054  # the normal's 97.5th percentile: what one contrast alone would take
    few = float(t.ppf(0.5 + CONFIDENCE / 2, max(replications - 1, LEAST_FREEDOM))) / level
    if varying.any():
        z = np.random.default_rng(0).standard_normal((DRAWS, replications))
        deviates = np.abs(z @ (centred[varying] / own[varying, None]).T) / math.sqrt(replications)
        level = max(level, float(np.quantile(deviates.max(axis=1), CONFIDENCE)))
    level *= few
    p = hits.mean(axis=1)
    differences = p[pairs[:, 1]] - p[pairs[:, 0]]
    k = int(np.abs(differences).argmax())
    low, high = shift[k] - level * spread[k], shift[k] + level * spread[k]
    first, second = (float(x[j]) for j in pairs[k])
    moves = bool((np.abs(shift) > level * spread).any())
    return Contrast(first, second, float(differences[k]), max(float(low), -1.0), min(float(high), 1.0), moves)


def quantile_ranks(probability: float, replications: int) -> tuple[float, float]:
    """Shares of replications between which the true quantile lies with 95 % confidence (order statistics)."""
    from scipy.stats import binom

    low = binom.ppf(0.5 - CONFIDENCE / 2, replications, probability) / replications
    high = (binom.ppf(0.5 + CONFIDENCE / 2, replications, probability) + 1) / replications
    return max(float(low), 1 / replications), float(high)


def frontier(
    model: Model,
    levers: Sequence[Varied],
    target: Target,
    probability: float = 0.5,
    replications: int = 100,
    seed: int = 1,
    *,
    points: int = POINTS,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Solution:
    """The least setting of the first lever at each of `points` settings of every other one."""
    from sim.analysis.earliest import refuse_many

    first, *rest = levers
    refuse_many(math.prod(len(v.options) or points for v in rest))  # before they are written out
    sides = [[(v.path, float(x)) for x in v.options or v.within(np.linspace(0.0, 1.0, points))] for v in rest]
    combinations = [dict(chosen) for chosen in product(*sides)]
    answers = []
    for k, others in enumerate(combinations):
        answers.append(
            solve(
                model,
                first,
                target,
                probability,
                replications,
                seed,
                others=others,
                threads=threads,
                progress=_part(progress, k, len(combinations)),
            )
        )
    about = {
        "scenario and program": model.fingerprint,
        "levers": {v.path: v.text for v in levers},
        "target": target.text,
        "probability": probability,
        "replications": replications,
        "seed": seed,
    }
    return Solution(model, answers, about)


def _part(progress: Progress | None, k: int, parts: int) -> Progress | None:
    if progress is None:
        return None
    return lambda done, total: progress(k * total + done, parts * total)


def run(
    scenario: Scenario,
    by: Sequence[str],
    target: str,
    probability: float = 0.5,
    replications: int = 100,
    seed: int = 1,
    *,
    points: int | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Solution | Timing:
    """What `run.py solve` calls: texts of --by and --target, checked, then a bisection, a frontier, or where the target
    names no quarter the earliest one."""
    from sim.analysis import earliest

    wanted = Target.parse(target, known_metrics(scenario))
    points = POINTS if points is None else points
    settings: dict[str, Any] = {"points": points, "threads": threads, "progress": progress}
    words = words_of(
        "solve",
        scenario,
        by=by,
        target=target,
        probability=probability,
        points=points,
        replications=replications,
        seed=seed,
    )
    if points < 2:
        raise refuse("too few settings", key="--points", found=str(points), expected="2 or more")
    if not split_output(wanted.output)[1]:
        found = earliest.run(scenario, wanted, by, probability, replications, seed, **settings)
        found.origin = origin(words, scenario)
        return found

    def levers_of() -> list[Varied]:
        if by:
            return varied_of(scenario, by)
        raise refuse(
            "nothing to solve by",
            key="--by",
            expected="PATH=LO..HI, or a target without a quarter for the earliest one",
        )

    model, levers = all_at_once(lambda: ZoneModel.of(scenario, [wanted.output]), levers_of)
    for lever in levers[:1]:
        if lever.options:
            raise refuse(
                "a lever that is solved for needs a range", key=lever.path, found=lever.text, expected="PATH=LO..HI"
            )
    found = frontier(model, levers, wanted, probability, replications, seed, **settings)
    found.origin = origin(words, scenario)
    return found
