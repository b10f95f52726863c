"""Reading a sweep: from a file, the command line, or both."""

import pytest

from mlpcli.config import sweep_loading
from mlpcli.config.sweep_loading import grid_values, load_sweep
from mlpcli.config.writing import as_yaml
from mlpcli.errors import ConfigError


def problems(sweep=None, **given):
    with pytest.raises(ConfigError) as raised:
        load_sweep(sweep, **given)
    return str(raised.value).split("\n")


def parameters(*overrides):
    sweep = load_sweep(overrides=overrides)
    return {
        key: parameter.model_dump(exclude_defaults=True)
        for key, parameter in sweep.settings.parameters.items()
    }


def test_several_values_make_a_parameter_and_one_changes_the_base():
    sweep = load_sweep(
        configs=["smoke"],
        overrides=[
            "optimizer.learning_rate=0.01,0.03,0.1",
            "network.hidden=[64],[128, 64]",
            "training.epochs=3",
            "seed=1..5",
        ],
    )
    assert sweep.settings.parameters["optimizer.learning_rate"].values == (0.01, 0.03, 0.1)
    assert sweep.settings.parameters["network.hidden"].values == ([64], [128, 64])
    assert sweep.base.training.epochs == 3
    assert sweep.seeds == (1, 2, 3, 4, 5)
    assert (sweep.settings.sampler.name, sweep.trials) == ("grid", 6)
    assert (sweep.settings.name, sweep.monitor) == ("smoke", "val_accuracy")


def test_one_worker_trains_each_trial():
    sweep = load_sweep(configs=["mnist"], overrides=["seed=1,2"])
    assert sweep.base.training.workers == 1
    assert sweep.config({}, 2).training.workers == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1..4", {"values": (1, 2, 3, 4)}),
        ("8,16..18", {"values": (8, 16, 17, 18)}),
        ("{low: 8, high: 64, step: 8}", {"low": 8, "high": 64, "step": 8}),
        ("{low: 8, high: 64, log: true}", {"low": 8, "high": 64, "log": True}),
        ("1..1000", {"values": tuple(range(1, 1001))}),
        ("16..2048", {"low": 16, "high": 2048}),
    ],
)
def test_ranges(text, expected):
    assert parameters(f"training.batch_size={text}") == {"training.batch_size": expected}


def test_a_range_of_fractions_is_searched_not_listed():
    sweep = load_sweep(overrides=["optimizer.momentum=0.5..0.9"])
    assert parameters("optimizer.momentum=0.5..0.9") == {
        "optimizer.momentum": {"low": 0.5, "high": 0.9}
    }
    assert (sweep.settings.sampler.name, sweep.trials) == ("tpe", 20)


@pytest.mark.parametrize(
    ("parameter", "values"),
    [
        ({"values": [1, 5]}, (1, 5)),
        ({"low": 1, "high": 3}, (1, 2, 3)),
        ({"low": 0.1, "high": 0.5, "step": 0.1}, (0.1, 0.2, 0.30000000000000004, 0.4, 0.5)),
        ({"low": 0.1, "high": 0.5}, ()),
        ({"low": 1, "high": 100, "log": True}, ()),
    ],
)
def test_the_values_of_a_grid(parameter, values):
    sweep = load_sweep({"parameters": {"optimizer.l1": parameter}, "sampler": "random"})
    found = grid_values(sweep.settings.parameters["optimizer.l1"])
    assert found == pytest.approx(values)
    assert list(map(type, found)) == list(map(type, values))


def test_the_command_line_wins_over_a_sweep_file(tmp_path):
    file = tmp_path / "s.yaml"
    file.write_text(
        "base: smoke\nparameters:\n  optimizer.learning_rate: [0.1, 0.2]\n"
        "  training.batch_size: [16, 32]\nsampler: {name: tpe, seed: 7}\ntrials: 5\n"
    )
    sweep = load_sweep(
        file, overrides=["optimizer.learning_rate=0.3", "trials=9", "sampler.round=2", "seed=4"]
    )
    assert list(sweep.settings.parameters) == ["training.batch_size"]
    assert sweep.base.optimizer.learning_rate == 0.3
    assert (sweep.trials, sweep.seeds) == (9, (4,))
    assert (sweep.settings.sampler.seed, sweep.settings.sampler.round) == (7, 2)
    assert sweep.settings.name == "s"


