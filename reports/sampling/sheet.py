"""The sheet that reviewers fill in, as a workbook or as CSV: its columns, and how a drawn ticket stands in it."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import xlsxwriter

from config.quality import HIGHEST
from reports.inert import inert, is_formula, plain
from streams.instants import to_datetime

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

    from config.quality import Quality, Words
    from reports.sampling.draw import Drawn

GIVEN: Final[dict[str, Words]] = {
    "ticket_id": {"en": "ticket", "zh": "工单编号"},
    "why": {"en": "why drawn", "zh": "抽样原因"},
    "resolved_at": {"en": "resolved", "zh": "解决时间"},
    "type": {"en": "type", "zh": "工单类型"},
    "channel": {"en": "channel", "zh": "渠道"},
    "agent_id": {"en": "agent", "zh": "处理人员"},
    "reviewed_at": {"en": "reviewed at", "zh": "质检时间"},
}
"""What the sheet says of a ticket."""
FILLED: Final[dict[str, Words]] = {
    "reviewer_id": {"en": "reviewer", "zh": "质检员"},
    "deductions": {"en": "reasons for deductions", "zh": "扣分原因"},
    "labels": {"en": "labels", "zh": "标签"},
}
"""What a reviewer adds, beside a score for each criterion."""

_WHY: Final[dict[str, Words]] = {
    "overdue": {"en": "overdue: {}", "zh": "超时：{}"},
    "rating": {"en": "customer's rating {}", "zh": "客户评分 {}"},
    "lot": {"en": "by lot", "zh": "随机抽取"},
    "first_response": {"en": "first response", "zh": "首次响应"},
    "resolution": {"en": "resolution", "zh": "解决"},
    "review": {"en": "review", "zh": "质检"},
    "manual": {"en": "manual", "zh": "评分标准"},
    "criterion": {"en": "criterion", "zh": "评分项"},
    "of": {"en": "{} of {}", "zh": "{}/{} 分"},
    "score": {"en": "a whole number from 1 to 5", "zh": "请填写 1 到 5 的整数"},
}
_APOSTROPHE: Final = re.compile(r"(^|;)(\s*)'([=+\-@＝＋－＠])")
_WIDTH: Final = {"ticket_id": 20, "why": 32, "resolved_at": 21, "reviewed_at": 21, "deductions": 36, "labels": 30}
_SLACK: Final = 200  # rows below the last that still check what is written into them: rows may be copied


@dataclass(frozen=True, slots=True)
class Column:
    """A column: what it holds (a name of GIVEN or FILLED, or a criterion) and its heading."""

    name: str
    heading: str
    score: bool = False


def columns(quality: Quality, language: str) -> tuple[Column, ...]:
    """The columns in their order."""
    scores = [Column(each.name, plain(each.label[language]), score=True) for each in quality.criteria]
    given = [Column(name, words[language]) for name, words in GIVEN.items()]
    filled = [Column(name, words[language]) for name, words in FILLED.items()]
    return (*given[:-1], filled[0], *scores, *filled[1:], given[-1])


def survives(ticket_id: str) -> bool:
    """Whether an id comes back from a sheet as it went: one with unseen characters would name another ticket."""
    return restored(inert(plain(ticket_id))) == ticket_id and plain(ticket_id) == ticket_id


def restored(text: str) -> str:
    """A text without the apostrophes that made it inert."""
    return _APOSTROPHE.sub(r"\1\2\3", text)


def why(drawn: Drawn, language: str) -> str:
    """Why a ticket was drawn."""
    reasons = []
    if drawn.overdue:
        targets = ", ".join(_WHY[target][language] for target in drawn.overdue)
        reasons.append(_WHY["overdue"][language].format(targets))
    if drawn.rating is not None:
        reasons.append(_WHY["rating"][language].format(drawn.rating))
    return "; ".join(reasons) or _WHY["lot"][language]


def csv_sheet(quality: Quality, drawn: Iterable[Drawn], language: str, now: int) -> bytes:
    """UTF-8 with a mark of it, for which spreadsheets look; no cell is a formula."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\r\n")
    listed = columns(quality, language)
    writer.writerow([inert(column.heading) for column in listed])
    zone = ZoneInfo(quality.timezone)
    writer.writerows([inert(text) for text in _cells(each, listed, language, now, zone)] for each in drawn)
    return lines.getvalue().encode("utf-8-sig")


