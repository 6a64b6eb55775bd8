"""Makes up whole worlds for the laws: promises and tickets, short and long, and the ways their events arrive."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from hypothesis import strategies as st
from judge import read_policies
from judge_time import DAY, instant, text_of
from judging import policies_of
from strategies import STARTS, STEPS, policy_files, random_policy_file, random_ticket, tickets

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from judge import Event, Policy

    from streams.policies import Policies

# Hypothesis draws a history choice by choice, to make a failing one small; from a seed it costs a fiftieth. Three of
# four histories come from seeds.
seeds = st.integers(0, 2**32 - 1)
chances = seeds.map(Random)
"""A random generator for what need not become small."""


class Promises(NamedTuple):
    """The same promises as the product and as the judge read them."""

    policies: Policies
    rules: Sequence[Policy]
    document: dict[str, Any]


def promises(document: dict[str, Any]) -> Promises:
    return Promises(policies_of(document), read_policies(document), document)


def _often(from_seed: st.SearchStrategy[Any], drawn: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.integers(0, 3).flatmap(lambda which: from_seed if which else drawn)


histories: st.SearchStrategy[list[Event]] = _often(
    chances.map(lambda rng: random_ticket(rng, "T")), tickets("T")
).filter(bool)
"""The events of one ticket, in disorder."""

promised: st.SearchStrategy[Promises] = _often(chances.map(random_policy_file), policy_files()).map(promises)


def long_ticket(rng: Random, ticket_id: str, chapters: int) -> list[Event]:
    """The events of a ticket that lives long, in order: made-up tickets one after the other, under one creation."""
    story: list[Event] = []
    begins = rng.choice(STARTS)
    while chapters:
        chapter = random_ticket(rng, f"{ticket_id}")
        created = [event for event in chapter if event["type"] == "ticket_created"]
        if not created or len(chapter) < 5:
            continue
        if not story:  # it stays the creation, whatever else comes under its id
            chapter = [e for e in chapter if e["event_id"] != created[0]["event_id"] or e == created[0]]
        elif rng.random() < 0.8:
            chapter = [event for event in chapter if event["type"] != "ticket_created"]
        instants = [instant(event["occurred_at"]) for event in chapter]
        since = min(instants) if story else instant(created[0]["occurred_at"])
        pace = rng.choice((1, 1, 8))  # busy times are such that a day holds far more than sixteen events
        for event, at in zip(chapter, instants, strict=True):
            moved = {
                "event_id": f"{chapters}{event['event_id']}",
                "occurred_at": text_of(begins + (at - since) // pace),
            }
            story.append({**event, **moved})
        begins += (max(instants) - since) // pace + rng.choice(STEPS)
        chapters -= 1
    return sorted(story, key=lambda event: instant(event["occurred_at"]))


def in_time(rng: Random, events: Iterable[Event], lateness: int = DAY) -> list[Event]:
    """The events as they arrive where each is late by less than `lateness`, and some come again, however late."""
    due = [(instant(event["occurred_at"]) + rng.randrange(lateness), n, event) for n, event in enumerate(events)]
    again = [(at + rng.randrange(40 * DAY), -n, event) for at, n, event in due if rng.random() < 0.1]
    return [event for *_, event in sorted(due + again, key=lambda item: item[:2])]


def batches(rng: Random, events: Sequence[Event]) -> list[list[Event]]:
    """The same events, split anyhow."""
    cuts = sorted({0, len(events), *(rng.randrange(len(events) + 1) for _ in range(rng.randrange(6)))})
    return [list(events[a:b]) for a, b in pairwise(cuts)]
