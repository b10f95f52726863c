"""What ONNX Runtime makes of an exported network is what mlpcli makes of it."""

import dataclasses
import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from helpers.digits import CLASSES, HEIGHT, WIDTH, bars_dataset

import mlpcli
from mlpcli.data import synthetic
from mlpcli.data.dataset import Dataset, numbered
from mlpcli.data.loading import DataLoader
from mlpcli.data.no_digits import no_digits
from mlpcli.data.shaping import Shaping
from mlpcli.errors import CheckpointError
from mlpcli.inference.evaluate_checkpoints import evaluate_checkpoints
from mlpcli.inference.exporting import npz
from mlpcli.inference.exporting.exported import load_exported
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import MLP
from mlpcli.reporting import Reporter
from mlpcli.storage import checkpoint as checkpoints
from mlpcli.storage.checkpoint import export, load_checkpoint, save_checkpoint

onnx = pytest.importorskip("onnx", reason="the package onnx is not installed")
ort = pytest.importorskip("onnxruntime", reason="the package onnxruntime is not installed")

from mlpcli.inference.exporting import onnx_functions, onnx_graph, onnx_model, onnx_shaping  # noqa: E402

SHARED_MNIST = Path(__file__).parents[1].parent / "shared" / "mnist"
IMAGES, _ = bars_dataset(60, 1)
HALF = np.dtype(np.float16)
CPU = ["CPUExecutionProvider"]


def outputs(content, given, name="images"):
    """Check a model; return its outputs by their names, as ONNX Runtime computes them."""
    onnx.checker.check_model(content, full_check=True)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(content, options, providers=CPU)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {name: given}), strict=True))


def assert_agree(found, model, images):
    np.testing.assert_array_equal(found["predictions"], model.predict(images))
    expected = model.predict_proba(images)
    assert found["probabilities"].dtype == expected.dtype
    np.testing.assert_allclose(found["probabilities"], expected, atol=1e-5, rtol=0)


@pytest.fixture
def variant(finished, tmp_path):
    """`variant(...)`: the path of a network for the bars with parameters that are drawn."""

    def make(activation="relu", loss="cross_entropy", dtype="float32", temperature=1.0, **data):
        checkpoint = load_checkpoint(finished.folder / "weights" / "best.safetensors")
        config = checkpoint.config
        network = {**config["network"], "activation": activation, "hidden": [8, 7]}
        config = {**config, "network": network, "loss": {"name": loss}, "dtype": dtype}
        config["data"] = {**config["data"], **data}
        mlp = MLP((HEIGHT * WIDTH, 8, 7, CLASSES), activation, dtype=dtype)
        mlp.theta[...] = np.random.default_rng(3).normal(0, 0.5, len(mlp.theta))
        changed = dataclasses.replace(
            checkpoint, network=mlp, config=config, temperature=temperature
        )
        path = tmp_path / "variant.safetensors"
        save_checkpoint(path, export(changed))
        return path

    return make


def assert_exports(path):
    content = onnx_model.to_bytes(load_exported(path))
    assert_agree(outputs(content, IMAGES), mlpcli.load_model(path), IMAGES)


@pytest.mark.skipif(not SHARED_MNIST.is_dir(), reason="../shared/mnist is absent")
def test_ten_thousand_images_of_mnist(monkeypatch, tmp_path):
    monkeypatch.setenv("MLPCLI_MIRROR", str(SHARED_MNIST))
    config = mlpcli.load_config("mnist")
    test = DataLoader(config.data, 0, tmp_path, Reporter()).test(numbered(10))
    assert len(test) == 10_000
    found = outputs(
        onnx_model.to_bytes(load_exported(Path("boxed"))), test.images.reshape(-1, 28, 28)
    )
    assert_agree(found, mlpcli.load_model("boxed"), test.images)


