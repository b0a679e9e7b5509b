"""A bounded directory of compiled objects that many processes share and none of them needs to trust.

Every file carries a magic number, its length and a checksum over its key and payload. Whatever does not add up (a
truncated, damaged or foreign file) is a miss and is replaced by the next `store`; nothing here raises because of what
is on the disk.
"""

import hashlib
import itertools
import os
import re
import struct
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

SIZE_LIMIT = 512 * 2**20
"""Bytes the directory may hold; the least recently used files go first."""

_MAGIC = b"pellucid"
_FORMAT = 1
_HEADER = struct.Struct("<8sIQ32s")
_SUFFIX = ".object"
_TEMPORARY = ".partial"
_STORES_BETWEEN_CHECKS = 64
_SECONDS_BETWEEN_TOUCHES = 3600
_SECONDS_BEFORE_ABANDONED = 24 * 3600

_lock = threading.Lock()
_stores = itertools.count()
_warned: set[str] = set()


def cache_directory() -> Path | None:
    r"""Return the directory of the cache, or None where the user has no home directory.

    The environment variable ``PELLUCID_CACHE_DIR`` comes first, then the platform's place for caches:
    ``$XDG_CACHE_HOME/pellucid`` or ``~/.cache/pellucid``, ``~/Library/Caches/pellucid`` on macOS,
    ``%LOCALAPPDATA%\pellucid`` on Windows. The directory need not exist: the first `store` creates it.
    """
    if chosen := os.environ.get("PELLUCID_CACHE_DIR"):
        return Path(chosen).expanduser()
    try:
        return _platform_directory() / "pellucid"
    except RuntimeError:  # pathlib's way to say that there is no home directory
        return None


def _platform_directory() -> Path:
    """Return where this platform keeps a user's caches."""
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return Path(local) if local else Path.home() / "AppData" / "Local"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    chosen = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return chosen if chosen.is_absolute() else Path.home() / ".cache"


def make_key(*parts: str | bytes) -> str:
    """Return a hexadecimal key that differs whenever any part, or the split into parts, differs.

    Examples
    --------
    >>> make_key("ab", "c") == make_key("a", "bc")
    False
    """
    digest = hashlib.blake2b(digest_size=20)
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()


def load(key: str) -> bytes | None:
    """Return what was stored under `key`, or None if there is nothing intact."""
    path = _path(key)
    if path is None:
        return None
    try:
        content = path.read_bytes()
    except OSError:
        return None
    payload = _unpack(key, content)
    if payload is not None:
        _touch(path)
    return payload


def store(key: str, payload: bytes) -> None:
    """Keep `payload` under `key`; where the directory cannot be written, warn once and go on without."""
    path = _path(key)
    if path is None:
        return
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_atomically(path, _pack(key, payload))
    except OSError as error:
        _warn_once(path.parent, error)
        return
    if _is_time_to_check():
        _evict(path.parent, SIZE_LIMIT)


def clear_cache() -> int:
    """Remove every file of the compilation cache and return how many there were.

    Functions already compiled in this or another process go on working.
    """
    directory = cache_directory()
    return 0 if directory is None else sum(_remove(path) for path, _ in _files(directory))


def _path(key: str) -> Path | None:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,120}", key):
        raise ValueError(f"a cache key is 1 to 120 letters, digits, '-' or '_' (see make_key), got {key!r}")
    directory = cache_directory()
    return None if directory is None else directory / f"{key}{_SUFFIX}"


def _checksum(key: str, payload: bytes) -> bytes:
    # The key is part of it: a file renamed or copied to another key is foreign there.
    return hashlib.blake2b(payload, digest_size=32, key=hashlib.blake2b(key.encode()).digest()).digest()


def _pack(key: str, payload: bytes) -> bytes:
    return _HEADER.pack(_MAGIC, _FORMAT, len(payload), _checksum(key, payload)) + payload


def _unpack(key: str, content: bytes) -> bytes | None:
    if len(content) < _HEADER.size:
        return None
    magic, version, length, checksum = _HEADER.unpack_from(content)
    payload = content[_HEADER.size :]
    intact = (magic, version, length) == (_MAGIC, _FORMAT, len(payload)) and checksum == _checksum(key, payload)
    return payload if intact else None


def _write_atomically(path: Path, content: bytes) -> None:
    """Write a file that other processes see either whole or not at all."""
    temporary = path.with_name(f"{os.getpid()}-{os.urandom(8).hex()}{_TEMPORARY}")
    try:
        with temporary.open("xb") as file:
            file.write(content)
        temporary.replace(path)
    except BaseException:
        _remove(temporary)
        raise


def _touch(path: Path) -> None:
    """Record a use, at most once an hour: a cache hit should not cost a write."""
    try:
        if time.time() - path.stat().st_mtime > _SECONDS_BETWEEN_TOUCHES:
            os.utime(path)
    except OSError:
        return  # removed meanwhile, or a read-only directory: only the order of eviction suffers


def _files(directory: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield the cache's own files with their status; other people's files are none of its business."""
    try:
        entries = list(os.scandir(directory))
    except OSError:
        return
    for entry in entries:
        if entry.name.endswith((_SUFFIX, _TEMPORARY)):
            try:
                yield Path(entry.path), entry.stat()
            except OSError:
                continue  # another process removed it between the two calls


def _remove(path: Path) -> bool:
    try:
        path.unlink()
    except OSError:
        return False
    return True


def _is_time_to_check() -> bool:
    """Count a store; true for the first one of the process and every 64th after it."""
    return next(_stores) % _STORES_BETWEEN_CHECKS == 0


def _evict(directory: Path, limit: int) -> int:
    """Remove abandoned temporary files and then the least recently used objects until four fifths of `limit` remain."""
    now = time.time()
    found = sorted(_files(directory), key=lambda item: item[1].st_mtime)
    finished = [item for item in found if item[0].name.endswith(_SUFFIX)]
    removed = sum(
        _remove(path)
        for path, status in found
        if path.name.endswith(_TEMPORARY) and now - status.st_mtime > _SECONDS_BEFORE_ABANDONED
    )
    total = sum(status.st_size for _, status in finished)
    target = limit if total <= limit else limit * 4 // 5
    for path, status in finished:
        if total <= target:
            break
        removed += _remove(path)
        total -= status.st_size
    return removed


def _warn_once(directory: Path, error: OSError) -> None:
    with _lock:
        known = str(directory) in _warned
        _warned.add(str(directory))
    if not known:
        warnings.warn(
            f"compiled code is not kept on disk because {directory} cannot be written ({error}). "
            "Every new process will compile again; set PELLUCID_CACHE_DIR to a writable directory to avoid that.",
            RuntimeWarning,
            stacklevel=2,
        )
