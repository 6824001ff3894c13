"""What a scenario says of its programmes (政策工具): a new policy is a table in a file, not code."""

from typing import ClassVar, Literal

from sim.model.ladders.parameters import Conditions
from sim.scenario.fields import (
    Coefficient,
    Count,
    Described,
    Id,
    LocalName,
    Money,
    Rate,
    Ratio,
    Share,
    SignedRate,
    SignedShare,
    Spread,
    Table,
    When,
    Years,
)

SourceName = Literal["organic", "incubator", "attracted", "named"]


class Boost(Table):
    """A level of a ladder whose odds adopters improve."""

    origins: ClassVar = {"factor": 1.0}

    level: str = Described("the level, as ladder.level")
    factor: Ratio = Described("factor on the odds of an application in a window, in the published or assumed case")


class Effects(Table):
    """What the published (best) case reports. What an adopter gets is drawn around the shrunk case."""

    growth: SignedRate | None = Described("additional yearly log growth of revenue", default=None)
    productivity: SignedShare | None = Described("change of revenue per job", default=None)
    operating_cost: SignedShare | None = Described("change of the operating cost concerned", default=None)
    energy: SignedShare | None = Described("change of energy per unit of output", default=None)
    hazard: SignedShare | None = Described("change of the exit hazard", default=None)
    research: SignedShare | None = Described("change of the R&D share", default=None)
    raising: Coefficient | None = Described("change of the log odds that an investor says yes", default=None)
    ladders: list[Boost] = Described("levels whose odds adopters improve", default=[])


class Restriction(Table):
    """A rule that, from a date on, takes firms out of a programme's reach; those who adopted before keep what they
    have."""

    begins: When = Described("first quarter in which it holds")
    sources: list[SourceName] = Described("firms barred, by how they came; none named: the whole programme", default=[])


class Programme(Table):
    """Budget, eligibility, uptake and effect of one policy."""

    settled = frozenset(
        ("budget", "cost_spread", "yearly", "research_part", "spent_before", "repaid", "subsidy", "spread")
    )
    doubted = frozenset(("initial",))

    id: Id
    name: LocalName
    begins: When = Described("first quarter in which firms may adopt")
    until: When | None = Described("first quarter in which they no longer may", default=None)
    budget: Money | None = Described("most that it spends in a calendar year; none stated: no limit", default=None)
    budget_of: Id | None = Described("programme whose budget it draws on instead of its own", default=None)
    most: Count | None = Described("most adoptions in a calendar year", default=None)
    cost: Money | None = Described("public cost of one adoption, paid when it happens (mean)", default=None)
    cost_spread: Spread | None = Described("standard deviation of its log", default=None)
    yearly: Money | None = Described("public cost of an adopter a year while its effect lasts", default=None)
    research_part: Share | None = Described("public cost a year as a share of the adopter's R&D spending", default=None)
    paid_as: Literal["subsidy", "tax"] = Described("paid out, or tax forgone", default="subsidy")
    spent_before: Money | None = Described("spent before the start; reported, no outlay of this run", default=None)
    repaid: Share | None = Described(
        "share of the grant that turns into equity at the adopter's first round after it", default=None
    )
    holds: Years | None = Described("how long that equity is held before it is sold at the last price", default=None)
    eligible: list[Conditions] = Described("alternative sets of conditions on the filed accounts", default=[])
    sectors: list[Id] = Described("sectors it is open to; none named: all", default=[])
    sources: list[SourceName] = Described("firms it is open to, by how they came; none named: all", default=[])
    level: str | None = Described("level that must be held, as ladder.level", default=None)
    reach: Share | None = Described("share of the eligible to whom it is of any use; none stated: all", default=None)
    windows: list[int] = Described("quarters of the year (1-4) in which it takes firms in", default=[1, 2, 3, 4])
    outreach: Rate = Described("Bass p: yearly hazard of adopting by outreach, without a subsidy")
    peers: Rate = Described("Bass q: yearly hazard of adopting by peers when all others have, without a subsidy")
    subsidy: Share | None = Described("share of the adopter's own expense that the public cost bears", default=None)
    response: Ratio | None = Described(
        "rise of both hazards at a full subsidy: they are multiplied by 1 + response x subsidy", default=None
    )
    initial: Count | None = Described("adopters at the start", default=None)
    lasts: Years | None = Described("how long an adoption lasts; none stated: for good", default=None)
    again: bool = Described("whether a firm may adopt again afterwards", default=False)
    shrink: Share | None = Described(
        "an adopter's mean effect over the published case, which is a best case; none stated: 1", default=None
    )
    spread: Spread | None = Described("standard deviation of adopters' effects over their mean", default=None)
    operating_share: Share | None = Described("operating cost concerned over revenue", default=None)
    effects: Effects | None = Described("what adopting changes; none stated: nothing", default=None)
    restrictions: list[Restriction] = Described("rules that end it or bar firms from a date on", default=[])
