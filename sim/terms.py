"""One table of terms, Chinese and English: what figures, summaries and commands print, and the labels of metrics.

Keys are dotted and plain like the names of metrics. A metric's label is its own entry, or is composed of the
entries of its parts: `ladder.certificates.hte.entered` = the level's name and `of.entered`; `rounds.raised.a` =
`rounds.raised` and `stage.a`.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False  # see sim/__init__.py
if TYPE_CHECKING:
    from collections.abc import Mapping

    Names = Mapping[str, Mapping[str, str] | str]

LANGUAGES = ("zh", "en")

COUNTED = ("firms", "certificates", "funds", "rounds", "times", "jobs")  # units that are shown without a fraction

TERMS: dict[str, tuple[str, str]] = {
    "headwater": ("活水", "Headwater"),
    "zone": ("园区", "Zone"),
    "firm": ("企业", "Firm"),
    "quarter": ("季度", "Quarter"),
    "year": ("年", "Year"),
    "metric": ("指标", "Metric"),
    "scenario": ("情景", "Scenario"),
    "replication": ("个世界", "worlds"),
    "ensemble": ("模拟集合", "Ensemble"),
    "seed": ("随机种子", "seed"),
    "sweep": ("参数扫描", "Sweep"),
    "counterfactual": ("反事实", "Counterfactual"),
    "baseline": ("基准", "Baseline"),
    "unit": ("单位", "Unit"),
    "mean": ("均值", "Mean"),
    "median": ("中位数", "Median"),
    "fact": ("公布数据", "Published fact"),
    "observed": ("公布值", "Observed"),
    "simulated": ("模拟值", "Simulated"),
    "date": ("日期", "Date"),
    "source": ("来源", "Source"),
    "source.none": ("见 {file}，未注明出处", "stated in {file} without a source"),
    "source.set": ("命令行", "command line"),
    "source.page": ("在推演网页上设定；{file} 中为 {was}", "set on the what-if page; {was} in {file}"),
    "source.spread": ("{was}（均值，有分布）", "{was} on average, uncertain"),
    "source.blank": ("表中未填", "left blank in the sheet"),
    "source.sheet": ("{file}，{sheet} 第 {row} 行", "{file}, {sheet} row {row}"),
    "source.row": ("{file}，第 {row} 行", "{file}, row {row}"),
    "source.starter": ("起步文件", "starter file"),
    "parameter": ("参数", "Parameter"),
    "probability": ("概率", "Probability"),
    # parameters whose key says too little away from its table; of a class of funds where the last key is a class.
    # Figures have room for 51 letters beside their rows
    "parameter.guidance.reinvestment_drag": (
        "返投比例每超出一单位所失去的社会资本比例",
        "partners' money lost per unit of reinvestment ratio",
    ),
    "parameter.guidance.reinvestment_free": (
        "社会出资人可接受的返投比例",
        "reinvestment ratio private partners do not mind",
    ),
    "parameter.guidance.cap": ("{of}出资比例上限", "contribution cap (出资比例上限), {of}"),
    "parameter.guidance.tolerance": ("{of}容错率", "loss tolerated (容错), {of}"),
    "parameter.guidance.reinvestment_of": ("{of}返投比例", "reinvestment ratio (返投), {of}"),
    "parameter.guidance.limits.fee_of": ("{of}年管理费上限", "largest yearly fee, {of}"),
    "parameter.outside.growth": ("区外投资年对数增长率", "yearly log growth of money placed outside the zone"),
    "reinvestment.missed": ("返投未达标", "share that missed the reinvestment ratio"),
    # units
    "unit.firms": ("家", "firms"),
    "unit.certificates": ("家", "firms"),
    "unit.funds": ("支", "funds"),
    "unit.rounds": ("轮", "rounds"),
    "unit.times": ("次", "times"),
    "unit.jobs": ("人", "jobs"),
    "unit.CNY": ("元", "CNY"),
    "unit.ratio": ("倍", "×"),
    "unit.share": ("%", "%"),
    "unit.points": ("个百分点", "pp"),  # differences of shares
    "unit.years": ("年", "years"),
    "unit.index": ("指数", "index"),
    "unit.units": ("件", "units"),
    "unit.kinds": ("项", "items"),
    "unit.m2": ("平方米", "m²"),
    "unit.kgce": ("千克标准煤", "kg coal eq."),
    "unit.kgce_per_10k": ("千克标准煤/万元", "kg coal eq. per CNY 10k"),
    # grades of a number's source, and uses of a fact
    "grade.published": ("公布", "published"),
    "grade.estimated": ("估计", "estimated"),
    "grade.assumed": ("假设", "assumed"),
    "fact.reached": ("达到概率", "P(reached)"),
    "fact.since": ("（自{quarter}）", ", since {quarter}"),
    "fact.use": ("用途", "Use"),
    "use.input": ("输入", "input"),
    "use.calibrate": ("校准", "calibration"),
    "use.check": ("检验", "check"),
    "use.goal": ("目标", "goal"),
    "inside": ("区间内", "inside"),
    "outside": ("区间外", "outside"),
    "not_scored": ("不评分", "not scored"),
    "bound.at_least": ("至少", "at least"),
    "bound.at_most": ("至多", "at most"),
    "bound.exact": ("等于", "equal to"),
    # stages
    "stage.angel": ("天使轮", "angel"),
    "stage.seed": ("Pre-A轮", "seed"),
    "stage.a": ("A轮", "series A"),
    "stage.b": ("B轮", "series B"),
    "stage.c": ("C轮", "series C"),
    "stage.d": ("D轮", "series D"),
    "stage.pre_ipo": ("Pre-IPO轮", "pre-IPO"),
    # kinds of funds; the plural ones are groups, as metrics sum over them
    "fund.guidance": ("引导基金", "guidance fund"),
    "fund.sub-fund": ("子基金", "sub-fund"),
    "fund.subfunds": ("子基金", "sub-funds"),
    "fund.market": ("市场化基金", "market funds"),
    "fund.direct": ("直接投资", "direct investment"),
    "fund.attraction": ("资本招商", "attracted investment"),
    "fund.park": ("基金园区", "fund park"),
    "fund.secondary": ("S基金", "secondary fund"),
    # sources of firms and ways they end
    "firm.organic": ("自主创办", "founded here"),
    "firm.incubator": ("孵化毕业", "from incubators"),
    "firm.attracted": ("招引落户", "attracted"),
    "firm.named": ("具名企业", "named firms"),
    "end.died": ("注销", "closed"),
    "end.moved": ("迁出", "moved away"),
    "end.sold": ("被并购", "sold"),
    "end.listed": ("上市", "listed"),
    "regime.cold": ("冷", "cold"),
    "regime.normal": ("常", "normal"),
    "regime.hot": ("热", "hot"),
    # ladders and levels that scenarios share; a scenario's own names come first
    "ladder.certificates": ("认定梯度", "Certificates"),
    "ladder.listing": ("上市梯度", "Listing pipeline"),
    "ladder.green": ("绿色工厂梯度", "Green factories"),
    "ladder.smart": ("智能工厂梯度", "Smart factories"),
    "ladder.supply": ("绿色供应链梯度", "Green supply chains"),
    "level.tech_sme": ("科技型中小企业", "Technology SMEs"),
    "level.sme": ("科技型中小企业", "Technology SMEs"),
    "level.hte": ("高新技术企业", "High-tech enterprises"),
    "level.srdi": ("专精特新中小企业", "Specialised SMEs (SRDI)"),
    "level.giant": ("专精特新“小巨人”", "Little giants"),
    "level.champion": ("制造业单项冠军", "Manufacturing champions"),
    "level.reserve": ("上市后备企业", "Listing reserve"),
    "level.provincial": ("省级上市后备", "Provincial reserve"),
    "level.tutoring": ("上市辅导", "In tutoring"),
    "level.review": ("在审", "In review"),
    "level.approved": ("过会待发", "Approved, awaiting issue"),
    "level.abroad": ("境外上市", "Listed abroad"),
    "level.listed": ("境内上市公司", "Listed at home"),
    "level.city": ("市级", "City level"),
    "level.national": ("国家级", "National level"),
    # what is told of a level, a fund, a firm
    "of.entered": ("新增", "entered"),
    "of.left": ("退出", "left"),
    "of.size": ("规模", "size"),
    "of.count": ("数量", "number"),
    "of.paid_in": ("累计实缴", "paid in"),
    "of.called": ("累计缴款", "called"),
    "of.committed": ("认缴", "committed"),
    "of.distributed": ("累计分配", "distributed"),
    "of.nav": ("净值", "net asset value"),
    "of.tvpi": ("总值倍数 TVPI", "TVPI"),
    "of.dpi": ("分配倍数 DPI", "DPI"),
    "of.rvpi": ("未实现倍数 RVPI", "RVPI"),
    "of.irr": ("内部收益率 IRR", "IRR"),
    "of.invested.local": ("区内投资", "invested in the zone"),
    "of.invested.outside": ("区外投资", "invested outside the zone"),
    "of.invested": ("累计投资", "invested"),
    "of.fees": ("累计费用", "fees"),
    "of.carry": ("业绩报酬", "carried interest"),
    "of.net_cash": ("累计净现金流", "cumulative net cash flow"),
    "of.net_cash_flow": ("累计净现金流", "cumulative net cash flow"),
    "of.valuation": ("估值", "valuation"),
    "of.post_money": ("最近投后估值", "last post-money valuation"),
    "of.multiple": ("估值倍数（最近/首轮投后）", "valuation multiple (last / first post-money)"),
    "of.adopters": ("采纳企业", "adopters"),
    "of.spent": ("累计支出", "spent"),
    # metrics with a name of their own
    "firms.alive": ("存续企业", "Firms alive"),
    "firms.ever": ("累计培育企业", "Firms ever present"),
    "firms.entered": ("累计新增企业", "Firms entered"),
    "firms.died": ("累计注销企业", "Firms closed"),
    "firms.moved_away": ("累计迁出企业", "Firms moved away"),
    "firms.sold": ("累计被并购企业", "Firms sold"),
    "firms.venture": ("创投型企业", "Venture-type firms"),
    "firms.backed": ("获投企业", "Venture-backed firms"),
    "firms.organic": ("自主创办企业", "Firms founded here"),
    "firms.incubator.alive": ("孵化器企业", "Firms from incubators"),
    "firms.attracted.alive": ("招引企业", "Attracted firms"),
    "firms.attracted.landed": ("累计落户企业", "Firms landed"),
    "jobs.total": ("从业人员", "Jobs"),
    "jobs.attracted": ("招引企业从业人员", "Jobs in attracted firms"),
    "output.total": ("季度产值", "Output in the quarter"),
    "output.year": ("年产值", "Output of the last four quarters"),
    "valuation.attracted.total": ("招引企业总估值", "Value of attracted firms"),
    "valuation.post_money.total": ("未上市获投企业总估值", "Total post-money, unlisted firms"),
    "valuation.post_money.max": ("最高投后估值", "Largest post-money valuation"),
    "valuation.post_money.mean": ("平均投后估值", "Mean post-money valuation"),
    "valuation.unicorns": ("独角兽企业", "Unicorns"),
    "valuation.listed.total": ("上市公司市值", "Market value of listed firms"),
    "valuation.total": ("企业总估值", "Total valuation"),
    "valuation.multiple.max": ("最高估值倍数", "Largest valuation multiple"),
    "valuation.multiple.share_above": ("估值倍数达标占比", "Share of firms above the multiple"),
    "valuation.multiple.mean": ("平均估值倍数", "Mean valuation multiple"),
    "valuation": ("估值", "Valuation"),
    "rounds.count": ("融资轮次", "Rounds closed"),
    "rounds.raised": ("融资额", "Money raised"),
    "rounds.count.total": ("融资轮次", "Rounds closed"),
    "rounds.raised.total": ("融资额", "Money raised"),
    "rounds.failed": ("累计融资失败", "Rounds failed"),
    "rounds.down": ("累计降价融资", "Down rounds"),
    "funds.leverage": ("放大倍数", "Leverage"),
    "funds.subfunds.lapsed": ("未能设立的子基金", "Sub-fund proposals lapsed"),
    "funds.subfunds.others": ("社会资本出资", "Other partners' money in sub-funds"),
    "funds.subfunds.additional": ("投向园区的新增社会资本", "Other partners' money for the zone that is new to it"),
    "funds.park.size": ("基金园区注册规模", "Registered size of the fund park"),
    "funds.park.count": ("基金园区注册企业", "Enterprises in the fund park"),
    "public.outlay": ("财政累计支出", "Public outlay"),
    "public.recovered": ("财政累计回收", "Public money recovered"),
    "public.net_cost_pv": ("财政净成本（现值）", "Public net cost (present value)"),
    "public.tax_received": ("累计税收", "Tax received"),
    "public.tax_forgone": ("累计减免税", "Tax forgone"),
    "market.regime": ("市场冷热", "Market regime"),
    "market.multiple": ("上市公司估值倍数（对数指数）", "Listed multiples (log index)"),
    "market.private": ("一级市场定价（对数指数）", "Private pricing (log index)"),
    "market.ipo_window": ("上市窗口（1为常态）", "IPO window (1 = normal)"),
    "rounds.redeemed": ("累计回购付款次数（对各基金）", "Redemption payments to funds"),
    "exits.proceeds": ("累计退出收入", "Exit proceeds"),
    "firms.listed": ("上市公司（境内外）", "Listed, at home and abroad"),
    "firms.listed_backed": ("获投企业上市", "Backed firms listed"),
    # figures
    "figure.overview": ("园区总览", "The zone at a glance"),
    "figure.firms": ("企业", "Firms"),
    "figure.valuation": ("估值", "Valuations"),
    "figure.rounds": ("融资轮次", "Financing rounds"),
    "figure.funds": ("基金", "Funds"),
    "figure.market": ("市场", "Market"),
    "figure.public": ("财政账", "Public accounts"),
    "figure.named": ("具名企业", "Named firms"),
    "figure.programmes": ("政策工具", "Programmes"),
    "figure.incubators": ("孵化器", "Incubators"),
    "figure.published": ("公布数据与模拟曲线", "Published figures on their curves"),
    "figure.published.note": (
        "此处 {shown} 项，全部 {all} 项见“模拟与公布数据对照”（scoreboard）",
        "{shown} of {all} published figures; the scoreboard has all of them",
    ),
    "figure.pipeline": (
        "每家企业同时只在一个层级；末图为境内外上市合计",
        "a firm stands on one level at a time; the last panel is both kinds of listing together",
    ),
    "figure.multiples": ("估值倍数分布", "How far valuations multiply"),
    "figure.multiples.axis": ("最近一轮投后 ÷ 首轮投后（对数轴）", "last post-money ÷ first post-money (log axis)"),
    "figure.multiples.share": ("企业占比", "share of firms"),
    "figure.fund_flow": ("资金流向", "Where the money goes"),
    "figure.j_curve": ("基金累计净现金流（J曲线）", "Cumulative net cash flow of the funds (J-curve)"),
    "figure.scoreboard": ("模拟与公布数据对照", "The model against what was published"),
    "figure.scoreboard.axis": ("模拟 ÷ 公布值（对数轴）", "simulated ÷ observed (log axis)"),
    "figure.difference": ("差异", "Difference"),
    "figure.paired": ("同一随机数配对", "paired draw by draw"),
    "figure.band.half": ("25–75%区间", "25–75 % of worlds"),
    "figure.band.most": ("5–95%区间", "5–95 % of worlds"),
    "figure.history": ("已有公布数据", "published so far"),
    "figure.divider": (
        "公布数据用到{quarter}，其后为推演",
        "published facts used up to {quarter}, projection after it",
    ),
    "figure.projection": ("推演", "projection"),
    "figure.log": ("（对数轴）", " (log axis)"),
    "figure.regimes": ("各世界中的占比 %", "% of worlds"),
    "figure.year_end": ("年末", "end of year"),
    "figure.break_even": ("回本", "breaks even"),
    "figure.trough": ("最深", "trough"),
    "figure.at_end": (
        "{quarter}：中位数 {p50}（5–95%：{p05} – {p95}）",
        "{quarter}: median {p50} (5–95 %: {p05} to {p95})",
    ),
    "figure.renewal": ("每年新增与退出", "entered and left each year"),
    "figure.entered": ("当年新增", "entered"),
    "figure.left": ("当年退出", "left"),
    "figure.net": ("净变化", "net change"),
    "figure.interval": ("均值的95%置信区间", "95 % interval of the mean"),
    "figure.above": ("≥ {multiple}×：{share}", "≥ {multiple}×: {share}"),
    "figure.published_multiple": ("公布 {multiple}×", "published: {multiple}×"),
    "figure.marked_multiple": ("标杆 {multiple}×", "marked: {multiple}×"),
    "figure.multiples.count": (
        "有明细的{worlds}个世界中{count}家次企业，{quarter}",
        "{count} firms, worlds logged: {worlds}, {quarter}",
    ),
    "figure.multiples.once": (
        "；{share}只融过一轮（恒为1×，不画）；中位数为其余企业",
        "; {share} had one round only (1×, not drawn); the median is that of the others",
    ),
    "figure.some": ("（共{all}个）", " of {all}"),
    "figure.overrides": ("改设 {sets}", "set {sets}"),
    "figure.flow.at": (
        "累计至{quarter}，各世界均值；基金的钱来自出资人与企业退出",
        "cumulative to {quarter}, mean of worlds; funds take in partners' money and proceeds of exits",
    ),
    "figure.scored": ("{inside}/{scored} 在5–95%区间内", "{inside} of {scored} inside their 5–95 % band"),
    "scored.sure": (
        "，其中{count}项是几乎各世界都满足的界限，不大可能不符",
        ", {count} of them bounds that nearly every world meets and that could hardly fail",
    ),
    "figure.minus": ("{variant} − {baseline}", "{variant} − {baseline}"),
    "figure.no_change": ("无差异", "no difference"),
    "figure.empty": ("没有可画的数据", "nothing to draw"),
    "figure.fact.input": ("公布值（用作输入）", "published, an input"),
    "figure.fact.inside": ("公布值，在区间内", "published, inside"),
    "figure.fact.outside": ("公布值，在区间外", "published, outside"),
    "figure.fact.goal": ("目标", "goal"),
    "figure.fact.at_least": (
        "公布值为下限，区间达到即可",
        "published, a floor: inside where the band reaches it",
    ),
    "figure.fact.at_most": ("公布值为上限", "published, a ceiling"),
    "figure.fact.beyond": ("区间超出坐标轴", "band goes on beyond the axis"),
    "figure.fact.told": ("该企业的公布值", "published of this very firm"),
    "returns.since": (
        "†：起点前已有账面或增值。IRR 与 KS-PME 自起点算起，以当时的净值为首笔投入；"
        "TVPI 与 DPI 自最初出资算起，含起点前的增值。",
        "†: with books or gains from before the start. IRR and KS-PME count from the start, with the net asset value of"
        " then as the first payment; TVPI and DPI count from the first payment of all, gains of before included.",
    ),
    "returns.no_pme": (
        "–：KS-PME 按基金计算；一类出资人持有许多基金的份额，不另计算。",
        "–: KS-PME is computed fund by fund; a kind of partner holds parts of many funds and has none of its own.",
    ),
    "returns.since.alpha": (
        "†：起点前已有账面或增值。IRR、KS-PME 与直接阿尔法自起点算起，以当时的净值为首笔投入；"
        "TVPI 与 DPI 自最初出资算起，含起点前的增值。",
        "†: with books or gains from before the start. IRR, KS-PME and direct alpha count from the start, with the net"
        " asset value of then as the first payment; TVPI and DPI count from the first payment of all, gains of before"
        " included.",
    ),
    "figure.payoff": ("{firm}：出售时谁得多少", "{firm}: who gets what in a sale"),
    "figure.payoff.sub": ("{when}的股权结构", "cap table of {when}"),
    "figure.payoff.exit": ("出售价格（对数轴）", "sold for, CNY (log axis)"),
    "figure.payoff.money": (
        "各类股份所得（对数轴）；圆点：该类转为普通股之处",
        "payout by class, CNY (log axis); a dot where the class converts into common",
    ),
    "figure.payoff.parts": ("占出售价款的比例", "part of the proceeds"),
    "figure.payoff.key": ("{name}（{value} 起转换）", "{name} (from {value})"),
    "figure.payoff.together": ("{count}类在此转换", "{count} classes convert"),
    "payoff.common": ("创始人与期权池", "founders and pool"),
    # a cap table that was typed in
    "captable.today": ("目前", "today"),
    "captable.money": ("金额为人民币元", "money in CNY"),
    "captable.ordinary": ("普通股", "ordinary shares"),
    "captable.options": ("已授期权", "granted options"),
    "captable.pool": ("未授期权池", "unissued pool"),
    "captable.others": ("其他投资人", "other investors"),
    "captable.founders": ("创始人合计", "founders together"),
    "captable.common": ("普通股与已授期权", "ordinary shares and granted options"),
    "captable.and": ("，", ", "),
    "captable.all": ("合计", "all"),
    "captable.by_holder": ("按持有人", "by holder"),
    "captable.shares": ("股数", "shares"),
    "captable.before": ("轮前股数", "shares before"),
    "captable.after": ("轮后股数", "shares after"),
    "captable.diluted": ("完全稀释", "fully diluted"),
    "captable.worth": ("按{price}元/股计值", "worth at CNY {price}"),
    "captable.no_price": ("计值", "worth"),
    "captable.round": (
        "{name}，{date}：融资{money}，投前{pre}，每股{price}元，投后{post}",
        "{name}, {date}: {money} at {pre} pre-money, {price} a share, {post} post-money",
    ),
    "captable.topped_up": ("融资前增设期权 {count} 份", "{count} options made before the money"),
    "captable.protected": (
        "反稀释：{name}的转换比升至 {conversion}，多得 {count} 股",
        "anti-dilution: {name} converts at {conversion} now, {count} shares more",
    ),
    "captable.terms": ("股份条款", "terms of the classes"),
    "captable.paid": ("已付", "paid"),
    "captable.price": ("每股价格", "price"),
    "captable.preference": ("优先权", "preference"),
    "captable.rank": ("顺位", "rank"),
    "captable.participates": ("参与", "participates"),
    "captable.anti_dilution": ("反稀释", "anti-dilution"),
    "captable.conversion": ("转换比", "converts 1:"),
    "captable.redemption": ("回购年利率", "redemption a year"),
    "captable.high": (
        "{name}的优先权为 {times} 倍，远高于通常的 1 至 3 倍，请核对",
        "{name} has a preference of {times}x, far above the usual 1x to 3x: check it",
    ),
    "captable.redemption.years": ("届时可要求回购（成本加单利）", "may ask back by then (cost, simple interest)"),
    "captable.redemption.founders": ("创始人股份按最近价格计值", "founders' shares at the last price"),
    "captable.joins": ("参与", "yes"),
    "captable.joins_to": ("参与至{cap}倍", "to {cap}x"),
    "captable.joins_not": ("不参与", "no"),
    "anti_dilution.none": ("无", "none"),
    "anti_dilution.weighted_average": ("加权平均", "weighted average"),
    "anti_dilution.ratchet": ("完全棘轮", "full ratchet"),
    "captable.dilution": ("创始人的股比", "the founders' share"),
    "captable.dilution.before": ("轮前", "before"),
    "captable.dilution.pool": ("期权池", "pool"),
    "captable.dilution.anti_dilution": ("反稀释", "anti-dilution"),
    "captable.dilution.new_money": ("新资金", "new money"),
    "captable.dilution.bought": ("自购", "bought"),
    "captable.dilution.after": ("轮后", "after"),
    "captable.exits": ("退出时谁得多少", "who gets what at an exit"),
    "captable.sale": ("{after}后出售", "sale after {after}"),
    "captable.listing": ("{after}后上市", "listing after {after}"),
    "captable.sale.today": ("目前出售", "sale today"),
    "captable.listing.today": ("目前上市", "listing today"),
    "captable.proceeds": ("价款（上市为市值）", "proceeds (listing: value)"),
    "captable.converted": ("*：转为普通股", "*: converts into ordinary shares"),
    "captable.claim": ("{name}届时可要求回购", "{name} may ask back by then"),
    "captable.claim.note": (
        "回购权的金额不在上面的分配之内：二者只能取一",
        "what a redemption right may ask for is no part of the split above: it is one or the other",
    ),
    "captable.turns": ("出售价款升高时，自何处起", "as a sale brings more"),
    "captable.turn.preference": ("{name}的优先权全额受偿", "{name} has its preference in full"),
    "captable.turn.cap": ("{name}达到参与上限", "{name} reaches its cap"),
    "captable.turn.converts": ("{name}转为普通股", "{name} converts into ordinary shares"),
    "captable.turn.founders": ("创始人所得", "founders get"),
    "captable.turn.next": ("此后每元所得", "of each further yuan"),
    "captable.source": (
        "Headwater 活水 · {file} · 未计行权价、债务与费用",
        "Headwater 活水 · {file} · without exercise prices, debt, costs",
    ),
    # nodes of the fund flow
    "flow.treasury": ("财政出资", "Treasury"),
    "flow.guidance": ("引导基金", "Guidance fund"),
    "flow.others": ("其他出资人", "Other partners"),
    "report.undrawn.differences": (
        "另有{count}项差异未在此画图：{names}。数值见上表，图在 compare 结果的 figures/ 中。",
        "Differences not drawn here: {count} ({names}). The table above has their numbers, figures/ in the folder of"
        " `compare` their figures.",
    ),
    "report.undrawn.outputs": (
        "另有{count}项指标未在此画图：{names}。数值在 sweep 结果的 indices.csv 中，图在其 figures/ 中。",
        "Outputs not drawn here: {count} ({names}). In the folder of `sweep`, indices.csv has their numbers and"
        " figures/ their figures.",
    ),
    "flow.market": ("市场化基金", "Market funds"),
    "flow.direct": ("直接投资", "Direct investment"),
    "flow.attraction": ("资本招商", "Attracted investment"),
    "flow.subfunds": ("子基金", "Sub-funds"),
    "flow.local": ("区内企业", "Firms in the zone"),
    "flow.outside": ("区外企业", "Firms elsewhere"),
    "flow.fees": ("管理费与运营费用", "Fees, expenses"),
    "flow.carry": ("业绩报酬", "Carry"),
    "flow.cash": ("账面现金", "Cash in hand"),
    "flow.exits": ("企业退出所得", "Exits of firms"),
    "flow.back": ("分配给出资人", "Back to partners"),
    "flow.held": ("在投未退", "Still invested"),
}


class UnknownTerm(KeyError):
    """A key that the table has no entry for; the message names the nearest one."""

    def __str__(self) -> str:
        return str(self.args[0])


def term(key: str, lang: str) -> str:
    """The wording of `key` in "zh" or "en"."""
    if key not in TERMS:
        raise UnknownTerm(f"no term {key!r}{_nearest(key, TERMS)}")
    return TERMS[key][_column(lang)]


def sourced(source: str, lang: str) -> str:
    """A source or note in the reader's language: our own words where the program wrote it, the twin of a text of the
    shipped scenarios (sim.sources), any other as its file states it."""
    for key, ours in _of_our_own():
        found = ours.fullmatch(source)
        if found:
            held = {slot: sourced(text, lang) for slot, text in found.groupdict().items()}
            return term(key, lang).format(**held)
    if lang != "zh":
        return source
    from sim.sources import chinese  # read only where something is told in Chinese

    return chinese(source)


def _of_our_own() -> list[tuple[str, re.Pattern[str]]]:
    """(key, what its wording fits) of the sources that the program writes itself, in either language."""
    if not _ours:
        for key, wordings in TERMS.items():
            if key.startswith("source."):
                for wording in wordings:
                    fits = re.sub(r"\\{row\\}", r"(?P<row>\\d+)", re.escape(wording))
                    _ours.append((key, re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+)", fits))))
    return _ours


_ours: list[tuple[str, re.Pattern[str]]] = []


def label_of(metric: str, names: Names | None, lang: str) -> str:
    """The label of a dotted metric name.

    `names` holds what the scenario itself calls its ladders, levels, funds and firms. It is asked for the full path
    ("certificates.hte"), then for the last part ("hte"), before the table.

    >>> label_of("rounds.raised.a", {}, "en")
    'Money raised, series A'
    >>> label_of("ladder.certificates.hte.entered", {"hte": {"zh": "高企", "en": "HTE"}}, "zh")
    '高企：新增'
    """
    names = names or {}
    if metric in TERMS:
        return term(metric, lang)
    room, *parts = metric.split(".")
    if not parts:
        raise UnknownTerm(f"no label for the metric {metric!r}{_nearest(metric, TERMS)}")
    if room == "rounds" and len(parts) == 2:
        stage = term(f"stage.{parts[1]}", lang)
        return _joined(term(f"rounds.{parts[0]}", lang), stage, lang, ", ", "，")
    for cut in range(1, len(parts)):  # the longest ending that says what is told of the subject
        said = f"of.{'.'.join(parts[cut:])}"
        if said in TERMS:
            return _joined(_named(".".join(parts[:cut]), _PREFIXES.get(room, ()), names, lang), term(said, lang), lang)
    return _named(".".join(parts), _PREFIXES.get(room, ()), names, lang)


def standing_alone(metric: str, label: str, lang: str) -> str:
    """A metric's label away from the rows among which a run tells it: "of which" and "missed it" lean on those."""
    if metric == "funds.subfunds.additional":
        told = term(metric, lang)
        return told[:1].lower() + told[1:]
    if metric.startswith("guidance.reinvestment.missed.") and lang == "en":
        return _joined(label.partition(": ")[0], term("reinvestment.missed", lang), lang)
    return label


