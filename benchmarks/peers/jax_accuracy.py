"""JAX to a goal: a whole training compiled as one program, saved and tested."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from goal import (
    RECIPES,
    SIDE,
    Goal,
    Recipe,
    bend_basis,
    goal_from_arguments,
    one_cycle,
    random_bends,
    random_maps,
)
from jax_peer import forward, start

DISTORTED = 500
"""images at once: what it needs for them stays in the cache"""


def main(goal: Goal, recipe: Recipe) -> float:
    """Train by the recipe and save the model: the share of the test images that is right."""
    # Compiled once for all seeds, as PyTorch's programs are.
    jax.config.update("jax_compilation_cache_dir", str(goal.folder / "jax"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    x, y = (
        jnp.asarray(goal.images("train", recipe)),
        jnp.asarray(goal.labels("train").astype(np.int32)),
    )
    rng = np.random.default_rng(goal.seed)
    theta = start(recipe.sizes, goal.seed)[0]
    state = (theta, zeros_like(theta), zeros_like(theta), jax.tree.map(jnp.copy, theta))
    size = recipe.batch_size
    steps = len(y) // size
    rates = np.fromiter(one_cycle(steps * recipe.epochs), np.float32) * recipe.learning_rate
    for epoch in range(recipe.epochs):
        images = x
        if recipe.distortion is not None:
            draws = (len(y), recipe.distortion, rng)
            images = distorted(x, random_maps(*draws), random_bends(*draws))
        batches = rng.permutation(len(y))[: steps * size].reshape(-1, size).astype(np.int32)
        t = np.arange(epoch * steps, (epoch + 1) * steps)
        state = train(recipe, state, images, y, batches, rates[t], t + 1)
    theta = state[3] if recipe.averaging else state[0]
    np.savez(goal.folder / "jax_accuracy.npz", *jax.tree.leaves(theta))
    z = forward(theta, goal.images("test", recipe), getattr(jax.nn, recipe.activation))
    return float((z.argmax(1) == goal.labels("test")).mean())


def zeros_like(theta):
    """The same shapes, of zeros."""
    return jax.tree.map(jnp.zeros_like, theta)


@functools.partial(jax.jit, static_argnums=0, donate_argnums=1)
def train(recipe: Recipe, state, x, y, batches, rates, t):
    """An epoch: every batch whose indices are a row of `batches`, each at its own rate."""
    update = adamw if recipe.weight_decay else nesterov

    def step(state, its):
        batch, rate, t = its
        theta, m, v, averaged = state
        grad = jax.grad(mean_loss)(theta, x[batch], y[batch], recipe)
        theta, m, v = update((theta, m, v), grad, rate, t, recipe)
        if keep := recipe.averaging:
            averaged = jax.tree.map(lambda a, w: keep * a + (1 - keep) * w, averaged, theta)
        return (theta, m, v, averaged), None

    return jax.lax.scan(step, state, (batches, rates, t))[0]


def mean_loss(theta, x, y, recipe):
    """Cross-entropy with smoothed labels."""
    smoothing = recipe.label_smoothing
    log_p = jax.nn.log_softmax(forward(theta, x, getattr(jax.nn, recipe.activation)))
    own = jnp.take_along_axis(log_p, y[:, None], axis=1).mean()
    return -(1 - smoothing) * own - smoothing * log_p.mean()


def nesterov(state, grad, rate, t, recipe):
    """Momentum that looks ahead, as PyTorch has it."""
    theta, velocity, unused = state
    velocity = jax.tree.map(lambda v, g: 0.9 * v + g, velocity, grad)
    theta = jax.tree.map(lambda w, v, g: w - rate * (g + 0.9 * v), theta, velocity, grad)
    return theta, velocity, unused


def adamw(state, grad, rate, t, recipe):
    """Loshchilov and Hutter 2019."""
    theta, m, v = state
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, grad)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, grad)
    m_scale, v_scale = 1 / (1 - 0.9**t), 1 / (1 - 0.999**t)

    def moved(w, m, v):
        step = m * m_scale / (jnp.sqrt(v * v_scale) + 1e-8)
        return w - rate * (step + recipe.weight_decay * w)

    return jax.tree.map(moved, theta, m, v), m, v


@jax.jit
def distorted(x, maps, bends):
    """Each image (N, 784) by its own map (N, 2, 3) and bends (N, 2, 8, 8), bilinear."""
    centre = (SIDE - 1) / 2
    at = jnp.arange(SIDE) - centre
    down, right = jnp.meshgrid(at, at, indexing="ij")

    basis = bend_basis()

    def one(image, map_, bends):
        column, row = (
            m[0] * right + m[1] * down + m[2] + centre + basis @ bend @ basis.T
            for m, bend in zip(map_, bends, strict=True)
        )
        return jax.scipy.ndimage.map_coordinates(
            image.reshape(SIDE, SIDE), [row, column], order=1, mode="nearest"
        ).ravel()

    return jax.lax.map(lambda its: one(*its), (x, maps, bends), batch_size=DISTORTED)


if __name__ == "__main__":
    goal = goal_from_arguments()
    print(main(goal, RECIPES[goal.goal]))
