"""A hostile environment: what a user's shell and home folder hold that could steer a library."""

import stage

import json
import os
from pathlib import Path

# What libraries do with these was found by trying, or is told in public. Each changes a result or breaks a job, unless the stage is
# set. Among them: image_data_format and floatx in keras.json (keras-team/keras#7176), MPLBACKEND of notebooks
# (googlecolab/colabtools#5148), matplotlibrc in the working directory (matplotlib/matplotlib#10783), kernels of NumPy by the
# processor's features (numpy/numpy#23523) and by threads (numpy/numpy#25100), unknown XLA flags (tensorflow/tensorflow#76717), and
# MLFLOW_RUN_ID, by which a run overwrites another (mlflow/mlflow#1348).
HOSTILE = {
    "BASH_ENV": "{home}/bash_env",
    "FREETYPE_PROPERTIES": "truetype:interpreter-version=35",
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX512F",
    "HB_SHAPER_LIST": "fallback",
    "HOME": "{home}",
    "KERAS_BACKEND": "jax",
    "KERAS_HOME": "{home}/.keras",
    "KERAS_MAX_EPOCHS": "1",
    "LANG": "de_DE.UTF-8",
    "LC_ALL": "C",
    "MATPLOTLIBRC": "{home}",
    "MLFLOW_EXPERIMENT_ID": "7",
    "MLFLOW_RUN_ID": "0123456789abcdef",
    "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "MPLCONFIGDIR": "{home}",
    "NPROC": "2",
    "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3",
    "OMP_NUM_THREADS": "2",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "OPENBLAS_CORETYPE": "Prescott",
    "OPENBLAS_NUM_THREADS": "2",
    "PANDAS_FUTURE": "1",
    "POSIXLY_CORRECT": "1",
    "PYTHONHASHSEED": "1",
    "PYTHONOPTIMIZE": "2",
    "PYTHONPATH": "{home}/modules",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "TF_ONEDNN_ASSUME_FROZEN_WEIGHTS": "1",
    "TF_XLA_FLAGS": "--tf_xla_auto_jit=2",
    "TZ": "Pacific/Auckland",
    "XLA_FLAGS": "--no_such_flag",
}


def hostile(home: Path) -> dict[str, str]:
    """Return an environment whose every variable, and a home folder whose every file, would change or break something."""
    (home / ".keras").mkdir(parents=True)
    (home / "modules").mkdir()
    (home / ".keras" / "keras.json").write_text(json.dumps({"floatx": "float16", "image_data_format": "channels_first"}))
    for place in (home, home / ".config" / "matplotlib", home / ".matplotlib"):  # of variables, and of the library's own
        place.mkdir(parents=True, exist_ok=True)
        (place / "matplotlibrc").write_text("font.family: serif\ntext.usetex: True\naxes.facecolor: red\n")
    (home / "modules" / "sitecustomize.py").write_text("import os\nos.environ['TF_DETERMINISTIC_OPS'] = '1'\n")
    (home / "modules" / "json.py").write_text("raise ImportError('a module of the user')\n")
    (home / "bash_env").write_text("export KERAS_BACKEND=torch\n")
    # Tests that ran before may have left variables of MLflow, which sets some itself.
    own = {name: value for name, value in os.environ.items() if name != stage.MARK and not name.startswith("MLFLOW_")}
    return {**own, **{name: value.format(home=home) for name, value in HOSTILE.items()}}
