"""How far a long piece of work is: one moving line on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import threading
import time

TYPE_CHECKING = False  # see sim/__init__.py
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self, TextIO

TERMINAL_EVERY = 0.1  # seconds between two updates of the moving line
PLAIN_EVERY = 5.0  # seconds between two plain lines


def duration(seconds: float, lang: str = "en") -> str:
    """`0.4 s`, `12 s`, `3 min 20 s`, `2 h 05 min`, or `3 分 20 秒`: two digits that matter."""
    hours, minutes, unit = ("小时", "分", "秒") if lang == "zh" else ("h", "min", "s")
    if seconds < 9.95:
        return f"{seconds:.1f} {unit}"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} {unit}"
    if whole < 3600:
        return f"{whole // 60} {minutes} {whole % 60:02d} {unit}"
    return f"{whole // 3600} {hours} {whole % 3600 // 60:02d} {minutes}"


class Progress:
    """Called with (done, total) from any thread; `done` is what a message after Ctrl-C may rely on.

    The time still needed is judged from the pace since work began to get done: what was there at the start of a resumed
    sweep, and the wait for a compiler, say nothing of it. opening: a line before everything else, said with the first
    call: what is refused before the work begins leaves it unsaid.
    """

    def __init__(
        self,
        unit: str,
        lang: str = "en",
        quiet: bool = False,
        stream: TextIO | None = None,
        now=time.monotonic,
        opening: str = "",
    ) -> None:
        self.unit, self.lang, self.quiet = unit, lang, quiet
        self.stream = sys.stderr if stream is None else stream
        self.terminal = self.stream.isatty()
        self.now = now
        self.opening = opening
        self.done = self.total = 0
        self._lock = threading.Lock()
        self._started = self._printed_at = now()
        self._line_open = False
        self._printed_done = -1
        self._base: tuple[float, int] | None = None  # when the count was last what it was at first, and that count

    def __call__(self, done: int, total: int) -> None:
        with self._lock:
            self.done, self.total = max(done, self.done), total
            moment = self.now()
            if self._base is None or done == self._base[1]:
                self._base = moment, done
            if self.quiet:
                return
            if self.opening:
                print(self.opening, file=self.stream, flush=True)
                self.opening = ""
            due = TERMINAL_EVERY if self.terminal else PLAIN_EVERY
            if moment - self._printed_at >= due:
                self._print(moment)

    def say(self, message: str) -> None:
        """A line of its own, above the moving one."""
        with self._lock:
            if not self.quiet:
                self._erase()
                print(message, file=self.stream, flush=True)

    def close(self) -> None:
        """The last line: on a terminal it stays, so that the screen tells what was done."""
        with self._lock:
            if self.quiet or self.total == 0 or self._printed_done == self.done:
                self._end_line()
                return
            self._print(self.now())
            self._end_line()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _print(self, moment: float) -> None:
        self._printed_at, self._printed_done = moment, self.done
        zh = self.lang == "zh"
        taken = duration(moment - self._started, self.lang)
        line = f"{self.done}/{self.total} {self.unit}" + (f"，已用 {taken}" if zh else f", {taken}")
        since, base = self._base or (moment, self.done)
        if base < self.done < self.total:
            left = duration((moment - since) / (self.done - base) * (self.total - self.done), self.lang)
            line += f"，还需 {left}" if zh else f", {left} left"
        if self.terminal:
            self.stream.write(f"\r{line}\x1b[K")
            self._line_open = True
        else:
            self.stream.write(line + "\n")
        self.stream.flush()

    def _erase(self) -> None:
        if self._line_open:
            self.stream.write("\r\x1b[K")
            self._line_open = False

    def _end_line(self) -> None:
        if self._line_open:
            self.stream.write("\n")
            self.stream.flush()
            self._line_open = False
