"""The quadrature of sim.finance.fair_value on a fixed grid, compiled: for tables of many cap tables at once.

The same claims, the same discounted density of the exit value; nodes stand on a grid of log exit values instead of
between the kinks of the payouts, so the answer is near (within 5e-4 of the value, asserted in tests) and quick. What is
reported for a single round is the exact one.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from sim.finance.fair_value import Claims, Round
from sim.finance.options import exit_powers
from sim.finance.payoff import split_proceeds
from sim.model.jit import entry, kernel

BELOW, ABOVE, PIECE, NODES = 7.0, 8.0, 0.2, 4  # reach of the grid around the post-money, in log value


@kernel
def expected(today, x, w, payout, up, down):
    """Discounted expectation of payout [node] over the exit value, but for its scale. today: log value of the firm."""
    total = 0.0
    for i in range(x.shape[0]):
        y = x[i] - today
        total += w[i] * payout[i] * np.exp(-up * y if y > 0.0 else -down * y)
    # above the grid the payout is proportional to the exit value
    top = x[x.shape[0] - 1]
    return total + payout[x.shape[0] - 1] * np.exp(-up * (top - today)) / (up - 1.0)


@entry
def fair_values(
    n,
    shares,
    common,
    senior,
    sale_preference,
    sale_joins,
    cap,
    ipo_preference,
    ipo_joins,
    odds,
    x,
    w,
    volatility,
    exit_rate,
    rate,
    target,
    payout,
    room,
    out,
):
    """Log of the firm value at which class n - 1 is worth `target`; out[0]. Arrays by class, then by node of the grid.

    odds [node]: that an exit at the node is a listing. payout [node]; room [2, class]."""
    last = n - 1
    up, down = exit_powers(rate, volatility, exit_rate)
    scale = exit_rate / (rate + exit_rate) * up * -down / (up - down)
    for i in range(x.shape[0]):
        money = np.exp(x[i])
        split_proceeds(money, n, shares, sale_preference, senior, sale_joins, cap, common, room[0], room[1])
        sold = room[0, last]
        split_proceeds(money, n, shares, ipo_preference, senior, ipo_joins, cap, common, room[0], room[1])
        payout[i] = (1.0 - odds[i]) * sold + odds[i] * room[0, last]
    low = x[0]
    high = x[x.shape[0] - 1]
    for _ in range(60):
        middle = 0.5 * (low + high)
        if scale * expected(middle, x, w, payout, up, down) < target:
            low = middle
        else:
            high = middle
    out[0] = 0.5 * (low + high)


@lru_cache
def gauss_legendre() -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights on a piece of the grid; the same for all."""
    return np.polynomial.legendre.leggauss(NODES)


def quick_fair_value(
    rounds: Sequence[Round],
    volatility: float,
    exit_rate: float,
    rate: float,
    unissued: float = 0.0,
    ipo: Sequence[tuple[float, float]] = (),
) -> float:
    """Firm value at which the last round is worth what it invested; see sim.finance.fair_value.fair_value."""
    claims = Claims(rounds, unissued, "exact")
    n, last = len(rounds), rounds[-1]
    centre = np.log(last.post_money)
    edges = np.arange(centre - BELOW, centre + ABOVE + PIECE, PIECE)
    nodes, weights = gauss_legendre()
    half = 0.5 * np.diff(edges)
    x = ((0.5 * (edges[1:] + edges[:-1]))[:, None] + half[:, None] * nodes).ravel()
    w = (half[:, None] * weights).ravel()
    values = np.array([value for value, _ in ipo], float)
    odds = np.zeros(x.size)
    if values.size:
        odds = np.interp(x, np.log(values), [p for _, p in ipo], left=0.0, right=1.0)
    out = np.empty(1)
    fair_values(
        n, claims.shares, claims.common, claims.senior, claims.sale_preference, claims.sale_joins, claims.cap,
        claims.ipo_preference, claims.ipo_joins, odds, x, w, volatility, exit_rate, rate, last.invested,
        np.empty(x.size), np.empty((2, n)), out,
    )  # fmt: skip
    return float(np.exp(out[0]))
