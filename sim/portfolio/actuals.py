"""A plan beside what happened, quarter by quarter: the band that a result gave a metric, and the actual figure.

The actual figures stand in a CSV file with the columns metric, quarter, value (指标, 季度, 数值): one row a figure, for
any metric that the result reports. Money as people write it (3.2亿, 320m) or in yuan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.analysis.text import layout, say
from sim.errors import Problem
from sim.portfolio.columns import folded
from sim.portfolio.sheets import Formula, Trouble, _bytes, _csv
from sim.quantities import parse_of, parse_quarter, quarter_name
from sim.scenario.reading import shown

if TYPE_CHECKING:
    from sim.result import Result

COLUMNS = {"metric": ("指标", "metric"), "quarter": ("季度", "quarter"), "value": ("数值", "value", "actual", "实际")}


@dataclass(frozen=True)
class Compared:
    """One figure: the plan's band over replications, what happened, and the part of replications at or below it."""

    metric: str
    quarter: str
    unit: str
    p05: float
    p50: float
    p95: float
    actual: float
    rank: float

    @property
    def inside(self) -> bool:
        return self.p05 <= self.actual <= self.p95


def compare(result: Result, path: str | Path, lang: str = "en") -> list[Compared]:
    """Every figure of the file beside the result's band. UserError with every row that cannot be read or placed."""
    import difflib

    path = Path(path)
    trouble = Trouble(lang)
    if not path.is_file():
        trouble.add({"file": shown(path)}, "没有这个文件", "no such file")
        trouble.done()
    sheet = _csv(path, _bytes(path, trouble), trouble, [])
    trouble.done()
    places = _headings(sheet.rows, shown(path), trouble)
    trouble.done()
    out = []
    names = [m.name for m in result.metrics]
    for number, cells in sheet.rows[1:]:
        raw = {key: cells[at] if at < len(cells) else None for key, at in places.items()}
        where = {"file": shown(path), "line": number}
        if any(value is None or isinstance(value, Formula) for value in raw.values()):
            trouble.add(where, "不能空白，也不能是公式", "holds a blank cell or a formula")
            continue
        if raw["metric"] not in names:
            near = next(iter(difflib.get_close_matches(str(raw["metric"]), names, 1, 0.5)), None)
            trouble.add(
                where,
                f"没有指标“{raw['metric']}”：用 python run.py metrics 可列出全部",
                f"there is no metric “{raw['metric']}”: python run.py metrics lists them",
                near,
            )
            continue
        unit = result.metric(str(raw["metric"])).unit
        try:
            quarter = quarter_name(parse_quarter(raw["quarter"]))
            actual = parse_of(unit, raw["value"])
        except ValueError as error:
            trouble.problems.append(Problem(str(error), **where))
            continue
        if quarter not in result.quarters:
            span = f"{result.quarters[0]}–{result.quarters[-1]}"
            trouble.add(where, f"{quarter} 不在结果的 {span} 之内", f"{quarter} lies outside the result's {span}")
            continue
        draws = result[str(raw["metric"])][:, result.quarters.index(quarter)]
        draws = draws[~np.isnan(draws)]
        if draws.size == 0:
            trouble.add(where, f"{raw['metric']} 在 {quarter} 没有数值", f"{raw['metric']} is undefined in {quarter}")
            continue
        p05, p50, p95 = (float(x) for x in np.quantile(draws, [0.05, 0.5, 0.95]))
        rank = float(np.mean(draws <= actual))
        out.append(Compared(str(raw["metric"]), quarter, unit, p05, p50, p95, float(actual), rank))
    if not out and not trouble.problems:
        trouble.add({"file": shown(path)}, "没有数据", "holds no figures")
    trouble.done()
    return out


def _headings(rows: list[tuple[int, list[Any]]], file: str, trouble: Trouble) -> dict[str, int]:
    heads = [folded(str(x)) if x is not None else "" for x in rows[0][1]] if rows else []
    places = {}
    for key, names in COLUMNS.items():
        at = next((i for i, head in enumerate(heads) if head in names), None)
        if at is None:
            trouble.add({"file": file, "line": 1}, f"缺少“{names[0]}”一列", f"the column “{key}” is missing")
        else:
            places[key] = at
    return places


def table(compared: list[Compared], lang: str, labels: Mapping[str, str] | None = None) -> str:
    """The comparison as people read it. labels: metric -> what it is called; its name where there is none."""
    labels = labels or {}
    from sim.printing import band, shown

    head = say(
        lang,
        "指标|季度|计划中位数|计划 5–95%|实际|实际位于|",
        "metric|quarter|plan, median|plan 5-95 %|actual|percentile|",
    )
    rows = [
        [
            labels.get(c.metric, c.metric),
            c.quarter,
            shown(c.p50, c.unit, lang),
            band(c.p05, c.p95, c.unit, lang),
            shown(c.actual, c.unit, lang),
            f"{c.rank:.0%}",
            say(lang, "区间内", "inside") if c.inside else say(lang, "区间外", "outside"),
        ]
        for c in compared
    ]
    inside = sum(c.inside for c in compared)
    last = say(
        lang,
        f"{len(compared)} 项中 {inside} 项在计划的 5–95% 区间内",
        f"{inside} of {len(compared)} inside the plan's band",
    )
    return layout(head.split("|"), rows, left=2) + "\n" + last
