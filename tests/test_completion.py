"""Completion scripts: what a real shell offers is what the parser takes."""

from __future__ import annotations

import argparse
import shutil
import subprocess
from pathlib import Path

import pytest

from sim import cli
from sim.completion import SHELLS, described, names, script
from tests.conftest import ROOT
from tests.test_cli import commands

PRESENT = [shell for shell in SHELLS if shutil.which(shell)]


@pytest.fixture(scope="module")
def bash(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("completion") / "completion.bash"
    path.write_text(script("bash", cli.build_parser()), encoding="utf-8")
    return path


def offered(bash: Path, *words: str) -> list[str]:
    """What bash offers for the last of the words, typed in the project's folder."""
    program = (
        'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _headwater;'
        ' for w in "${COMPREPLY[@]}"; do echo "$w"; done'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", program, "bash", str(bash), *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_bash_offers_every_command(bash: Path):
    assert set(offered(bash, "python", "run.py", "")) >= set(commands())
    assert offered(bash, "python", "run.py", "compa") == ["compare"]


@pytest.mark.parametrize("name", sorted(commands()))
def test_bash_offers_every_option_of_a_command(bash: Path, name: str):
    parser = commands()[name]
    options = {flag for action in parser._actions for flag in action.option_strings if flag.startswith("--")}
    assert set(offered(bash, "python3", "./run.py", name, "--")) == options


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("run", "scenarios/xian"), {"scenarios/xian.toml", "scenarios/xian/"}),
        (("run", "scenarios/xian/ipo"), {"scenarios/xian/ipo-shut.toml"}),
        (("run", "--lang", ""), {"zh", "en"}),
        (("plot", "results/xian", "--format", "p"), {"png", "pdf"}),
        (("plot", "results/xian", "--metric", "funds.lev"), {"funds.leverage"}),
        (("sweep", "a.toml", "--target", "jobs.t"), {"jobs.total"}),
        (("run", "a.toml", "--set", "guidance.cap.an"), {"guidance.cap.angel="}),
        (("solve", "a.toml", "--by", "rounds.stages.a.step"), {"rounds.stages.a.step_up="}),
        (("--lang", "zh", "comp"), {"compare", "completion"}),
        (("completion", ""), set(SHELLS)),
        (("run", "--replications", ""), set()),
    ],
)
def test_bash_offers_what_fits_the_place(bash: Path, words: tuple[str, ...], expected: set[str]):
    assert set(offered(bash, ".venv/bin/python", "run.py", *words)) == expected


@pytest.mark.parametrize("words", [("python", "other.py", "ru"), ("python", "run.p"), ("python3", "-m", "run")])
def test_other_uses_of_python_are_left_to_the_shell(bash: Path, words: tuple[str, ...]):
    assert offered(bash, *words) == []


@pytest.mark.parametrize("shell", PRESENT)
def test_the_script_is_one_that_the_shell_reads(shell: str):
    done = subprocess.run(
        [shell, "-n"], input=script(shell, cli.build_parser()), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("shell", SHELLS)
def test_each_script_knows_commands_options_metrics_and_parameters(shell: str):
    text = script(shell, cli.build_parser())
    for name, parser in commands().items():
        assert name in text
        for action in parser._actions:
            for flag in action.option_strings:
                long = flag.startswith("--")
                assert (f"-{'l' if long else 's'} {flag.lstrip('-')}" if shell == "fish" else flag) in text, flag
    assert {"jobs.total", "ladder.certificates.hte"} <= set(text.split())
    assert "guidance.reinvestment" in text


def test_help_with_quotes_and_brackets_breaks_no_script():
    parser = argparse.ArgumentParser()
    below = parser.add_subparsers()
    odd = below.add_parser("odd", help="it's [odd]: a \\ b")
    odd.add_argument("--x", help='what\'s [this]: $HOME `id` "x"')
    for shell in PRESENT:
        done = subprocess.run([shell, "-n"], input=script(shell, parser), capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), shell
    assert described(parser)[0].options[-1].names == ("--x",)


def test_names_are_those_of_the_shipped_base():
    metrics, paths = names()
    assert "rounds.count.a" in metrics and "rounds.stages.a.dilution" in paths
