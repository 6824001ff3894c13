"""Mistakes are told in the reader's language: every sentence that can be raised has a Chinese twin, and it is found."""

from __future__ import annotations

import ast
import datetime
import errno
import json
import os
import re
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field, TypeAdapter, ValidationError

from sim import cli
from sim.errors import Problem, RunError, in_both, in_language
from sim.messages import chinese, filled, slots_of, tables
from sim.scenario import fields
from tests.raised import House, in_words, shape

XIAN = "scenarios/xian.toml"
SAME = {  # what is raised and reads the same in both languages: names of commands, of settings, of distributions
    "calibrate", "optimise", "sweep", "run", "run | compare | sweep", "t | bootstrap", "pack", "guidance",
    'kind = "listing" | kind = "sale"', 'level = "{held}"', 'requires = "{own}"',
    "choices", "uniform", "uniform, normal …", "low ≤ mode ≤ high, low < high", "0 < median < p95",
    "0 < mean < 1, 0 < sd² < mean × (1 − mean)", "dask worker …", "pip install 'dask[distributed]'",
    "{{ low, high }}, {{ lognormal = {{ median, p95 }} }}, {{ beta = {{ mean, sd }} }} …",
}  # fmt: skip
MADE_ANEW = {"{}write {}"}  # parse_count puts its own words behind those of parse_number; both parts have twins
PASSED_ON = {"sim/portfolio/importing.py: found", "sim/scenario/loading.py: message"}  # of a Problem already told
SAMPLES = {
    "count": "12",
    "number": "0.25",
    "share": "27%",
    "quarter": "2023Q4",
    "kind": "normal",
    "key": "a.b",
    "digest": "09af31",
}


@pytest.fixture(scope="module")
def house() -> House:
    return House()


@pytest.fixture(scope="module")
def catalogue() -> dict[str, dict[str, str]]:
    return tables()


def entries() -> list[tuple[str, str]]:
    return [(e, c) for name, table in tables().items() if name != "placeholders" for e, c in table.items()]


def filled_in(template: str, values: dict[str, str]) -> str:
    return template.format(**values)


def sample_of(slot: str) -> str:
    return next((value for word, value in SAMPLES.items() if slot.startswith(word)), "[x]")


# --- the sources


def test_every_sentence_that_can_be_raised_has_a_chinese_twin(
    house: House, catalogue: dict[str, dict[str, str]]
) -> None:
    have = {shape(english) for english in catalogue["raised"]} | {shape(text) for text in SAME} | MADE_ANEW
    missing = [found for form, found in house.raised.items() if form not in have]
    lines = [f'{json.dumps(x.template, ensure_ascii=False)} = "…"  # {x.file}:{x.line}' for x in missing]
    assert not missing, (
        "give each of these a Chinese twin with the same slots in the table [raised] of sim/messages.toml "
        "(or, where it reads the same in Chinese, a place in SAME of this file):\n" + "\n".join(lines)
    )


def test_no_twin_stands_idle(house: House, catalogue: dict[str, dict[str, str]]) -> None:
    idle = [english for english in catalogue["raised"] if shape(english) not in house.raised]
    assert not idle, "nothing raises these any more; take them out of sim/messages.toml:\n" + "\n".join(idle)
    assert not {text for text in SAME if shape(text) not in house.raised}


def test_no_message_is_put_together_where_the_reading_cannot_follow(house: House) -> None:
    where = {re.sub(r":\d+:", ":", place) for place in house.unseen}
    assert where == PASSED_ON, "write these messages as texts with values in them"


def test_the_reading_of_sources_finds_what_is_raised(tmp_path: Path) -> None:
    (tmp_path / "room.py").write_text(
        "from sim.errors import Problem, UserError, RunError\n"
        "def refuse(message, **details):\n"
        "    return UserError([Problem(message, **details)])\n"
        "def work(n, zh):\n"
        "    what = 'above' if n > 1 else 'below'\n"
        "    text = f'{n} lies {what} one'\n"
        "    if n:\n"
        "        raise refuse(text, found='nothing at all', expected='PATH=VALUE')\n"
        "    raise RunError('已停止一切' if zh else 'everything stopped')\n"
    )
    assert set(House(tmp_path).raised) == {"{} lies above one", "{} lies below one", "nothing at all"}


