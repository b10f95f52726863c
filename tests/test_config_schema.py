import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from mlpcli.config.json_schema import json_schema
from mlpcli.config.schema.config import Config, is_run_name
from mlpcli.config.schema.data import PublishedDataset
from mlpcli.config.schema.initializers import NormalInitializer
from mlpcli.config.schema.optimizers import SgdConfig
from mlpcli.config.shipped import config_names
from mlpcli.config.sources import NAMED_SECTIONS
from mlpcli.config.yaml_loader import read_yaml
from mlpcli.data.published.sources import SOURCES

CONFIGS = Path(__file__).parents[1] / "configs"


WRONG: dict[str, list[Any]] = {
    "seed": [True, 1.0, "1", -1, 2**63],
    "optimizer.learning_rate": [True, "0.1", float("nan"), float("inf"), 0],
    "optimizer.momentum": [1],
    "optimizer": [
        {"name": "adam", "epsilon": 1e-31},
        {"name": "adagrad", "epsilon": 0},
        {"name": "rmsprop", "decay": 1},
        {"name": "nadam", "beta2": 1},
        {"name": "sgd", "momentum": 0.9},
    ],
    "optimizer.clip_norm": [0],
    "optimizer.max_norm": [0],
    "optimizer.weight_decay": [-1e-9],
    "network.dropout.hidden": [1],
    "data.validation": [1.0, False, -1],
    "data.path": ["", 3],
    "data.test_share": [1, -0.1],
    "data.image_size": [0, [28], [28, 28, 1], [28, 0], 4097, "28"],
    "data.label_column": [0, 1.5],
    "data.on_error": ["ignore"],
    "data.prepare": ["letters"],
    "data.mix": [{"dataset": "csv"}, {"share": 0.05}, {"share": 1}],
    "data.augmentation.shift": [-1],
    "data.augmentation.rotation": [181],
    "data.augmentation.scale": [1],
    "data.augmentation.shear": [True],
    "data.augmentation.elastic": [34, {"sigma": 0}],
    "data.augmentation.thickness": [1.1],
    "data.augmentation.noise": [float("nan")],
    "data.augmentation.erase.area": [0.01],
    "network.hidden": [[0], [65537], [1] * 101, 30],
    "network.initializer": [
        {"name": "normal", "std": 0},
        {"name": "he_normal", "std": 1},
        {"name": "orthogonal", "gain": 0},
        {"name": "uniform", "low": 0.1, "high": 0.1},
        {"name": "uniform", "low": -1e308, "high": 1e308},
        "constant",
    ],
    "network.bias_initializer": ["he_normal"],
    "network.activation": [["relu", "relu"], "swish", ["swish"], None],
    "network.output_activation": ["sigmoid"],
    "loss": [{"label_smoothing": 1}, {"name": "mse", "label_smoothing": 0.1}],
    "schedule": [
        {"name": "exponential", "factor": 1},
        {"name": "inverse_time", "decay": 0},
        {"name": "one_cycle", "rise": 1},
        {"name": "step", "every_epochs": 1, "factor": 1},
        {"name": "cosine", "final_fraction": 1.1},
        {"warmup_epochs": -1},
    ],
    "training.averaging.decay": [1],
    "training.start_from": ["", 1],
    "training.start_from_sha256": ["abc", "Z" * 64],
    "training.workers": [True, 0, 1025],
    "unknown": [1],
}


@pytest.mark.parametrize(
    ("key", "value"), [(key, value) for key, values in WRONG.items() for value in values]
)
def test_wrong_settings_are_refused(key, value):
    for name in reversed(key.split(".")):
        value = {name: value}
    with pytest.raises(ValidationError):
        Config.model_validate(value)


@pytest.mark.parametrize("name", ["mnist", "a.B_c-1", "_x", "a" * 100, "console", "com10"])
def test_run_names(name):
    assert is_run_name(name)


NO_NAMES = ["a" * 101, "", ".x", "-x", "x.", "a b", "a/b", "é", "x\n", "con", "NUL.txt", "Com1"]


