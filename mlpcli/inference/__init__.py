"""A trained network in use: model, committee, calibration, evaluation, export."""
