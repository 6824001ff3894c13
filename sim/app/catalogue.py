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
    """name: `xian`, `xian/cap-50`; zone: what the file calls its zone, in both languages."""

    name: str
    path: Path
    zone: dict[str, str]


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
        """name -> file, read anew: a scenario that was just saved is there. Links out of the folder are left out."""
        root = self.folder.resolve()
        found = {}
        for path in sorted(self.folder.rglob("*.toml"))[:MOST] if self.folder.is_dir() else []:
            if path.name.startswith(".") or not path.resolve().is_relative_to(root):
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
        for name, path in self.paths().items():
            zone = _zone_of(path)
            if zone is not None and (name != SHARED or self.opening == SHARED):
                listed.append(Entry(name, path, zone))
        return sorted(listed, key=lambda e: e.name.split("/"))


def _zone_of(path: Path) -> dict[str, str] | None:
    """Name of the zone; None for a file that cannot be read or is a fragment."""
    from sim.scenario.reading import read_tree

    try:
        tree: dict[str, Any] = read_tree(path).data
    except UserError:
        return None
    zone = tree.get("zone")
    name = zone.get("name") if isinstance(zone, dict) else None
    if isinstance(name, str):
        return {"zh": name, "en": name}
    if isinstance(name, dict) and "market" in tree and "firms" in tree:
        return {lang: str(name.get(lang) or path.stem) for lang in ("zh", "en")}
    return None
