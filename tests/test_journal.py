"""A journal outlives any kill, mixes nothing, and ends in the same bits."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from sim.analysis.journal import Journal, header_of
from sim.analysis.model import AnalyticModel
from sim.analysis.sweep import SweepResult, sweep
from sim.analysis.vary import Varied
from sim.cli import main
from sim.errors import UserError

HEADER = {"kind": "test", "seed": 1}
PATHS = ("a", "b", "c")


def bent(x: np.ndarray) -> np.ndarray:
    return x[:, 0] + x[:, 1] ** 2 * x[:, 2]


BLOCKS_BEFORE_IT_HANGS = 8
_evaluated = itertools.count()


def bent_until_it_hangs(x: np.ndarray) -> np.ndarray:
    """A few blocks, then no more: however late the machine lets us look, there is something to kill."""
    time.sleep(0.02 if next(_evaluated) < BLOCKS_BEFORE_IT_HANGS else 3600.0)
    return bent(x)


MODEL = AnalyticModel(bent, PATHS, chance=0.5, interplay=0.2)
SPREAD = [Varied.uniform(path, 0.0, 1.0) for path in PATHS]


def swept(folder: Path, resume: bool = False, model: AnalyticModel = MODEL, **changes: object) -> SweepResult:
    settings = {"method": "sobol", "samples": 64, "replications": 50, "seed": 3} | changes
    return sweep(model, SPREAD, out=folder, resume=resume, **settings)  # type: ignore[arg-type]


def numbers(result: SweepResult, folder: Path) -> dict[str, str]:
    result.save(folder, figures=False)
    return {name: (folder / name).read_text() for name in ("samples.csv", "metrics.csv", "indices.csv")}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], bytes]:
    """Numbers and journal of a sweep that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    return numbers(swept(folder), folder), (folder / "journal").read_bytes()


def test_blocks_come_back_in_order_whatever_order_they_were_written_in(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal", HEADER, resume=False)
    written = {block: np.random.default_rng(block).random((4, 3, 2)) for block in (2, 0, 1)}
    for block, values in written.items():
        journal.append(block, values)
    assert all(np.array_equal(found, written[block]) for block, found in enumerate(journal.blocks(3)))
    journal.close()
    assert header_of(tmp_path / "journal") == HEADER


@pytest.mark.parametrize("cut", [1, 7, 30, 47, 48, 100, 200, 243, 244, 300])
def test_journal_cut_anywhere_keeps_every_whole_block(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "journal"
    journal = Journal.open(path, HEADER, resume=False)
    for block in range(3):
        journal.append(block, np.full((4, 3, 2), float(block)))
    journal.close()
    record = 48 + 4 * 3 * 2 * 8
    path.write_bytes(path.read_bytes()[:-cut])
    journal = Journal.open(path, HEADER, resume=True)
    assert len(journal) == 3 - -(-cut // record)
    journal.close()


def test_journal_cut_inside_its_header_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    Journal.open(path, HEADER, resume=False).close()
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        journal = Journal.open(path, HEADER, resume=True)
        assert len(journal) == 0
        journal.close()
        assert path.read_bytes() == whole


def test_damaged_block_is_dropped_with_what_follows(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal.open(path, HEADER, resume=False)
    for block in range(3):
        journal.append(block, np.ones((1, 1, 1)))
    journal.close()
    data = bytearray(path.read_bytes())
    data[-60] ^= 1  # a bit of the second block's value
    path.write_bytes(data)
    journal = Journal.open(path, HEADER, resume=True)
    assert 0 in journal and 1 not in journal and 2 not in journal
    assert journal.dropped == 2 * 56
    journal.close()


def test_file_that_is_no_journal_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_text("dear diary, " * 20)
    with pytest.raises(UserError, match=r"not a journal.*leave out --resume"):
        Journal.open(path, HEADER, resume=True)
    assert path.read_text().startswith("dear diary")


def test_two_programs_never_write_one_journal(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal", HEADER, resume=False)
    with pytest.raises(UserError, match="another program"):
        Journal.open(tmp_path / "journal", HEADER, resume=True)
    journal.close()


def test_old_journal_is_set_aside_without_resume(tmp_path: Path) -> None:
    first = swept(tmp_path)
    before, values = (tmp_path / "journal").read_bytes(), first.evaluated.values([0, 50])
    swept(tmp_path, seed=4)
    assert (tmp_path / "journal.before").read_bytes() == before
    assert np.array_equal(first.evaluated.values([0, 50]), values)  # a result in hand outlives its folder's next sweep


def test_work_whose_folder_is_removed_under_way_is_delivered(
    tmp_path: Path, whole: tuple[dict[str, str], bytes]
) -> None:
    class Removing(AnalyticModel):
        def evaluate(self, *given: object, **named: object) -> np.ndarray:
            shutil.rmtree(tmp_path / "removed", ignore_errors=True)
            return super().evaluate(*given, **named)  # type: ignore[arg-type]

    removed = swept(tmp_path / "removed", model=Removing(bent, PATHS, chance=0.5, interplay=0.2))
    assert numbers(removed, tmp_path / "removed") == whole[0]


@pytest.mark.parametrize("kept", [0, 10, 200, 3000, 20000, None])
def test_resumed_sweep_ends_in_the_same_bits(
    tmp_path: Path, whole: tuple[dict[str, str], bytes], kept: int | None
) -> None:
    uncut, journal = whole
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / "journal").write_bytes(journal[:kept])
    assert numbers(swept(tmp_path / "cut", resume=True), tmp_path / "cut") == uncut
    assert (tmp_path / "cut" / "journal").read_bytes() == journal


def test_resume_without_a_journal_begins(tmp_path: Path, whole: tuple[dict[str, str], bytes]) -> None:
    assert numbers(swept(tmp_path / "a", resume=True), tmp_path / "a") == whole[0]


def test_complete_journal_evaluates_nothing(tmp_path: Path) -> None:
    def never(model: object, blocks: object, replications: int, seed: int) -> object:
        assert not list(blocks)  # type: ignore[call-overload]
        return iter(())

    swept(tmp_path)
    sweep(MODEL, SPREAD, "sobol", 64, 50, 3, out=tmp_path, resume=True, executor=never)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"seed": 4}, "seed"),
        ({"replications": 40}, "replications"),
        ({"samples": 128}, "samples"),
        ({"method": "lhs"}, "method"),
        ({"model": AnalyticModel(bent, PATHS, chance=0.4)}, "scenario"),
    ],
)
def test_resume_refuses_to_mix(tmp_path: Path, changes: dict[str, object], named: str) -> None:
    swept(tmp_path)
    before = (tmp_path / "journal").read_bytes()
    with pytest.raises(UserError, match=named):
        swept(tmp_path, resume=True, **changes)
    assert (tmp_path / "journal").read_bytes() == before


