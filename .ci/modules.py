#!/usr/bin/env python3
"""Checks that the module table of docs/explanation/architecture.md matches Package.swift.

    modules.py [--self-test] [--list]

Every target of ours (no C library, test, example or benchmark) stands in the table once, and every name in its first column
is a target; a target depends only on targets of its own row or of rows above; the diagram names each target of the table.
--list prints targets with their dependencies. Exit status: 0 when all hold, 1 with a line for each difference, 2 when the
table or the manifest cannot be read.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = "docs/explanation/architecture.md"
HEADER = "| target | responsibility | independent of |"
C_LIBRARY = re.compile(r"C[A-Z]")


def targets(manifest):
    """Returns the name of each target → names in its dependencies, and the names of those outside of Sources."""
    result, elsewhere = {}, set()
    for match in re.finditer(r"\.(executableTarget|target)\(\s*name:\s*\"([^\"]+)\"", manifest):
        depth, at = 1, match.start() + match.group(0).index("(") + 1
        while depth and at < len(manifest):
            depth += {"(": 1, ")": -1}.get(manifest[at], 0)
            at += 1
        call = manifest[match.start() : at]
        listed = re.search(r"dependencies:\s*\[(.*)\]", call, re.S)
        body = listed.group(1) if listed else ""
        body = body.split("],", 1)[0]
        body = re.sub(r"\.product\([^)]*\)", "", body)
        if re.search(r"path:\s*\"(?!Sources/)", call):
            elsewhere.add(match.group(2))
        result[match.group(2)] = set(re.findall(r"\"([^\"]+)\"", body))
    return result, elsewhere


def rows(page):
    """Returns the sets of names in the first column, top row first."""
    if HEADER not in page:
        return []
    result = []
    for line in page[page.index(HEADER) :].split("\n")[2:]:
        if not line.startswith("|"):
            break
        result.append(re.findall(r"`([\w-]+)`", line.split("|")[1]))
    return result


def check(manifest, page):
    found, elsewhere = targets(manifest)
    ours = {name for name in found if not C_LIBRARY.match(name)} - elsewhere
    table = rows(page)
    row_of = {}
    for number, names in enumerate(table):
        for name in names:
            if name in row_of:
                yield f"{name} stands in the table twice"
            row_of[name] = number
    for name in sorted(ours - row_of.keys()):
        yield f"the table lacks the target {name}"
    for name in sorted(row_of.keys() - found.keys()):
        yield f"the table names {name}, which is no target"
    for name in sorted(found.keys() & row_of.keys()):
        for other in sorted(found[name] & row_of.keys()):
            if row_of[other] > row_of[name]:
                yield f"{name} depends on {other}, which stands below it"
    diagram = "\n".join(line for line in page.split("\n") if line.startswith("    ") and re.search("[│├└┌]", line))
    for name in sorted(row_of):
        if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", diagram):
            yield f"the diagram lacks {name}"


def self_test():
    manifest = """
    .target(name: "A"), .target(name: "B", dependencies: ["A", .product(name: "X", package: "x")], swiftSettings: strict),
    .executableTarget(
      name: "p",
      dependencies: ["A", "B"]), .target(name: "TestSupport", path: "Tests/Support"), .target(name: "CZ"), .testTarget(name: "BTests", dependencies: ["B"])
    """
    good = f"    │ A  B  p │\n\n{HEADER}\n|---|---|---|\n| `A` | a | |\n| `B`, `p` | b | |\n"
    cases = [
        (good, []),
        (good.replace("| `A` | a | |\n| `B`, `p` | b | |", "| `B`, `p` | b | |\n| `A` | a | |"), ["B depends on A", "p depends on A"]),
        (good.replace("`B`, `p`", "`p`"), ["the table lacks the target B"]),
        (good.replace("`A`", "`A`, `Z`"), ["the table names Z", "the diagram lacks Z"]),
        (good.replace("A  B  p", "A  p"), ["the diagram lacks B"]),
    ]
    failed = 0
    for page, expected in cases:
        lines = list(check(manifest, page))
        if len(lines) != len(expected) or not all(any(l.startswith(e) for l in lines) for e in expected):
            failed += 1
            print(f"self-test: {expected} expected, found {lines}", file=sys.stderr)
    print(f"modules: self-test of {len(cases)} samples, {failed} failed")
    return 1 if failed else 0


def main():
    if "--self-test" in sys.argv[1:]:
        return self_test()
    manifest = (ROOT / "Package.swift").read_text()
    page = (ROOT / PAGE).read_text()
    if "--list" in sys.argv[1:]:
        for name, others in targets(manifest)[0].items():
            print(f"{name}: {' '.join(sorted(others))}")
        return 0
    if not rows(page) or not targets(manifest)[0]:
        print(f"modules: {PAGE} has no table that begins with '{HEADER}', or Package.swift no target", file=sys.stderr)
        return 2
    lines = list(check(manifest, page))
    for line in lines:
        print(f"{PAGE}: {line}")
    print(f"modules: {len(rows(page))} rows, {len(lines)} differences")
    return 1 if lines else 0


sys.exit(main())
