"""A zone of some sixty firms that lives in milliseconds: for tests that start the program thousands of times."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import shutil
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from sim import cli

ROOT = Path(__file__).resolve().parent.parent
SIXTY_FIRMS = """[firms.initial]
count = 60
[firms.entry.organic]
per_year = 20
[firms.entry.incubator]
per_year = 4
[ladders.certificates.levels]
hte.initial = 20
sme.initial = 10
srdi.initial = 5
[ladders.listing.levels]
listed.initial = 2
reserve.initial = 3
reserve_provincial.initial = 3
"""
TINY = f"""extends = "scenarios/xian.toml"
facts = []
[zone]
end = "2021Q4"
today = "2020Q4"
{SIXTY_FIRMS}"""
TOLD = """extends = "tiny.toml"
[[facts]]
id = "alive"
metric = "firms.alive"
date = "2021Q4"
value = 75
use = "calibrate"
source = "made up"
[[facts]]
id = "hte"
metric = "ladder.certificates.hte"
date = "2021Q4"
value = 25
use = "calibrate"
source = "made up"
[calibrate]
"firms.entry.organic.per_year" = { uniform = [5, 60] }
"firms.exit.young" = { uniform = [0.02, 0.3] }
"""
VOLATILE = ("wall_seconds", "ns_per_firm_quarter", "threads")


def furnish(desk: Path) -> Path:
    """tiny.toml, told.toml (which may be calibrated) and the shipped scenarios in an empty folder."""
    shutil.copytree(ROOT / "scenarios", desk / "scenarios")
    (desk / "tiny.toml").write_text(TINY)
    (desk / "told.toml").write_text(TOLD)
    return desk


@dataclass
class Ended:
    status: int
    out: str
    err: str
    seconds: float
    crashed: str = ""  # the traceback, where one came

    @property
    def clear(self) -> bool:
        """Done, or refused with a sentence: never a traceback, never a failure without words."""
        said = bool(self.err.strip()) and "Traceback" not in self.err
        return not self.crashed and (self.status == 0 or (self.status in (1, 2) and said))


def headwater(*words: str) -> Ended:
    """The program in this process, from the current folder."""
    out, err = io.StringIO(), io.StringIO()
    began, crashed = time.perf_counter(), ""
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = cli.main(list(words))
        except SystemExit as exit:  # argparse refuses so
            status = exit.code if isinstance(exit.code, int) else 1
        except BaseException:
            status, crashed = -1, traceback.format_exc()
    return Ended(status, out.getvalue(), err.getvalue(), time.perf_counter() - began, crashed)


def contents(folder: Path) -> dict[str, str]:
    """Digest of every file below a folder by its name; of manifests without what time changes. Locks and files that
    begin with a point are not part of a result."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or path.name.startswith("."):
            continue
        data = path.read_bytes()
        if path.name == "manifest.json":
            try:
                about = json.loads(data)
                data = json.dumps({k: v for k, v in about.items() if k not in VOLATILE}, sort_keys=True).encode()
            except ValueError:
                pass
        found[name] = hashlib.sha256(data).hexdigest()[:16]
    return found


def leftovers(desk: Path) -> list[str]:
    """What an interrupted write left behind."""
    marks = (".partial-", ".previous-", ".lock")
    return sorted(p.relative_to(desk).as_posix() for p in desk.rglob("*") if any(m in p.name for m in marks))
