"""Completion scripts for bash, zsh and fish, printed from the program's own parser.

Completed are commands, options with their choices, scenario files, result folders, and the names of metrics and
parameters that national.toml has, and xian.toml beyond it (its funds, programmes and named firms). The names are those
of the moment: print the script again after an update.
`python run.py`, `python3 run.py`, a path to either, and `./run.py` are all recognised.
"""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from pathlib import Path

SHELLS = ("bash", "zsh", "fish")
SHIPPED = [Path(__file__).resolve().parent.parent / "scenarios" / name for name in ("national.toml", "xian.toml")]

METRIC_OPTIONS = ("--metric", "--target", "--maximise", "--minimise", "--budget")
PATH_OPTIONS = ("--set", "--vary", "--by")
FILES = {
    "SCENARIO": "scenario",
    "RESULT": "result",
    "DIR": "folder",
    "FRAGMENT.toml": "scenario",
    "FILE.toml": "scenario",
}  # by metavar


@dataclass(frozen=True)
class Option:
    """One option. takes: "" for nothing, else scenario, result, folder, metric, path, file, words or value."""

    names: tuple[str, ...]
    takes: str
    words: tuple[str, ...]
    help: str
    repeats: bool


@dataclass(frozen=True)
class Described:
    """A command with what it completes."""

    name: str
    help: str
    options: tuple[Option, ...]
    operand: str  # like Option.takes; "" where it has none
    operand_words: tuple[str, ...]


def described(parser: argparse.ArgumentParser) -> list[Described]:
    """The commands of a parser made by sim.cli.build_parser."""
    (commands,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    helps = {choice.dest: choice.help or "" for choice in commands._choices_actions}
    return [_described(name, helps.get(name, ""), sub) for name, sub in commands.choices.items()]


def _described(name: str, text: str, parser: argparse.ArgumentParser) -> Described:
    options, operand, words = [], "", ()
    for action in parser._actions:
        choices = tuple(str(c) for c in action.choices or ())
        if action.option_strings:
            repeats = isinstance(action, argparse._AppendAction)
            takes = "" if action.nargs == 0 else _takes(action, choices)
            options.append(Option(tuple(action.option_strings), takes, choices, _one_line(action.help), repeats))
        else:
            operand, words = _takes(action, choices), choices
    return Described(name, _one_line(text), tuple(options), operand, words)


def _takes(action: argparse.Action, choices: tuple[str, ...]) -> str:
    if choices:
        return "words"
    if set(action.option_strings) & set(METRIC_OPTIONS):
        return "metric"
    if set(action.option_strings) & set(PATH_OPTIONS):
        return "path"
    kind = str(action.metavar or action.dest).strip("[]").split(" ")[0]
    return FILES.get(kind, "file" if "." in kind or kind == "PORTFOLIO" else "value")


def _one_line(text: str | None) -> str:
    return "" if text in (None, argparse.SUPPRESS) else " ".join(str(text).split())


def names() -> tuple[list[str], list[str]]:
    """(metrics, dotted paths of parameters) of the shipped scenarios; none of one that is not there."""
    from sim.errors import UserError
    from sim.scenario import load_scenario
    from sim.scenario.loading import provenance

    metrics: dict[str, None] = {}
    paths: dict[str, None] = {}
    for path in SHIPPED:
        try:
            scenario = load_scenario(path)
        except UserError:
            continue
        metrics |= dict.fromkeys(metric.name for metric in scenario.metrics)
        paths |= dict.fromkeys(str(row["path"]) for row in provenance(scenario))
    return [*metrics], [*paths]


def script(shell: str, parser: argparse.ArgumentParser) -> str:
    """What the shell reads; for "bash", "zsh" or "fish"."""
    metrics, paths = names()
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](described(parser), metrics, paths)


# --- bash


