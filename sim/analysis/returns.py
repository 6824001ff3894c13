"""What funds, partners and the zone get: tables and risks read from the worlds that were simulated.

Everything here reads a result (or, for the next yuan, runs pairs of worlds); nothing decides a world. Rates that are
undefined are counted, with the reason that sim.measures gives for the same flows; none is dropped in silence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sim import measures
from sim.measures import Estimate
from sim.quantities import parse_quarter
from sim.result import BOOK_KEYS

if TYPE_CHECKING:
    from sim.result import Result
    from sim.scenario.document import Scenario

    Floats = Any  # float64 arrays
    Table = Mapping[str, np.ndarray]

LEVELS = (0.90, 0.95, 0.99)


def log_index(result: Result, growth: float) -> Floats:
    """Log of the public index of KS-PME and direct alpha, float64[replication, quarter]: the simulated listed multiple
    grown by `growth` (yearly log growth of earnings and dividends, report.index_growth)."""
    return np.log(result["market.multiple"]) + 0.25 * growth * np.arange(len(result.quarters))


# -------------------------------------------------------------------------------------- classes and vintages

QUARTERS = (0.25, 0.5, 0.75)
OLD_ENOUGH = 5  # years after the first close: before, what a fund returns says little of what it will

SUMS = ("commitment", "called", "distributed", "nav", "nav_fair", "fees", "expenses", "carry")
FUND_TABLE = (
    "replication", "class", "vintage", "partial", "quarter", "funds", "commitment", "paid_in", "distributed", "nav",
    "nav_fair", "fees", "expenses", "carry", "pic", "dpi", "rvpi", "tvpi", "irr", "ks_pme", "direct_alpha",
)  # fmt: skip


def fund_table(result: Result, growth: float, each: bool = False) -> dict[str, np.ndarray]:
    """A row a class of fund, vintage (year of the first close) and quarter of the logged replications: sums in money,
    ratios to paid-in, rates by year. A ratio or rate that is undefined is NaN. each: a row a single fund and quarter,
    with the number (`fund`) that it has in the log of flows of its replication and the quarter of its first close
    (`opened`).

    partial: 1 for funds that opened before the start and have no books. What they did before it is not in the run, so
    their ratios and rates are not those of their vintage; they have rows of their own."""
    from sim.finance.returns import returns_of_paths

    flows = result.samples.get("flows")
    if flows is None or len(flows.get("quarter", ())) == 0 or "vintage" not in flows:
        return {name: np.zeros(0) for name in (*FUND_TABLE, *(["fund", "opened"] if each else []))}
    times = np.array(result.quarters)
    at = np.searchsorted(times, flows["quarter"].astype(times.dtype))
    names, numbers = np.unique(flows["class"].astype(str), return_inverse=True)
    fund = flows["fund"].astype(int) if each else np.zeros(len(numbers), int)
    partial = flows["partial"].astype(int) if "partial" in flows else np.zeros(len(numbers), int)
    keys = np.stack([flows["replication"].astype(int), numbers, flows["vintage"].astype(int), fund, partial], axis=1)
    groups, one_of, place = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    place = place.ravel()
    shape = (len(groups), len(times))
    sums = {name: np.zeros(shape) for name in SUMS}
    count = np.zeros(shape)
    np.add.at(count, (place, at), 1.0)
    for name in SUMS:
        np.add.at(sums[name], (place, at), flows[name])
    before, back = np.zeros(len(groups)), np.zeros(len(groups))  # in the books at the start: see Funds.booked
    if "paid_before" in flows:
        first = at == 0
        np.add.at(before, place[first], flows["paid_before"][first])
        np.add.at(back, place[first], flows["back_before"][first])
    index = log_index(result, growth)
    irr, pme, alpha = (np.full(shape, np.nan) for _ in range(3))
    room = np.empty((2, len(times)))
    for replication in np.unique(groups[:, 0]):
        mine = np.flatnonzero(groups[:, 0] == replication)
        parts = [
            np.ascontiguousarray(sums["called"][mine] - before[mine, None]),
            np.ascontiguousarray(sums["distributed"][mine] - back[mine, None]),
            np.ascontiguousarray(sums["nav"][mine]),
        ]
        out = [np.empty((len(mine), len(times))) for _ in range(3)]
        returns_of_paths(*parts, np.ascontiguousarray(index[replication]), room, *out)
        irr[mine], pme[mine], alpha[mine] = out
    there = count > 0
    group, quarter = np.nonzero(there)
    paid = np.where(sums["called"] > 0.0, sums["called"], np.nan)
    ratios = {
        "pic": sums["called"] / np.where(there, sums["commitment"], 1.0),
        "dpi": sums["distributed"] / paid,
        "rvpi": sums["nav"] / paid,
        "tvpi": (sums["distributed"] + sums["nav"]) / paid,
        "irr": irr,
        "ks_pme": pme,
        "direct_alpha": alpha,
    }
    table: dict[str, np.ndarray] = {
        "replication": groups[group, 0],
        "class": names[groups[group, 1]],
        "vintage": groups[group, 2],
        "partial": groups[group, 4],
        "quarter": times[quarter],
        "funds": count[there].astype(int),
    }
    if each:
        table["fund"] = groups[group, 3]
        if "opened" in flows:  # a result of an earlier version may lack it
            table["opened"] = flows["opened"][one_of].astype(times.dtype)[group]
    for name in SUMS:
        table["paid_in" if name == "called" else name] = sums[name][there]
    return table | {name: values[there] for name, values in ratios.items()}


@dataclass(frozen=True)
class SingleFunds:
    """The funds of a class that are old enough, each by itself, at the end of the logged replications.

    vintage: None for all of them. most: funds in one replication. size: median commitment, money. tvpi, dpi, irr: lower
    quartile, median, upper quartile over funds; a rate that is undefined counts in neither. above: share of funds whose
    TVPI is above 1."""

    id: str
    vintage: int | None
    worlds: int
    funds: int
    most: int
    size: float
    tvpi: tuple[float, float, float]
    dpi: tuple[float, float, float]
    irr: tuple[float, float, float]
    above: float


def single_funds(
    each: Table, quarters: list[str], years: int = OLD_ENOUGH, by_vintage: bool = False
) -> list[SingleFunds]:
    """Quartiles over single funds by class, from the table of each fund (`fund_table(..., each=True)`); by_vintage: by
    class and then by class and vintage.

    A class pooled is one large portfolio: it says what all of its money returned, and not what a partner who is in one
    fund has to expect. Left out are funds that closed less than `years` before the end, and those that opened before
    the start without books, of which only the rest is in the run."""
    if len(each.get("class", ())) == 0:
        return []
    classes, vintages = each["class"].astype(str), each["vintage"].astype(int)
    last = each["quarter"].astype(str) == quarters[-1]
    there = last & (_opened(each) + 4 * years <= parse_quarter(quarters[-1])) & np.isfinite(each["tvpi"])
    if "partial" in each:
        there &= each["partial"] == 0
    worlds = len(np.unique(each["replication"][last]))
    out = []
    for name in dict.fromkeys(classes):
        mine = there & (classes == name)
        if not mine.any():
            continue
        out.append(_quartiles(each, name, None, worlds, mine))
        for vintage in np.unique(vintages[mine]).tolist() if by_vintage else ():
            out.append(_quartiles(each, name, vintage, worlds, mine & (vintages == vintage)))
    return out


def _opened(each: Table) -> np.ndarray:
    """Quarter of the first close as a number; where a table has only its year, the last quarter of that year."""
    if "opened" not in each:
        return 4 * each["vintage"].astype(int) + 3
    names, place = np.unique(each["opened"].astype(str), return_inverse=True)
    return np.array([parse_quarter(str(name)) for name in names])[place.ravel()]


def _quartiles(each: Table, name: str, vintage: int | None, worlds: int, mine: np.ndarray) -> SingleFunds:
    three = {}
    for measure in ("tvpi", "dpi", "irr"):
        values = each[measure][mine]
        values = values[np.isfinite(values)]
        three[measure] = tuple(np.quantile(values, QUARTERS)) if len(values) else (np.nan,) * 3
    return SingleFunds(
        id=name,
        vintage=vintage,
        worlds=worlds,
        funds=int(mine.sum()),
        most=int(np.unique(each["replication"][mine], return_counts=True)[1].max()),
        size=float(np.median(each["commitment"][mine])),
        **three,
        above=float(np.mean(each["tvpi"][mine] > 1.0)),
    )


# -------------------------------------------------------------------------------------------- undefined rates


def undefined_rates(result: Result, quarter: str | None = None) -> dict[str, dict[str, int]]:
    """For every rate of return at a quarter (default: the last) that is undefined in some replications: how many by
    reason. The reason is that of sim.measures.irr for the same flows."""
    at = len(result.quarters) - 1 if quarter is None else result.quarter(quarter)
    out: dict[str, dict[str, int]] = {}
    for metric in result.metrics:
        subject, _, row = metric.name.rpartition(".")
        if row != "irr" or f"{subject}.distributed" not in result:
            continue
        lacking = np.flatnonzero(np.isnan(result[metric.name][:, at]))
        if lacking.size == 0:
            continue
        reasons: Counter[str] = Counter()
        for r in lacking:
            rate = rate_of(result, subject, int(r), at)
            reasons[rate.reason or "all flows fall into one quarter"] += 1
        out[metric.name] = dict(reasons)
    return out


def books_of(result: Result, subject: str) -> dict[str, Floats]:
    """Paid in, distributed and net asset value [replication] at the start of a kind or class of funds, or of a kind of
    partner, in the books of the funds that have any."""
    stated = (result.manifest.get("books") or {}).get(subject, {})
    return {key: np.broadcast_to(np.asarray(stated.get(key, 0.0), float), result.replications) for key in BOOK_KEYS}


SINCE = "†"  # beside a rate that counts from the start where the multiple beside it does not


def has_books(result: Result, subject: str) -> bool:
    """Whether anything stood in its books at the start, in any replication: then its rates of return count from the
    start, with the net asset value of then as the first payment, and its multiples from the first payment of all."""
    return bool(np.any(books_of(result, subject)["paid_in"] > 0.0))


def rate_of(result: Result, subject: str, replication: int, at: int) -> measures.Rate:
    """The internal rate of return of a subject's flows up to a quarter, by sim.measures, with its reason."""
    books = {key: x[replication] for key, x in books_of(result, subject).items()}
    paid = np.diff(result[f"{subject}.paid_in"][replication, : at + 1], prepend=books["paid_in"] - books["nav"])
    back = np.diff(result[f"{subject}.distributed"][replication, : at + 1], prepend=books["distributed"])
    nav = float(result[f"{subject}.nav"][replication, at])
    years: Any = 0.25 * np.arange(at + 1)
    return measures.irr(back - paid, years, nav=nav)


