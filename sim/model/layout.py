"""Which metric stands in which row of world.metrics, with its unit and its label in both languages.

The fixed rows follow sim.model.report.M, the blocks follow its base offsets; a test holds the two together.
No numba at import: `check` and facts need the names without a kernel.
"""

from typing import TYPE_CHECKING, Any

from sim.model.limits import followed
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
    ("firms.died", "firms", _STOCK, "累计注销企业", "firms closed since the start"),
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
    ("rounds.failed", "times", _STOCK, "累计融资未成", "failed attempts since the start"),
    ("rounds.down", "rounds", _STOCK, "累计降价融资", "down rounds since the start"),
    ("firms.listed_backed", "firms", _STOCK, "累计有股权融资的上市企业", "venture-backed listings since the start"),
    ("funds.leverage", "ratio", _RATIO, "引导基金放大倍数", "leverage of the guidance fund"),
    ("funds.subfunds.closed", "funds", _STOCK, "累计设立子基金", "sub-funds closed since the start"),
    ("funds.subfunds.lapsed", "funds", _STOCK, "未募成的子基金申请", "sub-fund proposals lapsed"),
    ("funds.subfunds.others", "CNY", _STOCK, "子基金社会资本认缴", "other partners' commitments to sub-funds"),
    (
        "funds.subfunds.additional",
        "CNY",
        _STOCK,
        "其中新增于本区的社会资本",
        "of which meant for the zone and new to it",
    ),
    ("funds.park.size", "CNY", _STOCK, "基金小镇注册规模", "registered size in the fund park"),
    ("funds.park.count", "firms", _STOCK, "基金小镇注册企业", "enterprises registered in the fund park"),
    ("public.outlay", "CNY", _STOCK, "财政累计出资", "public outlay since the start"),
    ("public.recovered", "CNY", _STOCK, "财政累计收回", "public money recovered since the start"),
    (
        "public.net_cost_pv",
        "CNY",
        _STOCK,
        "财政净支出现值（起始日以来的现金）",
        "net public cash cost since the start, present value",
    ),
    ("public.tax_received", "CNY", _STOCK, "企业所得税累计", "corporate tax received since the start"),
    ("public.tax_forgone", "CNY", _STOCK, "高企税收优惠累计", "tax forgone by the reduced rate since the start"),
    ("market.regime", "index", _INDEX, "市场状态（0 冷 1 常 2 热）", "market regime (0 cold, 1 normal, 2 hot)"),
    ("market.multiple", "index", _INDEX, "上市估值指数", "index of listed multiples"),
    ("market.private", "index", _INDEX, "一级市场定价指数", "index of private pricing"),
    ("market.ipo_window", "index", _INDEX, "上市窗口", "IPO window"),
    (
        "rounds.redeemed",
        "times",
        _STOCK,
        "累计回购付款次数（对各基金）",
        "redemption payments to funds since the start",
    ),
    ("exits.proceeds", "CNY", _STOCK, "累计退出金额", "exit proceeds since the start"),
    (
        "valuation.backed.max",
        "CNY",
        _STOCK,
        "有股权融资企业的最高估值（含已上市）",
        "largest value of an equity-backed firm, listed ones included",
    ),
    ("listing.age.last", "years", _RATIO, "最近一家上市企业的上市年龄", "age at listing of the last firm listed"),
    ("listing.age.mean", "years", _RATIO, "累计上市企业平均上市年龄", "mean age at listing since the start"),
    ("valuation.fair.total", "CNY", _STOCK, "未上市企业公允价值合计", "fair value of unlisted firms, total"),
    ("valuation.fair.ratio", "ratio", _RATIO, "投后估值/公允价值", "post-money over fair value"),
    ("exits.secondary", "CNY", _STOCK, "累计二手份额转让", "secondary sales since the start"),
    ("exits.redemption", "CNY", _STOCK, "累计回购金额", "paid in redemptions since the start"),
    ("firms.attracted.listed", "firms", _STOCK, "招商引进的上市企业", "listed firms that moved in"),
    ("firms.listed", "firms", _STOCK, "上市公司（境内外）", "listed companies, at home and abroad"),
    (
        "public.net_cost_held_pv",
        "CNY",
        _STOCK,
        "财政净成本（计入所持权益的增减，现值）",
        "net public cost with what the stakes held have gained or lost, present value",
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
    ("count", "funds", _STOCK, "累计数量", "funds opened so far"),
    ("rvpi", "ratio", _RATIO, "RVPI", "RVPI"),
    ("pic", "ratio", _RATIO, "实缴比例", "paid-in over commitments"),
    ("expenses", "CNY", _STOCK, "运营费用", "expenses"),
    ("carry_accrued", "CNY", _STOCK, "计提未付业绩报酬", "carry accrued, not paid"),
    ("clawback", "CNY", _STOCK, "业绩报酬回拨", "carry clawed back"),
    ("recycled", "CNY", _STOCK, "循环投资", "proceeds kept to be invested again"),
    ("cash", "CNY", _STOCK, "账面现金", "cash"),
    ("nav_fair", "CNY", _STOCK, "公允净值", "net asset value at fair value"),
    ("irr", "share", _RATIO, "IRR", "IRR"),
    ("ks_pme", "ratio", _RATIO, "KS-PME", "KS-PME"),
    ("direct_alpha", "share", _RATIO, "直接阿尔法", "direct alpha"),
)
KIND_IDS = tuple(kind for kind, _, _ in KIND_NAMES)
PARTNER_NAMES = (
    ("treasury", "财政", "treasury"),
    ("state", "国企出资人", "state firms"),
    ("private", "社会出资人", "private partners"),
)
PARTNER_ROWS: tuple[tuple[str, str, Kind, str, str], ...] = (
    ("committed", "CNY", _STOCK, "认缴", "commitments"),
    ("paid_in", "CNY", _STOCK, "实缴", "paid in"),
    ("distributed", "CNY", _STOCK, "收到分配", "received"),
    ("nav", "CNY", _STOCK, "净值", "net asset value"),
    ("tvpi", "ratio", _RATIO, "TVPI", "TVPI"),
    ("irr", "share", _RATIO, "IRR", "IRR"),
)
GUIDANCE_ROWS: tuple[tuple[str, str, Kind, str, str], ...] = (
    ("concession", "CNY", _STOCK, "让利", "gains given up (concession)"),
    ("first_loss", "CNY", _STOCK, "劣后承担", "borne for other partners (first loss)"),
    ("fee_withheld", "CNY", _STOCK, "扣减管理费", "fees withheld for missed reinvestment"),
    ("loss", "share", _RATIO, "子基金出资损失率", "loss on money in sub-funds"),
    ("breach", "share", _RATIO, "超过容错率", "loss beyond what is tolerated (1 = yes)"),
    ("score", "index", _INDEX, "绩效评价得分（可测部分）", "evaluation score, measurable part"),
    ("early_share", "share", _RATIO, "投早投小占比", "share invested early"),
    ("holding_years", "years", _RATIO, "平均持有年限", "mean holding period"),
)
CLASS_RULE_ROWS: tuple[tuple[str, str, Kind, str, str], ...] = (
    ("reinvestment.counted", "CNY", _STOCK, "计入返投", "reinvestment counted"),
    ("reinvestment.required", "CNY", _STOCK, "应返投", "reinvestment required"),
    ("reinvestment.missed", "share", _RATIO, "返投未达标", "funds past their investment period that missed it"),
    ("loss", "share", _RATIO, "出资损失率", "loss on guidance money"),
    ("breach", "share", _RATIO, "超过容错率", "loss beyond what is tolerated (1 = yes)"),
)
NAMED_ROWS: tuple[tuple[str, str, Kind, str, str], ...] = (
    ("valuation", "CNY", _STOCK, "估值", "valuation"),
    ("multiple", "ratio", _RATIO, "估值倍数", "multiple of first post-money"),
)
ZONE_ROWS: tuple[tuple[str, str, Kind, str, str], ...] = (
    ("zone.paid_in", "CNY", _STOCK, "园区投入", "put in by the zone"),
    ("zone.distributed", "CNY", _STOCK, "园区收回", "received by the zone"),
    ("zone.nav", "CNY", _STOCK, "园区持股价值", "value of the zone's stake"),
    ("zone.tvpi", "ratio", _RATIO, "园区回报倍数", "the zone's multiple of money"),
    ("zone.irr", "share", _RATIO, "园区IRR", "the zone's IRR"),
)


