"""What a scenario says of its funds, the guidance fund's rules, the fund park and attracted investment."""

from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator

from sim.scenario.fields import (
    Bounds,
    Coefficient,
    Count,
    Described,
    Dollars,
    Id,
    LocalName,
    Money,
    Number,
    Power,
    Rate,
    Ratio,
    Share,
    SignedRate,
    Spread,
    Table,
    UnitPrice,
    When,
    Years,
)

StageName = Literal["angel", "seed", "a", "b", "c", "d", "pre_ipo"]
FundKindName = Literal["guidance", "sub-fund", "market", "direct", "attraction"]
MandateName = Literal["angel", "venture", "industry"]
FeeBase = Literal["commitment", "paid-in", "invested"]
FollowPolicy = Literal["none", "pro-rata", "top-up"]
CarryForm = Literal["whole-fund", "deal-by-deal"]
Miss = Literal["nothing", "concession", "fee", "both"]
Measure = Literal[
    "reinvestment_asked",
    "no_relocation_clause",
    "social_capital",
    "early_share",
    "holding_years",
    "private_firms",
    "paid_in_share",
    "working_cash",
    "irr",
    "asset_growth",
]
MEASURES: tuple[str, ...] = get_args(Measure)


class FundBooks(Table):
    """What a fund has behind it at the start, from its own books: the state it starts from."""

    settled = "all"

    date: When = Described("date of the net asset value, not after the start")
    paid_in: Money = Described("paid in by its partners to date")
    distributed: Money = Described("distributed to its partners to date")
    nav: Money = Described("net asset value, after fees and carry")


class Pacing(Table):
    """How a fund outside the zone calls, pays out and grows, by the year (Takahashi and Alexander 2002); net of its
    fees and carry."""

    call_rates: list[Share] = Described("part of what is left uncalled that is called in each year; the last repeats")
    bow: Power = Described("shape of its distributions over its life: the part paid out is (year / life)^bow")
    growth: SignedRate = Described("yearly growth of its net asset value")
    yields: Share = Described("least part of the grown net asset value paid out in a year", default=0)


class FundClass(Table):
    """A fund, or a class of funds with the same terms."""

    settled = frozenset(
        (
            "size",
            "size_spread",
            "fee",
            "fee_after",
            "fee_step",
            "fee_extension",
            "expenses",
            "tranches",
            "hurdle",
            "carry",
            "catch_up",
            "recycling",
            "follow_on",
            "concentration",
            "plan",
            "committed",
        )
    )

    id: Id
    name: LocalName
    kind: FundKindName = Described("guidance, sub-fund, market, direct or attraction")
    count: Count = Described("number of funds (of institutions, for market funds)")
    size: Money | None = Described("commitments; for market funds the median allotted to the zone", default=None)
    size_spread: Spread | None = Described("standard deviation of log size", default=None)
    size_mood: Coefficient | None = Described("log size per unit of the log index of private pricing", default=None)
    opens: When | None = Described("first close, or the first quarter in which proposals come", default=None)
    opens_until: When | None = Described("first quarter after the last proposal", default=None)
    every: Years | None = Described("time between two funds of a market institution", default=None)
    invests: Years = Described("investment period")
    life: Years = Described("life from the first close")
    fee: Rate = Described("yearly fee in the investment period")
    fee_base: FeeBase = Described(
        "what it is charged on: commitment, paid-in, or invested (cost of what is held)", default="commitment"
    )
    fee_after: Rate = Described("yearly fee afterwards")
    fee_base_after: FeeBase = Described("what that is charged on", default="invested")
    fee_step: Share | None = Described("part of the fee dropped each year after the investment period", default=None)
    fee_extension: Rate | None = Described("yearly fee in the extension; as fee_after where left out", default=None)
    expenses: Rate | None = Described("yearly expenses (custody, audit, counsel) on commitments", default=None)
    tranches: list[Share] = Described(
        "parts of the commitment paid in by tranche (4:3:3 = [0.4, 0.3, 0.3]); empty: called when needed", default=[]
    )
    tranche_every: Years | None = Described("time between two tranches", default=None)
    hurdle: Rate = Described("hurdle, compounding yearly")
    carry: Share = Described("carried interest")
    carry_by: CarryForm = Described(
        "whole-fund, or deal-by-deal: each position runs its own tiers on its own cost", default="whole-fund"
    )
    catch_up: Share = Described("share to the general partner in the catch-up tier; 0 = none")
    clawback: bool = Described(
        "whether the general partner returns, at the end, carry above the whole-fund waterfall's", default=True
    )
    recycling: Share | None = Described(
        "part of commitments that proceeds may be invested again, beyond the first time", default=None
    )
    recycling_for: Years | None = Described(
        "time from the first close in which they may; the investment period where left out", default=None
    )
    local: Share = Described("share it puts into firms of the zone of its own accord")
    stages: list[StageName] = Described("stages of its mandate", default=[])
    follow_on: Share = Described(
        "part of what it invests that is kept for following in later rounds; 0 = never follows"
    )
    follow_policy: FollowPolicy = Described(
        "pro-rata: keeps its share; top-up: fills what a round lacks, within its limits; none", default="pro-rata"
    )
    concentration: Share | None = Described(
        "most of its commitments it puts into one firm; rounds.concentration where left out", default=None
    )
    extension: Years | None = Described("longest extension of its life; exits.extension where left out", default=None)
    harvest: Years | None = Described(
        "last years of its life in which it sells to secondary buyers in equal parts; 0 or none: at the end",
        default=None,
    )
    state: Share | None = Described("share of state firms in what its other partners commit", default=None)
    parent: Id | None = Described("guidance fund that commits to it", default=None)
    plan: Share | None = Described("part of the guidance fund meant for this class", default=None)
    mandate: MandateName | None = Described(
        "whose contribution cap holds for a sub-fund; its own id where left out", default=None
    )
    committed: Money | None = Described(
        "guidance money in a sub-fund that has closed already; then size is what it closed at", default=None
    )
    books: FundBooks | None = Described("paid-in, distributions and value up to the start", default=None)
    pacing: Pacing | None = Described(
        "for a sub-fund or a market fund outside the zone: its cash flows follow this, no round and no draw",
        default=None,
    )
    public: bool = Described("whether the treasury is its limited partner", default=False)


