"""What several test files share: where things are, how much Hypothesis tries, a way to call the program."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

ROOT = Path(__file__).resolve().parent.parent
gc.disable()  # until every test is collected: what is imported and collected stays to the end
sys.path.insert(0, str(ROOT))  # the project runs from its tree
from sim import compiled  # noqa: E402

compiled.use_cache()  # before numba is imported
from numba.core.dispatcher import Dispatcher  # noqa: E402

compiled.allow_imports()

settings.register_profile("default", max_examples=60, deadline=None, derandomize=True)
settings.register_profile(
    "fuzz", max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.register_profile(  # `make mutate` asks whether an example fails, not which is the smallest that does
    "mutants", max_examples=60, deadline=None, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def tried(examples: int) -> settings:
    """So many examples where one takes long, and ten times as many where the profile has ten times as many."""
    return settings(max_examples=examples * settings().max_examples // 60)


def keep_kernels_that_tests_call() -> None:
    """Parts of the kernel that only tests call from Python (audits, waterfalls, draws) were compiled in every process,
    a minute of a run; now they are kept as the whole kernel is, in the folder of its sources' digest."""
    compile_for_arguments = Dispatcher._compile_for_args

    def and_keep(self: Dispatcher, *given: object, **named: object) -> object:
        if self.py_func.__module__.startswith("sim."):
            self.enable_caching()
        return compile_for_arguments(self, *given, **named)

    Dispatcher._compile_for_args = and_keep


keep_kernels_that_tests_call()


@pytest.fixture(autouse=True)
def at_home() -> None:
    """Every test begins where the project is, wherever the one before it went."""
    os.chdir(ROOT)


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """An empty folder from which the README's commands run as they stand; what they write stays in it."""
    for name in ("run.py", "sim", "tests", "docs"):
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "scenarios", tmp_path / "scenarios")  # a copy: `new` writes into it
    return tmp_path


@pytest.fixture
def headwater(desk: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., subprocess.CompletedProcess[str]]:
    """headwater("run", "scenarios/xian.toml") from the desk, in English, without colour; in this process, which has
    paid for its imports."""
    from tests import tiny

    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(desk)

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        ended = tiny.headwater(*words)
        assert not ended.crashed, ended.crashed
        return subprocess.CompletedProcess(words, ended.status, ended.out, ended.err)

    return call


@pytest.fixture
def program(desk: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The same in a process of its own, as a shell starts it: a second or two each."""

    def call(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-W", "error", str(ROOT / "run.py"), *words],
            cwd=desk,
            env=os.environ | {"LC_ALL": "C.UTF-8", "NO_COLOR": "1", "PYTHONPATH": str(ROOT)} | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=300,
        )

    return call


def chromium() -> str | None:
    """Debian's browser, or the one that CHROMIUM names."""
    named = os.environ.get("CHROMIUM")
    return named or shutil.which("chromium") or shutil.which("chromium-browser")


def no_browser() -> bool:
    """Tests of the page in a browser need one. Outside CI they are left out without it, and the summary says so."""
    return chromium() is None and os.environ.get("CI") != "true"


def pytest_configure() -> None:
    """What a shell puts into the background is deaf to Ctrl-C, and commands that tests start would inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """What there is now is never garbage. To look through it again for what is took a good part of every test that
    makes many objects."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = [item for item in items if item.get_closest_marker("browser")] if no_browser() else []
    if left_out:
        items[:] = [item for item in items if not item.get_closest_marker("browser")]
        config.hook.pytest_deselected(items=left_out)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if no_browser():
        terminalreporter.write_line(
            "left out: tests of the what-if page in a browser, for there is no chromium on the path "
            "(Debian: apt-get install chromium; elsewhere: CHROMIUM=/path/to/chromium)"
        )
