"""The file of a cap table: who holds what today, which rounds are to come, at what exits to look.

Shares, money and rates are written as in scenarios (sim.quantities). What is left out is not guessed from what is
usual: a class without a word on protection has none. Not modelled: warrants, convertible notes and SAFEs, exercise
prices and vesting of options, dividends, transfers between holders.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

from pydantic import model_validator

from sim.errors import Problem, UserError
from sim.quantities import quarter_name
from sim.scenario.fields import (
    Bounds,
    Count,
    Described,
    Id,
    LocalName,
    Money,
    Rate,
    Ratio,
    Share,
    Table,
    UnitPrice,
    When,
    iter_quantities,
)
from sim.scenario.loading import ScenarioProblems, load

Found = list[tuple[str, str, object, list[str]]]  # (path, message, what was found, allowed names)

OTHERS, GRANTED, UNISSUED = "others", "options", "pool"  # who holds what no holder of the file does
ORDINARY = "ordinary"
TODAY = "today"
PROCEEDS, FOUNDERS = "proceeds", "founders"  # columns of the curve beside the classes
OWN = (ORDINARY, GRANTED, UNISSUED, TODAY, PROCEEDS, FOUNDERS)  # what no class can be called
SLACK = 1e-3  # a price is stated to a few digits: price x shares may be off by so much of the money
ROUNDING = 1e-12  # sums of parts are one but for so much
MOST = 1e15  # shares, or yuan: far beyond any company, and far from where floats lose a share

Shares = Annotated[Count, Bounds(le=MOST)]
Some = Annotated[Count, Bounds(gt=0.0, le=MOST)]
Sum = Annotated[Money, Bounds(gt=0.0, le=MOST)]
Price = Annotated[UnitPrice, Bounds(gt=0.0, le=MOST)]
Multiple = Annotated[Ratio, Bounds(le=100.0)]


class Checked(Table):
    """A table that says itself what contradicts itself in it."""

    def problems(self) -> Found:
        """(path from here, message, what was found, names that would be right) of each contradiction."""
        return []

    @model_validator(mode="after")
    def _refuse(self) -> Checked:
        if found := self.problems():
            raise ScenarioProblems(found)
        return self


class Shareholder(Table):
    """Somebody who holds shares, or will."""

    id: Id = Described("short name, by which classes and rounds refer to the holder")
    name: LocalName | None = Described("name in tables (default: the id)", default=None)
    founder: bool = Described(
        "whether the dilution and the proceeds of this holder are told as the founders'", default=False
    )
    ordinary: Shares = Described("ordinary shares held today", default=0)


class OptionPool(Table):
    """Options on ordinary shares."""

    granted: Shares = Described("granted to people, exercised or not; they share in every exit", default=0)
    unissued: Shares = Described("still in the pool; they count in prices and lapse at an exit", default=0)


class ClassTerms(Checked):
    """What a class of preferred shares may ask for."""

    preference: Multiple = Described("liquidation preference, in multiples of the money", default=1.0)
    participating: bool = Described(
        "whether it shares in what is left after its preference, unconverted", default=False
    )
    cap: Multiple | None = Described("most that a participating class gets, in multiples of the money", default=None)
    seniority: int | None = Described(
        "rank of the preference: higher is paid first, equal ones pro rata (default: before all classes of before)",
        default=None,
    )
    anti_dilution: Literal["none", "weighted_average", "full_ratchet"] = Described(
        "what a cheaper round does to the conversion price", default="none"
    )
    average: Literal["fully_diluted", "outstanding"] = Described(
        "shares that the weighted average counts before a round: with the pool and its top-up, or without what is"
        " unissued, as in the NVCA charter",
        default="fully_diluted",
    )
    redemption: Annotated[Rate, Bounds(le=1.0)] | None = Described(
        "simple interest a year of the redemption right (default: no such right)", default=None
    )

    def problems(self) -> Found:
        found: Found = []
        if self.cap is not None and not self.participating:
            found.append(("cap", "a cap belongs to a participating class: add `participating = true`", None, []))
        if self.cap is not None and self.cap.value < self.preference.value:
            found.append(("cap", "is below the preference", self.cap.value, []))
        return found


class IssuedClass(ClassTerms):
    """A class of preferred shares that is there already."""

    id: Id = Described("short name of the class")
    name: LocalName | None = Described("name in tables (default: the id)", default=None)
    date: When = Described("when its round closed")
    money: Sum = Described("what the round raised")
    shares: Some | None = Described("shares issued; or state the price", default=None)
    price: Price | None = Described("price of one share; or state the shares", default=None)
    conversion: Annotated[Ratio, Bounds(gt=0.0, le=1e6)] = Described(
        "ordinary shares for one of the class today", default=1.0
    )
    investors: dict[str, Share] = Described("holder -> part of the class; what is left is with others", default={})

    @property
    def count(self) -> float:
        """Shares of the class."""
        if self.shares is not None:
            return self.shares.value
        assert self.price is not None
        return self.money.value / self.price.value

    def problems(self) -> Found:
        found = super().problems()
        if self.shares is None and self.price is None:
            found.append(("", "states neither `shares` nor `price`", None, []))
        if self.shares is not None and self.price is not None:
            number = self.price.value * self.shares.value
            if abs(number / self.money.value - 1.0) > SLACK:
                message = f"price × shares is {number:,.0f} yuan, not the money"
                found.append(("price", message, f"{self.money.value:,.0f}", []))
        return found + _parts(self.investors)


class PlannedRound(ClassTerms):
    """A round to come."""

    id: Id = Described("short name of the class that it issues")
    name: LocalName | None = Described("name in tables (default: the id)", default=None)
    date: When = Described("when it closes")
    money: Sum = Described("what it raises")
    pre_money: Sum | None = Described(
        "value before the money of all shares, the topped-up pool among them; or state the price", default=None
    )
    price: Price | None = Described("price of one share; or state the pre-money", default=None)
    pool: Annotated[Share, Bounds(lt=1.0)] | None = Described(
        "share of the post-money that the option pool is topped up to before the money (default: no top-up)",
        default=None,
    )
    pool_counts: Literal["unissued", "all"] = Described(
        "whether `pool` is said of the options not yet granted, or of all", default="unissued"
    )
    lead: str | None = Described("holder that takes what the others leave of the round", default=None)
    investors: dict[str, Share] = Described("holder -> part of the round; what nobody takes is with others", default={})
    pro_rata: dict[str, Share] = Described(
        "holder -> how much of its right it takes up: to buy the part of the round that it held of all shares before",
        default={},
    )

    def problems(self) -> Found:
        found = super().problems()
        if self.pre_money is None and self.price is None:
            found.append(("", "states neither `pre_money` nor `price`", None, []))
        if self.pre_money is not None and self.pool is not None:
            share = self.money.value / (self.pre_money.value + self.money.value)
            share2 = self.pool.value
            if share + share2 > 1.0 - ROUNDING:
                message = (
                    f"the new money buys {share:.1%} and the pool takes {share2:.1%}: nothing is left to the others"
                )
                found.append(("pool", message, None, []))
        if self.lead is not None and self.lead in {*self.investors, *self.pro_rata}:
            message = "the lead takes what the others leave: name it here or there, not in both"
            found.append(("lead", message, self.lead, []))
        return found + _parts(self.investors)


class StatedExit(Table):
    """A sale or a listing to look at."""

    name: LocalName = Described("what it is called")
    proceeds: Sum = Described("what holders get in a sale; in a listing the value of all shares before new ones")
    way: Literal["sale", "listing"] = Described("a listing converts every class", default="sale")
    date: When | None = Described("when; redemption claims are told at that date", default=None)
    after: str | None = Described('id of the round after which it comes, or "today" (default: the last)', default=None)


class CompanyFile(Checked):
    """The file: a company, who holds it today, what is to come."""

    company: LocalName = Described("name of the company")
    date: When | None = Described("date of the cap table", default=None)
    holders: list[Shareholder] = Described("who holds shares")
    options: OptionPool = Described("options", default={})
    classes: list[IssuedClass] = Described("classes of preferred shares, the oldest first", default=[])
    rounds: list[PlannedRound] = Described("rounds to come, the next first", default=[])
    exits: list[StatedExit] = Described("exits to look at", default=[])

    def problems(self) -> Found:
        return [*self._names(), *self._dates()]

    def _names(self) -> Found:
        found: Found = []
        ids = [h.id for h in self.holders]
        own = "this name has a meaning of its own: take another"
        for room, items, words in (
            ("holders", self.holders, (OTHERS, GRANTED, UNISSUED)),
            ("classes", self.classes, OWN),
            ("rounds", self.rounds, OWN),
        ):
            for item in items:
                if item.id in words:
                    found.append((f"{room}.{item.id}.id", own, item.id, []))
        if not any(h.founder and h.ordinary.value > 0.0 for h in self.holders):
            message = "no founder holds ordinary shares: mark one with `founder = true`"
            found.append(("holders", message, None, []))
        both = [(f"classes.{c.id}", list(c.investors)) for c in self.classes]
        for r in self.rounds:
            both += [(f"rounds.{r.id}", list(r.investors))]
            for name in r.pro_rata:
                if name not in ids:
                    found.append((f"rounds.{r.id}.pro_rata.{name}", "no such holder", name, ids))
            if r.lead is not None and r.lead not in ids:
                found.append((f"rounds.{r.id}.lead", "no such holder", r.lead, ids))
            if r.id in [c.id for c in self.classes]:
                found.append((f"rounds.{r.id}.id", "two items have the same id", r.id, []))
        for path, names in both:
            for name in names:
                if name not in ids:
                    found.append((f"{path}.investors.{name}", "no such holder", name, ids))
        known = [TODAY, *(r.id for r in self.rounds)]
        for i, way_out in enumerate(self.exits):
            if way_out.after is not None and way_out.after not in known:
                found.append((f"exits.{i}.after", "no such round to come", way_out.after, known))
        return found

    def _dates(self) -> Found:
        found: Found = []
        issued = [(f"classes.{c.id}.date", c.date) for c in self.classes]
        for path, date in issued:
            if self.date is not None and date > self.date:
                message = f"dates out of order: the cap table is of {quarter_name(self.date)}"
                found.append((path, message, quarter_name(date), []))
        today = [("date", self.date)] if self.date is not None else issued[-1:]
        to_come = [*today, *((f"rounds.{r.id}.date", r.date) for r in self.rounds)]
        for line in (issued, to_come):
            for (_, before), (path, after) in pairwise(line):
                if after < before:
                    message = f"dates out of order: what comes before it is of {quarter_name(before)}"
                    found.append((path, message, quarter_name(after), []))
        closed = {r.id: r.date for r in self.rounds} | ({TODAY: today[0][1]} if today else {})
        for i, way_out in enumerate(self.exits):
            then = closed.get(self.after(way_out))
            if way_out.date is not None and then is not None and way_out.date < then:
                message = "dates out of order: the exit comes before the round after which it is told"
                found.append((f"exits.{i}.date", message, quarter_name(way_out.date), []))
        return found

    def after(self, way_out: StatedExit) -> str:
        """The round after which an exit is looked at, or `today`."""
        return way_out.after or (self.rounds[-1].id if self.rounds else TODAY)


def _parts(of: dict[str, Share]) -> Found:
    number = sum(x.value for x in of.values())
    found: Found = []
    if number > 1.0 + ROUNDING:
        found.append(("investors", f"the parts of the investors sum to {number:.6g}, above 1", None, []))
    return found


def read_sheet(path: str | Path) -> CompanyFile:
    """The file, checked. UserError with every problem found."""
    sheet = load(CompanyFile, path)
    message = "one number is needed: nothing is drawn for a cap table"
    drawn = [(key, *sheet._tree.place(key)) for key, q in iter_quantities(sheet) if q.distribution is not None]
    if drawn:
        raise UserError([Problem(message, file=file, line=line, key=key) for key, file, line in drawn])
    return sheet
