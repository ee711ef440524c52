"""The words by which texts disagree, English and German: a language is added by adding words."""

from __future__ import annotations

import re
from typing import Final

from memkit.retrieval.scripts import stem


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _stems(text: str) -> frozenset[str]:
    return frozenset(stem(word)[0] for word in text.split())


#: What turns a sentence into its opposite.
NEGATORS: Final = _words(
    "not no never neither nor none without "
    "nicht kein keine keinen keinem keiner keines nie niemals ohne"
)
#: What denies in words and not in meaning.
IDIOMS: Final = re.compile(
    r"\b(?:no matter (?:what|how|who|where)?|no (?:doubt|wonder|problem|worries)|why not"
    r"|(?:could ?n['\u2019]?t|could not|can ?not|can['\u2019]?t) \w+ (?:more|enough|wait)"
    r"|can['\u2019]?t wait|keine (?:Sorge|Frage|Ahnung)|kein (?:Problem|Wunder|Zweifel))\b",
    re.IGNORECASE,
)
#: After these (and "not" before them) only a part is denied: "not everyone", "not only".
PARTS: Final = _words(
    "all every everyone everybody everything always only necessarily just yet "
    "alle jeder jede jedes immer nur unbedingt"
)
#: A sentence that begins so states nothing.
CONDITIONAL: Final = _words("if unless whether suppose assuming wenn falls ob sofern")
#: What is doubted, wished or reported is not stated.
HEDGES: Final = _words(
    "maybe perhaps might possibly probably vielleicht eventuell womöglich vermutlich wahrscheinlich"
)

#: Of a time that is over.
PAST: Final = _words(
    "was were had did been used formerly previously once earlier former until "
    "war waren hatte hatten wurde wurden früher ehemals damals bisher zuvor bis"
)
#: Of a time to come.
FUTURE: Final = _words("will shall soon planned plans künftig demnächst bald")
#: Without an auxiliary these are past, though they do not end in -ed.
IRREGULAR: Final = _words(
    "bought went ran met ate saw took made wrote came gave found got sent spent won lost sold told "
    "built paid spoke drove flew chose bekam kaufte ging"
)

