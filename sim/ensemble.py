"""A scenario becomes many worlds, and many worlds a Result.

Each row of the lowered rules is one world; worlds are lived in a few threads (the kernel releases the GIL), each
thread with one set of columns that it uses again. What a world becomes depends only on its row, its seed and its
replication number: not on threads, on other replications, or on the length of the run.
"""

import platform
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from threading import Event, Lock, get_ident, local
from typing import TYPE_CHECKING, Any

from sim import compiled

WARM = compiled.use_cache()  # before numba is imported

import numpy as np  # noqa: E402
from numba import config  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from sim.coded import Coded, Column, plain  # noqa: E402
from sim.errors import Problem, RunError, UserError  # noqa: E402
from sim.memory import SHARE, memory_at_hand, processors  # noqa: E402
from sim.model.draws import key_of  # noqa: E402
from sim.model.limits import USUAL_SIZE, kernel_size  # noqa: E402
from sim.model.rows import Rows  # noqa: E402
from sim.model.rules import LevelIndex, Rules, lower, packed  # noqa: E402
from sim.model.table import pointer_to  # noqa: E402
from sim.model.whole import whole_program  # noqa: E402
from sim.model.world import (  # noqa: E402
    OTHERS,
    STAGE_NAMES,
    STATE,
    TREASURY,
    Cash,
    Count,
    Room,
    Source,
    Status,
    World,
    build_world,
)
from sim.model.zone import live_one_world  # noqa: E402
from sim.result import BOOK_KEYS  # noqa: E402

compiled.allow_imports()

if TYPE_CHECKING:
    from sim.result import Result
    from sim.scenario.document import Scenario

MOST_FUNDS = 100_000  # a zone meets hundreds; with a million a world takes minutes
FIRST_LOOK = 24  # worlds: about a second of the reference scenario on two cores
_compiling = Lock()
_compiled: set[tuple[int, int]] = set()  # sizes of the kernel (sim.model.limits) compiled by this process

Progress = Callable[[int, int], None]
Floats = NDArray[np.float64]
BYTES_A_FIRM = 300
BYTES_A_ROW = 150_000  # a replication's parameters, lowered and packed
BYTES_A_ROUND = 500  # the same, of every round of a named firm that there is room for
MOST_SLOTS = 1e15  # of a table: more than any memory holds, and a number that whole numbers can be made of
HALTED = -1  # written where a kernel looks for a full table, which it does after each quarter
LARGE = 100_000  # firms: a world of fewer is over in less time than a reader of Ctrl-C notices


@dataclass
class Replication:
    """What is kept of one world beyond its metrics."""

    number: int
    rounds: Floats
    flows: Floats
    exits: Floats
    levels: Floats
    multiples: Floats


def first_room(scenario: "Scenario", rules: Rules) -> Room:
    """Capacities that nearly always suffice; a world that needs more is lived again with twice the room."""
    quarters = scenario.zone.quarters
    years = quarters / 4.0
    entry = float(
        (
            np.minimum(rules.firms.entry[:, :2], MOST_SLOTS)
            * np.exp(np.maximum(rules.firms.entry_growth[:, :2], 0.0) * 6.0)
        )
        .sum(1)
        .max()
    )
    named = len(scenario.named)
    firms = int(min(float(rules.firms.initial.max()) + 0.62 * entry * years, MOST_SLOTS)) + 600 + named
    ventures = int(0.18 * firms) + 800 + named
    institutions = int(min(float(rules.funds.count.sum(1).max()), MOST_SLOTS))
    return Room(
        firms=firms,
        ventures=ventures,
        holdings=6 * ventures + 2000,
        funds=int(institutions * (1 + years / 3.0)) + 64,
        quarters=quarters,
        metrics=len(scenario.metrics),
        levels=max(1, LevelIndex(scenario).names.__len__()),
        programmes=len(scenario.programmes),
        queues=max(Counter(p.budget_of or p.id for p in scenario.programmes).values(), default=1),
        named=len(scenario.named),
    )


def bigger(room: Room, status: int) -> Room:
    """Room after a world reported that a table was full."""
    field = {
        Status.FIRMS_FULL: "firms",
        Status.VENTURES_FULL: "ventures",
        Status.HOLDINGS_FULL: "holdings",
        Status.FUNDS_FULL: "funds",
    }[Status(status)]
    return room._replace(**{field: 2 * getattr(room, field)})


