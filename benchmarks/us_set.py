"""The parameter set of the United States against the rows that its cases call fitted. `python -m benchmarks.us_set`

Seventeen numbers of scenarios/us.toml have no published source of their own, nor have the prices in PRICES. They are
held, with common random numbers, against the rows marked `calibrate` of CASES: sizes of rounds and the road from seed
on, what rounds cost in 2014 over 2010, step-ups in two markets, how many rounds are up and by how much, what financings
return, ages at each round. Every other row of the US tables (the road's middle, quartiles of A, spreads of seed and B
rounds, the mean rise of a price, what founders get) is a check and is not looked at here. The worlds lived here (SEED)
are not those that `verify` lives.

The set in the file was found by hand, from what the search told of slopes (docs/model.md says what had been seen); from
there the search goes on. The rows do not tell the seventeen apart (wide values with investors who judge by value look
like narrow ones with investors who do not), so each has a prior, as in `calibrate --regularise`: the national set's
number, the log deviation of seed rounds for the spread of values. A row counts by the asinh of its distance in
tolerances, so that one far off does not rule the rest. The time a round's money lasts, the volatility of values, the
step-ups waited for and the odds of a sale are each the national set's column times one factor; volatility (from A on)
and step-ups have a slope over the stages beside it. Prices of stages rise by two to three from one to the next; those
of B and C were moved by hand for their own rows (by 2 to 12 %), then all are moved by one factor.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from sim.analysis.lived import Need, shared
from sim.analysis.text import layout
from sim.compiled import use_cache
from sim.scenario import load_scenario
from sim.scenario.fields import FAR_SPREAD
from sim.scenario.loading import with_overrides
from sim.verify import Case, find, funding_funnel, read_case

ROOT = Path(__file__).resolve().parent.parent
CASES = tuple(
    f"funding-funnel-us{of}"
    for of in ("", "-prices", "-step-ups", "-step-ups-hot", "-up-rounds", "-up-rounds-hot", "-outcomes", "-ages")
)
REPLICATIONS, SEED = 48, 2
PRICES = {  # CNY, floor and centre by stage; a first round is always a seed round, whose floor is no price
    "angel": (None, 3000e4),
    "seed": (None, 6500e4),
    "a": (9000e4, 1.5e8),
    "b": (2.7e8, 4.4e8),
    "c": (7e8, 11e8),
    "d": (20e8, 30e8),
    "pre_ipo": (35e8, 50e8),
}
MIDDLE = 2  # A: the stage that a slope leaves as it is
LEAST_STEP_UP = 1.1  # that anybody waits for: with the slope below it holds from C on
SHARES = ("reach", "up_rounds")  # residuals in points, all others in logs, both over the case's tolerance
FREE = {  # name: middle of the prior and its deviation, of logs but for SIGNED
    "prices of stages": (1.0, 0.35),
    "time a round lasts": (1.0, 0.25),
    "volatility of stages": (1.0, 0.25),
    "slope of volatility": (0.0, 0.1),
    "step-ups waited for": (1.0, 0.15),
    "slope of step-ups": (0.0, 0.1),
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
START = (
    *(0.75, 0.92, 0.94, -0.16, 0.87, -0.3, 0.118),
    *(2000e4, 2.6, 2.0, -1.92, 0.15, 0.44, 0.46, 2.8, 0.635, 0.48),
)
WEIGHT = 2.0  # of a row, in the unit of the priors
STEP = 0.3  # of the derivatives, in deviations of the prior
DAMPING = (0.5, 2.0, 8.0, 32.0)  # tried at every step: the outcomes are far from linear in what a sale brings
SPREAD = "rounds.founding.value_spread"
SIGNED = (
    "slope of volatility",
    "slope of step-ups",
    "rounds.investors.market.eager",
    "rounds.investors.market.selective",
    "exits.sale_gain",
)


def overrides(national: Any, x: dict[str, float]) -> dict[str, object]:
    """What the seventeen say of the files' numbers."""
    out: dict[str, object] = {}
    for k, (name, (floor, centre)) in enumerate(PRICES.items()):
        path, stage = f"rounds.stages.{name}", getattr(national.rounds.stages, name)
        out[f"{path}.runway"] = stage.runway.value * x["time a round lasts"]
        if name != "pre_ipo":  # nearly a listed firm's: .21 in the file, which no row tells
            bent = math.exp(x["slope of volatility"] * max(k - MIDDLE, 0))
            out[f"{path}.volatility"] = stage.volatility.value * x["volatility of stages"] * bent
        waited = stage.step_up.value * x["step-ups waited for"] * math.exp(x["slope of step-ups"] * (k - MIDDLE))
        out[f"{path}.step_up"] = max(waited, LEAST_STEP_UP)
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


