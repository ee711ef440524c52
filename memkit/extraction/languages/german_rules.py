"""What people commonly say of themselves and their work, in German."""

from __future__ import annotations

from typing import Final

from memkit.extraction.languages.tables import Rule, group, speaker


def _said(first: str, third: str) -> str:
    return speaker(f" {first}", f" {third}")


# "Seit 2021 wohne ich": the verb comes first where something else opens the clause.
def _either(first: str, third: str) -> str:
    turned = rf"(?:{first}) (?P<turned>ich)|(?:{third}) (?P<turned_who>{{name}})"
    return rf"(?:{_said(f'(?:{first})', f'(?:{third})')}|{turned})"


_BE: Final = _either("bin", "ist")

_PEOPLE: Final = (
    Rule(
        "lives_in",
        _either("wohne|lebe", "wohnt|lebt") + "{adv} in {place}",
        "{subject} wohnt in {object}",
    ),
    Rule(
        "lives_in",
        _BE + "{adv}(?: von {name})? nach (?P<object>{name}) (?:um)?gezogen",
        "{subject} wohnt in {object}",
    ),
    Rule(
        "lives_in",
        _either("wohne|lebe", "wohnt|lebt") + " nicht (?:mehr|länger) in {place}",
        "{subject} wohnte in {object}",
        ends=True,
    ),
    Rule(
        "lives_in",
        _BE + "{adv} aus (?P<object>{name}) weggezogen",
        "{subject} wohnte in {object}",
        ends=True,
    ),
    Rule(
        "works_at",
        _either("arbeite", "arbeitet")
        + "{adv}(?: als {role})? (?:bei|für)(?: der| dem| die| das)? {org}",
        "{subject} arbeitet bei {object}",
    ),
    Rule(
        "works_at",
        _either("arbeite", "arbeitet")
        + " nicht (?:mehr|länger) (?:bei|für)(?: der| dem| die| das)? {org}",
        "{subject} arbeitete bei {object}",
        ends=True,
    ),
    Rule(
        "works_as",
        _either("arbeite", "arbeitet")
        + "{adv}(?: (?:bei|für) {name})? als (?P<object>{role}){end}",
        "{subject} arbeitet als {object}",
        "role",
    ),
    Rule(
        "allergic_to",
        _BE + r"{adv}(?: stark)? allergisch (?:gegen|auf) (?P<object>[\w-]+(?:(?:,| und| oder) "
        r"[\w-]+){0,4}?){end_list}",
        "{subject} ist allergisch gegen {object}",
        "list",
    ),
    Rule(
        "name",
        r"(?:(?P<first>[Mm]ein) (?:voller )?Name ist|(?P<turned>[Ii]ch) heiße) {org}",
        "Der Name von {subject} ist {object}",
    ),
    Rule(
        "born_in",
        _either("wurde|bin", "wurde|ist") + "{adv} in (?P<object>{name}) geboren",
        "{subject} wurde in {object} geboren",
    ),
    Rule(
        "born_on",
        _either("wurde|bin", "wurde|ist")
        + r"{adv} (?:am|im Jahr) (?P<object>[^,;!?]*\d[^;!?]*?) geboren",
        "{subject} wurde am {object} geboren",
        "day",
    ),
    Rule(
        "birthday",
        r"(?:(?P<first>[Mm]ein)|(?P<who>{name})s) Geburtstag ist (?:am "
        r")?(?P<object>[^;!?]*\d[^;!?]*?){end}",
        "Der Geburtstag von {subject} ist am {object}",
        "birthday",
    ),
    Rule(
        "married_to",
        _BE + "{adv} (?:verheiratet mit {org}|mit (?P<partner>{name}) verheiratet)",
        "{subject} ist mit {object} verheiratet",
    ),
    Rule(
        "married_to",
        r"(?P<first>[Mm]eine?) (?:Frau|Ehefrau|Mann|Ehemann) (?:heißt|ist) {org}",
        "{subject} ist mit {object} verheiratet",
    ),
    Rule(
        "reports_to",
        _either("berichte", "berichtet") + "{adv} an {org}",
        "{subject} berichtet an {object}",
    ),
    Rule(
        "manages",
        _either("leite", "leitet")
        + r"{adv} (?:das|die|den|ein|eine) (?P<object>(?:[\w-]+ )?[\w-]*(?:[Tt]eam|[Aa]bteilung"
        r"|[Pp]rojekt|[Gg]ruppe|[Ff]iliale))\b",
        "{subject} leitet {object}",
        "thing",
    ),
    Rule(
        "owns",
        _either("besitze", "besitzt") + " {thing}",
        "{subject} besitzt {object}",
        "thing",
    ),
)

_TASTES: Final = (
    Rule(
        "prefers",
        _either("bevorzuge", "bevorzugt") + r"{adv} (?P<object>[^,;:!?]+?)[\s.!]*\Z",
        "{subject} bevorzugt {object}",
        "thing",
        "preference",
    ),
    Rule(
        "prefers",
        _either("mag|trinke|esse", "mag|trinkt|isst")
        + r"{adv} lieber (?P<object>[^,;:!?]+? als [^,;:!?]+?)[\s.!]*\Z",
        "{subject} bevorzugt {object}",
        "thing",
        "preference",
    ),
    Rule(
        "dislikes",
        _either("mag|esse|trinke", "mag|isst|trinkt") + r" (?:kein(?:e|en)?|gar keine?n?) {thing}",
        "{subject} mag {object} nicht",
        "thing",
        "preference",
    ),
    Rule(
        "dislikes",
        _either("hasse|verabscheue", "hasst|verabscheut") + "{adv} {thing}",
        "{subject} hasst {object}",
        "thing",
        "preference",
    ),
    Rule(
        "likes",
        _either("mag|liebe", "mag|liebt")
        + r"{adv}(?: sehr| besonders| total)?(?! (?:nicht|kein|lieber)) {thing}",
        "{subject} mag {object}",
        "thing",
        "preference",
    ),
    Rule(
        "favourite",
        r"(?P<first>[Mm]ein)e? (?P<object>Lieblings[\w-]+ (?:ist|sind) [^,;:!?]+?)[\s.!]*\Z",
        "{subject}: {object}",
        "thing",
        "preference",
    ),
)

