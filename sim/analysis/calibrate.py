"""Which parameters do published facts speak for, and what do they say of them?

1. *Screening.* Each parameter is moved one standard score down and up from the middle of its prior, on common random
   numbers. The change of every fact, over what chance and the fact's own error leave open, is the sensitivity matrix;
   its singular values say how many combinations of parameters the facts can tell apart from the prior.
2. *Fit.* A Latin hypercube of the prior, the same worlds at every point (simulated moments on common random numbers),
   and worlds apart, from which the spread by chance is learnt; an emulator of each fact's mean and spread
   (sim/analysis/emulator.py); a second design where the first posterior lies.
3. *Posterior.* Sequential Monte Carlo on the emulator. The prior is information: what facts do not tell stays as wide
   as it was. Draws are simulated anew, each in a world of its own, which gives the bands of fit.csv.

Only facts with `use = "calibrate"` enter; checks are reported beside them and never fitted. A fact's error: its
`tolerance` is the half-width of a 90 % interval (2 % where none is stated); a floor or ceiling is one-sided; `since` is
a difference within one world. The published zone is one world, so chance is part of the error, and parameters that are
not fitted stay uncertain within it. Not modelled: error of the model itself beyond the stated tolerances.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.analysis.model import Model, ZoneModel, refuse
from sim.analysis.text import between, csv_text, key_to, layout, say, show
from sim.analysis.vary import Varied, _flat, _from_table, _refuse_outside, parse_spread
from sim.analysis.work import Evaluated, Executor, Progress, claim, evaluate, header_for, origin, words_of
from sim.errors import Problem, UserError
from sim.memory import refuse_too_many_samples
from sim.quantities import number_of
from sim.scenario.fields import Z95
from sim.terms import term

if TYPE_CHECKING:
    from sim.analysis.emulator import Data, Emulator
    from sim.scenario.document import Scenario
    from sim.scenario.facts import Fact

KIND = "calibrate"
CHECKS = ("sbc", "recovery", "leave-one-out")
CHECKS_ZH = {
    "sbc": "模拟校准检验（sbc）",
    "recovery": "已知参数复原（recovery）",
    "leave-one-out": "逐一留出（leave-one-out）",
}
HEADERS_ZH = {
    "parameter": "参数", "fact": "事实", "published": "公布值", "share below": "低于公布值的占比", "inside": "5–95%",
    "90 % interval holds it": "90%区间含真值", "correlation": "相关系数", "bias (prior sd)": "偏差（先验标准差）",
    "its error": "其标准误", "sd left": "剩余标准差", "p": "p值", **{f"bin {b}": f"第{b}档" for b in range(1, 11)},
}  # fmt: skip
USUAL_SAMPLES, USUAL_REPLICATIONS = 200, 40
USUAL_TOLERANCE = 0.02  # of a published figure that states none: it is rounded
IDENTIFIED = 1.0  # singular value from which the facts know as much of a combination as the prior does
SEEN = 0.1  # of a fact's spread: a parameter that moves none by more over one prior sd does not matter to them
FAR = 0.5  # prior sd of a parameter, or sd of a fact over worlds: from here on another fact has drawn it off
DRAWS = 400  # rows of posterior.csv, each simulated in a world of its own
APART = 400  # worlds of their own over the prior, from which chance is learnt
PARTICLES = 2000
INDEPENDENT = 1_000_003  # added to the seed for worlds that share nothing with the design's
ZONES = 200  # synthetic zones of the checks
RANKS = 99  # posterior draws a synthetic truth is ranked among
BINS = 10
LEVEL = 0.01  # family-wise
ENOUGH_SAMPLES = 10  # points in the space of parameters for each of them: below, an emulator has seen little of it


@dataclass(frozen=True)
class Moment:
    """A fact as the fit sees it: a sum of outputs with signs, beside the published figure, in base units."""

    id: str
    terms: tuple[tuple[str, float], ...]
    observed: float
    tolerance: float = USUAL_TOLERANCE
    bound: str = ""  # "", "at_least", "at_most"
    use: str = "calibrate"
    name: tuple[str, str] = ("", "")  # zh, en: what the scenario calls it

    def of(self, values: np.ndarray, outputs: Sequence[str]) -> np.ndarray:
        """The fact in each world: float64[..., outputs] -> float64[...]."""
        return sum(weight * values[..., outputs.index(output)] for output, weight in self.terms)  # type: ignore[return-value]

    @property
    def sign(self) -> int:
        return {"at_least": 1, "at_most": -1}.get(self.bound, 0)


@dataclass(frozen=True)
class Screening:
    """`effect`: float64[parameters, facts], change of a fact over one prior sd, in the fact's own units of error;
    `noise`: the standard error of each; `values`: singular values; `directions`: float64[combination, parameter]."""

    paths: list[str]
    facts: list[str]
    effect: np.ndarray
    noise: np.ndarray
    values: np.ndarray
    directions: np.ndarray

    @property
    def matters(self) -> np.ndarray:
        """bool[parameters]: some fact moves by more than chance in the estimate, and by enough to count."""
        return np.asarray((np.abs(self.effect) > np.maximum(SEEN, 3.0 * self.noise)).any(axis=1))

    @property
    def left(self) -> np.ndarray:
        """Share of each parameter's prior variance that facts leave, were all linear; float64[parameters]."""
        return 1.0 - (self.directions**2 * (self.values**2 / (1.0 + self.values**2))[:, None]).sum(axis=0)

    @property
    def unknown(self) -> list[str]:
        """Combinations the facts tell less of than the prior does, largest parts first."""
        parts = []
        for value, direction in zip(self.values, self.directions, strict=True):
            if value < IDENTIFIED:
                order = [k for k in np.argsort(-np.abs(direction)) if abs(direction[k]) > 0.3]
                lead = np.sign(direction[order[0]])
                parts.append(" ".join(f"{lead * direction[k]:+.2f} {self.paths[k]}" for k in order[:4]))
        return parts

    def chosen(self) -> list[int]:
        """Parameters the facts can tell apart: the one they see best, then the one best seen beside it, and so on."""
        rest = np.where(self.matters[:, None], self.effect, 0.0)
        taken: list[int] = []
        while len(taken) < min(rest.shape):
            size = np.linalg.norm(rest, axis=1)
            best = int(size.argmax())
            if size[best] < IDENTIFIED:
                break
            taken.append(best)
            direction = rest[best] / size[best]
            rest = rest - np.outer(rest @ direction, direction)
            rest[best] = 0.0
        return sorted(taken)


