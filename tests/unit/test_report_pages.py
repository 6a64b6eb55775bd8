"""Pages, workbooks and CSV files: nothing in a ticket becomes markup or a formula; same input, same bytes."""

import csv
import io
import re
import zipfile
from datetime import date, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from reports.inert import LONGEST, inert, is_formula, plain
from reports.pages.charts import picture
from reports.pages.document import Cell, Document, Panel, Section, Table, hours, minutes, percent, rounded
from reports.pages.labels import WORDS, Labels
from reports.pages.page import ROWS, page_of
from reports.pages.sheets import csv_of, tabs, workbook_of
from reports.pages.texts import TEXTS

ATTACKS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "</td></tr></table><iframe src=//example.org>",
    "</style><style>*{display:none}",
    "<!--",
    "]]><![CDATA[",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "&lt;b&gt;",
    "=HYPERLINK(\"http://example.org\",\"x\")",
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    " =1+1",
    "＝1+1",
    "a;=1+1",
    "\u202e=1+1",
    "\ufeff=1+1",
    "\x00=1+1",
    "x" * 40_000,
    "A1:B2",
    "12345678901234567890",
    "1e5",
    "2026-01-01",
    "http://example.org/",
)  # fmt: skip
MADE_AT = datetime.fromisoformat("2026-03-04T09:30")
FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]")


def document(*tables: Table, language: str = "en") -> Document:
    return Document(language, "Title", "sub", (("Period", "x"),), "reach", MADE_AT, (Section("Section", tables),))


def one_column(*cells: Cell) -> Table:
    return Table("sheet", "A table", ("text", "n"), tuple((cell, 1) for cell in cells))


