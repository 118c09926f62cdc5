"""The supplement: what becomes of a notebook's cells, that everything cited exists, and the book of a small one."""

import re
import sys
from functools import cache
from urllib.parse import unquote

import nbformat
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import alloygrad
from compendium import ROOT

sys.path.insert(0, str(ROOT / "notebooks"))
import library
import supplement

NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
EXECUTED = sorted(supplement.EXECUTED.glob("*.ipynb"))
DRAWN = "01_merit_sma"
TABLE = pd.DataFrame({"R²": [0.5, -1.0], "unit": ["J/g", "Å"]}, index=pd.Index(["a", "b"], name="property"))


def result(value):
    html = {"text/html": value.to_html()} if isinstance(value, pd.DataFrame) else {}
    return new_output("execute_result", {"text/plain": repr(value), **html})


def small():
    """A notebook with one of everything, as papermill leaves it."""
    drawing = new_output("execute_result", {"text/plain": "<Figure size 828x276 with 3 Axes>"})
    bar = new_output("stream", name="stderr", text="100%|████| 4/4")
    slider = {"application/vnd.jupyter.widget-view+json": {}, "text/plain": "interactive(…)"}
    return new_notebook(
        cells=[
            new_markdown_cell(
                f"# 01 · Small\n\nSee `{DRAWN}`, `pandas`, [next](02_other.ipynb) and [gone](99_gone.ipynb)."
            ),
            new_code_cell("folds = 10  # of 10"),
            new_code_cell("# Parameters\nfolds = 10", metadata={"tags": ["injected-parameters"]}),
            new_code_cell(f'figures.save(figure, "{DRAWN}", data=table)', outputs=[bar, drawing]),
            new_markdown_cell("*All of $\\hat y \\le x_1^2$, n = 4.* And on."),
            new_code_cell("table", outputs=[result(TABLE), new_output("display_data", slider)]),
            new_code_cell("verdict", outputs=[result("Within 5 % of `ascent`.")]),
            new_code_cell("print(x)", outputs=[new_output("stream", name="stdout", text="ŷ ≤ 1\n")]),
            new_markdown_cell("$$\\mathrm{EI}(c) = \\sigma\\,[\\varphi(u) + u\\,\\Phi(u)]$$\n\n- one\n- two"),
        ]
    )


@cache
def read_small(folder=None):
    return supplement.chapter(small(), "01_small", folder, {"01_small", "02_other"})


def test_the_figure_follows_its_cell_with_the_caption_that_opens_the_next():
    cells = read_small().cells
    (place,) = [i for i, cell in enumerate(cells) if "figure" in cell.metadata]
    assert DRAWN in cells[place - 1].source and cells[place - 1].outputs == []
    assert cells[place].source.startswith(f"````{{figure}} figures/{DRAWN}.png\n:name: fig-{DRAWN}")
    caption = "All of $\\hat y \\le x_1^2$, n = 4."
    assert cells[place].metadata["figure"]["caption"] == f"{caption} Numbers: `figures/{DRAWN}.csv`."
    assert cells[place + 1].source == "And on."


def test_names_of_figures_become_references_and_links_out_of_the_book_plain_text():
    opening = read_small().cells[0].source
    assert f"See {{numref}}`fig-{DRAWN}`, `pandas`, [next](02_other.ipynb) and gone." in opening
    assert supplement.linked(f"![](../figures/{DRAWN}.png)", set(), set()) == f"![](figures/{DRAWN}.png)"


def test_a_text_names_the_figures_that_it_leads_to():
    lead = {
        "Where do they go?": "Where do they go? See `12_map`.",
        "The same:": "The same (`12_map`).",
        "# The map": "# The map\n\nSee `12_map`.",
        "It adds up to\n\n$$a$$": "It adds up to\n\n$$a$$\n\nSee `12_map`.",
        "In `12_map` they stay:": "In `12_map` they stay:",
    }
    assert {text: supplement.leading(text, ["12_map"]) for text in lead} == lead
    assert supplement.leading("See:", ["12_map", "12_arms"]) == "See (`12_map`, `12_arms`)."


def test_figures_of_one_cell_share_the_caption_of_the_first():
    first, second = supplement.followed(["01_merit_sma", "02_merit_ti"], "Both.")
    assert first.metadata["figure"]["caption"].startswith("Both. ")
    assert second.metadata["figure"]["caption"].startswith("As {numref}`fig-01_merit_sma`. ")
    assert "@fig-01_merit_sma" in supplement.translated(second.metadata["figure"]["caption"])


def test_what_only_machines_need_is_left_out():
    cells = [cell for cell in read_small().cells if cell.cell_type == "code"]
    assert [cell.source for cell in cells][:2] == ["folds = 10  # of 10", small().cells[3].source]
    assert [[tuple(o.data) for o in cell.outputs] for cell in cells[2:]] == [
        [("text/html",)],
        [("text/markdown",)],
        [("text/plain",)],
    ]
    assert cells[3].outputs[0].data["text/markdown"] == "> Within 5 % of `ascent`."


