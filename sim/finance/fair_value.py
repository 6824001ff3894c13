"""What a firm is worth when its last round is worth what was paid for it: Gornall and Strebulaev (2020), "Squaring
venture capital valuations with reality", Journal of Financial Economics 135(1).

The firm's value follows a geometric Brownian motion under the pricing measure and exits at an exponential time. With a
probability that depends on the exit value the exit is an IPO, else a sale. In a sale classes are paid by the conversion
equilibrium of sim.finance.payoff. At an IPO classes with `converts_at_ipo` become common, whatever their preference
multiple; a class with an IPO ratchet gets at least its issue price while the value lasts: max(own share, min(value,
amount invested)), which is a preference of what it invested, so several ratchets and seniority need no further rule. A
class that does neither keeps its terms. Options not issued count in the post-money shares and lapse at exit.

Values are integrals, not samples: payouts are linear in the exit value between kinks, the discounted density is a power
of it on either side of today's value, and the IPO probability is linear in its log, so Gauss-Legendre pieces between
all the kinks are exact to rounding; both tails are closed forms. Not modelled: later rounds, debt, other ways to exit,
the other rights of a class (vetoes, redemption).
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sim.finance.options import exit_powers
from sim.finance.payoff import split_proceeds

NODES, PIECE = 16, 0.5  # Gauss-Legendre nodes on pieces of at most this length in log value
CONVENTIONS = ("exact", "published")


@dataclass(frozen=True)
class Round:
    """A class of shares. Money in any one unit; preference and cap are multiples of `invested` (cap None: none)."""

    invested: float
    post_money: float
    preference: float = 1.0
    seniority: float = 0.0
    participating: bool = False
    cap: float | None = None
    converts_at_ipo: bool = True
    ipo_ratchet: bool = False


@dataclass(frozen=True)
class FairValue:
    """value: of the firm; overvaluation: post-money of the last round over it, less one; classes [round]: value of each
    class; common: value of all common; per_share [round] and common_per_share: over the last round's issue price."""

    value: float
    overvaluation: float
    classes: np.ndarray
    common: float
    per_share: np.ndarray
    common_per_share: float


def ownership(rounds: Sequence[Round], unissued: float) -> tuple[np.ndarray, float]:
    """Shares [round] and common at exit, as parts of the last round's post-money shares (which sum to 1 - unissued)."""
    sold = np.array([r.invested / r.post_money for r in rounds])
    left = np.append(np.cumprod((1.0 - sold)[::-1])[::-1][1:], 1.0)
    shares = sold * left
    return shares, 1.0 - unissued - float(shares.sum())


