import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpcli.config.loading import load_config
from mlpcli.config.renamed import with_present_names
from mlpcli.config.schema.config import Config, is_run_name
from mlpcli.config.shipped import config_names, find_config
from mlpcli.config.writing import resolved_yaml
from mlpcli.config.yaml_loader import read_yaml
from mlpcli.errors import ConfigError

FILES = ("train_images", "train_labels", "test_images", "test_labels")

OPTIMIZERS = (
    "adagrad, adam, adamw, lion, momentum, muon, nadam, nesterov, rmsprop, schedule_free_adamw,"
    " schedule_free_sgd, sgd"
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Work in an empty folder, so that a message names a file by its bare name."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(text, name="c.yaml"):
    Path(name).write_text(text, encoding="utf-8")
    return name


def problems(*sources, overrides=()):
    with pytest.raises(ConfigError) as caught:
        load_config(*sources, overrides=overrides)
    return str(caught.value).splitlines()


def test_a_dotted_key_in_a_file_is_told_how_it_is_written_there():
    write("optimizer.learning_rate: 0.5\ndata.datset: mnist\n")
    assert problems("c.yaml") == [
        (
            "c.yaml:1: optimizer.learning_rate: unknown key; in a file it is nested:"
            " optimizer: {learning_rate: ...}"
        ),
        "c.yaml:2: data.datset: unknown key; in a file it is nested: data: {dataset: ...}",
    ]


def test_nothing_given_is_the_defaults():
    assert load_config() == Config(name="run")


def test_every_problem_at_once_each_with_its_line():
    write(
        "seed: true\n"
        "dtype: float46\n"
        "datta: 3\n"
        "learning_rate: 3\n"
        "data:\n"
        "  validation: -0.5\n"
        "  train_size: 0\n"
        "  class_names: [a]\n"
        "network:\n"
        "  hidden: [3, 0,\n"
        "    1.5]\n"
        "  initializer:\n"
        "    name: normal\n"
        "    std: 0\n"
        "    zz: 1\n"
        "loss: crossentropy\n"
        "optimizer:\n"
        "  learning_rat: 1\n"
        "  learning_rate: -1\n"
        "  momentum: .inf\n"
        "schedule: step\n"
        "training:\n"
        "  workers: yes\n"
        "  epochs: abc\n"
        "  batch_size: [1, 2]\n"
        "  early_stopping: 3\n"
        "  foo: null\n"
    )
    assert problems("c.yaml") == [
        "c.yaml:1: seed: expected an integer from 0 to 9223372036854775807, found true",
        (
            "c.yaml:2: dtype: expected one of float32, float64, found 'float46';"
            ' did you mean "float64"?'
        ),
        'c.yaml:3: datta: unknown key; did you mean "data"?',
        'c.yaml:4: learning_rate: unknown key; did you mean "optimizer.learning_rate"?',
        (
            "c.yaml:6: data.validation: expected an integer of at least 0"
            " or a number of at least 0 and below 1, found -0.5"
        ),
        "c.yaml:7: data.train_size: expected an integer from 1 to 1000000000, found 0",
        (
            "c.yaml:8: data.class_names: expected a list of 2 to 1000 items, each text,"
            " found a list of 1 item"
        ),
        "c.yaml:10: network.hidden[1]: expected an integer from 1 to 65536, found 0",
        "c.yaml:11: network.hidden[2]: expected an integer from 1 to 65536, found 1.5",
        "c.yaml:14: network.initializer.std: expected a number above 0, found 0",
        "c.yaml:15: network.initializer.zz: unknown key; valid keys: name, mean, std",
        (
            "c.yaml:16: loss.name: expected one of binary_cross_entropy, brier, cross_entropy, mse,"
            " perceptron, quadratic, found 'crossentropy'; did you mean \"cross_entropy\"?"
        ),
        'c.yaml:18: optimizer.learning_rat: unknown key; did you mean "learning_rate"?',
        "c.yaml:19: optimizer.learning_rate: expected a number above 0, found -1",
        "c.yaml:20: optimizer.momentum: expected a number of at least 0 and below 1, found '.inf'",
        "c.yaml:21: schedule.every_epochs: missing; expected an integer of at least 1",
        "c.yaml:21: schedule.factor: missing; expected a number above 0 and below 1",
        "c.yaml:23: training.workers: expected auto or an integer from 1 to 64, found 'yes'",
        "c.yaml:24: training.epochs: expected an integer of at least 0, found 'abc'",
        (
            "c.yaml:25: training.batch_size: expected an integer from 1 to 1000000000,"
            " found a list of 2 items"
        ),
        "c.yaml:26: training.early_stopping: expected a mapping, found 3",
        (
            "c.yaml:27: training.foo: unknown key;"
            " valid keys: epochs, batch_size, start_from, start_from_sha256, workers, monitor,"
            " averaging, early_stopping, stop_at_loss, pictures"
        ),
    ]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.epochs=abc", "expected an integer of at least 0, found 'abc'"),
        ("training.epochs=.nan", "expected an integer of at least 0, found '.nan'"),
        ("training.epochs=1e3", "expected an integer of at least 0, found 1000.0"),
        ("training={epochs: -1}", "training.epochs: expected an integer of at least 0, found -1"),
        ("training=3", "expected a mapping, found 3"),
        (
            "training.start_from_sha256=0ff",
            "expected text of the form ^[0-9a-f]{64}$, found '0ff'",
        ),
        ("epochs=3", 'unknown key; did you mean "training.epochs"?'),
        ("trainig.epochs=3", 'trainig: unknown key; did you mean "training"?'),
        ("training.epoch=null", 'unknown key; did you mean "epochs"?'),
        (
            "optimizer=adm",
            f"optimizer.name: expected one of {OPTIMIZERS}, found 'adm'",
        ),
        (
            "optimizer.name=nestrov",
            f"expected one of {OPTIMIZERS}, found 'nestrov'; did you mean \"nesterov\"?",
        ),
        (
            "optimizer.name={a: 1}",
            f"expected one of {OPTIMIZERS}, found a mapping",
        ),
        (
            "schedule=3",
            (
                "expected one of constant, cosine, exponential, inverse_time, one_cycle, plateau,"
                " step, or a mapping with one of them as its name, found 3"
            ),
        ),
        (
            "network.activation=rleu",
            (
                "expected one of sigmoid, tanh, relu, leaky_relu, elu, gelu, silu, softplus,"
                " step, identity, or a list of at most 100, found 'rleu'; did you mean \"relu\"?"
            ),
        ),
        (
            "network.activation=[relu, 3]",
            (
                "network.activation[1]: expected one of sigmoid, tanh, relu, leaky_relu, elu,"
                " gelu, silu, softplus, step, identity, found 3"
            ),
        ),
        (
            "network.activation=[relu, tanh]",
            (
                "expected one name, or a list of 1, one for each layer of network.hidden,"
                " found a list of 2"
            ),
        ),
        (
            "network.output_activation=softmax",
            (
                "expected an activation of each output by itself; softmax is part of the losses"
                " cross_entropy and brier (the squared error), found 'softmax'"
            ),
        ),
        ("network.activation={a: 1}", "expected one of sigmoid, tanh, relu, leaky_relu, elu,"),
        (
            "network.initializer={name: uniform, low: 1}",
            (
                "network.initializer.high: expected a number above network.initializer.low, 1.0,"
                " found 0.05"
            ),
        ),
        (
            "network.bias_initializer=he_normal",
            (
                "network.bias_initializer.name: expected one of constant, given, normal, uniform,"
                " zeros, found 'he_normal'"
            ),
        ),
        ("network.hidden=30", "expected a list of at most 100 items, each an integer"),
        ("name=a b", "expected at most 100 letters, digits, '.', '_' or '-', beginning with"),
        ("data.class_names=[a, a]", "expected a different name for each class, found a list of"),
        ("data.class_names=[a, '']", "expected names of at least one character, all of them"),
        ("optimizer.momentum=true", "expected a number of at least 0 and below 1, found true"),
        ("training.epochs", "expected key=value, such as training.epochs=20"),
        ("=3", "expected key=value, such as training.epochs=20"),
        ("training..epochs=3", "expected key=value, such as training.epochs=20"),
        ("schedule.zz=1", "unknown key; valid keys: name, warmup_epochs"),
        ("seed=[1", "a list in [ ] lacks a ',' or its ']'"),
        ("seed=*x", "an alias (*x); write the value out"),
    ],
)
def test_an_override_is_its_own_place(override, message):
    assert problems(overrides=[override])[0].startswith(f"{override}: {message}")


