"""The command line: it answers at once, speaks two languages, and every way to stop has a status and a sentence."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sim import cli, store
from sim.model.metrics import Metric
from sim.printing import HEADLINES, band, headline_dates, mark, named, put_json, returns, shown, summary
from sim.progress import Progress, duration
from sim.result import Result
from tests import synthetic
from tests.conftest import ROOT

Call = Callable[..., subprocess.CompletedProcess[str]]
HEAVY = ("numpy", "numba", "scipy", "matplotlib", "pydantic", "xarray", "duckdb", "pandas", "SALib", "rich", "tomli")


def commands() -> dict[str, argparse.ArgumentParser]:
    for action in cli.build_parser()._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    raise AssertionError("the program has no commands")


# --- start-up


def imported_by(*words: str, root: Path) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "run.py", *words], cwd=root, capture_output=True, text=True, check=True
    )
    return {line.rsplit("|", 1)[1].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}


def test_help_imports_nothing_that_takes_time(root: Path):
    imported = imported_by("--help", root=root)
    assert {"sim.cli", "argparse"} <= imported
    assert not {name for name in imported if name.partition(".")[0] in HEAVY}
    assert {name for name in imported if name.startswith("sim")} <= {"sim", "sim.cli"}


def test_help_takes_little_longer_than_python_itself(root: Path):
    """In processor time, which other work on the machine lengthens far less than the time on the wall."""

    def best(*words: str) -> float:
        times = []
        for _ in range(7):
            begun = os.times()
            subprocess.run([sys.executable, *words], cwd=root, check=True, capture_output=True)
            ended = os.times()
            times.append(ended.children_user + ended.children_system - begun.children_user - begun.children_system)
        return min(times)

    assert best("run.py", "--help") - best("-c", "pass") < 0.15  # a third of that on an idle machine; numpy alone: .2


def test_importing_the_package_imports_nothing_else():
    program = "import sys; before = set(sys.modules); import sim; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run(
        [sys.executable, "-S", "-c", program], cwd=cli_root(), capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["sim"]


def cli_root() -> Path:
    return Path(cli.__file__).parent.parent


# --- help and languages


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("name", sorted(commands()))
def test_each_command_has_help_with_an_example(name: str, lang: str, headwater: Call):
    done = headwater(name, "--help", "--lang", lang)
    assert done.returncode == 0
    assert f"\n  python run.py {name}" in done.stdout
    assert done.stderr == ""


def test_a_command_asked_for_alone_has_the_same_parser_and_a_word_that_is_none_meets_them_all():
    whole = commands()
    for name, parser in whole.items():
        (alone,) = cli.commands_of(cli.build_parser(name)).items()
        assert alone[0] == name and alone[1].format_help() == parser.format_help()
    for word in ("rn", "--lang", None):
        assert list(cli.commands_of(cli.build_parser(word))) == list(whole)


@pytest.mark.parametrize(
    ("argv", "environment", "expected"),
    [
        ([], {}, "en"),
        ([], {"LANG": "zh_CN.UTF-8"}, "zh"),
        ([], {"LANG": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ([], {"LANG": "en_US.UTF-8", "LC_ALL": "zh_TW"}, "zh"),
        ([], {"LANG": "zh_CN.UTF-8", "LC_ALL": ""}, "zh"),
        (["run", "--lang", "zh"], {}, "zh"),
        (["--lang=en"], {"LANG": "zh_CN"}, "en"),
        (["run", "--lang"], {}, "en"),
        (["run", "--lang", "fr"], {"LANG": "zh_CN"}, "zh"),
    ],
)
def test_language_is_the_flag_then_the_locale(argv: list[str], environment: dict[str, str], expected: str):
    assert cli.language(argv, environment) == expected


def test_a_terminal_without_chinese_gets_question_marks_not_a_traceback(program: Call):
    done = program("--help", "--lang", "zh", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "?" in done.stdout


# --- what the user got wrong


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["rn", "scenarios/xian.toml"],
        ["run"],
        ["run", "scenarios/xian.toml", "--replications", "0"],
        ["run", "scenarios/xian.toml", "--replications", "-5"],
        ["run", "scenarios/xian.toml", "--replications", "1e3"],
        ["run", "scenarios/xian.toml", "--threads", "0"],
        ["run", "scenarios/xian.toml", "--seed", "-1"],
        ["run", "scenarios/xian.toml", "--set", "firms.initial.count"],
        ["run", "scenarios/xian.toml", "--set", "=5"],
        ["run", "scenarios/xian.toml", "--rep", "5"],
        ["run", "scenarios/xian.toml", "--lang", "fr"],
        ["trace", "results/xian"],
        ["solve", "scenarios/xian.toml", "--by", "a=0..1", "--target", "b >= 1", "--probability", "1.5"],
    ],
)
def test_wrong_words_are_refused_with_status_2(words: list[str], headwater: Call):
    done = headwater(*words)
    assert done.returncode == 2
    assert "error:" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_refused_number_says_what_was_found_and_what_is_allowed(headwater: Call):
    assert "at least 1, found 0" in headwater("run", "scenarios/xian.toml", "--replications", "0").stderr
    assert "至少为 1，现为 0" in headwater("run", "x.toml", "--replications", "0", "--lang", "zh").stderr


# --- every way to stop


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], int]:
    """ends(error): the status of a command in which `error` is raised."""

    def call(error: BaseException) -> int:
        def work(a: argparse.Namespace) -> int:
            raise error

        monkeypatch.setattr(cli, "schema", work)
        work.__name__ = "schema"
        return cli.main(["schema", "--lang", "en"])

    return call


def test_user_errors_are_printed_one_a_line_with_status_2(ends, capsys: pytest.CaptureFixture[str]):
    from sim.errors import Problem, UserError

    problems = [
        Problem("no such key", file="a.toml", line=3, key="firms.initial.cuont", nearest="count"),
        Problem("above 1", file="a.toml", line=9, key="guidance.cap.angel", found="1.2", expected="0 … 1"),
    ]
    assert ends(UserError(problems)) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("headwater: a.toml:3: firms.initial.cuont: no such key")
    assert lines[1].startswith("headwater: a.toml:9: guidance.cap.angel: above 1")
    assert len(lines) == 2


def test_a_failed_run_has_status_1(ends, capsys: pytest.CaptureFixture[str]):
    from sim.errors import RunError

    assert ends(RunError("the accounts do not close")) == 1
    assert capsys.readouterr().err == "headwater: the accounts do not close\n"


def test_full_disk_and_short_memory_have_status_1_and_a_sentence(ends, capsys: pytest.CaptureFixture[str]):
    assert ends(OSError(28, "No space left on device", "results/xian")) == 1
    assert capsys.readouterr().err == "headwater: results/xian: No space left on device\n"
    assert ends(MemoryError()) == 1
    assert "--replications" in capsys.readouterr().err


def test_ctrl_c_says_what_is_finished_and_how_to_go_on(ends, capsys: pytest.CaptureFixture[str]):
    assert ends(KeyboardInterrupt()) == 130
    a = argparse.Namespace(quiet=True)
    with pytest.raises(cli.Stopped) as stopped, cli.working(a, "samples", cli.resumable(Path("results/s"))) as progress:
        progress(7, 20)
        raise KeyboardInterrupt
    assert "7 of 20 are kept in results/s" in str(stopped.value)
    assert str(stopped.value).endswith("--resume")


def test_a_bug_is_shown_with_its_traceback(ends):
    with pytest.raises(ZeroDivisionError):
        ends(ZeroDivisionError())


def test_a_reader_that_goes_away_is_no_error(root: Path):
    words = [sys.executable, "run.py", "--help"]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(words, cwd=root, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert "Traceback" not in done.stderr and "BrokenPipe" not in done.stderr


# --- names and JSON


@pytest.mark.parametrize(
    ("scenario", "name"),
    [
        ("scenarios/xian.toml", "xian"),
        ("scenarios/xian/no-guidance-fund.toml", "xian-no-guidance-fund"),
        ("/a/scenarios/xian/cold-market.toml", "xian-cold-market"),
        ("mine.toml", "mine"),
        ("../elsewhere/mine.v2.toml", "mine.v2"),
    ],
)
def test_a_result_is_named_after_its_scenario(scenario: str, name: str):
    assert cli.name_of(scenario) == name


@pytest.fixture(scope="module")
def found() -> Result:
    made = synthetic.result(40)
    made.manifest |= {
        "seed": 1,
        "zone": {"zh": "西安高新区", "en": "Xi'an High-tech Zone"},
        "parameters_by_grade": {"published": 0.12, "estimated": 0.28, "assumed": 0.6},
    }
    return made


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_summary_tells_metrics_facts_and_grades(found: Result, lang: str):
    text = summary(found, lang)
    assert found.manifest["zone"][lang] in text
    for name in HEADLINES:
        assert name not in found or found.metric(name).label[lang] in text
    scored = [fact for fact in found.facts if fact.p50 is not None]
    assert scored and all(fact.id in text for fact in scored)
    assert "12%" in text and "60%" in text
    assert ("亿" if lang == "zh" else "bn") in text
    assert "\x1b" not in text  # no colour where nobody looks


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_summary_marks_rates_that_count_from_the_start_and_says_what_it_is_not_conditioned_on(lang: str):
    unit = {"irr": "ratio", "tvpi": "ratio", "ks_pme": "ratio", "paid_in": "CNY"}
    subjects = {"funds.direct": 10.0, "funds.attraction": 10.0, "named.eswin.zone": 7.2}
    metrics = [
        Metric(f"{subject}.{x}", of, {"zh": "某基金: IRR", "en": "a fund: IRR"}, "stock")
        for subject in subjects
        for x, of in unit.items()
    ]
    values = np.array([paid if x == "paid_in" else 0.5 for paid in subjects.values() for x in unit])
    path = {"firm": "eswin", "name": {"zh": "奕斯伟", "en": "Eswin"}, "what": "valuation", "date": "2023Q4"}
    path |= {"published": 2e10, "unit": "CNY", "probability": 0.35, "error": 0.1, "drawn": []}
    path |= {"zone_tvpi": [1.0, 1.0, 1.0], "zone_irr": [0.1, 0.1, 0.1]}
    manifest = {"named": [path, {**path, "published": 3e10}], "books": {"funds.attraction": {"paid_in": 4.0}}}
    made = Result(metrics, ["2033Q4"], np.repeat(values, 3).reshape(len(metrics), 3, 1), manifest=manifest)
    text = returns(made, lang)
    direct, attraction = text.splitlines()[1:3]
    assert "†" not in direct and attraction.count("†") == 2 and "†" in text.splitlines()[-1]
    assert named(made, lang).count("奕斯伟 72%" if lang == "zh" else "Eswin 72%") == 1


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_kinds_of_partner_have_dpi_and_a_dash_where_there_is_no_ks_pme(lang: str):
    """Their cells were blank."""
    unit = {"irr": "ratio", "tvpi": "ratio", "paid_in": "CNY", "distributed": "CNY"}
    from sim.terms import term

    label = {"zh": "财政: IRR", "en": "treasury: IRR"}
    metrics = [Metric(f"partners.treasury.{x}", of, label, "stock") for x, of in unit.items()]
    values = np.array([[0.05] * 3, [1.4] * 3, [10.0, 10.0, 10.0], [11.0, 12.0, 13.0]])[:, :, None]
    header, row, *notes = returns(Result(metrics, ["2033Q4"], values, manifest={}), lang).splitlines()
    assert "DPI" in header and row.split()[-3:] == ["1.2", "[1.11…1.29]", "–"]
    assert notes == [term("returns.no_pme", lang)]


def test_work_of_minutes_is_told_before_it_starts(monkeypatch: pytest.MonkeyPatch):
    from argparse import Namespace

    from sim import cli, load_scenario

    told: list[str] = []
    monkeypatch.setattr(cli, "note", told.append)
    large = load_scenario(ROOT / "scenarios" / "xian.toml", ["firms.initial.count=300000"])
    for lang, words in (
        ("en", "firms × 57 quarters × 100 worlds: about "),
        ("zh", "家企业 × 57 个季度 × 100 个世界："),
    ):
        monkeypatch.setattr(cli, "_lang", lang)
        cli.announce_size(Namespace(quiet=False, threads=2), large, 100)
        assert words in told[-1]
    cli.announce_size(Namespace(quiet=False, threads=2), large, 2)
    cli.announce_size(Namespace(quiet=True, threads=2), large, 100)
    assert len(told) == 2


def test_an_undefined_value_is_a_dash_and_counts_have_no_fraction():
    assert shown(float("nan"), "CNY", "zh") == shown(None, "ratio", "en") == "–"
    assert band(float("nan"), float("nan"), "ratio", "en") == "–"
    assert shown(98.5001, "firms", "en") == "99"
    assert shown(0.256, "share", "en") == "26%"
    assert shown(15_100_000_000.0, "CNY", "zh") == "151亿"


def test_colour_is_for_a_terminal_without_no_color(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stdout", Screen(terminal=True))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert mark(True, "en") == "\x1b[32minside\x1b[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert mark(True, "en") == "inside"
    assert mark(None, "en") == ""


def test_json_is_strict(capsys: pytest.CaptureFixture[str]):
    import numpy as np

    put_json({"a": float("nan"), "b": np.array([1.0, np.inf]), "c": np.int64(3), "d": Path("x"), "e": True})
    assert json.loads(capsys.readouterr().out) == {"a": None, "b": [1.0, None], "c": 3, "d": "x", "e": True}


@pytest.mark.parametrize(
    ("quarters", "expected"),
    [
        (["2019Q4"], ["2019Q4"]),
        (["2019Q4", "2020Q1", "2020Q2"], ["2019Q4", "2020Q2"]),
        (
            [f"{year}Q{q}" for year in range(2019, 2034) for q in range(1, 5)][3:],
            ["2019Q4", "2023Q4", "2028Q4", "2033Q4"],
        ),
    ],
)
def test_headline_dates_are_ends_of_years_between_start_and_end(quarters: list[str], expected: list[str]):
    assert headline_dates(quarters) == expected


# --- progress


class Screen(io.StringIO):
    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


def worked(terminal: bool, quiet: bool = False, seconds: int = 20) -> str:
    """What is printed of work whose every unit takes a second."""
    clock, screen = [0.0], Screen(terminal)
    with Progress("worlds", quiet=quiet, stream=screen, now=lambda: clock[0]) as progress:
        for done in range(1, seconds + 1):
            clock[0] += 1.0
            progress(done, seconds)
    return screen.getvalue()


def test_progress_on_a_terminal_is_one_line_with_the_time_left():
    text = worked(terminal=True)
    assert text.count("\n") == 1
    assert "\r10/20 worlds, 10 s, 10 s left\x1b[K" in text
    assert text.endswith("\r20/20 worlds, 20 s\x1b[K\n")


def test_progress_elsewhere_is_a_plain_line_now_and_then():
    assert worked(terminal=False).splitlines() == [
        "5/20 worlds, 5.0 s, 15 s left",
        "10/20 worlds, 10 s, 10 s left",
        "15/20 worlds, 15 s, 5.0 s left",
        "20/20 worlds, 20 s",
    ]


def test_quiet_progress_prints_nothing():
    assert worked(terminal=True, quiet=True) == worked(terminal=False, quiet=True) == ""


def test_the_pace_of_resumed_work_leaves_out_what_was_there():
    clock, screen = [0.0], Screen(True)
    progress = Progress("samples", stream=screen, now=lambda: clock[0])
    progress(90, 100)
    clock[0] = 2.0
    progress(91, 100)
    assert "91/100 samples, 2.0 s, 18 s left" in screen.getvalue()


def test_the_pace_leaves_out_the_wait_before_the_first_unit():
    clock, screen = [0.0], Screen(True)
    progress = Progress("worlds", stream=screen, now=lambda: clock[0])
    for moment, done in ((0.0, 0), (100.0, 0), (101.0, 1)):
        clock[0] = moment
        progress(done, 10)
    assert "1/10 worlds, 1 min 41 s, 9.0 s left" in screen.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.6, "1 min 00 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")],
)
def test_durations_read_well(seconds: float, text: str):
    assert duration(seconds) == text


# --- the program stopped from outside


def test_ctrl_c_of_a_real_run_ends_without_a_traceback(desk: Path):
    """Before a terminal, which hears of progress at once; a file hears of it after ten seconds."""
    words = ("run", "scenarios/xian.toml", "--replications", "1000", "--threads", "1", "--no-figures")
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "run.py", *words],
        cwd=desk,
        env=os.environ | {"LC_ALL": "C.UTF-8"},
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    ) as run:
        os.close(theirs)
        heard = os.read(ours, 4096)  # progress, or the remark on compiling
        run.send_signal(signal.SIGINT)
        with contextlib.suppress(OSError):  # how a terminal ends whose program has gone
            while more := os.read(ours, 4096):
                heard += more
        assert run.wait(timeout=300) == 130
    os.close(ours)
    said = heard.decode()
    assert "stopped" in said
    assert "Traceback" not in said
    assert not (desk / "results").exists() or not list((desk / "results").iterdir())


def test_a_python_that_was_not_furnished_says_so(tmp_path):
    """As `python run.py` outside the environment: -S hides what is installed."""
    command = [sys.executable, "-S", str(ROOT / "run.py"), "check", "scenarios/xian.toml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "make setup" in done.stderr and ".venv/bin/activate" in done.stderr


def test_a_folder_of_a_comparison_is_no_run_and_is_not_called_damaged(tmp_path):
    from sim.errors import UserError
    from sim.result import Result

    (tmp_path / "manifest.json").write_text(json.dumps({"program": store.PROGRAM, "kind": "compare", "files": []}))
    with pytest.raises(UserError) as told:
        Result.load(tmp_path)
    assert "compare" in str(told.value) and "damaged" not in str(told.value)


# --- what can be asked for


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_metrics_lists_what_a_scenario_reports_one_a_line(lang: str, capsys: pytest.CaptureFixture[str]):
    from sim.scenario import load_scenario

    assert cli.main(["metrics", "scenarios/xian.toml", "--lang", lang]) == 0
    lines = capsys.readouterr().out.splitlines()
    reported = load_scenario("scenarios/xian.toml").metrics
    assert [line.split()[0] for line in lines[1:]] == [metric.name for metric in reported]
    for line, metric in zip(lines[1:], reported, strict=True):
        assert metric.label[lang] in line
    year = next(line for line in lines if line.startswith("output.year "))
    assert year.endswith("over the last four quarters" if lang == "en" else "最近四个季度合计")
    assert cli.main(["metrics", "scenarios/xian.toml", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [metric["name"] for metric in told["metrics"]] == [metric.name for metric in reported]


def test_an_unknown_metric_is_told_which_command_lists_them(capsys: pytest.CaptureFixture[str]):
    words = [
        "solve",
        "scenarios/xian.toml",
        "--by",
        "guidance.reinvestment=1..2",
        "--target",
        "firms.alyve@2028Q4 >= 5",
    ]
    assert cli.main([*words, "--lang", "en"]) == 2
    told = capsys.readouterr().err
    assert "python run.py metrics SCENARIO" in told and "did you mean firms.alive" in told
    assert cli.main([*words, "--lang", "zh"]) == 2
    assert "python run.py metrics 情景文件" in capsys.readouterr().err


def test_a_fact_before_the_start_or_after_the_end_is_told_and_not_left_out_in_silence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It stood in facts.csv without a score, and nowhere was it said why."""
    from sim.printing import line_of_unscored, scoreboard
    from sim.result import Result, ScoredFact
    from sim.scenario import load_scenario
    from sim.scoring import unscored

    own, fact = tmp_path / "own.toml", '[[facts]]\nid = "{}"\nmetric = "firms.alive"\nvalue = 9\nuse = "{}"\n'
    text = fact.format("old", "check") + 'date = "2018Q4"\n' + fact.format("known", "input") + 'date = "2018Q4"\n'
    text += fact.format("change", "goal") + 'since = "2019Q1"\ndate = "2024Q4"\n'
    text += fact.format("aim", "goal") + 'date = "2040Q4"\n' + fact.format("plan", "input") + 'date = "2040Q4"\n'
    own.write_text(f'extends = "{Path("scenarios/xian.toml").resolve()}"\n{text}', encoding="utf-8")
    early, late = unscored(load_scenario(own))
    assert (early, late) == ({"old": "2018Q4", "change": "2019Q1"}, {"aim": "2040Q4"})
    told = line_of_unscored(early, late, "2019Q4", "2033Q4", "en")
    assert "before the start, 2019Q4, and cannot be scored: old (2018Q4), change (2019Q1)\n" in told
    assert "after the end, 2033Q4, and are not scored: aim (2040Q4); to score them, let zone.end be" in told
    lost = [
        ScoredFact(name, "check", "firms.alive", when, 9.0, "firms")
        for name, when in ({"old": "2018Q4"} | late).items()
    ]
    bare = Result([], ["2019Q4"], np.zeros((0, 1, 1)), facts=lost)
    assert "old (2018Q4)" in scoreboard(bare, "en") and "无法评分的公布数据：old" in scoreboard(bare, "zh")
    assert "aim (2040Q4)" in scoreboard(bare, "en") and "晚于终点 2019Q4" in scoreboard(bare, "zh")
    from sim import cli

    assert cli.main(["check", str(own), "--lang", "zh"]) == 0
    said = capsys.readouterr().out
    assert "早于起点 2019Q4" in said and "未作评分的公布数据与目标：aim (2040Q4)。" in said


