"""Paced cash flows of a fund: Takahashi and Alexander (2002), "Illiquid alternative asset fund modeling", J. Portfolio
Management 28(2).

Yearly. Contribution = rate x what is left uncalled; distribution = rate of distribution x grown net asset value. What
is called in a year earns from the next, so the last year's call stays in the last net asset value. Not modelled: fees
apart, recycling, randomness, periods shorter than a year.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sim.model.jit import kernel


@kernel
def distribution_rate(year, life, bow, least):
    """Share of grown net asset value paid out in a year: max(least, (year / life)^bow). `least` is the yield."""
    return max(least, (year / life) ** bow)


@kernel
def pace_year(nav, uncalled, call_rate, growth, paid_out):
    """One year: (contribution, distribution, new net asset value), in the money of `nav` and `uncalled`.

    call_rate: share of the uncalled; growth: yearly; paid_out: share of the grown net asset value.
    """
    grown = nav * (1.0 + growth)
    contribution = call_rate * uncalled
    distribution = paid_out * grown
    return contribution, distribution, grown + contribution - distribution


class Paced(NamedTuple):
    """Cash flows and net asset value at the end of years 1 … life."""

    contributions: np.ndarray
    distributions: np.ndarray
    nav: np.ndarray


def takahashi_alexander(
    commitment: float, call_rates: Sequence[float], life: int, bow: float, growth: float, least: float
) -> Paced:
    """A fund's paced life. call_rates: share of the uncalled by year, the last one repeats; least: the yield."""
    out = Paced(np.empty(life), np.empty(life), np.empty(life))
    nav, uncalled = 0.0, float(commitment)
    for k in range(life):
        rate = float(call_rates[min(k, len(call_rates) - 1)])
        paid_out = distribution_rate(k + 1.0, float(life), float(bow), float(least))
        contribution, distribution, nav = pace_year(nav, uncalled, rate, float(growth), paid_out)
        uncalled -= contribution
        out.contributions[k], out.distributions[k], out.nav[k] = contribution, distribution, nav
    return out
