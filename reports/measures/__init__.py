"""What the ledger comes to: the measures of response, quality, satisfaction, contacts, complaints and volume."""
