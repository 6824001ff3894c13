"""Worlds that several published cases read, lived once.

Cases that name one scenario and seed look at the same worlds: what differs is what they read of them, how far, in how
many, and whether they read the log. Within `shared` the most that any of them asks for is lived when the first comes,
and kept until the last has read it; outside of it nothing is kept.
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

_loaded: "dict[Path, Scenario] | None" = None


@dataclass(frozen=True)
class Need:
    """What a case reads: so many worlds, to the end of a quarter (None: the scenario's), with their event logs or
    without. A log takes some 60 MB a world of a large zone."""

    worlds: int
    until: int | None = None
    logged: bool = True


_asked: dict[tuple[str, int], list[Need]] = {}  # by fingerprint and seed: what cases still to come ask for
_kept: "dict[tuple[str, int], tuple[Result, Need]]" = {}


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


def _most(needs: list[Need]) -> Need:
    ends = [need.until for need in needs]
    return Need(
        max(need.worlds for need in needs),
        None if None in ends else max(end for end in ends if end is not None),
        any(need.logged for need in needs),
    )


def lived(scenario: "Scenario", need: Need, seed: int) -> Lived:
    """The first worlds of a scenario, as far as they are needed: neither one world more nor a longer run changes
    anything earlier."""
    from sim.ensemble import simulate

    key = _key(scenario, seed)
    others = _asked.get(key, [])
    if need in others:
        others.remove(need)
    result, has = _kept.pop(key, (None, need))
    if result is None or _most([need, has]) != has:
        has = _most([need, *others])
        result = simulate(_cut(scenario, has.until), has.worlds, seed=seed, events=has.worlds if has.logged else 0)
    if others:
        _kept[key] = result, has
    return Lived(result, need.worlds)


def _cut(scenario: "Scenario", until: int | None) -> "Scenario":
    """The scenario, ending with a quarter before its own end."""
    from sim.quantities import quarter_name
    from sim.scenario.loading import with_overrides

    if until is None or until >= int(scenario.zone.end):
        return scenario
    dates = {"zone.end": quarter_name(until)}
    if scenario.zone.today is not None and int(scenario.zone.today) > until:
        dates["zone.today"] = quarter_name(until)
    return with_overrides(scenario, dates)


@contextmanager
def shared(asked: "Iterable[tuple[Path | Scenario, Need, int]]") -> Iterator[None]:
    """asked: scenario or its file, what is needed of it and seed of each case that is about to be computed."""
    global _loaded
    _loaded = {}
    try:
        for said, need, seed in asked:
            scenario = loaded(said) if isinstance(said, Path) else said
            _asked.setdefault(_key(scenario, seed), []).append(need)
        yield
    finally:
        _loaded = None
        _asked.clear()
        _kept.clear()
