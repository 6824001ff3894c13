"""Paired differences against theory: intervals that cover, prices, shares that sum, and what pairing gains."""

from __future__ import annotations

import math
import re
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.text import Text

from sim import load_scenario
from sim.analysis import compare as room
from sim.analysis.compare import (
    Comparison,
    Precision,
    Price,
    compare,
    of_one_zone,
    paired,
    ratio_of_means,
    taken_apart,
    unlike,
)
from sim.analysis.compare import run as compare_scenarios
from sim.analysis.stacking import REMOVED, changed, changes_in_words, differences, refuse_conflicts, stack
from sim.analysis.text import show
from sim.errors import UserError
from sim.model.metrics import Metric
from sim.result import Result

QUARTERS = ["2028Q3", "2028Q4"]
NAMES = {
    "firms.alive": "firms",
    "firms.listed": "firms",
    "jobs.total": "jobs",
    "public.net_cost_pv": "CNY",
    "firms.attracted.alive": "firms",
}


def made(values: np.ndarray, seed: int = 1) -> Result:
    """`values`: float64[metric, replication]; the first quarter holds half."""
    metrics = [Metric(name, unit, {"zh": name, "en": name}) for name, unit in list(NAMES.items())[: len(values)]]
    both = np.stack([values / 2, values], axis=-1)
    return Result(metrics, QUARTERS, both, manifest={"seed": seed, "replications": values.shape[1]})


def worlds(effect: float, replications: int = 200, seed: int = 1, own: float = 0.2) -> Result:
    """A large common part and a small part of the scenario's own, as common random numbers leave it."""
    draws = np.random.default_rng(seed)
    common = draws.normal(size=(5, replications))
    private = np.random.default_rng([seed, 1, round(effect * 1000)]).normal(size=(5, replications))
    base = np.array([7000, 100, 3e5, 1e9, 500])[:, None]
    return made(base * (1 + 0.1 * common + 0.1 * own * private + effect * np.array([1, 2, 1, 3, -1])[:, None]))


def compared(effect: float = 0.05, **more: object) -> Comparison:
    return compare({"base": worlds(0.0), "policy": worlds(effect)}, **more)  # type: ignore[arg-type]


def test_difference_is_the_mean_of_the_paired_differences() -> None:
    c = compared()
    a, b = worlds(0.05), worlds(0.0)
    d = c.of("policy")
    k, j = c.row("jobs.total"), c.column("2028Q4")
    pairs = a["jobs.total"][:, j] - b["jobs.total"][:, j]
    assert d.mean[k, j] == pytest.approx(pairs.mean())
    assert d.p50[k, j] == pytest.approx(np.median(pairs))
    assert d.p_more[k, j] == pytest.approx((pairs > 0).mean())
    assert not d.noise[k, j]


@pytest.mark.parametrize("interval", ["t", "bootstrap"])
def test_interval_covers_the_true_difference_as_often_as_it_says(interval: str) -> None:
    inside = 0
    for seed in range(200):
        draws = np.random.default_rng(seed)
        b = draws.normal(size=(1, 50, 1))
        a = b + 0.3 + 0.5 * draws.standard_normal((1, 50, 1))
        d = paired("a", a, b, interval, seed)
        inside += bool(d.low[0, 0] <= 0.3 <= d.high[0, 0])
    assert inside >= 181  # 190 ± three standard errors of 3.1


def test_replications_needed_give_the_stated_precision() -> None:
    draws = np.random.default_rng(3)
    d = paired("a", 1 + 2 * draws.standard_normal((1, 400, 1)), np.zeros((1, 400, 1)))
    more = round(float(d.needed[0, 0]))
    again = paired("a", 1 + 2 * draws.standard_normal((1, more, 1)), np.zeros((1, more, 1)))
    assert (again.high - again.mean)[0, 0] == pytest.approx(0.1 * d.mean[0, 0], rel=0.1)


def test_stated_precision_sets_the_replications_needed() -> None:
    whole = compared()
    half = compare(
        {"base": worlds(0.0), "policy": worlds(0.05)},
        precision=Precision.parse(["5%", "jobs.total=1000"], {m.name: m for m in whole.metrics}),
    )
    k, jobs, j = whole.row("firms.alive"), whole.row("jobs.total"), whole.column("2028Q4")
    d, finer = whole.of("policy"), half.of("policy")
    assert finer.needed[k, j] == pytest.approx(4 * d.needed[k, j], rel=0.1)
    reach = (d.high - d.mean)[jobs, j]
    assert finer.needed[jobs, j] == pytest.approx(200 * (reach / 1000) ** 2, rel=0.05)
    assert "±5%" in half.table("en") and "±1,000" in half.table("en")


@pytest.mark.parametrize("text", ["0", "-5%", "150%", "much", "jobs.totl=5", "jobs.total=0", "jobs.total="])
def test_precision_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"not a precision|did you mean jobs\.total"):
        Precision.parse([text], {"jobs.total": None})


def test_a_precision_in_money_without_a_unit_is_asked_for_it() -> None:
    known = {m.name: m for m in compared().metrics}
    with pytest.raises(UserError, match=r"public\.net_cost_pv: 5 without a unit is in yuan"):
        Precision.parse(["public.net_cost_pv=5"], known)
    assert Precision.parse(["public.net_cost_pv=5亿"], known).amounts == {"public.net_cost_pv": 5e8}


def test_further_runs_are_those_not_yet_made() -> None:
    text = compared().table("en")
    assert "further worlds" in text and "enough" in text


