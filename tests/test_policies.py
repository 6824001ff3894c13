"""Claims about programmes, incubators, projects and dated rules."""

from pathlib import Path

import numpy as np
import pytest

from sim.ensemble import simulate
from sim.errors import UserError
from sim.finance.bass import adopted_share
from sim.scenario import load_scenario

SCENARIOS = Path("scenarios").resolve()
ZONES = ("wuxi", "tianjin", "xiamen", "changsha")
SMALL = [
    "uncertainty.assumed=0",  # what a policy does, exactly
    "uncertainty.estimated=0",
    "firms.initial.count=600",
    "firms.entry.organic.per_year=120",
    "firms.entry.incubator.per_year=15",
    "ladders.certificates.levels.hte.initial=150",
    "ladders.certificates.levels.sme.initial=80",
    "ladders.listing.levels.listed.initial=5",
    'zone.end="2024Q4"',
    "facts=[]",
]
CLOSED = [  # nobody comes, grows by chance or goes
    "firms.entry.organic.per_year=0",
    "firms.entry.incubator.per_year=0",
    "firms.exit.floor=0",
    "firms.exit.young=0",
    "firms.initial.count=4000",
]
ALL_MAY = """
[[programmes]]
id = "test"
name = "test"
begins = "2020Q1"
outreach = 0.3
peers = 0.4
"""


def variant(folder: Path, text: str, sets: list[str] = SMALL, base: str = "xian.toml"):
    """A scenario file of a few lines over a shipped one."""
    path = folder / "variant.toml"
    path.write_text(f'extends = "{SCENARIOS / base}"\n{text}', encoding="utf-8")
    return load_scenario(path, sets)


def run(scenario, replications: int = 4, **more):
    return simulate(scenario, replications=replications, seed=3, events=more.pop("events", 0), audit=True, **more)


def refusal(folder: Path, text: str, base: str = "xian.toml") -> str:
    with pytest.raises(UserError) as caught:
        variant(folder, text, [], base)
    return str(caught.value)


@pytest.fixture(scope="module")
def without():
    return run(load_scenario(SCENARIOS / "xian.toml", SMALL))


# ------------------------------------------------------------------------------------------------------ programmes


def test_a_programme_without_effect_and_cost_changes_nothing_else(tmp_path, without):
    with_it = run(variant(tmp_path, ALL_MAY))
    assert with_it["programme.test.adopted"][:, -1].min() > 300
    for metric in without.metrics:
        assert np.array_equal(with_it[metric.name], without[metric.name], equal_nan=True), metric.name


def test_uptake_without_limits_follows_the_closed_form_of_bass(tmp_path):
    closed = run(variant(tmp_path, ALL_MAY, [*SMALL, *CLOSED]), 8)
    there = closed["firms.alive"][:, 0]
    share = closed["programme.test.adopters"] / there[:, None]
    for years in (1, 2, 4):
        expected = adopted_share(0.3, 0.4, float(years))
        error = np.sqrt(expected * (1 - expected) / there.sum())
        # at most a few of 4000 firms are sold or fail as ventures; the pool of the law shrinks with them
        assert share[:, 4 * years].mean() == pytest.approx(expected, abs=4 * error + 0.01)


def test_a_subsidy_raises_uptake_and_its_share_is_what_counts(tmp_path):
    plain = run(variant(tmp_path, ALL_MAY))
    helped = run(variant(tmp_path, ALL_MAY + "subsidy = 0.5\nresponse = 2.0\n"))
    doubled = run(variant(tmp_path, ALL_MAY.replace("0.3", "0.6").replace("0.4", "0.8")))
    name = "programme.test.adopted"
    assert (helped[name][:, 3] > plain[name][:, 3]).all()
    assert np.array_equal(helped[name], doubled[name])


