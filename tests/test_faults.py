"""Every write that can fail, at every place; kills, full disks, damage, greed: the old result or the new one, whole.

The commands run in this process on a zone of sixty firms (tests/tiny.py). A few of the longer ones are told apart by
`HEADWATER_FAULTS=all`, which `make fuzz` sets: all commands with figures, all steps, more kills.
"""

from __future__ import annotations

import errno
import json
import os
import random
import resource
import shlex
import shutil
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sim import ensemble, memory, store
from sim.analysis import backtest
from sim.analysis import calibrate as calibration
from sim.app import saving
from sim.app.catalogue import Catalogue
from sim.errors import RunError
from sim.result import Result
from sim.scenario import load_scenario
from tests import tiny
from tests.tiny import contents, headwater, leftovers

ALL = os.environ.get("HEADWATER_FAULTS") == "all"
FEW = ("--replications", "3", "--threads", "1")
RUN = ("run", "tiny.toml", *FEW, "--no-figures", "--quiet", "--out", "out")
CHANGED = (*RUN, "--set", "guidance.reinvestment=2.0")
VARY = ("--vary", "guidance.reinvestment=0.5..2.0")
VARY_BY = ("--by", "guidance.reinvestment=0.5..2.0", "--by", "guidance.cap.angel=0.2..0.5")
SWEEP = ("sweep", "tiny.toml", "--method", "lhs", "--samples", "16", "--replications", "4", "--threads", "1", *VARY,
         "--target", "firms.alive@2021Q4", "--no-figures", "--quiet", "--out", "out")  # fmt: skip
CALIBRATE = ("calibrate", "told.toml", "--regularise", "--samples", "10", "--replications", "4", "--threads", "1",
             "--no-figures", "--quiet", "--out", "out")  # fmt: skip
COMPARE = ("compare", "tiny.toml", "--change", "guidance.reinvestment=2.0",
           *FEW, "--no-figures", "--quiet", "--out", "out")  # fmt: skip
REPORT = ("report", "out", "--quiet", "--lang", "en")
# what is there first, and what is done then
SAVING = {
    "run": (RUN, CHANGED),
    "compare": (
        COMPARE,
        ("compare", "tiny.toml", "--change", "guidance.reinvestment=1.5",
         *FEW, "--no-figures", "--quiet", "--out", "out"),
    ),
    "solve": (
        ("solve", "tiny.toml", "--by", "firms.entry.organic.per_year=5..80", "--target", "firms.alive@2021Q4 >= 70",
         *FEW, "--no-figures", "--quiet", "--out", "out"),
        ("solve", "tiny.toml", "--by", "firms.entry.organic.per_year=5..80", "--target", "firms.alive@2021Q4 >= 75",
         *FEW, "--no-figures", "--quiet", "--out", "out"),
    ),
    "earliest": (
        ("solve", "tiny.toml", "--target", "firms.alive >= 70", *FEW, "--no-figures", "--quiet", "--out", "out"),
        ("solve", "tiny.toml", "--target", "firms.alive >= 75", *FEW, "--no-figures", "--quiet", "--out", "out"),
    ),
    "backtest": (
        ("backtest", "told.toml", *FEW, "--no-figures", "--quiet", "--out", "out"),
        ("backtest", "told.toml", *FEW, "--no-figures", "--quiet", "--out", "out", "--seed", "2"),
    ),
    "new": (("new", "other"), ("new", "riverside")),
    "template": (("new", "other"), ("import", "--template", "out.xlsx")),
    "import": (
        ("import", "portfolio", "--out", "out.toml", "--quiet"),
        ("import", "portfolio", "--out", "out.toml", "--quiet", "--set", "guidance.reinvestment=1.1"),
    ),
}  # fmt: skip
LONG = {
    "plot": (RUN, ("plot", "out", "--metric", "firms.alive", "--quiet")),
    "report": (RUN, ("report", "out", "--quiet")),
    "trace": ((*RUN, "--events", "1"), ("trace", "out", "--firm", "tangjing", "--quiet")),
    "run with figures": (RUN, ("run", "tiny.toml", *FEW, "--quiet", "--out", "out")),
    "optimise": (
        ("optimise", "tiny.toml", *VARY, "--maximise", "jobs.total@2021Q4", "--samples", "8", *FEW, "--no-figures",
         "--quiet", "--out", "out"),
        ("optimise", "tiny.toml", *VARY, "--maximise", "firms.alive@2021Q4", "--samples", "8", *FEW, "--no-figures",
         "--quiet", "--out", "out"),
    ),
}  # fmt: skip
SLOW = ("compare", "solve", "earliest", "backtest")
# Of the many steps of a run `make test` takes a sample, `make slow` half and `make fuzz` each.
EACH = {} if ALL else {"run": 2, "compare": 3}
EACH_OF_ALL = {"run with figures": 5}
FAULTS = (errno.ENOSPC, errno.EROFS, errno.EIO)