def _bash(commands: list[Described], metrics: list[str], paths: list[str]) -> str:
    cases = []
    for c in commands:
        flags = " ".join(name for o in c.options for name in o.names)
        values = [
            f"        {'|'.join(o.names)}) {_bash_words(o.takes, o.words)}; return ;;" for o in c.options if o.takes
        ]
        operand = _bash_words(c.operand, c.operand_words) if c.operand else ":"
        options = f'COMPREPLY=($(compgen -W "{flags}" -- "$cur"))'
        cases.append(
            "\n".join(
                [
                    f"    {c.name})",
                    '      case "$before" in',
                    *values,
                    "      esac",
                    f"      if [[ $cur == -* ]]; then {options}; else {operand}; fi ;;",
                ]
            )
        )
    every = " ".join(c.name for c in commands)
    return f"""\
# Completion of `python run.py` for bash. In ~/.bashrc:  source <(python run.py completion bash)
_headwater_metrics="{" ".join(metrics)}"
_headwater_paths="{" ".join(paths)}"

_headwater_files() {{ # endings, then folders to go on from
  local IFS=$'\\n'
  COMPREPLY=($(compgen -f -X "!*.$1" -- "$cur") $(compgen -d -S / -- "$cur"))
  if [[ -z $cur && -d $2 ]]; then COMPREPLY+=("$2"/); fi
  compopt -o nospace 2>/dev/null
  if [[ ${{#COMPREPLY[@]}} -eq 1 && ${{COMPREPLY[0]}} != */ ]]; then compopt +o nospace 2>/dev/null; fi
}}

_headwater() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}} at=1 command
  COMPREPLY=()
  case ${{COMP_WORDS[0]##*/}} in
  python*) # only `python run.py ...` is ours; the rest is left to the default, file names
    if [[ ${{COMP_WORDS[1]##*/}} != run.py || $COMP_CWORD -lt 2 ]]; then return; fi
    at=2 ;;
  esac
  if [[ $cur == "=" ]]; then return; fi
  while [[ $at -lt $COMP_CWORD ]]; do # options of the program itself stand before the command
    case ${{COMP_WORDS[at]}} in
    --lang) at=$((at + 2)) ;;
    -*) at=$((at + 1)) ;;
    *) break ;;
    esac
  done
  if [[ $COMP_CWORD -le $at ]]; then
    if [[ $before == --lang ]]; then COMPREPLY=($(compgen -W "zh en" -- "$cur")); return; fi
    COMPREPLY=($(compgen -W "{every} --help --version --lang" -- "$cur"))
    return
  fi
  command=${{COMP_WORDS[at]}}
  case $command in
{chr(10).join(cases)}
  esac
}}
complete -o bashdefault -o default -F _headwater python python3 run.py ./run.py
"""


def _bash_words(takes: str, words: tuple[str, ...]) -> str:
    if takes == "words":
        return f'COMPREPLY=($(compgen -W "{" ".join(words)}" -- "$cur"))'
    if takes == "metric":
        return 'COMPREPLY=($(compgen -W "$_headwater_metrics" -- "$cur"))'
    if takes == "path":
        return 'COMPREPLY=($(compgen -S = -W "$_headwater_paths" -- "$cur")); compopt -o nospace 2>/dev/null'
    if takes == "scenario":
        return "_headwater_files toml scenarios"
    if takes in ("result", "folder"):
        return 'COMPREPLY=($(compgen -d -- "${cur:-results/}")); compopt -o filenames 2>/dev/null'
    return ":"  # a value of the user's own; `file` falls to the default


# --- zsh


def _zsh(commands: list[Described], metrics: list[str], paths: list[str]) -> str:
    cases = []
    for c in commands:
        specs = [_zsh_option(o) for o in c.options]
        if c.operand:
            specs.append(f"'*:{c.operand}:{_zsh_action(c.operand, c.operand_words)}'")
        cases.append(f"    {c.name}) _arguments \\\n      " + " \\\n      ".join(specs) + " ;;")
    every = "\n".join(f"    '{_zsh_text(c.name)}:{_zsh_text(c.help)}'" for c in commands)
    return f"""\
#compdef run.py
# Completion of `python run.py` for zsh. In ~/.zshrc, after compinit:  source <(python run.py completion zsh)
typeset -ga _headwater_metrics=({" ".join(metrics)})
typeset -ga _headwater_paths=({" ".join(paths)})
_headwater_metric() {{ compadd -- $_headwater_metrics }}
_headwater_path() {{ compadd -S = -- $_headwater_paths }}

_headwater() {{
  local -a commands=(
{every}
  )
  local at=2
  while (( at < CURRENT )); do
    case $words[at] in
      --lang) (( at += 2 )) ;;
      -*) (( at += 1 )) ;;
      *) break ;;
    esac
  done
  if (( CURRENT <= at )); then
    if [[ $words[CURRENT-1] == --lang ]]; then compadd zh en; return; fi
    _describe -t commands command commands
    compadd -- --help --version --lang
    return
  fi
  local command=$words[at]
  words=("${{(@)words[at,-1]}}")
  (( CURRENT -= at - 1 ))
  case $command in
{chr(10).join(cases)}
  esac
}}

_headwater_python() {{ # only `python run.py ...` is ours
  if [[ $words[2] == (*/|)run.py ]] && (( CURRENT > 2 )); then
    shift words
    (( CURRENT -= 1 ))
    _headwater
  elif (( $+functions[_python] )) || autoload +X -Uz _python 2>/dev/null; then
    _python
  else
    _files
  fi
}}
compdef _headwater run.py ./run.py
compdef _headwater_python python python3
"""