def test_pairing_gain_is_what_independent_seeds_cost() -> None:
    """Measured both ways: from the two variances, and by the interval of a comparison across seeds."""
    c = compared()
    gain = c.gain(["firms.alive", "jobs.total"], "2028Q4")
    theory = 2 * (1 + 0.2**2) / (2 * 0.2**2)
    assert gain == pytest.approx(theory, rel=0.25)
    a = worlds(0.05, 4000).values
    independent = paired("a", a, worlds(0.0, 4000, seed=2).values)
    ours = paired("a", a, worlds(0.0, 4000).values)
    ratio = ((independent.high - independent.low) / (ours.high - ours.low)) ** 2
    assert ratio[0, 1] == pytest.approx(theory, rel=0.15)
    assert "independent seeds would need" in c.table("en")


def test_same_scenario_twice_differs_in_nothing_and_is_not_called_noise() -> None:
    c = compare({"a": worlds(0.0), "b": worlds(0.0)})
    d = c.of("b")
    assert (d.mean == 0).all() and (d.p_same == 1).all() and not d.noise.any()


def test_small_effect_is_noted_as_noise() -> None:
    c = compared(effect=0.001)
    k = c.row("firms.alive")
    assert c.of("policy").noise[k, 1]
    assert "cannot be told from noise" in c.table("en") and "噪声" in c.table("zh")


def test_undefined_replication_is_left_out_of_its_pair_only() -> None:
    a, b = np.ones((1, 4, 2)), np.zeros((1, 4, 2))
    a[0, 0, 0] = np.nan
    b[0, :, 1] = np.nan
    d = paired("a", a, b)
    assert d.mean[0, 0] == 1 and np.isnan(d.mean[0, 1]) and np.isnan(d.p_more[0, 1])


# --- prices


def test_fieller_interval_covers_the_ratio_as_often_as_it_says() -> None:
    inside = told = 0
    for seed in range(300):
        draws = np.random.default_rng(seed)
        bought = 5 + 4 * draws.standard_normal(40)
        cost = 3 * bought + 15 + 10 * draws.standard_normal(40)
        ratio, low, high = ratio_of_means(cost, bought)
        if math.isfinite(low):
            told += 1
            inside += low <= 6.0 <= high
            assert low <= ratio <= high
    assert told > 290 and inside / told >= 0.91


def test_jobs_of_firms_founded_here_and_moved_in_sum_to_all_jobs() -> None:
    names = {"jobs.total": "jobs", "jobs.attracted": "jobs", "public.net_cost_pv": "CNY"}

    def zone(extra: float) -> Result:
        draws = np.random.default_rng(1).normal(size=(3, 40))
        values = np.array([1000, 200, 1e9])[:, None] + draws + np.array([3, 1, 5e6])[:, None] * extra
        metrics = [Metric(name, unit, {"zh": name, "en": name}) for name, unit in names.items()]
        return Result(metrics, QUARTERS, np.stack([values, values], -1), manifest={"seed": 1, "replications": 40})

    prices = {p.key: p for p in compare({"base": zone(0), "policy": zone(1)}).prices}
    assert set(prices) == {"jobs", "jobs_own", "jobs_in"}
    assert prices["jobs"].bought == pytest.approx(prices["jobs_own"].bought + prices["jobs_in"].bought)
    assert prices["jobs_own"].bought == pytest.approx(2) and prices["jobs_in"].bought == pytest.approx(1)
    assert prices["jobs_own"].ratio == pytest.approx(2.5e6)


def test_price_of_what_was_not_bought_is_undetermined() -> None:
    draws = np.random.default_rng(1)
    _, low, high = ratio_of_means(1 + draws.standard_normal(50), draws.standard_normal(50))
    assert math.isnan(low) and math.isnan(high)


def test_verdict_says_nothing_that_the_interval_does_not() -> None:
    assert Price("a", "jobs", 10.0, 5.0, 0.5, 0.2, 0.9).verdict == "price"
    assert Price("a", "jobs", 10.0, 5.0, 0.5, -0.2, 0.9).verdict == "undetermined"
    assert Price("a", "jobs", 10.0, -5.0, -0.5, -0.9, 0.2).verdict == "undetermined"  # no negative price of noise
    assert Price("a", "jobs", 10.0, -5.0, -0.5, -0.9, -0.2).verdict == "better"
    assert Price("a", "jobs", -10.0, -5.0, 0.5, 0.2, 0.9).verdict == "saving"
    assert Price("a", "jobs", -10.0, 5.0, -0.5, -0.9, -0.2).verdict == "worse"
    assert Price("a", "jobs", -10.0, 5.0, -0.5, -0.9, 0.2).verdict == "undetermined"
    assert Price("a", "jobs", 10.0, 5.0, 0.5, math.nan, math.nan).verdict == "undetermined"


def test_scenario_that_takes_a_policy_away_is_told_the_other_way_round() -> None:
    """The fund buys 2 jobs for 5 m. Taken away: what the baseline has over it, at the price that the fund has."""
    names = {"jobs.total": "jobs", "public.net_cost_pv": "CNY"}

    def zone(extra: float) -> Result:
        draws = np.random.default_rng(1).normal(size=(2, 40))
        noise = np.random.default_rng(int(10 * extra) + 2).normal(size=(2, 40)) * np.array([0.1, 1e4])[:, None]
        values = np.array([1000, 1e9])[:, None] + draws + noise + np.array([2, 5e6])[:, None] * extra
        metrics = [Metric(name, unit, {"zh": name, "en": name}) for name, unit in names.items()]
        return Result(metrics, QUARTERS, np.stack([values, values], -1), manifest={"seed": 1, "replications": 40})

    with_fund, without = zone(1), zone(0)
    bought = compare({"without": without, "fund": with_fund})
    taken = compare({"fund": with_fund, "without": without})
    assert not bought.turned("fund") and taken.turned("without")
    (one,), (other,) = bought.priced()[0][2], taken.priced()[0][2]
    assert (other.verdict, other.bought, other.cost) == ("price", pytest.approx(one.bought), pytest.approx(one.cost))
    assert (other.ratio, other.low, other.high) == pytest.approx((one.ratio, one.low, one.high))
    assert taken.prices[0].verdict == "saving"  # prices.csv keeps scenario less baseline
    for lang, words in (("en", "what fund has over it"), ("zh", "反过来看：fund")):
        assert words in taken.table(lang) and words not in bought.table(lang)


