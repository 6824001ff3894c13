"""A zone of a million firms over forty quarters, every rule of Xi'an: time and peak memory, in a process of its own.

`python -m benchmarks.million` prints a line of JSON; `make benchmark` asks it. The aim is under 2 GB.
"""

import argparse
import json
import time

FIRMS, QUARTERS = 1_000_000, 40
AIM_MB = 2000.0


def main(firms: int) -> dict[str, float]:
    from benchmarks.peers.common import memory_mb
    from sim.ensemble import simulate
    from sim.scenario import load_scenario

    sizes = [
        f"firms.initial.count={firms}",
        f"firms.entry.organic.per_year={0.075 * firms}",
        "firms.entry.organic.growth=0",
        'zone.end="2029Q3"',
        'zone.today="2020Q4"',
        "facts=[]",
    ]
    scenario = load_scenario("scenarios/xian.toml", sizes)
    if scenario.zone.quarters != QUARTERS:
        raise ValueError(f"{scenario.zone.quarters} quarters, not {QUARTERS}")
    before = memory_mb()
    began = time.perf_counter()
    done = simulate(scenario, 1, 1, 1, events=0)
    alive = done["firms.alive"][0]
    return {
        "seconds": time.perf_counter() - began,
        "firms_at_end": float(alive[-1]),
        "firm_quarters": float(alive.sum()),
        "peak_mb": memory_mb(),
        "program_mb": before,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--firms", type=int, default=FIRMS)
    print(json.dumps(main(parser.parse_args().firms)))
