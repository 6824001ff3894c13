"""Claims about `verify`: its form, its rules, what it says of wrong files."""

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest

from sim.errors import UserError
from sim.scenario import load_scenario
from sim.verify import KINDS, PUBLISHED, find, read_case, verify
from tests.conftest import ROOT

OPTION = """
kind = "option"
source = "test"
[inputs]
underlying = 100
strike = 100
rate = 0.05
volatility = 0.9
expiry = 5
[expect]
call = {call}
{more}
"""


def written(folder: Path, text: str, name: str = "case.toml") -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def answers(*names: str) -> tuple[int, list[dict]]:
    out = io.StringIO()
    status = verify(names, as_json=True, out=out)
    return status, json.loads(out.getvalue())


def problems(*names: str) -> list[str]:
    with pytest.raises(UserError) as caught:
        verify(names, out=io.StringIO())
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.slow  # a minute of a nation's firms; the README's example runs the quick cases in `make test`
def test_every_published_number_holds_but_for_misses_that_are_known():
    status, rows = answers()
    assert [row for row in rows if row["holds"] == ("miss" in row)] == []
    assert status == 0 and len(rows) > 100
    assert not [row for row in rows if "miss" in row]  # none is known: a new one has its reason in its case file


def test_at_least_fourteen_cases_of_every_kind_with_a_source():
    cases = [read_case(path) for path in PUBLISHED.glob("*.toml")]
    assert len(cases) >= 14
    assert all(case.source for case in cases)
    assert {id(case.kind) for case in cases} == {id(kind) for kind in KINDS.values()}


def test_json_names_elements_of_lists_and_prints_nothing_else():
    status, rows = answers("takahashi-alexander-2002")
    assert status == 0
    assert [row["name"] for row in rows[:2]] == ["contributions[0]", "contributions[1]"]
    assert {"name", "expected", "got", "tolerance", "holds"} <= set(rows[0])


def test_a_miss_is_status_one_and_says_so(tmp_path):
    out = io.StringIO()
    assert verify([written(tmp_path, OPTION.format(call=72.3, more=""))], out=out) == 1
    assert "MISSES" in out.getvalue()


def test_a_miss_that_its_case_knows_is_shown_and_fails_only_when_it_is_none(tmp_path):
    known = written(tmp_path, OPTION.format(call=72.3, more="[misses]\ncall = 'a reason'"))
    status, rows = answers(known)
    assert status == 0 and [(row["holds"], row["miss"]) for row in rows] == [(False, "a reason")]
    out = io.StringIO()
    assert verify([known, "bass-1969"], out=out) == 0
    assert (
        "known miss\n  call: a reason\n" in out.getvalue() and "6 of 7 numbers hold (known misses 1)" in out.getvalue()
    )
    stale = written(tmp_path, OPTION.format(call=72.3752589694, more="[misses]\ncall = 'a reason'"), "stale.toml")
    again = io.StringIO()
    assert verify([stale], out=again) == 1
    assert "HOLDS: take it out of [misses]" in again.getvalue()


@pytest.mark.parametrize(
    "call, more, status",
    [
        (72.0, "tolerance = 0.01", 0),
        (72.0, "tolerance = 0.001", 1),
        (72.0, "tolerance = 0.5\nabsolute = true", 0),
        (72.0, "tolerance = 0.3\nabsolute = true", 1),
        (72.37525897, "", 0),
    ],
)
def test_tolerance_is_relative_unless_absolute(tmp_path, call, more, status):
    assert answers(written(tmp_path, OPTION.format(call=call, more=more)))[0] == status


@pytest.mark.parametrize("strike, status", [(1e-8, 0), (1e-3, 1)])
def test_zero_is_a_billionth_of_the_largest_amount(tmp_path, strike, status):
    text = OPTION.replace("underlying = 100", "underlying = 0").replace("strike = 100", f"strike = {strike}")
    text = text.replace("call = {call}", "put = 0").replace("{more}", "tolerance = 1e-6")
    assert answers(written(tmp_path, text.replace("rate = 0.05", "rate = 1")))[0] == status


