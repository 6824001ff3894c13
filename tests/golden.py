"""The numbers' record: what every shipped scenario gives, in a form that another processor reproduces.

`python -m tests.golden` (`make golden`) lives two worlds of each scenario to their end and writes tests/golden.json.
Whoever changes a number on purpose runs it, commits the file, and says "numbers change" in the changelog.

For each scenario two things are kept:

- `history`: a digest of everything that is counted (firms, certificates, rounds, funds ...) and of where a metric is
  undefined, exactly. A processor that fuses a multiplication and an addition where another does not (the kernel allows
  that, nothing else) rounds the last bit of a product differently. That changes a count only where a draw falls between
  two neighbouring floating-point numbers, about once in 1e7 runs of all scenarios.
- `amounts`: one number for each family of metrics that are measured (money, shares, ratios): the sum of
  asinh(x / scale) times a fixed weight between 0.5 and 1.5. By asinh a yuan in a small fund and a yuan in the whole
  zone's output weigh by their share of their own amount. Agreement is wanted to TOLERANCE, a thousand times what
  rounding explains; a single metric in one quarter of one world that moves by one part in a million is seen.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = Path(__file__).parent / "golden.json"
REPLICATIONS, SEED = 2, 1
TOLERANCE = 1e-7  # absolute, of a sum of some thousands of terms between 0 and 30
SCALE = {"CNY": 1e4}  # amounts of money below some ten thousand yuan are nothing: what is left of a difference
MEASURED = ("CNY", "share", "ratio", "index", "years", "jobs")


def shipped() -> list[str]:
    """Every scenario that is shipped, by its path below scenarios/ without .toml; packs of rules are none."""
    folder = ROOT / "scenarios"
    names = (path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.toml"))
    return sorted(name for name in names if not name.startswith("rules/"))


def record_of(metrics: Any, values: np.ndarray) -> dict[str, Any]:
    """`history` and `amounts` of values float64[metric, replication, quarter]."""
    history = hashlib.sha256()
    amounts: dict[str, float] = {}
    for metric, table in zip(metrics, values, strict=True):
        defined = ~np.isnan(table)
        history.update(metric.name.encode() + np.packbits(defined).tobytes())
        kept = np.where(defined, table, 0.0)
        if metric.unit not in MEASURED and np.array_equal(kept, np.rint(kept)):
            history.update(kept.astype("<i8").tobytes())
            continue
        weights = 0.5 + (np.arange(kept.size) * 0.6180339887498949) % 1.0
        family = metric.name.split(".")[0]
        term = float((np.arcsinh(kept / SCALE.get(metric.unit, 1.0)).ravel() * weights).sum())
        amounts[family] = amounts.get(family, 0.0) + term
    return {"history": history.hexdigest()[:32], "amounts": amounts}


def record(name: str) -> dict[str, Any]:
    from sim.ensemble import simulate
    from sim.scenario import load_scenario

    result = simulate(load_scenario(ROOT / "scenarios" / f"{name}.toml"), REPLICATIONS, SEED, events=0)
    return record_of(result.metrics, result.values)


def main() -> None:
    from sim import store

    before = json.loads(GOLDEN.read_text(encoding="utf-8")) if GOLDEN.exists() else {}
    now = {name: record(name) for name in shipped()}
    changed = [name for name in now if before.get(name) != now[name]]
    store.write_text(GOLDEN, json.dumps(now, indent=1) + "\n")
    print(f"{GOLDEN.relative_to(ROOT)}: {len(now)} scenarios, {len(changed)} changed{': ' if changed else ''}", end="")
    print(", ".join(changed))


if __name__ == "__main__":
    main()
