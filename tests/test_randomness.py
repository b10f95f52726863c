from mlpcli.randomness import Purpose, generator


def test_numbers_follow_from_seed_purpose_and_epoch():
    def first(*arguments):
        return generator(*arguments).random()

    assert first(1, Purpose.ORDER, 2) == first(1, Purpose.ORDER, 2)
    others = {
        first(1, Purpose.ORDER, 2),
        first(2, Purpose.ORDER, 2),
        first(1, Purpose.VALIDATION, 2),
        first(1, Purpose.ORDER, 3),
    }
    assert len(others) == 4
