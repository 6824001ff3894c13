"""Which follow-on earns most on the next yuan: what one yuan more in each named firm's next round brings.

The yuan is too small to change anything, so one set of worlds answers for every firm at once: the kernel buys a yuan's
worth of shares in the first round that a named firm closes after the start, at that round's price and in its class, and
lets them share in what the class gets (a sale by the conversion equilibrium, a listing with lock-up and sell-down,
redemption, liquidation). What is left at the end of the run stands at the last round's price, or at the market. This is
the derivative that paired worlds with a small extra cheque approach, without their noise. Firms meet the same worlds,
so their differences are paired. Not in it: a fund's own fees and carry, selling the stake to other holders, and that
shares still held are carried at headline value (`held` tells how much of the value that is).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sim.ensemble import Worlds, _checked, refuse_too_large, run_in_threads  # first: kernels' folder

import numpy as np  # isort: skip
from numpy.typing import NDArray  # isort: skip

from sim.analysis.returns import odds_of, ratio
from sim.analysis.text import layout, say, word
from sim.measures import Estimate
from sim.memory import processors
from sim.model.rows import Rows
from sim.model.rules import lower
from sim.model.world import Cash, Count, Next, World
from sim.quantities import quarter_name

if TYPE_CHECKING:
    from sim.scenario.document import Scenario

RESAMPLES = 1000
MOST_ROWS = 40  # of the printed table
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FollowOn:
    """What a yuan more in one named firm's next round brings.

    happens: share of worlds in which it closes another round before the end; quarter: median of its date. value:
    present value, at the public discount rate, of what comes back for a yuan of present value paid, over the worlds in
    which the round happens, with its standard error; low, high: 95 % interval by resampling worlds. back: the part of
    `value` that has come back in cash by the end, held: the rest. p05, p50, p95: the same multiple in single worlds.
    best: share of resamples in which no other firm's value is higher."""

    firm: str
    name: dict[str, str]
    happens: Estimate
    quarter: str | None
    value: Estimate
    low: float
    high: float
    back: float
    held: float
    p05: float
    p50: float
    p95: float
    best: float


