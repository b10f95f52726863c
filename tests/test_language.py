"""`mlpcli explain` in Chinese: the catalogue, and that no English is left in what it prints."""

import importlib.util
import io
import json
import re
import string
import threading
from pathlib import Path

import pytest
from helpers.processes import in_process

from mlpcli import language
from mlpcli.config.class_names import NO_DIGIT
from mlpcli.config.shipped import config_names
from mlpcli.language import FOLDER, LOCALES, _, counted, joined, speaking
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.nn.schedules import SCHEDULES
from mlpcli.text import columns, listed, table, wrapped

ROOT = Path(__file__).parents[1]
SEVEN = ROOT / "docs" / "seven.png"
CATALOGUES = [FOLDER / each / "LC_MESSAGES" / "mlpcli.po" for each in LOCALES.values() if each]


@pytest.fixture(scope="module")
def maker():
    """docs/make_catalogue.py."""
    pytest.importorskip("babel", reason="the package babel is not installed")
    spec = importlib.util.spec_from_file_location("maker", ROOT / "docs" / "make_catalogue.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def translations(po):
    """Each sentence with its translation; of one with a plural, each form with the only one."""
    from babel.messages.pofile import read_po

    for message in read_po(io.BytesIO(po.read_bytes()), locale="zh_CN"):
        if message.id:
            ids = [message.id] if isinstance(message.id, str) else message.id
            found = message.string if isinstance(message.string, str) else message.string[0]
            yield from ((each, found) for each in ids)


def placeholders(text):
    return sorted({(name, spec) for _t, name, spec, _c in string.Formatter().parse(text) if name})


@pytest.mark.parametrize("po", CATALOGUES, ids=lambda po: po.parts[-3])
def test_the_catalogue_has_every_sentence_of_the_code_and_no_other(po, maker):
    again = maker.written(maker.up_to_date(po.read_bytes()))
    assert again == po.read_bytes(), "python docs/make_catalogue.py brings it up to date"
    pairs = list(translations(po))
    assert len(pairs) > 200
    assert [english for english, chinese in pairs if not chinese] == []
    assert po.with_suffix(".mo").read_bytes() == maker.compiled(po.read_bytes())


@pytest.mark.parametrize("po", CATALOGUES, ids=lambda po: po.parts[-3])
def test_the_placeholders_of_each_translation_agree(po, maker):
    for english, chinese in translations(po):
        assert placeholders(english) == placeholders(chinese), english
        if not placeholders(english):
            assert "{" not in chinese.replace("{}", "")


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("The chain rule", "链式法则"),
        ("Backward", "反向传播"),
        ("Forward", "前向传播"),
        ("The loss", "损失函数"),
        ("bias", "偏置"),
        ("weights", "权重"),
    ],
)
def test_the_terms_are_those_of_chinese_textbooks(english, chinese):
    with speaking("zh"):
        assert _(english) == chinese
    assert _(english) == english


SHEETS = [
    ["--config", "examples/worked_3_2_3"],
    ["--config", "examples/worked_3_2_3", "--at-step", "3", "--steps", "30"],
    ["--config", "examples/xor", "--notation", "columns", "training.batch_size=4"],
    ["--config", "examples/xor", "optimizer=adam", "optimizer.clip_norm=0.01", "optimizer.l1=0.1"],
    ["--config", "examples/xor", "optimizer.clip_value=1", "optimizer.max_norm=1"],
    ["--config", "examples/xor", "network.dropout.hidden=0.5", "schedule.warmup_epochs=3"],
    ["--config", "examples/xor", "network.batch_norm=true", "optimizer=adamw"],
    ["--config", "examples/worked_3_2_3", "optimizer=muon"],
    ["--config", "examples/xor", "optimizer=schedule_free_adamw", "schedule.warmup_epochs=1"],
    ["--config", "examples/dead_relu", "--steps", "40"],
    ["--config", "examples/house_price"],
    ["--config", "examples/perceptron"],
    ["--config", "quickstart", "data.train_size=40"],
    ["--config", "examples/chain", "--graph", "--format", "text"],
    ["--config", "examples/xor", "--graph", "--example", "all", "--format", "text"],
    ["--config", "quickstart", "data.train_size=40", "--graph", "--format", "text"],
    ["boxed", "seven.png", "--label", "1"],
    ["boxed", "seven.png", "--label", "1", "--ways", "1"],
    ["--activations", "--format", "text"],
]
NAMES = (  # of options, commands, files and types: they are the same in every language
    r"mlpcli (gradcheck|predict)|--notation (columns|rows)|--target|docs/notation.md|seven.png"
    rf"|float(32|64)|{NO_DIGIT}"
)
OF_FORMULAE = {"exp", "log", "erf", "max", "min", "sign", "softmax", "diag", "else", "step"}
OF_OTHERS = {"AdamW", "area", "rooms", "price", "first", "second", "third"}