@dataclass
class Check:
    """One way in which the calibration was tried on itself."""

    name: str
    passed: bool
    header: list[str]
    rows: list[list[object]]
    says: tuple[str, str]  # zh, en


@dataclass(frozen=True)
class Strained:
    """A fact that the fit strains after and does not meet. `low`, `high`: the least and the most of it in all worlds
    over the prior; `beyond`: the published figure lies outside of them by more than its own error; `at_end`: parameters
    that it pushes to the end of their prior, and their median; `without`: what the medians of others, parameters and
    facts, would be without it, where that is far from what they are."""

    moment: Moment
    low: float
    high: float
    beyond: bool
    at_end: dict[str, float]
    without: dict[str, float]


@dataclass
class Calibration:
    """A posterior and what it rests on. `prior`, `posterior`: float64[draws, parameters] in base units;
    `prior_facts`, `posterior_facts`: float64[worlds, moments], calibrated facts first, checks after."""

    model: Model
    parameters: list[Varied]
    left_at_prior: list[Varied]
    moments: list[Moment]
    screening: Screening
    prior: np.ndarray
    posterior: np.ndarray
    prior_facts: np.ndarray
    posterior_facts: np.ndarray
    emulator_error: np.ndarray  # of the mean at posterior draws it had not seen, in units of the fact's spread
    checks: list[Check] = field(default_factory=list)
    without: dict[str, dict[str, float]] = field(default_factory=dict)  # of each strained fact, see Strained
    about: dict[str, Any] = field(default_factory=dict)
    origin: dict[str, Any] = field(default_factory=dict)  # how to make it again

    @property
    def paths(self) -> list[str]:
        return [v.path for v in self.parameters]

    @property
    def failed(self) -> list[str]:
        return [check.name for check in self.checks if not check.passed]

    def name_of(self, moment: Moment, lang: str) -> str:
        """As the scenario calls the fact, else its metrics and date in the reader's language, else its id."""
        from sim.analysis.model import split_output

        stated = moment.name[0 if lang == "zh" else 1]
        added = [output for output, weight in moment.terms if weight > 0]
        labels = [self.model.label(output, lang) for output in added]
        if stated or labels == added:  # a model that has no labels answers with the output itself
            return stated or moment.id
        quarter = split_output(added[-1])[1]
        told = f"{' + '.join(label.removesuffix(quarter).rstrip() for label in labels)} {quarter}".strip()
        since = next((split_output(output)[1] for output, weight in moment.terms if weight < 0), "")
        return told + (term("fact.since", lang).format(quarter=since) if since else "")

    def fit(self) -> list[dict[str, Any]]:
        """One record a fact: published, and 5-50-95 % before and after."""
        out = []
        for k, moment in enumerate(self.moments):
            bands = {
                name: _quantiles(values[:, k])
                for name, values in (("prior", self.prior_facts), ("posterior", self.posterior_facts))
            }
            record: dict[str, Any] = {"fact": moment.id, "use": moment.use, "bound": moment.bound or "exact"}
            record |= {"observed": moment.observed}
            for name, (low, middle, high) in bands.items():
                record |= {f"{name}_p05": low, f"{name}_p50": middle, f"{name}_p95": high}
            low, _, high = bands["posterior"]
            floor, ceiling = moment.sign > 0, moment.sign < 0
            inside = (floor or low <= moment.observed) and (ceiling or moment.observed <= high)
            record["inside"] = bool(inside)
            record["emulator_error"] = float(self.emulator_error[k]) if k < len(self.emulator_error) else math.nan
            out.append(record)
        return out

    def strained(self) -> list[Strained]:
        """Facts that are fitted, not met, and either out of the prior's reach or what a parameter is at its end for.

        One such fact outweighs all others: what is off by many of its own errors pays for any misfit of theirs."""
        s, fitted = self.screening, [m for m in self.moments if m.use == "calibrate"]
        own = [s.paths.index(path) for path in self.paths]
        moves = (np.abs(s.effect) > np.maximum(SEEN, 3.0 * s.noise))[own]
        middle = np.median(self.posterior, axis=0)
        scores = np.array([_scores(v, middle[k : k + 1])[0] for k, v in enumerate(self.parameters)])
        out = []
        for j, (moment, record) in enumerate(zip(fitted, self.fit(), strict=False)):
            if record["inside"]:
                continue
            reached = self.prior_facts[:, j][np.isfinite(self.prior_facts[:, j])]
            low, high = float(reached.min()), float(reached.max())
            error = moment.tolerance * abs(moment.observed)
            above = moment.observed > record["posterior_p50"]
            beyond = moment.observed - error > high if above else moment.observed + error < low
            way = (1.0 if above else -1.0) * np.sign(s.effect[own, j])
            at_end = {self.paths[k]: float(middle[k]) for k in np.flatnonzero(moves[:, j] & (way * scores > Z95))}
            if beyond or at_end:
                without = {name: x for name, x in self.without.get(moment.id, {}).items() if name not in at_end}
                out.append(Strained(moment, low, high, bool(beyond), at_end, without))
        return out

    def _told_strained(self, x: Strained, lang: str) -> str:
        unit, join = self.model.unit(x.moment.terms[0][0]), say(lang, "、", ", ")
        name, published = self.name_of(x.moment, lang), show(x.moment.observed, unit, lang)
        span, worlds = between(x.low, x.high, unit, lang), len(self.prior_facts)
        ends = join.join(f"{path} ({show(value, self.model.unit(path), lang)})" for path, value in x.at_end.items())
        facts = {m.id: (m, record["posterior_p50"]) for m, record in zip(self.moments, self.fit(), strict=True)}
        others = []
        for key, value in x.without.items():
            if key in facts:
                moment, now = facts[key]
                told, of = self.name_of(moment, lang), self.model.unit(moment.terms[0][0])
            else:
                now, told = float(np.median(self.posterior[:, self.paths.index(key)])), key
                of = self.model.unit(key)
            now, then = show(now, of, lang), show(value, of, lang)
            others.append(say(lang, f"{told} {then}（现为 {now}）", f"{told} {then} ({now} with it)"))
        head = say(lang, f"够不到的事实：{name}，公布 {published}", f"out of reach: {name}, published {published}")
        if not x.beyond:
            head = say(
                lang,
                f"达不到的事实：{name}，公布 {published}，在校准后的区间之外",
                f"not met: {name}, published {published}, lies outside its band after the fit",
            )
        else:
            head += say(
                lang,
                f"，先验的 {worlds} 个世界只落在 {span} 之内",
                f"; {worlds} worlds over the prior came to {span}, no further",
            )
        if ends:
            head += say(lang, f"；它把 {ends} 推到先验的尽头", f"; it pushes {ends} to the end of the prior")
        if others:
            head += say(
                lang,
                f"。它还拉偏了其他结果，去掉它约为：{join.join(others)}",
                f". It draws others off; without it they would be about: {join.join(others)}",
            )
        return head + say(
            lang,
            '。请核对该数字；不参与拟合可写 use = "check"，或另放开一个影响它的参数、放宽先验',
            '. Check the figure; leave it out of the fit (use = "check"), free another parameter that moves it, or'
            " widen the prior",
        )

    def table(self, lang: str = "zh") -> str:
        rows = []
        for k, v in enumerate(self.parameters):
            unit = self.model.unit(v.path)
            before, after = _quantiles(self.prior[:, k]), _quantiles(self.posterior[:, k])
            narrower = 1.0 - np.var(_scores(v, self.posterior[:, k]))
            rows.append([v.path, *(show(x, unit, lang) for x in (before[1], after[1]))])
            rows[-1][1] += f" [{between(before[0], before[2], unit, lang)}]"
            rows[-1][2] += f" [{between(after[0], after[2], unit, lang)}]"
            rows[-1].append(f"{max(0.0, narrower):.0%}")
        header = [say(lang, "参数", "parameter"), say(lang, "先验 [5…95 %]", "prior [5…95 %]")]
        header += [say(lang, "后验 [5…95 %]", "posterior [5…95 %]"), say(lang, "方差减少", "variance removed")]
        paths = [v.path for v in (*self.parameters, *self.left_at_prior)]
        parts = ["\n".join([layout(header, rows), *key_to(paths, self.model.label, lang)])]
        few = self.about.get("samples", math.inf)
        if few < ENOUGH_SAMPLES * len(self.parameters):
            enough = ENOUGH_SAMPLES * len(self.parameters)
            parts.append(
                say(
                    lang,
                    f"{len(self.parameters)} 个参数只用 {few} 个样本，太少，后验不可信（--samples 至少 {enough}）",
                    f"{few} samples for {len(self.parameters)} parameters are too few to trust this posterior"
                    f" (--samples {enough} at least)",
                )
            )
        if self.left_at_prior:
            names = ", ".join(v.path for v in self.left_at_prior)
            parts.append(
                say(lang, f"事实无法识别、保持先验：{names}", f"left at the prior, facts cannot tell: {names}")
            )
        for text in self.screening.unknown:
            parts.append(say(lang, f"组合未被识别：{text}", f"combination not identified: {text}"))
        rows = []
        for record, moment in zip(self.fit(), self.moments, strict=True):
            unit = self.model.unit(moment.terms[0][0])
            sign = {1: "≥ ", -1: "≤ ", 0: ""}[moment.sign]
            row = [say(lang, "校准", "calibrate") if moment.use == "calibrate" else say(lang, "检验", "check")]
            row += [self.name_of(moment, lang), sign + show(moment.observed, unit, lang)]
            for name in ("prior", "posterior"):
                row.append(
                    f"{show(record[f'{name}_p50'], unit, lang)}"
                    f" [{between(record[f'{name}_p05'], record[f'{name}_p95'], unit, lang)}]"
                )
            rows.append([*row, say(lang, "在内", "inside") if record["inside"] else say(lang, "在外", "outside")])
        header = ["", say(lang, "事实", "fact"), say(lang, "公布值", "published")]
        header += [say(lang, "校准前 [5…95 %]", "before [5…95 %]"), say(lang, "校准后 [5…95 %]", "after [5…95 %]"), ""]
        parts.append(layout(header, rows, left=2))
        parts += [self._told_strained(x, lang) for x in self.strained()]
        for check in self.checks:
            mark = say(lang, "通过", "passed") if check.passed else say(lang, "未通过", "FAILED")
            told = f"{CHECKS_ZH[check.name]}：{mark}。{check.says[0]}" if lang == "zh" else ""
            parts.append(told or f"{check.name}: {mark}. {check.says[1]}")
            if check.rows:
                header = [HEADERS_ZH.get(word, word) if lang == "zh" else word for word in check.header]
                parts.append(layout(header, [self._told(row, lang) for row in check.rows]))
        return "\n\n".join(parts)

    def _told(self, row: Sequence[object], lang: str) -> list[str]:
        """A row of a check as people read it: of a fact its four numbers in its own unit."""
        fact = next((moment for moment in self.moments if moment.id == row[0]), None)
        unit = None if fact is None else self.model.unit(fact.terms[0][0])
        return [
            show(x, unit, lang) if unit is not None and 1 <= k <= 4 and isinstance(x, float | int) else _cell(x, lang)
            for k, x in enumerate(row)
        ]

    def save(self, folder: Path, lang: str = "zh", figures: bool = True) -> None:
        """posterior.csv, fit.csv, screening.csv, check-*.csv, figures/ and manifest.json, beside the journals."""
        from sim import store

        folder = claim(folder, KIND)
        rows = ([float(x) for x in row] for row in self.posterior)
        store.write_text(folder / "posterior.csv", csv_text(self.paths, rows))
        fit = self.fit()
        store.write_text(folder / "fit.csv", csv_text(list(fit[0]), (list(record.values()) for record in fit)))
        s = self.screening
        header = ["parameter", "prior", "fitted", "variance_left", *s.facts]
        header += [f"{name} standard error" for name in s.facts]
        priors = {v.path: v.text for v in [*self.parameters, *self.left_at_prior]}
        fitted = set(self.paths)
        lines = [
            [path, priors[path], str(path in fitted).lower(), float(s.left[k]), *map(float, s.effect[k])]
            + [float(x) for x in s.noise[k]]
            for k, path in enumerate(s.paths)
        ]
        store.write_text(folder / "screening.csv", csv_text(header, lines))
        for check in self.checks:
            store.write_text(folder / f"check-{check.name}.csv", csv_text(check.header, check.rows))
        if figures:
            from sim.figures.analysis import save_figures

            save_figures(self.figures(lang), folder / "figures")
        about = {"program": store.PROGRAM, "kind": KIND, **self.origin, **self.to_json()}
        store.write_json(folder / store.MANIFEST, about)

    def to_json(self) -> dict[str, Any]:
        z = np.column_stack([_scores(v, self.posterior[:, k]) for k, v in enumerate(self.parameters)])
        return self.about | {
            "parameters": {
                v.path: {
                    "prior": v.text,
                    **dict(zip(("p05", "p50", "p95"), _quantiles(self.posterior[:, k]), strict=True)),
                    "variance_removed": float(1.0 - np.var(z[:, k])),
                }
                for k, v in enumerate(self.parameters)
            },
            "left at the prior": [v.path for v in self.left_at_prior],
            "singular values": self.screening.values.tolist(),
            "not identified": self.screening.unknown,
            "facts": self.fit(),
            "facts out of reach": {
                x.moment.id: {
                    "prior": [x.low, x.high],
                    "beyond the prior": x.beyond,
                    "at the end of the prior": x.at_end,
                    "without it": x.without,
                }
                for x in self.strained()
            },
            "checks": {c.name: {"passed": c.passed, "says": c.says[1]} for c in self.checks},
        }

    def figures(self, lang: str = "zh") -> dict[str, Any]:
        from sim.figures.calibration import figures_of_calibration

        return figures_of_calibration(self, lang)


