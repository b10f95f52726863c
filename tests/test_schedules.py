import math
from functools import partial

import pytest

from mlpcli.nn import schedules


def test_constant():
    assert schedules.constant(0, 10) == schedules.constant(9.9, 10) == 1


def test_step_falls_at_the_end_of_each_stretch():
    halved_every_two = partial(schedules.step, every_epochs=2, factor=0.5)
    assert [halved_every_two(t, 10) for t in (0, 1.99, 2, 3.5, 4, 9)] == [
        1,
        1,
        0.5,
        0.5,
        0.25,
        0.0625,
    ]


def test_exponential():
    share = partial(schedules.exponential, factor=0.25)
    assert [share(t, 10) for t in (0, 0.5, 1, 2)] == [1, 0.5, 0.25, 0.0625]


def test_inverse_time():
    share = partial(schedules.inverse_time, decay=2.0)
    assert [share(t, 10) for t in (0, 0.5, 1.5)] == [1, 0.5, 0.25]


def test_one_cycle():
    share = partial(schedules.one_cycle, rise=0.25, initial_fraction=0.1, final_fraction=0.02)
    assert share(0, 8) == pytest.approx(0.1)
    assert share(1, 8) == pytest.approx(0.55)
    assert share(0.5, 8) == pytest.approx(0.1 + 0.9 * (1 - 2**-0.5) / 2)
    assert share(2, 8) == 1
    assert share(math.nextafter(2, 0), 8) == pytest.approx(1)
    assert share(5, 8) == pytest.approx(0.51)
    assert share(8, 8) == pytest.approx(0.02)


EVERY = {
    "constant": schedules.constant,
    "step": partial(schedules.step, every_epochs=3, factor=0.5),
    "exponential": partial(schedules.exponential, factor=0.8),
    "inverse_time": partial(schedules.inverse_time, decay=1.0),
    "cosine": partial(schedules.cosine, final_fraction=0.1),
    "one_cycle": partial(schedules.one_cycle, rise=0.3, initial_fraction=0.04, final_fraction=4e-6),
}


@pytest.mark.parametrize("schedule", EVERY.values(), ids=EVERY.keys())
def test_warmup_leads_to_the_start_of_every_schedule(schedule):
    share = schedules.with_warmup(schedule, warmup_epochs=2)
    assert share(0, 10) == 0
    assert share(1, 10) == pytest.approx(schedule(0, 8) / 2)
    assert share(math.nextafter(2, 0), 10) == pytest.approx(schedule(0, 8))
    for t in (2, 3.7, 10):
        assert share(t, 10) == schedule(t - 2, 8)


@pytest.mark.parametrize("schedule", EVERY.values(), ids=EVERY.keys())
def test_a_warmup_as_long_as_the_run_is_all_there_is(schedule):
    share = schedules.with_warmup(schedule, warmup_epochs=4)
    assert share(1.5, 3) == pytest.approx(schedule(0, 3) * 1.5 / 4)
    assert share(1.5, 4) == pytest.approx(schedule(0, 4) * 1.5 / 4)


def test_cosine():
    cosine = schedules.cosine
    assert cosine(0, 8) == 1
    assert cosine(4, 8) == pytest.approx(0.5)
    assert cosine(2, 8) == pytest.approx((1 + 2**-0.5) / 2)
    assert cosine(8, 8) == 0
    assert schedules.cosine(8, 8, final_fraction=0.2) == pytest.approx(0.2)


def test_warmup_rises_to_the_schedules_own_start():
    share = schedules.with_warmup(schedules.cosine, warmup_epochs=2)
    assert [share(t, 10) for t in (0, 0.5, 1)] == [0, 0.25, 0.5]
    assert share(2, 10) == 1
    assert share(6, 10) == pytest.approx(0.5)
    assert share(10, 10) == 0


def test_no_warmup_changes_nothing():
    cosine = schedules.cosine
    assert schedules.with_warmup(cosine, 0) is cosine


def test_every_schedule_is_tried_here():
    assert EVERY.keys() == schedules.SCHEDULES.keys()
