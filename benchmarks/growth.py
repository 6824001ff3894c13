"""How cost grows with firms, quarters, replications and threads, beside what the machine could do: `make benchmark`.

Each series multiplies one extent by 2, 4, 8 and holds the others; the passes over all series are interleaved, and the
least time of each point is taken, since other work on the machine only adds. What a run costs before its first world
(lowering the scenario, making the result) is measured on a run of next to nothing, printed, and taken off every point.
The exponent is the slope of log time over log firm-quarters (1 is linear). The limit: a firm-quarter draws at least one
block of four Philox words, and its columns are read and written once; both costs are measured in the same run. What two
threads can gain is measured alike: on blocks of draws alone, which share no memory and wait for nothing. Two processors
that are halves of one core gain far less than two there.
"""

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sim.ensemble import simulate
from sim.model import draws
from sim.model.jit import njit
from sim.scenario import load_scenario

FIRMS, ENDS = (20_000, 40_000, 80_000, 160_000), ("2021Q4", "2024Q4", "2028Q4", "2033Q4")
REPLICATIONS, THREADS = (16, 32, 64, 128), (1, 2)
EXPONENT, TOLERANCE, TWO_THREADS = 1.00, 0.05, 1.9  # the aims
BYTES_A_FIRM_QUARTER = 2 * 8 * 6  # revenue, growth, spread, hazard, drift, status: read and written


def scenario_of(firms: int, end: str):
    entry = firms / 10
    sizes = [
        f"firms.initial.count={firms}",
        f"firms.entry.organic.per_year={entry}",
        "firms.entry.incubator.per_year=10",
    ]
    return load_scenario("scenarios/xian.toml", [*sizes, f'zone.end="{end}"', 'zone.today="2020Q4"', "facts=[]"])


def lived(scenario, replications: int, threads: int, clock: Callable[[], float] = time.process_time):
    """(seconds, firm-quarters). One thread is measured in processor time, which other work on the machine disturbs
    least; a comparison of threads needs the time by the clock."""
    began = clock()
    done = simulate(scenario, replications, 1, threads, events=0)
    return clock() - began, done.manifest["firm_quarters"]


@njit
def _draw(key, n):
    total = np.uint64(0)
    for i in range(n):
        a, b, c, d = draws.philox(np.uint64(i), np.uint64(1), np.uint64(2), np.uint64(3), key, key)
        total ^= a ^ b ^ c ^ d
    return total


def machine(n: int = 2_000_000, tries: int = 5) -> tuple[float, float]:
    """(ns a Philox block of four words, bytes moved a ns), one thread; the best of some tries, as a limit is."""
    key = np.uint64(7)
    _draw(key, 10)
    a, b = np.ones(n), np.ones(n)
    block, copy = np.inf, np.inf
    for _ in range(tries):
        began = time.perf_counter()
        _draw(key, n)
        middle = time.perf_counter()
        np.copyto(b, a)
        block, copy = min(block, middle - began), min(copy, time.perf_counter() - middle)
    return 1e9 * block / n, 2 * a.nbytes / (1e9 * copy)


BLOCKS = 4_000_000


@njit(nogil=True)
def _draw_blocks(key, index, word0, word1, word2, word3, times):
    for k in range(times):
        draws.address_words(key, index, index, k, 1, word0, word1, word2, word3)


