"""Who gets what in a sale, by share class: the split of any exit value, and where each class converts.

Works on cap tables as `trace` tells them (sim.tracing.cap_table): classes with `shares`, `conversion`, `preference`,
`cap`, `paid`, `seniority`, `participating`; founders and pool as parts of all shares. The split is that of
sim.finance.payoff.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.captable.plain import splitter
from sim.errors import Problem, UserError

Floats = NDArray[np.float64]
POINTS = 481  # of a payoff chart


@dataclass(frozen=True)
class Payoff:
    """What each class of a cap table gets over exit values. exit, common: [point]; classes: [class, point], in yuan.

    converts: for each class the lowest exit value at which it converts into common, or None (it never does within the
    range, or it is common already).
    """

    exit: Floats
    classes: Floats
    common: Floats
    converts: list[float | None]


def payouts(table: dict[str, Any], proceeds: float) -> tuple[Floats, float, NDArray[np.bool_]]:
    """(payout by class, founders' and pool's, whether each class converts) of a cap table at an exit."""
    classes = table["classes"]
    return splitter()(
        proceeds,
        [c["shares"] * c["conversion"] for c in classes],
        [c["preference"] * c["paid"] for c in classes],
        [c["seniority"] for c in classes],
        [c["participating"] for c in classes],
        [None if c["cap"] is None else c["cap"] * c["paid"] for c in classes],
        (table["founders"] + table["pool"]) * table["shares"],
    )


def payoff_of(table: dict[str, Any], low: float | None = None, high: float | None = None) -> Payoff:
    """The split of every exit value between `low` and `high` (default: a tenth of the preferences to where all that
    convert have done so, and on)."""
    claims = sum(c["preference"] * c["paid"] for c in table["classes"])
    if claims <= 0.0 and low is None:
        raise UserError(Problem("this firm has no share classes, so there is nothing to split", key="--firm"))
    converts = turning_points(table)
    last = max([claims, *(x for x in converts if x is not None)])
    low = 0.1 * claims if low is None else low
    high = 6.0 * last if high is None else high
    exits = np.geomspace(low, high, POINTS)
    rows = [payouts(table, float(x)) for x in exits]
    return Payoff(exits, np.array([r[0] for r in rows]).T, np.array([r[1] for r in rows]), converts)


def turning_points(table: dict[str, Any]) -> list[float | None]:
    """The exit value from which each class converts (it does so above it too), or None where it never does."""
    claims = sum(c["preference"] * c["paid"] for c in table["classes"])
    return [_converts_at(table, c, claims) for c in range(len(table["classes"]))]


def _converts_at(table: dict[str, Any], c: int, claims: float) -> float | None:
    terms = table["classes"][c]
    if terms["preference"] <= 0.0 and not (terms["participating"] and terms["cap"] is not None):
        return None  # common already
    return first_where(lambda value: bool(payouts(table, value)[2][c]), claims or terms["paid"])


def first_where(holds: Callable[[float], bool], guess: float) -> float | None:
    """The least exit value at which something holds that holds above it too, by bisection; None where it never does."""
    low, high = 0.0, guess
    for _ in range(60):
        if holds(high):
            break
        high *= 2.0
    else:
        return None
    for _ in range(80):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