def _zsh_option(o: Option) -> str:
    star = "*" if o.repeats else ""
    action = f":{o.takes}:{_zsh_action(o.takes, o.words)}" if o.takes else ""
    return " ".join(f"'{star}{name}[{_zsh_text(o.help)}]{action}'" for name in o.names)


def _zsh_action(takes: str, words: tuple[str, ...]) -> str:
    return {
        "words": f"({' '.join(words)})",
        "metric": "_headwater_metric",
        "path": "_headwater_path",
        "scenario": '_files -g "*.toml"',
        "result": "_files -/",
        "folder": "_files -/",
        "file": "_files",
    }.get(takes, "")


def _zsh_text(text: str) -> str:
    return re.sub(r"([\[\]:\\])", r"\\\1", text).replace("'", "’")


# --- fish


def _fish(commands: list[Described], metrics: list[str], paths: list[str]) -> str:
    lines = []
    for c in commands:
        lines.append(f"    complete -c $program -f -n '__headwater_at \"\"' -a {c.name} -d {_fish_text(c.help)}")
    for c in commands:
        here = f"-n '__headwater_at {c.name}'"
        for o in c.options:
            flags = " ".join(f"-l {n[2:]}" if n.startswith("--") else f"-s {n[1:]}" for n in o.names)
            value = _fish_value(o.takes, o.words)
            lines.append(f"    complete -c $program {here} {flags} {value}-d {_fish_text(o.help)}")
        if c.operand == "words":
            lines.append(f"    complete -c $program -f {here} -a '{' '.join(c.operand_words)}'")
        elif c.operand == "scenario":
            lines.append(f"    complete -c $program -f {here} -a '(__fish_complete_suffix .toml)'")
        elif c.operand in ("result", "folder"):
            lines.append(f"    complete -c $program -f {here} -a '(__fish_complete_directories)'")
        elif c.operand != "file":
            lines.append(f"    complete -c $program -f {here}")
    return f"""\
# Completion of `python run.py` for fish. In ~/.config/fish/config.fish:  python run.py completion fish | source
set -g __headwater_metrics {" ".join(metrics)}
set -g __headwater_paths {" ".join(paths)}

function __headwater_at --description 'whether this command of run.py is being typed; "" for none yet'
    set -l words (commandline -opc)
    if string match -qr '^python' -- (path basename -- $words[1])
        test (count $words) -ge 2; or return 1
        test (path basename -- $words[2]) = run.py; or return 1
        set -e words[1]
    end
    set -e words[1]
    while set -q words[1]; and string match -q -- '-*' $words[1]
        test $words[1] = --lang; and set -q words[2]; and set -e words[2]
        set -e words[1]
    end
    test "$words[1]" = "$argv[1]"
end

for program in python python3 run.py
{chr(10).join(lines)}
end
"""


def _fish_value(takes: str, words: tuple[str, ...]) -> str:
    given = {
        "words": f"-x -a '{' '.join(words)}' ",
        "metric": "-x -a '$__headwater_metrics' ",
        "path": "-x -a '$__headwater_paths=' ",
        "scenario": "-r ",
        "result": "-x -a '(__fish_complete_directories)' ",
        "folder": "-x -a '(__fish_complete_directories)' ",
        "file": "-r ",
        "value": "-x ",
    }
    return given.get(takes, "")


def _fish_text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
