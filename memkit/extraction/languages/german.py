"""German: the words that its rules stand on; the rules are in :mod:`.german_rules`."""

from __future__ import annotations

from typing import Final

from memkit.extraction.languages.german_rules import RULES
from memkit.extraction.languages.tables import Language

GERMAN: Final = Language(
    code="de",
    rules=RULES,
    adverbs=(
        "gerade|kürzlich|jetzt|nun|auch|derzeit|momentan|aktuell|wirklich|endlich|noch|immer noch"
        "|schon|bereits|offiziell|inzwischen|mittlerweile|neulich|zurzeit|sehr|total|gestern|heute"
        "|ja|eigentlich|frisch|neuerdings|seitdem|dort|gemeinsam"
    ),
    openers=(
        "also|ach|oh|ja|nein|hey|hi|hallo|übrigens|und|aber|naja|tja|gut|okay|ok|danke|hm+|update"
        "|hinweis|zur info|wichtig|regel|vorgabe|denk dran|bitte beachten"
    ),
    hedges=(
        "vielleicht|eventuell|möglicherweise|wahrscheinlich|vermutlich|womöglich|könnten?"
        "|würden?|würde"
        "|möchten?|will|wollen|wollte|falls|wenn|ob|hoffe|hoffentlich|überlegen?|überlege"
        "|planen?|plane"
        "|vorhaben|glaube|denke|schätze|scheint|anscheinend|angeblich|fast|beinahe|früher|damals"
        "|sollten?"
        "|wünsche|träume|werden?|werde|wird|ungefähr|etwa|zum beispiel|als kind|roman|film|buch"
        "|lied|hätten?"
        "|wäre|wären|nachdenken|versuche"
    ),
    questions=(
        "was|wann|wo|wer|wen|wem|wessen|warum|wieso|weshalb|wie|welche[rsmn]?|wohin|woher|hast"
        "|bist|magst"
        "|kannst|soll|sollen|darf ich|habt|seid"
    ),
    reporting=(
        "sagte|sagt|sagen|meinte|meint|behauptet|behauptete|erzählte?|erzählt|laut|schrieb"
        "|fragte|fragt"
        "|gehört|gesagt|erwähnte|glaubt|denkt|zufolge|berichtete|gemeldet"
    ),
    breaks=(
        r"[;]|\s[–—-]\s|—|,?\s+(?:aber|obwohl|weil|während|sondern|denn)\s+"
        r"|,?\s+und\s+(?=(?:ich|wir|mein|meine|arbeite|wohne|mag|liebe|das Team|[A-ZÄÖÜ]\w+ "
        r"(?:ist|hat|wohnt"
        r"|arbeitet|mag|liebt)\b))|,\s+(?=(?:ich|wir|mein|meine)\s)"
    ),
    ends=(
        "und|aber|weil|denn|seit|als|wenn|während|die|der|das|den|dem|wo|für|mit|jetzt|auch|noch"
        "|nicht|zu"
        "|oder|von|bis|statt|zusammen|schon|besonders|sehr|bei|in|auf|an|am|im|um|gern|gerne"
        "|wieder|ab"
    ),
    narrowing="die|der|das|den|dem|wo|wenn|mit|von|in|für|bei|auf|an|am|im|als|aus|wie|zu|über",
    own="ich|mich|mir|mein|meine|meinen|meinem|meiner|wir|uns|unser|unsere|unserem|du|dich|dein"
    "|deine|ihr",
    future="will be",
    group_says="Wir",
    not_names=frozenset(
        "Ich Es Er Sie Wir Ihr Du Das Die Der Den Dem Dies Diese Dieser Dieses Jemand Niemand "
        "Jeder Jede "
        "Alle Alles Nichts Etwas Man Wer Was Wo Wie Warum Mama Papa Mutter Vater Oma Opa Tante "
        "Onkel "
        "Mein Meine Dein Deine Sein Seine Ihre Unser Unsere Ein Eine Und Aber Oder Wenn Ja Nein "
        "Nicht "
        "Jetzt Heute Gestern Morgen Danke Bitte Gott Montag Dienstag Mittwoch Donnerstag Freitag "
        "Samstag Sonntag Januar Februar März April Mai Juni Juli August September Oktober November "
        "Dezember Hause Nacht Geld Leute Keiner Seit Im Am Hier Dort Da Auch Nur Leben Liebe "
        "Musik".split()
    ),
    not_values=frozenset(
        "es das dies diese dieser dieses ihn ihm sie ihr euch dich dir mich mir uns mein meine "
        "meinen "
        "dein deine sein seine unser unsere die der den dem was wie wo wenn dass alles nichts "
        "etwas "
        "jemand niemand so sehr mehr nicht lieber kein keine keinen und oder auch hier dort da "
        "ja es's "
        "in im am an auf zu gern gerne wirklich einfach "
        "davon daran darauf zeit geduld geld glück".split()
    ),
    vague=frozenset(
        "es das dies ihn ihm dich dir mich mir uns euch du dein deine mein meine unser unsere "
        "sowas "
        "etwas alles nichts hier dort davon damit sein seine ihre wir ich".split()
    ),
    parts={
        "first": "[Ii]ch",
        "we": "[Ww]ir",
        "group": r"(?:[Dd]as|[Uu]nser) (?:[\w-]+ )?(?:[\w-]*[Tt]eam|Unternehmen|Projekt)",
        "end_list": r"(?=\s*(?:[.!;:()–—]|\Z|\b(?:aber|weil|denn|die|der|seit)\b))",
        "role": r"[\w-]+(?: [\w-]+){0,2}?",
        "item": r"(?:(?:[Dd]er|[Dd]ie|[Dd]as|[Dd]en|[Uu]nser\w*) )?[\w./@'-]+(?: [\w./@'-]+){0,3}?",
        "version": r"(?P<object>v?\d+(?:\.\d+)*(?:[.-]?(?:rc|alpha|beta|dev)[.-]?\d*)?)(?![\w%])",
    },
    times=(
        (r"\bseit letzter Woche\b", "since last week"),
        (r"\bseit letztem Monat\b", "since last month"),
        (r"\bseit letztem Jahr\b", "since last year"),
        (r"\bseit gestern\b", "since yesterday"),
        (r"\bseit (\d{4})\b", r"since \1"),
        (
            r"\bseit (januar|jänner|februar|märz|april|mai|juni|juli|august|september|oktober"
            r"|november|dezember)(?: (\d{4}))?\b",
            r"since \1 \2",
        ),
        (
            r"\b(?:vor|seit) (\d+|einer|einem|zwei|drei|vier|fünf|sechs|acht|zehn) "
            r"(Tag|Woche|Monat|Jahr)(?:en|n|e)?\b",
            r"{\1} {\2} ago",
        ),
        (r"\b(?:in der )?letzte[rn]? Woche\b", "last week"),
        (r"\b(?:im )?letzten Monat\b", "last month"),
        (r"\b(?:im )?letzte[sn] Jahr\b", "last year"),
        (r"\bvorgestern\b", "two days ago"),
        (r"\bgestern\b", "yesterday"),
        (r"\b(?:im Jahr |in )((?:19|20)\d{2})\b", r"in \1"),
        (
            r"\bim (januar|jänner|februar|märz|april|mai|juni|juli|august|september|oktober"
            r"|november|dezember)(?: (\d{4}))?\b",
            r"in \1 \2",
        ),
        (
            r"\b(?:am |zum )?(\d{1,2})\. (januar|jänner|februar|märz|april|mai|juni|juli|august"
            r"|september|oktober|november|dezember)(?: (\d{4}))?\b",
            r"on \1 \2 \3",
        ),
        (r"\b(?:am |zum )?(\d{1,2})\.(\d{1,2})\.(\d{4})\b", r"on \3-\2-\1"),
        (r"\bbis (\d{4})\b", r"until \1"),
    ),
    words={
        "einer": "1",
        "einem": "1",
        "zwei": "2",
        "drei": "3",
        "vier": "4",
        "fünf": "5",
        "sechs": "6",
        "acht": "8",
        "zehn": "10",
        "tag": "days",
        "woche": "weeks",
        "monat": "months",
        "jahr": "years",
    },
)
