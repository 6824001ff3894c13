"""Claims about funds, partners and rules in simulated worlds: terms do what they say, and the accounts close."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim import measures
from sim.analysis import follow_on, returns
from sim.ensemble import Worlds, simulate
from sim.finance.payoff import split_proceeds
from sim.finance.waterfall import due_to_protected
from sim.model.report import LP, G, N, Q, R, Z
from sim.model.rows import Rows
from sim.model.rules import lower
from sim.model.world import Count, FundKind
from sim.scenario import load_scenario
from tests.test_model import SMALL, XIAN

WHOLE = [*SMALL[:-1], 'zone.end="2035Q4"']  # long enough for every sub-fund to end
PLAIN = [f"funds.{c}.state=0" for c in ("angel", "venture", "industry")]
TERMS = {
    "tranches": ['funds.guidance.tranches=[0.4,0.3,0.3]', "funds.venture.tranches=[0.4,0.3,0.3]"],
    "deal by deal": [f'funds.{c}.carry_by="deal-by-deal"' for c in ("angel", "venture", "industry", "market_early")],
    "no clawback": ['funds.venture.carry_by="deal-by-deal"', "funds.venture.clawback=false"],
    "recycling": ["funds.venture.recycling=0.5", "funds.market_growth.recycling=1.0"],
    "fees": ['funds.venture.fee_base="paid-in"', "funds.venture.fee_step=0.2", "funds.venture.fee_extension=0",
             "funds.angel.expenses=0.01", 'funds.industry.fee_base="invested"'],
    "harvest": ['funds.angel.harvest="3y"', 'funds.venture.harvest="2y"', 'funds.venture.extension="0y"'],
    "follow": ['funds.venture.follow_policy="top-up"', 'funds.angel.follow_policy="none"',
               "funds.industry.follow_on=0.6"],
    "rules": ["guidance.first_loss=0.5", "guidance.concession=0.5", 'guidance.miss="both"', "guidance.fee_cut=0.5",
              "guidance.reinvestment=1.9"],
    "redemption": ["rounds.terms.redemption_last_price=1", "exits.redemption_tries=5", 'exits.founders_means="1亿"'],
}  # fmt: skip


def run(*sets: str, replications: int = 3, seed: int = 11, events: int = 0, audit: bool = True):
    return simulate(load_scenario(XIAN, [*WHOLE, *sets]), replications, seed, events=events, audit=audit, threads=1)


@pytest.fixture(scope="module")
def plain():
    return run(events=3)


def row_lengths():
    from sim.model import layout

    return {
        G: len(layout.KIND_ROWS),
        LP: len(layout.PARTNER_ROWS),
        Q: len(layout.GUIDANCE_ROWS),
        R: len(layout.CLASS_RULE_ROWS),
        N: len(layout.NAMED_ROWS),
        Z: len(layout.ZONE_ROWS),
    }


@pytest.mark.parametrize("block, rows", row_lengths().items())
def test_blocks_of_metrics_have_the_kernels_rows(block, rows):
    assert rows == block.SIZE


def test_every_metric_of_a_scenario_has_its_row(plain):
    at = plain.quarters.index("2030Q4")
    always = [m.name for m in plain.metrics if not np.all(np.isnan(plain[m.name][:, at]))]
    lacking = {m.name for m in plain.metrics} - set(always)
    assert not {x for x in lacking if x.startswith(("funds.guidance", "funds.venture", "partners", "guidance.score"))}


# ----------------------------------------------------------------------------------------------------- accounts


@pytest.mark.parametrize("terms", TERMS.values(), ids=list(TERMS))
def test_accounts_close_under_any_terms(terms):
    audited = run(*terms)
    assert audited.manifest["audit"]["worst_relative_residual"] < 1e-9


def test_accounts_close_under_all_terms_at_once():
    together = [x for key, sets in TERMS.items() if key not in ("no clawback",) for x in sets]
    assert run(*together).manifest["audit"]["worst_relative_residual"] < 1e-9


def test_partners_pay_and_get_what_funds_call_and_distribute(plain):
    """Money of all partners = money of all funds, less what funds pay each other."""
    for row in ("paid_in", "distributed"):
        kinds = sum(plain[f"funds.{k}.{row}"] for k in ("guidance", "subfunds", "market", "direct", "attraction"))
        partners = sum(plain[f"partners.{k}.{row}"] for k in ("treasury", "state", "private"))
        others = plain["funds.subfunds.others"] / np.where(
            plain["funds.subfunds.size"] > 0, plain["funds.subfunds.size"], 1
        )
        assert np.all(partners <= kinds + 1.0)
        if row == "paid_in":
            between = kinds - partners  # calls on the guidance fund
            assert np.all(between <= plain["funds.guidance.paid_in"] + 1.0)
            assert others.max() < 1.0


def test_classes_sum_to_their_kind(plain):
    for row in ("size", "paid_in", "distributed", "nav", "fees", "carry", "count"):
        parts = sum(plain[f"funds.{c}.{row}"] for c in ("angel", "venture", "industry"))
        assert np.allclose(parts, plain[f"funds.subfunds.{row}"], rtol=1e-12)


# -------------------------------------------------------------------------------------------------------- terms


def test_tranches_are_paid_in_on_their_dates_and_lie_idle():
    tranched = run("funds.guidance.tranches=[0.4,0.3,0.3]", 'funds.guidance.tranche_every="1y"')
    paid = tranched["funds.guidance.paid_in"] / 5e9
    assert paid[:, 0] == pytest.approx(0.4) and paid[:, 4] == pytest.approx(0.7) and paid[:, 8] == pytest.approx(1.0)
    assert np.all(tranched["funds.guidance.cash"][:, 4] > 5e8)


def test_calls_come_when_needed_without_tranches(plain):
    assert np.all(plain["funds.guidance.cash"][:, 8] == 0.0)
    assert np.all(plain["funds.guidance.paid_in"][:, 4] < 0.4 * 5e9)


def test_a_clawback_leaves_no_more_carry_than_the_whole_fund_gives():
    deals = TERMS["deal by deal"]
    by_deal = run(*deals)
    assert by_deal["funds.subfunds.clawback"][:, -1].max() > 0.0
    world = world_of(*deals)
    n = world.tally.counts[Count.FUNDS]
    f = world.funds
    ended = (f.ended[:n] == 1) & (f.by_deal[:n] == 2)
    assert ended.any()
    assert np.all(f.carry[:n][ended] <= f.whole_carry[:n][ended] * (1.0 + 1e-9) + 1e-3)


def test_without_clawback_the_general_partner_keeps_early_carry():
    kept = run('funds.venture.carry_by="deal-by-deal"', "funds.venture.clawback=false")
    back = run('funds.venture.carry_by="deal-by-deal"')
    assert kept["funds.venture.carry"][:, -1].sum() > back["funds.venture.carry"][:, -1].sum()
    assert kept["funds.venture.clawback"].max() == 0.0


def test_recycling_keeps_money_at_work_up_to_its_limit():
    again = run("funds.venture.recycling=0.3")
    kept = again["funds.venture.recycled"][:, -1]
    assert np.all(kept > 0.0) and np.all(kept <= 0.3 * again["funds.venture.size"][:, -1] * (1 + 1e-9))
    assert run("funds.venture.recycling=0")["funds.venture.recycled"].max() == 0.0


def test_a_fee_on_paid_in_money_is_lower_than_one_on_commitments(plain):
    paid_in = run('funds.venture.fee_base="paid-in"', 'funds.venture.fee_base_after="paid-in"')
    at = plain.quarters.index("2022Q4")
    assert np.all(paid_in["funds.venture.fees"][:, at] < plain["funds.venture.fees"][:, at])


def test_funds_that_harvest_sell_before_their_end(plain):
    early = run('funds.venture.harvest="4y"')
    at = plain.quarters.index("2029Q4")
    assert early["exits.secondary"][:, at].mean() > plain["exits.secondary"][:, at].mean()


def test_net_asset_value_is_net_of_the_carry_owed(plain):
    owed = plain["funds.subfunds.carry_accrued"]
    assert owed.max() > 0.0 and owed.min() >= -1e-6
    assert np.all(plain["funds.subfunds.nav_fair"] <= plain["funds.subfunds.nav"] + 1.0)


# ------------------------------------------------------------------------------------------------------- rules


def test_first_loss_moves_losses_from_the_partners_to_the_guidance_fund():
    bad = ["outside.growth=-0.3", "rounds.stages.b.drift=-0.3", "rounds.stages.a.drift=-0.3", *PLAIN]
    plain, first = run(*bad), run(*bad, "guidance.first_loss=1.0")
    assert np.all(first["guidance.first_loss"][:, -1] > 0.0)
    assert np.all(first["guidance.loss"][:, -1] > plain["guidance.loss"][:, -1])
    assert first["funds.subfunds.distributed"][:, -1] == pytest.approx(plain["funds.subfunds.distributed"][:, -1])


@given(st.floats(0.0, 500.0), st.floats(0.0, 100.0), st.floats(0.0, 100.0), st.floats(0.0, 1.0), st.floats(0.0, 50.0))
def test_the_protected_get_their_capital_first_and_never_more_than_all(total, theirs, mine, part, more):
    borne = part * mine
    due = due_to_protected(total, theirs, mine, borne)
    assert -1e-9 <= due <= total + 1e-9 * (1.0 + total)
    assert due_to_protected(total + more, theirs, mine, borne) >= due - 1e-9
    if theirs + mine > 0.0:
        pro_rata = total * theirs / (theirs + mine)
        assert due >= pro_rata * (1.0 - 1e-12) - 1e-9
        if total >= theirs + mine:
            assert due == pytest.approx(pro_rata, rel=1e-9, abs=1e-9)
        elif theirs + mine - borne <= total:
            assert due == pytest.approx(theirs)


def test_a_concession_gives_gains_to_the_other_partners_and_is_lost_by_a_miss():
    given_up = run("guidance.concession=0.5", 'guidance.miss="nothing"')
    missed = run("guidance.concession=0.5", "guidance.concession_from=50")
    assert np.all(given_up["guidance.concession"][:, -1] >= 0.0)
    assert given_up["guidance.concession"][:, -1].max() > 0.0
    assert missed["guidance.concession"].max() == 0.0
    none = run('guidance.miss="nothing"')
    more = given_up["partners.private.distributed"][:, -1] + given_up["partners.state.distributed"][:, -1]
    less = none["partners.private.distributed"][:, -1] + none["partners.state.distributed"][:, -1]
    assert more - less == pytest.approx(given_up["guidance.concession"][:, -1], rel=1e-6)


def test_a_missed_ratio_withholds_part_of_the_fee():
    asked = ["guidance.reinvestment=3", "funds.venture.local=0.05", "guidance.fee_cut=0.5", 'guidance.miss="fee"']
    cut = run(*asked, "guidance.counting.plain=0.2", "guidance.counting.early=0.2")
    assert np.all(cut["guidance.fee_withheld"][:, -1] > 0.0)
    assert np.all(cut["guidance.reinvestment.missed.venture"][:, -1] > 0.5)


def test_counting_rules_multiply_what_counts():
    asks_little = "guidance.reinvestment=0.01"  # so that nobody hurries
    once, double = run(asks_little), run(asks_little, "guidance.counting.plain=2", "guidance.counting.early=2")
    for c in ("angel", "venture", "industry"):
        counted = once[f"guidance.reinvestment.counted.{c}"]
        assert double[f"guidance.reinvestment.counted.{c}"] == pytest.approx(2.0 * counted)


def test_a_sub_fund_puts_what_the_ratio_asks_into_firms_before_it_keeps_money_for_following():
    """Of its own accord it would put a tenth into the zone; asked for 1.0 it plans for it out of what fees leave,
    before any reserve. In the whole zone: in a small one late funds find too few firms."""
    little = [f"funds.{c}.local=0.1" for c in ("angel", "venture", "industry")]
    asked = simulate(load_scenario(XIAN, [*little, "guidance.reinvestment=1.0"]), 6, 1, threads=1, events=0)
    for c, least in (("venture", 0.92), ("industry", 0.86)):
        required = asked[f"guidance.reinvestment.required.{c}"][:, -1].sum()
        assert asked[f"guidance.reinvestment.counted.{c}"][:, -1].sum() > least * required


def test_a_fund_that_never_follows_keeps_nothing_for_it():
    """It kept its part for following whatever its policy was, and never placed it."""
    never = [f'funds.{c}.follow_policy="none"' for c in ("market_early", "market_growth")]
    kept = run(*never, "funds.market_early.follow_on=0.6", "funds.market_growth.follow_on=0.6")
    none = run(*never, "funds.market_early.follow_on=0", "funds.market_growth.follow_on=0")
    assert np.array_equal(kept["funds.market.invested.local"], none["funds.market.invested.local"])


def test_the_direct_fund_keeps_its_money_for_the_firms_that_it_holds():
    """Paid in at once, what it had beyond a fifth of its size in one firm went back to the treasury."""
    early = run("funds.direct.tranches=[1.0]", 'funds.direct.invests="2y"', 'named.eswin.enters="2020Q1"')
    at = early.quarters.index("2022Q2")
    held = early["named.eswin.zone.nav"][:, at] > 0.0
    assert held.any() and np.all(early["funds.direct.cash"][held, at] > 1e9)


def test_a_guidance_fund_that_opens_later_closes_its_sub_funds_later():
    late = run('funds.guidance.opens="2023Q1"')
    before, after = (late.quarters.index(q) for q in ("2022Q4", "2027Q4"))
    assert late["funds.subfunds.closed"][:, before].max() == 0.0 and late["public.outlay"][:, after].min() > 0.0
    assert late["funds.subfunds.closed"][:, after].min() > 0.0


def test_a_breach_is_a_loss_above_what_the_class_tolerates():
    strict = run("guidance.tolerance.venture=0", "rounds.stages.b.drift=-0.2", "outside.growth=-0.2")
    loss, breach = strict["guidance.loss.venture"], strict["guidance.breach.venture"]
    assert np.array_equal(breach == 1.0, np.nan_to_num(loss) > 0.0) and breach[:, -1].max() == 1.0


def test_the_score_is_the_sum_of_its_lines_and_known_lines_are_right(plain):
    lines = [m.name for m in plain.metrics if m.name.startswith("guidance.score.")]
    at = plain.quarters.index("2026Q4")
    total = sum(plain[name][:, at] for name in lines)
    assert np.array_equal(total, plain["guidance.score"][:, at])
    assert np.all(plain["guidance.score.reinvestment"][:, at] == 1.0)  # asked 1.0: 1 point
    assert np.all(plain["guidance.score.relocation"][:, at] == 0.0)  # the pack ties money to moving in
    assert np.isnan(plain["guidance.score"][:, plain.quarters.index("2024Q4")]).all()  # before the rule
    eased = run("guidance.reinvestment=0.4", "guidance.relocation_clause=false", audit=False)
    assert np.all(eased["guidance.score.reinvestment"][:, at] == 3.0)
    assert np.all(eased["guidance.score.relocation"][:, at] == 3.0)


# ----------------------------------------------------------------------------------------------------- returns


def test_rates_of_worlds_are_those_of_the_measures(plain):
    compared = 0
    funds = ("funds.guidance", "funds.venture", "funds.market", "funds.attraction")
    for subject in (*funds, "partners.treasury", "partners.private", "named.eswin.zone"):
        for quarter in ("2022Q4", "2027Q2", "2035Q4"):
            at = plain.quarters.index(quarter)
            for r in range(plain.replications):
                rate = returns.rate_of(plain, subject, r, at)
                ours = plain[f"{subject}.irr"][r, at]
                if rate and not rate.others:
                    assert ours == pytest.approx(rate.value, rel=1e-6, abs=1e-8)
                    compared += 1
                elif not rate:
                    assert np.isnan(ours)
    assert compared > 20


def test_market_equivalent_is_gross_flows_at_the_index(plain):
    growth = 0.05
    index = np.exp(returns.log_index(plain, growth))
    r, at = 1, plain.quarters.index("2030Q4")
    paid = np.diff(plain["funds.venture.paid_in"][r, : at + 1], prepend=0.0)
    back = np.diff(plain["funds.venture.distributed"][r, : at + 1], prepend=0.0)
    grown = index[r, at] / index[r, : at + 1]
    expected = (np.sum(back * grown) + plain["funds.venture.nav"][r, at]) / np.sum(paid * grown)
    assert plain["funds.venture.ks_pme"][r, at] == pytest.approx(expected, rel=1e-9)


def test_undefined_rates_are_counted_with_their_reason():
    none = run("funds.guidance.size=0", audit=False)
    counted = returns.undefined_rates(none)
    assert counted["funds.guidance.irr"] == {"there are no flows": 3}
    assert none.manifest["undefined_rates"]["funds.subfunds.irr"] == {"there are no flows": 3}


def test_vintages_sum_to_their_class(plain):
    table = plain.samples["fund_table"]
    at = plain.quarters.index("2029Q4")
    for name in ("paid_in", "distributed", "nav"):
        mine = (table["class"] == "venture") & (table["quarter"] == "2029Q4") & (table["replication"] == 1)
        assert table[name][mine].sum() == pytest.approx(plain[f"funds.venture.{name}"][1, at])
    one = (table["class"] == "guidance") & (table["quarter"] == "2029Q4") & (table["replication"] == 2)
    assert table["irr"][one][0] == pytest.approx(plain["funds.guidance.irr"][2, at])


def test_single_funds_sum_to_their_vintage_and_have_every_ratio(plain):
    whole, each = plain.samples["fund_table"], plain.samples["each_fund"]
    assert set(each) == set(returns.FUND_TABLE) | {"fund", "opened"} and set(each["funds"]) == {1}
    key = ("replication", "class", "vintage", "partial", "quarter")
    for name in ("paid_in", "distributed", "nav", "nav_fair"):
        sums: dict[tuple, float] = {}
        for *k, x in zip(*(each[c].tolist() for c in key), each[name].tolist(), strict=True):
            sums[tuple(k)] = sums.get(tuple(k), 0.0) + x
        for *k, x in zip(*(whole[c].tolist() for c in key), whole[name].tolist(), strict=True):
            assert sums[tuple(k)] == pytest.approx(x)
    number = each["fund"][(each["class"] == "venture") & (each["replication"] == 1)][0]
    mine = (each["fund"] == number) & (each["replication"] == 1)
    at = plain.quarters.index("2029Q4")
    row = mine & (each["quarter"] == "2029Q4")
    paid, back, nav = (each[name][mine] for name in ("paid_in", "distributed", "nav"))
    first = plain.quarters.index(each["quarter"][mine][0])
    flows = np.diff(back[: at - first + 1], prepend=0.0) - np.diff(paid[: at - first + 1], prepend=0.0)
    flows[-1] += nav[at - first]
    rate = measures.irr(flows, np.arange(len(flows)) * 0.25)
    assert each["irr"][row][0] == pytest.approx(rate.value, abs=1e-9)


def test_quartiles_over_single_funds_leave_out_the_young_and_what_is_undefined() -> None:
    quarters = ["2032Q4", "2033Q4"]
    rows = [  # class, vintage, quarter, TVPI, DPI, IRR
        *(("a", 2020, "2033Q4", 0.5 * k, 0.25 * k, 0.02 * k if k else np.nan) for k in range(5)),
        ("a", 2020, "2032Q4", 99.0, 99.0, 9.0),  # not the end
        ("a", 2030, "2033Q4", 99.0, 99.0, 9.0),  # three years old
        ("a", 2017, "2033Q4", 0.0, 0.0, -1.0),  # opened before the start: only the rest of it is in the run
        ("a", 2020, "2033Q4", np.nan, np.nan, np.nan),  # nothing was paid in
        ("b", 2028, "2033Q4", 2.0, 1.0, 0.1),  # just old enough
    ]
    names = ("class", "vintage", "quarter", "tvpi", "dpi", "irr")
    each = {name: np.array([row[i] for row in rows]) for i, name in enumerate(names)}
    each |= {"replication": np.arange(len(rows)) % 2, "commitment": np.arange(len(rows), dtype=float)}
    each |= {"partial": (each["vintage"] < 2019).astype(int)}
    a, b = returns.single_funds(each, quarters)
    assert (a.id, a.funds, a.worlds, b.id, b.funds) == ("a", 5, 2, "b", 1)
    assert a.tvpi == (0.5, 1.0, 1.5) and a.dpi == (0.25, 0.5, 0.75)
    assert a.irr == pytest.approx((0.035, 0.05, 0.065)), "of the four rates that are defined"
    assert a.above == 0.4 and a.size == 2.0 and b.tvpi == (2.0, 2.0, 2.0)
    assert returns.single_funds({}, quarters) == []
    by_year = returns.single_funds(each, quarters, by_vintage=True)
    assert [(x.id, x.vintage, x.funds) for x in by_year] == [
        ("a", None, 5),
        ("a", 2020, 5),
        ("b", None, 1),
        ("b", 2028, 1),
    ]


def test_five_years_are_counted_in_quarters_not_in_calendar_years() -> None:
    names = {"2028Q1": 1.0, "2028Q2": 2.0, "2028Q4": 3.0}  # first close -> TVPI
    each = {"opened": np.array(list(names)), "vintage": np.full(3, 2028), "class": np.array(["a"] * 3)}
    each |= {name: np.array(list(names.values())) for name in ("tvpi", "dpi", "irr", "commitment")}
    each |= {"replication": np.zeros(3, int)}
    for quarter, old in (("2033Q1", 1), ("2033Q2", 2), ("2033Q3", 2), ("2033Q4", 3)):
        (a,) = returns.single_funds(each | {"quarter": np.array([quarter] * 3)}, [quarter])
        assert a.funds == old


def test_funds_that_opened_before_the_start_without_books_are_told_apart(plain):
    """Of a market fund of 2017 only what it had left to place is in the run; the fund of attracted investment of 2019
    has books."""
    each, start = plain.samples["each_fund"], plain.quarters[0]
    flows = plain.samples["flows"]
    opened = dict(zip(zip(flows["replication"], flows["fund"], strict=True), flows["opened"], strict=True))
    early = [str(opened[r, f]) < start for r, f in zip(each["replication"], each["fund"], strict=True)]
    assert set(each["class"][each["partial"] == 1]) == {"market_early", "market_growth"}
    assert np.array_equal(each["partial"] == 1, np.array(early) & (each["class"] != "partner"))
    firsts = (each[x] for x in ("replication", "fund", "opened"))
    assert all(str(opened[r, f]) == q for r, f, q in zip(*firsts, strict=True))
    assert all(int(str(q)[:4]) == v for q, v in zip(flows["opened"], flows["vintage"], strict=True))
    assert returns.has_books(plain, "funds.partner") and not returns.has_books(plain, "funds.market")


def test_the_part_of_a_named_firm_in_what_the_direct_fund_calls(plain):
    part = returns.part_of_direct(plain, "eswin")
    assert 0.5 < part <= 1.0 and not returns.part_of_direct(plain, "nobody") > 0.0


def test_a_fund_of_the_start_plans_for_the_fees_that_are_to_come():
    """Not for those of its whole life: what it has is what is left of its commitments."""
    on_size = ['funds.market_growth.fee_base_after="commitment"', "funds.market_growth.fee_step=0.1"]
    scenario = load_scenario(XIAN, [*SMALL, *on_size])
    funds = Worlds(scenario, lower(scenario, Rows(1, np.arange(1), None)), 1).live(0, 0).funds
    g, terms = next((i, c) for i, c in enumerate(scenario.funds) if c.id == "market_growth")
    mine = np.flatnonzero((funds.group == g) & (funds.load > 0.0))
    ages = np.maximum(0, -funds.opened[mine])
    assert len(set(ages)) > 4
    life, invests = round(4 * terms.life.value), round(4 * terms.invests.value)
    later = [terms.fee_after.value * 0.9 ** (q // 4) for q in range(life - invests)]
    yearly = np.array([terms.fee.value] * invests + later) + terms.expenses.value
    for f, age in zip(mine, ages, strict=True):
        assert 1.0 - 1.0 / funds.load[f] == pytest.approx(0.25 * yearly[age:].sum(), rel=1e-9)


def test_a_guidance_fund_never_calls_more_than_its_commitment():
    """Its fees come out of what it keeps for them; what its sub-funds may call is not theirs."""
    for fee in ("0.02", "0.05"):
        scenario = load_scenario(XIAN, [*WHOLE, f"funds.guidance.fee={fee}"])
        result = simulate(scenario, 3, 1, threads=1, audit=True)  # identity 3 is that calls stay within commitments
        called = result["funds.guidance.paid_in"][:, -1]
        assert np.all(called <= result["funds.guidance.size"][:, -1] * (1.0 + 1e-9)) and np.all(called > 0.0)


def test_a_guidance_fund_that_ends_first_keeps_what_its_sub_funds_may_call():
    ends = ["funds.guidance.tranches=[0.5,0.5]", 'funds.guidance.life="6y"', 'funds.guidance.extension="0y"']
    result = simulate(load_scenario(XIAN, [*WHOLE, *ends]), 3, 1, threads=1, audit=True)
    cash = result["funds.guidance.cash"]
    assert np.all(cash[:, 26] > 0.0) and np.all(cash[:, -1] == 0.0)


def test_calls_at_risk_rise_with_the_level_and_sum_over_years(plain):
    years = returns.calls_at_risk(plain)
    assert [y.year for y in years] == list(range(2019, 2036))
    for y in years:
        assert y.at[0.90].value <= y.at[0.95].value <= y.at[0.99].value
    assert sum(y.mean.value for y in years) == pytest.approx(plain["funds.guidance.paid_in"][:, -1].mean())


def test_named_paths_state_odds_and_what_is_drawn(plain):
    eswin, tangjing = plain.manifest["named"]
    reached = plain["named.tangjing.multiple"][:, plain.quarters.index("2023Q4")] >= 11.1
    assert tangjing["probability"] == pytest.approx(reached.mean())
    assert eswin["published"] == 2e10 and eswin["what"] == "valuation"
    assert "named.eswin.revenue" in eswin["drawn"] and "named.eswin.rounds.0.amount" not in eswin["drawn"]
    paid = plain["named.eswin.zone.paid_in"][:, 0]
    assert paid == pytest.approx(17.5e8)


def test_a_yuan_that_the_treasury_does_not_pay_has_no_value_to_it():
    """Market funds move the treasury's money by chance alone: −57.5 ± 294 was printed."""
    draws = np.random.default_rng(1)
    more, chance = np.full(50, 100.0), draws.normal(size=50)
    assert np.isnan(returns.for_each(draws.normal(size=50), chance, more).value)
    assert np.isnan(returns.for_each(2.0 * more, np.full(50, 0.1), more).value)  # next to nothing
    assert np.isnan(returns.for_each(more, 0.0 * more, more).value)
    assert returns.for_each(2.0 * more, more + chance, more).value == pytest.approx(2.0, rel=0.01)
    unpaid = returns.Estimate(float("nan"), float("nan"))
    row = returns.NextYuan("market", "x", *(returns.Estimate(0.9, 0.1),) * 2, unpaid)
    assert "undetermined" in follow_on.report_classes([row], "en").splitlines()[1]
    assert "无法确定" in follow_on.report_classes([row], "zh").splitlines()[1]


