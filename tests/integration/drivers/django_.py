"""Django: ORM, transactions, its server-side cursors (WITH HOLD in autocommit)."""

import sys

import django
from django.conf import settings
from matrix import Where, attempt, main

WHERE = Where(sys.argv)
settings.configure(
    USE_TZ=True, TIME_ZONE="Europe/Paris", INSTALLED_APPS=[],
    DATABASES={"default": {
        "ENGINE": "django.db.backends.postgresql", "HOST": "127.0.0.1",
        "PORT": WHERE.port, "USER": WHERE.user, "PASSWORD": WHERE.password,
        "NAME": WHERE.database, "CONN_MAX_AGE": None}})
django.setup()

from django.db import IntegrityError, connection, models, transaction  # noqa: E402


def model(s: str):
    class Thing(models.Model):
        name = models.CharField(max_length=50, unique=True)
        amount = models.IntegerField(default=0)
        at = models.DateTimeField(null=True)
        more = models.JSONField(null=True)

        class Meta:
            app_label = "matrix"
            db_table = f'"{s}"."thing"'

    return Thing


def work(where, worker: int, s: str):
    thing = model(s)

    def schema():
        with connection.cursor() as cursor:
            cursor.execute(f"drop schema if exists {s} cascade")
            cursor.execute(f"create schema {s}")
            cursor.execute(
                f"create table {s}.thing (id serial primary key, name varchar(50) "
                "unique, amount int not null, at timestamptz, more jsonb)")
        return "made"

    def orm():
        thing.objects.bulk_create(
            [thing(name=f"thing {n}", amount=n, more={"n": n}) for n in range(300)])
        one = thing.objects.get(name="thing 7")
        one.amount = 70
        one.save()
        return (thing.objects.filter(amount__gte=50).count(),
                thing.objects.aggregate(models.Sum("amount")),
                thing.objects.filter(more__n=5).values_list("name", flat=True)[0])

    def atomic():
        with transaction.atomic():
            thing.objects.create(name="kept")
            try:
                with transaction.atomic():
                    thing.objects.create(name="kept")
            except IntegrityError:
                pass
        try:
            with transaction.atomic():
                thing.objects.create(name="lost")
                raise ZeroDivisionError
        except ZeroDivisionError:
            pass
        return list(thing.objects.filter(name__in=["kept", "lost"])
                    .values_list("name", flat=True))

    def iterator():
        """A named cursor WITH HOLD, since nothing else is open."""
        rows = thing.objects.order_by("id").iterator(chunk_size=40)
        first = next(rows).name
        middle = thing.objects.count()
        return first, middle, sum(1 for _ in rows)

    def iterator_in_transaction():
        with transaction.atomic():
            return sum(1 for _ in thing.objects.iterator(chunk_size=40))

    def select_for_update():
        with transaction.atomic():
            one = thing.objects.select_for_update().get(name="thing 3")
            one.amount += 1
            one.save()
        return thing.objects.get(name="thing 3").amount

    def time_zone():
        """Django sets the session's to its own when it connects."""
        with connection.cursor() as cursor:
            got = []
            for _ in range(3):
                cursor.execute("show timezone")
                got.append(cursor.fetchone()[0])
            return got

    def after_errors():
        got = []
        for _ in range(3):
            try:
                thing.objects.create(name="thing 1")
            except IntegrityError as why:
                got.append(why.__cause__.pgcode)
            got.append(thing.objects.filter(name="thing 1").count())
        return got

    for feature in (schema, orm, atomic, iterator, iterator_in_transaction,
                    select_for_update, time_zone, after_errors):
        attempt(worker, feature.__name__, feature)
    connection.close()
    return "good"


main(work)
