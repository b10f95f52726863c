"""What PyTorch makes of the parts of mlpcli that it has too, in float64.

    python tests/reference/make_torch_reference.py

writes torch.json beside itself. PyTorch is needed for this alone, and for optimizers that it lacks
the packages schedulefree, which is that of its authors, and lion-pytorch; the tests read the file.
"""

import itertools
import json
from pathlib import Path
from unittest import mock

import lion_pytorch
import schedulefree
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 (the usual name)
from torch.optim import lr_scheduler

torch.set_default_dtype(torch.float64)

Z = [-1e4, -30.0, -10.0, -5.0, -3.0, -1.0, -0.5, -0.1, -1e-3, -1e-8, 1e-8, 1e-3, 0.1, 0.5, 1.0, 2.0]
Z += [3.0, 5.0, 10.0, 30.0, 1e4]
Z_SMOOTH = [*Z, 0.0]
KINKED = {"relu", "leaky_relu", "step"}
ACTIVATIONS = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "gelu": lambda z: F.gelu(z, approximate="tanh"),
    "silu": F.silu,
    "softplus": F.softplus,
    "step": lambda z: torch.heaviside(z.detach(), torch.tensor(0.0)) + 0 * z,
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
    "brier": lambda z, y: F.mse_loss(z.softmax(1), onehot(y), reduction="sum") / len(y),
    "perceptron": lambda z, y: ((ACTIVATIONS["step"](z).detach() - onehot(y)) * z).sum() / len(y),
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
    starts: dict[str, list[float]] = {}
    cases = [trained(case, starts, x, y) for case in cases]
    return {"x": x.tolist(), "y": y.tolist(), "starts": starts, "cases": cases}


