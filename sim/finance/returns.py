"""Returns of a fund in every quarter of its life, from what was called, distributed and is left: what worlds report.

The measures are those of sim.measures (internal rate of return, Kaplan-Schoar public market equivalent, direct alpha);
here on a quarterly grid and compiled, so that every class of fund and every kind of partner has them by quarter. Flows
of a quarter fall at its end; the net asset value counts as a last flow. A fund that lost everything has a rate of
-100 %; where there is no rate the value is NaN, and sim.measures.irr of the same flows says why. Where several rates
give a present value of zero the one on the side of the gain is taken, of several there the nearest to zero, as
sim.measures takes it (two of them closer than SEARCH_STEP can be missed here).
"""

import math

import numpy as np

from sim.model.jit import entry, fast_kernel, inlined, kernel

SEARCH_STEP = 0.04
TOTAL_LOSS = -1.0
LARGEST = 1e6
STEPS = 100_000  # more than any search takes
NEWTON = 200


@fast_kernel
def present_value(flows, first, last, nav, rate):
    """Sum of flows[first..last] and nav, discounted by quarters from `first` at the yearly `rate`."""
    v = (1.0 + rate) ** -0.25
    total = flows[last] + nav
    for s in range(last - 1, first - 1, -1):
        total = total * v + flows[s]
    return total


@fast_kernel
def root_between(flows, first, last, nav, low, high, at_low, v):
    """The rate of the discount factor of a quarter between `low` and `high` at which the present value is zero, by
    Newton's steps from v, kept between factors known to lie on either side. at_low: sign of the present value at
    `low`."""
    step_before = np.inf
    for _ in range(NEWTON):
        value = flows[last] + nav
        slope = 0.0
        for s in range(last - 1, first - 1, -1):
            slope = slope * v + value
            value = value * v + flows[s]
        if value == 0.0:
            break
        if (value > 0.0) == (at_low > 0):
            low = v
        else:
            high = v
        better = v - value / slope
        if not low <= better <= high:
            better = 0.5 * (low + high) if high < np.inf else 2.0 * v
        step = abs(better - v)
        v = better
        if step <= 1e-15 * v or (step <= 1e-10 * v and step >= step_before):
            break
        step_before = step
    y = 1.0 / (v * v)
    return y * y - 1.0


@inlined
def factor_of_quarter(rate):
    return 1.0 / math.sqrt(math.sqrt(1.0 + rate))


@kernel
def further(rate, sign):
    """The next rate of a search outward from zero."""
    if sign > 0:
        return rate + SEARCH_STEP if rate < 1.0 else rate * 1.25
    return rate - SEARCH_STEP if rate > -0.8 else -1.0 + (1.0 + rate) * 0.6


@kernel
def root_on_side(flows, first, last, nav, at_zero, side):
    """The rate nearest to zero above it (side 1) or below it (-1), or NaN. at_zero: present value at a rate of 0."""
    sign_at_zero = 1 if at_zero > 0.0 else -1
    rate = 0.0
    for _ in range(STEPS):
        wider = further(rate, side)
        if (present_value(flows, first, last, nav, wider) > 0.0) != (at_zero > 0.0):
            near, far = factor_of_quarter(rate), factor_of_quarter(wider)
            low, high = min(near, far), max(near, far)
            at_low = sign_at_zero if low == near else -sign_at_zero
            return root_between(flows, first, last, nav, low, high, at_low, 0.5 * (low + high))
        rate = wider
        if not -1.0 + 1e-6 < rate < LARGEST:
            break
    return np.nan


