"""The what-if page's program side: who may ask, what is refused, whose numbers it shows, what it saves."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from sim import load_scenario, simulate, store
from sim.analysis.compare import compare
from sim.app import answers, explore, saving
from sim.app.catalogue import Catalogue
from sim.app.levers import controls_of, read_settings, refused_by_model, step_of
from sim.app.safety import HEADERS, MOST_BODY, is_loopback
from sim.app.serving import check_token, listening
from sim.app.web import MOST_LOOKS, MOST_RUNS, Desk, build_app, preferred
from sim.app.words import WORDS
from sim.app.worlds import Bench, Cancelled, Case, Crew
from sim.errors import UserError
from sim.model.world import Count
from sim.scenario.fields import iter_quantities
from sim.scenario.loading import find_quantity
from sim.tracing import follow, live_again, payoff_of
from tests.portfolios import example
from tests.test_books import imported

ROOT = Path(__file__).resolve().parent.parent
APP = ROOT / "sim" / "app"
HOME = "http://127.0.0.1:8000"
OURS = {"origin": HOME, "sec-fetch-site": "same-origin"}
PAIRS = 20
TINY = """extends = "xian.toml"

[zone]
name = { zh = "小园区", en = "Tiny zone" }
end = "2026Q4"

[run]
replications = 20

[firms.initial]
count = 500

[firms.entry.organic]
per_year = 60

