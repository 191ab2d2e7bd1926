"""Beside django-oauth-toolkit (DOT): its living access tokens accepted read-only, its unsafe settings named, its clients taken over.

The one package that imports `oauth2_provider`, and only when it is used: without DOT installed everything else works.
"""
