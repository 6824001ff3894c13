"""Ctrl-C that Python loses on its way still ends the work."""

import signal

import pytest

from sim.ensemble import run_in_threads
from sim.stopping import asked, heard


class Finalised:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)  # what a finaliser raises is printed and forgotten


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("threads", (1, 2))
def test_a_ctrl_c_that_a_finaliser_swallows_still_stops_the_worlds(threads: int):
    lived = []
    with heard(), pytest.raises(KeyboardInterrupt):
        Finalised()
        assert asked.is_set()
        run_in_threads(lived.append, 100_000, threads, None)
    assert len(lived) < 100_000 and not asked.is_set()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_of_somebody_elses_stays():
    def mine(number, frame):
        pass

    before = signal.signal(signal.SIGINT, mine)
    try:
        with heard():
            assert signal.getsignal(signal.SIGINT) is mine
    finally:
        signal.signal(signal.SIGINT, before)
