"""The clients: a memory on a server, with the interface of an embedded one."""

from memkit.client.blocking import Client
from memkit.client.remote import AsyncClient

__all__ = ["AsyncClient", "Client"]
