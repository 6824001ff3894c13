"""The repository itself: nothing of another tool's or machine's in it, and what the README says runs."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from sim.cli import main
from sim.verify import PUBLISHED
from tests.test_cli import commands

ROOT = Path(__file__).resolve().parent.parent
READMES = ("README.md", "README.zh.md")
FEW = "2"  # replications of an example: it has to run, not to be exact


def tracked() -> list[Path]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git work tree")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="ignore")


def blocks(readme: str) -> list[str]:
    """Shell examples marked as tested."""
    found = re.findall(r"<!-- tested -->\n```sh\n(.*?)```", text_of(ROOT / readme), flags=re.DOTALL)
    return [line for block in found for line in block.splitlines() if line.strip()]


# --- what must not be in it


def test_no_lock_of_a_tool_that_embeds_hosts_is_tracked():
    assert not {path.name for path in tracked()} & {"uv.lock", "pylock.toml", "poetry.lock", "Pipfile.lock"}


def test_the_lock_names_no_host_and_hashes_everything():
    lock = text_of(ROOT / "requirements.lock")
    assert "://" not in lock
    assert not re.search(r"^\s*-(i|f)\b|--(index|extra-index|find-links|trusted)", lock, flags=re.MULTILINE)
    packages = [part for part in re.split(r"\n(?=\S)", lock) if part.strip() and not part.startswith("#")]
    assert packages
    assert all("--hash=sha256:" in package for package in packages)


def test_no_tracked_file_names_where_packages_come_from():
    """The hosts are those that this machine's tools are set up with."""
    pip = subprocess.run(["python", "-m", "pip", "config", "list"], capture_output=True, text=True, check=False).stdout
    settings = pip + "".join(
        f"{k}={v}\n" for k, v in os.environ.items() if re.search("INDEX|REGISTRY", k, re.IGNORECASE)
    )
    hosts = set(re.findall(r"https?://(?:[^@/\s'\"]*@)?([^/\s'\"]+)", settings)) | {"files." + "python" + "hosted"}
    for path in tracked():
        text = text_of(path)
        assert not [host for host in hosts if host in text], path


def test_every_dependency_is_argued_for_and_locked():
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))
    extras = project["project"].get("optional-dependencies", {})
    groups = [project["project"]["dependencies"], *extras.values(), *project["dependency-groups"].values()]
    names = {re.split(r"[\[<>=!~; ]", wanted)[0] for group in groups for wanted in group}
    argued, lock = text_of(ROOT / "docs/dependencies.md"), text_of(ROOT / "requirements.lock")
    for name in names:
        assert f"`{name}`" in argued or f"`{name}[" in argued, f"{name} is not in docs/dependencies.md"
        assert f"\n{name.lower()}==" in "\n" + lock, f"{name} is not in requirements.lock: make lock"
    every = {wanted for group in groups for wanted in group}
    assert set(extras.get("cluster", [])) <= set(project["dependency-groups"]["dev"]) <= every


def test_the_version_is_written_once_more_and_agrees():
    import sim

    assert tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]["version"] == sim.__version__
    assert f"## {sim.__version__}" in text_of(ROOT / "CHANGELOG.md")


def test_vision_is_three_lines_and_one_says_what_is_out_of_scope():
    lines = text_of(ROOT / "VISION.md").strip().splitlines()
    assert len(lines) == 3
    assert any(line.startswith("Out of scope") for line in lines)


# --- what the documents promise


@pytest.mark.parametrize("readme", READMES)
def test_make_commands_of_the_readme_exist(readme: str):
    makefile = text_of(ROOT / "Makefile")
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    said = set(re.findall(r"(?:^|`)make ([a-z-]+)", text_of(ROOT / readme), flags=re.MULTILINE))
    assert said >= {"run", "test", "help"}
    assert said <= targets


@pytest.mark.parametrize("readme", [*READMES, "VISION.md", "CHANGELOG.md", "results/README.md"])
def test_links_of_the_documents_lead_somewhere(readme: str):
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", text_of(ROOT / readme)):
        if "://" not in target:
            assert (ROOT / readme).parent.joinpath(target).exists(), target


def test_make_help_lists_every_target():
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    phony = re.search(r"^\.PHONY: (.*)$", text_of(ROOT / "Makefile"), flags=re.MULTILINE)
    assert phony is not None
    for target in phony.group(1).split():
        assert f"make {target} " in shown