def test_the_next_yuan_is_paired():
    scenario = load_scenario(XIAN, [*SMALL[:-1], 'zone.end="2030Q4"', "funds.market_early.count=10"])
    found = returns.next_yuan(scenario, replications=4, seed=2, step=0.2, threads=1)
    assert {x.id for x in found} == {c.id for c in scenario.funds}
    partner = next(x for x in found if x.id == "guidance")
    assert 0.0 < partner.called.value <= 1.2
    assert [x.value.value for x in found] == sorted((x.value.value for x in found), reverse=True)


# -------------------------------------------------------------------------------------------- terms of classes


def world_of(*sets: str, replication: int = 0):
    scenario = load_scenario(XIAN, [*WHOLE, *sets])
    return Worlds(scenario, lower(scenario, Rows(11, np.array([replication]))), 11).live(0, replication)


def test_terms_of_a_class_are_drawn_apart():
    """Shares of pairs of terms are near the products of their shares: each term has its own word."""
    scenario = load_scenario(XIAN, [*SMALL, "rounds.terms.ratchet=0.3", "rounds.stages.a.participating=0.5",
                                    "rounds.terms.redemption=0.5"])  # fmt: skip
    joins, ratchets, redeems = [], [], []
    for r in range(6):
        world = Worlds(scenario, lower(scenario, Rows(3, np.array([r]))), 3).live(0, r)
        v = world.ventures
        n = world.tally.counts[Count.VENTURE_SLOTS]
        for row in np.flatnonzero(v.alive[:n] & (v.classes[:n] > 0)):
            for c in range(v.classes[row]):
                joins.append(v.class_participating[row, c])
                ratchets.append(v.class_antidilution[row, c] == 2)
                redeems.append(v.class_redemption[row, c] >= 0)
    a, b, c = (np.array(x, float) for x in (joins, ratchets, redeems))
    assert len(a) > 500
    for x, y in ((a, b), (a, c), (b, c)):
        assert abs(np.corrcoef(x, y)[0, 1]) < 4.5 / np.sqrt(len(x))


