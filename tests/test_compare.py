"""Paired differences against theory: intervals that cover, prices, shares that sum, and what pairing gains."""

from __future__ import annotations

import math
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from sim.analysis.compare import Comparison, Price, compare, paired, ratio_of_means, taken_apart, unlike
from sim.errors import UserError
from sim.model.metrics import Metric
from sim.result import Result

QUARTERS = ["2028Q3", "2028Q4"]
NAMES = {
    "firms.alive": "firms",
    "ladder.listing.listed": "firms",
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


def test_price_of_what_was_not_bought_is_undetermined() -> None:
    draws = np.random.default_rng(1)
    _, low, high = ratio_of_means(1 + draws.standard_normal(50), draws.standard_normal(50))
    assert math.isnan(low) and math.isnan(high)


def test_verdict_says_nothing_that_the_interval_does_not() -> None:
    assert Price("a", "jobs", 10.0, 5.0, 0.5, 0.2, 0.9).verdict == "price"
    assert Price("a", "jobs", 10.0, 5.0, 0.5, -0.2, 0.9).verdict == "price"
    assert Price("a", "jobs", 10.0, -5.0, -0.5, -0.9, -0.2).verdict == "better"
    assert Price("a", "jobs", -10.0, -5.0, 0.5, 0.2, 0.9).verdict == "saving"
    assert Price("a", "jobs", -10.0, 5.0, -0.5, -0.9, -0.2).verdict == "worse"
    assert Price("a", "jobs", -10.0, 5.0, -0.5, -0.9, 0.2).verdict == "undetermined"
    assert Price("a", "jobs", 10.0, 5.0, 0.5, math.nan, math.nan).verdict == "undetermined"


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
    assert prices["listed"].ratio == pytest.approx(
        difference("public.net_cost_pv") / difference("ladder.listing.listed")
    )


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
