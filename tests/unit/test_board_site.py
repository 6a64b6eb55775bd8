"""What the board serves, and to whom: roles, sessions, proxies, acknowledgements, headers, the stream, the document."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from hand_written import MINUTE, SECOND, agent, board, queue, ticket
from watching import ADMIN, SUPERVISOR, VIEWER, Watching, watching

from agents.board.access import COOKIE, VALID
from agents.board.site import HEADERS
from config.board_access import read_proxies, read_roles, read_tokens

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ACK = "/api/alerts/alert-T-1/acknowledge"
PROXIED: dict[str, Any] = {
    "tokens": "", "user": "X-Forwarded-User", "groups": "X-Groups", "proxies": "127.0.0.1",
    "roles": "supervisor=a17,@leads admin=a3",
}  # fmt: skip


@pytest.fixture
async def desk() -> AsyncIterator[Watching]:
    async with watching() as one:
        now = one.clock()
        late = [ticket("T-1", now - MINUTE, overdue=True), ticket("T-2", now - SECOND, overdue=True, taken_by="a3")]
        due = [ticket("T-3", now + MINUTE)]
        await one.put(
            board(now, overdue=late, due=due, queue=[queue(open=9, overdue=2)], agents=[agent("a17", now)]), board(now)
        )
        yield one


# Who sees what


PATHS = ["/api/board", "/api/stream", "/api/agents", "/api/looks", "/api/openapi.json"]
LEAST = {"/api/agents": 2, "/api/looks": 3}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("token", "role"), [(None, 0), ("x" * 32, 0), (VIEWER, 1), (SUPERVISOR, 2), (ADMIN, 3)])
async def test_each_role_is_let_in_to_what_is_its_own(desk: Watching, path: str, token: str | None, role: int) -> None:
    sent = {"Authorization": f"Bearer {token}"} if token else {}
    async with desk.client.get(path, headers=sent) as answer:
        assert answer.status == (401 if not role else 403 if role < LEAST.get(path, 1) else 200)
        assert (answer.headers.get("WWW-Authenticate") == "Bearer") == (not role)


async def test_only_supervisors_see_names(desk: Watching) -> None:
    _, seen = await desk.get("/api/board", VIEWER)
    assert [(row["agent_id"], row["taken_by"]) for row in seen["overdue"] + seen["due"]] == [(None, None)] * 3
    assert "a17" not in json.dumps(seen)
    _, seen = await desk.get("/api/board", SUPERVISOR)
    assert [row["agent_id"] for row in seen["overdue"]] == ["a17", "a17"]
    assert seen["overdue"][1]["taken_by"] == "a3"


async def test_each_look_at_agents_is_logged_with_who_looked(desk: Watching, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "slawatch.board")
    await desk.get("/api/agents", VIEWER)
    assert (desk.count("looks_total"), caplog.messages) == (0, [])
    for _ in range(2):
        _, said = await desk.get("/api/agents", SUPERVISOR)
    assert [(one["agent_id"], one["overdue"], one["due"]) for one in said["agents"]] == [("a17", 2, 1)]
    assert [line for line in caplog.messages if line.startswith("a17 looked")] == caplog.messages[-2:]
    _, said = await desk.get("/api/looks", ADMIN)
    assert [look["name"] for look in said["looks"]] == ["a17", "a17"]
    assert desk.count("looks_total") == 2


async def test_a_session_begins_with_a_token_and_ends_with_its_time_or_the_token(desk: Watching) -> None:
    page, text = await desk.get("/")
    assert (page.status, 'action="sign-in' in text) == (401, True)
    wrong, _ = await sign_in(desk, "x" * 32)
    assert (wrong.status, COOKIE in wrong.cookies) == (401, False)
    answer, _ = await sign_in(desk, SUPERVISOR)
    cookie = answer.cookies[COOKIE]
    assert answer.status == 303
    assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["secure"]) == (True, "Strict", "/", "")
    assert SUPERVISOR not in cookie.value
    sent = {"Cookie": f"{COOKIE}={cookie.value}"}
    page, text = await desk.get("/", **sent)
    assert (page.status, "a17" in text) == (200, True)
    for forged in (cookie.value[:-2], "x", "", "a.b.c", cookie.value.replace(".", ".9", 1), "é.1.1"):
        page, _ = await desk.get("/api/board", Cookie=f"{COOKIE}={forged}")
        assert page.status == 401, forged
    async with watching(f"supervisor:a17:{'z' * 32}") as other:
        page, _ = await other.get("/", **sent)
        assert page.status == 401
    desk.clock.now += VALID
    page, _ = await desk.get("/", **sent)
    assert page.status == 401


async def sign_in(desk: Watching, token: str, **headers: str) -> tuple[Any, str]:
    sent = {"Origin": str(desk.client.make_url("/")).rstrip("/")} | headers
    async with desk.client.post("/sign-in", data={"token": token}, headers=sent, allow_redirects=False) as answer:
        text = await answer.text()
        desk.client.session.cookie_jar.clear()
        return answer, text


async def test_a_sign_in_of_another_site_is_refused(desk: Watching) -> None:
    for sent in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        answer, _ = await sign_in(desk, SUPERVISOR, **sent)
        assert (answer.status, COOKIE in answer.cookies) == (403, False)


STRANGE = [
    ("GET", "/api/board", b"Authorization: Bearer \xff\xfe", b"", 401),
    ("GET", "/", b"Cookie: slawatch_board=\xff.1.\xff", b"", 401),
    ("GET", "/?lang=%ff&theme=%00", b"Accept-Language: \xff;q=x", b"", 401),
    ("POST", "/sign-in", b"Origin: http://[", b"token=x", 403),
    ("POST", "/sign-in", b"Origin: http://localhost:1", b"token=x", 403),
    ("POST", "/sign-in", b"Sec-Fetch-Site: same-origin", b"token=\xff%ff", 401),
    ("POST", "/sign-in", b"Sec-Fetch-Site: same-origin", b"", 401),
    ("POST", "/sign-in", b"Sec-Fetch-Site: same-origin\r\nContent-Type: multipart/form-data", b"x", 401),
    ("POST", "/sign-in", b"Sec-Fetch-Site: same-origin\r\nContent-Type: text/plain; charset=nope", b"token=x", 401),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "header", "body", "status"), STRANGE)
async def test_what_makes_no_sense_is_refused_and_is_no_fault_of_ours(
    desk: Watching, method: str, path: str, header: bytes, body: bytes, status: int
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", desk.client.port)
    about = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
    writer.write(about.encode() + header + b"\r\n\r\n" + body)
    line = await asyncio.wait_for(reader.readline(), 5)
    writer.close()
    assert int(line.split()[1]) == status


async def test_a_trusted_proxy_says_who_it_is_and_nobody_else_does() -> None:
    async with watching(**PROXIED) as desk:
        await desk.put(board(desk.clock()), board(desk.clock()))
        for sent, statuses in (
            ({}, (401, 401, 401)),
            ({"X-Forwarded-User": "somebody"}, (200, 403, 403)),
            ({"X-Forwarded-User": "somebody", "X-Groups": "desk, leads"}, (200, 200, 403)),
            ({"X-Forwarded-User": "a17"}, (200, 200, 403)),
            ({"X-Forwarded-User": "a3"}, (200, 200, 200)),
        ):
            found = [(await desk.get(path, **sent))[0].status for path in ("/api/board", "/api/agents", "/api/looks")]
            assert tuple(found) == statuses, sent
    async with watching(**PROXIED | {"proxies": "10.0.0.0/8 fd00::1"}) as desk:
        page, text = await desk.get("/", X_Forwarded_User="a3")
        assert (page.status, "sign-in did not come through" in text) == (403, True)


async def test_a_user_may_not_be_named_like_a_group() -> None:
    async with watching(**PROXIED) as desk:
        await desk.put(board(desk.clock()), board(desk.clock()))
        answer, _ = await desk.get("/api/agents", X_Forwarded_User="@leads")
        assert answer.status == 401


async def test_without_access_this_machine_alone_is_served_and_sees_no_names() -> None:
    async with watching("") as desk:
        await desk.put(board(desk.clock()), board(desk.clock()))
        for host, status in (
            ("localhost:8080", 200), ("127.0.0.1", 200), ("[::1]:8080", 200),
            ("evil.example", 401), ("localhost.evil.example", 401), ("127.0.0.1.evil.example", 401),
        ):  # fmt: skip
            assert (await desk.get("/api/board", Host=host))[0].status == status, host
        assert (await desk.get("/api/agents"))[0].status == 403
        assert (await desk.get("/", Host="evil.example"))[0].status == 403


# Acknowledging


async def test_a_supervisor_takes_an_alert_once(desk: Watching) -> None:
    answer, said = await desk.post(ACK, SUPERVISOR, json={"note": " on\nit "})
    assert (answer.status, said["by"], said["already"]) == (200, "a17", False)
    (event,) = desk.written
    assert (event.alert_id, event.ticket_id, event.by, event.note) == ("alert-T-1", "T-1", "a17", "on it")
    answer, said = await desk.post(ACK, ADMIN, json={})
    assert (answer.status, said["by"], said["already"]) == (200, "a17", True)
    assert (len(desk.written), desk.count("acknowledged_alerts_total")) == (1, 1)


async def test_what_does_not_come_from_a_page_of_ours_changes_nothing(desk: Watching) -> None:
    """A cookie is sent along by browsers whoever asks; a header of ours is not."""
    answer, _ = await sign_in(desk, SUPERVISOR)
    cookie = {"Cookie": f"{COOKIE}={answer.cookies[COOKIE].value}"}
    own = str(desk.client.make_url("/")).rstrip("/")
    for sent in (
        {}, {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "none"}, {"Sec-Fetch-Site": "cross-site", "Origin": own},
    ):  # fmt: skip
        answer, _ = await desk.post(ACK, json={}, **cookie, **sent)
        assert answer.status == 403, sent
    for content in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        async with desk.client.post(
            ACK, data=b"{}", headers=cookie | {"Origin": own, "Content-Type": content}
        ) as found:
            assert found.status == 415
    for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS"):
        async with desk.client.request(method, ACK, headers=cookie | {"Origin": own}) as found:
            assert found.status == 405
            assert "Access-Control-Allow-Origin" not in found.headers
    assert desk.written == []
    answer, _ = await desk.post(ACK, json={}, Origin=own, **cookie)
    assert (answer.status, len(desk.written)) == (200, 1)


async def test_what_is_not_to_be_acknowledged_says_why(desk: Watching) -> None:
    answer, _ = await desk.post(ACK, VIEWER, json={})
    assert answer.status == 403
    for path, body, status in (
        ("/api/alerts/alert-T-9/acknowledge", {}, 404),
        (ACK, {"note": 1}, 400), (ACK, {"by": "a3"}, 400), (ACK, [], 400),
    ):  # fmt: skip
        answer, said = await desk.post(path, SUPERVISOR, json=body)
        assert (answer.status, bool(said["error"])) == (status, True)
    desk.kafka_away = True
    for _ in range(2):
        answer, said = await desk.post(ACK, SUPERVISOR, json={})
        assert (answer.status, "nothing is acknowledged" in said["error"]) == (503, True)
    desk.kafka_away = False
    assert (await desk.post(ACK, SUPERVISOR, json={}))[0].status == 200
    async with watching(acknowledges=False) as other:
        assert (await other.post(ACK, SUPERVISOR, json={}))[0].status == 503


# The stream, headers, the document


async def test_every_viewer_gets_each_picture_once_and_a_late_one_the_newest(desk: Watching) -> None:
    async with (
        desk.client.get("/api/stream", headers={"Authorization": f"Bearer {VIEWER}"}) as first,
        desk.client.get("/api/stream", headers={"Authorization": f"Bearer {SUPERVISOR}"}) as second,
    ):
        assert first.content_type == "text/event-stream"
        assert await first.content.readuntil(b"\n\n") == b"retry: 2000\n\n"
        await second.content.readuntil(b"\n\n")
        plain, named = [json.loads(await picture_of(one)) for one in (first, second)]
        assert plain != named
        assert plain == (await desk.get("/api/board", VIEWER))[1]
        assert desk.count("viewers") == 2
        desk.clock.now += 3 * SECOND
        await desk.put(board(desk.clock(), queue=[queue(open=4)]), board(desk.clock()))
        for one in (first, second):
            assert json.loads(await picture_of(one))["queue"]["open"] == 4
        desk.feed.stop()
        assert await first.content.read() == b""


async def picture_of(answer: Any) -> bytes:
    event: bytes = await asyncio.wait_for(answer.content.readuntil(b"\n\n"), 5)
    assert event.startswith(b"event: picture\ndata: ")
    return event.removeprefix(b"event: picture\ndata: ").strip()


async def test_a_stream_ends_with_the_session_it_was_opened_by() -> None:
    async with watching() as desk:
        await desk.put(board(desk.clock()), board(desk.clock()))
        answer, _ = await sign_in(desk, VIEWER)
        cookie = {"Cookie": f"{COOKIE}={answer.cookies[COOKIE].value}"}
        async with desk.client.get("/api/stream", headers=cookie) as stream:
            await stream.content.readuntil(b"\n\n")
            await picture_of(stream)
            desk.clock.now += VALID
            await desk.feed.read()
            assert await asyncio.wait_for(stream.content.read(), 5) == b""


async def test_every_answer_has_the_strict_headers(desk: Watching) -> None:
    for path in ("/", "/static/board.js", "/static/nothing", "/api/board", "/api/agents", "/api/stream", "/elsewhere"):
        async with desk.client.get(path, headers={"Authorization": f"Bearer {VIEWER}"}) as answer:
            for name, value in HEADERS.items():
                assert answer.headers[name] == value, path
    policy = HEADERS["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy


async def test_the_page_holds_no_script_style_or_address_of_its_own(desk: Watching) -> None:
    for path in ("/", "/?lang=zh&theme=dark&layout=tv", '/?lang="><script>&theme=<b>&layout=x'):
        answer, text = await desk.get(path, SUPERVISOR)
        assert answer.status == 200
        assert text.count("<script") == text.count('<script src="static/board.js"') == 1
        for inline in ("<style", " style=", "onclick", "javascript:", "http://", "https://", "<b>"):
            assert inline not in text, inline
    _, text = await desk.get("/static/board.js")
    for unsafe in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "Function(", "http://evil"):
        assert unsafe not in text


async def test_every_answer_of_the_document_comes_and_is_as_it_says() -> None:
    came: dict[tuple[str, str, str], list[Any]] = {}

    async with watching() as desk:

        async def ask(path: str, token: str | None, *, of: str = "", **more: Any) -> int:
            method = "post" if path.endswith("acknowledge") else "get"
            answer, said = await (desk.post if method == "post" else desk.get)(path, token, **more)
            came.setdefault((of or path, method, str(answer.status)), []).append((answer.content_type, said))
            return int(answer.status)

        async def take(token: str | None = SUPERVISOR, path: str = ACK, **more: Any) -> int:
            return await ask(path, token, of="/api/alerts/{alert_id}/acknowledge", **({"json": {}} | more))

        now = desk.clock()
        for path in PATHS:
            await ask(path, None)
        for path in ("/api/board", "/api/agents"):  # before anything was read
            assert await ask(path, ADMIN) == 503
        await desk.put(
            board(now, overdue=[ticket("T-1", now - MINUTE, overdue=True)], agents=[agent("a17", now)]), board(now)
        )
        for path in ("/api/agents", "/api/looks"):
            assert await ask(path, VIEWER) == 403
        for path in ("/api/board", "/api/agents", "/api/looks", "/api/openapi.json"):
            assert await ask(path, ADMIN) == 200
        assert [await take(None), await take(VIEWER), await take(Sec_Fetch_Site="cross-site")] == [401, 403, 403]
        assert [await take(json={"note": note}) for note in (1, "x" * 5_000)] == [400, 400]
        assert await take(json=None) == 415
        assert await take(path="/api/alerts/alert-T-9/acknowledge") == 404
        desk.kafka_away = True
        assert await take() == 503
        desk.kafka_away = False

        async def another() -> None:
            assert await take(ADMIN) == 409

        desk.meanwhile = another
        assert await take() == 200
        async with desk.client.get("/api/stream", headers={"Authorization": f"Bearer {VIEWER}"}) as stream:
            came["/api/stream", "get", str(stream.status)] = [(stream.content_type, "a stream")]
        desk.feed.stop()
        assert await ask("/api/stream", VIEWER) == 503

    ((_, document),) = came["/api/openapi.json", "get", "200"]
    assert document["openapi"] == "3.1.0"
    assert set(came) == {
        (path, method, status)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        for status in operation["responses"]
    }
    for (path, method, status), answers in came.items():
        for kind, body in answers:
            content = document["paths"][path][method]["responses"][status]["content"][kind]
            schema = {**content.get("schema", {}), "components": document["components"]}
            jsonschema.Draft202012Validator(schema).validate(body)
    strict = {**document["components"]["schemas"]["Picture"], "components": document["components"]}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(strict).validate({"at": "now"})


# How it is written in settings


@pytest.mark.parametrize(
    ("read", "text", "said"),
    [
        (read_tokens, "", "names nobody"),
        (read_tokens, f"viewer:wall:{'x' * 31}", "32 or more"),
        (read_tokens, "x" * 40, "not ROLE:NAME:TOKEN"),
        (read_tokens, f"boss:a1:{'x' * 32}", "begins with no role (viewer, supervisor, admin)"),
        (read_tokens, f"{'x' * 32}:wall:{'x' * 32}", "begins with no role"),
        (read_roles, "supervisor", "not ROLE=NAME,NAME"),
        (read_roles, "boss=a1", "no such role: 'boss'"),
        (read_roles, "admin=", "not ROLE=NAME,NAME"),
        (read_proxies, "proxy.example.com", "not an address: 'proxy.example.com'"),
        (read_proxies, "10.0.0.1/8", "not an address"),
    ],
)
def test_a_wrong_setting_says_what_is_right_and_no_secret(read: Any, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)) as told:
        read(text)
    assert "xxxx" not in str(told.value)


def test_a_token_is_never_shown() -> None:
    (token,) = read_tokens(f"viewer:wall:{VIEWER}")
    assert VIEWER not in repr(token)