# ----------------------------------------------------------------------------------------- capital calls at risk


@dataclass(frozen=True)
class CallsAtRisk:
    """Capital called in a year: its mean and what it stays below with the stated probabilities, with their
    Monte-Carlo errors, in yuan."""

    year: int
    mean: Estimate
    at: dict[float, Estimate]


def calls_at_risk(
    result: Result, metric: str = "funds.guidance.paid_in", levels: Sequence[float] = LEVELS
) -> list[CallsAtRisk]:
    """Capital calls by calendar year over the ensemble. metric: any cumulative paid-in; `public.outlay` for the
    treasury."""
    return [
        CallsAtRisk(year, measures.mean(called), {level: measures.quantile(called, level) for level in levels})
        for year, called in by_year(result, metric)
    ]


def by_year(result: Result, metric: str) -> list[tuple[int, Floats]]:
    """(year, change of a cumulative metric within it [replication]); years that are whole in the run, and the first.
    What stood in the books of funds at the start came before."""
    values = result[metric]
    years = np.array([int(quarter[:4]) for quarter in result.quarters])
    out = []
    subject, _, row = metric.rpartition(".")
    before = books_of(result, subject).get(row, np.zeros(values.shape[0]))
    for year in np.unique(years):
        end = values[:, np.flatnonzero(years == year)[-1]]
        out.append((int(year), end - before))
        before = end
    return out