def next_yuan_by_firm(
    scenario: Scenario,
    replications: int | None = None,
    seed: int | None = None,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[FollowOn]:
    """Every named firm's next round, the best first; firms that close none in any world come last, without a value."""
    n, seed = _checked(scenario, replications, seed)
    threads = processors() if threads is None else max(1, threads)
    rules = lower(scenario, Rows(seed, np.arange(n)))
    worlds = Worlds(scenario, rules, seed)
    refuse_too_large(scenario, worlds.room, threads, 1)
    firms = scenario.named
    bought = np.zeros((n, len(firms)))  # present value of the yuan, 0: no round
    back, held = np.zeros_like(bought), np.zeros_like(bought)
    quarter = np.full(bought.shape, -1)

    def work(r: int) -> None:
        world = worlds.live(r, r)
        bought[r], back[r], held[r], quarter[r] = _read(world, len(firms))

    run_in_threads(work, n, threads, progress, worlds)
    return _ranked(scenario, bought, back, held, quarter, seed)


def _read(world: World, count: int) -> tuple[Floats, Floats, Floats, NDArray[np.int64]]:
    """(present value paid, come back, of what is held; quarter of the round) [firm] at the end of a world."""
    places = world.tally.money[Cash.SIZE :][: Next.SIZE * count].reshape(count, Next.SIZE)
    v, held = world.ventures, np.zeros(count)
    rows = np.flatnonzero(v.alive[: int(world.tally.counts[Count.VENTURE_SLOTS])] == 1)
    rows = rows[v.named[rows] >= 0]
    last = np.exp(world.market.multiple[world.metrics.shape[1] - 1])
    for row in rows:
        k = int(v.named[row])
        c = int(places[k, Next.CLASS])
        whole = np.exp(v.log_value[row]) * last if v.listed[row] else v.last_post[row]
        held[k] = places[k, Next.SHARES] * v.class_conversion[row, c] / v.shares[row] * whole
    held *= world.tally.money[Cash.DISCOUNT]
    paid = places[:, Next.PAID].copy()
    when = np.where(paid > 0.0, places[:, Next.QUARTER], -1).astype(int)
    return paid, places[:, Next.BACK].copy(), np.where(paid > 0.0, held, 0.0), when


def _ranked(
    scenario: Scenario, bought: Floats, back: Floats, held: Floats, quarter: NDArray[np.int64], seed: int
) -> list[FollowOn]:
    n = bought.shape[0]
    got = back + held
    draw = np.random.default_rng([seed, 5])
    weights = draw.multinomial(n, np.full(n, 1.0 / n), size=RESAMPLES).astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        again = (weights @ got) / (weights @ bought)  # [resample, firm]; without a round undefined
    lifted = np.where(np.isnan(again), -np.inf, again)
    first = np.zeros(again.shape[1])
    some = np.isfinite(lifted).any(axis=1)
    if again.shape[1]:
        np.add.at(first, lifted[some].argmax(axis=1), 1.0 / RESAMPLES)
    out = []
    for k, firm in enumerate(scenario.named):
        there = bought[:, k] > 0.0
        paid = bought[there, k]
        value = ratio(got[there, k], paid)
        multiples = got[there, k] / paid
        p05, p50, p95 = np.quantile(multiples, [0.05, 0.5, 0.95]) if paid.size else (np.nan,) * 3
        sure = again[np.isfinite(again[:, k]), k]
        low, high = np.quantile(sure, [0.025, 0.975]) if paid.size > 1 else (np.nan, np.nan)
        when = quarter_name(int(scenario.zone.start) + int(np.median(quarter[there, k]))) if paid.size else None
        part = float(back[there, k].sum() / paid.sum()) if paid.size else np.nan
        out.append(
            FollowOn(
                firm=firm.id,
                name={"zh": firm.name.zh, "en": firm.name.en},
                happens=odds_of(there.astype(float)),
                quarter=when,
                value=value,
                low=float(low),
                high=float(high),
                back=part,
                held=value.value - part,
                p05=float(p05),
                p50=float(p50),
                p95=float(p95),
                best=float(first[k]),
            )
        )
    return sorted(out, key=lambda x: -np.inf if x.value.value != x.value.value else x.value.value, reverse=True)


def report(found: Sequence[FollowOn], lang: str, most: int = MOST_ROWS) -> str:
    """The table, the best first, and what it says."""
    if not found:
        return say(lang, "情景中没有具名企业。", "The scenario names no firm.")
    head = say(
        lang,
        "企业|有下一轮的概率|时间中位数|每元价值|95% 区间|其中已收现金|单个世界 5–50–95%|最优的概率",
        "firm|odds of a round|median date|value of a yuan|95 % interval|of it in cash|single worlds 5–50–95 %|best",
    ).split("|")
    rows = []
    for x in found[:most]:
        none = x.value.value != x.value.value
        rows.append(
            [
                x.name[lang],
                f"{x.happens.value:.0%}",
                x.quarter or "–",
                "–" if none else f"{x.value.value:.2f} ± {_two(x.value.error)}",
                "–" if none else f"{_two(x.low)} … {_two(x.high)}",
                "–" if none else f"{x.back:.2f}",
                "–" if none else f"{x.p05:.2f} – {x.p50:.2f} – {x.p95:.2f}",
                "–" if none else f"{x.best:.0%}",
            ]
        )
    parts = [layout(head, rows)]
    if len(found) > most:
        rest = len(found) - most
        parts.append(say(lang, f"另有 {rest} 家企业（--json 给出全部）", f"{rest} more firms (--json has them all)"))
    parts.append(
        say(
            lang,
            "每元价值：在下一轮多投一元，收回与期末所持（按最近一轮或市价）的现值，以公共折现率计；未扣基金管理费与业绩报酬。"
            "区间与“最优的概率”由同一批世界重抽样得出，区间重叠者不能分出高下。",
            "Value of a yuan: present value, at the public discount rate, of what comes back from a yuan more in the"
            " next round, with what is held at the end (at the last round's price or the market); before a fund's fees"
            " and carry. Interval and odds of being best: by resampling the worlds, which all firms share; firms"
            " whose intervals overlap are not told apart.",
        )
    )
    return "\n\n".join(parts)


def report_classes(found: Sequence[Any], lang: str, names: Mapping[str, str] | None = None) -> str:
    """The next yuan by class of fund (sim.analysis.returns.next_yuan), as a table. names: id -> what it is called."""
    names = names or {}
    head = say(lang, "基金类|每多认缴一元缴款|每元价值|财政每元价值",
               "class of fund|called of a yuan|value of a yuan|treasury's").split("|")  # fmt: skip
    rows = [
        [
            f"{names[x.id]} {x.id}" if names.get(x.id, x.id) != x.id else x.id,
            *(
                f"{e.value:.2f} ± {_two(e.error)}" if e.value == e.value else word("undetermined", lang)
                for e in (x.called, x.value, x.treasury)
            ),
        ]
        for x in found
    ]
    note = say(
        lang,
        "成对的世界中，该类认缴多一成；价值为收回与期末净值的现值，除以缴款的现值；几乎没有缴款、"
        "或缴款与 0 无法区分时写“无法确定”（市场化基金的钱不出自财政，即是如此）。",
        "Paired worlds with a tenth more of the class; value: present value of what comes back, with the net asset"
        " value at the end, over that of what is called; undetermined where next to nothing is paid, or it cannot be"
        " told from 0, as the treasury's money in market funds.",
    )
    return layout(head, rows) + "\n\n" + note


def _two(value: float) -> str:
    return "–" if value != value else f"{value:.2f}"
