"""What a figure says beside its number, in English and French, for people who run a school and not a data centre.

A sentence is a code and values, so that a machine can act on it and a person can read it; the catalogue below
is the only place where it has words.
"""

import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from dc_monitor.units import JOULES_PER_KWH

LANGUAGES = ("en", "fr")

_NARROW = "\u202f"
"""Narrow no-break space: French thousands, and before percent and units."""

_UNITS = {"en": ("d", "h", "min", "s"), "fr": ("j", "h", "min", "s")}
_NANOSECONDS = (86_400 * 10**9, 3_600 * 10**9, 60 * 10**9, 10**9)


def number(value: float, digits: int = 0, lang: str = "en") -> str:
    """A number as the language writes it.

    Examples
    --------
    >>> number(12345.678, 2), number(1.42, 2, "fr")
    ('12,345.68', '1,42')
    """
    text = f"{value:,.{digits}f}"
    return text.replace(",", _NARROW).replace(".", ",") if lang == "fr" else text


def percent(share: float, lang: str = "en") -> str:
    """A share 0–1 in percent, with a decimal where it matters.

    Examples
    --------
    >>> percent(0.873), percent(0.0012)
    ('87%', '0.1%')
    """
    text = number(100.0 * share, 0 if 0.1 <= share <= 0.99 or share in (0.0, 1.0) else 1, lang)
    return f"{text}{_NARROW}%" if lang == "fr" else f"{text}%"


