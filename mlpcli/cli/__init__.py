"""The command line: the only place that knows click and tqdm. One short file a command."""
