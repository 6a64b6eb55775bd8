"""`slawatch report`: who reads what, what is suggested, how goals stand, and what it says of bad input."""

import os
import stat
import zipfile
from pathlib import Path

import msgspec
import pytest
from report_cases import AS_OF, Story, made, run, table

from reports.pseudonyms import Pseudonyms
from streams.instants import to_datetime
from streams.ledger_record import LedgerRecord

SECRET = "a secret of the tests, long enough to be one"
AGENTS = ("agent-seventeen", "agent-eighteen", "agent-nineteen")
GOALS = """
version: 1
goals:
  - {who: {agent: agent-seventeen}, what: first_response_compliance, from: 70%, to: 92%, since: 2024-05-01,
     by: 2024-05-31, owner: agent-nineteen}
  - {what: first_response_compliance, from: 60%, to: 80%, since: 2024-05-01, by: 2024-06-30, owner: agent-nineteen}
"""


def busy_month() -> Story:
    """Forty tickets, 85 % of them answered in time: five of the late ones are one agent's on after-sales."""
    story = Story()
    for number in range(40):
        agent = AGENTS[number % 2]
        late = number in (0, 2, 4, 6, 8, 11)
        kind = "after-sales" if number < 10 else "question"
        answered = "12:00" if late else "09:30"
        story.ticket(
            f"T-{number}", f"05-{number % 20 + 6:02} 09:00", f"05-{number % 20 + 6:02} {answered}", agent, kind=kind
        )
        scores = (3, 3, 3, 3) if number % 4 == 1 else (5, 5, 4, 5)
        story.review(f"T-{number}", "05-28 10:00", scores, reviewer_id=AGENTS[2], agent_id=agent)
        story.event("callback_made", f"T-{number}", "05-28 11:00", agent_id=agent, reached=True)
        story.event("ticket_rated", f"T-{number}", "05-28 12:00", score=2, comment=f"{agent} was no help")
    story.review("T-1", "05-28 10:30", (5, 4, 3, 2), reviewer_id=AGENTS[1], agent_id=AGENTS[0])  # by two reviewers
    return story


def texts(out: Path) -> str:
    """Everything of a report that can be read: pages, tables, and the strings of the workbook."""
    found = [path.read_text(encoding="utf-8") for path in out.rglob("*") if path.suffix in (".html", ".csv")]
    for book in out.rglob("*.xlsx"):
        with zipfile.ZipFile(book) as parts:
            found += [parts.read(name).decode() for name in parts.namelist()]
    return "\n".join([*found, *(str(path) for path in out.rglob("*"))])


def test_a_managers_report_names_no_agent_and_a_supervisors_does(tmp_path: Path) -> None:
    manager = texts(made(busy_month(), tmp_path))
    assert [name for name in AGENTS if name in manager] == []
    out = made(busy_month(), tmp_path, "--role", "supervisor")
    supervisor = texts(out)
    assert [name for name in AGENTS if name in supervisor] == list(AGENTS)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in out.rglob("*supervisor*") if path.is_file()}
    assert modes == {0o600}


def test_under_pseudonyms_the_same_figures_stand_beside_other_names_and_no_ticket_says_whose_it_is(
    tmp_path: Path,
) -> None:
    story, secret, goals = busy_month(), tmp_path / "secret", tmp_path / "goals.yaml"
    secret.write_text(SECRET)
    goals.write_text(GOALS)
    (tmp_path / "open").mkdir()
    (tmp_path / "hidden").mkdir()
    named = made(story, tmp_path / "open", "--role", "supervisor", "--goals", goals)
    hidden = made(story, tmp_path / "hidden", "--role", "supervisor", "--goals", goals, "--pseudonyms", secret)
    assert [name for name in AGENTS if name in texts(hidden)] == []
    assert SECRET not in texts(hidden)
    of = Pseudonyms(SECRET).of
    for name in ("agents-by-day", "speed-and-quality-by-agent", "daily-volume", "goals"):
        expected = [[of(cell) if cell in AGENTS else cell for cell in row] for row in table(named, name)]
        assert sorted(table(hidden, name)) == sorted(expected), name
    assert "Handler" not in table(hidden, "response-times")[0]
    assert "Comment" not in table(hidden, "low-rated")[0]