def test_nothing_told_the_other_way_round_has_no_sign() -> None:
    """A table of what the baseline has over a scenario said "of them moved in  -0"."""
    assert math.copysign(1.0, Price("a", "listed_in", 0.0, 0.0, math.nan, math.nan, math.nan).turned().bought) == 1.0
    assert show(-0.0, sign=True) == show(-0.0, "CNY") == "0"


def test_as_much_in_every_world_at_another_cost_is_no_open_question(tmp_path: Path) -> None:
    """A scenario that lists as many firms in every world for less was called undetermined."""
    from types import SimpleNamespace

    from sim.report.material import read_comparison
    from sim.report.sections import price_table

    def zone(cost: float, seed: int = 2) -> Result:
        units = {"jobs.total": "jobs", "firms.listed": "firms", "public.net_cost_pv": "CNY"}
        metrics = [Metric(name, unit, {"zh": name, "en": name}) for name, unit in units.items()]
        values = np.random.default_rng(1).normal(1000, 1, size=(3, 40))
        values[2] += cost + np.random.default_rng(seed).normal(size=40)
        return Result(metrics, QUARTERS, np.stack([values] * 2, -1), manifest={"seed": 1, "replications": 40})

    base = zone(0.0)
    c = compare({"base": base, "less": zone(-9.0, 3), "more": zone(9.0, 3), "open": zone(0.0, 3)})
    verdicts = {"less": "same_cheaper", "more": "same_dearer", "open": "undetermined"}
    assert {(p.name, p.verdict) for p in c.prices} == set(verdicts.items())
    assert {p.verdict for p in c.prices if p.turned().verdict == p.verdict} == {"undetermined"}
    for lang, words in (("en", "same, at less cost"), ("zh", "同样效果，成本更低")):
        assert words in c.table(lang)
    c.save(tmp_path / "c", figures=False)
    assert "same_cheaper" in (tmp_path / "c" / "prices.csv").read_text("utf-8")
    again = read_comparison(tmp_path / "c")
    assert [p.verdict for p in again.prices] == [p.verdict for p in c.prices]
    material: Any = SimpleNamespace(comparison=again, lang="en", say=lambda zh, en: en)
    told = str(price_table(material))
    assert "same, at less cost" in told and "same, at more cost" in told


def zones(**effects: float) -> Comparison:
    """Two paired zones; by how much the second has more of each metric, all noise aside."""
    units = {"jobs.total": "jobs"}
    names = list(dict.fromkeys(["jobs.total", "public.net_cost_pv", *effects]))

    def zone(extra: float) -> Result:
        draws = np.random.default_rng(1).normal(size=(len(names), 40))
        noise = np.random.default_rng(int(extra) + 2).normal(size=(len(names), 40)) * 0.1
        more = np.array([effects.get(name, 2.0) for name in names])[:, None] * extra
        metrics = [Metric(name, units.get(name, "CNY"), {"zh": name, "en": name}) for name in names]
        both = np.stack([1000 + draws + noise + more] * 2, -1)
        return Result(metrics, QUARTERS, both, manifest={"seed": 1, "replications": 40})

    return compare({"base": zone(0), "other": zone(1)})


def test_what_a_higher_ratio_costs_stands_beside_the_prices() -> None:
    """Raising the reinvestment ratio looked free: more for less. It is paid for by the funds that miss it."""
    missed = "guidance.reinvestment.missed.angel"
    free = changing(zones(**{"public.net_cost_pv": -5.0, missed: 3.0}), "guidance.reinvestment")
    assert free.prices[0].verdict == "better" and free.misses_rose("other")
    assert "more, at less cost, but more sub-funds miss the ratio" in free.table("en")
    assert "未达标子基金增多" in free.table("zh") and "返投未达标的占比" in free.table("zh")
    asked = changing(zones(**{missed: 0.0}), "guidance.reinvestment_of.angel")
    assert asked.missed() and not asked.misses_rose("other") and "miss the reinvestment ratio" in asked.table("en")
    less = changing(zones(**{"jobs.total": -2.0, "public.net_cost_pv": 5.0, missed: -3.0}), "guidance.reinvestment")
    assert less.turned("other") and less.misses_rose("other")  # of the baseline over the scenario
    assert "miss the reinvestment ratio" not in changing(zones(), "funds.a.size").table("en")


def test_a_ratio_that_the_baseline_does_not_ask_for_has_its_own_share_only() -> None:
    metrics = [Metric("guidance.reinvestment.missed.angel", "share", {"zh": "天使返投未达标", "en": "angel: missed"})]

    def zone(share: float) -> Result:
        return Result(metrics, QUARTERS, np.full((1, 4, 2), share), manifest={"seed": 1, "replications": 4})

    c = changing(compare({"base": zone(math.nan), "other": zone(0.25)}), "guidance.reinvestment")
    line = next(x for x in c.table("en").splitlines() if x.startswith("angel  other"))
    assert line.split() == ["angel", "other", "–", "25%", "–"] and "天使      other" in c.table("zh")