def test_what_is_no_digit_has_a_probability_of_its_own():
    images, labels = synthetic.draw(1, range(50))
    letters = no_digits(Dataset(images, labels, (28, 28), numbered(10)), 50, seed=1)
    given = np.concatenate([images, letters.images])
    content = onnx_model.to_bytes(load_exported(Path("boxed")))
    found, model = outputs(content, given.reshape(-1, 28, 28)), mlpcli.load_model("boxed")
    assert_agree(found, model, given)
    _, expected = model.judge(given)
    np.testing.assert_allclose(found["no_digit"], expected, atol=1e-5, rtol=0)
    assert found["no_digit"][:50].mean() < 0.1 < 0.5 < found["no_digit"][50:].mean()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation(activation, dtype, variant):
    assert_exports(variant(activation, dtype=dtype))


def test_an_activation_for_each_layer(variant):
    assert_exports(variant(["tanh", "gelu"]))


@pytest.mark.parametrize("temperature", [1.0, 2.5])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_and_a_temperature(loss, dtype, temperature, variant):
    assert_exports(variant("tanh", loss, dtype, temperature))


def test_what_has_a_form_in_numpy_has_one_in_onnx():
    assert onnx_functions.ACTIVATIONS.keys() == ACTIVATIONS.keys()
    assert onnx_functions.PROBABILITIES.keys() == LOSSES.keys()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_far_from_zero(name):
    z = np.array([[-1e4, -90, -3, -1e-4, 0, 1e-4, 0.7, 90, 1e4]], np.float32)
    expected = np.empty_like(z)
    ACTIVATIONS[name].value(z, expected)
    graph = onnx_graph.Graph()
    given = onnx_graph.Value(graph, "z", z.dtype)
    found = run_graph(graph, given, onnx_functions.ACTIVATIONS[name](given * 1.0), z)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def run_graph(graph, given, result, array):
    """What ONNX Runtime computes as `result` of `array`."""
    code = onnx.helper.np_dtype_to_tensor_dtype(result.dtype)
    model = onnx.helper.make_model(
        onnx.helper.make_graph(
            graph.nodes,
            "test",
            [given.info(("N", *array.shape[1:]))],
            [onnx.helper.make_tensor_value_info(result.name, code, None)],
            [*graph.constants.values()],
        ),
        opset_imports=[onnx.helper.make_opsetid("", onnx_model.OPSET)],
        ir_version=onnx_model.IR_VERSION,
    )
    session = ort.InferenceSession(model.SerializeToString(), providers=CPU)
    return session.run(None, {given.name: array})[0]


@pytest.mark.parametrize("loss", ["mse", "quadratic"])
def test_outputs_that_are_all_negative_leave_every_class_as_probable(loss, variant):
    path = variant("relu", loss)
    checkpoint = load_checkpoint(path)
    checkpoint.network.dense[-1].W[...] *= 1e-3
    checkpoint.network.dense[-1].b[...] = [-3, -1, -2]
    save_checkpoint(path, checkpoint)
    found = outputs(onnx_model.to_bytes(load_exported(path)), IMAGES)
    assert set(found["predictions"]) == {1}
    assert found["probabilities"] == pytest.approx(1 / 3)


