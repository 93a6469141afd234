# What follows from formulas: VGG-16, and the memory of networks.


rule tabulate_vgg16:
    output:
        csv="<results>/tables/vgg16.csv",
    log:
        "<logs>/tabulate_vgg16.log",
    conda:
        "../envs/figures.yaml"
    params:
        code=step_digest("tabulate_vgg16"),
    shell:
        "tabulate_vgg16.py --csv {output.csv:q} > {log:q} 2>&1"


rule draw_vgg16:
    output:
        svg="<results>/figures/vgg16.svg",
        png="<results>/figures/vgg16.png",
    log:
        "<logs>/draw_vgg16.log",
    conda:
        "../envs/figures.yaml"
    params:
        code=step_digest("draw_vgg16"),
    shell:
        "draw_vgg16.py --figures {output.svg:q} {output.png:q} > {log:q} 2>&1"


rule tabulate_memory:
    input:
        dense=files_of_runs(
            "metrics.json",
            configuration.memory["dense"],
        )[0],
        conv1x1=files_of_runs(
            "metrics.json",
            configuration.memory["conv1x1"],
        )[0],
    output:
        csv="<results>/tables/memory.csv",
        markdown="<results>/tables/memory.md",
    log:
        "<logs>/tabulate_memory.log",
    conda:
        "../envs/figures.yaml"
    params:
        labels=json.dumps({variant: configuration.labels[variant] for variant in configuration.memory.values()}),
        code=step_digest("tabulate_memory"),
        networks=json.dumps(configuration.memory),
        seed=str(configuration.seeds[0]),
    shell:
        "tabulate_memory.py --labels {params.labels:q} --dense {input.dense:q} --conv1x1 {input.conv1x1:q}"
        " --csv {output.csv:q} --markdown {output.markdown:q} > {log:q} 2>&1"
