"""The exceptions of h5inbox. They can be pickled, so that they come back whole from a process pool or a cluster."""

from typing import Any, Dict, Optional, Type


class Error(Exception):
    """What every exception of h5inbox is.

    ``str()`` of it says what, where and what to do. The attributes say the same to programs.
    """

    #: The file that made trouble: the source, or, where an output could not be written, a file or folder there.
    path: Optional[str]
    #: The line of the source, counted from 1, where the trouble has one.
    line: Optional[int]
    #: The byte of the source, counted from 0, where the trouble has one. Of a compressed source line and byte are
    #: those of the text.
    byte: Optional[int]
    #: A stable name of the kind of trouble: ``bad_json``, ``truncated``, ``limit_depth``, ``exists``, ``missing`` ...
    code: str
    #: What to do about it.
    hint: str

    def __init__(
        self,
        message: str,
        *,
        path: Optional[str] = None,
        line: Optional[int] = None,
        byte: Optional[int] = None,
        code: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.line = line
        self.byte = byte
        self.code = code
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message

    def __reduce__(self) -> Any:
        return _again, (type(self), self.message, self._told())

    def _told(self) -> Dict[str, Any]:
        return {name: getattr(self, name) for name in ("path", "line", "byte", "code", "hint")}


def _again(kind: Type[Error], message: str, told: Dict[str, Any]) -> Error:
    return kind(message, **told)


class _System(Error, OSError):
    """What the operating system said: ``errno``, ``strerror`` and ``filename`` are those of an `OSError`."""

    def __init__(self, message: str, *, errno: Optional[int] = None, **told: Any) -> None:
        super().__init__(message, **told)
        self.errno = errno
        self.strerror = message
        self.filename = self.path

    def _told(self) -> Dict[str, Any]:
        return {**super()._told(), "errno": self.errno}


class BadInputError(Error, ValueError):
    """The source itself is at fault: to try again is of no use before it was corrected."""


class OptionError(Error, ValueError):
    """An option says something that cannot be done."""


class SourceMissingError(_System, FileNotFoundError):
    """There is no such source."""


class SourceReadError(_System):
    """The source cannot be read, or is no file. May pass."""


class SourceChangedError(_System):
    """The source changed while it was read. Convert it again when its writer has finished."""


class OutputExistsError(_System, FileExistsError):
    """Another file has the output's name: not an output of this source, with these options. Nothing was changed."""


class OutputWriteError(_System):
    """The output cannot be written: no space, no permission. May pass."""


class InternalError(Error, RuntimeError):
    """h5inbox is at fault, or the process is in a state in which it cannot work."""
