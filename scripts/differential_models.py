"""Random ONNX models for differential.py: of every type and rank, with open dimensions that are a batch, and with ones that
are not; some fail for some shapes inside the graph."""

import numpy
import onnx
import onnx.helper as make
from onnx import TensorProto

# Open Inference name, ONNX type, NumPy type. NumPy has no BF16: its models only move elements, so 16 bits stand for them.
TYPES = {
    "BOOL": (TensorProto.BOOL, numpy.bool_),
    "UINT8": (TensorProto.UINT8, numpy.uint8),
    "UINT16": (TensorProto.UINT16, numpy.uint16),
    "UINT32": (TensorProto.UINT32, numpy.uint32),
    "UINT64": (TensorProto.UINT64, numpy.uint64),
    "INT8": (TensorProto.INT8, numpy.int8),
    "INT16": (TensorProto.INT16, numpy.int16),
    "INT32": (TensorProto.INT32, numpy.int32),
    "INT64": (TensorProto.INT64, numpy.int64),
    "FP16": (TensorProto.FLOAT16, numpy.float16),
    "BF16": (TensorProto.BFLOAT16, numpy.uint16),
    "FP32": (TensorProto.FLOAT, numpy.float32),
    "FP64": (TensorProto.DOUBLE, numpy.float64),
}


class Graph:
    """A graph that is put together: inputs, nodes, outputs."""

    def __init__(self, rng):
        self.rng = rng
        self.inputs, self.outputs, self.nodes, self.constants = [], [], [], []

    def input(self, name, kind, shape, limit=None):
        """limit: values are whole numbers from 0 to it, for indices."""
        self.inputs.append((name, kind, tuple(shape), limit))
        return name

    def node(self, operation, inputs, count=1, **attributes):
        results = [f"v{len(self.nodes)}_{i}" for i in range(count)]
        self.nodes.append(make.make_node(operation, inputs, results, **attributes))
        return results[0] if count == 1 else results

    def constant(self, values):
        name = f"c{len(self.constants)}"
        self.constants.append(onnx.numpy_helper.from_array(numpy.asarray(values), name))
        return name

    def output(self, value, kind, rank):
        """The value is reached through an Identity, behind which an engine may find another name."""
        name = self.rng.choice(["y", "a_out", "result", "n" * 280 + "_"]) + str(len(self.outputs))
        self.nodes.append(make.make_node("Identity", [value], [name]))
        self.outputs.append((name, kind, rank))

    def bytes(self, stands_in=False):
        """stands_in: with UINT16 for BF16, for an oracle that cannot take it."""

        def info(name, kind, shape):
            kind = "UINT16" if stands_in and kind == "BF16" else kind
            return make.make_tensor_value_info(name, TYPES[kind][0], shape)

        graph = make.make_graph(
            self.nodes, "g", [info(name, kind, shape) for name, kind, shape, _ in self.inputs],
            [info(name, kind, [None] * rank) for name, kind, rank in self.outputs], self.constants)
        return make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=8).SerializeToString()


def dimensions(rng, rank, opens=0.5):
    """Lengths: numbers, or names of open dimensions."""
    return [f"d{i}" if rng.random() < opens else rng.randint(1, 4) for i in range(rank)]


def movement(graph, rng):
    """Elements of any type change their positions."""
    kind, rank = rng.choice(list(TYPES)), rng.randint(0, 5)
    value = graph.input("x", kind, dimensions(rng, rank))
    for _ in range(rng.randint(1, 3)):
        choice = rng.choice(["Transpose", "Unsqueeze", "Identity", "Concat", "Slice"])
        if choice == "Unsqueeze" and rank < 6:
            value, rank = graph.node("Unsqueeze", [value, graph.constant([rng.randint(0, rank)])]), rank + 1
        elif rank == 0 or choice == "Identity":
            value = graph.node("Identity", [value])
        elif choice == "Transpose":
            value = graph.node("Transpose", [value], perm=rng.sample(range(rank), rank))
        elif choice == "Concat":
            value = graph.node("Concat", [value, value], axis=rng.randrange(rank))
        else:
            axis = graph.constant([rng.randrange(rank)])
            value = graph.node("Slice", [value, graph.constant([0]), graph.constant([rng.randint(1, 3)]), axis])
    graph.output(value, kind, rank)
    if rng.random() < 0.4:
        graph.output("x", kind, len(graph.inputs[0][2]))


