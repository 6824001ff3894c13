"""From replications to what the page shows: bands, paired differences, prices, facts. Measures come from
sim.analysis.compare, sim.result and sim.scoring; here they are only chosen and put into JSON.

A first answer comes from a few pairs. Bands of so few worlds would mean nothing, so the baseline's own bands are shown
moved by the mean paired difference ("preview"); from `ENOUGH` pairs on each quantile is moved by its own difference
between the pairs ("partial"); from `BANDS` pairs on they count as full bands ("bands"), and the rest follows until all
worlds that were asked for are in ("full"). The answer names its stage and its number of pairs.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.analysis.compare import BOUGHT, NET_COST, NET_COST_HELD, OUTLAY, RECOVERED, compare
from sim.analysis.stacking import changes_in_words
from sim.app.levers import refused_by_model
from sim.app.worlds import NOW, Bench, Cancelled, Case
from sim.printing import HEADLINES
from sim.terms import sourced

if TYPE_CHECKING:
    from sim.analysis.compare import Comparison
    from sim.result import Result

MOST_METRICS = 12
ENOUGH = 16  # pairs from which differences of quantiles are shown
BANDS = 48  # pairs from which a 5–95 % band has worlds beyond each of its ends, and is called full
STEPS = (8, 24, BANDS)  # pairs at which to answer: each answer and redraw takes as long as a world
FIRST_SECONDS = 0.08  # of simulation before the first answer
FEWEST, FIRST_MOST = 2, 8  # pairs of the first answer
DEFAULT_CHARTS = (
    "firms.alive",
    "ladder.certificates.hte",
    "firms.listed",
    "valuation.post_money.total",
    "funds.subfunds.size",
    "jobs.total",
)
BASELINE, VARIANT = "baseline", "variant"


def default_metrics(bench: Bench) -> list[str]:
    known = [name for name in DEFAULT_CHARTS if name in bench.metric_number]
    return known or list(bench.metric_number)[:6]


def answers(
    bench: Bench,
    settings: Mapping[str, float],
    metrics: list[str],
    at: str,
    replications: int,
    stop: threading.Event,
    start: Bench | None = None,
) -> Iterator[dict[str, Any]]:
    """Ever better answers, the last one whole; a `refused` answer where the model does not take the settings.

    start: the scenario that the levers are moved on, where it is another than the baseline (see `comparable`).
    Raises Cancelled once `stop` is set.
    """
    begun = time.perf_counter()
    start = start or bench
    baseline = bench.baseline(replications)
    # asked for twice, a baseline may be two: another page's other length takes its place in between
    variant = baseline if start is bench and not settings else start.case(settings, replications)
    checked = not settings
    for n in _stages(baseline, variant, replications, bench.crew.threads):
        baseline.fill(bench.crew, 0, n, NOW, stop)
        variant.fill(bench.crew, 0, n, NOW, stop)
        if n == replications and not baseline.lived.all():
            baseline.fill(bench.crew, 0, replications, NOW, stop)
        answer = answer_of(bench, baseline, variant, n, metrics, at, start)
        answer["milliseconds"] = round(1000 * (time.perf_counter() - begun))
        yield answer
        if not checked:  # after the first answer: it takes as long as a world, and a slider's ends were tried before
            wrong = refused_by_model(start.scenario, settings)
            if wrong:
                yield {"kind": "refused", "wrong": [w.to_json() for w in wrong]}
                return
            checked = True
        if stop.is_set():
            raise Cancelled


def _stages(baseline: Case, variant: Case, replications: int, threads: int) -> Iterator[int]:
    """2 … 8 pairs, then the steps above that, then all; at once all where they are lived already."""
    done = variant.whole()
    if done == replications:
        yield replications
        return
    seconds = baseline.seconds or variant.seconds or FIRST_SECONDS / 2
    first = int(threads * max(1, FIRST_SECONDS // seconds))
    n = max(done, min(FIRST_MOST, max(FEWEST, first)))
    yield from (k for k in sorted({n, *STEPS}) if n <= k < replications)
    yield replications


def comparable(bench: Bench, start: Bench) -> bool:
    """Whether worlds of the two are paired: the same seed and the same quarters."""
    a, b = bench.scenario.zone, start.scenario.zone
    return bench.seed == start.seed and (int(a.start), int(a.end)) == (int(b.start), int(b.end))


def answer_of(
    bench: Bench, baseline: Case, variant: Case, n: int, metrics: list[str], at: str, start: Bench | None = None
) -> dict[str, Any]:
    """One answer from the first n pairs."""
    start = start or bench
    of_baseline = baseline.result(_rows(bench, metrics), max(n, baseline.whole()))
    same = variant is baseline
    n = max(n, baseline.whole()) if same else n
    compared = None if same else _compared(bench, start, baseline, variant, n, metrics, at)
    stage = _stage_name(n, variant.replications, same)
    of_variant = None if same else variant.result(_rows(start, metrics), n)
    of_pairs = of_baseline if n == of_baseline.replications else baseline.result(_rows(bench, metrics), n)
    charts = []
    for name in metrics:
        chart: dict[str, Any] = {"metric": name, "baseline": _bands(of_baseline, name)}
        if compared is not None and of_variant is not None and name in of_variant:
            k, difference = compared.row(name), compared.differences[0]
            if stage == "preview":
                chart["variant"] = _moved(chart["baseline"], difference.mean[k])
            else:
                chart["variant"] = _paired(of_baseline, of_pairs, of_variant, name)
            if n > 1:
                chart["difference"] = {key: plain(getattr(difference, key)[k]) for key in ("mean", "low", "high")}
        charts.append(chart)
    return {
        "kind": "answer",
        "stage": stage,
        "pairs": n,
        "of": variant.replications,
        "baseline_worlds": of_baseline.replications,
        "at": at,
        "charts": charts,
        "table": [] if compared is None else _table(compared, metrics),
        "prices": [] if compared is None else _prices(compared),
        "price_remarks": {
            lang: [] if compared is None else compared.price_remarks(lang, short=False) for lang in ("zh", "en")
        },
        "facts": _facts(bench, baseline) if baseline.lived.all() else [],
    }


def _stage_name(n: int, of: int, same: bool) -> str:
    if n == of:
        return "full"
    return "bands" if n >= BANDS else "partial" if same or n >= ENOUGH else "preview"


def _rows(bench: Bench, names: Iterable[str]) -> list[int]:
    """Numbers of the metrics that a scenario has; another scenario may name other firms or levels."""
    return [bench.metric_number[name] for name in names if name in bench.metric_number]


def _compared(
    bench: Bench, start: Bench, baseline: Case, variant: Case, n: int, metrics: list[str], at: str
) -> Comparison:
    bought = [metric for thing in BOUGHT for metric in (thing.metric, thing.less) if metric]
    wanted = list(dict.fromkeys([*metrics, *HEADLINES, NET_COST, NET_COST_HELD, OUTLAY, RECOVERED, *bought]))
    with np.errstate(invalid="ignore", divide="ignore"):
        results = {BASELINE: baseline.result(_rows(bench, wanted), n), VARIANT: variant.result(_rows(start, wanted), n)}
        compared = compare(results, BASELINE, at)
    stated = [] if start is bench else changes_in_words(bench.scenario, start.scenario)
    moved = [{"path": path} for path in variant.settings]
    compared.about = {
        "names": {
            BASELINE: {"zh": "基准", "en": "the baseline"},
            VARIANT: {"zh": "移动杠杆后", "en": "with the levers"},
        },
        "changes": {VARIANT: [*stated, *moved]},
        "discount": [float(each.scenario.public.discount.value) for each in (bench, start)],
        "outside_growth": {
            BASELINE: float(bench.scenario.outside.growth.value),
            VARIANT: float(variant.settings.get("outside.growth", start.scenario.outside.growth.value)),
        },
    }
    return compared


def _bands(result: Result, metric: str) -> dict[str, list[float | None]]:
    return _named(result.quantiles(metric))


def _named(quantiles: np.ndarray) -> dict[str, list[float | None]]:
    return dict(zip(("p05", "p25", "p50", "p75", "p95"), map(plain, quantiles), strict=True))


def _paired(baseline: Result, pairs: Result, variant: Result, metric: str) -> dict[str, list[float | None]]:
    """The baseline's bands, each quantile moved by its difference between the pairs so far. The variant's quantiles of
    these worlds, shown beside the baseline's of all, would differ by the worlds that are still to come as well.
    """
    own = variant.quantiles(metric)
    if pairs is baseline:
        return _named(own)
    moved = baseline.quantiles(metric) + (own - pairs.quantiles(metric))
    return _named(np.sort(np.where(np.isfinite(moved), moved, own), axis=0))


def _moved(bands: Mapping[str, list[float | None]], by: np.ndarray) -> dict[str, list[float | None]]:
    return {
        key: [None if x is None or not np.isfinite(d) else x + float(d) for x, d in zip(row, by, strict=True)]
        for key, row in bands.items()
    }


def _table(compared: Comparison, metrics: list[str]) -> list[dict[str, Any]]:
    """The headline metrics and those on the charts, at one quarter."""
    column = compared.column(compared.at)
    d = compared.differences[0]
    known = [m.name for m in compared.metrics]
    wanted = [name for name in dict.fromkeys([*metrics, *HEADLINES]) if name in known]
    rows = []
    for name in wanted:
        k = compared.row(name)
        row: dict[str, Any] = {"metric": name, "baseline": _one(compared.baseline_mean[k, column])}
        for key in ("mean", "low", "high", "p_more", "needed"):
            row[key] = _one(getattr(d, key)[k, column])
        row["noise"] = bool(d.noise[k, column])
        row["same"] = bool(d.p_same[k, column] == 1.0)
        rows.append(row)
    return rows


def _prices(compared: Comparison) -> list[dict[str, Any]]:
    words = {thing.key: {"zh": thing.zh, "en": thing.en} for thing in BOUGHT}
    return [
        {
            "key": p.key,
            "label": words[p.key],
            "bought": _one(p.bought),
            "cost": _one(p.cost),
            "cash": _one(p.cash),
            "ratio": _one(p.ratio),
            "low": _one(p.low),
            "high": _one(p.high),
            "verdict": p.verdict,
            "turned": turned,
        }
        for _, turned, own in compared.priced()
        for p in own
    ]


def _facts(bench: Bench, baseline: Case) -> list[dict[str, Any]]:
    """Whether the whole baseline agrees with what was published; scored once."""
    from sim.scoring import score_facts

    if baseline.facts is None:
        whole = baseline.result(list(range(len(bench.metric_number))), baseline.replications)
        scored = score_facts(bench.scenario, whole)
        baseline.facts = [{"id": f.id, "inside": f.inside, "probability": f.probability} for f in scored]
    return baseline.facts


def facts_of(bench: Bench) -> list[dict[str, Any]]:
    """Facts that are points on one metric's curve, as published."""
    from sim.quantities import quarter_name

    return [
        {
            "id": fact.id,
            "metric": fact.metric,
            "quarter": quarter_name(int(fact.date)),
            "value": fact.value,
            "bound": fact.bound or "exact",
            "use": fact.use,
            "name": {"zh": fact.name.zh, "en": fact.name.en} if fact.name else None,
            "source": {lang: sourced(fact.source or "", lang) for lang in ("zh", "en")},
        }
        for fact in bench.scenario.facts
        if fact.since is None and fact.metric in bench.metric_number
    ]


def plain(row: np.ndarray) -> list[float | None]:
    """JSON has no NaN; six digits are more than a chart shows."""
    return [_one(x) for x in row.tolist()]


def _one(x: float) -> float | None:
    return float(f"{x:.6g}") if np.isfinite(x) else None
