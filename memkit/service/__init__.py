"""What memkit does, as one table of operations that REST, MCP and the command line project."""

from memkit.service.calling import Call, Caller, Origin, Place, Service, Trail
from memkit.service.operation import Effect, Operation, Permission, Route, Surface
from memkit.service.table import OPERATIONS, operation

__all__ = [
    "OPERATIONS",
    "Call",
    "Caller",
    "Effect",
    "Operation",
    "Origin",
    "Permission",
    "Place",
    "Route",
    "Service",
    "Surface",
    "Trail",
    "operation",
]
