"""The board in a real Chromium: what is to be read, heard and pressed on it, in both languages and on each screen."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

from hand_written import MINUTE, SECOND, agent, board, hour, queue, staff, ticket, traffic, window
from msgspec.structs import replace
from senders import ATTACKS
from waiting import eventually
from wall import Wall, wall, wall_clock
from watching import SUPERVISOR, TOKENS, VIEWER

from agents.board.words import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from chromium import Chromium, Page

    from agents.board.record import Read

LIVE = "document.body.dataset.state === 'live'"
HOSTILE = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\"><svg/onload=alert(1)>", "'-alert(1)-'",
    "javascript:alert(1)", "${alert(1)}", "{{constructor.constructor('alert(1)')()}}", "</td></table><h1>x</h1>",
    "<style>*{display:none}</style>", "<a href=//evil.example>x</a>", "<!--", "&lt;b&gt;&amp;", "<iframe srcdoc='x'>",
    "__proto__", "\u202egnp.exe", "<base href=//evil.example>", "<form action=//evil.example><button>x",
    "{count}", *[text for text in ATTACKS if len(text) < 300],
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
]  # fmt: skip

MAIL = {"arrivals": 6, "handled": 6 * 60 * MINUTE, "timed": 6, "due": {"60m": 3}}  # an hour each


def usual(now: int) -> list[Read]:
    """Two partitions of a small centre."""
    late = [
        ticket("T-1", now - 90 * SECOND, overdue=True, team="billing"),
        ticket("T-2", now - 30 * SECOND, overdue=True),
    ]
    return [
        board(
            now, overdue=late, due=[ticket("T-3", now + 5 * MINUTE + SECOND // 2, target="resolution")],
            queue=[queue("billing", open=12, unanswered=4, overdue=2, at_risk={"5m": 1, "15m": 3, "60m": 7})],
            windows=[window(81, 90), window(9, 10, name="24h"), window(19, 20, measure="resolution")],
            staff=[staff("billing", "online", 2)], agents=[agent("a17", now)],
            traffic=[traffic("billing", "email", None, **MAIL)],
            hour=hour(now, arrivals={0: 3, 7: 2}, replies={1: 1}, judged={0: 4}, met={0: 3}),
        ),
        board(now, queue=[queue("tech", open=1)], windows=[window(8, 9)], worker="w2/1"),
    ]  # fmt: skip


@contextlib.asynccontextmanager
async def seen(
    chromium: Chromium, found: Wall, query: str = "", token: str = SUPERVISOR, **view: Any
) -> AsyncIterator[Page]:
    """The page, signed in."""
    async with chromium.page(**view) as page:
        await page.open(f"{found.url}{query}")
        await page.run("document.querySelector('[name=token]').focus()")
        await page.type(token)
        await page.press("Enter")
        await page.until(LIVE)
        yield page


async def test_the_figures_are_those_of_the_boards_in_both_languages(
    chromium: Chromium, redis_url: str, unique: str
) -> None:
    async with wall(redis_url, unique, usual, board_tokens=TOKENS, partitions="2") as found:
        for lang, words in LANGUAGES.items():
            async with seen(chromium, found, f"?lang={lang}") as page:
                assert await page.run("document.documentElement.lang") == lang
                assert await page.text("h1") == words["title"]
                assert await page.text("#state") == f"{words['state_live']} " + words["live_note"].format(
                    live=2, partitions=2, workers=2
                )
                assert await page.text("#compliance .value") == "89.8 %"  # 89 of 99: rounded it would be 89.9
                assert await page.run("document.querySelector('#compliance').dataset.mood") == "bad"
                assert await page.text("#compliance .note") == words["compliance_note"].format(
                    met=89, judged=99, goal="90 %"
                )
                figures = [await page.text(f"#{name} .value") for name in ("overdue", "at_risk", "unanswered")]
                assert figures == ["2", "3", "4"]
                response, billing, tech = words["first_response"], "billing", "tech"
                late = await page.table("#late")
                assert [[row[0], *row[2:7]] for row in late] == [
                    [name, response, billing, "normal", "email", "a17"] for name in ("T-2", "T-1")
                ]
                teams = await page.table("#teams")
                assert teams == [
                    [billing, "12", "4", "3", "2", "–", "2", "3", "+1"], [tech, "1", "0", "0", "0", "–", "–", "–", "–"],
                ]  # fmt: skip
                assert (await page.table("#targets"))[1] == [words["resolution"], "95.0 % (19/20)", "–"]
                told = words["curve_told"].format(arrivals=3, replies=1, met=3, judged=4)
                assert await page.text("#hour-told") == told
                assert "{" not in await page.run("document.body.innerText")
                assert page.told == [
                    "Failed to load resource: the server responded with a status of 401 (Unauthorized)"
                ]
                assert {re.split(r"[/?]", one)[2] for one in page.asked} == {found.url.split("/")[2]}


async def test_countdowns_run_by_themselves_and_turn_when_they_are_over(
    chromium: Chromium, redis_url: str, unique: str
) -> None:
    def counting(now: int) -> list[Read]:
        return [board(now, due=[ticket("T-1", due[0])])]

    due = [wall_clock() + MINUTE]
    async with (
        wall(redis_url, unique, counting, board_tokens=TOKENS, partitions="1") as found,
        seen(chromium, found) as page,
    ):
        counted = "document.querySelector('#soon time').textContent"
        assert re.fullmatch(r"(1:00|0:[0-5]\d)", await page.run(counted))
        due[0] = wall_clock() + 3 * SECOND
        await page.until(f"/^0:0[0-3]$/.test({counted})")
        await page.until(f"{counted} === '−0:01'")
        assert await page.run("document.querySelector('#soon time').classList.contains('late')")


async def test_a_worker_that_falls_silent_and_a_board_that_is_gone_are_told_within_15_seconds(
    chromium: Chromium, redis_url: str, unique: str
) -> None:
    async with (
        wall(redis_url, unique, usual, board_tokens=TOKENS, partitions="2") as found,
        seen(chromium, found) as page,
    ):
        silent = wall_clock()
        found.boards = lambda now: [usual(now)[0] if now < silent + 3 * SECOND else None, None]
        await page.until("document.body.dataset.state === 'partly'", timeout=15)
        assert "the worker of partitions 1 has fallen silent, since " in await page.text("#state")
        assert "Partly blind" in await page.run("document.querySelector('[role=status]').textContent")
        await page.until("document.body.dataset.state === 'blind'", timeout=15)
        found.boards = usual
        await page.until(LIVE)


async def test_a_board_that_was_started_again_is_found_again(chromium: Chromium, redis_url: str, unique: str) -> None:
    async with chromium.page() as page:
        async with wall(redis_url, unique, usual, partitions="2") as first:
            await page.open(first.url)
            await page.until(LIVE)
        await page.until("document.body.dataset.state === 'lost'", timeout=15)
        port = first.url.split(":")[2].strip("/")
        async with wall(redis_url, unique, usual, partitions="2", board_listen=f"127.0.0.1:{port}"):
            await page.until(LIVE, timeout=20)


async def test_nothing_that_comes_in_acts(chromium: Chromium, redis_url: str, unique: str) -> None:
    """As a ticket's id, a team, a priority, a channel, an agent, whoever took it, a worker, a trouble."""

    def hostile(now: int) -> list[Read]:
        late = [
            ticket(f"{text}{n}", now - n * SECOND - SECOND, overdue=True, team=text, priority=text, channel=text,
                   agent_id=text, target=text, alert_id=text, taken_by=text if n % 2 else None,
                   taken_at="2026-03-02T08:00:00Z" if n % 2 else None)
            for n, text in enumerate(HOSTILE)
        ]  # fmt: skip
        due = [replace(row, overdue=False) for row in late[40:]]
        return [
            board(now, overdue=late[39::-1], due=due, queue=[queue(text, open=1) for text in HOSTILE],
                  agents=[agent(text, now, text, text) for text in HOSTILE], worker=HOSTILE[0],
                  problems={text: text for text in HOSTILE}, staff=[staff(text, text, 1) for text in HOSTILE])
        ]  # fmt: skip

    async with (
        wall(redis_url, unique, hostile, board_tokens=TOKENS, partitions="1", kafka="127.0.0.1:1") as found,
        chromium.page() as page,
    ):
        await page.open(f"{found.url}?lang=en")
        await page.run("document.querySelector('[name=token]').focus()")
        await page.type(SUPERVISOR)
        await page.press("Enter")
        await page.until("document.querySelectorAll('#late tbody tr').length")
        await page.run("document.querySelector('#agents-show').click()")
        await page.until("document.querySelectorAll('#agents tbody tr').length")
        ids = "#late tbody th, #soon tbody th"
        names = await page.run(f"[...document.querySelectorAll('{ids}')].map(node => node.textContent)")
        assert sorted(names) == sorted(f"{text}{n}" for n, text in enumerate(HOSTILE))
        teams = await page.run("[...document.querySelectorAll('#teams tbody th')].map(node => node.textContent)")
        assert teams == sorted(HOSTILE)
        strange = "script:not([src]),img,iframe,style,base,math,td *:not(time):not(button),th *,h1 *,[onerror],[onload]"
        assert await page.run(f"document.querySelectorAll({strange!r}).length") == 0
        assert await page.run("document.querySelectorAll('form,a[href]').length") == 7  # ours
        await page.run("document.querySelector('#late button').click()")
        assert HOSTILE[0] in await page.text("#taking-title")
        assert [one for one in page.told if "401" not in one] == []
        assert {re.split(r"[/?]", one)[2] for one in page.asked} == {found.url.split("/")[2]}


