"""Names in the place of people's, for reports that go further than to those who lead them."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

SHORTEST: Final = 32
"""Characters of the secret: whoever guesses it can try the ids of all agents."""
_BYTES: Final = 5
"""Of a name's hash: among 10,000 agents two share a name once in 20,000 centres (birthday bound, n^2 / 2^41)."""


class Pseudonyms:
    """The same id has the same name for as long as the secret stays the same; without it nobody can tell whose it is.

    HMAC-SHA256 (RFC 2104) under the secret, cut to 40 bits, in base 32.
    """

    def __init__(self, secret: str) -> None:
        """Raises ValueError for a secret that is too short."""
        if len(secret) < SHORTEST:
            raise ValueError(
                f"the secret of the pseudonyms has less than {SHORTEST} characters: `openssl rand -hex 32`"
            )
        self._key = secret.encode()

    def __repr__(self) -> str:
        return "Pseudonyms()"

    @classmethod
    def of_file(cls, path: Path) -> Pseudonyms:
        """With the secret in a file, without white space around it. Raises ValueError, which never repeats it."""
        try:
            return cls(path.read_text(encoding="utf-8").strip())
        except OSError as error:
            raise ValueError(f"{path}: cannot read the secret of the pseudonyms: {error.strerror}") from None
        except UnicodeDecodeError:
            raise ValueError(f"{path}: the secret of the pseudonyms is not UTF-8 text") from None

    def of(self, agent_id: str) -> str:
        """The name of an agent: `~` and eight letters and digits, which no help desk's id looks like."""
        digest = hmac.digest(self._key, agent_id.encode(), hashlib.sha256)[:_BYTES]
        return "~" + base64.b32encode(digest).decode().lower()
