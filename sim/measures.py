"""Returns of funds, quantiles with their Monte-Carlo errors, the scoreboard of facts.

Flows are seen from the investor: negative paid in, positive paid out; `nav` is what is left at the last date. Internal
rates come from pyxirr where flows lie on a yearly, quarterly or monthly grid, else from bracketing; flows are scaled to
1 first. A fund that lost everything has an IRR of -100 %, and counts; where there is no IRR the value is NaN and a
sentence says why, so that an average can say what it left out.

Sources: Kaplan and Schoar (2005), "Private equity performance", J. Finance 60(4) (KS-PME); Gredil, Griffiths and
Stucke (2014), "Benchmarking private equity: the direct alpha method"; Rouvinez (2003), "Private equity benchmarking
with PME+", Venture Capital Journal. Not modelled: fees to an index, reinvestment at a hurdle (MIRR).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from datetime import date

    Array = np.ndarray[Any, np.dtype[np.float64]]

TOTAL_LOSS = -1.0
LARGEST_RATE = 1e6  # a yearly rate above this is not looked for
UNDEFINED = "undefined"


@dataclass(frozen=True)
class Rate:
    """A yearly rate, or NaN and the reason. `others`: further rates at which the same flows have no present value."""

    value: float
    reason: str = ""
    others: tuple[float, ...] = ()

    def __bool__(self) -> bool:
        return not math.isnan(self.value)

    def answer(self) -> float | tuple[str, str]:
        """The number, or ("undefined", why)."""
        return self.value if self else (UNDEFINED, self.reason)


@dataclass(frozen=True)
class Estimate:
    """A number estimated from draws and its Monte-Carlo standard error."""

    value: float
    error: float


# ------------------------------------------------------------------------------------------------------- returns


def irr(
    flows: Sequence[float] | Array,
    periods: Sequence[float] | None = None,
    dates: Sequence[date] | None = None,
    nav: float = 0.0,
) -> Rate:
    """Internal rate of return a year of flows at `dates` (365-day years, as XIRR) or `periods` (years; default
    0, 1, 2 …)."""
    amounts = _with_nav(flows, nav)
    years = _years(amounts.size, periods, dates)
    if not np.all(np.isfinite(amounts)):
        return Rate(math.nan, "a flow is not a number")
    scale = float(np.max(np.abs(amounts), initial=0.0))
    if scale == 0.0:
        return Rate(math.nan, "there are no flows")
    amounts = amounts / scale
    if not np.any(amounts < 0.0):
        return Rate(math.nan, "nothing was paid in")
    if not np.any(amounts > 0.0):
        return Rate(TOTAL_LOSS)
    order = np.argsort(years, kind="stable")
    moments, place = np.unique(years[order], return_inverse=True)
    amounts = np.bincount(place, amounts[order], moments.size).astype(np.float64)
    signs = np.sign(amounts[np.abs(amounts) > 1e-15])
    changes = int(np.count_nonzero(np.diff(signs)))
    if changes == 0:
        return Rate(math.nan, "all that was paid in came back at the same dates")
    found = [_conventional(amounts, moments)] if changes == 1 else _every_root(amounts, moments)
    found = [x for x in found if math.isfinite(x)]
    if not found:
        return Rate(math.nan, "no rate gives the flows a present value of zero")
    gain = float(amounts.sum())
    if changes == 1 and signs[0] > 0:
        return Rate(math.nan, "what came back came before what was paid in")
    found.sort(key=lambda rate: ((rate > 0.0) != (gain > 0.0), abs(rate)))
    reason = ""
    if found[1:]:
        count = len(found)
        reason = f"{count} rates give a present value of zero; the nearest to zero on the side of the gain is taken"
    return Rate(found[0], reason, tuple(found[1:]))


def _with_nav(flows: Sequence[float] | Array, nav: float) -> Array:
    amounts = np.array(flows, dtype=np.float64)
    if amounts.size:
        amounts[-1] += nav
    return amounts


def _years(n: int, periods: Sequence[float] | None, dates: Sequence[date] | None) -> Array:
    if dates is not None:
        return np.array([(day - dates[0]).days / 365.0 for day in dates])
    return np.arange(n, dtype=np.float64) if periods is None else np.asarray(periods, dtype=np.float64)


def _conventional(amounts: Array, years: Array) -> float:
    """The one rate of flows that change sign once: by pyxirr on a regular grid, else bracketed."""
    import pyxirr

    start = years - years[0]
    for per_year in (1, 4, 12):
        steps = start * per_year
        if steps[-1] <= 2000 and np.allclose(steps, np.round(steps), rtol=0.0, atol=1e-9):
            grid = np.zeros(round(float(steps[-1])) + 1)
            grid[np.round(steps).astype(int)] = amounts
            rate = pyxirr.irr(grid, silent=True)
            if rate is not None and rate > TOTAL_LOSS:
                log_rate = per_year * math.log1p(rate)
                if log_rate < 700.0 and abs(_present_value(log_rate, amounts, start)) < 1e-9:
                    return math.expm1(log_rate)
    found = _every_root(amounts, years)
    return found[0] if found else math.nan


def _present_value(log_rate: float, amounts: Array, start: Array) -> float:
    """Relative to the sum of the sizes of the discounted flows, so that it is small only near a root."""
    log_discount = -log_rate * start
    parts = amounts * np.exp(log_discount - log_discount.max())
    return float(parts.sum() / np.abs(parts).sum())


def _every_root(amounts: Array, years: Array) -> list[float]:
    """Every rate between -99.9999 % and LARGEST_RATE at which the present value changes its sign."""
    from scipy.optimize import brentq

    start = years - years[0]
    grid = np.unique(
        np.concatenate([np.linspace(math.log(1e-6), 1.5, 801), np.linspace(1.5, math.log(LARGEST_RATE), 80)])
    )
    values = [_present_value(u, amounts, start) for u in grid]
    found = []
    for a, b, at_a, at_b in zip(grid[:-1], grid[1:], values[:-1], values[1:], strict=True):
        if at_a == 0.0:
            found.append(math.expm1(a))
        elif at_a * at_b < 0.0:
            root: Any = brentq(_present_value, a, b, (amounts, start), xtol=1e-14)
            found.append(math.expm1(root))
    return found


def paid_in(flows: Sequence[float] | Array) -> float:
    return float(-np.minimum(np.asarray(flows, float), 0.0).sum())


def distributed(flows: Sequence[float] | Array) -> float:
    return float(np.maximum(np.asarray(flows, float), 0.0).sum())


def _over_paid_in(amount: float, flows: Sequence[float] | Array) -> float:
    paid = paid_in(flows)
    return amount / paid if paid > 0.0 else math.nan


def tvpi(flows: Sequence[float] | Array, nav: float = 0.0) -> float:
    """Total value to paid in: (distributed + nav) / paid in; NaN where nothing was paid in."""
    return _over_paid_in(distributed(flows) + nav, flows)


def dpi(flows: Sequence[float] | Array) -> float:
    """Distributed to paid in."""
    return _over_paid_in(distributed(flows), flows)


def rvpi(flows: Sequence[float] | Array, nav: float) -> float:
    """Residual value to paid in."""
    return _over_paid_in(nav, flows)


def grown_with_index(flows: Sequence[float] | Array, index: Sequence[float] | Array) -> Array:
    """Flows carried to the last date at the index's growth."""
    level = np.asarray(index, float)
    return np.asarray(flows, float) * (level[-1] / level)


