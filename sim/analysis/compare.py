"""What changed: scenarios against a baseline, replication by replication in the same random world.

Replication r of every scenario shares its draws, so the difference A_r − B_r holds only what the policy did. Its mean
has the paired t interval (or a paired bootstrap one); its quantiles say how the difference varies from world to world;
`gain` says how many times more replications independent seeds would need for the same interval:
(var A + var B) / var(A − B).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.analysis.model import DEFAULT_METRICS, ZoneModel, all_at_once, fingerprint_of, nearest, refuse
from sim.analysis.text import between, between_differences, csv_text, layout, say, show, tell, tell_difference, word
from sim.errors import NO_SUCH_METRIC, Problem, UserError
from sim.measures import ROUNDING, mean_difference, paired_differences
from sim.quantities import BareAmount, half_up
from sim.terms import capital, standing_alone

if TYPE_CHECKING:
    from sim.result import Result
    from sim.scenario.document import Scenario

Progress = Callable[[int, int], None]

CONFIDENCE = 0.95
PRECISION = 0.10  # of the mean difference: the precision for which replications are counted, unless another is stated
RESAMPLES = 2000
MOST_FURTHER, MOST_GAIN = 100_000, 1000  # what lies beyond is told as that: nobody simulates so many
MOST_CHANGES = 6
COLUMNS = ("mean", "low", "high", "sd", "p05", "p50", "p95", "p_more", "p_same", "needed", "gain", "own")
PART_NAMES = ("alone", "alone_reach", "last", "last_reach", "shapley", "shapley_reach")
NET_COST = "public.net_cost_pv"
NET_COST_HELD = "public.net_cost_held_pv"  # less what the treasury's stakes are still worth; older results have none
UNLISTED, ALL_FIRMS = "valuation.post_money.total", "valuation.total"
OUTLAY, RECOVERED = "public.outlay", "public.recovered"
WEATHER = ("market", "uncertainty", "zone")  # what a zone meets, and nobody decides
MISSED = "guidance.reinvestment.missed."  # by class: share of the sub-funds past their investment period
RATIO_ASKED = ("guidance.reinvestment", "guidance.reinvestment_of", "guidance.pack")
# what decides how much of their money funds place in the zone; of a class of funds where public money is in it
PLACED = re.compile(r"guidance\.(reinvestment|reinvestment_of\..*|pack|counting\..*)|funds\.([^.]+)\.local")
PUBLIC_KINDS = ("guidance", "sub-fund", "direct", "attraction")
NO_POLICY = (*WEATHER, "run", "sweep", "levers", "facts", "report", "calibrate")
GAIN_METRICS = ("firms.alive", "ladder.certificates.hte", "firms.listed", "jobs.total")


@dataclass(frozen=True)
class Bought:
    """What a yuan of net public cost buys: a metric, less another where `less` names one."""

    key: str
    zh: str
    en: str
    metric: str
    less: str = ""
    unit: str = ""


# Whole, of firms founded here, of firms that moved in. A scenario that does not report one of them has no such line.
BOUGHT: tuple[Bought, ...] = (
    Bought("listed", "上市公司（家）", "listed firm", "firms.listed"),
    Bought(
        "listed_own",
        "　其中本地（家）",
        "  of them founded here",
        "firms.listed",
        "firms.attracted.listed",
    ),
    Bought("listed_in", "　其中招引（家）", "  of them moved in", "firms.attracted.listed"),
    Bought("jobs", "就业（人）", "job", "jobs.total"),
    Bought("jobs_own", "　其中本地企业（人）", "  in firms founded here", "jobs.total", "jobs.attracted"),
    Bought("jobs_in", "　其中招引企业（人）", "  in firms that moved in", "jobs.attracted"),
    Bought(
        "value",
        "总估值（未上市加上市，元）",
        "yuan of total valuation, unlisted and listed",
        "valuation.total",
        unit="CNY",
    ),
    Bought(
        "value_own",
        "　其中本地企业（元）",
        "  of firms founded here",
        "valuation.total",
        "valuation.attracted.total",
        "CNY",
    ),
    Bought("value_in", "　其中招引企业（元）", "  of firms that moved in", "valuation.attracted.total", unit="CNY"),
    Bought("firms_own", "存续企业，本地（家）", "firm alive, founded here", "firms.alive", "firms.attracted.alive"),
    Bought("firms_in", "存续企业，招引（家）", "firm alive, moved in", "firms.attracted.alive"),
)


VERDICTS: dict[str, tuple[str, str]] = {  # what stands beside a line of prices, zh and en
    "price": ("", ""),
    "saving": ("每少一单位所省", "saved for each one fewer"),
    "better": ("所得更多，成本更低", "more, at less cost"),
    "worse": ("所得更少，成本更高", "less, at more cost"),
    "same_cheaper": ("同样效果，成本更低", "same, at less cost"),
    "same_dearer": ("同样效果，成本更高", "same, at more cost"),
    "undetermined": ("无法确定", "undetermined"),
}

SAME = ("same_cheaper", "same_dearer")


@dataclass(frozen=True)
class Differences:
    """One scenario minus the baseline; every array is float64[metric, quarter].

    `p_more`: share of replications in which it is above the baseline, `p_same`: equal to it. `needed`: replications
    in all for an interval of the wanted half-width (± 10 % of the mean difference unless another is asked for).
    `noise`: there is a difference, but the interval of its mean holds 0.
    """

    name: str
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    sd: np.ndarray
    p05: np.ndarray
    p50: np.ndarray
    p95: np.ndarray
    p_more: np.ndarray
    p_same: np.ndarray
    needed: np.ndarray
    gain: np.ndarray
    own: np.ndarray  # the scenario's own mean

    @property
    def noise(self) -> np.ndarray:
        return (self.low <= 0) & (self.high >= 0) & (self.sd > 0)


@dataclass(frozen=True)
class Price:
    """Net public cost over what it bought, at one quarter. The interval is Fieller's; NaN where it is unbounded."""

    name: str
    key: str
    bought: float
    cost: float
    ratio: float
    low: float
    high: float
    cash: float = math.nan  # the same difference of `public.net_cost_pv`, where `cost` is that of another metric
    same: bool = False  # as much in every world, at a cost that differs beyond chance

    @property
    def verdict(self) -> str:
        """`price`, `saving` (cheaper, and less), `better` (cheaper and more), `worse`, `same_cheaper` or `same_dearer`
        (nothing more or less in any world), or `undetermined`."""
        if self.same:
            return "same_cheaper" if self.cost < 0 else "same_dearer"
        if not math.isfinite(self.low) or self.bought == 0:
            return "undetermined"
        if self.low <= 0 <= self.high:  # the cost itself cannot be told from nothing
            return "undetermined"
        if self.cost <= 0:
            return "better" if self.bought > 0 else "saving"
        return "price" if self.bought > 0 else "worse"

    def turned(self) -> Price:
        """The baseline over the scenario: both differences change their sign, their ratio and its interval do not."""
        return replace(self, bought=0.0 - self.bought, cost=0.0 - self.cost, cash=0.0 - self.cash)  # −0 is no number


@dataclass(frozen=True)
class Part:
    """What one of several stacked changes does to an output: alone, added last, and its Shapley share."""

    change: str
    output: str
    alone: float
    alone_reach: float
    last: float
    last_reach: float
    shapley: float
    shapley_reach: float