def two_gain(tries: int = 5) -> float:
    """How many times as many blocks of draws two threads make as one, in a pass that stays in the first-level cache;
    the best of some tries."""
    key, index = np.array([1, 2], np.uint64), np.arange(1024, dtype=np.uint32)

    def work(times: int = BLOCKS // 1024) -> None:
        _draw_blocks(key, index, *(np.empty(1024, np.uint32) for _ in range(4)), times)

    work(1)
    one = two = np.inf
    with ThreadPoolExecutor(2) as pool:
        for _ in range(tries):
            began = time.perf_counter()
            work()
            middle = time.perf_counter()
            list(pool.map(lambda _: work(), range(2)))
            one, two = min(one, middle - began), min(two, time.perf_counter() - middle)
    return 2.0 * one / two


@dataclass
class Growth:
    lives: dict[str, list[float]]  # series -> firm-quarters of each point
    seconds: dict[str, list[float]]
    fixed: float  # seconds of a run before its first world; taken off the others
    exponents: dict[str, float]
    two_threads: float  # times as fast
    block_ns: float
    width: float  # bytes a ns
    draws_gain: float  # what two threads gain on draws alone

    def lines(self) -> list[str]:
        out = [f"{'a run':14} {1e3 * self.fixed:.0f} ms before its first world, taken off below"]
        for name, exponent in self.exponents.items():
            pairs = zip(self.seconds[name], self.lives[name], strict=True)
            costs = " ".join(f"{1e9 * t / n:.0f}" for t, n in pairs)
            out.append(f"{name:14} exponent {exponent:.2f}   ns a firm-quarter: {costs}")
        out.append(
            f"{'threads':14} two gain {self.two_threads:.2f}; on draws alone this machine's gain {self.draws_gain:.2f}"
        )
        ours = 1e9 * self.seconds["firms"][-1] / self.lives["firms"][-1]
        least = max(self.block_ns, BYTES_A_FIRM_QUARTER / self.width)
        out.append(
            f"limit: {self.block_ns:.1f} ns a block of draws, {self.width:.0f} GB/s copied: {least:.1f} ns a"
            f" firm-quarter at the least; ours takes {ours:.0f} ns with every rule: {least / ours:.0%} of the limit"
        )
        return out

    def verdicts(self) -> list[str]:
        """What is off its aim."""
        off = [
            f"{name}: exponent {x:.2f}, the aim is {EXPONENT:.2f} ± {TOLERANCE:.2f}"
            for name, x in self.exponents.items()
            if name != "quarters" and abs(x - EXPONENT) > TOLERANCE
        ]
        if self.two_threads < TWO_THREADS:
            off.append(
                f"two threads gain {self.two_threads:.2f}, the aim is {TWO_THREADS}"
                f" (on draws alone, which share nothing, they gain {self.draws_gain:.2f} here)"
            )
        return off


def measure(rounds: int = 3) -> Growth:
    """Time every point of every series `rounds` times, interleaved; the least of each is taken, since other work on
    the machine only ever adds."""
    points = {
        "firms": [(scenario_of(n, "2024Q4"), 4, 1) for n in FIRMS],
        "quarters": [(scenario_of(20_000, end), 4, 1) for end in ENDS],
        "replications": [(scenario_of(4_000, "2024Q4"), n, 1) for n in REPLICATIONS],
        "threads": [(scenario_of(10_000, "2024Q4"), 32, n) for n in THREADS],
    }
    nothing = scenario_of(50, "2024Q4")
    lived(nothing, 1, 1)
    fixed = min(lived(nothing, 1, 1)[0] for _ in range(3 * rounds))
    taken: dict[str, list[list[tuple[float, float]]]] = {name: [[] for _ in row] for name, row in points.items()}
    for _ in range(rounds):
        for name, row in points.items():
            for k, point in enumerate(row):
                clock = time.perf_counter if name == "threads" else time.process_time
                taken[name][k].append(lived(*point, clock))
    seconds = {name: [min(t for t, _ in each) - fixed for each in row] for name, row in taken.items()}
    lives = {name: [each[0][1] for each in row] for name, row in taken.items()}
    exponents = {
        name: float(np.polyfit(np.log(lives[name]), np.log(seconds[name]), 1)[0])
        for name in ("firms", "quarters", "replications")
    }
    return Growth(
        lives, seconds, fixed, exponents, seconds["threads"][0] / seconds["threads"][1], *machine(), two_gain()
    )


def draw(path: Path, found: Growth) -> str:
    """Seconds over firm-quarters, both logarithmic, a line a series and one that is linear. Returns where it is."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullLocator

    from sim.figures import style

    page = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = page.subplots()
    for colour, marker, name in zip(style.SERIES, "os^", found.exponents, strict=False):
        label = f"{name}: exponent {found.exponents[name]:.2f}"
        axes.loglog(found.lives[name], found.seconds[name], marker=marker, color=colour, label=label)
    x = np.array(sorted(found.lives["firms"]))
    axes.loglog(x, found.seconds["firms"][-1] * x / x[-1], ":", color=style.GREY, label="in proportion (exponent 1)")
    axes.set_xlabel("firm-quarters lived, millions")
    axes.set_ylabel("seconds, one thread, every rule of Xi'an")
    for axis, unit in ((axes.xaxis, 1e6), (axes.yaxis, 1.0)):
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_major_formatter(lambda value, _, unit=unit: f"{value / unit:g}")
        axis.set_minor_locator(NullLocator())
    axes.legend(frameon=False)
    return str(style.save(page, path))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--figure", type=Path)
    asked = parser.parse_args()
    measured = measure(asked.rounds)
    print("\n".join([*measured.lines(), *measured.verdicts()]))
    if asked.figure is not None:
        print(draw(asked.figure, measured))
