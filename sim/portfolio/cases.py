"""Exit cases that the user states for named firms, beside the model's own; and a plan beside what happened.

A case is an exit value, a probability and a date. A sale is split among the share classes by the exact conversion
equilibrium; at a listing every class converts, and each has its part of the whole. Either is done on the cap table with
which the firm enters: the terms that its history leaves open are drawn, so that the split is taken in every replication
and averaged. Probabilities of one firm sum to at most 1; what is left is an exit worth nothing. Not modelled: rounds
between the start and the exit, which would dilute today's holders.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sim.analysis.text import layout, say
from sim.errors import Problem, UserError
from sim.quantities import format_money, parse_quarter, quarter_name
from sim.scenario.fields import Described, Id, LocalName, Money, Probability, Table, When

if TYPE_CHECKING:
    from sim.scenario.document import Scenario
    from sim.tracing import DrawnRound

REST = "others"  # holders beyond the model
COMMON = "common"  # founders and option pool
# what a listing is called; a buyer may be a listed company
LISTING = re.compile(
    r"(?<!非)上市(?!公司|企业)|\blisting\b|\b(is|be|gets?) listed\b|\blisted on\b|\bIPO\b", re.IGNORECASE
)


class ExitCase(Table):
    """One way out of one firm, as the user sees it."""

    firm: Id = Described("id of a named firm of the scenario")
    name: LocalName = Described("what the case is called")
    kind: Literal["sale", "listing"] | None = Described(
        "a sale, which pays preferences first, or a listing, at which every class converts; a sale where left out",
        default=None,
    )
    exit: Money = Described("what the whole firm is sold for, or worth at its listing before it issues shares")
    probability: Probability = Described("how likely; the cases of a firm sum to at most 1")
    date: When = Described("when the money comes")


class Cases(Table):
    """The file: [[cases]] entries."""

    cases: list[ExitCase] = Described("exit cases")


@dataclass
class Judged:
    """Cases of one firm, judged. proceeds: [case][holder] mean over replications, in yuan; holders are funds, then
    `others` and `common`. cost: mean over the same replications of what each fund paid, in yuan; irr: yearly, of the
    expected proceeds over all cases."""

    firm: str
    name: LocalName
    cases: list[ExitCase]
    proceeds: list[dict[str, float]]
    cost: dict[str, float]
    irr: dict[str, Any] = field(default_factory=dict)
    model: list[dict[str, Any]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """The same as plain values: shares, yuan, quarters."""
        cases = [
            {
                "name": {"zh": case.name.zh, "en": case.name.en},
                "kind": case.kind or "sale",
                "date": quarter_name(int(case.date)),
                "probability": case.probability.value,
                "exit": case.exit.value,
                "proceeds": split,
            }
            for case, split in zip(self.cases, self.proceeds, strict=True)
        ]
        return {
            "firm": self.firm,
            "name": {"zh": self.name.zh, "en": self.name.en},
            "cases": cases,
            "worth_nothing": self.rest,
            "expected": self.expected,
            "cost": self.cost,
            "irr": {fund: {"value": rate.value, "reason": rate.reason} for fund, rate in self.irr.items()},
            "model": self.model,
        }

    @property
    def rest(self) -> float:
        """Probability that no case of the firm comes: an exit worth nothing."""
        left = 1.0 - sum(case.probability.value for case in self.cases)
        return left if left > 1e-9 else 0.0

    @property
    def expected(self) -> dict[str, float]:
        """Probability-weighted proceeds by holder."""
        out: dict[str, float] = defaultdict(float)
        for case, split in zip(self.cases, self.proceeds, strict=True):
            for holder, money in split.items():
                out[holder] += case.probability.value * money
        return dict(out)


def read_cases(path: str | Path, scenario: Scenario) -> list[ExitCase]:
    """The cases of a TOML file, checked against the scenario. UserError with every problem found."""
    from sim.scenario.loading import load

    file = load(Cases, path)
    problems = []
    total: dict[str, float] = defaultdict(float)
    names = [f.id for f in scenario.named]
    for i, case in enumerate(file.cases):
        where = {"file": str(path), "line": file._tree.place(f"cases.{i}.firm")[1], "key": f"cases.{i}"}
        if case.firm not in names:
            problems.append(Problem("no such named firm", found=case.firm, expected=", ".join(names[:8]), **where))
        if case.date <= scenario.zone.start:
            when = quarter_name(int(case.date))
            problems.append(Problem("an exit lies after the start of the scenario", found=when, **where))
        if case.kind is None and (LISTING.search(case.name.zh) or LISTING.search(case.name.en)):
            message = "is called a listing: say whether every class converts, as at one, or preferences are paid"
            expected = 'kind = "listing" | kind = "sale"'
            problems.append(Problem(message, found=case.name.en, expected=expected, **where))
        total[case.firm] += case.probability.value
    for firm, sum_of in total.items():
        if sum_of > 1.0 + 1e-9:
            message = f"the probabilities of {firm} sum to {sum_of:.6g}, above 1"
            problems.append(Problem(message, file=str(path), key="cases"))
    if not file.cases:
        problems.append(Problem("states no [[cases]]", file=str(path)))
    if problems:
        raise UserError(problems)
    return file.cases


def judge(scenario: Scenario, cases: list[ExitCase], replications: int = 50, seed: int | None = None) -> list[Judged]:
    """The cases of each firm, split in `replications` worlds and averaged, with the model's own exits beside them."""
    from sim.ensemble import simulate
    from sim.measures import irr
    from sim.tracing import drawn_rounds, tables_at_start

    seed = scenario.run.seed if seed is None else seed
    result = simulate(scenario, replications, seed, events=replications)
    firms = list(dict.fromkeys(case.firm for case in cases))
    tables = tables_at_start(scenario, firms, replications, seed)
    drawn = drawn_rounds(scenario, firms, replications, seed)
    out = []
    for firm in firms:
        named = next(f for f in scenario.named if f.id == firm)
        mine = [case for case in cases if case.firm == firm]
        has = np.array([t is not None for t in tables[firm]])
        held = [t for t in tables[firm] if t is not None]
        if not held:
            raise UserError(Problem("has no share classes when it enters, so there is nothing to split", key=firm))
        proceeds = [
            _mean([by_holder(table, case.exit.value, case.kind == "listing") for table in held]) for case in mine
        ]
        paid = _paid(named, scenario, drawn[firm], has)
        cost: dict[str, float] = defaultdict(float)
        for fund, money, _ in paid:
            cost[fund] += money
        judged = Judged(firm, named.name, mine, proceeds, dict(cost))
        for fund in cost:
            flows = _flows(paid, fund, judged)
            judged.irr[fund] = irr([money for money, _ in flows], periods=[years for _, years in flows])
        judged.model = own_exits(result, firm)
        out.append(judged)
    return out


