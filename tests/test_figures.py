"""Figures are judged by eye; these tests hold what an eye should not have to look for again."""

import copy
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.text import Text

from sim import drawing_helper, figures
from sim.drawing_helper import DrawingHelper
from sim.figures import flows, style
from sim.figures.facts import ROOM
from sim.figures.style import amount, digits, folded, moment, scale_of, wide
from sim.model.metrics import Metric
from sim.printing import of_its_own
from sim.result import Result, ScoredFact
from sim.terms import TERMS, term
from tests import synthetic


@pytest.fixture(scope="module")
def result() -> Result:
    return synthetic.result(60)


def texts(figure: Figure) -> list[Text]:
    figure.draw_without_rendering()
    return texts_laid_out(figure)


def texts_laid_out(figure: Figure) -> list[Text]:
    return [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]


@pytest.fixture(scope="module")
def laid_out(result) -> Callable[[str], dict[str, Figure]]:
    """The default set of a run with a setting of its own, in a language: drawn once for all tests that look at it."""

    @cache
    def of(lang: str) -> dict[str, Figure]:
        with style.style():
            made = {name: draw() for name, draw in figures.default_set(changed(result, SET), lang)}
            for figure in made.values():
                figure.draw_without_rendering()
        assert len(made) > 8
        return made

    return of


SET = "guidance.reinvestment=2.0"


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_figure_keeps_its_words_on_the_page(laid_out, lang):
    for name, figure in laid_out(lang).items():
        with style.style():
            page = figure.bbox
            for text in texts_laid_out(figure):
                box = text.get_window_extent()
                inside = page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1
                shown = text.axes is None or text.get_gid() or _is_shown(text)
                assert inside or not shown, (name, text.get_text(), box)


def _is_shown(text: Text) -> bool:
    """Ticks beyond the axis keep a label that is never drawn."""
    axis = text.axes
    box = axis.bbox.expanded(1.6, 1.6)
    centre = text.get_window_extent()
    return box.contains((centre.x0 + centre.x1) / 2, (centre.y0 + centre.y1) / 2)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_titles_of_small_multiples_do_not_run_into_each_other(laid_out, lang):
    for name, figure in laid_out(lang).items():
        with style.style():
            boxes = [axes._left_title.get_window_extent() for axes in figure.axes if axes.get_title("left")]
            for i, one in enumerate(boxes):
                assert not any(one.overlaps(other) for other in boxes[i + 1 :]), name


@pytest.fixture(scope="module")
def alone(result, tmp_path_factory) -> tuple[list[Path], list[tuple[int, int]]]:
    """The default set as this process writes it by itself, and what was told meanwhile."""
    told = []
    folder = tmp_path_factory.mktemp("alone")
    return figures.draw_all(result, folder, tell=lambda done, total: told.append((done, total))), told


def test_the_default_set_is_written_whole(alone):
    written, told = alone
    assert {path.name for path in written} == {path.name for path in written[0].parent.iterdir()}
    assert len(written) == len(told) == told[-1][1] > 8
    for path in written:
        head = path.read_bytes()[:24]
        assert head[:8] == b"\x89PNG\r\n\x1a\n"
        assert int.from_bytes(head[16:20], "big") == 1600


def test_a_second_process_draws_the_same_pictures(result, alone, tmp_path, monkeypatch):
    """Every third of the set, each by one of the two."""
    whole = figures.default_set
    monkeypatch.setattr(figures, "WORTH", 1)
    monkeypatch.setattr(figures, "default_set", lambda *given: dict([*dict(whole(*given)).items()][::3]))
    result.save(tmp_path / "saved")
    told = []
    with DrawingHelper() as helper:
        shared = figures.draw_all(
            result, tmp_path / "shared", helper=helper, source=tmp_path / "saved", tell=lambda *x: told.append(x)
        )
        helped = helper.drawn
    assert helped  # it had its part
    alone = alone[0][::3]
    assert [path.name for path in shared] == [path.name for path in alone]
    assert [path.read_bytes() for path in shared] == [path.read_bytes() for path in alone]
    assert told == [(k, len(alone)) for k in range(1, len(alone) + 1)]


def test_every_character_of_the_table_and_every_hanzi_of_gb2312_has_a_glyph():
    from sim.fonts.cut import characters

    have = set(font_manager.get_font(str(style.FONT_FILE)).get_charmap())
    fallback = set(font_manager.get_font(font_manager.findfont("DejaVu Sans")).get_charmap())
    assert not characters() - have
    words = {ord(letter) for pair in TERMS.values() for word in pair for letter in word}
    assert not words - have - fallback
    assert style.FONT_FILE.stat().st_size < 3_000_000


