"""Runs: passes over many records, one at a time, that survive a kill and can be undone."""

from memkit.runs.keeping import Run, RunState, run_of, runs
from memkit.runs.leases import Lease
from memkit.runs.passing import ActiveRun, begin

__all__ = ["ActiveRun", "Lease", "Run", "RunState", "begin", "run_of", "runs"]
