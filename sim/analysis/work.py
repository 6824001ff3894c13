"""The one path of all many-sample work: a design is cut into blocks, each evaluated once, kept, and read in order."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from sim.analysis.journal import Journal, Memory, Shelf
from sim.analysis.model import Model, refuse

JOURNAL = "journal"
WORLDS_A_BLOCK = 400  # a block takes a second or two: little is lost by a kill, and writing it costs nothing beside it

REPORTED = 60  # numbers kept of a sample's worlds: six of each output, where there are ten

Progress = Callable[[int, int], None]


class Executor(Protocol):
    """Evaluates blocks somewhere and yields each as it is done, in any order."""

    def __call__(self, model: Model, blocks: Iterable[Block], replications: int, seed: int) -> Iterator[Done]: ...


@dataclass(frozen=True)
class Block:
    number: int
    samples: dict[str, np.ndarray]


Done = tuple[int, np.ndarray]


@dataclass(frozen=True)
class InProcess:
    """Blocks one after another; the simulator spreads a block's worlds over its own threads."""

    threads: int | None = None

    def __call__(self, model: Model, blocks: Iterable[Block], replications: int, seed: int) -> Iterator[Done]:
        for block in blocks:
            yield block.number, model.evaluate(block.samples, replications, seed, self.threads)


