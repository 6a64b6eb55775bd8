"""The life of a ticket as processes: from the customer's first word to the closing, and what goes wrong."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from agents.simulator import profile
from agents.simulator.draw import Draw, Mix
from agents.simulator.staff import Agent, Desk
from streams.instants import HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from agents.simulator.kernel import Loop, Parking, Process

_ACCEPTS = Mix({"accepted_by": 5, "agent_id": 2, "reply": 3})  # how a team takes a hand-over
_COMMENTS = {
    1: ("waited far too long", "nobody read what I wrote"),
    2: ("had to explain it twice", "slow"),
    3: ("ok in the end",),
    4: ("friendly and clear",),
    5: ("quick, thank you", "solved at once"),
}
_DEDUCTIONS = {
    "attitude": "no greeting",
    "resolution": "rework",
    "clarity": "spoke too fast",
    "satisfaction": "no follow-up",
}


@dataclass(eq=False, slots=True)
class Ticket:
    """What the processes of one ticket must know of each other."""

    id: str
    team: profile.Team
    channel: str
    priority: str
    category: str
    customer: str
    created_at: int  # since when the customer waits
    events: int = 0  # told so far: the next one's `seq`
    answered_at: int | None = None
    taken: bool = False  # by an agent: nobody hangs up on a person
    reopened: bool = False
    gone: bool = False  # cancelled: out of its queue

    @property
    def live(self) -> bool:
        """Whether somebody is waiting on the line."""
        return self.channel in profile.LIVE


class Centre(Protocol):
    """What a story needs of the centre that it happens in."""

    loop: Loop
    draw: Draw
    desks: dict[str, Desk]

    def tell(self, ticket: Ticket, what: str, **fields: Any) -> None:
        """Something happened to the ticket now: an event of type `what`."""

    def expect_again(self, ticket: Ticket, after: int) -> None:
        """The customer will write again about the same matter."""


Step = Generator["int | Parking", Any, Agent]


def life(c: Centre, t: Ticket, created: dict[str, Any]) -> Process:
    """A ticket from its creation to its closing; `created` are the fields of its first event."""
    c.tell(t, "ticket_created", **created)
    if "created_by" in created:
        yield from _outreach(c, t)
    elif t.channel == "email":
        yield c.draw.around(3 * SECOND)
        c.tell(t, "agent_replied", automated=True)
        if c.draw.chance(profile.SPAM):
            yield c.draw.around(5 * MINUTE)
            return _cancel(c, t, "spam")
    c.loop.resume(_impatience(c, t))
    agent = yield _claim(c, t)
    t.taken = True
    if c.draw.chance(profile.DUPLICATE):
        yield c.draw.around(MINUTE)
        c.desks[t.team.name].hand_back(agent)
        return _cancel(c, t, "duplicate")
    while c.draw.chance(profile.MISROUTED):
        agent = yield from _hand_over(c, t, agent)
    if not t.live and c.draw.chance(profile.NEEDS_ADVICE):
        agent = yield from _ask_around(c, t, agent)
    if t.channel == "phone":
        yield from _call(c, t, agent)
    elif t.channel == "chat":
        yield from _chat(c, t, agent)
    else:
        yield from _mail(c, t, agent)
    if c.draw.chance(profile.ON_HOLD):
        yield from _third_party(c, t)
    _status(c, t, "resolved")
    yield from _afterwards(c, t)


def _outreach(c: Centre, t: Ticket) -> Process:
    """The centre wrote first: the customer's answer is what wants an answer."""
    _status(c, t, "waiting_on_customer")
    yield c.draw.around(4 * HOUR, 0.8)
    t.created_at = c.loop.now
    c.tell(t, "customer_replied")
    _status(c, t, "open")


def _claim(c: Centre, t: Ticket) -> Parking:
    rank = 0 if t.live and t.answered_at is None else profile.RANK[t.priority]
    return c.desks[t.team.name].agent(t, rank)


def _cancel(c: Centre, t: Ticket, reason: str) -> None:
    t.gone = True
    _status(c, t, "cancelled", reason=reason)


def _status(c: Centre, t: Ticket, status: str, **fields: Any) -> None:
    c.tell(t, "status_changed", status=status, **fields)