@pytest.fixture(scope="module")
def furnished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("furnished")
    tiny.furnish(folder)
    shutil.copytree(tiny.ROOT / "docs" / "portfolio", folder / "portfolio")
    return folder


@pytest.fixture
def desk(tmp_path, furnished, monkeypatch):
    shutil.copytree(furnished, tmp_path / "desk")
    monkeypatch.chdir(tmp_path / "desk")
    yield tmp_path / "desk"
    store.fail_at(None)


@pytest.fixture(scope="module")
def ran(tmp_path_factory, furnished):
    """What a run leaves in its folder."""
    desk = tmp_path_factory.mktemp("ran") / "desk"
    shutil.copytree(furnished, desk)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(desk)
        assert headwater(*RUN).status == 0
    return desk / "out"


def put_back(desk: Path, kept: Path) -> None:
    for path in desk.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    shutil.copytree(kept, desk, dirs_exist_ok=True)


def old_or_new(now: dict[str, str], old: dict[str, str], new: dict[str, str]) -> bool:
    """The files of the old state, each as it was, a journal perhaps set aside; or those of the new one, of which
    pictures may be missing."""
    if now == old:
        return True
    journals = {name for name in old if "/journal" in name}
    others = {name: digest for name, digest in now.items() if "/journal" not in name}
    if journals and others == {name: digest for name, digest in old.items() if name not in journals}:
        return all(old[name] in (now.get(name), now.get(f"{name}.before")) for name in journals)
    missing = set(new) - set(now)
    return all(new.get(name) == digest for name, digest in now.items()) and all("figures/" in m for m in missing)


def each_step(desk: Path, first: tuple[str, ...], then: tuple[str, ...], every: int) -> int:
    """Fails the N-th operation of `then`, for every N; returns how many there were."""
    assert headwater(*first).status == 0
    kept = desk.parent / "kept"
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(desk, kept)
    old, before = contents(desk), store.operations
    done = headwater(*then)
    assert done.status == 0, done
    steps, new = store.operations - before, contents(desk)
    assert new != old
    for step in some(steps, every):
        for fault, once in ((FAULTS[step % 3], False), (errno.EIO, True)):
            put_back(desk, kept)
            store.fail_at(step, fault, once)
            ended = headwater(*then)
            store.fail_at(None)
            assert not ended.crashed, (step, ended.crashed)
            assert ended.status in (0, 1), (step, ended)
            if ended.status:
                assert os.strerror(fault) in ended.err, (step, ended.err)
            assert old_or_new(contents(desk), old, new), (step, once, ended.err)
            assert ended.status == 1 or contents(desk) == new, step
            assert not leftovers(desk), step
    put_back(desk, kept)
    assert headwater(*then).status == 0
    assert contents(desk) == new
    return steps


def some(steps: int, every: int) -> list[int]:
    """The first step, every so many-th after it, and the last, which puts the result in its place."""
    return sorted({*range(1, steps + 1, every), steps})


@pytest.mark.parametrize(
    ("command", "every"),
    [
        *((name, 14 if name == "run" else 1) for name in SAVING if name not in SLOW),
        *(pytest.param(name, EACH.get(name, 1), marks=pytest.mark.slow) for name in ("run", *SLOW)),
        *((name, EACH_OF_ALL.get(name, 1)) for name in (LONG if ALL else ())),
    ],
)
def test_whichever_write_fails_the_old_result_stands_or_the_new_one(desk, command, every, monkeypatch):
    monkeypatch.setattr(backtest, "run", partial(backtest.run, national=False))  # the nation's worlds take minutes
    first, then = (SAVING | LONG)[command]
    assert each_step(desk, first, then, every) >= 3