def test_a_list_of_the_wrong_length_is_a_wrong_file(tmp_path):
    text = PUBLISHED.joinpath("bass-1969.toml").read_text(encoding="utf-8").replace("times = [1, 2,", "times = [1,")
    (found,) = problems(written(tmp_path, text))
    assert "case.toml:11: expect.adopted" in found and "a list of 4 numbers" in found


def test_a_bare_name_is_a_published_case_and_a_path_may_be_anywhere(tmp_path, monkeypatch):
    assert find("bass-1969") == find("bass-1969.toml") == PUBLISHED / "bass-1969.toml"
    text = PUBLISHED.joinpath("waterfall-whole-fund.toml").read_text(encoding="utf-8")
    path = written(tmp_path, text, "agreement.toml")
    assert answers(path)[0] == 0
    monkeypatch.chdir(tmp_path)
    assert answers("agreement.toml")[0] == 0


def test_a_misspelt_case_name_gives_the_nearest():
    (found,) = problems("bass-1996")
    assert "did you mean bass-1969?" in found


def test_several_problems_of_several_files_are_told_at_once(tmp_path):
    first = OPTION.format(call=72, more="tolerence = 1").replace("volatility", "volatilty")
    second = 'kind = "waterfal"\n[inputs]\n[expect]\n'
    found = problems(written(tmp_path, first), written(tmp_path, second, "other.toml"))
    text = "\n".join(found)
    assert "case.toml:8: inputs.volatilty" in text and "did you mean volatility?" in text
    assert "expect.tolerence" in text and "did you mean tolerance?" in text
    assert "other.toml:1: kind" in text and "did you mean waterfall?" in text


@pytest.mark.parametrize(
    "change, words",
    [
        (("expiry = 5", "expiry = 5\nexit_rate = 0.2"), "one of expiry and exit_rate"),
        (("expiry = 5", ""), "one of expiry and exit_rate"),
        (("volatility = 0.9", "volatility = -0.9"), "greater than or equal to 0"),
        (("volatility = 0.9", 'volatility = "90%"'), "plain number"),
        (("volatility = 0.9", "volatility = true"), "plain number"),
        (("volatility = 0.9", "volatility = nan"), "plain number"),
        (("[expect]\ncall = 72", "[expect]\ncalls = 72"), "did you mean call?"),
        (("[expect]\ncall = 72", "[expect]"), "nothing is expected"),
        (("[expect]\ncall = 72", "[expect]\ncall = 72\ntolerance = -1"), "not a tolerance"),
        (("[expect]\ncall = 72", ""), "expect: this key is missing"),
        (("[expect]\ncall = 72", "[expect]\ncall = [72, 73]"), "one number is computed"),
        (("rate = 0.05", "rate = = 0.05"), "not valid TOML"),
        (("[expect]\ncall = 72", "[expect]\ncall = 72\n[use]\nput = 'input'"), "use.put: says the use of what is not"),
        (("[expect]\ncall = 72", "[expect]\ncall = 72\n[use]\ncall = 'inputs'"), "did you mean input?"),
        (("[expect]\ncall = 72", "[expect]\ncall = 72\n[use]\ncall = ['input', 'check']"), "use.call: one word for"),
        (("[expect]\ncall = 72", "[expect]\ncall = 72\n[use]\ncall = []"), "use.call: one word for"),
        (("[expect]\ncall = 72", "[expect]\ncall = 72\n[misses]\nput = 'x'"), "misses.put: is not a number that is"),
        (("[expect]\ncall = 72", "[expect]\ncall = 72\n[misses]\ncall = ' '"), "misses.call: why it is missed is"),
    ],
)
def test_wrong_files_say_what_and_where(tmp_path, change, words):
    text = OPTION.format(call=72, more="")
    assert change[0] in text
    found = "\n".join(problems(written(tmp_path, text.replace(*change))))
    assert words in found and "case.toml" in found


def test_no_such_file():
    assert "no such file" in problems("/nowhere/at/all.toml")[0]


def test_problem_in_a_list_of_tables_has_its_line(tmp_path):
    text = PUBLISHED.joinpath("waterfall-deal-by-deal-clawback.toml").read_text(encoding="utf-8")
    (found,) = problems(written(tmp_path, text.replace("t = 4, proceeds = 40", "t = 4, procedes = 40")))
    assert "case.toml:14: inputs.flows.3.procedes" in found and "did you mean proceeds?" in found