# ------------------------------------------------------------------------------------------------- named firms


@dataclass(frozen=True)
class NamedPath:
    """A published point of a named firm beside its simulated path, and what the zone gets from taking part.

    probability: share of replications that reach the point, with its standard error; alive: share of those in which the
    firm is still there then; p05, p50, p95 of the simulated figure where it is alive. zone_tvpi, zone_irr: quantiles
    over replications at the last quarter, where they are defined; drawn: what is not published of it and drawn."""

    firm: str
    name: dict[str, str]
    what: str
    date: str
    published: float
    unit: str
    probability: float
    error: float
    alive: float
    p05: float
    p50: float
    p95: float
    zone_tvpi: tuple[float, float, float]
    zone_irr: tuple[float, float, float]
    zone_undefined: int
    drawn: list[str]


def odds_of(hits: Floats) -> Estimate:
    """Share of replications, of those that are defined, and its standard error; that of one hit and one miss more
    (Agresti and Coull), so that no hit in thirty worlds is not told as never."""
    defined = hits[~np.isnan(hits.astype(float))].astype(float)
    if defined.size == 0:
        return Estimate(float("nan"), float("nan"))
    p = (float(defined.sum()) + 1.0) / (defined.size + 2.0)
    return Estimate(float(defined.mean()), float(np.sqrt(p * (1.0 - p) / defined.size)))


