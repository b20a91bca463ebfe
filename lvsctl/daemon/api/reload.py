"""POST /v1/reload: read conf.d again."""

from __future__ import annotations

from aiohttp import web

from lvsctl.daemon.api.request import DAEMON
from lvsctl.daemon.api.shapes import TEXT, Operation, listed, shape
from lvsctl.errors import ConfigError, LvsctlError

NOT_RELOADED = shape("NotReloaded", {"ok": {"const": False}, "error": TEXT, "problems": listed(TEXT)})
RELOAD = Operation(
    "Read conf.d again. With a problem in it nothing changes.",
    shape("Reloaded", {"ok": {"const": True}, "warnings": listed(TEXT)}),
    others={422: NOT_RELOADED, 503: NOT_RELOADED},
)


async def reload(request: web.Request) -> web.Response:
    """Take conf.d as it is now."""
    try:
        warnings = await request.app[DAEMON].reload()
    except ConfigError as error:
        return _refused(422, [str(problem) for problem in error.problems])
    except LvsctlError as error:
        return _refused(503, [str(error)])
    return web.json_response({"ok": True, "warnings": [str(problem) for problem in warnings]})


def _refused(status: int, problems: list[str]) -> web.Response:
    why = "not reloaded: the configuration in force goes on"
    return web.json_response({"ok": False, "error": why, "problems": problems}, status=status)