class Caps(Table):
    """Most of a sub-fund that guidance money may be (出资比例上限), by class id; a file may name other classes."""

    settled = "all"

    angel: Share | None = None
    venture: Share | None = None
    industry: Share | None = None


class ByClass(dict[str, Any]):
    """Numbers by class of sub-fund; `cap.angel` reads as `cap["angel"]`."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


def of_class(table: dict[str, Any], fund_class: Any) -> Any:
    """What a table by class says of a class: by its id, else by its mandate; None where it says nothing."""
    return table.get(fund_class.id, table.get(fund_class.mandate) if fund_class.mandate else None)


class RulePack(Table):
    """The dated rules in force (a file of scenarios/rules), as a scenario's [guidance] pack names them."""

    settled = "all"

    name: LocalName
    valid_from: When = Described("first quarter in which the rules hold")
    valid_to: When | None = Described("last quarter in which they hold", default=None)


class Counting(Table):
    """How money put into firms counts towards the reinvestment ratio: a yuan as so many."""

    settled = "all"

    plain: Ratio = Described("any firm of the zone", default=1)
    early: Ratio = Described("in an angel, seed or A round, in place of plain", default=1)
    certified: Ratio = Described("times this where the firm is a high-tech enterprise", default=1)
    attracted: Ratio = Described("times this where the firm moved in", default=1)


class Limits(Table):
    """What the rules allow in fund terms; a class beyond one is told as a departure from the pack, not refused."""

    settled = "all"

    fee: Rate | None = Described("largest yearly fee", default=None)
    fee_of: dict[Id, Rate] = Described("the same by class", default={})
    fee_after: Share | None = Described("largest fee after the investment period, as part of the fee", default=None)
    fee_base: FeeBase | None = Described("base that fees are to be charged on", default=None)
    parent_fee: Rate | None = Described("largest yearly fee of the guidance fund", default=None)
    fund_life: Years | None = Described("longest life of a sub-fund", default=None)
    parent_life: Years | None = Described("longest life of the guidance fund", default=None)
    layers: Count | None = Described("most layers of funds from the treasury to a firm", default=None)
    of_project: Share | None = Described("most of its commitments a sub-fund puts into one firm", default=None)
    of_firm: Share | None = Described("most of a firm a sub-fund buys", default=None)
    early: Share | None = Described("least part of the guidance fund meant for angel and venture classes", default=None)


class Step(Table):
    """From this value on, so many points."""

    settled = "all"

    least: Number = Described("value from which the points are given")
    points: Number = Described("points given from there on")


