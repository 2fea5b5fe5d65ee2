"""An app in Django whose API takes countersign's access tokens, by djangorestframework-simplejwt; its page signs in with the
JavaScript client. The token's claims have the names that simplejwt reads, so that nothing is written for it.

    pip install djangorestframework-simplejwt && KEY=… python bearer.py          and open http://localhost:3000

    [tokens]
    algorithm = "HS256"
    hs256_secret = "…"                          # the same KEY: openssl rand -hex 32. Whoever has it can make tokens
    [server]
    cors_origins = ["http://localhost:3000"]
"""

import os
from urllib.parse import urlsplit

import django
from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpResponse
from django.urls import path

AUTH = os.environ.get("AUTH", "http://localhost:8000/passwordless")
APP = os.environ.get("APP", "http://localhost:3000")
ISSUER = f"{urlsplit(AUTH).scheme}://{urlsplit(AUTH).netloc}"
settings.configure(
    ALLOWED_HOSTS=["localhost"],
    ROOT_URLCONF=__name__,
    SECRET_KEY=os.environ["KEY"],
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "rest_framework"],
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTStatelessUserAuthentication"],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    },
    SIMPLE_JWT={"ALGORITHM": "HS256", "SIGNING_KEY": os.environ["KEY"], "ISSUER": ISSUER, "AUDIENCE": ISSUER},
)
django.setup()

from rest_framework.response import Response  # noqa: E402, it reads the settings
from rest_framework.views import APIView  # noqa: E402

PAGE = """<!doctype html><title>App</title><h1>Your account</h1><p id="account" role="status"></p>
<form><input name="email" aria-label="E-mail address"><button>Send code</button></form>
<form hidden><input name="code" aria-label="Code"><button>Sign in</button></form><button id="out">Sign out</button>
<script type="module">
import { createClient } from '%(AUTH)s/assets/countersign.js';
const auth = createClient({ url: '%(AUTH)s', session: 'token', origins: [location.origin] });
const [ask, enter] = document.forms;
const account = document.getElementById('account');
async function show() {
  const answer = await auth.fetch('/api/account');
  account.textContent = answer.ok ? `Signed in as ${(await answer.json()).id}` : `Refused: ${answer.status}`;
}
const on = (form, task) => form.addEventListener('submit', (event) => {
  event.preventDefault();
  task(form.elements).catch((error) => (account.textContent = error.detail));
});
on(ask, async ({ email }) => { await auth.request({ email: email.value }); enter.hidden = false; });
on(enter, async ({ code }) => { await auth.exchange(code.value); enter.hidden = true; });
document.getElementById('out').onclick = () => auth.logout();
auth.onChange(show);
show();
</script>"""


def page(request):
    return HttpResponse(PAGE % {"AUTH": AUTH})


class Account(APIView):
    def get(self, request):
        return Response({"id": request.user.id}, headers={"Cache-Control": "no-store"})


urlpatterns = [path("", page), path("api/account", Account.as_view())]

if __name__ == "__main__":
    execute_from_command_line(["", "runserver", "--noreload", f"127.0.0.1:{urlsplit(APP).port or 3000}"])
