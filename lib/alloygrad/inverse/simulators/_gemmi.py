"""The optional package gemmi: form factors and symmetry."""

from types import ModuleType


def load_gemmi() -> ModuleType:
    """Return the module gemmi. Raises ImportError, with what to install, where it is not there."""
    try:
        import gemmi
    except ImportError:
        message = 'Expected the package gemmi; it is not installed. Run: pip install "alloygrad[inverse]"'
        raise ImportError(message) from None
    return gemmi
