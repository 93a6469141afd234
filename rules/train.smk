# One training per variant and seed. Its fingerprint alone decides whether it is stale.


rule train_variant:
    input:
        dataset=read_by("train_variant", [rules.prepare_dataset.output.dataset], made_by="prepare_dataset"),
        manifest=read_by("train_variant", [rules.prepare_dataset.output.manifest], made_by="prepare_dataset"),
        plan=read_by("train_variant", [rules.create_store.output.plan], made_by="create_store"),
        stale=marker_of("train_variant"),
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
        # What a batch system is asked for, and more of it after an attempt that ran out. A training takes up to 1,390 MB, and the two
        # Snakemakes around it up to 180 each.
        mem_mb=lambda wildcards, attempt: TRAINING_MB * attempt,
        runtime=lambda wildcards, attempt: training_minutes(wildcards) * attempt,
        attempt=lambda wildcards, attempt: attempt,
        gpu=0,
    params:
        settings=settings_of("train_variant"),
        fingerprint=lambda wildcards, input: steps.all[step_of("train_variant", wildcards)].fingerprint,
        run=subpath(output.metrics, parent=True),
        results=subpath(output.metrics, ancestor=4),
        # A training that outlived its Snakemake, or its job, is waited for, and not done twice.
        patience=lambda wildcards: 60 * training_minutes(wildcards),
        planned_on=planned["host"],
    shell:
        "train_variant.py --variant {wildcards.variant} --seed {wildcards.seed}"
        " --settings {params.settings:q} --fingerprint {params.fingerprint}"
        " --threads {threads} --gpu {resources.gpu} --attempt {resources.attempt} --patience {params.patience}"
        " --planned-on {params.planned_on:q}"
        " --dataset {input.dataset:q} --manifest {input.manifest:q} --plan {input.plan:q}"
        " --unfinished {params.results:q}/unfinished/{wildcards.variant}-seed{wildcards.seed}"
        " --run {params.run:q} > {log:q} 2>&1"
