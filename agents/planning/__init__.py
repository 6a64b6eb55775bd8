"""`slawatch plan`: where its figures come from, and how a plan is shown."""
