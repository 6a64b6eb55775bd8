"""`slawatch plan`: the agents that a peak needs by half-hour, and what becomes of the promises with those there are."""

from __future__ import annotations

import asyncio
import importlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo

import click
from rich.console import Console

from agents.planning.asked import BEGIN, DAY, FACTOR, MOST_DAYS, NAMED_DURATION, SHARE, ZONE, Peak, days_of
from agents.planning.past import from_file
from agents.planning.show import duration, half_hours, printed, summary, write_csv
from agents.planning.sources import Foreseen, Remembered
from agents.progress import progress
from config.errors import ConfigError, Problem, suggestion
from config.policies import PolicyFile, default_policy_file, read_policy_file
from config.roster import Forecast, read_roster
from config.settings import load_settings
from config.staffing import staffing_of
from streams.calendar import ALWAYS
from streams.instants import to_datetime
from streams.planning.demand import NoHandling, Said, of_team, teams
from streams.planning.history import NoHistory
from streams.planning.needs import Terms, unhurried
from streams.planning.plan import plan_team
from streams.planning.roster import rostered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from agents.planning.sources import Source
    from streams.planning.demand import Stream
    from streams.planning.slots import Slots
    from streams.policies import Policies

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_CHARTS = (".svg", ".png")


@click.command(name="plan")
@click.option(
    "--history",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="The past: JSON Lines of events or of ticket-ledger, plain or gzip. Default: the topics on SLAWATCH_KAFKA.",
)
@click.option("--forecast", type=_FILE, help="Instead of a past: CSV of from, to, team, channel, contacts.")
@click.option("--roster", type=_FILE, help="Who is on duty: CSV of team, from, to, agents.")
@click.option("--policies", type=_FILE, help="The promises. Default: SLAWATCH_POLICIES, else the shipped ones.")
@click.option("--from", "begin", type=BEGIN, help="The first day (2026-11-11), or an instant. Default: the forecast's.")
@click.option("--days", type=click.IntRange(1, MOST_DAYS), help="How many. Default: the forecast's, else 1.")
@click.option(
    "--zone", type=ZONE, help="Of days, hours and times without an offset. Default: the policies' calendars'."
)
@click.option("--factor", "factors", type=FACTOR, multiple=True, help="Times as many contacts: 4, or billing=2.")
@click.option("--peak", "peaks", type=DAY, multiple=True, help="A day on which the factor holds. Default: all days.")
@click.option("--weeks", type=click.IntRange(1), default=8, show_default=True, help="How far back the past counts.")
@click.option(
    "--handle",
    "handles",
    type=NAMED_DURATION,
    multiple=True,
    help="A contact's handling time, whatever the past says: chat=8m.",
)
@click.option("--patience", "patiences", type=NAMED_DURATION, multiple=True, help="Until customers hang up: phone=2m.")
@click.option("--staffing", type=_FILE, help="Goals, live channels, handling times. Default: SLAWATCH_STAFFING.")
@click.option("--goal", type=SHARE, help="Of live contacts, answered in time. Default: the staffing file's, else 90%.")
@click.option(
    "--occupancy", type=SHARE, default="85%", show_default=True, help="Of an agent's time, at most in hand as planned."
)
@click.option(
    "--shrinkage",
    type=SHARE,
    default="30%",
    show_default=True,
    help="Of rostered time away: breaks, illness, meetings.",
)
@click.option("--team", "only", multiple=True, help="Plan this team alone; may be given several times.")
@click.option("--runs", type=click.IntRange(1, 1000), default=10, show_default=True, help="Simulations.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same plan.")
@click.option("--csv", "csv_out", type=click.Path(dir_okay=False, path_type=Path), help="Write every figure as CSV.")
@click.option(
    "--chart",
    "charts",
    type=click.Path(dir_okay=False, path_type=Path),
    multiple=True,
    help="Draw it, to a file in .svg or .png. Needs matplotlib: pip install 'slawatch[plan]'.",
)
def command(**given: Any) -> None:
    """Agents needed per half-hour and team, promises kept with those at hand, and what is left waiting.

    Arrivals are those of the past by hour of the week, or a forecast's, times a factor. Live channels (chat, phone) are
    staffed by Erlang C for the promise's limit, by Erlang A where customers are known to hang up; other work is spread
    up to its deadline. Then each team's desk is simulated with the real policies and calendars. At hand is the roster;
    else those who were online or busy in that hour of the week; else as many as are needed. See docs/planning.md.
    """
    if given["history"] is not None and given["forecast"] is not None:
        raise click.UsageError("--history and --forecast exclude each other: say one")
    draw = _drawing(given["charts"])  # told before anything is reckoned
    file = _policy_file(given["policies"])
    zone = given["zone"] or _zone_of(file)
    said = Said(
        staffing_of(given["staffing"] or load_settings().staffing), dict(given["handles"]), dict(given["patiences"])
    )
    terms = _terms(given, said)
    source = _source(given, file.policies, said, zone)
    slots = _slots(given, source, zone)
    demand = _demand(given, source, said, slots, zone)
    chosen = _chosen(given["only"], demand)
    staffing, at_work = _staffing(given["roster"], source, chosen, slots, zone, terms)
    plans = []
    with progress("simulating", len(chosen)) as come_to:
        for number, team in enumerate(chosen):
            asked = of_team(demand, team)
            staff = staffing(team)
            plans.append(plan_team(team, asked, file.policies, slots, terms, staff, given["runs"], given["seed"]))
            come_to(number + 1)
    console = Console(highlight=False)
    printed(console, plans, lambda some: half_hours(some, zone))
    printed(console, plans, lambda some: summary(some, terms, zone))
    notes = [*source.notes(said), *_spread_said(demand, file.policies, slots), at_work]
    for line in (*notes, *_terms_said(given, terms, zone)):
        console.print(line, markup=False, soft_wrap=True)
    if given["csv_out"] is not None:
        with _writing(given["csv_out"]):
            write_csv(given["csv_out"], plans, terms)
    for chart in given["charts"]:
        with _writing(chart):
            draw(chart, plans, zone, _title(given, slots, zone))