def with_events(room: Room) -> Room:
    """The same room with logs long enough for every event a world can have."""
    q = room.quarters
    return room._replace(
        round_events=room.ventures * 6,
        flow_events=room.funds * q,
        exit_events=room.ventures * 3,
        level_events=room.firms * 12,
    )


def memory_of(room: Room, worlds: int, kept: int) -> float:
    """Bytes for `worlds` sets of columns and `kept` replications of metrics."""
    a_world = (
        room.firms * (BYTES_A_FIRM + 56 * (room.queues - 1))
        + room.ventures * 1300
        + room.holdings * 50
        + room.funds * 350
    )
    return worlds * a_world + kept * room.metrics * room.quarters * 8.0


def refuse_too_many(replications: int, scenario: "Scenario | None" = None) -> None:
    """More replications than their parameters find room for are refused before the first number is drawn."""
    have = memory_at_hand()
    a_row = BYTES_A_ROW
    if scenario is not None:  # a portfolio of thousands of rounds weighs more than all other parameters
        a_row += BYTES_A_ROUND * (kernel_size(scenario)[1] - USUAL_SIZE[1])
    if replications * a_row > SHARE * have:
        raise UserError(
            Problem(
                f"so many worlds would need {replications * a_row / 2**30:,.0f} GiB of memory;"
                f" this machine has {have / 2**30:.1f} GiB",
                key="replications",
                found=f"{replications:,}",
                expected=f"at most {int(SHARE * have / a_row):,}",
            )
        )


def refuse_too_large(scenario: "Scenario", room: Room, worlds: int, kept: int) -> None:
    """A scenario that cannot fit, or would not end while anyone waits, is refused before it starts."""
    if room.funds > MOST_FUNDS:
        raise UserError(
            Problem(
                "too many funds: every fund is looked at in every quarter, and at every round",
                file=str(getattr(scenario, "_path", "") or "") or None,
                key="funds",
                found=f"room for {room.funds:,} funds",
                expected=f"at most {MOST_FUNDS:,}: fewer of each class, of a larger size",
            )
        )
    need = memory_of(room, worlds, kept)
    have = memory_at_hand()
    if need > SHARE * have:
        raise UserError(
            Problem(
                f"this run would need about {need / 2**30:.1f} GiB of memory; this machine has {have / 2**30:.1f} GiB",
                file=str(getattr(scenario, "_path", "") or "") or None,
                key="firms.initial.count",
                found=f"room for {room.firms:,} firms, {kept:,} worlds kept",
                expected="fewer firms, entrants or worlds",
            )
        )


class Halted(Exception):
    """A world was stopped between two quarters; its columns mean nothing."""


class Worlds:
    """Worlds lived row by row. One instance a run; safe to call from several threads."""

    def __init__(self, scenario: "Scenario", rules: Rules, seed: int, audit: bool = False) -> None:
        self.scenario = scenario
        self.rules = packed(rules, int(scenario.zone.start) % 4)
        self.seed = seed
        self.audit = audit
        self.room = first_room(scenario, rules)
        self.size = kernel_size(scenario)
        self._own = local()
        self._lock = Lock()
        self._counts: dict[int, NDArray[np.int64]] = {}  # of the world that a thread lives
        self._halted = False

    def _world(self, events: bool) -> World:
        room = with_events(self.room) if events else self.room
        kept = getattr(self._own, "world", None)
        if kept is None or self._own.room != room:
            self._own.world, self._own.room = build_world(room), room
            self._counts[get_ident()] = self._own.world.tally.counts
            self._own.pointer = pointer_to(self._own.world)
        return self._own.world

    def live(self, row: int, replication: int, events: bool = False) -> World:
        """Live one world to its end. The world returned is the thread's own: copy what you keep."""
        rules = self.rules[row]
        key = key_of(self.seed, replication)
        while True:
            room = self.room
            world = self._world(events)
            status = HALTED if self._halted else self._live(key, rules)
            if self._halted:
                raise Halted
            if status == Status.OK:
                return world
            with self._lock:
                if self.room == room:
                    self.room = bigger(room, status)
                    refuse_too_large(self.scenario, self.room, 1, 0)

    def halt(self) -> None:
        """Worlds under way end with their quarter, none begins. To be called again until no thread is in `live`: a
        world that is just beginning clears what is written here."""
        self._halted = True
        for counts in list(self._counts.values()):
            counts[Count.STATUS] = HALTED

    @property
    def compiled(self) -> bool:
        """Whether the kernel need not be compiled first, by this process or for the folder of kernels."""
        if self.size in _compiled or config.DISABLE_JIT:  # type: ignore[attr-defined]
            return True
        return WARM if self.size == USUAL_SIZE else compiled.holds_size(self.size)

    @property
    def large(self) -> bool:
        """Whether one world takes long enough to be stopped in its middle."""
        return self.room.firms > LARGE

    def _live(self, key: NDArray[np.uint64], rules: Any) -> int:
        size = self.size
        if size in _compiled or config.DISABLE_JIT:  # type: ignore[attr-defined]
            return int(live_one_world(key, rules, self._own.pointer, self.audit))
        with _compiling:
            with nullcontext() if size in _compiled else whole_program(live_one_world):
                status = int(live_one_world(key, rules, self._own.pointer, self.audit))
            _compiled.add(size)
            if size != USUAL_SIZE:
                compiled.note_size(size)
        return status