def test_a_picture_is_the_same_twice(result):
    for kind in ("png", "svg", "pdf"):
        one, two = (figures.encode(figures.fan(result, "firms.alive"), kind) for _ in range(2))
        assert one == two, kind


def test_drawing_leaves_matplotlibs_settings_alone_and_opens_no_window():
    code = (
        "import sys, matplotlib\n"
        "names = [name for name in matplotlib.rcParams if name != 'backend']  # asking for it opens pyplot\n"
        "before = [matplotlib.rcParams[name] for name in names]\n"
        "from sim import figures; from tests import synthetic\n"
        "figures.encode(figures.fan(synthetic.result(3), 'firms.alive'))\n"
        "print([matplotlib.rcParams[name] for name in names] == before, 'matplotlib.pyplot' in sys.modules)"
    )
    root = str(style.FONT_FILE.parents[2])
    out = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["True", "False"]


def test_the_title_is_the_metrics_own_label_and_the_subtitle_the_answer(result):
    figure = figures.fan(result, "ladder.certificates.hte", lang="zh")
    words = [text.get_text() for text in figure.texts]
    median = np.quantile(result["ladder.certificates.hte"][:, -1], 0.5)
    assert words[0] == "高新技术企业"
    assert f"2033Q4：中位数 {digits(median)}家" in words[1]
    assert words[2] == "Headwater 活水 · 西安高新区 · xian · 60个世界 · 随机种子 1"


def test_a_frameless_figure_is_lower_and_its_words_can_be_asked_for(result):
    framed = figures.overview(result, lang="en")
    with style.frameless():
        bare = figures.overview(result, lang="en")
    assert bare.get_figheight() < framed.get_figheight() - 0.5
    assert style.words_of(bare) == style.words_of(framed)
    assert style.words_of(framed)[0] in [text.get_text() for text in framed.texts] and not bare.texts


def test_a_name_with_dollar_signs_is_drawn_as_it_stands(result):
    name = {"zh": "$x_{$ 100$", "en": "$x_{$ 100$"}
    metrics = [replace(m, label=name) if m.name == "firms.alive" else m for m in result.metrics]
    figures.encode(figures.overview(Result(metrics, result.quarters, result.values)))


def test_renewal_waves_show_years_and_an_empty_page_says_that_there_are_none(result):
    figure = figures.renewal(result, "certificates", lang="en")
    assert figure.axes[0].get_title("left") == "High-tech enterprises"
    bars = [patch for patch in figure.axes[0].patches if patch.get_height()]
    assert len(bars) == 2 * 14
    assert any(text.get_text() == TERMS["figure.empty"][1] for text in figures.renewal(result, "listing", "en").texts)


def test_a_metric_that_is_never_defined_is_drawn_without_a_curve(result):
    index = result._place["firms.alive"]
    values = result.values[index : index + 1] * np.nan
    figures.encode(figures.fan(Result(result.metrics[index : index + 1], result.quarters, values), "firms.alive"))


def test_one_replication_and_one_quarter_can_be_drawn(result):
    for part in (result.values[:, :1], result.values[:, :1, :1]):
        one = Result(result.metrics, result.quarters[: part.shape[2]], part, manifest=result.manifest)
        figures.encode(figures.overview(one))


def test_a_result_without_facts_logs_or_funds_has_the_figures_it_can_have(result, tmp_path):
    keep = [i for i, m in enumerate(result.metrics) if m.name in ("firms.alive", "market.multiple")]
    bare = Result([result.metrics[i] for i in keep], result.quarters, result.values[keep])
    assert {path.stem for path in figures.draw_all(bare, tmp_path, formats=("svg",))} == {"overview", "market"}
    figures.encode(figures.j_curve(bare))
    figures.encode(figures.scoreboard(bare))
    figures.encode(figures.fund_flow([], bare))


def test_a_zone_whose_funds_move_nothing_has_no_empty_flow(result):
    still = replace(result, values=result.values * [[[not m.name.startswith("funds.")]] for m in result.metrics])
    assert "fund-flow" in dict(figures.default_set(result)) and "fund-flow" not in dict(figures.default_set(still))


