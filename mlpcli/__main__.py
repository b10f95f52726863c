"""`mlpcli`, and `python -m mlpcli`."""

import gc
import sys

from mlpcli.cli import signals


def main() -> None:
    """Run the command line and exit with its code."""
    signals.handle()
    try:
        from mlpcli.cli import main as cli

        code = cli.run(sys.argv[1:])
        signals.ignore()
    except KeyboardInterrupt:  # before the command line runs, or while its last message is written
        _, code = signals.message_and_code()
        signals.ignore()
    gc.freeze()  # or the interpreter searches all objects twice for garbage as it ends
    sys.exit(code)


if __name__ == "__main__":
    main()
