"""Words of the lists that people send, in the languages of those who send them: headers, and what decides. Pure."""

from __future__ import annotations

import re

#: Headers of a column of customers, as `plain` writes them.
ID_WORDS = frozenset({"expresscustomerid", "customerid", "avaraid", "expressid", "id", "ids", "customer", "customers"})
NAME_WORDS = frozenset(
    {"expresscustomername", "customername", "name", "names", "customer", "customers", "account", "company"}
) | {
    *("hospital", "hospitals", "hospitalname", "site", "sitename", "facility", "clinic"),
    *("organization", "organisation", "client"),
}
#: And of a column that says what is to become of each.
DECISION_WORDS = frozenset(
    {"decision", "decide", "action", "status", "state", "todo", "result", "verdict", "review", "keep"}
) | {
    *("deactivate", "reactivate", "remove", "delete", "close", "closed", "approved", "approval", "confirmed", "include"),
    *("included", "selected", "flag", "flagged", "entscheidung", "beschluss", "aktion", "massnahme", "décision"),
    *("statut", "decisión", "acción", "estado", "decisione", "azione", "stato", "decisão", "ação", "besluit", "actie"),
    *("beslut", "åtgärd", "beslutning", "handling", "decyzja", "päätös", "rozhodnutí", "решение", "決定", "决定"),
}
#: What decides, as `name_key` writes it: that customers stay, or that they go.
_STAYS = (
    "do not|don['’]?t|not (?:to|in|be)|(?:must|should|may|can) ?not|(?:must|should|ca)n['’]t"
    "|never (?:deactiv|delet|remov|clos|touch)|(?:all|everyone|everybody) but"
    "|keep|reactivat|stay|retain|leave|skip|exclu|except|exempt|ignor|on hold|hold off|wait|in use|unsure|still\\b|stop\\b"
    "|behalten|bleib|ausnahm|nicht|garder|conserver|exclure|mantener|conservar|no tocar|mantenere|manter|behouden"
    "|behåll|behold|zostaw|zachowa|ausser|sauf|salvo|excepto|tranne|behalve|utom|undtagen|ne pas|no (?:desactiv|elimin)"
    "|non disattiv|não (?:desativ|elimin)|niet|ikke|inte\\b"
)
_GOES = (
    "deactivat|delete|remove|close|deaktivier|lösch|schliess|désactiv|supprim|fermer|desactivar|eliminar|cerrar"
    "|disattiv|chiude|desativ|fechar|deactiver|sluiten|stäng|inaktiver|deaktiver|usuną|zamkn"
)
ONLY_STAYS, DECIDES = re.compile(rf"\b(?:{_STAYS})"), re.compile(rf"\b(?:{_STAYS}|{_GOES})")
#: What else the heading of a part may say ("To keep", "Please deactivate these customers"). No name has only such words.
BESIDE = re.compile(
    "a|all|alone|also|and|are|at|be|but|customers|do|don['’]t|following|for|from|hospitals|in|list|moment|must|not|now|of|ones|only"
    "|on|hold|please|should|sites|still|that|the|them|these|this|those|to|until|use|will|yes|no|active|inactive|à|bitte|diese|folgende|zu"
)
BEGINS_PART = re.compile(r"[\W_]*(?:keep|do not|don['’]t|(?:but )?not (?:to|these|those)|except|deactivate|reactivate)\b")
#: A whole answer, also where a remark follows it ("no, still used"), and what stands for nothing at all.
ANSWERS = re.compile(
    r"(?:yes|no|ok|ja|nein|nee|nej|oui|non|si|sí|sì|sim|não|tak|nie|true|false|wahr|falsch|vrai|faux|verdadero|falso|vero"
    r"|(?:in|un)?(?:active|aktiv|actif|activo|attivo|ativo|actief|used))\s*(?:$|[,;:!?(–—])"
)
NOTHING = frozenset({"", "-", "--", "–", "—", "/", "//", ".", '"'})
MARKS = frozenset({"y", "n", "j", "x", "o", "s", "0", "1"})
