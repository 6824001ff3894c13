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


def command_of(manifest: Mapping[str, Any], copies: Mapping[str, str | Path] | None = None) -> str:
    """The command that makes a result again; empty where its manifest does not say. copies: of `put_back`, which are
    named in the place of the scenarios."""
    words = _texts(manifest.get("command"))
    if not words and "kind" not in manifest and isinstance(manifest.get("scenario"), str) and manifest["scenario"]:
        words = ["run", manifest["scenario"]]  # an earlier version's, which kept the run's settings alone
        for key in ("replications", "seed"):
            words += [f"--{key}", str(manifest[key])] if key in manifest else []
        for override in _texts(manifest.get("overrides")):
            words += ["--set", override]
        drawn = manifest.get("posterior")
        if isinstance(drawn, Mapping) and drawn.get("folder"):
            words += ["--posterior", str(drawn["folder"])]
    places = {os.path.abspath(name): str(copy) for name, copy in (copies or {}).items()}
    words = [places.get(os.path.abspath(word), word) for word in words]
    return shlex.join(["python", "run.py", *words]) if words else ""


def _texts(value: object) -> list[str]:
    return list(value) if isinstance(value, list) and all(isinstance(each, str) for each in value) else []


def put_back(manifest: Mapping[str, Any], folder: str | Path) -> dict[str, Path]:
    """Writes the texts of a result's scenario files below a folder, as the files lay among themselves; where each is
    then, by the name it had."""
    texts = {name: str(text) for name, text in (manifest.get("scenario_text") or {}).items()}
    if not texts:
        return {}
    root = os.path.commonpath([os.path.dirname(os.path.abspath(name)) for name in texts])
    copies = {name: Path(folder, os.path.relpath(os.path.abspath(name), root)) for name in texts}
    for name, copy in copies.items():
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(texts[name], encoding="utf-8")
    return copies


def scenario_of(manifest: Mapping[str, Any], place: str | Path) -> Any:
    """The validated Scenario, overrides included; UserError where this version reads it no longer, or where the text is
    damaged. place: the manifest's file, which is named then."""
    with TemporaryDirectory() as folder:
        copies = {os.path.abspath(name): copy for name, copy in put_back(manifest, folder).items()}
        first = copies.get(os.path.abspath(manifest.get("scenario") or ""))
        if first is None:
            message = "the result does not say which scenario it was made from"
            expected = "a result that `run` wrote of a scenario file"
            raise UserError(Problem(message, file=str(place), key="scenario_text", expected=expected))
        try:
            return load_scenario(first, overrides=[str(each) for each in manifest.get("overrides", [])])
        except UserError as error:  # the copies are gone when it is read: it is told of the text in the result
            raise UserError([_told_of(problem, folder, str(place)) for problem in error.problems]) from None


def _told_of(problem: Problem, folder: str, place: str) -> Problem:
    file = problem.file
    if file is None or not Path(file).is_relative_to(folder):
        return problem
    return replace(problem, file=f"{place} ({Path(file).relative_to(folder).as_posix()})")
