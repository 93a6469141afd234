"""Finished runs as pandas frames, for notebooks and other programs. It needs nothing but pandas."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from convnets.errors import InputError
from convnets.files import read_json
from convnets.runs.layout import HISTORY, METRICS, RECORD, Layout, is_verified, run_of
from convnets.tables import CLAIMS

KEYS = ["variant", "seed"]
OF_RECORD = ("processor", "device", "threads", "precision", "peak_memory_bytes", "training_flops", "activations")


@dataclass(frozen=True)
class Results:
    """What a folder of results holds. Losses are cross-entropies in nats, accuracies fractions, times seconds.

    `runs` has one row per run, sorted by variant and seed: the fields of `metrics.json`, where and how it was trained by
    `record.json`, and whether a verification gave it its fingerprint (`verified`). `curves` has one row per run and epoch:
    `variant`, `seed` and the columns of `history.csv`. `claims` is `tables/claims.csv`; no rows if the study has no claims.
    """

    runs: pd.DataFrame
    curves: pd.DataFrame
    claims: pd.DataFrame


def load(folder: Path) -> Results:
    """Return the finished runs in a folder of results, as they lie there: whether they are stale is not asked.

    An InputError says that the folder holds no finished run, or one that cannot be read.
    """
    layout = Layout(folder)
    finished = [run for run in layout.runs() if (run / HISTORY).is_file() and (run / METRICS).is_file()]
    if not finished:
        raise InputError(
            f"{folder.absolute()} holds no finished run (runs/VARIANT/seedN/{METRICS}); name the folder of the results"
        )
    runs, curves = [], {}
    for run in finished:
        variant, seed = run_of(run)
        try:
            metrics = read_json(run / METRICS)
            record = read_json(run / RECORD) if (run / RECORD).is_file() else {}
            curves[variant, int(seed)] = pd.read_csv(run / HISTORY)
        except (OSError, ValueError) as error:
            raise InputError(f"{run} cannot be read: {error}; remove the folder to train this run again") from error
        made = {name: record.get(name) for name in OF_RECORD}
        runs.append({**metrics, "variant": variant, "seed": int(seed), **made, "verified": is_verified(run)})
    claims = folder / "tables" / "claims.csv"
    return Results(
        runs=pd.DataFrame(runs).sort_values(KEYS, ignore_index=True),
        curves=pd.concat(curves, names=KEYS).reset_index(KEYS).sort_values([*KEYS, "epoch"], ignore_index=True),
        claims=pd.read_csv(claims) if claims.is_file() else pd.DataFrame(columns=list(CLAIMS)),
    )
