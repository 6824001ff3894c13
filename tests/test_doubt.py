"""Doubt by grade: what numbers that state no distribution carry, and what they do not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from sim import load_scenario
from sim.errors import UserError
from sim.model.rows import Rows, doubted
from sim.model.rules import lower
from sim.printing import line_of_doubt
from sim.scenario import doubt
from sim.scenario.fields import Doubt, iter_quantities
from sim.scenario.loading import find_quantity, with_overrides
from tests.every_kind_of_scenario import KINDS

ON = ("uncertainty.assumed=40%", "uncertainty.estimated=20%")
OFF = ("uncertainty.assumed=0", "uncertainty.estimated=0")
WIDEST = ("uncertainty.assumed=4", "uncertainty.estimated=4")
WORLDS = np.arange(200)


def carrying(scenario) -> dict[str, Any]:
    return {path: q for path, q in iter_quantities(scenario) if q.doubt is not None}


@pytest.mark.parametrize("kind", KINDS)
def test_no_draw_leaves_the_bounds_of_its_number(kind):
    """At the widest doubt that can be stated: the model itself, which knows the bounds, takes the extremes."""
    scenario = load_scenario(f"scenarios/{kind}.toml", WIDEST)
    rows = Rows(1, WORLDS)
    for path, q in carrying(scenario).items():
        drawn = rows(q)
        assert np.isfinite(drawn).all() and np.ptp(drawn) > 0, path
        low, high = bounds_of(scenario, path)
        assert low <= drawn.min() and drawn.max() <= high, path
        assert (np.sign(drawn - q.doubt.origin) == np.sign(q.value - q.doubt.origin)).all(), path


def bounds_of(scenario, path):
    """Of the field of a number, met on the way to it."""
    node, owner, field = scenario, type(scenario), ""
    for part in path.split("."):
        if isinstance(node, dict):
            node = node[part]
        elif isinstance(node, list):
            node = next(x for i, x in enumerate(node) if getattr(x, "id", str(i)) == part)
        else:
            owner, field, node = type(node), part, getattr(node, part)
    bounds = doubt.carries(owner, field)
    assert bounds is not None
    return bounds


@pytest.mark.parametrize("name", ["xian", "tianjin"])
def test_what_is_stated_is_the_median_and_nine_in_ten_lie_within_the_factor(name):
    scenario = load_scenario(f"scenarios/{name}.toml", ON)
    many = Rows(1, np.arange(4000))
    for path, q in list(carrying(scenario).items())[::9]:
        drawn = np.abs(many(q) - q.doubt.origin)
        stated = abs(q.value - q.doubt.origin)
        factor = 1.4 if q.grade == "assumed" else 1.2
        if math.isfinite(q.doubt.bound):
            way = abs(q.doubt.bound - q.doubt.origin)
            drawn, stated = drawn / (way - drawn), stated / (way - stated)
        assert np.mean(drawn > stated) == pytest.approx(0.5, abs=0.03), path
        within = np.mean((drawn < stated * factor) & (drawn > stated / factor))
        assert within == pytest.approx(0.9, abs=0.02), path


def test_the_form_at_its_quantiles():
    """Against the lognormal and the logit written out."""
    from scipy import special

    u = np.array([0.05, 0.5, 0.95])
    free = Doubt(math.log(1.4) / 1.6448536269514722, 0.0, math.inf, "x")
    assert doubted(-2.0, free, u) == pytest.approx([-2 / 1.4, -2.0, -2.8])
    half = Doubt(math.log(1.2) / 1.6448536269514722, 0.0, 1.0, "x")
    assert doubted(0.75, half, u) == pytest.approx([3 / 1.2 / (1 + 3 / 1.2), 0.75, 3.6 / 4.6])
    factor = Doubt(math.log(1.4) / 1.6448536269514722, 1.0, math.inf, "x")
    assert doubted(1.6, factor, u) == pytest.approx([1 + 0.6 / 1.4, 1.6, 1.84])
    assert special.expit(special.logit(0.75)) == pytest.approx(0.75)


def test_rules_dates_fitted_and_published_numbers_stand_as_they_are():
    scenario = load_scenario("scenarios/xian.toml", ON)
    have = carrying(scenario)
    for path, q in have.items():
        assert q.grade != "published" and q.distribution is None and q.unit not in ("years", "USD", "m2"), path
        assert path not in scenario.calibrate, path
        assert not path.startswith(("facts.", "levers.", "public.", "report.", "uncertainty.", "guidance.limits")), path
        assert ".conditions." not in path and "volatility" not in path and not path.endswith("spread"), path
    rows = Rows(1, WORLDS)
    for path in (
        "ladders.certificates.levels.hte.conditions.0.revenue_min",
        "ladders.certificates.levels.hte.initial",
        "rounds.meetings",
        "funds.angel.carry",
        "rounds.stages.a.volatility",
        "guidance.reinvestment",
    ):
        assert path not in have
        assert np.ptp(rows(find_quantity(scenario, path))) == 0.0
    for path in ("firms.initial.count", "firms.entry.incubator.per_year", "rounds.stages.a.ticket", "market.lag"):
        assert path in have
    tianjin = load_scenario("scenarios/tianjin.toml", ON)
    boost = "programmes.smart.effects.ladders.0.factor"
    assert Rows(1, WORLDS)(find_quantity(tianjin, boost)).min() > 1.0, "an effect does not change its sign"


def test_numbers_by_regime_and_by_stage_keep_their_order():
    rows = Rows(1, WORLDS)
    scenario = load_scenario("scenarios/national.toml", ON)
    window = scenario.market.window
    cold, normal, hot = (rows(x) for x in (window.cold, window.normal, window.hot))
    assert (cold < normal).all() and (normal < hot).all()
    stages = scenario.rounds.stages
    floors = [rows(getattr(stages, name).floor) for name in ("seed", "a", "b", "c", "d", "pre_ipo")]
    assert (np.diff(floors, axis=0) > 0).all()


def test_switched_off_it_changes_no_bit():
    """Off, no number carries anything and what the kernel reads is what it read before there was doubt."""
    scenario = load_scenario("scenarios/xian.toml", OFF)
    assert carrying(scenario) == {} and doubt.counts(scenario) == {}
    rows = Rows(1, WORLDS)
    for path, q in iter_quantities(scenario):
        if q.distribution is None:
            assert (rows(q) == q.value).all(), path


def test_doubt_in_one_number_leaves_every_other_draw_as_it_was():
    """One number more that carries doubt changes that number alone."""
    plain = load_scenario("scenarios/xian.toml", OFF)
    on = load_scenario("scenarios/xian.toml", ON)
    before, after = Rows(5, WORLDS), Rows(5, WORLDS)
    known = dict(iter_quantities(plain))
    for path, q in iter_quantities(on):
        if q.doubt is None and path in known and not path.startswith("uncertainty."):
            assert (after(q) == before(known[path])).all(), path
    exact = with_overrides(on, {"market.lag": 0.4})
    for path, q in carrying(exact).items():
        assert (Rows(5, WORLDS)(q) == after(dict(iter_quantities(on))[path])).all(), path


def test_draws_of_a_replication_do_not_depend_on_how_many_there_are():
    q = find_quantity(load_scenario("scenarios/xian.toml", ON), "market.lag")
    whole = Rows(9, np.arange(50))(q)
    assert (Rows(9, np.arange(20))(q) == whole[:20]).all()
    assert Rows(9, np.array([31]))(q)[0] == whole[31]
    assert (Rows(10, np.arange(50))(q) != whole).all()


def test_what_is_set_varied_or_called_exact_is_taken_as_it_is(tmp_path):
    path = "rounds.concession"
    on = load_scenario("scenarios/national.toml", ON)
    assert find_quantity(on, path).doubt is not None
    assert find_quantity(load_scenario("scenarios/national.toml", [*ON, f"{path}=0.3"]), path).doubt is None
    assert (Rows(1, WORLDS, {path: 0.3})(find_quantity(on, path)) == 0.3).all(), "a sweep's own values"
    file = tmp_path / "exact.toml"
    national = (doubt.__file__.rsplit("sim", 1)[0]) + "scenarios/national.toml"
    file.write_text(f'extends = "{national}"\n[rounds]\nconcession = {{ value = 0.3, exact = true }}\n')
    stated = find_quantity(load_scenario(file, ON), path)
    assert stated.value == 0.3 and stated.doubt is None
    file.write_text(f'extends = "{national}"\n[rounds]\nconcession = {{ exact = true }}\n')
    kept = find_quantity(load_scenario(file, ON), path)
    assert kept.value == 0.18 and kept.doubt is None


def test_the_doubt_reaches_the_kernel_and_leaves_shares_whole():
    scenario = load_scenario("scenarios/xian.toml", ON)
    rules = lower(scenario, Rows(1, np.arange(6)))
    mix = rules.firms.sector_mix
    assert np.allclose(mix.sum(axis=-1), 1.0)
    assert len(np.unique(mix[:, 0, 0])) == 6
    transition = rules.market.transition
    assert np.allclose(transition.sum(axis=-1), 1.0) and (transition >= 0).all()


def test_a_run_tells_how_many_numbers_carry_doubt():
    told = doubt.counts(load_scenario("scenarios/national.toml", ON))
    assert told["assumed"]["within"] == 0.4 and 100 < told["assumed"]["carry"] < told["assumed"]["of"]
    en, zh = line_of_doubt(told, "en"), line_of_doubt(told, "zh")
    assert f"{told['assumed']['carry']} of {told['assumed']['of']} assumed numbers within 1.4-fold" in en
    assert f"假设类{told['assumed']['of']}个数中{told['assumed']['carry']}个在1.4倍内" in zh
    assert line_of_doubt({}, "en") == ""


def test_a_negative_or_boundless_doubt_is_refused():
    for value in ("-0.1", "5"):
        with pytest.raises(UserError, match="uncertainty") as error:
            load_scenario("scenarios/national.toml", [f"uncertainty.assumed={value}"])
        assert error.value.problems[0].key == "uncertainty.assumed"