def moment(time: int, lang: str = "en") -> str:
    """Nanoseconds UTC as a date and a minute.

    Examples
    --------
    >>> moment(1_700_000_000_000_000_000), moment(1_700_000_000_000_000_000, "fr")
    ('2023-11-14 22:13 UTC', '14/11/2023 à 22:13 UTC')
    """
    when = datetime.fromtimestamp(time // 10**9, UTC)
    return when.strftime("%d/%m/%Y à %H:%M UTC" if lang == "fr" else "%Y-%m-%d %H:%M UTC")


def duration(nanoseconds: int, lang: str = "en") -> str:
    """A length of time in its two largest units.

    Examples
    --------
    >>> duration(93_784 * 10**9), duration(90 * 10**9)
    ('1 d 2 h', '1 min 30 s')
    """
    counts, rest = [], max(nanoseconds, 0)
    for size in _NANOSECONDS:
        count, rest = divmod(rest, size)
        counts.append(count)
    first = next((i for i, count in enumerate(counts) if count), len(counts) - 1)
    told = [f"{count} {unit}" for count, unit in zip(counts, _UNITS[lang], strict=True)][first : first + 2]
    return told[0] if len(told) == 1 or not counts[first + 1] else " ".join(told)


@dataclass(frozen=True, slots=True)
class Sentence:
    """One thing to say: its code in the catalogue, and the values in it."""

    code: str
    values: Mapping[str, object] = field(default_factory=dict)

    def text(self, lang: str = "en") -> str:
        """The words in `lang` (`LANGUAGES`; any other is answered in English)."""
        lang = lang if lang in LANGUAGES else "en"
        return _Speaker(lang).format(CATALOGUE[self.code][lang], **self.values)


def say(code: str, **values: object) -> Sentence:
    """A sentence of the catalogue with its values."""
    return Sentence(code, values)


class _Speaker(string.Formatter):
    """Fills a template; the format after the colon is one of ours (`kwh`, `time`, `span`, `percent`, a digit)."""

    def __init__(self, lang: str) -> None:
        self._lang = lang

    def format_field(self, value: Any, format_spec: str) -> str:
        match format_spec:
            case "kwh":
                kwh = value / JOULES_PER_KWH
                return number(kwh, 0 if abs(kwh) >= 100 else 1, self._lang)
            case "time":
                return moment(value, self._lang)
            case "span":
                return duration(value, self._lang)
            case "percent":
                return percent(value, self._lang)
            case "":
                return str(value)
            case digits:
                return number(value, int(digits), self._lang)


CATALOGUE: dict[str, dict[str, str]] = {
    # Why there is no figure.
    "topology": {
        "en": "The meters as configured cannot be added up: {problem}.",
        "fr": "Les compteurs tels que configurés ne peuvent pas être additionnés\xa0: {problem}.",
    },
    "no_total": {
        "en": 'No meter tells what the whole site takes in. Give the role "total" to the main meter.',
        "fr": "Aucun compteur n’indique ce que consomme le site entier. Donnez le rôle «\xa0total\xa0» au compteur "
        "principal.",
    },
    "no_it": {
        "en": 'No meter tells what the IT equipment takes. Give the role "it" to the UPS output or to the rack PDUs.',
        "fr": "Aucun compteur n’indique ce que consomme le matériel informatique. Donnez le rôle «\xa0it\xa0» à la "
        "sortie de l’onduleur ou aux réglettes (PDU) des baies.",
    },
    "silent": {
        "en": "{meter} has sent nothing since {since:time}.",
        "fr": "{meter} n’envoie plus rien depuis le {since:time}.",
    },
    "never": {
        "en": "{meter} has sent neither power nor energy of {point} for at least {searched:span}.",
        "fr": "{meter} n’a envoyé ni puissance ni énergie de {point} depuis au moins {searched:span}.",
    },
    "no_ratio": {
        "en": "The ratio of {meter} is not told from {start:time} to {end:time}, so its readings have no scale there.",
        "fr": "Le rapport de {meter} n’est pas indiqué du {start:time} au {end:time}\xa0: ses mesures y sont sans "
        "échelle.",
    },
    "low_coverage": {
        "en": "Only {coverage:percent} of the period is known for the site and the IT equipment together; a figure "
        "needs {least:percent}.",
        "fr": "Seuls {coverage:percent} de la période sont connus à la fois pour le site et pour l’informatique\xa0; "
        "il en faut {least:percent} pour donner un chiffre.",
    },
    "it_zero": {
        "en": "The IT equipment took no energy in this period: there is nothing to compare the site with.",
        "fr": "Le matériel informatique n’a pas consommé pendant cette période\xa0: il n’y a rien à quoi comparer le "
        "site.",
    },
    "it_exceeds_total": {
        "en": "The IT equipment ({it:kwh} kWh) would take more than the whole site ({dc:kwh} kWh), beyond the error of "
        "the meters: a meter is wrong, or a supply of the site is not metered.",
        "fr": "L’informatique ({it:kwh} kWh) consommerait plus que le site entier ({dc:kwh} kWh), au-delà de l’erreur "
        "des compteurs\xa0: un compteur se trompe, ou une alimentation du site n’est pas comptée.",
    },
    "above_range": {
        "en": "The site would take {value:1} times what the IT equipment takes, more than {limit:0}: a meter is wrong, "
        "or a part of the IT equipment is not metered.",
        "fr": "Le site consommerait {value:1} fois ce que consomme l’informatique, plus de {limit:0}\xa0: un compteur "
        "se trompe, ou une partie de l’informatique n’est pas comptée.",
    },
    # What would make it better.
    "hole": {
        "en": "{meter} is not known for {missing:span} of the period, at longest from {start:time} to {end:time}.",
        "fr": "{meter} n’est pas connu pendant {missing:span} de la période, au plus long du {start:time} au "
        "{end:time}.",
    },
    "measure_estimated": {
        "en": "Measure the real power of {meter}: an estimate stands in for it and widens the interval.",
        "fr": "Mesurez la puissance réelle de {meter}\xa0: une estimation en tient lieu et élargit l’intervalle.",
    },
    "meter_declared": {
        "en": "Put a meter on {meter}: so far its power is only declared.",
        "fr": "Installez un compteur sur {meter}\xa0: sa puissance n’est pour l’instant que déclarée.",
    },
    "tell_class": {
        "en": "Write the accuracy class of {meter} into the configuration (class = …): it is on the meter’s plate.",
        "fr": "Inscrivez la classe de précision de {meter} dans la configuration (class = …)\xa0: elle figure sur sa "
        "plaque.",
    },
    "category_1": {
        "en": "Category 1: IT energy is measured at the UPS output. Meters in the rack PDUs would give category 2.",
        "fr": "Catégorie 1\xa0: l’énergie informatique est mesurée en sortie d’onduleur. Des réglettes (PDU) mesurées "
        "dans les baies donneraient la catégorie 2.",
    },
    "category_2": {
        "en": "Category 2: IT energy is measured at the rack PDUs. Measured outlets or server inputs would give "
        "category 3.",
        "fr": "Catégorie 2\xa0: l’énergie informatique est mesurée aux réglettes (PDU). Des prises mesurées, ou "
        "l’entrée des serveurs, donneraient la catégorie 3.",
    },
    "category_unknown": {
        "en": 'Nobody knows where {meter} measures, so the figure has no category: add measured_at = "ups-output", '
        '"pdu-output" or "it-input" to it.',
        "fr": "On ne sait pas où mesure {meter}, le chiffre est donc sans catégorie\xa0: ajoutez-lui measured_at = "
        "«\xa0ups-output\xa0», «\xa0pdu-output\xa0» ou «\xa0it-input\xa0».",
    },
    # How to read it.
    "estimated": {
        "en": "{meter} does not measure real power; its energy is estimated.",
        "fr": "{meter} ne mesure pas la puissance réelle\xa0; son énergie est estimée.",
    },
    "declared": {
        "en": "{meter} has no meter; {likely:0} W were declared, between {low:0} and {high:0} W.",
        "fr": "{meter} n’a pas de compteur\xa0; {likely:0} W ont été déclarés, entre {low:0} et {high:0} W.",
    },
    "assumed": {
        "en": "The accuracy of {meter} is not known; ±{accuracy:1} % is assumed.",
        "fr": "La précision de {meter} n’est pas connue\xa0; ±{accuracy:1}\u202f% sont supposés.",
    },
    "simulated": {
        "en": "Some readings are simulated: this is no real site.",
        "fr": "Des mesures sont simulées\xa0: ce n’est pas un site réel.",
    },
    "below_one": {
        "en": "The IT equipment seems to take more than the whole site. That cannot be, but it is within the error of "
        "the meters.",
        "fr": "L’informatique semble consommer plus que le site entier. C’est impossible, mais dans la limite d’erreur "
        "des compteurs.",
    },
    "alert_high": {
        "en": "The site takes more than {limit:0} times what its IT equipment takes: check that all of it is metered.",
        "fr": "Le site consomme plus de {limit:0} fois ce que consomme son informatique\xa0: vérifiez qu’elle est "
        "comptée en entier.",
    },
    "register_restart": {
        "en": "The energy register of {meter} started again from zero ({time:time}); nothing is counted across it.",
        "fr": "Le compteur d’énergie de {meter} est reparti de zéro (le {time:time})\xa0; rien n’est compté au "
        "travers.",
    },
    "register_gap": {
        "en": "The energy register of {meter} changed in a way nobody can explain ({time:time}); nothing is counted "
        "across it.",
        "fr": "Le compteur d’énergie de {meter} a changé sans explication (le {time:time})\xa0; rien n’est compté au "
        "travers.",
    },
    "register_stalled": {
        "en": "The energy register of {meter} stood still under load for {missing:span}; its power is used instead.",
        "fr": "Le compteur d’énergie de {meter} est resté figé sous charge pendant {missing:span}\xa0; sa puissance "
        "est utilisée à la place.",
    },
    "disagreement": {
        "en": "Energy register and power of {meter} differ by {share:percent}: check its scale and transformer ratio.",
        "fr": "Compteur d’énergie et puissance de {meter} diffèrent de {share:percent}\xa0: vérifiez son échelle et "
        "son rapport de transformation.",
    },
    # Air: why there is no figure.
    "no_inlets": {
        "en": 'No inlet temperature is measured: hang probes in front of the racks, or label such points "front".',
        "fr": "Aucune température d’entrée d’air n’est mesurée\xa0: posez des sondes en façade des baies, ou donnez à "
        "ces points un libellé avec «\xa0avant\xa0».",
    },
    "no_exhaust_air": {
        "en": 'No temperature behind a rack is measured: hang probes there and name them "rear" or "exhaust".',
        "fr": "Aucune température à l’arrière d’une baie n’est mesurée\xa0: posez-y des sondes et nommez-les "
        "«\xa0arrière\xa0».",
    },
    "no_supply_air": {
        "en": 'Nobody tells how cold the air handlers supply their air: read them, or hang a probe named "supply".',
        "fr": "La température de soufflage n’est pas connue\xa0: interrogez les climatiseurs, ou posez une sonde "
        "nommée «\xa0soufflage\xa0».",
    },
    "no_return_air": {
        "en": 'Nobody tells how warm the air returns to the air handlers: read them, or hang a probe named "return".',
        "fr": "La température de reprise n’est pas connue\xa0: interrogez les climatiseurs, ou posez une sonde nommée "
        "«\xa0reprise\xa0».",
    },
    "no_pair": {
        "en": "No rack is measured in front and behind at the same time: name the rack of each probe.",
        "fr": "Aucune baie n’est mesurée à l’avant et à l’arrière au même moment\xa0: indiquez la baie de chaque "
        "sonde.",
    },
    "air_silent": {
        "en": "Less than half of the period is known for {names}.",
        "fr": "Moins de la moitié de la période est connue pour {names}.",
    },
    "low_air_coverage": {
        "en": "Only {coverage:percent} of the period is known; a figure needs {least:percent}.",
        "fr": "Seuls {coverage:percent} de la période sont connus\xa0; il en faut {least:percent} pour donner un "
        "chiffre.",
    },
    "no_rise": {
        "en": "The air leaves the equipment no warmer than it comes: the equipment is off, or sensors are swapped.",
        "fr": "L’air ne sort pas du matériel plus chaud qu’il n’y entre\xa0: le matériel est éteint, ou des sondes "
        "sont interverties.",
    },
    "air_contradicts": {
        "en": "The temperatures contradict each other, beyond the error of the sensors: one is wrong or misnamed.",
        "fr": "Les températures se contredisent, au-delà de l’erreur des sondes\xa0: l’une se trompe ou porte un "
        "mauvais nom.",
    },
    "no_humidity": {
        "en": "No inlet measures humidity beside its temperature: one probe with both in a cold aisle would do.",
        "fr": "Aucune entrée d’air ne mesure l’humidité avec la température\xa0: une sonde double en allée froide "
        "suffirait.",
    },
    "days_missing": {
        "en": "Only {days:0} of {all:0} days are known; a sum of degree days needs {least:percent} of them.",
        "fr": "Seuls {days:0} jours sur {all:0} sont connus\xa0; il en faut {least:percent} pour additionner des "
        "degrés-jours.",
    },
    "no_outdoor": {
        "en": "The outdoor temperature is not known: list its point under outdoor, or import a weather file.",
        "fr": "La température extérieure n’est pas connue\xa0: citez son point dans outdoor, ou importez un fichier "
        "météo.",
    },
    "no_capacity": {
        "en": "The capacity of the cooling units that run is not told, or there is no IT load to compare it with.",
        "fr": "La puissance froid des climatiseurs en marche n’est pas indiquée, ou il n’y a pas de charge "
        "informatique à quoi la comparer.",
    },
    # Air: what would make it better, and how to read it.
    "inlets_silent": {
        "en": "Inlets that sent nothing in the period: {count:0} of {all:0} ({names}).",
        "fr": "Entrées d’air restées muettes pendant la période\xa0: {count:0} sur {all:0} ({names}).",
    },
    "inlets_partly": {
        "en": "Inlets not known for a part of the period: {count:0} of {all:0}; {sensor} for longest, {missing:span}.",
        "fr": "Entrées d’air inconnues pendant une partie de la période\xa0: {count:0} sur {all:0}\xa0; le plus "
        "longtemps {sensor}, {missing:span}.",
    },
    "inlets_counted": {
        "en": "Inlet sensors counted: {count:0}, each with the time it is known; at what height they hang is not told.",
        "fr": "Sondes d’entrée d’air comptées\xa0: {count:0}, chacune pour le temps où elle est connue\xa0; leur "
        "hauteur n’est pas indiquée.",
    },
    "moist_inlets": {
        "en": "Inlets that measure humidity too: {count:0} of {all:0}; the others are left out here.",
        "fr": "Entrées d’air qui mesurent aussi l’humidité\xa0: {count:0} sur {all:0}\xa0; les autres sont ici "
        "laissées de côté.",
    },
    "worst_inlet": {
        "en": "{sensor} was outside the recommended range for {outside:span}, by {kelvin_hours:1} K·h: more than any "
        "other.",
        "fr": "{sensor} est sorti de la plage recommandée pendant {outside:span}, de {kelvin_hours:1} K·h\xa0: plus "
        "que tout autre.",
    },
    "changed_fast": {
        "en": "Inlets that changed faster than {limit:0} K within {span:span}: {count:0}; {sensor} most, by "
        "{kelvin:1} K.",
        "fr": "Entrées d’air qui ont varié de plus de {limit:0} K en {span:span}\xa0: {count:0}\xa0; le plus {sensor}, "
        "de {kelvin:1} K.",
    },
    "class_assumed": {
        "en": "The class of the equipment was not told; {name} is assumed.",
        "fr": "La classe du matériel n’est pas indiquée\xa0; {name} est supposée.",
    },
    "temperatures_unconfirmed": {
        "en": "The limits of {edition} were not read in the standard itself.",
        "fr": "Limites non lues dans la norme elle-même\xa0: {edition}.",
    },
    "moisture_unconfirmed": {
        "en": "The moisture limits of {edition} were not read in the standard itself.",
        "fr": "Limites d’humidité non lues dans la norme elle-même\xa0: {edition}.",
    },
    "derated": {
        "en": "At {altitude:0} m the highest allowable temperature is {celsius:1} °C.",
        "fr": "À {altitude:0} m, la température maximale admissible est de {celsius:1} °C.",
    },
    "sensors_assumed": {
        "en": "The accuracy of the temperature sensors is not known; ±{kelvin:1} K is assumed for each.",
        "fr": "La précision des sondes de température n’est pas connue\xa0; ±{kelvin:1} K est supposé pour chacune.",
    },
    "rci_good": {
        "en": "A good rack cooling index.",
        "fr": "Un bon indice de refroidissement des baies.",
    },
    "rci_acceptable": {
        "en": "An acceptable rack cooling index.",
        "fr": "Un indice de refroidissement des baies acceptable.",
    },
    "rci_poor": {
        "en": "A poor rack cooling index.",
        "fr": "Un mauvais indice de refroidissement des baies.",
    },
    "rti_balanced": {
        "en": "The air handlers move about as much air as the equipment.",
        "fr": "Les climatiseurs brassent à peu près autant d’air que le matériel.",
    },
    "rti_bypass": {
        "en": "The air handlers move more air than the equipment: a part of it returns unused.",
        "fr": "Les climatiseurs brassent plus d’air que le matériel\xa0: une partie revient sans avoir servi.",
    },
    "rti_recirculation": {
        "en": "The equipment moves more air than the air handlers: it takes in some of its own exhaust.",
        "fr": "Le matériel brasse plus d’air que les climatiseurs\xa0: il reprend une partie de son air chaud.",
    },
    "equal_flow": {
        "en": "The power of the racks is not known for all {count:0}, so they count as if each moved the same air.",
        "fr": "La puissance n’est pas connue pour les {count:0} baies\xa0: elles comptent comme si chacune brassait "
        "autant d’air.",
    },
    "no_rise_at": {
        "en": "Left out, because the air leaves them no warmer than it comes: {racks}.",
        "fr": "Laissées de côté, car l’air n’en sort pas plus chaud qu’il n’y entre\xa0: {racks}.",
    },
}
"""Code → language → template; `{value:format}` as `_Speaker` knows."""
