"""Where numbers come from, in Chinese: the twins of the shipped scenarios' sources and notes in sources.toml.

Scenario files state their sources in English; `sim.terms.sourced` tells them in the reader's language. A text without a
twin (a reader's own scenario) is told as it stands. Read only when something is told in Chinese.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

CATALOGUE = Path(__file__).with_name("sources.toml")


def chinese(text: str) -> str:
    """A source or note of a shipped scenario in Chinese; any other text as it stands."""
    return _twins().get(text, text)


def tables() -> dict[str, dict[str, str]]:
    """sources.toml: table -> English -> Chinese."""
    import tomli

    return tomli.loads(CATALOGUE.read_text(encoding="utf-8"))


@cache
def _twins() -> dict[str, str]:
    return {english: twin for table in tables().values() for english, twin in table.items()}
