"""Lowering: a scenario's parameters -> arrays for the kernel, leading axis = row (replication).

One NamedTuple a room, in the order of the rooms; `rules_of(all_rules, r)` is what one world reads.
Units are converted here and nowhere else: years to quarters, yearly rates to quarterly ones, money to logs.
"""

import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.errors import Problem, UserError
from sim.model.draws import ADDRESS_BITS
from sim.model.funds.parameters import MEASURES, of_class
from sim.model.ladders.kernel import Quantity as What
from sim.model.layout import KIND_IDS
from sim.model.limits import (
    MAX_DATED,
    MAX_GROUPS,
    MAX_INCUBATORS,
    MAX_KINDS,
    MAX_NAMED_ROUNDS,
    MAX_PRODUCTS,
    MAX_PROGRAMMES,
    MAX_PROJECTS,
    MAX_SPIN_OFFS,
    followed,
    room_for,
)
from sim.model.rows import Rows, no_older, quarterly, to_quarters, to_whole
from sim.model.world import KINDS, MAX_LEVELS, MAX_SECTORS, OWNED, STAGE_NAMES, STAGES, FundKind, Regime
from sim.model.worth import fair_parts
from sim.scenario.document import MAX_CALL_RATES, MAX_ITEMS, MAX_STEPS, MAX_TRANCHES

if TYPE_CHECKING:
    from sim.scenario.document import Scenario

REGIMES = ("cold", "normal", "hot")
OLDEST = 241  # quarters of age told apart by the tables by age
KIND_OF = {
    "guidance": FundKind.GUIDANCE,
    "sub-fund": FundKind.SUB_FUND,
    "market": FundKind.MARKET,
    "direct": FundKind.DIRECT,
    "attraction": FundKind.ATTRACTION,
}
NEVER = 10_000
NEVER_YET = -10_000
LONGEST = 400  # quarters of market history
MAX_SETS = 64
MAX_CONDITIONS = 192
MAX_PROGRAMME_SETS = 32
MAX_PROGRAMME_CONDITIONS = 96
FEE_BASES = ("commitment", "paid-in", "invested")
FOLLOW_POLICIES = ("none", "pro-rata", "top-up")
MISSES = ("nothing", "concession", "fee", "both")


class MarketRules(NamedTuple):
    regime_start: Any
    multiple_start: Any
    private_start: Any
    history: Any  # [quarter] regime or -1
    transition: Any  # [from, to]
    regime_mean: Any
    reversion: Any
    volatility: Any
    lag: Any
    window: Any
    pace: Any
    shut_from: Any
    shut_until: Any
    shut_share: Any


class FirmRules(NamedTuple):
    sectors: Any
    sector_mix: Any  # [source, sector]
    sector_size: Any
    rd_log_median: Any
    rd_log_sd: Any
    rd_drift: Any
    rd_asked_from: Any
    margin: Any
    margin_slope: Any
    margin_floor: Any
    margin_ceiling: Any
    price_to_sales: Any
    jobs_base: Any
    jobs_elasticity: Any
    productivity_growth: Any
    reference_size: Any
    initial: Any
    initial_age: Any
    initial_growth: Any
    initial_log_sd: Any
    entry: Any  # [source]
    entry_growth: Any
    entry_years: Any
    entry_log_median: Any
    entry_log_sd: Any
    venture_share: Any
    market_loading: Any
    spread: Any
    spread_size: Any
    spread_floor: Any
    spread_ceiling: Any
    drift_by_age: Any
    hazard_by_age: Any
    exit_floor: Any
    exit_size: Any
    exit_ceiling: Any
    certificate: Any
    certified_growth: Any
    certified_hazard: Any


class LadderRules(NamedTuple):
    levels: Any
    address: Any  # [level] where its draws are found
    listing: Any  # bits of the levels on which a firm is listed
    requires: Any
    barred: Any
    replaces: Any
    exclusive: Any
    set_first: Any
    set_last: Any
    set_from: Any
    set_until: Any
    condition_first: Any
    condition_last: Any
    condition_what: Any
    condition_low: Any
    condition_high: Any
    windows: Any
    apply: Any
    promised: Any  # of those that owe investors a listing; below 0 where `apply` holds for them as well
    passes: Any
    passes_from: Any  # [level, date]
    passes_until: Any
    passes_odds: Any
    quota: Any
    quota_from: Any  # [level, date]
    quota_most: Any
    rejects: Any
    scaled: Any
    validity: Any
    renewal: Any
    renewal_from: Any  # [level, date]
    renewal_odds: Any
    opens_capital: Any  # of those that enter the level
    opened: Any  # of those that stand on it at the start: they have passed such a level
    wait: Any
    withdraws: Any
    falls_to: Any
    initial: Any


class RoundRules(NamedTuple):
    founder_burn: Any
    founder_runway: Any
    goal_log: Any
    value_log_median: Any
    value_log_sd: Any
    value_drift: Any
    value_volatility: Any
    listed_drift: Any
    listed_volatility: Any
    correlation: Any
    funded_quarters: Any
    funded_growth: Any
    grows_into: Any
    deploys_over: Any
    price_to_sales_log: Any
    short_runway: Any
    least_gap: Any
    stage_floor: Any
    stage_floor_log: Any
    skip_factor: Any
    listing_levels: Any  # bits of the levels on which firms are on their way to a listing
    closed_levels: Any  # bits of the levels whose holders close no rounds
    least_cheque: Any
    pool_share: Any
    preference: Any
    senior_share: Any
    participating_share: Any
    participation_cap: Any
    ratchet_share: Any
    weighted_share: Any
    ratchet_limit: Any
    redemption_share: Any
    redemption_years: Any
    redemption_rate: Any
    redemption_last: Any
    count_plain: Any  # a yuan put into a firm counts so much towards the reinvestment ratio
    count_early: Any
    count_certified: Any
    count_attracted: Any
    certificate: Any
    fair_part: Any  # [stage, 2 x senior + participating] fair value over post-money
    runway: Any
    ticket: Any
    firm_share: Any
    bargaining: Any
    concession: Any
    dilution: Any
    dilution_sd: Any
    backer_share: Any
    meetings: Any
    mood: Any
    mood_multiple: Any
    centre: Any
    distrust: Any
    lead_share: Any
    lead_caution: Any
    least_part: Any
    eager: Any  # [kind of fund]
    selective: Any
    outside_share: Any
    outside_lead: Any
    burn_cut: Any
    burn_cuts: Any
    patience: Any
    retry: Any
    step_up: Any
    step_up_sd: Any
    oldest_venture: Any
    history_factor: Any
    closes: Any


class FundRules(NamedTuple):
    groups: Any
    address: Any  # [class] where its draws are found
    kind: Any
    count: Any
    commitment: Any
    size_sd: Any
    size_mood: Any
    fundraising_growth: Any  # of log size a quarter, for market funds
    deploys_over: Any
    first_cheque: Any  # its part of a typical round of the first stage of its mandate, at most its ticket
    opens_from: Any
    opens_until: Any
    interval: Any
    invests: Any
    life: Any
    fee: Any
    fee_after: Any
    fee_base: Any
    fee_base_after: Any
    fee_step: Any
    fee_extension: Any
    expenses: Any
    tranches: Any
    tranche: Any  # [class, tranche] part of commitments
    tranche_every: Any
    hurdle: Any
    hurdle_quarter: Any
    carry: Any
    catch_up: Any
    by_deal: Any
    clawback: Any
    recycling: Any
    recycling_for: Any
    follow_policy: Any
    concentration: Any
    extension: Any
    harvest: Any
    state: Any
    block: Any  # place among the classes that have metrics of their own, or -1
    local_share: Any
    mandate: Any
    follow_on: Any
    parent: Any
    plan_share: Any
    public: Any
    cap: Any
    ask_share: Any
    raised_share: Any
    raised_sd: Any
    raise_mood: Any
    least_close: Any
    reinvestment: Any
    counts_as: Any  # [class] what a yuan put into a firm of its stages usually counts towards it
    reinvestment_free: Any
    reinvestment_drag: Any
    additionality: Any
    guidance_reserve: Any
    concession: Any
    concession_from: Any
    first_loss: Any
    miss: Any
    fee_cut: Any
    tolerance: Any
    tolerance_fund: Any
    plan_sd: Any
    outside_drift: Any
    outside_load: Any
    outside_sd: Any
    outside_bow: Any
    park_from: Any
    park_rate: Any
    park_places: Any
    park_size: Any
    park_sd: Any
    committed: Any  # guidance money in a sub-fund that closed before the start; 0: a proposal
    booked: Any  # 1: it starts from its own books,
    book_paid: Any  # paid in, distributed and net asset value in them,
    book_back: Any
    book_nav: Any
    book_age: Any  # quarters from the first close to their date
    paced: Any  # 1: its money works outside the zone and follows a pacing
    pace_rates: Any
    pace_rate: Any  # [class, year] part of what is left uncalled
    pace_bow: Any
    pace_growth: Any
    pace_yield: Any


