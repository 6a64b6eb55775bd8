"""Types of command line parameters that several commands take."""

from __future__ import annotations

import click

from streams.instants import parse_instant


class Instant(click.ParamType):
    """An RFC 3339 instant with an offset, as microseconds since the epoch."""

    name = "instant"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return parse_instant(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


INSTANT = Instant()