@pytest.mark.parametrize("name", NO_NAMES)
def test_what_is_no_name_of_a_run(name):
    assert not is_run_name(name)


def test_an_integer_becomes_a_float_where_a_number_is_wanted():
    learning_rate = Config(optimizer=SgdConfig(name="sgd", learning_rate=1)).optimizer.learning_rate
    assert type(learning_rate) is float


@pytest.mark.parametrize(("value", "kind"), [(0, int), (1, int), (0.0, float), (0.5, float)])
def test_validation_is_a_number_of_images_or_a_share(value, kind):
    assert type(Config.model_validate({"data": {"validation": value}}).data.validation) is kind


def test_activations_are_one_name_or_one_for_each_hidden_layer():
    def read(hidden, activation):
        return Config.model_validate({"network": {"hidden": hidden, "activation": activation}})

    assert read([3, 2], "gelu").network.activation == "gelu"
    assert read([3, 2], ["gelu", "tanh"]).network.activation == ("gelu", "tanh")
    assert read([], []).network.activation == ()


@pytest.mark.parametrize("loss", ["mse", "quadratic"])
@pytest.mark.parametrize("activation", ["sigmoid", "softplus", "identity"])
def test_squared_errors_take_any_output_activation(loss, activation):
    values = {"network": {"output_activation": activation}, "loss": loss}
    assert Config.model_validate(values).network.output_activation == activation


def test_a_config_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        Config().seed = 2
    assert isinstance(Config().network.hidden, tuple)


def nodes(schema):
    if isinstance(schema, dict):
        yield schema
        for child in schema.values():
            yield from nodes(child)
    elif isinstance(schema, list):
        for child in schema:
            yield from nodes(child)


def test_every_tagged_union_of_the_schema_is_a_named_section():
    discriminated = [node for node in nodes(json_schema()) if "discriminator" in node]
    assert len(discriminated) == len(NAMED_SECTIONS)
    for section in NAMED_SECTIONS:
        value: Any = Config()
        for key in section:
            value = getattr(value, str(key))
        assert isinstance(value.name, str)


def test_every_setting_with_a_default_is_described():
    definitions = [json_schema(), *json_schema()["$defs"].values()]
    undescribed = [
        (definition["title"], key)
        for definition in definitions
        for key, node in definition["properties"].items()
        if not ("description" in node or "$ref" in node or "const" in node or "format" in node)
    ]
    assert undescribed == []


def test_the_schema_allows_the_short_form_where_it_is_enough():
    text, union = json_schema()["properties"]["schedule"]["anyOf"]
    every = {"constant", "step", "exponential", "inverse_time", "cosine", "one_cycle", "plateau"}
    assert set(text["enum"]) == every - {"step"}
    assert union["discriminator"]["mapping"].keys() == every


def test_the_schema_allows_a_side_for_a_size_and_a_range_of_seeds():
    size = json_schema()["$defs"]["DataConfig"]["properties"]["image_size"]["anyOf"]
    assert [kind["type"] for kind in size] == ["integer", "array", "null"]
    seeds = json_schema(of_sweeps=True)["properties"]["seeds"]["anyOf"]
    assert [kind["type"] for kind in seeds] == ["integer", "string", "array", "null"]
    assert re.search(seeds[1]["pattern"], "1..3")
    for text in ("1", "1..", "a..b", "1..3 "):
        assert not re.search(seeds[1]["pattern"], text)


def test_the_schema_beside_the_shipped_configs_is_current():
    assert json.loads((CONFIGS / "schema.json").read_text(encoding="utf-8")) == json_schema()


def test_changing_the_returned_schema_changes_nothing():
    json_schema()["properties"].clear()
    assert json_schema()["properties"]


