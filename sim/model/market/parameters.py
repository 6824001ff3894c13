"""What a scenario says of the market."""

from typing import Literal

from sim.scenario.fields import (
    Coefficient,
    Described,
    Probability,
    Ratio,
    Share,
    SignedRate,
    Spread,
    Table,
    When,
    Years,
)

RegimeName = Literal["cold", "normal", "hot"]


class ByRegime(Table):
    """One number for each regime."""

    cold: Coefficient
    normal: Coefficient
    hot: Coefficient


class StayByRegime(Table):
    """Mean length of a regime."""

    cold: Years
    normal: Years
    hot: Years


class WindowByRegime(Table):
    """The IPO window: how many listings are let through, relative to a normal quarter."""

    cold: Ratio
    normal: Ratio
    hot: Ratio


class PaceByRegime(Table):
    """How fast funds place their first investments, relative to a normal quarter."""

    cold: Ratio
    normal: Ratio
    hot: Ratio


class RegimeSpell(Table):
    """Quarters whose regime is given instead of drawn: history, or the assumption of a policy variant."""

    begins: When = Described("first quarter of the spell")
    until: When = Described("first quarter after the spell")
    regime: RegimeName = Described("cold, normal or hot")


class ShutWindow(Table):
    """A spell in which the IPO window is (partly) shut, whatever the regime."""

    settled = "all"

    begins: When = Described("first quarter")
    until: When = Described("first quarter after")
    share: Share = Described("what is left of the window: 0 shuts it")


class MarketParameters(Table):
    """Hot and cold years that every firm of a world shares."""

    settled = frozenset(("volatility",))

    stays: StayByRegime = Described("mean length of each regime")
    hot_after_normal: Probability = Described("odds that a normal spell ends in a hot one (else cold)")
    cold_after_hot: Probability = Described("odds that a hot spell ends in a cold one (else normal)")
    hot_after_cold: Probability = Described("odds that a cold spell ends in a hot one (else normal)")
    begins: RegimeName = Described("regime in the first quarter")
    level: ByRegime = Described("mean log index of listed multiples in each regime")
    start_multiple: Coefficient = Described("log index of listed multiples at the start")
    start_private: Coefficient = Described("log index of private pricing at the start")
    reversion: Share = Described("share of the gap to the regime's mean closed in a quarter")
    volatility: Spread = Described("standard deviation of the quarterly shock to the log index")
    lag: Share = Described("share of the gap to listed multiples that private pricing closes in a quarter")
    window: WindowByRegime = Described("IPO window")
    pace: PaceByRegime = Described("pace of funds' first investments")
    fundraising_growth: SignedRate = Described("yearly log growth of what market institutions allot to the zone")
    history: list[RegimeSpell] = Described("quarters whose regime is known or assumed", default=[])
    shut: ShutWindow | None = Described("a shut IPO window", default=None)
