"""The root of a scenario: one zone, composed of the parameters of each room.

`load_scenario` builds it from a file; what fields mean stands with each room in sim/model/<room>/parameters.py.
References between tables are checked here, all at once.
"""

from difflib import get_close_matches
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any, Literal, get_args

from pydantic import PrivateAttr, model_validator

from sim.errors import NO_SUCH_METRIC
from sim.model.exits.parameters import ExitParameters, PublicParameters
from sim.model.firms.parameters import FirmParameters
from sim.model.funds.parameters import (
    Attraction,
    FundClass,
    FundPark,
    GuidanceRules,
    MandateName,
    NamedFirm,
    OutsidePortfolio,
    ReportParameters,
    StageName,
    of_class,
)
from sim.model.incubators.parameters import Incubator
from sim.model.ladders.parameters import Conditions, Ladder
from sim.model.limits import (
    MAX_DATED,
    MAX_INCUBATORS,
    MAX_KINDS,
    MAX_PRODUCTS,
    MAX_PROGRAMMES,
    MAX_PROJECTS,
    MAX_SPIN_OFFS,
    MOST_FEES,
)
from sim.model.market.parameters import MarketParameters
from sim.model.programmes.parameters import Programme
from sim.model.projects.parameters import Project
from sim.model.rounds.parameters import RoundParameters
from sim.quantities import number_of, parse_of, quarter_name
from sim.scenario.facts import Fact
from sim.scenario.fields import (
    NO_PARAMETERS,
    Bounds,
    Described,
    Figure,
    Id,
    LocalName,
    Quantity,
    Ratio,
    Table,
    When,
    iter_parameters,
)
from sim.scenario.loading import OneOf, ScenarioProblems
from sim.terms import COUNTED

MAX_LEVELS = 24
MAX_SECTORS = 12
LONGEST = 400  # quarters
TOLERANCE = 1.0 + 1e-9  # sums that a file writes in decimals
MAX_TRANCHES = 6
MAX_CALL_RATES = 12  # years of a pacing that differ
MAX_ITEMS = 16  # of the evaluation table
MAX_STEPS = 8
MOST_A_YEAR = 100_000  # registrations, offers: each is a draw
USUAL_DISCOUNT = 0.5  # a year
USUAL_TERMS = {"fee": 0.05, "fee_after": 0.05, "fee_extension": 0.05, "expenses": 0.05, "carry": 0.5}  # at most
OF_PROPOSALS = ("parent", "plan", "committed", "mandate")
OF_MARKETS = ("size_spread", "size_mood", "every")
PASSED_OVER: dict[str, tuple[str, ...]] = {  # keys of [[funds]] that mean nothing for funds of a kind
    **dict.fromkeys(("guidance", "direct", "attraction"), (*OF_PROPOSALS, *OF_MARKETS, "opens_until")),
    "sub-fund": ("size", *OF_MARKETS, "public"),
    "closed": (*OF_MARKETS, "public"),  # plan and opens_until may come from the file below, as of a class of proposals
    "market": (*OF_PROPOSALS, "opens_until", "public"),
}


def _check_sets(path: str, sets: list[Conditions], found: list) -> None:
    """Sets of conditions whose dates or bounds contradict each other."""
    for i, c in enumerate(sets):
        if c.valid_from is not None and c.valid_to is not None and c.valid_to < c.valid_from:
            message = "dates out of order: valid_to comes before valid_from"
            found.append((f"{path}.{i}.valid_to", message, quarter_name(int(c.valid_to)), []))
        for what in ("revenue", "age"):
            low, high = getattr(c, f"{what}_min"), getattr(c, f"{what}_max")
            if low is not None and high is not None and high.value < low.value:
                found.append((f"{path}.{i}.{what}_max", f"is below {what}_min: nobody meets both", high.value, []))


def _fees_by_terms(c: FundClass) -> dict[str, float]:
    """What a fund's fees and expenses take over its life, as part of its commitments, by key: those that its terms
    fix."""
    after = c.life.value - c.invests.value
    if c.fee_step is not None:
        after = min(after, 1.0)  # what follows is less, and how much is for the kernel to say
    return {
        "fee": c.fee.value * c.invests.value if c.fee_base == "commitment" else 0.0,
        "fee_after": c.fee_after.value * after if c.fee_base_after == "commitment" else 0.0,
        "expenses": c.expenses.value * c.life.value if c.expenses is not None else 0.0,
    }


class Zone(Table):
    """The zone (园区) and the time that is simulated."""

    settled = "all"

    name: LocalName
    start: When = Described("the state below is of this quarter")
    end: When = Described("last quarter simulated")
    today: When | None = Described(
        "last quarter up to which published facts are used; figures draw a line after it", default=None
    )

    @property
    def quarters(self) -> int:
        """Quarters reported, start and end included."""
        return int(self.end) - int(self.start) + 1


class RunSettings(Table):
    """Defaults of `run`; the command line overrides them."""

    settled = "all"

    replications: int = 200
    seed: int = 1
    events: int = Described("worlds whose rounds, cash flows and exits are logged", default=5)


