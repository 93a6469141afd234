# One training per variant and seed.


rule train_variant:
    input:
        # A fresh run asks for nothing, so it is not trained again with the data set or the store.
        unpack(
            steps.when_stale(
                "train_variant",
                may_be_missing="dataset",
                dataset="<results>/data/dataset.npz",
                manifest="<results>/data/manifest.json",
                plan="<results>/tracking/plan.json",
            )
        ),
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
    # Start the longest trainings first, so that none runs alone at the end, and those of unknown length before all others.
    priority: lambda wildcards: cost_of(wildcards.variant)
    # A killed training resumes from its checkpoint; one that cannot succeed fails again at once. A job of a batch system is one
    # attempt: the Snakemake that submitted it counts the attempts.
    retries: 2 if workflow.is_main_process else 0
    conda:
        "../envs/training.yaml"
    threads: 1
    resources:
        # Requested from a batch system. A training takes up to 1,521 MB, and the two Snakemakes around it up to 180 MB each.
        mem_mb=lambda wildcards, attempt: TRAINING_MB * attempt,
        runtime=training_minutes,
        attempt=lambda wildcards, attempt: attempt,
        gpu=0,
    params:
        # A job of a batch system does not write to an SQLite store. The workflow's own host delivers its run.
        submitted="--submitted" if not workflow.is_main_process else "",
        job=steps.job("train_variant"),
    # If a killed Snakemake left a training of this run behind, wait for it as long as it may take, instead of training twice.
    shell:
        "train_variant.py {params.job:q} {params.submitted} --threads {threads} --gpu {resources.gpu}"
        " --attempt {resources.attempt} --patience $((60 * {resources.runtime})) > {log:q} 2>&1"