class Claims:
    """Payouts of every class, and of common in the last column, as functions of the exit value."""

    def __init__(self, rounds: Sequence[Round], unissued: float, convention: str) -> None:
        self.published = convention == "published"
        self.shares, self.common = ownership(rounds, unissued)
        self.whole = float(self.shares.sum()) + self.common
        paid = np.array([r.invested for r in rounds])
        self.senior = np.array([r.seniority for r in rounds], float)
        self.sale_preference = paid * [r.preference for r in rounds]
        self.sale_joins = np.array([r.participating for r in rounds], float)
        self.cap = np.array([math.inf if r.cap is None else r.cap for r in rounds]) * paid
        plain = np.array([r.converts_at_ipo for r in rounds])
        ratchet = np.array([r.ipo_ratchet for r in rounds])
        kept = np.where(plain, 0.0, self.sale_preference)
        self.ipo_preference = np.where(ratchet, np.maximum(kept, paid), kept)
        self.ipo_joins = np.where(plain, 0.0, self.sale_joins)

    def _split(self, value: float, preference: np.ndarray, joins: np.ndarray) -> np.ndarray:
        n = self.shares.size
        out, converted = np.empty(n + 1), np.empty(n)
        out[n] = split_proceeds(
            value, n, self.shares, preference, self.senior, joins, self.cap, self.common, out, converted
        )
        if self.published:
            self._by_itself(value, preference, joins, out)
        return out

    def _by_itself(self, value: float, preference: np.ndarray, joins: np.ndarray, out: np.ndarray) -> None:
        """The paper's convention: a class takes the better of its preference, as it is paid when no class converts,
        and its share of the whole value; common is the rest."""
        n = self.shares.size
        own = self.shares / self.whole * value
        claims = preference > 0.0
        left = value
        for level in sorted(set(self.senior), reverse=True):
            here = (self.senior == level) & claims
            due = float(preference[here].sum())
            out[:n][here] = preference[here] * (min(1.0, left / due) if due > 0.0 else 0.0)
            left = max(0.0, left - due)
        out[:n][~claims] = 0.0
        extra = np.where(joins > 0.0, left * self.shares / self.whole, 0.0)
        capped = np.minimum(out[:n] + extra, np.maximum(self.cap, preference))
        out[:n] = np.maximum(np.where(joins > 0.0, capped, out[:n]), own)
        out[n] = value - float(out[:n].sum())

    def sale(self, value: float) -> np.ndarray:
        return self._split(value, self.sale_preference, self.sale_joins)

    def ipo(self, value: float) -> np.ndarray:
        return self._split(value, self.ipo_preference, self.ipo_joins)

    def at(self, value: float) -> np.ndarray:
        """[sale payouts, ipo payouts]."""
        return np.concatenate([self.sale(value), self.ipo(value)])

    def kinks(self) -> np.ndarray:
        """Exit values at which a payout changes its slope, rising. None lies above the last: all claims are linear
        there."""
        claims = np.concatenate([self.sale_preference, self.ipo_preference, self.cap[np.isfinite(self.cap)]])
        shares = np.concatenate([self.shares, self.shares, self.shares[np.isfinite(self.cap)]])
        top = 2.0 * (float(np.max(claims / shares)) * self.whole + float(claims.sum()))
        if top <= 0.0:
            return np.empty(0)
        # every partial sum of claims can start a new slope: begin between them, then halve what is not linear
        found: list[float] = []
        edges = np.unique(np.concatenate([[0.0, top], claims[claims > 0.0], np.linspace(0.0, top, 33)]))
        for a, b in itertools.pairwise(edges):
            found.append(float(b))
            self._halve(float(a), self.at(a), float(b), self.at(b), top, found)
        return np.array(sorted(found))

    def _halve(self, a: float, at_a: np.ndarray, b: float, at_b: np.ndarray, top: float, found: list[float]) -> None:
        if b - a <= 1e-13 * top:
            found.append(b)
            return
        middle = 0.5 * (a + b)
        at_middle = self.at(middle)
        third = a + 0.3 * (b - a)
        error = max(
            float(np.max(np.abs(at_middle - 0.5 * (at_a + at_b)))),
            float(np.max(np.abs(self.at(third) - (at_a + 0.3 * (at_b - at_a))))),
        )
        if error <= 1e-13 * top:
            return
        found.append(middle)
        self._halve(a, at_a, middle, at_middle, top, found)
        self._halve(middle, at_middle, b, at_b, top, found)


class Ipo:
    """Probability that an exit at a value is an IPO: 0 below the first point, linear in log value, 1 above the last."""

    def __init__(self, points: Sequence[tuple[float, float]]) -> None:
        self.values = np.array([value for value, _ in points], float)
        self.odds = np.array([odds for _, odds in points], float)

    def at(self, log_value: np.ndarray) -> np.ndarray:
        if self.values.size == 0:
            return np.zeros_like(log_value)
        return np.interp(log_value, np.log(self.values), self.odds, left=0.0, right=1.0)

    @property
    def beyond(self) -> float:
        return 1.0 if self.values.size else 0.0


