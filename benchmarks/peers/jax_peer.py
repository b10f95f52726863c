"""JAX: the step compiled and called from Python, or (--scan) the whole epoch compiled as one."""

import functools
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
from common import LEARNING_RATE, MOMENTUM, Task, contest, starting_weights


def forward(theta, x):
    """Logits (B, 10)."""
    for W, b in theta[:-1]:
        x = jax.nn.relu(x @ W + b)
    W, b = theta[-1]
    return x @ W + b


def mean_loss(theta, x, y):
    """The batch's mean loss, and how many were right."""
    z = forward(theta, x)
    log_p = jax.nn.log_softmax(z)
    loss = -jnp.take_along_axis(log_p, y[:, None], axis=1).mean()
    return loss, (z.argmax(1) == y).sum()


def step(state, x, y):
    """One step of momentum SGD."""
    theta, velocity = state
    (loss, correct), grad = jax.value_and_grad(mean_loss, has_aux=True)(theta, x, y)
    velocity = jax.tree.map(lambda v, g: MOMENTUM * v - LEARNING_RATE * g, velocity, grad)
    theta = jax.tree.map(jnp.add, theta, velocity)
    return (theta, velocity), (loss * len(y), correct)


compiled_step = jax.jit(step, donate_argnums=0)


@functools.partial(jax.jit, donate_argnums=0)
def scan(state, x, y, batches):
    """Every batch whose indices are a row of `batches`."""

    def one(state, batch):
        return step(state, x[batch], y[batch])

    state, (losses, correct) = jax.lax.scan(one, state, batches)
    return state, losses.sum(), correct.sum()


def train(task: Task) -> tuple[list[float], float]:
    """One epoch to warm up and compile, and `epochs` that count."""
    theta = [(jnp.asarray(W), jnp.asarray(b)) for W, b in starting_weights(task.sizes)]
    state = (theta, jax.tree.map(jnp.zeros_like, theta))
    images, labels = task.images("train"), task.labels("train").astype(np.int32)
    x, y = (jnp.asarray(a) for a in (images, labels))
    rng = np.random.default_rng(0)
    size = task.batch_size
    whole = len(labels) // size * size
    seconds = []
    for _ in range(task.epochs + 1):
        started = time.perf_counter()
        order = rng.permutation(len(labels)).astype(np.int32)
        if "--scan" in sys.argv:
            state, losses, correct = scan(state, x, y, order[:whole].reshape(-1, size))
            if whole < len(order):
                rest = order[whole:]
                state, _ = compiled_step(state, images[rest], labels[rest])
        else:
            for start in range(0, len(order), size):
                batch = order[start : start + size]
                state, (losses, correct) = compiled_step(state, images[batch], labels[batch])
        jax.block_until_ready((state, losses, correct))
        seconds.append(time.perf_counter() - started)
    right = forward(state[0], task.images("test")).argmax(1) == task.labels("test")
    return seconds[1:], float(right.mean())


if __name__ == "__main__":
    contest(train)
