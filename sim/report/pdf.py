"""A document as PDF, set by typst. The template reads the document as JSON, so no text of it is ever markup."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.errors import RunError
from sim.figures.style import FONT, FONT_FILE
from sim.report.blocks import Attachment

if TYPE_CHECKING:
    from sim.report.blocks import Document

TEMPLATE = Path(__file__).parent / "page.typ"


def render(document: Document) -> bytes:
    """A tagged PDF with page numbers, contents and alternative texts; attachments are left out."""
    import typst

    data = {**dataclasses.asdict(document), "font": FONT, "sections": [_section(s) for s in document.sections]}
    try:
        return typst.compile(  # type: ignore[return-value]
            TEMPLATE.read_bytes(),
            font_paths=[str(FONT_FILE.parent)],  # type: ignore
            ignore_system_fonts=True,
            sys_inputs={"document": json.dumps(data, ensure_ascii=False)},
            timestamp=datetime(2000, 1, 1, tzinfo=UTC),  # the day of the report stands in it; bytes repeat
        )
    except typst.TypstError as error:
        raise RunError(f"the PDF could not be set: {error.message}") from error


def _section(section: Any) -> dict[str, Any]:
    blocks = [
        {"block": type(block).__name__, **dataclasses.asdict(block)}
        for block in section.blocks
        if not isinstance(block, Attachment)
    ]
    return {"key": section.key, "title": section.title, "blocks": blocks}
