"""Where numbers come from is told in the reader's language: every shipped source and note has a Chinese twin."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import tomli

from sim.sources import chinese, tables
from sim.terms import sourced

ROOT = Path(__file__).resolve().parent.parent
SCENARIOS = sorted((ROOT / "scenarios").rglob("*.toml"))
CASES = sorted((ROOT / "tests" / "published").glob("*.toml"))
TOLD = ("source", "note")
BY_NAME = (  # what stays in Latin letters within a Chinese sentence: titles, authors, publishers, names of things
    r"A new product growth for model consumer durables, Management Science|Business Employment Dynamics|Crunchbase"
    r"|VentureSource|Halo"
    r"|The Pareto, Zipf and other power laws, Economics Letters|Illiquid alternative asset fund modeling"
    r"|Squaring venture capital valuations with reality|J\. (?:Financial Economics|Portfolio Management)"
    r"|RAND J\. Economics|Nature|Bass|Kaplan|Schoar|Gredil, Griffiths|Stucke|Rouvinez|Gornall|Strebulaev|Reed|Stanley"
    r"|Bottazzi|Secchi|Takahashi|Alexander|Metrick|Yasuda|Black|Scholes|Sultan, Farley, Lehmann|Cochrane|Schwartz"
    r"|Carta|PitchBook|GlobalData|Fenwick|West|Equidam|Correlation Ventures|State of Private Markets|Hall|Woodward"
    r"|Zhang, Fan, Liu|et al\.|(?<=[a-z]) and (?=[A-Z])|SSRN|XIRR|IRR|KS-PME|alpha|BLS|TEDA|bow|Pre-IPO|IT桔子"
)
CODE = r"[\w/]+(?:[./][\w/]+)+|\[\w+\]|\b[a-z]{2,}(?:-[a-z0-9]+)+|\bcalibrate 命令"  # paths, addresses, ids


def stated(files: list[Path], keys: tuple[str, ...] = TOLD) -> dict[str, str]:
    """Every text under one of these keys in these files, at any depth -> where it is first stated."""

    def within(tree: Any) -> Iterator[str]:
        if isinstance(tree, dict):
            for key, value in tree.items():
                if key in keys and isinstance(value, str):
                    yield value
                elif key in keys and isinstance(value, dict):
                    yield from (text for text in value.values() if isinstance(text, str))
                else:
                    yield from within(value)
        elif isinstance(tree, list):
            for value in tree:
                yield from within(value)

    out: dict[str, str] = {}
    for file in files:
        for text in within(tomli.loads(file.read_text(encoding="utf-8"))):
            out.setdefault(text, file.relative_to(ROOT).as_posix())
    return out


@cache
def ids_of_facts() -> list[str]:
    trees = [tomli.loads(file.read_text(encoding="utf-8")) for file in SCENARIOS]
    return sorted({fact["id"] for tree in trees for fact in tree.get("facts", [])}, key=len, reverse=True)


def in_english(text: str) -> bool:
    """Whether it holds words beside ids of facts, which read the same in both languages."""
    for name in ids_of_facts():
        text = text.replace(name, "")
    return bool(re.search(r"[A-Za-z]{2,}", text))


@pytest.mark.parametrize(
    ("table", "files", "keys"),
    [("scenarios", SCENARIOS, TOLD), ("cases", CASES, ("source", "misses"))],
    ids=["files", "cases"],
)
def test_every_source_and_note_has_a_chinese_twin_and_none_stands_idle(
    table: str, files: list[Path], keys: tuple[str, ...]
) -> None:
    found, have = stated(files, keys), tables()[table]
    assert len(found) > 25
    missing = [f'{json.dumps(x, ensure_ascii=False)} = "…"  # {found[x]}' for x in found if in_english(x)
               and x not in have]  # fmt: skip
    assert not missing, f"give each of these a Chinese twin in [{table}] of sim/sources.toml:\n" + "\n".join(missing)
    idle = sorted(set(have) - set(found))
    assert not idle, "no shipped file states these any more; take them out of sim/sources.toml:\n" + "\n".join(idle)


def test_a_text_has_one_twin() -> None:
    scenarios, cases = tables()["scenarios"], tables()["cases"]
    assert not set(scenarios) & set(cases)


def test_no_english_is_left_in_a_twin_but_names_and_titles() -> None:
    for twins in tables().values():
        for english, twin in twins.items():
            left = re.sub(BY_NAME, "", re.sub(CODE, "", twin))
            assert not re.search(r"[A-Za-z]{3,}", left), f"{english}: {left}"
            assert re.search(r"[\u4e00-\u9fff]", twin), twin
            assert not re.search(r"[,;:] ?[\u4e00-\u9fff]|[\u4e00-\u9fff][,;:]", twin), twin  # marks are Chinese too


def test_a_twin_states_the_same_figures() -> None:
    """Whole numbers of three digits and more and all decimals; .38 is written 0.38, 1.3m in another unit."""
    for twins in tables().values():
        for english, twin in twins.items():
            if "1.3m USD" in english:
                continue
            told = re.findall(r"\d*\.\d+|\d+", twin)
            for figure in re.findall(r"\d*\.\d+|\d{3,}", english):
                assert figure in told or f"0{figure}" in told, f"{figure} of {english}"


def test_what_is_no_shipped_text_is_told_as_it_stands() -> None:
    assert chinese("Yearbook 2023, page 4") == "Yearbook 2023, page 4"
    assert sourced("our own count of 2024", "zh") == "our own count of 2024"
    assert sourced("", "zh") == ""


def test_a_shipped_source_is_told_in_the_readers_language() -> None:
    assert sourced("calibrated to xa-giant", "zh") == "按 xa-giant 校准"
    assert sourced("calibrated to xa-giant", "en") == "calibrated to xa-giant"


def test_a_reader_of_english_loads_no_catalogue() -> None:
    code = "import sys; from sim.terms import sourced; sourced('no published count', 'en'); print('sim.sources' in "
    code += "sys.modules); sourced('no published count', 'zh'); print('sim.sources' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == ["False", "True"]


def test_no_english_sentence_is_left_on_the_chinese_page_of_parameters() -> None:
    from sim.handbook import parameters

    page = parameters("zh")
    cells = [line.split("|")[-2].strip() for line in page.splitlines() if line.startswith("| `")]
    assert len(cells) > 400
    for cell in cells:
        left = re.sub(BY_NAME, "", re.sub(CODE, "", cell))
        assert not re.search(r"[A-Za-z]{3,}", left), cell
