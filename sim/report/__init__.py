"""A result as something to print and forward: one self-contained HTML page, a PDF, and a workbook on request.

Reads results, comparisons and sweeps only; nothing here simulates or computes a measure anew. A report is a list of
sections (sections.py), each made of a few kinds of blocks (blocks.py), which html.py and pdf.py set; to add a section,
write a function that takes the material and returns a Section or None, and name it in `sections.SECTIONS`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

__all__ = ["FOLDER", "write"]

FOLDER = "report"  # inside the result's folder


def write(
    folder: str | Path,
    lang: str = "zh",
    xlsx: bool = False,
    compare: str | Path | None = None,
    sweep: str | Path | None = None,
    day: date | None = None,
    tell: Callable[[int, int], None] | None = None,
) -> tuple[list[Path], Sequence[str]]:
    """Writes report-LANG.html, report-LANG.pdf and, where asked for, workbook-LANG.xlsx into report/ of a result.

    `folder`: of a run, a comparison or a sweep; `compare`, `sweep`: folders that are told beside a run. All files are
    put in place together, or none. `day`: printed as the day of the report (today). `tell(done, total)` hears how far
    it is. Returns the paths and remarks for the reader (what could not be told). Raises UserError where a folder is no
    result or one of another format, RunError where the files cannot be written.
    """
    from concurrent.futures import ThreadPoolExecutor
    from datetime import date

    from sim import store
    from sim.report import html, pdf, sections
    from sim.report.material import gather

    material = gather(folder, lang, compare, sweep, day or date.today())
    place = Path(folder) / FOLDER
    store.refuse_unwritable(place)  # before the work
    steps = len(sections.SECTIONS) + 2 + xlsx
    hear = tell or (lambda done, total: None)
    made = []
    for done, section in enumerate(sections.SECTIONS, 1):
        made.append(section(material))
        hear(done, steps)
    document = sections.document(material, [section for section in made if section is not None])
    with ThreadPoolExecutor(1) as beside:  # typst is no Python: it sets the PDF while the rest is written
        page = beside.submit(pdf.render, document)
        files, book = {f"report-{lang}.html": html.render(document)}, {}
        hear(steps - 1 - xlsx, steps)
        if xlsx:
            from sim.report import workbook

            book = {f"workbook-{lang}.xlsx": workbook.render(material)}
            hear(steps - 1, steps)
        files |= {f"report-{lang}.pdf": page.result()} | book
        hear(steps, steps)
    return store.write_together({place / name: data for name, data in files.items()}), material.remarks
