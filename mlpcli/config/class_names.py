"""What may name a class, apart from the schema, which loading a network need not import."""

NO_DIGIT = "no digit"
"""the class of what shows none of the others: a network that has it can refuse an image"""
NO_DIGIT_ODDS = 3.0
"""factor on the odds of being no digit, as training had them: people photograph more kinds of it
than can be drawn, and those look more like digits"""
REFUSED_FROM = 0.87
"""least probability of being no digit, by those odds, at which an image is refused"""
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