def test_the_place_is_where_the_value_was_last_set():
    write("training:\n  epochs: 1\n  batch_size: 0\n", "a.yaml")
    write("\n\ntraining:\n  epochs: -1\n", "b.yaml")
    assert problems("a.yaml", "b.yaml", overrides=["seed=-1"]) == [
        "a.yaml:3: training.batch_size: expected an integer from 1 to 1000000000, found 0",
        "b.yaml:4: training.epochs: expected an integer of at least 0, found -1",
        "seed=-1: expected an integer from 0 to 9223372036854775807, found -1",
    ]


def test_a_list_item_of_a_replaced_list_is_not_blamed_on_the_old_one():
    write("network:\n  hidden:\n  - 3\n  - 4\n", "a.yaml")
    assert problems("a.yaml", overrides=["network.hidden=[5, 0]"]) == [
        "network.hidden=[5, 0]: network.hidden[1]: expected an integer from 1 to 65536, found 0"
    ]


def test_the_short_form_is_the_place_of_its_name():
    write("optimizer: {name: sgd}\n", "a.yaml")
    write("\noptimizer: rprop\n", "b.yaml")
    message = f"expected one of {OPTIMIZERS}, found 'rprop'; did you mean \"rmsprop\"?"
    assert problems("a.yaml", "b.yaml") == [f"b.yaml:2: optimizer.name: {message}"]
    assert problems("a.yaml", overrides=["optimizer=rprop"]) == [
        f"optimizer=rprop: optimizer.name: {message}"
    ]