class Pricing:
    """Discounted expected payouts of all claims as a function of the firm's value."""

    def __init__(self, claims: Claims, ipo: Ipo, volatility: float, exit_rate: float, rate: float) -> None:
        self.up, self.down = exit_powers(rate, volatility, exit_rate)
        self.discount = exit_rate / (rate + exit_rate)
        self.claims, self.ipo = claims, ipo
        self.edges = np.unique(np.concatenate([claims.kinks(), ipo.values]))
        if self.edges.size == 0:
            self.edges = np.array([1.0])
        self.payout = np.array([claims.at(x) for x in self.edges])  # [edge, claim]
        far = np.array([claims.at(2.0 * self.edges[-1]), claims.at(4.0 * self.edges[-1])])
        self.slope = (far[1] - far[0]) / (2.0 * self.edges[-1])
        self.level = far[0] - self.slope * 2.0 * self.edges[-1]
        self.nodes, self.weights = np.polynomial.legendre.leggauss(NODES)

    def _mixed(self, payout: np.ndarray, odds: np.ndarray) -> np.ndarray:
        """[.., class and common] from [.., sale and ipo] and the odds of an IPO."""
        n = payout.shape[-1] // 2
        odds = np.asarray(odds)[..., None]
        return (1.0 - odds) * payout[..., :n] + odds * payout[..., n:]

    def at(self, value: float) -> np.ndarray:
        """Value of each class, common last, when the firm is worth `value`."""
        up, down = self.up, self.down
        scale = self.discount * up * -down / (up - down)
        today = math.log(value)
        log_edges = np.log(self.edges)
        low, high = log_edges[0], log_edges[-1]
        inner = log_edges if not low < today < high else np.unique(np.append(log_edges, today))
        cuts = [inner[:1]]
        for a, b in itertools.pairwise(inner):
            cuts.append(np.linspace(a, b, math.ceil((b - a) / PIECE) + 1)[1:])
        cut = np.concatenate(cuts)
        half = 0.5 * np.diff(cut)
        x = (0.5 * (cut[1:] + cut[:-1]))[:, None] + half[:, None] * self.nodes
        y = x - today
        density = np.exp(np.where(y > 0.0, -up, -down) * y) * half[:, None] * self.weights
        money = np.exp(x)
        payout = np.stack([np.interp(money, self.edges, column) for column in self.payout.T], axis=-1)
        total = np.einsum("ij,ijk->k", density, self._mixed(payout, self.ipo.at(x)))
        # below the first kink everything is proportional to the exit value and nothing is listed
        first = self._mixed(self.payout[0] / self.edges[0], np.zeros(()))
        total += first * self._moment(-math.inf, low, today, 1.0)
        beyond = np.asarray(self.ipo.beyond)
        total += self._mixed(self.level, beyond) * self._moment(high, math.inf, today, 0.0)
        total += self._mixed(self.slope, beyond) * self._moment(high, math.inf, today, 1.0)
        return scale * total

    def _moment(self, a: float, b: float, today: float, power: float) -> float:
        """Integral of e^(power x) times the unscaled density of log exit value x over (a, b)."""
        total = 0.0
        for z, low, high in ((-self.down, a, min(b, today)), (-self.up, max(a, today), b)):
            if low < high:
                ends = [0.0 if math.isinf(x) else math.exp(power * x + z * (x - today)) for x in (low, high)]
                total += (ends[1] - ends[0]) / (power + z)
        return total


def fair_value(
    rounds: Sequence[Round],
    volatility: float,
    exit_rate: float,
    rate: float,
    unissued: float = 0.0,
    ipo: Sequence[tuple[float, float]] = (),
    convention: str = "exact",
) -> FairValue:
    """The firm value at which the last round is worth what it invested.

    volatility, exit_rate, rate per year; unissued: share of post-money shares; ipo: (exit value, probability), rising.
    convention: "exact" pays sales by the conversion equilibrium; "published" lets every class compare its preference
    with its share of the whole value and leaves common the rest. They agree on the last round where it converts last.
    """
    from scipy.optimize import brentq

    claims = Claims(rounds, unissued, convention)
    pricing = Pricing(claims, Ipo(ipo), volatility, exit_rate, rate)
    last = len(rounds) - 1
    target = rounds[last].invested

    def gap(log_value: float) -> float:
        return float(pricing.at(math.exp(log_value))[last]) - target

    low = high = math.log(rounds[last].post_money)
    while gap(low) > 0.0:
        low -= 1.0
    while gap(high) < 0.0:
        high += 1.0
        if high > low + 100.0:
            raise ArithmeticError("no firm value makes the last round worth what it invested")
    if low < high:
        root: Any = brentq(gap, low, high, xtol=1e-13)
        low = float(root)
    value = math.exp(low)
    worth = pricing.at(value)
    price = rounds[last].post_money
    return FairValue(
        value=value,
        overvaluation=price / value - 1.0,
        classes=worth[:-1],
        common=float(worth[-1]),
        per_share=worth[:-1] / claims.shares / price,
        common_per_share=float(worth[-1]) / claims.common / price if claims.common > 0.0 else math.nan,
    )
