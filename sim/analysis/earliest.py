"""When a target is reached: the first quarter in which it holds with a stated probability, alone or along levers.

In a quarter the probability is the share of replications in which the outcome stands at the target then (not: has stood
at it once). The quarter's interval comes from the same order statistics as that of a setting: the quarters in which the
share passes the ranks that enclose the quantile with 95 % confidence.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.analysis.model import Model, ZoneModel, known_quarters, refuse, split_output
from sim.analysis.solve import Progress, Target, came_to, nearest_to, quantile_ranks
from sim.analysis.text import csv_text, key_to, layout, say, show, tell, word
from sim.analysis.vary import Varied, varied_of
from sim.measures import mean_and_band, quantile

if TYPE_CHECKING:
    from sim.scenario.document import Scenario

MOST_SETTINGS = 400
CURVES = ("p", "mean", "p05", "p95", "median")


@dataclass
class Moment:
    """At one setting of the levers. `quarter`, `low`, `high`: "" where the target is not reached by the end.

    `stays`: the probability does not fall below the stated one again. `p`, `mean`, `p05`, `p95`,
    `median`: float64[quarter].
    """

    settings: dict[str, float]
    status: str  # `found`, `already` (in the first quarter) or `out of reach`
    quarter: str
    low: str
    high: str
    stays: bool
    p: np.ndarray
    mean: np.ndarray
    p05: np.ndarray
    p95: np.ndarray
    median: np.ndarray


@dataclass
class Timing:
    """The earliest quarter at every setting of the levers; without levers, of the scenario as it stands."""

    model: Model
    target: Target
    probability: float
    replications: int
    quarters: list[str]
    levers: list[Varied]
    moments: list[Moment]
    about: dict[str, Any] = field(default_factory=dict)
    origin: dict[str, Any] = field(default_factory=dict)  # how to make it again

    @property
    def metric(self) -> str:
        return split_output(self.target.output)[0]

    def title(self, lang: str) -> str:
        label = self.model.label(f"{self.metric}@{self.quarters[-1]}", lang).rsplit(" ", 1)[0]
        sign = "≥" if self.target.at_least else "≤"
        bound = tell(self.target.bound, self.model.unit(f"{self.metric}@{self.quarters[-1]}"), lang)
        return f"{label} {sign} {bound}, P ≥ {self.probability:g}"

    def sentence(self, m: Moment, lang: str) -> str:
        if m.status == "out of reach":
            best = nearest_to(self.target, m.p, m.p05, m.p95)
            last, at, unit = (
                self.quarters[-1],
                self.quarters[best],
                self.model.unit(f"{self.metric}@{self.quarters[-1]}"),
            )
            near = came_to(self.target, m.median[best], m.p05[best], m.p95[best], unit, lang)
            if m.p[best] == 0:
                return say(
                    lang,
                    f"到 {last} 为止无法达到：各季度的概率均为 0%；最接近的是 {at}：{near}",
                    f"not reachable by {last}: 0% in every quarter; nearest in {at}: {near}",
                )
            return say(
                lang,
                f"到 {last} 为止无法达到：最高概率 {m.p[best]:.0%}（{at}：{near}）",
                f"out of reach by {last}: at best {m.p[best]:.0%} ({at}: {near})",
            )
        reached = f"{m.p[self.quarters.index(m.quarter)]:.0%}"
        if m.status == "already":
            words = say(lang, f"起点 {m.quarter} 已经达到：概率 {reached}", f"reached at the start: {reached}")
        else:
            near = f"{m.low or '…'} – {m.high or '…'}"
            words = say(
                lang,
                f"最早 {m.quarter}（95% 区间 {near}）：概率 {reached}",
                f"{m.quarter} at the earliest (95 % interval {near}): {reached}",
            )
        if m.stays:
            return words
        return words + say(lang, "；此后概率又低于要求", "; later the probability falls below it again")

    def table(self, lang: str = "zh") -> str:
        unit = self.model.unit(f"{self.metric}@{self.quarters[-1]}")
        if not self.levers:
            m = self.moments[0]
            rows = [
                [q, f"{p:.0%}", tell(mean, unit, lang), f"[{tell(p05, unit, lang)} … {tell(p95, unit, lang)}]"]
                for q, p, mean, p05, p95 in zip(self.quarters, m.p, m.mean, m.p05, m.p95, strict=True)
                if q.endswith("Q4") or q == m.quarter
            ]
            header = [word("quarter", lang), word("probability", lang), say(lang, "均值", "mean"), "5–95 %"]
            return f"{self.title(lang)}\n{self.sentence(m, lang)}\n\n{layout(header, rows)}"
        header = [*(v.path for v in self.levers), word("quarter", lang), word("interval", lang), ""]
        rows = []
        for m in self.moments:
            settings = [show(x, self.model.unit(path), lang) for path, x in m.settings.items()]
            near = f"[{m.low or '…'} – {m.high or '…'}]" if m.quarter else ""
            note = {"found": "", "already": say(lang, "起点已达标", "at the start")}.get(m.status) or (
                self.sentence(m, lang) if not m.quarter else ""
            )
            rows.append([*settings, m.quarter or "–", near, note])
        key = key_to([v.path for v in self.levers], self.model.label, lang)
        return "\n".join([self.title(lang), layout(header, rows, left=0), *key])

    def save(self, folder: Path, lang: str = "zh", figures: bool = True) -> None:
        """answers.csv, curve.csv (probability and outcome by quarter), figures/ and a manifest: whole or not at all."""
        from sim import store

        paths = [v.path for v in self.levers]
        with store.write_folder(folder) as place:
            rows = [
                [*m.settings.values(), m.quarter, m.low, m.high, m.status, "true" if m.stays else "false"]
                for m in self.moments
            ]
            header = [*paths, "quarter", "low", "high", "status", "stays"]
            store.write_text(place / "answers.csv", csv_text(header, rows))
            points = (
                [*m.settings.values(), *point]
                for m in self.moments
                for point in zip(self.quarters, m.p, m.mean, m.p05, m.p95, m.median, strict=True)
            )
            header = [*paths, "quarter", "probability", "mean", "p05", "p95", "median"]
            store.write_text(place / "curve.csv", csv_text(header, points))
            if figures:
                from sim.figures.analysis import save_figures

                save_figures(self.figures(lang), place / "figures")
            store.write_json(place / store.MANIFEST, {"kind": "solve", **self.origin, **self.about})

    def to_xarray(self) -> Any:
        """Labelled arrays over setting and quarter; the levers are coordinates of the settings."""
        import xarray

        dims = ("setting", "quarter")
        data: dict[str, Any] = {name: (dims, np.array([getattr(m, name) for m in self.moments])) for name in CURVES}
        data["earliest"] = ("setting", [m.quarter for m in self.moments])
        coords: dict[str, Any] = {"quarter": self.quarters}
        coords |= {v.path: ("setting", [m.settings[v.path] for m in self.moments]) for v in self.levers}
        return xarray.Dataset(data, coords=coords, attrs={"target": self.target.text, "probability": self.probability})

    def to_json(self) -> dict[str, Any]:
        names = ("settings", "status", "quarter", "low", "high", "stays")
        return self.about | {
            "quarters": self.quarters,
            "answers": [
                {name: getattr(m, name) for name in names}
                | {"curve": {name: getattr(m, name).tolist() for name in CURVES}}
                for m in self.moments
            ],
        }

    def figures(self, lang: str = "zh") -> dict[str, Any]:
        from sim.figures.analysis import figures_of_timing

        return figures_of_timing(self, lang)


def earliest(
    model: Model,
    target: Target,
    probability: float = 0.5,
    replications: int = 100,
    seed: int = 1,
    *,
    levers: Sequence[Varied] = (),
    points: int = 6,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Timing:
    """`model.outputs`: the target's metric in every quarter, in order. `points`: settings of each lever's range."""
    if not 0 < probability <= 1:
        raise refuse("not a probability", key="probability", found=str(probability), expected="above 0, at most 1")
    quarters = [split_output(output)[1] or "" for output in model.outputs]
    refuse_many(math.prod(len(v.options) or points for v in levers))  # before they are written out
    sides = [[float(x) for x in v.options or v.within(np.linspace(0.0, 1.0, points))] for v in levers]
    settings = [dict(zip((v.path for v in levers), chosen, strict=True)) for chosen in product(*sides)]
    moments = []
    least, most = quantile_ranks(probability, replications)
    for k, own in enumerate(settings):
        samples = {path: np.array([x]) for path, x in own.items()}
        y = model.evaluate(samples, replications, seed, threads)[0]
        if progress is not None:
            progress(k + 1, len(settings))
        p = target.reached(y).mean(axis=0)
        at, low, high = (_first(p, share) for share in (probability, least, most))
        status = "out of reach" if at is None else "already" if at == 0 else "found"
        mean, p05, p95 = np.array([mean_and_band(y[:, j]) for j in range(y.shape[1])]).T
        median = np.array([quantile(column, 0.5).value for column in y.T])
        quarter, first, last = ("" if j is None else quarters[j] for j in (at, low, high))
        stays = at is not None and bool((p[at:] >= probability).all())
        moments.append(Moment(own, status, quarter, first, last, stays, p, mean, p05, p95, median))
    about = {
        "scenario and program": model.fingerprint,
        "levers": {v.path: v.text for v in levers},
        "target": target.text,
        "probability": probability,
        "replications": replications,
        "seed": seed,
    }
    return Timing(model, target, probability, replications, quarters, list(levers), moments, about)


def refuse_many(settings: int) -> None:
    if settings > MOST_SETTINGS:
        raise refuse(
            "too many settings of the other levers", key="--points", found=str(settings),
            expected=f"at most {MOST_SETTINGS}: fewer --points or --by",
        )  # fmt: skip


def _first(p: np.ndarray, share: float) -> int | None:
    found = np.flatnonzero(p >= share)
    return int(found[0]) if len(found) else None


def run(
    scenario: Scenario,
    target: Target,
    by: Sequence[str] = (),
    probability: float = 0.5,
    replications: int = 100,
    seed: int = 1,
    *,
    points: int = 6,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Timing:
    """What `run.py solve` calls where the target names no quarter."""
    model = ZoneModel.of(scenario, [f"{target.output}@{quarter}" for quarter in known_quarters(scenario)])
    levers = varied_of(scenario, by) if by else []
    return earliest(
        model,
        target,
        probability,
        replications,
        seed,
        levers=levers,
        points=points,
        threads=threads,
        progress=progress,
    )
