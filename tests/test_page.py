"""`mlpcli page`: what is in the file. `tests/browser/` opens it."""

import base64
import dataclasses
import html
import itertools
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from helpers.processes import in_process

import mlpcli
from mlpcli.cli.main import command
from mlpcli.data import synthetic
from mlpcli.data.sources import TEST_START
from mlpcli.errors import CheckpointError
from mlpcli.explaining.notation import NOTATIONS
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.symbols import SYMBOLS
from mlpcli.page import page as page_module
from mlpcli.page.pack import WEB, as_data, modules, packed, script
from mlpcli.page.page import make_page
from mlpcli.page.test_images import N_DRAWN, N_RIGHT, N_WRONG
from mlpcli.storage.checkpoint import load_checkpoint, save_checkpoint

ROOT = Path(__file__).parents[1]
MEGABYTE = 1_000_000


def facts_of(page):
    found = re.search(r'<script type="application/json" id="facts">(.*?)</script>', page, re.DOTALL)
    return json.loads(found[1])


@pytest.fixture(scope="module")
def boxed():
    return make_page(Path("boxed"), Path("no-cache"))


@pytest.fixture
def bars_page(finished, monkeypatch):
    monkeypatch.chdir(finished.folder.parents[1])
    return make_page(finished.folder)


def numbers(text, shape, dtype):
    return np.frombuffer(base64.b64decode(text), dtype).reshape(shape)


def test_the_numbers_of_the_boxed_network_are_exact(boxed):
    network = mlpcli.load_model("boxed").network
    facts = facts_of(boxed)["network"]
    assert facts["dtype"] == "float16"
    assert facts["sizes"] == [784, 276, 256, 11]
    assert facts["class_names"] == [*"0123456789", "no digit"]
    assert facts["no_digit"] == 10
    for layer, dense in zip(facts["layers"], network.dense, strict=True):
        assert np.array_equal(numbers(layer["W"], dense.W.shape, "<f2"), dense.W)
        assert np.array_equal(numbers(layer["b"], dense.b.shape, "<f2"), dense.b)


def test_a_page_of_784_256_128_10_has_at_most_a_megabyte_and_a_half(boxed):
    parameters = 784 * 256 + 256 + 256 * 128 + 128 + 128 * 10 + 10
    sizes = facts_of(boxed)["network"]["sizes"]
    of_boxed = sum((a + 1) * b for a, b in itertools.pairwise(sizes))
    assert len(boxed.encode()) + (parameters - of_boxed) * 8 / 3 < 1.5 * MEGABYTE
    assert of_boxed > parameters


def test_nothing_in_it_comes_from_elsewhere(boxed):
    text = boxed.replace("http://www.w3.org/", "")  # names of SVG and MathML
    assert not re.search(r"https?://|\bsrc=|url\(|@import|fetch\(|XMLHttpRequest|WebSocket", text)
    policy = html.unescape(re.search(r'Security-Policy" content="([^"]*)"', boxed)[1])
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"].startswith("'sha256-")
    assert rules["style-src"].startswith("'sha256-")
    assert "connect-src" not in rules
    assert not re.search(r"<[^>]* (style|on\w+)=", boxed.split("<script")[0])


def test_the_same_checkpoint_makes_the_same_page(boxed):
    assert make_page(Path("boxed"), Path("no-cache")) == boxed


def test_class_names_cannot_become_markup(finished, tmp_path, monkeypatch):
    monkeypatch.chdir(finished.folder.parents[1])
    names = ("</script><script>alert(1)</script>", "<b>&amp;", '"')
    checkpoint = load_checkpoint(finished.folder / "weights" / "best.safetensors")
    path = tmp_path / "named.safetensors"
    save_checkpoint(path, dataclasses.replace(checkpoint, class_names=names))
    page = make_page(path)
    assert facts_of(page)["network"]["class_names"] == list(names)
    assert page.count("<script") == 2
    assert "alert(1)</" not in page
    assert packed("</title><script>", {}).count("<script") == 2


def test_data_cannot_end_its_element():
    assert json.loads(as_data({"x": "</script><!--&\u2029"})) == {"x": "</script><!--&\u2029"}
    assert not set("<>&\u2029") & set(as_data({"x": "</script><!--&\u2029"}))


def test_test_images_are_read_as_they_say(finished, bars_page):
    facts = facts_of(bars_page)["tests"]
    assert facts["source"] == "test"
    images = numbers(facts["images"], (-1, 30), np.uint8)
    right = np.equal(facts["labels"], facts["predictions"])
    assert list(right) == sorted(right, reverse=True)
    assert right.sum() <= N_RIGHT
    assert (~right).sum() <= N_WRONG
    assert facts["labels"][:3] == [0, 1, 2]  # each class in turn
    assert list(finished.load_model().predict(images)) == facts["predictions"]


