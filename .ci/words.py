#!/usr/bin/env python3
"""Fails when a document, help text, page text or public declaration uses a retired word.

    words.py [--self-test] [--strings] [GROUP...]

GROUP is docs, help, page, data or identifiers; all of them by default. --strings adds all string literals of Sources with a
space in them, to find messages outside of the command line. .ci/words.txt lists the words with the suggested terms,
.ci/words-allowed.txt the exceptions with their reasons. Code, links, paths and quoted commands are left out. Exit status:
0 without a finding, 1 with one (file:line, word, suggestion), 2 for an unreadable list or an exception that matches
nothing.
"""

import fnmatch
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
HERE = pathlib.Path(__file__).resolve().parent
MAXIMUM_CONTEXT = 80


def rows(path, columns):
    result = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split("\t")
        if len(fields) != columns:
            sys.exit(f"{path.name}:{number}: {columns} fields between tabs are expected")
        result.append(fields)
    return result


class Rules:
    def __init__(self, words, allowed):
        self.prose, self.identifiers, self.types = [], {}, {}
        for scope, pattern, term in words:
            if scope == "prose":
                self.prose.append((re.compile(pattern, re.I), term))
            else:
                (self.types if scope == "type" else self.identifiers)[pattern.lower()] = term
        self.allowed = [(path, re.compile(pattern, re.I), reason) for path, pattern, reason in allowed]
        self.used = set()

    def is_allowed(self, path, text, start, end):
        for index, (glob, pattern, _) in enumerate(self.allowed):
            if not fnmatch.fnmatch(path, glob):
                continue
            for match in pattern.finditer(text):
                if match.start() <= start and end <= match.end():
                    self.used.add(index)
                    return True
        return False

    def check_prose(self, path, text, line_of):
        """Yields the findings in a text; line_of maps an offset in it to a line."""
        for pattern, term in self.prose:
            for match in pattern.finditer(text):
                if not self.is_allowed(path, text, match.start(), match.end()):
                    yield path, line_of(match.start()), match.group(0), term

    def check_name(self, path, line, name):
        for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", name):
            term = self.identifiers.get(word.lower())
            if not term and name[0].isupper():
                term = self.types.get(word.lower())
            if term and not self.is_allowed(path, name, 0, len(name)):
                yield path, line, name, term


def blank(match):
    """Removes a match and keeps its line breaks, so that line numbers stay."""
    return "¤" + re.sub(r"[^\n]", " ", match.group(0)[1:])


def prose_of_markdown(text):
    """The prose of a page: without code, addresses and markup, with the same line breaks."""
    text = re.sub(r"^(```|~~~).*?^\1[ \t]*$", blank, text, flags=re.M | re.S)
    text = re.sub(r"<!--.*?-->", blank, text, flags=re.S)
    # Indented code follows an empty line or other indented code.
    lines, in_code, last_is_empty, in_list = text.split("\n"), False, True, False
    for index, line in enumerate(lines):
        indent = len(line) - len(line.lstrip(" "))
        if re.match(r"\s*(?:[-*]|\d+\.) ", line) and indent < 4:
            in_list = True
        elif line.strip() and indent == 0:
            in_list = False
        limit = 7 if in_list else 4
        in_code = bool(line.strip()) and indent >= limit and (last_is_empty or in_code) or (in_code and not line.strip())
        if in_code:
            lines[index] = ""
        last_is_empty = not line.strip()
    text = "\n".join(lines)
    text = re.sub(r"`[^`]*`", blank, text)
    text = re.sub(r"\]\([^)]*\)", lambda m: "]" + blank(m)[1:], text)
    text = re.sub(r"<[^>\n]*>", blank, text)
    return re.sub(r"(?<!\w)--[\w-]+", blank, text)


def paragraphs(text):
    """Yields (text joined to one line, function from offset to line)."""
    start = 0
    for match in re.finditer(r"\n[ \t]*\n|\n(?=\s*(?:[-*|#>]|\d+\.) )|\n(?=\|)|\Z", text):
        part = text[start : match.start()]
        if part.strip():
            first = text.count("\n", 0, start) + 1
            joined = re.sub(r"\s", " ", part)
            lead = len(joined) - len(joined.lstrip(" #|*->0123456789."))
            joined = " " * lead + joined[lead:]
            # A cell of a table is a sentence of its own.
            joined = re.sub(r" \| ", " . ", joined) if part.lstrip().startswith("|") else joined
            shown = joined[lead:]
            yield shown, lambda offset, part=part, first=first, lead=lead: first + part.count("\n", 0, offset + lead)
        start = match.end()


