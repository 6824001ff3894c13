"""A round closes on a cap table: who holds what before and after it, at what price, and what diluted whom.

The order is that of a closing. The option pool is topped up before the money to its share of the post-money; older
classes are then protected against the price of the round; the new class is issued. The three are not independent: the
top-up is reckoned on all shares of the post-money, those that the protection gives among them; both lower the price
that a pre-money value means, and the protection depends on that price, a weighted average on the top-up too. They are
solved together, so that price x all shares before the money = pre-money and pool = target x all shares after it.

There is one solution or none. Of more shares before the money, ordinary and unprotected ones are a smaller part, a full
ratchet's part stays, the parts of a weighted average and of the pool fall or stay. So guesses below the solution ask
for more shares than they assume and guesses above it for fewer, and a bisection finds it. There is none where
protection, pool and money would take all.

Shares are not rounded to whole ones. Not modelled: pay-to-play, who declines the protection, secondary sales, rights to
buy more than one's part (super pro rata), exercise of options.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from sim.captable.plain import plain
from sim.captable.reading import (
    GRANTED,
    ORDINARY,
    OTHERS,
    ROUNDING,
    SLACK,
    UNISSUED,
    ClassTerms,
    CompanyFile,
    PlannedRound,
)
from sim.errors import Problem, UserError

MOST_DOUBLINGS = 40  # of the shares there are: a price below a millionth of a millionth of what it was is none
STEPS = 200  # of a bisection; it ends when its ends are neighbouring floats, after some sixty


@dataclass(frozen=True)
class ShareClass:
    """A class of preferred shares. money: what it raised, yuan; price: of a share then, yuan; shares, held [holder]: in
    shares of the class; conversion: ordinary shares for one; seniority: higher is paid first."""

    id: str
    date: int
    money: float
    price: float
    shares: float
    conversion: float
    seniority: int
    terms: ClassTerms
    held: Mapping[str, float]

    @property
    def as_converted(self) -> float:
        """Ordinary shares that the class converts into."""
        return self.shares * self.conversion


@dataclass(frozen=True)
class CapTable:
    """Who holds a company. ordinary: holder -> ordinary shares; granted, unissued: options; price: of the last round,
    None before the first; date: a quarter, or None."""

    ordinary: Mapping[str, float]
    granted: float
    unissued: float
    classes: tuple[ShareClass, ...]
    price: float | None = None
    date: int | None = None

    @property
    def common(self) -> float:
        """Ordinary shares and granted options: what is there to share in an exit beside the classes."""
        return sum(self.ordinary.values()) + self.granted

    @property
    def fully_diluted(self) -> float:
        """All shares: classes as converted, options granted and not."""
        return self.common + self.unissued + sum(c.as_converted for c in self.classes)

    def by_class(self) -> dict[str, float]:
        """Shares as converted: `ordinary`, then options, then each class."""
        options = {GRANTED: self.granted, UNISSUED: self.unissued}
        return {ORDINARY: sum(self.ordinary.values()), **options} | {c.id: c.as_converted for c in self.classes}

    def by_holder(self) -> dict[str, float]:
        """Shares as converted of each holder, of others, and options."""
        out = dict(self.ordinary)
        for c in self.classes:
            for holder, shares in c.held.items():
                out[holder] = out.get(holder, 0.0) + shares * c.conversion
        rest = out.pop(OTHERS, 0.0)  # last of those who hold shares
        return out | ({OTHERS: rest} if rest else {}) | {GRANTED: self.granted, UNISSUED: self.unissued}


class Settled(NamedTuple):
    """A price with what it entails: options made before the money, conversions of the older classes, and all shares
    outside the pool that follow from them."""

    price: float
    top_up: float
    conversions: tuple[float, ...]
    others: float


@dataclass(frozen=True)
class Closed:
    """A round that closed. extra: class -> ordinary shares that its protection gives; issued: shares of the new class;
    dilution: of the founders' share of all, by cause, see `diluted`."""

    planned: PlannedRound
    before: CapTable
    after: CapTable
    price: float
    pre_money: float
    post_money: float
    issued: float
    top_up: float
    extra: Mapping[str, float]
    dilution: Mapping[str, float]


