"""Everything else, by the library Apprise: a title and a text, to any of the services that it knows.

Facts from Apprise 2.2 (github.com/caronc/apprise, its wiki and docstrings): `notify` tells of each service whether it
succeeded, failed or ran out of time, not why; redirects are followed unless the asset says otherwise; a text of format
TEXT is converted to what the service reads; each service's own pace is kept by sleeping in the call.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType
from apprise.result import AppriseResultStatus

from agents.notifier.card import Presentation, card_of
from agents.notifier.http import Outcome, Result
from agents.notifier.senders.markdown import inert
from streams.instants import SECOND

if TYPE_CHECKING:
    from agents.notifier.card import Card
    from agents.notifier.message import Message

_TYPES = {"warning": NotifyType.WARNING, "good": NotifyType.SUCCESS, "digest": NotifyType.WARNING}


def title_and_text(card: Card, *, repeat: bool) -> tuple[str, str]:
    """The card in plain text. What any service may take for markup is in its full-width form; links are bare."""
    lines = [inert(card.line(fact)) for fact in card.facts]
    lines += [f"{inert(link.label)}: {_address(link.url)}" for link in card.links]
    for section in card.sections:
        lines += ["", section.title, *(f"· {inert(line.text)}" for line in section.lines)]
    lines += [inert(card.footer), *([inert(card.repeated)] if repeat else [])]
    return inert(card.title), "\n".join(lines)


def _address(url: str) -> str:
    """The address as plain text, in which nobody finds `_it_` or `~this~`; it leads to the same place."""
    return url.replace("_", "%5F").replace("~", "%7E").replace("*", "%2A")


@dataclass
class AppriseSender:
    """Sends to one address of Apprise's. `timeout` in microseconds.

    Its call blocks, so each attempt has a thread, and never more than one: one that did not come back in time is left
    to itself, and until it does come back nothing is sent. What Apprise calls a failure may have arrived, for it does
    not say why; only where it sent nothing at all is that known.
    """

    url: str = field(repr=False)
    timeout: int
    presentation: Presentation = field(default_factory=Presentation)
    _idle: threading.Event = field(default_factory=threading.Event, init=False, repr=False)

    def __post_init__(self) -> None:
        """The library logs what it does, with addresses in it: that is not for our log."""
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
        self._idle.set()
        self._apprise = Apprise(asset=AppriseAsset(http_redirects=False, async_mode=False))
        self._usable = self._apprise.add(self.url)
        for service in self._apprise:
            service.socket_connect_timeout = service.socket_read_timeout = self.timeout / SECOND / 2

    async def send(self, message: Message, *, repeat: bool) -> Result:
        """See the port."""
        if not self._usable:
            return Result(Outcome.REFUSED, "Apprise does not understand the destination's url")
        if not self._idle.is_set():
            return Result(Outcome.FAILED, "an attempt before this one has not come back yet")
        card = card_of(message, self.presentation)
        title, text = title_and_text(card, repeat=repeat)
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[Result] = loop.create_future()

        def tell(result: Result) -> None:
            if not ended.done():
                ended.set_result(result)

        def attempt() -> None:
            result = self._notify(title, text, _TYPES.get(card.tone, NotifyType.FAILURE))
            self._idle.set()
            with contextlib.suppress(RuntimeError):  # the loop is gone, and so is who waited
                loop.call_soon_threadsafe(tell, result)

        self._idle.clear()
        threading.Thread(target=attempt, name="apprise", daemon=True).start()
        try:
            async with asyncio.timeout(self.timeout / SECOND):
                return await ended
        except TimeoutError:
            return Result(Outcome.UNKNOWN, "no answer in time")

    def _notify(self, title: str, text: str, kind: NotifyType) -> Result:
        try:
            result = self._apprise.notify(
                body=text, title=title, notify_type=kind, body_format=NotifyFormat.TEXT, interpret_escapes=False
            )
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything; the port raises nothing
            return Result(Outcome.UNKNOWN, f"Apprise failed: {type(error).__name__}")
        if result.status is AppriseResultStatus.SUCCESS:
            return Result(Outcome.SENT)
        if result.status is AppriseResultStatus.NOMATCH:
            return Result(Outcome.FAILED, "Apprise has sent nothing")
        return Result(Outcome.UNKNOWN, "Apprise says that it failed, not why")