#: Words that say nothing of their own here. Personal pronouns, "before" and "after" do.
STOP: Final = _words(
    """
    a an the this that these those is are was were be been being am do does did done has have had
    of to in at for with by from on into as and or so than then there it its their our your his her
    my will would shall should can could may must need needs about also any both each every all
    always very just still only too again up out over own same such other more most some few once
    used formerly previously currently now already longer please which who whom where when what how
    der die das den dem des ein eine einen einem einer eines ist sind war waren sein hat haben hatte
    wird werden wurde wurden und oder zu im in am an auf aus bei mit von vom für zum zur als auch
    noch schon sehr alle jede jeder jedes immer nur es man sich muss müssen soll sollen kann können
    darf dürfen mehr früher aktuell derzeit jetzt
    """
)
#: Words of :data:`STOP` that can be verbs, after which the subject is over.
AUXILIARIES: Final = _words(
    """
    is are was were be am has have had do does did will would shall should can could may must need
    needs ist sind war waren hat haben hatte wird werden wurde wurden muss müssen soll sollen kann
    können darf dürfen
    """
)
#: Frequent verbs of statements; by their stems.
VERBS: Final = _stems(
    """
    use uses run runs support supports allow allows require requires hold holds take takes cost
    costs keep keeps listen listens live lives reside resides work works report reports prefer
    prefers like likes dislike dislikes love loves hate hates eat eats drink drinks speak speaks
    start starts begin begins end ends expire expires launch launches promise promises seat seats
    contain contains return returns include includes share shares own owns belong belongs deploy
    deploys host hosts serve serves accept accepts pass passed fail failed expect expects limit
    limits store stores write writes know knows want wants offer offers provide provides cover
    covers last lasts weigh weighs measure measures default defaults point points manage manages
    lead leads mean means mention mentions close closes open opens become becomes remain remains
    verwendet verwenden nutzt nutzen benutzt läuft laufen unterstützt erlaubt braucht benötigt
    kostet dauert wohnt wohnen lebt arbeitet arbeiten heißt endet beginnt startet mag liebt trinkt
    isst spricht enthält steht liegt gehört deployen deployt speichert öffnet schließt
    leave leaves depart departs arrive arrives open opens call calls retry retries
    """
)
#: Verbs with one object at a time: whose differing objects contradict each other.
SINGLE: Final = _stems(
    """
    live lives reside resides work works report reports prefer prefers run runs deploy deployed
    host hosted write written born locate located base based headquartered belong belongs call
    called name named set default defaults point points assign assigned manage managed
    lead led wohnt lebt arbeitet heißt läuft steht liegt gehört geschrieben geboren gehostet
    """
)
#: What is one of its kind, so that "the X is A" and "the X is B" contradict each other.
ROLES: Final = _stems(
    """
    primary main default only favourite favorite current official preferred standard capital name
    owner colour color password language licence license version timezone zone region manager
    leader lead head boss ceo cto director president chair editor framework database branch level
    title role status state priority email address phone number url port host domain currency
    country nationality birthplace hometown employer price model format encoding protocol engine
    backend provider vendor maintainer author size key
    hauptdatenbank hauptstadt hauptsprache hauptrolle standard lieblingsfarbe lieblingsessen
    besitzer eigentümer inhaber farbe passwort sprache lizenz version zeitzone chef leiter
    name adresse
    """
)
#: Before a number these make it a name: another chapter is not another number.
DESIGNATED: Final = _stems(
    """
    version chapter ticket issue phase step part room section node server line page question case
    level unit gate terminal track release sprint kapitel teil raum seite rechnung zimmer
    """
)
#: Verbs of what happens once: with another date it is another story.
ONCE: Final = _stems(
    """
    scheduled due founded born start starts started begin begins began end ends ended expire expires
    expired launch launches launched release releases released take takes place planned set opens
    closes happen happens arrive arrives leaves leave departs depart died established
    endet beginnt startet öffnet schließt geplant fällig gegründet geboren findet statt läuft
    """
)
#: An event that a date after "is" dates.
EVENTS: Final = _stems(
    """
    meeting deadline release birthday wedding launch party exam review appointment conference
    audit standup demo interview call freeze migration deploy kickoff anniversary election
    besprechung termin frist hochzeit geburtstag prüfung konferenz treffen abgabe
    """
)

_ANTONYMS: Final = """
    enabled disabled; enable disable; on off; allow forbid; allowed forbidden; allowed prohibited;
    allows forbids; permit deny; permitted prohibited; permitted denied; before after;
    increase decrease; increases decreases; increased decreased; raise lower; open closed;
    opened closed; public private; accept reject; accepted rejected; accepts rejects;
    approved rejected; pass fail; passed failed; passes fails; faster slower; bigger smaller;
    larger smaller; higher lower; more less; better worse; include exclude; included excluded;
    includes excludes; always never; true false; yes no; active inactive; online offline;
    synchronous asynchronous; mandatory optional; required optional; start stop; started stopped;
    add remove; added removed; hot cold; safe dangerous; love hate; loves hates; alive dead;
    present absent; full empty; valid invalid; minimum maximum; first last; win lose; won lost;
    succeeded failed; succeeds fails; working broken; works fails; secure insecure; cheap expensive;
    early late; internal external; manual automatic; manually automatically; strict lenient;
    show hide; shown hidden; visible hidden; encrypted plaintext; above below; left right;
    like dislike; likes dislikes; supported unsupported; agree disagree; agrees disagrees;
    aktiviert deaktiviert; erlaubt verboten; an aus; ein aus; vor nach; erhöhen senken; offen
    geschlossen; geöffnet geschlossen; öffentlich privat; angenommen abgelehnt; schneller langsamer;
    größer kleiner; höher niedriger; mehr weniger; immer nie; wahr falsch; ja nein; aktiv inaktiv;
    bestanden durchgefallen; gültig ungültig; mit ohne
"""
ANTONYMS: Final = frozenset(
    frozenset(stem(word)[0] for word in pair.split()) for pair in _ANTONYMS.split(";")
)
_PREFIXES: Final = ("un", "in", "im", "ir", "il", "dis", "non", "de", "a")


