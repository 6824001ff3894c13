"""The waterfall of a fund: capital and hurdle first, then the general partner's catch-up, then the split.

Whole-fund (European) form, streaming: each distribution goes through the tiers with what the fund has called, paid and
earned so far, so quarterly distributions give what one settlement at the end would. The hurdle compounds on the balance
of what limited partners have not got back. Not modelled here: deal-by-deal carry, clawback, taxes.
"""

from sim.model.jit import kernel


@kernel
def whole_fund_step(balance, called, distributed, carried, amount, carry, catch_up):
    """One distribution. Returns (to limited partners, to general partner, new hurdle balance).

    balance: capital called and hurdle accrued, not yet returned; called, distributed (to limited partners) and carried
    (to the general partner) so far; carry and catch_up as shares. A catch-up not above the carry never completes.
    """
    to_lp = min(amount, balance)
    balance -= to_lp
    left = amount - to_lp
    to_gp = 0.0
    if left > 0.0 and carry > 0.0:
        if catch_up > 0.0:
            # profit so far, the part that is owed to the general partner, and what the tier must pay until it has it
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