def _kept(world: World, number: int) -> Replication:
    c = world.tally.counts
    e = world.events
    v = world.ventures
    n = int(c[Count.VENTURE_SLOTS])
    live = (v.alive[:n] == 1) & (v.listed[:n] == 0) & (v.rounds[:n] > 0) & (v.first_post[:n] > 0)
    return Replication(
        number,
        e.rounds[: c[Count.ROUND_EVENTS]].copy(),
        e.flows[: c[Count.FLOW_EVENTS]].copy(),
        e.exits[: c[Count.EXIT_EVENTS]].copy(),
        e.levels[: c[Count.LEVEL_EVENTS]].copy(),
        (v.last_post[:n] / np.where(v.first_post[:n] > 0, v.first_post[:n], 1.0))[live],
    )


def _by_world(books: Sequence[dict[str, dict[str, float]]]) -> dict[str, dict[str, float | list[float]]]:
    """Books of all worlds in one: a number where it is the same in each, else a list by world."""
    out: dict[str, dict[str, float | list[float]]] = {}
    for subject in sorted({subject for world in books for subject in world}):
        columns = {key: [world.get(subject, {}).get(key, 0.0) for world in books] for key in BOOK_KEYS}
        out[subject] = {key: x[0] if len(set(x)) == 1 else x for key, x in columns.items()}
    return out


def _books(scenario: "Scenario", world: World) -> dict[str, dict[str, float]]:
    """What stood in the books of funds at the start, by the subject of its metrics: kinds and classes of funds that
    have any, kinds of partners."""
    from sim.model.layout import KIND_IDS, PARTNER_NAMES

    f, c = world.funds, world.commitments
    n, edges = int(world.tally.counts[Count.FUNDS]), int(world.tally.counts[Count.COMMITMENTS])
    booked = f.booked[:n] == 1
    columns = dict(zip(BOOK_KEYS, (f.booked_paid[:n], f.booked_back[:n], f.booked_nav[:n]), strict=True))
    out: dict[str, dict[str, float]] = {}
    for kind, name in enumerate(KIND_IDS):
        mine = booked & (f.kind[:n] == kind)
        if mine.any():
            out[f"funds.{name}"] = {key: float(x[mine].sum()) for key, x in columns.items()}
    for group, fund_class in enumerate(scenario.ordered_funds()):
        mine = booked & (f.group[:n] == group)
        if mine.any() and fund_class.id not in KIND_IDS:
            out[f"funds.{fund_class.id}"] = {key: float(x[mine].sum()) for key, x in columns.items()}
    for lp, (name, _, _) in zip((TREASURY, STATE, OTHERS), PARTNER_NAMES, strict=True):
        e = np.flatnonzero((c.lp[:edges] == lp) & booked[c.fund[:edges]])
        if e.size:
            part = c.amount[e] / f.commitment[c.fund[e]]
            out[f"partners.{name}"] = {key: float((part * x[c.fund[e]]).sum()) for key, x in columns.items()}
    return out


