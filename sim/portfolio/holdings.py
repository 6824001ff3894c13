"""A portfolio read from its sheets: the rows of each table, and how they hang together."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sim.portfolio.cells import Row, Words, read_rows, word_lists
from sim.portfolio.columns import STAGE_ORDER, TABLES
from sim.portfolio.sheets import Trouble, Workbook

if TYPE_CHECKING:
    from sim.scenario.document import Scenario


def quarter_of(day: date) -> int:
    return day.year * 4 + (day.month - 1) // 3


@dataclass
class Portfolio:
    """Rows by table. Amounts in yuan, shares of 1, dates as dates; a value that could not be read is None."""

    path: Path
    funds: list[Row] = field(default_factory=list)
    firms: list[Row] = field(default_factory=list)
    rounds: list[Row] = field(default_factory=list)
    holdings: list[Row] = field(default_factory=list)
    certificates: list[Row] = field(default_factory=list)

    @cached_property
    def fund_by_id(self) -> dict[str, Row]:
        return {row["id"]: row for row in reversed(self.funds) if row["id"]}

    @cached_property
    def firm_by_id(self) -> dict[str, Row]:
        return {row["id"]: row for row in reversed(self.firms) if row["id"]}

    @cached_property
    def rounds_of(self) -> dict[str, list[Row]]:
        """Rounds of each firm, by date, then by stage."""
        out: dict[str, list[Row]] = defaultdict(list)
        for row in self.rounds:
            out[row["firm"]].append(row)
        for rows in out.values():
            rows.sort(key=lambda r: (r["date"] or date.max, stage_number(r["stage"]), r.number))
        return out

    @cached_property
    def holdings_of(self) -> dict[str, list[Row]]:
        out: dict[str, list[Row]] = defaultdict(list)
        for row in self.holdings:
            out[row["firm"]].append(row)
        return out

    @cached_property
    def certificates_of(self) -> dict[str, list[Row]]:
        out: dict[str, list[Row]] = defaultdict(list)
        for row in self.certificates:
            out[row["firm"]].append(row)
        return out

    def rounds_bought(self, holding: Row) -> list[Row]:
        """The rounds of the firm that a position may have been bought in: by stage, and by date where it is given."""
        if holding["stage"] is None:
            return []
        rounds = [r for r in self.rounds_of.get(holding["firm"], []) if r["stage"] == holding["stage"]]
        if len(rounds) > 1 and holding["date"] is not None:
            rounds = [r for r in rounds if r["date"] and quarter_of(r["date"]) == quarter_of(holding["date"])]
        return rounds

    @property
    def latest(self) -> date | None:
        """Date of the portfolio: the last net asset value, or, without funds, the last round."""
        dates = [r["nav_date"] for r in self.funds if r["nav_date"]]
        dates = dates or [r["date"] for r in self.rounds if r["date"]]
        dates = dates or [r["last_date"] for r in self.firms if r["last_date"]]
        return max(dates, default=None)


def stage_number(stage: str | None) -> int:
    return STAGE_ORDER.index(stage) if stage in STAGE_ORDER else -1


def words_of(base: Scenario) -> Words:
    """The lists of words that the scenario itself fixes: its sectors and the levels of its ladders."""
    sectors = {key: sector.name for key, sector in base.firms.sectors.items()}
    levels = {f"{a}.{b}": level.name for a, ladder in base.ladders.items() for b, level in ladder.levels.items()}
    return word_lists(sectors, levels)


def read_portfolio(book: Workbook, base: Scenario, trouble: Trouble) -> Portfolio:
    """Every row of every table that was found; problems with single cells are added to `trouble`."""
    words = words_of(base)
    portfolio = Portfolio(book.path)
    for table in TABLES:
        if table.key in book.tables:
            setattr(portfolio, table.key, read_rows(book.tables[table.key], table, words, trouble))
    return portfolio
