"""Which metric stands in which row of world.metrics, with its unit and its label in both languages.

The fixed rows follow sim.model.report.M, the blocks follow its base offsets; a test holds the two together.
No numba at import: `check` and facts need the names without a kernel.
"""

from typing import TYPE_CHECKING

from sim.model.metrics import Kind, Metric
from sim.model.stages import STAGE_LABELS

if TYPE_CHECKING:
    from sim.scenario.document import Scenario

_STOCK: Kind = "stock"
_FLOW: Kind = "flow"
_RATIO: Kind = "ratio"
_INDEX: Kind = "index"

# name, unit, kind, zh, en: in the order of sim.model.report.M
FIXED: tuple[tuple[str, str, Kind, str, str], ...] = (
    ("firms.alive", "firms", _STOCK, "在园企业", "firms in the zone"),
    ("firms.ever", "firms", _STOCK, "累计培育企业", "firms ever present"),
    ("firms.entered", "firms", _STOCK, "累计新增企业", "firms entered since the start"),
    ("firms.died", "firms", _STOCK, "累计退出企业", "firms closed since the start"),
    ("firms.moved_away", "firms", _STOCK, "累计迁出企业", "firms moved away since the start"),
    ("firms.sold", "firms", _STOCK, "累计被并购企业", "firms sold since the start"),
    ("firms.venture", "firms", _STOCK, "寻求股权融资的企业", "venture-type firms"),
    ("firms.backed", "firms", _STOCK, "有股权融资的未上市企业", "unlisted venture-backed firms"),
    ("firms.organic", "firms", _STOCK, "本地创办企业", "firms founded in the zone"),
    ("firms.incubator.alive", "firms", _STOCK, "孵化器企业", "firms from incubators"),
    ("firms.attracted.alive", "firms", _STOCK, "招商引进企业", "attracted firms in the zone"),
    ("firms.attracted.landed", "firms", _STOCK, "资本招商累计落地企业", "firms landed by attracted investment"),
    ("jobs.total", "jobs", _STOCK, "就业人数", "jobs"),
    ("jobs.attracted", "jobs", _STOCK, "招商引进企业就业", "jobs in attracted firms"),
    ("output.total", "CNY", _FLOW, "当季产值", "output of the quarter"),
    ("output.year", "CNY", _FLOW, "年产值", "output of the last four quarters"),
    ("valuation.attracted.total", "CNY", _STOCK, "招商引进企业总市值", "value of attracted firms"),
    ("valuation.post_money.total", "CNY", _STOCK, "未上市企业投后估值合计", "post-money of unlisted firms, total"),
    ("valuation.post_money.max", "CNY", _STOCK, "最高投后估值", "largest post-money"),
    ("valuation.post_money.mean", "CNY", _STOCK, "平均投后估值", "mean post-money"),
    ("valuation.unicorns", "firms", _STOCK, "独角兽企业", "unicorns"),
    ("valuation.listed.total", "CNY", _STOCK, "上市企业总市值", "market value of listed firms"),
    (
        "valuation.total",
        "CNY",
        _STOCK,
        "总估值（未上市投后 + 上市市值）",
        "total valuation (post-money + market value)",
    ),
    (
        "valuation.multiple.max",
        "ratio",
        _RATIO,
        "最高估值倍数（末轮/首轮投后）",
        "largest multiple of first post-money",
    ),
    (
        "valuation.multiple.share_above",
        "share",
        _RATIO,
        "估值倍数达到标杆的企业占比",
        "share of firms above the marked multiple",
    ),
    ("valuation.multiple.mean", "ratio", _RATIO, "平均估值倍数", "mean multiple of first post-money"),
    ("rounds.count.total", "rounds", _FLOW, "当季融资轮次", "rounds in the quarter"),
    ("rounds.raised.total", "CNY", _FLOW, "当季融资额", "money raised in the quarter"),
    ("rounds.failed", "rounds", _STOCK, "累计融资未成", "failed attempts since the start"),
    ("rounds.down", "rounds", _STOCK, "累计降价融资", "down rounds since the start"),
    ("firms.listed_backed", "firms", _STOCK, "累计有股权融资的上市企业", "venture-backed listings since the start"),
    ("funds.leverage", "ratio", _RATIO, "引导基金放大倍数", "leverage of the guidance fund"),
    ("funds.subfunds.closed", "funds", _STOCK, "累计设立子基金", "sub-funds closed since the start"),
    ("funds.subfunds.lapsed", "funds", _STOCK, "未募成的子基金申请", "sub-fund proposals lapsed"),
    ("funds.subfunds.others", "CNY", _STOCK, "子基金社会资本认缴", "other partners' commitments to sub-funds"),
    ("funds.subfunds.additional", "CNY", _STOCK, "其中新增的社会资本", "of which new to the zone"),
    ("funds.park.size", "CNY", _STOCK, "基金小镇注册规模", "registered size in the fund park"),
    ("funds.park.count", "firms", _STOCK, "基金小镇注册企业", "enterprises registered in the fund park"),
    ("public.outlay", "CNY", _STOCK, "财政累计出资", "public outlay since the start"),
    ("public.recovered", "CNY", _STOCK, "财政累计收回", "public money recovered since the start"),
    ("public.net_cost_pv", "CNY", _STOCK, "财政净成本现值", "net public cost, present value"),
    ("public.tax_received", "CNY", _STOCK, "企业所得税累计", "corporate tax received since the start"),
    ("public.tax_forgone", "CNY", _STOCK, "高企税收优惠累计", "tax forgone by the reduced rate since the start"),
    ("market.regime", "index", _INDEX, "市场状态（0 冷 1 常 2 热）", "market regime (0 cold, 1 normal, 2 hot)"),
    ("market.multiple", "index", _INDEX, "上市估值指数", "index of listed multiples"),
    ("market.private", "index", _INDEX, "一级市场定价指数", "index of private pricing"),
    ("market.ipo_window", "index", _INDEX, "上市窗口", "IPO window"),
    ("rounds.redeemed", "rounds", _STOCK, "累计回购", "redemptions since the start"),
    ("exits.proceeds", "CNY", _STOCK, "累计退出金额", "exit proceeds since the start"),
    (
        "valuation.backed.max",
        "CNY",
        _STOCK,
        "有股权融资企业的最高估值（含已上市）",
        "largest value of an equity-backed firm, listed ones included",
    ),
)

