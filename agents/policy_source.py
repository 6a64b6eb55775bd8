"""Which promises are in force: those of the topic sla-policies, else those of the file, else the shipped ones.

**No verdict flips back and forth when a partition moves in the middle of a change.** The documents of the topic are
versions with an order, and a worker's version only rises. Say that worker A has judged tickets of a partition by
version n, and that B gets the partition after it. A had read version n, so it lay below the topic's high watermark,
which no fail-over takes back. Then A gave the partition up, or its session ended, and with it A's lease. Then the group
gave the partition to B, and only then does B ask where the topic ends (`caught_up`, which the engine awaits before it
opens a partition): that end lies behind n, and B judges nothing before it has taken over all up to there. So B's
version is n or a later one, and what A judged either stays as it is or is judged by promises that are newer for all.
A worker may well have an older version than another: it then judges other partitions.

This holds for the topic alone. Files are changed worker by worker, and in no order that anybody knows.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Literal, NamedTuple

from aiokafka.errors import KafkaError, KafkaTimeoutError

from agents.dead_letters import printable
from agents.policy_topic import newest
from config.errors import ConfigError
from config.policies import default_policies, load_policies
from streams.alert_record import operations
from streams.instants import SECOND

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from agents.meters import Meters
    from agents.partition import Rules
    from agents.policy_topic import Applied, PolicyTopic, Version
    from streams.alert_record import Alert
    from streams.policies import Policies

Source = Literal["defaults", "file", "topic"]

PATIENCE = 30.0
"""Seconds within which the topic must be read to its end."""
RETRY = 1.0
"""Seconds after an error."""

log = logging.getLogger("slawatch.policies")


class InForce(NamedTuple):
    """The promises that hold, and where they come from. `version`: the number on the topic, else empty."""

    source: Source
    version: str
    policies: Policies


def policies_of(path: Path | None) -> Policies:
    """The promises of a file, or the shipped ones. Raises ConfigError."""
    return default_policies() if path is None else load_policies(path)


class PolicySource:
    """Keeps `rules.policies` what they should be. What is wrong is refused, and the old ones stay in force."""

    def __init__(
        self,
        path: Path | None,
        topic: PolicyTopic,
        rules: Rules,
        meters: Meters,
        clock: Callable[[], int],
        tell: Callable[[Alert], None] = lambda _: None,
    ) -> None:
        """`rules` hold the promises of the file at `path`, or without one the shipped ones; `tell` tells operations."""
        self._path = path
        self.topic = topic
        self._rules = rules
        self._meters = meters
        self._clock = clock
        self._tell = tell
        self._refused_since: dict[Source, int] = {}
        self.patience = PATIENCE
        self._own = InForce("defaults" if path is None else "file", "", rules.policies)
        self._shared: InForce | None = None
        self._in_force = self._own
        self._seen = _stamp(path)
        self._loading = asyncio.Lock()
        self._read_to = 0
        self._progress = asyncio.Condition()
        if path is not None:
            self._took("file")
        self._export()

    # The file

    async def reload(self) -> None:
        """Load the file again, changed or not."""
        if self._path is None:
            log.warning("nothing to load again: SLAWATCH_POLICIES names no file")
            return
        async with self._loading:
            self._seen = _stamp(self._path)
            try:
                policies = await asyncio.to_thread(load_policies, self._path)  # a long file must not stop the stream
            except ConfigError as error:
                self._refused("file", error)
                return
            self._took("file")
            self._own = InForce("file", "", policies)
            self._enforce()
            if self._shared is not None:
                log.warning(
                    "%s is right, and not in force: %s is, until it is withdrawn", self._path, self._described()
                )
            else:
                log.info("the policies of %s are in force", self._path)

    async def reload_if_changed(self) -> None:
        """Load the file again where it was written since the last time."""
        if self._path is not None and _stamp(self._path) != self._seen:
            await self.reload()

    # The topic

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Inside it what comes on the topic is taken over; all that is there already, before it begins.

        Raises KafkaError where the topic cannot be read.
        """
        async with self.topic:
            following = asyncio.create_task(self._follow())
            try:
                await self.caught_up()
                if self._path is not None and self._shared is not None:
                    log.warning("policies: %s; %s waits until it is withdrawn", self._described(), self._path)
                else:
                    log.info("policies: %s", self._described())
                yield
            finally:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)

    async def caught_up(self) -> None:
        """Returns once everything that is on the topic at the call is taken over.

        Raises KafkaError, also where that takes longer than `PATIENCE`.
        """
        try:
            async with asyncio.timeout(self.patience):
                end = await self.topic.end()
                async with self._progress:
                    await self._progress.wait_for(lambda: self._read_to >= end)
        except TimeoutError:
            reason = f"the topic {self.topic.name} could not be read to its end within {self.patience:g} s"
            raise KafkaTimeoutError(reason) from None

    async def _follow(self) -> None:
        while True:
            try:
                await self._take(await self.topic.new())
                position = await self.topic.position()
            except KafkaError as error:
                log.warning("the topic %s cannot be read now: %r", self.topic.name, error)
                await asyncio.sleep(RETRY)
                continue
            except Exception:  # whatever somebody put there must not stop the worker, nor what comes after it
                log.exception("a version of the topic %s could not be taken over", self.topic.name)
                self._refused("topic", "a fault of the program, see above")
                await asyncio.sleep(RETRY)
                continue
            async with self._progress:
                self._read_to = position
                self._progress.notify_all()

    async def _take(self, versions: Sequence[Version]) -> None:
        if not versions:
            return
        applied, refused = await asyncio.to_thread(newest, versions)
        if applied is not None:
            self._took("topic")
            self._share(applied)
        for error in reversed(refused):
            self._refused("topic", error)

    def _share(self, applied: Applied) -> None:
        version, document, file = applied
        by = f"{printable(document.by)} at {printable(document.at)}"
        if file is None:
            log.warning("%s, by %s: withdrawn, the worker's own policies hold again", version.name, by)
            self._shared = None
        else:
            log.warning("%s, by %s, takes effect", version.name, by)
            self._shared = InForce("topic", str(version.number), file.policies)
            if document.fingerprint not in (None, file.policies.fingerprint):
                log.warning(
                    "%s means something else here than where it was applied (fingerprint %s, there %s): the packages "
                    "with the public holidays differ between the two, or the programs do",
                    version.name, file.policies.fingerprint, document.fingerprint,
                )  # fmt: skip
        self._enforce()

    # Both

    def _enforce(self) -> None:
        before, self._in_force = self._in_force, self._shared or self._own
        self._export()
        if self._in_force.policies.fingerprint != before.policies.fingerprint:
            log.warning("the policies changed, tickets are judged anew by %s", self._described())
            self._rules.policies = self._in_force.policies

    def _described(self) -> str:
        source, version, policies = self._in_force
        shared = f"{self.topic.name} version {version}"
        where = {"defaults": "the shipped ones", "file": str(self._path), "topic": shared}[source]
        return f"{where} (fingerprint {policies.fingerprint})"

    def _took(self, source: Source) -> None:
        self._meters.policies_right.labels(source).set(1)
        self._meters.policies_right_at.labels(source).set(self._clock() / SECOND)
        since = self._refused_since.pop(source, None)
        if since is not None:
            said = "changed policies are right again, and taken over"
            self._tell(operations("config", said, since, self._clock(), over=True, about=source))

    def _refused(self, source: Source, error: object) -> None:
        self._meters.policies_right.labels(source).set(0)
        self._meters.policy_errors.inc()
        log.error("changed policies are refused; those loaded before stay in force, %s:\n%s", self._described(), error)
        now = self._clock()
        if source not in self._refused_since:
            self._refused_since[source] = now
            first = error.problems[0] if isinstance(error, ConfigError) else error
            said = f"changed policies are refused, those loaded before stay in force: {printable(str(first))}"
            self._tell(operations("config", said, now, now, about=source))

    def _export(self) -> None:
        source, version, policies = self._in_force
        self._meters.policies.clear()
        self._meters.policies.labels(source, version, policies.fingerprint).set(1)


def _stamp(path: Path | None) -> tuple[int, int] | None:
    with contextlib.suppress(OSError):
        if path is not None:
            stat = path.stat()
            return (stat.st_mtime_ns, stat.st_size)
    return None
