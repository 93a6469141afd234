# One training per variant and seed. Its fingerprint alone decides whether it is stale: a fresh run has no inputs, so
# nothing that happens to the data set's files or to the tracking store makes it run again. (With ancient() inputs instead,
# Snakemake 9.27 overlooks stale trainings whenever the rule before them runs.)


rule train_variant:
    input:
        training_inputs,
    output:
        history="<results>/runs/{variant}/seed{seed}/history.csv",
        metrics="<results>/runs/{variant}/seed{seed}/metrics.json",
        model="<results>/runs/{variant}/seed{seed}/model.keras",
    log:
        "<logs>/train_variant/{variant}/seed{seed}.log",
    benchmark:
        "<benchmarks>/train_variant/{variant}/seed{seed}.tsv"
    conda:
        "../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        settings=lambda wildcards: configuration.variants[wildcards.variant].to_json(),
        fingerprint=run_fingerprint,
        results=subpath(output.metrics, ancestor=4),
    shell:
        "train_variant.py --variant {wildcards.variant} --seed {wildcards.seed}"
        " --settings {params.settings:q} --fingerprint {params.fingerprint} --threads {threads}"
        " --dataset {params.results:q}/data/cifar10.npz --manifest {params.results:q}/data/manifest.json"
        " --plan {params.results:q}/tracking/plan.json"
        " --history {output.history:q} --metrics {output.metrics:q} --model {output.model:q} > {log:q} 2>&1"