# ------------------------------------------------------------------------------------------ what is free, what is known


def priors_of(scenario: Scenario) -> tuple[list[Varied], bool]:
    """(priors, whether the scenario's `[calibrate]` names them). Else every parameter with a distribution and the grade
    estimated. All problems at once, each with its file and line."""
    from sim.scenario.fields import iter_quantities
    from sim.scenario.loading import find_quantity

    table = dict(_flat(scenario.calibrate))
    if not table:
        free = [
            Varied(path, q.distribution)
            for path, q in iter_quantities(scenario)
            if q.distribution is not None and q.grade == "estimated" and q.distribution.kind != "choices"
        ]
        if not free:
            raise refuse(
                "no parameter is there to calibrate",
                file=scenario._path or None,
                expected="a [calibrate] table of priors, or estimated parameters with a distribution",
            )
        return free, False
    problems: list[Problem] = []
    found: list[Varied] = []
    for path, spread in table.items():
        file, line = scenario._tree.place(f"calibrate.{path}")
        try:
            quantity = find_quantity(scenario, path)
            number = number_of(quantity.unit, quantity.value)
            if isinstance(spread, str):
                prior = parse_spread(path, spread.strip(), number)
            elif isinstance(spread, Mapping):
                prior = _from_table(path, spread, number)
            else:
                expected = "{ low, high }, { lognormal = { median, p95 } }, { beta = { mean, sd } } …"
                raise refuse("not a prior", key=path, found=str(spread), expected=expected)
            if prior.kind == "choices":
                raise refuse("a prior is continuous here", key=path, found="choices", expected="uniform, normal …")
            _refuse_outside(scenario, prior)
            found.append(prior)
        except UserError as error:
            problems += [
                Problem(p.message, file, line, f"calibrate.{p.key or path}", p.found, p.expected, p.nearest)
                for p in error.problems
            ]
    if problems:
        raise UserError(problems)
    return found, True


