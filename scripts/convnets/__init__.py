"""The library behind the workflow: one module per subject. `configuration` and `submission` alone know Snakemake.

Data flows one way: sources -> batches -> dataset -> networks, training -> records -> tables, figures; tracking follows.
"""