[firms.entry.incubator]
per_year = 10
"""
METRICS = ["firms.alive", "funds.subfunds.size", "valuation.post_money.total"]


class Visitor:
    """Asks the application as a browser would, without a network; cookies are kept."""

    def __init__(self, app: Any, headers: dict[str, str] | None = None) -> None:
        self.app, self.headers, self.cookies = app, headers or {}, httpx.Cookies()

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(
                transport=transport, base_url=HOME, headers=self.headers, cookies=self.cookies
            ) as client:
                answer = await client.request(method, path, **more)
                self.cookies = client.cookies
                return answer

        return asyncio.run(ask())

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.request("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        return self.request("POST", path, **more)


def scenarios_in(place: Path) -> Path:
    """A folder of scenarios of its own: the shipped ones and a zone small enough for a test."""
    folder = place / "scenarios"
    shutil.copytree(ROOT / "scenarios", folder)
    (folder / "tiny.toml").write_text(TINY, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = scenarios_in(tmp_path_factory.mktemp("app"))
    made = Desk(Catalogue(folder, folder / "tiny.toml"), threads=2)
    yield made
    made.close()


@pytest.fixture(scope="module")
def bench(office: Desk) -> Bench:
    return office.workshop.bench(office.catalogue.folder / "tiny.toml")


@pytest.fixture(scope="module")
def client(office: Desk) -> Visitor:
    return Visitor(build_app(office, ["127.0.0.1", "localhost"], 8000), OURS)


def asking(**more: Any) -> dict[str, Any]:
    return {"page": "abcdefgh", "scenario": "tiny", "levers": {}, "metrics": METRICS, "replications": PAIRS} | more


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


# --- who may ask


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1:9999", "127.0.0.1", "127.0.0.1.evil.example:8000", ""]
)
def test_a_name_that_is_not_ours_is_refused(client: Visitor, host: str):
    assert client.get("/", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "LOCALHOST:8000"])
def test_our_own_names_are_answered(client: Visitor, host: str):
    assert client.get("/", headers={"host": host, "origin": f"http://{host.lower()}"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "https://127.0.0.1:8000"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_another_origin_changes_nothing(client: Visitor, headers: dict[str, str]):
    assert client.post("/api/run", json=asking(), headers=headers).status_code == 403


def test_a_post_that_names_no_origin_is_refused(office: Desk):
    bare = Visitor(build_app(office, ["127.0.0.1"], 8000))
    assert bare.post("/api/run", json=asking()).status_code == 403


def test_another_origin_reads_nothing(client: Visitor):
    assert client.get("/api/scenarios", headers={"origin": "http://evil.example"}).status_code == 403
    embedded = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
    assert client.get("/static/app.js", headers=embedded).status_code == 403
    assert "access-control-allow-origin" not in client.get("/").headers


def test_what_the_door_refuses_is_told_in_both_languages(client: Visitor, office: Desk):
    """As a word of the page's table, and written out for whoever has no page to read it on."""
    stranger = Visitor(build_app(office, ["127.0.0.1"], 8000, "abcdefabcdef1234"), OURS)
    host = {"host": "evil.example"}
    json_type = {"content-type": "application/json"}
    told = {
        "refused.host": client.get("/", headers=host),
        "refused.origin": client.post("/api/run", json=asking(), headers={"origin": "null"}),
        "refused.page": client.post("/api/run", json=asking(), headers={"sec-fetch-site": "same-site"}),
        "refused.type": client.post("/api/run", content=b"{}", headers={"content-type": "text/plain"}),
        "refused.method": client.request("PUT", "/api/save", json={}),
        "refused.size": client.post("/api/run", content=b"x" * (MOST_BODY + 1), headers=json_type),
        "refused.address": client.get("/api/scenario", params={"name": "x" * 10_000}),
        "refused.site": client.get("/", headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"}),
        "refused.token": stranger.get("/"),
        "refused.file": client.get("/static/nothing.js"),
    }
    for word, answer in told.items():
        said, zh, en = answer.json(), *WORDS[word]
        fill = {"most": MOST_BODY}
        assert said["wrong"] == [{"path": "", "word": word, "fill": fill}]
        assert said["error"] == {"zh": zh.format(**fill), "en": en.format(**fill)}


def test_a_form_of_another_page_cannot_post(client: Visitor):
    text = {"content-type": "text/plain"}
    assert client.post("/api/save", content=json.dumps(asking()), headers=text).status_code == 415
    assert client.request("PUT", "/api/save", json={}).status_code == 405


def test_a_body_beyond_the_limit_is_refused_whatever_its_length_is_said_to_be(client: Visitor):
    json_type = {"content-type": "application/json"}
    assert client.post("/api/run", content=b"x" * (MOST_BODY + 1), headers=json_type).status_code == 413

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 1024

    assert client.post("/api/run", content=parts(), headers=json_type).status_code == 413
    assert client.get("/api/scenario", params={"name": "x" * 10_000}).status_code == 414


@pytest.mark.parametrize("path", ["/", "/static/app.js", "/api/scenarios", "/nowhere", "/static/nothing.js"])
def test_every_answer_carries_the_strict_headers(client: Visitor, path: str):
    answer = client.get(path)
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    refused = client.get(path, headers={"host": "evil.example"})
    assert refused.headers["content-security-policy"] == HEADERS["content-security-policy"]
    assert "unsafe" not in HEADERS["content-security-policy"]
    assert "http" not in HEADERS["content-security-policy"]


def test_the_page_has_nothing_inline_and_names_no_other_address(client: Visitor):
    html = client.get("/").text
    scripts = re.findall(r"<script[^>]*>", html)
    assert all("src=" in tag or 'type="application/json"' in tag for tag in scripts)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=", html)
    for path in [*(APP / "static").iterdir(), APP / "templates" / "page.html"]:
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|//[a-z]+\.|sourceMappingURL|innerHTML|eval\(", text), path.name


def test_a_page_in_a_zone_file_cannot_become_markup(office: Desk, client: Visitor):
    bad = office.catalogue.folder / "markup.toml"
    bad.write_text(TINY.replace("Tiny zone", "</script><img src=x>"), encoding="utf-8")
    try:
        assert "<img" not in client.get("/").text
        listed = client.get("/api/scenarios")
        assert listed.headers["content-type"] == "application/json"
        assert "</script><img src=x>" in [s["zone"]["en"] for s in listed.json()["scenarios"]]
    finally:
        bad.unlink()


# --- a token


def test_beyond_loopback_a_token_is_demanded():
    with pytest.raises(UserError, match="needs a token"):
        check_token("0.0.0.0", None)
    with pytest.raises(UserError, match="too weak"):
        check_token("0.0.0.0", "short")
    with pytest.raises(UserError, match="too weak"):
        check_token("127.0.0.1", "has a space and more")
    assert check_token("127.0.0.1", None) is None
    assert check_token("0.0.0.0", "abcdefabcdef1234") == "abcdefabcdef1234"


@pytest.mark.parametrize(
    ("host", "loops"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("127.8.8.8", True)]
)
def test_loopback_addresses(host: str, loops: bool):
    assert is_loopback(host) is loops
    assert not is_loopback("0.0.0.0")
    assert not is_loopback("localhost.evil.example")


def test_with_a_token_nothing_is_answered_without_it(office: Desk):
    token = "abcdefabcdef1234"
    app = build_app(office, ["127.0.0.1"], 8000, token)
    stranger = Visitor(app, OURS)
    for path in ("/", "/static/app.js", "/api/scenarios"):
        assert stranger.get(path).status_code == 401
    assert stranger.post("/api/run", json=asking()).status_code == 401
    assert stranger.get("/", params={"token": token[:-1]}).status_code == 401
    admitted = stranger.get("/", params={"token": token, "lang": "en"})
    assert admitted.status_code == 303
    assert admitted.headers["location"] == "/?lang=en"
    assert {"HttpOnly", "SameSite=Strict"} <= set(admitted.headers["set-cookie"].split("; "))
    assert stranger.get("/").status_code == 200  # the cookie was kept


def test_bound_to_every_address_a_bare_address_will_do_and_a_foreign_name_not(office: Desk):
    wide = Visitor(build_app(office, ["127.0.0.1"], 8000, None, any_address=True))
    assert wide.get("/", headers={"host": "192.0.2.7:8000"}).status_code == 200
    assert wide.get("/", headers={"host": "[2001:db8::7]:8000"}).status_code == 200
    assert wide.get("/", headers={"host": "rebound.evil.example:8000"}).status_code == 421


def test_a_taken_port_is_said_to_be_taken():
    with listening("127.0.0.1", 0) as taken:
        with pytest.raises(UserError, match="port is taken") as refused:
            listening("127.0.0.1", taken.getsockname()[1])
        assert refused.value.problems[0].key == "--port"


# --- no way into the file system


@pytest.mark.parametrize(
    "name", ["../scenarios/tiny", "/etc/passwd", "xian/../tiny", "tiny.toml", "", "xian\x00", ".", "results", "tiny/"]
)
def test_only_a_listed_name_leads_to_a_file(client: Visitor, name: str):
    assert client.get("/api/scenario", params={"name": name}).status_code == 404
    assert client.post("/api/run", json=asking(scenario=name)).status_code == 404


@pytest.mark.parametrize("name", ["../web.py", "%2e%2e/web.py", "..%2fweb.py", "page.html", "LICENSE", "/etc/passwd"])
def test_only_the_page_s_own_files_are_sent(client: Visitor, name: str):
    assert client.get(f"/static/{name}").status_code == 404


def test_a_link_out_of_the_folder_is_no_scenario(tmp_path: Path):
    folder = scenarios_in(tmp_path)
    outside = tmp_path / "outside.toml"
    outside.write_text(TINY, encoding="utf-8")
    (folder / "link.toml").symlink_to(outside)
    names = Catalogue(folder).paths()
    assert "link" not in names
    assert {"tiny", "xian", "xian/cap-50"} <= set(names)


def test_a_file_named_on_the_command_line_has_a_name_wherever_it_lies(tmp_path: Path):
    folder = scenarios_in(tmp_path)
    elsewhere = tmp_path / "mine.toml"
    elsewhere.write_text(TINY.replace('"xian.toml"', '"scenarios/xian.toml"'), encoding="utf-8")
    catalogue = Catalogue(folder, elsewhere)
    assert catalogue.opening == "mine"
    assert catalogue.path("mine") == elsewhere
    assert "Tiny zone" in [entry.zone["en"] for entry in catalogue.entries()]


def test_variants_are_listed_with_the_zone_that_they_descend_from(tmp_path: Path):
    roots = {entry.name: entry.root for entry in Catalogue(scenarios_in(tmp_path)).entries()}
    assert roots["xian"] == roots["xian/cap-50"] == roots["policies/rent-relief"] == "xian"
    assert roots["wuxi"] == "wuxi"
    assert "national" not in roots


NO_ZONES = ("national", "us", "us-1990", "china", "china-angel")  # bases and samples of a country


@pytest.mark.parametrize("name", sorted(p.stem for p in (ROOT / "scenarios").glob("*.toml") if p.stem not in NO_ZONES))
def test_every_zone_declares_levers_that_it_has_and_names_them_in_both_languages(name: str):
    scenario = load_scenario(ROOT / "scenarios" / f"{name}.toml")
    controls, lost = controls_of(scenario)
    assert scenario.levers and controls and lost == []
    assert all(c.label["zh"] != c.path and c.label["en"] != c.path for c in controls)
    for control in controls:  # both ends are scenarios that the model takes
        for end in (control.low, control.high):
            assert refused_by_model(scenario, {control.path: end}) == []


# --- what is refused gets a message beside its field


@pytest.mark.parametrize(
    ("written", "word"),
    [
        (3.0, "wrong.outside"),
        (-0.1, "wrong.outside"),
        ("a lot", "wrong.number.plain"),
        ("1e999", "wrong.number.plain"),
        (True, "wrong.number.plain"),
        (None, "wrong.number.plain"),
        ([1], "wrong.number.plain"),
        ("9" * 50, "wrong.number.plain"),
    ],
)
def test_a_bad_value_gets_a_message_beside_its_field(client: Visitor, written: object, word: str):
    answer = client.post("/api/run", json=asking(levers={"guidance.reinvestment": written}))
    assert answer.status_code == 422
    said = answer.json()["wrong"]
    assert [(w["path"], w["word"]) for w in said] == [("guidance.reinvestment", word)]
    assert word in WORDS


def test_not_a_number_is_no_number(client: Visitor):
    body = json.dumps(asking(levers={"guidance.reinvestment": float("nan")}))
    answer = client.post("/api/run", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422


def test_every_bad_value_is_named_at_once(client: Visitor):
    levers = {"guidance.reinvestment": 9, "guidance.cap.angel": "many", "zone.end": "2090Q4"}
    said = client.post("/api/read", json=asking(levers=levers)).json()["wrong"]
    assert {w["path"] for w in said} == set(levers)
    assert {w["word"] for w in said} == {"wrong.outside", "wrong.number.share", "wrong.lever"}


def test_an_amount_without_a_unit_is_asked_for_its_unit(client: Visitor):
    """Who clears "50亿" and types 80 does not mean eighty yuan."""
    for written, word in (("80", "wrong.unit"), ("0.5", "wrong.unit"), ("-80", "wrong.outside")):
        said = client.post("/api/read", json=asking(levers={"funds.guidance.size": written})).json()["wrong"]
        assert [w["word"] for w in said] == [word]
    for written, value in (("0", 0.0), ("8000000000", 8e9), ("80亿", 8e9), (80, 80.0)):
        answer = client.post("/api/read", json=asking(levers={"funds.guidance.size": written}))
        assert answer.json() == {"levers": {"funds.guidance.size": value}}


def test_a_typed_value_is_read_as_people_write_it(client: Visitor):
    levers = {"funds.guidance.size": "70亿", "guidance.cap.angel": "35%"}
    answer = client.post("/api/read", json=asking(levers=levers))
    assert answer.json() == {"levers": {"funds.guidance.size": 7e9, "guidance.cap.angel": 0.35}}


@pytest.mark.parametrize(
    "bad",
    [
        {"replications": 0},
        {"replications": 401},
        {"replications": 20.5},
        {"replications": True},
        {"metrics": []},
        {"metrics": ["firms.alive"] * 13},
        {"metrics": ["no.such.metric"]},
        {"metrics": "firms.alive"},
        {"at": "1999Q1"},
        {"page": "../../x"},
        {"levers": [1, 2]},
    ],
)
def test_limits_hold(client: Visitor, bad: dict[str, Any]):
    assert client.post("/api/run", json=asking(**bad)).status_code == 422


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"[" * 5000, b"\xff\xfe"])
def test_what_is_no_document_is_refused(client: Visitor, body: bytes):
    assert client.post("/api/run", content=body, headers={"content-type": "application/json"}).status_code == 400


