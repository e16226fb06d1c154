"""tritonclient_check.py ADDRESS: NVIDIA's own client, unmodified, against the model service."""
import sys

import numpy
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

client = triton.InferenceServerClient(sys.argv[1])
assert client.is_server_live() and client.is_server_ready()
assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
metadata = client.get_model_metadata("double")
assert metadata["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 3]}], metadata
assert client.is_model_ready("double") and not client.is_model_ready("none")
assert client.is_model_ready("double", "1") and not client.is_model_ready("double", "7")
data = numpy.arange(12, dtype=numpy.float32).reshape(4, 3)
for sends_binary in (True, False):
    for asks_binary in (True, False):
        given = triton.InferInput("x", list(data.shape), "FP32")
        given.set_data_from_numpy(data, binary_data=sends_binary)
        asked = triton.InferRequestedOutput("y", binary_data=asks_binary)
        answer = client.infer("double", [given], outputs=[asked], request_id="r1")
        assert numpy.array_equal(answer.as_numpy("y"), data * 2)
        assert answer.get_response()["id"] == "r1"
        # Without naming outputs, as most do.
        assert numpy.array_equal(client.infer("double", [given]).as_numpy("y"), data * 2)
best = client.infer("double", [given], outputs=[triton.InferRequestedOutput("y", binary_data=False, class_count=1)])
assert best.get_response()["outputs"][0]["data"][0] == "4.000000:2", best.get_response()
waiting = [client.async_infer("double", [given]) for _ in range(50)]
assert all(numpy.array_equal(w.get_result().as_numpy("y"), data * 2) for w in waiting)
for name, shape in (("z", [4, 3]), ("x", [3, 4])):
    wrong = triton.InferInput(name, shape, "FP32")
    wrong.set_data_from_numpy(data.reshape(shape))
    try:
        client.infer("double", [wrong])
        raise SystemExit("a wrong input was taken")
    except InferenceServerException as error:
        assert error.status() == "400", error
rows = client.get_model_repository_index()
assert {"double", "color"} <= {row["name"] for row in rows}
client.unload_model("double")
assert not client.is_model_ready("double")
client.load_model("double")
assert client.is_model_ready("double")
assert client.get_inference_statistics("double")["model_stats"][0]["inference_count"] > 50
print("tritonclient agrees")
