"""Checks the relative links of all Markdown files: the file exists, and so does the heading of an anchor.

Prints file, line and link; exits with 1 if a link is broken, if a page of docs/ is missing in its index, or if a page other than
the migration guide assumes Django.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
#: Links in texts of which Markdown is made: descriptions of settings, and guides of providers.
SOURCES = [(ROOT / "src/settings/table.toml", ROOT / "docs")]
#: These packages are explained in the migration guide alone. A line that links there, or names the command, may name them.
DJANGO = re.compile(r"\b(Django|DRSA|simplejwt|social-core)\b", re.IGNORECASE)
DJANGO_IS_EXPLAINED = re.compile(r"MOVING\.md|import django|Django REST framework|django-rest-knox")
#: The security rules cite advisories, and the architecture names source files.
PAGES_ABOUT_DJANGO = {"MOVING.md", "SECURITY.md", "ARCHITECTURE.md"}


def without_code(text: str) -> str:
    """The text with fenced blocks and code spans as blanks, so that lines keep their numbers."""
    fenced = re.compile(r"^( *)(`{3,}).*?^\1\2 *$", re.MULTILINE | re.DOTALL)
    text = fenced.sub(lambda match: "\n" * match.group().count("\n"), text)
    return re.sub(r"`[^`\n]*`", "", text)


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of headings."""
    found: dict[str, int] = {}
    result = set()
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for heading in re.findall(r"^#{1,6} +(.+)$", text, re.MULTILINE):
        heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        anchor = re.sub(r"[^\w\- ]", "", heading).replace(" ", "-")
        number = found.get(anchor, 0)
        found[anchor] = number + 1
        result.add(f"{anchor}-{number}" if number else anchor)
    return result


def broken(source: Path, folder: Path) -> list[str]:
    problems = []
    text = without_code(source.read_text("utf-8"))
    for match in LINK.finditer(text):
        link = match.group(1)
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, anchor = link.partition("#")
        target = (folder / path).resolve() if path else source
        if not target.exists():
            problem = "no such file"
        elif anchor and target.suffix == ".md" and anchor not in anchors(target):
            problem = "no such heading"
        else:
            continue
        line = text.count("\n", 0, match.start()) + 1
        problems.append(f"{source.relative_to(ROOT)}:{line}: {link}: {problem}")
    return problems


def django_assumed(page: Path) -> list[str]:
    lines = enumerate(page.read_text("utf-8").splitlines(), 1)
    wrong = [(number, line) for number, line in lines if DJANGO.search(line) and not DJANGO_IS_EXPLAINED.search(line)]
    return [f"{page.relative_to(ROOT)}:{number}: explain this without Django: {line[:80]}" for number, line in wrong]


def main() -> int:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )
    pages = [ROOT / name for name in listed.stdout.split() if (ROOT / name).exists()]
    problems = [problem for page in pages for problem in broken(page, page.parent)]
    problems += [problem for source, folder in SOURCES for problem in broken(source, folder)]
    index = (ROOT / "docs/README.md").read_text("utf-8")
    for page in sorted((ROOT / "docs").glob("*.md")):
        if page.name != "README.md" and f"({page.name}" not in index:
            problems.append(f"docs/README.md does not list {page.name}")
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        if page.name not in PAGES_ABOUT_DJANGO:
            problems += django_assumed(page)
    print("\n".join(problems) if problems else f"links: {len(pages)} Markdown files have no broken link")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