OPTIMIZERS = {
    "sgd": torch.optim.SGD,
    "momentum": torch.optim.SGD,
    "nesterov": lambda groups, **settings: torch.optim.SGD(groups, nesterov=True, **settings),
    "adagrad": torch.optim.Adagrad,
    "rmsprop": torch.optim.RMSprop,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "nadam": torch.optim.NAdam,
    "lion": lion_pytorch.Lion,
    "schedule_free_sgd": schedulefree.SGDScheduleFree,
    "schedule_free_adamw": schedulefree.AdamWScheduleFree,
    "muon": lambda groups, **settings: MuonAndAdamW(groups, **settings),
}
SETTINGS = {
    "momentum": {"momentum": 0.9},
    "nesterov": {"momentum": 0.8},
    "adagrad": {"epsilon": 1e-10},
    "rmsprop": {"decay": 0.9, "epsilon": 1e-7},
    **{
        name: {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
        for name in ("adam", "adamw", "nadam", "schedule_free_adamw")
    },
    "lion": {"beta1": 0.9, "beta2": 0.99},
    "schedule_free_sgd": {"momentum": 0.9},
    "muon": {"momentum": 0.95, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
}
OTHER_BETAS = {"beta1": 0.7, "beta2": 0.9, "epsilon": 1e-3}
RATES = {"sgd": 0.5, "momentum": 0.2, "nesterov": 0.2, "schedule_free_sgd": 0.5}
STEPS = 10


class MuonAndAdamW:
    """Muon for the matrices of weights but the last, AdamW for the rest, as Muon's authors advise.

    Muon orthogonalises in bfloat16, of which two digits are left. Here it is kept from that.
    """

    def __init__(self, groups, *, lr, momentum, betas, eps):
        weights, biases = groups
        *matrices, last = weights["params"]
        self.muon = torch.optim.Muon(
            matrices,
            lr=lr,
            weight_decay=weights["weight_decay"],
            momentum=momentum,
            adjust_lr_fn="match_rms_adamw",
        )
        rest = [{**weights, "params": [last]}, biases]
        self.adamw = torch.optim.AdamW(rest, lr=lr, betas=betas, eps=eps)

    def zero_grad(self):
        for each in (self.muon, self.adamw):
            each.zero_grad()

    def step(self):
        with mock.patch.object(torch.Tensor, "bfloat16", torch.Tensor.clone):
            self.muon.step()
        self.adamw.step()


def torch_settings(settings):
    """PyTorch's words for our settings of an optimizer."""
    words = {"momentum": "momentum", "epsilon": "eps", "decay": "alpha"}
    found = {words[key]: value for key, value in settings.items() if key in words}
    if "beta1" in settings:
        found["betas"] = (settings["beta1"], settings["beta2"])
    return found


def optimized(case, start, x, y):
    """A network after STEPS steps, on two batches by turns; the case's extras done by hand."""
    hidden = ["tanh"] * (len(case["sizes"]) - 2)
    dense, forward = network(case["sizes"], hidden, "identity")
    load(dense, start)
    weights, biases = [layer.weight for layer in dense], [layer.bias for layer in dense]
    groups = [
        {"params": weights, "weight_decay": case["weight_decay"]},
        {"params": biases, "weight_decay": 0.0},
    ]
    settings = torch_settings(case["settings"])
    if "warmup_steps" in case:
        settings["warmup_steps"] = case["warmup_steps"]
    optimizer = OPTIMIZERS[case["optimizer"]](groups, lr=case["learning_rate"], **settings)
    if case["optimizer"].startswith("schedule_free"):
        optimizer.train()
    average = torch.tensor(theta(dense))
    for t in range(1, STEPS + 1):
        rows = slice(t % 2, None, 2)
        optimizer.zero_grad()
        loss = F.cross_entropy(forward(x[rows]), y[rows])
        loss = loss + case.get("l1", 0.0) * sum(W.abs().sum() for W in weights)
        loss.backward()
        if "clip_value" in case:
            nn.utils.clip_grad_value_(weights + biases, case["clip_value"])
        if "clip_norm" in case:  # by hand: clip_grad_norm_ adds 1e-6 to the length
            length = torch.cat([p.grad.reshape(-1) for p in weights + biases]).norm()
            for p in weights + biases:
                p.grad *= min(1.0, case["clip_norm"] / length)
        optimizer.step()
        if "max_norm" in case:
            with torch.no_grad():
                lengths = weights[0].norm(dim=1, keepdim=True)
                weights[0] *= torch.clamp(case["max_norm"] / lengths, max=1.0)
        if "average" in case:
            d = min(case["average"], (1 + t) / (10 + t))
            average = d * average + (1 - d) * torch.tensor(theta(dense))
    case["end"] = theta(dense)
    if "average" in case:
        case["mean"] = average.tolist()
    if case["optimizer"].startswith("schedule_free"):
        optimizer.eval()
        case["mean"] = theta(dense)
    return case


def load(dense, start):
    """The opposite of `theta`."""
    shapes = [layer.weight.T.shape for layer in dense] + [layer.bias.shape for layer in dense]
    parts = torch.tensor(start).split([shape.numel() for shape in shapes])
    values = [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
    with torch.no_grad():
        for layer, W, b in zip(dense, values[: len(dense)], values[len(dense) :], strict=True):
            layer.weight.copy_(W.T)
            layer.bias.copy_(b)


def optimizers():
    torch.manual_seed(2)
    sizes = [4, 5, 3]
    dense, _ = network(sizes, ["tanh"], "identity")
    start, x, y = theta(dense), torch.randn(12, 4), torch.randint(0, 3, (12,))

    def case(name, settings=None, weight_decay=0.0, **extras):
        settings = SETTINGS.get(name, {}) if settings is None else settings
        rate = RATES.get(name, 0.05)
        made = {"sizes": sizes, "optimizer": name, "learning_rate": rate, "settings": settings}
        return optimized({**made, "weight_decay": weight_decay, **extras}, start, x, y)

    cases = [case(name, weight_decay=decay) for name in OPTIMIZERS for decay in (0.0, 0.1)]
    others = ("adam", "adamw", "nadam", "schedule_free_adamw")
    cases += [case(name, OTHER_BETAS, 0.1) for name in others]
    cases.append(case("lion", {"beta1": 0.7, "beta2": 0.8}, 0.1))
    cases.append(case("muon", {"momentum": 0.8, **OTHER_BETAS}, 0.1))
    cases.append(case("schedule_free_sgd", {"momentum": 0.6}, 0.1))
    deep = [4, 6, 5, 3]  # a matrix that is wider than tall, and one that is taller than wide
    deep_start = theta(network(deep, ["tanh"] * 2, "identity")[0])
    made = {"sizes": deep, "optimizer": "muon", "learning_rate": 0.05, "weight_decay": 0.1}
    made |= {"settings": SETTINGS["muon"], "start": deep_start}
    cases.append(optimized(made, deep_start, x, y))
    for name in ("schedule_free_sgd", "schedule_free_adamw"):
        cases.append(case(name, warmup_steps=4))
    cases.append(case("rmsprop", {"decay": 0.5, "epsilon": 1e-2}, 0.1))
    for name in ("sgd", "nesterov", "adamw"):
        cases.append(case(name, weight_decay=0.1, clip_value=0.02))
        cases.append(case(name, weight_decay=0.1, clip_norm=0.1))
        cases.append(case(name, weight_decay=0.1, l1=0.03))
        cases.append(case(name, max_norm=0.5))
        cases.append(case(name, average=0.3))
    return {"start": start, "x": x.tolist(), "y": y.tolist()}, cases


def batch_norm():
    """Ten steps of momentum with batch normalisation before each tanh, and what it predicts."""
    torch.manual_seed(3)
    sizes = [4, 5, 4, 3]
    dense, _ = network(sizes, ["tanh"] * 2, "identity")
    norms = [nn.BatchNorm1d(n) for n in sizes[1:-1]]
    for norm in norms:
        nn.init.normal_(norm.weight, 1.0, 0.3)
        nn.init.normal_(norm.bias, 0.0, 0.3)
    x, y = 2 * torch.randn(12, 4) + 1, torch.randint(0, 3, (12,))

    def forward(a):
        for layer, norm in zip(dense, norms, strict=False):
            a = torch.tanh(norm(layer(a)))
        return dense[-1](a)

    def everything(vector):
        parts = [vector(layer.weight).T.reshape(-1) for layer in dense]
        parts += [vector(layer.bias) for layer in dense]
        parts += [vector(norm.weight) for norm in norms] + [vector(norm.bias) for norm in norms]
        return torch.cat(parts).tolist()

    weights = [layer.weight for layer in dense]
    others = [layer.bias for layer in dense] + [p for norm in norms for p in norm.parameters()]
    groups = [{"params": weights, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.SGD(groups, lr=0.1, momentum=0.9)
    found = {"sizes": sizes, "x": x.tolist(), "y": y.tolist(), "start": everything(lambda p: p)}
    for t in range(1, STEPS + 1):
        rows = slice(t % 2, None, 2)
        optimizer.zero_grad()
        z = forward(x[rows])
        F.cross_entropy(z, y[rows]).backward()
        if t == 1:
            found |= {"outputs": z.tolist(), "gradient": everything(lambda p: p.grad)}
        optimizer.step()
    found["end"] = everything(lambda p: p)
    found["means"] = [norm.running_mean.tolist() for norm in norms]
    found["variances"] = [norm.running_var.tolist() for norm in norms]
    for norm in norms:
        norm.eval()
    return {**found, "predicted": forward(x).tolist()}


def dropout():
    """The gradient where given inputs and hidden units are switched off."""
    torch.manual_seed(4)
    sizes, rates = [4, 5, 3], [0.25, 0.5]
    dense, _ = network(sizes, ["tanh"], "identity")
    x, y = torch.randn(6, 4), torch.randint(0, 3, (6,))
    kept = [torch.rand(6, n) >= rate for n, rate in zip(sizes, rates, strict=False)]
    masks = [k / (1 - rate) for k, rate in zip(kept, rates, strict=True)]
    z = dense[1](masks[1] * torch.tanh(dense[0](masks[0] * x)))
    F.cross_entropy(z, y).backward()
    gradients = [layer.weight.grad.T.reshape(-1) for layer in dense]
    gradients += [layer.bias.grad for layer in dense]
    return {
        "sizes": sizes,
        "rates": rates,
        "start": theta(dense),
        "x": x.tolist(),
        "y": y.tolist(),
        "kept": [k.tolist() for k in kept],
        "outputs": z.tolist(),
        "gradient": torch.cat(gradients).tolist(),
    }


def with_cases(name, content, cases):
    """A section with a line for each case."""
    rows = ",\n".join(json.dumps(case) for case in cases)
    return f'"{name}": {json.dumps(content)[:-1]}, "cases": [\n{rows}]}}'


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
    trained_networks = training()
    lines.append(with_cases("training", trained_networks, trained_networks.pop("cases")))
    lines.append(with_cases("optimizers", *optimizers()))
    for section in (batch_norm, dropout):
        lines.append(f'"{section.__name__}": {json.dumps(section())}')
    text = "{" + ",\n".join(lines) + "}\n"
    Path(__file__).with_name("torch.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
