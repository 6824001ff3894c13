"""Tables for those who hold a live portfolio: what each kind of partner gets, and how much may be called in a year."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sim.analysis.returns import LEVELS, CallsAtRisk, calls_at_risk
from sim.analysis.text import layout, say
from sim.measures import Estimate
from sim.model.layout import PARTNER_NAMES
from sim.quantities import format_money

if TYPE_CHECKING:
    from sim.result import Result

CALLERS = ("funds.guidance.paid_in", "funds.subfunds.paid_in", "public.outlay")


def partner_table(result: Result) -> list[dict[str, Any]]:
    """For each kind of partner (treasury, state firms, private): what it committed, paid, received and still holds at
    the end, with TVPI and IRR: p05, p50, p95 over the worlds in which they are defined, and in how many they are not.
    Gains given up and losses borne first under the guidance fund's rules are in what was received."""
    out = []
    for partner, zh, en in PARTNER_NAMES:
        row: dict[str, Any] = {"partner": partner, "name": {"zh": zh, "en": en}}
        for what in ("committed", "paid_in", "distributed", "nav", "tvpi", "irr"):
            values = result[f"partners.{partner}.{what}"][:, -1]
            there = values[~np.isnan(values)]
            band = np.quantile(there, [0.05, 0.5, 0.95]).tolist() if there.size else [float("nan")] * 3
            row[what] = {"p05": band[0], "p50": band[1], "p95": band[2], "undefined": int(values.size - there.size)}
        out.append(row)
    return out


def partners_report(rows: list[dict[str, Any]], quarter: str, lang: str) -> str:
    head = say(
        lang,
        f"出资人（{quarter}，中位数 5–95%）|认缴|实缴|收到|净值|TVPI|IRR",
        f"partner ({quarter}, median 5–95 %)|committed|paid in|received|still held|TVPI|IRR",
    ).split("|")

    def money(x: dict[str, Any]) -> str:
        return format_money(x["p50"], lang)

    def of(x: dict[str, Any], form: str) -> str:
        if x["p50"] != x["p50"]:
            return "–"
        lacking = say(lang, f"（{x['undefined']} 个世界无）", f" (none in {x['undefined']})") if x["undefined"] else ""
        return f"{x['p50']:{form}} {x['p05']:{form}}–{x['p95']:{form}}{lacking}"

    table = [
        [
            row["name"][lang],
            *(money(row[what]) for what in ("committed", "paid_in", "distributed", "nav")),
            of(row["tvpi"], ".2f"),
            of(row["irr"], ".1%"),
        ]
        for row in rows
    ]
    return layout(head, table)


def calls_table(result: Result) -> dict[str, list[CallsAtRisk]]:
    """Capital calls by year of the guidance fund, the sub-funds and the treasury, where they call any."""
    found = {metric: calls_at_risk(result, metric) for metric in CALLERS if metric in result}
    return {metric: rows for metric, rows in found.items() if any(x.mean.value > 0.0 for x in rows)}


def _heard(e: Estimate) -> float:
    """An error; that of an amount which is the same in every world is nothing, not what its last bits leave."""
    return 0.0 if e.error <= 1e-9 * abs(e.value) else e.error


def _with_error(e: Estimate, lang: str) -> str:
    """An amount with its error; "?" for an error that so few worlds do not tell."""
    error = _heard(e)
    return f"{format_money(e.value, lang)} ± {'?' if error != error else format_money(error, lang)}"


def calls_report(found: dict[str, list[CallsAtRisk]], lang: str) -> str:
    names = {
        "funds.guidance.paid_in": say(lang, "引导基金缴款", "called by the guidance fund"),
        "funds.subfunds.paid_in": say(lang, "子基金缴款", "called by sub-funds"),
        "public.outlay": say(lang, "财政支出", "paid by the treasury"),
    }
    parts = []
    for metric, rows in found.items():
        head = [
            names[metric],
            say(lang, "平均", "mean"),
            *(say(lang, f"{p:.0%} 不超过", f"{p:.0%} below") for p in LEVELS),
        ]
        table = []
        for x in rows:
            cells = [x.mean, *(x.at[p] for p in LEVELS)]
            table.append([str(x.year), *(_with_error(e, lang) for e in cells)])
        parts.append(layout(head, table))
        if any(_heard(e) != _heard(e) for x in rows for e in x.at.values()):
            parts[-1] += "\n" + say(
                lang, "?：世界太少，看不出这一分位数的误差", "?: too few worlds to tell the error of this quantile"
            )
    return "\n\n".join(parts)
