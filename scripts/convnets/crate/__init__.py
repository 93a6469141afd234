"""The study as an RO-Crate: its files, and what the crate says of them. Knows the study, runs, stamps and the data."""
