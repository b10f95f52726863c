"""The textbook program: one example after the other, in plain NumPy.

Lists of matrices, examples as columns, and a mini-batch's gradient as the sum of its examples', as
in Nielsen, "Neural Networks and Deep Learning" (2015), chapters 1 and 2. Written afresh from the
book's formulae; where the book has sigmoid, quadratic cost and plain SGD in float64, here are ReLU,
softmax cross-entropy and momentum in float32, as everywhere in this contest.
"""

import random
import time

import numpy as np
from common import LEARNING_RATE, MOMENTUM, Task, contest, starting_weights


class Network:
    """weights: [W (n_out, n_in)], biases: [b (n_out, 1)]."""

    def __init__(self, sizes: list[int], seed: int) -> None:
        start = starting_weights(sizes, seed)
        self.weights = [np.ascontiguousarray(W.T) for W, _ in start]
        self.biases = [b.reshape(-1, 1) for _, b in start]
        self.velocity_w = [np.zeros_like(w) for w in self.weights]
        self.velocity_b = [np.zeros_like(b) for b in self.biases]

    def forward(self, x):
        """Every layer's activation, the input first; the last is the softmax."""
        activations = [x]
        for w, b in zip(self.weights[:-1], self.biases[:-1], strict=True):
            activations.append(np.maximum(w @ activations[-1] + b, 0))
        z = self.weights[-1] @ activations[-1] + self.biases[-1]
        e = np.exp(z - z.max(axis=0))
        return [*activations, e / e.sum(axis=0)]

    def backprop(self, x, y):
        """One example's gradient by layer, its loss, and whether it was right."""
        activations = self.forward(x)
        p = activations[-1]
        gradient_w, gradient_b = [], []
        delta = p - y
        for layer in reversed(range(len(self.weights))):
            gradient_b.insert(0, delta)
            gradient_w.insert(0, delta @ activations[layer].T)
            if layer:
                delta = (self.weights[layer].T @ delta) * (activations[layer] > 0)
        return gradient_w, gradient_b, -np.log(p[y.argmax(), 0]), p.argmax() == y.argmax()

    def update(self, batch):
        """One step on [(x, y), ...]: the sum of the losses, and how many were right."""
        sum_w = [np.zeros_like(w) for w in self.weights]
        sum_b = [np.zeros_like(b) for b in self.biases]
        loss, right = 0.0, 0
        for x, y in batch:
            gradient_w, gradient_b, example_loss, example_right = self.backprop(x, y)
            sum_w = [s + g for s, g in zip(sum_w, gradient_w, strict=True)]
            sum_b = [s + g for s, g in zip(sum_b, gradient_b, strict=True)]
            loss += float(example_loss)
            right += int(example_right)
        rate = LEARNING_RATE / len(batch)
        self.velocity_w = _next_velocity(self.velocity_w, sum_w, rate)
        self.velocity_b = _next_velocity(self.velocity_b, sum_b, rate)
        self.weights = [w + v for w, v in zip(self.weights, self.velocity_w, strict=True)]
        self.biases = [b + v for b, v in zip(self.biases, self.velocity_b, strict=True)]
        return loss, right


def _next_velocity(velocity, gradient, rate):
    return [MOMENTUM * v - rate * g for v, g in zip(velocity, gradient, strict=True)]


def train(task: Task) -> tuple[list[float], float]:
    """One epoch to warm up and `epochs` that count."""
    x, one_hot = task.images("train"), np.eye(10, dtype=np.float32)[task.labels("train")]
    examples = [(a.reshape(-1, 1), b.reshape(-1, 1)) for a, b in zip(x, one_hot, strict=True)]
    network = Network(task.sizes, task.seed)
    random.seed(task.seed)
    seconds = []
    for _ in range(task.epochs + 1):
        started = time.perf_counter()
        random.shuffle(examples)
        for start in range(0, len(examples), task.batch_size):
            network.update(examples[start : start + task.batch_size])
        seconds.append(time.perf_counter() - started)
    right = network.forward(task.images("test").T)[-1].argmax(axis=0) == task.labels("test")
    return seconds[1:], float(right.mean())


if __name__ == "__main__":
    contest(train)
