"""The scenario of a finished run, from the text in its manifest: the files may have changed since, or be elsewhere."""

import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sim.errors import Problem, UserError
from sim.scenario import load_scenario


def scenario_of(manifest: Mapping[str, Any]) -> Any:
    """The validated Scenario, overrides included; UserError where this version reads it no longer."""
    texts = {os.path.abspath(name): str(text) for name, text in (manifest.get("scenario_text") or {}).items()}
    if os.path.abspath(manifest.get("scenario") or "") not in texts:
        message = "the result does not say which scenario it was made from"
        raise UserError(Problem(message, key="scenario_text", expected="a result that `run` wrote of a scenario file"))
    root = os.path.commonpath([os.path.dirname(name) for name in texts])
    with TemporaryDirectory() as folder:
        for name, text in texts.items():
            copy = Path(folder, os.path.relpath(name, root))
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(text, encoding="utf-8")
        first = os.path.relpath(os.path.abspath(manifest["scenario"]), root)
        return load_scenario(Path(folder, first), overrides=[str(each) for each in manifest.get("overrides", [])])