def test_a_figure_that_is_shown_but_not_saved_is_named():
    cell = small().cells[3]
    cell.source = "figure"
    with pytest.raises(ValueError, match=r"01_small, cell 0: a figure is shown but not saved.*figures\.save"):
        supplement.chapter(new_notebook(cells=[cell]), "01_small", None, set())


def test_a_picture_that_only_the_notebook_holds_is_written_beside_the_others(tmp_path):
    cell = new_code_cell(
        "figure", outputs=[new_output("display_data", {"image/png": "aGk=", "text/plain": "<Figure size"})]
    )
    read = supplement.chapter(new_notebook(cells=[cell]), "20_own", tmp_path, set())
    assert (tmp_path / "20_own_0_0.png").read_bytes() == b"hi"
    assert read.cells[0].outputs[0].data["text/markdown"] == f"![]({tmp_path.name}/20_own_0_0.png)"


@pytest.mark.parametrize(
    ("call", "found"),
    [
        (f'figures.save(f, "{DRAWN}", data=d)', [DRAWN]),
        ('for a in alloys:\n    save(f(a), f"01_merit_{a}", data=d)', [DRAWN]),
        ("figures.save(f, name, data=d)", ["01_learning_curves_sma", "01_merit_sma", "01_parity_sma"]),
        ('figures.save(f, "02_merit_ti", data=d)', []),
        ('store.write("01_merit_sma")', []),
    ],
)
def test_saved_names_the_drawings_of_a_call(call, found):
    assert supplement.saved(call, "01") == found
    named = supplement.saved(call, "01", "The figures: `01_parity_sma`, `01_merit_sma`.")
    assert named == [*(s for s in ("01_parity_sma", DRAWN) if s in found), *found[:-2]]


def test_tidy_turns_numbers_to_the_right_and_merges_the_row_that_names_the_index():
    html = supplement.tidy(TABLE.to_html())
    cells = re.findall(r'<t[hd]( style="text-align: right;")?>([^<]*)<', html)
    assert [text for _, text in cells] == ["property", "R²", "unit", "a", "0.5", "J/g", "b", "-1.0", "Å"]
    assert [text for right, text in cells if right] == ["R²", "0.5", "-1.0"]
    shared = pd.DataFrame({"x": [1, 2], "y": ["p", "q"]}, index=pd.MultiIndex.from_tuples([("a", "1"), ("a", "2")]))
    assert re.findall(r'right;">([^<]+)<', supplement.tidy(shared.to_html())) == ["x", "1", "2"]


def test_tidy_drops_row_numbers_and_puts_python_in_words():
    table = pd.DataFrame({"kept": [True, False], "R²": [0.5, float("nan")]})
    cells = re.findall(r"<t[hd](?: [^>]*)?>([^<]*)<", supplement.tidy(table.to_html()))
    assert cells == ["kept", "R²", "yes", "0.5", "no", "–"]
    grouped = "<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><th colspan=2>c</th></tr></tbody></table>"
    assert "<strong>c</strong>" in supplement.tidy(grouped)
    assert "<th>8</th>" in supplement.tidy(table.set_index(pd.Index([8, 9], name="row")).to_html())


def test_the_contents_in_print_are_those_on_screen():
    parts = supplement.contents(["00_tour", "20_your_alloy"])
    assert supplement.by_part(["13_claims", "14_surrogates", "99_none"])[""] == ["99_none"]
    in_order = [stem for own in supplement.by_part(["13_claims", "14_surrogates"]).values() for stem in own]
    assert in_order == ["14_surrogates", "13_claims"]
    assert supplement.outline(parts) == (
        '#contents((("The first paper", ("nb-00_tour", )), ("Your own work", ("nb-20_your_alloy", )), '
        '("Library, data and sources", ("nb-library", "nb-back_matter", )),))'
    )


# The chapter on the library.


def test_every_public_name_has_one_section_with_its_signature_and_its_example():
    page = library.page()
    assert sorted(re.findall(r"^### (\w+)$", page, re.M)) == sorted(alloygrad.__all__)
    assert page.count("```pycon\n>>> ") == len(alloygrad.__all__)
    assert "Campaign(\n    space, objective, *, inputs=None, surrogate='gp'," in page
    assert "- `suggest(q=1, *, pending=None, min_distance=None)`: Return the next experiments" in page


def test_a_docstring_becomes_a_description_lists_and_an_example():
    def doubled(number, *, times=1):
        """Return twice a number.

        Args:
            number: One,
                over two lines.
            times: How often.

        Returns:
            The double.
        """

    text = library.entry("doubled", doubled)
    assert "```python\ndoubled(number, *, times=1)\n```\n\nReturn twice a number." in text
    assert "**Arguments**\n\n- `number`: One, over two lines.\n- `times`: How often.\n\n" in text
    assert "**Returns.** The double." in text


