"""Simulated against published over all zones: how often a check falls inside its band, and where the model misses.

A check inside 5-95 % says the band is wide enough; about half should also lie inside 25-75 %, else bands are too wide
(more) or too narrow (fewer). Both shares are printed with exact binomial intervals (Clopper and Pearson 1934): with
some twenty checks they stay wide. 25-75 % is asked of figures alone: a floor that is passed says nothing of a width.
National tables of `verify` are listed beside them with their own tolerances; what parameters were fitted to, and what
is an input that comes back, is counted apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.analysis.model import refuse
from sim.analysis.text import between, csv_text, layout, say, show
from sim.measures import score_fact

if TYPE_CHECKING:
    from sim.analysis.work import Progress
    from sim.scenario.document import Scenario

ZONES = [f"scenarios/{name}.toml" for name in ("xian", "wuxi", "tianjin", "xiamen", "changsha")]
NATIONAL = ("cohort-survival", "funding-funnel", "china-ladder", "china-listing")
USES = ("check", "calibrate", "goal")


@dataclass(frozen=True)
class Tested:
    """One fact of one zone. `inside`: within 5-95 % (a floor: reached by p95); `half`: within 25-75 %, of figures."""

    zone: str
    id: str
    use: str
    metric: str
    date: str
    observed: float
    unit: str
    bound: str
    p05: float | None = None
    p25: float | None = None
    p50: float | None = None
    p75: float | None = None
    p95: float | None = None
    inside: bool | None = None
    half: bool | None = None
    reached: float | None = None
    name_zh: str = ""
    name_en: str = ""
    zone_zh: str = ""
    zone_en: str = ""

    def place(self, lang: str) -> str:
        """What the zone is called; its file's name where it is not known."""
        return (self.zone_zh if lang == "zh" else self.zone_en) or self.zone

    def name(self, lang: str) -> str:
        name = self.name_zh if lang == "zh" else self.name_en
        return name[:1].upper() + name[1:] or self.id

    def amount(self, value: float, lang: str) -> str:
        """A number of the fact with its unit."""
        from sim.terms import term

        text = show(value, self.unit, lang)
        if self.unit in ("CNY", "index"):
            return text
        if self.unit == "share":
            return f"{100 * value:.3g}%"
        word = term(f"unit.{self.unit}", lang)
        if lang == "zh" or self.unit == "ratio":
            return text + word
        return f"{text} {word.removesuffix('s') if text == '1' else word}"


@dataclass(frozen=True)
class Published:
    """One number of a national table, ours beside theirs."""

    case: str
    name: str
    published: float
    ours: float
    tolerance: float
    holds: bool
    use: str = "check"
    miss: str = ""


@dataclass(frozen=True)
class Share:
    """How many of a number of facts, with the exact 95 % interval of the probability behind it."""

    inside: int
    of: int

    @property
    def interval(self) -> tuple[float, float]:
        if not self.of:
            return 0.0, 1.0
        from scipy.stats import binomtest

        low, high = binomtest(self.inside, self.of).proportion_ci(0.95, "exact")
        return float(low), float(high)

    def text(self, lang: str) -> str:
        low, high = self.interval
        if not self.of:
            return say(lang, "无", "none")
        of = say(lang, f"{self.of} 项中 {self.inside} 项", f"{self.inside} of {self.of}")
        return f"{of} ({self.inside / self.of:.0%}, 95 %: {low:.0%}…{high:.0%})"


