"""Build the supplement, the executed notebooks as one book, as web pages and as PDF (`make supplement`).

    papermill_runs/paper/*.ipynb ┐            ┌ Sphinx, myst-nb (conf.py, supplement.css)   html/index.html
    figures/ (drawings, claims)  ├ chapters ──┤
    index.md, back_matter.md     ┤            └ pandoc, typst (supplement.typ)              supplement.pdf
    docstrings of alloygrad      ┘ (library.py)

No notebook is executed. `chapter` turns an executed notebook into one that is easy to read. The figures that a cell
saved follow it, numbered, with the caption that opens the next cell, and the text before the cell names them, since
print may move a figure. Tables lose their style; a sentence is set as a sentence; progress bars, widgets and injected
parameters are dropped. `chapter` writes MyST; `printable` translates it for pandoc. On screen the code is folded, in
print it is left out. Everything is written to data/runs/supplement/.
"""

import ast
import base64
import re
import shutil
import subprocess
import sys
import textwrap
import time
from fnmatch import fnmatch
from pathlib import Path

import library
import nbformat
import pandas as pd
import pypandoc
import typst
from bs4 import BeautifulSoup
from nbformat.v4 import new_markdown_cell, new_output
from PIL import Image

from compendium import ROOT

HERE = ROOT / "notebooks"
EXECUTED = ROOT / "papermill_runs" / "paper"
FIGURES = ROOT / "figures"
BOOK = ROOT / "data" / "runs" / "supplement"

CAPTION = re.compile(r"\s*\*(?!\*)(.+?)(?<![\s*])\*(?!\*)\s*", re.S)
NUMBER = re.compile(r"[-−+]?[\d.,]+(e[-+]?\d+)?( ?[%×])?|[-+]?inf|–|None|", re.I)
SAID = {"NaN": "–", "nan": "–", "nan%": "–", "NaT": "–", "True": "yes", "False": "no"}
"""What a table says in Python → in print."""
PYTHON = {"language_info": {"name": "python", "pygments_lexer": "python"}}
PARTS = {
    "The first paper": "0? 10 11 12 14 15 16 17",
    "Both papers": "13 18 19",
    "Your own work": "2?",
    "Several objectives": "3?",
    "Pools of candidates": "4?",
    "The second paper: inverse problems": "5?",
}
"""Part of the book → patterns of the numbers of its chapters."""
SCREEN_DPI = 115  # of a drawing on screen: 8 pt text reads as 13 px


def tidy(html: str) -> str:
    """Return a pandas table without its style, with numbers aligned right and the row of index names merged.

    Row numbers without a name are dropped, and `SAID` is put in words.
    """
    table = BeautifulSoup(html, "html.parser").table
    for tag in [table, *table("tr"), *table(["th", "td"])]:
        tag.attrs = {name: tag[name] for name in ("colspan", "rowspan") if name in tag.attrs}
    for cell in table("td"):
        if cell.text in SAID:
            cell.string = SAID[cell.text]
    head, unnamed = table.select("thead tr"), [row.th for row in table.select("tr")]
    if len(head) == 1 and all(unnamed) and not unnamed[0].text and all(th.text.isdigit() for th in unnamed[1:]):
        for th in unnamed:
            th.decompose()
    if len(head) > 1:
        upper, lower = head[-2]("th"), head[-1]("th")
        if len(upper) == len(lower) and not any(u.text and v.text for u, v in zip(upper, lower, strict=True)):
            for u, v in zip(upper, lower, strict=True):
                u.string = u.text or v.text
            head[-1].decompose()
    # Counted from the right, columns agree between rows: an index level shared by several rows is to the left.
    rows = [[cell.text for cell in reversed(row("td"))] for row in table.select("tbody tr")]
    numeric = {i for i, column in enumerate(zip(*rows, strict=False)) if all(map(NUMBER.fullmatch, column))}
    for row in table("tr"):
        cells = [cell for cell in row(["th", "td"]) for _ in range(int(cell.get("colspan", 1)))]
        for position, cell in enumerate(reversed(cells)):
            if "colspan" in cell.attrs and row.find_parent("thead"):
                cell["style"] = "text-align: center;"
            elif "colspan" in cell.attrs and not cell.strong:
                cell.string.wrap(BeautifulSoup("", "html.parser").new_tag("strong"))
            elif position in numeric:
                cell["style"] = "text-align: right;"
    return f'<div class="table">{table}</div>'