def moments_of(scenario: Scenario) -> list[Moment]:
    """Facts to calibrate to, then checks; refused where there is none of the first or one lies outside the run."""
    problems: list[Problem] = []
    wanted = [fact for use in ("calibrate", "check") for fact in scenario.facts if fact.use == use]
    if not any(fact.use == "calibrate" for fact in wanted):
        file, line = scenario._tree.place("calibrate" if "calibrate" in scenario._tree.index else "facts")
        raise refuse(
            "no fact to calibrate to",
            file=file or scenario._path or None,
            line=line,
            key="facts",
            found=", ".join(sorted({fact.use for fact in scenario.facts})) or "no facts",
            expected='at least one fact with use = "calibrate"',
        )
    out: list[Moment] = []
    for fact in wanted:
        if not int(scenario.zone.start) < int(fact.date) <= int(scenario.zone.end):
            if fact.use == "calibrate":
                from sim.quantities import quarter_name

                file, line = scenario._tree.place(f"facts.{fact.id}")
                inside = f"after {quarter_name(int(scenario.zone.start))}, to {quarter_name(int(scenario.zone.end))}"
                message = "the date is not within what is simulated"
                problems.append(Problem(message, file, line, fact.id, quarter_name(int(fact.date)), inside))
            continue
        out.append(moment_of(fact, int(scenario.zone.start)))
    if problems:
        raise UserError(problems)
    return out


def moment_of(fact: Fact, start: int) -> Moment:
    from sim.quantities import quarter_name

    terms: list[tuple[str, float]] = []
    for part in fact.metric.split("+"):
        terms.append((f"{part.strip()}@{quarter_name(int(fact.date))}", 1.0))
        if fact.since is not None:
            terms.append((f"{part.strip()}@{quarter_name(max(start, int(fact.since)))}", -1.0))
    tolerance = fact.tolerance.value if fact.tolerance is not None else USUAL_TOLERANCE
    name = (fact.name.zh, fact.name.en) if fact.name is not None else ("", "")
    return Moment(fact.id, tuple(terms), fact.value, tolerance, fact.bound or "", fact.use, name)


