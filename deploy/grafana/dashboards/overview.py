"""The wallboard: are the promises kept now, and who must be answered next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboards.panels import (
    AMBER,
    FEW_IS_BETTER,
    FEW_IS_GOOD,
    GREEN,
    ONE_IS_GOOD,
    RED,
    curves,
    dashboard,
    number,
    table,
    zero_if_alive,
)

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.dashboard import Dashboard

_NOW = 'target:sla_compliance:ratio{target="first_response", window="1h"}'
_DAY = 'target:sla_compliance:ratio{window="24h"}'
_GOAL = 'target:sla_goal:ratio{target="first_response"}'


def overview() -> Dashboard:
    """For a screen on the wall."""
    return dashboard(
        "slawatch-overview",
        "slawatch: overview",
        "Compliance now against the goal, what is overdue or about to be, and who has waited longest.",
        {
            "": [
                number("First responses kept, last hour", "Met over judged, of all teams.", _NOW, width=5,
                       unit="percentunit", decimals=1, none="none judged"),
                number("Against the goal", "The same less the goal: red below it.", f"{_NOW} - on (target) {_GOAL}",
                       width=4, unit="percentunit", decimals=1, steps=((None, RED), (0, GREEN)), none="none judged"),
                number("Overdue", "Tickets with a clock that is overdue.",
                       zero_if_alive('sum(sla_queue_tickets{state="overdue"})'), width=4, steps=FEW_IS_GOOD),
                number("Due within 15 minutes", "Tickets whose next deadline is that near.",
                       zero_if_alive('sum(sla_queue_at_risk_tickets{within="15m"})'), width=4, steps=FEW_IS_BETTER),
                number("Oldest unanswered", "How long the customer has waited who has waited longest.",
                       "max(sla_queue_oldest_wait_seconds) or 0 * sum(sla_partitions_live)", width=4, unit="dthms",
                       steps=((None, GREEN), (900, AMBER), (7200, RED))),
                number("Watched", "Partitions that are watched, of all: less than 100 % is a blind spot.",
                       "sum(sla_partitions_live) / max(sla_partitions)", width=3, unit="percentunit",
                       steps=ONE_IS_GOOD, none="nobody"),
                table("Promises", "Each target against its goal: in the last hour, the last day, on how many clocks.", {
                    "last hour": ('max by (target) (target:sla_compliance:ratio{window="1h"})', "percentunit"),
                    "last day": (f"max by (target) ({_DAY})", "percentunit"),
                    "goal": (f"max by (target) (target:sla_goal:ratio and on (target) {_DAY})", "percentunit"),
                    "judged": ('max by (target) (target:sla_window_judged:sum{window="24h"} > 0)', "short"),
                }, width=12),
                table("Teams", "The queue of each team now.", {
                    "overdue": ('sum by (team) (sla_queue_tickets{state="overdue"})', "short"),
                    "due in 15 min": ('sum by (team) (sla_queue_at_risk_tickets{within="15m"})', "short"),
                    "unanswered": ('sum by (team) (sla_queue_tickets{state="unanswered"})', "short"),
                    "open": ('sum by (team) (sla_queue_tickets{state="open"})', "short"),
                    "longest wait": ("max by (team) (sla_queue_oldest_wait_seconds)", "dthms"),
                }, width=12, steps={"overdue": FEW_IS_GOOD, "due in 15 min": FEW_IS_BETTER}),
                curves("Kept, last hour", "Each target in a rolling hour, and the first response's goal.", {
                    "{{target}}": 'target:sla_compliance:ratio{window="1h"}',
                    "goal": _GOAL,
                }, unit="percentunit", highest=1),
                curves("Queue", "Tickets not done, and of these without an answer, and overdue.", {
                    "{{state}}": 'sum by (state) (sla_queue_tickets{state=~"open|unanswered|overdue"})',
                }),
            ],
        },
    )  # fmt: skip
