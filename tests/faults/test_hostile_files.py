"""Generated and damaged files for each reader: an answer or an error of ours, soon, in bounds."""

import gzip
import io
import json
import os
import signal
import struct
import subprocess
import sys
import warnings
import zlib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from helpers.hostile_images import FILES, PATTERNS, mixed, write_pattern
from helpers.mirrors import idx
from helpers.processes import cost_of, environment, peak_megabytes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.numpy import load

import mlpcli
from mlpcli.config.loading import load_config
from mlpcli.config.schema.config import Config
from mlpcli.data.csv_table import read_table
from mlpcli.data.idx import read_images, read_labels
from mlpcli.data.image_folder import find_images
from mlpcli.data.npz import read_archive
from mlpcli.data.problems import Problems
from mlpcli.errors import CheckpointError, ConfigError, DataError, ImageError
from mlpcli.inference.evaluate_checkpoints import evaluate_checkpoints
from mlpcli.reading.decoding import DECODED_SIDE, read_grey
from mlpcli.storage.checkpoint import load_checkpoint
from mlpcli.storage.tensor_file import to_bytes

pytestmark = pytest.mark.faults
SECONDS = 20
"""after which one input counts as a hang"""
MEGABYTES = 1200
"""that all inputs together, and making them, may add to the process"""
PICTURE_SECONDS, PICTURE_MEGABYTES = 10, 400
"""that `mlpcli predict` may take for any picture of up to 50 million pixels"""
N_MIXED = 20
"""number of pictures mixed from what costs most"""

many = settings(
    max_examples=1000,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)


@pytest.fixture(autouse=True, scope="module")
def _memory_is_bounded() -> Iterator[None]:
    before = peak_megabytes()
    yield
    assert peak_megabytes() - before < MEGABYTES


@pytest.fixture(autouse=True)
def _nothing_hangs() -> Iterator[None]:
    def give_up(*_: object) -> None:
        raise AssertionError("an input took too long")

    if hasattr(signal, "SIGALRM"):
        signal.signal(signal.SIGALRM, give_up)
    yield
    alarm(0)


def alarm(seconds: int) -> None:
    if hasattr(signal, "SIGALRM"):
        signal.alarm(seconds)


TRAPS = [
    "1e-3", "no", "012", "1:30", ".inf", "-.nan", "0x1F", "0o17", "1_000", "~", "=", "<<: {a: 1}",
    "&a [*a]", "*a", "!!python/object/apply:os.system [id]", "!!binary AAAA", "2001-01-01",
    "a: 1\na: 2", "? [1, 2]\n: 3", "%YAML 9999999999999999999.1\n---\n1", '"\\U99999999"',
    '"\\ud800"', "'" + "9" * 5000 + "'", "9" * 5000, "1e999999", "[" * 3000, "{" * 3000,
    "- " * 3000, "\t- a", "a: b: c", "key: |\n", "\ufeffseed: 1", "\x85", "\u2028", "#", "---\n...",
    "a: &x [1]\nb: *x", "a: &a [a]\n" + "".join(f"b{i}: [*a,*a,*a]\n" for i in range(9)),
]  # fmt: skip
KEYS = sorted({"name", "seed", "names", "hidden", *Config.model_fields})
scalars = st.one_of(
    st.sampled_from([*TRAPS, *KEYS, "sgd", "cosine", "idx", "[]", "{}", "null", "-1", "0.5"]),
    st.integers().map(str),
    st.floats().map(repr),
    st.text(max_size=20),
)
lines = st.builds(
    lambda indent, key, colon, value: f"{indent}{key}{colon}{value}",
    st.sampled_from(["", "  ", "    ", "- ", "\t"]),
    st.one_of(st.sampled_from(KEYS), scalars),
    st.sampled_from([": ", ":", " ", ""]),
    scalars,
)
documents = st.one_of(
    st.lists(lines, max_size=12).map("\n".join).map(lambda text: text.encode(errors="replace")),
    st.binary(max_size=300),
)


