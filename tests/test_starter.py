"""`new`: the file that it writes always runs, says what every line means, and never takes the place of another."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from sim import starter
from sim.errors import UserError
from sim.scenario import load_scenario
from sim.starter import QUESTIONS, Answers
from tests.conftest import ROOT, tried

Call = Callable[..., subprocess.CompletedProcess[str]]
NAMES = st.text(st.characters(exclude_categories=("C",), exclude_characters="/"), min_size=1, max_size=40)


def written(answers: Answers, folder: Path, lang: str = "en") -> Path:
    (folder / starter.BASE).write_bytes((ROOT / "scenarios" / starter.BASE).read_bytes())
    (folder / "mine.toml").unlink(missing_ok=True)
    return starter.create("mine", answers, lang, folder)


# --- the file


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_starter_loads_and_says_what_was_answered(tmp_path: Path, lang: str):
    a = Answers(("滨江", "Riverside"), 2024 * 4, 700, 150, 90, 8.5e8, 0.35, 1.5, 4, 8)
    z = load_scenario(written(a, tmp_path, lang))
    assert (z.zone.name.zh, z.zone.name.en, z.zone.start, z.zone.quarters) == ("滨江", "Riverside", a.start, 33)
    assert z.firms.initial.count.value == 700
    assert z.firms.entry.organic.per_year.value + z.firms.entry.incubator.per_year.value == 90
    assert z.ladders["certificates"].levels["hte"].initial.value == 150  # type: ignore[union-attr]
    assert z.ladders["listing"].levels["listed"].initial.value == 4  # type: ignore[union-attr]
    assert {z.guidance.cap.angel.value, z.guidance.cap.venture.value, z.guidance.cap.industry.value} == {0.35}
    assert z.guidance.reinvestment.value == 1.5
    assert next(f.size.value for f in z.funds if f.id == "guidance" and f.size) == 8.5e8


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_line_of_the_starter_is_explained(tmp_path: Path, lang: str):
    lines = written(Answers(), tmp_path, lang).read_text(encoding="utf-8").splitlines()
    keys = [line for line in lines if " = " in line and not line.startswith(("#", "extends"))]
    assert len(keys) > 100
    for line in keys:
        assert line.rpartition("  # ")[2].strip() and "  # " in line, line
    if lang == "zh":
        assert not [line for line in keys if line.rpartition("  # ")[2].isascii()]


def test_a_number_of_the_starter_is_graded_assumed_never_by_the_base(tmp_path: Path):
    from sim.scenario.fields import iter_quantities

    path = written(Answers(), tmp_path)
    quantities = dict(iter_quantities(load_scenario(path)))
    for key in ("ladders.certificates.levels.hte.initial", "guidance.cap.angel", "guidance.reinvestment"):
        assert (quantities[key].grade, quantities[key].source) == ("assumed", "starter file")
    assert quantities["guidance.asks"].source != "starter file"


def test_the_chinese_starter_names_its_source_in_chinese_everywhere(tmp_path: Path):
    assert "starter file" not in written(Answers(), tmp_path, "zh").read_text(encoding="utf-8")


def test_funds_of_the_starter_keep_for_following_what_those_of_a_shipped_zone_keep(tmp_path: Path):
    """What market funds keep beyond that is never called: a starter's would place less than a shipped zone's."""
    kept = [{f.id: f.follow_on.value for f in load_scenario(path).funds}
            for path in (written(Answers(), tmp_path), ROOT / "scenarios" / "xian.toml")]  # fmt: skip
    own, shipped = kept
    assert own == {id: shipped[id] for id in own} and own["market_early"] == 0.15


def test_the_counts_that_were_asked_for_are_drawn_by_no_world(tmp_path: Path):
    """What the rest is worked out from them is in doubt; the remark of the file says the widths of national.toml."""
    from sim.scenario.fields import iter_quantities

    path = written(Answers(), tmp_path)
    z = load_scenario(path)
    quantities = dict(iter_quantities(z))
    levels = "ladders.{}.levels.{}.initial"
    for key in (
        "firms.initial.count",
        "firms.entry.organic.per_year",
        "firms.entry.incubator.per_year",
        levels.format("certificates", "hte"),
        levels.format("listing", "listed"),
    ):
        assert quantities[key].exact and quantities[key].doubt is None
    assert quantities[levels.format("certificates", "srdi")].doubt is not None
    widths = {
        grade: f"{1 + q.value:g}-fold"
        for grade, q in (("estimated", z.uncertainty.estimated), ("assumed", z.uncertainty.assumed))
    }
    head = path.read_text(encoding="utf-8")
    assert all(width in head for width in widths.values()) and set(widths.values()) == {"1.2-fold", "1.4-fold"}


@tried(10)
@given(
    name=NAMES,
    start=st.integers(1990 * 4, 2100 * 4),
    firms=st.integers(10, 200_000),
    parts=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    entrants=st.integers(0, 50_000),
    guidance=st.just(0.0) | st.floats(starter.LEAST_FUND, 1e13),  # less is asked for its unit
    cap=st.floats(0.01, 1),
    reinvestment=st.floats(0, 5),
    years=st.integers(1, starter.LONGEST),
)
def test_whatever_the_wizard_takes_makes_a_valid_scenario(
    tmp_path_factory, name, start, firms, parts, entrants, guidance, cap, reinvestment, years
):
    hte, listed = (round(part * firms) for part in parts)
    a = Answers((name, name), start, firms, hte, entrants, guidance, cap, reinvestment, listed, years)
    folder = tmp_path_factory.getbasetemp() / "starters"
    folder.mkdir(exist_ok=True)
    assert load_scenario(written(a, folder)).zone.quarters == 4 * years + 1


@pytest.mark.parametrize("name", ["", "-x", "../x", "a/b", "x y", ".hidden", "scenarios/x.toml"])
def test_a_name_that_is_none_is_refused(name: str):
    with pytest.raises(UserError, match="not a name"):
        starter.place(name)


def test_a_scenario_that_is_there_is_left_alone(desk: Path, headwater: Call):
    before = (desk / "scenarios/xian.toml").read_bytes()
    done = headwater("new", "xian")
    assert done.returncode == 2
    assert "scenarios/xian.toml: this scenario is there already" in done.stderr
    assert (desk / "scenarios/xian.toml").read_bytes() == before


def test_without_the_base_beside_it_nothing_is_written(desk: Path, headwater: Call):
    (desk / "scenarios/national.toml").unlink()
    done = headwater("new", "mine")
    assert done.returncode == 2
    assert "scenarios/national.toml: not found" in done.stderr
    assert not (desk / "scenarios/mine.toml").exists()


def test_new_names_the_zone_in_both_languages_and_says_how_to_go_on(desk: Path, headwater: Call):
    done = headwater("new", "mine.toml", "--zone", "滨江 / Riverside")
    assert done.returncode == 0, done.stderr
    assert "python run.py run scenarios/mine.toml" in done.stdout
    data = tomli.loads((desk / "scenarios/mine.toml").read_text(encoding="utf-8"))
    assert data["zone"]["name"] == {"zh": "滨江", "en": "Riverside"}


# --- the wizard


def asked(*lines: str, lang: str = "en") -> tuple[Answers, str]:
    told: list[str] = []
    given = iter([f"{line}\n" for line in lines])
    return starter.ask(lambda: next(given, ""), told.append, lang), "".join(told)


def test_there_are_ten_questions_one_for_each_answer():
    assert [question.key for question in QUESTIONS] == [field.name for field in fields(Answers)]
    assert len(QUESTIONS) == 10


def test_empty_answers_take_the_defaults():
    assert asked(*[""] * 10)[0] == Answers()


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_an_answer_that_makes_no_sense_is_asked_again_with_an_example(lang: str):
    answers, told = asked("", "2024-13", "2024Q1", "many", "500", "501", "80", *[""] * 6, lang=lang)
    assert (answers.start, answers.firms, answers.certified) == (2024 * 4, 500, 80)
    assert told.count("3/10") == 2 and told.count("4/10") == 2
    assert ("可写：" if lang == "zh" else "Write: ") in told


def test_a_question_can_be_gone_back_to_and_what_was_answered_is_the_default_then():
    answers, told = asked("Lakeside", "2024Q1", "12000", "<", "1200", "", "<", "<", "1000", "", "90", *[""] * 5)
    assert (answers.zone, answers.start) == (("Lakeside", "Lakeside"), 2024 * 4)
    assert (answers.firms, answers.certified, answers.entrants) == (1000, 300, 90)
    assert "Firms present at the start [12000]" in told
    assert told.startswith(starter.HOW[0])
    first, _ = asked("<", "＜", "Lakeside", *[""] * 9)
    assert first.zone == ("Lakeside", "Lakeside")


def test_an_answer_that_a_smaller_zone_cannot_hold_is_asked_for_anew():
    answers, _ = asked("", "", "12000", "9000", "<", "<", "120", *[""] * 7)
    assert (answers.firms, answers.certified) == (120, 30)


def test_the_defaults_of_a_smaller_zone_are_in_proportion():
    answers, _ = asked("", "", "120", *[""] * 7)
    assert (answers.certified, answers.entrants, answers.listed) == (30, 16, 1)


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("zone", "滨江 / Riverside", ("滨江", "Riverside")),
        ("zone", "Riverside", ("Riverside", "Riverside")),
        ("start", "2021-10", 2021 * 4 + 3),
        ("firms", "1.2万", 12000),
        ("guidance", "2bn", 2e9),
        ("guidance", "0", 0.0),
        ("reinvestment", "1.5倍", 1.5),
        ("reinvestment", "1比1.5", 1.5),
        ("reinvestment", "1：1.5", 1.5),
        ("cap", "35%", 0.35),
        ("years", "12年", 12),
    ],
)
def test_answers_are_read_as_people_write_them(key: str, text: str, value: object):
    (question,) = (q for q in QUESTIONS if q.key == key)
    assert question.read(text, Answers()) == value


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("zone", "/"),
        ("zone", "a\x07b"),
        ("zone", "x" * 121),
        ("start", "1989Q4"),
        ("firms", "9"),
        ("firms", "20.5"),
        ("certified", "1201"),
        ("guidance", "-1亿"),
        ("guidance", "10"),  # somebody means 10亿 or 10bn
        ("reinvestment", "2:1.5"),
        ("cap", "0"),
        ("cap", "101%"),
        ("reinvestment", "nan"),
        ("reinvestment", "5.1"),
        ("listed", "-1"),
        ("years", "0"),
        ("years", "1.5"),
        ("years", "51"),
    ],
)
def test_answers_out_of_range_are_refused(key: str, text: str):
    (question,) = (q for q in QUESTIONS if q.key == key)
    with pytest.raises(ValueError):
        question.read(text, Answers())


def test_answers_that_end_early_leave_nothing(desk: Path):
    done = piped(desk, "\n\n500\n")
    assert done.returncode == 2
    assert "the answers ended at question 4; nothing was written" in done.stderr
    assert not (desk / "scenarios/mine.toml").exists()


def test_the_wizard_takes_piped_answers(desk: Path):
    done = piped(desk, "滨江 / Riverside\n2024Q1\n400\n80\n50\n3亿\n30%\n1.2\n2\n5\n")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].split()[-1] == "scenarios/mine.toml"  # questions go to standard error
    assert load_scenario(desk / "scenarios/mine.toml").firms.initial.count.value == 400


def piped(desk: Path, answers: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "run.py", "new", "mine", "--ask"],
        cwd=desk,
        env=os.environ | {"LC_ALL": "C.UTF-8"},
        input=answers,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )


def test_ctrl_c_in_the_wizard_leaves_nothing(desk: Path):
    with subprocess.Popen(
        [sys.executable, "run.py", "new", "mine", "--ask"],
        cwd=desk,
        env=os.environ | {"LC_ALL": "C.UTF-8"},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as wizard:
        assert wizard.stderr is not None
        first = wizard.stderr.read(4)
        time.sleep(0.1)
        wizard.send_signal(signal.SIGINT)
        said = first + wizard.stderr.read()
        assert wizard.wait(timeout=300) == 130
    assert said.startswith(starter.HOW[0]) and "stopped" in said and "Traceback" not in said
    assert sorted(path.name for path in (desk / "scenarios").iterdir()) == sorted(os.listdir(ROOT / "scenarios"))
