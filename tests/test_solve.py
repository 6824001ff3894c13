"""The least change that reaches a target: against thresholds known in closed form."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sim.analysis.earliest import earliest
from sim.analysis.model import AnalyticModel
from sim.analysis.solve import Answer, Solution, Target, contrast, frontier, quantile_ranks, run, solve
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
    above = replace(MODEL, centre=(10.0, 0.0))  # it stands at the end that fails
    answer = found("y@2030Q4 <= 8", model=above, tolerance=1e-6)
    exact = thresholds[REPLICATIONS - int(np.ceil(0.8 * REPLICATIONS))]
    assert not answer.rising
    assert exact - 1e-5 <= answer.setting <= exact


def test_far_target_is_out_of_reach_and_the_best_is_told() -> None:
    answer = found("y@2030Q4 >= 21")
    assert answer.status == "out of reach" and np.isnan(answer.setting)
    assert answer.best == 10.0 and 0.0 < answer.reached < 0.8


def test_where_every_setting_has_the_same_odds_none_is_the_best() -> None:
    answer = found("y@2030Q4 >= 30")
    assert answer.status == "out of reach" and answer.reached == 0.0 and answer.flat and np.isnan(answer.best)
    told = {lang: Solution(MODEL, [answer]).table(lang) for lang in ("zh", "en")}
    middle = np.median(20 + noise())
    assert f"not reachable within a = 0 … 10: 0% at every setting; nearest at 10: median {middle:.4g}" in told["en"]
    assert "无法达到：各设定的概率均为 0%；最接近的是取 10 时：中位数" in told["zh"] and "at best" not in told["en"]
    assert len(answer.x) >= 9
    few = frontier(MODEL, [LEVER, Varied.uniform("b", 0.0, 4.0)], Target.parse("y@2030Q4 >= 30"), 0.5, 21, points=2)
    assert "out of reach; nearest at 10: median" in few.table("en")


def test_a_lever_that_changes_no_probability_says_so() -> None:
    told = Solution(MODEL, [found("y@2030Q4 >= -30")]).table("en")
    assert "makes no difference to the target: 100% at every setting (its mean does move" in told


def test_target_met_everywhere_says_so() -> None:
    answer = found("y@2030Q4 >= -30")
    assert answer.status == "already" and answer.setting == 0.0


def jittery(chances: dict[float, float], seed: int = 0) -> AnalyticModel:
    """Probabilities by setting of a, between them as at the next lower one; which worlds reach 1 at a setting is drawn
    anew for every setting: noise that no pairing takes away."""

    def function(x: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    class Jittery(AnalyticModel):
        def evaluate(self, samples: Any, replications: int, seed_: int, threads: int | None = None) -> np.ndarray:
            out = []
            for a in samples["a"]:
                chance = chances[max(k for k in chances if k <= a)]
                draws = np.random.default_rng([seed, seed_, int(a * 1e6)]).random(replications)
                out.append((draws < chance).astype(float)[:, None])
            return np.array(out)

    return Jittery(function, ("a",), names=("y@2030Q4",), centre=(5.0,))


def test_answer_is_the_setting_nearest_the_present_value_on_either_side() -> None:
    """Reached from 2 above and from 3 below the present value on, and the other way round."""
    for up, down, exact, side in ((2.0, 3.0, 7.0, "at least"), (3.0, 2.0, 3.0, "at most")):
        vee = AnalyticModel(
            lambda x, up=up, down=down: np.where(x[:, 0] > 5, (x[:, 0] - 5) / up, (5 - x[:, 0]) / down),
            ("a",), names=("y@2030Q4",), chance=0.01, centre=(5.0,),
        )  # fmt: skip
        answer = found("y@2030Q4 >= 1", model=vee, tolerance=1e-4)
        assert answer.setting == pytest.approx(exact, abs=0.1)
        assert answer.low <= answer.setting <= answer.high and answer.high - answer.low < 0.1
        table = Solution(vee, [answer]).table("en")
        assert side in table and "now 5;" in table


def test_present_value_that_reaches_the_target_is_the_answer() -> None:
    middle = replace(MODEL, centre=(6.0, 0.0))
    answer = found("y@2030Q4 >= 8", model=middle)
    assert (answer.status, answer.setting, answer.present) == ("already", 6.0, 6.0)
    told = {lang: Solution(middle, [answer]).table(lang) for lang in ("zh", "en")}
    assert "a = 6, as it stands, already reaches it" in told["en"] and "a 现为 6，已经达到" in told["zh"]
    outside = found("y@2030Q4 >= -30", model=replace(MODEL, centre=(-3.0, 0.0)))
    assert outside.status == "already" and outside.setting == 0.0
    assert "the end of the range next to the present -3" in Solution(MODEL, [outside]).table("en")


def test_interval_of_a_falling_answer_holds_it_and_is_open_beyond_the_range() -> None:
    """One end of the interval used to be put on the wrong side: 1.994 in `2 … –`."""
    above = replace(MODEL, centre=(10.0, 0.0))
    bound = np.quantile(noise(replications=20), 0.55)  # met by 55 % at 0; the interval's rank of 45 % asks for 70 %
    answer = solve(above, LEVER, Target.parse(f"y@2030Q4 <= {bound}"), 0.45, 20)
    assert answer.status == "found" and not answer.rising
    assert np.isnan(answer.low) and answer.setting <= answer.high
    assert "interval open … " in Solution(above, [answer]).table("en")
    assert "区间 开口 … " in Solution(above, [answer]).table("zh")


def test_noise_between_settings_is_no_answer() -> None:
    statuses = []
    for seed in range(40):
        model = jittery({0.0: 0.45}, seed)
        answer = solve(model, LEVER, Target.parse("y@2030Q4 >= 1"), 0.55, 20)
        statuses.append(answer.status)
        if answer.status == "already":  # the present value, by luck
            assert answer.setting == 5.0
        elif answer.status == "unmoved":
            told = {lang: Solution(model, [answer]).table(lang) for lang in ("zh", "en")}
            assert np.isnan(answer.setting) and len(answer.x) == 9
            c = answer.contrast
            assert c.low < 0 < c.high and not c.told
            assert "cannot be told from chance in 20 worlds" in told["en"] and "does not move" not in told["en"]
            assert "20 个世界中无法与偶然区分" in told["zh"]
            assert f"{100 * c.difference:+.0f} points" in told["en"] and "no setting is given" in told["en"]
    assert statuses.count("found") <= 5  # 5 % of 40 and two standard errors; it was nearly all of them
    assert statuses.count("unmoved") >= 15


def test_a_lever_that_moves_the_probability_beyond_noise_is_told_so_nearly_always() -> None:
    shares = {"noise": 0, "step": 0}
    for seed in range(60):
        for name, chances in (("noise", {0.0: 0.5}), ("step", {0.0: 0.2, 6.0: 0.7})):
            y = jittery(chances, seed).evaluate({"a": np.linspace(0, 10, 9)}, 60, 1)[:, :, 0]
            shares[name] += contrast(np.linspace(0, 10, 9), y >= 1).moves
    assert shares["noise"] <= 7  # 5 % of 60 and two standard errors
    assert shares["step"] >= 55


def test_worlds_that_only_ever_gain_the_target_are_no_chance() -> None:
    """Three of eight reach it at the far end: refused as `0% … 38%, by no more than chance`."""
    model = AnalyticModel(lambda x: x[:, 0], ("a",), names=("y@2030Q4",), chance=1.0)
    target = Target("y@2030Q4", True, 10 + float(np.sort(noise(replications=8))[-3]) - 0.01)
    answer = solve(model, LEVER, target, 0.9, 8)
    assert answer.status == "out of reach" and answer.contrast.by == "worlds" and answer.contrast.moves
    told = Solution(model, [answer]).table("en").split("\n\n")[0].splitlines()
    assert told[1:] == ["out of reach within a = 0 … 10: at best 38% (at 10)"]
    assert solve(model, LEVER, target, 0.3, 8).status == "found"


@pytest.mark.parametrize(("first", "last", "few"), [(0.3, 0.7, 38), (0.75, 0.95, 28)])
def test_paired_worlds_are_believed_with_twenty_of_them(first: float, last: float, few: int) -> None:
    """One threshold in each world: .3 → .7 was refused 11 of 40 times, .75 → .95 33 times."""
    x = np.linspace(0, 10, 9)
    moved = 0
    for seed in range(40):
        met = np.random.default_rng(seed).random(20) < np.linspace(first, last, 9)[:, None]
        c = contrast(x, met)
        moved += c.moves and c.difference > 0
    assert moved >= few


@pytest.mark.parametrize("replications", [5, 8, 20])
def test_independent_noise_is_seldom_taken_for_movement(replications: int) -> None:
    x, alarms = np.linspace(0, 10, 9), []
    for seed in range(60):
        y = np.random.default_rng([seed, replications]).standard_normal((9, replications))
        alarms += [contrast(x, y < bound, y).moves for bound in (0.0, 1.3)]
    assert sum(alarms) <= 0.1 * len(alarms)


def drifting(step: float, seed: int = 3) -> AnalyticModel:
    """Outcomes that rise by `step` over the range in every world, with noise of a tenth of it at each setting."""

    class Drifting(AnalyticModel):
        def evaluate(self, samples: Any, replications: int, seed_: int, threads: int | None = None) -> np.ndarray:
            world = np.random.default_rng([seed, seed_]).standard_normal(replications)
            jitter = [np.random.default_rng([seed, int(a * 1e6)]).standard_normal(replications) for a in samples["a"]]
            y = world + step * (samples["a"][:, None] / 10 + 0.1 * np.array(jitter))
            return y[:, :, None]

    return Drifting(rising, ("a",), names=("y@2030Q4",))


def test_outcome_that_moves_gives_an_answer_only_where_the_probability_follows() -> None:
    """Two of 20 worlds gained: chance by the probability alone, but the outcome moves in every world."""
    model = drifting(0.3)
    outcomes = model.evaluate({"a": np.linspace(0, 10, 9)}, 20, 1)[:, :, 0]
    seen = set()
    for k in range(4, 16):
        bound = float(np.sort(outcomes[-1])[::-1][k]) - 1e-9  # met by k + 1 worlds at the far end
        answer = solve(model, LEVER, Target("y@2030Q4", True, bound), (k + 1) / 20, 20)
        assert answer.contrast.moves and answer.contrast.drift == 1
        seen.add((answer.status, answer.contrast.by))
        if answer.status == "found" and answer.contrast.by == "outcome":
            told = {lang: Solution(model, [answer]).table(lang) for lang in ("zh", "en")}
            assert "cannot be told from chance in 20 worlds" in told["en"] and "its mean does move" in told["en"]
            assert "check it with more --replications" in told["en"] and "宜加大 --replications 复核" in told["zh"]
    assert ("found", "outcome") in seen


def test_setting_reached_against_the_movement_of_the_outcome_is_not_given() -> None:
    """The outcome falls a little in every world; at one setting luck lifts a world over the bound."""

    class Lucky(AnalyticModel):
        def evaluate(self, samples: Any, replications: int, seed: int, threads: int | None = None) -> np.ndarray:
            y = np.arange(replications) - 0.01 * samples["a"][:, None] - 0.002 * np.arange(replications)
            y[(samples["a"] > 6) & (samples["a"] < 7), 9] = 10.5
            return y[:, :, None]

    model = Lucky(rising, ("a",), names=("y@2030Q4",))
    answer = solve(model, LEVER, Target.parse("y@2030Q4 >= 9.5"), 0.55, 20)
    assert answer.status == "unmoved" and answer.contrast.by == "outcome" and answer.contrast.drift == -1
    told = {lang: Solution(model, [answer]).table(lang) for lang in ("zh", "en")}
    assert "its mean does move" in told["en"] and "so no setting is given" in told["en"]
    assert "均值则确有变动" in told["zh"] and "因此不给出设定值" in told["zh"]


def test_out_of_reach_is_said_first_where_the_lever_is_not_told_from_chance_either() -> None:
    model = jittery({0.0: 0.4}, 2)
    answer = solve(model, LEVER, Target.parse("y@2030Q4 >= 1"), 0.95, 20)
    assert answer.status == "out of reach" and not answer.contrast.moves
    told = {lang: Solution(model, [answer]).table(lang).splitlines()[1:3] for lang in ("zh", "en")}
    assert (
        told["en"][0].startswith("out of reach within a = 0 … 10: at best ") and "无法达到：最高概率" in told["zh"][0]
    )
    assert "cannot be told from chance in 20 worlds" in told["en"][1] and "无法与偶然区分" in told["zh"][1]


def test_contrast_and_present_value_reach_a_script(tmp_path: Path) -> None:
    import csv

    answer = solve(jittery({0.0: 0.4}, 2), LEVER, Target.parse("y@2030Q4 >= 1"), 0.95, 20)
    solution = Solution(MODEL, [answer])
    (told,) = solution.to_json()["answers"]
    assert (told["status"], told["present"], told["contrast"]["moves"]) == ("out of reach", 5.0, False)
    assert set(told["contrast"]) == {"first", "second", "difference", "low", "high", "moves", "by", "drift"}
    solution.save(tmp_path / "s", figures=False)
    with (tmp_path / "s" / "answers.csv").open(encoding="utf-8-sig") as file:
        (row,) = csv.DictReader(file)
    assert (row["status"], row["present"], row["contrast_moves"]) == ("out of reach", "5.0", "False")
    assert float(row["contrast_low"]) < 0 < float(row["contrast_high"])


def test_interval_down_to_the_present_value_says_that_it_may_do() -> None:
    bound = np.quantile(noise(replications=20), 0.55)  # met by 45 % at the present value, 0
    answer = solve(MODEL, LEVER, Target.parse(f"y@2030Q4 >= {bound}"), 0.6, 20)
    assert answer.status == "found" and answer.low == answer.present == 0.0
    assert "; perhaps the present value already does)" in Solution(MODEL, [answer]).table("en")
    assert "；现值或已足够）" in Solution(MODEL, [answer]).table("zh")
    assert "perhaps" not in Solution(MODEL, [found("y@2030Q4 >= 8")]).table("en")


def test_frontier_has_bands_of_answers_only_and_a_sign_for_what_chance_hides() -> None:
    from matplotlib.collections import FillBetweenPolyCollection

    from sim.figures.analysis import frontier as drawn

    b = found("y@2030Q4 >= 8")
    nan = float("nan")
    changes: list[dict[str, Any]] = [
        {"low": nan, "high": 4.0},
        {"high": nan},
        {},
        {"status": "already", "setting": 0.0, "low": nan, "high": nan},
        {"status": "unmoved", "setting": nan, "low": nan, "high": nan},
        {"status": "out of reach", "setting": nan, "low": nan, "high": nan},
    ]
    answers = [replace(b, others={"b": float(k)}, **change) for k, change in enumerate(changes)]
    figure = drawn(Solution(MODEL, answers), "en")
    (axes,) = [axes for axes in figure.axes if axes.get_xlabel()]
    (band,) = [c for c in axes.collections if isinstance(c, FillBetweenPolyCollection)]
    (path,) = band.get_paths()
    corners = {(float(x), float(y)) for x, y in np.asarray(path.vertices)}
    assert max(x for x, _ in corners) == 2.0
    assert {(0.0, 0.0), (0.0, 4.0), (1.0, b.low), (1.0, 10.0)} <= corners
    signs = {
        line.get_marker(): list(np.asarray(line.get_xdata())) for line in axes.lines if line.get_marker() in ("x", "d")
    }
    assert signs == {"x": [5.0], "d": [4.0]}
    words = {text.get_text() for legend in figure.legends for text in legend.get_texts()}
    assert {"out of reach", "cannot be told from chance"} <= words


def test_probability_that_falls_again_further_away_is_told_with_where() -> None:
    model = jittery({0.0: 0.0, 6.0: 1.0, 8.0: 0.0})
    answer = found("y@2030Q4 >= 1", model=model)
    assert answer.setting == pytest.approx(6.0, abs=10 / 256) and answer.lost == pytest.approx(8.75, abs=0.8)
    table = Solution(model, [answer]).table("en")
    assert "further away the probability falls below 80% again (at " in table
    assert "this is the first setting that does" not in table


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


def test_three_levers_give_a_line_of_the_frontier_for_each_setting_of_the_third() -> None:
    model = AnalyticModel(lambda x: 2 * x[:, 0] + x[:, 1] + x[:, 2], ("a", "b", "c"), names=("y@2030Q4",), chance=1.0)
    levers = [LEVER, Varied.uniform("b", 0.0, 4.0), Varied.choices("c", 0.0, 2.0)]
    solution = frontier(model, levers, Target.parse("y@2030Q4 >= 8"), 0.5, REPLICATIONS, points=3)
    by = {(a.others["b"], a.others["c"]): a.setting for a in solution.answers}
    assert set(by) == {(b, c) for b in (0.0, 2.0, 4.0) for c in (0.0, 2.0)}
    assert by[2.0, 0.0] - by[2.0, 2.0] == pytest.approx(1.0, abs=0.1)
    assert set(solution.figures("zh")) == {"frontier"}


def test_frontier_of_too_many_settings_is_refused() -> None:
    levers = [LEVER, Varied.uniform("b", 0.0, 4.0), Varied.uniform("c", 0.0, 4.0)]
    with pytest.raises(UserError, match="too many settings"):
        frontier(MODEL, levers, Target.parse("y@2030Q4 >= 8"), points=30)


# --- the earliest quarter


QUARTERS = [f"{2020 + k // 4}Q{k % 4 + 1}" for k in range(40)]


def growing(x: np.ndarray) -> np.ndarray:
    """One unit a quarter, and a a quarter more."""
    return np.outer(1 + x[:, 0], np.arange(len(QUARTERS)))


GROWING = AnalyticModel(growing, ("a",), names=tuple(f"y@{q}" for q in QUARTERS), chance=2.0)


def test_earliest_quarter_is_the_first_in_which_enough_replications_stand_at_the_target() -> None:
    found = earliest(GROWING, Target.parse("y >= 20"), 0.8, REPLICATIONS)
    exact = np.ceil(np.sort(20 - 2 * noise())[int(np.ceil(0.8 * REPLICATIONS)) - 1])
    (moment,) = found.moments
    assert moment.status == "found" and moment.stays
    assert moment.quarter == QUARTERS[int(exact)]
    assert moment.low <= moment.quarter <= moment.high and moment.low < moment.high
    assert moment.p[QUARTERS.index(moment.quarter)] >= 0.8 > moment.p[QUARTERS.index(moment.quarter) - 1]
    assert moment.quarter in found.table("en") and "最早" in found.table("zh")


def test_earliest_interval_covers_the_true_quarter_as_often_as_it_says() -> None:
    true = int(np.ceil(20 + 2 * 0.8416212335729143))
    inside = 0
    for seed in range(100):
        (m,) = earliest(GROWING, Target.parse("y >= 20"), 0.8, 60, seed).moments
        inside += QUARTERS.index(m.low) <= true <= QUARTERS.index(m.high)
    assert inside >= 90


def test_faster_growth_is_earlier() -> None:
    found = earliest(GROWING, Target.parse("y >= 30"), 0.5, 51, levers=[Varied.uniform("a", 0.0, 1.0)], points=3)
    when = [QUARTERS.index(m.quarter) for m in found.moments]
    assert when == sorted(when, reverse=True) and when[0] > when[-1] + 10
    assert found.to_xarray()["p"].sel(quarter="2029Q4").dims == ("setting",)
    assert set(found.figures("en")) == {"earliest"}


def test_target_out_of_reach_or_reached_at_the_start_says_so(tmp_path: Path) -> None:
    far = earliest(GROWING, Target.parse("y >= 1000"), 0.5, 20)
    assert far.moments[0].status == "out of reach" and "not reachable by 2029Q4: 0%" in far.table("en")
    assert "nearest in 2029Q4: median 3" in far.table("en") and "最接近的是 2029Q4：中位数" in far.table("zh")
    low = earliest(GROWING, Target.parse("y <= -1000"), 0.5, 20)
    assert "nearest in 2020Q1" in low.table("en") and "5 % quantile" in low.table("en")
    near = earliest(GROWING, Target.parse("y >= -1000"), 0.5, 20)
    assert near.moments[0].status == "already" and "reached at the start" in near.table("en")
    far.save(tmp_path / "far", lang="zh")
    assert (tmp_path / "far" / "figures" / "earliest.png").exists()
    assert len((tmp_path / "far" / "curve.csv").read_text().splitlines()) == 1 + len(QUARTERS)


def test_target_lost_again_later_is_remarked() -> None:
    hump = AnalyticModel(
        lambda x: -np.abs(np.arange(len(QUARTERS)) - 20.0) + 0 * x[:, :1], ("a",), names=GROWING.names, chance=0.1
    )
    found = earliest(hump, Target.parse("y >= -5"), 0.5, 21)
    assert not found.moments[0].stays and "falls below it again" in found.table("en")


@pytest.fixture(scope="module")
def xian() -> Any:
    from sim import load_scenario

    return load_scenario(Path(__file__).resolve().parent.parent / "scenarios" / "xian.toml")


@pytest.mark.parametrize(
    ("by", "target", "said"),
    [
        ([], "jobs.total@2028Q4 >= 5", "nothing to solve by"),
        (["guidance.cap.angle=0.2..0.6"], "jobs.total@2028Q4 >= 5", "did you mean guidance.cap.angel"),
        (["guidance.cap.angel=0.6..0.2"], "jobs.total@2028Q4 >= 5", "reversed"),
        (["guidance.cap.angel=choices(0.2, 0.6)"], "jobs.total@2028Q4 >= 5", "needs a range"),
        (["guidance.cap.angel=0.2..0.6"], "jobs.totl@2028Q4 >= 5", "did you mean jobs.total"),
        (["guidance.cap.angel=0.2..0.6"], "jobs.total@1999Q1 >= 5", "not a quarter of this scenario"),
        ([], "jobs.total@2040Q4 >= 5", "not a quarter of this scenario"),
        ([], "jobs.total@2040Q4 >= 5", "nothing to solve by"),
        ([], "jobs.totl >= 5", "did you mean jobs.total"),
        ([], "jobs.total = 5", "not a target"),
        ([], "jobs.total >= five", "write a count as 70"),
        ([], "firms.alive@2028Q4 >= 12%", "firms.alive: '%' does not count anything; write a count as 70, 7000"),
        ([], "jobs.totl >= five", "not a number"),
    ],
)
def test_question_that_cannot_be_asked_is_refused(xian: Any, by: list[str], target: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        run(xian, by, target)


@pytest.mark.parametrize(
    ("text", "output", "at_least", "bound"),
    [
        ("ladder.listing.listed≥100", "ladder.listing.listed", True, 100.0),
        ("ladder.listing.listed@2030Q4 >= 100", "ladder.listing.listed@2030Q4", True, 100.0),
        ("public.outlay@2030Q4<=500亿", "public.outlay@2030Q4", False, 5e10),
        ("firms.alive@2030Q4 ≥ 1.2万", "firms.alive@2030Q4", True, 12000.0),
        ("x.share@2030Q4 >= 30%", "x.share@2030Q4", True, 0.3),
        ("public.net_cost_pv@2030Q4 >= 5bn", "public.net_cost_pv@2030Q4", True, 5e9),
    ],
)
def test_targets_are_read_as_people_write_them(text: str, output: str, at_least: bool, bound: float) -> None:
    assert Target.parse(text) == Target(output, at_least, bound)


@pytest.mark.parametrize("text", ["", "listed > 3", "listed", "a@2030Q4 > 3", "a@2030Q4 >=", "a@2030Q4 >= many"])
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
    assert curve[0] == "setting,probability,mean,p05,p95,median" and len(curve) == 1 + len(solution.answer.x)
    assert (tmp_path / "s" / "figures" / "solve.png").exists()
    assert "at least" in solution.table("en") and "至少" in solution.table("zh")


def test_a_target_in_money_without_a_unit_is_asked_for_it():
    from sim.analysis.solve import run
    from sim.scenario import load_scenario

    zone = load_scenario("scenarios/xian.toml")
    for target in ("public.outlay@2028Q4 <= 60", "public.outlay <= 60"):
        with pytest.raises(UserError, match=r"public\.outlay: 60 without a unit is in yuan: write 60亿 / 60万 / 60元"):
            run(zone, ["guidance.reinvestment=1..2"], target)
    metrics = {metric.name: metric for metric in zone.metrics}
    assert Target.parse("public.outlay@2028Q4 <= 0.6万", metrics).bound == 6000
    assert Target.parse("firms.alive@2028Q4 >= 60", metrics).bound == 60


def test_a_range_of_money_without_a_unit_is_asked_for_it_and_one_of_rents_is_not():
    from sim.analysis.vary import varied_of
    from sim.errors import UserError
    from sim.scenario import load_scenario

    with pytest.raises(UserError, match="10 without a unit is in yuan: write 10亿"):
        varied_of(load_scenario("scenarios/xian.toml"), ["funds.guidance.size=10..100"])
    rent = "incubators.{}.rent"
    zone = load_scenario("scenarios/changsha.toml")
    (varied,) = varied_of(zone, [f"{rent.format(zone.incubators[0].id)}=30..60"])
    assert (varied.distribution.low, varied.distribution.high) == (30, 60)


@pytest.mark.parametrize("target", ["funds.guidance.irr@2033Q4 >= 6", "funds.guidance.irr >= 6"])
def test_a_target_in_per_cent_without_the_sign_is_asked_for_it(xian: Any, target: str) -> None:
    """6 was read as 600 % in silence."""
    with pytest.raises(UserError, match=r"funds\.guidance\.irr: 6 without a % is 600%: write 6% / 600%") as raised:
        run(xian, ["guidance.reinvestment=1..2"], target)
    assert "6 未写 %，即为 600%：请写成 6% / 600%" in raised.value.problems[0].told("zh")
    metrics = {metric.name: metric for metric in xian.metrics}
    read = {
        text: Target.parse(f"funds.guidance.irr >= {text}", metrics).bound for text in ("600%", "1.2", "0.06", "6%")
    }
    assert read == {"600%": 6.0, "1.2": 1.2, "0.06": 0.06, "6%": 0.06}
    assert Target.parse("funds.guidance.tvpi >= 6", metrics).bound == 6.0


def test_other_commands_that_take_a_bound_ask_for_the_sign_too(xian: Any) -> None:
    from sim.analysis import optimise
    from sim.analysis.compare import Precision

    with pytest.raises(UserError, match="10 without a % is 1000%: write 10%"):
        optimise.run(
            xian, ["guidance.reinvestment=1..2"], ["jobs.total@2030Q4"], budget="guidance.loss.industry@2033Q4 <= 10"
        )
    with pytest.raises(UserError, match="2 without a % is 200%"):
        Precision.parse(["funds.guidance.irr=2"], {metric.name: metric for metric in xian.metrics})


def test_an_outcome_that_is_a_share_is_told_per_cent() -> None:
    class Shares(AnalyticModel):
        def unit(self, name: str) -> str:
            return "share" if name.startswith("y@") else ""

    model = Shares(lambda x: 0.05816 + 0.001 * x[:, 0], ("a",), names=("y@2030Q4",), chance=0.0001)
    solution = frontier(model, [LEVER], Target.parse("y@2030Q4 >= 6%"), 0.5, 21)
    table = solution.table("en")
    assert "y@2030Q4 ≥ 6%, P" in table and "5.82%" in table and "0.058" not in table
    early = earliest(model, Target.parse("y >= 50%"), 0.5, 21).table("en")
    assert "≥ 50%, P" in early and "median 5.82%" in early and "0.058" not in early


@pytest.mark.parametrize("target", ["jobs.total@2028Q4 >= 1000", "jobs.total >= 1000"])
def test_an_answer_keeps_the_command_that_finds_it_again(
    xian: Any, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    from sim.analysis import earliest as quarters
    from sim.analysis import solve as room
    from sim.cli import build_parser

    monkeypatch.setattr(quarters, "run", lambda *given, **more: SimpleNamespace())
    monkeypatch.setattr(room, "frontier", lambda *given, **more: SimpleNamespace())
    found = run(xian, ["guidance.reinvestment=1..2"], target, 0.8, 30, 2)
    read = build_parser().parse_args(found.origin["command"])
    assert (read.target, read.by, read.probability) == (target, ["guidance.reinvestment=1..2"], 0.8)
    assert (read.replications, read.seed, read.points) == (30, 2, 6)
    assert found.origin["scenario_text"] == xian._text_of_files and found.origin["numba"]
