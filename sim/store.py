"""The one small place through which every write goes: whole or not at all, and nobody else's files are touched.

A folder is built beside its place (`<target>.partial-<pid>`) and renamed into it when it is complete; what was there
before stays until then. A run that is killed leaves at most a partial or a set-aside folder; the next one clears it up.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from sim.errors import Problem, RunError, UserError

PROGRAM = "headwater"
MANIFEST = "manifest.json"
JOURNALS, JOURNAL_MARK = "journal*", b"HWJ1"  # names of the journals of long work, and how each begins
LATER = (
    "report",
    "report.*",
    "figures",
    "trace-*",
)  # what commands add to a result after the run, beside the manifest's list

# What an earlier start left and this one found: "brought back" a result, "cleared" something half written, "kept" so
# many blocks of a journal, "dropped" so many damaged bytes at its end, "set aside" an old journal.
Tell = Callable[[str, Path, int], None]
operations = 0  # steps that touched the disk since the program started; `fail_at` counts in them
_failing: int | None = None
_fault: tuple[int, bool, bool] = (errno.ENOSPC, False, False)


def _silent(what: str, path: Path, count: int) -> None:
    pass


tell: Tell = _silent  # the program sets it to what prints


def fail_at(step: int | None, error: int = errno.ENOSPC, once: bool = False, kill: bool = False) -> None:
    """For tests: the step-th operation from now (1 = the next) fails with this error (a full disk), and so does every
    later one unless `once`. With `kill` the process ends there as by kill -9."""
    global _failing, _fault
    _failing = None if step is None else operations + step
    _fault = (error, once, kill)


def _operation(path: Path) -> None:
    global operations
    operations += 1
    if _failing is None or operations < _failing:
        return
    error, once, kill = _fault
    if kill:
        os.kill(os.getpid(), 9)
    if operations == _failing or not once:
        raise OSError(error, os.strerror(error), str(path))


# --- one file ----------------------------------------------------------------------------------------------------


def write_bytes(path: str | Path, data: bytes) -> Path:
    """The file holds all of `data`, or what it held before."""
    path = Path(path)
    if path.is_dir():
        raise _refusal("a folder stands where this file is to be written", path, "a directory", "a file name")
    path = path.resolve()  # a link stays a link: what it points at is replaced
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}-{threading.get_ident()}")
    try:
        _write_beside(path, partial, data)
        _operation(path)
        os.replace(partial, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise _failure(path, error, "what it held before is untouched") from error
    finally:
        partial.unlink(missing_ok=True)
    return path


def write_together(files: Mapping[str | Path, bytes]) -> list[Path]:
    """Every file holds its new data, or every file holds what it held before: each is written beside its place first.

    A kill between two of the last renames leaves some files new and some old, each of them whole.
    """
    mark = f"{os.getpid()}-{threading.get_ident()}"
    places = {Path(path): data for path, data in files.items()}
    partials = {path: path.with_name(f".{path.name}.partial-{mark}") for path in places}
    previous = {path: path.with_name(f".{path.name}.previous-{mark}") for path in places}
    path = next(iter(places), Path())
    for folder in {path.parent for path in places}:
        clear_half_written(folder)
    try:
        for path, data in places.items():
            _write_beside(path, partials[path], data)
        replaced = []
        try:
            for path in places:
                _operation(path)
                if path.exists():
                    _keep(path, previous[path])
                os.replace(partials[path], path)
                replaced.append(path)
        except OSError:
            for done in replaced:
                if previous[done].exists():
                    os.replace(previous[done], done)
                else:
                    done.unlink(missing_ok=True)
            raise
        for folder in {path.parent for path in places}:
            _sync_folder(folder)
    except OSError as error:
        raise _failure(path, error, "what was there before is untouched") from error
    finally:
        for leftover in (*partials.values(), *previous.values()):
            with contextlib.suppress(OSError):
                leftover.unlink(missing_ok=True)
    return list(places)


def _write_beside(path: Path, partial: Path, data: bytes) -> None:
    """All of it, on the disk, under the name that `path` has until then."""
    _operation(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(partial, "wb") as file:
        file.write(data)
        _operation(path)
        file.flush()
        os.fsync(file.fileno())


def _keep(path: Path, copy: Path) -> None:
    """A second name for what stands there, or a copy where the file system has no second names."""
    try:
        os.link(path, copy)
    except OSError:
        shutil.copyfile(path, copy)


def refuse_unwritable(folder: str | Path) -> None:
    """RunError where a folder cannot be made or written, UserError where a file stands: known before the work."""
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise _refusal("a file stands where this folder is to be made", folder, "a file", "a folder, or nothing")
    nearest = next((place for place in (folder, *folder.parents) if place.exists()), Path())
    if not os.access(nearest, os.W_OK | os.X_OK):
        denied = PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(nearest))
        raise _failure(folder, denied, "nothing was written")


def will_write(path: str | Path) -> None:
    """Said before another program's code writes a file inside a folder of `write_folder`: that counts as a step too."""
    _operation(Path(path))


