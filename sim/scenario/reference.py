"""The scenario reference, printed from the model: every table and key with meaning, unit, bounds and default.

`python -m sim.scenario.reference` writes docs/handbook/{en,zh}/scenario.md; a test holds the pages to the model.
"""

from __future__ import annotations

import math
import typing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from sim.scenario.fields import Bounds, Kind, LocalName_, Quantity, Table
from sim.scenario.meanings import of_key, of_table
from sim.scenario.reading import read_tree

ROOT = Path(__file__).resolve().parent.parent.parent
NATIONAL = ROOT / "scenarios" / "national.toml"
CARRIED = ("source", "grade", "note")  # what every table may have

UNITS = {  # unit of a quantity -> what it is called and how it is written
    "CNY": ("money (yuan)", "金额（元）"),
    "USD": ("money (US dollars)", "金额（美元）"),
    "share": ("share", "占比"),
    "probability": ("probability", "概率"),
    "per year": ("rate a year", "年率"),
    "ratio": ("ratio", "比值"),
    "number": ("number", "数"),
    "years": ("duration (years)", "时长（年）"),
    "count": ("count", "个数"),
    "m2": ("area (m²)", "面积（平方米）"),
}
WORDS = {
    "key": ("key", "键"),
    "meaning": ("meaning", "含义"),
    "kind": ("kind (unit)", "类型（单位）"),
    "allowed": ("allowed", "允许范围"),
    "default": ("default", "默认"),
    "quarter": ("quarter", "季度"),
    "id": ("id", "标识"),
    "name": ("name", "名称"),
    "whole": ("whole number", "整数"),
    "switch": ("true or false", "true 或 false"),
    "text": ("text", "文本"),
    "figure": ("published figure", "公布数字"),
    "word": ("word", "词"),
    "list": ("list of {0}", "{0}列表"),
    "tables": ("list of tables, below", "表的列表，见下"),
    "by_id": ("table, each id: {0}", "表，各标识：{0}"),
    "each": ("table, {1}: {0}", "表，{1}：{0}"),
    "needed": ("needed", "必填"),
    "stated": ("national.toml", "national.toml"),
    "one_of": ("{0}: one of {1}", "{0} 取 {1} 之一"),
    "own": ("{0}: an id of your own", "{0} 为自定的标识"),
    "optional": ("May be left out.", "可省略。"),
    "slug": ("small letters, digits, -, _", "小写字母、数字、-、_"),
    "paths": ("paths in quotes, for instance", "路径加引号，例如"),
}


def _word(key: str, lang: str, *inserts: str) -> str:
    return WORDS[key][lang == "zh"].format(*inserts)


# --- what stands behind an annotation


def _plain(annotation: Any) -> tuple[Any, list[Any]]:
    """An annotation without None and Annotated, and what Annotated carried."""
    carried: list[Any] = []
    while True:
        if typing.get_origin(annotation) is typing.Annotated:
            annotation, *found = typing.get_args(annotation)
            carried += found
        elif type(None) in typing.get_args(annotation):
            (annotation,) = (a for a in typing.get_args(annotation) if a is not type(None))
        else:
            return annotation, carried


def _is_table(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Table)


NEAR = 100  # a size beyond which a number is a slip is told where somebody may come near it


def _bounds(carried: Sequence[Any]) -> str:
    """`0 – 1`, `≥ 0`, `> 0, ≤ 10`; empty where anything goes."""
    low, high, open_low, open_high = -math.inf, math.inf, False, False
    for entry in carried:
        b = entry if not isinstance(entry, Kind) else entry.allowed if entry.far <= NEAR else entry.bounds
        if not isinstance(b, Bounds):
            continue
        if max(b.gt, b.ge) > low or (b.gt == low and b.gt > -math.inf):
            low, open_low = max(b.gt, b.ge), b.gt >= b.ge
        if min(b.lt, b.le) < high or (b.lt == high and b.lt < math.inf):
            high, open_high = min(b.lt, b.le), b.lt <= b.le
    if math.isfinite(low) and math.isfinite(high) and not (open_low or open_high):
        return f"{low:g} – {high:g}"
    parts = []
    if math.isfinite(low):
        parts.append(f"{'>' if open_low else '≥'} {low:g}")
    if math.isfinite(high):
        parts.append(f"{'<' if open_high else '≤'} {high:g}")
    return ", ".join(parts)


