"""The direction of the arrows: which part may import which, read from the source.

Nothing is imported and nothing is run here, so a file that cannot even be imported is still judged.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / 'geventio').rglob('*.py'))
DEMO = sorted((ROOT / 'demo_app').rglob('*.py'))

# A part imports itself and the floors below its own, never a neighbour on the same floor.
FLOORS = (
    {'errors'},
    {'config'},
    {'protocol'},
    {'core'},
    {'dialects', 'adapters'},
    {'transports'},
    {'serving'},
    {'extension'},
)
HEIGHT = {part: height for height, floor in enumerate(FLOORS) for part in floor}
ROOF = len(FLOORS)  # geventio/__init__.py and whatever stands beside it without a floor
PURE = {'protocol', 'core'}
IMPURE = {'gevent', 'geventwebsocket', 'greenlet', 'flask', 'werkzeug', 'socket', 'time'}
UNSAFE_MODULES = {'pickle', '_pickle', 'cPickle', 'marshal', 'shelve', 'dill'}
UNSAFE_CALLS = {'eval', 'exec', 'compile', '__import__'}


def part_of(path: Path) -> str:
    """The floor's folder, or the name of a module that stands directly in the package."""
    return path.relative_to(ROOT / 'geventio').with_suffix('').parts[0]


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and absolute dotted name of everything that a file imports, wherever in it."""
    package = list(path.relative_to(ROOT).parent.parts)
    for node in ast.walk(ast.parse(path.read_bytes(), str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = [*base, node.module] if node.module else base
            yield from ((node.lineno, '.'.join([*base, alias.name])) for alias in node.names)


def parts_imported(path: Path) -> Iterator[tuple[int, str]]:
    for line, name in imports(path):
        package, _, rest = name.partition('.')
        if package == 'geventio':
            yield line, rest.partition('.')[0] or '__init__'


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize('path', [p for p in SOURCES if part_of(p) in HEIGHT], ids=name_of)
def test_imports_go_down(path: Path) -> None:
    own = part_of(path)
    wrong = [
        f'line {line}: {own} imports {part}'
        for line, part in parts_imported(path)
        if part != own and HEIGHT.get(part, ROOF) >= HEIGHT[own]
    ]
    assert not wrong


@pytest.mark.parametrize('path', [p for p in SOURCES if part_of(p) in PURE], ids=name_of)
def test_protocol_and_core_are_pure(path: Path) -> None:
    used = {name.partition('.')[0] for _, name in imports(path)}
    assert not used & IMPURE


@pytest.mark.parametrize('path', [*SOURCES, *DEMO], ids=name_of)
def test_nothing_runs_code_from_data(path: Path) -> None:
    assert not {name.partition('.')[0] for _, name in imports(path)} & UNSAFE_MODULES
    calls = {
        node.func.id
        for node in ast.walk(ast.parse(path.read_bytes(), str(path)))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not calls & UNSAFE_CALLS


@pytest.mark.parametrize('path', DEMO, ids=name_of)
def test_demo_uses_public_names_only(path: Path) -> None:
    public = public_names()
    names = [name for _, name in imports(path) if name.partition('.')[0] == 'geventio']
    assert not {name for name in names if name.removeprefix('geventio.') not in public}
    private = [
        f'line {node.lineno}: .{node.attr}'
        for node in ast.walk(ast.parse(path.read_bytes(), str(path)))
        if isinstance(node, ast.Attribute) and node.attr.startswith('_')
        if not isinstance(node.value, ast.Name) or node.value.id != 'self'
    ]
    assert not private


def public_names() -> set[str]:
    """``__all__`` of the package, as it is written there."""
    tree = ast.parse((ROOT / 'geventio' / '__init__.py').read_bytes())
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(t, ast.Name) and t.id == '__all__' for t in targets):
                assert node.value is not None
                return set(ast.literal_eval(node.value))
    raise AssertionError('geventio/__init__.py has no __all__')
