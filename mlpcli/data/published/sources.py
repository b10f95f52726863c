"""The published datasets: their files, hashes and mirrors."""

from dataclasses import dataclass, field

UNKNOWN_SIZE_LIMIT = 64 * 1024 * 1024
"""largest file of unknown size, in bytes; the largest published one has 26 MB"""


@dataclass(frozen=True)
class PublishedFile:
    """A published file and the hash that verifies a copy."""

    name: str
    sha256: str
    size: int | None
    """bytes; None if nobody has published it"""

    @property
    def limit(self) -> int:
        """Largest size of a right copy, in bytes."""
        return UNKNOWN_SIZE_LIMIT if self.size is None else self.size

    def mismatch(self, size: int, sha256: str) -> str | None:
        """Return how content of this size and hash differs from the published file, or None."""
        if self.size is not None and size != self.size:
            return f"{size:,} bytes, where {self.size:,} were expected"
        if sha256 != self.sha256:
            return f"SHA-256 {sha256[:12]}…, where {self.sha256[:12]}… was expected"
        return None


@dataclass(frozen=True)
class PublishedDataset:
    """A dataset: four IDX files, the same on each of its mirrors."""

    name: str
    mirrors: tuple[str, ...]
    """URLs of folders, in the order in which they are tried"""
    class_names: tuple[str, ...]
    train_images: PublishedFile
    train_labels: PublishedFile
    test_images: PublishedFile
    test_labels: PublishedFile
    has_many_labels: bool = field(default=False, kw_only=True)
    """whether the labels are rows of numbers, each of which begins with the image's class"""

    @property
    def files(self) -> tuple[PublishedFile, ...]:
        """The four files."""
        return (self.train_images, self.train_labels, self.test_images, self.test_labels)


TRAIN_IMAGES = "train-images-idx3-ubyte.gz"
TRAIN_LABELS = "train-labels-idx1-ubyte.gz"
TEST_IMAGES = "t10k-images-idx3-ubyte.gz"
TEST_LABELS = "t10k-labels-idx1-ubyte.gz"


def _dataset(
    name: str,
    mirrors: tuple[str, ...],
    class_names: tuple[str, ...],
    *hashes_and_sizes: tuple[str, int | None],
    names: tuple[str, ...] = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS),
    has_many_labels: bool = False,
) -> PublishedDataset:
    files = [
        PublishedFile(file, sha256, size)
        for file, (sha256, size) in zip(names, hashes_and_sizes, strict=True)
    ]
    return PublishedDataset(name, mirrors, class_names, *files, has_many_labels=has_many_labels)


MNIST = _dataset(
    "mnist",
    (
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://raw.githubusercontent.com/fgnt/mnist/master/",
    ),
    ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9"),
    ("440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609", 9912422),
    ("3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c", 28881),
    ("8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6", 1648877),
    ("f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6", 4542),
)

FASHION = "T-shirt/top, Trouser, Pullover, Dress, Coat, Sandal, Shirt, Sneaker, Bag, Ankle boot"
# Xiao, Rasul and Vollgraf, "Fashion-MNIST", 2017, https://arxiv.org/abs/1708.07747
FASHION_MNIST = _dataset(
    "fashion_mnist",
    (
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ),
    tuple(FASHION.split(", ")),
    ("3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84", 26421880),
    ("a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845", 29515),
    ("346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073", 4422102),
    ("67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5", 5148),
)

# Clanuwat et al., "Deep Learning for Classical Japanese Literature", 2018,
# https://arxiv.org/abs/1812.01718. Its host speaks http only: only the hashes make it safe.
KMNIST = _dataset(
    "kmnist",
    ("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
    ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    ("51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4", None),
    ("e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17", None),
    ("edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5", None),
    ("20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c", None),
)

# Yadav and Bottou, "Cold Case: the Lost MNIST Digits", 2019, https://arxiv.org/abs/1905.10498:
# MNIST's digits prepared anew, with all 60,000 for the test. Hashes and sizes: TensorFlow Datasets,
# tensorflow_datasets/url_checksums/qmnist.txt; torchvision's prototype of 2022 has the same hashes.
QMNIST = _dataset(
    "qmnist",
    (
        "https://raw.githubusercontent.com/facebookresearch/qmnist/master/",
        "https://github.com/facebookresearch/qmnist/raw/master/",
    ),
    ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9"),
    ("9e26a7bf1683614e065d7b76460ccd52807165b3f22561fb782bd9f38c52b51d", 9704059),
    ("2c05dc77f6b916b38e455e97ab129a42a444f3dbef09b278a366f82904e0dd9f", 463024),
    ("43fc22bf7498b8fc98de98369d72f752d0deabc280a43a7bcc364ab19e57b375", 9742279),
    ("9fbcbe594c3766fdf4f0b15c5165dc0d1e57ac604e01422608bb72c906030d06", 526800),
    names=(
        "qmnist-train-images-idx3-ubyte.gz",
        "qmnist-train-labels-idx2-int.gz",
        "qmnist-test-images-idx3-ubyte.gz",
        "qmnist-test-labels-idx2-int.gz",
    ),
    has_many_labels=True,
)

SOURCES = {source.name: source for source in (MNIST, FASHION_MNIST, KMNIST, QMNIST)}