def test_no_more_runs_than_the_limit_at_a_time(office: Desk, client: Visitor):
    others = [(f"otherpage{k}", office.running.begin(f"otherpage{k}")) for k in range(MOST_RUNS)]
    try:
        assert client.post("/api/run", json=asking()).status_code == 429
    finally:
        for page, stop in others:
            office.running.end(page, stop)
    assert office.running.count == 0


async def visit_and_leave(office: Desk, path: str, document: dict[str, Any], leave: asyncio.Event) -> list[Any]:
    """What was sent to a reader who goes when `leave` is set, without having closed anything himself."""
    app = build_app(office, ["127.0.0.1"], 8000)
    asked = iter([{"type": "http.request", "body": json.dumps(document).encode(), "more_body": False}])
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        message = next(asked, None)
        if message is None:
            await leave.wait()
            return {"type": "http.disconnect"}
        return message

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope_of(path), receive, send)
    return sent


def scope_of(path: str) -> dict[str, Any]:
    headers = {"host": "127.0.0.1:8000", "origin": HOME, "content-type": "application/json"}
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
    }


def test_a_reader_who_goes_stops_the_search_for_a_world(office: Desk, monkeypatch: pytest.MonkeyPatch):
    begun, told = threading.Event(), threading.Event()

    def searching(*given: Any) -> int:
        begun.set()
        if given[-1].wait(60):
            told.set()
            raise Cancelled
        return 0

    monkeypatch.setattr("sim.app.web._standing", searching)

    async def one_visit() -> list[Any]:
        leave = asyncio.Event()
        wanted = {"scenario": "tiny", "percentile": 50, "metric": "firms.alive"}
        visit = asyncio.ensure_future(visit_and_leave(office, "/api/world", wanted, leave))
        while not begun.is_set():
            await asyncio.sleep(0.01)
        assert office.looks == 1
        leave.set()
        return await visit

    sent = asyncio.run(one_visit())
    assert told.is_set()
    assert office.looks == 0
    assert sent[0]["status"] == 499


