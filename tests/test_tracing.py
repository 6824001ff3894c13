"""A firm's life: its cap table after each round, who gets what in a sale, and a portfolio's known history in a run."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.analysis.ladders import REJECTED
from sim.ensemble import simulate
from sim.errors import UserError
from sim.figures.payoff import marks_of, payoff
from sim.figures.style import encode
from sim.portfolio.importing import import_portfolio
from sim.quantities import format_money, parse_quarter, quarter_name
from sim.scenario import load_scenario
from sim.tracing import (
    LEVEL_EVENTS,
    _holder,
    _table,
    class_names,
    draw_payoff,
    follow,
    last_table,
    life_in,
    live_again,
    outline,
    payoff_of,
    payouts,
    steps,
)
from tests.portfolios import as_workbook, drawn, example

ROOT = Path(__file__).resolve().parent.parent
NATIONAL = ROOT / "scenarios" / "national.toml"
SMALL = ["firms.initial.count=60", "firms.entry.organic.per_year=20", "firms.entry.incubator.per_year=5"]
Call = Callable[..., subprocess.CompletedProcess[str]]


def table_of(
    *classes: dict[str, Any], founders: float = 0.6, pool: float = 0.1, shares: float = 10.0
) -> dict[str, Any]:
    usual = {
        "stage": "a", "preference": 1.0, "seniority": 0, "participating": False, "cap": None, "conversion": 1.0,
        "anti_dilution": "none", "redemption": False, "holders": {}, "share_of_firm": 0.0,
    }  # fmt: skip
    return {
        "founders": founders,
        "pool": pool,
        "public": 0.0,
        "shares": shares,
        "classes": [usual | {"class": i + 1} | c for i, c in enumerate(classes)],
    }


# --- the payoff chart


def test_a_class_converts_where_its_part_of_the_firm_is_worth_its_preference():
    # 3 of 10 shares that cost 30: below an exit of 100 the preference pays more, above it the shares do
    curves = payoff_of(table_of({"shares": 3.0, "price": 10.0, "paid": 30.0}))
    assert curves.converts == [pytest.approx(100.0, rel=1e-9)]
    at = np.searchsorted(curves.exit, 100.0)
    assert curves.classes[0, at - 2] == pytest.approx(30.0)
    assert np.allclose(curves.classes[0, at + 1 :], 0.3 * curves.exit[at + 1 :])


def test_what_the_classes_get_is_what_the_firm_was_sold_for():
    table = table_of(
        {"shares": 1.0, "price": 5.0, "paid": 5.0, "participating": True, "cap": 3.0},
        {"shares": 2.0, "price": 20.0, "paid": 40.0, "seniority": 1},
        founders=0.5,
        pool=0.2,
    )
    curves = payoff_of(table)
    assert np.allclose(curves.classes.sum(axis=0) + curves.common, curves.exit, rtol=1e-12)
    assert np.all(np.diff(curves.classes, axis=1) >= -1e-9) and np.all(np.diff(curves.common) >= -1e-9)
    assert curves.converts[0] is not None and payouts(table, curves.converts[0] * 1.001)[2][0]
    assert not payouts(table, curves.converts[0] * 0.999)[2][0]


def test_an_uncapped_participating_class_never_converts():
    curves = payoff_of(table_of({"shares": 3.0, "price": 10.0, "paid": 30.0, "participating": True}))
    assert curves.converts == [None]


def test_a_firm_without_classes_has_nothing_to_split():
    with pytest.raises(UserError, match="nothing to split"):
        payoff_of(table_of())


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_chart_names_every_class_and_marks_where_it_converts(lang: str):
    table = table_of(*({"shares": 0.5, "price": 10.0 + i, "paid": 5.0 + i / 2} for i in range(6)))
    curves = payoff_of(table)
    figure = payoff(curves, class_names(table, lang), "唐晶", "2023Q4", "source", lang)
    keys = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert len(keys) == 7
    assert all(any(key.startswith(name) for key in keys) for name in class_names(table, lang))
    dots = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert [float(np.asarray(dot.get_xdata())[0]) for dot in dots] == pytest.approx(curves.converts)
    assert figure.axes[0].get_xscale() == "log"
    assert encode(figure)


def test_classes_that_were_bought_back_are_left_out_and_marks_that_merge_are_one():
    classes = [{"shares": 0.5, "price": 10.0 + i / 50, "paid": 5.0 + i / 100} for i in range(5)]
    table = table_of(*classes, {"shares": 0.0, "price": 10.0, "paid": 0.0})
    curves = payoff_of(table)
    figure = payoff(curves, class_names(table, "en"), "Tangjing", "2023Q4", "source", "en")
    keys = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert len(keys) == 6 and not any(key.startswith("6 ") for key in keys)
    assert [count for _, count in marks_of(curves.converts)] == [5]
    assert "5 classes convert" in [text.get_text() for text in figure.axes[0].texts]
    assert len([line for line in figure.axes[1].lines if len(np.asarray(line.get_xdata())) == 2]) == 1
    assert marks_of([None, 1.0, 2.0, 2.04]) == [(1.0, 1), (pytest.approx(2.02, rel=1e-3), 2)]


# --- a life


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("portfolio")
    (folder / "p.xlsx").write_bytes(as_workbook(example()))
    import_portfolio(folder / "p.xlsx", folder / "p.toml", NATIONAL)
    return load_scenario(folder / "p.toml", SMALL)


def test_the_table_after_each_round_adds_up_and_names_the_round_just_closed(imported):
    life = follow(imported, 0, "eg-photon", 1)
    assert len(life["rounds"]) >= 2
    for event in life["rounds"]:
        table = event["cap_table"]
        if table is None:
            continue
        assert table["public"] == 0.0 or 0.1 < table["public"] < 0.35  # a fifth, with doubt, where it has been listed
        whole = table["founders"] + table["pool"] + table["public"] + sum(c["share_of_firm"] for c in table["classes"])
        assert whole == pytest.approx(1.0, rel=1e-9)
        assert any(c["stage"] == event["stage"] and c["price"] == event["price"] for c in table["classes"])
        for c in table["classes"]:
            assert sum(c["holders"].values()) <= c["share_of_firm"] * (1 + 1e-9)


def test_the_known_investors_of_a_round_hold_its_class(imported):
    life = follow(imported, 0, "eg-photon", 1)
    table = life["rounds"][1]["cap_table"]
    newest = table["classes"][1]
    assert newest["holders"]["eg-venture"] == pytest.approx(4000 / 40000, rel=1e-9)
    assert newest["holders"]["eg-angel"] == pytest.approx(800 / 40000, rel=1e-9)
    assert set(table["classes"][0]["holders"]) == {"eg-angel"}


def test_certificates_are_held_since_their_dates(imported):
    life = follow(imported, 0, "eg-photon", 1)
    events = [e for e in life["levels"] if e["level"] == "certificates.hte"]
    assert all(e["event"] in ("entered", "renewed", "left") for e in life["levels"])
    # granted in 2023Q4 and valid for three years: accredited anew or lost in 2026Q4, where the firm lives till then
    alive_then = not life["exits"] or life["exits"][0]["quarter"] > "2026Q4"
    if alive_then and (life.get("now") or events):
        assert events and events[0]["quarter"] == "2026Q4" and events[0]["event"] in ("renewed", "left")


def test_a_sub_fund_that_closed_before_the_start_has_its_size_and_its_guidance_money(imported):
    result = simulate(imported, replications=2, seed=1, threads=1, audit=True)
    assert np.allclose(result["funds.subfunds.size"][:, 0], 7e8)
    assert np.allclose(result["funds.leverage"][:, 0], 7.0e8 / 2.3e8)
    assert np.allclose(result["funds.subfunds.invested.local"][:, 0], 6.4e7)


def test_a_drawn_portfolio_lives_and_its_accounts_close(tmp_path: Path):
    (tmp_path / "p.xlsx").write_bytes(as_workbook(drawn(6, 12)))
    made = import_portfolio(tmp_path / "p.xlsx", tmp_path / "p.toml", NATIONAL)
    result = simulate(load_scenario(tmp_path / "p.toml", SMALL), replications=2, seed=3, threads=1, audit=True)
    posts = [f.rounds[-1].post_money.value for f in made.scenario.named]
    found = [result[f"named.{f.id}.valuation"][0, 0] for f in made.scenario.named]
    assert found == pytest.approx(posts)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_printed_life_shows_a_table_after_every_round(imported, lang: str, tmp_path: Path):
    life = follow(imported, 0, "eg-photon", 1)
    text = outline(life, imported, lang)
    quarters = {event["quarter"] for event in life["rounds"]}
    quarters |= {event["quarter"] for event in life["exits"] if event["way"] == "listing"}
    heading = "股权结构，" if lang == "zh" else "cap table after "
    assert text.count(heading) == len(quarters)
    name = next(c.name.get(lang) for c in imported.funds if c.id == "eg-venture")
    assert name != "eg-venture"
    assert (f"{name} eg-venture " if lang == "zh" else f"eg-venture ({name}) ") in text
    assert "加权平均" in text or "无" in text if lang == "zh" else "none" in text or "average" in text
    assert draw_payoff(life, imported, tmp_path, lang) is None  # it is listed by now: nothing is left to split
    unlisted = {**life, "exits": [], "now": {}}
    drawn_to = draw_payoff(unlisted, imported, tmp_path, lang)
    assert last_table(unlisted) is not None
    assert drawn_to is not None and drawn_to.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_table_after_a_listing_is_headed_so_and_a_listing_of_its_own_quarter_has_one(imported, lang: str):
    """What a listing issued stands in no table that is headed by a round alone."""
    seen = set()
    for replication in range(40):
        life = follow(imported, replication, "eg-photon", 1)
        listing = next((e for e in life["exits"] if e["way"] == "listing"), None)
        if listing is None:
            continue
        table = listing["cap_table"]
        assert table is not None and table["public"] > 0.0
        text = outline(life, imported, lang)
        rounds = [r for r in life["rounds"] if r["quarter"] == listing["quarter"]]
        seen.add(bool(rounds))
        heading = (
            f"{listing['quarter']} 上市之后" if lang == "zh" else f"cap table after the listing, {listing['quarter']}"
        )
        assert (heading in text) == (not rounds)
        both = "、上市之后\n" if lang == "zh" else f", the listing, {listing['quarter']}\n"
        assert (both in text) == bool(rounds)
        for part in text.split("\n\n"):
            if part.startswith(("股权结构", "cap table after")) and (
                "上市发行" in part or "issued at the listing" in part
            ):
                first = part.splitlines()[0]
                assert "上市" in first or "the listing" in first
        if seen == {True, False}:
            break
    assert seen


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_both_fair_values_of_a_round_and_the_seniorities_are_explained(imported, lang: str):
    """In a sale the higher seniority is paid first, as sim.finance.payoff has it."""
    life = follow(imported, 0, "eg-photon", 1)
    text = outline(life, imported, lang)
    event = life["rounds"][-1]
    assert event["fair_value"] != event["fair_value_typical"]
    for value in (event["fair_value"], event["fair_value_typical"]):
        assert format_money(value, lang) in text.split("\n\n")[1]
    assert ("公允价值：按本企业自己" if lang == "zh" else "fair value: by this firm's own classes") in text
    assert text.count("数大者先受偿" if lang == "zh" else "the higher number is paid first") == 1
    junior, senior = (
        {"shares": 1.0, "price": 10.0, "paid": 10.0, "seniority": rank, "preference": 1.0} for rank in (0, 1)
    )
    paid, _, _ = payouts(table_of(junior, senior), 10.0)
    assert list(paid) == pytest.approx([0.0, 10.0])


def test_a_fund_is_told_by_its_id_and_the_name_of_its_class():
    classes = {"angel": "早期天使子基金", "direct": "direct", "eg-2": "二号基金"}
    told = {name: [_holder(name, lang, classes) for lang in ("zh", "en")] for name in ("angel-4", "eg-2", "direct")}
    assert told == {
        "angel-4": ["早期天使子基金 angel-4", "angel-4 (早期天使子基金)"],
        "eg-2": ["二号基金 eg-2", "eg-2 (二号基金)"],
        "direct": ["direct", "direct"],
    }
    assert [_holder("others", lang, classes) for lang in ("zh", "en")] == ["模型外", "others"]
    assert _holder("nobody-1", "zh", classes) == "nobody-1"


def test_a_cap_on_participation_is_told_with_three_figures():
    table = table_of({"shares": 3.0, "price": 10.0, "paid": 30.0, "participating": True, "cap": 2.33481})
    assert "to 2.33x" in _table(table, "en", {}) and "上限 2.33 倍" in _table(table, "zh", {})


def test_a_move_is_one_step_and_who_leaves_a_queue_has_withdrawn():
    """A climb was printed as a loss and a gain, a withdrawn application as a mere loss."""
    scenario = load_scenario(ROOT / "scenarios" / "xian.toml")

    def told(*events: tuple[str, str], **more: str) -> list[tuple[str, str]]:
        levels = [{"quarter": "2024Q1", "event": what, "level": level, **more} for what, level in events]
        return [(e["event"], e["level"]) for e in steps({"levels": levels, "exits": []}, scenario)]

    ladder = scenario.ladders["listing"]
    assert ladder.exclusive
    lower, upper = next(
        (level.requires, name) for name, level in ladder.levels.items() if level.requires and not level.is_listing
    )
    lower = str(lower).rpartition(".")[2]
    assert told(("left", f"listing.{lower}"), ("entered", f"listing.{upper}")) == [("moved", f"listing.{upper}")]
    queue = next(name for name, level in ladder.levels.items() if level.withdraws and level.falls_to)
    back = ladder.levels[queue].falls_to
    assert told(("left", f"listing.{queue}"), ("entered", f"listing.{back}")) == [("withdrawn", f"listing.{queue}")]
    assert told(("left", f"listing.{queue}")) == [("withdrawn", f"listing.{queue}")]
    hte = "certificates.hte"
    assert told(("left", hte), ("entered", hte)) == [("regranted", hte)]
    assert told(("left", hte)) == [("left", hte)] and told(("renewed", hte)) == [("renewed", hte)]
    for name, level in ladder.levels.items():
        held = level.requires and ladder.levels[str(level.requires).rpartition(".")[2]]
        if level.rejects and held and held.falls_to:
            events = (("rejected", name), ("left", str(level.requires)), ("entered", held.falls_to))
            whole = [(what, f"listing.{x}") for what, x in events]
            assert told(*whole, falls_to=f"listing.{held.falls_to}") == [("rejected", f"listing.{name}")]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_listing_says_when_funds_sell_and_what_the_firm_is_worth(imported, lang: str):
    life = follow(imported, 0, "eg-photon", 1)
    life["levels"] = []
    life["exits"] = [{"quarter": "2029Q4", "way": "listing", "proceeds": 4e9, "to_funds": 0.0}]
    equity = {"listed": True, "last_post_money": 1e9, "market_value": 5e9, "classes": []}
    life["now"] = {"sector": next(iter(imported.firms.sectors)), "age_years": 9, "revenue": 1e8, "profit": 1e7}
    life["now"] |= {"jobs": 80, "levels": [], "equity": equity}
    text = outline(life, imported, lang)
    sales = round(4 * imported.exits.sell_over.value)
    assert (f"锁定期后分 {sales} 次卖出" if lang == "zh" else f"after the lock-up: {sales} sales follow") in text
    end = quarter_name(int(imported.zone.end))
    beyond = (
        f"次在运行终点 {end} 之后，不计入其数字"
        if lang == "zh"
        else f"after the end of the run, {end}, not in its figures"
    )
    assert beyond not in text
    early = imported.zone.model_copy(update={"end": parse_quarter("2029Q4") + 3})  # funds sell when the run is over
    ended = imported.model_copy(update={"zone": early})
    beyond = beyond.replace(end, quarter_name(early.end))
    assert beyond in outline(life, ended, lang)
    span = imported.exits.sell_over.model_copy(update={"value": 0.25})
    once = ended.model_copy(update={"exits": imported.exits.model_copy(update={"sell_over": span})})
    told = outline(life, once, lang)
    assert ("锁定期后一次卖出" if lang == "zh" else "1 sale follows") in told and beyond.removeprefix("次") in told
    equity["listed"], life["exits"] = False, []
    last = life["rounds"][-1].get("closed", life["rounds"][-1]["quarter"])
    post = f"最近投后估值 10亿元（{last}）" if lang == "zh" else f"last post-money 1bn ({last})"
    assert post in outline(life, imported, lang).replace("10亿（", "10亿元（"), "a price of years ago has its date"
    equity["listed"], life["exits"] = True, [{"quarter": "2029Q4", "way": "listing", "proceeds": 4e9, "to_funds": 0.0}]
    assert ("市值 50亿元" in text or "市值 50亿" in text) if lang == "zh" else "market value 5bn" in text
    assert ("优先权不再有效" if lang == "zh" else "no preference is left") in text and last_table(life) is None


def test_no_such_firm_is_told_with_examples(imported):
    with pytest.raises(UserError, match="no such firm"):
        follow(imported, 0, "nobody", 1)


def test_trace_prints_and_draws_into_the_result(desk: Path, headwater: Call):
    more = [word for setting in SMALL for word in ("--set", setting)]
    words = ("--replications", "2", "--no-figures", "--quiet", "--set", 'zone.end="2024Q4"', "--out", "r")
    done = headwater("run", "scenarios/xian.toml", *words, *more, "--audit")
    assert done.returncode == 0, done.stderr
    assert "audit: the accounts closed in each of 2 worlds, in all 21 quarters" in done.stdout
    done = headwater("trace", "r", "--firm", "tangjing", "--replication", "1")
    assert done.returncode == 0, done.stderr
    assert "cap table after angel, 2019Q4" in done.stdout and "founders" in done.stdout
    assert (desk / "r" / "figures" / "payoff-tangjing-1.png").exists()
    plain = headwater("trace", "r", "--firm", "tangjing", "--json", "--no-figures")
    assert plain.returncode == 0 and '"cap_table"' in plain.stdout
    assert "lived anew" not in plain.stderr
    beyond = headwater("trace", "r", "--firm", "tangjing", "--replication", "2", "--no-figures")
    assert "the result holds the worlds 0 to 1: 2 is none of them, is lived anew and stands in none" in beyond.stderr


def test_a_known_round_is_told_by_the_date_it_closed(imported):
    life = follow(imported, 0, "eg-photon", 1)
    assert [event.get("closed") for event in life["rounds"][:2]] == ["2022Q4", "2024Q2"]
    assert all("closed" not in event for event in life["rounds"][2:])
    printed = outline(life, imported, "en")
    assert "2022Q4  angel" in printed and "2024Q2  series A" in printed


def test_the_next_yuan_of_a_fund_that_has_closed_raises_all_of_its_partners(imported):
    from sim.analysis.returns import next_yuan

    found = {x.id: x for x in next_yuan(imported, replications=12, seed=1, threads=1)}
    assert found["eg-venture"].path == "funds.eg-venture.size"
    assert found["eg-angel"].called.value > 0.0


def test_a_fund_with_tranches_holds_the_class_that_it_bought(imported, tmp_path: Path):
    """Not ordinary shares: what it had paid in by the round is in its books, not in its cash at the start."""
    sheets = example()
    assert sheets["funds"][1].pop("tranches") and sheets["funds"][1].pop("tranche_every")
    (tmp_path / "p.xlsx").write_bytes(as_workbook(sheets))
    import_portfolio(tmp_path / "p.xlsx", tmp_path / "p.toml", NATIONAL)
    called = load_scenario(tmp_path / "p.toml", SMALL)
    tables = [follow(scenario, 0, "eg-photon", 1)["rounds"][1]["cap_table"] for scenario in (imported, called)]
    assert tables[0]["classes"][1]["holders"] == pytest.approx(tables[1]["classes"][1]["holders"])
    assert all(c["preference"] >= 1.0 for c in tables[0]["classes"])


def test_a_named_firm_is_found_by_its_name_and_a_misspelt_id_names_the_nearest():
    zone = load_scenario(ROOT / "scenarios" / "xian.toml", [*SMALL, "zone.end=2020Q2"])
    assert follow(zone, 0, "奕斯伟")["firm"] == follow(zone, 0, "Eswin")["firm"] == "eswin"
    with pytest.raises(UserError, match=r"for example eswin, .*did you mean eswin\?"):
        follow(zone, 0, "eswinn")


def test_a_rejection_is_told_as_one_and_where_the_firm_falls_back_to():
    zone = load_scenario(ROOT / "scenarios" / "xian.toml", ["zone.end=2022Q4"])
    for replication in range(8):
        world, samples = live_again(zone, replication, 1)
        levels = samples["levels"]
        assert set(levels["what"].tolist()) <= set(LEVEL_EVENTS)  # whatever the kernel notes has a name
        rejected = np.flatnonzero(levels["what"] == REJECTED)
        if rejected.size:
            break
    name = str(levels["firm"][rejected[0]])
    life = life_in(zone, world, samples, replication, name, 1)
    event = next(e for e in life["levels"] if e["event"] == "rejected")
    assert (event["level"], event["falls_to"]) == ("listing.approved", "listing.reserve_provincial")
    life["rounds"] = []
    assert "未通过" in outline(life, zone, "zh") and "退回" in outline(life, zone, "zh")
    assert "falls back to" in outline(life, zone, "en")
