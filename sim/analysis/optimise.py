"""Which policy, under uncertainty: settings of several levers within a budget that no other setting beats.

A quasi-random design over the levers (scrambled Sobol points), then a second design packed around what was best, then
the nondominated filter. Not an evolutionary search: an evaluation is hundreds of worlds and its outcome is read in many
ways (two metrics, several budgets, every market regime, regret), so points that cover the space are used many times
over, are all known before the first is run (so both cores and a cluster stay busy and a journal can resume), and with
few levers miss little; `differential_evolution` spends its thousands of evaluations on one scalar at a time.

The points of the front were chosen for doing well in these worlds, so part of their advantage is luck: their reported
numbers come from a second evaluation with another seed, with the scenario as it stands beside them. In it all of them
live in the same worlds, so differences are paired; what lies within their interval is told as noise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.analysis.model import Model, ZoneModel, known_metrics, refuse
from sim.analysis.solve import Target
from sim.analysis.sweep import half_width
from sim.analysis.text import between, csv_text, key_to, layout, say, show, word
from sim.analysis.vary import Varied, varied_of
from sim.analysis.work import REPORTED, Evaluated, Executor, Progress, claim, evaluate, header_for, origin, words_of
from sim.memory import refuse_too_many_samples

if TYPE_CHECKING:
    from sim.scenario.document import Scenario

USUAL_SAMPLES = 64
NEAR = 0.125  # of a lever's range: how far the second design reaches around a good point
CONFIRMING = 1_000_003  # added to the seed for the second evaluation of the front


@dataclass(frozen=True)
class Objective:
    """An output to be as large (or as small) as can be."""

    output: str
    largest: bool = True

    @property
    def sign(self) -> float:
        return 1.0 if self.largest else -1.0

    @property
    def text(self) -> str:
        return f"{'max' if self.largest else 'min'} {self.output}"


@dataclass
class Policies:
    """Every setting tried, by regime. `values`: float64[regime, point, output], means over replications."""

    models: dict[str, Model]
    levers: list[Varied]
    objectives: list[Objective]
    budget: Target | None
    design: np.ndarray  # [point, lever]; row 0 is the scenario as it stands
    values: np.ndarray
    within: np.ndarray  # bool[point]: keeps the budget on average over regimes (or with the stated probability)
    front: np.ndarray  # rows of the design, best first objective first
    confirmed: np.ndarray  # [regime, front row, output], another seed
    errors: np.ndarray  # standard error of each, [regime, front row, output]
    worlds: np.ndarray  # [1 + front row, replication, output] of that seed, means over regimes; first as it stands
    about: dict[str, Any]
    origin: dict[str, Any] = field(default_factory=dict)  # how to make it again

    @property
    def outputs(self) -> list[str]:
        return next(iter(self.models.values())).outputs

    @property
    def regimes(self) -> list[str]:
        return list(self.models)

    def column(self, output: str) -> int:
        return self.outputs.index(output)

    @cached_property
    def regret(self) -> np.ndarray:
        """float64[point]: the largest share of the attainable range given up, over objectives and regimes.

        In each regime a setting is measured against the best that keeps the budget there; NaN outside the budget.
        """
        worst = np.zeros(len(self.design))
        for values in self.values:
            for objective in self.objectives:
                y = objective.sign * values[:, self.column(objective.output)]
                inside = y[self.within]
                spread = inside.max() - inside.min() if len(inside) else 0.0
                if spread > 0:
                    worst = np.maximum(worst, (inside.max() - y) / spread)
        return np.where(self.within, worst, np.nan)

    @property
    def robust(self) -> int | None:
        """The point with the least of the largest regrets."""
        return None if not self.within.any() else int(np.nanargmin(self.regret))

    def difference(self, row: int, other: int, output: str) -> tuple[float, float]:
        """Mean and half of the interval of one row of `worlds` minus another, world by world."""
        d = self.worlds[row, :, self.column(output)] - self.worlds[other, :, self.column(output)]
        d = d[np.isfinite(d)]
        return (float(d.mean()) if len(d) else math.nan), half_width(d)

    def told_apart(self, row: int, other: int) -> bool:
        """Whether two rows of `worlds` differ in an objective by more than noise."""
        pairs = (self.difference(row, other, o.output) for o in self.objectives)
        return any(abs(mean) > reach for mean, reach in pairs)

    def better(self, row: int) -> int | None:
        """A row of `worlds` whose means are at least as good in every objective and better in one; None: no such.

        The front was chosen in other worlds; what was on it there may be beaten here."""
        y = self.worlds[:, :, [self.column(o.output) for o in self.objectives]].mean(axis=1)
        y = y * [o.sign for o in self.objectives]
        found = (y >= y[row]).all(axis=1) & (y > y[row]).any(axis=1)
        found[0] &= bool(self.within[0])
        return int(np.flatnonzero(found)[0]) if found.any() else None

    def beyond(self, row: int) -> bool:
        """Whether a row of `worlds` breaks the budget there, by the rule of the search. A probability is not judged
        over several regimes, of which `worlds` has the means."""
        if self.budget is None:
            return False
        y = self.worlds[row, :, self.column(self.budget.output)]
        if (asked := self.about["budget probability"]) is None:
            return not bool(self.budget.reached(y.mean()))
        return len(self.regimes) == 1 and float(self.budget.reached(y).mean()) < asked

    def in_noise(self, row: int) -> list[int]:
        """Of the scenario as it stands and the neighbours on the front the rows that one cannot be told from."""
        near = {other for other in (0, row - 1, row + 1) if 0 <= other < len(self.worlds) and other != row}
        if self.front[row - 1] == 0:
            near -= {0}  # it is the scenario as it stands
        return [other for other in sorted(near) if not self.told_apart(row, other)]

    @property
    def most_robust(self) -> int | None:
        """The point with the least regret where that is more than noise: on the front, beaten by none in other worlds,
        told apart from the scenario as it stands and from every other point of the front."""
        on_front = np.flatnonzero(self.front == self.robust) if self.robust is not None else []
        if not len(on_front) or self.better(row := 1 + int(on_front[0])) is not None:
            return None
        others = [k for k in range(len(self.worlds)) if k != row and (k > 0 or self.robust != 0)]
        return self.robust if all(self.told_apart(row, k) for k in others) else None

    def title(self, lang: str) -> str:
        """The question: what is to be as large or small as can be, within which budget."""
        model = next(iter(self.models.values()))
        aims = (
            say(lang, "最大化 " if o.largest else "最小化 ", "most " if o.largest else "least ")
            + model.label(o.output, lang)
            for o in self.objectives
        )
        title = say(lang, "，", ", ").join(aims)
        if self.budget:
            sign, output = "≥" if self.budget.at_least else "≤", self.budget.output
            bound = show(self.budget.bound, model.unit(output), lang)
            title += say(lang, "；", "; ") + f"{model.label(output, lang)} {sign} {bound}"
        return title

    def regimes_in(self, lang: str) -> str:
        named = (say(lang, "基准", "baseline") if name == "base" else name for name in self.regimes)
        return say(lang, "、", ", ").join(named)

    def table(self, lang: str = "zh") -> str:
        title = self.title(lang)
        if not len(self.front):
            return f"{title}\n" + say(lang, "没有任何方案在预算之内", "no setting tried keeps the budget")
        model = next(iter(self.models.values()))
        outputs = [o.output for o in self.objectives] + ([self.budget.output] if self.budget else [])
        outputs = list(dict.fromkeys(outputs))
        aims = [o.output for o in self.objectives]
        header = ["", *(v.path for v in self.levers)]
        for output in outputs:
            header += [model.label(output, lang)]
            header += (
                [say(lang, "与现状之差（95% 区间）", "difference from as it stands (95 % interval)")]
                if output in aims
                else []
            )
        header += [word("regret", lang), ""]
        rows = []
        for row, point in enumerate((0, *self.front)):
            cells = [str(row) if row else "", *self._setting(point, lang)]
            for output in outputs:
                unit = model.unit(output)
                cells.append(show(self.worlds[row, :, self.column(output)].mean(), unit, lang))
                if output in aims:
                    mean, reach = self.difference(row, 0, output)
                    near = f" [{between(mean - reach, mean + reach, unit, lang, sign=True)}]"
                    cells.append(show(mean, unit, lang, sign=True) + near if row and point else "")
            regret = f"{self.regret[point]:.0%}" if np.isfinite(self.regret[point]) else "–"
            rows.append([*cells, regret, self._remarks(row, int(point), lang)])
        lines = [title, layout(header, rows, left=0, remarks=True)]
        lines.append(
            say(
                lang,
                f"{len(self.design)} 个方案，{int(self.within.sum())} 个在预算内；情形：{self.regimes_in(lang)}",
                f"{len(self.design)} settings tried, {int(self.within.sum())} within the budget; regimes:"
                f" {self.regimes_in(lang)}",
            )
        )
        seed, other = self.about["seed"], self.about["seed"] + CONFIRMING
        lines.append(
            say(
                lang,
                f"均值与差异取自种子 {other} 的世界，各行同处这些世界，差异逐世界配对；"
                + f"前沿{'、“超出预算”' if self.budget else ''}与后悔值取自搜索所用的世界（种子 {seed}），"
                "两者因此可能不一致" + ("；只在均值所在的世界中超出预算的，另有注明" if self.budget else ""),
                f"means and differences are of the worlds of seed {other}, which all rows share (differences are"
                f" paired); the front{', “beyond the budget”' if self.budget else ''} and the regret are of the worlds"
                f" of the search (seed {seed}), so the two may disagree"
                + ("; a row beyond the budget only in the first is marked so" if self.budget else ""),
            )
        )
        if self.robust is not None and self.robust not in self.front:
            names = zip(self.levers, self._setting(self.robust, lang), strict=True)
            setting = ", ".join(f"{v.path} {told}" for v, told in names)
            lines.append(say(lang, f"后悔值最小的方案：{setting}", f"least regret: {setting}"))
        elif self.most_robust is None:
            lines.append(
                say(
                    lang,
                    "不称任何方案为最稳健：后悔值最小者在复核的世界中与其他方案无法区分，或不如其中之一",
                    "no setting is called the most robust: in the other worlds the one with the least regret cannot be"
                    " told from another, or is beaten",
                )
            )
        return "\n".join([*lines, *key_to([v.path for v in self.levers], model.label, lang)])

    def _setting(self, point: int, lang: str) -> list[str]:
        model = next(iter(self.models.values()))
        return [show(x, model.unit(v.path), lang) for v, x in zip(self.levers, self.design[point], strict=True)]

    def _remarks(self, row: int, point: int, lang: str) -> str:
        """What stands beside a row of the table: as it stands, least regret, noise, beaten."""
        marks = [say(lang, "现状", "as it stands")] if point == 0 else []
        if not self.within[point]:
            marks.append(say(lang, "超出预算", "beyond the budget"))
        elif self.beyond(row):
            marks.append(say(lang, "均值所在的世界中超出预算", "beyond the budget in the worlds of the means"))
        if point == self.robust and row:
            told = point == self.most_robust
            marks.append(say(lang, "最稳健", "most robust") if told else say(lang, "后悔值最小", "least regret"))
        if not row:
            return say(lang, "；", "; ").join(marks)
        names = [say(lang, f"第 {other} 行", f"row {other}") if other else say(lang, "现状", "as it stands")
                 for other in self.in_noise(row)]  # fmt: skip
        if names:
            marks.append(
                say(lang, f"与{'、'.join(names)}无法区分（噪声）", f"cannot be told from {', '.join(names)} (noise)")
            )
        if (other := self.better(row)) is not None:
            name = say(lang, f"第 {other} 行", f"row {other}") if other else say(lang, "现状", "as it stands")
            marks.append(say(lang, f"各目标均不优于{name}", f"no better than {name} in any objective"))
        return say(lang, "；", "; ").join(marks)

    def save(self, folder: Path, lang: str = "zh", figures: bool = True) -> None:
        """points.csv (settings x regimes), front.csv, manifest.json, figures/, beside the journals: all or none."""
        from sim import store

        folder = claim(folder, "optimise")
        paths = [v.path for v in self.levers]
        chosen = set(self.front.tolist())
        yes = ("false", "true")
        points = (
            [
                *[s, regime, *(float(x) for x in self.design[s]), *(float(y) for y in self.values[r, s])],
                *[yes[bool(self.within[s])], yes[s in chosen], float(self.regret[s])],
            ]
            for s in range(len(self.design))
            for r, regime in enumerate(self.regimes)
        )
        header = ["point", "regime", *paths, *self.outputs, "within_budget", "on_front", "regret"]
        files: dict[str | Path, bytes] = {folder / "points.csv": csv_text(header, points).encode()}
        rows = (
            [int(s), regime, *(float(x) for x in self.design[s]), *(float(y) for y in self.confirmed[r, k])]
            + [float(e) for e in self.errors[r, k]]
            for k, s in enumerate(self.front)
            for r, regime in enumerate(self.regimes)
        )
        errors = [f"{output} standard error" for output in self.outputs]
        names = ["point", "regime", *paths, *self.outputs, *errors]
        files[folder / "front.csv"] = csv_text(names, rows).encode()
        if figures:
            from sim.figures.analysis import encoded

            files |= encoded(self.figures(lang), folder / "figures")
        about = {"program": store.PROGRAM, "kind": "optimise", **self.origin, **self.about}
        store.write_together(files | {folder / store.MANIFEST: store.json_bytes(about)})

    def to_xarray(self) -> Any:
        import xarray

        data = {
            "values": (("regime", "point", "output"), self.values),
            "design": (("point", "lever"), self.design),
            "within": ("point", self.within),
            "regret": ("point", self.regret),
        }
        coords = {"regime": self.regimes, "output": self.outputs, "lever": [v.path for v in self.levers]}
        return xarray.Dataset(data, coords=coords)

    def to_json(self) -> dict[str, Any]:
        paths = [v.path for v in self.levers]
        return self.about | {
            "tried": len(self.design),
            "within_budget": int(self.within.sum()),
            "robust": None if self.robust is None else dict(zip(paths, self.design[self.robust].tolist(), strict=True)),
            "most_robust_beyond_noise": self.most_robust is not None,
            "as_it_stands": dict(zip(self.outputs, self.worlds[0].mean(axis=0).tolist(), strict=True))
            if len(self.front)
            else None,
            "front": [
                {
                    "settings": dict(zip(paths, self.design[s].tolist(), strict=True)),
                    "regret": float(self.regret[s]),
                    "outputs": {
                        regime: dict(zip(self.outputs, self.confirmed[r, k].tolist(), strict=True))
                        for r, regime in enumerate(self.regimes)
                    },
                    "from_as_it_stands": {
                        o.output: dict(zip(("mean", "reach"), self.difference(k + 1, 0, o.output), strict=True))
                        for o in self.objectives
                    },
                    "told_from_as_it_stands": self.told_apart(k + 1, 0),
                    "no_better_than": self.better(k + 1),
                }
                for k, s in enumerate(self.front)
            ],
        }

    def figures(self, lang: str = "zh") -> dict[str, Any]:
        from sim.figures.analysis import figures_of_policies

        return figures_of_policies(self, lang)


def nondominated(y: np.ndarray) -> np.ndarray:
    """bool[point]: no other point is at least as good in every column of `y` (larger is better) and better in one."""
    keep = np.ones(len(y), dtype=bool)
    for k, point in enumerate(y):
        no_worse = (y >= point).all(axis=1)
        better = (y > point).any(axis=1)
        keep[k] = not (no_worse & better).any()
    return keep


def optimise(
    models: Mapping[str, Model],
    levers: Sequence[Varied],
    objectives: Sequence[Objective],
    budget: Target | None = None,
    budget_probability: float | None = None,
    samples: int = USUAL_SAMPLES,
    replications: int = 50,
    seed: int = 1,
    *,
    out: Path | None = None,
    resume: bool = False,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Policies:
    """`models`: one a market regime (or scenario), all with the same outputs."""
    _refuse(models, objectives, budget, samples)
    from scipy.stats import qmc

    folder = None if out is None else claim(out, "optimise")
    levers = list(levers)
    paths = [v.path for v in levers]
    first_model = next(iter(models.values()))
    outputs = first_model.outputs
    planned = len(models) * replications * (1 + samples + samples // 2 + 9)
    spent = 0

    def look(stage: str, design: np.ndarray, stage_seed: int) -> list[Evaluated]:
        """The design in every regime, each with a journal of its own."""
        nonlocal spent
        found = []
        for k, (regime, model) in enumerate(models.items()):
            settings = {
                "stage": stage,
                "regime": regime,
                "levers": {v.path: v.text for v in levers},
                "samples": samples,
            }
            start = spent

            def report(done: int, total: int, start: int = start) -> None:
                if progress is not None:
                    progress(min(planned, start + done * replications), planned)

            found.append(
                evaluate(
                    model,
                    paths,
                    design,
                    replications,
                    stage_seed,
                    journal=None if folder is None else folder / f"journal-{stage}-{k}",
                    header=header_for("optimise", model, settings, paths, replications, stage_seed),
                    resume=resume,
                    executor=executor,
                    progress=report,
                )
            )
            spent += len(design) * replications
        return found

    def judged(found: list[Evaluated]) -> tuple[np.ndarray, np.ndarray]:
        """(means float64[regime, point, output], bool[point] within the budget)."""
        values = np.array([e.mean for e in found])
        inside = np.asarray(np.isfinite(values).all(axis=(0, 2)))
        if budget is not None:
            j = outputs.index(budget.output)
            if budget_probability is None:
                inside = inside & budget.reached(values[:, :, j].mean(axis=0))
            else:
                share = [budget.reached(e.values(np.arange(len(e.design)))[:, :, j]).mean(axis=1) for e in found]
                inside = inside & (np.mean(share, axis=0) >= budget_probability)
        return values, inside

    def best(values: np.ndarray, inside: np.ndarray) -> np.ndarray:
        """Rows no other row beats on the mean over regimes, the first objective's best first."""
        rows = np.flatnonzero(inside)
        y = np.column_stack([o.sign * values[:, rows, outputs.index(o.output)].mean(axis=0) for o in objectives])
        rows, y = rows[keep := nondominated(y)], y[keep]
        return rows[np.argsort(-y[:, 0], kind="stable")]

    sobol = qmc.Sobol(len(levers), scramble=True, rng=np.random.default_rng(seed))
    levels = sobol.random(samples)
    as_it_stands = np.array([[first_model.central(path) for path in paths]])
    wide = np.vstack([as_it_stands, np.column_stack([v.within(levels[:, k]) for k, v in enumerate(levers)])])
    found = look("wide", wide, seed)
    values, inside = judged(found)
    good = best(values, inside)
    good = good[good > 0] - 1  # rows of `levels`
    if len(good):
        steps = (sobol.random(samples)[: samples // 2] - 0.5) * 2.0 * NEAR
        near = np.clip(levels[good[np.arange(len(steps)) % len(good)]] + steps, 0.0, 1.0)
        close = np.column_stack([v.within(near[:, k]) for k, v in enumerate(levers)])
        found_close = look("near", close, seed)
        more, more_inside = judged(found_close)
        wide, values = np.vstack([wide, close]), np.concatenate([values, more], axis=1)
        inside = np.concatenate([inside, more_inside])
    front = best(values, inside) if inside.any() else np.zeros(0, dtype=np.int64)
    confirmed = errors = np.zeros((len(models), 0, len(outputs)))
    worlds = np.zeros((0, replications, len(outputs)))
    if len(front):
        rows = [0, *(point for point in front if point)]  # the scenario as it stands, once
        again = look("confirm", wide[rows], seed + CONFIRMING)
        at = [rows.index(point) for point in front]
        confirmed = np.array([e.mean[at] for e in again])
        errors = np.array([(e.sd / np.sqrt(np.maximum(e.defined, 1)))[at] for e in again])
        worlds = np.mean([e.values([0, *at]) for e in again], axis=0)
    if progress is not None:
        progress(planned, planned)
    about = {
        "scenario and program": {regime: model.fingerprint for regime, model in models.items()},
        "levers": {v.path: v.text for v in levers},
        "objectives": [o.text for o in objectives],
        "budget": budget.text if budget else None,
        "budget probability": budget_probability,
        "samples": samples,
        "replications": replications,
        "seed": seed,
    }
    return Policies(
        dict(models), levers, list(objectives), budget, wide, values, inside, front, confirmed, errors, worlds, about
    )


def _refuse(models: Mapping[str, Model], objectives: Sequence[Objective], budget: Target | None, samples: int) -> None:
    if not models:
        raise refuse("no scenario to optimise")
    if not 1 <= len(objectives) <= 2:
        raise refuse(
            "one objective or two", key="--maximise, --minimise", found=str(len(objectives)), expected="METRIC@QUARTER"
        )
    if len({o.output for o in objectives}) < len(objectives):
        raise refuse("the same objective twice", key=objectives[0].output, expected="two different metrics or quarters")
    if samples < 8 or samples & (samples - 1):
        below = max(8, 1 << (max(samples, 1).bit_length() - 1))
        raise refuse(
            "the design is balanced only at powers of two",
            key="samples",
            found=str(samples),
            expected=f"{below} or {2 * below}",
        )
    outputs = next(iter(models.values())).outputs
    refuse_too_many_samples(samples, len(models) * REPORTED)
    wanted = [o.output for o in objectives] + ([budget.output] if budget else [])
    for model in models.values():
        if model.outputs != outputs or not set(wanted) <= set(outputs):
            raise refuse("the models do not report the same", found=str(model.outputs), expected=str(wanted))


def run(
    scenario: Scenario,
    vary: Sequence[str],
    maximise: Sequence[str] = (),
    minimise: Sequence[str] = (),
    budget: str | None = None,
    budget_probability: float | None = None,
    regimes: Mapping[str, Scenario] | None = None,
    samples: int | None = None,
    replications: int = 50,
    seed: int = 1,
    *,
    out: Path | None = None,
    resume: bool = False,
    threads: int | None = None,
    cluster: str | None = None,
    progress: Progress | None = None,
) -> Policies:
    """What `run.py optimise` calls: texts checked, then `optimise` over the scenario and, by name, other regimes."""
    from sim.analysis.cluster import executor_for

    limit = Target.parse(budget, known_metrics(scenario)) if budget else None
    wanted = [*maximise, *minimise, *([limit.output] if limit else [])]
    models = {"": scenario} | dict(regimes or {})
    zones = {name or "base": ZoneModel.of(s, wanted) for name, s in models.items()}
    outputs = zones["base"].outputs
    named = {text: next(o for o in outputs if o == text or o.startswith(f"{text}@")) for text in wanted}
    goals = [
        Objective(named[text], largest) for texts, largest in ((maximise, True), (minimise, False)) for text in texts
    ]
    if limit:
        limit = Target(named[limit.output], limit.at_least, limit.bound)
    levers = varied_of(scenario, vary)
    _refuse(zones, goals, limit, USUAL_SAMPLES if samples is None else samples)
    with executor_for(cluster, threads) as executor:
        found = optimise(
            zones,
            levers,
            goals,
            limit,
            budget_probability,
            USUAL_SAMPLES if samples is None else samples,
            replications,
            seed,
            out=out,
            resume=resume,
            executor=executor,
            progress=progress,
        )
    words = words_of(
        "optimise",
        scenario,
        vary=vary,
        maximise=maximise,
        minimise=minimise,
        budget=budget,
        budget_probability=budget_probability,
        regime=[each._path for each in (regimes or {}).values()],
        samples=USUAL_SAMPLES if samples is None else samples,
        replications=replications,
        seed=seed,
    )
    found.origin = origin(words, *models.values())
    return found
