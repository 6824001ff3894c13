"""Kills a command at each of its operations on the disk, then at random moments, and looks at what is left.

`python -m tests.killing SEED COUNT EVERY FIRST WORDS...`: COUNT random moments and every EVERY-th operation; FIRST
(JSON, a list of commands) is run before, WORDS is the command that is killed.
Each attempt is a fork of this process, in which the program is warm, so that the kill falls into the work and not into
the start. The moments follow from SEED. After a kill there is the old result or the new one, whole, or, of long work, a
journal; the command given again ends in the same bits as one that was never killed.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from sim import store
from sim.analysis import calibrate
from sim.result import Result
from tests import tiny
from tests.test_faults import put_back
from tests.tiny import contents, headwater, leftovers

LONG = ("sweep", "calibrate")  # they keep journals and are gone on with


class Ended(NamedTuple):
    """How a command ended: its status, what it said, and how many operations on the disk it took."""

    status: int
    err: str
    operations: int


def forked(words: list[str], step: int | None = None, after: float | None = None) -> int:
    """Status of a fork that is killed at its step-th operation or after so many seconds; -9 where it was."""
    child = os.fork()
    if child == 0:
        if step is not None:
            store.fail_at(step, kill=True)
        os._exit(headwater(*words).status & 127)
    if after is not None:
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def ended(words: list[str]) -> Ended:
    """A command to its end. A report is made in a fork: typst's threads, once started here, would be missing in every
    later fork, which would wait for them without end."""
    if words[0] != "report":
        before = store.operations
        done = headwater(*words)
        return Ended(done.status, done.err, store.operations - before)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        before = store.operations
        done = headwater(*words)
        os.write(writer, json.dumps([done.status, done.err[-2000:], store.operations - before]).encode())
        os._exit(0)
    os.close(writer)
    with open(reader, encoding="utf-8") as told:
        said = json.load(told)
    os.waitpid(child, 0)
    return Ended(*said)


def main() -> int:
    seed, count, every = (int(word) for word in sys.argv[1:4])
    first, words = json.loads(sys.argv[4]), sys.argv[5:]
    calibrate.APART, calibrate.DRAWS = 60, 40  # a calibration of seconds
    desk = tiny.furnish(_made())
    os.chdir(desk)
    again = [*words, "--resume"] if words[0] in LONG else words
    for command in first:
        assert ended(command).status == 0
    kept = desk.parent / "kept"
    shutil.copytree(desk, kept)
    old = contents(desk)
    once = ended(words)
    assert once.status == 0, once
    steps, new = once.operations, contents(desk)
    put_back(desk, kept)
    began = time.perf_counter()
    assert ended(words).status == 0
    whole = time.perf_counter() - began
    moments = random.Random(seed)
    attempts = [(step, None) for step in range(1 + seed % every, steps + 1, every)]
    attempts += [(None, moments.uniform(0.0, 1.1 * whole)) for _ in range(count)]
    killed = told = 0
    for step, after in attempts:
        put_back(desk, kept)
        status = forked(words, step, after)
        killed += status == -9
        where = f"step {step}, after {after}, seed {seed}: status {status}"
        assert status == -9 or step is None, where
        left = leftovers(desk)
        if words[0] == "run":
            store.recover("out")
            now = contents(desk)
            result = {n: d for n, d in now.items() if n.startswith("out/")}
            assert result in ({n: d for n, d in s.items() if n.startswith("out/")} for s in (old, new)), where
            Result.load("out")
        else:  # each file by itself: the old one, the new one or, where there was none, none yet
            now = contents(desk)
            own = {"out/manifest.json"} if words[0] in LONG else set()  # says that the work is under way
            for name in {*old, *now} - own:
                journal = words[0] in LONG and name.startswith("out/journal")
                assert journal or now.get(name) in (old.get(name), new.get(name)), f"{where}: {name}"
        next_start = ended(again)
        assert next_start.status == 0, f"{where}: {next_start}"
        assert contents(desk) == new, where
        assert not [name for name in leftovers(desk) if name.startswith("out")], f"{where}: {leftovers(desk)}"
        if any("out" in name and ".lock" not in name for name in left):
            assert words[0] == "run" or "earlier run" in next_start.err, f"{where}: {left} {next_start}"
            told += 1
    print(
        f"{len(attempts)} attempts, {killed} killed, {told} left something half, {steps} steps; one takes {whole:.2f} s"
    )
    shutil.rmtree(desk.parent)
    return 0


def _made() -> Path:
    desk = Path(tempfile.mkdtemp(prefix="killing-")) / "desk"
    desk.mkdir()
    return desk


if __name__ == "__main__":
    sys.exit(main())