class ExitRules(NamedTuple):
    moves_away: Any
    listing_levels: Any  # bits of the levels on which firms are on their way to a listing
    lock_up: Any
    sell_quarters: Any
    issue_share: Any
    sale_hazard: Any  # [stage]
    sale_mood: Any
    sale_gain: Any
    sale_log_mean: Any
    sale_log_sd: Any
    sold_leaves: Any
    bootstraps: Any
    bridge: Any
    bridge_quarters: Any
    bridge_cut: Any
    cheap_sale: Any
    cheap_part: Any
    cheap_sd: Any
    liquidation_part: Any
    secondary_price: Any
    extension: Any
    redemption_ability: Any
    redemption_term: Any
    redemption_tries: Any
    founders_means: Any
    least_value: Any


class AttractionRules(NamedTuple):
    first: Any
    until: Any
    offers: Any
    accepts: Any
    ticket: Any
    ticket_sd: Any
    age: Any
    initial: Any
    initial_years: Any


class NamedRules(NamedTuple):
    count: Any
    told: Any  # firms of which the zone's own return is told,
    told_row: Any  # [named] and a firm's place among them, -1: it is not
    enters: Any
    sector: Any
    age: Any
    log_revenue: Any
    first_round: Any  # [named + 1] into the rounds
    stage: Any
    amount: Any
    post: Any
    direct_share: Any
    closed: Any  # [round] quarter since the start in which it closed
    first_investor: Any  # [round + 1] into the investors
    investor: Any  # [investor] class of the fund
    invested: Any
    first_holder: Any  # [named + 1] into the holders
    holder: Any  # [holder] class of the fund
    held_cost: Any
    held_share: Any  # of the whole firm
    held_value: Any  # in the fund's own books, -1: not stated
    first_certificate: Any  # [named + 1] into the certificates
    level: Any  # [certificate]
    since: Any


class ProgrammeRules(NamedTuple):
    """[programme] unless a longer axis is named."""

    count: Any
    address: Any  # where its draws are found
    begins: Any
    until: Any
    barred_from: Any  # [programme, source]
    budget: Any
    purse: Any  # programme whose budget it draws on
    most: Any
    cost: Any
    cost_sd: Any
    yearly: Any
    research_part: Any
    tax: Any
    spent_before: Any
    repaid: Any
    holds: Any
    set_first: Any
    set_last: Any
    set_from: Any
    set_until: Any
    condition_first: Any
    condition_last: Any
    condition_what: Any
    condition_low: Any
    condition_high: Any
    sectors: Any  # mask
    sources: Any  # mask
    level: Any
    reach: Any
    windows: Any
    outreach: Any
    peers: Any
    initial: Any
    lasts: Any
    again: Any
    shrink: Any
    effect_sd: Any
    operating_share: Any
    growth: Any
    productivity: Any
    operating_cost: Any
    energy: Any
    hazard: Any
    research: Any
    raising: Any
    boosting: Any  # [level] mask of the programmes that improve its odds
    boost: Any  # [programme, level] factor less one
    effective: Any  # whether any effect outlives the quarter of adoption


class IncubatorRules(NamedTuple):
    count: Any
    kinds: Any  # over all incubators
    sources: Any
    incubator: Any  # [kind]
    places: Any
    area: Any
    tenure: Any
    graduates_at: Any
    initial: Any
    source_kind: Any  # [source]
    source_rate: Any
    source_opens: Any
    source_anchor: Any
    opens: Any  # [incubator]
    patience: Any
    rent: Any  # forgone, a square metre and quarter
    log_revenue: Any
    log_revenue_sd: Any
    venture_share: Any
    growth: Any
    hazard: Any
    raising: Any
    floor: Any
    services: Any


class ProjectRules(NamedTuple):
    count: Any
    enters: Any
    age: Any
    sector: Any
    log_full: Any  # log of yearly output once ramped up
    ramp: Any
    first_product: Any  # [project + 1]
    capacity: Any  # [product]


class PublicRules(NamedTuple):
    discount: Any
    standard_rate: Any
    reduced_rate: Any
    reduced_level: Any


class ReportRules(NamedTuple):
    unicorn: Any
    multiple: Any
    sectors: Any  # mask of the sectors whose output is reported
    energy: Any  # [sector] kg of coal equivalent per yuan of output; 0 where none is stated
    has_energy: Any
    index_growth: Any
    blocks: Any  # classes of funds with metrics of their own


class EvaluationRules(NamedTuple):
    lines: Any
    begins: Any
    private_firms: Any
    no_relocation: Any
    reinvestment: Any
    measure: Any  # [line, 0 or its alternative] number of a measure, or -1
    steps: Any
    least: Any  # [line, 0 or its alternative, step]
    points: Any


class Rules(NamedTuple):
    market: MarketRules
    firms: FirmRules
    ladders: LadderRules
    rounds: RoundRules
    funds: FundRules
    exits: ExitRules
    attraction: AttractionRules
    named: NamedRules
    programmes: ProgrammeRules
    incubators: IncubatorRules
    projects: ProjectRules
    public: PublicRules
    report: ReportRules
    evaluation: EvaluationRules


def _by_regime(rows: Rows, p: Any) -> NDArray[np.float64]:
    return rows.table([p.cold, p.normal, p.hot])


def lower_market(s: "Scenario", rows: Rows) -> MarketRules:
    p = s.market
    history = np.full(LONGEST, -1, np.int64)
    for spell in p.history:
        first, last = max(0, spell.begins - s.zone.start), max(0, spell.until - s.zone.start)
        history[first:last] = REGIMES.index(spell.regime)
    leave = -np.expm1(-0.25 / np.maximum(rows.table([p.stays.cold, p.stays.normal, p.stays.hot]), 0.25))
    cold, normal, hot = Regime.COLD, Regime.NORMAL, Regime.HOT
    transition = np.zeros((rows.count, 3, 3))
    after = {
        normal: (hot, rows(p.hot_after_normal), cold),
        hot: (cold, rows(p.cold_after_hot), normal),
        cold: (hot, rows(p.hot_after_cold), normal),
    }
    for regime, (one, odds, other) in after.items():
        transition[:, regime, regime] = 1.0 - leave[:, regime]
        transition[:, regime, one] = leave[:, regime] * odds
        transition[:, regime, other] = leave[:, regime] * (1.0 - odds)
    shut = p.shut
    return MarketRules(
        regime_start=rows.constant(REGIMES.index(p.begins), np.int64),
        multiple_start=rows(p.start_multiple),
        private_start=rows(p.start_private),
        history=rows.constant(history, np.int64),
        transition=transition,
        regime_mean=_by_regime(rows, p.level),
        reversion=rows(p.reversion),
        volatility=rows(p.volatility),
        lag=rows(p.lag),
        window=_by_regime(rows, p.window),
        pace=_by_regime(rows, p.pace),
        shut_from=rows.constant(shut.begins - s.zone.start if shut else NEVER, np.int64),
        shut_until=rows.constant(shut.until - s.zone.start if shut else NEVER, np.int64),
        shut_share=rows(shut.share) if shut else np.ones(rows.count),
    )


