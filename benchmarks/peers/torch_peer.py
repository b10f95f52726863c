"""PyTorch as its tutorials write a training loop, or (--compile) with forward and loss compiled."""

import sys
import time

import torch
from common import LEARNING_RATE, MOMENTUM, Task, contest, starting_weights
from torch import nn


def network(
    sizes: list[int], seed: int = 0, activation: type[nn.Module] = nn.ReLU
) -> nn.Sequential:
    """Linear layers with an activation between them, from the common start."""
    layers: list[nn.Module] = []
    for W, b in starting_weights(sizes, seed):
        linear = nn.Linear(*W.shape)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(W.T))
            linear.bias.copy_(torch.from_numpy(b))
        layers += [linear, activation()]
    return nn.Sequential(*layers[:-1])


class Trainer:
    """Trains a model in place, an epoch at a time."""

    def __init__(self, model: nn.Module, *, compiled: bool = False) -> None:
        self._model = model
        self._judge = torch.compile(self._outputs_and_loss) if compiled else self._outputs_and_loss
        self._optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM)

    def epoch(self, x: torch.Tensor, y: torch.Tensor, batch_size: int) -> tuple[float, int]:
        """One pass over the images (N, 784): the sum of the losses, and how many were right."""
        order = torch.randperm(len(x))
        loss_sum = torch.zeros(())
        correct = torch.zeros((), dtype=torch.int64)
        for start in range(0, len(x), batch_size):
            batch = order[start : start + batch_size]
            z, loss = self._judge(x[batch], y[batch])
            self._optimizer.zero_grad()
            loss.backward()
            self._optimizer.step()
            loss_sum += loss.detach() * len(batch)
            correct += (z.argmax(1) == y[batch]).sum()
        return loss_sum.item(), int(correct.item())

    def _outputs_and_loss(
        self, x: torch.Tensor, y: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        z = self._model(x)
        return z, nn.functional.cross_entropy(z, y)


@torch.no_grad()
def accuracy(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    """The share that is right."""
    return (model(x).argmax(1) == y).float().mean().item()


def train(task: Task) -> tuple[list[float], float]:
    """One epoch to warm up and `epochs` that count."""
    torch.manual_seed(task.seed)
    train_x, train_y, test_x, test_y = (
        torch.from_numpy(array)
        for part in ("train", "test")
        for array in (task.images(part), task.labels(part))
    )
    model = network(task.sizes, task.seed)
    trainer = Trainer(model, compiled="--compile" in sys.argv)
    seconds = []
    for _ in range(task.epochs + 1):
        started = time.perf_counter()
        trainer.epoch(train_x, train_y, task.batch_size)
        seconds.append(time.perf_counter() - started)
    return seconds[1:], accuracy(model, test_x, test_y)


if __name__ == "__main__":
    contest(train)
