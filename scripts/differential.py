#!/usr/bin/env python3
"""differential.py PROGRAM ANSWERS [--seconds S] [--seed N] [--models N]   Compares answers of a bridge with ONNX Runtime's.

A bridge on the loopback serves random models (differential_models.py) to concurrent clients in every form of its API, with
pipelined requests, clients that leave in the middle, versions that replace each other, and one that is removed and added
again under the same number. Each answer is compared with that of ONNX Runtime's Python package: numbers, names, types and
shapes; requests that ONNX Runtime cannot run must be refused, all others answered.

Exit status: 0 when ANSWERS answers were compared and none is wrong, 1 when some are wrong, 2 when too few were compared.

differential.py --self-test   Checks that made-up wrong answers are found."""

import argparse
import collections
import concurrent.futures
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

try:
    import numpy
    import onnxruntime

    import differential_models
except ImportError as error:
    print(f"differential: {error}; make the environment with: make differential-tools", file=sys.stderr)
    sys.exit(2)

TYPES = {name: kind for name, (_, kind) in differential_models.TYPES.items()}
FORMS = ["binary", "json", "mixed", "columns", "rows"]
CLIENTS = 6
LENGTH = "Inference-Header-Content-Length"
# Relative to the largest number of an answer. Engines add in other orders; a number of another request differs by more.
TOLERANCE = {"FP16": 5e-3, "FP32": 1e-4, "FP64": 1e-9}
# s: after it a version that was replaced must not answer; the bridge reads its registry once a second.
REPLACED = 5


class Model:
    """A version of a model, and its oracle."""

    def __init__(self, name, family, graph):
        self.name, self.family, self.graph, self.bytes = name, family, graph, graph.bytes()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(graph.bytes(stands_in=True), options, providers=["CPUExecutionProvider"])
        self.kinds = {name: kind for name, kind, _ in graph.outputs}

    def run(self, feeds):
        """Returns the outputs by name; None when the model can't run on them."""
        for name, kind, shape, _ in self.graph.inputs:
            fits = len(shape) == feeds[name].ndim and all(isinstance(d, str) or d == n for d, n in zip(shape, feeds[name].shape))
            if not fits:
                return None
        try:
            results = self.session.run(None, feeds)
        except Exception:
            return None
        return {name: numpy.asarray(value) for (name, _, _), value in zip(self.graph.outputs, results)}


def contradicts(model, feeds):
    """Whether inputs have different lengths in dimensions to which the model gives one name. The bridge refuses them; ONNX
    Runtime takes those that an operation repeats (broadcasting)."""
    lengths = {}
    for name, _, shape, _ in model.graph.inputs:
        for dimension, length in zip(shape, feeds[name].shape):
            if isinstance(dimension, str) and lengths.setdefault(dimension, length) != length:
                return True
    return False


# MARK: messages


def numbers(array, kind):
    """The numbers of a tensor as JSON has them."""
    return (array.astype(numpy.uint32) << 16).view(numpy.float32) if kind == "BF16" else array


def request(form, model, feeds, version=None):
    """Returns path, headers and body."""
    place = f"models/{model.name}" + (f"/versions/{version}" if version else "")
    inputs = [(name, kind, feeds[name]) for name, kind, _, _ in model.graph.inputs]
    if form in ("columns", "rows"):
        plain = {name: numbers(value, kind).tolist() for name, kind, value in inputs}
        if form == "columns":
            body = {"inputs": plain}
        else:
            body = {"instances": [dict(zip(plain, row)) for row in zip(*plain.values())]}
        return f"/v1/{place}:predict", {}, json.dumps(body).encode()
    entries, tail = [], b""
    for name, kind, value in inputs:
        entry = {"name": name, "datatype": kind, "shape": list(value.shape)}
        if form == "binary":
            entry["parameters"] = {"binary_data_size": value.nbytes}
            tail += value.tobytes()
        else:
            entry["data"] = numbers(value, kind).ravel().tolist()
        entries.append(entry)
    body = json.dumps({"inputs": entries, "parameters": {"binary_data_output": form != "json"}}).encode()
    headers = {LENGTH: str(len(body))} if form == "binary" else {}
    return f"/v2/{place}/infer", headers, body + tail


