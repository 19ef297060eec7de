"""fastText on lines of text, with the settings of its own tutorial (word pairs).

usage: PYTHON fasttext_text.py TRAIN TEST THREADS   (files of "__label__NUMBER words ...")
Prints one JSON line: seconds of training (clock and processor), rows a second in predicting, accuracy, version.
Needs fasttext-wheel and numpy<2.
"""

import importlib.metadata
import json
import sys
import time

import fasttext


def read(path: str) -> tuple[list[str], list[str]]:
    """Labels and words."""
    with open(path, encoding="utf-8") as file:
        pairs = [line.rstrip("\n").partition(" ") for line in file]
    return [label for label, _, _ in pairs], [words for _, _, words in pairs]


def main() -> None:
    train, test, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    began, cpu = time.perf_counter(), time.process_time()
    model = fasttext.train_supervised(train, wordNgrams=2, epoch=25, lr=0.5, thread=threads, verbose=0)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    truth, words = read(test)
    model.predict(words[:1])
    began = time.perf_counter()
    found = model.predict(words)[0]
    scored = len(words) / (time.perf_counter() - began)
    right = sum(one[0] == true for one, true in zip(found, truth, strict=True))
    result = {"train_seconds": seconds, "train_cpu": cpu, "score": scored, "accuracy": right / len(truth)}
    print(json.dumps(result | {"version": importlib.metadata.version("fasttext-wheel")}))


if __name__ == "__main__":
    main()