class Elements(HTMLParser):
    """Counts what elements and attributes a page has, and collects its texts."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: dict[str, int] = {}
        self.attributes: set[str] = set()
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] = self.elements.get(tag, 0) + 1
        self.attributes.update(name for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def elements(page: str) -> Elements:
    found = Elements()
    found.feed(page)
    found.close()
    return found


def test_a_page_of_attacks_has_the_elements_of_one_of_plain_words() -> None:
    attacked = Table("sheet", ATTACKS[0], (ATTACKS[1], "n"), tuple((text, 1) for text in ATTACKS), note=ATTACKS[2])
    words = Table("sheet", "a", ("b", "n"), tuple(("word", 1) for _ in ATTACKS), note="c")
    hostile, harmless = elements(page_of(document(attacked))), elements(page_of(document(words)))
    assert hostile.elements == harmless.elements
    assert hostile.attributes == harmless.attributes
    for text in ATTACKS:
        assert plain(text) in hostile.texts, text


def test_a_page_needs_nothing_from_elsewhere() -> None:
    page = page_of(document(one_column("word")))
    assert not re.search(r"(?:\bsrc=|href|@import|url\()", page)
    assert "<script" not in page
    assert "default-src 'none'" in page


def test_a_hostile_title_stays_within_its_string_of_the_style_sheet() -> None:
    hostile = Document("en", '</style>"; } @page {', "", (), "\\\n*/", MADE_AT, ())
    style = page_of(hostile).partition("<style>")[2].partition("</style>")[0]
    (title,) = re.findall(r"@top-left \{ content: (.*?); font", style)
    assert re.fullmatch(r'"(?:\w| |\\[0-9a-f]+ )*"', title)


@pytest.mark.parametrize("text", ATTACKS)
def test_no_attack_is_a_formula_in_csv_or_workbook(text: str) -> None:
    made = one_column(text)
    (_, (shown, number)) = csv.reader(io.StringIO(csv_of(made).decode("utf-8-sig"), newline=""))
    assert not FORMULA.match(shown)
    assert not any(FORMULA.match(part) for part in shown.split(";"))
    assert number == "1"
    cell = load_workbook(io.BytesIO(workbook_of(document(made)))).worksheets[0]["A2"]
    assert cell.data_type == "s"
    assert cell.value == plain(text)
    assert cell.quotePrefix == (FORMULA.match(plain(text)) is not None)
    assert cell.hyperlink is None


@given(st.text(max_size=30))
def test_what_is_written_to_csv_is_never_a_formula_and_loses_nothing_else(text: str) -> None:
    assert not FORMULA.match(inert(text))
    assert not any(FORMULA.match(part) for part in inert(text).split(";"))
    assert inert(text).replace("'", "") == text.replace("'", "")
    assert is_formula(text) == (FORMULA.match(text) is not None)


@given(st.text(max_size=2 * LONGEST))
def test_a_plain_text_is_one_line_of_bounded_length_that_is_written_as_utf_8(text: str) -> None:
    shown = plain(text)
    assert len(shown) <= LONGEST
    assert len(shown.splitlines()) <= 1
    assert not re.search("[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]", shown)
    shown.encode()


@given(
    st.lists(
        st.text(max_size=50) | st.sampled_from(("Overdue: by type", "超时：类型", "overdue", "a" * 40)), max_size=12
    )
)
def test_sheets_have_names_that_spreadsheets_take_no_two_alike(titles: list[str]) -> None:
    found = tabs(titles)
    assert len(found) == len(titles) == len({name.casefold() for name in found})
    assert all(0 < len(name) <= 31 and not set(name) & set("[]:*?/\\'") for name in found)


def test_a_sheet_is_called_by_what_stands_before_the_colon() -> None:
    titles = (
        "Overdue: still open first",
        "Overdue: by type",
        "评分校准：同一工单",
        "Score rates by criterion and steps followed",
    )
    assert tabs(titles) == ["Overdue", "Overdue 2", "评分校准", "Score rates by criterion and"]


def test_numbers_are_numbers_also_below_zero() -> None:
    made = Table("t", "T", ("a", "b"), ((Decimal("-3.10"), -4),))
    assert csv_of(made).decode("utf-8-sig").splitlines()[1] == "-3.10,-4"
    sheet = load_workbook(io.BytesIO(workbook_of(document(made)))).worksheets[0]
    assert [cell.value for cell in sheet[2]] == [-3.1, -4]
    assert sheet["A2"].number_format == "#,##0.00"


def test_a_row_of_the_workbook_has_room_for_the_lines_of_its_longest_text() -> None:
    made = Table("t", "T", ("who", "first-response compliance (%)"), (("short", 1), ("word " * 16, 1), ("字" * 50, 1)))
    sheet = load_workbook(io.BytesIO(workbook_of(document(made)))).worksheets[0]
    assert sheet.column_dimensions["A"].width == pytest.approx(40, abs=1)
    assert [sheet.row_dimensions[row].height for row in (1, 2, 3, 4)] == [30, None, 30, 45]


def test_no_row_of_the_workbook_is_hidden_for_a_text_of_nothing_but_space() -> None:
    made = Table("t", "T", ("who",), (("\xa0" * 50,), (" " * 50,)))
    sheet = load_workbook(io.BytesIO(workbook_of(document(made)))).worksheets[0]
    assert not any(sheet.row_dimensions[row].hidden for row in (2, 3))


def test_a_chart_of_the_workbook_names_its_days() -> None:
    made = Table("trend", "T", ("day", "n"), ((date(2026, 1, 1), 1), (date(2026, 1, 2), 2)), panels=(Panel(1),))
    with zipfile.ZipFile(io.BytesIO(workbook_of(document(made)))) as parts:
        drawn = parts.read("xl/charts/chart1.xml").decode()
    assert "<c:dateAx>" in drawn
    assert 'formatCode="mm-dd"' in drawn


def test_the_same_document_gives_the_same_bytes_and_the_workbook_says_when_it_was_made() -> None:
    days = [(date(2026, 1, 1) + timedelta(n), n) for n in range(5)]
    made = document(one_column("x"), Table("trend", "T", ("day", "n"), tuple(days), panels=(Panel(1),)))
    assert page_of(made) == page_of(made)
    assert workbook_of(made) == workbook_of(made)
    with zipfile.ZipFile(io.BytesIO(workbook_of(made))) as parts:
        assert {part.date_time for part in parts.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert b"2026-03-04T09:30:00Z" in parts.read("docProps/core.xml")


def test_a_long_table_is_cut_on_the_page_and_whole_in_the_files() -> None:
    made = one_column(*(f"row {number}" for number in range(ROWS + 5)))
    page = page_of(document(made))
    assert f"row {ROWS - 1}<" in page
    assert f"row {ROWS}<" not in page
    assert f"The first {ROWS} of {ROWS + 5} rows" in page
    assert csv_of(made).count(b"\r\n") == ROWS + 6


def chart(*values: Cell, goal: Decimal | None = None) -> Any:
    rows = tuple((date(2026, 1, 1) + timedelta(n), value) for n, value in enumerate(values))
    return picture(Table("t", "T", ("day", "n"), rows), Panel(1, goal), "{first} {last} {lowest} {highest} {newest}")


def test_a_day_without_a_figure_is_a_gap_in_the_line() -> None:
    drawn = chart(Decimal(1), Decimal(2), None, Decimal(3))
    assert [len(line.split()) for line in drawn.lines] == [2, 1]
    assert drawn.summary == "01-01 01-04 1 3 3"
    assert chart(None, None) is None


@given(st.lists(st.decimals(0, 10**6, places=1), min_size=1, max_size=31), st.none() | st.decimals(0, 10**6, places=1))
def test_a_chart_keeps_every_point_and_its_goal_between_zero_and_its_highest_line(
    values: list[Decimal], goal: Decimal | None
) -> None:
    drawn = chart(*values, goal=goal)
    highest, lowest = drawn.values[-1].at, drawn.values[0].at
    marks = [point.y for point in drawn.points] + ([drawn.goal.at] if drawn.goal is not None else [])
    assert all(highest <= at <= lowest for at in marks)
    assert len(drawn.values) <= 6
    assert [float(mark.text.replace(",", "")) for mark in drawn.values] == sorted(
        {float(mark.text.replace(",", "")) for mark in drawn.values}
    )
    top = float(drawn.values[-1].text.replace(",", ""))
    for value, point in zip(values, drawn.points, strict=True):
        assert point.y == pytest.approx(lowest - float(value) / top * (lowest - highest), abs=0.06)


def test_figures_are_rounded_half_to_even_and_zero_has_no_sign() -> None:
    assert [percent(share) for share in (0.8335, 0.125, None)] == [Decimal("83.4"), Decimal("12.5"), None]
    assert minutes(5_400) == Decimal("90.0")
    assert hours(5_400) == Decimal("1.5")
    assert str(rounded(-0.04)) == "0.0"
    assert str(rounded(2.5, 0)) == "2"


@pytest.mark.parametrize("texts", [TEXTS, WORDS])
def test_both_languages_have_every_text_with_the_same_places(texts: dict[str, tuple[str, str]]) -> None:
    for key, (english, chinese) in texts.items():
        assert sorted(re.findall(r"\{(\w+)", english)) == sorted(re.findall(r"\{(\w+)", chinese)), key
        assert chinese, key


def test_a_word_of_a_ticket_that_is_not_ours_is_shown_as_it_stands() -> None:
    say = Labels("zh")
    assert say.word("urgent") == "紧急"
    assert say.word("title") == "title"
    assert say.word(None) is None
