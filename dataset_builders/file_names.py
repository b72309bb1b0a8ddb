"""Names of files as text, which they need not be."""

import os


def as_text(name: str) -> str:
    r"""A name as the system gives it, with the bytes that are no UTF-8 written out: Arrow and CSV take no others.

    >>> as_text(os.fsdecode(b"caf\xe9.mid"))
    'caf\\xe9.mid'
    """
    return os.fsencode(name).decode("utf-8", "backslashreplace")