@dataclass
class Backtest:
    """The scoreboard over zones."""

    facts: list[Tested]
    national: list[Published]
    about: dict[str, Any]
    origin: dict[str, Any] = field(default_factory=dict)  # how to make it again

    @property
    def zones(self) -> list[str]:
        return list(dict.fromkeys(fact.zone for fact in self.facts))

    def share(self, use: str, half: bool = False) -> Share:
        marks = [fact.half if half else fact.inside for fact in self.facts if fact.use == use]
        marks = [mark for mark in marks if mark is not None]
        return Share(sum(marks), len(marks))

    def headline(self, lang: str) -> str:
        from sim.scoring import surely

        wide, narrow = self.share("check").text(lang), self.share("check", half=True).text(lang)
        wide += surely(((fact.bound, fact.reached) for fact in self.facts if fact.use == "check"), lang)
        return say(
            lang,
            f"检验：5–95% 内 {wide}；25–75% 内 {narrow}",
            f"checks inside 5–95 %: {wide}; inside 25–75 %: {narrow}",
        )

    def source(self, lang: str) -> str:
        n, seed, version = (self.about[key] for key in ("replications", "seed", "version"))
        worlds = say(lang, f"每园区 {n:,} 个世界 · 种子 {seed}", f"{n:,} worlds a zone · seed {seed}")
        return f"Headwater 活水 {version} · {worlds}"

    @property
    def misses(self) -> list[Tested]:
        return [fact for fact in self.facts if fact.inside is False]

    def table(self, lang: str = "zh") -> str:
        return "\n\n".join(self._parts(lang))

    def _rows(self, lang: str) -> list[list[str]]:
        uses = {"check": ("检验", "check"), "calibrate": ("校准", "calibrated"), "goal": ("目标", "goal")}
        rows = []
        for use in USES:
            for fact in (fact for fact in self.facts if fact.use == use):
                sign = {"at_least": "≥ ", "at_most": "≤ "}.get(fact.bound, "")
                band = "–"
                if fact.p05 is not None and fact.p95 is not None and fact.p50 is not None:
                    band = f"{fact.amount(fact.p50, lang)} [{between(fact.p05, fact.p95, fact.unit, lang)}]"
                mark = say(lang, "在内", "inside") if fact.inside else say(lang, "在外", "outside")
                if fact.half:
                    mark = say(lang, "在中间一半", "inside half")
                if fact.inside is None:
                    mark = say(lang, "无值", "no value")
                rows.append(
                    [
                        say(lang, *uses[use]),
                        fact.place(lang),
                        fact.name(lang),
                        fact.date,
                        sign + fact.amount(fact.observed, lang),
                        band,
                        "–" if fact.reached is None else f"{fact.reached:.0%}",
                        mark,
                    ]
                )
        return rows

    def _header(self, lang: str) -> list[str]:
        words = (("", ""), ("园区", "zone"), ("事实", "fact"), ("时点", "date"), ("公布值", "published"))
        words += (("模拟中位数 [5…95 %]", "simulated median [5…95 %]"), ("达到的概率", "P(reached)"), ("", ""))
        return [say(lang, *pair) for pair in words]

    def _parts(self, lang: str) -> list[str]:
        parts = [layout(self._header(lang), self._rows(lang), left=3), self.headline(lang)]
        calibrated = self.share("calibrate").text(lang)
        parts.append(say(lang, f"校准所用事实 5–95% 内：{calibrated}", f"calibrated facts inside 5–95 %: {calibrated}"))
        if self.misses:
            said = say(lang, "；", "; ").join(self._miss(fact, lang) for fact in self.misses)
            parts.append(say(lang, f"未命中：{said}", f"where it misses: {said}"))
        if self.national:
            held = sum(x.holds for x in self.national)
            missed = ", ".join(dict.fromkeys(x.case for x in self.national if not x.holds))
            text = say(
                lang,
                f"全国表格：{len(self.national)} 个数中 {held} 个在容差内",
                f"national tables: {held} of {len(self.national)} numbers within tolerance",
            )
            from sim.verify import counts_by_use

            text += counts_by_use(self.national, lang)
            parts.append(text + (say(lang, f"；未达：{missed}", f"; missed in {missed}") if missed else ""))
        return parts

    def _miss(self, fact: Tested, lang: str) -> str:
        low = fact.p95 is not None and fact.p95 < fact.observed
        text = say(lang, "偏低" if low else "偏高", "too low" if low else "too high")
        ratio = (fact.p50 or 0.0) / fact.observed if fact.observed else float("nan")
        colon = say(lang, "：", ": ")
        return f"{fact.place(lang)}{colon}{fact.name(lang)} {text} ({ratio:.2f}×)"

    def markdown(self, lang: str = "en") -> str:
        """docs/backtest.md: what the command printed, and beside each fact the id by which its scenario knows it."""
        ids = [fact.id for use in USES for fact in self.facts if fact.use == use]
        header = [*self._header(lang)[:3], "id", *self._header(lang)[3:]]
        rows = [[*row[:3], own, *row[3:]] for own, row in zip(ids, self._rows(lang), strict=True)]
        lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
        lines += ["| " + " | ".join(row) + " |" for row in rows]
        _, *others = self._parts(lang)
        return "\n\n".join(["\n".join(lines), *others]) + "\n"

    def save(self, folder: Path, lang: str = "zh", figures: bool = True) -> None:
        """facts.csv, national.csv, backtest.md, manifest.json and figures/."""
        from sim import store

        with store.write_folder(folder) as new:
            names = list(asdict(self.facts[0])) if self.facts else []
            store.write_text(new / "facts.csv", csv_text(names, (list(asdict(fact).values()) for fact in self.facts)))
            names = ["case", "name", "published", "ours", "tolerance", "holds", "use", "miss"]
            store.write_text(new / "national.csv", csv_text(names, (list(asdict(x).values()) for x in self.national)))
            store.write_text(new / "backtest.md", self.markdown(lang))
            if figures:
                from sim.figures.analysis import save_figures
                from sim.figures.calibration import figures_of_backtest

                save_figures(figures_of_backtest(self, lang), new / "figures")
            about = {"program": store.PROGRAM, "kind": "backtest", **self.origin, **self.to_json()}
            store.write_json(new / store.MANIFEST, about)

    def to_json(self) -> dict[str, Any]:
        shares = {}
        for use in USES:
            for half in (False, True):
                share = self.share(use, half)
                name = f"{use} inside {'25-75' if half else '5-95'} %"
                shares[name] = {"inside": share.inside, "of": share.of, "interval": list(share.interval)}
        return self.about | {
            "shares": shares,
            "facts": [asdict(fact) for fact in self.facts],
            "national": [asdict(x) for x in self.national],
        }