def test_a_full_ratchet_converts_at_the_new_price():
    limit = 20.0
    world = world_of("rounds.terms.ratchet=1", f"rounds.terms.ratchet_limit={limit}", "rounds.terms.weighted_average=0")
    v = world.ventures
    n = world.tally.counts[Count.VENTURE_SLOTS]
    seen = 0
    for row in np.flatnonzero(v.alive[:n] & (v.classes[:n] > 1) & (v.listed[:n] == 0)):
        last = v.classes[row] - 1
        now = v.class_price[row, last]
        for c in range(last):
            paid = v.class_price[row, c] / v.class_conversion[row, c]
            assert paid <= now * (1.0 + 1e-9) or v.class_conversion[row, c] == limit
            seen += v.class_conversion[row, c] > 1.001
    assert seen > 0


def test_payouts_of_simulated_cap_tables_sum_to_proceeds_and_rise_with_them():
    world = world_of()
    v = world.ventures
    n = world.tally.counts[Count.VENTURE_SLOTS]
    out, converted = np.empty(12), np.empty(12)
    for row in np.flatnonzero(v.alive[:n] & (v.classes[:n] > 0))[:60]:
        k = v.classes[row]
        paid = v.class_shares[row, :k] * v.class_price[row, :k]
        shares = v.class_shares[row, :k] * v.class_conversion[row, :k]
        columns = (shares, v.class_preference[row, :k] * paid, v.class_seniority[row, :k],
                   v.class_participating[row, :k].astype(float), v.class_cap[row, :k] * paid)  # fmt: skip
        common = float(v.founders[row] + v.pool[row])
        before = np.zeros(k + 1)
        for proceeds in (1e5, 1e6, 1e7, 1e8, 1e9, 1e10):
            rest = split_proceeds(proceeds, k, *columns, common, out[:k], converted[:k])
            now = np.append(out[:k], rest)
            assert now.sum() == pytest.approx(proceeds, rel=1e-9)
            assert np.all(now >= before - 1e-6 * proceeds)
            before = now


