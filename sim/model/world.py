"""The state of one world: columns of firms, ventures, holdings, funds and commitments, as NamedTuples of arrays.

A slot that falls free is used again, so columns stay dense in a growing zone; identity never hangs on the slot but on
(cohort, index): cohort = (entry quarter + 1) * 4 + source, with 0..3 for the firms present at the start. Entrant k of
quarter q by one source is therefore the same firm in every scenario.

Capacities are guesses that the ensemble doubles when a world reports FULL; they change no result.
"""

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.model.limits import MAX_KINDS, MAX_PROGRAMMES, MAX_PROJECTS

Floats = NDArray[np.float64]
Shocks = NDArray[np.float32]
Ints = NDArray[np.int64]
Small = NDArray[np.int32]
Bytes = NDArray[np.uint8]
Words = NDArray[np.uint32]


class Source(IntEnum):
    """How a firm came: founded in the open, in an incubator, or moved in with an investment (资本招商)."""

    ORGANIC = 0
    INCUBATOR = 1
    ATTRACTED = 2
    NAMED = 3


class Stage(IntEnum):
    """Stage of the last closed round."""

    NONE = 0
    ANGEL = 1
    SEED = 2
    A = 3
    B = 4
    C = 5
    D = 6
    PRE_IPO = 7


STAGES = 8
STAGE_NAMES = ("angel", "seed", "a", "b", "c", "d", "pre_ipo")


class Regime(IntEnum):
    COLD = 0
    NORMAL = 1
    HOT = 2


class FundKind(IntEnum):
    """What a fund is to the zone. GUIDANCE commits to sub-funds; DIRECT and ATTRACTION spend the zone's own money."""

    GUIDANCE = 0
    SUB_FUND = 1
    MARKET = 2
    DIRECT = 3
    ATTRACTION = 4


KINDS = 5
OTHERS = -2  # holder or limited partner outside the model: founders' friends, firms, funds from elsewhere
TREASURY = -1  # limited partner: the zone's public purse
STATE = -3  # limited partner outside the model: firms and funds owned by the state

MAX_SECTORS = 12
MAX_LEVELS = 24
OWNED = 1 << MAX_LEVELS  # in Firms.held: another firm owns this one, which goes public no more
MAX_CLASSES = 12  # share classes a firm can have issued: rounds and bridges
QUEUE = 512  # applicants that can wait for a kind of place
TRAITS = 13  # what is drawn for a new firm before it is written into its slot
GUIDE = 256  # equal parts of the weight by which funds are met
TERMS = 3  # of a round, drawn for every firm that goes raising in a quarter
NEVER = 1 << 30  # a quarter beyond every run
TILE = 1024  # firms handled at a time, so that a tile's columns stay in the first-level cache


class Status(IntEnum):
    """How a world ended: whole, or with too little room in one of its tables."""

    OK = 0
    FIRMS_FULL = 1
    VENTURES_FULL = 2
    HOLDINGS_FULL = 3
    FUNDS_FULL = 4
    EVENTS_FULL = 5


class Firms(NamedTuple):
    """One row a firm slot. Revenue and value in yuan; log_revenue is the log of annualised revenue; rates by
    quarter."""

    index: Words
    cohort: Words
    alive: Bytes
    sector: Small
    source: Small
    born: Small  # quarter since the start; negative for firms older than the run
    log_revenue: Floats
    drift: Floats  # mean log growth this quarter
    spread: Floats  # Laplace scale of the growth shock
    hazard: Floats  # probability of exit this quarter
    later_growth: Words  # a block of draws serves an even quarter and the odd one after it: the words of the odd one
    later_exit: Words
    rd_share: Floats
    standing: Floats  # percentile of the firm in its niche; 1 is best
    year_revenue: Floats
    revenue_last: Floats  # last filed accounts
    revenue_before: Floats  # the accounts filed a year earlier
    profit_last: Floats
    value_last: Floats
    jobs: Floats
    held: Ints  # bit l set: on level l; OWNED
    since: Small  # [level, slot]: quarter of entry or of last renewal
    renewals: Bytes  # [level, slot]
    venture: Small  # row in Ventures, or -1
    adopted: Ints  # bit p set: takes part in programme p
    asked: Ints  # bit p set: waits for programme p
    left: Ints  # bit p set: has taken part in programme p and may not again
    joined: Small  # [programme, slot]: quarter of adoption, or since when it waits
    priced: Small  # [programme, slot]: quarter of the round at which a grant turned into equity, -1 before
    basis: Floats  # [programme, slot]: post-money of that round
    appeal: Floats  # log odds added when investors judge it: programmes and services of an incubator
    tenancy: Small  # kind of tenant of an incubator, or -1
    leaves: Small  # quarter in which its stay ends


