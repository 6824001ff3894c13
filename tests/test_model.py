"""Claims about the simulated world: addressing, accounts, threads, what a policy leaves untouched."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sim.ensemble import Worlds, simulate, simulate_samples
from sim.errors import UserError
from sim.model import draws
from sim.model.layout import FIXED
from sim.model.report import M
from sim.model.rows import Rows
from sim.model.rules import lower
from sim.model.world import Count, FundKind
from sim.quantities import parse_quarter
from sim.scenario import load_scenario

XIAN = Path("scenarios/xian.toml")
SMALL = [
    "firms.initial.count=700",
    "firms.entry.organic.per_year=160",
    "firms.entry.incubator.per_year=20",
    "ladders.certificates.levels.hte.initial=200",
    "ladders.certificates.levels.sme.initial=100",
    "ladders.listing.levels.listed.initial=6",
    'zone.end="2024Q4"',
]


@pytest.fixture(scope="module")
def small():
    return load_scenario(XIAN, SMALL)


@pytest.fixture(scope="module")
def result(small):
    return simulate(small, replications=6, seed=3, threads=2, events=6)


def test_fixed_metrics_stand_in_the_kernels_order():
    assert len(FIXED) == M.SIZE
    assert FIXED[M.UNICORNS][0] == "valuation.unicorns"
    assert FIXED[M.NET_COST_PV][0] == "public.net_cost_pv"
    assert FIXED[M.EXIT_PROCEEDS][0] == "exits.proceeds"


def test_same_result_with_one_or_many_threads(small, result):
    again = simulate(small, replications=6, seed=3, threads=1, events=6)
    assert np.array_equal(result.values, again.values, equal_nan=True)
    assert result.samples["rounds"]["post_money"].tolist() == again.samples["rounds"]["post_money"].tolist()


def test_one_more_replication_changes_no_earlier_one(small, result):
    more = simulate(small, replications=7, seed=3, threads=2, events=0)
    assert np.array_equal(more.values[:, :6], result.values, equal_nan=True)


def test_a_longer_horizon_changes_no_earlier_quarter(small, result):
    longer = simulate(load_scenario(XIAN, [*SMALL[:-1], 'zone.end="2026Q4"']), replications=6, seed=3, events=0)
    n = result.values.shape[2]
    assert np.array_equal(longer.values[:, :, :n], result.values, equal_nan=True)


def test_any_one_replication_can_be_replayed_alone(small, result):
    rows = Rows(3, np.array([4]))
    world = Worlds(small, lower(small, rows), 3).live(0, 4)
    assert np.array_equal(world.metrics, result.values[:, 4], equal_nan=True)


def test_firms_of_the_start_do_not_all_go_raising_in_the_first_quarter(result):
    """They have been trying since they were founded: the first quarter closes no multiple of later ones' rounds."""
    rounds = result["rounds.count.total"].sum(axis=0)
    later = rounds[5:13].mean()
    assert 0.4 * later < rounds[1] < 2.5 * later


@pytest.mark.parametrize("least", [1, 40])
@pytest.mark.parametrize("table", ["firms", "ventures", "holdings", "funds"])
def test_a_world_that_outgrows_a_table_is_lived_again_with_more_room_and_is_the_same(small, result, table, least):
    worlds = Worlds(small, lower(small, Rows(3, np.arange(1))), 3, audit=True)
    worlds.room = worlds.room._replace(**{table: least})
    world = worlds.live(0, 0)
    assert getattr(worlds.room, table) > least
    assert np.array_equal(world.metrics, result.values[:, 0], equal_nan=True)


def test_another_seed_is_another_world(small, result):
    other = simulate(small, replications=6, seed=4, events=0)
    assert not np.array_equal(other["firms.alive"], result["firms.alive"])


def test_samples_of_a_sweep_meet_the_same_draws(small, result):
    path = "guidance.asks"
    out = simulate_samples(
        small,
        {path: np.array([0.68, 0.4])},
        6,
        3,
        metrics=["firms.entered", "funds.subfunds.size"],
        quarters=["2023Q4"],
    )
    at = result.quarters.index("2023Q4")
    assert np.array_equal(
        out[0, :, :, 0].T, np.stack([result["firms.entered"][:, at], result["funds.subfunds.size"][:, at]])
    )
    assert np.array_equal(out[0, :, 0], out[1, :, 0])
    assert not np.array_equal(out[0, :, 1], out[1, :, 1])


def test_changing_the_guidance_fund_leaves_entrants_market_and_park_unchanged(small, result):
    without = simulate(load_scenario(XIAN, [*SMALL, "funds.guidance.size=0"]), replications=6, seed=3, events=0)
    for metric in ("firms.entered", "market.multiple", "market.regime", "funds.park.size", "firms.incubator.alive"):
        same = result[metric] == without[metric]
        assert same.mean() > (0.999 if metric != "firms.incubator.alive" else 0.5)
    assert np.nanmax(without["funds.subfunds.size"]) == 0.0


