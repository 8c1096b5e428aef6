"""The selection of docs/selection.md, written from that page alone: the `xxhash` package and Python's own arithmetic.

Reads {"salt", "targets": [[name, weight], …], "keys"} and prints, for each key of `user-0`, `user-1`, …: the hash for
each target, and the winner. With `--vectors FILE` it checks the published vectors first.
"""

import argparse
import json
import math
import struct
import sys

import xxhash


def seed(salt, name):
    return xxhash.xxh3_64_intdigest(salt.encode() + b"\0" + name.encode())


def draw(key, seed):
    return xxhash.xxh3_64_intdigest(key.encode(), seed=seed)


def unit(drawn):
    return ((drawn >> 11) + 0.5) * 2.0**-53


def score(drawn, weight):
    return -math.log(unit(drawn)) / weight if weight > 0 else math.inf


def bits(value):
    return struct.unpack(">Q", struct.pack(">d", value))[0]


def check_vectors(path):
    with open(path, encoding="utf-8") as file:
        vectors = json.load(file)["vectors"]
    for row in vectors:
        drawn = draw(row["key"], seed(row["salt"], row["name"]))
        assert f"{seed(row['salt'], row['name']):016x}" == row["seed"], row
        assert f"{drawn:016x}" == row["hash"], row
        assert bits(unit(drawn)) == int(row["unitBits"], 16), row
        assert abs(bits(score(drawn, row["weight"])) - int(row["scoreBits"], 16)) <= 2, row
    assert len(vectors) >= 100


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--vectors")
    options = parser.parse_args()
    if options.vectors:
        check_vectors(options.vectors)
    asked = json.load(sys.stdin)
    targets = [(name, weight, seed(asked["salt"], name)) for name, weight in asked["targets"]]
    for number in range(asked["keys"]):
        draws = [(draw(f"user-{number}", seeded), name, weight) for name, weight, seeded in targets]
        _, winner = min((score(drawn, weight), name) for drawn, name, weight in draws)
        print(" ".join(f"{drawn:016x}" for drawn, _, _ in draws), winner)


main()
