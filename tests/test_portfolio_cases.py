"""Exit cases that a user states for a firm, and a plan beside what happened."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sim.errors import UserError
from sim.portfolio.actuals import compare, table
from sim.portfolio.cases import COMMON, REST, by_holder, judge, read_cases, report
from sim.portfolio.importing import import_portfolio
from sim.scenario import load_scenario
from sim.tracing import drawn_rounds
from tests import synthetic
from tests.portfolios import as_csv, as_workbook, example
from tests.test_tracing import SMALL, table_of

ROOT = Path(__file__).resolve().parent.parent
NATIONAL = ROOT / "scenarios" / "national.toml"
Call = Callable[..., subprocess.CompletedProcess[str]]
CASES = """
[[cases]]
firm = "eg-photon"
name = { zh = "上市", en = "listing" }
kind = "listing"
exit = "40亿"
probability = "40%"
date = "2029Q4"

[[cases]]
firm = "eg-photon"
name = "fire sale"
exit = "3000万"
probability = 0.5
date = "2027Q2"
"""


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("portfolio")
    (folder / "p.xlsx").write_bytes(as_workbook(example()))
    import_portfolio(folder / "p.xlsx", folder / "p.toml", NATIONAL)
    return load_scenario(folder / "p.toml", SMALL)


def file_of(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "cases.toml"
    path.write_text(text, encoding="utf-8")
    return path


# --- cases


def test_an_exit_goes_to_those_who_hold_the_firm():
    table = table_of(
        {"shares": 3.0, "price": 10.0, "paid": 30.0, "share_of_firm": 0.3, "holders": {"venture": 0.2}},
    )
    split = by_holder(table, 1000.0)
    assert split["venture"] == pytest.approx(200.0) and split[REST] == pytest.approx(100.0)
    assert split[COMMON] == pytest.approx(700.0)
    listed = by_holder(table, 15.0, listing=True)  # every class converts
    assert listed["venture"] == pytest.approx(3.0) and listed[COMMON] == pytest.approx(10.5)
    low = by_holder(table, 15.0)  # all of it goes to the preference, pro rata to what is held of the class
    assert low["venture"] == pytest.approx(10.0) and low[COMMON] == 0.0


def test_cases_are_weighted_by_their_probability_and_their_rate_is_that_of_the_expected_flows(scenario, tmp_path: Path):
    cases = read_cases(file_of(tmp_path, CASES), scenario)
    (judged,) = judge(scenario, cases, replications=3, seed=1)
    for case, split in zip(cases, judged.proceeds, strict=True):
        assert sum(split.values()) == pytest.approx(case.exit.value, rel=1e-9)
    expected = judged.expected
    assert sum(expected.values()) == pytest.approx(0.4 * 4e9 + 0.5 * 3e7, rel=1e-9)
    assert judged.cost == {"eg-angel": 1.8e7, "eg-venture": 4e7}
    # at 40亿 every class converts: a tenth of the firm is a tenth of the price
    assert judged.proceeds[0]["eg-venture"] == pytest.approx(4e8, rel=1e-6)
    # its rate brings 0.4 x 4亿 in 2029Q4 and half the fire sale's part in 2027Q2 to the 4000万 paid in 2024Q2
    rate = judged.irr["eg-venture"].value
    present = expected["eg-venture"] - 0.4 * judged.proceeds[0]["eg-venture"]
    value = 0.4 * judged.proceeds[0]["eg-venture"] / (1 + rate) ** 5.5 + present / (1 + rate) ** 3.0
    assert value == pytest.approx(4e7, rel=1e-6)
    assert sum(x["share"] for x in judged.model) == pytest.approx(1.0)


def test_the_cost_is_that_of_the_worlds_whose_proceeds_are_told(tmp_path: Path):
    """The multiple was mean drawn proceeds over the central cost."""
    zone = load_scenario(ROOT / "scenarios" / "xian.toml", SMALL)
    firm = next(f for f in zone.named if any(r.amount.distribution and r.direct.value for r in f.rounds))
    text = f'[[cases]]\nfirm = "{firm.id}"\nname = "sale"\nexit = "10亿"\nprobability = 1\ndate = "2032Q4"\n'
    (judged,) = judge(zone, read_cases(file_of(tmp_path, text), zone), replications=4, seed=1)
    drawn = drawn_rounds(zone, [firm.id], 4, 1)[firm.id]
    direct = next(c.id for c in zone.funds if c.kind == "direct")
    cost = sum(float(r.direct.mean()) for r in drawn)
    central = sum(r.direct.value * r.amount.value for r in firm.rounds)
    assert judged.cost[direct] == pytest.approx(cost) and abs(cost / central - 1) > 1e-3
    paid = [sum(float(r.direct[k]) for r in drawn) for k in range(4)]
    assert len(set(paid)) > 1  # every world its own
    told = f"{judged.expected[direct] / cost:.2f}x"
    assert told in report([judged], "en")


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_report_sets_the_models_own_view_beside_the_cases(scenario, tmp_path: Path, lang: str):
    text = report(judge(scenario, read_cases(file_of(tmp_path, CASES), scenario), 2, 1), lang)
    assert ("模型自己的看法" if lang == "zh" else "the model's own") in text
    assert ("上市" if lang == "zh" else "listing") in text and "eg-venture" in text
    assert ("其余：无所得" if lang == "zh" else "otherwise: worth nothing") in text and "10%" in text
    assert ("期初（入区时）的股权结构" if lang == "zh" else "cap table of the start") in text


def test_cases_that_cannot_be_are_told_together(scenario, tmp_path: Path):
    wrong = CASES.replace('"40%"', '"60%"').replace('"2027Q2"', '"2025Q1"') + CASES.replace("eg-photon", "eg-foton")
    with pytest.raises(UserError) as error:
        read_cases(file_of(tmp_path, wrong), scenario)
    told = "\n".join(str(p) for p in error.value.problems)
    assert "sum to 1.1" in told and "after the start" in told and "eg-foton" in told
    with pytest.raises(UserError, match="is called a listing"):
        read_cases(file_of(tmp_path, CASES.replace('kind = "listing"\n', "")), scenario)
    with pytest.raises(UserError, match="between 0 and 1"):
        read_cases(file_of(tmp_path, CASES.replace('"40%"', "1.4")), scenario)


# --- plan and actual


def test_each_actual_figure_is_placed_in_the_plans_band(tmp_path: Path):
    result = synthetic.result(40)
    quarter = result.quarters[5]
    middle = float(sorted(result["firms.alive"][:, 5])[20])
    path = tmp_path / "actuals.csv"
    path.write_text(f"指标,季度,数值\nfirms.alive,{quarter},{middle}\nfirms.alive,{quarter},1\n", encoding="utf-8")
    first, second = compare(result, path)
    assert first.inside and 0.3 < first.rank < 0.7
    assert not second.inside and second.rank == 0.0
    assert "1 of 2 inside" in table([first, second], "en") and "2 项中 1 项" in table([first, second], "zh")


def test_actual_figures_that_have_no_place_are_told_by_line(tmp_path: Path):
    result = synthetic.result(5)
    path = tmp_path / "actuals.csv"
    path.write_text(
        f"metric,quarter,value\nfirms.alife,{result.quarters[0]},5\nfirms.alive,1999Q1,5\n"
        f"firms.alive,soon,5\nfirms.alive,{result.quarters[0]},=5\n",
        encoding="utf-8",
    )
    with pytest.raises(UserError) as error:
        compare(result, path)
    told = [str(p) for p in error.value.problems]
    assert len(told) == 4
    assert ":2:" in told[0] and "did you mean firms.alive" in told[0]
    assert ":3:" in told[1] and "lies outside" in told[1]
    path.write_text("metric,value\n", encoding="utf-8")
    with pytest.raises(UserError, match="quarter"):
        compare(result, path)


# --- what is shipped


def test_the_sample_portfolio_is_that_of_the_template(tmp_path: Path):
    made = as_csv(example(), tmp_path / "made", "en", "utf-8")
    shipped = ROOT / "docs" / "portfolio"
    assert {p.name for p in shipped.glob("*.csv")} == {p.name for p in made.iterdir()}
    for path in made.iterdir():
        assert (shipped / path.name).read_bytes() == path.read_bytes()
