"""Cuts the Chinese font of this folder: python sim/fonts/cut.py NotoSansSC-Regular.ttf"""

from __future__ import annotations

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

HERE = Path(__file__).resolve().parent
TARGET = HERE / "NotoSansSC-GB2312.ttf"
FAMILY = "Noto Sans SC GB2312"  # a name of its own: a larger Noto Sans SC on the machine never stands in for it
EXTRA = (
    "¥￥–—−×÷±≥≤≈≠∞√∑∏²³¹⁴½¼€£%‰°·•…“”‘’"
    "「」『』《》〈〉【】〔〕（）、。，；：！？～→←↑↓↗↘▲▼●○■□◆◇★☆✓α"
    "βγδεζηθικλμνξοπρστυφχψωΔΣΩ㎡№堃囧"
)


def characters() -> set[int]:
    """ASCII, Latin-1, every two-byte code of GB 2312, and the signs of EXTRA."""
    wanted = set(range(0x20, 0x7F)) | set(range(0xA0, 0x100)) | {ord(c) for c in EXTRA}
    for row in range(0xA1, 0xF8):
        for cell in range(0xA1, 0xFF):
            try:
                wanted.add(ord(bytes((row, cell)).decode("gb2312")))
            except UnicodeDecodeError:
                continue
    return wanted


def cut(source: Path, target: Path = TARGET) -> None:
    options = subset.Options()
    options.layout_features = ["kern"]
    options.hinting = False
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]
    options.name_languages = [0x409]
    options.notdef_outline = True
    options.glyph_names = False
    options.drop_tables += ["vhea", "vmtx", "BASE", "STAT", "GSUB", "GDEF"]
    options.recalc_timestamp = False
    font = TTFont(source, recalcTimestamp=False)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=characters())
    subsetter.subset(font)
    for number, text in ((1, FAMILY), (4, f"{FAMILY} Regular"), (6, "NotoSansSC-GB2312")):
        font["name"].setName(text, number, 3, 1, 0x409)
    font.save(target)
    have = set(font.getBestCmap() or {})
    missing = "".join(sorted(map(chr, characters() - have)))
    print(f"{target.name}: {target.stat().st_size} bytes, {len(have)} characters; the source lacks {missing!r}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    cut(Path(sys.argv[1]))
