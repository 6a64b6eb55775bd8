"""What a plan takes from the past, a forecast and a roster, and what is wrong with files, by line and field."""

from __future__ import annotations

import gzip
import math
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from agents.planning.past import from_file
from config.errors import ConfigError
from config.policies import default_policy_file
from config.roster import Forecast, read_roster
from streams.demand import Staffing
from streams.instants import HOUR, MINUTE, SECOND, parse_instant, to_datetime
from streams.ledger_record import LedgerRecord, LedgerReply
from streams.planning.demand import Kind, NoHandling, Said
from streams.planning.history import History, NoHistory
from streams.planning.presence import Presence
from streams.planning.roster import rostered
from streams.planning.slots import Slots, hours_between

if TYPE_CHECKING:
    from collections.abc import Iterable

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SHANGHAI = ZoneInfo("Asia/Shanghai")
MONDAY = parse_instant("2026-03-02T00:00:00+08:00")
WEEK = 168 * HOUR
SAID = Said(Staffing({"first_response": 0.9}, frozenset({"phone"}), {}))


def ticket(name: str, at: int, handle: Iterable[float | None] = (60.0,), **fields: object) -> LedgerRecord:
    replies = [LedgerReply(to_datetime(at + MINUTE), handle_seconds=seconds) for seconds in handle]
    record = LedgerRecord(name, to_datetime(at), "resolved", [], team="t", channel="email", replies=replies)
    record.reply_count = len(replies)
    for field, value in fields.items():
        setattr(record, field, value)
    return record


def once(team: str, number: int) -> float:
    return 1.0


def history(records: Iterable[LedgerRecord], asked: Iterable[str] = ()) -> History:
    found = History(frozenset(asked), SAID.staffing.live)
    for record in records:
        found.take(record)
    return found


def two_weeks() -> list[LedgerRecord]:
    """Every hour of two weeks a ticket; on Mondays from 9 to 10 six more of high priority."""
    tickets = [ticket(f"h{hour}", MONDAY + hour * HOUR + MINUTE) for hour in range(336)]
    for week in range(2):
        at = MONDAY + week * WEEK + 9 * HOUR
        tickets += [ticket(f"x{week}-{n}", at + n * MINUTE, priority="high") for n in range(6)]
    return tickets


def test_arrivals_are_those_of_the_hour_of_the_week_on_the_wall_times_the_factor() -> None:
    profile = history(two_weeks(), ["priority"]).profile(SHANGHAI, 8)
    slots = Slots(MONDAY + 5 * WEEK, 48 * 7)
    demand = {stream.kind: stream for stream in profile.demand(slots, lambda _, n: 3.0 if n < 48 else 1.0, SAID)}
    assert set(demand) == {Kind("t", "email"), Kind("t", "email", "high")}
    assert list(demand[Kind("t", "email")].arrivals) == pytest.approx([1.5] * 48 + [0.5] * 48 * 6)
    high = demand[Kind("t", "email", "high")].arrivals
    assert {number: value for number, value in enumerate(high) if value} == pytest.approx({18: 9.0, 19: 9.0})
    without = history(two_weeks()).profile(SHANGHAI, 8).demand(slots, once, SAID)
    assert [stream.kind for stream in without] == [Kind("t", "email")], (
        "an attribute that nobody asks for parts nothing"
    )


def test_hours_that_were_not_seen_are_as_the_same_hours_of_other_days() -> None:
    days = [ticket(f"h{hour}", MONDAY + hour * HOUR) for hour in range(48)]
    profile = history([*days, ticket("more", MONDAY + 34 * HOUR)]).profile(SHANGHAI, 8)
    assert profile.unseen == 120
    (stream,) = profile.demand(Slots(MONDAY + 3 * 24 * HOUR, 48), once, SAID)
    assert list(stream.arrivals) == pytest.approx([0.5] * 20 + [0.75] * 2 + [0.5] * 26)
    with pytest.raises(NoHistory, match="hour from 05:00"):
        history(days[:5]).profile(SHANGHAI, 8).demand(Slots(MONDAY, 48), once, SAID)
    with pytest.raises(NoHistory, match="no ticket"):
        history([ticket("ours", MONDAY, created_by="agent")]).profile(SHANGHAI, 8)


def test_of_a_ticket_the_last_record_counts_and_of_the_past_the_last_weeks() -> None:
    records = [ticket("a", MONDAY), ticket("a", MONDAY, [30.0, 90.0]), ticket("b", MONDAY + 3 * WEEK)]
    assert history(records).profile(SHANGHAI, 8).tickets == 2
    assert history(records).profile(SHANGHAI, 8).work("t", "email", SAID) == (90 * SECOND, 1.5, math.inf)
    assert history(records).profile(SHANGHAI, 2).tickets == 1


