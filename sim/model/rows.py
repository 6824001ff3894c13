"""Parameters as columns: one row a replication (or a sample of a sweep and a replication).

`Rows` gives every quantity of a scenario as float64[R]: a constant is repeated, an uncertain one (by its distribution,
or by the doubt that its grade gives it) is drawn once per replication at its own address (seed, replication, path), an
override takes the place of either.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sim.scenario.fields import Distribution, Doubt, Quantity

Column = NDArray[np.float64]


def quantile_of(distribution: "Distribution", u: Column) -> Column:
    """Quantiles u of a parameter's distribution, in base units. Imports scipy.special only where it is needed."""
    from scipy import special

    kind = distribution.kind
    if kind == "lognormal":
        sd = np.log(distribution.p95 / distribution.median) / 1.6448536269514722
        return distribution.median * np.exp(sd * special.ndtri(u))
    if kind == "normal":
        return distribution.mean + distribution.sd * special.ndtri(u)
    if kind == "uniform":
        return distribution.low + (distribution.high - distribution.low) * u
    if kind == "triangular":
        low, mode, high = distribution.low, distribution.mode, distribution.high
        cut = (mode - low) / (high - low)
        left = low + np.sqrt(u * (high - low) * (mode - low))
        right = high - np.sqrt((1 - u) * (high - low) * (high - mode))
        return np.where(u < cut, left, right)
    if kind == "beta":
        m, v = distribution.mean, distribution.sd**2
        n = m * (1 - m) / v - 1
        return special.betaincinv(m * n, (1 - m) * n, u)
    choices = np.asarray(distribution.choices, dtype=float)
    return choices[np.minimum((u * len(choices)).astype(int), len(choices) - 1)]


def doubted(value: float, doubt: "Doubt", u: Column) -> Column:
    """Quantiles u of a number that its grade leaves in doubt, about `value` as the median; see Doubt for the form."""
    from scipy import special

    moved = doubt.sd * special.ndtri(u)
    whole, part = doubt.bound - doubt.origin, value - doubt.origin
    if np.isinf(whole):
        return doubt.origin + part * np.exp(moved)
    return doubt.origin + whole * special.expit(special.logit(part / whole) + moved)


def _uniforms(seed: int, replications: NDArray[np.int64], path: str) -> Column:
    """One uniform number a replication for a path: Philox by numpy, keyed by a hash of seed and path, jumped to the
    replication's own counter, so that one more replication changes none before it."""
    digest = hashlib.sha256(f"{seed}/{path}".encode()).digest()
    key = int.from_bytes(digest[:16], "little")
    top = int(replications.max()) + 1 if replications.size else 0
    raw = np.random.Philox(key=key).random_raw(top)
    return ((raw[replications] >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


class Rows:
    """Values of every quantity, one row a replication. `overrides` maps a dotted path to a scalar or to values [R]."""

    def __init__(
        self, seed: int, replications: NDArray[np.int64], overrides: Mapping[str, Column | float] | None = None
    ) -> None:
        self.seed = seed
        self.replications = np.asarray(replications, dtype=np.int64)
        self.overrides = dict(overrides or {})
        self.used: set[str] = set()

    @property
    def count(self) -> int:
        return len(self.replications)

    def __call__(self, quantity: "Quantity") -> Column:
        """float64[R] for one quantity, in base units."""
        path = quantity.path
        self.used.add(path)
        if path in self.overrides:
            return np.broadcast_to(np.asarray(self.overrides[path], dtype=float), (self.count,)).copy()
        if quantity.doubt is not None:
            u = _uniforms(self.seed, self.replications, f"doubt/{quantity.doubt.address}")
            return doubted(quantity.value, quantity.doubt, u)
        if quantity.distribution is None:
            return np.full(self.count, quantity.value)
        return quantile_of(quantity.distribution, _uniforms(self.seed, self.replications, path))

    def table(self, quantities: Iterable["Quantity"]) -> NDArray[np.float64]:
        """float64[R, n] for n quantities."""
        columns = [self(q) for q in quantities]
        return np.stack(columns, axis=1) if columns else np.zeros((self.count, 0))

    def constant(self, values: object, dtype: type = np.float64) -> NDArray:
        """The same array in every row."""
        array = np.asarray(values, dtype=dtype)
        return np.repeat(array[None, ...], self.count, axis=0)

    def quarters(self, quantity: "Quantity") -> NDArray[np.int64]:
        """A duration as whole quarters, int64[R]."""
        return np.rint(4.0 * self(quantity)).astype(np.int64)

    def whole(self, quantity: "Quantity") -> NDArray[np.int64]:
        """A count as int64[R]."""
        return np.rint(self(quantity)).astype(np.int64)


def quarterly(yearly: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probability within a quarter of a yearly hazard rate: 1 - exp(-rate / 4)."""
    return -np.expm1(-0.25 * yearly)
