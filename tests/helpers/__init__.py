"""What several tests share: datasets, mirrors, pictures, processes, runs."""
