"""Other classes for rows that the package watches."""
