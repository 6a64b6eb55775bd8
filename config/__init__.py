"""What was promised and how we run: settings, policies, calendars, routing."""
