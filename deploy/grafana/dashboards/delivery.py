"""Alerts and delivery: what is announced, whether it arrives, and how soon."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboards.panels import AMBER, FEW_IS_BETTER, FEW_IS_GOOD, GREEN, RED, curves, dashboard, number, table

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.dashboard import Dashboard

_LATENESS: tuple[tuple[float | None, str], ...] = ((None, GREEN), (3, AMBER), (30, RED))


def delivery() -> Dashboard:
    """For who answers for the chats."""
    return dashboard(
        "slawatch-delivery",
        "slawatch: alerts and delivery",
        "Alerts written, messages sent, refused and waiting, and the time from a deadline to the chat.",
        {
            "": [
                number("Sent, last hour", "Messages that a destination took.",
                       "sum(increase(sla_notifier_sent_total[1h]))", width=4, decimals=0),
                number("Failed, last hour", "Messages given up: refused for good, or too old.",
                       "sum(increase(sla_notifier_failed_total[1h])) + sum(increase(sla_notifier_expired_total[1h]))",
                       width=4, steps=FEW_IS_GOOD, decimals=0),
                number("Waiting", "Messages that wait for a destination or for their record.",
                       "sum(sla_notifier_queue_length)", width=4, steps=FEW_IS_BETTER),
                number("Decided after the deadline", "90 % of the last hour's alerts within, from deadline plus grace.",
                       "histogram_quantile(0.9, sum by (le) (rate(sla_alert_lateness_seconds_bucket[1h])))", width=4,
                       unit="s", steps=_LATENESS, none="no alerts"),
                number("In the chat after the deadline", "90 % of the last hour's breaches within.",
                       "histogram_quantile(0.9, sum by (le) (rate(sla_notifier_deadline_to_chat_seconds_bucket[1h])))",
                       width=4, unit="s", steps=_LATENESS, none="no breaches"),
                number("Silences", "In force now.", "max(sla_notifier_silences)", width=4),
                curves("Alerts, per hour", "Alert records written in a rolling hour, by level.", {
                    "{{level}}": 'sum by (level) (increase(sla_alerts_total{kind="raised"}[1h]))',
                }),
                curves("Taken back, per hour", "Alerts corrected because a late event proved them wrong.", {
                    "{{level}}": 'sum by (level) (increase(sla_alerts_total{kind="corrected"}[1h]))',
                }),
                table("Destinations", "What each did in the last hour, and what waits for it now.", {
                    "sent": ("sum by (destination) (increase(sla_notifier_sent_total[1h]))", "none"),
                    "in digests": ("sum by (destination) (increase(sla_notifier_digested_total[1h]))", "none"),
                    "put off": ("sum by (destination) (increase(sla_notifier_retried_total[1h]))", "none"),
                    "failed": ("sum by (destination) (increase(sla_notifier_failed_total[1h]))", "none"),
                    "silenced": ("sum by (destination) (increase(sla_notifier_silenced_total[1h]))", "none"),
                    "repeated": ("sum by (destination) (increase(sla_notifier_repeated_total[1h]))", "none"),
                    "waiting": ("max by (destination) (sla_notifier_queue_length)", "none"),
                }, steps={"failed": FEW_IS_GOOD, "waiting": FEW_IS_BETTER}, height=8),
                curves("Waiting, by destination", "The length of each queue.", {
                    "{{destination}}": "max by (destination) (sla_notifier_queue_length)",
                }),
                curves("Deadline to chat", "50 % and 90 % within, of the breaches of the last quarter of an hour.", {
                    f"{share} %": f"""histogram_quantile(0.{share // 10}, sum by (le) (
                        rate(sla_notifier_deadline_to_chat_seconds_bucket[15m])))"""
                    for share in (50, 90)
                }, unit="s"),
            ],
        },
    )  # fmt: skip
