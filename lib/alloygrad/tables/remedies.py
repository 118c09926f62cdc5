"""Messages of the library in the words of a request: what is written in Python there is written in YAML here.

Pass for example unit='wt.%'.                       Write for example `unit: wt.%`.
Write for example {'Ti': (40, 60)}.                 Write for example {Ti: [40, 60]}.
Write ag.Limit('hysteresis_K', at_most=10).         Write {limit: hysteresis_K, at_most: 10}.
"""

import re

NUMBER_OR_NAME = r"-?[\d.]+|'[^']*'|None|least|most|unit|elements|total|what|\[[^\[\]]*\]|\{[^{}]*\}"
TUPLE = re.compile(rf"\(((?:{NUMBER_OR_NAME})(?:, (?:{NUMBER_OR_NAME}))+),?\)")
AIM = re.compile(r"ag\.(Maximise|Minimise|Target|Limit)\(('[^']*')(?:, ([^()]*))?\)")
FLAT = r"[^\[\]{}]*"
NESTED = rf"[\[{{](?:{FLAT}[\[{{](?:{FLAT}[\[{{]{FLAT}[\]}}])*{FLAT}[\]}}])*{FLAT}[\]}}]"
ARGUMENT = re.compile(rf"(?:`read_table\(…, )?\b([a-z_]+)=('[^']*'|{NESTED}|\d+(?:\.\d+)?)(?:\)`)?")
VALUE = re.compile(rf"(?<=[Ww]rite for example ){NESTED}|(?<=Write ){NESTED}")
CALLS = {
    "Pass for example": "Write for example",
    "pass for example": "write for example",
}
REPORT = re.compile(
    r"`print\(table\.report\((?:'[^']*'|objective)\)\.to_string\(\)\)`(?:, with `table = ag\.read_table\(…\)`)?"
)
STARTING = re.compile(r"`alloygrad\.spaces\.starting_design\(space, (\d+)\)` proposes")


def in_yaml(text: str) -> str:
    """Return a message with its remedies as they are written in a request.

    Example:
        >>> in_yaml("got None. Pass for example groups=[(['Ti', 'Hf'], 0, 55)].")
        'got None. Write for example `groups: [[[Ti, Hf], 0, 55]]`.'
    """
    text = STARTING.sub(r"`alloygrad start` with `q: \1` proposes", text)
    text = REPORT.sub("`alloygrad check`", text)
    for python, words in CALLS.items():
        text = text.replace(python, words)
    text = AIM.sub(_aim, text)
    while (changed := TUPLE.sub(r"[\1]", text)) != text:
        text = changed
    text = re.sub(r"\b([Pp])ass (?=[a-z_]+=)", lambda match: "Write " if match[1] == "P" else "write ", text)
    text = ARGUMENT.sub(lambda match: f"`{match[1]}: {_plain(match[2])}`", text)
    return VALUE.sub(lambda match: _plain(match[0]), text).replace("``", "`")


def _plain(value: str) -> str:
    """A value of Python without quotation marks; None is null."""
    return re.sub(r"\bNone\b", "null", value.replace("'", "").replace('"', ""))


def _aim(match: re.Match) -> str:
    """An objective as an entry of `objectives`."""
    kind, name, rest = match[1].lower(), _plain(match[2]), match[3] or ""
    rest = f"value: {rest}" if kind == "target" and rest else rest.replace("=", ": ")
    return f"{{{kind}: {name}{f', {rest}' if rest else ''}}}"
