from django.db import models
from oauth2_provider import models as theirs


class Application(theirs.AbstractApplication):
    is_active = models.BooleanField(default=True)


class Grant(theirs.AbstractGrant):
    pass


class AccessToken(theirs.AbstractAccessToken):
    note = models.CharField(max_length=20, blank=True)


class RefreshToken(theirs.AbstractRefreshToken):
    pass


class IDToken(theirs.AbstractIDToken):
    pass


class DeviceGrant(theirs.AbstractDeviceGrant):
    pass