def test_a_mapping_has_no_place_and_an_earlier_file_is_not_blamed():
    write("training: {epochs: 1}")
    assert problems("c.yaml", {"training": {"epochs": -1}}) == [
        "training.epochs: expected an integer of at least 0, found -1"
    ]


def test_yaml_problems_of_all_sources_are_reported_together():
    write("a: 1\na: 2\n", "a.yaml")
    write("x: [", "b.yaml")
    assert problems("a.yaml", "b.yaml", "nowhere.yaml", overrides=["seed"])[:2] == [
        "a.yaml:2: the key 'a' again; it is on line 1 already",
        "b.yaml:1: a value is missing",
    ]


def test_what_yaml_takes_for_a_number_becomes_text_by_quotes():
    write("name: 2024\ndata:\n  class_names: [0, true, c]\n")
    assert problems("c.yaml") == [
        "c.yaml:1: name: expected text, found 2024; in YAML quotes make it text: '2024'",
        "c.yaml:3: data.class_names[0]: expected text, found 0; in YAML quotes make it text: '0'",
        (
            "c.yaml:3: data.class_names[1]: expected text, found true;"
            " in YAML quotes make it text: 'true'"
        ),
    ]


def test_settings_that_do_not_fit_together_point_to_their_lines():
    write(
        "data: {validation: 0, class_names: [a, b]}\n"
        "network:\n"
        "  output_activation: sigmoid\n"
        "training:\n"
        "  early_stopping:\n"
        "    patience: 3\n"
    )
    assert problems("c.yaml") == [
        (
            "c.yaml:1: data.class_names: only for dataset folder, csv, npz, idx, arrays or table,"
            " found dataset 'synthetic'; data.class_names=null takes it out"
        ),
        (
            "c.yaml:3: network.output_activation: expected identity, found 'sigmoid': softmax is"
            " part of the loss cross_entropy and must be the only activation of the last layer"
        ),
        (
            "c.yaml:5: training.early_stopping.monitor: expected train_loss or train_accuracy,"
            " found 'val_loss': with data.validation 0 there are no validation images to measure"
        ),
    ]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"network": {"batch_norm": True}, "training": {"batch_size": 1}},
            (
                "network.batch_norm: cannot normalise over a batch of one example; expected"
                " training.batch_size of at least 2, found 1"
            ),
        ),
        (
            {"schedule": "plateau", "data": {"validation": 0}},
            (
                "schedule.monitor: expected train_loss or train_accuracy, found 'val_loss': with"
                " data.validation 0 there are no validation images to measure"
            ),
        ),
        (
            {"schedule": {"name": "plateau", "monitor": "val_accuracy"}, "data": {"validation": 0}},
            (
                "schedule.monitor: expected train_loss or train_accuracy, found 'val_accuracy':"
                " with data.validation 0 there are no validation images to measure"
            ),
        ),
    ],
)
def test_batch_normalisation_and_plateaus_need_something_to_measure(values, message):
    assert problems(values) == [message]
    if "schedule" in values:
        values["schedule"] = {"name": "plateau", "monitor": "train_loss"}
    else:
        values["training"] = {"batch_size": 2}
    load_config(values)