def test_the_scoreboard_counts_verdicts(tmp_path):
    assert "Not yet judged" in supplement.scoreboard(tmp_path / "none.csv")
    claims = {"claim": ["a", "b", "c"], "verdict": ["reproduced", "not reproduced", "reproduced"], "test": ["t"] * 3}
    pd.DataFrame(claims).to_csv(tmp_path / "13_claims.csv", index=False)
    shown = supplement.scoreboard(tmp_path / "13_claims.csv")
    assert shown == "3 claims: 2 reproduced · 1 not reproduced."


# Everything named exists.


def text_of(path) -> str:
    if path.suffix == ".ipynb":
        return "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells)
    return path.read_text(encoding="utf-8")


def test_every_work_is_cited_and_every_doi_of_the_code_is_among_them():
    entries = (ROOT / "notebooks" / "references.bib").read_text(encoding="utf-8")
    pages = "".join(text_of(ROOT / "notebooks" / f"{page}.md") for page in ("index", "back_matter"))
    cited = {key for group in re.findall(r"\{cite\}`([^`]+)`", pages) for key in group.split(",")}
    assert cited == set(re.findall(r"@\w+\{(\w+),", entries))
    files = [*ROOT.glob("lib/**/*.py"), *ROOT.glob("tests/benchmarks/*.py"), *ROOT.glob("data/*.py"), *NOTEBOOKS]
    named = {doi for file in files for doi in re.findall(r"\b10\.\d{4,}/[^\s,;`'\")]+", text_of(file))}
    listed = {doi.lower() for doi in re.findall(r"doi = \{([^}]+)\}", entries)}
    assert not {doi for doi in named if doi.rstrip(".:").lower() not in listed}


def test_links_between_notebooks_lead_somewhere():
    for path in NOTEBOOKS:
        prose = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown"]
        targets = re.findall(r"\]\((?!https?://|#)([^)\s]*[./][^)\s]*)\)", "\n".join(prose))
        assert not [(path.stem, target) for target in targets if not (path.parent / target).exists()]


def test_every_drawing_of_an_executed_notebook_is_in_the_book_once(tmp_path):
    shown = []
    for path in EXECUTED:
        read = supplement.chapter(nbformat.read(path, as_version=4), path.stem, tmp_path, set())
        shown += [cell.metadata["figure"]["name"] for cell in read.cells if "figure" in cell.metadata]
    numbers = {path.stem[:2] for path in EXECUTED}
    assert sorted(shown) == sorted(p.stem for p in supplement.FIGURES.glob("*.png") if p.stem[:2] in numbers)


# The book itself.


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    folder = tmp_path_factory.mktemp("supplement")
    other = new_notebook(cells=[new_markdown_cell("# 02 · Other\n\nBack to [01](01_small.ipynb).")])
    nbformat.write(small(), folder / "01_small.ipynb")
    nbformat.write(other, folder / "02_other.ipynb")
    supplement.build(sorted(folder.glob("*.ipynb")), folder / "book")
    return folder / "book"


def test_every_link_of_the_pages_resolves_and_nothing_is_loaded_from_elsewhere(book):
    pages = {path.resolve(): BeautifulSoup(path.read_bytes(), "html.parser") for path in book.glob("html/*.html")}
    anchors = {path: {tag["id"] for tag in page.select("[id]")} for path, page in pages.items()}
    assert {path.stem for path in pages} >= {"index", "01_small", "02_other", "library", "back_matter", "search"}
    for path, page in pages.items():
        for tag in page.select("[href], [src]"):
            target = tag.get("href") or tag.get("src") or ""
            if target.startswith(("https:", "http:", "mailto:")):
                assert tag.name == "a", (path.name, target)
                continue
            file, _, anchor = unquote(target).partition("#")
            found = (path.parent / file.partition("?")[0]).resolve() if file else path
            assert found.exists(), (path.name, target)
            assert not anchor or anchor in anchors.get(found, {anchor}), (path.name, target)


def test_the_pages_hold_the_contents_the_formulas_and_the_numbered_figure(book):
    index, page = ((book / "html" / f"{stem}.html").read_text(encoding="utf-8") for stem in ("index", "01_small"))
    assert 'href="01_small.html"' in index and 'href="02_other.html"' in index
    assert index.index("<img") < index.index('class="toctree-wrapper') < index.index("<h2>What this book is")
    assert page.count("<details") == 5 and "<details open" not in page  # one for each code cell
    assert page.count("<math") == 2 and '<span class="std std-numref">Figure 1</span>' in page
    assert "Parameters" not in page and "████" not in page and "interactive(" not in page


def test_the_print_has_every_chapter_and_a_character_without_a_glyph_is_an_error(book, tmp_path):
    assert (book / "supplement.pdf").read_bytes().startswith(b"%PDF")
    typ = (book / "source" / "supplement.typ").read_text(encoding="utf-8")
    assert "folds = 10" not in typ  # the code is left out
    assert all(text in typ for text in ("<nb-01_small>", "#link(<nb-02_other>)", f"<fig-{DRAWN}>", "#tabular", "[Å]"))
    with pytest.raises(Exception, match=r"冷.*could not be displayed"):
        supplement.typeset(book / "source", tmp_path / "x.pdf", "# 冷")
