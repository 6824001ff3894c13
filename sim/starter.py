"""A starter scenario for a zone of one's own: `new NAME`, and the ten questions of `new NAME --ask`.

The file states what only the zone can know and extends national.toml for the rest. Its remarks are the meanings that
the model gives its keys (sim.scenario.meanings), so they cannot say anything else than the model does. The text is
loaded before it is written: what is on the disk always runs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unicodedata import east_asian_width

from sim.errors import Problem, UserError
from sim.model.firms.parameters import Entry, InitialFirms
from sim.model.funds.parameters import Caps, FundClass, GuidanceRules
from sim.model.ladders.parameters import Level
from sim.quantities import (
    format_money,
    format_number,
    parse_count,
    parse_money,
    parse_number,
    parse_quarter,
    parse_share,
    parse_years,
    quarter_name,
)
from sim.scenario.document import Lever, Zone
from sim.scenario.facts import Fact
from sim.scenario.fields import Table
from sim.scenario.meanings import of_key
from sim.store import write_text

FOLDER = Path("scenarios")
BASE = "national.toml"
LONGEST = 50  # years that the wizard takes; a file may state more
BACK = ("<", "＜")  # an answer that goes back a question
LEAST_FUND = 1e6  # yuan: who writes 10 for a fund means 10亿 or 10bn


@dataclass(frozen=True)
class Answers:
    """What a starter file is made from; the defaults are a small zone, whose runs take seconds."""

    zone: tuple[str, str] = ("示范园区", "Demo zone")  # zh, en
    start: int = 2023 * 4 + 3
    firms: int = 1200
    certified: int = 300
    entrants: int = 160  # a year
    guidance: float = 1e9  # yuan
    cap: float = 0.40
    reinvestment: float = 1.0
    listed: int = 6
    years: int = 10

    @property
    def end(self) -> int:
        return self.start + 4 * self.years


# --- the ten questions


@dataclass(frozen=True)
class Question:
    """One of Answers, asked for in words; `read` raises ValueError where an answer does not make sense."""

    key: str
    en: str
    zh: str
    example_en: str
    example_zh: str
    read: Callable[[str, Answers], Any]
    shown: Callable[[Any, str], str] = lambda value, lang: str(value)

    def text(self, lang: str) -> str:
        return self.zh if lang == "zh" else self.en

    def example(self, lang: str) -> str:
        return self.example_zh if lang == "zh" else self.example_en


def read_name(text: str) -> tuple[str, str]:
    """`示范园区 / Demo zone`, or one name for both languages."""
    zh, _, en = (part.strip() for part in text.partition("/"))
    if not zh or len(text) > 120 or any(ord(c) < 32 or ord(c) == 127 for c in text):
        raise ValueError("a name of at most 120 characters")
    return zh, en or zh


def _count(text: str, low: float, high: float) -> int:
    number = parse_count(text)
    if number != round(number) or not low <= number <= high:
        raise ValueError(f"a whole number from {low:g} to {high:g}")
    return round(number)


def _within(number: float, low: float, high: float) -> float:
    if not low <= number <= high:
        raise ValueError(f"between {low:g} and {high:g}")
    return number


def _fund_size(text: str) -> float:
    yuan = parse_money(text)
    if 0 < yuan < LEAST_FUND:
        raise ValueError("an amount with its unit")
    return _within(yuan, 0.0, 1e13)


def _ratio(text: str) -> float:
    """1.5, 1.5倍, 1.5x, 1:1.5, 1比1.5 (guidance money first)."""
    plain = text.replace("：", ":").replace("比", ":").removeprefix("1:").rstrip("倍xX×").strip()
    return _within(parse_number(plain), 0.0, 5.0)


def _start(text: str, known: Answers) -> int:
    quarter = parse_quarter(text)
    if not 1990 <= quarter // 4 <= 2100:
        raise ValueError("a quarter between 1990 and 2100")
    return quarter


def _years(text: str, known: Answers) -> int:
    years = parse_years(text)
    if years != round(years):
        raise ValueError("whole years")
    return round(_within(years, 1, LONGEST))


def _percent(value: float, lang: str) -> str:
    return f"{value:.0%}"


QUESTIONS = (
    Question(
        "zone",
        "Name of the zone, Chinese / English",
        "园区名称，中文 / 英文",
        "滨江高新区 / Riverside, or one name",
        "滨江高新区 / Riverside，或只写一个",
        lambda text, known: read_name(text),
        lambda value, lang: " / ".join(dict.fromkeys(value)),
    ),
    Question(
        "start",
        "Quarter at which the simulation starts",
        "模拟从哪个季度开始",
        "2023Q4",
        "2023Q4",
        _start,
        lambda value, lang: quarter_name(value),
    ),
    Question(
        "firms",
        "Firms present at the start",
        "期初企业数",
        "a whole number from 10 to 200000: 1200, 1.2万",
        "10 到 200000 的整数：1200、1.2万",
        lambda text, known: _count(text, 10, 200_000),
    ),
    Question(
        "certified",
        "of which national high-tech enterprises",
        "其中国家高新技术企业",
        "a whole number, at most the firms present",
        "整数，不多于期初企业数",
        lambda text, known: _count(text, 0, known.firms),
    ),
    Question(
        "entrants",
        "New firms a year",
        "每年新增企业数",
        "a whole number from 0 to 50000",
        "0 到 50000 的整数",
        lambda text, known: _count(text, 0, 50_000),
    ),
    Question(
        "guidance",
        "Size of the guidance fund",
        "引导基金规模",
        "10亿, 8000万, 2bn; 0 for none",
        "10亿、8000万、2bn；没有则写 0",
        lambda text, known: _fund_size(text),
        format_money,
    ),
    Question(
        "cap",
        "Contribution cap: most of a sub-fund that guidance money may be",
        "出资比例上限：引导基金在一只子基金中至多占多少",
        "a share above 0: 40%, 0.4",
        "大于 0 的占比：40%、0.4",
        lambda text, known: _within(parse_share(text), 0.01, 1.0),
        _percent,
    ),
    Question(
        "reinvestment",
        "Reinvestment ratio: yuan into the zone for one of guidance money",
        "返投比例：引导基金每出 1 元，须投入园区几元",
        "a number from 0 to 5: 1, 1.5",
        "0 到 5 的数：1、1.5",
        lambda text, known: _ratio(text),
        format_number,
    ),
    Question(
        "listed",
        "Listed firms at the start",
        "期初上市公司数",
        "a whole number, at most the firms present",
        "整数，不多于期初企业数",
        lambda text, known: _count(text, 0, known.firms),
    ),
    Question(
        "years",
        "Years to simulate",
        "模拟多少年",
        f"whole years from 1 to {LONGEST}: 10, 10y",
        f"1 到 {LONGEST} 的整数：10、10年",
        _years,
    ),
)


PROPORTIONAL = ("certified", "entrants", "listed")  # their defaults are in proportion to the zone
HOW = (
    "Ten questions. An empty line takes the value in brackets, < goes back a question, Ctrl-C leaves nothing behind.",
    "共十个问题。直接回车取方括号内的值；输入 < 退回上一题；按 Ctrl-C 放弃，不写任何文件。",
)


def ask(
    read: Callable[[], str], tell: Callable[[str], None], lang: str = "en", known: Answers | None = None
) -> Answers:
    """The ten questions in their order; an empty answer takes the default, `<` goes back a question, an answer that
    makes no sense is asked for again.

    read: the next line of the user, "" at the end of the input; tell: shows a text without ending the line.
    Raises UserError where the input ends before the last question.
    """
    known = known or Answers()
    zh = lang == "zh"
    tell(HOW[zh] + "\n\n")
    answered: set[str] = set()
    number = 0
    while number < len(QUESTIONS):
        question = QUESTIONS[number]
        default = getattr(known, question.key)
        if question.key in PROPORTIONAL and question.key not in answered:
            default = round(known.firms * getattr(Answers(), question.key) / Answers().firms)
        proposed = question.shown(default, lang)
        tell(f"{number + 1}/{len(QUESTIONS)}  {question.text(lang)} [{proposed}]{'：' if zh else ': '}")
        line = read()
        if not line:
            tell("\n")
            raise UserError(
                Problem(
                    f"回答在第 {number + 1} 问处结束，未写入任何文件"
                    if zh
                    else f"the answers ended at question {number + 1}; nothing was written",
                    expected=f"{len(QUESTIONS)} 行回答，空行取默认值"
                    if zh
                    else f"{len(QUESTIONS)} lines, an empty one for a default",
                )
            )
        text = line.strip()
        if text in BACK:
            number = max(0, number - 1)
            continue
        try:
            value = question.read(text, known) if text else default
        except ValueError as error:
            example = question.example(lang)
            tell(f"     无法采用“{text}”，可写：{example}\n" if zh else f"     {text!r}: {error}. Write: {example}\n")
            continue
        known = replace(known, **{question.key: value})
        answered.add(question.key)
        if question.key == "firms":  # more of them than there are firms would be no answer any more
            answered -= {key for key in ("certified", "listed") if getattr(known, key) > value}
        number += 1
    return known


# --- the file


@dataclass(frozen=True)
class _Part:
    """A table of the file: its heading, the model that it is of, what stands above it in both languages, its lines."""

    heading: str
    model: type[Table]
    en: str
    zh: str
    lines: dict[str, str]


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _name(zh: str, en: str) -> str:
    return f"{{ zh = {_text(zh)}, en = {_text(en)} }}"


def _money(yuan: float, lang: str) -> str:
    """As people write it where that is exact, else in yuan."""
    for unit, size in (("亿", 1e8), ("万", 1e4)) if lang == "zh" else (("bn", 1e9), ("m", 1e6)):
        if yuan >= size and parse_money(f"{yuan / size:.6g}{unit}") == yuan:
            return _text(f"{yuan / size:.6g}{unit}")
    return f"{yuan:.0f}"


def _share(share: float) -> str:
    return _text(f"{100 * share:.6g}%")


def _fund(id: str, kind: str, zh: str, en: str, count: int, **more: str) -> dict[str, str]:
    usual = {"fee": '"2%"', "fee_after": '"1%"', "hurdle": "0.08", "carry": "0.20", "catch_up": "1.0"}
    return {"id": _text(id), "name": _name(zh, en), "kind": _text(kind), "count": str(count)} | more | usual


def _stock(**firms: float) -> dict[str, str]:
    return {f"{level}.initial": str(round(count)) for level, count in firms.items()}


def _parts(a: Answers, lang: str) -> list[_Part]:
    q = quarter_name
    incubated = round(0.15 * a.entrants)
    raising = {"opens": _text(q(a.start + 1)), "opens_until": _text(q(a.start + 15))}
    sub = {"parent": '"guidance"'}
    venture_life = {"invests": '"5y"', "life": '"8y"'}
    market = {"size_spread": "0.8", "size_mood": "0.8", "every": '"4y"', "invests": '"4y"', "life": '"8y"'}
    guidance = _fund("guidance", "guidance", "引导基金", "guidance fund", 1, size=_money(a.guidance, lang))
    guidance |= {"opens": _text(q(a.start)), "invests": '"6y"', "life": '"15y"', "public": "true", "follow_on": "0"}
    guidance |= {"fee": '"0.2%"', "fee_after": '"0.2%"', "hurdle": "0", "carry": "0", "catch_up": "0", "local": "0"}
    early, middle, late = '["angel", "seed", "a"]', '["seed", "a", "b", "c"]', '["b", "c", "d", "pre_ipo"]'
    following, seldom = {"follow_on": "0.3"}, {"follow_on": "0.15"}  # as in the zones that are shipped

    return [
        _Part(
            "[zone]",
            Zone,
            "The zone, and the time that is simulated.",
            "园区与模拟的时间范围。",
            {
                "name": _name(*a.zone),
                "start": _text(q(a.start)),
                "end": _text(q(a.end)),
                "today": _text(q(a.start)),
            },
        ),
        _Part(
            "[firms.initial]",
            InitialFirms,
            "Firms: how many there are and how many come. How they grow and leave stands in national.toml.",
            "企业：现有多少，每年新来多少。如何成长与离开见 national.toml。",
            {"count": str(a.firms)},
        ),
        _Part("[firms.entry.organic]", Entry, "", "", {"per_year": str(a.entrants - incubated)}),
        _Part(
            "[firms.entry.incubator]",
            Entry,
            "Firms from incubators.",
            "来自孵化器的企业。",
            {"per_year": str(incubated)},
        ),
        _Part(
            "[ladders.certificates.levels]",
            Level,
            "Certificates held at the start. Only the high-tech enterprises were asked for; the rest is in proportion.",
            "期初持有的认定。只有高新技术企业数来自回答，其余按比例估计。",
            _stock(
                sme=0.6 * a.certified,
                hte=a.certified,
                srdi=0.12 * a.certified,
                giant=0.02 * a.certified,
                champion=0.004 * a.certified,
            ),
        ),
        _Part(
            "[ladders.listing.levels]",
            Level,
            "The listing pipeline at the start, in proportion to the listed firms.",
            "期初的上市梯度，按上市公司数的比例估计。",
            _stock(
                reserve=1.2 * a.listed,
                reserve_provincial=1.8 * a.listed,
                tutoring=0.25 * a.listed,
                in_review=0.1 * a.listed,
                listed=a.listed,
            ),
        ),
        _Part(
            "[guidance]",
            GuidanceRules,
            "Rules of the guidance fund.",
            "引导基金的规则。",
            {"pack": _text("usual"), "reinvestment": format_number(a.reinvestment)},
        ),
        _Part(
            "[guidance.cap]",
            Caps,
            "Contribution cap by class of sub-fund.",
            "各类子基金的出资比例上限。",
            dict.fromkeys(("angel", "venture", "industry"), _share(a.cap)),
        ),
        _Part(
            "[[funds]]",
            FundClass,
            "Money: the guidance fund, the sub-funds that it commits to, market funds at work in the zone.",
            "资金：先是引导基金，再是它出资的子基金，然后是在园区投资的市场化基金。",
            guidance,
        ),
        _Part(
            "[[funds]]",
            FundClass,
            "Sub-funds for early stages.",
            "早期天使子基金。",
            _fund("angel", "sub-fund", "早期天使子基金", "early and angel sub-funds", 2, **sub, plan="0.20", **raising)
            | {"invests": '"5y"', "life": '"9y"', "local": "0.45", "stages": early}
            | following,
        ),
        _Part(
            "[[funds]]",
            FundClass,
            "Sub-funds for venture stages.",
            "创业投资子基金。",
            _fund("venture", "sub-fund", "创业投资子基金", "venture sub-funds", 2, **sub, plan="0.35", **raising)
            | venture_life
            | {"local": "0.40", "stages": middle}
            | following,
        ),
        _Part(
            "[[funds]]",
            FundClass,
            "Sub-funds for later stages.",
            "产业发展子基金。",
            _fund("industry", "sub-fund", "产业发展子基金", "industry sub-funds", 2, **sub, plan="0.45", **raising)
            | venture_life
            | {"local": "0.40", "stages": late}
            | following,
        ),
        _Part(
            "[[funds]]",
            FundClass,
            "Market funds that look at the zone without guidance money.",
            "不含引导基金出资的市场化基金。",
            _fund("market_early", "market", "市场化早期基金", "market funds, early stages", 10, size=_money(5e7, lang))
            | market
            | {"local": "1.0", "stages": '["angel", "seed", "a", "b"]'}
            | seldom,
        ),
        _Part(
            "[[funds]]",
            FundClass,
            "",
            "",
            _fund("market_growth", "market", "市场化成长基金", "market funds, growth stages", 6, size=_money(3e8, lang))
            | market
            | {"local": "1.0", "stages": late}
            | seldom,
        ),
        _Part(
            "[[facts]]",
            Fact,
            'Published figures. An input is shown, not scored; with use = "check" a later figure tests the model.',
            '公布数据。input 只展示、不评分；用 use = "check" 写入其后季度的公布值，即可检验模型。',
            {
                "id": '"hte-at-start"',
                "metric": '"ladder.certificates.hte"',
                "date": _text(q(a.start)),
                "value": str(a.certified),
                "use": '"input"',
                "source": _text(SOURCE[lang == "zh"]),
            },
        ),
        _Part(
            '[levers."funds.guidance.size"]',
            Lever,
            "Levers: what `sweep` and the what-if page offer first.",
            "杠杆：`sweep` 与假设分析页首先提供的参数。",
            {"low": "0", "high": f"{max(2 * a.guidance, 1e9):.0f}"},
        ),
        _Part('[levers."guidance.reinvestment"]', Lever, "", "", {"low": "0.0", "high": "2.0"}),
        _Part('[levers."guidance.cap.angel"]', Lever, "", "", {"low": "0.2", "high": "0.6"}),
    ]


SOURCED = (InitialFirms, Entry, Level, GuidanceRules, Caps)  # national.toml's own source speaks of its own number
ANSWERED = ("count", "per_year", "hte.initial", "listed.initial")  # asked for: no world draws another number
REMARKS = {  # of keys whose meaning depends on where they stand
    "angel": ("early and angel sub-funds", "早期天使子基金"),
    "venture": ("venture sub-funds", "创业投资子基金"),
    "industry": ("industry sub-funds", "产业发展子基金"),
    "pack": (
        'usual practice; "national-2025": the national rules for funds from 2025 on',
        '通行做法；2025 年起设立的基金所适用的国家规则为 "national-2025"',
    ),
}
SOURCE = ("starter file", "起步文件")
HEAD = {
    "en": """\