def lower_firms(s: "Scenario", rows: Rows, levels: "LevelIndex") -> FirmRules:
    p = s.firms
    sectors = list(p.sectors.values())
    n = len(sectors)

    def wide(values: NDArray[np.float64]) -> NDArray[np.float64]:
        out = np.zeros((rows.count, MAX_SECTORS))
        out[:, :n] = values
        return out

    own = rows.table([x.share for x in sectors])
    moved = rows.table([x.share_attracted for x in sectors])
    mix = np.zeros((rows.count, 4, MAX_SECTORS))
    for source, share in ((0, own), (1, own), (2, moved), (3, own)):
        mix[:, source, :n] = share / share.sum(axis=1, keepdims=True)
    reference = np.log(rows(p.accounts.reference))
    age = np.arange(OLDEST) / 4.0
    g = p.growth
    young, mature, half_life = rows(g.young), rows(g.mature), rows(g.half_life)
    fade = np.exp2(-age[None, :] / half_life[:, None])
    drift = 0.25 * (mature[:, None] + (young - mature)[:, None] * fade)
    x = p.exit
    by_age = quarterly(rows(x.young)[:, None] * (age[None, :] + 1.0) ** -rows(x.age_power)[:, None])
    elasticity = rows(p.accounts.jobs_elasticity)
    jobs_base = wide(-np.log(rows.table([q.productivity for q in sectors])) + ((1.0 - elasticity) * reference)[:, None])
    entries = [p.entry.organic, p.entry.incubator, p.entry.attracted, p.entry.organic]
    return FirmRules(
        sectors=rows.constant(n, np.int64),
        sector_mix=mix,
        sector_size=wide(np.log(rows.table([q.size for q in sectors]))),
        rd_log_median=wide(np.log(np.maximum(rows.table([q.rd_share for q in sectors]), 1e-6))),
        rd_log_sd=rows(p.research.spread),
        rd_drift=rows(p.research.drift),
        rd_asked_from=rows(p.research.asked_from),
        margin=wide(rows.table([q.margin for q in sectors])),
        margin_slope=rows(p.accounts.margin_slope),
        margin_floor=rows(p.accounts.margin_least),
        margin_ceiling=rows(p.accounts.margin_most),
        price_to_sales=wide(rows.table([q.price_to_sales for q in sectors])),
        jobs_base=jobs_base,
        jobs_elasticity=elasticity,
        productivity_growth=rows(p.accounts.productivity_growth),
        reference_size=reference,
        initial=rows.whole(p.initial.count),
        initial_age=no_older(rows(p.initial.age)),
        initial_growth=rows(p.initial.growth_by_age),
        initial_log_sd=rows(p.initial.spread),
        entry=rows.table([e.per_year for e in entries]),
        entry_growth=rows.table([e.growth for e in entries]),
        entry_years=rows.table([e.grows_for for e in entries]),
        entry_log_median=np.log(rows.table([e.revenue for e in entries])),
        entry_log_sd=rows.table([e.spread for e in entries]),
        venture_share=rows.table([e.venture_share for e in entries]),
        market_loading=rows(g.market_loading),
        spread=rows(g.spread),
        spread_size=rows(g.spread_falls),
        spread_floor=rows(g.spread_least),
        spread_ceiling=rows(g.spread_most),
        drift_by_age=drift,
        hazard_by_age=by_age,
        exit_floor=quarterly(rows(x.floor)),
        exit_size=rows(x.size_power),
        exit_ceiling=quarterly(rows(x.most)),
        certificate=rows.constant(levels.reduced_tax, np.int64),
        certified_growth=0.25 * rows(g.certified),
        certified_hazard=rows(x.certified),
    )


def _opens_from(c: Any, start: int) -> int:
    """First quarter of a class of funds; market institutions that say nothing have been there for ever."""
    if c.opens is not None:
        return c.opens - start
    return -NEVER if c.kind == "market" and c.books is None else 0


def address_of(name: str) -> int:
    """Where the draws of a level, a programme or a class of funds are found: by its name and not by its place in the
    file, so that a scenario with one more of them draws the same for all others."""
    return zlib.crc32(name.encode()) % 2**ADDRESS_BITS


class LevelIndex:
    """Numbers of the levels of all ladders, in the order of the file: 'certificates.hte' -> 1 ..."""

    def __init__(self, s: "Scenario") -> None:
        self.names: list[str] = []
        self.ladder_of: list[str] = []
        self.levels: list[Any] = []
        for ladder_id, ladder in s.ladders.items():
            for level_id, level in ladder.levels.items():
                self.names.append(f"{ladder_id}.{level_id}")
                self.ladder_of.append(ladder_id)
                self.levels.append(level)
        self.number = {name: i for i, name in enumerate(self.names)}
        self.listing = sum(1 << i for i, x in enumerate(self.levels) if x.is_listing)
        ladders = {self.ladder_of[i] for i, x in enumerate(self.levels) if x.is_listing}
        self.to_listing = sum(1 << i for i, x in enumerate(self.ladder_of) if x in ladders) & ~self.listing
        self.closed = sum(1 << i for i, x in enumerate(self.levels) if x.closed_to_investors)
        self.reduced_tax = next((i for i, x in enumerate(self.levels) if x.reduces_tax), -1)

    def find(self, reference: str | None, ladder: str) -> int:
        """Number of a level named by its id within the ladder, or as ladder.level; -1 for none."""
        if reference is None:
            return -1
        return self.number[reference if reference in self.number else f"{ladder}.{reference}"]


_CONDITIONS = {
    "age_min": (What.AGE, True),
    "age_max": (What.AGE, False),
    "revenue_min": (What.REVENUE, True),
    "revenue_max": (What.REVENUE, False),
    "growth_min": (What.GROWTH, True),
    "rd_share_min": (What.RD_SHARE, True),
    "rd_spending_min": (What.RD_SPENDING, True),
    "rd_spending_two_years_min": (What.RD_SPENDING_TWO_YEARS, True),
    "profit_min": (What.PROFIT, True),
    "profit_two_years_min": (What.PROFIT_TWO_YEARS, True),
    "profit_three_years_min": (What.PROFIT_THREE_YEARS, True),
    "revenue_three_years_min": (What.REVENUE_THREE_YEARS, True),
    "value_min": (What.VALUE, True),
    "standing_min": (What.STANDING, True),
}


class Sets:
    """Alternative sets of conditions of many levels or programmes, gathered into columns."""

    def __init__(self, rows: Rows, start: int, count: int) -> None:
        self.rows, self.start = rows, start
        self.set_first, self.set_last = np.zeros(count, np.int64), np.zeros(count, np.int64)
        self.begins: list[int] = []
        self.until: list[int] = []
        self.first: list[int] = []
        self.last: list[int] = []
        self.what: list[int] = []
        self.low: list[NDArray[np.float64]] = []
        self.high: list[NDArray[np.float64]] = []

    def add(self, i: int, alternatives: list[Any]) -> None:
        """The sets of place i."""
        r = self.rows.count
        self.set_first[i] = len(self.first)
        for conditions in alternatives:
            self.begins.append(NEVER_YET if conditions.valid_from is None else conditions.valid_from - self.start)
            self.until.append(NEVER if conditions.valid_to is None else conditions.valid_to - self.start)
            self.first.append(len(self.what))
            for name, (quantity, is_low) in _CONDITIONS.items():
                q = getattr(conditions, name)
                if q is None:
                    continue
                value = self.rows(q)
                if not is_low and len(self.what) > self.first[-1] and self.what[-1] == int(quantity):
                    self.high[-1] = value  # a least and a most of one quantity are one condition
                    continue
                self.what.append(int(quantity))
                self.low.append(value if is_low else np.full(r, -np.inf))
                self.high.append(np.full(r, np.inf) if is_low else value)
            self.last.append(len(self.what))
        self.set_last[i] = len(self.first)

    def columns(self, sets: int, conditions: int) -> dict[str, NDArray]:
        """Fields set_* and condition_* of a room's rules."""

        def padded(values: list[int], size: int) -> NDArray:
            out = np.zeros(size, np.int64)
            out[: len(values)] = values
            return self.rows.constant(out, np.int64)

        def stacked(values: list[NDArray[np.float64]]) -> NDArray[np.float64]:
            out = np.zeros((self.rows.count, conditions))
            for j, value in enumerate(values):
                out[:, j] = value
            return out

        if len(self.first) > sets or len(self.what) > conditions:
            raise UserError(
                Problem(
                    "too many sets of conditions",
                    found=f"{len(self.first)} sets, {len(self.what)} conditions",
                    expected=f"at most {sets} sets and {conditions} conditions in all",
                )
            )
        return {
            "set_first": self.rows.constant(self.set_first, np.int64),
            "set_last": self.rows.constant(self.set_last, np.int64),
            "set_from": padded(self.begins, sets),
            "set_until": padded(self.until, sets),
            "condition_first": padded(self.first, sets),
            "condition_last": padded(self.last, sets),
            "condition_what": padded(self.what, conditions),
            "condition_low": stacked(self.low),
            "condition_high": stacked(self.high),
        }