def opening(sheet: CompanyFile) -> CapTable:
    """The cap table of today."""
    classes = []
    for stated in sheet.classes:
        shares, money = stated.count, stated.money.value
        held = _parted(shares, {name: part.value for name, part in stated.investors.items()})
        rank = _rank(classes, stated)
        conversion = stated.conversion.value
        classes.append(
            ShareClass(stated.id, stated.date, money, money / shares, shares, conversion, rank, stated, held)
        )
    ordinary = {h.id: h.ordinary.value for h in sheet.holders}
    last = classes[-1].price if classes else None
    granted, unissued = sheet.options.granted.value, sheet.options.unissued.value
    return CapTable(ordinary, granted, unissued, tuple(classes), last, sheet.date)


def close_rounds(sheet: CompanyFile) -> list[Closed]:
    """Every round to come, one upon the other. UserError where one cannot close; those after it are not tried."""
    table = opening(sheet)
    founders = {h.id for h in sheet.holders if h.founder}
    out: list[Closed] = []
    for planned in sheet.rounds:
        closed = close(table, planned, founders, sheet)
        out.append(closed)
        table = closed.after
    return out


def close(table: CapTable, planned: PlannedRound, founders: set[str], sheet: CompanyFile) -> Closed:
    """One round on a cap table."""

    def refused(key: str, message: str, found: str | None = None) -> UserError:
        path = f"rounds.{planned.id}.{key}"
        file, line = sheet._tree.place(path)
        return UserError(Problem(message, file=file, line=line, key=path, found=found))

    settled = settle(table, planned)
    if settled is None:
        raise refused("money", "leaves nothing: protection, pool and new money would take the whole company")
    money, price = planned.money.value, settled.price
    protected = tuple(
        replace(c, conversion=conversion) for c, conversion in zip(table.classes, settled.conversions, strict=True)
    )
    stocked = replace(table, unissued=table.unissued + settled.top_up)
    ready = replace(stocked, classes=protected)
    pre_money = price * ready.fully_diluted if planned.pre_money is None else planned.pre_money.value
    if planned.price is not None and abs(planned.price.value / price - 1.0) > SLACK:
        number_of = ready.fully_diluted
        message = f"the pre-money over {number_of:,.0f} shares before the money is {price:,.6g} a share, not this price"
        raise refused("price", message, f"{planned.price.value:,.6g}")
    issued = money / price
    held = table.by_holder()
    parts = {name: part.value for name, part in planned.investors.items()}
    for name, taken in planned.pro_rata.items():
        if held.get(name, 0.0) <= 0.0:
            raise refused(f"pro_rata.{name}", "holds no shares before the round, so it has no pro-rata right", name)
        parts[name] = parts.get(name, 0.0) + taken.value * held[name] / table.fully_diluted
    number_taken = sum(parts.values())
    if number_taken > 1.0 + ROUNDING:
        message = f"investors and pro-rata rights take {number_taken:.6g} of the round, above 1"
        raise refused("investors", message)
    if planned.lead is not None:
        if number_taken > 1.0 - ROUNDING:
            raise refused("lead", "the others leave nothing of the round to the lead", planned.lead)
        parts[planned.lead] = 1.0 - number_taken
    rank = _rank(table.classes, planned)
    new = ShareClass(planned.id, planned.date, money, price, issued, 1.0, rank, planned, _parted(issued, parts))
    after = replace(ready, classes=(*protected, new), price=price, date=planned.date)
    extra = {new.id: new.as_converted - old.as_converted for old, new in zip(table.classes, protected, strict=True)}
    dilution = diluted(founders, table, stocked, ready, after, new)
    return Closed(planned, table, after, price, pre_money, pre_money + money, issued, settled.top_up, extra, dilution)


