"""`mlpcli explain --graph`: values by hand, and paths whose products are the gradients."""

import itertools
import json
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import mlpcli
from mlpcli.cli.main import command
from mlpcli.errors import ConfigError, DivergedError
from mlpcli.explaining.first_steps import explain_training
from mlpcli.explaining.graph import explain_graphs, forward_mode, mean_gradients, product
from mlpcli.explaining.notation import NOTATIONS
from mlpcli.pictures.graph import draw
from mlpcli.pictures.style import house_style

LONG = (
    "network.hidden=[1,1,1,1,1,1,1,1]",
    "network.initializer={name: constant, value: 0.9}",
    "network.bias_initializer=zeros",
)
"""A chain of nine layers."""
TWO = ("data.table.inputs=[[0, 1], [1, 0]]", "data.table.targets=[[1], [1]]")
SMALL = ("network.initializer=xavier_normal", "network.bias_initializer=zeros")


def graph_of(name, *overrides, example=1):
    config = mlpcli.load_config(f"examples/{name}", overrides=overrides)
    return explain_graphs(config, [example])[0]


def explain(*arguments):
    return CliRunner().invoke(command, ["explain", "--graph", *map(str, arguments)])


def test_the_chain_by_hand():
    """Every operation a node; one path, whose seven factors other than 1 are known."""
    graph = graph_of("chain")
    sigmoid = [1 / (1 + np.exp(-0.9))]
    sigmoid.append(1 / (1 + np.exp(0.6 * sigmoid[0] - 0.2)))
    sigmoid.append(1 / (1 + np.exp(-1.2 * sigmoid[1] + 0.3)))
    a1, a2, a3 = sigmoid
    values = {
        "x": 1,
        "u₁": 0.8,
        "z₁": 0.9,
        "a₁": a1,
        "u₂": -0.6 * a1,
        "z₂": -0.6 * a1 + 0.2,
        "a₂": a2,
        "u₃": 1.2 * a2,
        "z₃": 1.2 * a2 - 0.3,
        "a₃": a3,
        "e": a3,
        "t": 0,
        "L": a3 * a3 / 2,
        "W₁": 0.8,
        "b₃": -0.3,
    }
    assert graph.detail == "operations"
    assert len(graph.nodes) == 13 + 6
    for name, value in values.items():
        assert float(graph.node(name).value) == pytest.approx(value, rel=1e-13), name
    (path,) = graph.paths(graph.node("W₁"))
    assert "".join(edge.end.name for edge in path) == "u₁z₁a₁u₂z₂a₂u₃z₃a₃eL"
    slopes = [a * (1 - a) for a in sigmoid]
    factors = [1, 1, slopes[0], -0.6, 1, slopes[1], 1.2, 1, slopes[2], 1, a3]
    np.testing.assert_allclose([float(edge.derivative) for edge in path], factors, rtol=1e-12)
    assert product(path) == pytest.approx(float(graph.node("W₁").gradient), rel=1e-12)
    (path,) = graph.paths(graph.node("W₃"))
    assert product(path) == pytest.approx(a2 * slopes[2] * a3, rel=1e-12)


def test_a_long_chain_is_told_by_its_units():
    graph = graph_of("chain", *LONG)
    assert graph.detail == "units"
    assert len(graph.nodes) == 4 + 9 * 4
    (path,) = graph.paths(graph.node("W₁"))
    assert len(path) == 1 + 9 + 8 + 2
    text = explain("--config", "examples/chain", *LONG, "--format", "text").output
    assert "each unit and each parameter is a node" in text
    assert "∂L/∂W₁\nW₁ → z₁ → a₁ → z₂" in text