def test_binary_cross_entropy_has_its_own_activation():
    assert problems({"loss": "binary_cross_entropy", "network": {"output_activation": "elu"}}) == [
        (
            "network.output_activation: expected identity, found 'elu': sigmoid is part of the loss"
            " binary_cross_entropy and must be the only activation of the last layer"
        )
    ]


def test_the_list_of_activations_is_compared_with_valid_layers_only():
    found = problems({"network": {"hidden": [0], "activation": ["relu", "tanh"]}})
    assert found == ["network.hidden[0]: expected an integer from 1 to 65536, found 0"]


@pytest.mark.parametrize("name", ["schedule_free_sgd", "schedule_free_adamw"])
def test_what_does_not_fit_an_optimizer_without_a_schedule(name):
    load_config({"optimizer": name, "schedule": {"warmup_epochs": 1}})
    found = problems(
        {
            "optimizer": {"name": name, "max_norm": 1},
            "schedule": "cosine",
            "training": {"averaging": {}},
        }
    )
    assert [line.split(": expected")[0] for line in found] == [
        "schedule.name",
        "training.averaging",
        "optimizer.max_norm",
    ]
    assert found[0] == (
        f"schedule.name: expected constant, found 'cosine': {name} has an average in its place"
        " (schedule.warmup_epochs may be set)"
    )


def test_muon_is_for_hidden_layers():
    (problem,) = problems({"optimizer": "muon", "network": {"hidden": []}})
    assert problem.startswith("optimizer.name: found 'muon', which is adamw where")


def test_conflicts_show_beside_other_problems():
    found = problems(
        overrides=["seed=x", "network.output_activation=tanh", "data.validation=12000"]
    )
    assert [line.split(":")[0] for line in found] == [
        "seed=x",
        "network.output_activation=tanh",
        "data.validation=12000",
    ]
    assert found[2].endswith(
        "expected fewer than the 12000 images there are, found 12000: some must be left to train on"
    )


def test_a_wrong_setting_causes_no_conflict_of_its_own():
    write(f"data: {{dataset: idxx, files: {{{', '.join(f'{key}: x' for key in FILES)}}}}}")
    assert len(problems("c.yaml")) == 1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"dataset": "idx"},
            (
                "data.dataset: idx needs data.files with"
                " train_images, train_labels, test_images and test_labels"
            ),
        ),
        (
            {"dataset": "mnist", "files": dict.fromkeys(FILES, "x")},
            "data.files: only for dataset idx, found dataset 'mnist'; data.files=null takes it out",
        ),
        (
            {"added_digits": 10},
            (
                "data.added_digits: only for dataset mnist, found dataset 'synthetic';"
                " data.added_digits=0 takes it out"
            ),
        ),
        (
            {"dataset": "mnist", "train_size": 100, "validation": 100},
            (
                "data.validation: expected fewer than the 100 images there are, found 100:"
                " some must be left to train on"
            ),
        ),
    ],
)
def test_data_settings_that_do_not_fit_together(values, message):
    assert problems({"data": values}) == [message]


