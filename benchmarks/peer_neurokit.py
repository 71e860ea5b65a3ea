"""The other side of `peer.py`: runs in the peers' environment, one task a line. Not a benchmark by itself."""

import json
import sys
import time

import neurokit2 as nk
import numpy as np


def filter_resample(x, rate):
    """Band-pass 0.5-8 Hz, then 40 Hz, as NeuroKit2 does both by default."""
    filtered = nk.signal_filter(x, sampling_rate=rate, lowcut=0.5, highcut=8)
    return nk.signal_resample(filtered, sampling_rate=rate, desired_sampling_rate=40)


def ppg_peaks(x, rate):
    """Systolic peaks by the default method, in seconds."""
    return nk.ppg_findpeaks(nk.ppg_clean(x, sampling_rate=rate), sampling_rate=rate)["PPG_Peaks"] / rate


def ppg_process(x, rate):
    """Cleaning, peaks, rate and quality by the defaults: the rate in bpm."""
    return nk.ppg_process(x, sampling_rate=rate)[0]["PPG_Rate"].to_numpy()


TASKS = {"filter_resample": filter_resample, "ppg_peaks": ppg_peaks, "ppg_process": ppg_process}

for line in sys.stdin:
    task, given, taken, rate = json.loads(line)
    rate = int(rate) if float(rate).is_integer() else rate
    x = np.load(given)
    begin = time.process_time()
    try:
        answer = TASKS[task](x, rate)
    except Exception as error:
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}), flush=True)
        continue
    seconds = time.process_time() - begin
    np.save(taken, np.asarray(answer, dtype=float))
    print(json.dumps({"seconds": seconds}), flush=True)
