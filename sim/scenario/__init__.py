"""Scenario files: `load_scenario` reads, merges and validates one."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.scenario.document import Scenario


def load_scenario(path: str | Path, overrides: Iterable[str] = ()) -> "Scenario":
    """A validated scenario from a TOML file. overrides: PATH=VALUE texts, as on the command line.

    Raises UserError with every problem found, each with file, line and key.
    """
    from sim.scenario.document import Scenario
    from sim.scenario.loading import load

    return load(Scenario, path, overrides)