def test_a_budget_is_a_hard_limit_and_the_rest_wait_their_turn(tmp_path):
    result = run(variant(tmp_path, ALL_MAY + 'cost = "100万"\ncost_spread = 0.5\nbudget = "2000万"\n'))
    spent = result["programme.test.spent"]
    ends = [i for i, quarter in enumerate(result.quarters) if quarter.endswith("Q4")]
    a_year = np.diff(spent[:, ends], axis=1)
    assert (a_year <= 2e7 + 1e-6).all()
    assert (a_year > 1.5e7).all()
    assert (result["programme.test.waiting"][:, -1] > 100).all()
    assert np.allclose(
        result["public.outlay"] - run(variant(tmp_path, ALL_MAY))["public.outlay"], spent, rtol=1e-9, atol=1.0
    )


def test_two_programmes_can_share_one_budget(tmp_path):
    text = ALL_MAY + 'cost = "100万"\nbudget = "2000万"\n'
    second = text.replace('"test"', '"other"', 2).replace('budget = "2000万"', 'budget_of = "test"')
    result = run(variant(tmp_path, text + second))
    ends = [i for i, quarter in enumerate(result.quarters) if quarter.endswith("Q4")]
    both = np.diff((result["programme.test.spent"] + result["programme.other.spent"])[:, ends], axis=1)
    assert (both <= 2e7 + 1e-6).all()
    assert (both > 1.9e7).all()
    first, other = (result[f"programme.{name}.adopted"][:, -1] for name in ("test", "other"))
    # one queue: who stands first in the file has no better turn; three standard errors of a fair coin
    assert (abs(first - other) < 3.0 * np.sqrt(first + other)).all()


def test_a_queue_of_many_programmes_has_room_for_all_who_wait(tmp_path):
    one = ALL_MAY.replace("0.3", "9.0") + 'cost = "100万"\nbudget = "100万"\n'
    names = ("b", "c", "d", "e")
    others = [one.replace('"test"', f'"{name}"', 2).replace('budget = "100万"', 'budget_of = "test"') for name in names]
    result = run(variant(tmp_path, one + "".join(others)))
    waiting = sum(result[f"programme.{name}.waiting"][:, -1] for name in ("test", *names))
    assert (waiting > 3.5 * result["firms.alive"][:, -1]).all()


def test_a_tax_allowance_is_forgone_and_not_paid_out(tmp_path, without):
    result = run(variant(tmp_path, ALL_MAY + 'paid_as = "tax"\nresearch_part = 0.2\n'))
    spent = result["programme.test.spent"]
    assert (spent[:, -1] > 0).all()
    assert np.array_equal(result["public.outlay"], without["public.outlay"])
    more = result["public.tax_forgone"] - without["public.tax_forgone"]
    assert np.allclose(more, spent, rtol=1e-9, atol=1.0)


def test_effects_do_what_the_file_says(tmp_path, without):
    text = ALL_MAY.replace("0.3", "4.0") + "effects = { productivity = 0.5, hazard = -0.9, research = 0.2 }\n"
    result = run(variant(tmp_path, text))
    assert (result["jobs.total"][:, -1] < 0.85 * without["jobs.total"][:, -1]).all()
    assert (result["firms.died"][:, -1] < 0.6 * without["firms.died"][:, -1]).all()
    assert result["programme.test.productivity"][:, -1] == pytest.approx(0.5)
    assert np.array_equal(result["firms.entered"], without["firms.entered"])
    grown = run(variant(tmp_path, ALL_MAY.replace("0.3", "4.0") + "effects = { growth = 0.1 }\n"))
    assert (grown["output.year"][:, -1] > 1.3 * without["output.year"][:, -1]).all()


def test_adopters_effects_are_spread_around_the_shrunk_case(tmp_path):
    text = ALL_MAY.replace("0.3", "4.0") + "shrink = 0.6\nspread = 0.5\neffects = { productivity = 0.36 }\n"
    mean = run(variant(tmp_path, text))["programme.test.productivity"][:, 8]
    assert mean == pytest.approx(0.6 * 0.36, abs=4 * 0.5 * 0.6 * 0.36 / np.sqrt(500))
    assert len(set(mean.tolist())) == len(mean)


