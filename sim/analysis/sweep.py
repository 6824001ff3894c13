"""What matters: global sensitivity of a scenario's outcomes to its parameters.

sobol    first, total and second order shares of variance (Saltelli 2010 and Jansen estimators by
         `scipy.stats.sobol_indices`, second order by SALib), N(2d+2) samples, or N(d+2) without second order
morris   elementary effects along N trajectories (SALib): cheap screening, N(d+1) samples
lhs      Latin hypercube of N samples: rank correlation, first order by RBD-FAST (SALib), linear shares
grid     every combination of N levels a parameter: exact shares on the grid, heat maps
oat      one at a time from the central values: a tornado, with paired intervals

Replication r of every sample lives in the same random world (common random numbers), so a difference between two
samples is the parameters' doing, and the variance splits into that by parameters, by chance and by both.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import combinations, pairwise, product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.analysis.model import Model, ZoneModel, all_at_once, refuse, split_output
from sim.analysis.text import between_differences, csv_text, key_to, layout, say, show, tell_difference, word
from sim.analysis.vary import Varied, varied_of
from sim.analysis.work import (
    JOURNAL,
    REPORTED,
    Evaluated,
    Executor,
    Progress,
    VarianceSplit,
    claim,
    evaluate,
    header_for,
    origin,
    words_of,
)
from sim.errors import Problem, UserError
from sim.measures import mean_and_band, mean_difference, paired_differences
from sim.memory import refuse_too_many_samples

if TYPE_CHECKING:
    from sim.scenario.document import Scenario

METHODS = ("sobol", "morris", "lhs", "grid", "oat")
USUAL_SAMPLES = {"sobol": 128, "morris": 20, "lhs": 256, "grid": 5, "oat": 5}
USUAL_REPLICATIONS = 20
LARGEST_NOISE = 0.10  # of the variance of means over replications, before it is remarked on
MORRIS_LEVELS = 4
LEAST_SOBOL, LEAST_FAST = 8, 64  # below these a bootstrap, or ten harmonics, says nothing
LARGEST_GRID = 1_000_000
CONFIDENCE = 0.95
RESAMPLES = 500
SMALL_SHARE, SMALL_EFFECT = 0.05, 0.10  # a sample is big enough when no interval reaches further than this either way


@dataclass(frozen=True)
class Plan:
    """`design`: float64[S, d]. `fair`: the samples that are drawn from the parameters' own spread."""

    method: str
    samples: int
    second_order: bool
    design: np.ndarray
    levels: np.ndarray  # the same in [0, 1], NaN where a method has none
    fair: np.ndarray


@dataclass(frozen=True)
class Index:
    """One number of indices.csv; `low`, `high` NaN where the method has no sampling error or none can be told."""

    output: str
    name: str
    parameter: str
    other: str
    value: float
    low: float
    high: float

    @property
    def noise(self) -> bool:
        """There is an effect, but its interval holds 0."""
        return self.low <= 0 <= self.high and self.low < self.high

    @property
    def sure(self) -> bool:
        """Not 0, and no interval that holds 0; a method without intervals tells its numbers as they are."""
        return math.isfinite(self.value) and self.value != 0 and not self.low <= 0 <= self.high


# --- designs


def plan(varied: Sequence[Varied], method: str, samples: int | None, seed: int, second_order: bool = True) -> Plan:
    """The samples of a method; the same seed and a larger Sobol size begin with the same samples."""
    if method not in METHODS:
        from sim.analysis.model import nearest

        raise refuse(
            "no such method", key="method", found=method, expected=" | ".join(METHODS), nearest=nearest(method, METHODS)
        )
    n = USUAL_SAMPLES[method] if samples is None else samples
    least = {"sobol": LEAST_SOBOL, "morris": 2, "lhs": 16, "grid": 2, "oat": 2}[method]
    if n < least:
        raise refuse("too few samples", key="samples", found=str(n), expected=f"at least {least} for {method}")
    d = len(varied)
    runs = {"sobol": 2 * d + 2, "morris": d + 1, "lhs": 1, "grid": 1, "oat": d}[method]  # of the model, a sample
    refuse_too_many_samples(n, runs * (d + REPORTED))
    return _PLANS[method](list(varied), n, seed, second_order)


def _scaled(varied: Sequence[Varied], u: np.ndarray, whole: bool = False) -> np.ndarray:
    return np.column_stack([v.at(u[:, k]) if whole else v.within(u[:, k]) for k, v in enumerate(varied)])


def _plan_sobol(varied: list[Varied], n: int, seed: int, second_order: bool) -> Plan:
    """For each j of n: A_j, then A_j with one column of B_j, then (second order) B_j with one of A_j, then B_j."""
    from scipy.stats import qmc

    if n & (n - 1):
        below = 1 << (n.bit_length() - 1)
        raise refuse(
            "a Sobol sequence is balanced only at powers of two",
            key="samples",
            found=str(n),
            expected=f"{below} or {2 * below}",
        )
    d = len(varied)
    second_order = second_order and d > 1
    points = qmc.Sobol(2 * d, scramble=True, rng=np.random.default_rng(seed)).random(n)
    a, b = points[:, :d], points[:, d:]
    step = 2 * d + 2 if second_order else d + 2
    u = np.empty((n, step, d))
    u[:, : d + 1] = a[:, None, :]
    u[:, d + 1 :] = b[:, None, :]
    for k in range(d):
        u[:, 1 + k, k] = b[:, k]
        if second_order:
            u[:, 1 + d + k, k] = a[:, k]
    fair = np.zeros((n, step), dtype=bool)
    fair[:, [0, -1]] = True
    u = u.reshape(n * step, d)
    return Plan("sobol", n, second_order, _scaled(varied, u, whole=True), u, fair.reshape(-1))


