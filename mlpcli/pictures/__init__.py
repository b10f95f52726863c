"""Pictures of runs: the only place that knows matplotlib. One short file a picture.

Each file has a function that computes what is drawn, and one that draws it.
"""