@pytest.mark.parametrize(
    "code", ["PATH=LO..HI", "--out", "`run`", "[guidance.cap]", "results/xian", "x < 1", "2025-10"]
)
def test_code_needs_no_twin(code: str) -> None:
    assert not in_words(code)


# --- the catalogue


def test_a_twin_has_the_slots_of_its_sentence() -> None:
    for table, twins in tables().items():
        for english, twin in twins.items():
            own, told = set(slots_of(english)), set(slots_of(twin))
            assert told == own or (table in ("toml", "validator") and told < own), english


def test_every_sentence_finds_its_own_twin() -> None:
    """None is hidden behind another that fits its words too."""
    for english, twin in entries():
        values = {slot: sample_of(slot) for slot in slots_of(english)}
        assert chinese(filled_in(english, values)) == filled_in(twin, values), english


def test_twins_are_chinese() -> None:
    for english, twin in entries():
        if in_words(english.replace("TOML", "").replace("UTF", "")):
            assert re.search(r"[\u4e00-\u9fff]", twin) or not in_words(re.sub(r"[\w.]+\(|, \w+\)", "", twin)), twin


def test_a_sentence_within_a_sentence_is_told_in_chinese_too() -> None:
    english = "'parsecs' is not a unit of money; write money as 50亿, 6000万, 5bn, 300m or a plain number of yuan"
    assert chinese(english) == "“parsecs”不是金额单位；请写成金额，如 50亿、6000万、5bn、300m，或以元计的数"


def test_what_the_reader_wrote_stays_as_it_was_written() -> None:
    assert chinese("the sectors' `share` sum to 1.8, above 1") == "各行业的 `share` 合计为 1.8，大于 1"
    assert chinese("'now' is not understood; write a count as 70, 7000 or \"3.2万\"").startswith("看不懂“now”")
    assert chinese("my own words") == "my own words"


def test_a_problem_is_framed_in_the_readers_language() -> None:
    problem = Problem("no such parameter", "a.toml", 3, "zone.nam", "nam", "PATH=VALUE", "zone.name")
    assert (
        str(problem)
        == "a.toml:3: zone.nam: no such parameter (found nam; expected PATH=VALUE; did you mean zone.name?)"
    )
    assert problem.told("zh") == "a.toml:3: zone.nam: 没有这个参数（现为 nam；应为 路径=值；是否指 zone.name？）"
    assert problem.told("en") == str(problem)


def test_placeholders_are_named_and_other_capitals_left_alone() -> None:
    assert filled('"METRIC[@QUARTER] >= X" or PATH=LO..HI') == '"指标[@季度] >= X" or 路径=下限..上限'
    assert filled("TOML, HEADWATER_TOKEN, RESULTS, CNY") == "TOML, HEADWATER_TOKEN, RESULTS, CNY"


def test_a_message_for_the_page_is_told_in_both_languages() -> None:
    assert in_both("a fund needs a size") == {"zh": "基金须有规模", "en": "a fund needs a size"}
    assert in_language(str(RunError("nothing was written")), "zh") == "未写入任何文件"


# --- what other programs say


def test_bounds_and_units_of_every_kind_of_quantity_have_a_twin(catalogue: dict[str, dict[str, str]]) -> None:
    kinds = [kind for kind in vars(fields).values() if isinstance(kind, fields.Kind)]
    assert {kind.unit for kind in kinds} <= set(catalogue["pieces"])
    limits: tuple[dict[str, float], ...] = (
        {"gt": 0}, {"ge": 0}, {"lt": 1}, {"le": 1}, {"ge": 0, "le": 1}, {"gt": 0, "lt": 1}, {"gt": 0, "le": 1},
        {"ge": 0, "lt": 1},
    )  # fmt: skip
    for limit in limits:
        with pytest.raises(ValueError) as refused:
            fields.Bounds(**limit).refuse(-5.0 if set(limit) & {"gt", "ge"} else 5.0, None, "per year")
        assert not in_words(chinese(str(refused.value)))


