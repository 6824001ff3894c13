"""How much memory and how many processors there are, and what would need more memory than that."""

import os
from contextlib import suppress
from pathlib import Path

from sim.errors import Problem, UserError

SHARE = 0.6  # of the memory at hand that worlds, metrics and designs may take
BYTES_A_NUMBER = 32  # of a design or of what is reported of it: as drawn, scaled, sorted, written
CONTROL_GROUPS = Path("/sys/fs/cgroup")  # where Linux says what a container may use
OWN_GROUPS = Path("/proc/self/cgroup")  # and which of them this process is in


def processors() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def memory_at_hand() -> float:
    """Bytes that this process may use: the machine's memory, or less where its container or `ulimit -v` says so."""
    found = [float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))]
    with suppress(ImportError):  # not on Windows
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        found += [float(limit)] if limit != resource.RLIM_INFINITY else []
    for line in OWN_GROUPS.read_text(encoding="utf-8").splitlines() if OWN_GROUPS.exists() else ():
        _, controllers, own = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        root = CONTROL_GROUPS / "memory" if controllers else CONTROL_GROUPS
        place = root / own.lstrip("/")
        for group in (place, *place.parents):
            for name in ("memory.max", "memory.limit_in_bytes"):
                with suppress(OSError, ValueError):  # a word, "max", where there is no limit
                    found.append(float(int((group / name).read_text(encoding="ascii"))))
            if group == root:
                break
    return min(found)


def refuse_too_many_samples(samples: int, numbers: int, key: str = "samples") -> None:
    """More samples than there is room for what is kept of each (so many numbers) are refused before the first."""
    have = memory_at_hand()
    if samples * numbers * BYTES_A_NUMBER > SHARE * have:
        raise UserError(
            Problem(
                f"so many samples would need {samples * numbers * BYTES_A_NUMBER / 2**30:,.0f} GiB of memory;"
                f" this machine has {have / 2**30:.1f} GiB",
                key=key,
                found=f"{samples:,}",
                expected=f"at most {int(SHARE * have / (numbers * BYTES_A_NUMBER)):,}",
            )
        )
