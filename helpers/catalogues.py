"""Translated messages out of the text of a .po file, without a file and without msgfmt.

>>> german = catalogue('''
... msgid ""
... msgstr "Plural-Forms: nplurals=2; plural=(n != 1);"
...
... msgid "{count} message"
... msgid_plural "{count} messages"
... msgstr[0] "{count} Nachricht"
... msgstr[1] "{count} Nachrichten"
... ''')
>>> german.ngettext("{count} message", "{count} messages", 2).format(count=2)
'2 Nachrichten'
"""

from __future__ import annotations

import gettext
import io


def catalogue(po: str) -> gettext.GNUTranslations:
    """The translations in the text of a .po file, ready for `gettext` and `ngettext`.

    Raises ValueError if the text cannot be read. It needs a header with "Plural-Forms".
    """
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import PoFileError, read_po

    compiled = io.BytesIO()
    try:
        write_mo(compiled, read_po(io.StringIO(po), abort_invalid=True))
    except PoFileError as error:
        raise ValueError(f"This is no .po file: {error}") from error
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
