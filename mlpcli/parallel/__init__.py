"""Parallel work, whatever is worked on: nothing here knows of networks.

`communicator` is what workers need of each other, `shared_memory` how they get it on one machine,
`workers` starts and ends them, and `processors` counts cores and holds back BLAS.
"""
