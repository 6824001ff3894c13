"""What common random numbers save: replications that a paired comparison needs, beside independent seeds.

Two ways, for every policy variant of Xi'an and four metrics at the end of 2028: from the variances of one paired
comparison, and by comparing for real with another seed (the ratio of the squared intervals).
"""

from pathlib import Path

import numpy as np

from sim.analysis.compare import GAIN_METRICS, compare, paired
from sim.ensemble import simulate
from sim.result import Result
from sim.scenario import load_scenario

REPLICATIONS = 200
AT = "2028Q4"
LEAST = 10.0


def main(replications: int = REPLICATIONS) -> float:
    """Prints a row for each variant and the medians; returns the median over all."""

    def lived(path: str | Path, seed: int) -> Result:
        return simulate(load_scenario(path), replications, seed, events=0)

    base = lived("scenarios/xian.toml", 1)
    print(f"{'replications by independent seeds / paired':44}" + "".join(f"{name:>26}" for name in GAIN_METRICS))
    by_variance: list[float] = []
    by_seeds: list[float] = []
    for path in sorted(Path("scenarios/xian").glob("*.toml")):
        c = compare({"base": base, path.stem: lived(path, 1)}, at=AT)
        rows = [c.row(name) for name in GAIN_METRICS]
        j = c.column(AT)
        d = c.of(path.stem)
        gains = np.where(d.sd[rows, j] > 0, d.gain[rows, j], np.nan)  # every world the same: nothing to gain
        other = lived(path, 2)
        apart = paired("", values_of(other), values_of(base))
        ours, theirs = (x.high[rows, j] - x.low[rows, j] for x in (d, apart))
        with np.errstate(divide="ignore"):
            measured = np.where(np.isnan(gains), np.nan, (theirs / ours) ** 2)
        by_variance += [g for g in gains if not np.isnan(g)]
        by_seeds += [g for g in measured if not np.isnan(g)]
        print(f"{path.stem:44}" + "".join(f"{told(g):>13}{told(m):>13}" for g, m in zip(gains, measured, strict=True)))
    median = float(np.median(by_variance))
    print(f"median: {told(median)} by the variances, {told(float(np.median(by_seeds)))} by seeds of their own", end="")
    print(f" (at least {LEAST:.0f} is wanted); columns: by variances, by seeds; {replications} replications, {AT}")
    return median


def values_of(result: Result) -> np.ndarray:
    return np.asarray(result.values)


def told(ratio: float) -> str:
    """`same` where the variant leaves the metric as it is in every world."""
    return "same" if np.isnan(ratio) else f"{ratio:,.0f}"


if __name__ == "__main__":
    main()