def run_in_threads(
    work: Callable[[int], None], count: int, threads: int, progress: Progress | None, worlds: Worlds | None = None
) -> None:
    """work(0) ... work(count - 1) over threads. The first error, or Ctrl-C, stops all: no work begins after it, and
    worlds under way end with their quarter."""
    stop = Event()
    done = [0]
    lock = Lock()
    cursor = [0]

    def worker() -> None:
        while not stop.is_set():
            with lock:
                i = cursor[0]
                cursor[0] += 1
            if i >= count:
                return
            work(i)
            with lock:
                done[0] += 1

    if progress is not None:
        progress(0, count)
    if worlds is not None and not worlds.compiled:  # all would wait for the compiler, which Ctrl-C cannot stop there
        work(0)
        cursor[0] = done[0] = 1
    # Ctrl-C reaches the thread that Python began with, and not before a kernel that runs there has ended
    if threads <= 1 and not (worlds is not None and worlds.large):
        for i in range(cursor[0], count):
            work(i)
            if progress is not None:
                progress(i + 1, count)
        return
    with ThreadPoolExecutor(threads) as pool:
        futures: list[Future[None]] = []
        try:  # Ctrl-C while they are being set to work stops those that are
            for _ in range(min(threads, count)):
                futures.append(pool.submit(worker))
            waiting = list(futures)
            while waiting:
                for future in list(waiting):
                    if future.done():
                        future.result()
                        waiting.remove(future)
                if progress is not None:
                    progress(done[0], count)
                if waiting:
                    time.sleep(0.005)
        except BaseException:
            stop.set()
            _end(futures, worlds)
            raise


def _end(futures: list[Future[None]], worlds: Worlds | None) -> None:
    """Wait until no thread is at work."""
    while wait(futures, timeout=0.01).not_done:
        if worlds is not None:
            worlds.halt()


def _checked(scenario: "Scenario", replications: int | None, seed: int | None) -> tuple[int, int]:
    n = scenario.run.replications if replications is None else replications
    s = scenario.run.seed if seed is None else seed
    if n < 1:
        raise UserError(Problem("at least 1 world is needed", key="replications", found=str(n), expected="1 or more"))
    if not 0 <= s < 2**63:
        raise UserError(Problem("the seed is out of range", key="seed", found=str(s), expected="0 to 2^63 - 1"))
    refuse_too_many(n, scenario)
    return n, s


def refuse_what_cannot_run(scenario: "Scenario", replications: int, seed: int, threads: int | None = None) -> None:
    """What `simulate` would refuse of the first world's parameters: for work that lives other scenarios before it."""
    n, seed = _checked(scenario, replications, seed)
    room = first_room(scenario, lower(scenario, Rows(seed, np.arange(1))))
    refuse_too_large(scenario, room, threads or processors(), n)


