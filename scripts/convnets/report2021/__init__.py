"""The report of 2021: VGG-16, whose numbers claims may name, its printed tables, and its errata. Knows networks and settings."""