def test_the_mistakes_are_the_surest_of_all(boxed):
    model = mlpcli.load_model("boxed")
    facts = facts_of(boxed)["tests"]
    images, labels = synthetic.draw(1, range(TEST_START, TEST_START + N_DRAWN))
    found = model.evaluate(mlpcli.Dataset(images, labels, (28, 28), model.class_names))
    confidence = found.probabilities.max(axis=1)[found.predictions != labels]
    wrong = np.not_equal(facts["labels"], facts["predictions"])
    shown = model.predict_proba(numbers(facts["images"], (-1, 784), np.uint8)[wrong]).max(axis=1)
    np.testing.assert_allclose(shown, np.sort(confidence)[::-1][:N_WRONG], atol=1e-6)


def test_without_test_images_there_are_drawn_digits(boxed):
    facts = facts_of(boxed)["tests"]
    assert facts["source"] == "drawn"
    images = numbers(facts["images"], (-1, 784), np.uint8)
    assert list(mlpcli.load_model("boxed").predict(images)) == facts["predictions"]


def test_a_run_of_a_table_is_drawn_as_it_is_and_as_it_began(tmp_path):
    config = mlpcli.load_config("examples/xor", overrides=["training.epochs=3"])
    run = mlpcli.train(config, runs_dir=tmp_path)
    facts = facts_of(make_page(run.folder))
    assert facts["network"] is None
    trained, begun, *examples = facts["small"]
    assert [each["name"] for each in examples] == [
        *("examples/worked_3_2_3", "examples/xor", "examples/square")
    ]
    assert np.array_equal(trained["W"][0], run.load_model().network.dense[0].W.ravel())
    assert begun["W"] == examples[1]["W"]
    assert trained["x"] == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert trained["t"] == [[0], [1], [1], [0]]


def test_a_standardized_table_has_the_targets_that_the_network_learned(tmp_path):
    overrides = ["training.epochs=20", "training.pictures=false"]
    config = mlpcli.load_config("examples/house_price", overrides=overrides)
    run = mlpcli.train(config, runs_dir=tmp_path)
    trained, begun, *examples = facts_of(make_page(run.folder))["small"]
    outputs = run.load_model().network.forward(np.array(trained["x"]))
    loss = 0.5 * ((outputs - np.array(trained["t"])) ** 2).mean()
    assert loss == pytest.approx(run.test.loss, rel=1e-9)
    assert begun["t"] == trained["t"]
    assert [each["is_standardized"] for each in (trained, *examples)] == [True, *(3 * [False])]


def test_a_network_too_large_to_be_drawn(tmp_path):
    overrides = ["network.hidden=[65]", "training.epochs=1"]
    run = mlpcli.train(mlpcli.load_config("examples/xor", overrides=overrides), runs_dir=tmp_path)
    with pytest.raises(CheckpointError, match="2-65-1 of 4 examples is too large to be drawn"):
        make_page(run.folder)


def test_a_page_too_large_is_made_only_if_forced(finished, monkeypatch):
    monkeypatch.chdir(finished.folder.parents[1])
    monkeypatch.setattr(page_module, "MOST_BYTES", 100)
    with pytest.raises(CheckpointError, match="give --force"):
        make_page(finished.folder)
    assert make_page(finished.folder, force=True)