class EvaluationItem(Table):
    """One line of the evaluation table; of two measures the better one counts."""

    settled = "all"

    id: Id
    name: LocalName
    measure: Measure = Described("what is measured of the simulated funds")
    steps: list[Step] = Described("points by value reached, in rising order")
    or_measure: Measure | None = Described("another measure that may earn the points instead", default=None)
    or_steps: list[Step] = Described("steps of the other measure", default=[])


class Evaluation(Table):
    """How government funds are scored, as far as a simulated fund can be measured."""

    settled = "all"

    begins: When = Described("first quarter in which the table holds; no score before")
    private_firms: Share = Described("share of private firms among those invested in; not simulated")
    items: list[EvaluationItem] = Described("the lines of the table")


class GuidanceRules(Table):
    """How the guidance fund commits, under which rules, and how proposals raise the rest of their money."""

    settled = frozenset(
        (
            "cap",
            "tolerance",
            "tolerance_fund",
            "concession",
            "concession_from",
            "first_loss",
            "fee_cut",
            "reserve",
            "plan_spread",
            "raised_spread",
            "least_close",
            "reinvestment",
            "reinvestment_of",
        )
    )

    pack: Id | None = Described(
        "rule pack: a file of scenarios/rules; what is stated here takes its number's place", default=None
    )
    rules: RulePack | None = Described("of the pack: its name and dates; filled by the program", default=None)
    cap: Annotated[dict[Id, Share], AfterValidator(ByClass)] = Described(
        "most of a sub-fund that guidance money may be (出资比例上限), by class", default={}
    )
    tolerance: Annotated[dict[Id, Share], AfterValidator(ByClass)] = Described(
        "loss tolerated (容错), part of guidance money paid in, by class", default={}
    )
    tolerance_fund: Share | None = Described("loss tolerated of the guidance fund as a whole", default=None)
    concession: Share = Described(
        "part of its gains above the hurdle that the guidance fund gives up (让利)", default=0
    )
    concession_from: Ratio = Described("reinvestment reached over asked from which it does", default=1)
    first_loss: Share = Described("part of its money in a sub-fund that bears losses first", default=0)
    counting: Counting = Counting()
    miss: Miss = Described(
        "what missing the reinvestment ratio costs: the concession, part of the fee, both, or nothing",
        default="concession",
    )
    fee_cut: Share = Described(
        "part of the fee withheld after the investment period where the ratio was missed", default=0
    )
    relocation_clause: bool = Described("whether money is tied to moving in", default=False)
    limits: Limits = Limits()
    evaluation: Evaluation | None = None
    asks: Share = Described("share of the cap that a proposal asks for")
    reserve: Share = Described(
        "least part of the guidance fund kept for its own fees; what its terms take is kept anyway"
    )
    plan_spread: Spread = Described("standard deviation of log ask around the plan")
    raised: Share = Described("median share of the rest of its target that a proposal raises")
    raised_spread: Spread = Described("standard deviation of its log")
    raised_mood: Coefficient = Described("log of it added in a hot regime, taken in a cold one")
    least_close: Share = Described("share of target below which a proposal lapses")
    reinvestment: Ratio = Described("reinvestment ratio (返投): money into the zone over guidance money")
    reinvestment_of: dict[Id, Ratio] = Described("the same for single classes", default={})
    reinvestment_free: Ratio = Described("ratio up to which private partners do not mind")
    reinvestment_drag: Ratio = Described("share of their money lost for each unit above")
    additionality: Share = Described(
        "part of what other partners commit for firms of the zone that would not come without the guidance fund"
    )


class OutsidePortfolio(Table):
    """The pooled portfolio of what sub-funds invest outside the zone."""

    settled = frozenset(("volatility", "bow"))

    growth: SignedRate = Described("yearly log growth")
    market_loading: Coefficient = Described("log value per unit of the log index of private pricing")
    volatility: Spread = Described("yearly volatility of one fund's portfolio")
    bow: Power = Described("shape of its distributions over the fund's life (Takahashi and Alexander 2002)")


class FundPark(Table):
    """A building where funds register (基金小镇)."""

    settled = frozenset(("size_spread",))
    doubted = frozenset(("per_year",))

    opens: When = Described("when the first fund entered")
    per_year: Count = Described("registrations a year while places are free")
    places: Count = Described("enterprises it has room for")
    size: Money = Described("median registered size")
    size_spread: Spread = Described("standard deviation of its log")


