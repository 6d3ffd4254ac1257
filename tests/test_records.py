"""The form in which records hold numbers."""

import json

import numpy as np

from fakeface_utils.evaluation.intervals import Estimate
from fakeface_utils.records import plain_metrics


def test_metrics_become_flat_and_plain():
    metrics = {
        "auc": Estimate(np.float64(0.1234567), 0.0, 1.0, np.int64(9)),
        "count": {"real": np.int64(3), "none": None, "deep": {"er": 0.5}},
        "share": np.float32(0.25),
    }
    plain = plain_metrics(metrics)
    assert plain == {
        "auc": {"value": 0.12346, "low": 0.0, "high": 1.0, "n": 9},
        "count/real": {"value": 3},
        "count/deep/er": {"value": 0.5},
        "share": {"value": 0.25},
    }
    assert json.loads(json.dumps(plain)) == plain
    assert isinstance(plain["count/real"]["value"], int) and isinstance(plain["auc"]["n"], int)
