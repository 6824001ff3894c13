import errno
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sim import store
from sim.analysis.work import claim
from sim.errors import RunError, UserError


@pytest.fixture(autouse=True)
def _disk_with_room():
    yield
    store.fail_at(None)


def write_result(target: Path, text: str) -> None:
    with store.write_folder(target) as folder:
        store.write_json(folder / "manifest.json", {"scenario": text})
        store.write_text(folder / "summary.csv", text)


def what_lies_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_appears_whole_with_its_marker_and_list_of_files(tmp_path):
    with store.write_folder(tmp_path / "out" / "xian") as folder:
        (folder / "figures").mkdir()
        store.write_text(folder / "figures" / "a.svg", "<svg/>")
        assert not (tmp_path / "out" / "xian").exists()
    manifest = json.loads((tmp_path / "out" / "xian" / "manifest.json").read_text())
    assert manifest == {"program": "headwater", "files": ["manifest.json", "figures/a.svg"]}
    assert what_lies_in(tmp_path / "out") == ["xian"]


def test_an_error_inside_leaves_the_previous_result_and_nothing_else(tmp_path):
    write_result(tmp_path / "xian", "old")
    with pytest.raises(ZeroDivisionError), store.write_folder(tmp_path / "xian") as folder:
        store.write_text(folder / "summary.csv", "new")
        raise ZeroDivisionError
    assert (tmp_path / "xian" / "summary.csv").read_text() == "old"
    assert what_lies_in(tmp_path) == ["xian"]


def test_a_disk_that_fills_at_any_moment_leaves_a_whole_result(tmp_path):
    target = tmp_path / "xian"
    write_result(target, "old")
    before = store.operations
    write_result(target, "old")
    steps = store.operations - before
    assert steps > 8
    for step in range(1, steps + 1):
        store.fail_at(step)
        with pytest.raises(RunError, match=r"untouched|nothing was written"):
            write_result(target, "new")
        store.fail_at(None)
        assert (target / "summary.csv").read_text() == "old", step
        assert store.is_result(target)
        assert what_lies_in(tmp_path) == ["xian"], step
    write_result(target, "new")
    assert (target / "summary.csv").read_text() == "new"


def test_the_disk_full_message_names_the_folder_and_the_reason(tmp_path):
    store.fail_at(3)
    with pytest.raises(RunError, match=os.strerror(errno.ENOSPC)) as caught:
        write_result(tmp_path / "xian", "new")
    assert str(tmp_path / "xian") in str(caught.value)


def test_a_file_holds_what_it_held_when_the_disk_fills(tmp_path):
    path = tmp_path / "report.html"
    store.write_text(path, "old")
    for step in (1, 2, 3):
        store.fail_at(step)
        with pytest.raises(RunError):
            store.write_text(path, "new")
        store.fail_at(None)
        assert path.read_text() == "old"
        assert what_lies_in(tmp_path) == ["report.html"]


def test_somebody_elses_folder_is_left_alone(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("years of work")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "manifest.json").write_text('{"program": "something else"}')
    for name in ("thesis", "other"):
        with pytest.raises(UserError, match="left alone"):
            write_result(tmp_path / name, "new")
    assert (tmp_path / "thesis" / "chapter.tex").read_text() == "years of work"


def test_an_empty_folder_may_be_filled_and_a_file_may_not(tmp_path):
    (tmp_path / "empty").mkdir()
    write_result(tmp_path / "empty", "new")
    (tmp_path / "file").write_text("text")
    with pytest.raises(UserError, match="this is a file"):
        write_result(tmp_path / "file", "new")
    with pytest.raises(UserError, match="a folder stands"):
        store.write_text(tmp_path / "empty", "text")


def test_a_result_with_a_torn_manifest_can_be_replaced(tmp_path):
    write_result(tmp_path / "xian", "old")
    manifest = tmp_path / "xian" / "manifest.json"
    manifest.write_text(manifest.read_text()[:30])
    write_result(tmp_path / "xian", "new")
    assert (tmp_path / "xian" / "summary.csv").read_text() == "new"


def test_a_readers_notes_are_carried_into_the_next_result(tmp_path):
    write_result(tmp_path / "xian", "old")
    (tmp_path / "xian" / "notes.txt").write_text("mine")
    (tmp_path / "xian" / "report.html").write_text("of the old result")
    write_result(tmp_path / "xian", "new")
    assert what_lies_in(tmp_path / "xian") == ["manifest.json", "notes.txt", "summary.csv"]


def test_leftovers_of_a_killed_run_are_cleared_up_and_its_victim_restored(tmp_path):
    write_result(tmp_path / "xian", "old")
    (tmp_path / "xian").rename(tmp_path / "xian.previous-1")  # killed between the two renames
    (tmp_path / "xian.partial-1").mkdir()
    (tmp_path / "xian.partial-1" / "summary.csv").write_text("half")
    store.recover(tmp_path / "xian")
    assert (tmp_path / "xian" / "summary.csv").read_text() == "old"
    assert what_lies_in(tmp_path) == ["xian"]


