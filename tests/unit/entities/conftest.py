"""The memories of the tests of memory: embedded, and a client's on a real server."""

from tests.unit.memory.conftest import memory as memory
from tests.unit.memory.conftest import store as store
