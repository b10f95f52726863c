"""`mlpcli`, and `python -m mlpcli`.

Imports next to nothing before Ctrl-C is provided for: until `mlpcli.cli.main` takes over there is
nothing to tell and nothing to clean up, and Python would show a traceback.
"""

import os
import signal


def main() -> None:
    """Run the command line and exit with its code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _frame: os._exit(128 + number))
    from mlpcli.cli import main as cli

    cli.main()


if __name__ == "__main__":
    main()
