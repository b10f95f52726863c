"""NumPy's archives: Keras' and others', and what only looks like one."""

import io
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpcli.data.npz import read_archive
from mlpcli.errors import DataError

X = np.arange(24, dtype=np.uint8).reshape(4, 3, 2)
Y = np.array([3, 0, 9, 1])


@pytest.fixture
def archive(tmp_path):
    def write(**arrays):
        path = tmp_path / "a.npz"
        np.savez_compressed(path, **arrays)
        return path

    return write


def test_keras(archive):
    training, test = read_archive(archive(x_train=X, y_train=Y, x_test=X[:2], y_test=Y[:2]))
    assert np.array_equal(training.pixels, X)
    assert training.labels.tolist() == [3, 0, 9, 1]
    assert (len(test.pixels), test.labels.tolist()) == (2, [3, 0])


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (X, Y.astype(np.uint8)),
        (X.astype(">i4"), Y.astype(">i8")),
        (X[..., np.newaxis], Y[:, np.newaxis]),
        (np.asfortranarray(X), Y),
        (X, Y.astype(np.uint64) + np.uint64(2**63)),
    ],
)
def test_other_forms(archive, x, y):
    training, test = read_archive(archive(images=x, labels=y))
    assert test is None
    assert training.pixels.dtype == np.uint8
    assert np.array_equal(training.pixels, X)
    assert training.labels.tolist() == y.ravel().tolist()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": X}, "expected arrays named x_train with y_train or .*; it has a"),
        ({"x": X / 255, "y": Y}, r"elements of type float64.*; pixels from 0 to 1"),
        ({"x": X, "y": Y / 1}, r"y\.npy has .* type float64, where whole numbers were expected\.$"),
        ({"x": X, "y": Y.astype(object)}, "elements of type object"),
        ({"x": X, "y": Y[:3]}, "x has 4 images, but y has 3 labels"),
        ({"x": X.astype(int) - 1, "y": Y}, "expected 0 to 255"),
        ({"x": X, "y": Y - 1}, "negative"),
        ({"x": np.zeros((4, 2, 2, 3), np.uint8), "y": Y}, "expected grey images"),
        ({"x": X, "y": np.eye(4, dtype=int)}, "a number for each image"),
        ({"x": np.zeros((0, 2, 2), np.uint8), "y": Y}, "which no images or labels have"),
    ],
)
def test_arrays_that_are_none_of_images_and_labels(archive, arrays, message):
    with pytest.raises(DataError, match=message):
        read_archive(archive(**arrays))


def test_nothing_is_unpickled(archive):
    class Trap:
        def __reduce__(self):
            return (print, ("unpickled",))

    path = archive(x=np.array([Trap()], object), y=Y)
    with pytest.raises(DataError, match="type object"):
        read_archive(path)


def test_other_ways_to_pack(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("x.npy", npy((4, 3, 2), X.tobytes()))
        archive.writestr("y.npy", npy((4,), b"\0\1\2\3"))
    with pytest.raises(DataError, match="packed in a way"):
        read_archive(path)


def npy(shape, content=b"", dtype="|u1"):
    header = repr({"descr": dtype, "fortran_order": False, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + content


@pytest.mark.parametrize("shape", [(2**40, 3, 2), (4, 3, 3), (4, 3, 1), (-4, 3, 2), (), (4,) * 9])
def test_a_header_that_promises_something_else(tmp_path, shape):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", npy(shape, X.tobytes()))
        archive.writestr("y.npy", npy((4,), b"\0\1\2\3"))
    with pytest.raises(DataError, match=r"a\.npz"):
        read_archive(path)


@pytest.mark.parametrize("header", [b"{", b"{'descr': '|u1'}", b"", b"[" * 900, b"\0", b"1L", b"x"])
def test_a_header_that_is_none(tmp_path, header):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("x.npy", "y.npy"):
            whole = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
            archive.writestr(name, whole)
    with pytest.raises(DataError, match="a damaged one"):
        read_archive(path)


@given(st.data())
def test_any_damage_is_an_error_or_harmless(tmp_path_factory, data):
    content = io.BytesIO()
    np.savez(content, x=X, y=Y)
    damaged = bytearray(content.getvalue())
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("npz") / "a.npz"
    path.write_bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    try:
        training, _ = read_archive(path)
    except DataError as error:
        assert "a.npz" in str(error)  # noqa: PT017
    else:
        assert np.array_equal(training.pixels, X)
        assert training.labels.tolist() == Y.tolist()
