"""Ways out: listing with lock-up and sell-down, sale, redemption (回购), secondary sale at the end of a fund,
write-off.

Sale proceeds are split by the exact conversion equilibrium of the firm's share classes (sim.finance.payoff). At a
listing every class converts. Reported value and fair value differ (Gornall and Strebulaev 2020): holdings are carried
at the last round's price, as funds report them.
"""

import numpy as np

from sim.finance.payoff import pay_by_seniority, redemption_claim, split_proceeds
from sim.finance.waterfall import accrue_hurdle, whole_fund_step
from sim.model.draws import Purpose, exp, exp_inlined, log, log_inlined, normal, uniforms, uniforms_at, unit
from sim.model.firms.kernel import remove_firm
from sim.model.jit import fast_kernel, inlined, kernel, note_flags
from sim.model.ladders.kernel import bit, leave_level
from sim.model.market.kernel import mean_regime
from sim.model.rounds.kernel import next_of, put_venture
from sim.model.world import NEVER, OWNED, TILE, Cash, Count, FundKind, Next


@kernel
def take_proceeds(funds, ventures, holdings, tally, h, paid, quarter):
    """What a position brings goes to its fund; where carry is paid deal by deal, through the position's own tiers."""
    f = holdings.fund[h]
    funds.proceeds[f] += paid
    named = np.int64(ventures.named[holdings.venture[h]])
    if named >= 0 and funds.kind[f] == FundKind.DIRECT:
        tally.money[next_of(named) + Next.ZONE_BACK] += paid
    if funds.by_deal[f] and paid > 0.0:
        balance = accrue_hurdle(holdings.balance[h], funds.hurdle[f], 0.25 * (quarter - holdings.since[h]))
        to_lp, to_gp, balance = whole_fund_step(
            balance,
            holdings.called[h],
            holdings.returned[h],
            holdings.carried[h],
            paid,
            funds.carry_rate[f],
            funds.catch_up[f],
        )
        holdings.balance[h] = balance
        holdings.since[h] = quarter
        holdings.returned[h] += to_lp
        holdings.carried[h] += to_gp
        funds.gp_part[f] += to_gp


@kernel
def drop_holding(funds, ventures, holdings, tally, h, paid, quarter):
    """A position ends (or all of it is sold) for `paid`, which goes to its fund."""
    take_proceeds(funds, ventures, holdings, tally, h, paid, quarter)
    holdings.fund[h] = -1
    holdings.shares[h] = 0.0
    holdings.cost[h] = 0.0


@kernel
def sell_part(funds, ventures, holdings, tally, h, part, paid, quarter):
    """Part of a position is sold for `paid`, to holders who are no funds of the model or to the firm itself."""
    tally.money[Cash.EXIT_PROCEEDS] += paid
    tally.money[Cash.EXIT_TO_FUNDS] += paid
    if part > 0.999999:
        drop_holding(funds, ventures, holdings, tally, h, paid, quarter)
    else:
        take_proceeds(funds, ventures, holdings, tally, h, paid, quarter)
        holdings.shares[h] *= 1.0 - part
        holdings.cost[h] *= 1.0 - part


@kernel
def sell_next(ventures, tally, v, c, part, price):
    """Of what a yuan more in a named firm's next round bought, `part` is sold at `price` a share, if it is of class c
    (-1: of any)."""
    k = next_of(np.int64(ventures.named[v]))
    money = tally.money
    if money[k + Next.SHARES] > 0.0 and (c < 0 or np.int64(money[k + Next.CLASS]) == c):
        paid = part * money[k + Next.SHARES] * price
        money[k + Next.SHARES] *= 1.0 - part
        money[k + Next.BACK] += paid * money[Cash.DISCOUNT]
        money[k + Next.SUM] += paid


@kernel
def release_venture(ventures, tally, v):
    """Free a venture's row after the end of the firm's life as a venture."""
    ventures.alive[v] = 0
    ventures.listed[v] = 0
    ventures.first_holding[v] = -1
    tally.free_ventures[tally.counts[Count.FREE_VENTURES]] = v
    tally.counts[Count.FREE_VENTURES] += 1


