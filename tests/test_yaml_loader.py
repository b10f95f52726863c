import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpcli.config.yaml_loader import MAX_BYTES, parse_mapping, parse_value, plain_value, read_yaml
from mlpcli.errors import ConfigError


def problem(text):
    with pytest.raises(ConfigError) as caught:
        parse_mapping(text, "c.yaml")
    return str(caught.value)


NUMBERS = {
    "1e-3": 0.001,
    "1E5": 100000.0,
    "1.": 1.0,
    ".5": 0.5,
    "-1.5e+2": -150.0,
    "012": 12,
    "-7": -7,
    "+7": 7,
}
OTHERS = {
    "true": True,
    "False": False,
    "null": None,
    "~": None,
    "": None,
    "'1e-3'": "1e-3",
    '"true"': "true",
    "[1, 2.0]": [1, 2.0],
    "{a: 1}": {"a": 1},
}
STAYS_TEXT = [
    "0o14",
    "0x1F",
    ".inf",
    "no",
    "yes",
    "on",
    "off",
    "y",
    "1:30",
    "2020-01-01",
    "1_000",
    "0b11",
    "=",
]
MEANINGS = {**NUMBERS, **OTHERS, **{text: text for text in STAYS_TEXT}}


@pytest.mark.parametrize(("text", "value"), MEANINGS.items())
def test_a_value_means_what_yaml_1_2_says(text, value):
    read = parse_value(text, "x")
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize("text", ["", "\n\n", "# a comment", "---", "\ufeff# with a BOM"])
def test_nothing_but_comments_is_an_empty_mapping(text):
    assert parse_mapping(text, "c.yaml").values == {}


def test_the_line_of_each_key_and_item_is_known():
    located = parse_mapping("# first\na:\n  b: [1,\n    2]\n  c:\n  - x\n\n  - y\nd: {e: 1}\n", "c")
    assert located.values == {"a": {"b": [1, 2], "c": ["x", "y"]}, "d": {"e": 1}}
    assert located.lines == {
        ("a",): 2,
        ("a", "b"): 3,
        ("a", "b", 0): 3,
        ("a", "b", 1): 4,
        ("a", "c"): 5,
        ("a", "c", 0): 6,
        ("a", "c", 1): 8,
        ("d",): 9,
        ("d", "e"): 9,
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "c.yaml:3: the key 'a' again; it is on line 1 already"),
        ("a: {b: 1, b: 1}", "c.yaml:1: the key 'b' again; it is on line 1 already"),
        ("a: &x 1", "c.yaml:1: an anchor (&x); write each value out"),
        ("\na: *x", "c.yaml:2: an alias (*x); write the value out"),
        ("a: !!int 3", "c.yaml:1: a tag ('!!int'); write the plain value"),
        ("a: !mine {}", "c.yaml:1: a tag ('!mine'); write the plain value"),
        ("a: !!python/object:os.system []", "c.yaml:1: a tag ('!!python/object:os.system');"),
        ("a: 1\n<<: {b: 2}", "c.yaml:2: a merge key (<<); write the settings out"),
        ("a: 1\n---\nb: 2", "c.yaml:2: a second document; a config has one"),
        ("1: a", "c.yaml:1: expected a word as a key, found 1"),
        ("true: a", "c.yaml:1: expected a word as a key, found true"),
        ("?\n: a", "c.yaml:1: expected a word as a key, found nothing"),
        ("? [a]\n: b", "c.yaml:1: expected a word as a key, found a list or a mapping"),
        ("- a", "c.yaml:1: expected lines of 'key: value'"),
        ("text", "c.yaml:1: expected lines of 'key: value'"),
        ("a: 1\nb: 2\n c: 3", "c.yaml:3: a ':' too many, or lines that are indented differently"),
        ("a:\n\tb: 1", "c.yaml:2: a tab; YAML is indented with spaces"),
        ("a: 1\nb\nc: 1", "c.yaml:3: a line that is neither 'key: value' nor part of one"),
        ("a:\n  - 1\n b: 1", "c.yaml:3: indented differently from the lines it belongs to"),
        ("a: 'x\nb: 1", "c.yaml:2: a quotation mark is never closed (begun on line 1)"),
        ("a: [1,\nb: 1", "c.yaml:2: a list in [ ] lacks a ',' or its ']'"),
        ("a: {b: 1\nc", "c.yaml:2: a mapping in { } lacks a ',' or its '}'"),
        ("a: @b", "c.yaml:1: found character '@' that cannot start any token"),
        ("a: 1\nb: \0", "c.yaml:2: a control character: 0x00"),
        ("a: \x1b", "c.yaml:1: a control character: 0x1b"),
        ('a: "\\ud800"', "c.yaml:1: an escape that stands for no character"),
        ('"\\ud800": 1', "c.yaml:1: an escape that stands for no character"),
        ('a: "\\UFFFFFFFF"', "c.yaml:1: an escape or a directive out of range"),
        ('a: "\\U00110000"', "c.yaml:1: an escape or a directive out of range"),
        (f"%YAML {'9' * 5000}.1\n---", "c.yaml:1: an escape or a directive out of range"),
    ],
)
def test_what_a_config_never_needs_is_refused_with_its_line(text, message):
    assert problem(text).startswith(message)


