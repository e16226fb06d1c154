"""quantise.py MODEL SAMPLES OUT   Quantises a model to 8-bit integers where its accuracy allows: post-training quantisation by
NNCF. SAMPLES is a folder with samples.json, a list of inputs, each a list of {"file", "type", "shape"} with the raw numbers
beside it. Writes OUT.xml and OUT.bin. `vrbridge models quantise` calls it."""

import json
import sys

try:
    import nncf
    import numpy
    import openvino
except ImportError as error:
    print(f"vrbridge: {error.name} is missing; get it with: {sys.executable} -m pip install nncf==3.4.0 openvino==2026.4.1", file=sys.stderr)
    sys.exit(3)

model, folder, out = sys.argv[1:]
types = {"FP32": "<f4", "FP16": "<f2", "INT64": "<i8", "INT32": "<i4", "UINT8": "<u1", "INT8": "<i1", "BOOL": "?"}
samples = []
with open(f"{folder}/samples.json") as file:
    for tensors in json.load(file):
        samples.append([numpy.fromfile(f"{folder}/{t['file']}", dtype=types[t["type"]]).reshape(t["shape"]) for t in tensors])
core = openvino.Core()
network = core.read_model(model)


def is_constant(node):
    inputs = [port.get_source_output().get_node() for port in node.inputs()]
    return node.get_type_name() == "Constant" if not inputs else all(is_constant(source) for source in inputs)


# TensorFlow Lite's weights are inputs of transposes and reshapes, where NNCF does not detect them: half of the time of a
# network of depthwise convolutions.
for node in network.get_ordered_ops():
    if node.get_type_name() in ("Convolution", "GroupConvolution", "MatMul"):
        source = node.input(1).get_source_output()
        if source.get_node().get_type_name() != "Constant" and is_constant(source.get_node()):
            result = core.compile_model(openvino.Model([source], []), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})([])[0]
            weights = openvino.op.Constant(numpy.ascontiguousarray(result, dtype="f4"))
            node.input(1).replace_source_output(weights.output(0))
network.validate_nodes_and_infer_types()
quantised = nncf.quantize(network, nncf.Dataset(samples), preset=nncf.QuantizationPreset.PERFORMANCE, subset_size=len(samples))
openvino.save_model(quantised, f"{out}.xml", compress_to_fp16=False)
