"""The published datasets: where they are, how they are downloaded, verified and cached."""
