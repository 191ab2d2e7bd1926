"""The admin pages of every feature, at the place where Django looks. One line a feature."""

from .access import admin as access
from .access import admin_dashboard as dashboard
from .events import admin as events
from .keys import admin as keys
from .login import admin as login
from .mfa import admin as mfa
from .reviews import admin as reviews
from .roles import admin as roles
from .tokens import admin as tokens

__all__ = ["access", "dashboard", "events", "keys", "login", "mfa", "reviews", "roles", "tokens"]
