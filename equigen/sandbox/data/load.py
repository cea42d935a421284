"""Train a small classifier on the exported covers, and tell how often it is right, by class.

It needs NumPy and Pillow alone: `python load.py`. With PyTorch or others: the examples of EquiGen.
"""

from pathlib import Path

import numpy as np
from PIL import Image

FOLDER = Path(__file__).parent / "imagefolder"
SIDE_PX, ROUNDS, RATE, DECAY = 12, 300, 0.5, 0.002


def load(name: str) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return the covers of a set as rows of numbers, their classes' numbers, and the classes."""
    classes = (FOLDER / "classes.txt").read_text("utf-8").splitlines()
    rows, labels = [], []
    for number, label in enumerate(classes):
        for file in sorted((FOLDER / name / label).glob("*.jpg")):
            with Image.open(file) as cover:
                small = cover.convert("RGB").resize((SIDE_PX, SIDE_PX))
            rows.append(np.asarray(small, dtype=np.float64).ravel() / 255)
            labels.append(number)
    return np.array(rows), np.array(labels), classes


covers, labels, classes = load("train")
centre, spread = covers.mean(axis=0), covers.std(axis=0) + 0.01
covers = (covers - centre) / spread
wanted = np.eye(len(classes))[labels]
weights = np.zeros((covers.shape[1], len(classes)))
for _ in range(ROUNDS):  # softmax regression by plain gradient descent
    scores = covers @ weights
    chances = np.exp(scores - scores.max(axis=1, keepdims=True))
    chances /= chances.sum(axis=1, keepdims=True)
    weights -= RATE * (covers.T @ (chances - wanted) / len(covers) + DECAY * weights)

covers, labels, classes = load("test")
guesses = ((covers - centre) / spread @ weights).argmax(axis=1)
for index, label in enumerate(classes):
    of_class = labels == index
    right = int((guesses[of_class] == index).sum())
    print(f"{label:20} {right:3} of {int(of_class.sum()):3} right")
right = int((guesses == labels).sum())
print(f"{'all':20} {right:3} of {len(labels):3} right; by chance 1 of {len(classes)}")