def test_a_weight_of_the_worked_example_by_hand():
    """Through the one hidden unit to each of three outputs, and from there to each p."""
    graph = graph_of("worked_3_2_3")
    a = 0.6681877721681662
    p = [0.2396826489059724, 0.32355107485719, 0.43676627623683767]
    paths = list(graph.paths(graph.node("W₁[1,1]")))
    assert len(paths) == 9
    found = {"z₂[1]": 0.0, "z₂[2]": 0.0, "z₂[3]": 0.0}
    for path in paths:
        found[path[2].end.name] += product(path)
    slope = a * (1 - a)
    expected = [slope * 0.7 * (p[0] - 1), slope * 0.9 * p[1], slope * 1.1 * p[2]]
    np.testing.assert_allclose(list(found.values()), expected, rtol=1e-12)
    np.testing.assert_allclose(graph.node("p[1]").gradient, -1 / p[0], rtol=1e-12)
    np.testing.assert_allclose(graph.node("t[2]").gradient, -np.log(p[1]), rtol=1e-12)
    assert sum(found.values()) == pytest.approx(0.05308177011753272, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "overrides"),
    [
        ("chain", ()),
        ("chain", LONG),
        ("chain", (*LONG, "network.dropout.input=0.5", "seed=2")),
        ("worked_3_2_3", ()),
        ("worked_3_2_3", ("network.dropout.hidden=0.5", "network.dropout.input=0.3")),
        ("worked_3_2_3", ("network.dropout.hidden=0.5", "seed=3")),
        ("xor", ()),
        ("xor", ("network.activation=identity", "loss=mse")),
        ("xor", ("network.hidden=[3]", "network.activation=gelu", "loss=mse")),
        ("square", ()),
        ("xor", ("loss=binary_cross_entropy",)),
        ("worked_3_2_3", ("loss={name: cross_entropy, label_smoothing: 0.1}",)),
        ("worked_3_2_3", ("loss=binary_cross_entropy", "network.hidden=[]", *SMALL)),
        ("worked_3_2_3", ("loss=brier",)),
        ("perceptron", ()),
    ],
)
def test_the_paths_from_every_node_sum_to_its_gradient(name, overrides):
    graph = graph_of(name, *overrides, example=1)
    assert graph.detail in ("operations", "units")
    assert graph.nodes[-1].kind == "loss"
    for node in graph.nodes:
        total = sum(map(product, graph.paths(node)))
        assert total == pytest.approx(float(node.gradient), rel=1e-12, abs=1e-16), node.name


def test_gradients_agree_with_differences_of_the_loss():
    """The loss of the same example, with one weight or input moved."""
    h = 1e-6
    graph = graph_of("xor", example=2)
    weight = graph.node("W₁[2,1]")
    start = [[[-0.5, 0.3], [0.2, 0.4]], [[0.7], [-0.9]]]

    def moved(by):
        values = json.loads(json.dumps(start))
        values[0][1][0] += by
        return graph_of("xor", f"network.initializer={{name: given, values: {values}}}", example=2)

    graph, above, below = moved(0), moved(h), moved(-h)
    weight = graph.node("W₁[2,1]")
    difference = float(above.node("L").value - below.node("L").value) / (2 * h)
    assert float(weight.gradient) == pytest.approx(difference, rel=1e-8)
    table = "data.table={inputs: [[0, %s]], targets: [[1]]}"
    given = f"network.initializer={{name: given, values: {start}}}"
    above, below = (
        graph_of("xor", given, table % (1 + by), "training.batch_size=1") for by in (h, -h)
    )
    difference = float(above.node("L").value - below.node("L").value) / (2 * h)
    assert float(graph.node("x[2]").gradient) == pytest.approx(difference, rel=1e-8)


@pytest.mark.parametrize(
    ("loss", "ends"),
    [
        ("cross_entropy", ["p", "log p", "L"]),
        ("binary_cross_entropy", ["p", "L"]),
        ("brier", ["p", "e", "L"]),
        ("perceptron", ["L"]),
        ("mse", ["e", "L"]),
    ],
)
def test_a_large_network_is_told_by_layers_whose_jacobians_make_the_gradients(loss, ends):
    graph = graph_of(
        "worked_3_2_3",
        "network.hidden=[9, 8]",
        "network.initializer=xavier_normal",
        "network.bias_initializer=zeros",
        f"loss={loss}",
    )
    assert graph.detail == "layers"
    way = [node for node in graph.nodes if node.kind not in ("parameter", "target")]
    names = ["x", "z₁", "a₁", "z₂", "a₂", "z₃", *ends]
    assert [node.name for node in way] == names
    assert np.abs(way[0].gradient).max() > 1e-3
    gradient = np.ones(1)
    for node in reversed(way):
        np.testing.assert_allclose(node.gradient, gradient, rtol=1e-12)
        for edge in graph.edges:
            if edge.end is node and edge.start in way:
                gradient = gradient @ edge.derivative
    for n in "₁₂₃":
        (edge,) = (edge for edge in graph.edges if edge.start.name == f"W{n}")
        expected = np.outer(edge.derivative, edge.end.gradient)
        np.testing.assert_allclose(edge.start.gradient, expected, rtol=1e-12)