@cache
def all_examples() -> list[str]:
    """Asked for once an example while tests are collected, and the parser takes its time."""
    found = [line.strip() for parser in commands().values() for line in (parser.epilog or "").splitlines()[1:]]
    return sorted({*found, *(line for readme in READMES for line in blocks(readme))})


def examples() -> list[str]:
    """Those that end by themselves."""
    return [line for line in all_examples() if line not in examples_that_serve()]


def examples_that_serve() -> list[str]:
    """Those that run until Ctrl-C; tests/test_app.py starts them and stops them."""
    return [line for line in all_examples() if line.split()[2] == "serve"]


def small(line: str, drawn: bool = True) -> list[str]:
    """The words of an example after `python run.py`, with few replications, so that all of them run in seconds; most of
    what is left of them is figures."""
    words = shlex.split(line)
    assert words[:2] == ["python", "run.py"], line
    words = words[2:]
    if "--replications" in words:
        words[words.index("--replications") + 1] = FEW if words[0] != "calibrate" else "4"  # the fewest it takes
    if not drawn:
        words.append("--no-figures")
    if words == ["verify"]:
        words += [path.stem for path in sorted(PUBLISHED.glob("*.toml")) if not path.stem.startswith(LONG_CASES)]
    return words


LONG = ("backtest", "calibrate")  # half a minute each; their rooms have quick tests of their own
# The same is tried elsewhere: tests/test_report.py gives the command, and one run draws all of its figures.
TWICE = ("report", "plot")
# Cases that live a nation's firms, a minute together. All cases: tests/test_verify.py (`make slow`), `make validate`.
LONG_CASES = ("china-ladder-giants", "china-ladder-re-review", "china-listing", "firm-size-tail")


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the reference scenario, for the examples that read one."""
    folder = tmp_path_factory.mktemp("made") / "xian"
    words = ["run", "scenarios/xian.toml", "--replications", FEW, "--no-figures", "--quiet", "--out", str(folder)]
    assert main(words) == 0
    return folder


def takes_long(line: str) -> bool:
    """Left to `make slow`; so are a second example of a command that lives many worlds, and a line of the Chinese
    README that another tries in English. What commands print and draw in Chinese has tests of its own."""
    twin, command = line.replace(" --lang zh", ""), line.split()[2]
    if command in (*LONG, *TWICE) or line.endswith("verify") or (twin != line and twin in examples()):
        return True
    return command in DRAWING and line != min((e for e in examples() if e.split()[2] == command), key=len)


DRAWING = ("run", "compare", "sweep", "solve", "optimise")


def draws(line: str) -> bool:
    """Whether it draws in `make test` too: one run does, and what draws nothing but what it is asked for."""
    command = line.split()[2]
    return command not in DRAWING or (command == "run" and "--set" not in line)


@pytest.fixture
def two_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the figures of a run; tests/test_figures.py draws each of them."""
    from sim import figures

    every = figures.default_set
    monkeypatch.setattr(figures, "default_set", lambda *given: [*every(*given)][:2])


@pytest.mark.usefixtures("two_figures")
@pytest.mark.parametrize(
    ("line", "drawn"),
    [pytest.param(line, draws(line), marks=pytest.mark.slow if takes_long(line) else ()) for line in examples()],
)
def test_each_example_runs_as_it_stands(
    line: str, drawn: bool, desk: Path, result: Path, headwater: Callable[..., subprocess.CompletedProcess[str]]
):
    runs_as_it_stands(line, drawn, desk, result, headwater)


@pytest.mark.slow
@pytest.mark.parametrize("line", [line for line in examples() if line.split()[2] in DRAWING])
def test_each_example_draws_all_of_its_figures(
    line: str, desk: Path, result: Path, headwater: Callable[..., subprocess.CompletedProcess[str]]
):
    runs_as_it_stands(line, True, desk, result, headwater)


def runs_as_it_stands(
    line: str, drawn: bool, desk: Path, result: Path, headwater: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    words = small(line, drawn)
    if words[0] in ("plot", "trace", "report", "actual"):
        shutil.copytree(result, desk / "results" / "xian")
    done = headwater(*words)
    assert done.returncode == 0, done.stderr
    assert done.stdout or words[0] == "warm"