@kernel
def payout(ventures, scratch, v, proceeds):
    """Split proceeds among the share classes of venture v: scratch.payoff[c, 0] by class; returns the common's part.

    Common = founders and option pool. Classes with anti-dilution count as-converted shares."""
    n = ventures.classes[v]
    p = scratch.payoff
    for c in range(n):
        p[c, 1] = ventures.class_shares[v, c] * ventures.class_conversion[v, c]
        p[c, 2] = ventures.class_preference[v, c] * ventures.class_shares[v, c] * ventures.class_price[v, c]
        p[c, 3] = ventures.class_seniority[v, c]
        p[c, 4] = ventures.class_participating[v, c]
        p[c, 5] = ventures.class_cap[v, c] * ventures.class_shares[v, c] * ventures.class_price[v, c]
    common = ventures.founders[v] + ventures.pool[v]
    return split_proceeds(proceeds, n, p[:, 1], p[:, 2], p[:, 3], p[:, 4], p[:, 5], common, p[:, 0], p[:, 6])


@kernel
def pay_holders(firms, ventures, holdings, funds, tally, events, scratch, v, proceeds, quarter, way):
    """Split the proceeds of a venture's end among its holders; what funds do not hold goes to holders outside.

    way: 1 sale, 2 liquidation. All positions end."""
    to_funds = 0.0
    n = ventures.classes[v]
    if n > 0 and proceeds > 0.0:
        payout(ventures, scratch, v, proceeds)
    if ventures.named[v] >= 0:
        for c in range(n):
            price = 0.0
            if proceeds > 0.0 and ventures.class_shares[v, c] > 0.0:
                price = scratch.payoff[c, 0] / ventures.class_shares[v, c]
            sell_next(ventures, tally, v, np.int64(c), 1.0, price)
    h = ventures.first_holding[v]
    while h >= 0:
        c = holdings.share_class[h]
        paid = 0.0
        if proceeds > 0.0 and ventures.class_shares[v, c] > 0.0:
            paid = scratch.payoff[c, 0] * holdings.shares[h] / ventures.class_shares[v, c]
        to_funds += paid
        drop_holding(funds, ventures, holdings, tally, h, paid, quarter)
        h = holdings.next[h]
    tally.money[Cash.EXIT_PROCEEDS] += proceeds
    tally.money[Cash.EXIT_TO_FUNDS] += to_funds
    tally.money[Cash.EXIT_TO_REST] += proceeds - to_funds
    log_exit(firms, ventures, tally, events, v, quarter, way, proceeds, to_funds)


@kernel
def log_exit(firms, ventures, tally, events, v, quarter, way, proceeds, to_funds):
    e = tally.counts[Count.EXIT_EVENTS]
    if e < events.exits.shape[0]:
        slot = ventures.firm[v]
        row = events.exits[e]
        row[0] = quarter
        row[1] = firms.cohort[slot]
        row[2] = firms.index[slot]
        row[3] = way
        row[4] = proceeds
        row[5] = to_funds
        row[6] = ventures.last_post[v]
        row[7] = ventures.raised[v]
        row[8] = ventures.rounds[v]
        row[9] = ventures.named[v]
        tally.counts[Count.EXIT_EVENTS] = e + 1