async def test_inline_script_and_other_places_are_refused_by_the_browser_itself(
    chromium: Chromium, redis_url: str, unique: str
) -> None:
    async with wall(redis_url, unique, usual, partitions="2") as found, chromium.page() as page:
        await page.open(found.url)
        await page.until(LIVE)
        for script in (
            "document.body.appendChild(Object.assign(document.createElement('img'), {src: 'http://127.0.0.1:9/x.png'}))",
            "fetch('http://127.0.0.1:9/').catch(() => 0)",
        ):
            page.told.clear()
            await page.run(f"void ({script})")
            await eventually(lambda: any("Content Security Policy" in one for one in page.told), what=script)
        for script in (
            "document.body.innerHTML = '<b>'",
            "document.body.setAttribute('onclick', 'alert(1)')",
            "eval('1')",
            "new Function('1')",
        ):
            refused = await page.run(f"(() => {{ try {{ {script}; }} catch (error) {{ return error.name; }} }})()")
            assert refused in ("TypeError", "EvalError"), script


async def test_by_keyboard_alone_one_gets_everywhere_and_acknowledges(
    chromium: Chromium, redis_url: str, unique: str
) -> None:
    focused = "document.activeElement.id || document.activeElement.textContent.trim()"
    async with (
        wall(redis_url, unique, usual, board_tokens=TOKENS, partitions="2", kafka="127.0.0.1:1") as found,
        seen(chromium, found, "?lang=en") as page,
    ):
        stops = []
        for _ in range(9):
            await page.press("Tab")
            stops.append(await page.run(focused))
            outline = await page.run("getComputedStyle(document.activeElement).outlineStyle")
            assert outline == "solid", stops[-1]
        assert stops == ["Skip to the figures", "Acknowledge", "Acknowledge", "agents-show", "中文", "Dark", "Light",
                         "Television", "Sign out"]  # fmt: skip
        await page.run("document.querySelector('.skip').focus()")
        await page.press("Enter")
        assert await page.run(focused) == "main"
        await page.press("Tab")
        label = "document.activeElement.getAttribute('aria-label')"
        assert await page.run(label) == "Acknowledge T-2"
        await page.press("Enter")
        assert await page.run("document.querySelector('#taking').open") is True
        await page.press("Escape")
        assert await page.run("document.querySelector('#taking').open") is False
        await page.until(f"{label} === 'Acknowledge T-2'")  # focus is where it was, though pictures came meanwhile
        await page.press("Enter")
        await page.press("Tab")
        assert await page.run(focused) == "taking-yes"
        await page.press("Enter")
        told = await page.until("document.querySelector('#news:not(.unseen)')?.textContent", timeout=15)
        assert told == "NOT acknowledged: Kafka does not answer: nothing is acknowledged yet, try again"


