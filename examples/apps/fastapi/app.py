"""An app in FastAPI whose account page is for whoever is signed in. It checks the access cookie by itself, with countersign's
public keys: no request waits for another. A sign-out elsewhere counts when the cookie ends, after five minutes.

    pip install fastapi uvicorn 'PyJWT[crypto]' && python app.py          and open http://localhost:3000

    [session]
    enabled = true
    access_cookie = true
    return_to = ["http://localhost:3000"]
    # cookie_domain = "example.com"      in production, for login.example.com and app.example.com
"""

import os
from html import escape
from typing import Annotated
from urllib.parse import quote, urlsplit

import jwt
import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import HTMLResponse

AUTH = os.environ.get("AUTH", "http://localhost:8000/passwordless")
APP = os.environ.get("APP", "http://localhost:3000")
# On HTTPS it is called __Host-countersign_access, or with a cookie_domain __Secure-countersign_access.
COOKIE = os.environ.get("COOKIE", "countersign_access")
ISSUER = f"{urlsplit(AUTH).scheme}://{urlsplit(AUTH).netloc}"

app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
keys = jwt.PyJWKClient(f"{ISSUER}/.well-known/jwks.json", lifespan=300)


def claims_of(token: str) -> dict | None:
    """What a good access token says; None for any other."""
    try:
        key = keys.get_signing_key_from_jwt(token).key
        return jwt.decode(token, key, algorithms=["EdDSA"], issuer=ISSUER, audience=ISSUER)
    except (jwt.InvalidTokenError, jwt.PyJWKSetError):
        return None
    except jwt.PyJWKClientError as error:
        # A key that nobody published; or nobody could be asked.
        if isinstance(error, jwt.PyJWKClientConnectionError):
            raise HTTPException(503, "Try again in a moment.") from error
        return None


def signed_in(request: Request, response: Response) -> dict:
    """Who is signed in. A visitor comes back from countersign with a fresh cookie, after a login if one is needed."""
    if request.method != "GET" and request.headers.get("sec-fetch-site") != "same-origin":
        raise HTTPException(403, "Not from elsewhere.")
    claims = claims_of(request.cookies.get(COOKIE, ""))
    if claims is None and request.method == "GET":
        here = quote(f"{APP}{request.url.path}?{request.url.query}".rstrip("?"), safe="")
        raise HTTPException(303, headers={"Location": f"{AUTH}/session/renew/?return_to={here}"})
    if claims is None:
        raise HTTPException(401, "Sign in first.")
    response.headers["Cache-Control"] = "no-store"
    return claims


@app.get("/", response_class=HTMLResponse)
def welcome() -> str:
    return '<!doctype html><title>App</title><h1>Welcome</h1><a href="/account">Your account</a>'


@app.get("/account", response_class=HTMLResponse)
def account(user: Annotated[dict, Depends(signed_in)]) -> str:
    return f"""<!doctype html><title>Account</title><h1>Your account</h1><p>Signed in as {escape(user["sub"])}</p>
        <a href="{AUTH}/logout/?return_to={quote(APP + "/", safe="")}">Sign out</a>"""


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=urlsplit(APP).port or 3000)