def arithmetic(graph, rng):
    """x · a + b, and x − b."""
    kind, rank = rng.choice(["FP32", "FP64", "INT32", "INT64", "FP16", "FP32"]), rng.randint(0, 4)
    value = graph.input("x", kind, dimensions(rng, rank))
    (a, b) = (graph.constant(numpy.array(rng.randint(1, 9), TYPES[kind][1])) for _ in range(2))
    graph.output(graph.node("Add", [graph.node("Mul", [value, a]), b]), kind, rank)
    if rng.random() < 0.5:
        graph.output(graph.node("Sub", [value, b]), kind, rank)


def along_first(graph, rng):
    """The first dimension is open, and its rows depend on each other: a batch of two clients would mix them."""
    rank = rng.randint(1, 3)
    value = graph.input("x", "FP32", ["time"] + dimensions(rng, rank - 1, 0.3))
    choice = rng.choice(["CumSum", "Softmax", "ReduceMean", "Flip"])
    if choice == "CumSum":
        value = graph.node("CumSum", [value, graph.constant(numpy.int64(0))])
    elif choice == "Softmax":
        value = graph.node("Softmax", [value], axis=0)
    elif choice == "ReduceMean":
        value = graph.node("Add", [value, graph.node("ReduceMean", [value], axes=[0], keepdims=1)])
    else:
        ends = [graph.constant([number]) for number in (-1, -(2**31), 0, -1)]
        value = graph.node("Slice", [value, *ends])
    graph.output(value, "FP32", rank)


def weights(graph, rng):
    """A matrix of fixed size behind an input of any width: other widths fail inside the graph."""
    height, width = rng.randint(2, 32), rng.randint(1, 4)
    matrix = numpy.random.default_rng(rng.randrange(2**31)).standard_normal((height, width)).astype(numpy.float32)
    value = graph.input("x", "FP32", ["batch", rng.choice(["width", height])])
    graph.output(graph.node("MatMul", [value, graph.constant(matrix)]), "FP32", 2)


def positions(graph, rng):
    """A table of positions of fixed length, as a Transformer has one."""
    length, width = rng.randint(2, 6), rng.randint(1, 4)
    value = graph.input("x", "FP32", ["batch", "time", width])
    table = numpy.random.default_rng(rng.randrange(2**31)).standard_normal((1, length, width)).astype(numpy.float32)
    value = graph.node("Add", [value, graph.constant(table)])
    other = graph.node("Transpose", [value], perm=[0, 2, 1])
    graph.output(graph.node("Softmax", [graph.node("MatMul", [value, other])], axis=-1), "FP32", 3)


def reshape(graph, rng):
    kind = rng.choice(["FP32", "INT32", "UINT8", "FP64"])
    value = graph.input("x", kind, dimensions(rng, rng.randint(1, 3), 0.8))
    graph.output(graph.node("Reshape", [value, graph.constant(numpy.array([2, -1]))]), kind, 2)


def pairs(graph, rng):
    """Two inputs and two outputs, whose names say nothing about their order."""
    kind, width = rng.choice(["FP32", "INT32", "FP64"]), rng.randint(1, 4)
    names = rng.sample(["b", "a", "z", "m"], 2)
    first = graph.input(names[0], kind, ["rows", width])
    second = graph.input(names[1], kind, [rng.choice(["rows", "others"]), width])
    if graph.inputs[0][2] == graph.inputs[1][2]:
        graph.output(graph.node("Sub", [first, second]), kind, 2)
    graph.output(graph.node("Concat", [second, first], axis=0), kind, 2)


def logic(graph, rng):
    shape = dimensions(rng, rng.randint(0, 4))
    first, second = graph.input("p", "BOOL", shape), graph.input("q", "BOOL", shape)
    value = graph.node(rng.choice(["And", "Or", "Xor"]), [first, second])
    graph.output(value, "BOOL", len(shape))
    graph.output(graph.node("Not", [first]), "BOOL", len(shape))


