"""A stand-in for a simulator near its prior, the likelihood of facts under it, and draws from the posterior.

Parameters are written as standard normal scores z (the prior of every parameter is then N(0, 1), whatever its own
distribution). A fact's value in a world is emulated as a normal variable on the scale on which the fact is judged (log
where every world gives a positive number): polynomials in z for its mean, a log-linear one for its spread by chance,
one correlation matrix between facts. What the polynomials miss is part of the spread, as is the error of the mean.

Not modelled: skewness left after the log, and correlations between facts that change with the parameters.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

LEAST_SD = 1e-9
RIDGE = 1e-6
REACH = 3.0
MOVES = 8  # Metropolis steps at each temperature
ROUGHEST = 0.5  # tempering goes on in steps that leave this share of the particles effective


@dataclass(frozen=True)
class Data:
    """What is known of the facts, on their scales. `y`: float64[facts]; `sign`: 0 for a figure, +1 for a floor, -1 for
    a ceiling, whose `y` is the bound; `met`: whether the bound held (published ones did); `error`: sd of the published
    figure itself."""

    y: np.ndarray
    error: np.ndarray
    sign: np.ndarray
    met: np.ndarray

    def only(self, keep: np.ndarray | Sequence[int]) -> Data:
        return Data(self.y[keep], self.error[keep], self.sign[keep], self.met[keep])


@dataclass(frozen=True)
class Emulator:
    """`coefficients`: float64[features, facts]; `spread`: float64[1 + parameters, facts] of log sd by chance;
    `correlation`: float64[facts, facts]; `error`: variance of the mean over that of one world; `shape`: degree of the
    polynomials, and whether there are products."""

    coefficients: np.ndarray
    spread: np.ndarray
    correlation: np.ndarray
    error: float
    shape: tuple[int, bool]

    def mean(self, z: np.ndarray) -> np.ndarray:
        """float64[draws, facts]"""
        return features(z, *self.shape) @ self.coefficients

    def sd(self, z: np.ndarray) -> np.ndarray:
        """Of one world by chance, float64[draws, facts]."""
        return np.exp(self.spread[0] + np.clip(z, -REACH, REACH) @ self.spread[1:])

    def covariance(self, z: np.ndarray, error: np.ndarray) -> np.ndarray:
        """Of one published zone about the emulated mean, float64[draws, facts, facts]."""
        sd = self.sd(z)
        whole = sd[:, :, None] * self.correlation * sd[:, None, :] * (1.0 + self.error)
        return whole + np.diag(error**2 + LEAST_SD**2)

    def only(self, keep: np.ndarray | Sequence[int]) -> Emulator:
        """The same of some facts."""
        pick = np.ix_(np.asarray(keep), np.asarray(keep))
        return Emulator(
            self.coefficients[:, keep],
            self.spread[:, keep],
            self.correlation[pick],
            self.error,
            self.shape,
        )

    def log_likelihood(self, z: np.ndarray, data: Data) -> np.ndarray:
        """float64[draws]. Figures by their joint normal; each bound by its probability given the figures (bounds are
        taken as independent of each other given those)."""
        mean, covariance = self.mean(z), self.covariance(z, data.error)
        exact, bounds = np.flatnonzero(data.sign == 0), np.flatnonzero(data.sign != 0)
        total = np.zeros(len(z))
        if len(exact):
            root = np.linalg.cholesky(covariance[:, exact[:, None], exact])
            off = _forward(root, (data.y[exact] - mean[:, exact])[:, :, None])[:, :, 0]
            total -= 0.5 * (off**2).sum(axis=1) + np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)
            total -= 0.5 * len(exact) * np.log(2.0 * np.pi)
            if len(bounds):
                across = _forward(root, covariance[:, exact[:, None], bounds])  # [draws, exact, bounds]
                mean = mean.copy()
                mean[:, bounds] += np.einsum("neb,ne->nb", across, off)
                variance = covariance[:, bounds, bounds] - (across**2).sum(axis=1)
            else:
                variance = np.zeros((len(z), 0))
        else:
            variance = covariance[:, bounds, bounds]
        for k, fact in enumerate(bounds):
            far = data.sign[fact] * (mean[:, fact] - data.y[fact]) / np.sqrt(np.maximum(variance[:, k], LEAST_SD**2))
            total += special.log_ndtr(far if data.met[fact] else -far)
        return total

    def predict(self, z: np.ndarray, data: Data, fact: int, rng: np.random.Generator) -> np.ndarray:
        """One world's value of `fact` for each draw, given the other figures (their chance is shared)."""
        others = np.array([k for k in np.flatnonzero(data.sign == 0) if k != fact], dtype=int)
        mean, covariance = self.mean(z), self.covariance(z, data.error)
        centre, variance = mean[:, fact], covariance[:, fact, fact]
        if len(others):
            root = np.linalg.cholesky(covariance[:, others[:, None], others])
            off = _forward(root, (data.y[others] - mean[:, others])[:, :, None])[:, :, 0]
            across = _forward(root, covariance[:, others, fact][:, :, None])[:, :, 0]
            centre = centre + (across * off).sum(axis=1)
            variance = variance - (across**2).sum(axis=1)
        return centre + np.sqrt(np.maximum(variance, LEAST_SD**2)) * rng.standard_normal(len(z))


