"""scikit-learn: a whole training, saved and tested."""

import joblib
from common import task_from_arguments
from scikit_learn import classifier

task = task_from_arguments()
model = classifier(task, task.epochs).fit(task.images("train"), task.labels("train"))
joblib.dump(model, task.folder / "scikit_learn.joblib")
print(model.score(task.images("test"), task.labels("test")))
