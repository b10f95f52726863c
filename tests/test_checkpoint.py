import dataclasses
import io
import json
import os
import tracemalloc
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save

from mlpcli.config.loading import load_config
from mlpcli.data.dataset import Dataset
from mlpcli.data.normalization import Normalization
from mlpcli.errors import CheckpointError, WriteError
from mlpcli.nn.initializers import xavier_normal
from mlpcli.nn.network import MLP
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.storage import checkpoint as checkpoint_module
from mlpcli.storage import tensor_file
from mlpcli.storage.checkpoint import Checkpoint, export, load_checkpoint, save_checkpoint, to_bytes
from mlpcli.training.blocks import Block
from mlpcli.training.building import build_network
from mlpcli.training.metrics import EpochMetrics
from mlpcli.training.progress import Progress
from mlpcli.training.setup import assemble
from mlpcli.training.step import Training

HISTORY = (
    EpochMetrics(1, None, 0.1, 0.1 + 0.2, 1 / 3, 0.5, 0.75),
    EpochMetrics(2, None, 1e-30, 5e-324, 1.0, None, None),
)


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
        running_average=None,
        epoch_start=np.linspace(-1, 1, len(network.theta), dtype=np.float32),
        config=config.model_dump(mode="json"),
        progress=Progress(HISTORY, 12, 8, ((4.0, 1.5, 3.0), (4.0, 0.1, 4.0)), 0.25),
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
    path.write_bytes(tensor_file.to_bytes(tensors, {**old, **(metadata or {})}))


def test_round_trip(checkpoint, path):
    save_checkpoint(path, checkpoint)
    found = load_checkpoint(path)

    assert np.array_equal(found.network.theta, checkpoint.network.theta)
    assert found.network.theta.dtype == np.float32
    assert np.array_equal(found.optimizer["velocity"], checkpoint.optimizer["velocity"])
    assert np.array_equal(found.epoch_start, checkpoint.epoch_start)
    x = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)
    assert np.array_equal(found.network.forward(x), checkpoint.network.forward(x))
    for field in dataclasses.fields(Checkpoint):
        if field.name not in ("network", "optimizer", "epoch_start"):
            assert getattr(found, field.name) == getattr(checkpoint, field.name), field.name


def test_an_activation_for_each_hidden_layer(tmp_path):
    config = load_config({"network": {"hidden": [4, 3], "activation": ["gelu", "tanh"]}})
    network = build_network(config, 6, 2)
    path = tmp_path / "weights.safetensors"
    saved = Checkpoint(
        network=network,
        optimizer={"velocity": np.zeros_like(network.theta)},
        average=None,
        running_average=None,
        epoch_start=None,
        config=config.model_dump(mode="json"),
        progress=Progress(),
        normalization=Normalization(0.0, 1.0),
        image_shape=(2, 3),
        class_names=("a", "b"),
    )
    save_checkpoint(path, saved)
    x = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)
    assert np.array_equal(load_checkpoint(path).network.forward(x), network.forward(x))


WRONG_PARTS: dict[str, list[Any]] = {
    "network.activation": [["tanh"] * 2, ["nonsense"], [["tanh"]], "nonsense", 3],
    "network.dropout": [0.5, None, {"input": "much"}],
    "data.table": [5, "x", {"names": 5}, {"names": {"inputs": 5}}, {"names": {"inputs": ["x"]}}],
    "optimizer.name": ["nonsense", "sgd", None, ["momentum"]],
    "loss.name": ["nonsense", None],
    "loss.label_smoothing": [1.5, "0.1"],
    "loss": [{"name": "mse", "label_smoothing": 0.1}, {}, "mse"],
}


@pytest.mark.parametrize(
    ("key", "value"), [(key, value) for key, values in WRONG_PARTS.items() for value in values]
)
def test_a_config_with_a_part_that_there_is_not(checkpoint, path, key, value):
    section, _, name = key.partition(".")
    changed = {**checkpoint.config[section], name: value} if name else value
    save_checkpoint(path, checkpoint)
    rewritten(path, metadata={"config": json.dumps({**checkpoint.config, section: changed})})
    with pytest.raises(CheckpointError, match="do not describe a network"):
        load_checkpoint(path)


