"""The reference page names everything that is public, with the codes and files that there are."""

import ast
import inspect
import re
from pathlib import Path

import pytest

from aiofabric import network
from aiofabric.network import Network, NetworkError
from aiofabric.network.cli import main
from aiofabric.network.plan import Layout

PAGE = (Path(__file__).parents[2] / "docs/reference/network.md").read_text()
COMMANDS = re.findall(r"^python -m aiofabric\.network (\S+)", PAGE, re.MULTILINE)
CODE = " ".join(re.findall(r"`([^`\n]+)`", PAGE))


def test_every_public_name_is_on_the_page() -> None:
    assert [name for name in network.__all__ if not re.search(rf"\b{name}\b", PAGE)] == []


def test_every_method_of_a_network_is_on_the_page() -> None:
    names = [name for name, _ in inspect.getmembers(Network) if not name.startswith("_")]
    assert [name for name in names if not re.search(rf"\b{name}\b", CODE)] == []


def test_every_error_is_on_the_page_with_its_code() -> None:
    classes = [each for each in vars(network).values() if isinstance(each, type) and issubclass(each, NetworkError)]
    assert len(classes) == 8
    rows = [f"| `{each.__name__}` | `{each.code}` |" for each in classes if each is not NetworkError]
    assert [row for row in rows if row not in PAGE] == []


def test_the_files_are_where_the_page_says(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    for path in (layout.marker, layout.description, layout.genesis, layout.builder, layout.root / "channel"):
        assert f"`{path.relative_to(tmp_path)}" in PAGE


@pytest.mark.parametrize("command", sorted(set(COMMANDS)))
def test_the_commands_of_the_page_can_be_given(command: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0


def test_the_program_of_the_page_is_a_program() -> None:
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    compile(ast.parse(program), "network.md", "exec")