@pytest.mark.parametrize(
    "path", sorted(Path("scenarios").rglob("xian*.toml")) + sorted(Path("scenarios/xian").glob("*.toml"))
)
def test_the_accounts_close_in_every_quarter(path):
    audited = simulate(load_scenario(path, SMALL[:-1]), replications=3, seed=11, events=0, audit=True)
    assert audited.manifest["audit"]["worst_relative_residual"] < 1e-9


def test_an_audit_that_is_broken_on_purpose_is_noticed(small):
    from sim.accounts import audit_world

    world = Worlds(small, lower(small, Rows(3, np.array([0]))), 3).live(0, 0)
    w, rules = world, Worlds(small, lower(small, Rows(3, np.array([0]))), 3).rules[0]
    funds = next(f for f in range(w.tally.counts[5]) if w.funds.called[f] > 0)
    w.funds.fees[funds] += 1e6
    audit_world(rules, w.firms, w.ventures, w.holdings, w.funds, w.commitments, w.ladder, w.tally)
    assert w.tally.money[18] > 1e-9
    assert w.tally.counts[30] == 1


def test_firms_that_prepare_a_listing_take_investors_in_at_their_own_stage_and_price():
    pipeline = [f"ladders.listing.levels.{name}.initial=40" for name in ("tutoring", "in_review", "approved")]
    odds = "ladders.listing.levels.tutoring.opens_capital"

    def share(value):
        found = simulate(load_scenario(XIAN, [*SMALL, *pipeline, f"{odds}={value}"]), 4, 3, events=4, audit=True)
        listed = found["ladder.listing.listed.entered"][:, -1].sum()
        return found["firms.listed_backed"][:, -1].sum() / listed, found.samples["rounds"]

    none, _ = share(0)
    all_, rounds = share(1)
    assert all_ > none + 0.25
    late = np.isin(rounds["stage"], ("c", "d", "pre_ipo")) & (rounds["round"] == 1)
    assert late.any()  # others begin at B at the latest
    assert (rounds["post_money"][late] > 5e8).all()


def test_sales_grow_into_the_price_that_investors_pay():
    """Among firms with a price the value of one that lives on its sales goes to what they are worth, and sales of one
    that spends go to its value."""

    def firms_of(part):
        scenario = load_scenario("scenarios/xian.toml", ['zone.end="2026Q4"', f"rounds.grows_into={part}"])
        rules = lower(scenario, Rows(1, np.arange(1), None))
        world = Worlds(scenario, rules, 1).live(0, 0)
        v, firms = world.ventures, world.firms
        there = np.flatnonzero(v.alive[: world.tally.counts[Count.VENTURE_SLOTS]])
        there = there[(v.stage[there] > 0) & (v.listed[there] == 0) & (v.named[there] < 0)]
        slots = v.firm[there]
        worth = firms.log_revenue[slots] + rules.rounds.price_to_sales_log[0][firms.sector[slots]]
        return v.log_value[there] - worth, v.burn[there] > 0.0

    apart, spends = firms_of(0.0)
    near, spends_near = firms_of(0.6)
    assert np.quantile(near[spends_near], 0.9) < 0.5 * np.quantile(apart[spends], 0.9)
    assert np.std(near[~spends_near]) < 0.5 * np.std(apart[~spends])
    assert np.median(np.abs(near[~spends_near])) < 0.7


def test_funds_place_their_first_investments_by_plan():
    """A fund that began a deal behind its plan is ahead of it by no more than one firm's most; without a plan some
    funds spend all at once."""

    def ahead(part):
        scenario = load_scenario(XIAN, ['zone.end="2021Q2"', f"rounds.deploys_over={part}"])
        world = Worlds(scenario, lower(scenario, Rows(1, np.arange(1), None)), 1).live(0, 0)
        f, n = world.funds, world.tally.counts[Count.FUNDS]
        begins = f.places_from[:n]
        places = (begins <= 6) & (begins < f.invests_until[:n]) & (f.invests_until[:n] > 6)
        funds = np.flatnonzero((f.kind[:n] == FundKind.MARKET) & (f.ended[:n] == 0) & places)
        assert funds.size > 50
        invests = f.commitment[funds] / f.load[funds] * f.local_share[funds]
        room = invests + (f.recycled - f.followed - f.kept)[funds]  # what may go into first investments
        elapsed = world.market.placing[6] - np.where(
            begins > 0, world.market.placing[np.clip(begins - 1, 0, 6)], begins
        )
        plan = room * elapsed[funds] / (f.invests_until[funds] - begins[funds])
        over = (f.invested - f.followed)[funds] - plan
        return (over / f.commitment[funds]).max(), scenario.rounds.concentration.value

    most, one_firm = ahead(1.0)
    assert 0.0 < most <= one_firm + 1e-9
    assert ahead(0.0)[0] > 0.25