def simulate(
    scenario: "Scenario",
    replications: int | None = None,
    seed: int | None = None,
    threads: int | None = None,
    events: int | None = None,
    audit: bool = False,
    progress: Progress | None = None,
    overrides: Mapping[str, float | NDArray[np.float64]] | None = None,
    first_look: Callable[["Result"], None] | None = None,
) -> "Result":
    """Run a scenario.

    replications, seed, events (replications whose event logs are kept): the scenario's own where None.
    audit: check the accounts in every quarter of every replication; RunError names the identity that fails.
    first_look: called once with the metrics of the first FIRST_LOOK worlds, where at least twice as many are wanted;
    they are the same in the whole result, for a world depends on no other.
    Returns a Result: metrics float64[metric, replication, quarter], event logs, scored facts, manifest.
    Raises UserError where the input cannot be run.
    """
    from sim.result import Result

    began = time.perf_counter()
    n, seed = _checked(scenario, replications, seed)
    events = min(n, scenario.run.events if events is None else max(0, events))
    threads = processors() if threads is None else max(1, threads)
    rows = Rows(seed, np.arange(n), overrides)
    rules = lower(scenario, rows)
    worlds = Worlds(scenario, rules, seed, audit)
    refuse_too_large(scenario, worlds.room, threads, n)
    quarters = scenario.zone.quarters
    values = np.empty((n, len(scenario.metrics), quarters))
    kept: list[Replication | None] = [None] * events
    worst = np.zeros(n)
    broken = np.zeros(n, np.int64)
    lived = np.zeros(n)
    books: list[dict[str, dict[str, float]]] = [{}] * n

    def work(r: int) -> None:
        world = worlds.live(r, r, events=r < events)
        values[r] = world.metrics
        lived[r] = np.nansum(world.metrics[0])
        worst[r] = world.tally.money[Cash.WORST]
        broken[r] = world.tally.counts[Count.BROKEN]
        books[r] = _books(scenario, world)
        if r < events:
            kept[r] = _kept(world, r)

    looked = FIRST_LOOK if first_look is not None and n >= 2 * FIRST_LOOK else 0
    if first_look is not None and looked:
        run_in_threads(work, looked, threads, progress and (lambda done, _: progress(done, n)), worlds)
        wall = time.perf_counter() - began
        about = manifest_of(scenario, looked, seed, threads, wall, float(lived.sum()))
        metrics = np.ascontiguousarray(values[:looked].transpose(1, 0, 2))
        first_look(Result(scenario.metrics, quarter_names(scenario), metrics, {}, [], about))
    run_in_threads(
        lambda r: work(looked + r),
        n - looked,
        threads,
        progress and (lambda done, _: progress(looked + done, n)),
        worlds,
    )
    if audit:
        _raise_if_broken(worst, broken)
    wall = time.perf_counter() - began
    from sim.scoring import score_facts

    manifest = manifest_of(scenario, n, seed, threads, wall, float(lived.sum()))
    if any(books):
        manifest["books"] = _by_world(books)
    if audit:
        manifest["audit"] = {"worst_relative_residual": float(worst.max()), "replications": n, "quarters": quarters}
    logs = Logs(scenario, [k for k in kept if k is not None])
    result = Result(
        metrics=scenario.metrics,
        quarters=quarter_names(scenario),
        values=np.ascontiguousarray(values.transpose(1, 0, 2)),
        samples=logs,
        facts=[],
        manifest=manifest,
    )
    result.facts = score_facts(scenario, result)
    from sim.analysis.returns import fund_table, named_paths, rules_kept, undefined_rates

    if events:
        table = partial(fund_table, result, scenario.report.index_growth.value)
        logs.later.update(fund_table=table, each_fund=partial(table, each=True))
    manifest["named"] = [asdict(path) for path in named_paths(scenario, result)]
    manifest["undefined_rates"] = undefined_rates(result)
    manifest["rule_pack"] = rules_kept(scenario, result)
    return result


def _raise_if_broken(worst: Floats, broken: NDArray[np.int64]) -> None:
    from sim.accounts import IDENTITIES, TOLERANCE

    r = int(np.nanargmax(np.where(np.isnan(worst), np.inf, worst)))
    if not worst[r] <= TOLERANCE:
        raise RunError(
            f"the accounts do not close: world {r}, identity {int(broken[r])} "
            f"({IDENTITIES.get(int(broken[r]), '?')}), relative residual {worst[r]:.3g} above {TOLERANCE:.0e}"
        )