def test_what_was_fitted_or_given_is_counted_apart_from_what_was_not(tmp_path):
    more = "put = 50.2553372725\n[use]\ncall = 'input'"
    path = written(tmp_path, OPTION.format(call=72.3752589694, more=more))
    assert [(row["name"], row["use"]) for row in answers(path)[1]] == [("call", "input"), ("put", "check")]
    out = io.StringIO()
    assert verify([path, "bass-1969"], out=out) == 0
    assert "numbers hold (check 7 of 7; input, carried 1 of 1)" in out.getvalue()
    plain = io.StringIO()
    assert verify(["bass-1969"], out=plain) == 0
    assert plain.getvalue().endswith("6 of 6 numbers hold\n") and "use" not in plain.getvalue()


def test_rows_that_echo_an_input_of_their_scenario_say_so():
    """Batches filled to the quotas of the scenario, odds of reviews and re-reviews that it is given by year."""
    batches = read_case(find("china-ladder-giants"))
    level = load_scenario(ROOT / "scenarios" / "china.toml").ladders["certificates"].levels["giant"]
    given = [dated.most.value for dated in level.quota_from]
    theirs, said = batches.expect["entered"], batches.use["entered"]
    assert isinstance(theirs, list)
    echoes = [abs(50 * ours - batch) <= 0.05 * batch for ours, batch in zip(given, theirs, strict=True)]
    assert all(echoes) and said == ["input"] * len(batches.inputs.years)
    for name in ("china-listing-2022", "china-listing-2023"):
        assert read_case(find(name)).use == {"passed": "input"}
    assert read_case(find("china-ladder-re-review")).use == {"renewed": "input"}


def test_undefined_can_be_expected_and_nothing_else_is_it(tmp_path):
    text = PUBLISHED.joinpath("fund-measures-no-rate.toml").read_text(encoding="utf-8")
    assert answers("fund-measures-no-rate")[0] == 0
    status, rows = answers(written(tmp_path, text.replace('irr = "undefined"', "irr = 0.1")))
    assert status == 1 and rows[0]["got"] == "undefined" and "no rate" in rows[0]["reason"]


def test_expected_values_may_be_any_subset_and_any_other_terms(tmp_path):
    text = """
    kind = "waterfall"
    [inputs]
    style = "whole-fund"
    hurdle = 0.06
    carry = 0.25
    catch_up = 0.8
    flows = [{ t = 0.0, call = 60 }, { t = 0.5, call = 40 }, { t = 2.25, proceeds = 300 }]
    [expect]
    gp_total = 50
    """
    assert answers(written(tmp_path, text))[0] == 0


def test_chinese_report(tmp_path):
    out = io.StringIO()
    assert verify(["option-black-scholes"], lang="zh", out=out) == 0
    assert "  Black and Scholes (1973)，自行计算\n" in out.getvalue()
    assert "本程序" in out.getvalue() and "一致" in out.getvalue()


def survival_case(folder: Path, *changes: tuple[str, str]) -> str:
    text = (PUBLISHED / "cohort-survival-bls-1994.toml").read_text(encoding="utf-8")
    for old, new in changes:
        text = text.replace(old, new)
    return written(folder, text)


def test_survival_may_be_written_in_percent(tmp_path):
    lists = ("[0.796, 0.681, 0.606]", "[79.6, 68.1, 60.6]"), ("[0.543, 0.496]", "[54.3, 49.6]")
    status, rows = answers(survival_case(tmp_path, *lists, ("tolerance = 0.015", "tolerance = 1.5")))
    assert status == 0
    assert all(row["got"] > 45.0 for row in rows)


def test_a_survival_that_rises_is_refused(tmp_path):
    assert any("must fall" in problem for problem in problems(survival_case(tmp_path, ("0.681", "0.881"))))


