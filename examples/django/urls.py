from pathlib import Path

from django.urls import path
from django.views.static import serve

import views

PAGE = Path(__file__).resolve().parent.parent / "html"

urlpatterns = [
    path("", views.page),
    path("verify.js", serve, {"document_root": PAGE, "path": "verify.js"}),
    path("verification", views.start),
    path("verification/resend", views.resend),
    path("verification/check", views.check),
]
