"""The compile cache: whatever is on the disk, a load gives the stored bytes or nothing."""

import multiprocessing
import os
import sys
import time
import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.compile.llvm import cache

KEY = cache.make_key("some module")
PAYLOAD = bytes(range(256)) * 5


@pytest.fixture
def directory(tmp_path, monkeypatch):
    monkeypatch.setenv("PELLUCID_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def only_file(directory: Path) -> Path:
    (path,) = directory.iterdir()
    return path


def test_stores_and_loads(directory):
    assert cache.load(KEY) is None
    assert not directory.exists()  # a load creates nothing
    cache.store(KEY, PAYLOAD)
    assert cache.load(KEY) == PAYLOAD
    assert only_file(directory).read_bytes().endswith(PAYLOAD)


def test_stores_nothing_at_all(directory):
    cache.store(KEY, b"")
    assert cache.load(KEY) == b""


def test_replaces(directory):
    cache.store(KEY, b"old")
    cache.store(KEY, b"new")
    assert cache.load(KEY) == b"new"
    only_file(directory)


HEADER = cache._HEADER.size


@pytest.mark.parametrize(
    "length", [0, 1, 7, 8, 11, 12, 19, 20, HEADER - 1, HEADER, HEADER + 1, HEADER + len(PAYLOAD) // 2, -1]
)
def test_truncated_file_is_a_miss_and_is_replaced(directory, length):
    cache.store(KEY, PAYLOAD)
    path = only_file(directory)
    path.write_bytes(path.read_bytes()[:length])
    assert cache.load(KEY) is None
    cache.store(KEY, PAYLOAD)
    assert cache.load(KEY) == PAYLOAD


@given(position=st.integers(0, HEADER + len(PAYLOAD) - 1), bit=st.integers(0, 7))
def test_a_single_flipped_bit_is_noticed(tmp_path_factory, position, bit):
    with pytest.MonkeyPatch.context() as environment:
        directory = tmp_path_factory.mktemp("flipped")
        environment.setenv("PELLUCID_CACHE_DIR", str(directory))
        cache.store(KEY, PAYLOAD)
        path = only_file(directory)
        content = bytearray(path.read_bytes())
        content[position] ^= 1 << bit
        path.write_bytes(content)
        assert cache.load(KEY) is None


@pytest.mark.parametrize("change", [lambda c: c + b"\0", lambda c: c + c, lambda c: b"", lambda c: b"x" * len(c)])
def test_longer_and_foreign_files_are_misses(directory, change):
    cache.store(KEY, PAYLOAD)
    path = only_file(directory)
    path.write_bytes(change(path.read_bytes()))
    assert cache.load(KEY) is None


def test_a_file_under_another_key_is_foreign(directory):
    cache.store(KEY, PAYLOAD)
    other = cache.make_key("another module")
    path = only_file(directory)
    path.rename(path.with_name(path.name.replace(KEY, other)))
    assert cache.load(other) is None


def test_a_directory_in_place_of_the_file_is_a_miss(directory):
    (directory / f"{KEY}.object").mkdir(parents=True)
    assert cache.load(KEY) is None


def test_keys_mix_every_part():
    keys = {cache.make_key(*parts) for parts in [(), ("",), ("", ""), ("ab", "c"), ("a", "bc"), ("abc",), ("abc", "")]}
    assert len(keys) == 7
    assert cache.make_key("é") == cache.make_key("é".encode())


@pytest.mark.parametrize("key", ["", "a/b", "../up", "a b", "x" * 121, "a\n"])
def test_keys_cannot_leave_the_directory(directory, key):
    with pytest.raises(ValueError, match="cache key"):
        cache.load(key)


def test_unwritable_directory_warns_once_and_works(tmp_path, monkeypatch):
    obstacle = tmp_path / "a file"
    obstacle.write_text("not a directory")
    monkeypatch.setenv("PELLUCID_CACHE_DIR", str(obstacle / "cache"))
    with pytest.warns(RuntimeWarning, match=r"cannot be written .* PELLUCID_CACHE_DIR"):
        cache.store(KEY, PAYLOAD)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cache.store(KEY, PAYLOAD)
    assert cache.load(KEY) is None
    assert cache.clear_cache() == 0


def test_no_home_directory_means_no_cache(monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    for name in ("PELLUCID_CACHE_DIR", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    assert cache.cache_directory() is None
    cache.store(KEY, PAYLOAD)
    assert cache.load(KEY) is None
    assert cache.clear_cache() == 0


@pytest.mark.parametrize(
    "platform, variables, expected",
    [
        ("linux", {}, ".cache/pellucid"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, ".cache/pellucid"),  # the standard says to ignore these
        ("darwin", {}, "Library/Caches/pellucid"),
        ("win32", {}, "AppData/Local/pellucid"),
    ],
)
def test_directory_of_each_platform(tmp_path, monkeypatch, platform, variables, expected):
    for name in ("PELLUCID_CACHE_DIR", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr(sys, "platform", platform)
    assert cache.cache_directory() == tmp_path / expected


@pytest.mark.parametrize("platform, name", [("linux", "XDG_CACHE_HOME"), ("win32", "LOCALAPPDATA")])
def test_directory_from_the_environment(tmp_path, monkeypatch, platform, name):
    monkeypatch.delenv("PELLUCID_CACHE_DIR", raising=False)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv(name, str(tmp_path))
    assert cache.cache_directory() == tmp_path / "pellucid"


def test_clear_removes_own_files_only(directory):
    for number in range(3):
        cache.store(cache.make_key(str(number)), PAYLOAD)
    (directory / "notes.txt").write_text("mine")
    assert cache.clear_cache() == 3
    assert only_file(directory).name == "notes.txt"


def test_eviction_takes_the_least_recently_used(directory):
    keys = [cache.make_key(str(number)) for number in range(10)]
    for age, key in enumerate(keys):
        cache.store(key, bytes(1000))
        stamp = time.time() - 10_000 * (age + 1)
        os.utime(directory / f"{key}.object", (stamp, stamp))
    assert cache.load(keys[9]) is not None  # the oldest, but now used
    cache._evict(directory, limit=5 * (1000 + HEADER))
    assert [key for key in keys if cache.load(key) is not None] == [*keys[:3], keys[9]]


def test_eviction_removes_abandoned_temporary_files(directory):
    cache.store(KEY, PAYLOAD)
    fresh, stale = directory / "1-a.partial", directory / "2-b.partial"
    for path in (fresh, stale):
        path.write_bytes(b"half")
    os.utime(stale, (0, 0))
    assert cache._evict(directory, cache.SIZE_LIMIT) == 1
    assert fresh.exists()
    assert cache.load(KEY) == PAYLOAD


def _hammer(directory: str, seed: int, failures) -> None:
    os.environ["PELLUCID_CACHE_DIR"] = directory
    for turn in range(60):
        key = cache.make_key(str((seed + turn) % 5))
        cache.store(key, key.encode() * 3000)
        found = cache.load(key)
        if found is not None and found != key.encode() * 3000:
            failures.put((seed, turn))
        if turn % 20 == seed:
            cache.clear_cache()


def test_concurrent_processes_never_see_half_a_file(directory):
    context = multiprocessing.get_context("spawn")
    failures = context.Queue()
    workers = [context.Process(target=_hammer, args=(str(directory), seed, failures)) for seed in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert failures.empty()
    assert not list(directory.glob("*.partial"))
