"""References by short names, as they stand in docstrings, find their public object.

A docstring may name a class without its module, though it has its page in another one.
"""


def resolve(app, env, node, contnode):
    """Look for a name that no module on the way has among all public objects."""
    if node.get("refdomain") != "py":
        return None
    domain = env.get_domain("py")
    types = domain.objtypes_for_role(node["reftype"]) or []
    found = [
        name
        for name, entry in domain.objects.items()
        if name.endswith("." + node["reftarget"])
        and entry.objtype in types
        and not entry.aliased  # by its private module
    ]
    if len(found) != 1:
        return None
    return domain.resolve_xref(
        env,
        node["refdoc"],
        app.builder,
        node["reftype"],
        found[0],
        node,
        contnode,
    )


def setup(app):
    """Ask `resolve` where Sphinx itself finds nothing."""
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True}
