"""Write `digits.npz`, which is committed: scikit-learn's digits in the form of `kind: arrays`.

Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998 (CC BY 4.0).
scikit-learn ships its test part: 1,797 images of 8x8 pixels with values from 0 to 16. The last fifth is the test set here.
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

TEST = 360


def main() -> None:
    """Write the file beside this one."""
    digits = load_digits()
    images, labels = digits.images.astype(np.uint8), digits.target.astype(np.uint8)
    np.savez_compressed(
        Path(__file__).with_name("digits.npz"),
        x_train=images[:-TEST],
        y_train=labels[:-TEST],
        x_test=images[-TEST:],
        y_test=labels[-TEST:],
    )


if __name__ == "__main__":
    main()
