"""Where compiled kernels are kept: a folder named by a digest of the sources.

numba's own cache looks only at the file of the function that is called, so an edit elsewhere would leave it stale
(measured); a new digest is a new folder. Import this before numba.
"""

import hashlib
import os
import sys
from pathlib import Path

_SOURCES = ("model/**/*.py", "finance/*.py", "accounts.py")


def digest_of_sources() -> str:
    """Sixteen hex digits over the kernels' sources and the Python version."""
    here = Path(__file__).parent
    h = hashlib.sha256(sys.version.encode())
    for pattern in _SOURCES:
        for path in sorted(here.glob(pattern)):
            h.update(path.relative_to(here).as_posix().encode())
            h.update(path.read_bytes())
    return h.hexdigest()[:16]


def cache_folder() -> Path:
    """Beside the project where that can be written, else in the user's cache."""
    beside = Path(__file__).parent.parent / ".kernels"
    root = beside if os.access(beside.parent, os.W_OK) else Path.home() / ".cache" / "headwater"
    return root / digest_of_sources()


# numba colours the messages of its own tries, tens of thousands of them, none of which is shown.
os.environ.setdefault("NUMBA_DISABLE_ERROR_MESSAGE_HIGHLIGHTING", "1")


# numba looks whether `coverage` is installed, and where it is spends .2 s on importing it. Where coverage measures, it
# is in the table of modules already.
if "numba" not in sys.modules and "coverage" not in sys.modules:
    sys.modules["coverage"] = None  # type: ignore[assignment]


def use_cache() -> bool:
    """Point numba at the folder; returns whether it already holds a compiled kernel.

    Older digests are removed, so the folder holds one version.
    """
    if os.environ.get("NUMBA_CACHE_DIR"):
        folder = Path(os.environ["NUMBA_CACHE_DIR"])
    else:
        folder = cache_folder()
        os.environ["NUMBA_CACHE_DIR"] = str(folder)
        if "numba" in sys.modules:
            import numba

            numba.config.reload_config()  # type: ignore[attr-defined]
    warm = folder.is_dir() and any(folder.rglob("*.nbc"))
    return warm


def _note_of(size: tuple[int, ...]) -> Path:
    return Path(os.environ.get("NUMBA_CACHE_DIR") or cache_folder()) / f"size-{'-'.join(map(str, size))}"


def note_size(size: tuple[int, ...]) -> None:
    """Remember that a kernel of an unusual size (sim.model.limits) is kept."""
    from sim import store

    note = _note_of(size)
    if note.parent.is_dir() and not note.is_file():
        store.write_text(note, "")


def holds_size(size: tuple[int, ...]) -> bool:
    """Whether a kernel of an unusual size is kept."""
    return _note_of(size).is_file()


def forget_old_versions() -> None:
    """Remove the folders of other digests."""
    import shutil

    folder = cache_folder()
    if folder.parent.is_dir():
        for other in folder.parent.iterdir():
            if other != folder and other.is_dir() and len(other.name) == 16:
                shutil.rmtree(other, ignore_errors=True)
