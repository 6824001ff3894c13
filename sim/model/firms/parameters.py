"""What a scenario says of its firms."""

from sim.scenario.fields import (
    Coefficient,
    Count,
    Described,
    Id,
    LocalName,
    Margin,
    Money,
    Power,
    Rate,
    Ratio,
    Share,
    SignedRate,
    Spread,
    Table,
    Years,
)


class Sector(Table):
    """A sector (行业): its share of the entrants and what its accounts look like."""

    name: LocalName
    share: Share = Described("share of the firms founded in the zone")
    share_attracted: Share = Described("share of the firms that move in")
    size: Ratio = Described("revenue relative to the zone's median at the same age")
    rd_share: Share = Described("median R&D spending over revenue")
    margin: Margin = Described("profit over revenue at the reference revenue")
    price_to_sales: Ratio = Described("listed market value over revenue in a normal market")
    productivity: Money = Described("yearly revenue per job at the reference revenue")
    energy: Ratio | None = Described("energy per 10 000 CNY of output, kg coal equivalent", default=None)
    reported: bool = Described("whether its output is a metric of its own", default=False)


class InitialFirms(Table):
    """The population at the start."""

    settled = frozenset(("spread",))
    doubted = frozenset(("count",))

    count: Count = Described("firms present at the start")
    age: Years = Described("mean age (exponential)")
    growth_by_age: SignedRate = Described("yearly log growth from founding to the start, for at most 20 years")
    spread: Spread = Described("standard deviation of log revenue at the start")


class Entry(Table):
    """Firms founded by one source."""

    settled = frozenset(("spread",))
    doubted = frozenset(("per_year",))

    per_year: Count = Described("entrants a year at the start")
    growth: SignedRate = Described("yearly growth of the entry rate")
    grows_for: Years = Described("years after the start in which the entry rate grows")
    revenue: Money = Described("median yearly revenue rate of an entrant")
    spread: Spread = Described("standard deviation of log revenue among entrants")
    venture_share: Share = Described("share that seeks equity finance")


class EntrySources(Table):
    """Ways in. Attracted firms (资本招商) come by [attraction]; here stands what they look like."""

    organic: Entry
    incubator: Entry
    attracted: Entry


class Growth(Table):
    """Log revenue growth."""

    settled = frozenset(("spread", "spread_falls", "spread_least", "spread_most"))

    young: SignedRate = Described("mean yearly log growth at age zero")
    mature: SignedRate = Described("mean yearly log growth of old firms")
    half_life: Years = Described("age at which half of the difference is gone")
    market_loading: Coefficient = Described("log revenue per unit of change in the log index of private pricing")
    spread: Spread = Described("Laplace scale of a quarter's shock at the reference revenue")
    spread_falls: Power = Described("power by which the scale falls with revenue")
    spread_least: Spread = Described("smallest scale")
    spread_most: Spread = Described("largest scale")
    certified: SignedRate = Described("additional yearly log growth of a firm with the reduced-tax certificate")


class Exit(Table):
    """Exit hazard: floor + young x (age + 1)^-age_power x (revenue / reference)^-size_power, a year."""

    settled = frozenset(("age_power", "size_power", "most"))

    floor: Rate = Described("hazard that never goes away")
    young: Rate = Described("hazard above the floor at age zero and reference revenue")
    age_power: Power = Described("power by which it falls with age + 1 year")
    size_power: Power = Described("power by which it falls with revenue")
    most: Rate = Described("largest yearly hazard")
    certified: Ratio = Described("factor on the hazard of a firm with the reduced-tax certificate")
    moves_away: Share = Described("share of those that leave which move to another zone")


class Research(Table):
    """R&D spending, a firm's trait that gates read."""

    settled = "all"

    spread: Spread = Described("standard deviation of log R&D share among firms of a sector")
    drift: Spread = Described("standard deviation of its yearly log change")
    asked_from: Money = Described("revenue below which no gate asks for it")


class Accounts(Table):
    """What filed accounts make of revenue."""

    settled = frozenset(("reference", "margin_least", "margin_most", "jobs_elasticity"))

    reference: Money = Described("reference yearly revenue, to which sizes are relative")
    margin_slope: Ratio = Described("additional margin per unit of log revenue")
    margin_least: Margin = Described("lowest margin")
    margin_most: Margin = Described("highest margin")
    jobs_elasticity: Share = Described("elasticity of headcount to revenue")
    productivity_growth: SignedRate = Described("yearly growth of revenue per job")


class FirmParameters(Table):
    """The firm population: who is there, who comes, how they grow and go."""

    sectors: dict[Id, Sector]
    initial: InitialFirms
    entry: EntrySources
    growth: Growth
    exit: Exit
    research: Research
    accounts: Accounts