def test_work_is_what_replies_say_else_what_the_planner_does() -> None:
    tickets = [ticket("a", MONDAY, [60.0, None]), ticket("b", MONDAY, [120.0]), ticket("c", MONDAY, [])]
    calls = [ticket("d", MONDAY, [None], channel="phone")]
    profile = history([*tickets, *calls]).profile(SHANGHAI, 8)
    assert profile.work("t", "email", SAID).handle == pytest.approx(90 * SECOND), "three replies at 90 s, three tickets"
    with pytest.raises(NoHandling, match="'phone'"):
        profile.work("t", "phone", SAID)
    configured = Said(Staffing(SAID.staffing.goals, SAID.staffing.live, {"phone": 4 * MINUTE, "email": 9 * MINUTE}))
    assert profile.work("t", "phone", configured).handle == 4 * MINUTE
    assert profile.work("t", "email", configured).handle == pytest.approx(90 * SECOND), "what is known goes before"
    assert profile.configured(configured) == ["phone"]
    assert profile.work("t", "email", Said(configured.staffing, {"email": MINUTE})).handle == MINUTE


def test_patience_is_all_waiting_over_those_who_hung_up() -> None:
    """Exponential patience, cut short by answers: the estimate that makes the observed most likely."""
    answered = [ticket(f"a{n}", MONDAY, channel="phone") for n in range(8)]  # each after a minute
    gone = [
        ticket(
            f"g{n}",
            MONDAY,
            [],
            channel="phone",
            status="cancelled",
            reason="abandoned",
            done_at=to_datetime(MONDAY + 2 * MINUTE),
        )
        for n in range(2)
    ]
    work = history([*answered, *gone]).profile(SHANGHAI, 8).work("t", "phone", SAID)
    assert work.patience == (8 * MINUTE + 2 * 2 * MINUTE) / 2
    assert work.handle == 60 * SECOND, "those who hung up were no work"
    assert history(answered).profile(SHANGHAI, 8).work("t", "phone", SAID).patience == math.inf


def test_presence_is_the_mean_of_who_was_online_or_busy() -> None:
    presence = Presence(SHANGHAI)
    story = [(0, "a1", "online", "t"), (0, "a2", "online", "t"), (2, "a1", "busy", None), (3, "a1", "away", None)]
    story += [(4, "a2", "online", "u"), (6, "a2", "offline", None), (24 * 7, "a1", "offline", None)]
    for hour, agent, status, team in reversed(story):
        presence.take(MONDAY + hour * HOUR, 0, agent, status, team)
    slots = Slots(MONDAY + WEEK * 3, 16)
    assert presence.staff("t", slots) == [2] * 6 + [1] * 2 + [0] * 8
    assert presence.staff("u", slots) == [0] * 8 + [1] * 4 + [0] * 4
    assert not Presence(SHANGHAI)


def test_hours_between_add_up_over_a_change_of_the_clocks() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    since = parse_instant("2026-03-29T00:00:00+01:00")
    spent = hours_between(since, since + 23 * HOUR, berlin)  # a Sunday without its hour from 2 to 3
    assert sum(spent.values()) == 23
    assert set(range(144, 168)) - set(spent) == {146}


# Files


def written(folder: Path, text: str) -> Path:
    path = folder / "rows.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_roster_counts_whoever_is_there_for_the_better_part(tmp_path: Path) -> None:
    text = (
        "\ufeffTeam,from,to,agents\n"
        "t,2026-03-02T09:00,2026-03-02 12:15,4\n\n"
        "t,2026-03-02T11:00:00+08:00,2026-03-03T00:00,2\n"
        "u,2026-03-02T00:00,2026-03-03T00:00,1\n"
    )
    duties = read_roster(written(tmp_path, text), SHANGHAI)
    assert rostered(duties, "t", Slots(MONDAY, 48)) == [0] * 18 + [4] * 4 + [6] * 2 + [4] + [2] * 23
    assert rostered(duties, "u", Slots(MONDAY + 12 * HOUR, 48)) == [1] * 24 + [0] * 24


def test_a_forecast_is_spread_over_its_spans(tmp_path: Path) -> None:
    text = (
        "from,to,team,channel,contacts,priority,handle_seconds,replies,patience_seconds,tags\n"
        "2026-03-02T00:00,2026-03-02T02:00,t,phone,8,urgent,90,,45,b a\n"
        "2026-03-02T01:45,2026-03-02T02:15,t,email,6,,120,2.5,,\n"
    )
    forecast = Forecast(written(tmp_path, text), SHANGHAI)
    assert (forecast.since, forecast.until) == (MONDAY, MONDAY + 2 * HOUR + 15 * MINUTE)
    calls, mail = forecast.demand(Slots(MONDAY, 5), lambda _, n: 2.0 if n == 0 else 1.0, SAID)
    assert (calls.kind, calls.live) == (Kind("t", "phone", "urgent", tags=("a", "b")), True)
    assert list(calls.arrivals) == pytest.approx([4, 2, 2, 2, 0])
    assert list(mail.arrivals) == pytest.approx([0, 0, 0, 3, 3])
    assert calls.work == (90 * SECOND, 1.0, 45 * SECOND)
    assert (mail.work, mail.live) == ((120 * SECOND, 2.5, math.inf), False)


