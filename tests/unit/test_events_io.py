"""Files of events: plain, gzip, from standard input, damaged; and what is written is what is read."""

import gzip
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agents.events_io import BrokenFile, open_events, write_lines

LINES = b'{"a":1}\n\n  {"b":2}\r\n{"c":3}'
NUMBERED = [(1, b'{"a":1}'), (3, b'{"b":2}'), (4, b'{"c":3}')]


@pytest.mark.parametrize("stored", [LINES, gzip.compress(LINES)], ids=["plain", "gzip"])
def test_lines_come_with_their_numbers_blank_ones_left_out(stored: bytes, tmp_path: Path) -> None:
    path = tmp_path / "events"  # the name says nothing
    path.write_bytes(stored)
    with open_events(str(path)) as events:
        assert events.name == str(path)
        assert events.size == len(stored)
        assert list(events) == NUMBERED
        assert events.position == len(stored)


@pytest.mark.parametrize("stored", [LINES, gzip.compress(LINES)], ids=["plain", "gzip"])
def test_standard_input_is_read_the_same_way(stored: bytes) -> None:
    program = (
        "from agents.events_io import open_events\n"
        "with open_events('-') as events: print(events.name, events.size, events.position, list(events))"
    )
    read = subprocess.run([sys.executable, "-c", program], input=stored, capture_output=True, check=True)
    assert read.stdout.decode().strip() == f"<stdin> None 0 {NUMBERED}"


def test_an_empty_file_has_no_lines(tmp_path: Path) -> None:
    path = tmp_path / "empty.jsonl"
    path.touch()
    with open_events(str(path)) as events:
        assert list(events) == []


@pytest.mark.parametrize("damage", [lambda data: data[:-12], lambda data: data[:40] + b"\0\0\0\0" + data[44:]])
def test_damaged_gzip_says_where(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl.gz"
    path.write_bytes(damage(gzip.compress(b"".join(b'{"n":%d}\n' % n for n in range(1_000)))))
    with open_events(str(path)) as events, pytest.raises(BrokenFile, match=r"events.jsonl.gz:\d+: the gzip data"):
        list(events)


@pytest.mark.parametrize("name", ["events.jsonl", "events.jsonl.gz"])
@pytest.mark.parametrize("count", [0, 1, 999, 1_000, 2_500])
def test_what_is_written_is_read_again(name: str, count: int, tmp_path: Path) -> None:
    path = tmp_path / name
    lines = [b'{"n":%d}' % n for n in range(count)]
    with write_lines(str(path)) as write:
        for line in lines:
            write(line)
    with open_events(str(path)) as events:
        assert [line for _, line in events] == lines
    assert path.read_bytes().startswith(b"\x1f\x8b") == name.endswith(".gz")


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), open_events(str(tmp_path / "none.jsonl")):
        pass
