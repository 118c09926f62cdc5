"""Sliders appear where Jupyter runs the kernel for a person, and nowhere else."""

import ipywidgets
import matplotlib.pyplot as plt

from compendium.figures import live


def test_without_a_person_nothing_is_drawn(monkeypatch):
    monkeypatch.delenv(live.SESSION, raising=False)
    assert live.slider(lambda done: 1 / 0, done=range(3)) is None


def test_in_a_session_each_argument_has_its_values(monkeypatch):
    shown, open_before = {}, plt.get_fignums()
    monkeypatch.setenv(live.SESSION, "notebook.ipynb")
    monkeypatch.setattr(ipywidgets, "interact", lambda draw, **sliders: shown.update(sliders, draw=draw))
    live.slider(lambda done, alloy: plt.figure(num=f"{alloy} {done}"), done=range(3), alloy=["SMA", "Ti"])
    assert shown["draw"](done=1, alloy="Ti").get_label() == "Ti 1" and plt.get_fignums() == open_before
    assert (shown["done"].options, shown["done"].value) == ((0, 1, 2), 0)
    assert shown["alloy"].options == ("SMA", "Ti") and shown["alloy"].description == "alloy"
