"""The pages under docs/: every command and every piece of Python that they show runs, from top to bottom, and a page
and its Chinese twin say the same, as far as that can be counted."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from calendar import month_name
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.test_repository import text_of

PAGES = ("analysis.md", "portfolio.md", "handbook/en/report.md")  # cluster.md needs machines, serve until Ctrl-C

# Examples have to run, not to be exact: few worlds, few samples, no figures where the page does not speak of them.
SMALLER = (
    (r"--replications \d+", "--replications 3"),
    (r"--samples \d+", "--samples 8"),
    (r"replications=\d+", "replications=3"),
    (r"samples=\d+", "samples=16"),
    (r"(?m)^(python run\.py (?:run|compare|solve) .*)$", r"\1 --no-figures"),
    (r"(?m)^(python run\.py (?:solve|compare) (?!.*--replications).*)$", r"\1 --replications 3"),
    # with 40 samples the emulator of eight parameters is too rough to pass the check that the page asks for
    (r"(?m)^(python run\.py calibrate .*)$", r"\1 --samples 80 --replications 4 --no-figures"),
)
# What a page takes for granted was made before.
BEFORE = {
    "handbook/en/report.md": (
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


# --- a page and its Chinese twin

TWINS = sorted(path.name.replace(".zh.md", ".md") for path in (ROOT / "docs").glob("*.zh.md"))
FENCE = re.compile(r"^ *```(\w*)[^\n]*\n(.*?)^ *```$", flags=re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Section:
    """What both languages of a page have in common between one heading and the next."""

    level: int  # of the heading; 0 above the first
    blocks: list[tuple[str, str]]  # language and text, without remarks, which are in the page's language
    code: set[str]  # commands, options, files and names within sentences
    marks: tuple[int, int]  # items of lists, passages in bold
    tables: list[tuple[int, int]]  # rows, bars: cells are counted, for a name in them may be a word
    numbers: Counter[float]  # in sentences and tables, as far as they are written in digits


def sections(text: str) -> list[Section]:
    blocks = iter(FENCE.findall(text))
    found = []
    for part in re.split(r"^(?=#+ )", FENCE.sub("\0", text), flags=re.MULTILINE):
        code = re.findall(r"`([^`]+)`", part)
        tables = [rows.splitlines() for rows in re.findall(r"(?:^\|.*\n)+", part, flags=re.MULTILINE)]
        shown = [next(blocks) for _ in range(part.count("\0"))]
        found.append(
            Section(
                level=re.match("#*", part).end(),  # pyright: ignore[reportOptionalMemberAccess] (it always matches)
                blocks=[(language, re.sub(r" *# .*", "", block)) for language, block in shown],
                code={" ".join(span.split()) for span in code},
                marks=(len(re.findall(r"^- ", part, flags=re.MULTILINE)), part.count("**") // 2),
                tables=[(len(rows), sum(row.count("|") for row in rows)) for rows in tables],
                numbers=numbers_in(re.sub(r"`[^`]+`", "", part)),
            )
        )
    return found


def numbers_in(text: str) -> Counter[float]:
    """Every number: .5 as 0.5, 10 000 as 10000, October 2025 as 10 and 2025, and bn as 亿."""
    text = re.sub(rf"\b({'|'.join(month_name[1:])})\b", lambda m: str([*month_name].index(m[0])), text)
    text = re.sub(r"(?<=\d) (?=\d{3}\b)", "", text)
    text = re.sub(r"(\d+(?:\.\d+)?) bn", lambda money: f"{10 * float(money[1]):g}", text)
    return Counter(float(number) for number in re.findall(r"\d*\.?\d+", text))


def differences(english: str, chinese: str) -> list[str]:
    """What the Chinese page lacks or has over, by heading; empty where it says the same, as far as can be counted."""
    ours, theirs = sections(english), sections(chinese)
    if [s.level for s in ours] != [s.level for s in theirs]:
        return [f"levels of headings: {[s.level for s in ours]} and {[s.level for s in theirs]}"]
    told = []
    for count, (en, zh) in enumerate(zip(ours, theirs, strict=True)):
        if en.blocks != zh.blocks:
            told.append(f"part {count}: blocks {[b for b in en.blocks if b not in zh.blocks]}")
        if en.code != zh.code:
            told.append(f"part {count}: code {sorted(en.code ^ zh.code)}")
        if en.marks != zh.marks:
            told.append(f"part {count}: items and bold {en.marks} and {zh.marks}")
        if en.tables != zh.tables:
            told.append(f"part {count}: tables {en.tables} and {zh.tables}")
        if en.numbers != zh.numbers:
            lacking, over = (en.numbers - zh.numbers).elements(), (zh.numbers - en.numbers).elements()
            told.append(f"part {count}: numbers {sorted(lacking)} lacking, {sorted(over)} over")
    return told


@pytest.mark.parametrize("page", TWINS)
def test_a_page_and_its_chinese_twin_show_the_same_commands_code_tables_and_numbers(page: str):
    assert not differences(text_of(ROOT / "docs" / page), text_of(ROOT / "docs" / page.replace(".md", ".zh.md")))


@pytest.mark.parametrize(
    ("was", "instead", "told"),
    [
        ("--samples 1024", "--samples 512", "part 1: blocks"),
        ("walltime", "time", "part 4: blocks"),
        ("`--resume` 都从", "`--again` 都从", "part 1: code"),
        ("300 MB", "400 MB", "part 2: numbers"),
        ("## Slurm", "### Slurm", "levels of headings"),
    ],
)
def test_a_twin_that_drifts_is_told(was: str, instead: str, told: str):
    english, chinese = (text_of(ROOT / "docs" / name) for name in ("cluster.md", "cluster.zh.md"))
    assert was in chinese
    found = differences(english, chinese.replace(was, instead))
    assert len(found) == 1 and found[0].startswith(told)


def test_numbers_are_the_same_in_either_notation():
    assert numbers_in("50 bn in March 2021, .29 of 10 000") == numbers_in("2021 年 3 月的 500亿，10000 的 0.29")
    assert numbers_in("36 firms") != numbers_in("63 家")


def test_a_table_that_lost_a_row_is_told():
    english, chinese = (text_of(ROOT / "docs" / name) for name in ("analysis.md", "analysis.zh.md"))
    fewer = re.sub(r"(?m)^\| oat .*\n", "", chinese)
    assert [part.split(":")[1].split()[0] for part in differences(english, fewer)] == ["tables", "numbers"]


@pytest.mark.parametrize("page", ["README.md", "README.zh.md"])
def test_the_python_of_the_readme_says_from_where_it_runs(page: str):
    """Outside of the project's folder its first line fails, and nothing said so."""
    before, _, _ = text_of(ROOT / page).partition("```python\nfrom sim import load_scenario")
    assert "PYTHONPATH" in before[before.rindex("\n## ") :]
