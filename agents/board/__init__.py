"""The wallboard: one reader of Redis, a page, a stream and an API for all who watch, each shown what they may see."""
