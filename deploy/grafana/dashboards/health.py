"""The monitor's own health: whether it sees, keeps up, and what it could not read."""

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
)

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.dashboard import Dashboard


def health() -> Dashboard:
    """For who keeps it running."""
    return dashboard(
        "slawatch-health",
        "slawatch: monitor health",
        "Processes, partitions, lag, clocks, throughput, and what went wrong.",
        {
            "": [
                number("Workers", "That answer.", 'sum(up{job="slawatch-worker"})', width=3, steps=ONE_IS_GOOD),
                number("Notifiers", "That answer.", 'sum(up{job="slawatch-notifier"})', width=3, steps=ONE_IS_GOOD),
                number("Unwatched partitions", "Whose tickets get no alert.",
                       "max(sla_partitions) - sum(sla_partitions_live)", width=4, steps=FEW_IS_GOOD),
                number("Input lag", "The longest since a partition's input was known to be read up to the present.",
                       "max(sla_input_lag_seconds)", width=4, unit="s", decimals=1,
                       steps=((None, GREEN), (10, AMBER), (60, RED))),
                number("Blind or holding", "Workers whose input stalls, or that hold their alarms.",
                       "sum(sla_input_stalled) + sum(sla_alarms_held)", width=4, steps=FEW_IS_GOOD),
                number("Kafka and Redis", "1 where all notifiers reach both.",
                       "min(sla_notifier_kafka_up) * min(sla_notifier_redis_up)", width=3, steps=ONE_IS_GOOD),
                number("Alerts of Prometheus", "Firing now, the watchdog left out.",
                       'count(ALERTS{alertstate="firing", alertname=~"Slawatch.+", alertname!="SlawatchWatchdog"})',
                       width=3, steps=FEW_IS_GOOD, none="none"),
                curves("Events a second", "Read from the input topics, by type.", {
                    "{{type}}": "sum by (type) (rate(sla_events_total[$__rate_interval]))",
                }, unit="eps"),
                curves("Busy", "The share of its time that a worker applies events.", {
                    "{{instance}}": "sum by (instance) (rate(sla_chunk_seconds_total[$__rate_interval]))",
                }, unit="percentunit", highest=1),
                curves("Partitions", "Watched by each worker.", {
                    "{{instance}}": "sum by (instance) (sla_partitions_live)",
                }),
                curves("Input lag, by worker", "The longest of its partitions.", {
                    "{{instance}}": "max by (instance) (sla_input_lag_seconds)",
                }, unit="s"),
                curves("Clock", "Kafka's less that of a process, without the sign; from 60 s on alarms hold.", {
                    "{{instance}} worker": "abs(sla_clock_skew_seconds)",
                    "{{instance}} notifier": "abs(sla_notifier_clock_skew_seconds)",
                }, unit="s"),
                curves("Tickets kept", "With their creation, and without (orphans).", {
                    "{{kind}}": "sum by (kind) (sla_tickets_kept)",
                }),
                table("Could not be read", "Records put in dead-letters in the last day, by why.", {
                    "records": ("sum by (cause) (increase(sla_dead_letters_total[1d])) > 0", "none"),
                }, width=8, steps={"records": FEW_IS_BETTER}),
                table("Policies", "In force, by worker; fingerprints differ where promises do.", {
                    "in force": ("max by (instance, source, version, fingerprint) (sla_policies_info)", "none"),
                    "last file right": ("min by (instance) (sla_policies_last_reload_successful)", "none"),
                }, width=16, steps={"last file right": ONE_IS_GOOD}),
                table("Went wrong", "In the last day, by worker.", {
                    "input lost": ("sum by (instance) (increase(sla_input_lost_records_total[1d]))", "none"),
                    "written by others": ("sum by (instance) (increase(sla_foreign_writes_total[1d]))", "none"),
                    "refused": ("sum by (instance) (increase(sla_changelog_records_refused_total[1d]))", "none"),
                    "stores rebuilt": ("sum by (instance) (increase(sla_stores_rebuilt_total[1d]))", "none"),
                    "writes held back": ("sum by (instance) (increase(sla_writes_held_back_total[1d]))", "none"),
                }, width=16, height=7),
                number("Series", "That the busiest worker exports; 10,000 at the most.",
                       'max(scrape_samples_scraped{job="slawatch-worker"})', width=4, height=7,
                       steps=((None, GREEN), (9000, AMBER), (10001, RED))),
                number("To judge anew", "Tickets still judged by the policies of before a change.",
                       "sum(sla_tickets_to_judge_anew)", width=4, height=7, steps=FEW_IS_BETTER),
            ],
        },
    )  # fmt: skip
