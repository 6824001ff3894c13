"""Rows that contradict each other, columns whose unit must be wrong, and the rule pack of the scenario.

Each check states one thing that must hold and names both places where it does not. Nothing is mended: a sheet in which
amounts stand in 万 in one column and in 元 in another looks like a contradiction by ten thousand, and is asked about.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING

from sim.portfolio.beyond import Beyond, beyond
from sim.portfolio.cells import Row
from sim.portfolio.holdings import Portfolio, quarter_of, stage_number
from sim.portfolio.sheets import Trouble
from sim.quantities import format_money, quarter_name
from sim.terms import sourced

if TYPE_CHECKING:
    from sim.scenario.document import Scenario

EQUAL = 0.005  # how far two statements of one amount may lie apart: rounding in the sheets
UNIT_STEP = 1e4  # 万 over 元
SMALLEST_ROUND = 2e-4  # a round sells more of a firm than this
SHARE_SLACK = 0.01  # of the firm: pools and rounding between cost / post-money and the share held
EXAMPLES = "eg-"  # how the ids of the template's example rows begin
TOGETHER = 3  # from how many rows on one question is asked for a whole column


class Checks:
    """All checks of a portfolio against itself and a scenario. start: the quarter it is to start from."""

    def __init__(self, portfolio: Portfolio, base: Scenario, start: int, trouble: Trouble) -> None:
        self.p, self.base, self.start, self.trouble = portfolio, base, start, trouble
        self.units: dict[tuple[str, str, str, str], list[tuple[Row, Row, str, str]]] = defaultdict(list)

    def all(self) -> None:
        self.unique()
        for row in self.p.funds:
            self.fund(row)
        self.guidance_money()
        for row in self.p.firms:
            self.firm(row)
        for firm, rounds in self.p.rounds_of.items():
            self.rounds(firm, rounds)
        for firm, holdings in self.p.holdings_of.items():
            self.holders(firm, holdings)
        self.cost_of_funds()
        for row in self.p.certificates:
            self.certificate(row)
        self.ask_about_units()

    # --- saying so ---------------------------------------------------------------------------------------------

    def money(self, value: float) -> str:
        return format_money(value, self.trouble.lang)

    def say(self, row: Row, key: str | None, zh: str, en: str, nearest: str | None = None) -> None:
        self.trouble.add(row.where(key), zh, en, nearest)

    def unit(self, row: Row, key: str, other: Row, other_key: str) -> None:
        """A question for later: are these two columns in the same unit?"""
        place = (row.sheet.name or row.sheet.file, key, other.sheet.name or other.sheet.file, other_key)
        self.units[place].append((row, other, key, other_key))

    def ask_about_units(self) -> None:
        for asked in self.units.values():
            for row, other, key, other_key in asked if len(asked) <= TOGETHER else asked[:1]:
                a, b = row[key], other[other_key]
                many = len(asked) > TOGETHER
                rows_zh = f"（同列共 {len(asked)} 行如此）" if many else ""
                rows_en = f" ({len(asked)} rows of this column alike)" if many else ""
                self.say(
                    row,
                    key,
                    f"{self.money(a)} 与 {other.short(other_key)} 的 {self.money(b)} 相差万倍量级：是否一列以万元计、"
                    f"一列以元计？请核对两列表头的单位{rows_zh}",
                    f"{self.money(a)} against {self.money(b)} in {other.short(other_key)}, apart by the order"
                    " of 10 000:"
                    " is one column in 万 (CNY 10k) and the other in 元 (CNY)? State the right unit in its"
                    f" heading{rows_en}",
                )

    def unknown(self, row: Row, key: str, allowed: Iterable[str], zh: str, en: str) -> None:
        import difflib

        close = difflib.get_close_matches(str(row[key]), [x for x in allowed if x], 1, 0.6)
        self.say(row, key, zh, en, close[0] if close else None)

    # --- ids -----------------------------------------------------------------------------------------------------

    def unique(self) -> None:
        """No fund, firm, round, position or certificate stands twice."""
        keys = {
            "funds": ("id",),
            "firms": ("id",),
            "rounds": ("firm", "stage", "date"),
            "holdings": ("firm", "fund", "stage", "date"),
            "certificates": ("firm", "level"),
        }
        for table, parts in keys.items():
            seen: dict[tuple, Row] = {}
            for row in getattr(self.p, table):
                name = tuple(row[part] for part in parts)
                if row[parts[0]] is None:
                    continue
                if name in seen:
                    first = seen[name]
                    what = " ".join(str(x) for x in name if x is not None)
                    self.say(
                        row,
                        parts[0],
                        f"重复：{what} 已见于 {first.short(parts[0])}",
                        f"stands twice: {what} is already in {first.short(parts[0])}",
                    )
                seen.setdefault(name, row)
        for rows in (self.p.funds, self.p.firms):
            examples = [row for row in rows if str(row["id"]).startswith(EXAMPLES)]
            if len(examples) < len(rows):
                for row in examples:
                    self.say(
                        row,
                        "id",
                        "模板的示例行还在；请删除",
                        "an example row of the template is still there: delete it",
                    )

    # --- funds -----------------------------------------------------------------------------------------------------

    def fund(self, row: Row) -> None:
        size, paid = row["size"], row["paid_in"]
        if size is not None and size <= 0:
            self.say(row, "size", "认缴规模须大于零", "the commitments must be above zero")
        if size and paid is not None:
            if paid > 100 * size or 0 < paid < size / 2000:
                self.unit(row, "paid_in", row, "size")
            elif paid > size * (1 + 1e-9):
                self.say(
                    row,
                    "paid_in",
                    f"实缴 {self.money(paid)} 大于认缴 {self.money(size)}（{row.short('size')}）",
                    f"paid in {self.money(paid)} exceeds the commitments of {self.money(size)} ({row.short('size')})",
                )
        for key in ("nav", "distributed"):
            if row[key] and size and row[key] > 200 * max(size, paid or 0):
                self.unit(row, key, row, "size")
        if paid == 0 and (row["distributed"] or row["nav"]):
            self.say(
                row,
                "paid_in",
                "没有实缴，却有分配或净值",
                "nothing was paid in, yet there are distributions or a net asset value",
            )
        opens, nav_date = row["opens"], row["nav_date"]
        if opens and nav_date and nav_date < opens:
            self.say(
                row,
                "nav_date",
                f"净值日 {nav_date} 早于首次交割日 {opens}",
                f"the NAV date {nav_date} lies before the first close {opens}",
            )
        if nav_date and quarter_of(nav_date) > self.start:
            self.late(row, "nav_date")
        if row["invests"] and row["life"] and row["invests"] > row["life"]:
            self.say(
                row,
                "invests",
                f"投资期 {row['invests']:g} 年长于存续期 {row['life']:g} 年",
                f"the investment period of {row['invests']:g} years is longer than the life of {row['life']:g}",
            )
        if opens and row["life"] and quarter_of(opens) + round(4 * row["life"]) <= self.start and row["nav"]:
            end = quarter_name(quarter_of(opens) + round(4 * row["life"]))
            self.say(
                row,
                "life",
                f"存续期已于 {end} 届满，却仍有净值 {self.money(row['nav'])}；若已延期，请填写延期后的存续期",
                f"its life ended in {end}, yet it has a net asset value of {self.money(row['nav'])};"
                " if it was extended, state the extended life",
            )
        carry = 0.2 if row["carry"] is None else row["carry"]
        hurdle = 0.08 if row["hurdle"] is None else row["hurdle"]
        if row["catch_up"] and carry == 0:
            self.say(
                row,
                "catch_up",
                "业绩报酬为零，追赶比例无意义；请填 0",
                "there is no carry to catch up with; write 0",
            )
        elif row["catch_up"] and hurdle == 0:
            self.say(
                row,
                "catch_up",
                "没有门槛收益，追赶比例无意义；请填 0",
                "without a hurdle there is nothing to catch up with; write 0",
            )
        elif row["catch_up"] and row["catch_up"] <= carry:
            self.say(
                row,
                "catch_up",
                f"追赶比例 {row['catch_up']:.0%} 不高于业绩报酬 {carry:.0%}，永远追不上；没有追赶请填 0",
                f"a catch-up of {row['catch_up']:.0%}, not above the carry of {carry:.0%}, never completes;"
                " 0 means none",
            )
        if row["tranche_every"] and row["tranches"] is None and self.readable(row, "tranches"):
            self.say(
                row,
                "tranche_every",
                "没有填写实缴批次，实缴间隔无意义",
                "there are no tranches: state them, or leave this blank",
            )
        self.placed(row)
        self.parent(row)

    def placed(self, row: Row) -> None:
        """What a fund has put into firms here beside its positions is no more than what it had beside them, and no more
        than what its books leave as invested outside of them."""
        placed, paid, back = row["placed"], row["paid_in"], row["distributed"]
        if not placed:
            return
        if row["kind"] == "guidance":
            self.say(
                row, "placed", "引导基金不直接投企业，请留空", "a guidance fund invests in funds: leave this blank"
            )
        elif paid is not None and back is not None:
            cost = sum(h["cost"] or 0.0 for h in self.p.holdings if h["fund"] == row["id"])
            room = max(0.0, paid + back - cost)
            if placed > 100 * (paid + back) > 0:
                self.unit(row, "placed", row, "paid_in")
            elif placed > room * (1 + EQUAL):
                self.say(
                    row,
                    "placed",
                    f"已投本区 {self.money(placed)}，多于实缴与分配中扣除持股成本后的 {self.money(room)}",
                    f"{self.money(placed)} placed here is more than the {self.money(room)} that was paid in or came"
                    " back beyond the cost of its positions",
                )
            elif (found := self.beyond(row)) is not None and placed > found.outside * (1 + EQUAL):
                self.more_than_invested(row, found)

    def beyond(self, row: Row) -> Beyond | None:
        """None where a cell that it stands on is blank or was refused, which is told already."""
        cells = [row[key] for key in ("fee", "invests", "life", "size", "opens", "nav_date", "paid_in", "nav")]
        for h in self.p.holdings:
            if h["fund"] == row["id"]:
                firm = self.p.firm_by_id.get(h["firm"])
                priced = h["value"] is not None or (h["share"] is not None and firm and firm["last_post"] is not None)
                cells += [h["cost"], firm, priced or None]
        return None if any(cell is None for cell in cells) else beyond(row, self.p)

    def more_than_invested(self, row: Row, found: Beyond) -> None:
        """Placed here is more than the books leave as invested beside the positions."""
        placed, outside, cash = (self.money(x) for x in (row["placed"], found.outside, found.cash))
        step = 10.0 ** (math.floor(math.log10(max(found.outside, 1.0))) - 1)
        most = step * math.floor(found.outside / step + 1e-9)  # as it is told, rounded down: what is advised holds
        right = ("请留空", "Leave this blank")
        if most >= UNIT_STEP:
            right = f"最多填 {self.money(most)}", f"State at most {self.money(most)}"
        if found.cash:
            self.say(
                row,
                "placed",
                f"已投本区 {placed}，但按账面，不在持股表中的只有 {outside} 已投出，另 {cash} 是按批次实缴、"
                f"尚未投出的现金；{right[0]}，或把企业和持股列入表中，或更正净值",
                f"{placed} placed here, yet by its books {outside} is invested that is in no position: the other {cash}"
                f" is cash not invested yet, of a fund paid in by tranche. {right[1]}, list the firms and"
                " positions, or correct the net asset value",
            )
        else:
            self.say(
                row,
                "placed",
                f"已投本区 {placed}，多于实缴减去费用与持股成本后的 {outside}；{right[0]}，或更正实缴、费率",
                f"{placed} placed here is more than the {outside} that paid in leaves after fees by its terms and the"
                f" cost of its positions. {right[1]}, or correct what was paid in or the fees",
            )

    def parent(self, row: Row) -> None:
        """A sub-fund names its guidance fund, its mandate and the guidance money in it; no other fund does."""
        if row["kind"] is None:
            return
        if row["kind"] != "sub-fund":
            for key in ("parent", "committed", "mandate"):
                if row[key] is not None:
                    self.say(
                        row,
                        key,
                        "仅子基金填写这一列",
                        f"only a sub-fund has this; the kind of this row is {row['kind']}",
                    )
            return
        for key in ("parent", "committed", "mandate"):
            if row[key] is None and self.readable(row, key):
                self.say(row, key, "子基金须填写这一列", "a sub-fund needs this")
        outside = {c.id: c.kind for c in self.base.funds}
        inside = {r["id"]: r["kind"] for r in self.p.funds}
        known = outside | inside
        parent = row["parent"]
        if parent is not None and parent not in known:
            self.unknown(
                row,
                "parent",
                [k for k, kind in known.items() if kind == "guidance"],
                f"基金表和情景中都没有引导基金“{parent}”",
                f"there is no guidance fund “{parent}” in the sheet of funds or in the scenario",
            )
        elif parent is not None and known[parent] not in ("guidance", None):
            self.say(
                row,
                "parent",
                f"“{parent}”不是引导基金，而是 {known[parent]}",
                f"“{parent}” is no guidance fund but {known[parent]}",
            )
        self.contribution_cap(row)

    def readable(self, row: Row, key: str) -> bool:
        """Whether a None means blank: a cell that was refused has been told already."""
        return key not in row.values

    def contribution_cap(self, row: Row) -> None:
        """The guidance money in a sub-fund stays below the cap of the rule pack (出资比例上限)."""
        committed, size, mandate = row["committed"], row["size"], row["mandate"]
        if not committed or not size or mandate is None:
            return
        if committed > 100 * size or committed < size / 2000:
            self.unit(row, "committed", row, "size")
            return
        cap = getattr(self.base.guidance.cap, mandate)
        if committed > size * (1 + 1e-9):
            self.say(
                row,
                "committed",
                f"引导基金认缴 {self.money(committed)} 大于基金规模 {self.money(size)}",
                f"the guidance money of {self.money(committed)} exceeds the size of {self.money(size)}",
            )
        elif committed / size > cap.value + 1e-9:
            self.say(
                row,
                "committed",
                f"引导基金出资比例 {committed / size:.1%} 高于上限 {cap.value:.0%}（guidance.cap.{mandate}，"
                f"{sourced(cap.source, 'zh')}）；"
                f"若获准突破，请加 --set guidance.cap.{mandate}=…",
                f"guidance money is {committed / size:.1%} of the fund, above the cap of {cap.value:.0%}"
                f" (guidance.cap.{mandate}: {cap.source}); if that was allowed, add --set guidance.cap.{mandate}=…",
            )

    def guidance_money(self) -> None:
        """What a guidance fund has committed to its sub-funds stays within its own size."""
        sums: Counter[str] = Counter()
        last: dict[str, Row] = {}
        for row in self.p.funds:
            if row["kind"] == "sub-fund" and row["parent"] and row["committed"]:
                sums[row["parent"]] += row["committed"]
                last[row["parent"]] = row
        for parent, total in sums.items():
            fund = self.p.fund_by_id.get(parent)
            size = fund["size"] if fund else None
            if size and total > size * (1 + 1e-9) and total < 100 * size:
                self.say(
                    last[parent],
                    "committed",
                    f"“{parent}”对子基金的认缴合计 {self.money(total)}，大于其规模 {self.money(size)}（"
                    f"{fund.short('size') if fund else ''}）",
                    f"“{parent}” has committed {self.money(total)} in all, more than its size of {self.money(size)}"
                    f" ({fund.short('size') if fund else ''})",
                )

    def cost_of_funds(self) -> None:
        """A fund cannot have paid more for what it holds than its partners' money and what came back to it."""
        spent: Counter[str] = Counter()
        last: dict[str, Row] = {}
        for row in self.p.holdings:
            if row["fund"] and row["cost"]:
                spent[row["fund"]] += row["cost"]
                last[row["fund"]] = row
        for name, cost in spent.items():
            fund = self.p.fund_by_id.get(name)
            if fund is None or fund["paid_in"] is None or fund["distributed"] is None:
                continue
            room = fund["paid_in"] + fund["distributed"]
            if cost > 100 * room > 0:
                self.unit(last[name], "cost", fund, "paid_in")
            elif cost > room * (1 + EQUAL):
                self.say(
                    last[name],
                    "cost",
                    f"基金“{name}”持仓成本合计 {self.money(cost)}，大于累计实缴与分配之和 {self.money(room)}（"
                    f"{fund.short('paid_in')}）",
                    f"the holdings of “{name}” cost {self.money(cost)} in all, more than was paid in and came back:"
                    f" {self.money(room)} ({fund.short('paid_in')})",
                )

    # --- firms and rounds -------------------------------------------------------------------------------------------

    def late(self, row: Row, key: str) -> None:
        when = quarter_name(self.start)
        self.say(
            row,
            key,
            f"{row[key]} 晚于组合的时点 {when}（最近的净值日）；如需改期，请加 --start",
            f"{row[key]} is later than the portfolio's date {when} (the last NAV date); --start gives another",
        )

    def firm(self, row: Row) -> None:
        name = row["id"]
        if row["founded"] and quarter_of(row["founded"]) > self.start:
            self.late(row, "founded")
        if row["revenue"] and row["last_post"] and row["revenue"] > 2000 * row["last_post"]:
            self.unit(row, "revenue", row, "last_post")
        rounds = self.p.rounds_of.get(name, []) if name else []
        if not rounds:
            for key in ("last_stage", "last_date", "last_amount"):
                if row[key] is None and self.readable(row, key):
                    self.say(
                        row,
                        key,
                        "融资轮次表没有该企业，须填写最近一轮的轮次、日期和融资额",
                        "the sheet of rounds has none of this firm: state its last round, its date and what it raised",
                    )
            self.priced(row, "last_amount", row, "last_post")
            if row["last_date"]:
                self.dated(row, "last_date", row)
            return
        last = self.last(rounds)
        if last is None:
            return
        stated, post = row["last_post"], last["post"]
        if stated and post and last["date"] and not self.same(stated, post):
            if self.unit_apart(stated, post):
                self.unit(row, "last_post", last, "post")
            else:
                self.say(
                    row,
                    "last_post",
                    f"最近投后估值 {self.money(stated)} 与最后一轮的 {self.money(post)}（{last.short('post')}）不一致",
                    f"the last post-money {self.money(stated)} disagrees with {self.money(post)} of the last round"
                    f" ({last.short('post')})",
                )
        for key, other in (("last_stage", "stage"), ("last_amount", "amount")):
            a, b = row[key], last[other]
            if a is not None and b is not None and a != b and (isinstance(a, str) or not self.same(a, b)):
                self.say(
                    row,
                    key,
                    f"与融资轮次表的最后一轮（{last.short(other)}）不一致",
                    f"disagrees with the last round in {last.short(other)}",
                )

    def last(self, rounds: list[Row]) -> Row | None:
        """The last of a firm's rounds; None where a date was refused, and with it their order is unknown."""
        refused = any(r["date"] is None and not self.readable(r, "date") for r in rounds)
        return None if refused or not rounds else rounds[-1]

    def same(self, a: float, b: float) -> bool:
        return abs(a - b) <= EQUAL * max(abs(a), abs(b))

    def unit_apart(self, a: float, b: float) -> bool:
        """Whether two amounts that should agree are apart by 万 (or by 亿)."""
        big, small = max(a, b), min(a, b)
        return small > 0 and any(abs(big / small / step - 1) <= 0.02 for step in (UNIT_STEP, UNIT_STEP**2))

    def priced(self, row: Row, amount_key: str, other: Row, post_key: str) -> None:
        """What is raised is above zero and below the post-money, and no vanishing part of it."""
        amount, post = row[amount_key], other[post_key]
        if amount is None or post is None:
            return
        if amount <= 0 or post <= 0:
            key = amount_key if amount <= 0 else post_key
            self.say(row, key, "须大于零", "must be above zero")
        elif amount > 20 * post or amount < SMALLEST_ROUND * post:
            self.unit(row, amount_key, other, post_key)
        elif amount >= post:
            self.say(
                row,
                amount_key,
                f"融资额 {self.money(amount)} 不小于投后估值 {self.money(post)}（{other.short(post_key)}）",
                f"raised {self.money(amount)}, not below the post-money of {self.money(post)}"
                f" ({other.short(post_key)})",
            )

    def dated(self, row: Row, key: str, firm: Row | None) -> None:
        """A date of a firm lies between its founding and the portfolio's date."""
        day = row[key]
        if quarter_of(day) > self.start:
            self.late(row, key)
        elif firm is not None and firm["founded"] and day < firm["founded"]:
            self.say(
                row,
                key,
                f"{day} 早于企业成立日期 {firm['founded']}（{firm.short('founded')}）",
                f"{day} lies before the firm was founded on {firm['founded']} ({firm.short('founded')})",
            )

    def known_firm(self, row: Row) -> Row | None:
        firm = self.p.firm_by_id.get(row["firm"] or "")
        if firm is None and row["firm"]:
            self.unknown(
                row,
                "firm",
                self.p.firm_by_id,
                f"企业表中没有“{row['firm']}”",
                f"there is no firm “{row['firm']}” in the sheet of firms",
            )
        return firm

    def rounds(self, name: str, rounds: list[Row]) -> None:
        for row in rounds:
            firm = self.known_firm(row)
            if row["date"]:
                self.dated(row, "date", firm)
            self.priced(row, "amount", row, "post")
            price, shares, post = row["price"], row["shares"], row["post"]
            if price and shares and post and not self.same(price * shares, post):
                if self.unit_apart(price * shares, post) or max(price * shares, post) > 100 * min(price * shares, post):
                    self.say(
                        row,
                        "price",
                        f"每股价格 × 总股数 = {self.money(price * shares)}，与投后估值 {self.money(post)} 相差"
                        "万倍量级："
                        "请核对各列表头的单位（元、万元、股、万股）",
                        f"price x shares = {self.money(price * shares)} against a post-money of {self.money(post)},"
                        " apart by the order of 10 000: which unit is each column in (CNY, CNY 10k, shares,"
                        " 10k shares)?",
                    )
                else:
                    self.say(
                        row,
                        "price",
                        f"每股价格 × 总股数 = {self.money(price * shares)}，不等于投后估值 {self.money(post)}（"
                        f"{row.short('post')}）",
                        f"price x shares = {self.money(price * shares)} is not the post-money of {self.money(post)}"
                        f" ({row.short('post')})",
                    )
        for before, after in pairwise(r for r in rounds if r["date"] and r["shares"]):
            if after["shares"] < before["shares"] * (1 - EQUAL):
                self.say(
                    after,
                    "shares",
                    f"该轮发行的股数为负：投后总股数 {after['shares']:,.0f}，少于上一轮之后的 {before['shares']:,.0f}"
                    f"（{before.short('shares')}）",
                    f"this round would issue a negative number of shares: {after['shares']:,.0f} after it, and"
                    f" {before['shares']:,.0f} after the round before ({before.short('shares')})",
                )
        ordered = sorted(rounds, key=lambda r: (stage_number(r["stage"]), r.number))
        for before, after in pairwise(ordered):
            forward = stage_number(before["stage"]) < stage_number(after["stage"])
            if forward and before["date"] and after["date"] and after["date"] < before["date"]:
                self.say(
                    after,
                    "date",
                    f"后一轮（{after['stage']}，{after['date']}）早于前一轮（{before['stage']}，"
                    f"{before['date']}，{before.short('date')}）",
                    f"a later round ({after['stage']}, {after['date']}) is earlier than the one before it"
                    f" ({before['stage']}, {before['date']}, {before.short('date')})",
                )

    # --- positions -------------------------------------------------------------------------------------------------

    def holders(self, name: str, holdings: list[Row]) -> None:
        rounds = self.p.rounds_of.get(name, [])
        last = self.last(rounds)
        total = 0.0
        paid: dict[int, float] = defaultdict(float)
        buyers: dict[int, tuple[Row, Row]] = {}
        for row in holdings:
            firm = self.known_firm(row)
            fund = self.p.fund_by_id.get(row["fund"] or "")
            if row["fund"] and fund is None:
                ids = {*self.p.fund_by_id, *(c.id for c in self.base.funds)}
                if row["fund"] not in ids:
                    self.unknown(
                        row,
                        "fund",
                        ids,
                        f"基金表中没有“{row['fund']}”",
                        f"there is no fund “{row['fund']}” in the sheet of funds",
                    )
            total += row["share"] or 0.0
            bought = self.bought(row, rounds)
            if row["date"]:
                self.dated(row, "date", firm)
            when = row["date"] or (bought["date"] if bought else None)
            if when and fund is not None and fund["opens"] and when < fund["opens"]:
                self.say(
                    row,
                    "date" if row["date"] else "fund",
                    f"投资日期 {when} 早于基金首次交割日 {fund['opens']}（{fund.short('opens')}）",
                    f"bought on {when}, before the fund's first close on {fund['opens']} ({fund.short('opens')})",
                )
            self.position(row, bought, firm, last)
            if bought is not None and row["cost"]:
                paid[bought.number] += row["cost"]
                buyers[bought.number] = (row, bought)
        for number, cost in paid.items():
            row, bought = buyers[number]
            if bought["amount"] and cost > bought["amount"] * (1 + EQUAL) and row["cost"] <= bought["amount"]:
                self.say(
                    row,
                    "cost",
                    f"该轮各基金投资合计 {self.money(cost)}，大于融资额 {self.money(bought['amount'])}（"
                    f"{bought.short('amount')}）",
                    f"the funds paid {self.money(cost)} in this round, more than the"
                    f" {self.money(bought['amount'])} raised"
                    f" ({bought.short('amount')})",
                )
        if total > 1.0 + 1e-9:
            places = ", ".join(row.short("share") for row in holdings[:4])
            self.say(
                holdings[-1],
                "share",
                f"“{name}”的持股合计 {total:.1%}，超过 100%（{places}）",
                f"the holdings of “{name}” sum to {total:.1%}, above 100% ({places})",
            )

    def bought(self, row: Row, rounds: list[Row]) -> Row | None:
        """The round a position was bought in; a problem where the sheet leaves it open."""
        found = self.p.rounds_bought(row)
        if row["stage"] is None:
            return None
        if not found and rounds:
            key = "date" if row["date"] and any(r["stage"] == row["stage"] for r in rounds) else "stage"
            self.say(
                row,
                key,
                "融资轮次表中没有该企业的这一轮（"
                f"{row['stage']}{'' if row['date'] is None else ' ' + str(row['date'])}）",
                f"the sheet of rounds has no such round of this firm"
                f" ({row['stage']}{'' if row['date'] is None else ' ' + str(row['date'])})",
            )
        elif len(found) > 1:
            self.say(
                row,
                "date" if "date" in row.sheet.columns else "stage",
                f"{row['stage']} 轮有 {len(found)} 次交割，请填写投资日期",
                f"stage {row['stage']} closed {len(found)} times: state the date",
            )
        return found[0] if len(found) == 1 else None

    def position(self, row: Row, bought: Row | None, firm: Row | None, last: Row | None) -> None:
        """One position against its round and the firm: its cost, its shares, its share of the firm."""
        cost, share = row["cost"], row["share"]
        amount = bought["amount"] if bought else None
        if cost and bought is not None and amount:
            if cost > 20 * amount or cost < amount / 50_000:
                self.unit(row, "cost", bought, "amount")
                return
            if cost > amount * (1 + EQUAL):
                self.say(
                    row,
                    "cost",
                    f"投资成本 {self.money(cost)} 大于该轮融资额 {self.money(amount)}（{bought.short('amount')}）",
                    f"cost {self.money(cost)}, more than the whole round raised: {self.money(amount)}"
                    f" ({bought.short('amount')})",
                )
        total = last["shares"] if last else None
        if row["shares"] and last is not None and total:
            if row["shares"] > total * (1 + 1e-9):
                self.say(
                    row,
                    "shares",
                    f"持股数 {row['shares']:,.0f} 大于企业总股数 {total:,.0f}（{last.short('shares')}）",
                    f"holds {row['shares']:,.0f} shares, more than the firm has: {total:,.0f} ({last.short('shares')})",
                )
            elif share is not None and abs(row["shares"] / total - share) > SHARE_SLACK / 2:
                self.say(
                    row,
                    "share",
                    f"持股比例 {share:.2%} 与持股数之比 {row['shares'] / total:.2%}（{row.short('shares')}）不一致",
                    f"a share of {share:.2%} disagrees with its shares, {row['shares'] / total:.2%} of the firm"
                    f" ({row.short('shares')})",
                )
        if cost and share is not None and bought is not None and bought is last and bought["post"]:
            expected = cost / bought["post"]
            if abs(share - expected) > max(SHARE_SLACK, 0.1 * expected):
                if self.unit_apart(share, expected):
                    self.unit(row, "cost", bought, "post")
                else:
                    self.say(
                        row,
                        "share",
                        f"最后一轮以 {self.money(cost)} 买入，按投后 {self.money(bought['post'])}（"
                        f"{bought.short('post')}）应占 {expected:.1%}，现为 {share:.1%}",
                        f"paid {self.money(cost)} in the last round at {self.money(bought['post'])}"
                        f" ({bought.short('post')}):"
                        f" {expected:.1%} of the firm, not {share:.1%}",
                    )
        post = firm["last_post"] if firm else None
        if row["value"] and share and post and firm is not None:
            ratio = row["value"] / (share * post)
            if ratio > 200 or 0.5 < ratio * UNIT_STEP < 2:
                self.unit(row, "value", firm, "last_post")

    def certificate(self, row: Row) -> None:
        firm = self.known_firm(row)
        if row["since"]:
            self.dated(row, "since", firm)
        if row["since"] and row["until"] and row["until"] < row["since"]:
            self.say(
                row,
                "until",
                f"有效期至 {row['until']}，早于认定日期 {row['since']}",
                f"valid until {row['until']}, before it was granted on {row['since']}",
            )
        elif row["until"] and quarter_of(row["until"]) < self.start:
            self.say(
                row,
                "until",
                f"已于 {row['until']} 失效；请删除此行或填写新的有效期",
                f"expired on {row['until']}: delete the row, or state the new validity",
            )
