"""train_gestures.py FOLDER   Trains a small temporal network that classifies movements. FOLDER contains training.json (rows,
validation, labels, training settings), features.f32 (rows of 6 x 64) and classes.i32; the last `validation` rows are for
validation only. Prints a line an epoch, and writes history.json and network.onnx. `vrbridge gestures train --network` calls it.

The network is four dilated convolutions (Bai, Kolter and Koltun, 2018, without causality: a movement is complete when it is
classified), the mean and the maximum of their outputs, and a linear layer."""

import json
import sys

try:
    import numpy
    import onnx  # noqa: F401  (the exporter needs it)
    import torch
    from torch import nn
except ImportError as error:
    print(f"vrbridge: {sys.executable} has no {error.name}; on Debian: apt install python3-torch python3-onnx, and --python /usr/bin/python3", file=sys.stderr)
    sys.exit(3)

folder = sys.argv[1]
with open(f"{folder}/training.json") as file:
    plan = json.load(file)
torch.manual_seed(plan["seed"])
torch.set_num_threads(plan["threads"])
labels = plan["labels"]
features = torch.from_numpy(numpy.fromfile(f"{folder}/features.f32", dtype="<f4").reshape(-1, 6, 64))
classes = torch.from_numpy(numpy.fromfile(f"{folder}/classes.i32", dtype="<i4").astype("int64"))
learned = len(features) - plan["validation"]


class Block(nn.Module):
    def __init__(self, inward, outward, dilation):
        super().__init__()
        self.convolution = nn.Conv1d(inward, outward, 5, padding=2 * dilation, dilation=dilation)
        self.short = nn.Conv1d(inward, outward, 1) if inward != outward else nn.Identity()
        self.drop = nn.Dropout(0.1)

    def forward(self, x):
        return torch.relu(self.drop(self.convolution(x)) + self.short(x))


class Network(nn.Module):
    def __init__(self, count):
        super().__init__()
        self.blocks = nn.Sequential(Block(6, 32, 1), Block(32, 32, 2), Block(32, 48, 4), Block(48, 48, 8))
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(96, count))

    def forward(self, x):
        found = self.blocks(x)
        return self.head(torch.cat([found.mean(2), found.max(2).values], 1))


network = Network(len(labels))
rate = plan["rate"]
optimisers = {
    "sgd": lambda p: torch.optim.SGD(p, lr=rate),
    "momentum": lambda p: torch.optim.SGD(p, lr=rate, momentum=0.9),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=rate),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=rate),
    "adam": lambda p: torch.optim.Adam(p, lr=rate),
}
optimiser = optimisers[plan["optimiser"]](network.parameters())
entropy = nn.CrossEntropyLoss()


def judge():
    network.eval()
    with torch.no_grad():
        answers = torch.cat([network(part) for part in features[learned:].split(512)])
        truth = classes[learned:]
        return entropy(answers, truth).item(), (answers.argmax(1) == truth).float().mean().item()


history = []
best, kept, since = float("inf"), None, 0
for epoch in range(1, plan["epochs"] + 1):
    network.train()
    total = 0.0
    for part in torch.randperm(learned).split(plan["batch"]):
        optimiser.zero_grad()
        loss = entropy(network(features[part]), classes[part])
        loss.backward()
        optimiser.step()
        total += loss.item() * len(part)
    validation, accuracy = judge()
    history.append({"epoch": epoch, "loss": total / learned, "validation": validation, "accuracy": accuracy})
    print(json.dumps(history[-1]), flush=True)
    if not validation == validation:
        print("vrbridge: the loss is not a number: choose a smaller --rate", file=sys.stderr)
        sys.exit(4)
    if validation < best - 1e-4:
        best, since = validation, 0
        kept = {name: value.clone() for name, value in network.state_dict().items()}
    else:
        since += 1
        if since >= plan["patience"]:
            break
if kept is None:
    print("vrbridge: no epoch improved the network: choose another --rate or --optimiser", file=sys.stderr)
    sys.exit(4)
network.load_state_dict(kept)
network.eval()
with open(f"{folder}/history.json", "w") as file:
    json.dump(history, file)
torch.onnx.export(
    nn.Sequential(network, nn.Softmax(1)), torch.zeros(1, 6, 64), f"{folder}/network.onnx", opset_version=13,
    input_names=["movement"], output_names=["shares"],
)
