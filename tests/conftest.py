"""How the tests run: whole notebooks first, so that no process ends the run alone with a long one."""

import pytest
import warm_kernel


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort notebooks to the front; all else keeps its order."""
    items.sort(key=lambda item: item.get_closest_marker("notebook") is None)


@pytest.fixture(scope="session")
def kernels():
    """A folder for JUPYTER_PATH, with the kernel of `warm_kernel`."""
    with warm_kernel.serving() as folder:
        yield folder
