"""The book's chapter on the library: every public name of `alloygrad`, from its docstring.

`page` returns it in MyST. Groups and their order are those of the package's own docstring, lines of two columns:

    What may be tried       CompositionSpace, Restricted (further limits on it), Pool, Box, Product

A docstring in Google style becomes its description, a list for each section, and the example as it is tested.
"""

import inspect
import re
import textwrap

import alloygrad

SECTION = re.compile(r"^(Args|Returns|Raises|Example|Source|Yields):[ ]*", re.M)
ENTRY = re.compile(r"^(\*{0,2}\w[\w, ]*): ", re.M)
LISTS = {"Args": "Arguments", "Raises": "Errors"}
INDENTS = ("initial_indent", "subsequent_indent")


def groups(package=alloygrad) -> dict[str, list[str]]:
    """Return the public names under the headings of the package's docstring; those that it lacks come last."""
    rows = re.findall(r"^(\S.*?\S)\s{2,}(\S.*)$", package.__doc__, re.M)
    found = {title: [name for name in re.findall(r"\w+", names) if name in package.__all__] for title, names in rows}
    listed = {name for names in found.values() for name in names}
    return found | {"Further names": [name for name in package.__all__ if name not in listed]}


def signature(name: str, item) -> str:
    """Return how a class or function is called, without types; long ones have one argument to a line."""
    try:
        found = inspect.signature(item)
    except ValueError:
        return name
    plain = [p.replace(annotation=p.empty) for p in found.parameters.values() if p.name != "self"]
    short = f"{name}{found.replace(parameters=plain, return_annotation=found.empty)}"
    if len(short) <= 100:
        return short
    return "\n".join([f"{name}(", *textwrap.wrap(short[len(name) + 1 : -1], 92, **dict.fromkeys(INDENTS, "    ")), ")"])


def sections(docstring: str) -> dict[str, str]:
    """Return the parts of a docstring in Google style by name; the description has the name ""."""
    parts = SECTION.split(docstring)
    return {"": parts[0].strip()} | {
        name: textwrap.dedent(text).strip() for name, text in zip(parts[1::2], parts[2::2], strict=True)
    }


def listed(text: str) -> str:
    """Return the entries "name: what it is" of a section as a list."""
    places = [match.start() for match in ENTRY.finditer(text)] or [0]
    entries = [text[a:b].strip() for a, b in zip(places, [*places[1:], None], strict=True)]
    return "\n".join("- " + ENTRY.sub(r"`\1`: ", " ".join(entry.split()), count=1) for entry in entries)


def members(name: str, item) -> str:
    """Return a list of the public methods and properties of a class: summaries, and arguments where they are said."""
    lines = []
    for own, raw in vars(item).items() if inspect.isclass(item) else ():
        parts = sections(inspect.getdoc(getattr(item, own)) or "")
        said = parts[""].split("\n\n")[0]
        if own.startswith("_") or not said or not (callable(getattr(item, own)) or hasattr(raw, "__get__")):
            continue
        called = signature(own, getattr(item, own)) if callable(getattr(item, own)) else own
        lines.append(f"- `{' '.join(called.split())}`: {' '.join(said.split())}")
        lines.append(textwrap.indent(listed(parts["Args"]), "  ") if "Args" in parts else "")
    return f"`{name}` has:\n\n" + "\n".join(filter(None, lines)) if lines else ""


def entry(name: str, item) -> str:
    """Return the section of the chapter on one public name."""
    parts = sections(inspect.getdoc(item))
    text = [f"### {name}", f"```python\n{signature(name, item)}\n```", parts.pop("")]
    for title, own in parts.items():
        if title == "Example":
            text.append(f"```pycon\n{own}\n```")
        elif title in LISTS:
            text.append(f"**{LISTS[title]}**\n\n{listed(own)}")
        else:
            text.append(f"**{title}.** {own}")
    return "\n\n".join([*text, members(name, item)])


def page(package=alloygrad) -> str:
    """Return the chapter."""
    text = [
        "# The library",
        "This chapter lists every public name of `import alloygrad`, from the docstrings of version "
        f"{package.__version__}. Examples are part of the tests. Notebooks 20 and 21 show the library at work on "
        "tables of measurements, notebook 40 on pools, and notebook 50 on curves.",
    ]
    for title, names in groups(package).items():
        if names:
            text += [f"## {title}", *(entry(name, getattr(package, name)) for name in names)]
    return "\n\n".join(text) + "\n"
