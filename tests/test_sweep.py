"""Known functions through the path that scenarios take: their indices come back within the stated intervals."""

from __future__ import annotations

import math
import pickle
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sim.analysis.model import AnalyticModel, ZoneModel, known_quarters
from sim.analysis.sweep import Settings, SweepResult, plan, run, settings_of, sweep, targets_of
from sim.analysis.vary import Varied, checked, number_of, parse_vary, varied_of
from sim.analysis.work import InProcess
from sim.errors import UserError

PI = math.pi
ABC = ("a", "b", "c")


def ishigami(x: np.ndarray) -> np.ndarray:
    """Ishigami and Homma (1990) with a = 7, b = 0.1."""
    return np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])


def ishigami_indices() -> tuple[dict[str, float], dict[str, float], float]:
    """First, total and the one second-order index, from the closed forms."""
    a, b = 7.0, 0.1
    v1 = 0.5 * (1 + b * PI**4 / 5) ** 2
    v2 = a**2 / 8
    v13 = b**2 * PI**8 * (1 / 18 - 1 / 50)
    v = v1 + v2 + v13
    return {"a": v1 / v, "b": v2 / v, "c": 0.0}, {"a": (v1 + v13) / v, "b": v2 / v, "c": v13 / v}, v13 / v


G = np.array([0.0, 1.0, 4.5, 9.0, 99.0])


def g_function(x: np.ndarray) -> np.ndarray:
    """Sobol's g-function: the product of (|4 x − 2| + g) / (1 + g)."""
    return np.prod((np.abs(4 * x - 2) + G) / (1 + G), axis=1)


def g_indices() -> tuple[np.ndarray, np.ndarray]:
    parts = 1 / (3 * (1 + G) ** 2)
    whole = np.prod(1 + parts) - 1
    return parts / whole, np.array([p * np.prod(1 + np.delete(parts, k)) for k, p in enumerate(parts)]) / whole


SLOPES = np.array([1.0, -2.0, 3.0])


def linear(x: np.ndarray) -> np.ndarray:
    return 5.0 + x @ SLOPES


LINEAR = AnalyticModel(linear, ABC, centre=(0.5, 0.5, 0.5))
CUBE = [Varied.uniform(path, 0.0, 1.0) for path in ABC]
CIRCLE = [Varied.uniform(path, -PI, PI) for path in ABC]


def holds(result: SweepResult, name: str, expected: dict[str, float], widest: float) -> None:
    """Every known index lies within its stated interval, and no interval is wider than it may be."""
    found = result.index("y", name)
    for path, value in expected.items():
        i = found[path]
        assert i.low <= value <= i.high, (name, path, value, i)
        assert i.high - i.low <= widest, (name, path, i)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_ishigami_indices_lie_within_the_stated_intervals(seed: int) -> None:
    result = sweep(AnalyticModel(ishigami, ABC), CIRCLE, "sobol", 2048, replications=1, seed=seed)
    first, total, second = ishigami_indices()
    holds(result, "first", first, 0.12)
    holds(result, "total", total, 0.14)
    pairs = {(i.parameter, i.other): i for i in result.indices if i.name == "second"}
    assert pairs["a", "c"].low <= second <= pairs["a", "c"].high
    assert pairs["a", "b"].low <= 0 <= pairs["a", "b"].high


@pytest.mark.parametrize("seed", [1, 2])
def test_g_function_indices_lie_within_the_stated_intervals(seed: int) -> None:
    paths = tuple("abcde")
    varied = [Varied.uniform(path, 0.0, 1.0) for path in paths]
    result = sweep(AnalyticModel(g_function, paths), varied, "sobol", 2048, 1, seed, second_order=False)
    first, total = g_indices()
    holds(result, "first", dict(zip(paths, first, strict=True)), 0.12)
    holds(result, "total", dict(zip(paths, total, strict=True)), 0.12)


