from hypothesis import settings

# Reproducible, and no deadline: the machine that runs the tests may be busy.
settings.register_profile("skactive", deadline=None, derandomize=True)
settings.load_profile("skactive")
