"""A cap table worked out, as tables in both languages, as JSON, as CSV files with the payoff chart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.analysis.text import csv_text, layout, show
from sim.captable.exits import Split, Turn, curve, part_of, redemption_claims, split_exit, split_table, turns
from sim.captable.payoffs import Floats, Payoff, payouts
from sim.captable.reading import (
    FOUNDERS,
    GRANTED,
    ORDINARY,
    OTHERS,
    PROCEEDS,
    TODAY,
    UNISSUED,
    CompanyFile,
    read_sheet,
)
from sim.captable.rounds import CapTable, Closed, close_rounds, opening
from sim.errors import Problem, UserError
from sim.quantities import half_up, quarter_name
from sim.terms import term

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = (".png", ".svg", ".pdf")  # of pictures
FEWER = 4  # every fourth point of the curve is told in JSON; curve.csv has all
LEAST = 0.005  # yuan that are told: half a fen
STEP = 1e-6  # of the proceeds: how far ahead "each further yuan" looks
HIGH = 3.0  # a preference above so many times the money is asked about: 1.5 may have been meant
YEARS = 5  # from the last round on, for which redemption claims are told
DILUTION = ("before", "pool", "anti_dilution", "new_money", "bought", "after")


def work_out(path: str | Path) -> WorkedOut:
    """The file of a cap table, its rounds closed and its exits split. UserError where that cannot be."""
    sheet = read_sheet(path)
    closed = close_rounds(sheet)
    tables = {TODAY: opening(sheet)} | {c.planned.id: c.after for c in closed}
    splits = [split_exit(tables[sheet.after(x)], x, sheet.after(x)) for x in sheet.exits]
    return WorkedOut(str(path), sheet, tables, closed, splits)


@dataclass(frozen=True)
class WorkedOut:
    """What a file says and what follows from it. tables: "today", then after each round, by its id."""

    file: str
    sheet: CompanyFile
    tables: dict[str, CapTable]
    closed: list[Closed]
    splits: list[Split]

    @property
    def last(self) -> CapTable:
        """The table after all rounds, on which break points and the curve are told."""
        return list(self.tables.values())[-1]

    @property
    def founders(self) -> set[str]:
        """Ids of the holders who are founders."""
        return {h.id for h in self.sheet.holders if h.founder}

    @cached_property
    def turns(self) -> list[Turn]:
        """Where something happens to a class in a sale after all rounds."""
        return turns(self.last)

    @cached_property
    def curve(self) -> Payoff:
        """The split of sales after all rounds, over exit values that take in those of the file."""
        return curve(self.last, [s.stated.proceeds.value for s in self.splits if s.after == list(self.tables)[-1]])

    def founders_get(self, proceeds: Sequence[float]) -> Floats:
        """What the founders get in sales after all rounds, in yuan."""
        rows = [payouts(split_table(self.last), x) for x in proceeds]
        classes, common = np.array([r[0] for r in rows]).T, np.array([r[1] for r in rows])
        return part_of(self.last, Payoff(np.asarray(proceeds), classes, common, []), self.founders)

    @property
    def high(self) -> dict[str, float]:
        """Class -> its preference, where that is far above what is usual."""
        stated = {c.id: c.terms.preference.value for c in self.last.classes}
        return {name: times for name, times in stated.items() if times > HIGH}

    @cached_property
    def redemption(self) -> dict[int, dict[str, float]]:
        """Date (a quarter) -> class -> what it may ask back by its redemption right, each year after the last round."""
        if all(c.terms.redemption is None for c in self.last.classes):
            return {}
        start = max([c.date for c in self.last.classes] + ([self.last.date] if self.last.date is not None else []))
        return {start + 4 * k: redemption_claims(self.last, start + 4 * k) for k in range(YEARS + 1)}

    # --- for programs

    def to_json(self) -> dict[str, Any]:
        """Everything as plain values: shares, yuan, parts of all shares."""
        company = self.sheet.company
        return {
            "company": {"zh": company.zh, "en": company.en},
            "tables": {name: _document(table) for name, table in self.tables.items()},
            "rounds": [
                {
                    "id": c.planned.id,
                    "date": quarter_name(c.planned.date),
                    "money": c.planned.money.value,
                    "pre_money": c.pre_money,
                    "post_money": c.post_money,
                    "price": c.price,
                    "issued": c.issued,
                    "top_up": c.top_up,
                    "protection": dict(c.extra),
                    "founders": dict(c.dilution),
                }
                for c in self.closed
            ],
            "exits": [
                {
                    "name": {"zh": s.stated.name.zh, "en": s.stated.name.en},
                    "way": s.stated.way,
                    "after": s.after,
                    "proceeds": s.stated.proceeds.value,
                    "classes": s.classes,
                    "ordinary": s.ordinary,
                    "holders": s.holders,
                    "converts": s.converts,
                    "redemption_claims": s.claims,
                }
                for s in self.splits
            ],
            "redemption": {quarter_name(date): claims for date, claims in self.redemption.items()},
            "high_preferences": self.high,
            "turns": [
                {"proceeds": t.proceeds, "what": t.what, "class": t.share_class, "founders": float(got)}
                for t, got in zip(self.turns, self.founders_get([t.proceeds for t in self.turns]), strict=True)
            ],
            "curve": {name: values[::FEWER] for name, values in self._columns().items()},
        }

    def _columns(self) -> dict[str, Floats]:
        """The curve: proceeds, then what each class, ordinary shares with granted options, and the founders get."""
        classes = {c.id: paid for c, paid in zip(self.last.classes, self.curve.classes, strict=True)}
        founders = part_of(self.last, self.curve, self.founders)
        return {PROCEEDS: self.curve.exit, **classes, ORDINARY: self.curve.common, FOUNDERS: founders}

    def save(self, folder: str | Path, lang: str = "zh", figures: bool = True) -> None:
        """tables.csv, rounds.csv, exits.csv, redemption.csv, turns.csv, curve.csv, captable.json, figures/ and a
        manifest: a folder, whole or not at all."""
        from sim import store

        document = self.to_json()
        columns = self._columns()
        with store.write_folder(folder) as place:
            for name, (header, rows) in {
                "tables": (("after", "of", "id", "shares", "share", "worth"), self._table_rows()),
                "rounds": (
                    ("round", "date", "money", "pre_money", "post_money", "price", "issued", "top_up", *DILUTION),
                    ([*list(r.values())[:8], *r["founders"].values()] for r in document["rounds"]),
                ),
                "exits": (("exit", "way", "after", "proceeds", "of", "id", "paid", "converts"), self._exit_rows(lang)),
                "redemption": (
                    ("date", "class", "claim"),
                    ([when, who, x] for when, claims in document["redemption"].items() for who, x in claims.items()),
                ),
                "turns": (("proceeds", "what", "class", "founders"), (t.values() for t in document["turns"])),
                "curve": (tuple(columns), zip(*columns.values(), strict=True)),
            }.items():
                store.write_text(place / f"{name}.csv", csv_text(header, (list(row) for row in rows)))
            store.write_json(place / "captable.json", document)
            if figures:
                from sim.figures.style import save

                save(self.figure(lang), place / "figures" / "payoff.png")
            store.write_json(place / store.MANIFEST, {"kind": "captable", "file": self.file})

    def _table_rows(self) -> Iterator[list[object]]:
        for name, table in self.tables.items():
            for of, rows in (("class", table.by_class()), ("holder", table.by_holder())):
                for who, shares in rows.items():
                    worth = shares * table.price if table.price is not None else ""
                    yield [name, of, who, shares, shares / table.fully_diluted, worth]

    def _exit_rows(self, lang: str) -> Iterator[list[object]]:
        for s in self.splits:
            start = [s.stated.name.get(lang), s.stated.way, s.after, s.stated.proceeds.value]
            for who, paid in s.classes.items():
                yield [*start, "class", who, paid, int(who in s.converts)]
            yield [*start, "class", ORDINARY, s.ordinary, ""]
            for who, paid in s.holders.items():
                yield [*start, "holder", who, paid, ""]

    # --- the chart

    def figure(self, lang: str) -> Figure:
        """The payoff chart of a sale after all rounds, the founders dashed."""
        from sim.figures.payoff import payoff

        name = list(self.tables)[-1]
        when = [self._class(name, lang) if name != TODAY else term("captable.today", lang)]
        when += [quarter_name(self.last.date)] if self.last.date is not None else []
        names = [self._class(c.id, lang) for c in self.last.classes]
        source = term("captable.source", lang).format(file=Path(self.file).name)
        founders = term("captable.founders", lang), part_of(self.last, self.curve, self.founders)
        company, common = self.sheet.company.get(lang), term("captable.common", lang)
        return payoff(self.curve, names, company, term("captable.and", lang).join(when), source, lang, common, founders)

    def draw(self, path: str | Path, lang: str) -> Path:
        """The payoff chart into a file, of the kind that its name ends with."""
        from sim.figures.style import save

        return save(self.figure(lang), path)

    # --- for people

    def table(self, lang: str) -> str:
        """All of it as tables in the reader's language."""
        parts = [self._today(lang), *(self._round(c, lang) for c in self.closed)]
        if self.closed:
            parts.append(self._dilution(lang))
        if self.last.classes:
            parts.append(self._terms(lang))
        if self.splits:
            parts.append(self._exits(lang))
        if self.redemption:
            parts.append(self._redemption(lang))
        if self.turns:
            parts.append(self._turns(lang))
        return "\n\n".join(parts)

    def _class(self, name: str, lang: str) -> str:
        stated = {c.id: c for c in (*self.sheet.classes, *self.sheet.rounds)}.get(name)
        if stated is None:
            return term(f"captable.{name}", lang)
        return stated.name.get(lang) if stated.name is not None else name

    def _holder(self, name: str, lang: str) -> str:
        if name in (OTHERS, GRANTED, UNISSUED):
            return term(f"captable.{name}", lang)
        stated = next(h for h in self.sheet.holders if h.id == name)
        return stated.name.get(lang) if stated.name is not None else name

    def _rows(self, table: CapTable, before: CapTable | None, lang: str) -> list[list[str]]:
        """Classes, then holders, then all: shares before a round with their part, shares now, part, worth."""
        earlier = before or table

        def row(name: str, was: float, shares: float) -> list[str]:
            worth = _money(shares * table.price, lang) if table.price is not None else ""
            first = [_count(was), _part(was / earlier.fully_diluted)] if before is not None else []
            return [name, *first, _count(shares), _part(shares / table.fully_diluted), worth]

        was, now = earlier.by_class(), table.by_class()
        rows = [row(self._class(k, lang), was.get(k, 0.0), x) for k, x in now.items() if x or was.get(k)]
        rows.append([term("captable.by_holder", lang), *[""] * (len(rows[0]) - 1)])
        was, now = earlier.by_holder(), table.by_holder()
        rows += [row(self._holder(k, lang), was.get(k, 0.0), x) for k, x in now.items() if x or was.get(k)]
        rows.append(row(term("captable.all", lang), earlier.fully_diluted, table.fully_diluted))
        return rows

    def _today(self, lang: str) -> str:
        table = self.tables[TODAY]
        head = [term(f"captable.{key}", lang) for key in ("shares", "diluted")]
        title = [self.sheet.company.get(lang), term("captable.today", lang)]
        title += [quarter_name(table.date)] if table.date is not None else []
        title += [term("captable.money", lang)]
        return "  ".join(title) + "\n" + layout(["", *head, _worth(table, lang)], self._rows(table, None, lang))

    def _round(self, closed: Closed, lang: str) -> str:
        planned = closed.planned
        lines = [
            term("captable.round", lang).format(
                name=self._class(planned.id, lang),
                date=quarter_name(planned.date),
                money=_money(planned.money.value, lang),
                pre=_money(closed.pre_money, lang),
                price=_price(closed.price),
                post=_money(closed.post_money, lang),
            )
        ]
        if closed.top_up > 0.0:
            lines.append(term("captable.topped_up", lang).format(count=_count(closed.top_up)))
        for c in closed.after.classes:
            if closed.extra.get(c.id, 0.0) > 0.0:
                told = {"name": self._class(c.id, lang), "conversion": f"{c.conversion:.4f}"}
                lines.append(term("captable.protected", lang).format(count=_count(closed.extra[c.id]), **told))
        head = [term(f"captable.{key}", lang) for key in ("before", "diluted", "after", "diluted")]
        rows = self._rows(closed.after, closed.before, lang)
        return "\n".join([*lines, layout(["", *head, _worth(closed.after, lang)], rows)])

    def _dilution(self, lang: str) -> str:
        head = [term("captable.dilution", lang), *(term(f"captable.dilution.{key}", lang) for key in DILUTION)]
        signs = {"pool": -1.0, "anti_dilution": -1.0, "new_money": -1.0}

        def row(name: str, told: dict[str, float]) -> list[str]:
            return [name, *(_part(signs.get(key, 1.0) * told[key]) for key in DILUTION)]

        rows = [row(self._class(c.planned.id, lang), dict(c.dilution)) for c in self.closed]
        if len(self.closed) > 1:
            whole = {key: sum(c.dilution[key] for c in self.closed) for key in DILUTION}
            ends = {"before": self.closed[0].dilution["before"], "after": self.closed[-1].dilution["after"]}
            rows.append(row(term("captable.all", lang), whole | ends))
        return layout(head, rows)

    def _terms(self, lang: str) -> str:
        keys = ("paid", "price", "preference", "rank", "participates", "anti_dilution", "conversion", "redemption")
        rows = []
        for c in self.last.classes:
            terms = c.terms
            joins = "joins_not" if not terms.participating else "joins" if terms.cap is None else "joins_to"
            cap = f"{terms.cap.value:g}" if terms.cap is not None else ""
            rows.append(
                [
                    self._class(c.id, lang),
                    _money(c.money, lang),
                    _price(c.price),
                    f"{terms.preference.value:g}x",
                    str(c.seniority),
                    term(f"captable.{joins}", lang).format(cap=cap),
                    term(f"anti_dilution.{terms.anti_dilution.removeprefix('full_')}", lang),
                    f"{c.conversion:.4f}",
                    _part(terms.redemption.value) if terms.redemption is not None else "–",
                ]
            )
        remarks = [
            term("captable.high", lang).format(name=self._class(name, lang), times=f"{times:g}")
            for name, times in self.high.items()
        ]
        head = [term("captable.terms", lang), *(term(f"captable.{key}", lang) for key in keys)]
        return "\n".join([layout(head, rows), *remarks])

    def _exits(self, lang: str) -> str:
        def money(values: Sequence[float | None], marks: Sequence[str] = ()) -> list[str]:
            marks = marks or [""] * len(values)
            return ["" if x is None else _money(x, lang) + m for x, m in zip(values, marks, strict=True)]

        splits = self.splits
        ways = []
        for s in splits:
            way = f"captable.{s.stated.way}"
            today = s.after == TODAY
            told = term(f"{way}.today", lang) if today else term(way, lang).format(after=self._class(s.after, lang))
            ways.append(told)
        rows = [["", *ways], [term("captable.proceeds", lang), *money([s.stated.proceeds.value for s in splits])]]
        for c in self.last.classes:
            marks = ["*" if c.id in s.converts else "" for s in splits]
            rows.append([self._class(c.id, lang), *money([s.classes.get(c.id) for s in splits], marks)])
        rows.append([term("captable.common", lang), *money([s.ordinary for s in splits])])
        rows.append([term("captable.by_holder", lang), *[""] * len(splits)])
        for who in self.last.by_holder():
            got = [s.holders.get(who) for s in splits]
            if any(got) or who not in (GRANTED, UNISSUED):
                rows.append([self._holder(who, lang), *money(got)])
        together = [sum(x for who, x in s.holders.items() if who in self.founders) for s in splits]
        if len(self.founders) > 1:
            rows.append([term("captable.founders", lang), *money(together)])
        notes = [term("captable.converted", lang)] if any(s.converts for s in splits) else []
        for c in self.last.classes:
            asked = [s.claims.get(c.id) for s in splits]
            if any(asked):
                rows.append([term("captable.claim", lang).format(name=self._class(c.id, lang)), *money(asked)])
        notes += [term("captable.claim.note", lang)] if any(s.claims for s in splits) else []
        head = [term("captable.exits", lang), *(s.stated.name.get(lang) for s in splits)]
        return "\n".join([layout(head, rows), *notes])

    def _redemption(self, lang: str) -> str:
        """By class and year, beside what the founders' shares are worth at the last price."""
        claims = list(self.redemption.values())
        rows = [[self._class(name, lang), *(_money(x[name], lang) for x in claims)] for name in claims[0]]
        if len(rows) > 1:
            rows.append([term("captable.all", lang), *(_money(sum(x.values()), lang) for x in claims)])
        if self.last.price is not None:
            shares = self.last.by_holder()
            worth = sum(shares.get(name, 0.0) for name in self.founders) * self.last.price
            rows.append([term("captable.redemption.founders", lang), *[_money(worth, lang)] * len(claims)])
        head = [term("captable.redemption.years", lang), *(quarter_name(date) for date in self.redemption)]
        return layout(head, rows)

    def _turns(self, lang: str) -> str:
        points = [t.proceeds for t in self.turns]
        ahead = [x * (1.0 + STEP) for x in points]
        got, more = self.founders_get(points), self.founders_get(ahead)
        rows = []
        for t, here, there in zip(self.turns, got, more, strict=True):
            what = term(f"captable.turn.{t.what}", lang).format(name=self._class(t.share_class, lang))
            further = _part((there - here) / (t.proceeds * STEP))
            rows.append([_money(t.proceeds, lang), _money(here, lang), further, what])
        head = [term(f"captable.{key}", lang) for key in ("turns", "turn.founders", "turn.next")]
        lines = layout([*head, ""], [[*row[:3], ""] for row in rows]).splitlines()
        return "\n".join([lines[0], *(f"{line}  {row[3]}" for line, row in zip(lines[1:], rows, strict=True))])