async def test_a_screen_reader_finds_landmarks_names_and_tables_and_is_left_in_peace(
    chromium: Chromium, redis_url: str, unique: str
) -> None:
    async with wall(redis_url, unique, usual, board_tokens=TOKENS, partitions="2", kafka="127.0.0.1:1") as found:
        for width in (1280, 390):
            async with seen(chromium, found, "?lang=en", width=width) as page:
                tree = await page.tree()
                roles = [role for role, _ in tree]
                assert {"banner", "main", "contentinfo", "navigation"} <= set(roles)
                regions = ["Now", "Overdue tickets", "Due next", "Queue and staffing by team", "The last hour",
                           "Promises kept", "Agents"]  # fmt: skip
                assert [name for role, name in tree if role == "region"] == regions
                assert roles.count("table") >= 4
                assert ("button", "Acknowledge T-2") in tree
                assert [name for role, name in tree if role in ("button", "link", "textbox") and not name] == []
                live = "document.querySelectorAll('[aria-live],[role=status],[role=alert],[role=log]').length"
                assert await page.run(live) == 1
                if width > 1000:
                    assert await page.run(HEARD) == 0  # figures change each second; nobody is told of it


HEARD = """
new Promise((done) => {
  let changes = 0;
  new MutationObserver(() => changes++).observe(document.getElementById("news"),
    { childList: true, characterData: true, subtree: true });
  setTimeout(() => done(changes), 2500);
})
"""

