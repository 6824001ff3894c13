"""The scoreboard over zones: what counts as inside, and how sure its shares are."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from sim.analysis import backtest
from sim.analysis.backtest import Backtest, Published, Share, scored
from sim.errors import UserError
from sim.scenario import load_scenario

DRAWS = np.arange(101.0)
ABOUT = {"version": "0", "replications": 101, "seed": 1}


def fact(value: float, bound: str | None = None, use: str = "check", name: str = "f") -> SimpleNamespace:
    return SimpleNamespace(id=name, use=use, metric="m", date=2023 * 4 + 3, value=value, bound=bound)


def board(*facts: SimpleNamespace, national: tuple[Published, ...] = ()) -> Backtest:
    return Backtest([scored("zone", one, DRAWS, "firms") for one in facts], list(national), ABOUT)


@pytest.mark.parametrize(
    ("value", "inside", "half"),
    [(50, True, True), (25, True, True), (24, True, False), (5, True, False), (4, False, False), (96, False, False)],
)
def test_a_figure_is_inside_its_band(value: float, inside: bool, half: bool):
    found = scored("zone", fact(value), DRAWS, "firms")
    assert (found.inside, found.half) == (inside, half)
    assert found.date == "2023Q4"


def test_a_floor_is_met_where_the_band_reaches_it_and_says_nothing_of_the_width():
    low, high = (scored("zone", fact(value, "at_least"), DRAWS, "firms") for value in (-10, 96))
    assert low.inside and low.half is None and low.reached == 1.0
    assert high.inside is False
    assert scored("zone", fact(200, "at_most"), DRAWS, "firms").inside


def test_an_undefined_metric_leaves_a_fact_without_a_mark():
    found = scored("zone", fact(1.0), np.full(9, np.nan), "firms")
    assert found.inside is None and found.p50 is None
    assert Backtest([found], [], ABOUT).share("check").of == 0


def test_share_has_the_exact_interval_of_clopper_and_pearson():
    """Ten of ten: the lower end is 0.025^(1/10), the upper 1."""
    low, high = Share(10, 10).interval
    assert low == pytest.approx(0.025**0.1) and high == 1.0
    low, high = Share(0, 10).interval
    assert low == 0.0 and high == pytest.approx(1.0 - 0.025**0.1)


def test_shares_count_each_use_apart_and_name_the_misses():
    found = board(fact(50), fact(99, name="far"), fact(50, use="calibrate"), fact(500, use="goal"), fact(5, "at_least"))
    assert (found.share("check").inside, found.share("check").of) == (2, 3)
    assert (found.share("check", half=True).inside, found.share("check", half=True).of) == (1, 2)
    assert found.share("calibrate").of == found.share("goal").of == 1
    assert [miss.id for miss in found.misses] == ["far", "f"]
    assert "far too low (0.51×)" in found.table("en") and "far 偏低" in found.table("zh")


def test_zones_and_facts_are_told_by_name_and_with_their_unit():
    names, zones = ("小巨人", "little giants"), ("西安高新区", "Xi'an High-tech Zone")
    rows = [scored("xian", fact(66.0), DRAWS, "firms", names, zones)]
    rows += [scored("xian", fact(1.0), DRAWS, "certificates", ("过会企业", "approved"), zones)]
    zh, en = (Backtest(rows, [], ABOUT).table(lang) for lang in ("zh", "en"))
    assert "西安高新区  小巨人" in zh and "66家" in zh and "1家" in zh
    assert "Xi'an High-tech Zone  Little giants" in en and "66 firms" in en and "1 firm " in en
    assert "| Little giants | f |" in Backtest(rows, [], ABOUT).markdown("en")


def test_national_tables_are_counted_beside_the_facts():
    rows = (Published("survival", "year 1", 0.8, 0.79, 0.05, True), Published("funnel", "b", 0.2, 0.4, 0.1, False))
    text = board(fact(50), national=rows).table("en")
    assert "1 of 2 numbers within tolerance; missed in funnel" in text
    given = Published("batches", "2019", 248.0, 250.0, 0.15, True, "input")
    text = board(fact(50), national=(*rows, given)).table("en")
    assert "2 of 3 numbers within tolerance (check 1 of 2; input, carried 1 of 1); missed in funnel" in text


def test_the_markdown_has_a_row_for_every_fact():
    text = board(fact(50), fact(99, name="far")).markdown("en")
    assert text.count("\n| check |") == 2 and "inside 25–75 %: 1 of 2" in text


def test_figure_and_files_in_both_languages(tmp_path: Path):
    found = board(fact(50), fact(99, name="far"), fact(20, "at_least"))
    for lang in ("zh", "en"):
        found.save(tmp_path / lang, lang)
        names = {path.name for path in (tmp_path / lang).iterdir() if not path.name.startswith(".")}
        assert {"facts.csv", "national.csv", "backtest.md", "manifest.json", "figures"} <= names
        assert (tmp_path / lang / "figures" / "backtest.png").stat().st_size > 10_000


def test_scenarios_without_a_scored_fact_are_refused(tmp_path: Path, root: Path):
    path = tmp_path / "bare.toml"
    path.write_text(f'extends = "{root / "scenarios" / "national.toml"}"\n', encoding="utf-8")
    with pytest.raises(UserError):
        backtest.run([load_scenario(path)], 4)


def test_the_five_zones_are_there(root: Path):
    assert len(backtest.ZONES) == 5
    assert all((root / name).is_file() for name in backtest.ZONES)


def test_a_backtest_keeps_the_command_that_makes_it_again(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from sim import ensemble, scoring
    from sim.cli import build_parser

    monkeypatch.setattr(ensemble, "simulate", lambda *given, **more: SimpleNamespace(metrics=[]))
    monkeypatch.setattr(scoring, "simulated", lambda *given: np.zeros(8))
    zones = [load_scenario(root / "scenarios" / f"{name}.toml") for name in ("wuxi", "xiamen")]
    found = backtest.run(zones, 8, 2, national=False)
    Backtest([], [], found.about, found.origin).save(tmp_path / "out", "en", figures=False)
    about = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    read = build_parser().parse_args(about["command"])
    assert (read.command, read.scenario) == ("backtest", [zone._path for zone in zones])
    assert (read.replications, read.seed) == (8, 2)
    assert about["scenario_text"] == zones[0]._text_of_files | zones[1]._text_of_files and about["numba"]


def test_a_zone_is_scored_as_the_run_scores_it(root: Path):
    """Worlds lived only to the last fact give the same bands as whole ones."""
    from sim.ensemble import simulate

    xiamen = load_scenario(root / "scenarios" / "xiamen.toml")
    found = backtest.run([xiamen], 8, 1, national=False).facts
    whole = {one.id: one for one in simulate(xiamen, 8, 1, events=0).facts if one.use != "input"}
    assert {one.id for one in found} == set(whole)
    for one in found:
        assert (one.p05, one.p50, one.p95) == (whole[one.id].p05, whole[one.id].p50, whole[one.id].p95)
        assert one.inside == whole[one.id].inside
