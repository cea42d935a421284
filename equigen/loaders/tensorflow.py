"""Load covers into TensorFlow: a `tf.data.Dataset` of pictures and targets."""

from typing import Any

import numpy as np
import tensorflow as tf

from equigen.loaders.base import Samples


def tf_dataset(samples: Samples) -> Any:  # noqa: ANN401  (a tf.data.Dataset)
    """Return the covers of samples, decoded in parallel, in their order.

    An element is a uint8 picture (rows x columns x 3) with the number of its class (int64), or with
    a float32 for each class.
    """
    numbers = tf.data.Dataset.range(len(samples))
    targets = samples.has.astype(np.float32) if samples.is_multi else samples.label
    size_px = samples.size_px or None

    def decoded(at: Any, target: Any) -> tuple[Any, Any]:  # noqa: ANN401  (tensors)
        picture = tf.numpy_function(samples.picture, [at], tf.uint8)
        return tf.ensure_shape(picture, (size_px, size_px, 3)), target

    both = tf.data.Dataset.zip((numbers, tf.data.Dataset.from_tensor_slices(targets)))
    return both.map(decoded, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