def _kind(annotation: Any, lang: str) -> tuple[str, str]:
    """(what the value is, what is allowed) of a leaf or a list of leaves."""
    plain, carried = _plain(annotation)
    if typing.get_origin(plain) is list:
        inner, allowed = _kind(typing.get_args(plain)[0], lang)
        return _word("list", lang, inner), allowed
    if typing.get_origin(plain) is typing.Literal:
        return _word("word", lang), ", ".join(f"`{word}`" for word in typing.get_args(plain))
    if plain is Quantity:
        units = [entry.unit for entry in carried if isinstance(entry, Kind)]
        return UNITS[units[0]][lang == "zh"], _bounds(carried)
    schemas = [entry.json_schema for entry in carried if hasattr(entry, "json_schema")]
    if plain is int and any(s and s.get("x-unit") == "quarter" for s in schemas):
        return _word("quarter", lang), ""
    if plain is LocalName_:
        return _word("name", lang), "{ zh, en }"
    if plain is str and any(s and "pattern" in s for s in schemas):
        return _word("id", lang), _word("slug", lang)
    words = {int: "whole", bool: "switch", str: "text", float: "figure"}
    return _word(words[plain], lang) if plain in words else str(plain), ""


# --- tables


@dataclass(frozen=True)
class Section:
    """One table of a scenario: `[rounds.stages.STAGE]` with what STAGE stands for."""

    path: tuple[str, ...]
    model: type[Table]
    many: bool  # [[funds]]
    optional: bool
    stands_for: tuple[str, str] | None  # placeholder and its words, or None for ids of one's own

    @property
    def heading(self) -> str:
        dotted = ".".join(self.path)
        return f"[[{dotted}]]" if self.many else f"[{dotted}]"


def fields_of(model: type[BaseModel]) -> Iterator[tuple[str, Any, Any]]:
    """(key, annotation with what it carries, pydantic's field), provenance left out."""
    hints = typing.get_type_hints(model, include_extras=True)
    for key, field in model.model_fields.items():
        if key not in CARRIED:
            yield key, hints[key], field


def _alike(model: type[Table]) -> Any:
    """The annotation that all keys of a table share where none has a meaning of its own: by regime, by stage."""
    found = [(annotation, field.description) for _, annotation, field in fields_of(model)]
    if len(found) > 1 and not any(text for _, text in found) and len({repr(a) for a, _ in found}) == 1:
        return found[0][0]
    return None


