"""`python -m benchmarks request|oauth|growth|startup|flush|profile|audit`."""

from __future__ import annotations

import argparse
from importlib import import_module


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="See benchmarks/README.md.")
    parser.add_argument("what", choices=["request", "oauth", "growth", "startup", "flush", "profile", "audit"])
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    import_module(f".{options.what}", __package__).run(options.rounds)


if __name__ == "__main__":
    main()
