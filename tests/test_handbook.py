"""The handbook: what it shows runs, both languages show the same, and the site asks no other host for anything."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest

from sim import cli, handbook
from tests.conftest import ROOT
from tests.test_docs import FENCE
from tests.test_repository import text_of

HANDBOOK = ROOT / "docs" / "handbook"
PAGES = sorted(path.name for path in (HANDBOOK / "en").glob("*.md"))
FEW = "3"  # replications of an example: it has to run, not to be exact


@dataclass(frozen=True)
class Block:
    """A tested block: lines of a shell, a file that a page shows, or a piece of Python."""

    language: str
    file: str
    status: int
    text: str


def blocks(lang: str, page: str) -> list[Block]:
    pattern = r'<!-- tested(?:: exit status (\d))? -->\n```(\w+)(?: title="([^"]+)")?\n(.*?)```'
    found = re.findall(pattern, text_of(HANDBOOK / lang / page), flags=re.DOTALL)
    return [Block(language, file, int(status or 0), text) for status, language, file, text in found]


SHOWING = [page for page in PAGES if blocks("en", page)]

# A page is a session: its blocks run one after the other in a folder of their own. All pages share a process, which
# pays for the imports once.
SESSIONS = """
import json, os, shlex, subprocess, sys
from pathlib import Path
from sim.cli import main

def run(line):
    words = shlex.split(line)
    if words[:2] != ["python", "run.py"]:
        return subprocess.run(words).returncode
    try:
        return main(words[2:])
    except SystemExit as leaving:
        return leaving.code

desk = Path.cwd()
for page, blocks in json.loads(Path("sessions.json").read_text(encoding="utf-8")).items():
    os.chdir(desk / page)
    for language, file, status, text in blocks:
        if language == "toml":
            Path(file).write_text(text, encoding="utf-8")
        elif language == "python":
            exec(compile(text, page, "exec"), {})
        else:
            for line in text.splitlines():
                ended = run(line)
                print("ran", line, flush=True)
                if ended != status:
                    sys.exit(f"{page}: exit status {ended} instead of {status}: {line}")
"""


def small(text: str) -> str:
    """Few worlds, and figures only where a page speaks of them: examples have to run, not to be exact."""
    text = re.sub(r"--replications \d+", f"--replications {FEW}", text)
    return re.sub(
        r"(?m)^(python run\.py (?:run|compare|sweep|solve|optimise) .*?)(?: --no-figures)?$", r"\1 --no-figures", text
    )


@pytest.mark.slow
def test_what_the_pages_show_runs_from_top_to_bottom(tmp_path: Path):
    sessions = {}
    for page in SHOWING:
        (tmp_path / page / "results").mkdir(parents=True)
        shutil.copytree(ROOT / "scenarios", tmp_path / page / "scenarios")
        sessions[page] = [(b.language, b.file, b.status, small(b.text)) for b in blocks("en", page)]
    (tmp_path / "sessions.json").write_text(json.dumps(sessions), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SESSIONS],
        cwd=tmp_path,
        env=os.environ | {"LC_ALL": "C.UTF-8", "NO_COLOR": "1", "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=3600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    shown = [b.text for page in SHOWING for b in blocks("en", page) if b.language == "sh"]
    lines = [line for text in shown for line in small(text).splitlines()]
    assert len(lines) > 20
    assert re.findall(r"^ran (.*)$", done.stdout, flags=re.MULTILINE) == lines


@pytest.mark.parametrize("page", SHOWING)
def test_the_chinese_page_shows_the_same_commands_and_files(page: str):
    """Remarks and sources are in the page's language; everything that is run is the same."""

    def plain(b: Block) -> Block:
        text = re.sub(r'source = "[^"]*"', "", re.sub(r"\s*#.*", "", b.text))
        return Block(b.language, b.file, b.status, text)

    assert [plain(b) for b in blocks("zh", page)] == [plain(b) for b in blocks("en", page)]


@pytest.mark.parametrize("page", SHOWING)
def test_the_files_of_the_chinese_page_load(page: str, desk: Path, monkeypatch: pytest.MonkeyPatch):
    from sim.errors import UserError
    from sim.scenario import load_scenario

    monkeypatch.chdir(desk)
    assert cli.main(["new", "riverside", "--lang", "zh"]) == 0
    refused = " ".join(b.text for b in blocks("zh", page) if b.status)  # a page may show what a mistake says
    for b in blocks("zh", page):
        if b.language == "toml":
            Path(b.file).write_text(b.text, encoding="utf-8")
            try:
                assert load_scenario(b.file).zone.name.zh
            except UserError as error:
                assert b.file in refused, error
                says = text_of(HANDBOOK / "zh" / page)
                assert all(f"headwater: {problem.told('zh')}" in says for problem in error.problems)


def test_both_languages_have_the_same_pages():
    assert sorted(path.name for path in (HANDBOOK / "zh").glob("*.md")) == PAGES


def page_of(name: str) -> str:
    """The Chinese page `name` as mkdocs takes it from the handbook's hook."""
    spec = importlib.util.spec_from_file_location("printed", HANDBOOK / "printed.py")
    assert spec and spec.loader
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    return hook.on_page_markdown(text_of(HANDBOOK / "zh" / name), None, SimpleNamespace(docs_dir=HANDBOOK / "zh"), None)


