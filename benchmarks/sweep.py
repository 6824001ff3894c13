"""What a sweep costs beside the worlds it is made of: coordination, gain by the second core, memory.

1000 samples × 20 replications of a zone of 2000 firms by default. Coordination is what the driver itself spends: the
processor time of the sweep on one thread, less that of the same worlds lived in a bare loop. The two-core time is
beside half of the serial loop. Run it on an idle machine: other work on the cores shows in the last ratio, not in the
processor times.
"""

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from sim.analysis.model import ZoneModel
from sim.analysis.sweep import plan, sweep
from sim.analysis.vary import varied_of
from sim.analysis.work import WORLDS_A_BLOCK, InProcess
from sim.ensemble import Worlds, lower
from sim.memory import processors
from sim.model.rows import Rows
from sim.scenario import load_scenario
from sim.scenario.document import Scenario

VARY = ("guidance.cap.angel=0.2..0.6", "guidance.reinvestment=0.5..2.0", "firms.entry.organic.per_year=150..250")
SMALL = ("firms.initial.count=2000", "firms.entry.organic.per_year=200", "firms.entry.incubator.per_year=30")
TARGETS = ["jobs.total@2028Q4", "firms.listed@2028Q4", "firms.alive@2028Q4"]


def bare_loop(scenario: Scenario, design: np.ndarray, paths: list[str], replications: int) -> tuple[float, float]:
    """(wall, processor) seconds of the same worlds, one after another on this thread, nothing kept."""
    wall = spent = 0.0
    step = max(1, WORLDS_A_BLOCK // replications)
    for start in range(0, len(design), step):
        block = design[start : start + step]
        overrides = {path: np.repeat(block[:, k], replications) for k, path in enumerate(paths)}
        rows = Rows(1, np.tile(np.arange(replications), len(block)), overrides)
        worlds = Worlds(scenario, lower(scenario, rows), 1)
        worlds.live(0, 0)  # the columns are made outside the clock
        began, used = time.perf_counter(), time.process_time()
        for i in range(len(block) * replications):
            worlds.live(i, i % replications)
        wall += time.perf_counter() - began
        spent += time.process_time() - used
    return wall, spent


def peak() -> float:
    """Largest resident memory of this process so far, MiB."""
    unit = 1024**2 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def main(samples: int = 1000, replications: int = 20) -> None:
    scenario = load_scenario("scenarios/xian.toml", SMALL)
    varied = varied_of(scenario, VARY)
    model = ZoneModel.of(scenario, TARGETS)
    paths = [v.path for v in varied]
    design = plan(varied, "lhs", samples, 1).design
    threads = processors()
    model.evaluate({path: design[:1, k] for k, path in enumerate(paths)}, 2, 1)  # the kernel is compiled
    memory: list[float] = []

    def timed(threads: int, count: int) -> tuple[float, float]:
        with tempfile.TemporaryDirectory() as folder:
            began, used = time.perf_counter(), time.process_time()
            sweep(
                model, varied, "lhs", count, replications, 1, out=Path(folder) / "s", executor=InProcess(threads),
                progress=lambda done, total: memory.append(peak()),
            )  # fmt: skip
            return time.perf_counter() - began, time.process_time() - used

    serial, serial_spent = bare_loop(scenario, design, paths, replications)
    one, one_spent = timed(1, samples)
    memory.clear()
    both, both_spent = timed(threads, samples)
    print(f"{samples} samples × {replications} replications = {samples * replications:,} worlds of about 2000 firms")
    print(f"{'':42}{'wall s':>10}{'processor s':>14}")
    print(f"{'bare loop over the worlds, one thread':42}{serial:10.2f}{serial_spent:14.2f}")
    print(f"{'sweep, one thread':42}{one:10.2f}{one_spent:14.2f}")
    print(f"{f'sweep, {threads} threads':42}{both:10.2f}{both_spent:14.2f}")
    print(f"coordination: {1 - serial_spent / one_spent:.1%} of the sweep's processor time (at most 5 % is wanted)")
    ratio = both / (serial / threads)
    print(
        f"{threads} threads against the serial loop / {threads}: {ratio:.3f} (at most 1.15 wanted, on an idle machine)"
    )
    quarter = memory[len(memory) // 4]
    print(f"memory: {quarter:.0f} MiB after a quarter of the blocks, {memory[-1]:.0f} MiB at the end")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--replications", type=int, default=20)
    asked = parser.parse_args()
    main(asked.samples, asked.replications)
