"""Sets the stage: clears and sets the environment variables that could steer Python or a library. Import it before anything else.

Each script does so, and the Snakefile, for the jobs that it starts. A script that finds something to clear starts itself once more,
since the interpreter and the C library read some variables before its first line. docs/environment.md has the reason for each
entry. What selects the hardware to compute on stands in `convnets.device`.
"""

import os
import signal
import sys
from collections.abc import Mapping
from contextlib import chdir, suppress
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent
SET = {
    "KERAS_HOME": os.devnull,
    "MATPLOTLIBRC": os.devnull,
    "MPLBACKEND": "agg",
    "MPLCONFIGDIR": str(SCRIPTS.parent / ".snakemake" / "matplotlib"),
    "MPL_IGNORE_SYSTEM_FONTS": "1",
    **dict.fromkeys(("GOTO_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "OMP_NUM_THREADS"), "1"),
    **dict.fromkeys(("OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"),
    "LC_ALL": "C.UTF-8",
    "PYTHONHASHSEED": "0",
    "PYTHONNOUSERSITE": "1",
    "PYTHONUTF8": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
# Patterns. What is allowed comes before what is cleared; any other variable is left alone, too: no library here reads it.
ALLOWED = (
    *("CUDA_CACHE_*", "CUDA_DEVICE_ORDER", "CUDA_HOME", "CUDA_PATH", "CUDA_ROOT", "CUDA_VISIBLE_DEVICES"),
    *("NVIDIA_DRIVER_CAPABILITIES", "NVIDIA_VISIBLE_DEVICES", "LD_LIBRARY_PATH"),
    *("PYTHONDONTWRITEBYTECODE", "PYTHONFAULTHANDLER", "PYTHONPYCACHEPREFIX", "PYTHONUNBUFFERED"),
    *("MLFLOW_TRACKING_AUTH", "MLFLOW_TRACKING_AWS_SIGV4", "MLFLOW_TRACKING_CLIENT_CERT_PATH", "MLFLOW_TRACKING_INSECURE_TLS"),
    *("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_SERVER_CERT_PATH", "MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME"),
    *("MLFLOW_ARTIFACT_UPLOAD_DOWNLOAD_TIMEOUT", "MLFLOW_BOTO_*", "MLFLOW_ENABLE_*MULTIPART_*", "MLFLOW_EXPERIMENTAL_S3_*"),
    *("MLFLOW_GCS_*", "MLFLOW_HTTP_*", "MLFLOW_KERBEROS_*", "MLFLOW_MULTIPART_*", "MLFLOW_MYSQL_SSL_*", "MLFLOW_S3_*"),
    *("MLFLOW_SQLALCHEMYSTORE_*", "MLFLOW_WORKSPACE"),
    *("SNAKEMAKE_CONDA_PREFIX", "SNAKEMAKE_PROFILE", "SNAKEMAKE_SLURM_PARTITIONS", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"),
)
CLEARED = (
    *("PYTHON*", "BASH_ENV", "BASHOPTS", "CDPATH", "ENV", "POSIXLY_CORRECT", "SHELLOPTS"),
    *("GCONV_PATH", "GLIBC_TUNABLES", "LANG", "LANGUAGE", "LC_*", "LD_*", "LOCPATH", "MALLOC_*", "NLSPATH", "TZDIR"),
    *("ABSL_*", "AUTOGRAPH_*", "DISABLE_HOST_SEND_RECV_REGISTRATION", "DNNL_*", "DTENSOR_*", "ENABLE_PJRT_*", "GRPC_*", "HWLOC_*"),
    *("ICU_*", "INTEL_*", "JAX_*", "JITDUMPDIR", "LLVM_*", "LOWER_DTENSOR_*", "MLIR_*", "NPROC", "ONEDNN_*", "SLINKY_*"),
    *("PJRT_*", "PROTOCOL_BUFFERS_*", "RUY_*", "TENSORFLOW_*", "TF2_*", "TFDBG_*", "TF_*", "TPU_*", "XLA_*"),
    *("CUBLAS*", "CUDA_*", "CUDNN_*", "NCCL_*", "NVIDIA_*", "NVTX_*"),
    *("KERAS_*", "ACC_*", "BLIS_*", "GOMP_*", "GOTO_*", "KMP_*", "LAPACKE_*", "MKL*", "NPY_*", "NUMEXPR_*", "NUMPY_*", "NVPL_*"),
    *("OMP_*", "OPENBLAS_*", "PANDAS_*", "PRIMA_*", "SCIPY_*", "VECLIB_*"),
    *("FONTCONFIG_*", "FREETYPE_*", "HB_*", "MATPLOTLIB*", "MPL*", "PYPARSING*", "QT_API", "SOURCE_DATE_EPOCH", "_MPL*"),
    *("AOM_*", "ARROW_*", "HDF5_*", "JE_*", "JPEGMEM", "JSIMD_*", "LIBTIFF_*", "OPJ_*", "ORC_*"),
    *("ALEMBIC_*", "DISABLE_SQLALCHEMY_*", "GIT_*", "MLFLOW_*", "OTEL_*", "PGCLIENTENCODING", "PGDATESTYLE", "PGOPTIONS", "PGTZ"),
    *("PIP_CONSTRAINT", "PYDANTIC_*", "SQLITE_*", "WRAPT_*", "_MLFLOW_*"),
    *("COPT_*", "PULP_*", "SNAKEMAKE_*"),
)
MARK = "CONVNETS_STAGE"  # holds the process that has set the stage, and perhaps started itself once more


def decision(name: str) -> str:
    """Return what is done with a variable: set, allowed, cleared, or nothing ("")."""
    if name in SET:
        return "set"
    decisions = (("allowed", ALLOWED), ("cleared", CLEARED))
    return next((text for text, patterns in decisions if any(fnmatchcase(name, pattern) for pattern in patterns)), "")


def staged(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment with the stage set."""
    return {name: value for name, value in environment.items() if decision(name) != "cleared"} | SET


def set_stage() -> None:
    """Set the stage for this process and those that it starts."""
    clean, mark = staged(os.environ), os.environ.get(MARK)
    is_script = Path(sys.argv[0]).resolve().parent == SCRIPTS
    if is_script and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback of the imports; `command.run` sets its own handler
    if clean != os.environ:
        others = sorted(name for name in os.environ if name.startswith("MLFLOW_") and name not in clean)
        if others and not mark:  # otherwise MLflow has set them itself, in the process that started this one
            print(f"not used, since the configuration says where runs are tracked: {', '.join(others)}", file=sys.stderr)
        clean[MARK] = str(os.getpid())
        if is_script and mark != clean[MARK]:
            sys.stderr.flush()
            os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], clean)  # noqa: S606
        os.environ.clear()
        os.environ.update(clean)
    if Path("matplotlibrc").exists():  # Matplotlib reads this file of the working directory before any other
        with chdir(SCRIPTS), suppress(ImportError):
            import_module("matplotlib")


set_stage()