@pytest.mark.parametrize(("name", "lines"), [
    ("Listed companies", 1),
    ("Output of smart sensing and connected industry, in three years", 2),
    ("智能传感与智能网联产业产值", 1),
    ("上市后备（区级）与上市后备（省级）企业数量合计，年末数", 2),
])  # fmt: skip
def test_a_long_name_of_a_fact_is_folded_and_loses_nothing(name, lines):
    told = folded(name, ROOM)
    assert len(told.splitlines()) == lines and told.replace("\n", "").replace(" ", "") == name.replace(" ", "")


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_panels_say_what_their_dashed_line_is(result, lang):
    said = [text.get_text() for text in texts(figures.overview(replace(result, manifest={"today": 8095}), lang=lang))]
    assert TERMS["figure.divider"][lang == "en"].format(quarter="2023Q4") in said


def test_rounds_are_drawn_stage_by_stage():
    from sim.model.stages import STAGE_LABELS

    drawn = [name.split(".")[2] for name in figures.ROUNDS if name.startswith("rounds.count.")]
    assert drawn == ["total", *(stage for stage, _, _ in STAGE_LABELS)]


def test_listing_pipeline_ends_at_home_abroad_and_both(result):
    from sim.figures.ladders import curves_of, levels_of

    before = levels_of(result, "listing")
    named = {m.name: m for m in result.metrics}
    own = replace(named["ladder.listing.listed"], name="ladder.listing.abroad")
    both = [own, *result.metrics]  # abroad first, as a scenario states it
    values = np.concatenate([result["ladder.listing.listed"][None], result.values])
    stocks, note = curves_of(replace(result, metrics=both, values=values), "listing")
    assert stocks == [*before, "ladder.listing.abroad", "firms.listed"] and note == "figure.pipeline"
    assert curves_of(result, "listing") == (before, "")


def test_long_title_of_a_panel_is_told_whole(result):
    name = "Listing reserve (zone list) + listing reserve (provincial list)"
    first = result.metrics[0]
    told = replace(result, metrics=[replace(first, label={"zh": name, "en": name}), *result.metrics[1:]])
    metrics = [m.name for m in told.metrics[:6]]
    said = [text.get_text().replace("\n", " ") for text in texts(figures.panel(told, metrics, lang="en"))]
    assert name in said


def test_figure_of_published_numbers_says_how_many_it_leaves_out(result):
    said = [text.get_text() for text in texts(figures.published(result, [], lang="en"))]
    assert any(f"of {len(result.facts)} published figures; the scoreboard has all of them" in text for text in said)


def test_a_multiple_that_was_not_published_of_this_zone_is_only_marked(result):
    others = [fact for fact in result.facts if "multiple" not in fact.metric]
    elsewhere = replace(result, facts=others, manifest=result.manifest | {"multiple_marked": 11.1})
    said = [[text.get_text() for text in texts(figures.multiples(r, lang="en"))] for r in (result, elsewhere)]
    assert any("published: 11.1×" in word for word in said[0])
    assert any("marked: 11.1×" in word for word in said[1]) and not any("published" in word for word in said[1])


def test_a_change_since_a_date_is_no_point_on_the_curve(result):
    from sim.figures.curves import _facts

    fact = next(f for f in result.facts if f.id == "xa-hte")
    held = Result(result.metrics, result.quarters, result.values, facts=[replace(fact, since="2019Q4"), fact])
    assert _facts(held, fact.metric) == [fact]


def test_what_flows_into_the_columns_flows_out_of_them():
    columns, links = flows._layers([("a", "b", 3.0), ("b", "c", 2.0), ("a", "c", 1.0)])
    assert columns[0] == ["a"] and columns[2] == ["c"]
    assert set(columns[1]) == {"b", (2, 1)}
    assert sum(x for a, _, x, _ in links if a == "a") == 4.0
    assert sum(x for _, b, x, _ in links if b == "c") == 3.0


def test_flows_in_a_circle_are_refused():
    with pytest.raises(ValueError, match="circle"):
        figures.fund_flow([("a", "b", 1.0), ("b", "a", 1.0)])


def test_the_flows_of_a_result_keep_its_means(result):
    table = {(a, b): x for a, b, x in figures.flows_of(result)}
    paid = result["funds.subfunds.paid_in"][:, -1].mean()
    assert table["guidance", "subfunds"] + table["others", "subfunds"] == pytest.approx(paid)
    assert table["subfunds", "back"] == pytest.approx(result["funds.subfunds.distributed"][:, -1].mean())


