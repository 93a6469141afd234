# CIFAR-10: the official batches, and the prepared data set.
from convnets.cifar10 import BATCH_SHA256


rule get_cifar10:
    output:
        batches=expand("<resources>/cifar10/{batch}", batch=BATCH_SHA256),
        provenance="<resources>/cifar10/source.json",
    log:
        "<logs>/get_cifar10.log",
    conda:
        "../envs/data.yaml"
    params:
        # Taking `output` keeps it out of Snakemake's comparison: batches that are there are the official ones, byte for byte,
        # so another source would bring the same again.
        source=lambda wildcards, output: config["dataset"]["source"],
        folder=subpath(output.provenance, parent=True),
    shell:
        "get_cifar10.py --source {params.source:q} --folder {params.folder:q}" " --provenance {output.provenance:q} --log {log:q}"


rule prepare_dataset:
    input:
        batches=rules.get_cifar10.output.batches,
        provenance=rules.get_cifar10.output.provenance,
    output:
        dataset="<results>/data/cifar10.npz",
        manifest="<results>/data/manifest.json",
    log:
        "<logs>/prepare_dataset.log",
    conda:
        "../envs/data.yaml"
    params:
        settings=json.dumps(configuration.dataset, sort_keys=True),
        folder=subpath(input.provenance, parent=True),
        code=step_digest("prepare_dataset"),
    shell:
        "prepare_dataset.py --folder {params.folder:q} --provenance {input.provenance:q}"
        " --settings {params.settings:q} --dataset {output.dataset:q} --manifest {output.manifest:q} > {log:q} 2>&1"
