"""C++ source as the checks see it: without comments and literals, and as a list of function bodies.

Heuristic on purpose: it knows brackets and the shape of a function head, not the language. What it
cannot make out it leaves out, so that it errs towards silence.
"""
import dataclasses
import re

TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/'
    r'|R"(?P<delimiter>[^()\\\s]{0,16})\(.*?\)(?P=delimiter)"'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'",
    re.DOTALL)
CONDITIONAL_ELSE = re.compile(r"^[ \t]*#[ \t]*(?:else|elif)\b.*?(?=^[ \t]*#[ \t]*endif\b)", re.DOTALL | re.MULTILINE)
PREPROCESSOR = re.compile(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", re.MULTILINE)
SCOPE_HEAD = re.compile(r"\b(?:namespace|class|struct|union|enum|concept)\b[^()]*$|\bextern\s*$")
# The last closing parenthesis of the head, then only what may stand between it and the body.
FUNCTION_HEAD = re.compile(
    r"\)\s*(?:const|noexcept|override|final|mutable|requires|try|->|:|\w|[\s&*<>,:()\[\]{}.])*$")


@dataclasses.dataclass
class Function:
    name: str
    line: int
    lines: int


def blank(text):
    """Spaces of the same shape, so that positions and line numbers stay true."""
    return re.sub(r"[^\n]", " ", text)


def code_only(text):
    return TOKEN.sub(lambda match: blank(match.group()), text)


def function_name(head):
    """`violet::Device::poll` of `Result<int> violet::Device::poll(unsigned budget) const`."""
    match = re.search(r"([~\w:]+|operator\s*\S+?)\s*\(", head)
    if not match:
        return "?"
    test = re.match(r"\s*(?:TYPED_)?TEST\w*\s*\(\s*(\w+)\s*,\s*(\w+)", head)
    return f"{test.group(1)}.{test.group(2)}" if test else match.group(1)


def closing(code, start):
    """The position of the brace that closes the one at `start`, or the end of the text."""
    depth = 0
    for match in re.compile(r"[{}]").finditer(code, start):
        depth += 1 if match.group() == "{" else -1
        if depth == 0:
            return match.start()
    return len(code)


def functions(text):
    """The functions that stand in namespaces and classes, lambdas inside them included in their size."""
    code = code_only(text)
    code = CONDITIONAL_ELSE.sub(lambda match: blank(match.group()), code)
    code = PREPROCESSOR.sub(lambda match: blank(match.group()), code)
    found, head_start, at = [], 0, 0
    boundary = re.compile(r"[{};]")
    while (match := boundary.search(code, at)) is not None:
        at = match.end()
        if match.group() == "{":
            head = code[head_start:match.start()]
            if SCOPE_HEAD.search(head):
                head_start = at
                continue
            at = closing(code, match.start()) + 1
            if not FUNCTION_HEAD.search(head):
                continue  # An initialiser: its declaration goes on behind it.
            first = head_start + len(head) - len(head.lstrip())
            line = code.count("\n", 0, first) + 1
            found.append(Function(function_name(head), line, code.count("\n", first, at) + 1))
        head_start = at
    return found
