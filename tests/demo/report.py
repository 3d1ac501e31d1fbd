#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares what the card answered with the truth and with scikit-learn.

usage: report.py DIRECTORY RESULT.npy RUN.json [--brief]
Exit status 1 if accuracy is below 0.95 or a label differs from scikit-learn's.
"""
import json
import sys

import numpy

ACCURACY_MIN = 0.95
SHADES = " .:*#"


def picture(image):
    rows = (image.reshape(8, 8) * (len(SHADES) - 1) + 0.5).astype(int)
    return ["".join(SHADES[level] * 2 for level in row) for row in rows]


def print_pictures(images, labels, truth):
    wrong = numpy.flatnonzero(labels != truth)[:1]
    for chosen in (list(range(5)), list(range(5, 9)) + list(wrong)):
        print("".join(f"  card says {labels[i]}, is {truth[i]}".ljust(20) for i in chosen))
        for lines in zip(*(picture(images[i]) for i in chosen)):
            print("".join(f"  {line}".ljust(20) for line in lines))
        print()


def main():
    directory, result, run = sys.argv[1:4]
    images = numpy.load(f"{directory}/images.npy")
    truth = numpy.load(f"{directory}/truth.npy")
    sklearn = numpy.load(f"{directory}/sklearn.npy")
    probability = numpy.load(result)
    if probability.shape != (len(images), 10):
        sys.exit(f"report.py: {result}: shape {probability.shape}, expected {(len(images), 10)}")
    labels = probability.argmax(axis=1)
    accuracy = float((labels == truth).mean())
    agree = int((labels == sklearn).sum())
    good = accuracy >= ACCURACY_MIN and agree == len(images)
    if "--brief" in sys.argv:
        print(f"  labels: {agree} of {len(images)} equal to scikit-learn's, accuracy {accuracy:.4f}")
        return 0 if good else 1
    stats = json.load(open(run))
    print_pictures(images, labels, truth)
    print(f"accuracy               {accuracy:.4f} ({int((labels == truth).sum())} of {len(images)})")
    print(f"agrees with sklearn    {agree} of {len(images)}")
    for title, key, unit in (("jobs", "jobs", ""), ("multiply-accumulates", "macs", ""), ("bytes moved", "bytes", "")):
        print(f"{'card counted ' + title:34} {stats['card'][key]:,}{unit}")
    print(f"{'jobs/s':34} {stats['jobs_per_second']:.1f}")
    print(f"{'time per job, median':34} {stats['job_ms_median']:.3f} ms (emulated CPU)")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
