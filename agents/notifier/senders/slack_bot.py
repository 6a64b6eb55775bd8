"""A Slack app's bot: messages that can be answered in a thread, and changed later.

Facts from Slack's documentation (docs.slack.dev/reference/methods/chat.postMessage, chat.update and the Web API's
"Rate limits"): errors answer 200 with `ok` false and a word in `error`; 429 carries Retry-After; of `internal_error`
and `fatal_error` it says that some aspect of the operation may have succeeded; a message is named by its channel and
`ts`; `thread_ts` makes a message a reply to that one; `parse` `none` reads no names and addresses in `text`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agents.notifier.card import Presentation, card_of
from agents.notifier.http import Outcome, Result, post
from agents.notifier.senders.answers import Codes, outcome_of, read_answer
from agents.notifier.senders.slack import slack_body

if TYPE_CHECKING:
    from collections.abc import Callable

    import aiohttp

    from agents.notifier.message import Message

ERRORS = Codes(
    taken=True,
    final=frozenset(
        {
            # who may do what
            *("access_denied", "account_inactive", "ekm_access_denied", "enterprise_is_restricted", "invalid_auth"),
            *("missing_scope", "no_permission", "not_allowed_token_type", "not_authed", "org_login_required"),
            *("restricted_action", "restricted_action_read_only_channel", "restricted_action_thread_locked"),
            *("token_expired", "token_revoked", "two_factor_setup_required", "team_access_not_granted"),
            # where to
            *("cannot_reply_to_message", "channel_not_found", "is_archived", "not_in_channel", "thread_not_found"),
            *("cant_update_message", "edit_window_closed", "message_not_found"),
            # what
            *("invalid_arguments", "invalid_arg_name", "invalid_blocks", "invalid_blocks_format", "invalid_json"),
            *("invalid_post_type", "json_not_object", "missing_post_type", "method_deprecated", "msg_too_long"),
            *("msg_blocks_too_long", "no_text", "too_many_attachments", "markdown_text_conflict"),
        }
    ),
    unknown=frozenset({"fatal_error", "internal_error"}),
)
"""Others (`ratelimited`, `rate_limited`, `request_timeout`, `service_unavailable`, ...) are failures for now."""


def judge(said: str) -> Result:
    """`ok` and the message's channel and `ts`, or a word."""
    answer = read_answer(said)
    ok, channel, ts = answer.get("ok"), answer.get("channel"), answer.get("ts")
    if ok is True:
        reference = f"{channel}:{ts}" if isinstance(channel, str) and isinstance(ts, str) else None
        return Result(Outcome.SENT, reference=reference)
    if ok is not False:
        return Result(Outcome.UNKNOWN, f"HTTP 200 without ok: {said}")
    word = answer.get("error")
    return Result(outcome_of(word, ERRORS), f"Slack says {word}")


@dataclass(frozen=True)
class SlackBotSender:
    """Posts to one channel as a bot. `url` is that of the Web API, `timeout` in microseconds. An Editor."""

    session: aiohttp.ClientSession
    url: str
    token: str = field(repr=False)
    channel: str
    timeout: int
    clock: Callable[[], int]
    presentation: Presentation = field(default_factory=Presentation)

    async def send(self, message: Message, *, repeat: bool) -> Result:
        """See the port; `message.thread` makes it a reply."""
        body = {"channel": self.channel, **self._said(message, repeat=repeat)}
        _, _, ts = (message.thread or "").partition(":")
        return await self._call("chat.postMessage", {**body, "thread_ts": ts} if ts else body)

    async def update(self, reference: str, message: Message) -> Result:
        """See Editor."""
        channel, _, ts = reference.partition(":")
        if not ts:
            return Result(Outcome.REFUSED, "this is no reference to a message of Slack")
        said = self._said(message, repeat=False)
        changed = {"channel": channel, "ts": ts, "text": said["text"], "blocks": said["blocks"], "link_names": False}
        return await self._call("chat.update", {**changed, "parse": "none"})

    def _said(self, message: Message, *, repeat: bool) -> dict[str, Any]:
        return {**slack_body(card_of(message, self.presentation), repeat=repeat), "parse": "none"}

    async def _call(self, method: str, body: dict[str, Any]) -> Result:
        return await post(
            self.session,
            f"{self.url}/{method}",
            body,
            timeout=self.timeout,
            clock=self.clock,
            headers={"Authorization": f"Bearer {self.token}"},
            judge=judge,
        )