def test_g_function_second_order_lies_within_the_stated_intervals() -> None:
    paths = tuple("abcde")
    varied = [Varied.uniform(path, 0.0, 1.0) for path in paths]
    result = sweep(AnalyticModel(g_function, paths), varied, "sobol", 2048, 1, 1)
    parts = 1 / (3 * (1 + G) ** 2)
    known = dict(zip(paths, parts, strict=True))
    whole = np.prod(1 + parts) - 1
    second = [i for i in result.indices if i.name == "second"]
    inside = sum(i.low <= known[i.parameter] * known[i.other] / whole <= i.high for i in second)
    assert len(second) == 10 and inside >= 9
    assert max(i.high - i.low for i in second) < 0.15


SPREADS = {
    "uniform": CUBE,
    "mixed": [
        checked("a", "normal", [2.0, 0.5], ""),
        checked("b", "lognormal", [1.0, 2.0], ""),
        checked("c", "triangular", [0.0, 0.2, 1.0], ""),
    ],
    "bounded": [checked("a", "beta", [0.3, 0.1], ""), checked("b", "choices", [0.0, 1.0, 4.0], ""), CUBE[2]],
}


@pytest.mark.parametrize("name", SPREADS)
@pytest.mark.parametrize("size", [16, 64])
def test_linear_model_has_its_sobol_indices_exactly(name: str, size: int) -> None:
    """The linear part is a control variate whose indices are known: nothing is left to sampling error."""
    varied = SPREADS[name]
    result = sweep(LINEAR, varied, "sobol", size, replications=3, seed=5)
    variances = np.array([v.variance for v in varied]) * SLOPES**2
    for name in ("first", "total"):
        values = [result.index("y", name)[path].value for path in ABC]
        assert np.allclose(values, variances / variances.sum(), rtol=0, atol=1e-9)
    assert all(i.high - i.low < 1e-9 for i in result.indices)
    assert all(i.value == 0 for i in result.indices if i.name == "second")


@pytest.mark.parametrize("kind", ["uniform", "normal", "lognormal", "triangular", "beta", "choices"])
def test_mean_and_variance_are_those_of_the_quantile_function(kind: str) -> None:
    numbers = {
        "uniform": [2.0, 5.0],
        "normal": [1.0, 2.0],
        "lognormal": [3.0, 7.0],
        "triangular": [1.0, 2.0, 6.0],
        "beta": [0.3, 0.15],
        "choices": [1.0, 2.0, 6.0],
    }[kind]
    varied = checked("x", kind, numbers, "")
    x = varied.at((np.arange(300_000) + 0.5) / 300_000)
    assert x.mean() == pytest.approx(varied.mean, rel=1e-3)
    assert x.var() == pytest.approx(varied.variance, rel=5e-3)


def test_linear_model_through_every_other_method_is_exact() -> None:
    shares = SLOPES**2 / (SLOPES**2).sum()
    lhs = sweep(LINEAR, CUBE, "lhs", 64, 2, 1)
    assert np.allclose([lhs.index("y", "linear")[p].value for p in ABC], shares, rtol=0, atol=1e-9)
    grid = sweep(LINEAR, CUBE, "grid", 4, 2, 1)
    for name in ("first", "total"):
        assert np.allclose([grid.index("y", name)[p].value for p in ABC], shares, rtol=0, atol=1e-9)
    morris = sweep(LINEAR, CUBE, "morris", 6, 2, 1)
    assert np.allclose([morris.index("y", "mu_star")[p].value for p in ABC], np.abs(SLOPES), rtol=0, atol=1e-9)
    assert np.allclose([morris.index("y", "sigma")[p].value for p in ABC], 0.0, atol=1e-9)
    oat = sweep(LINEAR, CUBE, "oat", 3, 2, 1)
    assert np.allclose([oat.index("y", "high")[p].value for p in ABC], SLOPES / 2, rtol=0, atol=1e-9)