def test_another_sampler_has_settings_of_its_own():
    file = {"sampler": {"name": "tpe", "round": 8}, "parameters": {"training.epochs": [1, 2]}}
    assert load_sweep(file, overrides=["sampler=random"]).settings.sampler.name == "random"
    assert load_sweep(file, overrides=["sampler=tpe"]).settings.sampler.round == 8
    assert load_sweep(file, overrides=["sampler.seed=3"]).settings.sampler.round == 8
    random = load_sweep(file, overrides=["sampler.seed=3", "sampler=random"]).settings.sampler
    assert (random.name, random.seed) == ("random", 3)


def test_parameters_on_the_command_line_in_the_form_of_a_sweep_file():
    expected = {"training.epochs": {"values": (1, 2)}}
    assert parameters("parameters.training.epochs=[1, 2]") == expected
    assert parameters("parameters={training.epochs: [1, 2]}") == expected


def test_the_last_of_several_overrides_wins():
    several, one = "training.epochs=1,2", "training.epochs=3"
    sweep = load_sweep(overrides=[several, one])
    assert (sweep.settings.parameters, sweep.base.training.epochs) == ({}, 3)
    assert parameters(one, several) == {"training.epochs": {"values": (1, 2)}}


def test_a_parameter_that_is_no_text():
    assert "5: unknown key" in problems({"parameters": {5: [1, 2]}})[0]


def test_a_sampler_without_a_name_is_tpe():
    file = {"sampler": {"seed": 7}, "parameters": {"training.epochs": [1, 2]}}
    for override, expected in (
        ("sampler=random", ("random", 1)),
        ("sampler=tpe", ("tpe", 7)),
        ("sampler.round=2", ("tpe", 7)),
    ):
        sampler = load_sweep(file, overrides=[override]).settings.sampler
        assert (sampler.name, sampler.seed) == expected
    tpe = load_sweep(overrides=["sampler.seed=3", "sampler.round=2", "seed=1,2"]).settings.sampler
    assert (tpe.name, tpe.seed, tpe.round) == ("tpe", 3, 2)
    sampler = load_sweep({"sampler": 5}, overrides=["sampler=grid", "seed=1,2"]).settings.sampler
    assert sampler.name == "grid"


def test_a_base_of_several_parts(tmp_path):
    (tmp_path / "mine.yaml").write_text("training: {epochs: 7}\n")
    file = tmp_path / "s.yaml"
    file.write_text("base:\n- smoke\n- mine.yaml\n- data: {train_size: 500}\n")
    base = load_sweep(file).base
    assert (base.training.epochs, base.data.train_size, base.network.hidden) == (7, 500, (64,))


def test_relative_paths_in_a_sweep_file_start_at_its_folder(tmp_path, monkeypatch):
    mine = tmp_path / "mine"
    mine.mkdir()
    file = mine / "s.yaml"
    file.write_text(
        "base: {data: {dataset: folder, path: digits}, training: {start_from: boxed}}\n"
    )
    monkeypatch.chdir(tmp_path)
    base = load_sweep(file).base
    assert base.data.path == mine / "digits"
    assert str(base.training.start_from) == "boxed"
    part = {"data": {"dataset": "folder", "path": "digits"}}
    assert load_sweep({"base": ["smoke", part]}).base.data.path == tmp_path / "digits"
    assert part["data"]["path"] == "digits"


