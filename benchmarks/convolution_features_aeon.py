"""aeon's side of benchmarks.convolution_features, run by an interpreter that has aeon and needs nothing of seqcls.

usage: PYTHON convolution_features_aeon.py DATA.npz CLASSIFIER THREADS SEED ...
Prints JSON: versions, and for each seed the test accuracy and what `fit` took.
"""

import importlib.metadata
import json
import sys
import time
import warnings

import numpy as np

warnings.filterwarnings("ignore")  # of aeon's own dependencies

from aeon.classification import convolution_based  # noqa: E402

data = np.load(sys.argv[1])
classifier, threads = getattr(convolution_based, sys.argv[2]), int(sys.argv[3])
few = data["train"][:20]
classifier(random_state=0, n_jobs=threads).fit(few, np.arange(len(few)) % 2)  # compiles
runs = []
for seed in map(int, sys.argv[4:]):
    model = classifier(random_state=seed, n_jobs=threads)
    began, cpu = time.perf_counter(), time.process_time()
    model.fit(data["train"], data["train_labels"])
    taken = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu}
    right = model.predict(data["test"]) == data["test_labels"]
    runs.append(taken | {"accuracy": float(right.mean())})
versions = {name: importlib.metadata.version(name) for name in ("aeon", "numba", "scikit-learn")}
print(json.dumps({"versions": versions, "runs": runs}))
