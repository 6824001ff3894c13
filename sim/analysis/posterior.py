"""A calibrated posterior in a run: each replication lives under its own draw of the parameters.

So bands hold the doubt in the fitted parameters as well as chance; how much is whose is told by a crossed design, some
draws times some common replications (law of total variance, as sweeps have it). What is called chance there includes
the scenario's other distributions.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim import store
from sim.analysis.calibrate import KIND
from sim.analysis.model import ZoneModel, refuse
from sim.errors import Problem, UserError

if TYPE_CHECKING:
    from sim.scenario.document import Scenario

ROWS, COMMON = 16, 8  # of the crossed design: draws of parameters, replications


@dataclass(frozen=True)
class Posterior:
    """`values`: float64[draws, parameters], base units."""

    folder: str
    paths: list[str]
    values: np.ndarray
    command: list[str] = field(default_factory=list)  # what calibrated; empty in a folder of an earlier version

    @classmethod
    def load(cls, folder: str | Path, scenario: Scenario) -> Posterior:
        """Refused where the folder holds no calibration, or one of parameters that this scenario lacks or forbids."""
        from sim.scenario.loading import find_quantity, with_overrides

        folder = Path(folder)
        marker, table = folder / store.MANIFEST, folder / "posterior.csv"
        about: dict[str, Any] = json.loads(marker.read_text(encoding="utf-8")) if marker.exists() else {"kind": None}
        kind = about.get("kind", "run")
        if kind != KIND or not table.exists():
            found = "nothing" if kind is None else "a calibration that did not end" if kind == KIND else str(kind)
            expected = "a folder that `calibrate` has written"
            raise refuse("no posterior is there", file=str(folder), key="--posterior", found=found, expected=expected)
        with open(table, encoding="utf-8", newline="") as file:
            header, *lines = list(csv.reader(file))
        problems: list[Problem] = []
        values = np.zeros((len(lines), len(header)))
        for number, line in enumerate(lines):
            try:
                values[number] = [float(cell) for cell in line]
            except ValueError:
                message = "a line of the posterior is no row of numbers"
                problems.append(Problem(message, str(table), number + 2, found=",".join(line)[:60]))
        if not lines:
            problems.append(Problem("the posterior has no draws", str(table)))
        for k, path in enumerate(header):
            try:
                find_quantity(scenario, path)
                for end in (values[:, k].min(), values[:, k].max()) if lines and not problems else ():
                    with_overrides(scenario, {path: float(end)})
            except UserError as error:
                problems += [
                    Problem(p.message, str(table), 1, path, p.found, p.expected, p.nearest) for p in error.problems
                ]
        if problems:
            raise UserError(problems)
        return cls(str(folder), header, values, about.get("command", []))

    def rows(self, seed: int, replications: int) -> dict[str, np.ndarray]:
        """path -> float64[replications]; one more replication changes none before it."""
        draws = np.random.Generator(np.random.Philox(key=[seed, 0x706F7374])).random(replications)
        chosen = self.values[np.minimum((draws * len(self.values)).astype(int), len(self.values) - 1)]
        return {path: chosen[:, k].copy() for k, path in enumerate(self.paths)}

    def split(
        self,
        scenario: Scenario,
        seed: int,
        threads: int | None = None,
        targets: tuple[str, ...] = (),
        progress: Callable[[int, int], None] | None = None,
    ) -> dict[str, dict[str, float]]:
        """output -> shares of its variance by parameters, by chance and by both acting together.

        Key metrics at the last quarter where no targets are named. The estimate rests on 16 draws and 8 replications:
        it tells a tenth from a half, not a tenth from a fifth.
        """
        from sim.analysis.work import evaluate

        model = ZoneModel.of(scenario, targets)
        design = self.values[np.linspace(0, len(self.values) - 1, ROWS).round().astype(int)]
        found = evaluate(model, self.paths, design, COMMON, seed, progress=progress)
        out = {}
        for output, split in zip(model.outputs, found.split(np.arange(ROWS)), strict=True):
            if np.isfinite(split.total) and split.total > 0:
                parts = {"parameters": split.parameters, "chance": split.chance, "both": split.both}
                out[output] = {name: float(part / split.total) for name, part in parts.items()}
        return out


def table(split: Mapping[str, Mapping[str, float]], label: Callable[[str], str], lang: str) -> str:
    from sim.analysis.text import layout, say, word

    header = [word("metric", lang), *(word(key, lang) for key in ("by_parameters", "by_chance", "by_both"))]
    rows = [[label(output), *(f"{part:.0%}" for part in parts.values())] for output, parts in split.items()]
    return (
        say(lang, "方差来源（后验参数与随机）", "variance comes from (posterior of parameters, chance)")
        + "\n"
        + layout(header, rows)
    )


def record(posterior: Posterior, rows: Mapping[str, np.ndarray], split: Any) -> dict[str, Any]:
    """What a run's manifest keeps, so that it can be done again and one firm traced without the folder."""
    return {
        "folder": posterior.folder,
        "command": posterior.command,
        "rows": {path: values.tolist() for path, values in rows.items()},
        "variance": split,
    }
