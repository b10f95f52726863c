"""`mlpcli`, and `python -m mlpcli`.

Imports next to nothing before Ctrl-C is provided for: until `mlpcli.cli.main` takes over there is
nothing to tell and nothing to clean up, and Python would show a traceback.
"""

import os
import signal


def main() -> None:
    """Run the command line and exit with its code."""
    codes = {signal.SIGINT: 130, signal.SIGTERM: 143}
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        codes[signal.SIGHUP] = 143
    for number in codes:
        signal.signal(number, lambda number, _frame: os._exit(codes[signal.Signals(number)]))
    from mlpcli.cli import main as cli

    cli.main()


if __name__ == "__main__":
    main()