DATA = Dataset(
    np.random.default_rng(0).integers(0, 256, (40, 6), np.uint8),
    np.arange(40) % 3,
    (2, 3),
    ("a", "b", "c"),
)


def trained(optimizer, dtype="float32", batch_norm=True):
    """What a run of two steps saves."""
    averages_itself = OPTIMIZERS[optimizer].evaluated is not None
    config = load_config(
        {
            "dtype": dtype,
            "network": {"hidden": [5, 4], "batch_norm": batch_norm, "dropout": {"hidden": 0.5}},
            "optimizer": {"name": optimizer, "learning_rate": 0.01},
            "training": {
                "averaging": None if averages_itself else {"decay": 0.5},
                "workers": 1,
                "batch_size": 20,
            },
        }
    )
    setup = assemble(config, DATA, None, DATA)
    training = Training(setup)
    with training.workers:
        training.run_block(Block(1, 0, 40))
    return setup, Checkpoint.of(setup, Progress())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_everything_that_a_run_keeps_survives(path, optimizer, dtype):
    setup, saved = trained(optimizer, dtype)
    save_checkpoint(path, saved)
    found = load_checkpoint(path)

    assert found.network.theta.tobytes() == saved.network.theta.tobytes()
    for now, before in (
        (found.average, setup.average),
        (found.running_average, setup.running_average),
    ):
        assert (now is None) == (before is None) == (OPTIMIZERS[optimizer].evaluated is not None)
        assert now is None or now.dtype == dtype
        assert now is None or now.tobytes() == before.tobytes()
    assert found.optimizer.keys() == setup.vectors.keys()
    for name, vector in setup.vectors.items():
        assert vector.any()
        assert found.optimizer[name].dtype == dtype
        assert found.optimizer[name].tobytes() == vector.tobytes()
    for norm, expected in zip(found.network.batch_norms, setup.network.batch_norms, strict=True):
        assert expected.mean.any()
        assert norm.mean.tobytes() == expected.mean.tobytes()
        assert norm.variance.tobytes() == expected.variance.tobytes()

    x = np.random.default_rng(0).normal(size=(5, 6)).astype(dtype)
    expected = setup.for_prediction().forward(x)
    assert np.array_equal(found.for_prediction().forward(x), expected)
    assert np.array_equal(saved.for_prediction().forward(x), expected)
    assert not np.allclose(found.network.for_prediction().forward(x), expected, rtol=1e-4)
    if found.average is None:
        return
    live = found.network.with_parameters(found.average).for_prediction()
    assert not np.allclose(live.forward(x), expected, rtol=1e-4)


@pytest.mark.parametrize("optimizer", ["schedule_free_sgd", "schedule_free_adamw"])
def test_a_schedule_free_optimizer_predicts_by_its_average(path, optimizer):
    """That is x, not the point θ where gradients are taken; an export holds x alone."""
    setup, saved = trained(optimizer, batch_norm=False)
    x = setup.vectors["average"]
    assert not np.allclose(x, setup.network.theta, rtol=1e-6)
    save_checkpoint(path, saved)
    found = load_checkpoint(path)
    for network in (found.for_prediction(), saved.for_prediction(), setup.for_prediction()):
        assert network.theta.tobytes() == x.tobytes()
    assert found.network.theta.tobytes() == setup.network.theta.tobytes()
    save_checkpoint(path, export(found))
    exported = load_checkpoint(path)
    assert exported.for_prediction().theta.tobytes() == x.tobytes()
    assert not exported.optimizer


def test_a_file_without_averaged_running_means_has_the_live_ones(path):
    save_checkpoint(path, trained("adam")[1])
    rewritten(path, {"average.running_mean": None, "average.running_var": None})
    found = load_checkpoint(path)
    assert np.array_equal(found.running_average, found.network.running)
    x = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)
    expected = found.network.with_parameters(found.average).for_prediction().forward(x)
    assert np.array_equal(found.for_prediction().forward(x), expected)


