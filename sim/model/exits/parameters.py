"""What a scenario says of the ways out."""

from typing import Annotated

from sim.scenario.fields import (
    Bounds,
    Coefficient,
    Count,
    Described,
    Money,
    Probability,
    Ratio,
    Share,
    SignedRate,
    Spread,
    Table,
    Years,
)


class OutOfCash(Table):
    """What becomes of a venture whose cash is gone and whose revenue does not carry it."""

    settled = frozenset(("cheap_spread",))

    bootstraps: Probability = Described("odds that a venture without a round lives on as an ordinary firm")
    bridge: Probability = Described("odds of a bridge from holders outside the model")
    bridge_for: Years = Described("runway a bridge buys")
    bridge_cut: Share = Described("burn kept after a bridge")
    cheap_sale: Probability = Described("odds of a cheap sale")
    cheap_part: Ratio = Described("median proceeds of a cheap sale over the money raised")
    cheap_spread: Spread = Described("standard deviation of the log of it")
    liquidation: Share = Described("most of the money raised that a liquidation recovers")


class ExitParameters(Table):
    """Listing, sale, redemption, secondary sale, write-off."""

    settled = frozenset(("sale_spread",))

    lock_up: Years = Described("lock-up after a listing")
    sell_over: Years = Described("time over which a fund then sells its holding")
    issue: Share = Described("share of the listed firm sold to the public")
    least_value: Annotated[Money, Bounds(gt=0)] = Described(
        "least value at which a firm without equity rounds is listed"
    )
    sale_mood: Coefficient = Described("relative change of the sale hazard in a hot regime (taken in a cold one)")
    sale_gain: Coefficient = Described(
        "slope of the log odds of a sale in the log of what the firm's value has gained over its last post-money"
    )
    sale_price: Ratio = Described("median sale price over latent value at private pricing")
    sale_spread: Spread = Described("standard deviation of its log")
    sold_leaves: Share = Described("share of sold firms that leave the zone")
    out_of_cash: OutOfCash
    secondary_price: Share = Described("secondary sale price over net asset value at the end of a fund")
    extension: Years = Described("extension of a fund's life before it must sell")
    redemption_ability: Share = Described("part of an obligor's spare cash that a redemption can take")
    redemption_tries: Count | None = Described("years in which a right that is not paid is called again", default=None)
    founders_means: Money | None = Described("what founders, as obligors, can pay beside the firm", default=None)


class PublicParameters(Table):
    """How the treasury counts."""

    settled = "all"

    discount: SignedRate = Described("yearly discount rate of public money")
    standard_rate: Share = Described("corporate tax")
    reduced_rate: Share = Described("corporate tax of certificate holders")
