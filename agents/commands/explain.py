"""`slawatch explain`: every clock of a ticket, from a running worker or from a file of events."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import aiohttp
import click
import msgspec
from rich.console import Console

from agents.commands.parameters import INSTANT
from agents.events_io import open_events
from agents.explanation import pictured
from agents.progress import progress
from config.policies import load_policies
from config.settings import load_settings, near
from streams.events import BadEvent, Reader, TicketEvent
from streams.explain import Explanation, explain
from streams.ticket import Ticket

if TYPE_CHECKING:
    from collections.abc import Sequence

_PATIENCE = 5.0  # seconds for a worker to answer
_STEP = 5_000
_decode = msgspec.json.Decoder(Explanation).decode


class _Silent(click.ClickException):
    """A worker did not answer; it may when asked again."""

    exit_code = 70


@click.command(name="explain")
@click.argument("ticket")
@click.option(
    "--events",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="Explain from this file of events (JSON Lines, plain or gzip; - for standard input), not from a worker.",
)
@click.option(
    "--policies",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With --events: the promises.",
)
@click.option("--as-of", help="With --events: as of the file's last event (last, the default) or of an instant.")
@click.option(
    "--worker",
    "workers",
    multiple=True,
    metavar="URL",
    help="Where a worker serves /metrics; may be given several times. Default: SLAWATCH_METRICS_LISTEN.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    ticket: str,
    events: str | None,
    policies: Path | None,
    as_of: str | None,
    workers: tuple[str, ...],
    *,
    as_json: bool,
) -> None:
    """Every clock of TICKET: the policy that holds, each pause, the deadline and why.

    Asks running workers, of which one holds the ticket's partition; or reads a file with --events.
    """
    if events is not None:
        if policies is None or workers:
            raise click.UsageError("--events needs --policies FILE, and no --worker")
        explained = _from_file(ticket, events, policies, as_of)
    else:
        if policies is not None or as_of is not None:
            raise click.UsageError("--policies and --as-of go with --events: a worker explains by its own, as of now")
        explained = asyncio.run(_from_workers(ticket, [_url(given) for given in workers] or [_own_worker()]))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(explained)))
        return
    console = Console(highlight=False)
    for part in pictured(explained):
        console.print(part)


def _from_file(ticket_id: str, events: str, policies_file: Path, as_of: str | None) -> Explanation:
    """Judge the ticket's events alone; without an instant, as of the last event of any ticket."""
    limit = None if as_of in (None, "last") else INSTANT.convert(as_of, None, None)
    policies = load_policies(policies_file)
    ticket = Ticket(policies.fingerprint)
    last = None
    with open_events(events) as file, progress("reading", file.size) as come_to:
        read = Reader().read
        for number, line in file:
            if not number % _STEP:
                come_to(file.position)
            try:
                event = read(line)
            except BadEvent as error:
                if ticket_id.encode() in line:
                    click.echo(f"{file.name}:{number}: {error}", err=True)
                continue
            if not isinstance(event, TicketEvent) or (limit is not None and event.at > limit):
                continue
            last = event.at if last is None else max(last, event.at)
            if event.ticket_id == ticket_id:
                ticket.apply(event.fact(), policies)
    if last is None or not ticket.count:
        raise click.ClickException(f"{events}: holds no event of ticket {ticket_id!r} up to then")
    return explain(ticket_id, ticket, policies, last if limit is None else limit)


async def _from_workers(ticket_id: str, workers: Sequence[str]) -> Explanation:
    """The answer of the worker that holds the ticket; raises ClickException where none does."""
    timeout = aiohttp.ClientTimeout(total=_PATIENCE)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        answers = await asyncio.gather(*(_ask(session, worker, ticket_id) for worker in workers))
    for answer in answers:
        if isinstance(answer, Explanation):
            return answer
    silent = [f"{worker}: {answer}" for worker, answer in zip(workers, answers, strict=True) if answer is not None]
    if silent:
        remedy = "name running workers with --worker URL, or explain from a file with --events FILE --policies FILE"
        raise _Silent("\n".join([f"ticket {ticket_id!r} was not found:", *silent, remedy]))
    raise click.ClickException(
        f"ticket {ticket_id!r} is in no partition of {', '.join(workers)}: it is another worker's (--worker URL, once "
        "for each), unknown, or forgotten"
    )


async def _ask(session: aiohttp.ClientSession, worker: str, ticket_id: str) -> Explanation | str | None:
    """A worker's explanation; None: it does not hold the ticket; a text: why there is no answer."""
    try:
        async with session.get(f"{worker}/tickets/{quote(ticket_id, safe='')}") as response:
            body = await response.read()
            if response.status == 404 and b'"error"' in body:
                return None
            return _decode(body) if response.status == 200 else f"answers {response.status}, it is no worker"
    except msgspec.DecodeError:
        return "answers something else, it is no worker of this version"
    except TimeoutError:
        return f"did not answer within {_PATIENCE:g} s"
    except aiohttp.ClientConnectorError as error:
        return f"no worker answers: {error.strerror}"
    except aiohttp.ClientError as error:
        return f"no worker answers ({error})"


def _url(given: str) -> str:
    """A worker's address with its scheme; raises UsageError."""
    url = given if "://" in given else f"http://{given}"
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise click.UsageError(f"--worker {given!r} is no http://HOST:PORT")
    return url.rstrip("/")


def _own_worker() -> str:
    return near(load_settings().metrics_listen)
