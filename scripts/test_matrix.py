"""Run the test suite on every supported Python and Django that this machine has, each pair in its own environment.

    python scripts/test_matrix.py            everything that is found
    python scripts/test_matrix.py -k keys    ... with arguments for pytest

Interpreters are looked for on PATH and among pyenv's versions. What is not found is skipped, and the closing table says so.
Runs on SQLite unless DATABASE_URL names a server.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHONS = ("3.11", "3.12", "3.13")
DJANGOS = {"5.2": "django>=5.2,<5.3", "newest": "django"}
NEWEST_DJANGO_NEEDS = (3, 12)


def version_of(program: str | Path) -> str:
    """`3.12` for a Python 3.12 that works, else an empty text (a shim without a version behind it, say)."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        answer = subprocess.run([program, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""


def interpreter(version: str) -> Path | None:
    """A Python of that version: this one, on PATH, or of pyenv."""
    candidates: list[str | Path | None] = [sys.executable, shutil.which(f"python{version}")]
    candidates += sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"), reverse=True)
    for candidate in candidates:
        if candidate and version_of(candidate) == version:
            return Path(candidate)
    return None


def newer(path: Path, than: Path) -> bool:
    """True where `path` exists and was changed after `than`."""
    return path.exists() and path.stat().st_mtime > than.stat().st_mtime


def environment(python: Path, name: str, requirement: str) -> Path | None:
    """The Python of an environment that has the package, its extras and that Django; None when installing failed."""
    folder = ROOT / ".venvs" / name
    program, stamp = folder / "bin" / "python", folder / ".installed"
    if newer(stamp, than=ROOT / "pyproject.toml"):
        return program
    pip: list[str | Path] = [program, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"]
    steps: tuple[list[str | Path], ...] = (
        [python, "-m", "venv", folder],
        [*pip, "--editable", ".[all,dev]", requirement],
    )
    for step in steps:
        if subprocess.run(step, cwd=ROOT, check=False).returncode != 0:
            return None
    stamp.touch()
    return program


def run_pair(version: str, django: str, python: Path | None, arguments: list[str]) -> str:
    """One line for the closing table."""
    if python is None:
        return f"SKIPPED: no Python {version} found"
    if django == "newest" and tuple(map(int, version.split("."))) < NEWEST_DJANGO_NEEDS:
        return "SKIPPED: newest Django needs Python 3.12"
    program = environment(python, f"py{version}-django-{django}", DJANGOS[django])
    if program is None:
        return "FAILED to install"
    code = "import django, platform; print(f'Python {platform.python_version()}, Django {django.__version__}')"
    what = subprocess.run([program, "-c", code], capture_output=True, text=True, check=False).stdout.strip()
    print(f"=== {what} ===", flush=True)
    tests: list[str | Path] = [program, "-m", "pytest", "-n", os.environ.get("WORKERS", "2"), "-q", *arguments]
    result = subprocess.run(tests, cwd=ROOT, check=False)
    return f"{'passed' if result.returncode == 0 else 'FAILED'}: {what}"


def main(arguments: list[str]) -> int:
    """Run all pairs and print the table."""
    results = {}
    for version in PYTHONS:
        python = interpreter(version)
        for django in DJANGOS:
            results[version, django] = run_pair(version, django, python, arguments)
    print("\nPython  Django  result")
    for (version, django), result in results.items():
        print(f"{version:<7} {django:<7} {result}")
    failed = any(result.startswith("FAILED") for result in results.values())
    ran = any(result.startswith("passed") for result in results.values())
    return 0 if ran and not failed else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