def ks_pme(flows: Sequence[float] | Array, index: Sequence[float] | Array, nav: float = 0.0) -> float:
    """Kaplan-Schoar public market equivalent: (distributions + nav) / calls, all grown with the index."""
    return tvpi(grown_with_index(flows, index), nav)


def direct_alpha(
    flows: Sequence[float] | Array,
    index: Sequence[float] | Array,
    nav: float = 0.0,
    periods: Sequence[float] | None = None,
    dates: Sequence[date] | None = None,
) -> Rate:
    """Rate of return over the index: the IRR of the flows grown with it."""
    return irr(grown_with_index(flows, index), periods, dates, nav)


def pme_plus(
    flows: Sequence[float] | Array,
    index: Sequence[float] | Array,
    nav: float = 0.0,
    periods: Sequence[float] | None = None,
    dates: Sequence[date] | None = None,
) -> Rate:
    """IRR of the index investment that takes the fund's calls and the distributions scaled so that it ends at the
    fund's nav."""
    amounts = np.asarray(flows, float)
    grown = grown_with_index(amounts, index)
    back = distributed(grown)
    if back <= 0.0:
        return Rate(math.nan, "there are no distributions to scale")
    factor = (paid_in(grown) - nav) / back
    return irr(np.where(amounts > 0.0, factor * amounts, amounts), periods, dates, nav)


# ---------------------------------------------------------------------------------------- means and quantiles


def mean(draws: Sequence[float] | Array, weights: Sequence[float] | Array | None = None) -> Estimate:
    """Weighted mean; its error is that of a ratio of sums over independent draws."""
    x, w = _weighted(draws, weights)
    if x.size == 0:
        return Estimate(math.nan, math.nan)
    centre = float(np.sum(w * x))
    if x.size == 1:
        return Estimate(centre, math.nan)
    spread = math.sqrt(float(np.sum((w * (x - centre)) ** 2)) * x.size / (x.size - 1))
    return Estimate(centre, spread)