def test_the_first_quarter_is_no_rush_of_rounds():
    """Funds of the start have placed a first cheque before it; without a plan nobody waits."""
    scenario = load_scenario(XIAN, ['zone.end="2020Q4"'])
    rounds = simulate(scenario, 12, 1, events=0)["rounds.count.total"].mean(axis=0)
    assert 0.65 < rounds[1] / rounds[2] < 1.15  # the market is normal in both, hot after
    eager = load_scenario(XIAN, ['zone.end="2020Q1"', "rounds.deploys_over=0"])
    world = Worlds(eager, lower(eager, Rows(1, np.arange(1), None)), 1).live(0, 0)
    market = world.funds.kind[: world.tally.counts[Count.FUNDS]] == FundKind.MARKET
    assert world.funds.places_from[: market.size][market].max() == 1


def test_the_first_year_has_not_half_again_the_rounds_of_the_third():
    found = simulate(load_scenario(XIAN, ['zone.end="2022Q4"']), 4, 1, events=0)["rounds.count.total"].mean(axis=0)
    assert found[1:5].sum() < 1.5 * found[9:13].sum()


def test_a_promise_that_hurries_nobody_changes_nothing():
    names = ("reserve", "tutoring")
    alike = [f"ladders.listing.levels.{name}.{key}=0.2" for name in names for key in ("apply", "promised")]
    alike += [f"ladders.listing.levels.abroad.{key}=0.02" for key in ("apply", "promised")]
    scenario = load_scenario(XIAN, [*SMALL, *alike])
    told, untold = (lower(scenario, Rows(3, np.array([0]))) for _ in range(2))
    untold.ladders.promised[:] = -1.0
    a, b = (Worlds(scenario, rules, 3).live(0, 0).metrics.copy() for rules in (told, untold))
    assert np.array_equal(a, b, equal_nan=True)


def test_firms_that_owe_their_investors_a_listing_prepare_it_sooner():
    def prepared(value):
        sets = [f"ladders.listing.levels.{name}.promised={value}" for name in ("reserve", "tutoring")]
        found = simulate(load_scenario(XIAN, [*SMALL, *sets]), 6, 3, events=0, audit=True)
        return sum(found[f"ladder.listing.{name}.entered"][:, -1].mean() for name in ("reserve", "tutoring"))

    assert prepared(1.0) > 1.2 * prepared(0.01)


def test_a_firm_is_listed_at_home_or_abroad_and_counts_as_listed_in_both():
    everybody = ["ladders.listing.levels.abroad.apply=0.3", "ladders.listing.levels.abroad.promised=1"]
    found = simulate(load_scenario(XIAN, [*SMALL, *everybody]), 4, 3, events=4, audit=True)
    levels, exits = found.samples["levels"], found.samples["exits"]
    went = (levels["level"] == "listing.abroad") & (levels["what"] == 1)
    assert went.sum() > 10
    there = set(zip(levels["replication"][went], levels["firm"][went], strict=True))
    at_home = (levels["level"] == "listing.listed") & (levels["what"] == 1)
    assert not there & set(zip(levels["replication"][at_home], levels["firm"][at_home], strict=True))
    listed = exits["way"] == "listing"
    assert there <= set(zip(exits["replication"][listed], exits["firm"][listed], strict=True))


@pytest.mark.parametrize(("worlds", "end"), [(1, "2021Q2"), pytest.param(4, "2022Q2", marks=pytest.mark.slow)])
def test_bounds_are_never_exceeded_and_interpreted_agrees_with_compiled(tmp_path, worlds, end, monkeypatch):
    """A small world, run by plain Python and by the compiled kernel: events and integers exactly, floats to 1e-9."""
    code = """
import sys, numpy as np
from sim.scenario import load_scenario
from sim.ensemble import simulate
sets = ["firms.initial.count=60", "firms.entry.organic.per_year=20", "firms.entry.incubator.per_year=4",
        "ladders.certificates.levels.hte.initial=20", "ladders.certificates.levels.sme.initial=10",
        "ladders.listing.levels.listed.initial=2", "ladders.listing.levels.reserve.initial=3",
        "ladders.listing.levels.reserve_provincial.initial=3", "ladders.certificates.levels.srdi.initial=5",
        "funds.market_early.count=6", "funds.market_growth.count=4",
        f'zone.end="{sys.argv[3]}"', 'zone.today="2020Q4"', "facts=[]"]
n = int(sys.argv[2])
r = simulate(load_scenario("scenarios/xian.toml", sets), replications=n, seed=5, threads=1, events=n, audit=True)
np.savez(sys.argv[1], values=r.values, post=r.samples["rounds"]["post_money"], firms=r.samples["rounds"]["firm"])
"""
    plain, here = (str(tmp_path / f"{mode}.npz") for mode in ("interpreted", "compiled"))
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, plain, str(worlds), end], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    monkeypatch.setattr(sys, "argv", ["", here, str(worlds), end])
    exec(code, {})  # in this process, whose kernel is compiled
    a, b = np.load(plain), np.load(here)
    assert a["firms"].tolist() == b["firms"].tolist()
    assert np.allclose(a["values"], b["values"], rtol=1e-9, equal_nan=True)
    assert np.allclose(a["post"], b["post"], rtol=1e-9)
    assert len(a["post"]) > 0