PROGRAMME_ROWS: tuple[tuple[str, str, Kind, str, str], ...] = (
    ("adopters", "firms", _STOCK, "现有采纳企业", "adopters in the zone"),
    ("adopted", "firms", _STOCK, "累计采纳企业", "adoptions since the start"),
    ("waiting", "firms", _STOCK, "排队企业", "firms waiting"),
    ("spent", "CNY", _STOCK, "累计支出", "spent"),
    ("budget", "CNY", _STOCK, "当年预算", "budget of the year"),
    ("repaid", "CNY", _STOCK, "累计收回", "got back"),
    ("productivity", "share", _RATIO, "采纳企业劳动生产率平均变化", "mean change of adopters' revenue per job"),
    ("energy", "share", _RATIO, "采纳企业单位产值能耗平均变化", "mean change of adopters' energy per output"),
    ("operating_cost", "share", _RATIO, "采纳企业运营成本平均变化", "mean change of adopters' operating cost"),
    ("jobs", "jobs", _STOCK, "就业影响", "effect on jobs"),
    ("profit", "CNY", _STOCK, "年利润影响", "effect on profits a year"),
    ("energy_saved", "kgce", _STOCK, "年节能量", "energy saved a year"),
)
INCUBATOR_ROWS: tuple[tuple[str, str, Kind, str, str], ...] = (
    ("tenants", "firms", _STOCK, "在孵企业", "tenants"),
    ("places", "firms", _STOCK, "可容纳企业", "places"),
    ("vacancy", "share", _RATIO, "空置率", "vacancy"),
    ("waiting", "firms", _STOCK, "排队申请者", "applicants waiting"),
    ("graduated", "firms", _STOCK, "累计毕业企业", "graduates since the start"),
    ("turned_away", "firms", _STOCK, "累计未能入驻申请者", "applicants who gave up waiting"),
    ("rent_forgone", "CNY", _STOCK, "累计减免租金", "rent forgone since the start"),
    ("area", "m2", _STOCK, "孵化面积", "floor area"),
    ("kinds", "kinds", _STOCK, "孵化对象类别", "kinds of tenants"),
    ("services", "kinds", _STOCK, "服务项目", "services"),
    ("anchors", "kinds", _STOCK, "已落地研究中心", "research centres at work"),
)
PROJECT_ROWS: tuple[tuple[str, str, Kind, str, str], ...] = (
    ("output", "CNY", _FLOW, "年化产值", "output at a yearly rate"),
    ("energy", "kgce_per_10k", _RATIO, "单位产值能耗", "energy per output"),
)


