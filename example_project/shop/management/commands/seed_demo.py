"""`manage.py seed_demo`: books, orders, roles, people and one API key each, and two OAuth clients."""

import json
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction
from django.utils.crypto import salted_hmac

from django_apiaccess.contrib.oauth import client_secrets, clients
from django_apiaccess.contrib.oauth.models import OAuthClient
from django_apiaccess.events.source import Actor
from django_apiaccess.keys import service as keys
from django_apiaccess.models import APIKey, Role, ServiceAccount
from django_apiaccess.roles import service as roles
from shop.models import Book, Order

BOOKS = [
    ("9780141439518", "Pride and Prejudice", "Jane Austen", "9.50"),
    ("9780142437247", "Moby-Dick", "Herman Melville", "14.00"),
    ("9780141439471", "Frankenstein", "Mary Shelley", "8.00"),
    ("9780140449266", "The Count of Monte Cristo", "Alexandre Dumas", "16.50"),
    ("9780141441146", "Jane Eyre", "Charlotte Brontë", "9.00"),
    ("9780140449136", "Crime and Punishment", "Fyodor Dostoevsky", "12.00"),
]
ORDERS = [
    (0, 2, "placed"),
    (1, 1, "shipped"),
    (2, 5, "placed"),
    (3, 1, "shipped"),
    (5, 3, "placed"),
]  # book, copies, status
ROLES: list[dict[str, Any]] = [
    {"name": "support", "description": "Answers customers", "scopes": ["orders:read"], "parents": []},
    {"name": "fulfilment", "description": "Packs and sends", "scopes": ["orders:write"], "parents": ["support"]},
    {
        "name": "manager",
        "description": "Runs the shop",
        "scopes": ["orders:refund", "reports:read"],
        "parents": ["fulfilment"],
    },
]
PEOPLE = {"admin": None, "mara": "manager", "finn": "fulfilment", "sue": "support"}  # name: role
SERVICE_ACCOUNT = "warehouse"
WEB = "bookshop-web"
KEY_NAME = "demo"


def password_of(name: str) -> str:
    """The demo password: the same at each run, and nobody's guess where SECRET_KEY is a real one."""
    return f"{name}-{salted_hmac('shop.seed_demo', name, algorithm='sha256').hexdigest()[:16]}"


class Command(BaseCommand):
    """Fill the shop for a demonstration."""

    help = (
        "Creates the demo's books, orders, roles, people and service account, and prints passwords and one new API key "
        "each; the keys of the run before are revoked. Can be run again and again. "
        "Example: python example_project/manage.py seed_demo --format json"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """`--format`."""
        parser.add_argument("--format", choices=["table", "json"], default="table", help="table (the default) or json")

    def handle(self, *args: Any, **options: Any) -> None:
        """Seed, then print."""
        self.by = Actor.command("seed_demo")
        with transaction.atomic():
            seeded = self.seed()
        if options["format"] == "json":
            self.stdout.write(json.dumps(seeded, indent=2))
        else:
            self.stdout.write(self.table(seeded))

    def seed(self) -> dict[str, dict[str, dict[str, str]]]:
        """Everything, in the order in which it depends on each other."""
        self.seed_shop()
        for role in ROLES:
            roles.save_role(**role, by=self.by)
        users = {name: self.person(name, role) for name, role in PEOPLE.items()}
        warehouse = self.service_account(owner=users["mara"])
        return {
            "people": {
                name: {"password": password_of(name), "key": self.new_key(user)} for name, user in users.items()
            },
            "service_accounts": {SERVICE_ACCOUNT: {"key": self.new_key(warehouse)}},
            "oauth_clients": {WEB: self.web(users["mara"]), SERVICE_ACCOUNT: self.robot(users["mara"], warehouse)},
        }

    @staticmethod
    def seed_shop() -> None:
        """Books, and orders where there are none."""
        books = [
            Book.objects.get_or_create(isbn=isbn, defaults={"title": title, "author": author, "price": price})[0]
            for isbn, title, author, price in BOOKS
        ]
        if not Order.objects.exists():
            for index, quantity, status in ORDERS:
                Order.objects.create(book=books[index], quantity=quantity, status=status)

    def person(self, name: str, role: str | None) -> User:
        """A user with a password and a role; without a role, a superuser."""
        user, _created = get_user_model().objects.get_or_create(username=name)
        user.email = f"{name}@bookshop.example"
        user.is_active = True
        user.is_staff = user.is_superuser = role is None
        if not user.check_password(password_of(name)):
            user.set_password(password_of(name))
        user.save()
        if role is not None:
            self.give(user, role)
        return user

    def service_account(self, owner: User) -> User:
        """The warehouse's account, which packs and sends."""
        account = ServiceAccount.objects.filter(name=SERVICE_ACCOUNT).first()
        if account is None:
            account = keys.create_service_account(
                name=SERVICE_ACCOUNT, owner=owner, purpose="Prints packing lists and marks orders as sent", by=self.by
            )
        self.give(account.user, "fulfilment")
        return account.user

    def web(self, owner: User) -> dict[str, str]:
        """A public client: an app on a person's machine, or a page's script. It has no secret."""
        client = OAuthClient.objects.filter(name=WEB).first()
        if client is None:
            client = clients.create(
                by=self.by,
                name=WEB,
                description="Orders and reports of the bookshop",
                owner=owner,
                auth_method="none",
                redirect_uris=["http://127.0.0.1/callback", "http://localhost:8765/callback"],
                grant_types=["authorization_code", "refresh_token", "device_code"],
                scopes=["orders:read", "orders:write", "reports:read", "openid", "profile", "email", "offline_access"],
                default_scopes=["orders:read"],
            ).client
        return {"client_id": client.client_id}

    def robot(self, owner: User, account: User) -> dict[str, str]:
        """A client that speaks for the warehouse's service account; with a new secret at each run, as the keys."""
        client = OAuthClient.objects.filter(name=SERVICE_ACCOUNT).first()
        if client is None:
            made = clients.create(
                by=self.by,
                name=SERVICE_ACCOUNT,
                owner=owner,
                grant_types=["client_credentials"],
                scopes=["orders:write"],
                service_account=ServiceAccount.objects.get(user=account),
            )
            return {"client_id": made.client.client_id, "client_secret": made.secret}
        text, _until = client_secrets.rotate(client, by=self.by, grace=timedelta(0), reason="seed_demo ran again")
        return {"client_id": client.client_id, "client_secret": text}

    def give(self, user: User, role: str) -> None:
        """The role, on everything, for ever."""
        roles.grant(user=user, role=Role.objects.get(name=role), reason="demo", by=self.by)

    def new_key(self, user: User) -> str:
        """A key with all that its principal holds; the one of the run before stops working."""
        keys.revoke(APIKey.objects.filter(principal=user, name=KEY_NAME), reason="seed_demo ran again", by=self.by)
        scopes = sorted(roles.held_scopes(user))
        return keys.issue(principal=user, name=KEY_NAME, scopes=scopes, by=self.by).text

    @staticmethod
    def table(seeded: dict[str, dict[str, dict[str, str]]]) -> str:
        """A table for people."""
        rows = [("who", "what", "password", "API key")]
        rows += [
            (name, PEOPLE[name] or "superuser", made["password"], made["key"])
            for name, made in seeded["people"].items()
        ]
        rows += [(name, "service account", "-", made["key"]) for name, made in seeded["service_accounts"].items()]
        rows += [
            (name, "OAuth client", made["client_id"], made.get("client_secret", "-"))
            for name, made in seeded["oauth_clients"].items()
        ]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
        )