@contextlib.contextmanager
def building(path: str | Path) -> Iterator[IO[bytes]]:
    """A new file to be written in pieces, inside a folder of `write_folder`, which puts it on the disk and in place."""
    path = Path(path)
    _operation(path)
    with open(path, "wb") as file:
        yield file
    _operation(path)


def write_text(path: str | Path, text: str) -> Path:
    return write_bytes(path, text.encode("utf-8"))


def write_json(path: str | Path, value: Any) -> Path:
    return write_bytes(path, json_bytes(value))


def json_bytes(value: Any) -> bytes:
    """Standard JSON: a number that is not finite is written as null."""
    return (json.dumps(_plain(value), ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode()


def append(file: IO[bytes], record: bytes) -> None:
    """One record at the end of an open journal, on the disk before the call returns; the reader drops a torn tail."""
    _operation(Path(str(file.name)))
    file.seek(0, os.SEEK_END)
    file.write(record)
    file.flush()
    os.fsync(file.fileno())


# --- a folder ----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def write_folder(target: str | Path) -> Iterator[Path]:
    """Yields a new empty folder beside `target`; leaving the block without an error puts it there.

    The manifest is given the marker `"program": "headwater"` and the list of files. A result that was there is replaced
    whole, but files in it that no run wrote (a reader's notes) are carried over. Refused before anything is written: a
    target that is a file, that holds something else than a result, or that another run is writing.
    """
    target = refuse_foreign(target)
    try:
        _operation(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(target.parent, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(target.parent))
    except OSError as error:
        raise _failure(target, error, "nothing was written") from error
    with _held(target):
        _clear_up(target)
        partial = target.with_name(f"{target.name}.partial-{os.getpid()}")
        try:
            _operation(partial)
            partial.mkdir()
            yield partial
            _mark(partial)
            _sync_tree(partial)
            _put_in_place(partial, target)
        except OSError as error:
            raise _failure(target, error, "the result that was there before is untouched") from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def refuse_foreign(target: str | Path) -> Path:
    """The resolved target, or a UserError where something that is not a result stands there."""
    target = Path(target).expanduser().resolve()
    if target.exists() and not target.is_dir():
        raise _refusal("this is a file, and a result is a folder", target, "a file", "a folder to be made")
    if target.is_dir() and not is_result(target) and not all(_begun(entry) for entry in target.iterdir()):
        raise _refusal(
            "this folder holds something else than a result and is left alone",
            target,
            f"no {MANIFEST} of {PROGRAM}",
            "a new name, an empty folder, or a result to be replaced",
        )
    if target.is_dir() and (kind := _long_work(target)):
        raise _refusal(
            "this folder holds the long work of another command and is left alone",
            target,
            kind,
            "another folder with --out, or this one removed",
        )
    return target


def _long_work(folder: Path) -> str:
    """The long work that is under way or done in a folder, or "". Hours may lie in its journals; its manifest, which is
    written before the first of them, lists no files."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        manifest = None
    if isinstance(manifest, dict) and "files" not in manifest:
        return str(manifest.get("kind") or MANIFEST)
    return ", ".join(path.name for path in journals(folder))


def journals(folder: Path) -> list[Path]:
    """The journals of long work in a folder, by what they begin with: a diary may have the name too."""
    return [path for path in sorted(folder.glob(JOURNALS)) if path.is_file() and _start(path) == JOURNAL_MARK]


def _start(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(len(JOURNAL_MARK))


def _begun(path: Path) -> bool:
    """Whether a killed process left this file: half written or, of a journal, as far as it came."""
    if _half_written(path) is not None:
        return True
    return path.is_file() and path.match(JOURNALS) and JOURNAL_MARK.startswith(_start(path))


def _half_written(path: Path) -> int | None:
    """The process that began this file and did not come to put it in place, or None for any other file."""
    found = re.fullmatch(r"\..+\.(?:partial|previous)-(\d+)-\d+", path.name)
    return int(found[1]) if found else None


def clear_half_written(folder: Path) -> None:
    """Removes what killed processes left beside the files they were writing; those under way keep theirs."""
    for path in folder.iterdir() if folder.is_dir() else ():
        process = _half_written(path)
        if process is None or os.name != "posix":
            continue
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            path.unlink(missing_ok=True)
            tell("cleared", path, 1)
        except OSError:  # it lives, and is somebody else's
            continue


def is_result(folder: Path) -> bool:
    """Whether the folder carries the marker; a manifest that cannot be read still names the program in its text."""
    try:
        text = (folder / MANIFEST).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    try:
        manifest = json.loads(text)
    except ValueError:
        return f'"program": "{PROGRAM}"' in text
    return isinstance(manifest, dict) and manifest.get("program") == PROGRAM


@dataclass(frozen=True)
class Standing:
    """A result that stands in a folder: its worlds (0: it does not say), the local time at which it was written, and
    what was made from it and stands inside it."""

    worlds: int
    written: datetime
    made: list[str]


def standing(folder: str | Path) -> Standing | None:
    """What a run into this folder would replace; None where no result stands there."""
    folder = Path(folder).expanduser()
    path = folder / MANIFEST
    if not is_result(folder):
        return None
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        written = datetime.fromtimestamp(path.stat().st_mtime)
    except (OSError, ValueError):
        return None
    worlds = manifest.get("replications")
    made = [name for name in ("figures", "report") if (folder / name).is_dir()]
    return Standing(worlds if isinstance(worlds, int) else 0, written, made)


def recover(target: str | Path) -> None:
    """Brings back a result whose replacement was killed between two renames; nothing where a run is under way."""
    target = Path(target).expanduser().resolve()
    if not target.exists() and _leftovers(target, "previous"):
        with contextlib.suppress(UserError), _held(target):
            _clear_up(target)


def _clear_up(target: Path) -> None:
    """Called while the target is held, so every leftover is that of a dead run."""
    for previous in _leftovers(target, "previous"):
        if target.exists():
            shutil.rmtree(previous, ignore_errors=True)
            tell("cleared", previous, 1)
        else:
            os.rename(previous, target)
            tell("brought back", target, 1)
    for partial in _leftovers(target, "partial"):
        shutil.rmtree(partial, ignore_errors=True)
        tell("cleared", partial, 1)


def _leftovers(target: Path, kind: str) -> list[Path]:
    start = f"{target.name}.{kind}-"
    try:
        found = [path for path in target.parent.iterdir() if path.name.startswith(start)]
    except OSError:
        return []
    return sorted(path for path in found if path.name[len(start) :].isdigit() and path.is_dir())


def _mark(folder: Path) -> None:
    path = folder / MANIFEST
    manifest = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    files = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file() and p != path)
    write_json(path, {"program": PROGRAM} | manifest | {"program": PROGRAM, "files": [MANIFEST, *files]})


def _put_in_place(partial: Path, target: Path) -> None:
    previous = target.with_name(f"{target.name}.previous-{os.getpid()}")
    try:
        if target.exists():
            _operation(target)
            os.rename(target, previous)
        _operation(target)
        os.rename(partial, target)
    except OSError as error:
        if error.errno in (errno.EBUSY, errno.EXDEV):
            raise _refusal(
                "this folder cannot be replaced", target, error.strerror, "a folder below it, for instance out/run"
            ) from error
        raise
    finally:
        if previous.exists() and not target.exists():
            os.rename(previous, target)
    _sync_folder(target.parent)
    if previous.exists():
        # from here on the new result stands: what cannot be cleared now is cleared by the next run
        with contextlib.suppress(OSError):
            _carry_over(previous, target)
            shutil.rmtree(previous)


def _carry_over(previous: Path, target: Path) -> None:
    """Top-level files and folders of the reader's own move into the new result."""
    try:
        manifest = json.loads((previous / MANIFEST).read_text(encoding="utf-8"))
        written = {name.split("/")[0] for name in manifest["files"]}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return  # a damaged or unlisted result: nothing in it can be told apart
    for entry in previous.iterdir():
        ours = entry.name in written or any(entry.match(pattern) for pattern in LATER)
        if not ours and not entry.name.startswith(".") and not (target / entry.name).exists():
            os.rename(entry, target / entry.name)


@contextlib.contextmanager
def _held(target: Path) -> Iterator[None]:
    """One writer at a time. The lock is the kernel's, so it ends with the process however that ends."""
    path = target.with_name(f".{target.name}.lock")
    try:
        import fcntl
    except ImportError:  # Windows: not held; the renames still keep every result whole
        yield
        return
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(lock, 32).decode("ascii", "replace").strip()
            os.close(lock)
            raise _refusal(
                "another run is writing this folder",
                target,
                f"process {holder}" if holder else "a lock held by another process",
                "wait for it, or give another folder with --out",
            ) from None
        with contextlib.suppress(FileNotFoundError):
            if os.fstat(lock).st_ino == os.stat(path).st_ino:
                break
        os.close(lock)  # the file was removed by its last holder while we waited for it
    try:
        os.ftruncate(lock, 0)
        os.write(lock, f"{os.getpid()}\n".encode())
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
        os.close(lock)


# --- small parts -------------------------------------------------------------------------------------------------


def _sync_tree(folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            _operation(path)
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    """A rename is on the disk when its folder is. Some file systems cannot; then the order of writes is theirs."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _plain(value: Any) -> Any:
    """numpy scalars and arrays, paths and anything else that JSON has no word for."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (str, int)) else str(value)


def _refusal(message: str, path: Path, found: str | None, expected: str) -> UserError:
    return UserError([Problem(message, file=str(path), found=found, expected=expected)])


def _failure(path: Path, error: OSError, then: str) -> RunError:
    where = f" ({error.filename})" if error.filename and str(error.filename) != str(path) else ""
    return RunError(f"cannot write {path}: {error.strerror or error}{where}; {then}")