def of_funds(**last: float) -> Result:
    """Two replications, a quarter: what each metric is in the first, and half as much again in the second."""
    metrics = [Metric(name.replace("__", "."), "CNY", {"zh": name, "en": name}, "stock") for name in last]
    values = np.array([[[x], [1.5 * x]] for x in last.values()])
    return Result(metrics, ["2023Q4"], values)


@pytest.mark.parametrize(
    ("public", "attraction", "direct"), [(48.0, 0.0, 8.0), (52.0, 4.0, 8.0), (44.0, 4.0, 0.0), (43.0, 0.0, 3.0)]
)
def test_a_fund_is_drawn_as_the_treasurys_only_so_far_as_its_money_is(public, attraction, direct):
    """Whichever kinds are the treasury's, and of a kind that has funds of both (the last) the part that is."""
    result = of_funds(
        funds__guidance__paid_in=40.0,
        funds__direct__paid_in=8.0,
        funds__attraction__paid_in=4.0,
        partners__treasury__paid_in=public,
    )
    flows_ = figures.flows_of(result)
    table = {(a, b): x for a, b, x in flows_}
    assert sum(x for a, _, x in flows_ if a == "treasury") == pytest.approx(1.25 * public)
    assert table.get(("treasury", "attraction"), 0.0) == pytest.approx(1.25 * attraction)
    assert table.get(("treasury", "direct"), 0.0) == pytest.approx(1.25 * direct)
    assert sum(x for _, b, x in flows_ if b == "attraction") == pytest.approx(1.25 * 4.0)
    words = [text.get_text() for text in texts(figures.fund_flow(flows_, result, lang="en"))]
    assert f"Treasury\nCNY {digits(1.25 * public)}" in words


def test_an_amount_beside_a_node_counts_flows_too_thin_to_draw():
    figure = figures.fund_flow([("others", "market", 1e12), ("a", "b", 2.1e9), ("a", "c", 1.9e9)], lang="en")
    assert "a\nCNY 4 bn" in [text.get_text() for text in texts(figure)]


def test_what_runs_into_a_fund_runs_out_of_it_and_exits_are_the_source():
    """A fund that was paid 10 and paid out 19 had 9 more from exits; labels are as large as the bars."""
    result = of_funds(
        funds__market__paid_in=10.0,
        funds__market__invested__local=8.0,
        funds__market__fees=1.5,
        funds__market__expenses=0.5,
        funds__market__distributed=9.0,
    )
    found = figures.flows_of(result)
    into, out = (sum(x for flow in found for x in [flow[2]] if flow[side] == "market") for side in (1, 0))
    assert into == pytest.approx(out) == pytest.approx(1.25 * 19)
    assert ("exits", "market", pytest.approx(1.25 * 9)) in found
    words = [text.get_text() for text in texts(figures.fund_flow(found, result, lang="en"))]
    assert "Market funds\nCNY 23.8" in words and "Exits of firms\nCNY 11.3" in words


def test_a_hair_is_not_drawn():
    flows_ = [("guidance", "subfunds", 7e9), ("others", "subfunds", 14e9), ("others", "market", 45e9)]
    flows_ += [("subfunds", "local", 21e9), ("market", "local", 45e9), ("guidance", "fees", 1.2e8)]
    words = [text.get_text() for text in texts(figures.fund_flow(flows_, lang="en"))]
    assert not any("Fees" in word for word in words) and "Guidance fund\nCNY 7.12 bn" in words


def test_a_floor_is_drawn_as_one_and_every_sign_has_its_key(result):
    from sim.figures.facts import BOUNDED

    figure = figures.scoreboard(result, lang="en")
    signs = [line.get_marker() for line in figure.axes[0].lines]
    floors = [fact for fact in result.facts if fact.bound == "at_least" and fact.use != "input"]
    assert floors and sum(sign is BOUNDED["at_least"] for sign in signs) == len(floors)
    words = [text.get_text() for text in texts(figure)]
    for key in ("figure.band.most", "median", "figure.fact.at_least"):
        assert any(term(key, "en") == word for word in words), key