@pytest.mark.parametrize(
    ("command", "every"),
    [("sweep", 12), *(pytest.param(name, 4, marks=pytest.mark.slow) for name in ("sweep", "calibrate"))],
)
def test_whichever_write_of_long_work_fails_what_is_finished_is_kept_and_gone_on_with(
    desk, command, every, monkeypatch
):
    monkeypatch.setattr(calibration, "APART", 60)
    monkeypatch.setattr(calibration, "DRAWS", 40)
    words = {"sweep": SWEEP, "calibrate": CALIBRATE}[command]
    before = store.operations
    assert headwater(*words).status == 0
    steps, new = store.operations - before, contents(desk)
    for step in some(steps, 1 if ALL else every):
        shutil.rmtree("out")
        store.fail_at(step, FAULTS[step % 3])
        ended = headwater(*words)
        store.fail_at(None)
        assert ended.status == 1 and not ended.crashed, (step, ended)
        assert not leftovers(desk)
        again = headwater(*words, "--resume")
        assert again.status == 0, (step, again)
        assert contents(desk) == new, step


def test_whichever_write_fails_a_scenario_saved_on_the_page_is_the_old_one_or_the_new_one(desk):
    catalogue = Catalogue(desk)
    base = desk / "tiny.toml"

    def save(ratio: float) -> None:
        saving.save(catalogue, load_scenario(base), base, {"guidance.reinvestment": ratio}, "mine", "", True)

    before = store.operations
    save(1.5)
    steps, target = store.operations - before, next(desk.rglob("mine.toml"))
    old = target.read_bytes()
    save(2.0)
    new = target.read_bytes()
    assert steps >= 3 and new != old
    for step in range(1, steps + 1):
        target.write_bytes(old)
        store.fail_at(step, FAULTS[step % 3])
        with pytest.raises(RunError):
            save(2.0)
        store.fail_at(None)
        assert target.read_bytes() in (old, new) and not leftovers(desk), step


# --- kills


def reap(
    words: tuple[str, ...], seed: int, count: int, every: int, first: tuple[tuple[str, ...], ...] = ()
) -> subprocess.CompletedProcess[str]:
    """tests/killing.py from a folder of its own: kill -9 at every so many operations, then at random moments."""
    command = [sys.executable, "-m", "tests.killing", *map(str, (seed, count, every)), json.dumps(first), *words]
    environment = os.environ | {"PYTHONPATH": str(tiny.ROOT)}
    return subprocess.run(command, cwd=tiny.ROOT, env=environment, capture_output=True, text=True, timeout=3600)


KILLED = {
    "run": ((RUN,), CHANGED),
    "sweep": ((), SWEEP),
    "calibrate": ((), CALIBRATE),
    "report": ((RUN, (*COMPARE[:-1], "beside"), REPORT), (*REPORT, "--compare", "beside")),
}
EVERY = {"calibrate": 2}  # operation, in the long run: one of its calibrations takes seconds


@pytest.mark.parametrize("command", ["run"])
def test_killed_nothing_is_lost_and_the_next_start_goes_on(command):
    first, words = KILLED[command]
    done = reap(words, seed=1, count=1, every=24, first=first)
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-1500:]


@pytest.mark.slow
@pytest.mark.parametrize("command", KILLED)
def test_killed_at_any_moment_nothing_is_lost_and_the_next_start_goes_on(command):
    first, words = KILLED[command]
    done = reap(words, seed=2, count=60 if ALL else 8, every=EVERY.get(command, 1), first=first)
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-1500:]


