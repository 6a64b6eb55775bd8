"""Tickets drawn for checking: which, why, the sheet that reviewers fill in, and what comes back of it."""
