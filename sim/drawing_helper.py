"""A second process that draws some of the figures, where there is a second core.

matplotlib holds the interpreter's lock while it draws, so threads would not help. The helper reads the result from its
folder, draws the figures it is told, one line each, and sends the pictures back: files are written by one process
alone. It ends when its input does, so it outlives nobody; whatever it could not draw is drawn by the first process,
which then meets the reason itself.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sim.memory import memory_at_hand, processors

if TYPE_CHECKING:
    from types import TracebackType

    from sim.result import Result

    Names = deque[str]
    Pictures = list[bytes]

ROOT = Path(__file__).resolve().parents[1]
SPARE = 0.1  # of the memory there is, which the result may take once more
PATIENCE = 30.0  # seconds for one figure
WORTH = 4  # figures below which a second process is not ready before the first one is done


@contextlib.contextmanager
def drawing_helper(wanted: bool, result: Result) -> Iterator[DrawingHelper | None]:
    """A helper, where it is wanted, there is a second core and room for the result once more."""
    helper = None
    if wanted and processors() > 1 and result.values.nbytes < SPARE * memory_at_hand():
        with contextlib.suppress(OSError):  # no more processes: one draws alone
            helper = DrawingHelper()
    with helper or contextlib.nullcontext():
        yield helper


class DrawingHelper:
    """The helper, ready as soon as it has read its libraries; leaving the block ends it."""

    def __init__(self) -> None:
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", ""))))
        warnings = [f"-W{option}" for option in sys.warnoptions]
        self._arrived: deque[tuple[str, Pictures]] = deque()
        self._news = threading.Semaphore(0)
        self.drawn = 0  # figures that came from it
        self._feeder: threading.Thread | None = None
        self._process = subprocess.Popen(
            [sys.executable, "-P", *warnings, "-c", "from sim.drawing_helper import main; main()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C is for the first process, which ends this one
        )

    def __enter__(self) -> DrawingHelper:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        feeder = self._feeder
        if feeder is not None:
            feeder.join()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):  # what was still to be sent has no reader
                    stream.close()

    def share(self, folder: Path, lang: str, formats: Sequence[str], waiting: Names) -> None:
        """Begin to draw figures of the result in `folder`, taken from the end of `waiting`. A name that fails is put
        back there."""
        about = "\t".join((lang, ",".join(formats), str(folder.resolve())))
        feeder = threading.Thread(target=self._feed, args=(about, len(formats), waiting), daemon=True)
        with contextlib.suppress(RuntimeError):  # no more threads: one process draws alone
            self._feeder = feeder
            feeder.start()
            return
        self._feeder = None

    def _feed(self, about: str, formats: int, waiting: Names) -> None:
        name = None
        try:
            self._say(about)
            while waiting:
                name = waiting.pop()
                self._say(name)
                self._arrived.append((name, [self._picture() for _ in range(formats)]))
                self.drawn += 1
                name = None
                self._news.release()
        except (OSError, ValueError, EOFError, IndexError, MemoryError):
            pass  # the helper has ended, or the first process took the last
        finally:
            if name is not None:
                waiting.append(name)
            self._feeder = None
            self._news.release()

    def _say(self, line: str) -> None:
        stream = self._process.stdin
        assert stream is not None
        stream.write(line.encode() + b"\n")
        stream.flush()

    def _picture(self) -> bytes:
        stream = self._process.stdout
        assert stream is not None
        size = int(stream.readline())  # ValueError where it has ended
        data = stream.read(size)
        if len(data) < size:
            raise EOFError
        return data

    def arrived(self) -> Iterator[tuple[str, Pictures]]:
        """(name, pictures by format) of what has come since the last call."""
        while self._arrived:
            yield self._arrived.popleft()

    def wait(self) -> bool:
        """Until there is news; False where none is to come."""
        if self._feeder is None and not self._arrived:
            return False
        if not self._news.acquire(timeout=PATIENCE):
            self._process.kill()  # it hangs; what it has is put back
        return True


def main() -> None:
    """What the helper does: the first line is language, formats and folder; every further one is a figure."""
    from sim.figures import default_set, encode
    from sim.result import Result

    lines, out = sys.stdin.buffer, sys.stdout.buffer
    lang, formats, folder = lines.readline().decode().rstrip("\n").split("\t")
    figures = dict(default_set(Result.load(folder), lang))
    for line in lines:
        figure = figures[line.decode().rstrip("\n")]()
        for kind in formats.split(","):
            data = encode(figure, kind)
            out.write(b"%d\n" % len(data) + data)
        out.flush()
