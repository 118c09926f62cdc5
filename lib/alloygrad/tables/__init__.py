"""From a laboratory's spreadsheet to suggestions: reading, checking, advice, validation."""
