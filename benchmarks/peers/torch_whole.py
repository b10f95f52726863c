"""PyTorch: a whole training, saved and tested."""

import torch
from common import task_from_arguments
from torch_peer import Trainer, accuracy, network

task = task_from_arguments()
torch.manual_seed(0)
model = network(task.sizes)
trainer = Trainer(model)
x, y = torch.from_numpy(task.images("train")), torch.from_numpy(task.labels("train"))
for epoch in range(task.epochs):
    loss_sum, right = trainer.epoch(x, y, task.batch_size)
    print(f"epoch {epoch + 1}: loss {loss_sum / len(x):.4f}, accuracy {right / len(x):.4f}")
torch.save(model.state_dict(), task.folder / "torch.pt")
x, y = torch.from_numpy(task.images("test")), torch.from_numpy(task.labels("test"))
print(accuracy(model, x, y))