def test_uniforms_are_uniform_and_addresses_independent():
    key = draws.key_of(1, 0)
    u = np.array([draws.uniform(key, i, 4, 7, draws.Purpose.VENTURE_QUARTER) for i in range(8_000)])
    assert abs(u.mean() - 0.5) < 4 / np.sqrt(12 * len(u))
    assert abs(np.histogram(u, 20, (0, 1))[0] - 400).max() < 5 * np.sqrt(400)
    v = np.array([draws.uniform(key, i, 4, 8, draws.Purpose.VENTURE_QUARTER) for i in range(8_000)])
    assert abs(np.corrcoef(u, v)[0, 1]) < 4 / np.sqrt(len(u))


def test_philox_gives_the_known_answers_of_its_authors():
    zero = draws.philox(*(np.uint64(0) for _ in range(6)))
    assert [int(x) for x in zero] == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    ones = draws.philox(*(np.uint64(0xFFFFFFFF) for _ in range(6)))
    assert [int(x) for x in ones] == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]


def test_our_log_exp_and_normal_are_accurate():
    from scipy.special import ndtri

    from sim.model.rows import normal_quantile

    x = np.exp(np.linspace(-40, 40, 4001))
    assert max(abs(draws.log(v) - np.log(v)) / max(1.0, abs(np.log(v))) for v in x) < 1e-12
    assert max(abs(draws.exp(v) / np.exp(v) - 1) for v in np.linspace(-300, 300, 4001)) < 1e-12
    u = np.linspace(1e-6, 1 - 1e-6, 4001)
    assert max(abs(draws.normal(v) - ndtri(v)) for v in u) < 2e-6
    far = np.array([1e-16, 1e-12, 0.075, 0.0751, 0.925, 1.0 - 1e-15, *u])
    assert np.allclose(normal_quantile(far), ndtri(far), rtol=1e-14, atol=1e-15)
    assert max(abs(draws.exp_short(v) / np.exp(v) - 1) for v in np.linspace(-300, 300, 4001)) < 3e-9
    assert draws.exp_short(0.0) == 1.0
    ends, spread = np.arange(1000), np.arange(10_739, 2**32, 21_479)
    word = np.concatenate([ends, 2**31 - 500 + ends, 2**32 - 1 - ends, spread]).astype(np.uint32)
    u, drawn = (word + 0.5) / 2**32, np.empty(len(word), np.float32)
    draws.draw_normals(word, drawn)
    assert np.abs(drawn - ndtri(u)).max() < 2e-6
    draws.draw_laplace(word, drawn)
    exact = np.where(u > 0.5, -1.0, 1.0) * np.log(2.0 * np.minimum(u, 1.0 - u))
    assert np.abs(drawn - exact).max() < 2e-6  # one bit of 22, which is as far out as a word reaches
    sample = drawn[3000:].astype(float)
    assert sample.var() == pytest.approx(2.0, rel=1e-3)
    assert np.mean(np.abs(sample) > 2) == pytest.approx(np.exp(-2), rel=1e-3)


def test_poisson_has_its_mean_and_variance_on_both_branches():
    u = (np.arange(50_000) + 0.5) / 50_000
    for mean in (0.7, 12.0, 29.9, 30.1, 550.0):
        k = np.array([draws.poisson(x, mean) for x in u])
        assert k.mean() == pytest.approx(mean, rel=0.005)
        assert k.var() == pytest.approx(mean, rel=0.03)


def test_no_rule_is_hidden_behind_a_method_of_numpys_records():
    from sim.model import rules

    for room in vars(rules).values():
        if hasattr(room, "_fields"):
            assert not set(room._fields) & set(dir(np.record))


@pytest.mark.parametrize("count", ["1e6", "1e12"])
def test_more_funds_than_a_world_could_look_at_are_refused(count):
    scenario = load_scenario("scenarios/xian.toml", [f"funds.market_growth.count={count}"])
    with pytest.raises(UserError, match="too many funds"):
        simulate(scenario, 1)


@pytest.mark.parametrize("age", ["attraction.initial_years", "attraction.age", "firms.initial.age"])
def test_accounts_close_where_firms_are_said_to_be_older_than_any_can_be(age):
    simulate(load_scenario(XIAN, [*SMALL, 'zone.end="2020Q4"', f"{age}=1e40"]), 2, 1, threads=1, audit=True)