@kernel
def list_firms(key, rules, rounds, firms, ventures, market, tally, events, slots, n, quarter):
    """Firms that were admitted to listing: shares are issued to the public at the market's price, classes convert.

    A firm that never raised equity gets its row of value here, at its filed revenue and the sector's multiple, and
    no less than the scenario's least value."""
    m = market.multiple[quarter]
    for k in range(n):
        slot = slots[k]
        v = np.int64(firms.venture[slot])
        if v < 0:
            v = put_venture(
                key,
                rounds,
                firms,
                ventures,
                tally,
                slot,
                quarter,
                log(max(firms.value_last[slot], rules.least_value)) - m,
                -1,
            )
            if v < 0:
                return
        ventures.listed[v] = 1
        ventures.listed_at[v] = quarter
        ventures.burn[v] = 0.0
        firms.hazard[slot] = 0.0
        pre = exp(ventures.log_value[v] + m)
        raised = pre * rules.issue_share / (1.0 - rules.issue_share)
        ventures.shares[v] /= 1.0 - rules.issue_share
        ventures.cash[v] += raised
        ventures.log_value[v] = log(pre + raised) - m
        tally.money[Cash.LISTING_RAISED] += raised
        if ventures.rounds[v] > 0:
            tally.counts[Count.LISTED_VENTURES] += 1
        log_exit(firms, ventures, tally, events, v, quarter, np.int64(3), pre + raised, 0.0)


@inlined
def part_to_sell(rules, ventures, v, quarter):
    """Of what a holder of a listed firm has left, the part it sells this quarter."""
    left = ventures.listed_at[v] + rules.lock_up + rules.sell_quarters - quarter
    if left > rules.sell_quarters:
        return 0.0
    return 1.0 if left <= 1 else 1.0 / left


@kernel
def sell_down(rules, funds, ventures, holdings, market, tally, quarter):
    """After the lock-up a fund sells a listed holding in equal parts over the scenario's quarters, at the market."""
    multiple = np.exp(market.multiple[quarter])
    for row in range(tally.counts[Count.VENTURE_SLOTS]):
        v = np.int64(row)
        if ventures.listed[v] and ventures.alive[v] and ventures.named[v] >= 0:
            c = np.int64(tally.money[next_of(np.int64(ventures.named[v])) + Next.CLASS])
            price = exp(ventures.log_value[v]) * multiple / ventures.shares[v] * ventures.class_conversion[v, c]
            sell_next(ventures, tally, v, c, part_to_sell(rules, ventures, v, quarter), price)
    for h in range(tally.counts[Count.HOLDINGS]):
        if holdings.fund[h] < 0:
            continue
        v = holdings.venture[h]
        if ventures.listed[v] == 0:
            continue
        part = part_to_sell(rules, ventures, v, quarter)
        if part == 0.0:
            continue
        c = holdings.share_class[h]
        price = exp(ventures.log_value[v]) * multiple / ventures.shares[v] * ventures.class_conversion[v, c]
        paid = part * holdings.shares[h] * price
        sell_part(funds, ventures, holdings, tally, h, part, paid, quarter)


@kernel
def end_venture(firms, ventures, ladder, tally, v, dies, levels):
    """The firm stops being a venture; it dies with it, or lives on as a firm of the zone."""
    slot = np.int64(ventures.firm[v])
    firms.venture[slot] = -1
    release_venture(ventures, tally, v)
    if dies:
        remove_firm(firms, ladder, tally, slot, levels)


@kernel
def sell_venture(key, rules, firms, ventures, ladder, tally, events, v, leaves, quarter, levels):
    """A sold firm moves away, or stays with its buyer: it leaves the road to a listing for good."""
    slot = np.int64(ventures.firm[v])
    tally.counts[Count.SOLD] += 1
    if leaves:
        tally.counts[Count.MOVED] += 1
    else:
        for level in range(levels):
            if firms.held[slot] & rules.listing_levels & bit(level):
                leave_level(key, firms, ladder, events, tally, slot, level, quarter)
        firms.held[slot] |= OWNED
    end_venture(firms, ventures, ladder, tally, v, leaves, levels)


@fast_kernel
def weigh_gains(log_value, last_post, private, slope, against):
    """How much the odds against an offer change with what a firm has gained since its last round at today's prices:
    buyers come to those that have done well (Cochrane 2005 lets the odds of a sale or listing rise with value)."""
    for i in range(against.shape[0]):
        gain = log_value[i] + private - log_inlined(max(last_post[i], 1.0))
        against[i] = exp_inlined(-slope * gain)


