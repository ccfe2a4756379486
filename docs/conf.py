"""How the site is built; ``make docs`` builds it, and fails for a warning."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import reconnecting_sse
from reconnecting_sse import dialects, lifecycle, stores, testing

HERE = Path(__file__).parent

project = "reconnecting-sse"
author = "the reconnecting-sse authors"
release = version = metadata.version("reconnecting-sse")
project_copyright = author

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx.ext.napoleon",
]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]

# Strict: a name, link or anchor that leads nowhere is a warning, and that an error.
nitpicky = True
# httpxr has no reference that could be linked. The others are aliases, and bases that
# only their children have in the reference.
nitpick_ignore_regex = [
    (r"py:\w+", r"_?httpxr\..+"),
    (r"py:\w+", r"(respx|sqlalchemy|tenacity)\..+"),
    (
        "py:class",
        "_Result|Application|(Async)?BaseTransport|(Async)?Engine|BaseRetrying",
    ),
    ("py:class", "ByHeader|Certificate|Make|Position|Predicate|Prepare|ProxyTypes"),
    ("py:class", "Resume|StrPath|Telemetry|Verify|Way|(Wait|Stop|Retry)Strategy"),
    ("py:class", r"reconnecting_sse\.core\.(lifecycle\.Fact|strategies\.EndState)"),
]
# The same headings as on other renderers of Markdown, so that anchors agree.
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]

# What others document; kept here, since nothing is fetched when the site is built.
intersphinx_mapping = {
    "python": ("https://docs.python.org/3", str(HERE / "inventories" / "python.inv")),
}

autodoc_class_signature = "mixed"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
toc_object_entries_show_parents = "hide"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autoclass_content = "class"
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = "reconnecting-sse"
html_logo = "_static/mark.svg"
html_favicon = "_static/mark.svg"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b6e99"},
    "dark_css_variables": {"color-brand-primary": "#6cc3e8"},
}


# ------------------------------------------------------------------ public names


def _public_names() -> dict[str, str]:
    """Where the reference has each object, by where it is defined."""
    found = {}
    for module in (testing, stores, dialects, lifecycle, reconnecting_sse):
        for name in module.__all__:
            defined = getattr(getattr(module, name), "__module__", None)
            if isinstance(defined, str):
                found[f"{defined}.{name}"] = f"{module.__name__}.{name}"
    return found


def _public(app, env, node, contnode):
    """Annotations name a class as it is defined, the reference as it is imported."""
    target = PUBLIC.get(node.get("reftarget", ""))
    if target is None:
        return None
    domain = env.domains["py"]
    where = node.get("refdoc", "index")
    return domain.resolve_xref(env, where, app.builder, "obj", target, node, contnode)


def _whole(_app, what, name, _obj, _options, lines) -> None:
    """A value's docstring is prose: nothing before a colon in it is a type."""
    if what in ("attribute", "data", "property"):
        WHOLE[name] = list(lines)


def _restored(_app, _what, name, _obj, _options, lines) -> None:
    lines[:] = WHOLE.pop(name, lines)


def setup(app) -> None:
    app.connect("missing-reference", _public)
    # Before napoleon has read it, and after.
    app.connect("autodoc-process-docstring", _whole, priority=1)
    app.connect("autodoc-process-docstring", _restored, priority=999)


PUBLIC = _public_names()
WHOLE: dict[str, list[str]] = {}
