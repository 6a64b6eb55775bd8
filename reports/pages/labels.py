"""Reports in one language: their texts by key, and the words of the data."""

from __future__ import annotations

from typing import Final

from reports.pages.advice_texts import ADVICE
from reports.pages.texts import TEXTS

WORDS: Final[dict[str, tuple[str, str]]] = {
    "first_response": ("first response", "首次响应"),
    "next_response": ("next response", "后续响应"),
    "resolution": ("resolution", "解决"),
    "follow_up": ("follow-up", "二次跟进"),
    "acceptance": ("acceptance", "跨组受理"),
    "team_answer": ("team's answer", "跨组答复"),
    "complaint_resolution": ("complaint resolution", "投诉解决"),
    "urgent": ("urgent", "紧急"),
    "high": ("high", "高"),
    "normal": ("normal", "普通"),
    "low": ("low", "低"),
    "question": ("question", "咨询"),
    "incident": ("incident", "故障"),
    "complaint": ("complaint", "投诉"),
    "request": ("request", "申请"),
    "attitude": ("attitude", "服务态度"),
    "early": ("early", "早班"),
    "late": ("late", "中班"),
    "night": ("night", "夜班"),
    "problem": ("problem", "问题"),
    "simple": ("simple", "简单"),
    "medium": ("medium", "中等"),
    "complex": ("complex", "复杂"),
    "new": ("new", "新人"),
    "experienced": ("experienced", "资深"),
}
"""Words of the data that are ours or the shipped files', which reports translate; any other is shown as it stands."""

_TEXTS: Final = TEXTS | ADVICE


class Labels:
    """The texts in one language; calling it with a key and what its text has places for."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._index = ("en", "zh").index(language)

    def __call__(self, key: str, **places: object) -> str:
        """Raises KeyError for a key that is not there, or a place that is not filled."""
        text = _TEXTS[key][self._index]
        return text.format(**places) if places else text

    def word(self, value: str | None) -> str | None:
        """A word of the data, translated where it is one of ours."""
        return WORDS[value][self._index] if value in WORDS else value