def test_one_at_a_time_says_where_its_centre_stands_and_ranks_by_the_larger_end() -> None:
    """`a` bends: nothing at its low end, most at its high one. It comes first in table and figure."""
    from sim.figures.analysis import tornado

    def bent(x: np.ndarray) -> np.ndarray:
        return 10 * np.maximum(x[:, 0] - 0.5, 0) + x[:, 1] + 0.1 * x[:, 2]

    oat = sweep(AnalyticModel(bent, ABC, centre=(0.5, 0.25, 0.5)), CUBE, "oat", 3, 2, 1)
    table = oat.table("en")
    assert "stands at its centre: a = 0.5, b = 0.25, c = 0.5" in table and "取中心值的情形：a = 0.5" in oat.table("zh")
    rows = [line.split()[0] for line in table.splitlines() if line.split()[:1] and line.split()[0] in ABC]
    figure = tornado(oat, "y", "en")
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert rows[:3] == [label.split()[0] for label in labels] == ["a", "b", "c"]
    assert [label.split("centre ")[1] for label in labels] == ["0.5]", "0.25]", "0.5]"]
    ends = [line.get_marker() for line in figure.axes[0].lines if len(line.get_xdata()) == 1]  # type: ignore[arg-type]
    assert [ends.count(sign) for sign in ("o", "D")] == [3, 3]
    assert "stands at its centre" not in sweep(LINEAR, CUBE, "morris", 6, 2, 1).table("en")


def test_effects_that_sum_to_nothing_are_nothing() -> None:
    """Differences of worlds that cancel but for the rounding of floats: 7e-18 was printed, and ranked."""
    from sim.measures import mean_difference, paired_differences

    a, b = np.array([0.1 + 0.2, 0.7, 1.0, np.nan]), np.array([0.3, 0.4, 1.3, 1.0])
    d = paired_differences(a, b)
    assert d[0] == 0.0 and np.isnan(d[3]) and float(mean_difference(d)) == 0.0
    assert np.isnan(mean_difference(d[3:])) and float(mean_difference(np.array([1.0, 2.0]))) == 1.5
    still = sweep(AnalyticModel(lambda x: 0.1 + 0.2 * x[:, 0] - 0.2 * x[:, 0] + x[:, 1], ABC), CUBE, "oat", 3, 4, 1)
    assert {still.index("y", end)["a"].value for end in ("low", "high")} == {0.0}


@pytest.mark.parametrize("sure", [0, 1, 2])
def test_parameters_that_cannot_be_told_from_noise_are_not_ranked(sure: int) -> None:
    """The report called a parameter the second that matters whose interval spans 0."""
    from sim.analysis.sweep import Index
    from sim.report.answer import of_sweep

    swept = sweep(AnalyticModel(linear, ABC, centre=(0.5, 0.5, 0.5)), CUBE, "oat", 3, 4, 1)
    reach = {path: 0.1 if k < sure else 9.0 for k, path in enumerate(ABC)}
    swept.indices = [
        Index(i.output, i.name, i.parameter, "", i.value, i.value - reach[i.parameter], i.value + reach[i.parameter])
        for i in swept.indices
    ]
    for lang, noise in (("en", "cannot be told from noise"), ("zh", "与噪声无法区分")):
        material: Any = SimpleNamespace(lang=lang, say=lambda zh, en, lang=lang: zh if lang == "zh" else en)
        (told,) = of_sweep(swept, material)
        named = [path for path in ABC if f" {path} (" in told or f"{path}（" in told]
        assert sorted(named) == list(ABC[:sure]), told
        assert (noise in told) == (sure < 2), told
        rows = {line.split()[0]: line for line in swept.table(lang).splitlines() if line.split()[:1]}
        assert [rows[path].endswith(noise) for path in ABC] == [k >= sure for k in range(3)]
        assert ("the effects of all" in told or "影响均" in told) == (sure == 0)
        assert ("the effects of the others" in told or "其余" in told) == (sure == 1)


class Shares(AnalyticModel):
    def unit(self, name: str) -> str:
        return "share" if name == "y" else ""


@pytest.mark.parametrize(("lang", "unit"), [("en", "pp"), ("zh", "个百分点")])
@pytest.mark.parametrize("method", ["oat", "morris"])
def test_an_effect_on_a_share_is_in_points(method: str, lang: str, unit: str) -> None:
    from sim.figures.analysis import screening, tornado
    from sim.report.answer import of_sweep

    swept = sweep(Shares(linear, ABC, centre=(0.5, 0.5, 0.5)), CUBE, method, 4, 2, 1)
    draw = tornado if method == "oat" else screening
    assert draw(swept, "y", lang).axes[0].get_xlabel().endswith(unit)
    material: Any = SimpleNamespace(lang=lang, say=lambda zh, en: zh if lang == "zh" else en)
    (told,) = of_sweep(swept, material)
    assert unit in told
    assert unit in swept.table(lang)  # on the terminal too, which had fractions


