"""The commands of `python run.py`, and nothing else: each reads its arguments, calls the room that does the work,
prints what came.

Only argparse is imported here; a command imports what it needs when it runs, so that `--help` answers at once.
Exit status: 0 done, 1 the run failed, 2 the user's input is wrong, 130 stopped by Ctrl-C. What was asked for goes to
standard output; messages and progress go to standard error.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from contextlib import contextmanager

TYPE_CHECKING = False  # see sim/__init__.py
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from sim.progress import Progress
    from sim.result import Result
    from sim.scenario import Scenario

STOPPED = 130  # 128 + SIGINT, as shells have it
READER_GONE = 141  # 128 + SIGPIPE: `run.py schema | head` is no failure of ours

# What an investment office reads first; of these the ones that a scenario reports.
HEADLINES = (
    "firms.alive",
    "ladder.certificates.hte",
    "ladder.certificates.giant",
    "ladder.listing.listed",
    "valuation.unicorns",
    "valuation.post_money.total",
    "rounds.raised.total",
    "funds.guidance.paid_in",
    "funds.subfunds.size",
    "funds.leverage",
    "funds.guidance.tvpi",
    "jobs.total",
    "output.year",
    "public.net_cost_pv",
)

BOLD, RED, GREEN = "1", "31", "32"

_lang = "en"


def say(en: str, zh: str) -> str:
    """The wording in the reader's language."""
    return zh if _lang == "zh" else en


