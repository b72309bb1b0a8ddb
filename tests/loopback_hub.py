"""A Hugging Face Hub on 127.0.0.1, in memory, for tests: what `huggingface_hub` asks when it pushes and loads.

Repositories hold commits, branches and tags; a commit holds whole files. Writing, and reading a private repository,
needs `TOKEN`. Clients read their settings at import, so they run in a process of their own with `LoopbackHub.env`.
Text goes into the commit, binary files through LFS (batch, PUT, verify); all are served directly, where the real Hub
redirects to a CDN, and by ranges. The dataset viewer, Xet, search and everything no test has needed are absent.
"""

import base64
import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "hf_loopback"
LFS_SUFFIXES = {".gz", ".jpg", ".parquet", ".pdf", ".png", ".safetensors", ".tar", ".whl"}


@dataclass(frozen=True)
class File:
    content: bytes
    lfs: bool

    @property
    def sha256(self):
        return hashlib.sha256(self.content).hexdigest()

    @property
    def oid(self):
        return hashlib.sha1(b"blob %d\0" % len(self.content) + self.content).hexdigest()

    @property
    def etag(self):
        return self.sha256 if self.lfs else self.oid


@dataclass(frozen=True)
class Commit:
    title: str
    files: dict[str, File]
    date: str = field(default_factory=lambda: datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"))


@dataclass
class Repo:
    private: bool = False
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def oid(self, revision):
        return self.branches.get(revision) or self.tags.get(revision) or (revision in self.commits and revision)

    def commit(self, title, files, branch="main"):
        oid = hashlib.sha1(f"{title} {len(self.commits)}".encode()).hexdigest()
        self.commits[oid] = Commit(title, files)
        self.branches[branch] = oid
        return oid


class LoopbackHub:
    """The running server: `url`, `env` for client processes, and `requests` as (method, path)."""

    def __init__(self):
        self.repos: dict[tuple[str, str], Repo] = {}
        self.objects: dict[str, bytes] = {}
        self.requests: list[tuple[str, str]] = []
        self.lock = threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("BoundHandler", (Handler,), {"hub": self}))
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exception):
        self.server.shutdown()
        self.server.server_close()

    @property
    def env(self):
        settings = {"HF_ENDPOINT": self.url, "HF_TOKEN": TOKEN, "HF_HUB_OFFLINE": "0", "HF_DATASETS_OFFLINE": "0"}
        return settings | {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "NO_PROXY": "127.0.0.1"}

    def put(self, kind, repo_id, files, private=False):
        """Makes a commit of `files` (path -> bytes) without a client; `kind` is model, dataset or space."""
        repo = self.repos.setdefault((kind, repo_id), Repo(private))
        repo.commit("put", {path: File(content, is_lfs(path)) for path, content in files.items()})

    def files(self, kind, repo_id, revision="main"):
        """path -> bytes of a revision."""
        repo = self.repos[kind, repo_id]
        return {path: file.content for path, file in repo.commits[repo.oid(revision)].files.items()}


def is_lfs(path):
    return PurePosixPath(path).suffix in LFS_SUFFIXES


