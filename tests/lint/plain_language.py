"""Finds words that CONTRIBUTING.md asks to replace. Prints file, line, word and replacement; exits with 1 if there are any.

tests/lint/replaced_words.toml has the words. A pattern matches whole words in any case, also inside snake_case names.
"""

import pathlib
import re
import subprocess
import sys
import tomllib

root = pathlib.Path(__file__).parent.parent.parent
rules = tomllib.loads((root / "tests/lint/replaced_words.toml").read_text())
words = [(re.compile(rf"(?<![a-z])(?:{word['pattern']})(?![a-z])", re.IGNORECASE), word) for word in rules["word"]]
listed = subprocess.run(["git", "ls-files", *rules["files"]["check"]], cwd=root, text=True, capture_output=True)
if listed.returncode:
    sys.exit(print("The wording is not checked: this is not a Git checkout."))
paths = listed.stdout.splitlines()
failures = 0
for path in paths:
    is_text = b"\0" not in (root / path).read_bytes()
    if is_text and not path.startswith(tuple(rules["files"]["skip"])):
        for number, line in enumerate((root / path).read_text().splitlines(), 1):
            for pattern, word in words:
                if not path.startswith(tuple(word.get("except", []))) and (match := pattern.search(line)):
                    failures += 1
                    print(f"{path}:{number}: replace \"{match[0]}\": {word['use']}")
sys.exit(1 if failures else 0)
