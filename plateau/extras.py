"""Names of a package that each need a framework of their own, loaded when they are asked for."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def loaded_by(package: str, frameworks: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a package whose names lie in modules ``by_FRAMEWORK``.

    Parameters
    ----------
    package : str
        Its ``__name__``.
    frameworks : mapping
        For each name the framework that it needs, which is also the name of the extra.

    Raises
    ------
    ModuleNotFoundError
        From what is returned, if the framework is not there: in a line that names the extra.
    AttributeError
        From what is returned, if there is no such name.
    """

    def attribute(name: str) -> Any:
        if name not in frameworks:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        framework = frameworks[name]
        try:
            import_module(framework)
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                f"{name} needs {framework}: python -m pip install 'plateau-detect[{framework}]'"
            ) from error
        return getattr(import_module(f"{package}.by_{framework}"), name)

    return attribute
