"""What ends a command other than bad usage or configuration."""


class Refused(Exception):
    """The surroundings are not as they must be (topics, partition counts, foreign state): exit code 3."""
