"""The figures of service by name: what each is counted in, which way is better, and what it is called."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from config.errors import shown
from streams.instants import SECOND, parse_duration

if TYPE_CHECKING:
    from collections.abc import Mapping

Unit = Literal["share", "score", "seconds", "per_thousand", "per_day"]


class Figure(NamedTuple):
    """A figure: `share` is 0 to 1, `seconds` are open or real seconds as its formula says."""

    unit: Unit
    more_is_better: bool
    en: str
    zh: str


FIGURES: Final[Mapping[str, Figure]] = {
    "first_response_compliance": Figure("share", True, "first-response compliance", "首次响应达标率"),
    "resolution_compliance": Figure("share", True, "resolution compliance", "解决达标率"),
    "response_time": Figure("seconds", False, "average first response time", "平均首次响应时长"),
    "response_time_p50": Figure("seconds", False, "median first response time", "首次响应时长中位数"),
    "response_time_p90": Figure("seconds", False, "90th percentile of first response times", "首次响应时长 P90"),
    "resolution_time": Figure("seconds", False, "average resolution time", "平均解决时长"),
    "interaction_time": Figure("seconds", False, "average response time per interaction", "平均响应时长"),
    "resolution_rate": Figure("share", True, "resolution rate", "问题解决率"),
    "average_score": Figure("score", True, "average score", "平均服务评分"),
    "flagged_share": Figure("share", False, "reviews under the flag threshold", "低分占比"),
    "average_rating": Figure("score", True, "average rating", "客户满意度评分"),
    "csat_of_rated": Figure("share", True, "CSAT rate over rated tickets", "客户满意度达标率（已评价）"),
    "csat_of_all": Figure("share", True, "CSAT rate over all tickets", "客户满意度达标率（全部工单）"),
    "rating_response_rate": Figure("share", True, "share of tickets rated", "评价率"),
    "first_contact_resolution": Figure("share", True, "first-contact resolution", "一次解决率"),
    "repeat_contacts": Figure("share", False, "repeat contacts", "重复咨询率"),
    "follow_up_kept": Figure("share", True, "follow-up kept in time", "二次跟进完成率"),
    "closed_in_time": Figure("share", True, "closed in 72 hours", "72小时关闭率"),
    "complaint_rate": Figure("share", False, "complaint rate", "投诉率"),
    "valid_complaints": Figure("per_thousand", False, "valid complaints per 1,000 tickets", "每千单有效投诉"),
    "complaint_time": Figure("seconds", False, "complaint resolution time", "投诉解决时效"),
    "daily_volume": Figure("per_day", True, "tickets handled per agent and day", "人均日处理量"),
    "effective_share": Figure("share", True, "effective share", "有效服务占比"),
    "callbacks_reached": Figure("share", True, "callbacks reached", "回访成功率"),
    "hand_over_answered": Figure("share", True, "hand-overs answered in time", "跨组响应达标率"),
}
"""In the order in which reports show them."""

OF_PROMISES: Final[Mapping[str, str]] = {
    "first_response": "first_response_compliance",
    "resolution": "resolution_compliance",
    "follow_up": "follow_up_kept",
    "team_answer": "hand_over_answered",
}
"""By target the figure that says how often the promise was kept. Its goal is the staffing file's, as on the board."""

_PERCENT = re.compile(r"\d{1,3}(\.\d{1,3})?%")
_NUMBER = re.compile(r"\d{1,6}(\.\d{1,3})?")
_SHAPES = {
    "share": "90%",
    "score": "4.2",
    "seconds": "15m",
    "per_thousand": "3",
    "per_day": "80",
}


def parse_share(text: str) -> float:
    """`90%` as 0.9; raises ValueError with the remedy."""
    if _PERCENT.fullmatch(text) and float(text[:-1]) <= 100:
        return float(text[:-1]) / 100
    raise ValueError(f"not a share: {shown(text)} (write 90%, at most 100%)")


def parse_number(text: str) -> float:
    """`4.2`; raises ValueError with the remedy."""
    if _NUMBER.fullmatch(text):
        return float(text)
    raise ValueError(f"not a number: {shown(text)} (write 4.2, at most three decimals)")


def parse_value(name: str, text: str) -> float:
    """A value of the figure of that name, in its unit; raises ValueError with the remedy."""
    unit = FIGURES[name].unit
    if unit == "share":
        return parse_share(text)
    if unit == "seconds":
        return parse_duration(text, days=True) / SECOND
    value = parse_number(text)
    if unit == "score" and not math.isfinite(value):
        raise ValueError(f"not a score: {shown(text)} (write {_SHAPES[unit]})")
    return value
