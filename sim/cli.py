"""The commands of `python run.py`, and nothing else: each reads its arguments, calls the room that does the work, prints.

Only argparse is imported here; a command imports what it needs when it runs, so that `--help` answers at once.
Exit status: 0 done, 1 the run failed, 2 the user's input is wrong, 130 stopped by Ctrl-C. Results go to standard output,
messages and progress to standard error.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

TYPE_CHECKING = False  # see sim/__init__.py
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from sim.progress import Progress
    from sim.result import Result
    from sim.scenario.document import Scenario

STOPPED = 130  # 128 + SIGINT, as shells have it
READER_GONE = 141  # 128 + SIGPIPE

_lang = "en"


def say(en: str, zh: str) -> str:
    """The wording in the reader's language."""
    return zh if _lang == "zh" else en


def language(argv: Sequence[str], environment: dict[str, str] | os._Environ[str] = os.environ) -> str:
    """`--lang` where it is given, else the locale's: needed before the parser, whose help is in that language too."""
    for i, word in enumerate(argv):
        given = word.removeprefix("--lang=") if word.startswith("--lang=") else None
        if word == "--lang" and i + 1 < len(argv):
            given = argv[i + 1]
        if given in ("zh", "en"):
            return given
    locale = next((environment[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(name)), "")
    return "zh" if locale.lower().startswith("zh") else "en"


def note(message: str) -> None:
    print(f"headwater: {message}", file=sys.stderr, flush=True)
