"""A cap table that was typed in: rounds close as their term sheets say, exits are split, mistakes are told by line."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim import cli
from sim.captable.exits import curve, part_of, redemption_claims, split_exit, split_table, turns
from sim.captable.payoffs import payouts
from sim.captable.plain import plain
from sim.captable.reading import GRANTED, OTHERS, UNISSUED, CompanyFile, PlannedRound, StatedExit
from sim.captable.rounds import CapTable, close_rounds, opening, settle
from sim.captable.telling import work_out
from sim.errors import UserError
from sim.scenario.reading import Tree
from tests.conftest import ROOT

EXAMPLE = ROOT / "docs" / "cases" / "captable.toml"
Call = Callable[..., subprocess.CompletedProcess[str]]


def sheet(**tables: Any) -> CompanyFile:
    """A file with one founder, `ordinary` shares (100万) of hers and a holder `fund`."""
    founder = {"id": "chen", "founder": True, "ordinary": tables.pop("ordinary", 1e6)}
    holders = [founder, {"id": "fund"}, *tables.pop("holders", [])]
    made = CompanyFile.model_validate({"company": "X", "holders": holders, **tables})
    made._tree = Tree({})  # where a file would stand
    return made


def share_class(**terms: Any) -> dict[str, Any]:
    return {"id": "a", "date": "2022Q1", "investors": {"fund": 1.0}, **terms}


def next_round(**terms: Any) -> dict[str, Any]:
    return {"id": "b", "date": "2025Q1", **terms}


def sale(table: CapTable, proceeds: float, way: str = "sale"):
    return split_exit(table, StatedExit.model_validate({"name": "x", "proceeds": proceeds, "way": way}), "today")


# --- rounds, by hand


def test_a_plain_round_sells_its_part_of_the_firm_at_one_price():
    (closed,) = close_rounds(sheet(rounds=[next_round(money="250万", pre_money="1000万", lead="fund")]))
    assert (closed.price, closed.issued, closed.post_money) == (10.0, 250_000.0, 12.5e6)
    assert closed.after.by_holder() == {"chen": 1e6, "fund": 250_000.0, GRANTED: 0.0, UNISSUED: 0.0}
    assert closed.dilution == pytest.approx(
        {"before": 1.0, "pool": 0.0, "anti_dilution": 0.0, "new_money": 0.2, "bought": 0.0, "after": 0.8}
    )


def test_the_weighted_average_is_that_of_the_nvca_charter():
    """CP2 = CP1 (A + B) / (A + C), certificate of incorporation IV.B.4.4: a million ordinary and a million preferred
    shares issued at 1, then a million at .5: 1 x (2m + .5m) / (2m + 1m) = .8333, so one preferred becomes 1.2."""
    old = share_class(money="100万", price=1.0, anti_dilution="weighted_average")
    (closed,) = close_rounds(sheet(classes=[old], rounds=[next_round(money="50万", price=0.5)]))
    assert closed.after.classes[0].conversion == pytest.approx(1.2, rel=1e-15)
    assert closed.extra == {"a": pytest.approx(200_000.0)}
    assert closed.after.fully_diluted == pytest.approx(3.2e6)


@pytest.mark.parametrize(("average", "counted"), [("fully_diluted", 2.5e6), ("outstanding", 2.1e6)])
def test_the_weighted_average_counts_the_pool_or_what_is_outstanding(average: str, counted: float):
    old = share_class(money="100万", price=1.0, anti_dilution="weighted_average", average=average)
    options = {"granted": 100_000, "unissued": 400_000}
    (closed,) = close_rounds(sheet(classes=[old], options=options, rounds=[next_round(money="50万", price=0.5)]))
    assert closed.after.classes[0].conversion == pytest.approx((counted + 1e6) / (counted + 0.5e6))


def test_a_full_ratchet_takes_the_new_price_and_pays_for_it_in_the_price():
    """3亿 of old money at 10 keep 3亿 at the new price p: p (100万 + 3000万 / p) = 4000万, so p = 10: no change. At a
    pre-money of 3500万, p x 100万 = 500万."""
    old = share_class(money="3000万", price=30.0, anti_dilution="full_ratchet")
    (closed,) = close_rounds(sheet(classes=[old], rounds=[next_round(money="500万", pre_money="3500万")]))
    assert closed.price == pytest.approx(5.0)
    assert closed.after.classes[0].as_converted == pytest.approx(6e6)
    assert closed.after.classes[1].shares == pytest.approx(1e6)


def test_pool_and_ratchet_are_settled_together():
    """800 000 ordinary and 200 000 preferred at 100 (2000万), 1000万 at 3000万 pre-money, a pool of 10 % after it. With
    N shares before the money the price is 3000万 / N: the ratchet has 2N/3, the pool .1 N / .75 = 2N/15, so
    N = 800 000 + .8 N = 4 000 000."""
    old = share_class(money="2000万", price=100.0, anti_dilution="full_ratchet")
    plan = next_round(money="1000万", pre_money="3000万", pool="10%")
    (closed,) = close_rounds(sheet(ordinary=800_000, classes=[old], rounds=[plan]))
    assert closed.price == pytest.approx(7.5, rel=1e-13)
    assert closed.top_up == pytest.approx(4e6 * 2 / 15, rel=1e-13)
    assert closed.after.classes[0].as_converted == pytest.approx(4e6 * 2 / 3, rel=1e-13)
    assert closed.after.fully_diluted == pytest.approx(4e6 / 0.75, rel=1e-13)
    assert closed.after.unissued / closed.after.fully_diluted == pytest.approx(0.1, rel=1e-13)
    told = closed.dilution
    # pool first: 800/1533.3 of the whole; then the ratchet: 800/4000; then the money: x .75
    assert told["before"] - told["pool"] == pytest.approx(0.8 / (1.0 + 8 / 15))
    assert told["after"] == pytest.approx(0.15)


def test_a_ratchet_of_all_the_pre_money_leaves_nothing():
    old = share_class(money="3000万", price=100.0, anti_dilution="full_ratchet")
    made = sheet(classes=[old], rounds=[next_round(money="1000万", pre_money="3000万")])
    assert settle(opening(made), made.rounds[0]) is None
    with pytest.raises(UserError, match="would take the whole company"):
        close_rounds(made)


@pytest.mark.parametrize(("counts", "options"), [("unissued", 0.0), ("all", 100_000.0)])
def test_the_pool_is_its_share_of_the_post_money_where_a_price_is_stated(counts: str, options: float):
    plan = next_round(money="1000万", price=10.0, pool="15%", pool_counts=counts)
    made = sheet(options={"granted": 100_000}, rounds=[plan])
    (closed,) = close_rounds(made)
    after = closed.after
    assert closed.price == 10.0 and closed.issued == 1e6
    assert (after.unissued + options) / after.fully_diluted == pytest.approx(0.15, rel=1e-13)
    assert closed.pre_money == pytest.approx(10.0 * closed.before.fully_diluted + 10.0 * closed.top_up)


def test_a_pool_that_is_large_enough_is_not_topped_up():
    plan = next_round(money="100万", pre_money="1000万", pool="5%")
    (closed,) = close_rounds(sheet(options={"unissued": 500_000}, rounds=[plan]))
    assert closed.top_up == 0.0 and closed.after.unissued == 500_000


def test_pro_rata_rights_buy_the_part_that_was_held_and_the_lead_takes_the_rest():
    """The fund holds 25 % before and takes up 80 % of its right: 20 % of the round."""
    old = share_class(money="1000万", shares=500_000, investors={"fund": "100%"})
    plan = next_round(
        money="1000万", pre_money="4000万", pro_rata={"fund": "80%"}, investors={"two": "30%"}, lead="three"
    )
    made = sheet(ordinary=1.5e6, holders=[{"id": "two"}, {"id": "three"}], classes=[old], rounds=[plan])
    (closed,) = close_rounds(made)
    held = {holder: shares / closed.issued for holder, shares in closed.after.classes[1].held.items()}
    assert held == pytest.approx({"fund": 0.2, "two": 0.3, "three": 0.5})


def test_what_founders_buy_is_told_apart():
    plan = next_round(money="1000万", pre_money="1000万", investors={"chen": "50%"})
    (closed,) = close_rounds(sheet(rounds=[plan]))
    assert closed.dilution["new_money"] == pytest.approx(0.5) and closed.dilution["bought"] == pytest.approx(0.25)
    assert closed.dilution["after"] == pytest.approx(0.75)
    assert closed.after.by_holder()[OTHERS] == pytest.approx(500_000.0)


# --- exits, by hand

VENTURE_DEALS = [  # Feld and Mendelson, "Venture Deals", on liquidation preferences: 500万 at 1000万 pre-money
    ({}, 15e6, 5e6, True),
    ({"participating": True}, 15e6, 5e6 + 1e7 / 3, False),
    ({"participating": True, "cap": 3.0}, 15e6, 5e6 + 1e7 / 3, False),
    ({}, 3e7, 1e7, True),
    ({"participating": True, "cap": 3.0}, 3e7, 5e6 + 25e6 / 3, False),
    ({}, 1e8, 1e8 / 3, True),
    ({"participating": True}, 1e8, 5e6 + 95e6 / 3, False),
    ({"participating": True, "cap": 3.0}, 1e8, 1e8 / 3, True),  # 3 x 500万 is less than a third
    ({"participating": True, "cap": 3.0}, 4e7, 15e6, False),
]


@pytest.mark.parametrize(("terms", "proceeds", "investors", "converts"), VENTURE_DEALS)
def test_the_examples_of_venture_deals(terms: dict[str, Any], proceeds: float, investors: float, converts: bool):
    table = opening(sheet(classes=[share_class(money="500万", shares=500_000, **terms)]))
    told = sale(table, proceeds)
    assert told.holders["fund"] == pytest.approx(investors)
    assert told.holders["chen"] == pytest.approx(proceeds - investors)
    if not (terms == {} and proceeds == 15e6):  # there converting pays the same
        assert told.converts == (["a"] if converts else [])


def test_turns_of_a_capped_participating_class():
    """1x of 500万, a third of the shares, capped at 3x: full at 500万, at its cap at 500 + 3 x 1000 = 3500万, converts
    where a third is 1500万."""
    capped = share_class(money="500万", shares=500_000, participating=True, cap=3.0)
    found = turns(opening(sheet(classes=[capped])))
    assert [(t.what, t.share_class) for t in found] == [("preference", "a"), ("cap", "a"), ("converts", "a")]
    assert [t.proceeds for t in found] == pytest.approx([5e6, 3.5e7, 4.5e7])


def test_senior_preferences_come_first_and_the_later_class_is_senior_where_nothing_is_said():
    classes = [
        share_class(money="1000万", shares=100_000),
        share_class(money="2000万", shares=100_000, id="b", date="2023Q1"),
    ]
    table = opening(sheet(classes=classes))
    assert sale(table, 25e6).classes == pytest.approx({"a": 5e6, "b": 20e6})
    equal = [c | {"seniority": 1} for c in classes]
    assert sale(opening(sheet(classes=equal)), 15e6).classes == pytest.approx({"a": 5e6, "b": 10e6})


def test_a_class_that_states_no_rank_comes_before_all_of_before():
    made = sheet(
        classes=[
            share_class(id="a", money="1000万", shares="100万", seniority=5),
            share_class(id="b", money="1000万", shares="100万"),
        ],
    )
    assert [c.seniority for c in opening(made).classes] == [5, 6]


def test_at_a_listing_all_convert_and_options_not_granted_lapse():
    table = opening(
        sheet(
            classes=[share_class(money="5亿", shares=500_000, preference=3.0)],
            options={"granted": 500_000, "unissued": 8e6},
        )
    )
    told = sale(table, 4e7, "listing")
    assert told.converts == ["a"] and told.a_share == pytest.approx(20.0)
    assert told.holders == pytest.approx({"chen": 2e7, "fund": 1e7, GRANTED: 1e7, UNISSUED: 0.0})


def test_a_redemption_right_bears_simple_interest_to_the_exit():
    table = opening(sheet(classes=[share_class(money="1000万", shares=100_000, redemption="8%")]))
    assert redemption_claims(table, 2027 * 4) == {"a": pytest.approx(1000e4 * 1.4)}
    assert redemption_claims(opening(sheet()), 2027 * 4) == {}


def test_redemption_claims_are_told_by_year_beside_the_founders_shares(tmp_path: Path):
    """Cost with simple interest from the date of the class on; a class without the right asks for nothing."""
    worked = work_out(EXAMPLE)
    first, *_, last = worked.redemption.values()
    assert list(first) == ["a", "b"] and len(worked.redemption) == 6
    assert first["b"] == pytest.approx(8000e4 * (1 + 0.08 * 1.75))  # closed in 2025Q2, the last round in 2027Q1
    assert last["b"] == pytest.approx(8000e4 * (1 + 0.08 * 6.75))
    assert "may ask back by then" in worked.table("en") and "创始人股份按最近价格计值" in worked.table("zh")
    plain_file = tmp_path / "plain.toml"
    plain_file.write_text(EXAMPLE.read_text(encoding="utf-8").replace('redemption = "8%"', ""), encoding="utf-8")
    assert not work_out(plain_file).redemption and "可要求回购" not in work_out(plain_file).table("zh")


def test_a_preference_far_above_the_usual_is_asked_about(tmp_path: Path):
    assert not work_out(EXAMPLE).high and "check it" not in work_out(EXAMPLE).table("en")
    slip = tmp_path / "slip.toml"
    text = EXAMPLE.read_text(encoding="utf-8").replace('redemption = "8%"', 'redemption = "8%"\npreference = 15', 1)
    slip.write_text(text, encoding="utf-8")
    worked = work_out(slip)
    assert list(worked.high.values()) == [15.0]
    assert "has a preference of 15x, far above the usual 1x to 3x: check it" in worked.table("en")
    assert "的优先权为 15 倍，远高于通常的 1 至 3 倍，请核对" in worked.table("zh")


def test_a_company_without_classes_has_a_curve_too():
    table = opening(sheet(rounds=[]))
    payoff = curve(table, [1e7])
    assert part_of(table, payoff, {"chen"}) == pytest.approx(payoff.exit)
    assert turns(table) == []


# --- invariants

SHARES = st.floats(1e3, 1e8)
MONEY = st.floats(1e5, 1e9)
TERMS = {
    "preference": st.sampled_from([0.0, 1.0, 1.5, 3.0]),
    "seniority": st.none() | st.integers(0, 3),
    "anti_dilution": st.sampled_from(["none", "weighted_average", "full_ratchet"]),
    "average": st.sampled_from(["fully_diluted", "outstanding"]),
}


@st.composite
def files(draw: st.DrawFn) -> CompanyFile:
    """A cap table with some classes and one to three rounds, most of them cheaper than the one before."""

    def terms() -> dict[str, Any]:
        stated = {key: draw(values) for key, values in TERMS.items()}
        if draw(st.booleans()):
            cap = draw(st.sampled_from([None, 3.0, 5.0]))
            stated |= {"participating": True} | ({"cap": cap} if cap else {})
        return stated

    classes = [
        {"id": f"old{k}", "date": f"{2015 + k}Q1", "money": draw(MONEY), "shares": draw(SHARES), **terms()}
        | {"investors": {"fund": draw(st.floats(0.0, 1.0))}}
        for k in range(draw(st.integers(0, 3)))
    ]
    rounds = []
    for k in range(draw(st.integers(1, 3))):
        plan = {"id": f"new{k}", "date": f"{2025 + k}Q1", "money": draw(MONEY), **terms()}
        if draw(st.booleans()):
            plan["pre_money"] = draw(st.floats(1e5, 1e10))
            room = plan["pre_money"] / (plan["pre_money"] + plan["money"])
            plan["pool"] = draw(st.floats(0.0, 0.9)) * room
        else:
            plan |= {"price": draw(st.floats(0.01, 1e4)), "pool": draw(st.floats(0.0, 0.6))}
        plan["pool_counts"] = draw(st.sampled_from(["unissued", "all"]))
        plan["investors"] = {"fund": draw(st.floats(0.0, 0.5))}
        rounds.append(plan)
    options = {"granted": draw(st.floats(0.0, 1e7)), "unissued": draw(st.floats(0.0, 1e7))}
    return sheet(ordinary=draw(SHARES), classes=classes, rounds=rounds, options=options)


def rounds_of(made: CompanyFile):
    try:
        return close_rounds(made)
    except UserError as error:
        assert "would take the whole company" in str(error)
        return []


@given(files())
def test_every_round_closes(made: CompanyFile):
    for closed in rounds_of(made):
        before, after, plan = closed.before, closed.after, closed.planned
        extra = sum(closed.extra.values())
        assert before.fully_diluted + closed.top_up + extra + closed.issued == pytest.approx(
            after.fully_diluted, rel=1e-12
        )
        assert closed.top_up >= 0.0 and all(x >= 0.0 for x in closed.extra.values())
        for table in (before, after):
            assert sum(table.by_class().values()) == pytest.approx(table.fully_diluted, rel=1e-12)
            assert sum(table.by_holder().values()) == pytest.approx(table.fully_diluted, rel=1e-12)
        if plan.pre_money is not None:
            assert closed.pre_money == pytest.approx(plan.pre_money.value, rel=1e-12)
        assert closed.price * after.fully_diluted == pytest.approx(closed.post_money, rel=1e-12)
        pool = after.unissued + (after.granted if plan.pool_counts == "all" else 0.0)
        assert plan.pool is not None
        if closed.top_up > 1e-9 * pool:
            assert pool / after.fully_diluted == pytest.approx(plan.pool.value, rel=1e-9)
        else:
            assert pool / after.fully_diluted >= plan.pool.value * (1.0 - 1e-9)
        told = dict(closed.dilution)
        parts = told["before"] - told["pool"] - told["anti_dilution"] - told["new_money"] + told["bought"]
        assert parts == pytest.approx(told["after"], rel=1e-9, abs=1e-15)
        assert min(told.values()) >= -1e-15


@given(files())
def test_conversions_are_those_of_the_price_that_they_lead_to(made: CompanyFile):
    """The protection is what the term sheet says of the price and of the top-up that come out, not of guesses."""
    pieces = plain("term_sheet")
    for closed in rounds_of(made):
        for old, new in zip(closed.before.classes, closed.after.classes, strict=False):
            money, counted = closed.planned.money.value, closed.before.fully_diluted + closed.top_up
            if old.terms.average == "outstanding":
                counted = closed.before.fully_diluted - closed.before.unissued
            meant = {
                "none": old.conversion,
                "full_ratchet": pieces.ratchet_conversion(old.conversion, old.price, closed.price),
                "weighted_average": pieces.weighted_average_conversion(
                    old.conversion, old.price, counted, money, closed.price
                ),
            }
            assert new.conversion == pytest.approx(meant[old.terms.anti_dilution], rel=1e-12)
            assert new.conversion >= old.conversion
            if closed.price >= old.price / old.conversion:
                assert new.conversion == old.conversion


@given(files(), st.floats(1e4, 1e11), st.sampled_from(["sale", "listing"]))
def test_an_exit_is_split_to_the_last_cent(made: CompanyFile, proceeds: float, way: str):
    closed = rounds_of(made)
    table = closed[-1].after if closed else opening(made)
    told = sale(table, proceeds, way)
    assert sum(told.classes.values()) + told.ordinary == pytest.approx(proceeds, rel=1e-12)
    assert sum(told.holders.values()) == pytest.approx(proceeds, rel=1e-12)
    assert all(money >= 0.0 for money in told.holders.values())
    if way == "listing":
        assert told.converts == [c.id for c in table.classes]


@given(files())
def test_a_class_converts_above_its_turn_and_not_below(made: CompanyFile):
    table = opening(made)
    told = split_table(table)
    names = [c.id for c in table.classes]
    for turn in turns(table):
        k = names.index(turn.share_class)
        if turn.what == "converts":
            assert payouts(told, turn.proceeds * 1.001)[2][k] and not payouts(told, turn.proceeds * 0.999)[2][k]
        else:
            c = table.classes[k]
            multiple = c.terms.preference if turn.what == "preference" else c.terms.cap
            assert multiple is not None
            assert payouts(told, turn.proceeds * 1.001)[0][k] >= multiple.value * c.money * (1.0 - 1e-9)


@given(files(), st.floats(1e4, 1e11))
def test_as_plain_python_the_split_is_the_compiled_one_to_the_last_bit(made: CompanyFile, proceeds: float):
    from sim.finance.payoff import split

    told = split_table(opening(made))["classes"]
    table = (
        [c["shares"] for c in told],
        [c["preference"] * c["paid"] for c in told],
        [c["seniority"] for c in told],
        [c["participating"] for c in told],
        [None if c["cap"] is None else c["cap"] * c["paid"] for c in told],
        1e6,
    )
    ours, theirs = plain("payoff").split(proceeds, *table), split(proceeds, *table)
    assert np.array_equal(ours[0], theirs[0]) and ours[1] == theirs[1] and np.array_equal(ours[2], theirs[2])


# --- mistakes


MISTAKES = [
    ('ordinary = "600万"', "ordinary = -5", "holders.chen.ordinary: 须不小于 0", "must be at least 0"),
    ('harbour = "60%"', 'harbour = "160%"', "须在 0 与 1 之间（比例）", "must lie between 0 and 1 (share)"),
    ('harbour = "60%"', 'harbour = "60%", summit = "50%"', "各投资人的比例合计为 1.1，大于 1", "sum to 1.1, above 1"),
    ('pool = "10%"', 'pool = "75%"', "新资金买下 25.0%，期权池占 75.0%：其他人一股不剩", "nothing is left"),
    ('lead = "summit"', 'lead = "sumit"', "没有这个持有人（现为 \"sumit\"", "did you mean summit?"),
    ("pro_rata = { harbour", "pro_rata = { habour", "是否指 harbour？", "did you mean harbour?"),
    ("price = 30 ", "price = 30\nshares = 100 ", "价格 × 股数为 3,000 元，与融资额不符", "is 3,000 yuan, not"),
    ('date = "2027Q1"', 'date = "2025Q1"', "日期次序颠倒：它的前一项在 2025Q2", "what comes before it is of 2025Q2"),
    ('date = "2024Q4"', 'date = "2022Q4"', "日期次序颠倒：股权表截至 2022Q4", "order: the cap table is of 2022Q4"),
    ('id = "angel"', 'id = "proceeds"', "这个名称另有含义", "has a meaning of its own"),
    ('money = "2亿"', 'money = { uniform = ["1亿", "3亿"] }', "股权表不作随机抽取", "one number is needed"),
    ('redemption = "8%"\n\n# A', 'redemption = 8\n\n# A', "须不超过 1（每年）", "must be at most 1"),
    ('date = "2029Q4"', 'date = "2026Q4"', "退出早于它所在的那一轮", "before the round after which it is told"),
    ("founder = true", "fuonder = true", "没有这个键（现为 fuonder；是否指 founder？）", "did you mean founder?"),
    ('after = "today"', 'after = "todya"', "今后各轮中没有这一轮", "did you mean today?"),
    ("participating = true\n", "", "上限只用于参与分配的类别", "a cap belongs to a participating class"),
    ("cap = 3.0", "cap = 0.5", "低于优先权", "is below the preference"),
    ("price = 30 ", "", "`shares` 与 `price` 都没有写", "states neither `shares` nor `price`"),
    ('pre_money = "2.4亿"', "", "`pre_money` 与 `price` 都没有写", "states neither `pre_money` nor `price`"),
    ('pre_money = "2.4亿"', 'pre_money = "2.4亿"\nprice = 20', "每股为 17.576 元，不是这个价格", "is 17.576 a share"),
    ('money = "8000万"', "money = 8000", "8000 未写单位，按元计", "8000 without a unit is in yuan"),
    ('anti_dilution = "weighted_average"\nred', 'anti_dilution = "ratchet"\nred', "不是可用的词", "mean full_ratchet?"),
    ('lead = "summit"', 'lead = "harbour"', "领投方取其他人所余", "the lead takes what the others leave"),
    ('lead = "summit"', 'investors = { summit = "95%" }', "合计占此轮的 1.11667，大于 1", "take 1.11667 of the round"),
    ('pro_rata = { harbour', 'pro_rata = { lin = "1%", summit', "领投方取其他人所余", "not in both"),
    ('lead = "summit"\npro_rata = { harbour', 'pro_rata = { summit', "因而没有按比例认购权", "no pro-rata right"),
    ('id = "harbour"', 'id = "others"', "这个名称另有含义", "a meaning of its own"),
    ('date = "2027Q1"\n', "", "缺少这个键（含义：完成的时间）", "this key is missing (it means: when it closes)"),
    ('id = "c"', 'id = "today"', "这个名称另有含义", "a meaning of its own"),
    ('id = "lin"', 'id = "chen"', "两项的标识相同", "two items have the same id"),
    ('id = "c"', 'id = "a"', "两项的标识相同", "two items have the same id"),
]  # fmt: skip


@pytest.mark.parametrize(("right", "wrong", "zh", "en"), MISTAKES, ids=[f"{m[1][:36]!r}" for m in MISTAKES])
def test_a_mistake_is_told_by_line_in_both_languages(
    right: str, wrong: str, zh: str, en: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    text = EXAMPLE.read_text(encoding="utf-8")
    assert right in text
    path = tmp_path / "own.toml"
    path.write_text(text.replace(right, wrong), encoding="utf-8")
    for lang, told in (("zh", zh), ("en", en)):
        assert cli.main(["captable", str(path), "--lang", lang]) == 2
        said = capsys.readouterr()
        assert told in said.err and said.out == "", said.err
        assert re.search(r"own\.toml:\d+: ", said.err), said.err


def test_several_mistakes_are_told_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    text = EXAMPLE.read_text(encoding="utf-8")
    for right, wrong in (('lead = "summit"', 'lead = "sumit"'), ('"2027Q1"', '"2025Q1"'), ('"today"', '"todya"')):
        text = text.replace(right, wrong)
    (tmp_path / "own.toml").write_text(text, encoding="utf-8")
    assert cli.main(["captable", str(tmp_path / "own.toml"), "--lang", "en"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 3


def test_a_file_without_founders_shares_or_of_the_whole_company_is_refused():
    for words, made in (
        ("no founder holds ordinary shares", lambda: sheet(ordinary=0)),
        (
            "the others leave nothing",
            lambda: close_rounds(
                sheet(
                    holders=[{"id": "two"}],
                    rounds=[next_round(money=1e6, pre_money=1e7, lead="two", investors={"fund": 1.0})],
                )
            ),
        ),
    ):
        with pytest.raises((UserError, ValueError), match=words):
            made()


# --- the command


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_example_is_told_in_both_languages(lang: str, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["captable", str(EXAMPLE), "--lang", lang]) == 0
    said = capsys.readouterr().out
    words = {
        "zh": ("云杉光电", "创始人的股比", "反稀释：A轮的转换比升至 1.1172", "C轮转为普通股", "8,000万"),
        "en": ("Spruce Photonics", "the founders' share", "series A converts at 1.1172", "in full", "80 m"),
    }[lang]
    assert not [word for word in words if word not in said]
    assert ("轮前" in said) == (lang == "zh")


def test_json_and_files_say_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out, picture = tmp_path / "made", tmp_path / "who.svg"
    words = ["captable", str(EXAMPLE), "--json", "--out", str(out), "--figure", str(picture), "--no-figures"]
    assert cli.main(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads((out / "captable.json").read_text(encoding="utf-8"))
    assert picture.read_text(encoding="utf-8").startswith("<?xml") and not (out / "figures").exists()

    def rows(name: str) -> list[dict[str, str]]:
        return list(csv.DictReader((out / f"{name}.csv").read_text(encoding="utf-8").splitlines()))

    last = [row for row in rows("tables") if row["after"] == "c" and row["of"] == "holder"]
    assert sum(float(row["shares"]) for row in last) == pytest.approx(told["tables"]["c"]["fully_diluted"])
    for way_out in told["exits"]:
        mine = [row for row in rows("exits") if row["exit"] == way_out["name"]["en"]]
        for of in ("class", "holder"):
            paid = sum(float(row["paid"]) for row in mine if row["of"] == of)
            assert paid == pytest.approx(way_out["proceeds"], rel=1e-12)
    curve_rows = rows("curve")
    assert len(curve_rows) == 481 and set(curve_rows[0]) == {
        "proceeds", "angel", "a", "b", "c", "ordinary", "founders"
    }  # fmt: skip
    founders = [float(row["founders"]) for row in curve_rows]
    assert founders == sorted(founders)
    assert [r["round"] for r in rows("rounds")] == ["b", "c"] and len(rows("turns")) == len(told["turns"])


def test_the_chart_is_drawn_beside_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["captable", str(EXAMPLE), "--out", str(tmp_path / "made"), "--lang", "zh"]) == 0
    assert (tmp_path / "made" / "figures" / "payoff.png").read_bytes().startswith(b"\x89PNG")
    assert "结果" in capsys.readouterr().out
    keys = [text.get_text() for legend in work_out(EXAMPLE).figure("en").legends for text in legend.get_texts()]
    assert "founders together" in keys and any(key.startswith("series C (from 1.65") for key in keys)


def test_what_cannot_be_written_is_refused_before_the_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["captable", str(EXAMPLE), "--figure", "who.docx", "--lang", "zh"]) == 2
    assert "没有这种图片格式（现为 who.docx；应为 .png, .svg, .pdf）" in capsys.readouterr().err
    (tmp_path / "diary.txt").write_text("mine")
    assert cli.main(["captable", str(EXAMPLE), "--out", str(tmp_path)]) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["diary.txt"]


def test_the_command_neither_compiles_nor_imports_what_would(root: Path):
    program = (
        "import sys; from sim.cli import main; main(['captable', 'docs/cases/captable.toml']);"
        " print({'numba', 'scipy', 'matplotlib', 'sim.ensemble', 'sim.finance.payoff'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


def test_a_planned_round_is_read_as_people_write():
    plan = PlannedRound.model_validate(next_round(money="1.2亿", pre_money="4.8亿", pool="10%", redemption="8%"))
    assert plan.money.value == 1.2e8 and plan.pool is not None and plan.pool.value == 0.1
    assert plan.redemption is not None and plan.redemption.value == 0.08
    assert opening(sheet(ordinary="800万股")).fully_diluted == 8e6
