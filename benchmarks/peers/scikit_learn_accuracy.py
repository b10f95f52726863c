"""scikit-learn to a goal: a whole training, saved and tested.

MLPClassifier has no label smoothing, no AdamW (its Adam has an L2 penalty) and no schedule of one
cycle; so the rate is set between parts of an epoch, on its optimizer, which is not a public
attribute. It has no augmentation: the images are distorted here, by NumPy, before each epoch.
"""

import joblib
import numpy as np
from goal import (
    Distortion,
    Goal,
    Recipe,
    distorted,
    goal_from_arguments,
    one_cycle,
)
from sklearn.neural_network import MLPClassifier

RECIPES = {
    "98": Recipe(hidden=(256,), epochs=2, batch_size=128, learning_rate=0.1, label_smoothing=0.0),
    "99": Recipe(
        hidden=(512,),
        epochs=14,
        batch_size=128,
        learning_rate=0.1,
        label_smoothing=0.0,
        distortion=Distortion(),
    ),
    "99.5": Recipe(
        hidden=(512, 384, 256, 128),
        epochs=130,
        batch_size=128,
        learning_rate=0.05,
        label_smoothing=0.0,
        distortion=Distortion(shift=1.5, rotation=8, bend=1),
        upright=False,
    ),
}
PARTS = 20
"""of an epoch, each at one learning rate"""


def main(goal: Goal, recipe: Recipe) -> float:
    """Train by the recipe and save the model: the share of the test images that is right."""
    x, y = goal.images("train", recipe), goal.labels("train")
    rng = np.random.default_rng(goal.seed)
    model = MLPClassifier(
        recipe.hidden,
        solver="sgd",
        alpha=0.0,
        batch_size=recipe.batch_size,
        learning_rate_init=recipe.learning_rate,
        momentum=0.9,
        nesterovs_momentum=True,
        random_state=goal.seed,
    )
    rates = one_cycle(recipe.epochs * PARTS)
    for _ in range(recipe.epochs):
        images = x if recipe.distortion is None else distorted(x, recipe.distortion, rng)
        for part in np.array_split(rng.permutation(len(y)), PARTS):
            rate = recipe.learning_rate * next(rates)
            if hasattr(model, "_optimizer"):
                model._optimizer.learning_rate = rate
            else:
                model.set_params(learning_rate_init=rate)
            model.partial_fit(images[part], y[part], classes=np.arange(10))
    joblib.dump(model, goal.folder / "scikit_learn_accuracy.joblib")
    return model.score(goal.images("test", recipe), goal.labels("test"))


if __name__ == "__main__":
    goal = goal_from_arguments()
    print(main(goal, RECIPES[goal.goal]))