def test_batch_normalisation_and_averaged_parameters_are_folded_in(bars, tmp_path):
    settings = ["network.batch_norm=true", "training.averaging={}", "network.dropout.hidden=0.2"]
    run = mlpcli.train(mlpcli.load_config(bars, overrides=settings), runs_dir=tmp_path / "runs")
    content = onnx_model.to_bytes(load_exported(run.folder))
    assert_agree(outputs(content, IMAGES), run.load_model(), IMAGES)
    names = {constant.name for constant in onnx.load_from_string(content).graph.initializer}
    layers = {f"layers.{i}.{kind}" for i in range(2) for kind in ("weight", "bias")}
    assert {name for name in names if not name.startswith("constant_")} == layers


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize(
    "changes",
    [{"deslant": True}, {"digit_width": 14}, {"deslant": True, "digit_width": 9.5}],
    ids=str,
)
@pytest.mark.parametrize("kind", ["digits", "noise"])
def test_digits_are_shaped_to_the_same_bytes(changes, interpolation, kind):
    if kind == "digits":
        images = synthetic.draw(1, range(300))[0].reshape(-1, 28, 28)
        images[0] = 0
        images[1, :14] = images[1, 15:] = 0  # all ink in one row
        images[2] = 0
        images[2, 13, :10] = images[2, 14, 18:] = 255  # leans more than any digit
    else:
        images = np.random.default_rng(0).integers(0, 256, (50, 9, 17), dtype=np.uint8)
    shaping = Shaping(**changes, interpolation=interpolation)
    n, height, width = images.shape
    shape = (height, width)
    dataset = Dataset(images.reshape(n, -1), np.zeros(n, np.intp), shape, numbered(1))
    graph = onnx_graph.Graph()
    given = onnx_graph.Value(graph, "images", images.dtype)
    found = run_graph(graph, given, onnx_shaping.shaped(given, shaping, shape), images)
    expected = shaping.apply(dataset).images.reshape(images.shape)
    assert not np.array_equal(expected, images)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("flat", [False, True])
def test_a_network_that_shapes_its_images(flat, variant):
    path = variant(deslant=True, digit_width=3)
    content = onnx_model.to_bytes(load_exported(path), flat=flat)
    images = IMAGES.reshape(60, -1) if flat else IMAGES
    model = mlpcli.load_model(path)
    assert_agree(outputs(content, images), model, IMAGES)
    plain = mlpcli.load_model(variant())
    assert not np.allclose(plain.predict_proba(IMAGES), model.predict_proba(IMAGES), atol=1e-3)