@kernel
def yearly_rate(flows, first, last, nav, paid, got, guess):
    """Internal rate of return a year of net flows[first..last] and nav. paid, got: sums of what was paid in and of what
    came back with nav, in the money of the flows. guess: the rate of a quarter earlier, or NaN. NaN where there is no
    rate."""
    if paid <= 0.0:
        return np.nan
    if got <= 0.0:
        return TOTAL_LOSS
    least = 1e-15 * (paid + got)
    changes = 0
    sign = 0
    leads = 0
    for s in range(first, last + 1):
        x = flows[s] + (nav if s == last else 0.0)
        if abs(x) > least:
            here = 1 if x > 0.0 else -1
            if sign == 0:
                leads = here
            elif here != sign:
                changes += 1
            sign = here
    if changes == 0:
        return np.nan
    if changes == 1:  # there is one rate; at small factors what comes first decides
        if leads > 0:
            return np.nan
        v = factor_of_quarter(guess if -1.0 < guess < LARGEST else 0.0)
        rate = root_between(flows, first, last, nav, 0.0, np.inf, leads, v)
        return rate if -1.0 + 1e-6 < rate < LARGEST else np.nan
    at_zero = present_value(flows, first, last, nav, 0.0)
    if at_zero == 0.0:
        return 0.0
    side = 1 if at_zero > 0.0 else -1
    rate = root_on_side(flows, first, last, nav, at_zero, side)
    return rate if not math.isnan(rate) else root_on_side(flows, first, last, nav, at_zero, -side)


@kernel
def returns_by_quarter(
    paid_in, distributed, nav, log_index, flows, deflated, irr, pme, alpha, paid_before, back_before
):
    """Fill irr, pme and alpha [quarter] from cumulative paid_in and distributed and from nav, all [quarter] in money.

    log_index [quarter]: log of the public index that the money is compared with. flows, deflated: room [quarter].
    KS-PME takes calls and distributions gross of each other, as TVPI does; rates take them net by quarter.
    paid_before, back_before: the sums before the first quarter. Money paid in before it, whose dates nobody knows, has
    the net asset value of then for its payment: paid_before is what was paid in less that value."""
    n = paid_in.shape[0]
    first = n
    paid = 0.0
    got = 0.0
    paid_now = 0.0
    got_now = 0.0
    for t in range(n):
        call = paid_in[t] - (paid_in[t - 1] if t > 0 else paid_before)
        back = distributed[t] - (distributed[t - 1] if t > 0 else back_before)
        deflator = math.exp(-log_index[t])
        flows[t] = back - call
        deflated[t] = flows[t] * deflator
        if first == n and (call != 0.0 or back != 0.0):
            first = t
        paid += call
        got += back
        paid_now += call * deflator
        got_now += back * deflator
        if first == n:
            irr[t] = np.nan
            pme[t] = np.nan
            alpha[t] = np.nan
            continue
        left = nav[t]
        left_now = left * deflator
        irr[t] = yearly_rate(flows, first, t, left, paid, got + left, irr[t - 1] if t > 0 else np.nan)
        pme[t] = (got_now + left_now) / paid_now if paid_now > 0.0 else np.nan
        guess = alpha[t - 1] if t > 0 else np.nan
        alpha[t] = yearly_rate(deflated, first, t, left_now, paid_now, got_now + left_now, guess)


@kernel
def rates_by_quarter(paid_in, distributed, nav, flows, irr, paid_before, back_before):
    """The rate alone; arguments as in `returns_by_quarter`."""
    first = paid_in.shape[0]
    for t in range(paid_in.shape[0]):
        call = paid_in[t] - (paid_in[t - 1] if t > 0 else paid_before)
        back = distributed[t] - (distributed[t - 1] if t > 0 else back_before)
        flows[t] = back - call
        if t < first and (call != 0.0 or back != 0.0):
            first = t
        irr[t] = np.nan
        if t >= first:
            paid = paid_in[t] - paid_before
            got = distributed[t] - back_before + nav[t]
            irr[t] = yearly_rate(flows, first, t, nav[t], paid, got, irr[t - 1] if t > 0 else np.nan)


@entry
def returns_of_paths(paid_in, distributed, nav, log_index, room, irr, pme, alpha):
    """`returns_by_quarter` for rows [path, quarter] of one world, from Python. log_index [quarter]; room [2, quarter];
    the last three [path, quarter] are filled."""
    for k in range(paid_in.shape[0]):
        returns_by_quarter(
            paid_in[k], distributed[k], nav[k], log_index, room[0], room[1], irr[k], pme[k], alpha[k], 0.0, 0.0
        )
