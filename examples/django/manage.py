"""A whole Django site in one file; in yours, only the views and the three paths are new."""

import os
import sys
from pathlib import Path

from django.conf import settings
from django.core.management import execute_from_command_line
from django.core.management.utils import get_random_secret_key

PAGE = Path(__file__).resolve().parent.parent / "html"
IS_HTTPS = os.environ.get("SITE_URL", "").startswith("https://")

settings.configure(
    DEBUG="SITE_URL" not in os.environ,
    SECRET_KEY=os.environ.get("SESSION_SECRET") or get_random_secret_key(),
    ALLOWED_HOSTS=[os.environ.get("SITE_DOMAIN", "127.0.0.1"), "localhost"],
    ROOT_URLCONF="urls",
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "views.Faults",
    ],
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    SESSION_COOKIE_SECURE=IS_HTTPS,
    CSRF_COOKIE_SECURE=IS_HTTPS,
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [PAGE]}],
)

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
