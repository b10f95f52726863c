"""The published facts, where a slip of the pen would make a dataset unreachable."""

import string

import pytest

from mlpcli.data.published.sources import SOURCES, PublishedDataset, PublishedFile

EACH_SOURCE = pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)


@EACH_SOURCE
def test_the_facts_are_well_formed(source: PublishedDataset) -> None:
    assert SOURCES[source.name] is source
    assert len({file.sha256 for file in source.files}) == 4
    kinds = ["train-images-idx3", "train-labels-idx", "images-idx3", "labels-idx"]
    for kind, file in zip(kinds, source.files, strict=True):
        assert kind in file.name
        assert file.name.endswith(".gz")
    for file in source.files:
        assert len(file.sha256) == 64
        assert set(file.sha256) <= set(string.hexdigits.lower())
    assert len(set(source.class_names)) == 10
    assert all(mirror.endswith("/") for mirror in source.mirrors)


@EACH_SOURCE
def test_a_public_mirror_over_http_follows_none_over_https(source: PublishedDataset) -> None:
    schemes = [mirror.partition(":")[0] for mirror in source.mirrors]
    assert schemes in (["https"] * len(schemes), ["http"] * len(schemes))


def test_no_file_is_shared_between_datasets() -> None:
    hashes = [file.sha256 for source in SOURCES.values() for file in source.files]
    assert len(set(hashes)) == 4 * len(SOURCES)


def test_mismatch() -> None:
    file = PublishedFile("f", "ab" * 32, 1000)
    assert file.mismatch(1000, "ab" * 32) is None
    assert file.mismatch(999, "ab" * 32) == "999 bytes, where 1,000 were expected"
    assert "SHA-256 cdcd" in (file.mismatch(1000, "cd" * 32) or "")
    assert PublishedFile("f", "ab" * 32, None).mismatch(5, "ab" * 32) is None
