import copy
import dataclasses
import json
import os

import numpy as np
import pytest
from safetensors.numpy import load, save

from mlpcli.config.loading import load_config
from mlpcli.data.batches import Normalization
from mlpcli.errors import CheckpointError
from mlpcli.nn.initializers import xavier_normal
from mlpcli.nn.network import MLP
from mlpcli.training import checkpoint as checkpoints
from mlpcli.training.building import build_network
from mlpcli.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint, to_bytes
from mlpcli.training.watch import Watch


@pytest.fixture
def checkpoint():
    network = MLP((6, 4, 3), "tanh")
    network.initialize(xavier_normal, np.random.default_rng(0))
    network.theta[network.n_weights :] = 0.5
    config = load_config({"network": {"hidden": [4], "activation": "tanh"}})
    return Checkpoint(
        network=network,
        optimizer={"velocity": np.arange(len(network.theta), dtype=np.float32)},
        average=None,
        config=config.model_dump(mode="json"),
        epoch=3,
        watches={"best": Watch("val_accuracy", 0.0, 0.75, 2, 1), "early_stopping": None},
        normalization=Normalization(33.25, 78.5),
        image_shape=(2, 3),
        class_names=("a", "b", "c"),
    )


@pytest.fixture
def path(tmp_path):
    return tmp_path / "weights.safetensors"


