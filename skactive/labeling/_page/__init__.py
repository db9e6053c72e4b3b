"""The labelling page: what a session looks like in a browser on the same machine.

Nothing here imports the session. A page is given one, and calls its methods.
"""

from skactive.labeling._page._serve import Page, frame, serve, stop

__all__ = ["Page", "frame", "serve", "stop"]