def language(argv: Sequence[str], environment: Mapping[str, str] = os.environ) -> str:
    """`--lang` where it is given, else the locale's: needed before the parser, whose help is in that language too."""
    for i, word in enumerate(argv):
        given = argv[i + 1] if word == "--lang" and i + 1 < len(argv) else word.removeprefix("--lang=")
        if word.startswith("--lang") and given in ("zh", "en"):
            return given
    locale = next((environment[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(name)), "")
    return "zh" if locale.lower().startswith("zh") else "en"


def note(message: str) -> None:
    print(f"headwater: {message}", file=sys.stderr, flush=True)


def refuse(message: str, **details: Any) -> Exception:
    """One problem of the user's input, ready to raise."""
    from sim.errors import Problem, UserError

    return UserError([Problem(message, **details)])


class Stopped(Exception):
    """Ctrl-C; the message says what is finished and how to go on."""


# ----------------------------------------------------------------------------------------------------- commands


def run(a: argparse.Namespace) -> int:
    from sim.ensemble import simulate
    from sim.progress import duration
    from sim.scenario import load_scenario

    begun = time.perf_counter()
    scenario = load_scenario(a.scenario, overrides=a.set)
    folder = result_folder(a.out or f"results/{name_of(a.scenario)}")
    announce_compile(a)
    with working(a, say("replications", "次重复"), nothing_kept) as progress:
        result = simulate(scenario, a.replications, a.seed, a.threads, a.events, a.audit, progress)
    result.save(folder)
    simulated = time.perf_counter()
    if not a.json:
        print(summary(result), flush=True)
    figures = [] if a.no_figures else draw(a, result, folder, ["svg"])
    ended = time.perf_counter()
    if a.json:
        seconds = {"simulate": simulated - begun, "figures": ended - simulated}
        put_json(document(result) | {"folder": folder, "figures": figures, "seconds": seconds})
        return 0
    print()
    print(say(f"result   {folder}", f"结果  {folder}"))
    if figures:
        print(say(f"figures  {folder}/figures, {len(figures)}", f"图表  {folder}/figures，{len(figures)} 幅"))
    whole, drawing = duration(ended - begun), duration(ended - simulated)
    print(say(f"time     {whole}, of which figures {drawing}", f"用时  {whole}，其中画图 {drawing}"))
    return 0


def plot(a: argparse.Namespace) -> int:
    folder, result = saved_result(a.result)
    figures = draw(a, result, folder, a.format or ["svg"], a.metric)
    for figure in figures:
        print(figure)
    return 0


def compare(a: argparse.Namespace) -> int:
    from sim.analysis import compare as analysis
    from sim.scenario import load_scenario

    scenarios = [load_scenario(path, overrides=a.set) for path in a.scenario]
    announce_compile(a)
    with working(a, say("replications", "次重复"), nothing_kept) as progress:
        compared = analysis.run(
            scenarios,
            names=[name_of(path) for path in a.scenario],
            replications=a.replications,
            seed=a.seed,
            threads=a.threads,
            progress=progress,
        )
    return show_analysis(a, compared)


def check(a: argparse.Namespace) -> int:
    from sim.scenario import load_scenario
    from sim.scenario.loading import grade_shares

    grades = grade_shares(load_scenario(a.scenario, overrides=a.set))
    if a.json:
        put_json({"file": a.scenario, "valid": True, "parameters_by_grade": grades})
    else:
        print(say(f"{a.scenario}: valid", f"{a.scenario}：有效"))
        print(line_of_grades(grades))
    return 0


def trace(a: argparse.Namespace) -> int:
    from sim.ensemble import trace as follow

    _, result = saved_result(a.result)
    life = follow(scenario_of(result), a.replication, a.firm, result.manifest["seed"])
    if a.json:
        put_json(life)
    else:
        print("\n".join(outline(life)))
    return 0


def sweep(a: argparse.Namespace) -> int:
    from pathlib import Path

    from sim.analysis import sweep as analysis
    from sim.scenario import load_scenario

    scenario = load_scenario(a.scenario, overrides=a.set)
    folder = Path(a.out or f"results/{name_of(a.scenario)}-sweep")
    announce_compile(a)
    with working(a, say("samples", "个样本"), resumable(folder)) as progress:
        swept = analysis.run(
            scenario,
            vary=a.vary,
            targets=a.target,
            method=a.method,
            samples=a.samples,
            replications=a.replications,
            seed=a.seed,
            out=folder,
            resume=a.resume,
            threads=a.threads,
            cluster=a.cluster,
            progress=progress,
        )
    return show_analysis(a, swept, folder)


def solve(a: argparse.Namespace) -> int:
    from sim.analysis import solve as analysis
    from sim.scenario import load_scenario

    scenario = load_scenario(a.scenario, overrides=a.set)
    announce_compile(a)
    with working(a, say("worlds", "个世界"), nothing_kept) as progress:
        solved = analysis.run(
            scenario,
            by=a.by,
            target=a.target,
            probability=a.probability,
            replications=a.replications,
            seed=a.seed,
            threads=a.threads,
            progress=progress,
        )
    return show_analysis(a, solved)


def optimise(a: argparse.Namespace) -> int:
    from pathlib import Path

    from sim.analysis import optimise as analysis
    from sim.scenario import load_scenario

    scenario = load_scenario(a.scenario, overrides=a.set)
    folder = Path(a.out or f"results/{name_of(a.scenario)}-optimise")
    announce_compile(a)
    with working(a, say("samples", "个样本"), resumable(folder)) as progress:
        best = analysis.run(
            scenario,
            vary=a.vary,
            maximise=a.maximise,
            replications=a.replications,
            seed=a.seed,
            out=folder,
            resume=a.resume,
            threads=a.threads,
            progress=progress,
        )
    return show_analysis(a, best, folder)


def verify(a: argparse.Namespace) -> int:
    from sim.verify import verify as reproduce

    return reproduce(a.name, as_json=a.json, lang=_lang)


def schema(a: argparse.Namespace) -> int:
    from sim.scenario.schema import json_schema

    put_json(json_schema())
    return 0


def warm(a: argparse.Namespace) -> int:
    from sim import ensemble

    announce_compile(a)
    ensemble.warm()
    return 0


# ------------------------------------------------------------------------------------------- what commands share


@contextmanager
def working(a: argparse.Namespace, unit: str, after: Callable[[Progress], str]) -> Iterator[Progress]:
    """Shows progress; on Ctrl-C says what is finished and how to go on."""
    from sim.progress import Progress

    with Progress(unit, say("left", "剩余"), quiet=a.quiet) as progress:
        try:
            yield progress
        except KeyboardInterrupt:
            raise Stopped(after(progress)) from None


def nothing_kept(progress: Progress) -> str:
    done = say(f"after {progress.done} of {progress.total}", f"已完成 {progress.done}/{progress.total}")
    if progress.done == 0:
        return say("nothing was written; the same command begins again", "未写入任何文件；重新运行同一命令即可")
    return say(
        f"{done}; nothing was written; with --replications {progress.done} the same worlds are done in the time so far",
        f"{done}；未写入任何文件；用 --replications {progress.done} 可在同样的时间内得到同样的世界",
    )


def resumable(folder: Path) -> Callable[[Progress], str]:
    """Ctrl-C in work that keeps a journal."""

    def message(progress: Progress) -> str:
        import shlex

        words = [word for word in sys.argv[1:] if word != "--resume"]
        again = f"python run.py {shlex.join(words)} --resume"
        return say(
            f"{progress.done} of {progress.total} are kept in {folder}; go on with: {again}",
            f"已有 {progress.done}/{progress.total} 保存在 {folder}；继续请运行：{again}",
        )

    return message


def announce_compile(a: argparse.Namespace) -> None:
    """A cold start is told before it is felt."""
    from sim import ensemble

    if not a.quiet and not ensemble.WARM:
        note(say("compiling the kernel, once, about 20 s …", "正在编译模拟核心，仅一次，约 20 秒……"))


def name_of(scenario: str) -> str:
    """`scenarios/xian.toml` -> `xian`, `scenarios/xian/no-guidance-fund.toml` -> `xian-no-guidance-fund`."""
    from pathlib import Path

    path = Path(scenario)
    parents = path.parent.parts
    below = parents[len(parents) - parents[::-1].index("scenarios") :] if "scenarios" in parents else ()
    return "-".join([*below, path.stem])


def result_folder(text: str) -> Path:
    """Where a result may go: nowhere, an empty folder, or the place of an older result. Asked before hours of work."""
    from pathlib import Path

    from sim.store import refuse_foreign

    refuse_foreign(text)
    return Path(text)


def saved_result(text: str) -> tuple[Path, Result]:
    from pathlib import Path

    from sim.result import Result

    return Path(text), Result.load(text)


def scenario_of(result: Result) -> Scenario:
    """The scenario a result came from, as its manifest names it."""
    from sim.scenario import load_scenario

    return load_scenario(result.manifest["scenario"], overrides=result.manifest["overrides"])


def draw(
    a: argparse.Namespace, result: Result, folder: Path, formats: Sequence[str], metrics: Sequence[str] = ()
) -> list[Path]:
    from sim.figures import draw_all

    if not a.quiet:
        note(say("drawing the figures …", "正在画图……"))
    return list(draw_all(result, folder / "figures", _lang, formats))


def show_analysis(a: argparse.Namespace, answer: Any, folder: Path | None = None) -> int:
    """An analysis prints itself; with a folder it also saves itself."""
    if a.json:
        put_json(answer.to_json())
    else:
        print(answer.table(_lang))
    if folder is not None:
        answer.save(folder, _lang)
        if not a.json:
            print("\n" + say(f"result   {folder}", f"结果  {folder}"))
    return 0


def put_json(value: object) -> None:
    """Strict JSON on standard output: an undefined number is null, never NaN."""
    import json

    print(json.dumps(plain(value), ensure_ascii=False, indent=1, allow_nan=False))


def plain(value: Any) -> Any:
    """Arrays, dataclasses, paths and NaN as what JSON knows."""
    import dataclasses
    import math
    from collections.abc import Mapping

    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


# -------------------------------------------------------------------------------------- the summary of a run


def summary(result: Result) -> str:
    """What a run prints: headline metrics at a few dates, the facts scoreboard, where the parameters come from."""
    from sim.analysis.text import layout
    from sim.terms import term

    dates = headline_dates(result.quarters)
    rows = []
    for name in (name for name in HEADLINES if name in result):
        cells = [[shown(row.p50, row.unit), band(row.p05, row.p95, row.unit)] for row in result.summary([name], dates)]
        rows.append([result.metric(name).label[_lang], *(cell for pair in cells for cell in pair)])
    header = [f"{term('median', _lang)} [5 … 95 %]", *(cell for date in dates for cell in ("", date))]
    about, seed = result.manifest, result.manifest["seed"]
    span = f"{result.quarters[0]}–{result.quarters[-1]}"
    worlds = say(f"{result.replications} worlds, seed {seed}", f"{result.replications} 个世界，种子 {seed}")
    parts = [
        paint(f"{about['zone'][_lang]}  {span}  {worlds}", BOLD),
        layout(header, rows),
        scoreboard(result),
        line_of_grades(about["parameters_by_grade"]),
    ]
    return "\n\n".join(part for part in parts if part)


def headline_dates(quarters: Sequence[str], most: int = 4) -> list[str]:
    """First and last quarter and, evenly between them, ends of years."""
    ends = [quarter for quarter in quarters[1:-1] if quarter.endswith("Q4")]
    inner = [ends[round((k + 1) * len(ends) / (most - 1)) - 1] for k in range(most - 2)] if len(ends) >= most else ends
    return list(dict.fromkeys([quarters[0], *inner, quarters[-1]]))


def shown(value: float | None, unit: str) -> str:
    """A number as people write it: 151亿 or 15.1bn, 4,840, 36 %."""
    from sim.quantities import format_money, format_number

    if value is None or value != value:
        return "–"
    if unit == "share":
        return f"{value:.0%}"
    return format_money(value, _lang) if unit == "CNY" else format_number(value, _lang)


def band(low: float | None, high: float | None, unit: str) -> str:
    return f"[{shown(low, unit)} … {shown(high, unit)}]"


def scoreboard(result: Result) -> str:
    """Published facts beside what was simulated; calibrated facts, checks and goals each under their own name."""
    from sim.analysis.text import layout
    from sim.terms import term

    scored = [fact for fact in result.facts if fact.p50 is not None]
    if not scored:
        return ""
    rows = []
    for fact in scored:
        bound = {"at_least": "≥ ", "at_most": "≤ "}.get(fact.bound, "")
        chance = "" if fact.probability is None else f"{fact.probability:.0%}"
        observed, median = bound + shown(fact.observed, fact.unit), shown(fact.p50, fact.unit)
        use, label = term(f"use.{fact.use}", _lang), fact.name or fact.metric
        rows.append([use, fact.id, label, fact.date, observed, median, band(fact.p05, fact.p95, fact.unit), chance])
        rows[-1].append(mark(fact.inside))
    words = [term(key, _lang) for key in ("fact", "metric", "date", "observed", "median")]
    reached = say("P(reached)", "达到的概率")
    lines = [layout(["", *words, "[5 … 95 %]", reached, ""], rows, left=4)]
    for use in ("calibrate", "check"):
        marks = [fact.inside for fact in scored if fact.use == use and fact.inside is not None]
        if marks:
            inside = say(f"{sum(marks)} of {len(marks)} inside", f"{len(marks)} 项中 {sum(marks)} 项在区间内")
            lines.append(f"{term(f'use.{use}', _lang)}{say(': ', '：')}{inside}")
    return "\n".join(lines)


def mark(inside: bool | None) -> str:
    from sim.terms import term

    if inside is None:
        return ""
    return paint(term("inside" if inside else "outside", _lang), GREEN if inside else RED)


def line_of_grades(shares: Mapping[str, float]) -> str:
    from sim.terms import term

    parts = [f"{share:.0%} {term(f'grade.{grade}', _lang)}" for grade, share in shares.items()]
    return say("parameters: ", "参数：") + say(", ", "，").join(parts)


def document(result: Result) -> dict[str, object]:
    """The summary of a run for a program: every metric at the headline dates, the facts, the manifest."""
    rows = [row._asdict() for row in result.summary(quarters=headline_dates(result.quarters))]
    return {"manifest": result.manifest, "summary": rows, "facts": result.facts}


def paint(text: str, code: str) -> str:
    """Colour for a person at a terminal who has not asked for none (NO_COLOR)."""
    uncoloured = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not sys.stdout.isatty()
    return text if uncoloured else f"\x1b[{code}m{text}\x1b[0m"


def outline(value: Any, depth: int = 0) -> Iterator[str]:
    """A nested document as indented lines, tables as tables."""
    from sim.analysis.text import layout

    pad = "  " * depth
    if isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, dict | list):
                yield f"{pad}{key}"
                yield from outline(item, depth + 1)
            else:
                yield f"{pad}{key}: {item}"
    elif value and all(isinstance(item, dict) for item in value):
        columns = list(dict.fromkeys(key for item in value for key in item))
        cells = [["" if item.get(key) is None else str(item[key]) for key in columns] for item in value]
        yield from (pad + line for line in layout(columns, cells).splitlines())
    else:
        for item in value:
            yield f"{pad}{item}"