class Uncertainty(Table):
    """How far a number that states no distribution may be off because of its grade: nine draws in ten lie within a
    factor of 1 + this about what is stated (the odds of a share do). 0: it stands as it is."""

    settled = "all"

    assumed: Annotated[Ratio, Bounds(le=4)] = Described("for numbers graded assumed", default=0)
    estimated: Annotated[Ratio, Bounds(le=4)] = Described("for numbers graded estimated", default=0)


class Lever(Table):
    """A parameter that the what-if page and `sweep` offer first, and its range."""

    settled = "all"

    low: Figure
    high: Figure
    name: LocalName | None = None
    step: Figure | None = Described("between two positions of the slider; about a hundredth of the range", default=None)
    switch: bool = Described("only the two ends are offered, as a switch on the page", default=False)

    _written: dict[str, Any] = PrivateAttr(default_factory=dict)  # the ends, to be read in their parameter's unit

    @model_validator(mode="wrap")
    @classmethod
    def _notes_how_it_is_written(cls, raw: Any, handler: Any) -> "Lever":
        lever = handler(raw)
        for end in ("low", "high", "step") if isinstance(raw, dict) else ():
            written = raw.get(end)
            if isinstance(written, dict):
                written = f"{written['value']}{written.get('unit', '')}" if "value" in written else None
            if written is not None:
                lever._written[end] = written
        return lever


