#!/usr/bin/env python3
"""Runs the shell blocks of the documents that are marked as runnable.

    shell-lines.py [--self-test] [--list] PROGRAM [PAGE...]
    shell-lines.py --clean PAGE...

A block is runnable when its fence begins with ```sh run, also in a list item, or in an HTML comment (preparations that
a reader does not need). Blocks that begin with ```sh clean install packages, fetch models or take long: they run only with
--clean, in a clean system; the current folder is its checkout, which each page sees through links in a folder of its own. PROGRAM is the built vrbridge, which comes first
on PATH under that name; with --clean the pages install it. The blocks of a page run in order in one bash, in a temporary folder that stands for a checkout (links to the
repository's files), with a HOME and a runtime directory of their own and no network configuration of the user. A block that
starts a bridge in the background (a line that ends with &, before a comment) is followed by a wait for its socket. A
command that fails, or a page that takes longer than two minutes (with --clean ten), fails the check. Exit status: 0 when all passed, 1 when
one failed (page:line, output), 2 when there is no block.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIMIT_S = 120
CLEAN_LIMIT_S = 600
BLOCK = re.compile(r"^( {0,3})```sh (run|clean)[ \t]*\n(.*?)^\1```[ \t]*$", re.M | re.S)
WAIT = """for _ in $(seq 100); do [ -S "$XDG_RUNTIME_DIR/vrbridge/vrbridge.sock" ] && break; sleep 0.1; done
[ -S "$XDG_RUNTIME_DIR/vrbridge/vrbridge.sock" ] || { echo "no socket after 10 s" >&2; exit 1; }
sleep 1
"""
# Without a runtime directory the socket is where the program puts it.
CLEAN_WAIT = """for _ in $(seq 60); do timeout 5 vrbridge watch --json --count 1 >/dev/null 2>&1 && break; sleep 0.5; done
timeout 5 vrbridge watch --json --count 1 >/dev/null || exit 1
"""


def blocks(text, clean=False):
    """Returns (line, shell text) of each runnable block."""
    return [
        (text.count("\n", 0, match.start(3)) + 1, re.sub(rf"^{match.group(1)}", "", match.group(3), flags=re.M))
        for match in BLOCK.finditer(text)
        if clean or match.group(2) == "run"
    ]


def script(page, text, clean=False):
    parts = ["set -euo pipefail", "trap 'echo \"failed: $BASH_COMMAND\" >&2' ERR"]
    for line, block in blocks(text, clean):
        parts.append(f"echo '== {page}:{line}'")
        out = []
        heredoc = None
        for row in block.rstrip("\n").split("\n"):
            out.append(row)
            if heredoc:
                heredoc = None if row.strip() == heredoc else heredoc
                continue
            start = re.search(r"<<-?\s*['\"]?(\w+)['\"]?", row)
            if start:
                heredoc = start.group(1)
            elif re.search(r"(?<!&)&\s*(?:#.*)?$", row):
                out.append(CLEAN_WAIT if clean else WAIT)
        parts.append("\n".join(out))
    return "\n".join(parts) + "\n"


def run(page, text, program):
    """Returns None when the page's blocks pass, else their output."""
    with tempfile.TemporaryDirectory(prefix="vrbridge-shell-") as folder:
        base = pathlib.Path(folder)
        home, runtime, tools, work = (base / name for name in ("home", "runtime", "bin", "checkout"))
        for path in (home, runtime, tools, work):
            path.mkdir(mode=0o700)
        (tools / "vrbridge").symlink_to(pathlib.Path(program).resolve())
        for entry in ROOT.iterdir():
            if entry.name not in (".build", ".git"):
                (work / entry.name).symlink_to(entry)
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "VRBRIDGE_"))}
        environment.update(HOME=str(home), XDG_RUNTIME_DIR=str(runtime), PATH=f"{tools}:{os.environ['PATH']}", LC_ALL="C.UTF-8")
        return execute(script(page, text), work, environment, base / "output", LIMIT_S)


