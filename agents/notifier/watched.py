"""A sender whose results are looked at: how its destination fares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agents.notifier.http import Result, Sender
    from agents.notifier.message import Message
    from agents.notifier.watch import Health


class WatchedSender:
    """Sends as the sender does, and can do whatever else that can."""

    def __init__(self, destination: str, sender: Sender, health: Health) -> None:
        self._destination = destination
        self._sender = sender
        self._health = health

    async def send(self, message: Message, *, repeat: bool) -> Result:
        """See the port."""
        result = await self._sender.send(message, repeat=repeat)
        self._health.attempted(self._destination, result)
        return result

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sender, name)
