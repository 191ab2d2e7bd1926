"""What people look at now and then: the credential report, and reminders of what ends soon or is not used."""