def test_how_far_a_firm_has_come_does_not_hang_on_the_market_of_the_day(monkeypatch: pytest.MonkeyPatch):
    """A firm goes for its next round, and for the next stage, by its latent value; a hot market makes that dearer."""
    from types import SimpleNamespace

    from sim.model.rounds import kernel
    from sim.model.rounds.kernel import next_stage, wants_round
    from sim.model.world import Stage

    monkeypatch.setattr(kernel, "carries_itself", getattr(kernel.carries_itself, "py_func", kernel.carries_itself))
    wants_round, next_stage = (getattr(f, "py_func", f) for f in (wants_round, next_stage))
    rules = SimpleNamespace(
        patience=8, retry=2, short_runway=4.0, least_gap=3, closed_levels=0b100,
        stage_floor=np.array([0.0, 1.0, 2, 4, 8, 16, 32, 64]) * 1e7,
    )  # fmt: skip
    firms = SimpleNamespace(profit_last=[0.0], held=[0b011])
    before, gain = 3, np.log(2.0)  # the quarter of the last round; the step-up it waits for
    ventures = SimpleNamespace(
        listed=[0], classes=[1], fails=[0], rounds=[1], last_round=[before], cash=[100.0], burn=[1.0], goal=[gain],
        last_post=[5e7], log_value=[0.0], stage=[np.int64(Stage.A)], firm=[0],
    )  # fmt: skip
    for paid_at in (-0.3, 0.0, 0.3):  # the market at that round; what it paid for was a firm worth so much less or more
        latent = np.log(5e7) - paid_at
        for today in (-0.5, 0.0, 0.5):
            path = np.array([0.0, 0.0, 0.0, paid_at, 0.0, 0.0, 0.0, 0.0, today])
            for come, wants in ((gain - 0.01, False), (gain + 0.01, True)):
                ventures.log_value[0] = latent + come
                assert bool(wants_round(rules, firms, ventures, 0, path, 8)) is wants
    assert next_stage(rules, ventures, 0, 8.1e7, Stage.B) == Stage.B
    assert next_stage(rules, ventures, 0, 7.9e7, Stage.B) == Stage.A
    for profit, stage, cash, come, wants in (  # burns one a quarter; what is left lasts for less than short_runway
        (3.9, Stage.A, 1.0, 0.0, True),
        (4.1, Stage.A, 1.0, 0.0, False),  # it carries itself: short of nothing,
        (4.1, Stage.A, 1.0, gain + 0.01, True),  # but open to a round on a step-up,
        (4.1, Stage.PRE_IPO, 1.0, gain + 0.01, False),  # until its last before a listing
        (3.9, Stage.PRE_IPO, 1.0, gain + 0.01, True),
    ):
        firms.profit_last[0], ventures.stage[0], ventures.cash[0] = profit, np.int64(stage), cash
        ventures.log_value[0] = np.log(5e7) + come
        assert bool(wants_round(rules, firms, ventures, 0, np.zeros(9), 8)) is wants
    firms.held[0] = 0b111  # its application is under review
    assert not wants_round(rules, firms, ventures, 0, np.zeros(9), 8)


@pytest.mark.parametrize("closed", [True, False])
def test_no_round_closes_while_a_listing_is_under_review(closed: bool):
    """What is not so with the rule off."""
    more = (
        [] if closed else [f"ladders.listing.levels.{x}.closed_to_investors=false" for x in ("in_review", "approved")]
    )
    scenario = load_scenario(XIAN, ['zone.end="2025Q4"', *more])
    samples = simulate(scenario, replications=2, seed=1, threads=1, events=2).samples
    spells: dict[tuple[int, str], list[tuple[int, int]]] = {}
    for r, quarter, firm, level, what in zip(*samples["levels"].values(), strict=True):
        if level in ("listing.in_review", "listing.approved") and what in (1, -1):
            spells.setdefault((r, firm), []).append((parse_quarter(quarter), what))
    within = 0
    log = samples["rounds"]
    for r, quarter, firm in zip(log["replication"], log["quarter"], log["firm"], strict=True):
        now, state = parse_quarter(quarter), 0
        for when, what in spells.get((r, firm), []):
            state = what if when < now else state
        within += state == 1
    assert len(spells) > 10 and (within == 0) == closed


@pytest.mark.parametrize("start", ["2018Q4", "2019Q1", "2019Q2", "2019Q3"])
def test_the_first_accounts_of_a_run_stand_for_one_year(start):
    """Firms that neither grow nor close file the same revenue each year, whichever quarter the run begins with."""
    still = [f'zone.start="{start}"', 'zone.today="2020Q4"', 'zone.end="2020Q4"', "firms.initial.count=700"]
    for source in ("organic", "incubator"):
        still += [f"firms.entry.{source}.per_year=0", f"firms.entry.{source}.venture_share=0"]
    for growth in ("young=0", "mature=0", "market_loading=0", "certified=0", "spread=1e-9", "spread_least=0"):
        still.append(f"firms.growth.{growth}")
    still.append("firms.growth.spread_most=1e-9")
    scenario = load_scenario(Path("scenarios/china.toml"), still)
    worlds = Worlds(scenario, lower(scenario, Rows(1, np.arange(1), None)), 1)
    firms = worlds.live(0, 0).firms
    alive = (firms.alive == 1) & (firms.venture < 0)
    assert alive.sum() > 300
    last, before = firms.revenue_last[alive], firms.revenue_before[alive]
    assert np.allclose(last, before, rtol=1e-6)


