"""How every figure looks: font, colours, page, and numbers as people say them (万, 亿; thousands, bn)."""

from __future__ import annotations

import contextlib
import io
import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

import matplotlib
from matplotlib import font_manager, patheffects
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from sim import store
from sim.quantities import half_up, significant
from sim.terms import COUNTED, term
from sim.terms import capital as capital

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from sim.result import Result

FONT_FILE = Path(__file__).resolve().parent.parent / "fonts" / "NotoSansSC-GB2312.ttf"
FONT = "Noto Sans SC GB2312"

# Okabe and Ito (2008): told apart by readers with any colour vision
BLUE, VERMILION, GREEN, ORANGE = "#0072b2", "#d55e00", "#009e73", "#e69f00"
PURPLE, SKY, INK, GREY, PALE = "#cc79a7", "#56b4e9", "#22313f", "#7f8c8d", "#d5dbdf"
SERIES = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY)

HALO = [patheffects.withStroke(linewidth=2.2, foreground="white")]  # keeps words on lines legible
KEYS_ROOM = 148  # letters of a line of keys
SETS_ROOM = 64  # letters of what a run set otherwise than its scenario
WIDTH = 8.0  # inches; with DPI, 1600 pixels
DPI = 200
BARE_HEAD, BARE_FOOT = 0.16, 0.38  # inches above and below the axes of a figure without words of its own

STYLE: dict[Any, Any] = {
    "font.family": [FONT, "DejaVu Sans"],
    "font.size": 8.5,
    "text.color": INK,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.titlesize": 9.5,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": "#e8ecee",
    "grid.linewidth": 0.7,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "pdf.fonttype": 42,
    "svg.hashsalt": "headwater",
    "svg.fonttype": "path",
    "text.parse_math": False,  # a name with dollar signs is a name
}

_lock = threading.RLock()
_font_known = False
_framed = True
_words: WeakKeyDictionary[Figure, tuple[str, str, str]] = WeakKeyDictionary()


@contextlib.contextmanager
def style() -> Iterator[None]:
    """Everything is drawn and saved in here. matplotlib's settings are global, so one figure at a time."""
    global _font_known
    with _lock:
        if not _font_known:
            font_manager.fontManager.addfont(str(FONT_FILE))
            _font_known = True
        with matplotlib.rc_context(STYLE):
            yield


@contextlib.contextmanager
def frameless() -> Iterator[None]:
    """Figures drawn in here leave out their title, subtitle and source, which the page around them says as text.

    What they would have said is in `words_of`.
    """
    global _framed
    with _lock:
        before, _framed = _framed, False
        try:
            yield
        finally:
            _framed = before


def words_of(figure: Figure) -> tuple[str, str, str]:
    """(title, subtitle, source) of a figure made by `page`, whether drawn or left out."""
    return _words.get(figure, ("", "", ""))


P = ParamSpec("P")
T = TypeVar("T")


def styled(draw: Callable[P, T]) -> Callable[P, T]:
    """The function draws in this style and leaves matplotlib's settings as they were."""

    @wraps(draw)
    def drawn(*arguments: P.args, **named: P.kwargs) -> T:
        with style():
            return draw(*arguments, **named)

    return drawn


def tint(colour: str, strength: float) -> tuple[float, float, float]:
    """The colour on white, opaque: overlapping bands stay clean in every format."""
    red, green, blue = (1 - strength * (1 - part) for part in to_rgb(colour))
    return red, green, blue


# --- the page --------------------------------------------------------------------------------------------------------


