"""Prints the name of every setting that the packages of django-rest-social-auth (DRSA) read, one per line: the settings of
DRSA, of simplejwt and of knox with their prefixes, and those that `social-auth-core` and `social-auth-app-django` read with
`setting(…)`, without settings of single providers.
"""

import re
from pathlib import Path

from django.conf import settings

settings.configure(SECRET_KEY="nothing is signed")

import knox.settings  # noqa: E402
import rest_framework_simplejwt.settings  # noqa: E402
import rest_social_auth  # noqa: E402
import social_core  # noqa: E402
import social_django  # noqa: E402

OF_EVERY_BACKEND = {"base.py", "oauth.py", "open_id_connect.py"}


def sources(package):
    folder = Path(package.__file__).parent
    for path in folder.rglob("*.py"):
        is_of_one_provider = path.parent.name == "backends" and path.name not in OF_EVERY_BACKEND
        if "tests" not in path.parts and not is_of_one_provider:
            yield path.read_text()


names = {f"SIMPLE_JWT_{name}" for name in rest_framework_simplejwt.settings.DEFAULTS}
names |= {f"REST_KNOX_{name}" for name in knox.settings.DEFAULTS}
for text in sources(rest_social_auth):
    names |= set(re.findall(r"REST_SOCIAL_[A-Z_]+", text))
for package in [social_core, social_django]:
    for text in sources(package):
        asked = re.findall(r"""(?:\bsetting|get_setting|setting_name|setting_url)\(\s*['"]([A-Z_]+)""", text)
        names |= {f"SOCIAL_AUTH_{name}" for name in asked}
print("\n".join(sorted(names)))