def read(form, headers, body, model):
    """Returns the outputs by name as (type, array), and the version that the answer names."""
    if form in ("columns", "rows"):
        value = json.loads(body)["outputs" if form == "columns" else "predictions"]
        names = list(model.kinds)
        if len(names) == 1:
            columns = {names[0]: value}
        elif form == "columns":
            columns = value
        else:
            columns = {name: [row[name] for row in value] for name in value[0]}
        return {name: (model.kinds.get(name), plain(part, model.kinds.get(name))) for name, part in columns.items()}, None
    length = int(headers.get(LENGTH, len(body)))
    answer, at, outputs = json.loads(body[:length]), length, {}
    if answer.get("model_name") != model.name:
        raise ValueError(f"the answer is that of '{answer.get('model_name')}'")
    for entry in answer["outputs"]:
        kind, shape = entry["datatype"], entry["shape"]
        if entry["name"] in outputs:
            raise ValueError(f"'{entry['name']}' is there twice")
        if "data" in entry:
            array = plain(entry["data"], kind).reshape(shape)
        else:
            size = entry["parameters"]["binary_data_size"]
            array = numpy.frombuffer(body[at : at + size], TYPES[kind]).reshape(shape)
            at += size
            array = numbers(array, kind)
        outputs[entry["name"]] = (kind, array)
    if at != len(body):
        raise ValueError(f"{len(body) - at} bytes are left")
    return outputs, answer.get("model_version")


def plain(value, kind):
    return numpy.array(value, numpy.float32 if kind == "BF16" else TYPES.get(kind))


def difference(expected, kinds, outputs, is_nested=False):
    """Returns what is wrong with the outputs of an answer; None for right ones."""
    if list(sorted(outputs)) != list(sorted(expected)):
        return f"outputs {sorted(outputs)} instead of {sorted(expected)}"
    for name, right in expected.items():
        kind, given = outputs[name]
        right = numbers(right, kinds[name])
        # Lists within lists do not tell the further lengths of an empty tensor.
        is_same_shape = given.shape == right.shape or (is_nested and given.size == right.size == 0)
        if kind != kinds[name] or not is_same_shape:
            return f"'{name[:20]}' is {kind} {list(given.shape)} instead of {kinds[name]} {list(right.shape)}"
        if right.size == 0:
            continue
        limit = TOLERANCE.get(kind, 0) * (1 + numpy.abs(right).max(initial=0)) if kind in TOLERANCE else None
        same = given == right if limit is None else numpy.isclose(given, right, rtol=0, atol=limit, equal_nan=True)
        if not numpy.all(same):
            index = tuple(int(i) for i in numpy.argwhere(~numpy.asarray(same))[0]) if right.ndim else ()
            return f"'{name[:20]}'{list(index)} is {given[index]} instead of {right[index]}"
    return None


def has_rows(feeds, expected):
    """Whether the API of rows can express a request and its answer."""
    tensors = list(feeds.values()) + list((expected or {}).values())
    return all(t.ndim and len(t) for t in tensors) and len({len(t) for t in feeds.values()}) == 1


def judge(form, model, feeds, reply, versions=None):
    """Returns None for a right reply, "busy" for one that says nothing, or what is wrong with it.

    versions: models by the version that an answer may name, where several are in use."""
    status, headers, body = reply
    if status == 503:
        return "busy"
    models = versions or {None: model}
    try:
        results = read(form, headers, body, model) if status == 200 else None
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        return f"unreadable: {error!r}: {body[:120]!r}"
    candidates = list(models.values())
    if results and results[1] and versions:
        if results[1] not in models:
            return f"version {results[1]} answers, which is not in use"
        candidates = [models[results[1]]]
    reasons = []
    for candidate in candidates:
        expected = candidate.run(feeds)
        if results is None:
            finite = expected is not None and all(v.dtype.kind != "f" or numpy.isfinite(v).all() for v in expected.values())
            sendable = form == "binary" or finite
            counts = form != "rows" or expected is None or len({v.shape[0] for v in expected.values() if v.ndim}) == 1
            if expected is None or contradicts(candidate, feeds) or not sendable or not counts or (form == "rows" and not has_rows(feeds, expected)):
                return None
            reasons.append(f"refused with {status}: {body[:160]!r}")
        elif expected is None:
            reasons.append("answered, but the model can't run on this input")
        else:
            reason = difference(expected, candidate.kinds, results[0], form in ("columns", "rows"))
            if reason is None:
                return None
            reasons.append(reason)
    return reasons[0] if reasons else "no version is in use"