def test_a_scenario_that_equals_the_baseline_is_told_in_a_sentence_and_has_no_rows() -> None:
    c = compare({"base": worlds(0.0), "same": worlds(0.0), "policy": worlds(0.05)})
    c.about = {"changes": {"same": [{"path": "guidance.asks", "written": "0.4"}], "policy": []}}
    assert [d.name for d in c.differing()] == ["policy"]
    en, zh = c.table("en"), c.table("zh")
    assert "same: this scenario equals the baseline in every metric (it states guidance.asks = 0.4" in en
    assert not re.search(" same  ", en) and "same：各项指标均与基准相同" in zh
    assert [name for name, _, _ in c.priced()] == ["policy"]


def changing(c: Comparison, *paths: str) -> Comparison:
    c.about = {"changes": {"other": [{"path": path} for path in paths]}, "discount": [0.03, 0.03]}
    return c


def test_another_market_has_no_price_and_a_market_beside_a_policy_is_told() -> None:
    """A difference that nobody decides has no price; one that is decided in another market is no policy's alone."""
    weather = changing(zones(), "market.history", "zone.end", "sweep.firms.entry")
    assert weather.unpriced("other") and not weather.priced()
    for lang, words in (("en", "no price"), ("zh", "因此没有价格")):
        assert words in weather.table(lang) and "market.history" in weather.table(lang)
        assert weather.table(lang).count("jobs.total") == 1  # in the table of differences alone
    mixed = changing(zones(), "market.history", "funds.guidance.size")
    assert mixed.priced() and "includes that of the market (market.history)" in mixed.table("en")
    assert "请与处在同一市场的基准相比" in mixed.table("zh")
    policy = changing(zones(), "funds.guidance.size", "zone.end")
    assert policy.priced() and "market" not in policy.table("en")


def test_what_is_not_in_the_market_is_found_in_the_two_scenarios(root: Path) -> None:
    few = ["firms.initial.count=300", "firms.entry.organic.per_year=30", 'zone.end="2020Q3"']
    base = load_scenario(root / "scenarios/xian.toml", few)
    cold = load_scenario(root / "scenarios/xian/cold-market.toml", few)
    c = compare_scenarios([base, cold], ["xian", "cold"], 2, 1)
    assert c.stated("cold") == ["market.history"] and not c.prices and c.about["discount"] == [0.03, 0.03]
    assert c.about["public_funds"] == [
        "angel",
        "direct",
        "guidance",
        "industry",
        "partner",
        "venture",
    ]  # no market fund
    assert "no price" in c.table("en")


def test_prices_are_by_the_cost_less_what_is_still_held_where_a_result_has_it() -> None:
    flows = {"public.outlay": 9.0, "public.recovered": 4.0}
    held = changing(zones(**{"public.net_cost_pv": 5.0, "public.net_cost_held_pv": -3.0}, **flows), "funds.a.size")
    assert held.price_by == "public.net_cost_held_pv"
    (line,) = held.prices
    assert line.cost == pytest.approx(-3, abs=0.5) and line.cash == pytest.approx(5, abs=0.5)
    assert line.verdict == "better" and line.turned().cash == -line.cash
    table = held.table("en")
    assert "in cash" in table and "stakes are still worth" in table and "Discounted at 3% a year" in table
    assert "stakes still held are worth" in table and "仍持有的权益多值" in held.table("zh")
    old = changing(zones(**{"public.net_cost_pv": 5.0}), "funds.a.size")
    assert old.price_by == "public.net_cost_pv" and old.prices[0].cost == pytest.approx(5, abs=0.5)
    assert "in cash" not in old.table("en") and "still holds is not counted" in old.table("en")
    flows["public.outlay"] = -9.0
    less = changing(zones(**{"public.net_cost_pv": -5.0}, **flows), "funds.a.size")
    assert "less is paid out" in less.table("en")  # no fund's return did that


def test_a_net_cost_below_0_is_put_down_to_what_makes_it_by_size_and_beyond_chance() -> None:
    """An outlay that fell by noise was named the reason, where ever so much more came back."""

    def why(**effects: float) -> tuple[str, str]:
        c = changing(zones(**{f"public.{key}": value for key, value in effects.items()}), "funds.a.size")
        return tuple(  # pyright: ignore[reportReturnType]
            next(line for line in c.table(lang).splitlines() if word in line)
            for lang, word in (("en", "the net cost is below 0"), ("zh", "净成本为负"))
        )

    by_noise = zones(**{"public.net_cost_pv": -20.0, "public.outlay": -0.02})
    (d,), k = by_noise.differences, by_noise.row("public.outlay")
    assert d.mean[k, -1] < 0 and d.noise[k, -1]
    en, zh = why(net_cost_pv=-20.0, outlay=-0.02, recovered=20.0)
    assert "less is paid out" not in en and re.search(
        r"below 0: [\d.]+ more comes back \(total, not discounted\)\.$", en
    ), en
    assert "少付出" not in zh and "多收回" in zh and "（累计，未贴现）" in zh
    en, zh = why(net_cost_pv=-30.0, outlay=-10.0, recovered=20.0)
    assert en.index("more comes back") < en.index("less is paid out") and zh.index("多收回") < zh.index("少付出")
    en, zh = why(net_cost_pv=-10.0, outlay=10.0, recovered=20.0)
    assert "more comes back (total, not discounted); the funds' own return is above the discount rate" in en
    assert "more that is paid out (total, not discounted)." in en
    assert "基金自身的回报高于贴现率" in zh
    en, zh = why(net_cost_pv=-10.0, outlay=0.001, recovered=0.001)
    assert "of what is paid out and comes back no single difference can be told from noise" in en
    assert "付出与收回，单看每一项都与噪声无法区分" in zh and "权益" not in zh.split("净成本为负")[1]
    en, zh = why(net_cost_pv=-5.0, net_cost_held_pv=-10.0, outlay=0.001, recovered=0.001)
    assert re.search(r"stakes still held are worth [\d.]+ more \(present value\)", en), en
    assert re.search("仍持有的权益多值[0-9.]+（现值）", zh), zh
    for metric in ("outlay", "recovered"):  # one that a scenario does not report was told as noise
        c = changing(zones(**{"public.net_cost_pv": -10.0, f"public.{metric}": 0.001}), "funds.a.size")
        assert "net cost is below 0" not in c.table("en") and "净成本为负" not in c.table("zh")


