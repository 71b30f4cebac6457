"""Translations out of text."""

from __future__ import annotations

import pytest

from helpers.catalogues import catalogue

POLISH = """
msgid ""
msgstr "Plural-Forms: nplurals=3; plural=n==1 ? 0 : "
"n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2;"

msgid "yes"
msgstr "tak"

msgid "{count} file"
msgid_plural "{count} files"
msgstr[0] "{count} plik"
msgstr[1] "{count} pliki"
msgstr[2] "{count} plików"
"""


def test_plural_forms_follow_the_rule_of_the_catalogue() -> None:
    polish = catalogue(POLISH)
    said = [polish.ngettext("{count} file", "{count} files", n).split()[1] for n in range(1, 26)]
    few = {2, 3, 4, 22, 23, 24}
    assert said == ["plik" if n == 1 else "pliki" if n in few else "plików" for n in range(1, 26)]
    assert polish.gettext("yes") == "tak"


def test_what_is_not_translated_stays_as_it_is() -> None:
    polish = catalogue(POLISH)
    assert polish.gettext("no") == "no"
    assert polish.ngettext("a", "b", 2) == "b"


def test_what_is_no_catalogue_is_told() -> None:
    with pytest.raises(ValueError, match=r"no \.po file"):
        catalogue('msgid ""\nmsgstr "Plural-Forms: nplurals=1; plural=0;"\nnonsense here\n')