# MARK: the bridge


class Bridge:
    def __init__(self, program, seed):
        self.program, self.folder = program, tempfile.mkdtemp(prefix="vrbridge-differential-")
        root = pathlib.Path(__file__).resolve().parent.parent
        self.environment = dict(
            os.environ, VRBRIDGE_MODELS=f"{self.folder}/models", VRBRIDGE_STATE=f"{self.folder}/state", NO_COLOR="1",
            XDG_STATE_HOME=self.folder, XDG_CONFIG_HOME=self.folder, XDG_RUNTIME_DIR=self.folder, VRBRIDGE_SOCKET=f"{self.folder}/s")
        for library in ("openvino", "sherpa-onnx"):
            self.environment.setdefault(f"VRBRIDGE_{library.upper().replace('-', '_')}", f"{root}/.build/{library}")
        self.process = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    def command(self, *arguments):
        done = subprocess.run(
            [self.program, "models", *arguments], env=self.environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise RuntimeError(f"'vrbridge models {' '.join(arguments)}' ended with {done.returncode}: {done.stderr[-600:]}")

    def libraries(self):
        """Fetches the libraries that are not there."""
        missing = [n for n in ("openvino", "sherpa-onnx") if not os.path.isdir(self.environment["VRBRIDGE_" + n.upper().replace("-", "_")])]
        if missing:
            self.command("pull", *missing)

    def add(self, model, version):
        file = f"{self.folder}/{model.name}-{version}.onnx"
        pathlib.Path(file).write_bytes(model.bytes)
        self.command("add", model.name, file, "--model-version", version, "--task", "tensors")

    def start(self):
        config = f"{self.folder}/c.yaml"
        pathlib.Path(config).write_text(f'http: {{ address: "127.0.0.1:{self.port}" }}\nmodels: {{ at_once: 4 }}\n')
        self.log = open(f"{self.folder}/log", "w")
        self.process = subprocess.Popen(
            [self.program, "run", "--demo", "--no-hardware", "--config", config], env=self.environment, stdin=subprocess.DEVNULL,
            stderr=self.log, stdout=self.log)
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/v2/health/live", timeout=5):
                    return
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.1)
        raise RuntimeError(f"the bridge did not start:\n{self.tail()}")

    def tail(self):
        return "".join(open(f"{self.folder}/log", errors="replace").readlines()[-15:]) if self.process else ""

    def stop(self):
        """Returns the exit status, or None for a bridge that ended before."""
        status = None
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                status = self.process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                status = self.process.wait()
        return status


# MARK: clients


class Run:
    """What all clients share."""

    def __init__(self, bridge, models, wanted, end):
        self.bridge, self.models, self.wanted, self.end = bridge, models, wanted, end
        self.lock = threading.Lock()
        self.counts, self.families, self.wrong = collections.Counter(), collections.Counter(), []
        self.versions, self.again = {}, []

    @property
    def is_over(self):
        return self.counts["compared"] >= self.wanted or time.monotonic() > self.end or len(self.wrong) >= 200

    def note(self, kind, form, model, feeds, reply, versions=None):
        reason = judge(form, model, feeds, reply, versions)
        with self.lock:
            self.counts["busy" if reason == "busy" else "compared"] += 1
            if reason == "busy":
                return
            self.counts["answers" if reply[0] == 200 else "refusals"] += 1
            self.families[model.family] += 1
            if reason:
                shapes = {name: list(value.shape) for name, value in feeds.items()}
                self.wrong.append(f"{kind}: {model.family} '{model.name}', {form}, {shapes}: {reason}")

    def choose(self, rng):
        """Returns a model, its input, a form, and the version to name."""
        model = rng.choice(self.models)
        feeds = differential_models.feeds(rng, model.graph)
        form = rng.choice(FORMS)
        if form == "rows" and not has_rows(feeds, None):
            form = "columns"
        return model, feeds, form, rng.choice([None, "1"])


