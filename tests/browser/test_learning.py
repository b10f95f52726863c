"""What a page shows of the way back, and of a step, is what `mlpcli explain` prints."""

import json

import numpy as np
import pytest
from helpers.pages import STROKES
from helpers.processes import in_process
from PIL import Image

import mlpcli
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.page.page import make_page

LABEL = 8


def explained(path, checkpoint, label):
    options = ("--label", label, "--format", "json")
    done = in_process("explain", checkpoint, path, *options, cwd=path.parent)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def explained_three(opened_for_all, boxed, tmp_path_factory):
    """A page with a 3 that should be an 8, and what is explained of the same pixels."""
    page = opened_for_all(boxed)
    page.draw(STROKES["3"])
    page.page.locator(f"#classes input[value='{LABEL}']").check()
    path = tmp_path_factory.mktemp("explained") / "three.png"
    Image.fromarray(page.pixels).save(path)
    return page, explained(path, "boxed", str(LABEL))


@pytest.fixture
def taught(explained_three):
    """The same before any step."""
    page, _ = explained_three
    page.page.locator("#reset").click()
    assert page.run("mlpcli.page.steps") == 0
    return explained_three


def test_the_same_pixels_are_seen(taught):
    page, facts = taught
    assert page.pixels.tolist() == facts["pixels"]


def test_forward_and_back_of_each_layer(taught):
    page, facts = taught
    for i, layer in enumerate(facts["layers"]):
        for name, where in (("z", "traced"), ("a", "traced"), ("delta", "back")):
            found = page.array(f"mlpcli.page.{where}.layers[{i}].{name}")
            np.testing.assert_allclose(found, layer[name], rtol=1e-4, atol=1e-4)
    shown = page.page.locator("#gradients table >> nth=0 >> td:last-child").all_inner_texts()
    expected = [layer["gradient_norm"] for layer in facts["layers"]]
    np.testing.assert_allclose([float(each) for each in shown], expected, rtol=1e-3, atol=1e-4)


def test_what_each_output_should_do(taught):
    page, facts = taught
    rows = page.page.locator("#arrows tbody tr").all_inner_texts()
    for row, (name, wanted) in zip(rows, facts["prediction_minus_target"].items(), strict=True):
        cells = row.split("\t")
        assert cells[0] == name
        assert float(cells[3].replace("−", "-")) == pytest.approx(wanted, abs=1e-4)
    arrows = page.page.locator("#arrows polygon")
    moved = [each for each in facts["prediction_minus_target"].values() if abs(each) > 0.01]
    assert arrows.count() == len(moved)
    classes = [arrows.nth(i).get_attribute("class") for i in range(arrows.count())]
    assert classes == ["head minus" if each > 0 else "head plus" for each in moved]
    axis = float(page.page.locator("#arrows .axis").get_attribute("y1"))
    for i, wrong in enumerate(moved):
        tip = float(arrows.nth(i).get_attribute("points").split()[0].split(",")[1])
        assert tip - axis == pytest.approx(70 * wrong, abs=0.1)  # down the window is up in y


def test_one_step(taught):
    page, facts = taught
    page.page.locator("#one-step").click()
    after = list(facts["probabilities_after"].values())
    before = list(facts["probabilities"].values())
    shown = page.page.locator("#before-after td.value").all_inner_texts()
    assert shown[::2] == [f"{100 * p:.2f} %" for p in before]
    numbers = [float(each.split()[0]) / 100 for each in shown[1::2]]
    np.testing.assert_allclose(numbers, after, atol=1e-4)
    loss = page.run("mlpcli.page.network.loss.value(mlpcli.page.traced.output, mlpcli.page.target)")
    assert loss == pytest.approx(facts["loss_after"], abs=1e-4)
    assert page.text("#steps-taken").startswith("Steps on this image: 1.")


def test_weights_that_change_most(taught):
    page, facts = taught
    rows = page.page.locator("#gradients table >> nth=1 >> tbody tr").all_inner_texts()
    found = [row.split("\t") for row in rows]
    expected = facts["weight_changes"]
    assert [row[0] for row in found] == [f"unit {each['unit']}" for each in expected]
    assert [row[2] for row in found] == [each["class_name"] for each in expected]
    changes = [float(row[3].replace("−", "-")) for row in found]
    np.testing.assert_allclose(changes, [each["change"] for each in expected], rtol=1e-2)


def test_pixels_that_speak_for_the_class(taught):
    page, facts = taught
    script = """() => {
        const { network, traced, target, facts } = mlpcli.page;
        const p = network.loss.prediction(traced.output);
        return Array.from(network.sendBack(traced, target.map((t, j) => t - p[j])).dx);
    }"""
    found = np.array(page.run(script)).reshape(28, 28)
    np.testing.assert_allclose(found, facts["for_the_label"], atol=1e-4)
    largest = np.abs(facts["for_the_label"]).max()
    assert f"The strongest is {largest:.4f}" in page.text("#evidence")


