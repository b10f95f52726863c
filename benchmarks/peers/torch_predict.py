"""PyTorch: the digit in a picture file, by the model that torch_whole.py saved."""

import sys
from pathlib import Path

import numpy as np
import torch
from common import standardised
from PIL import Image
from torch import nn

folder, picture = map(Path, sys.argv[1:])
model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
model.load_state_dict(torch.load(folder / "torch.pt"))
x = standardised(np.asarray(Image.open(picture).convert("L")).reshape(1, 784))
with torch.no_grad():
    p = model(torch.from_numpy(x)).softmax(1)[0]
digit = int(p.argmax())
print(f"{picture}: {digit} ({p[digit]:.1%})")