def test_what_the_toml_reader_says_has_a_twin(catalogue: dict[str, dict[str, str]]) -> None:
    import tomli

    source = Path(str(tomli.__file__)).with_name("_parser.py").read_text(encoding="utf-8")
    said = [
        "".join(str(x.value) if isinstance(x, ast.Constant) else "{x}" for x in text.values)
        if isinstance(text, ast.JoinedStr)
        else text.value
        for call in ast.walk(ast.parse(source))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "TOMLDecodeError"
        for text in call.args[:1]
        if isinstance(text, ast.JoinedStr | ast.Constant)
    ]
    assert len(said) > 20
    have = {shape(english) for english in catalogue["toml"]}
    assert {text for text in said if shape(str(text)) not in have} == set()
    for text in ("x = [", "a = 1\na = 2", "[t", "x", 'x = "', "x = 2021-13-40", "x = {a = 1", "= 1", "[a]\n[a]"):
        with pytest.raises(tomli.TOMLDecodeError) as wrong:
            tomli.loads(text)
        assert not in_words(chinese(wrong.value.msg).replace("inline", "")), wrong.value.msg


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Annotated[float, Field(gt=0)], -1.0),
        (Annotated[float, Field(ge=0)], -1.0),
        (Annotated[int, Field(lt=2**63)], 2**63),
        (Annotated[float, Field(le=1)], 1.5),
        (Annotated[list[int], Field(min_length=1)], []),
        (Annotated[list[int], Field(min_length=2)], [1]),
        (Annotated[list[int], Field(max_length=1)], [1, 2]),
        (Annotated[list[int], Field(max_length=2)], [1, 2, 3]),
        (Annotated[float, Field(allow_inf_nan=False)], float("inf")),
        (datetime.date, "2021-13-01"),
        (datetime.date, "soon"),
        (datetime.date, []),
        (datetime.date, datetime.datetime(2021, 1, 1, 5)),
        (dict[str, int], {1: 2}),
    ],
)
def test_what_the_validator_says_has_a_twin(kind: Any, value: object) -> None:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(kind).validate_python(value)
    said = refused.value.errors()[0]["msg"]
    if "string" not in said or "Keys" in said:  # the loader says itself that a text is needed
        assert not in_words(chinese(said)), said


def test_what_the_system_says_has_a_twin() -> None:
    usual = "ENOENT EACCES EPERM EISDIR ENOTDIR EEXIST ENOSPC EROFS EIO ENAMETOOLONG ELOOP ENOTEMPTY EDQUOT EBUSY"
    for name in usual.split():
        assert not in_words(chinese(os.strerror(getattr(errno, name)))), name


def test_what_the_audit_says_has_a_twin(catalogue: dict[str, dict[str, str]]) -> None:
    from sim.accounts import IDENTITIES

    assert set(IDENTITIES.values()) <= set(catalogue["pieces"])


# --- mistakes on the command line


MISTAKES = [
    ("run nofile.toml", "nofile.toml: 没有这个文件"),
    ("run scenarios/xain.toml", "scenarios/xain.toml: 没有这个文件（是否指 xian.toml？）"),
    ("run scenarios", "scenarios: 是文件夹，不是情景文件"),
    (f"check {XIAN} --set guidance.cap.angel=2", "guidance.cap.angel: 须在 0 与 1 之间（比例）（现为 2）"),
    (f"check {XIAN} --set guidance.cap.angel=much", '请写成比例，如 0.2 或 "20%"（现为 "much"）'),
    (f"check {XIAN} --set rounds.meetings=99", "rounds.meetings: 须不超过 16（数量）（现为 99）"),
    (f"check {XIAN} --set rounds.stages.a.floor=$3m", "金额以人民币（CNY）计，不是美元；请按注明的汇率折算"),
    (f"check {XIAN} --set guidance.miss=shame", "应为 'nothing'、'concession'、'fee' 或 'both'）"),
    (f"check {XIAN} --set zone.end=2001Q1", 'zone.end: 结束须晚于开始（现为 "2001Q1"）'),
    (f"check {XIAN} --set zone.start=2021-13", "没有这一天；请写成日期，如 \"2023Q4\"、\"2021-10\" 或 2021-10-15"),
    (f"check {XIAN} --set guidance.concession={{uniform=[0.3,0.1]}}", "`uniform` 须为 2 个由小到大的数"),
    (f"check {XIAN} --set guidance.pack=shanxi", "没有这个规则包"),
    (f"compare {XIAN}", "比较须有两个或更多情景（现为 1；应为 基准 另一情景 …）"),
    (f"compare {XIAN} --change foo", "--change: 不是变动（现为 foo；应为 [名称: ]路径=值[; 路径=值 …]）"),
    (f"sweep {XIAN} --vary guidance.cap.angel=0.4..0.2", "区间上下颠倒（现为 0.4..0.2；应为 0.2..0.4）"),
    (f"sweep {XIAN} --samples 3", "样本过少（现为 3；应为 sobol 至少 8）"),
    (f"sweep {XIAN} --target firms.aliv@2028Q4",
     "没有这个指标：用 `python run.py metrics 情景文件` 可列出全部（现为 firms.aliv；是否指 firms.alive？）"),
    (f"optimise {XIAN} --vary guidance.cap.angel=0.2..0.4 --samples 9 --maximise jobs.total@2028Q4",
     "该设计只在 2 的幂处均衡（现为 9；应为 8 或 16）"),
    ("plot nowhere", "没有这个结果（应为 由 `python run.py run` 写出的文件夹，如 results/xian）"),
    (f"serve {XIAN} --host 0.0.0.0", "其他机器可访问此页：须有口令（现为 --host 0.0.0.0 而没有口令"),
    ("new xian", "已有这个情景，未作改动（应为 新名称）"),
    ("verify nosuch", "tests/published 中没有这个算例（现为 nosuch）"),
    (f"run {XIAN} --out README.md", "这是一个文件，而结果须为文件夹（现为 文件；应为 可新建的文件夹）"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "told"), MISTAKES, ids=[words[:60] for words, _ in MISTAKES])
