"""How a check ends: with each fault on a line of standard error, or with a sentence on what it found in order."""

import sys


def end(faults, fine):
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        sys.exit(1)
    print(fine)
