"""What a scenario says of its major projects (重点项目): plants known by name."""

from sim.scenario.fields import Count, Described, Id, LocalName, Share, Table, UnitPrice, When, Years


class Product(Table):
    """One product of a plant."""

    id: Id
    name: LocalName
    capacity: Count = Described("units a year at full capacity")
    price: UnitPrice = Described("revenue of a unit")


class Project(Table):
    """A plant that enters at a known date and ramps up to its capacity."""

    id: Id
    name: LocalName
    sector: Id
    enters: When | None = Described("when production begins, if after the start", default=None)
    founded: When | None = Described("when the firm was founded, if before it enters", default=None)
    products: list[Product]
    ramp: Years = Described("time from the first unit to full capacity", default="0y")
    utilisation: Share = Described("part of the capacity in use once ramped up")