class Scenario(Table):
    """One scenario: every number of it is a Quantity with unit, source and grade."""

    zone: Zone
    run: RunSettings = RunSettings()
    uncertainty: Uncertainty = Uncertainty()
    market: MarketParameters
    firms: FirmParameters
    ladders: dict[Id, Ladder]
    rounds: RoundParameters
    exits: ExitParameters
    funds: list[FundClass] = Described("funds and classes of funds", default=[])
    guidance: GuidanceRules
    outside: OutsidePortfolio
    fund_park: FundPark | None = None
    attraction: Attraction | None = None
    named: list[NamedFirm] = Described("firms known by name", default=[])
    programmes: list[Programme] = Described("policies that firms adopt", default=[])
    incubators: list[Incubator] = Described("incubators", default=[])
    projects: list[Project] = Described("plants known by name", default=[])
    public: PublicParameters
    report: ReportParameters
    facts: list[Fact] = Described("published figures and their use", default=[])
    levers: dict[str, Lever] = Described("parameters offered first", default={})
    sweep: dict[str, Any] = Described("ranges or distributions for `sweep`, by path", default={})
    calibrate: dict[str, Any] = Described("priors of `calibrate`, by path: what is known without the facts", default={})

    def ordered_funds(self) -> list[FundClass]:
        """Classes with every limited partner before the funds it commits to; the order of the file otherwise."""
        return sorted(
            self.funds, key=lambda c: {"guidance": 0, "direct": 1, "attraction": 2, "sub-fund": 3}.get(c.kind, 4)
        )

    def asked_on_ladders(self) -> dict[str, float]:
        """ladder.level -> firms on it at the start, central values."""
        return {
            f"{a}.{b}": level.initial.value
            for a, ladder in self.ladders.items()
            for b, level in ladder.levels.items()
            if level.initial is not None
        }

    def firms_at_start(self) -> float:
        """Firms at the start, central values: the population's, named and attracted ones, tenants of incubators."""
        named = [f for f in self.named if f.enters is None or f.enters <= self.zone.start]
        attracted = self.attraction.initial.value if self.attraction is not None else 0.0
        tenants = sum(k.initial.value for i in self.incubators for k in i.kinds.values() if k.initial is not None)
        return self.firms.initial.count.value + len(named) + attracted + tenants

    def unusual_terms(self) -> dict[str, tuple[Quantity, float]]:
        """Key -> the number and the most that is usual, of terms of funds beyond what any fund has, and of the discount
        rate of public money."""
        out: dict[str, tuple[Quantity, float]] = {}
        for c in self.funds:
            for field, most in USUAL_TERMS.items():
                stated = getattr(c, field)
                if stated is not None and stated.value > most:
                    out[f"funds.{c.id}.{field}"] = (stated, most)
        if self.public.discount.value > USUAL_DISCOUNT:
            out["public.discount"] = (self.public.discount, USUAL_DISCOUNT)
        return out

    def expected_firm_quarters(self) -> float:
        """About how many firms a world lives through its quarters, summed over them: those of the start, and half the
        time of those that enter. Deaths are left out, so that it is rather too many."""
        quarters = int(self.zone.end) - int(self.zone.start) + 1
        entering = self.firms.entry.organic.per_year.value * quarters / 4.0
        return quarters * (self.firms_at_start() + entering / 2.0)

    def lacking_funds(self) -> Literal["all", "market"] | None:
        """What investors a zone lacks in which firms seek rounds: "all" where no fund of the scenario invests in firms
        here, "market" where some do and no market fund stands beside them; None where both are there, or no firm
        seeks."""
        entry = self.firms.entry
        seeking = [entry.organic, entry.incubator, entry.attracted, *self.incubators]
        if not self.named and not any(x.venture_share.value > 0.0 for x in seeking):
            return None
        kinds = {
            c.kind
            for c in self.funds
            if c.kind != "guidance"
            and c.pacing is None
            and c.count.value > 0
            and (c.kind != "market" or c.local.value > 0.0)
            and (c.size is None or c.size.value > 0.0)
        }
        return None if "market" in kinds else "market" if kinds else "all"

    def overfull_ladders(self) -> dict[str, float]:
        """Key -> firms asked for at the start, of levels and exclusive ladders that ask for more than there are."""
        firms, asked = self.firms_at_start(), self.asked_on_ladders()
        out: dict[str, float] = {}
        for a, ladder in self.ladders.items():
            own = {f"ladders.{a}.levels.{b}.initial": asked.get(f"{a}.{b}", 0.0) for b in ladder.levels}
            over = {key: count for key, count in own.items() if count > firms}
            if not over and ladder.exclusive and sum(own.values()) > firms:
                over = {f"ladders.{a}.levels": sum(own.values())}
            out |= over
        return out

    @cached_property
    def metrics(self) -> list[Any]:
        """The metrics that a run of this scenario reports (sim.model.metrics.Metric)."""
        from sim.model.layout import metrics_of

        return metrics_of(self)

    @model_validator(mode="after")
    def _references_hold(self) -> "Scenario":
        found: list[tuple[str, str, object, list[str]]] = []
        self._check_time(found)
        self._check_sectors(found)
        self._check_ladders(found)
        self._check_rounds(found)
        self._check_funds(found)
        self._check_yearly(found)
        self._check_programmes(found)
        self._check_incubators(found)
        self._check_projects(found)
        self._check_named(found)
        self._check_guidance(found)
        self._check_facts(found)
        self._check_levers(found)
        if found:
            raise ScenarioProblems(found)
        return self

    def _check_levers(self, found: list) -> None:
        if not self.levers:
            return
        varied = dict(iter_parameters(self))
        for path in sorted(set(self.levers) - set(varied)):
            of_record = path.startswith(NO_PARAMETERS)
            message = "is not a number that can be varied" if of_record else "no such parameter"
            found.append((f"levers.{path}", message, path, get_close_matches(path, varied, 1)))
        for path, lever in self.levers.items():
            moved, before = varied.get(path), len(found)
            if moved is None:
                continue
            for end, written in lever._written.items():
                try:
                    getattr(lever, end).value = number_of(moved.unit, moved.value)(written)
                except ValueError as error:
                    found.append((f"levers.{path}.{end}", str(error), written, []))
            if len(found) == before and lever.low.value >= lever.high.value:
                message = "a lever's low end lies below its high end"
                found.append((f"levers.{path}", message, f"{lever.low.value:g} .. {lever.high.value:g}", []))

    def _check_rounds(self, found: list) -> None:
        """A firm takes the last stage whose floor its price has reached: floors that fall leave out a stage."""
        floors = {f"rounds.stages.{x}.floor": getattr(self.rounds.stages, x).floor.value for x in get_args(StageName)}
        for (before, least), (path, floor) in pairwise(floors.items()):
            if floor < least:
                text = f"is below the floor of the stage before it: {before} is {least:.15g}"
                found.append((path, text, floor, []))

    def _check_yearly(self, found: list) -> None:
        park, attraction = self.fund_park, self.attraction
        for path, rate in (
            ("fund_park.per_year", park and park.per_year),
            ("attraction.offers_per_year", attraction and attraction.offers_per_year),
        ):
            if rate is not None and rate.value > MOST_A_YEAR:
                found.append((path, f"at most {MOST_A_YEAR:,} a year", rate.value, []))

    def _check_time(self, found: list) -> None:
        if self.zone.end <= self.zone.start:
            found.append(("zone.end", "the end must come after the start", quarter_name(int(self.zone.end)), []))
        elif self.zone.quarters > LONGEST:
            found.append(("zone.end", f"a run has at most {LONGEST} quarters", self.zone.quarters, []))
        if self.run.replications < 1:
            found.append(("run.replications", "at least 1 world is needed", self.run.replications, []))
        spells = [("market.history", h) for h in self.market.history]
        if self.market.shut is not None:
            spells.append(("market.shut", self.market.shut))  # type: ignore[arg-type]
        for path, spell in spells:
            if spell.until <= spell.begins:
                found.append(
                    (path, "dates out of order: until must come after begins", quarter_name(int(spell.until)), [])
                )
        if self.attraction is not None and self.attraction.until < self.attraction.begins:
            found.append(("attraction.until", "dates out of order: until must not come before begins", None, []))

    def _check_sectors(self, found: list) -> None:
        sectors = self.firms.sectors
        if not 1 <= len(sectors) <= MAX_SECTORS:
            found.append(("firms.sectors", f"between 1 and {MAX_SECTORS} sectors", len(sectors), []))
        for field in ("share", "share_attracted"):
            total = sum(getattr(x, field).value for x in sectors.values())
            if abs(total - 1.0) > 1e-6:
                what = "above" if total > 1 else "below"
                where = OneOf("firms.sectors", [f"firms.sectors.{id}.{field}" for id in sectors])
                found.append((where, f"the sectors' `{field}` sum to {total:.6g}, {what} 1", None, []))
        for i, firm in enumerate(self.named):
            if firm.sector not in sectors:
                found.append((f"named.{firm.id}.sector", "no such sector", firm.sector, list(sectors)))
            for k, point in enumerate(firm.published):
                if (point.valuation is None) == (point.multiple is None):
                    text = "a published point is a valuation or a multiple, one of them"
                    found.append((f"named.{firm.id}.published.{k}", text, None, []))
            if not firm.rounds:
                found.append((f"named.{firm.id}.rounds", "a named firm needs at least its first round", i, []))
            for r in firm.rounds:
                if r.amount.value <= 0.0:
                    found.append((f"named.{firm.id}.rounds", "a round raises something", r.amount.value, []))
                if r.amount.value >= r.post_money.value:
                    found.append(
                        (
                            f"named.{firm.id}.rounds",
                            "the amount raised must be below the post-money",
                            r.amount.value,
                            [],
                        )
                    )

    def _check_ladders(self, found: list) -> None:
        names = [f"{a}.{b}" for a, ladder in self.ladders.items() for b in ladder.levels]
        if len(names) > MAX_LEVELS:
            found.append(("ladders", f"at most {MAX_LEVELS} levels over all ladders", len(names), []))
        for a, ladder in self.ladders.items():
            for b, level in ladder.levels.items():
                for field in ("requires", "falls_to"):
                    reference = getattr(level, field)
                    if reference is not None and reference not in names and f"{a}.{reference}" not in names:
                        allowed = list(ladder.levels) + names
                        found.append((f"ladders.{a}.levels.{b}.{field}", "no such level", reference, allowed))
                if not level.windows or any(q not in (1, 2, 3, 4) for q in level.windows):
                    found.append(
                        (
                            f"ladders.{a}.levels.{b}.windows",
                            "windows are quarters of the year, 1 to 4",
                            level.windows,
                            [],
                        )
                    )
                if level.rejects and level.requires is None:
                    message = "rejects applicants from the level they must hold: state `requires`"
                    found.append((f"ladders.{a}.levels.{b}.rejects", message, None, []))
                _check_sets(f"ladders.{a}.levels.{b}.conditions", level.conditions, found)
                for i, dated in enumerate(level.passes_from):
                    path = f"ladders.{a}.levels.{b}.passes_from.{i}"
                    if dated.until <= dated.begins:
                        message = "dates out of order: until must come after begins"
                        found.append((f"{path}.until", message, quarter_name(int(dated.until)), []))
                    if i and dated.begins < level.passes_from[i - 1].until:
                        message = "dates out of order: each must come after the one before"
                        found.append((f"{path}.begins", message, quarter_name(int(dated.begins)), []))
                if len(level.passes_from) > MAX_DATED:
                    path = f"ladders.{a}.levels.{b}.passes_from"
                    found.append((path, f"at most {MAX_DATED} dates", len(level.passes_from), []))
                for field in ("renewal_from", "quota_from"):
                    dates = [int(x.begins) for x in getattr(level, field)]
                    path = f"ladders.{a}.levels.{b}.{field}"
                    if dates != sorted(set(dates)):
                        message = "dates out of order: each must come after the one before"
                        found.append((path, message, None, []))
                    if len(dates) > MAX_DATED:
                        found.append((path, f"at most {MAX_DATED} dates", len(dates), []))

    def _check_programmes(self, found: list) -> None:
        levels = [f"{a}.{b}" for a, ladder in self.ladders.items() for b in ladder.levels]
        ids, sectors = [p.id for p in self.programmes], list(self.firms.sectors)
        if len(ids) > MAX_PROGRAMMES:
            found.append(("programmes", f"at most {MAX_PROGRAMMES} programmes", len(ids), []))
        for p in self.programmes:
            path = f"programmes.{p.id}"
            if p.until is not None and p.until <= p.begins:
                message = "dates out of order: until must come after begins"
                found.append((f"{path}.until", message, quarter_name(int(p.until)), []))
            for i, restriction in enumerate(p.restrictions):
                if p.until is not None and restriction.begins >= p.until:
                    message = "dates out of order: the programme has ended before this rule begins"
                    found.append((f"{path}.restrictions.{i}.begins", message, quarter_name(restriction.begins), []))
            if p.level is not None and p.level not in levels:
                found.append((f"{path}.level", "no such level", p.level, levels))
            for i, boost in enumerate(p.effects.ladders if p.effects else []):
                if boost.level not in levels:
                    found.append((f"{path}.effects.ladders.{i}.level", "no such level", boost.level, levels))
            for name in p.sectors:
                if name not in sectors:
                    found.append((f"{path}.sectors", "no such sector", name, sectors))
            if p.budget_of is not None:
                if p.budget_of not in ids or p.budget_of == p.id:
                    message = "no other programme of this name"
                    found.append((f"{path}.budget_of", message, p.budget_of, [x for x in ids if x != p.id]))
                elif p.budget is not None:
                    found.append((f"{path}.budget", "it draws on another's budget: state one of them", p.budget_of, []))
            if not p.windows or any(q not in (1, 2, 3, 4) for q in p.windows):
                found.append((f"{path}.windows", "windows are quarters of the year, 1 to 4", p.windows, []))
            if p.effects is not None and p.effects.operating_cost is not None and p.operating_share is None:
                message = "an effect on the operating cost needs the share of revenue that it is"
                found.append((f"{path}.operating_share", message, None, []))
            if p.effects is not None and p.effects.energy is not None:
                open_to = p.sectors or sectors
                if not any(self.firms.sectors[x].energy is not None for x in open_to if x in sectors):
                    message = "an effect on energy needs a sector that states its `energy`"
                    found.append((f"{path}.effects.energy", message, None, []))
            if p.repaid is not None and p.cost is None:
                found.append((f"{path}.repaid", "there is no grant to turn into equity: state its `cost`", None, []))
            _check_sets(f"{path}.eligible", p.eligible, found)

    def _check_incubators(self, found: list) -> None:
        kinds = sum(len(x.kinds) for x in self.incubators)
        for what, count, most in (
            ("incubators", len(self.incubators), MAX_INCUBATORS),
            ("kinds of tenants", kinds, MAX_KINDS),
            ("sources of applicants", sum(len(x.sources) for x in self.incubators), MAX_SPIN_OFFS),
        ):
            if count > most:
                found.append(("incubators", f"at most {most} {what} in all", count, []))
        for x in self.incubators:
            path = f"incubators.{x.id}"
            floor = x.floor.value
            total = sum(k.share.value for k in x.kinds.values())
            if total > 1.0 + 1e-9:
                where = OneOf(f"{path}.kinds", [f"{path}.kinds.{id}.share" for id in x.kinds])
                found.append((where, f"the shares of the floor sum to {total:.6g}, above 1", None, []))
            wanted = {s.kind for s in x.sources if s.per_year.value > 0.0}
            for name, kind in x.kinds.items():
                area, initial = kind.area.value, kind.initial.value if kind.initial is not None else 0.0
                if area <= 0.0:
                    found.append((f"{path}.kinds.{name}.area", "a tenant needs some floor", area, []))
                    continue
                places = floor * kind.share.value / area
                if (name in wanted or initial > 0.0) and places < 1.0:
                    number, number2 = f"{floor * kind.share.value:g}", f"{area:g}"
                    message = (
                        f"{name}: tenants but no floor for one of them ({number} m2 in all, {number2} m2 a tenant)"
                    )
                    found.append((f"{path}.floor" if floor <= 0.0 else f"{path}.kinds.{name}", message, None, []))
                elif initial > places + 1e-9:
                    message = f"more tenants at the start than places ({places:.4g})"
                    found.append((f"{path}.kinds.{name}.initial", message, initial, []))
            for s in x.sources:
                if s.kind not in x.kinds:
                    found.append((f"{path}.sources.{s.id}.kind", "no such kind of tenant", s.kind, list(x.kinds)))

    def _check_projects(self, found: list) -> None:
        if len(self.projects) > MAX_PROJECTS:
            found.append(("projects", f"at most {MAX_PROJECTS} projects", len(self.projects), []))
        products = sum(len(x.products) for x in self.projects)
        if products > MAX_PRODUCTS:
            found.append(("projects", f"at most {MAX_PRODUCTS} products in all", products, []))
        for x in self.projects:
            path, sectors = f"projects.{x.id}", list(self.firms.sectors)
            if x.sector not in sectors:
                found.append((f"{path}.sector", "no such sector", x.sector, sectors))
            if sum(p.capacity.value * p.price.value for p in x.products) * x.utilisation.value <= 0.0:
                found.append((f"{path}.products", "a project needs some output", None, []))
            enters = x.enters if x.enters is not None else self.zone.start
            if x.founded is not None and x.founded > enters:
                message = "dates out of order: founded after it enters"
                found.append((f"{path}.founded", message, quarter_name(int(x.founded)), []))

    def _check_funds(self, found: list) -> None:
        from sim.model.layout import KIND_IDS

        ids = [c.id for c in self.funds]
        by_id = {c.id: c for c in self.funds}
        plans: dict[str, float] = {}
        for c in self.funds:
            path = f"funds.{c.id}"
            seen, at = [c.id], c
            while at.parent is not None and at.parent in by_id:
                at = by_id[at.parent]
                if at.id in seen:
                    chain = " -> ".join([*seen, at.id])
                    found.append(
                        (f"{path}.parent", f"a fund cannot commit to itself through others: {chain}", c.parent, [])
                    )
                    break
                seen.append(at.id)
            if c.parent is not None and c.parent not in by_id:
                found.append((f"{path}.parent", "no such fund", c.parent, ids))
            if c.kind == "sub-fund":
                closed = c.committed is not None
                for field in ("parent", "size", "opens") if closed else ("parent", "plan", "opens", "opens_until"):
                    if getattr(c, field) is None:
                        what = "a sub-fund that has closed needs it" if closed else "a sub-fund class needs it"
                        found.append((f"{path}.{field}", what, None, []))
                if c.parent in by_id and by_id[c.parent].kind != "guidance":
                    guidance = [x.id for x in self.funds if x.kind == "guidance"]
                    found.append((f"{path}.parent", "must be a guidance fund", c.parent, guidance))
                if of_class(self.guidance.cap, c) is None:
                    allowed = list(self.guidance.cap)
                    text = "a sub-fund class needs a contribution cap in [guidance.cap]; state its mandate"
                    found.append((f"{path}.mandate", text, c.mandate, allowed))
                if c.plan is not None and c.parent is not None:
                    plans[c.parent] = plans.get(c.parent, 0.0) + c.plan.value
                if closed and c.opens is not None and c.opens > self.zone.start:
                    what = "a sub-fund that has closed opened before the start"
                    found.append((f"{path}.opens", what, quarter_name(int(c.opens)), []))
                if c.committed is not None and c.size is not None and c.committed.value > c.size.value * TOLERANCE:
                    found.append((f"{path}.committed", "the guidance money exceeds the size", c.committed.value, []))
            elif c.size is None:
                found.append((f"{path}.size", "a fund needs a size", None, []))
            if c.opens is not None and c.opens_until is not None and c.opens_until < c.opens:
                found.append(
                    (f"{path}.opens_until", "dates out of order: before opens", quarter_name(int(c.opens_until)), [])
                )
            if c.kind == "guidance" and c.count.value > 1:
                text = (
                    "a guidance fund is one fund: its sub-funds name it as parent. State each in a [[funds]] of its own"
                )
                found.append((f"{path}.count", text, c.count.value, []))
            elif c.count.value > 1 and (c.kind in ("direct", "attraction") or c.committed is not None):
                text = "this is one fund: state each in a [[funds]] of its own"
                found.append((f"{path}.count", text, c.count.value, []))
            if c.count.distribution is None and not c.count.computed and not c.count.value.is_integer():
                # a run would round it in silence; draws of a distribution are rounded, and are meant to be
                found.append((f"{path}.count", "a whole number is needed here", c.count.value, []))
            if c.invests.value > c.life.value:
                found.append((f"{path}.invests", "the investment period is longer than the life", c.invests.value, []))
            self._check_terms(c, path, found)
            kind = {"guidance": "guidance", "direct": "direct", "attraction": "attraction", "market": "market"}.get(
                c.kind
            )
            if c.id in KIND_IDS and c.id != kind:
                text = f"metrics of all funds of a kind are called funds.{c.id}: another id is needed here"
                found.append((f"{path}.id", text, c.id, []))
            others = [x.id for x in self.funds if x.kind == c.kind and x.id != c.id] if c.id == kind else []
            if others:
                message = (
                    f"no other {c.kind} fund stands beside one with the id {c.id}, as metrics call all of them: "
                    "remove that one (remove = true) and state it under an id of its own"
                )
                found.append((f"funds.{others[-1]}.id", message, others[-1], []))
            self._check_keys_of_kind(c, path, found)
            landed = c.kind == "attraction" and self.attraction is not None and self.attraction.initial.value > 0
            if landed and c.opens is not None and c.opens > self.zone.start:
                message = "it opens after the start, at which firms that it brought are there (attraction.initial)"
                found.append((f"{path}.opens", message, quarter_name(int(c.opens)), []))
            if c.books is not None:
                self._check_books(c, path, found)
            if c.pacing is not None:
                self._check_pacing(c, path, found)
        for parent, total in plans.items():
            if total > 1.0 + 1e-9:
                of = [f"funds.{c.id}.plan" for c in self.funds if c.kind == "sub-fund" and c.parent == parent]
                where = OneOf(f"funds.{parent}", of)
                text = f"the plans of the sub-fund classes of {parent} sum to {total:.6g}, above 1"
                found.append((where, text, None, []))

    def _check_keys_of_kind(self, c: FundClass, path: str, found: list) -> None:
        """Keys that a fund of this kind would pass over."""
        closed = c.kind == "sub-fund" and c.committed is not None
        for field in PASSED_OVER["closed" if closed else c.kind]:
            stated = getattr(c, field)
            if stated is None or stated is False:
                continue
            told = quarter_name(int(stated)) if field == "opens_until" else getattr(stated, "value", stated)
            if closed:
                found.append((f"{path}.{field}", "a sub-fund that has closed has no use for this key", told, []))
            else:
                found.append((f"{path}.{field}", f"a fund of kind {c.kind} has no use for this key", told, []))

    def _check_books(self, c: FundClass, path: str, found: list) -> None:
        books = c.books
        assert books is not None
        if books.date > self.zone.start:
            found.append(
                (f"{path}.books.date", "the books must not be later than zone.start", quarter_name(int(books.date)), [])
            )
        if c.opens is not None and books.date < c.opens:
            found.append((f"{path}.books.date", "dates out of order: before opens", quarter_name(int(books.date)), []))
        if c.kind == "sub-fund" and c.committed is None:
            text = "a class of proposals has no books: state committed, the guidance money in it"
            found.append((f"{path}.books", text, None, []))
        if c.opens is None:
            found.append((f"{path}.opens", "a fund with books needs its first close", None, []))
        if c.size is not None and books.paid_in.value > c.size.value * TOLERANCE:
            found.append((f"{path}.books.paid_in", "more is paid in than was committed", books.paid_in.value, []))
        if c.count.value != 1:
            found.append((f"{path}.books", "only a single fund (count = 1) has books", c.count.value, []))

    def _check_named(self, found: list) -> None:
        funds = [c.id for c in self.funds]
        levels = [f"{a}.{b}" for a, ladder in self.ladders.items() for b in ladder.levels]
        known = [*levels, *(x.partition(".")[2] for x in levels)]
        for firm in self.named:
            path = f"named.{firm.id}"
            enters = max(self.zone.start, firm.enters if firm.enters is not None else self.zone.start)
            last = firm.founded
            if firm.founded > enters:
                when, founded = quarter_name(int(enters)), quarter_name(int(firm.founded))
                message = f"dates out of order: it enters in {when} and is founded in {founded}"
                found.append((f"{path}.founded", message, founded, []))
            for i, r in enumerate(firm.rounds):
                at = f"{path}.rounds.{i}"
                if r.date is not None:
                    if r.date < firm.founded:
                        when, founded = quarter_name(int(r.date)), quarter_name(int(firm.founded))
                        message = f"dates out of order: the round closed in {when}, the firm is founded in {founded}"
                        found.append((f"{at}.date", message, when, []))
                    elif r.date < last:
                        found.append((f"{at}.date", "dates out of order: before an earlier round",
                                      quarter_name(int(r.date)), []))  # fmt: skip
                    if r.date > enters:
                        found.append(
                            (f"{at}.date", "a known round lies before the start", quarter_name(int(r.date)), [])
                        )
                    last = max(last, r.date)
                for k, investment in enumerate(r.investors):
                    if investment.fund not in funds:
                        found.append((f"{at}.investors.{k}.fund", "no such fund", investment.fund, funds))
                twice = {x.fund for x in r.investors if sum(y.fund == x.fund for y in r.investors) > 1}
                if twice:
                    found.append((f"{at}.investors", "a fund stands twice in one round", ", ".join(sorted(twice)), []))
                paid = sum(x.amount.value for x in r.investors) + r.direct.value * r.amount.value
                if paid > r.amount.value * TOLERANCE:
                    found.append((f"{at}.investors", "its investors paid more than was raised", paid, []))
            if len({h.fund for h in firm.holders}) < len(firm.holders):
                found.append((f"{path}.holders", "a fund stands twice", None, []))
            for k, holder in enumerate(firm.holders):
                if holder.fund not in funds:
                    found.append((f"{path}.holders.{k}.fund", "no such fund", holder.fund, funds))
            held = sum(h.share.value for h in firm.holders)
            if held > TOLERANCE:
                found.append((f"{path}.holders", f"the holders' shares sum to {held:.6g}, above 1", None, []))
            for k, certificate in enumerate(firm.certificates):
                at = f"{path}.certificates.{k}"
                if certificate.level not in known:
                    found.append((f"{at}.level", "no such level", certificate.level, levels))
                if not firm.founded <= certificate.since <= enters:
                    found.append((f"{at}.since", "a certificate is granted between founding and start",
                                  quarter_name(int(certificate.since)), []))  # fmt: skip
                if certificate.until is not None and certificate.until < certificate.since:
                    found.append(
                        (f"{at}.until", "dates out of order: before since", quarter_name(int(certificate.until)), [])
                    )

    def _check_terms(self, c: FundClass, path: str, found: list) -> None:
        """Terms of one class that contradict each other."""
        for field in ("fee", "fee_after", "fee_extension", "expenses", "hurdle"):
            rate = getattr(c, field)
            if rate is not None and rate.value >= 1.0:
                text = f"is {rate.value:.0%} a year; eight per cent is 8% or 0.08"
                found.append((f"{path}.{field}", text, rate.value, []))
        taken = _fees_by_terms(c)
        if (total := sum(taken.values())) >= MOST_FEES:
            text = f"fees by its terms take {total:.0%} of commitments over its life: too little is left to invest"
            most = max(taken, key=taken.__getitem__)  # the part that is to blame
            found.append((f"{path}.{most}", text, getattr(c, most).value, []))
        if c.carry.value >= 1.0:
            found.append((f"{path}.carry", "carry must be below 1", c.carry.value, []))
        if c.carry.value == 0.0 and c.catch_up.value > 0.0:
            found.append((f"{path}.catch_up", "a catch-up without carry catches up with nothing", c.catch_up.value, []))
        elif 0.0 < c.catch_up.value <= c.carry.value:
            text = f"a catch-up not above the carry ({c.carry.value:g}) never completes; 0 means none"
            found.append((f"{path}.catch_up", text, c.catch_up.value, []))
        elif c.catch_up.value > 0.0 and c.hurdle.value == 0.0:
            found.append(
                (f"{path}.hurdle", "a catch-up needs a hurdle above 0, or there is nothing to catch up", 0, [])
            )
        paid = sum(x.value for x in c.tranches)
        if c.tranches and abs(paid - 1.0) > 1e-6:
            found.append((f"{path}.tranches", f"the tranches sum to {paid:.6g}, not to 1", None, []))
        if len(c.tranches) > MAX_TRANCHES:
            found.append((f"{path}.tranches", f"at most {MAX_TRANCHES} tranches", len(c.tranches), []))
        if c.tranche_every is not None and not c.tranches:
            found.append((f"{path}.tranche_every", "there are no tranches to be paid in", c.tranche_every.value, []))
        if c.recycling_for is not None and c.recycling is None:
            found.append((f"{path}.recycling_for", "nothing may be recycled: state recycling", None, []))
        for field in ("recycling_for", "harvest"):
            span = getattr(c, field)
            if span is not None and span.value > c.life.value:
                found.append((f"{path}.{field}", "is longer than the life", span.value, []))
        if c.follow_policy != "none" and c.follow_on.value >= 1.0 and c.kind in ("sub-fund", "market"):
            found.append((f"{path}.follow_on", "nothing is left for first investments", c.follow_on.value, []))

    def _check_pacing(self, c: FundClass, path: str, found: list) -> None:
        """A paced fund lives outside the zone, and its pacing is net of fees and carry."""
        p = c.pacing
        assert p is not None
        if c.kind not in ("sub-fund", "market"):
            text = "only a sub-fund or a market fund follows a pacing: the zone's own funds invest in the zone"
            found.append((f"{path}.pacing", text, c.kind, []))
        if not 1 <= len(p.call_rates) <= MAX_CALL_RATES:
            text = f"between 1 and {MAX_CALL_RATES} call rates"
            found.append((f"{path}.pacing.call_rates", text, len(p.call_rates), []))
        if c.local.value > 0.0:
            text = "a paced fund invests outside the zone: local is 0"
            found.append((f"{path}.local", text, c.local.value, []))
        if c.stages:
            found.append((f"{path}.stages", "a paced fund meets no firm: it has no stages", ", ".join(c.stages), []))
        for field in ("fee", "fee_after", "expenses", "carry"):
            stated = getattr(c, field)
            if stated is not None and stated.value > 0.0:
                text = "a pacing is net of fees and carry: this is 0"
                found.append((f"{path}.{field}", text, stated.value, []))
        if c.tranches:
            found.append((f"{path}.tranches", "a pacing says when money is called: no tranches", None, []))
        if c.recycling is not None:
            found.append((f"{path}.recycling", "a pacing says what is paid out: no recycling", None, []))

    def _check_classes_named(self, found: list) -> None:
        """Tables by class of sub-fund speak of classes that there are, or of mandates, which packs state for all."""
        g = self.guidance
        kinds = {c.id: c.kind for c in self.funds}
        allowed = list(dict.fromkeys([*(c.id for c in self.funds if c.kind == "sub-fund"), *get_args(MandateName)]))
        tables = {
            "guidance.cap": g.cap,
            "guidance.tolerance": g.tolerance,
            "guidance.reinvestment_of": g.reinvestment_of,
            "guidance.limits.fee_of": g.limits.fee_of,
        }
        for path, table in tables.items():
            for name in table:
                if name in kinds and name not in allowed:
                    message = f"is a fund of kind {kinds[name]}: rules by class hold for sub-funds"
                    found.append((f"{path}.{name}", message, name, allowed))
                elif name not in allowed:
                    found.append((f"{path}.{name}", "no such class of sub-funds", name, allowed))

    def _check_guidance(self, found: list) -> None:
        """The rules in force: classes they speak of, and whether they hold when its sub-funds open."""
        g = self.guidance
        self._check_classes_named(found)
        rules = g.rules
        if rules is not None and rules.valid_to is not None and rules.valid_to < rules.valid_from:
            found.append(("guidance.rules.valid_to", "dates out of order: before valid_from", None, []))
            rules = None  # whether it holds for a fund cannot be told
        for c in self.funds:
            if rules is None or c.kind != "sub-fund" or c.opens is None or c.committed is not None:
                continue
            last = int(c.opens_until) - 1 if c.opens_until is not None else int(c.opens)
            begins = quarter_name(int(rules.valid_from))
            until = quarter_name(int(rules.valid_to)) if rules.valid_to is not None else "now"
            if c.opens < rules.valid_from or (rules.valid_to is not None and last > rules.valid_to):
                text = f"the rule pack {g.pack} ({begins} to {until}) does not hold when these funds open"
                text += "; to try it there all the same, state guidance.rules.valid_from and valid_to"
                when = f"{quarter_name(int(c.opens))}–{quarter_name(last)}"
                found.append((f"funds.{c.id}.opens", text, when, []))
        if g.evaluation is not None:
            if len(g.evaluation.items) > MAX_ITEMS:
                found.append(("guidance.evaluation.items", f"at most {MAX_ITEMS} items", len(g.evaluation.items), []))
            for item in g.evaluation.items:
                path = f"guidance.evaluation.items.{item.id}"
                for steps in (item.steps, item.or_steps):
                    if [x.least.value for x in steps] != sorted({x.least.value for x in steps}):
                        found.append((f"{path}.steps", "steps rise in `least`", None, []))
                    if len(steps) > MAX_STEPS:
                        found.append((f"{path}.steps", f"at most {MAX_STEPS} steps", len(steps), []))
                if (item.or_measure is None) != (not item.or_steps):
                    found.append((path, "or_measure and or_steps go together", None, []))

    def _check_facts(self, found: list) -> None:
        units = {m.name: m.unit for m in self.metrics} if not found else {}
        names = list(units)
        for fact in self.facts:
            unit = units.get(str(fact.metric).partition("+")[0].strip())
            if unit is not None and fact._written is not None:
                try:
                    below_zero = parse_of(unit, fact._written) < 0.0 and unit in COUNTED and fact.since is None
                except ValueError as error:
                    found.append((f"facts.{fact.id}.value", str(error), fact._written, []))
                else:
                    if below_zero:
                        found.append((f"facts.{fact.id}.value", "a count is not below 0", fact._written, []))
            for part in str(fact.metric).split("+"):
                if names and part.strip() not in names:
                    found.append((f"facts.{fact.id}.metric", NO_SUCH_METRIC, part.strip(), names))