def refuse_picture(path: str | Path) -> None:
    """UserError where a picture's name does not say of what kind it is to be."""
    if Path(path).suffix.lower() not in KINDS:
        raise UserError(Problem("no such kind of picture", key="--figure", found=str(path), expected=", ".join(KINDS)))


def _document(table: CapTable) -> dict[str, Any]:
    whole = table.fully_diluted

    def rows(shares: dict[str, float]) -> dict[str, dict[str, float | None]]:
        price = table.price
        return {
            who: {"shares": x, "share": x / whole, "worth": None if price is None else x * price}
            for who, x in shares.items()
        }

    return {
        "date": None if table.date is None else quarter_name(table.date),
        "price": table.price,
        "fully_diluted": whole,
        "classes": rows(table.by_class()),
        "holders": rows(table.by_holder()),
        "conversions": {c.id: c.conversion for c in table.classes},
    }


def _worth(table: CapTable, lang: str) -> str:
    if table.price is None:
        return term("captable.no_price", lang)
    return term("captable.worth", lang).format(price=_price(table.price))


def _count(shares: float) -> str:
    return f"{half_up(shares):,.0f}"


def _part(share: float) -> str:
    return f"{half_up(100.0 * share, 2) + 0.0:.2f}%"  # + 0.0: no -0.00%


def _money(yuan: float, lang: str) -> str:
    return show(yuan if abs(yuan) >= LEAST else 0.0, "CNY", lang)


def _price(price: float) -> str:
    return f"{price:,.4f}" if price >= 1.0 else f"{price:.4g}"
