"""Command line of the sandbox: `python -m lib.sandbox --port 4010`."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from lib.sandbox import limiter
from lib.sandbox.data import EXAMPLE_ID
from lib.sandbox.faults import FAULTS, FaultError
from lib.sandbox.limiter import LimitError
from lib.sandbox.server import DEFAULT_CUSTOMERS, DEFAULT_KEY, DEFAULT_SEED, SandboxServer
from lib.sandbox.state import StateError


def parser() -> argparse.ArgumentParser:
    """The options, and every fault in one line."""
    made = argparse.ArgumentParser(
        prog="python -m lib.sandbox",
        description="Serves an invented Avara Express API on 127.0.0.1. The same seed always gives the same data.",
        epilog=_faults_help(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--port", type=int, default=4010, help="port on 127.0.0.1, 0 for a free one (default: %(default)s)")
    made.add_argument(
        "--customers", type=_at_least_one, default=DEFAULT_CUSTOMERS, metavar="N", help="how many (default: %(default)s)"
    )
    made.add_argument("--seed", type=int, default=DEFAULT_SEED, metavar="N", help="which data (default: %(default)s)")
    made.add_argument(
        "--api-key", action="append", metavar="KEY", help=f"a bearer key that opens it; repeatable (default: {DEFAULT_KEY})"
    )
    made.add_argument("--latency-ms", type=_not_negative, default=0, metavar="N", help="added to every answer (default: none)")
    made.add_argument(
        "--load-ms", type=_not_negative, default=0, metavar="N", help="added for each other request under way (default: none)"
    )
    made.add_argument("--rate-limit", metavar="LIMIT", help="what goes beyond it gets 429; see below (default: no limit)")
    made.add_argument("--state", type=Path, metavar="FILE", help="SQLite file that keeps changes and calls over restarts")
    made.add_argument("--fault", action="append", default=[], metavar="NAME[@OPERATION][=RATE]", help="repeatable; see below")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until Ctrl-C. Returns the exit code: 0, or 2 where it can't start."""
    options = parser().parse_args(arguments)
    keys = options.api_key or [DEFAULT_KEY]
    try:
        server = SandboxServer(
            customers=options.customers,
            seed=options.seed,
            api_key=keys[0],
            more_keys=keys[1:],
            port=options.port,
            state=options.state,
            latency_ms=options.latency_ms,
            load_ms=options.load_ms,
            rate_limit=options.rate_limit,
            faults=options.fault,
        ).start()
    except (FaultError, LimitError, StateError, OSError) as exc:
        print(f"The sandbox can't start: {exc}", file=sys.stderr)
        return 2
    print(
        f"Sandbox with {options.customers:,} customers of seed {options.seed}: {server.base_url}\n"
        f"Key (not a secret): {server.api_key}\n"
        f"API description: {server.base_url}/openapi.json\n"
        f'Try: curl -X POST -H "Authorization: Bearer {server.api_key}" {server.base_url}/v1/express/{EXAMPLE_ID}/deactivate\n'
        "Ctrl-C stops it.",
        flush=True,
    )
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        server.wait()
    except KeyboardInterrupt:
        server.stop()
    return 0


def _interrupt(_: int, __: object) -> None:
    raise KeyboardInterrupt


def _faults_help() -> str:
    width = max(map(len, FAULTS))
    lines = [
        f"  {name:{width}}  {fault.what}\n  {'':{width}}  strikes: {', '.join(fault.usual)}" for name, fault in FAULTS.items()
    ]
    return (
        "Faults. RATE is the share of requests struck, 0 to 1 (default 1); @OPERATION strikes that operation only.\n"
        + "\n".join(lines)
        + '\nThey can be changed while it runs: PUT /_sandbox/faults {"faults": ["timeout-after=0.3"]}, with the same key.\n'
        'A study comes in: POST /_sandbox/studies {"expressCustomerId": "cus_..."}, "createdAt" for another time than now.\n'
        "GET /_sandbox/calls shows every call the sandbox saw, what it sent and whether it applied it.\n\n"
        f"Limits. {(limiter.__doc__ or '').partition('written. ')[2].rstrip()}"
    )


def _at_least_one(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _not_negative(text: str) -> float:
    if not (number := float(text)) >= 0:
        raise argparse.ArgumentTypeError("must be 0 or more")
    return number


if __name__ == "__main__":
    sys.exit(main())
