"""The library behind the workflow: one module per subject, none of which knows Snakemake.

Data flows one way: sources -> batches -> dataset -> networks, training -> records -> tables, figures; tracking follows.
"""
