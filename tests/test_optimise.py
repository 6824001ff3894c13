"""Policies that no other setting beats, on a problem whose front is known."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sim.analysis.model import AnalyticModel
from sim.analysis.optimise import Objective, Policies, nondominated, optimise, run
from sim.analysis.solve import Target
from sim.analysis.vary import Varied
from sim.errors import UserError

NAMES = ("gain@2030Q4", "cost@2030Q4")
LEVERS = [Varied.uniform("a", 0.0, 1.0), Varied.uniform("waste", 0.0, 1.0)]
GOALS = [Objective("gain@2030Q4"), Objective("cost@2030Q4", largest=False)]


def hot(x: np.ndarray) -> np.ndarray:
    """The front is waste = 0: gain √a at cost a."""
    return np.column_stack([np.sqrt(x[:, 0]), x[:, 0] + x[:, 1]])


def cold(x: np.ndarray) -> np.ndarray:
    return np.column_stack([0.5 * np.sqrt(x[:, 0]), x[:, 0] + x[:, 1]])


def model(function=hot, chance: float = 0.05) -> AnalyticModel:
    return AnalyticModel(function, ("a", "waste"), NAMES, chance=chance, centre=(0.5, 0.5))


def policies(models: dict[str, AnalyticModel] | None = None, **more: object) -> Policies:
    return optimise(models or {"hot": model()}, LEVERS, GOALS, samples=64, replications=10, **more)  # type: ignore[arg-type]


def test_front_lies_along_the_known_one() -> None:
    found = policies()
    front = found.design[found.front]
    assert len(front) > 5
    assert np.median(front[:, 1]) < 0.1  # waste buys nothing
    assert np.ptp(front[:, 0]) > 0.7
    assert (np.diff(found.values[0, found.front, 0]) <= 0).all()  # best gain first
    assert (np.diff(found.values[0, found.front, 1]) <= 0).all()  # and each step down costs less


def test_nothing_tried_beats_the_front() -> None:
    found = policies()
    y = found.values.mean(axis=0) * np.array([1, -1])
    for point in y[found.front]:
        assert not ((y >= point).all(axis=1) & (y > point).any(axis=1)).any()


def test_budget_holds_on_every_point_of_the_front() -> None:
    found = policies(budget=Target("cost@2030Q4", False, 0.4))
    assert len(found.front)
    assert (found.values[0, found.front, 1] <= 0.4).all()
    assert 0 < found.within.sum() < len(found.within)


def test_budget_with_a_probability_is_stricter_than_on_average() -> None:
    loose = policies({"hot": model(chance=0.2)}, budget=Target("cost@2030Q4", False, 0.6))
    strict = policies({"hot": model(chance=0.2)}, budget=Target("cost@2030Q4", False, 0.6), budget_probability=0.95)
    assert strict.values[0, strict.front, 1].max() < loose.values[0, loose.front, 1].max()


def test_impossible_budget_leaves_no_front_and_says_so() -> None:
    found = policies(budget=Target("cost@2030Q4", False, -5.0))
    assert not len(found.front) and found.robust is None
    assert "no setting tried keeps the budget" in found.table("en")


def test_regret_of_the_best_in_the_only_regime_is_nil() -> None:
    one = optimise({"hot": model()}, LEVERS, GOALS[:1], samples=32, replications=10)
    assert one.regret[one.front[0]] == 0.0
    assert one.robust == one.front[0]


def test_regimes_each_count_and_the_robust_point_has_the_least_of_the_largest_regrets() -> None:
    found = policies({"hot": model(), "cold": model(cold)})
    assert found.values.shape[0] == 2
    assert found.robust is not None
    assert np.nanmin(found.regret) == found.regret[found.robust]


def test_numbers_of_the_front_come_from_worlds_that_did_not_choose_it() -> None:
    found = policies()
    assert found.confirmed.shape == (1, len(found.front), 2)
    assert not np.allclose(found.confirmed[0], found.values[0, found.front])


def noisy(x: np.ndarray) -> np.ndarray:
    """Neither lever does anything that can be told from chance."""
    return np.column_stack([10.0 + 1e-4 * x[:, 0], 5.0 + 1e-4 * x[:, 1]])


def test_differences_are_paired_with_the_scenario_as_it_stands() -> None:
    """The one draw of chance that all settings of a world share drops out: what is left is what the levers do."""
    found = policies()
    assert found.worlds.shape == (1 + len(found.front), 10, 2)
    for k, point in enumerate(found.front):
        mean, reach = found.difference(k + 1, 0, "gain@2030Q4")
        assert mean == pytest.approx(np.sqrt(found.design[point, 0]) - np.sqrt(0.5)) and reach < 1e-9
        assert found.told_apart(k + 1, 0) == (point != 0)
    assert found.robust in found.front and found.most_robust == found.robust
    assert "most robust" in found.table("en") and "cannot be told" not in found.table("en")


def test_noise_is_called_noise_and_nothing_the_most_robust() -> None:
    shaken = AnalyticModel(noisy, ("a", "waste"), NAMES, chance=1.0, centre=(0.5, 0.5))

    def evaluate(samples: Any, replications: int, seed: int, threads: int | None = None) -> np.ndarray:
        values = AnalyticModel.evaluate(shaken, samples, replications, seed, threads)
        rng = np.random.default_rng([seed, *(np.concatenate([*samples.values()]) * 1e6).astype(np.int64)])
        return values + rng.normal(size=values.shape)  # what chance does differently at every setting

    model_of_noise = AnalyticModel(noisy, ("a", "waste"), NAMES, chance=1.0, centre=(0.5, 0.5))
    object.__setattr__(model_of_noise, "evaluate", evaluate)
    found = optimise({"base": model_of_noise}, LEVERS, GOALS, samples=8, replications=6)
    en, zh = found.table("en"), found.table("zh")
    assert found.most_robust is None and "most robust" not in en.replace("called the most robust", "")
    assert "cannot be told from as it stands" in en and "与现状" in zh and "无法区分（噪声）" in zh
    assert found.to_json()["most_robust_beyond_noise"] is False
    first = next(line for line in en.splitlines() if "as it stands" in line and "from as it stands" not in line)
    assert "10" in first


def test_a_row_that_another_beats_in_the_other_worlds_says_so() -> None:
    found = policies()
    found.worlds[2] = found.worlds[1] + np.array([-0.1, 0.1])  # less gain at more cost
    assert found.better(2) in (0, 1) and "no better than" in found.table("en") and "各目标均不优于" in found.table("zh")


def test_a_row_beyond_the_budget_only_in_the_other_worlds_says_so() -> None:
    found = policies(budget=Target("cost@2030Q4", False, 0.4))
    found.worlds[2, :, 1] = 0.5
    assert found.beyond(2) and found.within[found.front[1]]
    en, zh = (next(x for x in found.table(lang).splitlines() if x.lstrip().startswith("2 ")) for lang in ("en", "zh"))
    assert "beyond the budget in the worlds of the means" in en and "均值所在的世界中超出预算" in zh
    assert "“beyond the budget” and the regret are of the worlds of the search" in found.table("en")
    assert not policies().beyond(1) and "budget" not in policies().table("en").partition("means and")[2]


def test_remarks_stand_beside_their_rows() -> None:
    lines = policies().table("en").splitlines()
    first = next(line for line in lines if line.endswith("as it stands"))
    assert len(first) - len("as it stands") <= len(lines[1]) + 2


def test_scenario_as_it_stands_is_among_the_points() -> None:
    assert np.array_equal(policies().design[0], [0.5, 0.5])


def test_interrupted_search_ends_in_the_same_numbers(tmp_path: Path) -> None:
    whole = policies(out=tmp_path / "whole")
    whole.save(tmp_path / "whole", figures=False)
    half = tmp_path / "half"
    half.mkdir()
    (half / "manifest.json").write_text((tmp_path / "whole" / "manifest.json").read_text())
    journal = (tmp_path / "whole" / "journal-wide-0").read_bytes()
    (half / "journal-wide-0").write_bytes(journal[: len(journal) // 2])
    again = policies(out=half, resume=True)
    again.save(half, figures=False)
    for name in ("points.csv", "front.csv"):
        assert (half / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_nondominated_keeps_ties_and_drops_the_beaten() -> None:
    y = np.array([[1.0, 1.0], [2.0, 0.0], [1.0, 1.0], [0.0, 0.5], [1.0, 0.0]])
    assert nondominated(y).tolist() == [True, True, True, False, False]


@pytest.mark.parametrize("samples", [0, 7, 48])
def test_design_size_is_a_power_of_two(samples: int) -> None:
    with pytest.raises(UserError, match="powers of two"):
        optimise({"hot": model()}, LEVERS, GOALS, samples=samples, replications=2)


@pytest.mark.parametrize("goals", [[], [*GOALS, GOALS[0]]])
def test_one_objective_or_two(goals: list[Objective]) -> None:
    with pytest.raises(UserError, match="one objective or two"):
        optimise({"hot": model()}, LEVERS, goals, samples=8, replications=2)


def test_figure_and_table_in_both_languages() -> None:
    found = policies(budget=Target("cost@2030Q4", False, 0.8))
    assert set(found.figures("zh")) == {"pareto"}
    assert "as it stands" in found.table("en") or 0 not in found.front
    assert "后悔" in found.table("zh")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "one objective or two"),
        ({"maximise": ["jobs.totl"]}, "did you mean jobs.total"),
        ({"maximise": ["jobs.total"], "minimise": ["jobs.total"]}, "the same objective twice"),
        ({"maximise": ["jobs.total"], "samples": 10}, "8 or 16"),
        ({"maximise": ["jobs.total"], "budget": "public.outlay < 3"}, "not a target"),
        ({"maximise": ["jobs.total"], "budget": "public.outly <= 3"}, "did you mean public.outlay"),
    ],
)
def test_question_that_cannot_be_asked_is_refused(more: dict[str, Any], said: str) -> None:
    from sim import load_scenario

    xian = load_scenario(Path(__file__).resolve().parent.parent / "scenarios" / "xian.toml")
    with pytest.raises(UserError, match=said):
        run(xian, ["guidance.cap.angel=0.2..0.5"], **more)


def test_a_budget_in_money_without_a_unit_is_asked_for_it() -> None:
    from sim.scenario import load_scenario

    with pytest.raises(UserError, match=r"public\.outlay: 60 without a unit is in yuan: write 60亿"):
        run(
            load_scenario("scenarios/xian.toml"),
            ["guidance.cap.angel=0.2..0.5"],
            ["jobs.total"],
            budget="public.outlay <= 60",
        )


def test_budget_without_a_quarter_is_kept_at_the_last_one(monkeypatch: pytest.MonkeyPatch) -> None:
    from sim import load_scenario
    from sim.analysis import optimise as room

    seen: list[Target] = []

    def stub(models: object, levers: object, goals: object, limit: Target, *rest: object, **more: object) -> Any:
        seen.append(limit)
        return SimpleNamespace()

    monkeypatch.setattr(room, "optimise", stub)
    xian = load_scenario(Path(__file__).resolve().parent.parent / "scenarios" / "xian.toml")
    found = run(xian, ["guidance.cap.angel=0.2..0.5"], ["jobs.total@2028Q4"], budget="public.outlay <= 60亿")
    assert seen == [Target("public.outlay@2033Q4", False, 6e9)]
    command = " ".join(found.origin["command"])  # its manifest says how it is made again
    assert (
        command.startswith("optimise ") and "--vary guidance.cap.angel=0.2..0.5 --maximise jobs.total@2028Q4" in command
    )
    assert "--budget public.outlay <= 60亿" in command and found.origin["scenario_text"] == xian._text_of_files