def by_holder(table: dict[str, Any], proceeds: float, listing: bool = False) -> dict[str, float]:
    """An exit's proceeds by holder: funds by name, others, and founders with the pool. At a listing every class has
    converted: each has its share of the firm."""
    from sim.captable.payoffs import payouts

    if listing:
        paid = [proceeds * c["share_of_firm"] for c in table["classes"]]
        common = proceeds - sum(paid)
    else:
        paid, common, _ = payouts(table, proceeds)
    out: dict[str, float] = defaultdict(float)
    for c, money in zip(table["classes"], paid, strict=True):
        rest = float(money)
        for fund, share in c["holders"].items():
            part = float(money) * share / c["share_of_firm"] if c["share_of_firm"] > 0.0 else 0.0
            out[fund] += part
            rest -= part
        out[REST] += rest
    out[COMMON] += common
    return dict(out)


def _mean(splits: list[dict[str, float]]) -> dict[str, float]:
    holders = dict.fromkeys(h for split in splits for h in split)
    return {h: float(np.mean([split.get(h, 0.0) for split in splits])) for h in holders}


def _paid(named: Any, scenario: Scenario, drawn: list[DrawnRound], has: np.ndarray) -> list[tuple[str, float, float]]:
    """(fund, money in yuan, year) of what funds of the scenario paid in the known rounds, mean over the replications
    that the proceeds are means of (`has`): a multiple of drawn proceeds over the central cost would be off. A round
    without a date is taken to have closed when the firm enters."""
    direct = next((c.id for c in scenario.funds if c.kind == "direct"), None)
    enters = named.enters if named.enters is not None else scenario.zone.start
    out = []
    for r, d in zip(named.rounds, drawn, strict=True):
        year = int(r.date if r.date is not None else enters) / 4.0
        out += [(x.fund, float(y[has].mean()), year) for x, y in zip(r.investors, d.investors, strict=True)]
        if direct is not None and (mean := float(d.direct[has].mean())) > 0.0:
            out.append((direct, mean, year))
    return out