class Ventures(NamedTuple):
    """One row a venture-type firm (one that seeks equity finance). Money in yuan, shares in units of founders'
    shares."""

    firm: Small
    index: Words  # of its firm
    cohort: Words
    word_value: Words  # this quarter's draws: value shock, place in the order of rounds, ways out, outside lead
    word_order: Words
    word_exit: Words
    word_lead: Words
    backed: Bytes  # the zone's direct fund holds it
    attracted: Bytes  # its firm moved in with an investment
    alive: Bytes
    listed: Bytes
    log_value: Floats  # latent log value of the whole firm in a normal market
    cash: Floats
    burn: Floats  # a quarter
    stage: Small
    rounds: Small
    first_post: Floats
    last_post: Floats
    last_round: Small
    goal: Floats  # log step-up at which it goes raising before its runway ends
    fails: Small
    listed_at: Small
    shares: Floats  # fully diluted
    founders: Floats
    pool: Floats
    raised: Floats
    named: Small  # number of the named firm, or -1
    first_holding: Small
    classes: Small
    class_shares: Floats  # [venture, class]
    class_price: Floats
    class_preference: Floats  # multiple of the issue price
    class_seniority: Floats
    class_participating: Bytes
    class_cap: Floats  # total payout cap of a participating class, multiple of the issue price; inf = none
    class_antidilution: Small  # 0 none, 1 broad-based weighted average, 2 full ratchet
    class_conversion: Floats  # common shares a preferred share converts into
    class_redemption: Small  # quarter in which the redemption right (回购) can be called; -1 none
    class_rate: Floats  # simple yearly rate of the redemption claim
    class_last: Bytes  # the claim is the last round's price where that is higher
    redeems_from: Small  # quarter in which the first of its redemption rights can be called; NEVER: it has given none
    claimed_next: Small  # no right is called before this quarter; NEVER: none is to come
    fair_part: Floats  # fair value over post-money, by the stage and terms of the last round
    given: Bytes  # its known rounds are being written, by shares that are known: no pool is topped up meanwhile


class Holdings(NamedTuple):
    """One row a (fund, venture, class) position."""

    fund: Small
    venture: Small
    share_class: Small
    shares: Floats
    cost: Floats
    first: Bytes  # 1: of what the fund first invested in the firm, 0: it followed
    bought: Small  # quarter
    called: Floats  # a deal's own waterfall, where carry is paid deal by deal: cost with its share of fees,
    balance: Floats  # capital and hurdle not yet returned,
    since: Small  # the quarter that balance is of,
    returned: Floats  # what limited partners got,
    carried: Floats  # and the general partner
    mark: Floats  # a fund's own book value over headline value until the firm's next round; 0: none
    next: Small  # next holding of the same venture, or -1


class Funds(NamedTuple):
    """One row a fund. Money in yuan; quarters since the start."""

    kind: Small
    group: Small  # class of the scenario it belongs to
    number: Ints  # within its class: with the class the address of its draws
    commitment: Floats
    opened: Small
    places_from: Small  # quarter from which its first investments are spread over its investment period
    invests_until: Small
    ends: Small
    local_share: Floats
    called: Floats
    distributed: Floats
    recycled: Floats  # proceeds kept to be invested again, ever
    cash: Floats
    need: Floats
    proceeds: Floats
    received: Floats  # proceeds, ever
    invested: Floats  # in firms of the zone, at cost, ever
    invested_outside: Floats
    outside_value: Floats
    held_cost: Floats  # cost of what is still held
    held_age: Floats  # cost of what is held times the quarters it has been
    fees: Floats
    withheld: Floats  # fees not paid for a missed reinvestment ratio
    expenses: Floats
    carry: Floats
    accrued: Floats  # carry that the net asset value would owe today
    gp_part: Floats  # of this quarter's proceeds, where carry is paid deal by deal
    clawed: Floats  # carry given back
    hurdle_balance: Floats  # capital and hurdle not yet returned to the limited partners
    whole_distributed: Floats  # what the whole-fund waterfall would have paid so far, where carry is deal by deal
    whole_carry: Floats
    nav: Floats  # of the limited partners
    nav_fair: Floats
    follow_reserve: Floats  # part of what is invested that is kept for following
    kept: Floats  # money kept for following in the firms it holds
    followed: Floats  # invested in firms held before, ever
    counted: Floats  # towards the reinvestment ratio
    counts_as: Floats  # what a yuan put into a firm of its stages usually counts
    conceded: Floats  # gains that the guidance fund gave up to its other partners
    by_deal: Bytes  # carry: 0 on the whole fund, 1 deal by deal, 2 deal by deal with clawback
    paid_ahead: Bytes  # paid in by tranches
    policy: Bytes  # follow-on: 0 none, 1 pro rata, 2 top-up
    hurdle: Floats
    carry_rate: Floats
    catch_up: Floats
    load: Floats  # capital called for a yuan invested
    concentration: Floats
    extension: Small
    harvest: Small
    recycles_until: Small
    outside_called: Floats  # the pooled outside portfolio as one deal
    outside_balance: Floats
    outside_since: Small
    outside_returned: Floats
    outside_carried: Floats
    parent: Small  # guidance fund with a commitment to it, or -1
    local_required: Floats  # what the reinvestment rule asks it to put into the zone
    mandate: Small  # bit s set: invests in stage s
    ended: Bytes  # 0 live, 1 ended, 2 proposed and not yet closed
    first_edge: Small  # its commitments stand together in Commitments
    edges: Small
    passed_down: Floats  # called by the funds it commits to; filled by the audit
    booked: Bytes  # it stood in its own books at the start
    booked_paid: Floats  # paid in, distributed and net asset value there
    booked_back: Floats
    booked_nav: Floats


