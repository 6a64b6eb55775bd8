"""The senders: a module for each service, which knows its body, its limits and what its answers mean."""