def test_a_mistake_is_told_in_chinese(words: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*words.split(" "), "--lang", "zh"]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("", "缺少参数：命令"),
        ("bogus", "参数 命令：'bogus' 不可用（可选：'run'"),
        ("run", "python run.py run: 错误：缺少参数：情景"),
        (f"run {XIAN} --bogus", "无法识别的参数：--bogus"),
        (f"run {XIAN} --seed", "参数 --seed：须跟一个值"),
        (f"run {XIAN} --replications 0", "参数 --replications：至少为 1，现为 0"),
        (f"sweep {XIAN} --method bogus", "参数 --method：'bogus' 不可用"),
        (f"run {XIAN} --quiet=yes", "参数 --quiet：此选项不带值：'yes'"),
    ],
)
def test_a_mistyped_command_is_told_in_chinese(words: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(
            ["--lang", "zh", *words.split()] if words == "" or words == "bogus" else [*words.split(), "--lang", "zh"]
        )
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert told in said
    assert said.startswith("用法：") and "usage" not in said and "error" not in said


def test_a_mistake_in_a_file_names_the_line_in_chinese(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "zone.toml"
    file.write_text(f'extends = "{Path(XIAN).resolve()}"\n[zone]\nnam = 3\n[run]\nreplications = 0\nseed = "x"\n')
    assert cli.main(["check", str(file), "--lang", "zh"]) == 2
    said = capsys.readouterr().err
    assert "zone.toml:3: zone.nam: 没有这个键（现为 nam；是否指 name？）" in said
    assert 'zone.toml:6: run.seed: 此处须为整数（现为 "x"）' in said
    file.write_text("x = \n")
    assert cli.main(["check", str(file), "--lang", "zh"]) == 2
    assert "zone.toml:1: 不是有效的 TOML：值无效" in capsys.readouterr().err


def test_a_chinese_locale_is_enough(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert cli.main(["check", "nofile.toml"]) == 2
    assert capsys.readouterr().err == "headwater: nofile.toml: 没有这个文件\n"


def test_help_of_every_command_is_chinese() -> None:
    """What stays in Latin letters is what is typed or a name: options, ids, formats."""
    names = "Headwater TOML JSON Schema HTML PDF CSV Dask cluster sobol morris png Ctrl English levers sweep cases"
    typed = r"\{[^}]*\}|--?[\w-]+|[\w.]*[_./][\w./-]*|用法：python run.py \w*"
    with cli.speaking("zh"):
        parser = cli.build_parser()
        for name, command in {"": parser, **cli.commands_of(parser)}.items():
            said = re.sub(typed, "", command.format_help().partition("示例：")[0])
            words = set(re.findall(r"[A-Za-z]{2,}", said)) - set(names.split())
            assert words == (set() if name else set(cli.commands_of(parser)) - {"sweep", "cases"}), name
