"""Measuring a configuration: on a store that is there, or on one made for it and thrown away."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from memkit.blocking import Memory
from memkit.errors import InvalidInput
from memkit.evaluation.configurations import Configuration
from memkit.evaluation.questions import Question, StoredItem
from memkit.evaluation.reading import is_export, read_jsonl, read_memories
from memkit.evaluation.results import Evaluation
from memkit.evaluation.running import evaluate
from memkit.evaluation.storing import store_items

if TYPE_CHECKING:
    from memkit.engine import Progress

#: Shows the progress of a step that it is told the name of.
Watch = Callable[[str], AbstractContextManager["Progress | None"]]


@dataclass(frozen=True, slots=True)
class Material:
    """What is asked, and of which memories.

    Attributes:
        questions: the questions.
        items: memories that are stored first, in the simple form.
        export: an export that is imported first.
    """

    questions: tuple[Question, ...]
    items: tuple[StoredItem, ...] = ()
    export: Path | None = None

    @property
    def self_contained(self) -> bool:
        """Whether it brings its memories along."""
        return bool(self.items) or self.export is not None


def read_material(data: Path, memories: Path | None = None) -> Material:
    """The questions of a file, with the memories in it and in another one.

    Args:
        data: as :func:`~memkit.evaluation.reading.read_jsonl` reads it.
        memories: an export, or memories in the simple form.

    Raises:
        InvalidInput: a file cannot be read, or a line of it; the message says which.
    """
    dataset = read_jsonl(data)
    material = Material(dataset.questions, dataset.items)
    if memories is None:
        return material
    if is_export(memories):
        return replace(material, export=memories)
    known = {item.id for item in material.items}
    more = read_memories(memories)
    if any(item.id in known for item in more):
        raise InvalidInput(f"{memories.name} and {data.name} both hold a memory of the same id")
    return replace(material, items=(*material.items, *more))


def measure(
    material: Material,
    configuration: Configuration,
    *,
    place: Mapping[str, Any] | None = None,
    sessions: str | None = None,
    watch: Watch | None = None,
) -> Evaluation:
    """Ask the questions under a configuration.

    Memories that the material brings along are stored in a new SQLite file, under this very
    configuration, which is removed afterwards. Questions are asked on a store that is opened
    for reading, so that asking changes nothing.

    Args:
        material: what is asked.
        configuration: settings and arguments of recall.
        place: where: ``url``, ``embedder`` and a scope, as :meth:`memkit.Memory.open` takes
            them; what it leaves open comes from the environment or a file.
        sessions: the field by which records belong together; see
            :func:`~memkit.evaluation.running.evaluate`.
        watch: shows progress.

    Raises:
        InvalidInput: the material brings its memories along and ``place`` names a store.
        MemkitError: the store cannot be opened, or does not accept what is asked of it.
    """
    given = {**(place or {}), **configuration.settings}
    show = watch if watch is not None else _unwatched
    with ExitStack() as stack:
        if material.self_contained:
            if "url" in given:
                raise InvalidInput(
                    "the data set brings its memories along, and they go into a store that is "
                    "thrown away: leave the store out, or the memories"
                )
            folder = stack.enter_context(TemporaryDirectory(prefix="memkit-eval-"))
            given["url"] = str(Path(folder) / "memory.db")
            notices = _fill(material, given, show)
        else:
            notices = ()
        with Memory.open(**given, read_only=True) as memory, show("asking") as tell:
            found = evaluate(
                memory,
                material.questions,
                name=configuration.name,
                recall=configuration.recall,
                sessions=sessions,
                progress=tell,
            )
    return replace(found, notices=tuple(dict.fromkeys((*notices, *found.notices))))


def _fill(material: Material, given: Mapping[str, Any], show: Watch) -> tuple[str, ...]:
    with Memory.open(**given) as memory, show("storing") as tell:
        # Otherwise vectors would be missing, or come too late.
        memory.warm_up()
        if material.export is not None:
            memory.import_(material.export, progress=tell)
        return store_items(memory, material.items, progress=tell)


def _unwatched(_: str) -> AbstractContextManager[Progress | None]:
    return nullcontext()
