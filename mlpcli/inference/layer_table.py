"""A network's layers in words: how a model shows itself."""

from mlpcli.nn.network import MLP

LAYERS = ("layer", "units in", "units out", "activation", "parameters")


def sizes(network: MLP) -> str:
    """Return the units of each layer: 784-128-10."""
    return "-".join(map(str, network.sizes))


def layer_rows(network: MLP) -> list[tuple[str, ...]]:
    """Return a row for each dense layer, beginning with `LAYERS`, and one for their sum.

    The network is one for prediction, without dropout, its batch normalisation in the weights.
    """
    rows: list[tuple[str, ...]] = [LAYERS]
    for number, (dense, name) in enumerate(zip(network.dense, network.activations, strict=True), 1):
        n_in, n_out = dense.W.shape
        parameters = dense.W.size + dense.b.size
        rows.append((str(number), f"{n_in:,}", f"{n_out:,}", name, f"{parameters:,}"))
    rows.append(("all", "", "", "", f"{len(network.theta):,}"))
    return rows