def test_names_and_shapes_of_batch_normalisation_are_those_of_torch(path):
    _, saved = trained("adam")
    save_checkpoint(path, saved)
    tensors = load(path.read_bytes())
    parameters = 6 * 5 + 5 * 4 + 4 * 3 + 5 + 4 + 3 + 2 * (5 + 4)
    shapes = {name: tensor.shape for name, tensor in tensors.items() if name[:6] != "layers"}
    assert shapes == {
        **{
            f"norms.{i}.{name}": (width,)
            for i, width in enumerate((5, 4))
            for name in ("weight", "bias", "running_mean", "running_var")
        },
        "optimizer.mean": (parameters,),
        "optimizer.square_mean": (parameters,),
        "average": (parameters,),
        "average.running_mean": (5 + 4,),
        "average.running_var": (5 + 4,),
    }
    norm = saved.network.batch_norms[1]
    assert np.array_equal(tensors["norms.1.weight"], norm.gamma)
    assert np.array_equal(tensors["norms.1.bias"], norm.beta)


@pytest.mark.parametrize(
    ("tensors", "reason"),
    [
        ({"norms.0.running_var": None}, r"norms.0.running_var: expected shape \(5,\), found None"),
        ({"norms.1.weight": None}, r"norms.1.weight: expected shape \(4,\), found None"),
        ({"norms.1.running_mean": np.zeros(5, np.float32)}, r"expected shape \(4,\)"),
        ({"norms.2.bias": np.zeros(3, np.float32)}, r"norms.2.bias: expected shape None"),
        ({"norms.0.running_var": np.ones(5)}, "norms.0.running_var is float64, not float32"),
        (
            {"norms.0.running_var": np.array([1, 1, -1e-9, 1, 1], np.float32)},
            "norms.0.running_var has negative numbers",
        ),
        ({"norms.0.running_mean": np.full(5, np.inf, np.float32)}, "not finite"),
        (
            {"optimizer.square_mean": np.full(92, -1, np.float32)},
            "square_mean has negative numbers",
        ),
        ({"optimizer.square_mean": None}, r"square_mean: expected shape \(92,\), found None"),
        ({"optimizer.velocity": np.zeros(92, np.float32)}, "velocity: expected shape None"),
        ({"epoch_start": np.zeros(92, np.float32)}, "epoch_start: expected shape None"),
        ({"average": None}, r"average: expected shape \(\d+,\), found None"),
        ({"average": np.zeros(3, np.float32)}, r"average: expected shape \(\d+,\), found \(3,\)"),
        (
            {"average.running_mean": None},
            r"average.running_mean: expected shape \(9,\), found None",
        ),
        ({"average.running_var": np.ones(5, np.float32)}, r"running_var: expected shape \(9,\)"),
        ({"average.running_mean": np.zeros(9)}, "average.running_mean is float64, not float32"),
        ({"average.running_mean": np.full(9, np.nan, np.float32)}, "not finite"),
        (
            {"average.running_var": np.full(9, -1e-9, np.float32)},
            "average.running_var has negative numbers",
        ),
    ],
)
def test_norms_and_averages_that_do_not_fit(path, tensors, reason):
    save_checkpoint(path, trained("adam")[1])
    rewritten(path, tensors)
    with pytest.raises(CheckpointError, match=reason):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("section", "change"), [("network", {"batch_norm": False}), ("training", {"averaging": None})]
)
def test_a_config_that_does_not_know_of_the_tensors(path, section, change):
    _, saved = trained("adam")
    save_checkpoint(path, saved)
    config = {**saved.config, section: {**saved.config[section], **change}}
    rewritten(path, metadata={"config": json.dumps(config)})
    with pytest.raises(CheckpointError, match="expected shape"):
        load_checkpoint(path)


