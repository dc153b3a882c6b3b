"""User models of projects' own: one signs in by e-mail and lacks columns of the stock model, one has UUIDs for ids. Both
have columns that the stock model does not know.
"""

import uuid

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models


class UserManager(BaseUserManager):
    def create_user(self, password=None, **fields):
        user = self.model(**fields)
        user.set_password(password)
        user.save()
        return user


class OwnColumns(AbstractBaseUser):
    email = models.EmailField(unique=True)
    is_active = models.BooleanField(default=True)
    phone = models.CharField(max_length=20, blank=True)
    birth_date = models.DateField(null=True)
    seats = models.IntegerField(default=0)
    homepage = models.CharField(max_length=200, null=True)
    newsletter = models.BooleanField(null=True)
    internal_note = models.TextField(blank=True)

    objects = UserManager()

    class Meta:
        abstract = True


class User(OwnColumns):
    USERNAME_FIELD = "email"


class Member(OwnColumns):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    username = models.CharField(max_length=150, unique=True)
    first_name = models.CharField(max_length=150, blank=True)
    last_name = models.CharField(max_length=150, blank=True)

    USERNAME_FIELD = "username"

    class Meta:
        db_table = "Members"