#:schema ./schema.json
# {zone}: a starter scenario. It runs as it stands; put your zone's own figures in, one after the other.
#   python run.py check {path}      says what is wrong, with the line
#   python run.py run {path}        simulates it
# Money is written as 50亿, 8000万 or 2bn; shares as 0.4 or 40%; quarters as 2023Q4. A number can say where it is from:
#   count = {{ value = 1200, source = "statistical bulletin 2023", grade = "published" }}
# grade says where a number is from and how far it may be off:
#   published   seen in print: every world takes it as it stands
#   estimated   worked out from published figures: each world draws its own, nine in ten within 1.2-fold
#   assumed     a judgement: each world draws its own, nine in ten within 1.4-fold
# exact = true takes a number as it stands whatever its grade; the counts that you were asked for have it.
# Where it says "starter file", the number is an answer or an example: put your own number and its source there.

# What all zones share: market, growth, rounds, exits. This file says only what differs.
extends = "national.toml"
""",
    "zh": """\
#:schema ./schema.json
# {zone}：起步情景。可原样运行；请逐项换成本园区的数字。
#   python run.py check {path}      检查，指出错在哪一行
#   python run.py run {path}        模拟
# 金额写作 50亿、8000万 或 2bn；占比写作 0.4 或 40%；季度写作 2023Q4。一个数可注明出处：
#   count = {{ value = 1200, source = "2023 年统计公报", grade = "published" }}
# grade（等级）写明一个数从何而来、可能偏差多少：
#   published   公布：每个世界都按原值
#   estimated   由公布数字推算：每个世界各抽一个值，九成在 1.2 倍以内
#   assumed     判断：每个世界各抽一个值，九成在 1.4 倍以内
# 写有 exact = true 的数，不论等级都按原值；问答所得的各项家数即如此。
# 凡出处写“起步文件”者，是问答所得或示例，请换成本园区的数字与出处。

