# %% [markdown]
# # Load covers into TensorFlow
#
# Pictures are decoded in parallel, at the size that is asked for.

# %%
import sys
from pathlib import Path

import tensorflow as tf

import equigen

folder = Path(sys.argv[1] if sys.argv[1:] else "equigen_demo")

# %%
with equigen.open(folder) as dataset:
    train = dataset.tensorflow("train", size_px=64)

# %%
for pictures, targets in train.shuffle(256, seed=0).batch(32).prefetch(tf.data.AUTOTUNE):
    mean = tf.reduce_mean(tf.cast(pictures, tf.float32)) / 255
print("the last batch:", pictures.shape, targets.shape, "mean", round(float(mean), 3))
