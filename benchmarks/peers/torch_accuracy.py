"""PyTorch, or (--compile) its step compiled, to a goal: a whole training, saved and tested."""

import sys

import numpy as np
import torch
from goal import (
    RECIPES,
    SIDE,
    Distortion,
    Goal,
    Recipe,
    bend_basis,
    goal_from_arguments,
    one_cycle,
    random_bends,
    random_maps,
)
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch_peer import accuracy, network

ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU}
DISTORTED = 500
"""images at once: what it needs for them stays in the cache"""


def main(goal: Goal, recipe: Recipe, *, compiled: bool) -> float:
    """Train by the recipe and save the model: the share of the test images that is right."""
    torch.manual_seed(goal.seed)
    torch.set_flush_denormal(True)
    x, y = torch.from_numpy(goal.images("train", recipe)), torch.from_numpy(goal.labels("train"))
    model = network(recipe.sizes, goal.seed, ACTIVATIONS[recipe.activation])
    judged = train(model, x, y, recipe, compiled=compiled)
    torch.save(judged.state_dict(), goal.folder / "torch_accuracy.pt")
    x, y = torch.from_numpy(goal.images("test", recipe)), torch.from_numpy(goal.labels("test"))
    return accuracy(judged, x, y)


def train(model: nn.Module, x: torch.Tensor, y: torch.Tensor, recipe: Recipe, *, compiled: bool):
    """Train on images (N, 784), and return the model that is to be judged."""
    optimizer = optimizer_of(model, recipe)
    averaged = None
    if recipe.averaging:
        average = get_ema_multi_avg_fn(recipe.averaging)
        averaged = AveragedModel(model, multi_avg_fn=average)
    criterion = nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing)

    def judge(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return criterion(model(x), y)

    if compiled:
        judge = torch.compile(judge)
    size = recipe.batch_size
    rates = one_cycle(len(x) // size * recipe.epochs)
    for _ in range(recipe.epochs):
        images = x if recipe.distortion is None else distorted(x, recipe.distortion)
        order = torch.randperm(len(x))[: len(x) // size * size]
        for batch, rate in zip(order.split(size), rates, strict=False):
            optimizer.param_groups[0]["lr"] = recipe.learning_rate * rate
            optimizer.zero_grad()
            judge(images[batch], y[batch]).backward()
            optimizer.step()
            if averaged is not None:
                averaged.update_parameters(model)
    return model if averaged is None else averaged.module


def optimizer_of(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """All parameters are updated in one call."""
    if recipe.weight_decay:
        return torch.optim.AdamW(model.parameters(), weight_decay=recipe.weight_decay, fused=True)
    return torch.optim.SGD(model.parameters(), 0.0, momentum=0.9, nesterov=True, fused=True)


def distorted(x: torch.Tensor, how: Distortion) -> torch.Tensor:
    """Each image (N, 784) in its own way."""
    rng = np.random.default_rng(torch.randint(2**31, ()).item())
    to_shares = 2 / SIDE  # from pixels to what grid_sample counts in: the image is 2 wide
    maps = torch.from_numpy(random_maps(len(x), how, rng)) * torch.tensor([1, 1, to_shares])
    bends = torch.from_numpy(random_bends(len(x), how, rng)) * to_shares
    basis = torch.from_numpy(bend_basis())
    out = torch.empty_like(x)
    for start in range(0, len(x), DISTORTED):
        chunk = slice(start, start + DISTORTED)
        images = x[chunk].view(-1, 1, SIDE, SIDE)
        grid = nn.functional.affine_grid(maps[chunk], list(images.shape), align_corners=False)
        if how.bend:
            grid += (basis @ bends[chunk] @ basis.T).permute(0, 2, 3, 1)
        moved = nn.functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
        out[chunk] = moved.view(-1, SIDE * SIDE)
    return out


if __name__ == "__main__":
    goal = goal_from_arguments()
    print(main(goal, RECIPES[goal.goal], compiled="--compile" in sys.argv))
