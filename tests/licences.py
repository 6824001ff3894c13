"""Licences of every package in requirements.lock, read from what is installed. `python -m tests.licences` prints the
table of docs/dependencies.md anew; test_licences.py holds the page to it."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "dependencies.md"
BEGINS, ENDS = "<!-- licences: printed by tests/licences.py -->", "<!-- licences end -->"

# what packages say, as SPDX says it; a bare "BSD" leaves open which
SPDX = {
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD 3-Clause License": "BSD-3-Clause",
    "BSD License": "BSD",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
}
# may be used, changed and passed on beside Apache-2.0; MPL-2.0 asks that changes to its own files be shown
ALLOWED = {"0BSD", "Apache-2.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "MIT", "MIT-CMU", "MPL-2.0"}
ALLOWED |= {"PSF-2.0", "Unlicense", "Zlib", "LLVM-exception"}


def locked() -> list[str]:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    return sorted(set(re.findall(r"^([A-Za-z0-9_.-]+)==", lock, flags=re.MULTILINE)))


def licence_of(package: str) -> str | None:
    """The licence a package states, as SPDX where that can be told; None where it is not installed on this platform."""
    try:
        about = importlib.metadata.metadata(package)
    except importlib.metadata.PackageNotFoundError:
        return None
    if about.get("License-Expression"):
        return str(about["License-Expression"])
    named = [line.split("::")[-1].strip() for line in about.get_all("Classifier") or [] if line.startswith("License")]
    short = (about.get("License") or "").strip()
    for stated in (short, *named):
        said = SPDX.get(stated, stated)
        if said in ALLOWED:
            return said
    return short.splitlines()[0] if short else "not stated"


def parts(licence: str) -> set[str]:
    """The licences an expression is made of."""
    return set(re.split(r"\s+(?:AND|OR|WITH)\s+|[()]", licence)) - {""}


def table() -> str:
    by_licence: dict[str, list[str]] = {}
    for package in locked():
        by_licence.setdefault(licence_of(package) or "not installed here", []).append(package)
    rows = ["| licence | packages of requirements.lock |", "|---|---|"]
    return "\n".join([*rows, *(f"| {k} | {', '.join(v)} |" for k, v in sorted(by_licence.items()))])


def on_page() -> dict[str, str]:
    """package -> licence, as the page has it."""
    block = PAGE.read_text(encoding="utf-8").split(BEGINS)[1].split(ENDS)[0]
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", block, flags=re.MULTILINE)
    return {package: licence for licence, packages in rows for package in packages.split(", ")}


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    head, rest = text.split(BEGINS)
    PAGE.write_text(f"{head}{BEGINS}\n{table()}\n{ENDS}{rest.split(ENDS)[1]}", encoding="utf-8")