def test_a_firm_that_has_gained_is_likelier_to_have_an_offer():
    """Odds of a sale in proportion to the gain since the last round; where the slope is zero all are alike."""
    from sim.model.exits.kernel import flag_ending, weigh_gains

    n, u = 3, np.array([0.02])
    gains, post = np.log([0.5, 1.0, 4.0]), np.full(3, 1e8)
    word = np.full(n, int(u[0] * 2**32), np.uint32)
    same = {"alive": np.ones(n, np.uint8), "listed": np.zeros(n, np.uint8), "stage": np.full(n, 3, np.int32)}
    cash, last, hazard = np.ones(n), np.zeros(n, np.int32), np.array([0.0, 0.0, 0.0, 0.01])
    against, flags = np.empty(n), np.empty(n, np.uint8)
    # the draw is .02; odds are .01, then .005, .01 and .039
    for slope, offered in ((0.0, [0, 0, 0]), (1.0, [0, 0, 1])):
        weigh_gains(np.log(post) + gains - 0.3, post, 0.3, slope, against)
        assert np.allclose(against, np.exp(-slope * gains))
        flag_ending(*same.values(), cash, last, word, hazard, 1.0, against, 5, flags)
        assert flags.tolist() == offered


def test_a_value_before_the_start_walks_by_the_stage_it_had_reached(monkeypatch: pytest.MonkeyPatch):
    """Over many firms: as many years as the firm is old, by the drift and spread of the stage, with a floor at a loss
    of one in logs; a stage that does not move stops the walk there."""
    from types import SimpleNamespace

    from sim.model import population
    from sim.model.population import age_value
    from sim.model.world import Stage

    monkeypatch.setattr(
        population, "stage_reached", getattr(population.stage_reached, "py_func", population.stage_reached)
    )
    drift, spread = np.zeros(8), np.zeros(8)
    drift[Stage.ANGEL], spread[Stage.ANGEL] = 0.25 * 0.4, 0.5 * 0.2
    floors = np.log([1.0, 1.0, 1.0, 1e8, 1e12, 1e13, 1e14, 1e15])
    rules = SimpleNamespace(value_drift=drift, value_volatility=spread, stage_floor_log=floors)
    walk = getattr(age_value, "py_func", age_value)
    key, ventures, out = draws.key_of(1, 0), SimpleNamespace(log_value=[0.0]), []
    for k in range(400):
        ventures.log_value[0] = np.log(1e6)
        walk(key, rules, ventures, 0, k, 3, 2.5)
        out.append(ventures.log_value[0] - np.log(1e6))
    assert np.mean(out) == pytest.approx(0.4 * 2.5, abs=0.05) and min(out) > -1.0
    assert np.std(out) == pytest.approx(0.2 * np.sqrt(2.5), rel=0.1)
    ventures.log_value[0] = np.log(2e8)  # an A firm's price, and A stands still
    walk(key, rules, ventures, 0, 7, 3, 9.0)
    assert ventures.log_value[0] == np.log(2e8)


def test_a_value_moves_by_the_stage_whose_price_it_has_reached():
    """Not down: a firm with a B round that is worth less moves as firms with B rounds do."""
    from types import SimpleNamespace

    from sim.model.rounds.kernel import step_values
    from sim.model.world import Stage

    floor = np.array([0.0, 1.0, 2, 4, 8, 16, 32, 64]) * 1e7
    rules = SimpleNamespace(
        value_drift=np.zeros(8), value_volatility=np.arange(1.0, 9.0) / 10, listed_drift=0.0, listed_volatility=0.05,
        stage_floor_log=np.log(np.maximum(floor, 1.0)),
    )  # fmt: skip
    stage = np.array([Stage.NONE, Stage.ANGEL, Stage.ANGEL, Stage.ANGEL, Stage.B, Stage.PRE_IPO, Stage.A])
    worth = np.array([3e7, 3e7, 4.1e7, 8.1e7, 1e7, 1e9, 1e9])
    listed = np.array([0, 0, 0, 0, 0, 0, 1])
    after = np.log(worth)
    getattr(step_values, "py_func", step_values)(rules, listed, stage, np.ones(7), after)
    assert after - np.log(worth) == pytest.approx([0.1, 0.2, 0.4, 0.5, 0.5, 0.8, 0.05])


