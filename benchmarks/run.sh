#!/bin/sh
# ./benchmarks/run.sh request [--rounds 15]     on a private PostgreSQL; DATABASE=sqlite ./benchmarks/run.sh ... on SQLite
# PYTHON names the interpreter (default: .venv/bin/python). What there is to measure: README.md.
cd "$(dirname "$0")/.." || exit 1
PYTHON=${PYTHON:-.venv/bin/python}
if [ "${DATABASE:-postgresql}" = sqlite ]; then
    unset DATABASE_URL
    exec "$PYTHON" -m benchmarks "$@"
fi
exec "$PYTHON" scripts/with_postgres.py -- "$PYTHON" -m benchmarks "$@"