def test_better_odds_on_a_ladder_fill_it_faster(tmp_path, without):
    text = ALL_MAY.replace("0.3", "4.0")
    boosted = text + 'effects = { ladders = [{ level = "certificates.srdi", factor = 3.0 }] }\n'
    same = text + 'effects = { ladders = [{ level = "certificates.srdi", factor = 1.0 }] }\n'
    name = "ladder.certificates.srdi.entered"
    assert (run(variant(tmp_path, boosted))[name][:, -1] > 1.5 * without[name][:, -1]).all()
    assert np.array_equal(run(variant(tmp_path, same))[name], without[name])


def test_investors_hear_of_a_programme(tmp_path, without):
    text = ALL_MAY.replace("0.3", "4.0") + "effects = { raising = 3.0 }\n"
    failed = run(variant(tmp_path, text))["rounds.failed"][:, -1]
    assert failed.sum() < 0.9 * without["rounds.failed"][:, -1].sum()


def test_what_lasts_two_years_is_over_after_two(tmp_path):
    text = ALL_MAY + 'until = "2020Q2"\nlasts = "2y"\neffects = { growth = 0.05 }\n'
    result = run(variant(tmp_path, text))
    adopters = result["programme.test.adopters"]
    assert (adopters[:, 1] > 0).all()
    assert (adopters[:, 8] > 0).all()
    assert (adopters[:, 9:] == 0).all()


def test_a_yearly_list_of_thirty_is_thirty_each_year(tmp_path):
    text = ALL_MAY + 'windows = [4]\nmost = 30\nlasts = "1y"\nagain = true\ninitial = 30\n'
    result = run(variant(tmp_path, text))
    ends = [i for i, quarter in enumerate(result.quarters) if quarter.endswith("Q4")]
    assert (np.diff(result["programme.test.adopted"][:, ends], axis=1) == 30).all()
    assert (result["programme.test.adopters"] <= 30).all()


def test_from_the_date_of_a_restriction_on_nobody_is_taken_in(tmp_path):
    text = ALL_MAY + 'restrictions = [{ begins = "2022Q1" }]\n'
    adopted = run(variant(tmp_path, text))["programme.test.adopted"]
    assert (np.diff(adopted[:, :9], axis=1) > 0).all()
    assert (np.diff(adopted[:, 9:], axis=1) == 0).all()


def test_a_restriction_can_concern_only_firms_that_moved_in(tmp_path):
    bars = 'sources = ["attracted"]\nrestrictions = [{ begins = "2020Q2", sources = ["attracted"] }]\n'
    adopted = run(variant(tmp_path, ALL_MAY + bars))["programme.test.adopted"]
    assert (adopted[:, 1] > 0).any()
    assert (adopted[:, 1] == adopted[:, -1]).all()


def test_a_grant_that_turns_into_equity_comes_back_in_part(tmp_path, without):
    text = ALL_MAY + 'cost = "100万"\nrepaid = 0.8\nholds = "1y"\n'
    result = run(variant(tmp_path, text))
    repaid = result["programme.test.repaid"]
    assert (repaid[:, -1] > 0).all()
    assert np.allclose(result["public.recovered"] - without["public.recovered"], repaid, rtol=1e-6, atol=10.0)


def test_another_policy_leaves_the_draws_of_those_outside_it_alone(tmp_path, without):
    text = ALL_MAY + 'sectors = ["software"]\neffects = { growth = 0.1 }\n'
    result = run(variant(tmp_path, text))
    for name in ("firms.entered", "market.multiple", "funds.park.size"):
        assert np.array_equal(result[name], without[name])


@pytest.mark.parametrize("path", sorted((SCENARIOS / "policies").glob("*.toml")), ids=lambda p: p.stem)
def test_every_policy_of_the_shelf_is_taken_up_and_keeps_its_accounts(path):
    scenario = load_scenario(path, SMALL)
    result = run(scenario, 3)
    assert result[f"programme.{scenario.programmes[0].id}.adopted"][:, -1].sum() > 0


# ------------------------------------------------------------------------------------------------------ incubators

