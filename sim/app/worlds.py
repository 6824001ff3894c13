"""Replications lived once and kept, by threads that keep a warm world each; what is asked for last is done first.

A `Case` is a scenario with some levers set; its replication r has the seed and the draws of the baseline's replication
r, so the two are paired. Threads take the most urgent work: the reader's own before what is filled in the background,
newer before older. Work that nobody waits for any more is dropped between two worlds.
"""

from __future__ import annotations

import contextlib
import heapq
import os
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.app.levers import Control, controls_of
from sim.ensemble import Worlds, refuse_too_large
from sim.memory import processors
from sim.model.rows import Column, Rows
from sim.model.rules import lower

if TYPE_CHECKING:
    from sim.result import Result
    from sim.scenario.document import Scenario
    from sim.scenario.fields import Quantity

NOW, LATER = 0, 1  # urgency
KEPT_CASES = 6  # of a scenario, the baseline apart; about 7 MB each at 100 replications of the reference scenario
KEPT_BENCHES = 3
MOST_REPLICATIONS = 400


class Cancelled(Exception):
    """Nobody waits for this work any more."""


class Crew:
    """Threads that do the most urgent work first, and of equally urgent work the newest."""

    def __init__(self, threads: int | None = None) -> None:
        self.threads = processors() if threads is None else threads
        self._waiting: list[tuple[int, int, Callable[[], None]]] = []
        self._number = 0
        self._ready = threading.Condition()
        self._over = False
        for k in range(self.threads):
            threading.Thread(target=self._work, name=f"world-{k}", daemon=True).start()

    def give(self, urgency: int, batch: int, work: Callable[[], None]) -> None:
        """batch: a higher one goes first; within a batch, in the order given."""
        with self._ready:
            self._number += 1
            heapq.heappush(self._waiting, (urgency, -batch, self._number, work))  # type: ignore[arg-type]
            self._ready.notify()

    def stop(self) -> None:
        with self._ready:
            self._over = True
            self._waiting.clear()
            self._ready.notify_all()

    def _work(self) -> None:
        if (
            sys.platform == "linux"
        ):  # there a thread has its own priority: the page's drawing goes before the next worlds
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), os.getpriority(os.PRIO_PROCESS, 0) + 5)
        while True:
            with self._ready:
                while not self._waiting and not self._over:
                    self._ready.wait()
                if self._over:
                    return
                work: Any = heapq.heappop(self._waiting)[-1]
            work()


class KnownRows(Rows):
    """Rows that remember every column that no lever replaces: a lever's new position draws nothing again."""

    def __init__(
        self,
        seed: int,
        replications: np.ndarray,
        overrides: Mapping[str, Column | float] | None,
        known: dict[str, Column],
    ) -> None:
        super().__init__(seed, replications, overrides)
        self._known = known

    def __call__(self, quantity: Quantity) -> Column:
        path = quantity.path
        if path in self.overrides:
            return super().__call__(quantity)
        if path not in self._known:
            self._known[path] = super().__call__(quantity)
        return self._known[path]


class WarmWorlds(Worlds):
    """Worlds that live in the columns of another case's: each thread builds them once."""

    def share(self, other: Worlds) -> None:
        self._own = other._own
        self.room = type(self.room)(*(max(a, b) for a, b in zip(self.room, other.room, strict=True)))


