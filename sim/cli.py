"""The commands of `python run.py`, and nothing else: each reads its arguments, calls the room that works, and prints.

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
from io import TextIOWrapper

TYPE_CHECKING = False  # see sim/__init__.py
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import Any, NoReturn

    from sim.drawing_helper import DrawingHelper
    from sim.progress import Progress
    from sim.result import Result
    from sim.scenario.document import Scenario
    from sim.store import Standing

NS_A_FIRM_QUARTER = 400.0  # of one thread, as manifests of the shipped zones have it
TOLD_FROM = 180.0  # seconds from which a run tells beforehand how long it may take
STOPPED = 130  # 128 + SIGINT, as shells have it
READER_GONE = 141  # 128 + SIGPIPE: `run.py schema | head` is no failure of ours

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


@contextmanager
def speaking(lang: str) -> Iterator[None]:
    """The parser and its help in this language, whatever the locale: for pages that are printed of the program."""
    global _lang
    before, _lang = _lang, lang
    try:
        yield
    finally:
        _lang = before


def commands_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The commands of the program's parser by name, in the order of `--help`."""
    (below,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return dict(below.choices)


def note(message: str) -> None:
    print(f"headwater: {message}", file=sys.stderr, flush=True)


def found(what: str, path: Path, count: int) -> None:
    """What an earlier start left behind and this one found, as sim.store tells it."""
    said = {
        "brought back": (f"{path}: an earlier run ended here between two steps; the result is back in its place",
                         f"{path}：先前的运行在两步之间中断，结果已放回原处"),
        "cleared": (f"{path}: left half written by an earlier run that was ended; removed",
                    f"{path}：先前中断的运行留下的半成品，已清除"),
        "kept": (f"{path}: {count} blocks of earlier work are kept", f"{path}：保留先前完成的 {count} 块"),
        "dropped": (f"{path}: {count} bytes at its end are cut short or damaged and are done again",
                    f"{path}：末尾 {count} 字节不完整或已损坏，将重新计算"),
        "set aside": (f"{path}: the journal of earlier work stands here now; to go on with it instead, name it"
                      f" {path.stem} again and give --resume",
                      f"{path}：先前工作的记录已改存于此；要接着它算，请改回原名 {path.stem}，并加 --resume"),
    }  # fmt: skip
    note(say(*said[what]))


class Stopped(Exception):
    """Ctrl-C; the message says what is finished and how to go on."""


# ----------------------------------------------------------------------------------------------------- commands


def run(a: argparse.Namespace) -> int:
    from sim.printing import (
        document_of_run,
        first_look,
        line_of_lacking,
        line_of_national,
        line_of_seeded,
        line_of_terms,
        line_of_unfit,
        put_json,
        summary,
    )
    from sim.progress import duration
    from sim.scenario import load_scenario
    from sim.scenario.packs import under_national_rules

    begun = time.perf_counter()
    scenario = load_scenario(a.scenario, overrides=a.set)
    folder = own_folder(a, name_of(a.scenario))
    earlier = (folder / "manifest.json").exists()
    announce_compile(a, scenario)
    announce_size(a, scenario, a.replications or scenario.run.replications)
    from sim.ensemble import simulate

    drawn = draws_of(a, scenario)
    with working(a, say("worlds", "个世界"), nothing_kept, folder) as progress:
        wanted = a.replications or scenario.run.replications

        def look(early: Result) -> None:
            progress.say(first_look(early, wanted, _lang))

        result = simulate(
            *(scenario, a.replications, a.seed, a.threads, a.events, a.audit, progress, drawn),
            first_look=look if progress.terminal and not (a.json or a.quiet) else None,
        )
    from sim.analysis.unfit import unfit
    from sim.analysis.work import words_of

    made = {key: result.manifest[key] for key in ("replications", "seed")}
    result.manifest["command"] = words_of("run", scenario, **made, posterior=a.posterior, events=a.events)
    off = unfit(result, scenario)
    if not a.json:
        print(summary(result, _lang), flush=True)  # first: a reader waits for this, not for files
        if few := line_of_seeded(result, scenario.asked_on_ladders(), _lang):
            print("\n" + few)
        if told := line_of_unfit(off, result, _lang):
            print("\n" + told)
    if (unusual := scenario.unusual_terms()) and not a.quiet:
        note(line_of_terms(unusual, _lang))
    if (lacking := line_of_lacking(scenario.lacking_funds(), _lang)) and not a.quiet:
        note(lacking)
    national = under_national_rules(scenario)
    if (told := line_of_national(national, _lang)) and not a.quiet:
        note(told)
    if a.audit and not a.json:
        of, quarters = result.manifest["audit"]["replications"], result.manifest["audit"]["quarters"]
        print(
            "\n"
            + say(
                f"audit: the accounts closed in each of {of} worlds, in all {quarters} quarters",
                f"核账：{of} 个世界的账目在全部 {quarters} 个季度均平衡",
            )
        )
    if drawn is not None:
        tell_posterior(a, scenario, result, drawn)
    from sim.drawing_helper import drawing_helper

    with drawing_helper(not a.no_figures and a.threads != 1, result) as helper:  # it reads its libraries meanwhile
        result.save(folder)
        simulated = time.perf_counter()
        figures = [] if a.no_figures else draw(a, result, folder, ["png"], helper=helper)
    ended = time.perf_counter()
    if a.json:
        seconds = {"simulate": simulated - begun, "figures": ended - simulated}
        remarks = {"levels_that_run_off": off, "funds_lacking": scenario.lacking_funds()}
        remarks |= {"under_national_rules": national}
        put_json(document_of_run(result) | remarks | {"folder": folder, "figures": figures, "seconds": seconds})
        return 0
    whole, drawing = duration(ended - begun, _lang), duration(ended - simulated, _lang)
    print()
    instead = say(" (in place of the earlier one; --out keeps both)", "（取代了先前的结果；用 --out 可两者都留）")
    print(say(f"result   {folder}", f"结果  {folder}") + (instead if earlier else ""))
    if figures:
        drawn = folder / "figures"
        print(say(f"figures  {drawn} ({len(figures)})", f"图表  {drawn}（{len(figures)} 幅）"))
    print(say(f"time     {whole}, of which figures {drawing}", f"用时  {whole}，其中画图 {drawing}"))
    return 0


def draws_of(a: argparse.Namespace, scenario: Any) -> Any:
    """Parameters a replication from --posterior, or None."""
    if a.posterior is None:
        return None
    from sim.analysis.posterior import Posterior

    seed = scenario.run.seed if a.seed is None else a.seed
    count = scenario.run.replications if a.replications is None else a.replications
    return Posterior.load(a.posterior, scenario).rows(seed, count)


def tell_posterior(a: argparse.Namespace, scenario: Any, result: Result, drawn: Any) -> None:
    """Puts the draws into the manifest and says how much of the spread is theirs and how much is chance."""
    from sim.analysis import posterior

    loaded = posterior.Posterior.load(a.posterior, scenario)
    with working(a, say("draws", "组参数"), nothing_kept) as progress:
        split = loaded.split(scenario, result.manifest["seed"], a.threads, progress=progress)
    result.manifest["posterior"] = posterior.record(loaded, drawn, split)

    def label(output: str) -> str:
        metric, _, quarter = output.partition("@")
        return f"{result.metric(metric).label[_lang]} {quarter}"

    if not a.json:
        print("\n" + posterior.table(split, label, _lang), flush=True)


def plot(a: argparse.Namespace) -> int:
    from pathlib import Path

    from sim.drawing_helper import drawing_helper
    from sim.result import Result

    result = Result.load(a.result)
    with drawing_helper(not a.metric, result) as helper:
        figures = draw(a, result, Path(a.result), a.format or ["png"], a.metric, helper)
    for figure in figures:
        print(figure)
    return 0


def compare(a: argparse.Namespace) -> int:
    from sim.analysis import compare as analysis
    from sim.scenario import load_scenario

    scenarios = [load_scenario(path, overrides=a.set) for path in a.scenario]
    names = distinct_names(a.scenario)
    folder = own_folder(a, "-vs-".join(names) if len(names) > 1 else f"{names[0]}-compare")
    announce_compile(a)
    with working(a, say("worlds", "个世界"), nothing_kept, folder) as progress:
        compared = analysis.run(
            scenarios,
            names,
            a.replications,
            a.seed,
            at=a.at,
            interval=a.interval,
            changes=a.change,
            decompose=a.decompose,
            precision=a.precision,
            metrics=a.metric,
            threads=a.threads,
            progress=progress,
        )
    status = deliver(a, compared, folder)
    if not (a.no_figures or a.json or a.quiet):
        from sim.figures.analysis import undrawn

        if told := undrawn(compared, _lang):
            note(told)
    return status


def check(a: argparse.Namespace) -> int:
    from sim.scenario import doubt, load_scenario
    from sim.scenario.loading import grade_shares

    scenario = load_scenario(a.scenario, overrides=a.set)
    grades, doubted = grade_shares(scenario), doubt.counts(scenario)
    from sim.printing import (
        line_of_doubt,
        line_of_grades,
        line_of_lacking,
        line_of_national,
        line_of_overfull,
        line_of_terms,
        line_of_unscored,
        put_json,
    )
    from sim.quantities import quarter_name
    from sim.scenario.packs import under_national_rules
    from sim.scoring import unscored

    (early, late), overfull, unusual = unscored(scenario), scenario.overfull_ladders(), scenario.unusual_terms()
    if a.json:
        put_json(
            {
                "file": a.scenario,
                "valid": True,
                "parameters_by_grade": grades,
                "doubt_by_grade": doubted,
                "facts_before_the_start": early,
                "facts_after_the_end": late,
                "more_at_the_start_than_firms": overfull,
                "terms_out_of_the_ordinary": {
                    key: {"value": q.value, "usual": most} for key, (q, most) in unusual.items()
                },
                "funds_lacking": scenario.lacking_funds(),
                "under_national_rules": under_national_rules(scenario),
            }
        )
    else:
        print(say(f"{a.scenario}: valid", f"{a.scenario}：有效"))
        print(line_of_grades(grades, _lang))
        if doubted:
            print(line_of_doubt(doubted, _lang))
        first, last = (quarter_name(int(when)) for when in (scenario.zone.start, scenario.zone.end))
        if told := line_of_unscored(early, late, first, last, _lang):
            print(told)
        if overfull:
            print(line_of_overfull(overfull, scenario.firms_at_start(), _lang))
        if unusual:
            print(line_of_terms(unusual, _lang))
        if lacking := line_of_lacking(scenario.lacking_funds(), _lang):
            print(lacking)
        if national := line_of_national(under_national_rules(scenario), _lang):
            print(national)
    return 0


def trace(a: argparse.Namespace) -> int:
    from sim.compiled import digest_of_sources
    from sim.printing import put_json
    from sim.result import Result
    from sim.scenario.recorded import scenario_of
    from sim.store import MANIFEST

    about = Result.load(a.result).manifest
    if about.get("kernel") != digest_of_sources():
        note(
            say(
                "that run was made by another version; this life may differ from it",
                "该结果出自另一版本，历程可能有出入",
            )
        )
    scenario = scenario_of(about, os.path.join(a.result, MANIFEST))
    lived = about.get("replications")
    if isinstance(lived, int) and a.replication >= lived:
        note(
            say(
                f"the result holds the worlds 0 to {lived - 1}: {a.replication} is none of them, is lived anew and"
                " stands in none of its figures",
                f"结果含第 0 至 {lived - 1} 个世界：第 {a.replication} 个不在其中，是另行模拟的，不计入结果的任何数字",
            )
        )
    announce_compile(a, scenario)
    from sim.tracing import draw_payoff, follow, outline

    drawn = about.get("posterior", {}).get("rows", {})
    own = {path: values[a.replication] for path, values in drawn.items() if a.replication < len(values)}
    life = follow(scenario, a.replication, a.firm, about.get("seed"), own)
    figure = None if a.no_figures else draw_payoff(life, scenario, a.result, _lang)
    if a.json:
        put_json(life | {"figure": figure})
        return 0
    print(outline(life, scenario, _lang))
    if figure:
        print("\n" + say(f"figure   {figure}", f"图表  {figure}"))
    return 0


def sweep(a: argparse.Namespace) -> int:
    from sim.analysis import sweep as analysis
    from sim.scenario import load_scenario

    scenario = load_scenario(a.scenario, overrides=a.set)
    folder = place(a, f"{name_of(a.scenario)}-sweep")
    announce_compile(a, scenario)
    with working(a, say("samples", "个样本"), resumable(folder)) as progress:
        swept = analysis.run(
            scenario,
            a.vary,
            a.target,
            a.method,
            a.samples,
            a.replications,
            a.seed,
            out=folder,
            resume=a.resume,
            threads=a.threads,
            cluster=a.cluster,
            progress=progress,
        )
    return deliver(a, swept, folder)


def solve(a: argparse.Namespace) -> int:
    from sim.analysis import solve as analysis
    from sim.scenario import load_scenario

    scenario = load_scenario(a.scenario, overrides=a.set)
    folder = own_folder(a, f"{name_of(a.scenario)}-solve")
    announce_compile(a, scenario)
    with working(a, say("steps", "步"), nothing_kept, folder) as progress:
        solved = analysis.run(
            scenario,
            a.by,
            a.target,
            a.probability,
            a.replications,
            a.seed,
            points=a.points,
            threads=a.threads,
            progress=progress,
        )
    return deliver(a, solved, folder)


def optimise(a: argparse.Namespace) -> int:
    from sim.analysis import optimise as analysis
    from sim.scenario import load_scenario

    scenario = load_scenario(a.scenario, overrides=a.set)
    regimes = [load_scenario(path, overrides=a.set) for path in a.regime]
    folder = place(a, f"{name_of(a.scenario)}-optimise")
    announce_compile(a, scenario)
    with working(a, say("samples", "个样本"), resumable(folder)) as progress:
        policies = analysis.run(
            scenario,
            a.vary,
            a.maximise,
            a.minimise,
            a.budget,
            a.budget_probability,
            dict(zip(distinct_names(a.regime), regimes, strict=True)),
            a.samples,
            a.replications,
            a.seed,
            out=folder,
            resume=a.resume,
            threads=a.threads,
            cluster=a.cluster,
            progress=progress,
        )
    return deliver(a, policies, folder)


def calibrate(a: argparse.Namespace) -> int:
    from sim.analysis import calibrate as analysis
    from sim.scenario import load_scenario

    scenario = load_scenario(a.scenario, overrides=a.set)
    folder = place(a, f"{name_of(a.scenario)}-calibrate")
    announce_compile(a, scenario)
    with working(a, say("worlds", "个世界"), resumable(folder)) as progress:
        calibrated = analysis.run(
            scenario,
            a.samples,
            a.replications,
            a.seed,
            regularise=a.regularise,
            checks=a.check,
            out=folder,
            resume=a.resume,
            threads=a.threads,
            progress=progress,
        )
    deliver(a, calibrated, folder)
    if calibrated.failed:
        from sim.errors import RunError

        names = ", ".join(calibrated.failed)
        raise RunError(say(f"the calibration fails its own check: {names}", f"校准未通过自检：{names}"))
    return 0


def backtest(a: argparse.Namespace) -> int:
    from sim.analysis import backtest as analysis
    from sim.scenario import load_scenario

    names = a.scenario or analysis.ZONES
    scenarios = [load_scenario(name) for name in names]
    folder = own_folder(a, "backtest")
    announce_compile(a)
    with working(a, say("worlds", "个世界"), nothing_kept, folder) as progress:
        tested = analysis.run(scenarios, a.replications, a.seed, threads=a.threads, progress=progress)
    return deliver(a, tested, folder)


def verify(a: argparse.Namespace) -> int:
    from sim.verify import verify as reproduce

    return reproduce(a.name, as_json=a.json, lang=_lang)


def serve(a: argparse.Namespace) -> int:
    announce_compile(a)
    from sim.app.serving import serve as answer

    def ready(address: str) -> None:
        print(address, flush=True)
        if not a.quiet:
            note(say("open this address in a browser; Ctrl-C ends", "请在浏览器中打开上面的地址；按 Ctrl-C 结束"))

    try:
        answer(a.scenario, a.host, a.port, a.token, _lang, ready=ready, asked="lang" in a)
    except KeyboardInterrupt:
        note(say("the page has ended", "页面已关闭"))
    return 0


def report(a: argparse.Namespace) -> int:
    from sim.report import write

    untouched = say("nothing was written; an earlier report is untouched", "未写入任何文件，原有报告不变")
    with working(a, say("steps", "步"), lambda progress: untouched) as progress:
        files, remarks = write(a.result, _lang, a.xlsx, a.compare, a.sweep, tell=progress)
    for remark in remarks:
        note(remark)
    for path in files:
        print(path)
    return 0


def import_(a: argparse.Namespace) -> int:
    from pathlib import Path

    from sim.errors import Problem, UserError

    if a.template and not a.portfolio:
        from sim.portfolio.template import write_template

        print(write_template(a.template, a.base, _lang))
        return 0
    if a.template or not a.portfolio or not a.out:
        message = say("give PORTFOLIO and --out FRAGMENT.toml, or --template FILE.xlsx alone",
                      "请给出“组合文件 --out 片段.toml”，或单独使用 --template 文件.xlsx")  # fmt: skip
        raise UserError(Problem(message, key="import"))
    from sim.portfolio.importing import import_portfolio

    made = import_portfolio(a.portfolio, a.out, a.base, a.start, a.set, _lang)
    if not a.quiet:
        for remark in made.remarks:
            note(remark)
    print(made.summary)
    print(say(f"fragment {Path(a.out)}", f"片段  {Path(a.out)}"))
    return 0


def cases(a: argparse.Namespace) -> int:
    from sim.errors import Problem, UserError
    from sim.portfolio.cases import judge, read_cases, report
    from sim.printing import put_json
    from sim.scenario import load_scenario

    if a.cases is None and a.next_yuan is None and not (a.calls_at_risk or a.partners):
        raise UserError(Problem("needs a file of cases, --next-yuan, --partners or --calls-at-risk", key="CASES.toml"))
    scenario = load_scenario(a.scenario, overrides=a.set)
    stated = read_cases(a.cases, scenario) if a.cases is not None else []
    announce_compile(a, scenario)
    answers: list[tuple[str, object, str]] = []
    called = {c.id: str(c.name.get(_lang)) for c in scenario.ordered_funds()}
    if stated:
        judged = judge(scenario, stated, a.replications, a.seed)
        answers.append(("cases", [x.to_json() for x in judged], report(judged, _lang, called)))
    if a.next_yuan is not None:
        from sim.analysis import follow_on, returns

        with working(a, say("worlds", "个世界"), nothing_kept) as progress:
            if a.next_yuan == "firms":
                found = follow_on.next_yuan_by_firm(scenario, a.replications, a.seed, a.threads, progress)
                answers.append(("next_yuan", found, follow_on.report(found, _lang)))
            else:
                classes = returns.next_yuan(scenario, a.replications, a.seed, threads=a.threads, progress=progress)
                answers.append(("next_yuan", classes, follow_on.report_classes(classes, _lang, called)))
    if a.partners or a.calls_at_risk:
        from sim.analysis import partners
        from sim.ensemble import simulate

        with working(a, say("worlds", "个世界"), nothing_kept) as progress:
            result = simulate(scenario, a.replications, a.seed, a.threads, 0, progress=progress)
        if a.partners:
            rows = partners.partner_table(result)
            answers.append(("partners", rows, partners.partners_report(rows, result.quarters[-1], _lang)))
        if a.calls_at_risk:
            calls = partners.calls_table(result)
            answers.append(("calls_at_risk", calls, partners.calls_report(calls, _lang)))
    if a.json:
        put_json({name: value for name, value, _ in answers})
    else:
        print("\n\n".join(text for _, _, text in answers))
    return 0


def captable(a: argparse.Namespace) -> int:
    from sim.captable import telling

    if a.figure:
        telling.refuse_picture(a.figure)
    folder = own_folder(a, "") if a.out else None
    worked = telling.work_out(a.file)
    if folder is not None and not a.quiet and (told := replaced_in(folder)):
        note(told)
    if folder is not None:  # before anything is printed: a reader that closes the pipe loses no result
        worked.save(folder, _lang, figures=not a.no_figures)
    figure = worked.draw(a.figure, _lang) if a.figure else None
    if a.json:
        from sim.printing import put_json

        put_json(worked.to_json())
    else:
        print(worked.table(_lang), flush=True)
    written = [say(f"result   {folder}", f"结果  {folder}")] if folder is not None else []
    written += [say(f"figure   {figure}", f"图表  {figure}")] if figure is not None else []
    if written and not a.json:
        print("\n" + "\n".join(written))
    return 0


def actual(a: argparse.Namespace) -> int:
    from sim.portfolio.actuals import compare, table
    from sim.result import Result

    result = Result.load(a.result)
    labels = {m.name: m.label[_lang] for m in result.metrics}
    print(table(compare(result, a.actuals, _lang), _lang, labels))
    return 0


def schema(a: argparse.Namespace) -> int:
    from sim.printing import put_json
    from sim.scenario.schema import json_schema

    put_json(json_schema())
    return 0


def metrics(a: argparse.Namespace) -> int:
    from sim.printing import list_of_metrics, put_json
    from sim.scenario import load_scenario

    reported = load_scenario(a.scenario, overrides=a.set).metrics
    if a.json:
        put_json({"file": a.scenario, "metrics": [metric.to_json() for metric in reported]})
    else:
        print(list_of_metrics(reported, _lang))
    return 0


def new(a: argparse.Namespace) -> int:
    from dataclasses import replace

    from sim import starter

    path = starter.place(a.name)
    answers = starter.Answers()
    if a.zone:
        answers = replace(answers, zone=a.zone)
    if a.ask:
        answers = starter.ask(
            sys.stdin.readline, lambda text: print(text, end="", file=sys.stderr, flush=True), _lang, answers
        )
    path = starter.create(a.name, answers, _lang)
    print(say(f"written  {path}", f"已写入  {path}"))
    print(say(f"next     python run.py run {path}", f"下一步  python run.py run {path}"))
    return 0


def completion(a: argparse.Namespace) -> int:
    from sim.completion import script

    print(script(a.shell, build_parser()), end="")
    return 0


def warm(a: argparse.Namespace) -> int:
    announce_compile(a)
    from sim.ensemble import warm as compile_kernel

    compile_kernel()
    return 0


# ------------------------------------------------------------------------------------------- what commands share


@contextmanager
def working(
    a: argparse.Namespace, unit: str, after: Callable[[Progress], str], folder: Path | None = None
) -> Iterator[Progress]:
    """Shows progress; on Ctrl-C says what is finished and how to go on. folder: where the result goes, of work that is
    written when it is whole; what it replaces there is told once the work goes on, when nothing is refused any more."""
    from sim.progress import Progress

    told = replaced_in(folder) if folder is not None else ""
    with Progress(unit, _lang, quiet=a.quiet, opening=told and f"headwater: {told}") as progress:
        try:
            yield progress
        except KeyboardInterrupt:
            raise Stopped(after(progress)) from None


def nothing_kept(progress: Progress) -> str:
    """Ctrl-C in work of seconds or minutes, which is written when it is whole."""
    if not progress.total:
        return say("nothing was done yet and nothing was written", "尚未开始模拟，未写入任何文件")
    return say(
        f"{progress.done} of {progress.total} were done and nothing was written; fewer --replications take less time",
        f"已完成 {progress.done}/{progress.total}，未写入任何文件；减少 --replications 可缩短时间",
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


def announce_compile(a: argparse.Namespace, scenario: Scenario | None = None) -> None:
    """A cold start is told before it is felt; so is a scenario larger than the kernel that is kept."""
    from sim.compiled import holds_size, use_cache
    from sim.model.limits import USUAL_SIZE, kernel_size

    warm = use_cache()
    if a.quiet:
        return
    size = kernel_size(scenario) if scenario is not None else USUAL_SIZE
    if scenario is not None and size != USUAL_SIZE and not holds_size(size):
        classes, firms = len(scenario.funds), len(scenario.named)
        text = say(
            f"{classes} classes of funds and {firms} named firms are more than the kernel at hand has room for:"
            " compiling one for them, once, a minute or two …",
            f"{classes} 类基金、{firms} 家具名企业超出现有模拟核心的容量，正在按此规模编译，仅一次，约一两分钟……",
        )
        note(text)
    elif not warm:
        note(say("compiling the kernel, once, a minute or two …", "正在编译模拟核心，仅一次，约一两分钟……"))


def announce_size(a: argparse.Namespace, scenario: Scenario, worlds: int) -> None:
    """A run that will take minutes says so before it starts, with what makes it long."""
    from sim.ensemble import processors
    from sim.progress import duration

    threads = a.threads or processors()
    seconds = scenario.expected_firm_quarters() * worlds * NS_A_FIRM_QUARTER * 1e-9 / max(1, min(threads, worlds))
    if a.quiet or seconds < TOLD_FROM:
        return
    firms, quarters = scenario.firms_at_start(), int(scenario.zone.end) - int(scenario.zone.start) + 1
    note(
        say(
            f"{firms:,.0f} firms × {quarters} quarters × {worlds} worlds: about {duration(seconds, _lang)} on"
            f" {threads} threads, the first world about {duration(seconds * min(threads, worlds) / worlds, _lang)}",
            f"{firms:,.0f} 家企业 × {quarters} 个季度 × {worlds} 个世界：{threads} 个线程约需"
            f" {duration(seconds, _lang)}，第一个世界约需 {duration(seconds * min(threads, worlds) / worlds, _lang)}",
        )
    )


def name_of(scenario: str) -> str:
    """`scenarios/xian.toml` -> `xian`, `scenarios/xian/no-guidance-fund.toml` -> `xian-no-guidance-fund`."""
    from pathlib import Path

    path = Path(scenario)
    folders = path.parent.parts
    below = folders[len(folders) - folders[::-1].index("scenarios") :] if "scenarios" in folders else ()
    return "-".join([*below, path.stem])


def distinct_names(scenarios: Sequence[str]) -> list[str]:
    """Two files of one name, or one file twice, stay two scenarios."""
    names = [name_of(path) for path in scenarios]
    return [name if names.index(name) == k else f"{name}-{k + 1}" for k, name in enumerate(names)]


def place(a: argparse.Namespace, name: str) -> Path:
    from pathlib import Path

    return Path(a.out) if a.out else Path("results") / name


def own_folder(a: argparse.Namespace, name: str) -> Path:
    """Where the result goes; refused before the work where something else than a result stands there."""
    from sim.store import refuse_foreign

    folder = place(a, name)
    refuse_foreign(folder)
    return folder


def replaced_in(folder: Path) -> str:
    """What of a folder this command is about to replace; empty where no result stands there."""
    from sim.store import standing

    earlier = standing(folder)
    return line_of_replaced(folder, earlier) if earlier else ""


def line_of_replaced(folder: Path, earlier: Standing) -> str:
    """What a result in a folder is, that this command is about to replace."""
    when = f"{earlier.written:%Y-%m-%d %H:%M}"
    worlds = say(f"{earlier.worlds} worlds, ", f"{earlier.worlds} 个世界，") if earlier.worlds else ""
    made = {"figures": say("figures", "图"), "report": say("report", "报告")}
    inside = say(" and ", "和").join(made[name] for name in earlier.made)
    all_of_it = say(f"it and its {inside} are", f"它及其{inside}") if inside else say("it is", "它")
    return say(
        f"{folder} holds a result ({worlds}{when}): {all_of_it} replaced when this one is whole; another --out keeps"
        " both",
        f"{folder} 已有结果（{worlds}{when}）：新结果完整后，{all_of_it}将被取代；另设 --out 可两者都留",
    )


def draw(
    a: argparse.Namespace,
    result: Result,
    folder: Path,
    formats: Sequence[str],
    metrics: Sequence[str] = (),
    helper: DrawingHelper | None = None,
) -> list[Path]:
    """The default set of figures, or a fan chart of each metric that is named. helper: see `drawing_helper`."""
    for metric in metrics:
        result.metric(metric)  # refused before anything is drawn
    from sim import figures

    again = say(
        f"the result is whole; draw with: python run.py plot {folder}",
        f"结果完整；重新画图：python run.py plot {folder}",
    )
    with working(a, say("figures", "幅图"), lambda progress: again) as progress:
        if not metrics:
            where = folder / "figures"
            return figures.draw_all(result, where, _lang, formats, progress, helper=helper, source=folder)
        drawn = []
        for done, metric in enumerate(metrics, 1):
            figure = figures.fan(result, metric, lang=_lang)
            drawn += [figures.save(figure, folder / "figures" / f"{metric}.{kind}") for kind in formats]
            progress(done, len(metrics))
        return drawn


def deliver(a: argparse.Namespace, answer: Any, folder: Path) -> int:
    """An analysis is printed, then saved with its figures."""
    if a.json:
        from sim.printing import put_json

        put_json(answer.to_json())
    else:
        print(answer.table(_lang), flush=True)
    answer.save(folder, _lang, figures=not a.no_figures)
    if not a.json:
        print("\n" + say(f"result   {folder}", f"结果  {folder}"))
    return 0


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


def zone_name(text: str) -> tuple[str, str]:
    """`示范园区 / Demo zone`, or one name for both languages."""
    from sim.starter import read_name

    try:
        return read_name(text)
    except ValueError:
        raise argparse.ArgumentTypeError(say(f"no name: {text!r}", f"不是名称：{text!r}")) from None


class Help(argparse.RawDescriptionHelpFormatter):
    def add_usage(self, usage: Any, actions: Any, groups: Any, prefix: str | None = None) -> None:
        super().add_usage(usage, actions, groups, say("usage: ", "用法：") if prefix is None else prefix)

    def _metavar_formatter(self, action: Any, default_metavar: str) -> Any:
        """Metavars are written in English, for completion knows them by their names."""
        each = super()._metavar_formatter(action, default_metavar)
        if _lang != "zh":
            return each
        from sim.errors import placeholders

        return lambda size: tuple(placeholders(word, _lang) for word in each(size))


class Command(argparse.ArgumentParser):
    """One command's parser, in the reader's language; options that several commands share are written once."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(formatter_class=Help, allow_abbrev=False, add_help=False, **settings)
        self._positionals.title, self._optionals.title = say("arguments", "参数"), say("options", "选项")
        text = say("show this help and exit", "显示本帮助并退出")
        self.add_argument("-h", "--help", action="help", default=argparse.SUPPRESS, help=text)

    def error(self, message: str) -> NoReturn:
        from sim.errors import in_language, placeholders

        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: {say('error: ', '错误：')}{placeholders(in_language(message, _lang), _lang)}\n")

    def lang(self) -> None:
        text = say("default: the locale's", "默认随系统语言")
        self.add_argument("--lang", choices=("zh", "en"), default=argparse.SUPPRESS, help=text)

    def scenario(self, several: bool = False) -> None:
        text = say("scenario file (TOML)", "情景文件（TOML）")
        self.add_argument("scenario", metavar="SCENARIO", help=text, nargs="+" if several else None)
        text = say("another value for a number of the file; may be repeated", "改写文件中的一个数；可重复使用")
        self.add_argument("--set", type=assignment, action="append", default=[], metavar="PATH=VALUE", help=text)

    def result(self) -> None:
        self.add_argument("result", metavar="RESULT", help=say("folder of a finished run", "一次运行的结果目录"))

    def worlds(self, replications: int | None = None, seed: int | None = None, usual: int | None = None) -> None:
        own = say("the scenario's", "由情景给出")
        n, s = (own if given is None else given for given in (replications or usual, seed))
        text = say(f"worlds to simulate (default: {n})", f"模拟的世界数（默认：{n}）")
        self.add_argument("--replications", type=whole(1), default=replications, metavar="N", help=text)
        text = say(f"the same seed gives the same worlds (default: {s})", f"种子相同则世界相同（默认：{s}）")
        self.add_argument("--seed", type=whole(0, 2**63 - 1), default=seed, metavar="S", help=text)
        text = say("default: one a core; changes no number", "默认每核一个；不影响结果")
        self.add_argument("--threads", type=whole(1, 1024), metavar="T", help=text)

    def levers(self, option: str) -> None:
        text = say("a parameter and its range; may be repeated", "参数及其范围；可重复")
        text += say(" (default: the scenario's [sweep] or [levers])", "（默认取情景的 [sweep] 或 [levers]）")
        self.add_argument(option, action="append", default=[], metavar="PATH=LO..HI", help=text)

    def folder(self, default: str) -> None:
        text = say(f"folder (default: {default})", f"目录（默认：{default}）")
        self.add_argument("--out", metavar="DIR", help=text)
        self.add_argument("--no-figures", action="store_true", help=say("leave the figures out", "不画图"))

    def journal(self) -> None:
        text = say("go on from the journal in the folder", "从目录中的记录继续")
        self.add_argument("--resume", action="store_true", help=text)
        text = say("a Dask scheduler (extra: cluster)", "Dask 调度器地址（附加包 cluster）")
        self.add_argument("--cluster", metavar="ADDRESS", help=text)

    def json(self) -> None:
        text = say("print JSON instead of tables", "输出 JSON 而非表格")
        self.add_argument("--json", action="store_true", help=text)

    def quiet(self) -> None:
        self.add_argument("--quiet", action="store_true", help=say("no progress, no remarks", "不显示进度与提示"))


class Unasked:
    """In the place of a command that is not asked for: hears what its parser would be told and makes none."""

    def __getattr__(self, name: str) -> Any:
        return lambda *given, **named: None


XIAN = "scenarios/xian.toml"


def build_parser(only: str | None = None) -> argparse.ArgumentParser:
    """only: the command that is asked for; the parsers of the others, most of the time, are left out."""
    from sim import __version__

    parser = Command(
        prog="python run.py",
        description=say(
            "Headwater 活水 simulates a development zone: guidance fund, sub-funds, firms, certificates, listings.",
            "活水 Headwater：模拟一个开发区，从引导基金、子基金到企业、认定与上市。",
        ),
        epilog=say(
            "Each command has --help, with an example that runs as it stands.",
            "每个命令都有 --help，附可直接运行的示例。",
        ),
    )
    text = say("show the version and exit", "显示版本号并退出")
    parser.add_argument("--version", action="version", version=f"headwater {__version__}", help=text)
    parser.lang()
    commands = parser.add_subparsers(
        title=say("commands", "命令"),
        dest="command",
        metavar=say("COMMAND", "命令"),
        required=True,
        parser_class=Command,
    )

    def command(work: Callable[[argparse.Namespace], int], text: str, *examples: str) -> Command:
        name = work.__name__.rstrip("_")
        if only not in (None, name):
            return Unasked()  # type: ignore[return-value]
        epilog = "\n  python run.py ".join([say("example:", "示例："), *examples])
        made = commands.add_parser(name, help=text, description=text, epilog=epilog)
        made.set_defaults(work=work, quiet=False)
        made.lang()
        return made

    p = command(
        run,
        say("simulate a scenario: summary, facts scoreboard, figures", "模拟一个情景：摘要、事实对照、图表"),
        f"run {XIAN} --replications 50 --seed 1",
        f"run {XIAN} --replications 50 --set guidance.reinvestment=2.0 --out results/xian-reinvestment-2",
    )
    p.scenario()
    p.worlds()
    p.folder(say("results/ and the scenario's name", "results/ 加情景名"))
    text = say("check in every quarter that every account closes", "逐季检查所有账目是否平衡")
    p.add_argument("--audit", action="store_true", help=text)
    text = say("folder of a calibration: a draw of its parameters for each world", "校准目录：每个世界取一组后验参数")
    p.add_argument("--posterior", metavar="FOLDER", help=text)
    text = say("worlds whose rounds, flows and exits are logged", "保留融资、流水与退出明细的世界数")
    p.add_argument("--events", type=whole(0), metavar="N", help=text)
    p.json()
    p.quiet()

    text = say("draw the figures of a result again", "重新绘制一个结果的图表")
    p = command(plot, text, "plot results/xian --format svg")
    p.result()
    text = say("only this metric; may be repeated", "只画该指标；可重复")
    p.add_argument("--metric", action="append", default=[], metavar="M", help=text)
    text = say("default: png; may be repeated", "默认：png；可重复")
    p.add_argument("--format", action="append", choices=("png", "svg", "pdf"), help=text)
    p.quiet()

    p = command(
        compare,
        say("paired differences from the first scenario, with intervals", "与第一个情景的配对差异及其区间"),
        f"compare {XIAN} scenarios/xian/no-guidance-fund.toml --replications 50",
        f"compare {XIAN} --change guidance.reinvestment=2.0 --change guidance.cap.angel=0.5 --decompose"
        " --replications 50",
    )
    p.scenario(several=True)
    text = say("a further variant of the first scenario; may be repeated", "第一个情景的又一变体；可重复")
    p.add_argument("--change", action="append", default=[], metavar='"[NAME: ]PATH=VALUE[; …]"', help=text)
    text = say(
        "make all variants together too, and say which did it (up to six, 2^n combinations)",
        "同时叠加所有变体，并分解各自的贡献（至多六个，2^n 种组合）",
    )
    p.add_argument("--decompose", action="store_true", help=text)
    text = say("print, draw and take apart this metric; may be repeated", "只列出、绘制和分解该指标；可重复")
    p.add_argument("--metric", action="append", default=[], metavar="M", help=text)
    text = say(
        "for which further worlds are counted (default: 10%% of the mean difference); may be repeated",
        "据以计算还需多少个世界（默认：平均差异的 10%%）；可重复",
    )
    p.add_argument("--precision", action="append", default=[], metavar="SHARE|METRIC=AMOUNT", help=text)
    p.worlds()
    text = say("date of the table (default: the last)", "表格的时点（默认：期末）")
    p.add_argument("--at", metavar="QUARTER", help=text)
    text = say("of mean differences (default: t)", "均值差的区间（默认：t）")
    p.add_argument("--interval", choices=("t", "bootstrap"), default="t", help=text)
    p.folder(say("results/ and the scenarios' names", "results/ 加各情景名"))
    p.json()
    p.quiet()

    p = command(check, say("validate a scenario file", "检查情景文件"), f"check {XIAN}")
    p.scenario()
    p.json()

    text = say("the metrics that a scenario reports: name, meaning, unit", "情景报告的全部指标：名称、含义、单位")
    p = command(metrics, text, f"metrics {XIAN}")
    p.scenario()
    p.json()

    p = command(
        trace,
        say("one firm's life: rounds, cap table, certificates", "一家企业的历程：融资、股权结构、认定"),
        "trace results/xian --firm tangjing",
    )
    p.result()
    text = say("a named firm, or one of the rounds table", "具名企业，或融资明细中的企业编号")
    p.add_argument("--firm", required=True, metavar="ID", help=text)
    text = say("which world (default: 0)", "第几个世界（默认：0）")
    p.add_argument("--replication", type=whole(0), default=0, metavar="K", help=text)
    p.add_argument("--no-figures", action="store_true", help=say("leave the payoff chart out", "不画收益图"))
    p.json()
    p.quiet()

    p = command(
        sweep,
        say("which parameters matter, varied together or one by one", "哪些参数重要：同时或逐一变动"),
        f"sweep {XIAN} --method morris --samples 4 --replications 4 --vary guidance.reinvestment=0.5..2.0"
        " --vary guidance.cap.angel=0.2..0.5",
    )
    p.scenario()
    p.levers("--vary")
    text = say("default: sobol; morris screens many cheaply", "默认 sobol；morris 可低成本筛选")
    p.add_argument("--method", choices=("sobol", "morris", "lhs", "grid", "oat"), help=text)
    text = say("default: the method's usual number", "默认随方法而定")
    p.add_argument("--samples", type=whole(1), metavar="N", help=text)
    text = say("what to explain; may be repeated", "要解释的指标；可重复")
    p.add_argument("--target", action="append", default=[], metavar="METRIC[@QUARTER]", help=text)
    p.worlds(seed=1, usual=20)
    p.folder(say("results/NAME-sweep", "results/名称-sweep"))
    p.journal()
    p.json()
    p.quiet()

    p = command(
        solve,
        say(
            "the least change of a parameter that reaches a target, or the earliest quarter",
            "使目标达成所需的最小参数变动，或最早达成的季度",
        ),
        f"solve {XIAN} --by firms.entry.organic.per_year=800..2400 "
        '--target "firms.alive@2028Q4 >= 20000" --replications 20',
        f'solve {XIAN} --target "firms.listed >= 100" --probability 0.8 --replications 20',
    )
    p.scenario()
    text = say("what to turn, and how far; a further one gives a frontier", "可调的参数及其范围；再给一个则得到前沿")
    p.add_argument("--by", action="append", default=[], metavar="PATH=LO..HI", help=text)
    text = say(
        "what to reach: >= or <=; without a quarter, the earliest one is looked for",
        "要达到的目标：>= 或 <=；不写季度则求最早达成的季度",
    )
    p.add_argument("--target", required=True, metavar='"METRIC[@QUARTER] >= X"', help=text)
    text = say("settings of each further lever (default: 6)", "其他参数各取几个值（默认：6）")
    p.add_argument("--points", type=whole(2), metavar="N", help=text)
    text = say("with this probability (default: 0.5)", "达到的概率（默认：0.5）")
    p.add_argument("--probability", type=probability, default=0.5, metavar="P", help=text)
    p.worlds(replications=100, seed=1)
    p.folder(say("results/NAME-solve", "results/名称-solve"))
    p.json()
    p.quiet()

    p = command(
        optimise,
        say("settings of several levers that no other beats within a budget", "预算内不被其他方案超越的杠杆组合"),
        f"optimise {XIAN} --vary guidance.reinvestment=0.5..2.0 --maximise jobs.total@2028Q4 --samples 8"
        " --replications 4",
    )
    p.scenario()
    p.levers("--vary")
    for option in ("--maximise", "--minimise"):
        text = say("an aim; two aims give a front", "目标；两个目标给出前沿")
        p.add_argument(option, action="append", default=[], metavar="METRIC@QUARTER", help=text)
    p.add_argument("--budget", metavar='"METRIC@QUARTER <= X"', help=say("what must hold", "必须满足的条件"))
    text = say("with this probability (default: on average)", "以此概率满足（默认：平均满足）")
    p.add_argument("--budget-probability", type=probability, metavar="P", help=text)
    text = say("another world in which it must do well; may be repeated", "还须表现良好的另一情景；可重复")
    p.add_argument("--regime", action="append", default=[], metavar="SCENARIO", help=text)
    p.add_argument("--samples", type=whole(1), metavar="N", help=say("settings to try", "尝试的方案数"))
    p.worlds(replications=50, seed=1)
    p.folder(say("results/NAME-optimise", "results/名称-optimise"))
    p.journal()
    p.json()
    p.quiet()

    p = command(
        calibrate,
        say("what published facts say of the parameters", "由公布的事实校准参数"),
        f"calibrate {XIAN} --regularise --samples 12 --replications 4",
    )
    p.scenario()
    text = say("points of the prior tried (default: 200)", "先验取点数（默认：200）")
    p.add_argument("--samples", type=whole(10), default=200, metavar="N", help=text)
    p.worlds(replications=40, seed=1)
    text = say("more parameters than facts tell apart: the prior holds the rest", "参数多于可识别者时由先验补足")
    p.add_argument("--regularise", action="store_true", help=text)
    text = say("try the calibration on itself; may be repeated", "自检；可重复")
    p.add_argument("--check", action="append", default=[], choices=("sbc", "recovery", "leave-one-out"), help=text)
    text = say("go on from the journals in the folder", "从目录中的记录继续")
    p.add_argument("--resume", action="store_true", help=text)
    p.folder(say("results/NAME-calibrate", "results/名称-calibrate"))
    p.json()
    p.quiet()

    p = command(
        backtest,
        say("simulated against published, over all zones", "所有园区：模拟值与公布值对照"),
        "backtest --replications 4",
    )
    text = say("scenario files (default: the five zones)", "情景文件（默认五个园区）")
    p.add_argument("scenario", metavar="SCENARIO", nargs="*", help=text)
    p.worlds(replications=200, seed=1)
    p.folder("results/backtest")
    p.json()
    p.quiet()

    p = command(verify, say("published tables, ours beside theirs", "重算已发表的表格并对照"), "verify")
    text = say(
        "a case file, or a name in tests/published (default: all)", "案例文件，或 tests/published 中的名称（默认全部）"
    )
    p.add_argument("name", nargs="*", metavar="NAME", help=text)
    p.json()

    text = say("the what-if page: levers, live charts, one firm, one fund", "政策推演网页：杠杆、实时图表、企业与基金")
    p = command(serve, text, f"serve {XIAN}")
    p.add_argument("scenario", nargs="?", metavar="SCENARIO", help=say(f"default: {XIAN}", f"默认：{XIAN}"))
    text = say("default: 8765; 0 takes one that is free", "默认 8765；0 表示任取一个空闲端口")
    p.add_argument("--port", type=whole(0, 65535), default=8765, metavar="P", help=text)
    text = say(
        "default: 127.0.0.1, this machine only; others need --token", "默认 127.0.0.1，仅限本机；其他地址须有 --token"
    )
    p.add_argument("--host", default="127.0.0.1", metavar="H", help=text)
    text = say("asked of every reader; or set HEADWATER_TOKEN", "要求每位读者提供；也可设 HEADWATER_TOKEN")
    p.add_argument("--token", metavar="T", help=text)
    p.quiet()

    text = say("write a starter scenario for a zone of your own", "为自己的园区写一个起步情景文件")
    p = command(new, text, 'new riverside --zone "滨江高新区 / Riverside"')
    p.add_argument("name", metavar="NAME", help=say("the file is scenarios/NAME.toml", "文件为 scenarios/名称.toml"))
    text = say("name of the zone, Chinese / English", "园区名称，中文 / 英文")
    p.add_argument("--zone", type=zone_name, metavar='"中文 / English"', help=text)
    text = say("ask ten questions first, each with a default", "先问十个问题，各有默认值")
    p.add_argument("--ask", action="store_true", help=text)

    p = command(completion, say("print a completion script for a shell", "输出命令补全脚本"), "completion bash")
    p.add_argument("shell", choices=("bash", "zsh", "fish"))

    p = command(
        report,
        say("a result as HTML and PDF to print and forward", "把结果写成可打印、可转发的 HTML 与 PDF"),
        "report results/xian --lang zh --xlsx",
    )
    p.result()
    text = say("also a workbook with charts", "另写一份带图表的工作簿")
    p.add_argument("--xlsx", action="store_true", help=text)
    text = say("folder of a comparison to tell beside it", "一并写入的政策比较目录")
    p.add_argument("--compare", metavar="FOLDER", help=text)
    text = say("folder of a sweep to tell beside it", "一并写入的参数扫描目录")
    p.add_argument("--sweep", metavar="FOLDER", help=text)
    p.quiet()

    p = command(
        import_,
        say("a fund's own workbook becomes a scenario fragment", "把基金自己的表格变为情景片段"),
        "import --template portfolio.xlsx",
        "import docs/portfolio --out portfolio.toml",
    )
    text = say("workbook, folder of CSV files, or one CSV file", "工作簿、CSV 文件夹，或一个 CSV 文件")
    p.add_argument("portfolio", nargs="?", metavar="PORTFOLIO", help=text)
    p.add_argument("--out", metavar="FRAGMENT.toml", help=say("where the fragment goes", "片段写到何处"))
    text = say("write the empty workbook, with notes and example rows", "写出空白模板，含说明与示例行")
    p.add_argument("--template", metavar="FILE.xlsx", help=text)
    text = say("scenario it extends (default: scenarios/national.toml)", "所延伸的情景（默认 scenarios/national.toml）")
    p.add_argument("--base", default="scenarios/national.toml", metavar="SCENARIO", help=text)
    text = say("first quarter (default: of the last NAV date)", "起始季度（默认为最近净值日所在季度）")
    p.add_argument("--start", metavar="QUARTER", help=text)
    text = say("a rule of the base that was waived; may be repeated", "改写基准中的一条规则；可重复使用")
    p.add_argument("--set", type=assignment, action="append", default=[], metavar="PATH=VALUE", help=text)
    p.quiet()

    text = say(
        "exit cases that you state for named firms, beside the model's own", "你给定的退出情形，与模型自己的并列"
    )
    p = command(cases, text, f"cases {XIAN} docs/cases/exits.toml --replications 20")
    p.scenario()
    p.add_argument("cases", nargs="?", metavar="CASES.toml", help=say("[[cases]] of exits", "退出情形 [[cases]]"))
    text = say(
        "what a yuan more brings: in each named firm's next round, or in each class of funds",
        "多投一元的回报：投入各具名企业的下一轮，或各类基金",
    )
    p.add_argument("--next-yuan", nargs="?", const="firms", choices=("firms", "funds"), help=text)
    text = say("what treasury, state firms and private partners get", "财政、国企与社会出资人各得多少")
    p.add_argument("--partners", action="store_true", help=text)
    text = say("capital called by year: 90, 95 and 99 %% below", "各年缴款：90%%、95%%、99%% 不超过多少")
    p.add_argument("--calls-at-risk", action="store_true", help=text)
    p.worlds(replications=50)
    p.json()
    p.quiet()

    p = command(
        captable,
        say("your own cap table: rounds to come, who gets what at an exit", "自己的股权结构：今后各轮，退出时谁得多少"),
        "captable docs/cases/captable.toml",
    )
    text = say("holders, classes, rounds to come, exits", "持有人、股份类别、今后各轮、退出")
    p.add_argument("file", metavar="FILE.toml", help=text)
    text = say("draw who gets what: .png, .svg or .pdf", "画出谁得多少：.png、.svg 或 .pdf")
    p.add_argument("--figure", metavar="FILE.png", help=text)
    text = say("write CSV files, JSON and the figure into a folder", "把 CSV、JSON 与图表写入一个目录")
    p.add_argument("--out", metavar="DIR", help=text)
    p.add_argument("--no-figures", action="store_true", help=say("leave the figure out", "不画图"))
    p.json()

    text = say("a result beside what happened, quarter by quarter", "结果与实际逐季对照")
    p = command(actual, text, "actual results/xian docs/cases/actuals.csv")
    p.result()
    text = say("CSV with the columns metric, quarter, value", "CSV，列为 指标、季度、数值")
    p.add_argument("actuals", metavar="ACTUALS.csv", help=text)

    command(schema, say("print the JSON Schema of scenario files", "输出情景文件的 JSON Schema"), "schema")
    p = command(warm, say("compile the kernel now, not at the first run", "预先编译模拟核心"), "warm")
    p.quiet()
    return parser if only is None or only in commands.choices else build_parser()


# --------------------------------------------------------------------------------------------------------- main


def main(argv: Sequence[str] | None = None) -> int:
    global _lang
    words = sys.argv[1:] if argv is None else list(argv)
    _lang = language(words)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without Chinese shows ? instead of failing
    try:
        a = build_parser(words[0] if words else None).parse_args(words)
        from sim import store  # after --help

        store.tell = found
        status = a.work(a)
        sys.stdout.flush()
        return status
    except Stopped as stopped:
        note(say(f"stopped: {stopped}", f"已停止：{stopped}"))
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
                "out of memory: fewer firms, --replications, --samples or --threads need less",
                "内存不足：请减少企业数、--replications、--samples 或 --threads",
            )
        )
        return 1
    except OSError as error:
        from sim.errors import in_language

        reason = in_language(error.strerror or str(error), _lang)
        note(f"{error.filename}: {reason}" if error.filename else reason)
        return 1
    except Exception as error:
        from sim.errors import RunError, UserError, in_language

        if isinstance(error, UserError):
            for problem in error.problems:
                note(problem.told(_lang))
            return 2
        if isinstance(error, RunError):
            note(in_language(str(error), _lang))
            return 1
        raise
