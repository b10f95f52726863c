"""Pictures of runs and of what is explained, drawn with matplotlib.

One short file per picture: it computes what is drawn, unless that is known already, and draws it.
"""