def lower_ladders(s: "Scenario", rows: Rows, index: LevelIndex) -> LadderRules:
    r, n = rows.count, MAX_LEVELS
    requires = np.full(n, -1, np.int64)
    barred, replaces, exclusive = (np.zeros(n, np.int64) for _ in range(3))
    windows, scaled, rejects = (np.zeros(n, np.int64) for _ in range(3))
    falls_to = np.full(n, -1, np.int64)
    sets = Sets(rows, int(s.zone.start), n)
    apply, initial, opens_capital = (np.zeros((r, n)) for _ in range(3))
    promised = np.full((r, n), -1.0)
    passes, withdraws = np.zeros((r, n, 3)), np.zeros((r, n, 3))
    passes_from = np.full((n, MAX_DATED), NEVER, np.int64)
    passes_until = np.full((n, MAX_DATED), NEVER, np.int64)
    passes_odds = np.zeros((r, n, MAX_DATED))
    quota = np.full((r, n), -1, np.int64)
    validity, wait = np.zeros((r, n), np.int64), np.zeros((r, n), np.int64)
    renewal = np.ones((r, n, 4))
    renewal_from = np.full((n, MAX_DATED), NEVER, np.int64)
    renewal_odds = np.zeros((r, n, MAX_DATED))
    quota_from = np.full((n, MAX_DATED), NEVER, np.int64)
    quota_most = np.zeros((r, n, MAX_DATED), np.int64)
    for i, level in enumerate(index.levels):
        ladder_id = index.ladder_of[i]
        same = [j for j, other in enumerate(index.ladder_of) if other == ladder_id]
        requires[i] = index.find(level.requires, ladder_id)
        falls_to[i] = index.find(level.falls_to, ladder_id)
        barred[i] = 1 << i | (OWNED if (index.listing | index.to_listing) >> i & 1 else 0)
        if s.ladders[ladder_id].exclusive:
            barred[i] |= sum(1 << j for j in same if j > i)
            replaces[i] = sum(1 << j for j in same if j < i)
            exclusive[i] = sum(1 << j for j in same)
        if level.withdraws is not None:
            withdraws[:, i] = _by_regime(rows, level.withdraws)
        sets.add(i, level.conditions)
        windows[i] = sum(1 << (q - 1) for q in level.windows)
        apply[:, i] = rows(level.apply)
        if level.promised is not None:
            promised[:, i] = rows(level.promised)
        if level.opens_capital is not None:
            opens_capital[:, i] = rows(level.opens_capital)
        passes[:, i] = _by_regime(rows, level.passes)
        for j, dated in enumerate(level.passes_from):
            passes_from[i, j] = dated.begins - int(s.zone.start)
            passes_until[i, j] = dated.until - int(s.zone.start)
            passes_odds[:, i, j] = rows(dated.odds)
        scaled[i] = int(level.follows_window)
        rejects[i] = int(level.rejects)
        if level.quota is not None:
            quota[:, i] = rows.whole(level.quota)
        for j, dated in enumerate(level.quota_from):
            quota_from[i, j] = dated.begins - int(s.zone.start)
            quota_most[:, i, j] = rows.whole(dated.most)
        if level.validity is not None:
            validity[:, i] = rows.quarters(level.validity)
        if level.wait is not None:
            wait[:, i] = rows.quarters(level.wait)
        if level.renewal:
            odds = rows.table(level.renewal)
            renewal[:, i] = odds[:, np.minimum(np.arange(4), odds.shape[1] - 1)]
        for j, dated in enumerate(level.renewal_from):
            renewal_from[i, j] = dated.begins - int(s.zone.start)
            renewal_odds[:, i, j] = rows(dated.odds)
        if level.initial is not None:
            initial[:, i] = rows(level.initial)
    opened = np.zeros((r, n))
    for i in range(len(index.levels)):
        passed = i
        for _ in index.levels:  # down to where it began; a listed firm is past it all
            if passed < 0 or index.listing >> i & 1:
                break
            opened[:, i] = np.maximum(opened[:, i], opens_capital[:, passed])
            passed = int(requires[passed])

    return LadderRules(
        levels=rows.constant(len(index.levels), np.int64),
        address=rows.constant([address_of(x) for x in index.names] + [0] * (n - len(index.levels)), np.int64),
        listing=rows.constant(index.listing, np.int64),
        requires=rows.constant(requires, np.int64),
        barred=rows.constant(barred, np.int64),
        replaces=rows.constant(replaces, np.int64),
        exclusive=rows.constant(exclusive, np.int64),
        **sets.columns(MAX_SETS, MAX_CONDITIONS),
        windows=rows.constant(windows, np.int64),
        apply=apply,
        promised=promised,
        opens_capital=opens_capital,
        opened=opened,
        passes=passes,
        passes_from=rows.constant(passes_from, np.int64),
        passes_until=rows.constant(passes_until, np.int64),
        passes_odds=passes_odds,
        quota=quota,
        quota_from=rows.constant(quota_from, np.int64),
        quota_most=quota_most,
        rejects=rows.constant(rejects, np.int64),
        scaled=rows.constant(scaled, np.int64),
        validity=validity,
        renewal=renewal,
        renewal_from=rows.constant(renewal_from, np.int64),
        renewal_odds=renewal_odds,
        wait=wait,
        withdraws=withdraws,
        falls_to=rows.constant(falls_to, np.int64),
        initial=initial,
    )


def _by_stage(rows: Rows, stages: list[Any], name: str, founding: NDArray[np.float64] | None = None) -> NDArray:
    """[R, stage]: column 0 is the time before the first round."""
    out = np.zeros((rows.count, STAGES))
    out[:, 1:] = rows.table([getattr(x, name) for x in stages])
    if founding is not None:
        out[:, 0] = founding
    return out


