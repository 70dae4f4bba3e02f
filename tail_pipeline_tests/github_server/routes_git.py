"""References, trees, blobs and commits as git objects: ``/repos/{owner}/{repo}/git/...``."""

from __future__ import annotations

from base64 import b64decode, encodebytes
from binascii import Error as NotBase64
from datetime import datetime
from typing import Any

from tail_pipeline_tests.github_server.git_store import NO_OBJECT, Identity, RefRefused, TreeEntry, valid_ref
from tail_pipeline_tests.github_server.repository import HostedRepository
from tail_pipeline_tests.github_server.routing import ApiError, Reply, Request, not_found, route
from tail_pipeline_tests.github_server.views import Json, Links, git_commit_json, node_id

_GIT = "/repos/{owner}/{repo}/git"
_READ, _WRITE = "contents=read", "contents=write"


# References


@route("GET", f"{_GIT}/ref/{{ref}}", needs=_READ)
def get_ref(repository: HostedRepository, request: Request) -> Reply:
    name = f"refs/{request.params['ref']}"
    found = repository.git.refs(name).get(name) if valid_ref(name) else None
    if found is None:
        raise not_found()
    return Reply(200, _ref_json(Links.of(request, repository), name, *found))


@route("GET", f"{_GIT}/matching-refs/{{ref}}", needs=_READ)
def get_matching_refs(repository: HostedRepository, request: Request) -> Reply:
    links = Links.of(request, repository)
    found = repository.git.refs(f"refs/{request.params['ref']}")
    return Reply(200, [_ref_json(links, name, *target) for name, target in found.items()])


@route("POST", f"{_GIT}/refs", needs=_WRITE)
def create_ref(repository: HostedRepository, request: Request) -> Reply:
    name, sha = request.required("ref", "sha")
    if not name.startswith("refs/") or not valid_ref(name):
        raise ApiError(422, f"{name} is not a valid ref name.")
    found = repository.git.object(sha)
    if found is None:
        raise ApiError(422, "Object does not exist")
    if repository.git.ref(name):
        raise ApiError(422, "Reference already exists")
    _moved(repository, name, sha, NO_OBJECT, "Reference cannot be created")
    return Reply(201, _ref_json(Links.of(request, repository), name, sha, found[1]))


@route("PATCH", f"{_GIT}/refs/{{ref}}", needs=_WRITE)
def update_ref(repository: HostedRepository, request: Request) -> Reply:
    name = f"refs/{request.params['ref']}"
    (sha,) = request.required("sha")
    old = repository.git.ref(name)
    if old is None:
        raise ApiError(422, "Reference does not exist")
    found = repository.git.object(sha)
    if found is None:
        raise ApiError(422, "Object does not exist")
    refuse_protected(repository, name)
    if not request.field("force", default=False) and not repository.git.is_ancestor(old, sha):
        raise ApiError(422, "Update is not a fast forward")
    _moved(repository, name, sha, old, "Reference cannot be updated")
    return Reply(200, _ref_json(Links.of(request, repository), name, sha, found[1]))


@route("DELETE", f"{_GIT}/refs/{{ref}}", needs=_WRITE)
def delete_ref(repository: HostedRepository, request: Request) -> Reply:
    name = f"refs/{request.params['ref']}"
    if repository.git.ref(name) is None:
        raise ApiError(422, "Reference does not exist")
    refuse_protected(repository, name)
    repository.git.delete_ref(name)
    return Reply(204)


def refuse_protected(repository: HostedRepository, name: str) -> None:
    """Raise what GitHub says to a direct push to a protected branch."""
    protection = repository.protected.get(name.removeprefix("refs/heads/"))
    if protection == "classic":
        raise ApiError(422, f"Protected branch update failed for {name}.")
    if protection == "ruleset":
        raise ApiError(422, "Repository rule violations found\n\nChanges must be made through a pull request.\n\n")


def _moved(repository: HostedRepository, name: str, sha: str, old: str, refused: str) -> None:
    try:
        repository.git.update_ref(name, sha, old)
    except RefRefused as error:
        raise ApiError(422, refused) from error
    repository.tick()


def _ref_json(links: Links, name: str, sha: str, kind: str) -> Json:
    return {
        "ref": name,
        "node_id": node_id("Ref", name),
        "url": f"{links.repo}/git/{name}",
        "object": {"type": kind, "sha": sha, "url": f"{links.repo}/git/{kind}s/{sha}"},
    }


# Blobs


