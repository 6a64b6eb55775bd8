"""Queues and staffing: what comes in, what waits, and how many agents that takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboards.panels import GREEN, RED, curves, dashboard, number, table

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.dashboard import Dashboard

_TEAM = 'team=~"$team"'


def queues() -> Dashboard:
    """For who decides how many are at work."""
    return dashboard(
        "slawatch-queues",
        "slawatch: queues and staffing",
        "The live queue by state and risk, the traffic, and the agents it needs against those at work.",
        {
            "Staffing": [
                number("Agents missing", "Required less staffed, of teams whose agents are known; negative: to spare.",
                       f"team:sla_agents_gap:sum{{{_TEAM}}}", width=24, legend="{{team}}", decimals=1,
                       steps=((None, GREEN), (1, RED)), none="no agents are reported"),
                curves("Required and staffed", "Agents needed by the queue of now, and those online or busy.", {
                    "{{team}} required": f"team:sla_agents_required:sum{{{_TEAM}}}",
                    "{{team}} staffed": f"team:sla_agents_staffed:sum{{{_TEAM}}}",
                }),
                curves("Agents by status", "By the newest status of each.", {
                    "{{status}}": f"sum by (status) (sla_staff_agents{{{_TEAM}}})",
                }),
                table("Demand", "By team and channel: load in erlangs, handling time of a ticket and where it is known "
                      "from, agents required.", {
                    "erlangs": (f"sum by (team, channel) (sla_queue_load_erlangs{{{_TEAM}}})", "short"),
                    "handling": (f"max by (team, channel, source) (sla_queue_handling_seconds{{{_TEAM}}})", "dthms"),
                    "required": (f"sum by (team, channel) (sla_agents_required{{{_TEAM}}})", "short"),
                }, width=12),
                curves("Work that falls due", "Handling time of replies due within so long, and of those overdue; not "
                       "of live channels.", {
                    "{{within}}": f"sum by (within) (sla_queue_due_work_seconds{{{_TEAM}}})",
                }, unit="s", height=9),
            ],
            "Queue": [
                curves("Tickets by state", "Not done; a ticket may be in several states.", {
                    "{{state}}": f"sum by (state) (sla_queue_tickets{{{_TEAM}}})",
                }),
                curves("At risk", "Tickets whose next deadline is within so long.", {
                    "{{within}}": f"sum by (within) (sla_queue_at_risk_tickets{{{_TEAM}}})",
                }),
                curves("Longest wait", "Of a customer without an answer.", {
                    "{{team}}": f"max by (team) (sla_queue_oldest_wait_seconds{{{_TEAM}}})",
                }, unit="dthms"),
                curves("Traffic, per hour", "Tickets created, replied to and given up in a rolling hour.", {
                    "arrivals": f'sum(sla_window_arrivals{{window="1h", {_TEAM}}})',
                    "replies": f'sum(sla_window_replies{{window="1h", {_TEAM}}})',
                    "given up": f'sum(sla_window_given_up{{window="1h", {_TEAM}}})',
                }),
                curves("First response, mean of the last hour", "Of clocks judged that stopped.", {
                    "{{team}}": f"""
                        sum by (team) (sla_window_spent_seconds{{target="first_response", window="1h", {_TEAM}}})
                        / sum by (team) (sla_window_stopped{{target="first_response", window="1h", {_TEAM}}})""",
                }, unit="dthms"),
                curves("First response, 90 % within", "In the last hour; the highest of any worker.", {
                    "{{team}}": f"""max by (team) (sla_window_elapsed_seconds{{target="first_response", window="1h",
                        statistic="p90", {_TEAM}}})""",
                }, unit="dthms"),
            ],
        },
        by_team=True,
    )  # fmt: skip