_PREFIXES = {"ladder": ("level", "ladder"), "funds": ("fund",), "firms": ("firm",), "named": ("firm",)}


def _named(path: str, prefixes: tuple[str, ...], names: Names, lang: str) -> str:
    last = path.rpartition(".")[2]
    for key in (path, last):
        if key in names:
            name = names[key]
            return name if isinstance(name, str) else name[lang]
    for prefix in prefixes:
        for key in (f"{prefix}.{path}", f"{prefix}.{last}"):
            if key in TERMS:
                return capital(term(key, lang))
    candidates = [*names, *(key.partition(".")[2] for key in TERMS if key.partition(".")[0] in prefixes)]
    raise UnknownTerm(f"no name for {path!r}{_nearest(last, candidates)}")


def _joined(first: str, second: str, lang: str, en: str = ": ", zh: str = "：") -> str:
    return f"{first}{zh if lang == 'zh' else en}{second}"


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _column(lang: str) -> int:
    try:
        return LANGUAGES.index(lang)
    except ValueError:
        raise UnknownTerm(f"no language {lang!r}; there are zh and en") from None


def _nearest(key: str, keys) -> str:
    from difflib import get_close_matches

    close = get_close_matches(key, list(keys), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def plural(count: int, noun: str) -> str:
    """How many, in English: 1 world, 2 worlds."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