def test_every_refusal_is_reported():
    assert problem("a: &x 1\nb: *x\nb: 2\n<<: {}\n") == (
        "c.yaml:1: an anchor (&x); write each value out\n"
        "c.yaml:2: an alias (*x); write the value out\n"
        "c.yaml:3: the key 'b' again; it is on line 2 already\n"
        "c.yaml:4: a merge key (<<); write the settings out"
    )


def test_an_alias_bomb_is_refused_unexploded():
    levels = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    assert "an alias (*a0)" in problem("\n".join(["a0: &a0 [lol]", *levels]))


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "- " * 100_000, "a: " + "{a: " * 5000, "? " * 5000]
)
def test_deep_nesting_is_refused(text):
    assert problem(text) == "c.yaml:1: nested more than 20 deep"


def test_a_large_file_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "large.yaml"
    with path.open("wb") as file:
        file.truncate(2_000_000)
    with pytest.raises(ConfigError) as caught:
        read_yaml(path)
    assert str(caught.value) == f"{path}: larger than 1,000,000 bytes; that is no config."


def test_a_file_of_the_largest_size_is_read(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_bytes(b"a: 1\n#".ljust(MAX_BYTES, b"x"))
    assert read_yaml(path).values == {"a": 1}


def test_text_that_is_not_utf8_is_refused_with_its_line(tmp_path):
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"a: 1\r\nb: caf\xe9\n")
    with pytest.raises(ConfigError) as caught:
        read_yaml(path)
    assert str(caught.value) == f"{path}:2: not UTF-8 text; save the file as UTF-8."


def test_a_byte_order_mark_and_windows_line_ends_are_fine(tmp_path):
    path = tmp_path / "windows.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    assert read_yaml(path).lines == {("a",): 1, ("b",): 2}


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError) as caught:
        read_yaml(tmp_path / "no.yaml")
    assert (
        str(caught.value) == f"{tmp_path / 'no.yaml'}: cannot be read: No such file or directory."
    )


yaml_like = st.text(st.sampled_from("ab01.-+eE:,[]{}&*!|>'\"%@`#?~<= \n\t\r\\xuU\0\ufeff\u2028é"))


@settings(max_examples=500)
@given(st.one_of(st.text(), yaml_like))
def test_any_text_is_a_mapping_or_a_config_error(text):
    for read in (
        lambda: parse_mapping(text, "c.yaml").values,
        lambda: {"a": parse_value(text, "a")},
    ):
        try:
            assert isinstance(read(), dict)
        except ConfigError as error:
            str(error).encode()  # it can be printed


@settings(max_examples=200)
@given(st.binary())
def test_any_file_is_a_mapping_or_a_config_error(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(content)
    try:
        assert isinstance(read_yaml(path).values, dict)
    except ConfigError as error:
        str(error).encode()


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_python_writes_numbers_that_are_read_back(number):
    assert plain_value(repr(number)) == number