class Commitments(NamedTuple):
    """Edges of the fund graph. An LP that is a fund stands before the fund it commits to, so the graph has no cycle."""

    lp: Small
    fund: Small
    amount: Floats
    called: Floats
    distributed: Floats
    mark: Floats  # the partner's book value of it over its part of the fund's; 0: none


class Market(NamedTuple):
    """[quarter] paths shared by every firm of the replication."""

    regime: Ints
    multiple: Floats  # log index of listed multiples
    private: Floats  # log index of private pricing
    window: Floats  # IPO window, 1 = normal
    placing: Floats  # quarters so far, this one too, as plans of funds count them: hot ones are long, cold ones short


class Ladder(NamedTuple):
    """[level] stocks and the flows of this run."""

    stock: Ints
    entered: Ints
    left: Ints
    seeded: Ints  # stock at the start


class Programmes(NamedTuple):
    """[programme] what has been spent and what is left."""

    budget_left: Floats  # of the calendar year
    places_left: Ints  # adoptions of the calendar year
    spent: Floats
    repaid: Floats
    adopted: Ints  # ever


class Incubators(NamedTuple):
    """[kind of tenant] places taken and the queue for them; the rest by incubator."""

    tenants: Ints
    waiting: Ints
    queue_index: Small  # [kind, place]
    queue_cohort: Small
    queue_since: Small
    graduated: Ints  # [incubator]
    turned_away: Ints
    rent: Floats


class Projects(NamedTuple):
    """[project] its firm, -1 before it enters."""

    slot: Ints


class Tally(NamedTuple):
    """Scalars that a world keeps as it goes, as arrays of length one or a few, so that the kernel can write them."""

    counts: Ints
    money: Floats
    free_firms: Small
    free_ventures: Small
    rounds: Ints  # [stage] closed this quarter
    raised: Floats  # [stage] this quarter


class Count(IntEnum):
    """Places in Tally.counts."""

    FIRM_SLOTS = 0  # slots ever used
    FREE_FIRMS = 1
    VENTURE_SLOTS = 2
    FREE_VENTURES = 3
    HOLDINGS = 4
    FUNDS = 5
    COMMITMENTS = 6
    EVER = 7  # firms ever present
    ENTERED = 8
    ENTERED_ORGANIC = 9
    ENTERED_INCUBATOR = 10
    ENTERED_ATTRACTED = 11
    DIED = 12
    MOVED = 13
    INITIAL = 14
    SOLD = 15
    STATUS = 16
    SUB_FUNDS = 17
    PROPOSALS_LAPSED = 18
    PARK_FUNDS = 19
    ATTRACTED_ALIVE = 20
    ROUND_EVENTS = 21
    FLOW_EVENTS = 22
    EXIT_EVENTS = 23
    LEVEL_EVENTS = 24
    FAILED_ROUNDS = 25
    DOWN_ROUNDS = 26
    LISTED_VENTURES = 27
    PARK_TRIED = 28
    REDEEMED = 29
    BROKEN = 30  # number of the audit identity with the largest residual
    LISTED_AGED = 31  # listings since the start whose age is in Cash.LISTING_AGE
    SIZE = 40


