"""Runs as files: where they are kept, what they record, and their metrics. Knows data, settings and the formulas of networks."""
