#!/usr/bin/env python3
"""error-codes.py [--check]   Writes docs/reference/errors.md from the error types of Sources; --check compares and fails
when the page is out of date or two types use one code.

A code is a string of lower-case words joined by hyphens in a type that conforms to CodedError: the value of a case, of
`code`, or the first argument of an initialiser of such a type. Its meaning is an entry of MEANINGS, else the comment of the
case or of the function that makes the error, else that of the type, else the first clause of the message."""

import collections
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/reference/errors.md"
CODE = r'"([a-z][a-z0-9]*(?:-[a-z0-9]+)+)"'

# Meanings of errors whose messages start with a value of the input or are the text of another error.
MEANINGS = {
    "address-invalid": "The address of the SlimeVR server is no IPv4 address of one interface",
    "alignment-failed": "`inject-pose --align` found no alignment",
    "alignment-invalid": "The file of `--alignment` holds no alignment",
    "alignment-missing": "The file of `--alignment` does not exist",
    "ambiguous-device": "Several devices match the name",
    "answer-timeout": "The bridge sent no answer within `--timeout`",
    "bluetooth-adapter-off": "The Bluetooth adapter can't be switched on",
    "bluetooth-unbonded-refused": "BlueZ rejects devices of this family, which have no bond",
    "button-timeout": "No button was pressed within `--timeout`",
    "credential-missing": "A setting names a credential, but systemd passed none",
    "data-set-empty": "A folder of images, gestures or recordings holds no usable file",
    "data-set-invalid": "The annotations of a data set are not in COCO's format",
    "descriptions-empty": "The folder of device descriptions holds no usable description",
    "descriptions-invalid": "A description is invalid, and the output lacks its device",
    "descriptions-unreadable": "The folder of device descriptions cannot be read",
    "device-blocked": "The device is plugged in, but permissions or another program prevent access",
    "device-unavailable": "The device cannot be opened, or the kernel module for emulation is missing",
    "evaluation-not-installed": "The program vrbridge-eval is neither beside vrbridge nor on PATH",
    "file-missing": "The path does not exist",
    "gesture-file-invalid": "The file holds no recorded movement",
    "model-incomplete": "The model lacks a setting that its task needs",
    "model-invalid": "The manifest of a model cannot be read",
    "model-refused": "The model cannot be added: it does not open, or does not fit the task",
    "movement-timeout": "No movement of the controller was detected within `--timeout`",
    "no-annotations": "The session holds no annotations",
    "network-missing": "The registry has no network for gestures",
    "no-file-descriptors": "The process has no free file descriptor",
    "no-frame": "The camera delivered no frame",
    "no-hand": "No hand was detected in the image",
    "no-imu": "The recording holds no device with an IMU that a description matches",
    "no-reports": "The device sent no reports, or none is due",
    "not-verified": "Nothing was compared, or only a part of the session",
    "nothing-in-common": "The sessions have no states of the same device and capture time",
    "nothing-to-import": "The input holds no samples or reports",
    "nothing-to-play": "The session holds no report, frame or sound in the range",
    "nothing-to-recover": "No message of the file can be read",
    "nothing-to-track": "No line of the table has a later time and an angular rate",
    "nothing-to-verify": "The registry holds no model",
    "no-positions": "The session holds no positions",
    "not-paired": "No paired device has this address",
    "nothing-to-export": "The session holds no data for the format",
    "pairing-not-needed": "Devices of this family need no pairing",
    "pairing-step-failed": "A step of pairing failed in the kernel or in BlueZ",
    "pairing-timeout": "An action of the user or of the device did not occur in time",
    "pairings-unreadable": "The file of pairings is invalid",
    "port-invalid": "The port is no number from 0 to 65535",
    "quantisation-failed": "The Python program with NNCF could not quantise the model",
    "recognition-failed": "Speech recognition failed, for the reason given",
    "recorded-source-invalid": "A recorded source of `--device` or `devices: recorded` is invalid",
    "replay-failed": "The replay ended with the error given",
    "reserved-gesture-name": "The name is the network's label for no gesture",
    "secret-exposed": "The file of a secret can be read or written by other users",
    "secret-foreign": "The file of a secret belongs to another user, who can change it",
    "secret-unreadable": "The file of a secret can't be read",
    "results-unreadable": "The file holds no results of a run",
    "session-damaged": "The session can't be read whole; the output lacks the rest",
    "system-error": "A call of the system failed, for the reason given",
    "socket-foreign": "The path is a socket of another user, which the bridge does not replace",
    "socket-folder-refused": "The folder of the socket can't be created, or other users can enter it",
    "socket-group-refused": "The socket can't be given to its group",
    "socket-group-unknown": "The group of the socket does not exist",
    "socket-in-use": "Another bridge serves the socket",
    "socket-not-bound": "The socket can't be bound",
    "socket-path-taken": "The path of the socket exists and is not a socket",
    "socket-path-too-long": "The socket's path has more bytes than the kernel permits",
    "system-bus-unreachable": "The system bus can't be reached",
    "task-unsupported": "The model takes no images",
    "time-out-of-range": "A time of the table is more than thirty years from the first",
    "too-few-inputs": "The images gave the model fewer than 4 inputs",
    "training-failed": "The Python program with PyTorch could not train the network",
    "udev-unusable": "The library libudev is not usable",
    "unknown-device": "No device matches the name",
    "unknown-example": "No recorded example has this name",
    "unknown-family": "No device family has this name",
    "unknown-gesture": "No recorded gesture has this name",
    "unknown-model": "The registry has no model of this name",
    "unknown-version": "The registry has no such version of the model",
}