@pytest.fixture(scope="module")
def names():
    """Words that are not translated: names of settings, configs, classes and functions."""
    config_words = re.findall(r"[A-Za-z]{3,}", " ".join(config_names()))
    kinds = {*ACTIVATIONS, *OPTIMIZERS, *LOSSES, *SCHEDULES}
    return {*OF_FORMULAE, *OF_OTHERS, *config_words, *re.findall(r"[A-Za-z]{3,}", " ".join(kinds))}


@pytest.mark.parametrize("arguments", SHEETS, ids=lambda words: " ".join(map(str, words[:4]))[-60:])
def test_no_english_is_left_and_every_number_is_the_same(arguments, names, tmp_path):
    (tmp_path / "seven.png").write_bytes(SEVEN.read_bytes())
    english = in_process("explain", *arguments, cwd=tmp_path)
    chinese = in_process("explain", *arguments, "--language", "zh", cwd=tmp_path)
    assert (english.returncode, chinese.returncode) == (0, 0), chinese.stderr
    assert set(re.findall(r"[A-Za-z]{3,}", re.sub(NAMES, "", chinese.stdout))) <= names
    numbers = r"[0-9]+\.[0-9]{3,}"
    assert sorted(re.findall(numbers, chinese.stdout)) == sorted(
        re.findall(numbers, english.stdout)
    )
    assert all(columns(line) <= 104 for line in chinese.stdout.splitlines() if "  " not in line)


def test_json_has_the_same_keys_and_chinese_titles(tmp_path):
    arguments = ("explain", "--config", "examples/worked_3_2_3", "--format", "json")
    english = json.loads(in_process(*arguments, cwd=tmp_path).stdout)
    chinese = json.loads(in_process(*arguments, cwd=tmp_path, MLPCLI_LANGUAGE="zh").stdout)
    assert english.keys() == chinese.keys()
    assert english["parameters"] == chinese["parameters"]
    assert english["forward"][0]["title"] == "The example"
    assert chinese["forward"][0]["title"] == "样本"


def test_a_page_says_that_it_is_chinese(tmp_path):
    arguments = ("explain", "--config", "examples/worked_3_2_3", "--format", "html")
    page = in_process(*arguments, "--language", "zh", cwd=tmp_path).stdout
    assert '<html lang="zh">' in page
    assert "<mtext>&#160;差分&#160;</mtext>" in page
    assert '全部符号，以及其他教材的对应写法：<a href="docs/notation.md">' in page
    assert '<html lang="en">' in in_process(*arguments, cwd=tmp_path).stdout


def test_the_option_wins_over_the_variable(tmp_path):
    arguments = ("explain", "--activations", "relu", "--format", "text")
    done = in_process(*arguments, "--language", "en", cwd=tmp_path, MLPCLI_LANGUAGE="zh")
    assert done.stdout.startswith("Activations and")
    done = in_process(*arguments, cwd=tmp_path, MLPCLI_LANGUAGE="xx")
    assert (done.returncode, "'xx' is not one of 'en', 'zh'" in done.stderr) == (2, True)
    assert in_process(*arguments, cwd=tmp_path).stdout.startswith("Activations and")


