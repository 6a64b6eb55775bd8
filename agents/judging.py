"""Which tickets still wait to be judged by the policies in force, after these have changed."""

from __future__ import annotations

from collections.abc import Iterator


class Judging:
    """Gives the keys of those tickets one after the other.

    `left`: how many of them have not been met. Events and alarms bring some here before their turn.
    """

    def __init__(self) -> None:
        self.left = 0
        self._keys: Iterator[bytes] | None = None
        self._met: set[bytes] = set()

    @property
    def going_on(self) -> bool:
        """Whether there may be one whose turn is to come."""
        return self._keys is not None

    def begin(self, keys: Iterator[bytes], count: int) -> None:
        """Other policies are in force: so many tickets wait, their keys among these."""
        self._keys, self._met, self.left = keys, set(), count

    def end(self) -> None:
        """All of them have been met."""
        self._keys, self._met, self.left = None, set(), 0

    def next(self) -> bytes | None:
        """The key of the next one whose turn it is, of some more than once; None: there are no more."""
        if self._keys is not None:
            for key in self._keys:
                if key not in self._met:
                    return key
            self.end()
        return None

    def meet(self, key: bytes, *, anew: bool, known: bool) -> None:
        """A ticket is judged, before its turn or in it: `anew`, or it was not `known` before and has no turn."""
        if self._keys is not None and (anew or not known) and key not in self._met:
            self._met.add(key)
            self.left -= anew

    def over(self, key: bytes) -> None:
        """Its turn is over: a million keys need not be remembered."""
        self._met.discard(key)

    def spared(self) -> None:
        """The one whose turn it was is judged by the policies in force as it is."""
        self.left = max(0, self.left - 1)
