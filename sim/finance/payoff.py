"""Who gets what when a firm is sold: preferences by seniority, participation, the exact conversion equilibrium.

A class converts into common exactly when that pays it better given what the others do. Classes are offered conversion
in the order of what a common share must fetch before they prefer it: preference per as-converted share, or, for a
capped participating class, its cap per share. The lowest converts first, and conversion stops at the first class that
would lose by it: if a share does not fetch the lowest figure, it does not fetch a higher one. Source of the rule:
sequential conversion as in Gornall and Strebulaev (2020), "Squaring venture capital valuations with reality", and
Metrick and Yasuda, "Venture Capital and the Finance of Innovation", chapter 9. Not modelled: debt, transaction costs,
carve-outs for managers, exercise prices of options, agreements that override the charter.
"""

from collections.abc import Sequence

import numpy as np

from sim.finance.term_sheet import ratchet_conversion, redemption_claim, weighted_average_conversion
from sim.model.jit import kernel

__all__ = [
    "pay_by_seniority",
    "ratchet_conversion",
    "redemption_claim",
    "split",
    "split_given_conversion",
    "split_proceeds",
    "weighted_average_conversion",
]


@kernel
def split_given_conversion(proceeds, n, shares, preference, seniority, participating, cap, common, converted, out):
    """Payout by class for given conversions (converted[c] is 0 or 1); returns the payout of one common share.

    Arguments as in `split_proceeds`. `converted` comes back as it was.
    """
    left = proceeds
    for c in range(n):
        out[c] = 0.0
    paid = 0
    level = np.inf
    while paid < n and left > 0.0:
        top = -np.inf
        for c in range(n):
            if seniority[c] < level and seniority[c] > top:
                top = seniority[c]
        if top == -np.inf:
            break
        claim = 0.0
        for c in range(n):
            if seniority[c] == top:
                paid += 1
                if converted[c] == 0.0:
                    claim += preference[c]
        part = 1.0 if claim <= left else left / claim
        for c in range(n):
            if seniority[c] == top and converted[c] == 0.0:
                out[c] = part * preference[c]
        left = max(0.0, left - claim) if part >= 1.0 else 0.0
        level = top
    # what is left goes to common, converted and participating shares; a capped class stops at its cap (marked -1)
    price = 0.0
    for _ in range(n + 1):
        total = common
        for c in range(n):
            if converted[c] > 0.0 or (converted[c] == 0.0 and participating[c] > 0.0):
                total += shares[c]
        price = left / total if total > 0.0 else 0.0
        again = False
        for c in range(n):
            if converted[c] == 0.0 and participating[c] > 0.0:
                room = max(0.0, cap[c] - out[c])
                if price * shares[c] > room:
                    converted[c] = -1.0
                    out[c] += room
                    left -= room
                    again = True
        if not again:
            break
    for c in range(n):
        if converted[c] > 0.0:
            out[c] = price * shares[c]
        elif converted[c] < 0.0:
            converted[c] = 0.0
        elif participating[c] > 0.0:
            out[c] += price * shares[c]
    return price


@kernel
def split_proceeds(proceeds, n, shares, preference, seniority, participating, cap, common, out, converted):
    """Split `proceeds` among n classes and common. Returns the payout of common.

    shares: as-converted; preference, cap: money for the whole class, the cap on all that a participating class gets
    unconverted (inf: none); seniority: higher is paid first, equal ones pro rata to preference; participating: 0 or 1;
    common: shares of founders and pool. out[:n] receives the payouts, converted[:n] 1 where a class converts. Payouts
    and common's add up to the proceeds but for rounding, provided there is any share that may take the rest.
    """
    for c in range(n):
        converted[c] = 0.0
    price = split_given_conversion(
        proceeds, n, shares, preference, seniority, participating, cap, common, converted, out
    )
    for _ in range(n):
        best = -1
        least = np.inf
        for c in range(n):
            if converted[c] == 0.0 and shares[c] > 0.0:
                claim = max(cap[c], preference[c]) if participating[c] > 0.0 else preference[c]
                threshold = claim / shares[c]
                if threshold < least:
                    least = threshold
                    best = c
        if best < 0 or least == np.inf:
            break
        converted[best] = 1.0
        tried = split_given_conversion(
            proceeds, n, shares, preference, seniority, participating, cap, common, converted, out
        )
        if tried <= least:
            converted[best] = 0.0
            break
        price = tried
    price = split_given_conversion(
        proceeds, n, shares, preference, seniority, participating, cap, common, converted, out
    )
    return price * common


@kernel
def pay_by_seniority(money, n, claim, seniority, out):
    """Pay n claims out of `money`: senior ones first, equal ones pro rata to their claims. Returns what is left.

    claim, seniority [claim]: money, and a rank of which the higher is paid first; out[:n] receives the payments. Each
    is
    at most its claim, and together they are min(money, sum of the claims).
    """
    left = money
    level = np.inf
    for c in range(n):
        out[c] = 0.0
    while left > 0.0:
        top = -np.inf
        for c in range(n):
            if claim[c] > 0.0 and seniority[c] < level and seniority[c] > top:
                top = seniority[c]
        if top == -np.inf:
            break
        total = 0.0
        for c in range(n):
            if seniority[c] == top:
                total += claim[c]
        part = min(1.0, left / total)
        for c in range(n):
            if seniority[c] == top:
                out[c] = part * claim[c]
        left = max(0.0, left - total)
        level = top
    return left


def split(
    proceeds: float,
    shares: Sequence[float],
    preference: Sequence[float],
    seniority: Sequence[float],
    participating: Sequence[bool],
    cap: Sequence[float | None],
    common: float,
) -> tuple[np.ndarray, float, np.ndarray]:
    """`split_proceeds` from Python: (payout [class], payout of common, whether each class converts). Cap None: none."""
    n = len(shares)
    caps = np.array([np.inf if x is None else x for x in cap], float)
    owned, first, senior, joins = (np.asarray(x, float) for x in (shares, preference, seniority, participating))
    out, converted = np.empty(n), np.empty(n)
    rest = split_proceeds(float(proceeds), n, owned, first, senior, joins, caps, float(common), out, converted)
    return out, float(rest), converted > 0.0
