"""JAX: the step compiled and called from Python, or (--scan) the whole epoch compiled as one."""

import functools
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
from common import LEARNING_RATE, MOMENTUM, Task, contest, starting_weights


def forward(theta, x, activation=jax.nn.relu):
    """Logits (B, 10)."""
    for W, b in theta[:-1]:
        x = activation(x @ W + b)
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
    return state, (losses.sum(), correct.sum())


def start(sizes, seed=0):
    """The common starting weights, and a velocity of zero."""
    theta = [(jnp.asarray(W), jnp.asarray(b)) for W, b in starting_weights(sizes, seed)]
    return theta, jax.tree.map(jnp.zeros_like, theta)


def epoch_by_steps(state, x, y, order, size):
    """One call of the compiled step a batch; x and y are NumPy's."""
    for at in range(0, len(order), size):
        batch = order[at : at + size]
        state, measured = compiled_step(state, x[batch], y[batch])
    return state, measured


def epoch_by_scan(state, x, y, order, size):
    """One call for all whole batches, one for the rest; x and y are JAX's."""
    whole = len(order) // size * size
    state, measured = scan(state, x, y, order[:whole].reshape(-1, size))
    if whole < len(order):
        rest = order[whole:]
        state, measured = compiled_step(state, x[rest], y[rest])
    return state, measured


def accuracy(state, x, y):
    """The share that is right."""
    return float((forward(state[0], x).argmax(1) == y).mean())


def train(task: Task) -> tuple[list[float], float]:
    """One epoch to warm up and compile, and `epochs` that count."""
    state = start(task.sizes, task.seed)
    x, y = task.images("train"), task.labels("train").astype(np.int32)
    epoch = epoch_by_steps
    if "--scan" in sys.argv:
        epoch, x, y = epoch_by_scan, jnp.asarray(x), jnp.asarray(y)
    rng = np.random.default_rng(task.seed)
    seconds = []
    for _ in range(task.epochs + 1):
        started = time.perf_counter()
        order = rng.permutation(len(y)).astype(np.int32)
        state, measured = epoch(state, x, y, order, task.batch_size)
        jax.block_until_ready((state, measured))
        seconds.append(time.perf_counter() - started)
    return seconds[1:], accuracy(state, task.images("test"), task.labels("test"))


if __name__ == "__main__":
    contest(train)