def _drawing(charts: Sequence[Path]) -> Callable[..., None]:
    """What draws; raises UsageError where it cannot."""
    for chart in charts:
        if chart.suffix not in _CHARTS:
            raise click.UsageError(f"--chart {chart}: name a file that ends in .svg or .png")
    if charts:
        try:
            return cast("Callable[..., None]", importlib.import_module("agents.planning.chart").draw)
        except ModuleNotFoundError as error:
            remedy = "pip install 'slawatch[plan]'"
            raise click.UsageError(f"--chart needs {error.name}, which is not installed ({remedy})") from None
    return lambda *_: None


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise click.FileError(str(path), error.strerror or str(error)) from error


def _policy_file(path: Path | None) -> PolicyFile:
    path = path or load_settings().policies
    return default_policy_file() if path is None else read_policy_file(path)


def _zone_of(file: PolicyFile) -> ZoneInfo:
    """That of the policies' own calendars, where all have the same; else UTC."""
    zones = {hours.calendar.zone for hours in file.calendars.values() if hours.calendar is not ALWAYS}
    return ZoneInfo(zones.pop() if len(zones) == 1 else "UTC")


def _terms(given: Mapping[str, Any], said: Said) -> Terms:
    goal = said.staffing.goals["first_response"] if given["goal"] is None else given["goal"]
    if not goal or not given["occupancy"]:
        raise click.UsageError("--goal and --occupancy are more than 0")
    return Terms(goal, given["occupancy"], given["shrinkage"])


def _source(given: Mapping[str, Any], policies: Policies, said: Said, zone: ZoneInfo) -> Source:
    """Where the demand comes from."""
    if given["forecast"] is not None:
        return Foreseen(Forecast(given["forecast"], zone), str(given["forecast"]))
    live = said.staffing.live
    if given["history"] is not None:
        name, past = given["history"], from_file(given["history"], policies, live, zone)
    else:
        settings = load_settings()
        if settings.kafka is None:
            raise click.UsageError("nothing to plan from: --history FILE, --forecast FILE, or set SLAWATCH_KAFKA")
        from agents.kafka import faults  # noqa: PLC0415 - Kafka's client takes most of a second
        from agents.planning.past_kafka import from_kafka  # noqa: PLC0415 - see above

        with faults(settings):
            name, past = "ticket-ledger", asyncio.run(from_kafka(settings, policies, live, zone))
    with _planned_by(name):
        return Remembered(past.history.profile(zone, given["weeks"]), past.presence, name)