def test_a_hot_market_places_more_money_sooner_and_a_cold_one_less():
    def rounds(regime, *more):
        spell = f'market.history=[{{begins="2019Q4",until="2025Q1",regime="{regime}"}}]'
        found = simulate(
            load_scenario(XIAN, ['zone.end="2024Q4"', spell, *more]), 8, 3, events=0
        )  # a small zone is noisy
        return found["rounds.count.total"][:, 4:13].sum(axis=1).mean()

    cold, normal, hot = (rounds(regime) for regime in ("cold", "normal", "hot"))
    assert cold < 0.93 * normal < normal < hot
    by_calendar = [rounds(regime, "market.pace.cold=1", "market.pace.hot=1") for regime in ("cold", "hot")]
    assert np.log(hot / cold) > np.log(by_calendar[1] / by_calendar[0]) + 0.15


LATER = """extends = "{base}"

[[funds]]
id = "early_again"
name = "another early fund"
kind = "market"
count = 40
size = "2亿"
every = "2y"
opens = "2023Q1"
invests = "4y"
life = "8y"
fee = "2%"
fee_after = "1%"
hurdle = 0.08
carry = 0.2
catch_up = 1.0
local = 1.0
stages = ["angel", "seed", "a"]
follow_on = 0.3

[[funds]]
id = "second"
name = "sub-funds of a class that nobody proposes"
kind = "sub-fund"
parent = "guidance"
mandate = "industry"
count = 4
plan = 0
opens = "2023Q1"
opens_until = "2024Q1"
invests = "5y"
life = "9y"
fee = "2%"
fee_after = "1%"
hurdle = 0.08
carry = 0.2
catch_up = 1.0
local = 0.5
stages = ["b", "c"]
follow_on = 0.3
"""


def test_a_fund_that_opens_later_changes_nothing_before(tmp_path, result):
    """Draws are addressed by names, so one class more moves nobody else's; nor is it counted before it opens."""
    path = tmp_path / "later.toml"
    path.write_text(LATER.format(base=XIAN.resolve().as_posix()), encoding="utf-8")
    later = simulate(load_scenario(path, SMALL), replications=6, seed=3, events=0)
    opens = result.quarters.index("2023Q1")
    for metric in result.metrics:
        if metric.name in later:
            before, with_it = result[metric.name][:, :opens], later[metric.name][:, :opens]
            assert np.array_equal(before, with_it, equal_nan=True), metric.name
    assert later["rounds.count.total"][:, opens + 1 :].sum() > result["rounds.count.total"][:, opens + 1 :].sum()
    assert np.all(later["funds.early_again.size"][:, :opens] == 0.0) and np.all(
        later["funds.early_again.size"][:, -1] > 0
    )


def test_a_sold_firm_raises_no_more_and_is_never_listed():
    found = simulate(load_scenario(XIAN, [*SMALL, 'zone.end="2033Q4"']), 8, 3, events=8).samples
    exits, rounds, levels = found["exits"], found["rounds"], found["levels"]
    sold = {}
    for k in np.flatnonzero(exits["way"] == "sale"):
        sold[exits["replication"][k], exits["firm"][k]] = exits["quarter"][k]
    assert len(sold) > 50
    keys = list(zip(rounds["replication"], rounds["firm"], rounds["quarter"], strict=True))
    assert not [key for key in keys if key[:2] in sold and key[2] >= sold[key[:2]]]
    later = [
        str(level)
        for r, firm, quarter, level in zip(
            levels["replication"], levels["firm"], levels["quarter"], levels["level"], strict=True
        )
        if quarter > sold.get((r, firm), "9999")
    ]
    assert later and not [level for level in later if level.startswith("listing.")]


@pytest.fixture(scope="module")
def hot_start():
    scenario = load_scenario(XIAN, ["market.start_private=0.3", "market.start_multiple=0.3", 'zone.end="2020Q1"'])
    return scenario, Worlds(scenario, lower(scenario, Rows(3, np.arange(1), None)), 3).live(0, 0)


def test_no_firm_of_the_start_has_come_farther_than_the_step_up_it_waits_for(hot_start):
    """Whatever the market of the start: its last round is priced at that market too."""
    _, world = hot_start
    v, n = world.ventures, world.tally.counts[Count.VENTURE_SLOTS]
    at_start = (v.alive[:n] != 0) & (v.rounds[:n] > 0) & (v.last_round[:n] < 0) & (v.named[:n] < 0)
    assert at_start.sum() > 100
    come = v.log_value[:n] - np.log(np.maximum(v.last_post[:n], 1.0)) + world.market.private[0]
    moved = 0.35  # what a value moves in the one quarter that was lived
    assert np.mean(come[at_start] > v.goal[:n][at_start] + moved) < 0.05


