"""Published results recomputed by the code that simulates, ours beside theirs.

A case is a TOML file: `kind`, `source`, `[inputs]`, `[expect]`. A kind is a table of inputs, the names it can compute
and a function that computes them; `KINDS` lists them, and a new kind is one more entry. Exact kinds call sim.finance
and sim.measures; simulated ones run the firm module's own passes with its other mechanisms off.

Got passes when |got - expected| <= tolerance x |expected| (`absolute = true`: <= tolerance); where expected is 0, when
|got| <= 1e-9 x the largest amount of the case. Without a `tolerance` in `[expect]` each name has its
kind's own.

`[use]` says of a name, or of each of its numbers, what it is worth as evidence, in the words of a scenario's facts: an
`input` of the scenario (it comes back whatever the model does), `calibrate` (parameters were fitted to it) or `check`,
which is all that is not named. They are counted apart.

`[misses]` names numbers of which it is known that the model does not reach them, each with the reason. They are shown
as misses and counted apart, and do not fail the case; one that holds after all does, until its line is taken out.
"""

from __future__ import annotations

import datetime
import itertools
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TextIO

import numpy as np
from pydantic import BeforeValidator, Field, create_model, model_validator

from sim.errors import Problem, UserError, in_language
from sim.scenario.fields import Table
from sim.scenario.loading import ScenarioProblems, load
from sim.scenario.reading import Tree, read_tree, shown
from sim.terms import sourced

if TYPE_CHECKING:
    from sim.analysis.lived import Need

PUBLISHED = Path(__file__).resolve().parent.parent / "tests" / "published"
ZERO = 1e-9  # of the largest amount in the case, where zero is expected
MOST_STEPS = 5e9  # of a firm or an agent in a case: a minute or two
MOST_FIRMS = 50_000_000  # of a case that keeps all its firms in memory: some 3 GB
MOST_FIRM_QUARTERS = 2e9  # of a case that runs a scenario: some ten minutes; the greatest one shipped has a twentieth
UNDEFINED = "undefined"
USES = ("check", "calibrate", "input")
Expected = float | list[float] | str


# ------------------------------------------------------------------------------------------------------- numbers


def _is_number(raw: object) -> bool:
    """A finite one that a float holds; a whole number of TOML may have any number of digits."""
    return isinstance(raw, int | float) and not isinstance(raw, bool) and abs(raw) <= sys.float_info.max


def _number(raw: Any) -> float:
    if not _is_number(raw):
        raise ValueError("a plain number is needed here")
    return float(raw)


def _whole(raw: Any) -> int:
    if not _is_number(raw) or raw != int(raw):
        raise ValueError("a whole number is needed here")
    return int(raw)


def _flag(raw: Any) -> bool:
    if not isinstance(raw, bool):
        raise ValueError("true or false is needed here")
    return raw


