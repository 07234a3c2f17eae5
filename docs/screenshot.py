"""The README's picture of a study's page: python docs/screenshot.py runs/default docs/page.png

Needs Chromium on the path. The first screen of the page in its light colours, small enough for a repository.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

#: The window in pixels, and the colours that are kept.
SIZE, COLOURS = (1400, 720), 64
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main(study: str, out: str) -> None:
    """Draw the page of a study's folder as PNG."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit("no Chromium on the path: install Debian's with `apt-get install chromium`")
    page = (Path(study) / "report" / "index.html").resolve(strict=True)
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder) / "page.png"
        options = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            f"--user-data-dir={folder}/user",
        ]
        # The page draws on load; the budget is virtual time, which passes at once where nothing is waited for.
        options += [
            f"--window-size={SIZE[0]},{SIZE[1]}",
            "--virtual-time-budget=5000",
            f"--screenshot={shot}",
        ]
        subprocess.run([browser, *options, page.as_uri()], check=True, capture_output=True, timeout=300)
        with Image.open(shot) as image:
            image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(out, optimize=True)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
