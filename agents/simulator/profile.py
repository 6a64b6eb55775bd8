"""The centre's figures: when customers write, to whom, through what, and how long the work takes.

They are those of no centre in particular, with the shape that the trade describes: Monday mornings are the
worst, noon dips, most matters end with the first answer, and a long wait makes complaints.
"""

from __future__ import annotations

from dataclasses import dataclass

from agents.simulator.draw import Mix
from streams.instants import DAY, HOUR, MINUTE, SECOND

# The centre's clock on the wall: UTC+8 the whole year, so that every week has the same hours.
UTC_OFFSET = 8 * HOUR

# Contacts by hour of the day (relative), and the share of the weekdays, Monday first.
HOURS = (20, 12, 9, 7, 7, 9, 16, 34, 62, 88, 95, 84, 56, 68, 84, 82, 74, 62, 50, 48, 50, 46, 38, 28)
WEEKDAYS = (1.15, 1.05, 1.0, 1.0, 0.98, 0.7, 0.6)
MONDAY_MORNING = 1.3  # the weekend's matters, from 8 to 12
MONDAY_HOURS = range(8, 12)


def weight(instant: int) -> float:
    """How many contacts the hour at an instant brings, relative to other hours; the planners know it too."""
    day, hour = divmod((instant + UTC_OFFSET) // HOUR, 24)
    weekday = (day + 3) % 7  # 1970-01-01 was a Thursday
    monday = MONDAY_MORNING if weekday == 0 and hour in MONDAY_HOURS else 1.0
    return HOURS[hour] * WEEKDAYS[weekday] * monday


@dataclass(frozen=True)
class Team:
    """A team's share of the tickets and what it is asked about."""

    name: str
    share: float
    categories: Mix[str]


TEAMS = (
    Team("frontline", 0.46, Mix({"account": 3, "order": 4, "delivery": 5, "other": 1})),
    Team("billing", 0.2, Mix({"payment": 4, "refund": 4, "invoice": 2})),
    Team("technical", 0.22, Mix({"login": 4, "app": 3, "device": 3})),
    Team("aftersales", 0.12, Mix({"return": 5, "damage": 3, "warranty": 2})),
)
TEAM_OF = Mix({team: team.share for team in TEAMS})

CHANNELS = Mix({"email": 0.42, "chat": 0.36, "phone": 0.22})
LIVE = frozenset({"chat", "phone"})  # somebody is waiting on the line
PRIORITIES = Mix({"urgent": 0.1, "high": 0.16, "normal": 0.6, "low": 0.14})
RANK = {
    "urgent": 1,
    "high": 2,
    "normal": 3,
    "low": 4,
}  # the order of the queue; live contacts come before, at 0
KINDS = Mix({"question": 5, "problem": 3, "request": 2})
TAGS = Mix({(): 82, ("vip",): 5, ("new_customer",): 9, ("campaign",): 4})

# Median times of work: phone and chat hold an agent for the whole conversation, an email for each answer.
PHONE_CALL = 4 * MINUTE
WRAP_UP = 40 * SECOND
CHAT_TYPING = 45 * SECOND
EMAIL_WORK = 6 * MINUTE
HAND_OVER_LOOK = 2 * MINUTE
READING = 40 * SECOND  # what another team wrote
BACK_OFFICE = 8 * MINUTE

# What the planners take a ticket to cost, all that follows included. They staff for the mean of a shift at
# this occupancy: the hours above the mean build a queue, those below clear it.
PLANNED_WORK = {"phone": 8 * MINUTE, "chat": 8 * MINUTE, "email": 14 * MINUTE}
OCCUPANCY = 0.97

# Shares of what may happen to a ticket.
SPAM = 0.04  # of emails
DUPLICATE = 0.02
BY_AGENT = 0.05  # of emails: the centre writes first
MISROUTED = 0.1
NEEDS_ADVICE = 0.26  # of emails: put aside until somebody knows the answer
ON_HOLD = 0.07
REOPENED = 0.07
THANKS = 0.18
COMES_BACK = 0.06  # a new ticket of the same customer and category
COMPLAINT, COMPLAINT_AFTER_WAIT = 0.008, 0.09
RATED = 0.3
REVIEWED = 0.1
CALLED_BACK = 0.04

# A first answer later than this makes an angry customer; live contacts hang up instead.
PATIENCE = {"urgent": 20 * MINUTE, "high": 90 * MINUTE, "normal": 3 * HOUR, "low": 5 * HOUR}
HANGS_UP = {"phone": 4 * MINUTE, "chat": 12 * MINUTE}
CLOSED_AFTER = 3 * DAY  # done, and nobody wrote again
GIVEN_UP_AFTER = 3 * DAY  # the customer was asked and never answered


@dataclass(frozen=True)
class Shift:
    """Hours at work on the centre's clock; the mean load of the hours `sized_by` says how many are needed."""

    name: str
    begins: int
    ends: int
    breaks_at: int
    sized_by: range


# In the order in which they are planned: each takes what those before it leave uncovered.
SHIFTS = (
    Shift("night", 22 * HOUR, 31 * HOUR, 26 * HOUR, range(23, 30)),
    Shift("early", 7 * HOUR, 15 * HOUR + 30 * MINUTE, 11 * HOUR, range(7, 9)),
    Shift("late", 14 * HOUR, 22 * HOUR + 30 * MINUTE, 18 * HOUR, range(18, 22)),
    Shift("day", 9 * HOUR, 17 * HOUR + 30 * MINUTE, 12 * HOUR, range(9, 17)),
)
BREAK = 45 * MINUTE
