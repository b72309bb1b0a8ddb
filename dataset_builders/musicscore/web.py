"""HTTP with manners: robots.txt, pauses by host, retries, resumed transfers. Every failure is a `DownloadError`."""

import contextlib
import email.utils
import json
import math
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit
from urllib.robotparser import RobotFileParser

import requests

import scorehub

MAX_REDIRECTS = 5
_CHUNK = 1 << 16
_ROBOTS_BYTES = 500_000  # RFC 9309 asks for at least 500 KiB
_RETRIED = (429, 500, 502, 503, 504)
# IMSLP asks to accept its disclaimer (copyright differs by country) before it gives a file: who runs this does.
_COOKIES = {"imslpdisclaimeraccepted": "yes"}
# A contact is an address that the server's owner can write to or open.
_CONTACT = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+|https?://\S+")


@dataclass(frozen=True)
class DownloadPolicy:
    """How to behave towards servers.

    Raises:
        ValueError: a contact that is neither an e-mail address nor a web address, or a limit that is not positive.
    """

    contact: str  # e-mail or web address, part of the User-Agent
    seconds_between_requests: float = 2.0  # to one host; a longer Crawl-delay wins
    timeout: float = 30.0  # seconds without an answer
    retries: int = 4  # on 429, 5xx, and broken connections, with doubling pauses
    max_bytes: int = 500_000_000  # of one file
    max_wait: float = 3600.0  # seconds; a Retry-After beyond gives the URL up

    def __post_init__(self) -> None:
        if not _CONTACT.fullmatch(self.contact):
            raise ValueError(f"contact must be an e-mail or web address, got {self.contact!r}")
        for name in ("timeout", "max_bytes", "max_wait"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")

    @property
    def user_agent(self) -> str:
        """`scorehub/0.1.0 (+you@example.org)`."""
        return f"scorehub/{scorehub.__version__} (+{self.contact})"


class DownloadError(Exception):
    """Why a URL was given up, in words for the log."""


class _TryAgain(Exception):  # noqa: N818 - a signal to the retry loop rather than an error
    """A failure that may pass."""


class PoliteSession:
    """Fetches files, one request at a time, within a `DownloadPolicy`."""

    def __init__(self, policy: DownloadPolicy, clock: Callable[[], float], sleep: Callable[[float], None]):
        self.policy, self._clock, self._sleep = policy, clock, sleep
        self._last_request: dict[str, float] = {}
        self._not_before: dict[str, float] = {}
        self._robots: dict[str, RobotFileParser] = {}
        self._http = requests.Session()
        # Ranges count bytes of the file, so it must come uncompressed.
        self._http.headers.update({"User-Agent": policy.user_agent, "Accept-Encoding": "identity"})

    def fetch(self, url: str, part: Path) -> None:
        """Fetch a file into `part`, going on where an earlier attempt at the same URL stopped.

        Raises:
            DownloadError: refused by robots.txt or by the server, too large, not a file, or out of retries.
        """
        for attempt in range(self.policy.retries + 1):
            try:
                with self._get(url, part) as response:
                    self._receive(response, url, part)
                return
            except _TryAgain as failure:
                reason = str(failure)
            except requests.RequestException as error:
                reason = f"connection: {type(error).__name__}"
            if attempt < self.policy.retries:
                self._sleep(2.0**attempt)
        raise DownloadError(f"{reason}; gave up after {self.policy.retries + 1} attempts")

    @contextlib.contextmanager
    def _get(self, url: str, part: Path) -> Iterator[requests.Response]:
        """The answer to a (ranged) GET; robots.txt and the pause are kept at every redirect."""
        headers = _range_headers(url, part)
        for _ in range(MAX_REDIRECTS + 1):
            self._check_robots(url)
            with self._request(url, headers) as response:
                if not response.is_redirect:
                    _check_status(response)
                    yield response
                    return
                url = urljoin(url, response.headers["Location"])
        raise DownloadError(f"redirected more than {MAX_REDIRECTS} times")

    def _request(self, url: str, headers: dict[str, str]) -> requests.Response:
        self._pause(url)
        try:
            return self._http.get(
                url, headers=headers, cookies=_COOKIES, stream=True, allow_redirects=False, timeout=self.policy.timeout
            )
        except (requests.exceptions.InvalidURL, ValueError) as error:
            raise DownloadError(f"not a usable URL: {error}") from error

    def _pause(self, url: str) -> None:
        """Wait until the host may be asked again: a while after the last request, and not before its Retry-After."""
        host, robots = _split(url).netloc, self._robots.get(_origin(url))
        crawl_delay = robots.crawl_delay(self.policy.user_agent) if robots else None
        delay = max(self.policy.seconds_between_requests, float(crawl_delay or 0))
        allowed = max(self._last_request.get(host, -math.inf) + delay, self._not_before.get(host, -math.inf))
        wait = allowed - self._clock()
        if wait > self.policy.max_wait:
            raise DownloadError(f"{host} asks to wait {wait:.0f} s")
        if wait > 0:
            self._sleep(wait)
        self._last_request[host] = self._clock()

    def _try_again(self, response: requests.Response, what: str = "") -> _TryAgain:
        """A server that is busy, remembered with its Retry-After, which holds seconds or a date."""
        value, wait = response.headers.get("Retry-After", "").strip(), 0.0
        if value.isdigit():
            wait = float(value)
        with contextlib.suppress(ValueError, TypeError):
            wait = wait or email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        self._not_before[_split(response.url).netloc] = self._clock() + wait
        return _TryAgain(f"{what}HTTP {response.status_code}")

    def _check_robots(self, url: str) -> None:
        origin = _origin(url)
        if origin not in self._robots:
            self._robots[origin] = self._load_robots(origin)
        if not self._robots[origin].can_fetch(self.policy.user_agent, url):
            raise DownloadError(f"robots.txt of {_split(url).netloc} disallows it")

    def _load_robots(self, origin: str) -> RobotFileParser:
        """As in RFC 9309: without a robots.txt (4xx) all is allowed; while it can't be had (5xx) nothing is."""
        parser, url, text = RobotFileParser(), f"{origin}/robots.txt", b""
        for _ in range(MAX_REDIRECTS):
            with self._request(url, {}) as response:
                if response.status_code == 429 or response.status_code >= 500:
                    raise self._try_again(response, "robots.txt: ")
                if not response.is_redirect:
                    text = next(response.iter_content(_ROBOTS_BYTES), b"") if response.ok else b""
                    break
                url = urljoin(url, response.headers["Location"])
        parser.parse(text.decode("utf-8", errors="replace").splitlines())
        return parser

    def _receive(self, response: requests.Response, url: str, part: Path) -> None:
        if response.status_code in _RETRIED:
            raise self._try_again(response)
        if _is_complete(response, part):
            return
        _refuse_page(response)
        offset = _resumed_at(response, part)
        length = response.headers.get("Content-Length", "")
        # The length of a compressed answer is not that of the file.
        total = offset + int(length) if length.isdigit() and not _is_compressed(response) else None
        if total is not None and total > self.policy.max_bytes:
            raise DownloadError(f"file must have at most {self.policy.max_bytes} bytes, got {total}")
        received = offset
        with part.open("r+b" if offset else "wb") as file:
            file.seek(offset)
            file.truncate()
            # Only now: bytes of an older version must never stand under the new version's name.
            _remember(response, url, part)
            for chunk in response.iter_content(_CHUNK):
                received += len(chunk)
                if received > self.policy.max_bytes:
                    file.truncate(0)
                    raise DownloadError(f"file must have at most {self.policy.max_bytes} bytes, got more")
                file.write(chunk)
        if total is not None and received < total:
            raise _TryAgain(f"transfer ended after {received} of {total} bytes")


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise DownloadError(f"not a usable URL: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise DownloadError(f"URL must begin with http:// or https:// and a host, got {url[:200]!r}")
    return parts


def _origin(url: str) -> str:
    return f"{_split(url).scheme}://{_split(url).netloc}"


def _check_status(response: requests.Response) -> None:
    if response.status_code not in (200, 206, 416, *_RETRIED):
        raise DownloadError(f"HTTP {response.status_code} {response.reason or ''}".strip())


def _refuse_page(response: requests.Response) -> None:
    """A page instead of the file: IMSLP answers so before the disclaimer, the waiting time or its browser check."""
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if response.status_code != 416 and kind in ("text/html", "application/xhtml+xml"):
        start = next(response.iter_content(_CHUNK), b"").decode("utf-8", errors="replace")
        title = re.search(r"<title[^>]*>\s*(.*?)\s*</title>", start, re.DOTALL | re.IGNORECASE)
        raise DownloadError(f"a web page instead of a PDF: {title.group(1)[:200] if title else 'untitled'!r}")


def _state_path(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _remember(response: requests.Response, url: str, part: Path) -> None:
    """Keep the server's name for this version of the file; weak ETags can't vouch for single bytes."""
    etag = response.headers.get("ETag", "")
    validator = etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified", "")
    if _is_compressed(response):
        validator = ""
    _state_path(part).write_text(json.dumps({"url": url, "validator": validator}), encoding="utf-8")


def _range_headers(url: str, part: Path) -> dict[str, str]:
    """Ask for the rest of a file whose beginning is here, unless it changed since or nothing vouches for it."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        state: dict[str, Any] = json.loads(_state_path(part).read_text(encoding="utf-8"))
        size = part.stat().st_size
        if size and state.get("url") == url and state.get("validator"):
            return {"Range": f"bytes={size}-", "If-Range": state["validator"]}
    return {}


def _is_compressed(response: requests.Response) -> bool:
    return response.headers.get("Content-Encoding", "identity") != "identity"


def _is_complete(response: requests.Response, part: Path) -> bool:
    """Whether a kill came between the last byte and the file's final name, so that there is no rest to send."""
    size = part.stat().st_size if part.exists() else 0
    return response.status_code == 416 and response.headers.get("Content-Range") == f"bytes */{size}"


def _resumed_at(response: requests.Response, part: Path) -> int:
    """The byte at which the answer begins: 0, or the size of `part`."""
    size = part.stat().st_size if part.exists() else 0
    content_range = response.headers.get("Content-Range", "")
    if response.status_code == 200:
        return 0
    if response.status_code == 206 and re.match(rf"bytes {size}-", content_range):
        return size
    # A range that the server can't satisfy, or did not satisfy as asked: begin again.
    part.unlink(missing_ok=True)
    raise _TryAgain(f"HTTP {response.status_code} for bytes from {size}, with Content-Range {content_range!r}")
