"""What may be in the ledger: who was erased from it, and until when done tickets are kept."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    import duckdb

How = Literal["person", "tickets"]
"""Of an erased customer goes what tells the person (the id, and comments to ratings), or every ticket whole."""


class Erased(msgspec.Struct, frozen=True):
    """A customer who was erased, known by a salted hash alone: `at` that instant, from all tickets created before."""

    digest: str
    at: datetime
    how: How


def new_salt() -> str:
    """For the digests of a ledger."""
    return secrets.token_hex(16)


def digest(salt: str, customer_id: str) -> str:
    """As `Rules` has the database compute it."""
    return hashlib.sha256((salt + customer_id).encode()).hexdigest()


@dataclass(frozen=True)
class Rules:
    """`horizon`: tickets done before it are not kept; None: all are."""

    salt: str = ""
    erased: tuple[Erased, ...] = ()
    horizon: datetime | None = None

    def prepare(self, connection: duckdb.DuckDBPyConnection) -> None:
        """The table `erased` and the variables that `BROKEN` and `GONE` ask."""
        connection.execute("CREATE OR REPLACE TABLE erased(digest VARCHAR, until TIMESTAMPTZ, how VARCHAR)")
        if self.erased:
            connection.executemany(
                "INSERT INTO erased VALUES (?, ?, ?)", [(e.digest, e.at, e.how) for e in self.erased]
            )
        connection.execute("SET VARIABLE salt = ?", [self.salt])
        connection.execute("SET VARIABLE horizon = ?::TIMESTAMPTZ", [self.horizon])

    @property
    def name(self) -> str:
        """Of two sets of rules that one ledger has in turn, the same for the same only."""
        return f"{len(self.erased)} erased, horizon {self.horizon}"

    @property
    def any(self) -> bool:
        """Whether there is any."""
        return bool(self.erased) or self.horizon is not None


_ERASED = """EXISTS (
    FROM erased
    WHERE erased.digest = sha256(concat(getvariable('salt'), {row}.customer_id))
        AND {row}.created_at < erased.until {how}
)"""


def broken(row: str) -> str:
    """SQL: whether a row of this alias holds what the rules do not allow."""
    return f"({gone(row)} OR ({row}.customer_id IS NOT NULL AND {_ERASED.format(row=row, how='')}))"


def gone(row: str) -> str:
    """SQL: whether the rules take the ticket away whole."""
    erased = _ERASED.format(row=row, how="AND erased.how = 'tickets'")
    past = f"coalesce({row}.done_at < getvariable('horizon'), false)"
    return f"({past} OR ({row}.customer_id IS NOT NULL AND {erased}))"


WITHOUT_PERSON = {
    "customer_id": "NULL::VARCHAR",
    "ratings": "list_transform(ratings, lambda one: struct_update(one, comment := NULL::VARCHAR))",
}
"""What takes the place of the columns that tell the person."""
