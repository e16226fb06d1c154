"""Reads the help that `PROGRAM --experimental-dump-help` prints, for manual pages and the reference."""

import re

EXAMPLES = re.compile(r"(?:^|\n\n)Examples:\n(?P<lines>(?:  .*(?:\n|$))+)\s*$")


def split(discussion):
    """Returns the paragraphs of a discussion and its example command lines."""
    match = EXAMPLES.search(discussion or "")
    text = discussion[: match.start()] if match else discussion or ""
    examples = [line[2:] for line in match["lines"].splitlines()] if match else []
    return [part for part in re.split(r"\n\s*\n", text.strip("\n")) if part.strip()], examples


def is_code(paragraph):
    """Whether a paragraph is indented, and so shown as it is."""
    return all(line.startswith("  ") for line in paragraph.splitlines())


def names(argument):
    """Returns `-n`, `--name` …, or the value's name of a positional argument."""
    if argument["kind"] == "positional":
        return [argument.get("valueName", "value")]
    return [("--" if name["kind"] == "long" else "-") + name["name"] for name in argument.get("names", [])]


def default(argument):
    """Returns the default value that the help shows, or None."""
    value = argument.get("defaultValue")
    return None if value in (None, "", "[]") or argument["kind"] == "flag" else value


def arguments(command):
    return [a for a in command.get("arguments", []) if a.get("shouldDisplay", True)]


def subcommands(command):
    return [
        c for c in command.get("subcommands", []) if c.get("shouldDisplay", True) and c["commandName"] != "help"
    ]
