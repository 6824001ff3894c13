"""A mutation fuzzer over everything that a person or a browser hands the program.

`python -m tests.fuzzing --inputs 20000 --seed 1` (`make fuzz`). An input is made from a shipped one by a few mutations
of tokens, lines or bytes. Each must end as a valid run or as a message with its place: exit status 0, 1 or 2 (HTTP:
below 500), no traceback, within the time limit, with no half-written folder. Everything an input consists of follows
from (seed, number): `--only NUMBER` does one again and prints it.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import sim.verify
from tests.tiny import ROOT, Ended, furnish, headwater, leftovers

LIMIT = 60  # seconds of the processor that an input may take; it takes some hundredths
ON_THE_WALL = 900  # seconds: something waits for what does not come
KINDS = {"scenario": 10, "override": 6, "run": 1, "case": 3, "portfolio": 2, "http": 4}  # of twenty-six inputs
# Cases are refused by what they would cost. The bounds of minutes are lowered, so that what they let through takes less
# than a second here, and the same comparison decides.
STEPS, FIRM_QUARTERS = 1e8, 4e5
TOKEN = re.compile(r'"[^"\n]*"|[A-Za-z_][\w.-]*|[-+]?\d[\d_.eE+-]*|\s+|.', re.DOTALL)
VALUE = re.compile(r'(?<![\w"\-.])("[^"\n]*"|[-+]?\d[\d_.eE+-]*|true|false)(?=[\s,\]}]|$)')
ODD = (
    'nan', 'inf', '-inf', '-1', '0', '1e308', '-1e308', '1e-320', "9" * 40, "9" * 400, '1.5', '2', 'true', '""', '"亿"',
    '"50亿亿"', '"-3万"', '"200%"', '"1/0"', '"2023Q9"', '"9999Q4"', '"0000Q1"', '"2023-13"', '"nan"', '"\\u0000"',
    '[]', '{}', '[[]]', '[1, 2, 3]', '{ value = 1 }', '{ normal = { mean = 0, sd = -1 } }',
    '{ uniform = [2, 1] }', '1979-05-27', '07:32:00', '{ lognormal = { median = 0, p95 = 0 } }',
    '{ choices = [] }', '"' + "x" * 5000 + '"', '"\U0001f40e"', '=', '[', ']', '#', '[zone]', '[[facts]]',
    '[[programmes]]', 'extends = "fuzz.toml"', 'extends = "/etc/passwd"', 'zone = 3', '.', '\x7f',
)  # fmt: skip


class TooLong(BaseException):
    """An input took longer than the limit. Nothing that the program catches."""


@contextmanager
def limited(seconds: int) -> Iterator[None]:
    """In time of the processor, so that a loaded machine is no hang; and, far longer, on the wall."""

    def ring(*_: Any) -> None:
        raise TooLong(f"not done after {seconds} s")

    clocks = {signal.SIGPROF: (signal.ITIMER_PROF, seconds), signal.SIGALRM: (signal.ITIMER_REAL, ON_THE_WALL)}
    before = {sign: signal.signal(sign, ring) for sign in clocks}
    for clock, most in clocks.values():
        signal.setitimer(clock, most)
    try:
        yield
    finally:
        for sign, (clock, _) in clocks.items():
            signal.setitimer(clock, 0)
            signal.signal(sign, before[sign])


# --- mutations


def mutated(text: str, rnd: random.Random) -> bytes:
    """A few mutations of tokens or lines; now and then of bytes."""
    tokens = TOKEN.findall(text)
    for _ in range(rnd.choice((1, 1, 1, 2, 3, 6))):
        if not tokens:
            break
        i, j = rnd.randrange(len(tokens)), rnd.randrange(len(tokens))
        way = rnd.randrange(6)
        if way == 0:
            tokens[i] = rnd.choice(ODD)
        elif way == 1:
            words = [k for k in range(len(tokens)) if tokens[k].strip() and tokens[k] not in "={}[],."]
            if words:
                tokens[rnd.choice(words)] = rnd.choice(ODD)
        elif way == 2:
            del tokens[i]
        elif way == 3:
            tokens.insert(i, tokens[j])
        elif way == 4:
            tokens[i], tokens[j] = tokens[j], tokens[i]
        else:
            lines = "".join(tokens).split("\n")
            k, n = rnd.randrange(len(lines)), rnd.randrange(len(lines))
            if rnd.random() < 0.5:
                lines.insert(n, lines[k])
            else:
                del lines[k]
            tokens = TOKEN.findall("\n".join(lines))
    data = "".join(tokens).encode("utf-8", "surrogatepass")
    return garbled(data, rnd) if rnd.random() < 0.2 else data


def revalued(text: str, rnd: random.Random) -> bytes:
    """Values of a TOML text put in each other's place, odd ones in theirs, numbers scaled, a key misspelt, a line lost
    or doubled: mostly still TOML, so that what reads the values is reached."""
    for _ in range(rnd.choice((1, 1, 2, 3))):
        values = list(VALUE.finditer(text))
        way = rnd.randrange(6)
        if way < 4 and values:
            at = rnd.choice(values)
            put = (rnd.choice(ODD[:33]), rnd.choice(values).group(), *[scaled(at.group(), rnd)] * 2)[way]
            text = text[: at.start()] + put + text[at.end() :]
        elif way == 4 and (keys := list(re.finditer(r"(?m)^\s*(\w+) *=", text))):
            at = rnd.choice(keys)
            put = rnd.choice((at.group(1)[1:] or "x", rnd.choice(keys).group(1)))
            text = text[: at.start(1)] + put + text[at.end(1) :]
        else:
            lines = text.split("\n")
            k = rnd.randrange(len(lines))
            lines[k : k + 1] = [] if rnd.random() < 0.7 else [lines[k], lines[k]]
            text = "\n".join(lines)
    return text.encode("utf-8", "surrogatepass")


def scaled(value: str, rnd: random.Random) -> str:
    """A number somewhat, or very much, larger, smaller or of the other sign; another value as it is."""
    try:
        return repr(float(value) * rnd.choice((-1.0, 0.0, 0.5, 0.99, 1.01, 2.0, 100.0, 1e6, 1e12, 1e-6)))
    except (ValueError, OverflowError):
        return value


def garbled(data: bytes, rnd: random.Random) -> bytes:
    """A few mutations of bytes: flips, cuts, foreign bytes, a piece twice."""
    for _ in range(rnd.choice((1, 1, 2, 5))):
        i, j = rnd.randrange(len(data) + 1), rnd.randrange(len(data) + 1)
        way = rnd.randrange(5)
        if way == 0 and i < len(data):
            data = data[:i] + bytes([data[i] ^ 1 << rnd.randrange(8)]) + data[i + 1 :]
        elif way == 1:
            data = data[:i]
        elif way == 2:
            data = (
                data[:i]
                + rnd.choice((b"\0", b"\xff\xfe", b"\xc3\x28", b"\xef\xbb\xbf", b"\r", rnd.randbytes(3)))
                + data[i:]
            )
        elif way == 3:
            data = data[: min(i, j)] + data[max(i, j) :]
        else:
            data = data[:i] + data[min(i, j) : max(i, j)][:400] + data[i:]
    return data


# --- one input of each kind; each returns what it was and why it is wrong, or ""


def judged(ended: Ended, places: tuple[str, ...]) -> str:
    if ended.crashed:
        return ended.crashed
    if not ended.clear:
        return f"status {ended.status} without words: {ended.err[-500:]!r}"
    if ended.status == 2 and not any(place in ended.err for place in places):
        return f"a message without its place: {ended.err[-500:]!r}"
    return ""


def _small(case: str) -> str:
    """A case of a zone or of a million agents as a case of a few: it misses its numbers, which is status 1."""
    case = re.sub(r'scenario = "[^"]*"', 'scenario = "tiny.toml"', case)
    case = re.sub(r"(?m)^years = \[[^]]*\]", "years = [2021]", case)
    case = re.sub(r"(?m)^(entered|stock|renewed|passed) = \[.*", r"\1 = [1]", case)
    case = re.sub(r"cohort_years = .*", "cohort_years = [2020, 2020]", case).replace('"2014Q2"', '"2021Q4"')
    case = re.sub(r"replications = \d+", "replications = 2", case)
    case = re.sub(r"firms = \d+", "firms = 20000", case)
    return re.sub(r'form = "quarterly"', 'form = "quarterly"\nagents = 500\nreplications = 3', case)


class Desk:
    """A folder of inputs and the program in this process."""

    def __init__(self) -> None:
        self.folder = furnish(Path(tempfile.mkdtemp(prefix="fuzz-")))
        self.before = os.getcwd()
        os.chdir(self.folder)
        self.texts = [
            self.read("tiny.toml") * 1,
            *(self.read(f"scenarios/{z}.toml") for z in ("xian", "tianjin", "changsha")),
        ]
        self.texts += [path.read_text(encoding="utf-8") for path in sorted(Path("scenarios/policies").glob("*.toml"))]
        self.cases = [
            path.read_text(encoding="utf-8") for path in sorted((ROOT / "tests" / "published").glob("*.toml"))
        ]
        self.cases = [_small(text) for text in self.cases]
        self.bounds = sim.verify.MOST_STEPS, sim.verify.MOST_FIRM_QUARTERS
        sim.verify.MOST_STEPS, sim.verify.MOST_FIRM_QUARTERS = STEPS, FIRM_QUARTERS
        self.tables = {
            path.name: path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "portfolio").glob("*.csv")
        }
        self._paths: list[str] = []
        self._visitor: Any = None
        self._office: Any = None

    def close(self) -> None:
        os.chdir(self.before)
        sim.verify.MOST_STEPS, sim.verify.MOST_FIRM_QUARTERS = self.bounds
        if self._office is not None:
            self._office.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def read(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")

    @property
    def paths(self) -> list[str]:
        if not self._paths:
            from sim.scenario import load_scenario
            from sim.scenario.fields import iter_quantities

            self._paths = [path for path, _ in iter_quantities(load_scenario("tiny.toml"))]
        return self._paths

    def scenario(self, rnd: random.Random) -> tuple[str, str, Ended | None]:
        text = rnd.choice(self.texts) if rnd.random() < 0.5 else self.texts[0]
        data = (mutated if rnd.random() < 0.5 else revalued)(text, rnd)
        place = (
            "fuzz.toml"
            if text is self.texts[0]
            else "scenarios/fuzz.toml"
            if "../" not in text
            else "scenarios/policies/fuzz.toml"
        )
        Path(place).write_bytes(data)
        ended = headwater("check", place, "--lang", rnd.choice(("zh", "en")))
        return data.decode("utf-8", "replace"), judged(ended, (".toml",)), ended

    def override(self, rnd: random.Random) -> tuple[str, str, Ended | None]:
        sets = []
        for _ in range(rnd.choice((1, 1, 2, 4))):
            path = rnd.choice(self.paths)
            if rnd.random() < 0.3:
                path = mutated(path, rnd).decode("utf-8", "replace")
            plain = rnd.choice(("0.25", "1", "12", '"3亿"', "0.9"))
            value = rnd.choice(ODD) if rnd.random() < 0.4 else plain
            if rnd.random() < 0.2:
                value = mutated(plain, rnd).decode("utf-8", "replace")
            sets.append(f"{path}={value}")
        words = [word for each in sets for word in ("--set", each)]
        ended = headwater("check", "tiny.toml", *words)
        return " ".join(sets), judged(ended, ("--set", "tiny.toml", ".toml", ": ")), ended

    def run(self, rnd: random.Random) -> tuple[str, str, Ended | None]:
        """A whole run of what `check` accepts; what it refuses, `run` refuses too, and writes nothing."""
        sets = []
        if rnd.random() < 0.5:
            Path("fuzz.toml").write_bytes((mutated if rnd.random() < 0.3 else revalued)(self.texts[0], rnd))
        else:
            Path("fuzz.toml").write_text(self.texts[0])
            for _ in range(rnd.choice((1, 2, 3))):
                value = rnd.choice((*ODD[:12], "0.5", "1.0", "3", "1e6", "0.001"))
                sets += ["--set", f"{rnd.choice(self.paths)}={value}"]
        accepted = headwater("check", "fuzz.toml", *sets).status == 0
        ended = headwater("run", "fuzz.toml", *sets, "--replications", "2", "--threads", "1", "--no-figures", "--audit",
                          "--events", "1", "--quiet", "--out", "fuzzed")  # fmt: skip
        what = f"{Path('fuzz.toml').read_bytes().decode('utf-8', 'replace') if not sets else ''}\n{' '.join(sets)}"
        wrong = judged(ended, (".toml", "--set", ": "))
        too_large = "memory" in ended.err or "too many funds" in ended.err  # told by `run`, which knows the machine
        if not wrong and (ended.status == 0) != accepted and not too_large:
            wrong = f"check {'accepts' if accepted else 'refuses'}, run ends with {ended.status}: {ended.err[-500:]!r}"
        if not wrong and (ended.status == 0) != Path("fuzzed").is_dir():
            wrong = f"status {ended.status}, and a folder {'stands' if Path('fuzzed').is_dir() else 'is missing'}"
        if not wrong and ended.status == 0:
            from sim.result import Result

            Result.load("fuzzed")
        if not wrong and leftovers(self.folder):
            wrong = f"left behind: {leftovers(self.folder)}"
        shutil.rmtree("fuzzed", ignore_errors=True)
        return what, wrong, ended

    def case(self, rnd: random.Random) -> tuple[str, str, Ended | None]:
        text = rnd.choice(self.cases)
        if rnd.random() < 0.15:  # how much is asked for
            numbers = list(re.finditer(r"= (\d+)$", text, re.MULTILINE))
            if numbers:
                at = rnd.choice(numbers)
                text = text[: at.start(1)] + rnd.choice(("0", "1", "1e15", "1000000000", "1000")) + text[at.end(1) :]
        data = (mutated if rnd.random() < 0.3 else revalued)(text, rnd)
        Path("case.toml").write_bytes(data)
        ended = headwater("verify", "case.toml")
        wrong = ended.crashed or ("" if ended.status in (0, 1, 2) else f"status {ended.status}")
        if not wrong and ended.status == 2 and "case.toml" not in ended.err:
            wrong = f"a message without its place: {ended.err[-500:]!r}"
        if not wrong and not (ended.err + ended.out).strip():
            wrong = "not a word"
        return data.decode("utf-8", "replace"), wrong, ended

    def portfolio(self, rnd: random.Random) -> tuple[str, str, Ended | None]:
        folder = self.folder / "portfolio"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        hit = rnd.choice(sorted(self.tables))
        for name, text in self.tables.items():
            (folder / name).write_bytes(mutated(text, rnd) if name == hit else text.encode())
        if rnd.random() < 0.1:
            (folder / hit).unlink()
        ended = headwater("import", "portfolio", "--out", "fragment.toml", "--quiet")
        wrong = judged(ended, (".csv", "portfolio", "fragment"))
        if not wrong and ended.status == 0 and rnd.random() < 0.3:
            again = headwater("check", "fragment.toml")
            wrong = "" if again.status == 0 else f"the fragment is no scenario: {again.err[-500:]}"
        if not wrong and ended.status and Path("fragment.toml").exists():
            wrong = "refused, and yet a fragment stands"
        Path("fragment.toml").unlink(missing_ok=True)
        what = (folder / hit).read_bytes().decode("utf-8", "replace") if (folder / hit).exists() else f"{hit} missing"
        return what, wrong, ended

    def http(self, rnd: random.Random) -> tuple[str, str, Ended | None]:
        visitor = self.visitor()
        asking = {
            "page": "abcdefgh",
            "scenario": "tiny",
            "levers": {},
            "replications": 20,
            "at": "2021Q4",
            "replication": 0,
        }
        asking |= {"firm": "tangjing", "fund": 0, "metrics": ["firms.alive"], "name": "a-name"}
        path = rnd.choice(
            ("/api/read", "/api/read", "/api/firm", "/api/world", "/api/fund", "/api/scenario", "/api/save", "/")
        )
        body: bytes
        if rnd.random() < 0.6:  # a document whose members are odd
            for _ in range(rnd.choice((1, 2, 3))):
                odd = rnd.choice(
                    (
                        None,
                        True,
                        -1,
                        10**30,
                        1e308,
                        "",
                        "x" * 3000,
                        [],
                        [[]],
                        {},
                        {"a": 1},
                        "../x",
                        "\0",
                        "nan",
                        "\ud800",
                    )
                )
                key = rnd.choice([*asking, "levers.x", "\U0001f40e"])
                if key == "levers" and rnd.random() < 0.7:
                    odd = {rnd.choice(("guidance.reinvestment", "guidance.cap.angel", "x", "")): odd}
                asking[key] = odd
            body = json.dumps(asking).encode("utf-8", "replace")
        else:
            body = mutated(json.dumps(asking), rnd)
        if rnd.random() < 0.1:
            path = "/" + mutated(path, rnd).decode("ascii", "ignore").replace("\0", "").lstrip("/")
        kind = "application/json" if rnd.random() < 0.95 else "text/plain"
        with limited(LIMIT):
            try:
                if path.startswith(("/api/scenario", "/?")) or path == "/":
                    query = {
                        "name": body[: rnd.randrange(1, 200)].decode("utf-8", "replace"),
                        "lang": rnd.choice(("zh", "en", "x")),
                    }
                    status = visitor.get(re.sub(r"[\x00-\x20\x7f#]", "", path), params=query).status_code
                else:
                    status = visitor.post(
                        re.sub(r"[\x00-\x20\x7f#]", "", path), content=body, headers={"content-type": kind}
                    ).status_code
            except TooLong:
                raise
            except Exception as error:
                import httpx

                if isinstance(error, (httpx.InvalidURL, UnicodeEncodeError)):
                    return repr(path), "", Ended(2, "", "no address", 0.0)
                import traceback

                return f"{path} {body!r}", traceback.format_exc(), None
        ended = Ended(0 if status < 400 else 2, "", f"HTTP {status}", 0.0)
        return f"{path} {body[:2000]!r}", f"HTTP {status}" if status >= 500 else "", ended

    def visitor(self) -> Any:
        if self._visitor is None:
            from sim.app.catalogue import Catalogue
            from sim.app.web import Desk as Office
            from sim.app.web import build_app
            from tests.test_app import OURS, Visitor

            shutil.copy("tiny.toml", "scenarios/tiny.toml")
            text = Path("scenarios/tiny.toml").read_text().replace('"scenarios/xian.toml"', '"xian.toml"')
            Path("scenarios/tiny.toml").write_text(text)
            folder = self.folder / "scenarios"
            self._office = Office(Catalogue(folder, folder / "tiny.toml"), threads=1)
            self._visitor = Visitor(build_app(self._office, ["127.0.0.1"], 8000), OURS)
        return self._visitor


def one(desk: Desk, seed: int, number: int, kinds: dict[str, int]) -> tuple[str, str, str, int]:
    """(kind, the input, what is wrong or "", status) of one input."""
    rnd = random.Random(f"{seed}/{number}")
    kind = rnd.choices(list(kinds), list(kinds.values()))[0]
    work: Callable[[random.Random], tuple[str, str, Ended | None]] = getattr(desk, kind)
    try:
        with limited(LIMIT):
            what, wrong, ended = work(rnd)
    except TooLong as error:
        return kind, "", str(error), -1
    if ended is not None and "TooLong" in ended.crashed:
        wrong = f"not done after {LIMIT} s"
    return kind, what, wrong, ended.status if ended is not None else -1


def many(
    seed: int, numbers: range, kinds: dict[str, int], stop: int = 20, seconds: float = math.inf
) -> tuple[Counter[tuple[str, int]], list[Any]]:
    """Counts by (kind, status), and what was found wrong."""
    counts: Counter[tuple[str, int]] = Counter()
    found: list[Any] = []
    desk = Desk()
    try:
        until = time.monotonic() + seconds
        for number in numbers:
            if time.monotonic() > until:
                break
            kind, what, wrong, status = one(desk, seed, number, kinds)
            counts[kind, status] += 1
            if wrong:
                found.append((number, kind, what, wrong))
                if len(found) >= stop:
                    break
    finally:
        desk.close()
    return counts, found


def _share(given: tuple[int, range, dict[str, int], int, float]) -> tuple[Counter[tuple[str, int]], list[Any]]:
    return many(*given)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int)
    parser.add_argument("--kind", choices=KINDS)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--stop", type=int, default=20, help="after so many found wrong")
    parser.add_argument("--seconds", type=float, default=math.inf, help="begin no input later than this")
    a = parser.parse_args()
    kinds = {a.kind: 1} if a.kind else KINDS
    if a.only is not None:
        desk = Desk()
        kind, what, wrong, status = one(desk, a.seed, a.only, kinds)
        desk.close()
        print(f"{kind}, status {status}\n{what}\n{wrong}")
        return 1 if wrong else 0
    began = time.perf_counter()
    shares = [(a.seed, range(p, a.inputs, a.processes), kinds, a.stop, a.seconds) for p in range(a.processes)]
    with get_context("spawn").Pool(a.processes) as pool:
        parts = pool.map(_share, shares)
    counts = sum((part for part, _ in parts), Counter())
    found = [each for _, part in parts for each in part]
    print(f"{'inputs':12}{'total':>8}{'valid':>8}{'refused':>9}{'failed':>8}")
    for kind in kinds:
        by = [counts[kind, status] for status in (0, 2, 1)]
        total = sum(n for (k, _), n in counts.items() if k == kind)
        print(f"{kind:12}{total:8}{by[0]:8}{by[1]:9}{by[2]:8}")
    print(f"{sum(counts.values())} inputs in {time.perf_counter() - began:.0f} s, seed {a.seed}: {len(found)} wrong")
    for number, kind, _, wrong in found:
        print(f"--only {number} ({kind}): {wrong.strip().splitlines()[-1][:300]}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
