"""Write the pictures of docs/gateway.md: `PYTHONPATH=harness:. .venv/bin/python -m tests.gateway.web.screenshots`.

They are looked at before they are committed.
"""

from __future__ import annotations

import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image
from sr2fhir.transformer import Transformer

from tests.gateway.web import example
from tests.gateway.web.browser import NARROW, WIDE, chromium
from tests.gateway.web.site import site

FOLDER = Path(__file__).parents[3] / "docs" / "images"
PICTURES = (
    ("gateway-overview", "/", {"viewport": WIDE}),
    ("gateway-overview-dark", "/", {"viewport": WIDE, "color_scheme": "dark"}),
    ("gateway-report", "/reports/3", {"viewport": WIDE}),
    ("gateway-dead-narrow", "/reports?state=dead", {"viewport": NARROW}),
)


def main() -> None:
    """Fill a gateway and take the pictures."""
    with tempfile.TemporaryDirectory() as folder, Transformer() as transformer, site(Path(folder)) as running:
        example.fill(running, transformer)
        with chromium() as browser:
            for name, path, options in PICTURES:
                page = browser.new_page(timezone_id="UTC", **options)
                page.goto(running.url + path)
                picture = Image.open(BytesIO(page.screenshot(full_page=True))).convert("RGB")
                # flat colours: a palette shows the same in a third of the size
                picture.quantize(64).save(FOLDER / f"{name}.png", optimize=True)
                page.close()


if __name__ == "__main__":
    main()
