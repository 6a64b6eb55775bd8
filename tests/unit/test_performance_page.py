"""What docs/performance.md makes of the figures of the bench."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import document
import pytest
import svg

MEASURED = {
    "at": "2026-01-05",
    "machine": {"cores": 2, "model": "a machine", "python": "3.11.7"},
    "rows": [
        {"what": "p50", "value": 71.25, "unit": "ms", "at_most": 100, "rate": 5000},
        {"what": "max", "value": 1234.5, "unit": "ms", "rounds": [1, 2], "rate": 5000},
        {"engine": "other|one", "right": True},
    ],
}


def test_rows_are_tables_and_what_is_the_same_in_all_is_said_once() -> None:
    assert document.tables(MEASURED["rows"]) == [
        "|  | value | at most | rounds |\n|---|---|---|---|\n| p50 | 71.2 | 100 |  |\n| max | 1,234 |  | 1; 2 |",
        "In all of them: unit: ms; rate: 5,000.",
        "| engine | right |\n|---|---|\n| other\\|one | yes |",
    ]


def test_a_section_says_what_its_program_says_of_itself() -> None:
    assert document.about('"""What it takes: python bench/x.py [N]\n\nMore.\n"""') == "What it takes.\n\nMore."
    text = document.section("throughput", "Speed", MEASURED, drawn=True)
    assert text.startswith("## Speed\n\nHow many events a second one core takes")
    assert "![Speed](performance/throughput.svg)" in text
    assert "2 cores of a machine, Python 3.11.7" in text


def test_sections_are_put_between_the_marks_however_often() -> None:
    page = document.PAGE.read_text("utf-8")
    once = document.written(page, ["## One\n"])
    assert "## One" in once
    assert document.written(once, []) == document.written(page, [])
    assert once.partition(document.BEGIN)[0] == page.partition(document.BEGIN)[0]
    with pytest.raises(ValueError, match="the page has no <!-- end"):
        document.written(document.BEGIN, [])


def test_every_subject_has_its_program() -> None:
    assert [name for name in document.SECTIONS if not (Path(document.__file__).with_name(f"{name}.py")).is_file()] == []


def test_plots_are_well_formed() -> None:
    charts = document.plots({"bars": [{"title": "a < b", "values": [["ours", 3.0], ["theirs & more", 2]]}]})
    assert charts is not None
    assert len(ET.fromstring(charts).findall("{*}rect")) == 3  # with the background
    boxes = ET.fromstring(svg.flame({"a (x.py);<b> (y.py)": 70, "a (x.py)": 30, "rare (z.py)": 0}))
    titles = [title.text for title in boxes.iter("{http://www.w3.org/2000/svg}title")]
    assert titles == ["a (x.py) 100.0%", "<b> (y.py) 70.0%"]
    assert document.plots({"rows": []}) is None
