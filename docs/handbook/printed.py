"""mkdocs hook: pages that are printed from the program when the handbook is built, and the gallery's pictures.

Commands, metrics and the numbers with their sources are never typed: `make docs` prints them from the parser, from
metrics_of and from national.toml. (The scenario reference is printed too, but committed, so that it reads in the tree.)
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

CHINESE = r"[\u4e00-\u9fff]+"
MARKS = r"[\u3000-\u303f\uff00-\uffef\u201c\u201d]"
WIDE = r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef\u201c\u201d]"
# Ends of lines where Chinese is written without a space; between a character and code or Latin letters there is one.
JOINED = re.compile(rf"(?<={WIDE})\n *(?={WIDE}|\[)|(?<={MARKS})\n *(?=[\w`])(?!\d+\. )|(?<=`)\n *(?={MARKS})")
OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]*")
HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def on_files(files: Files, config: MkDocsConfig) -> Files:
    if str(ROOT) not in sys.path:  # here, because mkdocs takes back what a hook adds while it is loaded
        sys.path.insert(0, str(ROOT))
    from sim import handbook

    lang = Path(config.docs_dir).name
    for name, page in handbook.PRINTED.items():
        files.append(File.generated(config, name, content=page(lang)))
    for picture in sorted((ROOT / "docs" / "img").glob("*.png")):
        if picture.name.endswith(".zh.png") == (lang == "zh"):
            name = picture.name.replace(".zh.png", ".png")
            files.append(File.generated(config, f"img/{name}", abs_src_path=str(picture)))
    for name in ("handbook.css", "handbook.js"):
        files.append(File.generated(config, f"assets/{name}", abs_src_path=str(HERE / "assets" / name)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Pages of docs/ are put in place of the lines that name them. Lines of Chinese are joined without the space that
    a browser would put there; blocks of code stay as they are.
    """
    if Path(config.docs_dir).name != "zh":
        return markdown
    markdown = re.sub(r'^--8<-- "(.+)"$', included, markdown, flags=re.MULTILINE)
    parts = re.split(r"(^```.*?^```|^    .*?$)", markdown, flags=re.DOTALL | re.MULTILINE)
    return "".join(p if p.startswith("```") else JOINED.sub("", p) for p in parts)


def included(named: re.Match[str]) -> str:
    """The text of a page of docs/. What stands beside it as x.zh.md in the tree is x.md in the Chinese handbook. (Done
    here, not by pymdownx.snippets, because that comes after the joining of lines.)"""
    return (ROOT / "docs" / named[1]).read_text(encoding="utf-8").replace(".zh.md)", ".md)")


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Where a line of code may end: a browser breaks after any dash, so options are marked for the style sheet to keep
    whole; it does not break in a dotted name, so names in tables say where they may.
    """

    def marked(code: re.Match[str]) -> str:
        return OPTION.sub(r'<span class="option">\g<0></span>', code[0])

    html = re.sub(r"<code[^>]*>.*?</code>", marked, html, flags=re.DOTALL)
    return re.sub(r"(?<=<td><code>)[a-z][\w.]*(?=</code></td>)", lambda key: key[0].replace(".", ".<wbr>"), html)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """The theme's search is a dialog without a name, which a screen reader has to say."""
    name = "搜索" if Path(config.docs_dir).name == "zh" else "Search"
    return output.replace(
        'data-md-component="search" role="dialog"', f'data-md-component="search" role="dialog" aria-label="{name}"'
    )


def on_post_build(config: MkDocsConfig) -> None:
    """The search splits at white space, which Chinese lacks: the index is cut into words by a zero-width space, the
    longest known word first (the terms of the program and words.txt). Questions are split by the words of the index.
    """
    if Path(config.docs_dir).name != "zh":
        return
    from sim.terms import TERMS

    known = set((HERE / "words.txt").read_text(encoding="utf-8").split())
    known |= {word for zh, _ in TERMS.values() for word in re.findall(CHINESE, zh) if len(word) > 1}
    words = re.compile("|".join(sorted(known, key=len, reverse=True)))

    def cut(run: re.Match[str]) -> str:
        parted = words.sub(lambda word: f"\u200b{word.group()}\u200b", run.group()).strip("\u200b")
        # a character left over stays with the word before it: as a word of its own it would answer to every question
        return re.sub("\u200b(.)(?=\u200b|$)", r"\1", parted.replace("\u200b\u200b", "\u200b"))

    path = Path(config.site_dir, "search", "search_index.json")
    index = json.loads(path.read_text(encoding="utf-8"))
    for entry in index["docs"]:
        for key in ("title", "text"):
            entry[key] = re.sub(CHINESE, cut, entry[key])
    path.write_text(json.dumps(index, ensure_ascii=False), encoding="utf-8")