def test_no_more_worlds_are_looked_for_than_the_limit(office: Desk, client: Visitor, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(office, "looks", MOST_LOOKS)
    wanted = {"scenario": "tiny", "replication": 0}
    assert client.post("/api/world", json=wanted).status_code == 429
    assert client.post("/api/firm", json=wanted | {"firm": "start-a-1"}).status_code == 429


@pytest.mark.parametrize("metric", [None, {}, [], 5, "no.such"])
def test_a_metric_that_is_none_finds_no_world(client: Visitor, metric: object):
    wanted = {"scenario": "tiny", "percentile": 50, "metric": metric}
    assert client.post("/api/world", json=wanted).status_code == 422


def test_a_body_that_does_not_come_is_not_waited_for(office: Desk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sim.app.safety.PATIENCE", 0.05)
    app = build_app(office, ["127.0.0.1"], 8000)
    sent: list[Any] = []

    async def one_visit() -> None:
        never = asyncio.Event()

        async def receive() -> dict[str, Any]:
            await never.wait()
            raise AssertionError("nothing comes")

        async def send(message: Any) -> None:
            sent.append(message)

        await app(scope_of("/api/run"), receive, send)

    asyncio.run(one_visit())
    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]
    assert json.loads(sent[1]["body"])["wrong"][0]["word"] == "refused.slow"


def test_a_connection_that_never_says_what_it_wants_is_closed_and_a_prompt_one_is_kept(
    office: Desk, monkeypatch: pytest.MonkeyPatch
):
    from uvicorn import Config, Server

    from sim.app.connection import Connection

    monkeypatch.setattr(Connection, "patience", 0.3)
    with listening("127.0.0.1", 0) as place:
        port = place.getsockname()[1]
        app = build_app(office, ["127.0.0.1"], port)
        server = Server(Config(app, http=Connection, ws="none", lifespan="off", log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [place]})
        thread.start()
        try:
            prompt = httpx.Client(base_url=f"http://127.0.0.1:{port}")
            assert prompt.get("/static/icon.svg").status_code == 200
            for said in (b"", b"GET / HTTP/1.1\r\nHost: 127.0.0.1"):
                with socket.create_connection(("127.0.0.1", port), timeout=60) as slow:
                    slow.sendall(said)
                    for _ in range(20):  # a byte now and then does not count as haste
                        if said:
                            with contextlib.suppress(OSError):
                                slow.sendall(b"x")
                        threading.Event().wait(0.05)
                    with contextlib.suppress(ConnectionResetError):
                        assert slow.recv(100) == b""
            assert prompt.get("/static/icon.svg").status_code == 200
            prompt.close()
        finally:
            server.should_exit = True
            thread.join()


def test_what_is_wrong_with_a_scenario_file_is_told_with_its_line_and_the_nearest_name(office: Desk, client: Visitor):
    bad = office.catalogue.folder / "misspelt.toml"
    bad.write_text(TINY + "\n[guidance]\nreinvestmnt = 2\n", encoding="utf-8")
    try:
        answer = client.get("/api/scenario", params={"name": "misspelt"})
    finally:
        bad.unlink()
    assert answer.status_code == 422
    (wrong,) = answer.json()["wrong"]
    assert wrong["word"] == "wrong.file"
    line = TINY.count("\n") + 3
    assert f"misspelt.toml:{line}: guidance.reinvestmnt: unknown key" in wrong["fill"]["message"]["en"]
    assert "是否指 reinvestment？" in wrong["fill"]["message"]["zh"]


def test_what_the_model_refuses_is_told(bench: Bench):
    said = refused_by_model(bench.scenario, {"guidance.cap.angel": 1.5})
    assert [w.path for w in said] == ["guidance.cap.angel"]
    assert "between 0 and 1" in said[0].fill["message"]


# --- levers


def test_the_declared_levers_are_offered_in_their_order_with_both_names(bench: Bench):
    scenario = bench.scenario
    assert [c.path for c in bench.controls] == list(scenario.levers)
    by_path = {c.path: c for c in bench.controls}
    assert by_path["funds.guidance.size"].value == 5e9
    assert by_path["guidance.additionality"].spread is not None
    assert all(c.label["zh"] and c.label["en"] and c.low <= c.value <= c.high for c in bench.controls)


def test_a_switch_stands_where_the_scenario_does_and_goes_to_the_other_end(bench: Bench):
    switch = next(c for c in bench.controls if c.switch)
    assert (switch.path, switch.value, switch.other) == ("market.shut.share", 1.0, 0.0)


def test_without_declared_levers_the_usual_ones_are_offered(tmp_path: Path):
    folder = scenarios_in(tmp_path)
    text = (folder / "xian.toml").read_text(encoding="utf-8")
    (folder / "xian.toml").write_text(text[: text.index("[levers.")], encoding="utf-8")
    controls, lost = controls_of(load_scenario(folder / "tiny.toml"))
    assert lost == []
    assert {"funds.guidance.size", "guidance.reinvestment", "firms.entry.organic.per_year"} <= {
        c.path for c in controls
    }
    assert all(c.low < c.high and c.low <= c.value <= c.high for c in controls)


def test_a_lever_that_no_file_could_say_alone_is_told_and_left_out(tmp_path: Path):
    """An item of a list without names. A lever on nothing at all is refused with the scenario."""
    folder = scenarios_in(tmp_path)
    scenario = load_scenario(folder / "tiny.toml")
    path = next(path for path, _ in iter_quantities(scenario) if ".conditions.0." in path)
    (folder / "odd.toml").write_text(TINY + f'\n[levers."{path}"]\nlow = 0\nhigh = "1亿"\n', encoding="utf-8")
    controls, lost = controls_of(load_scenario(folder / "odd.toml"))
    assert lost == [path]
    assert path not in {c.path for c in controls}


@pytest.mark.parametrize(
    ("low", "high", "whole", "step"),
    [(0, 1, False, 0.01), (0, 1e10, False, 1e8), (0, 30, True, 1), (0, 2, False, 0.02)],
)
def test_a_slider_has_about_a_hundred_round_positions(low: float, high: float, whole: bool, step: float):
    assert step_of(low, high, whole) == pytest.approx(step)


def test_a_lever_on_how_many_funds_moves_by_whole_funds_and_takes_no_part_of_one(tmp_path: Path):
    """The language refuses `count = 2.5`; the page took it and rounded."""
    folder = scenarios_in(tmp_path)
    lever = '\n[levers."funds.angel.count"]\nlow = 0.5\nhigh = 9.5\nstep = 0.5\n'
    (folder / "funds.toml").write_text(TINY + lever, encoding="utf-8")
    controls, _ = controls_of(load_scenario(folder / "funds.toml"))
    control = next(c for c in controls if c.path == "funds.angel.count")
    assert (control.low, control.high, control.step) == (1, 9, 1)
    for written in (2.5, "2.5", "2.5支"):
        settings, (wrong,) = read_settings(controls, {control.path: written})
        assert not settings and wrong.path == control.path
        message = wrong.to_json()["fill"]["message"]
        assert message == {"zh": "此处须为整数", "en": "a whole number is needed here"}
    assert read_settings(controls, {control.path: "3"}) == ({control.path: 3.0}, [])
    rate = next(c for c in controls if c.path == "attraction.offers_per_year")  # a mean
    assert read_settings(controls, {rate.path: 2.5}) == ({rate.path: 2.5}, [])


def test_more_settings_than_levers_are_refused(bench: Bench):
    _, wrong = read_settings(bench.controls, {f"x{k}": 1 for k in range(10_000)})
    assert 0 < len(wrong) <= 41


# --- the numbers are the simulator's


def test_the_answer_is_that_of_simulate_and_compare(client: Visitor, office: Desk):
    path = office.catalogue.folder / "tiny.toml"
    answer = client.post("/api/run", json=asking(levers={"guidance.reinvestment": 1.8}, at="2026Q4"))
    last = lines(answer.text)[-1]
    assert (last["stage"], last["pairs"]) == ("full", PAIRS)
    base = simulate(load_scenario(path), PAIRS, events=0, threads=1)
    moved = simulate(load_scenario(path, ["guidance.reinvestment=1.8"]), PAIRS, events=0, threads=1)
    compared = compare({"baseline": base, "variant": moved}, at="2026Q4")
    for chart in last["charts"]:
        k = compared.row(chart["metric"])
        np.testing.assert_allclose(chart["baseline"]["p50"], base.quantiles(chart["metric"])[2], rtol=1e-5)
        np.testing.assert_allclose(chart["variant"]["p95"], moved.quantiles(chart["metric"])[4], rtol=1e-5)
        np.testing.assert_allclose(chart["difference"]["mean"], compared.differences[0].mean[k], rtol=1e-5, atol=1e-9)
    row = next(r for r in last["table"] if r["metric"] == "funds.subfunds.size")
    d, j = compared.differences[0], compared.column("2026Q4")
    k = compared.row("funds.subfunds.size")
    assert row["mean"] == pytest.approx(d.mean[k, j], rel=1e-5)
    assert row["low"] == pytest.approx(d.low[k, j], rel=1e-5)
    assert row["noise"] == bool(d.noise[k, j])


def test_a_first_look_comes_before_the_whole_and_says_so(bench: Bench):
    bench.baseline(PAIRS).fill(bench.crew, 0, PAIRS, 0, threading.Event())
    made = list(answers.answers(bench, {"funds.guidance.size": 8e9}, METRICS, "2026Q4", PAIRS, threading.Event()))
    stages = [(a["stage"], a["pairs"]) for a in made]
    assert stages[0][0] == "preview" and 2 <= stages[0][1] <= 8
    assert stages[-1] == ("full", PAIRS)
    assert [n for _, n in stages] == sorted({n for _, n in stages})
    first = made[0]["charts"][1]
    shift = np.subtract(first["variant"]["p50"], first["baseline"]["p50"])
    np.testing.assert_allclose(shift, first["difference"]["mean"], rtol=1e-4, atol=1e3)
    low, high = (np.array(first["variant"][key]) for key in ("p05", "p95"))
    assert (low <= high).all()


def test_full_bands_come_before_all_pairs_and_rest_on_those_there_are(bench: Bench):
    n = answers.BANDS + 12
    bench.baseline(n).fill(bench.crew, 0, n, 0, threading.Event())
    made = list(answers.answers(bench, {"funds.guidance.size": 7e9}, METRICS, "2026Q4", n, threading.Event()))
    stages = [(a["stage"], a["pairs"]) for a in made]
    assert stages[-2:] == [("bands", answers.BANDS), ("full", n)]
    assert [a["baseline_worlds"] for a in made] == [n] * len(made)
    case, column = bench.case({"funds.guidance.size": 7e9}, n), bench.metric_number[METRICS[0]]
    baseline, variant = bench.baseline(n).values[:, column], case.values[:, column]
    moved = np.quantile(variant[: answers.BANDS], 0.95, axis=0) - np.quantile(baseline[: answers.BANDS], 0.95, axis=0)
    shown = [answer["charts"][0]["variant"]["p95"] for answer in made[-2:]]
    np.testing.assert_allclose(shown[0], np.quantile(baseline, 0.95, axis=0) + moved, rtol=1e-5)
    np.testing.assert_allclose(shown[1], np.quantile(variant, 0.95, axis=0), rtol=1e-5)


def test_a_lever_at_the_scenario_s_own_certain_value_changes_nothing_at_any_stage(bench: Bench):
    n = answers.BANDS + 12
    bench.baseline(n).fill(bench.crew, 0, n, 0, threading.Event())
    made = list(answers.answers(bench, {"guidance.reinvestment": 1.0}, METRICS, "2026Q4", n, threading.Event()))
    assert {"preview", "partial", "bands", "full"} == {answer["stage"] for answer in made}
    assert all(chart["variant"] == chart["baseline"] for answer in made for chart in answer["charts"])
    assert all(row["same"] for row in made[-1]["table"])


def test_a_lever_of_the_market_has_no_price_and_one_beside_a_policy_is_told(bench: Bench):
    def last(**settings: float) -> dict[str, Any]:
        moved = {path.replace("__", "."): value for path, value in settings.items()}
        return list(answers.answers(bench, moved, METRICS, "2026Q4", PAIRS, threading.Event()))[-1]

    weather = last(market__reversion=0.4)
    assert not weather["prices"] and "no price" in weather["price_remarks"]["en"][0]
    assert "没有价格" in weather["price_remarks"]["zh"][0]
    mixed = last(market__reversion=0.4, funds__guidance__size=8e9)
    assert mixed["prices"] and any("includes that of the market" in told for told in mixed["price_remarks"]["en"])
    policy = last(funds__guidance__size=8e9)
    assert policy["prices"] and "Discounted at 3% a year" in policy["price_remarks"]["en"][0]


def test_a_setting_tried_before_is_whole_at_once(bench: Bench):
    for _ in range(2):
        made = list(answers.answers(bench, {"guidance.cap.angel": 0.5}, METRICS, "2026Q4", PAIRS, threading.Event()))
    assert [a["stage"] for a in made] == ["full"]


def test_another_number_of_worlds_keeps_those_that_were_lived(bench: Bench):
    few = bench.baseline(PAIRS)
    few.fill(bench.crew, 0, PAIRS, 0, threading.Event())
    more = bench.baseline(PAIRS + 10)
    assert more.whole() >= PAIRS
    np.testing.assert_array_equal(more.values[:PAIRS], few.values[:PAIRS])
    bench.baseline(PAIRS)


def test_another_page_s_number_of_worlds_does_not_turn_a_baseline_into_a_variant(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
):
    ask = bench.baseline

    def interrupted(replications: int) -> Case:
        found = ask(replications)
        ask(PAIRS + 1)  # another page asks in between, and its baseline takes the place of ours
        return found

    monkeypatch.setattr(bench, "baseline", interrupted)
    made = list(answers.answers(bench, {}, METRICS, "2026Q4", PAIRS, threading.Event()))
    assert made[-1]["stage"] == "full"
    assert not any("variant" in chart for answer in made for chart in answer["charts"])


def test_facts_stand_on_the_curve_of_their_metric(client: Visitor):
    found = client.get("/api/scenario", params={"name": "tiny"}).json()
    fact = next(f for f in found["facts"] if f["id"] == "xa-cluster")
    assert (fact["metric"], fact["quarter"], fact["value"]) == ("funds.subfunds.size", "2023Q4", 151e8)
    assert all(f["metric"] in {m["name"] for m in found["metrics"]} for f in found["facts"])
    assert "xa-hte-add" not in {f["id"] for f in found["facts"]}  # a change since a date is no point


def test_a_variant_may_start_from_another_scenario_of_the_zone(client: Visitor, office: Desk):
    folder = office.catalogue.folder / "tiny"
    folder.mkdir(exist_ok=True)
    (folder / "ratio-2.toml").write_text('extends = "../tiny.toml"\n[guidance]\nreinvestment = 2.0\n', encoding="utf-8")
    (folder / "longer.toml").write_text('extends = "../tiny.toml"\n[zone]\nend = "2027Q4"\n', encoding="utf-8")
    from_file = lines(client.post("/api/run", json=asking(start="tiny/ratio-2")).text)[-1]
    by_lever = lines(client.post("/api/run", json=asking(levers={"guidance.reinvestment": 2.0})).text)[-1]
    assert from_file["table"] == by_lever["table"] != []
    assert from_file["charts"] == by_lever["charts"]
    back = client.post("/api/run", json=asking(start="tiny/ratio-2", levers={"guidance.reinvestment": 1.0}))
    assert all(row["same"] for row in lines(back.text)[-1]["table"])
    unpaired = client.post("/api/run", json=asking(start="tiny/longer"))
    assert unpaired.json()["wrong"][0]["word"] == "wrong.start"


# --- newer work stops older work


def test_stopped_work_ends_between_two_worlds(bench: Bench):
    case = Case(bench.scenario, {"guidance.reinvestment": 0.3}, PAIRS, bench.seed, {})
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        case.fill(bench.crew, 0, PAIRS, 0, stop)
    case.fill(bench.crew, 0, 2, 0, threading.Event())
    assert case.whole() >= 2


def test_urgent_work_goes_first_and_newer_before_older():
    crew = Crew(1)
    done: list[str] = []
    gate, end = threading.Event(), threading.Event()
    crew.give(0, 0, lambda: gate.wait(5) and None)
    for urgency, batch, name in ((1, 9, "background"), (0, 1, "older"), (0, 2, "newer"), (0, 2, "newer, second")):
        crew.give(urgency, batch, lambda name=name: done.append(name))
    crew.give(2, 0, end.set)
    gate.set()
    assert end.wait(300)
    crew.stop()
    assert done == ["newer", "newer, second", "older", "background"]


def test_a_page_s_newer_run_stops_its_older_one(office: Desk):
    first = office.running.begin("samepage0")
    second = office.running.begin("samepage0")
    assert first.is_set() and not second.is_set()
    office.running.end("samepage0", first)
    assert not second.is_set()
    office.running.end("samepage0", second)
    assert office.running.count == 0


def test_a_reader_who_goes_stops_the_run(office: Desk):
    app = build_app(office, ["127.0.0.1"], 8000)
    body = json.dumps(asking(page="leavingpage", levers={"guidance.reinvestment": 0.77}, replications=400)).encode()
    sent: list[dict[str, Any]] = []

    async def one_visit() -> None:
        gone = asyncio.Event()
        asked = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive() -> dict[str, Any]:
            message = next(asked, None)
            if message is None:
                await gone.wait()
                return {"type": "http.disconnect"}
            return message

        async def send(message: Any) -> None:
            sent.append(message)
            if message["type"] == "http.response.body" and message.get("body"):
                assert "leavingpage" in office.running.stops
                gone.set()

        await app(scope_of("/api/run"), receive, send)

    asyncio.run(one_visit())
    assert office.running.count == 0
    assert "leavingpage" not in office.running.stops
    answered = [m for m in sent if m["type"] == "http.response.body" and m.get("body")]
    assert json.loads(answered[-1]["body"].splitlines()[-1])["pairs"] < 400


# --- saving


def saving_with(client: Visitor, **more: Any) -> Any:
    levers = {"guidance.reinvestment": 1.5, "funds.guidance.size": 6.7e9, "guidance.cap.angel": 0.35}
    return client.post("/api/save", json=asking(levers=levers) | more)


def test_a_saved_scenario_loads_and_says_only_what_differs(client: Visitor, office: Desk):
    answer = saving_with(client, name="higher-ratio", title='返投 1.5 "试"')
    assert answer.json() == {"saved": "tiny/higher-ratio", "file": "scenarios/tiny/higher-ratio.toml"}
    path = office.catalogue.folder / "tiny" / "higher-ratio.toml"
    saved, base = load_scenario(path), load_scenario(office.catalogue.folder / "tiny.toml")
    assert saved.zone.name.zh == '返投 1.5 "试"'
    for name, value in {"guidance.reinvestment": 1.5, "funds.guidance.size": 6.7e9, "guidance.cap.angel": 0.35}.items():
        assert find_quantity(saved, name).value == value
        assert find_quantity(saved, name).grade == "assumed"
    assert "tiny.toml" in find_quantity(saved, "guidance.reinvestment").source
    assert find_quantity(saved, "guidance.cap.venture").value == find_quantity(base, "guidance.cap.venture").value
    text = path.read_text(encoding="utf-8")
    assert 'extends = "../tiny.toml"' in text
    assert '"67亿"' in text
    assert len(text.splitlines()) < 22
    assert {e.name: e.root for e in office.catalogue.entries()}["tiny/higher-ratio"] == "xian"
    assert "tiny/higher-ratio" in [s["name"] for s in client.get("/api/scenarios").json()["scenarios"]]
    found = client.get("/api/scenario", params={"name": "tiny/higher-ratio"}).json()
    assert {c["path"]: c["value"] for c in found["levers"]}["guidance.reinvestment"] == 1.5


def test_a_file_is_replaced_only_when_asked_to(client: Visitor, office: Desk):
    assert saving_with(client, name="twice").status_code == 200
    path = office.catalogue.folder / "tiny" / "twice.toml"
    before = path.read_bytes()
    again = saving_with(client, name="twice", levers={"guidance.reinvestment": 0.5})
    assert again.status_code == 409
    assert again.json()["exists"] is True
    assert path.read_bytes() == before
    assert saving_with(client, name="twice", levers={"guidance.reinvestment": 0.5}, replace=True).status_code == 200
    assert find_quantity(load_scenario(path), "guidance.reinvestment").value == 0.5


def test_a_disk_that_is_full_when_saving_is_told_as_such_in_both_languages(client: Visitor, office: Desk):
    """Not as if the model had refused the settings."""
    assert saving_with(client, name="full").status_code == 200
    path = office.catalogue.folder / "tiny" / "full.toml"
    before = path.read_bytes()
    store.fail_at(2)
    try:
        answer = saving_with(client, name="full", levers={"guidance.reinvestment": 0.5}, replace=True)
    finally:
        store.fail_at(None)
    assert answer.status_code == 500
    (wrong,) = answer.json()["wrong"]
    assert wrong["word"] == "wrong.failed"
    assert "cannot write" in wrong["fill"]["message"]["en"] and "无法写入" in wrong["fill"]["message"]["zh"]
    assert path.read_bytes() == before


def test_a_scenario_that_needs_more_memory_than_there_is_is_refused_with_the_remedy(client: Visitor, office: Desk):
    greedy = office.catalogue.folder / "greedy.toml"
    greedy.write_text(TINY.replace("count = 500", "count = 1e12"), encoding="utf-8")
    try:
        (said,) = lines(client.post("/api/run", json=asking(scenario="greedy")).text)
    finally:
        greedy.unlink()
    assert said["kind"] == "refused"
    told = said["wrong"][0]["fill"]["message"]
    assert "GiB of memory" in told["en"] and "expected fewer firms" in told["en"]
    assert "GiB 内存" in told["zh"] and "应为 减少企业" in told["zh"]


def test_a_saved_file_says_in_the_language_of_the_page_where_it_was_made(client: Visitor, office: Desk):
    path = office.catalogue.folder / "tiny" / "said.toml"
    for lang, said in (("zh", "# 在推演网页上保存。"), ("en", "# Saved from the what-if page."), ("fr", "# 在")):
        assert saving_with(client, name="said", lang=lang, replace=True).status_code == 200
        assert said in path.read_text(encoding="utf-8")


def test_a_file_that_a_person_wrote_is_never_replaced(client: Visitor, office: Desk):
    path = office.catalogue.folder / "xian" / "cap-50.toml"
    before = path.read_bytes()
    answer = saving_with(client, scenario="xian", name="cap-50", replace=True)
    assert answer.status_code == 422
    assert answer.json()["wrong"][0]["word"] == "save.not_ours"
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "name",
    ["", "../up", "a/b", "a\\b", ".hidden", "A", "名", "a..b", "x" * 61, "con", "nul.1", "a\n", "-a", "a b", "a."],
)
def test_a_name_that_could_lead_elsewhere_is_refused(client: Visitor, office: Desk, name: str):
    before = sorted(office.catalogue.folder.rglob("*"))
    answer = saving_with(client, name=name)
    assert answer.status_code == 422
    assert answer.json()["wrong"][0] == {"path": "name", "word": "save.bad_name", "fill": {}}
    assert sorted(office.catalogue.folder.rglob("*")) == before


