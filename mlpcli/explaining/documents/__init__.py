"""What `mlpcli explain` says: documents, and how they are written."""