def test_an_agents_own_report_names_nobody_else(tmp_path: Path) -> None:
    out = made(busy_month(), tmp_path, "--role", "agent", "--agent", AGENTS[0])
    assert [name for name in AGENTS if name in texts(out)] == [AGENTS[0]]
    assert len(table(out, "response-times")) == 1 + 20


def test_a_suggestion_names_the_figure_that_it_follows_from(tmp_path: Path) -> None:
    out = made(busy_month(), tmp_path)
    reasons = [row[0] for row in table(out, "suggestions")]
    assert reasons[1] == (
        "First-response compliance 85.0% against a goal of 90.0%, on 40 tickets: 5 overdue after-sales tickets, "
        "5 of them of one agent"
    )
    out = made(busy_month(), tmp_path, "--role", "supervisor", "--lang", "zh")
    named = [row[0] for row in table(out, "suggestions")]
    assert any("5 个属于 agent-seventeen" in reason for reason in named)
    assert any(reason.startswith("质量好但响应慢：agent-seventeen") for reason in named)


def test_nobody_is_judged_on_fewer_tickets_than_the_quality_file_says(tmp_path: Path) -> None:
    story = Story()
    for number in range(4):
        story.ticket(f"T-{number}", "05-06 09:00", "05-06 15:00", AGENTS[0])
        story.review(f"T-{number}", "05-07 10:00", (1, 1, 1, 1))
    out = made(story, tmp_path, "--role", "supervisor")
    assert table(out, "suggestions")[1:] == []
    assert table(out, "best")[1:] == []
    assert [row[-1] for row in table(out, "speed-and-quality-by-agent")[1:]] == ["too few tickets to say"]


def test_speed_is_held_against_quality_by_type_for_managers_too(tmp_path: Path) -> None:
    story = Story()
    for number in range(5):
        story.ticket(f"quick-{number}", "05-06 09:00", "05-06 09:10", category="refund")
        story.review(f"quick-{number}", "05-07 09:00", (3, 3, 3, 3))
        story.ticket(f"slow-{number}", "05-06 09:00", "05-06 18:00", agent="a18", category="invoice")
        story.review(f"slow-{number}", "05-07 09:00", (5, 5, 5, 4))
    story.ticket("one", "05-06 09:00", "05-06 18:00", category="login")
    out = made(story, tmp_path, "--lang", "zh")
    headings, *rows = table(out, "speed-and-quality-by-type")
    assert [headings[0], headings[-1]] == ["工单类型", "判断"]
    assert [(row[0], row[1], row[3], row[-1]) for row in rows] == [
        ("invoice", "0.0", "19.00", "质量好但响应慢"),
        ("login", "0.0", "", "工单过少，暂不判断"),
        ("refund", "100.0", "12.00", "响应快但质量差"),
    ]


def test_an_agent_under_goal_in_two_months_is_listed_and_one_under_it_in_one_is_not(tmp_path: Path) -> None:
    story = Story()
    for month, late in (("04", AGENTS[:1]), ("05", AGENTS[:2])):
        for agent in AGENTS:
            for number in range(5):
                answered = "15:00" if agent in late else "09:30"
                name = f"{month}-{agent}-{number}"
                story.ticket(name, f"{month}-{number + 6:02} 09:00", f"{month}-{number + 6:02} {answered}", agent)
    rows = table(made(story, tmp_path, "--role", "supervisor"), "under-goal")
    assert rows[0][3:6] == ["2024-04", "Stands on (n)", "2024-05"]
    assert [row[:2] for row in rows[1:]] == [[AGENTS[0], "First-response compliance (%)"]]
    best = table(made(story, tmp_path, "--role", "supervisor"), "best")
    assert best[1] == ["Star of response speed", AGENTS[2], "First-response compliance (%)", "100.0", "5"]


