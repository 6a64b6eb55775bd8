"""The API as an OpenAPI 3.1 document, its schemas taken from the answers' own types."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from agents.board.answers import Acknowledged, Agents, Failure, Looks, Note, Picture

_ERRORS = {
    "400": "The body is not what it must be.",
    "401": "Nobody who is known.",
    "403": "Not for this role, or sent from another site.",
    "404": "No overdue ticket on the board has this alert.",
    "409": "Somebody is acknowledging it at this moment.",
    "415": "The body is not JSON.",
    "503": "Redis or Kafka does not answer, or too many are watching.",
}


@cache
def document() -> dict[str, Any]:
    """The document, as JSON is made of it."""
    answers = (Picture, Agents, Looks, Acknowledged, Note, Failure)
    references, schemas = msgspec.json.schema_components(answers, ref_template="#/components/schemas/{name}")
    by_type: dict[Any, Any] = dict(zip(answers, references, strict=True))

    def operation(about: str, role: str, answer: Any, *errors: str, **more: Any) -> dict[str, Any]:
        content = {"application/json": {"schema": by_type[answer]}} if answer else {"application/json": {}}
        responses: dict[str, Any] = {"200": {"description": about, "content": content}}
        failure = {"application/json": {"schema": by_type[Failure]}}
        refusals = ("401",) if role == "viewer" else ("401", "403")
        responses |= {status: {"description": _ERRORS[status], "content": failure} for status in (*refusals, *errors)}
        return {
            "summary": about,
            "description": f"For the role {role} and those above it.",
            "responses": responses,
            **more,
        }

    stream = operation(
        "A picture each second: events named `picture`, whose data is what /api/board answers.", "viewer", None, "503"
    )
    stream["responses"]["200"]["content"] = {"text/event-stream": {"schema": {"type": "string"}}}
    alert = {"name": "alert_id", "in": "path", "required": True, "schema": {"type": "string"}}
    note = {"content": {"application/json": {"schema": by_type[Note]}}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "slawatch board",
            "version": "1",
            "description": "What the wallboard shows; alerts can be acknowledged. Instants are RFC 3339 in UTC.",
        },
        "servers": [{"url": "../"}],
        "security": [{"token": []}, {"session": []}],
        "paths": {
            "/api/board": {"get": operation("The picture of now.", "viewer", Picture, "503")},
            "/api/stream": {"get": stream},
            "/api/agents": {
                "get": operation("Figures of agents; each look is logged.", "supervisor", Agents, "503")
            },
            "/api/looks": {"get": operation("Who looked at the figures of agents.", "admin", Looks)},
            "/api/openapi.json": {"get": operation("This document.", "viewer", None)},
            "/api/alerts/{alert_id}/acknowledge": {
                "post": operation(
                    "Take an alert that the board shows: nobody further is alerted of it.", "supervisor",
                    Acknowledged, "400", "404", "409", "415", "503", parameters=[alert], requestBody=note,
                )
            },
        },
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "slawatch_board"},
            },
        },
    }  # fmt: skip
