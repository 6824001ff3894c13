"""Calibration on a zone whose answer is known: what facts can tell, a sound posterior, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sim.analysis import emulator, posterior
from sim.analysis.calibrate import Calibration, Moment, _at_its_prior, calibrate, moments_of, priors_of, run
from sim.analysis.posterior import Posterior
from sim.errors import Problem, UserError
from sim.scenario import load_scenario
from tests.zone import OUTPUTS, PRIORS, SmallZone, moments

TWO = PRIORS[:2]


def fitted(**more: object) -> Calibration:
    return calibrate(SmallZone(), TWO, moments(), 60, 20, 1, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def checked() -> Calibration:
    return fitted(checks=["sbc", "recovery", "leave-one-out"], zones=100)  # of 200; 60 show a spread that is halved


# --- the emulator and the draws


def test_polynomials_are_orthonormal_under_the_prior(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(emulator, "REACH", 9.0)
    x = emulator.features(z := np.random.default_rng(1).standard_normal((200_000, 2)), degree=3)
    assert np.abs(x.T @ x / len(z) - np.eye(x.shape[1])).max() < 0.06


def test_draws_of_a_normal_likelihood_have_the_known_posterior():
    """Prior N(0, 1), one reading 1.5 with error 0.5: mean 1.5 · 4 / 5, variance 1 / 5."""
    z = emulator.sample(lambda at: -0.5 * ((at[:, 0] - 1.5) / 0.5) ** 2, 2, 4000, np.random.default_rng(2))
    assert z[:, 0].mean() == pytest.approx(1.2, abs=0.04)
    assert z[:, 0].std() == pytest.approx(0.2**0.5, rel=0.06)
    assert z[:, 1].mean() == pytest.approx(0.0, abs=0.08)
    assert z[:, 1].std() == pytest.approx(1.0, rel=0.06)


def test_draws_find_two_modes():
    def fits(at: np.ndarray) -> np.ndarray:
        return -0.5 * ((np.abs(at[:, 0]) - 1.5) / 0.1) ** 2

    z = emulator.sample(fits, 1, 4000, np.random.default_rng(3))
    assert 0.35 < (z[:, 0] > 0).mean() < 0.65
    assert np.abs(np.abs(z[:, 0]) - 1.5).max() < 0.6


def test_spread_of_chance_is_found_where_it_changes_with_a_parameter():
    draws = np.random.default_rng(4)
    z = draws.standard_normal((4000, 2))
    off = np.exp(-1.0 + 0.4 * z[:, :1]) * draws.standard_normal((4000, 1))
    spread = emulator._log_linear_spread(np.column_stack([np.ones(4000), z]), off)
    assert spread[:, 0] == pytest.approx([-1.0, 0.4, 0.0], abs=0.05)


def linear(correlation: float = 0.0) -> emulator.Emulator:
    """Two facts: the first is z0, the second z1, spread 1 by chance."""
    coefficients = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    off = np.array([[1.0, correlation], [correlation, 1.0]])
    return emulator.Emulator(coefficients, np.zeros((3, 2)), off, 0.0, (1, False))


def test_a_floor_is_one_sided():
    data = emulator.Data(np.array([0.0, 0.0]), np.zeros(2), np.array([0, 1]), np.array([True, True]))
    at = np.array([[0.0, -2.0], [0.0, 0.0], [0.0, 2.0], [0.0, 2.9]])
    fits = linear().log_likelihood(at, data)
    assert (np.diff(fits) > 0).all() and fits[3] - fits[2] < 0.03
    assert fits[1] - fits[3] == pytest.approx(np.log(0.5), abs=0.01)
    missed = emulator.Data(data.y, data.error, data.sign, np.array([True, False]))
    both = np.exp(fits - linear().only([0]).log_likelihood(at, data.only([0])))
    other = np.exp(linear().log_likelihood(at, missed) - linear().only([0]).log_likelihood(at, data.only([0])))
    assert both + other == pytest.approx(np.ones(4))  # it held or it did not


def test_shared_chance_counts_once():
    """Two facts off by the same luck: likelier under a correlation than without."""
    data = emulator.Data(np.array([2.0, 2.0]), np.zeros(2), np.zeros(2, int), np.ones(2, bool))
    at = np.zeros((1, 2))
    assert linear(0.9).log_likelihood(at, data)[0] > linear().log_likelihood(at, data)[0]


# --- what facts can tell


def test_a_parameter_that_moves_nothing_is_named_and_refused():
    with pytest.raises(UserError) as caught:
        calibrate(SmallZone(), PRIORS, moments(), 60, 20, 1)
    assert "idle: no fact depends on this parameter" in str(caught.value)


def test_parameters_that_act_only_together_are_named_as_a_combination():
    with pytest.raises(UserError) as caught:
        calibrate(SmallZone(), TWO, moments()[1:2], 60, 20, 1)
    text = str(caught.value)
    assert "1 facts tell 1 combinations of 2 parameters" in text
    assert "entry" in text and "apply" in text and "--regularise" in text


def test_what_to_keep_is_told_once_and_by_name():
    """Three parameters, one fact: one message, which names the parameter that the fact can tell."""
    with pytest.raises(UserError) as caught:
        calibrate(SmallZone(), TWO, moments()[1:2], 60, 20, 1)
    (problem,) = caught.value.problems
    assert problem.expected is not None and problem.expected.startswith("--regularise")
    assert problem.expected.endswith(("or only entry", "or only apply"))
    assert "或只保留" in problem.told("zh")


def test_regularised_the_prior_holds_what_facts_leave_open():
    found = calibrate(SmallZone(), TWO, moments()[1:2], 60, 20, 1, regularise=True)
    product = found.posterior[:, 0] * found.posterior[:, 1]
    before = found.prior[:, 0] * found.prior[:, 1]
    assert np.std(np.log(product)) < 0.4 * np.std(np.log(before))
    assert np.std(found.posterior[:, 0]) > 0.6 * np.std(found.prior[:, 0])
    assert len(found.screening.unknown) == 1


def test_unasked_what_facts_cannot_tell_stays_at_the_prior():
    found = calibrate(SmallZone(), PRIORS, moments(), 60, 20, 1, named=False)
    assert found.paths == ["entry", "apply"]
    assert [v.path for v in found.left_at_prior] == ["idle"]


def test_no_fact_depends_on_anything():
    with pytest.raises(UserError, match="no fact depends on any of the parameters"):
        calibrate(SmallZone(), PRIORS[2:], moments(), 60, 20, 1, regularise=True)


# --- the posterior


def test_posterior_lies_at_the_known_answer(checked: Calibration):
    """Firms 960 over 8 a year of entry, held 300 of them; the luck of a zone is 10 % each."""
    entry, apply = checked.posterior.T
    assert np.median(entry) == pytest.approx(120.0, rel=0.05)
    assert np.std(np.log(entry)) == pytest.approx(0.1, rel=0.35)
    assert np.median(apply) == pytest.approx(300 / 960, rel=0.06)
    assert np.std(np.log(apply)) == pytest.approx(0.1, rel=0.35)


def test_facts_are_met_after_and_wide_before(checked: Calibration):
    for record in checked.fit():
        assert record["inside"]
        assert record["prior_p95"] - record["prior_p05"] > record["posterior_p95"] - record["posterior_p05"]


def test_checks_are_reported_and_never_fitted():
    """A check far from anything leaves the posterior as it was, bit for bit."""
    wild = Moment("wild", ((OUTPUTS[2], 1.0),), 1e6, use="check")
    with_check = calibrate(SmallZone(), TWO, [*moments(), wild], 60, 20, 1)
    assert (with_check.posterior == fitted().posterior).all()
    assert [record["inside"] for record in with_check.fit()][-1] is False


def test_a_difference_since_the_start_is_taken_within_each_world():
    moment = Moment("added", ((OUTPUTS[0], 1.0), (OUTPUTS[1], -1.0)), 1.0)
    values = np.array([[[5.0, 2.0, 0.0]]])
    assert moment.of(values, OUTPUTS) == pytest.approx(np.array([[3.0]]))


def test_ranks_of_known_parameters_are_uniform(checked: Calibration):
    sbc = next(check for check in checked.checks if check.name == "sbc")
    assert sbc.passed, sbc.rows
    assert [row[0] for row in sbc.rows] == ["entry", "apply", "log likelihood"]


def test_a_posterior_that_is_too_narrow_fails_the_ranks(monkeypatch: pytest.MonkeyPatch):
    """The check can fail: chance halved in the emulator."""
    sound = emulator.fit

    def narrow(*a: np.ndarray) -> emulator.Emulator:
        made = sound(*a)
        spread = made.spread.copy()
        spread[0] -= np.log(2.0)
        return emulator.Emulator(made.coefficients, spread, made.correlation, made.error, made.shape)

    monkeypatch.setattr(emulator, "fit", narrow)
    found = fitted(checks=["sbc", "recovery"], zones=60)  # of 200: a fault so large shows with fewer synthetic zones
    assert found.failed == ["sbc", "recovery"]


def test_known_parameters_are_recovered(checked: Calibration):
    recovery = next(check for check in checked.checks if check.name == "recovery")
    assert recovery.passed, recovery.rows
    assert all(float(str(row[3])) > 0.85 for row in recovery.rows)  # correlation of truth and posterior mean


def test_each_fact_is_predicted_from_the_rest(checked: Calibration):
    left_out = next(check for check in checked.checks if check.name == "leave-one-out")
    zh = checked.table("zh")
    assert "逐一留出" in zh and "公布值" in zh and "第1档" in zh and "parameter" not in zh.split("逐一留出")[1]
    assert left_out.passed
    assert [row[0] for row in left_out.rows] == ["firms", "held", "funds"]


def test_facts_that_contradict_each_other_show_when_left_out():
    """Many more funds than so few firms can have: each is outside what the other foretells."""
    facts = [Moment("firms", ((OUTPUTS[0], 1.0),), 480.0), Moment("funds", ((OUTPUTS[2], 1.0),), 90.0)]
    found = calibrate(SmallZone(), TWO[:1], facts, 60, 20, 1, checks=["leave-one-out"])
    assert [row[-1] for row in found.checks[0].rows] == [False, False]
    assert found.failed == ["leave-one-out"]


def test_a_fact_out_of_reach_is_told_with_what_it_draws_off():
    """It drew another fact's parameter to a third of its prior, and all that was shown was that it lies outside."""
    facts = [Moment("firms", ((OUTPUTS[0], 1.0),), 800.0), Moment("held", ((OUTPUTS[1], 1.0),), 3000.0)]
    found = calibrate(SmallZone(), TWO, facts, 60, 20, 1)
    (x,) = found.strained()
    assert x.moment.id == "held" and x.beyond and x.high < 3000 and list(x.at_end) == ["apply"]
    assert x.without["entry"] == pytest.approx(100.0, rel=0.05)  # as firms alone have it
    assert x.without["firms"] == pytest.approx(800.0, rel=0.05)
    told, zh = found.table("en"), found.table("zh")
    assert "out of reach: held, published 3,000; 1200 worlds over the prior came to" in told
    assert "without it they would be about: entry " in told and 'use = "check"' in told
    assert "够不到的事实：held" in zh and "推到先验的尽头" in zh and "去掉它约为：entry" in zh
    assert found.to_json()["facts out of reach"]["held"]["without it"] == x.without