INSIDE = """
[...document.querySelectorAll("#figures, #late, #soon, #teams, #hour")].every((node) => {
  const place = node.getBoundingClientRect();
  return place.height > 80 && place.bottom <= innerHeight && place.right <= innerWidth;
})
"""

CONTRAST = """
(() => {
  const linear = (v) => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = (css) => {
    const [r, g, b] = css.match(/[\\d.]+/g).map(Number).map(linear);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const ground = (node) => {
    const css = getComputedStyle(node).backgroundColor;
    return /, 0\\)$/.test(css) ? ground(node.parentElement) : css;
  };
  const poor = [];
  for (const node of document.querySelectorAll("body *")) {
    const text = [...node.childNodes].some((one) => one.nodeType === 3 && one.data.trim());
    if (!text || !node.checkVisibility()) continue;
    const [a, b] = [light(getComputedStyle(node).color), light(ground(node))].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05);
    if (ratio < 4.5) poor.push(`${ratio} ${node.outerHTML.slice(0, 80)}`);
  }
  return poor;
})()
"""


async def test_all_text_stands_out_in_each_theme(chromium: Chromium, redis_url: str, unique: str) -> None:
    """4.5 to 1, by the formula of WCAG 2.2 (relative luminance), live and blind."""
    async with (
        wall(redis_url, unique, usual, board_tokens=TOKENS, partitions="2", kafka="127.0.0.1:1") as found,
        seen(chromium, found) as page,
    ):
        for theme, scheme in (("dark", "light"), ("light", "dark"), ("auto", "dark"), ("auto", "light")):
            await page.scheme(scheme)
            await page.open(f"{found.url}?theme={theme}")
            await page.until(LIVE)
            ground = await page.run("getComputedStyle(document.body).backgroundColor")
            assert (ground == "rgb(13, 20, 28)") == ("dark" in (theme, scheme if theme == "auto" else ""))
            for state in ("live", "partly", "blind", "lost"):
                assert await page.run(f"document.body.dataset.state = {state!r}; {CONTRAST}") == [], (theme, state)


async def test_nothing_is_wider_than_the_screen_and_a_television_need_not_be_scrolled(
    chromium: Chromium, redis_url: str, unique: str
) -> None:
    async with (
        wall(redis_url, unique, usual, board_tokens=TOKENS, partitions="2") as found,
        seen(chromium, found, token=VIEWER) as page,
    ):
        for width, height, query in (
            (390, 844, ""), (320, 640, "?lang=zh"), (800, 600, ""), (1920, 1080, "?layout=tv"),
            (1280, 720, "?layout=tv&lang=zh"),
        ):  # fmt: skip
            await page.size(width, height)
            await page.open(f"{found.url}{query}")
            await page.until(LIVE)
            assert await page.run("document.documentElement.scrollWidth") <= width
            assert "a17" not in await page.run("document.body.innerText")  # a viewer sees no names
            if "tv" in query:
                assert await page.run("document.documentElement.scrollHeight") <= height
                assert await page.run(INSIDE)
                size = await page.run("parseFloat(getComputedStyle(document.querySelector('.value')).fontSize)")
                assert size >= height / 18


CUT = """
[...document.querySelectorAll("#late, #soon, #teams")].flatMap((section) => {
  const end = section.getBoundingClientRect().bottom;
  return [...section.querySelectorAll("tbody tr")].filter((row) => row.getBoundingClientRect().bottom > end);
}).length
"""

