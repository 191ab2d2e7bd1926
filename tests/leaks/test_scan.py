"""`scan_leaks` and `python -m django_apiaccess.leaks.scan`: every key is found where it stands, nothing else is, and none is shown."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from hypothesis import given
from hypothesis import strategies as st

import django_apiaccess
from django_apiaccess.core import secrets
from django_apiaccess.leaks import diffs, finder, scan
from django_apiaccess.leaks.finder import Finder

ROOT = Path(django_apiaccess.__file__).parent.parent
KEY = secrets.make_key("ak").text


def run(*arguments: str, stdin: bytes = b"", cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    """As a pre-commit hook runs it: another process, without any settings of Django."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO")}
    done = subprocess.run(
        [sys.executable, "-m", "django_apiaccess.leaks.scan", *arguments],
        input=stdin,
        capture_output=True,
        cwd=cwd,
        env={**clean, "PYTHONPATH": str(ROOT), **env},
        check=False,
    )
    out = subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())
    assert KEY.split("_")[2][:12] not in out.stdout + out.stderr
    return out


def found_in(data: bytes, *prefixes: str) -> list[tuple[int, int, str]]:
    return [(seen.line, seen.column, seen.shown) for seen in Finder(prefixes or ("ak",)).in_stream(io.BytesIO(data))]


SHOWN = f"ak_{KEY.split('_')[1]}_…"


class TestFiles:
    def test_a_key_is_named_by_place_and_id_and_the_exit_code_is_1(self, tmp_path):
        (tmp_path / "settings.py").write_text(f"A = 1\nKEY = '{KEY}'\n")
        done = run(str(tmp_path))
        assert done.stdout == f"{tmp_path}/settings.py:2:8: API key {SHOWN}\n"
        assert done.returncode == 1

    def test_nothing_is_found_in_what_only_looks_like_a_key(self, tmp_path):
        wrong = KEY[:-1] + ("0" if KEY[-1] != "0" else "1")
        (tmp_path / "a").write_text(f"{wrong} {KEY[:-1]} {KEY.upper()} ak_000000000000_{'0' * 49}")
        done = run(str(tmp_path))
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    def test_it_runs_where_django_is_not_installed(self, tmp_path):
        (tmp_path / "a").write_text(KEY)
        blocked = (
            "import sys\n"
            "class No:\n"
            "    def find_spec(self, name, *rest):\n"
            "        if name.partition('.')[0] in {'django', 'rest_framework'}: raise ImportError(name)\n"
            "sys.meta_path.insert(0, No())\n"
            f"from django_apiaccess.leaks.scan import main; sys.exit(main([{str(tmp_path)!r}]))"
        )
        done = subprocess.run(
            [sys.executable, "-c", blocked], env={"PYTHONPATH": str(ROOT)}, capture_output=True, check=False
        )
        assert (done.returncode, done.stderr) == (1, b"")

    def test_folders_that_are_git_s_or_not_ours_are_skipped_unless_named(self, tmp_path):
        for folder in (".git", "node_modules", ".venv"):
            (tmp_path / folder).mkdir()
            (tmp_path / folder / "a").write_text(KEY)
        assert run(str(tmp_path)).returncode == 0
        assert run(str(tmp_path / ".git")).returncode == 1

    def test_links_make_no_loop_and_nothing_is_found_twice(self, tmp_path):
        (tmp_path / "a").write_text(KEY)
        (tmp_path / "loop").symlink_to(tmp_path)
        (tmp_path / "again").symlink_to(tmp_path / "a")
        (tmp_path / "dangling").symlink_to(tmp_path / "none")
        os.mkfifo(tmp_path / "pipe")
        done = run(str(tmp_path), str(tmp_path / "a"))
        assert len(done.stdout.splitlines()) == 1
        assert done.stderr == ""

    def test_what_cannot_be_read_is_told_with_exit_code_2(self, tmp_path):
        (tmp_path / "bad.gz").write_bytes(b"\x1f\x8b" + b"\0" * 50)
        done = run(str(tmp_path / "none"), str(tmp_path))
        assert done.returncode == 2
        assert "none: No such file" in done.stderr
        assert "bad.gz" in done.stderr

    def test_a_finding_weighs_more_than_what_could_not_be_read(self, tmp_path):
        (tmp_path / "a").write_text(KEY)
        assert run(str(tmp_path), str(tmp_path / "none")).returncode == 1

    @pytest.mark.parametrize(
        "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-16-le", "latin-1", "cp1252"]
    )
    def test_every_usual_encoding_is_read(self, tmp_path, encoding):
        (tmp_path / "a").write_bytes(f"née\n  {KEY}\n".encode(encoding))
        done = run(str(tmp_path))
        assert ":2:3: " in done.stdout

    def test_binary_and_packed_files_are_read(self, tmp_path):
        noise = random.Random(1).randbytes(100_000)
        (tmp_path / "a.bin").write_bytes(noise + KEY.encode() + noise)
        (tmp_path / "b.log.gz").write_bytes(gzip.compress(f"\n{KEY}".encode()))
        assert len(run(str(tmp_path)).stdout.splitlines()) == 2

    def test_json_holds_all_but_the_secret(self, tmp_path):
        (tmp_path / "a").write_text(f"{KEY}\n{secrets.make_key('rt').text} {secrets.make_key('cs').text}")
        rows = json.loads(run(str(tmp_path), "--format", "json").stdout)
        assert [(row["line"], row["column"], row["kind"]) for row in rows] == [
            (1, 1, "API key"),
            (2, 1, "refresh token"),
            (2, 67, "client secret"),
        ]
        assert rows[0]["public_id"] == KEY.split("_")[1]
        assert rows[0]["shown"] == SHOWN

    def test_json_of_nothing_is_an_empty_list(self, tmp_path):
        assert json.loads(run(str(tmp_path), "--format", "json").stdout) == []

    def test_other_prefixes_are_found_where_they_are_named(self, tmp_path):
        (tmp_path / "a").write_text(secrets.make_key("shop").text)
        assert run(str(tmp_path)).returncode == 0
        assert run(str(tmp_path), "--prefix", "ak", "--prefix", "shop").returncode == 1
        assert run(str(tmp_path), "--prefix", "Sh op").returncode == 2

    def test_what_is_allowed_with_a_reason_is_passed_over(self, tmp_path):
        (tmp_path / "a").write_text(KEY)
        allow = tmp_path / "allowed"
        allow.write_text(f"# docs\n{KEY.split('_')[1]} the example of the manual, revoked\n")
        assert run(str(tmp_path), "--allow", str(allow)).returncode == 0
        allow.write_text(KEY.split("_")[1])
        assert run(str(tmp_path), "--allow", str(allow)).returncode == 2

    def test_a_name_cannot_write_to_the_terminal(self, tmp_path):
        (tmp_path / "a\x1b[31m\n").write_text(KEY)
        assert "\x1b" not in run(str(tmp_path)).stdout

    def test_a_file_larger_than_memory_pieces_is_read_across_them(self, monkeypatch):
        monkeypatch.setattr(finder, "CHUNK", 200)
        for shift in range(0, 420, 7):
            data = b"x" * shift + b"\n" + KEY.encode() + b"\n" + b"y" * 300 + KEY.encode()
            assert found_in(data) == [(2, 1, SHOWN), (3, 301, SHOWN)]