def test_rounds_of_the_start_have_the_stage_of_their_price_and_rights_of_their_date(hot_start):
    scenario, world = hot_start
    rules = lower(scenario, Rows(3, np.arange(1), None)).rounds
    floor, factor = rules.stage_floor[0], rules.history_factor[0]
    v, n = world.ventures, world.tally.counts[Count.VENTURE_SLOTS]
    at_start = np.flatnonzero((v.alive[:n] != 0) & (v.rounds[:n] > 1) & (v.last_round[:n] < 0) & (v.named[:n] < 0))
    at_start = at_start[v.rounds[at_start] == v.stage[at_start]]  # founded here: those that moved in have one round
    latent = v.last_post[at_start] / np.exp(world.market.private[0])
    assert at_start.size > 50
    assert np.all(latent >= factor * floor[v.stage[at_start]] * (1.0 - 1e-9))
    due = v.class_redemption[at_start, 0]
    term = int(4 * rules.redemption_years[0])
    given = due >= 0
    assert given.any() and np.array_equal(due[given], np.maximum(0, v.last_round[at_start][given] + term))


def test_most_listed_firms_of_the_start_meet_what_led_to_a_listing(hot_start):
    """Tutoring asks for 2亿 of revenue and a profit, or 12亿 of value; where too few do, the largest of the rest stand
    there, and none without filed accounts."""
    scenario, world = hot_start
    rules = lower(scenario, Rows(3, np.arange(1), None)).ladders
    f, n = world.firms, world.tally.counts[Count.FIRM_SLOTS]
    listed = np.flatnonzero((f.alive[:n] != 0) & (f.held[:n] & int(rules.listing[0]) != 0))
    big = (f.revenue_last[listed] >= 2e8) | (f.value_last[listed] >= 12e8)
    assert listed.size > 20 and big.mean() > 0.5
    assert (f.revenue_last[listed] > 0.0).all()


def test_awards_of_the_start_do_not_use_up_the_firms_that_grew():
    """They were won in earlier years. Asked to have grown in the year of the accounts at hand, all that held 小巨人 at
    the start had, and few were left for the first batch of a run."""
    scenario = load_scenario(XIAN, ["ladders.certificates.levels.giant.initial=30", 'zone.end="2020Q1"'])
    world = Worlds(scenario, lower(scenario, Rows(3, np.arange(1), None)), 3).live(0, 0)
    names = [f"{a}.{b}" for a, ladder in scenario.ladders.items() for b in ladder.levels]
    f, n = world.firms, world.tally.counts[Count.FIRM_SLOTS]
    held = (f.held[:n] >> names.index("certificates.giant")) & 1 == 1
    held &= (f.alive[:n] != 0) & (f.revenue_before[:n] > 0.0)
    grew = f.revenue_last[:n][held] >= 1.05 * f.revenue_before[:n][held]
    assert held.sum() > 20 and grew.mean() < 0.8
    assert (f.rd_share[:n][held] >= 0.03).all()  # all else is asked


def test_a_fund_without_carry_has_none_accrued(result):
    assert np.all(result["funds.direct.carry_accrued"] == 0.0) and np.all(result["funds.guidance.carry_accrued"] == 0.0)


def test_a_named_firm_waits_for_the_step_up_of_its_stage():
    scenario = load_scenario(XIAN, [*SMALL, "rounds.step_up_spread=0"])
    rules = lower(scenario, Rows(3, np.array([0])))
    world = Worlds(scenario, rules, 3).live(0, 0)
    n = world.tally.counts[Count.VENTURE_SLOTS]
    named = np.flatnonzero((world.ventures.alive[:n] != 0) & (world.ventures.named[:n] >= 0))
    assert named.size
    step_up = rules.rounds.step_up[0][world.ventures.stage[named]]
    assert world.ventures.goal[named] == pytest.approx(step_up)


def test_a_firm_whose_rounds_are_known_is_not_listed_at_the_start():
    """Eswin meets what a listing asks for; that it is not listed is known."""
    found = simulate(load_scenario(XIAN, ['zone.end="2020Q1"']), 60, 1, events=60).samples["exits"]
    listed = found["firm"][(found["way"] == "listing") & (found["quarter"] == "2019Q4")]
    assert listed.size > 1000 and not np.isin(listed, ["eswin", "tangjing"]).any()


@pytest.mark.parametrize(
    "path", ["funds.market_early.life", "rounds.short_runway", "exits.lock_up", "exits.out_of_cash.bridge_for"]
)
def test_a_duration_beyond_any_is_as_long_as_the_longest(path):
    free = [f"funds.market_early.{x}=0" for x in ("fee", "fee_after", "expenses")]  # else they take all in such a life
    rules = lower(load_scenario(XIAN, [f"{path}=1e308", *free]), Rows(1, np.arange(1)))
    assert rules.funds.life.max() <= 4e5 and rules.rounds.short_runway.max() <= 4e5


def test_where_a_run_ends_changes_no_quarter_of_it():
    """Short runs too: a fund that waits may begin beyond the end, where there is no market to read."""
    short, longer = (
        simulate(load_scenario(XIAN, [f'zone.end="{end}"']), 3, 1, events=0) for end in ("2020Q4", "2028Q4")
    )
    for metric in short.metrics:
        n = len(short.quarters)
        assert np.array_equal(short[metric.name], longer[metric.name][:, :n], equal_nan=True), metric.name