@kernel
def flag_ending(alive, listed, stage, cash, last_round, word, hazard, mood, against, quarter, flags):
    """1 where an unlisted venture is out of cash, or one with a round behind it has an offer: its draw lies below the
    odds of a sale at its stage, changed by its gain (against: `weigh_gains`). Nobody buys a firm in the quarter of its
    round."""
    for i in range(flags.shape[0]):
        odds = min(hazard[stage[i]] * mood, 1.0)
        offered = unit(word[i]) * (odds + (1.0 - odds) * against[i]) < odds
        offered &= (stage[i] > 0) & (last_round[i] < quarter)
        flags[i] = 1 if (alive[i] != 0) & (listed[i] == 0) & ((cash[i] < 0.0) | offered) else 0


@kernel
def sell_or_fail(key, rules, firms, ventures, holdings, funds, market, ladder, tally, events, scratch, quarter, levels):
    """Ventures that are sold, and ventures out of cash: these live on their own revenue where it carries them, are
    bridged by those outside, are sold cheaply, or are liquidated."""
    mood = 1.0 + rules.sale_mood * mean_regime(market.regime[quarter])
    private = market.private[quarter]
    rows = tally.counts[Count.VENTURE_SLOTS]
    ending = np.int64(0)
    for first in range(0, rows, TILE):
        last = min(first + TILE, rows)
        flags, against = scratch.good[: last - first], scratch.revenue[: last - first]
        weigh_gains(ventures.log_value[first:last], ventures.last_post[first:last], private, rules.sale_gain, against)
        flag_ending(
            ventures.alive[first:last],
            ventures.listed[first:last],
            ventures.stage[first:last],
            ventures.cash[first:last],
            ventures.last_round[first:last],
            ventures.word_exit[first:last],
            rules.sale_hazard,
            mood,
            against,
            quarter,
            flags,
        )
        ending = note_flags(flags, first, scratch.list2, ending)
    for k in range(ending):
        v = scratch.list2[k]
        broke = ventures.cash[v] < 0.0
        stage = ventures.stage[v]
        slot = np.int64(ventures.firm[v])
        a = unit(ventures.word_exit[v])
        b, c, _, _ = uniforms(key, np.int64(ventures.index[v]), np.int64(ventures.cohort[v]), quarter, Purpose.EXIT)
        if broke:
            ventures.cash[v] = 0.0
            if firms.profit_last[slot] > 0.25 * ventures.burn[v] * 4.0 or (stage == 0 and a < rules.bootstraps):
                if stage == 0:
                    end_venture(firms, ventures, ladder, tally, v, False, levels)
                else:
                    ventures.burn[v] = 0.0
                continue
            if a < rules.bridge and stage > 0:
                bridge = rules.bridge_quarters * ventures.burn[v]
                ventures.cash[v] += bridge
                ventures.burn[v] *= rules.bridge_cut
                tally.money[Cash.INTO_FIRMS] += bridge
                tally.money[Cash.FROM_OTHERS] += bridge
                continue
            if stage > 0 and a < rules.bridge + rules.cheap_sale:
                proceeds = rules.cheap_part * ventures.raised[v] * exp(rules.cheap_sd * normal(b))
                pay_holders(firms, ventures, holdings, funds, tally, events, scratch, v, proceeds, quarter, np.int64(1))
                leaves = c < rules.sold_leaves
                sell_venture(key, rules, firms, ventures, ladder, tally, events, v, leaves, quarter, levels)
                continue
            proceeds = rules.liquidation_part * ventures.raised[v] * b
            pay_holders(firms, ventures, holdings, funds, tally, events, scratch, v, proceeds, quarter, np.int64(2))
            tally.counts[Count.DIED] += 1
            end_venture(firms, ventures, ladder, tally, v, True, levels)
            continue
        if ventures.named[v] < 0:
            whole = exp(ventures.log_value[v] + private + rules.sale_log_mean + rules.sale_log_sd * normal(b))
            pay_holders(firms, ventures, holdings, funds, tally, events, scratch, v, whole, quarter, np.int64(1))
            leaves = c < rules.sold_leaves
            sell_venture(key, rules, firms, ventures, ladder, tally, events, v, leaves, quarter, levels)