class Fit:
    """The cases and what they stand on, read once in every process that works out distances."""

    def __init__(self) -> None:
        self.cases = [read_case(find(name)) for name in CASES]
        self.national = load_scenario(ROOT / "scenarios" / "national.toml")
        self.bases = {case.inputs.scenario: load_scenario(ROOT / case.inputs.scenario) for case in self.cases}

    def rows(self, x: dict[str, float]) -> list[float]:
        said = overrides(self.national, x)
        scenarios = {name: with_overrides(base, said) for name, base in self.bases.items()}
        out: list[float] = []
        with shared((scenarios[case.inputs.scenario], Need(REPLICATIONS), SEED) for case in self.cases):
            for case in self.cases:
                inputs = case.inputs.model_copy(update={"seed": SEED, "replications": REPLICATIONS})
                out += residuals(funding_funnel(inputs, case.expect, scenarios[inputs.scenario]), case)
        return out


@cache
def fit() -> Fit:
    return Fit()


def values(z: np.ndarray) -> dict[str, float]:
    """The seventeen, of their distances from the middles of their priors in deviations."""
    said = {
        name: middle + sd * float(k) if name in SIGNED else middle * math.exp(sd * float(k))
        for (name, (middle, sd)), k in zip(FREE.items(), z, strict=True)
    }
    return said | {SPREAD: min(said[SPREAD], FAR_SPREAD)}


def distance(z: np.ndarray) -> np.ndarray:
    x = values(z)
    out = fit().rows(x)
    told = np.concatenate([WEIGHT * np.array(out), z])
    beyond = sum(abs(r) > math.asinh(1.0) for r in out)
    numbers = ", ".join(f"{v:.4g}" for v in x.values())
    print(f"{float(told @ told):9.3f}  {beyond} of {len(out)} beyond  ({numbers})", file=sys.stderr, flush=True)
    return told


def descend(start: Sequence[float], rounds: int, workers: Callable[..., Iterable[np.ndarray]]) -> np.ndarray:
    """Gauss-Newton steps, each damped by whichever of DAMPING does best, until none does better."""
    z = np.array(
        [
            (x - middle if name in SIGNED else math.log(x / middle)) / sd
            for (name, (middle, sd)), x in zip(FREE.items(), start, strict=True)
        ]
    )
    here = distance(z)
    for _ in range(rounds):
        beside = workers(distance, [z + STEP * unit for unit in np.eye(len(z))])
        slopes = np.column_stack([(there - here) / STEP for there in beside])
        square = slopes.T @ slopes
        tried = [z - np.linalg.solve(square + damp * np.eye(len(z)), slopes.T @ here) for damp in DAMPING]
        found = list(workers(distance, tried))
        best = min(range(len(found)), key=lambda k: float(found[k] @ found[k]))
        if found[best] @ found[best] >= here @ here:
            break
        z, here = tried[best], found[best]
    return z


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=4, help="most Gauss-Newton steps")
    asked = parser.parse_args()
    use_cache()
    with ProcessPoolExecutor(mp_context=get_context("spawn"), initializer=use_cache) as pool:
        end = values(descend(START, asked.rounds, pool.map))
    middles = {name: middle for name, (middle, _) in FREE.items()}
    told = ((middles[name], start, end[name]) for name, start in zip(FREE, START, strict=True))
    print(
        layout(
            ["", "prior", "file", "found"],
            [[name, *(f"{x:.4g}" for x in row)] for name, row in zip(FREE, told, strict=True)],
        )
    )


if __name__ == "__main__":
    main()
