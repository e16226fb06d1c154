"""quantise.py MODEL SAMPLES OUT   A model with whole numbers of 8 bits where it can do with them: post-training quantisation by
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
network = openvino.Core().read_model(model)
quantised = nncf.quantize(network, nncf.Dataset(samples), preset=nncf.QuantizationPreset.MIXED, subset_size=len(samples))
openvino.save_model(quantised, f"{out}.xml", compress_to_fp16=False)
