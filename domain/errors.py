"""The one error hierarchy.

TapeledgerError
├── InputError            somebody gave us something that cannot be read or is not allowed
│   ├── UnreadableInput   bytes that are no message of ours (goes to `ledger.deadletters`)
│   └── InvalidValue      a field whose value breaks a rule that needs no state
├── ChainError            the tape is not what was written (names topic, partition, offset)
├── BooksError            postings that do not balance, a fold that contradicts itself
├── TopologyError         the topics are not those that this ledger was made with
├── SnapshotError         a snapshot that is not what the tape says (the tape is read instead)
└── UnavailableError      a server or a file we need is not there (may be tried again)

Trying again heals UnavailableError alone: a worker that ends with another of these is not started again by itself.
"""


class TapeledgerError(Exception):
    """Root of every error that this project raises on purpose."""


class InputError(TapeledgerError):
    """Somebody gave us something that cannot be read or is not allowed."""


class UnreadableInput(InputError):
    """Bytes that are no message of ours."""


class InvalidValue(InputError):
    """A field whose value breaks a rule that needs no state.

    `code` is a stable `CATEGORY_CONDITION` name, `details` holds the values that failed.
    """

    def __init__(self, code: str, text: str, **details: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.details = details


class ChainError(TapeledgerError):
    """The tape is not what was written: says which record, what was expected and what it was."""

    def __init__(self, topic: str, partition: int, offset: int, problem: str) -> None:
        super().__init__(f"{topic}/{partition} at offset {offset}: {problem}")
        self.topic = topic
        self.partition = partition
        self.offset = offset
        self.problem = problem


class BooksError(TapeledgerError):
    """Postings that do not balance, or a fold that contradicts itself."""


class TopologyError(TapeledgerError):
    """The topics are not those that this ledger was made with: another number of partitions, or inputs of another."""


class SnapshotError(TapeledgerError):
    """A snapshot that is damaged, or not what the tape says. offset: on the snapshot topic; None where no record is."""

    def __init__(self, topic: str, partition: int, offset: int | None, problem: str) -> None:
        at = "" if offset is None else f" at offset {offset}"
        super().__init__(f"{topic}/{partition}{at}: {problem}")
        self.topic = topic
        self.partition = partition
        self.offset = offset
        self.problem = problem


class UnavailableError(TapeledgerError):
    """A server or a file that is needed is not there; trying again may help."""
