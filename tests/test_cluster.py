"""The same numbers from a Dask cluster on loopback, one of whose two workers is killed half-way."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from sim.analysis import cluster
from sim.analysis.cluster import connected, executor_for
from sim.analysis.model import AnalyticModel
from sim.analysis.sweep import SweepResult, sweep
from sim.analysis.vary import Varied
from sim.errors import RunError, UserError

pytest.importorskip("distributed")
# Dask's own threads close their sockets a moment after the client has gone
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")

PATHS = ("a", "b")
SPREAD = [Varied.uniform(path, 0.0, 1.0) for path in PATHS]


def bent(x: np.ndarray) -> np.ndarray:
    time.sleep(0.03)
    return np.exp(x[:, 0]) * x[:, 1]


MODEL = AnalyticModel(bent, PATHS, chance=0.3, interplay=0.2)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@dataclass
class Loopback:
    """A scheduler and workers, each a process of its own, as `dask scheduler` and `dask worker` start them."""

    folder: Path
    port: int = field(default_factory=free_port)
    processes: list[subprocess.Popen] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def start(self, *words: str) -> subprocess.Popen:
        here = Path(__file__).resolve().parent
        path = os.pathsep.join([str(here.parent), str(here), *sys.path])
        process = subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_" + words[0], *words[1:]],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": path, "DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__GIL__ENABLED": "false"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.processes.append(process)
        return process

    def scheduler(self) -> subprocess.Popen:
        return self.start("scheduler", "--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard")

    def worker(self) -> subprocess.Popen:
        words = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1")
        return self.start(
            "worker", self.address, *words, "--local-directory", str(self.folder), "--death-timeout", "300"
        )

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.kill()
        for process in self.processes:
            process.wait()


@pytest.fixture
def loopback(tmp_path: Path) -> Iterator[Loopback]:
    found = Loopback(tmp_path / "dask")
    found.folder.mkdir()
    try:
        yield found
    finally:
        found.stop()


def wait_for_workers(address: str, count: int) -> None:
    from distributed import Client

    with contextlib.closing(Client(address, timeout=300, set_as_default=False)) as client:
        if count:
            client.wait_for_workers(count, timeout=300)


def swept(folder: Path | None = None, executor: object = None, resume: bool = False, **more: object) -> SweepResult:
    return sweep(
        MODEL, SPREAD, "sobol", 64, replications=50, seed=2, out=folder, resume=resume, executor=executor, **more
    )  # type: ignore[arg-type]


def numbers(result: SweepResult, folder: Path) -> list[str]:
    result.save(folder, figures=False)
    return [(folder / name).read_text() for name in ("samples.csv", "metrics.csv", "indices.csv")]


def test_two_workers_one_of_them_killed_half_way_give_the_same_bits(loopback: Loopback, tmp_path: Path) -> None:
    loopback.scheduler()
    loopback.worker()
    doomed = loopback.worker()
    wait_for_workers(loopback.address, 2)

    def watch(done: int, total: int) -> None:
        if done >= total // 2:
            doomed.kill()

    with connected(loopback.address) as executor:
        ours = swept(tmp_path / "cluster", executor, progress=watch)
    assert doomed.wait(300) != 0
    assert numbers(ours, tmp_path / "cluster") == numbers(swept(tmp_path / "here"), tmp_path / "here")


def test_cluster_that_fails_half_way_keeps_the_journal_and_resume_ends_here(loopback: Loopback, tmp_path: Path) -> None:
    loopback.scheduler()
    only = loopback.worker()
    wait_for_workers(loopback.address, 1)

    def watch(done: int, total: int) -> None:
        if done >= total // 2:
            only.kill()

    with connected(loopback.address, alone_seconds=4) as executor, pytest.raises(RunError, match="--resume"):
        swept(tmp_path / "s", executor, progress=watch)
    begun: list[int] = []
    ours = swept(tmp_path / "s", resume=True, progress=lambda done, total: begun.append(done))
    assert begun[0] >= len(ours.plan.design) // 2
    assert numbers(ours, tmp_path / "s") == numbers(swept(tmp_path / "here"), tmp_path / "here")


@pytest.mark.slow
def test_scheduler_that_goes_away_is_a_failed_run(loopback: Loopback, tmp_path: Path) -> None:
    scheduler = loopback.scheduler()
    loopback.worker()
    wait_for_workers(loopback.address, 1)

    def watch(done: int, total: int) -> None:
        if done >= total // 2:
            scheduler.kill()

    with connected(loopback.address, alone_seconds=4) as executor, pytest.raises(RunError, match="--resume"):
        swept(tmp_path / "s", executor, progress=watch)


def test_unreachable_cluster_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "REACH_SECONDS", 1)
    with (
        pytest.raises(UserError, match="no Dask scheduler answers"),
        executor_for(f"tcp://127.0.0.1:{free_port()}"),
    ):
        pass


@pytest.mark.parametrize("address", ["nonsense", "tcp://", "ftp://127.0.0.1:1"])
def test_address_that_is_none_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "REACH_SECONDS", 1)
    with pytest.raises(UserError, match="no Dask scheduler answers"), executor_for(address):
        pass


def test_scheduler_without_workers_is_refused(loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    loopback.scheduler()
    wait_for_workers(loopback.address, 0)  # it answers
    monkeypatch.setattr(cluster, "REACH_SECONDS", 4)
    with pytest.raises(UserError, match="no workers"), executor_for(loopback.address):
        pass


def test_workers_of_another_version_are_refused(loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    loopback.scheduler()
    loopback.worker()
    wait_for_workers(loopback.address, 1)
    monkeypatch.setattr(cluster, "program_digest", lambda: "0.0.0-other")
    with pytest.raises(UserError, match="another version"), executor_for(loopback.address):
        pass


def test_without_a_cluster_the_work_is_done_in_this_process() -> None:
    with executor_for(None) as executor:
        result = swept(executor=executor)
    assert np.isfinite(result.evaluated.mean).all()


# --- a scenario's own worlds


VARY = ["--vary", "guidance.cap.angel=0.2..0.6", "--vary", "firms.entry.organic.per_year=60..120"]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Worlds of a few milliseconds."""
    base = Path(__file__).resolve().parent.parent / "scenarios" / "xian.toml"
    path = tmp_path_factory.mktemp("small") / "small.toml"
    path.write_text(
        f'extends = "{base.as_posix()}"\n[zone]\nend = "2023Q4"\n[firms.initial]\ncount = 400\n'
        "[firms.entry.organic]\nper_year = 80\n[firms.entry.incubator]\nper_year = 10\n"
    )
    return str(path)


