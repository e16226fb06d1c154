"""triton.py FOLDER PORT: a real Triton server on the loopback with a model that doubles its input.

The server's own binary comes with the wheel nvidia-pytriton; only its Python backend is there.
"""
import os
import shutil
import sys
import sysconfig

# One group with what it starts, so that all of it can be killed at once.
os.setpgrp()
folder, port = sys.argv[1], sys.argv[2]
packages = sysconfig.get_paths()["purelib"]
server = os.path.join(packages, "pytriton", "tritonserver")
backends = os.path.join(folder, "backends")
repository = os.path.join(folder, "models")
if not os.path.isdir(backends):
    shutil.copytree(os.path.join(server, "backends"), backends)
    stub = os.path.join(server, "python_backend_stubs", "3.11", "triton_python_backend_stub")
    shutil.copy(stub, os.path.join(backends, "python"))
    os.chmod(os.path.join(backends, "python", "triton_python_backend_stub"), 0o755)
    # The stub looks beside itself, and not where this interpreter's packages are.
    for name in ("numpy", "numpy.libs"):
        os.symlink(os.path.join(packages, name), os.path.join(backends, "python", name))
    os.makedirs(os.path.join(repository, "double", "1"))
    with open(os.path.join(repository, "double", "config.pbtxt"), "w") as file:
        file.write('name: "double"\nbackend: "python"\nmax_batch_size: 0\n'
                   'input [{ name: "x", data_type: TYPE_FP32, dims: [-1, 3] }]\n'
                   'output [{ name: "y", data_type: TYPE_FP32, dims: [-1, 3] }]\n')
    with open(os.path.join(repository, "double", "1", "model.py"), "w") as file:
        file.write(
            "import triton_python_backend_utils as t\n"
            "class TritonPythonModel:\n"
            "    def execute(self, requests):\n"
            "        answers = []\n"
            "        for request in requests:\n"
            "            x = t.get_input_tensor_by_name(request, 'x').as_numpy()\n"
            "            answers.append(t.InferenceResponse([t.Tensor('y', x * 2)]))\n"
            "        return answers\n")
environment = dict(os.environ)
environment["LD_LIBRARY_PATH"] = os.path.join(packages, "nvidia_pytriton.libs")
program = os.path.join(server, "bin", "tritonserver")
os.execve(program, [
    program, "--model-repository=" + repository, "--backend-directory=" + backends,
    "--http-address=127.0.0.1", "--http-port=" + port, "--allow-grpc=false", "--allow-metrics=false",
    "--model-control-mode=explicit", "--load-model=double",
], environment)
