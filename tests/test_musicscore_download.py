import hashlib
import json
import re
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from scorehub.dataset_builders.musicscore.download import LOG_NAME, Wanted, download, file_name, read_manifest
from scorehub.dataset_builders.musicscore.web import DownloadPolicy

BODY = b"%PDF-1.7\n" + bytes(range(256)) * 1200  # 307 kB, several chunks
SHA256 = hashlib.sha256(BODY).hexdigest()
POLICY = DownloadPolicy(contact="tests@example.org", timeout=60.0, max_bytes=1_000_000)


class FakeClock:
    """Time passes only while someone sleeps."""

    def __init__(self):
        self.now, self.sleeps = 0.0, []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.sleeps.append(seconds)
        self.now += seconds


class Server:
    """A web server on 127.0.0.1 whose answers are a dict from path to a function of the handler."""

    def __init__(self):
        self.routes, self.requests = {}, []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(handler):  # noqa: N805 - names of http.server; `self` is the server
                self.requests.append((handler.path, dict(handler.headers)))
                route = self.routes.get(handler.path.partition("?")[0])
                route(handler) if route else answer(handler, 404, b"")

            def log_message(handler, *args):  # noqa: N805
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def count(self, path):
        return sum(asked == path for asked, _ in self.requests)

    def close(self):
        self._http.shutdown()
        self._http.server_close()