def test_what_money_earns_outside_the_zone_is_told_where_a_scenario_moves_money_across() -> None:
    for path, told in (
        ("guidance.reinvestment", True),
        ("guidance.reinvestment_of.angel", True),
        ("funds.angel.local", True),
        ("funds.market_early.local", False),  # the treasury has no money in it
        ("guidance.reinvestment_drag", False),
        ("funds.guidance.size", False),
    ):
        c = changing(zones(), path)
        assert "outside.growth" not in c.table("en")  # of an earlier version, which did not keep the number
        c.about |= {"outside_growth": {"base": 0.07, "other": 0.07}, "public_funds": ["angel", "guidance"]}
        assert ("puts at a growth of 7% a year (outside.growth)" in c.table("en")) == told, path
        assert ("每年增长 7%（outside.growth）" in c.table("zh")) == told, path


def test_what_missing_the_ratio_costs_is_told_by_the_scenarios_own_terms() -> None:
    c = changing(zones(**{"guidance.reinvestment.missed.angel": 3.0}), "guidance.reinvestment")
    assert "missing it costs" not in c.table("en")  # of an earlier version, which did not keep them
    free = {"concession": 0.0, "fee_cut": 0.0}
    c.about["missing"] = {"base": free, "other": free}
    assert "rules missing it costs a sub-fund nothing" in c.table("en") and "不使子基金付出代价" in c.table("zh")
    c.about["missing"]["other"] = {"concession": 0.2, "fee_cut": 0.3}
    assert c.missing_costs("en") == [
        "base: by the scenario's rules missing it costs a sub-fund nothing.",
        "other: by the scenario's rules a sub-fund that misses it loses the concession and 30% of later fees.",
    ]
    assert c.missing_costs("zh")[1] == "other：按情景的规则，未达标的子基金失去让利和投资期后管理费的 30%。"


def test_labels_lean_on_no_row_above_and_name_no_id(xian: Any) -> None:
    label = room.ZoneModel.of(xian, ["funds.subfunds.additional", "guidance.reinvestment.missed.angel"]).label
    assert label("funds.subfunds.additional", "en").startswith("other partners' money for the zone that is new")
    assert not label("funds.subfunds.additional", "zh").startswith("其中")
    assert label("guidance.reinvestment.missed.angel", "en").endswith(": share that missed the reinvestment ratio")
    (row,) = changes_in_words(xian, changed(xian, "guidance.cap.angel=0.5")[1])
    assert row["label"] == {"zh": "天使子基金出资上限", "en": "Contribution cap, angel sub-funds"}  # its lever
    for path, en, zh in (
        ("guidance.tolerance.angel", "loss tolerated (容错), early and angel sub-funds", "容错率"),
        ("guidance.reinvestment_drag", "partners' money lost per unit of reinvestment ratio", "社会资本"),
    ):
        (row,) = changes_in_words(xian, changed(xian, f"{path}=0.3")[1])
        assert en in row["label"]["en"] and zh in row["label"]["zh"] and "angel)" not in row["label"]["zh"]
    metrics = [
        Metric("guidance.reinvestment.missed.a", "share", {"zh": "甲类返投未达标", "en": "a: funds that missed it"})
    ]
    both = {n: Result(metrics, QUARTERS, np.full((1, 4, 2), 0.5), manifest={"seed": 1}) for n in ("one", "two")}
    c = compare(both)
    assert "missed the reinvestment ratio" in c.metrics[0].label["en"]
    assert (c.class_of(0, "en"), c.class_of(0, "zh")) == ("a", "甲类")


@pytest.mark.parametrize(
    ("miss", "lost"),
    [("nothing", (0.0, 0.0)), ("concession", (0.2, 0.0)), ("fee", (0.0, 0.3)), ("both", (0.2, 0.3))],
)
def test_only_the_terms_that_the_rules_apply_are_lost(xian: Any, miss: str, lost: tuple[float, float]) -> None:
    text = f'guidance.miss="{miss}"; guidance.concession=0.2; guidance.fee_cut=0.3'
    assert tuple(room._missing(changed(xian, text)[1]).values()) == lost


def test_unlisted_and_all_firms_stand_side_by_side_and_opposite_directions_are_told() -> None:
    cold = zones(**{"valuation.post_money.total": 4.0, "valuation.total": -6.0})
    assert [cold.metrics[k].name for k in cold.shown()][1:3] == ["valuation.post_money.total", "valuation.total"]
    assert "firms that cannot list stay among the unlisted" in cold.table("en")
    assert "上不了市的企业留在未上市之列" in cold.table("zh")
    assert not zones(**{"valuation.post_money.total": 4.0, "valuation.total": 6.0}).opposite("en")
    opened = zones(**{"valuation.post_money.total": -4.0, "valuation.total": 6.0})
    assert "firms that list leave the unlisted" in opened.table("en")


def test_an_amount_of_many_digits_is_written_out() -> None:
    assert show(2.043e12, "CNY", "zh") == "2.043万亿" and show(-2.0431e13, "CNY", "en", True) == "-20.43 tn"


def test_table_says_that_it_holds_means_and_what_its_money_is() -> None:
    assert "means over the worlds" in compared().table("en") and "money in CNY" in compared().table("en")
    assert "均值" in compared().table("zh") and "人民币元" in compared().table("zh")


