"""Small networks train in the page as `mlpcli train` trains them."""

import numpy as np
import pytest

import mlpcli
from mlpcli.page.page import make_page

STEPS = 60


@pytest.fixture(scope="module")
def xor(tmp_path_factory):
    """The page of a run on the table of exclusive or."""
    folder = tmp_path_factory.mktemp("xor")
    run = mlpcli.train(mlpcli.load_config("examples/xor"), runs_dir=folder / "runs")
    path = folder / "page.html"
    path.write_text(make_page(run.folder), encoding="utf-8")
    return run, path


@pytest.mark.parametrize("name", ["worked_3_2_3", "xor", "square"])
def test_training_has_the_losses_of_a_run(opened, boxed, tmp_path, name):
    overrides = [f"training.epochs={STEPS}", "training.pictures=false"]
    run = mlpcli.train(
        mlpcli.load_config(f"examples/{name}", overrides=overrides), runs_dir=tmp_path
    )
    page = opened(boxed)
    page.page.locator("#small-choice").select_option(label=f"examples/{name}")
    for _ in range(3):
        page.page.locator("#small-step").click()
    page.run(f"for (let k = 3; k < {STEPS}; k++) mlpcli.small.step()")
    page.run("mlpcli.small.show()")
    network = run.load_model().network
    found = page.array("mlpcli.small.network.layers.flatMap(({ W }) => Array.from(W))")
    last = mlpcli.load_model(run.folder / "weights" / "last.safetensors").network
    expected = np.concatenate([dense.W.ravel() for dense in last.dense])
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert network.sizes == last.sizes
    assert f"Step {STEPS}:" in page.text("#small-status")


def test_the_worked_example_shows_the_numbers_of_the_text(opened, boxed):
    page = opened(boxed)
    page.page.locator("#small-choice").select_option(label="examples/worked_3_2_3")
    said = page.run("mlpcli.small.loss")
    assert said == pytest.approx(1.428440, abs=1e-6)
    assert page.text("#small-status") == "Step 0: the loss is 1.4284."
    graph = page.text("#small-graph")
    for number in ("a 0.668", "a 0.832", "p 0.24", "p 0.324", "p 0.437", "δ −0.76", "0.7 (−0.508)"):
        assert number in graph
    page.page.locator("#small-step").click()
    assert page.text("#small-status") == "Step 1: the loss is 1.2463."


def test_it_plays_until_it_has_learned_and_pauses(opened, boxed):
    page = opened(boxed)
    page.page.locator("#small-choice").select_option(label="examples/worked_3_2_3")
    page.page.locator("#small-rate").fill("-0.5")
    play = page.page.locator("#small-play")
    play.click()
    assert play.inner_text() == "Pause"
    page.wait("!mlpcli.small.playing")
    assert play.inner_text() == "Play"
    assert page.run("mlpcli.small.loss") < 0.01
    assert "the loss is" in page.text("#small-said")
    page.page.locator("#small-reset").click()
    assert page.text("#small-status").startswith("Step 0:")


def test_numbers_that_leave_their_range_are_said(opened, boxed):
    page = opened(boxed)
    page.page.locator("#small-choice").select_option(label="examples/xor")
    page.run("mlpcli.small.learningRate = 1e200")
    for _ in range(5):
        page.page.locator("#small-step").click()  # by the end no error may have been met
    assert "η is too large" in page.text("#small-status")


def test_a_long_training_keeps_a_curve_that_is_quick_to_draw(opened, boxed):
    page = opened(boxed)
    page.page.locator("#small-choice").select_option(label="examples/xor")
    page.run("for (let k = 0; k < 5001; k++) mlpcli.small.step()")
    page.run("mlpcli.small.show()")
    steps = page.run("mlpcli.small.losses.map(([step]) => step)")
    assert steps == list(range(0, 5001, 8))
    drawn = page.page.locator("#small-plots polyline").first.get_attribute("points").split()
    assert len(drawn) == len(steps) + 1  # and the last one
    assert page.text("#small-status").startswith("Step 5001:")


def test_the_plane_of_two_inputs_and_the_curve_of_one(opened, boxed):
    page = opened(boxed)
    page.page.locator("#small-choice").select_option(label="examples/xor")
    assert page.page.locator("#small-plots canvas").count() == 1
    page.page.locator("#small-choice").select_option(label="examples/square")
    assert page.page.locator("#small-plots svg.curve").count() == 2
    assert page.page.locator("#small-plots circle").count() >= 20


def test_another_example_shows_other_activations(opened, boxed):
    page = opened(boxed)
    page.page.locator("#small-choice").select_option(label="examples/xor")
    before = page.text("#small-graph")
    page.page.locator("#small-example").select_option(index=3)
    assert page.text("#small-graph") != before


def test_a_run_of_a_table_is_shown_as_trained(opened, xor):
    run, path = xor
    page = opened(path)
    assert not page.page.locator("#drawing").is_visible()
    assert page.page.locator("#small-choice option").all_inner_texts() == [
        *("xor, as it was trained", "xor, before training"),
        *("examples/worked_3_2_3", "examples/xor", "examples/square"),
    ]
    found = [page.run(f"mlpcli.small.output({x}, 0)") for x in ([0, 0], [0, 1], [1, 0], [1, 1])]
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float)
    np.testing.assert_allclose(found, run.load_model().network.forward(x)[:, 0], atol=1e-9)