def test_a_picture_without_a_chinese_font_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr("mlpcli.pictures.style.CHINESE_FONTS", ("No such font",))
    done = in_process(
        "explain", "--activations", "relu", "--language", "zh", "-o", "a.png", cwd=tmp_path
    )
    assert (done.returncode, "install one, such as Noto Sans CJK SC" in done.stderr) == (2, True)
    assert not (tmp_path / "a.png").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--activations", "relu"],
        ["--config", "examples/xor", "--graph", "--example", "all"],
        ["boxed", SEVEN, "--label", "1"],
        ["boxed", SEVEN, "--label", "1", "--ways", "1"],
    ],
)
def test_pictures_are_drawn_in_chinese(arguments, tmp_path, monkeypatch):
    """With any font: an SVG's text is the shapes of its characters, so the texts are caught."""
    from matplotlib.text import Text

    from mlpcli.pictures import style

    drawn = []
    monkeypatch.setattr(style, "_chinese_font", lambda: "DejaVu Sans")
    monkeypatch.setattr(
        style, "save", lambda picture, *_: drawn.extend(picture.findobj(Text)), raising=True
    )
    done = in_process("explain", *arguments, "--language", "zh", "-o", "a.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    texts = " ".join(each.get_text() for each in drawn)
    assert re.search("[一-鿿]", texts)
    words = set(re.findall(r"[A-Za-z]{3,}", texts.replace("seven.png", "")))
    assert words - set(NO_DIGIT.split()) <= {"relu", "log", "xor", "tanh", "sigmoid"}


def test_a_font_installed_since_matplotlib_made_its_list_is_found(monkeypatch):
    from matplotlib.font_manager import findfont, fontManager

    from mlpcli.pictures import style

    path = findfont("DejaVu Sans Mono")
    others = [entry for entry in fontManager.ttflist if entry.fname != path]
    monkeypatch.setattr(fontManager, "ttflist", others)
    monkeypatch.setattr(style, "CHINESE_FONTS", ("DejaVu Sans Mono",))
    monkeypatch.setattr(style, "findSystemFonts", lambda: [path, "/no/such/font.ttf"])
    assert style._chinese_font() == "DejaVu Sans Mono"


def test_a_sentence_without_a_translation_stays_english():
    with speaking("zh"):
        assert _("never translated {n:.1f}", n=1) == "never translated 1.0"
        assert counted("{n} nothing", "{n} nothings", 2) == "2 nothings"
        assert counted("{n} step", "{n} steps", 1000) == "1,000 步"
    assert counted("{n} step", "{n} steps", 1) == "1 step"


def test_each_thread_has_its_own_language():
    spoken = []
    with speaking("zh"):
        other = threading.Thread(target=lambda: spoken.append(language.language()))
        other.start()
        other.join()
        spoken.append(language.language())
    assert spoken == ["en", "zh"]


def test_chinese_words_are_joined_and_listed_as_chinese_does():
    assert joined("One.", "", " Two. ") == "One. Two."
    assert listed(["a", "b", "c"]) == "a, b and c"
    with speaking("zh"):
        assert joined("一。", "", "二。") == "一。二。"
        assert listed(["a", "b", "c"]) == "a、b和c"


def test_wide_characters_take_two_columns():
    assert (columns("ab"), columns("反向"), columns("δ₁")) == (2, 4, 2)
    assert table([["层", "权重"], ["一二", "1"]]) == "层    权重\n一二     1"


def test_chinese_is_wrapped_between_characters_and_not_before_a_mark():
    with speaking("zh"):
        assert wrapped("一二三，四五六。", 6) == ["一二", "三，四", "五六。"]
        assert wrapped("一 mlpcli 二（三）", 9) == ["一 mlpcli", "二（三）"]
        assert wrapped("", 9) == []
        assert wrapped("a-very-long-word", 9) == ["a-very-lo", "ng-word"]
        text = "链式法则：梯度是 (a + b) 的导数之积，“再求和”。" * 5
        assert "".join(wrapped(text, 40)).replace(" ", "") == text.replace(" ", "")
    assert wrapped("one two three", 7) == ["one two", "three"]