HOUSE = """
[[incubators]]
id = "house"
name = "house"
floor = 3000
rent = 40
charged = 0.5
revenue = "100万"
spread = 1.0
venture_share = 0.3
patience = "1y"

[incubators.kinds.desk]
name = "desk"
share = 0.5
area = 100
tenure = "2y"
initial = 5

[[incubators.sources]]
id = "open"
name = "open"
kind = "desk"
per_year = 40
"""


def test_a_full_incubator_has_a_queue_and_never_more_tenants_than_places(tmp_path):
    result = run(variant(tmp_path, HOUSE))
    assert (result["incubator.house.tenants"][:, 0] == 5).all()
    assert (result["incubator.house.tenants"] <= 15).all()
    assert (result["incubator.house.waiting"][:, 4:] > 0).all()
    assert (result["incubator.house.turned_away"][:, -1] > 0).all()
    assert (result["incubator.house.graduated"][:, -1] > 5).all()
    assert np.allclose(result["incubator.house.vacancy"], 1 - result["incubator.house.tenants"] / 15)


def test_rent_that_tenants_do_not_pay_is_public_outlay(tmp_path):
    alone = [*SMALL, "ladders.listing.levels.tutoring.opens_capital=0"]  # nobody gets money of the zone's direct fund
    without = run(load_scenario(SCENARIOS / "xian.toml", alone))
    result = run(variant(tmp_path, HOUSE.replace("venture_share = 0.3", "venture_share = 0"), alone))
    rent = result["incubator.house.rent_forgone"]
    full_year = 15 * 100 * 40 * 0.5 * 12
    last = rent[:, -1] - rent[:, -5]
    assert (last <= full_year + 1e-6).all()
    assert (last > 0.9 * full_year).all()
    assert np.allclose(result["public.outlay"] - without["public.outlay"], rent, rtol=1e-6, atol=10.0)


def test_graduates_stay_as_firms_of_the_zone(tmp_path):
    quiet = [*SMALL, "firms.entry.incubator.per_year=0"]
    result = run(variant(tmp_path, HOUSE, quiet))
    alive, tenants = result["firms.incubator.alive"], result["incubator.house.tenants"]
    assert (alive[:, -1] > tenants[:, -1] + 5).all()


def test_services_keep_tenants_alive(tmp_path):
    quiet = [*SMALL, "firms.entry.incubator.per_year=0", "firms.exit.young=0.8"]
    service = '[[incubators.services]]\nid = "s"\nname = "s"\nhazard = -0.9\n'
    results = [run(variant(tmp_path, HOUSE + x, quiet)) for x in (service, "")]
    helped, alone = (r["incubator.house.graduated"][:, -1].sum() for r in results)
    assert helped > 1.2 * alone


def test_a_project_ramps_up_to_its_capacity(tmp_path):
    text = """
[[projects]]
id = "plant"
name = "plant"
sector = "equipment"
enters = "2021Q1"
ramp = "2y"
utilisation = 0.5
products = [{ id = "boxes", name = "boxes", capacity = 1000, price = "10万" }]
"""
    result = run(variant(tmp_path, text))
    at = result.quarters.index("2021Q1")
    capacity, output = result["project.plant.capacity.boxes"], result["project.plant.output"]
    assert (capacity[:, at - 1] == 0).all()
    assert capacity[0, at : at + 8].tolist() == [125 * k for k in range(1, 9)]
    assert (output[:, at - 1] == 0).all()
    assert output[:, at + 7] == pytest.approx(0.5 * 1000 * 1e5, rel=0.5)
    assert (output[:, at] < 0.3 * output[:, at + 7]).all()
    assert (output[:, -1] > 0).all()


# ------------------------------------------------------------------------------------------------------ dated rules

LATE = """
[[named]]
id = "late"
name = "late"
sector = "software"
founded = "FOUNDED"
revenue = "3000万"
rounds = [{ stage = "angel", date = "2018Q1", amount = "800万", post_money = "5000万" }]
"""
BATCH = """
[ladders.test]
name = "test"

[ladders.test.levels.badge]
name = "badge"
windows = [3]
apply = 1.0
passes = { cold = 0.5, normal = 0.5, hot = 0.5 }
validity = "3y"
"""


