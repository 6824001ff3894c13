"""The parameter set of the United States, fitted to the rows that its cases call fitted. `python -m benchmarks.us_set`

Fifteen numbers of scenarios/us.toml have no published source of their own. They are fitted together, with common random
numbers, to the rows marked `calibrate` of CASES: sizes of rounds and the road from seed on, what rounds cost in 2014
over 2010, step-ups in two markets, how many rounds are up and by how much, what financings return, the age at the first
round. Every other row of the US tables (the road's middle, quartiles of A, spreads of sizes, later ages, what founders
get) is a check and is not looked at here. The worlds of the fit (SEED) are not those that `verify` lives. What is
printed is rounded by hand into the files. The rows do not tell the fifteen apart (wide values with investors who judge
by value look like narrow ones with investors who do not), so each has a prior, as in `calibrate --regularise`: the
national set's number, the log deviation of seed rounds for the spread of values. A row counts by the asinh of its
distance in tolerances, so that one far off does not rule the rest. Five of the fifteen are factors on whole columns, so
that no stage is bent to its own row: prices of stages (PRICES: steps of two to three from one to the next), and the
time a round's money lasts, the volatility of values, the step-ups waited for and the odds of a sale (the national set's
columns).
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sim.analysis.text import layout
from sim.scenario import load_scenario
from sim.scenario.fields import FAR_SPREAD
from sim.scenario.loading import with_overrides
from sim.verify import Case, find, funding_funnel, read_case

ROOT = Path(__file__).resolve().parent.parent
CASES = tuple(
    f"funding-funnel-us{of}"
    for of in ("", "-prices", "-step-ups", "-step-ups-hot", "-up-rounds", "-up-rounds-hot", "-outcomes", "-ages")
)
REPLICATIONS, SEED = 16, 2
PRICES = {  # CNY, floor and centre by stage; a first round is always a seed round, whose floor is no price
    "angel": (None, 3000e4),
    "seed": (None, 6500e4),
    "a": (9000e4, 1.5e8),
    "b": (2.8e8, 4.5e8),
    "c": (8e8, 12e8),
    "d": (20e8, 30e8),
    "pre_ipo": (35e8, 50e8),
}
SHARES = ("reach", "up_rounds")  # residuals in points, all others in logs, both over the case's tolerance
FREE = {  # name: middle of the prior and its deviation, of logs but for SIGNED
    "prices of stages": (1.0, 0.35),
    "time a round lasts": (1.0, 0.25),
    "volatility of stages": (1.0, 0.25),
    "step-ups waited for": (1.0, 0.15),
    "odds of a sale": (1.0, 0.35),
    "rounds.founding.value_organic": (2800e4, 0.7),
    "rounds.founding.value_spread": (1.65, 0.3),
    "rounds.founding.runway": (1.5, 0.3),
    "rounds.investors.market.eager": (-0.4, 1.0),
    "rounds.investors.market.selective": (1.1, 0.4),
    "market.level.hot": (0.38, 0.3),
    "market.reversion": (0.4, 0.4),
    "exits.sale_gain": (1.0, 0.5),
    "exits.sale_price": (0.6, 0.3),
    "exits.sale_spread": (0.8, 0.35),
}
STARTS = {  # the first from a trial
    "from one end": (0.74, 0.96, 0.85, 0.88, 0.8, 2310e4, 2.36, 2.1, -1.9, 0.15, 0.395, 0.4, 1.25, 0.5, 0.6),
    "from the file": (0.74, 0.95, 0.845, 0.87, 0.72, 2000e4, 2.6, 2.0, -1.92, 0.2, 0.39, 0.44, 1.6, 0.35, 0.5),
}
WEIGHT = 2.0  # of a row, in the unit of the priors
STEP, AWAY = 0.3, 10.0  # step of the derivatives in deviations of the prior; where scipy's relative steps are all alike
SPREAD = "rounds.founding.value_spread"
SIGNED = ("rounds.investors.market.eager", "rounds.investors.market.selective", "exits.sale_gain")


def overrides(national: Any, x: dict[str, float]) -> dict[str, object]:
    """What the fifteen say of the files' numbers."""
    out: dict[str, object] = {}
    for name, (floor, centre) in PRICES.items():
        path, stage = f"rounds.stages.{name}", getattr(national.rounds.stages, name)
        out[f"{path}.runway"] = stage.runway.value * x["time a round lasts"]
        if name != "pre_ipo":  # nearly a listed firm's: .21 in the file, which no row tells
            out[f"{path}.volatility"] = stage.volatility.value * x["volatility of stages"]
        out[f"{path}.step_up"] = stage.step_up.value * x["step-ups waited for"]
        out[f"{path}.sale"] = stage.sale.value * x["odds of a sale"]
        out[f"{path}.centre"] = centre * x["prices of stages"]
        if floor is not None:
            out[f"{path}.floor"] = floor * x["prices of stages"]
    return out | {name: value for name, value in x.items() if " " not in name}


