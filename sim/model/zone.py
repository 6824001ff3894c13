"""The quarter, as a list of domain words, and the life of one world.

draw the market                     once: the whole path
admit entrants                      founders, incubators' tenants, firms that move in, projects
run programmes                      who asks, whom the budget reaches
open funds                          proposals close or lapse, institutions raise their next fund, the park registers
grow firms                          shock, revenue, exit draws
move values                         latent values, burn
raise rounds                        firms meet funds; cap tables are written
climb ladders                       certificates and the listing pipeline
exit                                listings, sell-down, sales, failures, redemption, ends of funds
settle                              fees, calls and distributions through the graph; net asset values
close accounts                      in the last quarter of the year: accounts, tax, next year's drift and hazard
report                              every metric of the quarter
"""

from sim.accounts import audit_policies, audit_world
from sim.model import population
from sim.model.exits import kernel as exits
from sim.model.firms import kernel as firms_
from sim.model.funds import kernel as funds_
from sim.model.incubators import kernel as incubators_
from sim.model.jit import entry, kernel
from sim.model.ladders import kernel as ladders_
from sim.model.market.kernel import draw_market
from sim.model.programmes import kernel as programmes_
from sim.model.projects.kernel import run_projects
from sim.model.public import kernel as public_
from sim.model.report import report_policies, report_quarter, report_returns
from sim.model.rounds import kernel as rounds_
from sim.model.world import Cash, Count

admit_entrants = population.admit_entrants
attract_firms = population.attract_firms
fill_at_start = population.fill_at_start
certify_named = population.certify_named
place_named = population.place_named
grow_firms = firms_.grow_firms
close_accounts = firms_.close_accounts
certificate_effects = firms_.certificate_effects
drift_rd = firms_.drift_rd
begin_year = firms_.begin_year
plan_funds = funds_.plan_funds
open_funds = funds_.open_funds
take_over_books = funds_.take_over_books
register_in_park = funds_.register_in_park
charge_and_invest_outside = funds_.charge_and_invest_outside
settle = funds_.settle
value_funds = funds_.value_funds
keep_for_following = funds_.keep_for_following
log_flows = funds_.log_flows
climb_ladders = ladders_.climb_ladders
seed_levels = ladders_.seed_levels
open_at_start = population.open_at_start
note_listings = ladders_.note_listings
run_programmes = programmes_.run_programmes
programme_effects = programmes_.programme_effects
run_incubators = incubators_.run_incubators
incubator_effects = incubators_.incubator_effects
move_values = rounds_.move_values
raise_rounds = rounds_.raise_rounds
list_firms = exits.list_firms
sell_down = exits.sell_down
sell_or_fail = exits.sell_or_fail
redeem = exits.redeem
end_funds = exits.end_funds
tidy_holdings = exits.tidy_holdings
close_leavers = exits.close_leavers
assess_tax = public_.assess_tax
discount_cost = public_.discount_cost


@kernel
def empty(world):
    """Make a used world fresh again. Firm and venture slots need no clearing: taking one writes every column."""
    ladder, programmes, incubators, tally = world.ladder, world.programmes, world.incubators, world.tally
    programmes.spent[:] = 0.0
    programmes.repaid[:] = 0.0
    programmes.adopted[:] = 0
    incubators.tenants[:] = 0
    incubators.waiting[:] = 0
    incubators.graduated[:] = 0
    incubators.turned_away[:] = 0
    incubators.rent[:] = 0.0
    world.projects.slot[:] = -1
    tally.counts[:] = 0
    tally.money[:] = 0.0
    ladder.stock[:] = 0
    ladder.entered[:] = 0
    ladder.left[:] = 0


@kernel
def list_at_start(key, rules, firms, ventures, market, tally, events, scratch):
    """Firms that are listed at the start get their market value; nothing is issued."""
    levels = rules.ladders.listing
    listed = 0
    for slot in range(tally.counts[Count.FIRM_SLOTS]):
        if firms.alive[slot] and firms.held[slot] & levels:
            scratch.listed[listed] = slot
            listed += 1
    list_firms(key, rules.exits, rules.rounds, firms, ventures, market, tally, events, scratch.listed, listed, 0)
    for k in range(listed):
        v = firms.venture[scratch.listed[k]]
        if v >= 0:
            ventures.listed_at[v] = -40
    tally.counts[Count.LISTED_VENTURES] = 0
    tally.money[Cash.LISTING_RAISED] = 0.0


