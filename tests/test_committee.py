import dataclasses

import numpy as np
import pytest
from helpers.runs import Told

import mlpcli
from mlpcli.errors import CheckpointError, DataError
from mlpcli.inference.committee import load_committee
from mlpcli.inference.evaluate_checkpoints import Split, evaluate_checkpoints
from mlpcli.storage.checkpoint import load_checkpoint, save_checkpoint

TABLE = {
    "inputs": [[0.0], [1.0], [2.0], [3.0]],
    "targets": [[10.0, 1.0], [20.0, 0.0], [40.0, 5.0], [80.0, 2.0]],
}
"""of a regression whose two outputs have units of their own"""


def trained(bars, folder, *overrides):
    config = mlpcli.load_config(bars, overrides=["training.epochs=2", *overrides])
    return mlpcli.train(config, runs_dir=folder).folder


def test_a_committee_answers_by_the_mean_of_its_probabilities(bars, tmp_path):
    folders = [trained(bars, tmp_path, f"seed={seed}") for seed in (1, 2, 3)]
    alone = [evaluate_checkpoints(folder) for folder in folders]
    together = evaluate_checkpoints(*folders)
    mean = np.mean([each.probabilities.astype(np.float64) for each in alone], axis=0)
    np.testing.assert_allclose(together.probabilities, mean, rtol=1e-6)
    assert np.array_equal(together.predictions, mean.argmax(axis=1))
    right = mean[np.arange(len(mean)), together.labels]
    assert together.loss == pytest.approx(-np.log(right).mean(), rel=1e-6)
    assert together.accuracy == np.mean(mean.argmax(axis=1) == together.labels)


def test_a_committee_of_one_is_the_network_itself(bars, tmp_path):
    folder = trained(bars, tmp_path)
    one, alone = load_committee([folder]), mlpcli.load_model(folder)
    images = np.zeros((2, *alone.image_shape), np.uint8)
    assert np.array_equal(one.predict_proba(images), alone.predict_proba(images))


def test_regressions_answer_by_the_mean_of_their_outputs(tmp_path):
    folders = [
        mlpcli.train(
            mlpcli.load_config(
                {"data": {"dataset": "table", "normalization": "standardize", "table": TABLE}},
                {"network": {"hidden": [3]}, "loss": loss, "optimizer": {"learning_rate": 0.01}},
                overrides=["training.epochs=2", "training.pictures=false", f"seed={seed}"],
            ),
            runs_dir=tmp_path,
        ).folder
        for seed, loss in enumerate(["mse", "quadratic"])
    ]
    one, two = (evaluate_checkpoints(folder) for folder in folders)
    together = evaluate_checkpoints(*folders)
    mean = (np.asarray(one.outputs) + np.asarray(two.outputs)) / 2
    np.testing.assert_allclose(np.asarray(together.outputs), mean, rtol=1e-6)
    errors = mean - np.asarray(TABLE["targets"])
    assert together.loss == pytest.approx((errors**2).mean(), rel=1e-6)
    assert together.loss_is == "mean squared error"
    assert together.accuracy is None
    committee = load_committee(folders)
    np.testing.assert_allclose(committee.predict(TABLE["inputs"]), mean, rtol=1e-6)


def test_networks_of_other_tasks_do_not_answer_together(bars, tmp_path):
    known = trained(bars, tmp_path)
    other = mlpcli.train(
        mlpcli.load_config("quickstart", overrides=["training.epochs=1", "data.train_size=100"]),
        runs_dir=tmp_path,
    ).folder
    with pytest.raises(CheckpointError, match="trained for the same task"):
        load_committee([known, other])


