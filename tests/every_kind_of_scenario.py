"""Small worlds of every kind of scenario that is shipped: run by test_determinism.py where indices are checked.

Every access to an array is checked when NUMBA_BOUNDSCHECK=1 is set before numba is imported; without it an index out
of range gives a number that means nothing. Prints one line a scenario.
"""

import sys

from sim.ensemble import simulate
from sim.scenario import load_scenario

KINDS = {
    "xian": ("organic.per_year=120", "incubator.per_year=20"),
    "xian/double-fund": ("organic.per_year=120", "incubator.per_year=20"),
    "tianjin": ("organic.per_year=120",),
    "changsha": ("organic.per_year=120",),
    "wuxi": ("organic.per_year=120",),
    "xiamen": ("organic.per_year=120",),
    "china": ("organic.per_year=120",),
    "us": ("organic.per_year=120",),
}
SMALL = ("firms.initial.count=500",)


def main(replications: int) -> None:
    for kind, entry in KINDS.items():
        overrides = [*SMALL, *(f"firms.entry.{each}" for each in entry)]
        scenario = load_scenario(f"scenarios/{kind}.toml", overrides)
        result = simulate(scenario, replications, seed=7, threads=1, events=1, audit=True)
        print(f"{kind}: {result.manifest['firm_quarters']:.0f} firm-quarters", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
