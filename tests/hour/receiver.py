"""A receiver of alerts that knows nothing of lvsctl: `python receiver.py PORT FILE` appends every body to FILE.

One JSON line for each POST: {"at": Unix time, "id": webhook-id, "body": …}. It answers 200 to all of them.
"""

from __future__ import annotations

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        line = {"at": time.time(), "id": self.headers.get("webhook-id"), "body": body}
        with Path(sys.argv[2]).open("a") as out:
            out.write(json.dumps(line) + "\n")
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    server = HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    print("listening", flush=True)
    server.serve_forever()