LITERAL = re.compile(r'"""(.*?)"""|"((?:\\.|[^"\\\n])*)"', re.S)
COMMENT = re.compile(r"(?<!:)//[^\n]*|/\*.*?\*/", re.S)


def literals(text):
    """Yields (offset, text) of the string literals with a space, without what is quoted as code in them."""
    for match in LITERAL.finditer(text):
        group = 1 if match.group(1) is not None else 2
        value = match.group(group)
        if " " not in value.strip():
            continue
        value = re.sub(r"\\\((?:[^()]|\([^()]*\))*\)", blank, value)
        value = re.sub(r"(?<!\w)'[^'\n]*'", blank, value)
        value = re.sub(r"--[\w-]+|\b\w+_\w+\b|\b[\w.]+/[\w./-]+", blank, value)
        yield match.start(group), re.sub(r"\s", " ", value)


def without_comments(text):
    # A comment in a string stays; strings have been matched first.
    return re.sub(r'"""(?:.*?)"""|"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*.*?\*/', lambda m: m.group(0) if m.group(0)[0] == '"' else blank(m), text, flags=re.S)


def check_literals(rules, path, text):
    text = without_comments(text)
    for offset, value in literals(text):
        first = text.count("\n", 0, offset) + 1
        yield from rules.check_prose(path, value, lambda at, o=offset, f=first: f + text.count("\n", o, o + at))


DECLARATION = re.compile(
    r"^[ \t]*(?:@[\w()., \"]+\s+)*(?:public|open)\s+(?:(?:final|static|class|override|mutating|nonisolated|indirect|"
    r"convenience|required|private\(set\)|internal\(set\)|package\(set\)|lazy|consuming|borrowing)\s+)*"
    r"(?:struct|class|enum|protocol|actor|func|var|let|case|typealias|associatedtype)\s+`?(\w+)",
    re.M,
)


def check_identifiers(rules, path, text):
    code = without_comments(text)
    for match in DECLARATION.finditer(code):
        yield from rules.check_name(path, code.count("\n", 0, match.start(1)) + 1, match.group(1))


def check_markdown(rules, path, text):
    for part, line_of in paragraphs(prose_of_markdown(text)):
        yield from rules.check_prose(path, part, line_of)


def check_comments(rules, path, text):
    for number, line in enumerate(text.split("\n"), 1):
        match = re.search(r"(?:^|\s)#\s(.*)", line)
        parts = [match.group(1)] if match else []
        parts += [v for v in re.findall(r'"([^"]* [^"]*)"', line.split(" # ")[0])]
        for part in parts:
            part = re.sub(r"(?<!\w)'[^'\n]*'", blank, part)
            part = re.sub(r"--[\w-]+|\b\w+_\w+\b|\b[\w.]+/[\w./-]+", blank, part)
            yield from rules.check_prose(path, part, lambda _, n=number: n)


def check_html(rules, path, text):
    text = re.sub(r"<script.*?</script>|<style.*?</style>|<!--.*?-->", blank, text, flags=re.S)
    for match in re.finditer(r'>([^<>]+)<|(?:title|aria-label|alt|placeholder)="([^"]+)"', text):
        value = match.group(1) or match.group(2)
        line = text.count("\n", 0, match.start()) + 1
        yield from rules.check_prose(path, re.sub(r"\s", " ", value).strip(), lambda _, n=line: n)


def unreleased(text):
    """The part of a changelog before the first released version."""
    parts = re.split(r"^(?=## )", text, flags=re.M)
    return "".join(part for part in parts if not re.match(r"## \d", part))


def sources(*patterns):
    for pattern in patterns:
        for path in sorted(ROOT.glob(pattern)):
            if path.is_file() and ".build" not in path.parts and "Generated" not in path.parts:
                yield path.relative_to(ROOT).as_posix(), path.read_text()


def find(rules, groups, strings=False):
    if "docs" in groups:
        for path, text in sources("README.md", "CONTRIBUTING.md", "docs/**/*.md", "Sources/*/*.docc/*.md"):
            yield from check_markdown(rules, path, text)
        for path, text in sources("CHANGELOG.md"):
            yield from check_markdown(rules, path, unreleased(text))
    if "help" in groups:
        for path, text in sources("Sources/vrbridge*/**/*.swift", "Sources/*/Metrics/*.swift"):
            yield from check_literals(rules, path, text)
    if "page" in groups:
        for path, text in sources("dashboard/*.html"):
            yield from check_html(rules, path, text)
        for path, text in sources("dashboard/*.js"):
            yield from check_literals(rules, path, text)
    if "data" in groups:
        for path, text in sources("devices/*.yaml", "models/*.yaml", "systemd/*", "debian/*"):
            yield from check_comments(rules, path, text)
    if "identifiers" in groups:
        for path, text in sources("Sources/**/*.swift"):
            yield from check_identifiers(rules, path, text)
    if strings:
        for path, text in sources("Sources/**/*.swift"):
            yield from check_literals(rules, path, text)