def test_a_rule_that_has_ended_admits_nobody(tmp_path):
    text = BATCH + 'conditions = [{ valid_from = "2020Q3", valid_to = "2020Q4", age_min = 0 }]\nrenewal = [1.0]\n'
    entered = run(variant(tmp_path, text))["ladder.test.badge.entered"]
    at = 3  # 2020Q3
    assert (entered[:, at - 1] == 0).all()
    assert (entered[:, at] > 100).all()
    assert (entered[:, -1] == entered[:, at]).all()


def test_three_years_after_a_big_batch_comes_a_wave_of_renewals(tmp_path):
    text = BATCH + 'conditions = [{ valid_from = "2020Q3", valid_to = "2020Q4", age_min = 0 }]\nrenewal = [0.6]\n'
    result = run(variant(tmp_path, text, [*SMALL, 'zone.end="2027Q4"']))
    left = np.diff(result["ladder.test.badge.left"], axis=1).mean(axis=0)
    stock = result["ladder.test.badge"].mean(axis=0)
    wave = result.quarters.index("2023Q3")
    assert left[wave - 1] == pytest.approx(0.4 * stock[wave - 1], rel=0.2)
    assert left[wave - 1] > 5 * np.delete(left[: wave + 8], wave - 1).max()


def test_odds_of_a_re_review_go_by_its_date(tmp_path):
    dated = "renewal = [0.0]\nrenewal_from = [{ begins = '2023Q1', odds = 0.57 }, { begins = '2024Q1', odds = 0.87 }]\n"
    sets = [*SMALL, "firms.initial.count=3000"]
    result = run(variant(tmp_path, BATCH + dated, sets), 3, events=3)
    levels = result.samples["levels"]
    mine = levels["level"] == "test.badge"
    for year, odds in (("2023Q3", 0.57), ("2024Q3", 0.87)):
        now = mine & (levels["quarter"] == year)
        renewed, lapsed = (now & (levels["what"] == 2)).sum(), (now & (levels["what"] == -1)).sum()
        assert renewed / (renewed + lapsed) == pytest.approx(odds, abs=4 * np.sqrt(0.25 / (renewed + lapsed)))


def test_odds_of_a_settled_year_stand_in_place_of_the_markets(tmp_path):
    """2020Q3 and 2021Q3 are hot, 2022Q3 normal: the regime's odds hold where no year's are given, and after it."""
    given = "passes_from = [{ begins = '2021Q1', until = '2022Q1', odds = 0.1 }]\n"
    text = BATCH.replace("hot = 0.5", "hot = 1.0").replace('validity = "3y"', 'validity = "0.5y"') + "renewal = [0.0]\n"
    result = run(variant(tmp_path, text + given))
    at = [3, 7, 11]
    batches = np.diff(result["ladder.test.badge.entered"].sum(axis=0)[[2, *at]])
    share = batches / result["firms.alive"].sum(axis=0)[at]
    assert share == pytest.approx([1.0, 0.1, 0.5], abs=0.05)


def test_a_batch_is_as_large_as_was_decided(tmp_path):
    decided = "quota_from = [{ begins = '2020Q1', most = 10 }, { begins = '2022Q1', most = 25 }]\n"
    entered = run(variant(tmp_path, BATCH + decided))["ladder.test.badge.entered"]
    batches = np.diff(entered[:, [2, 3, 7, 11, 15]], axis=1)
    assert (batches == [10, 10, 25, 25]).all()


def test_who_does_not_pass_the_review_leaves_it(tmp_path):
    steps = """
[ladders.test]
name = "test"
exclusive = true

[ladders.test.levels.pool]
name = "pool"
apply = 1.0
passes = { cold = 1, normal = 1, hot = 1 }
initial = 300

[ladders.test.levels.passed]
name = "passed"
requires = "pool"
apply = 0.5
passes = { cold = 0.8, normal = 0.8, hot = 0.8 }
rejects = true
"""
    only_once = steps.replace("initial = 300", "initial = 300\nconditions = [{ valid_to = '2019Q4', age_min = 0 }]")
    result = run(variant(tmp_path, only_once), 4, events=4)
    levels = result.samples["levels"]
    mine = levels["level"] == "test.passed"
    passed, rejected = (mine & (levels["what"] == 1)).sum(), (mine & (levels["what"] == -2)).sum()
    assert passed / (passed + rejected) == pytest.approx(0.8, abs=4 * np.sqrt(0.16 / (passed + rejected)))
    assert (result["ladder.test.pool"][:, -1] <= 2).all()


