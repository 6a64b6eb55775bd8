"""The demo as people start it: in a terminal, in a pipe, stopped early, late and while it works."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from command_line import SLAWATCH, environment
from waiting import wait_until

from agents.demo.feed import BACK, CUT, ROUND, arrivals
from agents.demo.squeeze import SqueezedClock
from agents.simulator import live
from streams.instants import HOUR, MINUTE, SECOND, parse_instant

FIRST_CARD = 30.0
CLEAN_END = 5.0
SIZE = ("COLUMNS", "LINES")
"""Around a program they count for more than the terminal's own size."""
CARD = re.compile(r"(BREACH|WARNING) first response")
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
METRICS = re.compile(r"http://127\.0\.0\.1:\d+(?=/metrics)")


class Demo:
    """A running demo and what it has written so far; `output` is a terminal or a pipe."""

    def __init__(self, process: "subprocess.Popen[bytes]", output: int) -> None:
        self.process = process
        self.began = time.monotonic()
        self._output = output
        self._written = bytearray()
        self._errors = bytearray()
        assert process.stderr is not None
        self._readers = [
            threading.Thread(target=self._read, args=(output, self._written), daemon=True),
            threading.Thread(target=self._read, args=(process.stderr.fileno(), self._errors), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    @staticmethod
    def _read(source: int, into: bytearray) -> None:
        try:
            while data := os.read(source, 1 << 16):
                into += data
        except OSError:  # a terminal ends so
            pass

    @property
    def written(self) -> str:
        return bytes(self._written).decode(errors="replace")

    @property
    def text(self) -> str:
        """What was written, without colours and the like."""
        return ESCAPES.sub("", self.written)

    @property
    def errors(self) -> str:
        return bytes(self._errors).decode(errors="replace")

    def see(self, what: "re.Pattern[str]", within: float = FIRST_CARD) -> str:
        found = wait_until(lambda: what.search(self.text), within, what=what.pattern)
        return found.group()

    def read_out(self) -> None:
        """Have all that it wrote, of a process that is no more."""
        for reader in self._readers:
            reader.join(CLEAN_END)

    def end(self, number: signal.Signals) -> None:
        """Tell it to end, and see that it does so cleanly."""
        self.process.send_signal(number)
        assert self.process.wait(CLEAN_END) == 0
        self.read_out()
        assert self.errors == ""
        assert "Traceback" not in self.written


@contextmanager
def demo(*arguments: str, columns: int = 0, rows: int = 24) -> Iterator[Demo]:
    """A demo in a terminal of so many columns, or with its output in a pipe where there are none."""
    reading, writing = pty.openpty() if columns else os.pipe()
    if columns:
        fcntl.ioctl(writing, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    around = {name: value for name, value in environment().items() if name not in SIZE}
    process = subprocess.Popen(
        [SLAWATCH, "demo", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=writing,
        stderr=subprocess.PIPE,
        env={**around, "TERM": "xterm-256color"},
    )
    os.close(writing)
    shown = Demo(process, reading)
    try:
        yield shown
    finally:
        process.kill()
        process.wait()
        shown.read_out()
        os.close(reading)


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


def test_in_a_terminal_the_first_card_comes_soon_and_an_interrupt_ends_it_cleanly() -> None:
    with demo(columns=120, rows=32) as shown:
        shown.see(CARD)
        assert time.monotonic() - shown.began < FIRST_CARD
        for part in ("slawatch demo", "frontline", "unanswered", "promises kept", "# support-sla", "Ctrl-C"):
            shown.see(re.compile(re.escape(part)))  # the terminal is drawn piece by piece
        shown.end(signal.SIGINT)
        assert shown.written.index("\x1b[?1049l") > shown.written.index("\x1b[?1049h"), "the terminal is given back"


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (30, 8)])
def test_a_narrow_terminal_is_enough(columns: int, rows: int) -> None:
    with demo(columns=columns, rows=rows) as shown:
        shown.see(re.compile("aftersales"))
        shown.see(re.compile("first resp"))
        shown.end(signal.SIGTERM)


def test_in_a_pipe_it_writes_plain_lines_and_serves_the_figures() -> None:
    with demo() as shown:
        url = shown.see(METRICS)
        card = shown.see(re.compile(r"\d\d:\d\d (BREACH|WARNING) first response .*: ticket (\S+) \(.*\n"))
        assert "\x1b" not in shown.written
        metrics = get(f"{url}/metrics")
        for name in ("sla_queue_tickets", "sla_window_judged", "sla_alerts_total", "sla_input_lag_seconds"):
            assert f"\n{name}{{" in metrics
        ticket = card.split(": ticket ")[1].split()[0]
        assert "first_response" in get(f"{url}/tickets/{ticket}")
        shown.see(re.compile(r"queue: \d+ open, .*first response kept \d+\.\d% of \d+"))
        shown.end(signal.SIGINT)
        assert "cards: " in shown.written


def test_alerts_are_not_late_and_none_is_told_twice() -> None:
    with demo() as shown:
        shown.see(re.compile(r"(?s)(first response due.*){5}"))
        shown.end(signal.SIGTERM)
    cards = [line[6:] for line in shown.written.splitlines() if CARD.match(line[6:])]
    assert len(cards) >= 5
    assert not [card for card in cards if "sent again" in card]
    assert len(set(cards)) == len(cards)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_can_be_stopped_before_anything_has_begun(number: signal.Signals) -> None:
    with demo() as shown:
        shown.see(re.compile("starting"))
        shown.end(number)


def test_it_can_be_stopped_while_the_worker_joins() -> None:
    with demo(columns=80) as shown:
        wait_until(lambda: "\x1b[?1049h" in shown.written, what="the screen")
        shown.end(signal.SIGINT)


def test_nobody_reading_any_more_ends_it() -> None:
    command = f"{SLAWATCH} demo | head -n 2"
    ended = subprocess.run(["sh", "-c", command], env=environment(), capture_output=True, timeout=60, check=False)
    assert ended.stdout.decode().count("\n") == 2
    assert ended.stderr == b""


def test_the_picture_of_the_last_screen_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    picture = tmp_path / "demo.svg"
    with demo("--picture", str(picture)) as shown:
        shown.see(CARD)
        shown.end(signal.SIGINT)
    svg = picture.read_text(encoding="utf-8")
    assert svg.startswith("<svg ")
    assert "support-sla" in svg
    assert "@font-face" not in svg
    assert "url(http" not in svg


def test_time_stands_still_until_the_show_begins_and_then_a_minute_takes_a_second() -> None:
    seconds = [5.0]
    clock = SqueezedClock(HOUR, seconds=lambda: seconds[0])
    seconds[0] = 9.0
    assert clock() == HOUR
    clock.go()
    seconds[0] = 10.5
    assert clock() == HOUR + 90 * SECOND
    assert clock.seconds_until(HOUR + 2 * MINUTE) == 0.5


def test_what_a_cut_off_desk_says_arrives_when_it_is_back_and_nothing_is_lost() -> None:
    begin = parse_instant("2026-03-02T10:00:00+08:00")
    told = [item for item, _ in zip(live(4000, 1, begin - HOUR, 0.85), range(8000), strict=False)]
    came = list(arrivals(told, begin))
    assert [arrival.at for arrival in came] == sorted(arrival.at for arrival in came)
    assert sorted(arrival.number for arrival in came) == list(range(len(told)))
    late = [arrival for arrival in came if arrival.at != told[arrival.number][0]]
    assert {arrival.kind for arrival in late} == {"agent_replied", "status_changed", "ticket_updated"}
    assert {(arrival.at - begin) % ROUND for arrival in late} == {BACK}
    assert all(arrival.at - told[arrival.number][0] <= BACK - CUT for arrival in late)