def lower_rounds(s: "Scenario", rows: Rows, levels: LevelIndex) -> RoundRules:
    p = s.rounds
    stages = [getattr(p.stages, name) for name in STAGE_NAMES]
    f, t = p.founding, p.terms
    eager, selective = np.zeros((rows.count, KINDS)), np.zeros((rows.count, KINDS))
    for kind, investor in ((FundKind.SUB_FUND, p.investors.sub_fund), (FundKind.MARKET, p.investors.market)):
        eager[:, kind] = rows(investor.eager)
        selective[:, kind] = rows(investor.selective)
    first = [f.value_organic, f.value_incubator, f.value_attracted, f.value_organic]
    floor = _by_stage(rows, stages, "floor")
    step_up = np.log(np.maximum(_by_stage(rows, stages, "step_up", np.full(rows.count, 2.0)), 1.0001))
    multiples = rows.table([q.price_to_sales for q in s.firms.sectors.values()])
    price_to_sales_log = np.full((rows.count, MAX_SECTORS), -np.inf)  # no multiple: no gap
    np.log(multiples, out=price_to_sales_log[:, : multiples.shape[1]], where=multiples > 0.0)
    return RoundRules(
        founder_burn=rows(f.burn),
        founder_runway=4.0 * no_older(rows(f.runway)),
        goal_log=step_up[:, 1].copy(),
        value_log_median=np.log(rows.table(first)),
        value_log_sd=rows(f.value_spread),
        value_drift=0.25 * _by_stage(rows, stages, "drift", rows(f.drift)),
        value_volatility=0.5 * _by_stage(rows, stages, "volatility", rows(f.volatility)),
        listed_drift=0.25 * rows(p.listed_drift),
        listed_volatility=0.5 * rows(p.listed_volatility),
        correlation=rows(p.correlation),
        funded_quarters=rows.quarters(p.funded_for),
        funded_growth=0.25 * _by_stage(rows, stages, "funded_growth"),
        deploys_over=rows(p.deploys_over) if p.deploys_over is not None else np.zeros(rows.count),
        grows_into=1.0 - (1.0 - rows(p.grows_into)) ** 0.25 if p.grows_into is not None else np.zeros(rows.count),
        price_to_sales_log=price_to_sales_log,
        short_runway=4.0 * no_older(rows(p.short_runway)),
        least_gap=rows.quarters(p.least_gap),
        stage_floor=floor,
        stage_floor_log=np.log(np.maximum(floor, 1.0)),
        skip_factor=rows(p.skip),
        listing_levels=rows.constant(levels.to_listing, np.int64),
        closed_levels=rows.constant(levels.closed, np.int64),
        least_cheque=rows(p.least_cheque),
        pool_share=_by_stage(rows, stages, "pool"),
        preference=_by_stage(rows, stages, "preference"),
        senior_share=_by_stage(rows, stages, "senior"),
        participating_share=_by_stage(rows, stages, "participating"),
        participation_cap=rows(t.participation_cap),
        ratchet_share=rows(t.ratchet),
        weighted_share=rows(t.weighted_average),
        ratchet_limit=rows(t.ratchet_limit),
        redemption_share=rows(t.redemption),
        redemption_years=rows(t.redemption_after),
        redemption_rate=rows(t.redemption_rate),
        redemption_last=rows(t.redemption_last_price) if t.redemption_last_price is not None else np.zeros(rows.count),
        count_plain=rows(s.guidance.counting.plain),
        count_early=rows(s.guidance.counting.early),
        count_certified=rows(s.guidance.counting.certified),
        count_attracted=rows(s.guidance.counting.attracted),
        certificate=rows.constant(levels.reduced_tax, np.int64),
        fair_part=rows.constant(fair_parts(s)),
        runway=np.maximum(1.0, 4.0 * _by_stage(rows, stages, "runway", np.full(rows.count, 1.0))),
        ticket=_by_stage(rows, stages, "ticket"),
        firm_share=rows(p.firm_share),
        bargaining=rows(p.bargaining),
        concession=rows(p.concession),
        dilution=_by_stage(rows, stages, "dilution"),
        dilution_sd=rows(p.dilution_spread),
        backer_share=rows(p.backer),
        meetings=rows.whole(p.meetings),
        mood=rows(p.mood),
        mood_multiple=rows(p.mood_multiple),
        centre=np.log(np.maximum(_by_stage(rows, stages, "centre"), 1.0)),
        distrust=rows(p.distrust),
        lead_share=rows(p.lead),
        lead_caution=rows(p.lead_caution),
        least_part=rows(p.least_part),
        eager=eager,
        selective=selective,
        outside_share=_by_stage(rows, stages, "outside"),
        outside_lead=_by_stage(rows, stages, "outside_lead"),
        burn_cut=rows(p.burn_cut),
        burn_cuts=rows.whole(p.burn_cuts),
        patience=rows.whole(p.patience),
        retry=np.maximum(1, rows.quarters(p.retry)),
        step_up=step_up,
        step_up_sd=rows(p.step_up_spread),
        oldest_venture=rows.quarters(f.oldest),
        history_factor=rows(f.history),
        closes=np.clip(rows(f.closes), 1e-6, 1.0 - 1e-6),
    )


def lower_funds(s: "Scenario", rows: Rows) -> FundRules:
    r, start = rows.count, s.zone.start
    classes = s.ordered_funds()
    n = len(classes)
    number = {c.id: i for i, c in enumerate(classes)}
    zero = np.zeros(r)

    def optional(name: str, default: float = 0.0) -> NDArray[np.float64]:
        if not classes:
            return np.zeros((r, 0))
        return np.stack(
            [rows(getattr(c, name)) if getattr(c, name) is not None else np.full(r, default) for c in classes], axis=1
        )

    def numbers(values: list[int]) -> NDArray[np.int64]:
        return rows.constant(values, np.int64)

    def given(name: str, other: list[NDArray[np.float64]]) -> NDArray[np.float64]:
        """[R, class]: a class's own value, or the other's where it states none."""
        own = [getattr(c, name) for c in classes]
        columns = [rows(x) if x is not None else y for x, y in zip(own, other, strict=True)]
        return np.stack(columns, axis=1) if columns else np.zeros((r, 0))

    def quarters_of(x: NDArray[np.float64]) -> NDArray[np.int64]:
        return to_quarters(x)

    def parts(table: str, name: str) -> NDArray[np.float64]:
        """[R, class]: a number of a table that a class may have; 0 where it has none."""
        tables = [getattr(c, table) for c in classes]
        columns = [rows(getattr(x, name)) if x is not None else zero for x in tables]
        return np.stack(columns, axis=1) if columns else np.zeros((r, 0))

    g = s.guidance
    tranche = np.zeros((r, n, MAX_TRANCHES))
    for i, c in enumerate(classes):
        if c.tranches:
            tranche[:, i, : len(c.tranches)] = rows.table(c.tranches)
    pace = np.zeros((r, n, MAX_CALL_RATES))
    for i, c in enumerate(classes):
        if c.pacing is not None:
            pace[:, i, : len(c.pacing.call_rates)] = rows.table(c.pacing.call_rates)
    tolerance = np.ones((r, n))
    blocks = [c.id not in KIND_IDS for c in classes]
    cap, asks = np.ones((r, n)), np.ones((r, n))
    raised, reinvestment = np.zeros((r, n)), np.zeros((r, n))
    for i, c in enumerate(classes):
        if c.kind == "sub-fund":
            cap[:, i] = rows(of_class(g.cap, c))
            asks[:, i] = np.maximum(rows(g.asks) * cap[:, i], 1e-6)
            raised[:, i] = rows(g.raised)
            reinvestment[:, i] = rows(of_class(g.reinvestment_of, c) or g.reinvestment)
            tolerated = of_class(g.tolerance, c)
            if tolerated is not None:
                tolerance[:, i] = rows(tolerated)
    counts_as = np.ones((r, n))
    early, plain = rows(g.counting.early), rows(g.counting.plain)
    for i, c in enumerate(classes):
        if c.kind == "sub-fund" and c.stages:
            only_early = max(STAGE_NAMES.index(x) for x in c.stages) <= STAGE_NAMES.index("a")
            counts_as[:, i] = np.maximum(early if only_early else plain, 0.01)
    if n == 0:
        rows(g.reinvestment)
    deploys_over = rows(s.rounds.deploys_over) if s.rounds.deploys_over is not None else np.zeros(r)
    first_cheque = np.zeros((r, n))
    for i, c in enumerate(classes):
        if c.stages:
            stage = getattr(s.rounds.stages, min(c.stages, key=STAGE_NAMES.index))
            sold = np.clip(rows(stage.dilution), 0.0, 0.9)
            first_cheque[:, i] = np.minimum(rows(stage.ticket), sold / (1.0 - sold) * rows(stage.centre))
    o, park = s.outside, s.fund_park
    rules = FundRules(
        groups=rows.constant(n, np.int64),
        address=numbers([address_of(c.id) for c in classes]),
        kind=numbers([int(KIND_OF[c.kind]) for c in classes]),
        count=to_whole(optional("count")),
        commitment=optional("size"),
        size_sd=optional("size_spread"),
        size_mood=optional("size_mood"),
        fundraising_growth=0.25 * rows(s.market.fundraising_growth),
        deploys_over=deploys_over,
        first_cheque=first_cheque,
        opens_from=numbers([_opens_from(c, start) for c in classes]),
        opens_until=numbers([(c.opens_until - start) if c.opens_until is not None else 1 for c in classes]),
        interval=np.maximum(1, to_quarters(optional("every", 1.0))),
        invests=np.maximum(1, to_quarters(optional("invests"))),
        life=np.maximum(1, to_quarters(optional("life"))),
        fee=optional("fee"),
        fee_after=optional("fee_after"),
        fee_base=numbers([FEE_BASES.index(c.fee_base) for c in classes]),
        fee_base_after=numbers([FEE_BASES.index(c.fee_base_after) for c in classes]),
        fee_step=optional("fee_step"),
        fee_extension=given("fee_extension", [rows(c.fee_after) for c in classes]),
        expenses=optional("expenses"),
        tranches=numbers([len(c.tranches) for c in classes]),
        tranche=tranche,
        tranche_every=np.maximum(1, quarters_of(optional("tranche_every", 1.0))),
        hurdle=optional("hurdle"),
        hurdle_quarter=(1.0 + optional("hurdle")) ** 0.25,
        carry=optional("carry"),
        catch_up=optional("catch_up"),
        by_deal=numbers([int(c.carry_by == "deal-by-deal") for c in classes]),
        clawback=numbers([int(c.clawback) for c in classes]),
        recycling=optional("recycling"),
        recycling_for=quarters_of(given("recycling_for", [rows(c.invests) for c in classes])),
        follow_policy=numbers([FOLLOW_POLICIES.index(c.follow_policy) for c in classes]),
        concentration=given("concentration", [rows(s.rounds.concentration)] * n),
        extension=quarters_of(given("extension", [rows(s.exits.extension)] * n)),
        harvest=quarters_of(optional("harvest")),
        state=optional("state"),
        block=numbers([sum(blocks[:i]) if own else -1 for i, own in enumerate(blocks)]),
        local_share=optional("local"),
        mandate=numbers([sum(1 << (STAGE_NAMES.index(x) + 1) for x in c.stages) for c in classes]),
        follow_on=optional("follow_on"),
        parent=numbers([number[c.parent] if c.parent else -1 for c in classes]),
        plan_share=optional("plan"),
        public=numbers([int(c.public) for c in classes]),
        cap=cap,
        ask_share=asks,
        raised_share=raised,
        raised_sd=rows(g.raised_spread),
        raise_mood=rows(g.raised_mood),
        least_close=rows(g.least_close),
        reinvestment=reinvestment,
        counts_as=counts_as,
        reinvestment_free=rows(g.reinvestment_free),
        reinvestment_drag=rows(g.reinvestment_drag),
        additionality=rows(g.additionality),
        guidance_reserve=rows(g.reserve),
        concession=rows(g.concession),
        concession_from=rows(g.concession_from),
        first_loss=rows(g.first_loss),
        miss=rows.constant(MISSES.index(g.miss), np.int64),
        fee_cut=rows(g.fee_cut),
        tolerance=tolerance,
        tolerance_fund=rows(g.tolerance_fund) if g.tolerance_fund is not None else np.ones(r),
        plan_sd=rows(g.plan_spread),
        outside_drift=0.25 * rows(o.growth),
        outside_load=rows(o.market_loading),
        outside_sd=0.5 * rows(o.volatility),
        outside_bow=rows(o.bow),
        park_from=rows.constant(park.opens - start if park else NEVER, np.int64),
        park_rate=rows(park.per_year) if park else zero,
        park_places=rows(park.places) if park else zero,
        park_size=rows(park.size) if park else zero,
        park_sd=rows(park.size_spread) if park else zero,
        committed=optional("committed"),
        booked=numbers([int(c.books is not None) for c in classes]),
        book_paid=parts("books", "paid_in"),
        book_back=parts("books", "distributed"),
        book_nav=parts("books", "nav"),
        book_age=numbers([max(0, c.books.date - (c.opens or start)) if c.books is not None else 0 for c in classes]),
        paced=numbers([int(c.pacing is not None) for c in classes]),
        pace_rates=numbers([len(c.pacing.call_rates) if c.pacing is not None else 0 for c in classes]),
        pace_rate=pace,
        pace_bow=parts("pacing", "bow"),
        pace_growth=parts("pacing", "growth"),
        pace_yield=parts("pacing", "yields"),
    )
    return FundRules(*(roomy(x, room_for(n, MAX_GROUPS), *x.shape[2:]) if x.ndim >= 2 else x for x in rules))


