"""Small worlds of some kinds of scenario, their numbers kept in a file: run by test_determinism.py for a processor that
fuses nothing and has short vectors, which is what NUMBA_CPU_NAME=generic compiles for."""

import sys

import numpy as np

from sim.ensemble import simulate
from sim.scenario import load_scenario
from tests import every_kind_of_scenario

NAMES = ("xian", "tianjin", "us")
REPLICATIONS, SEED = 3, 11


def worlds(name: str) -> np.ndarray:
    """float64[metric, replication, quarter]"""
    entry = [f"firms.entry.{each}" for each in every_kind_of_scenario.KINDS[name]]
    scenario = load_scenario(f"scenarios/{name}.toml", [*every_kind_of_scenario.SMALL, *entry])
    return simulate(scenario, REPLICATIONS, SEED, threads=1, events=0).values


if __name__ == "__main__":
    np.savez(sys.argv[1], **{name: worlds(name) for name in NAMES})
