"""The scenarios that the page knows by name. A browser sends a name; only names listed here lead to a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sim.errors import UserError

SHARED = "national"  # what zones share; a zone of its own only in name
MOST = 500  # files listed


@dataclass(frozen=True)
class Entry:
    """name: `xian`, `xian/cap-50`; zone: what the file calls its zone, in both languages; root: name of the zone's own
    file, from which its variants descend."""

    name: str
    path: Path
    zone: dict[str, str]
    root: str


class Catalogue:
    """Scenario files below one folder, and the file that the command named, if it lies elsewhere."""

    def __init__(self, folder: Path, first: Path | None = None) -> None:
        self.folder = folder
        self.first = first
        self.opening = self.name_of(first) if first is not None else ""

    def name_of(self, path: Path) -> str:
        try:
            return path.resolve().relative_to(self.folder.resolve()).with_suffix("").as_posix()
        except ValueError:
            return path.stem

    def paths(self) -> dict[str, Path]:
        """name -> file, read anew: a scenario that was just saved is there. Links out of the folder are
        left out, and so are rule packs."""
        root = self.folder.resolve()
        found = {}
        for path in sorted(self.folder.rglob("*.toml"))[:MOST] if self.folder.is_dir() else []:
            if (
                path.name.startswith(".")
                or path.parent == self.folder / "rules"
                or not path.resolve().is_relative_to(root)
            ):
                continue
            found[path.relative_to(self.folder).with_suffix("").as_posix()] = path
        if self.first is not None:
            found[self.opening] = self.first
        return found

    def path(self, name: object) -> Path | None:
        """The file of a name, or None. The name is looked up, never made into a path."""
        return self.paths().get(name) if isinstance(name, str) else None

    def entries(self) -> list[Entry]:
        """Everything that reads as a zone's scenario, a zone before its variants."""
        listed = []
        paths = self.paths()
        names = {path.resolve(): name for name, path in paths.items()}
        for name, path in paths.items():
            found = _zone_of(path)
            if found is not None and (name != SHARED or self.opening == SHARED):
                zone, files = found
                above = [names[file] for file in files if file in names and names[file] != SHARED]
                listed.append(Entry(name, path, zone, above[0] if above else name))
        return sorted(listed, key=lambda e: (e.root, e.name != e.root, e.name))


def _zone_of(path: Path) -> tuple[dict[str, str], list[Path]] | None:
    """Name of the zone, and the files that the scenario is made of, the most general first; None for a file that cannot
    be read or is a fragment."""
    from sim.scenario.reading import read_tree

    try:
        read = read_tree(path)
    except UserError:
        return None
    tree: dict[str, Any] = read.data
    zone = tree.get("zone")
    name = zone.get("name") if isinstance(zone, dict) else None
    if not isinstance(name, str | dict) or "market" not in tree or "firms" not in tree:
        return None
    both = {"zh": name, "en": name} if isinstance(name, str) else name
    return {lang: str(both.get(lang) or path.stem) for lang in ("zh", "en")}, [Path(f).resolve() for f in read.texts]
