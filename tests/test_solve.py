"""The least change that reaches a target: against thresholds known in closed form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sim.analysis.model import AnalyticModel
from sim.analysis.solve import Answer, Target, frontier, quantile_ranks, solve
from sim.analysis.vary import Varied
from sim.errors import UserError

LEVER = Varied.uniform("a", 0.0, 10.0)
REPLICATIONS = 101


def rising(x: np.ndarray) -> np.ndarray:
    return 2 * x[:, 0] + x[:, 1]


MODEL = AnalyticModel(rising, ("a", "b"), names=("y@2030Q4",), chance=1.0)


def noise(seed: int = 1, replications: int = REPLICATIONS) -> np.ndarray:
    return np.array([np.random.default_rng([seed, r]).standard_normal(2)[0] for r in range(replications)])


def found(target: str, probability: float = 0.8, model: AnalyticModel = MODEL, **more: object) -> Answer:
    return solve(model, LEVER, Target.parse(target), probability, REPLICATIONS, **more)  # type: ignore[arg-type]


def test_setting_is_the_quantile_of_the_replications_thresholds() -> None:
    """2a + z ≥ 8 in replication r from a = (8 − z_r) / 2 on: the answer is their ⌈0.8 R⌉-th smallest."""
    thresholds = np.sort((8 - noise()) / 2)
    exact = thresholds[int(np.ceil(0.8 * REPLICATIONS)) - 1]
    answer = found("y@2030Q4 >= 8", tolerance=1e-6)
    assert answer.status == "found" and answer.rising and answer.monotone
    assert exact <= answer.setting <= exact + 1e-5
    assert answer.reached >= 0.8


def test_interval_is_that_of_the_order_statistics() -> None:
    thresholds = np.sort((8 - noise()) / 2)
    answer = found("y@2030Q4 >= 8", tolerance=1e-6)
    least, most = (round(share * REPLICATIONS) for share in quantile_ranks(0.8, REPLICATIONS))
    assert answer.low == pytest.approx(thresholds[least - 1], abs=1e-5)
    assert answer.high == pytest.approx(thresholds[most - 1], abs=1e-5)


def test_interval_covers_the_true_setting_as_often_as_it_says() -> None:
    true = (8 + 0.8416212335729143) / 2  # the 80 % quantile of the thresholds
    model = AnalyticModel(rising, ("a", "b"), names=("y@2030Q4",), chance=1.0)
    inside = 0
    for seed in range(100):
        answer = solve(model, LEVER, Target.parse("y@2030Q4 >= 8"), 0.8, 60, seed, tolerance=1e-3)
        inside += answer.low <= true <= answer.high
    assert inside >= 90  # 95 ± 4.4 (two standard errors)


def test_target_at_most_is_met_by_the_largest_setting() -> None:
    thresholds = np.sort((8 - noise()) / 2)
    answer = found("y@2030Q4 <= 8", tolerance=1e-6)
    exact = thresholds[REPLICATIONS - int(np.ceil(0.8 * REPLICATIONS))]
    assert not answer.rising
    assert exact - 1e-5 <= answer.setting <= exact


def test_far_target_is_out_of_reach_and_the_best_is_told() -> None:
    answer = found("y@2030Q4 >= 30")
    assert answer.status == "out of reach" and np.isnan(answer.setting)
    assert answer.best == 10.0 and answer.reached == 0.0
    assert len(answer.x) >= 9


def test_target_met_everywhere_says_so() -> None:
    answer = found("y@2030Q4 >= -30")
    assert answer.status == "already" and answer.setting == 0.0


def test_hump_is_noticed() -> None:
    hump = AnalyticModel(lambda x: -((x[:, 0] - 5) ** 2), ("a",), names=("y@2030Q4",), chance=0.5)
    answer = found("y@2030Q4 >= -2", model=hump)
    assert answer.status == "found" and not answer.monotone
    assert answer.setting == pytest.approx(5 - np.sqrt(2), abs=0.4)


def test_an_undefined_outcome_does_not_reach_the_target() -> None:
    model = AnalyticModel(lambda x: np.where(x[:, 0] < 6, np.nan, x[:, 0]), ("a",), names=("y@2030Q4",))
    assert found("y@2030Q4 >= 3", model=model).setting == pytest.approx(6.0, abs=10 / 256)


def test_two_levers_give_a_frontier() -> None:
    levers = [LEVER, Varied.uniform("b", 0.0, 4.0)]
    solution = frontier(MODEL, levers, Target.parse("y@2030Q4 >= 8"), 0.5, REPLICATIONS, points=5)
    settings = np.array([a.setting for a in solution.answers])
    assert [a.others["b"] for a in solution.answers] == [0, 1, 2, 3, 4]
    assert np.allclose(np.diff(settings), -0.5, atol=0.1)  # one more of b saves half of a
    assert "b" in solution.table("en")


@pytest.mark.parametrize(
    ("text", "output", "at_least", "bound"),
    [
        ("ladder.listing.listed@2030Q4 >= 100", "ladder.listing.listed@2030Q4", True, 100.0),
        ("public.outlay@2030Q4<=500亿", "public.outlay@2030Q4", False, 5e10),
        ("firms.alive@2030Q4 ≥ 1.2万", "firms.alive@2030Q4", True, 12000.0),
        ("x.share@2030Q4 >= 30%", "x.share@2030Q4", True, 0.3),
        ("public.net_cost_pv@2030Q4 >= 5bn", "public.net_cost_pv@2030Q4", True, 5e9),
    ],
)
def test_targets_are_read_as_people_write_them(text: str, output: str, at_least: bool, bound: float) -> None:
    assert Target.parse(text) == Target(output, at_least, bound)


@pytest.mark.parametrize("text", ["", "listed >= 3", "a@2030Q4 > 3", "a@2030Q4 >=", "a@2030Q4 >= many"])
def test_text_that_is_no_target_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="not a"):
        Target.parse(text)


@pytest.mark.parametrize("probability", [0.0, -0.1, 1.1])
def test_probability_outside_0_and_1_is_refused(probability: float) -> None:
    with pytest.raises(UserError, match="not a probability"):
        found("y@2030Q4 >= 8", probability)


def test_solution_saves_its_curve_and_figure(tmp_path: Path) -> None:
    solution = frontier(MODEL, [LEVER], Target.parse("y@2030Q4 >= 8"), 0.8, 50)
    solution.save(tmp_path / "s", lang="en")
    curve = (tmp_path / "s" / "curve.csv").read_text().splitlines()
    assert curve[0] == "setting,probability,mean,p05,p95" and len(curve) == 1 + len(solution.answer.x)
    assert (tmp_path / "s" / "figures" / "solve.png").exists()
    assert "at least" in solution.table("en") and "至少" in solution.table("zh")
