"""How cost grows with firms, quarters, replications and threads, beside what the machine could do: `make benchmark`.

Each series multiplies one extent by 2, 4, 8 and holds the others; the passes over all series are interleaved, and the
median of each point is taken, so that other work on the machine falls on all alike. The exponent is the slope of log
time over log firm-quarters (1 is linear). The limit: a firm-quarter draws at least one block of four Philox words, and
its columns are read and written once; both costs are measured in the same run, on the same machine.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from sim.ensemble import simulate
from sim.model import draws
from sim.model.jit import njit
from sim.scenario import load_scenario

FIRMS, ENDS = (10_000, 20_000, 40_000, 80_000), ("2021Q4", "2024Q4", "2028Q4", "2033Q4")
REPLICATIONS, THREADS = (8, 16, 32, 64), (1, 2)
BYTES_A_FIRM_QUARTER = 2 * 8 * 6  # revenue, growth, spread, hazard, drift, status: read and written


def scenario_of(firms: int, end: str):
    entry = firms / 10
    sizes = [
        f"firms.initial.count={firms}",
        f"firms.entry.organic.per_year={entry}",
        "firms.entry.incubator.per_year=10",
    ]
    return load_scenario("scenarios/xian.toml", [*sizes, f'zone.end="{end}"', 'zone.today="2020Q4"', "facts=[]"])


def lived(scenario, replications: int, threads: int) -> tuple[float, float]:
    """(seconds, firm-quarters)"""
    began = time.perf_counter()
    done = simulate(scenario, replications, 1, threads, events=0)
    return time.perf_counter() - began, done.manifest["firm_quarters"]


@njit
def _draw(key, n):
    total = np.uint64(0)
    for i in range(n):
        a, b, c, d = draws.philox(np.uint64(i), np.uint64(1), np.uint64(2), np.uint64(3), key, key)
        total ^= a ^ b ^ c ^ d
    return total


def machine(n: int = 4_000_000) -> tuple[float, float]:
    """(ns a Philox block of four words, bytes moved a ns), one thread."""
    key = np.uint64(7)
    _draw(key, 10)
    began = time.perf_counter()
    _draw(key, n)
    block = (time.perf_counter() - began) * 1e9 / n
    a, b = np.ones(n), np.ones(n)
    np.copyto(b, a)
    began = time.perf_counter()
    for _ in range(5):
        np.copyto(b, a)
    return block, 5 * 2 * a.nbytes / ((time.perf_counter() - began) * 1e9)


def main(rounds: int = 3, figure: Path | None = None) -> dict[str, float]:
    points = {
        "firms": [(scenario_of(n, "2024Q4"), 4, 1) for n in FIRMS],
        "quarters": [(scenario_of(10_000, end), 4, 1) for end in ENDS],
        "replications": [(scenario_of(1_000, "2024Q4"), n, 1) for n in REPLICATIONS],
        "threads": [(scenario_of(2_000, "2024Q4"), 32, n) for n in THREADS],
    }
    lived(*points["firms"][0])
    taken: dict[str, list[list[tuple[float, float]]]] = {name: [[] for _ in row] for name, row in points.items()}
    for _ in range(rounds):
        for name, row in points.items():
            for k, point in enumerate(row):
                taken[name][k].append(lived(*point))
    seconds = {name: [float(np.median([t for t, _ in each])) for each in row] for name, row in taken.items()}
    lives = {name: [each[0][1] for each in row] for name, row in taken.items()}
    exponents = {
        name: float(np.polyfit(np.log(lives[name]), np.log(seconds[name]), 1)[0])
        for name in ("firms", "quarters", "replications")
    }
    for name, exponent in exponents.items():
        costs = " ".join(f"{1e9 * t / n:.0f}" for t, n in zip(seconds[name], lives[name], strict=True))
        print(f"{name:14} exponent {exponent:.2f}   ns a firm-quarter: {costs}")
    gain = seconds["threads"][0] / seconds["threads"][1]
    print(f"{'threads':14} two gain {gain:.2f}")
    block, width = machine()
    ours = 1e9 * seconds["firms"][-1] / lives["firms"][-1]
    least = max(block, BYTES_A_FIRM_QUARTER / width)
    print(
        f"limit: {block:.1f} ns a block of draws, {width:.0f} GB/s copied: {least:.1f} ns a firm-quarter at the least;"
    )
    print(f"       ours takes {ours:.0f} ns with every rule, {least / ours:.0%} of the machine's limit is used")
    if figure is not None:
        draw(figure, lives, seconds)
    return exponents | {"two threads": gain}


def draw(path: Path, lives: dict[str, list[float]], seconds: dict[str, list[float]]) -> None:
    """Seconds over firm-quarters, both logarithmic, a line a series and one that is linear."""
    from matplotlib.figure import Figure

    from sim.figures import style

    page = Figure(figsize=(6.4, 4.2))
    axes = page.subplots()
    for name in ("firms", "quarters", "replications"):
        axes.loglog(lives[name], seconds[name], "o-", label=name)
    x = np.array(sorted(lives["firms"]))
    axes.loglog(x, seconds["firms"][-1] * x / x[-1], ":", color="grey", label="linear")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:,.10g}")
        axis.set_minor_formatter(lambda value, _: "")
    axes.set_xlabel("firm-quarters")
    axes.set_ylabel("seconds, one thread")
    axes.legend(frameon=False)
    print(style.save(page, path))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--figure", type=Path)
    asked = parser.parse_args()
    main(asked.rounds, asked.figure)
