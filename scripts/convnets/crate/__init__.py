"""The study as an RO-Crate: its files, and what the crate says of them. Knows runs and the study, but no rules."""