ROWS = [
    ("", "1: team: no such column"),
    ("team,from,to,agent\n", "1: agents: no such column"),
    ("team,from,to,agents,note\n", "1: note: unknown column 'note'"),
    ("team,from,to,agents,agents\n", "1: agents: is there twice"),
    ("team,from,to,agents\n,2026-03-02T09:00,2026-03-02T10:00,1\n", "2: team: empty"),
    ("team,from,to,agents\nt,2026-03-02,2026-03-02T10:00,1\n", "2: from: not a time: '2026-03-02'"),
    ("team,from,to,agents\nt,2026-03-02T10:00,2026-03-02T10:00,1\n", "2: to: not after from"),
    ("team,from,to,agents\nt,2026-03-02T09:00,,1\n", "2: to: empty"),
    ("team,from,to,agents\nt,2026-03-02T09:00,2026-03-02T10:00,many\n", "2: agents: not a number"),
    ("team,from,to,agents\nt,2026-03-02T09:00,2026-03-02T10:00,-1\n", "2: agents: not a number of 0 or more"),
    ("team,from,to,agents\nt,2026-03-02T09:00,2026-03-02T10:00,1.5\n", "2: agents: not a whole number"),
    ("team,from,to,agents\nt,2026-03-02T09:00,2026-03-02T10:00,nan\n", "2: agents: not a number"),
    ("team,from,to,agents\nt,2026-03-02T09:00,2026-03-02T10:00,200000\n", "2: agents: over 100,000"),
    ("team,from,to,agents\nt,2026-03-02T09:00,2026-03-02T10:00\n", "2: has 3 cells, not 4"),
    ('team,from,to,agents\n\n"t\nu",2026-03-02T09:00,x,1\n', "4: to: not a time: 'x'"),
]


@pytest.mark.parametrize(("text", "problem"), ROWS)
def test_what_is_wrong_with_a_roster_is_said_by_line_and_field(tmp_path: Path, text: str, problem: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as wrong:
        read_roster(path, SHANGHAI)
    said = str(wrong.value)
    assert said.startswith(f"{path}:{problem}"), said
    assert "(" in said, "there is a remedy"


def test_every_bad_row_is_named(tmp_path: Path) -> None:
    rows = "".join(f"t,2026-03-02T09:00,2026-03-02T10:00,{cell}\n" for cell in ("1", "x", "2", "y", "z"))
    with pytest.raises(ConfigError) as wrong:
        read_roster(written(tmp_path, f"team,from,to,agents\n{rows}"), SHANGHAI)
    assert [problem.line for problem in wrong.value.problems] == [3, 5, 6]


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        ("t,phone,1e9,,,", "contacts: over 100,000"),
        ("t,,1,,,", "channel: empty"),
        ("t,phone,1,0,,", "handle_seconds: 0"),
        ("t,phone,1,,0.5,", "replies: less than 1"),
        ("t,phone,1,,,soon", "patience_seconds: not a number"),
    ],
)
def test_what_is_wrong_with_a_forecast_is_said(tmp_path: Path, cells: str, problem: str) -> None:
    header = "from,to,team,channel,contacts,handle_seconds,replies,patience_seconds\n"
    with pytest.raises(ConfigError, match=f":2: {problem}"):
        Forecast(written(tmp_path, f"{header}2026-03-02T00:00,2026-03-02T02:00,{cells}\n"), SHANGHAI)


def test_a_past_that_begins_with_half_a_line_is_read_from_the_next(tmp_path: Path) -> None:
    lines = gzip.decompress((EXAMPLES / "events.jsonl.gz").read_bytes()).splitlines(keepends=True)[:60]
    found = []
    for name, before in (("whole", []), ("cut", [lines[0][40:]])):
        path = tmp_path / f"{name}.jsonl"
        path.write_bytes(b"".join([*before, *lines]))
        past = from_file(str(path), default_policy_file().policies, {"chat"}, SHANGHAI)
        found.append(past.history.profile(SHANGHAI, 8).tickets)
    assert found[0] == found[1] > 0


def test_a_file_that_is_no_utf_8_says_how_to_save_it(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes("team,from,to,agents\n客服,".encode("gb18030"))
    with pytest.raises(ConfigError, match="save it as CSV UTF-8"):
        read_roster(path, SHANGHAI)
