"""One world lived again with its logs: which firms and funds it has, one firm's life, one fund's money.

The world may be stopped at an earlier quarter: up to there it is the same to the bit, and its cap tables and holdings
are those of that quarter. The two worlds looked at last are kept.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.app.answers import plain

if TYPE_CHECKING:
    from sim.app.worlds import Bench, Case
    from sim.model.world import World
    from sim.scenario.document import Scenario

KEPT = 2
MOST_FIRMS = 60  # listed at once
MOST_HOLDINGS = 60
PERCENTILES = (5, 25, 50, 75, 95)
RANKS = ((50, "p50"), (90, "p90"), (99, "p99"), (100, "max"))
FEWER = 4  # of the points of a printed payoff chart, one in so many
STOPPED_LATEST = 4  # quarters: a world lives at least a year


@dataclass
class Past:
    """A world at the quarter it was stopped at. rounds: by firm, in order."""

    scenario: Scenario
    world: World
    samples: dict[str, dict[str, np.ndarray]]
    replication: int
    seed: int
    quarter: str
    firms: list[dict[str, Any]]


class Pasts:
    """Worlds lived again; one is lived at a time."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Any, ...], Past] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, bench: Bench, settings: Mapping[str, float], replication: int, quarter: str) -> Past:
        """Raises UserError where the model does not take the settings."""
        key = (id(bench), *sorted(settings.items()), replication, quarter)
        with self._lock:
            if key not in self._kept:
                while len(self._kept) >= KEPT:  # before the next is made: each takes tens of megabytes
                    self._kept.popitem(last=False)
                self._kept[key] = _past(bench, settings, replication, quarter)
            self._kept.move_to_end(key)
            return self._kept[key]


def replication_at(case: Case, metric: int, column: int, percentile: int) -> int:
    """The replication whose value stands at a percentile among all; NaN stands last."""
    order = np.argsort(case.values[:, metric, column], kind="stable")
    return int(order[round(percentile / 100 * (len(order) - 1))])


def _past(bench: Bench, settings: Mapping[str, float], replication: int, quarter: str) -> Past:
    from sim.scenario.loading import with_overrides
    from sim.tracing import live_again

    scenario = with_overrides(bench.scenario, {**settings, "zone.end": quarter})
    world, samples = live_again(scenario, replication, bench.seed)
    return Past(scenario, world, samples, replication, bench.seed, quarter, _firms_of(scenario, samples))


def _firms_of(scenario: Scenario, samples: Mapping[str, Mapping[str, np.ndarray]]) -> list[dict[str, Any]]:
    """Every firm that raised a round, the most valuable at its last round first."""
    rounds, exits = samples["rounds"], samples["exits"]
    names = {firm.id: {"zh": firm.name.zh, "en": firm.name.en} for firm in scenario.named}
    ended = {}
    for firm, way, quarter in zip(exits["firm"], exits["way"], exits["quarter"], strict=True):
        ended[str(firm)] = (str(way), str(quarter))
    found: dict[str, dict[str, Any]] = {}
    for i, firm in enumerate(rounds["firm"].tolist()):
        row = found.setdefault(firm, {"firm": firm, "name": names.get(firm), "rounds": 0, "raised": 0.0})
        row["rounds"] += 1
        row["raised"] += float(rounds["amount"][i])
        row["post_money"] = float(rounds["post_money"][i])
        row["stage"] = str(rounds["stage"][i])
        row["quarter"] = str(rounds["quarter"][i])
    for firm, row in found.items():
        row["end"], row["ended"] = ended.get(firm, ("", ""))
    return sorted(found.values(), key=lambda row: -row["post_money"])


def overview(past: Past) -> dict[str, Any]:
    """The firms to choose from, and the funds."""
    firms = past.firms
    here = [row for row in firms if not row["end"]]  # a firm that was sold or wound up has no cap table any more
    ranked = (here or firms)[::-1]
    at = {name: ranked[round(p / 100 * (len(ranked) - 1))]["firm"] for p, name in RANKS} if ranked else {}
    named = [row for row in firms if row["name"] is not None]
    shown = [*named, *(row for row in firms if row["name"] is None)][:MOST_FIRMS]
    return {
        "replication": past.replication,
        "quarter": past.quarter,
        "firms": shown,
        "count": len(firms),
        "ranks": at,
        "funds": _funds(past),
    }


def _funds(past: Past) -> list[dict[str, Any]]:
    flows = past.samples["flows"]
    names = {c.id: {"zh": c.name.zh, "en": c.name.en} for c in past.scenario.funds}
    last: dict[int, int] = {}
    opened: dict[int, str] = {}
    for i, fund in enumerate(flows["fund"].tolist()):
        last[fund] = i
        opened.setdefault(fund, str(flows["quarter"][i]))
    out = []
    for fund, i in last.items():
        name = str(flows["class"][i])
        row: dict[str, Any] = {"fund": fund, "class": name, "name": names[name], "opened": opened[fund]}
        for key in ("commitment", "called", "distributed", "nav"):
            row[key] = float(flows[key][i])
        out.append(row)
    order = [c.id for c in past.scenario.ordered_funds()]
    return sorted(out, key=lambda row: (order.index(row["class"]), row["opened"], row["fund"]))