@inlined
def claim_of(rules, ventures, holdings, h, quarter):
    """What a redemption right claims: cost with simple interest since the issue, or the last round's price of what is
    held where the clause names it and it is higher."""
    v, c = holdings.venture[h], holdings.share_class[h]
    years = rules.redemption_term + 0.25 * (quarter - ventures.class_redemption[v, c])
    claim = redemption_claim(holdings.cost[h], ventures.class_rate[v, c], years)
    if ventures.class_last[v, c]:
        part = holdings.shares[h] * ventures.class_conversion[v, c] / ventures.shares[v]
        claim = max(claim, part * ventures.last_post[v])
    return claim


@inlined
def claims_now(rules, ventures, v, c, quarter):
    """Whether the redemption right of a class is called this quarter: when its term ends, then each year."""
    due = ventures.class_redemption[v, c]
    if due < 0 or quarter < due or ventures.class_shares[v, c] <= 0.0:
        return False
    return (quarter - due) % 4 == 0 and quarter - due < 4 * rules.redemption_tries


@inlined
def next_claim(rules, ventures, v, quarter):
    """The first quarter after this one in which a right can be called; NEVER where none is left."""
    soonest = np.int64(NEVER)
    for c in range(ventures.classes[v]):
        due = np.int64(ventures.class_redemption[v, c])
        if due < 0:
            continue
        if due <= quarter:
            called = (quarter - due) // 4 + 1
            if called >= rules.redemption_tries:
                continue
            due += 4 * called
        soonest = min(soonest, due)
    return soonest


CLAIM, OF_FUNDS, HELD, RANK, PAID = range(5)  # columns of scratch.payoff while a firm redeems


@kernel
def redemption_claims(rules, ventures, holdings, p, v, quarter):
    """Fill p [class, CLAIM]: what the holders of each class claim of venture v now, those beyond the model too;
    OF_FUNDS: the funds' part of it, HELD: the shares they hold. Returns (what funds claim, whether a term ends just
    now)."""
    new = False
    n = np.int64(ventures.classes[v])
    for c in range(n):
        p[c, CLAIM] = 0.0
        p[c, OF_FUNDS] = 0.0
        p[c, HELD] = 0.0
        p[c, RANK] = ventures.class_seniority[v, c]
        new = new or (ventures.class_redemption[v, c] == quarter)
    of_funds = 0.0
    h = ventures.first_holding[v]
    while h >= 0:
        c = holdings.share_class[h]
        if holdings.fund[h] >= 0 and claims_now(rules, ventures, v, c, quarter):
            claim = claim_of(rules, ventures, holdings, h, quarter)
            p[c, OF_FUNDS] += claim
            p[c, HELD] += holdings.shares[h]
            of_funds += claim
        h = holdings.next[h]
    for c in range(n):
        if not claims_now(rules, ventures, v, c, quarter):
            continue
        rest = max(0.0, ventures.class_shares[v, c] - p[c, HELD])
        years = rules.redemption_term + 0.25 * (quarter - ventures.class_redemption[v, c])
        claim = redemption_claim(rest * ventures.class_price[v, c], ventures.class_rate[v, c], years)
        if ventures.class_last[v, c]:
            part = rest * ventures.class_conversion[v, c] / ventures.shares[v]
            claim = max(claim, part * ventures.last_post[v])
        p[c, CLAIM] = p[c, OF_FUNDS] + claim
    return of_funds, new