@pytest.mark.parametrize("key", ["data.deslant", "network.batch_norm", "training.pictures"])
def test_what_is_neither_true_nor_false(key):
    (problem,) = problems(overrides=[f"{key}=maybe"])
    assert problem.endswith(f"{key}=maybe: expected true or false, found 'maybe'")


def test_a_missing_data_file_is_named():
    assert problems(overrides=["data={dataset: idx, files: {train_images: x}}"])[0].endswith(
        "data.files.train_labels: missing; expected a path"
    )


def test_later_sources_win_and_overrides_win_over_all():
    write("seed: 1\ntraining: {epochs: 1, batch_size: 1}\n", "a.yaml")
    write("training: {epochs: 2, batch_size: 2}\n", "b.yaml")
    config = load_config(
        "a.yaml", "b.yaml", {"seed": 3}, overrides=["training.epochs=4", "training.epochs=5"]
    )
    assert (config.seed, config.training.epochs, config.training.batch_size) == (3, 5, 2)


def test_null_returns_to_the_default():
    write("training: {epochs: 1}\noptimizer: sgd\n")
    config = load_config("c.yaml", overrides=["training.epochs=null", "optimizer=null"])
    assert config.training == Config().training
    assert config.optimizer == Config().optimizer


def test_overrides_are_yaml():
    config = load_config(
        overrides=[
            "optimizer.learning_rate=1e-2",
            "network.hidden=[300, 100]",
            "training.early_stopping={patience: 3}",
            "name=x=y"[:6],
        ]
    )
    assert config.optimizer.learning_rate == 0.01
    assert config.network.hidden == (300, 100)
    assert config.training.early_stopping.patience == 3
    assert config.name == "x"


def test_a_setting_joins_the_short_form_of_its_section():
    write("network: {initializer: normal, bias_initializer: normal}\noptimizer: nesterov\n")
    config = load_config(
        "c.yaml",
        overrides=[
            "network.initializer.std=1",
            "network.bias_initializer.std=2",
            "optimizer.momentum=0.5",
        ],
    )
    assert config.network.bias_initializer.std == 2
    assert config.network.initializer.model_dump() == {"name": "normal", "mean": 0.0, "std": 1.0}
    assert config.optimizer.momentum == 0.5


@pytest.mark.parametrize("override", ["optimizer.name=sgd", "optimizer=sgd"])
def test_a_later_choice_of_kind_keeps_what_both_kinds_have(override):
    write("optimizer:\n  momentum: 0.8\n  learning_rate: 0.5\n")
    optimizer = load_config("c.yaml", overrides=[override]).optimizer
    assert (optimizer.name, optimizer.learning_rate) == ("sgd", 0.5)
    config = load_config("c.yaml", overrides=["optimizer.name=nesterov"])
    assert config.optimizer.momentum == 0.8


@pytest.mark.parametrize("name", ["", "  name: sgd\n"])
def test_a_later_choice_of_kind_drops_what_means_another_thing_to_it(name):
    write("optimizer:\n" + name + "  learning_rate: 0.5\n  weight_decay: 0.25\n")
    optimizer = load_config("c.yaml", overrides=["optimizer=adam"]).optimizer
    assert (optimizer.learning_rate, optimizer.weight_decay) == (0.001, 0.25)
    chosen = ["optimizer=adamw", "optimizer.learning_rate=2e-3"]
    optimizer = load_config("c.yaml", overrides=chosen).optimizer
    assert (optimizer.learning_rate, optimizer.weight_decay) == (0.002, 0.01)


@pytest.mark.parametrize("order", [1, -1])
def test_overrides_say_one_thing_in_whichever_order(order):
    write("optimizer: {name: momentum, momentum: 0.8, weight_decay: 0.25}\n")
    chosen = ["optimizer.weight_decay=0.5", "optimizer.learning_rate=0.01", "optimizer=adamw"]
    optimizer = load_config("c.yaml", overrides=chosen[::order]).optimizer
    assert (optimizer.name, optimizer.learning_rate, optimizer.weight_decay) == ("adamw", 0.01, 0.5)