class Cash(IntEnum):
    """Places in Tally.money."""

    DISPLACED = 0  # private money that would have come anyway, still to be taken from market funds
    ATTRACTION_SPENT = 1
    PARK_SIZE = 2
    TAX_RECEIVED = 3
    TAX_FORGONE = 4
    OUTLAY = 5
    RECOVERED = 6
    FROM_OTHERS = 7  # paid into firms by holders outside the model
    INTO_FIRMS = 8  # paid into firms by everybody
    FROM_FUNDS = 9  # paid into firms by funds
    EXIT_PROCEEDS = 10
    EXIT_TO_FUNDS = 11
    EXIT_TO_REST = 12
    LISTING_RAISED = 13
    NET_COST_PV = 14
    SUBFUND_OTHERS = 15
    SUBFUND_NEW = 16
    SECONDARY = 17
    WORST = 18  # largest audit residual seen, relative to the amount it concerns
    OUTSIDE_PAID = 19  # paid back by the outside portfolios
    SUBSIDIES = 20  # paid out by programmes
    RENT_FORGONE = 21
    REPAID = 22  # got back by programmes
    LISTING_AGE = 23  # sum of ages at listing, years
    LISTING_AGE_LAST = 24
    CONCEDED = 25  # gains that the guidance fund gave up
    FIRST_LOSS = 26  # what it has borne for its other partners
    INTO_EARLY = 27  # of what sub-funds put into firms, in angel, seed and A rounds
    BY_SUB_FUNDS = 28  # what sub-funds put into firms
    REDEMPTION = 29
    DISCOUNT = 30  # present value at the start of a yuan of this quarter
    BOOKED_OUT = 31  # what the treasury had paid into funds with books before the start, and got back
    BOOKED_BACK = 32
    HELD_AT_START = 33  # fair value of the treasury's part of funds with books in the first quarter
    SIZE = 40


class Next(IntEnum):
    """Places, behind those of Tally.money, of a named firm's next round: what a yuan more in it has brought so far. The
    yuan is too small to change anything, so the world is the one that would be without it. Then what the zone's own
    funds put into the firm and got back."""

    CLASS = 0
    SHARES = 1  # that the yuan bought and has not sold
    PAID = 2  # present value of the yuan; 0: no round yet
    BACK = 3  # present value of what came back
    SUM = 4  # and not discounted
    QUARTER = 5  # of the round
    ZONE_PAID = 6
    ZONE_BACK = 7
    SIZE = 8


class Events(NamedTuple):
    """Logs of the replications that keep them; [event, column]. Room for none in the others."""

    rounds: Floats
    flows: Floats
    exits: Floats
    levels: Floats


class Scratch(NamedTuple):
    """Room for passes; means nothing between calls."""

    word0: Words
    word1: Words
    word2: Words
    word3: Words
    index: Words  # addresses of entities that do not stand together
    cohort: Words
    revenue: Floats
    shock: Shocks  # standard Laplace variates of a tile
    normal: Shocks  # standard normal ones
    slot: Ints  # of the firms that enter together, a tile at most
    born: Small
    sector: Small
    size: Floats  # mean log revenue of each
    trait: Floats  # [trait, firm]
    asking: Bytes  # flags of a tile of firms
    one: Bytes
    good: Bytes
    list: Ints
    list2: Ints
    score: Floats
    order: Ints
    chosen: Ints
    listed: Ints
    weight: Floats  # [stage, fund] cumulative
    eligible: Small  # [stage, fund]
    eligible_count: Small
    guide: Small  # [stage, part of the total weight] where the search for a fund begins
    cheque: Floats
    holder: Ints  # funds that hold the firm whose round it is, their shares in it and what they paid
    holder_shares: Floats
    holder_cost: Floats
    row: Floats  # the metrics of a quarter, side by side
    terms: Floats  # [term, seeker] what is drawn for the firms that go raising in a quarter: see rounds.kernel.Term
    says_yes: Floats  # [no lead yet / led, kind of fund] odds
    payoff: Floats  # [class, column]


class World(NamedTuple):
    firms: Firms
    ventures: Ventures
    holdings: Holdings
    funds: Funds
    commitments: Commitments
    market: Market
    ladder: Ladder
    programmes: Programmes
    incubators: Incubators
    projects: Projects
    tally: Tally
    events: Events
    scratch: Scratch
    metrics: Floats  # [metric, quarter]


class Room(NamedTuple):
    """Capacities of a world."""

    firms: int
    ventures: int
    holdings: int
    funds: int
    quarters: int
    metrics: int
    levels: int
    programmes: int = 0
    queues: int = 1  # most programmes that share a budget, whose queues stand in one
    named: int = 0
    round_events: int = 0
    flow_events: int = 0
    exit_events: int = 0
    level_events: int = 0