def test_the_fit_without_a_fact_draws_by_the_seed(monkeypatch: pytest.MonkeyPatch):
    """It drew by the number of the fact alone."""
    from sim.analysis import calibrate as room

    drawn: list[float] = []

    def watched(fitted: object, data: object, left: int, parameters: int, draws: np.random.Generator) -> np.ndarray:
        drawn.append(draws.random())
        return draws.standard_normal((50, parameters))

    monkeypatch.setattr(room, "_from_the_rest", watched)
    facts = [Moment("firms", ((OUTPUTS[0], 1.0),), 800.0), Moment("held", ((OUTPUTS[1], 1.0),), 3000.0)]
    for seed in (1, 2, 1):
        calibrate(SmallZone(), TWO, facts, 60, 20, seed)
    assert len(drawn) == 3 and drawn[0] == drawn[2] != drawn[1]


def test_a_fact_below_all_that_the_prior_reaches_is_not_said_to_lie_above():
    facts = [Moment("firms", ((OUTPUTS[0], 1.0),), 800.0), Moment("held", ((OUTPUTS[1], 1.0),), 1.0)]
    found = calibrate(SmallZone(), TWO, facts, 60, 20, 1)
    (x,) = [x for x in found.strained() if x.moment.id == "held"]
    assert x.beyond and x.low > 1
    zh = found.table("zh")
    assert "先验的 1200 个世界只落在" in zh and "之内" in zh and "最多" not in zh


