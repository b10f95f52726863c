"""A table with named columns, standardised, trained, and then asked."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from helpers.processes import in_process
from helpers.runs import timeless

import mlpcli
from mlpcli.config.loading import load_config
from mlpcli.errors import ConfigError
from mlpcli.runs.run import resume
from mlpcli.storage.checkpoint import load_checkpoint

X = np.array([[50.0, 1], [70, 2], [90, 3], [120, 3], [150, 4], [200, 5]])
T = np.array([[150.0], [210], [280], [350], [430], [560]])
HOUSE = {
    "name": "house",
    "dtype": "float64",
    "data": {
        "dataset": "table",
        "normalization": "standardize",
        "table": {
            "names": {"inputs": ["area", "rooms"], "targets": ["price"]},
            "inputs": X.tolist(),
            "targets": T.tolist(),
        },
    },
    "network": {"hidden": [2], "activation": "sigmoid", "initializer": "xavier_normal"},
    "loss": "mse",
    "optimizer": {"name": "sgd", "learning_rate": 0.1},
    "training": {"epochs": 200, "batch_size": 6, "pictures": False},
}


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    return mlpcli.train(load_config(HOUSE), runs_dir=tmp_path_factory.mktemp("runs"))


def ask(*arguments):
    return in_process("predict", *arguments, cwd=Path.cwd())


def by_hand(model, x):
    """The outputs in the units of the targets, from the formulae."""
    first, second = model.network.dense
    s = (x - X.mean(0)) / X.std(0)
    a = 1 / (1 + np.exp(-(s @ first.W + first.b)))
    return (a @ second.W + second.b) * T.std(0) + T.mean(0)


def test_every_answer_is_in_the_units_of_the_targets(house):
    model = mlpcli.load_model(house.folder)
    x = np.array([[120.0, 3], [100, 2]])
    np.testing.assert_allclose(model.predict(x), by_hand(model, x), rtol=1e-12)
    np.testing.assert_allclose(model.predict([120, 3]), by_hand(model, x[:1]), rtol=1e-12)
    found = model.evaluate(mlpcli.Dataset(X, np.zeros(6, int), (1, 2), ("price",), T))
    np.testing.assert_allclose(found.outputs, by_hand(model, X), rtol=1e-12)
    np.testing.assert_array_equal(found.targets, T)
    z = (by_hand(model, X) - T) / T.std(0)
    assert found.loss == pytest.approx(float((z * z).mean()), rel=1e-12)
    assert found.loss == house.test.loss < 0.1


def test_a_checkpoint_keeps_the_columns_own_scales(tmp_path):
    house = mlpcli.train(load_config(HOUSE, overrides=["training.epochs=2"]), runs_dir=tmp_path)
    for name in ("best", "last"):
        kept = load_checkpoint(house.folder / "weights" / f"{name}.safetensors")
        np.testing.assert_allclose(kept.normalization.mean, X.mean(0))
        np.testing.assert_allclose(kept.target_normalization.std, T.std(0))
        done = resume(house.folder, ["training.epochs=4"])
    whole = mlpcli.train(load_config(HOUSE, overrides=["training.epochs=4"]), runs_dir=tmp_path)
    assert timeless(done.folder)["last"] == timeless(whole.folder)["last"]


def test_predict_answers_rows_and_files(house, tmp_path):
    model = mlpcli.load_model(house.folder)
    price = float(model.predict([[120, 3]])[0, 0])
    asked = ("--checkpoint", house.folder, "--inputs", "120,3")
    assert ask(*asked).stdout == f"area 120, rooms 3: price {price:.6f}\n"
    facts = json.loads(ask(*asked, "--json").stdout)
    assert facts == {"inputs": {"area": 120, "rooms": 3}, "outputs": {"price": price}}
    table, answers = tmp_path / "houses.csv", tmp_path / "answers.csv"
    table.write_text("rooms,name,area\n3,mine,120\n2,yours,100\n")
    done = ask("--checkpoint", house.folder, "--inputs", table, "--csv", answers)
    assert done.stdout.startswith(f"area 120, rooms 3: price {price:.6f}\narea 100, rooms 2: ")
    with answers.open() as file:
        rows = list(csv.DictReader(file))
    assert float(rows[0]["price"]) == price
    assert (rows[1]["area"], rows[1]["rooms"]) == ("100.0", "2.0")
    table.write_text("120,3\n\n100,2\n")
    assert ask("--checkpoint", house.folder, "--inputs", table).stdout == done.stdout


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("area\n3\n", "no column rooms"),
        ("area,rooms\n3\n", "houses.csv:2: too few cells for area, rooms"),
        ("area,rooms\n3,x\n", "houses.csv:2: expected 2 numbers (area, rooms), found '3,x'"),
        ("1,2,3\n", "houses.csv:1: expected 2 numbers"),
        ("area,rooms\n", "has no row of numbers"),
        ("\xff\xfe", "cannot be read"),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_bad_file_is_told_with_its_line(house, tmp_path, content, message):
    table = tmp_path / "houses.csv"
    if content is not None:
        table.write_text(content, encoding="latin-1")
    done = ask("--checkpoint", house.folder, "--inputs", table)
    assert done.returncode == 3, done.stderr
    assert message in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--inputs", "1"], 3, "expected 2 numbers (area, rooms), found '1'"),
        (["--inputs", "1,inf"], 3, "expected 2 numbers"),
        (["--inputs", "1,2", "photo.png"], 2, "IMAGE does not go with --inputs"),
        (["--inputs", "1,2", "--many"], 2, "--many does not go with --inputs"),
        (["photo.png"], 3, "knows no images; `mlpcli predict --inputs`"),
        (["--inputs", ",".join(["120"] * 100)], 3, "expected 2 numbers (area, rooms)"),
        (["--inputs", "a" * 300 + ".csv"], 3, "cannot be read"),
        (["photo.png", "--runs-dir", "a" * 300], 4, "no folder of runs there"),
        (["rows.csv"], 3, "knows no images; `mlpcli predict --inputs`"),
        (["--inputs", "1,2", "--threshold", "0.5"], 2, "--threshold is for classes"),
        (["--inputs", "1,2", "--top", "2"], 2, "--top is for classes"),
        ([], 2, "Give an IMAGE, or --inputs"),
    ],
)
def test_bad_questions(house, arguments, code, message):
    done = ask("--checkpoint", house.folder, *arguments)
    assert (done.returncode, message in done.stderr) == (code, True), done.stderr


def test_a_table_of_questions_is_not_overwritten(tmp_path, house):
    table = tmp_path / "houses.csv"
    table.write_text("area,rooms\n120,3\n")
    done = ask("--checkpoint", house.folder, "--inputs", table, "--csv", table)
    assert (done.returncode, done.stdout) == (2, "")
    assert table.read_text() == "area,rooms\n120,3\n"


def test_classes_have_probabilities(tmp_path):
    run = mlpcli.train(load_config("examples/worked_3_2_3"), runs_dir=tmp_path)
    p = run.load_model().predict_proba([[1, 1, 1]])[0]
    asked = ("--checkpoint", run.folder, "--inputs", "1,1,1")
    assert ask(*asked).stdout == f"1, 1, 1: first ({100 * p[0]:.2f} %)\n"
    assert "unsure, perhaps first" in ask(*asked, "--threshold", "0.999").stdout
    facts = json.loads(ask(*asked, "--json").stdout)
    assert facts["probabilities"] == dict(
        sorted(zip(("first", "second", "third"), p.tolist(), strict=True), key=lambda e: -e[1])
    )
    assert run.load_model().predict([[1, 1, 1], [0, 0, 0]]).shape == (2,)


def test_the_newest_run_of_a_table_answers(house, tmp_path):
    done = ask("--inputs", "120,3", "--runs-dir", house.folder.parent)
    assert "area 120" in done.stdout
    done = ask("--inputs", "120,3", "--runs-dir", tmp_path)
    assert (done.returncode, "no run there learned from a table" in done.stderr) == (4, True)


def test_evaluate_shows_the_columns(house):
    done = in_process("evaluate", house.folder, cwd=Path.cwd())
    head, first = done.stdout.splitlines()[2:4]
    assert head.split()[:3] == ["example", "area", "rooms"]
    assert first.split()[:4] == ["1", "50", "1", "150"]
    assert "(of the standardised targets)" in done.stdout


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"inputs": ["area"]}, "expected 2, one for each column of inputs, found 1"),
        ({"targets": ["a", "b"]}, "expected 1, one for each column of targets, found 2"),
        ({"inputs": ["a", "a"]}, "names that differ from each other"),
        ({"inputs": ["a", "b,c"]}, "without commas"),
    ],
)
def test_names_that_do_not_fit(names, message):
    table = {"inputs": [[1, 2]], "targets": [[1]], "names": names}
    with pytest.raises(ConfigError, match=message):
        load_config({"data": {"dataset": "table", "table": table}, "loss": "mse"})


def test_a_constant_column_and_huge_numbers(tmp_path):
    def trained(inputs):
        table = {"inputs": inputs, "targets": [[1.0], [2.0]]}
        data = {"dataset": "table", "normalization": "standardize", "table": table}
        config = load_config({"data": data, "loss": "mse", "training": {"epochs": 1}})
        return mlpcli.train(config, runs_dir=tmp_path).load_model()

    assert trained([[0.1, 1], [0.1, 2]]).normalization.std == (1.0, 0.5)
    assert np.isfinite(trained([[-1e6, 1], [1e6, 2]]).predict([[0, 0]])).all()