def _plan_morris(varied: list[Varied], n: int, seed: int, second_order: bool) -> Plan:
    from SALib.sample import morris

    u = morris.sample(_unit_problem(varied), n, num_levels=MORRIS_LEVELS, seed=seed)
    return Plan("morris", n, False, _scaled(varied, u), u, np.zeros(len(u), dtype=bool))


def _plan_lhs(varied: list[Varied], n: int, seed: int, second_order: bool) -> Plan:
    from scipy.stats import qmc

    u = qmc.LatinHypercube(len(varied), rng=np.random.default_rng(seed)).random(n)
    return Plan("lhs", n, False, _scaled(varied, u, whole=True), u, np.ones(n, dtype=bool))


def _levels(varied: Varied, n: int) -> np.ndarray:
    if varied.kind == "choices":
        return (np.arange(len(varied.options)) + 0.5) / len(varied.options)
    return np.linspace(0.0, 1.0, n)


def _plan_grid(varied: list[Varied], n: int, seed: int, second_order: bool) -> Plan:
    sides = [_levels(v, n) for v in varied]
    size = math.prod(len(side) for side in sides)
    if size > LARGEST_GRID:
        raise refuse("the grid is too large", key="samples", found=f"{size} points", expected="lhs, or fewer levels")
    u = np.array(list(product(*sides)))
    return Plan("grid", n, False, _scaled(varied, u), u, np.ones(len(u), dtype=bool))


def _plan_oat(varied: list[Varied], n: int, seed: int, second_order: bool) -> Plan:
    """Row 0 is filled with the central values by `sweep`, which knows the model; NaN stands for them here."""
    rows = [np.full(len(varied), np.nan)]
    for k, v in enumerate(varied):
        ends = v.options if v.kind == "choices" else np.linspace(*v.ends, n)
        for value in ends:
            row = np.full(len(varied), np.nan)
            row[k] = value
            rows.append(row)
    design = np.array(rows)
    return Plan("oat", n, False, design, np.full_like(design, np.nan), np.zeros(len(design), dtype=bool))


_PLANS: dict[str, Callable[[list[Varied], int, int, bool], Plan]] = {
    "sobol": _plan_sobol,
    "morris": _plan_morris,
    "lhs": _plan_lhs,
    "grid": _plan_grid,
    "oat": _plan_oat,
}


def _unit_problem(varied: Sequence[Varied]) -> dict[str, Any]:
    return {"num_vars": len(varied), "names": [v.path for v in varied], "bounds": [[0.0, 1.0]] * len(varied)}


# --- indices


def indices_of(plan: Plan, varied: Sequence[Varied], evaluated: Evaluated, seed: int) -> tuple[list[Index], list[str]]:
    """(indices of every output, outputs of which some sample is undefined and that therefore have none)."""
    indices: list[Index] = []
    undefined: list[str] = []
    for k, output in enumerate(evaluated.outputs):
        y = evaluated.mean[:, k]
        if np.isfinite(y).all():
            indices += _INDICES[plan.method](plan, varied, evaluated, k, seed)
        else:
            undefined.append(output)
    return indices, undefined


def _sobol_indices(plan: Plan, varied: Sequence[Varied], evaluated: Evaluated, k: int, seed: int) -> list[Index]:
    output, y = evaluated.outputs[k], evaluated.mean[:, k]
    found = sobol_estimates(plan, varied, y, plan.samples, seed)
    indices = [
        Index(output, name, v.path, "", *(float(x) for x in found[name][:, i]))
        for name in ("first", "total")
        for i, v in enumerate(varied)
    ]
    if plan.second_order and np.ptp(y) > 0:
        pairs = combinations(range(len(varied)), 2)
        for (i, j), (value, reach) in zip(pairs, second_order_estimates(plan, varied, y, seed), strict=True):
            indices.append(Index(output, "second", varied[i].path, varied[j].path, value, value - reach, value + reach))
    return indices