@dataclass
class Evaluated:
    """A design and its outputs, sample by sample; single replications are read again from the shelf when asked for.

    `design`: float64[S, parameters]; `mean`, `sd`, `p05`, `p50`, `p95`: float64[S, outputs] over replications;
    `defined`: int64[S, outputs] replications in which the output is no NaN.
    """

    paths: list[str]
    outputs: list[str]
    design: np.ndarray
    replications: int
    mean: np.ndarray
    sd: np.ndarray
    p05: np.ndarray
    p50: np.ndarray
    p95: np.ndarray
    defined: np.ndarray
    _blocks: list[np.ndarray]

    def split(self, rows: np.ndarray) -> list[VarianceSplit]:
        """Variance of the outputs by parameters and by chance over the samples `rows`, one split an output."""
        return [_split(self._values(rows, output)) for output in range(len(self.outputs))]

    def values(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """float64[len(rows), replications, outputs]"""
        step = self._blocks[0].shape[0] if self._blocks else 1
        return np.array([self._blocks[row // step][row % step] for row in rows])

    def _values(self, rows: np.ndarray, output: int) -> np.ndarray:
        step = self._blocks[0].shape[0]
        return np.array([self._blocks[row // step][row % step, :, output] for row in rows])


@dataclass(frozen=True)
class VarianceSplit:
    """Law of total variance on the crossed design samples × replications (common random numbers).

    `parameters`: variance of the mean world as parameters vary; `chance`: of the mean over parameters as chance varies;
    `both`: what is left, chance that acts differently under other parameters. Components of a two-way random-effects
    analysis of variance; a component whose estimate falls below 0 is 0.
    """

    parameters: float
    chance: float
    both: float

    @property
    def total(self) -> float:
        return self.parameters + self.chance + self.both

    def left(self, replications: int) -> float:
        """Indices share out the variance of means over replications: the part of it that is chance left in them."""
        left = self.both / replications
        return left / (self.parameters + left) if self.parameters + left > 0 else 0.0


def _split(y: np.ndarray) -> VarianceSplit:
    y = y[np.isfinite(y).all(axis=1)]
    s, r = y.shape
    if s < 2 or r < 2:
        return VarianceSplit(float(np.var(y.mean(axis=1), ddof=1)) if s > 1 and r == 1 else np.nan, np.nan, np.nan)
    y = y - y.mean()
    rows, columns = y.mean(axis=1), y.mean(axis=0)
    of_rows = r * np.sum(rows**2) / (s - 1)
    of_columns = s * np.sum(columns**2) / (r - 1)
    rest = np.sum((y - rows[:, None] - columns) ** 2) / ((s - 1) * (r - 1))
    return VarianceSplit(
        parameters=float(max(0.0, (of_rows - rest) / r)),
        chance=float(max(0.0, (of_columns - rest) / s)),
        both=float(rest),
    )


def header_for(
    kind: str, model: Model, settings: Mapping[str, Any], paths: Sequence[str], replications: int, seed: int
) -> dict[str, Any]:
    """All that a journal's numbers depend on."""
    return {
        "kind": kind,
        "scenario and program": model.fingerprint,
        "outputs": list(model.outputs),
        "parameters": list(paths),
        "replications": replications,
        "seed": seed,
        **settings,
    }


def origin(command: Sequence[str], *scenarios: Any) -> dict[str, Any]:
    """What a manifest needs so that its work can be done again: the words after `python run.py`, versions, and the text
    of every file that the scenarios were read from."""
    from sim.ensemble import made_with

    texts = {name: text for scenario in scenarios for name, text in scenario._text_of_files.items()}
    return made_with() | {"command": list(command), "scenario_text": texts}


def words_of(command: str, scenario: Any, **options: Any) -> list[str]:
    """The words of a command on a scenario, with what was set; an option that is None or empty is left out, one that is
    a list is repeated."""
    words = [command, scenario._path]
    for option, value in ({"set": scenario._overrides} | options).items():
        for each in [value] if isinstance(value, str | int | float) else value or ():
            words += [f"--{option.replace('_', '-')}", str(each)]
    return words


def evaluate(
    model: Model,
    paths: Sequence[str],
    design: np.ndarray,
    replications: int,
    seed: int,
    *,
    journal: Path | None = None,
    header: Mapping[str, Any] | None = None,
    resume: bool = False,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Evaluated:
    """`design`: float64[S, parameters], one row a sample.

    With a journal every finished block is on disk before the next is counted as done; the numbers returned are read
    from it block by block in order, so that an interrupted run and an uninterrupted one end in the same bits.
    """
    design = np.ascontiguousarray(design, dtype=np.float64)
    size = max(1, WORLDS_A_BLOCK // replications)
    count = -(-len(design) // size)
    shelf: Shelf
    if journal is None:
        shelf = Memory()
    else:
        shelf = Journal.open(journal, {**(header or {}), "samples a block": size, "design": _digest(design)}, resume)

    def rows(number: int) -> slice:
        return slice(number * size, min(len(design), (number + 1) * size))

    def blocks() -> Iterator[Block]:
        for number in range(count):
            if number not in shelf:
                yield Block(number, {path: design[rows(number), k].copy() for k, path in enumerate(paths)})

    def report(done: int) -> None:
        if progress is not None:
            progress(done, len(design))

    with closing(shelf):
        done = sum(len(design[rows(number)]) for number in range(count) if number in shelf)
        report(done)
        for number, values in (executor or InProcess())(model, blocks(), replications, seed):
            expected = (len(design[rows(number)]), replications, len(model.outputs))
            if values.shape != expected:
                raise ValueError(f"block {number}: the model gave shape {values.shape}, expected {expected}")
            shelf.append(number, values)
            done += len(values)
            report(done)
        return _reduced(model, paths, design, replications, shelf.blocks(count))


def claim(folder: Path, kind: str) -> Path:
    """The folder of long work, marked as this program's before the first block; others are left alone."""
    from sim import store

    folder = Path(folder).expanduser().resolve()
    store.clear_half_written(folder)
    marker = folder / store.MANIFEST
    if marker.exists() and store.is_result(folder):
        try:
            found = json.loads(marker.read_text(encoding="utf-8")).get("kind", "run")
        except ValueError:  # a torn manifest: the journal beside it, or none, says what the folder is
            found = kind if store.journals(folder) else "a damaged result"
        if found != kind:
            raise refuse("this folder holds another kind of result", file=str(folder), found=found, expected=kind)
        return folder
    if not store.journals(folder):
        store.refuse_foreign(folder)
    store.write_json(marker, {"program": store.PROGRAM, "kind": kind})
    return folder


def _digest(design: np.ndarray) -> str:
    return hashlib.sha256(design.astype("<f8").tobytes()).hexdigest()[:16]


def _reduced(
    model: Model, paths: Sequence[str], design: np.ndarray, replications: int, blocks: list[np.ndarray]
) -> Evaluated:
    shape = (len(design), len(model.outputs))
    mean, sd, p05, p50, p95 = (np.full(shape, np.nan) for _ in range(5))
    defined = np.zeros(shape, dtype=np.int64)
    start = 0
    for values in blocks:
        here = slice(start, start + len(values))
        start += len(values)
        finite = np.isfinite(values)
        defined[here] = finite.sum(axis=1)
        whole = finite.all(axis=1)
        with np.errstate(invalid="ignore"):  # columns that are not whole are done again below
            mean[here] = values.mean(axis=1)
            p05[here], p50[here], p95[here] = np.quantile(values, [0.05, 0.5, 0.95], axis=1)
            if replications > 1:
                sd[here] = values.std(axis=1, ddof=1)
        for s, k in np.argwhere(~whole):
            y, place = values[s, finite[s, :, k], k], (here.start + s, k)
            quantiles = np.quantile(y, [0.05, 0.5, 0.95]) if len(y) else np.full(3, np.nan)
            mean[place] = y.mean() if len(y) else np.nan
            p05[place], p50[place], p95[place] = quantiles
            sd[place] = y.std(ddof=1) if len(y) > 1 else np.nan
    return Evaluated(list(paths), list(model.outputs), design, replications, mean, sd, p05, p50, p95, defined, blocks)