_BY_TYPE = {id(Floats): np.float64, id(Ints): np.int64, id(Small): np.int32, id(Bytes): np.uint8, id(Words): np.uint32}


PAGE = 4096
LINE = 64


def _columns(kind: type, rows: int, wide: dict[str, tuple[int, ...]] | None = None):
    """Zeroed columns. Each begins at another cache line of its page: columns that begin alike share the few places that
    a cache has for an address, and a firm's row, one element of each column, would not fit."""
    wide = wide or {}
    out = []
    for k, name in enumerate(kind._fields):
        dtype = np.dtype(_BY_TYPE[id(kind.__annotations__[name])])
        shape = wide.get(name, (rows,))
        size = int(np.prod(shape)) * dtype.itemsize
        room = np.zeros(size + 2 * PAGE, np.uint8)
        start = (-room.ctypes.data) % PAGE + (5 * k * LINE) % PAGE
        out.append(room[start : start + size].view(dtype).reshape(shape))
    return kind(*out)


def build_world(room: Room) -> World:
    """An empty world with the given room; about 250 bytes a firm slot and 1.2 kB a venture."""
    v, c, h = room.ventures, MAX_CLASSES, room.funds
    by_class = {name: (v, c) for name in Ventures._fields if name.startswith("class_")}
    by_firm = {name: (room.levels, room.firms) for name in ("since", "renewals")}
    by_firm |= {name: (room.programmes, room.firms) for name in ("joined", "priced", "basis")}
    queue = (MAX_KINDS, QUEUE)
    widest = max(room.firms * room.queues, room.holdings, room.ventures)
    return World(
        firms=_columns(Firms, room.firms, by_firm),
        ventures=_columns(Ventures, v, by_class),
        holdings=_columns(Holdings, room.holdings),
        funds=_columns(Funds, room.funds),
        commitments=_columns(Commitments, 3 * room.funds),
        market=_columns(Market, room.quarters),
        ladder=_columns(Ladder, MAX_LEVELS),
        programmes=_columns(Programmes, MAX_PROGRAMMES),
        incubators=_columns(Incubators, MAX_KINDS, {"queue_index": queue, "queue_cohort": queue, "queue_since": queue}),
        projects=_columns(Projects, MAX_PROJECTS),
        tally=Tally(
            np.zeros(Count.SIZE, np.int64),
            np.zeros(Cash.SIZE + Next.SIZE * room.named),
            np.zeros(room.firms, np.int32),
            np.zeros(v, np.int32),
            np.zeros(STAGES, np.int64),
            np.zeros(STAGES),
        ),
        events=Events(
            np.zeros((room.round_events, 22)),
            np.zeros((room.flow_events, 15)),
            np.zeros((room.exit_events, 10)),
            np.zeros((room.level_events, 6)),
        ),
        scratch=Scratch(
            word0=np.zeros(TILE, np.uint32),
            word1=np.zeros(TILE, np.uint32),
            word2=np.zeros(TILE, np.uint32),
            word3=np.zeros(TILE, np.uint32),
            index=np.zeros(TILE, np.uint32),
            cohort=np.zeros(TILE, np.uint32),
            revenue=np.zeros(TILE),
            shock=np.zeros(TILE, np.float32),
            normal=np.zeros(TILE, np.float32),
            slot=np.zeros(TILE, np.int64),
            born=np.zeros(TILE, np.int32),
            sector=np.zeros(TILE, np.int32),
            size=np.zeros(TILE),
            trait=np.zeros((TRAITS, TILE)),
            asking=np.zeros(TILE, np.uint8),
            one=np.zeros(TILE, np.uint8),
            good=np.zeros(TILE, np.uint8),
            list=np.zeros(widest + 1, np.int64),
            list2=np.zeros(widest + 1, np.int64),
            score=np.zeros(widest),
            order=np.zeros(widest + 1, np.int64),
            chosen=np.zeros(widest + 1, np.int64),
            listed=np.zeros(widest, np.int64),
            weight=np.zeros((STAGES, h)),
            eligible=np.zeros((STAGES, h), np.int32),
            eligible_count=np.zeros(STAGES, np.int32),
            guide=np.zeros((STAGES, GUIDE), np.int32),
            cheque=np.zeros(64),
            holder=np.zeros(room.funds + 1, np.int64),
            holder_shares=np.zeros(room.funds + 1),
            holder_cost=np.zeros(room.funds + 1),
            row=np.zeros(room.metrics),
            terms=np.zeros((TERMS, room.ventures)),
            says_yes=np.zeros((2, KINDS)),
            payoff=np.zeros((MAX_CLASSES + 2, 8)),
        ),
        metrics=np.zeros((room.metrics, room.quarters)),
    )