def test_yaml(tmp_path: Path, count) -> None:
    path = tmp_path / "config.yaml"

    @many
    @given(documents)
    def check(content: bytes) -> None:
        path.write_bytes(content)
        alarm(SECONDS)
        try:
            load_config(path)
        except ConfigError as error:
            assert str(path) in str(error) or ": " in str(error)  # noqa: PT017
        count("YAML texts")

    check()


def test_two_megabytes_are_no_config(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("#\n" * 1_000_000)
    with pytest.raises(ConfigError, match="larger than 1,000,000 bytes"):
        load_config(path)


@pytest.mark.parametrize(
    "text",
    [
        *TRAPS,
        "seed: 1\n" * 250_000,
        "a: " + "x" * 999_000,
        "".join(f"k{i}: 1\n" for i in range(90_000)),
        "network: {hidden: [" + "a," * 490_000 + "]}",
        "data: {class_names: [" + "a," * 490_000 + "]}",
        "#\n" * 499_000,
        'name: "' + "\n" * 999_000 + '"',
    ],
    ids=lambda text: f"{text[:12]!r}, {len(text)}",
)
def test_yaml_traps(tmp_path: Path, text: str, count) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    alarm(SECONDS)
    try:
        load_config(path)
    except ConfigError as error:
        assert str(error)  # noqa: PT017
    count("YAML texts")


@st.composite
def damaged(draw: st.DrawFn, originals: list[bytes]) -> bytes:
    """One of the originals with bytes changed, cut out, doubled or put in."""
    content = bytearray(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(content)))
        match draw(st.integers(0, 4)):
            case 0:
                content[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case 1:
                content[at : at + 4] = struct.pack(
                    draw(st.sampled_from("<>")) + "I", draw(st.integers(0, 2**32 - 1))
                )
            case 2:
                del content[at : at + draw(st.integers(1, 50))]
            case 3:
                content[at:at] = content[at : at + 30]
            case 4:
                content[at:at] = draw(st.binary(max_size=20))
    return bytes(content)


def test_idx(count) -> None:
    images = idx(np.arange(60).reshape(5, 4, 3))
    labels = idx(np.arange(9))
    bomb = gzip.compress(struct.pack(">4I", 0x803, 2**31, 1, 1) + bytes(3_000_000))
    originals = [images, labels, gzip.compress(images), gzip.compress(labels), bomb]

    @many
    @given(st.one_of(damaged(originals), st.binary(max_size=60)))
    def check(content: bytes) -> None:
        alarm(SECONDS)
        for reader in (read_images, read_labels):
            try:
                array = reader(content)
            except DataError:
                pass
            else:
                assert array.dtype == np.uint8
                assert array.size > 0
        count("IDX files")

    check()


def test_tables(tmp_path: Path, count) -> None:
    path = tmp_path / "table.csv"
    plain = b"label,a,b\n" + b"7,0,255\n8,1,2\n" * 4
    bomb = gzip.compress(b"1," * 3_000_000)
    originals = [
        plain,
        plain.replace(b",", b";"),
        gzip.compress(plain),
        b'"7","0","1"\r\n' * 3,
        bomb,
    ]

    @many
    @given(st.one_of(damaged(originals), st.binary(max_size=60)), st.booleans())
    def check(content: bytes, skip: bool) -> None:
        path.write_bytes(content)
        alarm(SECONDS)
        try:
            found, _ = read_table(path, skip=skip)
        except DataError as error:
            assert str(path) in str(error)  # noqa: PT017
        else:
            assert found.pixels.dtype == np.uint8
            assert len(found.pixels) == len(found.rows) > 0
            assert found.labels is None or len(found.labels) == len(found.rows)
        count("tables of pixels")

    check()


def test_archives(tmp_path: Path, count) -> None:
    path = tmp_path / "a.npz"
    originals = []
    for save in (np.savez, np.savez_compressed):
        content = io.BytesIO()
        save(content, x=np.arange(60, dtype=np.uint8).reshape(5, 4, 3), y=np.arange(5))
        originals.append(content.getvalue())
    bomb = io.BytesIO()
    np.savez_compressed(bomb, x=np.zeros((3000, 100, 100), np.uint8), y=np.zeros(3000, int))
    originals.append(bomb.getvalue())

    @many
    @given(st.one_of(damaged(originals), st.binary(max_size=60)))
    def check(content: bytes) -> None:
        path.write_bytes(content)
        alarm(SECONDS)
        try:
            training, _ = read_archive(path)
        except DataError as error:
            assert str(path) in str(error)  # noqa: PT017
        else:
            assert training.pixels.dtype == np.uint8
            assert len(training.pixels) == len(training.labels) > 0
        count("archives of arrays")

    check()


names = st.one_of(
    st.sampled_from(
        ["0/000.png", "../x.png", "/etc/passwd", "C:\\x", "0", ".", "", "\0", "0//000.png"]
    ),
    st.text(max_size=12),
)


def test_tables_of_labels(tmp_path: Path, count) -> None:
    folder = tmp_path / "folder"
    (folder / "0").mkdir(parents=True)
    Image.new("L", (9, 9)).save(folder / "0" / "000.png")
    (tmp_path / "x.png").write_bytes((folder / "0" / "000.png").read_bytes())
    table = folder / "labels.csv"

    @many
    @given(st.lists(st.tuples(names, st.text(max_size=5)), max_size=5), st.booleans())
    def check(rows: list[tuple[str, str]], skip: bool) -> None:
        text = "file,label\n" + "".join(f"{file},{label}\n" for file, label in rows)
        table.write_text(text, errors="replace")
        alarm(SECONDS)
        problems = Problems(str(folder), "", skip=skip)
        try:
            found = find_images(folder, problems)
        except DataError as error:
            assert str(folder) in str(error)  # noqa: PT017
        else:
            for image in found:
                assert Path(image.path).resolve() == (folder / "0" / "000.png").resolve()
        count("tables of labels")

    check()


def test_checkpoints(small: Path, count) -> None:
    original = small.read_bytes()
    theta = load_checkpoint(small).network.theta.tobytes()

    @many
    @given(st.one_of(damaged([original]), st.binary(max_size=100)))
    def check(content: bytes) -> None:
        small.write_bytes(content)
        alarm(SECONDS)
        try:
            found = load_checkpoint(small)
        except CheckpointError as error:
            assert str(error).startswith(f"{small}: ")  # noqa: PT017
        else:
            assert found.network.theta.tobytes() == theta
        count("checkpoints")

    check()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@st.composite
def with_one_thing_replaced(draw: st.DrawFn, value: object) -> object:
    """A JSON value, anything within it, or itself, replaced by anything."""
    if isinstance(value, dict | list) and value and draw(st.integers(0, 5)):
        value = value.copy()
        keys = list(value) if isinstance(value, dict) else range(len(value))
        key = draw(st.sampled_from(keys))
        value[key] = draw(with_one_thing_replaced(value[key]))
        return value
    return draw(json_values)


def test_checkpoints_whose_hash_is_right(small: Path, count) -> None:
    """What a stranger could make: the metadata says anything, and the SHA-256 fits it."""
    original = small.read_bytes()
    tensors = load(original)
    length = int.from_bytes(original[:8], "little")
    metadata = json.loads(original[8 : 8 + length])["__metadata__"]
    said = {key: json.loads(metadata[key]) for key in metadata.keys() - {"format", "sha256"}}

    @many
    @given(with_one_thing_replaced(said))
    def check(hostile: object) -> None:
        if not isinstance(hostile, dict):
            return
        changed = {key: json.dumps(value) for key, value in hostile.items()}
        small.write_bytes(to_bytes(tensors, {**changed, "format": "mlpcli"}))
        alarm(SECONDS)
        try:
            model = mlpcli.load_model(small)
            model.predict_proba(np.zeros((1, *model.image_shape), np.uint8))
            evaluate_checkpoints(small, split="test")
        except (CheckpointError, DataError) as error:
            assert str(error)  # noqa: PT017
        count("checkpoints")

    check()


def drawn(mode: str) -> Image.Image:
    ramp = np.add.outer(np.arange(24), np.arange(20))
    if mode == "I;16":
        return Image.fromarray((ramp * 1000).astype(np.uint16))
    if mode in ("I", "F"):
        return Image.fromarray(ramp.astype(np.int32 if mode == "I" else np.float32))
    return Image.fromarray((ramp * 5).astype(np.uint8)).convert(mode)


def pictures() -> dict[str, bytes]:
    """One of each format and mode, animations and compressed kinds included."""
    kinds = [
        ("PNG", "1 L LA P RGB RGBA I;16"),
        ("JPEG", "L RGB CMYK"),
        ("GIF", "L P"),
        ("BMP", "1 L P RGB RGBA"),
        ("TIFF", "1 L LA P RGB RGBA CMYK LAB I;16 F"),
        ("WEBP", "RGB RGBA"),
        ("PPM", "1 L RGB"),
    ]
    found = {}
    for format_, modes in kinds:
        for mode in modes.split():
            buffer = io.BytesIO()
            drawn(mode).save(buffer, format_)
            found[f"{format_} {mode}"] = buffer.getvalue()
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "group4"):
        buffer = io.BytesIO()
        drawn("1" if compression == "group4" else "RGB").save(
            buffer, "TIFF", compression=compression
        )
        found[f"TIFF {compression}"] = buffer.getvalue()
    for format_ in ("GIF", "PNG", "WEBP", "TIFF"):
        buffer = io.BytesIO()
        frames = [drawn("L"), drawn("L").rotate(90), drawn("L").rotate(180)]
        frames[0].save(buffer, format_, save_all=True, append_images=frames[1:])
        found[f"{format_} animated"] = buffer.getvalue()
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    drawn("RGB").save(buffer, "JPEG", exif=exif)
    found["JPEG turned"] = buffer.getvalue()
    return found