def test_an_input_has_the_band_of_what_was_simulated_and_nothing_where_nothing_was(result):
    """Every input stood at exactly 1x of `simulated ÷ observed`, whatever was simulated."""
    from sim.figures.facts import simulated_too

    at = result.quarters[4]
    median = float(np.median(result["firms.alive"][:, 4]))
    common = {"use": "input", "date": at, "unit": "firms", "inside": None, "p05": None, "p50": None, "p95": None}
    told = ScoredFact(id="told", metric="firms.alive", observed=median / 0.5, **common)
    untold = ScoredFact(id="untold", metric="services.unknown", observed=10.0, **common)
    assert simulated_too(told, result).p50 == pytest.approx(median)
    alone = copy.copy(result)
    alone.facts = [told, untold]
    lines = figures.scoreboard(alone, lang="en").axes[0].lines
    ticks = [line for line in lines if line.get_marker() == "|"]
    assert [line.get_ydata()[0] for line in ticks] == [0] and ticks[0].get_xdata()[0] == pytest.approx(0.5)
    assert not [line for line in lines if 1 in np.atleast_1d(line.get_ydata()) and line.get_marker() != "None"]
    assert simulated_too(replace(told, use="check"), result).p50 is None


def test_bars_that_go_down_have_minus_signs(result):
    figure = figures.renewal(result, "certificates", lang="en")
    figure.draw_without_rendering()
    ticks = {t.get_text(): t.get_position()[1] for t in figure.axes[0].get_yticklabels()}
    assert any(at < 0 for at in ticks.values()) and all(text.startswith("−") == (at < 0) for text, at in ticks.items())


def test_an_axis_in_millions_has_ticks_between_whole_ones():
    assert len(style.ticks("jobs", 4, 1e6).tick_values(0, 1.15)) >= 4
    assert all(x == round(x) for x in style.ticks("jobs", 4).tick_values(0, 3))


def test_amounts_of_one_panel_do_not_hide_one_another_and_a_row_has_one_unit(result):
    """Two facts at nearly one place; two panels of a row, one in 亿 and one in 万."""
    first = next(f for f in result.facts if f.id == "xa-listed")
    near = [replace(first, date=date, observed=77 + k) for k, date in enumerate(("2023Q3", "2023Q4"))]
    held = Result(result.metrics, result.quarters, result.values, facts=near)
    figure = figures.panel(held, ["firms.listed", "firms.alive", "jobs.total"], lang="en")
    boxes = [t.get_window_extent() for t in texts(figure) if t.get_text() in ("77", "78") and t.axes is not None]
    assert len(boxes) == 2 and not boxes[0].overlaps(boxes[1])
    money = [Metric(name, "CNY", {"zh": name, "en": name}) for name in ("a", "b")]
    row = Result(money, ["2023Q3", "2023Q4"], np.array([[[2e8, 2e8]], [[3e7, 3e7]]]))
    for alike, units in ((True, {"亿元"}), (False, {"亿元", "万元"})):
        words = {t.get_text() for t in texts(figures.panel(row, ["a", "b"], lang="zh", alike=alike))}
        assert words & {"亿元", "万元"} == units


@pytest.mark.parametrize("columns", [2, 3])
def test_a_panels_title_ends_with_its_axes(columns):
    with style.style():
        figure, bottom, top = style.page("t")
        axes = figure.add_axes((0.08, bottom, 0.93 / columns - 0.074, top - bottom - 0.2))
        style.panel_title(axes, "Firms landed by attracted investment " * (4 - columns), columns)
        figure.draw_without_rendering()
        assert axes._left_title.get_window_extent().x1 <= axes.get_window_extent().x1 + 12  # pyright: ignore


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_multiples_say_of_how_many_worlds_they_are(result, lang):
    table = {**result.samples["multiples"]}
    table["replication"] = table["replication"] % 5
    logged = Result(result.metrics, result.quarters, result.values, {"multiples": table}, [], result.manifest)
    _, subtitle, source = style.words_of(figures.multiples(logged, lang=lang))
    assert ("5个世界（共60个）" if lang == "zh" else "5 of 60 worlds") in source
    assert ("有明细的5个世界" if lang == "zh" else "worlds logged: 5") in subtitle
    table["replication"] = np.arange(4000) % 60
    source = style.words_of(figures.multiples(logged, lang=lang))[2]
    assert ("· 60个世界 ·" if lang == "zh" else "· 60 worlds ·") in source


def changed(result: Result, *sets: str) -> Result:
    manifest = {**result.manifest, "overrides": list(sets)}
    return Result(result.metrics, result.quarters, result.values, result.samples, result.facts, manifest, result.names)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_figure_says_what_the_run_set_otherwise(result, laid_out, lang):
    told = f"改设 {SET}" if lang == "zh" else f"set {SET}"
    for name, figure in laid_out(lang).items():
        assert told in style.words_of(figure)[2], name
    assert told in style.words_of(laid_out(lang)["overview"])[1]
    assert told not in style.words_of(figures.overview(result, lang=lang))[1]