def test_nothing_moved_is_nothing_to_save(client: Visitor):
    assert saving_with(client, name="nothing", levers={}).json()["wrong"][0]["word"] == "save.nothing"


def test_a_folder_that_is_a_link_elsewhere_is_not_written_into(tmp_path: Path):
    folder = scenarios_in(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (folder / "tiny").symlink_to(tmp_path / "elsewhere")
    scenario = load_scenario(folder / "tiny.toml")
    with pytest.raises(saving.Refused):
        saving.save(Catalogue(folder), scenario, folder / "tiny.toml", {"guidance.reinvestment": 1.5}, "x", "", False)
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (5e9, "CNY", "50亿"),
        (667e6, "CNY", "6.67亿"),
        (6e7, "CNY", "6000万"),
        (123456789.0, "CNY", "123456789"),
        (0.35, "share", "0.35"),
        (12.0, "count", "12"),
        (0.0, "CNY", "0"),
    ],
)
def test_numbers_are_written_as_people_write_them(value: float, unit: str, text: str):
    assert saving.written(value, unit) == text


# --- one world


@pytest.fixture(scope="module")
def past(bench: Bench) -> explore.Past:
    return explore.Pasts().get(bench, {}, 3, "2026Q4")


def test_a_world_opened_at_an_earlier_quarter_is_the_same_world(bench: Bench, past: explore.Past):
    earlier = explore.Pasts().get(bench, {}, 3, "2023Q4")
    whole = bench.baseline(PAIRS)
    whole.fill(bench.crew, 0, 4, 0, threading.Event())
    quarters = earlier.scenario.zone.quarters
    np.testing.assert_array_equal(earlier.world.metrics[:, :quarters], whole.values[3, :, :quarters])
    assert {f["firm"] for f in earlier.firms} <= {f["firm"] for f in past.firms}


