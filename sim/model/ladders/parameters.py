"""What a scenario says of its ladders: certificates, the listing pipeline, green and smart factories."""

from sim.scenario.fields import Count, Described, Id, LocalName, Money, Share, SignedRate, Table, When, Years


class Conditions(Table):
    """One set of conditions; all that are stated must hold. A level with several asks for one of those in force."""

    settled = "all"

    name: LocalName | None = Described("what the rule calls this set", default=None)
    valid_from: When | None = Described("first quarter in which the set is in force", default=None)
    valid_to: When | None = Described("last quarter in which it is", default=None)
    age_min: Years | None = Described("years since founding, at least", default=None)
    age_max: Years | None = Described("years since founding, at most", default=None)
    revenue_min: Money | None = Described("last filed revenue, at least", default=None)
    revenue_max: Money | None = Described("last filed revenue, at most", default=None)
    growth_min: SignedRate | None = Described("growth of the last filed revenue over the year before", default=None)
    rd_share_min: Share | None = Described("R&D over revenue", default=None)
    rd_spending_min: Money | None = Described("R&D spending a year", default=None)
    rd_spending_two_years_min: Money | None = Described("R&D spending of two years", default=None)
    profit_min: Money | None = Described("last filed profit", default=None)
    profit_two_years_min: Money | None = Described("profit of the last two years together", default=None)
    profit_three_years_min: Money | None = Described("profit of the last three years together", default=None)
    revenue_three_years_min: Money | None = Described("revenue of the last three years together", default=None)
    value_min: Money | None = Described("value of the whole firm at present listed multiples", default=None)
    standing_min: Share | None = Described("percentile of the firm in its niche", default=None)


class Odds(Table):
    """Odds by market regime."""

    cold: Share
    normal: Share
    hot: Share


class DatedPass(Table):
    """Odds of an applicant over a time that is settled: what was published for it."""

    begins: When = Described("first quarter in which these odds hold")
    until: When = Described("first quarter in which they no longer do")
    odds: Share = Described("odds of an applicant, whatever the market's regime")


class DatedOdds(Table):
    """Odds of a re-review from a date on: what was published for the re-review of one batch."""

    begins: When = Described("first quarter in which these odds hold")
    odds: Share = Described("share of the certificates due that is renewed")


class DatedQuota(Table):
    """Most awards in a window from a date on: a batch whose size was decided."""

    settled = "all"

    begins: When = Described("first quarter in which it holds")
    most: Count = Described("most awards in a window")


class Level(Table):
    """A level of a ladder (层级)."""

    doubted = frozenset(("initial",))

    name: LocalName
    requires: str | None = Described("level that must be held: its id, or ladder.level in another ladder", default=None)
    wait: Years | None = Described("least time on the required level", default=None)
    conditions: list[Conditions] = Described("alternative sets of conditions", default=[])
    windows: list[int] = Described("quarters of the year (1-4) in which awards are made", default=[1, 2, 3, 4])
    apply: Share = Described("share of the eligible firms that applies in a window")
    promised: Share | None = Described(
        "share that applies, in its place, of those eligible that owe investors a listing (redemption right)",
        default=None,
    )
    passes: Odds = Described("odds of an applicant by market regime")
    passes_from: list[DatedPass] = Described(
        "odds of an applicant over settled times, in place of those by regime", default=[]
    )
    rejects: bool = Described(
        "whether an applicant that does not pass leaves the required level, as that level's falls_to says",
        default=False,
    )
    quota: Count | None = Described("most awards in a window", default=None)
    quota_from: list[DatedQuota] = Described("quotas by date, from the first date on in place of `quota`", default=[])
    follows_window: bool = Described("whether the IPO window scales the odds", default=False)
    validity: Years | None = Described("how long an award holds", default=None)
    renewal: list[Share] = Described(
        "odds of the first, second ... re-review (the last holds for all later)", default=[]
    )
    renewal_from: list[DatedOdds] = Described(
        "odds of a re-review by date, in their place from the first date on", default=[]
    )
    withdraws: Odds | None = Described("share that leaves the level in a quarter: rejected or withdrawn", default=None)
    falls_to: str | None = Described("level to which those return", default=None)
    initial: Count | None = Described("firms on the level at the start", default=None)
    opens_capital: Share | None = Described(
        "odds that a profitable firm without investors that enters the level begins to seek some", default=None
    )
    closed_to_investors: bool = Described("whether its holders close no rounds meanwhile", default=False)
    is_listing: bool = Described("whether reaching it makes the firm a listed one", default=False)
    reduces_tax: bool = Described("whether holders pay the reduced corporate tax", default=False)


class Ladder(Table):
    """An ordered list of levels (梯度). Exclusive: a firm stands on one level at a time; else it may hold several."""

    name: LocalName
    exclusive: bool = Described("whether a firm stands on one level of this ladder at a time", default=False)
    levels: dict[Id, Level]
