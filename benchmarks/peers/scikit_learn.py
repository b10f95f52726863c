"""scikit-learn's MLPClassifier, which keeps its own start (Glorot) and computes the loss itself."""

import time
import warnings

from common import LEARNING_RATE, MOMENTUM, Task, contest
from sklearn.neural_network import MLPClassifier

warnings.simplefilter("ignore")  # that max_iter is reached


def classifier(task: Task, epochs: int) -> MLPClassifier:
    """Untrained."""
    return MLPClassifier(
        task.sizes[1:-1],
        solver="sgd",
        learning_rate_init=LEARNING_RATE,
        momentum=MOMENTUM,
        nesterovs_momentum=False,
        alpha=0.0,
        batch_size=task.batch_size,
        max_iter=epochs,
        tol=0.0,
        n_iter_no_change=epochs + 1,
        random_state=task.seed,
    )


def train(task: Task) -> tuple[list[float], float]:
    """A fit of one epoch to warm up; then one of `epochs` and one more, timed as a whole."""
    x, y = task.images("train"), task.labels("train")

    def fitted(epochs: int) -> tuple[MLPClassifier, float]:
        model = classifier(task, epochs)
        started = time.perf_counter()
        model.fit(x, y)
        return model, time.perf_counter() - started

    fitted(1)
    model, seconds = fitted(task.epochs + 1)
    accuracy = model.score(task.images("test"), task.labels("test"))
    return [seconds / (task.epochs + 1)] * task.epochs, float(accuracy)


if __name__ == "__main__":
    contest(train)
