#!/usr/bin/env python3
"""Checks rules that the compiler does not check, over all hand-written sources.

    source-rules.py [ROOT]

- A file has at most 400 lines.
- Outside `Sources/Spatial`, no vector type is named whose values are aligned to 32 bytes or more (`SIMD3<Double>`,
  `SIMD4<Double>`, `SIMD4<Int>`, …): Swift 6.3 frees such a value at a wrong address when an async closure captures it in an
  unoptimised build. `Vector3` and `Quaternion` store plain doubles.
- An initialiser has at most seven parameters, except memberwise ones of plain values (a `struct` that holds data only).
- `try!`, `fatalError`, `@unchecked Sendable` and `unsafeFlags` have a reason in a comment on the same line or in the ten
  lines above it.
- Texts of errors are made by `Diagnostics`: `error.reason`, `error.printed`. `localizedDescription` and
  `String(describing: error)` would print the notation of Foundation's errors.

`.ci/source-rules-allowed.txt` lists files with violations that are known, one path a line; a file without one must leave the
list. Exit status: 0 when all hold, 1 with a line for each violation, 2 when nothing was read.
"""

import pathlib
import re
import sys

LONGEST = 400
WIDE = re.compile(r"SIMD(?:3|4|8|16|32|64)<(?:Double|Int|UInt|Int64|UInt64)>|SIMD(?:8|16|32|64)<(?:Float|U?Int32)>")
ARGUED = re.compile(r"\btry!|\bfatalError\(|@unchecked Sendable|unsafeFlags")
RAW = re.compile(r"\.localizedDescription\b|String\(describing: (?:self\.)?error\)")
NOISE = re.compile(r'"(?:\\.|[^"\\\n])*"')
PARAMETER_LIMIT = 7
# Files of plain values whose memberwise initialiser sets each stored property.
PLAIN_VALUES = {"Sources/Sensing", "Sources/Spatial", "Sources/Inference/Registry"}


def parameters(text, start):
    """Returns the number of top-level parameters in the parenthesis that opens at `start`."""
    depth, commas, seen = 0, 0, False
    for index in range(start, len(text)):
        character = text[index]
        if character in "([{<":
            depth += 1
        elif character == ">" and text[index - 1] != "-" or character in ")]}":
            depth -= 1
            if depth == 0:
                return commas + 1 if seen else 0
        elif depth == 1:
            if character == ",":
                commas += 1
            elif not character.isspace():
                seen = True
    return 0


def violations(path, name):
    text = path.read_text()
    lines = text.splitlines()
    if len(lines) > LONGEST:
        yield f"{name}: {len(lines)} lines; {LONGEST} are the limit: split the file by idea"
    if path.suffix != ".swift":
        return
    bare = [NOISE.sub('""', line) for line in lines]
    for number, line in enumerate(bare, 1):
        code = line.split("//")[0]
        if not name.startswith("Sources/Spatial/") and (wide := WIDE.search(code)):
            yield f"{name}:{number}: {wide.group()} is aligned to 32 bytes; use Vector3, Quaternion or plain doubles"
        if argued := ARGUED.search(code):
            context = lines[max(0, number - 11) : number]
            if not any("//" in entry for entry in context):
                yield f"{name}:{number}: {argued.group()} needs its reason in a comment"
    if name.startswith("Sources/") and not name.startswith("Sources/Diagnostics/"):
        for number, line in enumerate(lines, 1):
            if (raw := RAW.search(line.split("//")[0])):
                yield f"{name}:{number}: {raw.group()} prints the notation of Foundation; use error.reason"
    if name.startswith("Sources/") and not any(name.startswith(folder) for folder in PLAIN_VALUES):
        code = "\n".join(line.split("//")[0] for line in bare)
        for match in re.finditer(r"\binit[?!]?(?:<[^>]*>)?\(", code):
            # A call of another initialiser is no declaration.
            if code[: match.start()].endswith("."):
                continue
            if (count := parameters(code, match.end() - 1)) > PARAMETER_LIMIT:
                number = code.count("\n", 0, match.start()) + 1
                yield f"{name}:{number}: an initialiser with {count} parameters; use a settings or dependencies value"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    files = [
        path
        for folder in ("Sources", "Tests", "Benchmarks", "examples", "Fuzz/Sources")
        for suffix in ("*.swift", "*.c", "*.h")
        for path in sorted((root / folder).rglob(suffix))
        # Fixtures are data: headers of an earlier release stay as they were.
        if "Generated" not in path.parts and "Fixtures" not in path.parts
    ]
    if not files:
        print(f"source-rules: {root} holds no sources; name the project's folder", file=sys.stderr)
        return 2
    allowed = {
        line.strip()
        for line in (root / ".ci/source-rules-allowed.txt").read_text().splitlines()
        if line.strip() and not line.startswith("#")
    }
    found, known = [], set()
    for path in files:
        name = str(path.relative_to(root))
        for line in violations(path, name):
            known.add(name)
            if name not in allowed:
                found.append(line)
    found += [f"{name}: has no violation any more; remove it from the list" for name in sorted(allowed - known)]
    print("\n".join(found + [f"{len(files)} files, {len(found)} violations, {len(known & allowed)} files excepted"]))
    return 1 if found else 0


sys.exit(main())