def saved(source: str, number: str, opening: str = "") -> list[str]:
    """Return the drawings of notebook `number` that a cell saves by `save(figure, name, …)`; names may be f-strings.

    Drawings of one call stand in the order in which `opening`, the notebook's first cell, names them.
    """
    found = []
    for call in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)):
        if "save" in (getattr(call.func, "attr", ""), getattr(call.func, "id", "")) and len(call.args) > 1:
            name = call.args[1]
            parts = name.values if isinstance(name, ast.JoinedStr) else [name]
            pattern = "".join(re.escape(p.value) if isinstance(p, ast.Constant) else ".+" for p in parts)
            drawings = sorted(path.stem for path in FIGURES.glob(f"{number}_*.png"))
            drawings.sort(key=lambda stem: opening.find(f"`{stem}`") % (len(opening) + 1))
            found += [stem for stem in drawings if re.fullmatch(pattern, stem)]
    return found


def reduced(output, folder: Path, name: str):
    """Reduce an output to one form: table, picture, sentence or text; None for progress bars and widgets."""
    data = output.get("data", {"text/plain": output.get("text", "")})
    text = data.get("text/plain", "")
    if output.get("name") == "stderr" or "application/vnd.jupyter.widget-view+json" in data:
        return None
    if "<table" in data.get("text/html", ""):
        return new_output("display_data", {"text/html": tidy(data["text/html"])})
    if "image/png" in data:
        (folder / f"{name}.png").write_bytes(base64.b64decode(data["image/png"]))
        return new_output("display_data", {"text/markdown": f"![]({folder.name}/{name}.png)"})
    if output.output_type == "execute_result" and text.startswith(("'", '"')):
        quoted = textwrap.indent(ast.literal_eval(text), "> ", lambda line: True)
        return new_output("display_data", {"text/markdown": quoted})
    return new_output("display_data", {"text/plain": text.rstrip()})


def figure_cell(name: str, caption: str):
    """Return a numbered figure in MyST; its caption ends with the file of its numbers."""
    caption = " ".join([caption, f"Numbers: `figures/{name}.csv`."]).strip()
    with Image.open(FIGURES / f"{name}.png") as drawing:
        width = round(drawing.width / drawing.info["dpi"][0] * SCREEN_DPI)
    options = f":name: fig-{name}\n:width: {width}px\n:align: center\n:alt: {name}"
    cell = new_markdown_cell(f"````{{figure}} figures/{name}.png\n{options}\n\n{caption}\n````")
    cell.metadata["figure"] = {"name": name, "caption": caption}
    return cell


def followed(names: list[str], caption: str) -> list:
    """Return the figures that follow a cell; all but the first refer to the caption of the first."""
    as_before = f"As {{numref}}`fig-{names[0]}`." if caption and names else ""
    return [figure_cell(name, as_before if i else caption) for i, name in enumerate(names)]


def leading(text: str, names: list[str]) -> str:
    """Let a text that leads to figures name them, unless it does: in print they may stand elsewhere."""
    if any(f"`{name}`" in text for name in names):
        return text
    named = ", ".join(f"`{name}`" for name in names)
    last = text.rstrip().rsplit("\n", 1)[-1]
    if last.startswith(("#", "|", "$", "-", "*")) or last.endswith(","):
        return f"{text.rstrip()}\n\nSee {named}."
    return f"{text.rstrip()[:-1]} ({named})." if last.endswith(":") else f"{text.rstrip()} See {named}."


def chapter(notebook, stem: str, folder: Path, known: set[str]):
    """Return the notebook as a chapter. Pictures that only the notebook holds are written to `folder`.

    `known` holds the stems of the book's notebooks; links to others become plain text. Raises ValueError if a figure
    was shown but not saved.
    """
    cells, shown, waiting, opening = [], set(), [], notebook.cells[0].source
    for number, cell in enumerate(notebook.cells):
        if "injected-parameters" in cell.metadata.get("tags", []):
            continue
        if cell.cell_type == "markdown":
            caption = CAPTION.match(cell.source) if waiting else None
            if caption:
                cell.source = cell.source[caption.end() :]
            cells += followed(waiting, caption[1] if caption else "")
            waiting = []
        else:
            names = [name for name in saved(cell.source, stem[:2], opening) if name not in shown]
            drawn = [o for o in cell.outputs if "<Figure size" in o.get("data", {}).get("text/plain", "")]
            if drawn and not names and "image/png" not in drawn[0]["data"]:
                raise ValueError(
                    f"{stem}, cell {number}: a figure is shown but not saved, so there is no drawing of it. "
                    "End the cell with figures.save(figure, name, data=…, profile=profile) and execute it again."
                )
            kept = [o for o in cell.outputs if not (names and o in drawn)]
            kept = [reduced(o, folder, f"{stem}_{number}_{i}") for i, o in enumerate(kept)]
            cell.outputs, cell.execution_count = [o for o in kept if o], None
            cell.metadata = {"tags": ["hide-input"]}
            cells += followed(waiting, "")
            last = next((c for c in reversed(cells) if c.cell_type == "markdown" or c.outputs), cell)
            if names and last.cell_type == "markdown" and "figure" not in last.metadata:
                last.source = leading(last.source, names)
            waiting, shown = names, shown | set(names)
        if cell.source.strip():
            cells.append(cell)
    cells += followed(waiting, "")
    for cell in cells:
        if cell.cell_type == "markdown" and "figure" not in cell.metadata:
            cell.source = linked(cell.source, shown, known)
    return nbformat.v4.new_notebook(cells=cells, metadata=PYTHON)


