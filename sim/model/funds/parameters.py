"""What a scenario says of its funds, the guidance fund's rules, the fund park and attracted investment."""

from typing import Literal

from sim.scenario.fields import (
    Count,
    Described,
    Id,
    LocalName,
    Money,
    Number,
    Rate,
    Ratio,
    Share,
    SignedRate,
    Table,
    When,
    Years,
)

StageName = Literal["angel", "seed", "a", "b", "c", "d", "pre_ipo"]
FundKindName = Literal["guidance", "sub-fund", "market", "direct", "attraction"]
MandateName = Literal["angel", "venture", "industry"]


class FundBooks(Table):
    """What a fund has behind it at the start, from its own books."""

    date: When = Described("date of the net asset value, not after the start")
    paid_in: Money = Described("paid in by its partners to date")
    distributed: Money = Described("distributed to its partners to date")
    nav: Money = Described("net asset value, after fees and carry")


class FundClass(Table):
    """A fund, or a class of funds with the same terms."""

    id: Id
    name: LocalName
    kind: FundKindName = Described("guidance, sub-fund, market, direct or attraction")
    count: Count = Described("number of funds (of institutions, for market funds)")
    size: Money | None = Described("commitments; for market funds the median allotted to the zone", default=None)
    size_spread: Ratio | None = Described("standard deviation of log size", default=None)
    size_mood: Number | None = Described("log size per unit of the log index of private pricing", default=None)
    opens: When | None = Described("first close, or the first quarter in which proposals come", default=None)
    opens_until: When | None = Described("first quarter after the last proposal", default=None)
    every: Years | None = Described("time between two funds of a market institution", default=None)
    invests: Years = Described("investment period")
    life: Years = Described("life from the first close")
    fee: Rate = Described("yearly fee on commitments in the investment period")
    fee_after: Rate = Described("yearly fee on the cost of what is held, afterwards")
    hurdle: Rate = Described("hurdle, compounding yearly")
    carry: Share = Described("carried interest")
    catch_up: Share = Described("share to the general partner in the catch-up tier; 0 = none")
    local: Share = Described("share it puts into firms of the zone of its own accord")
    stages: list[StageName] = Described("stages of its mandate", default=[])
    follow_on: Share = Described("part of commitments meant for following in later rounds; 0 = never follows")
    parent: Id | None = Described("guidance fund that commits to it", default=None)
    plan: Share | None = Described("part of the guidance fund meant for this class", default=None)
    mandate: MandateName | None = Described(
        "whose contribution cap holds for a sub-fund; its own id where left out", default=None
    )
    committed: Money | None = Described(
        "guidance money in a sub-fund that has closed already; then size is what it closed at", default=None
    )
    books: FundBooks | None = Described("paid-in, distributions and value up to the start", default=None)
    public: bool = Described("whether the treasury is its limited partner", default=False)


class Caps(Table):
    """Most of a sub-fund that guidance money may be (出资比例上限), by class id."""

    angel: Share
    venture: Share
    industry: Share


class GuidanceRules(Table):
    """How the guidance fund commits, and how proposals raise the rest of their money."""

    cap: Caps = Described("contribution cap by mandate")
    asks: Share = Described("share of the cap that a proposal asks for")
    reserve: Share = Described("part of the guidance fund kept for its own fees")
    plan_spread: Ratio = Described("standard deviation of log ask around the plan")
    raised: Share = Described("median share of the rest of its target that a proposal raises")
    raised_spread: Ratio = Described("standard deviation of its log")
    raised_mood: Number = Described("log of it added in a hot regime, taken in a cold one")
    least_close: Share = Described("share of target below which a proposal lapses")
    reinvestment: Ratio = Described("reinvestment ratio (返投): money into the zone over guidance money")
    reinvestment_free: Ratio = Described("ratio up to which private partners do not mind")
    reinvestment_drag: Ratio = Described("share of their money lost for each unit above")
    additionality: Share = Described("share of the other partners' money that is new to the zone")


class OutsidePortfolio(Table):
    """The pooled portfolio of what sub-funds invest outside the zone."""

    growth: SignedRate = Described("yearly log growth")
    market_loading: Number = Described("log value per unit of the log index of private pricing")
    volatility: Ratio = Described("yearly volatility of one fund's portfolio")
    bow: Ratio = Described("shape of its distributions over the fund's life (Takahashi and Alexander 2002)")


class FundPark(Table):
    """A building where funds register (基金小镇)."""

    opens: When = Described("when the first fund entered")
    per_year: Count = Described("registrations a year while places are free")
    places: Count = Described("enterprises it has room for")
    size: Money = Described("median registered size")
    size_spread: Ratio = Described("standard deviation of its log")


class Attraction(Table):
    """Attracted investment (资本招商): money tied to moving in."""

    begins: When = Described("first quarter of the offers of this run")
    until: When = Described("first quarter after the last offer")
    offers_per_year: Count = Described("offers made a year")
    accepted: Share = Described("share of offers accepted")
    ticket: Money = Described("median investment in one firm")
    ticket_spread: Ratio = Described("standard deviation of its log")
    age: Years = Described("most that a firm's age can be when it moves in")
    initial: Count = Described("firms already landed at the start")
    initial_years: Years = Described("years before the start over which they came")


class Investment(Table):
    """What one fund paid in a known round."""

    fund: Id = Described("id of a fund of the scenario")
    amount: Money = Described("what it paid")


class NamedRound(Table):
    """A known round of a named firm, up to the start. What its investors leave open came from beyond the model."""

    stage: StageName
    date: When | None = Described("when it closed; rounds are written in the order of their dates", default=None)
    amount: Money = Described("money raised")
    post_money: Money = Described("post-money valuation")
    direct: Share = Described("part of it that the zone's direct fund took", default=0)
    investors: list[Investment] = Described("what funds of the scenario paid in it", default=[])
    price: Money | None = Described("price of a share; declared, the model counts shares of its own", default=None)
    shares: Count | None = Described("shares after the round, fully diluted; declared", default=None)


class Holder(Table):
    """What a fund holds of a named firm at the start, from the fund's own books."""

    fund: Id = Described("id of a fund of the scenario")
    cost: Money = Described("what it paid for what it holds")
    share: Share = Described("share of the whole firm")
    shares: Count | None = Described("number of shares", default=None)
    value: Money | None = Described("fair value in the fund's books", default=None)


class HeldCertificate(Table):
    """A certificate (认定) or a place on a ladder that a named firm holds at the start."""

    level: str = Described("a level, as ladder.level or by its id alone")
    since: When = Described("when it was granted")
    until: When | None = Described("end of its validity", default=None)


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


class ReportParameters(Table):
    """Thresholds that metrics use."""

    unicorn_usd: Money = Described("value from which an unlisted firm is a unicorn, in US dollars")
    usd_cny: Ratio = Described("yuan for a dollar, at a stated date")
    multiple: Ratio = Described("step-up over the first post-money whose share of firms is reported")