@contextmanager
def _planned_by(name: str) -> Iterator[None]:
    try:
        yield
    except NoHistory as error:
        raise ConfigError([Problem(name, None, "", f"{error} (give more of the past, or --forecast FILE)")]) from None
    except NoHandling as error:
        remedy = f"say --handle {error.channel}=8m, or write it in the staffing file"
        raise ConfigError([Problem(name, None, "handle_seconds", f"{error} ({remedy})")]) from None


def _slots(given: Mapping[str, Any], source: Source, zone: ZoneInfo) -> Slots:
    begin = given["begin"] if given["begin"] is not None else source.since
    if begin is None:
        raise click.UsageError("which days? say --from 2026-11-11")
    return days_of(begin, given["days"], source.until, zone)


def _demand(given: Mapping[str, Any], source: Source, said: Said, slots: Slots, zone: ZoneInfo) -> list[Stream]:
    days = {to_datetime(start).astimezone(zone).date() for start in slots.starts}
    beside = [day for day in given["peaks"] if day not in days]
    if beside:
        raise click.UsageError(f"--peak {beside[0]} is none of the days planned: {min(days)} to {max(days)}")
    peak = Peak(dict(given["factors"]), given["peaks"], slots, zone)
    with _planned_by(source.name):
        demand = source.demand(slots, peak, said)
    for team in peak.factors:
        if team is not None and team not in teams(demand):
            raise click.UsageError(f"--factor: nothing comes to team {team!r}{suggestion(team, teams(demand))}")
    return demand


def _chosen(only: Sequence[str], demand: Sequence[Stream]) -> list[str]:
    known = teams(demand)
    for team in only:
        if team not in known:
            raise click.UsageError(f"--team: nothing comes to {team!r}{suggestion(team, known)}")
    if not known:
        raise click.UsageError("nothing comes in the days planned: are --from and --days those of the forecast?")
    return [team for team in known if not only or team in only]


def _staffing(
    roster: Path | None, source: Source, planned: Sequence[str], slots: Slots, zone: ZoneInfo, terms: Terms
) -> tuple[Callable[[str], Sequence[int] | None], str]:
    """Who is at work, by team, and where that is known from."""
    if roster is not None:
        duties = read_roster(roster, zone)
        if not any(duty.since < slots.end and duty.until > slots.start for duty in duties):
            raise ConfigError([Problem(str(roster), None, "", "has nobody on duty in the days planned (see --from)")])
        without = sorted(set(planned) - {duty.team for duty in duties})
        said = f"At work: those of {roster} but for the {terms.shrinkage:.0%} of their time that they are away."
        if without:
            said += f" Nobody of {', '.join(without)} is on it."
        return lambda team: [terms.at_work(agents) for agents in rostered(duties, team, slots)], said
    known = {team: source.staff(team, slots) for team in planned}
    if all(staff is None for staff in known.values()):
        return known.__getitem__, "At work: as many as needed, for nothing says how many there are (--roster FILE)."
    return known.__getitem__, "At work: as many as were online or busy in that hour of the week (or --roster FILE)."


def _spread_said(demand: Sequence[Stream], policies: Policies, slots: Slots) -> list[str]:
    found = unhurried(demand, policies, slots)
    told = ", ".join(f"{channel} of {team} ({duration(limit)})" for (team, channel), limit in sorted(found.items()))
    remedy = "Spread up to its deadline as mail is, for no promise of it is shorter than half an hour (--policies)"
    return [f"{remedy}: {told}."] if told else []


def _terms_said(given: Mapping[str, Any], terms: Terms, zone: ZoneInfo) -> list[str]:
    needed = (
        f"Needed: for {terms.goal:.0%} of live contacts answered in time, and agents busy {terms.occupancy:.0%} of "
        f"their time at most. On a roster: {terms.shrinkage:.0%} of the time is spent away."
    )
    runs = given["runs"]
    means = f"means of {runs} simulations, ± their 95 % confidence interval" if runs > 1 else "of one simulation"
    expected = f"Kept and waiting: {means} (--seed {given['seed']}). Times of {zone.key}."
    return [needed, expected]


def _title(given: Mapping[str, Any], slots: Slots, zone: ZoneInfo) -> str:
    factors = ", ".join(f"{team} x{factor:g}" if team else f"x{factor:g}" for team, factor in given["factors"])
    day = to_datetime(slots.start).astimezone(zone).date()
    return f"Agents needed and contacts waiting from {day:%a %Y-%m-%d}" + (f", contacts {factors}" if factors else "")
