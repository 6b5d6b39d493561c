"""Run a plan of the digit classifier: python examples/digits/show.py digits.sinter/model.sntr"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import runtime

SHADES = " .:-=+*#@"
SHOWN = 6


def drawing(image: np.ndarray) -> list[str]:
    """An 8x8 image in 0..1 as eight lines of text."""
    return ["".join(SHADES[round(float(pixel) * (len(SHADES) - 1))] * 2 for pixel in row) for row in image]


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(f"expected one argument, the plan; found {len(sys.argv) - 1}. {__doc__}")
    model = runtime.Model(sys.argv[1])
    data = np.load(Path(__file__).with_name("digits_test.npz"))
    images, labels = data["image"], data["label"]
    guesses = np.array([model.run(image[None])[0].argmax() for image in images])

    drawings = [drawing(image[0]) for image in images[:SHOWN]]
    for line in zip(*drawings, strict=True):
        print("   ".join(line))
    print(
        "   ".join(f"read as {guess}, is {label}".ljust(16) for guess, label in zip(guesses[:SHOWN], labels[:SHOWN], strict=True))
    )
    right = int((guesses == labels).sum())
    print(f"\n{right} of {len(labels)} held-out digits right ({right / len(labels):.2%})")
    print(f"{model.weight_bytes} bytes of weights, {model.arena_bytes} of arena, {model.scratch_bytes} of scratch")


if __name__ == "__main__":
    main()
