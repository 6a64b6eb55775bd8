"""What managers read: the ledger of all tickets as files, the measures over it, the reports."""
