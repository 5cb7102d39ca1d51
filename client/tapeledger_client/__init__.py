"""A typed client of the tapeledger HTTP API.

Client and AsyncClient have a method for each operation, named by its operation id; `iter_…` follow the pages of a list.
Bodies and answers are in `tapeledger_client.models`. Models and operations are generated from the OpenAPI document.
"""

from tapeledger_client.async_client import AsyncClient
from tapeledger_client.client import Client
from tapeledger_client.errors import (
    BadRequest,
    ClientError,
    Conflict,
    Forbidden,
    NoAnswer,
    NotAuthenticated,
    NotFound,
    NotSent,
    PreconditionFailed,
    Problem,
    Refused,
    TooManyRequests,
    Unavailable,
    UnexpectedAnswer,
)
from tapeledger_client.model import Document, Model, Received
from tapeledger_client.retries import Retries

__all__ = [
    "AsyncClient",
    "BadRequest",
    "Client",
    "ClientError",
    "Conflict",
    "Document",
    "Forbidden",
    "Model",
    "NoAnswer",
    "NotAuthenticated",
    "NotFound",
    "NotSent",
    "PreconditionFailed",
    "Problem",
    "Received",
    "Refused",
    "Retries",
    "TooManyRequests",
    "Unavailable",
    "UnexpectedAnswer",
]
