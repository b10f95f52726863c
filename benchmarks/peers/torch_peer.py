"""PyTorch, one operation after the other, as its tutorials write a training loop."""

import sys
import time

import torch
from common import LEARNING_RATE, MOMENTUM, Task, contest, starting_weights
from torch import nn


def network(task: Task) -> nn.Sequential:
    """Linear layers with ReLU between them, from the common start."""
    layers: list[nn.Module] = []
    for W, b in starting_weights(task.sizes):
        linear = nn.Linear(*W.shape)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(W.T))
            linear.bias.copy_(torch.from_numpy(b))
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def train(task: Task) -> tuple[list[float], float]:
    """One epoch to warm up and `epochs` that count."""
    torch.manual_seed(0)
    x, y = (torch.from_numpy(a) for a in (task.images("train"), task.labels("train")))
    model = network(task)
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM)
    forward = torch.compile(model) if "--compile" in sys.argv else model
    seconds = []
    for _ in range(task.epochs + 1):
        started = time.perf_counter()
        order = torch.randperm(len(x))
        loss_sum = torch.zeros(())
        correct = torch.zeros((), dtype=torch.int64)
        for start in range(0, len(x), task.batch_size):
            batch = order[start : start + task.batch_size]
            z = forward(x[batch])
            loss = nn.functional.cross_entropy(z, y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss_sum += loss.detach() * len(batch)
            correct += (z.argmax(1) == y[batch]).sum()
        loss_sum.item(), correct.item()
        seconds.append(time.perf_counter() - started)
    with torch.no_grad():
        z = model(torch.from_numpy(task.images("test")))
    right = z.argmax(1) == torch.from_numpy(task.labels("test"))
    return seconds[1:], right.float().mean().item()


if __name__ == "__main__":
    contest(train)