def sections(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[Section]:
    for key, annotation, field in fields_of(model):
        plain, _ = _plain(annotation)
        optional = field.default is None
        arguments = typing.get_args(plain)
        if _is_table(plain):
            shared = _alike(plain)
            if shared is None:
                yield Section((*path, key), plain, False, optional, None)
                yield from sections(plain, (*path, key))
            elif _is_table(_plain(shared)[0]):
                inner = _plain(shared)[0]
                placeholder = {"stages": "STAGE", "entry": "SOURCE", "investors": "KIND"}.get(key, "NAME")
                words = ", ".join(f"`{k}`" for k, _, _ in fields_of(plain))
                yield Section((*path, key, placeholder), inner, False, optional, (placeholder, words))
                yield from sections(inner, (*path, key, placeholder))
        elif typing.get_origin(plain) is dict and _is_table(_plain(arguments[-1])[0]):
            inner = _plain(arguments[-1])[0]
            placeholder = inner.__name__.upper()
            yield Section((*path, key, placeholder), inner, False, optional, (placeholder, ""))
            yield from sections(inner, (*path, key, placeholder))
        elif typing.get_origin(plain) is list and _is_table(_plain(arguments[0])[0]):
            inner = _plain(arguments[0])[0]
            yield Section((*path, key), inner, True, optional, None)
            yield from sections(inner, (*path, key))


def _rows(section: Section, lang: str, stated: Any) -> Iterator[tuple[str, str, str, str, str]]:
    for key, annotation, field in fields_of(section.model):
        plain, _ = _plain(annotation)
        meaning = of_key(section.model, key, lang)
        default = _default(field, (*section.path, key), lang, stated)
        if _is_table(plain):
            shared = _alike(plain)
            if shared is None or _is_table(_plain(shared)[0]):
                continue  # has its own section
            inner, allowed = _kind(shared, lang)
            kind = _word("each", lang, inner, ", ".join(f"`{k}`" for k, _, _ in fields_of(plain)))
            yield key, meaning or of_table(plain, lang), kind, allowed, default
        elif typing.get_origin(plain) is list and _is_table(_plain(typing.get_args(plain)[0])[0]):
            yield key, meaning, _word("tables", lang), "", default
        elif typing.get_origin(plain) is not dict:
            yield key, meaning, *_kind(annotation, lang), default
        elif not _is_table(_plain(typing.get_args(plain)[-1])[0]):
            inner, allowed = _kind(typing.get_args(plain)[-1], lang)
            yield key, meaning, _word("by_id", lang, inner), allowed, default


def _default(field: Any, path: Sequence[str], lang: str, stated: Any) -> str:
    needed = field.default is PydanticUndefined and field.default_factory is None
    if _says(stated, path) and (needed or not any(step.isupper() for step in path)):  # else an id of one's own
        return _word("stated", lang)
    if needed:
        return _word("needed", lang)
    default = field.default
    if default is None or default == []:
        return "–"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default}`"


def _says(tree: Any, path: Sequence[str]) -> bool:
    """Whether a file states a path; a placeholder in capitals stands for any key."""
    if not path:
        return True
    step, *rest = path
    if isinstance(tree, list):
        return any(_says(item, path) for item in tree)
    if not isinstance(tree, dict):
        return False
    if step.isupper():
        return any(_says(inner, rest) for inner in tree.values())
    return step in tree and _says(tree[step], rest)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _rendered(section: Section, lang: str, stated: Any) -> list[str]:
    anchor = "-".join(section.path).lower().replace("_", "-")
    space = "" if lang == "zh" else " "
    depth = "#" * min(4, 1 + len(section.path)) if not section.path[-1].isupper() else "###"
    lines = [f"{depth} `{section.heading}` {{ #{anchor} }}", "", of_table(section.model, lang)]
    if section.stands_for is not None:
        placeholder, words = section.stands_for
        lines[-1] += space + (_word("one_of", lang, placeholder, words) if words else _word("own", lang, placeholder))
        lines[-1] += "。" if lang == "zh" else "."
    if section.optional:
        lines[-1] += space + _word("optional", lang)
    rows = list(_rows(section, lang, stated))
    if rows:
        head = [_word(w, lang) for w in ("key", "meaning", "kind", "allowed", "default")]
        lines += ["", f"| {' | '.join(head)} |", "|---|---|---|---|---|"]
        lines += [f"| `{row[0]}` | {' | '.join(_cell(text) for text in row[1:])} |" for row in rows]
    return [*lines, ""]


PREFACE = {
    "en": """\
# Scenario reference

<!-- Printed from the model by `python -m sim.scenario.reference`: change the model, not this page. -->

Every table and key that a scenario file may hold. The column *default* says what happens when a zone's file leaves the
key out: a value, `–` (the key stays out), *national.toml* (a zone that extends it has it already), or *needed*.

## How values are written { #values }

| kind | written | read as |
|---|---|---|
| money | `"50亿"`, `"6000万"`, `"6.67亿"`, `"5bn"`, `120_000_000` | yuan |
| share, probability | `0.35`, `"35%"` | 0.35 |
| rate a year | `0.02`, `"2%"`, `"0.5%/q"` | per year |
| duration | `"18m"`, `"6q"`, `"1.5y"`, `1.5` | years |
| quarter | `"2023Q4"`, `"2023-10"` | the fourth quarter of 2023 |
| name | `"Demo zone"`, `{ zh = "示范园区", en = "Demo zone" }` | one text stands for both languages |

A number may be a table that says where it comes from, or a distribution, drawn once a world:

```toml
size = { value = "50亿", source = "zone bulletin 2024, page 3", grade = "published" }
apply = { lognormal = { median = 0.88, p95 = 0.99 }, grade = "estimated" }
raised = { beta = { mean = 0.76, sd = 0.06 } }
reinvestment_drag = { uniform = [0.05, 0.25] }
```

The distributions are `lognormal = { median, p95 }`, `normal = { mean, sd }`, `beta = { mean, sd }`,
`uniform = [low, high]`, `triangular = [low, mode, high]` and `choices = [..]`. Their ends (of `lognormal` and `normal`
the 5th and 95th percentile) must keep to the bounds of the key.

Every table may carry `source`, `grade` (`published`, `estimated` or `assumed`) and `note`; they hold for each number
below that has none of its own. A number without a grade counts as assumed. `[uncertainty]` says how far numbers of a
grade may be off; `exact = true` beside a value takes that number out of it ([doubt by grade](limits.md#doubt)).

`extends = "national.toml"` builds on another file: this one says only what differs. Tables are merged key by key,
items of a list by their `id`; `remove = true` beside an `id` drops that item. On the command line `--set PATH=VALUE`
changes one number by the same dotted path: `--set rounds.stages.a.dilution=0.2`, `--set funds.guidance.size=80亿`.

`python run.py schema` prints a JSON Schema for editors: `python run.py schema > scenarios/schema.json`, which the line
`#:schema ./schema.json` at the top of a file refers to.
""",
    "zh": """\