KIND_NAMES = (
    ("guidance", "引导基金", "guidance fund"),
    ("subfunds", "子基金", "sub-funds"),
    ("market", "市场化基金", "market funds"),
    ("direct", "直投基金", "direct fund"),
    ("attraction", "招商基金", "attraction fund"),
)
KIND_ROWS: tuple[tuple[str, str, Kind, str, str], ...] = (
    ("size", "CNY", _STOCK, "认缴规模", "commitments"),
    ("paid_in", "CNY", _STOCK, "实缴", "paid-in"),
    ("distributed", "CNY", _STOCK, "分配", "distributed"),
    ("nav", "CNY", _STOCK, "净值", "net asset value"),
    ("tvpi", "ratio", _RATIO, "TVPI", "TVPI"),
    ("dpi", "ratio", _RATIO, "DPI", "DPI"),
    ("invested.local", "CNY", _STOCK, "投向园区", "invested in the zone"),
    ("invested.outside", "CNY", _STOCK, "投向园外", "invested outside"),
    ("fees", "CNY", _STOCK, "管理费", "fees"),
    ("carry", "CNY", _STOCK, "业绩报酬", "carried interest"),
    ("net_cash", "CNY", _STOCK, "累计净现金流", "cumulative net cash flow"),
    ("count", "funds", _STOCK, "基金数量", "number of funds"),
)


def metrics_of(scenario: "Scenario") -> list[Metric]:
    """All metrics of a scenario, in the order of the rows of world.metrics."""
    out = [Metric(name, unit, {"zh": zh, "en": en}, kind) for name, unit, kind, zh, en in FIXED]
    for stage, zh, en in STAGE_LABELS:
        out.append(
            Metric(
                f"rounds.count.{stage}", "rounds", {"zh": f"当季{zh}轮次", "en": f"{en} rounds in the quarter"}, _FLOW
            )
        )
        out.append(
            Metric(f"rounds.raised.{stage}", "CNY", {"zh": f"当季{zh}融资额", "en": f"raised in {en} rounds"}, _FLOW)
        )
    for ladder_id, ladder in scenario.ladders.items():
        for level_id, level in ladder.levels.items():
            base = f"ladder.{ladder_id}.{level_id}"
            zh, en = level.name.zh, level.name.en
            out.append(Metric(base, "firms", {"zh": zh, "en": en}, _STOCK))
            out.append(Metric(f"{base}.entered", "firms", {"zh": f"{zh}累计新增", "en": f"{en}: entered"}, _STOCK))
            out.append(Metric(f"{base}.left", "firms", {"zh": f"{zh}累计退出", "en": f"{en}: left"}, _STOCK))
    for kind, zh, en in KIND_NAMES:
        for row, unit, what, row_zh, row_en in KIND_ROWS:
            label = {"zh": f"{zh}{row_zh}", "en": f"{en}: {row_en}"}
            out.append(Metric(f"funds.{kind}.{row}", unit, label, what))
    for firm in scenario.named:
        zh, en = firm.name.zh, firm.name.en
        out.append(Metric(f"named.{firm.id}.valuation", "CNY", {"zh": f"{zh}估值", "en": f"{en}: valuation"}, _STOCK))
        label = {"zh": f"{zh}估值倍数", "en": f"{en}: multiple of first post-money"}
        out.append(Metric(f"named.{firm.id}.multiple", "ratio", label, _RATIO))
    return out
