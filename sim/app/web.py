"""The requests there are, and what each answers.

    GET  /                    the page
    GET  /static/NAME         one of a fixed list of files, held in memory
    GET  /api/scenarios       the scenarios that have a name here
    GET  /api/scenario?name=  one scenario: levers, metrics, facts
    POST /api/read            what was typed beside a lever, as a number
    POST /api/run             answers that grow better, one JSON document a line, until the bands are whole
    POST /api/save            lever settings become a scenario file
    POST /api/world           one world lived again: its firms and funds
    POST /api/firm, /api/fund one of them

A refused value is {"wrong": [{path, word, fill}]}, status 422: `word` is a key of `words`.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import re
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from sim.app import answers, explore, saving
from sim.app.catalogue import Catalogue
from sim.app.levers import Wrong, read_settings, refused_by_model
from sim.app.safety import Guard, refusal
from sim.app.words import WORDS, words_in
from sim.app.worlds import MOST_REPLICATIONS, Bench, Cancelled, Workshop
from sim.errors import RunError, UserError
from sim.terms import COUNTED

HERE = Path(__file__).parent
TYPES = {".js": "text/javascript", ".css": "text/css", ".ttf": "font/ttf", ".svg": "image/svg+xml"}
MOST_RUNS = 4  # at one time, over all pages
LOOKS, MOST_LOOKS = 2, 12  # worlds looked into at one time, and those that wait besides, over all pages
LOOKED_AFTER = 0.2  # seconds between two looks whether the reader is still there
LEAST_REPLICATIONS = 10
PAGE = re.compile(r"[a-z0-9]{8,40}")  # what a page calls itself
GONE = 499  # status of an answer that nobody reads any more


@dataclass
class Running:
    """Runs under way by the page that asked: a page's newer one stops its older one. A stopped run counts no more."""

    stops: dict[str, threading.Event] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return len(self.stops)

    def begin(self, page: str) -> threading.Event:
        self.stop(page)
        self.stops[page] = threading.Event()
        return self.stops[page]

    def stop(self, page: str) -> None:
        if page in self.stops:
            self.stops.pop(page).set()

    def end(self, page: str, stop: threading.Event) -> None:
        stop.set()
        if self.stops.get(page) is stop:
            del self.stops[page]


class Refusal(Exception):
    """Ends a request with a status and what is wrong."""

    def __init__(self, status: int, wrong: list[Wrong]) -> None:
        self.status, self.wrong = status, wrong


class Desk:
    """What the requests share: the catalogue, the warm worlds, the runs under way."""

    def __init__(self, catalogue: Catalogue, threads: int | None = None, lang: str = "zh", asked: bool = False) -> None:
        self.catalogue, self.lang = catalogue, lang
        self.asked = asked  # for that language: then it goes before what the browser prefers
        self.workshop = Workshop(threads)
        self.pasts = explore.Pasts()
        self.running = Running()
        self.conductors = ThreadPoolExecutor(MOST_RUNS + 2, "conductor")
        self.lookers = ThreadPoolExecutor(LOOKS, "looker")
        self.looks = 0
        self.static = static_files()
        self.page = Environment(
            loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        ).get_template("page.html")

    async def in_thread(self, work: Callable[..., Any], *given: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self.conductors, work, *given)

    async def attended(self, request: Request, work: Callable[..., Any], *given: Any) -> Any:
        """work(stop, …) in a thread of its own; `stop` is set when the reader goes. Raises Cancelled then."""
        if self.looks >= MOST_LOOKS:
            raise Refusal(429, [Wrong("", "wrong.busy", {"most": MOST_LOOKS})])
        self.looks += 1
        stop = threading.Event()

        def unless_gone() -> Any:
            if stop.is_set():
                raise Cancelled
            return work(stop, *given)

        try:
            done = asyncio.get_running_loop().run_in_executor(self.lookers, unless_gone)
            while not (await asyncio.wait({done}, timeout=LOOKED_AFTER))[0]:
                if await request.is_disconnected():
                    stop.set()
            return done.result()
        finally:
            stop.set()
            self.looks -= 1

    async def bench(self, name: object) -> Bench:
        path = self.catalogue.path(name)
        if path is None:
            raise Refusal(404, [Wrong("scenario", "wrong.scenario", {"name": str(name)[:80]})])
        return await self.in_thread(self.workshop.bench, path)

    def warm(self) -> None:
        """Compiled code, imports and the opening scenario's baseline, before the first reader needs them."""
        with contextlib.suppress(UserError):
            path = self.catalogue.path(self.catalogue.opening)
            if path is not None:
                bench = self.workshop.bench(path)
                list(
                    answers.answers(
                        bench, {}, answers.default_metrics(bench), last(bench), bench.usual, threading.Event()
                    )
                )
                import scipy.stats  # noqa: F401  # the intervals need it; it takes a second or two

    def close(self) -> None:
        for stop in list(self.running.stops.values()):
            stop.set()
        self.workshop.close()
        for threads in (self.conductors, self.lookers):
            threads.shutdown(wait=False, cancel_futures=True)


