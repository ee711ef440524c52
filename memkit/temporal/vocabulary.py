"""The words that times are told in. English, with the months and weekdays of some neighbours."""

from __future__ import annotations


def _numbered(names: str, first: int) -> dict[str, int]:
    """Words, by what they count: alternatives are joined by a slash."""
    return {
        word: number
        for number, words in enumerate(names.split(), first)
        for word in words.split("/")
    }


_ENGLISH_MONTHS = _numbered(
    "january/jan february/feb march/mar april/apr may june/jun july/jul august/aug"
    " september/sep/sept october/oct november/nov december/dec",
    1,
)
# German, French, Spanish, Italian, Portuguese, Dutch.
_FOREIGN_MONTHS = _numbered(
    "januar/jänner/janvier/enero/gennaio/janeiro/januari"
    " februar/février/fevrier/febrero/febbraio/fevereiro/februari"
    " märz/maerz/mars/marzo/março/maart"
    " avril/abril/aprile"
    " mai/mayo/maggio/maio/mei"
    " juni/juin/junio/giugno/junho"
    " juli/juillet/julio/luglio/julho"
    " août/aout/agosto/augustus"
    " septembre/septiembre/settembre/setembro"
    " oktober/octobre/octubre/ottobre/outubro"
    " novembre/noviembre/novembro"
    " dezember/décembre/decembre/diciembre/dicembre/dezembro",
    1,
)
MONTHS = _ENGLISH_MONTHS | _FOREIGN_MONTHS
#: Not English: months only with a preposition, a day or a year ("Rio de Janeiro").
FOREIGN_MONTHS = frozenset(_FOREIGN_MONTHS) - frozenset(_ENGLISH_MONTHS)
# Names and verbs: months only where something else says so.
AMBIGUOUS_MONTHS = frozenset("may march mar april june august jan".split())
#: Those that are first names too: "after June" may be after her.
NAME_MONTHS = frozenset("may april june august jan".split())

_ENGLISH_WEEKDAYS = _numbered(
    "monday/mon/mondays tuesday/tue/tues/tuesdays wednesday/wed/weds/wednesdays"
    " thursday/thu/thur/thurs/thursdays friday/fri/fridays saturday/sat/saturdays"
    " sunday/sun/sundays",
    0,
)
_FOREIGN_WEEKDAYS = _numbered(
    "montag/lundi/lunes/lunedì/segunda-feira/maandag"
    " dienstag/mardi/martes/martedì/terça-feira/dinsdag"
    " mittwoch/mercredi/miércoles/mercoledì/quarta-feira/woensdag"
    " donnerstag/jeudi/jueves/giovedì/quinta-feira/donderdag"
    " freitag/vendredi/viernes/venerdì/sexta-feira/vrijdag"
    " samstag/sonnabend/samedi/sábado/sabato/zaterdag"
    " sonntag/dimanche/domingo/domenica/zondag",
    0,
)
WEEKDAYS = _ENGLISH_WEEKDAYS | _FOREIGN_WEEKDAYS
AMBIGUOUS_WEEKDAYS = frozenset({"mon", "wed", "weds", "thu", "sat", "sun"})
#: "on Mondays" is a habit, not a day.
PLURAL_WEEKDAYS = frozenset(word for word in _ENGLISH_WEEKDAYS if word.endswith("days"))

#: Abbreviations, after which a full stop ends no sentence.
SHORT = frozenset(word for word in (*_ENGLISH_MONTHS, *_ENGLISH_WEEKDAYS) if len(word) <= 5)

UNITS = {
    alias: unit
    for unit, aliases in {
        "second": "second seconds sec secs",
        "minute": "minute minutes min mins",
        "hour": "hour hours hr hrs",
        "day": "day days night nights",
        "week": "week weeks wk wks",
        "weekend": "weekend weekends",
        "fortnight": "fortnight fortnights",
        "month": "month months",
        "quarter": "quarter quarters",
        "year": "year years yr yrs",
        "decade": "decade decades",
        "century": "century centuries",
    }.items()
    for alias in aliases.split()
}
#: Only where they stand at a number: "3d ago".
SHORT_UNITS = {
    "m": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month", "y": "year"
}  # fmt: skip

COUNTS = {
    **_numbered(
        "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
        " fifteen sixteen seventeen eighteen nineteen twenty",
        1,
    ),
    "a": 1, "an": 1, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "ninety": 90,
    "hundred": 100, "dozen": 12,
}  # fmt: skip
#: What is not quite a number: from, to.
VAGUE_COUNTS = {"couple": (2, 3), "few": (2, 5), "several": (3, 7), "some": (2, 6)}

ORDINALS = _numbered(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth", 1
)
NINETIES = _numbered("twenties thirties forties fifties sixties seventies eighties nineties", 2)

#: Days by their distance from today.
DAYS = {
    "today": 0, "todays": 0, "yesterday": -1, "yesterdays": -1, "tomorrow": 1, "tomorrows": 1,
    "heute": 0, "gestern": -1, "vorgestern": -2, "aujourd'hui": 0, "ayer": -1, "anteayer": -2,
    "oggi": 0, "ieri": -1, "hoje": 0, "ontem": -1, "vandaag": 0, "gisteren": -1,
}  # fmt: skip

LAST = frozenset({"last", "past", "previous", "preceding"})
THIS = frozenset({"this", "current"})
NEXT = frozenset({"next", "coming", "upcoming"})

#: In front of a time. Those of other languages go before a month or a weekday.
IN = frozenset(
    "in on during throughout within over at of for around about circa near im am en em le il el"
    " di den op nel".split()
)
RELATIONS = frozenset({"before", "after", "since", "until", "till", "during", "while"})
#: What makes a question one about the future.
FUTURE = frozenset({"will", "shall", "upcoming", "won't", "gonna"})
#: "Every Monday" is a habit, not a day.
EACH = frozenset({"every", "each", "most"})
#: After a name: then it is no month.
SPEAKING = frozenset(
    "said says say told tells asked asks thinks thought wants wanted likes liked did does do had"
    " has was is went goes gave made makes lives lived works worked can could will would should"
    " i i'm we you he she they it be have not as never also".split()
)

#: Any of these, or :data:`memkit.temporal.finding.NUMERIC`, and a query is looked at closer.
TRIGGERS = frozenset(
    {
        *MONTHS, *WEEKDAYS, *DAYS, *UNITS, *NINETIES, *RELATIONS,
        *"when time ages tonight recently recent lately nowadays weekend morning afternoon evening"
        " spring summer autumn fall winter earlier ago aujourd feira following prior christmas"
        " xmas easter halloween thanksgiving valentine".split(),
    }
)  # fmt: skip