def exchange(connection, path, headers, body):
    connection.request("POST", path, body, {"Content-Type": "application/octet-stream" if headers else "application/json", **headers})
    reply = connection.getresponse()
    return reply.status, dict(reply.getheaders()), reply.read()


def client(run, seed):
    """Requests one after the other, on one connection."""
    rng, connection = random.Random(seed), http.client.HTTPConnection("127.0.0.1", run.bridge.port, timeout=60)
    while not run.is_over:
        model, feeds, form, version = run.choose(rng)
        run.note("request", form, model, feeds, exchange(connection, *request(form, model, feeds, version)))


def pipeliner(run, seed):
    """Several requests before the first answer, whose order must be that of the requests."""
    rng = random.Random(seed)
    while not run.is_over:
        chosen = [run.choose(rng) for _ in range(rng.randint(2, 8))]
        with socket.create_connection(("127.0.0.1", run.bridge.port), timeout=60) as connection:
            text = b""
            for model, feeds, form, version in chosen:
                path, headers, body = request(form, model, feeds, version)
                lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *(f"{k}: {v}" for k, v in headers.items())]
                text += "\r\n".join(lines).encode() + b"\r\n\r\n" + body
            connection.sendall(text)
            source = connection.makefile("rb")
            for model, feeds, form, _ in chosen:
                run.note("pipeline", form, model, feeds, read_reply(source))


def read_reply(source):
    status = int(source.readline().split()[1])
    headers = {}
    while (line := source.readline().strip()):
        name, value = line.decode().split(":", 1)
        headers[name.title() if name.lower() != LENGTH.lower() else LENGTH] = value.strip()
    return status, headers, source.read(int(headers["Content-Length"]))


