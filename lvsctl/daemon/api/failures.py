"""What went wrong as an answer: {"error": one line}, made at one place."""

from __future__ import annotations

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from lvsctl.decide.explain.subject import NoSuchSubject
from lvsctl.errors import LvsctlError

log = structlog.get_logger("lvsctl")


class NotFound(LvsctlError):
    """There is nothing of that name: 404."""


class Conflict(LvsctlError):
    """It cannot be done as things stand: 409."""


class BadRequest(LvsctlError):
    """The request cannot be understood: 422. The message names the key or the parameter."""


def _status(error: LvsctlError) -> int:
    match error:
        case NotFound() | NoSuchSubject():
            return 404
        case Conflict():
            return 409
        case BadRequest():
            return 422
    return 503


@web.middleware
async def failures(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every handler may raise LvsctlError; this makes the answer, and those of aiohttp's own errors and of bugs."""
    try:
        return await handler(request)
    except LvsctlError as error:
        return failure(_status(error), str(error))
    except web.HTTPRequestEntityTooLarge as error:
        return failure(413, error.text or error.reason)
    except web.HTTPMethodNotAllowed as error:
        allowed = ", ".join(sorted(error.allowed_methods))
        answer = failure(405, f"{request.path} takes {allowed}, not {request.method[:20]}")
        answer.headers["Allow"] = allowed
        return answer
    except web.HTTPNotFound:
        return failure(404, f"there is no {request.path[:100]}: `lvsctl schema --api` tells what there is")
    except (ConnectionError, web.HTTPException):
        raise
    except Exception as error:
        log.exception("a bug in lvsctl: a request failed", request=f"{request.method} {request.path}")
        return failure(500, f"a bug in lvsctl ({type(error).__name__}): its log says where; report it")


def failure(status: int, message: str) -> web.Response:
    """{"error": message} as an answer."""
    return web.json_response({"error": message}, status=status)