@route("GET", f"{_GIT}/blobs/{{file_sha}}", needs=_READ)
def get_blob(repository: HostedRepository, request: Request) -> Reply:
    sha = request.params["file_sha"]
    content = repository.git.blob(sha)
    if content is None:
        raise not_found()
    links = Links.of(request, repository)
    said = {"sha": sha, "node_id": node_id("Blob", sha), "size": len(content), "url": f"{links.repo}/git/blobs/{sha}"}
    return Reply(200, said | {"content": encodebytes(content).decode(), "encoding": "base64"})


@route("POST", f"{_GIT}/blobs", needs=_WRITE)
def create_blob(repository: HostedRepository, request: Request) -> Reply:
    (content,) = request.required("content")
    sha = repository.git.write_blob(_decoded(content, request.field("encoding", "utf-8")))
    return Reply(201, {"sha": sha, "url": f"{Links.of(request, repository).repo}/git/blobs/{sha}"})


def _decoded(content: str, encoding: str) -> bytes:
    if encoding != "base64":
        return content.encode()
    try:
        return b64decode(content)
    except NotBase64 as error:
        raise ApiError(422, "content is not valid Base64") from error


# Trees


@route("GET", f"{_GIT}/trees/{{ref}}", needs=_READ)
def get_tree(repository: HostedRepository, request: Request) -> Reply:
    name = request.params["ref"]
    found = repository.git.object(f"{name}^{{tree}}")
    if found is None or found[1] != "tree":
        raise not_found()
    recursive = "recursive" in request.query
    return Reply(200, _tree_json(Links.of(request, repository), found[0], recursive=recursive))


@route("POST", f"{_GIT}/trees", needs=_WRITE)
def create_tree(repository: HostedRepository, request: Request) -> Reply:
    (entries,) = request.required("tree")
    base = request.field("base_tree")
    if base and not repository.git.object(f"{base}^{{tree}}"):
        raise ApiError(422, "base_tree is not a valid tree oid")
    sha = repository.git.write_tree(base, [_tree_change(repository, entry) for entry in entries])
    return Reply(201, _tree_json(Links.of(request, repository), sha, recursive=False))


def _tree_change(repository: HostedRepository, entry: Json) -> tuple[str, str, str | None]:
    """(mode, path, sha) of one entry as it was sent; its content becomes a blob."""
    path, mode = entry.get("path"), entry.get("mode", "100644")
    if not path:
        raise ApiError(422, "Must supply a valid tree.path")
    if "content" in entry:
        return mode, path, repository.git.write_blob(entry["content"].encode())
    if "sha" not in entry:
        raise ApiError(422, "Must supply either tree.sha or tree.content")
    if entry["sha"] is not None and repository.git.object(entry["sha"]) is None:
        raise ApiError(422, f"tree.sha {entry['sha']} is not a valid {entry.get('type', 'blob')}")
    return mode, path, entry["sha"]


def _tree_json(links: Links, sha: str, *, recursive: bool) -> Json:
    entries = links.repository.git.tree(sha, recursive=recursive)
    return {
        "sha": sha,
        "url": f"{links.repo}/git/trees/{sha}",
        "tree": [_entry_json(links, entry) for entry in entries],
        "truncated": False,
    }


def _entry_json(links: Links, entry: TreeEntry) -> Json:
    said: dict[str, Any] = {"path": entry.path, "mode": entry.mode, "type": entry.type, "sha": entry.sha}
    if entry.size is not None:
        said["size"] = entry.size
    return said | {"url": f"{links.repo}/git/{entry.type}s/{entry.sha}"}


# Commits


@route("GET", f"{_GIT}/commits/{{commit_sha}}", needs=_READ)
def get_commit_object(repository: HostedRepository, request: Request) -> Reply:
    commit = repository.git.commit(request.params["commit_sha"])
    if commit is None:
        raise not_found()
    return Reply(200, git_commit_json(Links.of(request, repository), commit))


@route("POST", f"{_GIT}/commits", needs=_WRITE)
def create_commit(repository: HostedRepository, request: Request) -> Reply:
    message, tree = request.required("message", "tree")
    parents = request.field("parents", [])
    if not repository.git.object(f"{tree}^{{tree}}"):
        raise ApiError(422, "Tree SHA does not exist")
    if not all(repository.git.commit(parent) for parent in parents):
        raise ApiError(422, "Parent SHA does not exist or is not a commit object")
    default = repository.identity(request.token.account)
    author = _identity(request.field("author"), default)
    committer = _identity(request.field("committer"), author)
    sha = repository.git.write_commit(tree, parents, message, author, committer)
    commit = repository.git.commit(sha)
    assert commit is not None
    return Reply(201, git_commit_json(Links.of(request, repository), commit))


def _identity(said: Json | None, default: Identity) -> Identity:
    if said is None:
        return default
    when = datetime.fromisoformat(said["date"]) if said.get("date") else default.when
    return Identity(said["name"], said["email"], when)
