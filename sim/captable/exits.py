"""Exits of a company whose cap table was typed in: by class and by holder, break points, the founders' curve.

A sale is split by the exact conversion equilibrium of sim.finance.payoff; at a listing every class converts. Options
not yet granted lapse; granted ones share as ordinary shares do. Redemption claims are told beside the split and are no
part of it. Not modelled: exercise prices, debt, transaction costs, carve-outs for managers, new shares of a listing.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from sim.captable.payoffs import Floats, Payoff, first_where, payoff_of, payouts, turning_points
from sim.captable.plain import plain
from sim.captable.reading import GRANTED, StatedExit
from sim.captable.rounds import CapTable

NEARLY = 1.0 - 1e-12  # of a cap: what is paid up to it is a sum


@dataclass(frozen=True)
class Split:
    """An exit, split. classes: class -> yuan; ordinary: yuan to ordinary shares and granted options, a_share to one of
    them; holders: holder -> yuan; converts: classes that convert; claims: class -> yuan that it may ask for by its
    redemption right at the exit's date."""

    stated: StatedExit
    after: str
    classes: dict[str, float]
    ordinary: float
    a_share: float
    holders: dict[str, float]
    converts: list[str]
    claims: dict[str, float]


@dataclass(frozen=True)
class Turn:
    """Where something happens to a class as the proceeds rise, in yuan. what: `preference` (it is paid in full), `cap`
    (it gets no more unless it converts) or `converts`."""

    proceeds: float
    what: str
    share_class: str


def split_table(table: CapTable) -> dict[str, Any]:
    """The table as sim.captable.payoffs reads it; what shares beside the classes is put in the founders' place."""
    classes = [
        {
            "class": number,
            "shares": c.shares,
            "conversion": c.conversion,
            "preference": c.terms.preference.value,
            "paid": c.money,
            "seniority": c.seniority,
            "participating": c.terms.participating,
            "cap": c.terms.cap.value if c.terms.cap is not None else None,
        }
        for number, c in enumerate(table.classes, 1)
    ]
    return {"founders": 1.0, "pool": 0.0, "shares": table.common, "classes": classes}


def split_exit(table: CapTable, stated: StatedExit, after: str) -> Split:
    """An exit from a cap table, by class and by holder. What holders get adds up to the proceeds."""
    told = split_table(table)
    if stated.way == "listing":
        free = {"preference": 0.0, "participating": False, "cap": None}
        told["classes"] = [c | free for c in told["classes"]]
    paid, ordinary, converts = payouts(told, stated.proceeds.value)
    classes = {c.id: float(money) for c, money in zip(table.classes, paid, strict=True)}
    a_share = ordinary / table.common
    turned = [c.id for c, flag in zip(table.classes, converts, strict=True) if flag]
    claims = {}
    if stated.date is not None and stated.way == "sale":  # at a listing every class converts: no right is left
        claims = redemption_claims(table, stated.date)
    return Split(stated, after, classes, ordinary, a_share, _by_holder(table, classes, a_share), turned, claims)


def _by_holder(table: CapTable, classes: dict[str, float], a_share: float) -> dict[str, float]:
    out = dict.fromkeys(table.by_holder(), 0.0)
    for holder, shares in table.ordinary.items():
        out[holder] += shares * a_share
    out[GRANTED] += table.granted * a_share
    for c in table.classes:
        for holder, shares in c.held.items():
            out[holder] += classes[c.id] * shares / c.shares
    return out


def redemption_claims(table: CapTable, date: int) -> dict[str, float]:
    """Class -> yuan that it may ask for at a date (a quarter) by its redemption right; classes without one left out."""
    return {
        c.id: plain("term_sheet").redemption_claim(c.money, c.terms.redemption.value, max(0, date - c.date) / 4.0)
        for c in table.classes
        if c.terms.redemption is not None
    }


def turns(table: CapTable) -> list[Turn]:
    """Where preferences are paid in full, caps are reached and classes convert, as the proceeds of a sale rise."""
    told = split_table(table)
    out: list[Turn] = []
    paid = 0.0
    for rank in sorted({c.seniority for c in table.classes}, reverse=True):
        here = [c for c in table.classes if c.seniority == rank and c.terms.preference.value > 0.0]
        paid += sum(c.terms.preference.value * c.money for c in here)
        out += [Turn(paid, "preference", c.id) for c in here]
    for k, c in enumerate(table.classes):
        if c.terms.participating and c.terms.cap is not None:
            most = NEARLY * c.terms.cap.value * c.money
            at = first_where(lambda value, k=k, most=most: payouts(told, value)[0][k] >= most, c.money)
            out += [Turn(at, "cap", c.id)] if at is not None else []
    converts = zip(table.classes, turning_points(told), strict=True)
    out += [Turn(at, "converts", c.id) for c, at in converts if at is not None]
    return sorted(out, key=lambda turn: turn.proceeds)


def curve(table: CapTable, values: Collection[float]) -> Payoff:
    """The split of sales from far below the least of `values` and of the points where something happens to a class, to
    past the largest of them."""
    marks = [*values, *(turn.proceeds for turn in turns(table))] or [table.common * (table.price or 1.0)]
    return payoff_of(split_table(table), 0.1 * min(marks), 3.0 * max(marks))


def part_of(table: CapTable, payoff: Payoff, holders: Collection[str]) -> Floats:
    """What some holders get together at each exit value of a curve, in yuan."""
    ordinary = sum(shares for holder, shares in table.ordinary.items() if holder in holders)
    got = payoff.common * ordinary / table.common
    for c, paid in zip(table.classes, payoff.classes, strict=True):
        got = got + paid * sum(shares for holder, shares in c.held.items() if holder in holders) / c.shares
    return np.asarray(got)
