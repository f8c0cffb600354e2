"""A mirror on this machine that misbehaves as asked, on 127.0.0.1 only."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Mirror:
    """A running server: `files` are what it serves, `manners` how (by path, the first one of each list)."""

    address: str
    files: dict[str, bytes]
    manners: dict[str, list[str]] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)  # (path, Range header)
    ended: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str) -> str:
        return f"{self.address}/{path}"


@contextmanager
def mirror(files: dict[str, bytes], manners: dict[str, list[str]] | None = None) -> Iterator[Mirror]:
    """Serve `files`; every request uses up the first manner of its path, and the default one is good."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            path = self.path.lstrip("/")
            wanted = self.headers.get("Range")
            running.asked.append((path, wanted))
            manners = running.manners.get(path, [])
            manner = manners.pop(0) if manners else "good"
            content = running.files.get(path, b"")
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and manner != "no range" else 0
            if manner == "hangs":
                running.ended.wait(20)
                return
            if manner == "missing" or path not in running.files:
                self.send_error(404)
                return
            if manner == "overloaded":
                self.send_error(503)
                return
            if manner == "web page":
                self.answer(200, b"<html>please log in</html>", {"Content-Type": "text/html"})
                return
            if manner == "damaged":
                content = content[:-1] + bytes([content[-1] ^ 1])
            if manner == "longer":
                content += b"more"
            headers = {"Content-Type": "application/octet-stream"}
            if start:
                headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            if manner == "wrong range":
                headers["Content-Range"] = f"bytes {start + 1}-{len(content) - 1}/{len(content)}"
            rest = content[start:]
            stop = len(rest) // 2 if manner in ("stops", "falls silent", "dribbles") else None
            self.answer(206 if start else 200, rest, headers, stop)
            if manner == "falls silent":
                running.ended.wait(20)
            if manner == "dribbles":
                for byte in rest[stop:]:
                    if running.ended.wait(0.02):
                        return
                    try:
                        self.wfile.write(bytes([byte]))
                    except OSError:
                        return

        def answer(
            self, status: int, content: bytes, headers: dict[str, str], stop: int | None = None
        ) -> None:
            self.send_response(status)
            for name, text in headers.items():
                self.send_header(name, text)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[:stop])
            self.wfile.flush()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    running = Mirror(f"http://127.0.0.1:{server.server_port}", files, manners or {})
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield running
    finally:
        running.ended.set()
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