def page(
    title: str, subtitle: str = "", source: str = "", height: float = 4.5, width: float = WIDTH
) -> tuple[Figure, float, float]:
    """An empty page with its words, and the (bottom, top) between which axes have room, in parts of the height.

    `height` is that of a page with its words; a frameless one is lower, so ask the figure for its height.
    """
    head, foot = 0.85 if subtitle else 0.62, 0.52
    if not _framed:
        height -= head - BARE_HEAD + foot - BARE_FOOT
        figure = Figure(figsize=(width, height), dpi=DPI)
        FigureCanvasAgg(figure)
        _words[figure] = (title, subtitle, source)
        return figure, BARE_FOOT / height, 1 - BARE_HEAD / height
    figure = Figure(figsize=(width, height), dpi=DPI)
    FigureCanvasAgg(figure)
    _words[figure] = (title, subtitle, source)
    inch = 1.0 / height
    left = 0.42 / width
    figure.text(left, 1 - 0.22 * inch, title, fontsize=13, va="top")
    if subtitle:
        size = _fitting(subtitle, 8.5, width)
        figure.text(left, 1 - 0.50 * inch, subtitle, fontsize=size, color=GREY, va="top")
    figure.text(left, 0.10 * inch, source, fontsize=_fitting(source, 6.8, width), color=GREY, va="bottom")
    return figure, foot * inch, 1 - head * inch


def _fitting(text: str, size: float, width: float) -> float:
    """The size of letters, or the smaller one at which a line of words stays on a page so many inches wide."""
    room = (width - 0.55) * 72 / (0.52 * size)  # half of a hanzi is .5 of its size wide, a letter about as much
    return size * min(1.0, room / max(wide(text), 1))


def legend(figure: Figure, handles: Sequence[Artist], top: float) -> float:
    """A line of keys below the subtitle, or as many as they need; returns the top that is left."""
    height, width = figure.get_figheight(), figure.get_figwidth()
    rows: list[list[Artist]] = [[]]
    room = KEYS_ROOM
    for handle in handles:
        needed = 7 + wide(str(handle.get_label()))  # the key itself and the gaps take as much as seven letters
        if rows[-1] and needed > room:
            rows.append([])
            room = KEYS_ROOM
        room -= needed
        rows[-1].append(handle)
    for row in rows:
        figure.legend(
            handles=row,
            loc="upper left",
            bbox_to_anchor=(0.36 / width, top + 0.10 / height),
            ncols=len(row),
            borderpad=0,
            columnspacing=1.4,
            handletextpad=0.5,
            handlelength=1.6,
        )
        top -= 0.18 / height
    return top - 0.04 / height


def shortened(text: str, room: int) -> str:
    """At most `room` letters wide, a hanzi counting two, with an ellipsis where something is left out."""
    wide = 0
    for i, letter in enumerate(text):
        wide += 2 if ord(letter) > 0x2E80 else 1
        if wide > room:
            hanzi = any(ord(other) > 0x2E80 for other in text)  # the font's … stands in the middle of a hanzi's square
            return text[: i - 1].rstrip(" ,：:（(") + ("…" if hanzi else "...")
    return text


def wide(text: str) -> int:
    """Letters' widths: a hanzi counts two."""
    return sum(2 if ord(letter) > 0x2E80 else 1 for letter in text)


def folded(text: str, room: int) -> str:
    """What is longer than `room` in two lines, broken at the space nearest to its middle, or between hanzi."""
    if wide(text) <= room:
        return text
    places = [i for i, letter in enumerate(text) if i and (letter == " " or ord(letter) > 0x2E80)]
    at = min(places, key=lambda i: abs(wide(text[:i]) - wide(text[i:])), default=len(text))
    return f"{text[:at].rstrip()}\n{text[at:].lstrip()}"


def lines(text: str, room: int) -> str:
    """Lines of at most `room` letters, broken at spaces or between hanzi; a longer word, as a path, at a dot."""
    out = []
    for line in text.split("\n"):
        while wide(line) > room:
            fits = next(i for i in range(len(line), 0, -1) if wide(line[:i]) <= room)
            hanzi = [i for i in range(1, fits + 1) if ord(line[i]) > 0x2E80 and line[i] not in "，。、；：）"]
            places = hanzi + [i for i in range(1, fits + 1) if line[i] == " "]
            at = max(places or [i for i in range(1, fits + 1) if line[i] == "."], default=fits)
            out.append(line[:at].rstrip())
            line = line[at:].lstrip()
        out.append(line)
    return "\n".join(out)


