"""Warnings are errors in the examples of the gallery, and nowhere else in a build."""

import warnings


def reset(gallery_conf, fname, when):
    """Take every warning for an error before an example, and no longer after it."""
    if when == "before":
        warnings.simplefilter("error")
    else:
        warnings.resetwarnings()