def band(values: Floats) -> tuple[float, float, float]:
    """p05, p50, p95 of the values that are defined; NaN where none is."""
    defined = values[~np.isnan(values)]
    if defined.size == 0:
        return float("nan"), float("nan"), float("nan")
    low, middle, high = np.quantile(defined, [0.05, 0.5, 0.95])
    return float(low), float(middle), float(high)


def named_paths(scenario: Scenario, result: Result) -> list[NamedPath]:
    """The odds of the published paths of named firms. A firm that is gone has not reached its point."""
    from sim.model.limits import followed
    from sim.quantities import quarter_name
    from sim.scenario.fields import iter_quantities

    out = []
    for firm in (scenario.named[k] for k in followed(scenario)):
        drawn = [
            path for path, q in iter_quantities(firm, f"named.{firm.id}") if q.distribution or q.grade == "assumed"
        ]
        for point in firm.published:
            date = quarter_name(int(point.date))
            if date not in result.quarters:
                continue
            what = "valuation" if point.valuation is not None else "multiple"
            figure = point.valuation if point.valuation is not None else point.multiple
            assert figure is not None
            values = result[f"named.{firm.id}.{what}"][:, result.quarter(date)]
            reached = np.where(np.isnan(values), False, values >= figure.value)
            odds = odds_of(reached)
            tvpi = result[f"named.{firm.id}.zone.tvpi"][:, -1]
            rates = result[f"named.{firm.id}.zone.irr"][:, -1]
            out.append(
                NamedPath(
                    firm.id,
                    {"zh": firm.name.zh, "en": firm.name.en},
                    what,
                    date,
                    figure.value,
                    "CNY" if what == "valuation" else "ratio",
                    odds.value,
                    odds.error,
                    float(np.mean(~np.isnan(values))),
                    *band(values),
                    band(tvpi),
                    band(rates),
                    int(np.isnan(rates).sum()),
                    drawn,
                )
            )
    return out


def part_of_direct(result: Result, firm: str) -> float:
    """Part of all that the zone's own funds ever call that goes into a named firm: median over replications, NaN where
    they call nothing or the firm is none of those that are followed."""
    put, called = f"named.{firm}.zone.paid_in", "funds.direct.paid_in"
    if put not in result or called not in result:
        return float("nan")
    there = result[called][:, -1] > 0.0
    return float(np.median(result[put][there, -1] / result[called][there, -1])) if there.any() else float("nan")


# --------------------------------------------------------------------------------------------------- fair value