@pytest.mark.parametrize("name", ["square", "sine"])
def test_a_regression(name, tmp_path):
    config = mlpcli.load_config(f"examples/{name}", overrides=["training.epochs=5"])
    run = mlpcli.train(config, runs_dir=tmp_path)
    test = DataLoader(config.data, config.seed, tmp_path, Reporter()).test(numbered(1))
    found = outputs(onnx_model.to_bytes(load_exported(run.folder)), test.images, "inputs")
    assert found.keys() == {"outputs"}
    expected = evaluate_checkpoints(run.folder).outputs
    assert np.ptp(expected) > 0
    np.testing.assert_allclose(found["outputs"], expected, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_standardised_table(dtype, tmp_path):
    table = {
        "inputs": [[50, 1], [70, 2], [120, 3], [200, 5]],
        "targets": [[150, 1], [210, 2], [350, 2], [560, 4]],
    }
    settings = {
        "data": {"dataset": "table", "table": table, "normalization": "standardize"},
        "network": {"hidden": [5], "activation": "tanh"},
        "loss": "mse",
        "training": {"epochs": 20, "pictures": False},
        "dtype": dtype,
    }
    run = mlpcli.train(mlpcli.load_config(settings), runs_dir=tmp_path)
    inputs = np.array([[120, 3], [90, 4]], dtype)
    exported = load_exported(run.folder)
    found = outputs(onnx_model.to_bytes(exported), inputs, "inputs")["outputs"]
    expected = run.load_model().predict(inputs)
    assert np.ptp(expected[:, 0]) > 10
    np.testing.assert_allclose(found, expected, rtol=1e-5 if dtype == "float32" else 1e-12)
    arrays = np.load(io.BytesIO(npz.to_bytes(exported)))
    a = (inputs - arrays["mean"]) / arrays["std"]
    a = np.tanh(a @ arrays["layers.0.weight"].T + arrays["layers.0.bias"])
    z = a @ arrays["layers.1.weight"].T + arrays["layers.1.bias"]
    by_hand = z * arrays["target_std"] + arrays["target_mean"]
    np.testing.assert_allclose(by_hand, expected, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_table_with_classes(dtype, tmp_path):
    table = {"inputs": [[0, 0], [0, 1], [1, 0], [1, 1]], "labels": [0, 1, 1, 0]}
    settings = {
        "data": {"dataset": "table", "table": table, "validation": 0, "normalization": "none"},
        "network": {"hidden": [5], "activation": "tanh"},
        "training": {"epochs": 20, "pictures": False},
        "dtype": dtype,
    }
    run = mlpcli.train(mlpcli.load_config(settings), runs_dir=tmp_path)
    inputs = np.array(table["inputs"], dtype)
    found = outputs(onnx_model.to_bytes(load_exported(run.folder)), inputs, "inputs")
    expected = evaluate_checkpoints(run.folder)
    np.testing.assert_array_equal(found["predictions"], expected.predictions)
    np.testing.assert_allclose(found["probabilities"], expected.probabilities, atol=1e-6)


def test_float16_halves_the_file_and_answers_as_half_a_checkpoint(variant, tmp_path):
    exported = load_exported(variant("tanh"))
    whole, half = onnx_model.to_bytes(exported), onnx_model.to_bytes(exported, HALF)
    n = len(exported.network.theta)
    assert len(whole) - len(half) == pytest.approx(2 * n, abs=500)
    path = tmp_path / "half.safetensors"
    path.write_bytes(checkpoints.to_bytes(exported.checkpoint, HALF))
    assert_agree(outputs(half, IMAGES), mlpcli.load_model(path), IMAGES)


def test_what_a_model_says_of_itself(variant):
    path = variant(temperature=1.5)
    content = onnx_model.to_bytes(load_exported(path))
    assert content == onnx_model.to_bytes(load_exported(path))
    model = onnx.load_from_string(content)
    assert (model.producer_name, model.producer_version) == ("mlpcli", mlpcli.__version__)
    facts = {each.key: each.value for each in model.metadata_props}
    assert facts["checkpoint_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert tuple(json.loads(facts["class_names"])) == mlpcli.load_model(path).class_names
    session = ort.InferenceSession(content, providers=CPU)
    (given,) = session.get_inputs()
    assert (given.name, given.type, given.shape) == ("images", "tensor(uint8)", ["N", 6, 5])
    told = [(each.name, each.type, each.shape) for each in session.get_outputs()]
    assert told == [
        ("probabilities", "tensor(float)", ["N", 3]),
        ("predictions", "tensor(int64)", ["N"]),
    ]


@pytest.mark.parametrize("n", [0, 1])
def test_any_number_of_images(n, variant):
    found = outputs(onnx_model.to_bytes(load_exported(variant())), IMAGES[:n])
    assert found["probabilities"].shape == (n, CLASSES)
    assert found["predictions"].shape == (n,)


def test_class_names_of_any_language(bars, tmp_path):
    names = '["kreis ○", "方", "\\"a\\""]'
    run = mlpcli.train(
        mlpcli.load_config(bars, overrides=[f"data.class_names={names}"]), runs_dir=tmp_path
    )
    model = onnx.load_from_string(onnx_model.to_bytes(load_exported(run.folder)))
    facts = {each.key: each.value for each in model.metadata_props}
    assert json.loads(facts["class_names"]) == json.loads(names)


def test_a_network_too_large_for_such_a_file(variant, monkeypatch):
    exported = load_exported(variant())
    monkeypatch.setattr(onnx_model, "LARGEST", 1000)
    with pytest.raises(CheckpointError, match=r"1,340 bytes, and an .onnx file holds at most"):
        onnx_model.to_bytes(exported)
    onnx_model.to_bytes(exported, HALF)


def test_an_activation_without_a_form_in_onnx(variant, monkeypatch):
    exported = load_exported(variant("silu"))
    monkeypatch.delitem(onnx_functions.ACTIVATIONS, "silu")
    with pytest.raises(CheckpointError, match="no form in ONNX of the activation silu"):
        onnx_model.to_bytes(exported)
