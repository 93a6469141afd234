# One training per variant and seed.


rule train_variant:
    input:
        dataset=steps.when_stale("train_variant", "<results>/data/cifar10.npz", may_be_missing=True),
        manifest=steps.when_stale("train_variant", "<results>/data/manifest.json"),
        plan=steps.when_stale("train_variant", "<results>/tracking/plan.json"),
        stale=steps.marker("train_variant"),
    output:
        history="<results>/runs/{variant}/seed{seed}/history.csv",
        metrics="<results>/runs/{variant}/seed{seed}/metrics.json",
        model="<results>/runs/{variant}/seed{seed}/model.keras",
        record="<results>/runs/{variant}/seed{seed}/record.json",
        stamp="<results>/runs/{variant}/seed{seed}/stamp.json",
    log:
        "<logs>/train_variant/{variant}/seed{seed}.log",
    benchmark:
        "<benchmarks>/train_variant/{variant}/seed{seed}.tsv"
    # The longest first, so that none is left over at the end.
    priority: training_cost
    # An attempt that was killed goes on from its checkpoint; one that cannot succeed says so again at once. What a batch system
    # runs is one attempt, and the Snakemake that submitted it counts them.
    retries: 2 if workflow.is_main_process else 0
    conda:
        "../envs/training.yaml"
    threads: 1
    resources:
        # What a batch system is asked for. A training takes up to 1,390 MB, and the two Snakemakes around it up to 180 each.
        mem_mb=training_memory,
        runtime=training_minutes,
        attempt=number_of_attempt,
        gpu=0,
    params:
        # A training that outlived its Snakemake, or its job, is waited for, and not done twice.
        patience=training_patience,
        # A job of a batch system, on whatever host, does not write to a database in a file. Its run is delivered where the workflow runs.
        submitted="--submitted" if not workflow.is_main_process else "",
        job=steps.job("train_variant"),
    shell:
        "train_variant.py {params.job:q} {params.submitted} --threads {threads} --gpu {resources.gpu}"
        " --attempt {resources.attempt} --patience {params.patience} > {log:q} 2>&1"
