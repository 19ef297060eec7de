"""The founding document's three networks in Keras on TensorFlow, as the document writes them.

usage: python keras_networks.py CASE ROWS BATCH EPOCHS THREADS [DATA SEED]   (CASE: text | reviews | ecg | dna)
Prints one JSON line: rows a second in training and in scoring, and the loss of the last epoch. With DATA, an .npz file
with x (N, T) and y (N,), it trains on these rows and prints the loss of every epoch instead. Needs tensorflow-cpu.
"""

import json
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from tensorflow.keras.layers import GRU, LSTM, Conv1D, Dense, Embedding, Flatten, Input, MaxPooling1D
from tensorflow.keras.models import Sequential

SCORE_BATCH = 256


def rows_and_layers(case: str, rows: int, rng: np.random.Generator) -> tuple:
    if case in ("text", "reviews"):
        layers = [Input((100,)), Embedding(10_000, 128), LSTM(128), Dense(3, activation="softmax")]
        words = rng.integers(1, 10_000, (rows, 100))
        if case == "reviews":  # padded to 100, as the founding document does
            lengths = np.clip(rng.lognormal(np.log(26), 0.65, rows).astype(int), 1, 100)
            words[np.arange(100) < 100 - lengths[:, None]] = 0
        return words, 3, layers
    if case == "dna":
        layers = [Input((150,)), Embedding(5, 32), GRU(64), Dense(4, activation="softmax")]
        return rng.integers(1, 5, (rows, 150)), 4, layers
    layers = [Input((500, 1)), Conv1D(32, 5, activation="relu"), MaxPooling1D(2), Conv1D(64, 5, activation="relu"),
              MaxPooling1D(2), Flatten(), Dense(128, activation="relu"), Dense(5, activation="softmax")]  # fmt: skip
    return rng.random((rows, 500, 1), dtype=np.float32), 5, layers


def main() -> None:
    case, rows, batch, epochs, threads = sys.argv[1], *map(int, sys.argv[2:6])
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    if len(sys.argv) > 6:
        tf.keras.utils.set_random_seed(int(sys.argv[7]))
    rng = np.random.default_rng(0)
    x, classes, layers = rows_and_layers(case, rows, rng)
    y = rng.integers(0, classes, rows)
    model = Sequential(layers)
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    if len(sys.argv) > 6:
        data = np.load(sys.argv[6])
        x, y = data["x"].reshape(len(data["y"]), *x.shape[1:]), data["y"]
        print(json.dumps(model.fit(x, y, epochs=epochs, batch_size=batch, verbose=0).history["loss"]))
        return
    model.fit(x[: 4 * batch], y[: 4 * batch], epochs=1, batch_size=batch, verbose=0)
    began = time.perf_counter()
    history = model.fit(x, y, epochs=epochs, batch_size=batch, verbose=0)
    trained = time.perf_counter() - began
    model.predict(x[:SCORE_BATCH], batch_size=SCORE_BATCH, verbose=0)
    began = time.perf_counter()
    model.predict(x, batch_size=SCORE_BATCH, verbose=0)
    scored = time.perf_counter() - began
    print(json.dumps({"train": rows * epochs / trained, "score": rows / scored, "loss": history.history["loss"][-1]}))


if __name__ == "__main__":
    main()