def test_lhs_first_order_of_ishigami_is_within_its_interval() -> None:
    result = sweep(AnalyticModel(ishigami, ABC), CIRCLE, "lhs", 1024, replications=1, seed=2)
    holds(result, "first", ishigami_indices()[0], 0.2)


def test_larger_sobol_sample_begins_with_the_smaller_one() -> None:
    small, large = (plan(CUBE, "sobol", n, seed=7) for n in (16, 64))
    assert np.array_equal(small.design, large.design[: len(small.design)])


def test_variance_by_chance_is_told_from_variance_by_parameters() -> None:
    """y = linear(x) (1 + s z₂) + c z₁: the three components of the crossed design, in closed form but for 40 draws."""
    model = AnalyticModel(linear, ABC, chance=2.0, interplay=0.3)
    result = sweep(model, CUBE, "sobol", 256, replications=40, seed=1)
    split = result.variance["y"]
    z = np.array([np.random.default_rng([1, r]).standard_normal(2) for r in range(40)])
    of_x, mean = (SLOPES**2).sum() / 12, 5 + SLOPES.sum() / 2
    assert split.parameters == pytest.approx(of_x * ((1 + 0.3 * z[:, 1].mean()) ** 2), rel=0.05)
    assert split.both == pytest.approx(of_x * 0.3**2 * z[:, 1].var(ddof=1), rel=0.05)
    assert split.chance == pytest.approx((mean * 0.3 * z[:, 1] + 2.0 * z[:, 0]).var(ddof=1), rel=0.05)


def test_parameters_without_effect_leave_all_variance_to_chance() -> None:
    model = AnalyticModel(lambda x: np.zeros(len(x)), ABC, chance=1.0)
    result = sweep(model, CUBE, "lhs", 32, 10, 1)
    split = result.variance["y"]
    assert split.parameters == pytest.approx(0, abs=1e-12) and split.both == pytest.approx(0, abs=1e-12)
    assert split.chance > 0
    assert all(i.value == 0 for i in result.indices)


@pytest.mark.parametrize("method", ["sobol", "morris", "lhs", "grid", "oat"])
def test_same_seed_gives_the_same_numbers(method: str) -> None:
    model = AnalyticModel(ishigami, ABC, chance=0.5, interplay=0.1)
    size = 16 if method in ("sobol", "lhs") else 4
    ranges = CUBE if method == "oat" else CIRCLE  # at the ends of the circle all effects of one parameter are 0
    one, two = (sweep(model, ranges, method, size, 3, seed=9) for _ in range(2))
    assert one.indices_csv() == two.indices_csv()
    assert one.indices_csv() != sweep(model, ranges, method, size, 3, seed=10).indices_csv()


def test_undefined_output_is_said_and_has_no_indices() -> None:
    def sometimes(x: np.ndarray) -> np.ndarray:
        return np.column_stack([np.where(x[:, 0] > 0.9, np.nan, x[:, 0]), x[:, 1]])

    result = sweep(AnalyticModel(sometimes, ABC, names=("odd", "y")), CUBE, "sobol", 32, 4, 1)
    assert result.undefined == ["odd"]
    assert {i.output for i in result.indices} == {"y"}
    assert "undefined in" in result.table("en") and "没有定义" in result.table("zh")


@pytest.mark.parametrize("samples", [64, pytest.param(4096, marks=pytest.mark.slow)])
def test_convergence_tells_a_small_sample_from_a_large_one(samples: int) -> None:
    found = sweep(AnalyticModel(ishigami, ABC), CIRCLE, "sobol", samples, 1, 1).convergence[0]
    assert found.enough == (samples == 4096) and found.sizes[-1] == samples
    assert found.enough or found.needed > samples