@dataclass(frozen=True)
class Precision:
    """The half-width of an interval that is wanted: a share of the mean difference, or by metric an amount."""

    share: float = PRECISION
    amounts: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def parse(cls, texts: Sequence[str], known: Mapping[str, Any]) -> Precision:
        """`5%` (of the mean difference) or `METRIC=AMOUNT` (`jobs.total=500`); later ones win. `known`: metrics."""
        from sim.analysis.solve import amount_of

        share, amounts, problems = PRECISION, {}, []
        for text in texts:
            metric, equals, written = (part.strip() for part in text.partition("="))
            try:
                value = amount_of(known.get(metric) if equals else None, written if equals else text)
            except BareAmount as error:
                problems.append(Problem(str(error), key=metric))
                continue
            except ValueError:
                value = math.nan
            if not value > 0 or (not equals and not value < 1):
                expected = (
                    "an amount above 0" if equals else "a share of the difference between 0 and 1, or METRIC=AMOUNT"
                )
                problems.append(Problem("not a precision", key="--precision", found=text, expected=expected))
            elif not equals:
                share = value
            elif metric not in known:
                near = nearest(metric, [*known])
                problems.append(Problem(NO_SUCH_METRIC, key="--precision", found=metric, nearest=near))
            else:
                amounts[metric] = value
        if problems:
            raise UserError(problems)
        return cls(share, amounts)

    def reach(self, metrics: Sequence[Any], mean: np.ndarray) -> np.ndarray:
        """Half-widths float64[metric, quarter] for mean differences of that shape."""
        wanted = self.share * np.abs(mean)
        for k, metric in enumerate(metrics):
            if metric.name in self.amounts:
                wanted[k] = self.amounts[metric.name]
        return wanted

    def told(self, metric: Any, lang: str) -> str:
        amount = self.amounts.get(metric.name)
        return (
            f"±{100 * self.share:.3g}%" if amount is None else f"±{tell_difference(amount, metric.unit, lang, False)}"
        )