class RefusalError(Exception):
    def __init__(self, status, code):
        self.status, self.code = status, code


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: LoopbackHub

    def log_message(self, *arguments):
        """Tests read `LoopbackHub.requests` instead."""

    def answer(self):
        url = urlsplit(self.path)
        self.query = parse_qs(url.query)
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.authorized = self.headers.get("Authorization") == f"Bearer {TOKEN}"
        self.hub.requests.append((self.command, url.path))
        for methods, pattern, handle in ROUTES:
            match = re.fullmatch(pattern, url.path)
            if match and self.command in methods:
                try:
                    with self.hub.lock:
                        handle(self, **{name: unquote(text or "") for name, text in match.groupdict().items()})
                except RefusalError as refusal:
                    self.send(refusal.status, {"error": refusal.code}, {"X-Error-Code": refusal.code})
                return
        self.send(404, {"error": f"no route for {self.command} {url.path}"})

    do_GET = do_HEAD = do_POST = do_PUT = answer  # noqa: N815

    def send(self, status, content=b"", headers=()):
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(data))} | dict(headers)).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def json(self):
        return json.loads(self.body or "{}")

    def repo(self, kind, repo_id):
        repo = self.hub.repos.get((kind, repo_id))
        if repo is None or (repo.private and not self.authorized):
            # As the real Hub: who is not signed in must not learn whether a private repository exists.
            raise RefusalError(404 if self.authorized else 401, "RepoNotFound")
        return repo

    def commit_at(self, kind, repo_id, revision):
        repo = self.repo(kind, repo_id)
        oid = repo.oid(revision or "main")
        if not oid:
            raise RefusalError(404, "RevisionNotFound")
        return oid, repo.commits[oid]

    def require_token(self):
        if not self.authorized:
            raise RefusalError(401, "Unauthorized")

    def whoami(self):
        self.require_token()
        self.send(200, {"type": "user", "name": "tester", "fullname": "Tester", "orgs": [], "auth": {}})

    def create_repo(self):
        self.require_token()
        new = self.json()
        kind, repo_id = new.get("type") or "model", f"{new['organization'] or 'tester'}/{new['name']}"
        existed = (kind, repo_id) in self.hub.repos
        if not existed:
            repo = self.hub.repos[kind, repo_id] = Repo(private=new.get("visibility") == "private")
            repo.commit("initial commit", {".gitattributes": File(b"*.parquet filter=lfs -text\n", lfs=False)})
        prefix = "" if kind == "model" else f"{kind}s/"
        self.send(409 if existed else 200, {"url": f"{self.hub.url}/{prefix}{repo_id}", "name": repo_id})

    def validate_yaml(self):
        front_matter = re.match(r"---\n(.+?)\n---\n", self.json()["content"], re.DOTALL)
        warnings = [] if front_matter else [{"message": "empty or missing yaml metadata"}]
        self.send(200, {"errors": [], "warnings": warnings})

    def preupload(self, kind, repo_id, revision):
        self.require_token()
        _, commit = self.commit_at(kind, repo_id, revision)
        modes = []
        for new in self.json()["files"]:
            path, old = new["path"], commit.files.get(new["path"])
            mode = {"path": path, "uploadMode": "lfs" if is_lfs(path) else "regular", "shouldIgnore": False}
            modes.append(mode | ({"oid": old.etag} if old else {}))
        self.send(200, {"files": modes})

    def lfs_batch(self, kind, repo_id):
        self.require_token()
        self.repo(kind.rstrip("s") or "model", repo_id)
        objects = []
        for wanted in self.json()["objects"]:
            href = f"{self.hub.url}/lfs/{wanted['oid']}"
            actions = {"upload": {"href": href}, "verify": {"href": f"{href}/verify"}}
            objects.append(wanted | ({} if wanted["oid"] in self.hub.objects else {"actions": actions}))
        self.send(200, {"transfer": "basic", "objects": objects})

    def lfs_put(self, sha256):
        valid = hashlib.sha256(self.body).hexdigest() == sha256
        if valid:
            self.hub.objects[sha256] = self.body
        self.send(200 if valid else 400)

    def lfs_verify(self, sha256):
        stored = self.hub.objects.get(sha256)
        self.send(200 if stored is not None and len(stored) == self.json()["size"] else 404, {})

    def commit(self, kind, repo_id, revision):
        self.require_token()
        files = dict(self.commit_at(kind, repo_id, revision)[1].files)
        lines = [json.loads(line) for line in self.body.splitlines()]
        for key, value in [(line["key"], line["value"]) for line in lines[1:]]:
            path = value["path"]
            if key == "file":
                files[path] = File(base64.b64decode(value["content"]), lfs=False)
            elif key == "lfsFile":
                files[path] = File(self.hub.objects[value["oid"]], lfs=True)
            else:
                files = {
                    name: file for name, file in files.items() if name != path and not name.startswith(path + "/")
                }
        oid = self.repo(kind, repo_id).commit(lines[0]["value"]["summary"], files, revision)
        self.send(200, {"commitOid": oid, "commitUrl": f"{self.hub.url}/{repo_id}/commit/{oid}"})

    def info(self, kind, repo_id, revision=""):
        oid, commit = self.commit_at(kind, repo_id, revision)
        private, author = self.repo(kind, repo_id).private, repo_id.split("/")[0]
        dates = {"lastModified": commit.date, "createdAt": commit.date}
        siblings = [{"rfilename": path} for path in commit.files]
        flags = {"private": private, "gated": False, "disabled": False, "tags": [], "downloads": 0, "likes": 0}
        identity = {"_id": oid[:24], "id": repo_id, "modelId": repo_id, "author": author, "sha": oid}
        self.send(200, identity | dates | flags | {"siblings": siblings})

    def entry(self, path, commit_oid, commit):
        last_commit = {"id": commit_oid, "title": commit.title, "date": commit.date}
        file = commit.files.get(path)
        if file is None:
            tree_oid = hashlib.sha1(path.encode()).hexdigest()
            return {"type": "directory", "path": path, "oid": tree_oid, "size": 0, "lastCommit": last_commit}
        entry = {"type": "file", "path": path, "oid": file.oid, "size": len(file.content), "lastCommit": last_commit}
        lfs = {"oid": file.sha256, "size": len(file.content), "pointerSize": 130}
        return entry | ({"lfs": lfs} if file.lfs else {})

    def tree(self, kind, repo_id, revision, path=""):
        oid, commit = self.commit_at(kind, repo_id, revision)
        root, recursive = PurePosixPath(path), self.query.get("recursive", ["false"])[0].casefold() == "true"
        below = sorted({p for p in paths_and_folders(commit.files) if root in PurePosixPath(p).parents})
        if path and not below:
            raise RefusalError(404, "EntryNotFound")
        listed = [p for p in below if recursive or PurePosixPath(p).parent == root]
        self.send(200, [self.entry(p, oid, commit) for p in listed])

    def paths_info(self, kind, repo_id, revision):
        oid, commit = self.commit_at(kind, repo_id, revision)
        form = parse_qs(self.body.decode())
        known = paths_and_folders(commit.files)
        self.send(200, [self.entry(path, oid, commit) for path in form.get("paths", []) if path in known])

    def commits(self, kind, repo_id, revision):
        self.commit_at(kind, repo_id, revision)
        history = reversed(self.repo(kind, repo_id).commits.items())
        rows = [{"id": oid, "title": c.title, "message": "", "date": c.date, "authors": []} for oid, c in history]
        self.send(200, rows)

    def refs(self, kind, repo_id):
        repo = self.repo(kind, repo_id)
        branches = [{"name": b, "ref": f"refs/heads/{b}", "targetCommit": oid} for b, oid in repo.branches.items()]
        tags = [{"name": t, "ref": f"refs/tags/{t}", "targetCommit": oid} for t, oid in repo.tags.items()]
        self.send(200, {"branches": branches, "converts": [], "tags": tags})

    def branch(self, kind, repo_id, name):
        self.require_token()
        oid, _ = self.commit_at(kind, repo_id, self.json().get("startingPoint", "main"))
        existed = self.repo(kind, repo_id).branches.setdefault(name, oid) != oid
        self.send(409 if existed else 200, {})

    def tag(self, kind, repo_id, revision):
        self.require_token()
        repo, name = self.repo(kind, repo_id), self.json()["tag"]
        existed = name in repo.tags
        repo.tags.setdefault(name, self.commit_at(kind, repo_id, revision)[0])
        self.send(409 if existed else 200, {})

    def resolve(self, kind, repo_id, revision, path):
        oid, commit = self.commit_at(kind.rstrip("s") or "model", repo_id, revision)
        file = commit.files.get(path)
        if file is None:
            raise RefusalError(404, "EntryNotFound")
        linked = {"X-Linked-Etag": f'"{file.sha256}"', "X-Linked-Size": str(len(file.content))} if file.lfs else {}
        self.send_ranged(file.content, {"X-Repo-Commit": oid, "ETag": f'"{file.etag}"'} | linked)

    def send_ranged(self, content, headers):
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        headers = headers | {"Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
        if not asked:
            # HEAD sends no body, so the length of the file is named here and not left to `send`.
            return self.send(200, content, headers | {"Content-Length": str(len(content))})
        start = int(asked[1])
        part = content[start : int(asked[2]) + 1 if asked[2] else None]
        if not part:
            return self.send(416, b"", {"Content-Range": f"bytes */{len(content)}"})
        content_range = f"bytes {start}-{start + len(part) - 1}/{len(content)}"
        self.send(206, part, headers | {"Content-Range": content_range})


def paths_and_folders(files):
    folders = {str(parent) for path in files for parent in PurePosixPath(path).parents}
    return set(files) | folders - {"."}


API = r"/api/(?P<kind>model|dataset|space)s/(?P<repo_id>[^/]+/[^/]+)"
REPO = r"/(?:(?P<kind>datasets|spaces)/)?(?P<repo_id>[^/]+/[^/]+?)"
REVISION = r"(?P<revision>[^/]+)"
ROUTES = [
    ({"GET"}, r"/api/whoami-v2", Handler.whoami),
    ({"POST"}, r"/api/repos/create", Handler.create_repo),
    ({"POST"}, r"/api/validate-yaml", Handler.validate_yaml),
    ({"GET"}, API, Handler.info),
    ({"GET"}, rf"{API}/revision/{REVISION}", Handler.info),
    ({"GET"}, rf"{API}/tree/{REVISION}(?:/(?P<path>.+))?", Handler.tree),
    ({"POST"}, rf"{API}/paths-info/{REVISION}", Handler.paths_info),
    ({"GET"}, rf"{API}/commits/{REVISION}", Handler.commits),
    ({"GET"}, rf"{API}/refs", Handler.refs),
    ({"POST"}, rf"{API}/branch/(?P<name>[^/]+)", Handler.branch),
    ({"POST"}, rf"{API}/tag/{REVISION}", Handler.tag),
    ({"POST"}, rf"{API}/preupload/{REVISION}", Handler.preupload),
    ({"POST"}, rf"{API}/commit/{REVISION}", Handler.commit),
    ({"POST"}, rf"{REPO}\.git/info/lfs/objects/batch", Handler.lfs_batch),
    ({"PUT"}, r"/lfs/(?P<sha256>[0-9a-f]{64})", Handler.lfs_put),
    ({"POST"}, r"/lfs/(?P<sha256>[0-9a-f]{64})/verify", Handler.lfs_verify),
    ({"GET", "HEAD"}, rf"{REPO}/resolve/{REVISION}/(?P<path>.+)", Handler.resolve),
]