def test_the_example_is_the_one_asked_for():
    graph = graph_of("xor", example=3)
    assert [float(graph.node(f"x[{i}]").value) for i in (1, 2)] == [1, 0]
    with pytest.raises(ConfigError, match="--example 5: there are 4 of them"):
        graph_of("xor", example=5)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("x", "width", "where"),
    [(1e6, 1, "u₆"), (1e-42, 1, "∂L/∂x"), (1e6, 7, "z₅")],
)
def test_numbers_that_are_not_finite_are_told(x, width, where):
    """The weights of 1e6, forward or back, make more than float32 holds; the loss is finite."""
    with pytest.raises(DivergedError, match=f"^{where}.* is not finite for this example"):
        graph_of(
            "chain",
            "dtype=float32",
            f"network.hidden={[width] * 6}",
            "network.activation=relu",
            "network.bias_initializer=zeros",
            f"data.table.inputs=[[{x}]]",
            "network.initializer={name: constant, value: 1000000}",
        )


def test_batch_normalisation_is_refused_with_the_reason():
    with pytest.raises(ConfigError, match="depend on every example of a batch"):
        graph_of("xor", "network.batch_norm=true")


@pytest.mark.parametrize(
    ("name", "overrides"),
    [
        ("chain", ()),
        ("xor", ("network.hidden=[6]", "network.dropout.hidden=0.5")),
        ("xor", ("network.hidden=[9, 9]",)),
        ("chain", LONG),
        ("xor", TWO),
        ("worked_3_2_3", ()),
    ],
)
def test_what_is_drawn_stays_within_the_picture_and_apart(name, overrides):
    config = mlpcli.load_config(f"examples/{name}", overrides=overrides)
    graphs = explain_graphs(config, "all" if overrides == TWO else [1])
    graph = graphs[0]
    with house_style():
        figure = draw(graphs)
        figure.draw_without_rendering()
    (axes,) = figure.axes
    page = figure.bbox
    said = "\n".join(text.get_text() for text in axes.texts)
    assert all(f"{node.name} = " in said or f"{node.name}: " in said for node in graph.nodes)
    extents = [text.get_window_extent() for text in axes.texts if text.get_text()]
    for extent in extents:
        assert page.x0 <= extent.x0 < extent.x1 <= page.x1
        assert page.y0 <= extent.y0 < extent.y1 <= page.y1
    for i, one in enumerate(extents):
        for other in extents[:i]:
            assert not one.overlaps(other)
    for box in axes.patches:
        if hasattr(box, "get_boxstyle"):
            frame = box.get_window_extent()
            inside = [extent for extent in extents if frame.overlaps(extent)]
            assert len(inside) == 1
            assert frame.x0 < inside[0].x0 < inside[0].x1 < frame.x1


def test_the_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = explain("--config", "examples/chain")
    assert (done.exit_code, done.output) == (0, "graph.png: written\n")
    with Image.open("graph.png") as image:
        assert image.format == "PNG"
    for name in ("a.svg", "b.svg"):
        assert explain("--config", "examples/worked_3_2_3", "-o", name).exit_code == 0
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    ET.parse(tmp_path / "a.svg")


def test_what_vanishes_is_told_in_powers_of_ten():
    chain = ["--config", "examples/chain", "network.hidden=[1,1,1,1,1,1]"]
    chain += ["network.initializer=normal", "network.bias_initializer=zeros"]
    text = explain(*chain, "--format", "text").output
    assert not re.search(r"-0\.0+\b", text)
    graph = graph_of("chain", *chain[2:])
    first = float(graph.node("W₁").gradient)
    assert 0 < abs(first) < 1e-6
    assert f"  {first:.4e}\n" in text
    assert f"= {first:.4e}; by backpropagation {first:.4e}." in " ".join(text.split())
    slope = float(graph.edges[-1].derivative)
    assert f"  {slope:.6f}\n" in text
    small = "network.initializer={name: uniform, low: 1e-5, high: 1e-4}"
    text = explain("--config", "examples/worked_3_2_3", small, "--format", "text").output
    each, total = r"-?\d\.\d{4}e-\d\d", r"The sum over 9 paths is "
    assert len(re.findall(f"{total}{each}; by backpropagation {each}", text)) >= 6
    assert len(re.findall(rf"→ L  .* = {each}\n", text)) >= 18