def lower_evaluation(s: "Scenario", rows: Rows) -> EvaluationRules:
    e = s.guidance.evaluation
    shape = (rows.count, MAX_ITEMS, 2, MAX_STEPS)
    measure, steps = np.full((MAX_ITEMS, 2), -1, np.int64), np.zeros((MAX_ITEMS, 2), np.int64)
    least, points = np.zeros(shape), np.zeros(shape)
    lines = e.items if e is not None else []
    for i, line in enumerate(lines):
        for j, (name, table) in enumerate(((line.measure, line.steps), (line.or_measure, line.or_steps))):
            if name is None:
                continue
            measure[i, j], steps[i, j] = MEASURES.index(name), len(table)
            least[:, i, j, : len(table)] = rows.table([x.least for x in table])
            points[:, i, j, : len(table)] = rows.table([x.points for x in table])
    subs = [c for c in s.funds if c.kind == "sub-fund"]
    asked = [rows(of_class(s.guidance.reinvestment_of, c) or s.guidance.reinvestment) for c in subs]
    return EvaluationRules(
        lines=rows.constant(len(lines), np.int64),
        begins=rows.constant(e.begins - s.zone.start if e is not None else NEVER, np.int64),
        private_firms=rows(e.private_firms) if e is not None else np.zeros(rows.count),
        no_relocation=rows.constant(0.0 if s.guidance.relocation_clause else 1.0),
        reinvestment=np.mean(asked, axis=0) if asked else np.zeros(rows.count),
        measure=rows.constant(measure, np.int64),
        steps=rows.constant(steps, np.int64),
        least=least,
        points=points,
    )


def lower_exits(s: "Scenario", rows: Rows, levels: LevelIndex) -> ExitRules:
    p, out = s.exits, s.exits.out_of_cash
    one = np.ones(rows.count, np.int64)
    stages = [getattr(s.rounds.stages, name) for name in STAGE_NAMES]
    return ExitRules(
        moves_away=rows(s.firms.exit.moves_away),
        listing_levels=rows.constant(levels.to_listing, np.int64),
        lock_up=rows.quarters(p.lock_up),
        sell_quarters=np.maximum(1, rows.quarters(p.sell_over)),
        issue_share=rows(p.issue),
        sale_hazard=quarterly(_by_stage(rows, stages, "sale")),
        sale_mood=rows(p.sale_mood),
        sale_gain=rows(p.sale_gain),
        sale_log_mean=np.log(rows(p.sale_price)),
        sale_log_sd=rows(p.sale_spread),
        sold_leaves=rows(p.sold_leaves),
        bootstraps=rows(out.bootstraps),
        bridge=rows(out.bridge),
        bridge_quarters=4.0 * no_older(rows(out.bridge_for)),
        bridge_cut=rows(out.bridge_cut),
        cheap_sale=rows(out.cheap_sale),
        cheap_part=rows(out.cheap_part),
        cheap_sd=rows(out.cheap_spread),
        liquidation_part=rows(out.liquidation),
        secondary_price=rows(p.secondary_price),
        extension=rows.quarters(p.extension),
        redemption_ability=rows(p.redemption_ability),
        redemption_term=rows(s.rounds.terms.redemption_after),
        redemption_tries=np.maximum(1, rows.whole(p.redemption_tries)) if p.redemption_tries is not None else one,
        founders_means=rows(p.founders_means) if p.founders_means is not None else np.zeros(rows.count),
        least_value=rows(p.least_value),
    )


def lower_attraction(s: "Scenario", rows: Rows) -> AttractionRules:
    p, start, zero = s.attraction, s.zone.start, np.zeros(rows.count)
    none = np.zeros(rows.count, np.int64)
    if p is None:
        return AttractionRules(none + NEVER, none + NEVER, zero, zero, zero + 1.0, zero, zero, none, zero)
    return AttractionRules(
        first=rows.constant(p.begins - start, np.int64),
        until=rows.constant(p.until - start, np.int64),
        offers=rows(p.offers_per_year),
        accepts=rows(p.accepted),
        ticket=rows(p.ticket),
        ticket_sd=rows(p.ticket_spread),
        age=no_older(rows(p.age)),
        initial=rows.whole(p.initial),
        initial_years=no_older(rows(p.initial_years)),
    )