# 情景文件参考

<!-- 由 `python -m sim.scenario.reference` 从模型打印：要改请改模型，不改本页。 -->

情景文件可写的全部表与键。“默认”一列说明园区文件省略该键时如何：给出默认值；`–` 表示不设；*national.toml* 表示
扩展该文件的园区已有此值；“必填”表示不可省略。

## 数值的写法 { #values }

| 类型 | 写法 | 读作 |
|---|---|---|
| 金额 | `"50亿"`、`"6000万"`、`"6.67亿"`、`"5bn"`、`120_000_000` | 元 |
| 占比、概率 | `0.35`、`"35%"` | 0.35 |
| 年率 | `0.02`、`"2%"`、`"0.5%/q"` | 每年 |
| 时长 | `"18m"`、`"6q"`、`"1.5y"`、`1.5` | 年 |
| 季度 | `"2023Q4"`、`"2023-10"` | 2023 年第四季度 |
| 名称 | `"示范园区"`、`{ zh = "示范园区", en = "Demo zone" }` | 只写一个则两种语言共用 |

一个数可以写成表，注明出处；也可以写成分布，每个世界抽取一次：

```toml
size = { value = "50亿", source = "园区公报 2024，第 3 页", grade = "published" }
apply = { lognormal = { median = 0.88, p95 = 0.99 }, grade = "estimated" }
raised = { beta = { mean = 0.76, sd = 0.06 } }
reinvestment_drag = { uniform = [0.05, 0.25] }
```

分布有 `lognormal = { median, p95 }`、`normal = { mean, sd }`、`beta = { mean, sd }`、`uniform = [低, 高]`、
`triangular = [低, 众数, 高]` 与 `choices = [..]`。其两端（`lognormal` 与 `normal` 取第 5 与第 95 百分位）
须在该键的允许范围内。

每个表都可带 `source`（出处）、`grade`（`published` 公布、`estimated` 估计、`assumed` 假设）与 `note`（备注），
对其下未单独注明的数字都有效。没有等级的数字按“假设”计。`[uncertainty]` 规定各等级的数可能偏离多少；
在取值旁写 `exact = true`，该数便不计（见[按来源等级的不确定度](limits.md#doubt)）。

`extends = "national.toml"` 在另一文件之上书写：本文件只写不同之处。表逐键合并，列表按 `id` 合并；
在 `id` 旁写 `remove = true` 则去掉该项。命令行上用 `--set 路径=值` 改一个数，路径写法相同：
`--set rounds.stages.a.dilution=0.2`、`--set funds.guidance.size=80亿`。

`python run.py schema` 输出供编辑器使用的 JSON Schema：`python run.py schema > scenarios/schema.json`，
文件首行的 `#:schema ./schema.json` 即引用它。
""",
}


def page(lang: str) -> str:
    """The whole reference as Markdown, in "zh" or "en"."""
    from sim.scenario.document import Scenario

    stated = read_tree(NATIONAL).data
    lines = [PREFACE[lang]]
    for section in sections(Scenario):
        if section.path == ("levers", "LEVER"):
            lines += _rendered(section, lang, stated)
            lines += [_word("paths", lang), "", "```toml", '[levers."guidance.cap.angel"]', "low = 0.2", "high = 0.6"]
            lines += ["```", ""]
        else:
            lines += _rendered(section, lang, stated)
    return "\n".join(lines).rstrip("\n") + "\n"


def every_key(lang: str = "en") -> list[tuple[str, str]]:
    """(dotted path, meaning) of every key in the reference; ids of one's own in capitals."""
    from sim.scenario.document import Scenario

    out = []
    for section in sections(Scenario):
        for row in _rows(section, lang, {}):
            out.append((".".join((*section.path, row[0])), row[1]))
    return out


def main() -> None:
    from sim.store import write_text

    for lang in ("en", "zh"):
        print(write_text(ROOT / "docs" / "handbook" / lang / "scenario.md", page(lang)).relative_to(ROOT))


if __name__ == "__main__":
    main()
