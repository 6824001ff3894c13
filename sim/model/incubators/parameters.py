"""What a scenario says of its incubators (孵化器)."""

from sim.scenario.fields import (
    Area,
    Coefficient,
    Count,
    Described,
    Id,
    LocalName,
    Money,
    Share,
    SignedRate,
    SignedShare,
    Spread,
    Table,
    UnitPrice,
    When,
    Years,
)


class TenantKind(Table):
    """A kind of tenant: how much room it takes and how long it may stay."""

    settled = frozenset(("share", "graduates_at"))
    doubted = frozenset(("initial",))

    name: LocalName
    share: Share = Described("share of the floor set aside for it")
    area: Area = Described("floor area of a tenant")
    tenure: Years = Described("longest stay")
    graduates_at: Money | None = Described("revenue at which it leaves earlier, as a graduate", default=None)
    initial: Count | None = Described("tenants at the start", default=None)


class SpinOffSource(Table):
    """Where applicants come from: an institute, a research centre, the open market."""

    doubted = frozenset(("per_year",))

    id: Id
    name: LocalName
    kind: Id = Described("kind of tenant its founders apply as")
    per_year: Count = Described("applicants a year")
    opens: When | None = Described("when it begins, if after the start", default=None)
    anchor: bool = Described("whether it is a research centre that the zone has landed", default=False)


class Service(Table):
    """A service to tenants; each is an effect (of none, where none is known)."""

    id: Id
    name: LocalName
    growth: SignedRate | None = Described("additional yearly log growth of a tenant", default=None)
    hazard: SignedShare | None = Described("change of a tenant's exit hazard", default=None)
    raising: Coefficient | None = Described("change of the log odds that an investor says yes", default=None)


class Incubator(Table):
    """Places = floor area x share / area per tenant, by kind; who finds none waits."""

    settled = frozenset(("charged", "spread"))

    id: Id
    name: LocalName
    opens: When | None = Described("when it opens, if after the start", default=None)
    floor: Area = Described("floor area that can be let, m²")
    kinds: dict[Id, TenantKind]
    sources: list[SpinOffSource]
    services: list[Service] = Described("services to tenants", default=[])
    patience: Years = Described("how long an applicant waits for a place", default="1y")
    rent: UnitPrice = Described("market rent of a square metre a month")
    charged: Share = Described("share of the market rent that tenants pay")
    revenue: Money = Described("median yearly revenue rate of a tenant that moves in")
    spread: Spread = Described("standard deviation of its log")
    venture_share: Share = Described("share of tenants that seek equity finance")
