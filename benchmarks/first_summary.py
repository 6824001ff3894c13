"""How long a person waits for the first summary, part by part, in fresh processes.

Parts in the order in which `run` meets them; the median over several processes, the compile cache warm.
"""

import argparse
import statistics
import subprocess
import sys

PARTS = """
import time
marks = [("start", time.perf_counter())]
def mark(name):
    marks.append((name, time.perf_counter()))
from sim.scenario.document import Scenario
mark("import of the scenario language")
from sim.scenario import load_scenario
scenario = load_scenario({scenario!r})
mark("reading and checking the scenario")
import numpy as np
from sim import ensemble
from sim.model.rows import Rows
from sim.model.rules import lower
mark("import of the kernel's modules and numba")
rules = lower(scenario, Rows(1, np.arange({worlds}), None))
mark("parameters drawn and lowered")
worlds = ensemble.Worlds(scenario, rules, 1)
worlds.live(0, 0)
mark("kernel read from the cache, first world")
result = ensemble.simulate(scenario, {worlds}, 1)
mark("{worlds} worlds and scoring")
from sim.printing import summary
summary(result, "en")
mark("summary written")
for (_, before), (name, now) in zip(marks, marks[1:]):
    print(f"{{now - before:.4f}}|{{name}}")
"""


def main(scenario: str, worlds: int, rounds: int) -> float:
    taken: dict[str, list[float]] = {}
    for _ in range(rounds):
        code = PARTS.format(scenario=scenario, worlds=worlds)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        for line in done.stdout.splitlines():
            seconds, name = line.split("|")
            taken.setdefault(name, []).append(float(seconds))
    total = 0.0
    for name, seconds in taken.items():
        total += statistics.median(seconds)
        print(f"{statistics.median(seconds):6.2f} s  {name}")
    print(f"{total:6.2f} s  in all")
    return total


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", nargs="?", default="scenarios/xian.toml")
    parser.add_argument("--worlds", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    main(asked.scenario, asked.worlds, asked.rounds)
