"""Which way of fitting finds the facts of Xi'an at what price? `python -m benchmarks.calibration_trial`

Every method is given the same parameters, priors and facts, the same common random numbers and about the same number of
worlds, and is judged by what it ends at: the distance of the facts' means from the published ones (in units of chance
and error, prior included), evaluated anew with other worlds; and by whether it gives a posterior.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from sim.analysis.calibrate import (
    INDEPENDENT,
    _cross,
    _levels,
    _Scales,
    _screen,
    calibrate,
    moments_of,
    priors_of,
)
from sim.analysis.model import ZoneModel
from sim.analysis.text import layout
from sim.scenario import load_scenario
from sim.scenario.loading import with_overrides

ROOT = Path(__file__).resolve().parent.parent
BUDGET, REPLICATIONS = 1600, 8


def main() -> None:
    import cma
    from scipy.optimize import least_squares

    from sim.quantities import quarter_name

    scenario = load_scenario(ROOT / "scenarios" / "xian.toml")
    moments = [m for m in moments_of(scenario) if m.use == "calibrate"]
    last = max(int(f.date) for f in scenario.facts if f.use == "calibrate")
    short = with_overrides(scenario, {"zone.end": quarter_name(last)})
    model = ZoneModel.of(short, list(dict.fromkeys(o for m in moments for o, _ in m.terms)))
    priors, _ = priors_of(scenario)
    scales = _Scales(moments)
    spent = [0]

    def worlds(z: np.ndarray, replications: int, seed: int) -> np.ndarray:
        z = np.atleast_2d(z)
        spent[0] += len(z) * replications
        design = {v.path: v.at(_levels(z[:, k])) for k, v in enumerate(priors)}
        values = model.evaluate(design, replications, seed)
        return np.stack([m.of(values, model.outputs) for m in moments], axis=-1)

    start = worlds(_cross(len(priors)), REPLICATIONS, 1)
    _screen(start, priors, moments, scales)
    data = scales.data(moments)
    spread = np.sqrt(scales.forward(start)[0].var(axis=0, ddof=1) + data.error**2)

    def off(z: np.ndarray, replications: int = REPLICATIONS, seed: int = 1) -> np.ndarray:
        """float64[points, facts + parameters]: residuals, a floor that is passed counting nothing, and the prior's."""
        z = np.atleast_2d(z)
        gap = (scales.forward(worlds(z, replications, seed)).mean(axis=1) - data.y) / spread
        gap = np.where(data.sign * gap > 0, 0.0, gap)
        return np.hstack([gap, z])

    def cost(z: np.ndarray) -> np.ndarray:
        return (off(z) ** 2).sum(axis=1)

    draws = np.random.default_rng(1)

    def gauss_newton() -> np.ndarray:
        most = BUDGET // (REPLICATIONS * (len(priors) + 1))
        return least_squares(lambda z: off(z)[0], np.zeros(len(priors)), diff_step=0.1, max_nfev=most).x

    def evolution() -> np.ndarray:
        settings = {"seed": 1, "verbose": -9, "maxfevals": BUDGET // REPLICATIONS}
        search = cma.CMAEvolutionStrategy(np.zeros(len(priors)), 0.5, settings)
        while not search.stop():
            points = search.ask()
            search.tell(points, cost(np.array(points)).tolist())
        return np.asarray(search.result.xbest)

    def rejection() -> np.ndarray:
        z = draws.standard_normal((BUDGET // REPLICATIONS, len(priors)))
        y = scales.forward(worlds(z, REPLICATIONS, 1)).mean(axis=1)
        gap = (y - data.y) / spread
        gap = np.where(data.sign * gap > 0, 0.0, gap)
        return z[np.argsort((gap**2).sum(axis=1))[:10]].mean(axis=0)

    def emulated() -> np.ndarray:
        from sim.analysis.calibrate import _scores

        samples = (BUDGET - 800) // (REPLICATIONS * 5 // 4)
        found = calibrate(model, priors, moments, samples, REPLICATIONS, 1, regularise=True)
        spent[0] += found.about["worlds"]
        z = np.zeros(len(priors))
        for k, v in enumerate(priors):
            if v.path in found.paths:
                z[k] = _scores(v, found.posterior[:, found.paths.index(v.path)]).mean()
        return z

    methods: list[tuple[str, Callable[[], np.ndarray], str]] = [
        ("middle of the prior", lambda: np.zeros(len(priors)), "-"),
        ("scipy least_squares", gauss_newton, "no"),
        ("cma", evolution, "no"),
        ("rejection, nearest ten", rejection, "rough"),
        ("emulator and tempering", emulated, "yes"),
    ]
    rows = []
    for name, method, posterior in methods:
        spent[0], begun = 0, time.perf_counter()
        z = method()
        used, seconds = spent[0], time.perf_counter() - begun
        gap = off(z, 40, 1 + INDEPENDENT)[0]
        facts, prior = (gap[: len(moments)] ** 2).sum(), (gap[len(moments) :] ** 2).sum()
        rows.append(
            [name, str(used), f"{seconds:.0f} s", f"{facts:.2f}", f"{prior:.2f}", f"{facts + prior:.2f}", posterior]
        )
        print(f"{name}: done", file=sys.stderr)
    print(layout(["method", "worlds", "time", "facts", "prior", "both", "posterior"], rows))


if __name__ == "__main__":
    main()