def panel_title(axes: Axes, label: str, columns: int) -> None:
    """The title of one of several panels abreast; a long one is set smaller, a longer one in two lines."""
    size, room = (9.0, 48) if columns < 3 else (8.5, 33)  # letters that fit over the axes
    label = folded(shortened(capital(label), 2 * room), room * 6 // 5)
    longest = max(wide(line) for line in label.split("\n"))
    size *= min(0.85 if "\n" in label else 1.0, room / max(longest, 1))
    axes.set_title(label, pad=15 if "\n" in label else 16, fontsize=size, linespacing=1.12)


def band_keys(lang: str) -> list[Any]:
    """What line and bands of a fan mean."""
    return [
        Line2D([], [], color=BLUE, lw=2, label=term("median", lang)),
        Patch(color=tint(BLUE, 0.38), label=term("figure.band.half", lang)),
        Patch(color=tint(BLUE, 0.16), label=term("figure.band.most", lang)),
    ]


def source_line(result: Result, lang: str, worlds: int | None = None) -> str:
    """`Headwater 活水 · scenario · replications · seed`; worlds: of how many of them a figure is drawn, if not all."""
    parts = ["Headwater 活水", scenario_name(result, lang)]
    count = f"{worlds or result.replications:,}"
    some = (
        term("figure.some", lang).format(all=f"{result.replications:,}")
        if worlds not in (None, result.replications)
        else ""
    )
    word = term("replication", lang)
    parts.append(f"{count}{word}{some}" if lang == "zh" else f"{count}{some} {word}")
    if "seed" in result.manifest:
        parts.append(f"{term('seed', lang)} {result.manifest['seed']}")
    return " · ".join(part for part in parts if part)


def zone_name(result: Result, lang: str) -> str:
    """As its scenario states it; a variant's says what is other."""
    zone = result.manifest.get("zone")
    return str(zone.get(lang) or next(iter(zone.values()), "")) if isinstance(zone, dict) else ""


def scenario_name(result: Result, lang: str) -> str:
    """The zone, the scenario's file where that is a variant of the zone's own, and what the run set otherwise."""
    name, stem = zone_name(result, lang), Path(str(result.manifest.get("scenario") or "")).stem
    sets = overrides(result.manifest, SETS_ROOM)
    told = term("figure.overrides", lang).format(sets=sets) if sets else ""
    return " · ".join(part for part in (name, shortened(stem, 40), told) if part)


def overrides(manifest: Mapping[str, Any], room: int) -> str:
    """What a run set otherwise than its scenario (`--set`), in at most about `room` letters: the first two or one in
    words, the others counted. `a.b=1; c=2; +3`"""
    sets = [" ".join(str(each).split()) for each in manifest.get("overrides") or ()]
    text = ""
    for named in (2, 1):
        more = [f"+{len(sets) - named}"] if len(sets) > named else []
        text = "; ".join([*sets[:named], *more])
        if wide(text) <= room:
            return text
    return "; ".join([shortened(sets[0], room), *more])


def empty(title: str, source: str, lang: str) -> Figure:
    """A page that says there is nothing to draw: an absent series is told, not passed over."""
    figure, bottom, top = page(title, source=source, height=2.2)
    figure.text(0.5, (bottom + top) / 2, term("figure.empty", lang), ha="center", va="center", color=GREY)
    return figure


def encode(figure: Figure, kind: str = "png") -> bytes:
    """The bytes of the picture, the same for the same figure."""
    buffer = io.BytesIO()
    metadata = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}[kind]
    with style():
        figure.savefig(buffer, format=kind, metadata=metadata)
    return buffer.getvalue()


def save(figure: Figure, path: str | Path) -> Path:
    path = Path(path)
    return store.write_bytes(path, encode(figure, path.suffix.lstrip(".")))


# --- time ------------------------------------------------------------------------------------------------------------


def moment(quarter: str) -> float:
    """Year ends fall on whole numbers: "2023Q4" -> 2023.0, "2023Q1" -> 2022.25."""
    return int(quarter[:4]) - 1 + int(quarter[5]) / 4


def time_axis(axes: Axes, first: float, last: float, most: int = 8) -> None:
    """Ticks at the ends of years, as many as there is room for."""
    step = next((s for s in (1, 2, 3, 5, 10, 20) if (last - first) / s <= most), 50)
    start = math.ceil(first - 1e-9)
    axes.set_xlim(first, last if last > first else first + 1)
    axes.set_xticks([y for y in range(start, math.floor(last + 1e-9) + 1) if y % step == 0])
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:.0f}")


