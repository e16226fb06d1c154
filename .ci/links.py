#!/usr/bin/env python3
"""Checks the relative links and anchors of all documents.

    links.py [--self-test]

Every link to a file must lead to one that git tracks or would track, every `#anchor` to a heading or an `<a id>` of that page;
paths of documents that sources, scripts and tests name (`docs/….md`) must exist too, and each page below docs must be
reachable from README.md. Exit status: 0 without a finding, 1 with one (file:line, link, cause), 2 when there is no
document.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
# Documents of other projects.
FOREIGN = {"docs/ContribOperators.md"}
NAMED = re.compile(r"(?<![\w/.-])(docs/[\w./-]+\.(?:md|json|png|svg))")


def blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


def prose(text):
    text = re.sub(r"^[ \t]*(```|~~~).*?^[ \t]*\1[ \t]*$", blank, text, flags=re.M | re.S)
    return re.sub(r"`[^`\n]*`", blank, text)


def anchors(text):
    """The anchors of a page, as GitHub makes them from headings."""
    text = re.sub(r"^[ \t]*(```|~~~).*?^[ \t]*\1[ \t]*$", blank, text, flags=re.M | re.S)
    found, seen = set(re.findall(r"<a (?:id|name)=\"([^\"]+)\"", text)), {}
    for heading in re.findall(r"^#{1,6}\s+(.+?)\s*#*\s*$", text, flags=re.M):
        heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        count = seen.get(slug, 0)
        seen[slug] = count + 1
        found.add(slug if count == 0 else f"{slug}-{count}")
    return found


def check(root, documents, files):
    """Yields (file, line, link, cause)."""
    pages = {path: (root / path).read_text() for path in documents}
    tables = {path: anchors(text) for path, text in pages.items()}
    reached, next_pages = set(), ["README.md"]
    links = {}
    for path, text in pages.items():
        links[path] = []
        body = prose(text)
        for match in LINK.finditer(body):
            target = match.group(1)
            if re.match(r"[a-z][a-z0-9+.-]*:", target):
                continue
            line = body.count("\n", 0, match.start()) + 1
            name, _, anchor = target.partition("#")
            if name.startswith("/"):
                yield path, line, target, "an absolute path"
                continue
            parts = []
            for part in (pathlib.PurePosixPath(path).parent / name).parts if name else pathlib.PurePosixPath(path).parts:
                if part == ".." and parts:
                    parts.pop()
                elif part != ".":
                    parts.append(part)
            found = "/".join(parts)
            if found not in files and not any(f.startswith(found.rstrip("/") + "/") for f in files):
                yield path, line, target, "no such file"
                continue
            links[path].append(found)
            if anchor and found in tables and anchor not in tables[found]:
                yield path, line, target, f"{found} has no such anchor"
    while next_pages:
        page = next_pages.pop()
        if page in reached or page not in links:
            continue
        reached.add(page)
        next_pages += links[page]
    for path in documents:
        if path.startswith("docs/") and path not in reached:
            yield path, 1, path, "no link leads here from README.md"


def check_names(root, sources, files):
    for path in sources:
        try:
            text = (root / path).read_text()
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue
        for match in NAMED.finditer(text):
            before = text[max(0, match.start() - 60) : match.start()]
            if re.search(r"https?://\S*$", before) or match.group(1) in files | FOREIGN:
                continue
            yield path, text.count("\n", 0, match.start()) + 1, match.group(1), "no such document"


def tracked():
    out = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    return {f for f in out if f and (ROOT / f).exists()}


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "docs").mkdir()
        (root / "README.md").write_text("# A\n[b](docs/b.md#two) [c](docs/none.md) [d](docs/b.md#three)\n`[x](y)`\n[e](https://x/y)\n")
        (root / "docs/b.md").write_text("# One\n## Two\n[up](../README.md#a)\n```\n[in code](nowhere)\n```\n")
        (root / "docs/alone.md").write_text("# Alone\n")
        (root / "a.swift").write_text("// docs/gone.md and docs/b.md and https://x/docs/other.md\n")
        documents = ["README.md", "docs/b.md", "docs/alone.md"]
        files = set(documents)
        found = sorted((p, l, t) for p, l, t, _ in [*check(root, documents, files), *check_names(root, ["a.swift"], files)])
    expected = sorted([("README.md", 2, "docs/none.md"), ("README.md", 2, "docs/b.md#three"), ("docs/alone.md", 1, "docs/alone.md"), ("a.swift", 1, "docs/gone.md")])
    if found != expected:
        print(f"links: self-test failed: {found}", file=sys.stderr)
        return 1
    print("links: self-test passed")
    return 0


def main():
    if "--self-test" in sys.argv[1:]:
        return self_test()
    files = tracked()
    documents = sorted(f for f in files if f.endswith(".md") and (f.startswith("docs/") or "/" not in f))
    if not documents:
        print("links: there are no documents", file=sys.stderr)
        return 2
    others = sorted(f for f in files if not f.startswith("docs/") and not f.startswith("Tests/Fixtures/"))
    # The samples of the checks themselves.
    others = [f for f in others if f not in (".ci/links.py", ".ci/words.py")]
    findings = [*check(ROOT, documents, files), *check_names(ROOT, others, files)]
    for path, line, link, cause in findings:
        print(f"{path}:{line}: {link}: {cause}")
    print(f"links: {len(documents)} documents, {len(findings)} findings")
    return 1 if findings else 0


sys.exit(main())
