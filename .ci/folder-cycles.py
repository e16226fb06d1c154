#!/usr/bin/env python3
"""Fails when folders of one target depend on one another in a circle.

    folder-cycles.py [--allow TARGET]... [SOURCES_FOLDER]

A folder depends on another folder of its target when one of its files names a type (class, struct, enum, actor,
protocol, typealias) that only the other folder declares at top level. Files directly in the target's folder count as
the folder `.`; nested folders count by their first level. Extensions declare nothing. Strings and comments are
left out. A target that is allowed a circle must still have one: a stale exception fails, too. Exit status: 0 without a
circle, 1 with one (each is printed with a reference that makes it), 2 for a folder that cannot be read.
"""

import collections
import pathlib
import re
import sys

DECLARATION = re.compile(
    r"^(?:@[\w()., ]+\s+)*(?:(?:public|package|internal|open|final|indirect|nonisolated|distributed)\s+)*"
    r"(?:class|struct|enum|actor|protocol|typealias)\s+([A-Z]\w*)",
    re.M,
)
NAME = re.compile(r"(?<![\w.])[A-Z]\w*")
NOISE = re.compile(r'"""[\s\S]*?"""|"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*[\s\S]*?\*/')


def edges_of(target):
    """Returns folder → folder → (file, name): which folder names types of which."""
    files = {}
    owners = collections.defaultdict(set)
    for path in sorted(target.rglob("*.swift")):
        parts = path.relative_to(target).parts
        folder = parts[0] if len(parts) > 1 else "."
        text = NOISE.sub(" ", path.read_text())
        files[path] = (folder, text)
        for name in DECLARATION.findall(text):
            owners[name].add(folder)
    edges = collections.defaultdict(dict)
    for path, (folder, text) in files.items():
        for name in set(NAME.findall(text)):
            owner = owners.get(name)
            if owner and len(owner) == 1 and folder not in owner:
                edges[folder].setdefault(next(iter(owner)), (path, name))
    return edges


def components(edges):
    """Returns the strongly connected components with more than one folder (Tarjan, 1972)."""
    order, low, stack, result = {}, {}, [], []

    def visit(node):
        order[node] = low[node] = len(order)
        stack.append(node)
        for other in edges.get(node, {}):
            if other not in order:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], order[other])
        if low[node] == order[node]:
            group = []
            while True:
                group.append(stack.pop())
                if group[-1] == node:
                    break
            if len(group) > 1:
                result.append(sorted(group))

    for node in sorted(edges):
        if node not in order:
            visit(node)
    return result


def main():
    arguments = sys.argv[1:]
    allowed = set()
    while arguments[:1] == ["--allow"]:
        allowed.add(arguments[1])
        arguments = arguments[2:]
    root = pathlib.Path(arguments[0] if arguments else "Sources")
    targets = [p for p in sorted(root.iterdir()) if p.is_dir()] if root.is_dir() else []
    if not targets:
        print(f"folder-cycles: {root} holds no target; name the folder of sources", file=sys.stderr)
        return 2
    circular = set()
    folders = 0
    for target in targets:
        edges = edges_of(target)
        folders += len(edges)
        for group in components(edges):
            circular.add(target.name)
            if target.name in allowed:
                continue
            print(f"{target.name}: {', '.join(group)} depend on one another:")
            for folder in group:
                for other, (path, name) in sorted(edges[folder].items()):
                    if other in group:
                        print(f"  {folder} -> {other}: {name} in {path}")
    if folders == 0:
        print(f"folder-cycles: nothing in {root} was compared", file=sys.stderr)
        return 2
    for name in sorted(allowed - circular):
        print(f"{name}: has no circle any more; remove the exception")
    print(f"{len(targets)} targets, {len(circular)} with folders in a circle")
    return 1 if circular ^ allowed else 0


sys.exit(main())
