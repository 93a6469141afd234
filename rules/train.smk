# One training per variant and seed. Its fingerprint alone decides whether it is stale, hence the ancient() inputs: the
# fingerprint covers the data, and where a run is tracked does not change it.


rule train_variant:
    input:
        dataset=ancient(rules.prepare_dataset.output.dataset),
        manifest=ancient(rules.prepare_dataset.output.manifest),
        plan=ancient(rules.create_store.output.plan),
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
        fingerprint=lambda wildcards: fingerprint.run_fingerprint(
            configuration.variants[wildcards.variant],
            int(wildcards.seed),
            configuration.dataset,
        ),
    shell:
        "python -m train_variant --variant {wildcards.variant} --seed {wildcards.seed}"
        " --settings {params.settings:q} --fingerprint {params.fingerprint} --threads {threads}"
        " --dataset {input.dataset:q} --manifest {input.manifest:q} --plan {input.plan:q}"
        " --history {output.history:q} --metrics {output.metrics:q} --model {output.model:q} > {log:q} 2>&1"