@dataclass
class Comparison:
    baseline: str
    metrics: list[Any]
    quarters: list[str]
    replications: int
    baseline_mean: np.ndarray  # [metric, quarter]
    differences: list[Differences]
    prices: list[Price]
    at: str
    parts: list[Part] = field(default_factory=list)
    precision: Precision = field(default_factory=lambda: Precision())
    chosen: list[str] = field(default_factory=list)  # metrics to print and draw; the usual ones where empty
    elsewhere: list[str] = field(default_factory=list)  # scenarios of another zone than the baseline's
    about: dict[str, Any] = field(default_factory=dict)
    price_by: str = NET_COST  # the metric that is the cost of `prices`

    def of(self, name: str) -> Differences:
        return next(d for d in self.differences if d.name == name)

    def called(self, name: str, lang: str) -> str:
        """What people call a scenario; its short name where nothing more is known of it."""
        own = self.about.get("names", {}).get(name)
        return str(own[lang]) if own else name

    def unchanged(self, d: Differences) -> bool:
        """Whether a scenario lives as the baseline does, in every replication and all that is printed."""
        return bool(np.all(d.p_same[self.shown(), self.column(self.at)] == 1.0))

    def equal(self, d: Differences) -> bool:
        """Whether a scenario is the baseline over again: every metric, in every replication and quarter."""
        same = np.isnan(d.p_same) | (d.p_same == 1.0)
        return bool(same.all()) and np.allclose(d.own, self.baseline_mean, ROUNDING, 0.0, equal_nan=True)

    def differing(self) -> list[Differences]:
        """The scenarios that are not the baseline over again."""
        return [d for d in self.differences if not self.equal(d)]

    def equals(self, lang: str, short: bool = True) -> list[str]:
        """A remark for each scenario that is the baseline over again, with what it states for all that."""
        found = []
        for d in self.differences:
            if not self.equal(d):
                continue
            rows = (self.about.get("changes") or {}).get(d.name) or ()
            stated = _listed([f"{row['path']} = {row['written']}" for row in rows if "written" in row])
            name = self._head(d.name, lang, short)
            zh = f"它另行写明 {stated}，于此不起作用" if stated else "它没有与基准不同的设定"
            en = f"it states {stated}, which does nothing here" if stated else "it states nothing otherwise"
            found.append(
                say(
                    lang,
                    f"{name}：各项指标均与基准相同（{zh}）。",
                    f"{name}: this scenario equals the baseline in every metric ({en}).",
                )
            )
        return found

    def missed(self) -> list[tuple[int, list[Differences]]]:
        """By class of sub-fund the row of the share that misses the reinvestment ratio (返投), and the scenarios that
        ask for another ratio or whose funds miss it otherwise."""
        j = self.column(self.at)
        rows = [k for k, m in enumerate(self.metrics) if m.name.startswith(MISSED)]

        def concerned(d: Differences) -> bool:
            if d.name in self.elsewhere or self.equal(d):
                return False
            asks = any(path.startswith(RATIO_ASKED) for path in self.stated(d.name))
            return asks or any(d.p_same[k, j] < 1.0 for k in rows)

        wanted = [d for d in self.differences if concerned(d)]
        own = [(k, [d for d in wanted if np.isfinite([d.own[k, j], self.baseline_mean[k, j]]).any()]) for k in rows]
        return [(k, ds) for k, ds in own if ds]

    def class_of(self, k: int, lang: str) -> str:
        """The class of sub-funds that a row of `missed` speaks of."""
        label = self.metrics[k].label[lang]
        return label.removesuffix("返投未达标") if lang == "zh" else label.partition(": ")[0]

    def misses_rose(self, name: str) -> bool:
        """Whether more sub-funds of some class miss the ratio than the baseline's, or fewer where a scenario is told
        the other way round, beyond noise."""
        sign, j = -1.0 if self.turned(name) else 1.0, self.column(self.at)
        return any(
            sign * d.mean[k, j] > 0 and not d.noise[k, j] for k, ds in self.missed() for d in ds if d.name == name
        )

    def verdict(self, p: Price, lang: str) -> str:
        """What stands beside a line of prices: what looks better on both may have come at the ratio's expense."""
        told = say(lang, *VERDICTS[p.verdict])
        if p.verdict in ("better", "same_cheaper") and self.misses_rose(p.name):
            told += say(lang, "，但未达标子基金增多", ", but more sub-funds miss the ratio")
        return told

    def turned(self, name: str) -> bool:
        """Whether a scenario gets less of all that can be told from nothing, as one does that takes a policy away. Then
        the reader asks what the baseline buys with what it costs more, and its lines are told the other way round."""
        told = [p.bought for p in self.prices if p.name == name and math.isfinite(p.low)]
        return bool(told) and max(told) < 0

    def over(self, name: str, lang: str) -> str:
        """A scenario that is told the other way round, as a figure or a report calls it."""
        base, other = self.called(self.baseline, lang), self.called(name, lang)
        return say(lang, f"{base}比{other}", f"{base} over {other}")

    def stated(self, name: str) -> list[str]:
        """Paths that a scenario states otherwise than the baseline; those of all changes where it makes them all."""
        changes = self.about.get("changes") or {}
        rows = changes.get(name)
        if rows is None and len(changes) > 1 and name == all_of(list(changes)):
            rows = [row for own in changes.values() for row in own]
        return list(dict.fromkeys(str(row["path"]) for row in rows or ()))

    def unpriced(self, name: str) -> bool:
        """Whether a scenario differs in nothing that anybody decides: another market is no policy and has no price."""
        stated = self.stated(name)
        return bool(stated) and all(path.split(".")[0] in NO_POLICY for path in stated)

    def weather(self, name: str) -> list[str]:
        """Paths of the market and of chance that a scenario states otherwise than the baseline."""
        return [path for path in self.stated(name) if path.split(".")[0] in WEATHER and path != "zone.end"]

    def _head(self, name: str, lang: str, short: bool) -> str:
        """A scenario at the head of a remark: by its short name, as tables of a terminal call it, or in full."""
        return name if short else capital(self.called(name, lang))

    def priced(self) -> list[tuple[str, bool, list[Price]]]:
        """(scenario, whether it is told the other way round, its lines so told), in the order of the scenarios."""
        found = []
        equal = [d.name for d in self.differences if self.equal(d)]
        for name in dict.fromkeys(p.name for p in self.prices if p.name not in equal and not self.unpriced(p.name)):
            turned = self.turned(name)
            found.append((name, turned, [p.turned() if turned else p for p in self.prices if p.name == name]))
        return found

    def row(self, metric: str) -> int:
        return [m.name for m in self.metrics].index(metric)

    def column(self, quarter: str) -> int:
        return self.quarters.index(quarter)

    def gain(self, metrics: Sequence[str] = GAIN_METRICS, quarter: str | None = None) -> float:
        """Median over scenarios and metrics of how many times more replications independent seeds would need."""
        known = [m.name for m in self.metrics]
        column = self.column(quarter or self.at)
        found = [d.gain[known.index(m), column] for d in self.differing() for m in metrics if m in known]
        found = [gain for gain in found if not np.isnan(gain)]
        return float(np.median(found)) if found else math.nan

    def shown(self) -> list[int]:
        """The metrics of the printed table: those asked for, else the usual ones, else the first few."""
        known = [m.name for m in self.metrics]
        if self.chosen:
            return [known.index(name) for name in self.chosen]
        beside = {UNLISTED: (UNLISTED, ALL_FIRMS), NET_COST: (NET_COST_HELD, NET_COST)}  # what one alone misleads about
        names = [name for each in DEFAULT_METRICS for name in beside.get(each, (each,))]
        usual = [known.index(name) for name in names if name in known]
        return usual or list(range(min(6, len(known))))

    def beside_the_point(self, lang: str) -> list[str]:
        """What is said of scenarios of other zones than the baseline's."""
        if not self.elsewhere:
            return []
        names = say(lang, "、", ", ").join(self.elsewhere)
        return [
            say(
                lang,
                f"{names} 与基准不是同一园区：差异是两个园区之别，不是某项政策的效果，配对无所得，价格也无意义，故不列",
                f"{names}: another zone than the baseline's. The differences are between zones and not what a policy"
                " does: pairing gains nothing, and prices would mean nothing and are not told",
            )
        ]

    def table(self, lang: str = "zh") -> str:
        column = self.column(self.at)
        rows = []
        for k in self.shown():
            metric = self.metrics[k]
            for d in self.differing():
                more = d.needed[k, column] - self.replications
                rows.append(
                    [
                        metric.label[lang],
                        d.name,
                        tell(self.baseline_mean[k, column], metric.unit, lang),
                        tell_difference(d.mean[k, column], metric.unit, lang),
                        f"[{between_differences(d.low[k, column], d.high[k, column], metric.unit, lang)}]",
                        "–" if np.isnan(d.p_more[k, column]) else f"{d.p_more[k, column]:.0%}",
                        _further(more, lang),
                        self.precision.told(metric, lang),
                        _times(d.gain[k, column]),
                        word("noise", lang) if d.noise[k, column] else "",
                    ]
                )
        keys = ("metric", "scenario", "baseline", "difference", "interval", "p_more", "further", "for", "gain")
        title = say(
            lang,
            f"{self.at}，与基准 {self.baseline} 相比，{self.replications} 个配对世界",
            f"{self.at}, against {self.baseline}, {self.replications} paired worlds",
        )
        told = say(
            lang,
            "基准、差异均为各世界的均值，区间为差异均值的置信区间",
            "baseline and difference are means over the worlds, the interval is that of the mean difference",
        )
        if any(self.metrics[k].unit == "CNY" for k in self.shown()):
            told += say(lang, "；金额为人民币元", "; money in CNY")
        parts = [f"{title}\n{told}"]
        parts += [layout([*(word(key, lang) for key in keys), ""], rows, left=2)] if rows else []
        parts += ["\n".join(equals)] if (equals := self.equals(lang)) else []
        gain = self.gain()
        parts += self.beside_the_point(lang)
        if not math.isnan(gain) and not self.elsewhere:
            parts.append(
                say(
                    lang,
                    f"若不配对，同样宽的区间需要 {_times(gain)} 的世界数（中位数）",
                    f"independent seeds would need {_times(gain)} the worlds for the same intervals (median)",
                )
            )
        parts += ["\n".join(told)] if (told := self.opposite(lang)) else []
        return "\n\n".join([*parts, *self._price_table(lang), *self._missed_table(lang), *self._parts_table(lang)])

    def opposite(self, lang: str, short: bool = True) -> list[str]:
        """A remark for each scenario in which unlisted firms and all firms together move in opposite directions."""
        if not {UNLISTED, ALL_FIRMS} <= {self.metrics[k].name for k in self.shown()}:
            return []
        one, all_, j = self.row(UNLISTED), self.row(ALL_FIRMS), self.column(self.at)
        found = []
        for d in self.differences:
            if d.noise[one, j] or d.noise[all_, j] or not d.mean[one, j] * d.mean[all_, j] < 0:
                continue
            name = self._head(d.name, lang, short)
            if d.mean[one, j] > 0:
                found.append(
                    say(
                        lang,
                        f"{name}：未上市企业的投后估值合计上升，而全部企业的总估值下降：上不了市的企业留在未上市之列。",
                        f"{name}: unlisted firms add up to more, all firms together to less: firms that cannot list"
                        " stay among the unlisted.",
                    )
                )
            else:
                found.append(
                    say(
                        lang,
                        f"{name}：未上市企业的投后估值合计下降，而全部企业的总估值上升：上市的企业不再计入未上市之列。",
                        f"{name}: unlisted firms add up to less, all firms together to more: firms that list leave the"
                        " unlisted.",
                    )
                )
        return found

    def price_remarks(self, lang: str, short: bool = True) -> list[str]:
        """What stands beside the prices: which cost, at what rate discounted, why none, why less than nothing."""
        if not self.prices and not any(self.unpriced(d.name) for d in self.differences):
            return []
        found, lines = [], self.priced()
        rates = list(dict.fromkeys(self.about.get("discount") or ()))
        if lines and self.price_by == NET_COST_HELD:
            found.append(
                say(
                    lang,
                    "净成本为支出减收回，再减财政仍持有权益的公允价值（按期权为股份定价，不是账面估值；现值）；“现金”一项不减持有的权益。",
                    "The net cost is outlay less recovery, less what the treasury's stakes are still worth at fair"
                    " value (shares priced by their options, not as books have them; present value); the cash one"
                    " leaves those stakes out.",
                )
            )
        elif lines:
            found.append(
                say(
                    lang,
                    "净成本为支出减收回（现值），不计财政仍持有的权益。",
                    "The net cost is outlay less recovery (present value); what the treasury still holds is not"
                    " counted.",
                )
            )
        if lines and rates:
            told = say(lang, "、", ", ").join(f"{rate:.3g}%" for rate in (100 * r for r in rates))
            found[-1] += say(lang, f"贴现率每年 {told}。", f" Discounted at {told} a year.")
        for name, turned, own in lines:
            if (why := self._why_negative(name, turned, own, lang, short)) is not None:
                found.append(why)
            if self.weather(name):
                found.append(
                    say(
                        lang,
                        f"{self._head(name, lang, short)}：差异中含市场的差异（{_listed(self.weather(name))}）；"
                        "要分开，请与处在同一市场的基准相比。",
                        f"{self._head(name, lang, short)}: the difference includes that of the market"
                        f" ({_listed(self.weather(name))}); to separate them, compare with a baseline in the"
                        " same market.",
                    )
                )
        found += self._hangs_on_outside([name for name, _, _ in lines], lang, short)
        for name in (d.name for d in self.differences if self.unpriced(d.name)):
            found.append(
                say(
                    lang,
                    f"{self._head(name, lang, short)}：与基准只差在 {_listed(self.stated(name))}，不是政策，"
                    "因此没有价格。",
                    f"{self._head(name, lang, short)}: no price, since it differs from the baseline only in"
                    f" {_listed(self.stated(name))}, which is no policy.",
                )
            )
        return found

    def _hangs_on_outside(self, names: Sequence[str], lang: str, short: bool) -> list[str]:
        """That the money results of scenarios that place more or less in the zone hang on what it earns elsewhere."""
        growth = self.about.get("outside_growth") or {}
        public = self.about.get("public_funds") or ()

        def moves(path: str) -> bool:
            found = PLACED.fullmatch(path)
            return found is not None and (found[2] is None or found[2] in public)

        moved = [name for name in names if name in growth and any(map(moves, self.stated(name)))]
        if not moved:
            return []
        heads = say(lang, "、", ", ").join(self._head(name, lang, short) for name in moved)
        rates = dict.fromkeys(f"{100 * growth[name]:.3g}%" for name in (self.baseline, *moved))
        told = say(lang, "、", ", ").join(rates)
        return [
            say(
                lang,
                f"{heads}：投向区内外的钱多少有变，净成本取决于区外投资的收益，情景设其每年增长 {told}"
                "（outside.growth）：越高，留在区内越贵。请用 --set outside.growth=… 试其他取值。",
                f"{heads}: how much is invested in the zone and outside changes, so the net cost hangs on what money"
                f" outside earns, which the scenario puts at a growth of {told} a year (outside.growth): the higher it"
                " is, the more it costs to keep money in the zone. Try others with --set outside.growth=….",
            )
        ]

    def _why_negative(self, name: str, turned: bool, own: Sequence[Price], lang: str, short: bool) -> str | None:
        """Why a policy costs less than nothing, where that is certain; None where it does not."""
        known = [m.name for m in self.metrics]
        d, j = self.of(name), self.column(self.at)
        if not own or not own[0].cost < 0 or self.price_by not in known or d.noise[known.index(self.price_by), j]:
            return None
        if OUTLAY not in known or RECOVERED not in known:
            return None  # what made it is not in the result
        if turned and not short:
            head = capital(self.over(name, lang))
        else:
            head = self._head(self.baseline if turned else name, lang, short)
        head += say(lang, "：净成本为负：", ": the net cost is below 0: ")
        sign = -1.0 if turned else 1.0

        def surely(metric: str) -> float:
            """By how much more, where that can be told from chance."""
            k = known.index(metric)
            return 0.0 if d.noise[k, j] else sign * float(np.nan_to_num(d.mean[k, j]))

        paid = surely(OUTLAY)
        reasons = [
            (-paid, "少付出{}（累计，未贴现）", "{} less is paid out (total, not discounted)"),
            (surely(RECOVERED), "多收回{}（累计，未贴现）", "{} more comes back (total, not discounted)"),
            (
                self._surely_held(own[0]),
                "仍持有的权益多值{}（现值）",
                "stakes still held are worth {} more (present value)",
            ),
        ]
        reasons = sorted((reason for reason in reasons if reason[0] > 0), reverse=True)
        told = say(lang, "，", "; ").join(say(lang, zh, en).format(show(size, "CNY", lang)) for size, zh, en in reasons)
        if paid <= 0:
            told = told or (
                say(
                    lang,
                    "付出、收回与持有的权益，单看每一项都与噪声无法区分",
                    "of what is paid out, comes back and is still held no single difference can be told from noise",
                )
                if self.price_by == NET_COST_HELD
                else say(
                    lang,
                    "付出与收回，单看每一项都与噪声无法区分",
                    "of what is paid out and comes back no single difference can be told from noise",
                )
            )
            return head + told + say(lang, "。", ".")
        told += say(lang, "，", "; ") if told else ""
        return head + say(
            lang,
            f"{told}基金自身的回报高于贴现率，足以抵过多付出的{show(paid, 'CNY', lang)}（累计，未贴现）。",
            f"{told}the funds' own return is above the discount rate and more than pays for the"
            f" {show(paid, 'CNY', lang)} more that is paid out (total, not discounted).",
        )

    def _surely_held(self, line: Price) -> float:
        """By how much more what the treasury still holds is worth, where that can be told from chance: it is the cash
        net cost less the other, and the half-width of its interval is at most the sum of theirs."""
        names = (NET_COST, NET_COST_HELD)
        if self.price_by != NET_COST_HELD or NET_COST not in (m.name for m in self.metrics):
            return 0.0
        d, j, rows = self.of(line.name), self.column(self.at), [self.row(name) for name in names]
        held = line.cash - line.cost
        reach = sum(float(d.high[k, j] - d.low[k, j]) / 2.0 for k in rows)
        return held if abs(held) > reach else 0.0

    def _price_table(self, lang: str) -> list[str]:
        """Scenarios that get more on one table, then one table for each that is told the other way round."""
        tables = self.priced()
        plain = [p for _, turned, own in tables if not turned for p in own]
        title = word("cost_per", lang) + say(lang, f"（{self.at}，均值，人民币元）", f" ({self.at}, means, CNY)")
        found = [self._prices(title, plain, lang)] if plain else []
        for name, turned, own in tables:
            if turned:
                title = say(
                    lang,
                    f"{name} 所得较少，因此反过来看：{self.baseline} 比它多得多少、财政净成本多多少（{self.at}，均值，"
                    "人民币元）",
                    f"{name} gets less, so the other way round: what {self.baseline} has over it, and at what net"
                    f" public cost ({self.at}, means, CNY)",
                )
                found.append(self._prices(title, own, lang, turned))
        remarks = self.price_remarks(lang)
        if found and remarks:
            found[-1] += "\n" + "\n".join(remarks)
        return found or (["\n".join(remarks)] if remarks else [])

    def _prices(self, title: str, lines: Sequence[Price], lang: str, turned: bool = False) -> str:
        things = {thing.key: thing for thing in BOUGHT}
        held = self.price_by == NET_COST_HELD
        rows = []
        for p in lines:
            known = p.verdict in ("price", "saving")
            rows.append(
                [
                    say(lang, things[p.key].zh, things[p.key].en),
                    *([] if turned else [p.name]),
                    show(p.bought, things[p.key].unit, lang, sign=True),
                    show(p.cost, "CNY", lang, sign=True),
                    *([show(p.cash, "CNY", lang, sign=True)] if held else []),
                    show(p.ratio, "CNY", lang) if known else "–",
                    f"[{between(p.low, p.high, 'CNY', lang)}]" if known else "",
                    self.verdict(p, lang),
                ]
            )
        header = ["", *([] if turned else [word("scenario", lang)])]
        header += [say(lang, "多得", "more of it") if turned else say(lang, "新增", "additional")]
        header += [say(lang, "净成本", "net cost"), *([say(lang, "现金", "in cash")] if held else [])]
        header += [say(lang, "每单位", "each"), word("interval", lang), ""]
        return f"{title}\n{layout(header, rows, left=1 if turned else 2)}"

    def missed_title(self, lang: str) -> str:
        return say(
            lang,
            f"投资期已过的子基金中，返投未达标的占比，{self.at}",
            f"Share of the sub-funds past their investment period that miss the reinvestment ratio (返投), {self.at}",
        )

    def _missed_table(self, lang: str) -> list[str]:
        """Whose sub-funds miss the ratio how often, beside the prices: a higher ratio is paid for here."""
        j = self.column(self.at)
        rows = [
            [
                self.class_of(k, lang),
                d.name,
                percent(self.baseline_mean[k, j]),
                percent(d.own[k, j]),
                points(d, k, j, lang),
                word("noise", lang) if d.noise[k, j] else "",
            ]
            for k, ds in self.missed()
            for d in ds
        ]
        if not rows:
            return []
        header = [
            say(lang, "子基金类", "class"),
            word("scenario", lang),
            word("baseline", lang),
            say(lang, "该情景", "scenario's"),
            word("difference", lang),
            "",
        ]
        return ["\n".join([self.missed_title(lang), layout(header, rows, left=2), *self.missing_costs(lang)])]

    def missing_costs(self, lang: str, short: bool = True) -> list[str]:
        """What missing the ratio costs the funds by the terms of each scenario; nothing where a comparison of an
        earlier version did not keep them."""
        terms = self.about.get("missing") or {}
        concerned = [d.name for d in self.differences if any(d in ds for _, ds in self.missed())]
        by: dict[tuple[float, float], list[str]] = {}
        for name in (self.baseline, *concerned):
            if name in terms:
                by.setdefault((terms[name]["concession"], terms[name]["fee_cut"]), []).append(name)
        found = []
        for (concession, cut), names in by.items():
            lost = [("让利", "the concession")] if concession else []
            lost += [(f"投资期后管理费的 {100 * cut:.3g}%", f"{100 * cut:.3g}% of later fees")] if cut else []
            zh, en = "和".join(x for x, _ in lost), " and ".join(x for _, x in lost)
            heads = ""
            if len(by) > 1:
                heads = say(lang, "、", ", ").join(self._head(name, lang, short) for name in names)
                heads += say(lang, "：", ": ")
            found.append(
                heads
                + say(
                    lang,
                    f"按情景的规则，未达标的子基金失去{zh}。" if lost else "按情景的规则，未达标不使子基金付出代价。",
                    f"by the scenario's rules a sub-fund that misses it loses {en}."
                    if lost
                    else "by the scenario's rules missing it costs a sub-fund nothing.",
                )
            )
        return [capital(told) for told in found] if not short else found

    def _parts_table(self, lang: str) -> list[str]:
        if not self.parts:
            return []
        header = ["", *(word(key, lang) for key in ("change", "alone", "last", "shapley", "interval")), ""]
        known = {m.name: m for m in self.metrics}
        rows = []
        for output in dict.fromkeys(p.output for p in self.parts):
            own = [p for p in self.parts if p.output == output]
            metric = known.get(output.split("@")[0])
            unit, title = (metric.unit, metric.label[lang]) if metric else ("", output)
            for p in own:
                low, high = p.shapley - p.shapley_reach, p.shapley + p.shapley_reach
                values = (tell_difference(value, unit, lang) for value in (p.alone, p.last, p.shapley))
                noise = word("noise", lang) if low <= 0 <= high and p.shapley_reach > 0 else ""
                rows.append([title, p.change, *values, f"[{between_differences(low, high, unit, lang)}]", noise])
            sums = (sum(getattr(p, name) for p in own) for name in ("alone", "last", "shapley"))
            rows.append(["", word("sum", lang), *(tell_difference(value, unit, lang) for value in sums), "", ""])
        title = say(
            lang,
            f"差异来自哪项措施（{self.at}）：单独实施、最后加入、所有次序的平均（Shapley）；"
            "只有 Shapley 份额之和等于全部差异",
            f"which change did it ({self.at}): made alone, added last, averaged over every order (Shapley); only the"
            " Shapley shares sum to the whole difference",
        )
        return [f"{title}\n{layout(header, rows, left=2)}"]

    def differences_csv(self) -> str:
        names = COLUMNS
        rows = (
            [d.name, m.name, q, m.unit, self.baseline_mean[k, j]]
            + [getattr(d, name)[k, j] for name in names]
            + ["true" if d.noise[k, j] else "false"]
            for d in self.differences
            for k, m in enumerate(self.metrics)
            for j, q in enumerate(self.quarters)
        )
        return csv_text(["scenario", "metric", "quarter", "unit", "baseline", *names, "noise"], rows)

    def save(self, folder: Path, lang: str = "zh", figures: bool = True) -> None:
        """differences.csv, prices.csv, parts.csv, figures/ and a manifest: a folder, whole or not at all."""
        from sim import store

        with store.write_folder(folder) as place:
            store.write_text(place / "differences.csv", self.differences_csv())
            header = ["scenario", "quarter", "per", "additional", "net_cost", "ratio", "low", "high", "verdict"]
            header.append("net_cost_in_cash")
            rows = [
                [p.name, self.at, p.key, p.bought, p.cost, p.ratio, p.low, p.high, p.verdict, p.cash]
                for p in self.prices
            ]
            store.write_text(place / "prices.csv", csv_text(header, rows))
            if self.parts:
                listed = [[p.output, p.change, *(getattr(p, name) for name in PART_NAMES)] for p in self.parts]
                store.write_text(place / "parts.csv", csv_text(["output", "change", *PART_NAMES], listed))
            if figures:
                from sim.figures.analysis import save_figures

                save_figures(self.figures(lang), place / "figures")
            about = {"kind": "compare", "baseline": self.baseline, "replications": self.replications, **self.about}
            about |= {"elsewhere": self.elsewhere} if self.elsewhere else {}
            about |= {
                "at": self.at,
                "metrics": self.chosen,
                "price_by": self.price_by,
                "labels": {m.name: m.label for m in self.metrics},
            }
            store.write_json(place / store.MANIFEST, about | {"gain": self.gain()})

    def to_xarray(self) -> Any:
        """Labelled arrays over scenario, metric and quarter; of a decomposition over output and change."""
        import xarray

        names = COLUMNS
        dims = ("scenario", "metric", "quarter")
        data: dict[str, Any] = {name: (dims, np.array([getattr(d, name) for d in self.differences])) for name in names}
        data["baseline"] = (dims[1:], self.baseline_mean)
        coords: dict[str, Any] = {
            "scenario": [d.name for d in self.differences],
            "metric": [m.name for m in self.metrics],
            "quarter": self.quarters,
            "unit": ("metric", [m.unit for m in self.metrics]),
        }
        if self.parts:
            outputs = list(dict.fromkeys(p.output for p in self.parts))
            changes = list(dict.fromkeys(p.change for p in self.parts))
            by = {(p.output, p.change): p for p in self.parts}
            for name in PART_NAMES:
                table = [[getattr(by[output, change], name) for change in changes] for output in outputs]
                data[name] = (("output", "change"), np.array(table))
            coords |= {"output": outputs, "change": changes}
        about = {"baseline": self.baseline, "replications": self.replications, "at": self.at}
        return xarray.Dataset(data, coords=coords, attrs=about)

    def to_json(self) -> dict[str, Any]:
        """The table's quarter, for a program that reads it."""
        j = self.column(self.at)
        names = [name for name in COLUMNS if name != "sd"]
        return {
            "baseline": self.baseline,
            "quarter": self.at,
            "replications": self.replications,
            "gain_by_pairing": self.gain(),
            "other_zones": self.elsewhere,
            "differences": [
                {"scenario": d.name, "metric": m.name, "unit": m.unit, "baseline": float(self.baseline_mean[k, j])}
                | {name: float(getattr(d, name)[k, j]) for name in names}
                | {"noise": bool(d.noise[k, j])}
                for d in self.differences
                for k, m in enumerate(self.metrics)
            ],
            "price_by": self.price_by,
            "prices": [asdict(p) | {"verdict": p.verdict} for p in self.prices],
            "parts": [asdict(p) for p in self.parts],
        }

    def figures(self, lang: str = "zh") -> dict[str, Any]:
        from sim.figures.analysis import figures_of_comparison

        return figures_of_comparison(self, lang)