def test_the_part_held_out_must_be_the_same_for_all(bars, tmp_path):
    copies = {}
    splits: tuple[Split, ...] = ("validation", "train")
    for kind in ("images", "labels"):
        copies[kind] = tmp_path / f"copy-of-{kind}"
        copies[kind].write_bytes((bars.parent / f"train-{kind}").read_bytes())
    first = trained(bars, tmp_path)
    same = trained(bars, tmp_path, "optimizer.learning_rate=0.3")
    for key, value, differ in (
        ("seed", 2, "seed"),
        ("data.validation", 7, "data.validation"),
        ("data.train_size", 149, "data.train_size"),
        ("data.files.train_images", copies["images"], "data.files"),
        ("data.files.train_labels", copies["labels"], "data.files"),
    ):
        other = trained(bars, tmp_path, f"{key}={value}")
        for split in splits:
            told = f"do not have the same {split} split: they differ in {differ}; use --split test"
            with pytest.raises(DataError, match=told):
                evaluate_checkpoints(first, other, split=split)
    for split in splits:
        assert evaluate_checkpoints(first, same, split=split).accuracy is not None


def test_whose_test_images_it_was_is_said_where_they_differ(bars, tmp_path):
    first, few, fewer = (
        trained(bars, tmp_path, *settings)
        for settings in ((), ["data.test_size=9"], ["data.test_size=8"])
    )
    same, other_seed = (
        trained(bars, tmp_path, "data.test_size=9", f"seed={seed}") for seed in (1, 2)
    )
    for files, differ in (
        ((first, few), "data.test_size"),
        ((few, fewer), "data.test_size"),
        ((few, same, other_seed), "seed"),
        ((other_seed, few, fewer), "data.test_size, seed"),
        ((first, other_seed), "data.test_size"),
        ((other_seed, first), "data.test_size"),
    ):
        told = Told()
        labels = evaluate_checkpoints(*files, reporter=told).labels
        expected = f"Evaluated on the test images of the first network; they differ in {differ}."
        assert told.remarks == [expected]
        assert np.array_equal(labels, evaluate_checkpoints(files[0]).labels)
    told = Told()
    assert len(evaluate_checkpoints(few, same, reporter=told).labels) == 9
    assert not told.remarks


def test_networks_are_not_judged_on_the_test_files_of_one(bars, tmp_path):
    first = trained(bars, tmp_path)
    for kind in ("images", "labels"):
        for part in ("train", "test"):
            content = (bars.parent / f"{part}-{kind}").read_bytes()
            (tmp_path / f"other-{part}-{kind}").write_bytes(content)
    other_test = trained(bars, tmp_path, f"data.files.test_labels={tmp_path}/other-test-labels")
    other_training = trained(
        bars, tmp_path, f"data.files.train_images={tmp_path}/other-train-images"
    )
    for files in ((first, other_test), (other_test, first)):
        with pytest.raises(DataError, match=r"differ in data\.files; evaluate each") as caught:
            evaluate_checkpoints(*files)
        assert "--dataset" not in str(caught.value)
    assert evaluate_checkpoints(first, other_training).accuracy is not None
    with pytest.raises(
        DataError, match=r"train split: they differ in data\.files; use --split test"
    ):
        evaluate_checkpoints(first, other_training, split="train")
    assert evaluate_checkpoints(first, other_test, split="train").accuracy is not None
    with pytest.raises(DataError, match=r"train split: they differ in data\.files; use"):
        evaluate_checkpoints(first, other_test, other_training, split="train")


def test_synthetic_test_digits_are_drawn_by_the_seed(bars, tmp_path):
    settings = ["training.epochs=1", "data.train_size=100", "data.test_size=20"]
    first, second = (
        mlpcli.train(
            mlpcli.load_config("quickstart", overrides=[*settings, f"seed={seed}"]),
            runs_dir=tmp_path,
        ).folder
        for seed in (1, 2)
    )
    for dataset in (None, "synthetic"):
        told = Told()
        evaluate_checkpoints(first, second, dataset=dataset, reporter=told)
        assert "test images of the first network; they differ in seed." in told.remarks[-1]


