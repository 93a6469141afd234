"""What decides whether a result is stale: digests of code, fingerprints, stamps. Knows settings, data and runs as files."""
