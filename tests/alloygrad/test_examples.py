"""Examples in docstrings run as they are written, and every name that the library exports has one."""

import doctest
import importlib
import pkgutil

import pytest

import alloygrad

MODULES = [module.name for module in pkgutil.walk_packages(alloygrad.__path__, "alloygrad.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_a_module_run(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize("name", alloygrad.__all__)
def test_an_exported_name_has_an_example(name):
    assert doctest.DocTestFinder(recurse=False).find(getattr(alloygrad, name), name)[0].examples