# -------------------------------------------------------------------------------------------------- fair value


def test_headlines_exceed_fair_value(plain):
    at = plain.quarters.index("2023Q4")
    assert np.all(plain["valuation.fair.ratio"][:, at] > 1.2) and np.all(plain["valuation.fair.ratio"][:, at] < 2.0)


def test_rounds_that_are_logged_have_an_exact_fair_value(plain):
    scenario = load_scenario(XIAN, WHOLE)
    rows = returns.fair_rounds(scenario, plain.samples, 0, most=12)
    assert len(rows) == 12
    assert all(row["fair_value"] > 0.0 for row in rows)  # above post-money where a junior class buys in cheaply
    assert np.mean([row["fair_value"] < row["post_money"] for row in rows]) > 0.6
    assert 1.1 < np.median([1 + row["overvaluation"] for row in rows]) < 2.2


def test_only_live_funds_without_the_guidance_fund_end_when_they_hold_nothing():
    world = world_of()
    f = world.funds
    n = world.tally.counts[Count.FUNDS]
    ended = f.ended[:n] == 1
    assert np.all(f.cash[:n][ended] < 1.0) and np.all(f.outside_value[:n][ended] == 0.0)
    assert (f.kind[:n][ended] == FundKind.SUB_FUND).any()


def test_the_measures_say_why_a_rate_is_lacking():
    assert "no flows" in measures.irr([0.0, 0.0]).reason
