"""mlserver.py FOLDER PORT: a real MLServer on the loopback with a model that doubles its input."""
import json
import os
import sys

# One group with what it starts, so that all of it can be killed at once.
os.setpgrp()
folder, port = sys.argv[1], int(sys.argv[2])
os.makedirs(folder, exist_ok=True)
with open(os.path.join(folder, "settings.json"), "w") as file:
    json.dump({
        "host": "127.0.0.1", "http_port": port, "grpc_port": port + 1, "metrics_port": port + 2,
        "parallel_workers": 0, "debug": False,
    }, file)
with open(os.path.join(folder, "model-settings.json"), "w") as file:
    json.dump({
        "name": "double", "implementation": "double.Double",
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 3]}],
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, 3]}],
    }, file)
with open(os.path.join(folder, "double.py"), "w") as file:
    file.write(
        "from mlserver import MLModel\n"
        "from mlserver.types import InferenceResponse\n"
        "from mlserver.codecs import NumpyCodec\n"
        "class Double(MLModel):\n"
        "    async def load(self):\n"
        "        return True\n"
        "    async def predict(self, request):\n"
        "        x = NumpyCodec.decode_input(request.inputs[0])\n"
        "        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output('y', x * 2)])\n")
os.chdir(folder)
program = "import sys; sys.argv = ['mlserver', 'start', '.']; from mlserver.cli import main; main()"
os.execv(sys.executable, [sys.executable, "-c", program])