def self_test():
    """Each kind of text with a retired word must be found, the same text in code or in its new words must not."""
    rules = Rules(rows(HERE / "words.txt", 3), [["a.md", "part of a room", "sample"]])
    cases = [
        (check_markdown, "a.md", "A hand at its place in the scene.", 1),
        (check_markdown, "a.md", "A hand at its position in the scene.", 0),
        (check_markdown, "a.md", "Line one\nand the bridge\ntells it.", 3),
        (check_markdown, "a.md", "Set `place: { at: gaze }` and see `told`.", 0),
        (check_markdown, "a.md", "Text\n\n    vrbridge place head\n\nText", 0),
        (check_markdown, "a.md", "```sh\nplace\n```\n", 0),
        (check_markdown, "a.md", "Whoever connects reads poses.", 1),
        (check_markdown, "a.md", "What is told passes one policy.", 1),
        (check_markdown, "a.md", "What does it cost? Little.", 0),
        (check_markdown, "a.md", "| key | told to every client |", 1),
        (check_markdown, "a.md", "It moves to another part of a room.", 0),
        (check_markdown, "b.md", "It moves to another part of a room.", 1),
        (check_markdown, "a.md", "[a link](docs/place.md) in its stead", 0),
        (check_literals, "a.swift", 'let a = 1\nlet help = "Tell what a session holds."', 2),
        (check_literals, "a.swift", 'let help = "Print the content of a session." // told', 0),
        (check_literals, "a.swift", 'let key = "place"', 0),
        (check_literals, "a.swift", 'let text = "the key \'place\' is missing"', 0),
        (check_literals, "a.swift", 'let text = """\n  Reads frames\n  and tells it\n  """', 3),
        (check_identifiers, "a.swift", "public struct PlacedUnit {}", 1),
        (check_identifiers, "a.swift", "  public static func told() {}", 1),
        (check_identifiers, "a.swift", "struct PlacedUnit {}\npublic struct ExternalPoseFusion {}", 0),
        (check_identifiers, "a.swift", "// public struct Places {}", 0),
        (check_identifiers, "a.swift", "public enum RecordingFault: Error {}\npublic var failure = 1", 1),
        (check_identifiers, "a.swift", "public var failure = 1", 0),
        (check_comments, "a.yaml", "a: 1\nb: 2 # Nobody has decoded it", 2),
        (check_comments, "a.yaml", 'unverified: ["never told by the maker"]', 1),
        (check_html, "a.html", "<p>x</p>\n<p title='a'>who knows it</p>", 2),
    ]
    failed = 0
    for check, path, text, line in cases:
        found = [finding[1] for finding in check(rules, path, text)]
        if (line == 0 and found) or (line and line not in found):
            failed += 1
            print(f"self-test: {check.__name__}: {text!r}: line {line or 'none'} expected, found {found}", file=sys.stderr)
    print(f"words: self-test of {len(cases)} samples, {failed} failed")
    return 1 if failed else 0


def main():
    arguments = sys.argv[1:]
    if "--self-test" in arguments:
        return self_test()
    known = ["docs", "help", "page", "data", "identifiers"]
    groups = [a for a in arguments if not a.startswith("--")] or known
    for group in groups:
        if group not in known:
            print(f"words: '{group}' is no group; allowed: {', '.join(known)}", file=sys.stderr)
            return 2
    rules = Rules(rows(HERE / "words.txt", 3), rows(HERE / "words-allowed.txt", 3))
    findings = sorted(set(find(rules, groups, "--strings" in arguments)))
    for path, line, word, term in findings:
        print(f"{path}:{line}: '{word.strip()[:MAXIMUM_CONTEXT]}' is retired; suggested: {term}")
    unused = [row for index, row in enumerate(rules.allowed) if index not in rules.used] if groups == known else []
    for path, pattern, _ in unused:
        print(f"words-allowed.txt: '{pattern.pattern}' in {path} matches nothing; remove it")
    print(f"words: {len(findings)} findings in {', '.join(groups)}")
    return 1 if findings else 2 if unused else 0


sys.exit(main())