def test_what_could_not_be_read_again_from_the_runs_config_is_refused():
    rows = 6_000
    table = {"inputs": [[0.5]] * rows, "labels": [0] * rows}
    source = {"data": {"dataset": "table", "table": table}}
    write(resolved_yaml(load_config(source)), "again.yaml")
    assert load_config("again.yaml", {"name": "run"}) == load_config(source)
    table["inputs"] = [[0.5, 0.25]] * rows
    (problem,) = problems(source)
    assert problem.startswith("More than 20,000 keys and values together")


def test_a_setting_that_a_kind_does_not_have_is_refused_where_both_stand_together():
    write("optimizer:\n  name: sgd\n  momentum: 0.8\n")
    assert problems("c.yaml") == [
        (
            "c.yaml:3: optimizer.momentum: unknown key for optimizer sgd;"
            " optimizer.momentum=null takes it out"
        )
    ]


def test_an_override_without_a_value():
    assert problems(overrides=["training.epochs="]) == [
        "training.epochs=: expected a value; training.epochs=null returns to the default"
    ]


def test_sources_are_not_changed():
    first, second = {"optimizer": {"name": "momentum"}}, {"optimizer": {"momentum": 0.5}}
    load_config(first, second)
    assert first == {"optimizer": {"name": "momentum"}}
    assert second == {"optimizer": {"momentum": 0.5}}


def test_data_files_start_at_their_config_or_at_the_working_directory(folder):
    Path("sub").mkdir()
    write(f"data: {{dataset: idx, files: {{{', '.join(f'{k}: x' for k in FILES)}}}}}", "sub/c.yaml")
    files = load_config("sub/c.yaml", overrides=["data.files.test_images=y"]).data.files
    assert files.train_images == folder / "sub" / "x"
    assert files.test_images == folder / "y"


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("small-net.yaml", "small-net"),
        ("my net (2).yaml", "my-net-2-"),
        (".hidden.yaml", "hidden"),
        ("config", "config"),
        ("---.yaml", "run"),
        ("数字.yaml", "run"),
        (f"{'x' * 110}.yaml", "x" * 100),
    ],
)
def test_a_run_is_named_after_its_config_file(file, name):
    write("seed: 2", file)
    assert load_config(file).name == name


def test_a_run_is_named_after_the_last_file_unless_a_name_is_given():
    write("seed: 2", "a.yaml")
    write("seed: 2", "b.yaml")
    assert load_config("a.yaml", "b.yaml", {"seed": 3}).name == "b"
    assert load_config("a.yaml", "b.yaml", overrides=["name=c"]).name == "c"


@pytest.mark.parametrize("name", config_names())
def test_every_shipped_config_loads_by_its_name_and_by_its_path(name):
    assert load_config(name) == load_config(f"{name}.yaml") == load_config(find_config(name))


@pytest.mark.parametrize("name", config_names())
def test_what_a_shipped_config_says_is_as_in_mnist_is(name):
    path = find_config(name)
    text = path.read_text("utf-8").splitlines()
    config, mnist = (load_config(each).model_dump() for each in (name, "mnist"))
    for keys, line in read_yaml(path).lines.items():
        if text[line - 1].endswith("# as in mnist.yaml") and isinstance(keys[-1], str):
            found, expected = config, mnist
            for key in map(str, keys):
                found, expected = found[key], expected[key]
            assert found == expected, text[line - 1]


def test_an_existing_file_wins_over_a_shipped_name_and_a_folder_does_not():
    Path("mnist").mkdir()
    assert load_config("mnist").data.dataset == "mnist"
    Path("mnist").rmdir()
    write("seed: 7", "mnist")
    assert load_config("mnist").seed == 7


def test_an_unknown_name_lists_the_shipped_ones_the_likeliest_first():
    (line,) = problems("configs/mnits.yaml")
    assert line.startswith(
        "configs/mnits.yaml: no such file, and no shipped config has this name; shipped are mnist, "
    )
    assert "smoke" in line