Number = Annotated[float, BeforeValidator(_number)]
Positive = Annotated[Number, Field(gt=0.0)]
NotNegative = Annotated[Number, Field(ge=0.0)]
Part = Annotated[Number, Field(ge=0.0, le=1.0)]
Growth = Annotated[Number, Field(gt=-1.0)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Size = Annotated[int, BeforeValidator(_whole), Field(ge=1)]
Seed = Annotated[int, BeforeValidator(_whole), Field(ge=0, lt=2**63)]


def _wrong(key: str, message: str, found: object = None) -> ScenarioProblems:
    return ScenarioProblems([(key, message, found, [])])


def _refuse_endless(key: str, steps: float, found: object, remedy: str) -> None:
    """A case says how far it goes, and nobody watches its progress: what would take hours is refused, not begun."""
    if not steps <= MOST_STEPS:
        message = f"the case would take {steps:.1g} steps of a firm, at most {MOST_STEPS:.0g} are made: {remedy}"
        raise _wrong(key, message, found)


@dataclass(frozen=True)
class Undefined:
    """What has no value, and why."""

    reason: str


Answer = dict[str, "float | np.ndarray | Undefined"]


@dataclass(frozen=True)
class Default:
    """The tolerance of a name where the case states none."""

    tolerance: float
    absolute: bool = False


@dataclass(frozen=True)
class Kind:
    """inputs: what a case of this kind says; names: what can be expected; compute(inputs, expected) -> by name.

    defaults: tolerances by name ("" for the rest); where the answer holds a "standard_error", three of them are allowed
    instead. more_names: names that follow from the inputs.
    """

    inputs: type[Table]
    names: tuple[str, ...]
    compute: Callable[[Any, Mapping[str, Expected]], Answer]
    defaults: Mapping[str, Default] = field(default_factory=lambda: {"": Default(1e-6)})
    more_names: Callable[[Any], Sequence[str]] | None = None


def _rate(rate: Any) -> float | Undefined:
    return rate.value if rate else Undefined(rate.reason)


# --------------------------------------------------------------------------------------------------- exact kinds


class PacingTerms(Table):
    commitment: Positive
    call_rates: Annotated[list[Part], Field(min_length=1)]
    life: Annotated[Size, Field(le=1000)]
    bow: NotNegative
    growth: Growth


_YIELD: dict[str, Any] = {"yield": (Part, 0.0)}  # a word of Python's own
PacingInputs = create_model("PacingInputs", __base__=PacingTerms, **_YIELD)


def pacing(inputs: Any, expected: Mapping[str, Expected]) -> Answer:
    from sim.finance.pacing import takahashi_alexander
    from sim.measures import irr

    paced = takahashi_alexander(
        inputs.commitment, inputs.call_rates, inputs.life, inputs.bow, inputs.growth, getattr(inputs, "yield")
    )
    called = float(paced.contributions.sum())
    last = float(paced.nav[-1])
    return {
        **paced._asdict(),
        "tvpi": (float(paced.distributions.sum()) + last) / called if called > 0.0 else Undefined("nothing is called"),
        "irr": _rate(irr(paced.distributions - paced.contributions, nav=last)),
    }


class Flow(Table):
    t: Number
    call: NotNegative = 0.0
    proceeds: NotNegative = 0.0
    deal: str | None = None


class WaterfallInputs(Table):
    style: Literal["whole-fund", "deal-by-deal"]
    hurdle: NotNegative
    carry: Part
    catch_up: Part
    clawback: Flag = False
    flows: Annotated[list[Flow], Field(min_length=1)]


def waterfall(inputs: WaterfallInputs, expected: Mapping[str, Expected]) -> Answer:
    from sim.finance.waterfall import waterfall as distribute
    from sim.measures import irr

    times = [flow.t for flow in inputs.flows]
    calls = [flow.call for flow in inputs.flows]
    paid = distribute(
        times,
        calls,
        [flow.proceeds for flow in inputs.flows],
        [flow.deal for flow in inputs.flows] if inputs.style == "deal-by-deal" else None,
        inputs.hurdle,
        inputs.carry,
        inputs.catch_up,
        inputs.clawback,
    )
    return {
        "gp": paid.gp,
        "lp": paid.lp,
        "gp_total": float(paid.gp.sum()),
        "lp_total": float(paid.lp.sum()),
        "clawback_paid": paid.clawback,
        "lp_irr": _rate(irr(paid.lp - np.array(calls), periods=times)),
    }


class FundInputs(Table):
    flows: Annotated[list[Number], Field(min_length=1)]
    dates: list[datetime.date] | None = None
    periods: list[Number] | None = None
    index: list[Positive] | None = None
    nav: NotNegative = 0.0

    @model_validator(mode="after")
    def _fits(self) -> FundInputs:
        if self.dates is not None and self.periods is not None:
            raise _wrong("periods", "either dates or periods, not both")
        for name in ("dates", "periods", "index"):
            given = getattr(self, name)
            if given is not None and len(given) != len(self.flows):
                raise _wrong(name, f"one for each of the {len(self.flows)} flows is needed", len(given))
            if given is not None and name != "index" and any(b < a for a, b in itertools.pairwise(given)):
                raise _wrong(name, "must not go back in time")
        return self


def fund_measures(inputs: FundInputs, expected: Mapping[str, Expected]) -> Answer:
    from sim import measures

    flows, nav, when = inputs.flows, inputs.nav, {"periods": inputs.periods, "dates": inputs.dates}
    got: dict[str, Any] = {
        "irr": _rate(measures.irr(flows, nav=nav, **when)),
        "tvpi": measures.tvpi(flows, nav),
        "dpi": measures.dpi(flows),
        "rvpi": measures.rvpi(flows, nav),
    }
    if inputs.index is None:
        got |= {name: Undefined("no index is given") for name in ("ks_pme", "direct_alpha", "pme_plus")}
    else:
        got["ks_pme"] = measures.ks_pme(flows, inputs.index, nav)
        got["direct_alpha"] = _rate(measures.direct_alpha(flows, inputs.index, nav, **when))
        got["pme_plus"] = _rate(measures.pme_plus(flows, inputs.index, nav, **when))
    return got


class OptionInputs(Table):
    underlying: NotNegative
    strike: NotNegative
    rate: Number
    volatility: NotNegative
    expiry: NotNegative | None = None
    exit_rate: Positive | None = None

    @model_validator(mode="after")
    def _one_time(self) -> OptionInputs:
        if (self.expiry is None) == (self.exit_rate is None):
            raise _wrong("expiry", "one of expiry and exit_rate is needed, not both")
        if self.exit_rate is not None and self.rate + self.exit_rate <= 0.0:
            raise _wrong("exit_rate", "rate + exit_rate must be above 0, else the strike has no present value")
        return self


def option(inputs: OptionInputs, expected: Mapping[str, Expected]) -> Answer:
    from sim.finance import options

    common = (inputs.underlying, inputs.strike, inputs.rate, inputs.volatility)
    if inputs.exit_rate is not None:
        call, put, when = options.call_at_exit, options.put_at_exit, inputs.exit_rate
    else:
        call, put, when = options.call_at, options.put_at, inputs.expiry
    return {"call": float(call(*common, when)), "put": float(put(*common, when))}


class RoundInputs(Table):
    name: str
    invested: Positive
    post_money: Positive
    preference: NotNegative = 1.0
    seniority: Number = 0.0
    participating: Flag = False
    cap: NotNegative | None = None
    converts_at_ipo: Flag = True
    ipo_ratchet: Flag = False


class IpoInputs(Table):
    points: list[tuple[Positive, Part]] = Field(default_factory=list)


class FairValueInputs(Table):
    volatility: Positive
    exit_rate: Positive
    rate: Number
    unissued_options: Annotated[Number, Field(ge=0.0, lt=1.0)] = 0.0
    ipo: IpoInputs = Field(default_factory=lambda: IpoInputs())
    rounds: Annotated[list[RoundInputs], Field(min_length=1)]
    convention: Literal["exact", "published"] = "exact"

    @model_validator(mode="after")
    def _holds_together(self) -> FairValueInputs:
        from sim.finance.fair_value import ownership

        names = [r.name for r in self.rounds]
        for k, r in enumerate(self.rounds):
            if r.invested >= r.post_money:
                raise _wrong(f"rounds.{k}.invested", "must be below post_money", r.invested)
            if r.name in names[:k]:
                raise _wrong(f"rounds.{k}.name", "two rounds have the same name", r.name)
            if r.cap is not None and r.cap < r.preference:
                raise _wrong(f"rounds.{k}.cap", "is below the preference", r.cap)
        values = [value for value, _ in self.ipo.points]
        if any(b <= a for a, b in itertools.pairwise(values)):
            raise _wrong("ipo.points", "values must rise")
        if self.rate + self.exit_rate <= 0.0:
            raise _wrong("exit_rate", "rate + exit_rate must be above 0", self.exit_rate)
        if ownership(_rounds(self), self.unissued_options)[1] < -1e-12:
            raise _wrong("unissued_options", "leave nothing to common beside the rounds", self.unissued_options)
        return self


def _rounds(inputs: FairValueInputs) -> list[Any]:
    from sim.finance.fair_value import Round

    terms = ("preference", "seniority", "participating", "cap", "converts_at_ipo", "ipo_ratchet")
    return [Round(r.invested, r.post_money, **{name: getattr(r, name) for name in terms}) for r in inputs.rounds]


def fair_value(inputs: FairValueInputs, expected: Mapping[str, Expected]) -> Answer:
    from sim.finance.fair_value import fair_value as price

    try:
        got = price(
            _rounds(inputs),
            inputs.volatility,
            inputs.exit_rate,
            inputs.rate,
            inputs.unissued_options,
            inputs.ipo.points,
            inputs.convention,
        )
    except ArithmeticError as error:
        names = ("fair_value", "overvaluation", "classes", "common", "per_share", "common_per_share")
        return dict.fromkeys((*names, *(r.name for r in inputs.rounds)), Undefined(str(error)))
    return {
        **{r.name: float(value) for r, value in zip(inputs.rounds, got.classes, strict=True)},
        "fair_value": got.value,
        "overvaluation": got.overvaluation,
        "classes": got.classes,
        "common": got.common,
        "per_share": got.per_share,
        "common_per_share": got.common_per_share,
    }


class ShareClass(Table):
    name: str
    shares: Positive
    invested: NotNegative
    preference: NotNegative = 1.0
    seniority: Number = 0.0
    participating: Flag = False
    cap: NotNegative | None = None


class PayoffInputs(Table):
    proceeds: NotNegative
    common_shares: NotNegative
    classes: list[ShareClass]

    @model_validator(mode="after")
    def _holds_together(self) -> PayoffInputs:
        for k, c in enumerate(self.classes):
            if c.cap is not None and c.cap < c.preference:
                raise _wrong(f"classes.{k}.cap", "is below the preference", c.cap)
        if not self.classes and self.common_shares == 0.0:
            raise _wrong("common_shares", "there is no share to pay", 0.0)
        return self


def payoff(inputs: PayoffInputs, expected: Mapping[str, Expected]) -> Answer:
    from sim.finance.payoff import split

    classes = inputs.classes
    paid, common, converts = split(
        inputs.proceeds,
        [c.shares for c in classes],
        [c.invested * c.preference for c in classes],
        [c.seniority for c in classes],
        [c.participating for c in classes],
        [None if c.cap is None else c.cap * c.invested for c in classes],
        inputs.common_shares,
    )
    return {"payouts": paid, "common": common, "converts": converts.astype(float)}


class BassInputs(Table):
    p: NotNegative
    q: NotNegative
    times: Annotated[list[NotNegative], Field(min_length=1)]
    form: Literal["continuous", "quarterly"] = "continuous"
    agents: Size = 20_000
    replications: Annotated[Size, Field(ge=2)] = 40
    seed: Seed = 1

    @model_validator(mode="after")
    def _by_quarter(self) -> BassInputs:
        for k, t in enumerate(self.times):
            if self.form == "quarterly" and not (4.0 * t).is_integer():
                raise _wrong(f"times.{k}", "the quarterly form knows whole quarters only", t)
        if self.form == "quarterly":
            steps = 4.0 * max(self.times) * self.replications * float(self.agents)
            _refuse_endless("agents", steps, self.agents, "fewer agents, worlds or years")
        return self


def bass(inputs: BassInputs, expected: Mapping[str, Expected]) -> Answer:
    from sim.finance.bass import adopted_share, peak, simulate_uptake

    at = peak(inputs.p, inputs.q)
    if inputs.form == "continuous":
        adopted = np.array([adopted_share(inputs.p, inputs.q, t) for t in inputs.times])
        return {"adopted": adopted, "peak": at}
    place = [round(t * 4.0) for t in inputs.times]
    drawn = simulate_uptake(inputs.p, inputs.q, max(place), inputs.agents, inputs.replications, inputs.seed)[:, place]
    error = drawn.std(axis=0, ddof=1) / math.sqrt(inputs.replications)
    return {"adopted": drawn.mean(axis=0), "standard_error": error, "peak": at}


# ----------------------------------------------------------------------------------------------- simulated kinds

BLOCK = 1 << 15  # firms handled at a time


def grow_once(
    key: np.ndarray, first: int, last: int, step: int, drift: float, scale: float
) -> tuple[np.ndarray, np.ndarray]:
    """One step of the firm module for the firms first … last - 1, apart from all else: (log growth, standard shock)."""
    from sim.model.draws import draw_laplace
    from sim.model.firms.kernel import grow, shock_words

    n = last - first
    words = [np.empty(n, np.uint32) for _ in range(4)]
    cohort = np.zeros(n, np.uint32)
    shock_words(key, np.arange(first, last, dtype=np.uint32), cohort, step, *words)
    middle = 17.0  # the module keeps log revenue between its bounds; one step from the middle does not reach them
    log_revenue, shock = np.full(n, middle), np.empty(n, np.float32)
    draw_laplace(words[0], shock)
    grow(shock, np.full(n, drift), np.full(n, scale), 0.0, log_revenue)
    return log_revenue - middle, shock.astype(np.float64)


def blocks(n: int) -> Iterator[tuple[int, int]]:
    for first in range(0, n, BLOCK):
        yield first, min(first + BLOCK, n)


class ShockInputs(Table):
    location: Number
    scale: Positive
    firms: Annotated[Size, Field(le=MOST_FIRMS)] = 2_000_000
    seed: Seed = 1


def growth_shocks(inputs: ShockInputs, expected: Mapping[str, Expected]) -> Answer:
    """Moments and exceedances of the module's growth. Beyond a hundred percent a step the bounds of revenue would bind,
    so the shock itself is read there."""
    from sim.model.draws import key_of

    key = key_of(inputs.seed, 0)
    within = abs(inputs.location) < 1.0 and inputs.scale <= 0.5
    growth = np.empty(inputs.firms)
    for a, b in blocks(inputs.firms):
        moved, shock = grow_once(key, a, b, 1, inputs.location, inputs.scale)
        growth[a:b] = moved if within else inputs.location + inputs.scale * shock
    asked = expected.get("exceedance")
    away = np.abs(growth - inputs.location) / inputs.scale
    beyond = [float(np.mean(away > k + 1)) for k in range(len(asked) if isinstance(asked, list) else 5)]
    centred = growth - growth.mean()
    variance = float(np.mean(centred**2))
    return {
        "variance": variance,
        "excess_kurtosis": float(np.mean(centred**4)) / variance**2 - 3.0 if variance > 0.0 else math.nan,
        "exceedance": np.array(beyond),
    }


class SizeInputs(Table):
    drift: Number
    volatility: Positive
    exit_rate: NotNegative
    entry_growth: Number = 0.0
    firms: Annotated[Size, Field(le=MOST_FIRMS)] = 1_000_000
    seed: Seed = 1
    steps_per_year: Size = 32

    @model_validator(mode="after")
    def _has_a_steady_state(self) -> SizeInputs:
        if self.exit_rate + self.entry_growth <= 0.0:
            raise _wrong("exit_rate", "exit_rate + entry_growth must be above 0 for a steady state", self.exit_rate)
        if self.volatility**2 / self.steps_per_year >= 1.0:
            raise _wrong("volatility", "is too large for one step: raise steps_per_year", self.volatility)
        life = self.steps_per_year / (
            self.exit_rate + self.entry_growth
        )  # steps on average; the oldest firm's 23 times
        steps = life * self.firms + 23.0 * life * 1e4  # a step of however few firms costs as much as ten thousand's
        _refuse_endless("steps_per_year", steps, self.steps_per_year, "fewer firms or a shorter life")
        return self


def firm_size_tail(inputs: SizeInputs, expected: Mapping[str, Expected]) -> Answer:
    """The cross-section of live firms: each has lived a geometric number of steps (survival of exit, thinned by the
    growth of entry), the oldest first so that those alive at a step are a prefix of the columns.

    Steps are shorter than the module's quarter because a Laplace walk in quarters is up to 5 % away from the diffusion
    of the closed form; as they shorten it converges (within 1 % at 32 steps a year).
    """
    from sim.model.draws import key_of
    from sim.model.firms.kernel import shock_words

    n, step = inputs.firms, 1.0 / inputs.steps_per_year
    key = key_of(inputs.seed, 0)
    index = np.arange(n, dtype=np.uint32)
    words = [np.empty(n, np.uint32) for _ in range(4)]
    shock_words(key, index, np.zeros(n, np.uint32), 0, *words)
    leaving = (inputs.exit_rate + inputs.entry_growth) * step
    survival = (words[1] + 0.5) * 2.0**-32  # word 1 decides exits
    lived = np.sort(np.ceil(-np.log(survival) / leaving).astype(np.int64))[::-1]
    scale = inputs.volatility * math.sqrt(0.5 * step)
    drift = inputs.drift * step + math.log1p(-scale * scale)  # so that the mean growth factor is e^(drift step)
    size = np.zeros(n)
    for k in range(int(lived[0])):
        alive = int(np.searchsorted(-lived, -k))  # how many have lived more than k steps
        for a, b in blocks(alive):
            size[a:b] += grow_once(key, a, b, k + 1, drift, scale)[0]
    beyond = 2.0 * inputs.volatility * math.sqrt(step)

    def exponent(x: np.ndarray) -> float | Undefined:
        tail = x[x > beyond]
        return 1.0 / float(np.mean(tail - beyond)) if tail.size else Undefined("no firm is that far out")

    return {
        "upper_tail": exponent(size),
        "lower_tail": exponent(-size),
        "share_above_entry_size": float(np.mean(size > 0.0)),
    }


class KnownSurvival(Table):
    ages: Annotated[list[Positive], Field(min_length=2)]
    survival: Annotated[list[Annotated[Number, Field(ge=0.0, le=100.0)]], Field(min_length=2)]

    @property
    def whole(self) -> float:
        """1 where survival is written as shares, 100 where it is written in percent."""
        return 100.0 if max(self.survival) > 1.0 else 1.0


class SurvivalInputs(Table):
    fit: KnownSurvival
    predict: Annotated[list[Positive], Field(min_length=1)]
    firms: Annotated[Size, Field(le=MOST_FIRMS)] = 400_000
    seed: Seed = 1

    @model_validator(mode="after")
    def _is_a_survival(self) -> SurvivalInputs:
        ages, survival = self.fit.ages, self.fit.survival
        if len(ages) != len(survival):
            raise _wrong("fit.survival", f"one for each of the {len(ages)} ages is needed", len(survival))
        if any(b <= a for a, b in itertools.pairwise(ages)):
            raise _wrong("fit.ages", "must rise", ages)
        if any(b > a for a, b in itertools.pairwise([self.fit.whole, *survival])) or min(survival) <= 0.0:
            raise _wrong("fit.survival", "must fall and stay above 0: shares as .796, or percent as 79.6", survival)
        for k, age in enumerate([*ages, *self.predict]):
            if age > 60.0 or not (4.0 * age).is_integer():
                where = f"fit.ages.{k}" if k < len(ages) else f"predict.{k - len(ages)}"
                raise _wrong(where, "the firm module knows whole quarters, up to 60 years", age)
        _refuse_endless("firms", 4.0 * max(self.predict) * self.firms, self.firms, "fewer firms or a younger age")
        return self


def cohort_survival(inputs: SurvivalInputs, expected: Mapping[str, Expected]) -> Answer:
    from sim.analysis.cohorts import fit_exit_law, live_cohort

    whole = inputs.fit.whole
    law = fit_exit_law([round(4.0 * age) for age in inputs.fit.ages], [x / whole for x in inputs.fit.survival])
    asked = [round(4.0 * age) for age in inputs.predict]
    share = live_cohort(law, max(asked), inputs.firms, inputs.seed)
    return {"survival": whole * share[asked], "floor": law.floor, "young": law.young, "power": law.power}


class FunnelInputs(Table):
    scenario: str
    cohort_years: Annotated[list[Size], Field(min_length=2, max_length=2)] | Size
    horizon: str | Positive
    since: str | None = None
    ended: Annotated[list[str], Field(min_length=2, max_length=2)] | None = None
    priced: Annotated[list[Size], Field(min_length=2, max_length=2)] | None = None
    venture_from: Positive | None = None
    replications: Annotated[Size, Field(le=1000)] = 8
    seed: Seed = 1
    unit: Positive = 6.8e6  # yuan to a unit of round sizes: a million US dollars


SETTLED = ("outcomes", "founders_nothing")  # what is worked out of each firm's end


def funding_funnel(inputs: FunnelInputs, expected: Mapping[str, Expected], scenario: Any = None) -> Answer:
    """scenario: another than the one that inputs name. cohort_years: first and last year of founding, or how many years
    from the scenario's start on. horizon: the last quarter counted, as a date or a year (its last quarter), or years
    after the scenario's start; since: first quarter of the rounds whose ages and step-ups are counted; ended: first
    and last quarter of the ends that are counted; venture_from: least size of a venture round, in units: outcomes count
    from a firm's first such round on."""
    from sim.analysis.funnel import AGED, SIZED, STEPS, funding_funnel
    from sim.analysis.lived import loaded
    from sim.quantities import parse_quarter

    scenario = scenario or loaded(scenario_named(inputs.scenario))
    start = int(scenario.zone.start)
    years = inputs.cohort_years
    founded = (4 * years[0], 4 * years[1] + 3) if isinstance(years, list) else (start + 1, start + 4 * years)
    until = inputs.horizon

    def date(name: str, text: str) -> int:
        try:
            return parse_quarter(text)
        except ValueError as error:
            raise UserError(Problem(str(error), key=f"inputs.{name}", found=text)) from None

    first = date("since", inputs.since) if inputs.since is not None else 0
    ended = (date("ended", inputs.ended[0]), date("ended", inputs.ended[1])) if inputs.ended is not None else None
    if ended is not None and ended[1] < ended[0]:
        raise UserError(Problem("must not go back in time", key="inputs.ended", found=" – ".join(inputs.ended or [])))
    if isinstance(until, str):
        last = date("horizon", until)
    else:
        last = 4 * int(until) + 3 if until >= 1900 else start + round(4.0 * until)
    if not start < founded[0] + 4 or founded[1] < founded[0] or last > int(scenario.zone.end):
        message = "the cohort and the horizon must lie within the scenario's time"
        found = f"{years} until {until}"
        raise UserError(Problem(message, key="inputs.cohort_years", found=found))
    if inputs.priced is not None and not start // 4 < inputs.priced[0] < inputs.priced[1] <= last // 4:
        expected_years = f"two years that rise, from {start // 4 + 1} to {last // 4}"
        raise UserError(
            Problem("cannot be compared", key="inputs.priced", found=str(inputs.priced), expected=expected_years)
        )
    priced = (inputs.priced[0], inputs.priced[1]) if inputs.priced is not None else None
    _refuse_long_run(scenario, inputs.replications, inputs.seed)
    least = (inputs.venture_from or 0.0) * inputs.unit
    settled = any(name in expected for name in SETTLED)
    if inputs.venture_from is not None and not settled:
        raise UserError(
            Problem(
                f"changes nothing: only {', '.join(SETTLED)} count from a first venture round on",
                key="inputs.venture_from",
                found=f"{inputs.venture_from:g}",
            )
        )
    funnel = funding_funnel(
        scenario, founded, last, inputs.replications, inputs.seed, first, ended, priced, least, settled
    )
    by_count = {f"reach_{k + 2}": float(share) for k, share in enumerate(funnel.reach)}
    sizes = {stage: funnel.quartiles[stage] / inputs.unit for stage in SIZED}
    spread = {f"{stage}_log_sd": funnel.spread[stage] for stage in SIZED}
    ages = {f"{stage}_age": float(x) for stage, x in zip(AGED, funnel.ages, strict=True)}
    steps = {f"{step}_step_up": float(x) for step, x in zip(STEPS, funnel.step_ups, strict=True)}
    return {
        "reach": funnel.reach,
        **by_count,
        **sizes,
        **spread,
        "median_age": funnel.ages,
        **ages,
        "step_up": funnel.step_ups,
        **steps,
        **funnel.fates,
        "outcomes": funnel.outcomes,
        "founders_nothing": funnel.founders_nothing,
        "failed": float(funnel.exits[0]),
        "sold_at_loss": funnel.sold_at_loss,
        "dearer": funnel.dearer,
        "up_rounds": funnel.up_rounds,
        "up_step": funnel.up_step,
        "up_mean": funnel.up_mean,
    }


class LadderInputs(Table):
    scenario: str
    level: str = "certificates.giant"
    years: Annotated[list[Size], Field(min_length=1)]
    scale: Positive = 1.0
    replications: Annotated[Size, Field(le=1000)] = 12
    seed: Seed = 1


class ListingInputs(LadderInputs):
    level: str = "listing.approved"


def china_ladder(inputs: LadderInputs, expected: Mapping[str, Expected]) -> Answer:
    """A level of a ladder, by year. scale: firms of the country to one of the scenario."""
    from sim.analysis.ladders import ladder_totals
    from sim.analysis.lived import loaded

    scenario = loaded(scenario_named(inputs.scenario))
    levels = [f"{a}.{b}" for a, ladder in scenario.ladders.items() for b in ladder.levels]
    if inputs.level not in levels:
        near = get_close_matches(inputs.level, levels, 1, 0.6)
        message = "no such level in the scenario"
        raise UserError(Problem(message, key="inputs.level", found=inputs.level, nearest=near[0] if near else None))
    first, last = int(scenario.zone.start) // 4, int(scenario.zone.end) // 4
    for year in inputs.years:
        if not first < year <= last or 4 * year + 3 > int(scenario.zone.end):
            expected_years = f"years from {first + 1} on that end by the scenario's end"
            message = "is not simulated whole"
            raise UserError(Problem(message, key="inputs.years", found=str(year), expected=expected_years))
    _refuse_long_run(scenario, inputs.replications, inputs.seed)
    need = _need_of(inputs, expected)
    totals = ladder_totals(scenario, inputs.level, inputs.years, inputs.scale, need, inputs.seed)
    return {
        "entered": totals.entered,
        "stock": totals.stock,
        "renewed": totals.renewed,
        "passed": totals.passed,
        "backed": totals.backed,
        "of_listings": totals.of_listings,
    }


IN_LOG = ("renewed", "passed")  # what a ladder's case reads from the event log; the rest are metrics


def _need_of(inputs: FunnelInputs | LadderInputs, expected: Mapping[str, Expected]) -> Need:
    from sim.analysis.lived import Need

    if isinstance(inputs, FunnelInputs):
        return Need(inputs.replications)
    return Need(inputs.replications, 4 * max(inputs.years) + 3, any(name in IN_LOG for name in expected))


def _refuse_long_run(scenario: Any, replications: int, seed: int) -> None:
    """What the scenario would ask for, from the room that its worlds are given: an upper estimate."""
    from sim.ensemble import first_room
    from sim.model.rows import Rows
    from sim.model.rules import lower

    room = first_room(scenario, lower(scenario, Rows(seed, np.arange(min(replications, 4)))))
    asked = float(room.firms) * room.quarters
    if asked * replications > MOST_FIRM_QUARTERS:
        fit = int(MOST_FIRM_QUARTERS / asked)
        raise UserError(
            Problem(
                f"the case would live {asked * replications:.1g} quarters of a firm; "
                f"at most {MOST_FIRM_QUARTERS:.0g} are lived",
                key="inputs.replications" if fit else "inputs.scenario",
                found=f"{replications} worlds of room for {room.firms:,} firms",
                expected=f"at most {fit} worlds of this scenario" if fit else "a smaller scenario",
            )
        )


def scenario_named(name: str) -> Path:
    """A scenario's path: as given, or from the program's own folder."""
    places = (Path(name), Path(__file__).resolve().parent.parent / name)
    try:
        return next(place for place in places if place.is_file())
    except (StopIteration, ValueError):  # a NUL in its name
        raise UserError(Problem("no such scenario file", key="inputs.scenario", found=repr(name))) from None


FUND = ("irr", "tvpi", "dpi", "rvpi", "ks_pme", "direct_alpha", "pme_plus")
WORTH = ("fair_value", "overvaluation", "classes", "common", "per_share", "common_per_share")
KINDS: dict[str, Kind] = {
    "takahashi-alexander": Kind(PacingInputs, ("contributions", "distributions", "nav", "tvpi", "irr"), pacing),
    "waterfall": Kind(WaterfallInputs, ("gp", "lp", "gp_total", "lp_total", "clawback_paid", "lp_irr"), waterfall),
    "fund-measures": Kind(FundInputs, FUND, fund_measures, {"": Default(1e-8)}),
    "option": Kind(OptionInputs, ("call", "put"), option, {"": Default(1e-8)}),
    "fair-value": Kind(
        FairValueInputs, WORTH, fair_value, {"": Default(1e-4)}, lambda inputs: [r.name for r in inputs.rounds]
    ),
    "payoff": Kind(PayoffInputs, ("payouts", "common", "converts"), payoff, {"": Default(1e-9)}),
    "bass": Kind(BassInputs, ("adopted", "peak"), bass, {"": Default(1e-9)}),
    "growth-shocks": Kind(
        ShockInputs,
        ("variance", "excess_kurtosis", "exceedance"),
        growth_shocks,
        {"variance": Default(0.01), "excess_kurtosis": Default(0.15, True), "exceedance": Default(0.002, True)},
    ),
    "cohort-survival": Kind(
        SurvivalInputs, ("survival", "floor", "young", "power"), cohort_survival, {"": Default(0.015, True)}
    ),
    "funding-funnel": Kind(
        FunnelInputs,
        (
            *("reach", "reach_2", "reach_3", "reach_4", "reach_5", "seed", "a", "b", "c"),
            *("seed_log_sd", "a_log_sd", "b_log_sd", "c_log_sd"),
            *("median_age", "seed_age", "a_age", "b_age", "c_age", "d_age"),
            *("step_up", "seed_to_a_step_up", "a_to_b_step_up", "b_to_c_step_up"),
            *("liquidated", "sold", "listed", "unicorns", "outcomes", "founders_nothing"),
            *("failed", "sold_at_loss", "dearer", "up_rounds", "up_step", "up_mean"),
        ),
        funding_funnel,
        {"": Default(0.15)}
        | {name: Default(0.03, True) for name in ("reach", *(f"reach_{k}" for k in range(2, 6)))}
        | {name: Default(0.03, True) for name in ("liquidated", "sold", "listed", "unicorns")}
        | {"up_rounds": Default(0.05, True)},
    ),
    "china-ladder": Kind(
        LadderInputs,
        ("entered", "stock", "renewed", "passed", "backed"),
        china_ladder,
        {
            "": Default(0.15),
            "renewed": Default(0.03, True),
            "passed": Default(0.03, True),
            "backed": Default(0.03, True),
        },
    ),
    "china-listing": Kind(
        ListingInputs,
        ("entered", "stock", "renewed", "passed", "backed", "of_listings"),
        china_ladder,
        {
            "": Default(0.15),
            "renewed": Default(0.03, True),
            "passed": Default(0.03, True),
            "backed": Default(0.03, True),
            "of_listings": Default(0.03, True),
        },
    ),
    "firm-size-tail": Kind(
        SizeInputs, ("upper_tail", "lower_tail", "share_above_entry_size"), firm_size_tail, {"": Default(0.02)}
    ),
}


# --------------------------------------------------------------------------------------------------------- cases


@dataclass(frozen=True)
class Case:
    """A case file that was read and found right, but for lengths of lists that only the answer tells."""

    name: str
    file: str
    source: str
    kind: Kind
    inputs: Any
    expect: dict[str, Expected]
    tolerance: float | None
    absolute: bool | None
    largest: float
    lines: dict[str, int | None]
    use: dict[str, str | list[str]]
    misses: dict[str, str]


@dataclass(frozen=True)
class Check:
    """One expected number beside ours. miss: the reason that its case states for not reaching it."""

    case: str
    name: str
    expected: float | str
    got: float | str
    tolerance: float
    absolute: bool
    holds: bool
    reason: str = ""
    use: str = "check"
    miss: str = ""

    @property
    def fails(self) -> bool:
        """Whether it holds though its case says that it does not, or does not and nobody says so."""
        return self.holds == bool(self.miss)


def find(name: str) -> Path:
    """A bare name is a file in tests/published (with or without .toml), else what the path says."""
    path = Path(name)
    if path.name == name:
        for candidate in (PUBLISHED / name, PUBLISHED / f"{name}.toml"):
            if candidate.is_file():
                return candidate
        if not path.exists():
            known = sorted(p.stem for p in PUBLISHED.glob("*.toml"))
            near = get_close_matches(path.stem, known, 1, 0.6)
            raise UserError(Problem("no such case in tests/published", found=name, nearest=near[0] if near else None))
    return path


def read_case(path: Path) -> Case:
    """A validated case; UserError with every problem of the file."""
    tree = read_tree(path)
    file = shown(path)
    word = tree.data.get("kind")
    kind = KINDS.get(word) if isinstance(word, str) else None
    if kind is None:
        near = get_close_matches(str(word), KINDS, 1, 0.6) if word is not None else []
        problem = Problem(
            "no such kind of case" if word is not None else "this key is missing",
            file,
            tree.index["kind"][1] if "kind" in tree.index else None,
            "kind",
            None if word is None else str(word),
            ", ".join(KINDS),
            near[0] if near else None,
        )
        raise UserError(problem)
    model = create_model(
        "Case",
        __base__=Table,
        kind=(str, ...),
        inputs=(kind.inputs, ...),
        expect=(dict[str, Any], ...),
        use=(dict[str, Any], {}),
        misses=(dict[str, Any], {}),
    )
    problems: list[Problem] = []
    inputs = None
    try:
        inputs = load(model, path).inputs  # type: ignore[attr-defined]
    except UserError as error:
        problems += error.problems
    raw = tree.data.get("expect")
    expect: dict[str, Expected] = {}
    tolerance = absolute = None
    if isinstance(raw, dict):
        names = [*kind.names, *(kind.more_names(inputs) if inputs is not None and kind.more_names else ())]
        all_known = inputs is not None or kind.more_names is None
        for name, value in raw.items():
            where = (*tree.place(f"expect.{name}"), f"expect.{name}")
            if name == "tolerance":
                if not _is_number(value) or value < 0.0:
                    problems.append(Problem("is not a tolerance", *where, str(value), "a number not below 0"))
                else:
                    tolerance = float(value)
            elif name == "absolute":
                if not isinstance(value, bool):
                    problems.append(Problem("is not a yes or no", *where, str(value), "true or false"))
                else:
                    absolute = value
            elif name not in names and all_known:
                near = get_close_matches(name, [*names, "tolerance", "absolute"], 1, 0.6)
                problems.append(
                    Problem("is not computed by this kind", *where, None, ", ".join(names), near[0] if near else None)
                )
            elif _is_number(value):
                expect[name] = float(value)
            elif isinstance(value, list) and value and all(_is_number(x) for x in value):
                expect[name] = [float(x) for x in value]
            elif value == UNDEFINED:
                expect[name] = value
            else:
                wanted = 'a number, a list of numbers or "undefined"'
                problems.append(Problem("is not what can be expected", *where, str(value), wanted))
        if not expect and not problems:
            file_, line = tree.place("expect")
            problems.append(Problem("nothing is expected", file_, line, "expect", None, ", ".join(names)))
    use, misses = (x if isinstance(x := tree.data.get(name, {}), dict) else {} for name in ("use", "misses"))
    problems += _problems_of_use(tree, use, expect)
    problems += _problems_of_misses(tree, misses, expect)
    if problems:
        raise UserError(problems)
    largest = max((abs(x) for x in (*_numbers(tree.data["inputs"]), *_numbers(list(expect.values())))), default=0.0)
    lines = {name: tree.place(f"expect.{name}")[1] for name in expect}
    lines |= {f"inputs.{name}": tree.place(f"inputs.{name}")[1] for name in tree.data["inputs"]}
    return Case(
        path.stem,
        file,
        str(tree.data.get("source", "")),
        kind,
        inputs,
        expect,
        tolerance,
        absolute,
        largest,
        lines,
        use,
        misses,
    )


def _problems_of_use(tree: Tree, use: Mapping[str, Any], expect: Mapping[str, Expected]) -> Iterator[Problem]:
    """What `[use]` says of names that are not expected, or not in the words or the number of what is."""
    for name, said in use.items():
        where = (*tree.place(f"use.{name}"), f"use.{name}")
        if name not in expect:
            near = get_close_matches(name, expect, 1, 0.6)
            message = "says the use of what is not expected"
            yield Problem(message, *where, None, ", ".join(expect) or None, near[0] if near else None)
            continue
        theirs = expect[name]
        count = len(theirs) if isinstance(theirs, list) else None
        if isinstance(said, list) and len(said) != count:  # of one number a list says nothing, not even an empty one
            wanted = f"one word, or a list of {count}" if count is not None else "one word"
            yield Problem("one word for each number is needed", *where, str(len(said)), wanted)
        for word in said if isinstance(said, list) else [said]:
            if word not in USES:
                near = get_close_matches(str(word), USES, 1, 0.6)
                yield Problem("is not a use", *where, str(word), ", ".join(USES), near[0] if near else None)


def _problems_of_misses(tree: Tree, misses: Mapping[str, Any], expect: Mapping[str, Expected]) -> Iterator[Problem]:
    """What `[misses]` names that is not expected, or gives no reason for."""
    known = [label for name, theirs in expect.items() for label in _labels(name, theirs)]
    for label, reason in misses.items():
        where = (*tree.place(f"misses.{label}"), f"misses.{label}")
        if label not in known:
            near = get_close_matches(label, known, 1, 0.6)
            yield Problem("is not a number that is expected", *where, None, ", ".join(known), near[0] if near else None)
        elif not isinstance(reason, str) or not reason.strip():
            yield Problem("why it is missed is needed here", *where, str(reason), "a text")


def _labels(name: str, expected: Expected) -> list[str]:
    """What the numbers of an expected name are called: name, or name[0], name[1] ... of a list."""
    return [f"{name}[{k}]" for k in range(len(expected))] if isinstance(expected, list) else [name]


def _numbers(value: object) -> Iterator[float]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _numbers(item)
    elif _is_number(value):
        yield float(value)  # type: ignore[arg-type]


def sharing(cases: Sequence[Case]) -> AbstractContextManager[None]:
    """Within it the worlds that several of the cases read are lived once."""
    from sim.analysis.lived import shared

    return shared(_asked_of(cases))


def _asked_of(cases: Sequence[Case]) -> Iterator[tuple[Path, Need, int]]:
    for case in cases:
        if isinstance(case.inputs, FunnelInputs | LadderInputs):
            with suppress(UserError):  # told when the case is computed
                need = _need_of(case.inputs, case.expect)
                yield scenario_named(case.inputs.scenario), need, case.inputs.seed


def run_case(case: Case) -> list[Check]:
    """Compute a case and compare. UserError where a list has another length than ours."""
    try:
        got = case.kind.compute(case.inputs, case.expect)
    except UserError as error:  # of the inputs together with what they name: it is told at its line of the case
        told = [p if p.file else replace(p, file=case.file, line=case.lines.get(p.key or "")) for p in error.problems]
        raise UserError(told) from None
    checks: list[Check] = []
    problems: list[Problem] = []
    for name, expected in case.expect.items():
        ours = got[name]
        if isinstance(ours, Undefined):
            theirs = expected if isinstance(expected, list) else [expected]
            pairs = [(label, x, ours) for label, x in zip(_labels(name, expected), theirs, strict=True)]
        elif isinstance(ours, np.ndarray):
            if not isinstance(expected, list) or len(expected) != ours.size:
                found = f"{len(expected)} numbers" if isinstance(expected, list) else str(expected)
                problems.append(
                    Problem(
                        "a list is computed",
                        case.file,
                        case.lines[name],
                        f"expect.{name}",
                        found,
                        f"a list of {ours.size} numbers",
                    )
                )
                continue
            pairs = list(zip(_labels(name, expected), expected, ours.tolist(), strict=True))
        elif isinstance(expected, list):
            where = (case.file, case.lines[name], f"expect.{name}")
            problems.append(Problem("one number is computed", *where, f"{len(expected)} numbers", "a number"))
            continue
        else:
            pairs = [(name, expected, float(ours))]
        errors = got.get("standard_error") if name == "adopted" else None
        for k, (label, theirs, mine) in enumerate(pairs):
            error = float(errors[k]) if isinstance(errors, np.ndarray) else None
            said = case.use.get(name, "check")
            use = said[k] if isinstance(said, list) else said
            miss = case.misses.get(label, "")
            checks.append(replace(_compare(case, name, label, theirs, mine, error), use=use, miss=miss))
    if problems:
        raise UserError(problems)
    return checks


def _compare(
    case: Case, name: str, label: str, expected: float | str, got: float | Undefined, error: float | None
) -> Check:
    default = case.kind.defaults.get(name) or case.kind.defaults.get("") or Default(1e-6)
    tolerance, absolute = case.tolerance, bool(case.absolute)
    if tolerance is None:
        tolerance = default.tolerance if error is None else 3.0 * error
        absolute = case.absolute if case.absolute is not None else default.absolute or error is not None
    if not isinstance(got, Undefined) and math.isnan(got):
        got = Undefined("it divides by nothing")
    if isinstance(got, Undefined) or isinstance(expected, str):
        same = isinstance(got, Undefined) and isinstance(expected, str)
        shown_got = UNDEFINED if isinstance(got, Undefined) else got
        reason = got.reason if isinstance(got, Undefined) else ""
        return Check(case.name, label, expected, shown_got, tolerance, absolute, same, reason)
    allowed = tolerance if absolute else tolerance * abs(expected) if expected != 0.0 else ZERO * case.largest
    return Check(case.name, label, expected, got, tolerance, absolute, abs(got - expected) <= allowed)


# -------------------------------------------------------------------------------------------------------- report

WORDS = {  # zh, en
    "ours": ("本程序", "ours"),
    "theirs": ("已发表", "published"),
    "tolerance": ("容差", "tolerance"),
    "holds": ("一致", "holds"),
    "misses": ("不一致", "MISSES"),
    "known": ("已知不一致", "known miss"),
    "stale": ("一致，请从 [misses] 中删去", "HOLDS: take it out of [misses]"),
    "undefined": ("无定义", "undefined"),
    "use": ("用途", "use"),
    "check": ("检验", "check"),
    "calibrate": ("校准所用", "fitted to"),
    "input": ("输入（照带）", "input, carried"),
}


def _word(key: str, lang: str) -> str:
    return WORDS[key][0 if lang == "zh" else 1]


def _shown(value: float | str, lang: str) -> str:
    return _word("undefined", lang) if isinstance(value, str) else f"{value:.10g}"


def report(case: Case, checks: Sequence[Check], lang: str) -> str:
    """One case as a table."""
    from sim.analysis.text import layout

    apart = any(check.use != "check" for check in checks)
    rows = [
        [
            f"  {check.name}",
            _shown(check.got, lang),
            _shown(check.expected, lang),
            f"{check.tolerance:.2g}" + (" ±" if check.absolute else ""),
            _word(_outcome(check), lang) + (f" ({in_language(check.reason, lang)})" if check.reason else ""),
            *([_word(check.use, lang)] if apart else []),
        ]
        for check in checks
    ]
    header = ["", *(_word(key, lang) for key in ("ours", "theirs", "tolerance")), ""]
    header += [_word("use", lang)] if apart else []
    source = f"  {sourced(case.source, lang)}" if case.source else ""
    colon = "：" if lang == "zh" else ": "
    reasons = [f"  {check.name}{colon}{sourced(check.miss, lang)}" for check in checks if check.miss]
    return "\n".join(part for part in (case.name, source, layout(header, rows), *reasons) if part)


def _outcome(check: Check) -> str:
    if check.miss:
        return "stale" if check.holds else "known"
    return "holds" if check.holds else "misses"


def counts_by_use(checks: Sequence[Any], lang: str) -> str:
    """How many hold of each use, where there is another than `check`: what was fitted or given is no evidence; and how
    many misses are known. checks: with `use`, `holds` and `miss`, of this module or of a backtest."""
    kinds = [use for use in USES if any(check.use == use for check in checks)]
    known = sum(bool(check.miss) for check in checks)
    parts = []
    for use in kinds if kinds != ["check"] else []:
        holds = [check.holds for check in checks if check.use == use]
        word = _word(use, lang)
        parts.append(
            f"{word} {len(holds)} 个中 {sum(holds)} 个" if lang == "zh" else f"{word} {sum(holds)} of {len(holds)}"
        )
    if known:
        parts.append(f"已知不一致 {known} 个" if lang == "zh" else f"known misses {known}")
    if not parts:
        return ""
    return f"（{'，'.join(parts)}）" if lang == "zh" else f" ({'; '.join(parts)})"


def verify(names: Sequence[str] = (), as_json: bool = False, lang: str = "en", out: TextIO | None = None) -> int:
    """Recompute cases (all of tests/published by default) and print them. 0 all hold but for known misses, 1 not.

    Files that are wrong raise UserError (status 2) with the problems of all of them, before anything is computed.
    """
    import json

    from sim.compiled import use_cache

    out = sys.stdout if out is None else out
    use_cache()
    problems: list[Problem] = []
    cases: list[Case] = []
    paths = list(names) or [str(path) for path in sorted(PUBLISHED.glob("*.toml"))]
    for name in paths:
        try:
            cases.append(read_case(find(name)))
        except UserError as error:
            problems += error.problems
    if problems:
        raise UserError(problems)
    checks: list[Check] = []
    with sharing(cases):
        for case in cases:
            try:
                done = run_case(case)
            except UserError as error:
                problems += error.problems
                continue
            checks += done
            if not as_json:
                print(report(case, done, lang), end="\n\n", file=out, flush=True)
    if problems:
        raise UserError(problems)
    if as_json:
        rows = [{k: v for k, v in vars(check).items() if k not in ("reason", "miss") or v} for check in checks]
        print(json.dumps(rows, ensure_ascii=False, indent=1, allow_nan=False), file=out)
    else:
        held, n = sum(check.holds for check in checks), len(checks)
        print(
            (
                f"{len(cases)} 个算例，{n} 个数中 {held} 个一致"
                if lang == "zh"
                else f"{len(cases)} cases: {held} of {n} numbers hold"
            )
            + counts_by_use(checks, lang),
            file=out,
        )
    return 1 if any(check.fails for check in checks) else 0
