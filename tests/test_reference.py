"""The printed reference says what the model says, in both languages."""

from __future__ import annotations

import re

import pytest

from sim.captable.reading import CompanyFile, IssuedClass, PlannedRound, Shareholder, StatedExit
from sim.scenario import meanings, reference
from sim.scenario.document import Scenario
from sim.scenario.fields import iter_quantities
from tests.conftest import ROOT


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_committed_page_is_what_the_model_prints(lang: str):
    page = (ROOT / "docs/handbook" / lang / "scenario.md").read_text(encoding="utf-8")
    assert page == reference.page(lang), "print it again: make reference"


def test_every_number_of_a_scenario_has_its_line():
    """Every path of Xi'an's numbers is a line of the reference, ids and places of lists put for their capitals."""
    from sim.scenario import load_scenario

    patterns = [re.sub(r"[A-Z]{3,}", "[^.]+", re.escape(path)) for path, _ in reference.every_key()]
    known = re.compile("|".join(rf"{p}(\.[a-z0-9_]+)*" for p in patterns))
    items = re.compile(r"^(funds|named|facts)\.[^.]+\.|(?<=rounds)\.\d+|(?<=conditions)\.\d+|(?<=history)\.\d+")
    for path, _ in iter_quantities(load_scenario(ROOT / "scenarios/xian.toml")):
        if path.startswith("levers."):
            continue  # named by a path, which has dots of its own
        plain = items.sub(lambda m: f"{m.group(1)}." if m.group(1) else "", path)
        assert known.fullmatch(plain), path


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_key_has_a_meaning(lang: str):
    assert [path for path, meaning in reference.every_key(lang) if not meaning] == []


def test_no_meaning_is_told_of_what_is_gone():
    models = {section.model.__name__: section.model for section in reference.sections(Scenario)}
    models |= {model.__name__: model for model in (CompanyFile, Shareholder, IssuedClass, PlannedRound, StatedExit)}
    inline = {
        "ByRegime",
        "StayByRegime",
        "WindowByRegime",
        "PaceByRegime",
        "Odds",
        "Caps",
        "EntrySources",
        "Stages",
        "Investors",
    }
    for entry in {*meanings.EN, *meanings.ZH}:
        model, _, key = entry.partition(".")
        if model in inline or model == "Table":
            continue
        if model == "Scenario":
            assert key in Scenario.model_fields, entry
        else:
            assert model in models, entry
            assert not key or key in models[model].model_fields, entry


def test_bounds_are_printed_as_the_model_has_them():
    page = reference.page("en")
    assert "| `carry` | carried interest | share | 0 – 1 | needed |" in page
    drift = next(
        line for line in page.splitlines() if line.startswith("| `drift` | yearly drift of the log value after")
    )
    assert drift.endswith("| rate a year | -5 – 5 | national.toml |")
    assert "one of `angel`, `seed`, `a`, `b`, `c`, `d`, `pre_ipo`" in page


def test_a_parameter_is_told_by_the_meaning_of_its_key():
    from sim.scenario.meanings import of_path

    assert of_path("firms.entry.organic.per_year", "zh") == "期初每年新增企业数"
    assert of_path("funds.guidance.size", "en") == "commitments"
    assert of_path("guidance.cap.angel", "zh") == "出资比例上限，按类别 (angel)"
    assert of_path("ladders.listing.levels.listed.apply", "en")
    assert of_path("nothing.of.the.kind", "en") == ""


def test_every_number_of_the_reference_scenario_has_a_meaning_in_both_languages():
    from sim.scenario import load_scenario
    from sim.scenario.loading import provenance
    from sim.scenario.meanings import of_path

    paths = [row["path"] for row in provenance(load_scenario(ROOT / "scenarios" / "xian.toml"))]
    assert len(paths) > 300
    for lang in ("en", "zh"):
        assert [path for path in paths if not of_path(path, lang)] == []


def test_every_table_and_key_has_a_chinese_meaning() -> None:
    from sim.scenario.document import Scenario

    missing = {}
    for section in reference.sections(Scenario):
        name = section.model.__name__
        if name not in meanings.ZH:
            missing[name] = meanings.of_table(section.model, "en")
        for key, _, _ in reference.fields_of(section.model):
            told = meanings.of_key(section.model, key, "zh")
            if told and told not in meanings.ZH.values():
                missing[f"{name}.{key}"] = told
    lines = [f'    "{name}": "…",  # {told}' for name, told in missing.items()]
    assert not missing, "give each a Chinese meaning in ZH of sim/scenario/meanings.py:\n" + "\n".join(lines)