def run(
    scenario: Scenario,
    samples: int = USUAL_SAMPLES,
    replications: int = USUAL_REPLICATIONS,
    seed: int = 1,
    *,
    regularise: bool = False,
    checks: Sequence[str] = (),
    out: Path | None = None,
    resume: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Calibration:
    """Calibrate a scenario to its own facts. Worlds are lived only to the last fact, which changes none of them."""
    from sim.analysis.work import InProcess
    from sim.quantities import quarter_name
    from sim.scenario.loading import with_overrides

    moments = moments_of(scenario)
    priors, named = priors_of(scenario)
    if not named:
        read = _read_by_rules(scenario)
        priors = [prior for prior in priors if prior.path in read]
    outputs = list(dict.fromkeys(output for moment in moments for output, _ in moment.terms))
    last = max(int(fact.date) for fact in scenario.facts if fact.id in {moment.id for moment in moments})
    short = with_overrides(scenario, {"zone.end": quarter_name(last)}) if last < int(scenario.zone.end) else scenario
    try:
        found = calibrate(
            ZoneModel.of(short, outputs),
            priors,
            moments,
            samples,
            replications,
            seed,
            named=named,
            regularise=regularise,
            checks=checks,
            out=out,
            resume=resume,
            executor=InProcess(threads),
            progress=progress,
        )
    except UserError as error:  # what the facts cannot tell is known once worlds were lived; its line is the prior's
        raise UserError([_at_its_prior(problem, scenario) for problem in error.problems]) from None
    words = words_of("calibrate", scenario, samples=samples, replications=replications, seed=seed, check=list(checks))
    words += ["--regularise"] if regularise else []
    found.origin = origin(words, scenario)
    return found


def _at_its_prior(problem: Problem, scenario: Scenario) -> Problem:
    """A problem of a parameter or of the table of priors, with the file and the line that name it."""
    tree, key = scenario._tree, problem.key or ""
    stated = f"calibrate.{key}" if f"calibrate.{key}" in tree.index else key
    if problem.file or stated not in tree.index:
        return problem
    file, line = tree.place(stated)
    return replace(problem, file=file, line=line, key=stated)


def _read_by_rules(scenario: Scenario) -> set[str]:
    """Paths that some rule of this scenario reads: a base file may state what a zone has no use for."""
    from sim.model.rows import Rows
    from sim.model.rules import lower

    rows = Rows(1, np.arange(1))
    lower(scenario, rows)
    return rows.used


# ------------------------------------------------------------------------------------------------------------ the work


def calibrate(
    model: Model,
    priors: Sequence[Varied],
    moments: Sequence[Moment],
    samples: int = USUAL_SAMPLES,
    replications: int = USUAL_REPLICATIONS,
    seed: int = 1,
    *,
    named: bool = True,
    regularise: bool = False,
    checks: Sequence[str] = (),
    zones: int = ZONES,
    out: Path | None = None,
    resume: bool = False,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Calibration:
    """`named`: the user named the parameters, so that more than the facts can tell apart are refused unless
    `regularise` lets the prior hold what facts leave open; else those not told apart are left at their prior."""
    from sim.analysis import emulator

    if samples < 10 or replications < 4:
        raise refuse("too few to fit to", found=f"{samples} samples, {replications} worlds", expected="10 and 4")
    refuse_too_many_samples(samples, len(priors) + replications * len(model.outputs))
    stages = _Stages(
        model, priors, moments, samples, replications, seed, zones, checks, out, resume, executor, progress
    )
    fitted = [moment for moment in moments if moment.use == "calibrate"]
    scales = _Scales(fitted)

    screened = stages.evaluate("screening", priors, _cross(len(priors)), replications, seed)
    screening = _screen(stages.worlds(screened, fitted), priors, fitted, scales)
    chosen = _choose(screening, named, regularise)
    parameters = [priors[k] for k in chosen]
    left = [v for k, v in enumerate(priors) if k not in set(chosen)]

    draws = np.random.default_rng([seed, 1])
    z = _hypercube(samples, len(parameters), draws)
    wide = stages.evaluate("wide", parameters, z, replications, seed)
    every = wide.values(np.arange(samples))
    prior_facts = np.column_stack([m.of(every, model.outputs).reshape(-1) for m in moments])
    scales.settle(stages.worlds(wide, fitted))
    worlds = scales.forward(stages.worlds(wide, fitted))
    _refuse_undefined(worlds, fitted)
    apart_z = _hypercube(APART, len(parameters), draws)
    alone = stages.evaluate("apart", parameters, apart_z, 1, seed + 3 * INDEPENDENT, apart=True)
    apart = scales.forward(stages.worlds(alone, fitted)[:, 0])
    data = scales.data(fitted)
    rough = emulator.fit(z, worlds, apart_z, apart)
    first = emulator.sample(lambda at: rough.log_likelihood(at, data), len(parameters), PARTICLES, draws)

    near_z = first[draws.choice(PARTICLES, max(8, samples // 4), replace=False)]
    near = stages.evaluate("near", parameters, near_z, replications, seed)
    near_worlds = scales.forward(stages.worlds(near, fitted))
    # the level of the design's means is the luck of its few worlds: what is judged is how they move
    gap = near_worlds.mean(axis=1) - rough.mean(near_z)
    error = gap.std(axis=0) / np.sqrt(near_worlds.var(axis=1, ddof=1).mean(axis=0) + data.error**2)
    both = np.vstack([z, near_z])
    better = emulator.fit(both, np.concatenate([worlds, near_worlds]), apart_z, apart, _closeness(both, first))
    particles = emulator.sample(lambda at: better.log_likelihood(at, data), len(parameters), PARTICLES, draws)

    kept = particles[draws.choice(PARTICLES, DRAWS, replace=False)]
    anew = stages.evaluate("posterior", parameters, kept, 1, seed + INDEPENDENT, apart=True)
    again = anew.values(np.arange(DRAWS))[:, 0]
    posterior_facts = np.column_stack([m.of(again, model.outputs) for m in moments])
    calibration = Calibration(
        model,
        parameters,
        left,
        list(moments),
        screening,
        np.column_stack([v.at(_levels(z[:, k])) for k, v in enumerate(parameters)]),
        np.column_stack([v.at(_levels(kept[:, k])) for k, v in enumerate(parameters)]),
        prior_facts,
        posterior_facts,
        error,
    )
    for x in calibration.strained():
        calibration.without[x.moment.id] = _without(
            better, data, fitted.index(x.moment), particles, calibration, scales, seed
        )
    if {"sbc", "recovery"} & set(checks):
        calibration.checks += _synthetic_checks(stages, parameters, fitted, scales, rough, checks, seed)
    if "leave-one-out" in checks:
        calibration.checks.append(_leave_one_out(better, data, fitted, scales, len(parameters), seed))
    stages.finish()
    calibration.about = {
        "scenario and program": model.fingerprint,
        "samples": samples,
        "replications": replications,
        "seed": seed,
        "regularise": regularise,
        "facts used": [moment.id for moment in fitted],
        "worlds": stages.lived,
    }
    return calibration


def _choose(screening: Screening, named: bool, regularise: bool) -> list[int]:
    if not screening.matters.any():
        raise refuse(
            "no fact depends on any of the parameters",
            found=", ".join(screening.paths),
            expected="parameters that move " + ", ".join(screening.facts),
        )
    if regularise:
        return [int(k) for k in np.flatnonzero(screening.matters)]
    if not named:
        chosen = screening.chosen()
        return chosen or [int(np.linalg.norm(screening.effect, axis=1).argmax())]
    unknown = screening.unknown
    unseen = [path for path, seen in zip(screening.paths, screening.matters, strict=True) if not seen]
    problems = [
        Problem("no fact depends on this parameter: leave it out, take more worlds, or --regularise", key=path)
        for path in unseen
    ]
    left = [text for text in unknown if not any(f" {path}" in text for path in unseen)]
    if (unknown and not unseen) or len(unknown) > len(unseen):
        facts, every = len(screening.facts), len(screening.paths)
        told, kept = every - len(unknown), ", ".join(screening.paths[k] for k in screening.chosen())
        problems += [
            Problem(
                f"more parameters than the facts can tell apart: {facts} facts tell {told} combinations"
                f" of {every} parameters",
                key="calibrate",
                found="; ".join(left or unknown),
                expected=f"--regularise (the prior holds what they leave open), or only {kept}"
                if kept
                else "--regularise (the prior holds what they leave open)",
            )
        ]
    if problems:
        raise UserError(problems)
    return list(range(len(screening.paths)))


@dataclass
class _Scales:
    """The scale on which each fact is judged: log where every world and the figure are above 0, else as it is."""

    moments: list[Moment]
    log: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))

    def settle(self, worlds: np.ndarray) -> None:
        positive = (worlds > 0).all(axis=(0, 1))
        self.log = positive & np.array([m.observed > 0 for m in self.moments])

    def forward(self, worlds: np.ndarray) -> np.ndarray:
        """float64[..., facts] -> the same on the scales. A world of 0 where the prior had none is half a unit."""
        out = np.array(worlds, dtype=np.float64)
        out[..., self.log] = np.log(np.maximum(out[..., self.log], 0.5))
        return out

    def back(self, values: np.ndarray, fact: int) -> np.ndarray:
        return np.exp(values) if self.log[fact] else values

    def data(self, moments: Sequence[Moment]) -> Data:
        return self.data_of(np.array([m.observed for m in moments]), moments)

    def data_of(self, observed: np.ndarray, moments: Sequence[Moment], met: np.ndarray | None = None) -> Data:
        from sim.analysis.emulator import Data

        half = np.array([m.tolerance for m in moments]) / Z95
        y = np.where(self.log, np.log(np.maximum(observed, 0.5)), observed)
        sign = np.array([m.sign for m in moments])
        error = np.where(self.log, half, half * np.abs(np.array([m.observed for m in moments])))
        return Data(y, error, sign, np.ones(len(moments), bool) if met is None else met)


class _Apart:
    """A model each sample of which is lived in chance of its own: the seed moves with the sample's number."""

    NUMBER = "sample number"

    def __init__(self, model: Model) -> None:
        self.model, self.outputs, self.fingerprint = model, model.outputs, model.fingerprint

    def evaluate(
        self, samples: Mapping[str, np.ndarray], replications: int, seed: int, threads: int | None = None
    ) -> np.ndarray:
        numbers = samples[self.NUMBER].astype(int)
        own = {path: values for path, values in samples.items() if path != self.NUMBER}
        return np.concatenate(
            [
                self.model.evaluate(
                    {p: v[s : s + 1] for p, v in own.items()}, replications, seed + int(number), threads
                )
                for s, number in enumerate(numbers)
            ]
        )

    def central(self, path: str) -> float:
        return self.model.central(path)

    def label(self, name: str, lang: str) -> str:
        return self.model.label(name, lang)

    def unit(self, name: str) -> str:
        return self.model.unit(name)


class _Stages:
    """Evaluates designs one after another, each with its journal, under one count of worlds."""

    def __init__(
        self,
        model: Model,
        priors: Sequence[Varied],
        moments: Sequence[Moment],
        samples: int,
        replications: int,
        seed: int,
        zones: int,
        checks: Sequence[str],
        out: Path | None,
        resume: bool,
        executor: Executor | None,
        progress: Progress | None,
    ) -> None:
        self.model, self.moments = model, moments
        self.folder = None if out is None else claim(out, KIND)
        self.resume, self.executor, self.progress = resume, executor, progress
        self.zones = zones if {"sbc", "recovery"} & set(checks) else 0
        near = max(8, samples // 4)
        self.planned = replications * (2 * len(priors) + 1 + samples + near) + APART + DRAWS + self.zones
        self.lived = 0
        self.settings = {
            "samples": samples,
            "priors": {v.path: v.text for v in priors},
            "facts": {m.id: [m.observed, m.tolerance, m.bound] for m in moments if m.use == "calibrate"},
        }

    def evaluate(
        self,
        stage: str,
        parameters: Sequence[Varied],
        z: np.ndarray,
        replications: int,
        seed: int,
        apart: bool = False,
    ) -> Evaluated:
        design = np.column_stack([v.at(_levels(z[:, k])) for k, v in enumerate(parameters)])
        paths = [v.path for v in parameters]
        model: Model = self.model
        if apart:
            model = _Apart(self.model)  # type: ignore[assignment]
            paths = [*paths, _Apart.NUMBER]
            design = np.column_stack([design, np.arange(len(design), dtype=float)])
        start = self.lived

        def report(done: int, total: int) -> None:
            if self.progress is not None:
                self.progress(min(self.planned, start + done * replications), self.planned)

        settings = {"stage": stage, **self.settings}
        found = evaluate(
            model,
            paths,
            design,
            replications,
            seed,
            journal=None if self.folder is None else self.folder / f"journal-{stage}",
            header=header_for(KIND, model, settings, paths, replications, seed),
            resume=self.resume,
            executor=self.executor,
            progress=report,
        )
        self.lived += len(design) * replications
        return found

    def worlds(self, found: Evaluated, moments: Sequence[Moment]) -> np.ndarray:
        """float64[samples, replications, facts]"""
        values = found.values(np.arange(len(found.design)))
        return np.stack([moment.of(values, self.model.outputs) for moment in moments], axis=-1)

    def finish(self) -> None:
        if self.progress is not None:
            self.progress(self.planned, self.planned)


def _screen(worlds: np.ndarray, priors: Sequence[Varied], moments: list[Moment], scales: _Scales) -> Screening:
    """`worlds`: float64[1 + 2 parameters, replications, facts]: the middle, then each parameter low and high."""
    _refuse_undefined(worlds, moments)
    scales.settle(worlds)
    y = scales.forward(worlds)
    data = scales.data(moments)
    chance = y[0].var(axis=0, ddof=1)
    spread = np.sqrt(chance + data.error**2)
    low, high = y[1::2], y[2::2]
    change = 0.5 * (high - low)  # paired: the same worlds
    effect = change.mean(axis=1) / spread
    noise = change.std(axis=1, ddof=1) / math.sqrt(worlds.shape[1]) / spread
    # a floor tells less the safer it is met: Fisher's information of one yes, over that of a figure
    from scipy import special

    informed = np.ones(len(moments))
    for k in np.flatnonzero(data.sign):
        far = data.sign[k] * (y[0, :, k].mean() - data.y[k]) / spread[k]
        density = math.exp(-0.5 * far * far) / math.sqrt(2.0 * math.pi)
        odds = float(special.ndtr(far))
        informed[k] = math.sqrt(density**2 / max(odds * (1.0 - odds), 1e-12))
    effect, noise = effect * informed, noise * informed
    seen = np.where(np.abs(effect) > 2.0 * noise, effect, 0.0)
    _, values, directions = np.linalg.svd(seen.T, full_matrices=True)
    full = np.zeros(len(priors))
    full[: len(values)] = values
    return Screening([v.path for v in priors], [m.id for m in moments], effect, noise, full, directions)


def _refuse_undefined(worlds: np.ndarray, moments: Sequence[Moment]) -> None:
    bad = ~np.isfinite(worlds)
    problems = [
        Problem("the fact's metric is undefined in some worlds", key=m.id, found=f"{bad[..., k].mean():.0%} of worlds")
        for k, m in enumerate(moments)
        if bad[..., k].any()
    ]
    if problems:
        raise UserError(problems)


def _cross(parameters: int) -> np.ndarray:
    """float64[1 + 2 parameters, parameters] of scores."""
    z = np.zeros((1 + 2 * parameters, parameters))
    for k in range(parameters):
        z[1 + 2 * k, k], z[2 + 2 * k, k] = -1.0, 1.0
    return z


def _hypercube(samples: int, parameters: int, draws: np.random.Generator) -> np.ndarray:
    from scipy import special
    from scipy.stats import qmc

    return special.ndtri(np.clip(qmc.LatinHypercube(parameters, rng=draws).random(samples), 1e-4, 1.0 - 1e-4))


def _levels(z: np.ndarray) -> np.ndarray:
    from scipy import special

    return np.clip(special.ndtr(z), 1e-9, 1.0 - 1e-9)


def _scores(prior: Varied, values: np.ndarray) -> np.ndarray:
    """The standard scores of values under their prior, by inverting its quantile function on a fine grid."""
    grid = np.linspace(-6.0, 6.0, 4001)
    return np.interp(values, prior.at(_levels(grid)), grid)


def _closeness(z: np.ndarray, posterior: np.ndarray) -> np.ndarray:
    """Weights of design points: whole where the posterior lies, a twentieth far from it."""
    covariance = np.atleast_2d(np.cov(posterior, rowvar=False)) + 1e-6 * np.eye(z.shape[1])
    away = z - posterior.mean(axis=0)
    distance = np.einsum("ij,jk,ik->i", away, np.linalg.inv(covariance), away)
    return np.maximum(0.05, np.exp(-0.5 * distance / 9.0))


def _quantiles(values: np.ndarray) -> tuple[float, float, float]:
    values = values[np.isfinite(values)]
    if not len(values):
        return math.nan, math.nan, math.nan
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
    return float(low), float(middle), float(high)


def _cell(value: object, lang: str = "en") -> str:
    if isinstance(value, bool):
        return say(lang, "在内", "inside") if value else say(lang, "在外", "outside")
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"  # 1e+10 yuan is for programs
    return str(value)


# ---------------------------------------------------------------------------------------------------- checks on itself


def _synthetic_checks(
    stages: _Stages,
    parameters: Sequence[Varied],
    moments: list[Moment],
    scales: _Scales,
    fitted: Emulator,
    checks: Sequence[str],
    seed: int,
) -> list[Check]:
    """Zones with known parameters, drawn from the prior and lived by the simulator itself in chance of their own.

    The emulator of the wide design is used, since the true parameters lie anywhere in the prior. A floor is published
    as whether it held, so that the synthetic data are of the kind the fit reads.
    """
    from scipy import stats

    from sim.analysis import emulator

    draws = np.random.default_rng([seed, 2])
    truth = draws.standard_normal((stages.zones, len(parameters)))
    found = stages.evaluate("zones", parameters, truth, 1, seed + 2 * INDEPENDENT, apart=True)
    lived = stages.worlds(found, moments)[:, 0]
    data = scales.data(moments)
    values = scales.forward(lived) + data.error * draws.standard_normal(lived.shape)
    ranks = np.zeros((stages.zones, len(parameters) + 1), dtype=int)
    mean, sd, inside = (np.zeros(truth.shape) for _ in range(3))
    for k in range(stages.zones):
        met = np.where(data.sign == 0, True, data.sign * (values[k] - data.y) >= 0)
        own = emulator.Data(np.where(data.sign == 0, values[k], data.y), data.error, data.sign, met)

        def fits(z: np.ndarray, own: Data = own) -> np.ndarray:
            return fitted.log_likelihood(z, own)

        particles = emulator.sample(fits, len(parameters), 4 * RANKS, draws)
        thin = particles[draws.choice(len(particles), RANKS, replace=False)]
        ranks[k, :-1] = (thin < truth[k]).sum(axis=0)
        ranks[k, -1] = int((fits(thin) < fits(truth[k : k + 1])).sum())
        mean[k], sd[k] = particles.mean(axis=0), particles.std(axis=0)
        low, high = np.quantile(particles, [0.05, 0.95], axis=0)
        inside[k] = (low <= truth[k]) & (truth[k] <= high)
    out: list[Check] = []
    names = [v.path for v in parameters]
    if "sbc" in checks:
        # under a sound posterior a truth's rank among draws of it is uniform (Talts et al. 2018, arXiv 1804.06788);
        # the likelihood at the truth is ranked too, as it sees what single parameters do not (Modrák et al. 2023)
        odds = [
            float(stats.chisquare(np.bincount(ranks[:, k] * BINS // (RANKS + 1), minlength=BINS)).pvalue)
            for k in range(ranks.shape[1])
        ]
        rows: list[list[object]] = [
            [name, *np.bincount(ranks[:, k] * BINS // (RANKS + 1), minlength=BINS).tolist(), p]
            for k, (name, p) in enumerate(zip([*names, "log likelihood"], odds, strict=True))
        ]
        least = min(odds) * len(odds)
        out.append(
            Check(
                "sbc",
                least >= LEVEL,
                ["parameter", *(f"bin {b + 1}" for b in range(BINS)), "p"],
                rows,
                (
                    f"{stages.zones} 个合成园区，秩均匀性最小 p 值（校正后）{min(1.0, least):.3f}，水平 {LEVEL:.0%}",
                    f"{stages.zones} synthetic zones; least p of uniform ranks, corrected for {len(odds)}, "
                    f"{min(1.0, least):.3f} (level {LEVEL:.0%})",
                ),
            )
        )
    if "recovery" in checks:
        rows, passed = [], True
        for k, name in enumerate(names):
            share = float(inside[:, k].mean())
            p = float(stats.binomtest(int(inside[:, k].sum()), stages.zones, 0.9).pvalue)
            off = float(np.mean(mean[:, k] - truth[:, k]))
            off_error = float(np.std(mean[:, k] - truth[:, k], ddof=1) / math.sqrt(stages.zones))
            told = float(np.corrcoef(mean[:, k], truth[:, k])[0, 1]) if mean[:, k].std() > 0 else 0.0
            rows.append([name, share, p, told, off, off_error, float(sd[:, k].mean())])
            passed &= p * len(names) >= LEVEL and abs(off) < 4.0 * off_error + 0.02
        out.append(
            Check(
                "recovery",
                bool(passed),
                ["parameter", "90 % interval holds it", "p", "correlation", "bias (prior sd)", "its error", "sd left"],
                rows,
                (
                    f"{stages.zones} 个已知参数的合成园区：90% 区间含真值的比例与偏差",
                    f"{stages.zones} synthetic zones: share of 90 % intervals that hold the known parameters, and bias",
                ),
            )
        )
    return out


def _from_the_rest(fitted: Emulator, data: Data, left: int, parameters: int, draws: np.random.Generator) -> np.ndarray:
    """float64[particles, parameters] of the posterior of all facts but one."""
    from sim.analysis import emulator

    rest = np.array([j for j in range(len(data.y)) if j != left], dtype=int)
    if not len(rest):
        return draws.standard_normal((PARTICLES, parameters))
    part, known = fitted.only(rest), data.only(rest)
    return emulator.sample(lambda z: part.log_likelihood(z, known), parameters, PARTICLES, draws)


def _without(
    fitted: Emulator, data: Data, left: int, particles: np.ndarray, found: Calibration, scales: _Scales, seed: int
) -> dict[str, float]:
    """Medians without a fact, by parameter and by fact, of those that are at least FAR from their present ones.

    Of how much a fact draws others off only the fit without it can tell: facts hang together by chance too, so that
    one far off pulls at parameters that do not move it."""
    moments = [m for m in found.moments if m.use == "calibrate"]
    z = _from_the_rest(fitted, data, left, len(found.parameters), np.random.default_rng([seed, 4, left]))
    out: dict[str, float] = {}
    for k, v in enumerate(found.parameters):
        then, now = float(np.median(z[:, k])), float(np.median(particles[:, k]))
        if abs(then - now) >= FAR:
            out[v.path] = float(v.at(_levels(np.array([then])))[0])
    means = [fitted.mean(at) for at in (z, particles)]
    spread = np.sqrt(means[1].var(axis=0) + (fitted.sd(particles) ** 2).mean(axis=0))
    then, now = (np.median(x, axis=0) for x in means)
    for j, moment in enumerate(moments):
        if j != left and abs(then[j] - now[j]) >= FAR * spread[j]:
            out[moment.id] = float(scales.back(then[j : j + 1], j)[0])
    return out


def _leave_one_out(
    fitted: Emulator, data: Data, moments: list[Moment], scales: _Scales, parameters: int, seed: int
) -> Check:
    """Each fact predicted from the others. A miss says that facts disagree under the model, not which is wrong."""
    from scipy import stats

    rows: list[list[object]] = []
    held = figures = 0
    for k, moment in enumerate(moments):
        draws = np.random.default_rng([seed, 3, k])
        z = _from_the_rest(fitted, data, k, parameters, draws)
        value = scales.back(fitted.predict(z, data, k, draws), k)
        low, middle, high = _quantiles(value)
        inside = (moment.sign > 0 or low <= moment.observed) and (moment.sign < 0 or moment.observed <= high)
        figures += 1
        held += inside
        rows.append(
            [moment.id, moment.observed, low, middle, high, float((value < moment.observed).mean()), bool(inside)]
        )
    p = float(stats.binomtest(held, figures, 0.9, alternative="less").pvalue)
    return Check(
        "leave-one-out",
        p >= LEVEL,
        ["fact", "published", "p05", "p50", "p95", "share below", "inside"],
        rows,
        (
            f"每个事实由其余事实预测：{figures} 个中 {held} 个在 5–95% 区间内",
            f"each fact predicted from the rest: {held} of {figures} within 5–95 %",
        ),
    )