@given(st.binary(max_size=60), st.binary(max_size=60), st.integers(1, 90))
def test_whatever_stands_around_a_key_it_is_found(before: bytes, after: bytes, size: int) -> None:
    real = finder.CHUNK
    finder.CHUNK = size  # type: ignore[misc]
    try:
        assert SHOWN in [shown for _line, _column, shown in found_in(before + KEY.encode() + after)]
    finally:
        finder.CHUNK = real  # type: ignore[misc]


@pytest.mark.parametrize("before", ["ak_000000000000_" + "0" * 47, "ak_00000000000ak_", "ak_", "_", "x", "ak_" * 20])
def test_what_is_no_key_hides_none(before):
    assert [shown for _line, _column, shown in found_in((before + KEY).encode())] == [SHOWN]


class TestHistory:
    @pytest.fixture
    def repository(self, tmp_path: Path) -> Any:
        env = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(tmp_path)}
        for who in ("AUTHOR", "COMMITTER"):
            env |= {f"GIT_{who}_NAME": "a", f"GIT_{who}_EMAIL": "a@example.org"}

        def git(*arguments: str) -> bytes:
            return subprocess.run(["git", *arguments], cwd=tmp_path, env=env, check=True, capture_output=True).stdout

        git("init", "-q")
        return tmp_path, git

    def test_the_commit_the_file_and_the_line_are_named(self, repository):
        path, git = repository
        file = path / "shop" / "a b.py"
        file.parent.mkdir()
        file.write_text("".join(f"{number}\n" for number in range(40)))
        git("add", "."), git("commit", "-qm", "one")
        lines = file.read_text().splitlines()
        lines[24] = f"-- {KEY}"
        file.write_text("\n".join(lines) + "\n")
        git("add", "."), git("commit", "-qm", "two")
        added = git("rev-parse", "HEAD").decode().strip()
        file.write_text("".join(f"{number}\n" for number in range(40)))
        git("commit", "-qam", f"three, without {secrets.make_key('ak').text}")
        removed = git("rev-parse", "HEAD").decode().strip()

        rows = json.loads(run("-", "--format", "json", stdin=git("log", "-p")).stdout)

        assert [(row["commit"], row["path"], row["line"], row["column"]) for row in rows] == [
            (removed, "<stdin>", 5, rows[0]["column"]),
            (removed, "shop/a b.py", 24, 4),
            (added, "shop/a b.py", 25, 4),
        ]

    def test_a_deleted_file_keeps_its_name(self, repository):
        path, git = repository
        (path / "a.env").write_text(KEY)
        git("add", "."), git("commit", "-qm", "one"), git("rm", "-q", "a.env"), git("commit", "-qm", "two")
        rows = json.loads(run("-", "--format", "json", stdin=git("log", "-p")).stdout)
        assert [row["path"] for row in rows] == ["a.env", "a.env"]

    def test_lines_that_look_like_headers_are_no_headers_inside_a_hunk(self):
        text = f"--- a/x\n+++ b/x\n@@ -1,2 +1,3 @@\n --- a/y\n+++ b/z {KEY}\n+{KEY}\n-- old\n--- a/w\n+++ b/w\n@@ -0,0 +7 @@\n+{KEY}\n"
        spots = [
            (spot.path, seen.line, seen.column)
            for spot, seen in diffs.sightings(io.BytesIO(text.encode()), Finder(["ak"]))
        ]
        assert spots == [("x", 2, 8), ("x", 3, 1), ("w", 7, 1)]

    def test_a_log_that_is_no_diff_is_counted_by_its_lines(self):
        done = run("-", stdin=f"one\ntwo {KEY}\n".encode())
        assert done.stdout == f"<stdin>:2:5: API key {SHOWN}\n"

    def test_a_line_of_many_megabytes_is_read_in_pieces(self, monkeypatch):
        monkeypatch.setattr(diffs, "LONGEST", 150)
        monkeypatch.setattr(diffs, "CHUNK", 200)
        for shift in range(0, 320, 7):
            data = b"x" * shift + KEY.encode() + b"y" * 400 + b"\n" + KEY.encode()
            spots = [(seen.line, seen.column) for _spot, seen in diffs.sightings(io.BytesIO(data), Finder(["ak"]))]
            assert spots == [(1, shift + 1), (2, 1)]