def leaver(run, seed):
    """Requests whose client leaves before the end of the request, or before the answer."""
    rng = random.Random(seed)
    while not run.is_over:
        model, feeds, form, version = run.choose(rng)
        path, headers, body = request(form, model, feeds, version)
        connection = http.client.HTTPConnection("127.0.0.1", run.bridge.port, timeout=60)
        try:
            connection.putrequest("POST", path)
            for name, value in {**headers, "Content-Length": len(body)}.items():
                connection.putheader(name, str(value))
            connection.endheaders(body if rng.random() < 0.6 else body[: len(body) // 2])
        except OSError:
            pass
        connection.close()
        with run.lock:
            run.counts["left"] += 1
        time.sleep(rng.random() * 0.02)


def swapper(run, seed):
    """Adds versions of a model, and removes and adds another model under the same version."""
    rng = random.Random(seed)
    for number in range(2, 200):
        time.sleep(1)
        if run.is_over:
            return
        graph = differential_models.versioned(rng, number)
        newer, other = Model("swap", "swap", graph), Model("again", "again", graph)
        with run.lock:
            run.versions[str(number)] = newer
        run.bridge.add(newer, str(number))
        # Kept while answers of it may be on their way.
        with run.lock:
            run.again = [(until if until else time.monotonic() + REPLACED, model) for until, model in run.again] + [(None, other)]
        run.bridge.command("remove", "again", "1")
        run.bridge.add(other, "1")
        with run.lock:
            run.again = [(until and max(until, time.monotonic() + REPLACED) if model is run.again[-2][1] else until, model)
                         for until, model in run.again]
            run.counts["swaps"] += 2


def swapped(run, seed):
    """Requests of the models that `swapper` replaces."""
    rng, connection = random.Random(seed), http.client.HTTPConnection("127.0.0.1", run.bridge.port, timeout=60)
    while not run.is_over:
        time.sleep(0.005)
        form = rng.choice(["binary", "json", "mixed"])
        begun = time.monotonic()
        with run.lock:
            versions = dict(run.versions)
        model = next(iter(versions.values()))
        feeds = differential_models.feeds(random.Random(rng.random()), model.graph)
        if any(value.ndim != 2 for value in feeds.values()):
            continue
        if rng.random() < 0.5:
            version = rng.choice([None, "1"])
            reply = exchange(connection, *request(form, model, feeds, version))
            with run.lock:
                versions = dict(run.versions)
            run.note("swap", form, model, feeds, reply, {"1": versions["1"]} if version else versions)
        else:
            model = run.again[-1][1]
            reply = exchange(connection, *request(form, model, feeds))
            with run.lock:
                allowed = {number: entry for number, (until, entry) in enumerate(run.again) if not until or until > begun}
            # Between removal and addition there is no such model.
            if reply[0] == 200 or len(allowed) == 1:
                judged = [judge(form, entry, feeds, reply) for entry in allowed.values()]
                best = next((entry for entry, reason in zip(allowed.values(), judged) if reason is None), model)
                run.note("again", form, best, feeds, reply)


# MARK: main


def verdict(counts, wrong, wanted):
    """Returns the exit status and its reason."""
    if wrong:
        return 1, f"{len(wrong)} of {counts['compared']} answers are wrong"
    if counts["compared"] < wanted or counts["answers"] * 2 < wanted:
        return 2, f"only {counts['compared']} of {wanted} answers were compared, {counts['answers']} of them with numbers"
    return 0, f"{counts['compared']} answers compared, 0 wrong"


def prepare(bridge, rng, count):
    """Makes the models and adds them to the registry of the bridge."""
    bridge.libraries()
    models = []
    while len(models) < count:
        family, graph = differential_models.graph(rng, len(models))
        try:
            models.append(Model(f"m{len(models)}", family, graph))
        except Exception:
            # Some random graphs contradict themselves: ONNX Runtime finds it when it opens them.
            continue
    first = [Model(name, name, differential_models.versioned(rng, 1)) for name in ("swap", "again")]
    # The first command makes the key and notes the libraries as verified.
    bridge.add(first[0], "1")
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        for result in pool.map(lambda model: bridge.add(model, "1"), [first[1], *models]):
            del result
    return models, first


def main(program, wanted, seconds, seed, count):
    begun = time.monotonic()
    onnxruntime.set_default_logger_severity(4)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    rng, bridge = random.Random(seed), Bridge(program, seed)
    run = None
    status = None
    try:
        models, first = prepare(bridge, rng, count)
        bridge.start()
        ready = time.monotonic()
        run = Run(bridge, models, wanted, ready + seconds)
        run.versions, run.again = {"1": first[0]}, [(None, first[1])]
        kinds = [client] * CLIENTS + [pipeliner] * 2 + [leaver, swapper, swapped]
        with concurrent.futures.ThreadPoolExecutor(len(kinds)) as pool:
            futures = [pool.submit(kind, run, seed * 100 + index) for index, kind in enumerate(kinds)]
            for future, kind in zip(futures, kinds):
                if (error := future.exception()) is not None:
                    run.wrong.append(f"{kind.__name__} ended: {error!r}; the bridge's exit status is {bridge.process.poll()}")
    except RuntimeError as error:
        print(f"differential: {error}", file=sys.stderr)
        return 2
    finally:
        status = bridge.stop()
        log = bridge.tail()
        shutil.rmtree(bridge.folder, ignore_errors=True)
    if status != 0:
        run.wrong.append(f"the bridge ended with {status}")
    for line in run.wrong[:20]:
        print(f"WRONG  {line}")
    if run.wrong:
        print(f"the end of the bridge's log:\n{log}")
    now = time.monotonic()
    print(f"families: {dict(sorted(run.families.items()))}")
    print(f"{dict(run.counts)}; seed {seed}, {count} models, {ready - begun:.0f} s to add them and {now - ready:.0f} s of requests")
    code, reason = verdict(run.counts, run.wrong, wanted)
    print(f"differential: {reason}")
    return code


def reply_of(form, model, outputs, version="1"):
    """A right reply, for the self-test."""
    if form in ("columns", "rows"):
        parts = {name: numbers(value, model.kinds[name]).tolist() for name, value in outputs.items()}
        if form == "columns":
            value = {"outputs": parts if len(parts) > 1 else next(iter(parts.values()))}
        else:
            value = {"predictions": [dict(zip(parts, row)) for row in zip(*parts.values())] if len(parts) > 1 else next(iter(parts.values()))}
        return 200, {}, json.dumps(value).encode()
    entries, tail = [], b""
    for name, value in outputs.items():
        entry = {"name": name, "datatype": model.kinds[name], "shape": list(value.shape)}
        if form == "json":
            entry["data"] = value.ravel().tolist()
        else:
            entry["parameters"] = {"binary_data_size": value.nbytes}
            tail += value.tobytes()
        entries.append(entry)
    body = json.dumps({"model_name": model.name, "model_version": version, "outputs": entries}).encode()
    return 200, {} if form == "json" else {LENGTH: str(len(body))}, body + tail


def self_test():
    onnxruntime.set_default_logger_severity(4)
    rng, graph = random.Random(1), differential_models.Graph(random.Random(1))
    value = graph.input("x", "FP32", ["rows", 2])
    graph.output(graph.node("Mul", [value, value]), "FP32", 2)
    graph.output(graph.node("Neg", [value]), "FP32", 2)
    model = Model("m", "self-test", graph)
    feeds = {"x": numpy.array([[1, 2], [3, 4]], numpy.float32)}
    right = model.run(feeds)
    a, b = right
    # The request of another client, or the one before.
    other = model.run({"x": feeds["x"] + 1})
    wrong = {
        "numbers of another request": other,
        "outputs exchanged": {a: right[b], b: right[a]},
        "rows exchanged": {a: right[a][::-1], b: right[b]},
        "one number": {a: right[a] + numpy.array([[0, 0], [0, 0.01]], numpy.float32), b: right[b]},
        "a row too few": {a: right[a][:1], b: right[b][:1]},
        "an output missing": {a: right[a]},
        "another name": {a: right[a], "z": right[b]},
    }
    count = 0
    for form in FORMS:
        good = reply_of(form, model, right)
        assert judge(form, model, feeds, good) is None, (form, judge(form, model, feeds, good))
        for name, outputs in wrong.items():
            known = dict(model.kinds)
            model.kinds = {**known, "z": "FP32"} if "z" in outputs else known
            reply = reply_of(form, model, outputs)
            model.kinds = known
            assert judge(form, model, feeds, reply) not in (None, "busy"), (form, name)
            count += 1
        for name, reply in {
            "a valid request refused": (400, {}, b"{}"), "nonsense": (200, {}, b"{"), "the end missing": (200, good[1], good[2][:-1]),
        }.items():
            assert judge(form, model, feeds, reply) not in (None, "busy"), (form, name)
            count += 1
        narrow = {"x": feeds["x"][:, :1]}
        assert judge(form, model, narrow, (400, {}, b"{}")) is None
        assert judge(form, model, narrow, good) not in (None, "busy"), "an invalid request answered"
        assert judge(form, model, feeds, (503, {}, b"")) == "busy"
    newer = Model("m", "self-test", differential_models.versioned(rng, 2))
    reply = reply_of("binary", newer, newer.run({"x": numpy.ones((1, 3), numpy.float32)}), version="1")
    older = Model("m", "self-test", differential_models.versioned(rng, 1))
    assert judge("binary", newer, {"x": numpy.ones((1, 3), numpy.float32)}, reply, {"1": older, "2": newer}), "another version's label"
    assert judge("binary", newer, {"x": numpy.ones((1, 3), numpy.float32)}, reply, {"2": newer}), "a version that is not in use"
    counts = collections.Counter(compared=10, answers=9)
    assert [verdict(counts, [], 10)[0], verdict(counts, ["x"], 10)[0], verdict(counts, [], 11)[0]] == [0, 1, 2]
    assert verdict(collections.Counter(busy=100), [], 10)[0] == 2 and verdict(collections.Counter(compared=10, refusals=10), [], 10)[0] == 2
    print(f"differential: {count + 2} made-up wrong answers were found")


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        self_test()
    else:
        parser = argparse.ArgumentParser(usage=__doc__)
        parser.add_argument("program")
        parser.add_argument("answers", type=int)
        parser.add_argument("--seconds", type=float, default=90)
        parser.add_argument("--seed", type=int, default=int(time.time()))
        parser.add_argument("--models", type=int, default=39)
        given = parser.parse_args()
        sys.exit(main(given.program, given.answers, given.seconds, given.seed, given.models))
