"""How extensions surround an operation: as Strawberry has it, with what is the same for each operation looked up once.

Strawberry asks of each extension, at each of four steps of each operation, whether it does something there and in which
manner, and makes a context manager of that anew.
"""

from contextlib import contextmanager
from functools import cache, partial
from inspect import isgeneratorfunction
from typing import Any

from strawberry.extensions import SchemaExtension
from strawberry.extensions.context import (
    ExecutingContextManager,
    OperationContextManager,
    ParsingContextManager,
    ValidationContextManager,
    WrappedHook,
)
from strawberry.extensions.runner import SchemaExtensionsRunner


class _LookedUp:
    """In front of one of Strawberry's context managers: its hooks, each looked up once for a class of extensions."""

    HOOK_NAME: str

    def get_hook(self, extension: SchemaExtension) -> WrappedHook | None:
        kind: Any = type(extension)
        hook = _hook(kind, self.HOOK_NAME)
        return None if hook is None else WrappedHook(extension, partial(hook, extension), is_async=False)


class _Operation(_LookedUp, OperationContextManager):
    pass


class _Parsing(_LookedUp, ParsingContextManager):
    pass


class _Validation(_LookedUp, ValidationContextManager):
    pass


class _Executing(_LookedUp, ExecutingContextManager):
    pass


class Runner(SchemaExtensionsRunner):
    """Runs extensions whose hooks are generators, as ours are. Raises TypeError for any other."""

    def operation(self) -> OperationContextManager:
        return _Operation(self.extensions)

    def parsing(self) -> ParsingContextManager:
        return _Parsing(self.extensions)

    def validation(self) -> ValidationContextManager:
        return _Validation(self.extensions)

    def executing(self) -> ExecutingContextManager:
        return _Executing(self.extensions)


@cache
def _hook(kind: type[SchemaExtension], name: str) -> Any:
    found = getattr(kind, name)
    if found is getattr(SchemaExtension, name):
        return None
    if not isgeneratorfunction(found):
        raise TypeError(f"{kind.__name__}.{name} is no generator")
    return contextmanager(found)
