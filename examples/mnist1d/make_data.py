"""Write `mnist1d.npz`, which is committed: MNIST-1D as images of 40x1 pixels, in the form of `kind: arrays`.

Source: S. Greydanus and D. Kobak, "Scaling Down Deep Learning with MNIST-1D", ICML 2024, and their package mnist1d (Apache 2.0),
which this script needs: pip install mnist1d. With its own seed, 42, it makes the published signals again, all but the last bit.

The test set is the published one. The 4,000 published training signals get 1,000 more of the same generator, from seed 43, since a
study sets a fifth of its training images aside for validation. The paper does not.
"""

from pathlib import Path

import numpy as np
from mnist1d.data import get_dataset_args, make_dataset

LIMIT = 6.0  # signals have mean 0 and deviation 1, and none lies beyond; a step of a pixel is 0.047, half of the noise's deviation


def main() -> None:
    """Write the file beside this one."""
    published, more = get_dataset_args(), get_dataset_args()
    more.seed, more.num_samples, more.train_split = 43, 1000, 1
    signals, others = make_dataset(published), make_dataset(more)
    np.savez_compressed(
        Path(__file__).with_name("mnist1d.npz"),
        x_train=_images(np.concatenate([signals["x"], others["x"]])),
        y_train=np.concatenate([signals["y"], others["y"]]).astype(np.uint8),
        x_test=_images(signals["x_test"]),
        y_test=signals["y_test"].astype(np.uint8),
    )


def _images(signals: np.ndarray) -> np.ndarray:
    """Return signals (n, 40) as images (n, 40, 1) of uint8."""
    assert np.abs(signals).max() < LIMIT
    return np.round((signals[..., np.newaxis] / LIMIT + 1) / 2 * 255).astype(np.uint8)


if __name__ == "__main__":
    main()
