"""Runs as files: where they are kept, what they record, and what can be asked of them. Knows the settings and the formulas."""
