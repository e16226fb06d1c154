#!/usr/bin/env python3
"""Writes manual pages, man(7), into FOLDER from the output of `PROGRAM --experimental-dump-help` on standard input.

    vrbridge --experimental-dump-help | man.py FOLDER
"""

import json
import os
import sys

import help_text

SECTION = 1


def roff(text):
    """Escapes a text for roff."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("^", "\\(ha").replace("~", "\\(ti").replace("`", "\\(ga")
    return "\n".join("\\&" + line if line.startswith((".", "'")) else line for line in text.split("\n"))


def block(text):
    """Formats a paragraph; an indented one stays as it is."""
    if help_text.is_code(text):
        return ".PP\n.EX\n" + roff(text) + "\n.EE"
    return ".PP\n" + roff(" ".join(text.split()))


def option(argument):
    names = [roff(name) for name in help_text.names(argument)]
    if argument["kind"] == "positional":
        return f"\\fI{names[0]}\\fR" + ("..." if argument.get("isRepeating") else "")
    text = ", ".join(f"\\fB{name}\\fR" for name in names)
    if argument["kind"] == "option":
        text += f" \\fI{roff(argument.get('valueName', 'value'))}\\fR"
    return text


def page(command, path, product):
    name = "-".join(path)
    shown = help_text.arguments(command)
    subcommands = help_text.subcommands(command)
    paragraphs, examples = help_text.split(command.get("discussion", ""))
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
    lines += [".SH DESCRIPTION", block(command.get("abstract", "") or name)] + [block(text) for text in paragraphs]
    if shown:
        lines.append(".SH OPTIONS")
        for argument in shown:
            text = argument.get("abstract", "")
            if argument.get("discussion"):
                text += "\n\n" + argument["discussion"]
            default = help_text.default(argument)
            if default is not None and "(default:" not in text:
                text += f" (default: {default})"
            lines += [".TP", option(argument), roff(" ".join(text.split()) or " ")]
    if subcommands:
        lines.append(".SH COMMANDS")
        for sub in subcommands:
            lines += [".TP", f"\\fB{roff('-'.join(path + [sub['commandName']]))}\\fR({SECTION})", roff(sub.get("abstract", "") or " ")]
    if examples:
        lines += [".SH EXAMPLES", ".EX", *[roff(example) for example in examples], ".EE"]
    if len(path) == 1:
        lines += [
            ".SH FILES",
            ".TP", "\\fI\\(ti/.config/vrbridge/vrbridge.yaml\\fR, \\fI/etc/vrbridge/vrbridge.yaml\\fR",
            "The configuration: of users, and of the service and root. \\fBvrbridge run \\-\\-print\\-config\\fR prints the active values.",
            ".TP", "\\fI$XDG_RUNTIME_DIR/vrbridge/vrbridge.sock\\fR, \\fI/run/user/UID/vrbridge/vrbridge.sock\\fR, \\fI/tmp/vrbridge\\-UID/vrbridge.sock\\fR, \\fI/run/vrbridge/vrbridge.sock\\fR", "The socket that renderers connect to: of a login session, of a user with or without a runtime directory, of root and of the system service.",
            ".TP", "\\fI/usr/share/vrbridge/devices\\fR", "Descriptions of devices.",
            ".SH EXIT STATUS", "0 on success, 1 for a negative result of a comparison or check, 2 on failure (with a message and its code), 64 for an invalid command line.",
        ]
    else:
        lines += [".SH SEE ALSO", f"\\fB{roff('-'.join(path[:-1]))}\\fR({SECTION})"]
    return "\n".join(lines) + "\n"


def write(command, path, folder, product):
    with open(os.path.join(folder, "-".join(path) + f".{SECTION}"), "w", encoding="utf-8") as file:
        file.write(page(command, path, product))
    for sub in help_text.subcommands(command):
        write(sub, path + [sub["commandName"]], folder, product)


command = json.load(sys.stdin)["command"]
write(command, [command["commandName"]], sys.argv[1], "vrbridge")
