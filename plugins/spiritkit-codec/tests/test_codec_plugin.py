from __future__ import annotations

import subprocess
import sys

import pytest
from spiritkit_codec.plugin import spiritkit_components

from spiritkit.interfaces import INTERFACES


@pytest.mark.parametrize("component", spiritkit_components(), ids=lambda component: component.name)
def test_component_is_of_its_kind(component):
    assert issubclass(component.load(), INTERFACES[component.kind])


def test_listing_imports_nothing_heavy():
    code = "import sys, spiritkit_codec.plugin as p; p.spiritkit_components(); print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