# ---------------------------------------------------------------------------------------------------- arguments


def whole(low: int, high: int | None = None) -> Callable[[str], int]:
    """A whole number not below `low`."""

    def read(text: str) -> int:
        try:
            found = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(say(f"not a whole number: {text!r}", f"不是整数：{text!r}")) from None
        if found < low:
            raise argparse.ArgumentTypeError(say(f"at least {low}, found {found}", f"至少为 {low}，现为 {found}"))
        if high is not None and found > high:
            raise argparse.ArgumentTypeError(say(f"at most {high}, found {found}", f"至多为 {high}，现为 {found}"))
        return found

    return read


def probability(text: str) -> float:
    try:
        found = float(text.removesuffix("%")) / (100.0 if text.endswith("%") else 1.0)
    except ValueError:
        found = -1.0
    if not 0.0 < found < 1.0:
        message = say(f"a probability lies between 0 and 1, found {text!r}", f"概率应在 0 与 1 之间，现为 {text!r}")
        raise argparse.ArgumentTypeError(message)
    return found


def assignment(text: str) -> str:
    """`PATH=VALUE`; what they mean is for the scenario to judge."""
    path, _, value = text.partition("=")
    if not path.strip() or not value.strip():
        raise argparse.ArgumentTypeError(say(f"not PATH=VALUE: {text!r}", f"不是“路径=值”：{text!r}"))
    return text