def test_several_examples_have_a_graph_each_and_their_mean():
    config = mlpcli.load_config("examples/xor")
    graphs = explain_graphs(config, "all")
    assert [graph.example for graph in graphs] == [1, 2, 3, 4]
    (layer,) = explain_training(config, 1).shown.layers[:1]
    means = mean_gradients(graphs)
    for i, j in itertools.product((1, 2), (1, 2)):
        expected = layer.W.gradient[i - 1, j - 1]
        assert means[f"W₁[{i},{j}]"] == pytest.approx(expected, rel=1e-12)
    text = explain("--config", "examples/xor", "--example", "1-2,4", "--format", "text").output
    assert "examples 1, 2, 4\n" in text
    mean = means_of(explain_graphs(config, [1, 2, 4]), "b₂")
    line = [line for line in text.splitlines() if line.startswith("  b₂  ")][-1]
    assert line.split()[-1] == f"{mean:.6f}"
    facts = json.loads(
        explain("--config", "examples/xor", "--example", "all", "--format", "json").output
    )
    assert len(facts["examples"]) == 4
    assert facts["mean_gradients"]["b₂"] == pytest.approx(means_of(graphs, "b₂"))


def means_of(graphs, name):
    return float(np.mean([float(graph.node(name).gradient) for graph in graphs]))


def test_forward_mode_ends_in_what_reverse_mode_found():
    graph = graph_of("worked_3_2_3")
    for node in graph.nodes:
        if node.kind in ("parameter", "input"):
            found = forward_mode(graph, node)["L"]
            assert found == pytest.approx(float(node.gradient), rel=1e-12)
    text = " ".join(explain("--config", "examples/worked_3_2_3", "--format", "text").output.split())
    edges = len(graph.edges)
    assert f"each of the 17 parameters: {17 * edges:,} products" in text
    assert f"one pass of {edges} products" in text


def test_a_nudge_goes_through_every_node():
    """The first weight of the chain by 0.01: every number anew, by hand."""
    graph = graph_of("chain")

    def chain(w):
        a1 = 1 / (1 + np.exp(-(w + 0.1)))
        a2 = 1 / (1 + np.exp(-(-0.6 * a1 + 0.2)))
        a3 = 1 / (1 + np.exp(-(1.2 * a2 - 0.3)))
        return {"a₁": a1, "a₂": a2, "a₃": a3, "L": a3 * a3 / 2}

    above, here = chain(0.81), chain(0.8)
    for name, value in above.items():
        assert float(graph.nudged[name]) == pytest.approx(value - here[name], rel=1e-9)
    assert float(graph.node("W₁").value) == 0.8
    text = explain("--config", "examples/chain", "--format", "text").output
    change = above["L"] - here["L"]
    assert f"  L              -0.005025           1.000000    {change:.4e}\n" in text
    facts = json.loads(explain("--config", "examples/chain", "--format", "json").output)
    assert (facts["parameter"], facts["nudge"]) == ("W₁", 0.01)
    assert facts["nudged"]["L"] == pytest.approx(change, rel=1e-9)
    assert facts["forward"]["L"] == pytest.approx(float(graph.node("W₁").gradient), rel=1e-12)


def test_columns_name_the_same_numbers_the_other_way_round():
    config = mlpcli.load_config("examples/worked_3_2_3")
    (rows,) = explain_graphs(config)
    (columns,) = explain_graphs(config, notation=NOTATIONS["columns"])
    assert len(rows.nodes) == len(columns.nodes)
    for one, other in (("W₁[2,1]", "W⁽¹⁾[1,2]"), ("z₂[3]", "z⁽³⁾[3]"), ("x[2]", "a⁽¹⁾[2]")):
        assert rows.node(one).gradient == columns.node(other).gradient
    assert rows.node("p[1]").value == columns.node("a⁽³⁾[1]").value
    told = ("--config", "examples/worked_3_2_3", "--notation", "columns", "--format", "text")
    text = " ".join(explain(*told).output.split())
    assert "W[j,i] is the weight to unit j of a layer from its input i" in text
    assert "W⁽¹⁾[1,1] a⁽¹⁾[1] + W⁽¹⁾[1,2] a⁽¹⁾[2] + W⁽¹⁾[1,3] a⁽¹⁾[3] + b⁽¹⁾[1]" in text


