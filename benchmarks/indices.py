"""Known functions through our own sweep: their Sobol indices beside the closed forms, and the stated intervals."""

import math
from itertools import combinations

import numpy as np

from sim.analysis.model import AnalyticModel
from sim.analysis.sweep import Index, sweep
from sim.analysis.vary import Varied

SAMPLES = 4096
G = np.array([0.0, 1.0, 4.5, 9.0, 99.0])
SLOPES = np.array([1.0, -2.0, 3.0])
Known = dict[tuple[str, str, str], float]


def ishigami(x: np.ndarray) -> np.ndarray:
    """Ishigami and Homma (1990), a = 7, b = 0.1."""
    return np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])


def ishigami_known() -> Known:
    a, b = 7.0, 0.1
    v1, v2 = 0.5 * (1 + b * math.pi**4 / 5) ** 2, a**2 / 8
    v13 = b**2 * math.pi**8 * (1 / 18 - 1 / 50)
    v = v1 + v2 + v13
    first, total = (v1, v2, 0.0), (v1 + v13, v2, v13)
    known = {("first", p, ""): x / v for p, x in zip("abc", first, strict=True)}
    known |= {("total", p, ""): x / v for p, x in zip("abc", total, strict=True)}
    return known | {("second", "a", "b"): 0.0, ("second", "a", "c"): v13 / v, ("second", "b", "c"): 0.0}


def g_function(x: np.ndarray) -> np.ndarray:
    """Sobol's g-function."""
    return np.prod((np.abs(4 * x - 2) + G) / (1 + G), axis=1)


def g_known() -> Known:
    parts = dict(zip("abcde", 1 / (3 * (1 + G) ** 2), strict=True))
    product = math.prod(1 + part for part in parts.values())
    whole = product - 1
    known = {("first", p, ""): x / whole for p, x in parts.items()}
    known |= {("total", p, ""): x * product / (1 + x) / whole for p, x in parts.items()}
    return known | {("second", p, q): parts[p] * parts[q] / whole for p, q in combinations(parts, 2)}


def linear(x: np.ndarray) -> np.ndarray:
    return 5.0 + x @ SLOPES


def linear_known() -> Known:
    shares = dict(zip("abc", SLOPES**2 / (SLOPES**2).sum(), strict=True))
    known = {(name, p, ""): share for name in ("first", "total") for p, share in shares.items()}
    return known | {("second", p, q): 0.0 for p, q in combinations("abc", 2)}


def main() -> None:
    cases = (
        ("Ishigami", ishigami, -math.pi, math.pi, ishigami_known()),
        ("g-function", g_function, 0.0, 1.0, g_known()),
        ("linear", linear, 0.0, 1.0, linear_known()),
    )
    print(f"{'':28}{'known':>12}{'found':>12}{'interval':>26}")
    for name, function, low, high, known in cases:
        paths = tuple(sorted({parameter for _, parameter, _ in known}))
        varied = [Varied.uniform(path, low, high) for path in paths]
        found = sweep(AnalyticModel(function, paths), varied, "sobol", SAMPLES, 1, 1).indices
        inside = sum(told(name, i, known[i.name, i.parameter, i.other]) for i in found)
        print(f"{name}: {inside} of {len(found)} known values lie within their 95 % intervals")


def told(case: str, i: Index, known: float) -> bool:
    inside = i.low - 1e-9 <= known <= i.high + 1e-9
    what = f"{case} {i.name} {i.parameter}{i.other}"
    print(f"{what:28}{known:12.6f}{i.value:12.6f}  [{i.low:10.6f}, {i.high:10.6f}]{'' if inside else '  outside'}")
    return inside


if __name__ == "__main__":
    main()
