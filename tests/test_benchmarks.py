"""Claims about the benchmarks: a peer is only worth a ratio where it lives the same rules. Nothing here is timed."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest

from benchmarks.peers import common, numpy_peer, vc_fund
from benchmarks.peers.rules import SCENARIO, numbers
from benchmarks.peers.side_by_side import HOW, PEERS, Peer, distance, lines, python_for
from sim.ensemble import simulate
from sim.finance.returns import TOTAL_LOSS
from sim.scenario import load_scenario

SMALL = (
    "firms.initial.count=1500",
    "firms.entry.organic.per_year=400",
    "ladders.certificates.levels.giant.quota=4",
    'zone.end="2026Q4"',
)
LARGE = ("firms.initial.count=40000", "firms.entry.organic.per_year=11200", 'zone.end="2022Q1"')
WORLDS, FEW_WORLDS = 60, 30
Z = 4.0


@pytest.fixture(scope="module")
def rules():
    return json.loads(json.dumps(numbers(overrides=SMALL)))  # as a peer reads them


def test_the_numpy_peer_has_the_means_of_the_kernel(rules):
    theirs = [common.quantities(rules, numpy_peer.live(rules, seed)) for seed in range(WORLDS)]
    ours = simulate(load_scenario(SCENARIO, list(SMALL)), WORLDS, 1, events=0)
    names = {"alive": "firms.alive", "entered": "firms.entered", "output": "output.total", "jobs": "jobs.total"}
    names |= {"post_money": "valuation.post_money.total"}
    names |= {level: f"ladder.{level}" for level in common.level_names(rules)}
    for name, metric in names.items():
        same_mean(name, ours[metric][:, -1], np.array([row[name] for row in theirs]))
    for name, metric in {"rounds": "rounds.count.total", "raised": "rounds.raised.total"}.items():
        same_mean(name, ours[metric].sum(axis=1), np.array([row[name] for row in theirs]))
    rounds = ours["rounds.count.angel"].sum(axis=1)
    assert rounds.mean() > 10  # there is something to compare


def same_mean(name, a, b):
    """Over the worlds of each, within joint standard errors."""
    error = np.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))
    assert abs(a.mean() - b.mean()) <= Z * error, f"{name}: {a.mean():.6g} and {b.mean():.6g}, error {error:.2g}"


def test_the_numpy_peer_begins_as_the_kernel_does():
    """Large worlds and their first year and windows: a start that differs, or a condition that few firms decide, is
    lost in the chance of small worlds and in what a few years add."""
    rules = json.loads(json.dumps(numbers(overrides=LARGE)))
    theirs = [numpy_peer.live(rules, 700 + seed) for seed in range(FEW_WORLDS)]
    ours = simulate(load_scenario(SCENARIO, list(LARGE)), FEW_WORLDS, 1, events=0)
    names = {"alive": "firms.alive", "output": "output.total", "jobs": "jobs.total"}
    names |= {level: f"ladder.{level}" for level in common.level_names(rules)}
    for name, metric in names.items():
        for quarter in range(rules["quarters"]):
            same_mean(f"{name} {quarter}", ours[metric][:, quarter], np.array([x[name][quarter] for x in theirs]))
    rounds = ours["rounds.count.total"].sum(axis=1)
    same_mean("rounds", rounds, np.array([path["rounds"].sum() for path in theirs]))
    assert rounds.mean() > 40 and ours["ladder.certificates.sme"][:, -1].mean() > 8000  # there is something to compare


def test_both_bounds_of_a_condition_hold(rules):
    world = numpy_peer.World(rules, 1)
    rows = world.found(3, np.full(3, -20), 17.0, 0.1, 0)
    world.firms.last[rows] = [4e6, 6e6, 8e6]
    assert world.meets(rows, [[["revenue", 5e6, 7e6]]], 0).tolist() == [False, True, False]
    low_alone, high_alone = [["revenue", 5e6, np.inf]], [["revenue", -np.inf, 7e6]]
    assert world.meets(rows, [low_alone], 0).tolist() == [False, True, True]
    assert world.meets(rows, [high_alone], 0).tolist() == [True, True, False]


@pytest.mark.parametrize(
    "change",
    [
        "ladders.certificates.levels.sme.initial=100",
        'rounds.founding.oldest="3y"',
        'ladders.certificates.levels.srdi.conditions=[{valid_from="2022Q1", revenue_min="1000万"}]',
    ],
)
def test_a_yardstick_with_rules_that_no_peer_lives_is_refused(change):
    with pytest.raises(ValueError, match="no peer"):
        numbers(overrides=(change,))


def test_the_yardstick_has_no_funds_programmes_or_incubators():
    scenario = load_scenario(SCENARIO)
    assert not scenario.funds and not scenario.programmes and not scenario.incubators and not scenario.projects
    assert len(numbers()["levels"]) == 8


def test_a_level_with_a_quota_awards_no_more_than_that(rules):
    path = numpy_peer.live(rules, 3)["certificates.giant"]
    assert max(b - a for a, b in pairwise(path)) <= 4
    assert path.max() > 0


def test_a_peer_that_is_not_installed_is_named_with_the_way_to_install_it():
    absent = Peer("absent", "absent_peer", "a_module_that_is_not_there", 1)
    assert python_for(absent) is None
    one = {"ns": 10.0, "memory_mb": 1.0, "means": {"alive": [5.0, 1.0]}, "replications": 4}
    table = lines({"ours": {1: one, 2: one}, "peers": {}, "missing": {peer.name: "not installed" for peer in PEERS}})
    assert sum(HOW in line for line in table) == len(PEERS)


def test_a_peer_with_other_means_is_found_out():
    own = {"means": {"alive": [100.0, 2.0], "jobs": [50.0, 1.0]}, "replications": 100}
    off = {"means": {"alive": (100.1, 0.0), "jobs": (53.0, 0.0)}, "replications": 4}
    name, z = distance(own, off)
    assert name == "jobs" and z == pytest.approx(3.0 / np.sqrt(1 / 100 + 1 / 4))


# --------------------------------------------------------------------------------------------------------- vc-fund-sim


@pytest.mark.parametrize("strategy", vc_fund.STRATEGIES)
def test_vc_fund_sims_means_are_met_within_their_errors(strategy):
    recorded = vc_fund.theirs()[strategy]
    out, stages, _ = vc_fund.run(20_000, strategy)
    for name, column in (("moic", 0), ("tvpi", 1), ("invested", 3)):
        mean, error = recorded[name]
        own = out[:, column]
        assert abs(own.mean() - mean) < Z * np.hypot(error, own.std() / np.sqrt(len(own))), name
    rates = out[out[:, 2] > TOTAL_LOSS, 2]
    mean, error = recorded["irr_of_its_flows"]
    assert abs(rates.mean() - mean) < Z * np.hypot(error, rates.std() / np.sqrt(len(rates)))
    ended = stages / len(out)
    assert ended[0, 0] == pytest.approx(recorded["stages"]["seed"], abs=0.15)
    assert ended[1] == pytest.approx(
        [recorded["stages"]["failed_a"], recorded["stages"]["sold_a"], 21 * 0.16], abs=0.15
    )


def test_expected_counts_of_companies_are_those_of_the_odds():
    _, stages, _ = vc_fund.run(50_000, "pro_rata")
    reached_a, reached_b, reached_c = 21 * 0.4, 21 * 0.4**2, 21 * 0.4**3
    expected = [[21 - reached_a, 0, reached_a], [0.35 * reached_a, 0.25 * reached_a, reached_b]]
    expected += [[0.2 * reached_b, 0.4 * reached_b, reached_c]]
    error = np.sqrt(np.maximum(expected, 0.01) / 50_000)  # above that of counts with fixed odds
    assert (np.abs(stages / 50_000 - expected) < Z * error).all()


def test_the_wanted_part_of_a_round_keeps_or_lifts_the_share():
    for share, dilution in ((0.1, 0.2), (0.05, 0.3)):
        kept = vc_fund.wanted_part(share, dilution, 0.0)
        assert share * (1 - dilution) + kept * dilution == pytest.approx(share)
        lifted = vc_fund.wanted_part(share, dilution, 1.5)
        assert share * (1 - dilution) + lifted * dilution == pytest.approx(1.5 * share)
    assert vc_fund.wanted_part(0.9, 0.2, 1.5) == 1.0


def test_the_reference_run_is_timed_without_what_has_cap_tables_too():
    from benchmarks.__main__ import without_cap_tables

    bare = without_cap_tables("scenarios/xian.toml")
    assert not bare.funds and not bare.named and bare.levers and not any("funds." in path for path in bare.levers)