def residuals(got: Any, case: Case) -> list[float]:
    """Distances of the rows marked `calibrate`: asinh of their number of tolerances."""
    out = []
    for name, said in case.use.items():
        theirs, ours = np.atleast_1d(case.expect[name]), np.atleast_1d(got[name])
        marks = said if isinstance(said, list) else [said] * len(theirs)
        scale = case.kind.defaults.get(name, case.kind.defaults[""]).tolerance
        for mine, wanted, use in zip(ours, theirs, marks, strict=True):
            if use == "calibrate":
                out.append(math.asinh(((mine - wanted) if name in SHARES else math.log(mine / wanted)) / scale))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=4, help="most Gauss-Newton steps from each start")
    parser.add_argument("--start", choices=list(STARTS), help="one of the starts (default: all)")
    asked = parser.parse_args()
    from scipy.optimize import least_squares

    from sim.compiled import use_cache

    use_cache()
    cases = [read_case(find(name)) for name in CASES]
    national = load_scenario(ROOT / "scenarios" / "national.toml")
    bases = {case.inputs.scenario: load_scenario(ROOT / case.inputs.scenario) for case in cases}
    tried = [0]

    def values(z: np.ndarray) -> dict[str, float]:
        said = {
            name: middle + sd * float(k) if name in SIGNED else middle * math.exp(sd * float(k))
            for (name, (middle, sd)), k in zip(FREE.items(), z, strict=True)
        }
        return said | {SPREAD: min(said[SPREAD], FAR_SPREAD)}

    def distance(z: np.ndarray) -> np.ndarray:
        tried[0] += 1
        said = overrides(national, values(z))
        scenarios = {name: with_overrides(base, said) for name, base in bases.items()}
        out: list[float] = []
        for case in cases:
            inputs = case.inputs.model_copy(update={"seed": SEED, "replications": REPLICATIONS})
            out += residuals(funding_funnel(inputs, case.expect, scenarios[inputs.scenario]), case)
        told = np.concatenate([WEIGHT * np.array(out), z])
        beyond = sum(abs(x) > math.asinh(1.0) for x in out)
        print(
            f"{tried[0]:4d}  {float(told @ told):9.3f}  {beyond} of {len(out)} beyond",
            file=sys.stderr,
            flush=True,
        )
        return told

    def from_start(start: Sequence[float]) -> Any:
        z = [
            (x - middle if name in SIGNED else math.log(x / middle)) / sd
            for (name, (middle, sd)), x in zip(FREE.items(), start, strict=True)
        ]
        found = least_squares(
            lambda w: distance(w - AWAY), np.array(z) + AWAY, diff_step=STEP / AWAY, max_nfev=asked.rounds
        )
        print(f"from {start}: {2.0 * found.cost:.2f} {values(found.x - AWAY)}", file=sys.stderr, flush=True)
        return found

    ends = {name: from_start(start) for name, start in STARTS.items() if asked.start in (None, name)}
    told = [values(end.x - AWAY) for end in ends.values()]
    rows = [[name, *(f"{x[name]:.4g}" for x in ({n: FREE[n][0] for n in FREE}, *told))] for name in FREE]
    print(layout(["", "prior", *ends], rows))
    for name, end in ends.items():
        print(f"{name}: {2.0 * end.cost:.2f}")


if __name__ == "__main__":
    main()