def test_of_many_or_long_settings_the_first_are_told_and_the_others_counted():
    assert style.overrides({}, 64) == ""
    assert style.overrides({"overrides": ["a=1", "b=2"]}, 64) == "a=1; b=2"
    assert style.overrides({"overrides": ["a=1", "b=2", "c=3", "d=4", "e=5"]}, 64) == "a=1; b=2; +3"
    long = "ladders.certificates.levels.champion.apply=0.5"
    assert style.overrides({"overrides": [long, long, "c=3"]}, 64) == f"{long}; +2"
    assert style.overrides({"overrides": ["x" * 90]}, 64) == "x" * 63 + "..."


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_long_settings_stay_on_the_page(result, lang):
    long = changed(result, "ladders.certificates.levels.champion.apply=0.5", "name=很长很长的名字", "c=3")
    long.manifest["scenario"] = f"scenarios/{'a-variant-with-a-long-name-' * 3}.toml"
    for draw in (figures.overview, figures.multiples, figures.scoreboard):
        with style.style():
            figure = draw(long, lang=lang)
            figure.draw_without_rendering()
            for text in figure.texts:
                assert text.get_window_extent().x1 <= figure.bbox.x1, text.get_text()


def test_the_share_above_the_published_multiple_is_the_samples_own(result):
    share = np.mean(result.samples["multiples"]["multiple"] >= 11.1)
    words = [text.get_text() for text in texts(figures.multiples(result, lang="en"))]
    assert any(f"≥ 11.1×: {share:.1%}" in word for word in words)


class Compared:
    """What figures need of a comparison."""

    def __init__(self, baseline: Result, variant: Result, metrics: list[str]) -> None:
        self.baseline = "xian"
        self.metrics = [baseline.metric(name) for name in metrics]
        self.quarters = baseline.quarters
        d = np.stack([variant[name] - baseline[name] for name in metrics])
        self.mean = d.mean(axis=1)
        reach = 1.96 * d.std(axis=1) / np.sqrt(d.shape[1])
        self.low, self.high = self.mean - reach, self.mean + reach
        self.p05, self.p50, self.p95 = np.quantile(d, (0.05, 0.5, 0.95), axis=1)

    def called(self, name, lang):
        return name

    def of(self, name: str) -> "Compared":
        return self

    def row(self, metric: str) -> int:
        return [m.name for m in self.metrics].index(metric)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_paired_difference_can_be_drawn(result, lang):
    compared = Compared(result, synthetic.result(60, shift=0.01), ["firms.alive", "valuation.listed.total"])
    for metric in ("firms.alive", "valuation.listed.total"):
        figures.encode(figures.difference(compared, metric, "double-fund", lang=lang))


@pytest.mark.parametrize(
    ("value", "unit", "zh", "en"),
    [
        (1.51e10, "CNY", "151亿元", "CNY 15.1 bn"),
        (6.67e8, "CNY", "6.67亿元", "CNY 667 m"),
        (6e7, "CNY", "6,000万元", "CNY 60 m"),
        (3.2e13, "CNY", "32万亿元", "CNY 32 tn"),
        (1.676e12, "CNY", "1.68万亿元", "CNY 1.68 tn"),
        (0.0, "CNY", "0元", "CNY 0"),
        (-4.2e8, "CNY", "−4.2亿元", "CNY −420 m"),
        (4840, "firms", "4,840家", "4,840 firms"),
        (412_345, "jobs", "41.2万人", "412,345 jobs"),
        (3.024, "ratio", "3.02倍", "3.02×"),
        (0.123, "share", "12.3%", "12.3%"),
        (0.0004, "share", "0.04%", "0.04%"),
        (float("nan"), "CNY", "–元", "CNY –"),
    ],
)
def test_numbers_are_said_as_people_say_them(value, unit, zh, en):
    assert (amount(value, unit, "zh"), amount(value, unit, "en")) == (zh, en)


def test_an_axis_has_one_scale_for_all_its_numbers():
    assert scale_of("CNY", 5e9, "zh").text(1e7) == "0.1"
    assert scale_of("CNY", 1.676e12, "zh").text(4e9) == "40"  # 亿元: 0.004万亿元 would say nothing
    assert moment("2023Q4") == 2023.0 and moment("2024Q1") == 2023.25


