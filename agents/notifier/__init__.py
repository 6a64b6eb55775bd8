"""Alerts from Kafka to people: match, claim, send, record, a small stage each; docs/routing.md has the promises."""
