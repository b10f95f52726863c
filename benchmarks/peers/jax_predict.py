"""JAX: the digit in a picture file, by the model that jax_whole.py saved."""

import sys
from pathlib import Path

import jax
import numpy as np
from common import standardised
from jax_peer import forward
from PIL import Image

folder, picture = map(Path, sys.argv[1:])
with np.load(folder / "jax.npz") as saved:
    arrays = list(saved.values())
theta = list(zip(arrays[::2], arrays[1::2], strict=True))
x = standardised(np.asarray(Image.open(picture).convert("L")).reshape(1, 784))
p = jax.jit(lambda theta, x: jax.nn.softmax(forward(theta, x)))(theta, x)[0]
digit = int(p.argmax())
print(f"{picture}: {digit} ({p[digit]:.1%})")