def test_the_largest_firm_has_rounds_a_cap_table_and_payoffs_that_add_up(past: explore.Past):
    alive = next(f for f in past.firms if not f["end"] and f["rounds"] > 1)
    life = explore.firm(past, alive["firm"])
    assert len(life["rounds"]) == alive["rounds"]
    equity, payoff = life["now"]["equity"], life["payoff"]
    shares = equity["founders"] + equity["pool"] + sum(c["share_of_firm"] for c in equity["classes"])
    assert shares == pytest.approx(1.0)
    whole = np.sum(payoff["classes"], axis=0) + payoff["common"]
    np.testing.assert_allclose(whole, payoff["values"], rtol=1e-4)
    assert payoff["preferences"] == pytest.approx(
        sum(c["shares"] * c["price"] * c["preference"] for c in equity["classes"])
    )


def test_a_firm_of_a_portfolio_is_told_as_trace_tells_it(tmp_path: Path):
    """When its known rounds closed, from where its classes convert, who holds them; ordinary shares among them."""
    sheets = example()
    sheets["holdings"].append({"firm": "eg-gene", "fund": "eg-venture", "cost": 900, "share": 0.06})
    scenario = imported(tmp_path, sheets, 'zone.end="2026Q4"')
    traced = follow(scenario, 0, "eg-gene", 1)
    world, samples = live_again(scenario, 0, 1)
    past = explore.Past(scenario, world, samples, 0, 1, "2026Q4", [])
    told = explore.firm(past, "eg-gene")
    known = follow(scenario, 0, "eg-photon", 1)["rounds"][0]["closed"]
    assert known < told["rounds"][0]["quarter"]
    assert explore.firm(past, "eg-photon")["rounds"][0]["closed"] == known
    classes = told["now"]["equity"]["classes"]
    assert [c["stage"] for c in classes][:2] == ["angel", "ordinary"]
    assert told["payoff"]["converts"] == payoff_of(traced["now"]["equity"]).converts
    flows = samples["flows"]
    held = {holder: str(flows["class"][flows["fund"] == fund][0]) for holder, fund in told["holder_funds"].items()}
    assert held["eg-angel"] == "eg-angel" and held["eg-venture"] == "eg-venture"
    assert {holder for c in classes for holder in c["holders"]} == set(held)


