"""What a report is made of: a document of sections, a section of blocks. Plain data; html.py and pdf.py set it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Paragraph:
    """`kind`: "" (running text), "lead" (what to read first), "note" (a boxed remark), "small" (below a table)."""

    text: str
    kind: str = ""


@dataclass(frozen=True)
class Points:
    """A list; numbered where its order matters."""

    items: Sequence[str]
    numbered: bool = False
    kind: str = ""


@dataclass(frozen=True)
class Cell:
    """`below`: a second, smaller line, as a band under its median. `tone`: "", "good", "bad", told in words as well."""

    text: str
    below: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Row:
    """`kind`: "" or "group", whose first cell is a heading over the rows that follow and spans the table."""

    cells: Sequence[Cell]
    kind: str = ""


@dataclass(frozen=True)
class Table:
    """`sides`: a letter a column, l or r; figures stand right. `widths`: parts of the page's width, or as needed.

    `small`: in small type; `tight`: a long list, its rows close together and without rules between them.
    """

    caption: str
    header: Sequence[str]
    rows: Sequence[Row]
    sides: str
    note: str = ""
    widths: Sequence[float] = ()
    small: bool = False
    tight: bool = False


@dataclass(frozen=True)
class Picture:
    """A drawing that says nothing by colour alone. `alt`: what it shows, for those who cannot see it."""

    svg: str
    width: float  # inches
    height: float
    title: str
    caption: str
    alt: str


@dataclass(frozen=True)
class Code:
    """Commands, as they are typed."""

    text: str


@dataclass(frozen=True)
class Attachment:
    """A long text, folded up on the screen and left out of print."""

    title: str
    text: str


Block = Paragraph | Points | Table | Picture | Code | Attachment


@dataclass(frozen=True)
class Section:
    key: str
    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Document:
    lang: str
    title: str
    subtitle: str
    facts: Sequence[tuple[str, str]]  # about the report: (what, value)
    words: dict[str, str]  # fixed words of the page
    footer: str
    sections: Sequence[Section] = field(default_factory=list)