def firm(past: Past, name: str) -> dict[str, Any]:
    """Rounds, certificates, cap table and what each class gets at a range of exit values; the numbers of the funds that
    hold it. Raises UserError.
    """
    from sim.model.world import Count
    from sim.tracing import fund_name, life_in

    life = life_in(past.scenario, past.world, past.samples, past.replication, name, past.seed)
    levels = {
        f"{ladder}.{level}": {"zh": stated.name.zh, "en": stated.name.en}
        for ladder, table in past.scenario.ladders.items()
        for level, stated in table.levels.items()
    }
    sectors = {key: {"zh": s.name.zh, "en": s.name.en} for key, s in past.scenario.firms.sectors.items()}
    names = {f.id: {"zh": f.name.zh, "en": f.name.en} for f in past.scenario.named}
    equity = life.get("now", {}).get("equity")
    holders = {holder for c in equity["classes"] for holder in c["holders"]} if equity else set()
    funds = {fund_name(past.scenario, past.world, f): f for f in range(int(past.world.tally.counts[Count.FUNDS]))}
    return {
        **life,
        "quarter": past.quarter,
        "holder_funds": {holder: funds[holder] for holder in sorted(holders) if holder in funds},
        "name": names.get(name),
        "level_names": levels,
        "sector_names": sectors,
        "payoff": payoff(equity) if equity and equity["classes"] and not equity["listed"] else None,
    }


def payoff(equity: dict[str, Any]) -> dict[str, Any]:
    """What each class and common get at exit values from a tenth of the preferences to five times the last price.

    values [exit value]; classes [class][exit value]; common [exit value]; converts [class]: the exit value from which a
    class converts, None where it is common already.
    """
    from sim.captable.payoffs import payoff_of

    total = sum(c["preference"] * c["paid"] for c in equity["classes"])
    low = max(1.0, 0.1 * (total or equity["last_post_money"]))
    curves = payoff_of(equity, low, max(5.0 * equity["last_post_money"], 3.0 * total, 10.0 * low))
    return {
        "values": plain(curves.exit[::FEWER]),
        "classes": [plain(row[::FEWER]) for row in curves.classes],
        "common": plain(curves.common[::FEWER]),
        "converts": curves.converts,
        "preferences": total,
        "last_post_money": equity["last_post_money"],
    }


def fund(past: Past, number: int) -> dict[str, Any] | None:
    """One fund's calls, distributions, net asset value by quarter, its measures and what it holds; None: no such."""
    from sim import measures

    flows = past.samples["flows"]
    mine = np.flatnonzero(flows["fund"] == number)
    if not len(mine):
        return None
    called, distributed, nav = (flows[key][mine] for key in ("called", "distributed", "nav"))
    calls, back = np.diff(called, prepend=0.0), np.diff(distributed, prepend=0.0)
    net, both = back - calls, np.concatenate([-calls, back])  # a quarter may have both
    periods = (np.arange(len(net)) / 4.0).tolist()
    rate = measures.irr(net, periods, nav=float(nav[-1]))
    name = str(flows["class"][mine[0]])
    stated = next(c for c in past.scenario.funds if c.id == name)
    commitments = _commitments(past, number)
    return {
        "fund": number,
        "class": name,
        "kind": stated.kind,
        "name": {"zh": stated.name.zh, "en": stated.name.en},
        "commitment": float(flows["commitment"][mine[-1]]),
        "quarters": flows["quarter"][mine].tolist(),
        "calls": plain(calls),
        "distributions": plain(back),
        "nav": plain(nav),
        "net_cash": plain(np.cumsum(net)),
        "fees": float(flows["fees"][mine[-1]]),
        "carry": float(flows["carry"][mine[-1]]),
        "invested": float(flows["invested"][mine[-1]]),
        "tvpi": _defined(measures.tvpi(both, float(nav[-1]))),
        "dpi": _defined(measures.dpi(both)),
        "irr": _defined(rate.value),
        **_holdings(past, number),
        "promised": sum(c["amount"] for c in commitments),
        "placed": sum(c["called"] for c in commitments),
        "commitments": commitments,
    }


def _defined(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _commitments(past: Past, number: int) -> list[dict[str, Any]]:
    """What it has promised to other funds, and what of it was called and came back."""
    from sim.model.world import Count

    edges, funds = past.world.commitments, past.world.funds
    classes = past.scenario.ordered_funds()
    out = []
    for e in np.flatnonzero(edges.lp[: int(past.world.tally.counts[Count.COMMITMENTS])] == number):
        other = int(edges.fund[e])
        stated = classes[int(funds.group[other])]
        row: dict[str, Any] = {"fund": other, "name": {"zh": stated.name.zh, "en": stated.name.en}}
        row |= {key: float(getattr(edges, key)[e]) for key in ("amount", "called", "distributed")}
        out.append(row | {"size": float(funds.commitment[other])})
    return out


def _holdings(past: Past, number: int) -> dict[str, Any]:
    """What it still holds, by firm: cost, share of the firm, value at the last round (listed: at the market)."""
    from sim.ensemble import firm_name
    from sim.model.world import Count

    world = past.world
    h, v, f = world.holdings, world.ventures, world.firms
    count = int(world.tally.counts[Count.HOLDINGS])
    multiple = float(np.exp(world.market.multiple[past.scenario.zone.quarters - 1]))
    held: dict[str, dict[str, Any]] = {}
    for i in np.flatnonzero(h.fund[:count] == number):
        row, c = int(h.venture[i]), int(h.share_class[i])
        slot = int(v.firm[row])
        name = firm_name(past.scenario, int(f.cohort[slot]), int(f.index[slot]))
        part = float(h.shares[i]) * float(v.class_conversion[row, c]) / float(v.shares[row])
        whole = float(np.exp(v.log_value[row])) * multiple if v.listed[row] else float(v.last_post[row])
        entry = held.setdefault(
            name, {"firm": name, "cost": 0.0, "share": 0.0, "value": 0.0, "listed": bool(v.listed[row])}
        )
        entry["cost"] += float(h.cost[i])
        entry["share"] += part
        entry["value"] += part * whole
    ordered = sorted(held.values(), key=lambda entry: -entry["value"])
    return {"holdings": ordered[:MOST_HOLDINGS], "held": len(ordered)}