@pytest.mark.parametrize("threads", [1, 2])
def test_ctrl_c_ends_a_world_under_way_with_its_quarter(threads, monkeypatch):
    """A world so large that nobody would wait for its end, stopped when the first has reported its start."""
    made: list[Any] = []
    begun: list[Any] = []

    class Watched(ensemble.Worlds):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            made.append(self)

        def _world(self, events: bool) -> Any:
            world = super()._world(events)
            world.metrics[:] = np.nan
            begun.append(world)
            return world

    def stop(done: int, total: int) -> None:
        if any(np.isfinite(world.metrics[0, 0]) for world in begun):
            raise KeyboardInterrupt

    monkeypatch.setattr(ensemble, "Worlds", Watched)
    scenario = load_scenario(tiny.ROOT / "scenarios" / "xian.toml", ["firms.initial.count=150000", "facts=[]"])
    with pytest.raises(KeyboardInterrupt):
        ensemble.simulate(scenario, 2, 1, threads, events=0, progress=stop)
    (worlds,) = made
    assert worlds.large
    assert begun and all(np.isnan(world.metrics[:, -1]).all() for world in begun)
    with pytest.raises(ensemble.Halted):
        worlds.live(0, 0)


def test_ctrl_c_is_heard_while_the_first_firms_are_placed():
    """Interpreted, so that the wish is there before the first of them: a large zone took a second to hear it."""
    code = """
import numpy as np
from sim import ensemble
from sim.model import zone
from sim.model.rows import Rows
from sim.model.rules import lower
from sim.model.world import Count
from sim.scenario import load_scenario
scenario = load_scenario("scenarios/xian.toml", ["firms.initial.count=1500", "facts=[]"])
worlds = ensemble.Worlds(scenario, lower(scenario, Rows(1, np.arange(1))), 1)
plan_funds = zone.plan_funds
def plan_and_stop(*given):
    plan_funds(*given)
    worlds.halt()
zone.plan_funds = plan_and_stop
try:
    worlds.live(0, 0)
except ensemble.Halted:
    print(worlds._own.world.tally.counts[Count.FIRM_SLOTS], "firms placed")
"""
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(tiny.ROOT), "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tiny.ROOT, env=environment, capture_output=True, text=True)
    assert done.stdout == "0 firms placed\n", done.stderr[-2000:]


def test_a_kernel_that_must_be_compiled_first_is_compiled_where_ctrl_c_reaches_it():
    by: dict[int, int] = {}
    cold: Any = SimpleNamespace(compiled=False, large=False)
    ensemble.run_in_threads(lambda i: by.update({i: threading.get_ident()}), 6, 2, None, cold)
    assert sorted(by) == list(range(6))
    assert by[0] == threading.get_ident() not in list(by.values())[1:]


# --- the disk


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 300 kB where one may be mounted, else None."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = os.geteuid() == 0 and shutil.which("mount") is not None
    if mounted:
        command = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(place)]
        mounted = subprocess.run(command, capture_output=True).returncode == 0
    yield place if mounted else None
    if mounted:
        subprocess.run(["umount", str(place)], check=True)


def test_a_disk_that_is_really_full_is_told_and_leaves_nothing_half(desk, small_disk):
    """On a small file system; where none may be mounted, with a limit on the size of files."""
    place = small_disk if small_disk is not None else desk
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    words = (*RUN[:-1], str(place / "out"), "--replications", "200")
    if small_disk is None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, limits[1]))
    try:
        ended = headwater(*words)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert ended.status == 1 and not ended.crashed, ended
    assert str(place / "out") in ended.err
    assert not (place / "out").exists() and not leftovers(place)


