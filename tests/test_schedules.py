import pytest

from mlpcli.nn import schedules


def test_constant():
    assert schedules.constant(0, 10) == schedules.constant(9.9, 10) == 1


def test_step_falls_at_the_end_of_each_stretch():
    halved_every_two = schedules.step(every_epochs=2, factor=0.5)
    assert [halved_every_two(t, 10) for t in (0, 1.99, 2, 3.5, 4, 9)] == [
        1,
        1,
        0.5,
        0.5,
        0.25,
        0.0625,
    ]


def test_cosine():
    cosine = schedules.cosine()
    assert cosine(0, 8) == 1
    assert cosine(4, 8) == pytest.approx(0.5)
    assert cosine(2, 8) == pytest.approx((1 + 2**-0.5) / 2)
    assert cosine(8, 8) == 0
    assert schedules.cosine(final_fraction=0.2)(8, 8) == pytest.approx(0.2)


def test_warmup_rises_to_the_schedules_own_start():
    share = schedules.with_warmup(schedules.cosine(), warmup_epochs=2)
    assert [share(t, 10) for t in (0, 0.5, 1)] == [0, 0.25, 0.5]
    assert share(2, 10) == 1
    assert share(6, 10) == pytest.approx(0.5)
    assert share(10, 10) == 0


def test_no_warmup_changes_nothing():
    cosine = schedules.cosine()
    assert schedules.with_warmup(cosine, 0) is cosine