def test_seeds_may_differ_on_the_whole_of_a_published_test_set(
    fabricate, mirror, tmp_path, monkeypatch
):
    mirror.serve_folder(fabricate("mnist").write_to(tmp_path / "mirror"))
    monkeypatch.setenv("MLPCLI_MIRROR", mirror.url)
    folders = []
    for seed, dataset in ((1, "mnist"), (2, "mnist"), (3, "synthetic")):
        data = {"dataset": dataset, "validation": 3, "test_size": seed // 3 * 7 or None}
        config = mlpcli.load_config(
            {"seed": seed, "data": data, "network": {"hidden": [4]}, "training": {"epochs": 1}},
            {"data": {"train_size": 20}} if dataset == "synthetic" else {},
        )
        run = mlpcli.train(config, runs_dir=tmp_path / "runs", data_dir=tmp_path / "cache")
        folders.append(run.folder)
    cache = tmp_path / "cache"
    whole = evaluate_checkpoints(folders[0], data_dir=cache).labels
    assert np.array_equal(evaluate_checkpoints(*folders[:2], data_dir=cache).labels, whole)
    assert np.array_equal(
        evaluate_checkpoints(*folders, dataset="mnist", data_dir=cache).labels, whole
    )


def test_networks_of_different_datasets_need_one_to_be_named(bars, tmp_path):
    settings = ["training.epochs=1", "data.train_size=100", "network.hidden=[4]"]
    drawn = mlpcli.train(
        mlpcli.load_config("quickstart", overrides=settings), runs_dir=tmp_path
    ).folder
    content = mlpcli.load_config("quickstart", overrides=settings).model_dump(mode="json")
    checkpoint = load_checkpoint(drawn / "weights" / "best.safetensors")
    content["data"]["dataset"] = "mnist"
    other = tmp_path / "other"
    save_checkpoint(other, dataclasses.replace(checkpoint, config=content))
    with pytest.raises(DataError, match="--dataset"):
        evaluate_checkpoints(drawn, other)
    assert evaluate_checkpoints(drawn, other, dataset="synthetic").accuracy is not None
    with pytest.raises(DataError, match=r"do not have the same validation split.*train_size"):
        evaluate_checkpoints(other, drawn, dataset="synthetic", split="validation")


def test_the_part_held_out_is_the_same_whatever_else_was_trained_on(
    fabricate, mirror, tmp_path, monkeypatch
):
    mirror.serve_folder(fabricate("mnist").write_to(tmp_path / "mirror"))
    monkeypatch.setenv("MLPCLI_MIRROR", mirror.url)
    folders = []
    for added in (0, 20):
        data = {"dataset": "mnist", "validation": 3, "added_digits": added}
        config = mlpcli.load_config(
            {"data": data, "network": {"hidden": [4]}, "training": {"epochs": 1}}
        )
        run = mlpcli.train(config, runs_dir=tmp_path / "runs", data_dir=tmp_path / "cache")
        folders.append(run.folder)
    judged = evaluate_checkpoints(*folders, split="validation", data_dir=tmp_path / "cache")
    assert len(judged.labels) == 3
    with pytest.raises(DataError, match="do not have the same train split"):
        evaluate_checkpoints(*folders, split="train", data_dir=tmp_path / "cache")


def test_networks_of_different_tables_are_not_judged_on_the_rows_of_one(tmp_path):
    folders = []
    for inputs in ([[0], [1], [2]], [[0], [1], [3]]):
        data = {"dataset": "table", "table": {"inputs": inputs, "labels": [0, 1, 0]}}
        config = mlpcli.load_config(
            {"data": data, "network": {"hidden": [2]}, "training": {"epochs": 1}}
        )
        folders.append(mlpcli.train(config, runs_dir=tmp_path).folder)
    assert evaluate_checkpoints(folders[0], folders[0]).labels.tolist() == [0, 1, 0]
    with pytest.raises(DataError, match="trained on different data"):
        evaluate_checkpoints(*folders)