def test_firms_that_moved_in_are_kept_apart_from_new_ones() -> None:
    prices = {p.key: p for p in compared().prices}
    a, b = worlds(0.05), worlds(0.0)

    def difference(name: str) -> float:
        return float((a[name][:, 1] - b[name][:, 1]).mean())

    assert prices["firms_in"].bought == pytest.approx(difference("firms.attracted.alive"))
    own = difference("firms.alive") - difference("firms.attracted.alive")
    assert prices["firms_own"].bought == pytest.approx(own)
    assert prices["firms_in"].bought < 0 < own
    assert prices["firms_in"].verdict == "worse" and prices["listed"].verdict == "price"
    assert prices["listed"].ratio == pytest.approx(difference("public.net_cost_pv") / difference("firms.listed"))


# --- decomposition


def together(subset: tuple[str, ...]) -> np.ndarray:
    """Three changes that act together: x and y multiply, z adds; 30 replications, two outputs."""
    z = np.random.default_rng(1).normal(1.0, 0.1, size=30)
    x, y, w = (float(name in subset) for name in ("x", "y", "z"))
    one = z * (1 + 2 * x + 3 * y + 4 * x * y + 5 * w)
    return np.column_stack([one, np.ones(30)])


def test_shapley_shares_sum_to_the_whole_difference() -> None:
    parts = [p for p in taken_apart(together, ["x", "y", "z"], ["one", "two"]) if p.output == "one"]
    whole = (together(("x", "y", "z")) - together(()))[:, 0].mean()
    assert sum(p.shapley for p in parts) == pytest.approx(whole, rel=1e-12)


def test_shapley_share_is_the_mean_over_every_order() -> None:
    names = ["x", "y", "z"]
    expected = dict.fromkeys(names, 0.0)
    for order in permutations(names):
        for k, name in enumerate(order):
            gain = together(order[: k + 1])[:, 0] - together(order[:k])[:, 0]
            expected[name] += gain.mean() / math.factorial(3)
    parts = {p.change: p for p in taken_apart(together, names, ["one", "two"]) if p.output == "one"}
    assert {name: p.shapley for name, p in parts.items()} == pytest.approx(expected)
    z = together(())[:, 0].mean()
    assert parts["x"].alone == pytest.approx(2 * z) and parts["x"].last == pytest.approx(6 * z)
    assert parts["z"].alone == parts["z"].last == pytest.approx(5 * z)


@pytest.mark.parametrize("count", [0, 7])
def test_one_to_six_changes(count: int) -> None:
    with pytest.raises(UserError, match="1 to 6"):
        taken_apart(together, [str(k) for k in range(count)], ["one"])


# --- input, folder, figures


def test_comparison_needs_two() -> None:
    with pytest.raises(UserError, match="two scenarios or more"):
        compare({"a": worlds(0.0)})


def test_unknown_baseline_quarter_and_interval_are_refused() -> None:
    for more, said in (
        ({"baseline": "bas"}, "did you mean base"),
        ({"at": "2050Q1"}, "2028Q3 … 2028Q4"),
        ({"interval": "guess"}, "t | bootstrap"),
    ):
        with pytest.raises(UserError, match=said.replace("|", r"\|")):
            compared(**more)


def test_results_of_other_seeds_are_not_paired() -> None:
    with pytest.raises(UserError, match="not paired"):
        compare({"a": made(np.ones((2, 5)), seed=1), "b": made(np.ones((2, 5)), seed=2)})


def test_two_scenarios_of_one_name_are_told_apart() -> None:
    assert unlike(["xian", "xian", "wuxi", "xian"]) == ["xian", "xian (2)", "wuxi", "xian (3)"]


def test_folder_table_and_figures_of_a_whole_result(tmp_path: Path) -> None:
    c = compare({"base": worlds(0.0), "more": worlds(0.05)}, at="2028Q4")
    c.parts = [p for p in taken_apart(together, ["x", "y", "z"], ["jobs.total@2028Q4", "two"])]
    c.save(tmp_path / "c", lang="zh")
    rows = (tmp_path / "c" / "differences.csv").read_text().splitlines()
    assert len(rows) == 1 + len(c.metrics) * len(c.quarters)
    assert {"differences.csv", "prices.csv", "parts.csv", "manifest.json", "figures"} <= {
        p.name for p in (tmp_path / "c").iterdir()
    }
    assert {"parts-jobs.total-2028Q4", "forest-jobs.total"} <= set(c.figures("en"))
    assert c.to_xarray()["mean"].sel(scenario="more", metric="jobs.total", quarter="2028Q4").item() > 0


def test_differences_that_are_not_drawn_are_told_with_the_way_to_have_them(monkeypatch: pytest.MonkeyPatch) -> None:
    from sim.figures import analysis as figures

    c = compare({"base": worlds(0.0), "more": worlds(0.05), "most": worlds(0.1)})
    names = [c.metrics[k].name for k in c.shown()]
    assert len(names) > 2 and figures.undrawn(c, "en") == ""
    monkeypatch.setattr(figures, "MOST_DIFFERENCES", 3)
    left = f"{names[1]} (most); {'; '.join(names[2:])}"
    told = figures.undrawn(c, "en")
    assert f"3 of {2 * len(names)} figures" in told and f"left out: {left}. " in told
    assert f"{2 * len(names)} 幅中的前 3 幅；未画：{left}。" in figures.undrawn(c, "zh")
    assert sum(name.startswith("difference-") for name in c.figures("en")) == 3


