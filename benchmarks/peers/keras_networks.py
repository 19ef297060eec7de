"""The founding document's three networks in Keras on TensorFlow, as the document writes them.

usage: python keras_networks.py CASE DATA BATCH EPOCHS THREADS [SEED]   (CASE: text | reviews | ecg | dna)
DATA is an .npz file with x (N, T) and y (N,). Prints one JSON line: rows a second in training and in scoring, and the
mean loss of each epoch. A SEED decides weights and order, leaves the warming up out, and asks for the mean loss on
x_held and y_held after each epoch. Needs tensorflow-cpu.
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


def layers_of(case: str) -> list:
    if case in ("text", "reviews"):
        return [Input((100,)), Embedding(10_000, 128), LSTM(128), Dense(3, activation="softmax")]
    if case == "dna":
        return [Input((150,)), Embedding(5, 32), GRU(64), Dense(4, activation="softmax")]
    return [Input((500, 1)), Conv1D(32, 5, activation="relu"), MaxPooling1D(2), Conv1D(64, 5, activation="relu"),
            MaxPooling1D(2), Flatten(), Dense(128, activation="relu"), Dense(5, activation="softmax")]  # fmt: skip


def main() -> None:
    case, path, batch, epochs, threads = *sys.argv[1:3], *map(int, sys.argv[3:6])
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    seeded = len(sys.argv) > 6
    tf.keras.utils.set_random_seed(int(sys.argv[6]) if seeded else 0)
    data = np.load(path)
    x, y = data["x"][..., None] if case == "ecg" else data["x"], data["y"]
    held = None
    if seeded:
        held = (data["x_held"][..., None] if case == "ecg" else data["x_held"], data["y_held"])
    rows = len(y)
    model = Sequential(layers_of(case))
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    if not seeded:
        model.fit(x[: 4 * batch], y[: 4 * batch], epochs=1, batch_size=batch, verbose=0)
    began = time.perf_counter()
    history = model.fit(x, y, epochs=epochs, batch_size=batch, verbose=0, validation_data=held)
    trained = time.perf_counter() - began
    model.predict(x[:SCORE_BATCH], batch_size=SCORE_BATCH, verbose=0)
    began = time.perf_counter()
    model.predict(x, batch_size=SCORE_BATCH, verbose=0)
    scored = time.perf_counter() - began
    print(json.dumps({"train": rows * epochs / trained, "score": rows / scored, "losses": history.history["loss"],
                      "held_losses": history.history.get("val_loss", [])}))  # fmt: skip


if __name__ == "__main__":
    main()
