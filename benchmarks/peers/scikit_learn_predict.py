"""scikit-learn: the digit in a picture file, by the model that scikit_learn_whole.py saved."""

import sys
from pathlib import Path

import joblib
import numpy as np
from common import standardised
from PIL import Image

folder, picture = map(Path, sys.argv[1:])
model = joblib.load(folder / "scikit_learn.joblib")
x = standardised(np.asarray(Image.open(picture).convert("L")).reshape(1, 784))
p = model.predict_proba(x)[0]
digit = int(p.argmax())
print(f"{picture}: {digit} ({p[digit]:.1%})")
