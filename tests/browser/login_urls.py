"""The suite's URLs, and a small page that logs in as a single-page application does: by fetch, with the access token in memory only."""

from django.http import HttpRequest, HttpResponse
from django.urls import path

from tests import urls

PAGE = """<!doctype html><title>shop</title><meta name="referrer" content="same-origin">
<script>
const app = {
  access: null,
  async send(method, url, body, headers = {}) {
    const answer = await fetch(url, {
      method, headers: {"Content-Type": "application/json", ...headers}, body: body && JSON.stringify(body),
    });
    const text = await answer.text();
    return {status: answer.status, body: text ? JSON.parse(text) : null};
  },
  keep(answer) {
    if (answer.status === 200) app.access = answer.body.access_token;
    return answer;
  },
  csrf: () => ({"X-CSRFToken": (document.cookie.match(/csrftoken=([^;]+)/) || [])[1] || ""}),
  logIn: async (username, password) =>
    app.keep(await app.send("POST", "/access/token/", {username, password, delivery: "cookie"})),
  refresh: async () => app.keep(await app.send("POST", "/access/token/refresh/", {}, app.csrf())),
  logOut: async () => app.send("POST", "/access/token/revoke/", {}, app.csrf()),
  get: async url => app.send("GET", url, undefined, app.access ? {Authorization: `Bearer ${app.access}`} : {}),
};
</script>"""


def page(request: HttpRequest) -> HttpResponse:
    """The page."""
    return HttpResponse(PAGE)


urlpatterns = [path("shop/", page), *urls.urlpatterns]