SPARE = """
(() => {
  const place = (what) => document.querySelector(what).getBoundingClientRect();
  const last = place("#late tbody tr:last-child");
  return (place("#late").bottom - last.bottom) / last.height;
})()
"""


def crowd(now: int) -> list[Read]:
    """More of everything than a screen has room for: two hundred overdue tickets, twenty-six teams."""
    late = [ticket(f"L-{n:03}", now - (200 - n) * MINUTE, overdue=True, taken_by="a3" if n % 3 else None,
                   taken_at="2026-03-02T08:00:00Z" if n % 3 else None) for n in range(200)]  # fmt: skip
    due = [ticket(f"D-{n:02}", now + n * MINUTE + SECOND // 2) for n in range(1, 41)]
    teams = [queue(f"team {n:02}", open=n, overdue=9 if n in (7, 25) else 0) for n in range(26)]
    return [board(now, overdue=late[:20] + late[-20:], all_overdue=200, due=due[:20], queue=teams), board(now)]


async def test_a_television_shows_whole_rows_alone_and_says_how_many_it_leaves_out(
    chromium: Chromium, redis_url: str, unique: str
) -> None:
    async with (
        wall(redis_url, unique, crowd, board_tokens=TOKENS, partitions="2", kafka="127.0.0.1:1") as found,
        seen(chromium, found, "?lang=en") as page,
    ):
        late = await page.table("#late")
        assert (len(late), late[20]) == (41, ["160 more in between"])
        for width, height, query in (
            (1920, 1080, "?layout=tv&lang=en"), (1280, 720, "?layout=tv&lang=en&theme=light"),
            (3840, 2160, "?layout=tv&lang=en"), (1000, 560, "?layout=tv&lang=en"),
        ):  # fmt: skip
            await page.size(width, height)
            await page.open(f"{found.url}{query}")
            await page.until(LIVE)
            await page.until("document.querySelectorAll('#late tbody tr').length < 41")
            await page.until(f"{CUT} === 0")
            late, soon, teams = [await page.table(f"#{name}") for name in ("late", "soon", "teams")]
            assert (late[0][0], late[-1][0]) == ("L-199", "L-000"), width
            (told,) = [row[0] for row in late if len(row) == 1]
            assert told == f"{200 - (len(late) - 1)} more in between"
            assert [row[0] for row in soon[:-1]] == [f"D-{n:02}" for n in range(1, len(soon))]
            assert soon[-1] == [f"{20 - (len(soon) - 1)} more"]
            named = [row[0] for row in teams[:-1]]
            assert named == sorted(named)
            assert {"team 07", "team 25"} <= set(named)
            assert teams[-1] == [f"{26 - len(named)} more"]
            assert await page.run(SPARE) < 2, width


async def test_what_nobody_sees_is_neither_zero_nor_green(chromium: Chromium, redis_url: str, unique: str) -> None:
    colours = "[...document.querySelectorAll('.value')].map((node) => getComputedStyle(node).color)"
    green = "rgb(16, 102, 58)"

    @contextlib.asynccontextmanager
    async def shown(state: str, *numbers: int) -> AsyncIterator[Page]:
        """Two quiet partitions, of which these are told of."""

        def calm(now: int) -> list[Read | None]:
            return [board(now, windows=[window(10, 10)]) if number in numbers else None for number in range(2)]

        async with wall(redis_url, f"{unique}-{state}", calm, partitions="2") as found, chromium.page() as page:
            await page.open(f"{found.url}?lang=en&theme=light")
            await page.until(f"document.body.dataset.state === {state!r}")
            yield page

    async with shown("live", 0, 1) as page:
        assert (await page.run(colours)).count(green) == 3
        assert await page.text("#late .none") == "Nothing is overdue."
    async with shown("partly", 0) as page:
        assert green not in await page.run(colours)
        assert await page.text("#overdue .value") == "0"
        assert await page.text("#late .none") == "None is seen, but not all is seen."
    async with shown("blind") as page:
        assert await page.run("[...document.querySelectorAll('.value')].map((node) => node.textContent)") == ["–"] * 5
        assert (
            await page.run("document.querySelector('#hour-told').checkVisibility({visibilityProperty: true})") is False
        )
        notes = await page.run("[...document.querySelectorAll('.note')].map((node) => node.textContent)")
        assert notes == [*[""] * 4, LANGUAGES["en"]["oldest_note"]]
