"""What investors pay for a year's sales, as a report tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.analysis.multiples import sales_multiples
from sim.figures.style import capital
from sim.report.blocks import Cell, Row, Table
from sim.report.numbers import shown
from sim.terms import plural, term

if TYPE_CHECKING:
    from sim.report.material import Material


def multiples_table(material: Material) -> Table | None:
    """What investors pay for a year's sales, by stage."""
    result, say, lang = material.result, material.say, material.lang
    found = sales_multiples(result) if result is not None else []
    if result is None or not found:
        return None
    rows = []
    for row in found:
        money = shown("CNY", (row.post_money, row.revenue), lang)
        low, middle, high = (f"{x:.1f}×" for x in row.multiple)
        rows.append(
            Row(
                [
                    Cell(capital(term(f"stage.{row.stage}", lang))),
                    Cell(f"{row.count:,}"),
                    Cell(money.with_unit(row.post_money, lang)),
                    Cell(money.with_unit(row.revenue, lang)),
                    Cell(middle, f"{low} – {high}"),
                ]
            )
        )
    worlds = len(set(result.samples["rounds"]["replication"].tolist()))
    return Table(
        say("各轮投后估值与当时年化营收（中位数）", "Post-money of rounds and the year's sales behind it (medians)"),
        say(
            "轮次|数量|投后估值|年化营收|投后估值÷营收", "Rounds|No.|Post-money|Sales a year|Post-money over sales"
        ).split("|"),
        rows,
        "lrrrr",
        say(
            f"取自有明细的{worlds:,}个世界；倍数下方为中间一半轮次。",
            f"Rounds of the {plural(worlds, 'world')} logged; below the multiple the middle half of rounds.",
        ),
        (0.26, 0.12, 0.2, 0.2, 0.22),
    )
