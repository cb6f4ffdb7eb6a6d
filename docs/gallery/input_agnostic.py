"""What does the model look for, without any photo?

The model has learnt noise, in which a yellow square marks class 1. Its weights alone show the
square. (This script needs TensorFlow.)
"""

import numpy as np
import tensorflow as tf

import sat_nb as sat

rng = np.random.default_rng(0)
labels = np.arange(400) % 2
photos = rng.random((400, 24, 24, 3), np.float32)
photos[labels == 1, 3:8, 3:8] = (1, 1, 0)

tf.keras.utils.set_random_seed(0)
model = tf.keras.Sequential(
    [tf.keras.layers.Flatten(), tf.keras.layers.Dense(2, activation="softmax")]
)
model.compile("adam", "sparse_categorical_crossentropy")
model.fit(photos, labels, epochs=10, verbose=0)

found = sat.input_agnostic_saliency(model, 1, progress=False)
sat.plot_input_agnostic(found, names={1: "marked"}, box=0.3)