def lower_named(s: "Scenario", rows: Rows, index: LevelIndex) -> NamedRules:
    firms, start = s.named, s.zone.start
    sectors = list(s.firms.sectors)
    enters = [max(0, (f.enters if f.enters is not None else start) - start) for f in firms]
    rounds = [x for f in firms for x in f.rounds]
    closed = [
        e if x.date is None else min(e, x.date - start) for f, e in zip(firms, enters, strict=True) for x in f.rounds
    ]
    investors = [x for r in rounds for x in r.investors]
    certificates = [x for f in firms for x in f.certificates]
    holders = [x for f in firms for x in f.holders]
    groups = [c.id for c in s.ordered_funds()]
    level_of = {name.partition(".")[2]: i for name, i in index.number.items()} | index.number

    def starts(lengths: list[int]) -> list[int]:
        return [0, *np.cumsum(lengths, dtype=np.int64).tolist()]

    def column(values: list[Any], count: int) -> NDArray[np.float64]:
        return rows.table(values) if count else np.zeros((rows.count, 1))

    place = {k: i for i, k in enumerate(followed(s))}
    rules = NamedRules(
        count=rows.constant(len(firms), np.int64),
        told=rows.constant(len(place), np.int64),
        told_row=rows.constant([place.get(k, -1) for k in range(len(firms))] or [-1], np.int64),
        enters=rows.constant(enters or [NEVER], np.int64),
        sector=rows.constant([sectors.index(f.sector) for f in firms] or [0], np.int64),
        age=rows.constant([max(0, e + start - f.founded) for e, f in zip(enters, firms, strict=True)] or [0], np.int64),
        log_revenue=np.log(np.maximum(column([f.revenue for f in firms], len(firms)), 1.0)),
        first_round=rows.constant(starts([len(f.rounds) for f in firms]), np.int64),
        stage=rows.constant([STAGE_NAMES.index(x.stage) + 1 for x in rounds] or [1], np.int64),
        amount=column([x.amount for x in rounds], len(rounds)),
        post=column([x.post_money for x in rounds], len(rounds)),
        direct_share=column([x.direct for x in rounds], len(rounds)),
        closed=rows.constant(closed or [0], np.int64),
        first_investor=rows.constant(starts([len(x.investors) for x in rounds]), np.int64),
        investor=rows.constant([groups.index(x.fund) for x in investors] or [0], np.int64),
        invested=column([x.amount for x in investors], len(investors)),
        first_holder=rows.constant(starts([len(f.holders) for f in firms]), np.int64),
        holder=rows.constant([groups.index(x.fund) for x in holders] or [0], np.int64),
        held_cost=column([x.cost for x in holders], len(holders)),
        held_share=column([x.share for x in holders], len(holders)),
        held_value=np.stack([rows(x.value) if x.value is not None else np.full(rows.count, -1.0) for x in holders], 1)
        if holders
        else np.zeros((rows.count, 1)),
        first_certificate=rows.constant(starts([len(f.certificates) for f in firms]), np.int64),
        level=rows.constant([level_of[x.level] for x in certificates] or [0], np.int64),
        since=rows.constant([min(0, x.since - start) for x in certificates] or [0], np.int64),
    )
    most = room_for(max(x.shape[1] for x in rules if x.ndim == 2), MAX_NAMED_ROUNDS)
    return NamedRules(*(roomy(x, most) if x.ndim == 2 else x for x in rules))


SOURCES = ("organic", "incubator", "attracted", "named")


def lower_programmes(s: "Scenario", rows: Rows, levels: LevelIndex) -> ProgrammeRules:
    r, n, start = rows.count, MAX_PROGRAMMES, int(s.zone.start)
    given = s.programmes
    number = {p.id: i for i, p in enumerate(given)}
    sectors = list(s.firms.sectors)
    sets = Sets(rows, start, n)

    def real(name: str, default: float = 0.0) -> NDArray[np.float64]:
        out = np.full((r, n), default)
        for i, p in enumerate(given):
            q = getattr(p, name)
            if q is not None:
                out[:, i] = rows(q)
        return out

    def effect(name: str) -> NDArray[np.float64]:
        out = np.zeros((r, n))
        for i, p in enumerate(given):
            q = getattr(p.effects, name) if p.effects is not None else None
            if q is not None:
                out[:, i] = rows(q)
        return out

    def whole(values: list[int], default: int = 0) -> NDArray[np.int64]:
        return rows.constant(values + [default] * (n - len(values)), np.int64)

    barred = np.full((n, len(SOURCES)), NEVER, np.int64)
    lasts = np.full((r, n), NEVER, np.int64)
    boost, boosting = np.zeros((r, n, MAX_LEVELS)), np.zeros(MAX_LEVELS, np.int64)
    for i, p in enumerate(given):
        sets.add(i, p.eligible)
        for rule in p.restrictions:
            for source in rule.sources or SOURCES:
                at = SOURCES.index(source)
                barred[i, at] = min(barred[i, at], rule.begins - start)
        if p.lasts is not None:
            lasts[:, i] = np.maximum(1, rows.quarters(p.lasts))
        for improved in p.effects.ladders if p.effects is not None else []:
            level = levels.number[improved.level]
            boost[:, i, level] = rows(improved.factor) - 1.0
            boosting[level] |= 1 << i
    subsidy, response = real("subsidy"), real("response")
    lift = 1.0 + response * subsidy
    growth, hazard, research, raising = (effect(x) for x in ("growth", "hazard", "research", "raising"))
    productivity, cost = effect("productivity"), effect("operating_cost")
    felt = (growth != 0) | (hazard != 0) | (research != 0) | (raising != 0) | (productivity != 0) | (cost != 0)
    return ProgrammeRules(
        count=rows.constant(len(given), np.int64),
        address=whole([address_of(p.id) for p in given]),
        begins=whole([p.begins - start for p in given], NEVER),
        until=whole([NEVER if p.until is None else p.until - start for p in given]),
        barred_from=rows.constant(barred, np.int64),
        budget=real("budget", np.inf),
        purse=whole([i if p.budget_of is None else number[p.budget_of] for i, p in enumerate(given)]),
        most=to_whole(np.minimum(real("most", 1e9), 1e9)),
        cost=real("cost"),
        cost_sd=real("cost_spread"),
        yearly=real("yearly"),
        research_part=real("research_part"),
        tax=whole([int(p.paid_as == "tax") for p in given]),
        spent_before=real("spent_before"),
        repaid=real("repaid"),
        holds=to_quarters(real("holds")),
        **sets.columns(MAX_PROGRAMME_SETS, MAX_PROGRAMME_CONDITIONS),
        sectors=whole([sum(1 << sectors.index(x) for x in (p.sectors or sectors)) for p in given]),
        sources=whole([sum(1 << SOURCES.index(x) for x in (p.sources or SOURCES)) for p in given]),
        level=whole([-1 if p.level is None else levels.number[p.level] for p in given], -1),
        reach=real("reach", 1.0),
        windows=whole([sum(1 << (q - 1) for q in p.windows) for p in given]),
        outreach=real("outreach") * lift,
        peers=real("peers") * lift,
        initial=to_whole(real("initial")),
        lasts=lasts,
        again=whole([int(p.again) for p in given]),
        shrink=real("shrink", 1.0),
        effect_sd=real("spread"),
        operating_share=real("operating_share"),
        growth=growth,
        productivity=productivity,
        operating_cost=cost,
        energy=effect("energy"),
        hazard=hazard,
        research=research,
        raising=raising,
        boosting=rows.constant(boosting, np.int64),
        boost=boost,
        effective=felt.astype(np.int64),
    )


