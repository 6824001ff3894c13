"""The tables of a portfolio and their columns: headings in Chinese and English, kinds, what belongs into them.

The template prints this table and the reader goes by it, so that they cannot drift apart. A heading of money or shares
ends with its unit in brackets, 认缴规模（万元） or "Commitments (CNY 10k)"; a column without a unit is refused, because
a guess would be wrong by ten thousand.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

Kind = Literal["id", "text", "choice", "choices", "money", "count", "share", "years", "date", "flag", "parts"]

MONEY_UNITS: dict[str, float] = {
    **dict.fromkeys(("元", "人民币元", "cny", "rmb", "yuan"), 1.0),
    **dict.fromkeys(("千元", "cny k", "cny thousand", "thousand cny"), 1e3),
    **dict.fromkeys(
        ("万元", "万", "人民币万元", "cny 10k", "10k cny", "cny 10,000", "rmb 10k", "ten thousand cny"), 1e4
    ),
    **dict.fromkeys(("百万元", "cny m", "cny million", "million cny", "rmb million"), 1e6),
    **dict.fromkeys(("亿元", "亿", "人民币亿元", "cny 100m", "100m cny", "hundred million cny"), 1e8),
    **dict.fromkeys(("cny bn", "cny billion", "billion cny", "rmb billion"), 1e9),
}
COUNT_UNITS: dict[str, float] = {
    **dict.fromkeys(("股", "shares"), 1.0),
    **dict.fromkeys(("万股", "10k shares"), 1e4),
    **dict.fromkeys(("亿股", "100m shares"), 1e8),
}


@dataclass(frozen=True)
class Column:
    """One column. zh, en: its heading without the unit; unit: as the template states it; note: what belongs there."""

    key: str
    kind: Kind
    zh: str
    en: str
    note_zh: str
    note_en: str
    required: bool = False
    unit: tuple[str, str] | None = None
    words: str = ""  # which list of words a choice is made from
    default: str | float | None = None  # of an optional term of a fund, graded "assumed"
    aliases: tuple[str, ...] = ()
    low: float = 0.0
    high: float = float("inf")

    def heading(self, lang: str) -> str:
        """As the template writes it: 认缴规模（万元） or Commitments (CNY 10k)."""
        if lang == "zh":
            return f"{self.zh}（{self.unit[0]}）" if self.unit else self.zh
        return f"{self.en} ({self.unit[1]})" if self.unit else self.en

    def name(self, lang: str) -> str:
        return self.zh if lang == "zh" else self.en


@dataclass(frozen=True)
class TableOf:
    """One table: a sheet of the workbook, or a CSV file of that name."""

    key: str
    zh: str
    en: str
    columns: tuple[Column, ...]
    required: bool
    aliases: tuple[str, ...] = ()

    def name(self, lang: str) -> str:
        return self.zh if lang == "zh" else self.en

    def column(self, key: str) -> Column:
        return next(c for c in self.columns if c.key == key)


WAN = ("万元", "CNY 10k")
YUAN = ("元", "CNY")
SHARES = ("股", "shares")


def _money(key: str, zh: str, en: str, note_zh: str, note_en: str, required: bool = False, **more) -> Column:
    return Column(key, "money", zh, en, note_zh, note_en, required, more.pop("unit", WAN), **more)


FUNDS = TableOf(
    "funds",
    "基金",
    "Funds",
    (
        Column(
            "id",
            "id",
            "基金编号",
            "Fund id",
            "小写字母、数字、- 和 _，全表唯一",
            "small letters, digits, - and _; unique",
            True,
            aliases=("基金代码", "fund"),
        ),
        Column("name", "text", "基金名称", "Fund name", "全称或简称", "full or short name", True, aliases=("name",)),
        Column(
            "kind",
            "choice",
            "类型",
            "Kind",
            "引导基金、子基金、市场化基金、直投、招商基金",
            "guidance, sub-fund, market, direct or attraction",
            True,
            words="kind",
            aliases=("基金类型",),
        ),
        Column(
            "parent",
            "id",
            "所属引导基金",
            "Guidance fund",
            "子基金填写：本表中引导基金的编号",
            "for a sub-fund: id of the guidance fund, in this sheet or in the scenario",
            aliases=("母基金", "parent"),
        ),
        Column(
            "mandate",
            "choice",
            "投向",
            "Mandate",
            "子基金填写：天使、创投、产业；决定出资比例上限",
            "for a sub-fund: angel, venture or industry; decides which contribution cap holds",
            words="mandate",
        ),
        _money("size", "认缴规模", "Commitments", "全体出资人认缴总额", "of all partners together", True),
        _money(
            "committed",
            "其中引导基金认缴",
            "Of which guidance fund",
            "子基金填写：引导基金对它的认缴额",
            "for a sub-fund: what the guidance fund has committed to it",
        ),
        _money("paid_in", "累计实缴", "Paid in", "截至净值日", "up to the date of the net asset value", True),
        _money("distributed", "累计分配", "Distributed", "截至净值日", "up to the date of the net asset value", True),
        _money(
            "nav", "净值", "Net asset value", "扣除费用和业绩报酬后", "after fees and carry", True, aliases=("nav",)
        ),
        Column("nav_date", "date", "净值日", "NAV date", "日期单元格", "a date cell", True, aliases=("净值日期",)),
        Column(
            "opens",
            "date",
            "首次交割日",
            "First close",
            "日期单元格",
            "a date cell",
            True,
            aliases=("成立日", "设立日"),
        ),
        Column("invests", "years", "投资期", "Investment period", "年", "years", True, aliases=("投资期(年)",)),
        Column("life", "years", "存续期", "Life", "年，自首次交割起", "years from the first close", True),
        Column(
            "fee",
            "share",
            "管理费",
            "Fee",
            "每年占认缴的比例，如 2%",
            "share of commitments a year, as 2%",
            True,
            aliases=("管理费率",),
            high=0.2,
        ),
        Column(
            "fee_after",
            "share",
            "退出期管理费",
            "Fee after",
            "每年占在投成本的比例；空白视为与投资期相同",
            "share of the cost of what is held; blank: as in the investment period",
            high=0.2,
        ),
        Column(
            "hurdle",
            "share",
            "门槛收益率",
            "Hurdle",
            "每年复利；空白视为 8%（引导基金、直投为 0）",
            "a year, compounding; blank: 8% (guidance and direct: 0)",
            default=0.08,
            aliases=("门槛收益",),
            high=0.5,
        ),
        Column(
            "catch_up",
            "share",
            "追赶比例",
            "Catch-up",
            "0 至 100%；空白视为 100%",
            "0 to 100%; blank: 100%",
            default=1.0,
            high=1.0,
        ),
        Column(
            "carry",
            "share",
            "业绩报酬",
            "Carry",
            "小于 100%；空白视为 20%",
            "below 100%; blank: 20%",
            default=0.2,
            aliases=("业绩报酬比例", "carried interest"),
            high=0.999,
        ),
        Column(
            "local",
            "share",
            "投向本区比例",
            "Local share",
            "自愿投向园区企业的比例；空白视为 100%",
            "what it puts into firms of the zone of its own accord; blank: 100%",
            default=1.0,
            high=1.0,
        ),
        _money(
            "placed",
            "已投本区（未列入持股表）",
            "Placed here, not in Holdings",
            "已投资金中，投给本区企业而未列入持股表的部分；空白视为没有，表外的都算作区外",
            "of what it has invested, what went into firms of the zone that Holdings does not list; blank: none, and"
            " all that is not listed counts as outside",
        ),
        Column(
            "follow_on",
            "share",
            "跟投预留",
            "Follow-on reserve",
            "占认缴的比例；空白视为 30%",
            "share of commitments; blank: 30%",
            default=0.3,
            high=1.0,
        ),
        Column(
            "tranches",
            "parts",
            "实缴批次",
            "Tranches",
            "分期实缴填写，如 4:3:3 或 40%、30%、30%；空白视为按需缴款",
            "where it is paid in by tranche, as 4:3:3 or 40%, 30%, 30%; blank: called when needed",
            aliases=("分期实缴", "paid-in tranches", "实缴安排"),
        ),
        Column(
            "tranche_every",
            "years",
            "实缴间隔",
            "Tranche interval",
            "两批之间的年数；空白视为 1 年",
            "years between two tranches; blank: 1",
        ),
        Column(
            "stages",
            "choices",
            "投资轮次",
            "Stages",
            "如 天使、种子、A；空白视为其投向通常的轮次",
            "as angel, seed, a; blank: the usual ones of its mandate",
            words="stage",
        ),
        Column(
            "public",
            "flag",
            "财政出资",
            "Public money",
            "出资人是否为财政：是、否；空白视为否",
            "whether the treasury is its partner: yes or no; blank: no",
        ),
    ),
    True,
    ("fund", "基金表"),
)

FIRMS = TableOf(
    "firms",
    "企业",
    "Firms",
    (
        Column(
            "id",
            "id",
            "企业编号",
            "Firm id",
            "小写字母、数字、- 和 _，全表唯一",
            "small letters, digits, - and _; unique",
            True,
            aliases=("firm", "企业代码"),
        ),
        Column("name", "text", "企业名称", "Firm name", "全称或简称", "full or short name", True, aliases=("name",)),
        Column(
            "sector",
            "choice",
            "行业",
            "Sector",
            "情景中的行业编号或名称",
            "id or name of a sector of the scenario",
            True,
            words="sector",
        ),
        Column("founded", "date", "成立日期", "Founded", "日期单元格", "a date cell", True, aliases=("成立日",)),
        _money(
            "revenue", "年营业收入", "Revenue", "最近一年", "of the last year", True, aliases=("营业收入", "revenue")
        ),
        _money(
            "last_post",
            "最近投后估值",
            "Last post-money",
            "须与融资轮次表的最后一轮一致",
            "must agree with the last round in the sheet of rounds",
            True,
            aliases=("最近一轮投后估值", "last post money"),
        ),
        Column(
            "last_stage",
            "choice",
            "最近轮次",
            "Last round",
            "仅在融资轮次表没有该企业时填写",
            "only where the sheet of rounds has no row of the firm",
            words="stage",
        ),
        Column(
            "last_date", "date", "最近一轮日期", "Last round date", "同上", "the same", aliases=("date of last round",)
        ),
        _money("last_amount", "最近一轮融资额", "Last round raised", "同上", "the same"),
    ),
    True,
    ("firm", "企业表", "被投企业"),
)

ROUNDS = TableOf(
    "rounds",
    "融资轮次",
    "Rounds",
    (
        Column(
            "firm", "id", "企业编号", "Firm id", "企业表中的编号", "as in the sheet of firms", True, aliases=("firm",)
        ),
        Column(
            "stage",
            "choice",
            "轮次",
            "Stage",
            "天使、种子、A、B、C、D、Pre-IPO",
            "angel, seed, a … pre_ipo",
            True,
            words="stage",
            aliases=("round",),
        ),
        Column("date", "date", "交割日期", "Closed", "日期单元格", "a date cell", True, aliases=("日期", "date")),
        _money(
            "amount", "融资额", "Raised", "本轮全部投资人", "by all investors of the round", True, aliases=("amount",)
        ),
        _money("post", "投后估值", "Post-money", "大于融资额", "above what was raised", True, aliases=("post money",)),
        _money("price", "每股价格", "Price a share", "可空白", "may be blank", unit=YUAN, aliases=("price per share",)),
        Column(
            "shares",
            "count",
            "投后总股数",
            "Shares after",
            "全面摊薄；每股价格 × 投后总股数 = 投后估值",
            "fully diluted; price x shares = post-money",
            unit=SHARES,
            aliases=("总股数", "total shares"),
        ),
    ),
    False,
    ("round", "轮次", "融资"),
)

HOLDINGS = TableOf(
    "holdings",
    "持股",
    "Holdings",
    (
        Column(
            "firm", "id", "企业编号", "Firm id", "企业表中的编号", "as in the sheet of firms", True, aliases=("firm",)
        ),
        Column(
            "fund", "id", "基金编号", "Fund id", "基金表中的编号", "as in the sheet of funds", True, aliases=("fund",)
        ),
        Column(
            "stage",
            "choice",
            "投资轮次",
            "Bought in",
            "在哪一轮买入；空白表示不区分轮次（如受让老股）",
            "the round it was bought in; blank: of no one round (as shares bought from others)",
            words="stage",
            aliases=("轮次", "stage", "round"),
        ),
        Column(
            "date",
            "date",
            "投资日期",
            "Date",
            "同一轮次有两次交割时必填",
            "needed where a stage closed twice",
            aliases=("日期",),
        ),
        _money("cost", "投资成本", "Cost", "实际支付", "what was paid", True, aliases=("投资额", "invested")),
        Column("shares", "count", "持股数", "Shares held", "可空白", "may be blank", unit=SHARES),
        Column(
            "share",
            "share",
            "持股比例",
            "Share of firm",
            "目前，占企业全部股权",
            "now, of the whole firm",
            True,
            aliases=("持股",),
            high=1.0,
        ),
        _money(
            "value",
            "公允价值",
            "Fair value",
            "基金自己账面上的估值，不是模型按期权算的公允价值；可空白",
            "as the fund's own books put it, not the model's fair value by option pricing; may be blank",
        ),
    ),
    False,
    ("holding", "持仓", "持股明细"),
)

CERTIFICATES = TableOf(
    "certificates",
    "认定",
    "Certificates",
    (
        Column(
            "firm", "id", "企业编号", "Firm id", "企业表中的编号", "as in the sheet of firms", True, aliases=("firm",)
        ),
        Column(
            "level",
            "choice",
            "认定",
            "Certificate",
            "情景中的层级编号或名称",
            "id or name of a level of the scenario",
            True,
            words="level",
            aliases=("层级", "level"),
        ),
        Column("since", "date", "认定日期", "Since", "日期单元格", "a date cell", True, aliases=("日期", "date")),
        Column("until", "date", "有效期至", "Valid until", "可空白", "may be blank", aliases=("到期日",)),
    ),
    False,
    ("certificate", "资质", "认定明细"),
)

TABLES = (FUNDS, FIRMS, ROUNDS, HOLDINGS, CERTIFICATES)
NOTES = ("说明", "Notes")  # the template's page for people; not read

WORDS: dict[str, dict[str, tuple[str, ...]]] = {  # list -> id -> other ways to say it; the first two are zh and en
    "kind": {
        "guidance": ("引导基金", "guidance"),
        "sub-fund": ("子基金", "sub-fund", "subfund", "sub fund"),
        "market": ("市场化基金", "market", "市场化"),
        "direct": ("直投", "direct", "直接投资"),
        "attraction": ("招商基金", "attraction", "资本招商"),
    },
    "mandate": {
        "angel": ("天使", "angel", "早期"),
        "venture": ("创投", "venture", "创业投资"),
        "industry": ("产业", "industry", "产业投资"),
    },
    "stage": {
        "angel": ("天使", "angel", "天使轮", "种子", "种子轮"),
        "seed": ("Pre-A", "seed", "pre-a轮", "天使+"),
        "a": ("A", "a", "a轮", "series a"),
        "b": ("B", "b", "b轮", "series b"),
        "c": ("C", "c", "c轮", "series c"),
        "d": ("D", "d", "d轮", "series d"),
        "pre_ipo": ("Pre-IPO", "pre_ipo", "pre-ipo轮", "pre ipo"),
    },
    "flag": {"yes": ("是", "yes", "y", "true", "1"), "no": ("否", "no", "n", "false", "0")},
}
STAGE_ORDER = tuple(WORDS["stage"])


def folded(text: str) -> str:
    """Text as headings and words are compared: full-width forms, case and spaces do not matter."""
    return " ".join(unicodedata.normalize("NFKC", text).lower().replace("_", " ").split())


def split_unit(heading: str) -> tuple[str, str | None]:
    """`认缴规模（万元）` -> ("认缴规模", "万元"); None where no brackets end it."""
    match = re.fullmatch(r"(.*?)\s*\(([^()]*)\)", folded(heading))
    return (match.group(1), match.group(2).strip()) if match else (folded(heading), None)


def match_column(table: TableOf, heading: str) -> Column | None:
    """The column that a heading names, in either language or by its key."""
    plain, _ = split_unit(heading)
    whole = folded(heading)
    for column in table.columns:
        names = {folded(x) for x in (column.zh, column.en, column.key, *column.aliases)}
        if plain in names or whole in names:
            return column
    return None


def match_table(name: str) -> TableOf | None:
    """The table that a sheet or a file is named after."""
    wanted = folded(name)
    return next(
        (t for t in TABLES if wanted in {folded(x) for x in (t.key, t.zh, t.en, *t.aliases)}),
        None,
    )