def grey_or_refused(content: bytes) -> np.ndarray | None:
    alarm(SECONDS)
    try:
        grey = read_grey(io.BytesIO(content)).grey
    except ImageError as error:
        assert str(error).startswith("the image: ")  # noqa: PT017
        return None
    assert grey.ndim == 2
    assert grey.size > 0
    assert max(grey.shape) <= DECODED_SIDE
    assert np.isfinite(grey).all()
    assert 0 <= grey.min() <= grey.max() <= 1
    return grey


def test_damaged_pictures(count) -> None:
    originals = list(pictures().values())

    @settings(many, max_examples=3000)
    @given(st.one_of(damaged(originals), st.binary(max_size=100)))
    def check(content: bytes) -> None:
        grey_or_refused(content)
        count("pictures")

    check()


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of 8-bit grey whose header says so, with any chunks after it."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n"
    for name, body in ((b"IHDR", header), *chunks, (b"IEND", b"")):
        content += struct.pack(">I", len(body)) + name + body
        content += struct.pack(">I", zlib.crc32(name + body))
    return content


def test_bombs(tmp_path: Path, count) -> None:
    def zeros(n: int) -> bytes:
        packer = zlib.compressobj(9)
        parts = [packer.compress(bytes(10**6)) for _ in range(1 + n // 10**6)]
        return b"".join(parts) + packer.flush()

    side = 13_000
    with_text = (b"zTXt", b"a\0\0" + zeros(500 * 10**6))
    profile = (b"iCCP", b"a\0\0" + zeros(500 * 10**6))
    dot = (b"IDAT", zlib.compress(b"\0\x80"))
    frames = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Image.new("L", (side, side)).save(frames, "GIF")
    for content in (
        png(side, side, (b"IDAT", zeros(side * (side + 1)))),
        png(2**31 - 1, 2**31 - 1, dot),
        png(0, 0, dot),
        b"P5 99999 99999 255\n",
        b"BM"
        + struct.pack("<IHHIIiiHHIIiiII", 60, 0, 0, 54, 40, 10**5, 10**5, 1, 8, 0, 0, *[0] * 4),
        frames.getvalue(),
    ):
        assert grey_or_refused(content) is None
        count("bombs")
    for content in (png(1, 1, with_text, dot), png(1, 1, profile, dot)):
        grey_or_refused(content)
        count("bombs")
    assert grey_or_refused(png(7000, 7000, (b"IDAT", zeros(7000 * 7001)))) is not None


@pytest.mark.skipif(os.name != "posix", reason="measures processes as POSIX does")
@pytest.mark.parametrize(
    "name", [*FILES, *PATTERNS, *(f"mixed, {number}" for number in range(N_MIXED))]
)
def test_no_picture_takes_much_time_or_memory(
    tmp_path: Path, name: str, count, keep_most, record_property
) -> None:
    path = tmp_path / "picture.png"
    if name in FILES:
        FILES[name](path)
    elif name in PATTERNS:
        write_pattern(PATTERNS[name](2400, 2400), path)
    else:
        write_pattern(mixed(int(name.split()[-1])), path)
    for many in (["--many"], []):
        cost = cost_of("predict", *many, path, cwd=tmp_path)
        keep_most("seconds for a picture", cost.seconds, path)
        keep_most("MB for a picture", cost.megabytes, path)
        record_property("cost", f"{cost.seconds:.1f} s, {cost.megabytes:.0f} MB")
        assert cost.returncode in (0, 6), cost.stderr
        assert cost.seconds < PICTURE_SECONDS
        assert cost.megabytes < PICTURE_MEGABYTES
        count("pictures measured")
    path.unlink()


def test_pictures_of_every_kind_cut_at_every_byte(count) -> None:
    for name, content in pictures().items():
        whole = grey_or_refused(content)
        assert whole is not None, name
        for length in range(len(content)):
            cut = grey_or_refused(content[:length])
            assert cut is None or np.array_equal(cut, whole), f"{name}, {length} bytes"
            count("pictures")
        count("pictures")


@pytest.mark.skipif(find_spec("atheris") is None, reason="needs atheris, where it installs")
@pytest.mark.parametrize(
    ("reader", "runs"),
    [
        ("yaml", 2000),
        ("idx images", 10_000),
        ("idx labels", 10_000),
        ("checkpoint", 10_000),
        ("picture", 10_000),
    ],
)
def test_input_that_looks_for_new_ways(
    config: Path, small: Path, tmp_path: Path, reader: str, runs: int, count
) -> None:
    beginnings = {
        "yaml": [config.read_bytes(), *(t.encode(errors="replace") for t in TRAPS if len(t) < 99)],
        "idx images": [idx(np.arange(60).reshape(5, 4, 3))],
        "idx labels": [idx(np.arange(9)), gzip.compress(idx(np.arange(9)))],
        "checkpoint": [],
        "picture": list(pictures().values()),
    }[reader]
    if reader == "checkpoint":
        beginnings = [small.read_bytes()]
    folder = tmp_path / "beginnings"
    folder.mkdir()
    for i, content in enumerate(beginnings):
        (folder / str(i)).write_bytes(content)
    fuzzer = Path(__file__).with_name("fuzz_reader.py")
    bounds = [f"-runs={runs}", f"-timeout={SECONDS}", f"-rss_limit_mb={MEGABYTES}", "-seed=1"]
    done = subprocess.run(
        [sys.executable, fuzzer, reader, folder, *bounds, "-verbosity=0"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        errors="replace",
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    count("inputs by atheris", runs)


@pytest.mark.skipif(os.name != "posix", reason="needs pipes")
def test_a_pipe_where_a_file_should_be_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    alarm(SECONDS)
    with pytest.raises(DataError, match="not an ordinary file"):
        read_images(pipe)
    with pytest.raises(CheckpointError, match="not an ordinary file"):
        load_checkpoint(pipe)