def year_end(figure: Figure, axes: Axes, lang: str) -> None:
    """Says what the ticks mean, at the right end of the axis."""
    axes.annotate(
        term("figure.year_end", lang), (1, 0), (2, -16), "axes fraction", "offset points", ha="right", va="top",
        fontsize=7, color=GREY,
    )  # fmt: skip


def ticks(unit: str, most: int, divisor: float = 1.0) -> MaxNLocator:
    """Few round ticks; whole ones where the metric counts things and the axis does so one by one, not in millions."""
    return MaxNLocator(most, steps=[1, 2, 2.5, 5, 10], integer=unit in COUNTED and divisor == 1.0)


def tick(value: float) -> str:
    """A number on an axis, in full: 12,000 · 0.25 · −3"""
    text = f"{value:,.10g}" if abs(value) < 1e15 else f"{value:.3g}"
    return text.replace("-", "−")


# --- numbers ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scale:
    """A metric's numbers as an axis shows them: divided by `divisor`, in `unit`."""

    divisor: float
    unit: str

    def text(self, value: float) -> str:
        return digits(value / self.divisor)


MONEY = {
    "zh": ((1e12, "万亿元"), (1e8, "亿元"), (1e4, "万元"), (1.0, "元")),
    "en": ((1e12, "CNY tn"), (1e9, "CNY bn"), (1e6, "CNY m"), (1e3, "CNY k"), (1.0, "CNY")),
}


ENERGY = {  # from so many kilograms on: the divisor and its unit
    "zh": ((1e8, 1e7, "万吨标准煤"), (1e5, 1e3, "吨标准煤")),
    "en": ((1e8, 1e6, "kt coal eq."), (1e5, 1e3, "t coal eq.")),
}


def unit_of_difference(unit: str) -> str:
    """Shares differ by points of per cent: 5 % less than 20 % would be read as 19 %."""
    return "points" if unit == "share" else unit


def scale_of(unit: str, largest: float, lang: str, alone: bool = False) -> Scale:
    """The scale in which the largest number of an axis reads well, or one number alone: 1.23万亿元."""
    word = term(f"unit.{unit}", lang)
    largest = abs(largest) if math.isfinite(largest) else 0.0
    if unit == "CNY":
        # on an axis 万亿 only where 亿 would need six digits
        steps = [(size, name) for size, name in MONEY[lang] if alone or not (name == "万亿元" and largest < 1e13)]
        return next((Scale(size, name) for size, name in steps if largest >= size), Scale(1.0, steps[-1][1]))
    if unit == "kgce":
        return next((Scale(size, name) for least, size, name in ENERGY[lang] if largest >= least), Scale(1.0, word))
    if unit in ("share", "points"):
        return Scale(0.01, word)
    if lang == "zh" and unit in ("firms", "certificates", "jobs") and largest >= 1e5:
        return Scale(1e4, "万" + word)
    if lang == "en" and unit in ("firms", "certificates", "jobs") and largest >= 1e6:
        return Scale(1e6, "million " + word)
    return Scale(1.0, word)


def digits(value: float) -> str:
    """Three digits that matter; thousands apart: 12,345 · 151 · 3.02 · 0.12"""
    if not math.isfinite(value):
        return "–"
    size = abs(value)
    decimals = 0 if size >= 100 or size == round(size) else 1 if size >= 10 else 2
    if 0 < size < 0.095:
        return f"{significant(value, 2):.2g}".replace("-", "−")
    text = f"{half_up(value, decimals):,.{decimals}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text.replace("-", "−")


def amount(value: float, unit: str, lang: str) -> str:
    """151亿元 · CNY 15.1 bn · 4,840家 · 4,840 firms · 3.02× · 12%"""
    scale = scale_of(unit, value, lang, alone=True)
    text = scale.text(value)
    if lang == "zh":
        return text + scale.unit if unit != "index" else text
    if unit == "CNY":
        return f"CNY {text}{scale.unit.removeprefix('CNY')}"
    if unit in ("ratio", "share"):
        return text + scale.unit
    if unit == "index":
        return text
    return f"{text} {scale.unit.removesuffix('s') if text == '1' else scale.unit}"  # 1 firm
