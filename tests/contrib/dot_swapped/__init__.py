"""An app that brings its own models for all that django-oauth-toolkit lets a project swap."""