def linked(text: str, shown: set[str], known: set[str]) -> str:
    """Turn names of figures into references, and links that leave the book into plain text; keep "5 %" on one line.

    Links within a notebook become text too, because JupyterLab names headings in its own way.
    """
    text = re.sub(r"\]\(\.\./(figures/\w+\.png)\)", r"](\1)", text)
    text = re.sub(r"(?<=\d) (?=%)", "\N{NO-BREAK SPACE}", text)
    text = re.sub(r"`(\w+)`", lambda m: f"{{numref}}`fig-{m[1]}`" if m[1] in shown else m[0], text)

    def link(match):
        target = match[2]
        in_book = target.removesuffix(".ipynb") in known or target.startswith(("http", "figures/"))
        return match[0] if in_book else match[1]

    return re.sub(r"\[([^\]]+)\]\(([^)\s]*[./#][^)\s]*)\)", link, text)


def scoreboard(path: Path = FIGURES / "13_claims.csv") -> str:
    """Return how many claims have which verdict, or a note that there are none."""
    if not path.exists():
        return "*Not yet judged: notebook 13, which holds every claim against its criterion, has not been executed.*"
    verdicts = pd.read_csv(path)["verdict"]
    return f"{len(verdicts)} claims: {' · '.join(f'{n} {verdict}' for verdict, n in verdicts.value_counts().items())}."


def by_part(stems: list[str]) -> dict[str, list[str]]:
    """Return the chapters of each of `PARTS`; chapters that belong to none come first, under ""."""
    parts = {name: [s for s in stems if any(fnmatch(s[:2], one) for one in own.split())] for name, own in PARTS.items()}
    return {"": sorted(set(stems) - {stem for own in parts.values() for stem in own})} | parts


def contents(stems: list[str]) -> str:
    """Return one list of chapters for each part."""
    listed = by_part(stems) | {"Library, data and sources": ["library", "back_matter"]}
    return "\n\n".join(
        "\n".join(["```{toctree}", ":maxdepth: 1", *([f":caption: {name}"] if name else []), "", *own, "```"])
        for name, own in listed.items()
        if own
    )


def printable(notebook, stem: str) -> str:
    """Return a chapter in pandoc's Markdown."""
    parts = []
    for cell in notebook.cells:
        if "figure" in cell.metadata:
            name, caption = cell.metadata["figure"]["name"], cell.metadata["figure"]["caption"]
            parts.append(f"![{translated(caption)}](figures/{name}.pdf){{#fig-{name}}}")
        elif cell.cell_type == "markdown":
            parts.append(translated(cell.source))
        else:
            for output in cell.outputs:
                ((kind, content),) = output.data.items()
                fence = {"text/html": "````{{=html}}\n{}\n````", "text/plain": "````\n{}\n````"}.get(kind, "{}")
                parts.append(fence.format(content))
    return titled("\n\n".join(parts), stem)


def titled(text: str, stem: str) -> str:
    """Return the text of a chapter with the label of its title."""
    title, rest = text.split("\n", 1)
    return f"{title} {{#nb-{stem}}}\n{rest}"