@pytest.mark.parametrize(("kilograms", "zh", "en"), [
    (7500.0, "7,500千克标准煤", "7,500 kg coal eq."),
    (2_636_017.0, "2,636吨标准煤", "2,636 t coal eq."),
    (1.2e8, "12万吨标准煤", "120 kt coal eq."),
])  # fmt: skip
def test_energy_is_told_in_tonnes_where_kilograms_would_fill_the_line(kilograms, zh, en):
    assert amount(kilograms, "kgce", "zh") == zh and amount(kilograms, "kgce", "en") == en


def test_firms_with_one_round_are_told_and_not_drawn(result):
    table = {"multiple": np.concatenate([result.samples["multiples"]["multiple"], np.ones(4000)])}
    half = Result(result.metrics, result.quarters, result.values, {"multiples": table})
    words = [text.get_text() for text in texts(figures.multiples(half, lang="en"))]
    assert any("50% had one round only" in word for word in words)
    figures.encode(
        figures.multiples(
            Result(result.metrics, result.quarters, result.values, {"multiples": {"multiple": np.ones(3)}})
        )
    )


def test_infinite_values_leave_the_rest_of_the_chart_readable(result):
    values = result.values.copy()
    values[result._place["firms.alive"], :30, 30:] = np.inf
    figures.encode(figures.fan(Result(result.metrics, result.quarters, values), "firms.alive"))


def test_asked_for_metrics_are_drawn_alone(result, tmp_path):
    written = figures.draw_all(result, tmp_path, formats=("svg", "pdf"), metrics=["firms.alive", "jobs.total"])
    names = {"firms.alive.svg", "firms.alive.pdf", "jobs.total.svg", "jobs.total.pdf"}
    assert {path.name for path in written} == names


def test_every_scored_fact_stands_on_a_curve(result):
    """A sum of metrics, a change since a date and a metric of no other figure have panels of their own."""
    from sim.figures.curves import _curves_of_facts

    since = replace(result.facts[4], id="grown", since="2019Q4", observed=2362.0)
    both = replace(result.facts[10], id="both", metric="firms.listed + ladder.listing.reserve")
    told = replace(result, facts=[*result.facts, since, both])
    curves = _curves_of_facts(told, ("ladder.certificates.hte", "ladder.certificates.giant"))
    names = [metric.name for metric in curves.metrics]
    assert "ladder.certificates.hte since 2019Q4" in names and "ladder.certificates.hte" not in names
    change = curves["ladder.certificates.hte since 2019Q4"]
    assert np.array_equal(
        change[:, 12], result["ladder.certificates.hte"][:, 12] - result["ladder.certificates.hte"][:, 0]
    )
    parts = result["firms.listed"] + result["ladder.listing.reserve"]
    assert np.array_equal(curves[both.metric], parts[:, : len(curves.quarters)])
    assert [name for name, _ in figures.default_set(told)].count("published") == 1


def test_a_result_without_facts_has_no_figure_of_published_ones(result):
    assert "published" not in dict(figures.default_set(replace(result, facts=[])))


def test_what_was_published_of_a_named_firm_is_a_point_on_its_own_curve(result):
    path = {"firm": "tangjing", "what": "valuation", "date": "2023Q4", "published": 6.67e8, "unit": "CNY"}
    told = replace(result, facts=[], manifest={**result.manifest, "named": [path]})
    words = [text.get_text() for text in texts(figures.panel(told, figures.named_firms(told)[:1], lang="en"))]
    assert "published of this very firm" in words and "≥ 0.67" in words


def test_programmes_and_incubators_that_change_are_drawn(result):
    quarters = len(result.quarters)
    rising, still = np.arange(quarters, dtype=float), np.full(quarters, 14.0)
    own = {
        "programme.green.adopters": rising, "programme.green.adopted": rising, "programme.green.spent": 1e6 * rising,
        "programme.green.waiting": still, "programme.list.adopters": rising[::-1].copy(),
        "programme.list.adopted": still, "incubator.east.tenants": rising, "incubator.east.graduated": still,
    }  # fmt: skip
    metrics = [Metric(name, "CNY" if name.endswith("spent") else "firms", {"zh": name, "en": name}) for name in own]
    values = np.stack([np.tile(x, (result.replications, 1)) for x in own.values()])
    more = replace(result, metrics=[*result.metrics, *metrics], values=np.concatenate([result.values, values]))
    assert figures.programmes(more) == ["programme.green.adopters", "programme.green.spent"]
    assert figures.incubators(more) == ["incubator.east.tenants"]
    assert of_its_own(more) == ["programme.green.adopters", "programme.green.spent", "incubator.east.tenants"]
    drawn = dict(figures.default_set(more, "en"))
    assert {"programmes", "incubators"} <= drawn.keys()
    drawn["programmes"](), drawn["incubators"]()


