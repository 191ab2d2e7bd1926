"""What the admin pages of every feature share: the base class, the widgets, the small pieces of HTML. Knows no feature."""
