"""Companies that could be customers of the demo company; the same for the same seed."""

from dataclasses import dataclass
from random import Random

from stdnum import luhn
from stdnum.at import uid

from subscriptions.services.customers import CustomerDetails

FIRST = (
    *("Amber", "Alpine", "Birch", "Blue", "Bright", "Cedar", "Clear", "Copper", "Coral"),
    *("Delta", "Drift", "Ember", "Fern", "Field", "Fjord", "Flint", "Forge", "Garnet"),
    *("Granite", "Harbor", "Hazel", "Indigo", "Iris", "Juniper", "Kestrel", "Lark", "Linden"),
    *("Lumen", "Maple", "Meadow", "Mint", "Nimbus", "North", "Oak", "Onyx", "Opal", "Orchard"),
    *("Pebble", "Pine", "Quartz", "Raven", "River", "Rowan", "Saffron", "Slate", "Spruce"),
    *("Summit", "Tidal", "Umber", "Velvet", "Willow", "Yarrow"),
)
SECOND = (
    *("Analytics", "Apps", "Bio", "Books", "Care", "Chemicals", "Clinics", "Cloud", "Data"),
    *("Design", "Dynamics", "Energy", "Foods", "Freight", "Games", "Health", "Homes", "Labs"),
    *("Learning", "Legal", "Logistics", "Media", "Mobility", "Motors", "Optics", "Pay", "Press"),
    *("Records", "Retail", "Robotics", "Schools", "Security", "Software", "Sound", "Studio"),
    *("Systems", "Travel", "Works"),
)


@dataclass(frozen=True)
class Place:
    """A country that customers come from: how often, with which company form, city and zone."""

    country: str
    weight: int
    suffix: str
    city: str
    postal_code: str
    street: str
    time_zone: str


PLACES = (
    Place("DE", 34, "GmbH", "Berlin", "10119", "Torstraße", "Europe/Berlin"),
    Place("DE", 10, "AG", "München", "80331", "Sendlinger Straße", "Europe/Berlin"),
    Place("FR", 12, "SAS", "Paris", "75011", "Rue Oberkampf", "Europe/Paris"),
    Place("NL", 8, "B.V.", "Utrecht", "3511", "Oudegracht", "Europe/Amsterdam"),
    Place("AT", 7, "GmbH", "Wien", "1070", "Neubaugasse", "Europe/Vienna"),
    Place("ES", 6, "S.L.", "Valencia", "46001", "Calle de Caballeros", "Europe/Madrid"),
    Place("US", 14, "Inc.", "Portland", "97205", "Alder Street", "America/Los_Angeles"),
    Place("GB", 9, "Ltd", "Bristol", "BS1 4DJ", "Corn Street", "Europe/London"),
)
WITH_NUMBER = 0.7


class Directory:
    """Makes companies, no two of the same name."""

    def __init__(self, dice: Random) -> None:
        self._dice = dice
        names = [f"{first} {second}" for first in FIRST for second in SECOND]
        dice.shuffle(names)
        self._names = iter(names)
        self._made = 0

    def company(self) -> CustomerDetails:
        """The next company."""
        self._made += 1
        place = self._dice.choices(PLACES, [p.weight for p in PLACES])[0]
        name = next(self._names)
        slug = name.lower().replace(" ", "-")
        return CustomerDetails(
            external_id=f"cus_{self._made:05d}",
            name=f"{name} {place.suffix}",
            email=f"billing@{slug}.example",
            address_line1=f"{place.street} {self._dice.randint(1, 180)}",
            postal_code=place.postal_code,
            city=place.city,
            country=place.country,
            currency="EUR",
            time_zone=place.time_zone,
            tax_number=self._tax_number(place.country),
        )

    def _tax_number(self, country: str) -> str:
        """A number whose check digits are right, for most companies where we can make one."""
        if self._dice.random() > WITH_NUMBER:
            return ""
        if country == "AT":
            digits = f"{self._dice.randrange(10**7):07d}"
            return f"ATU{digits}{uid.calc_check_digit(f'U{digits}')}"
        if country == "FR":
            digits = f"{self._dice.randrange(10**8):08d}"
            siren = digits + luhn.calc_check_digit(digits)
            return f"FR{(12 + 3 * (int(siren) % 97)) % 97:02d}{siren}"
        return ""
