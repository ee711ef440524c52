"""The prompts: what a person can ask a model to do with the memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from memkit.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt; ``{name}`` in its text is an argument."""

    name: str
    title: str
    summary: str
    text: str
    argument: str
    meaning: str

    @property
    def definition(self) -> dict[str, Any]:
        """The prompt as ``prompts/list`` tells it."""
        argument = {"name": self.argument, "description": self.meaning, "required": True}
        return {
            "name": self.name,
            "title": self.title,
            "description": self.summary,
            "arguments": [argument],
        }

    def asked(self, arguments: Mapping[str, str]) -> dict[str, Any]:
        """The prompt as ``prompts/get`` tells it.

        Raises:
            InvalidInput: its argument is missing.
        """
        given = arguments.get(self.argument)
        if not given:
            raise InvalidInput(f"{self.argument}: give it: {self.meaning}")
        text = self.text.replace("{" + self.argument + "}", given)
        content = {"type": "text", "text": text}
        return {"description": self.summary, "messages": [{"role": "user", "content": content}]}


PROMPTS: Mapping[str, Prompt] = {
    prompt.name: prompt
    for prompt in (
        Prompt(
            "recall-first",
            "Recall first",
            "Look into memory before working on something.",
            "Before you begin, recall with first=true what is known about: {task}\n\n"
            "Recall again for each part that you are unsure about. Tell me in a few lines what "
            "you found that matters, with the memories' ids, and which constraints hold. Then "
            "begin.",
            "task",
            "what is to be done",
        ),
        Prompt(
            "remember-this",
            "Remember this",
            "Keep something for later sessions.",
            "Remember this: {text}\n\n"
            "Recall first whether it is known. If a memory says the same, leave it; if one is "
            "outdated by this, update it with action=correct; else remember it as one or several "
            "self-contained memories, each with the kind that fits (fact, decision, preference, "
            "constraint) and a few tags. Tell me what you stored.",
            "text",
            "what to keep",
        ),
        Prompt(
            "hand-over",
            "Hand over",
            "Leave what the next agent or session needs.",
            "Hand over your work to: {to}\n\n"
            "Remember the decisions that were made and why, the constraints that came up, and "
            "what failed, one memory each. Then send one message with what is done, what is open, "
            "what to do next and the ids of those memories.",
            "to",
            "a channel, or who continues",
        ),
    )
}
