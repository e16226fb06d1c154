#!/usr/bin/env python3
"""Writes and checks the software bill of materials: a CycloneDX 1.5 document in JSON.

    sbom.py FILE           Writes it: Swift packages of Package.resolved, system libraries of debian/control, models and wheels of
                           models/catalog.yaml, wheels of the tests. Needs a resolved package graph (`swift package resolve`).
    sbom.py --check FILE   Checks structure, references, and that it lists every pinned component of this tree.
    sbom.py --self-test    Checks that the check finds errors.

The document is a function of the tree and the installed libraries; its time is SOURCE_DATE_EPOCH, else that of
debian/changelog. Exit status: 0 when all is well, 1 with a line for each problem."""

import copy
import datetime
import email.utils
import json
import os
import pathlib
import re
import subprocess
import sys
import urllib.parse
import uuid

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
DIGEST = {"type": "object", "required": ["alg", "content"], "closed": True,
          "properties": {"alg": {"enum": ["SHA-256"]}, "content": {"type": "string", "pattern": "[0-9a-f]{64}"}}}
TEXT = {"type": "string", "pattern": r"(?s).+"}
REFERENCE = {"type": "object", "required": ["type", "url"], "closed": True,
             "properties": {"type": {"enum": ["vcs", "distribution"]}, "url": {"type": "string", "pattern": r"https://\S+"}}}
LICENCE = {"type": "object", "required": ["license"], "closed": True, "properties": {
    "license": {"type": "object", "required": ["id"], "closed": True, "properties": {"id": TEXT}}}}
PROPERTY = {"type": "object", "required": ["name", "value"], "closed": True, "properties": {"name": TEXT, "value": TEXT}}
COMPONENT = {"type": "object", "required": ["type", "name"], "closed": True, "properties": {
    "type": {"enum": ["application", "library", "platform", "machine-learning-model", "file"]},
    "bom-ref": TEXT, "name": TEXT, "version": TEXT, "description": TEXT, "scope": {"enum": ["required", "optional", "excluded"]},
    "purl": {"type": "string", "pattern": r"pkg:(swift|deb|pypi|generic)/\S+"},
    "hashes": {"type": "array", "items": DIGEST}, "licenses": {"type": "array", "items": LICENCE},
    "externalReferences": {"type": "array", "items": REFERENCE}, "properties": {"type": "array", "items": PROPERTY}}}
