"""The training loop, its checkpoints, and the files that it writes. Knows the data, the networks and the records of runs."""
