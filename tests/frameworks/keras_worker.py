"""One of two processes of Keras on JAX whose losses differ: only their mean is flat.

Both lower their rates there, and stop where it has been flat for long; one alert is sent.
"""

import os
import sys

os.environ |= {"KERAS_BACKEND": "jax", "JAX_CPU_COLLECTIVES_IMPLEMENTATION": "gloo"}
import keras
import numpy as np

from plateau import Haar, ThresholdDetector
from plateau.alerts import Alerts
from plateau.policy import Policy
from plateau_keras import PlateauRate, PlateauStop


class Kept:
    """A place for alerts."""

    sent = ()

    def send(self, title, text):
        self.sent += ((title, text),)


if __name__ == "__main__":
    address, rank, file = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    keras.distribution.initialize(address, 2, rank)
    keras.distribution.set_distribution(keras.distribution.DataParallel(auto_shard_dataset=False))
    dense = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((1,)), dense])
    model.compile(keras.optimizers.SGD(0.05), "mean_squared_error")
    falls = np.arange(80.0, 0.0, -1.0)
    losses = 80.0 - falls if rank else falls
    kept = Kept()
    rate = PlateauRate(ThresholdDetector(Haar(4), 0.1, 3), Policy(max_reductions=2), file=file)
    stop = PlateauStop(ThresholdDetector(Haar(4), 0.1, 20), alerts=Alerts(kept))
    inputs, targets = np.zeros((80, 1), np.float32), np.sqrt(losses)[:, None].astype(np.float32)
    model.fit(inputs, targets, batch_size=1, shuffle=False, verbose=0, callbacks=[rate, stop])
    lr, steps = float(model.optimizer.learning_rate), int(model.optimizer.iterations)
    print(f"rank {rank}:{lr} {steps} {len(kept.sent)}", flush=True)
