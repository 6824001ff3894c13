"""Words, numbers and tables of the analyses, in Chinese and English, for a terminal."""

from __future__ import annotations

import csv
import io
import math
import unicodedata
from collections.abc import Callable, Iterable, Sequence

from sim.quantities import half_up, significant

WORDS: dict[str, tuple[str, str]] = {  # key: (zh, en)
    "metric": ("指标", "metric"),
    "quarter": ("季度", "quarter"),
    "scenario": ("情景", "scenario"),
    "baseline": ("基准", "baseline"),
    "difference": ("差异", "difference"),
    "interval": ("95% 区间", "95% interval"),
    "p_more": ("更高的概率", "P(more)"),
    "noise": ("与噪声无法区分", "cannot be told from noise"),
    "further": ("还需世界", "further worlds"),
    "for": ("精度", "precision"),
    "gain": ("配对增益", "gain by pairing"),
    "parameter": ("参数", "parameter"),
    "first": ("一阶指数", "first order"),
    "total": ("总效应指数", "total order"),
    "second": ("二阶指数", "second order"),
    "mu_star": ("平均绝对基本效应 μ*", "mean absolute elementary effect μ*"),
    "mu": ("平均基本效应 μ", "mean elementary effect μ"),
    "sigma": ("基本效应标准差 σ", "spread of elementary effects σ"),
    "rank": ("秩相关系数", "rank correlation"),
    "linear": ("线性方差占比", "share of variance, linear"),
    "low": ("低值效应", "effect of the low end"),
    "high": ("高值效应", "effect of the high end"),
    "value": ("数值", "value"),
    "samples": ("样本数", "samples"),
    "replications": ("世界数", "worlds"),
    "by_parameters": ("参数", "parameters"),
    "by_chance": ("随机", "chance"),
    "by_both": ("交互", "both together"),
    "variance": ("方差来源", "variance comes from"),
    "cost_per": ("每新增一单位的财政净成本", "net public cost per additional"),
    "shapley": ("Shapley 分解", "Shapley share"),
    "alone": ("单独实施", "alone"),
    "last": ("最后加入", "added last"),
    "change": ("措施", "change"),
    "probability": ("达标概率", "probability of reaching the target"),
    "setting": ("设定值", "setting"),
    "budget": ("预算", "budget"),
    "regret": ("最大后悔值", "largest regret"),
    "front": ("帕累托前沿", "Pareto front"),
    "dominated": ("被支配方案", "dominated"),
    "sum": ("合计", "sum"),
    "undetermined": ("无法确定", "undetermined"),
    "years": ("年份", "year"),
    "method.sobol": ("Sobol 方差分解", "Sobol, shares of variance"),
    "method.morris": ("Morris 筛选", "Morris screening"),
    "method.lhs": ("拉丁超立方抽样", "Latin hypercube"),
    "method.grid": ("网格", "grid"),
    "method.oat": ("逐一变动", "one at a time"),
}


def word(key: str, lang: str) -> str:
    zh, en = WORDS[key]
    return zh if lang == "zh" else en


def say(lang: str, zh: str, en: str) -> str:
    """One sentence in the reader's language."""
    return zh if lang == "zh" else en


def show(value: float, unit: str = "", lang: str = "en", sign: bool = False) -> str:
    """Four figures; money as 万亿 or tn, 亿 or bn, 万 or m."""
    if value is None or not math.isfinite(value):
        return "–"
    if unit in ("CNY", "yuan", "元"):
        zh = lang == "zh"
        steps = ((1e12, "万亿"), (1e8, "亿"), (1e4, "万")) if zh else ((1e12, " tn"), (1e9, " bn"), (1e6, " m"))
        for size, suffix in steps:
            if abs(significant(value, 4)) >= size:
                return f"{_four(value / size, sign)}{suffix}"
    return _four(value, sign)


def tell(value: float, unit: str = "", lang: str = "en") -> str:
    """An amount of a metric in the metric's own format: of a share per cent, 5.82%; of all others as `show`."""
    if unit != "share" or value is None or not math.isfinite(value):
        return show(value, unit, lang)
    return f"{_four(significant(100.0 * value, 3), False)}%"


def tell_difference(value: float, unit: str = "", lang: str = "en", sign: bool = True) -> str:
    """A difference of two amounts of a metric: of shares in points of per cent, +1.2 pp; of all others as `show`."""
    if unit != "share" or value is None or not math.isfinite(value):
        return show(value, unit, lang, sign)
    return f"{_points(value, sign)}{say(lang, ' 个百分点', ' pp')}"


def _points(share: float, sign: bool) -> str:
    return _four(significant(100.0 * share, 3) + 0.0, sign)


def between_differences(low: float, high: float, unit: str = "", lang: str = "en", sign: bool = True) -> str:
    """As `between`; the unit of points stands beside the difference."""
    if unit != "share" or not (math.isfinite(low) and math.isfinite(high)):
        return between(low, high, unit, lang, sign)
    return f"{_points(low, sign)} … {_points(high, sign)}"


def _four(value: float, sign: bool) -> str:
    """Four figures, thousands in full; 0 has no sign."""
    value += 0.0  # −0 is 0
    plus = "+" if sign and value != 0 else ""
    if abs(value) >= 999.95:
        return f"{half_up(value):{plus},.0f}"
    return f"{significant(value, 4):{plus}.4g}"


def between(low: float, high: float, unit: str = "", lang: str = "en", sign: bool = False) -> str:
    if not (math.isfinite(low) or math.isfinite(high)):
        return "–"
    return f"{show(low, unit, lang, sign)} … {show(high, unit, lang, sign)}"


def small_part(part: float) -> str:
    """72%, and <1% of what would be told as 0%."""
    return f"{part:.0%}" if part >= 0.005 else "<1%"


def width(text: str) -> int:
    """Columns on a terminal: a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def layout(header: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1, remarks: bool = False) -> str:
    """A plain table: the first `left` columns flush left, the others flush right; remarks: the last one flush left."""
    lines = [list(header), *([str(cell) for cell in row] for row in rows)]
    widths = [max(width(line[k]) for line in lines) for k in range(len(header))]

    def pad(cell: str, k: int) -> str:
        space = " " * (widths[k] - width(cell))
        return cell + space if k < left or (remarks and k == len(header) - 1) else space + cell

    return "\n".join("  ".join(pad(cell, k) for k, cell in enumerate(line)).rstrip() for line in lines)


def key_to(names: Iterable[str], label: Callable[[str, str], str], lang: str) -> list[str]:
    """Under a table: what the parameters that it names by their paths mean; those of which nothing more is known are
    left out."""
    rows = [[name, label(name, lang)] for name in dict.fromkeys(names)]
    rows = [row for row in rows if row[0] != row[1]]
    return ["", *layout(["", ""], rows, left=2).splitlines()[1:]] if rows else []


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Comma-separated, floats with every digit that tells them apart, an undefined number empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    return out.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, float):  # numpy's float64 is one too
        return repr(float(value)) if math.isfinite(value) else ""
    return value
