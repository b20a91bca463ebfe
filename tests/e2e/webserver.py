"""A real HTTP server for real servers: `python -m tests.e2e.webserver NAME ADDRESS...` listens on port 80 of each.

GET / answers with NAME, GET /healthz with 200 or, while the file NAME.sick exists in the current folder, with 503.
Connections are kept open for as long as the client wants.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path


async def answer(name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            sick = head.startswith(b"GET /healthz") and Path(f"{name}.sick").exists()
            status = "503 Service Unavailable" if sick else "200 OK"
            body = name.encode()
            writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main(name: str, *addresses: str) -> None:
    server = await asyncio.start_server(lambda r, w: answer(name, r, w), addresses, 80, backlog=512)
    print("listening", flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
