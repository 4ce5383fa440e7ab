"""A process that appends until it is killed; prints every id whose rows were all written."""

from __future__ import annotations

import sys

from housing_cli.prediction_log import Served, open_log
from tests.prediction_log.rows import BOSTON, ROW


def main() -> None:
    log = open_log(sys.argv[1], BOSTON)
    number = 0
    while True:
        number += 1
        count = 400 if number % 3 == 0 else 1
        ids = log.append("v1", [ROW] * count, [21.6 + number] * count)
        log.feedback(ids[0], 20.0 + number)
        log.append_served([Served(one, lower=18.5, house_id=f"house {number}") for one in ids])
        sys.stdout.write("".join(f"{one}\n" for one in ids))
        sys.stdout.flush()


main()