def found(graph, rng):
    """An output whose length depends on the data."""
    rank = rng.randint(1, 3)
    value = graph.input("x", "FP32", dimensions(rng, rank))
    positive = graph.node("Greater", [value, graph.constant(numpy.float32(0))])
    graph.output(graph.node("Transpose", [graph.node("NonZero", [positive])], perm=[1, 0]), "INT64", 2)


def scalar(graph, rng):
    value = graph.input("x", "FP32", dimensions(rng, rng.randint(0, 3)))
    graph.output(graph.node("ReduceSum", [value], keepdims=0), "FP32", 0)


def lookup(graph, rng):
    """Rows of a table by their index; some requests have indices that it does not have."""
    kind, rank, length = rng.choice(["INT32", "INT64"]), rng.randint(0, 2), rng.randint(2, 9)
    table = numpy.random.default_rng(rng.randrange(2**31)).standard_normal((length, 3)).astype(numpy.float32)
    value = graph.input("index", kind, dimensions(rng, rank), length)
    graph.output(graph.node("Gather", [graph.constant(table), value], axis=0), "FP32", rank + 1)


def convolution(graph, rng):
    channels, kernel = rng.randint(1, 3), rng.randint(1, 3)
    weight = numpy.random.default_rng(rng.randrange(2**31)).standard_normal((2, channels, kernel)).astype(numpy.float32)
    value = graph.input("x", "FP32", ["batch", channels, "time"])
    graph.output(graph.node("Conv", [value, graph.constant(weight)], strides=[rng.randint(1, 2)]), "FP32", 3)


FAMILIES = [
    movement, arithmetic, along_first, weights, positions, reshape, pairs, logic, found, scalar, lookup, convolution, movement,
]


def graph(rng, number):
    """Returns the name of the family, and a graph: the families by turns."""
    family = FAMILIES[number % len(FAMILIES)]
    result = Graph(rng)
    family(result, rng)
    return family.__name__, result


def versioned(rng, number):
    """Returns a graph whose answers differ from those of every other version."""
    result = Graph(rng)
    value = result.input("x", "FP32", ["rows", 3])
    result.output(result.node("Add", [value, result.constant(numpy.float32(number * 1000))]), "FP32", 2)
    return result


# MARK: requests


def values(rng, kind, shape, limit):
    """Random elements; for integers and doubles sometimes those that 32 bits do not hold."""
    kind_of_numpy = TYPES[kind][1]
    count = int(numpy.prod(shape, dtype=numpy.int64))
    seed = numpy.random.default_rng(rng.randrange(2**63))
    if limit is not None:
        highest = limit if rng.random() < 0.85 else limit + 3
        return seed.integers(0, highest, count).astype(kind_of_numpy).reshape(shape)
    if kind == "BF16":
        # Finite numbers of moderate size.
        return (seed.standard_normal(count).astype(numpy.float32).view(numpy.uint32) >> 16).astype(numpy.uint16).reshape(shape)
    if kind == "BOOL":
        return (seed.integers(0, 2, count) == 1).reshape(shape)
    if kind in ("FP16", "FP32", "FP64"):
        return (seed.standard_normal(count) * 4).astype(kind_of_numpy).reshape(shape)
    info = numpy.iinfo(kind_of_numpy)
    if rng.random() < 0.3:
        return seed.integers(info.min, info.max, count, dtype=kind_of_numpy, endpoint=True).reshape(shape)
    return seed.integers(max(info.min, -50), 50, count).astype(kind_of_numpy).reshape(shape)


def feeds(rng, graph):
    """Returns an array for each input: mostly of a shape that fits the declaration, sometimes of another."""
    lengths = {}
    fed = {}
    for name, kind, shape, limit in graph.inputs:
        actual = [lengths.setdefault(d, rng.randint(1, 6)) if isinstance(d, str) else d for d in shape]
        if rng.random() < 0.07:
            if actual and rng.random() < 0.7:
                actual[rng.randrange(len(actual))] += rng.randint(1, 2)
            else:
                actual = actual + [2] if len(actual) < 6 else actual[1:]
        fed[name] = values(rng, kind, actual, limit)
    return fed