@kernel
def live_one_quarter(key, rules, world, quarter, last):
    """The order of a quarter is the order of these lines. `last`: whether it is the last quarter of a year.

    Returns the quarter's output."""
    firms, ventures, holdings = world.firms, world.ventures, world.holdings
    funds, commitments, market, ladder = world.funds, world.commitments, world.market, world.ladder
    programmes, incubators, projects = world.programmes, world.incubators, world.projects
    tally, events, scratch = world.tally, world.events, world.scratch
    levels = rules.ladders.levels
    tally.money[Cash.DISCOUNT] = (1.0 + rules.public.discount) ** (-0.25 * quarter)
    outlay, recovered = tally.money[Cash.OUTLAY], tally.money[Cash.RECOVERED]
    tally.rounds[:] = 0
    tally.raised[:] = 0.0
    place_named(key, rules, firms, ventures, holdings, funds, market, tally, events, scratch, quarter)
    attract_firms(key, rules, firms, ventures, holdings, funds, market, tally, events, scratch, quarter)
    run_projects(key, rules, firms, projects, market, tally, scratch, quarter)
    run_incubators(key, rules, firms, ventures, incubators, market, tally, scratch, quarter)
    if quarter == 0:
        certify_named(rules.named, firms, ventures, ladder, tally)
        seed_levels(key, rules.ladders, firms, ventures, market, ladder, events, tally, scratch)
        open_at_start(key, rules, firms, ventures, market, tally, scratch)
        list_at_start(key, rules, firms, ventures, market, tally, events, scratch)
        take_over_books(rules.funds, funds, commitments, ventures, holdings, market, tally)
        keep_for_following(funds, ventures, holdings, tally, rules.rounds.patience)
    else:
        admit_entrants(key, rules, firms, ventures, market, tally, scratch, quarter)
    run_programmes(key, rules.programmes, firms, ventures, programmes, market, tally, scratch, quarter, rules.phase)
    open_funds(key, rules.funds, funds, commitments, market, tally, quarter)
    register_in_park(key, rules.funds, tally, quarter)
    output, leavers = grow_firms(key, rules.firms, firms, market, tally, scratch, quarter)
    if quarter > 0:
        close_leavers(
            key, rules.exits, firms, ventures, holdings, funds, ladder, tally, events, scratch, leavers, quarter, levels
        )
        move_values(key, rules.rounds, firms, ventures, market, tally, scratch, quarter)
        raise_rounds(key, rules.rounds, firms, ventures, holdings, funds, market, tally, events, scratch, quarter)
        listed = climb_ladders(
            key,
            rules.ladders,
            rules.programmes,
            rules.rounds,
            firms,
            ventures,
            market,
            ladder,
            events,
            tally,
            scratch,
            quarter,
            rules.phase,
        )
        note_listings(firms, tally, scratch.listed, listed, quarter)
        list_firms(
            key, rules.exits, rules.rounds, firms, ventures, market, tally, events, scratch.listed, listed, quarter
        )
        sell_down(rules.exits, funds, ventures, holdings, market, tally, quarter)
        sell_or_fail(
            key, rules.exits, firms, ventures, holdings, funds, market, ladder, tally, events, scratch, quarter, levels
        )
        redeem(rules.exits, funds, ventures, holdings, tally, scratch, quarter)
        end_funds(rules.exits, funds, ventures, holdings, market, tally, scratch, quarter)
    charge_and_invest_outside(key, rules.funds, funds, commitments, market, tally, quarter)
    settle(rules.funds, funds, commitments, tally, quarter)
    value_funds(funds, commitments, ventures, holdings, market, tally, quarter)
    keep_for_following(funds, ventures, holdings, tally, rules.rounds.patience)
    log_flows(rules.funds, funds, tally, events, quarter)
    discount_cost(rules.public, tally, outlay, recovered, quarter)
    if last:
        if quarter > 0:
            close_accounts(rules.firms, firms, market, tally, scratch, quarter)
            drift_rd(key, rules.firms, firms, tally, scratch, quarter)
            certificate_effects(rules.firms, firms, tally)
            programme_effects(key, rules.programmes, firms, tally, scratch)
            incubator_effects(rules.incubators, firms, tally)
            assess_tax(rules.public, firms, tally)
        else:
            begin_year(firms, tally)
        tidy_holdings(ventures, holdings, tally)
    return output


@entry
def live_one_world(key, rules, world, audit):
    """One replication from the start to the end. world.metrics [metric, quarter] is filled; quarter 0 is the start.

    Returns Status.OK, or the table that was too small; then the world means nothing and is lived again with more room.
    """
    firms, ventures, holdings, funds = world.firms, world.ventures, world.holdings, world.funds
    commitments, market, ladder, metrics = world.commitments, world.market, world.ladder, world.metrics
    tally, scratch = world.tally, world.scratch
    empty(world)
    draw_market(key, rules.market, market, metrics.shape[1])
    plan_funds(key, rules.funds, funds, commitments, market, tally)
    fill_at_start(key, rules, firms, ventures, market, tally, scratch)
    if tally.counts[Count.STATUS] != 0:
        return tally.counts[Count.STATUS]
    for quarter in range(metrics.shape[1]):
        last = (rules.phase + quarter) % 4 == 3
        output = live_one_quarter(key, rules, world, quarter, last)
        if tally.counts[Count.STATUS] != 0:
            return tally.counts[Count.STATUS]
        report_quarter(rules, world, output, quarter)
        report_policies(key, rules, world, quarter)
        if audit:
            audit_world(rules, firms, ventures, holdings, funds, commitments, ladder, tally)
            audit_policies(rules, firms, world.programmes, world.incubators, tally)
    report_returns(rules, funds, commitments, market, tally, scratch, metrics)
    return tally.counts[Count.STATUS]
