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


def _ratio(x: Column, over: tuple[float, ...], under: tuple[float, ...]) -> Column:
    return np.polyval(over, x) / np.polyval(under, x)


_CENTRE = (
    (2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
     13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.387132872796366608),
    (5226.495278852545925, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867,
     5394.1960214247511077, 687.1870074920579083, 42.313330701600911252, 1.0),
)  # fmt: skip
_TAIL = (
    (7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177, 1.27045825245236838258,
     3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959, 1.42343711074968357734),
    (1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966, 0.14810397642748007459,
     0.68976733498510000455, 1.6763848301838038494, 2.05319162663775882187, 1.0),
)  # fmt: skip
_FAR = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.0012426609473880784386, 0.026532189526576123093,
     0.29656057182850489123, 1.7848265399172913358, 5.4637849111641143699, 6.6579046435011037772),
    (2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5, 7.868691311456132591e-4,
     0.0148753612908506148525, 0.13692988092273580531, 0.59983220655588793769, 1.0),
)  # fmt: skip


def normal_quantile(u: Column) -> Column:
    """Standard normal quantiles of 0 < u < 1: Wichura's algorithm AS 241 (PPND16), relative error near 1e-16.

    Written out because scipy.special, which has it too, takes longer to import than a scenario to load."""
    q = np.asarray(u, float) - 0.5
    r = np.sqrt(-np.log(np.minimum(u, 1.0 - u)))
    tail = np.where(r <= 5.0, _ratio(r - 1.6, *_TAIL), _ratio(r - 5.0, *_FAR))
    return np.where(np.abs(q) <= 0.425, q * _ratio(0.180625 - q * q, *_CENTRE), np.copysign(tail, q))


def quantile_of(distribution: "Distribution", u: Column) -> Column:
    """Quantiles u of a parameter's distribution, in base units. Imports scipy.special only where it is needed."""
    kind = distribution.kind
    if kind == "lognormal":
        sd = np.log(distribution.p95 / distribution.median) / 1.6448536269514722
        return distribution.median * np.exp(sd * normal_quantile(u))
    if kind == "normal":
        return distribution.mean + distribution.sd * normal_quantile(u)
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
        from scipy import special

        return special.betaincinv(m * n, (1 - m) * n, u)
    choices = np.asarray(distribution.choices, dtype=float)
    return choices[np.minimum((u * len(choices)).astype(int), len(choices) - 1)]


def doubted(value: float, doubt: "Doubt", u: Column) -> Column:
    """Quantiles u of a number that its grade leaves in doubt, about `value` as the median; see Doubt for the form."""
    moved = doubt.sd * normal_quantile(u)
    whole, part = doubt.bound - doubt.origin, value - doubt.origin
    if np.isinf(whole):
        return doubt.origin + part * np.exp(moved)
    return doubt.origin + whole * part / (part + (whole - part) * np.exp(-moved))  # the log odds move


def _uniforms(seed: int, replications: NDArray[np.int64], path: str) -> Column:
    """One uniform number a replication for a path: Philox by numpy, keyed by a hash of seed and path, jumped to the
    replication's own counter, so that one more replication changes none before it."""
    digest = hashlib.sha256(f"{seed}/{path}".encode()).digest()
    key = int.from_bytes(digest[:16], "little")
    top = int(replications.max()) + 1 if replications.size else 0
    raw = np.random.Philox(key=key).random_raw(top)
    return ((raw[replications] >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


MOST = 1e15  # a whole number of it still has neighbours, and sums of a few hold in int64


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
        return to_quarters(self(quantity))

    def whole(self, quantity: "Quantity") -> NDArray[np.int64]:
        """A count as int64[R]; what is beyond any count (1e15) is that much."""
        return to_whole(self(quantity))


def to_whole(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """The nearest whole numbers; what is beyond any count (1e15) is that much."""
    return np.rint(np.clip(values, -MOST, MOST)).astype(np.int64)


OLDEST = 1e5  # years; in quarters, and drawn at its longest, still a 32-bit number


def no_older(years: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ages in years; what is beyond any firm's age (1e5) is that much."""
    return np.minimum(years, OLDEST)


def quarterly(yearly: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probability within a quarter of a yearly hazard rate: 1 - exp(-rate / 4)."""
    return -np.expm1(-0.25 * yearly)


def to_quarters(years: NDArray[np.float64]) -> NDArray[np.int64]:
    """Years as whole quarters; what is longer than OLDEST is that long."""
    return to_whole(4.0 * no_older(years))
