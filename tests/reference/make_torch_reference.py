"""What PyTorch makes of the activations, losses and schedules of mlpcli, in float64.

    python tests/reference/make_torch_reference.py

writes torch.json beside itself. PyTorch is needed for this alone; the tests read the file.
"""

import itertools
import json
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 (the usual name)
from torch.optim import lr_scheduler

torch.set_default_dtype(torch.float64)

Z = [-1e4, -30.0, -10.0, -5.0, -3.0, -1.0, -0.5, -0.1, -1e-3, -1e-8, 1e-8, 1e-3, 0.1, 0.5, 1.0, 2.0]
Z += [3.0, 5.0, 10.0, 30.0, 1e4]
Z_SMOOTH = [*Z, 0.0]
KINKED = {"relu", "leaky_relu"}
ACTIVATIONS = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "gelu": F.gelu,
    "silu": F.silu,
    "softplus": F.softplus,
    "identity": lambda z: 1 * z,
}
N_OUT = 4
SMOOTHING = 0.1


def onehot(y):
    return F.one_hot(y, N_OUT).to(torch.get_default_dtype())


LOSSES = {
    "cross_entropy": F.cross_entropy,
    "label_smoothing": lambda z, y: F.cross_entropy(z, y, label_smoothing=SMOOTHING),
    "binary_cross_entropy": lambda z, y: (
        F.binary_cross_entropy_with_logits(z, onehot(y), reduction="sum") / len(y)
    ),
    "mse": lambda z, y: F.mse_loss(z, onehot(y)),
    "quadratic": lambda z, y: F.mse_loss(z, onehot(y), reduction="sum") / 2 / len(y),
}
SQUARED = ("mse", "quadratic")
EPOCHS = 10


def activations():
    vectors = {}
    for name, function in ACTIVATIONS.items():
        z = torch.tensor(Z if name in KINKED else Z_SMOOTH, requires_grad=True)
        a = function(z)
        a.sum().backward()
        vectors[name] = {"z": z.tolist(), "value": a.tolist(), "derivative": z.grad.tolist()}
    return vectors


def losses():
    y = torch.tensor([0, 3, 1, 2, 2, 0])
    start = 3 * torch.randn(len(y), N_OUT)
    start[-1] = torch.tensor([-30.0, 30.0, 1e-8, 0.0])
    vectors = {"z": start.tolist(), "y": y.tolist()}
    for name, function in LOSSES.items():
        z = start.clone().requires_grad_()
        loss = function(z, y)
        loss.backward()
        vectors[name] = {"value": loss.item(), "delta": z.grad.tolist()}
    return vectors


def schedules():
    """The learning rate at each of EPOCHS steps, one an epoch, of a rate of 1."""

    def rates(schedule, *args, **settings):
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        scheduler = schedule(optimizer, *args, **settings)
        found = []
        for _ in range(EPOCHS):
            found.append(scheduler.get_last_lr()[0])
            optimizer.step()
            scheduler.step()
        return found

    one_cycle = {"max_lr": 1.0, "total_steps": EPOCHS + 1, "cycle_momentum": False}
    return {
        "constant": rates(lr_scheduler.ConstantLR, factor=1.0),
        "step": rates(lr_scheduler.StepLR, step_size=3, gamma=0.5),
        "exponential": rates(lr_scheduler.ExponentialLR, gamma=0.8),
        "cosine": rates(lr_scheduler.CosineAnnealingLR, T_max=EPOCHS, eta_min=0.05),
        "one_cycle": rates(lr_scheduler.OneCycleLR, **one_cycle),
    }


def network(sizes, hidden, output):
    """The layers of a network that computes output(... hidden(x W + b) ...)."""
    dense = [nn.Linear(n_in, n_out) for n_in, n_out in itertools.pairwise(sizes)]

    def forward(x):
        *others, last = dense
        for layer, name in zip(others, hidden, strict=True):
            x = ACTIVATIONS[name](layer(x))
        return ACTIVATIONS[output](last(x))

    return dense, forward


def theta(dense):
    """Every weight, as (n_in, n_out), then every bias: the order in which mlpcli keeps them."""
    parts = [layer.weight.T.reshape(-1) for layer in dense] + [layer.bias for layer in dense]
    return torch.cat(parts).tolist()


def trained(case, starts, x, y):
    torch.manual_seed(1)
    dense, forward = network(case["sizes"], case["hidden"], case["output"])
    start = theta(dense)
    assert starts.setdefault(str(len(start)), start) == start
    optimizer = torch.optim.SGD(
        [parameter for layer in dense for parameter in layer.parameters()], lr=0.5
    )
    for _ in range(10):
        optimizer.zero_grad()
        LOSSES[case["loss"]](forward(x), y).backward()
        optimizer.step()
    case["end"] = theta(dense)
    return case


def training():
    """Networks after ten steps of gradient descent, learning rate 0.5, each with the same batch."""
    small = {"sizes": [3, 3, N_OUT]}
    cases = [
        {**small, "hidden": [name], "output": "identity", "loss": loss}
        for name in ACTIVATIONS
        for loss in LOSSES
    ]
    cases += [
        {**small, "hidden": ["tanh"], "output": name, "loss": loss}
        for name in ACTIVATIONS
        if name != "identity"
        for loss in SQUARED
    ]
    mixed = {"hidden": ["gelu", "tanh", "relu"], "output": "identity", "loss": "cross_entropy"}
    cases.append({"sizes": [3, 3, 2, 5, N_OUT], **mixed})
    x, y = torch.randn(5, 3), torch.tensor([3, 0, 1, 1, 2])
    starts = {}
    cases = [trained(case, starts, x, y) for case in cases]
    return {"x": x.tolist(), "y": y.tolist(), "starts": starts, "cases": cases}


def main():
    torch.manual_seed(0)
    sections = {
        "torch": torch.__version__,
        "smoothing": SMOOTHING,
        "activations": activations(),
        "losses": losses(),
        "schedules": schedules(),
    }
    lines = [f"{json.dumps(name)}: {json.dumps(content)}" for name, content in sections.items()]
    cases = training()
    rows = ",\n".join(json.dumps(case) for case in cases.pop("cases"))
    lines += [f'"training": {json.dumps(cases)[:-1]}, "cases": [\n{rows}]}}']
    text = "{" + ",\n".join(lines) + "}\n"
    Path(__file__).with_name("torch.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
