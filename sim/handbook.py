"""Pages of the handbook that the program prints of itself: commands, metrics, numbers with their sources.

The functions return Markdown in "zh" or "en"; docs/handbook/printed.py puts the pages into the site.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sim.printing import head_of_metrics, row_of_metric
from sim.terms import sourced, term

TYPE_CHECKING = False  # see sim/__init__.py
if TYPE_CHECKING:
    from sim.scenario.fields import Quantity

SCENARIOS = Path(__file__).resolve().parent.parent / "scenarios"


def _say(lang: str, en: str, zh: str) -> str:
    return zh if lang == "zh" else en


def _cell(text: object) -> str:
    return str(text).replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def _table(head: tuple[str, ...], rows: list[tuple[object, ...]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return [*lines, *(f"| {' | '.join(map(_cell, row))} |" for row in rows), ""]


def _keyed(head: tuple[str, ...], rows: list[tuple[object, ...]]) -> list[str]:
    """A table whose first column names things: on a phone the style sheet makes a paragraph of each row."""
    return ['<div class="keyed" markdown>', "", *_table(head, rows), "</div>", ""]


def commands(lang: str) -> str:
    """Every command with its help, as `--help` prints it."""
    from sim import cli
    from sim.completion import described

    with cli.speaking(lang):
        parser = cli.build_parser()
        found = described(parser)
        helps = {name: command.format_help().rstrip() for name, command in cli.commands_of(parser).items()}
    lines = [
        _say(lang, "# Commands", "# 命令"),
        "",
        _say(
            lang,
            "What `python run.py --help` lists, and the help of each command, whose examples run as they stand. Exit"
            " status: 0 done, 1 the run failed, 2 the input is wrong, 130 stopped by Ctrl-C.",
            "`python run.py --help` 所列的全部命令及其帮助，其中的示例可直接运行。退出状态：0 完成，1 运行失败，"
            "2 输入有误，130 被 Ctrl-C 停止。",
        ),
        "",
    ]
    head = (_say(lang, "command", "命令"), _say(lang, "what it does", "用途"))
    lines += _table(head, [(f"[`{c.name}`](#{c.name})", c.help) for c in found])
    for c in found:
        lines += [f"## {c.name} {{ #{c.name} }}", "", "```text", helps[c.name], "```", ""]
    return "\n".join(lines)


def metrics(lang: str) -> str:
    """Every metric of the shipped zones, by room; Xi'an's first."""
    from sim.scenario import load_scenario

    files = sorted(SCENARIOS.glob("*.toml"), key=lambda path: (path.name != "xian.toml", path.name))
    zones = {path.name: load_scenario(path).metrics for path in files}
    first = {metric.name: file for file, metrics in reversed(zones.items()) for metric in metrics}
    found = [metric for file, metrics in zones.items() for metric in metrics if first[metric.name] == file]
    titles = {
        "firms": _say(lang, "Firms", "企业"),
        "jobs": _say(lang, "Jobs", "就业"),
        "output": _say(lang, "Output", "产值"),
        "valuation": _say(lang, "Valuations", "估值"),
        "rounds": _say(lang, "Rounds", "融资"),
        "ladder": _say(lang, "Ladders", "梯度"),
        "funds": _say(lang, "Funds", "基金"),
        "exits": _say(lang, "Exits", "退出"),
        "public": _say(lang, "Public money", "财政"),
        "market": _say(lang, "Market", "市场"),
        "listing": _say(lang, "Listings", "上市"),
        "programme": _say(lang, "Programmes", "政策工具"),
        "incubator": _say(lang, "Incubators", "孵化器"),
        "project": _say(lang, "Projects", "项目"),
        "energy": _say(lang, "Energy", "能耗"),
        "named": _say(lang, "Named firms", "具名企业"),
        "partners": _say(lang, "Partners of the funds", "基金出资人"),
        "guidance": _say(lang, "Rules of the guidance fund", "引导基金规则"),
    }
    rooms: dict[str, list] = {}
    for metric in found:
        rooms.setdefault(metric.name.split(".")[0], []).append(metric)
    lines = [
        _say(lang, "# Metrics", "# 指标"),
        "",
        _say(
            lang,
            f"The {len(found)} series that the shipped zones report for every quarter of every world. Firms, rounds,"
            " fund kinds and the market are the same in every scenario; ladders, levels, programmes, incubators,"
            " projects and named firms are those of its file, named where it is not that of Xi'an. A metric that is"
            " undefined (the TVPI of a fund before its first call) is empty, never 0. `python run.py metrics SCENARIO`"
            " lists those of one scenario, one a line.",
            f"所附园区在每个世界每个季度报告的 {len(found)} 个序列。企业、融资、基金类别与市场在各情景中相同；梯度、"
            "层级、政策工具、孵化器、项目与具名企业取自情景文件，非西安的注明文件名。没有定义的指标"
            "（例如首次缴款前的 TVPI）为空，而不是 0。`python run.py metrics 情景文件` 逐行列出一个情景的全部指标。",
        ),
        "",
    ]
    for room, members in sorted(rooms.items(), key=lambda item: [*titles].index(item[0]) if item[0] in titles else 99):
        lines += [f"## {titles.get(room, room)} {{ #{room} }}", ""]
        if room == "rounds":
            lines += [_order_of_stages(lang), ""]
        rows: list[tuple[object, ...]] = []
        for m in members:
            where = "" if first[m.name] == "xian.toml" else f" ({first[m.name]})"
            name, label, unit, kind = row_of_metric(m, lang)
            rows.append((f"`{name}`", label + where, unit, kind))
        lines += _keyed(head_of_metrics(lang), rows)
    return "\n".join(lines)


def _order_of_stages(lang: str) -> str:
    """What the two stages before A are called in each country."""
    return _say(
        lang,
        "Stages stand in the order of their prices: angel, seed, A, B, C, D, pre-IPO. The names are those of the United"
        " States. In Chinese the second is called Pre-A轮: what comes between the first money, 天使轮, and A. The"
        " Chinese 种子轮 is first money too, as in the table that the model is held against (IT桔子 counts firms with a"
        " seed or an angel round together).",
        "轮次按价格由低到高排列：天使轮、Pre-A轮、A轮、B轮、C轮、D轮、Pre-IPO轮。场景文件用美国的叫法："
        "`angel` 为天使轮，`seed` 为 Pre-A轮，即首笔投资与A轮之间的一轮。国内的种子轮与天使轮同属首笔投资，"
        "与模型对照的中国数据（IT桔子的获天使投资企业）也合并统计。",
    )


def parameters(lang: str) -> str:
    """Every number of national.toml with value, distribution, grade and source."""
    from sim.scenario import load_scenario
    from sim.scenario.fields import iter_quantities
    from sim.scenario.loading import grade_shares

    scenario = load_scenario(SCENARIOS / "national.toml")
    shares = _say(lang, ", ", "，").join(
        f"{term(f'grade.{g}', lang)} {share:.0%}" for g, share in grade_shares(scenario).items()
    )
    lines = [
        _say(lang, "# Numbers and their sources", "# 数字与出处"),
        "",
        _say(
            lang,
            f"Every parameter of `scenarios/national.toml`, which all zones share ({shares}). A zone's own file"
            " replaces what differs; `python run.py check FILE` prints its shares.",
            f"各园区共有的 `scenarios/national.toml` 的全部参数（{shares}）。园区文件改写不同之处，"
            "`python run.py check 文件` 打印其等级占比。论文标题与网址照录原文。",
        ),
        "",
    ]
    rooms: dict[str, list[tuple[str, Quantity]]] = {}
    for path, q in iter_quantities(scenario):
        parts = path.split(".")
        if parts[0] not in ("facts", "levers"):
            room = ".".join(parts[:2] if parts[0] in ("firms", "ladders", "rounds") else parts[:1])
            rooms.setdefault(room, []).append((path, q))
    head = (
        _say(lang, "parameter", "参数"),
        _say(lang, "value", "取值"),
        _say(lang, "unit", "单位"),
        _say(lang, "grade", "等级"),
        _say(lang, "source", "出处"),
    )
    for room, rows in rooms.items():
        lines += [f"## `{room}` {{ #{room.replace('.', '-')} }}", ""]
        lines += _keyed(head, [_row(path, q, lang) for path, q in rows])
    return "\n".join(lines)


def _row(path: str, q: Quantity, lang: str) -> tuple[str, str, str, str, str]:
    from sim.report.numbers import written_quantity
    from sim.scenario.reference import UNITS

    unit = UNITS[q.unit][lang == "zh"]
    return f"`{path}`", written_quantity(q, lang), unit, term(f"grade.{q.grade}", lang), sourced(q.source, lang)


PRINTED: dict[str, Callable[[str], str]] = {
    "commands.md": commands,
    "metrics.md": metrics,
    "parameters.md": parameters,
}
