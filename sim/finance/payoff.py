"""Who gets what when a firm is sold: preferences by seniority, participation, the exact conversion equilibrium.

A class converts into common exactly when that pays it better given what the others do. Classes are offered
conversion in
the order of what a share must fetch before they prefer it (preference per as-converted share; for a capped
participating
class its cap per share): the one with the lowest figure converts first, and conversion stops at the first class that
would lose by it. Source of the rule: sequential conversion as in Gornall and Strebulaev (2020), "Squaring venture
capital
valuations with reality". Not modelled: debt, transaction costs, carve-outs, agreements that override the charter.
"""

import numpy as np

from sim.model.jit import kernel


@kernel
def _shares_in(proceeds, n, shares, preference, seniority, participating, cap, common, converted, out):
    """Payout by class for a given set of conversions (converted[c] > 0); returns common's payout per share."""
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
    # what is left goes to common, converted and participating shares; a capped class stops at its cap
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
    """Split `proceeds` among n classes and common.

    shares: as-converted; preference, cap: money for the whole class (cap inf = none; it binds participating classes);
    seniority: higher is paid first, equal ones pro rata; participating: 0 or 1; common: founders' and pool shares.
    out[:n] receives the payouts, converted[:n] 1 where a class converts. Returns the payout of common. The payouts
    sum to
    the proceeds up to rounding.
    """
    for c in range(n):
        converted[c] = 0.0
    price = _shares_in(proceeds, n, shares, preference, seniority, participating, cap, common, converted, out)
    for _ in range(n):
        best = -1
        least = np.inf
        for c in range(n):
            if converted[c] == 0.0 and shares[c] > 0.0:
                claim = cap[c] if participating[c] > 0.0 else preference[c]
                threshold = claim / shares[c]
                if threshold < least:
                    least = threshold
                    best = c
        if best < 0 or least == np.inf:
            break
        converted[best] = 1.0
        tried = _shares_in(proceeds, n, shares, preference, seniority, participating, cap, common, converted, out)
        if tried <= least:
            converted[best] = 0.0
            break
        price = tried
    price = _shares_in(proceeds, n, shares, preference, seniority, participating, cap, common, converted, out)
    return price * common


@kernel
def weighted_average_conversion(conversion, issue_price, shares_before, amount, new_price):
    """Broad-based weighted-average anti-dilution: new common shares for one preferred share after a cheaper round.

    New conversion price = old x (S + amount / old) / (S + amount / new_price), S the fully diluted shares before
    the round
    (NVCA model charter). Never below the old conversion.
    """
    old = issue_price / conversion
    new = old * (shares_before + amount / old) / (shares_before + amount / new_price)
    return max(conversion, issue_price / new)


@kernel
def ratchet_conversion(conversion, issue_price, new_price):
    """Full ratchet: the conversion price falls to the new price."""
    return max(conversion, issue_price / new_price)


@kernel
def redemption_claim(cost, rate, years):
    """Claim of a redemption right (回购): cost with simple interest."""
    return cost * (1.0 + rate * years)
