"""Where compiled kernels are kept: a folder named by a digest of the sources.

numba's own cache looks only at the file of the function that is called, so an edit elsewhere would leave it stale
(measured); a new digest is a new folder. It also looks at where that file stands and when it was touched, so that a
second checkout, or a copy of the folder, would compile again; `ByDigest` tells it to look at the digest alone. Import
this before numba.
"""

import hashlib
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

_SOURCES = ("model/**/*.py", "finance/*.py", "accounts.py")


@cache
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


class ByDigest:
    """Where numba finds a compiled function: in the folder of the digest, wherever the project stands."""

    def __init__(self, function: Callable[..., Any], file: str) -> None:
        self._name = f"{function.__module__}-{function.__code__.co_firstlineno}"
        ours = function.__module__.startswith("sim.")
        self._stamp = digest_of_sources() if ours else (os.stat(file).st_mtime, os.stat(file).st_size)

    @classmethod
    def from_function(cls, function: Callable[..., Any], file: str) -> "ByDigest":
        return cls(function, file)

    def get_cache_path(self) -> str:
        return os.environ["NUMBA_CACHE_DIR"]

    def ensure_cache_path(self) -> None:
        os.makedirs(self.get_cache_path(), exist_ok=True)

    def get_source_stamp(self) -> Any:
        return self._stamp

    def get_disambiguator(self) -> str:
        return self._name


# numba colours the messages of its own tries, tens of thousands of them, none of which is shown.
os.environ.setdefault("NUMBA_DISABLE_ERROR_MESSAGE_HIGHLIGHTING", "1")


# numba looks whether `coverage` and `yaml` are installed, and where they are spends .2 and .03 s on importing them.
# Where coverage measures, it is in the table of modules already. sim.ensemble takes the marks away again.
_NOT_NEEDED = [name for name in ("coverage", "yaml") if not {name, "numba"} & sys.modules.keys()]
for _name in _NOT_NEEDED:
    sys.modules[_name] = None  # type: ignore[assignment]


def allow_imports() -> None:
    """What numba was not to import may be imported again."""
    for name in _NOT_NEEDED:
        if sys.modules.get(name, 0) is None:
            del sys.modules[name]


def use_cache() -> bool:
    """Point numba at the folder; returns whether it already holds a compiled kernel.

    Older digests are removed, so the folder holds one version.
    """
    folder = Path(os.environ.setdefault("NUMBA_CACHE_DIR", str(cache_folder())))
    os.environ.setdefault("NUMBA_CACHE_LOCATOR_CLASSES", "sim.compiled.ByDigest")
    if "numba" in sys.modules:
        import numba

        numba.config.reload_config()  # type: ignore[attr-defined]
    return any(folder.glob("zone.live_one_world*.nbc"))


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