def takes_scenario(p: argparse.ArgumentParser, several: bool = False) -> None:
    text = say("scenario file (TOML)", "情景文件（TOML）")
    p.add_argument("scenario", metavar="SCENARIO", help=text, **({"nargs": "+"} if several else {}))
    p.add_argument(
        "--set",
        type=assignment,
        action="append",
        default=[],
        metavar="PATH=VALUE",
        help=say("another value for a number of the file; may be repeated", "改写文件中的一个数；可重复使用"),
    )


def lives_worlds(p: argparse.ArgumentParser, replications: int | None = None, seed: int | None = None) -> None:
    usual = say("the scenario's", "由情景给出") if replications is None else str(replications)
    p.add_argument(
        "--replications",
        type=whole(1),
        default=replications,
        metavar="N",
        help=say(f"worlds to simulate (default: {usual})", f"模拟的世界数（默认：{usual}）"),
    )
    p.add_argument(
        "--seed",
        type=whole(0, 2**63 - 1),
        default=seed,
        metavar="S",
        help=say("the same seed gives the same worlds", "种子相同则世界相同"),
    )
    p.add_argument(
        "--threads",
        type=whole(1, 1024),
        metavar="T",
        help=say("default: one a core; changes no number", "默认每核一个；不影响结果"),
    )


