"""The model of scheduling against the kernel: for every connection the same server, after every step equal counts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from lvsctl.kernel.connections import End
from lvsctl.kernel.generation import generation_of
from lvsctl.model import Forward, Generation, Protocol, Timeouts
from tests.kernel.beside import Beside
from tests.kernel.steps import Add, Close, Edit, Open, Setting, Story, Teller, Wait

pytestmark = pytest.mark.kernel

SCHEDULERS = ("hprio", "fo", "rr", "wrr", "lc", "wlc", "ovf")

HURRY = Timeouts(900, 1, 300)
IN_A_HURRY = Setting(pauses=((1.2,),), forwards=(Forward.ROUTE,))
"""Where time does not travel: a routed connection that is closed by FIN is forgotten after a second."""
EDITS_ALONE = Setting(pauses=())

LEISURE = Timeouts(180, 120, 60)
AT_LEISURE = Setting(remade=True)
PERSISTENT = Setting(persistence=(90,), protocols=(Protocol.TCP, Protocol.TCP, Protocol.UDP), remade=True)
DATAGRAMS = Setting(protocols=(Protocol.UDP,), schedulers=SCHEDULERS)
SWITCHING = Setting(persistence=(0, 0, 90), schedulers=(*SCHEDULERS, "none"), remade=True)


def generation() -> Generation:
    found = generation_of(os.uname().release, Path("/proc/version").read_text())
    if found is None:
        pytest.skip("the generation of this kernel's overload code is not known")
    return found


@contextmanager
def side_by_side(generation: Generation, timeouts: Timeouts) -> Iterator[Beside]:
    beside = Beside(generation, timeouts)
    try:
        yield beside
    finally:
        print(f"{beside.stories} stories, {beside.steps} steps, {beside.cut} cut short")
        beside.close()


def play(beside: Beside, scheduler: str, setting: Setting, *, number: int) -> None:
    """So many stories, the same ones every time; one in which kernel and model part is told in short."""
    if beside.missing(scheduler):
        pytest.skip(f"this kernel has no {scheduler}")
    for seed in range(number):
        story = Teller(scheduler, setting, Random(f"{scheduler} {seed}")).story()
        if beside.parts(story):
            short = beside.shortest(story)
            print(short)
            beside.play(short)
            pytest.fail(f"they part in {story}, but not always")


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_some_stories_without_a_pause(netns: None, scheduler: str) -> None:
    with side_by_side(generation(), LEISURE) as beside:
        play(beside, scheduler, EDITS_ALONE, number=10 if scheduler in ("hprio", "fo") else 5)


@pytest.mark.parametrize("scheduler", ["hprio", "fo"])
def test_a_story_in_the_time_there_is(netns: None, scheduler: str) -> None:
    """On a busy machine the same one again until nothing has held it up."""
    with side_by_side(generation(), HURRY) as beside:
        for attempt in range(5):
            play(beside, scheduler, IN_A_HURRY, number=1)
            if beside.cut <= attempt:
                return
        pytest.fail("this machine is never quick enough")


@pytest.mark.kernels("old", "new")
@pytest.mark.timeout(0)  # it counts the guest's seconds
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_stories(netns: None, scheduler: str) -> None:
    number = 200 if scheduler in ("hprio", "fo") else 50
    with side_by_side(generation(), LEISURE) as beside:
        play(beside, scheduler, AT_LEISURE, number=number)
        assert beside.stories >= number
        assert beside.steps >= 40 * number


@pytest.mark.kernels("old", "new")
@pytest.mark.timeout(0)
@pytest.mark.parametrize("setting", [PERSISTENT, DATAGRAMS, SWITCHING], ids=["persistent", "datagrams", "switching"])
@pytest.mark.parametrize("scheduler", ["hprio", "wlc"])
def test_stories_of_services_with_more_to_them(netns: None, setting: Setting, scheduler: str) -> None:
    with side_by_side(generation(), LEISURE) as beside:
        play(beside, scheduler, setting, number=80)
        assert beside.cut < beside.stories / 2


RARE = {
    "a level of wrr that an edit rounds": Story(
        "wrr", [Add(0, 3), Add(1, 4), *[Open()] * 6, Edit(1, 6), Edit(1, 1), *[Open()] * 4]
    ),
    "a template that ends makes the old code look at the server again": Story(
        "fo",
        [
            *(Add(0, 1, 4, 2), Open(0), Close(0, End.RST), Wait(15)),
            *(*[Open(1)] * 4, Close(0, End.RST), Wait(15), Edit(0, 1, 4, 4), Open(2), Wait(70), Open(2)),
        ],
        persistence=90,
    ),
    "a template that had to live on has a shorter life ever after": Story(
        "fo",
        [Add(0), Open(), Wait(105), Open(), Close(0, End.RST), Close(1, End.RST), Wait(15), Wait(70)],
        persistence=90,
    ),
}
"""What chance comes by seldom, or in one generation alone; here stays every story in which kernel and model parted."""


@pytest.mark.kernels("old", "new")
@pytest.mark.timeout(0)
@pytest.mark.parametrize("story", RARE.values(), ids=RARE)
def test_rare_stories(netns: None, story: Story) -> None:
    with side_by_side(generation(), LEISURE) as beside:
        beside.play(story)
        assert beside.cut == 0


@pytest.mark.parametrize("scheduler", ["lc", "wlc"])
def test_what_an_active_connection_weighs(netns: None, scheduler: str) -> None:
    """As much as 256 inactive ones, or a little more: no story that is drawn has so many."""
    one_by_one = [step for nth in range(256) for step in (Open(), Close(nth))]
    with side_by_side(generation(), LEISURE) as beside:
        beside.play(Story(scheduler, [Add(0), *one_by_one, Add(1), Open(), Open(), Open()]))
        assert beside.steps == 517


def test_a_model_of_the_wrong_generation_is_found_out(netns: None) -> None:
    """What the stories are worth: they see a difference that takes three things to come together."""
    wrong = Generation.OLD if generation() is Generation.NEW else Generation.NEW
    with side_by_side(wrong, LEISURE) as beside, pytest.raises(AssertionError, match=r"the model says .*, the kernel "):
        play(beside, "fo", EDITS_ALONE, number=100)
