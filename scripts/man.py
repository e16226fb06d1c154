#!/usr/bin/env python3
"""man.py FOLDER   Writes manual pages, man(7), from what `vrbridge --experimental-dump-help` prints on standard input."""

import json
import os
import re
import sys

SECTION = 1


def roff(text):
    """Text as roff reads it: nothing in it is a request or an escape."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("^", "\\(ha").replace("~", "\\(ti").replace("`", "\\(ga")
    return "\n".join("\\&" + line if line.startswith((".", "'")) else line for line in text.split("\n"))


def paragraphs(text):
    return "\n.PP\n".join(roff(" ".join(part.split("\n"))) for part in re.split(r"\n\s*\n", text.strip()))


def option(argument):
    name = lambda n: ("--" if n["kind"] == "long" else "-") + n["name"]
    if argument["kind"] == "positional":
        text = f"\\fI{roff(argument.get('valueName', 'value'))}\\fR"
        return text + ("..." if argument.get("isRepeating") else "")
    text = ", ".join(f"\\fB{roff(name(n))}\\fR" for n in argument.get("names", []))
    if argument["kind"] == "option":
        text += f" \\fI{roff(argument.get('valueName', 'value'))}\\fR"
    return text


def page(command, path, product):
    name = "-".join(path)
    shown = [a for a in command.get("arguments", []) if a.get("shouldDisplay", True)]
    subcommands = [c for c in command.get("subcommands", []) if c.get("shouldDisplay", True) and c["commandName"] != "help"]
    lines = [
        f'.TH "{roff(name.upper())}" {SECTION} "" "{product}" "vrbridge"',
        ".SH NAME",
        f"{roff(name)} \\- {roff(command.get('abstract', '').rstrip('.')) or 'a command of vrbridge'}",
        ".SH SYNOPSIS",
    ]
    words = [f"\\fB{roff(' '.join(path))}\\fR"]
    for argument in shown:
        text = option(argument)
        words.append(f"[{text}]" if argument.get("isOptional") else text)
    if subcommands:
        words.append("\\fIcommand\\fR")
    lines.append(" ".join(words))
    lines += [".SH DESCRIPTION", paragraphs(command.get("abstract", "") or name)]
    if command.get("discussion"):
        lines += [".PP", paragraphs(command["discussion"])]
    if shown:
        lines.append(".SH OPTIONS")
        for argument in shown:
            text = argument.get("abstract", "")
            if argument.get("discussion"):
                text += "\n\n" + argument["discussion"]
            if argument.get("defaultValue") not in (None, "", "[]"):
                text += f" (default: {argument['defaultValue']})"
            lines += [".TP", option(argument), roff(" ".join(text.split()) or " ")]
    if subcommands:
        lines.append(".SH COMMANDS")
        for sub in subcommands:
            lines += [".TP", f"\\fB{roff('-'.join(path + [sub['commandName']]))}\\fR({SECTION})", roff(sub.get("abstract", "") or " ")]
    if len(path) == 1:
        lines += [
            ".SH FILES",
            ".TP", "\\fI\\(ti/.config/vrbridge/vrbridge.yaml\\fR, \\fI/etc/vrbridge/vrbridge.yaml\\fR",
            "The configuration; the first that is there counts. \\fBvrbridge run \\-\\-print\\-config\\fR shows what is in force.",
            ".TP", "\\fI$XDG_RUNTIME_DIR/vrbridge/vrbridge.sock\\fR, \\fI/run/vrbridge/vrbridge.sock\\fR", "The socket that renderers connect to.",
            ".TP", "\\fI/usr/share/vrbridge/devices\\fR", "Descriptions of devices.",
            ".SH EXIT STATUS", "0 when all went well, 1 when something failed (a sentence says what), 64 for a wrong command line.",
        ]
    else:
        lines += [".SH SEE ALSO", f"\\fB{roff('-'.join(path[:-1]))}\\fR({SECTION})"]
    return "\n".join(lines) + "\n"


def write(command, path, folder, product):
    with open(os.path.join(folder, "-".join(path) + f".{SECTION}"), "w", encoding="utf-8") as file:
        file.write(page(command, path, product))
    for sub in command.get("subcommands", []):
        if sub.get("shouldDisplay", True) and sub["commandName"] != "help":
            write(sub, path + [sub["commandName"]], folder, product)


command = json.load(sys.stdin)["command"]
write(command, [command["commandName"]], sys.argv[1], "vrbridge")
