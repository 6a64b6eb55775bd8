"""`slawatch silence`: what is refused before anything is asked of Kafka, and how a silence is shown."""

import msgspec
import pytest
from click.testing import CliRunner

from agents.commands.silence import command, line
from agents.errors import Refused
from agents.notifier.silences import Silence
from streams.instants import HOUR, parse_instant

NOW = parse_instant("2026-03-02T10:00:00Z")
ONE = Silence(
    id="5f2c9a",
    when={"team": ["billing", "tech"], "priority": ["low"]},
    since="2026-03-02T09:00:00Z",
    until="2026-03-02T11:00:00Z",
    reason="provider\x1b[2J is down",
    by="lead@desk",
    at="2026-03-02T09:00:00Z",
)
NOWHERE = {"SLAWATCH_KAFKA": "127.0.0.1:1"}


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--team", "a", "--reason", "r"], "a silence needs an end"),
        (["--team", "a", "--reason", "r", "--for", "2h", "--until", "2026-03-02T11:00:00Z"], "a silence needs an end"),
        (["--team", "a", "--for", "2h"], "--reason"),
        (["--team", "a", "--for", "2h", "--reason", " "], "say why"),
        (["--for", "2h", "--reason", "r"], "say which alerts"),
        (["--everything", "--team", "a", "--for", "2h", "--reason", "r"], "say which alerts"),
        (["--team", "a", "--for", "soon", "--reason", "r"], "not a duration"),
        (["--target", "answer", "--for", "2h", "--reason", "r"], "is not one of"),
        (["--team", "a", "--from", "2020-01-01T00:00:00Z", "--for", "2h", "--reason", "r"], "that is past"),
    ],
)
def test_what_is_no_silence_is_refused(arguments: list[str], part: str) -> None:
    result = CliRunner().invoke(command, ["add", *arguments], env=NOWHERE)
    assert result.exit_code == 2, result.output
    assert part in result.output


@pytest.mark.parametrize("end", [["--for", "8d"], ["--for", "169h"], ["--until", "2199-01-01T00:00:00Z"]])
def test_one_that_lasts_too_long_is_refused(end: list[str]) -> None:
    result = CliRunner().invoke(command, ["add", "--team", "a", "--reason", "r", *end], env=NOWHERE)
    assert isinstance(result.exception, Refused)
    assert "lasts longer than 168h" in str(result.exception)


def test_a_silence_is_a_line_without_anything_that_acts() -> None:
    about = "team billing or tech; priority low  (provider\\x1b[2J is down; lead@desk)"
    assert line(ONE, NOW) == f"5f2c9a  until 2026-03-02T11:00:00Z  {about}"
    assert line(ONE, NOW + HOUR) == f"5f2c9a  over since 2026-03-02T11:00:00Z  {about}"
    early = line(ONE, NOW - 2 * HOUR)
    assert early == f"5f2c9a  from 2026-03-02T09:00:00Z until 2026-03-02T11:00:00Z  {about}"
    ended = msgspec.structs.replace(ONE, ended_at="2026-03-02T09:30:00Z", ended_by="boss@desk")
    assert line(ended, NOW).startswith("5f2c9a  over since 2026-03-02T09:30:00Z  ")
    assert line(ended, NOW).endswith("lead@desk, ended by boss@desk)")