def has_energy(scenario: "Scenario") -> bool:
    """Whether some sector states its energy: then the zone's energy is reported."""
    return any(x.energy is not None for x in scenario.firms.sectors.values())


def _block(prefix: str, name: Any, rows: tuple[tuple[str, str, Kind, str, str], ...]) -> list[Metric]:
    return [
        Metric(f"{prefix}.{row}", unit, {"zh": f"{name.zh}：{zh}", "en": f"{name.en}: {en}"}, kind)
        for row, unit, kind, zh, en in rows
    ]


def _later_blocks(scenario: "Scenario") -> list[Metric]:
    """Programmes, incubators, projects, sectors, energy: nothing where a scenario has none of them."""
    out: list[Metric] = []
    for p in scenario.programmes:
        out += _block(f"programme.{p.id}", p.name, PROGRAMME_ROWS)
    for x in scenario.incubators:
        out += _block(f"incubator.{x.id}", x.name, INCUBATOR_ROWS)
    for x in scenario.projects:
        out += _block(f"project.{x.id}", x.name, PROJECT_ROWS)
        for y in x.products:
            label = {"zh": f"{x.name.zh}：{y.name.zh}年产能", "en": f"{x.name.en}: capacity of {y.name.en} a year"}
            out.append(Metric(f"project.{x.id}.capacity.{y.id}", "units", label, _STOCK))
    for sector_id, x in scenario.firms.sectors.items():
        if x.reported:
            zh, en = x.name.zh, x.name.en
            label = {"zh": f"{zh}：年化产值", "en": f"{en}: output at a yearly rate"}
            out.append(Metric(f"output.sector.{sector_id}", "CNY", label, _FLOW))
    if has_energy(scenario):
        label = {"zh": "单位产值能耗（工业）", "en": "energy per output, sectors that state it"}
        out.append(Metric("energy.intensity", "kgce_per_10k", label, _RATIO))
        label = {"zh": "当季能耗", "en": "energy used in the quarter"}
        out.append(Metric("energy.total", "kgce", label, _FLOW))
    return out


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
    named = [*KIND_NAMES, *((c.id, c.name.zh, c.name.en) for c in classes_of(scenario))]
    for kind, zh, en in named:
        out += [_told(f"funds.{kind}.{row}", unit, zh, en, what, *labels) for row, unit, what, *labels in KIND_ROWS]
    for partner, zh, en in PARTNER_NAMES:
        out += [_told(f"partners.{partner}.{row}", *_rest(zh, en, x)) for row, *x in PARTNER_ROWS]
    out += [_told(f"guidance.{row}", *_rest("引导基金", "guidance fund", x)) for row, *x in GUIDANCE_ROWS]
    for c in sub_funds_of(scenario):
        for row, *x in CLASS_RULE_ROWS:
            out.append(_told(f"guidance.{row}.{c.id}", *_rest(c.name.zh, c.name.en, x)))
    for line in lines_of(scenario):
        label = {"zh": f"评价得分：{line.name.zh}", "en": f"evaluation points: {line.name.en}"}
        out.append(Metric(f"guidance.score.{line.id}", "index", label, _INDEX))
    for firm in scenario.named:
        out += [_told(f"named.{firm.id}.{row}", *_rest(firm.name.zh, firm.name.en, x)) for row, *x in NAMED_ROWS]
    for firm in (scenario.named[k] for k in followed(scenario)):
        out += [_told(f"named.{firm.id}.{row}", *_rest(firm.name.zh, firm.name.en, x)) for row, *x in ZONE_ROWS]
    return out + _later_blocks(scenario)


def _rest(zh: str, en: str, row: list) -> tuple:
    unit, what, *labels = row
    return unit, zh, en, what, *labels


def _told(name: str, unit: str, zh: str, en: str, what: Kind, row_zh: str, row_en: str) -> Metric:
    """A metric of something that has a name: what is told of it stands after it."""
    return Metric(name, unit, {"zh": f"{zh}{row_zh}", "en": f"{en}: {row_en}"}, what)


def classes_of(scenario: "Scenario") -> list:
    """Classes of funds with a block of metrics of their own, in the kernel's order. A class with the name of a kind is
    that kind's only class and has the kind's block."""
    return [c for c in scenario.ordered_funds() if c.id not in KIND_IDS]


def sub_funds_of(scenario: "Scenario") -> list:
    """Classes of sub-funds, in the kernel's order."""
    return [c for c in scenario.ordered_funds() if c.kind == "sub-fund"]


def lines_of(scenario: "Scenario") -> list:
    """Lines of the evaluation table."""
    return list(scenario.guidance.evaluation.items) if scenario.guidance.evaluation is not None else []