def _forward(root: np.ndarray, right: np.ndarray) -> np.ndarray:
    """root⁻¹ · right for a stack of lower triangles."""
    return np.linalg.solve(root, right)


def features(z: np.ndarray, degree: int = 4, products: bool = True) -> np.ndarray:
    """float64[draws, features]: Hermite polynomials of each score, orthonormal under the prior, and products of scores.

    Beyond three standard scores, where no design point lies, a polynomial would run away: it is held there.
    """
    z = np.clip(np.atleast_2d(z), -REACH, REACH)
    parameters = z.shape[1]
    powers = [np.ones_like(z), z]
    for n in range(1, degree):
        powers.append(z * powers[n] - n * powers[n - 1])
    columns = [np.ones((len(z), 1))]
    columns += [power / math.sqrt(math.factorial(n)) for n, power in enumerate(powers) if n]
    if products and parameters > 1:
        columns.append(np.column_stack([z[:, i] * z[:, j] for i in range(parameters) for j in range(i)]))
    return np.hstack(columns)


def _shape(samples: int, parameters: int) -> tuple[int, bool]:
    """(degree, products) that leave at least two points of the design for each coefficient."""
    pairs = parameters * (parameters - 1) // 2
    for degree, products in ((5, True), (4, True), (3, True), (2, True), (2, False)):
        if samples >= 2 * (1 + degree * parameters + products * pairs):
            return degree, products
    return 1, False


def fit(
    z: np.ndarray,
    worlds: np.ndarray,
    apart_z: np.ndarray,
    apart: np.ndarray,
    weights: np.ndarray | None = None,
) -> Emulator:
    """The shape of the means from a design on common random numbers, their level and the chance from worlds apart.

    `z`: float64[samples, parameters]; `worlds`: float64[samples, replications, facts] on the facts' scales. Common
    random numbers show how a mean moves with little noise, but every sample shares the luck of a few worlds. `apart`:
    float64[worlds, facts] at `apart_z`, each in chance of its own: their residuals correct level and slope and give the
    spread, what the polynomials miss included. The degree falls, and products are left out, where the design is small.
    """
    samples, parameters = z.shape
    weights = np.ones(samples) if weights is None else weights
    shape = _shape(samples, parameters)
    x = features(z, *shape)
    root = np.sqrt(weights)[:, None]
    gram = (root * x).T @ (root * x) + RIDGE * np.eye(x.shape[1])
    coefficients = np.linalg.solve(gram, (root * x).T @ (root * worlds.mean(axis=1)))
    line = np.column_stack([np.ones(len(apart)), np.clip(apart_z, -REACH, REACH)])
    off = apart - features(apart_z, *shape) @ coefficients
    correction = np.linalg.lstsq(line, off, rcond=None)[0]
    coefficients[: parameters + 1] += correction  # the first features are 1 and the scores themselves
    off = off - line @ correction
    off *= math.sqrt(len(apart) / max(1, len(apart) - parameters - 1))
    spread = _log_linear_spread(line, off)
    scaled = off / np.exp(line @ spread)
    correlation = np.atleast_2d(np.corrcoef(scaled, rowvar=False))
    facts = apart.shape[1]
    error = (parameters + 1) / len(apart)
    return Emulator(coefficients, spread, 0.999 * correlation + 0.001 * np.eye(facts), error, shape)


