"""The waterfall of a fund: capital and hurdle first, then the general partner's catch-up, then the split.

Streaming: each distribution goes through the tiers with what was called, paid and earned so far, so quarterly
distributions give what the same tiers give at one settlement. The hurdle compounds yearly, at fractional times as
(1 + h)^t, on the balance of what limited partners have not got back; that balance never falls below zero, so what they
receive above it does not count towards the hurdle of a later call. The same step serves a whole fund (European form)
and a single deal (American form: own tiers on own calls).

Source of the tiers: Metrick and Yasuda, "The Economics of Private Equity Funds" (2010), section 1; the clauses are
those of the ILPA model partnership agreement. Not modelled: the general partner's own commitment, taxes on carry,
escrow, interest on a clawback.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sim.model.jit import kernel

BALANCE, CALLED, DISTRIBUTED, CARRIED, SINCE = range(5)  # columns of a waterfall's state


@kernel
def accrue_hurdle(balance, hurdle, years):
    """The hurdle balance after `years` (a fraction is fine) at the yearly rate `hurdle`."""
    return balance * (1.0 + hurdle) ** years


@kernel
def whole_fund_step(balance, called, distributed, carried, amount, carry, catch_up):
    """One distribution. Returns (to limited partners, to general partner, new hurdle balance).

    balance: capital called and hurdle accrued, not yet returned; called, distributed (to limited partners) and carried
    (to the general partner) so far, in money; carry and catch_up as shares. The catch-up tier of size x brings the
    general partner to the carry on all profit: carried + catch_up x = carry (profit of limited partners + carried + x).
    A catch-up of zero is none; one not above the carry never completes, so it takes all that is left.
    """
    to_lp = min(amount, balance)
    balance -= to_lp
    left = amount - to_lp
    to_gp = 0.0
    if left > 0.0 and carry > 0.0:
        if catch_up > 0.0:
            profit_lp = distributed + to_lp - called
            if catch_up > carry:
                owed = max(0.0, carry * max(0.0, profit_lp) - (1.0 - carry) * carried)
                tier = min(left, owed / (catch_up - carry))
            else:
                tier = left
            to_gp += catch_up * tier
            to_lp += (1.0 - catch_up) * tier
            left -= tier
        to_gp += carry * left
        to_lp += (1.0 - carry) * left
    else:
        to_lp += left
    return to_lp, to_gp, balance


@kernel
def clawback_due(carried, whole):
    """What a general partner paid deal by deal owes at the end: carry above that of the whole-fund waterfall."""
    return max(0.0, carried - whole)


@kernel
def due_to_protected(total, called_protected, called_bearer, borne):
    """Of `total` distributed so far, what is due to partners whose losses another bears first (劣后), in money.

    called_protected, called_bearer: called from either so far; borne: the part of the bearer's money that stands behind
    the others'. Capital comes back to the others and to the rest of the bearer's money alike, then to what was borne;
    what is above all that was called is shared as it was called.
    """
    whole = called_protected + called_bearer
    first = whole - borne
    if first <= 0.0:
        return total if whole > 0.0 else 0.0
    due = called_protected * min(1.0, total / first)
    if total > whole:
        due += (total - whole) * called_protected / whole
    return due


@kernel
def run_waterfalls(times, calls, proceeds, which, hurdle, carry, catch_up, state, to_lp, to_gp):
    """Flows in order of time, each through the tiers of the waterfall which[k] (a deal; all 0: the whole fund).

    times [flow] in years; calls, proceeds [flow] in money, a call before the proceeds of its own flow;
    state [waterfall, 5] is overwritten; to_lp, to_gp [flow] receive the distributions.
    """
    state[:] = 0.0
    for k in range(times.shape[0]):
        s = state[which[k]]
        s[BALANCE] = accrue_hurdle(s[BALANCE], hurdle, times[k] - s[SINCE]) + calls[k]
        s[SINCE] = times[k]
        s[CALLED] += calls[k]
        lp, gp, s[BALANCE] = whole_fund_step(
            s[BALANCE], s[CALLED], s[DISTRIBUTED], s[CARRIED], proceeds[k], carry, catch_up
        )
        s[DISTRIBUTED] += lp
        s[CARRIED] += gp
        to_lp[k] = lp
        to_gp[k] = gp


class Distributions(NamedTuple):
    """What each flow pays, in the order the flows were given; the clawback is in the last flow (in time) already."""

    lp: np.ndarray
    gp: np.ndarray
    clawback: float


def waterfall(
    times: Sequence[float],
    calls: Sequence[float],
    proceeds: Sequence[float],
    deals: Sequence[str | None] | None,
    hurdle: float,
    carry: float,
    catch_up: float,
    clawback: bool = False,
) -> Distributions:
    """Distributions of a fund: whole-fund where `deals` is None, else deal by deal.

    times in years, in any order (equal times: as given); calls and proceeds in money. With `clawback` the general
    partner returns, at the last flow, what it received above the whole-fund waterfall of all flows, gross of tax. A
    deal's write-off is a flow with no proceeds; losses do not hold back the carry of other deals.
    """
    order = np.argsort(np.asarray(times, float), kind="stable")
    t, c, p = (np.asarray(x, float)[order] for x in (times, calls, proceeds))
    one = np.zeros(order.size, np.int64)
    names = list(dict.fromkeys(deals)) if deals is not None else [None]
    which = one if deals is None else np.array([names.index(deals[k]) for k in order], np.int64)
    lp, gp = np.empty(order.size), np.empty(order.size)
    run_waterfalls(t - t[0], c, p, which, hurdle, carry, catch_up, np.empty((len(names), 5)), lp, gp)
    returned = 0.0
    if clawback and deals is not None:
        whole_lp, whole_gp = np.empty(order.size), np.empty(order.size)
        run_waterfalls(t - t[0], c, p, one, hurdle, carry, catch_up, np.empty((1, 5)), whole_lp, whole_gp)
        returned = float(clawback_due(gp.sum(), whole_gp.sum()))
        gp[-1] -= returned
        lp[-1] += returned
    back = np.empty(order.size, np.int64)
    back[order] = np.arange(order.size)
    return Distributions(lp[back], gp[back], returned)