def test_a_fund_s_quarters_add_up_to_what_it_has_called_and_paid(past: explore.Past):
    row = next(f for f in explore.overview(past)["funds"] if f["class"] == "direct")
    found = explore.fund(past, row["fund"])
    assert found is not None
    assert sum(found["calls"]) == pytest.approx(row["called"], rel=1e-4)
    assert sum(found["distributions"]) == pytest.approx(row["distributed"], rel=1e-4, abs=1.0)
    n = int(past.world.tally.counts[Count.HOLDINGS])
    own = np.flatnonzero(past.world.holdings.fund[:n] == row["fund"])
    assert found["held"] == len(set(past.world.holdings.venture[own].tolist()))
    held = sum(h["value"] for h in found["holdings"])
    assert held <= found["nav"][-1] * 1.001
    assert explore.fund(past, 10**6) is None


def test_a_guidance_fund_lists_the_funds_that_it_committed_to(past: explore.Past):
    row = next(f for f in explore.overview(past)["funds"] if f["class"] == "guidance")
    found = explore.fund(past, row["fund"])
    assert found is not None and found["commitments"]
    assert sum(c["called"] for c in found["commitments"]) <= row["commitment"]
    assert all(c["amount"] <= c["size"] for c in found["commitments"])
    assert found["invested"] == 0 and 0 < found["placed"] <= found["promised"]
    assert found["placed"] == pytest.approx(sum(c["called"] for c in found["commitments"]))