# 各园区共有的部分：市场、成长、融资、退出。本文件只写不同之处。
extends = "national.toml"
""",
}


def compose(answers: Answers, path: Path, lang: str) -> str:
    """The text of a starter file at this path; every line with what it means."""
    zh = lang == "zh"
    names = _level_names(lang, path.parent)
    out = [HEAD[lang].format(zone=answers.zone[0 if zh else 1], path=path.as_posix())]
    for part in _parts(answers, lang):
        lines = dict(part.lines)
        if part.model in SOURCED:
            lines = {
                key: value if key == "pack" else _sourced(value, lang, exact=key in ANSWERED)
                for key, value in lines.items()
            }
        elif part.model is FundClass:
            lines |= {"grade": '"assumed"', "source": _text(SOURCE[zh])}
        written = {key: f"{key} = {value}" for key, value in lines.items()}
        room = min(max(map(_width, written.values())), 60)
        body = []
        for key, line in written.items():
            remark = _remark(part.model, key, lang, names)
            body.append(f"{line}{' ' * (room - _width(line))}  # {remark}" if remark else line)
        heading = [f"# {part.zh if zh else part.en}"] if part.en else []
        out.append("\n".join([*heading, part.heading, *body]) + "\n")
    return "\n".join(out)


def _sourced(value: str, lang: str, exact: bool = False) -> str:
    as_typed = ", exact = true" if exact else ""
    return f'{{ value = {value}, source = {_text(SOURCE[lang == "zh"])}, grade = "assumed"{as_typed} }}'


def _width(line: str) -> int:
    """Columns on a screen: a Chinese character takes two."""
    return sum(2 if east_asian_width(c) in "WF" else 1 for c in line)


def _level_names(lang: str, folder: Path) -> dict[str, str]:
    """What national.toml calls the levels of its ladders."""
    from sim.scenario.reading import read_tree

    ladders = read_tree(folder / BASE).data.get("ladders", {})
    levels = {f"{id}.initial": level for ladder in ladders.values() for id, level in ladder["levels"].items()}
    return {key: level["name"][lang] for key, level in levels.items()}


def _remark(model: type[Table], key: str, lang: str, names: dict[str, str]) -> str:
    if key in REMARKS:
        return REMARKS[key][lang == "zh"]
    return names.get(key) or of_key(model, key, lang)


def create(name: str, answers: Answers, lang: str = "en", folder: Path = FOLDER) -> Path:
    """Writes scenarios/NAME.toml and returns its path. UserError: a name that is none, a file that is there already, no
    national.toml beside it, or answers that do not make a valid scenario."""
    path = place(name, folder)
    text = compose(answers, path, lang)
    _refuse_what_does_not_load(text, path)
    write_text(path, text)
    return path


def place(name: str, folder: Path = FOLDER) -> Path:
    """Where a new scenario of this name goes; UserError where it cannot."""
    stem = name.removesuffix(".toml")
    if not re.fullmatch(r"[^\W_][\w-]*", stem):
        raise UserError(
            Problem(
                "not a name for a scenario",
                found=name,
                expected=f"letters, digits, - and _; the file is {folder}/NAME.toml",
            )
        )
    path = folder / f"{stem}.toml"
    if path.exists() or path.is_symlink():
        raise UserError(
            Problem("this scenario is there already and is left alone", file=str(path), expected="a new name")
        )
    if not (folder / BASE).is_file():
        raise UserError(
            Problem(
                "not found, and the new file builds on it",
                file=str(folder / BASE),
                expected="to be called in the project's folder",
            )
        )
    return path


def _refuse_what_does_not_load(text: str, path: Path) -> None:
    from sim.scenario import load_scenario

    with TemporaryDirectory() as desk:
        trial = Path(desk, path.name)
        Path(desk, BASE).write_text((path.parent / BASE).read_text(encoding="utf-8"), encoding="utf-8")
        trial.write_text(text, encoding="utf-8")
        try:
            load_scenario(trial)
        except UserError as error:
            raise UserError([replace(problem, file=str(path)) for problem in error.problems]) from None
