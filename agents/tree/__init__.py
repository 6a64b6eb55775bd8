"""A small site in one process tree: its commands as children, kept alive, stopped in order, with one log."""
