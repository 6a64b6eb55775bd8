"""What events mean: event types, ticket history, clocks, calendars, verdicts, windows, queue, alert ids."""