def test_little_giants_are_reviewed_at_the_published_rates():
    from sim.quantities import quarter_name

    level = load_scenario(SCENARIOS / "national.toml").ladders["certificates"].levels["giant"]
    dated = {quarter_name(x.begins): x.odds.value for x in level.renewal_from}
    assert dated == {"2022Q1": 0.57, "2023Q1": 0.62, "2024Q1": 0.83, "2025Q1": 0.87}
    assert quarter_name(level.conditions[1].valid_from) == "2026Q2"


# ------------------------------------------------------------------------------------------------------ zones

FACTS = [
    "xa-guidance", "xa-subfunds", "xa-cluster", "xa-vcs", "xa-park", "xa-park-n", "xa-eswin", "xa-eswin-v", "xa-tj",
    "xa-tj-v", "xa-zb-n", "xa-zb-amt", "xa-zb-mv", "xa-zb-jobs", "xa-hte-add", "xa-hte-g", "xa-hte-2021", "xa-tech",
    "xa-champ", "xa-giant", "xa-srdi", "xa-listed", "xa-reserve", "xa-reserve-p", "wx-listed", "wx-approved",
    "wx-review", "wx-tutoring", "wx-reserve", "wx-sjw", "wx-policy", "tj-smart", "tj-digital", "tj-mk-eff",
    "tj-mk-energy", "tj-mk-cost", "tj-budget", "tj-green", "tj-green-sc", "tj-green-city", "tj-award", "tj-platform",
    "tj-fawvw", "tj-htx", "tj-minth", "tj-apps", "xm-now", "xm-2024", "cs-area", "cs-kinds", "cs-services",
    "cs-target", "cs-anchors",
]  # fmt: skip


def test_every_published_fact_stands_in_a_scenario_once_with_its_use():
    found = [f for zone in ("xian", *ZONES) for f in load_scenario(SCENARIOS / f"{zone}.toml").facts]
    assert sorted({f.id for f in found} & set(FACTS)) == sorted(FACTS)
    assert len({f.id for f in found}) == len(found)
    assert all(f.use in ("input", "calibrate", "check", "goal") and f.source for f in found)


@pytest.mark.parametrize("zone", ZONES)
def test_each_zones_accounts_close(zone):
    sets = [x for x in SMALL if not x.startswith(("zone.end", "firms.entry.incubator"))]
    result = run(load_scenario(SCENARIOS / f"{zone}.toml", sets), 2)
    assert result.manifest["audit"]["worst_relative_residual"] < 1e-9


@pytest.mark.parametrize("zone", ZONES)
def test_inputs_published_of_a_zone_are_in_its_world(zone):
    scenario = load_scenario(SCENARIOS / f"{zone}.toml")
    result = simulate(scenario, replications=2, seed=3, events=0)
    for fact in scenario.facts:
        if fact.use != "input":
            continue
        got = result[fact.metric][:, result.quarters.index(_name(fact.date))]
        if fact.since is not None:
            got = got - result[fact.metric][:, result.quarters.index(_name(fact.since))]
        if fact.id.startswith("tj-mk"):  # the case itself is no adopter: the file's effect carries it
            continue
        if fact.bound == "at_least":
            assert (got >= fact.value).all(), fact.id
        else:
            assert got == pytest.approx(fact.value, rel=0.35 if fact.id == "tj-apps" else 1e-9), fact.id


def _name(quarter: int) -> str:
    from sim.quantities import quarter_name

    return quarter_name(int(quarter))