def settle(table: CapTable, planned: PlannedRound) -> Settled | None:
    """Price, top-up and conversions of a round, which hold together; None where there are none.

    Of a round that states pre-money and price the pre-money counts."""
    low = table.fully_diluted - _pool(table, planned)
    settled = _entailed(table, planned, low)
    if settled.others <= low:
        return settled  # nobody is protected against this price
    high = 2.0 * low
    for _ in range(MOST_DOUBLINGS):
        if _entailed(table, planned, high).others <= high:
            break
        low, high = high, 2.0 * high
    else:
        return None
    for _ in range(STEPS):
        middle = 0.5 * (low + high)
        if not low < middle < high:
            break
        low, high = (low, middle) if _entailed(table, planned, middle).others <= middle else (middle, high)
    return _entailed(table, planned, high)


def _pool(table: CapTable, planned: PlannedRound) -> float:
    """Options that the target of the pool is said of."""
    return table.unissued + (table.granted if planned.pool_counts == "all" else 0.0)


def _entailed(table: CapTable, planned: PlannedRound, others: float) -> Settled:
    """What follows where so many shares were outside the pool before the money: top-up, price, conversions, and the
    shares outside the pool that these make."""
    pieces: Any = plain("term_sheet")
    pool, money = _pool(table, planned), planned.money.value
    target = planned.pool.value if planned.pool is not None else 0.0
    if planned.pre_money is not None:
        new_share = money / (planned.pre_money.value + money)
        top_up = pieces.pool_top_up(others, pool, new_share, target)
        price = planned.pre_money.value / (others + pool + top_up)
    else:
        assert planned.price is not None
        price = planned.price.value
        # so many shares are sold whatever the pool is: for the pool they are others, and no share of the whole
        top_up = pieces.pool_top_up(others + money / price, pool, 0.0, target)
    conversions = []
    for c in table.classes:
        conversions.append(c.conversion)
        if price >= c.price / c.conversion:
            continue
        if c.terms.anti_dilution == "full_ratchet":
            conversions[-1] = pieces.ratchet_conversion(c.conversion, c.price, price)
        elif c.terms.anti_dilution == "weighted_average":
            whole = c.terms.average == "fully_diluted"
            before = table.fully_diluted + (top_up if whole else -table.unissued)
            conversions[-1] = pieces.weighted_average_conversion(c.conversion, c.price, before, money, price)
    now = sum(c.as_converted for c in table.classes)
    then = sum(c.shares * conversion for c, conversion in zip(table.classes, conversions, strict=True))
    return Settled(price, top_up, tuple(conversions), table.fully_diluted - pool + (then - now))


def diluted(
    founders: set[str], before: CapTable, stocked: CapTable, ready: CapTable, after: CapTable, new: ShareClass
) -> dict[str, float]:
    """Founders' share of all shares `before` and `after` a round, and what each cause takes of it, in shares of the
    whole: the pool first, then the protection of older classes, then the new money. `bought`: what founders bought of
    the round themselves. before - pool - anti_dilution - new_money + bought = after."""

    def part(table: CapTable) -> float:
        return sum(shares for holder, shares in table.by_holder().items() if holder in founders) / table.fully_diluted

    bought = sum(shares for holder, shares in new.held.items() if holder in founders) / after.fully_diluted
    return {
        "before": part(before),
        "pool": part(before) - part(stocked),
        "anti_dilution": part(stocked) - part(ready),
        "new_money": part(ready) - (part(after) - bought),
        "bought": bought,
        "after": part(after),
    }


def _rank(before: Sequence[ShareClass], terms: ClassTerms) -> int:
    """Of a class's preference: what it states, else before all classes there are."""
    return 1 + max((c.seniority for c in before), default=0) if terms.seniority is None else terms.seniority


def _parted(shares: float, parts: Mapping[str, float]) -> dict[str, float]:
    """Shares of a class by holder; what no holder has is with others, unless that is rounding."""
    held = {name: shares * part for name, part in parts.items()}
    rest = 1.0 - sum(parts.values())
    return held | ({OTHERS: shares * rest} if rest > ROUNDING else {})
