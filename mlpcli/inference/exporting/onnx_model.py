"""A trained network as a model of ONNX: from bytes of images, or numbers, to probabilities.

The operators are those of version 17 of ONNX (2022), so that runtimes need not be the newest.
"""

import json
from typing import Any

import numpy as np
from onnx import ValueInfoProto, helper

import mlpcli
from mlpcli.config.class_names import NO_DIGIT, NO_DIGIT_ODDS
from mlpcli.config.loading import config_of_checkpoint
from mlpcli.data.normalization import Normalization
from mlpcli.errors import CheckpointError
from mlpcli.inference.exporting.exported import Exported
from mlpcli.inference.exporting.onnx_functions import ACTIVATIONS, PROBABILITIES
from mlpcli.inference.exporting.onnx_graph import Graph, Value
from mlpcli.inference.exporting.onnx_shaping import shaped

OPSET, IR_VERSION = 17, 8
LARGEST = 2**31 - 2**20
"""size of the largest parameters, in bytes: a message of protobuf has less than 2 GiB, and the rest
of a file takes much less than a MiB"""


def to_bytes(
    exported: Exported, dtype: np.dtype[Any] | None = None, *, flat: bool = False
) -> bytes:
    """Return the content of an .onnx file.

    Its input is `images` (N, height, width) uint8, or `inputs` (N, n_in) of the network's dtype
    where that has learned from a table of numbers. Its outputs are `probabilities` (N, n_classes)
    and `predictions` (N,), the class of the largest output; in a regression `outputs` (N, n_out).
    A network that has learned what is no digit has `no_digit` (N,) too: the probability of that,
    while the others are given that it is one.

    Args:
        exported: the network.
        dtype: the dtype that its parameters are rounded to; they are computed with in its own.
        flat: whether the images are (N, height * width).

    Raises:
        CheckpointError: the network is larger than such a file can be, or its config is not valid.
    """
    network = exported.network
    stored = dtype or network.dtype
    size = len(network.theta) * stored.itemsize
    if size > LARGEST:
        raise CheckpointError(
            f"{exported.path}: its parameters take {size:,} bytes, and an .onnx file holds at most "
            f"{LARGEST:,}; export it to .safetensors or .npz instead."
        )
    graph = Graph()
    given, x = _input(graph, exported, flat)
    z = _forward(graph, exported, x, stored)
    outputs = _outputs(graph, exported, z)
    model = helper.make_model(
        helper.make_graph(graph.nodes, "mlpcli", [given], outputs, [*graph.constants.values()]),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="mlpcli",
        producer_version=mlpcli.__version__,
        doc_string=f"multilayer perceptron, {'-'.join(map(str, network.sizes))}",
    )
    metadata = {
        "class_names": json.dumps(exported.class_names, ensure_ascii=False),
        "checkpoint_sha256": exported.sha256,
    }
    helper.set_model_props(model, metadata)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _input(graph: Graph, exported: Exported, flat: bool) -> tuple[ValueInfoProto, Value]:
    """Return the description of the input, and x (N, n_in), as the network sees it."""
    network, normalization = exported.network, exported.checkpoint.normalization
    height, width = exported.checkpoint.image_shape
    n_in = network.sizes[0]
    if exported.reads_images:
        images = Value(graph, "images", np.dtype(np.uint8))
        shape = ("N", n_in) if flat else ("N", height, width)
        given = images.info(shape, "0 background, 255 ink, prepared as MNIST's images are")
        if exported.shaping.changes_images:
            each = images.reshape(0, height, width) if flat else images
            images = shaped(each, exported.shaping, (height, width)).reshape(0, n_in)
        elif not flat:
            images = images.reshape(0, n_in)
        x = images.cast(network.dtype)
    else:
        x = Value(graph, "inputs", network.dtype)
        given = x.info(("N", n_in))
    if normalization != Normalization.none():
        mean, std = np.asarray(normalization.mean), np.asarray(normalization.std)
        x = (x - mean) * (1 / std)
    return given, x


def _forward(graph: Graph, exported: Exported, x: Value, stored: np.dtype[Any]) -> Value:
    """Return the network's output z (N, n_out)."""
    network = exported.network
    a = x
    for i, (dense, name) in enumerate(zip(network.dense, network.activations, strict=True)):
        weight, bias = (
            graph.constant(array.astype(stored), f"layers.{i}.{kind}").cast(network.dtype)
            for array, kind in ((dense.W.T, "weight"), (dense.b, "bias"))
        )
        z = a.apply("Gemm", weight, bias, transB=1)
        if name not in ACTIVATIONS:
            raise CheckpointError(
                f"{exported.path}: mlpcli has no form in ONNX of the activation {name}; export it "
                "to .safetensors or .npz instead."
            )
        a = ACTIVATIONS[name](z)
    return a


def _outputs(graph: Graph, exported: Exported, z: Value) -> list[ValueInfoProto]:
    """Return the descriptions of the outputs, made of the network's output z (N, n_out)."""
    names = exported.checkpoint.class_names
    table = config_of_checkpoint(exported.checkpoint.config, exported.path).data.table
    if table is not None and table.is_regression:
        normalization = exported.checkpoint.target_normalization
        if not normalization.changes_nothing:
            z = z * np.asarray(normalization.std) + np.asarray(normalization.mean)
        return [graph.named(z, "outputs").info(("N", len(names)))]
    temperature = exported.checkpoint.temperature
    to_probabilities = PROBABILITIES[exported.checkpoint.config["loss"]["name"]]
    probabilities = to_probabilities(z if temperature == 1 else z / temperature)
    refusals = []
    if NO_DIGIT in names:
        classes = [i for i, name in enumerate(names) if name != NO_DIGIT]
        none = probabilities.columns([names.index(NO_DIGIT)]) * NO_DIGIT_ODDS
        z, probabilities = z.columns(classes), probabilities.columns(classes)
        total = probabilities.sum(axis=1).apply("Max", np.finfo(z.dtype).tiny)
        no_digit = graph.named((none / (none + total)).reshape(-1), "no_digit")
        refusals = [no_digit.info(("N",), "the probability that it is none of them")]
        probabilities = probabilities / total
    predictions = z.apply("ArgMax", axis=1, keepdims=0, dtype=np.int64)
    n = len(exported.class_names)
    return [
        graph.named(probabilities, "probabilities").info(("N", n), "of each class"),
        graph.named(predictions, "predictions").info(("N",), "the class of the largest output"),
        *refusals,
    ]


def left_out(exported: Exported) -> str:
    """Return what such a file cannot hold, as a sentence."""
    if exported.reads_images:
        return (
            "An .onnx file cannot prepare a photo as `mlpcli predict` does: give it images as "
            "MNIST's are."
        )
    return ""
