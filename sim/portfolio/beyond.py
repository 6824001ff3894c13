"""What a fund of the sheets has invested that no position of theirs shows, and how the run counts it.

Books say how much was paid in; positions say how much of it is where. The rest, less fees by the fund's terms, is one
pooled portfolio outside the zone (sim.model.funds.kernel.take_over_books). A fund that has put it into firms of the
zone says so in the sheet of funds (`placed`): the pool stays as it is, and what the fund has still to put into the
zone, by its share and by the reinvestment ratio, is that much less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sim.portfolio.cells import Row
from sim.portfolio.columns import FUNDS
from sim.portfolio.holdings import Portfolio, quarter_of
from sim.portfolio.sheets import Trouble
from sim.quantities import format_money

if TYPE_CHECKING:
    from sim.scenario.document import Scenario

WORTH_TELLING = 0.05  # of what was invested: below it the difference is that of fees by the terms
MOST_TOLD = 5


class Beyond(NamedTuple):
    """In yuan: what a fund has invested (or holds as cash) by its books, and what of it is in no position: taken as
    invested outside the zone, or as cash of a fund that pays in by tranche."""

    invested: float
    outside: float
    cash: float


def investable(row: Row) -> float:
    """Part of a fund's commitments that fees by its terms leave for investing."""
    fee, after = row["fee"], row["fee_after"] if row["fee_after"] is not None else row["fee"]
    return 1.0 - min(0.9, fee * row["invests"] + 0.5 * after * (row["life"] - row["invests"]))


def beyond(row: Row, portfolio: Portfolio) -> Beyond:
    """As the run takes over the books of a fund that is no fund of funds, but for its carry so far."""
    mine = [h for h in portfolio.holdings if h["fund"] == row["id"]]
    last = {firm["id"]: firm["last_post"] for firm in portfolio.firms}
    cost = sum(h["cost"] for h in mine)
    worth = sum(h["value"] if h["value"] is not None else h["share"] * last[h["firm"]] for h in mine)
    quarters, invests = max(0, quarter_of(row["nav_date"]) - quarter_of(row["opens"])), round(4 * row["invests"])
    after = row["fee_after"] if row["fee_after"] is not None else row["fee"]
    late = max(0, quarters - invests)  # quarters in which the fee is on what is held
    fees = 0.25 * (row["fee"] * min(quarters, invests) * row["size"] + after * late * cost)
    rest = max(0.0, row["paid_in"] - cost - fees)
    cash = min(rest, max(0.0, row["nav"] - worth)) if row["tranches"] else 0.0
    return Beyond(cost + rest, rest - cash, cash)


def remarks(portfolio: Portfolio, trouble: Trouble) -> list[str]:
    """Per fund, what of its money the sheets leave open and how it is counted."""
    lang, told = trouble.lang, []  # told: remarks by fund
    column = FUNDS.column("placed").name(lang)
    for row in portfolio.funds:
        if row["kind"] == "guidance":
            continue
        found, placed = beyond(row, portfolio), row["placed"] or 0.0
        whole, outside, cash, here = (
            format_money(x, lang) for x in (found.invested, found.outside, found.cash, placed)
        )
        out: list[str] = []
        if found.outside > WORTH_TELLING * found.invested or placed:
            zh = (
                f"“{row['id']}”按实缴减去费用约投出 {whole}，其中 {outside} 不在持股表中："
                "算作区外的一项合并组合，不计入返投"
            )
            en = (
                f"of about {whole} that {row['id']} has invested (paid in, less fees by its terms), {outside} is in no"
                " position of the sheets: it counts as one pooled portfolio outside the zone, and not towards the"
                " reinvestment ratio"
            )
            if placed:
                zh += f"；表中说明其中 {here} 投在本区：今后应投本区的与返投要求相应减少"
                en += (
                    f"; {here} of it is said to be in firms here: the fund has that much less to put into the zone yet"
                )
            else:
                zh += f"。其中投在本区的，请填入基金表“{column}”一列，或把企业和持股列入表中"
                en += f". What of it is in firms here: say it in the column “{column}” of the funds, or list the firms"
            out.append(trouble.say(zh, en))
        if found.cash > WORTH_TELLING * found.invested:
            out.append(
                trouble.say(
                    f"“{row['id']}”按批次实缴，不在持股表中的 {cash} 算作尚未投出的现金",
                    f"{row['id']} is paid in by tranche: {cash} that is in no position of the sheets counts as cash not"
                    " invested yet",
                )
            )
        if out:
            told.append(out)
    lines = [line for out in told[:MOST_TOLD] for line in out]
    if rest := len(told[MOST_TOLD:]):
        more = "1 more fund is so" if rest == 1 else f"{rest} more funds are so"
        lines.append(trouble.say(f"另有 {rest} 支基金如此", more))
    return lines


def still_local(row: Row, local: float) -> float:
    """Of the share it puts into the zone what is left where some has been placed there beside the positions."""
    return max(0.0, local - (row["placed"] or 0.0) / (row["size"] * investable(row)))


def still_asked(row: Row, base: Scenario) -> float:
    """The reinvestment ratio of a sub-fund, less what was placed beside the positions, a yuan of it counted as one."""
    rules = base.guidance
    asked = rules.reinvestment_of.get(row["id"], rules.reinvestment_of.get(row["mandate"], rules.reinvestment)).value
    return max(0.0, asked - (row["placed"] or 0.0) / row["committed"]) if row["committed"] else asked