def simulate_samples(
    scenario: "Scenario",
    overrides: Mapping[str, NDArray[np.float64]],
    replications: int,
    seed: int,
    threads: int | None = None,
    metrics: Sequence[str] | None = None,
    quarters: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Floats:
    """Samples of parameters x replications: float64[S, R, metric, quarter].

    overrides: path -> S values. Every sample meets the same draws (common random numbers).
    """
    n, seed = _checked(scenario, replications, seed)
    threads = processors() if threads is None else max(1, threads)
    names = [m.name for m in scenario.metrics]
    wanted = list(range(len(names))) if metrics is None else [names.index(m) for m in metrics]
    times = quarter_names(scenario)
    when = list(range(len(times))) if quarters is None else [times.index(q) for q in quarters]
    samples = max((len(v) for v in overrides.values()), default=1)
    rows = Rows(
        seed, np.tile(np.arange(n), samples), {p: np.repeat(np.asarray(v, float), n) for p, v in overrides.items()}
    )
    rules = lower(scenario, rows)
    unused = sorted(set(overrides) - rows.used)
    if unused:
        raise UserError([Problem("no rule reads this parameter, so it cannot be varied", key=path) for path in unused])
    worlds = Worlds(scenario, rules, seed)
    refuse_too_large(scenario, worlds.room, threads, 1)
    out = np.empty((samples * n, len(wanted), len(when)))

    def work(i: int) -> None:
        world = worlds.live(i, i % n)
        out[i] = world.metrics[np.ix_(wanted, when)]

    run_in_threads(work, samples * n, threads, progress, worlds)
    return out.reshape(samples, n, len(wanted), len(when))


def quarter_names(scenario: "Scenario") -> list[str]:
    """Names of the quarters reported, start and end included."""
    from sim.quantities import quarter_name

    return [quarter_name(q) for q in range(int(scenario.zone.start), int(scenario.zone.end) + 1)]


_TERMS = ("seniority", "participating", "anti_dilution", "redeemable")  # of a round's class, as whole numbers
_LOGS: dict[str, tuple[str, ...]] = {
    "rounds": (
        "quarter",
        "cohort",
        "index",
        "stage",
        "pre_money",
        "post_money",
        "amount",
        "price",
        "funds",
        "lead",
        "previous_post_money",
        "round",
        "from_others",
        "named",
        "preference",
        "seniority",
        "participating",
        "anti_dilution",
        "redeemable",
        "raised_before",
        "fair_value",
        "revenue",
    ),
    "flows": (
        "quarter",
        "fund",
        "group",
        "commitment",
        "called",
        "distributed",
        "nav",
        "fees",
        "carry",
        "invested",
        "opened",
        "nav_fair",
        "expenses",
        "paid_before",
        "back_before",
    ),
    "exits": (
        "quarter",
        "cohort",
        "index",
        "way",
        "proceeds",
        "to_funds",
        "last_post_money",
        "raised",
        "rounds",
        "named",
    ),
    "levels": ("quarter", "cohort", "index", "level", "what", "spare"),
}


def firm_name(scenario: "Scenario", cohort: int, index: int) -> str:
    """A firm's identity as people write it: entry quarter, source and number, e.g. 2021Q3-o-17; named firms by id."""
    from sim.quantities import quarter_name

    source = cohort % 4
    if source == Source.NAMED and index < len(scenario.named):
        return scenario.named[index].id
    entry = cohort // 4 - 1
    when = "start" if entry < 0 else quarter_name(int(scenario.zone.start) + entry)
    return f"{when}-{'oian'[source]}-{index}"


class Logs(Mapping[str, dict[str, NDArray]]):
    """The event tables of the logged worlds, named and labelled when the first of them is asked for, and the tables
    `later` that are worked out of them, each when it is asked for: a summary needs none of them."""

    def __init__(self, scenario: "Scenario", kept: Sequence[Replication]) -> None:
        self._scenario, self._kept = scenario, kept
        self.later: dict[str, Callable[[], dict[str, NDArray]]] = {}
        self._known: dict[str, dict[str, NDArray]] = {}

    def __getitem__(self, name: str) -> dict[str, NDArray]:
        if name not in self._known:
            later = self.later.get(name)
            self._known[name] = later() if later else _decoded(self._scenario, self._kept, name)
        return self._known[name]

    def coded(self, name: str) -> dict[str, Column]:
        """A table for writing: its texts may be coded; those of a long log are put together by whoever reads it."""
        if name in self._known or name in self.later:
            return dict(self[name])
        return _table(self._scenario, self._kept, name)

    def __iter__(self) -> Iterator[str]:
        return iter((*_LOGS, "multiples", *self.later))

    def __len__(self) -> int:
        return len(_LOGS) + 1 + len(self.later)


def firm_names(scenario: "Scenario", cohort: NDArray[np.int64], index: NDArray[np.int64]) -> Coded:
    """`firm_name` for columns [event]: what entry and source say of it, and its number."""
    named = cohort % 4 == Source.NAMED
    present = np.zeros(cohort.max(initial=0) + 1, bool)
    present[cohort] = True
    code = (np.cumsum(present) - 1)[cohort]
    texts = [firm_name(scenario, int(c), 0).removesuffix("0") for c in np.flatnonzero(present)]
    number = np.where(named, -1, index)
    addresses, whose = np.unique((cohort[named] << 32) | index[named], return_inverse=True)
    code[named] = len(texts) + whose
    texts += [firm_name(scenario, int(a >> 32), int(a & 0xFFFFFFFF)) for a in addresses]
    return Coded(np.array(texts, dtype="U24"), code, number)


def _samples(scenario: "Scenario", kept: Sequence[Replication]) -> dict[str, dict[str, NDArray]]:
    return {name: _decoded(scenario, kept, name) for name in (*_LOGS, "multiples")}


def _decoded(scenario: "Scenario", kept: Sequence[Replication], name: str) -> dict[str, NDArray]:
    return {column: plain(x) for column, x in _table(scenario, kept, name).items()}


def _table(scenario: "Scenario", kept: Sequence[Replication], name: str) -> dict[str, Column]:
    """One event table of the logged worlds, by column."""
    from sim.quantities import quarter_name

    tables = [getattr(k, name) for k in kept]
    number = np.repeat([k.number for k in kept], [len(t) for t in tables]).astype(int)
    if name == "multiples":
        return {"replication": number, "multiple": np.concatenate(tables) if kept else np.zeros(0)}
    columns, classes = _LOGS[name], scenario.ordered_funds()
    texts = {
        "quarter": np.array(quarter_names(scenario)),
        "stage": np.array(["none", *STAGE_NAMES]),
        "group": np.array([c.id for c in classes] or [""]),
        "way": np.array(["-", "sale", "liquidation", "listing"]),
        "level": np.array(LevelIndex(scenario).names or [""]),
    }
    whole = np.concatenate(tables) if tables else np.zeros((0, len(columns)))
    table: dict[str, Column] = {"replication": number}
    for j, column in enumerate(columns):
        x = whole[:, j]
        if column in texts:
            table["class" if column == "group" else column] = Coded(texts[column], x.astype(int))
        elif column in ("cohort", "spare"):
            continue
        elif column == "index":
            table["firm"] = firm_names(scenario, whole[:, columns.index("cohort")].astype(int), x.astype(int))
        elif column == "opened":  # the first close, before the start too, and its year
            opened = int(scenario.zone.start) + x.astype(int)
            first = int(opened.min()) if len(opened) else int(scenario.zone.start)
            names = [quarter_name(q) for q in range(first, int(opened.max(initial=first)) + 1)]
            table["opened"] = Coded(np.array(names), opened - first)
            table["vintage"] = opened // 4
            rest = np.array([c.kind == "market" and c.books is None and c.pacing is None for c in classes] or [False])
            group = whole[:, columns.index("group")].astype(int)
            table["partial"] = (rest[group] & (x < 0)).astype(int)
        elif column in ("funds", "lead", "round", "rounds", "named", "fund", "what", *_TERMS):
            table[column] = x.astype(int)
        else:
            table[column] = x
    return table


def made_with() -> dict[str, str]:
    """Versions of the program and of what its numbers depend on, as every manifest has them."""
    import numba
    import numpy

    from sim import __version__

    return {
        "program": "headwater",
        "version": __version__,
        "kernel": compiled.digest_of_sources(),
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "numba": numba.__version__,
        "machine": platform.machine(),
    }


def manifest_of(
    scenario: "Scenario", n: int, seed: int, threads: int, wall: float, firm_quarters: float
) -> dict[str, Any]:
    """What is needed to do the run again, and what it took."""
    from sim.quantities import quarter_name
    from sim.scenario import doubt
    from sim.scenario.loading import grade_shares

    return {
        **made_with(),
        "scenario": str(getattr(scenario, "_path", "") or ""),
        "zone": {"zh": scenario.zone.name.zh, "en": scenario.zone.name.en},
        "today": quarter_name(int(scenario.zone.today)) if scenario.zone.today is not None else None,
        "scenario_fingerprint": getattr(scenario, "_fingerprint", None),
        "scenario_text": dict(getattr(scenario, "_text_of_files", {}) or {}),
        "overrides": [str(x) for x in (getattr(scenario, "_overrides", ()) or ())],
        "replications": n,
        "seed": seed,
        "threads": threads,
        "wall_seconds": round(wall, 3),
        "firm_quarters": firm_quarters,
        "ns_per_firm_quarter": round(wall * 1e9 / max(1.0, firm_quarters), 2),
        "parameters_by_grade": grade_shares(scenario),
        "doubt_by_grade": doubt.counts(scenario),
        "multiple_marked": scenario.report.multiple.value,
    }


def warm() -> bool:
    """Compile the kernel (half a minute to one, once for a version of the sources). Returns whether it already was."""
    from pathlib import Path

    from sim.scenario import load_scenario

    path = Path(__file__).parent.parent / "scenarios" / "xian.toml"
    small = ["firms.initial.count=50", "firms.entry.organic.per_year=5", 'zone.end="2020Q4"']
    was = WARM
    simulate(load_scenario(path, small), replications=1, threads=1, events=0)
    compiled.forget_old_versions()
    return was
