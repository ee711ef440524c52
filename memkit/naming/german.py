"""What the rules know of German, where every noun is written large.

There a single large word is a name only where what stands before or after it says so.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Small words that tell that a text is German.
MARKS = _words(
    """
    der die das den dem des ein eine einen einem einer und oder aber nicht ist sind war waren wird
    werden wurde hat habe haben hatte ich du er sie wir ihr mich mir dich dir uns euch sich mein
    meine sein seine ihre unser für von mit bei nach aus zu zum zur im ins am beim vom auf über
    unter vor zwischen durch gegen ohne um wenn weil dass daß ob als wie wo was wer warum auch
    noch nur schon sehr immer heute gestern morgen kann muss soll will mag möchte
    """
)
#: Never a name: words that begin sentences.
NEVER = MARKS | _words(
    """
    dieser diese dieses jener jede jeder jedes alle alles viele einige mehr manche kein keine
    dann danach dort hier hallo guten liebe lieber danke bitte ja nein doch also deshalb trotzdem
    außerdem leider vielleicht bisher bald jetzt nun seit während bevor nachdem damit denn sonst
    es man euer deine ihm ihn ihnen welche welcher welches morgens abends nachts übermorgen
    januar februar märz april mai juni juli august september oktober november dezember montag
    dienstag mittwoch donnerstag freitag samstag sonnabend sonntag herr frau herrn doktor
    """
)
#: In front of a name.
BEFORE = _words(
    "herr herrn frau dr prof aus nach in bei von namens heißt heiße heissen firma stadt kollege"
    " kollegin freund freundin"
)
#: Behind a name that begins a sentence.
VERBS = _words(
    """
    ist war hat hatte wohnt wohnte arbeitet arbeitete mag mochte kommt kam geht ging lebt lebte
    heißt sagt sagte will wollte kann konnte möchte liebt trinkt trank isst aß fährt fuhr zieht zog
    kennt kannte schreibt schrieb fragt fragte findet fand meint meinte bevorzugt heiratet spielt
    spielte kauft kaufte braucht macht machte denkt dachte weiß wusste wird wurde muss soll
    """
)
#: Nouns that stand where names do: "nach Hause", "in Arbeit".
NOUNS = _words(
    """
    hause haus arbeit ruhe zeit zukunft ordnung folge folgen gefahr urlaub rente pension kraft
    betrieb bearbeitung planung entwicklung produktion wirklichkeit deutsch englisch frage summe
    richtung form sicht zusammenarbeit abstimmung absprache bezug beginn ende anfang bedarf
    gelegenheit regen schnee sonne nacht tag woche monat jahr stunde minute stunden minuten tagen
    wochen monaten jahren versehen angst liebe wasser milch tee kaffee holz glas metall gründen
    prinzip erfahrung leute kinder eltern freunde kollegen person personen mitte wut trauer not
    feuer
    """
)
#: Ends of nouns that name nothing.
ENDINGS = ("ung", "ungen", "heit", "keit", "schaft", "tion", "tionen", "tät", "chen", "ismus")
