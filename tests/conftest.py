"""How the tests run: those that take long first, so that no process ends the run alone with one of them."""

import pytest
import warm_kernel


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort whole notebooks and lint to the front; all else keeps its order."""
    items.sort(key=lambda item: not any(map(item.get_closest_marker, ("notebook", "early"))))


@pytest.fixture(scope="session")
def kernels():
    """A folder for JUPYTER_PATH, with the kernel of `warm_kernel`."""
    with warm_kernel.serving() as folder:
        yield folder
