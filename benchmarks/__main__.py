"""`make benchmark`: the reference run per firm-quarter on one and two threads, and plain NumPy beside it."""

import time

from benchmarks.plain_numpy import live
from sim.ensemble import Worlds, lower, simulate
from sim.model.rows import Rows
from sim.scenario import load_scenario

REPLICATIONS = 40


def main() -> None:
    import numpy as np

    scenario = load_scenario("scenarios/xian.toml")
    simulate(scenario, replications=2, threads=1, events=0)
    ours: dict[int, list[float]] = {1: [], 2: []}
    theirs: list[float] = []
    rules = Worlds(scenario, lower(scenario, Rows(1, np.arange(1))), 1).rules[0]
    for _ in range(3):
        for threads in ours:
            done = simulate(scenario, replications=REPLICATIONS, threads=threads, events=0)
            ours[threads].append(done.manifest["ns_per_firm_quarter"])
        began = time.perf_counter()
        lived = sum(live(rules, seed, scenario.zone.quarters) for seed in range(4))
        theirs.append((time.perf_counter() - began) * 1e9 / lived)
    one, two, numpy_ = (float(np.median(x)) for x in (ours[1], ours[2], theirs))
    print(f"{'program':58} {'ns per firm-quarter':>20}")
    print(f"{'Headwater, all rules, one thread':58} {one:20.1f}")
    print(f"{'Headwater, all rules, two threads':58} {two:20.1f}")
    print(f"{'plain NumPy, population rules only (no funds or rounds)':58} {numpy_:20.1f}")
    print(f"NumPy / Headwater: {numpy_ / one:.2f} on one thread, {numpy_ / two:.2f} on two")
    print(f"two threads gain {one / two:.2f}")


if __name__ == "__main__":
    main()
