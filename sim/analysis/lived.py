"""Worlds that several published cases read, lived once.

Cases that name one scenario and seed look at the same worlds: what differs is what they read of them, how far, and in
how many. Within `shared` the most that any of them asks for is lived when the first comes, and kept until the last has
read it; outside of it nothing is kept.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sim.result import Result
    from sim.scenario.document import Scenario

_asked: dict[tuple[str, int], list[int]] = {}  # by fingerprint and seed: worlds that cases still to come ask for
_kept: "dict[tuple[str, int], Result]" = {}
_loaded: "dict[Path, Scenario] | None" = None


@dataclass(frozen=True)
class Lived:
    """The first `worlds` of a result, with their event logs."""

    result: "Result"
    worlds: int

    def __getitem__(self, metric: str) -> np.ndarray:
        return self.result[metric][: self.worlds]

    def log(self, name: str) -> Mapping[str, np.ndarray]:
        table = self.result.samples[name]
        if self.worlds >= self.result.replications:
            return table
        mine = table["replication"] < self.worlds
        return {column: x[mine] for column, x in table.items()}


def loaded(path: Path) -> "Scenario":
    from sim.scenario import load_scenario

    if _loaded is None:
        return load_scenario(path)
    if path not in _loaded:
        _loaded[path] = load_scenario(path)
    return _loaded[path]


def _key(scenario: "Scenario", seed: int) -> tuple[str, int]:
    from sim.analysis.model import fingerprint_of

    return fingerprint_of(scenario), seed


def lived(scenario: "Scenario", worlds: int, seed: int) -> Lived:
    """The first `worlds` worlds of a scenario: one world more changes no earlier one."""
    from sim.ensemble import simulate

    key = _key(scenario, seed)
    others = _asked.get(key, [])
    if worlds in others:
        others.remove(worlds)
    result = _kept.pop(key, None)
    if result is None or result.replications < worlds:
        most = max([worlds, *others])
        result = simulate(scenario, replications=most, seed=seed, events=most)
    if others:
        _kept[key] = result
    return Lived(result, worlds)


@contextmanager
def shared(asked: Iterable[tuple[Path, int, int]]) -> Iterator[None]:
    """asked: scenario file, worlds and seed of each case that is about to be computed."""
    global _loaded
    _loaded = {}
    try:
        for path, worlds, seed in asked:
            _asked.setdefault(_key(loaded(path), seed), []).append(worlds)
        yield
    finally:
        _loaded = None
        _asked.clear()
        _kept.clear()