def swept_by_command(small: str, out: Path, *words: str) -> int:
    from sim.cli import main

    size = ("--method", "lhs", "--samples", "48", "--replications", "50", "--target", "jobs.total@2023Q4")
    return main(["sweep", small, *VARY, *size, "--out", str(out), "--no-figures", "--quiet", "--lang", "en", *words])


def tables(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in ("samples.csv", "metrics.csv", "indices.csv")]


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen]:
    """Processes to be killed once a third of the blocks of a sweep are in its journal."""
    from sim.analysis.journal import Journal

    doomed: list[subprocess.Popen] = []
    append = Journal.append

    def watching(self: Journal, block: int, values: np.ndarray) -> None:
        append(self, block, values)
        if len(self) >= 2:
            for process in doomed:
                process.kill()

    monkeypatch.setattr(Journal, "append", watching)
    return doomed


@pytest.mark.slow
def test_zone_swept_on_two_workers_one_of_them_killed_has_the_bits_of_one_machine(
    loopback: Loopback, small: str, tmp_path: Path, watched: list[subprocess.Popen]
) -> None:
    assert swept_by_command(small, tmp_path / "here") == 0
    loopback.scheduler()
    loopback.worker()
    watched.append(loopback.worker())
    wait_for_workers(loopback.address, 2)
    assert swept_by_command(small, tmp_path / "there", "--cluster", loopback.address) == 0
    assert watched[0].wait(300) != 0
    assert tables(tmp_path / "there") == tables(tmp_path / "here")


@pytest.mark.slow
def test_zone_on_a_cluster_that_fails_exits_1_and_resumes_here_to_the_same_bits(
    loopback: Loopback,
    small: str,
    tmp_path: Path,
    watched: list[subprocess.Popen],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert swept_by_command(small, tmp_path / "here") == 0
    monkeypatch.setattr(cluster, "ALONE_SECONDS", 4)
    loopback.scheduler()
    watched.append(loopback.worker())
    wait_for_workers(loopback.address, 1)
    assert swept_by_command(small, tmp_path / "there", "--cluster", loopback.address) == 1
    said = capsys.readouterr().err
    assert loopback.address in said and "--resume goes on" in said
    kept = (tmp_path / "there" / "journal").stat().st_size
    watched.clear()
    assert swept_by_command(small, tmp_path / "there", "--resume") == 0
    assert (tmp_path / "there" / "journal").stat().st_size > kept > 0
    assert tables(tmp_path / "there") == tables(tmp_path / "here")


def test_command_with_a_cluster_that_nobody_answers_for_exits_2_and_writes_nothing(
    small: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cluster, "REACH_SECONDS", 1)
    address = f"tcp://127.0.0.1:{free_port()}"
    assert swept_by_command(small, tmp_path / "none", "--cluster", address) == 2
    said = capsys.readouterr().err
    assert "no Dask scheduler answers" in said and address in said
    assert not (tmp_path / "none").exists()
