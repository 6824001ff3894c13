"""Ctrl-C as something that is known, not only raised.

Python raises KeyboardInterrupt wherever the main thread happens to be; where that is a finaliser or a callback from
compiled code it is printed as ignored and lost, and hours of work would go on. So the moment is noted too, and work
that waits for others looks for the note.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

asked = threading.Event()


@contextmanager
def heard() -> Iterator[None]:
    """Note Ctrl-C while this lasts, and raise KeyboardInterrupt as before. In another than the main thread, or where
    somebody has put a handler of his own, nothing is done."""
    asked.clear()
    usual = signal.default_int_handler
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is not usual:
        yield
        return

    def hear(number: int, frame: object) -> None:
        asked.set()
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, hear)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
        asked.clear()


def stop_if_asked() -> None:
    """Raise the KeyboardInterrupt that was lost on its way."""
    if asked.is_set():
        raise KeyboardInterrupt