def translated(myst: str) -> str:
    """Translate the few MyST roles and directives that the book uses into pandoc's Markdown."""
    myst = re.sub(r"\]\((\d\d_\w+)\.ipynb\)", r"](#nb-\1)", myst)
    myst = re.sub(r"\{numref\}`([^`]+)`", r"`@\1`{=typst}", myst)
    myst = re.sub(
        r"\{cite\}`([^`]+)`", lambda m: "`" + " ".join(f"#cite(<{k}>)" for k in m[1].split(",")) + "`{=typst}", myst
    )
    myst = myst.replace("```{raw} html", "```{=html}")
    myst = re.sub(r"(```\{toctree\}.*?```\s*)+", lambda m: f"```{{=typst}}\n{outline(m[0])}\n```\n", myst, flags=re.S)
    return re.sub(r"```\{bibliography\}.*?```", "```{=typst}\n#references\n```", myst, flags=re.S)


def outline(toctrees: str) -> str:
    """Return the call of `contents` in supplement.typ that lists the parts and chapters of MyST's toctrees."""
    parts = []
    for block in re.findall(r"```\{toctree\}\n(.*?)```", toctrees, flags=re.S):
        caption = re.search(r":caption: (.*)", block)
        labels = "".join(f'"nb-{stem}", ' for stem in re.findall(r"^(\w+)$", block, flags=re.M))
        parts.append(f'("{caption[1] if caption else ""}", ({labels}))')
    return f"#contents(({', '.join(parts)},))"


def build(paths: list[Path], book: Path):
    """Write the book of these executed notebooks to book/html and book/supplement.pdf; book/source is in between."""
    source, known = book / "source", {path.stem for path in paths}
    shutil.rmtree(book, ignore_errors=True)
    (source / "figures").mkdir(parents=True)
    for drawing in (*FIGURES.glob("*.png"), *FIGURES.glob("*.pdf")):
        shutil.copy(drawing, source / "figures")
    pages = {page: (HERE / f"{page}.md").read_text(encoding="utf-8") for page in ("index", "back_matter")}
    pages["index"] = pages["index"].replace("{{ scoreboard }}", scoreboard())
    pages["index"] = pages["index"].replace("{{ contents }}", contents([path.stem for path in paths]))
    pages["library"] = library.page()
    for page, text in pages.items():
        (source / f"{page}.md").write_text(text, encoding="utf-8")
    printed, places = [translated(pages["index"])], {path.stem: path for path in paths}
    for path in (places[stem] for own in by_part(list(places)).values() for stem in own):
        read = chapter(nbformat.read(path, as_version=4), path.stem, source / "figures", known)
        nbformat.write(read, source / path.name)
        printed.append(printable(read, path.stem))
    printed += [titled(translated(pages[page]), page) for page in ("library", "back_matter")]
    screen(source, book)
    typeset(source, book / "supplement.pdf", "\n\n".join(printed))


def screen(source: Path, book: Path):
    """Build the web pages by Sphinx; any warning is an error."""
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-c", HERE, "-d", book / "doctrees"]
    subprocess.run([*command, source, book / "html"], check=True)


def typeset(source: Path, pdf: Path, text: str):
    """Build the PDF by pandoc and typst; a character that no font has is an error."""
    dialect = "commonmark+pipe_tables+tex_math_dollars+attributes+raw_attribute+implicit_figures"
    options = [f"--lua-filter={HERE / 'supplement.lua'}", "--syntax-highlighting=idiomatic"]
    body = pypandoc.convert_text(text, "typst", dialect, extra_args=options)
    page = (HERE / "supplement.typ").read_text(encoding="utf-8")
    (source / "supplement.typ").write_text(page + body, encoding="utf-8")
    shutil.copy(HERE / "references.bib", source)
    settings = dict(root=source, ignore_system_fonts=True)
    # PDF/A refuses characters without a glyph, but cannot hold drawings: a first pass without them proves the text.
    proof = dict(sys_inputs={"proof": "yes"}, pdf_standards=["a-2b"], timestamp=0)
    typst.compile(source / "supplement.typ", **settings, **proof)
    typst.compile(source / "supplement.typ", output=pdf, **settings)


def main():
    begun = time.perf_counter()
    paths = sorted(EXECUTED.glob("*.ipynb"))
    build(paths, BOOK)
    lacking = sorted({path.stem for path in HERE.glob("[0-9]*.ipynb")} - {path.stem for path in paths})
    if lacking:
        print(f"Not in the book, because papermill_runs/paper lacks them (make reproduce): {', '.join(lacking)}.")
    print(
        f"{len(paths)} chapters in {time.perf_counter() - begun:.0f} s:",
        BOOK / "html" / "index.html",
        BOOK / "supplement.pdf",
    )


if __name__ == "__main__":
    main()