def scored(
    zone: str,
    fact: Any,
    draws: np.ndarray,
    unit: str,
    names: tuple[str, str] = ("", ""),
    zones: tuple[str, str] = ("", ""),
) -> Tested:
    """One fact beside its worlds; a metric that is undefined in every world leaves it without a mark."""
    from sim.quantities import quarter_name

    known = (
        zone,
        fact.id,
        fact.use,
        fact.metric,
        quarter_name(int(fact.date)),
        fact.value,
        unit,
        fact.bound or "exact",
    )
    score = score_fact(fact.value, draws, fact.bound)
    bands = score.p05, score.p25, score.p50, score.p75, score.p95
    return Tested(*known, *bands, score.inside, score.half, score.probability, *names, *zones)


def run(
    scenarios: Sequence[Scenario],
    replications: int = 200,
    seed: int = 1,
    *,
    threads: int | None = None,
    national: bool = True,
    progress: Progress | None = None,
) -> Backtest:
    """Every fact that is no input, of every scenario; worlds are lived only as far as a zone's last fact."""
    from sim import __version__
    from sim.analysis.model import fingerprint_of
    from sim.analysis.work import origin
    from sim.compiled import digest_of_sources
    from sim.ensemble import simulate
    from sim.quantities import quarter_name
    from sim.scenario.loading import with_overrides
    from sim.scoring import simulated
    from sim.terms import term

    if not any(fact.use != "input" for scenario in scenarios for fact in scenario.facts):
        names = ", ".join(scenario._path for scenario in scenarios)
        raise refuse(
            "no fact to test against", key="facts", found=names, expected="facts with use = check or calibrate"
        )
    found: list[Tested] = []
    total = replications * len(scenarios)
    for number, scenario in enumerate(scenarios):
        zone = Path(scenario._path).stem
        wanted = [fact for fact in scenario.facts if fact.use != "input"]
        if not wanted:
            continue
        last = min(max(int(fact.date) for fact in wanted), int(scenario.zone.end))
        short = scenario
        if last < int(scenario.zone.end):
            short = with_overrides(scenario, {"zone.end": quarter_name(last)})

        def report(done: int, of: int, number: int = number) -> None:
            if progress is not None:
                progress(number * replications + done, total)

        result = simulate(short, replications, seed, threads, events=0, progress=report)
        about_metric = {metric.name: metric for metric in result.metrics}
        units = {name: metric.unit for name, metric in about_metric.items()}
        start = int(scenario.zone.start)
        for fact in wanted:
            draws = simulated(fact, result, start)
            parts = [part.strip() for part in fact.metric.split("+")]
            names = ("", "")
            if fact.name is not None:
                names = (fact.name.zh, fact.name.en)
            elif all(part in about_metric for part in parts):
                zh, en = (" + ".join(about_metric[part].label[lang] for part in parts) for lang in ("zh", "en"))
                if fact.since is not None:
                    told = quarter_name(int(fact.since))
                    zh += term("fact.since", "zh").format(quarter=told)
                    en += term("fact.since", "en").format(quarter=told)
                names = (zh, en)
            zones = (scenario.zone.name.get("zh"), scenario.zone.name.get("en"))
            found.append(scored(zone, fact, draws, units.get(parts[0], ""), names, zones))
    if progress is not None:
        progress(total, total)
    about = {
        "version": __version__,
        "kernel": digest_of_sources(),
        "scenarios": {Path(s._path).stem: fingerprint_of(s) for s in scenarios},
        "replications": replications,
        "seed": seed,
    }
    words = ["backtest", *(s._path for s in scenarios), "--replications", str(replications), "--seed", str(seed)]
    return Backtest(found, _national() if national else [], about, origin(words, *scenarios))


def _national() -> list[Published]:
    """The national tables that `verify` reproduces."""
    from sim.verify import KINDS, PUBLISHED, read_case, run_case, sharing

    kinds = {id(KINDS[name]) for name in NATIONAL if name in KINDS}
    cases = [case for case in map(read_case, sorted(PUBLISHED.glob("*.toml"))) if id(case.kind) in kinds]
    out = []
    with sharing(cases):
        for case in cases:
            for check in run_case(case):
                if isinstance(check.expected, float | int) and isinstance(check.got, float | int):
                    numbers = (float(check.expected), float(check.got), check.tolerance)
                    out.append(Published(case.name, check.name, *numbers, check.holds, check.use, check.miss))
    return out
