"""How well memkit finds plain facts: no conversation, only memories of a team at work.

    python benchmarks/plain_facts.py --json plain-facts.json --html plain-facts.html

``data/plain_facts.jsonl`` is memkit's own, written by hand: 500 memories of code, preferences and
decisions of a team that does not exist, with near neighbours that differ in a number or a name,
and 300 questions: 120 paraphrases, 60 identifiers, 50 about time, 30 negated, and 40 that nothing
answers. Each configuration is measured on a store of its own; the two legs alone (``lexical``,
``dense``) stand beside the profiles.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from _report import circumstances, save, show
from rich.progress import track

from memkit.config import Settings
from memkit.evaluation import Configuration, Evaluation, compare
from memkit.evaluation.configurations import recall_arguments
from memkit.evaluation.measuring import measure, read_material
from memkit.evaluation.reports import Report, as_document, as_html, tables

DATA = Path(__file__).parent / "data" / "plain_facts.jsonl"
_LEGS = ("lexical", "dense")
_PROFILES = ("fast", "balanced")


def configurations(chosen: Sequence[str] | None = None) -> dict[str, Configuration]:
    """The configurations by name: the two legs alone, and the profiles that there are."""
    made = {leg: Configuration.parse([f"mode={leg}"]) for leg in _LEGS}
    if chosen is not None:
        made |= {text: Configuration.parse([text]) for text in chosen}
    elif "profile" in recall_arguments() or "profile" in Settings.model_fields:
        made |= {name: Configuration.parse([f"profile={name}"]) for name in _PROFILES}
    else:
        made["hybrid"] = Configuration.parse(["mode=hybrid"])
    return made


def margins(evaluations: dict[str, Evaluation]) -> list[list[str]]:
    """Of each configuration that is no leg: its difference to the better leg, measure by measure.

    The better leg is chosen for each measure, so the bar is higher than either leg.
    """
    rows = []
    legs = [evaluations[leg] for leg in _LEGS]
    for name, evaluation in evaluations.items():
        if name in _LEGS:
            continue
        against = [compare(leg, evaluation).differences["all"] for leg in legs]
        for key in ("any@1", "any@5", "any@10", "all@10", "mrr", "ndcg@10"):
            worst = min((each[key] for each in against), key=lambda difference: difference.mean)
            interval = f"{100 * worst.low:+.1f}..{100 * worst.high:+.1f}"
            rows.append([name, key, f"{100 * worst.mean:+.1f}", interval])
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", type=Path, metavar="FILE", help="all figures")
    parser.add_argument("--html", type=Path, metavar="FILE", help="tables and plots")
    parser.add_argument("--embedder", metavar="URL", help="by default memkit's default")
    parser.add_argument(
        "--configuration", action="append", metavar="NAME=VALUE", help="instead of the profiles"
    )
    arguments = parser.parse_args(argv)
    material = read_material(DATA)
    place = {} if arguments.embedder is None else {"embedder": arguments.embedder}
    chosen = configurations(arguments.configuration)
    done = {
        name: measure(material, configuration, place=place)
        for name, configuration in track(chosen.items(), "plain facts", transient=True)
    }
    report = Report(DATA.name, tuple(done.values()))
    for side, name in zip(report.sides, done, strict=True):
        print(f"{side}: {name}")
    for table in tables(report)[1:]:
        show(table.title, table.columns, table.rows)
    show("Against the better leg", ["configuration", "measure", "points", "95 %"], margins(done))
    for notice in report.notices:
        print(f"note: {notice}")
    if arguments.json is not None:
        save({**as_document(report), **circumstances()}, arguments.json)
    if arguments.html is not None:
        arguments.html.write_text(as_html(report), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
