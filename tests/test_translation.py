"""The Chinese of the documents: complete, with the same code, links and numbers as the English."""

import re
from collections import Counter

import pytest
from helpers.documents import ROOT, links, read
from helpers.translations import translations

MESSAGES = {
    page: [(m.id, m.string, m.fuzzy) for m in translations.read(page) if m.id]
    for page in translations.PAGES
}
CHINESE = r"[\u4e00-\u9fff\uff0c]"
NUMBER = r"\d+(?:[.,]\d+)*"
NAMES = {
    "mlpcli",
    "Nielsen (2015)",
    "ONNX",
    "PyTorch",
    "[Python](docs/reference/python.md)",
    "pickle",
    "torch.onnx",
    # runs in a table of the lessons
    "decay",
    "dropout",
    "overfitting",
    "stopped",
}
"""what is called so in Chinese, too"""
TERMS = re.findall(rf"(?m)^\| .+ \| (\S+) \| ({CHINESE}\S+) \|$", read(ROOT / "CONTRIBUTING.md"))
"""Chinese terms, and what is not to be written for them"""


def lines_typed(message):
    """What stands before the comments and the right columns of a block."""
    return [re.split(r" +# | {2,}(?=\S)", line.strip())[0] for line in message.splitlines()]


def facts(message):
    """What a translation must have as the English has it."""
    code = [found[0] for found in re.finditer(translations.CODE, message)]
    outside = re.sub(translations.CODE, "", message)
    targets = re.findall(translations.TARGET, outside)
    numbers = re.findall(NUMBER, re.sub(translations.TARGET, "", outside))
    return Counter(code), Counter(targets), Counter(numbers)


def problem(message, translation, is_fuzzy=False):
    """Why a translation cannot stay, or None."""
    if is_fuzzy:
        return "the English has changed: translate it again, and remove the word fuzzy"
    if not translation:
        return "not translated"
    is_kept = message in NAMES or ("\n" in message and message == translation)
    if not re.search(CHINESE, translation) and not is_kept:
        return "not in Chinese"
    if facts(message) != facts(translation):
        return "other code, links or numbers"
    if "\n" in message:
        pairs = zip(lines_typed(message), lines_typed(translation), strict=True)
        if any("mlpcli" in typed and typed != other for typed, other in pairs):
            return "other lines to type"
    bold = re.findall(r"\*\*(.+?)\*\*(.?)", translation)
    if any(re.fullmatch(r"\W\w", words[-1] + after) for words, after in bold):
        return "bold that Markdown shows as stars"
    for term, others in TERMS:
        for other in others.split("、"):
            if other in translation:
                return f"{other} for {term}"
    return None


@pytest.mark.parametrize("page", MESSAGES)
def test_every_message_is_translated_with_the_same_code_links_and_numbers(page):
    found = {message: problem(message, *rest) for message, *rest in MESSAGES[page]}
    assert not {message: why for message, why in found.items() if why}
    assert len(MESSAGES[page]) > 15


@pytest.mark.parametrize(
    ("message", "translation", "is_fuzzy", "said"),
    [
        ("A step", "一步更新", False, None),
        ("A step", "", False, "not translated"),
        ("A step", "一步更新", True, "has changed"),
        ("A step", "A step", False, "not in Chinese"),
        ("`a` is 0.5", "`b` 是 0.5", False, "other code"),
        ("`a` is 0.5", "`a` 是 0.55", False, "other code, links or numbers"),
        ("[it](a.md)", "[它](b.md)", False, "other code, links or numbers"),
        ("mlpcli a  # b\nmlpcli c", "mlpcli a  # 乙\nmlpcli d", False, "other lines to type"),
        ("**A step.** Then", "**一步。**然后", False, "stars"),
        ("**A step.** Then", "**一步**。然后", False, None),
        ("the validation set", "校验集", False, "校验集 for 验证集"),
    ],
)
def test_a_translation_that_differs_is_noticed(message, translation, is_fuzzy, said):
    found = problem(message, translation, is_fuzzy)
    assert found is said if said is None else said in found


def test_the_chinese_readme_is_the_one_that_the_script_makes():
    catalogue = translations.read("index")
    made = translations.translated_readme(read(translations.README), catalogue)
    assert made == read(translations.CHINESE_README), "run `python docs/make_translations.py`"


def test_the_readmes_lead_to_each_other_and_to_the_same_pages():
    english, chinese = (
        Counter(((path.parent / name).resolve(), anchor) for name, anchor in links(read(path)))
        for path in (translations.README, translations.CHINESE_README)
    )
    assert all(name.exists() for name, _ in chinese)
    assert english - chinese == {(translations.CHINESE_README, ""): 1}
    assert chinese - english == {(translations.README, ""): 1}


def test_a_sentence_of_the_readme_that_has_changed_is_shown_in_english():
    changed = read(translations.README).replace("Run the tests:", "Run all tests:")
    made = translations.translated_readme(changed, translations.read("index"))
    assert "\nRun all tests:\n" in made
    assert "运行测试" not in made


@pytest.mark.parametrize(
    ("message", "is_needed"),
    [
        ("A step", True),
        ("t or y", True),
        ("`train`, `data`", False),
        ("δ⁽²⁾ = (W⁽²⁾)ᵀ δ⁽³⁾ ⊙ σ′(z⁽²⁾)", False),
        ("(n_in, n_out)", False),
        ("mnist | fashion_mnist | kmnist", False),
        ("0.048", False),
        ("![A step](a.webp)", False),
        ("[A step](a.md)", True),
    ],
)
def test_only_words_need_a_translation(message, is_needed):
    assert translations.needs_translation(message) is is_needed