def last(bench: Bench) -> str:
    from sim.quantities import quarter_name

    return quarter_name(int(bench.scenario.zone.end))


def static_files() -> dict[str, tuple[bytes, str]]:
    """name -> (bytes, type): all that can be asked for."""
    font = HERE.parent / "fonts" / "NotoSansSC-GB2312.ttf"
    paths = [*sorted((HERE / "static").iterdir()), HERE / "vendor" / "echarts.min.js", font]
    return {path.name: (path.read_bytes(), TYPES[path.suffix]) for path in paths if path.suffix in TYPES}


def build_app(desk: Desk, hosts: list[str], port: int | None, token: str | None = None, any_address: bool = False):
    """The ASGI application, guarded. port None: any port of these hosts (tests)."""

    def answering(work: Callable[[Desk, Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            try:
                return await work(desk, request)
            except Refusal as refusal:
                return answer({"wrong": [w.to_json() for w in refusal.wrong]}, refusal.status)
            except UserError as error:
                return answer({"wrong": [w.to_json() for w in in_full(error, "wrong.file")]}, 422)
            except Cancelled:
                return Response(status_code=GONE)
            except RunError as error:
                return answer({"wrong": [Wrong("", "wrong.failed", {"message": str(error)}).to_json()]}, 500)

        return endpoint

    routes = [
        Route("/", answering(page)),
        Route("/static/{name}", answering(static)),
        Route("/api/scenarios", answering(scenarios)),
        Route("/api/scenario", answering(scenario)),
        Route("/api/read", answering(read), methods=["POST"]),
        Route("/api/run", answering(run), methods=["POST"]),
        Route("/api/save", answering(save), methods=["POST"]),
        Route("/api/world", answering(world), methods=["POST"]),
        Route("/api/firm", answering(firm), methods=["POST"]),
        Route("/api/fund", answering(fund), methods=["POST"]),
    ]
    return Guard(Starlette(routes=routes), hosts, port, token, any_address)


def in_full(error: UserError, word: str) -> list[Wrong]:
    """What is wrong: where, what was found, what would be right."""
    return [Wrong("", word, {"message": {lang: p.told(lang) for lang in ("zh", "en")}}) for p in error.problems]


def answer(document: Any, status: int = 200) -> JSONResponse:
    return JSONResponse(document, status, {"cache-control": "no-store"})


# --- the page


async def page(desk: Desk, request: Request) -> Response:
    accepted = "" if desk.asked else request.headers.get("accept-language", "")
    lang = request.query_params.get("lang") or preferred(accepted, desk.lang)
    lang = lang if lang in ("zh", "en") else desk.lang
    about = {"lang": lang, "opening": desk.catalogue.opening, "words": WORDS, "counted": COUNTED}
    html = desk.page.render(lang=lang, w=words_in(lang), about=about)
    return Response(html, media_type="text/html", headers={"cache-control": "no-store"})


def preferred(accepted: str, otherwise: str) -> str:
    """The first of our languages that the browser names."""
    for part in accepted.lower().split(","):
        for lang in ("zh", "en"):
            if part.strip().startswith(lang):
                return lang
    return otherwise


async def static(desk: Desk, request: Request) -> Response:
    found = desk.static.get(request.path_params["name"])
    if found is None:
        return answer(refusal("refused.file"), 404)
    content, kind = found
    tag = f'"{hashlib.sha256(content).hexdigest()[:20]}"'
    headers = {"cache-control": "no-cache", "etag": tag}  # asked again each time, sent only where it has changed
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=kind, headers=headers)


# --- scenarios


async def scenarios(desk: Desk, request: Request) -> Response:
    entries = await desk.in_thread(desk.catalogue.entries)
    listed = [{"name": e.name, "zone": e.zone, "root": e.root} for e in entries]
    return answer({"scenarios": listed, "opening": desk.catalogue.opening})


async def scenario(desk: Desk, request: Request) -> Response:
    from sim.ensemble import quarter_names
    from sim.quantities import quarter_name

    name = request.query_params.get("name")
    bench = await desk.bench(name)
    stated = bench.scenario
    today = stated.zone.today
    return answer(
        {
            "name": name,
            "zone": {"zh": stated.zone.name.zh, "en": stated.zone.name.en},
            "quarters": quarter_names(stated),
            "today": quarter_name(int(today)) if today is not None else None,
            "seed": bench.seed,
            "replications": bench.usual,
            "levers": [control.to_json() for control in bench.controls],
            "declared": bool(stated.levers),
            "lost": bench.lost_levers,
            "metrics": [m.to_json() for m in stated.metrics],
            "charts": answers.default_metrics(bench),
            "facts": answers.facts_of(bench),
        }
    )


# --- what a request holds


async def document_of(request: Request) -> dict[str, Any]:
    """The document of a POST."""
    try:
        given = json.loads(await request.body())
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise Refusal(400, [Wrong("", "wrong.request", {})])
    return given


async def asked(desk: Desk, request: Request) -> tuple[Bench, dict[str, float], dict[str, Any]]:
    """The bench of the scenario, the lever settings and the whole document of a POST."""
    given = await document_of(request)
    bench = await desk.bench(given.get("scenario"))
    return bench, settings_in(bench, given), given


def settings_in(bench: Bench, given: Mapping[str, Any]) -> dict[str, float]:
    settings, wrong = read_settings(bench.controls, given.get("levers", {}))
    if wrong:
        raise Refusal(422, wrong)
    return settings


def whole(given: Mapping[str, Any], key: str, low: int, high: int, otherwise: int) -> int:
    value = given.get(key, otherwise)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise Refusal(422, [Wrong(key, "wrong.outside", {"low": low, "high": high, "unit": ""})])
    return value


def quarter_in(bench: Bench, given: Mapping[str, Any], key: str, first: int = 0) -> str:
    from sim.ensemble import quarter_names

    names = quarter_names(bench.scenario)
    value = given.get(key, names[-1])
    if value not in names[first:]:
        raise Refusal(422, [Wrong(key, "wrong.quarter", {"first": names[first], "last": names[-1]})])
    return value


async def read(desk: Desk, request: Request) -> Response:
    _, settings, _ = await asked(desk, request)
    return answer({"levers": settings})


# --- running


async def run(desk: Desk, request: Request) -> Response:
    """`scenario` is the baseline; the levers are moved on `start`, which is the same where none is named."""
    given = await document_of(request)
    bench = await desk.bench(given.get("scenario"))
    start = await desk.bench(given["start"]) if given.get("start") else bench
    settings = settings_in(start, given)
    if not answers.comparable(bench, start):
        raise Refusal(422, [Wrong("start", "wrong.start", {})])
    metrics = given.get("metrics", answers.default_metrics(bench))
    if (
        not isinstance(metrics, list)
        or not 1 <= len(metrics) <= answers.MOST_METRICS
        or not all(isinstance(m, str) and m in bench.metric_number for m in metrics)
    ):
        raise Refusal(422, [Wrong("metrics", "wrong.metrics", {"most": answers.MOST_METRICS})])
    at = quarter_in(bench, given, "at")
    replications = whole(given, "replications", LEAST_REPLICATIONS, MOST_REPLICATIONS, bench.usual)
    who = given.get("page")
    if not isinstance(who, str) or not PAGE.fullmatch(who):
        raise Refusal(422, [Wrong("page", "wrong.request", {})])
    desk.running.stop(who)
    if desk.running.count >= MOST_RUNS:
        raise Refusal(429, [Wrong("", "wrong.busy", {"most": MOST_RUNS})])
    stop = desk.running.begin(who)
    work = _streamed(desk, who, stop, bench, start, settings, list(dict.fromkeys(metrics)), at, replications)
    return StreamingResponse(work, media_type="application/x-ndjson", headers={"cache-control": "no-store"})


async def _streamed(
    desk: Desk,
    who: str,
    stop: threading.Event,
    bench: Bench,
    start: Bench,
    settings: dict[str, float],
    metrics: list[str],
    at: str,
    replications: int,
) -> AsyncIterator[bytes]:
    """One line an answer. Ends when it is whole, when a newer run of the page stops it, or when the reader goes."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[bytes | None] = asyncio.Queue()

    def put(line: bytes | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended with the server
            loop.call_soon_threadsafe(lines.put_nowait, line)

    def conduct() -> None:
        try:
            for document in answers.answers(bench, settings, metrics, at, replications, stop, start):
                put(json.dumps(document, ensure_ascii=False, allow_nan=False).encode() + b"\n")
        except Cancelled:
            put(b'{"kind": "cancelled"}\n')
        except UserError as error:
            said = [w.to_json() for w in in_full(error, "wrong.model")]
            put(json.dumps({"kind": "refused", "wrong": said}, ensure_ascii=False).encode() + b"\n")
        except Exception as error:
            said = [Wrong("", "wrong.failed", {"message": f"{type(error).__name__}: {error}"}).to_json()]
            put(json.dumps({"kind": "refused", "wrong": said}, ensure_ascii=False).encode() + b"\n")
        finally:
            put(None)

    try:
        loop.run_in_executor(desk.conductors, conduct)
        while (line := await lines.get()) is not None:
            yield line
    finally:
        desk.running.end(who, stop)


# --- saving


async def save(desk: Desk, request: Request) -> Response:
    bench, settings, given = await asked(desk, request)
    name, title, replace = given.get("name", ""), given.get("title", ""), given.get("replace", False)
    if not isinstance(name, str) or not isinstance(title, str) or not isinstance(replace, bool):
        raise Refusal(422, [Wrong("name", "wrong.request", {})])
    wrong = await desk.in_thread(refused_by_model, bench.scenario, settings)
    if wrong:
        raise Refusal(422, wrong)
    path = desk.catalogue.path(given["scenario"])
    assert path is not None
    lang = given.get("lang") if given.get("lang") in ("zh", "en") else desk.lang
    try:
        saved = await desk.in_thread(
            saving.save, desk.catalogue, bench.scenario, path, settings, name, title, replace, lang
        )
    except saving.Refused as refused:
        said = Wrong(refused.field, refused.word, dict(refused.fill)).to_json()
        return answer({"wrong": [said], "exists": refused.exists}, 409 if refused.exists else 422)
    return answer({"saved": saved, "file": f"{desk.catalogue.folder.name}/{saved}.toml"})


# --- one world


async def past_of(desk: Desk, request: Request) -> tuple[Callable[[], explore.Past], dict[str, Any]]:
    """How to come by the world that is asked for, and the document."""
    bench, settings, given = await asked(desk, request)
    quarter = quarter_in(bench, given, "quarter", explore.STOPPED_LATEST)
    replication = whole(given, "replication", 0, MOST_REPLICATIONS - 1, 0)
    return lambda: desk.pasts.get(bench, settings, replication, quarter), given


async def world(desk: Desk, request: Request) -> Response:
    """A world by its number, or by where it stands among all (`percentile` of `metric` at `quarter`)."""
    bench, settings, given = await asked(desk, request)
    quarter = quarter_in(bench, given, "quarter", explore.STOPPED_LATEST)
    if "percentile" in given:
        metric = given.get("metric")
        if (
            not isinstance(metric, str)
            or metric not in bench.metric_number
            or given["percentile"] not in explore.PERCENTILES
        ):
            raise Refusal(422, [Wrong("metric", "wrong.metrics", {"most": answers.MOST_METRICS})])
        which = (metric, int(given["percentile"]))
    else:
        which = whole(given, "replication", 0, MOST_REPLICATIONS - 1, 0)

    def look(stop: threading.Event) -> dict[str, Any]:
        number = which if isinstance(which, int) else _standing(bench, settings, *which, quarter, stop)
        return explore.overview(desk.pasts.get(bench, settings, number, quarter))

    return answer(await desk.attended(request, look))


def _standing(
    bench: Bench, settings: dict[str, float], metric: str, percentile: int, quarter: str, stop: threading.Event
) -> int:
    from sim.app.worlds import NOW
    from sim.ensemble import quarter_names

    case = bench.case(settings, bench.usual)
    case.fill(bench.crew, 0, bench.usual, NOW, stop)
    column = quarter_names(bench.scenario).index(quarter)
    return explore.replication_at(case, bench.metric_number[metric], column, percentile)


async def firm(desk: Desk, request: Request) -> Response:
    past, given = await past_of(desk, request)
    name = given.get("firm")
    if not isinstance(name, str) or len(name) > 60:
        raise Refusal(422, [Wrong("firm", "wrong.firm", {"found": str(name)[:60]})])
    try:
        return answer(await desk.attended(request, lambda stop: explore.firm(past(), name)))
    except UserError:
        raise Refusal(404, [Wrong("firm", "wrong.firm", {"found": name})]) from None


async def fund(desk: Desk, request: Request) -> Response:
    past, given = await past_of(desk, request)
    number = whole(given, "fund", 0, 10**6, -1)
    found = await desk.attended(request, lambda stop: explore.fund(past(), number))
    if found is None:
        raise Refusal(404, [Wrong("fund", "wrong.fund", {"found": number})])
    return answer(found)