def _reply(c: Centre, t: Ticket, agent: Agent, worked: int = 0, *, public: bool = True) -> None:
    fields: dict[str, Any] = {"agent_id": agent.id, "team": agent.team}
    if not public:
        fields["public"] = False
    elif t.answered_at is None:
        t.answered_at = c.loop.now
    if worked:
        fields["handle_seconds"] = worked // SECOND
    c.tell(t, "agent_replied", **fields)


def _work(c: Centre, agent: Agent, median: int) -> int:
    return c.draw.around(median / agent.pace, 0.5)


def _impatience(c: Centre, t: Ticket) -> Process:
    """Live contacts hang up, others write again and wait twice as long."""
    if t.live:
        yield c.draw.around(profile.HANGS_UP[t.channel])
        if not t.taken:
            _cancel(c, t, "abandoned")
        return
    for wait in (1, 2, 4):
        yield c.draw.around(wait * profile.PATIENCE[t.priority], 0.4)
        if t.answered_at is not None or t.gone:
            return
        c.tell(t, "customer_replied")


def _hand_over(c: Centre, t: Ticket, agent: Agent) -> Step:
    """The matter is another team's: it takes it by saying so, by naming an agent, or by answering."""
    yield _work(c, agent, profile.HAND_OVER_LOOK)
    if c.draw.chance(0.4):
        _reply(c, t, agent, public=False)
    c.desks[t.team.name].hand_back(agent)
    others = [team for team in profile.TEAMS if team is not t.team]
    t.team = others[c.draw.below(len(others))]
    c.tell(t, "ticket_updated", team=t.team.name, category=c.draw.pick(t.team.categories))
    taker: Agent = yield _claim(c, t)
    yield _work(c, taker, profile.READING)
    accepts = c.draw.pick(_ACCEPTS)
    if accepts == "accepted_by":
        _status(c, t, "open", accepted_by=t.team.name)
    elif accepts == "agent_id":
        c.tell(t, "ticket_updated", agent_id=taker.id)
    return taker


def _ask_around(c: Centre, t: Ticket, agent: Agent) -> Step:
    """The agent does not know: a note for the colleagues, and the customer waits until somebody does."""
    yield _work(c, agent, profile.HAND_OVER_LOOK)
    if c.draw.chance(0.5):
        _reply(c, t, agent, public=False)
    c.desks[t.team.name].hand_back(agent)
    yield c.draw.around(75 * MINUTE if t.priority != "urgent" else 12 * MINUTE, 0.9)
    back: Agent = yield _claim(c, t)
    return back


def _call(c: Centre, t: Ticket, agent: Agent) -> Process:
    """Picked up is answered; the note after the call holds the time that it took."""
    yield c.draw.around(4 * SECOND, 0.3)
    _reply(c, t, agent)
    talked = _work(c, agent, profile.PHONE_CALL)
    yield talked
    wrap_up = _work(c, agent, profile.WRAP_UP)
    yield wrap_up
    _reply(c, t, agent, talked + wrap_up, public=False)
    c.desks[t.team.name].hand_back(agent)


