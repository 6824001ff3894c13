"""A small world that has lived, kept for tests of its accounts: they copy it and break it in one place."""

from __future__ import annotations

import copy
import tempfile
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from sim.ensemble import Worlds, lower
from sim.model.rows import Rows
from sim.model.world import Cash, Count
from sim.scenario import load_scenario
from tests.tiny import ROOT, SIXTY_FIRMS

ZONE = f"""
extends = "{ROOT}/scenarios/policies/grant-to-equity.toml"
facts = []
[zone]
end = "2022Q4"
today = "2021Q2"
{SIXTY_FIRMS}[[programmes]]
id = "grant_to_equity"
begins = "2020Q1"
holds = "1y"
outreach = 0.5
[[incubators]]
id = "house"
name = "house"
floor = 3000
rent = 40
charged = 0.5
revenue = "100万"
spread = 1.0
venture_share = 0.3
patience = "1y"
grade = "assumed"
source = "a test"
[incubators.kinds.desk]
name = "desk"
share = 0.5
area = 100
tenure = "2y"
initial = 5
[[incubators.sources]]
id = "open"
name = "open"
kind = "desk"
per_year = 40
"""
ROOMS = ("firms", "ventures", "holdings", "funds", "commitments", "ladder", "programmes", "incubators", "tally")


@cache
def lived() -> tuple[Any, Any]:
    """(rules, world) of one replication, its accounts audited as it went."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "zone.toml"
        path.write_text(ZONE, encoding="utf-8")
        scenario = load_scenario(path)
    worlds = Worlds(scenario, lower(scenario, Rows(5, np.arange(1))), 5, audit=True)
    return worlds.rules[0], worlds.live(0, 0)


def fresh() -> tuple[Any, SimpleNamespace]:
    """The rules and a copy of the world whose record of residuals is empty."""
    rules, world = lived()
    w = SimpleNamespace(**{room: copy.deepcopy(getattr(world, room)) for room in ROOMS})
    w.tally.money[Cash.WORST] = 0.0
    w.tally.counts[Count.BROKEN] = 0
    return rules, w