def test_response_curve_follows_the_function() -> None:
    curve = sweep(LINEAR, CUBE, "oat", 5, 3, 1).curves("y")[2]
    assert np.allclose(curve.mean, 5 + SLOPES[:2].sum() / 2 + SLOPES[2] * curve.x)


def test_progress_ends_at_the_total_and_blocks_come_in_any_order() -> None:
    seen: list[tuple[int, int]] = []

    def backwards(model: AnalyticModel, blocks: object, replications: int, seed: int) -> object:
        yield from reversed(list(InProcess()(model, blocks, replications, seed)))  # type: ignore[arg-type]

    model = AnalyticModel(ishigami, ABC, chance=0.1)
    back = sweep(model, CIRCLE, "lhs", 50, 100, 1, executor=backwards, progress=lambda *at: seen.append(at))  # type: ignore[arg-type]
    assert seen[0] == (0, 50) and seen[-1] == (50, 50)
    assert back.indices_csv() == sweep(model, CIRCLE, "lhs", 50, 100, 1).indices_csv()


def test_folder_holds_samples_metrics_and_indices(tmp_path: Path) -> None:
    model = AnalyticModel(ishigami, ABC, names=("y@2030Q4",), chance=0.2)
    result = sweep(model, CIRCLE, "sobol", 16, 3, 1, out=tmp_path / "s")
    result.save(tmp_path / "s", lang="en")
    found = {p.relative_to(tmp_path / "s").as_posix() for p in (tmp_path / "s").rglob("*.*")}
    assert {"samples.csv", "metrics.csv", "indices.csv", "manifest.json"} <= found
    assert {"figures/sobol-y-2030Q4.png", "figures/response-y-2030Q4.png"} <= {f.replace("@", "-") for f in found}
    rows = (tmp_path / "s" / "metrics.csv").read_text().splitlines()
    assert rows[0] == "sample,metric,quarter,mean,sd,p05,p50,p95,defined"
    assert len(rows) == 1 + len(result.plan.design)
    assert rows[1].startswith("0,y,2030Q4,")


