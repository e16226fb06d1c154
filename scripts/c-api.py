#!/usr/bin/env python3
"""c-api.py [--check]   Writes docs/reference/c-api.md from the comments of the C headers; --check compares, and fails when
the page is out of date or a function for users has no comment.

The comment directly above a function, structure or enumeration describes it; a comment behind a field describes the field.
Helpers that programs do not call are left out."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/reference/c-api.md"
HEADERS = ["vrbridge.h", "vrbridge_connection.h", "vrbridge_annotations.h", "vrbridge_frames.h"]
INTERNAL = re.compile(
    r"vrb_(?:copy_entry|page_slot|normalize|mean_rate|predict|handshake|open|varint|next_field|field_\w+|read_\w+|stream_(?:drop|connect|fill|frame|"
    r"forget_frame)|put_\w+|frames_(?:send|reply|receive|memory)|socket_paths|entry|slot|page|field|client|stream)$"
)
HEAD = """# C API

This page lists the functions, structures and constants of the C headers. You need a C99 or C++11 compiler and the headers
from `Sources/CVRBridge/include` or the package `vrbridge-dev`; [Feed a renderer](../how-to/feed-a-renderer.md) shows their use.
`vrbridge.h` includes `vrbridge_connection.h`; both must be in the same folder.

There is no library to link: all functions are `static inline`. Use one `vrb_client` or `vrb_stream` for each thread; a
structure is not safe for concurrent use. [Protocol and pose page](protocol.md) specifies the memory layout and the flags,
[Compatibility](compatibility.md) the promise for these headers. `scripts/c-api.py` generates this page.
"""


def clean(comment):
    text = re.sub(r"^\s*\*? ?", "", comment.strip(), flags=re.M)
    text = " ".join(text.split())
    text = re.sub(r"(?<![`\w$./])(vrb_\w+|VRB_\w+(?:\.\.\.)?|-E[A-Z]+|\$?XDG_\w+[\w/.]*\w|\$VRBRIDGE_SOCKET|/run/[\w/.]*\w|CLOCK_MONOTONIC)", r"`\1`", text)
    return text.replace("`$XDG", "`$XDG").replace("|", "\\|")


def entries(text):
    """Yields (kind, name, comment, text)."""
    for match in re.finditer(
        r"(?:/\*((?:(?!\*/).)*?)\*/\n)?(typedef struct (\w+) \{(.*?)\n\} \w+;|enum \{(.*?)\};|static inline ([^{;]*?)\{)", text, re.S
    ):
        comment = match.group(1) or ""
        if comment.strip().startswith("----") or comment.strip().startswith("vrbridge"):
            comment = ""
        if match.group(3):
            yield "struct", match.group(3), clean(comment), match.group(4)
        elif match.group(5) is not None:
            yield "enum", "", clean(comment), match.group(5)
        else:
            prototype = " ".join(match.group(6).split()).replace("( ", "(")
            yield "function", re.search(r"(\w+)\(", prototype).group(1), clean(comment), prototype


def fields(body):
    pattern = r"(?:^[ \t]*/\*([^\n]*?)\*/\n)?^[ \t]*((?:const )?[\w ]+?\*?)[ \t]*\b([\w, \[\]]+?);[ \t]*(?:/\*(.*?)\*/)?"
    for line in re.finditer(pattern, body, re.M):
        yield f"{line.group(2)} {line.group(3)}".replace("|", "\\|"), clean(line.group(4) or line.group(1) or "")


def constants(body):
    body = re.sub(r"/\*.*?\*/", "", body, flags=re.S)
    return [part.strip().split(" =")[0] for part in body.split(",") if part.strip()]


def page():
    missing = []
    parts = [HEAD]
    for name in HEADERS:
        text = (ROOT / "Sources/CVRBridge/include" / name).read_text()
        text = re.sub(r"_Static_assert.*?;|static_assert.*?;", "", text)
        functions, structs, enums = [], [], []
        for kind, symbol, comment, body in entries(text):
            if symbol and INTERNAL.match(symbol):
                continue
            if kind == "function":
                if not comment:
                    missing.append(f"{name}: {symbol}")
                functions.append(f"### {symbol}\n\n```c\n{body}\n```\n\n{comment}\n")
            elif kind == "struct":
                rows = "\n".join(f"| `{field}` | {meaning} |" for field, meaning in fields(body))
                structs.append(f"### {symbol}\n\n{comment}\n\n| field | meaning |\n|---|---|\n{rows}\n")
            else:
                list_of = constants(body)
                prefix = "_".join(list_of[0].split("_")[:2])
                enums.append(f"- **{prefix}**: " + (comment + " " if comment else "") + ", ".join(f"`{c}`" for c in list_of))
        constants_of = f"\n### Constants of {name}\n\n" + "\n".join(enums) + "\n" if enums else ""
        section = f"## {name}\n\n" + "\n".join(functions) + "\n" + "\n".join(structs) + constants_of
        parts.append(section.rstrip("\n") + "\n")
    return "\n".join(parts), missing


def main():
    text, missing = page()
    for name in missing:
        print(f"{name} has no comment", file=sys.stderr)
    if "--check" in sys.argv[1:]:
        if missing or not PAGE.exists() or PAGE.read_text() != text:
            print(f"{PAGE.relative_to(ROOT)} is out of date; run scripts/c-api.py", file=sys.stderr)
            return 1
        print("c-api: up to date")
        return 0
    PAGE.write_text(text)
    return 1 if missing else 0


sys.exit(main())
