"""Clauses of a term sheet as arithmetic: anti-dilution, redemption, the option pool.

Sources: NVCA model certificate of incorporation, article IV.B (conversion price adjustments). A pool stated as part of
the post-money is set up before the money, so it dilutes those who were there. Not modelled: pay-to-play, narrow-based
averages, carve-outs for small issues.
"""

from sim.model.jit import kernel


@kernel
def weighted_average_price(conversion_price, shares_before, amount, new_price):
    """Conversion price after a cheaper issue, broad-based weighted average; unchanged where the issue is not cheaper.

    old x (S + amount / old) / (S + amount / new), S the fully diluted shares before the issue.
    """
    if new_price >= conversion_price:
        return conversion_price
    return conversion_price * (shares_before + amount / conversion_price) / (shares_before + amount / new_price)


@kernel
def ratchet_price(conversion_price, new_price):
    """Conversion price after a cheaper issue, full ratchet: it falls to the new price."""
    return min(conversion_price, new_price)


@kernel
def weighted_average_conversion(conversion, issue_price, shares_before, amount, new_price):
    """Common shares for one preferred share after an issue at `new_price`: issue price over the weighted-average price.

    Never below the old conversion.
    """
    return max(
        conversion, issue_price / weighted_average_price(issue_price / conversion, shares_before, amount, new_price)
    )


@kernel
def ratchet_conversion(conversion, issue_price, new_price):
    """Common shares for one preferred share after an issue at `new_price`, full ratchet."""
    return max(conversion, issue_price / new_price)


@kernel
def redemption_claim(cost, rate, years):
    """Claim of a redemption right (回购), in the money of `cost`: cost with simple interest at a yearly rate."""
    return cost * (1.0 + rate * years)


@kernel
def pool_top_up(others, pool, new_share, target):
    """Option shares to issue before the money so that the pool is `target` of the post-money shares; zero if it is.

    others: shares outside the pool before the round; pool: shares in it; new_share: share of the post-money shares that
    the round sells. The post-money count N is (others + pool + issued) / (1 - new_share) with pool + issued = target N.
    """
    return max(0.0, target * others / (1.0 - new_share - target) - pool)