def test_weights_that_grow_too_large_in_folding_warn_of_nothing(path):
    _, saved = trained("adam")
    save_checkpoint(path, saved)
    tensors = {f"norms.0.{name}": np.full(5, 3e38, np.float32) for name in ("weight", "bias")}
    tensors["average.running_var"] = np.zeros(9, np.float32)
    tensors["average"] = np.full_like(saved.average, 3e38)
    rewritten(path, tensors)
    load_checkpoint(path).for_prediction()


def test_names_and_shapes_are_those_of_torch(checkpoint, path):
    save_checkpoint(path, checkpoint)
    tensors = load(path.read_bytes())
    assert {name: tensor.shape for name, tensor in tensors.items()} == {
        "layers.0.weight": (4, 6),
        "layers.0.bias": (4,),
        "layers.1.weight": (3, 4),
        "layers.1.bias": (3,),
        "optimizer.velocity": (43,),
        "epoch_start": (43,),
    }
    assert np.array_equal(tensors["layers.0.weight"], checkpoint.network.dense[0].W.T)


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
        ({"optimizer.velocity": np.zeros(3, np.float32)}, "velocity"),
        ({"epoch_start": None}, r"epoch_start: expected shape \(43,\), found None"),
        ({"epoch_start": NAN}, r"epoch_start: expected shape \(43,\), found \(4,\)"),
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
        ({"image_shape": "[1000000, 1000000]"}, r"expected shape \(4000000000019,\)"),
        ({"progress": "[]"}, "do not describe a network"),
        ({"progress": '{"history": [], "steps": -1}'}, "-1 where a count"),
        ({"progress": '{"history": [[1, 1, 1, 1]], "steps": 1}'}, "shorter"),
        ({"progress": '{"history": [[1, 1, 1, null, NaN]], "steps": 1}'}, "nan where a number"),
        ({"progress": '{"history": [[1, null, 1, 1, 1]], "steps": 1}'}, "None where a number"),
        ({"progress": '{"history": [], "steps": 1, "examples": 5}'}, "sums"),
        ({"config": "[" * 200_000}, "do not describe a network"),
        ({"normalization": '{"mean": NaN, "std": 1}'}, "nan"),
        ({"normalization": '{"mean": 0, "std": 0}'}, "a std of 0"),
        ({"image_shape": "[-2, -3]"}, "-2 in a shape"),
        ({"image_shape": "[0, 3]"}, "tensors"),
        ({"class_names": '["a", "a", "c"]'}, "a different name for each class"),
        ({"class_names": '["a", "b", "\\u001b[2J"]'}, "names .* printable"),
        ({"class_names": '["a", "b", "\\ud800"]'}, "names .* printable"),
    ],
)
def test_metadata_that_does_not_fit(checkpoint, path, metadata, reason):
    save_checkpoint(path, checkpoint)
    rewritten(path, metadata=metadata)
    with pytest.raises(CheckpointError, match=reason):
        load_checkpoint(path)


def test_metadata_that_cannot_be_encoded(checkpoint, path):
    save_checkpoint(path, checkpoint)
    rewritten(path, metadata={"stray": "\ud800"})
    assert load_checkpoint(path).progress == checkpoint.progress


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
        ((14).to_bytes(8, "little") + b'{"\\ud800":"b"}', "not a checkpoint"),
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


def with_metadata_in_pairs(header):
    """A header whose metadata are a list of pairs; one key among them is a number."""
    entries = json.loads(header)
    entries["__metadata__"] = [*entries["__metadata__"].items(), (1, "")]
    return json.dumps(entries).encode()


