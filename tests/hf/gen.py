#!/usr/bin/env python3
"""Writes the synthetic Hugging Face directories of the cases: DIR/CASE/NAME/, NAME being a part of the case.

    gen.py DIR [CASE...]      all cases, or those named

Deterministic: the same bytes everywhere. Needs the standard library only.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cases  # noqa: E402
import cases2  # noqa: E402
import cases3  # noqa: E402
import cases4  # noqa: E402


def all_cases():
    return [make() for make in cases.ALL + cases2.ALL + cases3.ALL + cases4.ALL]


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for case in all_cases():
        if len(sys.argv) == 2 or case.name in sys.argv[2:]:
            case.write(sys.argv[1])


if __name__ == '__main__':
    main()