def lower_incubators(s: "Scenario", rows: Rows) -> IncubatorRules:
    r, start = rows.count, int(s.zone.start)
    given = s.incubators
    kinds = [(i, key, kind) for i, x in enumerate(given) for key, kind in x.kinds.items()]
    place = {(i, key): k for k, (i, key, _) in enumerate(kinds)}
    sources = [(i, source) for i, x in enumerate(given) for source in x.sources]

    def columns(values: list[Any], size: int, default: float = 0.0) -> NDArray[np.float64]:
        out = np.full((r, size), default)
        for j, q in enumerate(values):
            if q is not None:
                out[:, j] = rows(q)
        return out

    def whole(values: list[int], size: int, default: int = 0) -> NDArray[np.int64]:
        return rows.constant(values + [default] * (size - len(values)), np.int64)

    def quarter_of(when: Any) -> int:
        return 0 if when is None else max(0, when - start)

    floor = columns([x.floor for x in given], MAX_INCUBATORS)
    area = columns([k.area for _, _, k in kinds], MAX_KINDS, 1.0)
    share = columns([k.share for _, _, k in kinds], MAX_KINDS)
    places = np.zeros((r, MAX_KINDS), np.int64)
    for k, (i, _, _) in enumerate(kinds):
        places[:, k] = to_whole(np.floor(floor[:, i] * share[:, k] / np.maximum(area[:, k], 1e-9) + 1e-9))
    growth, hazard, raising = np.zeros((r, MAX_INCUBATORS)), np.ones((r, MAX_INCUBATORS)), np.zeros((r, MAX_INCUBATORS))
    for i, x in enumerate(given):
        for service in x.services:
            if service.growth is not None:
                growth[:, i] += 0.25 * rows(service.growth)
            if service.hazard is not None:
                hazard[:, i] *= 1.0 + rows(service.hazard)
            if service.raising is not None:
                raising[:, i] += rows(service.raising)
    opens = [quarter_of(x.opens) for x in given]
    return IncubatorRules(
        count=rows.constant(len(given), np.int64),
        kinds=rows.constant(len(kinds), np.int64),
        sources=rows.constant(len(sources), np.int64),
        incubator=whole([i for i, _, _ in kinds], MAX_KINDS),
        places=places,
        area=area,
        tenure=np.maximum(1, to_quarters(columns([k.tenure for _, _, k in kinds], MAX_KINDS, 1.0))),
        graduates_at=columns([k.graduates_at for _, _, k in kinds], MAX_KINDS, np.inf),
        initial=to_whole(columns([k.initial for _, _, k in kinds], MAX_KINDS)),
        source_kind=whole([place[i, source.kind] for i, source in sources], MAX_SPIN_OFFS),
        source_rate=0.25 * columns([source.per_year for _, source in sources], MAX_SPIN_OFFS),
        source_opens=whole([max(opens[i], quarter_of(x.opens)) for i, x in sources], MAX_SPIN_OFFS, NEVER),
        source_anchor=whole([int(source.anchor) for _, source in sources], MAX_SPIN_OFFS),
        opens=whole(opens, MAX_INCUBATORS, NEVER),
        patience=to_quarters(columns([x.patience for x in given], MAX_INCUBATORS)),
        rent=3.0
        * columns([x.rent for x in given], MAX_INCUBATORS)
        * (1.0 - columns([x.charged for x in given], MAX_INCUBATORS, 1.0)),
        log_revenue=np.log(np.maximum(columns([x.revenue for x in given], MAX_INCUBATORS, 1.0), 1.0)),
        log_revenue_sd=columns([x.spread for x in given], MAX_INCUBATORS),
        venture_share=columns([x.venture_share for x in given], MAX_INCUBATORS),
        growth=growth,
        hazard=hazard,
        raising=raising,
        floor=floor,
        services=whole([len(x.services) for x in given], MAX_INCUBATORS),
    )


def lower_projects(s: "Scenario", rows: Rows) -> ProjectRules:
    r, start = rows.count, int(s.zone.start)
    given, sectors = s.projects, list(s.firms.sectors)
    enters = [max(0, (x.enters if x.enters is not None else start) - start) for x in given]
    age = [max(0, e + start - x.founded) if x.founded is not None else 0 for e, x in zip(enters, given, strict=True)]
    products = [y for x in given for y in x.products]
    first = np.concatenate([[0], np.cumsum([len(x.products) for x in given])]).astype(np.int64)
    full, capacity = np.ones((r, MAX_PROJECTS)), np.zeros((r, MAX_PRODUCTS))
    ramp = np.ones((r, MAX_PROJECTS), np.int64)
    for j, y in enumerate(products):
        capacity[:, j] = rows(y.capacity)
    for i, x in enumerate(given):
        worth = sum(rows(y.capacity) * rows(y.price) for y in x.products)
        full[:, i] = np.maximum(worth * rows(x.utilisation), 1.0)
        ramp[:, i] = np.maximum(1, rows.quarters(x.ramp))
    return ProjectRules(
        count=rows.constant(len(given), np.int64),
        enters=rows.constant(enters + [NEVER] * (MAX_PROJECTS - len(given)), np.int64),
        age=rows.constant(age + [0] * (MAX_PROJECTS - len(given)), np.int64),
        sector=rows.constant([sectors.index(x.sector) for x in given] + [0] * (MAX_PROJECTS - len(given)), np.int64),
        log_full=np.log(full),
        ramp=ramp,
        first_product=roomy(rows.constant(first, np.int64), MAX_PROJECTS + 1),
        capacity=capacity,
    )


def lower_report(s: "Scenario", rows: Rows) -> ReportRules:
    q, sectors = s.report, list(s.firms.sectors.values())
    energy = np.zeros((rows.count, MAX_SECTORS))
    for i, x in enumerate(sectors):
        if x.energy is not None:
            energy[:, i] = 1e-4 * rows(x.energy)
    return ReportRules(
        unicorn=rows(q.unicorn_usd) * rows(q.usd_cny),
        multiple=rows(q.multiple),
        sectors=rows.constant(sum(1 << i for i, x in enumerate(sectors) if x.reported), np.int64),
        energy=energy,
        has_energy=rows.constant(int(any(x.energy is not None for x in sectors)), np.int64),
        index_growth=0.25 * rows(q.index_growth),
        blocks=rows.constant(sum(c.id not in KIND_IDS for c in s.funds), np.int64),
    )


def lower(s: "Scenario", rows: Rows) -> Rules:
    """All rooms' rules, every field with a leading axis of rows.count."""
    levels = LevelIndex(s)
    p = s.public
    return Rules(
        market=lower_market(s, rows),
        firms=lower_firms(s, rows, levels),
        ladders=lower_ladders(s, rows, levels),
        rounds=lower_rounds(s, rows, levels),
        funds=lower_funds(s, rows),
        exits=lower_exits(s, rows, levels),
        attraction=lower_attraction(s, rows),
        named=lower_named(s, rows, levels),
        programmes=lower_programmes(s, rows, levels),
        incubators=lower_incubators(s, rows),
        projects=lower_projects(s, rows),
        public=PublicRules(
            rows(p.discount), rows(p.standard_rate), rows(p.reduced_rate), rows.constant(levels.reduced_tax, np.int64)
        ),
        report=lower_report(s, rows),
        evaluation=lower_evaluation(s, rows),
    )


def packed(rules: Rules, phase: int) -> np.recarray:
    """The rules as records [row]: a kernel is handed a pointer to one record, whatever the number of parameters.

    phase: quarter of the year (0-3) of the first quarter. Room for a longer list is zero-filled by `roomy`.
    """
    count = rules.report.unicorn.shape[0]
    rooms = []
    for name, room in zip(Rules._fields, rules, strict=True):
        fields = [(f, x.dtype, x.shape[1:]) for f, x in zip(room._fields, room, strict=True)]
        rooms.append((name, np.dtype(fields, align=True)))
    out = np.zeros(count, np.dtype([*rooms, ("phase", np.int64)], align=True))
    for name, room in zip(Rules._fields, rules, strict=True):
        for f, x in zip(room._fields, room, strict=True):
            out[name][f] = x
    out["phase"] = phase
    return out.view(np.recarray)


def roomy(array: NDArray, *room: int) -> NDArray:
    """The same rows with longer axes, zero-filled, so that every scenario has records of one shape (one
    compilation)."""
    out = np.zeros((array.shape[0], *room), array.dtype)
    out[tuple(slice(0, n) for n in array.shape)] = array
    return out