@pytest.mark.parametrize("name", ["analysis.md", "cluster.md", "model.md"])
def test_a_page_kept_in_docs_is_shown_in_chinese_to_chinese_readers(name: str):
    page = page_of(name)
    sentences = [line for line in FENCE.sub("", page).splitlines() if len(line) > 80 and not line.startswith("|")]
    assert len(sentences) > 5
    assert not [line for line in sentences if not re.search(r"[\u4e00-\u9fff]", line)]
    assert ".zh.md" not in page and "--8<--" not in page


def test_lines_of_chinese_are_joined_without_a_space():
    page = FENCE.sub("", page_of("analysis.md"))
    assert not re.findall(r"[\u4e00-\u9fff，。；：、]\n *[\u4e00-\u9fff]", page)
    assert "| sobol |" in page and "\n- " in page  # rows and items keep their lines


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_commands_page_is_the_programs_own_help(lang: str):
    page = handbook.commands(lang)
    with cli.speaking(lang):
        parser = cli.build_parser()
        helps = {name: below.format_help().strip() for name, below in cli.commands_of(parser).items()}
    for name, told in helps.items():
        assert f"## {name} {{ #{name} }}" in page
        assert told in page


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_commands_and_options_that_a_page_names_exist(lang: str):
    with cli.speaking("en"):
        known = cli.commands_of(cli.build_parser())
    for page in PAGES:
        for line in re.findall(r"python run\.py ([^`\n]*)", text_of(HANDBOOK / lang / page)):
            words = line.split()
            if not words or not re.fullmatch(r"[a-z-]+", words[0]):
                continue  # `python run.py …`, `python run.py --help`
            assert words[0] in known, f"{page}: {line}"
            options = {flag for action in known[words[0]]._actions for flag in action.option_strings}
            assert {w.split("=")[0] for w in words if w.startswith("--")} <= options, f"{page}: {line}"


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_metrics_and_numbers_pages_hold_every_one(lang: str):
    from sim.scenario import load_scenario
    from sim.scenario.loading import provenance

    metrics, parameters = handbook.metrics(lang), handbook.parameters(lang)
    assert all(
        f"| `{m.name}` | {m.label[lang]} |" in metrics for m in load_scenario(ROOT / "scenarios/xian.toml").metrics
    )
    rows = provenance(load_scenario(ROOT / "scenarios/national.toml"))
    assert len(rows) > 200 and all(f"| `{row['path']}` |" in parameters for row in rows)


# --- the site as built


class Asks(HTMLParser):
    """Addresses that a browser fetches by itself when it opens a page, and the links that it does not."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {key: value or "" for key, value in attrs}
        if "id" in found:
            self.ids.add(found["id"])
        if tag == "a":
            self.links.append(found.get("href", ""))
        elif tag == "link" and found.get("rel") in ("canonical", "alternate", "next", "prev"):
            return
        else:
            self.fetched += [found[key] for key in ("src", "href", "srcset", "data", "poster") if found.get(key)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    for config, below in (("mkdocs.yml", folder), ("mkdocs.zh.yml", folder / "zh")):
        words = ["build", "--quiet", "--strict", "-f", config, "-d", str(below)]
        done = subprocess.run(
            [sys.executable, "-m", "mkdocs", *words],
            cwd=ROOT,
            env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=1800,
        )
        assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_no_page_of_the_site_asks_another_host_and_every_link_leads_somewhere(site: Path):
    pages = {path: Asks() for path in sorted(site.rglob("*.html"))}
    assert len(pages) >= 2 * (len(PAGES) + len(handbook.PRINTED))
    for path, found in pages.items():
        found.feed(path.read_text(encoding="utf-8"))
    for path, found in pages.items():
        if path.name == "404.html":
            continue  # its links start at the root of whatever serves it
        for address in found.fetched:
            parts = urlsplit(address)
            assert parts.scheme in ("", "data") and not parts.netloc, f"{path.name} fetches {address}"
            assert parts.scheme == "data" or (path.parent / parts.path).resolve().is_file(), f"{path.name}: {address}"
        for address in found.links:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / parts.path).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            assert target in pages, f"{path.relative_to(site)} links to {address}"
            assert not parts.fragment or parts.fragment in pages[target].ids, f"{path.name}: {address}"


@pytest.mark.slow
def test_styles_of_the_site_fetch_nothing_from_elsewhere(site: Path):
    for path in site.rglob("*.css"):
        addresses = re.findall(r"""(?:url\(|@import)\s*["']?(\w+:)?//[^"')]+""", path.read_text(encoding="utf-8"))
        assert not addresses, path.name


@pytest.mark.slow
def test_the_language_switch_keeps_the_page(site: Path):
    page = (site / "solve.html").read_text(encoding="utf-8")
    assert 'href="zh/solve.html" hreflang="zh"' in page
    assert 'href="../solve.html" hreflang="en"' in (site / "zh" / "solve.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_search_of_the_chinese_site_knows_words(site: Path):
    """Chinese has no spaces: words are parted in the index by what its separator splits at."""
    index = json.loads((site / "zh/search/search_index.json").read_text(encoding="utf-8"))
    separator = re.compile(index["config"]["separator"])
    words = {word for entry in index["docs"] for word in separator.split(entry["text"])}
    assert {"引导基金", "返投比例", "出资比例上限", "扇形图"} <= words