def _listed(paths: Sequence[str], most: int = 3) -> str:
    """A few paths, the others counted."""
    more = [f"+{len(paths) - most}"] if len(paths) > most else []
    return ", ".join([*paths[:most], *more])


def percent(share: float) -> str:
    return f"{half_up(100 * share):.0f}%" if math.isfinite(share) else "–"


def points(d: Differences, k: int, j: int, lang: str) -> str:
    """A difference of shares in points of per cent, with its interval."""
    if not math.isfinite(d.mean[k, j]):
        return "–"
    shown = (show(half_up(100 * x, 1) + 0.0, "", lang, sign=True) for x in (d.mean[k, j], d.low[k, j], d.high[k, j]))
    mean, low, high = shown
    mean += f" {say(lang, '个百分点', 'pp')}"
    return f"{mean} [{low} … {high}]" if d.sd[k, j] > 0 else mean


def _further(more: float, lang: str) -> str:
    """How many more replications than were made."""
    if not math.isfinite(more):
        return "–"
    if more > MOST_FURTHER:
        return f">{MOST_FURTHER:,}"
    return say(lang, "已够", "enough") if more <= 0 else show(more, "", lang)


def _times(gain: float) -> str:
    if math.isnan(gain):
        return "–"
    return f">{MOST_GAIN}×" if gain > MOST_GAIN else f"{gain:.3g}×"