def test_the_jacobian_of_a_softmax_is_written_as_its_notation_has_vectors():
    config = mlpcli.load_config("examples/worked_3_2_3", overrides=["network.hidden=[7]", *SMALL])
    written = {"rows": "diag p − pᵀ p", "columns": "diag a⁽³⁾ − a⁽³⁾ a⁽³⁾ᵀ"}
    for name, notation in NOTATIONS.items():
        (graph,) = explain_graphs(config, [1], notation=notation)
        assert written[name] in [edge.symbol for edge in graph.edges]


@pytest.mark.parametrize("wrong", ["0", "x", "3-1", "1,,2", "-1", "9" * 5000])
def test_examples_that_are_no_numbers(wrong):
    done = explain("--config", "examples/xor", "--example", wrong)
    assert done.exit_code == 2
    assert f"--example {wrong}: expected numbers" in done.output


def test_a_layer_of_immense_jacobians_is_refused():
    with pytest.raises(ConfigError, match=r"5,000 × 5,000 numbers; 4,096 units are the most"):
        graph_of("xor", "network.hidden=[3, 5000]")


def test_too_many_examples_are_refused():
    with pytest.raises(ConfigError, match="at most 8 graphs are shown together"):
        explain_graphs(mlpcli.load_config("examples/square"), "all")
    done = explain("--config", "examples/square", "--example", "1-999999999999")
    assert "at most 8 graphs are shown together" in str(done.exception)


def test_dropout_is_that_of_the_first_epoch_and_the_mean_what_a_step_takes():
    overrides = ["network.dropout.hidden=0.5", "network.hidden=[5]", "seed=3"]
    config = mlpcli.load_config("examples/xor", overrides=overrides)
    means = mean_gradients(explain_graphs(config, "all"))
    (hidden, output) = explain_training(config, 1).shown.layers
    np.testing.assert_allclose(means["W₁[2,4]"], hidden.W.gradient[1, 3], rtol=1e-12, atol=1e-16)
    np.testing.assert_allclose(means["W₂[4,1]"], output.W.gradient[3, 0], rtol=1e-12, atol=1e-16)
    # in batches of one the last example is in the fourth step
    config = mlpcli.load_config("examples/xor", overrides=[*overrides, "training.batch_size=1"])
    last = explain_training(config, 4, shown=4)
    graph = explain_graphs(config, last.examples)[0]
    mask = last.shown.layers[1].mask[0]
    found = [float(graph.node(f"a₁′[{i + 1}]").value) for i in range(5)]
    assert [value != 0 for value in found] == [m != 0 for m in mask]


def test_dropout_is_told():
    chain = ("--config", "examples/chain", "--format", "text")
    with_dropout = explain(*chain, "network.dropout.input=0.5", "seed=2").output
    assert "Dropout multiplies by m" in " ".join(with_dropout.split())
    assert "Dropout" not in explain(*chain).output


def test_as_text_and_json():
    text = explain("--config", "examples/chain", "--format", "text").output
    assert "W₃ → u₃ → z₃ → a₃ → e → L: 0.443599 · 1 · 0.246657 · 1 · 0.55782 = 0.061035" in text
    assert "In brackets" not in text  # single units have no numbers
    facts = json.loads(explain("--config", "examples/chain", "--format", "json").output)
    assert facts["nodes"][-1]["operation"] == "½ Σ e²"
    assert facts["edges"][0] == {"start": "x", "end": "u₁", "symbol": "W₁", "derivative": 0.8}
    large = explain("--config", "examples/vanishing", "--format", "text").output
    assert "too large to print each number" in large
    summary = json.loads(explain("--config", "examples/vanishing", "--format", "json").output)
    assert summary["nodes"][0]["value"]["shape"] == [784]


def test_another_example():
    def inputs(*arguments):
        told = explain("--config", "examples/xor", "--format", "json", *arguments).output
        return [node["value"] for node in json.loads(told)["nodes"] if node["name"][0] in "xt"]

    assert inputs() == inputs("--example", "3")  # of the greatest loss
    told = {str(inputs("--example", str(n))) for n in (1, 2, 3, 4)}
    assert len(told) == 4  # every row of the truth table is another