def test_sweep_leaves_somebody_elses_folder_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError):
        sweep(LINEAR, CUBE, "lhs", 16, 2, 1, out=tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("method", ["sobol", "morris", "lhs", "grid", "oat"])
def test_one_parameter_alone_is_swept_too(method: str) -> None:
    result = sweep(LINEAR, CUBE[:1], method, 16 if method in ("sobol", "lhs") else 4, 3, 1)
    if method in ("sobol", "grid"):
        assert result.index("y", "total")["a"].value == pytest.approx(1.0)
    assert "a" in result.table("en")


def test_labelled_arrays_hold_every_index_and_every_world() -> None:
    model = AnalyticModel(ishigami, ABC, chance=0.3, interplay=0.1)
    result = sweep(model, CIRCLE, "sobol", 16, 3, 1)
    data = result.to_xarray(replications=True)
    total = data["total"].sel(output="y", parameter="b").item()
    assert total == result.index("y", "total")["b"].value
    assert data["total_low"].sel(output="y", parameter="b").item() <= total
    pair = next(i for i in result.indices if i.name == "second" and (i.parameter, i.other) == ("a", "c"))
    assert data["second"].sel({"output": "y", "parameter": "a", "with": "c"}).item() == pair.value
    assert np.allclose(data["values"].mean("replication"), data["mean"])
    assert data["variance"].sel(output="y", part="chance").item() == result.variance["y"].chance
    assert set(sweep(LINEAR, CUBE, "oat", 3, 2, 1).to_xarray()) >= {"low", "high", "low_low", "high_high"}


def test_chance_left_in_the_means_is_remarked_with_the_replications_that_would_do() -> None:
    noisy = AnalyticModel(linear, ABC, interplay=3.0)
    few = sweep(noisy, CUBE, "lhs", 64, 4, 4)
    assert "of the variance that the indices share out is chance" in few.table("en") and "残留" in few.table("zh")
    assert "is chance left" not in sweep(AnalyticModel(linear, ABC, chance=3.0), CUBE, "lhs", 64, 4, 1).table("en")
    nothing = sweep(AnalyticModel(lambda x: np.ones(len(x)), ABC, chance=1.0), CUBE, "lhs", 64, 4, 1)
    assert "nan" not in nothing.table("en")


def test_second_order_is_drawn() -> None:
    model = AnalyticModel(ishigami, ABC, names=("y@2030Q4",))
    assert "second-order-y-2030Q4" in sweep(model, CIRCLE, "sobol", 16, 1, 1).figures("zh")


def test_labelled_arrays() -> None:
    data = sweep(LINEAR, CUBE, "lhs", 16, 2, 1).to_xarray()
    assert data["mean"].dims == ("sample", "output")
    assert np.allclose(data["mean"].sel(output="y"), linear(data["design"].values))


# --- bad input


def read(text: str) -> Varied:
    return parse_vary(text, number_of("number"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a", "not a parameter and its range"),
        ("a=", "not a parameter and its range"),
        ("=1..2", "not a parameter and its range"),
        ("a=1", "not a range"),
        ("a=1..", "without an end"),
        ("a=1..1", "empty range"),
        ("a=2..1", "reversed range"),
        ("a=low..high", "not a number"),
        ("a=normal(1)", "a number is missing"),
        ("a=normal(1, 0)", "spread of nothing"),
        ("a=lognormal(2, 1)", "0 < median < p95"),
        ("a=beta(0.5, 2)", "no beta"),
        ("a=triangular(1, 0, 2)", "numbers rise"),
        ("a=choices(1, 1)", "nothing would vary"),
        ("a=gamma(1, 2)", "no such distribution"),
        ("a=0..inf", "not a number"),
    ],
)
def test_range_that_is_none_is_refused(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        read(text)


def test_ranges_are_read_in_the_units_of_their_parameter() -> None:
    assert parse_vary("f=20亿..50亿", number_of("CNY")).ends == (2e9, 5e9)
    assert parse_vary("f=20%..50%", number_of("share")).ends == (0.2, 0.5)
    assert parse_vary("f=18m..10y", number_of("years")).ends == (1.5, 10.0)
    assert read("f=-1..1").ends == (-1.0, 1.0)
    assert read("f=choices(1, 2, 4)").options == (1.0, 2.0, 4.0)


@pytest.mark.parametrize(("found", "use"), [(100, "64 or 128"), (9, "8 or 16"), (1000, "512 or 1024")])
def test_sobol_size_that_is_no_power_of_two_names_the_two_nearest(found: int, use: str) -> None:
    with pytest.raises(UserError, match=use):
        plan(CUBE, "sobol", found, 1)


@pytest.mark.parametrize(
    ("method", "samples", "said"),
    [
        ("sobl", None, "did you mean sobol"),
        ("sobol", 4, "too few"),
        ("morris", 1, "too few"),
        ("grid", 1000, "too large"),
    ],
)
def test_design_that_cannot_be_is_refused(method: str, samples: int | None, said: str) -> None:
    with pytest.raises(UserError, match=said):
        plan(CUBE, method, samples, 1)


def test_every_pair_of_parameters_has_a_second_order_index() -> None:
    result = sweep(LINEAR, CUBE, "sobol", 16, 1, 1)
    assert {(i.parameter, i.other) for i in result.indices if i.name == "second"} == set(combinations(ABC, 2))


# --- a scenario's own paths, metrics and quarters (nothing is simulated here)


@pytest.fixture(scope="module")
def xian() -> Any:
    from sim import load_scenario

    return load_scenario(Path(__file__).resolve().parent.parent / "scenarios" / "xian.toml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("guidance.cap.angle=20%..60%", "did you mean guidance.cap.angel"),
        ("guidance.cap.angel=60%..20%", "reversed"),
        ("guidance.cap.angel=0.5..1.5", "between 0 and 1"),
        ("guidance.cap=0..1", "not a number that can be varied"),
        ("zone.name=1..2", "not a number that can be varied"),
        ("guidance.cap.angel=much..more", "unit"),
    ],
)
def test_scenario_refuses_a_path_or_range_that_cannot_be(xian: Any, text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        varied_of(xian, [text])


def test_all_wrong_ranges_are_told_at_once(xian: Any) -> None:
    with pytest.raises(UserError) as caught:
        varied_of(xian, ["guidance.cap.angle=0..1", "guidance.cap.angel=1..0", "guidance.reinvestment=0..2"])
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("jobs.totl@2028Q4", "did you mean jobs.total"),
        ("jobs.total@1999Q1", "not a quarter of this scenario"),
        ("jobs.total@soon", "not a quarter"),
        ("jobs.total@", "not a quarter"),
    ],
)
def test_unknown_target_is_refused(xian: Any, target: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        ZoneModel.of(xian, [target])


def test_target_without_a_quarter_means_the_last(xian: Any) -> None:
    assert ZoneModel.of(xian, ["jobs.total"]).outputs == [f"jobs.total@{known_quarters(xian)[-1]}"]


def test_scenario_sent_to_a_cluster_is_the_same_scenario(xian: Any) -> None:
    model = ZoneModel.of(xian, ["jobs.total@2028Q4"])
    there = pickle.loads(pickle.dumps(model))
    assert there.fingerprint == model.fingerprint and there.outputs == model.outputs


# --- the scenario's own [sweep] table


def with_table(tmp_path: Path, table: str) -> Any:
    from sim import load_scenario

    base = Path(__file__).resolve().parent.parent / "scenarios" / "xian.toml"
    (tmp_path / "own.toml").write_text(f'extends = "{base.as_posix()}"\n[sweep]\n{table}')
    return load_scenario(tmp_path / "own.toml")


TABLE = """
targets = ["jobs.total@2028Q4"]
method = "lhs"
samples = 32
replications = 7
[sweep.vary]
"guidance.cap.angel" = "20%..60%"
"funds.guidance.size" = { triangular = ["20亿", "50亿", "100亿"] }
"guidance.reinvestment" = { low = 0.5, high = 2.0 }
"firms.entry.organic.per_year" = { lognormal = { median = 1000, p95 = 1300 } }
rounds.meetings = { choices = [4, 6, 8] }
"""


def test_table_of_the_scenario_says_what_to_vary_and_how(tmp_path: Path) -> None:
    scenario = with_table(tmp_path, TABLE)
    varied = {v.path: v for v in varied_of(scenario, [])}
    assert [v.kind for v in varied.values()] == ["uniform", "triangular", "uniform", "lognormal", "choices"]
    assert varied["funds.guidance.size"].ends[0] > 2e9 and varied["guidance.cap.angel"].ends == (0.2, 0.6)
    assert varied["rounds.meetings"].options == (4.0, 6.0, 8.0)
    assert settings_of(scenario, None, None, None) == Settings("lhs", 32, 7)
    assert settings_of(scenario, "oat", 5, 3) == Settings("oat", 5, 3)
    assert targets_of(scenario, []) == ["jobs.total@2028Q4"] and targets_of(scenario, ["a"]) == ["a"]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('method = "sobbol"', r"own.toml:3: sweep.method: not a setting.*sobol \| morris"),
        ("samples = 2.5", r"own.toml:3: sweep.samples.*whole number"),
        ("replications = 0", r"own.toml:3: sweep.replications.*whole number"),
        ('targets = "jobs.total@2028Q4"', "own.toml:3: sweep.targets.*list"),
        ('[sweep.vary]\n"guidance.cap.angel" = "60%..20%"', "own.toml:4: guidance.cap.angel: a reversed range"),
        ('[sweep.vary]\n"guidance.cap.angle" = "20%..60%"', "own.toml:4: .*did you mean guidance.cap.angel"),
        ('"guidance.cap.angel" = { normal = 3 }', "own.toml:3: guidance.cap.angel"),
        ('"guidance.cap.angel" = 0.5', "own.toml:3: guidance.cap.angel"),
        ('"guidance.cap.angel" = { uniform = [0.2, 0.4], normal = [0.3, 0.1] }', "own.toml:3: guidance.cap.angel"),
    ],
)
def test_wrong_table_is_refused_at_its_line(tmp_path: Path, table: str, said: str) -> None:
    scenario = with_table(tmp_path, table + "\n")
    with pytest.raises(UserError, match=said):
        run(scenario)
