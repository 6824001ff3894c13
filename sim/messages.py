"""What is wrong, in Chinese: finds the twin of an English message in messages.toml.

Messages stand in English where they are raised, and are told in Chinese where they are printed. `chinese` finds the
entry whose English fits and sets its twin with what the slots held. Read only when something is told in Chinese.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

CATALOGUE = Path(__file__).with_name("messages.toml")
PLACEHOLDERS = "placeholders"  # the table of what stands for something to be written, as in PATH=VALUE
FORMS = {  # beginnings of slots' names -> what they fit
    "count": r"[\d,]+",
    "number": r"[-+]?(?:[\d,]*\.?\d+(?:e[-+]?\d+)?|inf|nan)",
    "share": r"[\d.]+%",
    "quarter": r"\d{4}Q\d",
    "kind": r"[\w-]+",
    "key": r"\S+",
    "digest": r"[0-9a-f]{6,}",
}
HOLDING = frozenset(("accepted", "bounds", "unit", "currency", "other", "reason", "then", "until", "found", "remedy"))
_SLOT = re.compile(r"\{(\w+)\}")
_CHOICES = re.compile(r"'[^']*'(?:, '[^']*')* or '[^']*'")
_PREFIXED = re.compile(r"(\w[\w.\[\]-]*: )(.+)", re.DOTALL)


def chinese(message: str) -> str:
    """A message that was raised in English, in Chinese; as it stands where it has no twin."""
    whole, patterns, _ = _catalogue()
    if message in whole:
        return whole[message]
    for pattern, twin in patterns:
        found = pattern.fullmatch(message)
        if found:
            held = {slot: chinese(text) if slot in HOLDING else text for slot, text in found.groupdict().items()}
            return twin.format(**held)
    if _CHOICES.fullmatch(message):
        return message.replace(", ", "、").replace(" or ", " 或 ")
    prefixed = _PREFIXED.fullmatch(message)  # a key, or the kind of another program's exception, before a message
    return prefixed[1] + chinese(prefixed[2]) if prefixed else message


def filled(text: str) -> str:
    """Placeholders of a text named in Chinese: PATH=VALUE is 路径=值."""
    _, _, placeholders = _catalogue()
    return _capitals().sub(lambda found: placeholders[found[0]], text)


def tables() -> dict[str, dict[str, str]]:
    """messages.toml: table -> English -> Chinese."""
    import tomli

    return tomli.loads(CATALOGUE.read_text(encoding="utf-8"))


def slots_of(template: str) -> list[str]:
    """Names of the slots of a template, in order; {{ and }} are braces."""
    return _SLOT.findall(template.replace("{{", "").replace("}}", ""))


def pattern_of(template: str) -> re.Pattern[str]:
    """What a template fits: `at most {count} dates` fits `at most 8 dates`."""
    pieces = _SLOT.split(template.replace("{{", "\0").replace("}}", "\1"))
    for i, piece in enumerate(pieces):
        if i % 2:
            form = next((form for word, form in FORMS.items() if piece.startswith(word)), r".+?")
            pieces[i] = f"(?P<{piece}>{form})"
        else:
            pieces[i] = re.escape(piece.replace("\0", "{").replace("\1", "}"))
    return re.compile("".join(pieces), re.DOTALL)


@cache
def _catalogue() -> tuple[dict[str, str], list[tuple[re.Pattern[str], str]], dict[str, str]]:
    """(texts without slots and their twins; patterns of the others, what says most in words of its own first; names of
    placeholders)."""
    stated = tables()
    placeholders = stated.pop(PLACEHOLDERS)
    entries = {english: twin for table in stated.values() for english, twin in table.items()}
    whole = {english.format(): twin.format() for english, twin in entries.items() if not slots_of(english)}
    slotted = sorted((e for e in entries if slots_of(e)), key=lambda e: -len(_SLOT.sub("", e)))
    return whole, [(pattern_of(english), entries[english]) for english in slotted], placeholders


@cache
def _capitals() -> re.Pattern[str]:
    _, _, placeholders = _catalogue()
    return re.compile(rf"(?<!\w)(?:{'|'.join(placeholders)})(?!\w)", re.ASCII)
