"""Solves the puzzle on standard input with PyPI's altcha (format 1) and prints the payload."""

import json
import sys

from altcha import v1

puzzle = json.load(sys.stdin)
solution = v1.solve_challenge(puzzle["challenge"], puzzle["salt"], puzzle["algorithm"], puzzle["maxnumber"], 0)
print(
    v1.Payload(
        algorithm=puzzle["algorithm"],
        challenge=puzzle["challenge"],
        number=solution.number,
        salt=puzzle["salt"],
        signature=puzzle["signature"],
    ).to_base64()
)
