"""The measured application under a sampling profiler.

usage: python -m benchmarks.apps.sampled FILE ARGUMENT... (those of flask_app)

Between the signals SIGUSR1 and SIGUSR2 it notes, for each tick of its own CPU time, the file whose
code is running, and then writes ``{file: ticks}`` to FILE. Time in C and in the kernel counts for
the Python code that called.
"""

from __future__ import annotations

import json
import runpy
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType

TICK = 0.001
"""Seconds of CPU time between two looks; the kernel may take its time."""

found: Counter[str] = Counter()


def look(number: int, frame: FrameType | None) -> None:
    if frame is not None:
        found[frame.f_code.co_filename] += 1


def begin(number: int, frame: FrameType | None) -> None:
    signal.setitimer(signal.ITIMER_PROF, TICK, TICK)


def end(number: int, frame: FrameType | None) -> None:
    signal.setitimer(signal.ITIMER_PROF, 0.0)
    half = target.with_suffix('.half')
    half.write_text(json.dumps(found))
    half.replace(target)


target = Path(sys.argv.pop(1))
signal.signal(signal.SIGPROF, look)
signal.signal(signal.SIGUSR1, begin)
signal.signal(signal.SIGUSR2, end)
runpy.run_module('benchmarks.apps.flask_app', run_name='__main__', alter_sys=True)