def test_a_folder_is_no_config():
    Path("runs").mkdir()
    assert problems("runs")[0].startswith("runs: a folder, not a config file, and no shipped")


@pytest.mark.skipif(os.name != "posix", reason="named pipes are POSIX")
def test_a_config_may_come_through_a_pipe():
    os.mkfifo("pipe")
    with subprocess.Popen([sys.executable, "-c", "open('pipe', 'w').write('seed: 9')"]):
        assert load_config("pipe").seed == 9


number = st.floats(allow_nan=False, allow_infinity=False)
share = st.floats(min_value=0, max_value=1, exclude_max=True)


@given(
    learning_rate=number.filter(lambda x: x > 0),
    mean=number,
    validation=st.one_of(share, st.integers(0, 11_999)),
    momentum=share,
    seed=st.integers(0, 2**63 - 1),
    name=st.from_regex(r"[0-9a-zA-Z_][0-9eExXo.-]{0,5}", fullmatch=True).filter(is_run_name),
    class_names=st.lists(
        st.text(min_size=1).filter(str.isprintable), min_size=2, max_size=5, unique=True
    ),
)
def test_the_resolved_yaml_loads_back_equal(
    tmp_path_factory, learning_rate, mean, validation, momentum, seed, name, class_names
):
    path = tmp_path_factory.getbasetemp() / "resolved.yaml"
    values = {
        "name": name,
        "seed": seed,
        "data": {
            "dataset": "idx",
            "files": {key: f"{key} 1e3: #.gz" for key in FILES},
            "class_names": class_names,
            "validation": validation,
        },
        "network": {
            "hidden": [4, 3],
            "activation": ["gelu", "silu"],
            "initializer": {"name": "normal", "mean": mean},
            "bias_initializer": {"name": "uniform"},
        },
        "loss": {"label_smoothing": 0.1},
        "optimizer": {"name": "nesterov", "learning_rate": learning_rate, "momentum": momentum},
        "schedule": {"name": "step", "every_epochs": 3, "factor": 0.5, "warmup_epochs": 0.5},
        "training": {"early_stopping": {"monitor": "train_loss"}, "workers": 2},
    }
    config = load_config(values)
    path.write_text(resolved_yaml(config), encoding="utf-8")
    again = load_config(path)
    assert again == config
    assert type(again.data.validation) is type(config.data.validation)
    assert load_config(config.model_dump(mode="json")) == config


def test_the_resolved_yaml_is_readable():
    config = load_config(overrides=["network.hidden=[300, 100]", "optimizer.learning_rate=1e-5"])
    network, optimizer = (
        "network:\n  hidden: [300, 100]\n  activation: relu\n",
        "optimizer:\n  name: momentum\n  learning_rate: 1.0e-05\n",
    )
    text = resolved_yaml(config)
    assert text.startswith("name: run\nseed: 1\ndtype: float32\ndata:\n  dataset: synthetic\n")
    assert network in text
    assert optimizer in text
    keys = [line.split(":")[0] for line in text.splitlines() if line[0] != " "]
    assert keys == list(Config.model_fields)


KEYS = [
    *Config.model_fields,
    *("dataset", "files", "validation", "hidden", "initializer", "std", "momentum"),
    *("epochs", "early_stopping", "learning_rate"),
]

json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS) | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(list(Config.model_fields)), json_like, max_size=5))
def test_any_mapping_is_a_config_or_a_config_error(values):
    with contextlib.suppress(ConfigError):
        assert isinstance(load_config(values), Config)


@given(st.text(max_size=30), json_like)
def test_any_override_is_applied_or_a_config_error(text, value):
    for override in (text, f"{text}={value}", f"optimizer={value}", f"network.hidden={value}"):
        with contextlib.suppress(ConfigError):
            assert isinstance(load_config(overrides=[override]), Config)