def test_a_difference_of_shares_is_drawn_in_points() -> None:
    from sim.figures import difference
    from sim.figures.analysis import forest

    metrics = [Metric("firms.part", "share", {"zh": "占比", "en": "part"})]

    def zone(more: float) -> Result:
        values = 0.2 + more + 0.01 * np.random.default_rng(round(100 * more)).normal(size=(1, 20, 2))
        return Result(metrics, QUARTERS, values, manifest={"seed": 1, "replications": 20})

    c = compare({"base": zone(0.0), "other": zone(0.15)})
    for lang, unit in (("en", "pp"), ("zh", "个百分点")):
        for drawn in (forest(c, "firms.part", lang), difference(c, "firms.part", "other", lang=lang)):
            said = [text.get_text() for text in drawn.findobj(Text)]
            assert any(unit in text for text in said) and "%" not in said


# --- stacking the changes of real scenarios


SCENARIOS = Path(__file__).resolve().parent.parent / "scenarios"


@pytest.fixture(scope="module")
def xian() -> Any:
    return load_scenario(SCENARIOS / "xian.toml")


def variant(name: str) -> Any:
    return load_scenario(SCENARIOS / "xian" / f"{name}.toml")


def test_differences_are_what_a_variant_states() -> None:
    base = {"a": 1, "b": {"value": 2, "grade": "assumed"}, "list": [{"id": "x", "n": 1}, {"id": "y", "n": 2}], "c": 3}
    other = {"a": 1, "b": {"value": 5}, "list": [{"id": "x", "n": 7}, {"id": "z", "n": 1}], "d": [1, 2]}
    assert differences(base, other) == {
        ("b",): {"value": 5},
        ("list", "x", "n"): 7,
        ("list", "y"): REMOVED,
        ("list", "z"): {"id": "z", "n": 1},
        ("c",): REMOVED,
        ("d",): [1, 2],
    }


def test_one_variant_stacked_on_its_baseline_is_that_variant(xian: Any) -> None:
    for name in ("cap-50", "cold-market", "double-fund", "ipo-shut"):
        own = variant(name)
        assert stack(xian, {name: own}, [name])._tree.data == own._tree.data


def test_two_variants_stacked_hold_both_changes(xian: Any) -> None:
    both = stack(xian, {n: variant(n) for n in ("cap-50", "double-fund")}, ["cap-50", "double-fund"])
    assert both.guidance.cap.angel.value == 0.5
    assert next(f for f in both.funds if f.id == "guidance").size.value == 1e10
    assert stack(xian, {}, [])._tree.data == xian._tree.data


def test_changes_of_one_thing_to_two_values_do_not_stack(xian: Any) -> None:
    variants = {n: variant(n) for n in ("no-guidance-fund", "double-fund")}
    with pytest.raises(UserError, match=r"funds.guidance.size: two of the changes set this"):
        refuse_conflicts(xian, variants)


def test_changes_of_two_keys_of_one_table_stack_and_so_does_one_value_written_twice(xian: Any) -> None:
    """[guidance.cap] stands in the pack and not in the file, so that both changes stated the table."""
    one, two = (changed(xian, f"guidance.cap.{name}=0.5")[1] for name in ("angel", "venture"))
    same = changed(xian, "guidance.cap.angel=50%")[1]
    variants = {"one": one, "two": two, "same": same}
    refuse_conflicts(xian, variants)
    both = stack(xian, variants, ["one", "two", "same"])
    assert (both.guidance.cap.angel.value, both.guidance.cap.venture.value) == (0.5, 0.5)
    other = changed(xian, "guidance.cap.angel=45%")[1]
    with pytest.raises(UserError, match=r"guidance.cap.angel: two of the changes set this"):
        refuse_conflicts(xian, {"one": one, "other": other})
    (row,) = changes_in_words(xian, one)
    assert row.pop("label")
    assert row == {"path": "guidance.cap.angel", "written": "0.5", "value": 0.5, "unit": "share"}


def test_no_text_holds_a_table_of_python(xian: Any, tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(
        f'extends = "{SCENARIOS.resolve()}/xian.toml"\n[firms.initial]\ncount = {{ uniform = [100, 200] }}\n'
        '[[facts]]\nid = "another"\nmetric = "firms.alive"\ndate = "2021Q4"\nvalue = 9\nuse = "goal"\n'
        "[ladders.listing.levels.listed]\nwindows = [1, 2]\n",
        encoding="utf-8",
    )
    told = {row["path"]: row["written"] for row in changes_in_words(xian, load_scenario(mine))}
    assert told["firms.initial.count"] == "{ uniform = [100, 200] }"
    assert told["facts.another"] == "added" and told["ladders.listing.levels.listed.windows"] == "[1, 2]"


def test_change_written_on_the_command_line_has_a_name(xian: Any) -> None:
    name, made = changed(xian, "bold: guidance.reinvestment=2.0; guidance.cap.angel=50%")
    assert name == "bold" and made.guidance.reinvestment.value == 2.0 and made.guidance.cap.angel.value == 0.5
    assert changed(xian, "guidance.reinvestment=2.0")[0] == "guidance.reinvestment=2.0"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not a change"),
        ("guidance.reinvestment", "not a change"),
        ("a: ", "not a change"),
        ("guidance.reinvestment=", "not a change"),
        ("guidance.reinvestment=1; guidance.reinvestment=2", "set twice"),
        ("guidance.reinvestmnt=1", "--change .*did you mean reinvestment"),
        ("guidance.reinvestment=much", "guidance.reinvestment"),
    ],
)
def test_change_that_is_none_is_refused(xian: Any, text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        changed(xian, text)


def test_wrong_words_of_a_comparison_are_all_told_before_a_world_is_lived(xian: Any) -> None:
    with pytest.raises(UserError) as caught:
        compare_scenarios([xian], ["xian"], changes=["x=1"], precision=["3"], metrics=["jobs.totl"], at="2050Q1")
    assert len(caught.value.problems) == 4


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["no-guidance-fund", "double-fund"], "do not stack"),
        ([], "two scenarios or more"),
        (["same"], "changes nothing"),
        (["cap-50"] * 7, "1 to 6"),
    ],
)
def test_decomposition_that_cannot_be_is_refused(xian: Any, names: list[str], said: str) -> None:
    others = [xian if name == "same" else variant(name) for name in names]
    with pytest.raises(UserError, match=said):
        compare_scenarios([xian, *others], ["xian", *names], decompose=True)