def answer(handler, status, body, length=None, **headers):
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body) if length is None else length), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def serve_file(handler, body=BODY, etag='"v1"', cut=None):
    """A file with ranges, as nginx serves it; `cut` ends the connection after so many bytes."""
    start = 0
    asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
    if asked and handler.headers.get("If-Range") == etag:
        start = int(asked.group(1))
        if start >= len(body):
            return answer(handler, 416, b"", Content_Range=f"bytes */{len(body)}", Content_Type="text/html")
    headers = {"ETag": etag, "Content_Type": "application/pdf"}
    if start:
        headers["Content_Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
    sent = body[start:] if cut is None else body[start:cut]
    return answer(handler, 206 if start else 200, sent, len(body) - start, **headers)


@pytest.fixture
def server():
    server = Server()
    server.routes["/a.pdf"] = serve_file
    yield server
    server.close()


@pytest.fixture
def clock():
    return FakeClock()


def _run(urls, folder, clock, policy=POLICY):
    return download(urls, folder, policy, clock=clock, sleep=clock.sleep)


def test_a_file_arrives_with_its_checksum_and_a_log_line(server, clock, tmp_path):
    (row,) = _run([server.url + "/a.pdf"], tmp_path, clock)
    assert (row.status, row.file, row.bytes, row.sha256) == ("done", "a.pdf", len(BODY), SHA256)
    assert (tmp_path / "a.pdf").read_bytes() == BODY
    assert json.loads((tmp_path / LOG_NAME).read_text())["sha256"] == SHA256
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pdf", LOG_NAME]


def test_it_says_who_it_is_and_accepts_the_disclaimer(server, clock, tmp_path):
    _run([server.url + "/a.pdf"], tmp_path, clock)
    _, headers = server.requests[-1]
    assert re.fullmatch(r"scorehub/\S+ \(\+tests@example\.org\)", headers["User-Agent"])
    assert headers["Cookie"] == "imslpdisclaimeraccepted=yes"


@pytest.mark.parametrize("contact", ["", "me", "a@b", "me@example.org\r\nX: y"])
def test_a_contact_is_required(contact):
    with pytest.raises(ValueError, match="contact must be"):
        DownloadPolicy(contact=contact)


def test_a_finished_file_is_not_fetched_again(server, clock, tmp_path):
    _run([server.url + "/a.pdf"], tmp_path, clock)
    with (tmp_path / LOG_NAME).open("a") as log:
        log.write('{"url": "cut sho')
    (row,) = _run([server.url + "/a.pdf"], tmp_path, clock)
    assert (row.status, row.sha256, server.count("/a.pdf")) == ("already", SHA256, 1)


def test_a_finished_file_that_changed_on_disk_is_fetched_again(server, clock, tmp_path):
    _run([server.url + "/a.pdf"], tmp_path, clock)
    (tmp_path / "a.pdf").write_bytes(BODY[:-1] + b"?")
    assert _run([server.url + "/a.pdf"], tmp_path, clock)[0].status == "done"
    assert (tmp_path / "a.pdf").read_bytes() == BODY


def test_requests_to_a_host_keep_their_distance(server, clock, tmp_path):
    _run([server.url + "/a.pdf", server.url + "/b.pdf"], tmp_path, clock)
    assert clock.sleeps == [2.0, 2.0]  # between robots.txt, a.pdf and b.pdf


def test_crawl_delay_and_disallow_of_robots_txt_are_kept_and_asked_for_once(server, clock, tmp_path):
    robots = b"User-agent: *\nDisallow: /wiki/Special:\nCrawl-delay: 7\n"
    server.routes["/robots.txt"] = lambda handler: answer(handler, 200, robots)
    refused, done = _run([server.url + "/wiki/Special:ImagefromIndex/7", server.url + "/a.pdf"], tmp_path, clock)
    assert (refused.status, refused.file) == ("failed", "IMSLP7.pdf")
    assert "robots.txt" in refused.reason
    assert done.status == "done"
    assert clock.sleeps == [7.0]
    assert [path for path, _ in server.requests] == ["/robots.txt", "/a.pdf"]


@pytest.mark.parametrize("code", [429, 501, 503, 520])
def test_a_robots_txt_that_cannot_be_had_allows_nothing(server, clock, tmp_path, code):
    server.routes["/robots.txt"] = lambda handler: answer(handler, code, b"")
    (row,) = _run([server.url + "/a.pdf"], tmp_path, clock)
    assert (row.status, server.count("/a.pdf")) == ("failed", 0)
    assert f"robots.txt: HTTP {code}; gave up after 5 attempts" in row.reason


@pytest.mark.parametrize("seconds_or_date", ["90", "date"])
def test_retry_after_is_waited_for(server, clock, tmp_path, seconds_or_date):
    def busy_once(handler):
        server.routes["/a.pdf"] = serve_file
        value = formatdate(time.time() + 90, usegmt=True) if seconds_or_date == "date" else "90"
        answer(handler, 429, b"", Retry_After=value)

    server.routes["/a.pdf"] = busy_once
    (row,) = _run([server.url + "/a.pdf"], tmp_path, clock)
    assert row.status == "done"
    assert 85 < sum(clock.sleeps) < 100


def test_a_retry_after_of_a_day_gives_the_url_up(server, clock, tmp_path):
    server.routes["/a.pdf"] = lambda handler: answer(handler, 503, b"", Retry_After="86400")
    (row,) = _run([server.url + "/a.pdf"], tmp_path, clock)
    assert "asks to wait" in row.reason
    assert sum(clock.sleeps) < 60


def test_server_errors_are_retried_with_growing_pauses_and_client_errors_are_not(server, clock, tmp_path):
    server.routes["/bad.pdf"] = lambda handler: answer(handler, 500, b"")
    bad, gone = _run([server.url + "/bad.pdf", server.url + "/gone.pdf"], tmp_path, clock)
    assert bad.reason == "HTTP 500; gave up after 5 attempts"
    assert gone.reason == "HTTP 404 Not Found"
    assert (server.count("/bad.pdf"), server.count("/gone.pdf")) == (5, 1)
    assert {1.0, 2.0, 4.0, 8.0} <= set(clock.sleeps)


def test_a_cut_transfer_goes_on_where_it_stopped(server, clock, tmp_path):
    def cut_once(handler):
        server.routes["/a.pdf"] = serve_file
        serve_file(handler, cut=200_000)

    server.routes["/a.pdf"] = cut_once
    (row,) = _run([server.url + "/a.pdf"], tmp_path, clock)
    assert (row.status, row.sha256) == ("done", SHA256)
    resumed = server.requests[-1][1]
    assert int(resumed["Range"].removeprefix("bytes=").removesuffix("-")) > 60_000
    assert resumed["If-Range"] == '"v1"'


def test_a_killed_run_is_resumed_by_the_next_run(server, clock, tmp_path):
    server.routes["/a.pdf"] = lambda handler: serve_file(handler, cut=200_000)
    policy = DownloadPolicy(contact="tests@example.org", retries=0)
    assert _run([server.url + "/a.pdf"], tmp_path, clock, policy)[0].status == "failed"
    server.routes["/a.pdf"] = serve_file
    assert _run([server.url + "/a.pdf"], tmp_path, clock, policy)[0].sha256 == SHA256
    assert "Range" in server.requests[-1][1]


def test_a_file_that_changed_in_between_begins_anew(server, clock, tmp_path):
    changed = BODY[:50] + b"other" + BODY[55:]

    def cut_then_changed(handler):
        server.routes["/a.pdf"] = lambda handler: serve_file(handler, body=changed, etag='"v2"')
        serve_file(handler, cut=200_000)

    server.routes["/a.pdf"] = cut_then_changed
    assert _run([server.url + "/a.pdf"], tmp_path, clock)[0].status == "done"
    assert (tmp_path / "a.pdf").read_bytes() == changed


def test_a_complete_part_needs_no_more_bytes(server, clock, tmp_path):
    (tmp_path / "a.pdf.part").write_bytes(BODY)
    state = {"url": server.url + "/a.pdf", "validator": '"v1"'}
    (tmp_path / "a.pdf.part.json").write_text(json.dumps(state))
    assert _run([server.url + "/a.pdf"], tmp_path, clock)[0].sha256 == SHA256


def test_a_range_that_is_not_what_was_asked_for_begins_anew(server, clock, tmp_path):
    (tmp_path / "a.pdf.part").write_bytes(BODY[:1000])
    state = {"url": server.url + "/a.pdf", "validator": '"v1"'}
    (tmp_path / "a.pdf.part.json").write_text(json.dumps(state))

    def wrong_range(handler):
        server.routes["/a.pdf"] = serve_file
        answer(handler, 206, BODY, Content_Range=f"bytes 0-{len(BODY) - 1}/{len(BODY)}")

    server.routes["/a.pdf"] = wrong_range
    assert _run([server.url + "/a.pdf"], tmp_path, clock)[0].sha256 == SHA256


def test_a_wrong_checksum_is_reported_and_the_file_set_aside(server, clock, tmp_path):
    (row,) = _run([Wanted(server.url + "/a.pdf", sha256="0" * 64)], tmp_path, clock)
    assert row.status == "failed"
    assert row.reason == f"sha256 must be {'0' * 64}, got {SHA256}"
    assert not (tmp_path / "a.pdf").exists()
    assert (tmp_path / "a.pdf.rejected").read_bytes() == BODY
    assert _run([Wanted(server.url + "/a.pdf", sha256=SHA256.upper())], tmp_path, clock)[0].status == "done"


def test_a_disclaimer_page_is_no_pdf_and_its_title_is_reported(server, clock, tmp_path):
    page = b"<html><head><title>Disclaimer - IMSLP</title></head></html>"
    server.routes["/a.pdf"] = lambda handler: answer(handler, 200, page, Content_Type="text/html; charset=utf-8")
    server.routes["/b.pdf"] = lambda handler: answer(handler, 200, b"GIF89a", Content_Type="application/pdf")
    page_row, image_row = _run([server.url + "/a.pdf", server.url + "/b.pdf"], tmp_path, clock)
    assert page_row.reason == "a web page instead of a PDF: 'Disclaimer - IMSLP'"
    assert image_row.reason == "not a PDF: no %PDF- in its first 1024 bytes"
    assert not list(tmp_path.glob("*.pdf"))


def test_redirects_are_followed_and_loops_end(server, clock, tmp_path):
    server.routes["/here"] = lambda handler: answer(handler, 302, b"", Location="/a.pdf")
    server.routes["/loop"] = lambda handler: answer(handler, 302, b"", Location="/loop")
    server.routes["/file"] = lambda handler: answer(handler, 302, b"", Location="file:///etc/passwd")
    here, loop, file = _run([server.url + path for path in ("/here", "/loop", "/file")], tmp_path, clock)
    assert (here.status, here.file) == ("done", "here.pdf")
    assert loop.reason == "redirected more than 5 times"
    assert "must begin with http" in file.reason


@pytest.mark.parametrize("announced", [True, False])
def test_a_huge_body_is_stopped(server, clock, tmp_path, announced):
    def endless(handler):
        if announced:
            return answer(handler, 200, b"%PDF-", length=10**12)
        handler.send_response(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"%PDF-" + bytes(100_000))
        except OSError:
            return None

    server.routes["/a.pdf"] = endless
    (row,) = _run([server.url + "/a.pdf"], tmp_path, clock)
    assert "file must have at most 1000000 bytes" in row.reason
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 10_000


@pytest.mark.parametrize(
    "url", ["ftp://example.org/a.pdf", "file:///etc/passwd", "nonsense", "http://[bad", "http://"]
)
def test_only_web_addresses_are_fetched(url, clock, tmp_path):
    (row,) = _run([url], tmp_path, clock)
    assert row.status == "failed"
    assert "URL" in row.reason


def test_a_dead_host_fails_its_url_and_not_the_run(server, clock, tmp_path):
    dead = Server()
    dead.close()
    policy = DownloadPolicy(contact="tests@example.org", retries=1)
    failed, done = _run([dead.url + "/x.pdf", server.url + "/a.pdf"], tmp_path, clock, policy)
    assert "connection" in failed.reason
    assert done.status == "done"


@pytest.mark.parametrize(
    "path",
    ["/../../x.pdf", "/%2e%2e%2f%2e%2e%2fx.pdf", "/..", "/%00.pdf", "/.hidden", "/" + "é" * 300, "/a%0ab.pdf", "/"],
)
def test_names_never_leave_the_folder(path, tmp_path):
    name = file_name("http://example.org" + path)
    assert (tmp_path / name).resolve().parent == tmp_path.resolve()
    assert name.endswith(".pdf")
    assert not name.startswith(".")
    assert name.isprintable()
    assert len(name.encode()) < 200


def test_two_urls_with_one_name_become_two_files(server, clock, tmp_path):
    server.routes["/other/a.pdf"] = lambda handler: serve_file(handler, body=b"%PDF-1.4 other")
    rows = _run([server.url + "/a.pdf", server.url + "/other/a.pdf"], tmp_path, clock)
    assert rows[0].file == "a.pdf"
    assert re.fullmatch(r"a-[0-9a-f]{8}\.pdf", rows[1].file)
    assert (tmp_path / "a.pdf").read_bytes() == BODY
    assert (tmp_path / rows[1].file).read_bytes() == b"%PDF-1.4 other"


def test_manifests_are_lists_of_lines_or_tables(tmp_path):
    (tmp_path / "urls.txt").write_text("# scores\nhttp://x/a.pdf\n\n  http://x/b.pdf \n")
    (tmp_path / "urls.csv").write_text(f"url,sha256,name\nhttp://x/a,{SHA256},First.pdf\nhttp://x/b,,\n")
    (tmp_path / "wrong.csv").write_text("link\nhttp://x/a\n")
    assert [wanted.url for wanted in read_manifest(tmp_path / "urls.txt")] == ["http://x/a.pdf", "http://x/b.pdf"]
    assert read_manifest(tmp_path / "urls.csv") == [Wanted("http://x/a", SHA256, "First.pdf"), Wanted("http://x/b")]
    with pytest.raises(ValueError, match="column url"):
        read_manifest(tmp_path / "wrong.csv")
    with pytest.raises(ValueError, match="must be a readable"):
        read_manifest(tmp_path / "gone.txt")
