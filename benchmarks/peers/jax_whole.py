"""JAX, the epoch compiled as one: a whole training, saved and tested."""

import jax
import jax.numpy as jnp
import numpy as np
from common import task_from_arguments
from jax_peer import accuracy, epoch_by_scan, start

task = task_from_arguments()
state = start(task.sizes)
x, y = jnp.asarray(task.images("train")), jnp.asarray(task.labels("train").astype(np.int32))
rng = np.random.default_rng(0)
for _ in range(task.epochs):
    order = rng.permutation(len(y)).astype(np.int32)
    state, _ = epoch_by_scan(state, x, y, order, task.batch_size)
np.savez(task.folder / "jax.npz", *jax.tree.leaves(state[0]))
print(accuracy(state, task.images("test"), task.labels("test")))