@kernel
def redeem_firm(rules, funds, ventures, holdings, tally, scratch, v, quarter):
    """One firm's redemption in a quarter: all who hold a class that is due share what the obligors can pay, senior
    classes first, holders of one rank pro rata to their claims."""
    p = scratch.payoff
    n = np.int64(ventures.classes[v])
    of_funds, new = redemption_claims(rules, ventures, holdings, p, v, quarter)
    if of_funds <= 0.0:
        return
    total = 0.0
    for c in range(n):
        total += p[c, CLAIM]
    able = rules.redemption_ability * max(0.0, ventures.cash[v] - 2.0 * ventures.burn[v])
    means = rules.founders_means if new else 0.0
    money = min(total, able + means)
    if money < 0.05 * total:
        return
    pay_by_seniority(money, n, p[:, CLAIM], p[:, RANK], p[:, PAID])
    h = ventures.first_holding[v]
    while h >= 0:
        c = np.int64(holdings.share_class[h])
        if holdings.fund[h] >= 0 and p[c, PAID] > 0.0:
            part = p[c, PAID] / p[c, CLAIM]
            paid = part * claim_of(rules, ventures, holdings, h, quarter)
            tally.counts[Count.REDEEMED] += 1
            sell_part(funds, ventures, holdings, tally, h, part, paid, quarter)
        h = holdings.next[h]
    named = np.int64(ventures.named[v])
    for c in range(n):
        if p[c, PAID] <= 0.0:
            continue
        part = p[c, PAID] / p[c, CLAIM]
        outside = part * (p[c, CLAIM] - p[c, OF_FUNDS])
        tally.money[Cash.EXIT_PROCEEDS] += outside
        tally.money[Cash.EXIT_TO_REST] += outside
        if named >= 0:
            sell_next(ventures, tally, v, c, part, p[c, PAID] / ventures.class_shares[v, c])
        gone = part * ventures.class_shares[v, c]
        ventures.class_shares[v, c] -= gone
        ventures.shares[v] -= gone * ventures.class_conversion[v, c]
    ventures.cash[v] -= min(money, able)
    tally.money[Cash.REDEMPTION] += money


@kernel
def flag_owing(alive, listed, first_holding, claimed_next, quarter, flags):
    """1 where a fund holds an unlisted venture of which a redemption right may be called by now."""
    for v in range(flags.shape[0]):
        held = (alive[v] != 0) & (listed[v] == 0) & (first_holding[v] >= 0)
        flags[v] = 1 if held & (claimed_next[v] <= quarter) else 0


@kernel
def redeem(rules, funds, ventures, holdings, tally, scratch, quarter):
    """Redemption rights (回购): a firm that is not listed when the term ends owes its investors their money back. The
    obligors pay what they can: part of the firm's spare cash, then, the first time, what founders can raise; once a
    year for as many years as the scenario tries. The rest of the position stays. Holders beyond the model claim
    when a fund does."""
    rows = tally.counts[Count.VENTURE_SLOTS]
    owing = np.int64(0)
    for first in range(0, rows, TILE):
        last = min(first + TILE, rows)
        flags = scratch.good[: last - first]
        flag_owing(
            ventures.alive[first:last],
            ventures.listed[first:last],
            ventures.first_holding[first:last],
            ventures.claimed_next[first:last],
            quarter,
            flags,
        )
        owing = note_flags(flags, first, scratch.list, owing)
    for k in range(owing):
        v = scratch.list[k]
        for c in range(ventures.classes[v]):
            if claims_now(rules, ventures, v, c, quarter):
                redeem_firm(rules, funds, ventures, holdings, tally, scratch, v, quarter)
                break
        ventures.claimed_next[v] = next_claim(rules, ventures, v, quarter)


@kernel
def sell_to_secondary(rules, funds, ventures, holdings, market, tally, h, part, quarter):
    """A secondary sale (S基金) to holders outside the model, at a discount to net asset value where the firm is not
    listed; the shares stay in the cap table."""
    v, c = holdings.venture[h], holdings.share_class[h]
    share = part * holdings.shares[h] * ventures.class_conversion[v, c] / ventures.shares[v]
    if ventures.listed[v]:
        paid = share * exp(ventures.log_value[v] + market.multiple[quarter])
    else:
        paid = share * ventures.last_post[v] * rules.secondary_price
    tally.money[Cash.SECONDARY] += paid
    sell_part(funds, ventures, holdings, tally, h, part, paid, quarter)