def run_clean(page, text):
    """Returns None when the page's blocks pass in this system, else their output."""
    with tempfile.TemporaryDirectory(prefix="vrbridge-shell-") as folder:
        work = pathlib.Path(folder) / "checkout"
        work.mkdir()
        # What a page writes does not meet the files of the next one.
        for entry in pathlib.Path.cwd().iterdir():
            (work / entry.name).symlink_to(entry)
        output = pathlib.Path(folder) / "output"
        return execute(script(page, text, clean=True), work, dict(os.environ), output, CLEAN_LIMIT_S)


def execute(text, work, environment, output_path, limit):
    """Runs a script; returns None when it passes, else its output."""
    process = subprocess.Popen(
        ["bash", "-c", text],
        cwd=work, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace", start_new_session=True,
    )
    # A bridge in the background keeps the pipe open: the group ends with the shell.
    try:
        with open(output_path, "w") as sink:
            reader = threading.Thread(target=shutil.copyfileobj, args=(process.stdout, sink), daemon=True)
            reader.start()
            try:
                status = process.wait(limit)
            except subprocess.TimeoutExpired:
                status = f"longer than {limit} s"
            try:
                os.killpg(process.pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
            reader.join(10)
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            reader.join(2)
    finally:
        process.stdout.close()
    output = output_path.read_text(errors="replace")
    return None if status == 0 else f"status {status}\n{output[-4000:]}"


def self_test():
    good = "Text\n```sh run\necho one > file\n```\n\n```sh run\ntest \"$(cat file)\" = one\ntest -f README.md\n```\n```sh\nfalse\n```\n"
    bad = "```sh run\ntrue\n```\n\n```sh run\nfalse\necho unreached\n```\n"
    here = "```sh run\ncat > f <<'END'\na &\nEND\ntest \"$(cat f)\" = 'a &'\n```\n"
    failures = []
    if run("good", good, "/bin/true") is not None:
        failures.append("a page that passes fails")
    if run("here", here, "/bin/true") is not None:
        failures.append("a document in the shell is taken for a command")
    output = run("bad", bad, "/bin/true")
    if output is None or "== bad:6" not in output or "unreached" in output:
        failures.append(f"a page that fails passes: {output}")
    if blocks("```sh\nfalse\n```\n"):
        failures.append("a block without the mark is run")
    clean = "```sh clean\necho clean\n```\n```sh run\necho both\n```\n"
    if len(blocks(clean)) != 1 or len(blocks(clean, clean=True)) != 2:
        failures.append("blocks for a clean system run elsewhere, or not there")
    if run_clean("good", "```sh clean\ntest -d .\n```\n") is not None or run_clean("bad", "```sh clean\nfalse\n```\n") is None:
        failures.append("a page for a clean system is not judged")
    for failure in failures:
        print(f"shell-lines: self-test: {failure}", file=sys.stderr)
    print(f"shell-lines: self-test, {len(failures)} failed")
    return 1 if failures else 0


def main():
    arguments = sys.argv[1:]
    if "--self-test" in arguments:
        return self_test()
    is_list = "--list" in arguments
    is_clean = "--clean" in arguments
    arguments = [a for a in arguments if not a.startswith("--")]
    if not is_list and not is_clean and (not arguments or not os.access(arguments[0], os.X_OK)):
        print("shell-lines: name the built program: shell-lines.py .build/release/vrbridge", file=sys.stderr)
        return 2
    program = None if is_list or is_clean else arguments.pop(0)
    pages = [ROOT / a for a in arguments] or [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    count = failed = 0
    for path in pages:
        text = path.read_text()
        found = blocks(text, is_clean)
        if not found:
            continue
        page = path.relative_to(ROOT).as_posix()
        count += len(found)
        if is_list:
            print(f"{page}: {len(found)} blocks")
            continue
        output = run_clean(page, text) if is_clean else run(page, text, program)
        if output is None:
            print(f"{page}: {len(found)} blocks passed", flush=True)
        else:
            failed += 1
            print(f"{page}: {output}", flush=True)
    if not count:
        print("shell-lines: no block is marked 'sh run'", file=sys.stderr)
        return 2
    print(f"shell-lines: {count} blocks, {failed} pages failed")
    return 1 if failed else 0


sys.exit(main())