class Case:
    """`values`: float64[replication, metric, quarter]; a row means something once `lived` says so."""

    def __init__(
        self,
        scenario: Scenario,
        settings: Mapping[str, float],
        replications: int,
        seed: int,
        known: dict[str, Column],
        like: Case | None = None,
    ) -> None:
        self.scenario, self.settings, self.replications, self.seed = scenario, dict(settings), replications, seed
        rows = KnownRows(seed, np.arange(replications), settings, known)
        rules = lower(scenario, rows)
        self.unread = [path for path in settings if path not in rows.used]
        self.worlds = WarmWorlds(scenario, rules, seed)
        if like is not None:
            self.worlds.share(like.worlds)
        refuse_too_large(scenario, self.worlds.room, processors(), replications * (KEPT_CASES + 1))
        self.values = np.empty((replications, len(scenario.metrics), scenario.zone.quarters))
        self.lived = np.zeros(replications, dtype=bool)
        self.seconds = 0.0  # of one world, lately
        self.dropped = threading.Event()
        self.facts: list[dict[str, Any]] | None = None  # of a whole baseline, scored
        self._claimed = np.zeros(replications, dtype=bool)
        self._changed = threading.Condition()
        self._error: BaseException | None = None

    def fill(self, crew: Crew, first: int, until: int, urgency: int, stop: threading.Event) -> None:
        """Returns when replications first … until − 1 are lived. Raises Cancelled once `stop` is set."""
        with self._changed:
            missing = [r for r in range(first, until) if not self.lived[r]]
        batch = time.monotonic_ns()
        for r in missing:
            crew.give(urgency, batch, self._task(r, stop))
        with self._changed:
            while not self.lived[first:until].all():
                if stop.is_set():
                    raise Cancelled
                if self._error is not None:
                    raise self._error
                self._changed.wait(0.05)
        if stop.is_set():
            raise Cancelled

    def fill_later(self, crew: Crew) -> None:
        """Everything else in the background, until the case is dropped."""
        batch = time.monotonic_ns()
        for r in np.flatnonzero(~self.lived):
            crew.give(LATER, batch, self._task(int(r), self.dropped))

    def take(self, other: Case) -> None:
        """What another length of the same case has lived is the same to the bit."""
        n = min(other.whole(), self.replications)
        self.values[:n], self.lived[:n], self._claimed[:n] = other.values[:n], True, True

    def _task(self, r: int, stop: threading.Event) -> Callable[[], None]:
        def live() -> None:
            with self._changed:
                if stop.is_set() or self._claimed[r]:
                    return
                self._claimed[r] = True
            try:
                begun = time.perf_counter()
                self.values[r] = self.worlds.live(r, r).metrics
                self.seconds = time.perf_counter() - begun
            except BaseException as error:
                with self._changed:
                    self._error = error
                    self._changed.notify_all()
                return
            with self._changed:
                self.lived[r] = True
                self._changed.notify_all()

        return live

    def whole(self, most: int | None = None) -> int:
        """How many replications, from the first on, are lived."""
        lived = self.lived if most is None else self.lived[:most]
        return int(len(lived) if lived.all() else lived.argmin())

    def result(self, metrics: list[int], replications: int) -> Result:
        """The first replications of some metrics as a Result, for the measures to read."""
        from sim.ensemble import quarter_names
        from sim.result import Result

        values = np.ascontiguousarray(self.values[:replications, metrics].transpose(1, 0, 2))
        about = {"seed": self.seed, "replications": replications}
        declared = [self.scenario.metrics[k] for k in metrics]
        return Result(declared, quarter_names(self.scenario), values, manifest=about)


class Bench:
    """One scenario opened: its levers, its baseline, the cases tried lately."""

    def __init__(self, scenario: Scenario, crew: Crew) -> None:
        self.scenario, self.crew = scenario, crew
        self.controls: list[Control]
        self.controls, self.lost_levers = controls_of(scenario)
        self.seed = scenario.run.seed
        self.usual = min(MOST_REPLICATIONS, scenario.run.replications)
        self.metric_number = {metric.name: k for k, metric in enumerate(scenario.metrics)}
        self._known: dict[int, dict[str, Column]] = {}
        self._baselines: dict[int, Case] = {}
        self._cases: OrderedDict[tuple[Any, ...], Case] = OrderedDict()
        self._lock = threading.Lock()
        self._files = {Path(name): _stamp(Path(name)) for name in scenario._text_of_files}

    def is_stale(self) -> bool:
        """Whether the scenario's file, or one that it extends, has changed since."""
        return any(_stamp(path) != stamp for path, stamp in self._files.items())

    def close(self) -> None:
        for case in self._baselines.values():
            case.dropped.set()

    def baseline(self, replications: int) -> Case:
        """Lived further in the background from the moment it is first asked for."""
        with self._lock:
            case = self._baselines.get(replications)
            if case is not None:
                return case
            case = Case(self.scenario, {}, replications, self.seed, self._known.setdefault(replications, {}))
            for other in self._baselines.values():
                other.dropped.set()
                case.take(other)
            self._baselines = {replications: case}
        case.fill_later(self.crew)
        return case

    def case(self, settings: Mapping[str, float], replications: int) -> Case:
        if not settings:
            return self.baseline(replications)
        like = self.baseline(replications)
        key = (replications, *sorted(settings.items()))
        with self._lock:
            if key in self._cases:
                self._cases.move_to_end(key)
                return self._cases[key]
            case = Case(self.scenario, settings, replications, self.seed, self._known[replications], like)
            self._cases[key] = case
            while len(self._cases) > KEPT_CASES:
                self._cases.popitem(last=False)
            return case


class Workshop:
    """The benches of the scenarios opened lately, and the crew that they share."""

    def __init__(self, threads: int | None = None) -> None:
        self.crew = Crew(threads)
        self._benches: OrderedDict[Path, Bench] = OrderedDict()
        self._lock = threading.Lock()

    def bench(self, path: Path) -> Bench:
        """The scenario of a file, loaded again where the file changed. Raises UserError where it is not valid."""
        from sim.scenario import load_scenario

        with self._lock:
            bench = self._benches.pop(path, None)
            if bench is None or bench.is_stale():
                if bench is not None:
                    bench.close()
                bench = Bench(load_scenario(path), self.crew)
            self._benches[path] = bench
            while len(self._benches) > KEPT_BENCHES:
                self._benches.popitem(last=False)[1].close()
            return bench

    def close(self) -> None:
        self.crew.stop()


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return found.st_mtime_ns, found.st_size