def test_a_percentile_path_is_the_replication_that_stands_there(client: Visitor, bench: Bench):
    asked = asking(quarter="2026Q4", metric="firms.alive", percentile=50)
    found = client.post("/api/world", json=asked).json()
    case = bench.baseline(PAIRS)
    at_end = case.values[:PAIRS, bench.metric_number["firms.alive"], -1]
    rank = np.sum(at_end < at_end[found["replication"]])
    assert abs(rank - (PAIRS - 1) / 2) <= 1.5
    assert found["count"] == len(found["firms"]) or len(found["firms"]) == explore.MOST_FIRMS
    assert {"p50", "p90", "p99", "max"} == set(found["ranks"])


def test_a_firm_that_is_not_there_is_told_beside_its_field(client: Visitor):
    answer = client.post("/api/firm", json=asking(replication=3, quarter="2026Q4", firm="2030Q1-o-999999"))
    assert answer.status_code == 404
    assert answer.json()["wrong"][0]["path"] == "firm"
    assert client.post("/api/fund", json=asking(replication=3, quarter="2026Q4", fund=99999)).status_code == 404
    assert client.post("/api/firm", json=asking(replication=9999, quarter="2026Q4", firm="x")).status_code == 422


# --- two languages


@pytest.mark.parametrize(("lang", "said", "tag"), [("zh", "政策杠杆", "zh-CN"), ("en", "Levers", "en")])
def test_the_page_speaks_the_language_that_is_asked_for(client: Visitor, lang: str, said: str, tag: str):
    html = client.get("/", params={"lang": lang}).text
    assert f'<html lang="{tag}">' in html
    assert f">{said}</h2>" in html


def test_the_browser_s_language_is_taken_where_none_is_asked_for(client: Visitor):
    assert '<html lang="en">' in client.get("/", headers={"accept-language": "en-GB,en;q=0.9"}).text
    assert '<html lang="zh-CN">' in client.get("/", headers={"accept-language": "zh-CN,zh;q=0.9"}).text
    assert preferred("fr,de", "zh") == "zh"


def test_the_language_of_the_option_goes_before_the_browser_s_and_after_the_reader_s(office: Desk, client: Visitor):
    office.asked = True
    try:
        english = {"accept-language": "en-GB,en;q=0.9"}
        assert '<html lang="zh-CN">' in client.get("/", headers=english).text
        assert '<html lang="en">' in client.get("/", params={"lang": "en"}, headers=english).text
    finally:
        office.asked = False


def test_every_word_is_there_in_both_languages_with_the_same_blanks():
    for key, (zh, en) in WORDS.items():
        assert zh and en, key
        assert set(re.findall(r"{\w+}", zh)) == set(re.findall(r"{\w+}", en)), key


def test_the_page_uses_no_word_that_is_not_in_the_table_and_the_table_has_none_unused():
    text = "".join(p.read_text(encoding="utf-8") for p in (APP / "static").glob("*.js"))
    page = (APP / "templates" / "page.html").read_text(encoding="utf-8")
    python = "".join(p.read_text(encoding="utf-8") for p in APP.glob("*.py") if p.name != "words.py")
    said = set(re.findall(r"""words\("([a-z._]+)\"""", text)) | set(re.findall(r"\bt\('([a-z._]+)'\)", page))
    said |= set(re.findall(r"w\['([a-z._]+)'\]", page))
    assert said <= set(WORDS)
    every = text + page + python
    families = set(re.findall(r"`([a-z._]+\.)\$\{", text)) | set(re.findall(r'f"([a-z.]+\.){', python))
    unused = {key for key in WORDS if f'"{key}"' not in every and f"'{key}'" not in every}
    assert {key for key in unused if not any(key.startswith(family) for family in families)} == set()


# --- what was vendored, and the command


def test_what_others_made_stands_beside_its_licence():
    assert (APP / "vendor" / "echarts.min.js").stat().st_size < 1.2e6
    assert "Apache License" in (APP / "vendor" / "LICENSE").read_text(encoding="utf-8")
    assert "Apache ECharts" in (APP / "vendor" / "NOTICE").read_text(encoding="utf-8")
    assert "Mozilla Public License" in (ROOT / "tests" / "axe" / "LICENSE").read_text(encoding="utf-8")


def test_the_command_serves_as_its_example_stands_and_ends_with_ctrl_c(root: Path):
    from tests.test_repository import examples_that_serve

    (line,) = examples_that_serve()
    words = [*line.split()[2:], "--port", "0", "--quiet"]
    program = subprocess.Popen([sys.executable, "run.py", *words], cwd=root, stdout=subprocess.PIPE, text=True)
    try:
        assert program.stdout is not None
        address = program.stdout.readline().strip()
        host, port = re.fullmatch(r"http://([\d.]+):(\d+)/", address).groups()  # type: ignore[union-attr]
        assert host == "127.0.0.1"
        with socket.create_connection((host, int(port)), timeout=120) as talk:
            talk.sendall(f"GET / HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
            answer = b"".join(iter(lambda: talk.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 200 OK")
        program.send_signal(2)
        assert program.wait(timeout=300) == 0
    finally:
        program.kill()
        program.wait()
        program.stdout.close()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--host", "0.0.0.0"], "needs a token"),
        (["--token", "short"], "too weak"),
        (["scenarios/none.toml"], "no such file"),
    ],
)
def test_what_is_wrong_with_the_command_is_said_before_there_is_a_page(headwater: Any, words: list[str], said: str):
    done = headwater("serve", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