def test_goals_say_how_they_stand_and_those_of_agents_are_the_supervisors(tmp_path: Path) -> None:
    goals = tmp_path / "goals.yaml"
    goals.write_text(GOALS)
    rows = table(made(busy_month(), tmp_path, "--goals", goals, "--role", "supervisor"), "goals")
    assert [(row[0], row[4], row[8]) for row in rows[1:]] == [
        (AGENTS[0], "75.0", "missed"),
        ("all", "85.0", "reached"),
    ]
    out = made(busy_month(), tmp_path, "--goals", goals)
    assert [row[0] for row in table(out, "goals")[1:]] == ["all"]


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    def contents() -> dict[str, bytes]:
        out = made(busy_month(), tmp_path, "--role", "supervisor")
        return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}

    assert contents() == contents()


def test_a_team_is_looked_at_alone_and_an_unknown_one_is_named(tmp_path: Path) -> None:
    story = busy_month()
    story.ticket("T-x", "05-06 09:00", "05-06 09:10", team="=cmd|' /C calc'!A0")
    out = made(story, tmp_path, "--team", "=cmd|' /C calc'!A0")
    assert [row[0] for row in table(out, "response-times")[1:]] == ["T-x"]
    events, policies = story.write(tmp_path)
    given = ("--events", events, "--policies", policies, "--date", "2024-05-01", "--as-of", AS_OF, "--out", tmp_path)
    done = run("monthly", *given, "--team", "billing")
    assert done.exit_code == 2
    assert "--team: nothing of 'billing' in the ledger (known: " in done.output


def test_a_file_of_the_topics_records_is_read_as_a_ledger_of_which_the_last_of_a_ticket_counts(tmp_path: Path) -> None:
    instant = to_datetime(1_714_530_000_000_000)  # 2024-05-01 10:20 in Shanghai
    first, second = (LedgerRecord("T-1", instant, status, []) for status in ("cancelled", "open"))
    records = tmp_path / "ledger.jsonl"
    records.write_bytes(msgspec.json.encode(first) + b"\n" + msgspec.json.encode(second) + b"\n")
    done = run("daily", "--ledger", records, "--date", "2024-05-01", "--as-of", AS_OF, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert ["Effective share (%)", "100.0", "", "", "", "", "1"] in table(tmp_path / "out", "core")
    assert ["Repeat contacts (%)", "0.0", "", "", "", "", "1"] in table(tmp_path / "out", "core")


def test_a_period_without_tickets_is_said_to_be_empty_with_the_day_of_the_newest(tmp_path: Path) -> None:
    events, policies = busy_month().write(tmp_path)
    given = ("--events", events, "--policies", policies, "--date", "2024-03-01", "--as-of", AS_OF, "--out", tmp_path)
    done = run("daily", *given)
    assert done.exit_code == 0
    assert "no ticket was created in 2024-03-01; the newest ticket is of 2024-05-25" in done.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--role", "agent"), "--role agent and --agent ID go together"),
        (("--agent", "a17"), "--role agent and --agent ID go together"),
        (("--date", "tomorrow"), "no day: 'tomorrow' (write 2026-01-31)"),
        (("--zone", "Mars/Olympus"), "unknown zone 'Mars/Olympus'"),
        (("--events", os.devnull), "--events FILE and --policies FILE go together"),
        (("--role", "supervisor", "--pseudonyms", "short"), "less than 32 characters"),
        (("--ledger", "broken"), "broken:2: not a record of the ledger"),
    ],
)
def test_what_cannot_be_is_refused_with_its_remedy(
    arguments: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    record = msgspec.json.encode(LedgerRecord("T-1", to_datetime(0), "open", []))
    Path("whole").write_bytes(record + b"\n")
    Path("broken").write_bytes(record + b"\n{}\n")
    Path("short").write_text("short\n")
    ledger = () if {"--ledger", "--events"} & set(arguments) else ("--ledger", "whole")
    done = run("daily", *ledger, *arguments)
    assert done.exit_code != 0
    assert said in done.output
    assert not list(tmp_path.glob("*.html"))
