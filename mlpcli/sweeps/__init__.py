"""Many trainings: which ones (Optuna), where they run (Dask), and what comes of them."""
