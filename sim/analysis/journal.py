"""An append-only record of finished blocks, so that long work can be killed at any moment and gone on with.

A file of records. The first holds the header (JSON: scenario, program, settings); every other one block of results as
float64. A record is a fixed head (tag, block number, shape, payload length, checksum) and its payload. A reader takes
records up to the first that is cut short or fails its checksum; what follows is dropped and computed again, which gives
the same bits, because a block's numbers depend on nothing but its samples and the seed.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np

from sim import store
from sim.analysis.model import refuse
from sim.errors import Problem, RunError, UserError

HEAD = struct.Struct("<4sQ3QQI")  # tag, block, shape, payload bytes, checksum of all that and the payload
HEADER, BLOCK = store.JOURNAL_MARK, b"BLCK"
NOT_OURS = "leave out --resume, which sets it aside, or name another --out"


class Shelf(Protocol):
    """Where finished blocks lie: on disk (Journal) or, for short work, in memory (Memory)."""

    def append(self, block: int, values: np.ndarray) -> None: ...
    def blocks(self, count: int) -> list[np.ndarray]: ...
    def __contains__(self, block: object) -> bool: ...
    def close(self) -> None: ...


class Memory:
    """Blocks kept in memory: work of seconds that nobody will want to resume."""

    def __init__(self) -> None:
        self._blocks: dict[int, np.ndarray] = {}

    def append(self, block: int, values: np.ndarray) -> None:
        self._blocks[block] = np.ascontiguousarray(values, dtype=np.float64)

    def blocks(self, count: int) -> list[np.ndarray]:
        return [self._blocks[block] for block in range(count)]

    def __contains__(self, block: object) -> bool:
        return block in self._blocks

    def close(self) -> None:
        pass


class Journal:
    """`Journal.open(path, header, resume)`; `dropped` bytes at the end were damaged or cut short."""

    def __init__(self, file: BinaryIO, places: dict[int, int], dropped: int) -> None:
        self._file = file
        self._places = places  # block -> offset of its record
        self.dropped = dropped

    @classmethod
    def open(cls, path: Path, header: Mapping[str, Any], resume: bool) -> Journal:
        """Goes on with a journal of the same header, or begins one.

        A missing or empty journal begins anew, a complete one has nothing left to do. With `resume`, a journal of
        another scenario, program or setting is refused; without, an old journal is set aside as `<name>.before`.
        """
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        file = _locked(path)
        try:
            if not resume and path.stat().st_size:
                file.close()
                os.replace(path, path.with_name(path.name + ".before"))
                store.tell("set aside", path.with_name(path.name + ".before"), 1)
                file = _locked(path)
            written, places, sound = _scan(file, path)
            if written is not None:
                _refuse_other(path, written, header)
            dropped = os.fstat(file.fileno()).st_size - sound
            if dropped:
                file.truncate(sound)
                store.tell("dropped", path, dropped)
            if places:
                store.tell("kept", path, len(places))
            journal = cls(file, places, dropped)
            if written is None:
                text = json.dumps(dict(header), sort_keys=True)
                text += " " * (-len(text.encode()) % 8)  # blocks then lie aligned in the mapped file
                journal._write(HEADER, 0, (0, 0, 0), text.encode())
            return journal
        except BaseException:
            with contextlib.suppress(OSError):
                file.close()
            raise

    def append(self, block: int, values: np.ndarray) -> None:
        values = np.ascontiguousarray(values, dtype="<f8")
        if values.ndim != 3:
            raise ValueError(f"a block is float64[sample, replication, output], got shape {values.shape}")
        self._places[block] = self._write(BLOCK, block, values.shape, values.tobytes())

    def blocks(self, count: int) -> list[np.ndarray]:
        """Blocks 0 … count-1 in order, as views of the mapped file: pages are read when touched, memory stays flat."""
        # the open file, whatever has become of its name since: what was worked out is delivered
        mapped = memoryview(np.memmap(self._file, dtype=np.uint8, mode="r"))  # type: ignore[arg-type]
        views = []
        for block in range(count):
            offset = self._places[block]
            _, _, *shape, length, _ = HEAD.unpack_from(mapped, offset)
            payload = mapped[offset + HEAD.size : offset + HEAD.size + length]
            views.append(np.frombuffer(payload, dtype="<f8").reshape(shape))
        return views

    def __contains__(self, block: object) -> bool:
        return block in self._places

    def __len__(self) -> int:
        return len(self._places)

    def close(self) -> None:
        # the lock ends here and by itself: views of the mapped file, which outlive this, hold the file open
        with contextlib.suppress(ImportError, OSError, ValueError):
            import fcntl

            fcntl.flock(self._file.fileno(), fcntl.LOCK_UN)
        with contextlib.suppress(OSError):  # a full disk, told by the write that met it; every record kept is on it
            self._file.close()

    def _write(self, tag: bytes, block: int, shape: tuple[int, ...], payload: bytes) -> int:
        """One record, on the disk before the call returns."""
        offset = self._file.seek(0, os.SEEK_END)
        try:
            store.append(self._file, _sealed(tag, block, shape, payload) + payload)
        except OSError as error:
            raise RunError(
                f"cannot write {self._file.name}: {error.strerror}; what was finished is kept, and --resume goes on"
            ) from error
        return offset


def header_of(path: Path) -> dict[str, Any] | None:
    """What a journal says it is, or None where there is none or it is empty."""
    if not Path(path).exists():
        return None
    with open(path, "rb") as file:
        return _scan(file, Path(path))[0]


def _sealed(tag: bytes, block: int, shape: tuple[int, ...], payload: bytes) -> bytes:
    open_head = HEAD.pack(tag, block, *shape, len(payload), 0)
    return HEAD.pack(tag, block, *shape, len(payload), zlib.crc32(payload, zlib.crc32(open_head)))


def _scan(file: BinaryIO, path: Path) -> tuple[dict[str, Any] | None, dict[int, int], int]:
    """(header, offset of each block's record, length of the sound part)."""
    header: dict[str, Any] | None = None
    places: dict[int, int] = {}
    size = os.fstat(file.fileno()).st_size
    sound = 0
    while size - sound >= HEAD.size:
        file.seek(sound)
        head = _exactly(file, HEAD.size)
        tag, block, *shape, length, _ = HEAD.unpack(head)
        if sound == 0 and tag != HEADER:
            raise refuse("not a journal of this program", file=str(path), found=repr(tag), expected=NOT_OURS)
        if tag not in (HEADER, BLOCK) or length > size - sound - HEAD.size:
            break
        payload = _exactly(file, length)
        if _sealed(tag, block, tuple(shape), payload) != head:
            break
        if tag == HEADER:
            header = json.loads(payload)
        else:
            places[block] = sound
        sound += HEAD.size + length
    if sound == 0 and size:
        file.seek(0)
        start = _exactly(file, min(size, len(HEADER)))
        if start != HEADER[: len(start)]:
            raise refuse("not a journal of this program", file=str(path), found=repr(start), expected=NOT_OURS)
    return header, places, sound


def _exactly(file: BinaryIO, count: int) -> bytes:
    parts = []
    while count:
        part = file.read(count)
        if not part:
            raise EOFError("the journal ended while it was read")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _locked(path: Path) -> BinaryIO:
    """Opened for reading and appending, and held: two programs never write one journal."""
    file = open(path, "a+b")  # noqa: SIM115 (the journal keeps it open)
    with contextlib.suppress(ImportError):  # no fcntl on Windows: there the journal is not held
        import fcntl

        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            raise refuse("another program is writing this journal", file=str(path)) from None
    return file


def _refuse_other(path: Path, written: Mapping[str, Any], header: Mapping[str, Any]) -> None:
    header = json.loads(json.dumps(dict(header)))
    problems = [
        Problem(
            "the journal was begun with another; its numbers are not mixed (leave out --resume or name another --out)",
            file=str(path),
            key=key,
            found=str(written.get(key)),
            expected=str(header.get(key)),
        )
        for key in sorted({*written, *header})
        if written.get(key) != header.get(key)
    ]
    if problems:
        raise UserError(problems)