def room_for(kilobytes: int, place: Path | None) -> None:
    """The small file system holds so many kB from now on; without one, no file may grow larger than that."""
    if place is not None:
        command = ["mount", "-o", f"remount,size={kilobytes}k", str(place)]
        subprocess.run(command, check=True, capture_output=True)
    else:
        resource.setrlimit(resource.RLIMIT_FSIZE, (kilobytes * 1024, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


@pytest.fixture
def any_size():
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.slow
def test_a_disk_that_fills_during_a_calibration_keeps_what_is_finished(desk, small_disk, any_size, monkeypatch):
    monkeypatch.setattr(calibration, "APART", 60)
    monkeypatch.setattr(calibration, "DRAWS", 40)
    assert headwater(*CALIBRATE).status == 0
    whole = {name[4:]: digest for name, digest in contents(desk).items() if name.startswith("out/")}
    place = small_disk if small_disk is not None else desk / "elsewhere"
    place.mkdir(exist_ok=True)
    words = (*CALIBRATE[:-1], str(place / "out"), "--resume")
    for kilobytes in (1, 2, 3) if small_disk is None else (8, 16, 24, 32):
        room_for(kilobytes, small_disk)
        ended = headwater(*words)
        if ended.status == 0:
            break
        assert ended.status == 1 and not ended.crashed, ended
        assert str(place / "out") in ended.err and not [n for n in leftovers(place) if not n.endswith(".lock")], ended
        tables = {n: d for n, d in contents(place / "out").items() if "journal" not in n and n != "manifest.json"}
        assert tables.items() <= whole.items()
    else:
        kilobytes = 0
    assert kilobytes != 8 and kilobytes != 1  # the first was too small
    room_for(10_000, small_disk)
    assert headwater(*words).status == 0
    assert contents(place / "out") == whole


@pytest.mark.slow
def test_a_disk_that_fills_during_a_report_leaves_the_old_one(desk, small_disk, any_size):
    place = small_disk if small_disk is not None else desk / "elsewhere"
    place.mkdir(exist_ok=True)
    room_for(10_000, small_disk)
    out = str(place / "out")
    for words in ((*RUN[:-1], out), (*COMPARE[:-1], "beside"), ("report", out, "--quiet", "--lang", "en")):
        assert headwater(*words).status == 0
    old = contents(place)
    used = sum(-(-path.stat().st_size // 4096) * 4 for path in place.rglob("*") if path.is_file())
    words = ("report", out, "--quiet", "--lang", "en", "--compare", "beside")
    for kilobytes in (1, 30, 60) if small_disk is None else (used + 16, used + 60, used + 200):
        room_for(kilobytes, small_disk)
        ended = headwater(*words)
        assert ended.status == 1 and not ended.crashed, (kilobytes, used, ended)
        assert "cannot write" in ended.err and contents(place) == old and not leftovers(place)
    room_for(10_000, small_disk)
    assert headwater(*words).status == 0
    assert contents(place) != old


def test_a_read_only_disk_keeps_the_old_result_and_is_told_by_its_place(desk, small_disk):
    """A file system mounted for reading; where none may be mounted, a folder without the right to write."""
    place = small_disk if small_disk is not None else desk / "elsewhere"
    place.mkdir(exist_ok=True)
    if small_disk is not None:
        room_for(10_000, small_disk)
    words = (*RUN[:-1], str(place / "out"))
    assert headwater(*words).status == 0
    old = contents(place)

    def allow(writing: bool) -> None:
        if small_disk is None:
            place.chmod(0o700 if writing else 0o500)
        else:
            command = ["mount", "-o", f"remount,{'rw' if writing else 'ro'}", str(place)]
            subprocess.run(command, check=True, capture_output=True)

    allow(False)
    try:
        ended = headwater(*words, "--seed", "2")
        plotted = headwater("plot", str(place / "out"), "--metric", "firms.alive", "--quiet")
    finally:
        allow(True)
    for said in (ended, plotted):
        assert said.status == 1 and not said.crashed and str(place) in said.err, said
    assert contents(place) == old and not leftovers(place)


def test_a_folder_that_may_not_be_written_is_told_before_the_work(desk, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert headwater(*RUN).status == 1


def test_two_runs_into_one_folder_end_in_one_whole_result(desk):
    """Started together, many times over; a start that finds the folder held says so."""
    command = [sys.executable, str(tiny.ROOT / "run.py"), *RUN]
    environment = os.environ | {"PYTHONPATH": str(tiny.ROOT)}
    runs = [
        subprocess.Popen(
            [*command, "--seed", str(seed)], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        for seed in (1, 2)
    ]
    said = [run.communicate()[1].decode() for run in runs]
    statuses = [run.returncode for run in runs]
    assert 0 in statuses and set(statuses) <= {0, 2}, said
    assert all("another run is writing" in text for text, status in zip(said, statuses, strict=True) if status == 2)
    assert Result.load("out").manifest["seed"] in (1, 2)
    assert not leftovers(desk)


def test_a_run_into_the_folder_of_a_sweep_is_refused_before_its_worlds(desk):
    """It replaced the folder, journal and all, and a sweep under way ended without a result."""
    assert headwater(*SWEEP).status == 0
    swept = contents(desk)
    for words in (RUN, COMPARE):
        for lang, said in (("en", "the long work of another command"), ("zh", "另一条命令的长时间计算")):
            ended = headwater(*words, "--lang", lang)
            assert ended.status == 2 and said in ended.err and not ended.out, ended
    assert contents(desk) == swept


# --- the clock


def test_a_clock_that_jumps_changes_nothing(desk, monkeypatch):
    assert headwater(*RUN).status == 0
    calm = contents(desk)
    clock = random.Random(1)
    for name in ("time", "perf_counter", "monotonic"):
        monkeypatch.setattr(time, name, lambda: clock.uniform(-1e9, 4e9))
    for words in (RUN, (*RUN, "--seed", "1"), (*SWEEP[:-1], "swept")):
        ended = headwater(*(word for word in words if word != "--quiet"))
        assert ended.status == 0 and not ended.crashed, ended
    monkeypatch.undo()
    os.chdir(desk)
    now = contents(desk)
    assert {name: now[name] for name in calm if "manifest" not in name} == {
        name: calm[name] for name in calm if "manifest" not in name
    }


# --- damage


def damaged(data: bytes, way: int, rnd: random.Random) -> bytes:
    at = rnd.randrange(max(1, len(data)))
    if way == 0:
        return data[:at]
    if way == 1:
        return data[:at] + bytes([data[at] ^ 1 << rnd.randrange(8)]) + data[at + 1 :] if data else b"x"
    if way == 2:
        return rnd.randbytes(200)
    if way == 3:
        return b""
    return data[:at] + rnd.randbytes(8) + data[at:]


READING = (
    ("plot", "out", "--metric", "firms.alive", "--quiet"),
    ("trace", "out", "--firm", "tangjing", "--no-figures", "--quiet"),
    ("actual", "out", str(tiny.ROOT / "docs" / "cases" / "actuals.csv")),
)


def test_a_damaged_result_is_told_by_its_file_and_replaced_by_the_next_run(desk):
    assert headwater(*RUN, "--events", "1").status == 0
    kept = desk.parent / "kept"
    shutil.copytree("out", kept)
    whole, rnd = contents(kept), random.Random(5)
    for k, name in enumerate(whole):
        for way in range(5) if ALL else (k % 5,):
            for words in READING if name == "manifest.json" or ALL else READING[1:]:
                shutil.rmtree("out")
                shutil.copytree(kept, "out")
                Path("out", name).write_bytes(damaged((kept / name).read_bytes(), way, rnd))
                ended = headwater(*words)
                assert not ended.crashed, (name, way, words, ended.crashed[-1500:])
                assert ended.status in (0, 1, 2)
                assert ended.status == 0 or "out" in ended.err, (name, ended.err)
        if (ALL or k % 3 == 0) and (name != "manifest.json" or store.is_result(Path("out"))):
            assert headwater(*RUN, "--events", "1").status == 0
            assert contents(Path("out")) == {n: d for n, d in whole.items() if n in contents(Path("out"))}


@pytest.mark.parametrize(
    "changes",
    [
        {"scenario_text": 3},
        {"scenario_text": {}},
        {"replications": "x"},
        {"zone": None},
        {"overrides": 7},
        {"seed": "x"},
        {"names": 3},
        {"kernel": None},
        {"scenario": None},
    ],
    ids=lambda c: next(iter(c)),
)
def test_a_manifest_that_says_something_else_is_told(desk, ran, changes):
    shutil.copytree(ran, "out")
    path = Path("out/manifest.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    for words in READING:
        ended = headwater(*words)
        assert not ended.crashed, (words, ended.crashed[-1500:])


def test_a_damaged_text_of_the_scenario_is_told_as_a_part_of_the_result(desk, ran):
    shutil.copytree(ran, "out")
    path = Path("out/manifest.json")
    path.write_text(path.read_text().replace('today = \\"2020Q4\\"', 'today  \\"2020Q4\\"'))
    ended = headwater("trace", "out", "--firm", "tangjing", "--no-figures", "--quiet")
    assert ended.status == 2 and "out/manifest.json (tiny.toml):5: " in ended.err, ended


def test_a_damaged_journal_gives_the_same_bits_or_a_refusal(desk):
    assert headwater(*SWEEP).status == 0
    new, journal, rnd = contents(desk), Path("out/journal").read_bytes(), random.Random(3)
    for way in range(5):
        for _ in range(6 if ALL else 1):
            Path("out/journal").write_bytes(damaged(journal, way, rnd))
            ended = headwater(*SWEEP, "--resume")
            assert not ended.crashed and ended.status in (0, 2), (way, ended)
            if ended.status == 0:
                assert contents(desk) == new, way
            else:
                assert "journal" in ended.err
            Path("out/journal").write_bytes(journal)


# --- greed


@pytest.mark.parametrize(
    "words",
    [
        ("run", "tiny.toml", "--set", "firms.initial.count=1e12"),
        ("run", "tiny.toml", "--set", "firms.entry.organic.per_year=1e11"),
        ("run", "tiny.toml", "--set", "firms.entry.organic.per_year=1e308"),
        ("run", "tiny.toml", "--set", "firms.initial.count=1e308"),
        ("run", "tiny.toml", "--replications", "1000000000"),
        ("run", "tiny.toml", "--replications", "1000000000000000000"),
        ("run", "tiny.toml", "--set", 'zone.end="9999Q4"', "--set", "firms.entry.organic.per_year=1e7"),
        ("run", "tiny.toml", "--threads", "100000000", "--replications", "3"),
        ("compare", "tiny.toml", "--change", "firms.initial.count=1e12"),
        ("calibrate", "told.toml", "--samples", "1099511627776"),
        ("optimise", "tiny.toml", *VARY, "--maximise", "firms.alive@2021Q4", "--samples", "1073741824"),
        ("solve", "tiny.toml", *VARY_BY, "--target", "firms.alive@2021Q4 >= 75", "--points", "1000000000"),
        ("sweep", "tiny.toml", *VARY, "--samples", "1099511627776", "--method", "grid"),
        ("sweep", "tiny.toml", *VARY, "--samples", "1099511627776", "--target", "firms.alive@2021Q4"),
        ("sweep", "tiny.toml", *VARY, "--replications", "1000000000000", "--target", "firms.alive@2021Q4"),
    ],
    ids=lambda words: " ".join(words[-2:]),
)
def test_what_asks_for_too_much_is_refused_before_it_starts(desk, words):
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ended = headwater(*words, "--no-figures", "--quiet", "--out", "out", "--lang", "en")
    assert not ended.crashed, ended.crashed[-1500:]
    assert ended.seconds < 20
    if "--threads" not in words:
        assert ended.status == 2, ended
        assert "out of memory" not in ended.err, ended
        assert not Path("out").exists()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 600_000  # kB


@pytest.mark.parametrize(
    ("name", "groups", "limit"),
    [
        ("a/memory.max", "0::/a/b", 3e6),
        ("memory.max", "0::/", 3e6),
        ("memory/memory.limit_in_bytes", "5:cpu:/x\n7:memory:/docker/1", 3e6),
        ("cpu/memory.max", "5:cpu:/x", None),
    ],
)
def test_the_memory_of_a_container_is_what_it_may_use(tmp_path, monkeypatch, name, groups, limit):
    """Not what the machine has: there a run would be killed without a word."""
    here = memory.memory_at_hand()
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("3000000\n")
    (tmp_path / "groups").write_text(groups + "\n")
    monkeypatch.setattr(memory, "CONTROL_GROUPS", tmp_path)
    monkeypatch.setattr(memory, "OWN_GROUPS", tmp_path / "groups")
    assert memory.memory_at_hand() == (limit or here)
    (tmp_path / name).write_text("max\n")
    assert memory.memory_at_hand() > 3e6


def test_the_limit_of_a_shell_is_memory_too(desk):
    """`ulimit -v`: refused before it starts, not ended in the middle of the first world."""
    command = [sys.executable, str(tiny.ROOT / "run.py"), *RUN, "--set", "firms.initial.count=5e6", "--lang", "en"]
    limited = "ulimit -v 3000000; exec " + shlex.join(command)
    ended = subprocess.run(["sh", "-c", limited], capture_output=True, text=True)
    assert ended.returncode == 2 and "this machine has 2.9 GiB" in ended.stderr, ended