def opposite(a: str, b: str) -> bool:
    """Whether two stems are opposites: by the table, or one is the other with un-, ir-, dis-."""
    if frozenset((a, b)) in ANTONYMS:
        return True
    short, long = sorted((a, b), key=len)
    return len(short) >= 4 and any(long == prefix + short for prefix in _PREFIXES[:-1])


_UNITS: Final[dict[str, dict[str, float]]] = {
    "bytes": {
        "b byte bytes": 1, "kb kilobyte kilobytes": 1e3, "mb megabyte megabytes": 1e6,
        "gb gigabyte gigabytes": 1e9, "tb terabyte terabytes": 1e12,
        "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
    },
    "seconds": {
        "ms millisecond milliseconds millisekunden": 1e-3,
        "s sec secs second seconds sekunde sekunden": 1,
        "min mins minute minutes minuten": 60,
        "h hr hrs hour hours stunde stunden": 3600,
        "day days tag tage tagen": 86_400, "week weeks woche wochen": 604_800,
        "month months monat monate monaten": 2_629_800,
        "year years jahr jahre jahren": 31_557_600,
    },
    "metres": {
        "mm": 1e-3, "cm": 1e-2, "m metre metres meter meters": 1,
        "km kilometre kilometres kilometer kilometers": 1e3,
        "mile miles": 1609.344, "ft foot feet": 0.3048, "inch inches": 0.0254,
    },
    "grams": {
        "g gram grams gramm": 1, "kg kilo kilos kilogram kilograms kilogramm": 1e3,
        "lb lbs pound pounds": 453.592,
    },
    "percent": {"% percent prozent": 1},
    "dollars": {"$ usd dollar dollars": 1},
    "euros": {"€ eur euro euros": 1},
    "pounds sterling": {"£ gbp": 1},
    "degrees": {"° degrees grad celsius": 1},
}  # fmt: skip
#: Units, by the dimension they measure and how many of its base unit they are.
UNITS: Final[dict[str, tuple[str, float]]] = {
    alias: (dimension, factor)
    for dimension, units in _UNITS.items()
    for aliases, factor in units.items()
    for alias in aliases.split()
}
#: "100 requests a minute": what a number is counted in.
PERIODS: Final = {
    alias: factor
    for alias, (dimension, factor) in UNITS.items()
    if dimension == "seconds" and not alias.endswith("s") and alias not in ("m", "h", "b")
} | {"h": 3600.0, "s": 1.0, "hourly": 3600.0, "daily": 86_400.0}
#: Numbers in words that the analysis of wording leaves as they are.
NUMBERS: Final = {
    word: number
    for words, number in {
        "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "eighteen": 18, "twenty": 20,
        "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80,
        "ninety": 90, "single": 1, "twice": 2, "thrice": 3,
        "zwei": 2, "drei": 3, "vier": 4, "fünf": 5, "sechs": 6,
        "sieben": 7, "acht": 8, "neun": 9, "zehn": 10, "elf": 11, "zwölf": 12, "zwanzig": 20,
        "dreißig": 30, "hundert": 100,
    }.items()
    for word in words.split()
}  # fmt: skip
#: Words that multiply the number before them.
MULTIPLIERS: Final = {
    "hundred": 1e2, "thousand": 1e3, "k": 1e3, "million": 1e6, "millions": 1e6, "m": 1e6,
    "billion": 1e9, "tausend": 1e3, "millionen": 1e6, "milliarden": 1e9, "dozen": 12,
}  # fmt: skip