def test_whole_configs_are_a_parameter():
    sweep = load_sweep(
        {
            "base": "mnist",
            "parameters": {
                "config": ["fashion_mnist", {"name": "wide", "network": {"hidden": [9]}}],
                "optimizer.learning_rate": [0.5],
            },
        }
    )
    named = sweep.config({"config": "fashion_mnist", "optimizer.learning_rate": 0.5}, 3)
    assert (named.data.dataset, named.seed, named.optimizer.learning_rate) == (
        "fashion_mnist",
        3,
        0.5,
    )
    assert named.name == "mnist"
    assert sweep.config({"config": {"network": {"hidden": [9]}}}, 1).network.hidden == (9,)


def test_whole_configs_may_lie_beside_the_sweep_file(tmp_path, monkeypatch):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "wide.yaml").write_text("network: {hidden: [9]}\n")
    file = mine / "s.yaml"
    file.write_text("base: smoke\nparameters: {config: [wide.yaml, quickstart]}\n")
    monkeypatch.chdir(mine)
    assert load_sweep(file).settings.parameters["config"].values == ("wide.yaml", "quickstart")
    monkeypatch.chdir(tmp_path)
    sweep = load_sweep(file)
    found = (str(mine / "wide.yaml"), "quickstart")
    assert sweep.settings.parameters["config"].values == found
    assert sweep.config({"config": found[0]}, 1).network.hidden == (9,)


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"])
def test_a_name_that_no_file_can_have(tmp_path, name):
    file = tmp_path / "s.yaml"
    for content in ({"base": name}, {"parameters": {"config": [name]}}):
        file.write_text(as_yaml(content), encoding="utf-8")
        assert "no such file" in problems(file)[0]


def test_the_whole_sweep_loads_back(tmp_path):
    sweep = load_sweep(
        configs=["smoke"],
        overrides=[
            "optimizer.learning_rate={low: 0.001, high: 0.1, log: true}",
            "network.activation=relu,tanh",
            "seed=1..3",
            "halving={}",
            "minutes=2",
        ],
    )
    file = tmp_path / "whole.yaml"
    file.write_text(sweep.as_yaml())
    again = load_sweep(file)
    assert again == sweep
    assert again.as_yaml() == sweep.as_yaml()


@pytest.mark.parametrize("name", ["learning_rate", "committee"])
def test_shipped_sweeps_are_valid(name):
    assert load_sweep(f"sweeps/{name}").settings.name == name


def test_every_problem_is_reported_with_its_line(tmp_path):
    file = tmp_path / "s.yaml"
    file.write_text(
        """base: smoke
parameters:
  optimizer.learning_rate: [0.01, -0.03, 0.1]
  network.hiden: [[64]]
  network.hidden: {values: [[64], [128, 0]]}
  optimizer.momentum: {low: 0.9, high: 0.5}
  seed: [1, 2]
sampler: tpee
seeds: [1, 1]
monitor: train_loss
halfing: {}
"""
    )
    assert problems(file) == [
        f'{file}:4: parameters.network.hiden: unknown key; did you mean "hidden"?',
        (
            f"{file}:6: parameters.optimizer.momentum: expected low below high, which are 0.9 and"
            " 0.5, found a mapping"
        ),
        f"{file}:7: parameters.seed: no parameter can be this setting; set seeds of the sweep",
        (
            f"{file}:8: sampler.name: expected one of grid, random, tpe, found 'tpee'; did you mean"
            ' "tpe"?'
        ),
        f"{file}:9: seeds: expected different seeds, found a list of 2 items",
        (
            f"{file}:10: monitor: expected one of val_accuracy, val_loss, found 'train_loss'; did"
            ' you mean "val_loss"?'
        ),
        f'{file}:11: halfing: unknown key; did you mean "halving"?',
        f"{file}:3: optimizer.learning_rate: expected a number above 0, found -0.03",
        f"{file}:5: network.hidden[1]: expected an integer from 1 to 65536, found 0",
    ]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("trials=0", "trials=0: expected an integer from 1 to 100000, found 0"),
        ("seed=1,1", "seed=1,1: seeds: expected different seeds, found a list of 2 items"),
        ("training.workers=1,2", "no parameter can be this setting; it is the same for all trials"),
        ("halving.factor=1", "halving.factor=1: expected an integer from 2 to 100, found 1"),
        ("optimizer.learning_rat=0.1,0.2", 'unknown key; did you mean "learning_rate"?'),
        ("optimizer.learning_rate", "expected key=value"),
        ("data.validation=0", "data.validation: found 0, but a sweep compares its trials by"),
        ("base.training.epochs=3", "base.training.epochs=3: here the base is named by --config"),
        ("base=quickstart", "base=quickstart: here the base is named by --config"),
        ("parameters=5", "parameters=5: expected a mapping, found 5"),
        ("parameters.training.epochs=5", "expected a mapping or a list or text, found 5"),
        ("training.batch_size=9..5", "expected low below high, which are 9 and 5"),
        ("optimizer.momentum={low: 0.1}", "expected values, or low and high, found a mapping"),
        ("optimizer.momentum={low: 0, high: 0.5, log: true}", "expected low above 0, because log"),
    ],
)
def test_problems_of_the_command_line(override, message):
    assert message in problems(overrides=[override])[0]