def second_order_estimates(plan: Plan, varied: Sequence[Varied], y: np.ndarray, seed: int) -> list[tuple[float, float]]:
    """(value, half-interval) of every pair of parameters in order, by SALib, of what is left of the output when its
    linear part is taken off: that part has no interaction, so only its noise goes. A linear model's are 0 exactly."""
    from SALib.analyze import sobol

    d, n = len(varied), plan.samples
    linear, known = _linear_part(plan, varied, y.reshape(n, -1), n)
    rest = y - linear.reshape(-1)
    variance = np.var(y.reshape(n, -1)[:, [0, -1]]) - np.var(linear[:, [0, -1]]) + known.sum()
    if np.ptp(rest) <= 1e-9 * np.ptp(y):
        return [(0.0, 0.0)] * (d * (d - 1) // 2)
    found = sobol.analyze(
        _unit_problem(varied),
        rest,
        calc_second_order=True,
        num_resamples=RESAMPLES,
        conf_level=CONFIDENCE,
        seed=seed + 1,
    )
    share = float(np.var(rest) / variance)
    pairs = combinations(range(d), 2)
    return [(share * float(found["S2"][i, j]), share * float(found["S2_conf"][i, j])) for i, j in pairs]


def _linear_part(plan: Plan, varied: Sequence[Varied], y: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """(the linear part of `y` float64[n, step], its variance by parameter), by least squares on A and B."""
    d, step = len(varied), y.shape[1]
    x = plan.design[: n * step].reshape(n, step, d)
    if 2 * n <= 4 * (d + 1):
        return np.zeros_like(y), np.zeros(d)
    base = np.concatenate([x[:, 0], x[:, -1]])
    scale = np.array([math.sqrt(v.variance) for v in varied])
    centre = np.array([v.mean for v in varied])
    matrix = np.column_stack([np.ones(2 * n), (base - centre) / scale])
    slopes = np.linalg.lstsq(matrix, np.concatenate([y[:, 0], y[:, -1]]), rcond=None)[0][1:]
    return ((x - centre) / scale) @ slopes, slopes**2


def sobol_estimates(plan: Plan, varied: Sequence[Varied], y: np.ndarray, n: int, seed: int) -> dict[str, np.ndarray]:
    """{"first", "total": float64[(value, low, high), d]} from the first n of the base samples.

    The estimators are scipy's (`sobol_indices` with its saltelli_2010 formulas), with one addition: the linear part of
    the output, fitted by least squares on A and B, serves as a control variate. Its indices are known exactly
    (coefficient² × variance of the parameter), so only what is not linear is left to sampling error; a linear model
    has its indices exactly. Intervals: percentile bootstrap over base samples, which takes the quasi-random points for
    random ones and is therefore rather too wide.
    """
    from scipy.stats import sobol_indices

    d = len(varied)
    step = 2 * d + 2 if plan.second_order else d + 2
    y = y[: n * step].reshape(n, step)
    if d == 1 or np.ptp(y) == 0:  # all of the variance is the one parameter's, or there is none
        nothing = np.ptp(y) == 0
        row = np.array([np.full(d, 0.0 if nothing else 1.0), *np.full((2, d), np.nan if nothing else 1.0)])
        return {"first": row, "total": row.copy()}
    linear, known = _linear_part(plan, varied, y, n)

    def corrected(f_A: np.ndarray, f_B: np.ndarray, f_AB: np.ndarray) -> np.ndarray:
        """[2, d]: rows 0 of the inputs are the output, rows 1 its linear part."""
        (fa, la), (fb, lb), (fab, lab) = f_A, f_B, (f_AB[:, 0], f_AB[:, 1])
        variance = np.var([fa, fb]) - np.var([la, lb]) + known.sum()
        first = np.mean(fb * (fab - fa), axis=-1) - np.mean(lb * (lab - la), axis=-1) + known
        total = (np.mean((fa - fab) ** 2, axis=-1) - np.mean((la - lab) ** 2, axis=-1)) / 2.0 + known
        return np.array([first, total]) / variance

    f_a, f_b = np.array([y[:, 0], linear[:, 0]]), np.array([y[:, -1], linear[:, -1]])
    f_ab = np.stack([y[:, 1 : d + 1].T, linear[:, 1 : d + 1].T], axis=1)
    # scipy centres its copies and calls `corrected`; it has no seed for its own bootstrap, so ours calls it again
    found = sobol_indices(func={"f_A": f_a, "f_B": f_b, "f_AB": f_ab}, n=n, method=corrected)  # type: ignore[arg-type]
    centred = (found._f_A, found._f_B, found._f_AB)
    low, high = _resampled(lambda rows: corrected(*(part[..., rows] for part in centred)), n, seed)
    estimates = (np.reshape(found.first_order, d), np.reshape(found.total_order, d))
    return {name: np.array([estimates[i], low[i], high[i]]) for i, name in enumerate(("first", "total"))}


def _resampled(statistic: Callable[[np.ndarray], np.ndarray], n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Percentile bootstrap of a statistic of rows 0 … n-1; NaN where resamples leave it undefined."""
    from scipy.stats import DegenerateDataWarning, bootstrap

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DegenerateDataWarning)
        spread = bootstrap(
            (np.arange(n),),
            statistic,
            n_resamples=RESAMPLES,
            confidence_level=CONFIDENCE,
            method="percentile",
            vectorized=False,
            rng=np.random.default_rng([seed, n]),
        ).confidence_interval
    return spread.low, spread.high


def _morris_indices(plan: Plan, varied: Sequence[Varied], evaluated: Evaluated, k: int, seed: int) -> list[Index]:
    return morris_estimates(plan, varied, evaluated.outputs[k], evaluated.mean[:, k], plan.samples, seed)


def morris_estimates(
    plan: Plan, varied: Sequence[Varied], output: str, y: np.ndarray, n: int, seed: int
) -> list[Index]:
    """Effects per whole width of a parameter's spread, in the output's unit."""
    from SALib.analyze import morris

    rows = n * (len(varied) + 1)
    found = morris.analyze(
        _unit_problem(varied),
        plan.levels[:rows],
        y[:rows],
        num_resamples=RESAMPLES,
        conf_level=CONFIDENCE,
        num_levels=MORRIS_LEVELS,
        seed=seed + 1,
    )
    indices = []
    for i, v in enumerate(varied):
        value, reach = float(found["mu_star"][i]), float(found["mu_star_conf"][i])
        indices.append(Index(output, "mu_star", v.path, "", value, max(0.0, value - reach), value + reach))
        indices.append(Index(output, "mu", v.path, "", float(found["mu"][i]), np.nan, np.nan))
        indices.append(Index(output, "sigma", v.path, "", float(found["sigma"][i]), np.nan, np.nan))
    return indices


def _lhs_indices(plan: Plan, varied: Sequence[Varied], evaluated: Evaluated, k: int, seed: int) -> list[Index]:
    return lhs_estimates(plan, varied, evaluated.outputs[k], evaluated.mean[:, k], plan.samples, seed)


def lhs_estimates(plan: Plan, varied: Sequence[Varied], output: str, y: np.ndarray, n: int, seed: int) -> list[Index]:
    from scipy.stats import rankdata

    x, y = plan.design[:n], y[:n]
    if np.ptp(y) == 0:
        return [Index(output, "rank", v.path, "", 0.0, np.nan, np.nan) for v in varied]
    indices: list[Index] = []
    if n >= LEAST_FAST:
        from SALib.analyze import rbd_fast

        fast = rbd_fast.analyze(
            _unit_problem(varied), plan.levels[:n], y, num_resamples=100, conf_level=CONFIDENCE, seed=seed + 1
        )
        for i, v in enumerate(varied):
            value, reach = float(fast["S1"][i]), float(fast["S1_conf"][i])
            indices.append(Index(output, "first", v.path, "", value, value - reach, value + reach))
    scale = np.array([math.sqrt(v.variance) for v in varied])

    def rank(rows: np.ndarray) -> np.ndarray:
        ranks = rankdata(np.column_stack([x[rows], y[rows]]), axis=0)
        ranks = ranks - ranks.mean(axis=0)
        length = np.sqrt((ranks**2).sum(axis=0))
        with np.errstate(invalid="ignore"):
            return (ranks[:, :-1].T @ ranks[:, -1]) / (length[:-1] * length[-1])

    def linear(rows: np.ndarray) -> np.ndarray:
        """coefficient² × the parameter's variance over the whole variance: exact where the model is linear."""
        matrix = np.column_stack([np.ones(len(rows)), x[rows] / scale])
        fit = np.linalg.lstsq(matrix, y[rows], rcond=None)[0]
        rest = np.mean((y[rows] - matrix @ fit) ** 2)
        return fit[1:] ** 2 / (np.sum(fit[1:] ** 2) + rest)

    statistics: list[tuple[str, Callable[[np.ndarray], np.ndarray]]] = [("rank", rank)]
    if n > 2 * (len(varied) + 1):
        statistics.append(("linear", linear))
    for name, statistic in statistics:
        values = statistic(np.arange(n))
        low, high = _resampled(statistic, n, seed)
        for i, v in enumerate(varied):
            indices.append(Index(output, name, v.path, "", float(values[i]), float(low[i]), float(high[i])))
    return indices


def _grid_indices(plan: Plan, varied: Sequence[Varied], evaluated: Evaluated, k: int, seed: int) -> list[Index]:
    """Exact for the grid's own uniform distribution over its points: nothing is sampled, so there is no interval."""
    cube = _cube(plan, varied, evaluated.mean[:, k])
    whole = cube.var()
    axes = range(cube.ndim)
    indices = []
    for name in ("first", "total"):
        for i, v in enumerate(varied):
            others = tuple(a for a in axes if a != i)
            if whole == 0:
                share = 0.0
            elif name == "first":
                share = cube.mean(axis=others).var() / whole
            else:
                share = 1.0 - cube.mean(axis=i).var() / whole
            indices.append(Index(evaluated.outputs[k], name, v.path, "", float(share), np.nan, np.nan))
    return indices


def _cube(plan: Plan, varied: Sequence[Varied], y: np.ndarray) -> np.ndarray:
    return y.reshape([len(_levels(v, plan.samples)) for v in varied])


def _oat_indices(plan: Plan, varied: Sequence[Varied], evaluated: Evaluated, k: int, seed: int) -> list[Index]:
    """Mean difference from the central world at each end, paired replication by replication, with its t interval."""
    output = evaluated.outputs[k]
    indices = []
    for v, rows in zip(varied, oat_rows(varied, plan.samples), strict=True):
        by_end = {"low": rows[np.argmin(plan.design[rows, varied.index(v)])]}
        by_end["high"] = rows[np.argmax(plan.design[rows, varied.index(v)])]
        for name, row in by_end.items():
            pair = evaluated.values([0, row])[:, :, k]
            difference = paired_differences(pair[1], pair[0])
            reach = half_width(difference[np.isfinite(difference)])
            mean = float(mean_difference(difference))
            indices.append(Index(output, name, v.path, "", mean, mean - reach, mean + reach))
    return indices


def oat_rows(varied: Sequence[Varied], n: int) -> list[np.ndarray]:
    """The rows of an oat design that vary each parameter; row 0 is the central world."""
    counts = [len(v.options) if v.kind == "choices" else n for v in varied]
    edges = np.concatenate([[1], 1 + np.cumsum(counts)])
    return [np.arange(a, b) for a, b in pairwise(edges)]


def ranked(s: Any, output: str, lead: str) -> list[str]:
    """Parameters by an index, the largest first; one at a time by the larger effect of their two ends."""
    sizes = {path: abs(i.value) for path, i in s.index(output, lead).items()}
    if lead == "low":
        high = s.index(output, "high")
        sizes = {path: max(size, abs(high[path].value)) if path in high else size for path, size in sizes.items()}
    return sorted(sizes, key=lambda path: -sizes[path] if math.isfinite(sizes[path]) else math.inf)


def _noise(ends: Sequence[Index], lang: str) -> str:
    """What stands beside the effects of both ends of a parameter, or of the one that cannot be told from noise."""
    open_ones = [i for i in ends if i.noise]
    if open_ones and any(i.sure for i in ends):
        return say(lang, "", " ").join((word(open_ones[0].name, lang), word("noise", lang)))
    return word("noise", lang) if open_ones else ""


def surely_ranked(s: Any, output: str, lead: str) -> list[Index]:
    """The index of each parameter whose effect can be told from noise, the largest first; one at a time the larger
    of the two ends of which that can be said."""
    ends = [s.index(output, lead), *([s.index(output, "high")] if lead == "low" else [])]
    found = ([by[path] for by in ends if path in by and by[path].sure] for path in ends[0])
    leading = [max(own, key=lambda i: abs(i.value)) for own in found if own]
    return sorted(leading, key=lambda i: -abs(i.value))


def centre_in_words(s: Any, lang: str) -> str:
    """Where the parameters of a one-at-a-time design stand in the world that its differences are from; empty for other
    methods."""
    if s.plan.method != "oat":
        return ""
    centre = (f"{path} = {show(value, s.model.unit(path), lang)}" for path, value in centre_of(s).items())
    told = say(lang, "，", ", ").join(centre)
    return say(
        lang,
        f"差异相对于所变参数都取中心值的情形：{told}（有分布的参数，普通运行时按分布抽取）",
        f"differences are from the world in which all that is varied stands at its centre: {told} (a plain run draws"
        " those that have a distribution)",
    )


def centre_of(s: Any) -> dict[str, float]:
    """Where each parameter of a one-at-a-time design stands while others vary."""
    return {v.path: float(x) for v, x in zip(s.varied, s.evaluated.design[0], strict=True)}


def half_width(differences: np.ndarray, confidence: float = CONFIDENCE) -> float:
    """Half the t interval of a mean; NaN below two values."""
    if len(differences) < 2:
        return np.nan
    from scipy.stats import t

    return float(
        t.ppf(0.5 + confidence / 2, len(differences) - 1) * differences.std(ddof=1) / math.sqrt(len(differences))
    )


_INDICES: dict[str, Callable[[Plan, Sequence[Varied], Evaluated, int, int], list[Index]]] = {
    "sobol": _sobol_indices,
    "morris": _morris_indices,
    "lhs": _lhs_indices,
    "grid": _grid_indices,
    "oat": _oat_indices,
}


# --- was the sample big enough


@dataclass(frozen=True)
class Convergence:
    """The leading index of each parameter after a part of the samples, and what more samples would be needed."""

    output: str
    index: str
    sizes: list[int]
    values: np.ndarray  # [size, parameter]
    low: np.ndarray
    high: np.ndarray
    enough: bool
    widest: float  # the widest half-interval, as a share of the leading index's scale
    needed: int


def converge(plan: Plan, varied: Sequence[Varied], evaluated: Evaluated, seed: int) -> list[Convergence]:
    if plan.method not in ("sobol", "morris", "lhs"):
        return []
    found = []
    least = {"sobol": LEAST_SOBOL, "morris": 4, "lhs": 16}[plan.method]
    sizes = [plan.samples]
    while sizes[0] // 2 >= least and len(sizes) < 5:
        sizes.insert(0, sizes[0] // 2)
    for k, output in enumerate(evaluated.outputs):
        y = evaluated.mean[:, k]
        if not np.isfinite(y).all():
            continue
        steps = [_leading(plan, varied, output, y, n, seed) for n in sizes]
        values, low, high = (np.array([step[i] for step in steps]) for i in range(3))
        scale = max(np.max(np.abs(values[-1])), 1e-300) if plan.method == "morris" else 1.0
        limit = SMALL_EFFECT if plan.method == "morris" else SMALL_SHARE if plan.method == "sobol" else 2 * SMALL_SHARE
        reach = (high[-1] - low[-1]) / 2.0 / scale
        widest = float(np.max(reach)) if np.isfinite(reach).all() else 0.0
        needed = math.ceil(plan.samples * (widest / limit) ** 2)
        if plan.method == "sobol":
            needed = 1 << max(0, needed - 1).bit_length()
        name = {"sobol": "total", "morris": "mu_star", "lhs": "rank"}[plan.method]
        found.append(Convergence(output, name, sizes, values, low, high, widest <= limit, widest, needed))
    return found


def _leading(
    plan: Plan, varied: Sequence[Varied], output: str, y: np.ndarray, n: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if plan.method == "sobol":
        value, low, high = sobol_estimates(plan, varied, y, n, seed)["total"]
        return value, low, high
    estimates = morris_estimates if plan.method == "morris" else lhs_estimates
    name = "mu_star" if plan.method == "morris" else "rank"
    rows = [index for index in estimates(plan, varied, output, y, n, seed) if index.name == name]
    return tuple(np.array([getattr(row, part) for row in rows]) for part in ("value", "low", "high"))  # type: ignore


# --- the result


@dataclass(frozen=True)
class Curve:
    """An output along one parameter: mean and band (5–95 %) of the samples, or of the replications (oat)."""

    parameter: str
    x: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass
class SweepResult:
    model: Model
    plan: Plan
    varied: list[Varied]
    evaluated: Evaluated
    seed: int
    indices: list[Index]
    undefined: list[str]
    header: dict[str, Any]
    origin: dict[str, Any] = field(default_factory=dict)  # how to make it again
    _curves: dict[str, list[Curve]] = field(default_factory=dict, repr=False)

    @property
    def outputs(self) -> list[str]:
        return self.evaluated.outputs

    @cached_property
    def convergence(self) -> list[Convergence]:
        return converge(self.plan, self.varied, self.evaluated, self.seed)

    @cached_property
    def variance(self) -> dict[str, VarianceSplit]:
        """By parameters, by chance and by both, where the samples are drawn from the parameters' spread."""
        rows = np.flatnonzero(self.plan.fair)
        if not len(rows):
            return {}
        return dict(zip(self.outputs, self.evaluated.split(rows), strict=True))

    def index(self, output: str, name: str) -> dict[str, Index]:
        """Parameter -> index; for the second order use `indices`."""
        return {i.parameter: i for i in self.indices if i.output == output and i.name == name}

    def to_xarray(self, replications: bool = False) -> Any:
        """Labelled arrays: the samples; by sample and output mean, sd and quantiles over replications; by output and
        parameter each index with its interval (`first`, `first_low`, `first_high` …), second order by two parameters;
        by output and part the split of the variance. With `replications` every world's outcome as well (`values`).
        """
        import xarray

        e = self.evaluated
        data: dict[str, Any] = {
            name: (("sample", "output"), getattr(e, name)) for name in ("mean", "sd", "p05", "p50", "p95", "defined")
        }
        data["design"] = (("sample", "parameter"), e.design)
        if replications:
            data["values"] = (("sample", "replication", "output"), e.values(np.arange(len(e.design))))
        place = {path: k for k, path in enumerate(e.paths)}
        for i in self.indices:
            at, dims = (self.outputs.index(i.output), place[i.parameter]), ("output", "parameter")
            if i.other:
                at, dims = (*at, place[i.other]), (*dims, "with")
            for name, number in ((i.name, i.value), (f"{i.name}_low", i.low), (f"{i.name}_high", i.high)):
                size = (len(self.outputs), *[len(e.paths)] * (len(dims) - 1))
                data.setdefault(name, (dims, np.full(size, np.nan)))[1][at] = number
        coords: dict[str, Any] = {"output": e.outputs, "parameter": e.paths}
        if any(i.other for i in self.indices):
            coords["with"] = e.paths
        if self.variance:
            parts = ("parameters", "chance", "both")
            split = [[getattr(self.variance[output], part) for part in parts] for output in self.outputs]
            data["variance"] = (("output", "part"), np.array(split))
            coords["part"] = list(parts)
        about = {"method": self.plan.method, "replications": e.replications, "seed": self.seed}
        return xarray.Dataset(data, coords=coords, attrs=about)

    def curves(self, output: str) -> list[Curve]:
        k = self.outputs.index(output)
        e, design = self.evaluated, self.plan.design
        found = []
        if self.plan.method == "oat":
            for i, rows in enumerate(oat_rows(self.varied, self.plan.samples)):
                rows = rows[np.argsort(design[rows, i])]
                parts = (e.mean[rows, k], e.p05[rows, k], e.p95[rows, k])
                found.append(Curve(self.varied[i].path, design[rows, i], *parts))
            return found
        rows = np.flatnonzero(self.plan.fair) if self.plan.fair.any() else np.arange(len(design))
        for i, v in enumerate(self.varied):
            found.append(_binned(v, design[rows, i], e.mean[rows, k]))
        return found

    def table(self, lang: str = "zh") -> str:
        parts = [self._headline(lang)]
        for output in self.outputs:
            parts.append(self._table_of(output, lang))
        return "\n".join(["\n\n".join(parts), *key_to([v.path for v in self.varied], self.model.label, lang)])

    def _headline(self, lang: str) -> str:
        p, e = self.plan, self.evaluated
        head = say(
            lang,
            f"{p.method}：{len(self.varied)} 个参数，{len(e.design)} 个样本"
            f" × {e.replications} 个世界（种子 {self.seed}）",
            f"{p.method}: {len(self.varied)} parameters, {len(e.design)} samples × {e.replications}"
            f" world{'s'[: e.replications != 1]} (seed {self.seed})",
        )
        return "\n".join(part for part in (head, centre_in_words(self, lang)) if part)

    def _table_of(self, output: str, lang: str) -> str:
        unit = self.model.unit(output)
        title = f"{self.model.label(output, lang)}  [{output}]"
        if output in self.undefined:
            count = int((self.evaluated.defined[:, self.outputs.index(output)] == 0).sum())
            return f"{title}\n" + say(
                lang,
                f"在 {count} 个样本中没有定义，不计算指数",
                f"undefined in {count} samples: no indices",
            )
        names = list(dict.fromkeys(i.name for i in self.indices if i.output == output and i.name != "second"))
        if not names:
            return title
        lead = "total" if "total" in names else names[0]
        by = {name: self.index(output, name) for name in names}
        order = ranked(self, output, lead)
        effect = lead in ("mu_star", "low")
        header = [word("parameter", lang)]
        for name in names:
            header += (
                [word(name, lang), ""] if np.isfinite([i.low for i in by[name].values()]).any() else [word(name, lang)]
            )
        rows = []
        for path in order:
            row = [path]
            for name in names:
                i = by[name][path]
                row.append(tell_difference(i.value, unit, lang, False) if effect else f"{i.value:.3f}")
                if np.isfinite([x.low for x in by[name].values()]).any():
                    ends = between_differences(i.low, i.high, unit, lang, False)
                    row.append(f"[{ends if effect else f'{i.low:.3f} … {i.high:.3f}'}]")
            rows.append([*row, _noise([by[name][path] for name in names], lang)] if lead == "low" else row)
        lines = [title, layout([*header, ""], rows, remarks=True) if lead == "low" else layout(header, rows)]
        seconds = [i for i in self.indices if i.output == output and i.name == "second" and i.low > 0]
        for i in sorted(seconds, key=lambda i: -i.value)[:3]:
            lines.append(
                f"{word('second', lang)}: {i.parameter} × {i.other} {i.value:.3f} [{i.low:.3f} … {i.high:.3f}]"
            )
        lines += self._sentences(output, lang)
        return "\n".join(lines)

    def _sentences(self, output: str, lang: str) -> list[str]:
        lines = []
        split = self.variance.get(output)
        if split and math.isfinite(split.total) and split.total > 0:
            shares = (split.parameters, split.chance, split.both)
            named = zip(("by_parameters", "by_chance", "by_both"), shares, strict=True)
            text = say(lang, "，", ", ").join(f"{word(name, lang)} {part / split.total:.0%}" for name, part in named)
            lines.append(f"{word('variance', lang)}{say(lang, '：', ': ')}{text}")
            lines += self._doubt(split, lang)
        for c in self.convergence:
            if c.output != output:
                continue
            if c.enough:
                lines.append(
                    say(
                        lang,
                        f"样本足够（区间半宽最大 {c.widest:.3f}）",
                        f"the sample was big enough (widest half-interval {c.widest:.3f})",
                    )
                )
            else:
                lines.append(
                    say(
                        lang,
                        f"样本偏小（区间半宽最大 {c.widest:.3f}）：请用 --samples {c.needed}",
                        f"the sample was too small (widest half-interval {c.widest:.3f}): use --samples {c.needed}",
                    )
                )
        return lines

    def _doubt(self, split: VarianceSplit, lang: str) -> list[str]:
        r = self.evaluated.replications
        share = split.left(r)
        if share <= LARGEST_NOISE:
            return []
        ratio = split.both / split.parameters if split.parameters > 0 else math.inf
        needed = math.ceil(ratio * (1 / LARGEST_NOISE - 1)) if ratio < 1e4 else 0
        zh = f"注意：指数所分解的方差中有 {share:.0%} 是 {r} 个世界之后仍残留的随机性"
        en = f"note: {share:.0%} of the variance that the indices share out is chance left after {r} worlds"
        if needed:
            zh += f"；用 --replications {needed} 可降到 {LARGEST_NOISE:.0%}"
            en += f"; --replications {needed} would leave {LARGEST_NOISE:.0%}"
        else:
            zh += "，这些参数在此范围内看不出作用"
            en += ": within these ranges the parameters show no effect"
        return [say(lang, zh, en)]

    def save(self, folder: Path, lang: str = "zh", figures: bool = True) -> None:
        """samples.csv, metrics.csv, indices.csv, manifest.json (no wall time in any), figures/, beside the journal: all
        of them, or none."""
        from sim import store

        folder, e = claim(folder, "sweep"), self.evaluated
        samples = ([s, *(float(x) for x in row)] for s, row in enumerate(e.design))
        header = ["sample", "metric", "quarter", "mean", "sd", "p05", "p50", "p95", "defined"]
        rows = (
            [s, *split_output(output), e.mean[s, k], e.sd[s, k], e.p05[s, k], e.p50[s, k], e.p95[s, k], e.defined[s, k]]
            for s in range(len(e.design))
            for k, output in enumerate(e.outputs)
        )
        files: dict[str | Path, bytes] = {
            folder / "samples.csv": csv_text(["sample", *e.paths], samples).encode(),
            folder / "metrics.csv": csv_text(header, rows).encode(),
            folder / "indices.csv": self.indices_csv().encode(),
        }
        if figures:
            from sim.figures.analysis import encoded

            files |= encoded(self.figures(lang), folder / "figures")
        about = {"program": store.PROGRAM, "kind": "sweep", **self.origin, **self.header, "undefined": self.undefined}
        model = self.model
        about["labels"] = {
            name: {"zh": model.label(name, "zh"), "en": model.label(name, "en"), "unit": model.unit(name)}
            for name in (*e.outputs, *e.paths)
        }
        if scenario := getattr(model, "scenario", None):
            about |= {"zone": {lang: scenario.zone.name.get(lang) for lang in ("zh", "en")}, "scenario": scenario._path}
            about["overrides"] = [str(each) for each in scenario._overrides]
        about["convergence"] = self._settled()
        store.write_together(files | {folder / store.MANIFEST: store.json_bytes(about)})

    def to_json(self) -> dict[str, Any]:
        return self.header | {
            "indices": [asdict(i) for i in self.indices],
            "variance": {output: asdict(split) for output, split in self.variance.items()},
            "undefined": self.undefined,
            "convergence": self._settled(),
        }

    def _settled(self) -> list[dict[str, Any]]:
        return [
            {"output": c.output, "index": c.index, "enough": c.enough, "widest": c.widest, "samples_needed": c.needed}
            for c in self.convergence
        ]

    def indices_csv(self) -> str:
        rows: list[list[object]] = [
            [*split_output(i.output), i.name, i.parameter, i.other, i.value, i.low, i.high] for i in self.indices
        ]
        for output, split in self.variance.items():
            if math.isfinite(split.total) and split.total > 0:
                for name in ("parameters", "chance", "both"):
                    share = getattr(split, name) / split.total
                    rows.append([*split_output(output), f"variance by {name}", "", "", share, np.nan, np.nan])
        return csv_text(["metric", "quarter", "index", "parameter", "with", "value", "low", "high"], rows)

    def figures(self, lang: str = "zh") -> dict[str, Any]:
        """Name -> matplotlib Figure."""
        from sim.figures.analysis import figures_of_sweep

        return figures_of_sweep(self, lang)


def _binned(varied: Varied, x: np.ndarray, y: np.ndarray, bins: int = 12) -> Curve:
    """Samples gathered in bins of equal count along x (or by value where there are few): mean and 5–95 % of each."""
    distinct = np.unique(x)
    if len(distinct) <= bins:
        groups = [x == value for value in distinct]
    else:
        edges = np.quantile(x, np.linspace(0, 1, min(bins, max(3, len(x) // 8)) + 1))
        which = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, len(edges) - 2)
        groups = [group for b in range(len(edges) - 1) if (group := which == b).any()]
    parts = [(x[g].mean(), *mean_and_band(y[g])) for g in groups]
    return Curve(varied.path, *(np.array(column) for column in zip(*parts, strict=True)))


# --- the call


def sweep(
    model: Model,
    varied: Sequence[Varied],
    method: str = "sobol",
    samples: int | None = None,
    replications: int = 20,
    seed: int = 1,
    *,
    second_order: bool = True,
    out: Path | None = None,
    resume: bool = False,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> SweepResult:
    """Evaluates the method's design on a model, with a journal in `out` where one is given, and reads the indices."""
    if replications < 1:
        raise refuse("at least one world", key="replications", found=str(replications), expected="1 or more")
    planned = plan(varied, method, samples, seed, second_order)
    paths = [v.path for v in varied]
    if method == "oat":
        central = np.array([model.central(path) for path in paths])
        planned = Plan(
            method,
            planned.samples,
            False,
            np.where(np.isnan(planned.design), central, planned.design),
            planned.levels,
            planned.fair,
        )
    settings = {
        "method": method,
        "samples": planned.samples,
        "second order": planned.second_order,
        "varied": {v.path: v.text for v in varied},
    }
    header = header_for("sweep", model, settings, paths, replications, seed)
    evaluated = evaluate(
        model,
        paths,
        planned.design,
        replications,
        seed,
        journal=None if out is None else claim(out, "sweep") / JOURNAL,
        header=header,
        resume=resume,
        executor=executor,
        progress=progress,
    )
    indices, undefined = indices_of(planned, varied, evaluated, seed)
    return SweepResult(model, planned, list(varied), evaluated, seed, indices, undefined, header)


@dataclass(frozen=True)
class Settings:
    """What the `[sweep]` table says beside ranges; the command line goes first."""

    method: str
    samples: int | None
    replications: int


def settings_of(scenario: Scenario, method: str | None, samples: int | None, replications: int | None) -> Settings:
    """Refuses, with the line of the file, a method that is none and a number that is no whole one."""
    table = scenario.sweep
    problems: list[Problem] = []

    def wrong(key: str, expected: str) -> None:
        file, line = scenario._tree.place(f"sweep.{key}")
        message = "not a setting of a sweep"
        problems.append(Problem(message, file, line, f"sweep.{key}", str(table[key]), expected))

    if method is None and (method := table.get("method", "sobol")) not in METHODS:
        wrong("method", " | ".join(METHODS))
    numbers: dict[str, int | None] = {"samples": samples, "replications": replications}
    for key, given in numbers.items():
        if given is None and key in table:
            if type(table[key]) is int and table[key] > 0:
                numbers[key] = table[key]
            else:
                wrong(key, "a whole number above 0")
    if problems:
        raise UserError(problems)
    return Settings(str(method), numbers["samples"], numbers["replications"] or USUAL_REPLICATIONS)


def run(
    scenario: Scenario,
    vary: Sequence[str] = (),
    targets: Sequence[str] = (),
    method: str | None = None,
    samples: int | None = None,
    replications: int | None = None,
    seed: int = 1,
    *,
    second_order: bool = True,
    out: Path | None = None,
    resume: bool = False,
    threads: int | None = None,
    cluster: str | None = None,
    progress: Progress | None = None,
) -> SweepResult:
    """What `run.py sweep` calls: texts of --vary and of targets, checked, then `sweep`.

    What is not given is taken from the scenario's `[sweep]` table, else it is the usual.
    """
    from sim.analysis.cluster import executor_for
    from sim.ensemble import refuse_too_many

    model, varied, chosen = all_at_once(
        lambda: ZoneModel.of(scenario, targets_of(scenario, targets)),
        lambda: varied_of(scenario, vary),
        lambda: settings_of(scenario, method, samples, replications),
    )
    refuse_too_many(chosen.replications)
    plan(varied, chosen.method, chosen.samples, seed, second_order)  # refused before a cluster is looked for
    with executor_for(cluster, threads) as executor:
        swept = sweep(
            model,
            varied,
            chosen.method,
            chosen.samples,
            chosen.replications,
            seed,
            second_order=second_order,
            out=out,
            resume=resume,
            executor=executor,
            progress=progress,
        )
    words = words_of(
        "sweep",
        scenario,
        vary=vary,
        target=targets,
        method=chosen.method,
        samples=swept.plan.samples,
        replications=chosen.replications,
        seed=seed,
    )
    swept.origin = origin(words, scenario)
    return swept


def targets_of(scenario: Scenario, targets: Sequence[str]) -> Sequence[str]:
    """Those asked for, else those of the `[sweep]` table."""
    own = scenario.sweep.get("targets", [])
    if not targets and not (isinstance(own, list) and all(isinstance(target, str) for target in own)):
        file, line = scenario._tree.place("sweep.targets")
        message = "targets are a list of METRIC@QUARTER"
        raise UserError(Problem(message, file, line, "sweep.targets", str(own), '["jobs.total@2028Q4"]'))
    return targets or own