def test_facts_that_are_met_or_only_checked_are_not_told_out_of_reach(checked: Calibration):
    assert not checked.strained() and "out of reach" not in checked.table("en")


def test_what_to_do_about_a_parameter_without_facts_is_asked_for_and_not_expected():
    with pytest.raises(UserError) as caught:
        calibrate(SmallZone(), PRIORS, moments(), 60, 20, 1)
    told = caught.value.problems[0].told("zh")
    assert "请去掉它" in told and "应为" not in told


# --- the folder


def test_a_killed_calibration_resumes_in_the_same_bits(tmp_path: Path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    fitted(out=whole).save(whole, "en", figures=False)
    stop = iter(range(10_000))

    def progress(done: int, total: int) -> None:
        if next(stop) == 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fitted(out=broken, progress=progress)
    assert not (broken / "posterior.csv").exists()
    fitted(out=broken, resume=True).save(broken, "en", figures=False)
    for name in ("posterior.csv", "fit.csv", "screening.csv"):
        assert (whole / name).read_bytes() == (broken / name).read_bytes()


def test_a_calibration_keeps_the_command_that_makes_it_again(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """And a run with its posterior keeps it too: the run's own command only names the folder."""
    from sim.analysis import calibrate as room
    from sim.cli import build_parser

    monkeypatch.setattr(room, "calibrate", lambda *given, **more: fitted())
    xian = load_scenario(root / "scenarios" / "xian.toml", overrides=["firms.exit.floor=0.01"])
    run(xian, 60, 20, 2, regularise=True, checks=["sbc", "recovery"]).save(tmp_path, "en", figures=False)
    about = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    read = build_parser().parse_args(about["command"])
    assert (read.command, read.scenario, read.set) == ("calibrate", xian._path, ["firms.exit.floor=0.01"])
    assert (read.samples, read.replications, read.seed) == (60, 20, 2)
    assert read.regularise and read.check == ["sbc", "recovery"]
    assert about["scenario_text"] == xian._text_of_files and about["numba"]
    (tmp_path / "posterior.csv").write_text("firms.exit.floor\n0.01\n", encoding="utf-8")
    assert posterior.record(Posterior.load(tmp_path, xian), {}, None)["command"] == about["command"]


def test_figures_are_drawn_in_both_languages(checked: Calibration, tmp_path: Path):
    for lang in ("zh", "en"):
        checked.save(tmp_path / lang, lang)
        assert {path.name for path in (tmp_path / lang / "figures").iterdir()} == {
            "parameters.png",
            "facts.png",
            "sensitivity.png",
        }
    assert "后验" in checked.table("zh") and "posterior" in checked.table("en")


# --- what a scenario says


def scenario(tmp_path: Path, text: str) -> Path:
    base = Path(__file__).resolve().parent.parent / "scenarios" / "xian.toml"
    path = tmp_path / "zone.toml"
    path.write_text(f'extends = "{base}"\n{text}', encoding="utf-8")
    return path


def test_every_problem_of_the_priors_is_told_with_its_line(tmp_path: Path):
    text = """[calibrate]
"firms.entry.organic.per_yaer" = { low = 1, high = 2 }
"zone.name" = { low = 1, high = 2 }
"ladders.certificates.levels.hte.apply" = { low = 0.5, high = 1.5 }
"attraction.offers_per_year" = 12
"""
    with pytest.raises(UserError) as caught:
        priors_of(load_scenario(scenario(tmp_path, text)))
    problems = {problem.line: problem for problem in caught.value.problems}
    assert set(problems) == {3, 4, 5, 6}
    assert problems[3].nearest == "firms.entry.organic.per_year"
    assert "not a number" in problems[4].message
    assert "between 0 and 1" in problems[5].message
    assert problems[6].message == "not a prior"
    assert all("zone.toml" in str(problem.file) for problem in problems.values())


def test_what_facts_cannot_tell_is_told_at_the_line_that_asks_it(tmp_path: Path):
    """The combinations are known only when worlds were lived, far from the file."""
    text = """
[calibrate]
"firms.entry.organic.per_year" = { low = 500, high = 2000 }
"attraction.offers_per_year" = { low = 5, high = 20 }
"""
    zone = load_scenario(scenario(tmp_path, text))
    idle = _at_its_prior(Problem("no fact depends on this parameter", key="attraction.offers_per_year"), zone)
    many = _at_its_prior(Problem("more parameters than the facts can tell apart", key="calibrate"), zone)
    other = _at_its_prior(Problem("an output's problem", key="nothing.stated"), zone)
    assert (idle.line, idle.key) == (5, "calibrate.attraction.offers_per_year") and "zone.toml" in str(idle.file)
    assert (many.line, many.key) == (3, "calibrate") and "zone.toml" in str(many.file)
    assert other.file is None and other.line is None


def test_a_scenario_without_facts_to_calibrate_to_is_refused(root: Path, tmp_path: Path):
    with pytest.raises(UserError, match=r"changsha.toml:\d+: facts: no fact to calibrate to"):
        moments_of(load_scenario(root / "scenarios" / "changsha.toml"))
    zone = tmp_path / "zone.toml"
    zone.write_text(f'extends = "{root / "scenarios" / "changsha.toml"}"\n[calibrate]\n"firms.exit.floor" = 1\n')
    with pytest.raises(UserError, match=r"zone.toml:2: facts: no fact to calibrate to"):
        moments_of(load_scenario(zone))


def test_without_a_table_estimated_distributions_are_the_candidates(root: Path):
    free, named = priors_of(load_scenario(root / "scenarios" / "wuxi.toml"))
    assert not named and free


def test_facts_of_xian_are_read_with_their_error_and_side(root: Path):
    found = {moment.id: moment for moment in moments_of(load_scenario(root / "scenarios" / "xian.toml"))}
    assert found["xa-park"].sign == 1
    assert found["xa-hte-add"].terms[1] == ("ladder.certificates.hte@2019Q4", -1.0)
    assert found["xa-cluster"].tolerance == pytest.approx(0.05)
    assert len(found["xa-reserve"].terms) == 2
    uses = [moment.use for moment in found.values()]
    assert uses == sorted(uses)  # calibrated facts first


# --- a run under the posterior


def posterior_folder(tmp_path: Path, header: str, *lines: str) -> Path:
    (tmp_path / "manifest.json").write_text('{"program": "headwater", "kind": "calibrate"}', encoding="utf-8")
    (tmp_path / "posterior.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return tmp_path


def test_each_replication_takes_a_row_and_more_change_none_before(root: Path, tmp_path: Path):
    xian = load_scenario(root / "scenarios" / "xian.toml")
    folder = posterior_folder(tmp_path, "attraction.offers_per_year,attraction.accepted", "10,0.5", "20,0.6", "15,0.7")
    found = Posterior.load(folder, xian)
    few, many = found.rows(1, 5), found.rows(1, 50)
    pairs = set(zip(many["attraction.offers_per_year"], many["attraction.accepted"], strict=True))
    assert pairs == {(10.0, 0.5), (20.0, 0.6), (15.0, 0.7)}  # rows, not columns apart
    assert (few["attraction.accepted"] == many["attraction.accepted"][:5]).all()


def test_a_posterior_of_other_parameters_is_refused(root: Path, tmp_path: Path):
    xian = load_scenario(root / "scenarios" / "xian.toml")
    with pytest.raises(UserError) as caught:
        Posterior.load(posterior_folder(tmp_path, "attraction.offers_per_yaer", "10"), xian)
    assert caught.value.problems[0].nearest == "attraction.offers_per_year"
    with pytest.raises(UserError, match="no posterior is there"):
        Posterior.load(tmp_path / "nowhere", xian)
    with pytest.raises(UserError, match="no row of numbers"):
        Posterior.load(posterior_folder(tmp_path, "attraction.offers_per_year", "ten"), xian)


def test_a_parameter_is_told_with_the_level_it_belongs_to_and_a_change_with_its_beginning(root: Path):
    from sim.analysis.model import ZoneModel

    zone = load_scenario(root / "scenarios" / "xian.toml")
    model = ZoneModel.of(zone, ["firms.alive"])
    giant = "ladders.certificates.levels.giant.apply"
    assert model.label(giant, "en").startswith("little giants (小巨人): share of the eligible")
    assert model.label(giant, "zh").startswith("专精特新“小巨人”：")
    assert model.label("firms.entry.organic.per_year", "en") == "entrants a year at the start"
    added = next(moment for moment in moments_of(zone) if moment.id == "xa-hte-add")
    model = ZoneModel.of(zone, [output for output, _ in added.terms])
    told = Calibration(model, [], [], [added], *([None] * 6))  # type: ignore[arg-type]
    assert told.name_of(added, "en") == "national high-tech enterprises 2022Q4, since 2019Q4"