def test_a_value_that_fits_only_another_parameter_is_no_problem():
    sweep = load_sweep(
        {
            "base": {"optimizer": {"name": "adam", "learning_rate": 0.001}},
            "parameters": {
                "optimizer.name": ["adam", "nesterov"],
                "optimizer.momentum": [0.5],
            },
        }
    )
    with pytest.raises(ConfigError, match="unknown key for optimizer adam"):
        sweep.config({"optimizer.name": "adam", "optimizer.momentum": 0.5}, 1)
    assert sweep.config({"optimizer.name": "nesterov", "optimizer.momentum": 0.5}, 1)


def test_of_very_many_impossible_values_the_first_are_told(monkeypatch):
    overrides = ["optimizer.momentum=2,3,4", "optimizer.l1=0,0.1"]
    assert [line[-1] for line in problems(overrides=overrides)] == ["2", "3", "4"]
    monkeypatch.setattr(sweep_loading, "MOST_TRIES_IN_ALL", 5)
    assert [line[-1] for line in problems(overrides=overrides)] == ["2", "3"]


def test_a_grid_has_as_many_trials_as_combinations():
    assert problems(overrides=["training.epochs=1,2,3", "trials=4"]) == [
        "trials: expected at most 3, the number of different combinations, found 4"
    ]
    assert load_sweep(overrides=["training.epochs=1,2,3", "trials=2"]).trials == 2


def test_a_grid_needs_values_and_halving_decides_the_epochs():
    assert problems(overrides=["optimizer.momentum=0.1..0.5", "sampler=grid"]) == [
        (
            "optimizer.momentum=0.1..0.5: parameters.optimizer.momentum: a grid needs values, or a"
            " range with a step; or take sampler=random"
        )
    ]
    assert problems(overrides=["training.epochs=1,2", "halving={}"]) == [
        (
            "training.epochs=1,2: parameters.training.epochs: halving decides how long a trial is"
            " trained; take this parameter out"
        )
    ]


def test_a_regression_is_compared_by_its_loss():
    sweep = load_sweep(configs=["examples/sine"], overrides=["data.validation=20", "seed=1,2"])
    assert sweep.monitor == "val_loss"


def test_trials_are_compared_though_the_base_holds_nothing_out():
    sweep = load_sweep(configs=["examples/sine"], overrides=["data.validation=20,30"])
    assert (sweep.monitor, sweep.minimize) == ("val_loss", True)
    assert sweep.config({"data.validation": 20}, 1).training.monitor == "val_loss"


def test_a_mapping_has_no_place_in_a_message():
    assert problems({"base": [1]})[0].startswith("base: expected the name of a config")
    assert problems({"parameters": {"config": [1]}})[0].startswith("config: expected the name")


def test_no_parameters_but_seeds():
    sweep = load_sweep(configs=["smoke"], overrides=["seed=1..3"])
    assert (sweep.trials, sweep.seeds) == (1, (1, 2, 3))