def test_numbers_beyond_half_precision_stay_single(finished, tmp_path, monkeypatch):
    monkeypatch.chdir(finished.folder.parents[1])
    checkpoint = load_checkpoint(finished.folder / "weights" / "best.safetensors")
    checkpoint.network.theta[0] = 1e6
    path = tmp_path / "large.safetensors"
    save_checkpoint(path, checkpoint)
    facts = facts_of(make_page(path))["network"]
    assert facts["dtype"] == "float32"
    W = numbers(facts["layers"][0]["W"], (30, 8), "<f4")
    assert np.array_equal(W, checkpoint.network.dense[0].W)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nowhere"], 4, "no such checkpoint"),
        (["boxed", "--output", "page.txt"], 2, "expected a name in .html"),
        (["boxed", "--output", "no/such/folder.html"], 7, "cannot be written"),
        ([], 2, "Missing argument"),
    ],
)
def test_bad_input_is_one_message(tmp_path, arguments, code, message):
    done = in_process("page", *arguments, cwd=tmp_path)
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_writes_the_page_and_says_what_it_lacks(tmp_path):
    done = in_process("page", "boxed", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    size = (tmp_path / "page.html").stat().st_size
    assert done.stdout == f"page.html: {size:,} bytes\n"
    assert "digits that mlpcli draws" in done.stderr
    assert "mlpcli data fetch mnist" in done.stderr


def test_it_opens_in_a_browser(tmp_path, monkeypatch):
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(command, ["page", "boxed", "--open", "-o", "my page.html"])
    assert opened == [(tmp_path / "my page.html").as_uri()]
    assert "open my page.html yourself" in done.stderr


def words_of(language):
    text = (WEB / "words.js").read_text(encoding="utf-8")
    block = re.search(rf"^  {language}: \{{\n(.*?)^  \}},$", text, re.MULTILINE | re.DOTALL)[1]
    return dict(re.findall(r'^    (\w+):\s*"((?:[^"\\]|\\.)*)"', block, re.MULTILINE))


def test_both_languages_say_the_same_things():
    english, chinese = words_of("en"), words_of("zh")
    assert english.keys() == chinese.keys()
    assert len(english) > 100
    for key, words in english.items():
        assert set(re.findall(r"\{\w+\}", words)) == set(re.findall(r"\{\w+\}", chinese[key])), key


def test_every_word_is_used_and_every_use_has_a_word():
    sources = [path.read_text(encoding="utf-8") for path in WEB.rglob("*") if path.is_file()]
    text = "\n".join(source for source in sources if "const WORDS" not in source)
    found = set(re.findall(r'"(\w+)"', text)) | {f"symbol_{each}" for each in SYMBOLS}
    assert words_of("en").keys() <= found
    for place in (r"\bsay\(", "data-words=", "data-label=", r"NoDigit\("):
        assert set(re.findall(place + r'"(\w+)"', text)) <= words_of("en").keys()


def test_the_symbols_are_those_of_explanations_and_of_the_text():
    english = words_of("en")
    assert {key: english[f"symbol_{key}"] for key in SYMBOLS} == dict(SYMBOLS)
    text = (ROOT / "docs" / "backpropagation.md").read_text(encoding="utf-8")
    for symbol in SYMBOLS:
        assert symbol in text
    stages = (WEB / "views" / "stages.js").read_text(encoding="utf-8")
    for symbol in re.findall(r'notation\.of\("(.)"', stages):
        assert symbol in SYMBOLS
    layer: Any = SimpleNamespace(number=1, mask=None, batch_norm=None, activation="sigmoid")
    explained = NOTATIONS["rows"].of(layer)
    for symbol in (explained.W, explained.b, explained.z, explained.a, explained.delta):
        assert symbol[0] in SYMBOLS


def test_no_name_stands_for_two_things_when_the_modules_are_one():
    declared = re.findall(
        r"^(?:async )?(?:function\*?|class|const|let) (\w+|\[[^\]]*\])", script(), re.MULTILINE
    )
    names = re.findall(r"\w+", " ".join(declared))
    assert sorted(names) == sorted(set(names))
    assert not re.search(r"^(import|export)\b", script(), re.MULTILINE)


def test_every_module_is_packed_after_those_that_it_imports():
    order = modules()
    assert sorted(order) == sorted(path.resolve() for path in WEB.rglob("*.js"))
    for place, module in enumerate(order):
        text = module.read_text(encoding="utf-8")
        for name in re.findall(r'from "([^"]+)"', text):
            assert (module.parent / name).resolve() in order[:place]


def test_the_mathematics_knows_nothing_of_the_browser():
    for module in (WEB / "mathematics").glob("*.js"):
        text = module.read_text(encoding="utf-8")
        assert not re.search(r'\b(document|navigator)\b|from "\.\./', text), module


def test_the_page_computes_every_activation_and_loss():
    activations, losses = (
        (WEB / "mathematics" / f"{name}.js").read_text(encoding="utf-8")
        for name in ("activations", "losses")
    )
    assert set(re.findall(r"^  (\w+): \{", activations, re.MULTILINE)) == set(ACTIVATIONS)
    assert set(re.findall(r'case "(\w+)":', losses)) == set(LOSSES)


def test_a_page_of_a_network_whose_data_are_elsewhere(finished, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert facts_of(make_page(finished.folder))["tests"] is None


def test_a_network_of_plain_images_has_no_drawn_digits(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    boxed = load_checkpoint(mlpcli.load_model("boxed").path)
    plain = {**boxed.config, "data": {"dataset": "folder", "path": "gone", "prepare": "none"}}
    save_checkpoint(Path("plain.safetensors"), dataclasses.replace(boxed, config=plain))
    facts = facts_of(make_page(Path("plain.safetensors")))
    assert facts["network"]["preparation"] == "none"
    assert facts["tests"] is None
