"""What a login by a provider rests on: the secret with which Streamlit signs its cookie, and the file that it stands in."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from lib.errors import ConfigError
from lib.files import read_secret

#: Whoever knows the secret can be whom they like.
SHORTEST = 16
_LARGEST = 1_000_000


def obstacle() -> str:
    """Why nobody's login could be believed, in words for a terminal; empty where it can, and where nobody logs in so."""
    if not st.secrets.load_if_toml_exists() or "auth" not in st.secrets:
        return ""
    try:
        for file in map(Path, st.get_option("secrets.files")):
            if file.is_file():
                read_secret(file, _LARGEST)
    except ConfigError as error:
        return error.message
    if len(str(st.secrets["auth"].get("cookie_secret", ""))) < SHORTEST:
        return (
            f"The cookie_secret of [auth] has fewer than {SHORTEST} characters, so that somebody could find it and be whom "
            "they like. Make one with openssl rand -hex 32, the same on all servers."
        )
    return ""
