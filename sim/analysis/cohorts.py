"""Cohorts of firms: the exit hazard of the firm module fitted to published survival, and lived.

The law is the module's own: a yearly hazard floor + young x (age + 1)^-power, in quarters. Early ages say little of the
floor, so several are tried: the one that predicts each age best when it is left out is taken, and with fewer than three
ages the national parameters' floor. Then the module's passes live a cohort of firms of the reference size on addressed
draws. A world keeps a firm's hazard from one year's accounts to the next; here age moves it every quarter.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

FLOORS = (0.0, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.065, 0.08)
NATIONAL_FLOOR = 0.015  # firms.exit.floor of scenarios/national.toml, where the ages cannot tell


@dataclass(frozen=True)
class ExitLaw:
    """Yearly hazard floor + young x (age + 1)^-power."""

    floor: float
    young: float
    power: float

    def by_quarter(self, quarters: int) -> tuple[float, np.ndarray]:
        """(probability of the floor, of the part that falls with age) in each quarter of age."""
        age = np.arange(quarters) / 4.0
        return -np.expm1(-0.25 * self.floor), -np.expm1(-0.25 * self.young * (age + 1.0) ** -self.power)

    def survival(self, quarters: Sequence[int]) -> np.ndarray:
        """Share of a cohort alive after so many quarters."""
        floor, young = self.by_quarter(max(quarters))
        alive = np.concatenate([[1.0], np.cumprod(1.0 - np.minimum(floor + young, 1.0))])
        return alive[np.asarray(quarters)]


def _fit(quarters: Sequence[int], survival: Sequence[float], floor: float) -> ExitLaw:
    """Least squares in the survival, over young and power, for a given floor."""
    from scipy.optimize import minimize

    target = np.asarray(survival)

    def law_of(x: np.ndarray) -> ExitLaw:
        return ExitLaw(floor, float(np.exp(x[0])), float(np.exp(x[1])))

    found = minimize(
        lambda x: float(((law_of(x).survival(quarters) - target) ** 2).sum()),
        [np.log(0.25), np.log(0.6)],
        method="Nelder-Mead",
        options={"xatol": 1e-7, "fatol": 1e-13, "maxiter": 4000},
    )
    return law_of(found.x)


def fit_exit_law(quarters: Sequence[int], survival: Sequence[float]) -> ExitLaw:
    """The law that predicts best what it has not seen."""
    if len(quarters) < 3:
        return _fit(quarters, survival, NATIONAL_FLOOR)
    errors = []
    for floor in FLOORS:
        error = 0.0
        for left_out in range(len(quarters)):
            rest = [i for i in range(len(quarters)) if i != left_out]
            law = _fit([quarters[i] for i in rest], [survival[i] for i in rest], floor)
            error += float((law.survival([quarters[left_out]])[0] - survival[left_out]) ** 2)
        errors.append(error)
    return _fit(quarters, survival, FLOORS[int(np.argmin(errors))])


def live_cohort(law: ExitLaw, quarters: int, firms: int, seed: int) -> np.ndarray:
    """Share [quarters + 1] of a simulated cohort that is alive at each age, by the passes of the firm module."""
    from sim.model.draws import key_of
    from sim.model.firms.kernel import by_age, note_leavers, set_hazard, shock_words

    floor, young = law.by_quarter(max(1, quarters))
    kinds = [(name, np.float64) for name in ("exit_floor", "exit_size", "exit_ceiling", "reference_size")]
    rules = np.zeros(1, kinds).view(np.recarray)
    rules.exit_floor[0], rules.exit_ceiling[0] = floor, 1.0
    key = key_of(seed, 0)
    index, cohort = np.arange(firms, dtype=np.uint32), np.zeros(firms, np.uint32)
    words = [np.empty(firms, np.uint32) for _ in range(4)]
    born, log_revenue = np.zeros(firms, np.int32), np.zeros(firms)
    hazard, alive, leavers = np.empty(firms), np.ones(firms, np.uint8), np.empty(firms + 1, np.int64)
    flags, share = np.empty(firms, np.uint8), np.ones(quarters + 1)
    for quarter in range(quarters):
        if quarter % 2 == 0:
            shock_words(key, index, cohort, quarter // 2, *words)
        by_age(quarter, born, young, hazard)
        set_hazard(rules[0], log_revenue, hazard)
        n = note_leavers(alive, hazard, words[1 + 2 * (quarter % 2)], 0, flags, leavers, 0)
        alive[leavers[:n]] = 0
        share[quarter + 1] = alive.mean()
    return share
