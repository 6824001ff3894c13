"""What every peer shares: how it is started, what it is asked for, what it prints. Needs NumPy only.

`python -m benchmarks.peers.<name> RULES.json --replications N --seed S` prints one line of JSON: firm-quarters lived,
seconds of processor time, largest memory, and for every quantity the mean over replications and its standard error.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Lives = Callable[[dict[str, Any], int], dict[str, np.ndarray]]
STOCKS = ("alive", "output", "jobs", "post_money")  # of the last quarter
FLOWS = ("entered", "rounds", "raised")  # summed over the run
A, B, PRE_IPO = 3, 4, 7  # stages by number


def level_names(rules: dict[str, Any]) -> list[str]:
    return [level["name"] for level in rules["levels"]]


def quantities(rules: dict[str, Any], path: dict[str, np.ndarray]) -> dict[str, float]:
    """What is compared, from the series of one replication (name -> [quarter])."""
    out = {name: float(path[name][-1]) for name in (*STOCKS, *level_names(rules))}
    return out | {name: float(path[name].sum()) for name in FLOWS} | {"firm_quarters": float(path["alive"].sum())}


def means(rows: list[dict[str, float]]) -> dict[str, tuple[float, float]]:
    """Mean over replications and its standard error."""
    out = {}
    for name in rows[0]:
        x = np.array([row[name] for row in rows])
        out[name] = (float(x.mean()), float(x.std(ddof=1) / np.sqrt(len(x))) if len(x) > 1 else float("inf"))
    return out


def memory_mb() -> float:
    """Largest resident size of this process so far. Linux keeps it apart for a program that another one started; what
    getrusage gives there may be the parent's."""
    status = Path("/proc/self/status")
    if status.exists():
        peak = next((line for line in status.read_text().splitlines() if line.startswith("VmHWM")), "")
        if peak:
            return int(peak.split()[1]) / 2**10
    peak_size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak_size / 2**20 if sys.platform == "darwin" else peak_size / 2**10


def measure(live: Lives, rules: dict[str, Any], replications: int, seed: int, warm: bool = False) -> dict[str, Any]:
    """Live the replications one after another, in processor time: one core is one core on a busy machine too.

    warm: live one unmeasured first, for tools that compile."""
    empty = memory_mb()
    first = 0.0
    if warm:
        began = time.perf_counter()
        live(rules, seed)
        first = time.perf_counter() - began
    rows, seconds = [], 0.0
    for k in range(replications):
        began = time.process_time()
        path = live(rules, seed + 1 + k)
        seconds += time.process_time() - began
        rows.append(quantities(rules, path))
    lived = sum(row["firm_quarters"] for row in rows)
    return {
        "firm_quarters": lived,
        "seconds": seconds,
        "ns": 1e9 * seconds / lived,
        "first_seconds": first,
        "memory_mb": memory_mb(),
        "memory_before_mb": empty,
        "replications": replications,
        "means": means(rows),
    }


def main(live: Lives, version: str, warm: bool = False) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("rules", type=Path)
    parser.add_argument("--replications", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    rules = json.loads(asked.rules.read_text())
    print(json.dumps(measure(live, rules, asked.replications, asked.seed, warm) | {"version": version}))