COMPONENT["properties"]["components"] = {"type": "array", "items": COMPONENT}
# The part of bom-1.5.schema.json that the document uses, closed: a key beyond it is an error.
SCHEMA = {"type": "object", "required": ["bomFormat", "specVersion", "serialNumber", "version", "metadata", "components",
                                         "dependencies"], "closed": True, "properties": {
    "$schema": {"enum": ["http://cyclonedx.org/schema/bom-1.5.schema.json"]},
    "bomFormat": {"enum": ["CycloneDX"]}, "specVersion": {"enum": ["1.5"]}, "version": {"enum": [1]},
    "serialNumber": {"type": "string", "pattern": "urn:uuid:[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}"},
    "metadata": {"type": "object", "required": ["timestamp", "component"], "closed": True, "properties": {
        "timestamp": {"type": "string", "pattern": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"}, "component": COMPONENT,
        "tools": {"type": "object", "required": ["components"], "closed": True,
                  "properties": {"components": {"type": "array", "items": COMPONENT}}}}},
    "components": {"type": "array", "items": COMPONENT},
    "dependencies": {"type": "array", "items": {"type": "object", "required": ["ref"], "closed": True, "properties": {
        "ref": TEXT, "dependsOn": {"type": "array", "items": TEXT}}}}}}
TYPES = {"object": dict, "array": list, "string": str}


class Missing(Exception):
    """An input of the document is not there."""


# Collection

def component(kind, name, version, purl, scope, **more):
    return {"type": kind, "bom-ref": purl, "name": name, "version": version, "scope": scope, "purl": purl, **more}


def purl(kind, name, version, suffix=""):
    return f"pkg:{kind}/{name}@{urllib.parse.quote(version, safe='')}{suffix}"


def pins():
    file = ROOT / "Package.resolved"
    if not file.is_file():
        raise Missing("Package.resolved does not exist; resolve the packages first: swift package resolve")
    return json.loads(file.read_text())["pins"]


def swift_packages():
    for pin in pins():
        address = pin["location"].removesuffix(".git")
        state = pin["state"]
        version = state.get("version", state["revision"])
        yield component(
            "library", pin["identity"], version, purl("swift", address.removeprefix("https://"), version), "required",
            externalReferences=[{"type": "vcs", "url": address}],
            properties=[{"name": "vrbridge:revision", "value": state["revision"]}])


def swift_runtime():
    """The library of Swift, which the programs contain."""
    try:
        output = subprocess.run(["swift", "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise Missing("'swift --version' fails; put the toolchain on the PATH") from error
    version = re.search(r"Swift version (\S+)", output).group(1)
    yield component("platform", "swift", version, purl("swift", "github.com/swiftlang/swift", version), "required",
                    externalReferences=[{"type": "vcs", "url": "https://github.com/swiftlang/swift"}])


def debian_names():
    """The development packages and the recommended packages of debian/control."""
    text = (ROOT / "debian/control").read_text()
    names = re.search(r"^Build-Depends: (.*)$", text, re.M).group(1).split(", ")
    more = re.search(r"^Recommends: (.*)$", text, re.M).group(1).split(", ")
    return [name for name in names if name.endswith("-dev")], [name for name in more if name != "python3-pip"]


def installed(name):
    query = ["dpkg-query", "--show", "--showformat", "${db:Status-Status}\t${Version}\t${Architecture}\t${Depends}", name]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, check=True).stdout.split("\t")
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer[1:] if answer[0] == "installed" else None


def system_libraries():
    built, recommended = debian_names()
    for name in built + recommended:
        found = installed(name)
        if found is None:
            raise Missing(f"the package {name} is not installed: sudo apt install {name}")
        version, _, depends = found
        # The library of a development package is the one of the same version.
        names = re.findall(r"(\S+) \(= " + re.escape(version) + r"\)", depends) if name in built else [name]
        for library in names:
            if (entry := installed(library)) is None:
                continue
            version, architecture, _ = entry
            yield component(
                "library", library, version, purl("deb", f"debian/{library}", version, f"?arch={architecture}"),
                "required" if name in built else "optional")


def sha(digest):
    return [{"alg": "SHA-256", "content": digest}]


def catalog():
    return yaml.safe_load((ROOT / "models/catalog.yaml").read_text())


def wheels():
    """Wheels of the catalogue, which contain libraries and models."""
    data = catalog()
    for wheel in [entry["wheel"] for entry in data["runtimes"] + data["models"] if "wheel" in entry]:
        version = str(wheel["version"])
        yield component("library", wheel["package"], version, purl("pypi", wheel["package"], version), "optional",
                        hashes=sha(wheel["sha256"]))


def test_wheels():
    for file in sorted((ROOT / "Tests/Python").glob("*.txt")):
        text = file.read_text().replace("\\\n", " ")
        for name, version, hashes in re.findall(r"^([A-Za-z0-9._-]+)==(\S+)((?:\s+--hash=sha256:[0-9a-f]{64})+)", text, re.M):
            name = re.sub(r"[-_.]+", "-", name).lower()
            digests = re.findall("[0-9a-f]{64}", hashes)
            yield component("library", name, version, purl("pypi", name, version), "excluded",
                            hashes=[entry for digest in digests for entry in sha(digest)])


def models():
    for entry in catalog()["models"]:
        manifest = entry["manifest"]
        more = {"licenses": [{"license": {"id": manifest["licence"]}}]}
        if "address" in entry:
            more["externalReferences"] = [{"type": "distribution", "url": entry["address"]}]
        yield component(
            "machine-learning-model", manifest["name"], str(manifest["version"]),
            purl("generic", f"vrbridge-models/{manifest['name']}", str(manifest["version"])), "optional",
            description=manifest["title"],
            components=[{"type": "file", "name": file["name"], "hashes": sha(file["sha256"])} for file in manifest["files"]], **more)


def time_of_release(changelog):
    if (given := os.environ.get("SOURCE_DATE_EPOCH")):
        time = datetime.datetime.fromtimestamp(int(given), datetime.timezone.utc)
    else:
        line = re.search(r"^ -- .*>  (.*)$", changelog, re.M).group(1)
        time = email.utils.parsedate_to_datetime(line).astimezone(datetime.timezone.utc)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def document():
    found = {}
    # A wheel that several models share, or that a test uses too, is one component: the first scope is the widest.
    for source in (swift_runtime(), swift_packages(), system_libraries(), wheels(), models(), test_wheels()):
        for entry in source:
            known = found.setdefault(entry["bom-ref"], entry)
            known["hashes"] = known.get("hashes", []) + [x for x in entry.get("hashes", []) if x not in known.get("hashes", [])]
            if not known["hashes"]:
                del known["hashes"]
    changelog = (ROOT / "debian/changelog").read_text()
    version = re.match(r"vrbridge \(([^)]*)\)", changelog).group(1)
    root = {"type": "application", "bom-ref": purl("generic", "vrbridge", version), "name": "vrbridge", "version": version,
            "purl": purl("generic", "vrbridge", version)}
    components = sorted(found.values(), key=lambda entry: entry["bom-ref"])
    needed = [entry["bom-ref"] for entry in components if entry["scope"] != "excluded"]
    result = {
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json", "bomFormat": "CycloneDX", "specVersion": "1.5",
        "serialNumber": "", "version": 1,
        "metadata": {"timestamp": time_of_release(changelog), "tools": {"components": [
            {"type": "application", "name": "sbom.py", "version": version}]}, "component": root},
        "components": components, "dependencies": [{"ref": root["bom-ref"], "dependsOn": needed}]}
    result["serialNumber"] = "urn:uuid:" + str(uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(result, sort_keys=True)))
    return result


# Checks

def mismatches(value, schema, path="$"):
    """Yields a line for each part of a value that does not follow a schema."""
    if "enum" in schema:
        if value not in schema["enum"] or isinstance(value, bool):
            yield f"{path}: {value!r} is not one of {schema['enum']}"
        return
    if not isinstance(value, TYPES[schema["type"]]):
        yield f"{path}: {type(value).__name__} in place of {schema['type']}"
    elif schema["type"] == "string" and not re.fullmatch(schema.get("pattern", "(?s).*"), value):
        yield f"{path}: {value!r} does not match {schema['pattern']}"
    elif schema["type"] == "array":
        for index, item in enumerate(value):
            yield from mismatches(item, schema["items"], f"{path}[{index}]")
    elif schema["type"] == "object":
        for key in schema["required"]:
            if key not in value:
                yield f"{path}: '{key}' is missing"
        for key, item in value.items():
            if key in schema["properties"]:
                yield from mismatches(item, schema["properties"][key], f"{path}.{key}")
            else:
                yield f"{path}: '{key}' is unknown"


def problems(data):
    found = list(mismatches(data, SCHEMA))
    if found:
        return found
    listed = [entry.get("bom-ref") for entry in [data["metadata"]["component"]] + data["components"]]
    found += [f"two components have the reference {ref}" for ref in sorted({x for x in listed if listed.count(x) > 1}, key=str)]
    for entry in data["dependencies"]:
        found += [f"{ref} is referenced but not listed" for ref in [entry["ref"], *entry.get("dependsOn", [])] if ref not in listed]
    by_ref = {entry.get("bom-ref"): entry for entry in data["components"]}
    for source in (swift_packages(), wheels(), models(), test_wheels()):
        for entry in source:
            known = by_ref.get(entry["bom-ref"])
            if known is None:
                found.append(f"{entry['bom-ref']} is missing")
            elif any(part not in known.get(key, []) for key in ("hashes", "components") for part in entry.get(key, [])):
                found.append(f"{entry['bom-ref']} has other digests than this tree pins")
    for name in debian_names()[0]:
        stem = name.removesuffix("-dev").rstrip("0123456789.-")
        if not any(entry["purl"].startswith(f"pkg:deb/debian/{stem[:6]}") for entry in data["components"] if "purl" in entry):
            found.append(f"no library of {name} is listed")
    return found


def self_test():
    good = document()
    assert problems(good) == [], problems(good)
    assert document() == good, "two runs differ"

    def broken(name, change):
        data = copy.deepcopy(good)
        change(data)
        assert problems(data), f"the check accepts a document {name}"

    pypi = next(index for index, entry in enumerate(good["components"]) if entry["purl"].startswith("pkg:pypi/openvino@"))
    broken("without a serial number", lambda data: data.pop("serialNumber"))
    broken("of another version", lambda data: data.update(specVersion="1.4"))
    broken("with an unknown key", lambda data: data.update(extra=1))
    broken("with a component twice", lambda data: data["components"].append(data["components"][0]))
    broken("without a wheel", lambda data: data["components"].pop(pypi))
    broken("with another digest", lambda data: data["components"][pypi].update(hashes=sha("0" * 64)))
    broken("with a digest of another form", lambda data: data["components"][pypi]["hashes"][0].update(content="xyz"))
    broken("that refers to nothing", lambda data: data["dependencies"][0]["dependsOn"].append("pkg:swift/none@1"))
    print(f"sbom: the check finds all errors; {len(good['components'])} components")


def main(arguments):
    try:
        if arguments == ["--self-test"]:
            self_test()
            return 0
        if len(arguments) == 2 and arguments[0] == "--check":
            found = problems(json.loads(pathlib.Path(arguments[1]).read_text()))
            print("\n".join([f"{arguments[1]}: {line}" for line in found] or [f"sbom: {arguments[1]} is complete"]))
            return 1 if found else 0
        if len(arguments) == 1 and not arguments[0].startswith("-"):
            file = pathlib.Path(arguments[0])
            file.parent.mkdir(parents=True, exist_ok=True)
            data = document()
            file.write_text(json.dumps(data, indent=2) + "\n")
            print(f"sbom: {len(data['components'])} components in {file}")
            return 0
    except Missing as error:
        print(f"sbom: {error}", file=sys.stderr)
        return 1
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
