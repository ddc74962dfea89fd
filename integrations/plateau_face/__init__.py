"""Face recognition on one device: training, verification, export, and the embedding of faces."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plateau_face.embedder import Embedder as Embedder


def __getattr__(name: str) -> Any:
    if name == "Embedder":  # only when it is asked for: torch takes a second to import
        from plateau_face.embedder import Embedder

        return Embedder
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