def _log_linear_spread(line: np.ndarray, off: np.ndarray) -> np.ndarray:
    """float64[columns, facts]: log sd = line · spread by maximum likelihood (Newton), slopes drawn gently to 0."""
    spread = np.zeros((line.shape[1], off.shape[1]))
    spread[0] = 0.5 * np.log(np.maximum((off**2).mean(axis=0), LEAST_SD**2))
    towards = np.diag([0.0, *np.full(line.shape[1] - 1, 4.0)])  # a prior sd of 0.5 for each slope
    for fact in range(off.shape[1]):
        for _ in range(30):
            ratio = off[:, fact] ** 2 * np.exp(-2.0 * line @ spread[:, fact])
            slope = line.T @ (ratio - 1.0) - towards @ spread[:, fact]
            curve = 2.0 * line.T @ (line * np.maximum(ratio, 0.5)[:, None]) + towards
            step = np.clip(np.linalg.solve(curve, slope), -0.5, 0.5)
            spread[:, fact] += step
            if np.abs(step).max() < 1e-8:
                break
    return spread


def sample(
    log_likelihood: Callable[[np.ndarray], np.ndarray], parameters: int, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """float64[draws, parameters] from N(0, 1)ᵈ × likelihood: sequential Monte Carlo by tempering.

    Particles of the prior are carried to the posterior through powers of the likelihood, each step resampled
    (systematically) and moved by Metropolis steps scaled by the particles' own covariance; a second mode is not lost as
    a single chain would lose it. Del Moral, Doucet and Jasra, J. R. Stat. Soc. B 68 (2006) 411.
    """
    z = rng.standard_normal((draws, parameters))
    fits = log_likelihood(z)
    power = 0.0
    while power < 1.0:
        step = _step(fits, 1.0 - power)
        power = min(1.0, power + step)
        weights = np.exp(step * (fits - fits.max()))
        keep = np.searchsorted(np.cumsum(weights) / weights.sum(), (rng.random() + np.arange(draws)) / draws)
        keep = np.minimum(keep, draws - 1)
        z, fits = z[keep], fits[keep]
        root = np.linalg.cholesky(np.atleast_2d(np.cov(z, rowvar=False)) + 1e-8 * np.eye(parameters))
        for move in range(MOVES):
            scale = (2.38 if move % 2 else 1.0) / np.sqrt(parameters)  # bold and careful in turn
            other = z + scale * rng.standard_normal(z.shape) @ root.T
            other_fits = log_likelihood(other)
            gain = power * (other_fits - fits) + 0.5 * ((z**2).sum(axis=1) - (other**2).sum(axis=1))
            taken = np.log(rng.random(draws)) < gain
            z[taken], fits[taken] = other[taken], other_fits[taken]
    return z


def _step(fits: np.ndarray, most: float) -> float:
    """The longest step in power that leaves enough particles effective."""

    def effective(step: float) -> float:
        weights = np.exp(step * (fits - fits.max()))
        return float(weights.sum() ** 2 / (weights**2).sum() / len(fits))

    if effective(most) >= ROUGHEST:
        return most
    low, high = 0.0, most
    for _ in range(50):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if effective(middle) >= ROUGHEST else (low, middle)
    return max(low, 1e-9)
