"""Calls and puts, the pieces of which preferences are made: Black and Scholes (1973), and the same claim at an exit
time that is exponentially distributed.

The underlying follows a geometric Brownian motion under the pricing measure, without payouts; rate and volatility per
year, continuously compounded. Not modelled: dividends, stochastic volatility, early exercise.
"""

import math

from sim.model.jit import kernel


@kernel
def normal_below(x):
    """Standard normal distribution function."""
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


@kernel
def call_at(underlying, strike, rate, volatility, expiry):
    """Black-Scholes call, in the money of the underlying: S N(d1) - K e^-rT N(d2). expiry in years."""
    paid = strike * math.exp(-rate * expiry)
    spread = volatility * math.sqrt(expiry)
    if spread <= 0.0 or underlying <= 0.0 or strike <= 0.0:
        return max(underlying - paid, 0.0)
    d1 = math.log(underlying / paid) / spread + 0.5 * spread
    return underlying * normal_below(d1) - paid * normal_below(d1 - spread)


@kernel
def put_at(underlying, strike, rate, volatility, expiry):
    """Black-Scholes put: K e^-rT N(-d2) - S N(-d1)."""
    paid = strike * math.exp(-rate * expiry)
    spread = volatility * math.sqrt(expiry)
    if spread <= 0.0 or underlying <= 0.0 or strike <= 0.0:
        return max(paid - underlying, 0.0)
    d1 = math.log(underlying / paid) / spread + 0.5 * spread
    return paid * normal_below(spread - d1) - underlying * normal_below(-d1)


@kernel
def exit_powers(rate, volatility, exit_rate):
    """(up > 1, down < 0): the roots z of v²z²/2 + (rate - v²/2) z = rate + exit_rate.

    A claim on an exit at rate `exit_rate` behaves as S^up below its strike and S^down above; discounted, the log of the
    exit value over today's has density proportional to e^-(up y) for y > 0 and e^-(down y) for y < 0.
    """
    half = 0.5 * volatility * volatility
    slope = rate - half
    root = math.sqrt(slope * slope + 4.0 * half * (rate + exit_rate))
    q = -0.5 * (slope + root) if slope >= 0.0 else -0.5 * (slope - root)
    a = q / half
    b = -(rate + exit_rate) / q
    return max(a, b), min(a, b)


@kernel
def call_at_exit(underlying, strike, rate, volatility, exit_rate):
    """Call whose expiry is exponential with `exit_rate` a year; closed form. Needs rate + exit_rate > 0.

    V solves v²S²V''/2 + rate S V' - (rate + exit_rate) V + exit_rate max(S - K, 0) = 0: A (S/K)^up below K,
    S - K exit_rate / (rate + exit_rate) + B (S/K)^down above, value and slope equal at K.
    """
    if underlying <= 0.0:
        return 0.0
    discounted = strike * exit_rate / (rate + exit_rate)
    if strike <= 0.0:
        return underlying - discounted
    if volatility <= 0.0:
        if rate == 0.0:
            return max(underlying - strike, 0.0)
        gone = math.log(strike / underlying) / rate  # when the forward passes the strike
        in_money = rate > 0.0  # after it; before it otherwise
        late = max(gone, 0.0)
        after = underlying * math.exp(-exit_rate * late) - discounted * math.exp(-(rate + exit_rate) * late)
        return after if in_money else underlying - discounted - after
    up, down = exit_powers(rate, volatility, exit_rate)
    over = strike * (1.0 - up * rate / (rate + exit_rate)) / (up - down)
    if underlying >= strike:
        return underlying - discounted + over * (underlying / strike) ** down
    return (over + strike * rate / (rate + exit_rate)) * (underlying / strike) ** up


@kernel
def put_at_exit(underlying, strike, rate, volatility, exit_rate):
    """Put whose expiry is exponential: by parity, call - S + K exit_rate / (rate + exit_rate)."""
    call = call_at_exit(underlying, strike, rate, volatility, exit_rate)
    return max(0.0, call - underlying + strike * exit_rate / (rate + exit_rate))