def test_ten_steps_and_reset(taught):
    page, _ = taught
    started = page.probabilities
    page.page.locator("#ten-steps").click()
    assert page.run("mlpcli.page.steps") == 10
    assert page.probabilities.argmax() == LABEL
    assert page.text("#answer").startswith("8 (")
    page.page.locator("#reset").click()
    np.testing.assert_array_equal(page.probabilities, started)
    page.page.locator("#rate").fill("1")
    page.page.locator("#ten-steps").click()
    page.page.locator("#ten-steps").click()
    assert page.run("mlpcli.page.learningRate") == pytest.approx(10)


def test_numbers_that_leave_their_range_are_said(taught):
    page, _ = taught
    page.run("mlpcli.page.learningRate = 1e200")
    page.page.locator("#ten-steps").click()
    assert "η is too large" in page.text("#steps-taken")
    assert "η is too large" in page.text("#answer")
    assert "η is too large" in page.text("#evidence")
    errors = page.page.locator("#errors .hint").all_inner_texts()
    assert "Errors of layer 1; they are no longer finite." in errors
    assert not any("NaN" in each or "Infinity" in each for each in errors)
    page.page.locator("#reset").click()
    assert page.text("#answer").startswith("3 (")


CONFIGS = {
    **{name: [f"network.activation={name}"] for name in ACTIVATIONS},
    "each its own": ["network.hidden=[7, 5]", "network.activation=[relu, tanh]"],
    "no hidden layer": ["network.hidden=[]"],
    "batch normalisation": ["network.batch_norm=true", "network.dropout.hidden=0.3"],
    "averages": ["training.averaging.decay=0.9"],
    "label smoothing": ["loss.label_smoothing=0.1"],
    "binary cross-entropy": ["loss=binary_cross_entropy"],
    "squared error": ["loss=mse", "network.output_activation=sigmoid"],
    "quadratic": ["loss=quadratic", "network.output_activation=tanh"],
    "Brier": ["loss=brier"],
    "perceptron": ["loss=perceptron"],
    "upright": ["data.deslant=true"],
    "one width": ["data.digit_width=3", "data.interpolation=bicubic"],
    "upright and one width": ["data.deslant=true", "data.digit_width=4"],
}


@pytest.mark.parametrize("overrides", CONFIGS.values(), ids=CONFIGS)
def test_every_kind_of_network(opened, bars, tmp_path, overrides):
    config = mlpcli.load_config(bars, overrides=[*overrides, "training.epochs=1"])
    run = mlpcli.train(config, runs_dir=tmp_path / "runs")
    path = tmp_path / "page.html"
    path.write_text(make_page(run.folder), encoding="utf-8")
    page, model = opened(path), run.load_model()
    tests = page.page.locator(".test")
    images = page.array("mlpcli.page.tests.images").reshape(-1, 30).astype(np.uint8)
    for number in range(0, tests.count(), 4):
        tests.nth(number).click()
        assert np.array_equal(page.pixels.ravel(), model.seen(images[number])[0])
        expected = model.predict_proba(images[number])[0]
        np.testing.assert_allclose(page.probabilities, expected, atol=2e-3)
    x, t = page.array("mlpcli.page.traced.x"), page.array("mlpcli.page.target")
    check_gradient(page, x, t)
    page.page.locator("#one-step").click()
    page.run("""() => {
        for (let stage = 0; stage < mlpcli.page.views[2].count; stage++) {
            document.getElementById("next-stage").click();
        }
    }""")


def check_gradient(page, x, t):
    """Compare the page's gradient with centred differences of its own loss."""
    script = """([x, t]) => {
        const { network } = mlpcli.page;
        const exact = network.copy();
        exact.layers.forEach((layer) => {
            layer.W = Float64Array.from(layer.W);
            layer.b = Float64Array.from(layer.b);
        });
        const loss = () => exact.loss.value(exact.forward(x).output, t);
        const traced = exact.forward(x);
        const back = exact.backward(traced, t);
        let worst = 0;
        exact.layers.forEach(({ W, nOut }, l) => {
            for (let k = 0; k < W.length; k += 1 + Math.floor(W.length / 20)) {
                const own = W[k];
                W[k] = own + 1e-5;
                const above = loss();
                W[k] = own - 1e-5;
                const below = loss();
                W[k] = own;
                const [i, j] = [Math.floor(k / nOut), k % nOut];
                const slope = traced.layers[l].aIn[i] * back.layers[l].delta[j];
                worst = Math.max(worst, Math.abs((above - below) / 2e-5 - slope));
            }
        });
        return worst;
    }"""
    assert page.run(script, [x.tolist(), t.tolist()]) < 1e-6