def test_more_firms_on_a_ladder_than_exist_and_too_few_that_qualify_are_told(
    headwater: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    from sim.model.metrics import Metric
    from sim.printing import line_of_seeded

    over = headwater("check", "scenarios/xian.toml", "--set", "firms.initial.count=1500", "--lang", "en")
    assert over.returncode == 0 and "ladders.certificates.levels.hte.initial (2,478)" in over.stdout
    assert "more firms asked" not in headwater("check", "scenarios/xian.toml", "--lang", "en").stdout
    metric = Metric("ladder.certificates.hte", "firms", {"zh": "高企", "en": "hte"})
    result = Result([metric], ["2019Q4"], np.full((1, 3, 1), 40.0))
    told = line_of_seeded(result, {"certificates.hte": 100.0}, "en")
    assert told.endswith("(seeded/asked): certificates.hte 40/100") and not line_of_seeded(
        result, {"certificates.hte": 41.0}, "en"
    )


def test_a_zone_without_funds_is_told_whose_rounds_its_figures_are(
    tmp_path: Path, headwater: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """Xiamen states no fund at all: no error, and said by `check` and `run`; not where nobody seeks a round."""
    from sim.printing import line_of_lacking
    from sim.scenario import load_scenario

    told = headwater("check", "scenarios/xiamen.toml", "--lang", "en")
    assert told.returncode == 0 and "no fund of the scenario invests in firms here" in told.stdout
    assert "没有基金投资于本地企业" in headwater("check", "scenarios/xiamen.toml", "--lang", "zh").stdout
    assert json.loads(headwater("check", "scenarios/xiamen.toml", "--json").stdout)["funds_lacking"] == "all"
    few = ["--replications", "2", "--threads", "1", "--no-figures", "--lang", "en", "--set", "zone.end=2024Q4", "--out"]
    ran = headwater("run", "scenarios/xiamen.toml", *few, str(tmp_path / "x"))
    assert ran.returncode == 0 and "no fund of the scenario invests in firms here" in ran.stderr
    assert load_scenario("scenarios/xian.toml").lacking_funds() is None
    none = ["funds.market_early.count=0", "funds.market_growth.count=0"]
    assert load_scenario("scenarios/xian.toml", none).lacking_funds() == "market"
    nobody = [f"firms.entry.{x}.venture_share=0" for x in ("organic", "incubator", "attracted")]
    assert load_scenario("scenarios/xiamen.toml", nobody).lacking_funds() is None
    assert line_of_lacking(None, "en") == ""


def runs_off(*levels: tuple[str, list[float], list[float], list[float]]) -> Result:
    """A result of two worlds that are alike; a level's stock, entered and left by quarter."""
    metrics, rows = [], []
    for name, *curves in levels:
        for what, curve in zip(("", ".entered", ".left"), curves, strict=True):
            metrics.append(Metric(f"ladder.{name}{what}", "firms", {"zh": "高企", "en": "hte"}))
            rows.append([curve] * 2)
    quarters = [f"{2025 + q // 4}Q{q % 4 + 1}" for q in range(len(levels[0][1]))]
    return Result(metrics, quarters, np.array(rows, float))


def test_a_level_whose_stated_stock_runs_off_is_told_with_the_key_and_the_factor(tmp_path: Path) -> None:
    """Twice what was stated in two years, 30 gone and 330 come: about a fifteenth of them would make up for those."""
    from sim.analysis.unfit import unfit
    from sim.printing import line_of_unfit
    from sim.scenario import load_scenario

    level = "certificates.hte"
    sets = [f"ladders.certificates.levels.hte.{x}" for x in ("initial=300", "apply=0.88")]
    stated = load_scenario("scenarios/national.toml", sets)
    curves = [300.0, 450, 600, 600], [0.0, 165, 330, 330], [0.0, 15, 30, 30]
    (found,) = unfit(runs_off((level, *curves)), stated)
    assert (found.start, found.then, found.quarter) == (300.0, 600.0, "2025Q3")
    assert found.key == "ladders.certificates.levels.hte.apply" and not found.most
    assert found.factor == pytest.approx(30 * 300 / 450 / 330)
    text = {lang: line_of_unfit([found], runs_off((level, *curves)), lang) for lang in ("en", "zh")}
    assert (
        "300 at the start, 600 in 2025Q3: multiply ladders.certificates.levels.hte.apply by roughly 0.06" in text["en"]
    )
    assert "期初 300，2025Q3 600" in text["zh"] and "hte.apply 大致乘以 0.06" in text["zh"]
    assert "unless the certificate was young or grew so" in text["en"]
    assert "除非该认定当时刚设立或确实如此增长" in text["zh"]
    falls = [300.0, 200, 150], [0.0, 10, 20], [0.0, 110, 170]
    (found,) = unfit(runs_off((level, *falls)), stated)
    assert found.factor is not None and found.factor > 1.0 and found.most
    calm = [300.0, 350, 400], [0.0, 60, 120], [0.0, 10, 20]
    assert not unfit(runs_off((level, *calm)), stated) and line_of_unfit([], runs_off((level, *calm)), "en") == ""
    assert not unfit(runs_off((level, *curves)), load_scenario("scenarios/national.toml")), "no stock is stated"
    late = [300.0] * 9 + [900.0], [0.0] * 9 + [600.0], [0.0] * 10
    assert not unfit(runs_off((level, *late)), stated), "after two years a zone may have grown"


def test_of_odds_that_facts_stand_behind_no_factor_is_told_nor_of_a_level_above_another_that_runs_off() -> None:
    """Odds that `calibrate` had fitted were advised times 0.076."""
    from sim.analysis.unfit import unfit
    from sim.printing import line_of_unfit
    from sim.scenario import load_scenario

    curves = [300.0, 450, 600, 600], [0.0, 165, 330, 330], [0.0, 15, 30, 30]
    result = runs_off(("certificates.hte", *curves), ("certificates.champion", *curves))
    both = [f"ladders.certificates.levels.{x}.initial=300" for x in ("hte", "champion")]

    def found(*sets: str, scenario: str = "national"):
        made = unfit(result, load_scenario(f"scenarios/{scenario}.toml", [*both, *sets]))
        return {x.level.partition(".")[2]: x for x in made}

    source = found()  # "calibrated to …"
    assert [(x.key, x.factor, x.odds) for x in source.values()] == [
        (f"ladders.certificates.levels.{x}.initial", None, "fitted") for x in ("hte", "champion")
    ]
    for lang, words in (
        ("en", "do not fit; the odds are fitted to published figures"),
        ("zh", "不相合；比例由公布数据校准"),
    ):
        told = line_of_unfit(list(source.values()), result, lang)
        assert words in told and "hte.initial" in told and ".apply" not in told
    plain = [f"ladders.certificates.levels.{x}.apply=0.5" for x in ("hte", "champion")]
    lowest = found(*plain)
    assert lowest["hte"].factor and (lowest["champion"].factor, lowest["champion"].odds) == (None, "follows")
    assert "mend that one" in line_of_unfit(list(lowest.values()), result, "en")
    early = found(*plain, "zone.start=2024Q4", "zone.end=2027Q4", scenario="xian")  # its facts lie before the start
    assert early["hte"].odds == "fitted" and early["hte"].factor is None
    prior = found(*plain, "calibrate={ ladders.certificates.levels.hte.apply = { beta = { mean = 0.5, sd = 0.1 } } }")
    assert prior["hte"].odds == "fitted"


def test_where_an_import_moved_the_start_only_the_stock_is_asked_for(tmp_path: Path) -> None:
    from sim.analysis.unfit import unfit
    from sim.portfolio.importing import import_portfolio
    from sim.printing import line_of_unfit
    from sim.scenario import load_scenario

    import_portfolio(ROOT / "docs" / "portfolio", tmp_path / "p.toml", ROOT / "scenarios" / "national.toml")
    sets = [f"ladders.certificates.levels.hte.{x}" for x in ("initial=300", "apply=0.5")]
    result = runs_off(("certificates.hte", [300.0, 1181.0], [0.0, 911.0], [0.0, 30.0]))
    (found,) = unfit(result, load_scenario(tmp_path / "p.toml", sets))
    assert (found.key, found.factor, found.odds) == ("ladders.certificates.levels.hte.initial", None, "imported")
    assert "the import moved the start" in line_of_unfit([found], result, "en")


def test_a_run_in_json_carries_the_remarks_of_its_print(
    tmp_path: Path, headwater: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    few = ["--replications", "2", "--threads", "1", "--no-figures", "--json", "--out", str(tmp_path / "x")]
    sets = ["--set", "zone.end=2024Q4", "--set", "ladders.certificates.levels.srdi.initial=10"]
    told = json.loads(headwater("run", "scenarios/xiamen.toml", *few, *sets).stdout)
    assert told["funds_lacking"] == "all"
    assert all(
        {"level", "start", "then", "quarter", "key", "factor", "odds"} <= set(x) for x in told["levels_that_run_off"]
    )
    assert "certificates.srdi" in [x["level"] for x in told["levels_that_run_off"]]


def test_named_firms_alone_on_a_level_ask_for_its_stock_and_a_scored_level_is_left_to_the_scoreboard(
    tmp_path: Path,
) -> None:
    from sim.analysis.unfit import unfit
    from sim.portfolio.importing import import_portfolio
    from sim.printing import line_of_unfit
    from sim.scenario import load_scenario

    import_portfolio(ROOT / "docs" / "portfolio", tmp_path / "p.toml", ROOT / "scenarios" / "national.toml")
    result = runs_off(("certificates.hte", [1.0, 1181.0], [0.0, 1180.0], [0.0, 0.0]))
    found = unfit(result, load_scenario(tmp_path / "p.toml"))
    assert [x.key for x in found] == ["ladders.certificates.levels.hte.initial"] and found[0].factor is None
    assert "1 at the start, 1,181 in 2025Q2: state ladders." in line_of_unfit(found, result, "en")
    grown = runs_off(("certificates.hte", [2478.0, 3952.0], [0.0, 1500.0], [0.0, 26.0]))
    assert not unfit(grown, load_scenario("scenarios/xian.toml")), "published figures say how it grew"