# --- differences


def paired(
    name: str,
    a: np.ndarray,
    b: np.ndarray,
    interval: str = "t",
    seed: int = 0,
    reach_wanted: Callable[[np.ndarray], np.ndarray] = lambda mean: PRECISION * np.abs(mean),
) -> Differences:
    """`a`, `b`: float64[metric, replication, quarter] of a scenario and of the baseline, the same replications.

    `reach_wanted`: mean differences [metric, quarter] -> the half-widths for which replications are counted. A
    replication in which either is undefined (NaN) is left out of that metric and quarter.
    """
    from scipy.stats import t

    d = paired_differences(a, b)
    count = np.isfinite(d).sum(axis=1)
    mean = mean_difference(d, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        sd = np.sqrt(np.nansum((d - mean[:, None, :]) ** 2, axis=1) / (count - 1))
        sd[count < 2] = np.nan
        quantile = t.ppf(0.5 + CONFIDENCE / 2, np.maximum(count - 1, 1))
        reach = quantile * sd / np.sqrt(count)
        low, high = mean - reach, mean + reach
        if interval == "bootstrap":
            low, high = bootstrap_interval(d, seed)
        needed = np.ceil((quantile * sd / reach_wanted(mean)) ** 2)
        p05, p50, p95 = _quantiles(d)
        both = np.isfinite(d)
        gain = (_variance(np.where(both, a, np.nan)) + _variance(np.where(both, b, np.nan))) / sd**2
        p_more = (d > 0).sum(axis=1) / np.where(count > 0, count, np.nan)
        p_same = (d == 0).sum(axis=1) / np.where(count > 0, count, np.nan)
        own = np.nansum(a, axis=1) / np.isfinite(a).sum(axis=1)
    gain[(sd == 0) & np.isnan(gain)] = np.nan  # nothing varies at all: there is nothing to gain
    return Differences(name, mean, low, high, sd, p05, p50, p95, p_more, p_same, _nan(needed), gain, _nan(own))


def bootstrap_interval(d: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Percentile interval of the mean: replications drawn with replacement, the same ones for all metrics and quarters.

    One matrix product of resampling counts and differences; NaN where a replication is undefined.
    """
    replications = d.shape[1]
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(replications, np.full(replications, 1.0 / replications), size=RESAMPLES) / replications
    low, high = np.empty((2, d.shape[0], d.shape[2]))
    for k, metric in enumerate(d):
        low[k], high[k] = np.quantile(counts @ metric, [0.5 - CONFIDENCE / 2, 0.5 + CONFIDENCE / 2], axis=0)
    return low, high


def _nan(x: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(x), x, np.nan)


def _variance(x: np.ndarray) -> np.ndarray:
    count = np.isfinite(x).sum(axis=1)
    mean = np.nansum(x, axis=1) / count
    return np.nansum((x - mean[:, None, :]) ** 2, axis=1) / (count - 1)


def _quantiles(d: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """5, 50, 95 % over replications; the slow path only where something is undefined."""
    q = np.quantile(d, [0.05, 0.5, 0.95], axis=1)
    for k, j in np.argwhere(np.isnan(d).any(axis=1)):
        known = d[k, np.isfinite(d[k, :, j]), j]
        q[:, k, j] = np.quantile(known, [0.05, 0.5, 0.95]) if len(known) else np.nan
    return q[0], q[1], q[2]


# --- what it cost


def ratio_of_means(cost: np.ndarray, bought: np.ndarray) -> tuple[float, float, float]:
    """mean cost / mean bought and Fieller's interval; NaN bounds where `bought` cannot be told from 0."""
    from scipy.stats import t

    n = len(cost)
    c, b = float(cost.mean()), float(bought.mean())
    if n < 2 or b == 0:
        return (c / b if b else math.nan), math.nan, math.nan
    (vc, vcb), (_, vb) = np.cov(cost, bought) / n
    q = float(t.ppf(0.5 + CONFIDENCE / 2, n - 1)) ** 2
    leading, middle, last = b * b - q * vb, b * c - q * vcb, c * c - q * vc
    if leading <= 0:
        return c / b, math.nan, math.nan
    root = math.sqrt(max(0.0, middle * middle - leading * last))
    return c / b, (middle - root) / leading, (middle + root) / leading


def prices_of(name: str, a: Result, b: Result, quarter: str, cost_metric: str = NET_COST) -> list[Price]:
    """Net public cost per additional unit of what was bought, as far as both results report it.

    `cost_metric`: by which of the two net costs, in cash or less what is still held.
    """
    known = {m.name for m in a.metrics} & {m.name for m in b.metrics}
    if cost_metric not in known:
        return []
    column_a, column_b = a.quarters.index(quarter), b.quarters.index(quarter)

    def difference(metric: str) -> np.ndarray:
        return np.asarray(a[metric])[:, column_a] - np.asarray(b[metric])[:, column_b]

    cost = difference(cost_metric)
    in_cash = difference(NET_COST) if NET_COST in known else np.full_like(cost, np.nan)
    prices = []
    for thing in BOUGHT:
        if thing.metric not in known or (thing.less and thing.less not in known):
            continue
        bought = difference(thing.metric) - (difference(thing.less) if thing.less else 0.0)
        whole = np.isfinite(cost) & np.isfinite(bought)
        if whole.sum() < 2:
            continue
        ratio = ratio_of_means(cost[whole], bought[whole])
        more, paid, cash = (float(x[whole].mean()) for x in (bought, cost, in_cash))
        scale = np.abs(np.asarray(b[thing.metric])[whole, column_b])
        if same := bool(np.all(np.abs(bought[whole]) <= ROUNDING * scale)):  # parts of yuan may leave some rounding
            more, ratio = 0.0, (math.nan, math.nan, math.nan)
            same = abs(paid) > _reach(cost[whole])
        prices.append(Price(name, thing.key, more, paid, *ratio, cash=cash, same=same))
    return prices


# --- which of several changes did it


def taken_apart(
    evaluate: Callable[[tuple[str, ...]], np.ndarray], changes: Sequence[str], outputs: Sequence[str]
) -> list[Part]:
    """`evaluate(subset)` -> float64[replication, output] with these changes made; all 2^k subsets, paired draws.

    Shapley's share of a change is its effect averaged over every order in which the changes could be made; the shares
    sum to the whole difference exactly, replication by replication.
    """
    if not 1 <= len(changes) <= MOST_CHANGES:
        raise refuse("too many changes to take apart", found=str(len(changes)), expected=f"1 to {MOST_CHANGES}")
    k = len(changes)
    worlds = {
        frozenset(subset): np.asarray(evaluate(tuple(changes[i] for i in subset)), dtype=np.float64)
        for size in range(k + 1)
        for subset in combinations(range(k), size)
    }
    everyone = frozenset(range(k))
    parts = []
    for i, change in enumerate(changes):
        share = sum(
            math.factorial(len(s)) * math.factorial(k - len(s) - 1) / math.factorial(k) * (worlds[s | {i}] - worlds[s])
            for s in worlds
            if i not in s
        )
        alone = worlds[frozenset({i})] - worlds[frozenset()]
        last = worlds[everyone] - worlds[everyone - {i}]
        for o, output in enumerate(outputs):
            numbers: list[float] = []
            for values in (alone, last, np.asarray(share)):
                y = values[np.isfinite(values[:, o]), o]
                numbers += [float(y.mean()) if len(y) else math.nan, _reach(y)]
            parts.append(Part(change, output, *numbers))
    return sorted(parts, key=lambda p: list(outputs).index(p.output))


def _reach(y: np.ndarray) -> float:
    from sim.analysis.sweep import half_width

    return half_width(y, CONFIDENCE)


# --- the calls


def compare(
    results: Mapping[str, Result],
    baseline: str | None = None,
    at: str | None = None,
    interval: str = "t",
    precision: Precision | None = None,
) -> Comparison:
    """Results of the same seed and replications, by name; the first is the baseline unless another is named.

    Metrics and quarters that all have in common are compared; `at` is the quarter of the printed table (the last).
    """
    if len(results) < 2:
        raise refuse("a comparison needs two scenarios or more", found=str(len(results)), expected="BASELINE OTHER …")
    names = list(results)
    baseline = baseline or names[0]
    if baseline not in results:
        raise refuse("no such scenario", found=baseline, expected=" | ".join(names), nearest=nearest(baseline, names))
    if interval not in ("t", "bootstrap"):
        raise refuse("no such interval", found=interval, expected="t | bootstrap")
    base = results[baseline]
    _refuse_unpaired(results, baseline)
    shared = {m.name for m in base.metrics}.intersection(*({m.name for m in r.metrics} for r in results.values()))
    metrics = [_alone(m) for m in base.metrics if m.name in shared]
    quarters = [q for q in base.quarters if all(q in r.quarters for r in results.values())]
    if not quarters:
        raise refuse("the scenarios have no quarter in common", found=f"{base.quarters[0]} … {base.quarters[-1]}")
    at = at or quarters[-1]
    if at not in quarters:
        raise refuse("not a quarter of these scenarios", found=at, expected=f"{quarters[0]} … {quarters[-1]}")

    def values(result: Result) -> np.ndarray:
        rows = [[m.name for m in result.metrics].index(m.name) for m in metrics]
        first = result.quarters.index(quarters[0])
        return np.asarray(result.values)[rows][:, :, first : first + len(quarters)]

    of_base = values(base)
    with np.errstate(invalid="ignore"):
        baseline_mean = np.nansum(of_base, axis=1) / np.isfinite(of_base).sum(axis=1)
    others = [name for name in names if name != baseline]
    price_by = NET_COST_HELD if NET_COST_HELD in shared else NET_COST
    precision = precision or Precision()
    wanted = partial(precision.reach, metrics)
    return Comparison(
        baseline,
        metrics,
        quarters,
        of_base.shape[1],
        _nan(baseline_mean),
        [paired(name, values(results[name]), of_base, interval, reach_wanted=wanted) for name in others],
        [price for name in others for price in prices_of(name, results[name], base, at, price_by)],
        at,
        precision=precision,
        price_by=price_by,
    )


def _alone(metric: Any) -> Any:
    label = {lang: standing_alone(metric.name, told, lang) for lang, told in metric.label.items()}
    return metric if label == metric.label else replace(metric, label=label)


def _refuse_unpaired(results: Mapping[str, Result], baseline: str) -> None:
    problems = []
    base = results[baseline]
    for name, result in results.items():
        for key in ("seed", "replications"):
            found, expected = result.manifest.get(key), base.manifest.get(key)
            if found != expected:
                problems.append(
                    Problem(
                        "not paired with the baseline", key=f"{name}: {key}", found=str(found), expected=str(expected)
                    )
                )
    if problems:
        raise UserError(problems)


def run(
    scenarios: Sequence[Scenario],
    names: Sequence[str],
    replications: int | None = None,
    seed: int | None = None,
    *,
    baseline: str | None = None,
    at: str | None = None,
    interval: str = "t",
    changes: Sequence[str] = (),
    decompose: bool = False,
    precision: Sequence[str] = (),
    metrics: Sequence[str] = (),
    threads: int | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """What `run.py compare` calls: simulates each scenario with the baseline's seed and replications, and compares.

    `changes`: further variants written `PATH=VALUE; …` on the baseline. `decompose`: the variants are stacked and their
    joint difference is taken apart, over all combinations of up to six. `precision`: see `Precision.parse`; `metrics`:
    what to print, draw and take apart (the usual ones).
    """
    from sim.analysis import stacking
    from sim.analysis.model import known_metrics, known_quarters
    from sim.analysis.work import origin, words_of
    from sim.ensemble import refuse_what_cannot_run, simulate

    names = unlike(names)
    if baseline is not None and baseline not in names:
        raise refuse("no such scenario", found=baseline, expected=" | ".join(names), nearest=nearest(baseline, names))
    first = scenarios[names.index(baseline)] if baseline else scenarios[0]
    baseline = baseline or names[0]
    made = dict(zip(names, scenarios, strict=True))
    known = {n: m for n, m in known_metrics(first).items() if all(n in known_metrics(s) for s in made.values())}
    quarters = [q for q in known_quarters(first) if all(q in known_quarters(s) for s in made.values())]
    wanted, _, _, *variants_made = all_at_once(
        lambda: Precision.parse(precision, known),
        lambda: refuse_unknown(metrics, known),
        lambda: _refuse_quarter(at, quarters),
        *(partial(stacking.changed, first, text) for text in changes),
    )
    for name, variant in variants_made:
        made[unlike([*made, name])[-1]] = variant
    if len(made) < 2:
        raise refuse("a comparison needs two scenarios or more", found=str(len(made)), expected="BASELINE OTHER …")
    replications = first.run.replications if replications is None else replications
    seed = first.run.seed if seed is None else seed
    if replications < 2:
        raise refuse("differences need two worlds or more", key="replications", found=str(replications))
    variants = {name: scenario for name, scenario in made.items() if name != baseline}
    single = list(variants)
    if decompose:
        stacking.refuse_too_many(single, MOST_CHANGES)
        stacking.refuse_conflicts(first, variants)
        stacks = {
            subset: stacking.stack(first, variants, subset)  # all are validated before the first is run
            for size in range(2, len(single) + 1)
            for subset in combinations(single, size)
        }
        if len(single) > 1:
            made[all_of(single)] = stacks[tuple(single)]
    for scenario in made.values():
        refuse_what_cannot_run(scenario, replications, seed, threads)
    stages = len(made) + (max(0, 2 ** len(single) - len(single) - 2) if decompose else 0)
    results = {}
    for k, (name, scenario) in enumerate(made.items()):
        stage = _stage(progress, k, stages)
        results[name] = simulate(scenario, replications, seed, threads=threads, events=0, progress=stage)
    found = compare(results, baseline, at, interval, wanted)
    found.chosen = list(dict.fromkeys(metrics))
    found.elsewhere = [name for name, scenario in variants.items() if not of_one_zone(first, scenario)]
    words = words_of(
        "compare",
        first,
        change=changes,
        metric=metrics,
        at=at,
        interval=interval,
        precision=precision,
        replications=replications,
        seed=seed,
    )
    words[1:2] = [made[name]._path for name in sorted(names, key=lambda name: name != baseline)]
    words += ["--decompose"] if decompose else []
    found.about = {
        **origin(words, *made.values()),
        "seed": seed,
        "scenarios": {name: fingerprint_of(s) for name, s in made.items()},
        "names": _names(baseline, made),
        "changes": {name: stacking.changes_in_words(first, s) for name, s in variants.items()},
        "discount": [float(s.public.discount.value) for s in made.values()],
        "outside_growth": {name: float(s.outside.growth.value) for name, s in made.items()},
        "public_funds": sorted({c.id for s in made.values() for c in s.funds if c.kind in PUBLIC_KINDS}),
        "missing": {name: _missing(s) for name, s in made.items()},
    }
    found.prices = [p for p in found.prices if p.name not in found.elsewhere and not found.unpriced(p.name)]
    if decompose:
        outputs = [f"{found.metrics[k].name}@{found.at}" for k in found.shown()]
        done = len(made)

        def evaluate(subset: tuple[str, ...]) -> np.ndarray:
            """float64[replication, output]; what was simulated for the table is not simulated again."""
            nonlocal done
            name = baseline if not subset else subset[0] if len(subset) == 1 else all_of(subset)
            if name in results and (len(subset) < 2 or len(subset) == len(single)):
                column = results[name].quarters.index(found.at)
                return np.column_stack([results[name][output.split("@")[0]][:, column] for output in outputs])
            values = ZoneModel.of(stacks[subset], outputs).evaluate({}, replications, seed, threads)[0]
            done += 1
            if progress is not None:
                progress(done * replications, stages * replications)
            return values

        found.parts = taken_apart(evaluate, single, outputs)
    return found


def _names(baseline: str, made: Mapping[str, Scenario]) -> dict[str, dict[str, str]]:
    """What each scenario calls its zone, less what the baseline's name says already; its short name where two would be
    called the same."""
    names: dict[str, dict[str, str]] = {name: {} for name in made}
    for lang in ("zh", "en"):
        whole = made[baseline].zone.name.get(lang)
        for name, scenario in made.items():
            own = scenario.zone.name.get(lang)
            heads = [whole + mark for mark in (" · ", "：", ": ", ", ")]
            names[name][lang] = next((own[len(head) :] for head in heads if own.startswith(head)), "") or own
    for lang in ("zh", "en"):
        taken = [own[lang] for own in names.values()]
        for name, own in names.items():
            if name != baseline and taken.count(own[lang]) > 1:
                own[lang] = name
    return names


def _missing(scenario: Scenario) -> dict[str, float]:
    """What a sub-fund that misses the reinvestment ratio loses: the concession, a part of its later fees."""
    rules = scenario.guidance
    return {
        "concession": float(rules.concession.value) if rules.miss in ("concession", "both") else 0.0,
        "fee_cut": float(rules.fee_cut.value) if rules.miss in ("fee", "both") else 0.0,
    }


def of_one_zone(a: Scenario, b: Scenario) -> bool:
    """Whether two scenarios tell one zone: one stands on the other, they share a file above the one that all
    stand on, or they call their zone the same, less what follows a dot or a colon."""
    files = [list(s._tree.texts) for s in (a, b)]
    if files[0][-1] in files[1] or files[1][-1] in files[0] or {*files[0][1:]} & {*files[1][1:]}:
        return True
    called = [re.split(r" · |：|: |, ", s.zone.name.zh)[0] for s in (a, b)]
    return called[0] == called[1]


def _refuse_quarter(at: str | None, quarters: Sequence[str]) -> None:
    if at is not None and at not in quarters:
        ends = f"{quarters[0]} … {quarters[-1]}" if quarters else "scenarios that share a quarter"
        raise refuse("not a quarter of these scenarios", key="--at", found=at, expected=ends)


def all_of(changes: Sequence[str]) -> str:
    """The name of several changes made together."""
    whole = " + ".join(changes)
    return whole if len(whole) <= 48 else f"{changes[0]} + … ({len(changes)})"


def refuse_unknown(metrics: Sequence[str], known: Mapping[str, Any]) -> None:
    problems = [
        Problem(NO_SUCH_METRIC, key="--metric", found=name, nearest=nearest(name, [*known]))
        for name in metrics
        if name not in known
    ]
    if problems:
        raise UserError(problems)


def unlike(names: Sequence[str]) -> list[str]:
    """Names that differ: a second `xian` becomes `xian (2)`."""
    found: list[str] = []
    for name in names:
        count = sum(n == name or n.startswith(f"{name} (") for n in found)
        found.append(f"{name} ({count + 1})" if count else name)
    return found


def _stage(progress: Progress | None, stage: int, stages: int) -> Progress | None:
    """Progress over several equal stages, seen as one piece of work."""
    if progress is None:
        return None
    return lambda done, total: progress(stage * total + done, stages * total)