HEAD = """# Errors

This page lists the stable codes of all errors, with their meaning. Search the code that ends a message, or compare codes in a
program: messages may change, codes keep their meaning ([compatibility](compatibility.md)).

The command line and the log print `MESSAGE [CODE]`; the socket's `Error.cause` and the HTTP service's `code` contain the
same code. A message names the input, the cause and the remedy. `vrbridge` exits with status 2 after an error, and with 64
for an invalid command line ([exit status](cli.md#exit-status)). [Troubleshooting](../troubleshooting.md) starts from symptoms instead.

`scripts/error-codes.py` generates this page from the sources.

| code | meaning | module |
|---|---|---|
"""


def comment_above(lines, index):
    """The first sentence of the doc comment that ends above a line."""
    found = []
    index -= 1
    while index >= 0 and lines[index].strip().startswith("///"):
        found.insert(0, lines[index].strip()[3:].strip())
        index -= 1
    text = " ".join(found)
    # Parameters of an initialiser are no meaning.
    if text.startswith("- Parameter"):
        return ""
    return re.split(r"(?<=[.])\s", text)[0].rstrip(".")


def bodies(text):
    """Yields (type name, first line, text) of each type or extension that conforms to CodedError."""
    for match in re.finditer(r"^[ \t]*(?:\w+(?:\(\w+\))?[ \t]+)*(struct|enum|class|extension|actor)\s+([\w.]+)[^{\n]*\bCodedError\b[^{]*\{", text, re.M):
        depth, at = 1, match.end()
        while depth and at < len(text):
            depth += {"{": 1, "}": -1}.get(text[at], 0)
            at += 1
        yield match.group(2), match.start() + len(match.group(0)) - len(match.group(0).lstrip()), text[match.start() : at]


def shortened(message):
    """The first clause of a message, with an ellipsis for each inserted value."""
    message = re.sub(r"\\\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)", "…", message)
    clause = re.split(r"[;:(]\s|\\n", message)[0]
    # A separator inside of quotation marks is no end.
    message = (message if clause.count("'") % 2 else clause).strip().rstrip(".")
    return message if re.search(r"[A-Za-z]{3}", message) else ""


def message_of(files, path, case):
    """The message that is thrown with a case in the case's module, if all throws of it have one wording."""
    found = []
    for other, text in files.items():
        if other.parts[: len(ROOT.parts) + 2] != path.parts[: len(ROOT.parts) + 2]:
            continue
        found += re.findall(rf"\(\s*\.{case},\s*(?:\w+:\s*)?\"((?:\\.|[^\"\\\n])*)\"", text)
    return shortened(found[0]) if len(found) == 1 else ""