GREAT = f'''extends = "{PUBLISHED.parent.parent.as_posix()}/scenarios/xian.toml"
[firms.initial]
count = 1_000_000
'''
ENDLESS = {
    "bass-agents": (("[expect]", "agents = 1_000_000_000_000\n[expect]"), "inputs.agents"),
    "growth-shocks-laplace": (("[expect]", "firms = 1_000_000_000_000\n[expect]"), "inputs.firms"),
    "firm-size-tail-reed-2001": (("exit_rate = 0.10", "exit_rate = 1e-12"), "inputs.steps_per_year"),
    "cohort-survival-bls-1994": (("[expect]", "firms = 2_000_000_000\n[expect]"), "inputs.firms"),
    "china-ladder-hte": (("replications = 6", "replications = 1e9"), "inputs.replications"),
    "china-listing-2022": (("replications = 60", "replications = 1000"), "inputs.replications"),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_a_case_that_would_never_end_is_refused_at_its_line_before_it_begins(tmp_path, name):
    (old, new), key = ENDLESS[name]
    text = (PUBLISHED / f"{name}.toml").read_text(encoding="utf-8")
    assert old in text
    great = written(tmp_path, GREAT, "great.toml")
    (found,) = problems(written(tmp_path, text.replace(old, new).replace("scenarios/xian.toml", great)))
    assert re.search(r"case.toml:\d+: " + key, found) and ("at most" in found or "less than or equal" in found), found


def test_what_does_not_fit_the_scenario_is_told_at_its_line_of_the_case(tmp_path):
    text = (PUBLISHED / "china-ladder-hte.toml").read_text(encoding="utf-8")
    (found,) = problems(written(tmp_path, text.replace("certificates.hte", "certificates.hta")))
    assert "case.toml:6: inputs.level" in found and "did you mean certificates.hte?" in found


@pytest.mark.parametrize("named", ["scenarios/chine.toml", "scenarios", ".", "", "\\u0000"])
def test_a_scenario_that_is_none_is_told_at_its_line_of_the_case(tmp_path, named):
    text = (PUBLISHED / "china-ladder-hte.toml").read_text(encoding="utf-8")
    (found,) = problems(written(tmp_path, text.replace("scenarios/china.toml", named)))
    assert "case.toml:5: inputs.scenario: no such scenario file" in found


@pytest.mark.parametrize("number", ["inf", "-inf", "nan", "9" * 400, "-" + "9" * 400, "1e400"])
@pytest.mark.parametrize(
    "place", ["replications = 6", "scale = 50", "years = [2021, 2023]", "[330000, 463000]", "0.15"]
)
def test_no_number_that_a_float_cannot_hold_is_taken_anywhere(tmp_path, number, place):
    text = (PUBLISHED / "china-ladder-hte.toml").read_text(encoding="utf-8")
    assert place in text
    name = place.split(" = ")[0]
    odd = f"{name} = {[number] if 'years' in name else number}".replace("'", "") if " = " in place else number
    found = problems(written(tmp_path, text.replace(place, odd if odd != number or place == "0.15" else f"[{number}]")))
    assert found and all("case.toml:" in problem for problem in found)


@pytest.mark.parametrize("years", ["1e308", "4e307", "2.1"])  # four times the first is no number any more
@pytest.mark.parametrize(
    "name, old, key",
    [("bass-agents", "times = [1, 2,", "inputs"), ("cohort-survival-bls-1994", "predict = [", "inputs.predict.0")],
)
def test_years_without_whole_quarters_or_without_end_are_refused_at_their_line(tmp_path, name, old, key, years):
    text = (PUBLISHED / f"{name}.toml").read_text(encoding="utf-8")
    assert old in text
    (found,) = problems(written(tmp_path, text.replace(old, f"{old.replace(' 2,', '')} {years},")))
    assert re.search(r"case.toml:\d+: " + key, found), found


def test_growth_that_does_not_vary_has_no_kurtosis():
    from sim.verify import ShockInputs, growth_shocks

    answer = growth_shocks(ShockInputs.model_validate({"location": 2.0**70, "scale": 0.1, "firms": 1024}), {})
    assert answer["variance"] == 0.0 and str(answer["excess_kurtosis"]) == "nan"


def test_ages_and_step_ups_are_of_the_first_round_of_a_stage():
    from sim.analysis.funnel import _ages_and_step_ups

    nan = float("nan")
    rows = [  # firm, round, stage, quarters since founding, pre-money, post-money of the round before
        ("x", 1, "angel", 4, 10.0, nan),
        ("x", 2, "seed", 6, 12.0, 11.0),
        ("x", 3, "a", 8, 30.0, 15.0),
        ("x", 4, "a", 12, 70.0, 35.0),
        ("x", 5, "b", 16, 100.0, 80.0),
        ("y", 2, "a", 14, 40.0, 10.0),
        ("y", 1, "seed", 2, 8.0, nan),
        ("z", 1, "seed", 8, 9.0, nan),
        ("left out", 1, "seed", 400, 9.0, nan),
    ]
    names = ("firm", "round", "stage", "age", "pre_money", "previous_post_money")
    log = {name: np.array(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
    known = (log, log["firm"] != "left out", log["firm"], log["age"])
    ages, steps = _ages_and_step_ups(*known, log["age"] >= 0)
    assert ages[:3] == pytest.approx([1.0, (8 + 14) / 8, 4.0]) and np.isnan(ages[3:]).all()
    assert steps[:2] == pytest.approx([3.0, 1.25]) and np.isnan(steps[2])
    _, later = _ages_and_step_ups(*known, log["age"] >= 10)  # a step-up counts by the date of its second round
    assert later[:2] == pytest.approx([4.0, 1.25])


def test_what_financings_and_founders_get_is_split_as_the_model_splits_it():
    """x is sold below what its two classes are owed, y is listed; z is not of the cohort, w has not ended."""
    from sim.analysis.funnel import _outcomes

    rounds = [  # firm, amount, price, post-money, preference, seniority, participating
        ("x", 10.0, 1.0, 100.0, 1.0, 0, 0),
        ("x", 20.0, 1.0, 120.0, 1.0, 1, 0),
        ("y", 10.0, 1.0, 100.0, 1.0, 0, 1),
        ("w", 5.0, 1.0, 50.0, 1.0, 0, 0),
    ]
    names = ("firm", "amount", "price", "post_money", "preference", "seniority", "participating")
    log = {name: np.array(column) for name, column in zip(names, zip(*rounds, strict=True), strict=True)}
    exits = {"way": np.array(["sale", "listing", "sale"]), "proceeds": np.array([25.0, 1000.0, 7.0])}
    left, ours = np.array(["x", "y", "z"]), np.array([True, True, False])
    scenario = load_scenario(ROOT / "scenarios" / "us.toml")
    known = (scenario, log, np.full(4, True), log["firm"], exits, left, ours)
    shares, nothing = _outcomes(*known, 0.0)
    # x: the senior 20 of 25, the junior 5 of 10; y: a tenth of the four fifths that are not sold to the public
    assert shares == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0.0, 0.0, 0.0]) and nothing == pytest.approx(0.5)
    shares, nothing = _outcomes(*known, 15.0)  # y had no venture round, x from its second on
    assert shares == pytest.approx([0.0, 1.0, 0.0, 0.0, 0.0, 0.0]) and nothing == pytest.approx(1.0)


def test_a_least_venture_round_that_changes_nothing_is_told_at_its_line(tmp_path):
    text = (PUBLISHED / "funding-funnel-us-prices.toml").read_text(encoding="utf-8")
    (found,) = problems(written(tmp_path, text.replace("[inputs]", "[inputs]\nventure_from = 1.0")))
    assert re.search(r"case.toml:\d+: inputs.venture_from", found) and "changes nothing" in found


def test_worlds_that_several_cases_read_are_lived_once(monkeypatch):
    from sim.analysis import lived
    from sim.analysis.lived import Need
    from sim.quantities import quarter_name

    class Worlds:
        def __init__(self, n):
            self.replications = n
            self.samples = {"rounds": {"replication": np.repeat(np.arange(n), 2), "amount": np.arange(2.0 * n)}}

        def __getitem__(self, metric):
            return np.zeros((self.replications, 3))

    runs = []

    def simulate(scenario, replications, seed, events):
        runs.append((replications, seed, events, quarter_name(int(scenario.zone.end))))
        return Worlds(replications)

    monkeypatch.setattr("sim.ensemble.simulate", simulate)
    path = ROOT / "scenarios" / "us.toml"
    few, many = Need(4), Need(16)
    with lived.shared([(path, few, 1), (path, many, 1), (path, few, 2)]):
        scenario = lived.loaded(path)
        assert lived.loaded(path) is scenario
        first, second = lived.lived(scenario, few, 1), lived.lived(scenario, many, 1)
        lived.lived(scenario, few, 2)
        assert [run[:2] for run in runs] == [(16, 1), (4, 2)]
        assert first["any"].shape == (4, 3) and second["any"].shape == (16, 3)
        assert first.log("rounds")["amount"].tolist() == list(range(8)) and len(second.log("rounds")["amount"]) == 32
        assert not lived._kept  # nobody else asks for them
    lived.lived(scenario, few, 1)
    lived.lived(scenario, few, 1)
    assert [run[:2] for run in runs[2:]] == [(4, 1), (4, 1)]
    runs.clear()
    early = Need(9, 4 * 2008 + 3, False)  # neither the later years nor the log are lived where nobody reads them
    lived.lived(scenario, early, 1)
    with lived.shared([(path, early, 1), (path, few, 1)]):
        lived.lived(scenario, early, 1)
        lived.lived(scenario, few, 1)
    assert runs == [(9, 1, 0, "2008Q4"), (9, 1, 9, "2014Q4")]


@pytest.mark.parametrize(
    "ended, words", [('["2013Q4", "2004Q1"]', "must not go back"), ('["2004", "2013Q4"]', "write a")]
)
def test_ends_that_are_no_span_of_quarters_are_told_at_their_line(tmp_path, ended, words):
    text = (PUBLISHED / "funding-funnel-us-outcomes.toml").read_text(encoding="utf-8")
    text = re.sub(r"\nended = .*", "", text).replace("[inputs]", f"[inputs]\nended = {ended}")
    (found,) = problems(written(tmp_path, text))
    assert re.search(r"case.toml:\d+: inputs.ended", found) and words in found


def test_prices_of_two_years_and_up_rounds_are_of_the_whole_cohort():
    from sim.analysis.funnel import _dearer, _up_rounds

    nan = float("nan")
    rows = [  # firm (a replication's), year, round, stage, pre-money, post-money of the round before
        ("0/p", 2010, 1, "angel", 2.0, nan),
        ("0/q", 2010, 1, "seed", 4.0, nan),
        ("0/r", 2014, 1, "seed", 9.0, nan),
        ("0/s", 2010, 1, "a", 10.0, nan),  # a first round counts for the price of its stage, not as a step-up
        ("0/s", 2014, 2, "a", 30.0, 20.0),
        ("0/s", 2014, 3, "b", 40.0, 50.0),
        ("0/q", 2014, 2, "a", 30.0, 1.0),  # from seed to A: not over a round from A on
        ("1/s", 2014, 2, "b", 70.0, 1.0),  # the first known round of another world's firm
        ("0/t", 2012, 1, "b", 700.0, nan),
        ("0/t", 2014, 2, "c", 900.0, 1.0),  # of no cohort
    ]
    names = ("firm", "year", "round", "stage", "pre_money", "previous_post_money")
    log = {name: np.array(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
    cohort = log["firm"] != "0/t"
    dearer = _dearer(log, cohort, log["year"], (2010, 2014))
    assert dearer[:2] == pytest.approx([3.0, 3.0]) and np.isnan(dearer[3])
    mean = (1.5 + 0.8) / 2
    assert _up_rounds(log, cohort & (log["year"] == 2014), log["firm"]) == pytest.approx((0.5, mean, mean))
    assert np.isnan(_up_rounds(log, log["year"] == 2010, log["firm"])).all()


@pytest.mark.parametrize("years", ("[2014, 2010]", "[1980, 2014]", "[2010, 2030]"))
def test_years_that_cannot_be_compared_are_told_at_their_line(tmp_path, years):
    text = (PUBLISHED / "funding-funnel-us-prices.toml").read_text(encoding="utf-8")
    (found,) = problems(written(tmp_path, text.replace("priced = [2010, 2014]", f"priced = {years}")))
    assert re.search(r"case.toml:\d+: inputs.priced", found) and "cannot be compared" in found