class Hanging(AnalyticModel):
    @property
    def fingerprint(self) -> str:
        return MODEL.fingerprint  # its numbers are the same


def _sweep_and_hang(folder: Path) -> None:
    swept(folder, resume=True, model=Hanging(bent_until_it_hangs, PATHS, chance=0.5, interplay=0.2))


def test_killed_again_and_again_it_ends_in_the_same_bits(tmp_path: Path, whole: tuple[dict[str, str], bytes]) -> None:
    context = multiprocessing.get_context("spawn")
    for _ in range(2):
        child = context.Process(target=_sweep_and_hang, args=(tmp_path / "killed",))
        child.start()
        journal = tmp_path / "killed" / "journal"
        size = journal.stat().st_size if journal.exists() else 0
        while not journal.exists() or journal.stat().st_size <= size + 20000:
            assert child.is_alive() and child.pid is not None
            time.sleep(0.005)
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        assert child.exitcode == -signal.SIGKILL
    assert numbers(swept(tmp_path / "killed", resume=True), tmp_path / "killed") == whole[0]


# --- a scenario's own sweep, from the command line


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = Path(__file__).resolve().parent.parent / "scenarios" / "xian.toml"
    path = tmp_path_factory.mktemp("small") / "small.toml"
    path.write_text(
        f'extends = "{base.as_posix()}"\n[zone]\nend = "2024Q4"\n[firms.initial]\ncount = 1500\n'
        "[firms.entry.organic]\nper_year = 150\n[firms.entry.incubator]\nper_year = 10\n"
    )
    return path


def command(small: Path, out: Path, *words: str) -> list[str]:
    said = [sys.executable, "run.py", "sweep", str(small), "--vary", "guidance.cap.angel=0.2..0.6", "--method", "lhs"]
    said += ["--samples", "96", "--replications", "50", "--target", "jobs.total@2024Q4", "--out", str(out)]
    return [*said, "--no-figures", "--quiet", "--lang", "en", *words]


def children_of(pid: int) -> set[int]:
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = status.read_text().rpartition(")")[2].split()
            if int(fields[1]) == pid:
                found.add(int(status.parent.name))
    return found


@pytest.mark.slow
def test_sweep_killed_at_random_moments_resumes_to_the_same_bits_and_leaves_nobody_behind(
    small: Path, tmp_path: Path, root: Path
) -> None:
    subprocess.run(command(small, tmp_path / "whole"), cwd=root, check=True, capture_output=True)
    draws = random.Random(20261124)
    journal = tmp_path / "killed" / "journal"
    for _ in range(3):
        process = subprocess.Popen(
            command(small, tmp_path / "killed", "--resume"), cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        size = journal.stat().st_size if journal.exists() else 0
        while process.poll() is None and not (journal.exists() and journal.stat().st_size > size):
            time.sleep(0.002)
        time.sleep(draws.uniform(0.0, 0.4))
        helpers = children_of(process.pid)
        process.kill()
        process.communicate()
        until = time.monotonic() + 300
        while alive := [pid for pid in helpers if Path(f"/proc/{pid}").exists()]:
            assert time.monotonic() < until, alive
            time.sleep(0.05)
    done = subprocess.run(command(small, tmp_path / "killed", "--resume"), cwd=root, capture_output=True)
    assert done.returncode == 0
    for name in ("samples.csv", "metrics.csv", "indices.csv", "journal"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    again = subprocess.run(command(small, tmp_path / "killed", "--resume"), cwd=root, capture_output=True)
    assert again.returncode == 0  # complete: nothing is left to do
    other = command(small, tmp_path / "killed", "--resume", "--set", "guidance.reinvestment=2.0")
    refused = subprocess.run(other, cwd=root, capture_output=True, text=True)
    assert refused.returncode == 2 and "begun with another" in refused.stderr
    assert (tmp_path / "killed" / "journal").read_bytes() == (tmp_path / "whole" / "journal").read_bytes()


@pytest.mark.parametrize("left", [None, b""])
def test_resume_on_a_missing_or_empty_journal_begins_and_exits_0(
    small: Path, tmp_path: Path, left: bytes | None
) -> None:
    if left is not None:
        (tmp_path / "s").mkdir()
        (tmp_path / "s" / "journal").write_bytes(left)
    words = [word if word not in ("96", "50") else "16" for word in command(small, tmp_path / "s", "--resume")]
    assert main([*words[2:], "--set", "firms.initial.count=60"]) == 0
    assert (tmp_path / "s" / "indices.csv").exists()
