"""What the acknowledge page says, in each of its languages."""

from __future__ import annotations

ENGLISH = {
    "language": "en",
    "title": "Acknowledge an alert",
    "ticket": "Ticket",
    "alert": "Alert",
    "sent_to": "Sent to",
    "name": "Your name",
    "note": "Note (may stay empty)",
    "button": "Acknowledge",
    "as": "You are {by}.",
    "means": "You take care of this ticket. Nobody further is alerted of this breach.",
    "done": "Done. Acknowledged by {by} at {at}.",
    "already": "Acknowledged already by {by} at {at}. There is nothing left to do.",
    "under_way": "Somebody is acknowledging it at this moment. Load this page again in half a minute.",
    "expired": "This link has expired. Acknowledge with `slawatch ack`, or from a newer message.",
    "forged": "This is not a link of ours, or it was cut short on its way. Open it from the message once more.",
    "no_name": "Please write your name: others must know who takes care.",
    "no_user": "Your sign-in did not come through. Ask whoever runs the proxy before this page.",
    "kafka_away": "It could NOT be recorded: Kafka does not answer. Nothing is acknowledged yet. Please try again.",
    "redis_away": "It could NOT be recorded: Redis does not answer. Nothing is acknowledged yet. Please try again.",
    "again": "Try again",
    "elsewhere": "This was sent from another site and is refused. Open the link from the message.",
}

CHINESE = {
    "language": "zh",
    "title": "确认告警",
    "ticket": "工单",
    "alert": "告警",
    "sent_to": "发送至",
    "name": "您的姓名",
    "note": "备注(可不填)",
    "button": "确认",
    "as": "您是 {by}。",
    "means": "您将负责此工单,此次超时不再通知其他人。",
    "done": "已完成。{by} 于 {at} 确认。",
    "already": "已由 {by} 于 {at} 确认,无需再操作。",
    "under_way": "有人正在确认。请半分钟后重新打开本页。",
    "expired": "此链接已过期。请使用 `slawatch ack`,或打开较新的消息中的链接。",
    "forged": "此链接不是我们发出的,或在传送中被截断。请从消息中重新打开。",
    "no_name": "请填写姓名:其他人需要知道由谁负责。",
    "no_user": "未收到您的登录信息。请联系本页代理的管理员。",
    "kafka_away": "未能记录:Kafka 没有应答。尚未确认,请重试。",
    "redis_away": "未能记录:Redis 没有应答。尚未确认,请重试。",
    "again": "重试",
    "elsewhere": "此请求来自其他网站,已拒绝。请从消息中打开链接。",
}

LANGUAGES = {"en": ENGLISH, "zh": CHINESE}


def spoken(accepted: str | None, preferred: str = "en") -> dict[str, str]:
    """The words for a browser by its Accept-Language: the first language that we speak, else the preferred one."""
    for part in (accepted or "").split(","):
        language = part.split(";")[0].strip().lower().split("-")[0]
        if language in LANGUAGES:
            return LANGUAGES[language]
    return LANGUAGES[preferred]
