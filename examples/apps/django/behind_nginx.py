"""An app in Django behind nginx, which asks countersign who is signed in and tells the app in headers: nginx.conf beside this file.
A sign-out counts at once, and so does nginx's answer to whoever isn't signed in: the app sees nobody else, and no request of
another site's.

    pip install django && KEY=$(openssl rand -hex 32) python behind_nginx.py
    nginx -c $PWD/nginx.conf -g 'daemon off;'          and open http://localhost:8080

    [server]
    public_url = "http://localhost:8080"        # nginx
    trusted_proxies = ["127.0.0.1"]
    [session]
    enabled = true
"""

import os
from dataclasses import dataclass
from urllib.parse import unquote

from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import path
from django.utils.html import format_html
from django.views.decorators.http import require_POST

settings.configure(
    ALLOWED_HOSTS=["localhost"],
    ROOT_URLCONF=__name__,
    SECRET_KEY=os.environ["KEY"],
    MIDDLEWARE=["__main__.visitors"],
)


@dataclass
class Visitor:
    """Whoever is signed in, as nginx has it from countersign. What isn't printable ASCII is percent-encoded."""

    id: str
    channel: str
    session: str


def visitors(get_response):
    """Gives each request its `visitor`. nginx sets these headers itself, so let nobody but nginx reach this app."""

    def answer(request):
        values = (request.headers.get(name, "") for name in ("X-Auth-Subject", "X-Auth-Channel", "X-Auth-Session"))
        request.visitor = Visitor(*map(unquote, values))
        response = get_response(request)
        response.headers["Cache-Control"] = "no-store"
        return response

    return answer


NOTES = {}
PAGE = """<!doctype html><title>Account</title><h1>Your account</h1><p>Signed in as {}</p><p id="note">{}</p>
<form method="post" action="/note"><input name="note" aria-label="Note"><button>Save</button></form>
<a href="/passwordless/logout/?return_to=http://localhost:{}/welcome">Sign out</a>"""


def account(request):
    port = request.headers["Host"].rpartition(":")[2]
    return HttpResponse(format_html(PAGE, request.visitor.id, NOTES.get(request.visitor.id, "No note."), port))


@require_POST
def note(request):
    NOTES[request.visitor.id] = request.POST["note"]
    return HttpResponseRedirect("/account")


urlpatterns = [path("", account), path("account", account), path("note", note)]

if __name__ == "__main__":
    execute_from_command_line(["", "runserver", "--noreload", os.environ.get("LISTEN", "127.0.0.1:3000")])
