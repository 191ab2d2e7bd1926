"""An OAuth 2 authorization server and OpenID provider on the app's own sessions, keys and roles: an app of its own, with its own tables.

Add `django_apiaccess.contrib.oauth` to INSTALLED_APPS, and `path("oauth/", include("django_apiaccess.contrib.oauth.urls"))`. Needs Authlib
(`django-apiaccess[oauth]`), which is imported in `server.py` only.

Where what is: `models` and the services beside it (`clients`, `codes`, `consents`, `devices`, `pushed`, `exchange`) know no HTTP; `server`
is the protocol, on Authlib; `views`, `authorize`, `device_page`, `userinfo` are the endpoints; `metadata` says what is accepted.
"""
