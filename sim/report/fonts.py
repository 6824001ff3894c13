"""The report's font, cut down to the characters that a page uses."""

from __future__ import annotations

import base64
import io
import logging

from sim.figures.style import FONT, FONT_FILE

FAMILY = FONT


def subset(text: str) -> bytes:
    """The font with the glyphs of `text` alone, as woff2; characters that it lacks are left to the reader's fonts."""
    from fontTools import subset as cutting
    from fontTools.ttLib import TTFont

    logging.getLogger("fontTools").setLevel(logging.ERROR)
    options = cutting.Options(flavor="woff2", hinting=False, notdef_outline=True, layout_features=["kern"])
    with TTFont(FONT_FILE, lazy=True, recalcTimestamp=False) as font:  # the same text, the same bytes
        have = font.getBestCmap() or {}
        cutter = cutting.Subsetter(options)
        cutter.populate(unicodes=sorted({ord(letter) for letter in text} & set(have)))
        cutter.subset(font)
        font.flavor = "woff2"
        out = io.BytesIO()
        font.save(out)
    return out.getvalue()


def data_uri(text: str) -> str:
    return "data:font/woff2;base64," + base64.b64encode(subset(text)).decode("ascii")