class Attraction(Table):
    """Attracted investment (资本招商): money tied to moving in."""

    settled = frozenset(("ticket_spread",))
    doubted = frozenset(("offers_per_year", "initial"))

    begins: When = Described("first quarter of the offers of this run")
    until: When = Described("first quarter after the last offer")
    offers_per_year: Count = Described("offers made a year")
    accepted: Share = Described("share of offers accepted")
    ticket: Money = Described("median investment in one firm")
    ticket_spread: Spread = Described("standard deviation of its log")
    age: Years = Described("most that a firm's age can be when it moves in")
    initial: Count = Described("firms already landed at the start")
    initial_years: Years = Described("years before the start over which they came")


class Investment(Table):
    """What one fund paid in a known round."""

    settled = "all"

    fund: Id = Described("id of a fund of the scenario")
    amount: Money = Described("what it paid")


class NamedRound(Table):
    """A known round of a named firm, up to the start. What its investors leave open came from beyond the model."""

    settled = "all"

    stage: StageName
    date: When | None = Described("when it closed; rounds are written in the order of their dates", default=None)
    amount: Money = Described("money raised")
    post_money: Money = Described("post-money valuation")
    direct: Share = Described("part of it that the zone's direct fund took", default=0)
    investors: list[Investment] = Described("what funds of the scenario paid in it", default=[])
    price: UnitPrice | None = Described(
        "price of a share; declared, the model counts in shares of its own", default=None
    )
    shares: Count | None = Described("shares after the round, fully diluted; declared, as the price", default=None)


class Holder(Table):
    """What a fund holds of a named firm at the start, from the fund's own books."""

    settled = "all"

    fund: Id = Described("id of a fund of the scenario")
    cost: Money = Described("what it paid for what it holds")
    share: Share = Described("share of the whole firm")
    shares: Count | None = Described("number of shares", default=None)
    value: Money | None = Described("fair value in the fund's books", default=None)


class HeldCertificate(Table):
    """A certificate (认定) or a place on a ladder that a named firm holds at the start."""

    settled = "all"

    level: str = Described("a level, as ladder.level or by its id alone")
    since: When = Described("when it was granted")
    until: When | None = Described("end of its validity", default=None)


class PublishedPoint(Table):
    """What was published of a named firm after the start: a valuation, or a multiple of its first post-money."""

    settled = "all"

    date: When = Described("when it was so")
    valuation: Money | None = Described("valuation that was published", default=None)
    multiple: Ratio | None = Described("published multiple of the first post-money", default=None)
    bound: Literal["at_least"] | None = Described("a figure given as a floor", default="at_least")


class NamedFirm(Table):
    """A firm that is known by name and enters with its known history."""

    id: Id
    name: LocalName
    sector: Id
    founded: When
    enters: When | None = Described("when it comes to the zone, if after the start", default=None)
    revenue: Money = Described("yearly revenue when it enters")
    rounds: list[NamedRound]
    holders: list[Holder] = Described("what funds of the scenario hold of it", default=[])
    certificates: list[HeldCertificate] = Described("what it holds when it enters", default=[])
    published: list[PublishedPoint] = Described(
        "its published path, whose odds `run` states; never an input", default=[]
    )


class IpoPoint(Table):
    """Odds that an exit at this value is a listing; linear in log value between points."""

    settled = "all"

    value: Money = Described("exit value")
    odds: Share = Described("odds of a listing there")


class FairTerms(Table):
    """How a headline valuation becomes a fair value (Gornall and Strebulaev 2020; sim.finance.fair_value)."""

    settled = "all"

    volatility: Spread = Described("yearly volatility of a venture's value under the pricing measure")
    exit_rate: Rate = Described("exits a year")
    rate: SignedRate = Described("riskless rate")
    least_value: Annotated[Money, Bounds(gt=0)] = Described("least pre-money at which a stage enters the typical path")
    unissued: Share = Described("options not issued, part of the post-money shares; they lapse at exit")
    ipo: list[IpoPoint] = Described("odds that an exit is a listing, by value")


class ReportParameters(Table):
    """Thresholds that metrics use."""

    settled = "all"

    unicorn_usd: Dollars = Described("value from which an unlisted firm is a unicorn, in US dollars")
    usd_cny: Ratio = Described("yuan for a dollar, at a stated date")
    multiple: Ratio = Described("step-up over the first post-money whose share of firms is reported")
    fair: FairTerms
    index_growth: SignedRate = Described(
        "yearly log growth of the public index beside its multiple (earnings, dividends); KS-PME and direct alpha",
        default=0,
    )
