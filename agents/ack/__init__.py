"""Somebody takes an alert: signed links, the page behind them, and the event that says who and when."""
