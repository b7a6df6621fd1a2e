"""Why a value of the page is absent, in English and French. What a figure says is in `kpi.sentences`."""

from dc_monitor.kpi.sentences import LANGUAGES


def why(code: str, lang: str, **values: object) -> str:
    """The sentence `code` of the catalogue in `lang`; a language we do not speak is answered in English."""
    return CATALOGUE[code][lang if lang in LANGUAGES else "en"].format(**values)


CATALOGUE = {
    "no_meters": {
        "en": "No meters are configured for this site: its readings are kept and shown, and nothing is computed.",
        "fr": "Aucun compteur n’est configuré pour ce site\xa0: ses mesures sont conservées et affichées, et rien "
        "n’est calculé.",
    },
    "no_power": {
        "en": "{meter} has sent no power of {point} for at least {searched}.",
        "fr": "{meter} n’a envoyé aucune puissance de {point} depuis au moins {searched}.",
    },
    "silent": {
        "en": "{meter} has sent no power for {age}.",
        "fr": "{meter} n’envoie plus de puissance depuis {age}.",
    },
    "no_ratio": {
        "en": "No ratio is told for {meter} at this moment, so its readings have no scale.",
        "fr": "Aucun rapport n’est indiqué pour {meter} en ce moment\xa0: ses mesures sont sans échelle.",
    },
    "no_energy": {
        "en": "The power of the site is not yet known for long enough to tell an energy.",
        "fr": "La puissance du site n’est pas connue depuis assez longtemps pour donner une énergie.",
    },
    "too_short": {
        "en": "Only {known} of the last 24 h are known; a month is told from {least} on.",
        "fr": "Seuls {known} des dernières 24 h sont connus\xa0; un mois se calcule à partir de {least}.",
    },
    "computing": {
        "en": "The first figures are being computed.",
        "fr": "Les premiers chiffres sont en cours de calcul.",
    },
    "no_price": {
        "en": "No price is configured: write [tariff] price = … (for a kWh, taxes included).",
        "fr": "Aucun prix n’est configuré\xa0: indiquez [tariff] price = … (par kWh, toutes taxes comprises).",
    },
    "no_inlet": {
        "en": "No inlet temperature is measured: a probe in front of a rack would tell it.",
        "fr": "Aucune température d’entrée d’air n’est mesurée\xa0: une sonde en façade de baie la donnerait.",
    },
    "silent_inlet": {
        "en": "No inlet temperature has come for {age}.",
        "fr": "Aucune température d’entrée d’air n’est arrivée depuis {age}.",
    },
    "no_battery": {
        "en": "No UPS tells how long its battery would last.",
        "fr": "Aucun onduleur n’indique l’autonomie de sa batterie.",
    },
    "silent_battery": {
        "en": "No UPS has told its battery time for {age}.",
        "fr": "Aucun onduleur n’a indiqué son autonomie depuis {age}.",
    },
}
"""Code → language → sentence."""