@pytest.fixture
def few(result, monkeypatch):
    """A result with two figures, which a second process draws all the same."""
    monkeypatch.setattr(figures, "WORTH", 1)
    kept = [i for i, m in enumerate(result.metrics) if m.name in ("firms.alive", "market.multiple")]
    return replace(result, metrics=[result.metrics[i] for i in kept], values=result.values[kept], samples={}, facts=[])


@pytest.mark.parametrize("when", ["before", "in the middle", "by its input"])
def test_what_the_second_process_does_not_draw_the_first_does(few, tmp_path, when):
    result = few
    saved = result.save(tmp_path / "saved")
    if when == "by its input":
        (saved / "manifest.json").unlink()  # it cannot read the result
    with DrawingHelper() as helper:
        if when == "before":
            helper._process.kill()

        def tell(done, total):
            if when == "in the middle" and done == 1:
                helper._process.kill()

        shared = figures.draw_all(result, tmp_path / "shared", helper=helper, source=saved, tell=tell)
    assert all(path.exists() for path in shared)
    assert helper._process.poll() is not None  # it outlives nobody
    assert len(shared) == len(dict(figures.default_set(result)))


def test_the_second_process_is_of_this_program_wherever_it_is_started(few, tmp_path, monkeypatch):
    saved = few.save(tmp_path / "saved")
    (tmp_path / "sim").mkdir()
    (tmp_path / "sim" / "__init__.py").write_text("raise SystemExit('another program')\n")
    monkeypatch.chdir(tmp_path)
    with DrawingHelper() as helper:
        names = deque(dict(figures.default_set(few)))
        wanted = len(names)
        helper.share(saved, "en", ["png"], names)
        while helper.wait():
            wanted -= len(list(helper.arrived()))
    assert wanted == 0


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no such signal here")
def test_a_second_process_that_hangs_is_not_waited_for(few, tmp_path, monkeypatch):
    monkeypatch.setattr(drawing_helper, "PATIENCE", 0.2)
    saved = few.save(tmp_path / "saved")
    with DrawingHelper() as helper:
        helper._process.send_signal(signal.SIGSTOP)
        written = figures.draw_all(few, tmp_path / "figures", helper=helper, source=saved)
    assert all(path.exists() for path in written)


LONG_NAMES = [  # as the parameters of Tianjin and Xiamen are called
    "Part of the log gap between a backed firm's value and what its sales are worth at listed multiples that is made"
    " good in a year\nrounds.grows_into  [0.1 … 0.3, centre 0.2]",
    "上市后备（区级）：符合条件者中向投资人承诺上市（给过回购权）的企业申请的比例，取代 apply\n"
    "ladders.listing.levels.reserve.promised  [0.1 … 0.9，中心值 1]",
    "绿色发展专项资金：全额补贴使上述两个概率提高的幅度：乘以 1 + response × subsidy\nprogrammes.green.response",
]


def test_names_of_rows_stay_on_the_page_and_off_each_other():
    """A tornado cut their beginnings off: half of the page held two thirds of the longest."""
    from sim.figures.analysis import _rows_page

    @style.styled
    def page():
        figure, axes = _rows_page("", "", "", 3, [], LONG_NAMES)
        figure.canvas.draw()
        boxes = [name.get_window_extent() for name in axes.get_yticklabels()]
        assert all(box.x0 >= 0 for box in boxes)
        assert all(above.y0 >= below.y1 for above, below in pairwise(boxes))
        return figure

    page()


@pytest.mark.parametrize("name", [*LONG_NAMES, "ladders." + "long." * 30, "无空格" * 40, "x" * 200])
def test_a_name_in_lines_loses_nothing(name: str):
    told = style.lines(name, 40)
    assert max(map(wide, told.split("\n"))) <= 40
    assert "".join(told.split()) == "".join(name.split())


def test_titles_of_panels_in_chinese_with_a_space_stay_over_their_panel():
    """They were broken at spaces alone, so that one ran over the next."""
    from sim.figures.analysis import _clipped

    told = _clipped(LONG_NAMES[1].partition("\n")[0], 0.95 / 2).split("\n")
    assert len(told) == 2 and max(map(wide, told)) <= 60