def fair_rounds(
    scenario: Scenario,
    samples: Mapping[str, Table],
    replication: int = 0,
    firms: Sequence[str] | None = None,
    most: int = 200,
    quick: bool = False,
) -> list[dict[str, Any]]:
    """Rounds of a logged replication (samples: of a result) with what they make the firm worth, exactly: firm,
    quarter, stage, post_money, fair_value, overvaluation; typical: the overvaluation on the typical path to its stage,
    which the log and the funds' net asset values have. The last `most` rounds, or all of the firms named.

    quick: by the compiled grid (sim.finance.fair_grid, within 1e-3 of the exact value), a hundredth of the time.

    Classes stand as they were issued, with their own terms; rounds that a firm had before the log are one class.
    Conversions that anti-dilution changed later, and shares bought back, are not in it."""
    from sim.finance.fair_value import Round, fair_value

    def exact(*terms: Any) -> float:
        return fair_value(*terms).value

    value: Callable[..., float] = exact
    if quick:
        import sim.ensemble  # noqa: F401  # first: it sets up where kernels are kept
        from sim.finance.fair_grid import quick_fair_value

        value = quick_fair_value

    table = samples["rounds"]
    mine = np.flatnonzero(table["replication"] == replication)
    by_firm: dict[str, list[int]] = {}
    for i in mine:
        by_firm.setdefault(str(table["firm"][i]), []).append(int(i))
    wanted = set(mine[-most:].tolist()) if firms is None else {i for firm in firms for i in by_firm.get(firm, [])}
    terms, cap = scenario.report.fair, scenario.rounds.terms.participation_cap.value
    numbers = [q.value for q in (terms.volatility, terms.exit_rate, terms.rate, terms.unissued)]
    ipo = [(x.value.value, x.odds.value) for x in terms.ipo]
    out = []
    for firm, rows in by_firm.items():
        rounds: list[Round] = []
        first = rows[0]
        if table["raised_before"][first] > 0.0 and table["previous_post_money"][first] > 0.0:
            rounds.append(Round(float(table["raised_before"][first]), float(table["previous_post_money"][first])))
        for i in rows:
            joins = bool(table["participating"][i])
            rounds.append(
                Round(
                    float(table["amount"][i]),
                    float(table["post_money"][i]),
                    float(table["preference"][i]),
                    float(table["seniority"][i]),
                    joins,
                    cap if joins else None,
                )
            )
            if i in wanted:
                worth = value(rounds, *numbers, ipo)
                out.append(
                    {
                        "firm": firm,
                        "quarter": str(table["quarter"][i]),
                        "stage": str(table["stage"][i]),
                        "post_money": float(table["post_money"][i]),
                        "fair_value": worth,
                        "overvaluation": float(table["post_money"][i]) / worth - 1.0,
                        "typical": float(table["post_money"][i] / table["fair_value"][i]) - 1.0,
                    }
                )
    return out


# ------------------------------------------------------------------------------------------------- rules in force


def rules_kept(scenario: Scenario, result: Result) -> dict[str, Any] | None:
    """The rule pack in force: where the scenario departs from it, the probability that losses at the end exceed what is
    tolerated by class, reinvestment missed, gains given up, and the evaluation score with the line that binds. None
    where the scenario names no pack."""
    from sim.model.funds.parameters import of_class
    from sim.quantities import quarter_name
    from sim.scenario.packs import departures

    g = scenario.guidance
    if g.rules is None:
        return None
    out: dict[str, Any] = {
        "pack": g.pack,
        "name": {"zh": g.rules.name.zh, "en": g.rules.name.en},
        "valid_from": quarter_name(int(g.rules.valid_from)),
        "valid_to": quarter_name(int(g.rules.valid_to)) if g.rules.valid_to is not None else None,
        "departures": departures(scenario),
        "classes": {},
    }
    for c in scenario.ordered_funds():
        if c.kind == "sub-fund":
            odds = odds_of(result[f"guidance.breach.{c.id}"][:, -1])
            missed = measures.mean(result[f"guidance.reinvestment.missed.{c.id}"][:, -1])
            out["classes"][c.id] = {
                "name": {"zh": c.name.zh, "en": c.name.en},
                "tolerance": tolerated.value if (tolerated := of_class(g.tolerance, c)) is not None else None,
                "breach": odds.value,
                "breach_error": odds.error,
                "reinvestment_missed": missed.value,
            }
    lines = g.evaluation.items if g.evaluation is not None else []
    scores = result["guidance.score"]
    defined = np.flatnonzero(~np.all(np.isnan(scores), axis=0))
    if lines and defined.size:
        at = int(defined[-1])
        rows = []
        for line in lines:
            most = max(x.points.value for x in [*line.steps, *line.or_steps])
            points = measures.mean(result[f"guidance.score.{line.id}"][:, at])
            rows.append((most - points.value, line, most))
        lost, binding, most = max(rows, key=lambda row: row[0])
        score = measures.mean(scores[:, at])
        out["evaluation"] = {
            "quarter": result.quarters[at],
            "score": score.value,
            "error": score.error,
            "most": sum(row[2] for row in rows),
            "binds": binding.id,
            "binds_name": {"zh": binding.name.zh, "en": binding.name.en},
            "lost": lost,
            "of": most,
        }
    return out


# ------------------------------------------------------------------------------------------------ the next yuan


LEAST_CALLED = 0.005  # of a yuan more committed; where less is called (its investing is over) the yuan has no value


