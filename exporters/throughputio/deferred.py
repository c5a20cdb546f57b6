"""Why a test does not take place, or was broken off so as not to be in anybody's way."""


class Deferred(Exception):  # noqa: N818 - not now, on purpose: no error
    """The message is the outcome's evidence."""