def test_a_killed_process_leaves_a_result_that_the_next_run_replaces(tmp_path):
    write_result(tmp_path / "xian", "old")
    code = (
        "import os, sys; from sim import store\n"
        "with store.write_folder(sys.argv[1]) as folder:\n"
        "    (folder / 'half').write_text('x'); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "xian")], cwd=Path(__file__).parent.parent)
    assert done.returncode == -9
    assert (tmp_path / "xian" / "summary.csv").read_text() == "old"
    write_result(tmp_path / "xian", "new")
    assert (tmp_path / "xian" / "summary.csv").read_text() == "new"
    assert what_lies_in(tmp_path) == ["xian"]


def test_two_runs_into_one_folder_do_not_mix(tmp_path):
    with store.write_folder(tmp_path / "xian") as folder:
        store.write_text(folder / "summary.csv", "first")
        with pytest.raises(UserError, match=f"another run is writing.*process {os.getpid()}"):
            write_result(tmp_path / "xian", "second")
        write_result(tmp_path / "wuxi", "another folder")
    assert (tmp_path / "xian" / "summary.csv").read_text() == "first"
    assert what_lies_in(tmp_path) == ["wuxi", "xian"]


def test_many_threads_writing_one_file_leave_one_whole_text(tmp_path):
    texts = [str(i) * 10_000 for i in range(8)]
    threads = [threading.Thread(target=store.write_text, args=(tmp_path / "a", text)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "a").read_text() in texts
    assert what_lies_in(tmp_path) == ["a"]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "results").symlink_to(tmp_path / "disk")
    write_result(tmp_path / "results" / "xian", "new")
    assert (tmp_path / "results").is_symlink()
    assert (tmp_path / "disk" / "xian" / "summary.csv").read_text() == "new"


def test_json_is_standard_whatever_the_numbers(tmp_path):
    import numpy as np

    store.write_json(tmp_path / "a.json", {"nan": float("nan"), "array": np.array([1.0, np.inf]), "path": tmp_path})
    assert json.loads((tmp_path / "a.json").read_text()) == {"nan": None, "array": [1.0, None], "path": str(tmp_path)}


def test_a_journal_grows_by_whole_records(tmp_path):
    with open(tmp_path / "journal", "ab") as file:
        store.append(file, b"one")
        store.append(file, b"two")
        assert (tmp_path / "journal").read_bytes() == b"onetwo"
        store.fail_at(1)
        with pytest.raises(OSError, match="space"):
            store.append(file, b"three")
    assert (tmp_path / "journal").read_bytes() == b"onetwo"


@pytest.mark.parametrize("manifest", ['{"program": "headwater", "kind": "sweep"}', '{"program": "headwater", "kin'])
def test_long_work_of_another_command_is_not_replaced(tmp_path, manifest):
    """A sweep under way: its manifest, whole or damaged, and a journal in which hours may lie."""
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "manifest.json").write_text(manifest)
    (folder / "journal").write_bytes(store.JOURNAL_MARK + b"hours of work")
    with pytest.raises(UserError, match="long work of another command"):
        write_result(folder, "new")
    assert what_lies_in(folder) == ["journal", "manifest.json"]


def test_long_work_that_has_no_journal_yet_is_not_replaced(tmp_path):
    claim(tmp_path / "out", "sweep")
    with pytest.raises(UserError, match="long work of another command"):
        write_result(tmp_path / "out", "new")


def test_a_folder_in_which_a_diary_is_called_journal_is_nobodys_work(tmp_path):
    """Marked as this program's it would be replaced, diary and all, by the next run."""
    (tmp_path / "journal").write_text("dear diary")
    with pytest.raises(UserError, match="something else than a result"):
        claim(tmp_path, "sweep")
    assert what_lies_in(tmp_path) == ["journal"]


def test_what_a_folder_holds_is_told_before_it_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """40 worlds with figures and a report became 5 worlds without a word; "replaced with its figures" said by them."""
    from argparse import Namespace

    from sim import cli
    from sim.errors import UserError

    monkeypatch.setattr(cli, "_lang", "en")
    place = tmp_path / "r"

    def told(quiet: bool = False) -> str:
        a = Namespace(out=str(place), quiet=quiet)
        with cli.working(a, "worlds", cli.nothing_kept, cli.own_folder(a, "r")) as progress:
            progress(0, 2)
            progress(1, 2)
        return "".join(line for line in capsys.readouterr().err.splitlines(keepends=True) if "1/2" not in line)

    assert not told() and store.standing(place) is None
    with store.write_folder(place) as folder:
        store.write_json(folder / store.MANIFEST, {"replications": 40})
    when = f"{store.standing(place).written:%Y-%m-%d %H:%M}"  # type: ignore[union-attr]
    kept = "when this one is whole; another --out keeps both\n"
    assert told() == f"headwater: {place} holds a result (40 worlds, {when}): it is replaced {kept}"
    (place / "figures").mkdir()
    (place / "figures" / "a.png").write_bytes(b"x")
    (place / "report").mkdir()
    found = store.standing(place)
    assert found is not None and (found.worlds, found.made) == (40, ["figures", "report"])
    assert not told(quiet=True)
    assert (
        told()
        == f"headwater: {place} holds a result (40 worlds, {when}): it and its figures and report are replaced {kept}"
    )
    monkeypatch.setattr(cli, "_lang", "zh")
    assert f"已有结果（40 个世界，{when}）：新结果完整后，它及其图和报告将被取代；另设 --out 可两者都留" in told()

    a = Namespace(out=str(place), quiet=False)
    with pytest.raises(UserError), cli.working(a, "steps", cli.nothing_kept, place):
        raise UserError([])
    assert not capsys.readouterr().err, "what is refused before the work replaces nothing"


def test_a_refused_target_announces_no_replacement(tmp_path: Path, headwater) -> None:
    """`solve … irr >= 6` said that the result is replaced, then refused."""
    place = tmp_path / "r"
    with store.write_folder(place) as folder:
        store.write_json(folder / store.MANIFEST, {"replications": 40})
    sets = ["--by", "guidance.cap.venture=0.1..0.5", "--target", "irr >= 6", "--lang", "en", "--out", str(place)]
    done = headwater("solve", "scenarios/xian.toml", *sets)
    assert done.returncode != 0 and "irr" in done.stderr and "holds a result" not in done.stderr