def conforms(value, node, root):
    """Check the parts of JSON Schema that ours uses."""
    if "$ref" in node:
        return conforms(value, root["$defs"][node["$ref"].rsplit("/", 1)[1]], root)
    if "anyOf" in node:
        return any(conforms(value, option, root) for option in node["anyOf"])
    if "oneOf" in node:
        return sum(conforms(value, option, root) for option in node["oneOf"]) == 1
    if "enum" in node or "const" in node:
        return value in node.get("enum", [node.get("const")])
    if node["type"] == "object":
        return (
            isinstance(value, dict)
            and value.keys() <= node["properties"].keys()
            and set(node.get("required", [])) <= value.keys()
            and all(conforms(child, node["properties"][key], root) for key, child in value.items())
        )
    if node["type"] == "array":
        return isinstance(value, list) and all(
            conforms(item, node["items"], root) for item in value
        )
    if node["type"] == "boolean":
        return isinstance(value, bool)
    if node["type"] in ("integer", "number"):
        kinds = int if node["type"] == "integer" else int | float
        return (
            isinstance(value, kinds)
            and not isinstance(value, bool)
            and value >= node.get("minimum", value)
            and value <= node.get("maximum", value)
            and ("exclusiveMinimum" not in node or value > node["exclusiveMinimum"])
            and ("exclusiveMaximum" not in node or value < node["exclusiveMaximum"])
        )
    kinds_of_the_rest = {"null": type(None), "boolean": bool, "string": str}
    return isinstance(value, kinds_of_the_rest[node["type"]])


@pytest.mark.parametrize("name", config_names())
def test_shipped_configs_conform_to_the_schema(name):
    path = CONFIGS / f"{name}.yaml"
    values = read_yaml(path).values
    assert conforms(values, json_schema(), json_schema())
    assert not conforms({**values, "unknown": 1}, json_schema(), json_schema())
    to_schema = "../" * name.count("/") + "schema.json"
    first_line = path.read_text(encoding="utf-8").splitlines()[0]
    assert first_line == f"# yaml-language-server: $schema={to_schema}"


def test_the_published_datasets_are_those_that_can_be_fetched():
    assert get_args(PublishedDataset) == tuple(SOURCES)


def test_a_section_without_a_name_is_of_the_default_kind():
    assert Config.model_validate({"optimizer": {"learning_rate": 0.5}}).optimizer.name == "momentum"


def test_relative_data_files_start_at_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ("train_images", "train_labels", "test_images", "test_labels")
    config = Config.model_validate({"data": {"dataset": "idx", "files": dict.fromkeys(names, "x")}})
    assert config.data.files.test_labels == tmp_path / "x"


def test_text_is_short_for_a_named_section():
    config = Config.model_validate({"optimizer": "sgd", "network": {"initializer": "normal"}})
    assert config.optimizer == SgdConfig(name="sgd")
    assert config.network.initializer == NormalInitializer(name="normal")


OWN = {"dataset": "csv", "path": "t.csv"}
MISFITS = [
    ({"dataset": "folder"}, "data.dataset", "folder needs data.path"),
    ({**OWN, "test_path": "u.csv", "test_share": 0.2}, "data.test_share", "expected no share"),
    ({**OWN, "test_share": 0}, "data.test_share", "without data.mix"),
    ({**OWN, "mix": {}, "validation": 100}, "data.validation", "expected a share below 1"),
    ({**OWN, "mix": {"dataset": "kmnist", "added_digits": 9}}, "data.mix.added_digits", "kmnist"),
    ({**OWN, "mix": {"dataset": "kmnist", "no_digits": 9}}, "data.mix.no_digits", "kmnist"),
    ({**OWN, "prepare": "none"}, "data.prepare", "only for dataset folder"),
    ({"dataset": "mnist", "mix": {}}, "data.mix", "only for dataset folder, csv, npz, idx or arr"),
    ({"path": "x"}, "data.path", "only for dataset folder, csv or npz"),
]


@pytest.mark.parametrize(("data", "key", "message"), MISFITS)
def test_settings_of_own_data_that_do_not_fit(data, key, message):
    with pytest.raises(ValidationError) as caught:
        Config.model_validate({"data": data})
    (detail,) = caught.value.errors()
    (found,) = detail["ctx"]["conflicts"]
    assert (found.key, message in found.message) == (key, True)


def test_a_side_is_short_for_a_square():
    assert Config.model_validate({"data": {**OWN, "image_size": 20}}).data.image_size == (20, 20)