def workbook_sheet(quality: Quality, drawn: Sequence[Drawn], language: str, now: int) -> bytes:
    """A workbook: the sheet to fill in, which takes scores of 1 to 5 alone, and the scoring manual."""
    stored = io.BytesIO()
    plain_text = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(stored, {"in_memory": True, **plain_text})
    heading = book.add_format({"bold": True, "bg_color": "#E8EDF3", "bottom": 1, "text_wrap": True, "valign": "top"})
    text = book.add_format({"num_format": "@", "valign": "top", "text_wrap": True})
    quoted = book.add_format({"num_format": "@", "valign": "top", "text_wrap": True, "quote_prefix": True})
    entry = book.add_format({"bg_color": "#FFF9E5", "border": 1, "border_color": "#D8D2BD", "valign": "top"})
    sheet = book.add_worksheet(_WHY["review"][language])
    listed = columns(quality, language)
    zone = ZoneInfo(quality.timezone)
    sheet.freeze_panes(1, 1)
    for index, column in enumerate(listed):
        sheet.write_string(0, index, column.heading, heading)
        sheet.set_column(index, index, _WIDTH.get(column.name, 12))
        if column.score:
            _only_scores(sheet, len(drawn), index, language)
    for row, each in enumerate(drawn, 1):
        for index, (column, cell) in enumerate(zip(listed, _cells(each, listed, language, now, zone), strict=True)):
            if column.score or column.name in FILLED:
                sheet.write_blank(row, index, None, entry)
            else:
                sheet.write_string(row, index, cell, quoted if is_formula(cell) else text)
    _manual(book.add_worksheet(_WHY["manual"][language]), quality, language, heading, text)
    book.close()
    return stored.getvalue()


def _cells(drawn: Drawn, listed: Iterable[Column], language: str, now: int, zone: ZoneInfo) -> list[str]:
    said = {
        "ticket_id": drawn.ticket_id,
        "why": why(drawn, language),
        "resolved_at": f"{to_datetime(drawn.resolved_at).astimezone(zone):%Y-%m-%d %H:%M}",
        "type": drawn.type or "",
        "channel": drawn.channel or "",
        "agent_id": drawn.agent or "",
        "reviewed_at": to_datetime(now).astimezone(zone).isoformat(timespec="seconds"),
    }
    return [plain(said.get(column.name, "")) for column in listed]


def _only_scores(sheet: Worksheet, rows: int, column: int, language: str) -> None:
    said = _WHY["score"][language]
    rule = {"validate": "integer", "criteria": "between", "minimum": 1, "maximum": HIGHEST, "error_message": said}
    sheet.data_validation(1, column, rows + _SLACK, column, rule)


def _manual(sheet: Worksheet, quality: Quality, language: str, heading: Format, text: Format) -> None:
    """What the scores of each criterion look like."""
    scores = range(HIGHEST, 0, -1)
    shown = [_WHY["criterion"][language], *(_WHY["of"][language].format(score, HIGHEST) for score in scores)]
    for index, said in enumerate(shown):
        sheet.write_string(0, index, said, heading)
    sheet.set_column(0, 0, 18)
    sheet.set_column(1, HIGHEST, 28)
    for row, criterion in enumerate(quality.criteria, 1):
        anchors = [plain(criterion.anchors[score][language]) if score in criterion.anchors else "" for score in scores]
        for index, said in enumerate([plain(criterion.label[language]), *anchors]):
            sheet.write_string(row, index, said, text)