def quantile(draws: Sequence[float] | Array, level: float, weights: Sequence[float] | Array | None = None) -> Estimate:
    """Weighted quantile; with equal weights that of numpy (linear between order statistics).

    The error is half the distance between the quantiles one binomial standard error of the level below and above
    (Woodruff 1952), with the effective number of draws 1 / sum of squared weights. It is NaN where one of the two would
    lie beyond the draws (a level of .99 of fewer than 100): nothing in them tells how far the tail goes on.
    """
    x, w = _weighted(draws, weights)
    if x.size == 0:
        return Estimate(math.nan, math.nan)
    if not 0.0 <= level <= 1.0:
        raise ValueError(f"a quantile's level lies between 0 and 1, found {level}")
    order = np.argsort(x, kind="stable")
    x, w = x[order], w[order]
    below = np.cumsum(w) - w
    top = below[-1]
    place = below / top if top > 0.0 else np.zeros(1)
    error = math.sqrt(level * (1.0 - level) * float(np.sum(w * w)))
    at = np.interp([level, level - error, level + error], place, x) if x.size > 1 else np.repeat(x, 3)
    told = x.size > 1 and level - error >= 0.0 and level + error <= 1.0
    return Estimate(float(at[0]), float(at[2] - at[1]) / 2.0 if told else math.nan)


def mean_and_band(draws: Array) -> tuple[float, float, float]:
    """Mean, 5 % and 95 % quantile of the finite ones; NaN where there is none."""
    finite = draws[np.isfinite(draws)]
    if not len(finite):
        return math.nan, math.nan, math.nan
    p05, p95 = np.quantile(finite, [0.05, 0.95])
    return float(finite.mean()), float(p05), float(p95)


def _weighted(draws: Sequence[float] | Array, weights: Sequence[float] | Array | None) -> tuple[Array, Array]:
    """Draws that are numbers, and their weights, which sum to one; draws without weight are left out."""
    x = np.asarray(draws, float).ravel()
    w = np.ones(x.size) if weights is None else np.asarray(weights, float).ravel()
    if w.shape != x.shape:
        raise ValueError(f"{x.size} draws do not go with {w.size} weights")
    if np.any(w < 0.0):
        raise ValueError("a weight is negative")
    keep = ~np.isnan(x) & (w > 0.0)
    x, w = x[keep], w[keep]
    return x, w / w.sum() if w.size else w


# ---------------------------------------------------------------------------------------------------- scoreboard


@dataclass(frozen=True)
class Score:
    """A published figure beside its simulated draws.

    p05 ... p95: of the draws that are numbers; inside: whether the figure agrees with p05-p95; half: whether it lies
    within p25-p75 (None for floors and ceilings); probability: share of those draws that reach it (for a ceiling: stay
    at or below it); undefined: draws that are no numbers. All None without draws.
    """

    p05: float | None = None
    p25: float | None = None
    p50: float | None = None
    p75: float | None = None
    p95: float | None = None
    inside: bool | None = None
    half: bool | None = None
    probability: float | None = None
    undefined: int = 0


def score_fact(observed: float, draws: Sequence[float] | Array, bound: str | None = None) -> Score:
    """Whether an observed figure lies in the simulated 5-95 % band of draws [replication].

    bound: None or "exact": p05 <= observed <= p95; "at_least" (a floor): p95 reaches it; "at_most": p05 stays at or
    below it.
    """
    x = np.asarray(draws, float)
    if bound not in (None, "", "exact", "at_least", "at_most"):
        raise ValueError(f"a bound is exact, at_least or at_most, found {bound!r}")
    defined = x[np.isfinite(x)]
    undefined = int(x.size - defined.size)
    if defined.size == 0:
        return Score(undefined=undefined)
    p05, p25, p50, p75, p95 = (float(q) for q in np.quantile(defined, [0.05, 0.25, 0.5, 0.75, 0.95]))
    reached, half = float(np.mean(defined >= observed)), None
    if bound == "at_least":
        inside = p95 >= observed
    elif bound == "at_most":
        inside, reached = p05 <= observed, float(np.mean(defined <= observed))
    else:
        inside, half = p05 <= observed <= p95, p25 <= observed <= p75
    return Score(p05, p25, p50, p75, p95, inside, half, reached, undefined)


ROUNDING = 1e-9  # of what is compared: a smaller difference is the rounding of floats


def paired_differences(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a - b, 0 where they are the same but for rounding; NaN where either is."""
    d = a - b
    with np.errstate(invalid="ignore"):
        d[np.abs(d) <= ROUNDING * np.maximum(np.abs(a), np.abs(b))] = 0.0
    return d


def mean_difference(d: np.ndarray, axis: int = -1) -> np.ndarray:
    """Mean of those that are defined, 0 where they sum to nothing but rounding; NaN where there is none."""
    count = np.isfinite(d).sum(axis=axis)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.asarray(np.nansum(d, axis=axis) / count)
        mean[np.abs(mean) * count <= ROUNDING * np.nansum(np.abs(d), axis=axis)] = 0.0
    return np.where(np.isfinite(mean), mean, np.nan)
