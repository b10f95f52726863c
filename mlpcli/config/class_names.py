"""What may name a class, apart from the schema, which loading a network need not import."""

NO_DIGIT = "no digit"
"""the class of what shows none of the others: a network that has it can refuse an image"""
REFUSED_FROM = 0.8
"""probability of being no digit from which an image is refused; 0.2 % of MNIST's test images are"""
MOST_CLASSES = 1000
"""most classes that a network can have"""


def check_class_names(names: tuple[str, ...]) -> None:
    """Check that names can stand in a table.

    Raises:
        ValueError: two are the same, or one cannot be printed; says what was expected.
    """
    if len(set(names)) < len(names):
        raise ValueError("a different name for each class")
    if not all(name and name.isprintable() for name in names):
        raise ValueError("names of at least one character, all of them printable")