def rewritten(path, tensors=None, metadata=None):
    """Write a checkpoint again, its hash right, with some tensors or metadata changed."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    old = json.loads(content[8 : 8 + length])["__metadata__"]
    tensors = {**load(content), **(tensors or {})}
    tensors = {name: tensor for name, tensor in tensors.items() if tensor is not None}
    metadata = {**old, **(metadata or {})}
    metadata["sha256"] = checkpoints._digest(tensors, metadata)
    path.write_bytes(save(tensors, metadata))


def test_round_trip(checkpoint, path):
    save_checkpoint(path, checkpoint)
    found = load_checkpoint(path)

    assert np.array_equal(found.network.theta, checkpoint.network.theta)
    assert found.network.theta.dtype == np.float32
    assert np.array_equal(found.optimizer["velocity"], checkpoint.optimizer["velocity"])
    x = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)
    assert np.array_equal(found.network.forward(x), checkpoint.network.forward(x))
    for field in dataclasses.fields(Checkpoint):
        if field.name not in ("network", "optimizer"):
            assert getattr(found, field.name) == getattr(checkpoint, field.name), field.name


def test_an_activation_for_each_hidden_layer(tmp_path):
    config = load_config({"network": {"hidden": [4, 3], "activation": ["gelu", "tanh"]}})
    network = build_network(config, 6, 2)
    path = tmp_path / "weights.safetensors"
    saved = Checkpoint(
        network=network,
        optimizer={},
        average=None,
        config=config.model_dump(mode="json"),
        epoch=1,
        watches={},
        normalization=Normalization(0.0, 1.0),
        image_shape=(2, 3),
        class_names=("a", "b"),
    )
    save_checkpoint(path, saved)
    x = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)
    assert np.array_equal(load_checkpoint(path).network.forward(x), network.forward(x))

    for activation in (["gelu"], ["gelu", "nonsense"], [["gelu"], "tanh"], "nonsense", 3):
        changed = copy.deepcopy(saved.config)
        changed["network"]["activation"] = activation
        save_checkpoint(path, saved)
        rewritten(path, metadata={"config": json.dumps(changed)})
        with pytest.raises(CheckpointError, match="do not describe a network"):
            load_checkpoint(path)


@pytest.mark.parametrize(
    "loss",
    [
        {"name": "nonsense"},
        {"name": "mse", "label_smoothing": 0.1},
        {"name": "cross_entropy", "label_smoothing": 1.5},
        {"name": "cross_entropy", "label_smoothing": "0.1"},
        {},
        "mse",
    ],
)
def test_a_loss_that_there_is_not(checkpoint, path, loss):
    save_checkpoint(path, checkpoint)
    rewritten(path, metadata={"config": json.dumps({**checkpoint.config, "loss": loss})})
    with pytest.raises(CheckpointError, match="do not describe a network"):
        load_checkpoint(path)


def test_names_and_shapes_are_those_of_torch(checkpoint, path):
    save_checkpoint(path, checkpoint)
    tensors = load(path.read_bytes())
    assert {name: tensor.shape for name, tensor in tensors.items()} == {
        "layers.0.weight": (4, 6),
        "layers.0.bias": (4,),
        "layers.1.weight": (3, 4),
        "layers.1.bias": (3,),
        "optimizer.velocity": (43,),
    }
    assert np.array_equal(tensors["layers.0.weight"], checkpoint.network.dense[0].W.T)


def test_the_same_state_gives_the_same_bytes(checkpoint):
    assert to_bytes(checkpoint) == to_bytes(checkpoint)


def test_every_flipped_byte_is_noticed(checkpoint, path):
    content = to_bytes(checkpoint)
    for i in range(len(content)):
        path.write_bytes(content[:i] + bytes([content[i] ^ 1]) + content[i + 1 :])
        with pytest.raises(CheckpointError, match=r"weights\.safetensors: "):
            load_checkpoint(path)


def test_every_truncation_is_noticed(checkpoint, path):
    content = to_bytes(checkpoint)
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        with pytest.raises(CheckpointError, match=r"weights\.safetensors: "):
            load_checkpoint(path)


NAN = np.full(4, np.nan, np.float32)


@pytest.mark.parametrize(
    ("tensors", "reason"),
    [
        ({"layers.0.bias": NAN}, "layers.0.bias has numbers that are not finite"),
        ({"layers.0.bias": None}, r"layers.0.bias: expected shape \(4,\), found None"),
        (
            {"layers.2.bias": np.zeros(1, np.float32)},
            r"layers.2.bias: expected shape None, found \(1,\)",
        ),
        ({"layers.0.weight": np.zeros((6, 4), np.float32)}, r"expected shape \(4, 6\)"),
        ({"layers.0.bias": np.zeros(4)}, "layers.0.bias is float64, not float32"),
        ({"layers.0.bias": np.zeros(4, np.int32)}, "neither float32 nor float64"),
        ({"optimizer.velocity": np.zeros(3, np.float32)}, "velocity"),
        ({"stowaway": np.zeros(3, np.float32)}, "stowaway"),
    ],
)
def test_tensors_that_do_not_fit(checkpoint, path, tensors, reason):
    save_checkpoint(path, checkpoint)
    rewritten(path, tensors)
    with pytest.raises(CheckpointError, match=reason):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({"format_version": "2"}, "or a newer one"),
        ({"format": "other"}, "not a checkpoint of mlpcli"),
        ({"config": "{}"}, "do not describe a network"),
        ({"config": "["}, "do not describe a network"),
        ({"image_shape": "[1000000, 1000000]"}, r"expected shape \(4, 1000000000000\)"),
        ({"progress": "[]"}, "do not describe a network"),
        ({"config": "[" * 200_000}, "do not describe a network"),
        ({"normalization": '{"mean": NaN, "std": 1}'}, "nan"),
        ({"normalization": '{"mean": 0, "std": 0}'}, "std=0"),
        ({"image_shape": "[-2, -3]"}, "-2 in a shape"),
        ({"image_shape": "[0, 3]"}, "tensors"),
        ({"class_names": '["a", "a", "c"]'}, "two classes of one name"),
        ({"class_names": '["a", "b", "\\u001b[2J"]'}, "a class whose name cannot be printed"),
        ({"class_names": '["a", "b", "\\ud800"]'}, "a class whose name cannot be printed"),
    ],
)
def test_metadata_that_does_not_fit(checkpoint, path, metadata, reason):
    save_checkpoint(path, checkpoint)
    rewritten(path, metadata=metadata)
    with pytest.raises(CheckpointError, match=reason):
        load_checkpoint(path)


def test_a_file_of_another_tool(path):
    path.write_bytes(save({"weight": np.zeros(3, np.float32)}))
    with pytest.raises(CheckpointError, match="not a checkpoint of mlpcli"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", r"cut short \(0 bytes\)"),
        (b"\x80\x04K\x01.", "cut short"),
        (b"\x80\x04" + bytes(64), "not a checkpoint"),
        (b"PK\x03\x04" + bytes(64), "not a checkpoint"),
        (b"\xff" * 64, "not a checkpoint"),
        (bytes(64), "not a checkpoint"),
        ((2**24).to_bytes(8, "little") + b"{", r"cut short \(9 of 16,777,224 bytes\)"),
        ((2**24 + 1).to_bytes(8, "little") + b"{", "not a checkpoint"),
        ((6).to_bytes(8, "little") + b'{"a":}', "altered .*header cannot be read"),
        ((14).to_bytes(8, "little") + b'{"\\ud800":"b"}', "altered .*header cannot be read"),
    ],
)
def test_a_file_of_another_kind(path, content, reason):
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=reason):
        load_checkpoint(path)


def with_header(content, change):
    """The same checkpoint, its header changed and its bytes left."""
    length = int.from_bytes(content[:8], "little")
    header = change(content[8 : 8 + length])
    return len(header).to_bytes(8, "little") + header + content[8 + length :]


def test_why_a_file_is_refused(checkpoint, path):
    content = to_bytes(checkpoint)
    shape, lie = b'"shape":[4,6]', b'"shape":[4000000000,6]'
    twice = b'"layers.0.weight":{"data_offsets":[32,128],"dtype":"F32","shape":[6,4]},'
    for damaged, reason in (
        (content[:-1], f"cut short .{len(content) - 1:,} of {len(content):,} bytes"),
        (content + b"!", f"altered .*{len(content) + 1:,} bytes, where {len(content):,}"),
        (content[:-1] + b"!", "altered .*SHA-256"),
        (with_header(content, lambda h: h.replace(shape, lie)), "cut short"),
        (with_header(content, lambda h: b"{" + twice + h[1:]), "altered .*twice"),
        (
            with_header(
                content,
                lambda h: h.replace(b'"format_version":"1"', b'"format_version":"2"').replace(
                    b'"F32"', b'"F16"'
                ),
            ),
            "written in format '2'",
        ),
    ):
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match=reason):
            load_checkpoint(path)


@pytest.mark.skipif(os.name != "posix", reason="needs pipes and files with holes")
def test_what_only_claims_to_be_there_takes_no_memory(checkpoint, path):
    with path.open("wb") as file:
        file.write(to_bytes(checkpoint))
        file.truncate(2**40)
    with pytest.raises(CheckpointError, match="altered"):
        load_checkpoint(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(CheckpointError, match="not an ordinary file"):
        load_checkpoint(path)


def test_no_file(path):
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        load_checkpoint(path)