class TestTheCommand:
    def test_finds_the_keys_of_the_project_without_a_database(self, tmp_path, settings, capsys):
        settings.API_ACCESS = {**settings.API_ACCESS, "KEY_PREFIX": "shop"}
        (tmp_path / "a").write_text(secrets.make_key("shop").text)
        with pytest.raises(SystemExit) as ended:
            call_command("scan_leaks", str(tmp_path))
        assert ended.value.code == 1
        assert "API key shop_" in capsys.readouterr().out

    def test_ends_quietly_where_there_is_none(self, tmp_path, capsys):
        call_command("scan_leaks", str(tmp_path))
        assert capsys.readouterr().out == ""

    def test_tells_what_could_not_be_read_by_its_exit_code(self, tmp_path):
        with pytest.raises(SystemExit) as ended:
            call_command("scan_leaks", str(tmp_path / "none"))
        assert ended.value.code == 2


def test_the_hook_of_pre_commit_runs_what_there_is(tmp_path):
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert hook["language"] == "python"
    program, *arguments = hook["entry"].split()
    assert program == "python"
    (tmp_path / "a").write_text(KEY)
    done = subprocess.run(
        [sys.executable, *arguments, "a"], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, check=False
    )
    assert done.returncode == 1


def test_a_reader_that_has_enough_is_no_error(tmp_path):
    (tmp_path / "a").write_text(f"{KEY}\n" * 20_000)
    script = f"{sys.executable} -m django_apiaccess.leaks.scan {tmp_path} | head -1"
    done = subprocess.run(
        ["sh", "-c", script], env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, check=False
    )
    assert done.stderr == b""


def test_a_scan_reads_many_megabytes_a_second():
    """A bound far below what it does (see the how-to), so that a busy machine does not fail it."""
    text = (Path(scan.__file__).read_bytes() * 1000)[: 8 << 20]
    import time

    began = time.process_time()
    assert found_in(text) == []
    assert time.process_time() - began < 4