def _chat(c: Centre, t: Ticket, agent: Agent) -> Process:
    """A few messages in turn, the agent busy throughout."""
    typing = _work(c, agent, profile.CHAT_TYPING // 2)
    yield typing
    _reply(c, t, agent, typing)
    while c.draw.chance(0.72):
        yield c.draw.around(40 * SECOND)
        c.tell(t, "customer_replied")
        typing = _work(c, agent, profile.CHAT_TYPING)
        yield typing
        _reply(c, t, agent, typing)
    c.desks[t.team.name].hand_back(agent)


def _mail(c: Centre, t: Ticket, agent: Agent) -> Process:
    """Answers that take work; some are questions, and the ticket waits until the customer answers them."""
    if c.draw.chance(0.5):
        c.tell(t, "ticket_updated", agent_id=agent.id)
    while True:
        worked = _work(c, agent, profile.EMAIL_WORK)
        yield worked
        _reply(c, t, agent, worked)
        asks = c.draw.chance(0.35)
        if asks:
            _status(c, t, "waiting_on_customer")
        c.desks[t.team.name].hand_back(agent)
        if not asks:
            return
        if c.draw.chance(0.15):
            yield profile.GIVEN_UP_AFTER
            return
        yield c.draw.around(3 * HOUR, 1.1)
        c.tell(t, "customer_replied")
        _status(c, t, "open")
        agent = yield _claim(c, t)


def _third_party(c: Centre, t: Ticket) -> Process:
    """A carrier, a bank, a workshop must answer first."""
    _status(c, t, "on_hold")
    yield c.draw.around(6 * HOUR, 0.8)
    _status(c, t, "open")
    yield from _back_office(c, t, profile.BACK_OFFICE)


def _back_office(c: Centre, t: Ticket, median: int) -> Process:
    agent = yield _claim(c, t)
    worked = _work(c, agent, median)
    yield worked
    _reply(c, t, agent, worked)
    c.desks[t.team.name].hand_back(agent)


def _afterwards(c: Centre, t: Ticket) -> Process:
    """Once resolved: what the customer says to it, what the quality desk finds, and the closing."""
    if c.draw.chance(profile.COMES_BACK):
        c.expect_again(t, c.draw.between(4 * HOUR, 130 * HOUR))
    assert t.answered_at is not None, "nothing is resolved before it is answered"
    waited = t.answered_at - t.created_at
    angry = not t.live and waited > profile.PATIENCE[t.priority]
    if c.draw.chance(profile.COMPLAINT_AFTER_WAIT if angry else profile.COMPLAINT):
        yield from _complaint(c, t)
    elif c.draw.chance(profile.REOPENED):
        yield c.draw.around(5 * HOUR, 0.9)
        c.tell(t, "customer_replied")
        yield from _reopen(c, t, profile.EMAIL_WORK)
    elif c.draw.chance(profile.THANKS):
        yield c.draw.around(20 * MINUTE, 1.0)
        c.tell(t, "customer_replied")
    if c.draw.chance(profile.RATED):
        yield c.draw.around(40 * MINUTE, 1.0)
        _rate(c, t, angry=angry)
    if c.draw.chance(profile.CALLED_BACK):
        yield c.draw.around(20 * HOUR, 0.3)
        reached = c.draw.chance(0.75)
        score = {"score": _score(c, 0.8)} if reached else {}
        c.tell(t, "callback_made", agent_id=care_team(c), reached=reached, **score)
    if c.draw.chance(profile.REVIEWED):
        yield c.draw.around(20 * HOUR, 0.3)
        _review(c, t)
    yield profile.CLOSED_AFTER
    _status(c, t, "closed")


def _reopen(c: Centre, t: Ticket, median: int) -> Process:
    t.reopened = True
    _status(c, t, "open")
    yield from _back_office(c, t, median)
    _status(c, t, "resolved")


def _complaint(c: Centre, t: Ticket) -> Process:
    yield c.draw.around(3 * HOUR, 0.8)
    valid = c.draw.chance(0.75)
    reason = "slow_answer" if c.draw.chance(0.6) else "attitude"
    c.tell(t, "complaint_filed", category=reason, **({} if valid else {"valid": False}))
    if valid:
        yield c.draw.around(HOUR, 0.8)
        yield from _reopen(c, t, 2 * profile.BACK_OFFICE)


def care_team(c: Centre) -> str:
    return f"care-{1 + c.draw.below(3):02}"


def _score(c: Centre, goodwill: float) -> int:
    """1 to 5: five throws, each won with the chance of `goodwill`, and never under one."""
    return max(1, sum(c.draw.chance(goodwill) for _ in range(5)))


def _rate(c: Centre, t: Ticket, *, angry: bool) -> None:
    score = _score(c, 0.92 - 0.4 * angry - 0.2 * t.reopened)
    said = _COMMENTS[score]
    comment = {"comment": said[c.draw.below(len(said))]} if c.draw.chance(0.25) else {}
    c.tell(t, "ticket_rated", score=score, **comment)


def _review(c: Centre, t: Ticket) -> None:
    scores = {criterion: _score(c, 0.84 - 0.2 * t.reopened) for criterion in _DEDUCTIONS}
    weak = [_DEDUCTIONS[criterion] for criterion, score in scores.items() if score < 4]
    fields = {"deductions": weak} if weak else {}
    c.tell(t, "quality_reviewed", reviewer_id=care_team(c), scores=scores, **fields)