def test_what_would_do_nothing_is_refused():
    (problem,) = problems({"network": {"hidden": []}, "optimizer": {"max_norm": 2}})
    assert problem.startswith("optimizer.max_norm: found 2, but it is for the weights into hidden")
    table = {"inputs": [[0], [1]], "labels": [0, 1], "points": 50}
    assert problems({"data": {"dataset": "table", "table": table}}) == [
        "data.table.points: only for a formula; data.table.points=null takes it out"
    ]


@pytest.mark.parametrize(
    ("table", "change", "message"),
    [
        ({"formula": "x"}, {"loss": "cross_entropy"}, "expected one of mse, quadratic: cross"),
        (
            {"inputs": [[1]], "targets": [[0.5]]},
            {"loss": "cross_entropy"},
            "expected one of binary_cross_entropy, mse, quadratic, perceptron: cross",
        ),
        ({"formula": "x"}, {"training": {"early_stopping": {}}}, "expected train_loss, found"),
    ],
)
def test_what_is_advised_for_a_regression_is_possible(table, change, message):
    settings = {"data": {"dataset": "table", "table": table}, "loss": "mse"}
    assert any(message in line for line in problems(settings, change))


@pytest.mark.parametrize("order", [1, -1])
def test_what_a_kind_lacks_is_told_where_it_was_chosen(order):
    chosen = ["schedule.name=step", "schedule.warmup_epochs=1"][::order]
    lines = problems(overrides=chosen)
    assert len(lines) == 2
    assert all(line.startswith("schedule.name=step: schedule.") for line in lines)


@pytest.mark.parametrize(
    ("sections", "problem"),
    [
        (
            {"network": {"hidden": [], "batch_norm": True}},
            r"network.batch_norm.*: found true, but it is for hidden layers",
        ),
        (
            {"network": {"hidden": [], "dropout": {"hidden": 0.5}}},
            r"network.dropout.hidden.*: found 0.5, but it is for hidden layers",
        ),
        (
            {"data": {"dataset": "table", "table": {"formula": "x", "low": 1, "high": 1}}},
            r"data.table.high.*: expected a number above data.table.low, 1.0, found 1.0",
        ),
    ],
)
def test_what_has_no_meaning_is_refused(sections, problem):
    with pytest.raises(ConfigError, match=problem):
        load_config(sections)


def test_a_renamed_key_is_told_by_its_present_name():
    write("training:\n  threads: 2\n")
    renamed = "unknown key; training.threads is now training.workers"
    assert problems("c.yaml") == [f"c.yaml:2: training.threads: {renamed}"]
    assert problems(overrides=["training.threads=2"]) == [f"training.threads=2: {renamed}"]
    assert problems(overrides=["training.threads=null"]) == [f"training.threads=null: {renamed}"]


@pytest.mark.parametrize("saved", [{}, {"training": 3}, {"training": {"workers": 2}}, [1]])
def test_a_saved_config_without_renamed_keys_stays_as_it_is(saved):
    assert with_present_names(saved) == saved


def test_a_later_choice_of_kind_drops_a_nested_sections_settings_too():
    write("network: {initializer: {name: normal, std: 1}}\n")
    config = load_config("c.yaml", overrides=["network.initializer=he_normal"])
    assert config.network.initializer.model_dump() == {"name": "he_normal"}


def test_the_shipped_names():
    assert {"fashion_mnist", "mnist", "quickstart", "smoke"} <= set(config_names())


def test_paths_of_shipped_configs_start_where_one_works(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_config("kaggle").data.path == tmp_path / "train.csv"
    assert load_config("corrections").data.path == tmp_path / "wrong"
    other = tmp_path / "folder" / "mine.yaml"
    other.parent.mkdir()
    other.write_text("data: {dataset: csv, path: t.csv, test_path: u.csv}")
    data = load_config(other).data
    assert data.paths == (other.parent / "t.csv", other.parent / "u.csv")


@pytest.mark.parametrize("key", [None, 3, 1.5, ("a",)])
def test_a_key_of_a_mapping_that_is_no_text(key):
    for value in (None, 3):
        with pytest.raises(ConfigError, match="unknown key"):
            load_config({"training": {key: value}})
