"""A small zone without a simulator: facts are known functions of parameters and of chance, so that a calibration of it
takes a second and its answer is known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sim.analysis.calibrate import Moment
from sim.analysis.vary import Varied

PATHS = ("entry", "apply", "idle")
OUTPUTS = ("firms@2023Q4", "held@2023Q4", "funds@2023Q4")
PRIORS = [
    Varied.uniform("entry", 50.0, 150.0),
    Varied.uniform("apply", 0.1, 0.9),
    Varied.uniform("idle", 0.0, 1.0),
]


class SmallZone:
    """Firms enter at a rate and a share of them holds a certificate; `idle` moves nothing. Chance is lognormal, its
    spread `chance`, the same worlds at every sample."""

    def __init__(self, chance: float = 0.1) -> None:
        self.chance = chance
        self.outputs = list(OUTPUTS)
        self.fingerprint = f"small zone {chance}"

    def evaluate(
        self, samples: Mapping[str, np.ndarray], replications: int, seed: int, threads: int | None = None
    ) -> np.ndarray:
        count = len(next(iter(samples.values())))
        entry, apply = (samples.get(p, np.full(count, self.central(p)))[:, None] for p in PATHS[:2])
        luck = np.array([np.random.default_rng([seed, r]).standard_normal(3) for r in range(replications)])
        firms = 8.0 * entry * np.exp(self.chance * luck[:, 0])
        held = apply * firms * np.exp(self.chance * luck[:, 1])
        funds = 0.2 * entry * np.exp(2.0 * self.chance * luck[:, 2])
        return np.stack([firms, held, funds], axis=-1)

    def central(self, path: str) -> float:
        return {"entry": 100.0, "apply": 0.5, "idle": 0.5}[path]

    def label(self, name: str, lang: str) -> str:
        return name

    def unit(self, name: str) -> str:
        return ""


def moments(firms: float = 960.0, held: float = 300.0, funds: float = 15.0) -> list[Moment]:
    """Two figures and a floor."""
    return [
        Moment("firms", ((OUTPUTS[0], 1.0),), firms),
        Moment("held", ((OUTPUTS[1], 1.0),), held),
        Moment("funds", ((OUTPUTS[2], 1.0),), funds, bound="at_least"),
    ]
