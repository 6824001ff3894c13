"""The pages under docs/: every command and every piece of Python that they show runs, from top to bottom."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.test_repository import text_of

PAGES = ("analysis.md", "portfolio.md", "report.md")  # cluster.md needs machines, serve.md runs until Ctrl-C

# Examples have to run, not to be exact: few worlds, few samples, no figures where the page does not speak of them.
SMALLER = (
    (r"--replications \d+", "--replications 3"),
    (r"--samples \d+", "--samples 8"),
    (r"replications=\d+", "replications=3"),
    (r"samples=\d+", "samples=16"),
    (r"(?m)^(python run\.py (?:run|compare|solve) .*)$", r"\1 --no-figures"),
    (r"(?m)^(python run\.py (?:solve|compare) (?!.*--replications).*)$", r"\1 --replications 3"),
    (r"(?m)^(python run\.py calibrate .*)$", r"\1 --samples 40 --replications 4 --no-figures"),
)
# What a page takes for granted was made before.
BEFORE = {
    "report.md": (
        "python run.py run scenarios/xian.toml --replications 3 --no-figures --quiet",
        "python run.py compare scenarios/xian.toml scenarios/xian/no-guidance-fund.toml --replications 3 --no-figures",
        "python run.py sweep scenarios/xian.toml --method oat --samples 2 --replications 2 --no-figures",
    )
}


def shown(page: str) -> list[tuple[str, str]]:
    """(language, text) of the blocks with commands or Python, made smaller."""
    found = re.findall(r"^```(\w*)\n(.*?)^```", text_of(ROOT / "docs" / page), flags=re.DOTALL | re.MULTILINE)
    blocks = [(lang, text) for lang, text in found if lang == "python" or text.startswith("python run.py")]
    smaller = []
    for lang, text in blocks:
        text = text.replace("\\\n", " ")
        for pattern, instead in SMALLER:
            text = re.sub(pattern, instead, text)
        smaller.append((lang, text))
    return smaller


def commands(page: str) -> list[str]:
    return [line for lang, text in shown(page) if lang != "python" for line in text.splitlines()]


@pytest.mark.parametrize("page", PAGES)
def test_pages_show_commands(page: str):
    assert len(commands(page)) >= 2


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_shows_runs_from_top_to_bottom(page: str, desk: Path):
    environment = os.environ | {"LC_ALL": "C.UTF-8", "NO_COLOR": "1", "PYTHONPATH": str(ROOT)}

    def ended(words: list[str] | str, shell: bool = False) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words, cwd=desk, env=environment, shell=shell, capture_output=True, text=True, timeout=600, check=False
        )

    for line in [*BEFORE.get(page, ()), *commands(page)]:
        words = re.sub(r"^python run\.py", f"{sys.executable} -W error run.py", line)
        done = ended(words, shell=True)
        assert done.returncode == 0, f"{line}\n{done.stderr}"
    for lang, text in shown(page):
        if lang == "python":
            done = ended([sys.executable, "-W", "error", "-c", text])
            assert done.returncode == 0, f"{text}\n{done.stderr}"