_GROUP_BE: Final = group(" bin", " ist", " sind")
_GROUP_HAVE: Final = group(" habe", " hat", " haben")

_WORK: Final = (
    Rule(
        "uses",
        group(
            " (?:nutze|verwende|benutze)",
            " (?:nutzt|verwendet|benutzt)",
            " (?:nutzen|verwenden|benutzen)",
        )
        + "{adv} {tool}",
        "{subject} nutzt {object}",
        "tool",
    ),
    Rule(
        "uses",
        _GROUP_BE + r"{adv}(?: von (?P<old>[^\s,;]+(?: [^\s,;]+){0,3}?))? (?:auf|zu) "
        r"(?P<object>[^\s,;]+(?: [^\s,;]+){0,3}?) (?:umgestiegen|gewechselt|migriert|umgezogen)",
        "{subject} nutzt {object}",
        "tool",
        was="{subject} nutzte {object}",
    ),
    Rule(
        "uses",
        group(
            " (?:nutze|verwende|benutze)",
            " (?:nutzt|verwendet|benutzt)",
            " (?:nutzen|verwenden|benutzen)",
        )
        + r" (?P<object>[^\s,;]+(?: [^\s,;]+){0,3}?) nicht mehr",
        "{subject} nutzte {object}",
        "tool",
        ends=True,
    ),
    Rule(
        "decided",
        _GROUP_HAVE + r"(?: (?:mich|uns|sich))?{adv}(?: (?:dafür|dazu))? entschieden,? "
        r"(?P<object>[^\n?]+?)[\s.!]*\Z",
        "{subject}: entschieden, {object}",
        "action",
        "decision",
    ),
    Rule(
        "decided",
        _GROUP_HAVE
        + r"(?: (?:mich|uns|sich))?{adv} (?P<object>(?:für|gegen) [^\n?,]+?) entschieden[\s.!]*\Z",
        "{subject}: entschieden {object}",
        "action",
        "decision",
    ),
    Rule(
        "decided",
        _GROUP_HAVE + r"{adv} beschlossen,? (?P<object>[^\n?]+?)[\s.!]*\Z",
        "{subject}: beschlossen, {object}",
        "action",
        "decision",
    ),
    Rule(
        "decided",
        r"(?P<bare>Entscheidung|Beschluss|Entschieden|Beschlossen):\s?{rest}",
        "Entscheidung: {object}",
        "sentence",
        "decision",
    ),
    Rule(
        "renamed_to",
        r"(?:Wir haben|Ich habe|{name} hat) (?P<named>{item}) in (?P<object>[\w./@'-]+"
        r"(?: [\w./@'-]+){0,3}?) umbenannt",
        "{subject} heißt jetzt {object}",
        "label",
    ),
    Rule(
        "renamed_to",
        r"(?P<named>{item}) (?:wurde|ist){adv} in (?P<object>[\w./@'-]+(?: [\w./@'-]+){0,3}?) "
        r"umbenannt",
        "{subject} heißt jetzt {object}",
        "label",
    ),
    Rule(
        "deadline",
        r"(?:Die )?(?:neue )?(?:Frist|Deadline|Abgabefrist) für (?P<named>{item}) ist (?:am |der "
        r")?{rest}",
        "Die Frist für {subject} ist {object}",
        "day",
    ),
    Rule(
        "deadline",
        r"(?P<named>{item}) (?:ist|sind)(?: bis| am| bis zum)? (?P<object>[^,;!?]*\d[^,;!?]*?) "
        r"fällig",
        "Die Frist für {subject} ist {object}",
        "day",
    ),
    Rule(
        "version",
        r"(?:Die )?(?:aktuelle )?Version von (?P<named>{item}) ist{adv} {version}",
        "Die Version von {subject} ist {object}",
        "version",
    ),
    Rule(
        "version",
        r"(?P<named>{item}) (?:wurde|ist){adv}(?: auf| bei) Version {version}",
        "Die Version von {subject} ist {object}",
        "version",
    ),
    Rule(
        "must",
        r"(?P<object>(?:Die|Der|Das|Alle|Jede|Jeder|Jedes|Kein|Keine|Unsere?) (?:[\w/.-]+ ){1,6}?"
        r"(?:(?:müssen|muss|darf|dürfen) .*\b(?:werden|enthalten|verwenden|nutzen|bestehen|tragen"
        r"|haben|bleiben)|(?:dürfen|darf) (?:nicht|nie|niemals|keine?n?) .{4,}))\Z",
        "{object}",
        "sentence",
        "constraint",
    ),
    Rule(
        "must",
        r"(?P<object>(?:Niemals|Nie|Immer) (?!wieder|so |diese|nur|noch|mehr|das |die |der "
        r")[^\s]+.{3,} (?:[a-zäöüß]+e?n)[\s.!]*)\Z",
        "{object}",
        "sentence",
        "constraint",
    ),
)

#: Tried in this order.
RULES: Final = (*_PEOPLE, *_TASTES, *_WORK)