def _flows(paid: list[tuple[str, float, float]], fund: str, judged: Judged) -> list[tuple[float, float]]:
    """(money, years) of a fund in the firm: what it paid at each round, what it may expect from each case."""
    flows = [(-money, year) for name, money, year in paid if name == fund]
    for case, split in zip(judged.cases, judged.proceeds, strict=True):
        flows.append((case.probability.value * split.get(fund, 0.0), int(case.date) / 4.0))
    first = min(years for _, years in flows)
    return sorted(((money, years - first) for money, years in flows), key=lambda x: x[1])


def own_exits(result: Any, firm: str) -> list[dict[str, Any]]:
    """How the model itself sees the firm leave: way, part of the replications, median proceeds and year."""
    table = result.samples["exits"]
    mine = table["firm"] == firm
    worlds = result.replications
    out = []
    for way in ("listing", "sale", "liquidation"):
        here = mine & (table["way"] == way)
        replications = np.unique(table["replication"][here])
        if replications.size:
            quarters = [parse_quarter(str(q)) for q in table["quarter"][here]]
            out.append(
                {
                    "way": way,
                    "share": replications.size / worlds,
                    "proceeds": float(np.median(table["proceeds"][here])),
                    "quarter": quarter_name(round(float(np.median(quarters)))),
                }
            )
    out.append(
        {"way": "none", "share": max(0.0, 1.0 - sum(x["share"] for x in out)), "proceeds": None, "quarter": None}
    )
    return out


def report(judged: list[Judged], lang: str, called: Mapping[str, str] | None = None) -> str:
    """Tables in the reader's language. called: id of a fund -> its name."""
    parts = []
    for firm in judged:
        funds = list(firm.cost)
        holders = [*funds, REST, COMMON]
        others = say(lang, "其他投资人", "other investors")
        names = {**(called or {}), REST: others, COMMON: say(lang, "创始人与期权池", "founders and pool")}
        head = [
            firm.name.get(lang),
            *say(lang, "方式|时间|概率|价格", "way|date|probability|price").split("|"),
            *(names.get(h, h) for h in holders),
        ]
        rows = [
            [
                case.name.get(lang),
                say(lang, "上市", "listing") if case.kind == "listing" else say(lang, "出售", "sale"),
                quarter_name(int(case.date)),
                f"{case.probability.value:.0%}",
                format_money(case.exit.value, lang),
                *(format_money(split.get(h, 0.0), lang) for h in holders),
            ]
            for case, split in zip(firm.cases, firm.proceeds, strict=True)
        ]
        if firm.rest:
            nothing = say(lang, "其余：无所得", "otherwise: worth nothing")
            none = format_money(0.0, lang)
            rows.append([nothing, "", "", f"{firm.rest:.0%}", none, *(none for _ in holders)])
        expected = firm.expected
        value = sum(case.probability.value * case.exit.value for case in firm.cases)
        rows.append(
            [
                say(lang, "期望", "expected"),
                "",
                "",
                "",
                format_money(value, lang),
                *(format_money(expected.get(h, 0.0), lang) for h in holders),
            ]
        )
        cost = [format_money(firm.cost[h], lang) if h in firm.cost else "" for h in holders]
        rows.append([say(lang, "投资成本", "cost"), "", "", "", "", *cost])
        multiple = [f"{expected.get(h, 0.0) / firm.cost[h]:.2f}x" if firm.cost.get(h) else "" for h in holders]
        rows.append([say(lang, "期望倍数", "expected multiple"), "", "", "", "", *multiple])
        rates = [f"{firm.irr[h].value:.1%}" if firm.irr.get(h) else "–" if h in firm.irr else "" for h in holders]
        rows.append([say(lang, "期望流量的 IRR", "IRR of expected flows"), "", "", "", "", *rates])
        parts.append(
            layout(head, rows)
            + "\n"
            + say(
                lang,
                "按企业期初（入区时）的股权结构分配，不计此后融资的稀释；上市时各类股份全部转为普通股。",
                "Split on the cap table of the start (when the firm enters): no later round dilutes it. At a listing"
                " every class converts.",
            )
        )
        ways = {
            "listing": say(lang, "上市", "listed"),
            "sale": say(lang, "被并购", "sold"),
            "liquidation": say(lang, "清算", "liquidated"),
            "none": say(lang, "期末未退出", "no exit by the end"),
        }
        own = [
            [
                ways[x["way"]],
                f"{x['share']:.0%}",
                "–" if x["proceeds"] is None else format_money(x["proceeds"], lang),
                x["quarter"] or "–",
            ]
            for x in firm.model
        ]
        head = say(
            lang, "模型自己的看法|概率|金额中位数|时间中位数", "the model's own|probability|median value|median date"
        )
        parts.append(layout(head.split("|"), own))
    return "\n\n".join(parts)
