"""A document as one HTML file that needs nothing else: styles, font and figures are inside it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.report.blocks import Picture, Table

if TYPE_CHECKING:
    from sim.report.blocks import Document

HERE = Path(__file__).parent
GLYPH = re.compile(r'<path id="([^"]+)" d="[^"]*"(?: transform="[^"]*")?\s*/>')
ROOT = re.compile(r"<svg\b[^>]*>")
VIEW = re.compile(r'viewBox="[^"]*"')
TOGETHER = re.compile(r"(?<=CNY) (?=[−+\d])|(?<=\d) (?=(?:%|tn|bn|m|k)(?!\w))")  # an amount and its unit: one line
STYLE = re.compile(r'<style type="text/css">.*?</style>', re.DOTALL)


@dataclass
class _Drawn:
    """Figures that stand in one page: each shape of a letter is kept once, every other id is made the figure's own."""

    glyphs: dict[str, str]
    count: int = 0

    def inline(self, picture: Picture, number: int) -> str:
        """The picture's SVG with a title and a description that screen readers read."""
        svg = picture.svg
        for shape in GLYPH.finditer(svg):
            self.glyphs.setdefault(shape[1], shape[0])
        svg = GLYPH.sub("", svg)
        view = VIEW.search(svg)
        own = f"f{number}-"
        svg = STYLE.sub("", ROOT.sub("", svg, count=1))
        svg = re.sub(r'\bid="([^"]+)"', lambda m: f'id="{own}{m[1]}"', svg)
        svg = re.sub(r"url\(#([^)]+)\)", lambda m: f"url(#{own}{m[1]})", svg)
        svg = re.sub(
            r'(?:xlink:)?href="#([^"]+)"',
            lambda m: f'href="#{m[1] if m[1] in self.glyphs else own + m[1]}"',
            svg,
        )
        from markupsafe import escape

        head = (
            f'<svg class="figure" {view[0] if view else ""} role="img" aria-labelledby="{own}t {own}d"'
            f' style="--w:{picture.width:.2f}in"><title id="{own}t">{escape(picture.title)}</title>'
            f'<desc id="{own}d">{escape(picture.alt)}</desc>'
        )
        return head + svg


@cache
def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(HERE)
    return Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_together,
    ).get_template("page.html")


def _together(text: Any) -> Any:
    """Spaces within an amount do not break; what is marked up or escaped already, code among it, stays as it is."""
    return TOGETHER.sub("\u00a0", text) if type(text) is str else text


def render(document: Document) -> bytes:
    """UTF-8. Texts are escaped by the template; figures come from sim.figures alone."""
    from markupsafe import Markup

    drawn, numbered = _Drawn({}), _numbered(document)
    svgs = {id(p): Markup(drawn.inline(p, n)) for p, n in numbered["picture"].items_by_block}
    page = _template().render(
        document=document,
        kind=lambda block: type(block).__name__,
        number=lambda block: numbered["picture" if isinstance(block, Picture) else "table"].of(block),
        svg=lambda block: svgs[id(block)],
        glyphs=Markup("".join(drawn.glyphs.values())),
        css=Markup((HERE / "page.css").read_text(encoding="utf-8")),
        font="@FONT@",
    )
    from sim.report.fonts import data_uri

    return page.replace("@FONT@", data_uri(_text_of(page)), 1).encode("utf-8")


class _Numbers:
    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        self.items_by_block: list[tuple[Any, int]] = []

    def add(self, block: Any) -> None:
        self._numbers[id(block)] = len(self._numbers) + 1
        self.items_by_block.append((block, len(self._numbers)))

    def of(self, block: Any) -> int:
        return self._numbers[id(block)]


def _numbered(document: Document) -> dict[str, _Numbers]:
    """Figures and tables are numbered through the document, each on its own."""
    found = {"picture": _Numbers(), "table": _Numbers()}
    for section in document.sections:
        for block in section.blocks:
            if isinstance(block, Picture | Table):
                found["picture" if isinstance(block, Picture) else "table"].add(block)
    return found


def _text_of(page: str) -> str:
    """What a reader sees set in the page's own font: scenario files and drawings are not."""
    text = re.sub(r"<(style|svg|pre)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return unescape(re.sub(r"<[^>]+>", " ", text)) + " 0123456789+−–—…%.,"
