"""What a manifest says of how its result was made: the command, and the scenario from the text kept there, for the
files may have changed since, or be elsewhere."""

import os
import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sim.errors import Problem, UserError
from sim.scenario import load_scenario


def command_of(manifest: Mapping[str, Any]) -> str:
    """The command that makes a result again; empty where its manifest does not say."""
    words = [str(word) for word in manifest.get("command") or ()]
    if not words and "kind" not in manifest and manifest.get("scenario"):
        words = ["run", str(manifest["scenario"])]
        for key in ("replications", "seed"):
            words += [f"--{key}", str(manifest[key])] if key in manifest else []
        for override in manifest.get("overrides") or ():
            words += ["--set", str(override)]
    return shlex.join(["python", "run.py", *words]) if words else ""


def scenario_of(manifest: Mapping[str, Any], place: str | Path) -> Any:
    """The validated Scenario, overrides included; UserError where this version reads it no longer, or where the text is
    damaged. place: the manifest's file, which is named then."""
    texts = {os.path.abspath(name): str(text) for name, text in (manifest.get("scenario_text") or {}).items()}
    if os.path.abspath(manifest.get("scenario") or "") not in texts:
        message = "the result does not say which scenario it was made from"
        expected = "a result that `run` wrote of a scenario file"
        raise UserError(Problem(message, file=str(place), key="scenario_text", expected=expected))
    root = os.path.commonpath([os.path.dirname(name) for name in texts])
    with TemporaryDirectory() as folder:
        for name, text in texts.items():
            copy = Path(folder, os.path.relpath(name, root))
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(text, encoding="utf-8")
        first = os.path.relpath(os.path.abspath(manifest["scenario"]), root)
        try:
            return load_scenario(Path(folder, first), overrides=[str(each) for each in manifest.get("overrides", [])])
        except UserError as error:  # the copies are gone when it is read: it is told of the text in the result
            raise UserError([_told_of(problem, folder, str(place)) for problem in error.problems]) from None


def _told_of(problem: Problem, folder: str, place: str) -> Problem:
    file = problem.file
    if file is None or not Path(file).is_relative_to(folder):
        return problem
    return replace(problem, file=f"{place} ({Path(file).relative_to(folder).as_posix()})")