def test_why_a_file_is_refused(checkpoint, path):
    content = to_bytes(checkpoint)
    shape, lie = b'"shape":[4,6]', b'"shape":[4000000000,6]'
    twice = b'"layers.0.weight":{"data_offsets":[32,128],"dtype":"F32","shape":[6,4]},'
    for damaged, reason in (
        (content[:-1], f"cut short .{len(content) - 1:,} of {len(content):,} bytes"),
        (content + b"!", f"altered .*{len(content) + 1:,} bytes, but .* {len(content):,}"),
        (content[:-1] + b"!", "altered .*SHA-256"),
        (with_header(content, lambda h: h.replace(shape, lie)), "cut short"),
        (with_header(content, lambda h: b"{" + twice + h[1:]), "altered .*twice"),
        (with_header(content, with_metadata_in_pairs), "altered .*header cannot be read"),
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


def test_a_file_takes_no_more_memory_than_it_has_bytes(checkpoint, path):
    config = load_config({"network": {"hidden": [4096]}, "optimizer": {"name": "sgd"}})
    large = dataclasses.replace(
        checkpoint,
        network=MLP((784, 4096, 3), "relu"),
        optimizer={},
        epoch_start=None,
        progress=Progress(),
        config=config.model_dump(mode="json"),
        image_shape=(28, 28),
    )
    content = to_bytes(large)
    size, larger = b'"shape":[4096,784]', b'"shape":[4097,784]'
    for damaged, most in (
        (content[:-1] + b"!", 1.5 * len(content)),  # read, and then refused by its SHA-256
        (with_header(content, lambda h: h.replace(size, larger)), 100_000),
    ):
        path.write_bytes(damaged)
        tracemalloc.start()
        with pytest.raises(CheckpointError, match=r"altered|cut short"):
            load_checkpoint(path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < most


def test_a_file_that_changes_while_it_is_read(checkpoint, path, monkeypatch):
    """What was hashed is what is used."""
    save_checkpoint(path, checkpoint)
    length = 8 + int.from_bytes(path.read_bytes()[:8], "little")
    tensors = load(path.read_bytes())

    seen: set[int] = set()

    class Changing(io.FileIO):
        """Each byte of a tensor is another when it is read again."""

        def read(self, size=-1):
            buffer = bytearray(size if size >= 0 else 10**6)
            return bytes(buffer[: self.readinto(buffer)])

        def readinto(self, buffer):
            start, count = self.tell(), super().readinto(buffer)
            view = memoryview(buffer).cast("B")
            for i in range(count):
                view[i] ^= start + i in seen
            seen.update(range(max(start, length), start + count))
            return count

    monkeypatch.setattr(checkpoint_module, "open_ordinary", Changing)
    found = load_checkpoint(path)
    assert seen == set(range(length, path.stat().st_size))
    assert np.array_equal(found.network.dense[0].W.T, tensors["layers.0.weight"])
    assert np.array_equal(found.network.theta, checkpoint.network.theta)


def test_a_tensor_of_another_type(checkpoint, path):
    content = to_bytes(checkpoint)
    path.write_bytes(with_header(content, lambda h: h.replace(b'"F32"', b'"I32"', 1)))
    with pytest.raises(CheckpointError, match="neither float16, float32 nor float64"):
        load_checkpoint(path)


def test_a_history_that_is_too_long(checkpoint, monkeypatch):
    monkeypatch.setattr(tensor_file, "MAX_HEADER", 1000)
    with pytest.raises(WriteError, match="train fewer epochs"):
        to_bytes(checkpoint)


@pytest.mark.parametrize("dtype", ["S4", "int32", "complex64", "float16", None])
def test_a_config_of_a_type_that_no_network_has(checkpoint, path, dtype):
    small = dataclasses.replace(export(checkpoint), config={**checkpoint.config, "dtype": dtype})
    path.write_bytes(to_bytes(small, np.dtype(np.float16)))
    with pytest.raises(CheckpointError, match=f"a dtype of {dtype!r}"):
        load_checkpoint(path)


@pytest.mark.parametrize("shape", [[10**3000, 10**3000], [2**60], [2**47] * 400])
def test_a_header_of_enormous_shapes(checkpoint, path, shape):
    save_checkpoint(path, checkpoint)
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header["layers.0.bias"]["shape"] = shape
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + length :])
    with pytest.raises(CheckpointError, match="header cannot be read"):
        load_checkpoint(path)


def test_no_file(path):
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        load_checkpoint(path)


def test_the_same_state_gives_the_same_bytes(checkpoint):
    assert to_bytes(checkpoint) == to_bytes(checkpoint)
