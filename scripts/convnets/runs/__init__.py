"""Runs as files: where they are kept, what they record, and their metrics. Knows the settings and the formulas."""