def writes(p: argparse.ArgumentParser, default: str) -> None:
    p.add_argument("--out", metavar="DIR", help=say(f"folder (default: {default})", f"目录（默认：{default}）"))


def resumes(p: argparse.ArgumentParser) -> None:
    p.add_argument(
        "--resume", action="store_true", help=say("go on from the journal in the folder", "从目录中的记录继续")
    )


def prints_json(p: argparse.ArgumentParser) -> None:
    p.add_argument("--json", action="store_true", help=say("print JSON instead of tables", "输出 JSON 而非表格"))


def can_be_quiet(p: argparse.ArgumentParser) -> None:
    p.add_argument("--quiet", action="store_true", help=say("no progress, no remarks", "不显示进度与提示"))


def speaks(p: argparse.ArgumentParser) -> None:
    p.add_argument(
        "--lang", choices=("zh", "en"), default=argparse.SUPPRESS, help=say("default: the locale's", "默认随系统语言")
    )


def build_parser() -> argparse.ArgumentParser:
    from sim import __version__

    parser = argparse.ArgumentParser(
        prog="python run.py",
        allow_abbrev=False,
        description=say(
            "Headwater 活水 simulates a development zone: guidance fund, sub-funds, firms, certificates, listings.",
            "活水 Headwater：模拟一个开发区，从引导基金、子基金到企业、认定与上市。",
        ),
        epilog=say(
            "Each command has --help, with an example that runs as it stands.",
            "每个命令都有 --help，附可直接运行的示例。",
        ),
    )
    parser.add_argument("--version", action="version", version=f"headwater {__version__}")
    speaks(parser)
    commands = parser.add_subparsers(dest="command", metavar=say("COMMAND", "命令"), required=True)

    def command(work: Callable[[argparse.Namespace], int], text: str, *examples: str) -> argparse.ArgumentParser:
        made = commands.add_parser(
            work.__name__,
            help=text,
            description=text,
            epilog="\n  python run.py ".join([say("example:", "示例："), *examples]),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        made.set_defaults(work=work, quiet=False)
        speaks(made)
        made._positionals.title, made._optionals.title = say("arguments", "参数"), say("options", "选项")
        return made

    xian = "scenarios/xian.toml"

    p = command(
        run,
        say("simulate a scenario: summary, facts scoreboard, figures", "模拟一个情景：摘要、事实对照、图表"),
        f"run {xian} --replications 50 --seed 1",
        f"run {xian} --replications 50 --set guidance.reinvestment=1.0 --out results/xian-reinvestment-1",
    )
    takes_scenario(p)
    lives_worlds(p)
    writes(p, say("results/ and the scenario's name", "results/ 加情景名"))
    p.add_argument("--audit", action="store_true", help=say("check that every account closes", "检查所有账目是否平衡"))
    p.add_argument("--no-figures", action="store_true", help=say("leave the figures out", "不画图"))
    p.add_argument(
        "--events",
        type=whole(0),
        metavar="N",
        help=say("replications whose rounds, flows and exits are logged", "保留融资、流水与退出明细的重复次数"),
    )
    prints_json(p)
    can_be_quiet(p)

    p = command(
        plot, say("draw the figures of a result again", "重新绘制一个结果的图表"), "plot results/xian --format png"
    )
    takes_result(p)
    p.add_argument(
        "--metric",
        action="append",
        default=[],
        metavar="M",
        help=say("only this metric; may be repeated", "只画该指标；可重复"),
    )
    p.add_argument("--format", action="append", choices=("svg", "png", "pdf"), help=say("default: svg", "默认：svg"))
    can_be_quiet(p)

    p = command(
        compare,
        say("paired differences between scenarios, with intervals", "情景之间的配对差异及其区间"),
        f"compare {xian} scenarios/xian/no-guidance-fund.toml --replications 50",
    )
    takes_scenario(p, several=True)
    lives_worlds(p)
    prints_json(p)
    can_be_quiet(p)

    p = command(check, say("validate a scenario file", "检查情景文件"), f"check {xian}")
    takes_scenario(p)
    prints_json(p)

    p = command(
        trace,
        say("one firm's life: rounds, cap table, certificates", "一家企业的历程：融资、股权结构、认定"),
        "trace results/xian --firm tangjing",
    )
    takes_result(p)
    p.add_argument(
        "--firm", required=True, metavar="ID", help=say("a firm of the rounds table, or a named one", "企业编号")
    )
    p.add_argument(
        "--replication",
        type=whole(0),
        default=0,
        metavar="K",
        help=say("which world (default: 0)", "哪个世界（默认：0）"),
    )
    prints_json(p)

    p = command(
        sweep,
        say("which parameters matter: vary them all, or one by one", "哪些参数重要：全局或逐一变动"),
        f"sweep {xian} --method morris --samples 4 --replications 4 --vary guidance.reinvestment=0.2..2.0"
        " --vary funds.guidance.size=20亿..100亿",
    )
    takes_scenario(p)
    varies(p)
    p.add_argument(
        "--method",
        choices=("sobol", "morris", "lhs", "grid", "oat"),
        default="sobol",
        help=say("default: sobol; morris screens many cheaply", "默认 sobol；morris 可低成本筛选"),
    )
    p.add_argument(
        "--samples", type=whole(1), metavar="N", help=say("default: the method's usual number", "默认随方法而定")
    )
    p.add_argument(
        "--target",
        action="append",
        default=[],
        metavar="METRIC@QUARTER",
        help=say("what to explain; may be repeated", "要解释的指标；可重复"),
    )
    lives_worlds(p, replications=20, seed=1)
    writes(p, say("results/NAME-sweep", "results/名称-sweep"))
    resumes(p)
    p.add_argument("--cluster", metavar="ADDRESS", help=say("a Dask scheduler (extra: cluster)", "Dask 调度器地址"))
    prints_json(p)
    can_be_quiet(p)

    p = command(
        solve,
        say("the value of a parameter that reaches a target", "使目标达成的参数取值"),
        f'solve {xian} --by funds.guidance.size=10亿..200亿 --target "ladder.listing.listed@2030Q4 >= 100"'
        " --replications 20",
    )
    takes_scenario(p)
    p.add_argument(
        "--by", required=True, metavar="PATH=LO..HI", help=say("the parameter and its range", "参数及其范围")
    )
    p.add_argument(
        "--target", required=True, metavar='"METRIC@QUARTER >= X"', help=say("what to reach", "要达到的目标")
    )
    p.add_argument("--probability", type=probability, default=0.5, metavar="P", help=say("default: 0.5", "默认：0.5"))
    lives_worlds(p)
    prints_json(p)
    can_be_quiet(p)

    p = command(
        verify,
        say("published tables, ours beside theirs", "重算已发表的表格并对照"),
        "verify",
    )
    p.add_argument(
        "name", nargs="*", metavar="NAME", help=say("a case file, or a name in tests/published", "案例文件或名称")
    )
    prints_json(p)

    command(schema, say("print the JSON Schema of scenario files", "输出情景文件的 JSON Schema"), "schema")
    p = command(warm, say("compile the kernel now, not at the first run", "预先编译模拟核心"), "warm")
    can_be_quiet(p)
    return parser


def takes_result(p: argparse.ArgumentParser) -> None:
    p.add_argument("result", metavar="RESULT", help=say("folder of a finished run", "一次运行的结果目录"))


def varies(p: argparse.ArgumentParser) -> None:
    p.add_argument(
        "--vary",
        action="append",
        default=[],
        metavar="PATH=LO..HI",
        help=say(
            "a parameter and its range; may be repeated (default: the scenario's [sweep] or [levers])",
            "参数及其范围；可重复（默认取情景的 [sweep] 或 [levers]）",
        ),
    )


# --------------------------------------------------------------------------------------------------------- main


def main(argv: Sequence[str] | None = None) -> int:
    global _lang
    words = sys.argv[1:] if argv is None else list(argv)
    _lang = language(words)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without Chinese shows ? instead of failing
    try:
        a = build_parser().parse_args(words)
        status = a.work(a)
        sys.stdout.flush()
        return status
    except Stopped as stopped:
        note(say(f"stopped; {stopped}", f"已停止；{stopped}"))
        return STOPPED
    except KeyboardInterrupt:
        note(say("stopped", "已停止"))
        return STOPPED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing is left to flush at exit
        return READER_GONE
    except MemoryError:
        note(
            say(
                "out of memory; fewer --replications or --threads need less",
                "内存不足；请减少 --replications 或 --threads",
            )
        )
        return 1
    except OSError as error:
        note(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        return 1
    except Exception as error:
        from sim.errors import RunError, UserError

        if isinstance(error, UserError):
            for problem in error.problems:
                note(str(problem))
            return 2
        if isinstance(error, RunError):
            note(str(error))
            return 1
        raise
