# The prepared data set, and what CIFAR-10 is made of: its official batches. Own data are not among the inputs: their digest counts.
from convnets.data.cifar10 import BATCH_SHA256


rule get_cifar10:
    output:
        # `update` keeps files that are there; the script keeps them if they are the official batches.
        batches=update(expand("<resources>/cifar10/{batch}", batch=BATCH_SHA256)),
        provenance=update("<resources>/cifar10/source.json"),
    log:
        "<logs>/get_cifar10.log",
    localrule: True
    conda:
        "../envs/data.yaml"
    params:
        # Another source reruns nothing, since every source yields the same bytes.
        source=study.data.source,
        folder=subpath(output.provenance, parent=True),
    shell:
        "get_cifar10.py --source {params.source:q} --folder {params.folder:q} --provenance {output.provenance:q} > {log:q} 2>&1"


rule prepare_dataset:
    input:
        source=study.described.files,
        stale=steps.marker("prepare_dataset"),
    output:
        dataset="<results>/data/dataset.npz",
        manifest="<results>/data/manifest.json",
        stamp="<results>/stamps/prepare_dataset.json",
    log:
        "<logs>/prepare_dataset.log",
    localrule: True
    conda:
        "../envs/data.yaml"
    params:
        kind=study.data.kind,
        identity=study.data.identity,
        classes=study.described.format.classes,
        split=study.data.split,
        seeds=study.seeds if study.data.split_seed == "seed" else (),
        # Data may move: what the script is told of their place does not count (`workflow/declarations.py`).
        place=asdict(study.data.place),
        job=steps.job("prepare_dataset"),
    shell:
        "prepare_dataset.py {params.job:q} > {log:q} 2>&1"
