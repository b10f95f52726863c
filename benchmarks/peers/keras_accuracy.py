"""Keras to a goal, on JAX, its fastest backend on a processor: a training, saved and tested."""

import os

os.environ["KERAS_BACKEND"] = "jax"
import jax
import keras
import numpy as np
from goal import (
    RECIPES,
    SIDE,
    Distortion,
    Goal,
    Recipe,
    bend_basis,
    goal_from_arguments,
    random_bends,
    random_maps,
    share,
)
from keras import layers, ops

DISTORTED = 1_000
"""images at once"""


def main(goal: Goal, recipe: Recipe) -> float:
    """Train by the recipe and save the model: the share of the test images that is right."""
    # Compiled once for all seeds, as PyTorch's programs are.
    jax.config.update("jax_compilation_cache_dir", str(goal.folder / "keras"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    keras.utils.set_random_seed(goal.seed)
    batches = Batches(goal, recipe)
    model = network(recipe)
    loss = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=recipe.label_smoothing
    )
    model.compile(optimizer(recipe, len(batches) * recipe.epochs), loss)
    model.fit(batches, epochs=recipe.epochs, shuffle=False, verbose=0)
    model.save_weights(goal.folder / "keras_accuracy.weights.h5")
    z = model.predict(goal.images("test", recipe), batch_size=1_000, verbose=0)
    return float((z.argmax(axis=1) == goal.labels("test")).mean())


class Batches(keras.utils.PyDataset):
    """An epoch's batches, shuffled and distorted anew for each."""

    def __init__(self, goal: Goal, recipe: Recipe) -> None:
        super().__init__()
        self._rng = np.random.default_rng(goal.seed)
        self._recipe = recipe
        self._originals = goal.images("train", recipe)
        self._targets = np.eye(10, dtype=np.float32)[goal.labels("train")]
        self._begin()

    def __len__(self) -> int:
        return len(self._originals) // self._recipe.batch_size

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        batch = self._order[index]
        return self._images[batch], self._targets[batch]

    def on_epoch_end(self) -> None:
        self._begin()

    def _begin(self) -> None:
        n, size = len(self._originals), self._recipe.batch_size
        self._order = self._rng.permutation(n)[: len(self) * size].reshape(-1, size)
        self._images = self._originals
        if self._recipe.distortion is not None:
            self._images = distorted(self._originals, self._recipe.distortion, self._rng)


def network(recipe: Recipe) -> keras.Model:
    """Logits of full layers, from He's start, with an activation between them."""
    hidden = [
        layers.Dense(width, activation=recipe.activation, kernel_initializer="he_normal")
        for width in recipe.hidden
    ]
    return keras.Sequential([keras.Input((SIDE * SIDE,)), *hidden, layers.Dense(10)])


class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """The rates of `share` times the largest."""

    def __init__(self, largest: float, steps: int) -> None:
        self._rates = ops.array([largest * share(step, steps) for step in range(steps)], "float32")

    def __call__(self, step):
        return ops.take(self._rates, step)


def optimizer(recipe: Recipe, steps: int) -> keras.optimizers.Optimizer:
    """By the recipe, one cycle of so many steps long."""
    rate = OneCycle(recipe.learning_rate, steps)
    averaging = {"use_ema": True, "ema_momentum": recipe.averaging} if recipe.averaging else {}
    if recipe.weight_decay:
        return keras.optimizers.AdamW(rate, weight_decay=recipe.weight_decay, **averaging)
    return keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, **averaging)


def distorted(x: np.ndarray, how: Distortion, rng: np.random.Generator) -> np.ndarray:
    """Each image (N, 784) in its own way, by Keras's own sampling."""
    maps, bends = random_maps(len(x), how, rng), random_bends(len(x), how, rng)
    images = x.reshape(-1, SIDE, SIDE)
    chunks = [slice(start, start + DISTORTED) for start in range(0, len(x), DISTORTED)]
    moved = [np.asarray(_moved(images[c], maps[c], bends[c])) for c in chunks]
    return np.concatenate(moved).reshape(-1, SIDE * SIDE)


@jax.jit
@jax.vmap
def _moved(image, map_, bends):
    """One image (28, 28) by its map (2, 3) and bends (2, 8, 8), bilinear."""
    at = ops.arange(SIDE, dtype="float32") - (SIDE - 1) / 2
    basis = bend_basis()
    x, y = (
        m[0] * at + m[1] * at[:, None] + m[2] + (SIDE - 1) / 2 + basis @ bend @ basis.T
        for m, bend in zip(map_, bends, strict=True)
    )
    return ops.image.map_coordinates(image, ops.stack([y, x]), order=1, fill_mode="nearest")


if __name__ == "__main__":
    goal = goal_from_arguments()
    print(main(goal, RECIPES[goal.goal]))
