"""The page of `login_urls`, which logs in by fetch, with passkeys too; and a view that wants a fresh phishing-resistant log-in."""

from django.http import HttpRequest, HttpResponse
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from django_apiaccess import HasMFA, HasScope
from tests import urls
from tests.browser.login_urls import PAGE

PASSKEYS = """<script>
app.passkey = async (kind, options, more = {}) => {
  const parse = kind === "create" ? "parseCreationOptionsFromJSON" : "parseRequestOptionsFromJSON";
  try {
    const made = await navigator.credentials[kind]({publicKey: PublicKeyCredential[parse](options), ...more});
    return made.toJSON();
  } catch (error) { return {error: error.name}; }
};
app.post = (url, body, token) =>
  app.send("POST", `/access/${url}`, body, token ? {Authorization: `Bearer ${token}`} : {});
app.open = token => app.send("GET", "/vault/", undefined, {Authorization: `Bearer ${token}`});
app.challenged = async token => {
  const answer = await fetch("/vault/", {headers: {Authorization: `Bearer ${token}`}});
  return answer.headers.get("WWW-Authenticate");
};
</script>"""


class Vault(APIView):
    """Opens for a passkey of the last five minutes."""

    access = HasScope("docs:read") & HasMFA(acr="phr", max_age=300)

    def get(self, request: Request) -> Response:
        """What is in it."""
        return Response({"gold": True})


def page(request: HttpRequest) -> HttpResponse:
    """The page."""
    return HttpResponse(PAGE + PASSKEYS)


urlpatterns = [path("shop/", page), path("vault/", Vault.as_view()), *urls.urlpatterns]