# ------------------------------------------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ALL_MAY + "budget = -1\n", "at least 0"),
        (ALL_MAY + 'level = "certificates.hto"\n', "did you mean certificates.hte?"),
        (ALL_MAY + 'effects = { ladders = [{ level = "listing.list", factor = 2 }] }\n', "no such level"),
        (ALL_MAY + 'until = "2019Q1"\n', "dates out of order: until must come after begins"),
        (ALL_MAY + 'until = "2022Q1"\nrestrictions = [{ begins = "2024Q3" }]\n', "has ended before this rule begins"),
        (ALL_MAY + 'eligible = [{ valid_from = "2024Q1", valid_to = "2023Q1" }]\n', "valid_to comes before valid_from"),
        (ALL_MAY + 'eligible = [{ revenue_min = "2亿", revenue_max = "1亿" }]\n', "nobody meets both"),
        (ALL_MAY + 'sectors = ["softwear"]\n', "did you mean software?"),
        (ALL_MAY + 'budget_of = "tset"\n', "no other programme of this name"),
        (ALL_MAY + 'effects = { energy = -0.4 }\n', "needs a sector that states its `energy`"),
        (ALL_MAY + 'effects = { operating_cost = -0.4 }\n', "needs the share of revenue"),
        (ALL_MAY + "repaid = 0.5\n", "no grant to turn into equity"),
        (HOUSE.replace("floor = 3000", "floor = 0"), "tenants but no floor"),
        (HOUSE.replace('kind = "desk"', 'kind = "dask"'), "did you mean desk?"),
        (HOUSE.replace("initial = 5", "initial = 50"), "more tenants at the start than places"),
        (HOUSE.replace("share = 0.5", "share = 0.5\n") + '[incubators.kinds.lab]\nname="lab"\nshare=0.8\narea=50\n'
         'tenure="1y"\n', "sum to 1.3, above 1"),
        (BATCH + "rejects = true\n", "state `requires`"),
        (BATCH + "renewal_from = [{ begins = '2024Q1', odds = 1 }, { begins = '2023Q1', odds = 1 }]\n", "out of order"),
        (BATCH + "passes_from = [{ begins = '2024Q1', until = '2024Q1', odds = 1 }]\n", "until must come after begins"),
        (BATCH + "passes_from = [{ begins = '2024Q1', until = '2025Q1', odds = 1 }, "
         "{ begins = '2024Q4', until = '2026Q1', odds = 1 }]\n", "each must come after the one before"),
        ('[[projects]]\nid="p"\nname="p"\nsector="steel"\nutilisation=1\n'
         'products=[{id="x",name="x",capacity=1,price=1}]\n', "no such sector"),
        (LATE.replace("FOUNDED", "2030Q1"), "it enters in 2019Q4 and is founded in 2030Q1"),
        (LATE.replace("FOUNDED", "2018Q3"), "the round closed in 2018Q1, the firm is founded in 2018Q3"),
        ('[firms.entry.organic]\nper_year = "1000亿"\n', "'亿' is taken for money, and this counts"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place(tmp_path, text, said):
    message = refusal(tmp_path, text)
    assert said in message
    assert "variant.toml:" in message


def test_every_shipped_reward_for_moving_in_ends_when_the_fair_competition_rules_begin():
    """A programme for attracted firms alone carries the date (2024-08-01); relief of rent bars them."""
    from sim.quantities import parse_quarter

    begins = parse_quarter("2024Q3")
    shipped = {
        (path.stem, programme.id): programme
        for path in [*SCENARIOS.glob("*.toml"), *(SCENARIOS / "policies").glob("*.toml")]
        for programme in load_scenario(path).programmes
    }
    assert ("attraction-reward", "moving_in") in shipped
    for name, programme in shipped.items():
        whole = [rule for rule in programme.restrictions if not rule.sources and int(rule.begins) <= begins]
        if set(programme.sources) == {"attracted"}:
            assert whole, name
    relief = shipped["rent-relief", "rent_relief"].restrictions
    assert [(list(rule.sources), int(rule.begins)) for rule in relief] == [(["attracted"], begins)]
