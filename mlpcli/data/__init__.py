"""Where the digits come from, and how they reach the network."""