@kernel
def end_funds(rules, funds, ventures, holdings, market, tally, scratch, quarter):
    """A fund that holds nothing at the end of its life ends; one that still does has its extension, and then sells what
    is left. In its harvest, the last years before that, it sells unlisted holdings in equal parts."""
    holds = scratch.chosen
    for f in range(tally.counts[Count.FUNDS]):
        holds[f] = 0
    for h in range(tally.counts[Count.HOLDINGS]):
        f = holdings.fund[h]
        if f < 0:
            continue
        left = funds.ends[f] + funds.extension[f] - quarter
        if left <= 0:
            sell_to_secondary(rules, funds, ventures, holdings, market, tally, h, 1.0, quarter)
            continue
        holds[f] += 1
        if left <= funds.harvest[f] and ventures.listed[holdings.venture[h]] == 0:
            sell_to_secondary(rules, funds, ventures, holdings, market, tally, h, 1.0 / (left + 1.0), quarter)
    for f in range(tally.counts[Count.FUNDS]):
        if funds.ended[f] == 0 and quarter >= funds.ends[f]:
            over = quarter >= funds.ends[f] + funds.extension[f]
            if over or (holds[f] == 0 and funds.kind[f] != FundKind.GUIDANCE):
                funds.ended[f] = 1


@kernel
def tidy_holdings(ventures, holdings, tally):
    """Close the gaps of ended positions, in order, and build the lists of each venture's positions anew."""
    n = tally.counts[Count.HOLDINGS]
    for v in range(tally.counts[Count.VENTURE_SLOTS]):
        ventures.first_holding[v] = -1
    kept = 0
    for h in range(n):
        if holdings.fund[h] < 0:
            continue
        v = holdings.venture[h]
        holdings.fund[kept] = holdings.fund[h]
        holdings.venture[kept] = v
        holdings.share_class[kept] = holdings.share_class[h]
        holdings.shares[kept] = holdings.shares[h]
        holdings.cost[kept] = holdings.cost[h]
        holdings.first[kept] = holdings.first[h]
        holdings.bought[kept] = holdings.bought[h]
        holdings.called[kept] = holdings.called[h]
        holdings.balance[kept] = holdings.balance[h]
        holdings.since[kept] = holdings.since[h]
        holdings.returned[kept] = holdings.returned[h]
        holdings.carried[kept] = holdings.carried[h]
        holdings.mark[kept] = holdings.mark[h]
        holdings.next[kept] = ventures.first_holding[v]
        ventures.first_holding[v] = kept
        kept += 1
    tally.counts[Count.HOLDINGS] = kept


@kernel
def close_leavers(
    key, rules, firms, ventures, holdings, funds, ladder, tally, events, scratch, leavers, quarter, levels
):
    """Firms whose exit draw fell: they die or move away. A venture with cash in hand, a listed or a named firm does not
    die of the population's hazard: its own rooms decide."""
    uniforms_at(key, firms, scratch.list, leavers, quarter, np.int64(Purpose.NOVELTY), 0, scratch, scratch.score)
    for k in range(leavers):
        slot = scratch.list[k]
        v = np.int64(firms.venture[slot])
        if v >= 0:
            if ventures.cash[v] > 0.0 or ventures.listed[v] or ventures.named[v] >= 0:
                continue
            proceeds = 0.0
            pay_holders(firms, ventures, holdings, funds, tally, events, scratch, v, proceeds, quarter, np.int64(2))
            firms.venture[slot] = -1
            release_venture(ventures, tally, v)
        if scratch.score[k] < rules.moves_away:
            tally.counts[Count.MOVED] += 1
        else:
            tally.counts[Count.DIED] += 1
        remove_firm(firms, ladder, tally, slot, levels)