def test_decomposition_of_scenarios_sums_to_the_joint_difference(tmp_path: Path) -> None:
    """Small worlds lived for real: the shares sum to the difference of the scenario with all changes made."""
    (tmp_path / "small.toml").write_text(
        f'extends = "{(SCENARIOS / "xian.toml").as_posix()}"\n[zone]\nend = "2022Q4"\n'
        "[firms.initial]\ncount = 600\n[firms.entry.organic]\nper_year = 80\n"
    )
    changes = ["more: firms.entry.organic.per_year=160", "cap: guidance.cap.angel=0.5"]
    small = load_scenario(tmp_path / "small.toml")
    steps: list[tuple[int, int]] = []
    c = compare_scenarios(
        [small],
        ["small"],
        12,
        3,
        changes=changes,
        decompose=True,
        metrics=["firms.alive", "jobs.total"],
        progress=lambda done, total: steps.append((done, total)),
    )
    assert [d.name for d in c.differences] == ["more", "cap", "more + cap"]
    j = c.column(c.at)
    for metric in ("firms.alive", "jobs.total"):
        own = {p.change: p for p in c.parts if p.output == f"{metric}@{c.at}"}
        assert sum(p.shapley for p in own.values()) == pytest.approx(c.of("more + cap").mean[c.row(metric), j])
        assert own["more"].alone == pytest.approx(c.of("more").mean[c.row(metric), j])
    assert steps[-1] == (48, 48)
    assert c.to_xarray()["shapley"].sel(output=f"jobs.total@{c.at}", change="more").item() > 0
    assert "sum" in c.table("en") and "Shapley" in c.table("zh")


# --- noise of floats, other zones


def test_rounding_of_floats_is_no_difference() -> None:
    level = np.full((1, 3, 1), 1.35)
    d = paired("x", level * (1 + 2e-16), level)
    assert (d.mean == 0).all() and (d.p_same == 1).all()
    assert paired("x", level * (1 + 1e-6), level).mean[0, 0] == pytest.approx(1.35e-6)
    thirds = np.array([0.1, 0.2, -0.3])[None, :, None]  # sums to 5.6e-17
    assert paired("x", level + thirds, level).mean[0, 0] == 0.0


def test_a_difference_of_shares_is_told_in_points_and_nothing_is_0() -> None:
    moved = np.array([0.04, 0.05, -0.0901])[None, :, None]
    d = paired("x", 0.12 + moved, np.full((1, 3, 1), 0.12))
    assert room.points(d, 0, 0, "en").startswith("0 pp [-") and "0 个百分点 [" in room.points(d, 0, 0, "zh")


def test_numbers_of_worlds_that_nobody_simulates_are_capped() -> None:
    assert room._times(598_549.0) == room._times(math.inf) == ">1000×" and room._times(12.34) == "12.3×"
    assert room._further(3_319_246, "zh") == ">100,000" and room._further(99_999, "en") == "99,999"
    assert room._further(-1, "en") == "enough" and room._further(math.inf, "en") == "–"


def test_scenarios_of_one_zone_share_its_file_or_its_name(xian: Any, tmp_path: Path) -> None:
    assert of_one_zone(xian, variant("cap-50")) and of_one_zone(variant("cap-50"), variant("double-fund"))
    mine = tmp_path / "mine.toml"
    mine.write_text(f'extends = "{SCENARIOS.resolve()}/xian.toml"\n[zone]\nname = "other"\n', encoding="utf-8")
    assert of_one_zone(xian, load_scenario(mine))
    assert not of_one_zone(xian, load_scenario(SCENARIOS / "wuxi.toml"))


def test_another_zone_is_told_as_one_and_has_no_prices(xian: Any) -> None:
    short = ["zone.end=2020Q2"]
    zones = [load_scenario(SCENARIOS / f"{name}.toml", short) for name in ("xian", "wuxi")]
    c = compare_scenarios(zones, ["xian", "wuxi"], 2, 1, changes=["guidance.reinvestment=1"])
    assert c.elsewhere == ["wuxi"] and "wuxi" not in {price.name for price in c.prices}
    assert "wuxi: another zone than the baseline's" in c.table("en") and "不是同一园区" in c.table("zh")
    assert "independent seeds" not in c.table("en")


def test_differences_of_shares_are_told_in_percentage_points() -> None:
    """The table on the terminal had them as fractions."""
    c = compare({"base": of_shares(0.2), "other": of_shares(0.25)})
    rows = [next(line for line in c.table(lang).splitlines() if "funds.lossy" in line) for lang in ("en", "zh")]
    assert re.search(r" 20% +\+5 pp +\[\+5 … \+5\]", rows[0]), rows[0]
    assert "+5 个百分点" in rows[1]


def of_shares(mean: float) -> Result:
    values = mean + np.tile([-0.05, 0.05], 20)
    metrics = [Metric("funds.lossy", "share", {"zh": "funds.lossy", "en": "funds.lossy"})]
    return Result(metrics, QUARTERS, np.stack([values[None]] * 2, -1), manifest={"seed": 1, "replications": 40})
