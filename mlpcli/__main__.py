"""`python -m mlpcli` is `mlpcli`."""

from mlpcli.cli.main import main

main()
