"""One firm's life in one replication: rounds, the cap table after each, certificates, exits, and what each class gets.

A replication is lived again with every log kept. The table after a round is read from a world that stops at the end of
the round's quarter: a shorter horizon changes nothing before it, so that world is the same up to there. Rounds of one
quarter share one table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sim.ensemble import Worlds, _checked, _kept, _samples, firm_name  # first: it sets up where kernels are kept

import numpy as np  # isort: skip
from numpy.typing import NDArray  # isort: skip

from sim.analysis.ladders import ENTERED, LEFT, REJECTED, RENEWED
from sim.analysis.text import layout, say, width
from sim.captable.payoffs import payoff_of, payouts
from sim.errors import Problem, UserError
from sim.model.rows import Rows
from sim.model.rules import LevelIndex, lower
from sim.model.world import Count, World
from sim.quantities import parse_quarter, quarter_name

if TYPE_CHECKING:
    from sim.scenario.document import Scenario

LEVEL_EVENTS = {ENTERED: "entered", RENEWED: "renewed", LEFT: "left", REJECTED: "rejected"}
ANTI_DILUTION = ("none", "weighted_average", "ratchet")
MOST_TURNS = 5  # conversions that have a row of their own in the table of payouts


def follow(
    scenario: Scenario,
    replication: int,
    firm: str,
    seed: int | None = None,
    overrides: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """One firm's life as a document: `rounds` (each with its `cap_table`), `levels`, `exits` (a listing with its
    `cap_table`), `now` where it is alive.

    firm: as in the logs (2021Q3-o-17, start-o-3, a named firm's id), or a named firm's name in either language. Raises
    UserError where no such firm has an event.
    overrides: parameters of that replication, where the run drew them from a posterior.
    """
    _, seed = _checked(scenario, 1, seed)
    firm = next((f.id for f in scenario.named if firm.casefold() in (f.name.zh, f.name.en.casefold())), firm)
    worlds = Worlds(scenario, lower(scenario, Rows(seed, np.array([replication]), overrides)), seed)
    world = worlds.live(0, replication, events=True)
    samples = _samples(scenario, [_kept(world, replication)])
    life = life_in(scenario, world, samples, replication, firm, seed)
    _add_fair_values(life, scenario, samples, replication)
    _add_tables(life, scenario, worlds, replication)
    return life


def live_again(scenario: Scenario, replication: int, seed: int) -> tuple[World, dict[str, dict[str, NDArray]]]:
    """One replication of a run with every log kept: the world at its end (the caller's own), and its event tables."""
    world = Worlds(scenario, lower(scenario, Rows(seed, np.array([replication]))), seed).live(
        0, replication, events=True
    )
    return world, _samples(scenario, [_kept(world, replication)])


def life_in(
    scenario: Scenario,
    world: World,
    samples: Mapping[str, Mapping[str, NDArray]],
    replication: int,
    firm: str,
    seed: int,
) -> dict[str, Any]:
    """One firm's life in a world that was lived again, without the cap tables of its past; UserError as in `follow`."""
    life: dict[str, Any] = {"firm": firm, "replication": replication, "seed": seed}
    total = 0
    for name in ("rounds", "levels", "exits"):
        table = samples[name]
        mine = table["firm"] == firm
        total += int(mine.sum())
        left_out = ("firm", "replication", "named")
        life[name] = [
            {column: values[i].item() for column, values in table.items() if column not in left_out}
            for i in np.flatnonzero(mine)
        ]
    for event in life["levels"]:
        event["event"] = LEVEL_EVENTS[event.pop("what")]
    _add_where_it_falls(scenario, life["levels"])
    for event in life["rounds"]:
        event["lead"] = fund_name(scenario, world, event["lead"])
    known = next((f for f in scenario.named if f.id == firm), None)
    for event, stated in zip(life["rounds"], known.rounds if known is not None else (), strict=False):
        if stated.date is not None and stated.stage == event["stage"]:
            event["closed"] = quarter_name(int(stated.date))  # the log has the quarter in which the firm enters the run
    slot = find_firm(scenario, world, firm)
    if slot is None and total == 0:
        ids = [f.id for f in scenario.named] + sorted(set(samples["rounds"]["firm"].tolist()))
        some = list(dict.fromkeys(ids))[:8]
        raise UserError(
            Problem(
                "no such firm in this world (or nothing ever happened to it)",
                key="--firm",
                found=firm,
                expected=f"an id as in rounds.parquet, for example {', '.join(some)}",
                nearest=next(iter(get_close_matches(firm, ids, 1, 0.75)), None),
            )
        )
    if slot is not None:
        life["now"] = firm_now(scenario, world, slot, life["rounds"])
    return life


def _add_where_it_falls(scenario: Scenario, events: Sequence[dict[str, Any]]) -> None:
    """Where a rejected firm falls back to, as `falls_to`: what the level it had to hold says; None for no level."""
    for event in events:
        if event["event"] != "rejected":
            continue
        ladder, _, level = event["level"].partition(".")
        lost = scenario.ladders[ladder].levels[level].requires or ""
        above, _, name = lost.rpartition(".")
        falls_to = scenario.ladders[above or ladder].levels[name].falls_to
        event["falls_to"] = falls_to if falls_to is None or "." in falls_to else f"{above or ladder}.{falls_to}"


def _add_fair_values(
    life: dict[str, Any], scenario: Scenario, samples: Mapping[str, Mapping[str, NDArray]], replication: int
) -> None:
    """What each round makes the firm worth, exactly and from its own classes; the log's is from a typical cap table."""
    from sim.analysis.returns import fair_rounds

    rows = fair_rounds(scenario, samples, replication, [life["firm"]])
    for event, row in zip(life["rounds"], rows, strict=True):
        event["fair_value_typical"] = event["fair_value"]
        event["fair_value"] = row["fair_value"]


def _add_tables(life: dict[str, Any], scenario: Scenario, worlds: Worlds, replication: int) -> None:
    """The cap table after each round, and after a listing; None where the firm was gone at the end of its quarter."""
    start = int(scenario.zone.start)
    tables: dict[str, dict[str, Any] | None] = {}
    for event in (*life["rounds"], *(e for e in life["exits"] if e["way"] == "listing")):
        quarter = event["quarter"]
        if quarter not in tables:
            worlds.room = worlds.room._replace(quarters=parse_quarter(quarter) - start + 1)
            world = worlds.live(0, replication)
            slot = find_firm(scenario, world, life["firm"])
            row = int(world.firms.venture[slot]) if slot is not None else -1
            tables[quarter] = cap_table(scenario, world, row, life["rounds"]) if row >= 0 else None
        event["cap_table"] = tables[quarter]


def tables_at_start(
    scenario: Scenario, firms: Sequence[str], replications: int, seed: int
) -> dict[str, list[dict[str, Any] | None]]:
    """The cap table of each named firm at the end of the first quarter, in each replication; None where it has none.

    The terms that a known history leaves open are drawn, so the tables of two replications differ in them.
    """
    worlds = Worlds(scenario, lower(scenario, Rows(seed, np.arange(replications))), seed)
    worlds.room = worlds.room._replace(quarters=1)
    out: dict[str, list[dict[str, Any] | None]] = {firm: [] for firm in firms}
    number = {firm.id: k for k, firm in enumerate(scenario.named)}
    for r in range(replications):
        world = worlds.live(r, r)
        n = int(world.tally.counts[Count.VENTURE_SLOTS])
        v = world.ventures
        for firm in firms:
            rows = np.flatnonzero((v.named[:n] == number[firm]) & (v.alive[:n] == 1))
            some = rows.size and int(v.classes[rows[0]]) > 0
            out[firm].append(cap_table(scenario, world, int(rows[0]), ()) if some else None)
    return out


class DrawnRound(NamedTuple):
    """What was paid in a known round of a named firm, in yuan, each float64[replication]: by the zone itself (its
    direct share), and by each fund that the round names."""

    direct: NDArray[np.float64]
    investors: list[NDArray[np.float64]]


def drawn_rounds(scenario: Scenario, firms: Sequence[str], replications: int, seed: int) -> dict[str, list[DrawnRound]]:
    """The known rounds of each named firm as the replications of `tables_at_start` draw them."""
    r = lower(scenario, Rows(seed, np.arange(replications))).named
    out: dict[str, list[DrawnRound]] = {}
    for k, named in enumerate(scenario.named):
        if named.id in firms:
            rounds = range(int(r.first_round[0, k]), int(r.first_round[0, k + 1]))
            out[named.id] = [
                DrawnRound(
                    r.direct_share[:, i] * r.amount[:, i],
                    [r.invested[:, j] for j in range(int(r.first_investor[0, i]), int(r.first_investor[0, i + 1]))],
                )
                for i in rounds
            ]
    return out


def find_firm(scenario: Scenario, world: World, firm: str) -> int | None:
    """Slot of a firm that is alive at the end of the world, or None."""
    f = world.firms
    n = int(world.tally.counts[Count.FIRM_SLOTS])
    for slot in np.flatnonzero(f.alive[:n]):
        if firm_name(scenario, int(f.cohort[slot]), int(f.index[slot])) == firm:
            return int(slot)
    return None


def fund_name(scenario: Scenario, world: World, fund: int) -> str:
    """A fund as people find it: its class, and its number where the class has several; "others" beyond the model."""
    if fund < 0:
        return "others"
    group = int(world.funds.group[fund])
    n = int(world.tally.counts[Count.FUNDS])
    same = np.flatnonzero(world.funds.group[:n] == group)
    name = scenario.ordered_funds()[group].id
    return name if same.size == 1 else f"{name}-{int(np.searchsorted(same, fund)) + 1}"


def firm_now(scenario: Scenario, world: World, slot: int, rounds: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """State of a live firm at the end: accounts, certificates, cap table."""
    f, v = world.firms, world.ventures
    names = LevelIndex(scenario).names
    out: dict[str, Any] = {
        "sector": list(scenario.firms.sectors)[int(f.sector[slot])],
        "age_years": (scenario.zone.quarters - 1 - int(f.born[slot])) / 4.0,
        "revenue": float(f.revenue_last[slot]),
        "profit": float(f.profit_last[slot]),
        "jobs": float(f.jobs[slot]),
        "levels": [name for i, name in enumerate(names) if int(f.held[slot]) >> i & 1],
    }
    row = int(f.venture[slot])
    if row >= 0:
        out["equity"] = {
            "listed": bool(v.listed[row]),
            "last_post_money": float(v.last_post[row]),
            "market_value": _market_value(scenario, world, row),
            "first_post_money": float(v.first_post[row]),
            "raised": float(v.raised[row]),
            **cap_table(scenario, world, row, rounds),
        }
    return out


def _market_value(scenario: Scenario, world: World, row: int) -> float | None:
    """What a listed venture is worth on the market at the end; None where it is not listed."""
    if not world.ventures.listed[row]:
        return None
    return float(np.exp(world.ventures.log_value[row] + world.market.multiple[scenario.zone.quarters - 1]))


def cap_table(scenario: Scenario, world: World, row: int, rounds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Who holds a venture: founders, option pool, and each share class with its terms and the funds that hold it.

    Shares are in units of the founders' shares; `share_of_firm` is as-converted. A class is named after the round
    whose price it was issued at; classes from before the simulated time are "earlier". What funds hold beside their
    rounds (population.issue_ordinary) is a class without preference at the last round's price, and "ordinary". "public"
    is what a listing issued.
    """
    v, h = world.ventures, world.holdings
    total = float(v.shares[row])
    holders: dict[int, dict[str, float]] = {}
    at = int(v.first_holding[row])
    while at >= 0:
        mine = holders.setdefault(int(h.share_class[at]), {})
        name = fund_name(scenario, world, int(h.fund[at]))
        if float(h.shares[at]) > 0.0:
            mine[name] = mine.get(name, 0.0) + float(h.shares[at])
        at = int(h.next[at])
    issued = {event["price"]: event["stage"] for event in rounds}
    classes: list[dict[str, Any]] = []
    for c in range(int(v.classes[row])):
        shares, price = float(v.class_shares[row, c]), float(v.class_price[row, c])
        conversion = float(v.class_conversion[row, c])
        cap = float(v.class_cap[row, c])
        participating = bool(v.class_participating[row, c])
        preference = float(v.class_preference[row, c])
        beside = preference == 0.0 and (price not in issued or any(price == other["price"] for other in classes))
        classes.append(
            {
                "class": c + 1,
                "stage": "ordinary" if beside else issued.get(price, "earlier"),
                "shares": shares,
                "share_of_firm": shares * conversion / total,
                "price": price,
                "paid": shares * price,
                "preference": preference,
                "seniority": int(v.class_seniority[row, c]),
                "participating": participating,
                "cap": cap if participating and np.isfinite(cap) else None,
                "anti_dilution": ANTI_DILUTION[int(v.class_antidilution[row, c])],
                "conversion": conversion,
                "redemption": int(v.class_redemption[row, c]) >= 0,
                "holders": {name: s * conversion / total for name, s in sorted(holders.get(c, {}).items())},
            }
        )
    founders, pool = float(v.founders[row]) / total, float(v.pool[row]) / total
    private = founders + pool + sum(c["share_of_firm"] for c in classes)
    return {
        "founders": founders,
        "pool": pool,
        "public": 1.0 - private if v.listed[row] else 0.0,
        "shares": total,
        "classes": classes,
    }


# --- the payoff chart ---------------------------------------------------------------------------------------------


def last_table(life: dict[str, Any]) -> dict[str, Any] | None:
    """The newest cap table of a life: of today, or after the last round that left one. None of a firm that was listed:
    its classes have converted, and nothing is left to be split."""
    if was_listed(life):
        return None
    equity = life.get("now", {}).get("equity")
    if equity and equity["classes"]:
        return equity
    return next((r["cap_table"] for r in reversed(life["rounds"]) if r.get("cap_table")), None)


def was_listed(life: dict[str, Any]) -> bool:
    equity = life.get("now", {}).get("equity")
    return bool(equity and equity["listed"]) or any(e["way"] == "listing" for e in life["exits"])


def draw_payoff(life: dict[str, Any], scenario: Scenario, folder: str | Path, lang: str) -> Path | None:
    """The payoff chart of the newest cap table, into the result's figures/; None where nothing is to be split."""
    table = last_table(life)
    if table is None or not table["classes"]:
        return None
    from sim.figures.payoff import payoff
    from sim.figures.style import save

    known = {str(f.id): f.name.get(lang) for f in scenario.named}
    today = table is life.get("now", {}).get("equity")
    when = quarter_name(int(scenario.zone.end)) if today else life["rounds"][-1]["quarter"]
    worlds = f"{life['replication']}, {say(lang, '种子', 'seed')} {life['seed']}"
    source = f"Headwater 活水 · {scenario.zone.name.get(lang)} · {say(lang, '世界', 'world')} {worlds}"
    name = str(known.get(life["firm"], life["firm"]))
    figure = payoff(payoff_of(table), class_names(table, lang), name, when, source, lang)
    return save(figure, Path(folder) / "figures" / f"payoff-{life['firm']}-{life['replication']}.png")


# --- for people ------------------------------------------------------------------------------------------------------


def class_names(table: dict[str, Any], lang: str) -> list[str]:
    """`2 series A`, `3 series A`: number and round of each class."""
    return [f"{c['class']} {_stage(c['stage'], lang)}" for c in table["classes"]]


def _stage(stage: str, lang: str) -> str:
    from sim.terms import term

    told = {"earlier": ("更早轮次", "earlier"), "ordinary": ("普通股", "ordinary")}.get(stage)
    return say(lang, *told) if told else term(f"stage.{stage}", lang)


def outline(life: dict[str, Any], scenario: Scenario, lang: str) -> str:
    """The life as tables in the reader's language."""
    from sim.quantities import format_money, format_number

    names = {f.id: f.name.get(lang) for f in scenario.named}
    classes = {c.id: str(c.name.get(lang)) for c in scenario.funds}
    title = names.get(life["firm"], life["firm"])
    world = say(
        lang,
        f"第 {life['replication']} 个世界，种子 {life['seed']}",
        f"world {life['replication']}, seed {life['seed']}",
    )
    parts = [f"{title}  {world}"]

    def money(x: float) -> str:
        return format_money(x, lang)

    if life["rounds"]:
        head = say(
            lang,
            "融资轮次|轮次|融资额|投前|投后|公允价值|典型路径|年化营收|领投|基金数|模型外资金",
            "rounds|stage|raised|pre-money|post-money|fair value|typical path|sales a year|lead|funds|from others",
        ).split("|")
        rows = [
            [
                r.get("closed", r["quarter"]),
                _stage(r["stage"], lang),
                money(r["amount"]),
                money(r["pre_money"]),
                money(r["post_money"]),
                money(r["fair_value"]),
                money(r["fair_value_typical"]),
                money(r["revenue"]),
                _holder(r["lead"], lang, classes),
                str(r["funds"]),
                money(r["from_others"]),
            ]
            for r in life["rounds"]
        ]
        parts.append(layout(head, rows, left=2))
        parts[-1] += "\n" + say(
            lang,
            "公允价值：按本企业自己的各类股份与条款；典型路径：按到该轮次通常的路径，"
            "rounds.parquet 与基金的公允净值取此数",
            "fair value: by this firm's own classes and terms; typical path: by the path usual to that stage, which"
            " rounds.parquet and the fair net asset values of funds take",
        )
    parts += _cap_tables(life, lang, classes)
    if life["levels"]:
        level_names = {
            f"{a}.{b}": x.name.get(lang) for a, ladder in scenario.ladders.items() for b, x in ladder.levels.items()
        }
        word = {
            "entered": say(lang, "获得", "entered"),
            "renewed": say(lang, "续期", "renewed"),
            "left": say(lang, "失去", "left"),
            "rejected": say(lang, "未通过", "rejected"),
            "moved": say(lang, "转至", "moved"),
            "withdrawn": say(lang, "撤回或被否", "withdrawn or rejected"),
            "regranted": say(lang, "复审失去，当季重新获得", "lost, and granted again in the same quarter"),
        }

        def told_level(e: dict[str, Any]) -> str:
            name, lower = str(level_names.get(e["level"], e["level"])), e.get("falls_to")
            if e["event"] == "moved":
                above = level_names.get(e["from"], e["from"])
                return say(lang, f"{above} → {name}", f"{above} -> {name}")
            if lower is None:
                return name
            back = level_names.get(lower, lower)
            return say(lang, f"{name}（退回{back}）", f"{name} (falls back to {back})")

        rows = [[e["quarter"], word[e["event"]], told_level(e)] for e in steps(life, scenario)]
        parts.append(layout(say(lang, "认定与上市||", "certificates, listing||").split("|"), rows, left=3))
    if life["exits"]:
        ways = {"sale": ("被并购", "sold"), "liquidation": ("清算", "liquidated"), "listing": ("上市", "listed")}
        rows = [
            [
                e["quarter"],
                say(lang, *ways.get(e["way"], (e["way"], e["way"]))),
                money(e["proceeds"]),
                _after_lock_up(e, life, scenario, lang) if e["way"] == "listing" else money(e["to_funds"]),
            ]
            for e in life["exits"]
        ]
        head = say(
            lang, "退出|方式|成交价（上市为市值）|其中归基金", "exit|way|price (market value if listed)|to funds"
        ).split("|")
        parts.append(layout(head, rows, left=2))
    now = life.get("now")
    if now is None:
        parts.append(say(lang, "期末企业已不在", "the firm is gone by the end"))
    else:
        sector = scenario.firms.sectors[now["sector"]].name.get(lang)
        line = [
            sector,
            say(lang, f"企龄 {now['age_years']:g} 年", f"{now['age_years']:g} years old"),
            say(lang, f"营收 {money(now['revenue'])}", f"revenue {money(now['revenue'])}"),
            say(lang, f"利润 {money(now['profit'])}", f"profit {money(now['profit'])}"),
            say(
                lang,
                f"从业 {format_number(round(now['jobs']), lang)} 人",
                f"{format_number(round(now['jobs']), lang)} jobs",
            ),
        ]
        parts.append(say(lang, "期末：", "at the end: ") + say(lang, "，", ", ").join(line))
        equity = now.get("equity")
        if equity:
            state = say(lang, "已上市", "listed") if equity["listed"] else say(lang, "未上市", "unlisted")
            text = say(lang, "最近投后估值", "last post-money")
            worth, when = equity["last_post_money"], _last_round(life, scenario, lang)
            if equity["listed"]:
                text, worth, when = say(lang, "市值", "market value"), equity["market_value"], ""
            parts[-1] += say(lang, "，", ", ") + f"{state}{say(lang, '，', ', ')}{text} {money(worth)}{when}"
    table = last_table(life)
    if table and table["classes"]:
        parts.append(_payoffs(table, lang))
    elif was_listed(life):
        parts.append(
            say(
                lang,
                "企业已上市，各类股份均已转为普通股，优先权不再有效，故不列出售时的分配表。",
                "The firm was listed: its classes have converted into common and no preference is left, so there is no"
                " table of what each class gets in a sale.",
            )
        )
    return "\n\n".join(parts)


def _cap_tables(life: dict[str, Any], lang: str, classes: Mapping[str, str]) -> list[str]:
    """The cap tables of a life by quarter, each headed by what happened in it: rounds, a listing, or both."""
    listed = say(lang, "上市", "the listing")
    after: dict[str, tuple[list[str], dict[str, Any] | None]] = {}
    for event in life["rounds"]:
        after.setdefault(event["quarter"], ([], event["cap_table"]))[0].append(_stage(event["stage"], lang))
    for event in life["exits"]:
        if event["way"] == "listing" and (event["quarter"] in after or event.get("cap_table")):
            after.setdefault(event["quarter"], ([], event.get("cap_table")))[0].append(listed)
    parts = []
    for quarter, (names, table) in sorted(after.items(), key=lambda item: parse_quarter(item[0])):
        which = say(lang, "、", ", ").join(names)
        heading = say(lang, f"股权结构，{quarter} {which}之后", f"cap table after {which}, {quarter}")
        if table is None:
            parts.append(heading + say(lang, "：季末企业已不在", ": the firm was gone by the end of the quarter"))
        else:
            parts.append(heading + "\n" + _table(table, lang, classes))
    if any(table and len(table["classes"]) > 1 for _, table in after.values()):
        parts[-1] += "\n" + say(
            lang,
            "顺位：出售时数大者先受偿，1 最后；数相同者同时受偿，按优先权金额分",
            "seniority: in a sale the higher number is paid first and 1 last; equal ones are paid together, by the"
            " money of their preferences",
        )
    return parts


def _last_round(life: dict[str, Any], scenario: Scenario, lang: str) -> str:
    """When the last price was paid: of what is unlisted it may be years old."""
    if life["rounds"]:
        when = life["rounds"][-1].get("closed", life["rounds"][-1]["quarter"])
        return say(lang, f"（{when}）", f" ({when})")
    start = quarter_name(int(scenario.zone.start))
    return say(lang, f"（{start} 之前）", f" (before {start})")


def steps(life: dict[str, Any], scenario: Scenario) -> list[dict[str, Any]]:
    """The events of a life's levels as steps: what the log has as a loss and a gain of one quarter is one move up, one
    fall back, or one award lost and granted again; and who leaves a queue has withdrawn or was rejected."""
    sold = {e["quarter"] for e in life["exits"]}
    found: list[dict[str, Any]] = []
    for quarter in dict.fromkeys(e["quarter"] for e in life["levels"]):
        own = [dict(e) for e in life["levels"] if e["quarter"] == quarter]
        gained = [e["level"] for e in own if e["event"] == "entered"]
        gone: list[tuple[str, str]] = []  # told by another event
        for e in own:
            ladder, _, name = e["level"].partition(".")
            level = scenario.ladders[ladder].levels[name]
            if e["event"] == "rejected" and e.get("falls_to") is not None:
                gone += [("left", _whole(ladder, level.requires)), ("entered", e["falls_to"])]
            if e["event"] != "left" or ("left", e["level"]) in gone:
                continue
            lower = _whole(ladder, level.falls_to)
            up = [x for x in gained if x.startswith(f"{ladder}.")] if scenario.ladders[ladder].exclusive else []
            if e["level"] in gained:
                e["event"] = "regranted"
                gone.append(("entered", e["level"]))
            elif lower in gained:
                e |= {"event": "withdrawn", "falls_to": lower}
                gone.append(("entered", lower))
            elif up:
                e |= {"event": "moved", "from": e["level"], "level": up[0]}
                gone.append(("entered", up[0]))
            elif level.withdraws is not None and quarter not in sold:
                e["event"] = "withdrawn"
        found += [e for e in own if (e["event"], e["level"]) not in gone]
    return found


def _whole(ladder: str, level: str | None) -> str:
    """A level as ladder.level, where its own ladder may name it by its id alone; empty for none."""
    return f"{ladder}.{level}" if level and "." not in level else level or ""


def _after_lock_up(event: dict[str, Any], life: dict[str, Any], scenario: Scenario, lang: str) -> str:
    """A listing pays funds nothing: they sell what they hold in equal parts once they may."""
    tables = [r["cap_table"] for r in life["rounds"] if r["quarter"] <= event["quarter"] and r["cap_table"]]
    if not tables or not any(c["holders"] for c in tables[-1]["classes"]):
        return "–"
    first = parse_quarter(event["quarter"]) + round(4 * scenario.exits.lock_up.value)
    count = max(1, round(4 * scenario.exits.sell_over.value))
    last, end = quarter_name(first + count - 1), int(scenario.zone.end)
    when, after = quarter_name(first), quarter_name(end)
    beyond = min(count, first + count - 1 - end)  # sales that the run does not live to see
    if count == 1:
        text = say(lang, f"锁定期后一次卖出（{when}）", f"sold after the lock-up: 1 sale follows ({when})")
        if beyond <= 0:
            return text
        late = f", after the end of the run, {after}, not in its figures"
        return text + say(lang, f"，在运行终点 {after} 之后，不计入其数字", late)
    text = say(
        lang,
        f"锁定期后分 {count} 次卖出（{when}–{last}）",
        f"sold after the lock-up: {count} sales follow ({when} to {last})",
    )
    if beyond <= 0:
        return text
    return text + say(
        lang,
        f"；其中 {beyond} 次在运行终点 {after} 之后，不计入其数字",
        f"; {beyond} of them after the end of the run, {after}, not in its figures",
    )


def _holder(name: str, lang: str, classes: Mapping[str, str]) -> str:
    """A fund's id, by which the logs know it, and beside it what its class is called: angel-4 (angel sub-funds).

    classes: id of a class of funds -> its name.
    """
    if name == "others":
        return say(lang, "模型外", "others")
    known, _, number = name.rpartition("-")
    called = classes.get(name) or (classes.get(known) if number.isdigit() else None)
    return name if not called or called == name else say(lang, f"{called} {name}", f"{name} ({called})")


def _table(table: dict[str, Any], lang: str, classes: Mapping[str, str]) -> str:
    from sim.quantities import format_money
    from sim.terms import term

    head = say(
        lang,
        "|占股|已付|优先权|顺位|参与|反稀释|转换比|回购权|持有人",
        "|share|paid|preference|seniority|participates|anti-dilution|converts 1:|redeemable|held by",
    ).split("|")
    yes, no = say(lang, "有", "yes"), say(lang, "无", "no")
    rows = [
        [say(lang, "创始人", "founders"), f"{table['founders']:.1%}", *[""] * 8],
        [say(lang, "期权池", "option pool"), f"{table['pool']:.1%}", *[""] * 8],
    ]
    if table["public"] > 0.0:
        rows.append([say(lang, "上市发行", "issued at the listing"), f"{table['public']:.1%}", *[""] * 8])
    for c, name in zip(table["classes"], class_names(table, lang), strict=True):
        held = [f"{_holder(holder, lang, classes)} {part:.1%}" for holder, part in c["holders"].items()]
        rest = c["share_of_firm"] - sum(c["holders"].values())
        if rest > 5e-4:
            held.append(f"{_holder('others', lang, classes)} {rest:.1%}")
        if c["participating"]:
            joins = yes if c["cap"] is None else say(lang, f"上限 {c['cap']:.3g} 倍", f"to {c['cap']:.3g}x")
        else:
            joins = no
        rows.append(
            [
                name,
                f"{c['share_of_firm']:.1%}",
                "–" if c["stage"] == "ordinary" else format_money(c["paid"], lang),  # in the books of who holds it
                f"{c['preference']:.3g}x",
                str(c["seniority"] + 1),
                joins,
                term(f"anti_dilution.{c['anti_dilution']}", lang),
                f"{c['conversion']:.3g}",
                yes if c["redemption"] else no,
                say(lang, "、", ", ").join(held) or "–",
            ]
        )
    return "\n".join(_flush(head, rows))


def _flush(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table whose last column, of free length, is flush left."""
    lines = layout(head[:-1], [r[:-1] for r in rows]).splitlines()
    most = max(width(line) for line in lines)
    last = [head[-1], *(r[-1] for r in rows)]
    return [f"{line}{' ' * (most - width(line))}  {cell}".rstrip() for line, cell in zip(lines, last, strict=True)]


def _payoffs(table: dict[str, Any], lang: str) -> str:
    """What each class gets at a few round exit values around where they convert."""
    from sim.quantities import format_money

    curves = payoff_of(table)
    claims = sum(c["preference"] * c["paid"] for c in table["classes"])
    turns = [x for x in curves.converts if x is not None]
    marks = sorted({claims / 2, claims, 2 * claims, *(turns if len(turns) <= MOST_TURNS else ()), curves.exit[-1] / 2})
    head = [
        say(lang, "出售价格", "sold for"),
        *class_names(table, lang),
        say(lang, "创始人与期权池", "founders and pool"),
    ]
    rows = []
    for value in marks:
        paid, common, _ = payouts(table, float(value))
        rows.append([format_money(x if x >= 1.0 else 0.0, lang) for x in (value, *paid, common)])
    lines = [layout(head, rows)]
    for name, at in zip(class_names(table, lang), curves.converts, strict=True):
        if at is not None:
            money = format_money(at, lang)
            lines.append(say(lang, f"{name}：售价达 {money} 起转为普通股", f"{name} converts into common from {money}"))
    return say(lang, "出售时各类股份所得", "what each class gets in a sale") + "\n" + "\n".join(lines)