@dataclass(frozen=True)
class NextYuan:
    """What one more yuan committed to a class brings: paired differences of worlds with a little more of it.

    called: yuan called for a yuan more committed; value: present value, at the public discount rate, of what comes back
    (with what is held at the end) for a yuan of present value called; treasury: the same for all that the treasury
    pays and gets, NaN where it pays nothing that can be told from 0. error: Monte-Carlo standard error over
    replications."""

    id: str
    path: str
    called: Estimate
    value: Estimate
    treasury: Estimate


def ratio(gain: Floats, cost: Floats) -> Estimate:
    """Ratio of means over paired draws, and its standard error by the delta method; NaN where nothing was spent."""
    n, total = gain.size, float(cost.mean())
    if n == 0 or total == 0.0:
        return Estimate(float("nan"), float("nan"))
    r = float(gain.mean()) / total
    spread = float(np.std(gain - r * cost, ddof=1)) if n > 1 else float("nan")
    return Estimate(r, spread / np.sqrt(n) / abs(total))


def for_each(gain: Floats, cost: Floats, more: Floats) -> Estimate:
    """What a yuan of `cost` brings, where `more` was committed: NaN where next to nothing was spent of it, or what was
    spent cannot be told from nothing (two standard errors over replications)."""
    spent = float(cost.mean())
    error = float(np.std(cost, ddof=1)) / np.sqrt(cost.size) if cost.size > 1 else 0.0
    if abs(spent) < LEAST_CALLED * abs(float(more.mean())) or abs(spent) <= 2.0 * error:
        return Estimate(float("nan"), float("nan"))
    return ratio(gain, cost)


def next_yuan(
    scenario: Scenario,
    replications: int | None = None,
    seed: int | None = None,
    step: float = 0.1,
    threads: int | None = None,
    progress: Any = None,
) -> list[NextYuan]:
    """Which class of fund earns most on the next yuan, best first. Every class's commitments are raised by `step`, one
    at a time, over the same draws: a step that is too small drowns in which fund meets which firm, one that is too
    large is not the next yuan any more. Uncertain at the standard errors given; two classes whose values lie within two
    of them are not told apart."""
    from sim.ensemble import simulate_samples

    classes = [c for c in scenario.ordered_funds() if c.kind == "sub-fund" or (c.size and c.size.value > 0.0)]
    # a fund that has closed is raised as a whole, the guidance money in it and the others' alike
    raised = [
        ("size", "committed") if c.committed is not None else ("plan",) if c.kind == "sub-fund" else ("size",)
        for c in classes
    ]
    paths = [f"funds.{c.id}.{fields[0]}" for c, fields in zip(classes, raised, strict=True)]
    overrides = {
        f"funds.{c.id}.{field}": getattr(c, field).value
        * np.array([1.0] + [1.0 + step * (j == i) for j in range(len(paths))])
        for i, (c, fields) in enumerate(zip(classes, raised, strict=True))
        for field in fields
    }
    rows = [("size", "paid_in", "distributed", "nav"), ("committed", "paid_in", "distributed", "nav")]
    names = [f"funds.{c.id}.{row}" for c in classes for row in rows[0]]
    names += [f"partners.treasury.{row}" for row in rows[1]]
    n = scenario.run.replications if replications is None else replications
    out = simulate_samples(
        scenario, overrides, n, scenario.run.seed if seed is None else seed, threads, names, None, progress
    )
    years = 0.25 * np.arange(out.shape[-1])
    discount = (1.0 + scenario.public.discount.value) ** -years

    def worth(sample: int, first: int) -> tuple[Floats, Floats, Floats]:
        """(commitments, present value of calls, of what comes back) [replication]."""
        size, paid, back, nav = (out[sample, :, first + k] for k in range(4))
        called = np.diff(paid, axis=1, prepend=0.0) @ discount
        got = np.diff(back, axis=1, prepend=0.0) @ discount + nav[:, -1] * discount[-1]
        return size[:, -1], called, got

    found = []
    for i, c in enumerate(classes):
        differences = []
        for first in (4 * i, 4 * len(classes)):
            before, after = worth(0, first), worth(i + 1, first)
            differences.append([b - a for a, b in zip(before, after, strict=True)])
        (more, called, got), (_, paid, back) = differences
        value, treasury = for_each(got, called, more), for_each(back, paid, more)
        found.append(NextYuan(c.id, paths[i], ratio(called, more), value, treasury))
    return sorted(found, key=lambda x: -x.value.value if x.value.value == x.value.value else float("inf"))
