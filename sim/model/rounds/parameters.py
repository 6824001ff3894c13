"""What a scenario says of valuation rounds."""

from typing import Annotated

from sim.scenario.fields import (
    Bounds,
    Coefficient,
    Count,
    Described,
    Money,
    Rate,
    Ratio,
    Share,
    SignedRate,
    Spread,
    Table,
    Years,
)


class StageTerms(Table):
    """Terms of the rounds of a stage (轮次), and what a firm that has closed one lives like."""

    settled = frozenset(("volatility", "preference"))

    dilution: Share = Described("median share of the post-money sold in the round")
    floor: Money = Described("pre-money from which a firm can raise a round of this stage, in a normal market")
    ticket: Money = Described("largest cheque of one fund")
    runway: Years = Described("how long the money is meant to last")
    step_up: Ratio = Described(
        "median step-up over the last post-money at which a firm goes raising again, at constant market prices"
    )
    drift: SignedRate = Described(
        "yearly drift of the log value after the round, and from A on of a value that has reached its floor"
    )
    volatility: Spread = Described(
        "yearly volatility of the log value after the round, and from A on of a value that has reached its floor"
    )
    centre: Money = Described("latent value of a typical candidate for this stage, to which funds compare")
    funded_growth: SignedRate = Described("additional yearly log revenue growth while the money is young")
    sale: Rate = Described("yearly hazard of being sold, of a firm worth its last post-money")
    preference: Ratio = Described("liquidation preference, multiple of the issue price")
    senior: Share = Described("share of rounds whose class is senior to the older ones (else pari passu)")
    participating: Share = Described("share of rounds whose class participates")
    pool: Share = Described("option pool after the round")
    outside: Share = Described("mean part of a led round taken by holders outside the model")
    outside_lead: Share = Described(
        "odds in a quarter that an investor from beyond the zone leads a typical candidate's round"
    )


class Stages(Table):
    """The stages, from the first round to the last before listing. `founding` is the time before any round."""

    angel: StageTerms
    seed: StageTerms
    a: StageTerms
    b: StageTerms
    c: StageTerms
    d: StageTerms
    pre_ipo: StageTerms


class Founding(Table):
    """A venture before its first round."""

    settled = frozenset(("value_spread", "volatility"))

    value_organic: Money = Described("median latent value of a venture founded in the open")
    value_incubator: Money = Described("median latent value of a venture from an incubator")
    value_attracted: Money = Described("median latent value of a firm that moves in")
    value_spread: Spread = Described("standard deviation of the log of it")
    burn: Money = Described("median cash used a quarter")
    runway: Years = Described("median runway of the founders' own money")
    drift: SignedRate = Described("yearly drift of the log value")
    volatility: Spread = Described("yearly volatility of the log value")
    oldest: Years = Described("age up to which firms of the start may still be ventures")
    closes: Share = Described(
        "odds that a typical candidate's first attempt to raise closed before the start", default=0.45
    )
    history: Ratio = Described("value over a stage's floor at which a firm of the start has that round behind it")


class Terms(Table):
    """Protective terms of a new class."""

    settled = frozenset(("ratchet_limit",))

    ratchet: Share = Described("share of classes with full-ratchet anti-dilution")
    weighted_average: Share = Described("share with broad-based weighted-average anti-dilution")
    ratchet_limit: Ratio = Described("most common shares a ratchet can give for one")
    participation_cap: Ratio = Described("cap of a participating class, multiple of what it paid")
    redemption: Share = Described("share of classes with a redemption right (回购)")
    redemption_after: Years = Described("when it can be called, if the firm is not listed")
    redemption_rate: Rate = Described("simple yearly rate on the issue price")
    redemption_last_price: Share | None = Described(
        "share of redemption rights that claim the last round's price where it is higher", default=None
    )


class Investor(Table):
    """How a kind of fund judges a firm that it meets: odds of a yes = logistic(eager + selective x promise + mood)."""

    eager: Coefficient = Described("log odds of a yes to a typical candidate")
    selective: Coefficient = Described("how much the log odds rise with the log of value over the stage's centre")


class Investors(Table):
    sub_fund: Investor
    market: Investor


class RoundParameters(Table):
    """Raising: who asks, who answers, at what price."""

    settled = frozenset(
        (
            "correlation",
            "bargaining",
            "dilution_spread",
            "step_up_spread",
            "concentration",
            "firm_share",
            "backer",
            "listed_volatility",
        )
    )

    stages: Stages
    founding: Founding
    terms: Terms
    investors: Investors
    correlation: Share = Described("correlation of the shocks to value and to revenue")
    bargaining: Spread = Described("standard deviation of the log of price over value")
    concession: Spread = Described("log discount asked price for each failed attempt")
    dilution_spread: Spread = Described("standard deviation of log dilution")
    step_up_spread: Spread = Described("standard deviation of the log step-up waited for")
    short_runway: Years = Described("runway below which a firm goes raising that does not earn more than it burns")
    least_gap: Years = Described("least time between two rounds raised on a step-up")
    skip: Ratio = Described("multiple of a stage's floor at which a first round skips to that stage")
    lead: Share = Described("least part of the round a lead takes")
    least_part: Share = Described("least part of the amount with which a round closes (small)")
    meetings: Annotated[Count, Bounds(le=16)] = Described("funds a firm meets in a quarter")
    concentration: Share = Described("most of its commitments a fund puts into one firm")
    firm_share: Share = Described("most of a firm's post-money a fund buys in one round")
    least_cheque: Money = Described("smallest cheque and smallest round")
    mood: Coefficient = Described("log odds of a yes added in a hot regime, taken in a cold one")
    mood_multiple: Coefficient = Described("log odds of a yes per unit of the log index of private pricing")
    distrust: Ratio = Described("promise lost for each failed attempt")
    lead_caution: Coefficient = Described("log odds that a yes to lead is harder than a yes to follow")
    burn_cut: Share = Described("burn kept after a failed attempt")
    burn_cuts: Count = Described("failed attempts that still find burn to cut")
    patience: Count = Described(
        "failed attempts after which a firm stops asking until it is sold, carried by revenue, or gone"
    )
    retry: Years = Described("time between a failed attempt and the next")
    grows_into: Share | None = Described(
        "part of the log gap between a backed firm's value and what its sales are worth at listed multiples that is "
        "made good in a year: by its sales while a round's money is young, then by its value",
        default=None,
    )
    deploys_over: Share | None = Described(
        "part of its investment period over which a fund places its first investments, evenly; 0, the default: it "
        "places them as soon as firms ask",
        default=None,
    )
    backer: Share = Described("part of every round that the zone's direct fund takes in a firm it holds")
    funded_for: Years = Described("how long a round's money is young")
    listed_drift: SignedRate = Described("yearly drift of a listed firm's log value")
    listed_volatility: Spread = Described("yearly volatility of a listed firm's log value")