def collect():
    """Returns code → list of (meaning, module, type)."""
    codes = collections.defaultdict(list)
    files = {p: p.read_text() for p in sorted((ROOT / "Sources").rglob("*.swift")) if "Generated" not in p.parts}
    types = {}
    for path, text in files.items():
        module = path.relative_to(ROOT / "Sources").parts[0]
        for name, start, body in bodies(text):
            types[name.split(".")[-1]] = module
            lines = body.split("\n")
            whole = comment_above(text.split("\n"), text.count("\n", 0, start))
            for index, line in enumerate(lines):
                if line.strip().startswith("//"):
                    continue
                for match in re.finditer(CODE, line):
                    is_value = re.search(r"\bcase\b[^\n]*$|\bcode\b[^\n]*$|=>|:\s*$|return\s*$|\?\s*$|Error\(\s*$|self\.init\(\s*$", line[: match.start()]) or line.strip().startswith('"')
                    if not is_value:
                        continue
                    # An error that a function makes has the function's comment: "Returns the error for …".
                    makers = [i for i in (index - 1, index - 2) if i > 0 and re.match(r"\s*(?:\w+ )*static func ", lines[i])]
                    is_made = makers and not line.strip().startswith("case")
                    meaning = re.sub(r"^Returns the error for ", "", comment_above(lines, makers[0] if is_made else index))
                    selector = re.match(r"\s*case\s+\.(\w+)", line)
                    if selector:
                        for other, row in enumerate(lines):
                            if re.match(rf"\s*(?:indirect )?case\s+{selector.group(1)}\b", row) and comment_above(lines, other):
                                meaning = comment_above(lines, other)
                    case = re.match(r"\s*case\s+(\w+)\s*=", line)
                    if case and not meaning:
                        meaning = message_of(files, path, case.group(1))
                    codes[match.group(1)].append((meaning or (whole if len(set(re.findall(CODE, body))) == 1 else ""), module, name))
    for path, text in files.items():
        module = path.relative_to(ROOT / "Sources").parts[0]
        for match in re.finditer(rf"\b(\w+)\(\s*(?:\.\w+,\s*)?(?:code:\s*)?{CODE},\s*(?:\w+:\s*)?(\"(?:\\.|[^\"\\\n])*\")?", text):
            if match.group(1) not in types:
                continue
            message = shortened((match.group(3) or "").strip('"'))
            if not any(module == known for _, known, _ in codes[match.group(2)]):
                codes[match.group(2)].append((message, module, match.group(1)))
        # One of two codes, by a condition.
        for match in re.finditer(rf"\b(\w+)\(\s*[\w.]+ \? {CODE} : {CODE},", text):
            for code in match.groups()[1:]:
                if match.group(1) in types and not any(module == known for _, known, _ in codes[code]):
                    codes[code].append(("", module, match.group(1)))
    return codes


def page(codes):
    rows = []
    for code in sorted(codes):
        # Words of the code where neither a comment nor one message describes it.
        meaning = MEANINGS.get(code) or next((m for m, _, _ in codes[code] if m), code.replace("-", " "))
        modules = ", ".join(f"`{m}`" for m in sorted({m for _, m, _ in codes[code]}))
        meaning = meaning.replace("|", "\\|")
        rows.append(f"| <a id=\"{code}\"></a>`{code}` | {meaning[:1].upper() + meaning[1:]} | {modules} |")
    return HEAD + "\n".join(rows) + "\n"


def main():
    codes = collect()
    if not codes:
        print("error-codes: no error type has a code", file=sys.stderr)
        return 2
    unknown = sorted(set(MEANINGS) - set(codes))
    if unknown:
        print(f"error-codes: MEANINGS has codes that no source contains: {', '.join(unknown)}", file=sys.stderr)
        return 2
    text = page(codes)
    if "--check" in sys.argv[1:]:
        if not PAGE.exists() or PAGE.read_text() != text:
            print(f"{PAGE.relative_to(ROOT)} is out of date; run scripts/error-codes.py", file=sys.stderr)
            return 1
        print(f"error-codes: {len(codes)} codes")
        return 0
    PAGE.write_text(text)
    print(f"{PAGE.relative_to(ROOT)}: {len(codes)} codes")
    return 0


sys.exit(main())
